/**
 * Headers written whole, for building packets at speed: what a flow's headers have in common is prepared once, and
 * checksums are computed from values in registers, not from the bytes just written. Each writer answers the offset
 * behind what it wrote, where the next one goes on. Nothing is allocated; the writers validate nothing: values must fit
 * their fields. `encode` of each protocol takes plain values and checks them.
 *
 * Not covered: IPv4 options, VLAN tags, TCP, and UDP's checksum, which udp.ts fills in behind the payload.
 */
import { complement, fold } from "./checksum.ts";
import { EtherType } from "./code-points.ts";
import { requireBits } from "./encode.ts";

export interface HeaderTemplateOptions {
  /** 48 bits. */
  readonly srcMac: number;
  readonly dstMac: number;
  /** int32. */
  readonly srcIp: number;
  readonly dstIp: number;
  readonly protocol: number;
  /** Default 64. */
  readonly ttl?: number;
  /** Default 0. */
  readonly tos?: number;
  /** Default false. */
  readonly dontFragment?: boolean;
}

/** The Ethernet and IPv4 headers of one flow, 34 bytes, but for the total length and the identification. */
export class HeaderTemplate {
  // `declare`: see VxlanPacket.
  declare private readonly word0: number;
  declare private readonly word4: number;
  declare private readonly word8: number;
  declare private readonly word12: number;
  declare private readonly word20: number;
  declare private readonly srcIp: number;
  declare private readonly dstIp: number;
  declare private readonly sum: number;

  constructor(options: HeaderTemplateOptions) {
    const { srcMac, dstMac, protocol, ttl = 64, tos = 0, dontFragment = false } = options;
    requireBits("srcMac", srcMac, 48);
    requireBits("dstMac", dstMac, 48);
    requireBits("protocol", protocol, 8);
    requireBits("ttl", ttl, 8);
    requireBits("tos", tos, 8);
    this.word0 = Math.floor(dstMac / 0x10000) | 0;
    this.word4 = ((dstMac % 0x10000) << 16) | (srcMac / 0x100000000);
    this.word8 = (srcMac % 0x100000000) | 0;
    this.word12 = (EtherType.ipv4 << 16) | 0x4500 | tos;
    this.word20 = (dontFragment ? 0x40000000 : 0) | (ttl << 8) | protocol;
    this.srcIp = options.srcIp | 0;
    this.dstIp = options.dstIp | 0;
    const addresses = fold(this.srcIp) + fold(this.dstIp);
    this.sum = fold((this.word12 & 0xffff) + (this.word20 >>> 16) + (this.word20 & 0xffff) + addresses);
  }

  /** Writes both headers. `totalLength`: IPv4's, from its header to the payload's end. */
  write(view: DataView, at: number, totalLength: number, identification: number): number {
    const sum = this.sum + totalLength + identification;
    view.setInt32(at, this.word0);
    view.setInt32(at + 4, this.word4);
    view.setInt32(at + 8, this.word8);
    view.setInt32(at + 12, this.word12);
    view.setInt32(at + 16, (totalLength << 16) | identification);
    view.setInt32(at + 20, this.word20);
    // Both halves added to each other, with the carry going round: the upper half is the folded sum. The source address
    // goes over the lower half.
    view.setInt32(at + 24, ~(sum + ((sum << 16) | (sum >>> 16))));
    view.setInt32(at + 26, this.srcIp);
    view.setInt32(at + 30, this.dstIp);
    return at + 34;
  }
}

/** UDP header, 8 bytes. `length` counts the header. `checksum` 0: none, or udp.ts's `fillChecksum` follows. */
export function writeUdp(
  view: DataView,
  at: number,
  srcPort: number,
  dstPort: number,
  length: number,
  checksum: number,
): number {
  view.setInt32(at, (srcPort << 16) | dstPort);
  view.setInt32(at + 4, (length << 16) | checksum);
  return at + 8;
}

/** VXLAN header, 8 bytes, reserved bits zero. */
export function writeVxlan(view: DataView, at: number, vni: number): number {
  view.setInt32(at, 0x08000000);
  view.setInt32(at + 4, vni << 8);
  return at + 8;
}

/**
 * ICMP echo message, 8 bytes and the payload, which are the bytes [from, to) of `data`, copied and added up in one pass.
 * `type`: 8 request, 0 reply. Offsets are below 2^31, lengths below 2^16.
 */
export function writeEcho(
  view: DataView,
  at: number,
  type: number,
  identifier: number,
  sequence: number,
  data: DataView,
  from: number,
  to: number,
): number {
  const length = (to - from) & 0xffff;
  if (length < 4) return writeShortEcho(view, at, type, identifier, sequence, data, from, to);
  // Said to V8, not to the reader: no sum of these overflows.
  const start = at & 0x7fffffff;
  const source = from & 0x7fffffff;
  view.setInt32(start + 4, (identifier << 16) | sequence);
  // The one to three bytes behind the last whole word are the end of a word too. In the sum they stand at a word's start.
  const last = data.getInt32(source + length - 4);
  view.setInt32(start + length + 4, last);
  const tail = (last << 1) << (31 - ((length & 3) << 3));
  let sum = (type << 8) + identifier + sequence + (tail >>> 16) + (tail & 0xffff);
  const words = length & ~3;
  for (let done = 0; done < words; done += 4) {
    const word = data.getInt32(source + done);
    view.setInt32(start + 8 + done, word);
    sum = (sum + (word >>> 16) + (word & 0xffff)) | 0;
  }
  view.setInt32(start, (type << 24) | (~(sum + ((sum << 16) | (sum >>> 16))) >>> 16));
  return start + 8 + length;
}

function writeShortEcho(
  view: DataView,
  at: number,
  type: number,
  identifier: number,
  sequence: number,
  data: DataView,
  from: number,
  to: number,
): number {
  let sum = (type << 8) + identifier + sequence;
  for (let done = 0; done < to - from; done++) {
    const byte = data.getUint8(from + done);
    view.setUint8(at + 8 + done, byte);
    sum += (done & 1) === 0 ? byte << 8 : byte;
  }
  view.setInt32(at, (type << 24) | complement(fold(sum)));
  view.setInt32(at + 4, (identifier << 16) | sequence);
  return at + 8 + to - from;
}
