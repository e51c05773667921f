/**
 * What a TCP socket has to send, cut into pieces that are sent, acknowledged and repeated as one (struct sk_buff and
 * tcp_skb_cb; the write queue and the retransmission queue behind each other, as one list). The bytes themselves lie in the
 * socket's ring. Pieces are used again, so that in steady state none is made.
 */
import { TcpFlag } from "@hopscope/codec/tcp";

/** What is known of a piece that was sent (TCPCB_…). */
export const Sacked = {
  /** Selectively acknowledged. */
  acked: 1,
  /** Sent again, and not lost since. */
  retransmitted: 2,
  lost: 4,
  /** Sent again at some time. */
  everRetransmitted: 8,
} as const;

export class TcpSkb {
  seq = 0;
  /** Behind the last byte; SYN and FIN count as one each. */
  endSeq = 0;
  flags = 0;
  sacked = 0;
  /** When it was last sent, nanoseconds. */
  sentAt = 0;
  /** Segments that it is on the wire (tcp_skb_pcount). */
  segments = 1;
  /** How long each of them is (tcp_skb_mss). */
  mss = 0;
  next: TcpSkb | undefined = undefined;
  previous: TcpSkb | undefined = undefined;

  /** Bytes of data. */
  get length(): number {
    const { flags } = this;
    return ((this.endSeq - this.seq) | 0) - (flags & TcpFlag.fin) - ((flags & TcpFlag.syn) >> 1);
  }
}

export class TcpSendQueue {
  /** The oldest that is not acknowledged. */
  head: TcpSkb | undefined = undefined;
  tail: TcpSkb | undefined = undefined;
  /** The first that was not sent (tcp_send_head). */
  sendHead: TcpSkb | undefined = undefined;
  #free: TcpSkb | undefined = undefined;

  /** The oldest that was sent and not acknowledged (tcp_rtx_queue_head). */
  get retransmitHead(): TcpSkb | undefined {
    return this.head === this.sendHead ? undefined : this.head;
  }

  /** The newest that was sent (skb_rb_last of the retransmission queue). */
  get retransmitTail(): TcpSkb | undefined {
    return this.sendHead === undefined ? this.tail : this.sendHead.previous;
  }

  /** Linux tcp_queue_skb: a piece behind all others, to be sent. */
  append(seq: number, flags: number): TcpSkb {
    const skb = this.#take();
    skb.seq = seq;
    skb.endSeq = (seq + ((flags & TcpFlag.syn) >> 1) + (flags & TcpFlag.fin)) | 0;
    skb.flags = flags;
    skb.previous = this.tail;
    if (this.tail === undefined) this.head = skb;
    else this.tail.next = skb;
    this.tail = skb;
    this.sendHead ??= skb;
    return skb;
  }

  /** The piece at the send head has been sent (tcp_event_new_data_sent). */
  advance(): void {
    this.sendHead = this.sendHead?.next;
  }

  /** Linux tcp_fragment and tso_fragment: all but the first `length` bytes become a piece of their own behind it. */
  split(skb: TcpSkb, length: number): TcpSkb {
    const rest = this.#take();
    rest.seq = (skb.seq + length) | 0;
    rest.endSeq = skb.endSeq;
    rest.flags = skb.flags;
    rest.sacked = skb.sacked;
    rest.sentAt = skb.sentAt;
    rest.mss = skb.mss;
    skb.flags &= ~(TcpFlag.fin | TcpFlag.psh);
    skb.endSeq = rest.seq;
    rest.previous = skb;
    rest.next = skb.next;
    if (skb.next === undefined) this.tail = rest;
    else skb.next.previous = rest;
    skb.next = rest;
    return rest;
  }

  /** The piece is done with: acknowledged, or empty. */
  remove(skb: TcpSkb): void {
    if (skb.previous === undefined) this.head = skb.next;
    else skb.previous.next = skb.next;
    if (skb.next === undefined) this.tail = skb.previous;
    else skb.next.previous = skb.previous;
    if (this.sendHead === skb) this.sendHead = skb.next;
    skb.previous = undefined;
    skb.next = this.#free;
    this.#free = skb;
  }

  /** Linux tcp_write_queue_purge. */
  purge(): void {
    while (this.head !== undefined) this.remove(this.head);
  }

  #take(): TcpSkb {
    const skb = this.#free ?? new TcpSkb();
    this.#free = skb.next;
    skb.next = undefined;
    skb.sacked = 0;
    skb.sentAt = 0;
    skb.segments = 1;
    return skb;
  }
}
