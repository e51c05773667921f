/**
 * A symmetric hash of the flow that an Ethernet frame belongs to, and the UDP source port that Linux makes of such a
 * hash, so that a network spreads tunnels over its paths by what is inside them (RFC 7348 §5).
 *
 * It covers what the kernel's covers (net/core/flow_dissector.c, flow_keys_dissector): addresses, protocol, and the
 * ports of whole TCP and UDP packets. Every fragment of a packet, the first included, hashes without ports, so that all
 * take one path; a frame that is not IP hashes its two MAC addresses. Both directions of a flow hash alike. The values
 * are not the kernel's: those are keyed with a secret drawn at boot.
 * Not covered: ports behind IPv6 extension headers, the IPv6 flow label.
 */
import { EtherType, IpProtocol } from "./code-points.ts";
import * as ipv4 from "./ipv4.ts";

const ETHERNET = 14;
const VLAN_TAG = 4;
const IPV4 = 20;
const IPV6 = 40;

/** The hash of the frame [at, end) as an int32. `seed` tells hosts apart. Never reads past `end`. */
export function flowHash(view: DataView, at: number, end: number, seed: number = 0): number {
  if (end - at < ETHERNET) return hashOf(0, 0, 0, seed);
  let typeAt = at + 12;
  let type = view.getUint16(typeAt);
  while ((type === EtherType.vlan || type === EtherType.serviceVlan) && end - typeAt >= VLAN_TAG + 2) {
    typeAt += VLAN_TAG;
    type = view.getUint16(typeAt);
  }
  const ip = typeAt + 2;
  if (type === EtherType.ipv4 && end - ip >= IPV4) return ipv4Hash(view, ip, end, seed);
  if (type === EtherType.ipv6 && end - ip >= IPV6) return ipv6Hash(view, ip, end, seed);
  const macEnds = (view.getUint16(at) << 16) | view.getUint16(at + 6);
  return hashOf(view.getInt32(at + 2), view.getInt32(at + 8), macEnds, seed);
}

/**
 * Multiplies each end, an address and a port, by an odd constant; the exclusive or of both has no order, which makes the
 * hash symmetric. The constant and the shift are those, out of 160 pairs tried, that spread ports in a row, addresses
 * in a row and pairs of them most evenly. Low bits know little of the ports: {@link sourcePort} folds high ones over them.
 */
function hashOf(src: number, dst: number, ports: number, keys: number): number {
  return Math.imul(src ^ ((ports >>> 16) << 8), 0xac4c1b51) ^ Math.imul(dst ^ ((ports << 16) >>> 8), 0xac4c1b51) ^ keys;
}

/** Source and destination port in one word, or 0 if the frame ends before them. */
function portsAt(view: DataView, at: number, end: number): number {
  return end - at < 4 ? 0 : view.getInt32(at);
}

function ipv4Hash(view: DataView, at: number, end: number, seed: number): number {
  const protocol = ipv4.protocol(view, at);
  const hasPorts = (protocol === IpProtocol.tcp || protocol === IpProtocol.udp) && !ipv4.isFragment(view, at);
  const ports = hasPorts ? portsAt(view, ipv4.payloadStart(view, at), end) : 0;
  return hashOf(ipv4.srcIp(view, at), ipv4.dstIp(view, at), ports, seed ^ protocol);
}

function ipv6Hash(view: DataView, at: number, end: number, seed: number): number {
  const next = view.getUint8(at + 6);
  const ports = next === IpProtocol.tcp || next === IpProtocol.udp ? portsAt(view, at + IPV6, end) : 0;
  return hashOf(folded(view, at + 8), folded(view, at + 24), ports, seed ^ next);
}

/** An IPv6 address to one word. */
function folded(view: DataView, at: number): number {
  let word = 0;
  for (let from = at; from < at + 16; from += 4) {
    word = Math.imul(word ^ (word >>> 15) ^ view.getInt32(from), 0xac4c1b51);
  }
  return word;
}

/**
 * The source port for a flow hash, from `low` up to but without `high`: Linux include/net/udp.h, udp_flow_src_port. The
 * product of 32 and 16 bits is exact in a double.
 */
export function sourcePort(hash: number, low: number, high: number): number {
  return (low + ((hash ^ (hash << 16)) >>> 0) * ((high - low) / 0x100000000)) | 0;
}
