/**
 * A namespace's IPv4, as those above it see it: where packets go, how they are made, and how they are sent. What happens
 * to them is in ip-input.ts, ip-forward.ts, ip-output.ts and ip-fragment.ts.
 */
import { complement, pseudoHeader4, sum } from "@hopscope/codec/checksum";
import { EtherType } from "@hopscope/codec/code-points";
import * as ethernet from "@hopscope/codec/ethernet";
import { IcmpType, UnreachableCode } from "@hopscope/codec/icmp";
import * as ipv4 from "@hopscope/codec/ipv4";
import * as tcp from "@hopscope/codec/tcp";
import type { NetDevice } from "../device.ts";
import { Errno } from "../errno.ts";
import type { Frame } from "../frame.ts";
import type { Netns } from "../netns.ts";
import { DropReason } from "../trace/drop-reason.ts";
import type { AfOps } from "./af-ops.ts";
import { IpFragments } from "./ip-fragment.ts";
import { receive } from "./ip-input.ts";
import { localOut, SendError } from "./ip-output.ts";
import { type Dst, Routing } from "./route.ts";

export { SendError } from "./ip-output.ts";

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

/** The longest IPv4 packet. */
const MAX_LENGTH = 0xffff;
const TCP_HEADERS = ipv4.HEADER_LENGTH + tcp.HEADER_LENGTH;
/** net.ipv4.route.min_adv_mss */
const MIN_ADVMSS = 256;

export class Ipv4 implements AfOps {
  readonly headerLength: number = ipv4.HEADER_LENGTH;
  readonly completesReplies: boolean = true;
  readonly routing: Routing;
  readonly fragments: IpFragments;
  readonly #netns: Netns;
  /** This namespace's key for choosing identifications (net->ipv4.ip_id_key). */
  readonly #identificationKey: number;

  constructor(netns: Netns, identificationKey: number) {
    this.#netns = netns;
    this.routing = new Routing(netns);
    this.fragments = new IpFragments(netns);
    this.#identificationKey = identificationKey;
  }

  /**
   * A packet with its IPv4 header and `length` bytes behind it that are still to be written (Linux __ip_make_skb), or
   * undefined if memory is used up or the packet does not fit. `identification`: default the host's next one. `dst`: its
   * way, which says whether it fits whole.
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
    dst?: Dst,
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
    const isWhole = pmtuDiscovery === PmtuDiscovery.do;
    const id = identification ?? (isWhole ? 0 : this.nextIdentification(srcIp, dstIp, protocol));
    const mayNotBeCut =
      isWhole || (pmtuDiscovery === PmtuDiscovery.want && this.#fits(dst ?? this.lookup(dstIp, srcIp), length));
    ipv4.setIdentification(view, at, id);
    ipv4.setFlagsAndFragmentOffset(view, at, mayNotBeCut ? ipv4.DONT_FRAGMENT : 0);
    ipv4.setTtl(view, at, ttl);
    ipv4.setProtocol(view, at, protocol);
    ipv4.setSrcIp(view, at, srcIp);
    ipv4.setDstIp(view, at, dstIp);
    ipv4.setHeaderChecksum(view, at, 0);
    ipv4.setHeaderChecksum(view, at, complement(sum(view, at, at + ipv4.HEADER_LENGTH)));
    return frame;
  }

  /** Linux ip_dont_fragment, and __ip_make_skb: who wants to know the path's MTU lets nobody cut what fits. */
  #fits(dst: Dst | undefined, length: number): boolean {
    if (dst === undefined) return true;
    const { now } = this.#netns.node.softnet;
    return !this.routing.isMtuLocked(dst, now) && ipv4.HEADER_LENGTH + length <= this.routing.mtuOf(dst, now);
  }

  /** True if a packet with `length` bytes behind its header is too long and may not be cut: EMSGSIZE (ip_append_data). */
  refuses(dst: Dst, length: number, pmtuDiscovery: PmtuDiscovery): boolean {
    const total = ipv4.HEADER_LENGTH + length;
    if (pmtuDiscovery < PmtuDiscovery.do) return total > MAX_LENGTH;
    return total > this.routing.mtuOf(dst, this.#netns.node.softnet.now);
  }

  isLocal(ip: number): boolean {
    return this.#netns.isLocal(ip);
  }

  whyUnreachable(): Errno {
    return Errno.ENETUNREACH;
  }

  isValid(dst: Dst): boolean {
    return this.routing.isValid(dst);
  }

  /** Linux ipv4_default_advmss. */
  defaultAdvmss(mtu: number): number {
    return Math.min(Math.max(mtu - TCP_HEADERS, MIN_ADVMSS), MAX_LENGTH - TCP_HEADERS);
  }

  pseudoHeader(srcIp: number, dstIp: number, protocol: number, length: number): number {
    return pseudoHeader4(srcIp, dstIp, protocol, length);
  }

  portUnreachable(about: Frame): void {
    this.#netns.icmp.error(about, IcmpType.destinationUnreachable, UnreachableCode.port, 0);
  }

  /** The identification of the next packet between the two, or the first of `count` (Linux __ip_select_ident). */
  nextIdentification(srcIp: number, dstIp: number, protocol: number, count: number = 1): number {
    const { identification, softnet } = this.#netns.node;
    return identification.next(srcIp, dstIp, protocol, this.#identificationKey, softnet, count);
  }

  /** Linux ip_rcv. Takes the frame. */
  receive(device: NetDevice, frame: Frame): void {
    receive(this.#netns, device, frame);
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
      return localOut(netns, frame, found);
    }
    return localOut(netns, frame, dst);
  }
}
