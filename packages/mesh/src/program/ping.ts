/**
 * `ping`: sends an echo request a second and waits for the answers. The make decides what it looks like and how long it
 * waits (ping-make.ts; busybox networking/ping.c; iputils ping.c, ping_common.c).
 *
 * Not modelled: flood and adaptive ping, patterns, record route, marks.
 */
import { parseIpv4 } from "@hopscope/codec/address";
import * as icmp from "@hopscope/codec/icmp";
import * as ipv4 from "@hopscope/codec/ipv4";
import * as ipv6 from "@hopscope/codec/ipv6";
import { strerror } from "../errno.ts";
import type { NetDevice } from "../device.ts";
import type { EchoHost, EchoRequest, IcmpListener } from "../host/icmp.ts";
import * as ip from "../host/ip.ts";
import { formatIp, isIpv6, parseIp } from "../host/ipv6-address.ts";
import { isMulticastIp } from "../host/ipv4-address.ts";
import { PmtuDiscovery, SendError } from "../host/ipv4.ts";
import type { Dst } from "../host/route.ts";
import type { Netns } from "../netns.ts";
import { RouteType } from "../tables/route.ts";
import { BUSYBOX, IPUTILS, type PingMake, type PingProblem, type PingReply, type PingTarget } from "./ping-make.ts";
import { type PingOptions, readPingOptions } from "./ping-options.ts";
import { type Program, type ProgramContext } from "./program.ts";
import { RESOLVE_ERRORS, resolve, resolveAddress } from "./resolve.ts";

/** Nothing of the kind was sent: what each make says then. */
const BUSYBOX_FAILED = 1;
const IPUTILS_FAILED = 2;
const TTL = 64;
const MULTICAST_TTL = 1;

function program(make: PingMake): Program {
  return {
    check(argv) {
      readPingOptions(argv, make);
    },
    *main(argv, context) {
      const options = readPingOptions(argv, make);
      const target = yield* findTarget(options, make, context);
      if (typeof target === "number") return target;
      const ping = new Ping(make, options, target, context);
      try {
        return yield* ping.run();
      } finally {
        ping.stop();
      }
    },
  };
}

export const BUSYBOX_PING: Program = program(BUSYBOX);
export const IPUTILS_PING: Program = program(IPUTILS);

/** What a ping sends by and to. */
interface Target extends PingTarget {
  /** Of the socket: 0 if it is not bound. */
  readonly boundIp: number;
  readonly boundDevice: NetDevice | undefined;
  readonly isBroadcast: boolean;
}

/** Name and source are looked up, and said if they are not there: the exit status. */
function* findTarget(
  options: PingOptions,
  make: PingMake,
  context: ProgramContext,
): Generator<void, Target | number, boolean> {
  const { netns } = context.environment;
  const { name, host, family, source, mayBroadcast } = options;
  const isIputils = make === IPUTILS;
  const failed = (message: string): number => {
    context.print(`${name}: ${message}`);
    return isIputils ? IPUTILS_FAILED : BUSYBOX_FAILED;
  };
  const boundDevice = source === undefined ? undefined : netns.deviceNamed(source);
  let boundIp = 0;
  if (source !== undefined && boundDevice === undefined) {
    const from = parseIpv4(source);
    if (from === undefined) {
      return failed(isIputils ? `SO_BINDTODEVICE ${source}: No such device` : `bad address '${source}'`);
    }
    boundIp = from;
  }
  const found = yield* resolve(context, host, family === undefined ? {} : { family });
  if ("error" in found) {
    return failed(isIputils ? `${host}: ${RESOLVE_ERRORS[found.error]}` : `bad address '${host}'`);
  }
  const dstIp = found.addresses[0]!;
  // iputils calls it what it is called.
  const called = isIputils ? found.canonicalName : host;
  const common = { host: called, boundIp, boundDevice, device: boundDevice?.name };
  const isSourceWrong = boundIp !== 0 && !netns.hasAddress(boundIp);
  if (!isIputils) {
    const target = { dstIp, ...common, srcIp: boundIp, isBroadcast: false };
    if (!isSourceWrong) return target;
    context.print(make.greeting(options, target));
    return failed("can't set multicast source interface");
  }
  if (isSourceWrong) return failed("bind: Cannot assign requested address");
  // A UDP socket is connected first, which sends nothing: it tells the source and what is wrong (ping4_run).
  const af = ip.familyFor(netns, dstIp);
  const dst = af.lookup(dstIp, boundIp, boundDevice);
  if (dst === undefined) return failed(`connect: ${strerror(af.whyUnreachable(dstIp))}`);
  const isBroadcast = dst.type === RouteType.broadcast;
  if (isBroadcast) {
    if (!mayBroadcast) {
      return failed("Do you want to ping broadcast? Then -b. If not, check your local firewall rules");
    }
    context.print("WARNING: pinging broadcast address");
  }
  if ((isBroadcast || isMulticastIp(dstIp)) && (options.pmtuDiscovery ?? PmtuDiscovery.do) !== PmtuDiscovery.do) {
    return failed("broadcast ping does not fragment");
  }
  return { dstIp: dstIp === 0 ? dst.source : dstIp, ...common, srcIp: dst.source, isBroadcast };
}

/** What has come in and has not been looked at. */
type Arrival = { readonly reply: PingReply } | { readonly problem: PingProblem };

class Ping implements IcmpListener, EchoRequest {
  readonly dstIp: number;
  readonly dataLength: number;
  readonly ttl: number;
  readonly tos: number;
  readonly pmtuDiscovery: PmtuDiscovery;
  readonly srcIp: number;
  declare readonly device?: NetDevice;
  readonly identifier: number;
  readonly #make: PingMake;
  readonly #options: PingOptions;
  readonly #target: Target;
  readonly #context: ProgramContext;
  readonly #netns: Netns;
  readonly #icmp: EchoHost;
  /** Sequence number to when it was sent. */
  readonly #sentAt: Map<number, number> = new Map();
  readonly #answered: Set<number> = new Set();
  #arrivals: Arrival[] = [];
  #startedAt = 0;
  #lastSentAt = 0;
  #transmitted = 0;
  #received = 0;
  #duplicates = 0;
  #errors = 0;
  /** Of the round trips, nanoseconds. */
  readonly #times = { count: 0, min: Number.POSITIVE_INFINITY, max: 0, sum: 0, sumOfSquares: 0 };
  /** Whom the last answer came from, and what is printed for it: iputils remembers one. */
  #lastFrom: { readonly ip: number; readonly text: string } | undefined = undefined;

  constructor(make: PingMake, options: PingOptions, target: Target, context: ProgramContext) {
    this.#make = make;
    this.#options = options;
    this.#target = target;
    this.#context = context;
    this.#netns = context.environment.netns;
    this.identifier = context.process.pid;
    const { dstIp, boundIp, boundDevice, isBroadcast } = target;
    const isGroup = isMulticastIp(dstIp);
    this.#icmp = isIpv6(dstIp) ? this.#netns.icmpv6 : this.#netns.icmp;
    this.dstIp = dstIp;
    this.srcIp = boundIp;
    if (boundDevice !== undefined) this.device = boundDevice;
    this.dataLength = options.dataLength;
    this.tos = options.tos;
    this.ttl = options.ttl ?? (isGroup ? MULTICAST_TTL : TTL);
    // iputils has no fragments made of what is for many.
    const usual = make === IPUTILS && (isGroup || isBroadcast) ? PmtuDiscovery.do : PmtuDiscovery.want;
    this.pmtuDiscovery = options.pmtuDiscovery ?? usual;
  }

  *run(): Generator<void, number, boolean> {
    const { process, print } = this.#context;
    const { count, intervalNs, deadlineNs } = this.#options;
    const { softnet } = process;
    this.#icmp.listen(this.identifier, this);
    print(this.#make.greeting(this.#options, this.#target));
    this.#startedAt = softnet.now;
    const deadline = this.#startedAt + deadlineNs;
    const isIputils = this.#make === IPUTILS;
    const hasDeadline = deadlineNs !== Number.POSITIVE_INFINITY;
    let sendAt = this.#startedAt;
    let endAt = deadline;
    for (;;) {
      if (sendAt <= softnet.now) {
        const error = this.#send();
        if (error !== SendError.none && this.#failed(error)) return BUSYBOX_FAILED;
        // Behind the last one iputils goes on until the deadline, if there is one.
        const isLast = this.#transmitted >= count && !(isIputils && hasDeadline);
        sendAt = isLast ? Number.POSITIVE_INFINITY : this.#lastSentAt + intervalNs;
        if (isLast) endAt = Math.min(endAt, this.#lastSentAt + this.#lastWait());
        // recvmsg(2) of a socket that has nothing to say ends after an interval.
        if (isLast && isIputils && error !== SendError.none) endAt = Math.min(endAt, this.#lastSentAt + intervalNs);
      }
      yield* process.poll(Math.min(sendAt, endAt));
      for (let arrival = this.#arrivals.shift(); arrival !== undefined; arrival = this.#arrivals.shift()) {
        yield* this.#take(arrival);
        if (this.#hasEnough(hasDeadline)) return this.#finish();
      }
      if (endAt <= softnet.now) return this.#finish();
    }
  }

  /** Its socket is closed. */
  stop(): void {
    this.#icmp.unlisten(this.identifier);
  }

  fill(view: DataView, at: number, end: number): void {
    this.#make.fill(view, at, end, this.#context.process.softnet.now);
  }

  echoReply(ipAt: number, icmpAt: number, end: number): void {
    const { view } = this.#netns.node.frames;
    const sequence = icmp.sequence(view, icmpAt);
    const sentAt = this.#sentAt.get(sequence);
    if (sentAt === undefined) return;
    const isDuplicate = this.#answered.has(sequence);
    this.#answered.add(sequence);
    const length = end - icmpAt;
    const hasStamp = length >= icmp.HEADER_LENGTH + this.#make.stampLength;
    const roundTripNs = hasStamp ? this.#netns.node.softnet.now - sentAt : undefined;
    const srcIp = ip.srcIp(view, ipAt);
    const ttl = ip.isVersion6(view, ipAt) ? ipv6.hopLimit(view, ipAt) : ipv4.ttl(view, ipAt);
    this.#arrived({ reply: { srcIp, length, sequence, ttl, roundTripNs, isDuplicate } });
  }

  error(ipAt: number, icmpAt: number, sequence: number): void {
    const { view } = this.#netns.node.frames;
    const type = icmp.type(view, icmpAt);
    const code = icmp.code(view, icmpAt);
    const isMtu = type === icmp.IcmpType.destinationUnreachable && code === icmp.UnreachableCode.fragmentationNeeded;
    const info = isMtu ? icmp.nextHopMtu(view, icmpAt) : view.getUint32(icmpAt + 4);
    this.#arrived({ problem: { srcIp: ipv4.srcIp(view, ipAt), sequence, type, code, info } });
  }

  #arrived(arrival: Arrival): void {
    this.#arrivals.push(arrival);
    this.#context.process.wakeUp();
  }

  *#take(arrival: Arrival): Generator<void, void, boolean> {
    const { print } = this.#context;
    if ("problem" in arrival) {
      const { problem } = arrival;
      // busybox does not hear of it: its raw socket looks at the identifier, which an error has not.
      if (this.#make === BUSYBOX) return;
      this.#errors++;
      if (this.#options.isQuiet) return;
      const text = this.#make.error(problem, yield* this.#nameOf(problem.srcIp));
      if (text !== undefined) print(text);
      return;
    }
    const { reply } = arrival;
    if (reply.isDuplicate) this.#duplicates++;
    else this.#received++;
    if (reply.roundTripNs !== undefined) this.#count(reply.roundTripNs);
    if (!this.#options.isQuiet) print(this.#make.reply(reply, yield* this.#nameOf(reply.srcIp)));
  }

  /** What is printed for an address: iputils asks for its name if it was given a name (pr_addr). */
  *#nameOf(address: number): Generator<void, string, boolean> {
    const text = formatIp(address);
    const { host, isNumeric } = this.#options;
    if (this.#make === BUSYBOX || isNumeric || parseIp(host) !== undefined) return text;
    if (this.#lastFrom?.ip !== address) {
      const name = yield* resolveAddress(this.#context, address);
      this.#lastFrom = { ip: address, text: name === undefined ? text : `${name} (${text})` };
    }
    return this.#lastFrom.text;
  }

  #hasEnough(hasDeadline: boolean): boolean {
    const { count } = this.#options;
    if (this.#make === BUSYBOX) return this.#received >= count;
    return this.#received + this.#errors >= count || (hasDeadline && this.#errors > 0);
  }

  /** How long the last request is waited for (iputils ping_common.c, __schedule_exit). */
  #lastWait(): number {
    const { timeoutNs, intervalNs } = this.#options;
    if (this.#make === BUSYBOX || this.#received === 0) return timeoutNs;
    return Math.max(2 * this.#times.max, intervalNs);
  }

  #send(): SendError {
    const sequence = (this.#transmitted + this.#make.firstSequence) & 0xffff;
    const { now } = this.#context.process.softnet;
    this.#transmitted++;
    this.#lastSentAt = now;
    this.#sentAt.set(sequence, now);
    this.#answered.delete(sequence);
    return this.#icmp.sendEcho(this, sequence);
  }

  /** Says why a packet could not be sent. True if that is the end. */
  #failed(error: SendError): boolean {
    const { print, process } = this.#context;
    const { name, isQuiet } = this.#options;
    if (this.#make === BUSYBOX) {
      print(`${name}: sendto: ${ERROR_TEXTS[error]}`);
      return true;
    }
    this.#errors++;
    if (isQuiet) return false;
    if (error === SendError.messageTooLong) {
      const af = ip.familyFor(this.#netns, this.dstIp);
      const dst: Dst | undefined = af.lookup(this.dstIp, this.srcIp, this.device);
      const mtu = dst === undefined ? 0 : af.mtuOf(dst, process.softnet.now);
      print(`${name}: local error: message too long, mtu=${mtu}`);
    } else print(`${name}: sendmsg: ${ERROR_TEXTS[error]}`);
    return false;
  }

  #count(roundTripNs: number): void {
    const times = this.#times;
    times.count++;
    times.min = Math.min(times.min, roundTripNs);
    times.max = Math.max(times.max, roundTripNs);
    times.sum += roundTripNs;
    times.sumOfSquares += roundTripNs * roundTripNs;
  }

  #finish(): number {
    const { print } = this.#context;
    const { count, deadlineNs } = this.#options;
    print("");
    print(`--- ${this.#target.host} ping statistics ---`);
    const lines = this.#make.statistics({
      transmitted: this.#transmitted,
      received: this.#received,
      duplicates: this.#duplicates,
      errors: this.#errors,
      sendingNs: this.#lastSentAt - this.#startedAt,
      times: this.#times,
    });
    for (const line of lines) print(line);
    const wasLate =
      deadlineNs !== Number.POSITIVE_INFINITY && count !== Number.POSITIVE_INFINITY && this.#received < count;
    return this.#received === 0 || wasLate ? 1 : 0;
  }
}

const ERROR_TEXTS: Readonly<Record<SendError, string>> = {
  [SendError.none]: "",
  [SendError.networkUnreachable]: "Network is unreachable",
  [SendError.messageTooLong]: "Message too long",
  [SendError.noBufferSpace]: "No buffer space available",
  [SendError.notPermitted]: "Operation not permitted",
  [SendError.invalid]: "Invalid argument",
};
