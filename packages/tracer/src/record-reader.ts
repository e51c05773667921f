/**
 * What the readers of pcap and pcapng share: the chunk they read through, and the packet they stand on.
 *
 * A reader is a cursor. `next` moves it to the next packet and answers false at the end; its fields say where the packet
 * lies in `view`, its getters read what else the record says. Nothing is allocated for a packet. One chunk of memory is
 * reused: the record that it cuts is moved to its front before more is read behind it, and it grows only if a record is
 * longer than all of it.
 *
 * A reader over a source that answers at once reads on by itself. With one that has to be waited for `next` answers
 * false when the chunk is used up, and `more` reads the next.
 */
import type { CaptureInterface, CaptureSection } from "./capture-interface.ts";
import type { ChunkSource, SyncChunkSource } from "./chunk-source.ts";
import { CaptureError, type CaptureErrorCode } from "./error.ts";
import { type Direction, directionOf, NONE, type Packet } from "./packet.ts";
import type { PacketOptions } from "./pcapng-options.ts";

/** Bytes of a reader's chunk: large enough that the system calls hardly count, small enough for a core's own cache. */
export const CHUNK_LENGTH: number = 512 * 1024;

/** What a reader reads from. */
export interface ReaderInput {
  /** What errors call the capture. */
  readonly file: string;
  /** The chunk. */
  readonly bytes: Uint8Array;
  /** How many of its bytes have been read already. */
  readonly filled: number;
  /** The chunk may be replaced by a larger one. */
  readonly growable: boolean;
  /** At most one of the two; with none the chunk holds everything. */
  readonly syncSource: SyncChunkSource | undefined;
  readonly source: ChunkSource | undefined;
}

/** How packets are handed out one by one. */
export interface PacketsOptions {
  /** Copy each packet's bytes, so that packets may be kept. Default false: `data` and `view` hold until the next packet. */
  readonly copy?: boolean;
}

/** Fields and getters tell of the packet that `next` moved to, and hold until it is called again. */
export abstract class RecordReader implements AsyncIterable<Packet> {
  abstract readonly format: "pcap" | "pcapng";
  /** What errors call the capture. */
  readonly file: string;
  /** The chunk. Replaced only if a record does not fit into it. */
  view: DataView;
  /** The packet's bytes are [start, end) of `view`. */
  start = 0;
  end = 0;
  /** Index of the packet's interface across the whole file. */
  interfaceId = 0;
  /** Counts packets from 1. */
  number = 0;

  /** Sections and interfaces found so far. */
  protected readonly allSections: CaptureSection[] = [];
  protected readonly allInterfaces: CaptureInterface[] = [];
  protected bytes: Uint8Array;
  /** Where the current record starts in the chunk, and the next one. */
  protected recordAt = 0;
  protected position = 0;
  /** Where what has been read ends in the chunk. A number from the start, so that V8 knows it as one. */
  protected filled = 0;
  /** File offset of the chunk's first byte. */
  #base = 0;
  #ended = false;
  /** Bytes from `position` that `next` waits for; 0 if it does not wait. */
  #wanted = 0;
  readonly #growable: boolean;
  readonly #syncSource: SyncChunkSource | undefined;
  readonly #source: ChunkSource | undefined;
  #closing: Promise<void> | undefined = undefined;

  constructor(input: ReaderInput) {
    this.file = input.file;
    this.bytes = input.bytes;
    this.view = new DataView(input.bytes.buffer, input.bytes.byteOffset, input.bytes.length);
    this.filled = input.filled;
    this.#growable = input.growable;
    this.#syncSource = input.syncSource;
    this.#source = input.source;
  }

  /** Bytes that the packet had on the wire. */
  abstract get wireLength(): number;

  /** False for pcapng's simple packets, whose time is 0. */
  abstract get hasTime(): boolean;

  /** The packet's time: whole seconds since 1970-01-01 00:00:00 UTC … */
  abstract get seconds(): number;

  /** … and nanoseconds, 0 to 999,999,999. */
  abstract get nanoseconds(): number;

  /** Sections found so far; a pcap file has one. */
  get sections(): readonly CaptureSection[] {
    return this.allSections;
  }

  /** Interfaces of all sections found so far, in the order of their `index`. */
  get interfaces(): readonly CaptureInterface[] {
    return this.allInterfaces;
  }

  /** The interface of the packet. */
  get interface(): CaptureInterface {
    return this.allInterfaces[this.interfaceId]!;
  }

  /** Bytes of the packet that are there. */
  get capturedLength(): number {
    return this.end - this.start;
  }

  /** Byte offset of the packet's record in the file, after decompression. */
  get offset(): number {
    return this.#base + this.recordAt;
  }

  /** Whether the interface received or sent the packet, if the file says. */
  get direction(): Direction | undefined {
    return directionOf(this.flags);
  }

  /** pcapng's flags word of the packet, 0 if there is none. */
  get flags(): number {
    return 0;
  }

  /** pcapng's options of the packet, decoded anew at each call; undefined if there are none. */
  options(): PacketOptions | undefined {
    return undefined;
  }

  /** Reads what stands before the first packet. False: wait for `more` and ask again. */
  abstract begin(): boolean;

  /**
   * Moves to the next packet. False if there is none in the chunk: the capture has ended, or `more` has to be waited
   * for. Throws a {@link CaptureError} at the first damaged record; all good ones before it have been handed out then.
   */
  abstract next(): boolean;

  /** The error of a file that ends in a record: `available` bytes of `needed` are there. */
  protected abstract truncated(available: number, needed: number): CaptureError;

  /** Reads the next chunk. False if the capture has ended. Asked before the chunk is used up it does nothing. */
  async more(): Promise<boolean> {
    if (this.#ended) return false;
    const source = this.#source;
    if (source === undefined || this.#wanted === 0) return this.#wanted === 0;
    this.#compact();
    while (this.filled - this.position < this.#wanted) {
      this.#makeRoom(this.#wanted);
      const count = await this.#guard(source);
      if (this.#ended) return false;
      if (count === 0) {
        const error = this.#leftover(this.#wanted);
        await this.close();
        if (error !== undefined) throw error;
        return false;
      }
      this.filled += count;
    }
    this.#wanted = 0;
    return true;
  }

  /** Yields the reader itself each time it has a new chunk: call `next` until it answers false. */
  async *batches(): AsyncGenerator<this, void> {
    try {
      do yield this;
      while (await this.more());
    } finally {
      await this.close();
    }
  }

  /** Yields the packets as plain values. */
  async *packets(options: PacketsOptions = {}): AsyncGenerator<Packet, void> {
    const copy = options.copy === true;
    try {
      do while (this.next()) yield this.packet(copy);
      while (await this.more());
    } finally {
      await this.close();
    }
  }

  [Symbol.asyncIterator](): AsyncGenerator<Packet, void> {
    return this.packets();
  }

  /** The current packet as a plain value. Without `copy` its bytes are the chunk's and hold until the next packet. */
  packet(copy: boolean = false): Packet {
    const length = this.end - this.start;
    const shared = new Uint8Array(this.view.buffer, this.view.byteOffset + this.start, length);
    const data = copy ? shared.slice() : shared;
    const options = this.options();
    const flags = options?.flags ?? 0;
    return {
      number: this.number,
      offset: this.offset,
      interfaceId: this.interfaceId,
      interface: this.interface,
      hasTime: this.hasTime,
      seconds: this.seconds,
      nanoseconds: this.nanoseconds,
      capturedLength: length,
      wireLength: this.wireLength,
      data,
      view: copy ? new DataView(data.buffer) : this.view,
      start: copy ? 0 : this.start,
      end: copy ? length : this.end,
      direction: directionOf(flags),
      flags,
      packetId: options?.packetId,
      dropCount: options?.dropCount,
      queue: options?.queue,
      verdicts: options?.verdicts ?? NONE,
      hashes: options?.hashes ?? NONE,
      comments: options?.comments ?? NONE,
      custom: options?.custom ?? NONE,
      options,
    };
  }

  /** Closes the source; afterwards there are no more packets. At the end of the capture this has happened already. */
  async close(): Promise<void> {
    this.#end();
    await this.#closing;
  }

  /** {@link close} for a source that answers at once. */
  closeSync(): void {
    this.#end();
  }

  /**
   * Makes at least `needed` bytes lie at `position`. False if that has to be waited for, or nothing is left at all.
   * `position` and the chunk may have changed.
   */
  protected refill(needed: number): boolean {
    if (this.#ended) return false;
    if (this.#source !== undefined) {
      this.#wanted = needed;
      return false;
    }
    const source = this.#syncSource;
    if (source !== undefined) this.#compact();
    while (this.filled - this.position < needed) {
      if (source === undefined) return this.#finish(needed);
      this.#makeRoom(needed);
      const count = this.#guardSync(source);
      if (count === 0) return this.#finish(needed);
      this.filled += count;
    }
    return true;
  }

  /** Ends the reading with an error about the byte at `at` of the chunk. */
  protected fail(code: CaptureErrorCode, at: number, problem: string): never {
    throw this.#stop(this.error(code, at, problem));
  }

  protected error(code: CaptureErrorCode, at: number, problem: string): CaptureError {
    return new CaptureError({ code, file: this.file, offset: this.#base + at, problem });
  }

  #stop(error: unknown): unknown {
    this.#end();
    return error;
  }

  /** No packet comes after this. */
  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.position = this.filled;
    this.#syncSource?.closeSync();
    this.#closing = this.#source?.close();
    // Whoever calls `close` hears of its failure; who does not call it does not care.
    this.#closing?.catch(() => undefined);
  }

  /** The source has no more. */
  #finish(needed: number): false {
    const error = this.#leftover(needed);
    this.#end();
    if (error !== undefined) throw error;
    return false;
  }

  /** What is left when the source has no more is the beginning of a record of `needed` bytes. */
  #leftover(needed: number): CaptureError | undefined {
    const available = this.filled - this.position;
    return available > 0 ? this.truncated(available, needed) : undefined;
  }

  /** Moves what has not been used to the front of the chunk. */
  #compact(): void {
    if (this.position === 0) return;
    this.bytes.copyWithin(0, this.position, this.filled);
    this.#base += this.position;
    this.filled -= this.position;
    this.recordAt -= this.position;
    this.position = 0;
  }

  /** A chunk that is full grows, but not beyond twice what has really been read. */
  #makeRoom(needed: number): void {
    if (this.filled < this.bytes.length) return;
    if (!this.#growable) {
      const problem = `a record takes ${needed} bytes, the buffer has ${this.bytes.length}`;
      this.fail("ERR_CAPTURE_BUFFER_TOO_SMALL", this.position, problem);
    }
    const grown = new Uint8Array(Math.min(needed, this.bytes.length * 2));
    grown.set(this.bytes);
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }

  #guardSync(source: SyncChunkSource): number {
    try {
      return source.readSync(this.bytes, this.filled, this.bytes.length - this.filled);
    } catch (error) {
      throw this.#stop(error);
    }
  }

  async #guard(source: ChunkSource): Promise<number> {
    try {
      return await source.read(this.bytes, this.filled, this.bytes.length - this.filled);
    } catch (error) {
      throw this.#stop(error);
    }
  }
}
