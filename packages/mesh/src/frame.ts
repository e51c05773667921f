/**
 * A frame on its way, as Linux' sk_buff: a slot of the arena that holds the bytes, and what this copy of it has been
 * through. Copies made by a flood share the slot until one of them writes (`FramePool.own`, Linux skb_cow_head).
 */
import { FrameArena } from "@hopscope/codec/frame";

export class Frame {
  /** Index in the pool: stands for the frame where a number is wanted. */
  readonly id: number;
  slot = -1;
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

  constructor(id: number) {
    this.id = id;
  }
}

/** All frames of a simulation, in one buffer. Nothing is allocated once the pool has reached its working size. */
export class FramePool {
  readonly arena: FrameArena;
  /** One view of all bytes: offsets below are absolute in it. */
  readonly view: DataView;
  readonly #frames: Frame[] = [];
  readonly #free: Frame[] = [];

  constructor(slots: number = 4096) {
    this.arena = new FrameArena({ slots });
    this.view = this.arena.view;
  }

  /** How many frames are alive: on links, in queues, waiting for a neighbor. */
  get live(): number {
    return this.#frames.length - this.#free.length;
  }

  /** A new packet of `length` bytes, or undefined if memory is used up or the packet does not fit a slot. */
  allocate(length: number): Frame | undefined {
    const slot = this.arena.allocate(length);
    if (slot < 0) return undefined;
    const frame = this.#take();
    frame.slot = slot;
    frame.packetId = 0;
    frame.hop = -1;
    frame.firstStep = -1;
    frame.lastStep = -1;
    frame.reportAt = -1;
    return frame;
  }

  /** Linux skb_clone: another frame of the same packet that shares the bytes. */
  clone(frame: Frame): Frame {
    const copy = this.#take();
    this.arena.retain(frame.slot);
    copy.slot = frame.slot;
    copy.packetId = frame.packetId;
    copy.hop = frame.hop;
    copy.firstStep = -1;
    copy.lastStep = -1;
    copy.reportAt = -1;
    return copy;
  }

  /** Makes the bytes this frame's own before they are written or its bounds moved. False if memory is used up. */
  own(frame: Frame): boolean {
    const slot = this.arena.own(frame.slot);
    if (slot < 0) return false;
    frame.slot = slot;
    return true;
  }

  /** The frame with that {@link Frame.id}. */
  get(id: number): Frame {
    return this.#frames[id]!;
  }

  free(frame: Frame): void {
    this.arena.release(frame.slot);
    frame.slot = -1;
    this.#free.push(frame);
  }

  start(frame: Frame): number {
    return this.arena.start(frame.slot);
  }

  end(frame: Frame): number {
    return this.arena.end(frame.slot);
  }

  #take(): Frame {
    const frame = this.#free.pop();
    if (frame !== undefined) return frame;
    const made = new Frame(this.#frames.length);
    this.#frames.push(made);
    return made;
  }
}
