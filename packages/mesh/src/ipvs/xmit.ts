/**
 * How IPVS sends a packet on to its real server (Linux net/netfilter/ipvs/ip_vs_xmit.c): with another destination, or as
 * it is to another neighbor. As a router it takes one off the TTL, and says so if a packet does not fit.
 *
 * Not modelled: tunnels, bypass.
 */
import * as ethernet from "@hopscope/codec/ethernet";
import * as icmp from "@hopscope/codec/icmp";
import * as ipv4 from "@hopscope/codec/ipv4";
import { Checksum, type Frame } from "../frame.ts";
import { localOut } from "../host/ip-output.ts";
import { isLoopbackIp } from "../host/ipv4-address.ts";
import { type Dst, DstInput } from "../host/route.ts";
import type { Netns } from "../netns.ts";
import { Hook } from "../netfilter/hook.ts";
import { Manip, manipulate } from "../netfilter/nat-manip.ts";
import type { Netfilter } from "../netfilter/netfilter.ts";
import { RouteType } from "../tables/route.ts";
import { DropReason } from "../trace/drop-reason.ts";
import { StepKind } from "../trace/step.ts";
import type { IpVsConn } from "./conn.ts";
import { notrack, updateConntrack } from "./nfct.ts";

/** ICMP's code of "time exceeded" on the way (RFC 792). */
const TTL_EXCEEDED = 0;

/** Sends a request to its real server: the frame if that is this host, whose stack goes on with it; else it is taken. */
export function transmit(netfilter: Netfilter, frame: Frame, conn: IpVsConn): Frame | undefined {
  switch (conn.forwarding) {
    case "masq":
      return natXmit(netfilter, frame, conn);
    case "droute":
      return drXmit(netfilter, frame, conn);
    case "local":
      // ip_vs_null_xmit
      frame.ipvsProperty = true;
      if (!conn.usesConntrack) notrack(frame);
      return frame;
  }
}

/** Linux ip_vs_nat_xmit. */
function natXmit(netfilter: Netfilter, frame: Frame, conn: IpVsConn): Frame | undefined {
  const { netns } = netfilter;
  const { frames, recorder } = netns.node;
  const way = wayOut(netfilter, frame, conn, true, false);
  if (way === undefined) return undefined;
  const isLocal = way.type === RouteType.local;
  if (!frames.own(frame)) return netfilter.drop(frame, DropReason.NOMEM);
  const ipAt = frame.start + ethernet.HEADER_LENGTH;
  const isPartial = frame.csum === Checksum.partial;
  manipulate(frames.view, ipAt, frame.end, Manip.dst, conn.destIp, conn.destPort, isPartial);
  recorder.step(frame, StepKind.translateDst, conn.destIp, conn.destPort);
  return sendTranslated(netfilter, frame, conn, isLocal ? undefined : way);
}

/** Linux ip_vs_nat_send_or_cont: on by `way`, or, undefined, to the local stack. */
export function sendTranslated(
  netfilter: Netfilter,
  frame: Frame,
  conn: IpVsConn,
  way: Dst | undefined,
): Frame | undefined {
  frame.ipvsProperty = true;
  if (conn.usesConntrack) updateConntrack(frame, conn, true);
  else notrack(frame);
  if (way === undefined) return frame;
  send(netfilter, frame, way);
  return undefined;
}

/** Linux ip_vs_dr_xmit. */
function drXmit(netfilter: Netfilter, frame: Frame, conn: IpVsConn): Frame | undefined {
  const way = wayOut(netfilter, frame, conn, false, false);
  if (way === undefined) return undefined;
  // ip_vs_send_or_cont
  frame.ipvsProperty = true;
  if (!conn.usesConntrack) notrack(frame);
  if (way.type === RouteType.local) return frame;
  send(netfilter, frame, way);
  return undefined;
}

function send(netfilter: Netfilter, frame: Frame, way: Dst): void {
  // "Another hack: avoid icmp_send in ip_fragment."
  frame.ignoresDf = true;
  localOut(netfilter.netns, frame, way);
  // Whatever became of it, this hook's packet is not dropped but stolen.
  netfilter.hasDropped = false;
}

/**
 * Linux __ip_vs_get_out_rt: the way to the real server, the packet made ready for it; undefined: the packet is no more.
 * `mayRedirect`: the packet may end here though it was for somewhere else.
 */
export function wayOut(
  netfilter: Netfilter,
  frame: Frame,
  conn: IpVsConn,
  mayRedirect: boolean,
  isIcmp: boolean,
): Dst | undefined {
  const { netns } = netfilter;
  const { frames } = netns.node;
  const { view } = frames;
  const ipAt = frame.start + ethernet.HEADER_LENGTH;
  const way = conn.dest.way(netns);
  if (way === undefined) {
    netns.icmp.error(frame, icmp.IcmpType.destinationUnreachable, icmp.UnreachableCode.host, 0);
    return netfilter.drop(frame, DropReason.IP_OUTNOROUTES);
  }
  const srcIp = ipv4.srcIp(view, ipAt);
  if (way.type === RouteType.local) {
    // crosses_local_route_boundary
    const wasLocal = frame.dst!.type === RouteType.local;
    if (!mayRedirect && !wasLocal) return netfilter.drop(frame, DropReason.IPVS_LOCAL_BOUNDARY);
    const wasInput = frame.dst!.input === DstInput.deliver && frame.dst!.isForHostToo;
    if (isLoopbackIp(conn.destIp) && wasInput) return netfilter.drop(frame, DropReason.IPVS_LOCAL_BOUNDARY);
    return way;
  }
  if (isLoopbackIp(srcIp)) return netfilter.drop(frame, DropReason.IPVS_LOCAL_BOUNDARY);
  if (ipv4.ttl(view, ipAt) <= 1) {
    netns.icmp.error(frame, icmp.IcmpType.timeExceeded, TTL_EXCEEDED, 0);
    return netfilter.drop(frame, DropReason.IP_INHDR);
  }
  if (!frames.own(frame)) return netfilter.drop(frame, DropReason.NOMEM);
  ipv4.decreaseTtl(view, frame.start + ethernet.HEADER_LENGTH);
  // Its sender reads the TTL that is left (recording r3).
  if (!isIcmp && exceedsMtu(netns, frame, way)) return netfilter.drop(frame, DropReason.PKT_TOO_BIG);
  return way;
}

/** Linux ensure_mtu_is_adequate: true if the packet is too long, of which its sender has been told. */
function exceedsMtu(netns: Netns, frame: Frame, way: Dst): boolean {
  const { view } = netns.node.frames;
  const ipAt = frame.start + ethernet.HEADER_LENGTH;
  if (frame.gsoSize > 0 || !ipv4.dontFragment(view, ipAt)) return false;
  const { routing } = netns.ipv4;
  const mtu = routing.hasExceptions ? routing.mtuOf(way, netns.node.softnet.now) : way.mtu;
  if (ipv4.totalLength(view, ipAt) <= mtu) return false;
  netns.icmp.error(frame, icmp.IcmpType.destinationUnreachable, icmp.UnreachableCode.fragmentationNeeded, mtu);
  return true;
}

/**
 * Linux ip_vs_route_me_harder (net.ipv4.vs.snat_reroute): an answer goes the way of what this host sends from the virtual
 * address. False: there is no way, and the frame is no more.
 */
export function reroute(netfilter: Netfilter, frame: Frame, hook: Hook): boolean {
  if (hook === Hook.input || frame.dst?.type === RouteType.local) return true;
  const { netns } = netfilter;
  const { view } = netns.node.frames;
  const ipAt = frame.start + ethernet.HEADER_LENGTH;
  const way = netns.ipv4.lookup(ipv4.dstIp(view, ipAt), ipv4.srcIp(view, ipAt));
  if (way === undefined) {
    netfilter.drop(frame, DropReason.IP_OUTNOROUTES);
    return false;
  }
  frame.dst = way;
  return true;
}
