/**
 * A namespace's TCP (Linux net/ipv4/tcp_ipv4.c: tcp_v4_rcv, tcp_v4_connect, tcp_v4_err; tcp_ipv6.c likewise;
 * inet_hashtables.c): finds the
 * socket of a segment, gives ports, and answers for those that nobody has.
 */
import { sum } from "@hopscope/codec/checksum";
import { IcmpType } from "@hopscope/codec/icmp";
import { Status } from "@hopscope/codec/status";
import * as tcp from "@hopscope/codec/tcp";
import type { NetDevice } from "../device.ts";
import { Errno } from "../errno.ts";
import { Checksum, type Frame } from "../frame.ts";
import type { Netns } from "../netns.ts";
import { RouteType } from "../tables/route.ts";
import { DropReason } from "../trace/drop-reason.ts";
import { StepKind } from "../trace/step.ts";
import { icmpErrno, isFragmentationNeeded } from "./icmp-errno.ts";
import * as ip from "./ip.ts";
import { IPV6_ANY, IPV6_LOOPBACK, isAnyAddress, isIpv6 } from "./ipv6-address.ts";
import { LOCAL_PORTS, localPort } from "./local-port.ts";
import { TcpState } from "./socket.ts";
import { connectionHash, type TcpEntry } from "./tcp-entry.ts";
import { TcpListener } from "./tcp-listener.ts";
import { syncMss } from "./tcp-mss.ts";
import { connect } from "./tcp-output.ts";
import { sendReplyAck, sendReset } from "./tcp-reply.ts";
import { TcpRequest } from "./tcp-request.ts";
import { simpleRetransmit } from "./tcp-retransmit.ts";
import { TcpSegment } from "./tcp-segment.ts";
import { between } from "./tcp-sequence.ts";
import { TcpSocket } from "./tcp-socket.ts";
import { type TcpSysctl, tcpSysctl } from "./tcp-sysctl.ts";
import { TcpTimewait } from "./tcp-timewait.ts";

const { TcpFlag } = tcp;
const NONE: readonly TcpListener[] = [];

export interface TcpConnectOptions {
  /** bind(2) before: 0 is what the route says. */
  readonly localIp?: number;
  /** Default: one that the kernel chooses. */
  readonly localPort?: number;
  /** SO_BINDTODEVICE. */
  readonly device?: NetDevice;
  readonly tos?: number;
  /** IP_TTL. */
  readonly ttl?: number;
}

export class Tcp {
  readonly netns: Netns;
  readonly sysctl: TcpSysctl = { ...tcpSysctl };
  readonly #listeners: Map<number, TcpListener[]> = new Map();
  /** Connections by their hash; the rest hang on behind. */
  readonly #entries: Map<number, TcpEntry> = new Map();
  /** How often a local port is used by a connection. */
  readonly #ports: Map<number, number> = new Map();
  /** Steps that the choice of ports for a destination has moved on (table_perturb). */
  readonly #perturbation: Map<number, number> = new Map();
  readonly #portSecret: number;
  readonly #segment: TcpSegment = new TcpSegment();

  constructor(netns: Netns, portSecret: number) {
    this.netns = netns;
    this.#portSecret = portSecret;
  }

  /** All connections, and what is left of them, as `ss -t -a` lists them. */
  get entries(): readonly TcpEntry[] {
    const all: TcpEntry[] = [];
    for (const first of this.#entries.values()) {
      for (let entry: TcpEntry | undefined = first; entry !== undefined; entry = entry.chain) all.push(entry);
    }
    return all;
  }

  get listeners(): readonly TcpListener[] {
    return [...this.#listeners.values()].flat();
  }

  /**
   * socket(2), bind(2) and listen(2). `address` 0: all of the host's IPv4 addresses; `IPV6_ANY`: those and all of IPv6,
   * but for `isIpv6Only`.
   */
  listen(
    address: number,
    port: number,
    backlog: number = 128,
    device?: NetDevice,
    isIpv6Only: boolean = false,
  ): TcpListener | Errno {
    const isThere = isAnyAddress(address) || ip.familyFor(this.netns, address).isLocal(address);
    if (!isThere) return Errno.EADDRNOTAVAIL;
    const chosen = port === 0 ? this.#freePort() : port;
    const others = this.#listeners.get(chosen) ?? [];
    const isTaken = others.some(
      (other) =>
        other.conflictsWith(address, isIpv6Only) &&
        (other.device === undefined || device === undefined || other.device === device),
    );
    if (isTaken || chosen === 0) return Errno.EADDRINUSE;
    const listener = new TcpListener(this, address, chosen, backlog, device, isIpv6Only);
    others.push(listener);
    this.#listeners.set(chosen, others);
    return listener;
  }

  unlisten(listener: TcpListener): void {
    const left = (this.#listeners.get(listener.localPort) ?? []).filter((other) => other !== listener);
    if (left.length > 0) this.#listeners.set(listener.localPort, left);
    else this.#listeners.delete(listener.localPort);
  }

  /** Linux tcp_v4_connect and tcp_v6_connect. What cannot be is a socket that is closed, with its error. */
  connect(address: number, port: number, options: TcpConnectOptions = {}): TcpSocket {
    const { netns } = this;
    const { localIp = 0, localPort: boundPort = 0, device } = options;
    const sk = new TcpSocket(this, netns, ip.familyFor(netns, address));
    // To nowhere: to oneself.
    if (isAnyAddress(address)) sk.remoteIp = address === IPV6_ANY ? IPV6_LOOPBACK : LOOPBACK;
    else sk.remoteIp = address;
    sk.isInet6 = isIpv6(address);
    sk.remotePort = port;
    sk.tos = options.tos ?? 0;
    sk.ttl = options.ttl ?? sk.ttl;
    sk.boundDevice = device;
    sk.rcvbuf = this.sysctl.rmemDefault;
    sk.error = this.#route(sk, localIp);
    if (sk.error !== Errno.none) return sk;
    sk.localPort = boundPort === 0 ? this.#chooseLocalPort(sk) : boundPort;
    if (sk.localPort === 0 || this.#find(sk.remoteIp, port, sk.localIp, sk.localPort) !== undefined) {
      sk.error = Errno.EADDRNOTAVAIL;
      return sk;
    }
    const random = netns.node.socketRandom;
    sk.state = TcpState.synSent;
    sk.tsOffset = random.int32();
    sk.identification = random.int32() & 0xffff;
    if (sk.isInet6) sk.txHash = random.int32();
    this.#hash(sk);
    sk.startConnecting(() => connect(sk, random.int32()));
    return sk;
  }

  #route(sk: TcpSocket, localIp: number): Errno {
    const { af, remoteIp } = sk;
    if (localIp !== 0 && !af.isLocal(localIp)) return Errno.EADDRNOTAVAIL;
    const dst = af.lookup(remoteIp, localIp, sk.boundDevice);
    if (dst === undefined) return af.whyUnreachable(remoteIp);
    if (dst.type === RouteType.broadcast || dst.type === RouteType.multicast) return Errno.ENETUNREACH;
    sk.dst = dst;
    sk.localIp = dst.source;
    return Errno.none;
  }

  /** Linux __inet_hash_connect: even ports, on from where this destination's last one was. */
  #chooseLocalPort(sk: TcpSocket): number {
    const { remoteIp, remotePort, localIp } = sk;
    const key = connectionHash(remoteIp, remotePort, localIp, this.#portSecret & 0xffff);
    const perturbation = this.#perturbation.get(key) ?? this.netns.node.socketRandom.below(LOCAL_PORTS);
    const start = perturbation & ~1;
    for (let tried = 0; tried < LOCAL_PORTS / 2; tried++) {
      const port = localPort(start, 2, tried);
      if (this.#listeners.has(port) || this.#find(remoteIp, remotePort, localIp, port) !== undefined) continue;
      const step = Math.max(tried * 2, this.netns.node.socketRandom.below(8) * 2) + 2;
      this.#perturbation.set(key, (perturbation + step) % LOCAL_PORTS);
      return port;
    }
    return 0;
  }

  /** Linux inet_csk_find_open_port: odd ports are for those who bind. */
  #freePort(): number {
    const start = this.netns.node.socketRandom.below(LOCAL_PORTS) | 1;
    for (let tried = 0; tried < LOCAL_PORTS / 2; tried++) {
      const port = localPort(start, 2, tried);
      if (!this.#listeners.has(port) && !this.#ports.has(port)) return port;
    }
    return 0;
  }

  /** Linux tcp_v4_rcv: takes the frame, which came in by `device`. */
  receive(frame: Frame, ipAt: number, device: NetDevice): void {
    const { netns } = this;
    const { view } = netns.node.frames;
    const at = ip.payloadStart(view, ipAt);
    const end = ip.payloadEnd(view, ipAt, frame.end);
    // What is for everybody or a group is not TCP's.
    if (frame.dst !== undefined && frame.dst.type !== RouteType.local) return netns.drop(frame, DropReason.NO_SOCKET);
    if (tcp.check(view, at, end) !== Status.ok) return netns.drop(frame, DropReason.PKT_TOO_SMALL);
    const srcIp = ip.srcIp(view, ipAt);
    const dstIp = ip.dstIp(view, ipAt);
    if (frame.csum !== Checksum.partial && !isChecksumRight(view, ipAt, at, end)) {
      return netns.drop(frame, DropReason.TCP_CSUM);
    }
    const port = tcp.dstPort(view, at);
    const entry = this.#find(srcIp, tcp.srcPort(view, at), dstIp, port);
    if (entry instanceof TcpSocket || entry instanceof TcpTimewait || entry instanceof TcpRequest) {
      return entry.receive(frame);
    }
    const listener = this.#listenerFor(dstIp, port, device);
    if (listener !== undefined) return this.#listenerReceives(listener, frame, ipAt);
    sendReset(netns, frame);
    netns.drop(frame, DropReason.NO_SOCKET);
  }

  /** Linux inet_lookup_listener: one that names the address before one that does not. */
  #listenerFor(address: number, port: number, device: NetDevice): TcpListener | undefined {
    let found: TcpListener | undefined;
    let best = 0;
    for (const listener of this.#listeners.get(port) ?? NONE) {
      if (listener.device !== undefined && listener.device !== device) continue;
      const score = listener.score(address);
      if (score <= best) continue;
      found = listener;
      best = score;
    }
    return found;
  }

  /** Linux tcp_rcv_state_process in LISTEN, and tcp_conn_request. */
  #listenerReceives(listener: TcpListener, frame: Frame, ipAt: number): void {
    const { netns } = this;
    const { view } = netns.node.frames;
    const segment = this.#segment;
    segment.read(view, ipAt, frame.end, frame.gsoSize);
    const { flags } = segment;
    if ((flags & TcpFlag.ack) !== 0) {
      sendReset(netns, frame);
      return netns.drop(frame, DropReason.TCP_FLAGS);
    }
    if ((flags & TcpFlag.rst) !== 0) return netns.drop(frame, DropReason.TCP_RESET);
    if ((flags & TcpFlag.syn) === 0 || (flags & TcpFlag.fin) !== 0) return netns.drop(frame, DropReason.TCP_FLAGS);
    if (listener.isFull || listener.isBusy) return netns.drop(frame, DropReason.TCP_LISTEN_OVERFLOW);
    const dst = ip.familyOf(netns, ipAt).lookup(ip.srcIp(view, ipAt), ip.dstIp(view, ipAt), listener.device);
    if (dst === undefined) return netns.drop(frame, DropReason.IP_OUTNOROUTES);
    const request = new TcpRequest(this, listener, segment, frame, dst);
    listener.requested();
    this.#hash(request);
    netns.node.recorder.step(frame, StepKind.deliverTcp, listener.localPort, TcpState.listen);
    netns.node.frames.free(frame);
    request.start();
  }

  /** A SYN that makes a new connection where one has just been (TCP_TW_SYN). */
  listenAgain(old: TcpTimewait, frame: Frame): void {
    const { netns } = this;
    const listener = this.#listenerFor(old.localIp, old.localPort, netns.loopback);
    this.unhash(old);
    if (listener !== undefined) {
      return this.#listenerReceives(listener, frame, frame.start + ETHERNET);
    }
    sendReset(netns, frame);
    netns.drop(frame, DropReason.NO_SOCKET);
  }

  sendReset(about: Frame): void {
    sendReset(this.netns, about);
  }

  sendAck(about: Frame, seq: number, ack: number, window: number, tsEcho: number | undefined, tsOffset: number): void {
    sendReplyAck(this.netns, about, seq, ack, window, tsEcho, tsOffset);
  }

  /** Linux tcp_v4_err: an ICMP error quotes a segment of this host's, whose IPv4 header is at `ipAt`. */
  error(ipAt: number, type: number, code: number, info: number): void {
    const { view } = this.netns.node.frames;
    const at = ip.payloadStart(view, ipAt);
    const entry = this.#find(ip.dstIp(view, ipAt), tcp.dstPort(view, at), ip.srcIp(view, ipAt), tcp.srcPort(view, at));
    if (!(entry instanceof TcpSocket)) return;
    const seq = tcp.sequenceInt32(view, at);
    if (!between(seq, entry.sndUna, entry.sndNxt) || type === IcmpType.redirect) return;
    if (isFragmentationNeeded(type, code)) return this.#mtuReduced(entry, info);
    const errno = icmpErrno(type, code);
    if (errno === Errno.none) return;
    if (entry.state === TcpState.synSent || entry.state === TcpState.synRecv) {
      if (entry.isOwned) entry.softError = errno;
      else entry.fail(errno);
    } else entry.softError = errno;
  }

  /** Linux tcp_v4_mtu_reduced. */
  #mtuReduced(sk: TcpSocket, mtu: number): void {
    const { af } = sk;
    af.updatePmtu(sk.remoteIp, mtu);
    const dst = af.lookup(sk.remoteIp, sk.localIp, sk.boundDevice);
    if (dst === undefined) return;
    sk.dst = dst;
    const believed = af.mtuOf(dst, sk.softnet.now);
    if (mtu < believed) sk.softError = Errno.EMSGSIZE;
    if (sk.pmtuCookie <= believed) return;
    syncMss(sk, believed);
    simpleRetransmit(sk);
  }

  /** True while segments find this entry. */
  isHashed(entry: TcpEntry): boolean {
    return this.#find(entry.remoteIp, entry.remotePort, entry.localIp, entry.localPort) === entry;
  }

  /** `to` takes the place of `from`, which has the same four numbers. */
  replace(from: TcpEntry, to: TcpEntry): void {
    this.unhash(from);
    this.#hash(to);
  }

  unhash(entry: TcpEntry): void {
    const key = connectionHash(entry.remoteIp, entry.remotePort, entry.localIp, entry.localPort);
    let previous: TcpEntry | undefined;
    for (let each = this.#entries.get(key); each !== undefined; previous = each, each = each.chain) {
      if (each !== entry) continue;
      if (previous !== undefined) previous.chain = each.chain;
      else if (each.chain === undefined) this.#entries.delete(key);
      else this.#entries.set(key, each.chain);
      each.chain = undefined;
      this.#usePort(entry.localPort, -1);
      return;
    }
  }

  #hash(entry: TcpEntry): void {
    const key = connectionHash(entry.remoteIp, entry.remotePort, entry.localIp, entry.localPort);
    entry.chain = this.#entries.get(key);
    this.#entries.set(key, entry);
    this.#usePort(entry.localPort, 1);
  }

  #usePort(port: number, change: number): void {
    const count = (this.#ports.get(port) ?? 0) + change;
    if (count > 0) this.#ports.set(port, count);
    else this.#ports.delete(port);
  }

  #find(remoteIp: number, remotePort: number, localIp: number, localPortNumber: number): TcpEntry | undefined {
    const key = connectionHash(remoteIp, remotePort, localIp, localPortNumber);
    let entry = this.#entries.get(key);
    while (entry !== undefined && !entry.matches(remoteIp, remotePort, localIp, localPortNumber)) entry = entry.chain;
    return entry;
  }
}

const ETHERNET = 14;
/** 127.0.0.1 */
const LOOPBACK = 0x7f000001;

function isChecksumRight(view: DataView, ipAt: number, at: number, end: number): boolean {
  return sum(view, at, end, ip.pseudoHeader(view, ipAt, end - at)) === 0xffff;
}
