/** `1,234,567 packets  85.2 MB  41 %` on a terminal while a long file is read; erased at the end. */
import type { Io } from "./io.ts";

const FIRST_AFTER_MS = 1000;
const NEXT_AFTER_MS = 250;
/** Packets between looks at the clock. */
const STEP = 4096;
/** Longer between two looks means that someone pages through the output or that the source is live: no progress then. */
const STALLED_MS = 1000;
const ERASE_LINE = "\r\u001b[K";

export class Progress {
  readonly #io: Io;
  /** Bytes of the whole file; undefined if nobody knows. */
  readonly #total: number | undefined;
  readonly #clock: () => number;
  #isWanted: boolean;
  #next: number;
  #looked: number;
  #isShown = false;

  /** Silent unless stderr is a terminal, and if stdout is one: its lines are progress enough. */
  constructor(io: Io, total: number | undefined, clock: () => number = Date.now) {
    this.#io = io;
    this.#total = total;
    this.#clock = clock;
    this.#isWanted = io.stderr.isTTY === true && io.stdout.isTTY !== true;
    this.#looked = clock();
    this.#next = this.#looked + FIRST_AFTER_MS;
  }

  /** After each packet. `bytes` have been read of the file. */
  step(packets: number, bytes: number): void {
    if (!this.#isWanted || packets % STEP !== 0) return;
    const now = this.#clock();
    if (now - this.#looked > STALLED_MS) {
      this.#isWanted = false;
      this.end();
      return;
    }
    this.#looked = now;
    if (now < this.#next) return;
    this.#next = now + NEXT_AFTER_MS;
    this.#isShown = true;
    this.#io.stderr.write(`${ERASE_LINE}${progressText(packets, bytes, this.#total)}`);
  }

  end(): void {
    if (this.#isShown) this.#io.stderr.write(ERASE_LINE);
    this.#isShown = false;
  }
}

export function progressText(packets: number, bytes: number, total: number | undefined): string {
  const share = total === undefined || total === 0 ? "" : `  ${Math.min(100, Math.floor((bytes / total) * 100))} %`;
  return `${packets.toLocaleString("en-US")} packets  ${(bytes / 1e6).toFixed(1)} MB${share}`;
}
