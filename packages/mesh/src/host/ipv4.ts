/**
 * A host's IPv4: receive, deliver, send (Linux net/ipv4/ip_input.c, ip_output.c, route.c).
 *
 * Not modelled yet: forwarding between devices, fragmentation and reassembly, options, multicast, rp_filter.
 */
import { isGroupMac } from "@hopscope/codec/address";
import { complement, sum } from "@hopscope/codec/checksum";
import { EtherType, IpProtocol } from "@hopscope/codec/code-points";
import * as ethernet from "@hopscope/codec/ethernet";
import * as ipv4 from "@hopscope/codec/ipv4";
import { Status } from "@hopscope/codec/status";
import type { NetDevice } from "../device.ts";
import type { Frame } from "../frame.ts";
import type { Netns } from "../netns.ts";
import { Hook } from "../netfilter/hook.ts";
import { RouteType } from "../tables/route.ts";
import { DropReason } from "../trace/drop-reason.ts";
import { StepKind } from "../trace/step.ts";
import { IpFragments } from "./ip-fragment.ts";
import { type Dst, DstInput, Routing } from "./route.ts";

/** Whether a packet may be cut on its way: a socket's IP_MTU_DISCOVER (include/uapi/linux/in.h). */
export const PmtuDiscovery = {
  /** Anybody may cut it. */
  dont: 0,
  /** The sender may, others not: "don't fragment" on what fits. Linux' default. */
  want: 1,
  /** Nobody may. */
  do: 2,
} as const;
export type PmtuDiscovery = (typeof PmtuDiscovery)[keyof typeof PmtuDiscovery];

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

export class Ipv4 {
  readonly routing: Routing;
  readonly fragments: IpFragments;
  readonly #netns: Netns;
  /** This namespace's key for choosing identifications (net->ipv4.ip_id_key). */
  readonly #identificationKey: number;

  constructor(netns: Netns) {
    this.#netns = netns;
    this.routing = new Routing(netns);
    this.fragments = new IpFragments(netns);
    this.#identificationKey = netns.node.random.int32();
  }

  /**
   * A packet with its IPv4 header and `length` bytes behind it that are still to be written (Linux __ip_make_skb), or
   * undefined if memory is used up or the packet does not fit. `identification`: default the host's next one.
   */
  make(
    protocol: number,
    srcIp: number,
    dstIp: number,
    length: number,
    tos: number,
    ttl: number,
    pmtuDiscovery: PmtuDiscovery,
    identification?: number,
  ): Frame | undefined {
    const { frames } = this.#netns.node;
    const { view } = frames;
    const frame = frames.allocate(ethernet.HEADER_LENGTH + ipv4.HEADER_LENGTH + length);
    if (frame === undefined) return undefined;
    const start = frames.start(frame);
    const at = start + ethernet.HEADER_LENGTH;
    // What leaves by the loopback device has an Ethernet header of zeros and the type.
    ethernet.setDstMac(view, start, 0);
    ethernet.setSrcMac(view, start, 0);
    ethernet.setEtherType(view, start, EtherType.ipv4);
    ipv4.setHeaderLength(view, at, ipv4.HEADER_LENGTH);
    ipv4.setTos(view, at, tos);
    ipv4.setTotalLength(view, at, ipv4.HEADER_LENGTH + length);
    ipv4.setIdentification(view, at, identification ?? this.#identificationFor(pmtuDiscovery, srcIp, dstIp, protocol));
    ipv4.setFlagsAndFragmentOffset(view, at, pmtuDiscovery === PmtuDiscovery.dont ? 0 : ipv4.DONT_FRAGMENT);
    ipv4.setTtl(view, at, ttl);
    ipv4.setProtocol(view, at, protocol);
    ipv4.setSrcIp(view, at, srcIp);
    ipv4.setDstIp(view, at, dstIp);
    ipv4.setHeaderChecksum(view, at, 0);
    ipv4.setHeaderChecksum(view, at, complement(sum(view, at, at + ipv4.HEADER_LENGTH)));
    return frame;
  }

  /** What nobody may cut needs no identification (ip_select_ident). */
  #identificationFor(pmtuDiscovery: PmtuDiscovery, srcIp: number, dstIp: number, protocol: number): number {
    return pmtuDiscovery === PmtuDiscovery.do ? 0 : this.nextIdentification(srcIp, dstIp, protocol);
  }

  /** The identification of the next packet between the two (Linux __ip_select_ident). */
  nextIdentification(srcIp: number, dstIp: number, protocol: number): number {
    const { identification, softnet } = this.#netns.node;
    return identification.next(srcIp, dstIp, protocol, this.#identificationKey, softnet.now);
  }

  /** Linux ip_rcv: looks at the header, then it is prerouting's. */
  receive(device: NetDevice, frame: Frame): void {
    const netns = this.#netns;
    const { frames } = netns.node;
    const { view } = frames;
    const { start, end } = frame;
    const at = start + ethernet.HEADER_LENGTH;
    const dstMac = ethernet.dstMac(view, start);
    // PACKET_OTHERHOST: a copy that a bridge flooded. The loopback device has no addresses to compare.
    if (dstMac !== device.mac && !isGroupMac(dstMac)) return netns.drop(frame, DropReason.OTHERHOST);
    const status = ipv4.check(view, at, end);
    if (status !== Status.ok) {
      const isCut = status === Status.truncated && end - at >= ipv4.HEADER_LENGTH;
      return netns.drop(frame, isCut ? DropReason.PKT_TOO_SMALL : DropReason.IP_INHDR);
    }
    if (!ipv4.isChecksumValid(view, at)) return netns.drop(frame, DropReason.IP_CSUM);
    const { netfilter } = netns;
    let passed: Frame | undefined = frame;
    if (netfilter !== undefined) {
      passed = netfilter.run(Hook.prerouting, frame, device, undefined);
      if (passed === undefined) return;
    }
    this.#receiveFinish(device, passed);
  }

  /** Linux ip_rcv_finish: what is to become of it. */
  #receiveFinish(device: NetDevice, frame: Frame): void {
    const netns = this.#netns;
    const { view } = netns.node.frames;
    const at = frame.start + ethernet.HEADER_LENGTH;
    let { dst } = frame;
    // What a host sends to itself has its route already (skb_valid_dst).
    if (dst === undefined) {
      dst = this.routing.input(device, ipv4.srcIp(view, at), ipv4.dstIp(view, at));
      frame.dst = dst;
    }
    switch (dst.input) {
      case DstInput.deliver:
        return this.#deliver(device, frame);
      case DstInput.forward:
        // Still to come.
        return netns.drop(frame, DropReason.IP_INADDRERRORS);
      default:
        return netns.drop(frame, dst.reason);
    }
  }

  /** Linux ip_local_deliver and ip_local_deliver_finish: to the protocol above. */
  #deliver(device: NetDevice, received: Frame): void {
    const netns = this.#netns;
    const { view } = netns.node.frames;
    let frame: Frame | undefined = received;
    if (ipv4.isFragment(view, frame.start + ethernet.HEADER_LENGTH)) {
      frame = this.fragments.add(frame);
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
        return netns.udp.receive(frame, at);
      default:
        return netns.drop(frame, DropReason.IP_NOPROTO);
    }
  }

  /** Linux ip_route_output_key: see {@link Routing.lookup}. */
  lookup(dstIp: number, srcIp: number = 0, device?: NetDevice): Dst | undefined {
    return this.routing.lookup(dstIp, srcIp, device);
  }

  /** Bytes of the longest packet on that way, a path MTU that was learned counted in. */
  mtuOf(dst: Dst, now: number): number {
    return this.routing.mtuOf(dst, now);
  }

  /** Somebody on the way to `dstIp` takes packets of `mtu` bytes only: believed for ten minutes. */
  updatePmtu(dstIp: number, mtu: number): void {
    this.routing.updatePmtu(dstIp, mtu, this.#netns.node.softnet.now);
  }

  /**
   * Linux ip_local_out: sends the packet behind the 14 bytes left for the Ethernet header. Takes the frame, also when
   * it answers with an error.
   */
  output(frame: Frame, dst?: Dst): SendError {
    const netns = this.#netns;
    const { view } = netns.node.frames;
    const at = frame.start + ethernet.HEADER_LENGTH;
    if (dst === undefined || !this.routing.isValid(dst)) {
      const found = this.routing.lookup(ipv4.dstIp(view, at), ipv4.srcIp(view, at));
      if (found === undefined) {
        netns.drop(frame, DropReason.IP_OUTNOROUTES);
        return SendError.networkUnreachable;
      }
      frame.dst = found;
    } else frame.dst = dst;
    const { netfilter } = netns;
    let passed: Frame | undefined = frame;
    if (netfilter !== undefined) {
      const dstIp = ipv4.dstIp(view, at);
      const { mark } = frame;
      passed = netfilter.run(Hook.output, frame, undefined, frame.dst.device);
      if (passed === undefined) return netfilter.hasDropped ? SendError.notPermitted : SendError.none;
      const newDstIp = ipv4.dstIp(view, passed.start + ethernet.HEADER_LENGTH);
      if ((newDstIp !== dstIp || passed.mark !== mark) && !this.#routeMeHarder(passed)) {
        return SendError.networkUnreachable;
      }
    }
    return this.#finish(passed);
  }

  /** Linux ip_route_me_harder: a rule has changed where it goes. False if nowhere, and the frame is gone. */
  #routeMeHarder(frame: Frame): boolean {
    const netns = this.#netns;
    const { view } = netns.node.frames;
    const at = frame.start + ethernet.HEADER_LENGTH;
    frame.dst = this.routing.lookup(ipv4.dstIp(view, at), ipv4.srcIp(view, at));
    if (frame.dst !== undefined) return true;
    netns.drop(frame, DropReason.IP_OUTNOROUTES);
    return false;
  }

  /** Linux ip_output and ip_finish_output: postrouting, then out of the device. */
  #finish(routed: Frame): SendError {
    const netns = this.#netns;
    const { recorder, frames } = netns.node;
    const { netfilter } = netns;
    let frame: Frame | undefined = routed;
    if (netfilter !== undefined) {
      frame = netfilter.run(Hook.postrouting, frame, undefined, frame.dst!.device);
      if (frame === undefined) return netfilter.hasDropped ? SendError.notPermitted : SendError.none;
    }
    const { device, nextHop, type } = frame.dst!;
    const at = frame.start + ethernet.HEADER_LENGTH;
    if (ipv4.totalLength(frames.view, at) > device.mtu) {
      netns.drop(frame, DropReason.PKT_TOO_BIG);
      return SendError.messageTooLong;
    }
    recorder.step(frame, StepKind.route, ipv4.dstIp(frames.view, at), device.point);
    if (type === RouteType.local) device.transmit(frame);
    else {
      frame.dst = undefined;
      if (type === RouteType.broadcast) netns.arp.broadcast(device, frame);
      else netns.arp.output(device, nextHop, frame);
    }
    return SendError.none;
  }
}
