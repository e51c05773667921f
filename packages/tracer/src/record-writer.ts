/**
 * What the writers of pcap and pcapng share: one chunk of memory that records are put into, and that goes to the sink
 * when the next record does not fit. A chunk never ends within a record.
 *
 * A sink that is done when it returns gets the same memory again and again. A sink that has to be waited for keeps a
 * chunk while it is busy, and the writer goes on in another one; `write` then answers false, which asks the caller to
 * wait for `drained`. Whoever does not wait makes the writer hold what the sink has not taken.
 */
import { type CaptureOutput, type Sink, sinkOf, type SyncSink } from "./chunk-sink.ts";
import { CaptureError, type CaptureErrorCode, ioError } from "./error.ts";

/** Bytes of a writer's chunk. */
const CHUNK_LENGTH = 256 * 1024;
/** A packet has fewer bytes; a power of two. */
export const LENGTH_LIMIT = 0x10000000;
/** Chunks that a sink may have before the caller is asked to wait. */
const MAX_PENDING = 2;
const NODE_MAJOR = Number.parseInt(process.versions.node, 10);
/** Since Node 22 `Buffer.copy` copies a part of a buffer as it is; before, it makes an object of the part first. */
const COPIES_PARTS = NODE_MAJOR >= 22;
/** From this length on the engine's own copy is faster than a loop, an object for each part included. */
const LONG_COPY = 512;
/**
 * Below this length bytes are copied eight at a time. Since Node 24 a bigint that only goes from one view to another
 * stays in a register; before, each is made an object.
 */
const EIGHTS_LIMIT = NODE_MAJOR >= 24 ? LONG_COPY : 0;

export abstract class RecordWriter {
  /** What errors call the capture. */
  readonly file: string;
  protected bytes: Uint8Array = new Uint8Array(CHUNK_LENGTH);
  protected view: DataView = new DataView(this.bytes.buffer);
  /** The same memory by the word, for blocks that start at multiples of four. */
  protected words: Int32Array = new Int32Array(this.bytes.buffer);
  /** Where the next record starts in the chunk. */
  protected at = 0;
  /** Where the chunk ends. A field of its own, as a typed array's length takes more to read. */
  protected limit: number = CHUNK_LENGTH;
  /** False while the sink is behind. */
  protected isReady = true;

  /** Bytes handed to the sink. */
  #handed = 0;
  #closed = false;
  #pending = 0;
  #failure: unknown = undefined;
  #wake: (() => void)[] = [];
  readonly #spare: Uint8Array[] = [];
  /** The view that was copied from last, and its bytes. */
  #source: DataView | undefined = undefined;
  #sourceBytes: Buffer = Buffer.alloc(0);
  readonly #syncSink: SyncSink | undefined;
  readonly #sink: Sink | undefined;

  constructor(output: CaptureOutput) {
    const sink = sinkOf(output);
    this.file = sink.file;
    this.#syncSink = "writeSync" in sink ? sink : undefined;
    this.#sink = "writeSync" in sink ? undefined : sink;
  }

  /** Bytes written so far, those included that are still in the chunk. */
  get length(): number {
    return this.#handed + this.at;
  }

  /** Hands what is in the chunk to the sink: at once where that is possible. Answers as `write`. */
  flush(): boolean {
    this.finishHeader();
    if (this.at > 0) this.#hand();
    return this.isReady;
  }

  /** Waits until the sink has caught up so far that more can be written. Throws what it failed with. */
  async drained(): Promise<void> {
    await this.#settled(MAX_PENDING - 1);
  }

  /** Writes what is left and closes the sink. Closing again does nothing. */
  async close(): Promise<void> {
    const sink = this.#sink;
    if (sink === undefined) {
      this.closeSync();
      return;
    }
    if (this.#closed) return;
    try {
      this.#finish();
      await this.#settled(0);
    } finally {
      await sink.close();
    }
  }

  /** {@link close} for a sink that is done when it returns. */
  closeSync(): void {
    const sink = this.#syncSink;
    if (sink === undefined) throw new TypeError(`${this.file} has to be waited for: call close, not closeSync`);
    if (this.#closed) return;
    try {
      this.#finish();
    } finally {
      sink.closeSync();
    }
  }

  #finish(): void {
    try {
      this.flush();
    } finally {
      this.#closed = true;
      // Nothing fits any more, so that the next write finds out.
      this.#use(new Uint8Array());
    }
  }

  /** Puts what a file begins with into the chunk, if nothing has been put there yet. */
  protected abstract finishHeader(): void;

  /** Room for `length` bytes from the answer on. `at` is moved by the caller when they are in place. */
  protected reserve(length: number): number {
    // The zero says that the answer is a small integer, whatever V8 knows of the call.
    return this.at + length <= this.limit ? this.at : this.makeRoom(length) | 0;
  }

  /** {@link reserve} where the chunk is full. */
  protected makeRoom(length: number): number {
    if (this.#closed) throw new TypeError(`${this.file} has been closed`);
    if (this.at > 0) this.#hand();
    if (length > this.limit) this.#use(new Uint8Array(length));
    return 0;
  }

  /** Appends bytes that are a whole record. */
  protected append(bytes: Uint8Array): boolean {
    const at = this.reserve(bytes.length);
    this.bytes.set(bytes, at);
    this.at = at + bytes.length;
    return this.isReady;
  }

  /**
   * Copies [start, end) of `view` to `at` of the chunk. Instructions are few, as each costs twice where the bytes come
   * from memory and not from a cache (docs/adr/0002-hot-path-api.md).
   */
  protected copy(view: DataView, start: number, end: number, at: number): void {
    const last = end - 16;
    if (last < start || end - start >= EIGHTS_LIMIT) {
      this.#copyOther(view, start, end, at);
      return;
    }
    const out = this.view;
    let from = start;
    let to = at;
    for (;;) {
      const a = view.getBigInt64(from, true);
      const b = view.getBigInt64(from + 8, true);
      out.setBigInt64(to, a, true);
      out.setBigInt64(to + 8, b, true);
      if (from === last) return;
      from += 16;
      to += 16;
      if (from > last) {
        // What is left is the end of the last 16 bytes, the rest of which is copied again.
        to += last - from;
        from = last;
      }
    }
  }

  #copyOther(view: DataView, start: number, end: number, at: number): void {
    if (end - start >= LONG_COPY) {
      this.#copyLong(view, start, end, at);
      return;
    }
    const out = this.view;
    let from = start;
    let to = at;
    for (const stop = end - 15; from < stop; from += 16, to += 16) {
      const a = view.getInt32(from, true);
      const b = view.getInt32(from + 4, true);
      const c = view.getInt32(from + 8, true);
      const d = view.getInt32(from + 12, true);
      out.setInt32(to, a, true);
      out.setInt32(to + 4, b, true);
      out.setInt32(to + 8, c, true);
      out.setInt32(to + 12, d, true);
    }
    for (const stop = end - 3; from < stop; from += 4, to += 4) out.setInt32(to, view.getInt32(from, true), true);
    for (; from < end; from++, to++) out.setUint8(to, view.getUint8(from));
  }

  #copyLong(view: DataView, start: number, end: number, at: number): void {
    if (start < 0) throw new RangeError(`start is ${start}, expected an offset in the view`);
    if (end > view.byteLength) throw new RangeError(`end is ${end}, the view has ${view.byteLength} bytes`);
    if (!COPIES_PARTS) {
      this.bytes.set(new Uint8Array(view.buffer, view.byteOffset + start, end - start), at);
      return;
    }
    // Most callers write from the same memory again and again.
    if (this.#source !== view) {
      this.#source = view;
      this.#sourceBytes = Buffer.from(view.buffer, view.byteOffset, view.byteLength);
    }
    this.#sourceBytes.copy(this.bytes, at, start, end);
  }

  /** The range of a packet that is not written. */
  protected wrongRange(start: number, end: number): RangeError {
    const expected = end < start ? "an end behind the start" : `less than ${LENGTH_LIMIT} bytes, whole ones`;
    return new RangeError(`packet from ${start} to ${end}, expected ${expected}`);
  }

  /** Ends the call that was asked to write what cannot be written. */
  protected refuse(code: CaptureErrorCode, problem: string): never {
    throw new CaptureError({ code, file: this.file, offset: this.length, problem });
  }

  /** Hands the chunk over and goes on with an empty one. */
  #hand(): void {
    if (this.#failure !== undefined) throw this.#failure;
    const chunk = this.bytes.subarray(0, this.at);
    this.#handed += this.at;
    this.at = 0;
    if (this.#syncSink !== undefined) {
      this.#handSync(this.#syncSink, chunk);
      return;
    }
    const lent = this.bytes;
    this.#pending++;
    this.isReady = this.#pending < MAX_PENDING;
    this.#use(this.#spare.pop() ?? new Uint8Array(CHUNK_LENGTH));
    this.#sink!.write(chunk).then(
      () => this.#returned(lent),
      (cause: unknown) => this.#failed(cause),
    );
  }

  #handSync(sink: SyncSink, chunk: Uint8Array): void {
    try {
      sink.writeSync(chunk);
    } catch (cause) {
      // A file with a gap would be worse than one that ends.
      this.#failure = ioError("ERR_CAPTURE_WRITE", this.file, this.#handed - chunk.length, cause);
      throw this.#failure;
    }
  }

  #use(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.limit = bytes.length;
    this.view = new DataView(bytes.buffer);
    this.words = new Int32Array(bytes.buffer, 0, bytes.length >> 2);
  }

  #returned(bytes: Uint8Array): void {
    this.#spare.push(bytes);
    this.#pending--;
    this.isReady = this.#pending < MAX_PENDING;
    this.#wakeAll();
  }

  #failed(cause: unknown): void {
    this.#failure ??= ioError("ERR_CAPTURE_WRITE", this.file, this.#handed, cause);
    this.#pending--;
    this.isReady = false;
    this.#wakeAll();
  }

  #wakeAll(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }

  async #settled(pending: number): Promise<void> {
    while (this.#pending > pending && this.#failure === undefined) {
      await new Promise<void>((resolve) => {
        this.#wake.push(resolve);
      });
    }
    if (this.#failure !== undefined) throw this.#failure;
  }
}
