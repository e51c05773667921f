import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EtherType, MIN_ETHERTYPE } from "../src/code-points.ts";
import * as sll from "../src/linux-sll.ts";
import { Status } from "../src/status.ts";
import { bytesOf, dirtyView, hexOf, hexOfView, viewOf } from "./hex.ts";
import {
  expectBytesSurvive,
  expectLayoutAgrees,
  expectPrefixesRefused,
  expectSettersAgree,
  expectValuesSurvive,
} from "./laws.ts";

/** An ARP request and its reply as seen on "any" of the host that answers. */
const REQUEST_IN = bytesOf("0001 0001 0006 02420a000903 0000 0806 0001080006040001");
const REPLY_OUT = bytesOf("0004 0001 0006 02420a000905 0000 0806 0001080006040002");
/** A header with a hardware type and a protocol. */
function headerOf(hardwareType: number, protocol: number): DataView {
  return viewOf(sll.encode({ srcMac: 0, hardwareType, protocol }));
}

describe("a real header", () => {
  const view = viewOf(REQUEST_IN);

  it("reads", () => {
    expect(sll.check(view, 0, REQUEST_IN.length)).toBe(Status.ok);
    expect(sll.packetType(view, 0)).toBe(sll.PacketType.broadcast);
    expect(sll.hardwareType(view, 0)).toBe(sll.ArpHardware.ethernet);
    expect(sll.addressLength(view, 0)).toBe(6);
    expect(sll.srcMac(view, 0)).toBe(0x02420a000903);
    expect(sll.addressRest(view, 0)).toBe(0);
    expect(sll.protocol(view, 0)).toBe(EtherType.arp);
    expect(sll.etherType(view, 0)).toBe(EtherType.arp);
    expect(sll.payloadStart(view, 0)).toBe(16);
    expect(sll.payloadEnd(view, 0, 24)).toBe(24);
  });

  it("is built from its parts in a dirty buffer", () => {
    const built = dirtyView(18);
    sll.setPacketType(built, 1, sll.PacketType.broadcast);
    sll.setHardwareType(built, 1, sll.ArpHardware.ethernet);
    sll.setAddressLength(built, 1, 6);
    sll.setSrcMac(built, 1, 0x02420a000903);
    sll.setAddressRest(built, 1, 0);
    sll.setProtocol(built, 1, EtherType.arp);
    expect(hexOfView(built)).toBe(`a5${hexOf(REQUEST_IN.slice(0, 16))}a5`);
  });

  it("is what encode makes of the least it takes, but for the packet type", () => {
    const init = { packetType: 1, srcMac: 0x02420a000903, protocol: EtherType.arp };
    expect(hexOf(sll.encode(init, REQUEST_IN.slice(16)))).toBe(hexOf(REQUEST_IN));
    expect(sll.packetType(viewOf(sll.encode({ srcMac: 0, protocol: 0 })), 0)).toBe(sll.PacketType.host);
  });

  it("is refused in every prefix that does not hold it", () => {
    expectPrefixesRefused(sll, REQUEST_IN, sll.HEADER_LENGTH);
    expect(sll.decode(REQUEST_IN.slice(0, 15))).toMatchObject({
      ok: false,
      error: { code: "truncated", layer: "linuxSll", required: 16, available: 15 },
    });
  });
});

describe("what follows", () => {
  it("is an EtherType, or LLC, or nothing that has one", () => {
    expect(sll.etherType(headerOf(1, EtherType.ipv4), 0)).toBe(EtherType.ipv4);
    expect(sll.etherType(headerOf(sll.ArpHardware.loopback, EtherType.ipv6), 0)).toBe(EtherType.ipv6);
    expect(sll.etherType(headerOf(1, sll.SllProtocol.llc), 0)).toBe(sll.SllProtocol.llc);
    expect(sll.SllProtocol.llc).toBeLessThan(MIN_ETHERTYPE);
    expect(sll.etherType(headerOf(1, sll.SllProtocol.novell), 0)).toBe(-1);
    expect(sll.etherType(headerOf(1, sll.SllProtocol.can), 0)).toBe(-1);
  });

  it.each(["frameRelay", "radiotap", "netlink"] as const)("is not told by the protocol behind %s", (hardware) => {
    expect(sll.etherType(headerOf(sll.ArpHardware[hardware], EtherType.ipv4), 0)).toBe(-1);
  });
});

it("formats who sent it to whom", () => {
  expect(sll.format(viewOf(REQUEST_IN), 0)).toBe("broadcast from 02:42:0a:00:09:03");
  expect(sll.format(viewOf(REPLY_OUT), 0)).toBe("out from 02:42:0a:00:09:05");
  const words = [0, 1, 2, 3, 4, 5].map((packetType) =>
    sll.format(viewOf(sll.encode({ packetType, srcMac: 0, addressLength: 0, protocol: 0 })), 0),
  );
  expect(words).toEqual(["in", "broadcast", "multicast", "to another host", "out", "packet type 5"]);
});

describe("laws", () => {
  it("layout, accessors and setters agree", () => {
    expectLayoutAgrees(sll.layout, sll);
    expectSettersAgree(sll.layout, {
      packetType: sll.setPacketType,
      hardwareType: sll.setHardwareType,
      addressLength: sll.setAddressLength,
      srcMac: sll.setSrcMac,
      addressRest: sll.setAddressRest,
      protocol: sll.setProtocol,
    });
  });

  it("bytes and values survive", () => {
    expectBytesSurvive(sll, fc.uint8Array({ minLength: 16, maxLength: 40 }));
    const words = fc.nat({ max: 0xffff });
    const values = fc.record({
      packetType: words,
      hardwareType: words,
      addressLength: words,
      srcMac: fc.maxSafeNat().map((value) => value % 2 ** 48),
      addressRest: words,
      protocol: words,
    });
    expectValuesSurvive(sll, values);
  });

  it.each([
    { srcMac: 2 ** 48, protocol: 0 },
    { srcMac: 0, protocol: 0x10000 },
    { srcMac: 0, protocol: 0, packetType: -1 },
    { srcMac: 0, protocol: 0, hardwareType: 0x10000 },
    { srcMac: 0, protocol: 0, addressLength: 0x10000 },
    { srcMac: 0, protocol: 0, addressRest: 0x10000 },
  ])("encode refuses what no field holds: %o", (value) => {
    expect(() => sll.encode(value)).toThrow(RangeError);
  });
});
