/**
 * What IPVS does to connection tracking (Linux net/netfilter/ipvs/ip_vs_nfct.c, net.ipv4.vs.conntrack): the entry of a
 * connection's first packet learns who will answer, so that source NAT behind IPVS is undone for the answer.
 *
 * Not modelled: connections that are expected of FTP.
 */
import { IpProtocol } from "@hopscope/codec/code-points";
import type { Frame } from "../frame.ts";
import { type ConntrackTable, CtDirection, CtInfo, CtStatus, directionOf } from "../tables/conntrack.ts";
import type { Clock } from "../sim/clock.ts";
import type { IpVsConn } from "./conn.ts";

/** Linux ip_vs_update_conntrack. `isRequest`: on its way to the real server. */
export function updateConntrack(frame: Frame, conn: IpVsConn, isRequest: boolean): void {
  const { ct } = frame;
  if (ct === undefined || ct.isConfirmed || (ct.status & CtStatus.dying) !== 0) return;
  if (conn.forwarding !== "masq") return;
  if (directionOf(frame.ctInfo) !== CtDirection.original) return;
  const hasPorts = ct.protocol !== IpProtocol.icmp;
  if (isRequest) {
    ct.replySrcIp = conn.destIp;
    if (hasPorts) ct.replyPorts = (conn.destPort << 16) | (ct.replyPorts & 0xffff);
  } else {
    ct.replyDstIp = conn.virtualIp;
    if (hasPorts) ct.replyPorts = (ct.replyPorts & 0xffff0000) | conn.virtualPort;
  }
}

/** Linux ip_vs_notrack: nobody follows the packet from here on. */
export function notrack(frame: Frame): void {
  if (frame.ct === undefined) return;
  frame.ct = undefined;
  frame.ctInfo = CtInfo.untracked;
}

/** Linux ip_vs_conn_uses_old_conntrack: the packet belongs to an entry that its connection's earlier packets made. */
export function usesOldConntrack(frame: Frame, conn: IpVsConn): boolean {
  return conn.usesConntrack && frame.ct !== undefined && frame.ct.isConfirmed;
}

/** Linux ip_vs_conn_drop_conntrack: with the connection its entry goes. */
export function dropConntrack(table: ConntrackTable, conn: IpVsConn, clock: Clock): void {
  const ports = (conn.clientPort << 16) | conn.virtualPort;
  const found = table.find(conn.clientIp, conn.virtualIp, ports, conn.protocol, clock);
  if (found >= 0) table.delete(table.at(found));
}
