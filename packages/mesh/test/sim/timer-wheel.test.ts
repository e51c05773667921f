import * as fc from "fast-check";
import { expect, test } from "vitest";
import { expiryOf, JIFFY } from "../../src/sim/timer-wheel.ts";

const SECOND = 1e9;

test("a timer expires at a tick, not before its time, and late by what it takes at its distance", () => {
  fc.assert(
    fc.property(fc.nat({ max: 1000 * SECOND }), fc.integer({ min: 1, max: 500_000 }), (now, jiffies) => {
      const expiry = expiryOf(now + jiffies * JIFFY, now);
      const lateness = expiry - (Math.floor(now / JIFFY) + jiffies) * JIFFY;
      expect(expiry % JIFFY).toBe(0);
      expect(expiry).toBeGreaterThan(now + (jiffies - 1) * JIFFY);
      const granularity = [1, 8, 64, 512, 4096, 32_768].find((each) => jiffies < 63 * each)!;
      expect(lateness).toBeGreaterThan(0);
      expect(lateness).toBeLessThanOrEqual(granularity * JIFFY);
      expect(expiry % (granularity * JIFFY)).toBe(0);
    }),
  );
});

test("what a second, five, and thirty become", () => {
  expect([1, 5, 30].map((seconds) => expiryOf(seconds * SECOND, 0) / 1e6)).toEqual([1024, 5120, 30_720]);
});
