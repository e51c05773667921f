import { expect, test } from "vitest";
import { IpIdentification } from "../../src/host/ip-identification.ts";
import { Random } from "../../src/sim/random.ts";

const JIFFY = 4_000_000;
const make = (): IpIdentification => new IpIdentification(new Random(1, "test"));

test("within a tick a flow's identifications follow each other", () => {
  const table = make();
  const first = table.next(1, 2, 17, 0, { now: 0 });
  const next = [1, 2, 3].map(() => table.next(1, 2, 17, 0, { now: 0 }));
  expect(next).toEqual([1, 2, 3].map((step) => (first + step) & 0xffff));
});

test("after a pause they jump, by no more than the ticks that have passed", () => {
  const table = make();
  const jumps = new Set<number>();
  let before = table.next(1, 2, 17, 0, { now: 0 });
  for (let round = 1; round <= 200; round++) {
    const id = table.next(1, 2, 17, 0, { now: round * 10 * JIFFY });
    jumps.add((id - before) & 0xffff);
    before = id;
  }
  expect(Math.min(...jumps)).toBe(1);
  expect(Math.max(...jumps)).toBe(10);
});

test("addresses, protocol and namespace choose the counter", () => {
  const of = (srcIp: number, dstIp: number, protocol: number, key: number): number =>
    make().next(srcIp, dstIp, protocol, key, { now: 0 });
  const ids = [of(1, 2, 17, 0), of(3, 2, 17, 0), of(1, 9, 17, 0), of(1, 2, 1, 0), of(1, 2, 17, 77)];
  expect(new Set(ids).size).toBe(ids.length);
  expect(of(1, 2, 17, 0)).toBe(ids[0]);
});
