/**
 * The virtual clock. Time is integer nanoseconds since the start, in a double: exact for 104 days.
 *
 * A run goes on as long as somebody holds it: a step that has not ended, a frame on a cable. Upkeep that never ends by
 * itself, such as neighbor timers, holds nothing: its events happen while the run goes on, and no longer.
 */
import type { Clock } from "./clock.ts";
import { EventQueue } from "./event-queue.ts";
import type { Softnet } from "./softnet.ts";

/** Something that happens on a node at a time. `argument` is the target's own. */
export interface Wakeable {
  /** The CPU it runs on: it begins when that CPU is free. */
  readonly softnet: Softnet;
  wake(argument: number): void;
}

export class Simulator {
  /** Time of the event being handled. A node's own clock (`Softnet.now`) is at or after it. */
  now = 0;
  #holds = 0;
  readonly #queue: EventQueue<Wakeable> = new EventQueue();

  /** When something is to happen next; `Infinity`: nothing is. */
  get nextTime(): number {
    return this.#queue.nextTime;
  }

  /** Wakes `target` at `time`, or now if that is past. */
  schedule(time: number, target: Wakeable, argument: number): void {
    this.#queue.push(time < this.now ? this.now : time, target, argument);
  }

  /** {@link schedule} at a whole number of nanoseconds after `clock`: seconds at most, a number that is no object. */
  scheduleAfter(clock: Clock, delay: number, target: Wakeable, argument: number): void {
    const queue = this.#queue;
    const time = clock.now + delay;
    queue.time = time < this.now ? this.now : time;
    queue.pushAtTime(target, argument);
  }

  /** The run may not end before a `release` follows. */
  hold(): void {
    this.#holds++;
  }

  release(): void {
    this.#holds--;
  }

  /** Handles events in order until nobody holds the run, or nothing is left that could happen. */
  run(): void {
    while (this.#holds > 0 && this.#queue.size > 0) this.#step();
  }

  /** Handles all events up to `time`, upkeep included, and stands there. */
  runUntil(time: number): void {
    while (this.#queue.nextTime <= time) this.#step();
    if (time > this.now) this.now = time;
  }

  #step(): void {
    const queue = this.#queue;
    const target = queue.nextTarget;
    const argument = queue.nextArgument;
    this.now = queue.nextTime;
    queue.pop();
    target.softnet.enter(this.now);
    target.wake(argument);
    target.softnet.drain();
  }
}
