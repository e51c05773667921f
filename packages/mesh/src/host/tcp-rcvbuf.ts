/**
 * How large a TCP socket's receive buffer is: it grows with what its program reads in a round trip (Linux
 * net/ipv4/tcp_input.c: tcp_init_buffer_space, tcp_rcv_space_adjust, tcp_rcvbuf_grow, tcp_rcv_rtt_measure,
 * tcp_rcv_rtt_measure_ts).
 *
 * Not modelled: buffers that a program has set.
 */
import { timestamp } from "./tcp-output.ts";
import type { TcpSegment } from "./tcp-segment.ts";
import { before } from "./tcp-sequence.ts";
import { TCP_INIT_CWND, type TcpSock } from "./tcp-sock.ts";
import { fullSpace, spaceFromWin, winFromSpace } from "./tcp-window.ts";

/** Linux tcp_init_buffer_space. */
export function initBufferSpace(sk: TcpSock): void {
  const most = fullSpace(sk);
  sk.rcvqAt = sk.softnet.now;
  sk.rcvqSeq = sk.copiedSeq;
  sk.windowClamp = Math.min(sk.windowClamp, most);
  // One segment is kept back.
  if (sk.windowClamp > 2 * sk.advmss && sk.windowClamp + sk.advmss > most) {
    sk.windowClamp = Math.max(2 * sk.advmss, most - sk.advmss);
  }
  sk.rcvSsthresh = Math.min(sk.rcvSsthresh, sk.windowClamp);
  sk.rcvqSpace = Math.min(sk.rcvSsthresh, sk.rcvWnd, TCP_INIT_CWND * sk.advmss);
}

/** Linux tcp_rcv_space_adjust, when a program has read. */
export function rcvSpaceAdjust(sk: TcpSock): void {
  const { now } = sk.softnet;
  if (sk.rcvRttUs === 0 || now - sk.rcvqAt < (sk.rcvRttUs / 8) * 1000) return;
  const copied = (sk.copiedSeq - sk.rcvqSeq) | 0;
  if (copied > sk.rcvqSpace) rcvbufGrow(sk, copied);
  sk.rcvqSeq = sk.copiedSeq;
  sk.rcvqAt = now;
}

/** Linux tcp_rcvbuf_grow: room for what comes while the sender learns of it, and for a sender that doubles its rate. */
function rcvbufGrow(sk: TcpSock, copied: number): void {
  const old = sk.rcvqSpace;
  sk.rcvqSpace = copied;
  let window = 2 * copied;
  window += 2 * Math.floor((window * (copied - old)) / old);
  if (sk.receiveQueue.hasGap) window += (sk.receiveQueue.earlyEnd(sk.rcvNxt) - sk.rcvNxt) | 0;
  const rcvbuf = Math.min(spaceFromWin(sk, window), sk.tcp.sysctl.rmemMax);
  if (rcvbuf <= sk.rcvbuf) return;
  sk.rcvbuf = rcvbuf;
  sk.windowClamp = winFromSpace(sk, rcvbuf);
}

/** Linux tcp_rcv_rtt_measure: a window full of data takes a round trip at most. */
export function measureRcvRtt(sk: TcpSock): void {
  const { now } = sk.softnet;
  if (sk.rcvRttAt !== 0) {
    if (before(sk.rcvNxt, sk.rcvRttSeq)) return;
    const sample = Math.max(1, Math.floor((now - sk.rcvRttAt) / 1000)) * 8;
    // It only ever makes it shorter: the window may not have been used.
    if (sk.rcvRttUs === 0 || sample < sk.rcvRttUs) sk.rcvRttUs = sample;
  }
  sk.rcvRttSeq = (sk.rcvNxt + sk.rcvWnd) | 0;
  sk.rcvRttAt = now;
}

/** Linux tcp_rcv_rtt_measure_ts: by the timestamp that comes back, if it is a millisecond at least. */
export function measureRcvRttByEcho(sk: TcpSock, segment: TcpSegment): void {
  if (!sk.hasTimestamps || !segment.hasTimestamp || segment.tsEcho === sk.rcvRttLastEcho) return;
  sk.rcvRttLastEcho = segment.tsEcho;
  if (((segment.endSeq - segment.seq) | 0) < sk.rcvMss) return;
  const sample = ((timestamp(sk) - segment.tsEcho) | 0) * 1000;
  if (sample <= 0) return;
  const shifted = sample * 8;
  const old = sk.rcvRttUs;
  sk.rcvRttUs = old === 0 || shifted < old ? shifted : old - Math.floor(old / 8) + sample;
}
