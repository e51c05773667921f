/**
 * One direction of a cable: how long a frame is under way, and what happens to it there (as tc-netem and tc-tbf would do
 * it; Linux net/sched/sch_netem.c). A fresh one only delays. Pure: time is an argument, and no frame is touched.
 *
 * Not modelled: jitter, correlated losses, corrupted bits.
 */
import type { LinkProperties } from "../scenario/scenario.ts";
import type { LinkChange } from "../scenario/step.ts";
import type { Clock } from "../sim/clock.ts";
import type { Random } from "../sim/random.ts";

/** A cable of which nobody has said anything: it delays as cable and both ends' hardware do. */
export const PERFECT_LINK: LinkProperties = { latencyNs: 20_000, rate: undefined, loss: 0, duplicate: 0, reorder: 0 };

/** What becomes of a frame. */
export const Fate = { arrives: 0, lost: 1, tooLong: 2, queueFull: 3 } as const;
export type Fate = (typeof Fate)[keyof typeof Fate];

/** Frames that wait for their turn on a cable with a rate, as many as Linux' default queue of a device takes. */
const QUEUE_LENGTH = 1000;
/** Of such a frame, for the limit in time. */
const FULL_FRAME = 1514;
const ETHERNET_LENGTH = 14;
const BITS = 8;
const SECOND = 1e9;
/** `Random` draws below this. */
const WHOLE = 0x100000000;
const NONE: ReadonlySet<number> = new Set();

export class Link {
  /** Set by {@link fateOf}: when the frame arrives, and whether twice. */
  arrivesAt = 0;
  isDoubled = false;
  readonly #random: Random;
  /** As the scenario has it. */
  readonly #usual: LinkProperties;
  #now: LinkProperties;
  /** Bytes of layer-3 payload that get through; longer packets vanish. */
  #mtu: number = Number.POSITIVE_INFINITY;
  /** Numbers of the frames that get lost, counted from when that was said. */
  #dropped: ReadonlySet<number> = NONE;
  #count = 0;
  /** True while frames are only delayed, all by the same time. */
  #isPlain: boolean;
  /** When the last bit of what was accepted will have been sent. */
  #busyUntil = 0;
  #lastArrival = 0;

  constructor(usual: LinkProperties, random: Random) {
    this.#usual = usual;
    this.#now = usual;
    this.#random = random;
    this.#isPlain = isPlain(usual);
  }

  /** The share of the frames that it loses now. */
  get loss(): number {
    return this.#now.loss;
  }

  /** What is not given stays. */
  change({ mtu = this.#mtu, drop, ...properties }: LinkChange): void {
    this.#now = { ...this.#now, ...properties };
    if (drop !== undefined) {
      this.#dropped = new Set(drop);
      this.#count = 0;
    }
    this.#mtu = mtu;
    this.#isPlain = false;
  }

  /** As the scenario has it, again. */
  restore(): void {
    this.#now = this.#usual;
    this.#mtu = Number.POSITIVE_INFINITY;
    this.#dropped = NONE;
    this.#isPlain = isPlain(this.#usual);
  }

  /** A frame of `length` bytes, Ethernet header included, is put onto the cable now. */
  fateOf(length: number, clock: Clock): Fate {
    if (this.#isPlain) {
      this.isDoubled = false;
      this.arrivesAt = clock.now + this.#now.latencyNs;
      return Fate.arrives;
    }
    return this.#impairedFateOf(length, clock.now);
  }

  #impairedFateOf(length: number, now: number): Fate {
    const { latencyNs, rate, loss, duplicate, reorder } = this.#now;
    if (length - ETHERNET_LENGTH > this.#mtu) return Fate.tooLong;
    if (this.#happens(loss) || this.#dropped.has(++this.#count)) return Fate.lost;
    this.isDoubled = this.#happens(duplicate);
    let sentAt = now;
    if (rate !== undefined) {
      const begins = Math.max(now, this.#busyUntil);
      if ((begins - now) * rate > QUEUE_LENGTH * FULL_FRAME * BITS * SECOND) return Fate.queueFull;
      sentAt = begins + Math.round((length * BITS * SECOND) / rate);
      this.#busyUntil = sentAt;
    }
    if (this.#happens(reorder)) {
      this.arrivesAt = sentAt;
      return Fate.arrives;
    }
    // A cable keeps the order of frames, also when its delay has just become shorter.
    this.arrivesAt = Math.max(sentAt + latencyNs, this.#lastArrival);
    this.#lastArrival = this.arrivesAt;
    return Fate.arrives;
  }

  #happens(share: number): boolean {
    return share > 0 && this.#random.int32() >>> 0 < share * WHOLE;
  }
}

function isPlain({ rate, loss, duplicate, reorder }: LinkProperties): boolean {
  return rate === undefined && loss === 0 && duplicate === 0 && reorder === 0;
}
