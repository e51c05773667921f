/**
 * Security policies (Linux net/xfrm/xfrm_policy.c): which packets of this host's own are to be transformed, what
 * `ip xfrm policy` shows.
 *
 * Only direction out, for addresses as a whole, a port, and a mark, as overlays have them; of equal priority, so that the
 * oldest that fits is taken. Not modelled: directions in and forward (Docker sets none, so that all may come in), several
 * templates, `action block`.
 */

export interface XfrmTemplate {
  readonly srcIp: number;
  readonly dstIp: number;
  readonly spi: number;
  readonly reqid: number;
}

export interface XfrmPolicy {
  /** int32, all of it. */
  readonly srcIp: number;
  readonly dstIp: number;
  /** UDP's. */
  readonly dstPort: number;
  readonly mark: { readonly value: number; readonly mask: number };
  readonly template: XfrmTemplate;
}

/** A policy of a namespace. */
export interface HeldPolicy {
  readonly policy: XfrmPolicy;
  /** As the kernel numbers those of direction out. */
  readonly index: number;
  /** Nanoseconds. */
  readonly addedAt: number;
  /** When a packet's way was last decided by it. */
  usedAt: number | undefined;
}

/** xfrm_gen_index: the lowest bits are the direction. */
const DIRECTION_OUT = 1;
const INDEX_STEP = 8;

export class XfrmPolicies {
  /** By destination, the oldest first. */
  readonly #byDst: Map<number, HeldPolicy[]> = new Map();
  readonly #all: Set<HeldPolicy> = new Set();
  #nextIndex = DIRECTION_OUT;

  /** The newest first, as the kernel lists them. */
  get list(): readonly HeldPolicy[] {
    return [...this.#all].toReversed();
  }

  /** False if there is one with that selector and mark (xfrm_policy_insert, EEXIST). */
  add(policy: XfrmPolicy, now: number): boolean {
    if (this.#same(policy) !== undefined) return false;
    this.#hold(policy, this.#nextIndex, now);
    this.#nextIndex += INDEX_STEP;
    return true;
  }

  /** In the place of the one with the same selector and mark, or beside all (XFRM_MSG_UPDPOLICY). */
  update(policy: XfrmPolicy, now: number): void {
    const before = this.#same(policy);
    if (before === undefined) this.add(policy, now);
    else {
      this.delete(policy);
      this.#hold(policy, before.index, now);
    }
  }

  /** Deletes the one with that selector and mark. False if there is none. */
  delete(like: XfrmPolicy): boolean {
    const held = this.#same(like);
    if (held === undefined) return false;
    this.#all.delete(held);
    const others = this.#byDst.get(like.dstIp)!;
    others.splice(others.indexOf(held), 1);
    return true;
  }

  /** Linux xfrm_policy_lookup: a UDP datagram's policy; undefined: it goes as it is. */
  find(srcIp: number, dstIp: number, dstPort: number, mark: number): HeldPolicy | undefined {
    const candidates = this.#byDst.get(dstIp);
    if (candidates === undefined) return undefined;
    for (const held of candidates) {
      const { policy } = held;
      if (policy.srcIp !== srcIp || policy.dstPort !== dstPort) continue;
      if (((policy.mark.value ^ mark) & policy.mark.mask) === 0) return held;
    }
    return undefined;
  }

  #hold(policy: XfrmPolicy, index: number, addedAt: number): void {
    const held: HeldPolicy = { policy, index, addedAt, usedAt: undefined };
    this.#all.add(held);
    const others = this.#byDst.get(policy.dstIp);
    if (others === undefined) this.#byDst.set(policy.dstIp, [held]);
    else others.push(held);
  }

  #same({ srcIp, dstIp, dstPort, mark }: XfrmPolicy): HeldPolicy | undefined {
    return this.#byDst
      .get(dstIp)
      ?.find(
        ({ policy }) =>
          policy.srcIp === srcIp &&
          policy.dstPort === dstPort &&
          policy.mark.value === mark.value &&
          policy.mark.mask === mark.mask,
      );
  }
}
