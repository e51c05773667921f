/**
 * Operations: what takes time in a swarm, written as coroutines. An operation asks for requests as it goes, and yields
 * to wait: a number of nanoseconds, or for a gate. Whoever drives it owns the clock: {@link Timeline} here, which is as
 * fast as it goes, for the first deployment, for printing and for tests; docker/docker.ts on the engine's virtual clock.
 */
import type { Place, Request } from "./request.ts";

export type Operation<Result = void> = Generator<number | Gate, Result, void>;

/** What takes no time, as an operation. */
export function* calling(action: () => void): Operation {
  action();
  yield* [];
}

/** Something that several operations wait for: it opens once. */
export class Gate {
  #isOpen = false;
  #waiting: (() => void)[] | undefined = undefined;

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Calls `then` when it opens, or at once. */
  wait(then: () => void): void {
    if (this.#isOpen) then();
    else if (this.#waiting === undefined) this.#waiting = [then];
    else this.#waiting.push(then);
  }

  open(): void {
    this.#isOpen = true;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) for (const then of waiting) then();
  }
}

/** What can wait: a namespace's addresses and routes, or the real servers of its services. */
export type Deferrable = "addresses" | "servers";

/** What a swarm needs of the world. */
export interface Host {
  /** Nanoseconds. */
  readonly now: number;
  /** Only the outcome of what is done counts, not when each part of it is. */
  readonly isImmediate: boolean;
  request(request: Request): void;
  /** What nobody notices who does not look into that namespace: it can wait until somebody does. */
  defer(place: Place, what: Deferrable, action: () => void): void;
  /** How long the step of that name takes; `usual` unless somebody wants it otherwise. */
  pace(name: string, usual: number): number;
  /** Begins another operation on a node, after a while. */
  start(node: string, operation: Operation<unknown>, afterNs: number): void;
}

/** Lets an operation go on until it waits again, for which `host` sees to it that it will. */
export function resume(host: Host, node: string, operation: Operation<unknown>): void {
  const { done, value } = operation.next();
  if (done === true) return;
  if (typeof value === "number") host.start(node, operation, value);
  else value.wait(() => host.start(node, operation, 0));
}

interface Timed {
  readonly time: number;
  readonly node: string;
  readonly operation: Operation<unknown>;
}

interface Pending extends Timed {
  readonly sequence: number;
}

/**
 * Drives operations one after the other, each to its end or to a gate: for a deployment of which only the outcome counts.
 * Each has a time of its own; what goes on beyond the limit is left.
 */
export class Instant implements Host {
  now = 0;
  readonly isImmediate = true;
  readonly request: (request: Request) => void;
  readonly defer: Host["defer"];
  readonly #limit: number;
  #queue: Timed[] = [];
  #successor: Host | undefined = undefined;

  constructor(
    request: (request: Request) => void,
    limit: number,
    defer: Host["defer"] = (_place, _what, action) => action(),
  ) {
    this.request = request;
    this.#limit = limit;
    this.defer = defer;
  }

  pace(_name: string, usual: number): number {
    return usual;
  }

  start(node: string, operation: Operation<unknown>, afterNs: number): void {
    if (this.#successor !== undefined) return this.#successor.start(node, operation, afterNs);
    this.#queue.push({ time: this.now + afterNs, node, operation });
  }

  run(): void {
    const left: Timed[] = [];
    let end = this.now;
    for (let at = 0; at < this.#queue.length; at++) {
      const { time, node, operation } = this.#queue[at]!;
      this.now = time;
      if (!this.#drive(node, operation)) left.push({ time: this.now, node, operation });
      end = Math.max(end, Math.min(this.now, this.#limit));
    }
    this.#queue = left;
    this.now = end;
  }

  /** False if it is not done within the limit. */
  #drive(node: string, operation: Operation<unknown>): boolean {
    while (this.now <= this.#limit) {
      const { done, value } = operation.next();
      if (done === true) return true;
      if (typeof value === "number") this.now += value;
      else {
        value.wait(() => this.start(node, operation, 0));
        return true;
      }
    }
    return false;
  }

  /** What is still to be done the other does. */
  handOver(successor: Host): void {
    this.#successor = successor;
    for (const { node, operation, time } of this.#queue) successor.start(node, operation, Math.max(0, time - this.now));
    this.#queue = [];
  }
}

/** Drives operations on a clock of its own, which does not pass but jumps. */
export class Timeline implements Host {
  now = 0;
  readonly isImmediate = false;
  readonly request: (request: Request) => void;
  readonly #heap: Pending[] = [];
  #sequence = 0;
  /** Who goes on with what is not done. */
  #successor: Host | undefined = undefined;

  constructor(request: (request: Request) => void) {
    this.request = request;
  }

  pace(_name: string, usual: number): number {
    return usual;
  }

  defer(_place: Place, _what: Deferrable, action: () => void): void {
    action();
  }

  start(node: string, operation: Operation<unknown>, afterNs: number): void {
    if (this.#successor !== undefined) return this.#successor.start(node, operation, afterNs);
    this.#push({ time: this.now + afterNs, sequence: this.#sequence++, node, operation });
  }

  /** Until nothing is left to do, or until `time`. */
  run(time: number = Number.POSITIVE_INFINITY): void {
    for (;;) {
      const next = this.#heap[0];
      if (next === undefined || next.time > time) break;
      this.#pop();
      this.now = next.time;
      resume(this, next.node, next.operation);
    }
  }

  /** What is still to be done the other does, in as long a time as is left. */
  handOver(successor: Host): void {
    this.#successor = successor;
    while (this.#heap.length > 0) {
      const { node, operation, time } = this.#heap[0]!;
      this.#pop();
      successor.start(node, operation, time - this.now);
    }
  }

  #push(entry: Pending): void {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (isBefore(heap[parent]!, entry)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (isBefore(last, heap[child]!)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

/** Equal times in the order in which they were asked for. */
function isBefore(a: Pending, b: Pending): boolean {
  return a.time < b.time || (a.time === b.time && a.sequence < b.sequence);
}
