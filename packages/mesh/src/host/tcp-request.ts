/**
 * A connection that is being accepted (struct tcp_request_sock; Linux net/ipv4/tcp_input.c, tcp_conn_request;
 * tcp_minisocks.c: tcp_check_req, tcp_create_openreq_child; tcp_ipv4.c, tcp_v4_send_synack).
 *
 * Not modelled: SYN cookies, Fast Open, TCP_DEFER_ACCEPT.
 */
import { IpProtocol } from "@hopscope/codec/code-points";
import * as ethernet from "@hopscope/codec/ethernet";
import * as tcp from "@hopscope/codec/tcp";
import { Checksum, type Frame } from "../frame.ts";
import type { Wakeable } from "../sim/simulator.ts";
import type { Softnet } from "../sim/softnet.ts";
import { expiryOf } from "../sim/timer-wheel.ts";
import { DropReason } from "../trace/drop-reason.ts";
import { StepKind } from "../trace/step.ts";
import type { AfOps } from "./af-ops.ts";
import * as ip from "./ip.ts";
import { PmtuDiscovery } from "./ipv4.ts";
import { isIpv6 } from "./ipv6-address.ts";
import type { Dst } from "./route.ts";
import { TcpState } from "./socket.ts";
import { TcpEntry } from "./tcp-entry.ts";
import type { TcpListener } from "./tcp-listener.ts";
import { syncMss } from "./tcp-mss.ts";
import { type SynOptions, synOptionsLength, TIMESTAMP_LENGTH, writeSynOptions } from "./tcp-options.ts";
import { TcpSegment } from "./tcp-segment.ts";
import { after, before } from "./tcp-sequence.ts";
import { MSS_DEFAULT, TIMEOUT_INIT_US } from "./tcp-sock.ts";
import { TcpSocket } from "./tcp-socket.ts";
import type { Tcp } from "./tcp.ts";
import { type InitialWindow, initializeRcvMss, selectInitialWindow } from "./tcp-window.ts";

const { TcpFlag } = tcp;
const TTL = 64;

export class TcpRequest extends TcpEntry implements Wakeable {
  readonly softnet: Softnet;
  readonly listener: TcpListener;
  readonly #tcp: Tcp;
  readonly #af: AfOps;
  readonly #dst: Dst;
  readonly #rcvIsn: number;
  readonly #sndIsn: number;
  readonly #mss: number;
  readonly #sndWscale: number;
  readonly #options: SynOptions;
  readonly #window: InitialWindow;
  #tsRecent: number;
  readonly #tsOffset: number;
  readonly #tos: number;
  readonly #txHash: number;
  #sentAt = 0;
  #timeoutAt = 0;
  /** SYN+ACKs sent again. */
  #retransmissions = 0;
  readonly #segment: TcpSegment = new TcpSegment();

  /** Linux tcp_conn_request: for the SYN that `segment` holds. */
  constructor(tcp: Tcp, listener: TcpListener, segment: TcpSegment, about: Frame, dst: Dst) {
    super();
    const { view } = tcp.netns.node.frames;
    const ipAt = about.start + ethernet.HEADER_LENGTH;
    const { sysctl } = tcp;
    this.softnet = tcp.netns.node.softnet;
    this.listener = listener;
    const af = ip.familyOf(tcp.netns, ipAt);
    this.#tcp = tcp;
    this.#af = af;
    this.#dst = dst;
    this.#tos = listener.tos;
    this.localIp = ip.dstIp(view, ipAt);
    this.remoteIp = ip.srcIp(view, ipAt);
    this.isInet6 = listener.isInet6;
    this.localPort = listener.localPort;
    this.remotePort = tcpPort(view, ipAt);
    this.#rcvIsn = segment.seq;
    this.#sndIsn = tcp.netns.node.socketRandom.int32();
    this.#tsOffset = tcp.netns.node.socketRandom.int32();
    this.#txHash = isIpv6(this.localIp) ? tcp.netns.node.socketRandom.int32() : 0;
    this.#mss = segment.mss === 0 ? MSS_DEFAULT : segment.mss;
    this.#tsRecent = segment.hasTimestamp ? segment.tsValue : 0;
    this.#sndWscale = segment.windowScale;
    const hasTimestamps = segment.hasTimestamp && sysctl.timestamps;
    const hasScale = segment.windowScale >= 0 && sysctl.windowScaling;
    const advmss = af.defaultAdvmss(af.mtuOf(dst, this.softnet.now));
    const room = advmss - (hasTimestamps ? TIMESTAMP_LENGTH : 0);
    // tcp_openreq_init_rwin: half of the receive buffer.
    this.#window = selectInitialWindow(tcp.sysctl.rmemDefault / 2, room, hasScale, sysctl.rmemMax);
    this.#options = {
      mss: advmss,
      sackPermitted: segment.sackPermitted && sysctl.sack,
      timestamps: hasTimestamps,
      windowScale: hasScale ? this.#window.rcvWscale : -1,
    };
  }

  /** Sends the SYN+ACK, and waits for what comes of it. */
  start(): void {
    this.#sendSynAck();
    this.#arm();
  }

  #arm(): void {
    const { now } = this.softnet;
    this.#timeoutAt = expiryOf(now + TIMEOUT_INIT_US * 1000 * 2 ** this.#retransmissions, now);
    this.#tcp.netns.node.simulator.schedule(this.#timeoutAt, this, 0);
  }

  /** Linux reqsk_timer_handler. */
  wake(): void {
    if (!this.#tcp.isHashed(this) || this.#timeoutAt > this.softnet.now) return;
    if (this.#retransmissions >= this.#tcp.sysctl.synAckRetries || !this.listener.isOpen) return this.#drop();
    this.#retransmissions++;
    // No use asking for an acknowledgment that cannot be taken (recorded in fixtures/sockets, "backlog").
    if (!this.listener.isFull) this.#sendSynAck();
    this.#arm();
  }

  #drop(): void {
    this.#tcp.unhash(this);
    this.listener.forget();
  }

  /** Linux tcp_make_synack and tcp_v4_send_synack. */
  #sendSynAck(): void {
    const { netns } = this.#tcp;
    const { frames } = netns.node;
    const { view } = frames;
    const length = tcp.HEADER_LENGTH + synOptionsLength(this.#options);
    const { localIp, remoteIp } = this;
    const af = this.#af;
    const dst = af.isValid(this.#dst) ? this.#dst : undefined;
    const [tos, pmtu, hash] = [this.#tos, PmtuDiscovery.do, this.#txHash];
    const frame = af.make(IpProtocol.tcp, localIp, remoteIp, length, tos, TTL, pmtu, undefined, dst, hash);
    if (frame === undefined) return;
    this.#sentAt = this.softnet.now;
    const at = frame.start + ethernet.HEADER_LENGTH + af.headerLength;
    tcp.setSrcPort(view, at, this.localPort);
    tcp.setDstPort(view, at, this.remotePort);
    tcp.setSequence(view, at, this.#sndIsn);
    tcp.setAcknowledgment(view, at, (this.#rcvIsn + 1) | 0);
    tcp.setHeaderLengthAndFlags(view, at, length, TcpFlag.syn | TcpFlag.ack);
    tcp.setWindow(view, at, Math.min(this.#window.rcvWnd, 0xffff));
    tcp.setUrgentPointer(view, at, 0);
    const clock = (Math.floor(this.softnet.now / 1_000_000) + this.#tsOffset) | 0;
    writeSynOptions(view, at + tcp.HEADER_LENGTH, this.#options, clock, this.#tsRecent);
    tcp.setChecksum(view, at, af.pseudoHeader(localIp, remoteIp, IpProtocol.tcp, length));
    frame.csum = Checksum.partial;
    af.output(frame, dst);
  }

  /** Linux tcp_check_req: takes the frame. The handshake's last segment makes a socket, which goes on with it. */
  receive(frame: Frame): void {
    const segment = this.#segment;
    const { netns } = this.#tcp;
    segment.read(netns.node.frames.view, frame.start + ethernet.HEADER_LENGTH, frame.end, frame.gsoSize);
    const { seq, flags } = segment;
    const isOld = this.#options.timestamps && segment.hasTimestamp && before(segment.tsValue, this.#tsRecent);
    const kind = flags & (TcpFlag.syn | TcpFlag.ack | TcpFlag.rst | TcpFlag.fin);
    if (seq === this.#rcvIsn && kind === TcpFlag.syn && !isOld) {
      // The SYN again: our answer was lost.
      this.#sendSynAck();
      return this.#taken(frame);
    }
    if ((flags & TcpFlag.ack) !== 0 && segment.ack !== ((this.#sndIsn + 1) | 0)) {
      // It is the listener's, which takes no acknowledgments.
      this.#tcp.sendReset(frame);
      return netns.drop(frame, DropReason.TCP_FLAGS);
    }
    if (isOld || !this.#isInWindow(segment)) {
      if ((flags & TcpFlag.rst) === 0) this.#sendAck(frame);
      return netns.drop(frame, isOld ? DropReason.TCP_RFC7323_PAWS : DropReason.TCP_OVERWINDOW);
    }
    if ((flags & (TcpFlag.rst | TcpFlag.syn)) !== 0 && seq !== this.#rcvIsn) {
      // embryonic_reset
      this.#drop();
      if ((flags & TcpFlag.rst) === 0) this.#tcp.sendReset(frame);
      return netns.drop(frame, DropReason.TCP_RESET);
    }
    if ((flags & TcpFlag.ack) === 0) return netns.drop(frame, DropReason.TCP_FLAGS);
    if (!this.listener.isOpen) {
      this.#drop();
      this.#tcp.sendReset(frame);
      return netns.drop(frame, DropReason.NO_SOCKET);
    }
    if (this.listener.isFull) return netns.drop(frame, DropReason.TCP_LISTEN_OVERFLOW);
    const child = this.#child();
    this.#tcp.replace(this, child);
    this.listener.established(child);
    child.receive(frame);
    // tcp_child_process: whoever accepts is told when the socket is established.
    this.listener.waiter?.wakeUp();
  }

  #taken(frame: Frame): void {
    const { recorder, frames } = this.#tcp.netns.node;
    recorder.step(frame, StepKind.deliverTcp, this.localPort, TcpState.synRecv);
    frames.free(frame);
  }

  /** Linux tcp_in_window. */
  #isInWindow({ seq, endSeq }: TcpSegment): boolean {
    const start = (this.#rcvIsn + 1) | 0;
    const end = (start + this.#window.rcvWnd) | 0;
    return seq === start || (after(endSeq, start) && before(seq, end)) || (seq === end && seq === endSeq);
  }

  /** Linux tcp_v4_reqsk_send_ack. */
  #sendAck(frame: Frame): void {
    const { timestamps, windowScale } = this.#options;
    const window = this.#window.rcvWnd >> Math.max(0, windowScale);
    const tsEcho = timestamps ? this.#tsRecent : undefined;
    this.#tcp.sendAck(frame, (this.#sndIsn + 1) | 0, (this.#rcvIsn + 1) | 0, window, tsEcho, this.#tsOffset);
  }

  /** Linux tcp_create_openreq_child and tcp_v4_syn_recv_sock. */
  #child(): TcpSocket {
    const { netns } = this.#tcp;
    const sk = new TcpSocket(this.#tcp, netns, this.#af);
    sk.isInet6 = this.isInet6;
    sk.txHash = this.#txHash;
    sk.localIp = this.localIp;
    sk.localPort = this.localPort;
    sk.remoteIp = this.remoteIp;
    sk.remotePort = this.remotePort;
    sk.state = TcpState.synRecv;
    sk.tos = this.#tos;
    sk.boundDevice = this.listener.device;
    sk.dst = this.#dst;
    sk.identification = netns.node.socketRandom.int32() & 0xffff;
    const next = (this.#sndIsn + 1) | 0;
    sk.sndUna = next;
    sk.sndNxt = next;
    sk.sndSml = next;
    sk.writeSeq = next;
    sk.pushedSeq = next;
    sk.fackedSeq = next;
    sk.rcvNxt = (this.#rcvIsn + 1) | 0;
    sk.rcvWup = sk.rcvNxt;
    sk.copiedSeq = sk.rcvNxt;
    sk.sndWl1 = this.#rcvIsn;
    const { timestamps, sackPermitted, windowScale } = this.#options;
    sk.hasTimestamps = timestamps;
    sk.hasSack = sackPermitted;
    sk.tsRecent = this.#tsRecent;
    sk.tsRecentAt = timestamps ? this.softnet.now : -1;
    sk.tsOffset = this.#tsOffset;
    sk.hasWindowScale = windowScale >= 0;
    sk.sndWscale = sk.hasWindowScale ? this.#sndWscale : 0;
    sk.rcvWscale = sk.hasWindowScale ? windowScale : 0;
    sk.rcvWnd = this.#window.rcvWnd;
    sk.rcvSsthresh = this.#window.rcvWnd;
    sk.windowClamp = this.#window.windowClamp;
    sk.rcvbuf = this.#tcp.sysctl.rmemDefault;
    sk.sndWnd = this.#segment.window << sk.sndWscale;
    sk.maxWindow = sk.sndWnd;
    sk.mssClamp = this.#mss;
    if (timestamps) sk.headerLength += TIMESTAMP_LENGTH;
    sk.synAckSentAt = this.#retransmissions === 0 ? this.#sentAt : -1;
    const mtu = this.#af.mtuOf(this.#dst, this.softnet.now);
    syncMss(sk, mtu);
    sk.advmss = this.#af.defaultAdvmss(mtu);
    initializeRcvMss(sk);
    return sk;
  }
}

function tcpPort(view: DataView, ipAt: number): number {
  return tcp.srcPort(view, ip.payloadStart(view, ipAt));
}
