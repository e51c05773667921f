/**
 * What chance decides while a run goes on and a scenario can pin: each decision comes from the seed, or from a list that
 * says how it was one day. How long programs take is not among it (pace.ts).
 */
import { Random } from "./random.ts";

export interface ChancePins {
  /** Orders in which a name's addresses (int32) are handed out, one a query; the last stays. */
  readonly addressOrders?: ReadonlyMap<string, readonly (readonly number[])[]>;
}

export class Chance {
  readonly #pins: ChancePins;
  readonly #random: Random;
  /** How many orders of a name have been used. */
  readonly #used: Map<string, number> = new Map();

  constructor(seed: number, pins: ChancePins = {}) {
    this.#pins = pins;
    this.#random = new Random(seed, "chance");
  }

  /** An order of `addresses`: all are as likely (libnetwork resolver.go, shuffleAddr: Fisher and Yates). */
  order(name: string, addresses: readonly number[]): readonly number[] {
    const used = this.#used.get(name) ?? 0;
    this.#used.set(name, used + 1);
    const orders = this.#pins.addressOrders?.get(name) ?? [];
    const pinned = orders[Math.min(used, orders.length - 1)];
    // A pin that names addresses which are not there (any more) orders the others.
    const first = (pinned ?? []).filter((address) => addresses.includes(address));
    if (first.length === addresses.length) return first;
    const rest = addresses.filter((address) => !first.includes(address));
    for (let last = rest.length - 1; last > 0; last--) {
      const other = this.#random.below(last + 1);
      [rest[last], rest[other]] = [rest[other]!, rest[last]!];
    }
    return [...first, ...rest];
  }
}
