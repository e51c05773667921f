/**
 * Where a writer's bytes go, by the chunk: a file, a descriptor or any Node stream. A chunk holds whole records, and
 * goes out in one write, so that a writer that is killed leaves a file of whole records (but for what the operating
 * system itself breaks off).
 */
import { closeSync, openSync, writeSync } from "node:fs";
import { Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { type CaptureError, ioError } from "./error.ts";

/** A sink that is done when it returns. */
export interface SyncSink {
  /** What errors call it. */
  readonly file: string;
  writeSync(bytes: Uint8Array): void;
  closeSync(): void;
}

/** A sink that one waits for. The bytes are its own until the promise is settled; chunks stay in order. */
export interface Sink {
  /** What errors call it. */
  readonly file: string;
  write(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** What can be written to: a path or file URL (overwritten), an open descriptor, a stream, or a sink of one's own. */
export type CaptureOutput = string | URL | number | Writable | SyncSink | Sink;

export function sinkOf(output: CaptureOutput): SyncSink | Sink {
  if (typeof output === "string" || typeof output === "number" || output instanceof URL) return new FileSink(output);
  return output instanceof Writable ? new StreamSink(output) : output;
}

/** Writes a file, or an open descriptor, which stays open. */
class FileSink implements SyncSink {
  readonly file: string;
  readonly #descriptor: number;
  readonly #owned: boolean;
  #offset = 0;

  constructor(output: string | URL | number) {
    if (typeof output === "number") this.file = output === 1 ? "stdout" : `descriptor ${output}`;
    else this.file = output instanceof URL ? fileURLToPath(output) : output;
    this.#owned = typeof output !== "number";
    try {
      this.#descriptor = typeof output === "number" ? output : openSync(output, "w");
    } catch (cause) {
      throw ioError("ERR_CAPTURE_OPEN", this.file, 0, cause);
    }
  }

  writeSync(bytes: Uint8Array): void {
    try {
      for (let at = 0; at < bytes.length; ) {
        const count = writeSync(this.#descriptor, bytes, at, bytes.length - at);
        at += count;
        this.#offset += count;
      }
    } catch (cause) {
      throw ioError("ERR_CAPTURE_WRITE", this.file, this.#offset, cause);
    }
  }

  closeSync(): void {
    if (this.#owned) closeSync(this.#descriptor);
  }
}

/**
 * Writes to a stream, at the stream's pace: a chunk is done when the stream says so. Closing ends the stream, but for
 * standard output and standard error.
 */
class StreamSink implements Sink {
  readonly file: string;
  readonly #stream: Writable;
  #offset = 0;
  #failure: Error | undefined = undefined;

  constructor(stream: Writable) {
    this.#stream = stream;
    this.file = stream === process.stdout ? "stdout" : "stream";
    // The callbacks tell of errors; without a listener the process would end at one.
    stream.on("error", (cause) => {
      this.#failure ??= cause;
    });
  }

  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stream.write(bytes, (cause) => {
        if (cause !== null && cause !== undefined) {
          reject(this.#error(cause));
          return;
        }
        this.#offset += bytes.length;
        resolve();
      });
    });
  }

  close(): Promise<void> {
    if (this.#stream === process.stdout || this.#stream === process.stderr) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#stream.end((cause?: Error | null) => {
        if (cause !== null && cause !== undefined) reject(this.#error(cause));
        else resolve();
      });
    });
  }

  #error(cause: Error): CaptureError {
    return ioError("ERR_CAPTURE_WRITE", this.file, this.#offset, this.#failure ?? cause);
  }
}
