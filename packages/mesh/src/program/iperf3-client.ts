/** iperf3 as a client (src/iperf_client_api.c: iperf_connect, iperf_run_client, iperf_client_end). */
import { formatIpv4 } from "@hopscope/codec/address";
import { Errno, strerror } from "../errno.ts";
import type { TcpSocket } from "../host/tcp-socket.ts";
import type { UdpSocket } from "../host/udp-socket.ts";
import {
  makeCookie,
  parametersText,
  readState,
  readText,
  resultsOf,
  resultsText,
  State,
  writeState,
  writeText,
} from "./iperf3-control.ts";
import type { ClientOptions, TestParameters } from "./iperf3-options.ts";
import { connectedLine } from "./iperf3-report.ts";
import { Iperf3Test } from "./iperf3-test.ts";
import type { ProgramContext } from "./program.ts";
import { resolve } from "./resolve.ts";
import { connectTo, writeAll } from "./stream.ts";

type Wait<T> = Generator<void, T, boolean>;

/** The first datagram of a stream, and its answer (src/iperf.h). */
const UDP_CONNECT: Uint8Array = Uint8Array.of(0x39, 0x38, 0x37, 0x36);
export const UDP_CONNECT_REPLY: Uint8Array = Uint8Array.of(0x36, 0x37, 0x38, 0x39);
const UDP_CONNECT_TIMEOUT = 30_000_000_000;
/** From the last write to the word that the test is over. */
const END = 100_000;

/** What ends the program, in its words. */
class Failure extends Error {}

export function* runClient(options: ClientOptions, context: ProgramContext): Wait<number> {
  const { print } = context;
  let control: TcpSocket | undefined;
  let test: Iperf3Test | undefined;
  let isOver = false;
  try {
    control = yield* openControl(options, context);
    yield* talk(options, context, control, (begun) => {
      test = begun;
    });
    isOver = true;
    return 0;
  } catch (error) {
    isOver = true;
    if (!(error instanceof Failure)) throw error;
    print(`iperf3: error - ${error.message}`);
    return 1;
  } finally {
    if (!isOver) {
      // A signal (iperf_got_sigend).
      test?.end();
      test?.summarize(undefined);
      control?.write(Uint8Array.of(State.clientTerminate));
      print("iperf3: interrupt - the client has terminated");
    }
  }
}

function* openControl(options: ClientOptions, context: ProgramContext): Wait<TcpSocket> {
  const { host, port } = options;
  const found = yield* resolve(context, host, { family: 4 });
  if ("error" in found) throw new Failure(`unable to connect to server: ${strerror(Errno.EAGAIN)}`);
  const control = yield* connectTo(context.process, found.addresses[0]!, port);
  if (typeof control === "number") throw new Failure(`unable to connect to server: ${strerror(control)}`);
  control.setNoDelay();
  return control;
}

/** The whole conversation; `begun` is told of the test when it runs. */
function* talk(
  options: ClientOptions,
  context: ProgramContext,
  control: TcpSocket,
  begun: (test: Iperf3Test) => void,
): Wait<void> {
  const { process, print, environment } = context;
  const { isUdp, isReverse, blockLength } = options.test;
  print(`Connecting to host ${options.host}, port ${options.port}`);
  if (isReverse) print(`Reverse mode, remote host ${options.host} is sending`);
  const cookie = makeCookie(environment.netns.node.socketRandom);
  yield* writeAll(process, control, cookie);
  yield* expectState(context, control, State.paramExchange);
  // What one packet to the server takes.
  const parameters = { ...options.test, blockLength: blockLength === 0 ? control.mssCache : blockLength };
  yield* writeText(process, control, parametersText(parameters));
  yield* expectState(context, control, State.createStreams);
  const stream = yield* isUdp
    ? openUdp(options, parameters, context, control.remoteIp)
    : openTcp(options, parameters, context, control.remoteIp, cookie);
  yield* expectState(context, control, State.testStart);
  const { localIp, localPort, remoteIp, remotePort } = stream;
  print(connectedLine(formatIpv4(localIp), localPort, formatIpv4(remoteIp), remotePort));
  yield* expectState(context, control, State.testRunning);
  const test = new Iperf3Test(context, stream, parameters, options, { isSender: !isReverse, isClient: true });
  begun(test);
  const outcome = yield* test.run(control);
  if (outcome === "closed") throw new Failure("control socket has closed unexpectedly");
  if (outcome !== "done") {
    if ("state" in outcome) throw new Failure(wordsFor(outcome.state));
    const verb = isReverse ? "read from" : "write to";
    throw new Failure(`unable to ${verb} stream socket: ${strerror(outcome.error)}`);
  }
  test.end();
  yield* process.think("iperf3.end", END);
  yield* writeState(process, control, State.testEnd);
  yield* expectState(context, control, State.exchangeResults);
  yield* writeText(process, control, resultsText(test.results, isUdp, test.isSender));
  const text = yield* readText(process, control);
  const peer = text === undefined ? undefined : resultsOf(text);
  if (peer === undefined) throw new Failure("unable to receive results");
  yield* expectState(context, control, State.displayResults);
  process.close(stream);
  test.summarize(peer);
  print("");
  print("iperf Done.");
  yield* writeState(process, control, State.done);
}

function* expectState({ process }: ProgramContext, control: TcpSocket, expected: State): Wait<void> {
  const state = yield* readState(process, control);
  if (state !== expected) throw new Failure(wordsFor(state));
}

function wordsFor(state: number | undefined): string {
  switch (state) {
    case undefined:
      return "control socket has closed unexpectedly";
    case State.accessDenied:
      return "the server is busy running a test. try again later";
    case State.serverTerminate:
      return "the server has terminated";
    default:
      return "received an unknown control message (ensure other side is iperf3 and not iperf)";
  }
}

function* openTcp(
  options: ClientOptions,
  { noDelay, tos }: TestParameters,
  { process }: ProgramContext,
  ip: number,
  cookie: Uint8Array,
): Wait<TcpSocket> {
  const stream = yield* connectTo(process, ip, options.port, { localPort: options.localPort, tos });
  if (typeof stream === "number") throw new Failure(`unable to connect stream: ${strerror(stream)}`);
  if (noDelay) stream.setNoDelay();
  yield* writeAll(process, stream, cookie);
  return stream;
}

function* openUdp(
  options: ClientOptions,
  { tos }: TestParameters,
  { process, environment }: ProgramContext,
  ip: number,
): Wait<UdpSocket> {
  const stream = process.own(environment.netns.udp.socket());
  stream.tos = tos;
  let error = options.localPort === 0 ? Errno.none : stream.bind(0, options.localPort);
  if (error === Errno.none) error = stream.connect(ip, options.port);
  if (error !== Errno.none) throw new Failure(`unable to connect stream: ${strerror(error)}`);
  error = stream.send(UDP_CONNECT);
  const deadline = process.softnet.now + UDP_CONNECT_TIMEOUT;
  while (error === Errno.none) {
    if (stream.receive() !== undefined) return stream;
    error = stream.takeError();
    if (error === Errno.none && !(yield* process.poll(deadline))) error = Errno.EAGAIN;
  }
  throw new Failure(`unable to read from stream socket: ${strerror(error)}`);
}
