/**
 * What is left of a connection that this side has closed (Linux net/ipv4/tcp_minisocks.c: tcp_time_wait,
 * tcp_timewait_state_process): it answers what comes late, for a minute.
 */
import * as ethernet from "@hopscope/codec/ethernet";
import { TcpFlag } from "@hopscope/codec/tcp";
import type { Frame } from "../frame.ts";
import type { Wakeable } from "../sim/simulator.ts";
import type { Softnet } from "../sim/softnet.ts";
import { StepKind } from "../trace/step.ts";
import { TcpState } from "./socket.ts";
import { TcpEntry } from "./tcp-entry.ts";
import { TcpSegment } from "./tcp-segment.ts";
import { after, before } from "./tcp-sequence.ts";
import type { TcpSock } from "./tcp-sock.ts";
import type { Tcp } from "./tcp.ts";
import { receiveWindow } from "./tcp-window.ts";

/** TCP_TIMEWAIT_LEN */
const LENGTH = 60_000_000_000;
/** net.ipv4.tcp_invalid_ratelimit */
const OUT_OF_WINDOW_INTERVAL = 500_000_000;

export class TcpTimewait extends TcpEntry implements Wakeable {
  readonly softnet: Softnet;
  readonly #tcp: Tcp;
  state: TcpState;
  #rcvNxt: number;
  readonly #sndNxt: number;
  readonly #rcvWnd: number;
  readonly #rcvWscale: number;
  readonly #hasTimestamps: boolean;
  #tsRecent: number;
  readonly #tsOffset: number;
  #expiresAt: number;
  #lastOutOfWindowAt = Number.NEGATIVE_INFINITY;
  readonly #segment: TcpSegment = new TcpSegment();

  /** `state`: TIME_WAIT, or FIN_WAIT2 while the other side's FIN is still to come. `us` 0: a minute. */
  constructor(sk: TcpSock, state: TcpState, us: number) {
    super();
    this.softnet = sk.softnet;
    this.#tcp = sk.tcp;
    this.localIp = sk.localIp;
    this.localPort = sk.localPort;
    this.remoteIp = sk.remoteIp;
    this.remotePort = sk.remotePort;
    this.isInet6 = sk.isInet6;
    this.state = state;
    this.#rcvNxt = sk.rcvNxt;
    this.#sndNxt = sk.sndNxt;
    this.#rcvWnd = receiveWindow(sk);
    this.#rcvWscale = sk.rcvWscale;
    this.#hasTimestamps = sk.hasTimestamps;
    this.#tsRecent = sk.tsRecent;
    this.#tsOffset = sk.tsOffset;
    this.#expiresAt = 0;
    this.#reschedule(us === 0 ? LENGTH : us * 1000);
  }

  wake(): void {
    if (this.#expiresAt <= this.softnet.now) this.#tcp.unhash(this);
    else this.#tcp.netns.node.simulator.schedule(this.#expiresAt, this, 0);
  }

  #reschedule(ns: number): void {
    const wasWaiting = this.#expiresAt > 0;
    this.#expiresAt = this.softnet.now + ns;
    if (!wasWaiting) this.#tcp.netns.node.simulator.schedule(this.#expiresAt, this, 0);
  }

  /** Linux tcp_timewait_state_process: takes the frame. A new connection may begin where the old one was. */
  receive(frame: Frame): void {
    const { node } = this.#tcp.netns;
    const segment = this.#segment;
    segment.read(node.frames.view, frame.start + ethernet.HEADER_LENGTH, frame.end, frame.gsoSize);
    const isReset = (segment.flags & TcpFlag.rst) !== 0;
    const isOld = this.#hasTimestamps && segment.hasTimestamp && !isReset && before(segment.tsValue, this.#tsRecent);
    const verdict =
      this.state === TcpState.finWait2 ? this.#finWait2(frame, segment, isOld) : this.#timeWait(frame, segment, isOld);
    if (verdict === Verdict.newConnection) return this.#tcp.listenAgain(this, frame);
    node.recorder.step(frame, StepKind.deliverTcp, this.localPort, this.state);
    node.frames.free(frame);
  }

  /** As tcp_rcv_state_process would, without a socket. */
  #finWait2(frame: Frame, segment: TcpSegment, isOld: boolean): Verdict {
    const { flags, seq, endSeq } = segment;
    if (isOld || !this.#isInWindow(seq, endSeq)) {
      if ((flags & TcpFlag.rst) === 0) this.#answerLimited(frame);
      return Verdict.taken;
    }
    if ((flags & TcpFlag.rst) !== 0) return this.#kill();
    if ((flags & TcpFlag.syn) !== 0 && !before(seq, this.#rcvNxt)) return this.#reset(frame);
    if ((flags & TcpFlag.ack) === 0 || !after(endSeq, this.#rcvNxt) || endSeq === seq) return Verdict.taken;
    // New data that nobody will read.
    if ((flags & TcpFlag.fin) === 0 || endSeq !== ((this.#rcvNxt + 1) | 0)) return this.#reset(frame);
    this.state = TcpState.timeWait;
    this.#rcvNxt = endSeq;
    if (segment.hasTimestamp) this.#tsRecent = segment.tsValue;
    this.#reschedule(LENGTH);
    this.#answer(frame);
    return Verdict.taken;
  }

  #timeWait(frame: Frame, segment: TcpSegment, isOld: boolean): Verdict {
    const { flags, seq, endSeq } = segment;
    const isReset = (flags & TcpFlag.rst) !== 0;
    if (!isOld && seq === this.#rcvNxt && (seq === endSeq || isReset)) {
      // RFC 1337 calls it assassination; Linux lets it happen.
      if (isReset) return this.#kill();
      this.#reschedule(LENGTH);
      return Verdict.taken;
    }
    const isSyn = (flags & TcpFlag.syn) !== 0 && !isReset && (flags & TcpFlag.ack) === 0;
    const isNewer = after(seq, this.#rcvNxt) || (segment.hasTimestamp && before(this.#tsRecent, segment.tsValue));
    if (isSyn && !isOld && isNewer) return Verdict.newConnection;
    if (isReset) return Verdict.taken;
    if (isOld || (flags & TcpFlag.ack) !== 0) this.#reschedule(LENGTH);
    this.#answerLimited(frame);
    return Verdict.taken;
  }

  /** Linux tcp_in_window. */
  #isInWindow(seq: number, endSeq: number): boolean {
    const end = (this.#rcvNxt + this.#rcvWnd) | 0;
    if (seq === this.#rcvNxt) return true;
    if (after(endSeq, this.#rcvNxt) && before(seq, end)) return true;
    return seq === end && seq === endSeq;
  }

  #kill(): Verdict {
    this.#tcp.unhash(this);
    return Verdict.taken;
  }

  #reset(frame: Frame): Verdict {
    this.#tcp.sendReset(frame);
    this.#tcp.unhash(this);
    return Verdict.taken;
  }

  #answerLimited(frame: Frame): void {
    const { now } = this.softnet;
    if (now - this.#lastOutOfWindowAt < OUT_OF_WINDOW_INTERVAL) return;
    this.#lastOutOfWindowAt = now;
    this.#answer(frame);
  }

  /** Linux tcp_v4_timewait_ack. */
  #answer(frame: Frame): void {
    const window = this.#rcvWnd >> this.#rcvWscale;
    const tsEcho = this.#hasTimestamps ? this.#tsRecent : undefined;
    this.#tcp.sendAck(frame, this.#sndNxt, this.#rcvNxt, window, tsEcho, this.#tsOffset);
  }
}

const Verdict = { taken: 0, newConnection: 1 } as const;
type Verdict = (typeof Verdict)[keyof typeof Verdict];
