/**
 * A router's work on a packet (RFC 1812; Linux net/ipv4/ip_forward.c).
 *
 * Not modelled: redirects (no recording has a case where one would be sent), source routes, router alert.
 */
import * as ethernet from "@hopscope/codec/ethernet";
import * as icmp from "@hopscope/codec/icmp";
import * as ipv4 from "@hopscope/codec/ipv4";
import type { NetDevice } from "../device.ts";
import type { Frame } from "../frame.ts";
import type { Netns } from "../netns.ts";
import { Hook } from "../netfilter/hook.ts";
import { DropReason } from "../trace/drop-reason.ts";
import { longestSegment } from "./gso.ts";
import { output } from "./ip-output.ts";
import type { Dst } from "./route.ts";

/** net.ipv4.ip_forward: `frame` came in by `device` and goes on by `dst`. Takes it. */
export function forward(netns: Netns, device: NetDevice, frame: Frame, dst: Dst): void {
  const { frames, softnet } = netns.node;
  const { view } = frames;
  // PACKET_HOST only: what was for everybody on one link is not for somebody on another.
  if (ethernet.isToGroup(view, frame.start)) return netns.drop(frame, DropReason.IP_INADDRERRORS);
  const at = frame.start + ethernet.HEADER_LENGTH;
  if (ipv4.ttl(view, at) <= 1) {
    netns.icmp.error(frame, icmp.IcmpType.timeExceeded, TTL_EXCEEDED, 0);
    return netns.drop(frame, DropReason.IP_INHDR);
  }
  // ip_dst_mtu_maybe_forward: the device's MTU, whatever this host has learned for its own packets.
  const { routing } = netns.ipv4;
  const isLocked = routing.hasExceptions && routing.isMtuLocked(dst, softnet.now);
  const mtu = isLocked ? routing.mtuOf(dst, softnet.now) : dst.mtu;
  if (ipv4.totalLength(view, at) > mtu && exceedsMtu(netns, frame, at, mtu)) {
    netns.icmp.error(frame, icmp.IcmpType.destinationUnreachable, icmp.UnreachableCode.fragmentationNeeded, mtu);
    return netns.drop(frame, DropReason.PKT_TOO_BIG);
  }
  if (!frames.own(frame)) return netns.drop(frame, DropReason.NOMEM);
  ipv4.decreaseTtl(view, frame.start + ethernet.HEADER_LENGTH);
  const { netfilter } = netns;
  if (netfilter === undefined) output(netns, frame, dst, true);
  else {
    const passed = netfilter.run(Hook.forward, frame, device, dst.device);
    if (passed !== undefined) output(netns, passed, passed.dst ?? dst, true);
  }
}

/** ICMP's code of "time exceeded" on the way (RFC 792). */
const TTL_EXCEEDED = 0;

/** Linux ip_exceeds_mtu, for a packet that is longer than the MTU. */
function exceedsMtu(netns: Netns, frame: Frame, at: number, mtu: number): boolean {
  const { frames } = netns.node;
  if (!ipv4.dontFragment(frames.view, at)) return false;
  if (frame.fragMaxSize > mtu) return true;
  // Put together here, of pieces that were small enough (skb->ignore_df).
  if (frame.fragMaxSize > 0) return false;
  return !(frame.gsoSize > 0 && longestSegment(frames, frame) <= mtu);
}
