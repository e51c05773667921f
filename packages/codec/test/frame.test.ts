import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FrameArena, HEADROOM, SLOT_SIZE } from "../src/frame.ts";
import { Status } from "../src/status.ts";

const hello = Uint8Array.from([1, 2, 3, 4, 5]);

function bytesOf(arena: FrameArena, slot: number): number[] {
  return [...arena.bytes.subarray(arena.start(slot), arena.end(slot))];
}

describe("slots", () => {
  it("places frames behind the headroom, apart from each other", () => {
    const arena = new FrameArena({ slots: 2 });
    const a = arena.place(hello);
    const b = arena.place(hello);
    expect([arena.start(a), arena.start(b)].sort((x, y) => x - y)).toEqual([HEADROOM, SLOT_SIZE + HEADROOM]);
    expect(bytesOf(arena, a)).toEqual([...hello]);
    expect(arena.length(b)).toBe(5);
    expect(arena.view.getUint8(arena.start(b))).toBe(1);
  });

  it("says when it is empty, and when a frame is too long", () => {
    const arena = new FrameArena({ slots: 1, slotSize: 128 });
    expect(arena.maxLength).toBe(64);
    expect(arena.allocate(65)).toBe(-1);
    const slot = arena.allocate(64);
    expect(slot).toBe(0);
    expect(arena.allocate(1)).toBe(-1);
    arena.release(slot);
    expect(arena.allocate(1)).toBe(0);
  });

  it("refuses a slot that is free: it belongs to somebody else by now", () => {
    const arena = new FrameArena({ slots: 1 });
    const slot = arena.allocate(1);
    arena.release(slot);
    expect(() => arena.release(slot)).toThrow("frame slot 0 is not allocated");
    expect(() => arena.retain(slot)).toThrow(RangeError);
    expect(() => arena.own(7)).toThrow(RangeError);
  });

  it("lives in memory that the caller brings", () => {
    const view = new DataView(new ArrayBuffer(1000), 200, 600);
    const arena = new FrameArena({ slots: 2, slotSize: 256, view, at: 88 });
    const slot = arena.place(hello);
    expect(arena.view).toBe(view);
    expect(arena.start(slot)).toBe(88 + HEADROOM);
    expect(new Uint8Array(view.buffer)[200 + 88 + HEADROOM]).toBe(1);
    expect(() => new FrameArena({ slots: 3, slotSize: 256, view })).toThrow("view has 600 bytes, the slots need 768");
  });

  it("refuses sizes that make no sense", () => {
    expect(() => new FrameArena({ slots: 0 })).toThrow("slots is 0");
    expect(() => new FrameArena({ slots: 1, slotSize: 130 })).toThrow("multiple of 4");
    expect(() => new FrameArena({ slots: 1, slotSize: 64 })).toThrow("headroom is 64");
  });
});

describe("bounds", () => {
  it("moves the start within headroom and frame", () => {
    const arena = new FrameArena({ slots: 2 });
    arena.allocate(0);
    const slot = arena.place(hello);
    const start = arena.start(slot);
    expect(arena.push(slot, HEADROOM)).toBe(Status.ok);
    expect(arena.start(slot)).toBe(start - HEADROOM);
    expect(arena.push(slot, 1)).toBe(Status.truncated);
    expect(arena.pull(slot, HEADROOM + 2)).toBe(Status.ok);
    expect(bytesOf(arena, slot)).toEqual([3, 4, 5]);
    expect(arena.pull(slot, 4)).toBe(Status.truncated);
    expect(bytesOf(arena, slot)).toEqual([3, 4, 5]);
  });

  it("moves the end within the slot", () => {
    const arena = new FrameArena({ slots: 1, slotSize: 128 });
    const slot = arena.place(hello);
    expect(arena.resize(slot, 2)).toBe(Status.ok);
    expect(bytesOf(arena, slot)).toEqual([1, 2]);
    expect(arena.resize(slot, 64)).toBe(Status.ok);
    expect(arena.resize(slot, 65)).toBe(Status.truncated);
    expect(arena.length(slot)).toBe(64);
  });
});

describe("sharing", () => {
  it("copies for the one who wants to write, with the same bounds", () => {
    const arena = new FrameArena({ slots: 2 });
    const slot = arena.place(hello);
    arena.pull(slot, 1);
    arena.retain(slot);
    expect(arena.isShared(slot)).toBe(true);
    const mine = arena.own(slot);
    expect(mine).not.toBe(slot);
    expect(arena.isShared(slot)).toBe(false);
    arena.view.setUint8(arena.start(mine), 99);
    expect(bytesOf(arena, mine)).toEqual([99, 3, 4, 5]);
    expect(bytesOf(arena, slot)).toEqual([2, 3, 4, 5]);
    expect(arena.push(mine, HEADROOM + 1)).toBe(Status.ok);
    expect(arena.push(mine, 1)).toBe(Status.truncated);
  });

  it("copies nothing for the only user", () => {
    const arena = new FrameArena({ slots: 1 });
    const slot = arena.place(hello);
    expect(arena.own(slot)).toBe(slot);
  });

  it("leaves the shared frame alone if there is no slot for a copy", () => {
    const arena = new FrameArena({ slots: 1 });
    const slot = arena.place(hello);
    arena.retain(slot);
    expect(arena.own(slot)).toBe(-1);
    expect(arena.isShared(slot)).toBe(true);
  });
});

/** What an arena does, as a list of frames with a count each: no slots, no memory. */
interface Model {
  live: { slot: number; content: number[]; users: number }[];
}

type Command = fc.Command<Model, FrameArena>;
const SLOTS = 4;

function pick(model: Model, choice: number): Model["live"][number] {
  return model.live[choice % model.live.length]!;
}

function expectSame(model: Model, arena: FrameArena): void {
  expect(arena.available).toBe(SLOTS - model.live.length);
  for (const frame of model.live) {
    expect(bytesOf(arena, frame.slot)).toEqual(frame.content);
    expect(arena.isShared(frame.slot)).toBe(frame.users > 1);
  }
}

class Place implements Command {
  readonly content: number[];
  constructor(content: number[]) {
    this.content = content;
  }
  check(): boolean {
    return true;
  }
  run(model: Model, arena: FrameArena): void {
    const slot = arena.place(Uint8Array.from(this.content));
    if (model.live.length === SLOTS) expect(slot).toBe(-1);
    else model.live.push({ slot, content: [...this.content], users: 1 });
    expectSame(model, arena);
  }
  toString(): string {
    return `place(${this.content.join(" ")})`;
  }
}

class Use implements Command {
  readonly verb: "retain" | "release" | "own" | "write";
  readonly choice: number;
  constructor(verb: "retain" | "release" | "own" | "write", choice: number) {
    this.verb = verb;
    this.choice = choice;
  }
  check(model: Readonly<Model>): boolean {
    return model.live.length > 0;
  }
  run(model: Model, arena: FrameArena): void {
    const frame = pick(model, this.choice);
    if (this.verb === "retain") {
      arena.retain(frame.slot);
      frame.users++;
    } else if (this.verb === "release") {
      arena.release(frame.slot);
      if (--frame.users === 0) model.live.splice(model.live.indexOf(frame), 1);
    } else if (this.verb === "own") {
      const slot = arena.own(frame.slot);
      if (frame.users > 1 && model.live.length === SLOTS) expect(slot).toBe(-1);
      else if (frame.users > 1) {
        frame.users--;
        model.live.push({ slot, content: [...frame.content], users: 1 });
      } else expect(slot).toBe(frame.slot);
    } else if (frame.users === 1 && frame.content.length > 0) {
      arena.view.setUint8(arena.start(frame.slot), 7);
      frame.content[0] = 7;
    }
    expectSame(model, arena);
  }
  toString(): string {
    return `${this.verb}(${this.choice})`;
  }
}

it("behaves as a list of frames with users", () => {
  const commands = fc.commands(
    [
      fc.array(fc.nat(255), { maxLength: 8 }).map((content) => new Place(content)),
      fc
        .tuple(fc.constantFrom("retain" as const, "release" as const, "own" as const, "write" as const), fc.nat(15))
        .map(([verb, choice]) => new Use(verb, choice)),
    ],
    { maxCommands: 40 },
  );
  fc.assert(
    fc.property(commands, (list) => {
      fc.modelRun(
        () => ({ model: { live: [] } as Model, real: new FrameArena({ slots: SLOTS, slotSize: 128 }) }),
        list,
      );
    }),
  );
});
