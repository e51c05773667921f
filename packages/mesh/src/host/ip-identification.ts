/**
 * The IPv4 identification of packets without a connection: counters chosen by a hash of the flow, each moved on by a
 * random amount that grows with the time since its last use (Linux net/ipv4/route.c, ip_idents_reserve). A kernel has
 * one table of them; each namespace chooses by a key of its own.
 */
import type { Clock } from "../sim/clock.ts";
import type { Random } from "../sim/random.ts";

const BUCKETS = 2048;
/** The kernel counts time in jiffies; 250 Hz. */
const JIFFY = 4_000_000;

export class IpIdentification {
  readonly #random: Random;
  readonly #counters: Uint16Array = new Uint16Array(BUCKETS);
  readonly #usedAt: Float64Array = new Float64Array(BUCKETS);

  constructor(random: Random) {
    this.#random = random;
    for (let index = 0; index < BUCKETS; index++) this.#counters[index] = random.int32();
  }

  /** `key` is the namespace's. `count`: how many packets in a row will have one. */
  next(srcIp: number, dstIp: number, protocol: number, key: number, { now }: Clock, count: number = 1): number {
    let hash = Math.imul(srcIp ^ key, 0x9e3779b1) ^ Math.imul(dstIp + protocol, 0x85ebca77);
    hash ^= hash >>> 15;
    const bucket = hash & (BUCKETS - 1);
    const jiffies = Math.floor((now - this.#usedAt[bucket]!) / JIFFY);
    this.#usedAt[bucket] = now;
    const skipped = jiffies > 1 ? this.#random.below(jiffies) : 0;
    const first = (this.#counters[bucket]! + 1 + skipped) & 0xffff;
    this.#counters[bucket] = first + count - 1;
    return first;
  }
}
