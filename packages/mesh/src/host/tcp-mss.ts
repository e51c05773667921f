/**
 * How long segments are (Linux net/ipv4/tcp_output.c: tcp_mtu_to_mss, tcp_sync_mss, tcp_current_mss; net/ipv4/route.c,
 * ipv4_default_advmss).
 *
 * Not modelled: probing for the path's MTU (tcp_mtu_probing).
 */
import * as ipv4 from "@hopscope/codec/ipv4";
import * as tcp from "@hopscope/codec/tcp";
import { establishedOptionsLength, routeOf } from "./tcp-output.ts";
import { MSS_DEFAULT, type TcpSock } from "./tcp-sock.ts";

const HEADERS = ipv4.HEADER_LENGTH + tcp.HEADER_LENGTH;
/** net.ipv4.route.min_adv_mss, the longest packet, net.ipv4.tcp_min_snd_mss. */
const MIN_ADVMSS = 256;
const MAX_PACKET = 0xffff;
const MIN_SND_MSS = 48;

/** What a host offers on a path of that MTU. */
export function advmssOf(mtu: number): number {
  return Math.min(Math.max(mtu - HEADERS, MIN_ADVMSS), MAX_PACKET - HEADERS);
}

/** Linux tcp_sync_mss: the path takes packets of `mtu` bytes. Timestamps take their part of each segment. */
export function syncMss(sk: TcpSock, mtu: number): void {
  const mss = Math.max(Math.min(mtu - HEADERS, sk.mssClamp), MIN_SND_MSS);
  sk.mssCache = boundToHalfWindow(sk, mss - (sk.headerLength - tcp.HEADER_LENGTH));
  sk.pmtuCookie = mtu;
}

/** Linux tcp_current_mss: bytes of data in the next segment, whatever options it has. */
export function currentMss(sk: TcpSock): number {
  const dst = routeOf(sk);
  if (dst !== undefined) {
    const mtu = sk.netns.ipv4.mtuOf(dst, sk.softnet.now);
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
