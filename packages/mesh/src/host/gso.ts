/**
 * Cutting a TCP super-frame into segments where a device does not do it itself (Linux net/core/gso.c, skb_gso_segment;
 * net/ipv4/tcp_offload.c, tcp_gso_segment; af_inet.c, inet_gso_segment; udp_offload.c, skb_udp_tunnel_segment).
 *
 * Not modelled: UDP segmentation offload, fixed identifications.
 */
import * as ethernet from "@hopscope/codec/ethernet";
import * as ipv4 from "@hopscope/codec/ipv4";
import * as ipv6 from "@hopscope/codec/ipv6";
import * as tcp from "@hopscope/codec/tcp";
import * as udp from "@hopscope/codec/udp";
import { Checksum, type Frame, type FramePool } from "../frame.ts";
import type { Netns } from "../netns.ts";
import { DropReason } from "../trace/drop-reason.ts";
import { StepKind } from "../trace/step.ts";
import { fillPartialChecksum, fillTransportChecksum } from "./checksum-help.ts";
import * as ip from "./ip.ts";

/** Bytes of the longest packet that comes of it, tunnel headers included (skb_gso_network_seglen). */
export function longestSegment(frames: FramePool, frame: Frame): number {
  return payloadOf(frames, frame) - (frame.start + ethernet.HEADER_LENGTH) + frame.gsoSize;
}

/** How many segments come of it (gso_segs). */
export function segmentCount(frames: FramePool, frame: Frame): number {
  return Math.max(1, Math.ceil((frame.end - payloadOf(frames, frame)) / frame.gsoSize));
}

/** First byte of the TCP payload. */
function payloadOf({ view }: FramePool, frame: Frame): number {
  return tcp.payloadStart(view, ip.payloadStart(view, frame.start + frame.innerOffset + ethernet.HEADER_LENGTH));
}

/**
 * Calls `visit` with each segment in order, who takes it. Takes the frame. `keepsPartial`: the device completes
 * checksums, though it does not cut.
 */
export function segment(netns: Netns, frame: Frame, visit: (part: Frame) => void, keepsPartial: boolean = false): void {
  const { frames } = netns.node;
  const { bytes } = frames;
  const { gsoSize } = frame;
  const payloadAt = payloadOf(frames, frame);
  const headers = payloadAt - frame.start;
  netns.node.recorder.step(frame, StepKind.segment, segmentCount(frames, frame), gsoSize);
  for (let from = payloadAt, index = 0; from < frame.end; from += gsoSize, index++) {
    const length = Math.min(gsoSize, frame.end - from);
    const part = frames.allocate(headers + length);
    if (part === undefined) {
      netns.drop(frame, DropReason.NOMEM);
      return;
    }
    frames.copyMetadata(part, frame);
    part.innerOffset = frame.innerOffset;
    bytes.copyWithin(part.start, frame.start, payloadAt);
    bytes.copyWithin(part.start + headers, from, from + length);
    const isLast = from + gsoSize >= frame.end;
    finishSegment(frames, part, from - payloadAt, index, isLast, keepsPartial && frame.innerOffset === 0);
    visit(part);
  }
  frames.free(frame);
}

function finishSegment(
  frames: FramePool,
  part: Frame,
  offset: number,
  index: number,
  isLast: boolean,
  keepsPartial: boolean,
): void {
  const { view } = frames;
  const { end } = part;
  const ipAt = part.start + part.innerOffset + ethernet.HEADER_LENGTH;
  finishIp(view, ipAt, end, index);
  const tcpAt = ip.payloadStart(view, ipAt);
  tcp.setSequence(view, tcpAt, (tcp.sequence(view, tcpAt) + offset) % 0x100000000);
  let flags = tcp.flags(view, tcpAt);
  // What ends something belongs to the last, the answer to congestion to the first.
  if (!isLast) flags &= ~(tcp.TcpFlag.fin | tcp.TcpFlag.psh);
  if (index > 0) flags &= ~tcp.TcpFlag.cwr;
  tcp.setFlags(view, tcpAt, flags);
  if (keepsPartial) fillPartialChecksum(view, ipAt, end);
  else fillTransportChecksum(view, ipAt, end);
  part.csum = keepsPartial ? Checksum.partial : Checksum.complete;
  if (part.innerOffset === 0) return;
  const outerAt = part.start + ethernet.HEADER_LENGTH;
  finishIp(view, outerAt, end, index);
  const udpAt = ipv4.payloadStart(view, outerAt);
  udp.setLength(view, udpAt, end - udpAt);
  if (udp.checksum(view, udpAt) !== 0) fillTransportChecksum(view, outerAt, end);
}

/** Identifications count up from the super-frame's. */
function finishIp(view: DataView, at: number, end: number, index: number): void {
  if (ip.isVersion6(view, at)) return ipv6.setPayloadLength(view, at, end - at - ipv6.HEADER_LENGTH);
  ipv4.setTotalLength(view, at, end - at);
  ipv4.setIdentification(view, at, (ipv4.identification(view, at) + index) & 0xffff);
  ipv4.fillChecksum(view, at);
}
