/**
 * A bridge's forwarding database: MAC address to port (Linux net/bridge/br_fdb.c). Learned entries age, local ones
 * (the ports' own addresses and the bridge's) do not. Ageing is looked at when an entry is used, so no timer runs.
 *
 * Not modelled: VLANs, sticky and offloaded entries; the kernel's collection of dead entries is only a matter of memory.
 */

import type { Clock } from "../sim/clock.ts";
import { MacTable } from "./mac-table.ts";

/** Linux' default, and Docker's. Nanoseconds. */
export const AGEING_TIME = 300_000_000_000;

export interface FdbEntry {
  /** The port's number in the bridge. */
  port: number;
  /** A port's or the bridge's own address: what is for it goes up (BR_FDB_LOCAL). Local ones are static, too. */
  readonly isLocal: boolean;
  /** Does not age (BR_FDB_STATIC). */
  readonly isStatic: boolean;
  /** When the address was last seen as a source, in nanoseconds. */
  updatedAt: number;
}

export class Fdb {
  readonly ageingTime: number;
  readonly #entries: MacTable<FdbEntry> = new MacTable();

  constructor(ageingTime: number = AGEING_TIME) {
    this.ageingTime = ageingTime;
  }

  /** A frame from `mac` came in on `port` (br_fdb_update). True if that is news: a new address, or one that moved. */
  learn(mac: number, port: number, now: number): boolean {
    const entry = this.#entries.get(mac);
    if (entry === undefined) {
      this.#entries.set(mac, { port, isLocal: false, isStatic: false, updatedAt: now });
      return true;
    }
    // "received packet with own address as source address": the kernel warns and learns nothing.
    if (entry.isLocal) return false;
    const isNews = entry.port !== port || this.#hasExpired(entry, now);
    entry.port = port;
    entry.updatedAt = now;
    return isNews;
  }

  /** {@link learn} of an address' two halves (mac-table.ts). */
  learnHalves(high: number, low: number, port: number, clock: Clock): boolean {
    const entry = this.#entries.at(high, low);
    if (entry === undefined) return this.learn(high * 0x100000000 + (low >>> 0), port, clock.now);
    if (entry.isLocal) return false;
    const isNews = entry.port !== port || (!entry.isStatic && clock.now - entry.updatedAt >= this.ageingTime);
    entry.port = port;
    entry.updatedAt = clock.now;
    return isNews;
  }

  /** A port's or the bridge's own address; of several with the same one, the first (br_fdb_add_local). */
  addLocal(mac: number, port: number, now: number): void {
    if (this.#entries.get(mac)?.isLocal === true) return;
    this.#entries.set(mac, { port, isLocal: true, isStatic: true, updatedAt: now });
  }

  /** The bridge's own address is another one. */
  deleteLocal(mac: number, port: number): void {
    const entry = this.#entries.get(mac);
    if (entry?.isLocal === true && entry.port === port) this.#entries.delete(mac);
  }

  /** `bridge fdb add MAC dev PORT master static`: somebody who is known to be there (fdb_add_entry). */
  addStatic(mac: number, port: number, now: number): void {
    this.#entries.set(mac, { port, isLocal: false, isStatic: true, updatedAt: now });
  }

  /** A port is gone, and all that was known of it (br_fdb_delete_by_port). */
  deletePort(port: number): void {
    for (const [mac, entry] of this.#entries.entries()) {
      if (entry.port === port) this.#entries.delete(mac);
    }
  }

  /** `bridge fdb del MAC dev PORT master`. False if it is not there. */
  delete(mac: number): boolean {
    return this.#entries.delete(mac);
  }

  /** Every entry with its address, dead ones too. */
  entries(): readonly (readonly [number, FdbEntry])[] {
    return this.#entries.entries();
  }

  /** The live entry of an address, or undefined: unknown, or not seen for the ageing time (br_fdb_find_rcu). */
  find(mac: number, now: number): FdbEntry | undefined {
    const entry = this.#entries.get(mac);
    return entry === undefined || this.#hasExpired(entry, now) ? undefined : entry;
  }

  /** {@link find} of an address' two halves. */
  findHalves(high: number, low: number, clock: Clock): FdbEntry | undefined {
    const entry = this.#entries.at(high, low);
    const isDead = entry !== undefined && !entry.isStatic && clock.now - entry.updatedAt >= this.ageingTime;
    return isDead ? undefined : entry;
  }

  /** Linux has_expired. */
  #hasExpired(entry: FdbEntry, now: number): boolean {
    return !entry.isStatic && now - entry.updatedAt >= this.ageingTime;
  }
}
