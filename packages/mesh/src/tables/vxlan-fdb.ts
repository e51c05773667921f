/**
 * A vxlan device's FDB: MAC address to tunnel endpoint (Linux drivers/net/vxlan/vxlan_core.c). Permanent entries are
 * the network's peer records; others are learned from received packets and age.
 *
 * Not modelled: several destinations of one address, the all-zero default entry (Docker makes none), nexthop groups;
 * that the kernel looks for aged entries only every ten seconds (FDB_AGE_INTERVAL).
 */
import type { Clock } from "../sim/clock.ts";
import { AGEING_TIME } from "./fdb.ts";
import { MacTable } from "./mac-table.ts";
import type { PeerTable } from "./peer.ts";

interface LearnedEntry {
  vtep: number;
  /** When a packet last came from there. Sending there has refreshed an entry before Linux 6.15, and does no more. */
  updatedAt: number;
}

export class VxlanFdb {
  readonly #peers: PeerTable;
  readonly #ownVtep: number;
  readonly #learned: MacTable<LearnedEntry> = new MacTable();
  /** What is wrong on purpose: instead of the peer records' answer, another tunnel endpoint or none. */
  #wrong: Map<number, number | undefined> | undefined = undefined;

  constructor(peers: PeerTable, ownVtep: number) {
    this.#peers = peers;
    this.#ownVtep = ownVtep;
  }

  /** From now on the address is behind `vtep`, or nowhere, whatever gossip says. */
  mistake(mac: number, vtep: number | undefined): void {
    this.#learned.delete(mac);
    this.#wrong ??= new Map();
    this.#wrong.set(mac, vtep);
  }

  /** All is right again. */
  correct(): void {
    this.#wrong = undefined;
  }

  #permanent(mac: number, now: number): number | undefined {
    if (this.#wrong?.has(mac) === true) return this.#wrong.get(mac);
    return this.#peers.vtepOf(mac, this.#ownVtep, now);
  }

  /** Every live entry, in the order in which they came. */
  *entries(
    now: number,
  ): IterableIterator<{ readonly mac: number; readonly vtep: number; readonly isPermanent: boolean }> {
    for (const { mac } of this.#peers.entries(this.#ownVtep, now)) {
      const vtep = this.#permanent(mac, now);
      if (vtep !== undefined) yield { mac, vtep, isPermanent: true };
    }
    for (const [mac, { vtep, updatedAt }] of this.#learned.entries()) {
      if (now - updatedAt < AGEING_TIME && this.#permanent(mac, now) === undefined) {
        yield { mac, vtep, isPermanent: false };
      }
    }
  }

  /** What was learned of an address is forgotten (vxlan_fdb_delete). False if there was nothing. */
  delete(mac: number): boolean {
    return this.#learned.delete(mac);
  }

  /** Tunnel endpoint for an address, int32, or undefined: nowhere to send it (vxlan_find_mac). */
  find(mac: number, now: number): number | undefined {
    const permanent = this.#permanent(mac, now);
    if (permanent !== undefined) return permanent;
    const entry = this.#learned.get(mac);
    return entry === undefined || now - entry.updatedAt >= AGEING_TIME ? undefined : entry.vtep;
  }

  /**
   * A packet with this inner source came from `vtep`, which is learned (vxlan_snoop). False if a permanent entry says
   * another tunnel endpoint: the packet is to be dropped.
   */
  snoop(mac: number, vtep: number, now: number): boolean {
    const permanent = this.#permanent(mac, now);
    if (permanent !== undefined) return permanent === vtep;
    const entry = this.#learned.get(mac);
    if (entry === undefined) this.#learned.set(mac, { vtep, updatedAt: now });
    else {
      entry.vtep = vtep;
      entry.updatedAt = now;
    }
    return true;
  }

  /** {@link find} of an address' two halves (mac-table.ts). */
  findHalves(high: number, low: number, clock: Clock): number | undefined {
    const permanent = this.#permanentHalves(high, low, clock);
    if (permanent !== undefined) return permanent;
    const entry = this.#learned.at(high, low);
    return entry === undefined || clock.now - entry.updatedAt >= AGEING_TIME ? undefined : entry.vtep;
  }

  /** {@link snoop} of an address' two halves. */
  snoopHalves(high: number, low: number, vtep: number, clock: Clock): boolean {
    const permanent = this.#permanentHalves(high, low, clock);
    if (permanent !== undefined) return permanent === vtep;
    const entry = this.#learned.at(high, low);
    if (entry === undefined) return this.snoop(high * 0x100000000 + (low >>> 0), vtep, clock.now);
    entry.vtep = vtep;
    entry.updatedAt = clock.now;
    return true;
  }

  #permanentHalves(high: number, low: number, clock: Clock): number | undefined {
    if (this.#wrong !== undefined) return this.#permanent(high * 0x100000000 + (low >>> 0), clock.now);
    return this.#peers.vtepOfHalves(high, low, this.#ownVtep, clock);
  }
}
