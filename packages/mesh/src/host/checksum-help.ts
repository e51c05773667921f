/** Linux net/core/dev.c, skb_checksum_help: completes the TCP or UDP checksum that was left to a device. */
import { complement, fold, sum } from "@hopscope/codec/checksum";
import { IpProtocol } from "@hopscope/codec/code-points";
import * as ethernet from "@hopscope/codec/ethernet";
import * as ipv4 from "@hopscope/codec/ipv4";
import { Checksum, type Frame, type FramePool } from "../frame.ts";

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
  const at = ipv4.payloadStart(view, ipAt);
  const to = ipv4.payloadEnd(view, ipAt, end);
  const isUdp = ipv4.protocol(view, ipAt) === IpProtocol.udp;
  const field = at + (isUdp ? UDP_CHECKSUM : TCP_CHECKSUM);
  view.setUint16(field, 0);
  const checksum = complement(sum(view, at, to, pseudoSum(view, ipAt, to - at)));
  // RFC 768: a computed zero is sent as all ones.
  view.setUint16(field, isUdp && checksum === 0 ? 0xffff : checksum);
}

/** What a partial checksum holds: the sum of the pseudo-header, not complemented (RFC 9293 §3.1). */
export function fillPartialChecksum(view: DataView, ipAt: number, end: number): void {
  const at = ipv4.payloadStart(view, ipAt);
  const isUdp = ipv4.protocol(view, ipAt) === IpProtocol.udp;
  const length = ipv4.payloadEnd(view, ipAt, end) - at;
  view.setUint16(at + (isUdp ? UDP_CHECKSUM : TCP_CHECKSUM), pseudoSum(view, ipAt, length));
}

function pseudoSum(view: DataView, ipAt: number, length: number): number {
  return fold(sum(view, ipAt + 12, ipAt + 20) + ipv4.protocol(view, ipAt) + length);
}
