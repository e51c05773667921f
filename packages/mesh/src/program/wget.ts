/**
 * `wget` as busybox 1.35 has it: what it sends and prints, and that it closes the connection as soon as it has as many
 * bytes as it was told (recordings s03, s06, s07, s08, s10; "loopback6" of
 * fixtures/sockets).
 *
 * Not modelled: https, ftp, proxies, POST, continuing a download, what its progress shows on the way.
 */
import { type Errno, Errno as E, strerror } from "../errno.ts";
import { formatEndpoint, formatIp, isIpv6 } from "../host/ipv6-address.ts";
import type { TcpSocket } from "../host/tcp-socket.ts";
import { durationOption, getopt } from "./getopt.ts";
import { HttpHead, parseUrl, type Url } from "./http-message.ts";
import { type Program, type ProgramContext, UsageError } from "./program.ts";
import { resolve } from "./resolve.ts";
import { connectTo, readSome, writeAll } from "./stream.ts";
import { bytesOf, Lines, textOf } from "./text.ts";

/** Pauses, as in recordings: to build a request, to write what was received and close. */
const REQUEST = 60_000;
const CLOSE = 150_000;
const BUFFER = 16_384;
const HEADER_BUFFER = 4096;
const MAX_REDIRECTIONS = 5;

interface Options {
  readonly url: Url;
  readonly isQuiet: boolean;
  readonly showsResponse: boolean;
  readonly isSpider: boolean;
  /** "-" is standard output. */
  readonly output: string;
  readonly userAgent: string;
  readonly headers: readonly string[];
  readonly timeoutNs: number;
}

export const WGET: Program = {
  check(argv) {
    readOptions(argv);
  },
  *main(argv, context) {
    const options = readOptions(argv);
    let { url } = options;
    for (let count = 0; count <= MAX_REDIRECTIONS; count++) {
      const next: Url | number = yield* download(context, options, url);
      if (typeof next === "number") return next;
      url = next;
    }
    context.print("wget: too many redirections");
    return 1;
  },
};

function readOptions(argv: readonly string[]): Options {
  const { given, all, rest } = getopt(argv, {
    switches: "cqS",
    values: "OoPTUY",
    long: { spider: "spider", quiet: "q", "output-document": "O", timeout: "T", "user-agent": "U", header: "header" },
    longValues: ["header"],
  });
  const [address, more] = rest;
  if (address === undefined) throw new UsageError("wget: missing URL");
  if (more !== undefined) throw new UsageError(`wget: one URL expected, found "${address}" and "${more}"`);
  const url = parseUrl("wget", address);
  const timeout = given.get("T");
  return {
    url,
    isQuiet: given.has("q"),
    showsResponse: given.has("S"),
    isSpider: given.has("spider"),
    output: given.get("O") ?? baseName(url.path),
    userAgent: given.get("U") ?? "Wget",
    headers: all("header"),
    timeoutNs: timeout === undefined ? Number.POSITIVE_INFINITY : durationOption("wget", "-T", timeout),
  };
}

function baseName(path: string): string {
  const name = path.slice(path.lastIndexOf("/") + 1).replace(/\?.*$/, "");
  return name === "" ? "index.html" : name;
}

/** An exit status, or where it goes on. */
function* download(context: ProgramContext, options: Options, url: Url): Generator<void, number | Url, boolean> {
  const { process, print } = context;
  const tell = (line: string): void => {
    if (!options.isQuiet) print(line);
  };
  const found = yield* resolve(context, url.name);
  if ("error" in found) {
    print(`wget: bad address '${url.host}'`);
    return 1;
  }
  const ip = found.addresses[0]!;
  const port = url.hasPort ? `:${url.port}` : "";
  tell(`Connecting to ${url.host}${port} (${formatEndpoint(ip, url.port)})`);
  const socket = yield* connectTo(process, ip, url.port, {}, process.softnet.now + options.timeoutNs);
  if (typeof socket === "number") {
    // xconnect names an IPv4 address only.
    print(`wget: can't connect to remote host${isIpv6(ip) ? "" : ` (${formatIp(ip)})`}: ${strerror(socket)}`);
    return 1;
  }
  yield* process.think("wget.request", REQUEST);
  const request = [
    `GET ${url.path} HTTP/1.1`,
    `Host: ${url.host}${port}`,
    `User-Agent: ${options.userAgent}`,
    ...options.headers,
    "Connection: close",
    "\r\n",
  ].join("\r\n");
  yield* writeAll(process, socket, bytesOf(request));
  return yield* receive(context, options, url, socket);
}

function* receive(
  context: ProgramContext,
  options: Options,
  url: Url,
  socket: TcpSocket,
): Generator<void, number | Url, boolean> {
  const { process, print } = context;
  const fail = (message: string): number => {
    print(`wget: ${message}`);
    return 1;
  };
  const head = new HttpHead();
  while (!head.isComplete) {
    const read = yield* readSome(process, socket, HEADER_BUFFER, process.softnet.now + options.timeoutNs);
    if (read === "deadline") return fail("download timed out");
    if (!(read instanceof Uint8Array)) return fail(`error getting response${reasonOf(read)}`);
    head.add(latin1(read));
  }
  if (options.showsResponse) for (const line of [...head.lines, ""]) print(`  ${line}`);
  const location = head.header("Location");
  if (location !== undefined && head.status >= 300 && head.status < 400) {
    process.close(socket);
    return location.startsWith("/") ? { ...url, path: location } : parseUrl("wget", location);
  }
  if (head.status !== 200) return fail(`server returned error: ${head.lines[0]}`);
  if (options.isSpider) {
    if (!options.isQuiet) print("remote file exists");
    return 0;
  }
  return yield* receiveBody(context, options, socket, head);
}

function* receiveBody(
  context: ProgramContext,
  options: Options,
  socket: TcpSocket,
  head: HttpHead,
): Generator<void, number, boolean> {
  const { process, print } = context;
  const { output, isQuiet } = options;
  const isStdout = output === "-";
  const length = head.contentLength ?? Number.POSITIVE_INFINITY;
  const pieces: Uint8Array[] = [latin1Bytes(head.rest)];
  let received = pieces[0]!.length;
  if (!isQuiet) print(isStdout ? "writing to stdout" : `saving to '${output}'`);
  while (received < length) {
    const read = yield* readSome(process, socket, BUFFER, process.softnet.now + options.timeoutNs);
    if (read === "end") break;
    if (!(read instanceof Uint8Array)) {
      print(`wget: ${read === "deadline" ? "download timed out" : `read error${reasonOf(read)}`}`);
      return 1;
    }
    pieces.push(read);
    received += read.length;
  }
  if (received < length && length !== Number.POSITIVE_INFINITY) {
    print("wget: connection closed prematurely");
    return 1;
  }
  const text = textOf(joined(pieces, received));
  if (isStdout) {
    const lines = new Lines(print);
    lines.write(text);
    lines.end();
  } else if (output !== "/dev/null") context.environment.files.set(output, text);
  if (!isQuiet) {
    print(progress(baseName(`/${output}`), received));
    print(isStdout ? "written to stdout" : `'${output}' saved`);
  }
  yield* process.think("wget.close", CLOSE);
  process.close(socket);
  return 0;
}

/** libbb/progress.c, at the end. */
function progress(name: string, bytes: number): string {
  const size = bytes >= 100_000 ? `${Math.floor(bytes / 1024)}k` : String(bytes);
  return `${name.slice(0, 20).padEnd(20)} 100% |${"*".repeat(32)}| ${size.padStart(5)}  0:00:00 ETA`;
}

function reasonOf(read: "end" | "deadline" | Errno): string {
  return typeof read === "number" && read !== E.none ? `: ${strerror(read)}` : "";
}

/** A byte a character: heads are ASCII, and what is behind one is cut off as bytes again. */
function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

function latin1Bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

export function joined(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const all = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
