/**
 * A host's ICMP (RFC 792; Linux net/ipv4/icmp.c): answers echo requests, tells ping what came back, reports an
 * unreachable host to itself.
 *
 * Not modelled yet: errors to other hosts, redirects, rate limits, timestamps.
 */
import { IpProtocol } from "@hopscope/codec/code-points";
import { sum } from "@hopscope/codec/checksum";
import * as ethernet from "@hopscope/codec/ethernet";
import * as icmp from "@hopscope/codec/icmp";
import * as ipv4 from "@hopscope/codec/ipv4";
import { Status } from "@hopscope/codec/status";
import { Cost } from "../costs.ts";
import type { Frame } from "../frame.ts";
import type { Netns } from "../netns.ts";
import { DropReason } from "../trace/drop-reason.ts";
import { StepKind } from "../trace/step.ts";
import { PmtuDiscovery, SendError } from "./ipv4.ts";

/** An ICMP error quotes at most this much: 576 bytes of packet in all (RFC 1812 §4.3.2.3; icmp_send). */
const MAX_ERROR_LENGTH = 576;
/** Errors travel as internetwork control (RFC 1812 §4.3.2.5) and keep the rest of the type of service (RT_TOS). */
const INTERNETWORK_CONTROL = 0xc0;
const TOS_MASK = 0x1e;
/** net.ipv4.ip_default_ttl. */
const TTL = 64;

/** A program that listens to ICMP. Offsets are absolute in the frames' view and valid during the call. */
export interface IcmpListener {
  /** An echo reply with the listener's identifier. */
  echoReply(ipAt: number, icmpAt: number, end: number): void;
  /** An error about an echo request with the listener's identifier; `sequence` is the quoted one. */
  error(ipAt: number, icmpAt: number, sequence: number): void;
}

export class Icmp {
  readonly #netns: Netns;
  readonly #listeners: Map<number, IcmpListener> = new Map();

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
    if (sum(view, at, end) !== 0xffff) return netns.drop(frame, DropReason.ICMP_CSUM);
    if (icmp.check(view, at, end) !== Status.ok) return netns.drop(frame, DropReason.PKT_TOO_SMALL);
    // icmp_echo_ignore_broadcasts; other questions to everybody are not modelled, and nothing else may be sent to them.
    if (!netns.isLocal(ipv4.dstIp(view, ipAt))) return netns.drop(frame, DropReason.INVALID_PROTO);
    const type = icmp.type(view, at);
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
    const reply = this.#make(ipv4.dstIp(view, ipAt), ipv4.srcIp(view, ipAt), end - at, ipv4.tos(view, ipAt));
    if (reply === undefined) return recorder.step(request, StepKind.drop, DropReason.NOMEM, 0);
    reply.reportAt = request.hop;
    const replyAt = frames.start(reply) + ethernet.HEADER_LENGTH + ipv4.HEADER_LENGTH;
    frames.bytes.copyWithin(replyAt, at, end);
    icmp.setType(view, replyAt, icmp.IcmpType.echoReply);
    icmp.fillChecksum(view, replyAt, replyAt + end - at);
    softnet.spend(Cost.stack);
    netns.ipv4.output(reply);
  }

  /** An error quotes what it is about: whoever sent that is told (Linux ping_err, raw_err). */
  #quoted(errorIpAt: number, at: number, end: number): void {
    const { view } = this.#netns.node.frames;
    const ipAt = icmp.quoteStart(view, at);
    const room = icmp.quoteEnd(view, at, end) - ipAt;
    if (room < ipv4.HEADER_LENGTH || ipv4.version(view, ipAt) !== 4) return;
    const quotedAt = ipv4.payloadStart(view, ipAt);
    if (ipv4.protocol(view, ipAt) !== IpProtocol.icmp || room < ipv4.headerLength(view, ipAt) + icmp.HEADER_LENGTH)
      return;
    if (icmp.type(view, quotedAt) !== icmp.IcmpType.echoRequest) return;
    this.#listeners.get(icmp.identifier(view, quotedAt))?.error(errorIpAt, at, icmp.sequence(view, quotedAt));
  }

  /** Sends the echo request number `sequence` of a program. */
  sendEcho(request: EchoRequest, sequence: number): SendError {
    const netns = this.#netns;
    const { frames } = netns.node;
    const { view } = frames;
    const { dstIp, tos, ttl, pmtuDiscovery } = request;
    const dst = netns.ipv4.lookup(dstIp);
    if (dst === undefined) return SendError.networkUnreachable;
    const length = icmp.HEADER_LENGTH + request.dataLength;
    if (ipv4.HEADER_LENGTH + length > dst.mtu) return SendError.messageTooLong;
    const frame = netns.ipv4.make(IpProtocol.icmp, dst.source, dstIp, length, tos, ttl, pmtuDiscovery);
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
   * The host that a packet of this host's own was for does not answer: ICMP to itself by the loopback device (Linux
   * arp_error_report, ipv4_link_failure, icmp_send). Leaves the packet alone.
   */
  hostUnreachable(about: Frame): void {
    const netns = this.#netns;
    const { frames } = netns.node;
    const { view } = frames;
    const ipAt = frames.start(about) + ethernet.HEADER_LENGTH;
    const source = ipv4.srcIp(view, ipAt);
    if (!netns.isLocal(source)) return;
    const quote = Math.min(ipv4.totalLength(view, ipAt), MAX_ERROR_LENGTH - ipv4.HEADER_LENGTH - icmp.HEADER_LENGTH);
    const tos = (ipv4.tos(view, ipAt) & TOS_MASK) | INTERNETWORK_CONTROL;
    const error = this.#make(source, source, icmp.HEADER_LENGTH + quote, tos);
    if (error === undefined) return;
    const at = frames.start(error) + ethernet.HEADER_LENGTH + ipv4.HEADER_LENGTH;
    icmp.setType(view, at, icmp.IcmpType.destinationUnreachable);
    icmp.setCode(view, at, icmp.UnreachableCode.host);
    icmp.setRest(view, at, 0);
    frames.bytes.copyWithin(at + icmp.HEADER_LENGTH, ipAt, ipAt + quote);
    icmp.fillChecksum(view, at, at + icmp.HEADER_LENGTH + quote);
    if (netns.ipv4.output(error) === SendError.none) about.reportAt = error.hop;
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
  /** Writes the data. */
  fill(view: DataView, at: number, end: number): void;
}
