/**
 * `extsrv`: what the recordings' machine outside serves, by kind: `extsrv dns PORT NAME=ADDRESS…` answers for a few
 * names (dnsd.ts); `extsrv http PORT` tells whoever asks what address it sees, as a Python web server does it: the head
 * and the body are two writes, and it closes the connection.
 */
import { formatIpv4 } from "@hopscope/codec/address";
import { strerror } from "../errno.ts";
import { TcpListener } from "../host/tcp-listener.ts";
import type { TcpSocket } from "../host/tcp-socket.ts";
import { DNSD } from "./dnsd.ts";
import { portOption } from "./getopt.ts";
import { HttpHead, httpDate } from "./http-message.ts";
import { Process } from "./process.ts";
import { type Main, type Program, UsageError } from "./program.ts";
import { accept, readSome, writeAll } from "./stream.ts";
import { bytesOf, textOf } from "./text.ts";

/** Pauses, as in recordings: a thread is started and the request read; the body; the end. */
const ANSWER = 1_200_000;
const BODY = 60_000;
const CLOSE = 40_000;

/** The command behind a kind. */
function dnsCommand(argv: readonly string[]): readonly string[] {
  const [, , port, ...rest] = argv;
  return ["dnsd", "-p", port ?? "", ...rest];
}

export const EXTSRV: Program = {
  check(argv) {
    switch (argv[1]) {
      case "dns":
        return DNSD.check(dnsCommand(argv));
      case "http":
        portOption("extsrv", argv[2] ?? "");
        if (argv.length > 3) throw new UsageError(`extsrv: "${argv[3]}" is not understood`);
        return;
      default:
        throw new UsageError(
          `extsrv: "${argv[1] ?? ""}" is not understood; there are: extsrv dns PORT NAME=ADDRESS…, extsrv http PORT`,
        );
    }
  },
  *main(argv, context) {
    return yield* argv[1] === "dns" ? DNSD.main(dnsCommand(argv), context) : httpServer(argv, context);
  },
};

const httpServer: Main = function* (argv, { environment, process, print }) {
  const listener = environment.netns.tcp.listen(0, portOption("extsrv", argv[2] ?? ""), 5);
  if (!(listener instanceof TcpListener)) {
    print(`OSError: [Errno ${listener}] ${strerror(listener)}`);
    return 1;
  }
  process.own(listener);
  for (;;) {
    const socket = yield* accept(process, listener);
    process.disown(socket);
    const thread = new Process(environment);
    thread.own(socket);
    thread.start(answer(thread, socket));
  }
};

/** http.server's BaseHTTPRequestHandler. */
function* answer(process: Process, socket: TcpSocket): Generator<void, number, boolean> {
  const head = new HttpHead();
  while (!head.isComplete) {
    const read = yield* readSome(process, socket, 8192);
    if (!(read instanceof Uint8Array)) return 0;
    head.add(textOf(read));
  }
  yield* process.think("extsrv.answer", ANSWER);
  const body = bytesOf(`ext saw ${formatIpv4(socket.remoteIp)}:${socket.remotePort}\n`);
  const response = [
    "HTTP/1.0 200 OK",
    "Server: BaseHTTP/0.6 Python/3.11.7",
    `Date: ${httpDate(process.softnet.now)}`,
    "Content-Type: text/plain",
    `Content-Length: ${body.length}`,
    "\r\n",
  ].join("\r\n");
  yield* writeAll(process, socket, bytesOf(response));
  yield* process.think("extsrv.body", BODY);
  yield* writeAll(process, socket, body);
  yield* process.think("extsrv.close", CLOSE);
  socket.shutdown();
  return 0;
}
