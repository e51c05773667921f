/**
 * Compressed captures: recognised by their first bytes, decompressed as they are read, in bounded memory however well
 * they compress. What a cut or damaged stream still gives is handed out before its error.
 *
 * gzip (RFC 1952, several members too) everywhere, zstd (RFC 8878) where this Node has it. The gzip framing is read
 * here and only the deflate data by Node, because Node's own gunzip drops what it has just decompressed when the
 * checksum at the end is wrong or something that is not gzip follows.
 *
 * Not covered: dictionaries, gzip's header checksum.
 */
import type { Transform } from "node:stream";
import * as zlib from "node:zlib";
import type { ChunkSource } from "./chunk-source.ts";
import { CaptureError, type CaptureErrorCode, hex32 } from "./error.ts";

export type Compression = "gzip" | "zstd" | "bzip2" | "xz" | "lz4";

const MAGICS: readonly (readonly [Compression, readonly number[]])[] = [
  ["gzip", [0x1f, 0x8b]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
  ["bzip2", [0x42, 0x5a, 0x68]],
  ["xz", [0xfd, 0x37, 0x7a, 0x58]],
  ["lz4", [0x04, 0x22, 0x4d, 0x18]],
];

/** How the first bytes say that a file is compressed; undefined if they do not. */
export function compressionOf(head: Uint8Array): Compression | undefined {
  return MAGICS.find(([, magic]) => magic.every((byte, index) => head[index] === byte))?.[0];
}

/** An engine of node:zlib; `bytesWritten` counts the input that it has used. */
type Engine = Transform & { readonly bytesWritten: number };
/**
 * With a high-water mark of one byte an engine stops as soon as something waits for the reader, so nothing can wait in
 * the stream's own buffer when an error comes, which would throw it away.
 */
const ENGINE_OPTIONS = { readableHighWaterMark: 1 };
const { createZstdDecompress } = zlib as { createZstdDecompress?: (options: typeof ENGINE_OPTIONS) => Engine };

/** True if this Node can decompress it. */
export function canDecompress(compression: Compression): boolean {
  return compression === "gzip" || (compression === "zstd" && createZstdDecompress !== undefined);
}

/** Compressed bytes read from the source at a time. */
const INPUT_LENGTH = 64 * 1024;
/**
 * An engine that finds damage drops what it made of the input it was just given. So it gets little at a time at first
 * and then a sixteenth of what it had, and what is dropped is a small part of what was there.
 */
const FIRST_SLICE = 64;
const SLICE_PART = 16;
/** Decompressed bytes that may wait for the reader before the engine has to wait. */
const WAITING_LIMIT = 256 * 1024;

const GZIP_HEADER_LENGTH = 10;
const GZIP_TRAILER_LENGTH = 8;
/** Bits of gzip's FLG byte (RFC 1952 §2.3.1): what follows the fixed header. */
const GzipFlag = { headerCrc: 2, extra: 4, name: 8, comment: 16 } as const;

/** The decompressed bytes of `source`, of which `head` has been read already. */
export class DecompressedSource implements ChunkSource {
  readonly size = undefined;
  readonly #file: string;
  readonly #compression: Compression;
  readonly #input: Input;
  readonly #chunks: AsyncGenerator<Uint8Array, void>;
  #chunk: Uint8Array = new Uint8Array();
  #at = 0;
  /** Decompressed bytes so far. */
  #offset = 0;

  constructor(compression: Compression, head: Uint8Array, source: ChunkSource, file: string) {
    this.#file = file;
    this.#compression = compression;
    this.#input = new Input(head, source);
    if (!canDecompress(compression)) {
      const problem = `compressed with ${compression}, which Node ${process.version} cannot read: decompress it first`;
      throw this.#error("ERR_COMPRESSION_UNSUPPORTED", problem);
    }
    this.#chunks = compression === "gzip" ? this.#gunzip() : this.#run(createZstdDecompress!(ENGINE_OPTIONS));
  }

  async read(target: Uint8Array, at: number, length: number): Promise<number> {
    while (this.#at === this.#chunk.length) {
      const result = await this.#chunks.next();
      if (result.done === true) return 0;
      this.#chunk = result.value;
      this.#at = 0;
    }
    const count = Math.min(length, this.#chunk.length - this.#at);
    target.set(this.#chunk.subarray(this.#at, this.#at + count), at);
    this.#at += count;
    return count;
  }

  async close(): Promise<void> {
    await this.#chunks.return();
    await this.#input.source.close();
  }

  /** Member after member (RFC 1952 §2.2). What follows the last one and is none is left alone, as gzip does. */
  async *#gunzip(): AsyncGenerator<Uint8Array, void> {
    do {
      await this.#skipGzipHeader();
      let crc = 0;
      let length = 0;
      for await (const chunk of this.#run(zlib.createInflateRaw(ENGINE_OPTIONS as zlib.ZlibOptions))) {
        crc = zlib.crc32(chunk, crc);
        length += chunk.length;
        yield chunk;
      }
      const trailer = await this.#need(GZIP_TRAILER_LENGTH);
      const view = new DataView(trailer.buffer, trailer.byteOffset, trailer.length);
      if (view.getUint32(0, true) !== crc) {
        const problem = `the gzip member's CRC-32 is ${hex32(view.getUint32(0, true))}, its data have ${hex32(crc)}`;
        throw this.#error("ERR_COMPRESSED_CORRUPT", problem);
      }
      if (view.getUint32(4, true) !== length % 0x100000000) {
        const problem = `the gzip member's length is ${view.getUint32(4, true)}, its data have ${length} bytes`;
        throw this.#error("ERR_COMPRESSED_CORRUPT", problem);
      }
    } while (await this.#input.startsWith(0x1f, 0x8b));
  }

  async #skipGzipHeader(): Promise<void> {
    const header = await this.#need(GZIP_HEADER_LENGTH);
    const flags = header[3]!;
    if (header[2] !== 8) throw this.#error("ERR_COMPRESSED_CORRUPT", `gzip method ${header[2]}, expected 8 (deflate)`);
    if ((flags & GzipFlag.extra) !== 0) {
      const length = await this.#need(2);
      await this.#need(length[0]! | (length[1]! << 8));
    }
    if ((flags & GzipFlag.name) !== 0) while ((await this.#need(1))[0] !== 0);
    if ((flags & GzipFlag.comment) !== 0) while ((await this.#need(1))[0] !== 0);
    if ((flags & GzipFlag.headerCrc) !== 0) await this.#need(2);
  }

  async #need(length: number): Promise<Uint8Array> {
    const bytes = await this.#input.take(length);
    if (bytes.length < length) throw this.#cut();
    return bytes;
  }

  /** What the engine makes of the input, until it says that its stream has ended; input behind that is put back. */
  async *#run(engine: Engine): AsyncGenerator<Uint8Array, void> {
    const output = new Output(engine);
    let given = 0;
    try {
      while (!output.ended) {
        const slice = await this.#input.slice(Math.max(FIRST_SLICE, Math.floor(given / SLICE_PART)));
        given += slice.length;
        const used = engine.bytesWritten;
        output.give(slice);
        do {
          await output.settle();
          for (const chunk of output.take()) {
            this.#offset += chunk.length;
            yield chunk;
          }
        } while (output.busy || output.length > 0);
        if (output.failure !== undefined) throw this.#engineError(output.failure);
        if (output.ended) this.#input.putBack(slice.subarray(engine.bytesWritten - used));
      }
    } finally {
      engine.destroy();
    }
  }

  #engineError(cause: Error & { readonly code?: string }): CaptureError {
    if (cause.code === "Z_BUF_ERROR") return this.#cut(cause);
    const problem = `the ${this.#compression} stream is damaged before its byte ${this.#input.offset}: ${cause.message}`;
    return this.#error("ERR_COMPRESSED_CORRUPT", problem, cause);
  }

  #cut(cause?: unknown): CaptureError {
    const problem = `the ${this.#compression} stream is cut after ${this.#input.offset} bytes`;
    return this.#error("ERR_COMPRESSED_TRUNCATED", problem, cause);
  }

  #error(code: CaptureErrorCode, problem: string, cause?: unknown): CaptureError {
    return new CaptureError({ code, file: this.#file, offset: this.#offset, problem, cause });
  }
}

/** Compressed bytes, taken in pieces of any length. */
class Input {
  readonly source: ChunkSource;
  /** Bytes taken so far. */
  offset = 0;
  #bytes: Uint8Array;

  constructor(head: Uint8Array, source: ChunkSource) {
    this.#bytes = head;
    this.source = source;
  }

  /** Reads until `length` bytes are there or the source ends. */
  async #fill(length: number): Promise<void> {
    while (this.#bytes.length < length) {
      const grown = new Uint8Array(this.#bytes.length + INPUT_LENGTH);
      grown.set(this.#bytes);
      const count = await this.source.read(grown, this.#bytes.length, INPUT_LENGTH);
      if (count === 0) return;
      this.#bytes = grown.subarray(0, this.#bytes.length + count);
    }
  }

  /** The next `length` bytes, or what is left. */
  async take(length: number): Promise<Uint8Array> {
    await this.#fill(length);
    return this.#shift(length);
  }

  /** Up to `length` bytes, at least one unless the source has ended. */
  async slice(length: number): Promise<Uint8Array> {
    await this.#fill(1);
    return this.#shift(length);
  }

  #shift(length: number): Uint8Array {
    const taken = this.#bytes.subarray(0, length);
    this.#bytes = this.#bytes.subarray(length);
    this.offset += taken.length;
    return taken;
  }

  /** Gives back the end of what was taken last. */
  putBack(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const joined = new Uint8Array(bytes.length + this.#bytes.length);
    joined.set(bytes);
    joined.set(this.#bytes, bytes.length);
    this.#bytes = joined;
    this.offset -= bytes.length;
  }

  async startsWith(first: number, second: number): Promise<boolean> {
    await this.#fill(2);
    return this.#bytes[0] === first && this.#bytes[1] === second;
  }
}

/** Collects what an engine makes of one slice of input at a time. */
class Output {
  ended = false;
  failure: (Error & { readonly code?: string }) | undefined = undefined;
  /** The engine has not used up the slice that it was given last, and has neither failed nor ended. */
  busy = false;
  /** Bytes that wait to be taken. */
  length = 0;
  readonly #engine: Engine;
  #chunks: Uint8Array[] = [];
  #wake: (() => void) | undefined = undefined;

  constructor(engine: Engine) {
    this.#engine = engine;
    engine.on("data", (chunk: Uint8Array) => {
      this.#chunks.push(chunk);
      this.length += chunk.length;
      if (this.length < WAITING_LIMIT) return;
      engine.pause();
      this.#wake?.();
    });
    engine.on("end", () => this.#stop());
    engine.on("error", (cause: Error) => {
      this.failure = cause;
      this.#stop();
    });
  }

  #stop(): void {
    this.ended = true;
    this.busy = false;
    this.#wake?.();
  }

  /** Hands over a slice; an empty one says that there are no more. */
  give(slice: Uint8Array): void {
    this.busy = true;
    if (slice.length === 0) {
      this.#engine.end();
      return;
    }
    this.#engine.write(slice, () => {
      this.busy = false;
      this.#wake?.();
    });
  }

  /** Waits until the engine is done with the slice, or has made as much as may wait. */
  async settle(): Promise<void> {
    if (!this.busy || this.length >= WAITING_LIMIT) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
  }

  take(): Uint8Array[] {
    const chunks = this.#chunks;
    this.#chunks = [];
    this.length = 0;
    this.#engine.resume();
    return chunks;
  }
}
