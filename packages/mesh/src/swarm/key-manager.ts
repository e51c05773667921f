/**
 * The keys of encrypted overlays as a manager hands them out (swarmkit manager/keymanager): three at a time, each with a
 * number of its own, its Lamport time, by which nodes tell them apart; every twelve hours a new one comes and the oldest
 * goes. The same clock counts the keys of the gossip, which are drawn in front of these.
 *
 * Not modelled: the gossip's keys themselves. Which of the two gets the lower number at a rotation is chance; here it is
 * the gossip's.
 */
import { Random } from "../sim/random.ts";

/** AES-128 (keymanager.DefaultKeyLen). */
const OVERLAY_KEY_LENGTH = 16;
/** Kept at a time (keymanager.keyringSize). */
const KEYRING_SIZE = 3;
/** keymanager.DefaultKeyRotationInterval: 12 h. */
export const ROTATION_INTERVAL = 43_200_000_000_000;

export interface OverlayKey {
  readonly value: Uint8Array;
  /** The Lamport time's low 32 bits. */
  readonly tag: number;
}

/** What a run has decided beforehand. */
export interface PinnedKeys {
  /** The first ones, the oldest first. */
  readonly values: readonly Uint8Array[];
  /** The first one's tag. */
  readonly firstTag: number | undefined;
}

export class KeyManager {
  readonly #random: Random;
  readonly #pinned: readonly Uint8Array[];
  #clock: number;
  #drawn = 0;
  /** The oldest first. */
  #keys: readonly OverlayKey[];

  constructor(seed: number, { values, firstTag }: PinnedKeys) {
    this.#random = new Random(seed, "overlay keys");
    this.#pinned = values;
    // keymanager.genSkew: the clock begins anywhere below 65536, and the gossip's keys come first.
    const skew = this.#random.below(0x10000);
    this.#clock = firstTag === undefined ? skew + KEYRING_SIZE : firstTag - 1;
    this.#keys = Array.from({ length: KEYRING_SIZE }, () => this.#next(1));
  }

  /** The oldest first. */
  get keys(): readonly OverlayKey[] {
    return this.#keys;
  }

  /** The one to send with: neither the oldest, which may go, nor the newest, which not all may have (getPrimaryKeyTag). */
  get primary(): OverlayKey {
    return this.#keys[1]!;
  }

  /** A new key instead of the oldest (rotateKey). */
  rotate(): void {
    // The gossip's new key takes a number, too.
    this.#keys = [...this.#keys.slice(1), this.#next(2)];
  }

  #next(ticks: number): OverlayKey {
    this.#clock += ticks;
    const drawn = Uint8Array.from({ length: OVERLAY_KEY_LENGTH }, () => this.#random.below(256));
    return { value: this.#pinned[this.#drawn++] ?? drawn, tag: this.#clock >>> 0 };
  }
}
