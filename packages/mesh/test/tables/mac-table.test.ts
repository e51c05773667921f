import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { highOf, MacTable } from "../../src/tables/mac-table.ts";

// Few addresses, so that they meet, and some that differ in one half only.
const mac = fc.oneof(
  fc.integer({ min: 0, max: 20 }),
  fc.integer({ min: 0, max: 20 }).map((high) => high * 0x100000000),
  fc.integer({ min: 0, max: 0xffffffffffff }),
);
const change = fc.record({ mac, value: fc.option(fc.nat(), { nil: undefined }) });

describe("MacTable", () => {
  it("holds what a Map holds, in its order", () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 200 }), (changes) => {
        const table = new MacTable<number>();
        const map = new Map<number, number>();
        for (const { mac: address, value } of changes) {
          if (value === undefined) expect(table.delete(address)).toBe(map.delete(address));
          else {
            table.set(address, value);
            map.set(address, value);
          }
        }
        expect(table.size).toBe(map.size);
        expect(table.entries()).toEqual([...map]);
        for (const { mac: address } of changes) {
          expect(table.get(address)).toBe(map.get(address));
          expect(table.at(highOf(address), address | 0)).toBe(map.get(address));
        }
      }),
    );
  });
});
