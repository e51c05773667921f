/**
 * busybox' `traceroute` (networking/traceroute.c): a UDP datagram a probe, each to the next port, with a TTL that grows;
 * routers on the way and the host at its end answer with ICMP errors. It takes `-I` and sends UDP all the same, as
 * Debian builds it (recording s11).
 *
 * Not modelled: `-F`, `-r`, `-v`, `-g`, IPv6.
 */
import { formatIpv4, parseIpv4 } from "@hopscope/codec/address";
import { IpProtocol } from "@hopscope/codec/code-points";
import * as icmp from "@hopscope/codec/icmp";
import * as ipv4 from "@hopscope/codec/ipv4";
import * as udp from "@hopscope/codec/udp";
import { Errno, strerror } from "../errno.ts";
import { type IcmpArrival, RawIcmpSocket } from "../host/raw-icmp-socket.ts";
import type { UdpSocket } from "../host/udp-socket.ts";
import { getopt } from "./getopt.ts";
import { type Program, type ProgramContext, UsageError } from "./program.ts";
import { resolve, resolveAddress } from "./resolve.ts";

const SECOND = 1_000_000_000;
const MICROSECOND = 1000;
/** IPv4 and UDP header, and what a probe says of itself. */
const LEAST_LENGTH = 46;
const MOST_LENGTH = 32_768;
/** -F and -l are taken and do nothing on Linux; -I sends UDP all the same. */
const SWITCHES = "nlFI4";
const OPTIONS = "fmpqwtsiz";

interface Options {
  readonly host: string;
  /** Bytes of a probe, its IPv4 header included. */
  readonly length: number;
  readonly firstTtl: number;
  readonly maxTtl: number;
  readonly port: number;
  readonly probes: number;
  readonly waitNs: number;
  readonly pauseNs: number;
  readonly tos: number;
  readonly source: number;
  readonly device: string | undefined;
  readonly isNumeric: boolean;
}

/** What came back for a probe. */
interface Answer {
  readonly srcIp: number;
  readonly ttl: number;
  readonly type: number;
  readonly code: number;
  readonly mtu: number;
  readonly time: number;
}

export const TRACEROUTE: Program = {
  check(argv) {
    readOptions(argv);
  },
  *main(argv, context) {
    const options = readOptions(argv);
    const { process, environment, print } = context;
    const { netns } = environment;
    const found = yield* resolve(context, options.host, { family: 4 });
    if ("error" in found) {
      print(`traceroute: bad address '${options.host}'`);
      return 1;
    }
    const dstIp = found.addresses[0]!;
    const socket = process.own(netns.udp.socket());
    const raw = process.own(new RawIcmpSocket(netns));
    socket.tos = options.tos;
    if (options.device !== undefined) {
      socket.device = netns.deviceNamed(options.device);
      if (socket.device === undefined) {
        print(`traceroute: can't bind to interface ${options.device}: No such device`);
        return 1;
      }
    }
    // Its process number says which answers are its own.
    const bound = socket.bind(options.source, (process.pid & 0xffff) | 0x8000);
    const error = bound === Errno.none ? socket.connect(dstIp, options.port) : bound;
    if (error !== Errno.none) {
      const what = bound === Errno.none ? `can't connect to remote host (${formatIpv4(dstIp)})` : "bind";
      print(`traceroute: ${what}: ${strerror(error)}`);
      return 1;
    }
    const { host, maxTtl, length } = options;
    const from = options.source === 0 ? "" : ` from ${formatIpv4(options.source)}`;
    print(`traceroute to ${host} (${formatIpv4(dstIp)})${from}, ${maxTtl} hops max, ${length} byte packets`);
    return yield* new Trace(context, options, dstIp, socket, raw).run();
  },
};

function readOptions(argv: readonly string[]): Options {
  const fail = (message: string): never => {
    throw new UsageError(`traceroute: ${message}`);
  };
  const { given, rest } = getopt(argv, { switches: SWITCHES, values: OPTIONS });
  const number = (letter: string, unset: number, min: number, max: number): number => {
    const text = given.get(letter);
    if (text === undefined) return unset;
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    return value >= min && value <= max ? value : fail(`-${letter} is "${text}", expected ${min} to ${max}`);
  };
  const [host, lengthText, more] = rest;
  if (host === undefined || more !== undefined)
    return fail("a host is expected, and behind it perhaps a packet length");
  const length = lengthText === undefined ? LEAST_LENGTH : Number(lengthText);
  if (!(length >= LEAST_LENGTH && length <= MOST_LENGTH)) {
    fail(`the packet length is "${lengthText}", expected ${LEAST_LENGTH} to ${MOST_LENGTH}`);
  }
  const sourceText = given.get("s");
  const source = sourceText === undefined ? 0 : parseIpv4(sourceText);
  if (source === undefined) return fail(`-s is "${sourceText}", expected an IPv4 address`);
  const maxTtl = number("m", 30, 1, 255);
  return {
    host,
    length,
    firstTtl: number("f", 1, 1, maxTtl),
    maxTtl,
    port: number("p", 33_434, 1, 65_535 - 255),
    probes: number("q", 3, 1, 100),
    waitNs: number("w", 3, 1, 86_400) * SECOND,
    pauseNs: number("z", 0, 0, 86_400_000) * 1_000_000,
    tos: number("t", 0, 0, 255),
    source,
    device: given.get("i"),
    isNumeric: given.has("n"),
  };
}

class Trace {
  readonly #context: ProgramContext;
  readonly #options: Options;
  readonly #dstIp: number;
  readonly #socket: UdpSocket;
  readonly #raw: RawIcmpSocket;
  #sequence = 0;

  constructor(context: ProgramContext, options: Options, dstIp: number, socket: UdpSocket, raw: RawIcmpSocket) {
    this.#context = context;
    this.#options = options;
    this.#dstIp = dstIp;
    this.#socket = socket;
    this.#raw = raw;
  }

  *run(): Generator<void, number, boolean> {
    const { firstTtl, maxTtl, probes, pauseNs } = this.#options;
    const { process, print } = this.#context;
    for (let ttl = firstTtl; ttl <= maxTtl; ttl++) {
      let line = String(ttl).padStart(2);
      let unreachable = 0;
      let isThere = false;
      let last: number | undefined;
      for (let probe = 0; probe < probes; probe++) {
        if (probe > 0 && pauseNs > 0) yield* process.sleep(pauseNs);
        const sentAt = this.#send(ttl);
        const answer = yield* this.#wait(sentAt);
        if (answer === undefined) {
          line += "  *";
          continue;
        }
        if (answer.srcIp !== last) line += yield* this.#nameOf(answer.srcIp);
        last = answer.srcIp;
        const microseconds = Math.floor((answer.time - sentAt) / MICROSECOND);
        line += `  ${Math.floor(microseconds / 1000)}.${String(microseconds % 1000).padStart(3, "0")} ms`;
        if (answer.type === icmp.IcmpType.timeExceeded) continue;
        const mark = markOf(answer);
        line += mark;
        if (isEnd(answer)) isThere = true;
        else unreachable++;
      }
      print(line);
      if (isThere || (unreachable > 0 && unreachable >= probes - 1)) break;
    }
    return 0;
  }

  /** send_probe: when. */
  #send(ttl: number): number {
    const { length, port } = this.#options;
    this.#sequence++;
    const data = new Uint8Array(length - ipv4.HEADER_LENGTH - udp.HEADER_LENGTH);
    data[0] = this.#sequence;
    data[1] = ttl;
    this.#socket.ttl = ttl;
    const sentAt = this.#context.process.softnet.now;
    // An error that an earlier probe has brought is told by the next one: it is what is looked for otherwise.
    this.#socket.takeError();
    this.#socket.sendTo(data, this.#dstIp, port + this.#sequence);
    return sentAt;
  }

  /** wait_for_reply and packet_ok: the answer to the last probe; undefined: none in time. */
  *#wait(sentAt: number): Generator<void, Answer | undefined, boolean> {
    const deadline = sentAt + this.#options.waitNs;
    for (;;) {
      for (let arrival = this.#raw.receive(); arrival !== undefined; arrival = this.#raw.receive()) {
        const answer = this.#answerIn(arrival);
        if (answer !== undefined) return answer;
      }
      if (!(yield* this.#context.process.poll(deadline))) return undefined;
    }
  }

  #answerIn({ packet, time }: IcmpArrival): Answer | undefined {
    const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
    const at = ipv4.payloadStart(view, 0);
    const end = packet.length;
    if (end - at < icmp.HEADER_LENGTH) return undefined;
    const type = icmp.type(view, at);
    const code = icmp.code(view, at);
    const isExceeded = type === icmp.IcmpType.timeExceeded && code === 0;
    if (!isExceeded && type !== icmp.IcmpType.destinationUnreachable) return undefined;
    const quote = at + icmp.HEADER_LENGTH;
    if (end - quote < ipv4.HEADER_LENGTH) return undefined;
    const udpAt = quote + ipv4.headerLength(view, quote);
    if (end - udpAt < udp.HEADER_LENGTH || ipv4.protocol(view, quote) !== IpProtocol.udp) return undefined;
    const isOwn = udp.srcPort(view, udpAt) === this.#socket.localPort;
    if (!isOwn || udp.dstPort(view, udpAt) !== this.#options.port + this.#sequence) return undefined;
    const mtu = view.getUint16(at + 6);
    return { srcIp: ipv4.srcIp(view, 0), ttl: ipv4.ttl(view, 0), type, code, mtu, time };
  }

  *#nameOf(ip: number): Generator<void, string, boolean> {
    const address = formatIpv4(ip);
    if (this.#options.isNumeric) return `  ${address}`;
    const name = yield* resolveAddress(this.#context, ip);
    return `  ${name ?? address} (${address})`;
  }
}

/** The destination itself has answered. */
function isEnd({ code }: Answer): boolean {
  return code === icmp.UnreachableCode.port || code === icmp.UnreachableCode.protocol;
}

/** What stands behind the time of an answer that is not "time exceeded". */
function markOf({ code, ttl, mtu }: Answer): string {
  switch (code) {
    case icmp.UnreachableCode.port:
      return ttl <= 1 ? " !" : "";
    case icmp.UnreachableCode.net:
      return " !N";
    case icmp.UnreachableCode.host:
      return " !H";
    case icmp.UnreachableCode.protocol:
      return " !P";
    case icmp.UnreachableCode.fragmentationNeeded:
      return ` !F-${mtu}`;
    case 5:
      return " !S";
    case 9:
    case 13:
      return " !A";
    case 10:
      return " !C";
    default:
      return ` !<${code}>`;
  }
}
