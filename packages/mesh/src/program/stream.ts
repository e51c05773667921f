/** Calls on TCP sockets as a program without further ado makes them: they block its process until they are done. */
import { Errno } from "../errno.ts";
import { type TcpConnection, TcpState } from "../host/socket.ts";
import type { TcpListener } from "../host/tcp-listener.ts";
import type { TcpSocket } from "../host/tcp-socket.ts";
import type { TcpConnectOptions } from "../host/tcp.ts";
import type { Process } from "./process.ts";

type Wait<T> = Generator<void, T, boolean>;

/**
 * connect(2). The socket if it is established, else why not; ETIMEDOUT also at the deadline. The process owns it, and
 * nothing is left of one that failed.
 */
export function* connectTo(
  process: Process,
  ip: number,
  port: number,
  options: TcpConnectOptions = {},
  deadline: number = Number.POSITIVE_INFINITY,
): Wait<TcpSocket | Errno> {
  const socket = process.own(process.environment.netns.tcp.connect(ip, port, options));
  while (socket.state === TcpState.synSent) {
    if (!(yield* process.poll(deadline))) break;
  }
  if (socket.isConnected) return socket;
  const error = socket.takeError();
  process.close(socket);
  return error === Errno.none ? Errno.ETIMEDOUT : error;
}

/** accept(2). */
export function* accept(process: Process, listener: TcpListener): Wait<TcpSocket> {
  for (;;) {
    const socket = listener.accept();
    if (socket !== undefined) return process.own(socket);
    yield* process.poll();
  }
}

/** What a read answers: bytes, or the end of the stream, an error, or the deadline. */
export type ReadResult = Uint8Array | "end" | "deadline" | Errno;

/** recv(2): up to `max` bytes, as soon as there are some. */
export function* readSome(
  process: Process,
  socket: TcpConnection,
  max: number,
  deadline: number = Number.POSITIVE_INFINITY,
): Wait<ReadResult> {
  for (;;) {
    if (socket.readableLength > 0) return socket.read(max);
    const error = socket.takeError();
    if (error !== Errno.none) return error;
    if (socket.isAtEnd) return "end";
    if (!(yield* process.poll(deadline))) return "deadline";
  }
}

/** write(2) of all of it. False if the connection does not take it. */
export function* writeAll(process: Process, socket: TcpConnection, bytes: Uint8Array): Wait<boolean> {
  let written = 0;
  while (written < bytes.length) {
    const count = socket.write(written === 0 ? bytes : bytes.subarray(written));
    written += count;
    if (count > 0) continue;
    if (socket.state !== TcpState.established && socket.state !== TcpState.closeWait) return false;
    yield* process.poll();
  }
  return true;
}
