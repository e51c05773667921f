/**
 * A namespace's IPv6: what a host says to itself by `::1` on its loopback device (Linux net/ipv6/ip6_input.c: ip6_rcv_core,
 * ip6_protocol_deliver_rcu; ip6_output.c: ip6_xmit; route.c: ip6_route_output, ip6_default_advmss; addrconf.c: add_addr of ::1).
 * Recorded in fixtures/sockets, "loopback6".
 *
 * Not modelled: any other address, of a link or beyond, and so neighbors, routers and groups; extension headers, fragments;
 * ip6tables and what it would track: these packets pass no hook.
 */
import { EtherType, IpProtocol } from "@hopscope/codec/code-points";
import { fold, sum } from "@hopscope/codec/checksum";
import * as ethernet from "@hopscope/codec/ethernet";
import * as ipv6 from "@hopscope/codec/ipv6";
import { Status } from "@hopscope/codec/status";
import * as tcp from "@hopscope/codec/tcp";
import type { NetDevice } from "../device.ts";
import { Errno } from "../errno.ts";
import type { Frame } from "../frame.ts";
import type { Netns } from "../netns.ts";
import { RouteType } from "../tables/route.ts";
import { DropReason } from "../trace/drop-reason.ts";
import { StepKind } from "../trace/step.ts";
import type { AfOps } from "./af-ops.ts";
import { SendError } from "./ip-output.ts";
import { IPV6_ANY, IPV6_LOOPBACK, ipv6Bytes } from "./ipv6-address.ts";
import type { PmtuDiscovery } from "./ipv4.ts";
import { type Dst, DstInput } from "./route.ts";

/** The longest payload that a header can tell (IPV6_MAXPLEN). */
const MAX_PAYLOAD = 0xffff;
const TCP_HEADERS = ipv6.HEADER_LENGTH + tcp.HEADER_LENGTH;
/** net.ipv6.route.min_adv_mss */
const MIN_ADVMSS = 1220;

export class Ipv6 implements AfOps {
  readonly headerLength: number = ipv6.HEADER_LENGTH;
  readonly completesReplies: boolean = false;
  readonly #netns: Netns;
  #dst: Dst | undefined = undefined;

  constructor(netns: Netns) {
    this.#netns = netns;
  }

  isLocal(ip: number): boolean {
    return ip === IPV6_LOOPBACK && this.#netns.hasIpv6;
  }

  /** Linux ip6_route_output: to this host, or nowhere. */
  lookup(dstIp: number): Dst | undefined {
    const netns = this.#netns;
    if (dstIp !== IPV6_LOOPBACK || !netns.hasIpv6) return undefined;
    if (this.#dst !== undefined && this.isValid(this.#dst)) return this.#dst;
    const { loopback, routes } = netns;
    this.#dst = {
      device: loopback,
      dstIp,
      nextHop: dstIp,
      source: IPV6_LOOPBACK,
      type: RouteType.local,
      mtu: loopback.mtu,
      isForHostToo: false,
      input: DstInput.deliver,
      reason: DropReason.OTHERHOST,
      code: 0,
      generation: routes.generation,
      xfrm: undefined,
    };
    return this.#dst;
  }

  /** A host without `::1` has nothing that it could send to it from. */
  whyUnreachable(dstIp: number): Errno {
    return dstIp === IPV6_LOOPBACK ? Errno.EADDRNOTAVAIL : Errno.ENETUNREACH;
  }

  isValid(dst: Dst): boolean {
    return dst.generation === this.#netns.routes.generation && this.#netns.hasIpv6;
  }

  mtuOf(dst: Dst): number {
    return dst.mtu;
  }

  updatePmtu(): void {}

  /** Linux ip6_default_advmss. */
  defaultAdvmss(mtu: number): number {
    const mss = mtu - TCP_HEADERS;
    return mss > MAX_PAYLOAD - tcp.HEADER_LENGTH ? MAX_PAYLOAD : Math.max(mss, MIN_ADVMSS);
  }

  refuses(dst: Dst, length: number): boolean {
    return length > Math.min(MAX_PAYLOAD, dst.mtu - ipv6.HEADER_LENGTH);
  }

  make(
    protocol: number,
    srcIp: number,
    dstIp: number,
    length: number,
    tos: number,
    ttl: number,
    _pmtuDiscovery: PmtuDiscovery,
    _identification: number | undefined,
    _dst: Dst | undefined,
    flowLabel: number,
  ): Frame | undefined {
    const { frames } = this.#netns.node;
    const { view } = frames;
    const frame = frames.allocate(ethernet.HEADER_LENGTH + ipv6.HEADER_LENGTH + length);
    if (frame === undefined) return undefined;
    const start = frames.start(frame);
    const at = start + ethernet.HEADER_LENGTH;
    ethernet.setDstMac(view, start, 0);
    ethernet.setSrcMac(view, start, 0);
    ethernet.setEtherType(view, start, EtherType.ipv6);
    ipv6.setTrafficClassAndFlowLabel(view, at, tos, flowLabel);
    ipv6.setPayloadLength(view, at, length);
    ipv6.setNextHeader(view, at, protocol);
    ipv6.setHopLimit(view, at, ttl);
    ipv6.setSrcIp(view, at, ipv6Bytes(srcIp));
    ipv6.setDstIp(view, at, ipv6Bytes(dstIp));
    return frame;
  }

  pseudoHeader(srcIp: number, dstIp: number, protocol: number, length: number): number {
    return fold(addressSum(srcIp) + addressSum(dstIp) + protocol + length);
  }

  /** Linux ip6_local_out and ip6_finish_output2. */
  output(frame: Frame, given?: Dst): SendError {
    const netns = this.#netns;
    const dst = given !== undefined && this.isValid(given) ? given : this.lookup(IPV6_LOOPBACK);
    if (dst === undefined) {
      netns.drop(frame, DropReason.IP_OUTNOROUTES);
      return SendError.networkUnreachable;
    }
    frame.dst = dst;
    netns.node.recorder.step(frame, StepKind.route, dst.dstIp, dst.device.point);
    dst.device.transmit(frame);
    return SendError.none;
  }

  portUnreachable(about: Frame): void {
    this.#netns.icmpv6.portUnreachable(about);
  }

  /** Linux ipv6_rcv. Takes the frame. */
  receive(device: NetDevice, frame: Frame): void {
    const netns = this.#netns;
    const { view } = netns.node.frames;
    const at = frame.start + ethernet.HEADER_LENGTH;
    const status = ipv6.check(view, at, frame.end);
    if (status !== Status.ok) {
      const isCut = status === Status.truncated && frame.end - at >= ipv6.HEADER_LENGTH;
      return netns.drop(frame, isCut ? DropReason.PKT_TOO_SMALL : DropReason.IP_INHDR);
    }
    if (!isTo(view, at + 24, IPV6_LOOPBACK)) return netns.drop(frame, DropReason.IP_INADDRERRORS);
    if (!isTo(view, at + 8, IPV6_LOOPBACK) && !isTo(view, at + 8, IPV6_ANY)) {
      return netns.drop(frame, DropReason.IP_INVALID_SOURCE);
    }
    // What pads the frame is none of the packet's.
    frame.end = ipv6.payloadEnd(view, at, frame.end);
    frame.dst ??= this.lookup(IPV6_LOOPBACK);
    switch (ipv6.nextHeader(view, at)) {
      case IpProtocol.tcp:
        return netns.tcp.receive(frame, at, device);
      case IpProtocol.udp:
        return netns.udp.receive(frame, at, device);
      case IpProtocol.icmpv6:
        return netns.icmpv6.receive(frame, at);
      default:
        netns.drop(frame, DropReason.IP_NOPROTO);
    }
  }
}

function addressSum(ip: number): number {
  const bytes = ipv6Bytes(ip);
  return sum(new DataView(bytes.buffer), 0, bytes.length);
}

function isTo(view: DataView, at: number, ip: number): boolean {
  const bytes = ipv6Bytes(ip);
  for (let index = 0; index < bytes.length; index++) if (view.getUint8(at + index) !== bytes[index]) return false;
  return true;
}
