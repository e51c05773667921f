/**
 * Data that arrives, and when it is acknowledged (Linux net/ipv4/tcp_input.c: tcp_data_queue, tcp_event_data_recv,
 * __tcp_ack_snd_check, tcp_fin; tcp.c: tcp_recvmsg_locked, tcp_cleanup_rbuf).
 *
 * Not modelled: urgent data, compressed acknowledgments: what comes early is answered each time.
 */
import { TcpFlag } from "@hopscope/codec/tcp";
import { DropReason } from "../trace/drop-reason.ts";
import { TcpState } from "./socket.ts";
import { sendAck } from "./tcp-output.ts";
import { TcpReceiveQueue } from "./tcp-receive-queue.ts";
import type { TcpSegment } from "./tcp-segment.ts";
import { after, before } from "./tcp-sequence.ts";
import { ATO_MIN_US, AckPending, MIN_MSS, MSS_DEFAULT, type TcpSock } from "./tcp-sock.ts";
import { isAckScheduled, isInPingpong, sendDelayedAck } from "./tcp-timer.ts";
import { measureRcvRtt, rcvSpaceAdjust } from "./tcp-rcvbuf.ts";
import { clampWindow, fullSpace, growWindow, receiveWindow, windowToOffer } from "./tcp-window.ts";

/** The segment was taken; nothing is to be dropped. */
export const TAKEN = -1;
/** What is to become of a received segment: {@link TAKEN}, or why it is dropped. */
export type Verdict = typeof TAKEN | DropReason;

/** TCP_MAX_QUICKACKS */
const MAX_QUICKACKS = 16;

/** Linux tcp_data_queue. */
export function dataQueue(sk: TcpSock, segment: TcpSegment): Verdict {
  const { seq, endSeq } = segment;
  const { receiveQueue } = sk;
  if (seq === endSeq) return TAKEN;
  receiveQueue.hasDsack = false;
  const window = receiveWindow(sk);
  if (seq === sk.rcvNxt) {
    const isBareFin = segment.length === 0;
    return window === 0 && !isBareFin ? outOfWindow(sk, DropReason.TCP_ZEROWINDOW) : queueInOrder(sk, segment);
  }
  if (!after(endSeq, sk.rcvNxt)) {
    receiveQueue.setDsack(seq, endSeq);
    return outOfWindow(sk, DropReason.TCP_OLD_DATA);
  }
  if (!before(seq, (sk.rcvNxt + window) | 0)) return outOfWindow(sk, DropReason.TCP_OVERWINDOW);
  if (before(seq, sk.rcvNxt)) {
    receiveQueue.setDsack(seq, sk.rcvNxt);
    return window === 0 ? outOfWindow(sk, DropReason.TCP_ZEROWINDOW) : queueInOrder(sk, segment);
  }
  return queueEarly(sk, segment);
}

/** The end of tcp_data_queue, out_of_window: the sender does not know where this side is; it is to learn at once. */
function outOfWindow(sk: TcpSock, reason: DropReason): Verdict {
  enterQuickack(sk);
  sk.ackPending |= AckPending.scheduled;
  return reason;
}

/** Linux tcp_queue_rcv, with what begins before the next byte cut off. */
function queueInOrder(sk: TcpSock, segment: TcpSegment): Verdict {
  const { receiveQueue } = sk;
  const unread = (sk.rcvNxt - sk.copiedSeq) | 0;
  if (!tryRmemSchedule(sk) && unread > 0 && segment.length > 0) {
    sk.ackPending |= AckPending.scheduled | AckPending.now;
    sk.waiter?.wakeUp();
    return DropReason.SOCKET_RCVBUFF;
  }
  const hasFin = (segment.flags & TcpFlag.fin) !== 0;
  const end = hasFin ? (segment.endSeq - 1) | 0 : segment.endSeq;
  store(sk, segment, sk.rcvNxt, end);
  sk.rcvNxt = segment.endSeq;
  if (segment.length > 0) eventDataRecv(sk, segment);
  if (hasFin) fin(sk);
  else if (receiveQueue.hasGap) {
    sk.rcvNxt = receiveQueue.takeEarly(sk.rcvNxt);
    if (!receiveQueue.hasGap) sk.ackPending |= AckPending.now;
    if (receiveQueue.earlyFin === sk.rcvNxt) {
      sk.rcvNxt = (sk.rcvNxt + 1) | 0;
      fin(sk);
    }
  }
  if (!sk.isOrphan) sk.waiter?.wakeUp();
  return TAKEN;
}

/** Linux tcp_data_queue_ofo. */
function queueEarly(sk: TcpSock, segment: TcpSegment): Verdict {
  const { receiveQueue } = sk;
  const { seq, flags } = segment;
  sk.ackPending |= AckPending.scheduled;
  if (!tryRmemSchedule(sk)) {
    sk.waiter?.wakeUp();
    return DropReason.SOCKET_RCVBUFF;
  }
  const hasFin = (flags & TcpFlag.fin) !== 0;
  const end = hasFin ? (segment.endSeq - 1) | 0 : segment.endSeq;
  if (hasFin) receiveQueue.earlyFin = end;
  if (receiveQueue.covers(seq, end)) {
    receiveQueue.setDsack(seq, end);
    return DropReason.TCP_OLD_DATA;
  }
  store(sk, segment, seq, end);
  if (end !== seq) receiveQueue.addEarly(seq, end);
  return TAKEN;
}

/** Linux tcp_try_rmem_schedule and tcp_prune_queue: true if the buffer has, or can make, room for one more segment. */
function tryRmemSchedule(sk: TcpSock): boolean {
  const { receiveQueue } = sk;
  if (receiveQueue.memory <= sk.rcvbuf) return true;
  clampWindow(sk);
  if (receiveQueue.memory <= sk.rcvbuf) return true;
  receiveQueue.collapse((sk.rcvNxt - sk.copiedSeq) | 0);
  return receiveQueue.memory <= sk.rcvbuf;
}

/** Puts the bytes [from, end) of a segment into the ring. */
function store(sk: TcpSock, segment: TcpSegment, from: number, end: number): void {
  const { receiveQueue } = sk;
  const length = (end - from) | 0;
  if (length <= 0) return;
  const at = segment.dataAt + ((from - segment.seq) | 0);
  receiveQueue.ring.reserve(sk.copiedSeq, end);
  receiveQueue.ring.write(from, sk.netns.node.frames.bytes, at, at + length);
  receiveQueue.memory += TcpReceiveQueue.truesize(segment.length, segment.segments);
}

/** Linux tcp_event_data_recv: how long an acknowledgment may wait follows from how fast data comes. */
function eventDataRecv(sk: TcpSock, segment: TcpSegment): void {
  const { now } = sk.softnet;
  sk.ackPending |= AckPending.scheduled;
  measureRcvMss(sk, segment);
  measureRcvRtt(sk);
  if (sk.atoUs === 0) {
    incrQuickack(sk);
    sk.atoUs = ATO_MIN_US;
  } else {
    const gapUs = (now - sk.lastReceivedAt) / 1000;
    if (gapUs <= ATO_MIN_US / 2) sk.atoUs = sk.atoUs / 2 + ATO_MIN_US / 2;
    else if (gapUs < sk.atoUs) sk.atoUs = Math.min(sk.atoUs / 2 + gapUs, sk.rtoUs);
    else if (gapUs > sk.rtoUs) incrQuickack(sk);
  }
  sk.lastReceivedAt = now;
  if (segment.length >= 128) growWindow(sk, segment.length, segment.segments);
}

/** Linux tcp_measure_rcv_mss. */
function measureRcvMss(sk: TcpSock, segment: TcpSegment): void {
  const last = sk.lastSegmentSize;
  const isPush = (segment.flags & TcpFlag.psh) !== 0;
  sk.lastSegmentSize = 0;
  let length = segment.segmentSize;
  if (length >= sk.rcvMss) {
    if (length !== sk.rcvMss) {
      const truesize = TcpReceiveQueue.truesize(segment.length, segment.segments);
      const ratio = Math.min(255, Math.max(1, Math.floor((segment.length * 256) / truesize)));
      if (ratio !== sk.scalingRatio) {
        sk.scalingRatio = ratio;
        sk.windowClamp = fullSpace(sk);
        sk.rcvqSpace = Math.min(sk.rcvqSpace, sk.windowClamp);
      }
    }
    sk.rcvMss = Math.min(length, sk.advmss);
    if (isPush) sk.ackPending |= AckPending.pushed;
    return;
  }
  length += sk.headerLength;
  if (length >= MSS_DEFAULT + 20 || (length >= MIN_MSS + 20 && !isPush && (segment.flags & TcpFlag.fin) === 0)) {
    length -= sk.headerLength;
    sk.lastSegmentSize = length;
    if (length === last) {
      sk.rcvMss = length;
      return;
    }
  }
  if ((sk.ackPending & AckPending.pushed) !== 0) sk.ackPending |= AckPending.pushed2;
  sk.ackPending |= AckPending.pushed;
}

/** Linux tcp_incr_quickack: the first segments are acknowledged at once, so that the sender's window grows. */
function incrQuickack(sk: TcpSock): void {
  const count = Math.floor(sk.rcvWnd / (2 * sk.rcvMss));
  sk.ackQuick = Math.max(sk.ackQuick, Math.min(count === 0 ? 2 : count, MAX_QUICKACKS));
}

/** Linux tcp_enter_quickack_mode. */
export function enterQuickack(sk: TcpSock): void {
  incrQuickack(sk);
  sk.ackPingpong = 0;
  sk.atoUs = ATO_MIN_US;
}

/** Linux tcp_fin: the other side has sent all it will. */
function fin(sk: TcpSock): void {
  sk.ackPending |= AckPending.scheduled;
  sk.isReadShut = true;
  sk.hasFin = true;
  switch (sk.state) {
    case TcpState.established:
      sk.state = TcpState.closeWait;
      // The program will close soon, and its FIN takes the acknowledgment along.
      sk.ackPingpong = Math.max(sk.ackPingpong, 1);
      break;
    case TcpState.finWait1:
      sendAck(sk);
      sk.state = TcpState.closing;
      break;
    case TcpState.finWait2:
      sendAck(sk);
      sk.timeWait(TcpState.timeWait, 0);
      break;
  }
  sk.receiveQueue.purgeEarly();
  if (!sk.isOrphan) sk.waiter?.wakeUp();
}

/** Linux tcp_ack_snd_check. */
export function ackSndCheck(sk: TcpSock): void {
  if (!isAckScheduled(sk)) return;
  const unacked = (sk.rcvNxt - sk.rcvWup) | 0;
  const unread = (sk.rcvNxt - sk.copiedSeq) | 0;
  const mustNow =
    (unacked > sk.rcvMss && (unread < 1 || windowToOffer(sk) >= sk.rcvWnd)) ||
    (sk.ackQuick > 0 && !isInPingpong(sk)) ||
    (sk.ackPending & AckPending.now) !== 0;
  if (mustNow || sk.receiveQueue.hasGap) {
    // What waited for the process is acknowledged once, when it is done (tcp_backlog_ack_defer).
    if (mustNow && sk.isOwned) sk.isAckDeferred = true;
    else sendAck(sk);
  } else sendDelayedAck(sk);
}

/** Linux tcp_recvmsg_locked: up to `max` bytes. */
export function recvmsg(sk: TcpSock, max: number): Uint8Array {
  const { receiveQueue } = sk;
  const readable = sk.readableLength;
  const length = Math.min(max, readable);
  const bytes = new Uint8Array(length);
  if (length === 0) return bytes;
  receiveQueue.ring.read(sk.copiedSeq, length, bytes, 0);
  sk.copiedSeq = (sk.copiedSeq + length) | 0;
  receiveQueue.release(length, readable);
  rcvSpaceAdjust(sk);
  cleanupRbuf(sk, length === readable);
  return bytes;
}

/** Linux tcp_cleanup_rbuf: an acknowledgment that is owed, or a window that has opened a good deal. */
function cleanupRbuf(sk: TcpSock, isEmpty: boolean): void {
  const { ackPending } = sk;
  let mustAck = false;
  if (isAckScheduled(sk)) {
    const wasPushed =
      (ackPending & AckPending.pushed2) !== 0 || ((ackPending & AckPending.pushed) !== 0 && !isInPingpong(sk));
    mustAck = ((sk.rcvNxt - sk.rcvWup) | 0) > sk.rcvMss || (wasPushed && isEmpty);
  }
  if (!mustAck && !sk.isReadShut) {
    const now = receiveWindow(sk);
    if (2 * now <= sk.windowClamp) {
      const window = windowToOffer(sk);
      mustAck = window > 0 && window >= 2 * now;
    }
  }
  if (mustAck) sendAck(sk);
}
