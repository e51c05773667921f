import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AGEING_TIME, Fdb } from "../../src/tables/fdb.ts";

interface Entry {
  readonly mac: number;
  readonly port: number;
  readonly kind: "learned" | "static" | "local";
  readonly at: number;
}

interface Model {
  now: number;
  entries: Entry[];
}

const live = (model: Readonly<Model>, mac: number): Entry | undefined =>
  model.entries.find((entry) => entry.mac === mac && (entry.kind !== "learned" || model.now - entry.at < 100));

function put(model: Model, mac: number, port: number, kind: Entry["kind"]): void {
  model.entries = model.entries.filter((entry) => entry.mac !== mac);
  model.entries.push({ mac, port, kind, at: model.now });
}

class Learn implements fc.Command<Model, Fdb> {
  readonly mac: number;
  readonly port: number;
  constructor(mac: number, port: number) {
    this.mac = mac;
    this.port = port;
  }
  check(): boolean {
    return true;
  }
  run(model: Model, fdb: Fdb): void {
    const known = live(model, this.mac);
    const isNews = known === undefined || (known.kind !== "local" && known.port !== this.port);
    expect(fdb.learn(this.mac, this.port, model.now)).toBe(isNews);
    if (known?.kind !== "local") put(model, this.mac, this.port, known?.kind ?? "learned");
  }
  toString(): string {
    return `learn(${this.mac}, ${this.port})`;
  }
}

class AddLocal implements fc.Command<Model, Fdb> {
  readonly mac: number;
  readonly port: number;
  constructor(mac: number, port: number) {
    this.mac = mac;
    this.port = port;
  }
  check(): boolean {
    return true;
  }
  run(model: Model, fdb: Fdb): void {
    fdb.addLocal(this.mac, this.port, model.now);
    if (live(model, this.mac)?.kind !== "local") put(model, this.mac, this.port, "local");
  }
  toString(): string {
    return `addLocal(${this.mac}, ${this.port})`;
  }
}

class AddStatic implements fc.Command<Model, Fdb> {
  readonly mac: number;
  readonly port: number;
  constructor(mac: number, port: number) {
    this.mac = mac;
    this.port = port;
  }
  check(): boolean {
    return true;
  }
  run(model: Model, fdb: Fdb): void {
    fdb.addStatic(this.mac, this.port, model.now);
    put(model, this.mac, this.port, "static");
  }
  toString(): string {
    return `addStatic(${this.mac}, ${this.port})`;
  }
}

class Wait implements fc.Command<Model, Fdb> {
  readonly time: number;
  constructor(time: number) {
    this.time = time;
  }
  check(): boolean {
    return true;
  }
  run(model: Model, fdb: Fdb): void {
    model.now += this.time;
    for (let mac = 1; mac <= 4; mac++) {
      const found = fdb.find(mac, model.now);
      expect(found?.port).toBe(live(model, mac)?.port);
      expect(found?.isLocal ?? false).toBe(live(model, mac)?.kind === "local");
    }
  }
  toString(): string {
    return `wait(${this.time})`;
  }
}

describe("Fdb", () => {
  test("is what a list that is searched would be", () => {
    const mac = fc.integer({ min: 1, max: 4 });
    const port = fc.integer({ min: 1, max: 3 });
    const commands = fc.commands(
      [
        fc.tuple(mac, port).map(([address, number]) => new Learn(address, number)),
        fc.tuple(mac, port).map(([address, number]) => new AddLocal(address, number)),
        fc.tuple(mac, port).map(([address, number]) => new AddStatic(address, number)),
        fc.integer({ min: 0, max: 150 }).map((time) => new Wait(time)),
      ],
      { maxCommands: 60 },
    );
    fc.assert(
      fc.property(commands, (list) =>
        fc.modelRun(() => ({ model: { now: 0, entries: [] }, real: new Fdb(100) }), list),
      ),
    );
  });

  test("an address is known for 300 s after it was last seen", () => {
    const fdb = new Fdb();
    fdb.learn(5, 1, 0);
    expect(AGEING_TIME).toBe(300e9);
    expect(fdb.find(5, AGEING_TIME - 1)?.port).toBe(1);
    expect(fdb.find(5, AGEING_TIME)).toBeUndefined();
  });

  test("an address that moves is found at its new port", () => {
    const fdb = new Fdb();
    fdb.learn(5, 1, 0);
    expect(fdb.learn(5, 2, 1)).toBe(true);
    expect(fdb.find(5, 1)?.port).toBe(2);
  });

  test("a port's own address is not learned elsewhere", () => {
    const fdb = new Fdb();
    fdb.addLocal(5, 1, 0);
    expect(fdb.learn(5, 2, 1)).toBe(false);
    expect(fdb.find(5, 400e9)).toMatchObject({ port: 1, isLocal: true });
  });
});
