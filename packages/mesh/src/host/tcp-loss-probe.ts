/**
 * Tail loss probes (RFC 8985 §7; Linux net/ipv4/tcp_output.c: tcp_schedule_loss_probe, tcp_send_loss_probe; tcp_input.c:
 * tcp_process_tlp_ack): when the last segments of a burst may be lost, one is sent soon, so that the answer tells.
 */
import { enterCwr, endCwndReduction } from "./tcp-cong.ts";
import { currentMss } from "./tcp-mss.ts";
import { transmitAgain } from "./tcp-retransmit.ts";
import { after, before } from "./tcp-sequence.ts";
import { RTO_MIN_US, TcpCa, TcpTimerKind, TIMEOUT_INIT_US, type TcpSock } from "./tcp-sock.ts";
import { rearmRto, rtoDelta, setTimer } from "./tcp-timer.ts";
import { fragment, Push, sndWndTest, writeXmit } from "./tcp-write.ts";

/** TCP_TIMEOUT_MIN_US: two ticks of a clock with 1000 a second. */
export const TIMEOUT_MIN_US = 2_000;

/** Linux tcp_schedule_loss_probe. False if there is none to be sent. */
export function scheduleLossProbe(sk: TcpSock, isRtoAdvancing: boolean): boolean {
  const isCalm = sk.caState === TcpCa.open || sk.caState === TcpCa.cwr;
  if (sk.packetsOut === 0 || !sk.hasSack || !isCalm) return false;
  let us = TIMEOUT_INIT_US;
  if (sk.srttUs > 0) us = sk.srttUs / 4 + (sk.packetsOut === 1 ? RTO_MIN_US : TIMEOUT_MIN_US);
  const untilRto = isRtoAdvancing ? sk.rtoUs : rtoDelta(sk);
  if (untilRto > 0) us = Math.min(us, untilRto);
  setTimer(sk, TcpTimerKind.lossProbe, us);
  return true;
}

/** Linux tcp_send_loss_probe: new data if there is some, else the last segment once more. */
export function sendLossProbe(sk: TcpSock): void {
  if (sk.tlpHighSeq === 0 && probe(sk)) {
    // 0 stands for none; a sequence number may be it.
    sk.tlpHighSeq = sk.sndNxt === 0 ? 1 : sk.sndNxt;
    sk.timerKind = TcpTimerKind.none;
  }
  rearmRto(sk);
}

function probe(sk: TcpSock): boolean {
  const { sendQueue } = sk;
  const mss = currentMss(sk);
  sk.isTlpRetransmission = false;
  const next = sendQueue.sendHead;
  if (next !== undefined && sndWndTest(sk, next, mss)) {
    const before_ = sk.packetsOut;
    writeXmit(sk, mss, 1, Push.probe);
    return sk.packetsOut > before_;
  }
  let last = sendQueue.retransmitTail;
  if (last === undefined) return false;
  if (last.segments > 1 && last.length > (last.segments - 1) * mss) {
    last = fragment(sk, last, (last.segments - 1) * mss, mss);
  }
  sk.isTlpRetransmission = transmitAgain(sk, last, 1);
  return sk.isTlpRetransmission;
}

/** Linux tcp_process_tlp_ack. */
export function processTlpAck(sk: TcpSock, ack: number, isDsack: boolean, isDuplicate: boolean): void {
  if (before(ack, sk.tlpHighSeq)) return;
  if (!sk.isTlpRetransmission || isDsack) {
    // New data, or the original arrived too: nothing was lost.
    sk.tlpHighSeq = 0;
  } else if (after(ack, sk.tlpHighSeq)) {
    // The probe repaired a loss: as if recovery had.
    enterCwr(sk);
    endCwndReduction(sk);
    sk.caState = TcpCa.open;
    sk.tlpHighSeq = 0;
  } else if (isDuplicate) sk.tlpHighSeq = 0;
}
