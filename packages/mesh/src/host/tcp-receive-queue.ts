/**
 * What a TCP socket has received and its program has not read: in order, and with gaps before it (Linux
 * net/ipv4/tcp_input.c: tcp_queue_rcv, tcp_data_queue_ofo, tcp_ofo_queue, tcp_sack_new_ofo_skb, tcp_dsack_set).
 *
 * The bytes lie in one ring at the place of their sequence number; what is kept about them is ranges. What the kernel's
 * structures take of the receive buffer is a rule of thumb: windows are plausible, not to the byte those of a real kernel.
 */
import { ByteRing } from "./byte-ring.ts";
import { after, before } from "./tcp-sequence.ts";

/** Blocks that are told about (TCP_NUM_SACKS). */
const MAX_SACKS = 4;
/** A page that holds nothing but data, and the structures around it. */
const COLLAPSED_DATA = 3776;
const COLLAPSED_TRUESIZE = 4352;

export class TcpReceiveQueue {
  readonly ring: ByteRing = new ByteRing();
  /** Memory that what is queued takes (sk_rmem_alloc). */
  memory = 0;
  /** Left and right edges of what came early, ascending. */
  #edges = new Int32Array(16);
  #ranges = 0;
  /** Edges of the blocks to acknowledge selectively, the newest first (selective_acks). */
  readonly sacks: Int32Array = new Int32Array(2 * MAX_SACKS);
  sackCount = 0;
  /** A range that was received twice, to be told once (duplicate_sack, RFC 2883). */
  readonly dsack: Int32Array = new Int32Array(2);
  hasDsack = false;
  /** Sequence number of a FIN that came early. */
  earlyFin: number | undefined = undefined;

  /** True while something is missing before what has been received. */
  get hasGap(): boolean {
    return this.#ranges > 0;
  }

  /** Memory of a received segment (skb->truesize): its data, and the kernel's structures around each wire segment. */
  static truesize(length: number, segments: number): number {
    const each = Math.ceil(length / segments);
    if (each <= 448) return segments * 768;
    return segments * (each <= 1472 ? 2304 : (each + 831) & ~511);
  }

  /** The bytes of [left, right) have come early, at `from` in `source`. */
  addEarly(left: number, right: number): void {
    const edges = this.#edges;
    let first = 0;
    while (first < this.#ranges && before(edges[2 * first + 1]!, left)) first++;
    let from = left;
    let to = right;
    let end = first;
    while (end < this.#ranges && !after(edges[2 * end]!, to)) {
      if (before(edges[2 * end]!, from)) from = edges[2 * end]!;
      if (after(edges[2 * end + 1]!, to)) to = edges[2 * end + 1]!;
      end++;
    }
    this.#replace(first, end, from, to);
    this.#newSack(from, to);
  }

  /** True if all of [left, right) is there already. */
  covers(left: number, right: number): boolean {
    for (let index = 0; index < this.#ranges; index++) {
      if (!before(left, this.#edges[2 * index]!) && !after(right, this.#edges[2 * index + 1]!)) return true;
    }
    return false;
  }

  /** Linux tcp_ofo_queue: what has no gap before it any more is in order; answers the next sequence number expected. */
  takeEarly(next: number): number {
    let end = next;
    let count = 0;
    while (count < this.#ranges && !after(this.#edges[2 * count]!, end)) {
      if (after(this.#edges[2 * count + 1]!, end)) end = this.#edges[2 * count + 1]!;
      count++;
    }
    if (count > 0) {
      this.#edges.copyWithin(0, 2 * count, 2 * this.#ranges);
      this.#ranges -= count;
    }
    this.#removeSacks(end);
    return end;
  }

  /** Linux tcp_dsack_set: the range has been received before. */
  setDsack(left: number, right: number): void {
    this.dsack[0] = left;
    this.dsack[1] = right;
    this.hasDsack = true;
  }

  /** Nothing more is expected: what came early is of no use (tcp_fin, tcp_done). */
  purgeEarly(): void {
    this.#ranges = 0;
    this.sackCount = 0;
    this.hasDsack = false;
    this.earlyFin = undefined;
  }

  /** `copied` of `readable` bytes have been read: the memory of as many is free. */
  release(copied: number, readable: number): void {
    if (copied >= readable && !this.hasGap) this.memory = 0;
    else this.memory -= Math.floor((this.memory * copied) / Math.max(readable, 1));
  }

  /** Linux tcp_collapse, tcp_collapse_ofo_queue: what `unread` bytes and those that came early take, packed densely. */
  collapse(unread: number): void {
    let bytes = unread;
    for (let index = 0; index < this.#ranges; index++) {
      bytes += (this.#edges[2 * index + 1]! - this.#edges[2 * index]!) | 0;
    }
    this.memory = Math.min(this.memory, Math.ceil(bytes / COLLAPSED_DATA) * COLLAPSED_TRUESIZE);
  }

  /** Behind the last byte that came early; `next` if there is none. */
  earlyEnd(next: number): number {
    return this.#ranges === 0 ? next : this.#edges[2 * this.#ranges - 1]!;
  }

  #replace(first: number, end: number, from: number, to: number): void {
    const moved = 1 - (end - first);
    if (2 * (this.#ranges + moved) > this.#edges.length) {
      const larger = new Int32Array(2 * this.#edges.length);
      larger.set(this.#edges);
      this.#edges = larger;
    }
    this.#edges.copyWithin(2 * (first + 1), 2 * end, 2 * this.#ranges);
    this.#edges[2 * first] = from;
    this.#edges[2 * first + 1] = to;
    this.#ranges += moved;
  }

  /** Linux tcp_sack_new_ofo_skb: the block that has changed comes first. */
  #newSack(left: number, right: number): void {
    const { sacks } = this;
    let kept = 0;
    for (let index = 0; index < this.sackCount; index++) {
      const from = sacks[2 * index]!;
      const to = sacks[2 * index + 1]!;
      if (!before(from, left) && !after(to, right)) continue;
      sacks[2 * kept] = from;
      sacks[2 * kept + 1] = to;
      kept++;
    }
    kept = Math.min(kept, MAX_SACKS - 1);
    sacks.copyWithin(2, 0, 2 * kept);
    sacks[0] = left;
    sacks[1] = right;
    this.sackCount = kept + 1;
  }

  /** Linux tcp_sack_remove: blocks that the ordinary acknowledgment covers. */
  #removeSacks(next: number): void {
    const { sacks } = this;
    let kept = 0;
    for (let index = 0; index < this.sackCount; index++) {
      if (!after(sacks[2 * index]!, next)) continue;
      sacks[2 * kept] = sacks[2 * index]!;
      sacks[2 * kept + 1] = sacks[2 * index + 1]!;
      kept++;
    }
    this.sackCount = kept;
  }
}
