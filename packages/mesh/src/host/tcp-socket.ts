/**
 * A TCP socket as a program has it (Linux net/ipv4/tcp.c: tcp_sendmsg, tcp_recvmsg, tcp_shutdown, tcp_close; tcp_ipv4.c,
 * tcp_v4_do_rcv; net/core/sock.c: lock_sock, release_sock). While a process is in a call on it, what arrives waits until
 * the call is over.
 */
import * as ethernet from "@hopscope/codec/ethernet";
import { TcpFlag } from "@hopscope/codec/tcp";
import { Errno } from "../errno.ts";
import type { Frame } from "../frame.ts";
import type { Softnet } from "../sim/softnet.ts";
import type { Wakeable } from "../sim/simulator.ts";
import { expiryOf } from "../sim/timer-wheel.ts";
import { DropReason } from "../trace/drop-reason.ts";
import { StepKind } from "../trace/step.ts";
import { type TcpConnection, TcpState } from "./socket.ts";
import { recvmsg, TAKEN } from "./tcp-data.ts";
import { rcvStateProcess, FIN_TIMEOUT_US } from "./tcp-input.ts";
import { sendAck, sendActiveReset, sendFin } from "./tcp-output.ts";
import { AckPending, Nagle, NEVER, TcpSock } from "./tcp-sock.ts";
import {
  clearTimers,
  delayedAckTimer,
  isAckScheduled,
  keepaliveTimer,
  setKeepalive,
  Timer,
  writeTimer,
} from "./tcp-timer.ts";
import { TcpTimewait } from "./tcp-timewait.ts";
import { sendmsg } from "./tcp-write.ts";

/**
 * What the simulator wakes for a socket. Events cannot be called off, and some are hours away: they shall not keep a
 * socket in memory that is closed by then.
 */
class TimerEvents implements Wakeable {
  readonly softnet: Softnet;
  socket: TcpSocket | undefined;

  constructor(socket: TcpSocket) {
    this.softnet = socket.softnet;
    this.socket = socket;
  }

  wake(timer: number): void {
    this.socket?.expire(timer);
  }
}

export class TcpSocket extends TcpSock implements TcpConnection {
  readonly #events: TimerEvents = new TimerEvents(this);
  /** When an event of each timer is due; there may be later ones, which find nothing to do. */
  readonly #scheduled: Float64Array = new Float64Array(3).fill(NEVER);

  takeError(): Errno {
    const { error } = this;
    this.error = Errno.none;
    return error;
  }

  get isAtEnd(): boolean {
    return (this.hasFin || this.state === TcpState.close) && this.readableLength === 0;
  }

  get isConnected(): boolean {
    return this.state !== TcpState.synSent && this.state !== TcpState.synRecv && this.state !== TcpState.close;
  }

  get writableLength(): number {
    const mayWrite = this.state === TcpState.established || this.state === TcpState.closeWait;
    if (!mayWrite || this.isWriteShut) return 0;
    const free = this.sndbuf - this.wmemQueued;
    // As poll(2): who finds no room is told when there is some.
    if (free <= 0) this.wantsSpace = true;
    return Math.max(0, free);
  }

  read(max: number = Number.POSITIVE_INFINITY): Uint8Array {
    this.#lock();
    const bytes = recvmsg(this, max);
    this.#release();
    return bytes;
  }

  write(bytes: Uint8Array): number {
    this.#lock();
    const mayWrite = this.state === TcpState.established || this.state === TcpState.closeWait;
    let written = 0;
    if (this.isWriteShut || !mayWrite) {
      // sk_stream_error; a connection that is still being made takes nothing yet.
      if (this.state !== TcpState.synSent && this.error === Errno.none) this.error = Errno.EPIPE;
    } else written = sendmsg(this, bytes);
    this.#release();
    return written;
  }

  /** TCP_NODELAY. */
  setNoDelay(): void {
    this.nonagle |= Nagle.off;
  }

  /** SO_KEEPALIVE, TCP_KEEPIDLE, TCP_KEEPINTVL and TCP_KEEPCNT; seconds. */
  setKeepAlive(idle: number, interval: number, count: number): void {
    this.keepOpen = true;
    this.keepIdleUs = idle * 1_000_000;
    this.keepIntervalUs = interval * 1_000_000;
    this.keepProbes = count;
    if (!this.isConnected) return;
    const elapsedUs = (this.softnet.now - Math.max(this.lastReceivedAt, this.lastAckAt)) / 1000;
    setKeepalive(this, Math.max(0, this.keepIdleUs - elapsedUs));
  }

  shutdown(): void {
    this.#lock();
    const { state } = this;
    const mayShut = state === TcpState.established || state === TcpState.closeWait || state === TcpState.synRecv;
    if (mayShut && !this.isWriteShut) {
      this.isWriteShut = true;
      if (this.#closeState()) sendFin(this);
    }
    this.#release();
  }

  /** Linux tcp_close and __tcp_close. */
  close(): void {
    if (this.isOrphan) return;
    this.#lock();
    this.isReadShut = true;
    this.isWriteShut = true;
    const wasUnread = this.readableLength > 0 && this.state !== TcpState.synSent;
    if (this.state !== TcpState.close) {
      // RFC 2525 §2.17: data that nobody will read is lost, and the sender is to know.
      if (wasUnread || (this.lingersNot && this.isConnected)) {
        sendActiveReset(this);
        this.isOrphan = true;
        this.done();
      } else if (this.#closeState()) sendFin(this);
    }
    this.isOrphan = true;
    this.waiter = undefined;
    this.#processBacklog();
    switch (this.state) {
      case TcpState.synSent:
        this.done();
        break;
      case TcpState.finWait2:
        this.timeWait(TcpState.finWait2, FIN_TIMEOUT_US);
        break;
    }
    this.#release();
  }

  /** Linux tcp_close_state: goes on to the next state; true if a FIN is to be sent. */
  #closeState(): boolean {
    switch (this.state) {
      case TcpState.established:
      case TcpState.synRecv:
        this.state = TcpState.finWait1;
        return true;
      case TcpState.closeWait:
        this.state = TcpState.lastAck;
        return true;
      default:
        return false;
    }
  }

  /** connect(2): sends the SYN as a call on the socket does. */
  startConnecting(send: () => void): void {
    this.#lock();
    send();
    this.#release();
  }

  /** Linux tcp_v4_rcv, once the socket is found: takes the frame, now or when the process is done. */
  receive(frame: Frame): void {
    if (this.isOwned) this.backlog.add(frame);
    else this.#doRcv(frame, 1);
  }

  /** Linux tcp_v4_do_rcv. `merged`: how many segments without data the frame stands for. */
  #doRcv(frame: Frame, merged: number): void {
    const { netns, segment, state, localPort } = this;
    const { frames, recorder } = netns.node;
    segment.read(frames.view, frame.start + ethernet.HEADER_LENGTH, frame.end, frame.gsoSize);
    segment.segments = Math.max(segment.segments, merged);
    const verdict = rcvStateProcess(this, segment);
    if (verdict === TAKEN) {
      recorder.step(frame, StepKind.deliverTcp, localPort, state);
      frames.free(frame);
      return;
    }
    const isStranger = verdict === DropReason.TCP_INVALID_ACK_SEQUENCE && (segment.flags & TcpFlag.rst) === 0;
    if (isStranger || verdict === DropReason.TCP_ABORT_ON_DATA) this.tcp.sendReset(frame);
    netns.drop(frame, verdict);
  }

  /** Linux lock_sock. */
  #lock(): void {
    this.isOwned = this.softnet.isInProcess;
  }

  /** Linux release_sock and tcp_release_cb. */
  #release(): void {
    if (!this.isOwned) return;
    const { softnet } = this;
    this.#processBacklog();
    softnet.isInProcess = false;
    if (this.isAckDeferred) {
      this.isAckDeferred = false;
      if (isAckScheduled(this)) sendAck(this);
    }
    this.isOwned = false;
    softnet.drainForProcess();
  }

  /** Linux __release_sock. */
  #processBacklog(): void {
    const { backlog } = this;
    for (let frame = backlog.take(); frame !== undefined; frame = backlog.take()) this.#doRcv(frame, backlog.merged);
  }

  override schedule(timer: Timer, at: number): void {
    const expiry = expiryOf(at, this.softnet.now);
    if (expiry >= this.#scheduled[timer]!) return;
    this.#scheduled[timer] = expiry;
    this.netns.node.simulator.schedule(expiry, this.#events, timer);
  }

  /** An event of one of its timers. */
  expire(timer: number): void {
    const { now } = this.softnet;
    if (this.#scheduled[timer]! <= now) this.#scheduled[timer] = NEVER;
    const dueAt = this.#dueAt(timer);
    if (dueAt === NEVER) return;
    if (dueAt > now) return this.schedule(timer as Timer, dueAt);
    switch (timer) {
      case Timer.retransmit:
        return writeTimer(this);
      case Timer.delayedAck:
        return delayedAckTimer(this);
      default:
        return keepaliveTimer(this);
    }
  }

  #dueAt(timer: number): number {
    switch (timer) {
      case Timer.retransmit:
        return this.timerAt;
      case Timer.delayedAck:
        return (this.ackPending & AckPending.timer) === 0 ? NEVER : this.ackTimeoutAt;
      default:
        return this.keepaliveAt;
    }
  }

  override done(): void {
    if (this.state === TcpState.close) return;
    this.state = TcpState.close;
    clearTimers(this);
    this.#events.socket = undefined;
    this.sendQueue.purge();
    this.wmemQueued = 0;
    this.packetsOut = 0;
    this.isReadShut = true;
    this.isWriteShut = true;
    this.tcp.unhash(this);
    this.waiter?.wakeUp();
  }

  override fail(error: Errno): void {
    this.error = error;
    this.done();
  }

  override timeWait(state: TcpState, us: number): void {
    this.tcp.replace(this, new TcpTimewait(this, state, us));
    this.done();
  }
}
