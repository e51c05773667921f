import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Chance } from "../../src/sim/chance.ts";

function ascending(a: number, b: number): number {
  return a - b;
}

describe("chance", () => {
  it("gives an order of the same addresses, the same for the same seed", () => {
    fc.assert(
      fc.property(fc.integer(), fc.uniqueArray(fc.integer(), { maxLength: 8 }), (seed, addresses) => {
        const order = new Chance(seed).order("rr", addresses);
        expect(order.toSorted(ascending)).toEqual(addresses.toSorted(ascending));
        expect(new Chance(seed).order("rr", addresses)).toEqual(order);
      }),
    );
  });

  it("puts every address first about as often", () => {
    const chance = new Chance(1);
    const first = [0, 0, 0];
    for (let query = 0; query < 3000; query++) first[chance.order("rr", [0, 1, 2])[0]!]!++;
    for (const count of first) expect(Math.abs(count - 1000)).toBeLessThan(100);
  });

  it("follows pins, a name for itself; the last one stays", () => {
    const pins = {
      addressOrders: new Map([
        [
          "rr",
          [
            [3, 1, 2],
            [2, 9],
          ],
        ],
      ]),
      lookupGaps: ["answered", 250_000] as const,
    };
    const chance = new Chance(1, pins);
    expect(chance.order("other", [1, 2, 3]).toSorted(ascending)).toEqual([1, 2, 3]);
    expect(chance.order("rr", [1, 2, 3])).toEqual([3, 1, 2]);
    // 9 is gone.
    for (let query = 0; query < 10; query++) expect(chance.order("rr", [1, 2, 3])[0]).toBe(2);
    expect(chance.order("rr", [1, 2, 3]).toSorted(ascending)).toEqual([1, 2, 3]);
  });
});
