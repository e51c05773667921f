/**
 * The way into a host (Linux net/ipv4/ip_input.c): checks, prerouting and input hooks, to the protocol above.
 *
 * Not modelled: IP options, raw sockets other than ping's, early demux.
 */
import { IpProtocol } from "@hopscope/codec/code-points";
import * as ethernet from "@hopscope/codec/ethernet";
import * as icmp from "@hopscope/codec/icmp";
import * as ipv4 from "@hopscope/codec/ipv4";
import { Status } from "@hopscope/codec/status";
import type { NetDevice } from "../device.ts";
import type { Frame } from "../frame.ts";
import type { Netns } from "../netns.ts";
import { Hook } from "../netfilter/hook.ts";
import { DropReason } from "../trace/drop-reason.ts";
import { xfrmInput } from "../xfrm/esp-input.ts";
import { forward } from "./ip-forward.ts";
import { type Dst, DstInput } from "./route.ts";

/** Linux ip_rcv: looks at the header, then it is prerouting's. Takes the frame. */
export function receive(netns: Netns, device: NetDevice, frame: Frame): void {
  const { frames } = netns.node;
  const { view } = frames;
  const { start } = frame;
  const at = start + ethernet.HEADER_LENGTH;
  if (!frame.isLoopedBack) {
    // PACKET_OTHERHOST: a copy that a bridge flooded. The loopback device has no addresses to compare.
    const isForHost =
      (ethernet.dstMacLow(view, start) === device.macLow && ethernet.dstMacHigh(view, start) === device.macHigh) ||
      (frame.isForBridge && device.isPromiscuous);
    if (!isForHost && !ethernet.isToGroup(view, start)) return netns.drop(frame, DropReason.OTHERHOST);
  }
  const status = ipv4.check(view, at, frame.end);
  if (status !== Status.ok) {
    const isCut = status === Status.truncated && frame.end - at >= ipv4.HEADER_LENGTH;
    return netns.drop(frame, isCut ? DropReason.PKT_TOO_SMALL : DropReason.IP_INHDR);
  }
  if (!ipv4.isChecksumValid(view, at)) return netns.drop(frame, DropReason.IP_CSUM);
  // What pads the frame is none of the packet's (pskb_trim_rcsum).
  frame.end = ipv4.payloadEnd(view, at, frame.end);
  frame.fragMaxSize = 0;
  prerouting(netns, device, frame);
}

/** The first hook, and what follows it. Takes the frame. */
function prerouting(netns: Netns, device: NetDevice, frame: Frame): void {
  const { netfilter } = netns;
  if (netfilter === undefined) return finish(netns, device, frame);
  const passed = netfilter.run(Hook.prerouting, frame, device, undefined);
  if (passed !== undefined) finish(netns, device, passed);
}

/** Linux ip_rcv_finish: what is to become of it. Takes the frame. */
function finish(netns: Netns, device: NetDevice, frame: Frame): void {
  const { view } = netns.node.frames;
  const at = frame.start + ethernet.HEADER_LENGTH;
  let { dst } = frame;
  // What a host sends to itself has its route already (skb_valid_dst).
  if (dst === undefined) {
    dst = netns.ipv4.routing.input(device, ipv4.srcIp(view, at), ipv4.dstIp(view, at));
    frame.dst = dst;
  }
  switch (dst.input) {
    case DstInput.deliver:
      return deliver(netns, device, frame);
    case DstInput.forward:
      return forward(netns, device, frame, dst);
    case DstInput.unreachable:
      return unreachable(netns, frame, dst);
    case DstInput.refuse:
      return netns.drop(frame, dst.reason);
  }
}

/** Linux ip_error: nobody knows a way. A router says so, not too often. */
function unreachable(netns: Netns, frame: Frame, dst: Dst): void {
  if (netns.forwarding) netns.icmp.routeError(frame, dst.code);
  netns.drop(frame, dst.reason);
}

/** Linux ip_local_deliver and ip_local_deliver_finish: to the protocol above. Takes the frame. */
function deliver(netns: Netns, device: NetDevice, received: Frame): void {
  const { view } = netns.node.frames;
  let frame: Frame | undefined = received;
  if (ipv4.isFragment(view, frame.start + ethernet.HEADER_LENGTH)) {
    frame = netns.ipv4.fragments.add(frame, device);
    if (frame === undefined) return;
  }
  const { netfilter } = netns;
  if (netfilter !== undefined) {
    frame = netfilter.run(Hook.input, frame, device, undefined);
    if (frame === undefined) return;
  }
  const at = frame.start + ethernet.HEADER_LENGTH;
  switch (ipv4.protocol(view, at)) {
    case IpProtocol.icmp:
      return netns.icmp.receive(frame, at);
    case IpProtocol.udp:
      return netns.udp.receive(frame, at, device);
    case IpProtocol.tcp:
      return netns.tcp.receive(frame, at, device);
    case IpProtocol.igmp:
      return netns.igmp.receive(device, frame, at);
    case IpProtocol.esp:
      if (netns.xfrm === undefined) return unknownProtocol(netns, frame);
      // What was inside begins anew (xfrm4_transport_finish).
      if (xfrmInput(netns, frame, at)) prerouting(netns, device, frame);
      return;
    default:
      unknownProtocol(netns, frame);
  }
}

function unknownProtocol(netns: Netns, frame: Frame): void {
  netns.icmp.error(frame, icmp.IcmpType.destinationUnreachable, icmp.UnreachableCode.protocol, 0);
  netns.drop(frame, DropReason.IP_NOPROTO);
}
