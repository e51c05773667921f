/**
 * SCTP chunks (RFC 9260 §3.2, §3.3).
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |  Chunk Type   |  Chunk Flags  |         Chunk Length          |  without padding
 * |                          Chunk Value                          |
 * |                                   | padding to four bytes     |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * Functions take the chunks' bounds, or those of a chunk on its own.
 * Not covered beyond their raw bytes: parameters of INIT and INIT ACK, error causes, cookies, what heartbeats carry, and
 * the chunks of extensions (AUTH, ASCONF, FORWARD TSN, I-DATA …).
 */
import { bytesAt, joined } from "./bytes.ts";
import { requireBits, requireWord } from "./encode.ts";
import { type Field, field } from "./field.ts";
import { Status } from "./status.ts";

export const HEADER_LENGTH = 4;

/** IANA, "Chunk Types". */
export const SctpChunkType = {
  data: 0,
  init: 1,
  initAck: 2,
  sack: 3,
  heartbeat: 4,
  heartbeatAck: 5,
  abort: 6,
  shutdown: 7,
  shutdownAck: 8,
  error: 9,
  cookieEcho: 10,
  cookieAck: 11,
  shutdownComplete: 14,
} as const;

/** Flags of DATA (RFC 9260 §3.3.1). */
export const SctpDataFlag = { end: 1, begin: 2, unordered: 4, immediate: 8 } as const;

/** Bytes of a chunk without what may follow its fixed fields. */
export const DATA_LENGTH = 16;
export const INIT_LENGTH = 20;
export const SACK_LENGTH = 16;
export const SHUTDOWN_LENGTH = 8;

export const layout: readonly Field[] = [
  field("type", 0, 8, "sctp.chunk_type"),
  field("flags", 8, 8, "sctp.chunk_flags", "hex"),
  field("length", 16, 16, "sctp.chunk_length"),
];

/** DATA, behind {@link layout}. */
export const dataLayout: readonly Field[] = [
  field("tsn", 32, 32, "sctp.data_tsn_raw"),
  field("streamId", 64, 16, "sctp.data_sid", "hex"),
  field("streamSequence", 80, 16, "sctp.data_ssn"),
  field("payloadProtocol", 96, 32, "sctp.data_payload_proto_id"),
];

/** INIT and INIT ACK, behind {@link layout}; Wireshark's names are those of INIT. */
export const initLayout: readonly Field[] = [
  field("initiateTag", 32, 32, "sctp.init_initiate_tag", "hex"),
  field("receiverWindow", 64, 32, "sctp.init_credit"),
  field("outboundStreams", 96, 16, "sctp.init_nr_out_streams"),
  field("inboundStreams", 112, 16, "sctp.init_nr_in_streams"),
  field("initialTsn", 128, 32, "sctp.init_initial_tsn"),
];

/** SACK, behind {@link layout}. */
export const sackLayout: readonly Field[] = [
  field("cumulativeTsn", 32, 32, "sctp.sack_cumulative_tsn_ack_raw"),
  field("receiverWindow", 64, 32, "sctp.sack_a_rwnd"),
  field("gapCount", 96, 16, "sctp.sack_number_of_gap_blocks"),
  field("duplicateCount", 112, 16, "sctp.sack_number_of_duplicated_tsns"),
];

/**
 * Every chunk lies inside [at, end), its padding too but for the last one's, and has the fields of its type. After `ok`,
 * the functions below read the whole list.
 */
export function check(view: DataView, at: number, end: number): Status {
  for (let from = at; from < end; from += paddedLength(view, from)) {
    if (end - from < HEADER_LENGTH) return Status.truncated;
    const total = length(view, from);
    if (total < leastLength(view, from, end)) return Status.badOption;
    if (total > end - from) return Status.truncated;
  }
  return Status.ok;
}

/** Bytes of the chunk at `at` that are there, padding included; 0 if it is malformed. Needs `at < end`. */
export function chunkLength(view: DataView, at: number, end: number): number {
  if (end - at < HEADER_LENGTH) return 0;
  const total = length(view, at);
  return total < leastLength(view, at, end) || total > end - at ? 0 : Math.min(paddedLength(view, at), end - at);
}

/** What its type's fixed fields take, and a SACK's counts promise. */
function leastLength(view: DataView, at: number, end: number): number {
  switch (type(view, at)) {
    case SctpChunkType.data:
      return DATA_LENGTH;
    case SctpChunkType.init:
    case SctpChunkType.initAck:
      return INIT_LENGTH;
    case SctpChunkType.sack: {
      const isWhole = length(view, at) >= SACK_LENGTH && end - at >= SACK_LENGTH;
      return isWhole ? SACK_LENGTH + (gapCount(view, at) + duplicateCount(view, at)) * 4 : SACK_LENGTH;
    }
    case SctpChunkType.shutdown:
      return SHUTDOWN_LENGTH;
    default:
      return HEADER_LENGTH;
  }
}

/** See {@link SctpChunkType}. */
export function type(view: DataView, at: number): number {
  return view.getUint8(at);
}

/** Of DATA: {@link SctpDataFlag}. */
export function flags(view: DataView, at: number): number {
  return view.getUint8(at + 1);
}

/** Header and value in bytes, without padding. */
export function length(view: DataView, at: number): number {
  return view.getUint16(at + 2);
}

/** Where the next chunk begins, from here. */
export function paddedLength(view: DataView, at: number): number {
  return (length(view, at) + 3) & ~3;
}

/** DATA, "TSN". */
export function tsn(view: DataView, at: number): number {
  return view.getUint32(at + 4);
}

/** DATA, "Stream Identifier S". */
export function streamId(view: DataView, at: number): number {
  return view.getUint16(at + 8);
}

/** DATA, "Stream Sequence Number n". */
export function streamSequence(view: DataView, at: number): number {
  return view.getUint16(at + 10);
}

/** DATA, "Payload Protocol Identifier": what the user data is, for those who look on. */
export function payloadProtocol(view: DataView, at: number): number {
  return view.getUint32(at + 12);
}

/** INIT, INIT ACK: the verification tag of all packets the other way. */
export function initiateTag(view: DataView, at: number): number {
  return view.getUint32(at + 4);
}

/** INIT, INIT ACK, SACK, "a_rwnd": bytes that the sender has room for. */
export function receiverWindow(view: DataView, at: number): number {
  return view.getUint32(at + 8);
}

/** INIT, INIT ACK. */
export function outboundStreams(view: DataView, at: number): number {
  return view.getUint16(at + 12);
}

/** INIT, INIT ACK: the most that it takes. */
export function inboundStreams(view: DataView, at: number): number {
  return view.getUint16(at + 14);
}

/** INIT, INIT ACK: number of the first DATA chunk. */
export function initialTsn(view: DataView, at: number): number {
  return view.getUint32(at + 16);
}

/** SACK, SHUTDOWN: all chunks up to this one have come. */
export function cumulativeTsn(view: DataView, at: number): number {
  return view.getUint32(at + 4);
}

/** SACK: how many blocks behind {@link cumulativeTsn} have come. */
export function gapCount(view: DataView, at: number): number {
  return view.getUint16(at + 12);
}

/** SACK: how many chunks are listed that came twice. */
export function duplicateCount(view: DataView, at: number): number {
  return view.getUint16(at + 14);
}

/** SACK: first chunk of block `index`, counted from {@link cumulativeTsn}. */
export function gapStart(view: DataView, at: number, index: number): number {
  return view.getUint16(at + SACK_LENGTH + index * 4);
}

/** SACK: last chunk of block `index`. */
export function gapEnd(view: DataView, at: number, index: number): number {
  return view.getUint16(at + SACK_LENGTH + index * 4 + 2);
}

/** SACK: TSN of a chunk that came twice. */
export function duplicate(view: DataView, at: number, index: number): number {
  return view.getUint32(at + SACK_LENGTH + (gapCount(view, at) + index) * 4);
}

interface ChunkBase {
  readonly flags: number;
  /** Zeros behind it, in practice; the last chunk's may be missing. */
  readonly padding: Uint8Array;
}

export type SctpChunk = ChunkBase &
  (
    | {
        readonly chunk: "data";
        readonly tsn: number;
        readonly streamId: number;
        readonly streamSequence: number;
        readonly payloadProtocol: number;
        readonly bytes: Uint8Array;
      }
    | {
        readonly chunk: "init" | "initAck";
        readonly initiateTag: number;
        readonly receiverWindow: number;
        readonly outboundStreams: number;
        readonly inboundStreams: number;
        readonly initialTsn: number;
        readonly parameters: Uint8Array;
      }
    | {
        readonly chunk: "sack";
        readonly cumulativeTsn: number;
        readonly receiverWindow: number;
        readonly gaps: readonly { readonly start: number; readonly end: number }[];
        readonly duplicates: readonly number[];
        /** What no count promises. */
        readonly rest: Uint8Array;
      }
    | { readonly chunk: "shutdown"; readonly cumulativeTsn: number; readonly rest: Uint8Array }
    | { readonly chunk: "raw"; readonly type: number; readonly bytes: Uint8Array }
  );

/** Plain values of checked chunks. */
export function plain(view: DataView, at: number, end: number): readonly SctpChunk[] {
  const chunks: SctpChunk[] = [];
  for (let from = at; from < end; from += paddedLength(view, from)) chunks.push(plainChunk(view, from, end));
  return chunks;
}

function plainChunk(view: DataView, at: number, end: number): SctpChunk {
  const stop = at + length(view, at);
  const base = { flags: flags(view, at), padding: bytesAt(view, stop, Math.min(at + paddedLength(view, at), end)) };
  const rest = (from: number): Uint8Array => bytesAt(view, at + from, stop);
  const kind = type(view, at);
  switch (kind) {
    case SctpChunkType.data:
      return {
        chunk: "data",
        ...base,
        tsn: tsn(view, at),
        streamId: streamId(view, at),
        streamSequence: streamSequence(view, at),
        payloadProtocol: payloadProtocol(view, at),
        bytes: rest(DATA_LENGTH),
      };
    case SctpChunkType.init:
    case SctpChunkType.initAck:
      return {
        chunk: kind === SctpChunkType.init ? "init" : "initAck",
        ...base,
        initiateTag: initiateTag(view, at),
        receiverWindow: receiverWindow(view, at),
        outboundStreams: outboundStreams(view, at),
        inboundStreams: inboundStreams(view, at),
        initialTsn: initialTsn(view, at),
        parameters: rest(INIT_LENGTH),
      };
    case SctpChunkType.sack: {
      const gaps = Array.from({ length: gapCount(view, at) }, (_, index) => ({
        start: gapStart(view, at, index),
        end: gapEnd(view, at, index),
      }));
      const duplicates = Array.from({ length: duplicateCount(view, at) }, (_, index) => duplicate(view, at, index));
      return {
        chunk: "sack",
        ...base,
        cumulativeTsn: cumulativeTsn(view, at),
        receiverWindow: receiverWindow(view, at),
        gaps,
        duplicates,
        rest: rest(SACK_LENGTH + (gaps.length + duplicates.length) * 4),
      };
    }
    case SctpChunkType.shutdown:
      return { chunk: "shutdown", ...base, cumulativeTsn: cumulativeTsn(view, at), rest: rest(SHUTDOWN_LENGTH) };
    default:
      return { chunk: "raw", ...base, type: kind, bytes: rest(HEADER_LENGTH) };
  }
}

/** What `encode` takes: flags are 0 and padding is made of zeros unless given. */
export type SctpChunkInit = SctpChunk extends infer Chunk
  ? Chunk extends SctpChunk
    ? Omit<Chunk, "flags" | "padding"> & Partial<ChunkBase>
    : never
  : never;

/** The chunks one after the other in a new array. */
export function encode(chunks: readonly SctpChunkInit[]): Uint8Array {
  return joined(chunks.flatMap(encodeChunk));
}

function encodeChunk(chunk: SctpChunkInit): readonly Uint8Array[] {
  const [kind, parts] = body(chunk);
  const total = parts.reduce((sum, part) => sum + part.length, HEADER_LENGTH);
  requireBits("sctp chunk type", kind, 8);
  requireBits("sctp chunk flags", chunk.flags ?? 0, 8);
  requireBits("sctp chunk length", total, 16);
  const padding = chunk.padding ?? new Uint8Array((4 - (total & 3)) & 3);
  if (padding.length > ((4 - (total & 3)) & 3))
    throw new RangeError(`sctp chunk padding has ${padding.length} bytes, expected at most ${(4 - (total & 3)) & 3}`);
  const header = new Uint8Array(HEADER_LENGTH);
  const view = new DataView(header.buffer);
  view.setUint8(0, kind);
  view.setUint8(1, chunk.flags ?? 0);
  view.setUint16(2, total);
  return [header, ...parts, padding];
}

/** Type, and what follows the header. */
function body(chunk: SctpChunkInit): readonly [number, readonly Uint8Array[]] {
  switch (chunk.chunk) {
    case "data":
      return [
        SctpChunkType.data,
        [
          fixed([32, chunk.tsn], [16, chunk.streamId], [16, chunk.streamSequence], [32, chunk.payloadProtocol]),
          chunk.bytes,
        ],
      ];
    case "init":
    case "initAck":
      return [
        SctpChunkType[chunk.chunk],
        [
          fixed(
            [32, chunk.initiateTag],
            [32, chunk.receiverWindow],
            [16, chunk.outboundStreams],
            [16, chunk.inboundStreams],
            [32, chunk.initialTsn],
          ),
          chunk.parameters,
        ],
      ];
    case "sack":
      return [
        SctpChunkType.sack,
        [
          fixed(
            [32, chunk.cumulativeTsn],
            [32, chunk.receiverWindow],
            [16, chunk.gaps.length],
            [16, chunk.duplicates.length],
          ),
          ...chunk.gaps.map(({ start, end }) => fixed([16, start], [16, end])),
          ...chunk.duplicates.map((one) => fixed([32, one])),
          chunk.rest,
        ],
      ];
    case "shutdown":
      return [SctpChunkType.shutdown, [fixed([32, chunk.cumulativeTsn]), chunk.rest]];
    default:
      return [chunk.type, [chunk.bytes]];
  }
}

/** Numbers of 16 or 32 bits in a row. */
function fixed(...numbers: readonly (readonly [bits: 16 | 32, value: number])[]): Uint8Array {
  const bytes = new Uint8Array(numbers.reduce((sum, [bits]) => sum + bits / 8, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [bits, value] of numbers) {
    if (bits === 16) {
      requireBits("sctp chunk field", value, 16);
      view.setUint16(at, value);
    } else {
      requireWord("sctp chunk field", value);
      view.setUint32(at, value);
    }
    at += bits / 8;
  }
  return bytes;
}

const NAMES: ReadonlyMap<number, string> = new Map([
  [SctpChunkType.data, "DATA"],
  [SctpChunkType.init, "INIT"],
  [SctpChunkType.initAck, "INIT ACK"],
  [SctpChunkType.sack, "SACK"],
  [SctpChunkType.heartbeat, "HEARTBEAT"],
  [SctpChunkType.heartbeatAck, "HEARTBEAT ACK"],
  [SctpChunkType.abort, "ABORT"],
  [SctpChunkType.shutdown, "SHUTDOWN"],
  [SctpChunkType.shutdownAck, "SHUTDOWN ACK"],
  [SctpChunkType.error, "ERROR"],
  [SctpChunkType.cookieEcho, "COOKIE ECHO"],
  [SctpChunkType.cookieAck, "COOKIE ACK"],
  [SctpChunkType.shutdownComplete, "SHUTDOWN COMPLETE"],
  [15, "AUTH"],
  [64, "I-DATA"],
  [128, "ASCONF ACK"],
  [130, "RE-CONFIG"],
  [192, "FORWARD TSN"],
  [193, "ASCONF"],
]);

/** The whole chunks of [at, end): `SACK 1218632832 window 131072, DATA 393985847 stream 0:1 bytes 6` */
export function format(view: DataView, at: number, end: number): string {
  const texts: string[] = [];
  for (let from = at; from < end; ) {
    const bytes = chunkLength(view, from, end);
    if (bytes === 0) break;
    texts.push(formatChunk(view, from));
    from += bytes;
  }
  return texts.join(", ");
}

function formatChunk(view: DataView, at: number): string {
  const kind = type(view, at);
  const name = NAMES.get(kind) ?? `chunk ${kind}`;
  switch (kind) {
    case SctpChunkType.data: {
      const isWhole = (flags(view, at) & 3) === 3;
      const unordered = (flags(view, at) & SctpDataFlag.unordered) === 0 ? "" : " unordered";
      const part = isWhole ? "" : " fragment";
      return `${name} ${tsn(view, at)} stream ${streamId(view, at)}:${streamSequence(view, at)}${unordered}${part} bytes ${length(view, at) - DATA_LENGTH}`;
    }
    case SctpChunkType.init:
    case SctpChunkType.initAck: {
      const tag = initiateTag(view, at).toString(16).padStart(8, "0");
      return `${name} tag 0x${tag} tsn ${initialTsn(view, at)} window ${receiverWindow(view, at)}`;
    }
    case SctpChunkType.sack: {
      let gaps = "";
      for (let index = 0; index < gapCount(view, at); index++)
        gaps += ` +${gapStart(view, at, index)}-${gapEnd(view, at, index)}`;
      return `${name} ${cumulativeTsn(view, at)}${gaps} window ${receiverWindow(view, at)}`;
    }
    case SctpChunkType.shutdown:
      return `${name} ${cumulativeTsn(view, at)}`;
    default:
      return name;
  }
}
