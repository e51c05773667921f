/**
 * Where a capture's bytes come from, asked for by the chunk: a file, a descriptor, any stream or async iterable of
 * bytes. A source fills memory of the reader's, so that reading a large file allocates nothing after the first chunk.
 * Compressed sources are wrapped by decompress.ts.
 */
import { close, closeSync, fstat, fstatSync, open, openSync, read, readSync, type Stats } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { ioError } from "./error.ts";

/** What can be opened: a path or file URL, an open descriptor, bytes in memory, or a stream such as `process.stdin`. */
export type CaptureInput = string | URL | number | Uint8Array | AsyncIterable<Uint8Array>;

/** A source that answers at once. Closing it again does nothing. */
export interface SyncChunkSource {
  /** Bytes in all, if that is known before they are read. */
  readonly size: number | undefined;
  /** Puts 1 to `length` bytes at `at` of `target` and answers how many; 0 says there are no more. */
  readSync(target: Uint8Array, at: number, length: number): number;
  closeSync(): void;
}

/** A source that one waits for. Only one read is under way at a time. Closing it again does nothing. */
export interface ChunkSource {
  /** Bytes in all, if that is known before they are read. */
  readonly size: number | undefined;
  /** Puts 1 to `length` bytes at `at` of `target` and answers how many; 0 says there are no more. */
  read(target: Uint8Array, at: number, length: number): Promise<number>;
  close(): Promise<void>;
}

/** What errors call an input. */
export function inputName(input: CaptureInput): string {
  if (typeof input === "string") return input;
  if (input instanceof URL) return fileURLToPath(input);
  if (typeof input === "number") return input === 0 ? "stdin" : `descriptor ${input}`;
  if (input instanceof Uint8Array) return "memory";
  return (input as unknown) === process.stdin ? "stdin" : "stream";
}

/** Reads a file or an open descriptor, which stays open. */
export class SyncFileSource implements SyncChunkSource {
  readonly size: number | undefined;
  readonly #name: string;
  readonly #descriptor: number;
  #owned: boolean;
  #offset = 0;

  constructor(input: string | URL | number) {
    this.#name = inputName(input);
    this.#owned = typeof input !== "number";
    try {
      this.#descriptor = typeof input === "number" ? input : openSync(input, "r");
      this.size = sizeOf(fstatSync(this.#descriptor));
    } catch (cause) {
      throw ioError("ERR_CAPTURE_OPEN", this.#name, 0, cause);
    }
  }

  readSync(target: Uint8Array, at: number, length: number): number {
    try {
      const count = readSync(this.#descriptor, target, at, length, null);
      this.#offset += count;
      return count;
    } catch (cause) {
      throw ioError("ERR_CAPTURE_READ", this.#name, this.#offset, cause);
    }
  }

  closeSync(): void {
    if (!this.#owned) return;
    this.#owned = false;
    closeSync(this.#descriptor);
  }
}

/** A pipe or device does not know how much will come. */
function sizeOf(stats: Stats): number | undefined {
  return stats.isFile() ? stats.size : undefined;
}

const openAsync = promisify(open) as (path: string | URL, flags: string) => Promise<number>;
const fstatAsync = promisify(fstat) as (descriptor: number) => Promise<Stats>;
const closeAsync = promisify(close);

/** {@link SyncFileSource} without blocking. */
export class FileSource implements ChunkSource {
  readonly size: number | undefined;
  readonly #name: string;
  readonly #descriptor: number;
  #owned: boolean;
  #offset = 0;
  /** A descriptor must not be closed, and perhaps given to another file, while it is read. */
  #reading: Promise<unknown> = Promise.resolve();

  private constructor(name: string, descriptor: number, owned: boolean, size: number | undefined) {
    this.size = size;
    this.#name = name;
    this.#descriptor = descriptor;
    this.#owned = owned;
  }

  static async open(input: string | URL | number): Promise<FileSource> {
    const name = inputName(input);
    const owned = typeof input !== "number";
    try {
      const descriptor = owned ? await openAsync(input, "r") : input;
      return new FileSource(name, descriptor, owned, sizeOf(await fstatAsync(descriptor)));
    } catch (cause) {
      throw ioError("ERR_CAPTURE_OPEN", name, 0, cause);
    }
  }

  read(target: Uint8Array, at: number, length: number): Promise<number> {
    const reading = this.#read(target, at, length);
    this.#reading = reading.catch(() => undefined);
    return reading;
  }

  #read(target: Uint8Array, at: number, length: number): Promise<number> {
    return new Promise((resolve, reject) => {
      read(this.#descriptor, target, at, length, null, (cause, count) => {
        if (cause !== null) {
          reject(ioError("ERR_CAPTURE_READ", this.#name, this.#offset, cause));
          return;
        }
        this.#offset += count;
        resolve(count);
      });
    });
  }

  async close(): Promise<void> {
    if (!this.#owned) return;
    this.#owned = false;
    await this.#reading;
    await closeAsync(this.#descriptor);
  }
}

/** Takes the chunks of a stream or any other async iterable as they come; they may be of any size. */
export class IterableSource implements ChunkSource {
  readonly size = undefined;
  readonly #name: string;
  readonly #iterator: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array();
  #at = 0;
  #offset = 0;

  constructor(iterable: AsyncIterable<Uint8Array>) {
    this.#name = inputName(iterable);
    this.#iterator = iterable[Symbol.asyncIterator]();
  }

  async read(target: Uint8Array, at: number, length: number): Promise<number> {
    while (this.#at === this.#chunk.length) {
      if (!(await this.#next())) return 0;
    }
    const count = Math.min(length, this.#chunk.length - this.#at);
    target.set(this.#chunk.subarray(this.#at, this.#at + count), at);
    this.#at += count;
    this.#offset += count;
    return count;
  }

  async #next(): Promise<boolean> {
    try {
      const result = await this.#iterator.next();
      if (result.done === true) return false;
      if (!(result.value instanceof Uint8Array))
        throw new TypeError(`a chunk is ${typeof result.value}, expected bytes`);
      this.#chunk = result.value;
      this.#at = 0;
      return true;
    } catch (cause) {
      throw ioError("ERR_CAPTURE_READ", this.#name, this.#offset, cause);
    }
  }

  async close(): Promise<void> {
    await this.#iterator.return?.();
  }
}
