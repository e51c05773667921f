/**
 * Whether a piece that was sent has left the host (Linux net/ipv4/tcp_output.c, skb_still_in_host_queue). What waits for a
 * neighbor is not sent a second time.
 *
 * Not modelled: queues of devices, and pieces that were translated on their way out.
 */
import { IpProtocol } from "@hopscope/codec/code-points";
import * as ethernet from "@hopscope/codec/ethernet";
import * as ipv4 from "@hopscope/codec/ipv4";
import * as tcp from "@hopscope/codec/tcp";
import { routeOf } from "./tcp-output.ts";
import type { TcpSkb } from "./tcp-skb.ts";
import type { TcpSock } from "./tcp-sock.ts";

export function isStillInHostQueue(sk: TcpSock, skb: TcpSkb): boolean {
  const dst = routeOf(sk);
  if (dst === undefined || dst.device === sk.netns.loopback) return false;
  const { frames } = sk.netns.node;
  const pending = sk.netns.arp.neighbors.find(dst.device.index, dst.nextHop)?.pending ?? [];
  for (const id of pending) {
    const { view } = frames;
    const ipAt = frames.start(frames.get(id)) + ethernet.HEADER_LENGTH;
    if (ipv4.protocol(view, ipAt) !== IpProtocol.tcp || ipv4.dstIp(view, ipAt) !== sk.remoteIp) continue;
    const at = ipAt + ipv4.headerLength(view, ipAt);
    const isIts = tcp.srcPort(view, at) === sk.localPort && tcp.dstPort(view, at) === sk.remotePort;
    if (isIts && tcp.sequence(view, at) === skb.seq >>> 0) return true;
  }
  return false;
}
