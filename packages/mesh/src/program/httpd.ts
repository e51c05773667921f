/**
 * `httpd` as busybox 1.35 has it: what it answers and in how many pieces (recordings s03, s07, s08, s10). A file below
 * `cgi-bin/` is what the script there prints: each line of it is a write of its own until the empty one, and what is behind
 * that one more; `$NAME` stands for a variable of CGI. The server's own child passes on what there is when it looks.
 *
 * Not modelled: POST, ranges, passwords, a configuration file.
 */
import { strerror } from "../errno.ts";
import { formatIp, IPV6_ANY, isIpv6 } from "../host/ipv6-address.ts";
import { TcpListener } from "../host/tcp-listener.ts";
import type { TcpSocket } from "../host/tcp-socket.ts";
import { getopt, portOption } from "./getopt.ts";
import { HttpHead, httpDate } from "./http-message.ts";
import { Pipe } from "./pipe.ts";
import { Process } from "./process.ts";
import { type Environment, type Program, UsageError } from "./program.ts";
import { accept, readSome, writeAll } from "./stream.ts";
import { bytesOf, textOf, utf8Length } from "./text.ts";

/** Pauses, as in recordings: of the server's child for a file, and of a shell script. */
const ANSWER = 300_000;
const FILE = 60_000;
const CLOSE = 10_000;
const CGI_START = 900_000;
const CGI_LINE = 0;
const CGI_BODY = 250_000;
/** Between two writes of what the script has said. */
const WRITE = 100_000;
const CGI_EXIT = 90_000;
const HEADER_TIMEOUT = 60_000_000_000;
/** How much of a file is one sendfile(2) of the kernel's. */
const CHUNK = 65_536;
const KEEPALIVE = [7200, 75, 9] as const;

const TYPES: ReadonlyMap<string, string> = new Map([
  ...["txt", "h", "c", "cc", "cpp"].map((suffix) => [suffix, "text/plain"] as const),
  ["htm", "text/html"],
  ["html", "text/html"],
  ["jpg", "image/jpeg"],
  ["jpeg", "image/jpeg"],
  ["gif", "image/gif"],
  ["png", "image/png"],
  ["svg", "image/svg+xml"],
  ["css", "text/css"],
  ["js", "application/javascript"],
]);

const ERRORS: Readonly<Record<number, readonly [name: string, text: string]>> = {
  400: ["Bad Request", "Unsupported method"],
  404: ["Not Found", "The requested URL was not found"],
  501: ["Not Implemented", "The requested method is not recognized"],
};

interface Options {
  readonly port: number;
  readonly root: string;
}

export const HTTPD: Program = {
  check(argv) {
    readOptions(argv);
  },
  *main(argv, { environment, process, print }) {
    const { port, root } = readOptions(argv);
    const listener = environment.netns.tcp.listen(IPV6_ANY, port, 9);
    if (!(listener instanceof TcpListener)) {
      print(`httpd: bind: ${strerror(listener)}`);
      return 1;
    }
    process.own(listener);
    for (;;) {
      const socket = yield* accept(process, listener);
      socket.setKeepAlive(...KEEPALIVE);
      // fork(2): the child has the connection.
      const child = new Process(environment);
      process.disown(socket);
      child.own(socket);
      child.start(serve(child, environment, socket, root));
    }
  },
};

function readOptions(argv: readonly string[]): Options {
  const { given, rest } = getopt(argv, { switches: "fv", values: "phcur" });
  if (rest.length > 0) throw new UsageError(`httpd: "${rest[0]}" is not understood`);
  const root = given.get("h") ?? "/";
  return { port: portOption("httpd", given.get("p") ?? "80"), root: root.replace(/\/$/, "") };
}

/** handle_incoming_and_exit */
function* serve(
  process: Process,
  environment: Environment,
  socket: TcpSocket,
  root: string,
): Generator<void, number, boolean> {
  const head = new HttpHead();
  const deadline = process.softnet.now + HEADER_TIMEOUT;
  while (!head.isComplete) {
    const read = yield* readSome(process, socket, 1024, deadline);
    if (!(read instanceof Uint8Array)) {
      yield* process.think("httpd.close", CLOSE);
      return 0;
    }
    head.add(textOf(read));
  }
  const [method = "", target = "/"] = (head.lines[0] ?? "").split(" ");
  const path = target.replace(/\?.*$/, "");
  if (method !== "GET" && method !== "HEAD") yield* sendError(process, socket, 501);
  else if (path.startsWith("/cgi-bin/") || isIndexScript(environment, root, path)) {
    const name = path.startsWith("/cgi-bin/") ? path : "/cgi-bin/index.cgi";
    const script = environment.files.get(`${root}${name}`);
    if (script === undefined) yield* sendError(process, socket, 404);
    else yield* sendScript(process, environment, socket, script, head);
  } else yield* sendFile(process, environment, socket, root, path, method === "HEAD");
  // log_and_exit
  socket.shutdown();
  return 0;
}

/** A directory without an index, but with the script for that. */
function isIndexScript({ files }: Environment, root: string, path: string): boolean {
  return path.endsWith("/") && !files.has(`${root}${path}index.html`) && files.has(`${root}/cgi-bin/index.cgi`);
}

function* sendFile(
  process: Process,
  { files }: Environment,
  socket: TcpSocket,
  root: string,
  path: string,
  isHead: boolean,
): Generator<void, void, boolean> {
  const name = path.endsWith("/") ? `${path}index.html` : path;
  const text = files.get(`${root}${name}`);
  if (text === undefined) return yield* sendError(process, socket, 404);
  yield* process.think("httpd.answer", ANSWER);
  const size = utf8Length(text);
  const type = TYPES.get(name.slice(name.lastIndexOf(".") + 1));
  const header = [
    "HTTP/1.1 200 OK",
    `Date: ${httpDate(process.softnet.now)}`,
    "Connection: close",
    // What it does not know by the name's end it says nothing of.
    ...(type === undefined ? [] : [`Content-type: ${type}`]),
    "Accept-Ranges: bytes",
    `Last-Modified: ${httpDate(0)}`,
    // Time of the last change and size; the image is as old as the clock.
    `ETag: "${MODIFIED}-${size.toString(16)}"`,
    `Content-Length: ${size}`,
    "\r\n",
  ].join("\r\n");
  if (!(yield* writeAll(process, socket, bytesOf(header)))) return;
  if (isHead) return;
  yield* process.think("httpd.file", FILE);
  const bytes = bytesOf(text);
  for (let at = 0; at < bytes.length; at += CHUNK) {
    if (!(yield* writeAll(process, socket, bytes.subarray(at, at + CHUNK)))) return;
  }
  yield* process.think("httpd.close", CLOSE);
}

/** The clock's beginning, in seconds since 1970. */
const MODIFIED = "6955b900";

function* sendError(process: Process, socket: TcpSocket, status: number): Generator<void, void, boolean> {
  yield* process.think("httpd.answer", ANSWER);
  const [name, text] = ERRORS[status]!;
  const head = [
    `HTTP/1.1 ${status} ${name}`,
    `Date: ${httpDate(process.softnet.now)}`,
    "Connection: close",
    "Content-type: text/html",
    "\r\n",
  ].join("\r\n");
  const title = `${status} ${name}`;
  const body = `<HTML><HEAD><TITLE>${title}</TITLE></HEAD>\n<BODY><H1>${title}</H1>\n${text}\n</BODY></HTML>\n`;
  yield* writeAll(process, socket, bytesOf(head + body));
  yield* process.think("httpd.close", CLOSE);
}

/** send_cgi_and_exit and cgi_io_loop_and_exit: the script writes into a pipe, this passes it on. */
function* sendScript(
  process: Process,
  environment: Environment,
  socket: TcpSocket,
  script: string,
  head: HttpHead,
): Generator<void, void, boolean> {
  const pipe = process.own(new Pipe());
  const child = new Process(environment);
  child.start(runScript(child, pipe, expand(script, environment, socket, head)));
  let isFirst = true;
  for (;;) {
    const text = pipe.read();
    if (text !== "") {
      // "There is no HTTP, do it ourself."
      if (isFirst && !text.startsWith("HTTP")) {
        yield* writeAll(process, socket, bytesOf("HTTP/1.1 200 OK\r\n"));
        yield* process.think("httpd.write", WRITE);
      }
      isFirst = false;
      if (!(yield* writeAll(process, socket, bytesOf(text)))) return;
    } else if (pipe.isAtEnd) return;
    else yield* process.poll();
  }
}

/** A shell script of echos: a line is a write(2). */
function* runScript(process: Process, pipe: Pipe, text: string): Generator<void, number, boolean> {
  const gap = /\r?\n(\r?\n)/.exec(text);
  const empty = gap?.[1] ?? "";
  const end = gap === null ? text.length : gap.index + gap[0].length - empty.length;
  const head = text.slice(0, end);
  yield* process.think("cgi.start", CGI_START);
  for (const line of head.split(/(?<=\n)/)) {
    pipe.write(line);
    yield* process.think("cgi.line", CGI_LINE);
  }
  if (gap !== null) {
    pipe.write(empty);
    yield* process.think("cgi.body", CGI_BODY);
    const body = text.slice(end + empty.length);
    if (body !== "") pipe.write(body);
  }
  yield* process.think("cgi.exit", CGI_EXIT);
  pipe.close();
  return 0;
}

/**
 * `$REMOTE_ADDR` and so on; the server's socket is an IPv6 one, so addresses look like that. busybox does not set
 * `$REMOTE_HOST`: here it is the address for scripts that stand for other servers.
 */
function expand(script: string, environment: Environment, socket: TcpSocket, head: HttpHead): string {
  const [method = "", target = ""] = (head.lines[0] ?? "").split(" ");
  const variables: Readonly<Record<string, string>> = {
    HOSTNAME: environment.hostname,
    REMOTE_ADDR: `[${isIpv6(socket.remoteIp) ? "" : "::ffff:"}${formatIp(socket.remoteIp)}]`,
    REMOTE_HOST: formatIp(socket.remoteIp),
    REMOTE_PORT: String(socket.remotePort),
    SERVER_PORT: String(socket.localPort),
    REQUEST_METHOD: method,
    REQUEST_URI: target,
    QUERY_STRING: target.includes("?") ? target.slice(target.indexOf("?") + 1) : "",
    SERVER_PROTOCOL: "HTTP/1.1",
    HTTP_HOST: head.header("Host") ?? "",
    HTTP_USER_AGENT: head.header("User-Agent") ?? "",
  };
  return script.replaceAll(/\$(?:\{(\w+)\}|(\w+))/g, (_, braced?: string, plain?: string) => {
    return variables[braced ?? plain ?? ""] ?? "";
  });
}
