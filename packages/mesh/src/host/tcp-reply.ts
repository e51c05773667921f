/**
 * Answers without a socket (Linux net/ipv4/tcp_ipv4.c: tcp_v4_send_reset, tcp_v4_send_ack; net/ipv4/ip_output.c,
 * ip_send_unicast_reply; net/ipv6/tcp_ipv6.c, tcp_v6_send_response): no identification, "don't fragment", the type of service
 * of the question, and of IPv4 complete checksums. An IPv6 answer's flow label is by chance in reality.
 */
import { IpProtocol } from "@hopscope/codec/code-points";
import * as ethernet from "@hopscope/codec/ethernet";
import * as tcp from "@hopscope/codec/tcp";
import { Checksum, type Frame } from "../frame.ts";
import type { Netns } from "../netns.ts";
import * as ip from "./ip.ts";
import { PmtuDiscovery } from "./ipv4.ts";
import { connectionHash } from "./tcp-entry.ts";
import { TIMESTAMP_LENGTH, writeTimestamps } from "./tcp-options.ts";

const { TcpFlag } = tcp;
const TTL = 64;

/** RFC 9293 §3.10.7.1: what is for nobody is reset, unless it is a reset itself. */
export function sendReset(netns: Netns, about: Frame): void {
  const { view } = netns.node.frames;
  const ipAt = about.start + ethernet.HEADER_LENGTH;
  const at = ip.payloadStart(view, ipAt);
  const flags = tcp.flags(view, at);
  if ((flags & TcpFlag.rst) !== 0 || !ip.familyOf(netns, ipAt).isLocal(ip.dstIp(view, ipAt))) return;
  if ((flags & TcpFlag.ack) !== 0) {
    reply(netns, ipAt, at, tcp.acknowledgmentInt32(view, at), 0, TcpFlag.rst, 0, undefined, 0);
    return;
  }
  const length = ip.payloadEnd(view, ipAt, about.end) - at - tcp.headerLength(view, at);
  const counted = length + (flags & TcpFlag.fin) + ((flags & TcpFlag.syn) >> 1);
  const ack = (tcp.sequenceInt32(view, at) + counted) | 0;
  reply(netns, ipAt, at, 0, ack, TcpFlag.rst | TcpFlag.ack, 0, undefined, 0);
}

/** Acknowledges `ack`; `tsEcho` undefined: without timestamps. */
export function sendReplyAck(
  netns: Netns,
  about: Frame,
  seq: number,
  ack: number,
  window: number,
  tsEcho: number | undefined,
  tsOffset: number,
): void {
  const ipAt = about.start + ethernet.HEADER_LENGTH;
  const at = ip.payloadStart(netns.node.frames.view, ipAt);
  reply(netns, ipAt, at, seq, ack, TcpFlag.ack, window, tsEcho, tsOffset);
}

function reply(
  netns: Netns,
  ipAt: number,
  tcpAt: number,
  seq: number,
  ack: number,
  flags: number,
  window: number,
  tsEcho: number | undefined,
  tsOffset: number,
): void {
  const { frames, softnet } = netns.node;
  const { view } = frames;
  const srcIp = ip.dstIp(view, ipAt);
  const dstIp = ip.srcIp(view, ipAt);
  const length = tcp.HEADER_LENGTH + (tsEcho === undefined ? 0 : TIMESTAMP_LENGTH);
  const tos = ip.tos(view, ipAt);
  const af = ip.familyOf(netns, ipAt);
  const hash = connectionHash(dstIp, tcp.srcPort(view, tcpAt), srcIp, tcp.dstPort(view, tcpAt));
  const pmtu = PmtuDiscovery.do;
  const frame = af.make(IpProtocol.tcp, srcIp, dstIp, length, tos, TTL, pmtu, undefined, undefined, hash);
  if (frame === undefined) return;
  const at = frame.start + ethernet.HEADER_LENGTH + af.headerLength;
  tcp.setSrcPort(view, at, tcp.dstPort(view, tcpAt));
  tcp.setDstPort(view, at, tcp.srcPort(view, tcpAt));
  tcp.setSequence(view, at, seq);
  tcp.setAcknowledgment(view, at, ack);
  tcp.setHeaderLengthAndFlags(view, at, length, flags);
  tcp.setWindow(view, at, window);
  tcp.setUrgentPointer(view, at, 0);
  if (tsEcho !== undefined) {
    writeTimestamps(view, at + tcp.HEADER_LENGTH, (Math.floor(softnet.now / 1_000_000) + tsOffset) | 0, tsEcho);
  }
  const pseudo = af.pseudoHeader(srcIp, dstIp, IpProtocol.tcp, length);
  if (af.completesReplies) tcp.fillChecksum(view, at, at + length, pseudo);
  else {
    tcp.setChecksum(view, at, pseudo);
    frame.csum = Checksum.partial;
  }
  af.output(frame);
}
