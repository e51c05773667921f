/**
 * The endpoints of one overlay network as gossip spreads them (libnetwork drivers/overlay/peerdb.go): address, MAC and
 * the VTEP of the node that holds each. Every node reads the same table, leaving out its own endpoints and what it has
 * not heard of yet, instead of keeping a copy: a thousand nodes with fifty tasks each would be fifty million entries.
 */

import type { Clock } from "../sim/clock.ts";
import { MacTable } from "./mac-table.ts";

/** When what the node `from` does at `time` is known at the node `to`; both are VTEPs. */
export type Spread = (time: number, from: number, to: number, record: number) => number;

/** An endpoint as another node sees it. */
export interface Peer {
  readonly ip: number;
  readonly mac: number;
  readonly vtep: number;
}

const ALWAYS = Number.NEGATIVE_INFINITY;
const NEVER = Number.POSITIVE_INFINITY;

export class PeerTable {
  readonly #spread: Spread;
  /** Nanoseconds after which everybody knows. */
  readonly #longest: number;
  readonly #ips: number[] = [];
  readonly #macs: number[] = [];
  readonly #vteps: number[] = [];
  readonly #since: number[] = [];
  readonly #until: number[] = [];
  readonly #byIp: Map<number, number> = new Map();
  readonly #byMac: MacTable<number> = new MacTable();

  /** Default: everybody knows everything at once. `longest`: nanoseconds after which everybody knows, if that is known. */
  constructor(spread: Spread = (time) => time, longest: number = Number.POSITIVE_INFINITY) {
    this.#spread = spread;
    this.#longest = longest;
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

  /** Its node has withdrawn it at `until`. Answers when the node with `vtep` hears of that, undefined: there is none. */
  remove(ip: number, vtep: number, until: number): ((vtep: number) => number) | undefined {
    const index = this.#byIp.get(ip);
    if (index === undefined || this.#vteps[index] !== vtep || this.#until[index] !== NEVER) return undefined;
    this.#until[index] = until;
    return (other) => this.#spread(until, vtep, other, index);
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
    const isOld = clock.now >= this.#since[index]! + this.#longest && this.#until[index] === NEVER;
    return isOld || this.#isKnown(index, ownVtep, clock.now) ? vtep : undefined;
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
    if (since !== ALWAYS && now < this.#spread(since, vtep, ownVtep, index)) return false;
    const until = this.#until[index]!;
    return until === NEVER || now < this.#spread(until, vtep, ownVtep, index);
  }
}
