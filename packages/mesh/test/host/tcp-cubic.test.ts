/** The curve of RFC 9438 §4.2, K = cbrt((W_max - cwnd) / C) with C = 0.4: how a window comes back after a loss. */
import { describe, expect, it } from "vitest";
import { TcpCubic } from "../../src/host/tcp-cubic.ts";

const SECOND = 1e9;
const RTT = SECOND / 10;

/** A window that is full all the time; each round trip all of it is acknowledged, a segment at a time. */
class Window {
  readonly cubic: TcpCubic = new TcpCubic();
  cwnd: number;
  now: number = SECOND;
  #count = 0;

  constructor(cwnd: number) {
    this.cwnd = cwnd;
  }

  lose(): void {
    this.cwnd = this.cubic.ssthresh(this.cwnd);
  }

  /** Segments after so many seconds. */
  after(seconds: number): number {
    for (const end = this.now + seconds * SECOND; this.now < end; this.now += RTT / this.cwnd) {
      if (++this.#count < this.cubic.update(this.cwnd, 1, this.now)) continue;
      this.#count = 0;
      this.cwnd++;
    }
    return this.cwnd;
  }
}

describe("after a loss at 500 segments", () => {
  const K = Math.cbrt((500 - 350) / 0.4);

  it("seven tenths are left", () => {
    const window = new Window(500);
    window.lose();
    expect(window.cwnd).toBe(350);
  });

  it("the window is as large as before after K seconds, flat around them, and steep at both ends", () => {
    const window = new Window(500);
    window.lose();
    const sizes = [0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75].map((part) => [part, window.after(K / 4)] as const);
    for (const [part, size] of sizes) {
      const curve = 500 + 0.4 * ((part - 1) * K) ** 3;
      expect(Math.abs(size - curve), `${part} K: ${size} for ${curve}`).toBeLessThan(12);
    }
  });

  it("a pause of the sender leaves the curve where it was", () => {
    const window = new Window(500);
    window.lose();
    const before = window.after(K / 2);
    const lastSentAt = window.now;
    window.now += 60 * SECOND;
    window.cubic.txStart(lastSentAt, window.now);
    const curve = 500 - 0.4 * (K / 4) ** 3;
    const after = window.after(K / 4);
    expect(after).toBeGreaterThan(before);
    expect(Math.abs(after - curve), `${after} for ${curve}`).toBeLessThan(12);
  });

  it("a second loss below that leaves room for others: the next curve aims lower", () => {
    const window = new Window(500);
    window.lose();
    window.lose();
    const aim = (350 * (1 + 0.7)) / 2;
    const size = window.after(Math.cbrt((aim - window.cwnd) / 0.4));
    expect(Math.abs(size - aim), `${size} for ${aim}`).toBeLessThan(12);
  });
});
