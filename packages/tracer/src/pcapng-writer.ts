/**
 * Writes pcapng (draft-ietf-opsawg-pcapng): any number of sections in either byte order, interfaces, packets with
 * options, and every other block, decoded or as it stood in another file.
 */
import type { CaptureOutput } from "./chunk-sink.ts";
import {
  type Block,
  BLOCK_OVERHEAD,
  BlockType,
  decodeBlock,
  encodeBlock,
  FixedLength,
  type RawBlock,
} from "./pcapng-blocks.ts";
import {
  COMMENT_OPTION,
  FLAGS_OPTION,
  type InterfaceOptions,
  PACKET_ID_OPTION,
  type PacketOptions,
  type SectionOptions,
  type Ticks,
} from "./pcapng-options.ts";
import { LENGTH_LIMIT, RecordWriter } from "./record-writer.ts";
import { DEFAULT_RESOLUTION, NANOSECOND_RESOLUTION, TickClock } from "./tick-clock.ts";

/** A section as a writer begins it. */
export interface SectionInit extends SectionOptions {
  /** Default true. */
  readonly littleEndian?: boolean;
}

/** An interface as a writer describes it; `timestampResolution` is 9, nanoseconds, by default. */
export interface InterfaceInit extends InterfaceOptions {
  /** Default 1, Ethernet. */
  readonly linkType?: number;
  /** Bytes; default 0, no limit. */
  readonly snapLength?: number;
}

/** A packet as a plain value: `Packet` of a reader is one, if the interfaces have the same numbers. */
export interface PcapngPacketInit {
  readonly data: Uint8Array;
  readonly seconds: number;
  readonly nanoseconds: number;
  /** Bytes on the wire. Default: those of `data`. */
  readonly wireLength?: number;
  /** Within the section. Default 0. */
  readonly interfaceId?: number;
  readonly options?: PacketOptions | undefined;
}

/** Of this module, as an imported constant is read each time. */
const ENHANCED_PACKET: number = BlockType.enhancedPacket;
const LENGTH_MASK: number = LENGTH_LIMIT - 1;
/** This machine's byte order. */
const IS_LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
/** epb_flags, epb_packetid and the end of the options, with their headers. */
const SIGHTING_OPTIONS_LENGTH = 24;

/**
 * Writes blocks one after the other. The first section begins by itself unless the first block is one. Methods that
 * answer a boolean answer false when the sink is behind: wait for `drained` then.
 */
export class PcapngWriter extends RecordWriter {
  #bigEndian = false;
  #begun = false;
  readonly #first: SectionInit;
  /** Of the current section, by interface number. */
  #clocks: TickClock[] = [];

  /** `first` describes the section that begins by itself. */
  constructor(output: CaptureOutput, first: SectionInit = {}) {
    super(output);
    this.#first = first;
  }

  protected override finishHeader(): void {
    if (!this.#begun) this.beginSection(this.#first);
  }

  /** Begins a section. Its interfaces count from 0 again. */
  beginSection(section: SectionInit = {}): boolean {
    const { littleEndian = true, ...options } = section;
    return this.writeBlock({
      kind: "section",
      littleEndian,
      versionMajor: 1,
      versionMinor: 0,
      sectionLength: undefined,
      options,
    });
  }

  /** Describes an interface and answers its number in the section. */
  addInterface(init: InterfaceInit = {}): number {
    const { linkType = 1, snapLength = 0, ...options } = init;
    const id = this.#begun ? this.#clocks.length : 0;
    this.writeBlock({
      kind: "interface",
      linkType,
      snapLength,
      options: { ...options, timestampResolution: options.timestampResolution ?? NANOSECOND_RESOLUTION },
    });
    return id;
  }

  /**
   * Writes the packet in [start, end) of `view`; the bytes are copied before it returns.
   * A packet has less than 256 MiB. Nanoseconds are 0 to 999,999,999, whole ones; an interface of a coarser resolution
   * cuts them down. `interfaceId` counts within the section. A flags word (`flagsOf` makes one) is written unless it is 0.
   */
  write(
    view: DataView,
    start: number,
    end: number,
    seconds: number,
    nanoseconds: number,
    wireLength: number = end - start,
    interfaceId: number = 0,
    flags: number = 0,
  ): boolean {
    const length = end - start;
    let clock = this.#clocks[interfaceId];
    // Numbers instead of names, and one condition for all that is unusual: V8 inlines all of this into a caller's loop
    // as long as it is short (docs/adr/0002-hot-path-api.md). 0xfffffff is LENGTH_LIMIT less one.
    if (length !== (length & 0xfffffff) || clock === undefined || !clock.setTicks(seconds, nanoseconds)) {
      clock = this.#unusualClock(start, end, seconds, nanoseconds, interfaceId);
    }
    // The word behind the data: of the total length again, or of the flags.
    const trailer = (length + 28 + 3) >> 2;
    const total = (trailer << 2) + (flags === 0 ? 4 : 16);
    let at = this.at;
    if (at + total > this.limit) at = this.makeRoom(total) | 0;
    // Each block starts at a multiple of four. Words take half the instructions that a view's setters take.
    const words = this.words;
    const word = at >> 2;
    words[word] = ENHANCED_PACKET;
    words[word + 1] = total;
    words[word + 2] = interfaceId;
    words[word + 3] = clock.high;
    words[word + 4] = clock.lowBits;
    // The padding is part of the last word of data. Without data that is the wire length's, which is set after it.
    words[word + trailer - 1] = 0;
    words[word + 5] = length;
    words[word + 6] = wireLength;
    words[word + trailer] = total;
    if (flags !== 0 || this.#bigEndian === IS_LITTLE_ENDIAN) this.#putUnusual(at, total, trailer << 2, flags);
    this.copy(view, start, end, at + 28);
    this.at = at + total;
    return this.isReady;
  }

  /** The clock of an interface of an unusual resolution, set to the time. Throws if something else was unusual. */
  #unusualClock(start: number, end: number, seconds: number, nanoseconds: number, interfaceId: number): TickClock {
    const length = end - start;
    if (length !== (length & LENGTH_MASK)) throw this.wrongRange(start, end);
    const clock = this.#clockOf(interfaceId);
    if (clock.toTicks(seconds, nanoseconds) < 0) this.#refuseTime(clock, seconds);
    return clock;
  }

  /** The end of a block with flags, and the words of one whose byte order is not this machine's. */
  #putUnusual(at: number, total: number, dataEnd: number, flags: number): void {
    const out = this.view;
    const littleEndian = !this.#bigEndian;
    if (littleEndian !== IS_LITTLE_ENDIAN) {
      for (let word = at; word < at + 28; word += 4) out.setUint32(word, out.getUint32(word, true));
    }
    if (flags !== 0) {
      out.setUint16(at + dataEnd, FLAGS_OPTION, littleEndian);
      out.setUint16(at + dataEnd + 2, 4, littleEndian);
      out.setUint32(at + dataEnd + 4, flags, littleEndian);
      out.setUint32(at + dataEnd + 8, 0);
    }
    out.setUint32(at + total - 4, total, littleEndian);
  }

  /**
   * Writes one sighting of a packet that is seen at many interfaces: its bytes in [start, end) of `view`, direction in
   * `flags`, the same `packetId` at all of them, and the first `commentLength` bytes of `comment`, UTF-8, as its comment
   * (none if 0). `time` is in the interface's units. Nothing is made, all bytes are copied before it returns.
   */
  writeSighting(
    view: DataView,
    start: number,
    end: number,
    timeHigh: number,
    timeLow: number,
    interfaceId: number,
    flags: number,
    packetId: number,
    comment: DataView,
    commentLength: number,
  ): boolean {
    if (this.#clocks[interfaceId] === undefined) this.#clockOf(interfaceId);
    const length = end - start;
    if (length !== (length & LENGTH_MASK)) throw this.wrongRange(start, end);
    if (!(commentLength >= 0 && commentLength <= comment.byteLength && commentLength <= 0xffff))
      throw new RangeError(
        `commentLength is ${commentLength}, expected at most ${Math.min(comment.byteLength, 0xffff)}`,
      );
    const dataLength = (length + 3) & ~3;
    const commentRoom = commentLength === 0 ? 0 : 4 + ((commentLength + 3) & ~3);
    const total = FixedLength.enhancedPacket + dataLength + commentRoom + SIGHTING_OPTIONS_LENGTH;
    let at = this.reserve(total);
    const out = this.view;
    const littleEndian = !this.#bigEndian;
    out.setUint32(at, BlockType.enhancedPacket, littleEndian);
    out.setUint32(at + 4, total, littleEndian);
    out.setUint32(at + 8, interfaceId, littleEndian);
    out.setUint32(at + 12, timeHigh, littleEndian);
    out.setUint32(at + 16, timeLow, littleEndian);
    out.setUint32(at + 20, length, littleEndian);
    out.setUint32(at + 24, length, littleEndian);
    // The padding is part of the last word of data.
    if (dataLength !== length) out.setUint32(at + 24 + dataLength, 0);
    this.copy(view, start, end, at + 28);
    at += 28 + dataLength;
    if (commentLength > 0) {
      out.setUint16(at, COMMENT_OPTION, littleEndian);
      out.setUint16(at + 2, commentLength, littleEndian);
      out.setUint32(at + commentRoom - 4, 0);
      this.copy(comment, 0, commentLength, at + 4);
      at += commentRoom;
    }
    out.setUint16(at, FLAGS_OPTION, littleEndian);
    out.setUint16(at + 2, 4, littleEndian);
    out.setUint32(at + 4, flags, littleEndian);
    out.setUint16(at + 8, PACKET_ID_OPTION, littleEndian);
    out.setUint16(at + 10, 8, littleEndian);
    out.setUint32(at + 12, littleEndian ? packetId : 0, littleEndian);
    out.setUint32(at + 16, littleEndian ? 0 : packetId, littleEndian);
    out.setUint32(at + 20, 0);
    out.setUint32(at + 24, total, littleEndian);
    this.at = at + 28;
    return this.isReady;
  }

  /** Writes a packet with any options. */
  writePacket(packet: PcapngPacketInit): boolean {
    const { data, seconds, nanoseconds, wireLength = data.length, interfaceId = 0, options } = packet;
    const time = this.ticks(interfaceId, seconds, nanoseconds);
    return this.writeBlock({ kind: "enhancedPacket", interfaceId, time, wireLength, data, options: options ?? {} });
  }

  /** A time in the units of an interface, for statistics and packet blocks. */
  ticks(interfaceId: number, seconds: number, nanoseconds: number): Ticks {
    const clock = this.#clockOf(interfaceId);
    const low = clock.toTicks(seconds, nanoseconds);
    if (low < 0) this.#refuseTime(clock, seconds);
    return { high: clock.high, low };
  }

  /**
   * Writes any block. A raw block goes out as it is; it must be of a section of the same byte order. Section and
   * interface blocks count as if `beginSection` and `addInterface` had written them.
   */
  writeBlock(block: Block | RawBlock): boolean {
    const isSection = "kind" in block ? block.kind === "section" : block.type === BlockType.section;
    if (!isSection) this.finishHeader();
    const littleEndian = isSection ? (block as { readonly littleEndian: boolean }).littleEndian : !this.#bigEndian;
    const raw = "kind" in block ? this.#encode(block, littleEndian) : block;
    checkRaw(raw, littleEndian);
    const clock = raw.type === BlockType.interface ? clockOf(raw) : undefined;
    const ready = this.append(raw.bytes);
    // Only now, as what has been refused changes nothing.
    if (isSection) {
      this.#begun = true;
      this.#bigEndian = !littleEndian;
      this.#clocks = [];
    } else if (clock !== undefined) this.#clocks.push(clock);
    return ready;
  }

  #encode(block: Block, littleEndian: boolean): RawBlock {
    const bytes = encodeBlock(block, littleEndian);
    const type = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, littleEndian);
    return { type, littleEndian, offset: this.length, bytes };
  }

  #clockOf(interfaceId: number): TickClock {
    const clock = this.#clocks[interfaceId];
    if (clock !== undefined) return clock;
    throw new RangeError(`interface ${interfaceId} has not been added, the section has ${this.#clocks.length}`);
  }

  #refuseTime(clock: TickClock, seconds: number): never {
    const { resolution, offset } = clock;
    const unit = `if_tsresol ${resolution} and if_tsoffset ${offset}`;
    return this.refuse("ERR_CAPTURE_TIME_RANGE", `seconds are ${seconds}, an interface of ${unit} cannot hold that`);
  }
}

/** The clock that an interface's packets go by. */
function clockOf(raw: RawBlock): TickClock {
  const block = decodeBlock(raw);
  const options = block?.kind === "interface" ? block.options : {};
  const { timestampResolution = DEFAULT_RESOLUTION, timestampOffset = 0 } = options;
  return new TickClock(timestampResolution, Number(timestampOffset));
}

function checkRaw({ bytes, littleEndian }: RawBlock, isLittleEndian: boolean): void {
  if (littleEndian !== isLittleEndian) {
    const orders = littleEndian ? "little-endian, its section big-endian" : "big-endian, its section little-endian";
    throw new RangeError(`the raw block is ${orders}: decode it first`);
  }
  if (bytes.length < BLOCK_OVERHEAD || (bytes.length & 3) !== 0) {
    throw new RangeError(`the raw block has ${bytes.length} bytes, expected a multiple of 4 from ${BLOCK_OVERHEAD}`);
  }
}
