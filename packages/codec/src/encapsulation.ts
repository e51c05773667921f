/**
 * VXLAN encapsulation and decapsulation in place (RFC 7348 §5): fifty bytes are written in front of an inner Ethernet
 * frame, or recognized there. The payload is never copied, nothing is allocated.
 *
 *   at - 50       - 36      - 16    - 8      at                   end
 *   | Ethernet 14 | IPv4 20 | UDP 8 | VXLAN 8 | inner frame        |
 *
 * What is sent is what Linux sends (drivers/net/vxlan/vxlan_core.c, vxlan_xmit_one; net/ipv4/ip_tunnel_core.c,
 * iptunnel_xmit): no IPv4 options, ECN from inside, a source port made of the inner flow's hash.
 * Not covered: an IPv6 underlay, group policy and GPE (vxlan.ts reads them), `tos inherit`, outer fragments. A device's
 * own rules (its MTU, its forwarding table, its refusal of its own source address) are the device's.
 */
import { complement, fold, pseudoHeader4, updated } from "./checksum.ts";
import { EtherType, IpProtocol } from "./code-points.ts";
import { requireBits } from "./encode.ts";
import * as ethernet from "./ethernet.ts";
import { flowHash } from "./flow-hash.ts";
import * as ipv4 from "./ipv4.ts";
import { macOctets, octets } from "./octets.ts";
import { Status } from "./status.ts";
import { plainSummer, type Summer } from "./summer.ts";
import * as udp from "./udp.ts";
import * as vxlan from "./vxlan.ts";

export { flowHash, sourcePort } from "./flow-hash.ts";
export type { Summer } from "./summer.ts";

/** Bytes that {@link encapsulate} needs in front of the inner frame. */
export const OVERHEAD: number = vxlan.OVERHEAD;
/** The longest inner frame: IPv4's total length has 16 bits and counts 36 bytes of headers. */
export const MAX_INNER_LENGTH: number = 0xffff - (OVERHEAD - ethernet.HEADER_LENGTH);

export interface VxlanTunnelOptions {
  /** Outer Ethernet addresses, 48 bits. */
  readonly srcMac: number;
  readonly dstMac: number;
  /** The two tunnel end points, int32. */
  readonly srcIp: number;
  readonly dstIp: number;
  /** 24 bits. */
  readonly vni: number;
  /** UDP destination port. Default 4789. */
  readonly port?: number;
  /** Default 64, Linux' route default. */
  readonly ttl?: number;
  /** DSCP in the upper six bits; the lower two come from the inner packet. Default 0. */
  readonly tos?: number;
  /** Default false, as Linux' `df unset`. */
  readonly dontFragment?: boolean;
  /** Source ports, `[low, high)` as the kernel scales: default Linux' local ports, 32768 and 60999. */
  readonly portRange?: readonly [low: number, high: number];
  /** UDP checksum: "compute" (default; Docker's devices do), or "zero" as RFC 7348 §5 recommends. */
  readonly udpChecksum?: "compute" | "zero";
  /** Makes this host's flow hash its own, as each kernel's boot secret does. Default 0. */
  readonly seed?: number;
  /** Who adds up the payload for the UDP checksum. Default: plain code, right for any view. */
  readonly summer?: Summer;
}

/** One direction of a tunnel, as the words that its headers consist of. */
export class VxlanTunnel {
  declare readonly srcMac: number;
  declare readonly dstMac: number;
  declare readonly srcIp: number;
  declare readonly dstIp: number;
  declare readonly vni: number;
  declare readonly port: number;
  declare readonly ttl: number;
  declare readonly tos: number;
  declare readonly dontFragment: boolean;
  declare readonly lowPort: number;
  declare readonly highPort: number;
  declare readonly computesUdpChecksum: boolean;
  declare readonly seed: number;
  declare readonly summer: Summer;

  /** Eight bytes each, see octets.ts: destination address and two zeros; source address and EtherType; VXLAN header. */
  declare readonly dstMacOctets: number;
  declare readonly srcMacOctets: number;
  declare readonly vxlanOctets: number;
  /** Version, header length, DSCP, and the total length of a packet without an inner frame. */
  declare readonly lengthWord: number;
  /** Flags and fragment offset. */
  declare readonly fragmentBits: number;
  /** TTL, protocol. */
  declare readonly ttlWord: number;
  /** The lowest source port, the destination port. */
  declare readonly portWord: number;
  /** How many source ports there are. */
  declare readonly portCount: number;
  /** Sum of the IPv4 header without identification, ECN and the inner frame's length. */
  declare readonly headerSum: number;
  /** Sum of what the UDP checksum covers and the tunnel decides: pseudo-header, destination port, VXLAN header. */
  declare readonly udpSum: number;

  constructor(options: VxlanTunnelOptions) {
    const { srcMac, dstMac, vni, port = vxlan.PORT, ttl = 64, tos = 0, portRange = [32768, 60999] } = options;
    requireBits("srcMac", srcMac, 48);
    requireBits("dstMac", dstMac, 48);
    requireBits("vni", vni, 24);
    requireBits("port", port, 16);
    requireBits("ttl", ttl, 8);
    requireBits("tos", tos, 8);
    const [low, high] = portRange;
    requireBits("portRange's low end", low, 16);
    requireBits("portRange's high end", high, 16);
    if (high <= low) throw new RangeError(`portRange is ${low}-${high}, expected the second to be greater`);
    this.srcMac = srcMac;
    this.dstMac = dstMac;
    this.srcIp = options.srcIp | 0;
    this.dstIp = options.dstIp | 0;
    this.vni = vni;
    this.port = port;
    this.ttl = ttl;
    this.tos = tos & ~3;
    this.dontFragment = options.dontFragment ?? false;
    this.lowPort = low;
    this.highPort = high;
    this.computesUdpChecksum = options.udpChecksum !== "zero";
    this.seed = (options.seed ?? 0) | 0;
    this.summer = options.summer ?? plainSummer;

    this.dstMacOctets = macOctets(dstMac, 0);
    this.srcMacOctets = macOctets(srcMac, EtherType.ipv4);
    this.vxlanOctets = octets(VXLAN_FLAGS_HIGH << 16, vni << 8);
    this.lengthWord = ((0x4500 | this.tos) << 16) | IP_OVERHEAD;
    this.fragmentBits = this.dontFragment ? ipv4.DONT_FRAGMENT : 0;
    this.ttlWord = (ttl << 24) | (IpProtocol.udp << 16);
    this.portWord = (low << 16) | port;
    this.portCount = high - low;
    const addresses = pseudoHeader4(this.srcIp, this.dstIp, 0, 0);
    this.headerSum = fold(
      (this.lengthWord >>> 16) + IP_OVERHEAD + this.fragmentBits + (this.ttlWord >>> 16) + addresses,
    );
    this.udpSum = fold(addresses + IpProtocol.udp + port + VXLAN_FLAGS_HIGH + (vni >>> 8) + ((vni << 8) & 0xffff));
  }
}

// As constants of this module V8 folds them.
const { imul } = Math;
const VXLAN_FLAGS_HIGH = vxlan.VxlanFlag.vni << 8;
/** What IPv4 counts beside the inner frame. */
const IP_OVERHEAD = OVERHEAD - ethernet.HEADER_LENGTH;
const UDP_AND_VXLAN: number = udp.HEADER_LENGTH + vxlan.HEADER_LENGTH;

/**
 * Writes the outer headers in front of the inner frame [at, end) and answers where the frame now starts, `at - 50`.
 * Answers `-truncated` if the view has no such room or the inner frame no Ethernet header, `-badTotalLength` if IPv4
 * cannot say its length. `identification` is the outer IPv4 identification: a counter of the sending host's.
 *
 * Inner checksums are not looked at: what is left to a network card (`partial`) must be filled before, or
 * the outer checksum covers bytes that still change.
 */
export function encapsulate(
  tunnel: VxlanTunnel,
  view: DataView,
  at: number,
  end: number,
  identification: number,
): number {
  // Numbers instead of names here and in `writeHeaders`: together they are small enough for V8 to inline both into a
  // caller's loop, and an imported name takes four bytes of bytecode more.
  const inner = end - at;
  // Said to V8: what is added to it does not overflow. Anything below 0 comes out different.
  const start = (at - 50) & 0x3fffffff;
  // EtherType, version, header length, ECN: nearly always IPv4 without options and without ECN.
  if (start + 50 !== at || inner < 38 || inner > 65499 || (view.getInt32(start + 62) & 0xffffff03) !== 0x08004500) {
    return encapsulateUnusual(tunnel, view, at, end, identification) | 0;
  }
  // `flowHash` of such a frame. Flags, fragment offset, TTL, protocol; the mask leaves 6 or 17 of a whole TCP or UDP
  // packet.
  const word = view.getInt32(start + 70);
  const whole = word & 0x3fff00ff;
  const ports = whole === 6 || whole === 17 ? view.getInt32(start + 84) : 0;
  const hash =
    imul(view.getInt32(start + 76) ^ ((ports >>> 8) & 0xffff00), 0xac4c1b51) ^
    imul(view.getInt32(start + 80) ^ ((ports << 16) >>> 8), 0xac4c1b51) ^
    (tunnel.seed ^ (word & 0xff));
  writeHeaders(tunnel, view, start, inner, identification & 0xffff, hash);
  if (tunnel.computesUdpChecksum) fillUdpChecksum(tunnel, view, at, end);
  return start;
}

/** Every byte of the fifty, ECN and UDP checksum as zero. `start`: outer Ethernet; `inner`: length of the inner frame. */
function writeHeaders(
  tunnel: VxlanTunnel,
  view: DataView,
  start: number,
  inner: number,
  id: number,
  hash: number,
): void {
  const sum = (tunnel.headerSum + inner + id) | 0;
  view.setFloat64(start, tunnel.dstMacOctets, true);
  view.setFloat64(start + 6, tunnel.srcMacOctets, true);
  view.setInt32(start + 14, tunnel.lengthWord + inner);
  view.setInt32(start + 18, (id << 16) | tunnel.fragmentBits);
  // Both halves added to each other, with the carry going round: the upper half is the folded sum.
  view.setInt32(start + 22, (~(sum + ((sum << 16) | (sum >>> 16))) >>> 16) | tunnel.ttlWord);
  view.setInt32(start + 26, tunnel.srcIp);
  view.setInt32(start + 30, tunnel.dstIp);
  // `sourcePort` in integers: the 48-bit product of the folded hash and the number of ports by halves.
  const low = hash & 0xffff;
  const count = tunnel.portCount;
  const port = (imul((hash >>> 16) ^ low, count) + (imul(low, count) >>> 16)) & 0xffff0000;
  view.setInt32(start + 34, port + tunnel.portWord);
  view.setInt32(start + 38, (inner + 16) << 16);
  view.setFloat64(start + 42, tunnel.vxlanOctets, true);
}

/** Frames that are short, too long, not IPv4, tagged, with options, or marked with ECN. */
function encapsulateUnusual(
  tunnel: VxlanTunnel,
  view: DataView,
  at: number,
  end: number,
  identification: number,
): number {
  const inner = end - at;
  if (at < OVERHEAD || inner < ethernet.HEADER_LENGTH) return -Status.truncated;
  if (inner > MAX_INNER_LENGTH) return -Status.badTotalLength;
  const start = at - OVERHEAD;
  writeHeaders(tunnel, view, start, inner, identification & 0xffff, flowHash(view, at, end, tunnel.seed));
  const ecn = encapsulatedEcn(view, at, end);
  if (ecn !== 0) markEcn(view, start + ethernet.HEADER_LENGTH, ecn);
  if (tunnel.computesUdpChecksum) fillUdpChecksum(tunnel, view, at, end);
  return start;
}

/** Sets ECN bits, in the IPv4 checksum too. */
function markEcn(view: DataView, ipAt: number, ecn: number): void {
  const word = view.getUint16(ipAt);
  view.setUint16(ipAt, word | ecn);
  ipv4.setHeaderChecksum(view, ipAt, updated(ipv4.headerChecksum(view, ipAt), word, word | ecn));
}

function fillUdpChecksum(tunnel: VxlanTunnel, view: DataView, at: number, end: number): void {
  const port = udp.srcPort(view, at - UDP_AND_VXLAN);
  const length = end - at + UDP_AND_VXLAN;
  // The length counts twice: in the pseudo-header and in the header.
  const sum = tunnel.summer.sum(view, at, end, fold(tunnel.udpSum + port + length + length));
  // RFC 768: a computed zero is sent as all ones.
  udp.setChecksum(view, at - UDP_AND_VXLAN, sum === 0xffff ? 0xffff : complement(sum));
}

/**
 * The outer ECN bits for an inner frame: the inner ones, but "congestion experienced" goes out as ECT(0)
 * (RFC 6040 §4.1 "normal mode"; Linux include/net/inet_ecn.h, INET_ECN_encapsulate). 0 if the frame is no IP packet.
 */
export function encapsulatedEcn(view: DataView, at: number, end: number): number {
  if (end - at < ethernet.HEADER_LENGTH + 2) return 0;
  // EtherType, then the first two bytes of the IP header.
  const word = view.getInt32(at + 12);
  const type = word >>> 16;
  const ecn = type === EtherType.ipv4 ? word & 3 : type === EtherType.ipv6 ? (word >>> 4) & 3 : 0;
  return ecn === 3 ? 2 : ecn;
}

/**
 * The way back: carries the outer packet's "congestion experienced" into the inner packet [at, end), checksum included
 * (RFC 6040 §4.2; INET_ECN_decapsulate). `badFlags` if the frame must be dropped, because its sender knows no ECN.
 * Writes to the frame, so a shared one must be owned first; {@link decapsulate} itself writes nothing.
 */
export function decapsulateEcn(view: DataView, outerTos: number, at: number, end: number): Status {
  if ((outerTos & 3) !== 3 || end - at < ethernet.HEADER_LENGTH + ipv4.HEADER_LENGTH) return Status.ok;
  const ipAt = at + ethernet.HEADER_LENGTH;
  const type = ethernet.etherType(view, at);
  if (type === EtherType.ipv4) {
    const word = view.getUint16(ipAt);
    if ((word & 3) === 0) return Status.badFlags;
    markEcn(view, ipAt, 3);
  } else if (type === EtherType.ipv6) {
    const word = view.getUint16(ipAt);
    if ((word & 0x30) === 0) return Status.badFlags;
    view.setUint16(ipAt, word | 0x30);
  }
  return Status.ok;
}

/** Which checksums {@link decapsulate} verifies. Captures on the sending host hold ones that a network card fills later. */
export const Verify = { nothing: 0, header: 1, udp: 2, all: 3 } as const;
export type Verify = (typeof Verify)[keyof typeof Verify];

/**
 * Where the inner frame of the Ethernet frame [at, end) starts, or `-status` if this is not a packet that a Linux VXLAN
 * device on `port` would take (net/ipv4/ip_input.c, ip_rcv_core; net/ipv4/udp.c, __udp4_lib_rcv; vxlan_rcv):
 *
 * - `-truncated`: a header, or what its length promises, goes past `end`
 * - `-unsupported`: no IPv4 inside; VLAN tags are the VLAN device's to take off
 * - `-badVersion`, `-badHeaderLength`, `-badTotalLength`: IPv4 or UDP contradict themselves
 * - `-mismatch`: not UDP, another port, or a fragment
 * - `-badFlags`: VNI flag clear, or any reserved bit set: RFC 7348 §5 says ignore those, Linux drops
 * - `-badChecksum`: IPv4's, or UDP's where it is not zero
 *
 * The inner frame ends at {@link decapsulatedEnd}, which padding behind the packet may put before `end`.
 */
export function decapsulate(
  view: DataView,
  at: number,
  end: number,
  port: number = vxlan.PORT,
  verify: Verify = Verify.all,
  summer: Summer = plainSummer,
): number {
  // Numbers instead of names: see `encapsulate`. Fifty bytes of headers and an inner Ethernet header:
  if (end - at < 64) return decapsulateUnusual(view, at, end, port, verify, summer);
  const type = view.getInt32(at + 12);
  const lengths = view.getInt32(at + 16);
  const flags = view.getInt32(at + 20);
  const udpWord = view.getInt32(at + 36);
  const total = lengths >>> 16;
  const udpLength = udpWord & 0xffff;
  if (
    type >>> 8 !== 0x080045 ||
    (flags & 0x3fff00ff) !== 17 ||
    total > end - at - 14 ||
    udpLength > total - 20 ||
    udpLength < 30 ||
    udpWord >>> 16 !== port ||
    view.getInt32(at + 42) !== 0x08000000 ||
    view.getUint8(at + 49) !== 0
  ) {
    return decapsulateUnusual(view, at, end, port, verify, summer);
  }
  if ((verify & 1) !== 0) {
    const middle = view.getInt32(at + 24);
    const addresses = view.getInt32(at + 28);
    const high = (lengths >>> 16) + (flags >>> 16) + (middle >>> 16) + (addresses >>> 16);
    // The low halves: all words less their high halves.
    const low = (lengths + flags + middle + addresses - (high << 16)) >>> 0;
    const sum = (type & 0xffff) + high + low + view.getUint16(at + 32);
    if ((sum & 0xffff) + (sum >>> 16) !== 0xffff) return -8;
  }
  return (verify & 2) === 0 || isUdpChecksumRight(view, at + 14, at + 34, summer) ? at + 50 : -8;
}

function decapsulateUnusual(
  view: DataView,
  at: number,
  end: number,
  port: number,
  verify: Verify,
  summer: Summer,
): number {
  const inner = findInner(view, at, end, port);
  if (inner < 0) return inner;
  const vxlanAt = inner - vxlan.HEADER_LENGTH;
  if (view.getInt32(vxlanAt) !== VXLAN_FLAGS_HIGH << 16 || view.getUint8(vxlanAt + 7) !== 0) return -Status.badFlags;
  if (decapsulatedEnd(view, inner) - inner < ethernet.HEADER_LENGTH) return -Status.truncated;
  const ipAt = at + ethernet.HEADER_LENGTH;
  if ((verify & Verify.header) !== 0 && !ipv4.isChecksumValid(view, ipAt)) return -Status.badChecksum;
  const udpAt = vxlanAt - udp.HEADER_LENGTH;
  const isRight = (verify & Verify.udp) === 0 || isUdpChecksumRight(view, ipAt, udpAt, summer);
  return isRight ? inner : -Status.badChecksum;
}

function isUdpChecksumRight(view: DataView, ipAt: number, udpAt: number, summer: Summer): boolean {
  return view.getUint16(udpAt + 6) === 0 || isUdpSumRight(view, ipAt, udpAt, summer);
}

function isUdpSumRight(view: DataView, ipAt: number, udpAt: number, summer: Summer): boolean {
  const length = udp.length(view, udpAt);
  const pseudo = pseudoHeader4(ipv4.srcIp(view, ipAt), ipv4.dstIp(view, ipAt), IpProtocol.udp, length);
  return summer.sum(view, udpAt, udpAt + length, pseudo) === 0xffff;
}

/** Where the inner frame that starts at `inner` ends by the UDP length in front of it. */
export function decapsulatedEnd(view: DataView, inner: number): number {
  const udpAt = inner - (udp.HEADER_LENGTH + vxlan.HEADER_LENGTH);
  return udpAt + udp.length(view, udpAt);
}

/** The lengths, versions, fragment bits, port and VNI flag in front of an inner frame: its start, or `-status`. */
function findInner(view: DataView, at: number, end: number, port: number): number {
  const ipAt = at + ethernet.HEADER_LENGTH;
  if (end - ipAt < ipv4.HEADER_LENGTH + udp.HEADER_LENGTH + vxlan.HEADER_LENGTH) return -Status.truncated;
  if (ethernet.etherType(view, at) !== EtherType.ipv4) return -Status.unsupported;
  // Version, header length, total length in one read; a second word holds the fragment bits.
  const first = view.getInt32(ipAt);
  const header = (first >>> 22) & 0x3c;
  const total = first & 0xffff;
  if (first >>> 28 !== 4) return -Status.badVersion;
  if (header < ipv4.HEADER_LENGTH) return -Status.badHeaderLength;
  if (total > end - ipAt) return -Status.truncated;
  const room = total - header;
  if (room < 0) return -Status.badTotalLength;
  if ((view.getUint16(ipAt + 6) & (ipv4.MORE_FRAGMENTS | ipv4.FRAGMENT_OFFSET_MASK)) !== 0) return -Status.mismatch;
  if (ipv4.protocol(view, ipAt) !== IpProtocol.udp) return -Status.mismatch;
  if (room < udp.HEADER_LENGTH + vxlan.HEADER_LENGTH) return -Status.truncated;
  const udpAt = ipAt + header;
  if (udp.dstPort(view, udpAt) !== port) return -Status.mismatch;
  const length = udp.length(view, udpAt);
  if (length > room) return -Status.truncated;
  if (length < udp.HEADER_LENGTH + vxlan.HEADER_LENGTH) {
    return length < udp.HEADER_LENGTH ? -Status.badTotalLength : -Status.truncated;
  }
  const inner = udpAt + (udp.HEADER_LENGTH + vxlan.HEADER_LENGTH);
  return (view.getUint8(inner - vxlan.HEADER_LENGTH) & vxlan.VxlanFlag.vni) === 0 ? -Status.badFlags : inner;
}
