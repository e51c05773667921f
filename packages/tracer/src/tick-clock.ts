/**
 * pcapng's 64-bit counts of time units (draft-ietf-opsawg-pcapng §4.3, "Timestamp"; §4.2, if_tsresol and if_tsoffset)
 * to seconds and nanoseconds and back.
 *
 * Resolutions from 1 s to 1 ns in powers of ten, which is what capture programs write, take a few number operations:
 * the ticks of the current second's start are remembered. Finer ones and powers of two go through bigint.
 * A finer resolution than nanoseconds is cut down to nanoseconds; the ticks themselves stay readable at block level.
 */

/** if_tsresol where the option is absent: microseconds. */
export const DEFAULT_RESOLUTION = 6;
/** if_tsresol of nanoseconds. */
export const NANOSECOND_RESOLUTION = 9;

const TWO_32 = 0x100000000;
const NS_PER_SECOND = 1_000_000_000n;

/** Time units a second for a value of if_tsresol: the high bit says power of two, otherwise power of ten. */
export function ticksPerSecond(resolution: number): bigint {
  return (resolution & 0x80) === 0 ? 10n ** BigInt(resolution) : 2n ** BigInt(resolution & 0x7f);
}

/** Converts in both directions. One half of a result is answered, the other left in a field: nothing is allocated. */
export class TickClock {
  /** if_tsresol, 0 to 255. */
  readonly resolution: number;
  /** if_tsoffset in seconds. */
  readonly offset: number;
  /** What `fromTicks` found: seconds since 1970. */
  seconds = 0;
  /** What `toTicks` found: the upper 32 bits. */
  high = 0;
  /** What `setTicks` found: the lower 32 bits, signed. */
  lowBits = 0;

  readonly #perSecond: bigint;
  /** Ticks a second if the resolution is one of the usual ones, otherwise 0. */
  readonly #usual: number;
  readonly #nsPerTick: number;
  /** A fraction from the start, so that V8 knows it as one. */
  #ticksPerNs = 0.5;
  /**
   * A count within the second that was read last, or its start; `#readEnd` is where the second or the lower half ends,
   * and `#readNs` the nanoseconds at it.
   */
  #readHigh = 0;
  #readLow = 0;
  #readEnd = 0;
  #readNs = 0;
  /** The second whose start is `#writeHigh`, `#writeLow`, the latter signed. */
  #writeSeconds = 0;
  #writeHigh = 0;
  #writeLow = 0;

  constructor(resolution: number, offset: number = 0) {
    this.resolution = resolution;
    this.offset = offset;
    this.#perSecond = ticksPerSecond(resolution);
    this.#usual = resolution <= NANOSECOND_RESOLUTION ? 10 ** resolution : 0;
    this.#nsPerTick = resolution <= NANOSECOND_RESOLUTION ? 10 ** (NANOSECOND_RESOLUTION - resolution) : 0;
    this.#ticksPerNs = 1 / this.#nsPerTick;
    this.seconds = offset;
    this.#writeSeconds = this.#usual === 0 ? Number.NaN : offset;
  }

  /** Answers the nanoseconds, rounded down, and sets `seconds`; the halves of the count are 0 to 2^32 - 1 each. */
  fromTicks(high: number, low: number): number {
    if (high === this.#readHigh && low >= this.#readLow && low < this.#readEnd) {
      return this.#readNs + (low - this.#readLow) * this.#nsPerTick;
    }
    return this.#fromOtherSecond(high, low);
  }

  #fromOtherSecond(high: number, low: number): number {
    const usual = this.#usual;
    if (usual === 0) {
      const ticks = (BigInt(high) << 32n) | BigInt(low);
      const seconds = ticks / this.#perSecond;
      this.seconds = Number(seconds) + this.offset;
      return Number(((ticks - seconds * this.#perSecond) * NS_PER_SECOND) / this.#perSecond);
    }
    // Long division in steps of 32, 16 and 16 bits: remainders stay below 10^9, so every dividend is below 2^53.
    const first = Math.floor(high / usual);
    const middle = (high % usual) * 0x10000 + (low >>> 16);
    const second = Math.floor(middle / usual);
    const last = (middle % usual) * 0x10000 + (low & 0xffff);
    const third = Math.floor(last / usual);
    const rest = last % usual;
    this.seconds = first * TWO_32 + second * 0x10000 + third + this.offset;
    this.#readHigh = high;
    this.#readLow = Math.max(low - rest, 0);
    this.#readEnd = Math.min(low - rest + usual, TWO_32);
    this.#readNs = (this.#readLow - (low - rest)) * this.#nsPerTick;
    return rest * this.#nsPerTick;
  }

  /**
   * Answers the lower 32 bits and sets `high`, or answers -1 if the count cannot hold the time: before if_tsoffset, or
   * past 64 bits. Powers of ten round down; powers of two round up, so that reading a count and writing its time gives
   * the count again.
   */
  toTicks(seconds: number, nanoseconds: number): number {
    const isSet = this.setTicks(seconds, nanoseconds) || this.#setUnusualTicks(seconds, nanoseconds);
    return isSet ? this.lowBits >>> 0 : -1;
  }

  /**
   * The same for the hot path: sets `high` and `lowBits`, the latter signed. Integers only; the second is worked out
   * once. Nanoseconds are 0 to 999,999,999. False if the count cannot hold the time or is of an unusual resolution:
   * `toTicks` tells the two apart.
   */
  setTicks(seconds: number, nanoseconds: number): boolean {
    if (seconds !== this.#writeSeconds && !this.#enterSecond(seconds)) return false;
    // Multiplied, as a division takes longer; the half keeps what is a whole number of ticks from falling short of it.
    const low = (this.#writeLow + (((nanoseconds + 0.5) * this.#ticksPerNs) | 0)) | 0;
    this.lowBits = low;
    this.high = low >>> 0 < this.#writeLow >>> 0 ? this.#writeHigh + 1 : this.#writeHigh;
    return true;
  }

  /** False if the count cannot hold the second, or is of an unusual resolution. */
  #enterSecond(seconds: number): boolean {
    const relative = seconds - this.offset;
    return this.#usual !== 0 && Number.isSafeInteger(relative) && relative >= 0 && this.#startSecond(seconds, relative);
  }

  #startSecond(seconds: number, relative: number): boolean {
    // relative * usual, in halves of 16 bits of `relative` so that every product is below 2^53.
    const upper = Math.floor(relative / 0x10000) * this.#usual;
    const rest = (upper % 0x10000) * 0x10000 + (relative % 0x10000) * this.#usual;
    const high = Math.floor(upper / 0x10000) + Math.floor(rest / TWO_32);
    if (high >= TWO_32 - 1) return false;
    this.#writeSeconds = seconds;
    this.#writeHigh = high;
    this.#writeLow = (rest % TWO_32) | 0;
    return true;
  }

  #setUnusualTicks(seconds: number, nanoseconds: number): boolean {
    const relative = seconds - this.offset;
    if (this.#usual !== 0 || !Number.isSafeInteger(relative) || relative < 0) return false;
    const inside = (BigInt(nanoseconds) * this.#perSecond + NS_PER_SECOND - 1n) / NS_PER_SECOND;
    const ticks = BigInt(relative) * this.#perSecond + inside;
    if (ticks >= 1n << 64n) return false;
    this.high = Number(ticks >> 32n);
    this.lowBits = Number(ticks & 0xffff_ffffn) | 0;
    return true;
  }
}
