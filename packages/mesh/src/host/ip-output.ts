/**
 * The way out of a host (Linux net/ipv4/ip_output.c): output and postrouting hooks, fragments, the neighbor.
 *
 * Not modelled: multicast routing, IP options in fragments other than copied as they are into the first one.
 */
import { EtherType } from "@hopscope/codec/code-points";
import * as ethernet from "@hopscope/codec/ethernet";
import * as icmp from "@hopscope/codec/icmp";
import * as ipv4 from "@hopscope/codec/ipv4";
import { Checksum, type Frame } from "../frame.ts";
import type { Netns } from "../netns.ts";
import { Hook } from "../netfilter/hook.ts";
import { RouteType } from "../tables/route.ts";
import { DropReason } from "../trace/drop-reason.ts";
import { StepKind } from "../trace/step.ts";
import { xfrmOutput } from "../xfrm/esp-output.ts";
import { checksumHelp } from "./checksum-help.ts";
import { longestSegment, segment } from "./gso.ts";
import type { Dst } from "./route.ts";

/** Why a packet could not be sent: the error a program sees. */
export const SendError = {
  none: 0,
  /** ENETUNREACH */
  networkUnreachable: 1,
  /** EMSGSIZE */
  messageTooLong: 2,
  /** ENOBUFS */
  noBufferSpace: 3,
  /** EPERM: a rule has dropped it. */
  notPermitted: 4,
  /** EINVAL */
  invalid: 5,
} as const;
export type SendError = (typeof SendError)[keyof typeof SendError];

/** Linux __ip_local_out: a packet of this host's own, its way decided. Takes the frame. */
export function localOut(netns: Netns, frame: Frame, dst: Dst): SendError {
  frame.dst = dst;
  const { netfilter } = netns;
  if (netfilter === undefined) return transformed(netns, frame, dst);
  const { view } = netns.node.frames;
  const dstIp = ipv4.dstIp(view, frame.start + ethernet.HEADER_LENGTH);
  const { mark } = frame;
  const passed = netfilter.run(Hook.output, frame, undefined, dst.device);
  if (passed === undefined) return netfilter.hasDropped ? SendError.notPermitted : SendError.none;
  const at = passed.start + ethernet.HEADER_LENGTH;
  if (ipv4.dstIp(view, at) === dstIp && passed.mark === mark) return transformed(netns, passed, dst);
  // ip_route_me_harder: a rule has changed where it goes.
  const rerouted = netns.ipv4.lookup(ipv4.dstIp(view, at), ipv4.srcIp(view, at));
  if (rerouted === undefined) {
    netns.drop(passed, DropReason.IP_OUTNOROUTES);
    return SendError.networkUnreachable;
  }
  passed.dst = rerouted;
  return transformed(netns, passed, rerouted);
}

/**
 * The end of ip_route_me_harder and of ip_route_output_flow: a policy may want it transformed on its way. Takes the frame.
 * What is forwarded, and what NAT changes at postrouting, is not looked at again.
 */
function transformed(netns: Netns, frame: Frame, dst: Dst): SendError {
  if (netns.xfrm === undefined) return output(netns, frame, dst, false);
  const way = netns.xfrm.lookup(frame, dst);
  if (way === undefined) return SendError.networkUnreachable;
  frame.dst = way;
  return output(netns, frame, way, false);
}

/** Linux dst_output: ip_output, or ip_mc_output for what this host is to hear as well. */
export function output(netns: Netns, frame: Frame, dst: Dst, isForwarded: boolean): SendError {
  if (dst.isForHostToo) loopBack(netns, frame, dst);
  if (dst.type === RouteType.multicast && ttlOf(netns, frame) === 0) {
    netns.drop(frame, DropReason.IP_INHDR);
    return SendError.none;
  }
  const { netfilter } = netns;
  let passed: Frame | undefined = frame;
  if (netfilter !== undefined) {
    passed = netfilter.run(Hook.postrouting, frame, undefined, dst.device);
    if (passed === undefined) return netfilter.hasDropped ? SendError.notPermitted : SendError.none;
  }
  const way = passed.dst ?? dst;
  // xfrm4_output instead of ip_output: after the same hooks.
  if (way.xfrm !== undefined) return xfrmOutput(netns, passed, way.xfrm);
  return finish(netns, passed, way, isForwarded);
}

function ttlOf(netns: Netns, frame: Frame): number {
  return ipv4.ttl(netns.node.frames.view, frame.start + ethernet.HEADER_LENGTH);
}

/** Linux ip_mc_finish_output and dev_loopback_xmit: a copy of what goes to everybody or a group, for this host. */
function loopBack(netns: Netns, frame: Frame, dst: Dst): void {
  const { frames, softnet } = netns.node;
  let copy: Frame | undefined = frames.clone(frame);
  const { netfilter } = netns;
  if (netfilter !== undefined) {
    copy = netfilter.run(Hook.postrouting, copy, undefined, dst.device);
    if (copy === undefined) return;
  }
  copy.isLoopedBack = true;
  softnet.enqueue(dst.device, copy);
}

/** Linux __ip_finish_output: cuts what is too long, or says that it may not. */
function finish(netns: Netns, frame: Frame, dst: Dst, isForwarded: boolean): SendError {
  const { view } = netns.node.frames;
  const length = ipv4.totalLength(view, frame.start + ethernet.HEADER_LENGTH);
  if (frame.fragMaxSize === 0 && length <= dst.mtu && !netns.ipv4.routing.hasExceptions) return send(netns, frame, dst);
  const mtu = mtuFor(netns, dst, isForwarded);
  if (frame.gsoSize > 0) return finishGso(netns, frame, dst, mtu);
  if (length > mtu || frame.fragMaxSize > 0) return fragment(netns, frame, dst, mtu);
  return send(netns, frame, dst);
}

/** Linux ip_skb_dst_mtu: what others send does not profit from a path MTU that this host has learned. */
function mtuFor(netns: Netns, dst: Dst, isForwarded: boolean): number {
  const { now } = netns.node.softnet;
  const { routing } = netns.ipv4;
  return isForwarded && !routing.isMtuLocked(dst, now) ? dst.mtu : routing.mtuOf(dst, now);
}

/** Linux ip_finish_output_gso: a device cuts it, if what comes of that fits. */
function finishGso(netns: Netns, frame: Frame, dst: Dst, mtu: number): SendError {
  if (longestSegment(netns.node.frames, frame) <= mtu) return send(netns, frame, dst);
  let error: SendError = SendError.none;
  segment(netns, frame, (part) => {
    const result = fragment(netns, part, dst, mtu);
    if (result !== SendError.none) error = result;
  });
  return error;
}

/** Linux ip_fragment. Takes the frame. */
function fragment(netns: Netns, frame: Frame, dst: Dst, deviceMtu: number): SendError {
  const { view } = netns.node.frames;
  const at = frame.start + ethernet.HEADER_LENGTH;
  const length = ipv4.totalLength(view, at);
  if (length <= deviceMtu && frame.fragMaxSize === 0) return send(netns, frame, dst);
  // What came in pieces may go on in pieces, if none of them was longer than fits.
  const mayBeCut = frame.ignoresDf || frame.fragMaxSize > 0;
  if (ipv4.dontFragment(view, at) && (!mayBeCut || frame.fragMaxSize > deviceMtu)) {
    netns.icmp.error(frame, icmp.IcmpType.destinationUnreachable, icmp.UnreachableCode.fragmentationNeeded, deviceMtu);
    netns.drop(frame, DropReason.PKT_TOO_BIG);
    return SendError.messageTooLong;
  }
  return cut(netns, frame, deviceMtu, (part) => {
    send(netns, part, dst);
  });
}

/** Linux ip_do_fragment: calls `visit` with each fragment in order, who takes it. Takes the frame. */
export function cut(netns: Netns, frame: Frame, deviceMtu: number, visit: (part: Frame) => void): SendError {
  const { frames, recorder } = netns.node;
  const { view } = frames;
  if (frame.csum === Checksum.partial && !(frames.own(frame) && checksumHelp(frames, frame))) {
    netns.drop(frame, DropReason.NOMEM);
    return SendError.noBufferSpace;
  }
  const at = frame.start + ethernet.HEADER_LENGTH;
  const length = ipv4.totalLength(view, at);
  const mtu = frame.fragMaxSize > 0 && frame.fragMaxSize < deviceMtu ? frame.fragMaxSize : deviceMtu;
  const pieces = piecesOf(frame, length - ipv4.headerLength(view, at), mtu - ipv4.headerLength(view, at));
  recorder.step(frame, StepKind.fragment, pieces.length, mtu);
  const error = visitPieces(netns, frame, pieces, visit);
  frames.free(frame);
  return error;
}

/** Payload bytes of each fragment: as they came if that still fits (the frag_list of ip_do_fragment), else all full. */
function piecesOf(frame: Frame, payload: number, room: number): readonly number[] {
  const { pieces } = frame;
  if (pieces !== undefined && pieces.every((piece) => piece <= room)) return pieces;
  const full = room & ~7;
  const made: number[] = [];
  let left = payload;
  while (left > room) {
    made.push(full);
    left -= full;
  }
  made.push(left);
  return made;
}

function visitPieces(netns: Netns, frame: Frame, pieces: readonly number[], visit: (part: Frame) => void): SendError {
  const { frames } = netns.node;
  const { view, bytes } = frames;
  const at = frame.start + ethernet.HEADER_LENGTH;
  const headerLength = ipv4.headerLength(view, at);
  const word = ipv4.flagsAndFragmentOffset(view, at);
  const more = word & ipv4.MORE_FRAGMENTS;
  let offset = (word & ipv4.FRAGMENT_OFFSET_MASK) << 3;
  let from = at + headerLength;
  // IPSKB_FRAG_PMTU: only a packet that came in pieces still has the bit here.
  const flags = frame.fragMaxSize > 0 ? word & ipv4.DONT_FRAGMENT : 0;
  for (const [index, piece] of pieces.entries()) {
    const part = frames.allocate(ethernet.HEADER_LENGTH + headerLength + piece);
    if (part === undefined) {
      netns.drop(frames.clone(frame), DropReason.NOMEM);
      return SendError.noBufferSpace;
    }
    frames.copyMetadata(part, frame);
    const partAt = part.start + ethernet.HEADER_LENGTH;
    bytes.copyWithin(part.start, frame.start, at + headerLength);
    bytes.copyWithin(partAt + headerLength, from, from + piece);
    const isLast = index === pieces.length - 1;
    ipv4.setTotalLength(view, partAt, headerLength + piece);
    ipv4.setFlagsAndFragmentOffset(view, partAt, flags | (isLast ? more : ipv4.MORE_FRAGMENTS) | (offset >> 3));
    ipv4.fillChecksum(view, partAt);
    offset += piece;
    from += piece;
    visit(part);
  }
  return SendError.none;
}

/** Linux ip_finish_output2: to the neighbor. */
function send(netns: Netns, frame: Frame, dst: Dst): SendError {
  const { frames, recorder } = netns.node;
  const { view } = frames;
  const { device, type } = dst;
  const dstIp = ipv4.dstIp(view, frame.start + ethernet.HEADER_LENGTH);
  recorder.step(frame, StepKind.route, dstIp, device.point);
  if (!frames.own(frame)) {
    netns.drop(frame, DropReason.NOMEM);
    return SendError.noBufferSpace;
  }
  frame.fragMaxSize = 0;
  frame.pieces = undefined;
  if (device === netns.loopback) {
    // What leaves by the loopback device has an Ethernet header of zeros and the type.
    const { start } = frame;
    ethernet.setDstMac(view, start, 0);
    ethernet.setSrcMac(view, start, 0);
    ethernet.setEtherType(view, start, EtherType.ipv4);
    device.transmit(frame);
  } else if (type === RouteType.unicast) netns.arp.output(device, dst.nextHop, frame);
  else if (type === RouteType.multicast) netns.arp.multicast(device, dstIp, frame);
  else netns.arp.broadcast(device, frame);
  return SendError.none;
}
