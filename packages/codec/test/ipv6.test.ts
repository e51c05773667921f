import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseIpv6 } from "../src/address.ts";
import { pseudoHeader6, sum } from "../src/checksum.ts";
import { type Field, readField, writeField } from "../src/field.ts";
import * as ipv6 from "../src/ipv6.ts";
import { Status } from "../src/status.ts";
import { bytesOf, viewOf } from "./hex.ts";

/** A router solicitation that a container's interface sent. */
const SOLICITATION = bytesOf(
  "6000000000103afffe80000000000000589408fffe0f3369ff020000000000000000000000000002" +
    "850053150000000001015a94080f3369",
);
const SRC = parseIpv6("fe80::5894:8ff:fe0f:3369")!;
const DST = parseIpv6("ff02::2")!;

describe("a real packet", () => {
  const view = viewOf(SOLICITATION);

  it("reads", () => {
    expect(ipv6.check(view, 0, SOLICITATION.length)).toBe(Status.ok);
    expect(ipv6.version(view, 0)).toBe(6);
    expect(ipv6.trafficClass(view, 0)).toBe(0);
    expect(ipv6.flowLabel(view, 0)).toBe(0);
    expect(ipv6.payloadLength(view, 0)).toBe(16);
    expect(ipv6.nextHeader(view, 0)).toBe(58);
    expect(ipv6.hopLimit(view, 0)).toBe(255);
    expect(ipv6.srcIp(view, 0)).toEqual(SRC);
    expect(ipv6.dstIp(view, 0)).toEqual(DST);
    expect([0, 1, 2, 3].map((index) => ipv6.srcIpWord(view, 0, index) >>> 0)).toEqual([
      0xfe800000, 0, 0x589408ff, 0xfe0f3369,
    ]);
    expect(ipv6.dstIpWord(view, 0, 3)).toBe(2);
    expect(ipv6.payloadStart(view, 0)).toBe(40);
    expect(ipv6.payloadEnd(view, 0, SOLICITATION.length)).toBe(56);
  });

  it("gives addresses that outlive the view", () => {
    const bytes = SOLICITATION.slice();
    const address = ipv6.srcIp(viewOf(bytes), 0);
    bytes.fill(0);
    expect(address).toEqual(SRC);
  });

  it("has its addresses where the pseudo-header's sum looks for them (RFC 8200 §8.1)", () => {
    expect(sum(view, 40, 56, pseudoHeader6(view, ipv6.ADDRESSES_OFFSET, 58, 16))).toBe(0xffff);
  });

  it("is built from its parts in a dirty buffer", () => {
    const bytes = new Uint8Array(44).fill(0xa5);
    const built = viewOf(bytes);
    ipv6.setTrafficClassAndFlowLabel(built, 2, 0, 0);
    ipv6.setPayloadLength(built, 2, 16);
    ipv6.setNextHeader(built, 2, 58);
    ipv6.setHopLimit(built, 2, 255);
    ipv6.setSrcIp(built, 2, SRC);
    ipv6.setDstIp(built, 2, DST);
    expect(bytes).toEqual(Uint8Array.from([0xa5, 0xa5, ...SOLICITATION.subarray(0, 40), 0xa5, 0xa5]));
  });

  it("decodes and encodes to itself", () => {
    const decoded = ipv6.decode(SOLICITATION);
    expect(decoded).toEqual({
      ok: true,
      value: {
        version: 6,
        trafficClass: 0,
        flowLabel: 0,
        payloadLength: 16,
        nextHeader: 58,
        hopLimit: 255,
        srcIp: SRC,
        dstIp: DST,
      },
    });
    if (decoded.ok) expect(ipv6.encode(decoded.value, SOLICITATION.subarray(40))).toEqual(SOLICITATION);
  });

  it("reads as a person would say it", () => {
    expect(ipv6.format(view, 0)).toBe("fe80::5894:8ff:fe0f:3369 > ff02::2 hop limit 255 length 16");
    const marked = ipv6.encode({ nextHeader: 17, srcIp: SRC, dstIp: DST, trafficClass: 2, flowLabel: 0xabcde });
    expect(ipv6.format(viewOf(marked), 0)).toBe(
      "fe80::5894:8ff:fe0f:3369 > ff02::2 hop limit 64 class 0x2 flow 0xabcde length 0",
    );
  });
});

describe("check", () => {
  it("refuses another version", () => {
    const bytes = SOLICITATION.slice();
    bytes[0] = 0x45;
    expect(ipv6.decode(bytes)).toMatchObject({ ok: false, error: { code: "badVersion", layer: "ipv6" } });
  });

  it("says how much is missing of every prefix", () => {
    for (let end = 0; end < SOLICITATION.length; end++) {
      expect(ipv6.check(viewOf(SOLICITATION), 0, end)).toBe(Status.truncated);
      expect(ipv6.decode(SOLICITATION.subarray(0, end))).toMatchObject({
        error: { code: "truncated", required: end < 40 ? 40 : 56, available: end },
      });
    }
  });

  it("ends the payload where the header says, not where the frame ends", () => {
    const padded = Uint8Array.from([...SOLICITATION, 0, 0, 0, 0]);
    expect(ipv6.check(viewOf(padded), 0, padded.length)).toBe(Status.ok);
    expect(ipv6.payloadEnd(viewOf(padded), 0, padded.length)).toBe(56);
  });

  it("takes length 0 for all there is: jumbograms (RFC 2675 §3) and segmentation offload", () => {
    const bytes = SOLICITATION.slice();
    ipv6.setPayloadLength(viewOf(bytes), 0, 0);
    expect(ipv6.check(viewOf(bytes), 0, bytes.length)).toBe(Status.ok);
    expect(ipv6.payloadEnd(viewOf(bytes), 0, bytes.length)).toBe(bytes.length);
    expect(
      ipv6.payloadLength(viewOf(ipv6.encode({ nextHeader: 0, srcIp: SRC, dstIp: DST }, new Uint8Array(0x10000))), 0),
    ).toBe(0);
  });

  it("makes every accessor safe, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 36, maxLength: 60 }), fc.boolean(), (bytes, fits) => {
        if (fits) bytes.set([0x60 | (bytes[0]! & 15), bytes[1]!, bytes[2]!, bytes[3]!, 0, bytes[5]! & 15]);
        const view = viewOf(bytes);
        if (ipv6.check(view, 0, bytes.length) !== Status.ok) return;
        expect(ipv6.payloadEnd(view, 0, bytes.length)).toBeLessThanOrEqual(bytes.length);
        ipv6.plain(view, 0);
        ipv6.format(view, 0);
      }),
    );
  });
});

describe("layout", () => {
  const accessors: Readonly<Record<string, (view: DataView, at: number) => number | Uint8Array>> = ipv6 as never;

  it("agrees with the accessors", () => {
    for (const row of ipv6.layout) {
      const bits = Math.min(row.bits, 48);
      fc.assert(
        fc.property(
          fc.uint8Array({ minLength: 43, maxLength: 43 }),
          fc.integer({ min: 0, max: 2 ** bits - 1 }),
          (bytes, value) => {
            const view = viewOf(bytes);
            writeField(view, 3, row, value);
            expect(numberOf(accessors[row.name]!(view, 3))).toBe(value);
            if (row.bits <= 48) expect(readField(view, 3, row)).toBe(value);
          },
        ),
        { numRuns: 30 },
      );
    }
  });

  /** An address as a number: `writeField` has written one into its low bits and cleared the others. */
  function numberOf(value: number | Uint8Array): number {
    return typeof value === "number" ? value : value.reduce((number, byte) => number * 256 + byte, 0);
  }

  it("names every property of the plain value", () => {
    expect(ipv6.layout.map((row: Field) => row.name)).toEqual(Object.keys(ipv6.plain(viewOf(SOLICITATION), 0)));
  });
});

const address = fc.uint8Array({ minLength: 16, maxLength: 16 });

describe("encode", () => {
  it("is undone by decode", () => {
    const value = fc.record({
      trafficClass: fc.integer({ min: 0, max: 255 }),
      flowLabel: fc.integer({ min: 0, max: 0xfffff }),
      nextHeader: fc.integer({ min: 0, max: 255 }),
      hopLimit: fc.integer({ min: 0, max: 255 }),
      srcIp: address,
      dstIp: address,
    });
    fc.assert(
      fc.property(value, fc.uint8Array({ maxLength: 20 }), (packet, payload) => {
        const bytes = ipv6.encode(packet, payload);
        const expected = { version: 6, payloadLength: payload.length, ...packet };
        expect(ipv6.decode(bytes)).toEqual({ ok: true, value: expected });
      }),
    );
  });

  it("undoes decode", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 40, maxLength: 60 }), fc.integer({ min: 0, max: 20 }), (bytes, length) => {
        bytes[0] = 0x60 | (bytes[0]! & 15);
        bytes.set([0, length], 4);
        const decoded = ipv6.decode(bytes);
        expect(decoded.ok).toBe(bytes.length >= 40 + length);
        if (decoded.ok) expect(ipv6.encode(decoded.value, bytes.subarray(40), { lengths: "keep" })).toEqual(bytes);
      }),
    );
  });

  it("refuses values that do not fit", () => {
    const packet = { nextHeader: 6, srcIp: SRC, dstIp: DST };
    expect(() => ipv6.encode({ ...packet, flowLabel: 0x100000 })).toThrow("ipv6 flowLabel is 1048576");
    expect(() => ipv6.encode({ ...packet, srcIp: new Uint8Array(4) })).toThrow("ipv6 srcIp has 4 bytes, expected 16");
  });

  it("writes a wrong length and version if asked to", () => {
    const wrong = { version: 5, payloadLength: 99, nextHeader: 6, srcIp: SRC, dstIp: DST };
    const bytes = ipv6.encode(wrong, undefined, { lengths: "keep" });
    expect(ipv6.check(viewOf(bytes), 0, bytes.length)).toBe(Status.badVersion);
    expect(ipv6.payloadLength(viewOf(bytes), 0)).toBe(99);
  });
});
