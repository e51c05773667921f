/** `encode` of every protocol refuses a value that its field cannot hold, and says which; it never writes another one. */
import { describe, expect, it } from "vitest";
import * as arp from "../src/arp.ts";
import * as esp from "../src/esp.ts";
import { requireBits, requireWord } from "../src/encode.ts";
import * as ethernet from "../src/ethernet.ts";
import type { Field } from "../src/field.ts";
import * as icmp from "../src/icmp.ts";
import * as icmpv6 from "../src/icmpv6.ts";
import * as igmp from "../src/igmp.ts";
import * as ipv4 from "../src/ipv4.ts";
import * as ipv6 from "../src/ipv6.ts";
import * as linuxSll from "../src/linux-sll.ts";
import * as linuxSll2 from "../src/linux-sll2.ts";
import type { Result } from "../src/result.ts";
import * as tcp from "../src/tcp.ts";
import * as udp from "../src/udp.ts";
import * as vlan from "../src/vlan.ts";
import * as vxlan from "../src/vxlan.ts";
import { bytesOf } from "./hex.ts";

interface Module {
  readonly layout: readonly Field[];
  decode(bytes: Uint8Array): Result<unknown>;
  encode(value: never, payload: Uint8Array, options: object): Uint8Array;
}

/** A header of each, as short as it can be. */
const HEADERS: readonly (readonly [string, Module, string])[] = [
  ["arp", arp, `0001 0800 06 04 0001 ${"00".repeat(20)}`],
  ["esp", esp, "00".repeat(8)],
  ["ethernet", ethernet, `${"00".repeat(12)} 0800`],
  ["icmp", icmp, "08 00 0000 0000 0000"],
  ["icmpv6", icmpv6, "80 00 0000 0000 0000"],
  ["igmp", igmp, "16 00 0000 00000000"],
  ["ipv4", ipv4, `45 00 0014 ${"00".repeat(16)}`],
  ["ipv6", ipv6, `60 ${"00".repeat(39)}`],
  ["linux-sll", linuxSll, "00".repeat(16)],
  ["linux-sll2", linuxSll2, "00".repeat(20)],
  ["tcp", tcp, `${"00".repeat(12)} 50 ${"00".repeat(7)}`],
  ["udp", udp, "0000 0000 0008 0000"],
  ["vlan", vlan, "0000 0800"],
  ["vxlan", vxlan, "08 000000 000000 00"],
];

describe.each(HEADERS)("%s", (_, module, header) => {
  const decoded = module.decode(bytesOf(header));
  if (!decoded.ok) throw new Error(decoded.error.message);
  const value = decoded.value as Readonly<Record<string, unknown>>;
  const numbers = module.layout.filter(({ name, bits }) => typeof value[name] === "number" && bits <= 48);

  it("has fields that hold numbers", () => {
    expect(numbers.length).toBeGreaterThan(1);
  });

  it.each(numbers.map((row) => [row.name, row.bits] as const))("%s of %i bits", (name, bits) => {
    const options = { lengths: "keep", checksums: "keep" };
    for (const bad of [2 ** bits, -(2 ** bits), 0.5, Number.NaN]) {
      const encode = (): unknown => module.encode({ ...value, [name]: bad } as never, new Uint8Array(), options);
      expect(encode, String(bad)).toThrow(RangeError);
      expect(encode).toThrow(String(bad));
    }
  });
});

it("words are int32 or uint32", () => {
  for (const good of [0, 1, -1, 2 ** 31, -(2 ** 31), 2 ** 32 - 1]) expect(() => requireWord("ip", good)).not.toThrow();
  for (const bad of [2 ** 32, -(2 ** 31) - 1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])
    expect(() => requireWord("ip", bad)).toThrow(`ip is ${bad}, expected an integer from -2147483648 to 4294967295`);
  expect(() => requireBits("vni", 2 ** 24, 24)).toThrow("vni is 16777216, expected an integer from 0 to 16777215");
});
