/**
 * TCP (RFC 9293 §3.1).
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |          Source Port          |       Destination Port        |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                        Sequence Number                        |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                    Acknowledgment Number                      |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |  Data |     |A|C|E|U|A|P|R|S|F|                               |
 * | Offset| Rsv |E|W|C|R|C|S|S|Y|I|            Window             |
 * |       |     | |R|E|G|K|H|T|N|N|                               |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |           Checksum            |         Urgent Pointer        |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                           [Options]                           |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * Options are read by tcp-options.ts. Not covered: reassembly, connection state.
 */
import { bytesAt } from "./bytes.ts";
import { ChecksumStatus, complement, sum } from "./checksum.ts";
import { IpProtocol } from "./code-points.ts";
import { type EncodeOptions, type PseudoHeader, pseudoHeaderSum, requireBits, requireWord } from "./encode.ts";
import { type Field, field } from "./field.ts";
import { fail, ok, type Result } from "./result.ts";
import { Status } from "./status.ts";
import * as tcpOptions from "./tcp-options.ts";

/** Bytes without options. */
export const HEADER_LENGTH = 20;
/** Bytes with the longest possible options. */
export const MAX_HEADER_LENGTH = 60;

/** Bits of {@link flags}. */
export const TcpFlag = {
  fin: 0x001,
  syn: 0x002,
  rst: 0x004,
  psh: 0x008,
  ack: 0x010,
  urg: 0x020,
  /** ECN echo (RFC 3168 §6.1). */
  ece: 0x040,
  /** Congestion window reduced (RFC 3168 §6.1). */
  cwr: 0x080,
  /** Accurate ECN (RFC 9768); before that NS, the nonce sum of RFC 3540. */
  ae: 0x100,
} as const;

const FLAG_NAMES: readonly (readonly [bit: number, name: string])[] = [
  [TcpFlag.syn, "SYN"],
  [TcpFlag.fin, "FIN"],
  [TcpFlag.rst, "RST"],
  [TcpFlag.psh, "PSH"],
  [TcpFlag.ack, "ACK"],
  [TcpFlag.urg, "URG"],
  [TcpFlag.ece, "ECE"],
  [TcpFlag.cwr, "CWR"],
  [TcpFlag.ae, "AE"],
];

export const layout: readonly Field[] = [
  field("srcPort", 0, 16, "tcp.srcport"),
  field("dstPort", 16, 16, "tcp.dstport"),
  field("sequence", 32, 32, "tcp.seq_raw"),
  field("acknowledgment", 64, 32, "tcp.ack_raw"),
  field("dataOffset", 96, 4, ""),
  field("reserved", 100, 3, "", "hex"),
  // Wireshark's value has the reserved bits in front, which are zero.
  field("flags", 103, 9, "tcp.flags", "hex"),
  field("window", 112, 16, "tcp.window_size_value"),
  field("checksum", 128, 16, "tcp.checksum", "hex"),
  field("urgentPointer", 144, 16, "tcp.urgent_pointer"),
];

/** Header and options lie inside [at, end). After `ok`, every accessor below is safe; tcp-options.ts has its own check. */
export function check(view: DataView, at: number, end: number): Status {
  if (end - at < HEADER_LENGTH) return Status.truncated;
  const header = (view.getUint8(at + 12) >> 4) << 2;
  if (header < HEADER_LENGTH) return Status.badHeaderLength;
  return header > end - at ? Status.truncated : Status.ok;
}

/** RFC 9293 §3.1, "Source Port". */
export function srcPort(view: DataView, at: number): number {
  return view.getUint16(at);
}

/** RFC 9293 §3.1, "Destination Port". */
export function dstPort(view: DataView, at: number): number {
  return view.getUint16(at + 2);
}

/**
 * RFC 9293 §3.1, "Sequence Number", 0 to 2^32 - 1. Free while it stays in a register; stored in an object or a Map,
 * values from 2^31 on become heap numbers: keep {@link sequenceInt32} there.
 */
export function sequence(view: DataView, at: number): number {
  return view.getUint32(at + 4);
}

/** The sequence number's bits as an int32: for tables, and for {@link sequenceDifference}. */
export function sequenceInt32(view: DataView, at: number): number {
  return view.getInt32(at + 4);
}

/** RFC 9293 §3.1, "Acknowledgment Number", 0 to 2^32 - 1: the next sequence number expected, where ACK is set. */
export function acknowledgment(view: DataView, at: number): number {
  return view.getUint32(at + 8);
}

/** The acknowledgment number's bits as an int32. */
export function acknowledgmentInt32(view: DataView, at: number): number {
  return view.getInt32(at + 8);
}

/** How far sequence number `a` is ahead of `b`, modulo 2^32 (RFC 9293 §3.4): negative if behind. Takes int32 or uint32. */
export function sequenceDifference(a: number, b: number): number {
  return (a - b) | 0;
}

/** RFC 9293 §3.1, "Data Offset": the header in 32-bit words. */
export function dataOffset(view: DataView, at: number): number {
  return view.getUint8(at + 12) >> 4;
}

/** Header with options, in bytes. */
export function headerLength(view: DataView, at: number): number {
  return (view.getUint8(at + 12) >> 4) << 2;
}

/** The three bits that are still reserved; must be zero when sent (RFC 9293 §3.1). */
export function reserved(view: DataView, at: number): number {
  return (view.getUint8(at + 12) >> 1) & 7;
}

/** All nine control bits: see {@link TcpFlag}. */
export function flags(view: DataView, at: number): number {
  return view.getUint16(at + 12) & 0x1ff;
}

/** RFC 9293 §3.1, "Window", not scaled: see tcp-options.ts, windowScale. */
export function window(view: DataView, at: number): number {
  return view.getUint16(at + 14);
}

/** RFC 9293 §3.1, "Checksum": over pseudo-header, header and data. */
export function checksum(view: DataView, at: number): number {
  return view.getUint16(at + 16);
}

/** RFC 9293 §3.1, "Urgent Pointer": an offset from the sequence number, where URG is set. */
export function urgentPointer(view: DataView, at: number): number {
  return view.getUint16(at + 18);
}

export function setSrcPort(view: DataView, at: number, port: number): void {
  view.setUint16(at, port);
}

export function setDstPort(view: DataView, at: number, port: number): void {
  view.setUint16(at + 2, port);
}

/** Takes int32 or uint32. */
export function setSequence(view: DataView, at: number, value: number): void {
  view.setInt32(at + 4, value);
}

/** Takes int32 or uint32. */
export function setAcknowledgment(view: DataView, at: number, value: number): void {
  view.setInt32(at + 8, value);
}

/**
 * Writes the header length in bytes (a multiple of 4) and the nine flags, and zeroes the reserved bits. May undo what
 * `check` established.
 */
export function setHeaderLengthAndFlags(view: DataView, at: number, bytes: number, bits: number): void {
  view.setUint16(at + 12, (bytes << 10) | (bits & 0x1ff));
}

/** Leaves data offset and reserved bits as they are. */
export function setFlags(view: DataView, at: number, bits: number): void {
  view.setUint16(at + 12, (view.getUint16(at + 12) & ~0x1ff) | (bits & 0x1ff));
}

export function setWindow(view: DataView, at: number, value: number): void {
  view.setUint16(at + 14, value);
}

export function setChecksum(view: DataView, at: number, value: number): void {
  view.setUint16(at + 16, value);
}

export function setUrgentPointer(view: DataView, at: number, value: number): void {
  view.setUint16(at + 18, value);
}

/** Where the options start; they end at {@link payloadStart}. */
export function optionsStart(_view: DataView, at: number): number {
  return at + HEADER_LENGTH;
}

/** First byte behind header and options. */
export function payloadStart(view: DataView, at: number): number {
  return at + ((view.getUint8(at + 12) >> 4) << 2);
}

/** TCP has no length of its own: the segment ends with the packet around it. */
export function payloadEnd(_view: DataView, _at: number, end: number): number {
  return end;
}

/** RFC 9293 §3.4: the sequence numbers that a segment takes. SYN and FIN count as one each. */
export function sequenceLength(view: DataView, at: number, end: number): number {
  const bits = flags(view, at);
  return end - payloadStart(view, at) + ((bits >> 1) & 1) + (bits & 1);
}

/**
 * Compares the checksum with the bytes. `pseudo` is the pseudo-header's sum (`pseudoHeader4`, `pseudoHeader6`), `end`
 * where the segment ends. TCP has no "absent": a zero field is a sum like any other (RFC 9293 §3.1).
 */
export function verifyChecksum(view: DataView, at: number, end: number, pseudo: number): ChecksumStatus {
  if (sum(view, at, end, pseudo) === 0xffff) return ChecksumStatus.valid;
  // Linux leaves the pseudo-header's sum in the field, not complemented (net/ipv4/tcp_ipv4.c, __tcp_v4_send_check).
  return checksum(view, at) === pseudo ? ChecksumStatus.partial : ChecksumStatus.invalid;
}

/** Computes and writes the checksum. */
export function fillChecksum(view: DataView, at: number, end: number, pseudo: number): void {
  setChecksum(view, at, 0);
  setChecksum(view, at, complement(sum(view, at, end, pseudo)));
}

export interface Tcp {
  readonly srcPort: number;
  readonly dstPort: number;
  readonly sequence: number;
  readonly acknowledgment: number;
  readonly dataOffset: number;
  readonly reserved: number;
  /** See {@link TcpFlag}. */
  readonly flags: number;
  readonly window: number;
  readonly checksum: number;
  readonly urgentPointer: number;
  /** Raw option bytes, `dataOffset * 4 - 20` of them; tcp-options.ts reads them. */
  readonly options: Uint8Array;
}

/** Plain value of a checked header. */
export function plain(view: DataView, at: number): Tcp {
  return {
    srcPort: srcPort(view, at),
    dstPort: dstPort(view, at),
    sequence: sequence(view, at),
    acknowledgment: acknowledgment(view, at),
    dataOffset: dataOffset(view, at),
    reserved: reserved(view, at),
    flags: flags(view, at),
    window: window(view, at),
    checksum: checksum(view, at),
    urgentPointer: urgentPointer(view, at),
    options: bytesAt(view, optionsStart(view, at), payloadStart(view, at)),
  };
}

export function decode(bytes: Uint8Array): Result<Tcp> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const status = check(view, 0, bytes.length);
  if (status === Status.ok) return ok(plain(view, 0));
  const required = bytes.length < HEADER_LENGTH ? HEADER_LENGTH : headerLength(view, 0);
  return fail(status, "tcp", 0, required, bytes.length);
}

/** What `encode` takes. Data offset and checksum are computed unless the options keep them; the rest has usual values. */
export interface TcpInit extends Partial<Tcp> {
  readonly srcPort: number;
  readonly dstPort: number;
}

/**
 * Header, options and payload in a new array. Options that are no multiple of four bytes are padded with zeros, which
 * read as the end of the list. Without a pseudo-header no checksum can be computed and the field is 0.
 */
export function encode(
  tcp: TcpInit,
  payload: Uint8Array = new Uint8Array(),
  options: EncodeOptions & { readonly pseudo?: PseudoHeader } = {},
): Uint8Array {
  const optionBytes = tcp.options ?? new Uint8Array();
  const header = HEADER_LENGTH + ((optionBytes.length + 3) & ~3);
  if (header > MAX_HEADER_LENGTH) throw new RangeError(`tcp options take ${optionBytes.length} bytes, at most 40 fit`);
  const words = options.lengths === "keep" ? (tcp.dataOffset ?? header >> 2) : header >> 2;
  requireBits("tcp srcPort", tcp.srcPort, 16);
  requireBits("tcp dstPort", tcp.dstPort, 16);
  requireBits("tcp dataOffset", words, 4);
  requireBits("tcp reserved", tcp.reserved ?? 0, 3);
  requireBits("tcp flags", tcp.flags ?? 0, 9);
  requireBits("tcp window", tcp.window ?? 0, 16);
  requireBits("tcp checksum", tcp.checksum ?? 0, 16);
  requireWord("tcp sequence", tcp.sequence ?? 0);
  requireWord("tcp acknowledgment", tcp.acknowledgment ?? 0);
  requireBits("tcp urgentPointer", tcp.urgentPointer ?? 0, 16);
  const bytes = new Uint8Array(header + payload.length);
  const view = new DataView(bytes.buffer);
  setSrcPort(view, 0, tcp.srcPort);
  setDstPort(view, 0, tcp.dstPort);
  setSequence(view, 0, tcp.sequence ?? 0);
  setAcknowledgment(view, 0, tcp.acknowledgment ?? 0);
  view.setUint16(12, (words << 12) | ((tcp.reserved ?? 0) << 9) | (tcp.flags ?? 0));
  setWindow(view, 0, tcp.window ?? 0);
  setUrgentPointer(view, 0, tcp.urgentPointer ?? 0);
  bytes.set(optionBytes, HEADER_LENGTH);
  bytes.set(payload, header);
  if (options.checksums === "keep") setChecksum(view, 0, tcp.checksum ?? 0);
  else if (options.pseudo !== undefined) {
    fillChecksum(view, 0, bytes.length, pseudoHeaderSum(options.pseudo, IpProtocol.tcp, bytes.length));
  }
  return bytes;
}

/** `SYN ACK`; `none` if no flag is set. */
export function formatFlags(bits: number): string {
  const names: string[] = [];
  for (const [bit, name] of FLAG_NAMES) if ((bits & bit) !== 0) names.push(name);
  return names.length === 0 ? "none" : names.join(" ");
}

/** `51128 > 80 SYN ACK seq 2203572040 ack 582524462 win 64308 length 0 mss 1410, timestamp 2652497999 180451471` */
export function format(view: DataView, at: number, end: number): string {
  const bits = flags(view, at);
  const ack = (bits & TcpFlag.ack) === 0 ? "" : ` ack ${acknowledgment(view, at)}`;
  const urgent = (bits & TcpFlag.urg) === 0 ? "" : ` urg ${urgentPointer(view, at)}`;
  const options = tcpOptions.format(view, optionsStart(view, at), payloadStart(view, at));
  return `${srcPort(view, at)} > ${dstPort(view, at)} ${formatFlags(bits)} seq ${sequence(view, at)}${ack} win ${window(view, at)}${urgent} length ${end - payloadStart(view, at)}${options === "" ? "" : ` ${options}`}`;
}
