/**
 * Headers written whole, for building packets at speed: what a flow's headers have in common is prepared once, and
 * checksums are computed from values in registers, not from the bytes just written. Each writer answers the offset
 * behind what it wrote, where the next one goes on. Nothing is allocated; the writers validate nothing: values must fit
 * their fields. `encode` of each protocol takes plain values and checks them.
 *
 * Not covered: IPv4 options, VLAN tags, TCP, and UDP's checksum, which udp.ts fills in behind the payload.
 */
import { fold } from "./checksum.ts";
import { EtherType } from "./code-points.ts";
import { requireBits } from "./encode.ts";
import { DONT_FRAGMENT } from "./ipv4.ts";
import { macOctets } from "./octets.ts";

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
  /** See octets.ts: destination address and two zeros; source address and EtherType. */
  declare private readonly dstMacOctets: number;
  declare private readonly srcMacOctets: number;
  /** Version, header length, TOS. */
  declare private readonly tosWord: number;
  /** Flags and fragment offset. */
  declare private readonly fragmentBits: number;
  /** TTL, protocol. */
  declare private readonly ttlWord: number;
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
    this.dstMacOctets = macOctets(dstMac, 0);
    this.srcMacOctets = macOctets(srcMac, EtherType.ipv4);
    this.tosWord = (0x4500 | tos) << 16;
    this.fragmentBits = dontFragment ? DONT_FRAGMENT : 0;
    this.ttlWord = (ttl << 24) | (protocol << 16);
    this.srcIp = options.srcIp | 0;
    this.dstIp = options.dstIp | 0;
    const words = (this.tosWord >>> 16) + this.fragmentBits + (this.ttlWord >>> 16);
    this.sum = fold(words + fold(this.srcIp) + fold(this.dstIp));
  }

  /** Writes both headers. `totalLength`: IPv4's, from its header to the payload's end. */
  write(view: DataView, at: number, totalLength: number, identification: number): number {
    const sum = (this.sum + totalLength + identification) | 0;
    view.setFloat64(at, this.dstMacOctets, true);
    view.setFloat64(at + 6, this.srcMacOctets, true);
    view.setInt32(at + 14, this.tosWord | totalLength);
    view.setInt32(at + 18, (identification << 16) | this.fragmentBits);
    // Both halves added to each other, with the carry going round: the upper half is the folded sum.
    view.setInt32(at + 22, (~(sum + ((sum << 16) | (sum >>> 16))) >>> 16) | this.ttlWord);
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
 * `type`: 8 request, 0 reply. Lengths are below 2^16.
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
  let sum = (type << 8) + identifier + sequence;
  let source = from;
  let target = at + 8;
  for (const stop = to - 3; source < stop; source += 4, target += 4) {
    const word = data.getInt32(source);
    view.setInt32(target, word);
    sum = (sum + ((word >>> 16) + (word & 0xffff))) | 0;
  }
  if (source + 1 < to) {
    const half = data.getUint16(source);
    view.setUint16(target, half);
    sum += half;
    source += 2;
    target += 2;
  }
  if (source < to) {
    const byte = data.getUint8(source);
    view.setUint8(target++, byte);
    sum += byte << 8;
  }
  view.setInt32(at, (type << 24) | (~(sum + ((sum << 16) | (sum >>> 16))) >>> 16));
  view.setInt32(at + 4, (identifier << 16) | sequence);
  return target;
}
