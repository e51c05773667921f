import * as fc from "fast-check";
import { expect, it } from "vitest";
import { macOctets, octets } from "../src/octets.ts";
import { hexOfView } from "./hex.ts";

const word = fc.integer({ min: -0x80000000, max: 0x7fffffff });

function written(value: number): string {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value, true);
  return hexOfView(view);
}

it("keeps every bit of eight bytes whose last two cannot make a NaN", () => {
  fc.assert(
    fc.property(word, fc.integer({ min: -0x80000000, max: 0x7fffffff }), (first, last) => {
      const bytes = new DataView(new ArrayBuffer(8));
      bytes.setInt32(0, first);
      // The last byte's lower seven bits are not all ones.
      bytes.setInt32(4, last & ~1);
      expect(written(octets(first, last & ~1))).toBe(hexOfView(bytes));
    }),
  );
});

it("puts a MAC address before two bytes", () => {
  expect(written(macOctets(0xffffffffffff, 0x0800))).toBe("ffffffffffff0800");
  expect(written(macOctets(0x0242ac110002, 0))).toBe("0242ac1100020000");
});

it("refuses bytes that a NaN need not keep", () => {
  expect(() => octets(1, 0xf0ff)).toThrow("end in 61695");
  expect(() => octets(1, 0xff7f)).toThrow(RangeError);
});
