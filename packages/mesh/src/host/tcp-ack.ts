/**
 * Acknowledgments that arrive (Linux net/ipv4/tcp_input.c: tcp_ack, tcp_ack_update_window, tcp_sacktag_write_queue,
 * tcp_clean_rtx_queue, tcp_rtt_estimator).
 */
import { congAvoid, cwndReduction, isInCwndReduction } from "./tcp-cong.ts";
import { processTlpAck, scheduleLossProbe } from "./tcp-loss-probe.ts";
import { syncMss } from "./tcp-mss.ts";
import { timestamp } from "./tcp-output.ts";
import { AlertResult, fastRetransAlert, rackAdvance } from "./tcp-recovery.ts";
import { xmitRetransmitQueue } from "./tcp-retransmit.ts";
import type { TcpSegment } from "./tcp-segment.ts";
import { after, before } from "./tcp-sequence.ts";
import { Sacked, type TcpSkb } from "./tcp-skb.ts";
import { NEVER, RTO_MAX_US, RTO_MIN_US, TcpCa, type TcpSock, TcpTimerKind } from "./tcp-sock.ts";
import { clearTimer, probe0When, rearmRto, setTimer } from "./tcp-timer.ts";
import { freeSkb, fragment, trimHead, windowEnd } from "./tcp-write.ts";
import { TcpFlag } from "@hopscope/codec/tcp";

/** What tcp_ack makes of a segment. */
export const AckResult = { ok: 0, old: 1, tooOld: 2, unsent: 3 } as const;
export type AckResult = (typeof AckResult)[keyof typeof AckResult];

/** What an acknowledgment does (FLAG_…). */
const Flag = {
  data: 1,
  windowUpdate: 2,
  dataAcked: 4,
  retransmissionAcked: 8,
  synAcked: 16,
  dataSacked: 32,
  dsack: 64,
  unaAdvanced: 128,
  setTimer: 256,
} as const;
const ACKED = Flag.dataAcked | Flag.synAcked;
const NOT_DUPLICATE = Flag.data | Flag.windowUpdate | ACKED;
const ALERT = Flag.dataSacked | Flag.dsack;

/** Linux tcp_ack. */
export function ack(sk: TcpSock, segment: TcpSegment, updateTimestamp: boolean): AckResult {
  const priorUna = sk.sndUna;
  const priorPackets = sk.packetsOut;
  const priorDelivered = sk.delivered;
  const priorLost = sk.lost;
  const acked = segment.ack;
  let flag = 0;
  if (before(acked, priorUna)) return ackOld(sk, segment, priorUna);
  if (after(acked, sk.sndNxt)) return AckResult.unsent;
  if (after(acked, priorUna)) {
    flag |= Flag.unaAdvanced;
    sk.bytesAcked += (acked - priorUna) | 0;
    sk.retransmits = 0;
    sk.totalRto = 0;
  }
  if (updateTimestamp) replaceTsRecent(sk, segment);
  if (segment.endSeq !== segment.seq) flag |= Flag.data;
  flag |= updateWindow(sk, segment, acked);
  if (segment.sackCount > 0 && sk.hasSack) flag |= sacktag(sk, segment, priorUna);
  sk.softError = 0;
  sk.probesOut = 0;
  sk.lastAckAt = sk.softnet.now;
  if (priorPackets === 0) {
    if ((flag & Flag.dsack) !== 0) fastRetransAlert(sk, false, 0);
    ackProbe(sk);
    if (sk.tlpHighSeq !== 0) processTlpAck(sk, acked, (flag & Flag.dsack) !== 0, false);
    return AckResult.ok;
  }
  flag |= cleanRtxQueue(sk, segment);
  if (sk.tlpHighSeq !== 0) {
    const isDuplicate = (flag & (Flag.unaAdvanced | NOT_DUPLICATE | Flag.dataSacked)) === 0;
    processTlpAck(sk, acked, (flag & Flag.dsack) !== 0, isDuplicate);
  }
  let alert: number = AlertResult.none;
  if ((flag & NOT_DUPLICATE) === 0 || (flag & ALERT) !== 0 || sk.caState !== TcpCa.open) {
    const isDuplicate = (flag & (Flag.unaAdvanced | NOT_DUPLICATE | Flag.dsack)) === 0;
    alert = fastRetransAlert(sk, (flag & Flag.unaAdvanced) !== 0, isDuplicate ? segment.segments : 0);
  }
  if ((flag & Flag.setTimer) !== 0 && (alert & AlertResult.timer) === 0 && !scheduleLossProbe(sk, true)) rearmRto(sk);
  if ((flag & (ACKED | Flag.dataSacked)) !== 0 || (flag & NOT_DUPLICATE) !== 0) confirmNeighbor(sk);
  const delivered = sk.delivered - priorDelivered;
  if (isInCwndReduction(sk)) cwndReduction(sk, delivered, sk.lost - priorLost, (flag & Flag.unaAdvanced) !== 0);
  else if ((flag & Flag.dataAcked) !== 0) congAvoid(sk, delivered);
  if ((alert & AlertResult.retransmit) !== 0) xmitRetransmitQueue(sk);
  return AckResult.ok;
}

/** The end of tcp_ack, old_ack: it came late, but what it says of later segments counts. */
function ackOld(sk: TcpSock, segment: TcpSegment, priorUna: number): AckResult {
  // RFC 5961 §5.2: not older than what was ever acknowledged.
  if (before(segment.ack, (priorUna - Math.min(sk.maxWindow, sk.bytesAcked)) | 0)) return AckResult.tooOld;
  if (segment.sackCount > 0 && sk.hasSack) {
    const flag = sacktag(sk, segment, priorUna);
    if ((flag & ALERT) !== 0 || sk.caState !== TcpCa.open) {
      const alert = fastRetransAlert(sk, false, 0);
      if ((alert & AlertResult.retransmit) !== 0) xmitRetransmitQueue(sk);
    }
  }
  return AckResult.old;
}

/** Linux tcp_replace_ts_recent: the timestamp of a segment that was not overtaken (RFC 7323 §4.3). */
function replaceTsRecent(sk: TcpSock, segment: TcpSegment): void {
  if (!segment.hasTimestamp || !sk.hasTimestamps || after(segment.seq, sk.rcvWup)) return;
  if (sk.tsRecentAt >= 0 && before(segment.tsValue, sk.tsRecent)) return;
  sk.tsRecent = segment.tsValue;
  sk.tsRecentAt = sk.softnet.now;
}

/** Linux tcp_ack_update_window. */
function updateWindow(sk: TcpSock, segment: TcpSegment, acked: number): number {
  const isSyn = (segment.flags & TcpFlag.syn) !== 0;
  const window = isSyn ? segment.window : segment.window << sk.sndWscale;
  let flag = 0;
  const mayUpdate =
    after(acked, sk.sndUna) ||
    after(segment.seq, sk.sndWl1) ||
    (segment.seq === sk.sndWl1 && (window > sk.sndWnd || window === 0));
  if (mayUpdate) {
    flag = Flag.windowUpdate;
    sk.sndWl1 = segment.seq;
    if (sk.sndWnd !== window) {
      sk.sndWnd = window;
      if (window > sk.maxWindow) {
        sk.maxWindow = window;
        syncMss(sk, sk.pmtuCookie);
      }
    }
  }
  sk.sndUna = acked;
  return flag;
}

/** Linux tcp_sacktag_write_queue and tcp_sacktag_walk. */
function sacktag(sk: TcpSock, segment: TcpSegment, priorUna: number): number {
  const { sackLeft, sackRight, sackCount } = segment;
  let flag = 0;
  // tcp_check_dsack: the first block may be about what arrived twice (RFC 2883 §4).
  const left = sackLeft[0]!;
  const right = sackRight[0]!;
  const isInSecond = sackCount > 1 && !after(right, sackRight[1]!) && !before(left, sackLeft[1]!);
  const isDsack = before(left, segment.ack) || isInSecond;
  if (isDsack) flag |= Flag.dsack;
  for (let index = isDsack ? 1 : 0; index < sackCount; index++) {
    const from = sackLeft[index]!;
    const to = sackRight[index]!;
    // tcp_is_sackblock_valid
    if (after(to, sk.sndNxt) || !before(from, to) || !after(to, priorUna)) continue;
    flag |= sacktagBlock(sk, from, to);
  }
  return flag;
}

function sacktagBlock(sk: TcpSock, from: number, to: number): number {
  const { sendQueue } = sk;
  let flag = 0;
  for (let skb = sendQueue.retransmitHead; skb !== undefined && skb !== sendQueue.sendHead; skb = skb.next) {
    if (!before(skb.seq, to)) break;
    if (!after(skb.endSeq, from)) continue;
    const isCovered = matchToSack(sk, skb, from, to);
    if (isCovered && (skb.sacked & Sacked.acked) === 0) {
      sacktagOne(sk, skb);
      flag |= Flag.dataSacked;
    }
  }
  return flag;
}

/** Linux tcp_match_skb_to_sack: cuts a piece of which a block covers whole segments only. */
function matchToSack(sk: TcpSock, skb: TcpSkb, from: number, to: number): boolean {
  const beginsIn = !after(from, skb.seq);
  if (beginsIn && !before(to, skb.endSeq)) return true;
  if (skb.segments <= 1) return false;
  const { mss } = skb;
  let length = ((beginsIn ? to : from) - skb.seq) | 0;
  if (length < mss) {
    if (beginsIn) return false;
    length = mss;
  }
  const whole = length - (length % mss);
  length = !beginsIn && whole < length ? whole + mss : whole;
  if (length >= skb.length) return beginsIn;
  fragment(sk, skb, length, mss);
  return beginsIn;
}

/** Linux tcp_sacktag_one. */
function sacktagOne(sk: TcpSock, skb: TcpSkb): void {
  rackAdvance(sk, skb.sacked, skb.endSeq, skb.sentAt);
  if ((skb.sacked & Sacked.lost) !== 0) sk.lostOut -= skb.segments;
  if ((skb.sacked & Sacked.retransmitted) !== 0) sk.retransOut -= skb.segments;
  else if ((skb.sacked & Sacked.everRetransmitted) === 0 && before(skb.seq, sk.fackedSeq)) sk.reorderSeen = true;
  skb.sacked = (skb.sacked & ~(Sacked.lost | Sacked.retransmitted)) | Sacked.acked;
  sk.sackedOut += skb.segments;
  sk.delivered += skb.segments;
  if (after(skb.endSeq, sk.fackedSeq)) sk.fackedSeq = skb.endSeq;
}

/** Linux tcp_clean_rtx_queue: what is acknowledged is done with; how long it took. */
function cleanRtxQueue(sk: TcpSock, segment: TcpSegment): number {
  const { sendQueue, sndUna, packetsOut: priorPackets } = sk;
  const { now } = sk.softnet;
  let flag = 0;
  let firstSentAt = -1;
  let lastSentAt = -1;
  for (let skb = sendQueue.retransmitHead; skb !== undefined; skb = sendQueue.retransmitHead) {
    const isWhole = !after(skb.endSeq, sndUna);
    let count = skb.segments;
    if (!isWhole) {
      if (count === 1 || !after(sndUna, skb.seq)) break;
      // tcp_tso_acked
      trimHead(sk, skb, (sndUna - skb.seq) | 0);
      const left = Math.max(1, Math.ceil(skb.length / skb.mss));
      count -= left;
      skb.segments = left;
      if (count === 0) break;
    }
    const { sacked } = skb;
    if ((sacked & (Sacked.retransmitted | Sacked.everRetransmitted)) !== 0) {
      if ((sacked & Sacked.retransmitted) !== 0) sk.retransOut -= count;
      flag |= Flag.retransmissionAcked;
    } else if ((sacked & Sacked.acked) === 0) {
      lastSentAt = skb.sentAt;
      if (firstSentAt < 0) firstSentAt = lastSentAt;
      if (sk.hasSack && before(skb.seq, sk.fackedSeq)) sk.reorderSeen = true;
    }
    if ((sacked & Sacked.acked) !== 0) sk.sackedOut -= count;
    else if (sk.hasSack) {
      sk.delivered += count;
      rackAdvance(sk, sacked, skb.endSeq, skb.sentAt);
    }
    if ((sacked & Sacked.lost) !== 0) sk.lostOut -= count;
    sk.packetsOut -= count;
    if ((skb.flags & TcpFlag.syn) === 0) flag |= Flag.dataAcked;
    else {
      flag |= Flag.synAcked;
      sk.firstRetransmitAt = 0;
    }
    if (!isWhole) break;
    freeSkb(sk, skb);
  }
  const packets = priorPackets - sk.packetsOut;
  if (!sk.hasSack && packets > 0) {
    // tcp_remove_reno_sacks
    sk.delivered += Math.max(packets - sk.sackedOut, 1);
    sk.sackedOut = Math.max(0, sk.sackedOut - (packets - 1));
  }
  if (before(sk.fackedSeq, sndUna)) sk.fackedSeq = sndUna;
  let rttUs = -1;
  let latestUs = -1;
  if (firstSentAt >= 0 && (flag & Flag.retransmissionAcked) === 0) {
    rttUs = Math.floor((now - firstSentAt) / 1000);
    latestUs = Math.floor((now - lastSentAt) / 1000);
  }
  updateRtt(sk, segment, flag, rttUs, latestUs);
  return (flag & ACKED) === 0 ? flag : flag | Flag.setTimer;
}

/** Linux tcp_ack_update_rtt: by Karn's rule, or by the timestamp that comes back (RFC 7323 §4). */
function updateRtt(sk: TcpSock, segment: TcpSegment, flag: number, measuredUs: number, latestUs: number): void {
  let rttUs = measuredUs;
  let minUs = latestUs;
  if (rttUs < 0 && segment.hasTimestamp && segment.tsEcho !== 0 && (flag & ACKED) !== 0) {
    const milliseconds = (timestamp(sk) - segment.tsEcho) | 0;
    if (milliseconds >= 0) {
      rttUs = Math.max(1, milliseconds * 1000);
      minUs = rttUs;
    }
  }
  if (rttUs < 0) return;
  rttUs = Math.max(1, rttUs);
  sk.minRttUs = Math.min(sk.minRttUs, Math.max(1, minUs));
  estimateRtt(sk, rttUs);
  sk.rtoUs = Math.min((sk.srttUs >> 3) + sk.rttvarUs, RTO_MAX_US);
  sk.backoff = 0;
}

/** Linux tcp_rtt_estimator (RFC 6298, with the kernel's care for what changes slowly). */
function estimateRtt(sk: TcpSock, measuredUs: number): void {
  if (sk.srttUs === 0) {
    sk.srttUs = measuredUs << 3;
    sk.mdevUs = measuredUs << 1;
    sk.rttvarUs = Math.max(sk.mdevUs, RTO_MIN_US);
    sk.mdevMaxUs = sk.rttvarUs;
    sk.rttSeq = sk.sndNxt;
    return;
  }
  let error = measuredUs - (sk.srttUs >> 3);
  sk.srttUs = Math.max(1, sk.srttUs + error);
  if (error < 0) {
    error = -error - (sk.mdevUs >> 2);
    if (error > 0) error >>= 3;
  } else error -= sk.mdevUs >> 2;
  sk.mdevUs += error;
  if (sk.mdevUs > sk.mdevMaxUs) {
    sk.mdevMaxUs = sk.mdevUs;
    sk.rttvarUs = Math.max(sk.rttvarUs, sk.mdevMaxUs);
  }
  if (after(sk.sndUna, sk.rttSeq)) {
    if (sk.mdevMaxUs < sk.rttvarUs) sk.rttvarUs -= (sk.rttvarUs - sk.mdevMaxUs) >> 2;
    sk.rttSeq = sk.sndNxt;
    sk.mdevMaxUs = RTO_MIN_US;
  }
}

/** Linux tcp_ack_probe: the answer to a question whether the window is open. */
function ackProbe(sk: TcpSock): void {
  const head = sk.sendQueue.sendHead;
  if (head === undefined) return;
  if (!after(head.endSeq, windowEnd(sk))) {
    sk.backoff = 0;
    if (sk.timerKind === TcpTimerKind.probe0) clearTimer(sk);
  } else setTimer(sk, TcpTimerKind.probe0, probe0When(sk));
}

/** Linux sk_dst_confirm: who acknowledges something is there. */
export function confirmNeighbor(sk: TcpSock): void {
  sk.isConfirmed = true;
}

/** The first measure of a connection that was accepted (tcp_synack_rtt_meas). */
export function measureSynAck(sk: TcpSock, sentAt: number): void {
  if (sentAt < 0) return;
  const rttUs = Math.max(1, Math.floor((sk.softnet.now - sentAt) / 1000));
  sk.minRttUs = sk.minRttUs === NEVER ? rttUs : Math.min(sk.minRttUs, rttUs);
  estimateRtt(sk, rttUs);
  sk.rtoUs = Math.min((sk.srttUs >> 3) + sk.rttvarUs, RTO_MAX_US);
}
