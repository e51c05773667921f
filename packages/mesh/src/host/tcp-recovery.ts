/**
 * Finding out what was lost, and the states in which it is repaired (Linux net/ipv4/tcp_recovery.c, RACK, RFC 8985;
 * tcp_input.c: tcp_fastretrans_alert, tcp_enter_loss, and NewReno's way for hosts without SACK).
 *
 * Not modelled: taking back a reduction that was for nothing (undo, F-RTO), a reordering window that grows.
 */
import { currentSsthresh, endCwndReduction, packetsInFlight } from "./tcp-cong.ts";
import { TIMEOUT_MIN_US } from "./tcp-loss-probe.ts";
import { currentMss } from "./tcp-mss.ts";
import { enterRecovery, markLost, xmitRetransmitQueue } from "./tcp-retransmit.ts";
import { after, before } from "./tcp-sequence.ts";
import { Sacked, type TcpSkb } from "./tcp-skb.ts";
import { NEVER, TcpCa, TcpTimerKind, type TcpSock } from "./tcp-sock.ts";
import { rearmRto, setTimer } from "./tcp-timer.ts";
import { fragment } from "./tcp-write.ts";

/** Linux tcp_rack_advance: a piece sent at `sentAt` has arrived. */
export function rackAdvance(sk: TcpSock, sacked: number, endSeq: number, sentAt: number): void {
  const rttUs = (sk.softnet.now - sentAt) / 1000;
  // Was it the retransmission that arrived, or the original after all?
  if (rttUs < sk.minRttUs && (sacked & (Sacked.retransmitted | Sacked.everRetransmitted)) !== 0) return;
  sk.rackAdvanced = true;
  sk.rackRttUs = rttUs;
  if (isSentAfter(sentAt, sk.rackSentAt, endSeq, sk.rackEndSeq)) {
    sk.rackSentAt = sentAt;
    sk.rackEndSeq = endSeq;
  }
}

/** Linux tcp_skb_sent_after. */
function isSentAfter(at: number, otherAt: number, seq: number, otherSeq: number): boolean {
  return at > otherAt || (at === otherAt && after(seq, otherSeq));
}

/** Linux tcp_rack_reo_wnd: how long a piece may be overtaken by others. */
function reorderWindowUs(sk: TcpSock): number {
  if (!sk.reorderSeen && (sk.caState >= TcpCa.recovery || sk.sackedOut >= sk.reordering)) return 0;
  return Math.min(sk.minRttUs === NEVER ? 0 : sk.minRttUs / 4, sk.srttUs / 8);
}

/** Linux tcp_rack_detect_loss: how long until the next may be thought lost, or 0. */
function detectLoss(sk: TcpSock): number {
  const window = reorderWindowUs(sk);
  const { sendQueue } = sk;
  let wait = 0;
  for (let skb = sendQueue.retransmitHead; skb !== undefined && skb !== sendQueue.sendHead; skb = skb.next) {
    if ((skb.sacked & Sacked.acked) !== 0) continue;
    if ((skb.sacked & Sacked.lost) !== 0 && (skb.sacked & Sacked.retransmitted) === 0) continue;
    if (!isSentAfter(sk.rackSentAt, skb.sentAt, sk.rackEndSeq, skb.endSeq)) continue;
    const remaining = skbTimeout(sk, skb, window);
    if (remaining <= 0) markLost(sk, skb);
    else wait = Math.max(wait, remaining);
  }
  return wait;
}

/** Linux tcp_rack_skb_timeout. */
function skbTimeout(sk: TcpSock, skb: TcpSkb, window: number): number {
  return sk.rackRttUs + window - (sk.softnet.now - skb.sentAt) / 1000;
}

/** Linux tcp_rack_mark_lost. True if a timer goes on looking. */
function rackMarkLost(sk: TcpSock): boolean {
  if (!sk.rackAdvanced) return false;
  sk.rackAdvanced = false;
  const wait = detectLoss(sk);
  if (wait > 0) setTimer(sk, TcpTimerKind.reorder, wait + TIMEOUT_MIN_US);
  return wait > 0;
}

/** Linux tcp_rack_reo_timeout. */
export function rackReorderTimeout(sk: TcpSock): void {
  const prior = packetsInFlight(sk);
  detectLoss(sk);
  if (prior !== packetsInFlight(sk)) {
    if (sk.caState !== TcpCa.recovery) enterRecovery(sk);
    xmitRetransmitQueue(sk);
  }
  if (sk.timerKind !== TcpTimerKind.retransmit) rearmRto(sk);
}

/** Linux tcp_identify_packet_loss. True if a timer has been set for it. */
function identifyLoss(sk: TcpSock, hasUnaAdvanced: boolean): boolean {
  if (sk.packetsOut === 0) return false;
  if (sk.hasSack) return rackMarkLost(sk);
  newRenoMarkLost(sk, hasUnaAdvanced);
  return false;
}

/** Linux tcp_newreno_mark_lost: three duplicate acknowledgments, and then one loss a round trip. */
function newRenoMarkLost(sk: TcpSock, hasUnaAdvanced: boolean): void {
  const isNew = sk.caState < TcpCa.recovery && sk.sackedOut >= sk.reordering;
  if (!isNew && !(sk.caState === TcpCa.recovery && hasUnaAdvanced)) return;
  const head = sk.sendQueue.retransmitHead;
  if (head === undefined || (head.sacked & Sacked.lost) !== 0) return;
  const mss = currentMss(sk);
  if (head.segments > 1 && head.length > mss) fragment(sk, head, mss, mss);
  markLost(sk, head);
}

/** Linux tcp_add_reno_sack: a duplicate acknowledgment says that something has arrived, not what. */
function addRenoSack(sk: TcpSock, count: number): void {
  const holes = Math.min(Math.max(sk.lostOut, 1), sk.packetsOut);
  const before_ = sk.sackedOut;
  sk.sackedOut = Math.min(sk.sackedOut + count, sk.packetsOut - holes);
  sk.delivered += Math.max(0, sk.sackedOut - before_);
}

/** What tcp_fastretrans_alert decides: whether to repeat what is lost, and whether it has set a timer. */
export const AlertResult = { none: 0, retransmit: 1, timer: 2 } as const;

/** Linux tcp_fastretrans_alert: an acknowledgment that is not quite in order. Answers bits of {@link AlertResult}. */
export function fastRetransAlert(sk: TcpSock, hasUnaAdvanced: boolean, duplicates: number): number {
  if (sk.packetsOut === 0) sk.sackedOut = 0;
  if (sk.caState === TcpCa.open) sk.firstRetransmitAt = 0;
  else if (!before(sk.sndUna, sk.highSeq)) leaveState(sk);
  if (!sk.hasSack) {
    if (hasUnaAdvanced && sk.caState !== TcpCa.recovery) sk.sackedOut = 0;
    if (!hasUnaAdvanced) addRenoSack(sk, duplicates);
  }
  const hasTimer = identifyLoss(sk, hasUnaAdvanced) ? AlertResult.timer : AlertResult.none;
  switch (sk.caState) {
    case TcpCa.recovery:
    case TcpCa.loss:
      break;
    default:
      if (sk.lostOut === 0) {
        tryToOpen(sk);
        return hasTimer;
      }
      enterRecovery(sk);
  }
  return hasTimer | AlertResult.retransmit;
}

/** All that was sent before the trouble has arrived. */
function leaveState(sk: TcpSock): void {
  switch (sk.caState) {
    case TcpCa.cwr:
      // Until something behind it is acknowledged.
      if (sk.sndUna === sk.highSeq) return;
      endCwndReduction(sk);
      break;
    case TcpCa.recovery:
      if (!sk.hasSack) {
        sk.sackedOut = 0;
        // RFC 6582: late duplicates are not the next loss.
        if (sk.sndUna === sk.highSeq) return;
      }
      endCwndReduction(sk);
      break;
  }
  sk.undoMarker = 0;
  sk.firstRetransmitAt = 0;
  sk.caState = TcpCa.open;
}

/** Linux tcp_try_to_open and tcp_try_keep_open. */
function tryToOpen(sk: TcpSock): void {
  if (sk.retransOut === 0) sk.firstRetransmitAt = 0;
  if (sk.caState === TcpCa.cwr) return;
  const hasTrouble = sk.sackedOut > 0 || sk.lostOut > 0 || sk.retransOut > 0;
  const state = hasTrouble ? TcpCa.disorder : TcpCa.open;
  if (sk.caState !== state) {
    sk.caState = state;
    sk.highSeq = sk.sndNxt;
  }
}

/** Linux tcp_enter_loss: the timer has run out. All that was sent before it is thought lost. */
export function enterLoss(sk: TcpSock): void {
  const { sendQueue } = sk;
  const head = sendQueue.retransmitHead;
  const hasReneged = head !== undefined && (head.sacked & Sacked.acked) !== 0;
  if (hasReneged || !sk.hasSack) sk.sackedOut = 0;
  for (let skb = head; skb !== undefined && skb !== sendQueue.sendHead; skb = skb.next) {
    if (hasReneged) skb.sacked &= ~Sacked.acked;
    else if (skb !== head && skbTimeout(sk, skb, 0) > 0) continue;
    markLost(sk, skb);
  }
  const isFirst = sk.caState === TcpCa.loss && sk.retransmits === 0;
  if (sk.caState <= TcpCa.disorder || !after(sk.highSeq, sk.sndUna) || isFirst) {
    sk.priorSsthresh = currentSsthresh(sk);
    sk.priorCwnd = sk.sndCwnd;
    sk.sndSsthresh = sk.cubic.ssthresh(sk.sndCwnd);
    sk.cubic.reset();
    sk.undoMarker = sk.sndUna;
    sk.undoRetransmissions = sk.retransOut;
  }
  sk.sndCwnd = packetsInFlight(sk) + 1;
  sk.sndCwndCount = 0;
  sk.sndCwndAt = sk.softnet.now;
  sk.caState = TcpCa.loss;
  sk.highSeq = sk.sndNxt;
  sk.tlpHighSeq = 0;
}
