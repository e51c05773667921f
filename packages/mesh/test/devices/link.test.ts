import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Fate, Link, PERFECT_LINK } from "../../src/devices/link.ts";
import { Random } from "../../src/sim/random.ts";

const link = (change: Parameters<Link["change"]>[0] = {}, seed = 1): Link => {
  const made = new Link({ ...PERFECT_LINK, latencyNs: 1000 }, new Random(seed, "link"));
  if (Object.keys(change).length > 0) made.change(change);
  return made;
};

/** The fates of as many frames of 1000 bytes, one every `gapNs`. */
function send(
  cable: Link,
  count: number,
  gapNs = 10,
): { fate: Fate; sentAt: number; at: number; isDoubled: boolean }[] {
  return Array.from({ length: count }, (_, index) => {
    const sentAt = index * gapNs;
    const fate = cable.fateOf(1000, { now: sentAt });
    return { fate, sentAt, at: cable.arrivesAt, isDoubled: cable.isDoubled };
  });
}

describe("a cable", () => {
  test("delays, and that is all", () => {
    for (const { fate, sentAt, at, isDoubled } of send(link(), 100))
      expect([fate, at - sentAt, isDoubled]).toEqual([Fate.arrives, 1000, false]);
  });

  test("loses and doubles the shares that it is to, by the seed", () => {
    const fates = send(link({ loss: 0.2, duplicate: 0.1 }), 10_000);
    const lost = fates.filter(({ fate }) => fate === Fate.lost).length;
    const doubled = fates.filter(({ fate, isDoubled }) => fate === Fate.arrives && isDoubled).length;
    expect(lost / 10_000).toBeCloseTo(0.2, 1);
    expect(doubled / (10_000 - lost)).toBeCloseTo(0.1, 1);
    expect(send(link({ loss: 0.2, duplicate: 0.1 }), 10_000)).toEqual(fates);
    expect(send(link({ loss: 0.2, duplicate: 0.1 }, 2), 10_000)).not.toEqual(fates);
    expect(send(link({ loss: 1 }), 10).every(({ fate }) => fate === Fate.lost)).toBe(true);
  });

  test("with a rate, sends one frame after the other", () => {
    // 8000 bits a microsecond.
    const [first, second, third] = send(link({ rate: 8e9 }), 3);
    expect([first?.at, second?.at, third?.at]).toEqual([2000, 3000, 4000]);
  });

  test("with a rate, takes a thousand frames and no more", () => {
    const fates = send(link({ rate: 8e6 }), 3000, 0);
    const taken = fates.filter(({ fate }) => fate === Fate.arrives).length;
    expect(taken).toBeGreaterThan(1000);
    expect(taken).toBeLessThan(2000);
    expect(fates.at(-1)?.fate).toBe(Fate.queueFull);
  });

  test("keeps the order of frames, also when its delay becomes shorter, unless it is to reorder", () => {
    const cable = link({ latencyNs: 5000 });
    cable.fateOf(1000, { now: 0 });
    cable.change({ latencyNs: 10 });
    cable.fateOf(1000, { now: 100 });
    expect(cable.arrivesAt).toBe(5000);
    const times = send(link({ reorder: 0.5 }), 100).map(({ at }) => at);
    expect(times).not.toEqual(times.toSorted((a, b) => a - b));
  });

  test("takes no packets above its MTU, and tells nobody", () => {
    const cable = link({ mtu: 986 });
    expect(cable.fateOf(1000, { now: 0 })).toBe(Fate.arrives);
    expect(cable.fateOf(1001, { now: 0 })).toBe(Fate.tooLong);
  });

  test("loses the very frames that it is to lose", () => {
    const cable = link();
    send(cable, 3);
    cable.change({ drop: [2, 3, 5] });
    const { lost, arrives } = Fate;
    expect(send(cable, 6).map(({ fate }) => fate)).toEqual([arrives, lost, lost, arrives, lost, arrives]);
  });

  test("is as it was when all is right again", () => {
    const cable = link({ loss: 1, latencyNs: 1, mtu: 10, drop: [1] });
    cable.restore();
    expect([cable.fateOf(1500, { now: 0 }), cable.arrivesAt]).toEqual([Fate.arrives, 1000]);
  });

  test("never lets a frame arrive before it was sent, nor loses order without being told to", () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    const rates = fc.option(fc.integer({ min: 1000, max: 1e9 }), { nil: undefined });
    const gaps = fc.array(fc.nat({ max: 5000 }), { maxLength: 50 });
    fc.assert(
      fc.property(share, share, rates, gaps, (loss, duplicate, rate, list) => {
        const cable = link({ loss, duplicate, ...(rate === undefined ? {} : { rate }) });
        let now = 0;
        let last = 0;
        for (const gap of list) {
          now += gap;
          if (cable.fateOf(64, { now }) !== Fate.arrives) continue;
          expect(cable.arrivesAt).toBeGreaterThanOrEqual(Math.max(now, last));
          last = cable.arrivesAt;
        }
      }),
    );
  });
});
