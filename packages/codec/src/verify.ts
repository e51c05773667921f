/** Checksum states of dissected layers: finds what each checksum covers and the pseudo-header around it. */
import { add, ChecksumStatus, complement, pseudoHeader4, pseudoHeader6, sum } from "./checksum.ts";
import { IpProtocol } from "./code-points.ts";
import * as icmp from "./icmp.ts";
import * as icmpv6 from "./icmpv6.ts";
import * as igmp from "./igmp.ts";
import * as ipv4 from "./ipv4.ts";
import * as extension from "./ipv6-extensions.ts";
import { LayerKind, type Layers } from "./layers.ts";
import * as sctp from "./sctp.ts";
import * as tcp from "./tcp.ts";
import * as udp from "./udp.ts";

/** Where the addresses of an IPv6 header start. */
const IPV6_ADDRESSES = 8;

/**
 * State of layer `index`'s checksum; `undefined` if that protocol has none. `notVerified` where the bytes it covers
 * are not all there: the capture or a quotation was cut. `partial` also for a tunnel that will be right once the
 * network card has completed the checksum inside it.
 */
export function checksumOf(view: DataView, layers: Layers, index: number): ChecksumStatus | undefined {
  const kind = layers.kind(index);
  const at = layers.start(index);
  if (kind === LayerKind.ipv4) return ipv4.verifyChecksum(view, at);
  if (!hasChecksum(kind)) return undefined;
  const isQuoted = layers.quoteIndex >= 0 && index >= layers.quoteIndex;
  const isCut = layers.cutIndex >= 0 && index >= layers.cutIndex;
  if (isQuoted || isCut) return ChecksumStatus.notVerified;
  const network = networkLayerOf(layers, index);
  if (network < 0 || isOnItsWay(view, layers, network, index)) return ChecksumStatus.notVerified;
  const end = kind === LayerKind.udp ? udp.payloadEnd(view, at, layers.end(index)) : layers.end(network);
  switch (kind) {
    case LayerKind.icmp:
      return icmp.verifyChecksum(view, at, end);
    case LayerKind.sctp:
      return sctp.verifyChecksum(view, at, end);
    case LayerKind.igmp:
      return igmp.verifyChecksum(view, at, end);
    case LayerKind.icmpv6:
      return icmpv6.verifyChecksum(view, at, end, pseudoOf(view, layers, network, IpProtocol.icmpv6, end - at));
    case LayerKind.udp:
      return verifyUdp(view, layers, index, end, pseudoOf(view, layers, network, IpProtocol.udp, end - at));
    default:
      return tcp.verifyChecksum(view, at, end, pseudoOf(view, layers, network, IpProtocol.tcp, end - at));
  }
}

function verifyUdp(view: DataView, layers: Layers, index: number, end: number, pseudo: number): ChecksumStatus {
  const status = udp.verifyChecksum(view, layers.start(index), end, pseudo);
  if (status !== ChecksumStatus.invalid || index + 1 === layers.count || layers.kind(index + 1) !== LayerKind.vxlan) {
    return status;
  }
  return isOffloadedInside(view, layers, index, end, pseudo) ? ChecksumStatus.partial : status;
}

/**
 * True if a tunnel's checksum will be right once the network card has completed the one inside. Linux computes it in
 * advance: what is inside will then sum to the complement of what its checksum field holds now (include/linux/skbuff.h,
 * lco_csum; Documentation/networking/checksum-offloads.rst).
 */
function isOffloadedInside(view: DataView, layers: Layers, index: number, end: number, pseudo: number): boolean {
  const last = layers.quoteIndex < 0 ? layers.count : layers.quoteIndex;
  for (let inner = index + 1; inner < last; inner++) {
    const kind = layers.kind(inner);
    if (kind !== LayerKind.udp && kind !== LayerKind.tcp) continue;
    if (checksumOf(view, layers, inner) !== ChecksumStatus.partial) continue;
    const innerAt = layers.start(inner);
    const partial = kind === LayerKind.udp ? udp.checksum(view, innerAt) : tcp.checksum(view, innerAt);
    const before = sum(view, layers.start(index), innerAt, add(pseudo, complement(partial)));
    const behind = sum(view, layers.end(inner), end);
    // What stands at an odd offset has its bytes in the other halves of words (RFC 1071 §2, "Byte Order Independence").
    const isOdd = ((layers.end(inner) - innerAt) & 1) === 1;
    return add(before, isOdd ? ((behind & 0xff) << 8) | (behind >>> 8) : behind) === 0xffff;
  }
  return false;
}

/** True behind a routing header with stops left: the checksum covers the last one, not this (RFC 8200 §8.1). */
function isOnItsWay(view: DataView, layers: Layers, network: number, index: number): boolean {
  for (let between = network + 1; between < index; between++) {
    if (layers.kind(between) !== LayerKind.routing) continue;
    if (extension.segmentsLeft(view, layers.start(between)) > 0) return true;
  }
  return false;
}

function hasChecksum(kind: LayerKind): boolean {
  return (
    kind === LayerKind.udp ||
    kind === LayerKind.tcp ||
    kind === LayerKind.icmp ||
    kind === LayerKind.icmpv6 ||
    kind === LayerKind.igmp ||
    kind === LayerKind.sctp
  );
}

/** Index of the IPv4 or IPv6 layer that carries layer `index`, extension headers skipped, or -1. */
function networkLayerOf(layers: Layers, index: number): number {
  for (let outer = index - 1; outer >= 0; outer--) {
    const kind = layers.kind(outer);
    if (kind === LayerKind.ipv4 || kind === LayerKind.ipv6) return outer;
  }
  return -1;
}

function pseudoOf(view: DataView, layers: Layers, network: number, protocol: number, length: number): number {
  const at = layers.start(network);
  return layers.kind(network) === LayerKind.ipv4
    ? pseudoHeader4(ipv4.srcIp(view, at), ipv4.dstIp(view, at), protocol, length)
    : pseudoHeader6(view, at + IPV6_ADDRESSES, protocol, length);
}
