import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { field, readField, writeField } from "../src/field.ts";
import { dirtyView, hexOfView, viewOf } from "./hex.ts";

/** The bits of a header as text, most significant first. */
function bitsOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(2).padStart(8, "0")).join("");
}

const rows = fc
  .record({ bit: fc.nat({ max: 64 }), bits: fc.integer({ min: 1, max: 48 }) })
  .map(({ bit, bits }) => field("any", bit, bits, ""));

describe("readField", () => {
  it("reads a nibble, an unaligned field and 48 bits", () => {
    const view = dirtyView(2);
    view.setUint16(0, 0x4567);
    expect(readField(view, 0, field("ihl", 4, 4, ""))).toBe(5);
    expect(readField(view, 0, field("middle", 3, 9, ""))).toBe(0b001010110);
    const mac = viewOf(Uint8Array.from([0xa5, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0xfa]));
    expect(readField(mac, 1, field("mac", 0, 48, "", "mac"))).toBe(0xfffefdfcfbfa);
  });

  it("answers the first 48 bits of a wider field", () => {
    const view = viewOf(Uint8Array.from({ length: 16 }, (_, index) => index + 1));
    expect(readField(view, 0, field("srcIp", 0, 128, "", "ipv6"))).toBe(0x010203040506);
  });

  it("reads what the bits spell", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 17, maxLength: 17 }), fc.nat({ max: 3 }), rows, (bytes, at, row) => {
        const text = bitsOf(bytes).slice(at * 8 + row.bit, at * 8 + row.bit + row.bits);
        expect(readField(viewOf(bytes), at, row)).toBe(Number.parseInt(text, 2));
      }),
    );
  });
});

describe("writeField", () => {
  it("writes its bits and no other", () => {
    const view = dirtyView(3);
    writeField(view, 0, field("vid", 4, 12, ""), 0x0fe);
    expect(hexOfView(view)).toBe("a0fea5");
  });

  it("is undone by readField, and leaves the bits around it", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 17, maxLength: 17 }),
        fc.nat({ max: 3 }),
        rows,
        fc.maxSafeNat(),
        (bytes, at, row, any) => {
          const value = any % 2 ** row.bits;
          const before = bitsOf(bytes);
          writeField(viewOf(bytes), at, row, value);
          const start = at * 8 + row.bit;
          const written = value.toString(2).padStart(row.bits, "0");
          expect(bitsOf(bytes)).toBe(before.slice(0, start) + written + before.slice(start + row.bits));
          expect(readField(viewOf(bytes), at, row)).toBe(value);
        },
      ),
    );
  });
});
