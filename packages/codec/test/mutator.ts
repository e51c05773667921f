/**
 * A seeded mutator of packets and files: the same seed makes the same bytes, so a failure's seed is all it takes to see
 * it again.
 */
import { writeField } from "../src/field.ts";
import type { Layers } from "../src/layers.ts";
import { protocolOf } from "../src/protocols.ts";
import { viewOf } from "./hex.ts";

/** Integers below `limit`; Mulberry32, a generator of 32 bits of state. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  }

  /** One of a list that is not empty. */
  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}

/** A seed for a name, so that each capture has its own. */
export function seedOf(name: string, salt: number): number {
  let seed = salt;
  for (let index = 0; index < name.length; index++) seed = (Math.imul(seed, 31) + name.charCodeAt(index)) | 0;
  return seed;
}

export function flipBits(bytes: Uint8Array, random: Random): Uint8Array {
  const out = bytes.slice();
  if (out.length === 0) return out;
  for (let left = 1 + random.below(8); left > 0; left--) out[random.below(out.length)]! ^= 1 << random.below(8);
  return out;
}

export function truncate(bytes: Uint8Array, random: Random): Uint8Array {
  return bytes.slice(0, random.below(bytes.length + 1));
}

/** The beginning of one and the end of the other. */
export function splice(bytes: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  const head = bytes.subarray(0, random.below(bytes.length + 1));
  const tail = other.subarray(random.below(other.length + 1));
  const out = new Uint8Array(head.length + tail.length);
  out.set(head);
  out.set(tail, head.length);
  return out;
}

/** Takes bytes out, or puts some of the same bytes in a second time. */
export function shift(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random.below(bytes.length + 1);
  const by = random.below(20);
  const head = bytes.subarray(0, at);
  const tail = random.below(2) === 0 ? bytes.subarray(at + by) : bytes.subarray(Math.max(0, at - by));
  const out = new Uint8Array(head.length + tail.length);
  out.set(head);
  out.set(tail, head.length);
  return out;
}

/** Writes a number at the edge of some range over 1, 2 or 4 bytes anywhere. */
export function editNumber(bytes: Uint8Array, random: Random): Uint8Array {
  const out = bytes.slice();
  const width = random.of([1, 2, 4]);
  if (out.length < width) return out;
  const edges = [0, 1, 2, 3, 4, 7, 8, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0xfffffffe, 0xffffffff];
  let value = random.of(edges);
  const at = random.below(out.length - width + 1);
  // Either byte order: captures have both.
  const step = random.below(2) === 0 ? 1 : -1;
  for (let index = step === 1 ? 0 : width - 1; index >= 0 && index < width; index += step) {
    out[at + index] = value & 0xff;
    value = Math.floor(value / 256);
  }
  return out;
}

const LENGTHS = /length|count|ihl|offset|words|size|next|number|type|protocol|flags|version/i;

/** Writes another value into a field of some layer that decides how the bytes behind it are read. */
export function editField(bytes: Uint8Array, layers: Layers, random: Random): Uint8Array {
  const out = bytes.slice();
  if (layers.count === 0) return out;
  const view = viewOf(out);
  const index = random.below(layers.count);
  const at = layers.start(index);
  const rows = protocolOf(layers.kind(index))!
    .layoutAt(view, at, layers.end(index))
    .filter((row) => row.bits <= 32 && LENGTHS.test(row.name));
  if (rows.length === 0) return out;
  const row = random.of(rows);
  const most = 2 ** row.bits - 1;
  const value = random.of([
    0,
    1,
    2,
    5,
    6,
    7,
    8,
    15,
    most - 1,
    most,
    random.below(most),
    out.length - at,
    out.length - at + 1,
  ]);
  writeField(view, at, row, Math.min(Math.max(value, 0), most));
  return out;
}
