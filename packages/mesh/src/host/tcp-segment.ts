/**
 * A received segment's header, read once (Linux net/ipv4/tcp_ipv4.c, tcp_v4_fill_cb; tcp_input.c, tcp_parse_options). Each
 * socket has one that it reads into.
 *
 * Not modelled: urgent data, ECN, MD5 and AO, Fast Open, MPTCP: their options are passed over.
 */
import * as tcp from "@hopscope/codec/tcp";
import * as tcpOptions from "@hopscope/codec/tcp-options";
import * as ip from "./ip.ts";

const { TcpOptionKind } = tcpOptions;
const MAX_SACK_BLOCKS = 4;

export class TcpSegment {
  /** int32, as all sequence numbers here. */
  seq = 0;
  /** Behind the last byte; SYN and FIN count as one each. */
  endSeq = 0;
  ack = 0;
  flags = 0;
  /** As it stands in the header. */
  window = 0;
  /** Where the data lies in the frames' view. */
  dataAt = 0;
  dataEnd = 0;
  /** Of how many segments on a wire this was made (gso_segs), and how long each was (gso_size). */
  segments = 1;
  segmentSize = 0;
  hasTimestamp = false;
  tsValue = 0;
  tsEcho = 0;
  /** Of a SYN; 0: the option is not there. */
  mss = 0;
  /** Of a SYN; -1: the option is not there. */
  windowScale = -1;
  sackPermitted = false;
  sackCount = 0;
  readonly sackLeft: Int32Array = new Int32Array(MAX_SACK_BLOCKS);
  readonly sackRight: Int32Array = new Int32Array(MAX_SACK_BLOCKS);

  get length(): number {
    return this.dataEnd - this.dataAt;
  }

  /** Reads the segment behind the checked IP header at `ipAt`; `gsoSize` is the frame's. */
  read(view: DataView, ipAt: number, frameEnd: number, gsoSize: number): void {
    const at = ip.payloadStart(view, ipAt);
    const end = ip.payloadEnd(view, ipAt, frameEnd);
    this.seq = tcp.sequenceInt32(view, at);
    this.ack = tcp.acknowledgmentInt32(view, at);
    this.flags = tcp.flags(view, at);
    this.window = tcp.window(view, at);
    this.dataAt = at + tcp.headerLength(view, at);
    this.dataEnd = end;
    const length = end - this.dataAt;
    const { flags } = this;
    this.endSeq = (this.seq + length + (flags & tcp.TcpFlag.fin) + ((flags & tcp.TcpFlag.syn) >> 1)) | 0;
    this.segmentSize = gsoSize > 0 ? gsoSize : length;
    this.segments = gsoSize > 0 ? Math.ceil(length / gsoSize) : 1;
    this.#parseOptions(view, at + tcp.HEADER_LENGTH, this.dataAt);
  }

  #parseOptions(view: DataView, at: number, end: number): void {
    this.hasTimestamp = false;
    this.sackCount = 0;
    const isSyn = (this.flags & tcp.TcpFlag.syn) !== 0;
    if (isSyn) {
      this.mss = 0;
      this.windowScale = -1;
      this.sackPermitted = false;
    }
    for (let from = at; from < end; ) {
      const kind = view.getUint8(from);
      if (kind === TcpOptionKind.end) return;
      const length = tcpOptions.optionLength(view, from, end);
      if (length === 0) return;
      if (kind === TcpOptionKind.timestamps) {
        this.hasTimestamp = true;
        this.tsValue = view.getInt32(from + 2);
        this.tsEcho = view.getInt32(from + 6);
      } else if (kind === TcpOptionKind.sack) this.#parseSack(view, from);
      else if (isSyn) {
        if (kind === TcpOptionKind.mss) this.mss = tcpOptions.mss(view, from);
        else if (kind === TcpOptionKind.windowScale) {
          this.windowScale = Math.min(tcpOptions.windowScale(view, from), tcpOptions.MAX_WINDOW_SHIFT);
        } else if (kind === TcpOptionKind.sackPermitted) this.sackPermitted = true;
      }
      from += length;
    }
  }

  #parseSack(view: DataView, at: number): void {
    const count = Math.min(tcpOptions.sackBlockCount(view, at), MAX_SACK_BLOCKS);
    for (let index = 0; index < count; index++) {
      this.sackLeft[index] = tcpOptions.sackLeft(view, at, index);
      this.sackRight[index] = tcpOptions.sackRight(view, at, index);
    }
    this.sackCount = count;
  }
}
