/**
 * A frame on its way, as Linux' sk_buff: a slot of memory that holds the bytes, where in it the frame begins and ends,
 * and what this copy of it has been through. Copies made by a flood share the slot until one of them writes
 * (`FramePool.own`, Linux skb_cow_head); bounds are each copy's own.
 *
 * Every frame has 14 bytes for an Ethernet header in front, blank while it is still to be routed.
 */
import { FrameArena } from "@hopscope/codec/frame";
import type { NetDevice } from "./device.ts";
import type { Dst } from "./host/route.ts";
import type { Conntrack } from "./tables/conntrack.ts";
import type { XfrmState } from "./xfrm/state.ts";

/** What is left to do about a TCP or UDP checksum (skb->ip_summed). */
export const Checksum = {
  /** The field holds what the wire would. */
  complete: 0,
  /** The field holds the sum of the pseudo-header only: a device is to complete it. */
  partial: 1,
} as const;
export type Checksum = (typeof Checksum)[keyof typeof Checksum];

export class Frame {
  /** Index in the pool: stands for the frame where a number is wanted. */
  readonly id: number;
  slot = -1;
  /** First byte, absolute in the pool's view (skb->data). */
  start = 0;
  /** First byte behind it. */
  end = 0;
  /**
   * One number for a packet's whole way, through bridges, tunnels and copies; a reply is another packet. The recorder
   * numbers packets as it first sees them; 0 has not been seen.
   */
  packetId = 0;
  /** The recorded hop that this copy passed last, or -1. Steps are attached to it. */
  hop = -1;
  /** Steps decided before the first hop, as the recorder keeps them: the route of a packet that is made here. */
  firstStep = -1;
  lastStep = -1;
  /** The hop that tells of this packet if it ends before any tap has seen it, or -1. */
  reportAt = -1;

  /** skb->mark: set by rules, read by routing and rules. */
  mark = 0;
  /** The connection it belongs to, and how (skb->_nfct). Gone when the frame changes its namespace. */
  ct: Conntrack | undefined = undefined;
  ctInfo = 0;
  /** IPVS has handled it, one way or the other (skb->ipvs_property). */
  ipvsProperty = false;
  /** May be cut though it says "don't fragment" (skb->ignore_df). */
  ignoresDf = false;
  /** The bridge port that it came in by while br_netfilter shows it to IPv4's hooks (nf_bridge->physindev). */
  physIn: NetDevice | undefined = undefined;
  /** Who sent a bridged frame that waits for the neighbor it was translated to, or 0 (nf_bridge->neigh_header). */
  bridgedFrom = 0;
  /** It was addressed to the bridge that it came in by, whatever a rule has made of that (PACKET_HOST at a port). */
  isForBridge = false;
  /**
   * Its sender knows that the way to where it goes works (skb->dst_pending_confirm): so does every host of the same kernel
   * that it passes.
   */
  confirmsNeighbor = false;
  /** Length of the largest fragment that this packet was put together from, or 0 (IPCB frag_max_size). */
  fragMaxSize = 0;
  /** Payload bytes of the fragments that it was put together from, in order (the frag_list). */
  pieces: readonly number[] | undefined = undefined;
  csum: Checksum = Checksum.complete;
  /** Payload bytes of each segment that a device is to cut it into, or 0 (skb_shinfo gso_size). */
  gsoSize = 0;
  /** Where the inner Ethernet header is, from `start`, while tunnel headers are in front of it; 0: no tunnel. */
  innerOffset = 0;
  /** The way it takes (skb->_skb_refdst). */
  dst: Dst | undefined = undefined;
  /** The association that it was decrypted with (skb's security path). Gone when the frame enters another device. */
  secpath: XfrmState | undefined = undefined;
  /** A copy for this host of what it sends to a group: no tap and no bridge sees it (PACKET_LOOPBACK). */
  isLoopedBack = false;

  constructor(id: number) {
    this.id = id;
  }
}

export interface FramePoolOptions {
  /** How many ordinary frames can be alive at a time: up to 1500 bytes of payload and tunnel headers. Default 4096. */
  readonly slots?: number;
  /** How many packets of up to 64 KiB, before they are cut or after they were put together. Default 256. */
  readonly jumboSlots?: number;
}

/** Bytes in front of a fresh frame: what VXLAN puts there, twice. */
const HEADROOM = 128;
const SLOT_SIZE = 2048;
/** 64 KiB of packet, the headers in front of it, and room to spare. */
const JUMBO_SIZE = 66 * 1024;

/** All frames of a simulation, in one buffer. Nothing is allocated once the pool has reached its working size. */
export class FramePool {
  /** One view of all bytes: offsets below are absolute in it. */
  readonly view: DataView;
  readonly bytes: Uint8Array;
  /** Bytes of the longest frame. */
  readonly maxLength: number = JUMBO_SIZE - HEADROOM;
  readonly #small: FrameArena;
  readonly #jumbo: FrameArena;
  /** Slots from here on are jumbo ones. */
  readonly #firstJumbo: number;
  readonly #frames: Frame[] = [];
  readonly #free: Frame[] = [];

  constructor(options: FramePoolOptions = {}) {
    const { slots = 4096, jumboSlots = 256 } = options;
    const view = new DataView(new ArrayBuffer(slots * SLOT_SIZE + jumboSlots * JUMBO_SIZE));
    this.view = view;
    this.#small = new FrameArena({ slots, slotSize: SLOT_SIZE, headroom: HEADROOM, view });
    this.#jumbo = new FrameArena({
      slots: jumboSlots,
      slotSize: JUMBO_SIZE,
      headroom: HEADROOM,
      view,
      at: slots * SLOT_SIZE,
    });
    this.#firstJumbo = slots;
    this.bytes = this.#small.bytes;
  }

  /** How many frames are alive: on links, in queues, waiting for a neighbor. */
  get live(): number {
    return this.#frames.length - this.#free.length;
  }

  /** Slots in all, and how many of them are free. Copies of a frame share one. */
  get slots(): number {
    return this.#small.slots + this.#jumbo.slots;
  }

  get available(): number {
    return this.#small.available + this.#jumbo.available;
  }

  /** A new packet of `length` bytes, or undefined if memory is used up or the packet does not fit. */
  allocate(length: number): Frame | undefined {
    const slot = this.#allocateSlot(length);
    if (slot < 0) return undefined;
    const frame = this.#take();
    frame.slot = slot;
    frame.start = this.#base(slot) + HEADROOM;
    frame.end = frame.start + length;
    frame.packetId = 0;
    frame.hop = -1;
    frame.firstStep = -1;
    frame.lastStep = -1;
    frame.reportAt = -1;
    frame.mark = 0;
    frame.ct = undefined;
    frame.ctInfo = 0;
    frame.ipvsProperty = false;
    frame.ignoresDf = false;
    frame.physIn = undefined;
    frame.bridgedFrom = 0;
    frame.isForBridge = false;
    frame.confirmsNeighbor = false;
    frame.fragMaxSize = 0;
    frame.pieces = undefined;
    frame.csum = Checksum.complete;
    frame.gsoSize = 0;
    frame.innerOffset = 0;
    frame.dst = undefined;
    frame.secpath = undefined;
    frame.isLoopedBack = false;
    return frame;
  }

  /** Linux skb_clone: another frame of the same packet that shares the bytes. */
  clone(frame: Frame): Frame {
    const copy = this.#take();
    const { slot } = frame;
    if (slot < this.#firstJumbo) this.#small.retain(slot);
    else this.#jumbo.retain(slot - this.#firstJumbo);
    copy.slot = slot;
    copy.start = frame.start;
    copy.end = frame.end;
    copy.packetId = frame.packetId;
    copy.hop = frame.hop;
    copy.firstStep = -1;
    copy.lastStep = -1;
    copy.reportAt = -1;
    copy.mark = frame.mark;
    copy.ct = frame.ct;
    copy.ctInfo = frame.ctInfo;
    copy.ipvsProperty = frame.ipvsProperty;
    copy.ignoresDf = frame.ignoresDf;
    copy.physIn = frame.physIn;
    copy.bridgedFrom = frame.bridgedFrom;
    copy.isForBridge = frame.isForBridge;
    copy.confirmsNeighbor = frame.confirmsNeighbor;
    copy.fragMaxSize = frame.fragMaxSize;
    copy.pieces = undefined;
    copy.csum = frame.csum;
    copy.gsoSize = frame.gsoSize;
    copy.innerOffset = frame.innerOffset;
    copy.dst = frame.dst;
    copy.secpath = frame.secpath;
    copy.isLoopedBack = frame.isLoopedBack;
    return copy;
  }

  /** What is known of `from` goes on with `frame`, a part of the same packet (Linux ip_copy_metadata). */
  copyMetadata(frame: Frame, from: Frame): void {
    frame.packetId = from.packetId;
    frame.hop = from.hop;
    frame.mark = from.mark;
    frame.ct = from.ct;
    frame.ctInfo = from.ctInfo;
    frame.ipvsProperty = from.ipvsProperty;
    frame.ignoresDf = from.ignoresDf;
    frame.physIn = from.physIn;
    frame.confirmsNeighbor = from.confirmsNeighbor;
    frame.dst = from.dst;
    frame.secpath = from.secpath;
  }

  /** Linux skb_scrub_packet: the frame enters another device, and nothing is known about it; its mark stays in the namespace. */
  scrub(frame: Frame, isOtherNetns: boolean = true): void {
    if (isOtherNetns) {
      frame.mark = 0;
      frame.ipvsProperty = false;
    }
    frame.ignoresDf = false;
    frame.ct = undefined;
    frame.ctInfo = 0;
    frame.physIn = undefined;
    frame.isForBridge = false;
    frame.fragMaxSize = 0;
    frame.dst = undefined;
    frame.secpath = undefined;
  }

  /** Makes the bytes this frame's own before they are written. False if memory is used up. */
  own(frame: Frame): boolean {
    const { slot } = frame;
    const isJumbo = slot >= this.#firstJumbo;
    if (!(isJumbo ? this.#jumbo.isShared(slot - this.#firstJumbo) : this.#small.isShared(slot))) return true;
    // Of a big one that is small by now, only what is left of it.
    const copy = this.#allocateSlot(isJumbo ? frame.end - frame.start : 0);
    if (copy < 0) return false;
    const isSameSize = copy >= this.#firstJumbo === isJumbo;
    const start = this.#base(copy) + (isSameSize ? frame.start - this.#base(slot) : HEADROOM);
    this.bytes.copyWithin(start, frame.start, frame.end);
    this.#release(slot);
    frame.slot = copy;
    frame.end += start - frame.start;
    frame.start = start;
    return true;
  }

  /** The frame with that {@link Frame.id}. */
  get(id: number): Frame {
    return this.#frames[id]!;
  }

  free(frame: Frame): void {
    this.#release(frame.slot);
    frame.slot = -1;
    // What a frame at rest names would be kept alive.
    frame.ct = undefined;
    frame.physIn = undefined;
    frame.dst = undefined;
    frame.secpath = undefined;
    frame.pieces = undefined;
    this.#free.push(frame);
  }

  start(frame: Frame): number {
    return frame.start;
  }

  end(frame: Frame): number {
    return frame.end;
  }

  length(frame: Frame): number {
    return frame.end - frame.start;
  }

  /** Puts `bytes` more in front, which hold whatever was there (skb_push). False if there is no such room. */
  push(frame: Frame, bytes: number): boolean {
    const start = frame.start - bytes;
    if (start < this.#base(frame.slot)) return false;
    frame.start = start;
    return true;
  }

  /** Takes `bytes` off the front (skb_pull). False if the frame is shorter. */
  pull(frame: Frame, bytes: number): boolean {
    const start = frame.start + bytes;
    if (start > frame.end) return false;
    frame.start = start;
    return true;
  }

  /** Moves the end so that the frame has `length` bytes (skb_trim, skb_put). False if its slot has no room for them. */
  resize(frame: Frame, length: number): boolean {
    const end = frame.start + length;
    const { slot } = frame;
    if (end > this.#base(slot) + (slot < this.#firstJumbo ? SLOT_SIZE : JUMBO_SIZE)) return false;
    frame.end = end;
    return true;
  }

  /** Makes room for the frame to become `length` bytes long (pskb_expand_head). False if memory is used up. */
  expand(frame: Frame, length: number): boolean {
    if (!this.own(frame)) return false;
    const room = frame.slot < this.#firstJumbo ? SLOT_SIZE : JUMBO_SIZE;
    if (frame.start + length <= this.#base(frame.slot) + room) return true;
    const bigger = this.#allocateSlot(length);
    if (bigger < 0) return false;
    const start = this.#base(bigger) + HEADROOM;
    this.bytes.copyWithin(start, frame.start, frame.end);
    this.#release(frame.slot);
    frame.slot = bigger;
    frame.end += start - frame.start;
    frame.start = start;
    return true;
  }

  #allocateSlot(length: number): number {
    if (length <= SLOT_SIZE - HEADROOM) {
      const small = this.#small.allocate(length);
      if (small >= 0) return small;
    }
    const slot = this.#jumbo.allocate(length);
    return slot < 0 ? -1 : slot + this.#firstJumbo;
  }

  #release(slot: number): void {
    if (slot < this.#firstJumbo) this.#small.release(slot);
    else this.#jumbo.release(slot - this.#firstJumbo);
  }

  /** First byte of a slot. */
  #base(slot: number): number {
    const first = this.#firstJumbo;
    return slot < first ? slot * SLOT_SIZE : first * SLOT_SIZE + (slot - first) * JUMBO_SIZE;
  }

  #take(): Frame {
    const frame = this.#free.pop();
    if (frame !== undefined) return frame;
    const made = new Frame(this.#frames.length);
    this.#frames.push(made);
    return made;
  }
}
