/**
 * How much may be under way (Linux net/ipv4/tcp_cong.c; tcp_output.c: tcp_cwnd_validate, tcp_cwnd_restart; tcp_input.c:
 * tcp_cwnd_reduction, tcp_update_pacing_rate). Windows are in segments.
 */
import { INFINITE_SSTHRESH, TCP_INIT_CWND, TcpCa, type TcpSock } from "./tcp-sock.ts";
import { before } from "./tcp-sequence.ts";

/** Linux tcp_packets_in_flight. */
export function packetsInFlight(sk: TcpSock): number {
  return sk.packetsOut - sk.sackedOut - sk.lostOut + sk.retransOut;
}

/** Linux tcp_in_cwnd_reduction. */
export function isInCwndReduction(sk: TcpSock): boolean {
  return sk.caState === TcpCa.cwr || sk.caState === TcpCa.recovery;
}

/** Bytes that go out in about a millisecond at the rate of the window (tcp_update_pacing_rate; sk_pacing_shift is 10). */
export function pacingBytes(sk: TcpSock): number {
  if (sk.srttUs === 0) return INFINITE_SSTHRESH;
  const ratio = sk.sndCwnd < sk.sndSsthresh / 2 ? 2 : 1.2;
  const perSecond = (sk.mssCache * Math.max(sk.sndCwnd, sk.packetsOut) * ratio * 8_000_000) / sk.srttUs;
  return Math.floor(perSecond / 1024);
}

/** Linux tcp_cwnd_validate: remembers whether the window was used. */
export function cwndValidate(sk: TcpSock, isCwndLimited: boolean): void {
  if (!before(sk.sndUna, sk.cwndUsageSeq) || isCwndLimited || (!sk.isCwndLimited && sk.packetsOut > sk.maxPacketsOut)) {
    sk.isCwndLimited = isCwndLimited;
    sk.maxPacketsOut = sk.packetsOut;
    sk.cwndUsageSeq = sk.sndNxt;
  }
  const { now } = sk.softnet;
  if (isWindowLimited(sk)) {
    sk.sndCwndUsed = 0;
    sk.sndCwndAt = now;
    return;
  }
  sk.sndCwndUsed = Math.max(sk.sndCwndUsed, sk.packetsOut);
  if (now - sk.sndCwndAt >= sk.rtoUs * 1000) applicationLimited(sk, now);
}

/** Linux tcp_cwnd_application_limited: a window that nobody uses says nothing about the network (RFC 2861). */
function applicationLimited(sk: TcpSock, now: number): void {
  if (sk.caState === TcpCa.open) {
    const used = Math.max(sk.sndCwndUsed, TCP_INIT_CWND);
    if (used < sk.sndCwnd) {
      sk.sndSsthresh = currentSsthresh(sk);
      sk.sndCwnd = (sk.sndCwnd + used) >> 1;
    }
    sk.sndCwndUsed = 0;
  }
  sk.sndCwndAt = now;
}

/** Linux tcp_cwnd_restart, after `idleUs` of silence. */
export function cwndRestart(sk: TcpSock, idleUs: number): void {
  const restart = Math.min(TCP_INIT_CWND, sk.sndCwnd);
  sk.sndSsthresh = currentSsthresh(sk);
  let cwnd = sk.sndCwnd;
  for (let left = idleUs - sk.rtoUs; left > 0 && cwnd > restart; left -= sk.rtoUs) cwnd >>= 1;
  sk.sndCwnd = Math.max(cwnd, restart);
  sk.sndCwndAt = sk.softnet.now;
  sk.sndCwndUsed = 0;
}

/** Linux tcp_current_ssthresh. */
export function currentSsthresh(sk: TcpSock): number {
  if (isInCwndReduction(sk)) return sk.sndSsthresh;
  return Math.max(sk.sndSsthresh, (sk.sndCwnd >> 1) + (sk.sndCwnd >> 2));
}

function isWindowLimited(sk: TcpSock): boolean {
  if (sk.isCwndLimited) return true;
  return sk.sndCwnd < sk.sndSsthresh && sk.sndCwnd < 2 * sk.maxPacketsOut;
}

/** Linux tcp_cong_avoid of CUBIC: `acked` segments have arrived. */
export function congAvoid(sk: TcpSock, acked: number): void {
  if (!isWindowLimited(sk)) return;
  let left = acked;
  if (sk.sndCwnd < sk.sndSsthresh) {
    const cwnd = Math.min(sk.sndCwnd + left, sk.sndSsthresh);
    left -= cwnd - sk.sndCwnd;
    sk.sndCwnd = cwnd;
    if (left === 0) return;
  }
  // tcp_cong_avoid_ai
  const count = sk.cubic.update(sk.sndCwnd, left, sk.softnet.now);
  if (sk.sndCwndCount >= count) {
    sk.sndCwndCount = 0;
    sk.sndCwnd++;
  }
  sk.sndCwndCount += left;
  if (sk.sndCwndCount >= count) {
    const grown = Math.floor(sk.sndCwndCount / count);
    sk.sndCwndCount -= grown * count;
    sk.sndCwnd += grown;
  }
}

/** Linux tcp_init_cwnd_reduction: from now on, until the loss is repaired, less and less. */
export function initCwndReduction(sk: TcpSock): void {
  sk.highSeq = sk.sndNxt;
  sk.tlpHighSeq = 0;
  sk.sndCwndCount = 0;
  sk.priorCwnd = sk.sndCwnd;
  sk.prrDelivered = 0;
  sk.prrOut = 0;
  sk.sndSsthresh = sk.cubic.ssthresh(sk.sndCwnd);
}

/** Linux tcp_cwnd_reduction, proportional rate reduction (RFC 6937). */
export function cwndReduction(sk: TcpSock, newlyAcked: number, newlyLost: number, hasUnaAdvanced: boolean): void {
  if (newlyAcked <= 0 || sk.priorCwnd === 0) return;
  const inFlight = packetsInFlight(sk);
  const delta = sk.sndSsthresh - inFlight;
  sk.prrDelivered += newlyAcked;
  let send: number;
  if (delta < 0) {
    send = Math.floor((sk.sndSsthresh * sk.prrDelivered + sk.priorCwnd - 1) / sk.priorCwnd) - sk.prrOut;
  } else {
    send = Math.max(sk.prrDelivered - sk.prrOut, newlyAcked);
    if (hasUnaAdvanced && newlyLost === 0) send++;
    send = Math.min(delta, send);
  }
  // A retransmission at the beginning, whatever the arithmetic says.
  sk.sndCwnd = inFlight + Math.max(send, sk.prrOut > 0 ? 0 : 1);
}

/** Linux tcp_end_cwnd_reduction. */
export function endCwndReduction(sk: TcpSock): void {
  if (sk.sndSsthresh < INFINITE_SSTHRESH && (sk.undoMarker !== 0 || sk.caState === TcpCa.cwr)) {
    sk.sndCwnd = sk.sndSsthresh;
    sk.sndCwndAt = sk.softnet.now;
  }
}

/** Linux tcp_enter_cwr: the way is too narrow, though nothing was lost. */
export function enterCwr(sk: TcpSock): void {
  sk.priorSsthresh = 0;
  if (sk.caState >= TcpCa.cwr) return;
  sk.undoMarker = 0;
  initCwndReduction(sk);
  sk.caState = TcpCa.cwr;
}
