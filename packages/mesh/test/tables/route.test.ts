import * as fc from "fast-check";
import { expect, test } from "vitest";
import { maskOf, type Route, RouteTable, RouteType } from "../../src/tables/route.ts";

const route = (destination: number, prefixLength: number, device: number): Route => ({
  type: RouteType.unicast,
  destination: destination & maskOf(prefixLength),
  prefixLength,
  via: undefined,
  device,
  source: 0,
});

test("the longest prefix wins, whatever the order of adding", () => {
  const routes = fc.array(fc.tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 8 })), {
    maxLength: 12,
  });
  fc.assert(
    fc.property(routes, fc.integer({ min: 0, max: 255 }), (list, address) => {
      const table = new RouteTable();
      // Eight-bit networks in the top byte: many of them overlap.
      const all = list.map(([network, length], device) => route(network << 24, length, device));
      for (const each of all) table.add(each);
      const ip = address << 24;
      const matching = all.filter((each) => (ip & maskOf(each.prefixLength)) === each.destination);
      const best = Math.max(-1, ...matching.map((each) => each.prefixLength));
      expect(table.find(ip)).toBe(matching.find((each) => each.prefixLength === best));
    }),
  );
});

test("a default route matches what nothing else does; without one there is none", () => {
  const table = new RouteTable();
  table.add(route(0x0a000900, 24, 2));
  expect(table.find(0x08080808)).toBeUndefined();
  table.add(route(0, 0, 3));
  expect(table.find(0x08080808)?.device).toBe(3);
  expect(table.find(0x0a000905)?.device).toBe(2);
});
