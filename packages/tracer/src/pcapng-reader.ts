/**
 * pcapng (draft-ietf-opsawg-pcapng): blocks of any kind, in sections that each have their own byte order, version and
 * interfaces. `next` goes from packet to packet, `nextBlock` from block to block; both keep account of sections and
 * interfaces, and use either or both on one file.
 *
 * A block must have a length that is a multiple of four, the same at both ends and no larger than {@link
 * MAX_BLOCK_LENGTH} (more where a link type has longer packets); the fields of section headers, interface descriptions
 * and packets must fit into it. Options and the blocks that are not needed to read packets may be damaged.
 * The section length is not used. Not covered: sections of other versions (an error, where the draft would skip them).
 */
import { padded } from "./byte-writer.ts";
import { type CaptureInterface, captureInterface } from "./capture-interface.ts";
import { type CaptureError, hex32 } from "./error.ts";
import { linkTypeName, MAX_PACKET_LENGTH, maxPacketLength } from "./link-type.ts";
import {
  BLOCK_HEADER_LENGTH,
  BLOCK_OVERHEAD,
  BlockType,
  BYTE_ORDER_MAGIC,
  FixedLength,
  MAX_BLOCK_LENGTH,
  NO_DROPS,
  type RawBlock,
  simpleLength,
} from "./pcapng-blocks.ts";
import {
  decodeOptions,
  findOption,
  FLAGS_OPTION,
  type InterfaceOptions,
  type PacketOptions,
} from "./pcapng-options.ts";
import { type ReaderInput, RecordReader } from "./record-reader.ts";
import { DEFAULT_RESOLUTION, TickClock } from "./tick-clock.ts";

/** Sections, and interfaces of all sections, that one file may have. */
export const MAX_INTERFACES = 65_536;

/** Constants of the loop: what a module imports is looked up each time. */
const ENHANCED = BlockType.enhancedPacket;
const SIMPLE = BlockType.simplePacket;
const ENHANCED_LENGTH = FixedLength.enhancedPacket;
const MAX_ORDINARY = MAX_PACKET_LENGTH;

/** What the reader keeps of an interface of the current section. */
interface InterfaceState {
  readonly index: number;
  readonly maxLength: number;
  readonly snapLength: number;
  readonly clock: TickClock;
}

/** Walks the blocks of a pcapng file. Made by `openCapture` and `openCaptureSync`. */
export class PcapngReader extends RecordReader {
  override readonly format = "pcapng";
  /** Type of the current block. */
  blockType = 0;
  #littleEndian = true;
  /** Number of the packet whose time is in the two fields that follow. */
  #timed = 0;
  #seconds = 0;
  #nanoseconds = 0;
  /** Interfaces of the current section: what is told of them, and what packets need. */
  #described: CaptureInterface[] = [];
  #states: InterfaceState[] = [];
  /** Index across the file of the section's first interface. */
  #firstInterface = 0;
  /** Interfaces that count alike share a clock, which then stays in the same second. */
  #clocks: Map<string, TickClock> = new Map();
  /** `begin` has read the section header that is the next block. */
  #sectionTaken = false;
  #maxBlockLength = MAX_BLOCK_LENGTH;
  readonly #onBlock: ((block: RawBlock) => void) | undefined;

  /** `onBlock` is called for each block that is not a packet, sections and interfaces included, while packets are read. */
  constructor(input: ReaderInput, onBlock?: (block: RawBlock) => void) {
    super(input);
    this.#onBlock = onBlock;
  }

  override begin(): boolean {
    if (!this.nextBlock()) return false;
    // The section is known now; its block is still to be passed.
    this.position = this.recordAt;
    this.#sectionTaken = true;
    return true;
  }

  override get wireLength(): number {
    return this.#u32(this.blockType === SIMPLE ? 8 : 24);
  }

  override get hasTime(): boolean {
    return this.blockType !== SIMPLE;
  }

  override get seconds(): number {
    if (this.#timed !== this.number) this.#readTime();
    return this.#seconds;
  }

  override get nanoseconds(): number {
    if (this.#timed !== this.number) this.#readTime();
    return this.#nanoseconds;
  }

  override get flags(): number {
    const littleEndian = this.#littleEndian;
    const at = findOption(this.view, this.#optionsAt, this.#optionsEnd, FLAGS_OPTION, 4, littleEndian);
    return at < 0 ? 0 : this.view.getUint32(at, littleEndian);
  }

  override options(): PacketOptions | undefined {
    const drops = this.blockType === BlockType.packet ? this.#u16(10) : NO_DROPS;
    const at = this.#optionsAt;
    if (at >= this.#optionsEnd && drops === NO_DROPS) return undefined;
    const options = decodeOptions("packet", this.view, at, this.#optionsEnd, this.#littleEndian);
    return drops === NO_DROPS ? options : { ...options, dropCount: drops };
  }

  #readTime(): void {
    this.#timed = this.number;
    if (this.hasTime) {
      const { clock } = this.#states[this.interfaceId - this.#firstInterface]!;
      this.#nanoseconds = clock.fromTicks(this.#u32(12), this.#u32(16));
      this.#seconds = clock.seconds;
    } else {
      this.#seconds = 0;
      this.#nanoseconds = 0;
    }
  }

  /** Options stand behind the padded data, up to the trailing length. A simple packet has none. */
  get #optionsAt(): number {
    return this.blockType === SIMPLE ? this.#optionsEnd : this.start + padded(this.end - this.start);
  }

  get #optionsEnd(): number {
    return this.position - 4;
  }

  /** Fields of the current block, at bytes from its start. */
  #u32(at: number): number {
    return this.view.getUint32(this.recordAt + at, this.#littleEndian);
  }

  #u16(at: number): number {
    return this.view.getUint16(this.recordAt + at, this.#littleEndian);
  }

  /** The current block. Without `copy` its bytes are the chunk's and hold until the next block. */
  block(copy: boolean = false): RawBlock {
    const length = this.position - this.recordAt;
    const shared = new Uint8Array(this.view.buffer, this.view.byteOffset + this.recordAt, length);
    return {
      type: this.blockType,
      littleEndian: this.#littleEndian,
      offset: this.offset,
      bytes: copy ? shared.slice() : shared,
    };
  }

  /** Yields every block of the file that has not been passed yet. Without `copy` a block holds until the next one. */
  async *blocks(options: { readonly copy?: boolean } = {}): AsyncGenerator<RawBlock, void> {
    const copy = options.copy === true;
    try {
      do while (this.nextBlock()) yield this.block(copy);
      while (await this.more());
    } finally {
      await this.close();
    }
  }

  override next(): boolean {
    // An ordinary packet that is in the chunk as a whole. Anything else goes the long way, which finds out what is wrong.
    const at = this.position;
    const view = this.view;
    const littleEndian = this.#littleEndian;
    const available = this.filled - at;
    if (available >= ENHANCED_LENGTH && view.getUint32(at, littleEndian) === ENHANCED) {
      const length = view.getUint32(at + 4, littleEndian);
      const id = view.getUint32(at + 8, littleEndian);
      const captured = view.getUint32(at + 20, littleEndian);
      if (
        length <= available &&
        (length & 3) === 0 &&
        captured + ENHANCED_LENGTH <= length &&
        captured <= MAX_ORDINARY &&
        id < this.#states.length &&
        view.getUint32(at + length - 4, littleEndian) === length
      ) {
        this.blockType = ENHANCED;
        this.recordAt = at;
        this.start = at + 28;
        this.end = at + 28 + captured;
        this.interfaceId = this.#firstInterface + id;
        this.number++;
        this.position = at + length;
        return true;
      }
    }
    return this.#nextPacket();
  }

  #nextPacket(): boolean {
    while (this.#stepBlock()) {
      if (this.#takeBlock()) return true;
      if (this.#onBlock !== undefined) this.#onBlock(this.block());
    }
    return false;
  }

  /** Moves to the next block of any type; false as `next`. If it is a packet, the packet's fields are set too. */
  nextBlock(): boolean {
    if (!this.#stepBlock()) return false;
    this.#takeBlock();
    return true;
  }

  /** Moves to the next block and checks its frame. */
  #stepBlock(): boolean {
    const at = this.position;
    const available = this.filled - at;
    if (available < BLOCK_OVERHEAD) return this.refill(BLOCK_OVERHEAD) && this.#stepBlock();
    const view = this.view;
    const isSection = view.getUint32(at) === BlockType.section;
    const littleEndian = isSection ? this.#byteOrder(at) : this.#littleEndian;
    const length = view.getUint32(at + 4, littleEndian);
    if (length % 4 !== 0 || length < BLOCK_OVERHEAD || length > this.#maxBlockLength) {
      const problem = `block of type ${hex32(view.getUint32(at, littleEndian))} has a length of ${length} bytes`;
      this.fail(
        "ERR_PCAPNG_BLOCK_LENGTH",
        at + 4,
        `${problem}, expected a multiple of 4 from ${BLOCK_OVERHEAD} to ${this.#maxBlockLength}`,
      );
    }
    if (length > available) return this.refill(length) && this.#stepBlock();
    const trailing = view.getUint32(at + length - 4, littleEndian);
    if (trailing !== length) {
      const problem = `block of type ${hex32(view.getUint32(at, littleEndian))} has a length of ${length} bytes`;
      this.fail("ERR_PCAPNG_BLOCK_LENGTH", at + length - 4, `${problem} in front and of ${trailing} behind`);
    }
    this.#littleEndian = littleEndian;
    this.blockType = view.getUint32(at, littleEndian);
    this.recordAt = at;
    this.position = at + length;
    return true;
  }

  /** True for little-endian. A section header says it in front of anything that depends on it. */
  #byteOrder(at: number): boolean {
    if (this.view.getUint32(at + 8) === BYTE_ORDER_MAGIC) return false;
    if (this.view.getUint32(at + 8, true) === BYTE_ORDER_MAGIC) return true;
    const found = hex32(this.view.getUint32(at + 8));
    const problem = `byte-order magic is ${found}, expected ${hex32(BYTE_ORDER_MAGIC)} in either order`;
    return this.fail("ERR_PCAPNG_BYTE_ORDER", at + 8, problem);
  }

  /** Does what the current block asks for. True if it is a packet. */
  #takeBlock(): boolean {
    switch (this.blockType) {
      case BlockType.section:
        this.#takeSection();
        return false;
      case BlockType.interface:
        this.#takeInterface();
        return false;
      case BlockType.enhancedPacket:
        this.#need("enhancedPacket");
        this.#takePacket(this.#stateOf(this.#u32(8)), 28, this.#u32(20));
        return true;
      case BlockType.packet:
        this.#need("packet");
        this.#takePacket(this.#stateOf(this.#u16(8)), 28, this.#u32(20));
        return true;
      case BlockType.simplePacket: {
        this.#need("simplePacket");
        const state = this.#stateOf(0);
        this.#takePacket(state, 12, simpleLength(this.#u32(8), state.snapLength));
        return true;
      }
      default:
        return false;
    }
  }

  #need(name: keyof typeof FixedLength): void {
    const length = this.position - this.recordAt;
    if (length >= FixedLength[name]) return;
    const problem = `${name} block has ${length} bytes, expected at least ${FixedLength[name]}`;
    this.fail("ERR_PCAPNG_BLOCK_BODY", this.recordAt, problem);
  }

  #takeSection(): void {
    if (this.#sectionTaken) {
      this.#sectionTaken = false;
      return;
    }
    this.#need("section");
    const view = this.view;
    const at = this.recordAt;
    const littleEndian = this.#littleEndian;
    const versionMajor = view.getUint16(at + 12, littleEndian);
    const versionMinor = view.getUint16(at + 14, littleEndian);
    // §4.1: "Readers of pcapng files MUST treat a Minor Version of 2 as equivalent to a Minor Version of 0".
    if (versionMajor !== 1 || (versionMinor !== 0 && versionMinor !== 2)) {
      this.fail("ERR_PCAPNG_VERSION", at + 12, `pcapng version ${versionMajor}.${versionMinor}, expected 1.0`);
    }
    const index = this.allSections.length;
    if (index >= MAX_INTERFACES) this.fail("ERR_PCAPNG_TOO_MANY", at, `more than ${MAX_INTERFACES} sections`);
    this.#described = [];
    this.#states = [];
    this.#firstInterface = this.allInterfaces.length;
    this.#clocks = new Map();
    this.allSections.push({
      index,
      offset: this.offset,
      littleEndian,
      versionMajor,
      versionMinor,
      options: decodeOptions("section", view, at + 24, this.position - 4, littleEndian),
      interfaces: this.#described,
    });
  }

  #takeInterface(): void {
    this.#need("interface");
    const view = this.view;
    const at = this.recordAt;
    const littleEndian = this.#littleEndian;
    const index = this.allInterfaces.length;
    if (index >= MAX_INTERFACES) this.fail("ERR_PCAPNG_TOO_MANY", at, `more than ${MAX_INTERFACES} interfaces`);
    const options = decodeOptions("interface", view, at + 16, this.position - 4, littleEndian);
    const resolution = options.timestampResolution ?? DEFAULT_RESOLUTION;
    const offset = Number(options.timestampOffset ?? 0);
    const linkType = view.getUint16(at + 8, littleEndian);
    const snapLength = view.getUint32(at + 12, littleEndian);
    const place = {
      index,
      section: this.allSections.length - 1,
      idInSection: this.#described.length,
      linkType,
      snapLength,
      fcsLength: fcsBytes(options),
      timestampResolution: resolution,
      timestampOffset: offset,
    };
    const described = captureInterface(place, options);
    this.allInterfaces.push(described);
    this.#described.push(described);
    const maxLength = maxPacketLength(linkType);
    this.#maxBlockLength = Math.max(this.#maxBlockLength, maxLength + 2 * 65_536);
    this.#states.push({ index, maxLength, snapLength, clock: this.#clockOf(resolution, offset) });
  }

  #clockOf(resolution: number, offset: number): TickClock {
    const key = `${resolution} ${offset}`;
    const clock = this.#clocks.get(key) ?? new TickClock(resolution, offset);
    this.#clocks.set(key, clock);
    return clock;
  }

  #stateOf(id: number): InterfaceState {
    const state = this.#states[id];
    if (state !== undefined) return state;
    const known = `the section has described ${this.#states.length}`;
    return this.fail(
      "ERR_PCAPNG_INTERFACE",
      this.recordAt,
      `packet ${this.number + 1} is of interface ${id}, ${known}`,
    );
  }

  /** Checks a packet of `captured` bytes that starts `at` bytes from the block's start, and moves to it. */
  #takePacket(state: InterfaceState, at: number, captured: number): void {
    const start = this.recordAt + at;
    const room = this.position - 4 - start;
    if (captured > state.maxLength) {
      const { linkType } = this.allInterfaces[state.index]!;
      const limit = `${linkTypeName(linkType)} packets have at most ${state.maxLength}`;
      const problem = `packet ${this.number + 1} has a captured length of ${captured} bytes, ${limit}`;
      this.fail("ERR_PCAPNG_PACKET_TOO_LARGE", this.recordAt, problem);
    }
    if (captured > room) {
      const problem = `packet ${this.number + 1} has a captured length of ${captured} bytes, its block has room for ${room}`;
      this.fail("ERR_PCAPNG_BLOCK_BODY", this.recordAt, problem);
    }
    this.start = start;
    this.end = start + captured;
    this.interfaceId = state.index;
    this.number++;
  }

  protected override truncated(available: number, needed: number): CaptureError {
    const what = needed === BLOCK_OVERHEAD ? "at least " : "";
    const isTyped = available >= BLOCK_HEADER_LENGTH;
    const type = isTyped ? ` of type ${hex32(this.view.getUint32(this.position, this.#littleEndian))}` : "";
    const problem = `block${type} is cut: it needs ${what}${needed} bytes, there are ${available}`;
    return this.error("ERR_PCAPNG_TRUNCATED_BLOCK", this.position, problem);
  }
}

/**
 * if_fcslen in bytes. §4.2 says "in bits" and gives 4 as an example, which is no whole number of bytes but is Ethernet's
 * length in them: so 8 and more are taken for bits and less for bytes.
 */
function fcsBytes(options: InterfaceOptions): number | undefined {
  const length = options.fcsLength;
  if (length === undefined || length < 8) return length;
  return Math.floor(length / 8);
}
