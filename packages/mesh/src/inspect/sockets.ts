/** Sockets as `ss` knows them, by protocol and state (iproute2 misc/ss.c). */
import { type TcpState, TcpState as State } from "../host/socket.ts";
import { isIpv6 } from "../host/ipv6-address.ts";
import { TcpSock } from "../host/tcp-sock.ts";
import { TcpTimewait } from "../host/tcp-timewait.ts";
import type { Netns } from "../netns.ts";
import type { Waiter } from "../program/process.ts";

/** Whose a socket is. */
export interface SocketOwner {
  readonly name: string;
  readonly tgid: number;
}

export interface SocketRow {
  readonly protocol: "udp" | "tcp";
  readonly state: string;
  /** Bytes to be read; of a listening socket connections to be taken. */
  readonly received: number;
  /** Bytes to be sent or acknowledged; of a listening socket how many connections may wait. */
  readonly sent: number;
  /** Of an AF_INET6 socket, which may be IPv4's as well. */
  readonly isInet6: boolean;
  /** IPV6_V6ONLY, of one that listens. */
  readonly isIpv6Only: boolean;
  readonly localIp: number;
  readonly localPort: number;
  readonly remoteIp: number;
  /** 0: none. */
  readonly remotePort: number;
  /** Absent: the kernel's own. */
  readonly owner?: SocketOwner;
}

const STATES: Readonly<Record<TcpState, string>> = {
  [State.established]: "ESTAB",
  [State.synSent]: "SYN-SENT",
  [State.synRecv]: "SYN-RECV",
  [State.finWait1]: "FIN-WAIT-1",
  [State.finWait2]: "FIN-WAIT-2",
  [State.timeWait]: "TIME-WAIT",
  [State.close]: "UNCONN",
  [State.closeWait]: "CLOSE-WAIT",
  [State.lastAck]: "LAST-ACK",
  [State.listen]: "LISTEN",
  [State.closing]: "CLOSING",
};

/**
 * UDP's, then TCP's; of each IPv4's before IPv6's; of those the ones that listen before connections: as ss asks for them.
 * Each by port; Linux has hash tables.
 */
export function socketsOf(netns: Netns): SocketRow[] {
  const udp = udpOf(netns);
  const tcp = [...listenersOf(netns), ...connectionsOf(netns)];
  return [udp, tcp].flatMap((rows) => [...rows.filter((row) => !row.isInet6), ...rows.filter((row) => row.isInet6)]);
}

function udpOf({ udp }: Netns): SocketRow[] {
  const family = { isInet6: false, isIpv6Only: false };
  const nowhere = { ...family, localIp: 0, remoteIp: 0, remotePort: 0, received: 0, sent: 0 };
  const tunnels = udp.tunnelPorts.map(
    (localPort): SocketRow => ({ ...nowhere, protocol: "udp", state: "UNCONN", localPort }),
  );
  const sockets = udp.sockets.map((socket): SocketRow => {
    const { localIp, localPort, remoteIp, remotePort, receivedBytes: received } = socket;
    const state = remotePort === 0 ? "UNCONN" : "ESTAB";
    const ends = { localIp, localPort, remoteIp, remotePort };
    const own = { isInet6: isIpv6(localIp), isIpv6Only: socket.isIpv6Only };
    return { protocol: "udp", state, received, sent: 0, ...own, ...ends, ...ownerOf(socket.waiter) };
  });
  return [...tunnels, ...sockets].toSorted((a, b) => a.localPort - b.localPort);
}

function listenersOf({ tcp }: Netns): SocketRow[] {
  const rows = tcp.listeners.map((listener): SocketRow => {
    const { localIp, localPort, acceptable, backlog } = listener;
    const { isInet6, isIpv6Only } = listener;
    const ends = { isInet6, isIpv6Only, localIp, localPort, remoteIp: localIp, remotePort: 0 };
    const owner = ownerOf(listener.waiter);
    return { protocol: "tcp", state: "LISTEN", received: acceptable, sent: backlog, ...ends, ...owner };
  });
  return rows.toSorted((a, b) => a.localPort - b.localPort);
}

function connectionsOf({ tcp }: Netns): SocketRow[] {
  return tcp.entries.map((entry): SocketRow => {
    const { isInet6, localIp, localPort, remoteIp, remotePort } = entry;
    const ends = { isInet6, isIpv6Only: false, localIp, localPort, remoteIp, remotePort };
    if (entry instanceof TcpSock) {
      const sent = (entry.writeSeq - entry.sndUna) >>> 0;
      // tcp_diag_get_info counts a FIN until it is read, which it is not before what came in front of it.
      const unread = entry.readableLength;
      const received = unread > 0 && entry.hasFin ? unread + 1 : unread;
      return { protocol: "tcp", state: STATES[entry.state], received, sent, ...ends, ...ownerOf(entry.waiter) };
    }
    const state = entry instanceof TcpTimewait ? entry.state : State.synRecv;
    return { protocol: "tcp", state: STATES[state], received: 0, sent: 0, ...ends };
  });
}

function ownerOf(waiter: Waiter | undefined): { readonly owner?: SocketOwner } {
  const { name, tgid } = (waiter ?? {}) as Partial<SocketOwner>;
  return name === undefined || tgid === undefined ? {} : { owner: { name, tgid } };
}
