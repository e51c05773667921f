import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { expectedDuration, formatDuration, parseBytes, parseDuration, parseRate } from "../../src/scenario/units.ts";

describe("durations", () => {
  test.each([
    ["0s", 0],
    ["1ns", 1],
    ["20us", 20_000],
    ["20µs", 20_000],
    ["20μs", 20_000],
    ["50ms", 50_000_000],
    ["50 ms", 50_000_000],
    ["1s", 1_000_000_000],
    ["6.5s", 6_500_000_000],
    ["0.000000001s", 1],
    ["1m30s", 90_000_000_000],
    ["2h", 7_200_000_000_000],
    [" 5s ", 5_000_000_000],
  ])("%s", (text, nanoseconds) => expect(parseDuration(text)).toBe(nanoseconds));

  test.each(["", "5", "s", "-1s", "1 parsec", "1.s", ".5s", "1,5s", "1e3s", "1s2", "0.5ns", "5S", "9999999999h"])(
    "refuses %j",
    (text) => expect(parseDuration(text)).toBeUndefined(),
  );

  test("what is finer than a nanosecond is refused, not rounded", () => {
    expect(parseDuration("1.5ns")).toBeUndefined();
    expect(parseDuration("0.0000000015s")).toBeUndefined();
  });

  test("0.1 and 0.2 are exact", () => expect(parseDuration("0.1s0.2s")).toBe(300_000_000));

  test("formatted ones read back", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (nanoseconds) => {
        expect(parseDuration(formatDuration(nanoseconds))).toBe(nanoseconds);
      }),
    );
  });

  test.each([
    [0, "0ns"],
    [999, "999ns"],
    [20_000, "20us"],
    [1_500_000, "1.5ms"],
    [6_500_000_000, "6.5s"],
    [1_000_000_001, "1.000000001s"],
  ])("%d ns is %s", (nanoseconds, text) => expect(formatDuration(nanoseconds)).toBe(text));
});

describe("sizes and rates", () => {
  test.each([
    ["1450B", 1450],
    ["1.5kB", 1500],
    ["64KiB", 65_536],
    ["1 MB", 1_000_000],
    ["2GiB", 2_147_483_648],
  ])("%s", (text, bytes) => expect(parseBytes(text)).toBe(bytes));

  test.each(["1450", "B", "1.5B", "1kb", "1KB", "-1B", "1B 2B", ""])("refuses the size %j", (text) => {
    expect(parseBytes(text)).toBeUndefined();
  });

  test.each([
    ["1Gbit", 1_000_000_000],
    ["2.5Gbit/s", 2_500_000_000],
    ["100 Mbit", 100_000_000],
    ["56kbit", 56_000],
    ["1bit", 1],
  ])("%s", (text, bits) => expect(parseRate(text)).toBe(bits));

  test.each(["1Gbps", "1", "Gbit", "0.5bit", "1Gbit/h"])("refuses the rate %j", (text) => {
    expect(parseRate(text)).toBeUndefined();
  });
});

test("no text throws, and what is read is a whole number", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9.]{1,12}(?:ns|us|s|h|B|kB|bit)?$/)), (text) => {
      for (const parse of [parseDuration, parseBytes, parseRate]) {
        const value = parse(text);
        expect(value === undefined || (Number.isSafeInteger(value) && value >= 0)).toBe(true);
      }
    }),
  );
});

test.each([
  ["soon", "a duration such as 20us, 5ms or 1.5s"],
  ["3 days", "a duration such as 20us, 5ms or 1.5s"],
  ["9999h", "a duration of at most 2501h"],
  ["99999999999999s", "a duration of at most 2501h"],
  ["0.5ns", "a duration of whole nanoseconds"],
  ["2501h3600s", "a duration of at most 2501h"],
])("what is expected instead of %s", (text, expected) => {
  expect(parseDuration(text)).toBeUndefined();
  expect(expectedDuration(text)).toBe(expected);
});
