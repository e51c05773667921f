/**
 * ICMP errors about connections of IPVS (Linux net/netfilter/ipvs/ip_vs_core.c: ip_vs_in_icmp, ip_vs_out_icmp;
 * ip_vs_icmp_xmit): whom they are for knows the connection by other addresses, and so does the packet that they quote.
 * Everything else of ICMP passes: a virtual address answers a ping itself.
 *
 * Not modelled: errors about tunnels, net.ipv4.vs.schedule_icmp.
 */
import { IpProtocol } from "@hopscope/codec/code-points";
import * as ethernet from "@hopscope/codec/ethernet";
import * as icmp from "@hopscope/codec/icmp";
import * as ipv4 from "@hopscope/codec/ipv4";
import type { Frame } from "../frame.ts";
import { Hook } from "../netfilter/hook.ts";
import { isChecksumRight } from "../netfilter/ip-checksum.ts";
import { Manip, manipulateAddress } from "../netfilter/nat-manip.ts";
import type { Netfilter } from "../netfilter/netfilter.ts";
import { RouteType } from "../tables/route.ts";
import { DropReason } from "../trace/drop-reason.ts";
import { StepKind } from "../trace/step.ts";
import type { IpVsConn } from "./conn.ts";
import type { IpVs } from "./ip-vs.ts";
import { notrack, updateConntrack } from "./nfct.ts";
import { reroute, sendTranslated, transmit, wayOut } from "./xmit.ts";

/** What became of a packet of ICMP. */
export const Related = {
  /** It is about no connection of IPVS. */
  none: 0,
  /** It goes on its way, translated. */
  passes: 1,
  /** Sent on, or dropped. */
  taken: 2,
} as const;
export type Related = (typeof Related)[keyof typeof Related];

/** Bytes of a quoted transport header that say whose it is. */
const PORTS_LENGTH = 4;

/** Linux ip_vs_in_icmp: an error of a client's side, about an answer. */
export function relatedRequest(ipvs: IpVs, netfilter: Netfilter, frame: Frame, hook: Hook): Related {
  const { netns } = netfilter;
  const { view } = netns.node.frames;
  const quotedAt = quoteOf(view, frame);
  if (quotedAt < 0) return Related.none;
  const portsAt = ipv4.payloadStart(view, quotedAt);
  // It quotes what went to the client.
  const conn = ipvs.connectionTable.findIn(
    ipv4.protocol(view, quotedAt),
    ipv4.dstIp(view, quotedAt),
    view.getUint16(portsAt + 2),
    ipv4.srcIp(view, quotedAt),
    view.getUint16(portsAt),
  );
  if (conn === undefined) return Related.none;
  const ipAt = frame.start + ethernet.HEADER_LENGTH;
  if (!hasRightChecksum(view, frame, ipAt)) {
    netfilter.drop(frame, DropReason.ICMP_CSUM);
    return Related.taken;
  }
  ipvs.countIn(conn.dest, ipv4.totalLength(view, ipAt));
  netns.node.recorder.step(frame, StepKind.ipvsRelated, conn.destIp, 0);
  return icmpXmit(netfilter, frame, conn, hook) === undefined ? Related.taken : Related.passes;
}

/** Linux ip_vs_icmp_xmit. */
function icmpXmit(netfilter: Netfilter, frame: Frame, conn: IpVsConn, hook: Hook): Frame | undefined {
  if (conn.forwarding !== "masq") return transmit(netfilter, frame, conn);
  const { frames } = netfilter.netns.node;
  const way = wayOut(netfilter, frame, conn, hook !== Hook.forward, true);
  if (way === undefined) return undefined;
  if (!frames.own(frame)) return netfilter.drop(frame, DropReason.NOMEM);
  translate(frames.view, frame, conn, false);
  netfilter.netns.node.recorder.step(frame, StepKind.translateDst, conn.destIp, conn.destPort);
  return sendTranslated(netfilter, frame, conn, way.type === RouteType.local ? undefined : way);
}

/** Linux ip_vs_out_icmp and handle_response_icmp: an error of a real server's side, about a request. */
export function relatedReply(ipvs: IpVs, netfilter: Netfilter, frame: Frame, hook: Hook): Related {
  const { frames, recorder } = netfilter.netns.node;
  const { view } = frames;
  const quotedAt = quoteOf(view, frame);
  if (quotedAt < 0) return Related.none;
  const portsAt = ipv4.payloadStart(view, quotedAt);
  const conn = ipvs.connectionTable.findOut(
    ipv4.protocol(view, quotedAt),
    ipv4.srcIp(view, quotedAt),
    view.getUint16(portsAt),
    ipv4.dstIp(view, quotedAt),
    view.getUint16(portsAt + 2),
  );
  if (conn === undefined) return Related.none;
  if (conn.forwarding === "masq") {
    if (!hasRightChecksum(view, frame, frame.start + ethernet.HEADER_LENGTH)) {
      netfilter.drop(frame, DropReason.ICMP_CSUM);
      return Related.taken;
    }
    if (!frames.own(frame)) {
      netfilter.drop(frame, DropReason.NOMEM);
      return Related.taken;
    }
    translate(view, frame, conn, true);
    recorder.step(frame, StepKind.ipvsReply, conn.virtualIp, conn.virtualPort);
    if (!reroute(netfilter, frame, hook)) return Related.taken;
  }
  ipvs.countOut(conn.dest, ipv4.totalLength(view, frame.start + ethernet.HEADER_LENGTH));
  frame.ipvsProperty = true;
  if (conn.usesConntrack) updateConntrack(frame, conn, false);
  else notrack(frame);
  return Related.passes;
}

/** Where the packet is that an error quotes, with its ports; -1: it is no such error, or quotes too little. */
function quoteOf(view: DataView, frame: Frame): number {
  const ipAt = frame.start + ethernet.HEADER_LENGTH;
  const at = ipv4.payloadStart(view, ipAt);
  if (at + icmp.HEADER_LENGTH > frame.end || ipv4.isFragment(view, ipAt)) return -1;
  switch (icmp.type(view, at)) {
    case icmp.IcmpType.destinationUnreachable:
    case icmp.IcmpType.sourceQuench:
    case icmp.IcmpType.timeExceeded:
      break;
    default:
      return -1;
  }
  const quotedAt = icmp.quoteStart(view, at);
  if (quotedAt + ipv4.HEADER_LENGTH > frame.end || ipv4.version(view, quotedAt) !== 4) return -1;
  const protocol = ipv4.protocol(view, quotedAt);
  if (protocol !== IpProtocol.tcp && protocol !== IpProtocol.udp) return -1;
  if (ipv4.fragmentOffsetUnits(view, quotedAt) !== 0) return -1;
  return ipv4.payloadStart(view, quotedAt) + PORTS_LENGTH > frame.end ? -1 : quotedAt;
}

function hasRightChecksum(view: DataView, frame: Frame, ipAt: number): boolean {
  return isChecksumRight(view, ipAt, ipv4.payloadStart(view, ipAt), ipv4.payloadEnd(view, ipAt, frame.end));
}

/** Linux ip_vs_nat_icmp. The quoted packet went the other way. */
function translate(view: DataView, frame: Frame, conn: IpVsConn, isReply: boolean): void {
  const ipAt = frame.start + ethernet.HEADER_LENGTH;
  const at = ipv4.payloadStart(view, ipAt);
  const quotedAt = icmp.quoteStart(view, at);
  const portsAt = ipv4.payloadStart(view, quotedAt);
  if (isReply) {
    manipulateAddress(view, ipAt, Manip.src, conn.virtualIp);
    manipulateAddress(view, quotedAt, Manip.dst, conn.virtualIp);
    view.setUint16(portsAt + 2, conn.virtualPort);
  } else {
    manipulateAddress(view, ipAt, Manip.dst, conn.destIp);
    manipulateAddress(view, quotedAt, Manip.src, conn.destIp);
    view.setUint16(portsAt, conn.destPort);
  }
  icmp.fillChecksum(view, at, ipv4.payloadEnd(view, ipAt, frame.end));
}
