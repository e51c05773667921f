/**
 * Merging received TCP segments of one flow into a frame (Linux net/core/gro.c, dev_gro_receive; net/ipv4/af_inet.c,
 * inet_gro_receive; tcp_offload.c, tcp_gro_receive), for what one poll of a device brings.
 *
 * Not modelled: UDP, tunnels inside, lists of more than eight flows.
 */
import { sum } from "@hopscope/codec/checksum";
import { EtherType, IpProtocol } from "@hopscope/codec/code-points";
import * as ethernet from "@hopscope/codec/ethernet";
import * as ipv4 from "@hopscope/codec/ipv4";
import { Status } from "@hopscope/codec/status";
import * as tcp from "@hopscope/codec/tcp";
import { Checksum, type Frame, type FramePool } from "../frame.ts";
import type { Recorder } from "../trace/recorder.ts";
import { StepKind } from "../trace/step.ts";
import { fillPartialChecksum } from "./checksum-help.ts";

/** gro_max_size: a merged frame is shorter. */
const MAX_LENGTH = 65_536;
/** Flags that end a merged frame, and those that may differ in its segments. */
const ENDING = tcp.TcpFlag.urg | tcp.TcpFlag.psh | tcp.TcpFlag.rst | tcp.TcpFlag.syn | tcp.TcpFlag.fin;
const MAY_DIFFER = tcp.TcpFlag.fin | tcp.TcpFlag.psh;
const IP_AT = ethernet.HEADER_LENGTH;
const TCP_AT: number = IP_AT + ipv4.HEADER_LENGTH;

/** A frame that waits for more of its flow (struct napi_gro_cb). */
interface Held {
  readonly frame: Frame;
  /** Payload bytes of its first segment. */
  readonly segmentLength: number;
  count: number;
  /** All segments have one identification. */
  hasFixedId: boolean;
}

export class Gro {
  readonly #frames: FramePool;
  readonly #recorder: Recorder;
  readonly #held: Held[] = [];
  /** What goes up, in order (napi->rx_list). */
  #ready: (Frame | undefined)[] = [];
  #readyCount = 0;
  #spare: (Frame | undefined)[] = [];

  constructor(frames: FramePool, recorder: Recorder) {
    this.#frames = frames;
    this.#recorder = recorder;
  }

  /** Linux dev_gro_receive. Takes the frame. */
  receive(frame: Frame): void {
    if (!this.#isEligible(frame)) {
      this.#ready[this.#readyCount++] = frame;
      return;
    }
    const { view } = this.#frames;
    const tcpAt = frame.start + TCP_AT;
    const length = frame.end - tcp.payloadStart(view, tcpAt);
    const at = this.#held.findIndex((held) => this.#isSameFlow(held.frame, frame));
    const held = this.#held[at];
    const isMerged = held !== undefined && this.#merge(held, frame, length);
    const least = isMerged ? held.segmentLength : 1;
    const isEnd = length < least || (tcp.flags(view, tcpAt) & ENDING) !== 0;
    if (held !== undefined && (!isMerged || isEnd)) {
      this.#held.splice(at, 1);
      this.#complete(held);
    }
    if (isMerged) {
      this.#recorder.step(frame, StepKind.gro, held.count, 0);
      this.#frames.free(frame);
    } else if (isEnd) this.#ready[this.#readyCount++] = frame;
    else this.#held.push({ frame, segmentLength: length, count: 1, hasFixedId: false });
  }

  /** Linux napi_gro_flush: `receiver` gets everything that has come, in order, and takes it. */
  flush(receiver: { receive(frame: Frame): void }): void {
    for (const held of this.#held) this.#complete(held);
    this.#held.length = 0;
    // What is received may bring more, for another poll.
    const ready = this.#ready;
    const count = this.#readyCount;
    this.#ready = this.#spare;
    this.#readyCount = 0;
    for (let at = 0; at < count; at++) {
      const frame = ready[at]!;
      ready[at] = undefined;
      receiver.receive(frame);
    }
    this.#spare = ready;
  }

  /** IPv4 without options, whole, TCP, checksums right. */
  #isEligible(frame: Frame): boolean {
    const { view } = this.#frames;
    const { start, end } = frame;
    const ipAt = start + IP_AT;
    if (end - start < TCP_AT + tcp.HEADER_LENGTH || frame.gsoSize > 0) return false;
    if (ethernet.etherType(view, start) !== EtherType.ipv4 || view.getUint8(ipAt) !== 0x45) return false;
    if (ipv4.protocol(view, ipAt) !== IpProtocol.tcp || ipv4.totalLength(view, ipAt) !== end - ipAt) return false;
    if ((ipv4.flagsAndFragmentOffset(view, ipAt) & ~ipv4.DONT_FRAGMENT) !== 0) return false;
    if (!ipv4.isChecksumValid(view, ipAt) || tcp.check(view, start + TCP_AT, end) !== Status.ok) return false;
    return frame.csum === Checksum.partial || this.#isTcpChecksumRight(start + TCP_AT, end);
  }

  #isTcpChecksumRight(tcpAt: number, end: number): boolean {
    const { view } = this.#frames;
    // The pseudo-header: both addresses, which lie in front, protocol and length.
    const pseudo = sum(view, tcpAt - 8, tcpAt, IpProtocol.tcp + end - tcpAt);
    return sum(view, tcpAt, end, pseudo) === 0xffff;
  }

  /** Ethernet addresses, IPv4 addresses, ports. */
  #isSameFlow(a: Frame, b: Frame): boolean {
    const { view } = this.#frames;
    return (
      view.getInt32(a.start) === view.getInt32(b.start) &&
      view.getInt32(a.start + 4) === view.getInt32(b.start + 4) &&
      view.getInt32(a.start + 8) === view.getInt32(b.start + 8) &&
      view.getInt32(a.start + IP_AT + 12) === view.getInt32(b.start + IP_AT + 12) &&
      view.getInt32(a.start + IP_AT + 16) === view.getInt32(b.start + IP_AT + 16) &&
      view.getInt32(a.start + TCP_AT) === view.getInt32(b.start + TCP_AT)
    );
  }

  /** Appends the segment's payload if it is what comes next. False, and nothing changed, if not. */
  #merge(held: Held, frame: Frame, length: number): boolean {
    const { frame: first } = held;
    const frames = this.#frames;
    const { view, bytes } = frames;
    const hasFixedId = held.hasFixedId || (held.count === 1 && this.#hasSameId(first, frame));
    if (length === 0 || length > held.segmentLength || !this.#continues(held, frame, hasFixedId)) return false;
    const whole = first.end - first.start + length;
    if (whole - IP_AT >= MAX_LENGTH || !frames.expand(first, whole)) return false;
    bytes.copyWithin(first.end, frame.end - length, frame.end);
    first.end += length;
    held.count++;
    held.hasFixedId = hasFixedId;
    const flags = tcp.flags(view, frame.start + TCP_AT) & MAY_DIFFER;
    tcp.setFlags(view, first.start + TCP_AT, tcp.flags(view, first.start + TCP_AT) | flags);
    return true;
  }

  #hasSameId(first: Frame, frame: Frame): boolean {
    const { view } = this.#frames;
    const at = frame.start + IP_AT;
    return (
      ipv4.dontFragment(view, at) && ipv4.identification(view, at) === ipv4.identification(view, first.start + IP_AT)
    );
  }

  /** Linux inet_gro_flush, and the comparisons of tcp_gro_receive. */
  #continues({ frame: first, count }: Held, frame: Frame, hasFixedId: boolean): boolean {
    const { view } = this.#frames;
    const a = first.start + IP_AT;
    const b = frame.start + IP_AT;
    if (ipv4.ttl(view, a) !== ipv4.ttl(view, b) || ipv4.tos(view, a) !== ipv4.tos(view, b)) return false;
    if (ipv4.dontFragment(view, a) !== ipv4.dontFragment(view, b)) return false;
    const expected = ipv4.identification(view, a) + (hasFixedId ? 0 : count);
    if (ipv4.identification(view, b) !== (expected & 0xffff)) return false;
    const tcpA = first.start + TCP_AT;
    const tcpB = frame.start + TCP_AT;
    const headerLength = tcp.headerLength(view, tcpA);
    const flagsB = tcp.flags(view, tcpB);
    if (tcp.headerLength(view, tcpB) !== headerLength || (flagsB & tcp.TcpFlag.cwr) !== 0) return false;
    if (((tcp.flags(view, tcpA) ^ flagsB) & ~MAY_DIFFER) !== 0) return false;
    if (tcp.acknowledgmentInt32(view, tcpA) !== tcp.acknowledgmentInt32(view, tcpB)) return false;
    if (tcp.window(view, tcpA) !== tcp.window(view, tcpB)) return false;
    for (let offset = tcp.HEADER_LENGTH; offset < headerLength; offset += 4) {
      if (view.getInt32(tcpA + offset) !== view.getInt32(tcpB + offset)) return false;
    }
    const payload = first.end - (tcpA + headerLength);
    return ((tcp.sequenceInt32(view, tcpA) + payload) | 0) === tcp.sequenceInt32(view, tcpB);
  }

  /** Linux napi_gro_complete, inet_gro_complete and tcp4_gro_complete: a super-frame, or the one frame it was. */
  #complete({ frame, segmentLength, count }: Held): void {
    this.#ready[this.#readyCount++] = frame;
    if (count === 1) return;
    const { view } = this.#frames;
    const ipAt = frame.start + IP_AT;
    ipv4.setTotalLength(view, ipAt, frame.end - ipAt);
    ipv4.fillChecksum(view, ipAt);
    fillPartialChecksum(view, ipAt, frame.end);
    frame.csum = Checksum.partial;
    frame.gsoSize = segmentLength;
  }
}
