/**
 * The endpoints of one overlay network as gossip spreads them (libnetwork drivers/overlay/peerdb.go): address, MAC and
 * the VTEP of the node that holds each. Every node reads the same table, leaving out its own endpoints and what it has
 * not heard of yet, instead of keeping a copy: a thousand nodes with fifty tasks each would be fifty million entries.
 */

import type { Clock } from "../sim/clock.ts";
import { MacTable } from "./mac-table.ts";

/** How records get around (../swarm/gossip.ts); nodes are told by their VTEPs. */
export interface PeerSpread {
  /** When what the node `from` does at `time` is known at the node `to`; Infinity: never. */
  arrival(time: number, from: number, to: number, record: number): number;
  /** `to` has forgotten all that `from` has made. */
  isLost(from: number, to: number, now: number): boolean;
  /** Everybody knows what was done at `time`. */
  hasSettled(time: number, now: number): boolean;
}

/** Everybody knows everything at once. */
const AT_ONCE: PeerSpread = { arrival: (time) => time, isLost: () => false, hasSettled: (time, now) => now >= time };

/** An endpoint as another node sees it. */
export interface Peer {
  readonly ip: number;
  readonly mac: number;
  readonly vtep: number;
}

const ALWAYS = Number.NEGATIVE_INFINITY;
const NEVER = Number.POSITIVE_INFINITY;

export class PeerTable {
  readonly #spread: PeerSpread;
  readonly #ips: number[] = [];
  readonly #macs: number[] = [];
  readonly #vteps: number[] = [];
  readonly #since: number[] = [];
  readonly #until: number[] = [];
  readonly #byIp: Map<number, number> = new Map();
  readonly #byMac: MacTable<number> = new MacTable();

  constructor(spread: PeerSpread = AT_ONCE) {
    this.#spread = spread;
  }

  /** `since`: when its node made it; by default it is known everywhere. */
  add(ip: number, mac: number, vtep: number, since: number = ALWAYS): void {
    const index = this.#macs.push(mac) - 1;
    this.#ips.push(ip);
    this.#vteps.push(vtep);
    this.#since.push(since);
    this.#until.push(NEVER);
    this.#byIp.set(ip, index);
    this.#byMac.set(mac, index);
  }

  /** Its node has withdrawn it at `until`. Answers its number, undefined: there is none. */
  remove(ip: number, vtep: number, until: number): number | undefined {
    const index = this.#byIp.get(ip);
    if (index === undefined || this.#vteps[index] !== vtep || this.#until[index] !== NEVER) return undefined;
    this.#until[index] = until;
    return index;
  }

  /** MAC of a remote endpoint's address: the permanent neighbor entry on `vxlan0` of a node with `ownVtep`. */
  macOf(ip: number, ownVtep: number, now: number = 0): number | undefined {
    const index = this.#byIp.get(ip);
    return index === undefined || !this.#isKnown(index, ownVtep, now) ? undefined : this.#macs[index]!;
  }

  /** VTEP of a remote endpoint's MAC: the permanent FDB entry on `vxlan0` of a node with `ownVtep`. */
  vtepOf(mac: number, ownVtep: number, now: number = 0): number | undefined {
    const index = this.#byMac.get(mac);
    return index === undefined || !this.#isKnown(index, ownVtep, now) ? undefined : this.#vteps[index]!;
  }

  /** {@link vtepOf} of an address' two halves (mac-table.ts). */
  vtepOfHalves(high: number, low: number, ownVtep: number, clock: Clock): number | undefined {
    const index = this.#byMac.at(high, low);
    if (index === undefined) return undefined;
    const vtep = this.#vteps[index]!;
    if (vtep === ownVtep) return undefined;
    // What everybody has known for long need not be asked for each packet.
    const isOld = this.#until[index] === NEVER && this.#spread.hasSettled(this.#since[index]!, clock.now);
    return isOld || this.#isKnown(index, ownVtep, clock.now) ? vtep : undefined;
  }

  /** MAC addresses of all that a node has ever had in the network. */
  *macsAt(vtep: number): Generator<number> {
    for (const [index, mac] of this.#macs.entries()) if (this.#vteps[index] === vtep) yield mac;
  }

  /** What the node with `ownVtep` has entries of, in the order in which they were made. */
  *entries(ownVtep: number, now: number = 0): Generator<Peer> {
    for (const [index, mac] of this.#macs.entries()) {
      const ip = this.#ips[index]!;
      if (this.#byIp.get(ip) === index && this.#isKnown(index, ownVtep, now))
        yield { ip, mac, vtep: this.#vteps[index]! };
    }
  }

  #isKnown(index: number, ownVtep: number, now: number): boolean {
    const vtep = this.#vteps[index]!;
    if (vtep === ownVtep) return false;
    const since = this.#since[index]!;
    if (since !== ALWAYS && now < this.#spread.arrival(since, vtep, ownVtep, index)) return false;
    const until = this.#until[index]!;
    if (until !== NEVER && now >= this.#spread.arrival(until, vtep, ownVtep, index)) return false;
    return !this.#spread.isLost(vtep, ownVtep, now);
  }
}
