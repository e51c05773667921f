/** The connection table against a list that is searched from its beginning. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Conntrack, ConntrackTable, CtDirection, CtStatus, invertPorts } from "../../src/tables/conntrack.ts";

const UDP = 17;
const ICMP = 1;

interface Tuple {
  readonly srcIp: number;
  readonly dstIp: number;
  readonly ports: number;
  readonly protocol: number;
}

interface Model {
  now: number;
  entries: { readonly ct: Conntrack; expiresAt: number }[];
}

const tupleOf = (ct: Conntrack, direction: CtDirection): Tuple => ({
  srcIp: ct.srcIp(direction),
  dstIp: ct.dstIp(direction),
  ports: ct.ports(direction),
  protocol: ct.protocol,
});
const same = (a: Tuple, b: Tuple): boolean =>
  a.srcIp === b.srcIp && a.dstIp === b.dstIp && a.ports === b.ports && a.protocol === b.protocol;

function find(model: Readonly<Model>, tuple: Tuple): readonly [Conntrack, CtDirection] | undefined {
  for (const { ct, expiresAt } of model.entries) {
    if (expiresAt <= model.now) continue;
    for (const direction of [CtDirection.original, CtDirection.reply]) {
      if (same(tupleOf(ct, direction), tuple)) return [ct, direction];
    }
  }
  return undefined;
}

class Insert implements fc.Command<Model, ConntrackTable> {
  readonly tuple: Tuple;
  readonly replyPort: number;
  readonly seconds: number;
  constructor(tuple: Tuple, replyPort: number, seconds: number) {
    this.tuple = tuple;
    this.replyPort = replyPort;
    this.seconds = seconds;
  }
  check(): boolean {
    return true;
  }
  run(model: Model, table: ConntrackTable): void {
    const { srcIp, dstIp, ports, protocol } = this.tuple;
    const ct = new Conntrack(protocol, srcIp, dstIp, ports);
    // As source NAT would have it.
    if (protocol === UDP) ct.replyPorts = (ct.replyPorts & 0xffff0000) | this.replyPort;
    ct.status |= CtStatus.srcNatDone;
    ct.refresh({ now: model.now }, this.seconds);
    const isFree = [CtDirection.original, CtDirection.reply].every(
      (direction) => find(model, tupleOf(ct, direction)) === undefined,
    );
    expect(table.insert(ct, { now: model.now })).toBe(isFree);
    if (isFree) model.entries.push({ ct, expiresAt: model.now + this.seconds });
  }
  toString(): string {
    return `insert ${JSON.stringify(this.tuple)} reply to ${this.replyPort} for ${this.seconds}`;
  }
}

class Find implements fc.Command<Model, ConntrackTable> {
  readonly tuple: Tuple;
  constructor(tuple: Tuple) {
    this.tuple = tuple;
  }
  check(): boolean {
    return true;
  }
  run(model: Model, table: ConntrackTable): void {
    const expected = find(model, this.tuple);
    const { srcIp, dstIp, ports, protocol } = this.tuple;
    const found = table.find(srcIp, dstIp, ports, protocol, { now: model.now });
    if (expected === undefined) {
      expect(found).toBe(-1);
      return;
    }
    expect(table.at(found)).toBe(expected[0]);
    // A tuple that is its own answer is found as either.
    if (!same(tupleOf(expected[0], CtDirection.original), tupleOf(expected[0], CtDirection.reply))) {
      expect(found & 1).toBe(expected[1]);
    }
    expect(table.isTaken(srcIp, dstIp, ports, protocol, expected[0], { now: model.now })).toBe(false);
  }
  toString(): string {
    return `find ${JSON.stringify(this.tuple)}`;
  }
}

/** Something is done to one of the live entries. */
class Touch implements fc.Command<Model, ConntrackTable> {
  readonly which: number;
  readonly seconds: number;
  readonly isDeleted: boolean;
  constructor(which: number, seconds: number, isDeleted: boolean) {
    this.which = which;
    this.seconds = seconds;
    this.isDeleted = isDeleted;
  }
  check(model: Readonly<Model>): boolean {
    return model.entries.some(({ expiresAt }) => expiresAt > model.now);
  }
  run(model: Model, table: ConntrackTable): void {
    const live = model.entries.filter(({ expiresAt }) => expiresAt > model.now);
    const entry = live[this.which % live.length]!;
    if (this.isDeleted) {
      table.delete(entry.ct);
      model.entries = model.entries.filter((each) => each !== entry);
      return;
    }
    entry.ct.refresh({ now: model.now }, this.seconds);
    entry.expiresAt = model.now + this.seconds;
  }
  toString(): string {
    return this.isDeleted ? `delete ${this.which}` : `refresh ${this.which} for ${this.seconds}`;
  }
}

class Wait implements fc.Command<Model, ConntrackTable> {
  readonly seconds: number;
  constructor(seconds: number) {
    this.seconds = seconds;
  }
  check(): boolean {
    return true;
  }
  run(model: Model, table: ConntrackTable): void {
    model.now += this.seconds;
    const live = model.entries.filter(({ expiresAt }) => expiresAt > model.now);
    expect(table.list(model.now)).toEqual(live.map(({ ct }) => ct));
    expect(table.size).toBeGreaterThanOrEqual(live.length);
  }
  toString(): string {
    return `wait ${this.seconds}`;
  }
}

test("agrees with a list", () => {
  const small = fc.nat(3);
  const tuple = fc.oneof(
    fc
      .record({ srcIp: small, dstIp: small, ports: fc.tuple(small, small).map(([a, b]) => (a << 16) | b) })
      .map((rest) => ({ ...rest, protocol: UDP })),
    fc
      .record({
        srcIp: small,
        dstIp: small,
        ports: fc.tuple(small, fc.constantFrom(0, 8)).map(([id, type]) => (id << 16) | (type << 8)),
      })
      .map((rest) => ({ ...rest, protocol: ICMP })),
  );
  const seconds = fc.integer({ min: 1, max: 50 });
  const commands = [
    fc.tuple(tuple, small, seconds).map(([each, port, time]) => new Insert(each, port, time)),
    tuple.map((each) => new Find(each)),
    fc.tuple(fc.nat(99), seconds, fc.boolean()).map(([which, time, isDeleted]) => new Touch(which, time, isDeleted)),
    fc.nat(40).map((time) => new Wait(time)),
  ];
  fc.assert(
    fc.property(fc.commands(commands, { maxCommands: 200 }), (list) => {
      fc.modelRun(() => ({ model: { now: 0, entries: [] }, real: new ConntrackTable() }), list);
    }),
    { numRuns: 300 },
  );
});

test("a tuple inverted twice is itself", () => {
  fc.assert(fc.property(fc.integer(), (ports) => invertPorts(UDP, invertPorts(UDP, ports)) === ports));
  for (const type of [0, 8, 13, 14, 15, 16, 17, 18]) {
    const ports = (7 << 16) | (type << 8);
    expect(invertPorts(ICMP, invertPorts(ICMP, ports))).toBe(ports);
  }
});

const insert = (table: ConntrackTable, port: number, status: number, now: number): Conntrack => {
  const ct = new Conntrack(UDP, 1, 2, port << 16);
  ct.status |= status;
  ct.refresh({ now }, 100);
  expect(table.insert(ct, { now })).toBe(true);
  return ct;
};

test("a full table makes room: what is past its time, then what is not assured, else not at all", () => {
  const table = new ConntrackTable();
  table.max = 4;
  insert(table, 1, CtStatus.assured, 0);
  const old = insert(table, 2, 0, 0);
  old.refresh({ now: 0 }, 10);
  insert(table, 3, CtStatus.assured, 0);
  expect(table.hasRoom(20)).toBe(true);
  insert(table, 4, 0, 20);
  insert(table, 5, CtStatus.assured, 20);
  expect(table.size).toBe(4);
  expect(table.hasRoom(20)).toBe(true);
  expect(table.find(1, 2, 4 << 16, UDP, { now: 20 })).toBe(-1);
  insert(table, 6, CtStatus.assured, 20);
  expect(table.hasRoom(20)).toBe(false);
});

test("many entries: found in constant time, and gone with their time", () => {
  const table = new ConntrackTable();
  for (let port = 0; port < 50_000; port++) insert(table, port, 0, port / 1000);
  expect(table.size).toBe(50_000);
  for (let port = 0; port < 50_000; port += 97) {
    expect(table.at(table.find(2, 1, port, UDP, { now: 60 })).originalPorts).toBe(port << 16);
  }
  expect(table.deleteIf(60, (entry) => (entry.originalPorts & 0x10000) === 0)).toBe(25_000);
  expect(table.list(60)).toHaveLength(25_000);
  // With each new one two old ones go.
  for (let port = 0; port < 50_000; port++) {
    const ct = new Conntrack(UDP, 3, 4, port << 16);
    ct.refresh({ now: 1000 }, 100);
    table.insert(ct, { now: 1000 });
  }
  expect(table.size).toBe(50_000);
});
