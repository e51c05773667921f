/**
 * Seeded pseudo-random numbers: xoshiro128** (Blackman, Vigna), its state filled by splitmix32. One generator a
 * purpose, so that one more MAC address does not change the next IP identification.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** `purpose` separates the streams of one seed. */
  constructor(seed: number, purpose: string) {
    let state = seed | 0;
    // FNV-1a, 32 bits.
    let hash = 0x811c9dc5;
    for (let index = 0; index < purpose.length; index++) hash = Math.imul(hash ^ purpose.charCodeAt(index), 0x01000193);
    state = (state ^ hash) | 0;
    const next = (): number => {
      state = (state + 0x9e3779b9) | 0;
      let mixed = state ^ (state >>> 16);
      mixed = Math.imul(mixed, 0x21f0aaad);
      mixed ^= mixed >>> 15;
      mixed = Math.imul(mixed, 0x735a2d97);
      return mixed ^ (mixed >>> 15);
    };
    this.#a = next();
    this.#b = next();
    this.#c = next();
    this.#d = next();
  }

  /** The next 32 bits as an int32. */
  int32(): number {
    const multiplied = Math.imul(this.#b, 5);
    const result = Math.imul((multiplied << 7) | (multiplied >>> 25), 9);
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result | 0;
  }

  /** A uniform integer from 0 to `bound - 1`; bound up to 2^32. */
  below(bound: number): number {
    return Math.floor((this.int32() >>> 0) * (bound / 0x100000000));
  }

  /** A random unicast, locally administered MAC, as the kernel gives virtual devices (eth_random_addr). */
  mac(): number {
    const first = (this.int32() & 0xfe) | 0x02;
    return first * 0x10000000000 + (this.int32() & 0xff) * 0x100000000 + (this.int32() >>> 0);
  }
}
