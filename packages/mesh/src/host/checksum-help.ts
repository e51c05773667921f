/** Linux net/core/dev.c, skb_checksum_help: completes the TCP or UDP checksum that was left to a device. */
import { complement, sum } from "@hopscope/codec/checksum";
import { IpProtocol } from "@hopscope/codec/code-points";
import * as ethernet from "@hopscope/codec/ethernet";
import { Checksum, type Frame, type FramePool } from "../frame.ts";
import * as ip from "./ip.ts";

/** Where the checksum lies in a TCP and in a UDP header. */
const TCP_CHECKSUM = 16;
const UDP_CHECKSUM = 6;

/** Writes to the frame, which is to be the caller's own. */
export function checksumHelp(frames: FramePool, frame: Frame): true {
  fillTransportChecksum(frames.view, frame.start + ethernet.HEADER_LENGTH, frame.end);
  frame.csum = Checksum.complete;
  return true;
}

/** The checksum of the TCP segment or UDP datagram in the packet at `ipAt`, whatever it held before. */
export function fillTransportChecksum(view: DataView, ipAt: number, end: number): void {
  const at = ip.payloadStart(view, ipAt);
  const to = ip.payloadEnd(view, ipAt, end);
  const isUdp = ip.protocol(view, ipAt) === IpProtocol.udp;
  const field = at + (isUdp ? UDP_CHECKSUM : TCP_CHECKSUM);
  view.setUint16(field, 0);
  const checksum = complement(sum(view, at, to, ip.pseudoHeader(view, ipAt, to - at)));
  // RFC 768: a computed zero is sent as all ones.
  view.setUint16(field, isUdp && checksum === 0 ? 0xffff : checksum);
}

/** What a partial checksum holds: the sum of the pseudo-header, not complemented (RFC 9293 §3.1). */
export function fillPartialChecksum(view: DataView, ipAt: number, end: number): void {
  const at = ip.payloadStart(view, ipAt);
  const isUdp = ip.protocol(view, ipAt) === IpProtocol.udp;
  const length = ip.payloadEnd(view, ipAt, end) - at;
  view.setUint16(at + (isUdp ? UDP_CHECKSUM : TCP_CHECKSUM), ip.pseudoHeader(view, ipAt, length));
}
