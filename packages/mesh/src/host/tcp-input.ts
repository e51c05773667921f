/**
 * A received segment and the state of its socket (Linux net/ipv4/tcp_input.c: tcp_rcv_state_process,
 * tcp_rcv_synsent_state_process, tcp_validate_incoming, tcp_reset). There is one path for all states; the kernel's fast
 * one for established connections does the same.
 *
 * Not modelled: Fast Open, urgent data, ECN.
 */
import { TcpFlag } from "@hopscope/codec/tcp";
import { Errno } from "../errno.ts";
import { DropReason } from "../trace/drop-reason.ts";
import { TcpState } from "./socket.ts";
import { ack, AckResult, confirmNeighbor, measureSynAck } from "./tcp-ack.ts";
import { ackSndCheck, dataQueue, enterQuickack, TAKEN, type Verdict } from "./tcp-data.ts";
import { currentMss, syncMss } from "./tcp-mss.ts";
import { sendAck, sendSynAck } from "./tcp-output.ts";
import { TIMESTAMP_LENGTH } from "./tcp-options.ts";
import type { TcpSegment } from "./tcp-segment.ts";
import { after, before } from "./tcp-sequence.ts";
import { MSS_DEFAULT, TcpTimerKind, type TcpSock } from "./tcp-sock.ts";
import { setKeepalive, setTimer } from "./tcp-timer.ts";
import { initBufferSpace, measureRcvRttByEcho } from "./tcp-rcvbuf.ts";
import { initializeRcvMss, receiveWindow } from "./tcp-window.ts";
import { pushPendingFrames, sndbufExpand, writeSpace } from "./tcp-write.ts";

/** net.ipv4.tcp_invalid_ratelimit */
const OUT_OF_WINDOW_INTERVAL = 500_000_000;
/** net.ipv4.tcp_fin_timeout, as long as TIME_WAIT. */
export const FIN_TIMEOUT_US = 60_000_000;
/** TCP_TIMEOUT_MIN, of a kernel with 250 ticks a second. */
const TIMEOUT_MIN_US = 8000;
/** Timestamps older than 24 days say nothing (TCP_PAWS_24DAYS). */
const PAWS_AGE = 24 * 86_400 * 1_000_000_000;

/** Linux tcp_rcv_state_process, of a socket that is neither closed nor listening. */
export function rcvStateProcess(sk: TcpSock, segment: TcpSegment): Verdict {
  if (sk.state === TcpState.close) return DropReason.TCP_CLOSE;
  if (sk.state === TcpState.synSent) return rcvSynSent(sk, segment);
  const { flags } = segment;
  if ((flags & (TcpFlag.ack | TcpFlag.rst | TcpFlag.syn)) === 0) return DropReason.TCP_FLAGS;
  const refusal = validateIncoming(sk, segment);
  if (refusal !== TAKEN) return refusal;
  // A reset was taken.
  if (isClosed(sk)) return TAKEN;
  if ((flags & TcpFlag.ack) === 0) return DropReason.TCP_FLAGS;
  const isPredicted = isPureAcknowledgment(sk, segment);
  switch (ack(sk, segment, true)) {
    case AckResult.tooOld:
      sendChallengeAck(sk);
      // The fast path of tcp_rcv_established asks nobody what it was.
      return isPredicted ? TAKEN : DropReason.TCP_TOO_OLD_ACK;
    case AckResult.unsent:
      sendChallengeAck(sk);
      return DropReason.TCP_ACK_UNSENT_DATA;
  }
  return acknowledgeState(sk, segment) ?? processText(sk, segment);
}

function isClosed(sk: TcpSock): boolean {
  return sk.state === TcpState.close;
}

/** What header prediction takes for an acknowledgment and nothing else. */
function isPureAcknowledgment(sk: TcpSock, { seq, endSeq, flags, window }: TcpSegment): boolean {
  const isPlain = (flags & ~TcpFlag.psh) === TcpFlag.ack && seq === endSeq && seq === sk.rcvNxt;
  return isPlain && sk.state === TcpState.established && window << sk.sndWscale === sk.sndWnd;
}

/** Step 5 of tcp_rcv_state_process: what the acknowledgment means for a connection that begins or ends. */
function acknowledgeState(sk: TcpSock, segment: TcpSegment): Verdict | undefined {
  const isAllAcked = sk.sndUna === sk.writeSeq;
  switch (sk.state) {
    case TcpState.synRecv:
      passiveEstablished(sk, segment);
      return undefined;
    case TcpState.finWait1:
      return isAllAcked ? finIsAcked(sk, segment) : undefined;
    case TcpState.closing:
      if (!isAllAcked) return undefined;
      sk.timeWait(TcpState.timeWait, 0);
      return TAKEN;
    case TcpState.lastAck:
      if (!isAllAcked) return undefined;
      sk.done();
      return TAKEN;
    default:
      return undefined;
  }
}

function finIsAcked(sk: TcpSock, segment: TcpSegment): Verdict | undefined {
  sk.state = TcpState.finWait2;
  sk.isWriteShut = true;
  confirmNeighbor(sk);
  if (!sk.isOrphan) {
    sk.waiter?.wakeUp();
    return undefined;
  }
  if (hasNewData(sk, segment)) {
    // Nobody is there to read it.
    sk.done();
    return DropReason.TCP_ABORT_ON_DATA;
  }
  if ((segment.flags & TcpFlag.fin) !== 0 || sk.isOwned) {
    setKeepalive(sk, FIN_TIMEOUT_US);
    return undefined;
  }
  sk.timeWait(TcpState.finWait2, FIN_TIMEOUT_US);
  return TAKEN;
}

function hasNewData(sk: TcpSock, segment: TcpSegment): boolean {
  return segment.length > 0 && after((segment.endSeq - (segment.flags & TcpFlag.fin)) | 0, sk.rcvNxt);
}

/** Steps 6 and 7 of tcp_rcv_state_process: the data, and what is sent because of it all. */
function processText(sk: TcpSock, segment: TcpSegment): Verdict {
  const verdict = takeText(sk, segment);
  // What it brought may have ended the socket.
  if (sk.state !== TcpState.close) {
    dataSndCheck(sk);
    ackSndCheck(sk);
  }
  return verdict;
}

function takeText(sk: TcpSock, segment: TcpSegment): Verdict {
  switch (sk.state) {
    case TcpState.closeWait:
    case TcpState.closing:
    case TcpState.lastAck:
      if (!before(segment.seq, sk.rcvNxt)) return TAKEN;
      break;
    case TcpState.finWait1:
    case TcpState.finWait2:
    case TcpState.established:
      break;
    default:
      return TAKEN;
  }
  // RFC 1122 §4.2.2.13: data after close resets the connection.
  if (sk.isReadShut && sk.state !== TcpState.established && hasNewData(sk, segment)) {
    resetByPeer(sk);
    return DropReason.TCP_ABORT_ON_DATA;
  }
  measureRcvRttByEcho(sk, segment);
  return dataQueue(sk, segment);
}

/** Linux tcp_rcv_synsent_state_process. */
function rcvSynSent(sk: TcpSock, segment: TcpSegment): Verdict {
  const { flags } = segment;
  const hasAck = (flags & TcpFlag.ack) !== 0;
  if (hasAck) {
    if (!after(segment.ack, sk.sndUna) || after(segment.ack, sk.sndNxt)) {
      // What is left of an older connection may be in the way: ask again soon.
      if (sk.retransmits === 0) setTimer(sk, TcpTimerKind.retransmit, TIMEOUT_MIN_US);
      return DropReason.TCP_INVALID_ACK_SEQUENCE;
    }
    if ((flags & TcpFlag.rst) !== 0) {
      resetByPeer(sk);
      return TAKEN;
    }
  } else if ((flags & TcpFlag.rst) !== 0) return DropReason.TCP_RESET;
  if ((flags & TcpFlag.syn) === 0) return DropReason.TCP_FLAGS;
  if (!hasAck) return openSimultaneously(sk, segment);
  sk.mssClamp = segment.mss === 0 ? MSS_DEFAULT : segment.mss;
  sk.sndWl1 = segment.seq;
  sk.hasSack = segment.sackPermitted && sk.tcp.sysctl.sack;
  ack(sk, segment, false);
  sk.rcvNxt = (segment.seq + 1) | 0;
  sk.rcvWup = sk.rcvNxt;
  // A SYN's window is not scaled.
  sk.sndWnd = segment.window;
  if (segment.windowScale < 0 || !sk.tcp.sysctl.windowScaling) {
    sk.rcvWscale = 0;
    sk.sndWscale = 0;
    sk.windowClamp = Math.min(sk.windowClamp, 0xffff);
  } else {
    sk.hasWindowScale = true;
    sk.sndWscale = segment.windowScale;
  }
  sk.headerLength = 20;
  if (segment.hasTimestamp && sk.tcp.sysctl.timestamps) {
    sk.hasTimestamps = true;
    sk.headerLength += TIMESTAMP_LENGTH;
    sk.advmss -= TIMESTAMP_LENGTH;
    sk.tsRecent = segment.tsValue;
    sk.tsRecentAt = sk.softnet.now;
  }
  syncMss(sk, sk.pmtuCookie);
  initializeRcvMss(sk);
  sk.copiedSeq = sk.rcvNxt;
  sk.firstRetransmitAt = 0;
  // tcp_finish_connect
  initTransfer(sk);
  sk.waiter?.wakeUp();
  sendAck(sk);
  dataSndCheck(sk);
  return TAKEN;
}

/** The rest of tcp_rcv_synsent_state_process: both have sent a SYN, and now each answers the other's (RFC 9293 §3.5). */
function openSimultaneously(sk: TcpSock, segment: TcpSegment): Verdict {
  sk.state = TcpState.synRecv;
  sk.mssClamp = segment.mss === 0 ? MSS_DEFAULT : segment.mss;
  sk.hasSack = segment.sackPermitted && sk.tcp.sysctl.sack;
  sk.hasWindowScale = segment.windowScale >= 0 && sk.tcp.sysctl.windowScaling;
  if (sk.hasWindowScale) sk.sndWscale = segment.windowScale;
  else {
    sk.rcvWscale = 0;
    sk.sndWscale = 0;
    sk.windowClamp = Math.min(sk.windowClamp, 0xffff);
  }
  sk.headerLength = 20;
  if (segment.hasTimestamp && sk.tcp.sysctl.timestamps) {
    sk.hasTimestamps = true;
    sk.headerLength += TIMESTAMP_LENGTH;
    sk.tsRecent = segment.tsValue;
    sk.tsRecentAt = sk.softnet.now;
  }
  sk.rcvNxt = (segment.seq + 1) | 0;
  sk.copiedSeq = sk.rcvNxt;
  sk.rcvWup = sk.rcvNxt;
  sk.sndWnd = segment.window;
  sk.sndWl1 = segment.seq;
  sk.maxWindow = sk.sndWnd;
  syncMss(sk, sk.pmtuCookie);
  initializeRcvMss(sk);
  sendSynAck(sk);
  return TAKEN;
}

/** The state SYN_RECV ends: a connection that was accepted is established. */
function passiveEstablished(sk: TcpSock, segment: TcpSegment): void {
  sk.delivered++;
  if (sk.srttUs === 0) measureSynAck(sk, sk.synAckSentAt);
  sk.firstRetransmitAt = 0;
  sk.sndUna = segment.ack;
  sk.sndWnd = segment.window << sk.sndWscale;
  sk.sndWl1 = segment.seq;
  if (sk.hasTimestamps) sk.advmss -= TIMESTAMP_LENGTH;
  sk.copiedSeq = sk.rcvNxt;
  initTransfer(sk);
  initializeRcvMss(sk);
}

/** Linux tcp_init_transfer: from now on data may flow. */
function initTransfer(sk: TcpSock): void {
  sk.state = TcpState.established;
  sndbufExpand(sk);
  initBufferSpace(sk);
  sk.lastSentAt = sk.softnet.now;
  sk.sndCwndAt = sk.softnet.now;
  confirmNeighbor(sk);
  if (sk.keepOpen) setKeepalive(sk, sk.keepIdleUs);
}

/** Linux tcp_validate_incoming (RFC 9293 §3.10.7.4; RFC 7323 §5; RFC 5961). */
function validateIncoming(sk: TcpSock, segment: TcpSegment): Verdict {
  const { flags } = segment;
  const isReset = (flags & TcpFlag.rst) !== 0;
  const isSyn = (flags & TcpFlag.syn) !== 0;
  if (segment.hasTimestamp && sk.hasTimestamps && !isReset && isOldTimestamp(sk, segment)) {
    if (isSyn) return challengeSyn(sk);
    sendDupAck(sk, segment);
    return DropReason.TCP_RFC7323_PAWS;
  }
  const refusal = checkSequence(sk, segment);
  if (refusal !== TAKEN) {
    if (isReset) return isResetAfterFin(sk, segment) ? takeReset(sk) : refusal;
    if (isSyn) return challengeSyn(sk);
    sendDupAck(sk, segment);
    return refusal;
  }
  if (isReset) {
    if (segment.seq === sk.rcvNxt || isResetAfterFin(sk, segment)) return takeReset(sk);
    sendChallengeAck(sk);
    return DropReason.TCP_RESET;
  }
  return isSyn && !isAnswerToSyn(sk, segment) ? challengeSyn(sk) : TAKEN;
}

/** RFC 5961 §4. */
function challengeSyn(sk: TcpSock): Verdict {
  sendChallengeAck(sk);
  return DropReason.TCP_INVALID_SYN;
}

/** Of both sides that sent a SYN each, the other's answer to ours: it begins where its SYN did. */
function isAnswerToSyn(sk: TcpSock, { seq, endSeq, flags, ack: acked }: TcpSegment): boolean {
  if (sk.state !== TcpState.synRecv || (flags & TcpFlag.ack) === 0) return false;
  return ((seq + 1) | 0) === endSeq && endSeq === sk.rcvNxt && acked === sk.sndNxt;
}

/** Linux tcp_paws_discard and tcp_disordered_ack. */
function isOldTimestamp(sk: TcpSock, segment: TcpSegment): boolean {
  if (!before(segment.tsValue, sk.tsRecent) || sk.softnet.now - sk.tsRecentAt > PAWS_AGE) return false;
  // A pure acknowledgment that was overtaken by another is no harm.
  const isDisordered =
    segment.seq === segment.endSeq &&
    segment.seq === sk.rcvNxt &&
    segment.ack === sk.sndUna &&
    !before(segment.tsValue, (sk.tsRecent - 1) | 0);
  return !isDisordered;
}

/** Linux tcp_sequence. */
function checkSequence(sk: TcpSock, segment: TcpSegment): Verdict {
  const limit = (sk.rcvNxt + receiveWindow(sk)) | 0;
  if (before(segment.endSeq, sk.rcvWup)) return DropReason.TCP_OLD_SEQUENCE;
  if (!after((segment.endSeq - (segment.flags & TcpFlag.fin)) | 0, limit)) return TAKEN;
  const mayBegin = !after(segment.seq, limit) && sk.readableLength === 0;
  return mayBegin ? TAKEN : DropReason.TCP_INVALID_SEQUENCE;
}

/** Linux tcp_reset_check: some hosts reset with the sequence number of their FIN. */
function isResetAfterFin(sk: TcpSock, segment: TcpSegment): boolean {
  const isClosing = sk.state === TcpState.closeWait || sk.state === TcpState.lastAck || sk.state === TcpState.closing;
  return isClosing && segment.seq === ((sk.rcvNxt - 1) | 0);
}

function takeReset(sk: TcpSock): Verdict {
  resetByPeer(sk);
  return TAKEN;
}

/** Linux tcp_reset. */
function resetByPeer(sk: TcpSock): void {
  switch (sk.state) {
    case TcpState.synSent:
      return sk.fail(Errno.ECONNREFUSED);
    case TcpState.closeWait:
      return sk.fail(Errno.EPIPE);
    case TcpState.close:
      return;
    default:
      return sk.fail(Errno.ECONNRESET);
  }
}

/** Linux tcp_send_dupack: an acknowledgment at once, which says what was received twice. */
function sendDupAck(sk: TcpSock, segment: TcpSegment): void {
  if (isOutOfWindowLimited(sk, segment)) return;
  if (segment.endSeq !== segment.seq && before(segment.seq, sk.rcvNxt)) {
    enterQuickack(sk);
    const end = after(segment.endSeq, sk.rcvNxt) ? sk.rcvNxt : segment.endSeq;
    if (sk.hasSack) sk.receiveQueue.setDsack(segment.seq, end);
  }
  sendAck(sk);
}

/** Linux tcp_oow_rate_limited: two hosts that do not agree do not tell each other so all the time. */
function isOutOfWindowLimited(sk: TcpSock, segment: TcpSegment): boolean {
  if (segment.length > 0 && (segment.flags & TcpFlag.syn) === 0) return false;
  return isLimited(sk);
}

function isLimited(sk: TcpSock): boolean {
  const { now } = sk.softnet;
  if (now - sk.lastOutOfWindowAt < OUT_OF_WINDOW_INTERVAL) return true;
  sk.lastOutOfWindowAt = now;
  return false;
}

/** Linux tcp_send_challenge_ack (RFC 5961 §5). */
function sendChallengeAck(sk: TcpSock): void {
  if (!isLimited(sk)) sendAck(sk);
}

/** Linux tcp_data_snd_check: what may be sent now, and who waits for room. */
function dataSndCheck(sk: TcpSock): void {
  if (sk.sendQueue.sendHead !== undefined) pushPendingFrames(sk, currentMss(sk), sk.nonagle);
  if (!sk.wantsSpace) return;
  // tcp_new_space
  if (sk.packetsOut < sk.sndCwnd) sndbufExpand(sk);
  writeSpace(sk);
}
