import { describe, expect, test } from "vitest";
import { Random } from "../../src/sim/random.ts";
import {
  BASE_REACHABLE_TIME,
  DELAY_FIRST_PROBE_TIME,
  type Neighbor,
  NeighborAction,
  NeighborState,
  NeighborTable,
  drawReachableTime,
  RETRANS_TIME,
} from "../../src/tables/neighbor.ts";

const SECOND = 1e9;
const make = (): { table: NeighborTable; entry: Neighbor } => {
  const table = new NeighborTable(drawReachableTime(new Random(1, "test")));
  return { table, entry: table.create(2, 0x0a000905, 0) };
};

describe("neighbor table, Linux net/core/neighbour.c", () => {
  test("an unknown neighbor is asked three times, one second apart, then given up", () => {
    const { table, entry } = make();
    expect(table.use(entry, 0)).toBe(NeighborAction.probeBroadcast);
    expect(table.use(entry, 10)).toBe(NeighborAction.wait);
    expect(entry.timerAt).toBe(RETRANS_TIME);
    expect(table.expire(entry, 1 * SECOND)).toBe(NeighborAction.probeBroadcast);
    expect(table.expire(entry, 2 * SECOND)).toBe(NeighborAction.probeBroadcast);
    expect(table.expire(entry, 3 * SECOND)).toBe(NeighborAction.fail);
    expect(entry.state).toBe(NeighborState.failed);
    expect(entry.timerAt).toBe(Number.POSITIVE_INFINITY);
    expect(table.use(entry, 4 * SECOND)).toBe(NeighborAction.probeBroadcast);
  });

  test("an answer makes it reachable, and what waits can go", () => {
    const { table, entry } = make();
    table.use(entry, 0);
    expect(table.update(entry, 0x42, NeighborState.reachable, true, 100)).toBe(true);
    expect(entry).toMatchObject({ state: NeighborState.reachable, mac: 0x42 });
    expect(table.use(entry, 200)).toBe(NeighborAction.send);
    expect(table.reachableTime).toBeGreaterThanOrEqual(BASE_REACHABLE_TIME / 2);
    expect(table.reachableTime).toBeLessThan(BASE_REACHABLE_TIME * 1.5);
  });

  test("a stale entry is used, and five seconds later questioned by unicast", () => {
    const { table, entry } = make();
    table.set(entry, 0x42, NeighborState.stale, 0);
    expect(table.use(entry, 1 * SECOND)).toBe(NeighborAction.send);
    expect(entry).toMatchObject({ state: NeighborState.delay, timerAt: 1 * SECOND + DELAY_FIRST_PROBE_TIME });
    expect(table.expire(entry, 6 * SECOND)).toBe(NeighborAction.probeUnicast);
    expect(table.expire(entry, 7 * SECOND)).toBe(NeighborAction.probeUnicast);
    expect(table.expire(entry, 8 * SECOND)).toBe(NeighborAction.probeUnicast);
    expect(table.expire(entry, 9 * SECOND)).toBe(NeighborAction.fail);
  });

  test("an answer within the delay spares the probe, even one that is not believed", () => {
    const { table, entry } = make();
    table.set(entry, 0x42, NeighborState.stale, 0);
    table.use(entry, 1 * SECOND);
    table.update(entry, 0x99, NeighborState.reachable, false, 1.5 * SECOND);
    expect(entry).toMatchObject({ state: NeighborState.delay, mac: 0x42 });
    expect(table.expire(entry, 6 * SECOND)).toBe(NeighborAction.nothing);
    expect(entry).toMatchObject({ state: NeighborState.reachable, mac: 0x42 });
  });

  test("an address that is only hearsay is not confirmed by what the old one answered", () => {
    const { table, entry } = make();
    table.update(entry, 0x42, NeighborState.reachable, true, 0);
    table.update(entry, 0x99, NeighborState.stale, true, 0);
    table.use(entry, 0);
    expect(table.expire(entry, 5 * SECOND)).toBe(NeighborAction.probeUnicast);
  });

  test("an answer to a reachable neighbor moves no timer: the old one finds it confirmed", () => {
    const { table, entry } = make();
    table.update(entry, 0x42, NeighborState.reachable, true, 0);
    const due = entry.timerAt;
    table.update(entry, 0x42, NeighborState.reachable, true, 10 * SECOND);
    expect(entry.timerAt).toBe(due);
    table.expire(entry, due);
    expect(entry).toMatchObject({ state: NeighborState.reachable, timerAt: due + 10 * SECOND + 1 });
  });

  test("a reachable entry that was not used grows stale, one in use is questioned", () => {
    const { table, entry } = make();
    table.update(entry, 0x42, NeighborState.reachable, true, 0);
    const due = table.reachableTime + 1;
    expect(table.expire(entry, due)).toBe(NeighborAction.nothing);
    expect(entry.state).toBe(NeighborState.stale);

    const other = table.create(2, 0x0a000906, 0);
    table.update(other, 0x43, NeighborState.reachable, true, 0);
    table.use(other, due - 1);
    table.expire(other, due);
    expect(other).toMatchObject({ state: NeighborState.delay, timerAt: due + DELAY_FIRST_PROBE_TIME });
  });

  test("hearsay does not weaken what an answer said, and does not replace it without leave", () => {
    const { table, entry } = make();
    table.update(entry, 0x42, NeighborState.reachable, true, 0);
    table.update(entry, 0x42, NeighborState.stale, false, 10);
    expect(entry.state).toBe(NeighborState.reachable);
    table.update(entry, 0x99, NeighborState.stale, false, 20);
    expect(entry).toMatchObject({ state: NeighborState.reachable, mac: 0x42 });
    table.update(entry, 0x99, NeighborState.stale, true, 2 * SECOND);
    expect(entry).toMatchObject({ state: NeighborState.stale, mac: 0x99 });
  });

  test("a permanent entry stays as it is", () => {
    const { table, entry } = make();
    table.set(entry, 0x42, NeighborState.permanent, 0);
    expect(table.update(entry, 0x99, NeighborState.reachable, true, 0)).toBe(false);
    expect(entry.mac).toBe(0x42);
    expect(table.use(entry, 0)).toBe(NeighborAction.send);
  });

  test("a deleted entry is not found", () => {
    const { table, entry } = make();
    table.delete(entry);
    expect(table.find(2, entry.ip)).toBeUndefined();
    expect(table.get(entry.id)).toBeUndefined();
    expect([...table.entries()]).toEqual([]);
  });
});
