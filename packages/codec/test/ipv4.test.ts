import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseIpv4 } from "../src/address.ts";
import { ChecksumStatus } from "../src/checksum.ts";
import * as ipv4 from "../src/ipv4.ts";
import { Status } from "../src/status.ts";
import { bytesOf, dirtyView, hexOf, hexOfView, viewOf } from "./hex.ts";
import {
  expectBytesSurvive,
  expectLayoutAgrees,
  expectPrefixesRefused,
  expectSettersAgree,
  expectValuesSurvive,
} from "./laws.ts";

/** A ping between two containers: header, then 64 bytes of ICMP. */
const PING_HEADER = "45000054a2014000400172a00a0009030a000905";
const PING = bytesOf(`${PING_HEADER}0800b1bd001900008874bdb4${"00".repeat(52)}`);
/** An IGMP report: the router alert option (RFC 2113) makes the header 24 bytes long. */
const REPORT = bytesOf("46c00028000040000102f8f80a000101e000001694040000 2200f9930000000104000000e000006a");
/** The last fragment of a ping: 7 bytes that follow 1,424 others. */
const LAST_FRAGMENT = bytesOf("4500001bbce000b2400197480a0009030a00090500000000000000");

const CLIENT = parseIpv4("10.0.9.3")!;
const SERVER = parseIpv4("10.0.9.5")!;

function changed(change: (view: DataView) => void, of: Uint8Array = PING): Uint8Array {
  const bytes = of.slice();
  change(viewOf(bytes));
  return bytes;
}

describe("a real packet", () => {
  const view = viewOf(PING);

  it("reads", () => {
    expect(ipv4.check(view, 0, 84)).toBe(Status.ok);
    expect(ipv4.version(view, 0)).toBe(4);
    expect(ipv4.ihl(view, 0)).toBe(5);
    expect(ipv4.headerLength(view, 0)).toBe(20);
    expect(ipv4.tos(view, 0)).toBe(0);
    expect(ipv4.totalLength(view, 0)).toBe(84);
    expect(ipv4.identification(view, 0)).toBe(41473);
    expect(ipv4.flagsAndFragmentOffset(view, 0)).toBe(ipv4.DONT_FRAGMENT);
    expect(ipv4.reservedFlag(view, 0)).toBe(false);
    expect(ipv4.dontFragment(view, 0)).toBe(true);
    expect(ipv4.moreFragments(view, 0)).toBe(false);
    expect(ipv4.fragmentOffset(view, 0)).toBe(0);
    expect(ipv4.isFragment(view, 0)).toBe(false);
    expect(ipv4.ttl(view, 0)).toBe(64);
    expect(ipv4.protocol(view, 0)).toBe(1);
    expect(ipv4.headerChecksum(view, 0)).toBe(0x72a0);
    expect(ipv4.srcIp(view, 0)).toBe(CLIENT);
    expect(ipv4.dstIp(view, 0)).toBe(SERVER);
    expect(ipv4.payloadStart(view, 0)).toBe(20);
    expect(ipv4.verifyChecksum(view, 0)).toBe(ChecksumStatus.valid);
    expect(ipv4.format(view, 0)).toBe("10.0.9.3 > 10.0.9.5 ttl 64 id 41473 DF length 84");
  });

  it("ends where its total length says, whatever follows", () => {
    expect(ipv4.payloadEnd(view, 0, 84)).toBe(84);
    expect(ipv4.payloadEnd(view, 0, 100)).toBe(84);
  });

  it("is built from its parts in a dirty buffer", () => {
    const built = dirtyView(22);
    ipv4.setHeaderLength(built, 1, 20);
    ipv4.setTos(built, 1, 0);
    ipv4.setTotalLength(built, 1, 84);
    ipv4.setIdentification(built, 1, 41473);
    ipv4.setFlagsAndFragmentOffset(built, 1, ipv4.DONT_FRAGMENT);
    ipv4.setTtl(built, 1, 64);
    ipv4.setProtocol(built, 1, 1);
    ipv4.setSrcIp(built, 1, CLIENT);
    ipv4.setDstIp(built, 1, SERVER);
    ipv4.fillChecksum(built, 1);
    expect(hexOfView(built)).toBe(`a5${PING_HEADER}a5`);
  });

  it("is what encode makes of it", () => {
    const init = { identification: 41473, dontFragment: true, protocol: 1, srcIp: CLIENT, dstIp: SERVER };
    expect(hexOf(ipv4.encode(init, PING.slice(20)))).toBe(hexOf(PING));
  });
});

describe("a real packet with an option", () => {
  const view = viewOf(REPORT);

  it("has a header of 24 bytes (RFC 791 §3.1, IHL)", () => {
    expect(ipv4.check(view, 0, REPORT.length)).toBe(Status.ok);
    expect(ipv4.headerLength(view, 0)).toBe(24);
    expect(ipv4.payloadStart(view, 0)).toBe(24);
    expect(hexOf(ipv4.plain(view, 0).options)).toBe("94040000");
    expect(ipv4.verifyChecksum(view, 0)).toBe(ChecksumStatus.valid);
    expect(ipv4.format(view, 0)).toBe("10.0.1.1 > 224.0.0.22 ttl 1 tos 0xc0 id 0 DF length 40");
  });

  it("has its options under the checksum", () => {
    const bytes = changed((copy) => copy.setUint8(23, 1), REPORT);
    expect(ipv4.verifyChecksum(viewOf(bytes), 0)).toBe(ChecksumStatus.invalid);
    ipv4.fillChecksum(viewOf(bytes), 0);
    expect(ipv4.verifyChecksum(viewOf(bytes), 0)).toBe(ChecksumStatus.valid);
  });

  it("is padded to whole words when built (RFC 791 §3.1, Padding)", () => {
    const bytes = ipv4.encode({ protocol: 1, srcIp: 0, dstIp: 0, options: bytesOf("0101010101") }, bytesOf("ff"));
    expect(bytes.length).toBe(29);
    expect(hexOf(bytes.slice(20))).toBe("0101010101000000ff");
    expect(ipv4.headerLength(viewOf(bytes), 0)).toBe(28);
    expect(() => ipv4.encode({ protocol: 1, srcIp: 0, dstIp: 0, options: new Uint8Array(41) })).toThrow(RangeError);
  });
});

describe("fragments (RFC 791 §3.2)", () => {
  it("tell offset and flags of the last one", () => {
    const view = viewOf(LAST_FRAGMENT);
    expect(ipv4.check(view, 0, 27)).toBe(Status.ok);
    expect(ipv4.fragmentOffsetUnits(view, 0)).toBe(0xb2);
    expect(ipv4.fragmentOffset(view, 0)).toBe(1424);
    expect(ipv4.moreFragments(view, 0)).toBe(false);
    expect(ipv4.isFragment(view, 0)).toBe(true);
    expect(ipv4.format(view, 0)).toBe("10.0.9.3 > 10.0.9.5 ttl 64 id 48352 offset 1424 length 27");
  });

  it("include the first one, which has no offset", () => {
    const view = viewOf(changed((copy) => ipv4.setFlagsAndFragmentOffset(copy, 0, ipv4.MORE_FRAGMENTS)));
    expect(ipv4.fragmentOffset(view, 0)).toBe(0);
    expect(ipv4.isFragment(view, 0)).toBe(true);
    expect(ipv4.format(view, 0)).toContain(" MF ");
  });

  it("start at multiples of eight bytes", () => {
    const init = { protocol: 1, srcIp: 0, dstIp: 0 };
    expect(ipv4.fragmentOffset(viewOf(ipv4.encode({ ...init, fragmentOffset: 65528 })), 0)).toBe(65528);
    expect(() => ipv4.encode({ ...init, fragmentOffset: 1428 })).toThrow(RangeError);
    expect(() => ipv4.encode({ ...init, fragmentOffset: 65536 })).toThrow(RangeError);
    expect(() => ipv4.encode({ ...init, fragmentOffset: -8 })).toThrow(RangeError);
  });
});

describe("check", () => {
  it("refuses every prefix", () => {
    expectPrefixesRefused(ipv4, PING, 84);
    expectPrefixesRefused(ipv4, REPORT, 40);
  });

  it.each([
    ["another version", changed((view) => view.setUint8(0, 0x65)), Status.badVersion],
    ["a header below 20 bytes", changed((view) => view.setUint8(0, 0x44)), Status.badHeaderLength],
    ["a total length below the header's", changed((view) => ipv4.setTotalLength(view, 0, 19)), Status.badTotalLength],
    ["a total length of 1", changed((view) => ipv4.setTotalLength(view, 0, 1)), Status.badTotalLength],
    ["a total length past the end", changed((view) => ipv4.setTotalLength(view, 0, 85)), Status.truncated],
  ])("refuses %s", (_name, bytes, status) => {
    expect(ipv4.check(viewOf(bytes), 0, bytes.length)).toBe(status);
    expect(ipv4.decode(bytes)).toMatchObject({ ok: false, error: { layer: "ipv4", at: 0, available: 84 } });
  });

  it("says how much a cut packet needs", () => {
    expect(ipv4.decode(PING.slice(0, 40))).toMatchObject({
      ok: false,
      error: { code: "truncated", required: 84, available: 40 },
    });
  });

  it("takes total length 0 for: to the end, as segmentation offload leaves it", () => {
    const view = viewOf(changed((copy) => ipv4.setTotalLength(copy, 0, 0)));
    expect(ipv4.check(view, 0, 84)).toBe(Status.ok);
    expect(ipv4.payloadEnd(view, 0, 84)).toBe(84);
    const options = viewOf(changed((copy) => ipv4.setTotalLength(copy, 0, 0), REPORT));
    expect(ipv4.check(options, 0, 24)).toBe(Status.ok);
    expect(ipv4.check(options, 0, 23)).toBe(Status.truncated);
  });
});

describe("the header checksum", () => {
  it("is that of a whole frame computed by an independent script", () => {
    // 100 bytes of VXLAN between 192.168.1.10 and 192.168.1.11: outer and inner header.
    expect(ipv4.isChecksumValid(viewOf(bytesOf("45000056000100004011f730c0a8010ac0a8010b")), 0)).toBe(true);
    expect(ipv4.isChecksumValid(viewOf(bytesOf("4500002400014000400124cf0a0001030a000107")), 0)).toBe(true);
  });

  it("notices any single bit", () => {
    for (let bit = 0; bit < 160; bit++) {
      const bytes = bytesOf(PING_HEADER);
      bytes[bit >> 3]! ^= 0x80 >> (bit & 7);
      if ((bytes[0]! & 15) > 5) continue;
      expect(ipv4.verifyChecksum(viewOf(bytes), 0), `bit ${bit}`).toBe(ChecksumStatus.invalid);
    }
  });

  it("is what fillChecksum writes, with and without options", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 62, maxLength: 62 }), fc.integer({ min: 5, max: 15 }), (bytes, words) => {
        const view = viewOf(bytes);
        ipv4.setHeaderLength(view, 1, words * 4);
        const before = bytes.slice();
        ipv4.fillChecksum(view, 1);
        expect(ipv4.isChecksumValid(view, 1)).toBe(true);
        before.set(bytes.slice(11, 13), 11);
        expect(bytes).toEqual(before);
      }),
    );
  });

  it("follows the TTL down (RFC 1624), at its corners too", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 255 }),
        fc.nat({ max: 0xffff }),
        fc.integer(),
        (ttl, identification, srcIp) => {
          const init = { ttl, identification, srcIp, dstIp: SERVER, protocol: 17 };
          const bytes = ipv4.encode(init);
          ipv4.decreaseTtl(viewOf(bytes), 0);
          expect(bytes).toEqual(ipv4.encode({ ...init, ttl: ttl - 1 }));
        },
      ),
    );
    // Every checksum there is, those where the carry comes around among them.
    for (let identification = 0; identification <= 0xffff; identification++) {
      const init = { identification, srcIp: CLIENT, dstIp: SERVER, protocol: 17 };
      const view = viewOf(ipv4.encode({ ...init, ttl: 64 }));
      ipv4.decreaseTtl(view, 0);
      const expected = ipv4.headerChecksum(viewOf(ipv4.encode({ ...init, ttl: 63 })), 0);
      if (ipv4.headerChecksum(view, 0) !== expected) throw new Error(`identification ${identification}`);
    }
  });
});

describe("laws", () => {
  const values = fc
    .record({
      tos: fc.nat({ max: 255 }),
      identification: fc.nat({ max: 0xffff }),
      reservedFlag: fc.boolean(),
      dontFragment: fc.boolean(),
      moreFragments: fc.boolean(),
      fragmentOffset: fc.nat({ max: 8191 }).map((units) => units * 8),
      ttl: fc.nat({ max: 255 }),
      protocol: fc.nat({ max: 255 }),
      headerChecksum: fc.nat({ max: 0xffff }),
      srcIp: fc.integer(),
      dstIp: fc.integer(),
      options: fc.nat({ max: 10 }).chain((words) => fc.uint8Array({ minLength: words * 4, maxLength: words * 4 })),
    })
    .map((value) => ({ version: 4, ihl: 5 + value.options.length / 4, totalLength: 0, ...value }));

  it("layout and accessors agree", () => {
    expectLayoutAgrees(ipv4.layout, ipv4);
  });

  it("layout and setters agree", () => {
    expectSettersAgree(ipv4.layout, {
      tos: ipv4.setTos,
      totalLength: ipv4.setTotalLength,
      identification: ipv4.setIdentification,
      ttl: ipv4.setTtl,
      protocol: ipv4.setProtocol,
      headerChecksum: ipv4.setHeaderChecksum,
      srcIp: ipv4.setSrcIp,
      dstIp: ipv4.setDstIp,
    });
  });

  it("bytes survive, reserved flag and trailing bytes included", () => {
    const likely = fc
      .record({
        bytes: fc.uint8Array({ minLength: 60, maxLength: 90 }),
        ihl: fc.integer({ min: 5, max: 15 }),
        cut: fc.nat(),
      })
      .map(({ bytes, ihl, cut }) => {
        const view = viewOf(bytes);
        ipv4.setHeaderLength(view, 0, ihl * 4);
        ipv4.setTotalLength(view, 0, cut % 7 === 0 ? 0 : ihl * 4 + (cut % (bytes.length - ihl * 4 + 1)));
        return bytes;
      });
    expectBytesSurvive(ipv4, likely);
  });

  it("values survive", () => {
    expectValuesSurvive(ipv4, values);
  });

  it("encode computes lengths and checksum unless told to keep them", () => {
    fc.assert(
      fc.property(values, fc.uint8Array({ maxLength: 30 }), (value, payload) => {
        const bytes = ipv4.encode(value, payload);
        const view = viewOf(bytes);
        expect(ipv4.totalLength(view, 0)).toBe(bytes.length);
        expect(ipv4.verifyChecksum(view, 0)).toBe(ChecksumStatus.valid);
        const { totalLength: _total, headerChecksum: _checksum, ...rest } = value;
        expect(ipv4.plain(view, 0)).toMatchObject(rest);
      }),
    );
  });

  it("encode writes a wrong version, header length and total length if asked to keep them", () => {
    const init = { version: 6, ihl: 15, totalLength: 7, protocol: 1, srcIp: 0, dstIp: 0 };
    expect(hexOf(ipv4.encode(init, undefined, { lengths: "keep" }).slice(0, 4))).toBe("6f000007");
    const bare = { protocol: 1, srcIp: 0, dstIp: 0 };
    const kept = ipv4.encode(bare, undefined, { lengths: "keep", checksums: "keep" });
    expect(hexOf(kept)).toBe("4500000000000000400100000000000000000000");
  });

  it.each([
    { tos: 256 },
    { identification: 0x10000 },
    { ttl: -1 },
    { protocol: 256 },
    { headerChecksum: 0.5 },
    { version: 16 },
    { ihl: 16 },
  ])("encode refuses what no field holds: %o", (value) => {
    expect(() => ipv4.encode({ protocol: 1, srcIp: 0, dstIp: 0, ...value })).toThrow(RangeError);
  });

  it("encode refuses more than 65,535 bytes", () => {
    expect(() => ipv4.encode({ protocol: 1, srcIp: 0, dstIp: 0 }, new Uint8Array(65516))).toThrow(RangeError);
    expect(ipv4.encode({ protocol: 1, srcIp: 0, dstIp: 0 }, new Uint8Array(65515)).length).toBe(65535);
  });
});
