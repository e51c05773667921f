/**
 * A host under test, 10.7.0.1, and 10.7.0.2, which is nobody but a script that writes frames: the steps of
 * fixtures/sockets/cases.json, as fixtures/sockets/record-sockets.py carries them out on Linux.
 */
import { IpProtocol } from "@hopscope/codec/code-points";
import * as ethernet from "@hopscope/codec/ethernet";
import * as icmp from "@hopscope/codec/icmp";
import * as ipv4 from "@hopscope/codec/ipv4";
import * as tcp from "@hopscope/codec/tcp";
import { pseudoHeader4 } from "@hopscope/codec/checksum";
import * as udp from "@hopscope/codec/udp";
import { Errno, type ErrnoName } from "../../src/errno.ts";
import type { PmtuDiscovery } from "../../src/host/ipv4.ts";
import { TcpState } from "../../src/host/socket.ts";
import { TcpListener } from "../../src/host/tcp-listener.ts";
import type { TcpSocket } from "../../src/host/tcp-socket.ts";
import type { TcpSysctl } from "../../src/host/tcp-sysctl.ts";
import type { UdpSocket } from "../../src/host/udp-socket.ts";
import { NeighborState } from "../../src/tables/neighbor.ts";
import { type DropReason, dropReasonName } from "../../src/trace/drop-reason.ts";
import { Direction } from "../../src/trace/recorder.ts";
import { StepKind } from "../../src/trace/step.ts";
import { ip } from "../engine/overlay-plan.ts";
import { A as HOST, B as PEER, type Hosts, pass, run, SECOND, twoHosts } from "./two-hosts.ts";

const PEER_ISN = 10_000;
const UNKNOWN_ISN = 50_000;
const FLAGS = "FSRPA";
const HOST_MAC = 0x02_00_00_00_00_0a;
const PEER_MAC = 0x02_00_00_00_00_0b;
const SYSCTLS: Readonly<Record<string, keyof TcpSysctl>> = {
  tcp_retries2: "retries2",
  tcp_syn_retries: "synRetries",
  tcp_syn_linear_timeouts: "synLinearTimeouts",
};
const STATE_NAMES: Readonly<Record<TcpState, string>> = {
  [TcpState.established]: "ESTABLISHED",
  [TcpState.synSent]: "SYN_SENT",
  [TcpState.synRecv]: "SYN_RECV",
  [TcpState.finWait1]: "FIN_WAIT1",
  [TcpState.finWait2]: "FIN_WAIT2",
  [TcpState.timeWait]: "TIME_WAIT",
  [TcpState.close]: "CLOSE",
  [TcpState.closeWait]: "CLOSE_WAIT",
  [TcpState.lastAck]: "LAST_ACK",
  [TcpState.listen]: "LISTEN",
  [TcpState.closing]: "CLOSING",
};
const ERRNO_NAMES = new Map(Object.entries(Errno).map(([name, value]) => [value, name as ErrnoName]));

/** A frame that left the host, in the recorder's words. */
export interface Sent {
  /** Seconds since the step began. */
  readonly at: number;
  readonly flags?: string;
  readonly seq?: number | "zero";
  readonly ack?: number;
  readonly length?: number;
  readonly window?: number;
  readonly to?: number;
  readonly icmp?: readonly number[];
  readonly udp?: number;
  readonly df?: boolean;
  readonly fragment?: number;
}

export interface Done {
  readonly step: string;
  /** Seconds since the first step. */
  readonly began?: number;
  /** What a step that stands for several did. */
  readonly steps?: readonly Done[];
  readonly result?: string | number;
  readonly frames?: readonly Sent[];
  readonly drops?: readonly string[];
}

type Result = string | number | undefined;

function nameOf(error: Errno): string {
  return ERRNO_NAMES.get(error) ?? String(error);
}

/** `key value` pairs; `badsum` alone. */
function named(words: readonly string[]): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (let index = 0; index < words.length; index++) {
    const key = words[index]!;
    values.set(key, key === "badsum" ? "1" : words[++index]!);
  }
  return values;
}

export class ScriptedPeer {
  readonly hosts: Hosts;
  readonly #isns = new Map<string, number>();
  #last: Uint8Array = new Uint8Array();
  #hop = 0;
  /** When the first step began. */
  readonly #born: number;
  #listener: TcpListener | undefined;
  #socket: TcpSocket | undefined;
  #udp: UdpSocket | undefined;

  constructor() {
    // Its end of the pair has another address than its frames: nothing of what the host sends is for a host there.
    this.hosts = twoHosts(1500, undefined, 1, 0x02_00_00_00_00_0c);
    for (const link of this.hosts.links) link.setOffloads({ tso: false, gso: false, gro: false });
    const { a, links, recorder } = this.hosts;
    a.arp.set(links[0], PEER, PEER_MAC, NeighborState.permanent);
    recorder.start();
    pass(this.hosts, 0.1 * SECOND);
    this.#born = this.hosts.simulator.now;
  }

  /** Carries out what was recorded, and lets time pass until `endedAt`, when the next step begins. */
  step({ step: text, steps, began: at = 0 }: Done, endedAt: number): Done {
    if (steps !== undefined) {
      const done = steps.map((each, index) => this.step(each, steps[index + 1]?.began ?? endedAt));
      return { step: text, began: at, steps: done };
    }
    const [verb = "", ...words] = text.split(" ");
    const { recorder, simulator } = this.hosts;
    const began = simulator.now;
    this.#hop = recorder.hopCount;
    const result = verb === "wait" ? undefined : this.#act(verb, words);
    pass(this.hosts, this.#born + endedAt * SECOND - simulator.now);
    const frames = this.#frames(began);
    const drops = this.#drops(this.#hop);
    return {
      step: text,
      began: at,
      ...(result === undefined ? {} : { result }),
      ...(frames.length > 0 ? { frames } : {}),
      ...(drops.length > 0 ? { drops } : {}),
    };
  }

  #act(verb: string, words: readonly string[]): Result {
    switch (verb) {
      case "inject":
        return this.#inject(words[0]!, named(words.slice(1)));
      case "icmp":
        return this.#icmp(words);
      case "sysctl":
        Object.assign(this.hosts.a.tcp.sysctl, { [SYSCTLS[words[0]!]!]: Number(words[1]) });
        return undefined;
      case "udp":
        return words[0] === "inject" ? this.#injectUdp(words.slice(1)) : this.#call(() => this.#useUdp(words));
      default:
        return this.#call(() => this.#useTcp(verb, words));
    }
  }

  /** A system call: what it sends is taken up when it is over. */
  #call(code: () => Result): Result {
    let result: Result;
    run(this.hosts.a, function* (self) {
      result = code();
      yield* self.sleep(0);
      return 0;
    });
    pass(this.hosts, 0);
    return result;
  }

  #useTcp(verb: string, words: readonly string[]): Result {
    const { tcp: own } = this.hosts.a;
    const number = Number(words[0]);
    const socket = this.#socket;
    switch (verb) {
      case "listen": {
        const listener = own.listen(0, number, Number(words[1]));
        if (!(listener instanceof TcpListener)) return nameOf(listener);
        this.#listener = listener;
        return undefined;
      }
      case "accept":
        this.#socket = this.#listener!.accept();
        return this.#socket === undefined ? "EAGAIN" : undefined;
      case "unlisten":
        this.#listener!.close();
        return undefined;
      case "connect":
        this.#socket = own.connect(PEER, number, { localPort: 5000 });
        return this.#socket.state === TcpState.synSent ? "EINPROGRESS" : nameOf(this.#socket.takeError());
      case "write": {
        const written = socket!.write(new Uint8Array(number).fill(0x79));
        if (written > 0) return written;
        const error = socket!.takeError();
        return error === Errno.none ? "EAGAIN" : nameOf(error);
      }
      case "read": {
        if (socket!.readableLength > 0) return socket!.read(number).length;
        const error = socket!.takeError();
        if (error !== Errno.none) return nameOf(error);
        return socket!.isAtEnd ? "end" : "EAGAIN";
      }
      case "error": {
        // SO_ERROR: what may pass counts, too.
        const error = socket === undefined ? this.#udp!.takeError() : socket.takeError() || socket.softError;
        return error === Errno.none ? 0 : nameOf(error);
      }
      case "state":
        return STATE_NAMES[socket!.state];
      case "shutdown":
        socket!.shutdown();
        return undefined;
      case "close":
        socket!.close();
        return undefined;
      case "linger":
        socket!.lingersNot = true;
        return undefined;
      case "keepalive": {
        const [idle, interval, count] = words.map(Number);
        socket!.setKeepAlive(idle!, interval!, count!);
        return undefined;
      }
      default:
        throw new Error(`no step ${verb}`);
    }
  }

  #useUdp([verb, ...words]: readonly string[]): Result {
    const number = Number(words[0]);
    const told = (error: Errno, length: number): Result => (error === Errno.none ? length : nameOf(error));
    const isNew = this.#udp === undefined;
    const socket = (this.#udp ??= this.hosts.a.udp.socket());
    switch (verb) {
      case "bind": {
        const error = socket.bind(0, isNew ? 5000 : number);
        return error === Errno.none ? undefined : nameOf(error);
      }
      case "connect": {
        if (isNew) socket.bind(0, 5000);
        const error = socket.connect(PEER, number);
        return error === Errno.none ? undefined : nameOf(error);
      }
      case "send":
        return told(socket.send(new Uint8Array(number)), number);
      case "sendto": {
        const at = named(words.slice(2)).get("at");
        return told(socket.sendTo(new Uint8Array(number), at === undefined ? PEER : ip(at), Number(words[1])), number);
      }
      case "receive": {
        // recv(2): an error comes before what has arrived.
        const error = socket.takeError();
        if (error !== Errno.none) return nameOf(error);
        return socket.receive()?.bytes.length ?? "EAGAIN";
      }
      case "df":
        socket.pmtuDiscovery = number as PmtuDiscovery;
        return undefined;
      default:
        throw new Error(`no step udp ${verb}`);
    }
  }

  #inject(flags: string, values: ReadonlyMap<string, string>): undefined {
    const number = (name: string, usual = 0): number => Number(values.get(name) ?? usual);
    const isServer = this.#listener !== undefined || this.#socket === undefined;
    const from = number("from", isServer ? 4000 : 80);
    const to = number("to", isServer ? 80 : 5000);
    const options: number[] = [];
    if (values.has("mss")) options.push(2, 4, number("mss") >> 8, number("mss") & 0xff);
    if (values.has("ts")) options.push(1, 1, 8, 10, ...bigEndian(number("ts")), 0, 0, 0, 0);
    const headerLength = tcp.HEADER_LENGTH + options.length;
    const bytes = new Uint8Array(headerLength + number("len")).fill(0x78);
    const view = new DataView(bytes.buffer);
    const isn = this.#isns.get(`${to} ${from}`) ?? UNKNOWN_ISN;
    let bits = 0;
    for (const letter of flags) if (letter !== "-") bits |= 1 << FLAGS.indexOf(letter);
    tcp.setSrcPort(view, 0, from);
    tcp.setDstPort(view, 0, to);
    tcp.setSequence(view, 0, (PEER_ISN + number("seq")) >>> 0);
    tcp.setAcknowledgment(view, 0, flags.includes("A") ? (isn + number("ack")) >>> 0 : 0);
    tcp.setHeaderLengthAndFlags(view, 0, headerLength, bits);
    tcp.setWindow(view, 0, number("win", 65_000));
    tcp.setUrgentPointer(view, 0, 0);
    bytes.set(options, tcp.HEADER_LENGTH);
    tcp.fillChecksum(view, 0, bytes.length, pseudoHeader4(PEER, HOST, IpProtocol.tcp, bytes.length));
    if (values.has("badsum")) bytes[17]! ^= 1;
    this.#send(IpProtocol.tcp, bytes);
  }

  #injectUdp([size, ...words]: readonly string[]): undefined {
    const values = named(words);
    const bytes = new Uint8Array(udp.HEADER_LENGTH + Number(size)).fill(0x78);
    const view = new DataView(bytes.buffer);
    udp.setSrcPort(view, 0, Number(values.get("from") ?? 53));
    udp.setDstPort(view, 0, Number(values.get("to")));
    udp.setLength(view, 0, bytes.length);
    udp.fillChecksum(view, 0, bytes.length, pseudoHeader4(PEER, HOST, IpProtocol.udp, bytes.length));
    if (values.has("badsum")) bytes[7]! ^= 1;
    this.#send(IpProtocol.udp, bytes);
  }

  #icmp([type, code, ...words]: readonly string[]): undefined {
    const values = named(words);
    const bytes = new Uint8Array(8 + 48);
    const view = new DataView(bytes.buffer);
    bytes.set(this.#last.subarray(14, 14 + 48), 8);
    const seq = values.get("seq");
    if (seq !== undefined) view.setUint32(8 + 24, Number(seq));
    bytes[0] = Number(type);
    bytes[1] = Number(code);
    view.setUint16(6, Number(values.get("mtu") ?? 0));
    icmp.fillChecksum(view, 0, bytes.length);
    this.#send(IpProtocol.icmp, bytes);
  }

  #send(protocol: number, payload: Uint8Array): undefined {
    const { frames, simulator, links } = this.hosts;
    const packet = ipv4.encode({ protocol, srcIp: PEER, dstIp: HOST }, payload);
    const bytes = ethernet.encode({ srcMac: PEER_MAC, dstMac: HOST_MAC, etherType: 0x0800 }, packet);
    const frame = frames.allocate(bytes.length)!;
    frames.bytes.set(bytes, frames.start(frame));
    simulator.schedule(
      simulator.now,
      { softnet: links[1].netns.node.softnet, wake: () => links[1].transmit(frame) },
      0,
    );
  }

  /** What has come to the peer's end of the pair since the step began. */
  #frames(began: number): readonly Sent[] {
    const { recorder, links } = this.hosts;
    const sent: Sent[] = [];
    for (const hop of recorder.order()) {
      if (hop < this.#hop || recorder.point(hop) !== links[1].point) continue;
      if (recorder.direction(hop) !== Direction.in) continue;
      const bytes = recorder.bytes(hop);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      if (view.getUint16(12) !== 0x0800) continue;
      this.#last = bytes.slice();
      sent.push(this.#describe(view, (recorder.time(hop) - began) / SECOND));
    }
    return sent;
  }

  #describe(view: DataView, at: number): Sent {
    const start = ipv4.payloadStart(view, 14);
    const length = ipv4.payloadEnd(view, 14, view.byteLength) - start;
    const fragment = view.getUint16(20);
    if ((fragment & 0x3fff) !== 0) return { at, fragment: (fragment & 0x1fff) * 8, length };
    const protocol = ipv4.protocol(view, 14);
    if (protocol === IpProtocol.icmp) return { at, icmp: [view.getUint8(start), view.getUint8(start + 1)] };
    const to = view.getUint16(start + 2);
    if (protocol === IpProtocol.udp) return { at, udp: length - 8, to, df: (fragment & 0x4000) !== 0 };
    const key = `${tcp.srcPort(view, start)} ${to}`;
    const seq = tcp.sequence(view, start);
    const bits = tcp.flags(view, start);
    if ((bits & tcp.TcpFlag.syn) !== 0) this.#isns.set(key, seq);
    return {
      at,
      flags: FLAGS.split("")
        .filter((_, bit) => ((bits >> bit) & 1) !== 0)
        .join(""),
      seq: seq === 0 ? "zero" : (seq - (this.#isns.get(key) ?? UNKNOWN_ISN)) >>> 0,
      ...((bits & tcp.TcpFlag.ack) === 0 ? {} : { ack: (tcp.acknowledgment(view, start) - PEER_ISN) >>> 0 }),
      length: length - tcp.headerLength(view, start),
      window: tcp.window(view, start),
      ...(to === 4000 || to === 80 ? {} : { to }),
    };
  }

  /** Why frames ended at the host since the step began. */
  #drops(from: number): readonly string[] {
    const { recorder, links } = this.hosts;
    const drops: string[] = [];
    for (let hop = from; hop < recorder.hopCount; hop++) {
      if (recorder.point(hop) !== links[0].point) continue;
      recorder.steps(hop, (kind, a) => {
        if (kind === StepKind.drop) drops.push(dropReasonName(a as DropReason));
      });
    }
    return drops;
  }
}

function bigEndian(value: number): readonly number[] {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff);
}
