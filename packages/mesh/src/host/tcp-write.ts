/**
 * What programs write, on its way out (Linux net/ipv4/tcp.c: tcp_sendmsg_locked, tcp_push; tcp_output.c: tcp_write_xmit,
 * tcp_tso_should_defer, tcp_tso_autosize, tcp_mss_split_point, tcp_grow_skb).
 *
 * Not modelled: autocorking and small queues (what is sent has left the host at once), zero copy, urgent data.
 */
import * as tcp from "@hopscope/codec/tcp";
import { SendError } from "./ipv4.ts";
import { cwndRestart, cwndValidate, packetsInFlight, pacingBytes } from "./tcp-cong.ts";
import { boundToHalfWindow, currentMss } from "./tcp-mss.ts";
import { eventNewDataSent, transmitSkb } from "./tcp-output.ts";
import { after, before } from "./tcp-sequence.ts";
import type { TcpSkb } from "./tcp-skb.ts";
import { Nagle, NEVER, RTO_MIN_US, TCP_INIT_CWND, TcpCa, TcpTimerKind, type TcpSock } from "./tcp-sock.ts";
import { scheduleLossProbe } from "./tcp-loss-probe.ts";
import { setTimer } from "./tcp-timer.ts";

const { TcpFlag } = tcp;

/** The most that one piece may hold: 64 KiB less headers (sk_gso_max_size). */
const GSO_MAX_SIZE = 65_536 - 321;
/** Memory of a piece besides its data, and of a full segment's headers and structures. */
const SKB_OVERHEAD = 1280;
const SEGMENT_OVERHEAD = 320 + 320;
const SK_BUFF = 256;

/** Which pieces a call of writeXmit sends (push_one). */
export const Push = { all: 0, one: 1, probe: 2 } as const;
export type Push = (typeof Push)[keyof typeof Push];

/** Linux tcp_wnd_end: behind the last byte that the other side has room for. */
export function windowEnd(sk: TcpSock): number {
  return (sk.sndUna + sk.sndWnd) | 0;
}

/** Linux tcp_sendmsg_locked: takes as much of `bytes` as there is room for, and sends what may be sent. */
export function sendmsg(sk: TcpSock, bytes: Uint8Array): number {
  const { sendQueue, sendRing } = sk;
  const mss = currentMss(sk);
  const sizeGoal = xmitSizeGoal(sk, mss);
  let copied = 0;
  while (copied < bytes.length) {
    let skb = sendQueue.sendHead === undefined ? undefined : sendQueue.tail!;
    if (skb === undefined || skb.length >= sizeGoal) {
      if (sk.wmemQueued >= sk.sndbuf) {
        sk.wantsSpace = true;
        break;
      }
      slowStartAfterIdle(sk);
      skb = sendQueue.append(sk.writeSeq, TcpFlag.ack);
      sk.wmemQueued += SKB_OVERHEAD;
    }
    const length = Math.min(sizeGoal - skb.length, bytes.length - copied);
    if (copied === 0) skb.flags &= ~TcpFlag.psh;
    const end = (sk.writeSeq + length) | 0;
    sendRing.reserve(sk.sndUna, end);
    sendRing.write(sk.writeSeq, bytes, copied, copied + length);
    sk.writeSeq = end;
    skb.endSeq = end;
    sk.wmemQueued += length;
    copied += length;
    if (copied === bytes.length || skb.length < sizeGoal) continue;
    if (forcedPush(sk)) {
      markPush(sk, skb);
      pushPendingFrames(sk, mss, Nagle.push);
    } else if (skb === sendQueue.sendHead) writeXmit(sk, mss, Nagle.push, Push.one);
  }
  if (copied > 0) {
    const { tail } = sendQueue;
    // All may have been sent by now.
    if (tail !== undefined && sendQueue.sendHead !== undefined) markPush(sk, tail);
    pushPendingFrames(sk, mss, copied < bytes.length ? Nagle.push : sk.nonagle);
  }
  return copied;
}

/** Linux tcp_xmit_size_goal: how long a piece may grow before it is sent, in whole segments. */
function xmitSizeGoal(sk: TcpSock, mss: number): number {
  const size = boundToHalfWindow(sk, GSO_MAX_SIZE);
  let goal = sk.gsoSegs * mss;
  if (size < goal || size >= goal + mss) {
    sk.gsoSegs = Math.floor(size / mss);
    goal = sk.gsoSegs * mss;
  }
  return Math.max(goal, mss);
}

/** Linux forced_push. */
function forcedPush(sk: TcpSock): boolean {
  return after(sk.writeSeq, (sk.pushedSeq + (sk.maxWindow >> 1)) | 0);
}

function markPush(sk: TcpSock, skb: TcpSkb): void {
  skb.flags |= TcpFlag.psh;
  sk.pushedSeq = sk.writeSeq;
}

/** Linux tcp_slow_start_after_idle_check. */
function slowStartAfterIdle(sk: TcpSock): void {
  if (sk.packetsOut > 0) return;
  const idleUs = (sk.softnet.now - sk.lastSentAt) / 1000;
  if (idleUs > sk.rtoUs) cwndRestart(sk, idleUs);
}

/** Linux __tcp_push_pending_frames. */
export function pushPendingFrames(sk: TcpSock, mss: number, nonagle: number): void {
  if (sk.sendQueue.sendHead === undefined) return;
  if (writeXmit(sk, mss, nonagle, Push.all)) checkProbeTimer(sk);
}

/** Linux tcp_check_probe_timer: nothing is under way and nothing may be sent: the other side has to be asked. */
function checkProbeTimer(sk: TcpSock): void {
  if (sk.packetsOut === 0 && sk.timerKind === TcpTimerKind.none) {
    setTimer(sk, TcpTimerKind.probe0, Math.max(sk.rtoUs, RTO_MIN_US));
  }
}

/**
 * Linux tcp_write_xmit: sends what windows allow. True if nothing is under way and something could not be sent.
 */
export function writeXmit(sk: TcpSock, mss: number, nonagle: number, push: Push): boolean {
  const { sendQueue } = sk;
  const maxSegs = tsoSegs(sk, mss);
  const { now } = sk.softnet;
  let sent = 0;
  let isCwndLimited = false;
  for (let skb = sendQueue.sendHead; skb !== undefined; skb = sendQueue.sendHead) {
    let quota = cwndTest(sk);
    if (quota === 0) {
      if (push !== Push.probe) break;
      quota = 1;
    }
    quota = Math.min(quota, maxSegs);
    const missing = quota * mss - skb.length;
    if (missing > 0) growSkb(sk, skb, missing);
    const { length } = skb;
    const segments = length > mss ? Math.ceil(length / mss) : 1;
    if (!sndWndTest(sk, skb, mss)) break;
    if (segments === 1) {
      if (!nagleTest(sk, skb, mss, skb === sendQueue.tail ? nonagle : Nagle.push)) break;
    } else if (push === Push.all) {
      const deferral = tsoShouldDefer(sk, skb, maxSegs, now);
      if (deferral !== Deferral.none) {
        isCwndLimited ||= deferral === Deferral.cwndLimited;
        break;
      }
    }
    const limit = segments > 1 ? mssSplitPoint(sk, skb, mss, quota, nonagle) : mss;
    if (length > limit) {
      sendQueue.split(skb, limit);
      sk.wmemQueued += SKB_OVERHEAD;
    }
    if (transmitSkb(sk, skb, mss) !== SendError.none) break;
    const { segments: onWire, length: sentLength, endSeq } = skb;
    eventNewDataSent(sk, skb);
    // Linux tcp_minshall_update.
    if (sentLength < onWire * mss) sk.sndSml = endSeq;
    sent += onWire;
    if (push !== Push.all) break;
  }
  isCwndLimited ||= packetsInFlight(sk) >= sk.sndCwnd;
  if (sent > 0 || isCwndLimited) cwndValidate(sk, isCwndLimited);
  if (sent === 0) return sk.packetsOut === 0 && sendQueue.sendHead !== undefined;
  if (sk.caState === TcpCa.cwr || sk.caState === TcpCa.recovery) sk.prrOut += sent;
  if (push !== Push.probe) scheduleLossProbe(sk, false);
  return false;
}

/** Linux tcp_cwnd_test: segments that may be sent; not more than half a window at once, so that acknowledgments flow. */
function cwndTest(sk: TcpSock): number {
  const { sndCwnd } = sk;
  const inFlight = packetsInFlight(sk);
  if (inFlight >= sndCwnd) return 0;
  return Math.min(Math.max(sndCwnd >> 1, 1), sndCwnd - inFlight);
}

/** Linux tcp_snd_wnd_test: is there room for the first segment of it? */
export function sndWndTest(sk: TcpSock, skb: TcpSkb, mss: number): boolean {
  const end = skb.length > mss ? (skb.seq + mss) | 0 : skb.endSeq;
  return !after(end, windowEnd(sk));
}

/** Linux tcp_nagle_test: a segment that is not full waits while another such is under way. */
function nagleTest(sk: TcpSock, skb: TcpSkb, mss: number, nonagle: number): boolean {
  if ((nonagle & Nagle.push) !== 0 || (skb.flags & TcpFlag.fin) !== 0) return true;
  return !nagleCheck(sk, skb.length < mss, nonagle);
}

/** Linux tcp_nagle_check: true if it has to wait. */
function nagleCheck(sk: TcpSock, isPartial: boolean, nonagle: number): boolean {
  if (!isPartial) return false;
  if ((nonagle & Nagle.cork) !== 0) return true;
  return nonagle === Nagle.none && sk.packetsOut > 0 && after(sk.sndSml, sk.sndUna) && !after(sk.sndSml, sk.sndNxt);
}

/** Linux tcp_grow_skb: takes bytes from the piece behind. */
function growSkb(sk: TcpSock, skb: TcpSkb, amount: number): void {
  const { next } = skb;
  if (next === undefined) return;
  const moved = Math.min(amount, next.length);
  if (moved === 0) return;
  skb.endSeq = (skb.endSeq + moved) | 0;
  next.seq = (next.seq + moved) | 0;
  if (next.length > 0) return;
  skb.endSeq = next.endSeq;
  skb.flags |= next.flags;
  sk.sendQueue.remove(next);
  sk.wmemQueued -= SKB_OVERHEAD;
}

/** Linux tcp_mss_split_point: whole segments, as many as windows allow; and the rest, if Nagle has nothing against it. */
function mssSplitPoint(sk: TcpSock, skb: TcpSkb, mss: number, quota: number, nonagle: number): number {
  const window = (windowEnd(sk) - skb.seq) | 0;
  const most = mss * quota;
  if (most <= window && skb !== sk.sendQueue.tail) return most;
  const needed = Math.min(skb.length, window);
  if (most <= needed) return most;
  const partial = needed % mss;
  return nagleCheck(sk, partial !== 0, nonagle) ? needed - partial : needed;
}

/** Linux tcp_tso_segs and tcp_tso_autosize: the shorter the way, the more at once. */
export function tsoSegs(sk: TcpSock, mss: number): number {
  let bytes = pacingBytes(sk);
  const r = sk.minRttUs === NEVER ? 31 : Math.floor(sk.minRttUs / 512);
  if (r < 32) bytes += Math.floor(GSO_MAX_SIZE / 2 ** r);
  return Math.max(Math.floor(Math.min(bytes, GSO_MAX_SIZE) / mss), 2);
}

const Deferral = { none: 0, cwndLimited: 1, other: 2 } as const;
type Deferral = (typeof Deferral)[keyof typeof Deferral];
/** net.ipv4.tcp_tso_win_divisor */
const TSO_WIN_DIVISOR = 3;
const MILLISECOND = 1_000_000;

/** Linux tcp_tso_should_defer: a piece that windows cut short may wait for the next acknowledgment, if that comes soon. */
function tsoShouldDefer(sk: TcpSock, skb: TcpSkb, maxSegs: number, now: number): Deferral {
  if (sk.caState >= TcpCa.recovery) return Deferral.none;
  if (now - sk.lastSentAt > MILLISECOND) return Deferral.none;
  const sendWindow = (windowEnd(sk) - skb.seq) | 0;
  const congestionWindow = (sk.sndCwnd - packetsInFlight(sk)) * sk.mssCache;
  const limit = Math.min(sendWindow, congestionWindow);
  if (limit >= maxSegs * sk.mssCache) return Deferral.none;
  if (skb !== sk.sendQueue.tail && limit >= skb.length) return Deferral.none;
  const chunk = Math.floor(Math.min(sk.sndWnd, sk.sndCwnd * sk.mssCache) / TSO_WIN_DIVISOR);
  if (limit >= chunk) return Deferral.none;
  const head = sk.sendQueue.retransmitHead;
  if (head === undefined) return Deferral.none;
  const srtt = (sk.srttUs / 8) * 1000;
  const untilAck = head.sentAt + srtt - now;
  if (untilAck - Math.min(srtt / 2, MILLISECOND) > 0) return Deferral.none;
  if (congestionWindow < sendWindow) {
    if (congestionWindow <= skb.length) return Deferral.cwndLimited;
  } else if (sendWindow <= skb.length) return Deferral.other;
  return (skb.flags & TcpFlag.fin) !== 0 ? Deferral.none : Deferral.other;
}

/** Linux tcp_sndbuf_expand: room for two windows, each segment in memory of its own. */
export function sndbufExpand(sk: TcpSock): void {
  if (sk.isSndbufLocked) return;
  const each = Math.max(sk.mssClamp, sk.mssCache) + SEGMENT_OVERHEAD;
  const perMss = 2 ** (32 - Math.clz32(each - 1)) + SK_BUFF;
  const segments = Math.max(TCP_INIT_CWND, sk.sndCwnd, sk.reordering + 1);
  sk.sndbuf = Math.max(sk.sndbuf, Math.min(2 * segments * perMss, sk.tcp.sysctl.wmemMax));
}

/** Linux sk_stream_write_space: who waits for room is told when a third of it is free. */
export function writeSpace(sk: TcpSock): void {
  if (!sk.wantsSpace || sk.sndbuf - sk.wmemQueued < sk.wmemQueued >> 1) return;
  sk.wantsSpace = false;
  sk.waiter?.wakeUp();
}

/** Linux tcp_trim_head: the first `length` bytes of a piece are acknowledged. */
export function trimHead(sk: TcpSock, skb: TcpSkb, length: number): void {
  skb.seq = (skb.seq + length) | 0;
  sk.wmemQueued -= length;
}

/** The piece is acknowledged as a whole: its memory is free (tcp_wmem_free_skb). */
export function freeSkb(sk: TcpSock, skb: TcpSkb): void {
  const { length, flags } = skb;
  // A SYN, or a FIN alone, was never counted.
  if (length > 0 || (flags & (TcpFlag.syn | TcpFlag.fin)) === 0) sk.wmemQueued -= length + SKB_OVERHEAD;
  sk.sendQueue.remove(skb);
}

/** The rest of a piece that is too long for what may be sent of it now; both know how many segments they are. */
export function fragment(sk: TcpSock, skb: TcpSkb, length: number, mss: number): TcpSkb {
  const before_ = skb.segments;
  const rest = sk.sendQueue.split(skb, length);
  sk.wmemQueued += SKB_OVERHEAD;
  skb.segments = Math.max(1, Math.ceil(skb.length / mss));
  rest.segments = Math.max(1, Math.ceil(rest.length / mss));
  if (!before(sk.sndNxt, rest.endSeq)) adjustSegments(sk, skb, before_ - skb.segments - rest.segments);
  return rest;
}

/** Linux tcp_adjust_pcount: a piece is that many segments less than was thought. */
export function adjustSegments(sk: TcpSock, skb: TcpSkb, fewer: number): void {
  if (fewer === 0) return;
  sk.packetsOut -= fewer;
  if ((skb.sacked & 1) !== 0) sk.sackedOut -= fewer;
  if ((skb.sacked & 2) !== 0) sk.retransOut -= fewer;
  if ((skb.sacked & 4) !== 0) sk.lostOut -= fewer;
}
