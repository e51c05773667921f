/**
 * Security associations (Linux net/xfrm/xfrm_state.c): what `ip xfrm state` shows, found by destination and SPI.
 *
 * Only what encrypted overlays have: ESP in transport mode with rfc4106(gcm(aes)), no lifetime and no replay window. Not
 * modelled: AH, tunnel mode, other algorithms, extended sequence numbers, NAT traversal, expiry, key managers that are
 * asked for a missing association.
 */
import * as esp from "@hopscope/codec/esp";
import type { Aead, AeadMaker } from "./aead.ts";

/** Of AES-128; the salt stands behind it. */
const AES_KEY_LENGTH = 16;
export const KEY_LENGTH: number = AES_KEY_LENGTH + esp.SALT_LENGTH;
/** The most packets that one association sends (xfrm_replay_overflow_legacy). */
const LAST_SEQUENCE = 0xffffffff;

export interface XfrmStateInit {
  /** int32. */
  readonly srcIp: number;
  readonly dstIp: number;
  /** uint32. */
  readonly spi: number;
  readonly reqid: number;
  /** {@link KEY_LENGTH} bytes. */
  readonly key: Uint8Array;
  /** Bytes. */
  readonly icvLength: number;
}

export class XfrmState implements XfrmStateInit {
  readonly srcIp: number;
  readonly dstIp: number;
  readonly spi: number;
  readonly reqid: number;
  readonly key: Uint8Array;
  readonly icvLength: number;
  readonly aead: Aead;
  /** The last four bytes of the key. */
  readonly salt: number;
  /** Random, and with the sequence number the IV (crypto/seqiv.c, seqiv_aead_encrypt). */
  ivHigh: number;
  ivLow: number;
  /** The nonce of the packet at hand. */
  readonly nonce: Uint8Array = new Uint8Array(esp.NONCE_LENGTH);
  readonly nonceView: DataView = new DataView(this.nonce.buffer);
  /** Sequence number of the last packet sent (replay.oseq). */
  sequence = 0;
  /** lifetime current: without the IPv4 header. */
  bytes = 0;
  packets = 0;
  /** Nanoseconds. */
  readonly addedAt: number;
  /** The first time that it was used. */
  usedAt: number | undefined = undefined;
  /** Packets whose tag was wrong (stats.integrity_failed). */
  integrityFailed = 0;
  /** Deleted: whoever still holds it must not use it. */
  isDead = false;

  constructor(init: XfrmStateInit, aead: AeadMaker, iv: readonly [high: number, low: number], now: number) {
    const { key, icvLength } = init;
    if (key.length !== KEY_LENGTH)
      throw new RangeError(`xfrm: expected a key of ${KEY_LENGTH} bytes, found ${key.length}`);
    this.srcIp = init.srcIp;
    this.dstIp = init.dstIp;
    this.spi = init.spi;
    this.reqid = init.reqid;
    this.key = key;
    this.icvLength = icvLength;
    this.aead = aead(key.subarray(0, AES_KEY_LENGTH), icvLength);
    this.salt = new DataView(key.buffer, key.byteOffset).getUint32(AES_KEY_LENGTH);
    [this.ivHigh, this.ivLow] = iv;
    this.addedAt = now;
  }

  /** The next packet's sequence number, or 0: they are used up. */
  nextSequence(): number {
    return this.sequence === LAST_SEQUENCE ? 0 : ++this.sequence;
  }

  /** A packet of `bytes` has been sent or received with it. */
  count(bytes: number, now: number): void {
    this.bytes += bytes;
    this.packets++;
    this.usedAt ??= now;
  }
}

export class XfrmStates {
  /** The newest first, as the kernel lists them. */
  readonly list: XfrmState[] = [];
  /** By SPI; several destinations may have the same. */
  readonly #bySpi: Map<number, XfrmState[]> = new Map();

  /** False if there is one with that SPI for that destination (xfrm_state_add, EEXIST). */
  add(state: XfrmState): boolean {
    if (this.find(state.dstIp, state.spi) !== undefined) return false;
    this.list.unshift(state);
    const same = this.#bySpi.get(state.spi);
    if (same === undefined) this.#bySpi.set(state.spi, [state]);
    else same.push(state);
    return true;
  }

  /** Linux xfrm_state_lookup. */
  find(dstIp: number, spi: number): XfrmState | undefined {
    const same = this.#bySpi.get(spi);
    if (same === undefined) return undefined;
    for (const state of same) if (state.dstIp === dstIp) return state;
    return undefined;
  }

  /** False if there is none. */
  delete(dstIp: number, spi: number): boolean {
    const state = this.find(dstIp, spi);
    if (state === undefined) return false;
    state.isDead = true;
    this.list.splice(this.list.indexOf(state), 1);
    const others = this.#bySpi.get(spi)!.filter((other) => other !== state);
    if (others.length > 0) this.#bySpi.set(spi, others);
    else this.#bySpi.delete(spi);
    return true;
  }
}
