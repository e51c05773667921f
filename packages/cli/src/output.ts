/**
 * Lines to a stream in large pieces, with back-pressure. A reader that goes away (`| head`) is no error: `isClosed`
 * turns true and whatever is written later vanishes.
 */
import type { Writable } from "node:stream";

/** Bytes per write: fewer system calls, and still far below what a pipe's reader waits for. */
const CHUNK = 65_536;
/** A chunk's memory: the line that fills it still fits unless it is long. */
const CAPACITY = CHUNK + 16_384;
/** UTF-8 takes at most so many bytes for a UTF-16 unit. */
const BYTES_PER_UNIT = 3;
const LINE_FEED = 0x0a;
/** A live source may fall silent: its lines appear after this time although the chunk is not full. */
const FLUSH_AFTER_MS = 50;

/** Writing failed for another reason than that nobody reads: a full disk, for instance. */
export class OutputError extends Error {
  override readonly name: string = "OutputError";
}

const NOTHING: Buffer = Buffer.alloc(0);

export class Output {
  readonly #stream: Writable;
  /** Lines that wait, as bytes: a string that grows would keep all the pieces of its lines alive, and they would grow old. */
  #pending: Buffer = NOTHING;
  #used = 0;
  /** A chunk's memory that the stream has done with: new memory for each chunk would pile up before it is collected. */
  #spare: Buffer | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Writes that the stream has not finished. */
  #inFlight = 0;
  #isClosed = false;
  #error: OutputError | undefined;
  #wake: (() => void) | undefined;

  /**
   * The stream must have done with a chunk when it calls back, as those of a process have: its memory is used again.
   * `onClosed` is called when nobody reads any more: time to let go of a source that may stay silent for long.
   */
  constructor(stream: Writable, onClosed: () => void = () => {}) {
    this.#stream = stream;
    const close = (): void => {
      if (!this.#isClosed) onClosed();
      this.#isClosed = true;
      this.#wake?.();
    };
    stream.on("error", (cause: NodeJS.ErrnoException) => {
      if (cause.code !== "EPIPE")
        this.#error ??= new OutputError(`cannot write the output: ${cause.message}`, { cause });
      close();
    });
    stream.on("close", close);
  }

  /** True once nobody reads any more. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Adds a line. True if it is time to await {@link flush}. */
  line(text: string): boolean {
    const most = this.#used + text.length * BYTES_PER_UNIT + 1;
    if (most > this.#pending.length) this.#grow(most);
    this.#used += this.#pending.write(text, this.#used);
    this.#pending[this.#used++] = LINE_FEED;
    if (this.#used >= CHUNK) return true;
    this.#timer ??= setTimeout(() => this.#send(), FLUSH_AFTER_MS);
    return this.#isClosed;
  }

  /** Writes what is pending and waits until the stream has handed everything on. Throws an {@link OutputError}. */
  async flush(): Promise<void> {
    this.#send();
    while (!this.#isClosed && this.#inFlight > 0) await this.#woken();
    if (this.#error !== undefined) throw this.#error;
  }

  #grow(length: number): void {
    let larger = length <= CAPACITY ? this.#spare : undefined;
    if (larger === undefined) larger = Buffer.allocUnsafeSlow(Math.max(length, CAPACITY));
    else this.#spare = undefined;
    this.#pending.copy(larger, 0, 0, this.#used);
    this.#pending = larger;
  }

  #send(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const memory = this.#pending;
    const bytes = memory.subarray(0, this.#used);
    this.#pending = NOTHING;
    this.#used = 0;
    if (bytes.length === 0 || this.#isClosed) return;
    this.#inFlight++;
    this.#stream.write(bytes, () => {
      if (memory.length === CAPACITY) this.#spare = memory;
      this.#inFlight--;
      if (this.#inFlight === 0) this.#wake?.();
    });
  }

  async #woken(): Promise<void> {
    if (this.#isClosed) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
  }
}
