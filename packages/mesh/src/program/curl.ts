/**
 * `curl` 7.88: what it sends, prints, and answers as its exit status (recordings s07, s08, s13; "loopback6" of fixtures/sockets).
 * This release knows by itself what `localhost` is, and tries 127.0.0.1 before ::1; others were not observed.
 *
 * Not modelled: the other family at the same time after 200 ms (happy eyeballs), https, redirections with -L, uploads other
 * than by -d, its progress meter.
 */
import { Errno, strerror } from "../errno.ts";
import { TcpState } from "../host/socket.ts";
import { IPV6_LOOPBACK, isIpv6, parseIp } from "../host/ipv6-address.ts";
import type { TcpSocket } from "../host/tcp-socket.ts";
import { CurlVerbose } from "./curl-verbose.ts";
import { durationOption, getopt } from "./getopt.ts";
import { HttpHead, parseUrl, type Url } from "./http-message.ts";
import { type Program, type ProgramContext, UsageError } from "./program.ts";
import { resolve } from "./resolve.ts";
import { readSome, writeAll } from "./stream.ts";
import { bytesOf, Lines, textOf } from "./text.ts";
import { joined } from "./wget.ts";

const MILLISECOND = 1_000_000;
/** Pauses, as in recordings: from the connection to the request, and from the last byte to the end. */
const REQUEST = 80_000;
const CLOSE = 60_000;
const BUFFER = 102_400;
/** 127.0.0.1 */
const LOOPBACK = 0x7f000001;

/** Exit statuses. */
const Failure = {
  resolve: 6,
  connect: 7,
  partial: 18,
  httpError: 22,
  timeout: 28,
  empty: 52,
  receive: 56,
} as const;

interface Options {
  readonly url: Url;
  readonly family: 4 | 6 | undefined;
  readonly isSilent: boolean;
  readonly isVerbose: boolean;
  readonly showsErrors: boolean;
  readonly showsHead: boolean;
  readonly isHead: boolean;
  readonly failsOnError: boolean;
  readonly output: string | undefined;
  readonly format: string | undefined;
  readonly method: string;
  readonly data: string | undefined;
  readonly headers: readonly string[];
  readonly userAgent: string;
  readonly maxTimeNs: number;
  readonly connectTimeoutNs: number;
}

export const CURL: Program = {
  check(argv) {
    readOptions(argv);
  },
  *main(argv, context) {
    return yield* new Transfer(readOptions(argv), context).run();
  },
};

function readOptions(argv: readonly string[]): Options {
  const { given, all, rest } = getopt(argv, {
    switches: "sSivfIk46NO",
    values: "omwHXAd",
    long: {
      silent: "s",
      "show-error": "S",
      include: "i",
      verbose: "v",
      fail: "f",
      head: "I",
      insecure: "k",
      ipv4: "4",
      ipv6: "6",
      output: "o",
      "max-time": "m",
      "write-out": "w",
      header: "H",
      request: "X",
      "user-agent": "A",
      data: "d",
      "no-buffer": "N",
      "remote-name": "O",
    },
    longValues: ["connect-timeout"],
  });
  const [address, more] = rest;
  if (address === undefined) throw new UsageError("curl: try 'curl --help' or 'curl --manual' for more information");
  if (more !== undefined) throw new UsageError(`curl: one URL expected, found "${address}" and "${more}"`);
  const seconds = (name: string): number => {
    const text = given.get(name);
    return text === undefined ? Number.POSITIVE_INFINITY : durationOption("curl", name, text);
  };
  const url = parseUrl("curl", address);
  const isHead = given.has("I");
  const data = given.get("d");
  return {
    url,
    family: given.has("6") ? 6 : given.has("4") ? 4 : undefined,
    isSilent: given.has("s"),
    isVerbose: given.has("v"),
    showsErrors: !given.has("s") || given.has("S"),
    showsHead: given.has("i") || isHead,
    isHead,
    failsOnError: given.has("f"),
    output: given.has("O") ? url.path.slice(url.path.lastIndexOf("/") + 1) : given.get("o"),
    format: given.get("w"),
    method: given.get("X") ?? (isHead ? "HEAD" : data === undefined ? "GET" : "POST"),
    data,
    headers: all("H"),
    userAgent: given.get("A") ?? "curl/7.88.1",
    maxTimeNs: seconds("m"),
    connectTimeoutNs: seconds("connect-timeout"),
  };
}

class Transfer {
  readonly #options: Options;
  readonly #context: ProgramContext;
  readonly #startedAt: number;
  readonly #deadline: number;
  /** `-v` */
  readonly #verbose: CurlVerbose | undefined = undefined;
  #received = 0;
  #status = 0;

  constructor(options: Options, context: ProgramContext) {
    this.#options = options;
    this.#context = context;
    if (options.isVerbose) this.#verbose = new CurlVerbose(context.print);
    this.#startedAt = context.process.softnet.now;
    this.#deadline = this.#startedAt + options.maxTimeNs;
  }

  *run(): Generator<void, number, boolean> {
    const status = yield* this.#transfer();
    this.#writeOut();
    return status;
  }

  *#transfer(): Generator<void, number, boolean> {
    const { url } = this.#options;
    const addresses = yield* this.#resolve();
    if (addresses.length === 0) return this.#fail(Failure.resolve, `Could not resolve host: ${url.name}`);
    const socket = yield* this.#connect(addresses);
    if (typeof socket === "number") return socket;
    const { process } = this.#context;
    yield* process.think("curl.request", REQUEST);
    const request = this.#request();
    this.#verbose?.head(">", request.slice(0, request.indexOf("\r\n\r\n")).split("\r\n"));
    yield* writeAll(process, socket, bytesOf(request));
    return yield* this.#receive(socket);
  }

  /** Curl_resolv: `localhost` is not asked for (get_localhost), and an address is of both families. */
  *#resolve(): Generator<void, readonly number[], boolean> {
    const { url, family } = this.#options;
    const literal = parseIp(url.name);
    if (literal !== undefined) return [literal];
    if (/(?:^|\.)localhost$/i.test(url.name)) return [LOOPBACK, IPV6_LOOPBACK];
    const found = yield* resolve(this.#context, url.name, family === undefined ? {} : { family });
    return "error" in found ? [] : found.addresses;
  }

  /** One address after the other. */
  *#connect(addresses: readonly number[]): Generator<void, TcpSocket | number, boolean> {
    const { process, environment } = this.#context;
    const { url, connectTimeoutNs, family } = this.#options;
    const wanted = addresses.filter((ip) => family === undefined || isIpv6(ip) === (family === 6));
    if (wanted.length === 0) return this.#fail(Failure.connect, "Couldn't connect to server");
    const deadline = Math.min(this.#deadline, this.#startedAt + connectTimeoutNs);
    for (const ip of wanted) {
      this.#verbose?.tries(ip, url.port);
      const socket = process.own(environment.netns.tcp.connect(ip, url.port));
      socket.setNoDelay();
      socket.setKeepAlive(60, 60, 9);
      while (socket.state === TcpState.synSent) {
        if (yield* process.poll(deadline)) continue;
        process.close(socket);
        const isMaxTime = deadline === this.#deadline;
        const late = this.#elapsed();
        return this.#fail(
          Failure.timeout,
          isMaxTime
            ? `Connection timed out after ${late} milliseconds`
            : `Failed to connect to ${url.name} port ${url.port} after ${late} ms: Timeout was reached`,
        );
      }
      if (socket.isConnected) {
        this.#verbose?.isConnected(url.name, ip, url.port);
        return socket;
      }
      this.#verbose?.isRefused(ip, url.port, strerror(socket.takeError()));
      process.close(socket);
    }
    const text = `Failed to connect to ${url.name} port ${url.port} after ${Math.floor(this.#elapsedNs() / MILLISECOND)} ms: Couldn't connect to server`;
    return this.#fail(Failure.connect, text);
  }

  #request(): string {
    const { url, method, headers, userAgent, data } = this.#options;
    const own = new Set(headers.map((each) => each.slice(0, each.indexOf(":")).toLowerCase()));
    const lines = [`${method} ${url.path} HTTP/1.1`];
    const add = (name: string, value: string): void => {
      if (!own.has(name.toLowerCase())) lines.push(`${name}: ${value}`);
    };
    add("Host", `${url.host}${url.hasPort && url.port !== 80 ? `:${url.port}` : ""}`);
    add("User-Agent", userAgent);
    add("Accept", "*/*");
    lines.push(...headers);
    if (data !== undefined) {
      add("Content-Length", String(bytesOf(data).length));
      add("Content-Type", "application/x-www-form-urlencoded");
    }
    return `${lines.join("\r\n")}\r\n\r\n${data ?? ""}`;
  }

  *#receive(socket: TcpSocket): Generator<void, number, boolean> {
    const { process } = this.#context;
    const head = new HttpHead();
    const pieces: Uint8Array[] = [];
    let length = Number.POSITIVE_INFINITY;
    while (this.#received < length) {
      const read = yield* readSome(process, socket, BUFFER, this.#deadline);
      if (read === "deadline") return this.#timedOut(length);
      if (read === "end") {
        if (head.isComplete && length === Number.POSITIVE_INFINITY) break;
        yield* process.think("curl.close", CLOSE);
        if (!head.isComplete) return this.#fail(Failure.empty, "Empty reply from server");
        return this.#fail(Failure.partial, `transfer closed with ${length - this.#received} bytes remaining to read`);
      }
      if (!(read instanceof Uint8Array)) {
        const text = read === Errno.ECONNRESET ? "Recv failure: Connection reset by peer" : "Recv failure";
        return this.#fail(Failure.receive, text);
      }
      let body = read;
      if (!head.isComplete) {
        const before = head.text.length;
        if (!head.add(asciiOf(read))) continue;
        this.#status = head.status;
        this.#verbose?.head("<", head.lines);
        if (this.#options.failsOnError && head.status >= 400) {
          return this.#fail(Failure.httpError, `The requested URL returned error: ${head.status}`);
        }
        if (this.#options.showsHead) this.#print(`${head.lines.join("\n")}\n\n`);
        length = this.#options.isHead ? 0 : (head.contentLength ?? Number.POSITIVE_INFINITY);
        body = read.subarray(head.text.length - head.rest.length - before);
      }
      // What is more than was announced, or behind the head that alone was asked for, is not read.
      if (body.length > length - this.#received) body = body.subarray(0, length - this.#received);
      pieces.push(body);
      this.#verbose?.received(body.length);
      this.#received += body.length;
    }
    if (/^close$/i.test(head.header("Connection") ?? "")) this.#verbose?.closes();
    else this.#verbose?.info(`Connection #0 to host ${this.#options.url.name} left intact`);
    const text = textOf(joined(pieces, this.#received));
    if (this.#options.output === undefined) this.#print(text);
    else if (this.#options.output !== "/dev/null") {
      this.#context.environment.files.set(this.#options.output, text);
    }
    this.#lines.end();
    yield* process.think("curl.close", CLOSE);
    process.close(socket);
    return 0;
  }

  readonly #lines: Lines = new Lines((line) => this.#context.print(line));

  #print(text: string): void {
    this.#lines.write(text);
  }

  #timedOut(length: number): number {
    const of = length === Number.POSITIVE_INFINITY ? "" : ` out of ${length}`;
    const text = `Operation timed out after ${this.#elapsed()} milliseconds with ${this.#received}${of} bytes received`;
    return this.#fail(Failure.timeout, text);
  }

  #fail(status: number, message: string): number {
    this.#lines.end();
    this.#verbose?.failed(message);
    if (this.#options.showsErrors) this.#context.print(`curl: (${status}) ${message}`);
    return status;
  }

  #elapsedNs(): number {
    return this.#context.process.softnet.now - this.#startedAt;
  }

  /** A timer of curl's is late by a millisecond. */
  #elapsed(): number {
    return Math.floor(this.#elapsedNs() / MILLISECOND) + 1;
  }

  /** -w */
  #writeOut(): void {
    const { format } = this.#options;
    if (format === undefined) return;
    const code = String(this.#status).padStart(3, "0");
    const values: ReadonlyMap<string, string> = new Map([
      ["http_code", code],
      ["response_code", code],
      ["size_download", String(this.#received)],
      ["time_total", (this.#elapsedNs() / 1_000_000_000).toFixed(6)],
    ]);
    const text = format
      .replaceAll(/%\{(\w+)\}/g, (_, name: string) => values.get(name) ?? "")
      .replaceAll(String.raw`\n`, "\n");
    this.#print(text);
    this.#lines.end();
  }
}

/** Heads are ASCII; a byte a character, so that lengths stay those of the bytes. */
function asciiOf(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
