/**
 * TCP windows as somebody in the middle sees them (Linux net/netfilter/nf_conntrack_proto_tcp.c, tcp_in_window; after
 * Guido van Rooij, "Real Stateful TCP Packet Filtering in IP Filter"). Sequence numbers are int32 and wrap.
 */
import * as tcp from "@hopscope/codec/tcp";
import { TcpFlag } from "@hopscope/codec/tcp";
import * as tcpOptions from "@hopscope/codec/tcp-options";

const { TcpOptionKind } = tcpOptions;

/** What a segment is by its flags (enum tcp_bit_set). */
export const SegmentKind = { syn: 0, synAck: 1, fin: 2, ack: 3, rst: 4, none: 5 } as const;
export type SegmentKind = (typeof SegmentKind)[keyof typeof SegmentKind];

/** Bits of {@link TcpSide.flags} (IP_CT_TCP_FLAG_*). */
export const SideFlag = {
  windowScale: 0x01,
  sackPermitted: 0x02,
  closeInit: 0x04,
  beLiberal: 0x08,
  dataUnacknowledged: 0x10,
  maxAckSet: 0x20,
} as const;

/** MAXACKWINCONST. */
const MAX_ACK_WINDOW = 66_000;

export function before(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}

export function after(a: number, b: number): boolean {
  return ((b - a) | 0) < 0;
}

/** What one side of a connection has sent and may send (struct ip_ct_tcp_state). */
export class TcpSide {
  /** Highest sequence number behind what it sent. */
  end = 0;
  /** Highest that the other's window lets it send up to. */
  maxEnd = 0;
  /** Largest window it has offered, scaled. */
  maxWindow = 0;
  maxAck = 0;
  scale = 0;
  flags = 0;

  /** Linux nf_ct_tcp_state_reset. */
  reset(): void {
    this.end = 0;
    this.maxEnd = 0;
    this.maxWindow = 0;
    this.maxAck = 0;
    this.scale = 0;
    this.flags &= SideFlag.beLiberal;
  }

  /** Linux tcp_options: what its SYN says of scaling and selective acknowledgment. */
  takeOptions(segment: Segment): void {
    const { view, at } = segment;
    const from = tcp.optionsStart(view, at);
    const to = tcp.payloadStart(view, at);
    if (from === to) return;
    this.scale = 0;
    this.flags &= SideFlag.beLiberal;
    if (tcpOptions.find(view, from, to, TcpOptionKind.sackPermitted) >= 0) this.flags |= SideFlag.sackPermitted;
    const scale = tcpOptions.find(view, from, to, TcpOptionKind.windowScale);
    if (scale < 0) return;
    this.scale = Math.min(tcpOptions.windowScale(view, scale), tcpOptions.MAX_WINDOW_SHIFT);
    this.flags |= SideFlag.windowScale;
  }
}

/** The fields of the segment at hand; one object that is pointed at segment after segment. */
export class Segment {
  view: DataView = new DataView(new ArrayBuffer(0));
  /** The TCP header's first byte. */
  at = 0;
  flags = 0;
  kind: SegmentKind = SegmentKind.none;
  sequence = 0;
  acknowledgment = 0;
  /** Sequence number behind the segment (segment_seq_plus_len). */
  end = 0;
  /** As the header has it. */
  window = 0;

  wrap(view: DataView, at: number, end: number): void {
    this.view = view;
    this.at = at;
    this.flags = tcp.flags(view, at);
    this.kind = kindOf(this.flags);
    this.sequence = tcp.sequenceInt32(view, at);
    this.acknowledgment = tcp.acknowledgmentInt32(view, at);
    this.end = (this.sequence + tcp.sequenceLength(view, at, end)) | 0;
    this.window = tcp.window(view, at);
  }

  has(flag: number): boolean {
    return (this.flags & flag) !== 0;
  }
}

/** Linux get_conntrack_index. */
function kindOf(flags: number): SegmentKind {
  if ((flags & TcpFlag.rst) !== 0) return SegmentKind.rst;
  if ((flags & TcpFlag.syn) !== 0) return (flags & TcpFlag.ack) === 0 ? SegmentKind.syn : SegmentKind.synAck;
  if ((flags & TcpFlag.fin) !== 0) return SegmentKind.fin;
  return (flags & TcpFlag.ack) === 0 ? SegmentKind.none : SegmentKind.ack;
}

/** enum nf_ct_tcp_action: take it, let it pass without learning from it, or INVALID. */
export const WindowVerdict = { accept: 0, ignore: 1, invalid: 2 } as const;
export type WindowVerdict = (typeof WindowVerdict)[keyof typeof WindowVerdict];

/**
 * Linux tcp_in_window. `isReply`: the segment goes the way of the answer. `isOpening`: SYN_SENT or SYN_RECV, and
 * `isSynSent` the first of them.
 */
export function inWindow(
  segment: Segment,
  sender: TcpSide,
  receiver: TcpSide,
  isReply: boolean,
  isOpening: boolean,
  isSynSent: boolean,
): WindowVerdict {
  let { sequence, acknowledgment, end } = segment;
  const { window } = segment;
  const isSyn = segment.has(TcpFlag.syn);
  const isAck = segment.has(TcpFlag.ack);
  const isReset = segment.has(TcpFlag.rst);
  let sack = acknowledgment;
  if ((receiver.flags & SideFlag.sackPermitted) !== 0) sack = highestSack(segment, sack);
  if (sender.maxWindow === 0) {
    if (isSyn) {
      initSender(segment, sender, receiver, isReply);
      // Simultaneous open.
      if (!isAck) return WindowVerdict.accept;
    } else {
      // In the middle of a connection whose history is lost: what the segment says has to do.
      sender.end = end;
      const scaled = window << sender.scale;
      sender.maxWindow = scaled === 0 ? 1 : scaled;
      sender.maxEnd = (end + sender.maxWindow) | 0;
      if (receiver.maxWindow === 0) {
        receiver.end = sack;
        receiver.maxEnd = sack;
      } else if (sack === ((receiver.end + 1) | 0)) {
        // Likely the answer to a keep-alive.
        receiver.end = (receiver.end + 1) | 0;
      }
    }
  } else if (isSyn && after(end, sender.end) && isOpening) {
    // A new attempt, which may differ in everything (RFC 793).
    initSender(segment, sender, receiver, isReply);
    if (isReply && !isAck) return WindowVerdict.accept;
  }
  // Without an acknowledgment, or in a reset with a zero one, it counts as right.
  if (!isAck || (isReset && acknowledgment === 0)) {
    acknowledgment = receiver.end;
    sack = receiver.end;
  }
  // A reset that answers a SYN.
  if (isReset && sequence === 0 && isSynSent) {
    sequence = sender.end;
    end = sender.end;
  }
  const lowestAck = (receiver.end - Math.max(sender.maxWindow, MAX_ACK_WINDOW) - 1) | 0;
  const isInReceiveWindow = after(end, (sender.end - receiver.maxWindow - 1) | 0);
  const isSackNotAhead = before(sack, (receiver.end + 1) | 0);
  if (!before(sequence, (sender.maxEnd + 1) | 0)) {
    const overshot = (end - sender.maxEnd + 1) >>> 0;
    const isTolerable = receiver.maxWindow !== 0 && isInReceiveWindow && after(sack, lowestAck);
    if (isTolerable && overshot <= receiver.maxWindow && isSackNotAhead) {
      // More than the window allows: an acknowledgment of it must not be taken for one of data never seen.
      sender.end = end;
      sender.flags |= SideFlag.dataUnacknowledged;
      return refuse(sender, WindowVerdict.ignore);
    }
    return refuse(sender, WindowVerdict.invalid);
  }
  if (!isSackNotAhead) return refuse(sender, WindowVerdict.invalid);
  if (receiver.maxWindow !== 0 && !isInReceiveWindow) return refuse(sender, WindowVerdict.ignore);
  if (!after(sack, lowestAck)) return refuse(sender, WindowVerdict.ignore);
  update(segment, sender, receiver, acknowledgment, sack, end);
  return WindowVerdict.accept;
}

/** nf_tcp_log_invalid: a connection that was picked up in its middle may do what it likes. */
function refuse(sender: TcpSide, verdict: WindowVerdict): WindowVerdict {
  return (sender.flags & SideFlag.beLiberal) === 0 ? verdict : WindowVerdict.accept;
}

/** Linux tcp_init_sender. */
function initSender(segment: Segment, sender: TcpSide, receiver: TcpSide, isReply: boolean): void {
  sender.end = segment.end;
  sender.maxEnd = segment.end;
  sender.maxWindow = segment.window === 0 ? 1 : segment.window;
  sender.takeOptions(segment);
  // Both must say so, or neither scales (RFC 7323 §2.2).
  if (isReply && (sender.flags & receiver.flags & SideFlag.windowScale) === 0) {
    sender.scale = 0;
    receiver.scale = 0;
  }
}

function update(
  segment: Segment,
  sender: TcpSide,
  receiver: TcpSide,
  acknowledgment: number,
  sack: number,
  end: number,
): void {
  const window = segment.has(TcpFlag.syn) ? segment.window : segment.window << sender.scale;
  const offered = window + ((sack - acknowledgment) | 0);
  if (sender.maxWindow < offered) sender.maxWindow = offered;
  if (after(end, sender.end)) {
    sender.end = end;
    sender.flags |= SideFlag.dataUnacknowledged;
  }
  if (segment.has(TcpFlag.ack)) {
    const isFirst = (sender.flags & SideFlag.maxAckSet) === 0;
    if (isFirst || after(acknowledgment, sender.maxAck)) sender.maxAck = acknowledgment;
    sender.flags |= SideFlag.maxAckSet;
  }
  if (receiver.maxWindow !== 0 && after(end, sender.maxEnd)) receiver.maxWindow += (end - sender.maxEnd) | 0;
  const reach = (sack + window) | 0;
  if (after(reach, (receiver.maxEnd - 1) | 0)) receiver.maxEnd = window === 0 ? (reach + 1) | 0 : reach;
  if (acknowledgment === receiver.end) receiver.flags &= ~SideFlag.dataUnacknowledged;
}

/** Linux tcp_sack: the highest edge that selective acknowledgment names. */
function highestSack({ view, at }: Segment, acknowledgment: number): number {
  const from = tcp.optionsStart(view, at);
  const to = tcp.payloadStart(view, at);
  let highest = acknowledgment;
  const option = from === to ? -1 : tcpOptions.find(view, from, to, TcpOptionKind.sack);
  if (option < 0) return highest;
  for (let block = 0; block < tcpOptions.sackBlockCount(view, option); block++) {
    const right = tcpOptions.sackRight(view, option, block) | 0;
    if (after(right, highest)) highest = right;
  }
  return highest;
}
