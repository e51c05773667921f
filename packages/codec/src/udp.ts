/**
 * UDP (RFC 768).
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |          Source port          |       Destination port        |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |            Length             |           Checksum            |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * Not covered: jumbograms (RFC 2675), UDP-Lite (RFC 3828).
 */
import { ChecksumStatus, complement, sum } from "./checksum.ts";
import { IpProtocol } from "./code-points.ts";
import { type EncodeOptions, type PseudoHeader, pseudoHeaderSum, requireBits } from "./encode.ts";
import { type Field, field } from "./field.ts";
import { fail, ok, type Result } from "./result.ts";
import { Status } from "./status.ts";

export const HEADER_LENGTH = 8;

export const layout: readonly Field[] = [
  field("srcPort", 0, 16, "udp.srcport"),
  field("dstPort", 16, 16, "udp.dstport"),
  field("length", 32, 16, "udp.length"),
  field("checksum", 48, 16, "udp.checksum", "hex"),
];

/**
 * Header and payload lie inside [at, end). After `ok`, every accessor below is safe.
 * Length 0 stands for "to the end": what Linux leaves in a datagram too large to say it (UDP GSO, RFC 2675 jumbograms).
 */
export function check(view: DataView, at: number, end: number): Status {
  if (end - at < HEADER_LENGTH) return Status.truncated;
  const total = length(view, at);
  if (total > end - at) return Status.truncated;
  return total < HEADER_LENGTH && total !== 0 ? Status.badTotalLength : Status.ok;
}

/** RFC 768, "Source Port". */
export function srcPort(view: DataView, at: number): number {
  return view.getUint16(at);
}

/** RFC 768, "Destination Port". */
export function dstPort(view: DataView, at: number): number {
  return view.getUint16(at + 2);
}

/** RFC 768, "Length": header and payload in bytes. */
export function length(view: DataView, at: number): number {
  return view.getUint16(at + 4);
}

/** RFC 768, "Checksum"; 0 says the sender computed none. */
export function checksum(view: DataView, at: number): number {
  return view.getUint16(at + 6);
}

export function setSrcPort(view: DataView, at: number, port: number): void {
  view.setUint16(at, port);
}

export function setDstPort(view: DataView, at: number, port: number): void {
  view.setUint16(at + 2, port);
}

/** May undo what `check` established. */
export function setLength(view: DataView, at: number, bytes: number): void {
  view.setUint16(at + 4, bytes);
}

export function setChecksum(view: DataView, at: number, value: number): void {
  view.setUint16(at + 6, value);
}

/** First byte behind the header. */
export function payloadStart(_view: DataView, at: number): number {
  return at + HEADER_LENGTH;
}

/** End of the datagram by its own length; all there is if that is 0: see `check`. */
export function payloadEnd(view: DataView, at: number, end: number): number {
  const total = length(view, at);
  return total === 0 ? end : at + total;
}

/**
 * Compares the checksum with the bytes. `pseudo` is the pseudo-header's sum (`pseudoHeader4`, `pseudoHeader6`), `end`
 * where the payload ends.
 */
export function verifyChecksum(view: DataView, at: number, end: number, pseudo: number): ChecksumStatus {
  const value = checksum(view, at);
  if (value === 0) return ChecksumStatus.absent;
  if (sum(view, at, end, pseudo) === 0xffff) return ChecksumStatus.valid;
  return value === pseudo ? ChecksumStatus.partial : ChecksumStatus.invalid;
}

/** Computes and writes the checksum. A computed zero goes out as all ones (RFC 768). */
export function fillChecksum(view: DataView, at: number, end: number, pseudo: number): void {
  setChecksum(view, at, 0);
  const value = complement(sum(view, at, end, pseudo));
  setChecksum(view, at, value === 0 ? 0xffff : value);
}

export interface Udp {
  readonly srcPort: number;
  readonly dstPort: number;
  readonly length: number;
  readonly checksum: number;
}

/** Plain value of a checked header. */
export function plain(view: DataView, at: number): Udp {
  return {
    srcPort: srcPort(view, at),
    dstPort: dstPort(view, at),
    length: length(view, at),
    checksum: checksum(view, at),
  };
}

export function decode(bytes: Uint8Array): Result<Udp> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const status = check(view, 0, bytes.length);
  if (status === Status.ok) return ok(plain(view, 0));
  const required = bytes.length < HEADER_LENGTH ? HEADER_LENGTH : length(view, 0);
  return fail(status, "udp", 0, required, bytes.length);
}

/** What `encode` takes: `length` and `checksum` are computed unless the options keep them. */
export interface UdpInit {
  readonly srcPort: number;
  readonly dstPort: number;
  readonly length?: number;
  readonly checksum?: number;
}

/** Header and payload in a new array. Without a pseudo-header no checksum can be computed and the field is 0. */
export function encode(
  udp: UdpInit,
  payload: Uint8Array = new Uint8Array(),
  options: EncodeOptions & { readonly pseudo?: PseudoHeader } = {},
): Uint8Array {
  const bytes = new Uint8Array(HEADER_LENGTH + payload.length);
  const view = new DataView(bytes.buffer);
  const total = options.lengths === "keep" ? (udp.length ?? 0) : bytes.length;
  requireBits("udp srcPort", udp.srcPort, 16);
  requireBits("udp dstPort", udp.dstPort, 16);
  requireBits("udp length", total, 16);
  requireBits("udp checksum", udp.checksum ?? 0, 16);
  setSrcPort(view, 0, udp.srcPort);
  setDstPort(view, 0, udp.dstPort);
  setLength(view, 0, total);
  bytes.set(payload, HEADER_LENGTH);
  if (options.checksums === "keep") setChecksum(view, 0, udp.checksum ?? 0);
  else if (options.pseudo !== undefined) {
    fillChecksum(view, 0, bytes.length, pseudoHeaderSum(options.pseudo, IpProtocol.udp, bytes.length));
  }
  return bytes;
}

/** `48484 > 4789 length 114` */
export function format(view: DataView, at: number): string {
  return `${srcPort(view, at)} > ${dstPort(view, at)} length ${length(view, at)}`;
}
