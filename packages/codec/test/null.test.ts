import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EtherType } from "../src/code-points.ts";
import * as nullLoopback from "../src/null.ts";
import { Status } from "../src/status.ts";
import { bytesOf, dirtyView, hexOf, hexOfView, viewOf } from "./hex.ts";
import { expectBytesSurvive, expectLayoutAgrees, expectPrefixesRefused, expectValuesSurvive } from "./laws.ts";

describe("the family", () => {
  it.each([
    ["IPv4, little-endian", "02000000", 2, EtherType.ipv4, "IPv4"],
    ["IPv4, big-endian", "00000002", 2, EtherType.ipv4, "IPv4"],
    ["IPv6 on macOS", "1e000000", 30, EtherType.ipv6, "IPv6"],
    ["IPv6 on FreeBSD", "1c000000", 28, EtherType.ipv6, "IPv6"],
    ["IPv6 on OpenBSD (LINKTYPE_LOOP)", "00000018", 24, EtherType.ipv6, "IPv6"],
    ["IPv6 on Linux", "0a000000", 10, EtherType.ipv6, "IPv6"],
    ["OSI", "07000000", 7, -1, "family 7"],
    ["none", "00000000", 0, -1, "family 0"],
    ["a large one, little-endian", "ff100000", 0x10ff, -1, "family 4351"],
  ])("of %s is read in the order it is written", (_name, hex, family, type, line) => {
    const bytes = bytesOf(hex);
    const view = viewOf(bytes);
    expect(nullLoopback.check(view, 0, 4)).toBe(Status.ok);
    expect(nullLoopback.family(view, 0)).toBe(family);
    expect(nullLoopback.etherType(view, 0)).toBe(type);
    expect(nullLoopback.format(view, 0)).toBe(line);
    expect(hexOf(nullLoopback.encode(nullLoopback.plain(view, 0)))).toBe(hex);
  });

  it("is refused where it is none in either order", () => {
    const bytes = bytesOf("02000001");
    expect(nullLoopback.check(viewOf(bytes), 0, 4)).toBe(Status.unsupported);
    expect(nullLoopback.decode(bytes)).toMatchObject({ ok: false, error: { code: "unsupported", layer: "null" } });
  });

  it("is refused in every prefix", () => {
    expectPrefixesRefused(nullLoopback, bytesOf("0200000045"), nullLoopback.HEADER_LENGTH);
    expect(nullLoopback.check(viewOf(bytesOf("020000")), 0, 3)).toBe(Status.truncated);
  });

  it("is written in the order asked for, into a dirty buffer", () => {
    const built = dirtyView(6);
    nullLoopback.setFamily(built, 1, 2, true);
    expect(hexOfView(built)).toBe("a502000000a5");
    nullLoopback.setFamily(built, 1, 2, false);
    expect(hexOfView(built)).toBe("a500000002a5");
  });
});

it("is followed by an IP packet to the end", () => {
  const view = viewOf(bytesOf("02000000 45000014"));
  expect(nullLoopback.payloadStart(view, 0)).toBe(4);
  expect(nullLoopback.payloadEnd(view, 0, 8)).toBe(8);
});

describe("laws", () => {
  it("layout and accessor agree for every family, which is what big-endian headers hold", () => {
    const row = nullLoopback.layout[0]!;
    expect(row).toMatchObject({ bit: 0, bits: 32 });
    const low = { ...row, bit: 16, bits: 16 };
    expectLayoutAgrees([low], {
      family: (view: DataView, at: number) => {
        view.setUint16(at, 0);
        return nullLoopback.family(view, at);
      },
    });
  });

  it("bytes and values survive", () => {
    const likely = fc
      .tuple(fc.boolean(), fc.uint8Array({ minLength: 2, maxLength: 2 }), fc.uint8Array({ maxLength: 20 }))
      .map(([first, family, rest]) => bytesOf((first ? `${hexOf(family)}0000` : `0000${hexOf(family)}`) + hexOf(rest)));
    expectBytesSurvive(nullLoopback, likely);
    const values = fc.record({ family: fc.integer({ min: 1, max: 0xffff }), isLittleEndian: fc.boolean() });
    expectValuesSurvive(nullLoopback, values);
  });

  it("encode refuses a family of more than 16 bits, whose order could not be told", () => {
    expect(() => nullLoopback.encode({ family: 0x10000 })).toThrow(RangeError);
  });
});
