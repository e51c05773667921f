/**
 * Decisions as UTF-8, for a writer of millions of hops. Flows repeat themselves: a step that has been put into words
 * once is copied from then on.
 */
import { encodeText } from "@hopscope/tracer/pcapng-options";
import { formatStep, type StepKind } from "./step.ts";
import type { Recorder } from "./recorder.ts";

/** Different steps that are kept; when there are more, all are forgotten. A power of two. */
const SLOTS = 16_384;
/** Bytes of the longest comment that is made; pcapng has room for 65,535. */
const CAPACITY = 16_384;

export class DecisionBytes {
  /** The words of the hop that {@link read} was last called for. */
  readonly view: DataView;
  readonly #bytes: Uint8Array = new Uint8Array(CAPACITY);
  readonly #recorder: Recorder;
  readonly #kinds: Int32Array = new Int32Array(SLOTS).fill(-1);
  readonly #a: Float64Array = new Float64Array(SLOTS);
  readonly #b: Float64Array = new Float64Array(SLOTS);
  readonly #words: Uint8Array[] = [];
  #used = 0;

  constructor(recorder: Recorder) {
    this.#recorder = recorder;
    this.view = new DataView(this.#bytes.buffer);
  }

  /** Puts the hop's decisions into {@link view}, and answers how many bytes they are. What does not fit is left out. */
  read(hop: number): number {
    const recorder = this.#recorder;
    const bytes = this.#bytes;
    let length = 0;
    for (let step = recorder.firstStep(hop); step >= 0; step = recorder.nextStep(step)) {
      const words = this.#wordsOf(recorder.stepKind(step), recorder.stepA(step), recorder.stepB(step));
      const gap = length === 0 ? 0 : 2;
      if (length + gap + words.length > CAPACITY) break;
      if (gap > 0) {
        bytes[length++] = 0x3b; // ;
        bytes[length++] = 0x20;
      }
      bytes.set(words, length);
      length += words.length;
    }
    return length;
  }

  #wordsOf(kind: StepKind, a: number, b: number): Uint8Array {
    let slot = hash(kind, a, b) & (SLOTS - 1);
    for (;;) {
      const found = this.#kinds[slot]!;
      if (found === kind && this.#a[slot] === a && this.#b[slot] === b) return this.#words[slot]!;
      if (found < 0) break;
      slot = (slot + 1) & (SLOTS - 1);
    }
    if (this.#used >= SLOTS / 2) {
      this.#kinds.fill(-1);
      this.#used = 0;
      slot = hash(kind, a, b) & (SLOTS - 1);
    }
    const recorder = this.#recorder;
    const deviceOf = (point: number): string => recorder.pointAt(point).device;
    const words = encodeText(formatStep(kind, a, b, deviceOf, (label) => recorder.label(label)));
    this.#kinds[slot] = kind;
    this.#a[slot] = a;
    this.#b[slot] = b;
    this.#words[slot] = words;
    this.#used++;
    return words;
  }
}

/** Of whole numbers up to 2^53. */
function hash(kind: number, a: number, b: number): number {
  const high = Math.floor(a / 0x100000000);
  let mixed = Math.imul((a | 0) ^ Math.imul(high, 0x85ebca6b), 0x9e3779b1);
  mixed = Math.imul(mixed ^ (b | 0) ^ Math.imul(Math.floor(b / 0x100000000), 0xc2b2ae35), 0x27d4eb2f);
  mixed ^= mixed >>> 15;
  return Math.imul(mixed ^ kind, 0x165667b1) >>> 8;
}
