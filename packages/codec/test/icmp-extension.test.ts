import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ChecksumStatus } from "../src/checksum.ts";
import * as extension from "../src/icmp-extension.ts";
import { Status } from "../src/status.ts";
import { bytesOf, dirtyView, hexOf, viewOf } from "./hex.ts";
import { expectLayoutAgrees } from "./laws.ts";

/** One MPLS label stack entry (RFC 4950): label 81, bottom of the stack, TTL 64; made by hand, read by Wireshark. */
const MPLS = bytesOf("2000 cdb1 0008 0101 00051140");
const LABEL = { objectClass: 1, objectType: 1, payload: bytesOf("00051140") };

describe("a structure with one object", () => {
  const view = viewOf(MPLS);

  it("reads", () => {
    expect(extension.check(view, 0, 12)).toBe(Status.ok);
    expect(extension.version(view, 0)).toBe(2);
    expect(extension.verifyChecksum(view, 0, 12)).toBe(ChecksumStatus.valid);
    const object = extension.payloadStart(view, 0);
    expect(extension.objectLength(view, object)).toBe(8);
    expect(extension.objectClass(view, object)).toBe(1);
    expect(extension.objectType(view, object)).toBe(1);
    expect(extension.objects(view, 0, 12)).toEqual([LABEL]);
  });

  it("is what encode makes of it", () => {
    expect(hexOf(extension.encode([LABEL]))).toBe(hexOf(MPLS));
  });

  it("is refused in every prefix but the one without objects", () => {
    for (let length = 0; length < 12; length++) {
      expect(extension.check(viewOf(MPLS.slice(0, length)), 0, length), `${length}`).toBe(
        length === 4 ? Status.ok : Status.truncated,
      );
    }
  });
});

describe("check", () => {
  it("refuses another version than RFC 4884's", () => {
    expect(extension.check(viewOf(bytesOf("1000c5a0")), 0, 4)).toBe(Status.badVersion);
  });

  it.each([0, 3])("refuses an object of %i bytes, which is shorter than its header", (length) => {
    const bytes = MPLS.slice();
    viewOf(bytes).setUint16(4, length);
    expect(extension.check(viewOf(bytes), 0, 12)).toBe(Status.badOption);
  });

  it("refuses an object that goes past the end, and takes one without payload", () => {
    const bytes = MPLS.slice();
    viewOf(bytes).setUint16(4, 9);
    expect(extension.check(viewOf(bytes), 0, 12)).toBe(Status.truncated);
    expect(extension.check(viewOf(bytesOf("20000000 00040301 00040302")), 0, 12)).toBe(Status.ok);
  });
});

describe("the checksum (RFC 4884 §7)", () => {
  it("is absent if zero, invalid if anything changed", () => {
    const bytes = MPLS.slice();
    bytes[9]! ^= 1;
    expect(extension.verifyChecksum(viewOf(bytes), 0, 12)).toBe(ChecksumStatus.invalid);
    extension.setChecksum(viewOf(bytes), 0, 0);
    expect(extension.verifyChecksum(viewOf(bytes), 0, 12)).toBe(ChecksumStatus.absent);
    extension.fillChecksum(viewOf(bytes), 0, 12);
    expect(extension.verifyChecksum(viewOf(bytes), 0, 12)).toBe(ChecksumStatus.valid);
  });
});

describe("laws", () => {
  const objects = fc.array(
    fc.record({
      objectClass: fc.nat({ max: 255 }),
      objectType: fc.nat({ max: 255 }),
      payload: fc.uint8Array({ maxLength: 12 }),
    }),
    { maxLength: 5 },
  );

  it("layouts and accessors agree", () => {
    expectLayoutAgrees(extension.layout, extension);
    expectLayoutAgrees(extension.objectLayout, extension);
    const built = dirtyView(4);
    extension.setChecksum(built, 0, 0x1234);
    expect(extension.checksum(built, 0)).toBe(0x1234);
  });

  it("objects survive", () => {
    fc.assert(
      fc.property(objects, (list) => {
        const bytes = extension.encode(list);
        const view = viewOf(bytes);
        expect(extension.check(view, 0, bytes.length)).toBe(Status.ok);
        expect(extension.verifyChecksum(view, 0, bytes.length)).toBe(ChecksumStatus.valid);
        expect(extension.objects(view, 0, bytes.length)).toEqual(list);
      }),
    );
  });

  it("what passed the check can be listed, whatever the bytes", () => {
    let passed = 0;
    const change = fc.tuple(fc.nat(), fc.constantFrom(0, 3, 4, 5, 8, 255));
    fc.assert(
      fc.property(objects, fc.array(change, { maxLength: 2 }), (list, changes) => {
        const bytes = extension.encode(list);
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        const view = viewOf(bytes);
        if (extension.check(view, 0, bytes.length) !== Status.ok) return;
        const listed = extension.objects(view, 0, bytes.length);
        expect(listed.reduce((total, object) => total + 4 + object.payload.length, 4)).toBe(bytes.length);
        if (changes.length > 0 && listed.length > 1) passed++;
      }),
    );
    expect(passed).toBeGreaterThan(5);
  });

  it("encode refuses what no field holds", () => {
    const payload = new Uint8Array();
    expect(() => extension.encode([{ objectClass: 256, objectType: 0, payload }])).toThrow(RangeError);
    expect(() => extension.encode([{ objectClass: 0, objectType: -1, payload }])).toThrow(RangeError);
    expect(() => extension.encode([{ objectClass: 0, objectType: 0, payload: new Uint8Array(65532) }])).toThrow(
      RangeError,
    );
  });
});
