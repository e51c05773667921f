/**
 * How long segments are (Linux net/ipv4/tcp_output.c: tcp_mtu_to_mss, tcp_sync_mss, tcp_current_mss).
 *
 * Not modelled: probing for the path's MTU (tcp_mtu_probing).
 */
import * as tcp from "@hopscope/codec/tcp";
import { establishedOptionsLength, routeOf } from "./tcp-output.ts";
import { MSS_DEFAULT, type TcpSock } from "./tcp-sock.ts";

/** net.ipv4.tcp_min_snd_mss */
const MIN_SND_MSS = 48;

/** Linux tcp_sync_mss: the path takes packets of `mtu` bytes. Timestamps take their part of each segment. */
export function syncMss(sk: TcpSock, mtu: number): void {
  const headers = sk.af.headerLength + tcp.HEADER_LENGTH;
  const mss = Math.max(Math.min(mtu - headers, sk.mssClamp), MIN_SND_MSS);
  sk.mssCache = boundToHalfWindow(sk, mss - (sk.headerLength - tcp.HEADER_LENGTH));
  sk.pmtuCookie = mtu;
}

/** Linux tcp_current_mss: bytes of data in the next segment, whatever options it has. */
export function currentMss(sk: TcpSock): number {
  const dst = routeOf(sk);
  if (dst !== undefined) {
    const mtu = sk.af.mtuOf(dst, sk.softnet.now);
    if (mtu !== sk.pmtuCookie) syncMss(sk, mtu);
  }
  return sk.mssCache - (tcp.HEADER_LENGTH + establishedOptionsLength(sk) - sk.headerLength);
}

/** Linux tcp_bound_to_half_wnd: who has little room is not sent so much at once. */
export function boundToHalfWindow(sk: TcpSock, size: number): number {
  const { maxWindow } = sk;
  const cutoff = maxWindow > MSS_DEFAULT ? maxWindow >> 1 : maxWindow;
  return cutoff > 0 && size > cutoff ? Math.max(cutoff, 68 - sk.headerLength) : size;
}
