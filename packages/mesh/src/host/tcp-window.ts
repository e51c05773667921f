/**
 * How much a TCP socket offers to receive (Linux net/ipv4/tcp_output.c: tcp_select_initial_window, __tcp_select_window,
 * tcp_select_window; tcp_input.c: tcp_grow_window, tcp_clamp_window).
 *
 * Not modelled: memory pressure, buffers that a program has set.
 */
import { MIN_MSS, MSS_DEFAULT, type TcpSock } from "./tcp-sock.ts";
import { TcpReceiveQueue } from "./tcp-receive-queue.ts";

const MAX_WINDOW = 0xffff;

/** What a connection begins with. */
export interface InitialWindow {
  /** Bytes. */
  readonly rcvWnd: number;
  readonly windowClamp: number;
  readonly rcvWscale: number;
}

/** Linux tcp_select_initial_window: `space` bytes, in whole segments of `mss`; `rmemMax` decides about the scale. */
export function selectInitialWindow(space: number, mss: number, hasScale: boolean, rmemMax: number): InitialWindow {
  const rcvWnd = space > mss ? space - (space % mss) : space;
  const rcvWscale = hasScale ? Math.min(14, Math.max(0, 31 - Math.clz32(Math.max(space, rmemMax)) - 15)) : 0;
  return { rcvWnd, windowClamp: MAX_WINDOW * 2 ** rcvWscale, rcvWscale };
}

/** Linux tcp_win_from_space: how much data has room in so much memory. */
export function winFromSpace(sk: TcpSock, memory: number): number {
  return Math.floor((memory * sk.scalingRatio) / 256);
}

/** Linux tcp_space_from_win: how much memory so much data takes. */
export function spaceFromWin(sk: TcpSock, window: number): number {
  return Math.floor((window * 256) / sk.scalingRatio);
}

/** Linux tcp_full_space. */
export function fullSpace(sk: TcpSock): number {
  return winFromSpace(sk, sk.rcvbuf);
}

/** Linux tcp_space. */
export function space(sk: TcpSock): number {
  return winFromSpace(sk, sk.rcvbuf - sk.receiveQueue.memory);
}

/** Linux tcp_receive_window: what is left of the window that was offered. */
export function receiveWindow(sk: TcpSock): number {
  return Math.max(0, (sk.rcvWup + sk.rcvWnd - sk.rcvNxt) | 0);
}

/** Linux __tcp_select_window: the window that the socket would like to offer now. */
export function windowToOffer(sk: TcpSock): number {
  const allowed = fullSpace(sk);
  const full = Math.min(sk.windowClamp, allowed);
  const mss = Math.min(sk.rcvMss, full);
  if (mss <= 0) return 0;
  let free = space(sk);
  const unit = 1 << sk.rcvWscale;
  if (free < full >> 1) {
    sk.ackQuick = 0;
    free = Math.max(0, free - (free % unit));
    // No silly windows: nothing at all, until there is room for something.
    if (free < allowed >> 4 || free < mss) return 0;
  }
  free = Math.min(free, sk.rcvSsthresh);
  // So that it does not get lost in the scaling.
  if (sk.rcvWscale > 0) return Math.ceil(free / unit) * unit;
  const window = sk.rcvWnd;
  if (window <= free - mss || window > free) return free - (free % mss);
  return mss === full && free > window + (full >> 1) ? free : window;
}

/** Linux tcp_select_window: offers a window; answers the header's field. What was offered once is never taken back. */
export function selectWindow(sk: TcpSock): number {
  const current = receiveWindow(sk);
  const unit = 1 << sk.rcvWscale;
  let window = windowToOffer(sk);
  if (window < current) window = Math.ceil(current / unit) * unit;
  sk.rcvWnd = window;
  sk.rcvWup = sk.rcvNxt;
  return Math.min(window, MAX_WINDOW * unit) >> sk.rcvWscale;
}

/** Linux tcp_initialize_rcv_mss. */
export function initializeRcvMss(sk: TcpSock): void {
  const hint = Math.min(sk.advmss, sk.mssCache, sk.rcvWnd >> 1, MSS_DEFAULT);
  sk.rcvMss = Math.max(hint, MIN_MSS);
}

/** Linux tcp_clamp_window: what came takes more memory than was thought; there is more of that, up to a limit. */
export function clampWindow(sk: TcpSock): void {
  const { memory } = sk.receiveQueue;
  sk.ackQuick = 0;
  sk.rcvbuf = Math.max(sk.rcvbuf, Math.min(memory, sk.tcp.sysctl.rmemMax));
  if (memory > sk.rcvbuf) sk.rcvSsthresh = Math.min(sk.windowClamp, 2 * sk.advmss);
}

/** Linux tcp_grow_window: the sender fills its segments, so more of the buffer can be offered. */
export function growWindow(sk: TcpSock, length: number, segments: number): void {
  const room = Math.min(sk.windowClamp, space(sk)) - sk.rcvSsthresh;
  if (room <= 0) return;
  const truesize = TcpReceiveQueue.truesize(length, segments);
  let increase = winFromSpace(sk, truesize) <= length ? 2 * sk.advmss : growSlowly(sk, length, truesize);
  if (increase === 0) return;
  increase = Math.max(increase, 2 * length);
  sk.rcvSsthresh += Math.min(room, increase);
  sk.ackQuick |= 1;
}

/** Linux __tcp_grow_window. */
function growSlowly(sk: TcpSock, length: number, memory: number): number {
  let truesize = winFromSpace(sk, memory) >> 1;
  let window = winFromSpace(sk, sk.tcp.sysctl.rmemMax) >> 1;
  while (sk.rcvSsthresh <= window) {
    if (truesize <= length) return 2 * sk.rcvMss;
    truesize >>= 1;
    window >>= 1;
  }
  return 0;
}
