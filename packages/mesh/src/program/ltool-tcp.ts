/** The connections of `ltool` (ltool.ts). */
import { formatIpv4 } from "@hopscope/codec/address";
import { Errno, strerror } from "../errno.ts";
import { TcpListener } from "../host/tcp-listener.ts";
import type { TcpSocket } from "../host/tcp-socket.ts";
import { hostAddress } from "./ltool-host.ts";
import { Process } from "./process.ts";
import type { Environment, ProgramContext } from "./program.ts";
import { resolve, RESOLVE_ERRORS } from "./resolve.ts";
import { accept, connectTo, readSome, writeAll } from "./stream.ts";
import { bytesOf, Lines, textOf, timestamp } from "./text.ts";

type Wait<T> = Generator<void, T, boolean>;
type Run = (context: ProgramContext) => Wait<number>;

const SECOND = 1_000_000_000;
/** SO_RCVTIMEO of the clients. */
const CLIENT_TIMEOUT = 8 * SECOND;
const GET_TIMEOUT = 6 * SECOND;
const PYTHON_TIMEOUT = 3 * SECOND;
/** A process is made for a connection (fork(2)). */
const FORK = 150_000;
/** Python ends. */
const END = 5_000_000;
const BACKLOG = 16;
const SERVER_BUFFER = 1900;
const CLIENT_BUFFER = 3999;
const GET_BUFFER = 65_535;
/** What `get` shows of a body, and how far into a response it looks for more of it. */
const SHOWN = 380;
const LOOKED_AT = 1500;

export function tcpServer(port: number): Run {
  return function* ({ process, environment, print }) {
    const listener = environment.netns.tcp.listen(0, port, BACKLOG);
    if (!(listener instanceof TcpListener)) {
      print(`bind: ${strerror(listener)}`);
      return 1;
    }
    process.own(listener);
    for (;;) {
      const socket = yield* accept(process, listener);
      process.disown(socket);
      const child = new Process(environment);
      child.own(socket);
      child.start(echo(child, environment, socket, print));
    }
  };
}

function* echo(
  process: Process,
  { hostname }: Environment,
  socket: TcpSocket,
  print: (line: string) => void,
): Wait<number> {
  yield* process.think("ltool.fork", FORK);
  const peer = `${formatIpv4(socket.remoteIp)}:${socket.remotePort}`;
  const banner = `${hostname} peer=${peer} local=${formatIpv4(socket.localIp)}:${socket.localPort}`;
  if (!(yield* writeAll(process, socket, bytesOf(`${banner}\n`)))) return 0;
  print(`${timestamp(process.softnet.now)} ${banner}`);
  for (;;) {
    const read = yield* readSome(process, socket, SERVER_BUFFER);
    if (!(read instanceof Uint8Array)) return 0;
    yield* process.think("ltool.line", 0);
    if (!(yield* writeAll(process, socket, bytesOf(`${hostname}: ${textOf(read)}`)))) return 0;
  }
}

export function tcpClient(host: string, port: number, count: number, gapNs: number): Run {
  return function* (context) {
    const { process, print } = context;
    const ip = yield* hostAddress(context, host);
    if (ip === undefined) return 1;
    const say = (text: string): void => print(`${timestamp(process.softnet.now)} ${text}`);
    const socket = yield* connectTo(process, ip, port);
    if (typeof socket === "number") {
      say(`connect ${formatIpv4(ip)}:${port}: ${strerror(socket)}`);
      return 1;
    }
    say(`connected sport=${socket.localPort} -> ${formatIpv4(ip)}:${port}`);
    const banner = yield* readLine(process, socket);
    if (!banner.ok) {
      say(`read: ${banner.why}`);
      return 1;
    }
    say(`banner ${banner.text}`);
    yield* process.think("ltool.said", 0);
    for (let number = 1; number <= count; number++) {
      if (!(yield* writeAll(process, socket, bytesOf(`l${number}\n`)))) {
        say(`l${number} write: ${strerror(socket.takeError())}`);
        return 1;
      }
      const line = yield* readLine(process, socket);
      if (!line.ok) {
        say(`l${number} read: ${line.why}`);
        yield* process.think("ltool.end", END);
        return 1;
      }
      say(line.text);
      yield* process.think("ltool.said", 0);
      yield* process.sleep(gapNs);
    }
    process.close(socket);
    return 0;
  };
}

type Line = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly why: string };

/** One read(2), without the end of the line. */
function* readLine(process: Process, socket: TcpSocket): Wait<Line> {
  const read = yield* readSome(process, socket, CLIENT_BUFFER, process.softnet.now + CLIENT_TIMEOUT);
  if (read instanceof Uint8Array) return { ok: true, text: textOf(read).replace(/\n$/, "") };
  if (read === "end") return { ok: false, why: "EOF" };
  return { ok: false, why: strerror(read === "deadline" ? Errno.EAGAIN : read) };
}

export function get(host: string, port: number, path: string): Run {
  return function* (context) {
    const { process, print } = context;
    const ip = yield* hostAddress(context, host);
    if (ip === undefined) return 1;
    const socket = yield* connectTo(process, ip, port, {}, process.softnet.now + GET_TIMEOUT);
    if (typeof socket === "number") {
      const why = socket === Errno.ETIMEDOUT ? Errno.EINPROGRESS : socket;
      print(`connect ${formatIpv4(ip)}:${port}: ${strerror(why)}`);
      return 1;
    }
    yield* process.think("ltool.request", 0);
    const request = `GET ${path} HTTP/1.0\r\nHost: ${host}\r\n\r\n`;
    if (!(yield* writeAll(process, socket, bytesOf(request)))) return 1;
    let total = 0;
    let status = -1;
    let last = "";
    let error = "";
    for (;;) {
      const read = yield* readSome(process, socket, GET_BUFFER, process.softnet.now + GET_TIMEOUT);
      if (!(read instanceof Uint8Array)) {
        if (read !== "end") error = " (read error)";
        break;
      }
      const text = textOf(read);
      if (status < 0) status = Number(/^\S+ +(\d+)/.exec(text)?.[1] ?? 0);
      const end = total === 0 ? text.indexOf("\r\n\r\n") : -1;
      total += read.length;
      if (end >= 0 && text.length > end + 4) last = text.slice(end + 4, end + 4 + SHOWN);
      else if (end < 0 && total < LOOKED_AT) last = text.slice(0, SHOWN);
    }
    const ends = `${formatIpv4(socket.localIp)}:${socket.localPort} -> ${formatIpv4(ip)}:${port}`;
    const lines = new Lines(print);
    lines.write(`${ends} ${status} bytes ${total}${error}: ${last}\n`);
    return 0;
  };
}

/** `socket.connect` of Python with IP_TTL and a time limit, and what its traceback says. */
export function connectWithTtl(host: string, port: number, ttl: number): Run {
  return function* (context) {
    const { process, print } = context;
    const found = yield* resolve(context, host, { family: 4 });
    if ("error" in found) {
      print(`socket.gaierror: [Errno -2] ${RESOLVE_ERRORS[found.error]}`);
      return 1;
    }
    const deadline = process.softnet.now + PYTHON_TIMEOUT;
    const socket = yield* connectTo(process, found.addresses[0]!, port, { ttl }, deadline);
    if (typeof socket === "number") {
      print("Traceback (most recent call last):");
      print('  File "<string>", line 1, in <module>');
      if (process.softnet.now >= deadline) print("TimeoutError: timed out");
      else
        print(
          `${socket === Errno.ECONNREFUSED ? "ConnectionRefusedError" : "OSError"}: [Errno ${socket}] ${strerror(socket)}`,
        );
      return 1;
    }
    print("connected");
    yield* process.think("ltool.end", END);
    return 0;
  };
}
