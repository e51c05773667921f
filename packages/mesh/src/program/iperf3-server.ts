/** iperf3 as a server, one test after the other (src/iperf_server_api.c: iperf_accept, iperf_run_server). */
import { formatIpv4 } from "@hopscope/codec/address";
import { Errno, strerror } from "../errno.ts";
import { TcpListener } from "../host/tcp-listener.ts";
import type { TcpSocket } from "../host/tcp-socket.ts";
import type { UdpSocket } from "../host/udp-socket.ts";
import { UDP_CONNECT_REPLY } from "./iperf3-client.ts";
import {
  COOKIE_LENGTH,
  parametersOf,
  readExactly,
  readState,
  readText,
  resultsOf,
  resultsText,
  State,
  writeState,
  writeText,
} from "./iperf3-control.ts";
import type { ServerOptions, TestParameters } from "./iperf3-options.ts";
import { BANNER, connectedLine } from "./iperf3-report.ts";
import { Iperf3Test } from "./iperf3-test.ts";
import type { ProgramContext } from "./program.ts";
import { accept } from "./stream.ts";

type Wait<T> = Generator<void, T, boolean>;

/** What a test has open. */
interface Test {
  readonly control: TcpSocket;
  stream: TcpSocket | UdpSocket | undefined;
}

const CLIENT_IS_GONE = "the client has unexpectedly closed the connection";

export function* runServer(options: ServerOptions, context: ProgramContext): Wait<number> {
  const { process, print, environment } = context;
  const listener = environment.netns.tcp.listen(0, options.port, 2_147_483_647);
  if (!(listener instanceof TcpListener)) {
    print(`iperf3: error - unable to start listener for connections: ${strerror(listener)}`);
    print("iperf3: exiting");
    return 1;
  }
  process.own(listener);
  let isOver = false;
  try {
    for (let number = 1; ; number++) {
      for (const line of [BANNER, `Server listening on ${options.port} (test #${number})`, BANNER]) print(line);
      const control = yield* accept(process, listener);
      control.setNoDelay();
      const test: Test = { control, stream: undefined };
      const problem = yield* serve(options, context, listener, test);
      if (test.stream !== undefined) process.close(test.stream);
      process.close(control);
      if (problem !== undefined) print(`iperf3: ${problem}`);
      if (options.isOneOff) break;
    }
    isOver = true;
    return 0;
  } finally {
    if (!isOver) print("iperf3: interrupt - the server has terminated");
  }
}

/** One test. Answers what went wrong, or undefined. */
function* serve(
  options: ServerOptions,
  context: ProgramContext,
  listener: TcpListener,
  test: Test,
): Wait<string | undefined> {
  const { process, print } = context;
  const { control } = test;
  if ((yield* readExactly(process, control, COOKIE_LENGTH)) === undefined) {
    return "error - unable to receive cookie at server";
  }
  print(`Accepted connection from ${formatIpv4(control.remoteIp)}, port ${control.remotePort}`);
  yield* writeState(process, control, State.paramExchange);
  const text = yield* readText(process, control);
  if (text === undefined) return "error - unable to receive parameters from client";
  const parameters = parametersOf(text);
  const { isUdp, isReverse } = parameters;
  const stream = isUdp
    ? yield* acceptUdp(options, parameters, context, control)
    : yield* acceptTcp(parameters, context, control, listener);
  if (stream === undefined) return CLIENT_IS_GONE;
  if (typeof stream === "number") return `error - unable to start stream listener: ${strerror(stream)}`;
  test.stream = stream;
  yield* writeState(process, control, State.testStart);
  const { localIp, localPort, remoteIp, remotePort } = stream;
  print(connectedLine(formatIpv4(localIp), localPort, formatIpv4(remoteIp), remotePort));
  yield* writeState(process, control, State.testRunning);
  const running = new Iperf3Test(context, stream, parameters, options, { isSender: isReverse, isClient: false });
  const outcome = yield* running.run(control, () => refuse(context, listener));
  running.end();
  if (outcome === "closed" || outcome === "done") return CLIENT_IS_GONE;
  if ("error" in outcome) {
    const verb = isReverse ? "write to" : "read from";
    return `error - unable to ${verb} stream socket: ${strerror(outcome.error)}`;
  }
  // iperf_handle_message_server
  running.summarize(undefined);
  if (outcome.state === State.clientTerminate) return "the client has terminated";
  process.close(stream);
  test.stream = undefined;
  yield* writeState(process, control, State.exchangeResults);
  const results = yield* readText(process, control);
  if (results === undefined || resultsOf(results) === undefined) return "error - unable to receive results";
  yield* writeText(process, control, resultsText(running.results, isUdp, isReverse));
  yield* writeState(process, control, State.displayResults);
  const last = yield* readState(process, control);
  return last === State.done ? undefined : CLIENT_IS_GONE;
}

/** Whoever comes while a test runs is sent away. */
function refuse({ process }: ProgramContext, listener: TcpListener): void {
  for (let other = listener.accept(); other !== undefined; other = listener.accept()) {
    process.own(other);
    other.write(Uint8Array.of(State.accessDenied));
    process.close(other);
  }
}

function* acceptTcp(
  { noDelay, tos }: TestParameters,
  { process }: ProgramContext,
  control: TcpSocket,
  listener: TcpListener,
): Wait<TcpSocket | undefined> {
  yield* writeState(process, control, State.createStreams);
  let stream = listener.accept();
  while (stream === undefined) {
    if (control.isAtEnd) return undefined;
    yield* process.poll();
    stream = listener.accept();
  }
  process.own(stream);
  if (noDelay) stream.setNoDelay();
  stream.tos = tos;
  return (yield* readExactly(process, stream, COOKIE_LENGTH)) === undefined ? undefined : stream;
}

/** iperf_udp_accept: whoever sends the first datagram is the client. */
function* acceptUdp(
  { port }: ServerOptions,
  { tos }: TestParameters,
  { process, environment }: ProgramContext,
  control: TcpSocket,
): Wait<UdpSocket | Errno | undefined> {
  const stream = process.own(environment.netns.udp.socket());
  stream.tos = tos;
  const error = stream.bind(0, port);
  if (error !== Errno.none) return error;
  yield* writeState(process, control, State.createStreams);
  let first = stream.receive();
  while (first === undefined) {
    if (control.isAtEnd) {
      process.close(stream);
      return undefined;
    }
    yield* process.poll();
    first = stream.receive();
  }
  stream.connect(first.ip, first.port);
  stream.send(UDP_CONNECT_REPLY);
  return stream;
}
