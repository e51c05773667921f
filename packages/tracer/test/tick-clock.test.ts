import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TickClock, ticksPerSecond } from "../src/tick-clock.ts";

/** The definition, in bigint. */
function exact(resolution: number, offset: number, ticks: bigint): { seconds: number; nanoseconds: number } {
  const perSecond = ticksPerSecond(resolution);
  const seconds = ticks / perSecond;
  const nanoseconds = ((ticks % perSecond) * 1_000_000_000n) / perSecond;
  return { seconds: Number(seconds) + offset, nanoseconds: Number(nanoseconds) };
}

const halves = (ticks: bigint): [number, number] => [Number(ticks >> 32n), Number(ticks & 0xffff_ffffn)];

/** Powers of ten and two of all sizes, those in use more often. */
const resolutions = (): fc.Arbitrary<number> =>
  fc.oneof(fc.constantFrom(6, 9, 0, 3, 12, 0x80 + 10, 0x80 + 30, 0x80 + 40), fc.integer({ min: 0, max: 255 }));
const counts = (): fc.Arbitrary<bigint> =>
  fc.oneof(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), fc.bigInt({ min: 0n, max: 1n << 53n }));

function timeOf(clock: TickClock, ticks: bigint): { seconds: number; nanoseconds: number } {
  const nanoseconds = clock.fromTicks(...halves(ticks));
  return { seconds: clock.seconds, nanoseconds };
}

describe("TickClock", () => {
  it("reads any count in any resolution as bigint does, in any order", () => {
    fc.assert(
      fc.property(
        resolutions(),
        fc.integer({ min: -1e9, max: 1e9 }),
        fc.array(counts()),
        (resolution, offset, list) => {
          const clock = new TickClock(resolution, offset);
          for (const ticks of list) expect(timeOf(clock, ticks)).toEqual(exact(resolution, offset, ticks));
        },
      ),
    );
  });

  it("stays exact within a second, across its ends and where the lower half wraps", () => {
    for (const resolution of [0, 6, 7, 9]) {
      const perSecond = 10n ** BigInt(resolution);
      const clock = new TickClock(resolution, -3600);
      for (const near of [0n, 1_795_232_934n * perSecond, 5n << 32n, 0x18e9f2d7n << 32n, (1n << 64n) - perSecond]) {
        for (const step of [0n, 1n, perSecond / 2n, perSecond - 1n, -1n, perSecond, -perSecond, 3n, 1n - perSecond]) {
          const ticks = near + step;
          if (ticks < 0n || ticks >= 1n << 64n) continue;
          expect(timeOf(clock, ticks)).toEqual(exact(resolution, -3600, ticks));
        }
      }
    }
  });

  it("gives a count again when its time is written, unless it is finer than nanoseconds", () => {
    const coarse = resolutions().filter((resolution) => ticksPerSecond(resolution) <= 1_000_000_000n);
    fc.assert(
      fc.property(coarse, fc.integer({ min: -1e6, max: 1e6 }), fc.array(counts()), (resolution, offset, list) => {
        const clock = new TickClock(resolution, offset);
        for (const ticks of list) {
          const { seconds, nanoseconds } = timeOf(clock, ticks);
          if (!Number.isSafeInteger(seconds) || ticks + 2n * ticksPerSecond(resolution) >= 1n << 64n) continue;
          const low = clock.toTicks(seconds, nanoseconds);
          expect([clock.high, low]).toEqual(halves(ticks));
        }
      }),
    );
  });

  it("gives a time again when it is written in nanoseconds or finer", () => {
    const fine = fc.constantFrom(9, 10, 12, 15, 0x80 + 30, 0x80 + 31, 0x80 + 33);
    const times = fc.tuple(fc.integer({ min: 0, max: 2 ** 31 }), fc.integer({ min: 0, max: 999_999_999 }));
    fc.assert(
      fc.property(fine, fc.array(times), (resolution, list) => {
        const clock = new TickClock(resolution);
        for (const [seconds, nanoseconds] of list) {
          if (BigInt(seconds + 1) * ticksPerSecond(resolution) >= 1n << 64n) continue;
          const low = clock.toTicks(seconds, nanoseconds);
          const read = clock.fromTicks(clock.high, low);
          expect([clock.seconds, read]).toEqual([seconds, nanoseconds]);
        }
      }),
    );
  });

  it("cuts a time down to a coarser power of ten", () => {
    const clock = new TickClock(6);
    expect(clock.toTicks(1, 123_456_999)).toBe(1_123_456);
    expect(clock.high).toBe(0);
  });

  it("refuses what 64 bits from its offset on cannot hold", () => {
    expect(new TickClock(9, 100).toTicks(99, 0)).toBe(-1);
    expect(new TickClock(9, 100).toTicks(100, 0)).toBe(0);
    expect(new TickClock(9).toTicks(18_446_744_080, 0)).toBe(-1);
    expect(new TickClock(12).toTicks(18_446_745, 0)).toBe(-1);
    expect(new TickClock(9).toTicks(Number.NaN, 0)).toBe(-1);
    expect(new TickClock(9).toTicks(0.5, 0)).toBe(-1);
    expect(new TickClock(9, -10).toTicks(-10, 5)).toBe(5);
  });

  it("reads the examples of the draft (isb_starttime, microseconds)", () => {
    // Little-endian '96 c3 04 00 73 89 6a 65' is 2012-06-29 06:17:00.834163 UTC.
    const clock = new TickClock(6);
    expect(clock.fromTicks(0x0004c396, 0x656a8973)).toBe(834_163_000);
    expect(new Date(clock.seconds * 1000).toISOString()).toBe("2012-06-29T06:17:00.000Z");
  });
});
