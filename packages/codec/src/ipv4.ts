/**
 * IPv4 (RFC 791).
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |Version|  IHL  |  DSCP     |ECN|          Total Length         |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |         Identification        |0|D|M|     Fragment Offset     |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |  Time to Live |    Protocol   |         Header Checksum       |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                       Source Address                          |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                    Destination Address                        |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                    Options                    |    Padding    |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * Options are read by ipv4-options.ts. Not covered: reassembly.
 */
import { formatIpv4 } from "./address.ts";
import { bytesAt } from "./bytes.ts";
import { ChecksumStatus, complement, fold, sum } from "./checksum.ts";
import { type EncodeOptions, requireBits, requireWord } from "./encode.ts";
import { type Field, field } from "./field.ts";
import { fail, ok, type Result } from "./result.ts";
import { Status } from "./status.ts";

/** Bytes without options. */
export const HEADER_LENGTH = 20;
/** Bytes with the longest possible options. */
export const MAX_HEADER_LENGTH = 60;

/** Bits of the raw 16-bit word that {@link flagsAndFragmentOffset} reads. */
export const DONT_FRAGMENT = 0x4000;
export const MORE_FRAGMENTS = 0x2000;
export const FRAGMENT_OFFSET_MASK = 0x1fff;

export const layout: readonly Field[] = [
  field("version", 0, 4, "ip.version"),
  field("ihl", 4, 4, "", "decimal"),
  field("tos", 8, 8, "ip.dsfield", "hex"),
  field("totalLength", 16, 16, "ip.len"),
  field("identification", 32, 16, "ip.id", "hex"),
  field("reservedFlag", 48, 1, "ip.flags.rb", "flag"),
  field("dontFragment", 49, 1, "ip.flags.df", "flag"),
  field("moreFragments", 50, 1, "ip.flags.mf", "flag"),
  field("fragmentOffsetUnits", 51, 13, "ip.frag_offset"),
  field("ttl", 64, 8, "ip.ttl"),
  field("protocol", 72, 8, "ip.proto"),
  field("headerChecksum", 80, 16, "ip.checksum", "hex"),
  field("srcIp", 96, 32, "ip.src", "ipv4"),
  field("dstIp", 128, 32, "ip.dst", "ipv4"),
];

/**
 * Header, options and payload lie inside [at, end). After `ok`, every accessor below is safe.
 * Total length 0 stands for "to the end": what a sender's capture shows of a TCP segment that the network card will
 * still cut (Linux net/ipv4/ip_input.c and libpcap read it the same way).
 */
export function check(view: DataView, at: number, end: number): Status {
  if (end - at < HEADER_LENGTH) return Status.truncated;
  const first = view.getUint8(at);
  if (first >> 4 !== 4) return Status.badVersion;
  const header = (first & 15) << 2;
  if (header < HEADER_LENGTH) return Status.badHeaderLength;
  const total = view.getUint16(at + 2);
  if (total > end - at) return Status.truncated;
  if (total < header) return checkOffloaded(at, end, header, total);
  return Status.ok;
}

function checkOffloaded(at: number, end: number, header: number, total: number): Status {
  if (total !== 0) return Status.badTotalLength;
  return header > end - at ? Status.truncated : Status.ok;
}

/** 4. */
export function version(view: DataView, at: number): number {
  return view.getUint8(at) >> 4;
}

/** RFC 791 §3.1, "IHL": the header in 32-bit words. */
export function ihl(view: DataView, at: number): number {
  return view.getUint8(at) & 15;
}

/** Header with options, in bytes. */
export function headerLength(view: DataView, at: number): number {
  return (view.getUint8(at) & 15) << 2;
}

/** DSCP and ECN (RFC 2474, RFC 3168), the byte RFC 791 calls Type of Service. */
export function tos(view: DataView, at: number): number {
  return view.getUint8(at + 1);
}

/** RFC 791 §3.1, "Total Length": header and payload in bytes; 0 in offloaded frames. */
export function totalLength(view: DataView, at: number): number {
  return view.getUint16(at + 2);
}

/** RFC 791 §3.1, "Identification": the same in all fragments of a packet; nothing in one that is whole (RFC 6864 §4). */
export function identification(view: DataView, at: number): number {
  return view.getUint16(at + 4);
}

/** The raw 16 bits of flags and offset: one read for a hot path that only asks "a whole packet?". */
export function flagsAndFragmentOffset(view: DataView, at: number): number {
  return view.getUint16(at + 6);
}

/** RFC 791's "reserved, must be zero"; RFC 3514's evil bit. */
export function reservedFlag(view: DataView, at: number): boolean {
  return (view.getUint8(at + 6) & 0x80) !== 0;
}

/** RFC 791 §3.1, "Flags", DF. */
export function dontFragment(view: DataView, at: number): boolean {
  return (view.getUint8(at + 6) & 0x40) !== 0;
}

/** RFC 791 §3.1, "Flags", MF: clear in the last fragment. */
export function moreFragments(view: DataView, at: number): boolean {
  return (view.getUint8(at + 6) & 0x20) !== 0;
}

/** RFC 791 §3.1, "Fragment Offset", in units of eight bytes. */
export function fragmentOffsetUnits(view: DataView, at: number): number {
  return view.getUint16(at + 6) & FRAGMENT_OFFSET_MASK;
}

/** Fragment offset in bytes. */
export function fragmentOffset(view: DataView, at: number): number {
  return (view.getUint16(at + 6) & FRAGMENT_OFFSET_MASK) << 3;
}

/** True for any fragment, the first included: its payload is not a whole upper-layer packet. */
export function isFragment(view: DataView, at: number): boolean {
  return (view.getUint16(at + 6) & (MORE_FRAGMENTS | FRAGMENT_OFFSET_MASK)) !== 0;
}

/** RFC 791 §3.1, "Time to Live": hops that are left. */
export function ttl(view: DataView, at: number): number {
  return view.getUint8(at + 8);
}

/** RFC 791 §3.1, "Protocol": see `IpProtocol` of code-points.ts. */
export function protocol(view: DataView, at: number): number {
  return view.getUint8(at + 9);
}

/** RFC 791 §3.1, "Header Checksum": of header and options alone. */
export function headerChecksum(view: DataView, at: number): number {
  return view.getUint16(at + 10);
}

/** Source address as an int32. */
export function srcIp(view: DataView, at: number): number {
  return view.getInt32(at + 12);
}

/** Destination address as an int32. */
export function dstIp(view: DataView, at: number): number {
  return view.getInt32(at + 16);
}

/** Writes version 4 and the header length in bytes, a multiple of 4. May undo what `check` established. */
export function setHeaderLength(view: DataView, at: number, bytes: number): void {
  view.setUint8(at, 0x40 | (bytes >> 2));
}

export function setTos(view: DataView, at: number, value: number): void {
  view.setUint8(at + 1, value);
}

/** May undo what `check` established. */
export function setTotalLength(view: DataView, at: number, bytes: number): void {
  view.setUint16(at + 2, bytes);
}

export function setIdentification(view: DataView, at: number, value: number): void {
  view.setUint16(at + 4, value);
}

export function setFlagsAndFragmentOffset(view: DataView, at: number, word: number): void {
  view.setUint16(at + 6, word);
}

export function setTtl(view: DataView, at: number, value: number): void {
  view.setUint8(at + 8, value);
}

export function setProtocol(view: DataView, at: number, value: number): void {
  view.setUint8(at + 9, value);
}

export function setHeaderChecksum(view: DataView, at: number, value: number): void {
  view.setUint16(at + 10, value);
}

export function setSrcIp(view: DataView, at: number, address: number): void {
  view.setInt32(at + 12, address);
}

export function setDstIp(view: DataView, at: number, address: number): void {
  view.setInt32(at + 16, address);
}

/** First byte behind header and options. */
export function payloadStart(view: DataView, at: number): number {
  return at + ((view.getUint8(at) & 15) << 2);
}

/** End of the packet by its total length, behind which is padding; all there is if that is 0: see `check`. */
export function payloadEnd(view: DataView, at: number, end: number): number {
  const total = view.getUint16(at + 2);
  return total === 0 ? end : at + total;
}

/** True if the header sums to 0xffff: one pass of whole words for the header without options. */
export function isChecksumValid(view: DataView, at: number): boolean {
  if (view.getUint8(at) !== 0x45) return sum(view, at, payloadStart(view, at)) === 0xffff;
  const a = view.getInt32(at);
  const b = view.getInt32(at + 4);
  const c = view.getInt32(at + 8);
  const d = view.getInt32(at + 12);
  const e = view.getInt32(at + 16);
  const high = (a >>> 16) + (b >>> 16) + (c >>> 16) + (d >>> 16) + (e >>> 16);
  const low = (a & 0xffff) + (b & 0xffff) + (c & 0xffff) + (d & 0xffff) + (e & 0xffff);
  return fold(high + low) === 0xffff;
}

/** Compares the checksum with the header. */
export function verifyChecksum(view: DataView, at: number): ChecksumStatus {
  return isChecksumValid(view, at) ? ChecksumStatus.valid : ChecksumStatus.invalid;
}

/** Computes and writes the header checksum. */
export function fillChecksum(view: DataView, at: number): void {
  setHeaderChecksum(view, at, 0);
  setHeaderChecksum(view, at, complement(sum(view, at, payloadStart(view, at))));
}

/** A router's work on a packet: one less to live, the checksum follows (RFC 1624; Linux include/net/ip.h, ip_decrease_ttl). */
export function decreaseTtl(view: DataView, at: number): void {
  const checksum = headerChecksum(view, at) + 0x0100;
  setHeaderChecksum(view, at, checksum + (checksum >= 0xffff ? 1 : 0));
  setTtl(view, at, ttl(view, at) - 1);
}

export interface Ipv4 {
  readonly version: number;
  readonly ihl: number;
  readonly tos: number;
  readonly totalLength: number;
  readonly identification: number;
  readonly reservedFlag: boolean;
  readonly dontFragment: boolean;
  readonly moreFragments: boolean;
  readonly fragmentOffset: number;
  readonly ttl: number;
  readonly protocol: number;
  readonly headerChecksum: number;
  readonly srcIp: number;
  readonly dstIp: number;
  /** Raw option bytes, `ihl * 4 - 20` of them; ipv4-options.ts reads them. */
  readonly options: Uint8Array;
}

/** Plain value of a checked header. */
export function plain(view: DataView, at: number): Ipv4 {
  return {
    version: version(view, at),
    ihl: ihl(view, at),
    tos: tos(view, at),
    totalLength: totalLength(view, at),
    identification: identification(view, at),
    reservedFlag: reservedFlag(view, at),
    dontFragment: dontFragment(view, at),
    moreFragments: moreFragments(view, at),
    fragmentOffset: fragmentOffset(view, at),
    ttl: ttl(view, at),
    protocol: protocol(view, at),
    headerChecksum: headerChecksum(view, at),
    srcIp: srcIp(view, at),
    dstIp: dstIp(view, at),
    options: bytesAt(view, at + HEADER_LENGTH, payloadStart(view, at)),
  };
}

export function decode(bytes: Uint8Array): Result<Ipv4> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const status = check(view, 0, bytes.length);
  if (status === Status.ok) return ok(plain(view, 0));
  const required = bytes.length < HEADER_LENGTH ? HEADER_LENGTH : Math.max(headerLength(view, 0), totalLength(view, 0));
  return fail(status, "ipv4", 0, required, bytes.length);
}

/** What `encode` takes. Lengths and checksum are computed unless the options keep them; the rest has usual values. */
export interface Ipv4Init extends Partial<Ipv4> {
  readonly protocol: number;
  readonly srcIp: number;
  readonly dstIp: number;
}

/** Header, options and payload in a new array. Options that are no multiple of four bytes are padded with zeros. */
export function encode(
  ipv4: Ipv4Init,
  payload: Uint8Array = new Uint8Array(),
  options: EncodeOptions = {},
): Uint8Array {
  const optionBytes = ipv4.options ?? new Uint8Array();
  const header = HEADER_LENGTH + ((optionBytes.length + 3) & ~3);
  if (header > MAX_HEADER_LENGTH) throw new RangeError(`ipv4 options take ${optionBytes.length} bytes, at most 40 fit`);
  const keep = options.lengths === "keep";
  const total = keep ? (ipv4.totalLength ?? 0) : header + payload.length;
  const offset = ipv4.fragmentOffset ?? 0;
  if (offset % 8 !== 0) throw new RangeError(`ipv4 fragmentOffset is ${offset}, expected a multiple of 8`);
  requireBits("ipv4 version", ipv4.version ?? 4, 4);
  requireBits("ipv4 ihl", ipv4.ihl ?? 5, 4);
  requireBits("ipv4 tos", ipv4.tos ?? 0, 8);
  requireBits("ipv4 totalLength", total, 16);
  requireBits("ipv4 identification", ipv4.identification ?? 0, 16);
  requireBits("ipv4 fragmentOffset", offset, 16);
  requireBits("ipv4 ttl", ipv4.ttl ?? 64, 8);
  requireBits("ipv4 protocol", ipv4.protocol, 8);
  requireBits("ipv4 headerChecksum", ipv4.headerChecksum ?? 0, 16);
  requireWord("ipv4 srcIp", ipv4.srcIp);
  requireWord("ipv4 dstIp", ipv4.dstIp);
  const bytes = new Uint8Array(header + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, ((keep ? (ipv4.version ?? 4) : 4) << 4) | (keep ? (ipv4.ihl ?? header >> 2) : header >> 2));
  setTos(view, 0, ipv4.tos ?? 0);
  setTotalLength(view, 0, total);
  setIdentification(view, 0, ipv4.identification ?? 0);
  setFlagsAndFragmentOffset(
    view,
    0,
    ((ipv4.reservedFlag ?? false) ? 0x8000 : 0) |
      ((ipv4.dontFragment ?? false) ? DONT_FRAGMENT : 0) |
      ((ipv4.moreFragments ?? false) ? MORE_FRAGMENTS : 0) |
      (offset >> 3),
  );
  setTtl(view, 0, ipv4.ttl ?? 64);
  setProtocol(view, 0, ipv4.protocol);
  setSrcIp(view, 0, ipv4.srcIp);
  setDstIp(view, 0, ipv4.dstIp);
  bytes.set(optionBytes, HEADER_LENGTH);
  bytes.set(payload, header);
  if (options.checksums === "keep") setHeaderChecksum(view, 0, ipv4.headerChecksum ?? 0);
  else setHeaderChecksum(view, 0, complement(sum(view, 0, header)));
  return bytes;
}

/** `10.0.9.3 > 10.0.9.5 ttl 64 id 41473 DF length 84` */
export function format(view: DataView, at: number): string {
  const offset = fragmentOffset(view, at);
  const tosText = tos(view, at) === 0 ? "" : ` tos 0x${tos(view, at).toString(16)}`;
  const flags = `${dontFragment(view, at) ? " DF" : ""}${moreFragments(view, at) ? " MF" : ""}`;
  const fragment = offset === 0 ? "" : ` offset ${offset}`;
  return `${formatIpv4(srcIp(view, at))} > ${formatIpv4(dstIp(view, at))} ttl ${ttl(view, at)}${tosText} id ${identification(view, at)}${flags}${fragment} length ${totalLength(view, at)}`;
}
