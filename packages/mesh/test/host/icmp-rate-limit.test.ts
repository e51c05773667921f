import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { IcmpRateLimit } from "../../src/host/icmp-rate-limit.ts";

const SECOND = 1e9;

describe("errors to one address (inet_peer_xrlim_allow)", () => {
  test("six at once, then one a second", () => {
    const limit = new IcmpRateLimit();
    const at = (now: number): boolean => limit.allowsPeer(1, now);
    expect(Array.from({ length: 8 }, () => at(100 * SECOND)).filter(Boolean)).toHaveLength(6);
    expect([at(100.9 * SECOND), at(101 * SECOND), at(101.5 * SECOND)]).toEqual([false, true, false]);
    // Another address has an account of its own.
    expect(limit.allowsPeer(2, 100 * SECOND)).toBe(true);
  });

  test("never more than six and one a second, whenever they are asked for", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 3 * SECOND }), { maxLength: 60 }), (gaps) => {
        const limit = new IcmpRateLimit();
        let now = 0;
        let allowed = 0;
        for (const gap of gaps) {
          now += gap;
          if (limit.allowsPeer(1, now)) allowed++;
        }
        expect(allowed).toBeLessThanOrEqual(6 + Math.floor(now / SECOND));
      }),
    );
  });

  test("a router's route errors take from the same account, and save up five", () => {
    const limit = new IcmpRateLimit();
    expect(Array.from({ length: 8 }, () => limit.allowsRouteError(1, 0)).filter(Boolean)).toHaveLength(5);
    expect(limit.allowsPeer(1, 0)).toBe(false);
  });
});

describe("all errors together (icmp_global_allow)", () => {
  test("fifty at once, a thousand a second, looked at every 20 ms", () => {
    const limit = new IcmpRateLimit();
    const burst = (now: number): number =>
      Array.from({ length: 100 }, () => limit.allowsGlobally(now)).filter(Boolean).length;
    expect(burst(0)).toBe(50);
    expect(burst(0.019 * SECOND)).toBe(0);
    expect(burst(0.02 * SECOND)).toBe(20);
    expect(burst(0.05 * SECOND)).toBe(30);
    expect(burst(10 * SECOND)).toBe(50);
  });
});
