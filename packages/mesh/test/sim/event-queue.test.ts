import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EventQueue } from "../../src/sim/event-queue.ts";

interface Model {
  /** In the order they were pushed. */
  events: { time: number; label: number }[];
}

class Push implements fc.Command<Model, EventQueue<string>> {
  readonly time: number;
  readonly label: number;
  constructor(time: number, label: number) {
    this.time = time;
    this.label = label;
  }
  check(): boolean {
    return true;
  }
  run(model: Model, queue: EventQueue<string>): void {
    model.events.push({ time: this.time, label: this.label });
    queue.push(this.time, `target ${this.label}`, this.label);
    expect(queue.size).toBe(model.events.length);
  }
  toString(): string {
    return `push(${this.time}, ${this.label})`;
  }
}

class Pop implements fc.Command<Model, EventQueue<string>> {
  check(model: Readonly<Model>): boolean {
    return model.events.length > 0;
  }
  run(model: Model, queue: EventQueue<string>): void {
    let first = 0;
    for (const [index, event] of model.events.entries()) if (event.time < model.events[first]!.time) first = index;
    const [expected] = model.events.splice(first, 1);
    expect([queue.nextTime, queue.nextArgument, queue.nextTarget]).toEqual([
      expected!.time,
      expected!.label,
      `target ${expected!.label}`,
    ]);
    queue.pop();
    expect(queue.nextTime).toBe(Math.min(Number.POSITIVE_INFINITY, ...model.events.map((event) => event.time)));
  }
  toString(): string {
    return "pop()";
  }
}

describe("EventQueue", () => {
  test("orders by time, equal times by arrival: the same as searching a list", () => {
    const commands = fc.commands(
      [
        fc
          .tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 1e6 }))
          .map(([time, label]) => new Push(time, label)),
        fc.constant(new Pop()),
      ],
      { maxCommands: 200 },
    );
    fc.assert(
      fc.property(commands, (list) =>
        fc.modelRun(() => ({ model: { events: [] }, real: new EventQueue<string>(2) }), list),
      ),
    );
  });

  test("keeps seven equal times in order after an earlier one", () => {
    const queue = new EventQueue<string>();
    for (let label = 0; label < 7; label++) queue.push(5, "", label);
    queue.push(1, "", 7);
    const order: number[] = [];
    while (queue.size > 0) {
      order.push(queue.nextArgument);
      queue.pop();
    }
    expect(order).toEqual([7, 0, 1, 2, 3, 4, 5, 6]);
  });

  test("an empty queue is never due", () => {
    expect(new EventQueue().nextTime).toBe(Number.POSITIVE_INFINITY);
  });
});
