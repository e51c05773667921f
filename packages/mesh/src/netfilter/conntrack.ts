/**
 * Connection tracking at the hooks (Linux net/netfilter/nf_conntrack_core.c, nf_conntrack_in and nf_conntrack_confirm;
 * nf_conntrack_proto_*.c): which connection a packet belongs to, or that it is INVALID. What is INVALID has no
 * connection, and passes as it is.
 *
 * Not modelled: helpers, SCTP's states, GRE's keys (PPTP), zones; the clash of two first packets on two CPUs.
 */
import { IpProtocol } from "@hopscope/codec/code-points";
import * as ethernet from "@hopscope/codec/ethernet";
import * as icmp from "@hopscope/codec/icmp";
import * as ipv4 from "@hopscope/codec/ipv4";
import * as tcp from "@hopscope/codec/tcp";
import { TcpFlag } from "@hopscope/codec/tcp";
import * as udp from "@hopscope/codec/udp";
import { Checksum, type Frame } from "../frame.ts";
import type { Netns } from "../netns.ts";
import type { Clock } from "../sim/clock.ts";
import {
  Conntrack,
  type ConntrackTable,
  CtDirection,
  CtInfo,
  CtStatus,
  directionOf,
  invertPorts,
  isIcmpQuery,
} from "../tables/conntrack.ts";
import { TcpTrack, TrackVerdict } from "./conntrack-tcp.ts";
import { Segment } from "./conntrack-tcp-window.ts";
import { Hook } from "./hook.ts";
import { isChecksumRight } from "./ip-checksum.ts";

const SECOND = 1_000_000_000;
const GENERIC_TIMEOUT = 600 * SECOND;
const ICMP_TIMEOUT = 30 * SECOND;
const UDP_TIMEOUT = 30 * SECOND;
const UDP_STREAM_TIMEOUT = 120 * SECOND;
/** UDP that is still answered after this long is a stream. */
const UDP_STREAM_AFTER = 2 * SECOND;
const GRE = 47;
const GRE_TIMEOUT = 30 * SECOND;
const GRE_STREAM_TIMEOUT = 180 * SECOND;
/** Bytes of a transport header that a tuple needs. */
const TUPLE_LENGTH = 8;

/** Combinations of TCP flags that make sense; PSH, ECE and CWR are always fine (tcp_valid_flags). */
const { fin, syn, rst, ack, urg } = TcpFlag;
const FLAGS_MASK = fin | syn | rst | ack | urg;
const VALID_FLAGS: ReadonlySet<number> = new Set([
  syn,
  syn | urg,
  syn | ack,
  rst,
  rst | ack,
  fin | ack,
  fin | ack | urg,
  ack,
  ack | urg,
]);

export class ConntrackHook {
  readonly #netns: Netns;
  readonly #table: ConntrackTable;
  readonly #segment: Segment = new Segment();

  constructor(netns: Netns, table: ConntrackTable) {
    this.#netns = netns;
    this.#table = table;
  }

  /** Linux nf_conntrack_in: names the frame's connection. False if it is to be dropped: the table is full. */
  track(frame: Frame, hook: Hook): boolean {
    // It has been here before, on its way out or through a bridge; or nobody shall follow it.
    if (frame.ct !== undefined || frame.ctInfo === CtInfo.untracked) return true;
    const { view } = this.#netns.node.frames;
    const ipAt = frame.start + ethernet.HEADER_LENGTH;
    if (ipv4.isFragment(view, ipAt)) return true;
    const protocol = ipv4.protocol(view, ipAt);
    const at = ipv4.payloadStart(view, ipAt);
    const end = ipv4.payloadEnd(view, ipAt, frame.end);
    if (!this.#isSound(frame, protocol, ipAt, at, end, hook === Hook.prerouting)) return true;
    if (protocol === IpProtocol.icmp && !isIcmpQuery(icmp.type(view, at))) {
      if (icmp.isError(view, at)) this.#relate(frame, ipAt, at, end);
      return true;
    }
    const ports = portsOf(view, protocol, at);
    return this.#trackTuple(frame, ipv4.srcIp(view, ipAt), ipv4.dstIp(view, ipAt), ports, protocol, at, end);
  }

  /** Linux resolve_normal_ct and what follows it. */
  #trackTuple(
    frame: Frame,
    srcIp: number,
    dstIp: number,
    ports: number,
    protocol: number,
    at: number,
    end: number,
  ): boolean {
    const table = this.#table;
    const { softnet } = this.#netns.node;
    const found = table.find(srcIp, dstIp, ports, protocol, softnet);
    let ct: Conntrack;
    let info: number;
    if (found < 0) {
      if (!table.hasRoom(softnet.now)) return false;
      ct = new Conntrack(protocol, srcIp, dstIp, ports);
      info = CtInfo.new;
    } else {
      ct = table.at(found);
      if ((found & 1) === CtDirection.reply) info = CtInfo.establishedReply;
      else info = (ct.status & CtStatus.seenReply) === 0 ? CtInfo.new : CtInfo.established;
    }
    const verdict = this.#follow(ct, directionOf(info), at, end, softnet);
    if (verdict === TrackVerdict.invalid) return true;
    if (verdict === TrackVerdict.repeat) {
      // The ports of a connection that is over: forgotten, and seen anew.
      table.delete(ct);
      return this.#trackTuple(frame, srcIp, dstIp, ports, protocol, at, end);
    }
    if (info === CtInfo.establishedReply) ct.status |= CtStatus.seenReply;
    if ((ct.status & CtStatus.dying) !== 0) table.delete(ct);
    frame.ct = ct;
    frame.ctInfo = info;
    return true;
  }

  /** Linux nf_conntrack_handle_packet. */
  #follow(ct: Conntrack, direction: CtDirection, at: number, end: number, clock: Clock): TrackVerdict {
    switch (ct.protocol) {
      case IpProtocol.tcp:
        return this.#followTcp(ct, direction, at, end, clock);
      case IpProtocol.udp:
        followUdp(ct, clock);
        return TrackVerdict.accept;
      case IpProtocol.icmp: {
        // Only a question begins something (nf_conntrack_icmp_packet, valid_new).
        const type = (ct.originalPorts >>> 8) & 0xff;
        if (type === 0 || (type !== 8 && (type & 1) === 0)) return TrackVerdict.invalid;
        ct.refresh(clock, ICMP_TIMEOUT);
        return TrackVerdict.accept;
      }
      case GRE:
        followGre(ct, clock);
        return TrackVerdict.accept;
      default:
        ct.refresh(clock, GENERIC_TIMEOUT);
        return TrackVerdict.accept;
    }
  }

  #followTcp(ct: Conntrack, direction: CtDirection, at: number, end: number, clock: Clock): TrackVerdict {
    const segment = this.#segment;
    segment.wrap(this.#netns.node.frames.view, at, end);
    if (!(ct.state instanceof TcpTrack)) {
      const track = new TcpTrack();
      if (!track.begin(segment)) return TrackVerdict.invalid;
      ct.state = track;
      return track.follow(ct, segment, direction, clock);
    }
    return ct.state.follow(ct, segment, direction, clock);
  }

  /**
   * Linux nf_conntrack_inet_error: an ICMP error belongs to the connection of the packet that it quotes, if it goes
   * where that came from.
   */
  #relate(frame: Frame, ipAt: number, at: number, end: number): void {
    const { view } = this.#netns.node.frames;
    const quotedAt = icmp.quoteStart(view, at);
    if (quotedAt + ipv4.HEADER_LENGTH > end || ipv4.version(view, quotedAt) !== 4) return;
    const transportAt = ipv4.payloadStart(view, quotedAt);
    if (transportAt + TUPLE_LENGTH > end || ipv4.fragmentOffsetUnits(view, quotedAt) !== 0) return;
    const protocol = ipv4.protocol(view, quotedAt);
    if (protocol === IpProtocol.icmp && !isIcmpQuery(icmp.type(view, transportAt))) return;
    const ports = invertPorts(protocol, portsOf(view, protocol, transportAt));
    const { softnet } = this.#netns.node;
    const quotedSrcIp = ipv4.srcIp(view, quotedAt);
    const found = this.#table.find(ipv4.dstIp(view, quotedAt), quotedSrcIp, ports, protocol, softnet);
    if (found < 0) return;
    const ct = this.#table.at(found);
    const direction = (found & 1) as CtDirection;
    if (ct.dstIp(direction) !== ipv4.dstIp(view, ipAt)) return;
    frame.ct = ct;
    frame.ctInfo = direction === CtDirection.reply ? CtInfo.relatedReply : CtInfo.related;
  }

  /**
   * Linux nf_conntrack_confirm: the packet has come through, so its connection is taken into the table. False if it is to
   * be dropped: another connection has its tuples.
   */
  confirm(frame: Frame): boolean {
    const { ct } = frame;
    if (ct === undefined || ct.isConfirmed || directionOf(frame.ctInfo) !== CtDirection.original) return true;
    return (ct.status & CtStatus.dying) === 0 && this.#table.insert(ct, this.#netns.node.softnet);
  }

  /** tcp_error, udp_error, icmp_error: false if the packet is none that could be followed. */
  #isSound(frame: Frame, protocol: number, ipAt: number, at: number, end: number, verifiesChecksum: boolean): boolean {
    const { view } = this.#netns.node.frames;
    const isComplete = verifiesChecksum && frame.csum === Checksum.complete;
    switch (protocol) {
      case IpProtocol.tcp:
        if (tcp.check(view, at, end) !== 0 || !VALID_FLAGS.has(tcp.flags(view, at) & FLAGS_MASK)) return false;
        return !isComplete || isChecksumRight(view, ipAt, at, end);
      case IpProtocol.udp: {
        if (udp.check(view, at, end) !== 0 || udp.length(view, at) < udp.HEADER_LENGTH) return false;
        if (!isComplete || udp.checksum(view, at) === 0) return true;
        return isChecksumRight(view, ipAt, at, at + udp.length(view, at));
      }
      case IpProtocol.icmp:
        return icmp.check(view, at, end) === 0 && (!verifiesChecksum || isChecksumRight(view, ipAt, at, end));
      default:
        return true;
    }
  }
}

/** What the protocol adds to a tuple (nf_ct_get_tuple). */
function portsOf(view: DataView, protocol: number, at: number): number {
  switch (protocol) {
    case IpProtocol.tcp:
    case IpProtocol.udp:
    case IpProtocol.sctp:
      return view.getInt32(at);
    case IpProtocol.icmp:
      return (icmp.identifier(view, at) << 16) | (icmp.type(view, at) << 8) | icmp.code(view, at);
    default:
      return 0;
  }
}

/** Linux nf_conntrack_udp_packet. */
function followUdp(ct: Conntrack, clock: Clock): void {
  if (!ct.isConfirmed) ct.streamAt = clock.now + UDP_STREAM_AFTER;
  if ((ct.status & CtStatus.seenReply) === 0 || clock.now <= ct.streamAt) return ct.refresh(clock, UDP_TIMEOUT);
  ct.refresh(clock, UDP_STREAM_TIMEOUT);
  ct.status |= CtStatus.assured;
}

/** Linux nf_conntrack_gre_packet. */
function followGre(ct: Conntrack, clock: Clock): void {
  if ((ct.status & CtStatus.seenReply) === 0) return ct.refresh(clock, GRE_TIMEOUT);
  ct.refresh(clock, GRE_STREAM_TIMEOUT);
  ct.status |= CtStatus.assured;
}
