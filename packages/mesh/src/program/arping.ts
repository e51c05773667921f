/**
 * busybox' `arping` (networking/arping.c): asks on one interface who has an address, past the neighbor table. Recording
 * s17 shows its frames: the first question goes to everybody, in the body too, the next to who has answered.
 *
 * It says "0 broadcasts" whenever it counts with -c: that option and the note that it has turned to unicast share a bit.
 *
 * Not modelled: names.
 */
import { formatIpv4, formatMac, parseIpv4 } from "@hopscope/codec/address";
import * as arp from "@hopscope/codec/arp";
import { EtherType } from "@hopscope/codec/code-points";
import * as ethernet from "@hopscope/codec/ethernet";
import { BROADCAST_MAC, isGroupMac } from "@hopscope/codec/address";
import { Loopback } from "../devices/loopback.ts";
import type { NetDevice } from "../device.ts";
import { createArp } from "../host/arp-create.ts";
import { type PacketArrival, PacketSocket } from "../host/packet-socket.ts";
import { getopt } from "./getopt.ts";
import { type Program, type ProgramContext, UsageError } from "./program.ts";
import { RouteType } from "../tables/route.ts";

const SECOND = 1_000_000_000;
const MICROSECOND = 1000;
const SWITCHES = "fqbDUA";
const OPTIONS = "cwIs";

interface Options {
  readonly dstIp: number;
  readonly interface: string;
  /** `Infinity`: until the time is up. */
  readonly count: number;
  readonly timeoutNs: number;
  readonly source: number | undefined;
  readonly quitsOnReply: boolean;
  readonly isQuiet: boolean;
  readonly staysBroadcast: boolean;
  /** -D: is somebody else there? */
  readonly isDuplicateTest: boolean;
  /** -U and -A: tells, and does not ask. */
  readonly isUnsolicited: boolean;
  /** -A: in an answer. */
  readonly isAdvert: boolean;
}

export const ARPING: Program = {
  check(argv) {
    readOptions(argv);
  },
  *main(argv, context) {
    const options = readOptions(argv);
    const { environment, print } = context;
    const { netns } = environment;
    const device = netns.deviceNamed(options.interface);
    if (device === undefined) {
      print(`arping: interface ${options.interface} not found: No such device`);
      return 2;
    }
    if (!device.isUp) {
      print(`arping: interface ${device.name} is down`);
      return 2;
    }
    if (device instanceof Loopback) {
      print(`arping: interface ${device.name} is not ARPable`);
      return 2;
    }
    let srcIp = options.source ?? 0;
    if (options.source !== undefined && !netns.hasAddress(options.source)) {
      print("arping: bind: Cannot assign requested address");
      return 2;
    }
    if (options.source === undefined && !options.isDuplicateTest) {
      // What a datagram to there would be sent from.
      const dst = netns.ipv4.lookup(options.dstIp, 0, device);
      if (dst === undefined) {
        print(`arping: can't connect to remote host (${formatIpv4(options.dstIp)}): Network is unreachable`);
        return 1;
      }
      srcIp = dst.type === RouteType.local ? options.dstIp : dst.source;
    }
    return yield* new Arping(context, options, device, srcIp).run();
  },
};

function readOptions(argv: readonly string[]): Options {
  const fail = (message: string): never => {
    throw new UsageError(`arping: ${message}`);
  };
  const { given, rest } = getopt(argv, { switches: SWITCHES, values: OPTIONS });
  const number = (letter: string, unset: number): number => {
    const text = given.get(letter);
    if (text === undefined) return unset;
    return /^[1-9]\d{0,6}$/.test(text) ? Number(text) : fail(`-${letter} is "${text}", expected a number`);
  };
  const dstIp = parseIpv4(rest[0] ?? "");
  if (dstIp === undefined || rest.length > 1) return fail("one IPv4 address is expected: arping -c 1 -I eth0 10.0.9.5");
  const sourceText = given.get("s");
  const source = sourceText === undefined ? undefined : parseIpv4(sourceText);
  if (sourceText !== undefined && source === undefined) return fail(`-s is "${sourceText}", expected an IPv4 address`);
  const isAdvert = given.has("A");
  const timeout = number("w", 0);
  if (!given.has("c") && !given.has("f") && timeout === 0) {
    fail("without -c, -f or -w it would never end; say how many: arping -c 1 …");
  }
  return {
    dstIp,
    interface: given.get("I") ?? "eth0",
    count: number("c", Number.POSITIVE_INFINITY),
    timeoutNs: timeout === 0 ? Number.POSITIVE_INFINITY : timeout * SECOND,
    source,
    quitsOnReply: given.has("f") || given.has("D"),
    isQuiet: given.has("q"),
    staysBroadcast: given.has("b"),
    isDuplicateTest: given.has("D"),
    isUnsolicited: isAdvert || given.has("U"),
    isAdvert,
  };
}

class Arping {
  readonly #context: ProgramContext;
  readonly #options: Options;
  readonly #device: NetDevice;
  readonly #srcIp: number;
  /** Whom the next question is for. */
  #dstMac = BROADCAST_MAC;
  /** The bit that -c shares. */
  #isUnicasting: boolean;
  #left: number;
  #lastSentAt = 0;
  #sent = 0;
  #broadcasts = 0;
  #received = 0;
  #receivedRequests = 0;
  #receivedBroadcasts = 0;

  constructor(context: ProgramContext, options: Options, device: NetDevice, srcIp: number) {
    this.#context = context;
    this.#options = options;
    this.#device = device;
    this.#srcIp = srcIp;
    this.#left = options.count;
    this.#isUnicasting = options.count !== Number.POSITIVE_INFINITY;
  }

  *run(): Generator<void, number, boolean> {
    const { process, print } = this.#context;
    const { dstIp, isQuiet, timeoutNs, isUnsolicited } = this.#options;
    const socket = process.own(new PacketSocket(this.#device, EtherType.arp));
    if (!isQuiet) print(`ARPING ${formatIpv4(dstIp)} from ${formatIpv4(this.#srcIp)} ${this.#device.name}`);
    const startedAt = process.softnet.now;
    let alarmAt = startedAt;
    for (;;) {
      const { now } = process.softnet;
      // catcher: every second.
      if (alarmAt <= now) {
        if (this.#left === 0 || now - startedAt > timeoutNs) return this.#finish();
        this.#left--;
        if (this.#sent === 0 || now - this.#lastSentAt > SECOND / 2) {
          this.#send();
          if (this.#left === 0 && isUnsolicited) return this.#finish();
        }
        alarmAt = now + SECOND;
      }
      yield* process.poll(alarmAt);
      for (let arrival = socket.receive(); arrival !== undefined; arrival = socket.receive()) {
        if (this.#take(arrival)) return this.#finish();
      }
    }
  }

  /** send_pack */
  #send(): void {
    const { isAdvert, dstIp } = this.#options;
    const { netns, mac } = this.#device;
    const frame = createArp(netns.node.frames, {
      operation: isAdvert ? arp.ArpOperation.reply : arp.ArpOperation.request,
      srcMac: mac,
      dstMac: this.#dstMac,
      senderMac: mac,
      senderIp: this.#srcIp,
      targetMac: isAdvert ? mac : this.#dstMac,
      targetIp: dstIp,
    });
    this.#lastSentAt = this.#context.process.softnet.now;
    if (frame === undefined) return;
    this.#sent++;
    if (!this.#isUnicasting) this.#broadcasts++;
    this.#device.transmit(frame);
  }

  /** recv_pack: true if that was the last one. */
  #take({ bytes, time }: PacketArrival): boolean {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const at = ethernet.HEADER_LENGTH;
    if (arp.check(view, at, bytes.length) !== 0 || !this.#isMeant(view, at)) return false;
    const { isQuiet, quitsOnReply, staysBroadcast, isDuplicateTest } = this.#options;
    const dstMac = ethernet.dstMac(view, 0);
    const isForOne = !isGroupMac(dstMac);
    const isRequest = arp.operation(view, at) === arp.ArpOperation.request;
    const senderMac = arp.senderMac(view, at);
    const senderIp = formatIpv4(arp.senderIp(view, at));
    if (!isQuiet) {
      const microseconds = Math.floor((time - this.#lastSentAt) / MICROSECOND);
      const took = `${Math.floor(microseconds / 1000)}.${String(microseconds % 1000).padStart(3, "0")}ms`;
      const kind = `${isForOne ? "Uni" : "Broad"}cast re${isRequest ? "quest" : "ply"}`;
      const other =
        isDuplicateTest || arp.targetIp(view, at) === this.#srcIp ? "" : ` for ${formatIpv4(arp.targetIp(view, at))}`;
      this.#context.print(`${kind} from ${senderIp} [${formatMac(senderMac)}]${other} ${took}`);
    }
    this.#received++;
    if (!isForOne) this.#receivedBroadcasts++;
    if (isRequest) this.#receivedRequests++;
    if (quitsOnReply || (this.#left === 0 && this.#received === this.#sent)) return true;
    if (!staysBroadcast) {
      this.#dstMac = senderMac;
      this.#isUnicasting = true;
    }
    return false;
  }

  #isMeant(view: DataView, at: number): boolean {
    const { mac } = this.#device;
    const { dstIp, isDuplicateTest } = this.#options;
    const dstMac = ethernet.dstMac(view, 0);
    // PACKET_HOST, _BROADCAST, _MULTICAST.
    if (dstMac !== mac && !isGroupMac(dstMac)) return false;
    if (arp.senderIp(view, at) !== dstIp) return false;
    if (!isDuplicateTest) return arp.targetIp(view, at) === this.#srcIp && arp.targetMac(view, at) === mac;
    // Somebody else claims it.
    return arp.senderMac(view, at) !== mac && (this.#srcIp === 0 || arp.targetIp(view, at) === this.#srcIp);
  }

  #finish(): number {
    const { isQuiet, isDuplicateTest, isUnsolicited } = this.#options;
    const { print } = this.#context;
    if (!isQuiet) {
      print(`Sent ${this.#sent} probe(s) (${this.#broadcasts} broadcast(s))`);
      const of = `${this.#receivedRequests} request(s), ${this.#receivedBroadcasts} broadcast(s)`;
      print(`Received ${this.#received} response(s) (${of})`);
    }
    if (isDuplicateTest) return this.#received > 0 ? 1 : 0;
    if (isUnsolicited) return 0;
    return this.#received > 0 ? 0 : 1;
  }
}
