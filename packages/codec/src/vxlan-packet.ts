/**
 * A VXLAN packet seen whole: Ethernet, IPv4, UDP, VXLAN and the inner frame down to its ICMP, TCP or UDP header,
 * through one object that is pointed at packet after packet. `wrap` checks every layer in one pass; nothing is copied
 * or allocated.
 *
 * The same could be said with the functions of ethernet.ts, ipv4.ts, udp.ts and vxlan.ts one after the other; that
 * takes twice as long, since each layer's length is read again by the next and the whole is too large for V8 to inline.
 * Not covered: an IPv6 underlay, frames without an Ethernet header, VXLAN in VXLAN. `dissect` reads those.
 */
import { macAt } from "./address.ts";
import { fold, pseudoHeader4 } from "./checksum.ts";
import type { SimdChecksum } from "./checksum-simd.ts";
import { EtherType, IpProtocol } from "./code-points.ts";
import * as ethernet from "./ethernet.ts";
import * as ipv4 from "./ipv4.ts";
import { Status } from "./status.ts";
import { plainSummer, type Summer } from "./summer.ts";
import * as tcp from "./tcp.ts";
import * as udp from "./udp.ts";
import * as vxlan from "./vxlan.ts";

/** How far the inner frame could be read; each but the first implies a sound IPv4 header. */
export const InnerKind = {
  /** Ethernet only: ARP, IPv6, another type, or an IPv4 header that does not hold. */
  frame: 0,
  /** IPv4 with a payload that is a fragment, of another protocol, or damaged. */
  ipv4: 1,
  icmp: 2,
  tcp: 3,
  udp: 4,
} as const;
export type InnerKind = (typeof InnerKind)[keyof typeof InnerKind];

/** Bits of what {@link VxlanPacket.verifyChecksums} found wrong. */
export const ChecksumFault = { none: 0, outerIp: 1, outerUdp: 2, innerIp: 4, innerTransport: 8 } as const;

// V8 folds a constant of this module into the code, but reads an imported or exported one from its cell each time: what
// `wrap` needs is kept here under a name of its own.
const OK = Status.ok;
const ICMP = InnerKind.icmp;
const TCP = InnerKind.tcp;
const UDP = InnerKind.udp;
const PROTOCOL_ICMP = IpProtocol.icmp;
const PROTOCOL_TCP = IpProtocol.tcp;
const PROTOCOL_UDP = IpProtocol.udp;
const VNI_FLAG = vxlan.VxlanFlag.vni;
const IP_HEADER: number = ipv4.HEADER_LENGTH;
const TCP_HEADER: number = tcp.HEADER_LENGTH;

const TAG_LENGTH = 4;
/** Every echo, datagram and segment header has these: what the accessors of the transport read. */
const MIN_TRANSPORT = 8;
/** More fragments or an offset, in IPv4's flags. */
const FRAGMENT = ipv4.MORE_FRAGMENTS | ipv4.FRAGMENT_OFFSET_MASK;

/** EtherType IPv4, version 4 and a header of 20 bytes: 24 bits in a row, the usual start of a packet. */
const PLAIN_IPV4 = (EtherType.ipv4 << 8) | 0x45;
/** Offsets in a frame whose headers are all of usual length. */
const IP_AT = ethernet.HEADER_LENGTH;
const UDP_AT = IP_AT + ipv4.HEADER_LENGTH;
const VXLAN_AT = UDP_AT + udp.HEADER_LENGTH;
const INNER_AT = VXLAN_AT + vxlan.HEADER_LENGTH;
const INNER_IP_AT = INNER_AT + ethernet.HEADER_LENGTH;
const TRANSPORT_AT = INNER_IP_AT + ipv4.HEADER_LENGTH;
/** Bytes of UDP that are not the inner packet. */
const UDP_OVERHEAD = INNER_IP_AT - UDP_AT;

export class VxlanPacket {
  // `declare`, and all set in the constructor: a field that starts as undefined stays a field of any type for V8, which
  // then checks at each read what it got. That is a tenth of the time here.

  /** The memory that `wrap`'s offsets are in. Set it to go on in another buffer. */
  declare view: DataView;
  /** UDP destination port that makes a packet VXLAN. */
  declare port: number;

  // Set by `wrap`; meaningful after it answered `ok`, until the next call. Absolute offsets in `view`.

  /** Outer Ethernet header. */
  declare at: number;
  /** Outer IPv4 header. The UDP header lies 16, the VXLAN header 8 bytes before {@link innerAt}. */
  declare ipAt: number;
  /** Inner Ethernet header. */
  declare innerAt: number;
  /** End of the inner frame by the outer lengths. */
  declare innerEnd: number;
  /** First byte behind the inner Ethernet header and its VLAN tags. */
  declare innerPayloadAt: number;
  /** What can be read of the inner frame. */
  declare innerKind: InnerKind;
  /** Why `innerKind` is no transport: `mismatch` for a fragment, `unsupported`, or what is wrong; `ok` if it is one. */
  declare innerStatus: Status;
  /** Outer IPv4 total length. */
  declare totalLength: number;
  /** Inner IPv4 total length, from `InnerKind.ipv4` on; 0 before. */
  declare innerTotalLength: number;
  /** Inner IPv4 protocol, from `InnerKind.ipv4` on; 0 before. */
  declare innerProtocol: number;
  /** Inner IPv4 payload: the ICMP, TCP or UDP header, from `InnerKind.ipv4` on. */
  declare transportAt: number;
  /** End of the transport's payload by IPv4's, and UDP's own, length, from `InnerKind.ipv4` on. */
  declare transportEnd: number;

  constructor(view: DataView, port: number = vxlan.PORT) {
    this.view = view;
    this.port = port;
    this.at = 0;
    this.ipAt = 0;
    this.innerAt = 0;
    this.innerEnd = 0;
    this.innerPayloadAt = 0;
    this.innerKind = InnerKind.frame;
    this.innerStatus = Status.ok;
    this.totalLength = 0;
    this.innerTotalLength = 0;
    this.innerProtocol = 0;
    this.transportAt = 0;
    this.transportEnd = 0;
  }

  /**
   * Points at the Ethernet frame [at, end). `ok` says that it is VXLAN over IPv4 with an inner Ethernet header, and all
   * its lengths hold; `innerKind` says what the inner frame is. Otherwise, as `check` of the outer layers, or
   * `unsupported` for what is not IPv4, `mismatch` for fragments, other protocols and other ports.
   */
  wrap(at: number, end: number): Status {
    const view = this.view;
    // Says to V8 that no sum of it overflows; larger offsets go the slow way.
    const base = at & 0x3fffffff;
    const length = (end - at) | 0;
    if (length < TRANSPORT_AT + MIN_TRANSPORT || base !== at) return wrapUnusual(this, at, end);
    // Nearly all packets have no VLAN tag, no IPv4 option and no fragment: whole words say so, several fields at a time.
    // Words of one size, because V8 works out once a size where the view ends.
    const total = view.getInt32(base + IP_AT) & 0xffff;
    const udpWord = view.getInt32(base + UDP_AT + 2);
    const udpLength = udpWord & 0xffff;
    if (
      view.getInt32(base + IP_AT - 2) >>> 8 !== PLAIN_IPV4 ||
      (view.getInt32(base + IP_AT + 6) & ((FRAGMENT << 16) | 0xff)) !== PROTOCOL_UDP ||
      total + IP_AT > length ||
      udpWord >>> 16 !== this.port ||
      udpLength > total - IP_HEADER ||
      (view.getInt32(base + VXLAN_AT) & (VNI_FLAG << 24)) === 0
    ) {
      return wrapUnusual(this, at, end);
    }
    const innerTotal = view.getInt32(base + INNER_IP_AT) & 0xffff;
    const innerWord = view.getInt32(base + INNER_IP_AT + 6);
    const room = innerTotal - IP_HEADER;
    if (
      view.getInt32(base + INNER_IP_AT - 2) >>> 8 !== PLAIN_IPV4 ||
      (innerWord & (FRAGMENT << 16)) !== 0 ||
      innerTotal > udpLength - UDP_OVERHEAD ||
      room < MIN_TRANSPORT
    ) {
      return wrapUnusual(this, at, end);
    }
    const protocol = innerWord & 0xff;
    let kind: InnerKind = ICMP;
    if (protocol === PROTOCOL_UDP) {
      if (view.getInt32(base + TRANSPORT_AT + 4) >>> 16 !== room) return wrapUnusual(this, at, end);
      kind = UDP;
    } else if (protocol === PROTOCOL_TCP) {
      if (room < TCP_HEADER) return wrapUnusual(this, at, end);
      const header = (view.getInt32(base + TRANSPORT_AT + 12) >>> 28) << 2;
      if (header > room || header < TCP_HEADER) return wrapUnusual(this, at, end);
      kind = TCP;
    } else if (protocol !== PROTOCOL_ICMP) return wrapUnusual(this, at, end);
    this.at = base;
    this.ipAt = base + IP_AT;
    this.innerAt = base + INNER_AT;
    this.innerEnd = base + UDP_AT + udpLength;
    this.innerPayloadAt = base + INNER_IP_AT;
    this.innerKind = kind;
    this.innerStatus = OK;
    this.totalLength = total;
    this.innerTotalLength = innerTotal;
    this.innerProtocol = protocol;
    this.transportAt = base + TRANSPORT_AT;
    this.transportEnd = base + INNER_IP_AT + innerTotal;
    return OK;
  }

  /** Outer addresses as 48-bit numbers. */
  get dstMac(): number {
    return macAt(this.view, this.at);
  }

  get srcMac(): number {
    return macAt(this.view, this.at + 6);
  }

  get tos(): number {
    return ipv4.tos(this.view, this.ipAt);
  }

  get identification(): number {
    return ipv4.identification(this.view, this.ipAt);
  }

  get ttl(): number {
    return ipv4.ttl(this.view, this.ipAt);
  }

  /** The sending tunnel end point as an int32. */
  get srcIp(): number {
    return this.view.getInt32(this.ipAt + 12);
  }

  /** The receiving tunnel end point as an int32. */
  get dstIp(): number {
    return this.view.getInt32(this.ipAt + 16);
  }

  /** Outer UDP source port, a hash of the inner flow. */
  get srcPort(): number {
    return this.view.getUint16(this.innerAt - 16);
  }

  get udpLength(): number {
    return this.view.getUint16(this.innerAt - 12);
  }

  /** Outer UDP checksum; 0 if the sender computed none. */
  get udpChecksum(): number {
    return this.view.getUint16(this.innerAt - 10);
  }

  /** VXLAN's first byte; 0x08 is plain VXLAN. */
  get flags(): number {
    return this.view.getUint8(this.innerAt - 8);
  }

  get vni(): number {
    return this.view.getInt32(this.innerAt - 4) >>> 8;
  }

  get innerDstMac(): number {
    return macAt(this.view, this.innerAt);
  }

  /** First 16 bits. With {@link innerDstMacLow} the address needs no floating point. */
  get innerDstMacHigh(): number {
    return this.view.getInt32(this.innerAt) >>> 16;
  }

  /** Last 32 bits as an int32. */
  get innerDstMacLow(): number {
    return this.view.getInt32(this.innerAt + 2);
  }

  get innerSrcMac(): number {
    return macAt(this.view, this.innerAt + 6);
  }

  get innerSrcMacHigh(): number {
    return this.view.getInt32(this.innerAt + 6) >>> 16;
  }

  get innerSrcMacLow(): number {
    return this.view.getInt32(this.innerAt + 8);
  }

  /** The inner frame's EtherType, behind any VLAN tags. */
  get innerEtherType(): number {
    return this.view.getUint16(this.innerPayloadAt - 2);
  }

  // From `InnerKind.ipv4` on. Further fields: the functions of ipv4.ts at `innerPayloadAt`.

  get innerTos(): number {
    return ipv4.tos(this.view, this.innerPayloadAt);
  }

  get innerIdentification(): number {
    return ipv4.identification(this.view, this.innerPayloadAt);
  }

  get innerTtl(): number {
    return ipv4.ttl(this.view, this.innerPayloadAt);
  }

  get innerSrcIp(): number {
    return this.view.getInt32(this.innerPayloadAt + 12);
  }

  get innerDstIp(): number {
    return this.view.getInt32(this.innerPayloadAt + 16);
  }

  // For `InnerKind.tcp` and `InnerKind.udp`. Further fields: the functions of tcp.ts and udp.ts at `transportAt`.

  get innerSrcPort(): number {
    return this.view.getInt32(this.transportAt) >>> 16;
  }

  get innerDstPort(): number {
    return this.view.getInt32(this.transportAt) & 0xffff;
  }

  // For `InnerKind.icmp`, in echo messages. Further fields: the functions of icmp.ts at `transportAt`.

  get innerIcmpType(): number {
    return this.view.getUint8(this.transportAt);
  }

  get innerIdentifier(): number {
    return this.view.getInt32(this.transportAt + 4) >>> 16;
  }

  get innerSequence(): number {
    return this.view.getInt32(this.transportAt + 4) & 0xffff;
  }

  /**
   * Adds up everything that carries a checksum and answers {@link ChecksumFault} bits; 0 if all are right. A UDP
   * checksum of zero is none. Inner fragments and protocols other than ICMP, TCP and UDP count by their IPv4 header
   * alone. Packets captured before a network card filled their checksums in are faulty to this method.
   *
   * Pass the `SimdChecksum` whose memory the packet lies in: it takes a third of the time.
   */
  verifyChecksums(simd?: SimdChecksum): number {
    if (this.innerKind >= InnerKind.icmp && simd !== undefined && simd.view === this.view) {
      return simd.verifyVxlan(
        this.ipAt,
        this.innerAt,
        this.innerPayloadAt,
        this.transportAt,
        this.transportEnd,
        this.innerEnd,
      );
    }
    return verifyPlain(this, plainSummer);
  }
}

function verifyPlain(packet: VxlanPacket, summer: Summer): number {
  const { view, ipAt, innerAt, innerEnd, innerPayloadAt, transportAt, transportEnd } = packet;
  let faults = ipv4.isChecksumValid(view, ipAt) ? 0 : ChecksumFault.outerIp;
  const udpAt = innerAt - (udp.HEADER_LENGTH + vxlan.HEADER_LENGTH);
  const isOuterSummed = udp.checksum(view, udpAt) !== 0;
  let outer = isOuterSummed ? pseudoHeader4(packet.srcIp, packet.dstIp, IpProtocol.udp, innerEnd - udpAt) : 0;
  let summedTo = udpAt;
  if (packet.innerKind >= InnerKind.ipv4 && !ipv4.isChecksumValid(view, innerPayloadAt))
    faults |= ChecksumFault.innerIp;
  if (packet.innerKind >= InnerKind.icmp) {
    const isAbsent = packet.innerKind === InnerKind.udp && udp.checksum(view, transportAt) === 0;
    if (!isAbsent || isOuterSummed) {
      // The outer checksum covers these bytes too: they are added up once.
      const transport = summer.sum(view, transportAt, transportEnd, 0);
      if (!isAbsent) {
        const pseudo =
          packet.innerKind === InnerKind.icmp
            ? 0
            : pseudoHeader4(packet.innerSrcIp, packet.innerDstIp, packet.innerProtocol, transportEnd - transportAt);
        if (fold(transport + pseudo) !== 0xffff) faults |= ChecksumFault.innerTransport;
      }
      // Behind an odd number of bytes every further byte would change places in its word.
      if (isOuterSummed && (transportEnd === innerEnd || ((transportEnd - transportAt) & 1) === 0)) {
        outer = fold(summer.sum(view, udpAt, transportAt, outer) + transport);
        summedTo = transportEnd;
      }
    }
  }
  if (isOuterSummed && summer.sum(view, summedTo, innerEnd, outer) !== 0xffff) faults |= ChecksumFault.outerUdp;
  return faults;
}

/** Any other packet: tags, options, fragments, short and broken ones. Layer by layer. */
function wrapUnusual(packet: VxlanPacket, at: number, end: number): Status {
  const view = packet.view;
  if (end - at < ethernet.HEADER_LENGTH) return Status.truncated;
  const ipAt = behindTags(view, at, end);
  if (view.getUint16(ipAt - 2) !== EtherType.ipv4) return Status.unsupported;
  const ipStatus = ipv4.check(view, ipAt, end);
  if (ipStatus !== Status.ok) return ipStatus;
  if (ipv4.isFragment(view, ipAt) || ipv4.protocol(view, ipAt) !== IpProtocol.udp) return Status.mismatch;
  const udpAt = ipv4.payloadStart(view, ipAt);
  const ipEnd = ipv4.payloadEnd(view, ipAt, end);
  const udpStatus = udp.check(view, udpAt, ipEnd);
  if (udpStatus !== Status.ok) return udpStatus;
  if (udp.dstPort(view, udpAt) !== packet.port) return Status.mismatch;
  const innerEnd = udp.payloadEnd(view, udpAt, ipEnd);
  const vxlanStatus = vxlan.check(view, udpAt + udp.HEADER_LENGTH, innerEnd);
  if (vxlanStatus !== Status.ok) return vxlanStatus;
  const innerAt = udpAt + udp.HEADER_LENGTH + vxlan.HEADER_LENGTH;
  if (innerEnd - innerAt < ethernet.HEADER_LENGTH) return Status.truncated;
  packet.at = at;
  packet.ipAt = ipAt;
  packet.innerAt = innerAt;
  packet.innerEnd = innerEnd;
  packet.innerPayloadAt = behindTags(view, innerAt, innerEnd);
  packet.innerKind = InnerKind.frame;
  packet.totalLength = ipv4.totalLength(view, ipAt);
  packet.innerTotalLength = 0;
  packet.innerProtocol = 0;
  packet.transportAt = packet.innerPayloadAt;
  packet.transportEnd = innerEnd;
  packet.innerStatus = wrapInner(packet);
  return Status.ok;
}

function wrapInner(packet: VxlanPacket): Status {
  const { view, innerEnd, innerPayloadAt: at } = packet;
  if (packet.innerEtherType !== EtherType.ipv4) return Status.unsupported;
  const status = ipv4.check(view, at, innerEnd);
  if (status !== Status.ok) return status;
  const start = ipv4.payloadStart(view, at);
  const end = ipv4.payloadEnd(view, at, innerEnd);
  const protocol = ipv4.protocol(view, at);
  packet.innerKind = InnerKind.ipv4;
  packet.innerTotalLength = ipv4.totalLength(view, at);
  packet.innerProtocol = protocol;
  packet.transportAt = start;
  packet.transportEnd = end;
  if (ipv4.isFragment(view, at)) return Status.mismatch;
  if (protocol === IpProtocol.icmp) {
    if (end - start < MIN_TRANSPORT) return Status.truncated;
    packet.innerKind = InnerKind.icmp;
    return Status.ok;
  }
  if (protocol === IpProtocol.tcp) {
    const tcpStatus = tcp.check(view, start, end);
    if (tcpStatus === Status.ok) packet.innerKind = InnerKind.tcp;
    return tcpStatus;
  }
  if (protocol === IpProtocol.udp) {
    const udpStatus = udp.check(view, start, end);
    if (udpStatus !== Status.ok) return udpStatus;
    packet.innerKind = InnerKind.udp;
    packet.transportEnd = udp.payloadEnd(view, start, end);
    return Status.ok;
  }
  return Status.unsupported;
}

/** First byte behind an Ethernet header and as many VLAN tags as there are before `end`. */
function behindTags(view: DataView, at: number, end: number): number {
  let next = at + ethernet.HEADER_LENGTH;
  while (end - next >= TAG_LENGTH) {
    const type = view.getUint16(next - 2);
    if (type !== EtherType.vlan && type !== EtherType.serviceVlan) break;
    next += TAG_LENGTH;
  }
  return next;
}
