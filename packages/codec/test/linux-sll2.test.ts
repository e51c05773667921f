import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EtherType } from "../src/code-points.ts";
import * as sll from "../src/linux-sll.ts";
import * as sll2 from "../src/linux-sll2.ts";
import { Status } from "../src/status.ts";
import { bytesOf, dirtyView, hexOf, hexOfView, viewOf } from "./hex.ts";
import {
  expectBytesSurvive,
  expectLayoutAgrees,
  expectPrefixesRefused,
  expectSettersAgree,
  expectValuesSurvive,
} from "./laws.ts";

/** A ping as seen on "any" of the host that is pinged: interface 2. */
const PING_IN = bytesOf("0800 0000 00000002 0001 00 06 02420a000903 0000 4500002c");
/** The ARP reply that this host sent before. */
const REPLY_OUT = bytesOf("0806 0000 00000002 0001 04 06 02420a000905 0000 00010800");

describe("a real header", () => {
  const view = viewOf(PING_IN);

  it("reads", () => {
    expect(sll2.check(view, 0, PING_IN.length)).toBe(Status.ok);
    expect(sll2.protocol(view, 0)).toBe(EtherType.ipv4);
    expect(sll2.etherType(view, 0)).toBe(EtherType.ipv4);
    expect(sll2.reserved(view, 0)).toBe(0);
    expect(sll2.interfaceIndex(view, 0)).toBe(2);
    expect(sll2.hardwareType(view, 0)).toBe(sll.ArpHardware.ethernet);
    expect(sll2.packetType(view, 0)).toBe(sll.PacketType.host);
    expect(sll2.addressLength(view, 0)).toBe(6);
    expect(sll2.srcMac(view, 0)).toBe(0x02420a000903);
    expect(sll2.addressRest(view, 0)).toBe(0);
    expect(sll2.payloadStart(view, 0)).toBe(20);
    expect(sll2.payloadEnd(view, 0, 24)).toBe(24);
  });

  it("is built from its parts in a dirty buffer", () => {
    const built = dirtyView(22);
    sll2.setProtocol(built, 1, EtherType.ipv4);
    sll2.setReserved(built, 1, 0);
    sll2.setInterfaceIndex(built, 1, 2);
    sll2.setHardwareType(built, 1, sll.ArpHardware.ethernet);
    sll2.setPacketType(built, 1, sll.PacketType.host);
    sll2.setAddressLength(built, 1, 6);
    sll2.setSrcMac(built, 1, 0x02420a000903);
    sll2.setAddressRest(built, 1, 0);
    expect(hexOfView(built)).toBe(`a5${hexOf(PING_IN.slice(0, 20))}a5`);
  });

  it("is what encode makes of the least it takes", () => {
    const init = { protocol: EtherType.ipv4, interfaceIndex: 2, srcMac: 0x02420a000903 };
    expect(hexOf(sll2.encode(init, PING_IN.slice(20)))).toBe(hexOf(PING_IN));
  });

  it("is refused in every prefix that does not hold it", () => {
    expectPrefixesRefused(sll2, PING_IN, sll2.HEADER_LENGTH);
    expect(sll2.decode(PING_IN.slice(0, 19))).toMatchObject({
      ok: false,
      error: { code: "truncated", layer: "linuxSll2", required: 20, available: 19 },
    });
  });

  it("formats who sent it to whom, and where", () => {
    expect(sll2.format(view, 0)).toBe("interface 2 in from 02:42:0a:00:09:03");
    expect(sll2.format(viewOf(REPLY_OUT), 0)).toBe("interface 2 out from 02:42:0a:00:09:05");
  });
});

it("has the protocols of v1: LLC is one, a netlink message has none", () => {
  const init = { interfaceIndex: 1, srcMac: 0 };
  expect(sll2.etherType(viewOf(sll2.encode({ ...init, protocol: sll.SllProtocol.llc })), 0)).toBe(4);
  const netlink = sll2.encode({ ...init, protocol: EtherType.ipv4, hardwareType: sll.ArpHardware.netlink });
  expect(sll2.etherType(viewOf(netlink), 0)).toBe(-1);
});

describe("laws", () => {
  it("layout, accessors and setters agree", () => {
    expectLayoutAgrees(sll2.layout, sll2);
    expectSettersAgree(sll2.layout, {
      protocol: sll2.setProtocol,
      reserved: sll2.setReserved,
      interfaceIndex: sll2.setInterfaceIndex,
      hardwareType: sll2.setHardwareType,
      packetType: sll2.setPacketType,
      addressLength: sll2.setAddressLength,
      srcMac: sll2.setSrcMac,
      addressRest: sll2.setAddressRest,
    });
  });

  it("bytes and values survive", () => {
    expectBytesSurvive(sll2, fc.uint8Array({ minLength: 20, maxLength: 40 }));
    const bits = (count: number) => fc.nat({ max: 2 ** count - 1 });
    const values = fc.record({
      protocol: bits(16),
      reserved: bits(16),
      interfaceIndex: bits(32),
      hardwareType: bits(16),
      packetType: bits(8),
      addressLength: bits(8),
      srcMac: fc.maxSafeNat().map((value) => value % 2 ** 48),
      addressRest: bits(16),
    });
    expectValuesSurvive(sll2, values);
  });

  it.each([
    { protocol: 0x10000, interfaceIndex: 1, srcMac: 0 },
    { protocol: 0, interfaceIndex: 2 ** 32, srcMac: 0 },
    { protocol: 0, interfaceIndex: 1, srcMac: -1 },
    { protocol: 0, interfaceIndex: 1, srcMac: 0, packetType: 256 },
    { protocol: 0, interfaceIndex: 1, srcMac: 0, addressLength: 256 },
    { protocol: 0, interfaceIndex: 1, srcMac: 0, hardwareType: 0x10000 },
    { protocol: 0, interfaceIndex: 1, srcMac: 0, addressRest: 0x10000 },
    { protocol: 0, interfaceIndex: 1, srcMac: 0, reserved: 0x10000 },
  ])("encode refuses what no field holds: %o", (value) => {
    expect(() => sll2.encode(value)).toThrow(RangeError);
  });
});
