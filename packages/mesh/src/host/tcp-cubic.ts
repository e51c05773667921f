/**
 * CUBIC, Linux' usual congestion control (net/ipv4/tcp_cubic.c; RFC 9438): how the congestion window grows after a loss.
 *
 * Not modelled: HyStart, which leaves slow start when round trips grow longer.
 */

/** beta is 717/1024, C is 410/1024 segments a second cubed; beta_scale is 8 (1 + beta) / 3 / (1 - beta), rounded. */
const BETA = 717 / 1024;
const SCALE = 410 / 1024;
const BETA_SCALE = 15;
const SECOND = 1_000_000_000;
const MILLISECOND = 1_000_000;

export class TcpCubic {
  /** Acknowledged segments that it takes to grow by one. */
  #count = 1;
  #lastMaxCwnd = 0;
  #lastCwnd = 0;
  #lastAt = 0;
  /** -1: the epoch has not begun. */
  #epochAt = -1;
  /** Seconds from the epoch's start until the window is as large as before the loss. */
  #k = 0;
  #origin = 0;
  #acked = 0;
  #renoCwnd = 0;

  /** Linux cubictcp_recalc_ssthresh: after a loss with that window. */
  ssthresh(cwnd: number): number {
    this.#epochAt = -1;
    // Fast convergence: who loses at less than before leaves room for others.
    this.#lastMaxCwnd = cwnd < this.#lastMaxCwnd ? Math.floor((cwnd * (1 + BETA)) / 2) : cwnd;
    return Math.max(Math.floor(cwnd * BETA), 2);
  }

  /** Linux cubictcp_state: a timeout, all is forgotten. */
  reset(): void {
    this.#count = 1;
    this.#lastMaxCwnd = 0;
    this.#lastCwnd = 0;
    this.#lastAt = 0;
    this.#epochAt = -1;
    this.#k = 0;
    this.#origin = 0;
    this.#acked = 0;
    this.#renoCwnd = 0;
  }

  /**
   * Linux cubictcp_cwnd_event, CA_EVENT_TX_START: of the time since `lastSentAt` nothing was under way, so it does not
   * count.
   */
  txStart(lastSentAt: number, now: number): void {
    if (this.#epochAt >= 0) this.#epochAt = Math.min(this.#epochAt + now - lastSentAt, now);
  }

  /** Linux bictcp_update: how many acknowledged segments it takes to grow by one. */
  update(cwnd: number, acked: number, now: number): number {
    this.#acked += acked;
    if (this.#lastCwnd === cwnd && now - this.#lastAt <= SECOND / 32) return this.#count;
    if (this.#epochAt < 0 || now - this.#lastAt >= MILLISECOND) this.#follow(cwnd, acked, now);
    this.#befriend(cwnd);
    this.#count = Math.max(this.#count, 2);
    return this.#count;
  }

  /** The cubic function of the time since the loss. */
  #follow(cwnd: number, acked: number, now: number): void {
    this.#lastCwnd = cwnd;
    this.#lastAt = now;
    if (this.#epochAt < 0) {
      this.#epochAt = now;
      this.#acked = acked;
      this.#renoCwnd = cwnd;
      const missing = Math.max(this.#lastMaxCwnd - cwnd, 0);
      this.#k = Math.cbrt(missing / SCALE);
      this.#origin = cwnd + missing;
    }
    const t = (now - this.#epochAt) / SECOND - this.#k;
    const target = Math.trunc(this.#origin + SCALE * t * t * t);
    this.#count = target > cwnd ? Math.floor(cwnd / (target - cwnd)) : 100 * cwnd;
    if (this.#lastMaxCwnd === 0) this.#count = Math.min(this.#count, 20);
  }

  /** Not slower than Reno would be. */
  #befriend(cwnd: number): void {
    const each = (cwnd * BETA_SCALE) >> 3;
    while (this.#acked > each) {
      this.#acked -= each;
      this.#renoCwnd++;
    }
    if (this.#renoCwnd > cwnd) this.#count = Math.min(this.#count, Math.floor(cwnd / (this.#renoCwnd - cwnd)));
  }
}
