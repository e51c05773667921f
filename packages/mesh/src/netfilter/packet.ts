/** A packet as rules look at it: one object a namespace, pointed at packet after packet. */
import { IpProtocol } from "@hopscope/codec/code-points";
import * as ethernet from "@hopscope/codec/ethernet";
import * as ipv4 from "@hopscope/codec/ipv4";
import type { NetDevice } from "../device.ts";
import type { Frame } from "../frame.ts";

/** Bytes that the ports take, at the front of TCP, UDP and SCTP alike. */
const PORTS_LENGTH = 4;

export class Packet {
  declare readonly view: DataView;
  declare frame: Frame;
  /** The IPv4 header's first byte. */
  ipAt = 0;
  /** The transport header's first byte. */
  at = 0;
  /** Where the packet ends. */
  end = 0;
  srcIp = 0;
  dstIp = 0;
  protocol = 0;
  /** Bytes from the IPv4 header on. */
  length = 0;
  /** Not the beginning of a fragmented packet: there is no transport header. */
  isLaterFragment = false;
  inDevice: NetDevice | undefined = undefined;
  outDevice: NetDevice | undefined = undefined;
  /** The bridge port that a bridged packet leaves by (nf_bridge->physoutdev). */
  physOut: NetDevice | undefined = undefined;

  constructor(view: DataView) {
    this.view = view;
  }

  wrap(frame: Frame, inDevice: NetDevice | undefined, outDevice: NetDevice | undefined): void {
    const { view } = this;
    const ipAt = frame.start + ethernet.HEADER_LENGTH;
    this.frame = frame;
    this.inDevice = inDevice;
    this.outDevice = outDevice;
    this.ipAt = ipAt;
    this.at = ipAt + ipv4.headerLength(view, ipAt);
    this.length = ipv4.totalLength(view, ipAt);
    this.end = Math.min(ipAt + this.length, frame.end);
    this.isLaterFragment = ipv4.fragmentOffsetUnits(view, ipAt) !== 0;
    this.protocol = ipv4.protocol(view, ipAt);
    this.srcIp = ipv4.srcIp(view, ipAt);
    this.dstIp = ipv4.dstIp(view, ipAt);
  }

  /** True if it has ports. */
  get hasPorts(): boolean {
    const { protocol } = this;
    const isKnown = protocol === IpProtocol.tcp || protocol === IpProtocol.udp || protocol === IpProtocol.sctp;
    return isKnown && !this.isLaterFragment && this.at + PORTS_LENGTH <= this.end;
  }

  /** Only if it {@link hasPorts}. */
  get srcPort(): number {
    return this.view.getUint16(this.at);
  }

  get dstPort(): number {
    return this.view.getUint16(this.at + 2);
  }
}
