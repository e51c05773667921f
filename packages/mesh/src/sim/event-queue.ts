/**
 * Events in order of time; equal times in the order they were pushed. A binary heap over typed arrays, because the
 * small heaps on npm do not keep that order and a simulation must.
 *
 * Pushing and popping allocate nothing while the capacity suffices; it doubles when it does not.
 */
export class EventQueue<Target> {
  #times: Float64Array;
  #sequences: Float64Array;
  #arguments: Int32Array;
  readonly #targets: (Target | undefined)[] = [];
  #size = 0;
  #nextSequence = 0;
  /** Time of the next push. A field: handed over as an argument, a double may become an object. */
  time = 0;

  constructor(capacity: number = 1024) {
    this.#times = new Float64Array(capacity);
    this.#sequences = new Float64Array(capacity);
    this.#arguments = new Int32Array(capacity);
  }

  get size(): number {
    return this.#size;
  }

  /** Time of the earliest event, `Infinity` if there is none. */
  get nextTime(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : this.#times[0]!;
  }

  /** The target and argument of the earliest event; there must be one. */
  get nextTarget(): Target {
    return this.#targets[0]!;
  }

  get nextArgument(): number {
    return this.#arguments[0]!;
  }

  push(time: number, target: Target, argument: number): void {
    this.time = time;
    this.pushAtTime(target, argument);
  }

  /** {@link push} at {@link time}. */
  pushAtTime(target: Target, argument: number): void {
    const { time } = this;
    if (this.#size === this.#times.length) this.#grow();
    let at = this.#size++;
    const sequence = this.#nextSequence++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      // A new event has the highest sequence: it stays behind an equal time.
      if (this.#times[parent]! <= time) break;
      this.#move(parent, at);
      at = parent;
    }
    this.#place(at, time, sequence, argument, target);
  }

  /** Removes the earliest event; there must be one. */
  pop(): void {
    const last = --this.#size;
    const time = this.#times[last]!;
    const sequence = this.#sequences[last]!;
    const argument = this.#arguments[last]!;
    const target = this.#targets[last];
    this.#targets[last] = undefined;
    if (last === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= last) break;
      if (child + 1 < last && this.#isBefore(child + 1, child)) child++;
      const childTime = this.#times[child]!;
      if (time < childTime || (time === childTime && sequence < this.#sequences[child]!)) break;
      this.#move(child, at);
      at = child;
    }
    this.#place(at, time, sequence, argument, target);
  }

  #isBefore(a: number, b: number): boolean {
    const difference = this.#times[a]! - this.#times[b]!;
    return difference < 0 || (difference === 0 && this.#sequences[a]! < this.#sequences[b]!);
  }

  #move(from: number, to: number): void {
    this.#times[to] = this.#times[from]!;
    this.#sequences[to] = this.#sequences[from]!;
    this.#arguments[to] = this.#arguments[from]!;
    this.#targets[to] = this.#targets[from];
  }

  #place(at: number, time: number, sequence: number, argument: number, target: Target | undefined): void {
    this.#times[at] = time;
    this.#sequences[at] = sequence;
    this.#arguments[at] = argument;
    this.#targets[at] = target;
  }

  #grow(): void {
    const capacity = this.#times.length * 2;
    const times = new Float64Array(capacity);
    const sequences = new Float64Array(capacity);
    const args = new Int32Array(capacity);
    times.set(this.#times);
    sequences.set(this.#sequences);
    args.set(this.#arguments);
    this.#times = times;
    this.#sequences = sequences;
    this.#arguments = args;
  }
}
