/**
 * Sending again (Linux net/ipv4/tcp_output.c: tcp_retransmit_skb, tcp_xmit_retransmit_queue; tcp_input.c:
 * tcp_mark_skb_lost, tcp_simple_retransmit).
 *
 * Not modelled: small pieces are not put together when they are sent again (tcp_retrans_try_collapse).
 */
import { SendError } from "./ipv4.ts";
import { initCwndReduction, packetsInFlight } from "./tcp-cong.ts";
import { isStillInHostQueue } from "./tcp-host-queue.ts";
import { currentMss } from "./tcp-mss.ts";
import { transmitSkb } from "./tcp-output.ts";
import { before } from "./tcp-sequence.ts";
import { Sacked, type TcpSkb } from "./tcp-skb.ts";
import { TcpCa, TcpTimerKind, type TcpSock } from "./tcp-sock.ts";
import { rearmRto, setTimer } from "./tcp-timer.ts";
import { adjustSegments, fragment, trimHead, tsoSegs, windowEnd } from "./tcp-write.ts";

/** Linux tcp_retransmit_skb: sends up to `segments` of a piece again. False if that is not possible now. */
export function retransmitSkb(sk: TcpSock, skb: TcpSkb, segments: number): boolean {
  if (!transmitAgain(sk, skb, segments)) return false;
  skb.sacked |= Sacked.retransmitted | Sacked.everRetransmitted;
  sk.retransOut += skb.segments;
  sk.undoRetransmissions += skb.segments;
  if (sk.firstRetransmitAt === 0) sk.firstRetransmitAt = sk.softnet.now;
  return true;
}

/** Linux __tcp_retransmit_skb. */
export function transmitAgain(sk: TcpSock, skb: TcpSkb, segments: number): boolean {
  if (isStillInHostQueue(sk, skb)) return false;
  if (before(skb.seq, sk.sndUna)) trimHead(sk, skb, (sk.sndUna - skb.seq) | 0);
  const mss = currentMss(sk);
  let window = (windowEnd(sk) - skb.seq) | 0;
  if (window <= 0) {
    // What lies behind a closed window stays there; its first byte asks whether it still is.
    if (skb.seq !== sk.sndUna) return false;
    window = mss;
  }
  let length = mss * segments;
  if (length > window) {
    length = window - (window % mss);
    if (length === 0) length = window;
  }
  if (skb.length > length) fragment(sk, skb, length, mss);
  else {
    const old = skb.segments;
    skb.segments = Math.max(1, Math.ceil(skb.length / mss));
    adjustSegments(sk, skb, old - skb.segments);
  }
  skb.sacked |= Sacked.everRetransmitted;
  const isSent = transmitSkb(sk, skb, mss) === SendError.none;
  if (isSent) sk.totalRetransmits += skb.segments;
  return isSent;
}

/** Linux tcp_xmit_retransmit_queue: what is lost and was not sent again, as much as the congestion window allows. */
export function xmitRetransmitQueue(sk: TcpSock): void {
  const { sendQueue } = sk;
  const most = tsoSegs(sk, currentMss(sk));
  let mustArm = false;
  for (let skb = sendQueue.retransmitHead; skb !== undefined && skb !== sendQueue.sendHead; skb = skb.next) {
    const room = sk.sndCwnd - packetsInFlight(sk);
    if (room <= 0 || sk.lostOut <= sk.retransOut) break;
    if ((skb.sacked & Sacked.lost) === 0 || (skb.sacked & (Sacked.acked | Sacked.retransmitted)) !== 0) continue;
    if (!retransmitSkb(sk, skb, Math.min(room, most))) break;
    if (sk.caState === TcpCa.cwr || sk.caState === TcpCa.recovery) sk.prrOut += skb.segments;
    if (skb === sendQueue.retransmitHead && sk.timerKind !== TcpTimerKind.reorder) mustArm = true;
  }
  if (mustArm) setTimer(sk, TcpTimerKind.retransmit, sk.rtoUs);
}

/** Linux tcp_mark_skb_lost. */
export function markLost(sk: TcpSock, skb: TcpSkb): void {
  if ((skb.sacked & Sacked.acked) !== 0) return;
  if ((skb.sacked & Sacked.lost) === 0) {
    skb.sacked |= Sacked.lost;
    sk.lostOut += skb.segments;
    sk.lost += skb.segments;
  } else if ((skb.sacked & Sacked.retransmitted) !== 0) {
    skb.sacked &= ~Sacked.retransmitted;
    sk.retransOut -= skb.segments;
    sk.lost += skb.segments;
  }
}

/** Linux tcp_simple_retransmit: the path takes shorter packets than was thought: what is longer did not arrive. */
export function simpleRetransmit(sk: TcpSock): void {
  const mss = currentMss(sk);
  const { sendQueue } = sk;
  const priorLost = sk.lostOut;
  for (let skb = sendQueue.retransmitHead; skb !== undefined && skb !== sendQueue.sendHead; skb = skb.next) {
    if (skb.mss > mss && skb.length > mss) markLost(sk, skb);
  }
  if (priorLost === sk.lostOut) return;
  if (sk.caState !== TcpCa.loss) {
    // No congestion: the window stays as it is.
    sk.highSeq = sk.sndNxt;
    sk.sndSsthresh = Math.max(sk.sndSsthresh, sk.sndCwnd);
    sk.priorSsthresh = 0;
    sk.undoMarker = 0;
    sk.caState = TcpCa.loss;
  }
  xmitRetransmitQueue(sk);
}

/** Linux tcp_enter_recovery. */
export function enterRecovery(sk: TcpSock): void {
  sk.priorSsthresh = 0;
  sk.undoMarker = sk.sndUna;
  sk.undoRetransmissions = sk.retransOut;
  if (sk.caState < TcpCa.cwr) initCwndReduction(sk);
  sk.caState = TcpCa.recovery;
  rearmRto(sk);
}
