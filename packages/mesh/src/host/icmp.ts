/**
 * A host's ICMP (RFC 792; Linux net/ipv4/icmp.c): answers echo requests, tells ping what came back, and tells sockets
 * what an error is about. Sending errors: icmp-send.ts.
 *
 * Not modelled: redirects, timestamps.
 */
import { IpProtocol } from "@hopscope/codec/code-points";
import { sum } from "@hopscope/codec/checksum";
import * as ethernet from "@hopscope/codec/ethernet";
import * as icmp from "@hopscope/codec/icmp";
import * as ipv4 from "@hopscope/codec/ipv4";
import { Status } from "@hopscope/codec/status";
import { Cost } from "../costs.ts";
import type { NetDevice } from "../device.ts";
import type { Frame } from "../frame.ts";
import type { Netns } from "../netns.ts";
import { DropReason } from "../trace/drop-reason.ts";
import { StepKind } from "../trace/step.ts";
import { IcmpRateLimit } from "./icmp-rate-limit.ts";
import { icmpSend } from "./icmp-send.ts";
import { PmtuDiscovery, SendError } from "./ipv4.ts";
import type { RawIcmpSocket } from "./raw-icmp-socket.ts";

/** Bytes behind the quoted header that say whose packet it was. */
const QUOTED_PAYLOAD = 8;
/** net.ipv4.ip_default_ttl. */
const TTL = 64;

/** A program that listens to ICMP. Offsets are absolute in the frames' view and valid during the call. */
export interface IcmpListener {
  /** An echo reply with the listener's identifier. */
  echoReply(ipAt: number, icmpAt: number, end: number): void;
  /** An error about an echo request with the listener's identifier; `sequence` is the quoted one. */
  error(ipAt: number, icmpAt: number, sequence: number): void;
}

/** Where a ping sends by and hears from: ICMP of either family. */
export interface EchoHost {
  listen(identifier: number, listener: IcmpListener): void;
  unlisten(identifier: number): void;
  sendEcho(request: EchoRequest, sequence: number): SendError;
}

export class Icmp implements EchoHost {
  readonly #netns: Netns;
  readonly #limit: IcmpRateLimit = new IcmpRateLimit();
  readonly #listeners: Map<number, IcmpListener> = new Map();
  /** net.ipv4.icmp_echo_ignore_broadcasts. */
  ignoresBroadcasts = true;
  /** Programs that look at all ICMP for this host. */
  readonly rawSockets: RawIcmpSocket[] = [];

  constructor(netns: Netns) {
    this.#netns = netns;
  }

  listen(identifier: number, listener: IcmpListener): void {
    this.#listeners.set(identifier, listener);
  }

  unlisten(identifier: number): void {
    this.#listeners.delete(identifier);
  }

  /** Linux icmp_rcv: takes the frame. */
  receive(frame: Frame, ipAt: number): void {
    const netns = this.#netns;
    const { frames, recorder } = netns.node;
    const { view } = frames;
    const at = ipv4.payloadStart(view, ipAt);
    const end = ipv4.payloadEnd(view, ipAt, frames.end(frame));
    for (const socket of this.rawSockets) socket.enqueue(ipAt, end);
    if (sum(view, at, end) !== 0xffff) return netns.drop(frame, DropReason.ICMP_CSUM);
    if (icmp.check(view, at, end) !== Status.ok) return netns.drop(frame, DropReason.PKT_TOO_SMALL);
    const type = icmp.type(view, at);
    // Other questions to everybody are not modelled, and nothing else may be sent to them.
    const mayBeForMany = type === icmp.IcmpType.echoRequest && !this.ignoresBroadcasts;
    if (!mayBeForMany && !netns.isLocal(ipv4.dstIp(view, ipAt))) return netns.drop(frame, DropReason.INVALID_PROTO);
    recorder.step(frame, StepKind.deliverIcmp, type, icmp.code(view, at));
    if (type === icmp.IcmpType.echoRequest) this.#answer(frame, ipAt, at, end);
    else if (type === icmp.IcmpType.echoReply) {
      this.#listeners.get(icmp.identifier(view, at))?.echoReply(ipAt, at, end);
    } else if (icmp.isError(view, at)) this.#quoted(ipAt, at, end);
    frames.free(frame);
  }

  /** Linux icmp_echo and icmp_reply: the same data back, TOS copied, TTL and identification of this host's own. */
  #answer(request: Frame, ipAt: number, at: number, end: number): void {
    const netns = this.#netns;
    const { frames, recorder, softnet } = netns.node;
    const { view } = frames;
    const [dstIp, srcIp] = [ipv4.dstIp(view, ipAt), ipv4.srcIp(view, ipAt)];
    // What was for many is answered from the address that leads back (fib_compute_spec_dst).
    const own = netns.isLocal(dstIp) ? dstIp : (netns.ipv4.lookup(srcIp)?.source ?? 0);
    const reply = this.#make(own, srcIp, end - at, ipv4.tos(view, ipAt));
    if (reply === undefined) return recorder.step(request, StepKind.drop, DropReason.NOMEM, 0);
    reply.reportAt = request.hop;
    const replyAt = frames.start(reply) + ethernet.HEADER_LENGTH + ipv4.HEADER_LENGTH;
    frames.bytes.copyWithin(replyAt, at, end);
    icmp.setType(view, replyAt, icmp.IcmpType.echoReply);
    icmp.fillChecksum(view, replyAt, replyAt + end - at);
    softnet.spend(Cost.stack);
    netns.ipv4.output(reply);
  }

  /** Linux icmp_unreach and icmp_socket_deliver: an error quotes what it is about: whoever sent that is told. */
  #quoted(errorIpAt: number, at: number, end: number): void {
    const netns = this.#netns;
    const { view } = netns.node.frames;
    const ipAt = icmp.quoteStart(view, at);
    const room = icmp.quoteEnd(view, at, end) - ipAt;
    if (room < ipv4.HEADER_LENGTH || ipv4.version(view, ipAt) !== 4) return;
    // RFC 792: at least eight bytes behind the header.
    if (room < ipv4.headerLength(view, ipAt) + QUOTED_PAYLOAD) return;
    const type = icmp.type(view, at);
    const code = icmp.code(view, at);
    const isPmtu = type === icmp.IcmpType.destinationUnreachable && code === icmp.UnreachableCode.fragmentationNeeded;
    const info = isPmtu ? icmp.nextHopMtu(view, at) : 0;
    switch (ipv4.protocol(view, ipAt)) {
      case IpProtocol.icmp:
        if (isPmtu) netns.ipv4.updatePmtu(ipv4.dstIp(view, ipAt), info);
        this.#pingError(errorIpAt, at, ipv4.payloadStart(view, ipAt));
        break;
      case IpProtocol.udp:
        netns.udp.error(ipAt, type, code, info);
        break;
      case IpProtocol.tcp:
        netns.tcp.error(ipAt, type, code, info);
        break;
    }
  }

  /** Linux ping_err, raw_err: an error about an echo request. */
  #pingError(errorIpAt: number, at: number, quotedAt: number): void {
    const { view } = this.#netns.node.frames;
    if (icmp.type(view, quotedAt) !== icmp.IcmpType.echoRequest) return;
    this.#listeners.get(icmp.identifier(view, quotedAt))?.error(errorIpAt, at, icmp.sequence(view, quotedAt));
  }

  /** Sends the echo request number `sequence` of a program. */
  sendEcho(request: EchoRequest, sequence: number): SendError {
    const netns = this.#netns;
    const { frames } = netns.node;
    const { view } = frames;
    const { dstIp, tos, ttl, pmtuDiscovery } = request;
    const dst = netns.ipv4.lookup(dstIp, request.srcIp ?? 0, request.device);
    if (dst === undefined) return SendError.networkUnreachable;
    const length = icmp.HEADER_LENGTH + request.dataLength;
    if (netns.ipv4.refuses(dst, length, pmtuDiscovery)) return SendError.messageTooLong;
    const { source } = dst;
    const frame = netns.ipv4.make(IpProtocol.icmp, source, dstIp, length, tos, ttl, pmtuDiscovery, undefined, dst);
    if (frame === undefined) return SendError.noBufferSpace;
    const at = frames.start(frame) + ethernet.HEADER_LENGTH + ipv4.HEADER_LENGTH;
    const end = frames.end(frame);
    icmp.setType(view, at, icmp.IcmpType.echoRequest);
    icmp.setCode(view, at, 0);
    icmp.setIdentifier(view, at, request.identifier);
    icmp.setSequence(view, at, sequence);
    request.fill(view, at + icmp.HEADER_LENGTH, end);
    icmp.fillChecksum(view, at, end);
    return netns.ipv4.output(frame, dst);
  }

  /**
   * Linux icmp_send: tells the sender of `about`, whose way is decided, what is wrong with it. `info`: the header's second
   * word, such as the next hop's MTU. Leaves the packet alone. True if an error has left.
   */
  error(about: Frame, type: number, code: number, info: number): boolean {
    return icmpSend(this.#netns, this.#limit, about, type, code, info);
  }

  /** A router knows no way for the packet (ip_error): said only so often. Leaves the packet alone. */
  routeError(about: Frame, code: number): boolean {
    const { node } = this.#netns;
    const srcIp = ipv4.srcIp(node.frames.view, about.start + ethernet.HEADER_LENGTH);
    if (!this.#limit.allowsRouteError(srcIp, node.softnet.now)) return false;
    return this.error(about, icmp.IcmpType.destinationUnreachable, code, 0);
  }

  /** A packet for `length` bytes of ICMP that the kernel itself sends. */
  #make(srcIp: number, dstIp: number, length: number, tos: number): Frame | undefined {
    return this.#netns.ipv4.make(IpProtocol.icmp, srcIp, dstIp, length, tos, TTL, PmtuDiscovery.dont);
  }
}

/** What a program asks its kernel to send. */
export interface EchoRequest {
  readonly dstIp: number;
  readonly identifier: number;
  /** Bytes behind the ICMP header. */
  readonly dataLength: number;
  readonly ttl: number;
  readonly tos: number;
  readonly pmtuDiscovery: PmtuDiscovery;
  /** An address of this host to send from; default: the route's. */
  readonly srcIp?: number;
  /** The device to send by, whatever the routes say (SO_BINDTODEVICE). */
  readonly device?: NetDevice;
  /** Writes the data. */
  fill(view: DataView, at: number, end: number): void;
}
