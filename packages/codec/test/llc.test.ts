import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EtherType } from "../src/code-points.ts";
import * as llc from "../src/llc.ts";
import { Status } from "../src/status.ts";
import { bytesOf, dirtyView, hexOf, hexOfView, viewOf } from "./hex.ts";
import {
  expectBytesSurvive,
  expectLayoutAgrees,
  expectPrefixesRefused,
  expectSettersAgree,
  expectValuesSurvive,
} from "./laws.ts";

/** A Linux bridge's spanning tree message. */
const BPDU = bytesOf("424203 000000000080006a4b9b61ac3f0000000080006a4b9b61ac3f80010000140002000200");
/** RFC 1042: IPv4 in SNAP; made by hand, as the three below. */
const SNAP_IPV4 = bytesOf("aaaa03 000000 0800 4500");
const SNAP_CDP = bytesOf("aaaa03 00000c 2000 02b4");
const RECEIVE_READY = bytesOf("f0f1 01 0b");
const INFORMATION = bytesOf("f0f0 06 0a ff");

describe("a real unnumbered frame", () => {
  const view = viewOf(BPDU);

  it("reads", () => {
    expect(llc.check(view, 0, BPDU.length)).toBe(Status.ok);
    expect(llc.dsap(view, 0)).toBe(llc.ServiceAccessPoint.stp);
    expect(llc.ssap(view, 0)).toBe(llc.ServiceAccessPoint.stp);
    expect(llc.control(view, 0)).toBe(llc.UNNUMBERED_INFORMATION);
    expect(llc.isUnnumbered(view, 0)).toBe(true);
    expect(llc.isSnap(view, 0)).toBe(false);
    expect(llc.etherType(view, 0)).toBe(-1);
    expect(llc.headerLength(view, 0)).toBe(3);
    expect(llc.payloadStart(view, 0)).toBe(3);
    expect(llc.payloadEnd(view, 0, 38)).toBe(38);
    expect(llc.plain(view, 0)).toEqual({
      dsap: 0x42,
      ssap: 0x42,
      control: 3,
      controlHigh: -1,
      oui: -1,
      protocolId: -1,
    });
  });

  it("is what encode makes of the least it takes", () => {
    expect(hexOf(llc.encode({ dsap: 0x42, ssap: 0x42 }, BPDU.slice(3)))).toBe(hexOf(BPDU));
  });
});

describe("SNAP (RFC 1042)", () => {
  it("names an EtherType if the organization is 0", () => {
    const view = viewOf(SNAP_IPV4);
    expect(llc.isSnap(view, 0)).toBe(true);
    expect(llc.oui(view, 0)).toBe(0);
    expect(llc.protocolId(view, 0)).toBe(EtherType.ipv4);
    expect(llc.etherType(view, 0)).toBe(EtherType.ipv4);
    expect(llc.payloadStart(view, 0)).toBe(8);
  });

  it("names a number of the organization's own otherwise", () => {
    const view = viewOf(SNAP_CDP);
    expect(llc.oui(view, 0)).toBe(0x00000c);
    expect(llc.protocolId(view, 0)).toBe(0x2000);
    expect(llc.etherType(view, 0)).toBe(-1);
  });

  it.each([
    ["a response", "aaab03 000000 0800", true],
    ["the poll bit", "aaaa13 000000 0800", true],
    ["XID in place of UI", "aaaaaf 000000 0800", false],
    ["a group destination", "abaa03 000000 0800", false],
    ["another source", "aa4203 000000 0800", false],
  ])("follows with %s: %s, %s", (_name, hex, expected) => {
    expect(llc.isSnap(viewOf(bytesOf(hex)), 0)).toBe(expected);
  });

  it("is built from its parts in a dirty buffer", () => {
    const built = dirtyView(10);
    llc.setDsap(built, 1, 0xaa);
    llc.setSsap(built, 1, 0xaa);
    llc.setControl(built, 1, 3);
    llc.setOui(built, 1, 0x00000c);
    llc.setProtocolId(built, 1, 0x2000);
    expect(hexOfView(built)).toBe("a5aaaa0300000c2000a5");
  });

  it("needs its protocol to be encoded", () => {
    expect(hexOf(llc.encode({ dsap: 0xaa, ssap: 0xaa, protocolId: 0x0800 }, bytesOf("4500")))).toBe(hexOf(SNAP_IPV4));
    expect(() => llc.encode({ dsap: 0xaa, ssap: 0xaa })).toThrow(RangeError);
    expect(() => llc.encode({ dsap: 0xaa, ssap: 0xaa, protocolId: 1, oui: 2 ** 24 })).toThrow(RangeError);
  });
});

describe("numbered frames (IEEE 802.2 §5.2)", () => {
  it.each([
    ["supervisory", RECEIVE_READY, 0x0b],
    ["information", INFORMATION, 0x0a],
  ])("%s frames have a second control byte", (_name, bytes, second) => {
    const view = viewOf(bytes);
    expect(llc.isUnnumbered(view, 0)).toBe(false);
    expect(llc.controlHigh(view, 0)).toBe(second);
    expect(llc.headerLength(view, 0)).toBe(4);
    expect(llc.check(view, 0, 3)).toBe(Status.truncated);
    const built = dirtyView(4);
    llc.setControlHigh(built, 0, second);
    expect(llc.controlHigh(built, 0)).toBe(second);
  });
});

describe("check", () => {
  it("refuses every prefix", () => {
    expectPrefixesRefused(llc, BPDU, 3);
    expectPrefixesRefused(llc, SNAP_IPV4, 8);
    expectPrefixesRefused(llc, RECEIVE_READY, 4);
  });

  it("does not read Novell's raw frames, which have no LLC header", () => {
    const bytes = bytesOf("ffff 0022 0011");
    expect(llc.check(viewOf(bytes), 0, 6)).toBe(Status.unsupported);
    expect(llc.decode(bytes)).toMatchObject({ ok: false, error: { code: "unsupported", layer: "llc" } });
  });
});

it.each([
  [BPDU, "STP UI"],
  [SNAP_IPV4, "SNAP type 0x0800"],
  [SNAP_CDP, "SNAP oui 0x00000c protocol 0x2000"],
  [RECEIVE_READY, "NetBIOS RR"],
  [INFORMATION, "NetBIOS I"],
  [bytesOf("4218 03"), "0x18 > STP UI"],
  [bytesOf("fefe 7f"), "ISO SABME"],
  [bytesOf("fefe 0b"), "ISO U 0xb"],
  [bytesOf("f0f0 0d00"), "NetBIOS S"],
])("formats case %#", (bytes, line) => {
  expect(llc.format(viewOf(bytes), 0)).toBe(line);
});

describe("laws", () => {
  it("layout, accessors and setters agree", () => {
    const rows = [...llc.layout, ...llc.snapLayout];
    expectLayoutAgrees(rows, llc);
    expectSettersAgree(rows, {
      dsap: llc.setDsap,
      ssap: llc.setSsap,
      control: llc.setControl,
      oui: llc.setOui,
      protocolId: llc.setProtocolId,
    });
  });

  it("bytes survive, with and without SNAP", () => {
    const headers = fc.constantFrom("4242", "aaaa", "aaab", "f0f1", "0606");
    const likely = fc
      .tuple(headers, fc.constantFrom("03", "13", "01", "06", "af"), fc.uint8Array({ minLength: 5, maxLength: 30 }))
      .map(([points, control, rest]) => bytesOf(points + control + hexOf(rest)));
    expectBytesSurvive(llc, likely);
  });

  it("values survive", () => {
    const bits = (count: number) => fc.nat({ max: 2 ** count - 1 });
    const none = { controlHigh: fc.constant(-1), oui: fc.constant(-1), protocolId: fc.constant(-1) };
    const unnumbered = fc.record({
      dsap: bits(6),
      ssap: bits(8),
      control: bits(6).map((high) => (high << 2) | 3),
      ...none,
    });
    const numbered = fc.record({
      ...none,
      dsap: bits(6),
      ssap: bits(8),
      control: fc.constantFrom(0, 1, 2, 5, 0xfe),
      controlHigh: bits(8),
    });
    const snap = fc.record({
      dsap: fc.constant(0xaa),
      ssap: fc.constantFrom(0xaa, 0xab),
      control: fc.constantFrom(0x03, 0x13),
      controlHigh: fc.constant(-1),
      oui: bits(24),
      protocolId: bits(16),
    });
    expectValuesSurvive(llc, fc.oneof(unnumbered, numbered, snap));
  });

  it.each([
    { dsap: 256, ssap: 0 },
    { dsap: 0, ssap: -1 },
    { dsap: 0, ssap: 0, control: 256 },
    { dsap: 0, ssap: 0, control: 0, controlHigh: 256 },
  ])("encode refuses what no field holds: %o", (value) => {
    expect(() => llc.encode(value)).toThrow(RangeError);
  });
});
