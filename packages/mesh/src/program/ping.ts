/**
 * `ping`: sends an echo request a second and waits for the answers. The make decides what it looks like and how long it
 * waits (ping-make.ts).
 *
 * Not modelled yet: names (they need the embedded DNS), flood and adaptive ping, source selection, packets above the MTU
 * that the sender would cut.
 */
import { formatIpv4 } from "@hopscope/codec/address";
import * as icmp from "@hopscope/codec/icmp";
import * as ipv4 from "@hopscope/codec/ipv4";
import type { EchoRequest, IcmpListener } from "../host/icmp.ts";
import { type PmtuDiscovery, SendError } from "../host/ipv4.ts";
import type { Netns } from "../netns.ts";
import type { Wakeable } from "../sim/simulator.ts";
import type { Softnet } from "../sim/softnet.ts";
import { RouteType } from "../tables/route.ts";
import { BUSYBOX, IPUTILS, type PingMake } from "./ping-make.ts";
import { type PingOptions, readPingOptions } from "./ping-options.ts";
import type { Process } from "./process.ts";
import { type Program, type ProgramContext } from "./program.ts";

/** Nothing of the kind was sent: iputils' status for what is wrong before the first packet. */
const FAILED_STATUS = 2;

/** Wakes of a ping. */
const Wake = { send: 0, timeout: 1, deadline: 2 } as const;

function program(make: PingMake): Program {
  return {
    check(argv) {
      readPingOptions(argv, make);
    },
    *main(argv, context) {
      const ping = new Ping(make, argv, context);
      try {
        ping.start();
        while (ping.status === undefined) yield* context.process.poll();
        return ping.status;
      } finally {
        ping.stop();
      }
    },
  };
}

export const BUSYBOX_PING: Program = program(BUSYBOX);
export const IPUTILS_PING: Program = program(IPUTILS);

class Ping implements Wakeable, IcmpListener, EchoRequest {
  readonly softnet: Softnet;
  readonly dstIp: number;
  readonly dataLength: number;
  readonly ttl: number;
  readonly tos: number;
  readonly pmtuDiscovery: PmtuDiscovery;
  identifier = 0;
  /** Exit status, undefined while it runs. */
  status: number | undefined = undefined;
  readonly #make: PingMake;
  readonly #options: PingOptions;
  readonly #context: ProgramContext;
  readonly #netns: Netns;
  readonly #process: Process;
  /** Sequence number to when it was sent, of what has not been answered. */
  readonly #sentAt: Map<number, number> = new Map();
  #startedAt = 0;
  #lastSentAt = 0;
  #transmitted = 0;
  #received = 0;
  #errors = 0;
  /** Of the round trips, nanoseconds. */
  readonly #times = { count: 0, min: Number.POSITIVE_INFINITY, max: 0, sum: 0, sumOfSquares: 0 };

  constructor(make: PingMake, argv: readonly string[], context: ProgramContext) {
    this.#make = make;
    this.#options = readPingOptions(argv, make);
    this.#context = context;
    this.#process = context.process;
    const { netns } = context.environment;
    this.#netns = netns;
    this.softnet = netns.node.softnet;
    this.dstIp = this.#options.dstIp;
    this.dataLength = this.#options.dataLength;
    this.ttl = this.#options.ttl;
    this.tos = this.#options.tos;
    this.pmtuDiscovery = this.#options.pmtuDiscovery;
  }

  start(): void {
    const netns = this.#netns;
    const { name, mayBroadcast, deadlineNs } = this.#options;
    if (this.#make === IPUTILS) {
      // It connects its socket first.
      const dst = netns.ipv4.lookup(this.dstIp);
      if (dst === undefined) return this.#refuse(`${name}: connect: Network is unreachable`);
      if (dst.type === RouteType.broadcast) {
        const question = "Do you want to ping broadcast? Then -b. If not, check your local firewall rules";
        if (!mayBroadcast) return this.#refuse(`${name}: ${question}`);
        this.#context.print("WARNING: pinging broadcast address");
      }
    }
    this.identifier = this.#process.pid;
    netns.icmp.listen(this.identifier, this);
    this.#context.print(this.#make.greeting(this.#options));
    this.#startedAt = this.softnet.now;
    if (deadlineNs !== Number.POSITIVE_INFINITY) this.#wakeAt(this.#startedAt + deadlineNs, Wake.deadline);
    this.#send();
  }

  wake(argument: number): void {
    if (this.status !== undefined) return;
    if (argument === Wake.send) this.#send();
    else this.#finish();
  }

  fill(view: DataView, at: number, end: number): void {
    this.#make.fill(view, at, end, this.softnet.now);
  }

  echoReply(ipAt: number, icmpAt: number, end: number): void {
    const { view } = this.#netns.node.frames;
    const sequence = icmp.sequence(view, icmpAt);
    const sentAt = this.#sentAt.get(sequence);
    if (sentAt === undefined || this.status !== undefined) return;
    this.#sentAt.delete(sequence);
    this.#received++;
    const length = end - icmpAt;
    const hasStamp = length >= icmp.HEADER_LENGTH + this.#make.stampLength;
    const roundTripNs = hasStamp ? this.softnet.now - sentAt : undefined;
    if (roundTripNs !== undefined) this.#count(roundTripNs);
    if (!this.#options.isQuiet) {
      const reply = { srcIp: ipv4.srcIp(view, ipAt), length, sequence, ttl: ipv4.ttl(view, ipAt), roundTripNs };
      this.#context.print(this.#make.reply(reply));
    }
    if (this.#received >= this.#options.count) this.#finish();
  }

  error(ipAt: number, icmpAt: number, sequence: number): void {
    if (this.status !== undefined) return;
    const { view } = this.#netns.node.frames;
    const text = this.#make.error(view, icmpAt, ipv4.srcIp(view, ipAt), sequence);
    if (text === undefined) return;
    this.#errors++;
    this.#sentAt.delete(sequence);
    this.#context.print(text);
    if (this.#received + this.#errors >= this.#options.count) this.#finish();
  }

  #send(): void {
    const { count, intervalNs, deadlineNs, timeoutNs } = this.#options;
    const sequence = (this.#transmitted + this.#make.firstSequence) & 0xffff;
    const { now } = this.softnet;
    this.#transmitted++;
    this.#lastSentAt = now;
    this.#sentAt.set(sequence, now);
    const error = this.#netns.icmp.sendEcho(this, sequence);
    if (error !== SendError.none) {
      this.#sentAt.delete(sequence);
      this.#errors++;
      if (this.#failed(error)) return;
    }
    const isLast = this.#transmitted >= count && !(this.#make === IPUTILS && deadlineNs !== Number.POSITIVE_INFINITY);
    if (!isLast) this.#wakeAt(now + intervalNs, Wake.send);
    // iputils waits twice the longest round trip if there was one, at least an interval (ping_common.h, schedule_exit).
    else if (this.#make === IPUTILS && this.#received > 0) {
      this.#wakeAt(now + Math.max(2 * this.#times.max, intervalNs), Wake.timeout);
    } else this.#wakeAt(now + timeoutNs, Wake.timeout);
  }

  /** Says why a packet could not be sent. True if that is the end. */
  #failed(error: SendError): boolean {
    const netns = this.#netns;
    const { name } = this.#options;
    if (this.#make === IPUTILS && error === SendError.messageTooLong) {
      this.#context.print(
        `${name}: local error: message too long, mtu=${netns.ipv4.mtuOf(netns.ipv4.lookup(this.dstIp)!, this.softnet.now)}`,
      );
      return false;
    }
    this.#context.print(`${name}: ${this.#make === IPUTILS ? "sendmsg" : "sendto"}: ${ERROR_TEXTS[error]}`);
    if (this.#make === IPUTILS) return false;
    this.#exit(1);
    return true;
  }

  #count(roundTripNs: number): void {
    const times = this.#times;
    times.count++;
    times.min = Math.min(times.min, roundTripNs);
    times.max = Math.max(times.max, roundTripNs);
    times.sum += roundTripNs;
    times.sumOfSquares += roundTripNs * roundTripNs;
  }

  #finish(): void {
    const { count, deadlineNs } = this.#options;
    this.#context.print("");
    this.#context.print(`--- ${formatIpv4(this.dstIp)} ping statistics ---`);
    const lines = this.#make.statistics({
      transmitted: this.#transmitted,
      received: this.#received,
      errors: this.#errors,
      sendingNs: this.#lastSentAt - this.#startedAt,
      times: this.#times,
    });
    for (const line of lines) this.#context.print(line);
    const wasLate =
      deadlineNs !== Number.POSITIVE_INFINITY && count !== Number.POSITIVE_INFINITY && this.#received < count;
    this.#exit(this.#received === 0 || wasLate ? 1 : 0);
  }

  #wakeAt(time: number, wake: number): void {
    this.#netns.node.simulator.schedule(time, this, wake);
  }

  #refuse(message: string): void {
    this.#context.print(message);
    this.#exit(FAILED_STATUS);
  }

  #exit(status: number): void {
    this.status = status;
    this.#process.wakeUp();
  }

  /** Its socket is closed. */
  stop(): void {
    this.status ??= FAILED_STATUS;
    this.#netns.icmp.unlisten(this.identifier);
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
