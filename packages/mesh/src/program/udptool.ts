/**
 * `udptool`: sends a datagram, answers datagrams, or counts them (the small Python script of the recordings s04, s05, s06
 * and s17, with its output).
 *
 *     udptool send HOST PORT SIZE [--df|--nodf] [--tos N] [--bcast] [--noreply] [--sport N] [--connect]
 *     udptool echo PORT [COUNT]          COUNT 0: for ever
 *     udptool recv PORT SECONDS [GROUP]
 */
import { formatIpv4, parseIpv4 } from "@hopscope/codec/address";
import { Errno, strerror } from "../errno.ts";
import { PmtuDiscovery } from "../host/ipv4.ts";
import type { Datagram } from "../host/socket.ts";
import type { UdpSocket } from "../host/udp-socket.ts";
import { durationOption, integerOption, portOption } from "./getopt.ts";
import type { Process } from "./process.ts";
import { type Program, type ProgramContext, UsageError } from "./program.ts";
import { resolve } from "./resolve.ts";
import { bytesOf } from "./text.ts";

const SECOND = 1_000_000_000;
const REPLY_TIMEOUT = 2 * SECOND;
const ECHO_TIMEOUT = 20 * SECOND;
const MAX_DATAGRAM = 65_535;

/** Python's classes for errors of sockets. */
const EXCEPTIONS: ReadonlyMap<Errno, string> = new Map<Errno, string>([
  [Errno.ECONNREFUSED, "ConnectionRefusedError"],
  [Errno.EACCES, "PermissionError"],
  [Errno.EPERM, "PermissionError"],
]);

type Wait<T> = Generator<void, T, boolean>;

export const UDPTOOL: Program = {
  check(argv) {
    readCommand(argv);
  },
  *main(argv, context) {
    return yield* readCommand(argv)(context);
  },
};

function readCommand(argv: readonly string[]): (context: ProgramContext) => Wait<number> {
  const [, verb, ...rest] = argv;
  switch (verb) {
    case "send":
      return readSend(rest);
    case "echo": {
      const [port = "", count = "1"] = rest;
      const options = { port: portOption("udptool", port), count: integerOption("udptool", "COUNT", count, 0, 1e9) };
      return (context) => echo(context, options.port, options.count);
    }
    case "recv": {
      const [port = "", seconds = "", group] = rest;
      const number = portOption("udptool", port);
      const ns = durationOption("udptool", "SECONDS", seconds);
      const groupIp = group === undefined ? undefined : parseIpv4(group);
      if (group !== undefined && groupIp === undefined) throw new UsageError(`udptool: "${group}" is no address`);
      return (context) => receive(context, number, ns, groupIp);
    }
    default:
      throw new UsageError(`udptool: "${verb ?? ""}" is not understood; there are send, echo, recv`);
  }
}

interface SendOptions {
  readonly host: string;
  readonly port: number;
  readonly size: number;
  readonly flags: ReadonlyMap<string, string>;
}

function readSend(words: readonly string[]): (context: ProgramContext) => Wait<number> {
  const flags = new Map<string, string>();
  const rest: string[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index]!;
    if (["--df", "--nodf", "--bcast", "--noreply", "--connect"].includes(word)) flags.set(word, "");
    else if (word === "--tos" || word === "--sport") flags.set(word, words[++index] ?? "");
    else if (word.startsWith("--")) throw new UsageError(`udptool: option ${word} is not modelled`);
    else rest.push(word);
  }
  const [host, port = "", size = "", more] = rest;
  if (host === undefined || more !== undefined) throw new UsageError("udptool: send HOST PORT SIZE is expected");
  const options = {
    host,
    port: portOption("udptool", port),
    size: integerOption("udptool", "SIZE", size, 0, MAX_DATAGRAM),
    flags,
  };
  const tos = flags.get("--tos");
  if (tos !== undefined) integerOption("udptool", "--tos", tos, 0, 255);
  const sport = flags.get("--sport");
  if (sport !== undefined) portOption("udptool", sport);
  return (context) => send(context, options);
}

function* send(context: ProgramContext, { host, port, size, flags }: SendOptions): Wait<number> {
  const { process, environment, print } = context;
  const socket = process.own(environment.netns.udp.socket());
  if (flags.has("--df")) socket.pmtuDiscovery = PmtuDiscovery.do;
  if (flags.has("--nodf")) socket.pmtuDiscovery = PmtuDiscovery.dont;
  if (flags.has("--bcast")) socket.broadcast = true;
  socket.tos = Number(flags.get("--tos") ?? 0);
  const sport = flags.get("--sport");
  if (sport !== undefined && socket.bind(0, Number(sport)) !== Errno.none) return fail(print, Errno.EADDRINUSE);
  const found = yield* resolve(context, host, { family: 4 });
  if ("error" in found) {
    print("error: gaierror(-2, 'Name or service not known')");
    return 0;
  }
  const ip = found.addresses[0]!;
  const payload = bytesOf(`ping-${String(size).padStart(5, "0")}-${"x".repeat(size)}`).subarray(0, size);
  let error: Errno;
  if (flags.has("--connect")) {
    error = socket.connect(ip, port);
    if (error === Errno.none) error = socket.send(payload);
  } else error = socket.sendTo(payload, ip, port);
  if (error !== Errno.none) return fail(print, error);
  print(`sent ${size} bytes to ('${formatIpv4(ip)}', ${port})`);
  if (flags.has("--noreply")) return 0;
  const reply = yield* receiveOne(process, socket, process.softnet.now + REPLY_TIMEOUT);
  if (typeof reply === "number") return fail(print, reply);
  if (reply === undefined) print("error: TimeoutError('timed out')");
  else print(`got ${reply.bytes.length} bytes from ${addressOf(reply)}`);
  return 0;
}

function fail(print: (line: string) => void, error: Errno): number {
  print(`error: ${EXCEPTIONS.get(error) ?? "OSError"}(${error}, '${strerror(error)}')`);
  return 0;
}

function addressOf({ ip, port }: Datagram): string {
  return `('${formatIpv4(ip)}', ${port})`;
}

/** A datagram, an error, or undefined: the deadline. */
function* receiveOne(process: Process, socket: UdpSocket, deadline: number): Wait<Datagram | Errno | undefined> {
  for (;;) {
    const datagram = socket.receive();
    if (datagram !== undefined) return datagram;
    const error = socket.takeError();
    if (error !== Errno.none) return error;
    if (!(yield* process.poll(deadline))) return undefined;
  }
}

function* echo({ process, environment, print }: ProgramContext, port: number, count: number): Wait<number> {
  const socket = process.own(environment.netns.udp.socket());
  const error = socket.bind(0, port);
  if (error !== Errno.none) {
    print(`OSError: [Errno ${error}] ${strerror(error)}`);
    return 1;
  }
  const isEndless = count === 0;
  const limit = isEndless ? Number.POSITIVE_INFINITY : count;
  for (let answered = 0; answered < limit; answered++) {
    const timeout = isEndless ? Number.POSITIVE_INFINITY : process.softnet.now + ECHO_TIMEOUT;
    const received = yield* receiveOne(process, socket, timeout);
    if (received === undefined) {
      print("TimeoutError: timed out");
      return 1;
    }
    if (typeof received === "number") continue;
    if (!isEndless) print(`server got ${received.bytes.length} bytes from ${addressOf(received)}`);
    const reply = new Uint8Array(received.bytes.length + 5);
    reply.set(bytesOf("echo:"));
    reply.set(received.bytes, 5);
    socket.sendTo(reply, received.ip, received.port);
  }
  return 0;
}

function* receive(
  { process, environment, print }: ProgramContext,
  port: number,
  ns: number,
  group: number | undefined,
): Wait<number> {
  const end = process.softnet.now + ns;
  const socket = process.own(environment.netns.udp.socket());
  socket.reuseAddress = true;
  const error = socket.bind(0, port);
  const joined = error === Errno.none && group !== undefined ? socket.join(group) : error;
  if (joined !== Errno.none) {
    print(`OSError: [Errno ${joined}] ${strerror(joined)}`);
    return 1;
  }
  for (;;) {
    const received = yield* receiveOne(process, socket, end);
    if (received === undefined) return 0;
    if (typeof received !== "number") print(`received ${received.bytes.length} bytes from ${addressOf(received)}`);
  }
}
