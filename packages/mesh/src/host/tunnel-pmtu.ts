/**
 * What a tunnel device that is a bridge port tells a sender whose packet does not fit (Linux
 * net/ipv4/ip_tunnel_core.c, skb_tunnel_check_pmtu, iptunnel_pmtud_check_icmp and iptunnel_pmtud_build_icmp): "fragmentation
 * needed", in the name of the packet's destination, because the device has no address of its own.
 */
import { complement, sum } from "@hopscope/codec/checksum";
import { EtherType, IpProtocol } from "@hopscope/codec/code-points";
import * as ethernet from "@hopscope/codec/ethernet";
import * as icmp from "@hopscope/codec/icmp";
import * as ipv4 from "@hopscope/codec/ipv4";
import type { Frame, FramePool } from "../frame.ts";
import { isLoopbackIp, isMulticastIp, isZeroNetIp, LIMITED_BROADCAST } from "./ipv4-address.ts";

/** Bytes of the answer's packet at most, and the least MTU that one is sent for. */
const MAX_LENGTH = 576;
const HEADERS = ipv4.HEADER_LENGTH + icmp.HEADER_LENGTH;

/** The answer for a frame that is too long for `mtu` bytes of payload; undefined: it gets none, and goes on its way. */
export function tunnelPmtuReply(frames: FramePool, frame: Frame, mtu: number): Frame | undefined {
  const { view, bytes } = frames;
  const ipAt = frame.start + ethernet.HEADER_LENGTH;
  if (mtu < MAX_LENGTH || !mayBeAnswered(view, frame, ipAt)) return undefined;
  const quote = Math.min(frame.end - ipAt, MAX_LENGTH - HEADERS);
  const reply = frames.allocate(ethernet.HEADER_LENGTH + HEADERS + quote);
  if (reply === undefined) return undefined;
  const { start } = reply;
  ethernet.setDstMac(view, start, ethernet.srcMac(view, frame.start));
  ethernet.setSrcMac(view, start, ethernet.dstMac(view, frame.start));
  ethernet.setEtherType(view, start, EtherType.ipv4);
  const at = start + ethernet.HEADER_LENGTH;
  ipv4.setHeaderLength(view, at, ipv4.HEADER_LENGTH);
  ipv4.setTos(view, at, 0);
  ipv4.setTotalLength(view, at, HEADERS + quote);
  ipv4.setIdentification(view, at, 0);
  ipv4.setFlagsAndFragmentOffset(view, at, ipv4.DONT_FRAGMENT);
  ipv4.setTtl(view, at, ipv4.ttl(view, ipAt));
  ipv4.setProtocol(view, at, IpProtocol.icmp);
  ipv4.setSrcIp(view, at, ipv4.dstIp(view, ipAt));
  ipv4.setDstIp(view, at, ipv4.srcIp(view, ipAt));
  ipv4.fillChecksum(view, at);
  const icmpAt = at + ipv4.HEADER_LENGTH;
  icmp.setType(view, icmpAt, icmp.IcmpType.destinationUnreachable);
  icmp.setCode(view, icmpAt, icmp.UnreachableCode.fragmentationNeeded);
  icmp.setRest(view, icmpAt, mtu);
  bytes.copyWithin(icmpAt + icmp.HEADER_LENGTH, ipAt, ipAt + quote);
  icmp.setChecksum(view, icmpAt, 0);
  icmp.setChecksum(view, icmpAt, complement(sum(view, icmpAt, reply.end)));
  return reply;
}

function mayBeAnswered(view: DataView, frame: Frame, ipAt: number): boolean {
  if (ethernet.etherType(view, frame.start) !== EtherType.ipv4) return false;
  if (frame.end - ipAt < ipv4.HEADER_LENGTH) return false;
  // "Don't fragment", and nothing else: no fragment.
  if (ipv4.flagsAndFragmentOffset(view, ipAt) !== ipv4.DONT_FRAGMENT) return false;
  const srcIp = ipv4.srcIp(view, ipAt);
  const dstIp = ipv4.dstIp(view, ipAt);
  if (dstIp === LIMITED_BROADCAST || isMulticastIp(dstIp) || isZeroNetIp(srcIp) || isLoopbackIp(srcIp)) return false;
  if (srcIp === LIMITED_BROADCAST || isMulticastIp(srcIp)) return false;
  if (ipv4.protocol(view, ipAt) !== IpProtocol.icmp) return true;
  const icmpAt = ipv4.payloadStart(view, ipAt);
  return icmpAt < frame.end && !icmp.isError(view, icmpAt);
}
