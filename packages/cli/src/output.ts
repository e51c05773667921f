/**
 * Lines to a stream in large pieces, with back-pressure. A reader that goes away (`| head`) is no error: `isClosed`
 * turns true and whatever is written later vanishes.
 */
import type { Writable } from "node:stream";

/** Characters per write: fewer system calls, and still far below what a pipe's reader waits for. */
const CHUNK = 65_536;
/** A live source may fall silent: its lines appear after this time although the chunk is not full. */
const FLUSH_AFTER_MS = 50;

/** Writing failed for another reason than that nobody reads: a full disk, for instance. */
export class OutputError extends Error {
  override readonly name: string = "OutputError";
}

export class Output {
  readonly #stream: Writable;
  #pending = "";
  #timer: NodeJS.Timeout | undefined;
  /** Writes that the stream has not finished. */
  #inFlight = 0;
  #isClosed = false;
  #error: OutputError | undefined;
  #wake: (() => void) | undefined;

  /** `onClosed` is called when nobody reads any more: time to let go of a source that may stay silent for long. */
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
    stream.on("drain", () => this.#wake?.());
  }

  /** True once nobody reads any more. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Adds a line. True if it is time to await {@link flush}. */
  line(text: string): boolean {
    this.#pending += text;
    this.#pending += "\n";
    if (this.#pending.length >= CHUNK) return true;
    this.#timer ??= setTimeout(() => this.#send(), FLUSH_AFTER_MS);
    return this.#isClosed;
  }

  /** Writes what is pending and waits until the stream takes more. Throws an {@link OutputError}. */
  async flush(): Promise<void> {
    if (!this.#send()) await this.#woken();
    if (this.#error !== undefined) throw this.#error;
  }

  /** {@link flush}, and waits until the stream has handed everything on. */
  async end(): Promise<void> {
    this.#send();
    while (!this.#isClosed && this.#inFlight > 0) await this.#woken();
    if (this.#error !== undefined) throw this.#error;
  }

  #send(): boolean {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const text = this.#pending;
    this.#pending = "";
    if (text === "" || this.#isClosed) return true;
    this.#inFlight++;
    return this.#stream.write(text, () => {
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
