/** Linux net/ipv4/arp.c, arp_create: a whole ARP frame. Unpadded, as every virtual link carries it. */
import * as arp from "@hopscope/codec/arp";
import { EtherType } from "@hopscope/codec/code-points";
import * as ethernet from "@hopscope/codec/ethernet";
import type { Frame, FramePool } from "../frame.ts";

export interface ArpFields {
  readonly operation: number;
  /** Ethernet addresses of the frame. */
  readonly srcMac: number;
  readonly dstMac: number;
  readonly senderMac: number;
  readonly senderIp: number;
  readonly targetMac: number;
  readonly targetIp: number;
}

/** A new frame, or undefined if memory is used up. */
export function createArp(frames: FramePool, fields: ArpFields): Frame | undefined {
  const frame = frames.allocate(ethernet.HEADER_LENGTH + arp.HEADER_LENGTH);
  if (frame === undefined) return undefined;
  const { view } = frames;
  const start = frames.start(frame);
  ethernet.setDstMac(view, start, fields.dstMac);
  ethernet.setSrcMac(view, start, fields.srcMac);
  ethernet.setEtherType(view, start, EtherType.arp);
  const at = start + ethernet.HEADER_LENGTH;
  arp.setFixed(view, at);
  arp.setOperation(view, at, fields.operation);
  arp.setSenderMac(view, at, fields.senderMac);
  arp.setSenderIp(view, at, fields.senderIp);
  arp.setTargetMac(view, at, fields.targetMac);
  arp.setTargetIp(view, at, fields.targetIp);
  return frame;
}
