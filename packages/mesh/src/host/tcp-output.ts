/**
 * Segments that a TCP socket sends (Linux net/ipv4/tcp_output.c: __tcp_transmit_skb, tcp_send_ack, tcp_send_fin,
 * tcp_send_active_reset, tcp_connect, tcp_write_wakeup). What is written by programs is tcp-write.ts'.
 *
 * Not modelled: ECN, Fast Open, MTU probing, pacing (fq, BBR).
 */
import { IpProtocol } from "@hopscope/codec/code-points";
import * as ethernet from "@hopscope/codec/ethernet";
import * as tcp from "@hopscope/codec/tcp";
import { Checksum } from "../frame.ts";
import { PmtuDiscovery, SendError } from "./ipv4.ts";
import type { Dst } from "./route.ts";
import { TcpState } from "./socket.ts";
import { packetsInFlight } from "./tcp-cong.ts";
import { currentMss, syncMss } from "./tcp-mss.ts";
import {
  sackLength,
  type SynOptions,
  synOptionsLength,
  TIMESTAMP_LENGTH,
  writeSack,
  writeSynOptions,
  writeTimestamps,
} from "./tcp-options.ts";
import { before } from "./tcp-sequence.ts";
import type { TcpSkb } from "./tcp-skb.ts";
import { ATO_MIN_US, Nagle, TcpTimerKind, TIMEOUT_INIT_US, type TcpSock } from "./tcp-sock.ts";
import { ackTimer, isAckScheduled, rearmRto, setTimer } from "./tcp-timer.ts";
import { fullSpace, selectInitialWindow, selectWindow } from "./tcp-window.ts";
import { pushPendingFrames, windowEnd } from "./tcp-write.ts";

const { TcpFlag } = tcp;

/** Blocks that are told about beside timestamps. */
const MAX_SACK_EDGES = 8;
const edges = new Int32Array(MAX_SACK_EDGES);

/** The clock of timestamps (tcp_time_stamp_ts): milliseconds, and this connection's secret. */
export function timestamp(sk: TcpSock, at: number = sk.softnet.now): number {
  return (Math.floor(at / 1_000_000) + sk.tsOffset) | 0;
}

/** Linux __sk_dst_check: the route to the other side, looked up again if something has changed. */
export function routeOf(sk: TcpSock): Dst | undefined {
  const { af } = sk;
  if (sk.dst === undefined || !af.isValid(sk.dst)) {
    sk.dst = af.lookup(sk.remoteIp, sk.localIp, sk.boundDevice);
  }
  return sk.dst;
}

/** Bytes of options in a segment that is no SYN, and how many blocks are among them (tcp_established_options). */
export function establishedOptionsLength(sk: TcpSock): number {
  return (sk.hasTimestamps ? TIMESTAMP_LENGTH : 0) + sackLength(sackBlocks(sk));
}

function sackBlocks(sk: TcpSock): number {
  const { receiveQueue } = sk;
  if (!sk.hasSack) return 0;
  const count = receiveQueue.sackCount + (receiveQueue.hasDsack ? 1 : 0);
  return Math.min(count, sk.hasTimestamps ? 3 : 4);
}

/** Linux __tcp_transmit_skb for a piece of the send queue. */
export function transmitSkb(sk: TcpSock, skb: TcpSkb, mss: number): SendError {
  const { length } = skb;
  skb.sentAt = sk.softnet.now;
  skb.mss = mss;
  skb.segments = length > mss ? Math.ceil(length / mss) : 1;
  // What a device will cut says "push", so that the receiver takes it up at once.
  if (skb.segments > 1) skb.flags |= TcpFlag.psh;
  return transmit(sk, skb.seq, length, skb.flags, mss);
}

/** Linux __tcp_transmit_skb: builds a segment of `length` bytes from `seq` on and hands it to IP. */
export function transmit(sk: TcpSock, seq: number, length: number, flags: number, mss: number): SendError {
  const { netns, softnet, af } = sk;
  const isSyn = (flags & TcpFlag.syn) !== 0;
  const options = isSyn ? synOptionsOf(sk) : undefined;
  const blocks = isSyn ? 0 : sackBlocks(sk);
  const headerLength =
    tcp.HEADER_LENGTH + (options === undefined ? establishedOptionsLength(sk) : synOptionsLength(options));
  const dst = routeOf(sk);
  if (dst === undefined) return SendError.networkUnreachable;
  const segments = length > mss ? Math.ceil(length / mss) : 1;
  const { identification } = sk;
  sk.identification = (identification + segments) & 0xffff;
  const total = headerLength + length;
  const { localIp, remoteIp, tos, ttl, txHash } = sk;
  const pmtu = PmtuDiscovery.do;
  const frame = af.make(IpProtocol.tcp, localIp, remoteIp, total, tos, ttl, pmtu, identification, dst, txHash);
  if (frame === undefined) return SendError.noBufferSpace;
  const { view, bytes } = netns.node.frames;
  const at = frame.start + ethernet.HEADER_LENGTH + af.headerLength;
  tcp.setSrcPort(view, at, sk.localPort);
  tcp.setDstPort(view, at, sk.remotePort);
  tcp.setSequence(view, at, seq);
  tcp.setAcknowledgment(view, at, (flags & TcpFlag.ack) === 0 ? 0 : sk.rcvNxt);
  tcp.setHeaderLengthAndFlags(view, at, headerLength, flags);
  tcp.setUrgentPointer(view, at, 0);
  const optionsAt = at + tcp.HEADER_LENGTH;
  if (options !== undefined) {
    tcp.setWindow(view, at, Math.min(sk.rcvWnd, 0xffff));
    writeSynOptions(view, optionsAt, options, timestamp(sk), sk.tsRecent);
  } else {
    tcp.setWindow(view, at, selectWindow(sk));
    if (sk.hasTimestamps) writeTimestamps(view, optionsAt, timestamp(sk), sk.tsRecent);
    if (blocks > 0)
      writeSack(view, optionsAt + (sk.hasTimestamps ? TIMESTAMP_LENGTH : 0), sackEdges(sk, blocks), blocks);
  }
  if (length > 0) sk.sendRing.read(seq, length, bytes, at + headerLength);
  tcp.setChecksum(view, at, af.pseudoHeader(localIp, remoteIp, IpProtocol.tcp, total));
  frame.csum = Checksum.partial;
  if (segments > 1) frame.gsoSize = mss;
  if ((flags & TcpFlag.ack) !== 0) eventAckSent(sk);
  if (length > 0) eventDataSent(sk, softnet.now);
  if (sk.isConfirmed) {
    sk.isConfirmed = false;
    frame.confirmsNeighbor = true;
  }
  return af.output(frame, dst);
}

/** The blocks of tcp_options_write: what was received twice, then what came early. */
function sackEdges(sk: TcpSock, count: number): Int32Array {
  const { receiveQueue } = sk;
  let from = 0;
  if (receiveQueue.hasDsack) {
    edges[0] = receiveQueue.dsack[0]!;
    edges[1] = receiveQueue.dsack[1]!;
    receiveQueue.hasDsack = false;
    from = 2;
  }
  for (let index = from; index < 2 * count; index++) edges[index] = receiveQueue.sacks[index - from]!;
  return edges;
}

function synOptionsOf(sk: TcpSock): SynOptions {
  const { tcp: host, advmss } = sk;
  const { timestamps, sack, windowScaling } = host.sysctl;
  return { mss: advmss, sackPermitted: sack, timestamps, windowScale: windowScaling ? sk.rcvWscale : -1 };
}

/** Linux tcp_event_ack_sent and tcp_dec_quickack_mode. */
function eventAckSent(sk: TcpSock): void {
  if (sk.ackQuick > 0) {
    const sent = isAckScheduled(sk) ? 1 : 0;
    if (sent >= sk.ackQuick) {
      sk.ackQuick = 0;
      sk.atoUs = ATO_MIN_US;
    } else sk.ackQuick -= sent;
  }
  sk.ackPending = 0;
}

/** Linux tcp_event_data_sent: an answer soon after a question is a conversation, whose acknowledgments can wait. */
function eventDataSent(sk: TcpSock, now: number): void {
  if (packetsInFlight(sk) === 0) sk.cubic.txStart(sk.lastSentAt, now);
  sk.lastSentAt = now;
  if (now - sk.lastReceivedAt < sk.atoUs * 1000) sk.ackPingpong = Math.min(255, sk.ackPingpong + 1);
}

/** Linux tcp_send_ack. */
export function sendAck(sk: TcpSock): void {
  if (sk.state === TcpState.close) return;
  const error = transmit(sk, acceptableSeq(sk), 0, TcpFlag.ack, MAX_MSS);
  // Without memory for it: later (ICSK_ACK_NOW of tcp_send_ack).
  if (error === SendError.noBufferSpace) ackTimer(sk, ATO_MIN_US);
}

/** Linux tcp_acceptable_seq: `sndNxt`, but inside of the window. */
function acceptableSeq(sk: TcpSock): number {
  return before(windowEnd(sk), sk.sndNxt) ? windowEnd(sk) : sk.sndNxt;
}

const MAX_MSS = 0xffff;

/** Linux tcp_send_fin. */
export function sendFin(sk: TcpSock): void {
  const { sendQueue } = sk;
  const { tail } = sendQueue;
  if (tail !== undefined && sendQueue.sendHead !== undefined) {
    tail.flags |= TcpFlag.fin;
    tail.endSeq = (tail.endSeq + 1) | 0;
  } else sendQueue.append(sk.writeSeq, TcpFlag.ack | TcpFlag.fin);
  sk.writeSeq = (sk.writeSeq + 1) | 0;
  pushPendingFrames(sk, currentMss(sk), Nagle.off);
}

/** Linux tcp_send_active_reset. */
export function sendActiveReset(sk: TcpSock): void {
  transmit(sk, acceptableSeq(sk), 0, TcpFlag.ack | TcpFlag.rst, MAX_MSS);
}

/** Linux tcp_connect_init and tcp_connect: sends the SYN. */
export function connect(sk: TcpSock, isn: number): SendError {
  const { sysctl } = sk.tcp;
  const dst = routeOf(sk)!;
  const { now } = sk.softnet;
  const mtu = sk.af.mtuOf(dst, now);
  sk.headerLength = tcp.HEADER_LENGTH + (sysctl.timestamps ? TIMESTAMP_LENGTH : 0);
  sk.mssClamp = MAX_MSS;
  syncMss(sk, mtu);
  sk.advmss = sk.af.defaultAdvmss(mtu);
  const window = selectInitialWindow(fullSpace(sk), sk.advmss, sysctl.windowScaling, sysctl.rmemMax);
  sk.rcvWnd = window.rcvWnd;
  sk.windowClamp = window.windowClamp;
  sk.rcvWscale = window.rcvWscale;
  sk.rcvSsthresh = sk.rcvWnd;
  sk.rtoUs = TIMEOUT_INIT_US;
  sk.writeSeq = isn;
  sk.sndUna = isn;
  sk.sndNxt = isn;
  sk.sndSml = isn;
  sk.pushedSeq = isn;
  const skb = sk.sendQueue.append(isn, TcpFlag.syn);
  sk.writeSeq = skb.endSeq;
  sk.sendQueue.advance();
  sk.packetsOut = 1;
  sk.sndNxt = skb.endSeq;
  sk.pushedSeq = skb.endSeq;
  sk.firstRetransmitAt = now;
  setTimer(sk, TcpTimerKind.retransmit, sk.rtoUs);
  return transmitSkb(sk, skb, MAX_MSS);
}

/** Linux tcp_send_synack: the SYN again, with an acknowledgment of the other side's. */
export function sendSynAck(sk: TcpSock): void {
  const skb = sk.sendQueue.retransmitHead;
  if (skb === undefined) return;
  skb.flags |= TcpFlag.ack;
  transmitSkb(sk, skb, MAX_MSS);
}

/** Linux tcp_xmit_probe_skb: an old sequence number, which makes the other side say where it is. */
function xmitProbe(sk: TcpSock): SendError {
  return transmit(sk, (sk.sndUna - 1) | 0, 0, TcpFlag.ack, MAX_MSS);
}

/** Linux tcp_write_wakeup: a byte or more into a window that may be open again, or a probe. */
export function writeWakeup(sk: TcpSock): SendError {
  const skb = sk.sendQueue.sendHead;
  if (skb === undefined || !before(skb.seq, windowEnd(sk))) return xmitProbe(sk);
  const mss = currentMss(sk);
  const room = (windowEnd(sk) - skb.seq) | 0;
  sk.pushedSeq = skb.endSeq;
  if (room < skb.length || skb.length > mss) sk.sendQueue.split(skb, Math.min(room, mss));
  skb.flags |= TcpFlag.psh;
  const error = transmitSkb(sk, skb, mss);
  if (error === SendError.none) eventNewDataSent(sk, skb);
  return error;
}

/** Linux tcp_event_new_data_sent. */
export function eventNewDataSent(sk: TcpSock, skb: TcpSkb): void {
  const wasEmpty = sk.packetsOut === 0;
  sk.sendQueue.advance();
  sk.sndNxt = skb.endSeq;
  sk.packetsOut += skb.segments;
  if (wasEmpty || sk.timerKind === TcpTimerKind.lossProbe) rearmRto(sk);
}
