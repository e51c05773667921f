/** The connection table against a list that is searched from end to end. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { ConnTable } from "../../src/ipvs/conn-table.ts";
import { IpVsConn } from "../../src/ipvs/conn.ts";
import { IpVsDest } from "../../src/ipvs/dest.ts";
import { IpVsService } from "../../src/ipvs/service.ts";

const TCP = 6;
const UDP = 17;
const SERVICE = new IpVsService({ fwmark: 1 }, "rr");
const destination = (ip: number, forwarding: "masq" | "droute" = "masq"): IpVsDest =>
  new IpVsDest(SERVICE, { ip, port: 0, weight: 1, forwarding });

interface Entry {
  readonly conn: IpVsConn;
  expiresAt: number;
}

interface Model {
  now: number;
  entries: Entry[];
}

/** Protocol, client, client's port, virtual address; the virtual port is 80. */
type Key = readonly [protocol: number, clientIp: number, clientPort: number, virtualIp: number];

const PORT = 80;
const findIn = ({ entries }: Model, [protocol, ip, port, virtualIp]: Key): IpVsConn | undefined =>
  entries.find(
    ({ conn }) =>
      conn.protocol === protocol && conn.clientIp === ip && conn.clientPort === port && conn.virtualIp === virtualIp,
  )?.conn;
/** All that a real server's answer could be of; several if two virtual addresses lead to one server. */
const findOut = ({ entries }: Model, [protocol, ip, port]: Key, server: number): readonly IpVsConn[] =>
  entries
    .filter(
      ({ conn }) =>
        conn.protocol === protocol && conn.clientIp === ip && conn.clientPort === port && conn.destIp === server,
    )
    .map(({ conn }) => conn);

class Insert implements fc.Command<Model, ConnTable> {
  readonly key: Key;
  readonly server: number;
  readonly timeout: number;
  constructor(key: Key, server: number, timeout: number) {
    this.key = key;
    this.server = server;
    this.timeout = timeout;
  }
  check(model: Readonly<Model>): boolean {
    return findIn(model, this.key) === undefined;
  }
  run(model: Model, table: ConnTable): void {
    const [protocol, clientIp, clientPort, virtualIp] = this.key;
    const conn = new IpVsConn(protocol, clientIp, clientPort, virtualIp, PORT, destination(this.server), false);
    conn.timeout = this.timeout;
    table.insert(conn);
    table.refresh(conn, { now: model.now });
    model.entries.push({ conn, expiresAt: model.now + this.timeout });
  }
  toString(): string {
    return `insert ${this.key.join()} to ${this.server} for ${this.timeout}`;
  }
}

class Find implements fc.Command<Model, ConnTable> {
  readonly key: Key;
  readonly server: number;
  constructor(key: Key, server: number) {
    this.key = key;
    this.server = server;
  }
  check(): boolean {
    return true;
  }
  run(model: Model, table: ConnTable): void {
    const [protocol, clientIp, clientPort, virtualIp] = this.key;
    expect(table.findIn(protocol, clientIp, clientPort, virtualIp, PORT)).toBe(findIn(model, this.key));
    const expected = findOut(model, this.key, this.server);
    const found = table.findOut(protocol, clientIp, clientPort, this.server, PORT);
    if (expected.length === 0) expect(found).toBeUndefined();
    else expect(expected).toContain(found);
  }
  toString(): string {
    return `find ${this.key.join()} or its answer from ${this.server}`;
  }
}

/** A packet passes, or the connection is deleted. */
class Touch implements fc.Command<Model, ConnTable> {
  readonly which: number;
  readonly timeout: number;
  readonly isDeleted: boolean;
  constructor(which: number, timeout: number, isDeleted: boolean) {
    this.which = which;
    this.timeout = timeout;
    this.isDeleted = isDeleted;
  }
  check(model: Readonly<Model>): boolean {
    return model.entries.length > 0;
  }
  run(model: Model, table: ConnTable): void {
    const entry = model.entries[this.which % model.entries.length]!;
    if (this.isDeleted) {
      table.delete(entry.conn);
      model.entries = model.entries.filter((each) => each !== entry);
      return;
    }
    entry.conn.timeout = this.timeout;
    entry.expiresAt = model.now + this.timeout;
    table.refresh(entry.conn, { now: model.now });
  }
  toString(): string {
    return this.isDeleted ? `delete ${this.which}` : `packet of ${this.which}, kept for ${this.timeout}`;
  }
}

class Wait implements fc.Command<Model, ConnTable> {
  readonly time: number;
  constructor(time: number) {
    this.time = time;
  }
  check(): boolean {
    return true;
  }
  run(model: Model, table: ConnTable): void {
    const next = Math.min(Number.POSITIVE_INFINITY, ...model.entries.map(({ expiresAt }) => expiresAt));
    expect(table.nextExpiry()).toBe(next);
    model.now += this.time;
    for (;;) {
      const conn = table.expired({ now: model.now });
      if (conn === undefined) break;
      expect(model.entries.find((entry) => entry.conn === conn)!.expiresAt).toBeLessThanOrEqual(model.now);
      table.delete(conn);
    }
    model.entries = model.entries.filter(({ expiresAt }) => expiresAt > model.now);
    expect(table.list()).toEqual(model.entries.map(({ conn }) => conn));
    expect(table.size).toBe(model.entries.length);
  }
  toString(): string {
    return `wait ${this.time}`;
  }
}

test("agrees with a list", () => {
  const small = fc.nat(3);
  const key = fc.tuple(fc.constantFrom(TCP, UDP), small, small, small);
  const timeout = fc.constantFrom(10, 60, 120, 900);
  const commands = [
    fc.tuple(key, small, timeout).map(([each, server, time]) => new Insert(each, server, time)),
    fc.tuple(key, small).map(([each, server]) => new Find(each, server)),
    fc.tuple(fc.nat(99), timeout, fc.boolean()).map(([which, time, isDeleted]) => new Touch(which, time, isDeleted)),
    fc.nat(200).map((time) => new Wait(time)),
  ];
  fc.assert(
    fc.property(fc.commands(commands, { maxCommands: 200 }), (list) => {
      fc.modelRun(() => ({ model: { now: 0, entries: [] }, real: new ConnTable() }), list);
    }),
    { numRuns: 300 },
  );
});

test("without NAT a real server answers as the virtual address", () => {
  const table = new ConnTable();
  const conn = new IpVsConn(TCP, 1, 40_000, 2, PORT, destination(3, "droute"), false);
  table.insert(conn);
  expect(table.findOut(TCP, 1, 40_000, 2, PORT)).toBe(conn);
  expect(table.findOut(TCP, 1, 40_000, 3, PORT)).toBeUndefined();
});

test("many connections: found, and gone when their time is up, however many there are", () => {
  const table = new ConnTable();
  const dest = destination(9);
  const count = 200_000;
  const open = (index: number): void => {
    const conn = new IpVsConn(TCP, (index / 50_000) | 0, 10_000 + (index % 50_000), 2, PORT, dest, false);
    conn.timeout = 900;
    table.insert(conn);
    table.refresh(conn, { now: index });
  };
  for (let index = 0; index < count; index++) open(index);
  expect(table.size).toBe(count);
  for (let index = 0; index < count; index += 997) {
    const found = table.findIn(TCP, (index / 50_000) | 0, 10_000 + (index % 50_000), 2, PORT)!;
    expect(found.serial).toBe(index + 1);
  }
  let expired = 0;
  for (let conn = table.expired({ now: 100_900 }); conn !== undefined; conn = table.expired({ now: 100_900 })) {
    table.delete(conn);
    expired++;
  }
  expect(expired).toBe(100_001);
  expect(table.nextExpiry()).toBe(100_901);
});
