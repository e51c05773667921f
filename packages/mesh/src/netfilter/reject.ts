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
import type { Frame } from "../frame.ts";
import { PmtuDiscovery } from "../host/ipv4.ts";
import { attachConntrack } from "./conntrack-attach.ts";
import type { Netfilter } from "./netfilter.ts";
import { REJECT_CODES, type RejectWith } from "./rule.ts";

const TTL = 64;

export function reject(netfilter: Netfilter, frame: Frame, answer: RejectWith): void {
  if (answer === "tcp-reset") reset(netfilter, frame);
  else unreachable(netfilter, frame, REJECT_CODES[answer]);
}

/** Linux nf_send_unreach. */
function unreachable({ netns, packet }: Netfilter, frame: Frame, code: number): void {
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
  if (ipv4.protocol(view, ipAt) !== IpProtocol.tcp || ipv4.fragmentOffsetUnits(view, ipAt) !== 0) return;
  if (tcp.check(view, at, end) !== 0) return;
  const flags = tcp.flags(view, at);
  // No reset about a reset.
  if ((flags & TcpFlag.rst) !== 0) return;
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
  tcp.fillChecksum(view, answerAt, answer.end, pseudoHeader4(srcIp, dstIp, IpProtocol.tcp, tcp.HEADER_LENGTH));
  attachConntrack(answer, frame);
  answer.reportAt = frame.hop;
  netns.ipv4.output(answer);
}
