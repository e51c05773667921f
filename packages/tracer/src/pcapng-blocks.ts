/**
 * The blocks of pcapng (draft-ietf-opsawg-pcapng §3.1 and §4) as plain values, both ways.
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                          Block Type                           |
 * |                      Block Total Length                       |
 * /          Block Body, padded to 32 bits: fields, options       /
 * |                      Block Total Length                       |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * Not taken apart: the blocks of sysdig, systemd, Hone and others (kind `unknown`), and what is in a custom block,
 * options included, because only its vendor knows where they start.
 */
import { ByteWriter, padded } from "./byte-writer.ts";
import { decodeRecords, encodeRecords, type NameRecord } from "./name-records.ts";
import {
  type CommonOptions,
  decodeOptions,
  encodeOptions,
  type InterfaceOptions,
  type NameOptions,
  type PacketOptions,
  type SectionOptions,
  type StatisticsOptions,
  type Ticks,
} from "./pcapng-options.ts";

/** Block types. */
export const BlockType = {
  section: 0x0a0d0d0a,
  interface: 1,
  /** Obsolete. */
  packet: 2,
  simplePacket: 3,
  names: 4,
  statistics: 5,
  enhancedPacket: 6,
  secrets: 10,
  custom: 0x00000bad,
  /** A custom block that is not to be copied into another file. */
  customLocal: 0x40000bad,
} as const;
export type BlockType = (typeof BlockType)[keyof typeof BlockType];

/** Byte-order magic of a section header, as a number in the section's own byte order. */
export const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
/** Bytes of a block with an empty body. */
export const BLOCK_OVERHEAD = 12;
/** Bytes before a block's body. */
export const BLOCK_HEADER_LENGTH = 8;
/** Bytes of the whole block without data and options. */
export const FixedLength = {
  section: 28,
  interface: 20,
  packet: 32,
  simplePacket: 16,
  names: 12,
  statistics: 24,
  enhancedPacket: 32,
  secrets: 20,
  custom: 16,
} as const;
/** Longest block that readers believe, in bytes, unless an interface's link type has longer packets. */
export const MAX_BLOCK_LENGTH: number = 16 * 1024 * 1024;

/** A block as it stands in the file, header and trailer included. Written back it is the same bytes. */
export interface RawBlock {
  readonly type: number;
  /** Byte order of its section. */
  readonly littleEndian: boolean;
  /** Byte offset in the file, after decompression. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** §4.1. */
export interface SectionBlock {
  readonly kind: "section";
  readonly littleEndian: boolean;
  readonly versionMajor: number;
  readonly versionMinor: number;
  /** Bytes of the section behind this block; undefined if the writer did not know. */
  readonly sectionLength: bigint | undefined;
  readonly options: SectionOptions;
}

/** §4.2. */
export interface InterfaceBlock {
  readonly kind: "interface";
  readonly linkType: number;
  readonly snapLength: number;
  readonly options: InterfaceOptions;
}

/** §4.3. */
export interface EnhancedPacketBlock {
  readonly kind: "enhancedPacket";
  /** Within the section. */
  readonly interfaceId: number;
  /** In the interface's units; see TickClock. */
  readonly time: Ticks;
  readonly wireLength: number;
  readonly data: Uint8Array;
  readonly options: PacketOptions;
}

/** §4.4. Of the section's first interface, without a time. */
export interface SimplePacketBlock {
  readonly kind: "simplePacket";
  readonly wireLength: number;
  readonly data: Uint8Array;
}

/** Appendix A. */
export interface ObsoletePacketBlock {
  readonly kind: "packet";
  readonly interfaceId: number;
  /** Packets lost since the last; undefined if not known. */
  readonly dropCount: number | undefined;
  readonly time: Ticks;
  readonly wireLength: number;
  readonly data: Uint8Array;
  readonly options: PacketOptions;
}

/** §4.5. */
export interface NamesBlock {
  readonly kind: "names";
  readonly records: readonly NameRecord[];
  readonly options: NameOptions;
}

/** §4.6. */
export interface StatisticsBlock {
  readonly kind: "statistics";
  readonly interfaceId: number;
  readonly time: Ticks;
  readonly options: StatisticsOptions;
}

/** §4.7. `secretsType` is four letters in a number: 0x544c534b is a TLS key log. */
export interface SecretsBlock {
  readonly kind: "secrets";
  readonly secretsType: number;
  readonly data: Uint8Array;
  readonly options: CommonOptions;
}

/** §4.8. */
export interface CustomBlock {
  readonly kind: "custom";
  /** IANA Private Enterprise Number. */
  readonly enterprise: number;
  /** False: not to be copied into another file. */
  readonly copyable: boolean;
  /** The rest of the body, with padding and options. */
  readonly data: Uint8Array;
}

/** Any other block. */
export interface UnknownBlock {
  readonly kind: "unknown";
  readonly type: number;
  readonly body: Uint8Array;
}

export type Block =
  | SectionBlock
  | InterfaceBlock
  | EnhancedPacketBlock
  | SimplePacketBlock
  | ObsoletePacketBlock
  | NamesBlock
  | StatisticsBlock
  | SecretsBlock
  | CustomBlock
  | UnknownBlock;

/**
 * A block's fields, options included. Undefined if they contradict the block's length. `snapLength` is the section's
 * first interface's, which a simple packet's length depends on.
 */
export function decodeBlock(raw: RawBlock, snapLength: number = 0): Block | undefined {
  const { littleEndian, type } = raw;
  // Not a Buffer, whose slice would share memory.
  const bytes = new Uint8Array(raw.bytes.buffer, raw.bytes.byteOffset, raw.bytes.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  // Where the trailing length starts.
  const end = bytes.length - 4;
  const u32 = (at: number): number => view.getUint32(at, littleEndian);
  const has = (length: number): boolean => bytes.length >= length;
  const ticks = (at: number): Ticks => ({ high: u32(at), low: u32(at + 4) });
  switch (type) {
    case BlockType.section: {
      if (!has(FixedLength.section)) return undefined;
      const length = view.getBigInt64(16, littleEndian);
      return {
        kind: "section",
        littleEndian,
        versionMajor: view.getUint16(12, littleEndian),
        versionMinor: view.getUint16(14, littleEndian),
        sectionLength: length === -1n ? undefined : length,
        options: decodeOptions("section", view, 24, end, littleEndian),
      };
    }
    case BlockType.interface:
      if (!has(FixedLength.interface)) return undefined;
      return {
        kind: "interface",
        linkType: view.getUint16(8, littleEndian),
        snapLength: u32(12),
        options: decodeOptions("interface", view, 16, end, littleEndian),
      };
    case BlockType.enhancedPacket:
    case BlockType.packet: {
      if (!has(FixedLength.enhancedPacket) || u32(20) > end - 28) return undefined;
      const optionsAt = 28 + padded(u32(20));
      const rest = {
        time: ticks(12),
        wireLength: u32(24),
        data: bytes.slice(28, 28 + u32(20)),
        options: decodeOptions("packet", view, optionsAt, end, littleEndian),
      };
      if (type === BlockType.enhancedPacket) return { kind: "enhancedPacket", interfaceId: u32(8), ...rest };
      const drops = view.getUint16(10, littleEndian);
      const interfaceId = view.getUint16(8, littleEndian);
      return { kind: "packet", interfaceId, dropCount: drops === NO_DROPS ? undefined : drops, ...rest };
    }
    case BlockType.simplePacket: {
      if (!has(FixedLength.simplePacket)) return undefined;
      const length = simpleLength(u32(8), snapLength);
      if (length > end - 12) return undefined;
      return { kind: "simplePacket", wireLength: u32(8), data: bytes.slice(12, 12 + length) };
    }
    case BlockType.names: {
      const { records, end: optionsAt } = decodeRecords(view, 8, end, littleEndian);
      return { kind: "names", records, options: decodeOptions("names", view, optionsAt, end, littleEndian) };
    }
    case BlockType.statistics:
      if (!has(FixedLength.statistics)) return undefined;
      return {
        kind: "statistics",
        interfaceId: u32(8),
        time: ticks(12),
        options: decodeOptions("statistics", view, 20, end, littleEndian),
      };
    case BlockType.secrets: {
      if (!has(FixedLength.secrets) || u32(12) > end - 16) return undefined;
      const optionsAt = 16 + padded(u32(12));
      return {
        kind: "secrets",
        secretsType: u32(8),
        data: bytes.slice(16, 16 + u32(12)),
        options: decodeOptions("common", view, optionsAt, end, littleEndian),
      };
    }
    case BlockType.custom:
    case BlockType.customLocal:
      if (!has(FixedLength.custom)) return undefined;
      return {
        kind: "custom",
        enterprise: u32(8),
        copyable: type === BlockType.custom,
        data: bytes.slice(12, end),
      };
    default:
      return { kind: "unknown", type, body: bytes.slice(8, end) };
  }
}

/** Drops Count of an obsolete packet block that says "not known". */
export const NO_DROPS = 0xffff;

/** Bytes of a simple packet's data: the smaller of the packet and the snap length, where 0 is no limit (§4.4). */
export function simpleLength(wireLength: number, snapLength: number): number {
  return snapLength === 0 ? wireLength : Math.min(wireLength, snapLength);
}

/** The bytes of a block in a section of the given byte order (a section block has its own). */
export function encodeBlock(block: Block, littleEndian: boolean): Uint8Array {
  const out = new ByteWriter(block.kind === "section" ? block.littleEndian : littleEndian);
  out.u32(typeOf(block)).u32(0);
  putBody(out, block);
  out.pad().u32(out.length + 4);
  out.setU32(4, out.length);
  return out.finish();
}

function typeOf(block: Block): number {
  if (block.kind === "unknown") return block.type;
  if (block.kind === "custom") return block.copyable ? BlockType.custom : BlockType.customLocal;
  return BlockType[block.kind];
}

function putBody(out: ByteWriter, block: Block): void {
  const littleEndian = out.littleEndian;
  switch (block.kind) {
    case "section":
      out
        .u32(BYTE_ORDER_MAGIC)
        .u16(block.versionMajor)
        .u16(block.versionMinor)
        .u64(block.sectionLength ?? -1n);
      out.bytes(encodeOptions("section", block.options, littleEndian));
      break;
    case "interface":
      out.u16(block.linkType).u16(0).u32(block.snapLength);
      out.bytes(encodeOptions("interface", block.options, littleEndian));
      break;
    case "enhancedPacket":
    case "packet":
      if (block.kind === "packet") out.u16(block.interfaceId).u16(block.dropCount ?? NO_DROPS);
      else out.u32(block.interfaceId);
      out.u32(block.time.high).u32(block.time.low).u32(block.data.length).u32(block.wireLength);
      out.bytes(block.data).pad();
      out.bytes(encodeOptions("packet", block.options, littleEndian));
      break;
    case "simplePacket":
      out.u32(block.wireLength).bytes(block.data);
      break;
    case "names":
      encodeRecords(out, block.records);
      out.bytes(encodeOptions("names", block.options, littleEndian));
      break;
    case "statistics":
      out.u32(block.interfaceId).u32(block.time.high).u32(block.time.low);
      out.bytes(encodeOptions("statistics", block.options, littleEndian));
      break;
    case "secrets":
      out.u32(block.secretsType).u32(block.data.length).bytes(block.data).pad();
      out.bytes(encodeOptions("common", block.options, littleEndian));
      break;
    case "custom":
      out.u32(block.enterprise).bytes(block.data);
      break;
    case "unknown":
      out.bytes(block.body);
      break;
  }
}
