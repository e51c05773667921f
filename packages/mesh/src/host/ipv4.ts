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
import { type Route, RouteType } from "../tables/route.ts";
import { DropReason } from "../trace/drop-reason.ts";
import { StepKind } from "../trace/step.ts";
import { isLoopbackIp, isMulticastIp, isZeroNetIp, LIMITED_BROADCAST } from "./ipv4-address.ts";

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
export const SendError = { none: 0, networkUnreachable: 1, messageTooLong: 2, noBufferSpace: 3 } as const;
export type SendError = (typeof SendError)[keyof typeof SendError];

export class Ipv4 {
  readonly #netns: Netns;
  /** This namespace's key for choosing identifications (net->ipv4.ip_id_key). */
  readonly #identificationKey: number;

  constructor(netns: Netns) {
    this.#netns = netns;
    this.#identificationKey = netns.node.random.int32();
  }

  /**
   * A packet with its IPv4 header and `length` bytes behind it that are still to be written (Linux __ip_make_skb), or
   * undefined if memory is used up or the packet does not fit.
   */
  make(
    protocol: number,
    srcIp: number,
    dstIp: number,
    length: number,
    tos: number,
    ttl: number,
    pmtuDiscovery: PmtuDiscovery,
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
    // What nobody may cut needs no identification (ip_select_ident).
    const needsIdentification = pmtuDiscovery !== PmtuDiscovery.do;
    ipv4.setIdentification(view, at, needsIdentification ? this.nextIdentification(srcIp, dstIp, protocol) : 0);
    ipv4.setFlagsAndFragmentOffset(view, at, pmtuDiscovery === PmtuDiscovery.dont ? 0 : ipv4.DONT_FRAGMENT);
    ipv4.setTtl(view, at, ttl);
    ipv4.setProtocol(view, at, protocol);
    ipv4.setSrcIp(view, at, srcIp);
    ipv4.setDstIp(view, at, dstIp);
    ipv4.setHeaderChecksum(view, at, 0);
    ipv4.setHeaderChecksum(view, at, complement(sum(view, at, at + ipv4.HEADER_LENGTH)));
    return frame;
  }

  /** The identification of the next packet between the two (Linux __ip_select_ident). */
  nextIdentification(srcIp: number, dstIp: number, protocol: number): number {
    const { identification, softnet } = this.#netns.node;
    return identification.next(srcIp, dstIp, protocol, this.#identificationKey, softnet.now);
  }

  /** Linux ip_rcv and ip_rcv_finish. */
  receive(device: NetDevice, frame: Frame): void {
    const netns = this.#netns;
    const { frames } = netns.node;
    const { view } = frames;
    const start = frames.start(frame);
    const at = start + ethernet.HEADER_LENGTH;
    const dstMac = ethernet.dstMac(view, start);
    // PACKET_OTHERHOST: a copy that a bridge flooded. The loopback device has no addresses to compare.
    if (dstMac !== device.mac && !isGroupMac(dstMac)) return netns.drop(frame, DropReason.OTHERHOST);
    const end = frames.end(frame);
    const status = ipv4.check(view, at, end);
    if (status !== Status.ok) {
      const isCut = status === Status.truncated && end - at >= ipv4.HEADER_LENGTH;
      return netns.drop(frame, isCut ? DropReason.PKT_TOO_SMALL : DropReason.IP_INHDR);
    }
    if (!ipv4.isChecksumValid(view, at)) return netns.drop(frame, DropReason.IP_CSUM);
    // What a host sends to itself has its route already (ip_rcv_finish_core, skb_valid_dst).
    if (device !== netns.loopback) {
      const refusal = this.#refusal(ipv4.srcIp(view, at), ipv4.dstIp(view, at));
      if (refusal !== undefined) return netns.drop(frame, refusal);
    }
    this.#deliver(frame, at);
  }

  /** Linux ip_route_input_slow and fib_validate_source: why a packet from outside is not this host's, or undefined. */
  #refusal(srcIp: number, dstIp: number): DropReason | undefined {
    const { routes } = this.#netns;
    if (isMulticastIp(srcIp) || srcIp === LIMITED_BROADCAST) return DropReason.IP_INVALID_SOURCE;
    // Without an address one may only call everybody (DHCP).
    const isToAll = dstIp === LIMITED_BROADCAST;
    if (isZeroNetIp(srcIp) && !isToAll) return DropReason.IP_INVALID_SOURCE;
    if (isZeroNetIp(dstIp)) return DropReason.IP_INVALID_DEST;
    if (isLoopbackIp(srcIp) || isLoopbackIp(dstIp)) return DropReason.IP_LOCALNET;
    const type = isToAll ? RouteType.broadcast : routes.find(dstIp)?.type;
    // Without forwarding a packet for somebody else ends here (IN_DEV_FORWARD).
    if (type === undefined || type === RouteType.unicast) return DropReason.IP_INADDRERRORS;
    return this.#netns.isLocal(srcIp) ? DropReason.IP_LOCAL_SOURCE : undefined;
  }

  /** Linux ip_local_deliver: to the protocol above. */
  #deliver(frame: Frame, at: number): void {
    const netns = this.#netns;
    const { view } = netns.node.frames;
    // Nobody puts them together yet: as if the others never came.
    if (ipv4.isFragment(view, at)) return netns.drop(frame, DropReason.FRAG_REASM_TIMEOUT);
    switch (ipv4.protocol(view, at)) {
      case IpProtocol.icmp:
        return netns.icmp.receive(frame, at);
      case IpProtocol.udp:
        return netns.udp.receive(frame, at);
      default:
        return netns.drop(frame, DropReason.IP_NOPROTO);
    }
  }

  /**
   * Linux ip_local_out and ip_finish_output2: sends the packet behind the 14 bytes left for the Ethernet header.
   * Takes the frame, also when it answers with an error.
   */
  output(frame: Frame): SendError {
    const netns = this.#netns;
    const { frames, recorder } = netns.node;
    const at = frames.start(frame) + ethernet.HEADER_LENGTH;
    const dstIp = ipv4.dstIp(frames.view, at);
    const route = netns.routes.find(dstIp);
    if (route === undefined) {
      netns.drop(frame, DropReason.IP_OUTNOROUTES);
      return SendError.networkUnreachable;
    }
    const device = this.deviceOf(route);
    if (ipv4.totalLength(frames.view, at) > device.mtu) {
      netns.drop(frame, DropReason.PKT_TOO_BIG);
      return SendError.messageTooLong;
    }
    recorder.step(frame, StepKind.route, dstIp, device.point);
    if (route.type === RouteType.local) device.transmit(frame);
    else if (route.type === RouteType.broadcast || dstIp === LIMITED_BROADCAST) netns.arp.broadcast(device, frame);
    else netns.arp.output(device, route.via ?? dstIp, frame);
    return SendError.none;
  }

  /** Where a route leads: what is for this host leaves by its loopback device (ip_route_output_key_hash_rcu). */
  deviceOf(route: Route): NetDevice {
    return route.type === RouteType.local ? this.#netns.loopback : this.#netns.deviceAt(route.device);
  }
}
