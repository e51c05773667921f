/**
 * A TCP socket's timers (Linux net/ipv4/tcp_timer.c): retransmission, the probes that share its timer, delayed
 * acknowledgments, keep-alive. Each expires when the kernel's wheel comes by (sim/timer-wheel.ts).
 */
import { Errno } from "../errno.ts";
import { TcpState } from "./socket.ts";
import { sendAck, sendActiveReset, writeWakeup } from "./tcp-output.ts";
import { sendLossProbe } from "./tcp-loss-probe.ts";
import { enterLoss, rackReorderTimeout } from "./tcp-recovery.ts";
import { retransmitSkb } from "./tcp-retransmit.ts";
import {
  ATO_MIN_US,
  AckPending,
  DELACK_MAX_US,
  NEVER,
  RTO_MAX_US,
  RTO_MIN_US,
  TIMEOUT_INIT_US,
  TcpTimerKind,
  type TcpSock,
} from "./tcp-sock.ts";

/** Which of a socket's timers an event is for. */
export const Timer = { retransmit: 0, delayedAck: 1, keepalive: 2 } as const;
export type Timer = (typeof Timer)[keyof typeof Timer];

/** Retransmissions until an orphan is given up (tcp_orphan_retries, net.ipv4.tcp_orphan_retries 0). */
const ORPHAN_RETRIES = 8;

/** Linux inet_csk_reset_xmit_timer: `us` from now. */
export function setTimer(sk: TcpSock, kind: TcpTimerKind, us: number): void {
  sk.timerKind = kind;
  sk.timerAt = sk.softnet.now + Math.min(us, RTO_MAX_US) * 1000;
  sk.schedule(Timer.retransmit, sk.timerAt);
}

/** Linux inet_csk_clear_xmit_timer. */
export function clearTimer(sk: TcpSock): void {
  sk.timerKind = TcpTimerKind.none;
  sk.timerAt = NEVER;
}

export function clearTimers(sk: TcpSock): void {
  clearTimer(sk);
  sk.ackPending = 0;
  sk.ackTimeoutAt = NEVER;
  sk.keepaliveAt = NEVER;
}

/** Linux tcp_rearm_rto. */
export function rearmRto(sk: TcpSock): void {
  if (sk.packetsOut === 0) return clearTimer(sk);
  let us = sk.rtoUs;
  // Offset the time elapsed after installing regular RTO.
  if (sk.timerKind === TcpTimerKind.reorder || sk.timerKind === TcpTimerKind.lossProbe) {
    us = Math.max(rtoDelta(sk), 1);
  }
  setTimer(sk, TcpTimerKind.retransmit, us);
}

/** Linux tcp_rto_delta_us: microseconds until the oldest segment's timeout. */
export function rtoDelta(sk: TcpSock): number {
  const head = sk.sendQueue.retransmitHead;
  return head === undefined ? sk.rtoUs : sk.rtoUs - (sk.softnet.now - head.sentAt) / 1000;
}

/** Linux inet_csk_ack_scheduled. */
export function isAckScheduled(sk: TcpSock): boolean {
  return (sk.ackPending & AckPending.scheduled) !== 0;
}

/** Sends the acknowledgment that is owed `us` from now. */
export function ackTimer(sk: TcpSock, us: number): void {
  sk.ackPending |= AckPending.scheduled | AckPending.timer;
  sk.ackTimeoutAt = sk.softnet.now + us * 1000;
  sk.schedule(Timer.delayedAck, sk.ackTimeoutAt);
}

/** Linux tcp_send_delayed_ack. */
export function sendDelayedAck(sk: TcpSock): void {
  const { now } = sk.softnet;
  let ato = sk.atoUs;
  if (ato > ATO_MIN_US) {
    let most = 500_000;
    if (isInPingpong(sk) || (sk.ackPending & AckPending.pushed) !== 0) most = DELACK_MAX_US;
    if (sk.srttUs > 0) most = Math.min(most, Math.max(sk.srttUs / 8, ATO_MIN_US));
    ato = Math.min(ato, most);
  }
  ato = Math.min(ato, DELACK_MAX_US);
  let at = now + ato * 1000;
  if ((sk.ackPending & AckPending.timer) !== 0) {
    // It is nearly due: no use waiting.
    if (sk.ackTimeoutAt <= now + (ato / 4) * 1000) return sendAck(sk);
    at = Math.min(at, sk.ackTimeoutAt);
  }
  ackTimer(sk, (at - now) / 1000);
}

/** Linux inet_csk_in_pingpong_mode. */
export function isInPingpong(sk: TcpSock): boolean {
  return sk.ackPingpong >= 1;
}

/** Linux tcp_delack_timer_handler. */
export function delayedAckTimer(sk: TcpSock): void {
  if ((sk.ackPending & AckPending.timer) === 0 || sk.state === TcpState.close || sk.state === TcpState.listen) return;
  sk.ackPending &= ~AckPending.timer;
  if (!isAckScheduled(sk)) return;
  if (isInPingpong(sk)) {
    // No answer took the acknowledgment along: it is no conversation.
    sk.ackPingpong = 0;
    sk.atoUs = ATO_MIN_US;
  } else sk.atoUs = Math.min(sk.atoUs * 2, sk.rtoUs);
  sendAck(sk);
}

/** Linux tcp_write_timer_handler. */
export function writeTimer(sk: TcpSock): void {
  const kind = sk.timerKind;
  sk.timerAt = NEVER;
  switch (kind) {
    case TcpTimerKind.reorder:
      return rackReorderTimeout(sk);
    case TcpTimerKind.lossProbe:
      return sendLossProbe(sk);
    case TcpTimerKind.retransmit:
      sk.timerKind = TcpTimerKind.none;
      return retransmitTimer(sk);
    case TcpTimerKind.probe0:
      sk.timerKind = TcpTimerKind.none;
      return probeTimer(sk);
  }
}

/** Linux tcp_retransmit_timer. */
function retransmitTimer(sk: TcpSock): void {
  const head = sk.sendQueue.retransmitHead;
  if (sk.packetsOut === 0 || head === undefined) return;
  const { sysctl } = sk.tcp;
  const isConnecting = sk.state === TcpState.synSent;
  const isWindowClosed = sk.sndWnd === 0 && !sk.isOrphan && !isConnecting;
  if (!isWindowClosed && hasTimedOut(sk)) return sk.fail(sk.softError === Errno.none ? Errno.ETIMEDOUT : sk.softError);
  enterLoss(sk);
  sk.totalRto++;
  if (sk.retransmits++ === 0 && sk.firstRetransmitAt === 0) sk.firstRetransmitAt = sk.softnet.now;
  // sk_rethink_txhash: another way may be better.
  if (sk.txHash !== 0) sk.txHash = sk.netns.node.socketRandom.int32();
  // The head may have been exchanged for what it was cut into.
  const first = sk.sendQueue.retransmitHead;
  if (first !== undefined) retransmitSkb(sk, first, 1);
  if (!isConnecting || sk.totalRto > sysctl.synLinearTimeouts) {
    sk.backoff++;
    sk.rtoUs = Math.min(sk.rtoUs * 2, RTO_MAX_US);
  }
  setTimer(sk, TcpTimerKind.retransmit, sk.rtoUs);
}

/** Linux tcp_write_timeout: true if it has been tried often enough. */
function hasTimedOut(sk: TcpSock): boolean {
  const { sysctl } = sk.tcp;
  if (sk.state === TcpState.synSent) {
    if (sk.retransmits >= sysctl.synRetries + sysctl.synLinearTimeouts) return true;
    // Nor longer than the retries would have taken without the linear ones (retransmits_timed_out).
    return sk.softnet.now - sk.firstRetransmitAt >= (2 ** (sysctl.synRetries + 1) - 1) * TIMEOUT_INIT_US * 1000;
  }
  const retries = sk.isOrphan ? Math.min(ORPHAN_RETRIES, sysctl.retries2) : sysctl.retries2;
  if (sk.retransmits === 0) return false;
  return sk.softnet.now - sk.firstRetransmitAt >= modelTimeout(retries) * 1000;
}

/** Linux tcp_model_timeout: how long so many retransmissions take when all begins with the least timeout. */
function modelTimeout(boundary: number): number {
  const threshold = Math.floor(Math.log2(RTO_MAX_US / RTO_MIN_US));
  if (boundary <= threshold) return (2 ** (boundary + 1) - 1) * RTO_MIN_US;
  return (2 ** (threshold + 1) - 1) * RTO_MIN_US + (boundary - threshold) * RTO_MAX_US;
}

/** Linux tcp_probe_timer and tcp_send_probe0: the other side's window is closed; is it still? */
function probeTimer(sk: TcpSock): void {
  if (sk.packetsOut > 0 || sk.sendQueue.sendHead === undefined) {
    sk.probesOut = 0;
    return;
  }
  const { retries2 } = sk.tcp.sysctl;
  if (sk.probesOut >= (sk.isOrphan ? Math.min(ORPHAN_RETRIES, retries2) : retries2)) {
    return sk.fail(sk.softError === Errno.none ? Errno.ETIMEDOUT : sk.softError);
  }
  writeWakeup(sk);
  if (sk.packetsOut > 0 || sk.sendQueue.sendHead === undefined) {
    sk.probesOut = 0;
    sk.backoff = 0;
    return;
  }
  sk.probesOut++;
  if (sk.backoff < retries2) sk.backoff++;
  setTimer(sk, TcpTimerKind.probe0, probe0When(sk));
}

/** Linux tcp_probe0_when. */
export function probe0When(sk: TcpSock): number {
  const backoff = Math.min(Math.floor(Math.log2(RTO_MAX_US / RTO_MIN_US)) + 1, sk.backoff);
  return Math.min(Math.max(sk.rtoUs, RTO_MIN_US) * 2 ** backoff, RTO_MAX_US);
}

/** Linux tcp_reset_keepalive_timer. */
export function setKeepalive(sk: TcpSock, us: number): void {
  sk.keepaliveAt = sk.softnet.now + us * 1000;
  sk.schedule(Timer.keepalive, sk.keepaliveAt);
}

/** Linux tcp_keepalive_timer: also the end of an orphan in FIN_WAIT2. */
export function keepaliveTimer(sk: TcpSock): void {
  sk.keepaliveAt = NEVER;
  if (sk.state === TcpState.finWait2 && sk.isOrphan) return sk.timeWait(TcpState.finWait2, 0);
  if (!sk.keepOpen || sk.state === TcpState.close || sk.state === TcpState.synSent) return;
  // What is under way asks often enough.
  if (sk.packetsOut > 0 || sk.sendQueue.sendHead !== undefined) return setKeepalive(sk, sk.keepIdleUs);
  const idleUs = (sk.softnet.now - Math.max(sk.lastReceivedAt, sk.lastAckAt)) / 1000;
  if (idleUs < sk.keepIdleUs) return setKeepalive(sk, sk.keepIdleUs - idleUs);
  if (sk.probesOut >= sk.keepProbes) {
    sendActiveReset(sk);
    return sk.fail(sk.softError === Errno.none ? Errno.ETIMEDOUT : sk.softError);
  }
  writeWakeup(sk);
  sk.probesOut++;
  setKeepalive(sk, sk.keepIntervalUs);
}
