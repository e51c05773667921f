/** When a node knows what another has done, as connections come and go. Times are seconds here. */
import { IpProtocol } from "@hopscope/codec/code-points";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { PacketFilter } from "../../src/scenario/step.ts";
import { NO_TROUBLE, type Trouble } from "../../src/swarm/connectivity.ts";
import { Gossip } from "../../src/swarm/gossip.ts";

const SECOND = 1e9;
const NEVER = Number.POSITIVE_INFINITY;

function gossip(nodes: number, seed = 1): Gossip {
  return new Gossip(
    seed,
    Array.from({ length: nodes }, (_, index) => 0x0a000001 + index),
  );
}

const cut: Partial<Trouble> = { isCut: true };
const blocked = (...blocks: readonly PacketFilter[]): Partial<Trouble> => ({
  firewalls: [blocks.map((filter) => ({ filter, drops: true }))],
});
const port = { first: 7946, last: 7946 };
const udp: PacketFilter = { protocol: IpProtocol.udp, dstPort: port };
const tcp: PacketFilter = { protocol: IpProtocol.tcp, dstPort: port };

function change(of: Gossip, seconds: number, troubles: Readonly<Record<number, Partial<Trouble>>>): void {
  const all = Object.entries(troubles).map(([node, trouble]) => [Number(node), { ...NO_TROUBLE, ...trouble }] as const);
  of.change(seconds * SECOND, new Map(all));
}

const arrival = (of: Gossip, seconds: number, from: number, to: number, record = 0): number =>
  of.arrival(seconds * SECOND, from, to, record) / SECOND;

/** When `to` takes `from` for dead, and when no more; to a hundredth of a second. */
function turns(of: Gossip, from: number, to: number, until: number): readonly number[] {
  const found: number[] = [];
  let isLost = false;
  for (let tick = 0; tick <= until * 100; tick++) {
    if (of.isLost(from, to, (tick * SECOND) / 100) === isLost) continue;
    isLost = !isLost;
    found.push(tick / 100);
  }
  return found;
}

describe("nothing is wrong", () => {
  test("three nodes know within a round, a thousand within five more", () => {
    for (const [nodes, rounds] of [
      [3, 1],
      [4, 1],
      [16, 2],
      [1000, 5],
    ] as const) {
      const of = gossip(nodes);
      let latest = 0;
      for (let to = 1; to < nodes; to++) latest = Math.max(latest, arrival(of, 100, 0, to) - 100);
      expect(latest).toBeLessThanOrEqual(rounds * 0.2 + 0.002);
      expect(of.hasSettled(100 * SECOND, (100 + latest) * SECOND)).toBe(false);
      expect(of.hasSettled(100 * SECOND, 102 * SECOND)).toBe(true);
    }
  });
});

describe("a node that is cut off", () => {
  test("does not hear, and what it missed comes as soon as it is joined again", () => {
    const of = gossip(3);
    change(of, 100, { 2: cut });
    expect(arrival(of, 110, 0, 1)).toBeLessThan(110.3);
    expect(arrival(of, 110, 0, 2)).toBe(NEVER);
    expect(arrival(of, 110, 2, 0)).toBe(NEVER);
    change(of, 150, {});
    for (const [from, to] of [
      [0, 2],
      [2, 0],
    ] as const) {
      const at = arrival(of, 110, from, to);
      expect(at).toBeGreaterThan(150);
      expect(at).toBeLessThan(151.5);
    }
  });

  test("is dead for the others after probe and suspicion, and they for it; back within a second or so", () => {
    const of = gossip(3);
    change(of, 100, { 2: cut });
    change(of, 150, {});
    // Both others probe it each second: 0 to 1 s, 1 s for the probe, 4 s of suspicion, a round.
    for (const [from, to, least, most] of [
      [2, 0, 105, 106.3],
      [2, 1, 105, 106.3],
      // Alone it probes two in turn.
      [0, 2, 105, 107.2],
    ] as const) {
      const [dead, alive, ...more] = turns(of, from, to, 200);
      expect(more).toEqual([]);
      expect(dead).toBeGreaterThanOrEqual(least);
      expect(dead).toBeLessThanOrEqual(most);
      expect(alive).toBeGreaterThan(150);
      expect(alive).toBeLessThan(151.5);
    }
    expect(turns(of, 0, 1, 200)).toEqual([]);
  });

  test("for less than that is not dead, and what it missed comes with the bulk synchronization", () => {
    const of = gossip(3);
    change(of, 100, { 2: cut });
    change(of, 104, {});
    expect(turns(of, 2, 0, 200)).toEqual([]);
    const at = arrival(of, 101, 0, 2);
    expect(at).toBeGreaterThan(104);
    expect(at).toBeLessThan(134.1);
  });

  test("for a moment hears it in one of the next rounds", () => {
    const of = gossip(3);
    change(of, 100, { 2: cut });
    change(of, 100.5, {});
    const at = arrival(of, 100.1, 0, 2);
    expect(at).toBeGreaterThan(100.5);
    expect(at).toBeLessThan(101);
  });

  test("a hundred nodes take twice as long to give up, and one alone much longer to give up them", () => {
    const of = gossip(100);
    change(of, 100, { 7: cut });
    const [dead] = turns(of, 7, 3, 140);
    expect(dead).toBeGreaterThan(109);
    expect(dead).toBeLessThan(112);
    expect(turns(of, 3, 7, 140)).toEqual([]);
  });
});

describe("ports that are blocked", () => {
  test("UDP alone: nobody is dead, and what is told comes every half minute", () => {
    const of = gossip(3);
    change(of, 100, { 2: blocked(udp) });
    expect(turns(of, 2, 0, 200)).toEqual([]);
    const times = Array.from({ length: 20 }, (_, record) => arrival(of, 110 + record, 0, 2, record) - 110 - record);
    expect(Math.max(...times)).toBeGreaterThan(10);
    expect(Math.max(...times)).toBeLessThan(30.1);
    // One synchronization brings all that was told since the last.
    expect(new Set(times.map((time, record) => Math.round(time + record))).size).toBeLessThan(4);
  });

  test("TCP alone: gossip goes on", () => {
    const of = gossip(3);
    change(of, 100, { 2: blocked(tcp) });
    expect(arrival(of, 110, 0, 2)).toBeLessThan(110.3);
    expect(turns(of, 2, 0, 200)).toEqual([]);
  });

  test("both: as if the cable were cut", () => {
    const of = gossip(3);
    change(of, 100, { 2: blocked(udp, tcp) });
    expect(arrival(of, 110, 0, 2)).toBe(NEVER);
    expect(turns(of, 2, 0, 120)).toHaveLength(1);
  });

  test("between two of three: the third passes it on", () => {
    const of = gossip(3);
    const other = { dstIp: { address: 0x0a000001, prefixLength: 32 } };
    change(of, 100, { 2: blocked({ ...udp, ...other }, { ...tcp, ...other }) });
    expect(turns(of, 2, 0, 200)).toEqual([]);
    expect(arrival(of, 110, 2, 0)).toBeLessThan(111);
  });

  test("one way of UDP: the other way still tells", () => {
    const of = gossip(2);
    change(of, 100, { 1: blocked({ ...udp, direction: "in" }) });
    expect(arrival(of, 110, 1, 0)).toBeLessThan(110.3);
    expect(arrival(of, 110, 0, 1)).toBeGreaterThan(110.3);
    expect(arrival(of, 110, 0, 1)).toBeLessThan(140.1);
  });
});

test("a cable that loses a part delays a part, and nobody is dead", () => {
  const of = gossip(3);
  change(of, 100, { 2: { lossIn: 0.5, lossOut: 0.5 } });
  const delays = Array.from({ length: 200 }, (_, record) => arrival(of, 110, 0, 2, record) - 110);
  const share = (least: number, most: number): number =>
    delays.filter((delay) => delay >= least && delay < most).length / delays.length;
  // Four rounds: a half, a quarter, an eighth, a sixteenth; the rest comes later.
  expect(share(0, 0.202)).toBeGreaterThan(0.35);
  expect(share(0.202, 0.402)).toBeGreaterThan(0.12);
  expect(share(1, 31)).toBeGreaterThan(0.01);
  expect(share(1, 31)).toBeLessThan(0.15);
  expect(turns(of, 2, 0, 200)).toEqual([]);
});

test("two halves know their own, and everything when they are one again", () => {
  const of = gossip(6);
  const half = [0, 1, 2].flatMap((index) => {
    const range = { address: 0x0a000001 + index, prefixLength: 32 };
    return [{ srcIp: range }, { dstIp: range }];
  });
  const wall = blocked(
    ...half.flatMap((to) => [
      { ...udp, ...to },
      { ...tcp, ...to },
    ]),
  );
  change(of, 100, { 3: wall, 4: wall, 5: wall });
  expect(arrival(of, 120, 0, 2)).toBeLessThan(121);
  expect(arrival(of, 120, 3, 5)).toBeLessThan(121);
  expect(arrival(of, 120, 3, 0)).toBe(NEVER);
  expect(of.isLost(4, 1, 120 * SECOND)).toBe(true);
  expect(of.isLost(4, 5, 120 * SECOND)).toBe(false);
  change(of, 130, {});
  expect(arrival(of, 120, 3, 0)).toBeLessThan(132);
});

test("who loses its power is found dead, and what it had made with it, also if it is back sooner", () => {
  const of = gossip(3);
  change(of, 100, { 2: { isOff: true } });
  change(of, 102, {});
  const gone = arrival(of, 100, 2, 0);
  expect(gone).toBeGreaterThan(105);
  expect(gone).toBeLessThan(106.5);
  // What it makes now is its own again.
  expect(arrival(of, 103, 2, 0)).toBeLessThan(103.3);
});

test("an answer is the same whenever it is asked for, and waits for what is delivered", () => {
  const of = gossip(3);
  change(of, 100, { 2: cut });
  const told: number[] = [];
  const queue: { readonly time: number; readonly go: () => void }[] = [];
  const event = { time: 110 * SECOND, from: 0, to: 2, record: 9 };
  of.deliver(
    event,
    (time, go) => queue.push({ time, go }),
    () => told.push(1),
  );
  expect(queue).toEqual([]);
  change(of, 150, {});
  expect(queue.map(({ time }) => time / SECOND)).toEqual([arrival(of, 110, 0, 2, 9)]);
  // Cut again before it has come.
  change(of, 150.01, { 2: cut });
  queue.shift()!.go();
  expect(told).toEqual([]);
  change(of, 200, {});
  queue.shift()!.go();
  expect(told).toEqual([1]);
});

test("whatever happens to cables, nothing is known before it is done, nor forgotten by who was always there", () => {
  const trouble = fc.constantFrom<Partial<Trouble>>(cut, blocked(udp), blocked(tcp), blocked(udp, tcp), {
    lossIn: 0.3,
  });
  const changes = fc.array(
    fc.tuple(fc.integer({ min: 1, max: 40 }), fc.dictionary(fc.constantFrom("2", "3"), trouble)),
    { maxLength: 8 },
  );
  fc.assert(
    fc.property(changes, fc.integer({ min: 0, max: 200 }), (steps, at) => {
      const of = gossip(4);
      let now = 50;
      for (const [seconds, troubles] of steps) {
        now += seconds;
        change(of, now, troubles);
      }
      change(of, now + 20, {});
      for (let from = 0; from < 4; from++)
        for (let to = 0; to < 4; to++) {
          const known = arrival(of, at, from, to, 7);
          expect(known).toBeGreaterThanOrEqual(at);
          // All is well in the end.
          expect(known).toBeLessThan(Math.max(at, now + 20) + 31);
          expect(of.isLost(from, to, (now + 25) * SECOND)).toBe(false);
          if (from < 2 && to < 2) expect(of.isLost(from, to, at * SECOND)).toBe(false);
        }
    }),
  );
});

test("what was wrong long ago is forgotten, and makes no difference", () => {
  const of = gossip(5);
  for (let turn = 0; turn < 100; turn++) {
    change(of, 200 * turn + 1, { 1: cut });
    change(of, 200 * turn + 60, {});
  }
  expect(of.remembered).toBeLessThan(5);
  const now = 100 * 200 * SECOND;
  for (let node = 0; node < 5; node++)
    for (let other = 0; other < 5; other++) expect(of.isLost(node, other, now)).toBe(false);
  expect(arrival(of, 30, 1, 2)).toBeLessThan(32);
  change(of, 20_001, { 1: cut });
  expect(arrival(of, 20_002, 1, 2)).toBe(NEVER);
  expect(of.isLost(1, 2, 20_020 * SECOND)).toBe(true);
});
