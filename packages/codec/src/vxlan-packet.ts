/**
 * A VXLAN packet seen whole: Ethernet, IPv4, UDP, VXLAN and the inner frame down to its ICMP, TCP or UDP header,
 * through one object that is pointed at packet after packet. `wrap` checks every layer in one pass; nothing is copied
 * or allocated.
 *
 * The same could be said with the functions of ethernet.ts, ipv4.ts, udp.ts and vxlan.ts one after the other; that
 * takes twice as long, since each layer's length is read again by the next and the whole is too large for V8 to inline.
 * One class in one file, long as it is: `wrap` and the getters share fields whose types V8 knows only of a class that sets
 * them all itself, and constants that it folds only within a module (docs/adr/0002-hot-path-api.md). What is a call in any
 * case, adding up checksums, is in vxlan-checksums.ts.
 *
 * Not covered: an IPv6 underlay, frames without an Ethernet header, VXLAN in VXLAN. `dissect` reads those.
 */
import { macAt } from "./address.ts";
import type { SimdChecksum } from "./checksum-simd.ts";
import { EtherType, IpProtocol } from "./code-points.ts";
import * as ethernet from "./ethernet.ts";
import * as ipv4 from "./ipv4.ts";
import { Status } from "./status.ts";
import * as tcp from "./tcp.ts";
import * as udp from "./udp.ts";
import * as vxlan from "./vxlan.ts";
import { ChecksumFault, checksumFaults } from "./vxlan-checksums.ts";

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

export { ChecksumFault };

const TAG_LENGTH = 4;
/** Every echo, datagram and segment header has these: what the accessors of the transport read. */
const MIN_TRANSPORT = 8;

/** Offsets in a frame whose headers are all of usual length. */
const IP_AT = ethernet.HEADER_LENGTH;
const UDP_AT = IP_AT + ipv4.HEADER_LENGTH;
const INNER_AT = UDP_AT + udp.HEADER_LENGTH + vxlan.HEADER_LENGTH;
const INNER_IP_AT = INNER_AT + ethernet.HEADER_LENGTH;
const TRANSPORT_AT = INNER_IP_AT + ipv4.HEADER_LENGTH;
const USUAL_LENGTH = TRANSPORT_AT + MIN_TRANSPORT;

export class VxlanPacket {
  // `declare`, and all set in the constructor: a field that starts as undefined stays a field of any type for V8, which
  // then checks at each read what it got. That is a tenth of the time here.

  /** UDP destination port that makes a packet VXLAN. */
  declare port: number;

  // Set by `wrap`; like all getters, meaningful after it answered `ok`, until the next call.

  /** What can be read of the inner frame. */
  declare innerKind: InnerKind;
  /** Why `innerKind` is no transport: `mismatch` for a fragment, `unsupported`, or what is wrong; `ok` if it is one. */
  declare innerStatus: Status;

  /** Outer IPv4 total length. */
  declare totalLength: number;
  /** Inner IPv4 total length, from `InnerKind.ipv4` on; 0 before. */
  declare innerTotalLength: number;

  // Getters read headers of usual length, one behind the other: the packet's own or, of an unusual packet, a copy
  // without tags and options. So one offset serves all of them.

  declare private source: DataView;
  declare private headers: DataView;
  /** Where they start, shifted left by 2. */
  declare private headersAt: number;
  declare private copy: DataView;
  /** From there to the packet's own headers. */
  declare private toFrame: number;
  declare private toIp: number;
  declare private toInner: number;
  declare private toInnerPayload: number;
  declare private toTransport: number;
  /** Ends of an unusual packet; 0 for a usual one, whose lengths say them. */
  declare private unusualInnerEnd: number;
  declare private unusualTransportEnd: number;

  constructor(view: DataView, port: number = vxlan.PORT) {
    this.source = view;
    this.port = port;
    this.innerKind = InnerKind.frame;
    this.innerStatus = Status.ok;
    this.totalLength = 0;
    this.innerTotalLength = 0;
    this.headers = view;
    this.headersAt = 0;
    this.copy = new DataView(new ArrayBuffer(USUAL_LENGTH));
    this.toFrame = 0;
    this.toIp = 0;
    this.toInner = 0;
    this.toInnerPayload = 0;
    this.toTransport = 0;
    this.unusualInnerEnd = 0;
    this.unusualTransportEnd = 0;
    this.readUsual();
  }

  /** The memory that `wrap`'s offsets are in. Set it to go on in another buffer. */
  get view(): DataView {
    return this.source;
  }

  set view(view: DataView) {
    this.source = view;
    this.headers = view;
  }

  /**
   * Points at the Ethernet frame [at, end). `ok` says that it is VXLAN over IPv4 with an inner Ethernet header, and all
   * its lengths hold; `innerKind` says what the inner frame is. Otherwise, as `check` of the outer layers, or
   * `unsupported` for what is not IPv4, `mismatch` for fragments, other protocols and other ports.
   *
   * Call it again after a change to the bytes: of unusual headers, such as tagged ones, getters read a copy.
   */
  wrap(at: number, end: number): Status {
    // Nearly all packets have no VLAN tag, no IPv4 option and no fragment: whole words say so, several fields at a time.
    // Words of one size, because V8 works out once a size where the view ends; numbers instead of names, because a name
    // takes four bytes of bytecode, and V8 inlines no more than 460. What is only compared is read in little-endian
    // order, which takes one instruction less; its first byte is the constant's last.
    const view = this.source;
    // Says to V8 that no sum of it overflows; larger offsets go the slow way.
    const base = (at << 2) >>> 2;
    const length = (end - at) | 0;
    if (length >= 92 && base === at) {
      const total = view.getInt32(base + 16) >>> 16;
      const udpWord = view.getInt32(base + 36);
      const udpLength = (udpWord << 16) >>> 16;
      const innerTotal = view.getInt32(base + 66) >>> 16;
      // EtherType IPv4, version 4 and a header of 20 bytes: three bytes in a row, the usual start of a packet.
      const usual = 0x450008;
      if (
        (view.getInt32(base + 12, true) & 0xffffff) === usual &&
        // No fragment, UDP: all but Don't Fragment, the bit before it, and the TTL.
        (view.getInt32(base + 20, true) & ~0x00ff00c0) === 0x11000000 &&
        total + 14 <= length &&
        udpWord >>> 16 === this.port &&
        udpLength + 20 <= total &&
        // The flag that says there is a VNI.
        (view.getInt32(base + 42, true) & 0x08) !== 0 &&
        (view.getInt32(base + 62, true) & 0xffffff) === usual &&
        innerTotal + 30 <= udpLength
      ) {
        const kind = usualKind(view, base, innerTotal);
        if (kind !== 0) {
          if (this.unusualInnerEnd !== 0) this.readUsual();
          // So that getters may shift it right, which says to V8 where it lies.
          this.headersAt = base << 2;
          this.innerKind = kind;
          this.totalLength = total;
          this.innerTotalLength = innerTotal;
          return 0;
        }
      }
    }
    // `| 0`: a number to V8, not a value of any kind.
    return (this.wrapUnusual(at, end) | 0) as Status;
  }

  /** From now on getters read the packets themselves. */
  private readUsual(): void {
    this.headers = this.source;
    this.toFrame = 0;
    this.toIp = IP_AT;
    this.toInner = INNER_AT;
    this.toInnerPayload = INNER_IP_AT;
    this.toTransport = TRANSPORT_AT;
    this.unusualInnerEnd = 0;
    this.unusualTransportEnd = 0;
    this.innerStatus = Status.ok;
  }

  // Absolute offsets in `view`.

  /** Outer Ethernet header. */
  get at(): number {
    return (this.headersAt >>> 2) + this.toFrame;
  }

  /** Outer IPv4 header. The UDP header lies 16, the VXLAN header 8 bytes before {@link innerAt}. */
  get ipAt(): number {
    return (this.headersAt >>> 2) + this.toIp;
  }

  /** Inner Ethernet header. */
  get innerAt(): number {
    return (this.headersAt >>> 2) + this.toInner;
  }

  /** End of the inner frame by the outer lengths. */
  get innerEnd(): number {
    const end = this.unusualInnerEnd;
    return end === 0 ? (this.headersAt >>> 2) + UDP_AT + this.udpLength : end;
  }

  /** First byte behind the inner Ethernet header and its VLAN tags. */
  get innerPayloadAt(): number {
    return (this.headersAt >>> 2) + this.toInnerPayload;
  }

  /** Inner IPv4 payload: the ICMP, TCP or UDP header, from `InnerKind.ipv4` on. */
  get transportAt(): number {
    return (this.headersAt >>> 2) + this.toTransport;
  }

  /** End of the transport's payload by IPv4's, and UDP's own, length, from `InnerKind.ipv4` on. */
  get transportEnd(): number {
    const end = this.unusualTransportEnd;
    return end === 0 ? (this.headersAt >>> 2) + INNER_IP_AT + this.innerTotalLength : end;
  }

  /** Outer addresses as 48-bit numbers. */
  get dstMac(): number {
    return macAt(this.headers, this.headersAt >>> 2);
  }

  get srcMac(): number {
    return macAt(this.headers, (this.headersAt >>> 2) + 6);
  }

  get tos(): number {
    return this.headers.getUint8((this.headersAt >>> 2) + 15);
  }

  get identification(): number {
    return this.headers.getUint16((this.headersAt >>> 2) + 18);
  }

  get ttl(): number {
    return this.headers.getUint8((this.headersAt >>> 2) + 22);
  }

  /** The sending tunnel end point as an int32. */
  get srcIp(): number {
    return this.headers.getInt32((this.headersAt >>> 2) + 26);
  }

  /** The receiving tunnel end point as an int32. */
  get dstIp(): number {
    return this.headers.getInt32((this.headersAt >>> 2) + 30);
  }

  /** Outer UDP source port, a hash of the inner flow. */
  get srcPort(): number {
    return this.headers.getUint16((this.headersAt >>> 2) + 34);
  }

  get udpLength(): number {
    return this.headers.getUint16((this.headersAt >>> 2) + 38);
  }

  /** Outer UDP checksum; 0 if the sender computed none. */
  get udpChecksum(): number {
    return this.headers.getUint16((this.headersAt >>> 2) + 40);
  }

  /** VXLAN's first byte; 0x08 is plain VXLAN. */
  get flags(): number {
    return this.headers.getUint8((this.headersAt >>> 2) + 42);
  }

  get vni(): number {
    return this.headers.getInt32((this.headersAt >>> 2) + 46) >>> 8;
  }

  get innerDstMac(): number {
    return macAt(this.headers, (this.headersAt >>> 2) + 50);
  }

  /** First 16 bits. With {@link innerDstMacLow} the address needs no floating point. */
  get innerDstMacHigh(): number {
    return this.headers.getUint16((this.headersAt >>> 2) + 50);
  }

  /** Last 32 bits as an int32. */
  get innerDstMacLow(): number {
    return this.headers.getInt32((this.headersAt >>> 2) + 52);
  }

  get innerSrcMac(): number {
    return macAt(this.headers, (this.headersAt >>> 2) + 56);
  }

  get innerSrcMacHigh(): number {
    return this.headers.getUint16((this.headersAt >>> 2) + 56);
  }

  get innerSrcMacLow(): number {
    return this.headers.getInt32((this.headersAt >>> 2) + 58);
  }

  /** The inner frame's EtherType, behind any VLAN tags. */
  get innerEtherType(): number {
    return this.headers.getUint16((this.headersAt >>> 2) + 62);
  }

  // From `InnerKind.ipv4` on. Further fields: the functions of ipv4.ts at `innerPayloadAt`.

  get innerTos(): number {
    return this.headers.getUint8((this.headersAt >>> 2) + 65);
  }

  get innerIdentification(): number {
    return this.headers.getUint16((this.headersAt >>> 2) + 68);
  }

  get innerTtl(): number {
    return this.headers.getUint8((this.headersAt >>> 2) + 72);
  }

  /** Inner IPv4 protocol; 0 before `InnerKind.ipv4`. */
  get innerProtocol(): number {
    return this.headers.getUint8((this.headersAt >>> 2) + 73);
  }

  get innerSrcIp(): number {
    return this.headers.getInt32((this.headersAt >>> 2) + 76);
  }

  get innerDstIp(): number {
    return this.headers.getInt32((this.headersAt >>> 2) + 80);
  }

  // For `InnerKind.tcp` and `InnerKind.udp`. Further fields: the functions of tcp.ts and udp.ts at `transportAt`.

  get innerSrcPort(): number {
    return this.headers.getUint16((this.headersAt >>> 2) + 84);
  }

  get innerDstPort(): number {
    return this.headers.getUint16((this.headersAt >>> 2) + 86);
  }

  // For `InnerKind.icmp`, in echo messages. Further fields: the functions of icmp.ts at `transportAt`.

  get innerIcmpType(): number {
    return this.headers.getUint8((this.headersAt >>> 2) + 84);
  }

  get innerIdentifier(): number {
    return this.headers.getUint16((this.headersAt >>> 2) + 88);
  }

  get innerSequence(): number {
    return this.headers.getUint16((this.headersAt >>> 2) + 90);
  }

  /**
   * Adds up everything that carries a checksum and answers {@link ChecksumFault} bits; 0 if all are right. A UDP
   * checksum of zero is none. Inner fragments and protocols other than ICMP, TCP and UDP count by their IPv4 header
   * alone. Packets captured before a network card filled their checksums in are faulty to this method.
   *
   * Pass the `SimdChecksum` whose memory the packet lies in: it takes a third of the time.
   */
  verifyChecksums(simd?: SimdChecksum): number {
    if (this.innerKind >= InnerKind.icmp && simd !== undefined && simd.view === this.source) {
      if (this.unusualInnerEnd === 0) {
        const base = this.headersAt >>> 2;
        const innerIpAt = base + INNER_IP_AT;
        const udpAt = base + UDP_AT;
        return simd.verifyVxlan(
          base + IP_AT,
          base + INNER_AT,
          innerIpAt,
          base + TRANSPORT_AT,
          innerIpAt + this.innerTotalLength,
          udpAt + this.udpLength,
        );
      }
      return simd.verifyVxlan(
        this.ipAt,
        this.innerAt,
        this.innerPayloadAt,
        this.transportAt,
        this.transportEnd,
        this.innerEnd,
      );
    }
    return checksumFaults(this);
  }

  /** Any other packet: tags, options, fragments, short and broken ones. Layer by layer. */
  private wrapUnusual(at: number, end: number): Status {
    const view = this.view;
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
    if (udp.dstPort(view, udpAt) !== this.port) return Status.mismatch;
    const innerEnd = udp.payloadEnd(view, udpAt, ipEnd);
    const vxlanStatus = vxlan.check(view, udpAt + udp.HEADER_LENGTH, innerEnd);
    if (vxlanStatus !== Status.ok) return vxlanStatus;
    const innerAt = udpAt + udp.HEADER_LENGTH + vxlan.HEADER_LENGTH;
    if (innerEnd - innerAt < ethernet.HEADER_LENGTH) return Status.truncated;
    const innerPayloadAt = behindTags(view, innerAt, innerEnd);
    this.headers = this.copy;
    this.headersAt = 0;
    this.toFrame = at;
    this.toIp = ipAt;
    this.toInner = innerAt;
    this.toInnerPayload = innerPayloadAt;
    this.toTransport = innerPayloadAt;
    this.unusualInnerEnd = innerEnd;
    this.unusualTransportEnd = innerEnd;
    this.innerKind = InnerKind.frame;
    this.totalLength = ipv4.totalLength(view, ipAt);
    this.innerTotalLength = 0;
    this.copyHeader(at, ipAt - 2, 0);
    this.copyHeader(ipAt, ipAt + ipv4.HEADER_LENGTH, IP_AT);
    this.copyHeader(udpAt, innerAt + ethernet.HEADER_LENGTH - 2, UDP_AT);
    this.copyHeader(innerPayloadAt - 2, innerPayloadAt, INNER_IP_AT - 2);
    this.copyHeader(at, at, INNER_IP_AT);
    this.innerStatus = this.wrapInner(innerPayloadAt, innerEnd);
    return Status.ok;
  }

  private wrapInner(at: number, innerEnd: number): Status {
    const view = this.view;
    if (view.getUint16(at - 2) !== EtherType.ipv4) return Status.unsupported;
    const status = ipv4.check(view, at, innerEnd);
    if (status !== Status.ok) return status;
    const start = ipv4.payloadStart(view, at);
    const end = ipv4.payloadEnd(view, at, innerEnd);
    const protocol = ipv4.protocol(view, at);
    this.innerKind = InnerKind.ipv4;
    this.innerTotalLength = ipv4.totalLength(view, at);
    this.toTransport = start;
    this.unusualTransportEnd = end;
    this.copyHeader(at, at + ipv4.HEADER_LENGTH, INNER_IP_AT);
    this.copyHeader(start, Math.min(start + MIN_TRANSPORT, end), TRANSPORT_AT);
    if (ipv4.isFragment(view, at)) return Status.mismatch;
    if (protocol === IpProtocol.icmp) {
      if (end - start < MIN_TRANSPORT) return Status.truncated;
      this.innerKind = InnerKind.icmp;
      return Status.ok;
    }
    if (protocol === IpProtocol.tcp) {
      const tcpStatus = tcp.check(view, start, end);
      if (tcpStatus === Status.ok) this.innerKind = InnerKind.tcp;
      return tcpStatus;
    }
    if (protocol === IpProtocol.udp) {
      const udpStatus = udp.check(view, start, end);
      if (udpStatus !== Status.ok) return udpStatus;
      this.innerKind = InnerKind.udp;
      this.unusualTransportEnd = udp.payloadEnd(view, start, end);
      return Status.ok;
    }
    return Status.unsupported;
  }

  /** Puts [from, end) of `view` at `to` of the copy, and zeros behind it. */
  private copyHeader(from: number, end: number, to: number): void {
    const { view, copy } = this;
    for (let at = from; at < end; at++) copy.setUint8(to + at - from, view.getUint8(at));
    for (let at = to + end - from; at < USUAL_LENGTH; at++) copy.setUint8(at, 0);
  }
}

/** What follows the inner IPv4 header of a usual packet at `base`; 0, not known, if that is unusual. */
function usualKind(view: DataView, base: number, total: number): InnerKind {
  // Protocol and no fragment, as in `wrap`.
  const protocol = view.getInt32(base + 70, true) & ~0x00ff00c0;
  if (total < 28) return 0;
  if (protocol === 0x01000000) return 2;
  if (protocol === 0x11000000) return (view.getInt32(base + 88) >>> 16) + 20 === total ? 4 : 0;
  if (protocol !== 0x06000000 || total < 40) return 0;
  const header = (view.getInt32(base + 96) >>> 28) << 2;
  return header >= 20 && header + 20 <= total ? 3 : 0;
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
