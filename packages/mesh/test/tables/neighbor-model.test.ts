/**
 * The neighbor table against a model of one neighbor that lives in whole seconds: in each, one thing happens, and then
 * the timers that are due.
 */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { Random } from "../../src/sim/random.ts";
import {
  type HeardState,
  type Neighbor,
  NeighborAction,
  NeighborState,
  NeighborTable,
  drawReachableTime,
  type SettableState,
} from "../../src/tables/neighbor.ts";

const SECOND = 1e9;
/** In the middle of what a kernel may draw, in seconds. */
const REACHABLE = 30;
const middle = { below: (bound: number) => bound / 2 } as unknown as Random;

interface Model {
  second: number;
  state: keyof typeof NeighborState;
  mac: number;
  /** Questions since the entry came to its state. */
  asked: number;
  /** Seconds at which things happened last. */
  enteredAt: number;
  changedAt: number;
  confirmedAt: number;
  usedAt: number;
}

interface Real {
  readonly table: NeighborTable;
  readonly entry: Neighbor;
}

const isKnown = ({ state }: Model): boolean => !["none", "incomplete", "failed"].includes(state);

function enter(model: Model, state: keyof typeof NeighborState): void {
  model.state = state;
  model.enteredAt = model.second;
  model.changedAt = model.second;
  model.asked = 0;
}

/** What the second brings, by itself: the question that is asked, if any. */
function tick(model: Model): "broadcast" | "unicast" | "fail" | undefined {
  const inState = model.second - model.enteredAt;
  switch (model.state) {
    case "reachable":
      if (model.second - model.confirmedAt >= REACHABLE)
        enter(model, model.second - model.usedAt < 5 ? "delay" : "stale");
      return undefined;
    case "delay": {
      if (inState < 5) return undefined;
      const next = model.second - model.confirmedAt < 5 ? "reachable" : "probe";
      enter(model, next);
      return next === "probe" ? question(model) : undefined;
    }
    case "probe":
    case "incomplete":
      return inState > 0 ? question(model) : undefined;
    default:
      return undefined;
  }
}

function question(model: Model): "broadcast" | "unicast" | "fail" {
  if (model.asked === 3) {
    enter(model, "failed");
    return "fail";
  }
  model.asked++;
  return model.state === "probe" ? "unicast" : "broadcast";
}

const QUESTIONS: ReadonlyMap<NeighborAction, string> = new Map<NeighborAction, string>([
  [NeighborAction.probeBroadcast, "broadcast"],
  [NeighborAction.probeUnicast, "unicast"],
  [NeighborAction.fail, "fail"],
]);

abstract class Command implements fc.Command<Model, Real> {
  check(): boolean {
    return true;
  }
  run(model: Model, real: Real): void {
    this.act(model, real, model.second * SECOND);
    expect(real.entry.state).toBe(NeighborState[model.state]);
    if (isKnown(model)) expect(real.entry.mac).toBe(model.mac);
    const hasTimer = ["incomplete", "reachable", "delay", "probe"].includes(model.state);
    expect(Number.isFinite(real.entry.timerAt)).toBe(hasTimer);
    endSecond(model, real);
  }
  abstract act(model: Model, real: Real, now: number): void;
}

function endSecond(model: Model, { table, entry }: Real): void {
  const asked: string[] = [];
  const expected = tick(model);
  while (entry.timerAt < (model.second + 1) * SECOND) {
    const told = QUESTIONS.get(table.expire(entry, entry.timerAt));
    if (told !== undefined) asked.push(told);
  }
  expect(asked).toEqual(expected === undefined ? [] : [expected]);
  expect(entry.state).toBe(NeighborState[model.state]);
  expect(Math.floor(entry.updatedAt / SECOND)).toBe(model.changedAt);
  model.second++;
}

class Use extends Command {
  override act(model: Model, { table, entry }: Real, now: number): void {
    model.usedAt = model.second;
    const action = table.use(entry, now);
    if (isKnown(model)) {
      expect(action).toBe(NeighborAction.send);
      if (model.state === "stale") enter(model, "delay");
    } else if (model.state === "incomplete") expect(action).toBe(NeighborAction.wait);
    else {
      expect(action).toBe(NeighborAction.probeBroadcast);
      enter(model, "incomplete");
      model.asked = 1;
    }
  }
  override toString(): string {
    return "use()";
  }
}

class Hear extends Command {
  readonly mac: number;
  readonly state: HeardState;
  readonly override: boolean;
  constructor(mac: number, isAnswer: boolean, override: boolean) {
    super();
    this.mac = mac;
    this.state = isAnswer ? NeighborState.reachable : NeighborState.stale;
    this.override = override;
  }
  override act(model: Model, { table, entry }: Real, now: number): void {
    const wasKnown = isKnown(model);
    const isPermanent = model.state === "permanent";
    expect(table.update(entry, this.mac, this.state, this.override, now)).toBe(!wasKnown);
    if (isPermanent) return;
    const isAnswer = this.state === NeighborState.reachable;
    if (isAnswer) model.confirmedAt = model.second;
    const isOther = !wasKnown || this.mac !== model.mac;
    if (wasKnown && isOther && !this.override) return;
    model.mac = this.mac;
    if (isAnswer) {
      if (model.state !== "reachable") enter(model, "reachable");
    } else if (isOther) {
      if (model.state !== "stale") enter(model, "stale");
      model.confirmedAt = Number.NEGATIVE_INFINITY;
    }
    if (isOther) model.changedAt = model.second;
  }
  override toString(): string {
    return `hear(${this.mac}, ${this.state === NeighborState.reachable ? "answer" : "hearsay"}, ${this.override})`;
  }
}

class SetByHand extends Command {
  readonly mac: number;
  readonly state: "reachable" | "stale" | "permanent";
  constructor(mac: number, state: "reachable" | "stale" | "permanent") {
    super();
    this.mac = mac;
    this.state = state;
  }
  override act(model: Model, { table, entry }: Real, now: number): void {
    const isOther = !isKnown(model) || this.mac !== model.mac;
    const state: SettableState = NeighborState[this.state];
    expect(table.set(entry, this.mac, state, now)).toBe(!isKnown(model));
    if (this.state !== "stale") model.confirmedAt = model.second;
    else if (isOther) model.confirmedAt = Number.NEGATIVE_INFINITY;
    if (model.state !== this.state) enter(model, this.state);
    if (isOther) model.changedAt = model.second;
    model.mac = this.mac;
  }
  override toString(): string {
    return `set(${this.mac}, ${this.state})`;
  }
}

class Wait extends Command {
  readonly seconds: number;
  constructor(seconds: number) {
    super();
    this.seconds = seconds;
  }
  override act(model: Model, real: Real): void {
    for (let passed = 1; passed < this.seconds; passed++) endSecond(model, real);
  }
  override toString(): string {
    return `wait(${this.seconds} s)`;
  }
}

test("does what one neighbor does that is looked at once a second", () => {
  const mac = fc.integer({ min: 1, max: 2 });
  const commands = fc.commands(
    [
      fc.constant(new Use()),
      fc
        .tuple(mac, fc.boolean(), fc.boolean())
        .map(([address, isAnswer, override]) => new Hear(address, isAnswer, override)),
      fc
        .tuple(mac, fc.constantFrom("reachable" as const, "stale" as const, "permanent" as const))
        .map(([address, state]) => new SetByHand(address, state)),
      fc.integer({ min: 1, max: 4 }).map((seconds) => new Wait(seconds)),
      fc.integer({ min: 20, max: 70 }).map((seconds) => new Wait(seconds)),
    ],
    { maxCommands: 40 },
  );
  const setup = (): { model: Model; real: Real } => {
    const table = new NeighborTable(drawReachableTime(middle));
    const never = Number.NEGATIVE_INFINITY;
    const times = { second: 0, enteredAt: 0, changedAt: 0, confirmedAt: never, usedAt: never };
    return { model: { ...times, state: "none", mac: 0, asked: 0 }, real: { table, entry: table.create(1, 5, 0) } };
  };
  fc.assert(
    fc.property(commands, (list) => fc.modelRun(setup, list)),
    { numRuns: 300 },
  );
});
