/** The datagrams of `ltool` (ltool.ts). */
import { formatIpv4 } from "@hopscope/codec/address";
import { Errno, strerror } from "../errno.ts";
import type { Datagram } from "../host/socket.ts";
import type { UdpSocket } from "../host/udp-socket.ts";
import { hostAddress } from "./ltool-host.ts";
import type { Process } from "./process.ts";
import type { ProgramContext } from "./program.ts";
import { bytesOf, textOf, timestamp } from "./text.ts";

type Wait<T> = Generator<void, T, boolean>;
type Run = (context: ProgramContext) => Wait<number>;

/** SO_RCVTIMEO of the client. */
const REPLY_TIMEOUT = 2_000_000_000;
/** How much of a question is repeated in the answer. */
const REPEATED = 200;

export function udpServer(port: number): Run {
  return function* ({ process, environment, print }) {
    const { hostname, netns } = environment;
    const socket = process.own(netns.udp.socket());
    const error = socket.bind(0, port);
    if (error !== Errno.none) {
      print(`bind: ${strerror(error)}`);
      return 1;
    }
    for (;;) {
      const received = yield* receive(process, socket);
      if (received === undefined || typeof received === "number") continue;
      const { ip, port: peer, dstIp, bytes } = received;
      const got = textOf(bytes).slice(0, REPEATED);
      const answer = `${hostname} peer=${formatIpv4(ip)}:${peer} local=${formatIpv4(dstIp)} got=${got}`;
      yield* process.think("ltool.datagram", 0);
      socket.sendTo(bytesOf(answer), ip, peer);
      print(`${timestamp(process.softnet.now)} ${answer}`);
    }
  };
}

export function udpClient(host: string, port: number, source: number, count: number, gapNs: number): Run {
  return function* (context) {
    const { process, environment, print } = context;
    const ip = yield* hostAddress(context, host);
    if (ip === undefined) return 1;
    const socket = process.own(environment.netns.udp.socket());
    const error = socket.bind(0, source);
    if (error !== Errno.none) {
      print(`bind: ${strerror(error)}`);
      return 1;
    }
    for (let number = 1; number <= count; number++) {
      socket.sendTo(bytesOf(`m${number}`), ip, port);
      const reply = yield* receive(process, socket, process.softnet.now + REPLY_TIMEOUT);
      const sent = `${timestamp(process.softnet.now)} sport=${source} m${number} -> ${formatIpv4(ip)}:${port} :`;
      if (reply === undefined) print(`${sent} ${strerror(Errno.EAGAIN)}`);
      else if (typeof reply === "number") print(`${sent} ${strerror(reply)}`);
      else print(`${sent} from ${formatIpv4(reply.ip)}:${reply.port}: ${textOf(reply.bytes)}`);
      if (number < count) yield* process.sleep(gapNs);
    }
    return 0;
  };
}

/** recvfrom(2): a datagram, an error, or undefined: the deadline. */
function* receive(
  process: Process,
  socket: UdpSocket,
  deadline: number = Number.POSITIVE_INFINITY,
): Wait<Datagram | Errno | undefined> {
  for (;;) {
    const error = socket.takeError();
    if (error !== Errno.none) return error;
    const datagram = socket.receive();
    if (datagram !== undefined) return datagram;
    if (!(yield* process.poll(deadline))) return undefined;
  }
}
