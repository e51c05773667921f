/**
 * SCTP (RFC 9260): the common header; its chunks are read in sctp-chunk.ts.
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |        Source Port            |     Destination Port          |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                      Verification Tag                         |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                           Checksum                            |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                            Chunks                             |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * Not covered: the Adler-32 checksum of RFC 2960; encapsulation in UDP (RFC 6951).
 */
import { bytesAt } from "./bytes.ts";
import { ChecksumStatus } from "./checksum.ts";
import * as crc32c from "./crc32c.ts";
import { type EncodeOptions, requireBits, requireWord } from "./encode.ts";
import { type Field, field } from "./field.ts";
import { fail, ok, type Result } from "./result.ts";
import * as chunk from "./sctp-chunk.ts";
import { Status } from "./status.ts";

export const HEADER_LENGTH = 12;
const CHECKSUM_AT = 8;

export const layout: readonly Field[] = [
  field("srcPort", 0, 16, "sctp.srcport"),
  field("dstPort", 16, 16, "sctp.dstport"),
  field("verificationTag", 32, 32, "sctp.verification_tag", "hex"),
  field("checksum", 64, 32, "sctp.checksum", "hex"),
];

/** The header and all chunks lie inside [at, end). After `ok`, every accessor below is safe, and those of the chunks. */
export function check(view: DataView, at: number, end: number): Status {
  return end - at < HEADER_LENGTH ? Status.truncated : chunk.check(view, at + HEADER_LENGTH, end);
}

/** RFC 9260 §3.1, "Source Port Number". */
export function srcPort(view: DataView, at: number): number {
  return view.getUint16(at);
}

/** RFC 9260 §3.1, "Destination Port Number". */
export function dstPort(view: DataView, at: number): number {
  return view.getUint16(at + 2);
}

/** RFC 9260 §3.1: what the receiver gave as its initiate tag; 0 in a packet with INIT. */
export function verificationTag(view: DataView, at: number): number {
  return view.getUint32(at + 4);
}

/** RFC 9260 §3.1: the CRC32c, whose least significant byte goes first. */
export function checksum(view: DataView, at: number): number {
  return view.getUint32(at + CHECKSUM_AT);
}

export function setSrcPort(view: DataView, at: number, port: number): void {
  view.setUint16(at, port);
}

export function setDstPort(view: DataView, at: number, port: number): void {
  view.setUint16(at + 2, port);
}

export function setVerificationTag(view: DataView, at: number, tag: number): void {
  view.setUint32(at + 4, tag);
}

export function setChecksum(view: DataView, at: number, value: number): void {
  view.setUint32(at + CHECKSUM_AT, value);
}

/** Where the chunks begin. */
export function chunksStart(at: number): number {
  return at + HEADER_LENGTH;
}

/** The chunks are the packet: nothing follows them. */
export function payloadStart(_view: DataView, _at: number, end: number): number {
  return end;
}

/** SCTP has no length of its own: `end` is where the IP payload ends. */
export function payloadEnd(_view: DataView, _at: number, end: number): number {
  return end;
}

/**
 * Compares the checksum with the bytes. Zero is one that the network card is to complete, or that both ends have agreed
 * not to compute (RFC 9653).
 */
export function verifyChecksum(view: DataView, at: number, end: number): ChecksumStatus {
  const value = checksum(view, at);
  if (value === computed(view, at, end)) return ChecksumStatus.valid;
  return value === 0 ? ChecksumStatus.partial : ChecksumStatus.invalid;
}

/** Computes and writes the checksum (RFC 9260 §6.8). */
export function fillChecksum(view: DataView, at: number, end: number): void {
  setChecksum(view, at, computed(view, at, end));
}

/** As the field is read: the CRC's bytes the other way round, over the packet with a checksum of zero. */
function computed(view: DataView, at: number, end: number): number {
  let running = crc32c.update(crc32c.INITIAL, view, at, at + CHECKSUM_AT);
  running = crc32c.update(running, ZEROS, 0, 4);
  const crc = crc32c.finish(crc32c.update(running, view, at + HEADER_LENGTH, end));
  return ((crc << 24) | ((crc & 0xff00) << 8) | ((crc >>> 8) & 0xff00) | (crc >>> 24)) >>> 0;
}

const ZEROS = new DataView(new ArrayBuffer(4));

export interface Sctp {
  readonly srcPort: number;
  readonly dstPort: number;
  readonly verificationTag: number;
  readonly checksum: number;
  /** Raw bytes where they are not well-formed, or not all there. */
  readonly chunks: readonly chunk.SctpChunk[] | Uint8Array;
}

/** Plain value of a checked packet. */
export function plain(view: DataView, at: number, end: number): Sctp {
  const start = chunksStart(at);
  return {
    srcPort: srcPort(view, at),
    dstPort: dstPort(view, at),
    verificationTag: verificationTag(view, at),
    checksum: checksum(view, at),
    chunks: chunk.check(view, start, end) === Status.ok ? chunk.plain(view, start, end) : bytesAt(view, start, end),
  };
}

export function decode(bytes: Uint8Array): Result<Sctp> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const status = check(view, 0, bytes.length);
  if (status === Status.ok) return ok(plain(view, 0, bytes.length));
  return fail(status, "sctp", 0, requiredLength(view, bytes.length), bytes.length);
}

/** As far as the bytes that are there can tell. */
function requiredLength(view: DataView, end: number): number {
  if (end < HEADER_LENGTH) return HEADER_LENGTH;
  let from = HEADER_LENGTH;
  while (from < end) {
    const bytes = chunk.chunkLength(view, from, end);
    if (bytes === 0) break;
    from += bytes;
  }
  return from + (end - from < chunk.HEADER_LENGTH ? chunk.HEADER_LENGTH : chunk.length(view, from));
}

/** What `encode` takes: no chunks unless given, a checksum that is computed unless the options keep it. */
export interface SctpInit {
  readonly srcPort: number;
  readonly dstPort: number;
  readonly verificationTag?: number;
  readonly checksum?: number;
  readonly chunks?: readonly chunk.SctpChunkInit[] | Uint8Array;
}

/** Header and chunks in a new array, and behind them what `payload` adds. */
export function encode(
  sctp: SctpInit,
  payload: Uint8Array = new Uint8Array(),
  options: EncodeOptions = {},
): Uint8Array {
  const chunks = sctp.chunks instanceof Uint8Array ? sctp.chunks : chunk.encode(sctp.chunks ?? []);
  requireBits("sctp srcPort", sctp.srcPort, 16);
  requireBits("sctp dstPort", sctp.dstPort, 16);
  requireWord("sctp verificationTag", sctp.verificationTag ?? 0);
  requireWord("sctp checksum", sctp.checksum ?? 0);
  const bytes = new Uint8Array(HEADER_LENGTH + chunks.length + payload.length);
  const view = new DataView(bytes.buffer);
  setSrcPort(view, 0, sctp.srcPort);
  setDstPort(view, 0, sctp.dstPort);
  setVerificationTag(view, 0, sctp.verificationTag ?? 0);
  bytes.set(chunks, HEADER_LENGTH);
  bytes.set(payload, HEADER_LENGTH + chunks.length);
  if (options.checksums === "keep") setChecksum(view, 0, sctp.checksum ?? 0);
  else fillChecksum(view, 0, bytes.length);
  return bytes;
}

/** `40001 > 9000 tag 0xa5add867 DATA 1218632830 stream 0:0 bytes 5` */
export function format(view: DataView, at: number, end: number): string {
  return `${srcPort(view, at)} > ${dstPort(view, at)} ${formatUpper(view, at, end)}`;
}

/** The same without ports. */
export function formatUpper(view: DataView, at: number, end: number): string {
  const tag = verificationTag(view, at).toString(16).padStart(8, "0");
  const chunks = chunk.format(view, chunksStart(at), end);
  return `tag 0x${tag}${chunks === "" ? "" : ` ${chunks}`}`;
}
