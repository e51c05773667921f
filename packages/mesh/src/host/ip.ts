/** What those above IP read of a packet of either family. Its header has been checked, and an IPv6 packet has no other. */
import { fold, sum } from "@hopscope/codec/checksum";
import * as ipv4 from "@hopscope/codec/ipv4";
import * as ipv6 from "@hopscope/codec/ipv6";
import type { Netns } from "../netns.ts";
import type { AfOps } from "./af-ops.ts";
import { IPV6_ANY, IPV6_LOOPBACK, isIpv6 } from "./ipv6-address.ts";

const VERSION_6 = 6;

/** True for IPv6, false for IPv4: there is nothing else. */
export function isVersion6(view: DataView, at: number): boolean {
  return view.getUint8(at) >> 4 === VERSION_6;
}

/** The family of a packet, and of an address. */
export function familyOf(netns: Netns, at: number): AfOps {
  return isVersion6(netns.node.frames.view, at) ? netns.ipv6 : netns.ipv4;
}

export function familyFor(netns: Netns, ip: number): AfOps {
  return isIpv6(ip) ? netns.ipv6 : netns.ipv4;
}

export function payloadStart(view: DataView, at: number): number {
  const first = view.getUint8(at);
  return first >> 4 === VERSION_6 ? at + ipv6.HEADER_LENGTH : at + ((first & 15) << 2);
}

export function payloadEnd(view: DataView, at: number, end: number): number {
  return isVersion6(view, at) ? ipv6.payloadEnd(view, at, end) : ipv4.payloadEnd(view, at, end);
}

export function protocol(view: DataView, at: number): number {
  return isVersion6(view, at) ? ipv6.nextHeader(view, at) : ipv4.protocol(view, at);
}

/** Type of service, or traffic class. */
export function tos(view: DataView, at: number): number {
  return isVersion6(view, at) ? ipv6.trafficClass(view, at) : ipv4.tos(view, at);
}

/** Of IPv6 packets only those get here that are from `::` or `::1`, and to `::1`. */
export function srcIp(view: DataView, at: number): number {
  if (!isVersion6(view, at)) return ipv4.srcIp(view, at);
  return ipv6.srcIpWord(view, at, 3) === 0 ? IPV6_ANY : IPV6_LOOPBACK;
}

export function dstIp(view: DataView, at: number): number {
  return isVersion6(view, at) ? IPV6_LOOPBACK : ipv4.dstIp(view, at);
}

/** The sum of the pseudo-header that TCP and UDP count in. */
export function pseudoHeader(view: DataView, at: number, length: number): number {
  const addresses = isVersion6(view, at) ? sum(view, at + 8, at + 40) : sum(view, at + 12, at + 20);
  return fold(addresses + protocol(view, at) + length);
}
