import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  addNs,
  compareTimestamps,
  deltaNs,
  epochNanoseconds,
  formatSeconds,
  formatUtc,
  fromEpochNanoseconds,
  parseSeconds,
  type Timestamp,
} from "../src/timestamp.ts";

const times = (): fc.Arbitrary<Timestamp> =>
  fc.record({
    seconds: fc.integer({ min: -4_000_000_000, max: 20_000_000_000 }),
    nanoseconds: fc.integer({ min: 0, max: 999_999_999 }),
  });

describe("timestamps", () => {
  it("are written as exact decimals", () => {
    expect(formatSeconds(1_795_232_934, 690_445_821)).toBe("1795232934.690445821");
    expect(formatSeconds(0, 0)).toBe("0.000000000");
    expect(formatSeconds(5, 1)).toBe("5.000000001");
    expect(formatSeconds(-1, 500_000_000)).toBe("-0.500000000");
    expect(formatSeconds(-2, 1)).toBe("-1.999999999");
    expect(formatSeconds(-2, 0)).toBe("-2.000000000");
  });

  it("are written as the calendar has them, to the nanosecond", () => {
    expect(formatUtc(1_795_232_934, 690_445_821)).toBe("2026-11-21T03:48:54.690445821Z");
    expect(formatUtc(-1, 999_999_999)).toBe("1969-12-31T23:59:59.999999999Z");
    expect(formatUtc(1e15, 7)).toBe("1000000000000000.000000007");
  });

  it("read what they wrote, and other numbers of decimals", () => {
    fc.assert(
      fc.property(times(), ({ seconds, nanoseconds }) => {
        expect(parseSeconds(formatSeconds(seconds, nanoseconds))).toEqual({ seconds, nanoseconds });
      }),
    );
    expect(parseSeconds("12")).toEqual({ seconds: 12, nanoseconds: 0 });
    expect(parseSeconds("12.5")).toEqual({ seconds: 12, nanoseconds: 500_000_000 });
    expect(parseSeconds("-0.5")).toEqual({ seconds: -1, nanoseconds: 500_000_000 });
    expect(parseSeconds("-0")).toEqual({ seconds: 0, nanoseconds: 0 });
    for (const wrong of ["", "x", "1.", ".5", "1.1234567890", "1e3", " 1", "1\n"]) {
      expect(parseSeconds(wrong), wrong).toBeUndefined();
    }
  });

  it("keep order, differences and sums with what bigint says", () => {
    fc.assert(
      fc.property(times(), times(), (a, b) => {
        const exact = epochNanoseconds(a) - epochNanoseconds(b);
        expect(Math.sign(compareTimestamps(a, b))).toBe(exact === 0n ? 0 : exact > 0n ? 1 : -1);
        expect(fromEpochNanoseconds(epochNanoseconds(a))).toEqual(a);
        const ns = Number(exact % 1_000_000_000_000n);
        expect(epochNanoseconds(addNs(a, ns))).toBe(epochNanoseconds(a) + BigInt(ns));
        expect(deltaNs(addNs(a, ns), a)).toBe(ns);
      }),
    );
  });
});
