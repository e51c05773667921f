/**
 * A ring of bytes that are known by their sequence numbers: what a TCP socket has to send, or has received. It grows when
 * asked for room, and never shrinks; writing and reading allocate nothing. One that is never asked has no memory.
 */
export class ByteRing {
  #bytes: Uint8Array = NOTHING;
  /** Its capacity, a power of two, less one. */
  #mask = 0;

  get capacity(): number {
    return this.#bytes.length;
  }

  /** Makes room for the bytes [first, end), int32; what the ring has from `first` on stays. */
  reserve(first: number, end: number): void {
    const needed = (end - first) | 0;
    const old = this.#bytes;
    if (needed <= old.length) return;
    let capacity = Math.max(old.length, MIN_CAPACITY);
    while (capacity < needed) capacity *= 2;
    this.#bytes = new Uint8Array(capacity);
    const mask = capacity - 1;
    const at = first & this.#mask;
    this.#mask = mask;
    this.write(first, old, at, old.length);
    this.write((first + old.length - at) | 0, old, 0, at);
  }

  /** Puts the bytes [from, to) of `source` at sequence number `sequence`; there must be room. */
  write(sequence: number, source: Uint8Array, from: number, to: number): void {
    const at = sequence & this.#mask;
    const room = this.#bytes.length - at;
    const length = to - from;
    if (length <= room) copy(source, from, to, this.#bytes, at);
    else {
      copy(source, from, from + room, this.#bytes, at);
      copy(source, from + room, to, this.#bytes, 0);
    }
  }

  /** Copies `length` bytes from sequence number `sequence` on to `target` at `to`. */
  read(sequence: number, length: number, target: Uint8Array, to: number): void {
    const at = sequence & this.#mask;
    const room = this.#bytes.length - at;
    if (length <= room) copy(this.#bytes, at, at + length, target, to);
    else {
      copy(this.#bytes, at, this.#bytes.length, target, to);
      copy(this.#bytes, 0, length - room, target, to + room);
    }
  }
}

const NOTHING = new Uint8Array();
const MIN_CAPACITY = 4096;

/** Below this many bytes a loop is faster than making a view. */
const SHORT = 64;

function copy(source: Uint8Array, from: number, to: number, target: Uint8Array, at: number): void {
  if (to - from <= SHORT) {
    for (let index = from; index < to; index++) target[at + index - from] = source[index]!;
  } else target.set(source.subarray(from, to), at);
}
