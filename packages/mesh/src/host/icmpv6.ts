/**
 * A host's ICMPv6 (RFC 4443; Linux net/ipv6/icmp.c): answers echo requests, tells ping what came back, says that nobody has
 * a port, and tells sockets that. Recorded in fixtures/sockets, "loopback6".
 *
 * Not modelled: all that needs another address than `::1`: neighbor discovery, groups, other errors, their limits.
 */
import { IpProtocol } from "@hopscope/codec/code-points";
import { ChecksumStatus } from "@hopscope/codec/checksum";
import * as ethernet from "@hopscope/codec/ethernet";
import * as icmpv6 from "@hopscope/codec/icmpv6";
import * as ipv6 from "@hopscope/codec/ipv6";
import { Status } from "@hopscope/codec/status";
import * as udp from "@hopscope/codec/udp";
import { Cost } from "../costs.ts";
import { Errno } from "../errno.ts";
import type { Frame } from "../frame.ts";
import type { Netns } from "../netns.ts";
import { DropReason } from "../trace/drop-reason.ts";
import { StepKind } from "../trace/step.ts";
import type { EchoHost, EchoRequest, IcmpListener } from "./icmp.ts";
import * as ip from "./ip.ts";
import { PmtuDiscovery, SendError } from "./ipv4.ts";
import { IPV6_LOOPBACK as SELF } from "./ipv6-address.ts";

/** An error is no longer than a packet that every link takes (RFC 4443 §2.4). */
const MAX_ERROR_LENGTH = 1280;
const HOP_LIMIT = 64;

export class Icmpv6 implements EchoHost {
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

  /** Linux icmpv6_rcv: takes the frame. */
  receive(frame: Frame, ipAt: number): void {
    const netns = this.#netns;
    const { frames, recorder } = netns.node;
    const { view } = frames;
    const at = ipv6.payloadStart(view, ipAt);
    const { end } = frame;
    if (icmpv6.check(view, at, end) !== Status.ok) return netns.drop(frame, DropReason.PKT_TOO_SMALL);
    const pseudo = ip.pseudoHeader(view, ipAt, end - at);
    if (icmpv6.verifyChecksum(view, at, end, pseudo) !== ChecksumStatus.valid) {
      return netns.drop(frame, DropReason.ICMP_CSUM);
    }
    const type = icmpv6.type(view, at);
    recorder.step(frame, StepKind.deliverIcmpv6, type, icmpv6.code(view, at));
    if (type === icmpv6.Icmpv6Type.echoRequest) this.#answer(frame, ipAt, at, end);
    else if (type === icmpv6.Icmpv6Type.echoReply) {
      this.#listeners.get(icmpv6.identifier(view, at))?.echoReply(ipAt, at, end);
    } else if (type === icmpv6.Icmpv6Type.destinationUnreachable) this.#quoted(at, end);
    frames.free(frame);
  }

  /** Linux icmpv6_echo_reply. */
  #answer(request: Frame, ipAt: number, at: number, end: number): void {
    const { frames, recorder, softnet } = this.#netns.node;
    const { view } = frames;
    const reply = this.#make(end - at, ipv6.trafficClass(view, ipAt), HOP_LIMIT, icmpv6.identifier(view, at));
    if (reply === undefined) return recorder.step(request, StepKind.drop, DropReason.NOMEM, 0);
    reply.reportAt = request.hop;
    const replyAt = reply.start + ethernet.HEADER_LENGTH + ipv6.HEADER_LENGTH;
    frames.bytes.copyWithin(replyAt, at, end);
    icmpv6.setType(view, replyAt, icmpv6.Icmpv6Type.echoReply);
    softnet.spend(Cost.stack);
    this.#send(reply, replyAt);
  }

  /** Linux icmpv6_notify: whoever sent what is quoted is told. */
  #quoted(at: number, end: number): void {
    const netns = this.#netns;
    const { view } = netns.node.frames;
    const ipAt = icmpv6.quoteStart(view, at);
    const room = icmpv6.quoteEnd(view, at, end) - ipAt;
    const isUdp = room >= ipv6.HEADER_LENGTH + udp.HEADER_LENGTH && ipv6.nextHeader(view, ipAt) === IpProtocol.udp;
    if (isUdp && icmpv6.code(view, at) === icmpv6.UnreachableCode.port) netns.udp.refused(ipAt, Errno.ECONNREFUSED);
  }

  /** Sends the echo request number `sequence` of a program. */
  sendEcho(request: EchoRequest, sequence: number): SendError {
    const netns = this.#netns;
    const { view } = netns.node.frames;
    const { tos, ttl, identifier } = request;
    const dst = netns.ipv6.lookup(request.dstIp);
    if (dst === undefined) return SendError.networkUnreachable;
    const length = icmpv6.LONG_HEADER_LENGTH + request.dataLength;
    if (netns.ipv6.refuses(dst, length)) return SendError.messageTooLong;
    const frame = this.#make(length, tos, ttl, identifier);
    if (frame === undefined) return SendError.noBufferSpace;
    const at = frame.start + ethernet.HEADER_LENGTH + ipv6.HEADER_LENGTH;
    icmpv6.setType(view, at, icmpv6.Icmpv6Type.echoRequest);
    icmpv6.setCode(view, at, 0);
    icmpv6.setIdentifier(view, at, identifier);
    icmpv6.setSequence(view, at, sequence);
    request.fill(view, at + icmpv6.LONG_HEADER_LENGTH, frame.end);
    return this.#send(frame, at);
  }

  /** Linux icmpv6_send: nobody here has the port that `about` is for. Leaves the packet alone. */
  portUnreachable(about: Frame): void {
    const { frames, softnet } = this.#netns.node;
    const { view } = frames;
    const ipAt = about.start + ethernet.HEADER_LENGTH;
    const quote = Math.min(about.end - ipAt, MAX_ERROR_LENGTH - ipv6.HEADER_LENGTH - icmpv6.LONG_HEADER_LENGTH);
    const error = this.#make(icmpv6.LONG_HEADER_LENGTH + quote, 0, HOP_LIMIT, ipv6.flowLabel(view, ipAt));
    if (error === undefined) return;
    const at = error.start + ethernet.HEADER_LENGTH + ipv6.HEADER_LENGTH;
    icmpv6.setType(view, at, icmpv6.Icmpv6Type.destinationUnreachable);
    icmpv6.setCode(view, at, icmpv6.UnreachableCode.port);
    icmpv6.setMtu(view, at, 0);
    frames.bytes.copyWithin(at + icmpv6.LONG_HEADER_LENGTH, ipAt, ipAt + quote);
    softnet.spend(Cost.stack);
    const { id } = error;
    this.#send(error, at);
    about.reportAt = frames.get(id).hop;
  }

  /** A packet from `::1` to `::1` for `length` bytes of ICMPv6. */
  #make(length: number, tos: number, hopLimit: number, flowLabel: number): Frame | undefined {
    const pmtu = PmtuDiscovery.dont;
    return this.#netns.ipv6.make(
      IpProtocol.icmpv6,
      SELF,
      SELF,
      length,
      tos,
      hopLimit,
      pmtu,
      undefined,
      undefined,
      flowLabel,
    );
  }

  #send(frame: Frame, at: number): SendError {
    const netns = this.#netns;
    const { end } = frame;
    icmpv6.fillChecksum(
      netns.node.frames.view,
      at,
      end,
      netns.ipv6.pseudoHeader(SELF, SELF, IpProtocol.icmpv6, end - at),
    );
    return netns.ipv6.output(frame);
  }
}
