/**
 * `nc`: reads and writes connections and datagrams: busybox' as far as it goes, with the options of others that people
 * type (-u, -k, -z, -v).
 *
 *     nc [-u] [-v] [-w SECONDS] [-p PORT] HOST PORT          what comes in by standard input goes out
 *     nc -z [-v] [-w SECONDS] HOST PORT[-PORT]               only tries
 *     nc -l [-k] [-u] [-v] -p PORT                           waits for others
 *
 * Not modelled: -e, UNIX sockets, proxies.
 */
import { Errno, strerror } from "../errno.ts";
import { formatEndpoint, formatIp, IPV6_ANY, isIpv6 } from "../host/ipv6-address.ts";
import { TcpListener } from "../host/tcp-listener.ts";
import type { TcpSocket } from "../host/tcp-socket.ts";
import { durationOption, getopt, portOption } from "./getopt.ts";
import { type Program, type ProgramContext, UsageError } from "./program.ts";
import { resolve } from "./resolve.ts";
import { accept, connectTo, readSome, writeAll } from "./stream.ts";
import { bytesOf, Lines, textOf } from "./text.ts";

const BUFFER = 8192;

interface Options {
  readonly host: string;
  readonly ports: readonly number[];
  readonly family: 4 | 6 | undefined;
  readonly listens: boolean;
  readonly keeps: boolean;
  readonly isUdp: boolean;
  readonly isScan: boolean;
  readonly isVerbose: boolean;
  readonly localPort: number;
  readonly timeoutNs: number;
}

type Wait<T> = Generator<void, T, boolean>;

export const NC: Program = {
  check(argv) {
    readOptions(argv);
  },
  *main(argv, context) {
    const options = readOptions(argv);
    if (options.listens) return yield* options.isUdp ? listenUdp(options, context) : listen(options, context);
    const found = yield* resolve(context, options.host, options.family === undefined ? {} : { family: options.family });
    if ("error" in found) {
      context.print(`nc: bad address '${options.host}'`);
      return 1;
    }
    const ip = found.addresses[0]!;
    if (options.isUdp) return yield* sendUdp(options, context, ip);
    let status = 1;
    for (const port of options.ports) if ((yield* connect(options, context, ip, port)) === 0) status = 0;
    return status;
  },
};

function readOptions(argv: readonly string[]): Options {
  const { given, rest } = getopt(argv, { switches: "lkuvzNn46", values: "pwiqs" });
  const listens = given.has("l");
  const [host = "", range, more] = listens && rest.length < 2 ? ["", given.get("p") ?? rest[0]] : rest;
  if (range === undefined || more !== undefined) throw new UsageError("nc: HOST PORT is expected, or -l -p PORT");
  const [first = "", last = first] = range.split("-");
  const from = portOption("nc", first);
  const to = portOption("nc", last);
  const timeout = given.get("w");
  return {
    host,
    family: given.has("6") ? 6 : given.has("4") ? 4 : undefined,
    ports: Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index),
    listens,
    keeps: given.has("k"),
    isUdp: given.has("u"),
    isScan: given.has("z"),
    isVerbose: given.has("v"),
    localPort: given.has("p") && !listens ? portOption("nc", given.get("p")!) : 0,
    timeoutNs: timeout === undefined ? Number.POSITIVE_INFINITY : durationOption("nc", "-w", timeout),
  };
}

function* connect(options: Options, context: ProgramContext, ip: number, port: number): Wait<number> {
  const { process, print, stdin } = context;
  const name = `${options.host} (${formatEndpoint(ip, port)})`;
  const deadline = process.softnet.now + options.timeoutNs;
  const socket = yield* connectTo(process, ip, port, { localPort: options.localPort }, deadline);
  if (typeof socket === "number") {
    const what = isIpv6(ip) ? "can't connect to remote host" : name;
    if (!options.isScan || options.isVerbose) print(`nc: ${what}: ${strerror(socket)}`);
    return 1;
  }
  if (options.isVerbose) print(`${name} open`);
  if (options.isScan) process.close(socket);
  else {
    if (stdin !== "") yield* writeAll(process, socket, bytesOf(stdin));
    // End of standard input: the other side is to know; what it says is still read.
    socket.shutdown();
    yield* printAll(context, socket, options.timeoutNs);
    process.close(socket);
  }
  return 0;
}

/** Prints what comes until the other side has said all. */
function* printAll({ process, print }: ProgramContext, socket: TcpSocket, timeoutNs: number): Wait<void> {
  const lines = new Lines(print);
  for (;;) {
    const read = yield* readSome(process, socket, BUFFER, process.softnet.now + timeoutNs);
    if (!(read instanceof Uint8Array)) break;
    lines.write(textOf(read));
  }
  lines.end();
}

/** A server without input is silent, and says nothing about its end either. */
function* listen(options: Options, context: ProgramContext): Wait<number> {
  const { process, environment, print, stdin } = context;
  const listener = environment.netns.tcp.listen(options.family === 4 ? 0 : IPV6_ANY, options.ports[0]!, 1);
  if (!(listener instanceof TcpListener)) {
    print(`nc: bind: ${strerror(listener)}`);
    return 1;
  }
  process.own(listener);
  do {
    const socket = yield* accept(process, listener);
    if (options.isVerbose) print(`connect to port ${socket.localPort} from ${formatIp(socket.remoteIp)}`);
    if (stdin !== "") yield* writeAll(process, socket, bytesOf(stdin));
    yield* printAll(context, socket, Number.POSITIVE_INFINITY);
    process.close(socket);
  } while (options.keeps);
  return 0;
}

function* sendUdp(options: Options, context: ProgramContext, ip: number): Wait<number> {
  const { process, environment, print, stdin } = context;
  const socket = process.own(environment.netns.udp.socket());
  if (options.localPort !== 0) socket.bind(0, options.localPort);
  let error = socket.connect(ip, options.ports[0]!);
  if (error === Errno.none && stdin !== "") error = socket.send(bytesOf(stdin));
  if (error !== Errno.none) {
    print(`nc: ${strerror(error)}`);
    return 1;
  }
  const lines = new Lines(print);
  while (yield* process.poll(process.softnet.now + Math.min(options.timeoutNs, 3_600_000_000_000))) {
    for (let datagram = socket.receive(); datagram !== undefined; datagram = socket.receive()) {
      lines.write(textOf(datagram.bytes));
    }
    if (socket.takeError() !== Errno.none) return 1;
  }
  lines.end();
  return 0;
}

function* listenUdp(options: Options, { process, environment, print, stdin }: ProgramContext): Wait<number> {
  const socket = process.own(environment.netns.udp.socket());
  const error = socket.bind(options.family === 4 ? 0 : IPV6_ANY, options.ports[0]!);
  if (error !== Errno.none) {
    print(`nc: bind: ${strerror(error)}`);
    return 1;
  }
  const lines = new Lines(print);
  let isFirst = true;
  while (yield* process.poll(process.softnet.now + options.timeoutNs)) {
    for (let datagram = socket.receive(); datagram !== undefined; datagram = socket.receive()) {
      lines.write(textOf(datagram.bytes));
      if (isFirst && stdin !== "") socket.sendTo(bytesOf(stdin), datagram.ip, datagram.port);
      isFirst = false;
    }
  }
  lines.end();
  return 0;
}
