import { formatIpv4, parseIpv4 } from "@hopscope/codec/address";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  addressAt,
  contains,
  formatCidr,
  isHost,
  isNetwork,
  networkOf,
  offsetOf,
  overlap,
  parseCidr,
  sizeOf,
} from "../../src/swarm/cidr.ts";
import { maskOf } from "../../src/tables/route.ts";

const cidr = (text: string): NonNullable<ReturnType<typeof parseCidr>> => parseCidr(text)!;
const ip = (text: string): number => parseIpv4(text)!;
const anyCidr = fc
  .tuple(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), fc.integer({ min: 0, max: 32 }))
  .map(([address, prefixLength]) => ({ address, prefixLength }));

test.each([
  "10.0.9.0",
  "10.0.9.0/",
  "10.0.9.0/33",
  "10.0.9.0/24/1",
  "10.0.9/24",
  "10.0.9.0/024",
  "10.0.9.0/-1",
  "/24",
  "",
])("%j is no network", (text) => expect(parseCidr(text)).toBeUndefined());

test("written and read back", () => {
  fc.assert(
    fc.property(anyCidr, (found) => {
      expect(parseCidr(formatCidr(found))).toEqual(found);
    }),
  );
});

test("masks", () => {
  expect([0, 1, 8, 24, 31, 32].map((length) => formatIpv4(maskOf(length)))).toEqual([
    "0.0.0.0",
    "128.0.0.0",
    "255.0.0.0",
    "255.255.255.0",
    "255.255.255.254",
    "255.255.255.255",
  ]);
});

test("what lies in a network, also above 127.255.255.255", () => {
  expect(contains(cidr("192.168.77.0/24"), ip("192.168.77.255"))).toBe(true);
  expect(contains(cidr("192.168.77.0/24"), ip("192.168.78.0"))).toBe(false);
  expect(contains(cidr("0.0.0.0/0"), ip("255.255.255.255"))).toBe(true);
  expect(contains(cidr("10.0.0.1/32"), ip("10.0.0.1"))).toBe(true);
  expect(formatIpv4(addressAt(cidr("192.168.77.0/24"), 11))).toBe("192.168.77.11");
  expect(formatIpv4(addressAt(cidr("127.0.0.0/8"), 2 ** 24))).toBe("128.0.0.0");
  expect(offsetOf(cidr("128.0.0.0/1"), ip("255.255.255.255"))).toBe(2 ** 31 - 1);
  expect(sizeOf(cidr("10.0.0.0/8"))).toBe(2 ** 24);
});

test("hosts are neither the first nor the last address", () => {
  const network = cidr("10.0.9.0/30");
  expect([0, 1, 2, 3, 4].map((offset) => isHost(network, addressAt(network, offset)))).toEqual([
    false,
    true,
    true,
    false,
    false,
  ]);
});

test("networks overlap if and only if they share an address", () => {
  const small = fc
    .tuple(fc.nat(63), fc.integer({ min: 26, max: 32 }))
    .map(([low, prefixLength]) => networkOf({ address: ip("10.0.0.0") | low, prefixLength }));
  fc.assert(
    fc.property(small, small, (a, b) => {
      const shared = Array.from({ length: 64 }, (_, offset) => ip("10.0.0.0") + offset).some(
        (address) => contains(a, address) && contains(b, address),
      );
      expect(overlap(a, b)).toBe(shared);
    }),
  );
});

test("the network of an address has no host bits", () => {
  fc.assert(
    fc.property(anyCidr, (found) => {
      const network = networkOf(found);
      expect(isNetwork(network)).toBe(true);
      expect(contains(network, found.address)).toBe(true);
    }),
  );
});
