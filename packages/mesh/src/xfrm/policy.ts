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

export class XfrmPolicies {
  /** By destination, the oldest first. */
  readonly #byDst: Map<number, XfrmPolicy[]> = new Map();
  readonly #all: Set<XfrmPolicy> = new Set();

  /** The newest first, as the kernel lists them. */
  get list(): readonly XfrmPolicy[] {
    return [...this.#all].toReversed();
  }

  /** False if there is one with that selector and mark (xfrm_policy_insert, EEXIST). */
  add(policy: XfrmPolicy): boolean {
    if (this.#same(policy) !== undefined) return false;
    this.#all.add(policy);
    const others = this.#byDst.get(policy.dstIp);
    if (others === undefined) this.#byDst.set(policy.dstIp, [policy]);
    else others.push(policy);
    return true;
  }

  /** Instead of the one with the same selector and mark, or beside all (XFRM_MSG_UPDPOLICY). */
  update(policy: XfrmPolicy): void {
    this.delete(policy);
    this.add(policy);
  }

  /** Deletes the one with that selector and mark. False if there is none. */
  delete(like: XfrmPolicy): boolean {
    const policy = this.#same(like);
    if (policy === undefined) return false;
    this.#all.delete(policy);
    const others = this.#byDst.get(policy.dstIp)!;
    others.splice(others.indexOf(policy), 1);
    return true;
  }

  /** Linux xfrm_policy_lookup: a UDP datagram's policy; undefined: it goes as it is. */
  find(srcIp: number, dstIp: number, dstPort: number, mark: number): XfrmPolicy | undefined {
    const candidates = this.#byDst.get(dstIp);
    if (candidates === undefined) return undefined;
    for (const policy of candidates) {
      if (policy.srcIp !== srcIp || policy.dstPort !== dstPort) continue;
      if (((policy.mark.value ^ mark) & policy.mark.mask) === 0) return policy;
    }
    return undefined;
  }

  #same({ srcIp, dstIp, dstPort, mark }: XfrmPolicy): XfrmPolicy | undefined {
    return this.#byDst
      .get(dstIp)
      ?.find(
        (other) =>
          other.srcIp === srcIp &&
          other.dstPort === dstPort &&
          other.mark.value === mark.value &&
          other.mark.mask === mark.mask,
      );
  }
}
