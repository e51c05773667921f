import { expect, test } from "vitest";
import { Random } from "../../src/sim/random.ts";

const draw = (random: Random, count: number): number[] => Array.from({ length: count }, () => random.int32());

test("the same seed and purpose give the same numbers, another of either does not", () => {
  const numbers = draw(new Random(1, "mac"), 8);
  expect(draw(new Random(1, "mac"), 8)).toEqual(numbers);
  expect(draw(new Random(2, "mac"), 8)).not.toEqual(numbers);
  expect(draw(new Random(1, "id"), 8)).not.toEqual(numbers);
});

test("below is in range and reaches both ends", () => {
  const random = new Random(7, "test");
  const seen = new Set(Array.from({ length: 1000 }, () => random.below(10)));
  expect([...seen].toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test("a MAC is unicast and locally administered", () => {
  const random = new Random(7, "test");
  for (let draws = 0; draws < 100; draws++) {
    const first = Math.floor(random.mac() / 0x10000000000);
    expect(first & 0b11).toBe(0b10);
    expect(first).toBeLessThan(256);
  }
});
