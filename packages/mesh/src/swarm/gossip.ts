/**
 * How long a record takes from the node that makes it to another (libnetwork networkdb, gossip): every 200 ms a node tells
 * three others of the network what is new, and those go on telling. So many nodes know after so many rounds: 1, 4, 16 …
 *
 * Not modelled: lost messages, and the bulk synchronization every 30 s that makes up for them; nodes that are not members
 * of the network, which hear nothing and need nothing.
 */

/** Between two rounds of one node. */
export const ROUND = 200_000_000;
/** To how many nodes each tells a message in a round. */
const FAN_OUT = 3;
/** From the arrival of a message until its entries are set. */
const HANDLING = 2_000_000;

export class Gossip {
  readonly #seed: number;
  readonly #nodes: number;

  constructor(seed: number, nodes: number) {
    this.#seed = seed;
    this.#nodes = nodes;
  }

  /**
   * When node number `to` knows what node number `from` has made at `time`; `record` is the record's own number. Equal
   * arguments give equal times, so nothing need be kept for each node.
   */
  arrival(time: number, from: number, to: number, record: number): number {
    if (from === to) return time;
    const phase = this.#hash(from, 0) % ROUND;
    const untilRound = (((phase - time) % ROUND) + ROUND) % ROUND;
    return time + untilRound + (this.#round(from, to, record) - 1) * ROUND + HANDLING;
  }

  /** No node learns of it later than this. */
  settled(time: number): number {
    const rounds = Math.ceil(Math.log(Math.max(2, this.#nodes)) / Math.log(FAN_OUT + 1));
    return time + (rounds + 1) * ROUND + HANDLING;
  }

  /** The round in which the node hears of it, from 1. */
  #round(from: number, to: number, record: number): number {
    // The nodes in an order of the record's own, the origin first.
    const others = this.#nodes - 1;
    const position = to > from ? to - 1 : to;
    const rank = (position + (this.#hash(from, record) % others)) % others;
    let round = 1;
    for (let told = FAN_OUT; rank >= told; told = (told + 1) * (FAN_OUT + 1) - 1) round++;
    return round;
  }

  #hash(a: number, b: number): number {
    let hash = Math.imul(this.#seed ^ a, 0x9e3779b1) ^ Math.imul(b + 1, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39);
    return (hash ^ (hash >>> 15)) >>> 0;
  }
}
