/** Sockets as programs see them: they never block; who waits is woken when there is something to look at. */
import type { Errno } from "../errno.ts";
import type { WaitedFor } from "../program/process.ts";

/** A received datagram. */
export interface Datagram {
  readonly bytes: Uint8Array;
  /** Who sent it, int32. */
  readonly ip: number;
  readonly port: number;
  /** Whom it was for: one of the host's addresses, a group, or everybody (IP_PKTINFO). */
  readonly dstIp: number;
}

/** Where a TCP connection is (include/net/tcp_states.h), as netstat prints it. */
export const TcpState = {
  established: 1,
  synSent: 2,
  synRecv: 3,
  finWait1: 4,
  finWait2: 5,
  timeWait: 6,
  close: 7,
  closeWait: 8,
  lastAck: 9,
  listen: 10,
  closing: 11,
} as const;
export type TcpState = (typeof TcpState)[keyof typeof TcpState];

/** One end of a TCP connection. */
export interface TcpConnection extends WaitedFor {
  readonly state: TcpState;
  readonly localIp: number;
  readonly localPort: number;
  readonly remoteIp: number;
  readonly remotePort: number;
  /** SO_ERROR: reading it clears it. */
  takeError(): Errno;
  readonly readableLength: number;
  /** Up to `max` bytes of what has arrived; empty if there is nothing. */
  read(max?: number): Uint8Array;
  /** The other side has sent all it will, and everything of it has been read. */
  readonly isAtEnd: boolean;
  /** How many bytes {@link write} takes now. */
  readonly writableLength: number;
  /** Takes as many bytes as there is room for; answers how many. */
  write(bytes: Uint8Array): number;
  /** shutdown(2), SHUT_WR: all has been written. */
  shutdown(): void;
}

export interface Listener extends WaitedFor {
  readonly localIp: number;
  readonly localPort: number;
  /** The next connection that is established, or undefined. */
  accept(): TcpConnection | undefined;
}
