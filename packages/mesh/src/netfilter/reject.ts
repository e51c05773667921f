/**
 * What REJECT answers (Linux net/ipv4/netfilter/nf_reject_ipv4.c): an ICMP error, or a reset as if nobody listened.
 * The rejected frame itself is the caller's to drop.
 */
import { pseudoHeader4 } from "@hopscope/codec/checksum";
import { IpProtocol } from "@hopscope/codec/code-points";
import * as ethernet from "@hopscope/codec/ethernet";
import * as icmp from "@hopscope/codec/icmp";
import * as ipv4 from "@hopscope/codec/ipv4";
import * as tcp from "@hopscope/codec/tcp";
import { TcpFlag } from "@hopscope/codec/tcp";
import * as udp from "@hopscope/codec/udp";
import { Checksum, type Frame } from "../frame.ts";
import { PmtuDiscovery } from "../host/ipv4.ts";
import { RouteType } from "../tables/route.ts";
import { attachConntrack } from "./conntrack-attach.ts";
import { TcpTrack } from "./conntrack-tcp.ts";
import { isChecksumRight } from "./ip-checksum.ts";
import type { Netfilter } from "./netfilter.ts";
import { REJECT_CODES, type RejectWith } from "./rule.ts";

const TTL = 64;
const GRE = 47;
/** GRE's flag for "checksum present" (RFC 2784 §2.2). */
const GRE_CHECKSUM = 0x8000;
const AH = 51;

export function reject(netfilter: Netfilter, frame: Frame, answer: RejectWith): void {
  if (answer === "tcp-reset") reset(netfilter, frame);
  else unreachable(netfilter, frame, REJECT_CODES[answer]);
}

/** Linux nf_send_unreach. */
function unreachable({ netns, packet }: Netfilter, frame: Frame, code: number): void {
  const { view } = netns.node.frames;
  const { ipAt, at, end, protocol } = packet;
  const isDamaged = hasChecksum(view, protocol, at) && !isChecksumRight(view, ipAt, at, end);
  if (packet.isLaterFragment || (frame.csum === Checksum.complete && isDamaged)) return;
  // A bridged packet has no way yet.
  frame.dst ??= netns.ipv4.routing.input(packet.inDevice!, packet.srcIp, packet.dstIp);
  netns.icmp.error(frame, icmp.IcmpType.destinationUnreachable, code, 0);
}

/** Linux nf_send_reset. */
function reset(netfilter: Netfilter, frame: Frame): void {
  const { netns } = netfilter;
  const { view } = netns.node.frames;
  const ipAt = frame.start + ethernet.HEADER_LENGTH;
  const at = ipv4.payloadStart(view, ipAt);
  const end = ipv4.payloadEnd(view, ipAt, frame.end);
  const type = frame.dst?.type;
  if (type === RouteType.broadcast || type === RouteType.multicast) return;
  if (ipv4.protocol(view, ipAt) !== IpProtocol.tcp || ipv4.fragmentOffsetUnits(view, ipAt) !== 0) return;
  if (tcp.check(view, at, end) !== 0) return;
  const flags = tcp.flags(view, at);
  // No reset about a reset, nor about what came damaged (nf_reject_ip_tcphdr_get).
  if ((flags & TcpFlag.rst) !== 0 || (frame.csum === Checksum.complete && !isChecksumRight(view, ipAt, at, end)))
    return;
  const srcIp = ipv4.dstIp(view, ipAt);
  const dstIp = ipv4.srcIp(view, ipAt);
  const answer = netns.ipv4.make(IpProtocol.tcp, srcIp, dstIp, tcp.HEADER_LENGTH, 0, TTL, PmtuDiscovery.do, 0);
  if (answer === undefined) return;
  const answerAt = answer.start + ethernet.HEADER_LENGTH + ipv4.HEADER_LENGTH;
  const isAck = (flags & TcpFlag.ack) !== 0;
  tcp.setSrcPort(view, answerAt, tcp.dstPort(view, at));
  tcp.setDstPort(view, answerAt, tcp.srcPort(view, at));
  tcp.setSequence(view, answerAt, isAck ? tcp.acknowledgment(view, at) : 0);
  const acknowledged = (tcp.sequence(view, at) + tcp.sequenceLength(view, at, end)) >>> 0;
  tcp.setAcknowledgment(view, answerAt, isAck ? 0 : acknowledged);
  tcp.setHeaderLengthAndFlags(view, answerAt, tcp.HEADER_LENGTH, isAck ? TcpFlag.rst : TcpFlag.rst | TcpFlag.ack);
  tcp.setWindow(view, answerAt, 0);
  tcp.setUrgentPointer(view, answerAt, 0);
  tcp.setChecksum(view, answerAt, pseudoHeader4(srcIp, dstIp, IpProtocol.tcp, tcp.HEADER_LENGTH));
  answer.csum = Checksum.partial;
  attachConntrack(answer, frame);
  answer.reportAt = frame.hop;
  const state = frame.ct?.state;
  if (state instanceof TcpTrack) state.setClosing(frame.ct!, netns.node.softnet);
  const { physIn } = frame;
  if (physIn === undefined) {
    netns.ipv4.output(answer);
    return;
  }
  // What came in by a bridge goes back by its port, past all hooks, as from the station that it was for.
  ethernet.setDstMac(view, answer.start, ethernet.srcMac(view, frame.start));
  ethernet.setSrcMac(view, answer.start, ethernet.dstMac(view, frame.start));
  physIn.transmit(answer);
}

/** Linux nf_reject_verify_csum: no protocol that may go without one, or that protects itself otherwise. */
function hasChecksum(view: DataView, protocol: number, at: number): boolean {
  switch (protocol) {
    case IpProtocol.udp:
      return udp.checksum(view, at) !== 0;
    case GRE:
      return (view.getUint16(at) & GRE_CHECKSUM) !== 0;
    case AH:
    case IpProtocol.esp:
    case IpProtocol.sctp:
      return false;
    default:
      return true;
  }
}
