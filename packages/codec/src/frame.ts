/**
 * Memory for frames on their way through a network: one buffer cut into slots of equal size, each with headroom in
 * front of the frame, so that a tunnel header is written before it and nothing is copied.
 *
 *  slot base        start                            end          next slot
 *  | headroom (64) | frame                          | tailroom   |
 *
 * Headroom holds what VXLAN over IPv4 prepends: Ethernet 14, VLAN tag 4, IPv4 20, UDP 8, VXLAN 8, 54 bytes.
 * Slots are numbers. Allocating, retaining and releasing one makes no garbage. Not covered: growth. A pool that is
 * empty says so, as a device queue does.
 */
import { Status } from "./status.ts";

/** Bytes in front of a fresh frame. */
export const HEADROOM = 64;
/** Bytes of a slot, headroom included: an Ethernet frame of 1500 bytes payload, encapsulated, with room to spare. */
export const SLOT_SIZE = 2048;

export interface FrameArenaOptions {
  /** How many frames can be alive at a time. */
  readonly slots: number;
  /** Bytes of each slot, headroom included; a multiple of 4. Default {@link SLOT_SIZE}. */
  readonly slotSize?: number;
  /** Bytes before a fresh frame; below `slotSize`. Default {@link HEADROOM}. */
  readonly headroom?: number;
  /** Memory to live in, such as the view of `createSimdChecksum`. Default: a new buffer. */
  readonly view?: DataView;
  /** Where in `view` the first slot starts. Default 0. */
  readonly at?: number;
}

/**
 * Frames in one buffer. `view` and `bytes` live as long as the arena, and offsets are absolute in both.
 *
 * A flood hands one frame to many: `retain` it for each receiver, who `release`s it. While it is shared nobody may
 * write to it or move its bounds; who wants to calls `own` first and goes on with the slot that it answers.
 */
export class FrameArena {
  // `declare`: see VxlanPacket. Fields that the constructor sets once keep their type for V8.
  declare readonly view: DataView;
  declare readonly bytes: Uint8Array;
  declare readonly slots: number;
  declare readonly slotSize: number;
  declare readonly headroom: number;
  /** First byte of each slot's frame. */
  declare readonly starts: Int32Array;
  /** First byte behind each slot's frame. */
  declare readonly ends: Int32Array;
  declare private readonly references: Int32Array;
  /** Free slots as a stack: the slot released last is in the cache. */
  declare private readonly free: Int32Array;
  declare private freeCount: number;
  declare private readonly base: number;

  constructor(options: FrameArenaOptions) {
    const { slots, slotSize = SLOT_SIZE, headroom = HEADROOM, at = 0 } = options;
    requireInteger("slots", slots, 1);
    requireInteger("slotSize", slotSize, 4);
    requireInteger("headroom", headroom, 0);
    requireInteger("at", at, 0);
    if (slotSize % 4 !== 0) throw new RangeError(`slotSize is ${slotSize}, expected a multiple of 4`);
    if (headroom >= slotSize) throw new RangeError(`headroom is ${headroom}, expected less than slotSize, ${slotSize}`);
    const view = options.view ?? new DataView(new ArrayBuffer(at + slots * slotSize));
    const needed = at + slots * slotSize;
    if (view.byteLength < needed) throw new RangeError(`view has ${view.byteLength} bytes, the slots need ${needed}`);
    this.view = view;
    this.bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    this.slots = slots;
    this.slotSize = slotSize;
    this.headroom = headroom;
    this.starts = new Int32Array(slots);
    this.ends = new Int32Array(slots);
    this.references = new Int32Array(slots);
    this.free = Int32Array.from({ length: slots }, (_, index) => slots - 1 - index);
    this.freeCount = slots;
    this.base = at;
  }

  /** How many slots are free. */
  get available(): number {
    return this.freeCount;
  }

  /** The longest frame that {@link allocate} takes. */
  get maxLength(): number {
    return this.slotSize - this.headroom;
  }

  /**
   * A slot with a frame of `length` bytes behind the headroom, or -1 if none is free or the frame would not fit. Its
   * bytes are what the slot's last user left.
   */
  allocate(length: number): number {
    if (this.freeCount === 0 || length > this.slotSize - this.headroom) return -1;
    const slot = this.free[--this.freeCount]!;
    const start = this.base + slot * this.slotSize + this.headroom;
    this.starts[slot] = start;
    this.ends[slot] = start + length;
    this.references[slot] = 1;
    return slot;
  }

  /** Allocates and fills in one go: a slot that holds `frame`, or -1. */
  place(frame: Uint8Array): number {
    const slot = this.allocate(frame.length);
    if (slot >= 0) this.bytes.set(frame, this.starts[slot]!);
    return slot;
  }

  /** One more user of the slot. */
  retain(slot: number): void {
    this.requireLive(slot);
    this.references[slot] = this.references[slot]! + 1;
  }

  /** One user less; the last one frees the slot. */
  release(slot: number): void {
    this.requireLive(slot);
    const left = this.references[slot]! - 1;
    this.references[slot] = left;
    if (left === 0) this.free[this.freeCount++] = slot;
  }

  /** True if others use the slot too, so that nobody may write to it. */
  isShared(slot: number): boolean {
    return this.references[slot]! > 1;
  }

  /**
   * The same frame in a slot of one's own: the slot itself if nobody else uses it, otherwise a copy with the same
   * bounds, for which the caller's use of the shared slot is given up. -1 if no slot is free; nothing has changed then.
   */
  own(slot: number): number {
    this.requireLive(slot);
    if (this.references[slot] === 1) return slot;
    if (this.freeCount === 0) return -1;
    const copy = this.allocate(0);
    const moved = (copy - slot) * this.slotSize;
    const start = this.starts[slot]!;
    const end = this.ends[slot]!;
    this.bytes.copyWithin(start + moved, start, end);
    this.starts[copy] = start + moved;
    this.ends[copy] = end + moved;
    this.release(slot);
    return copy;
  }

  start(slot: number): number {
    return this.starts[slot]!;
  }

  end(slot: number): number {
    return this.ends[slot]!;
  }

  /** Bytes of the frame. */
  length(slot: number): number {
    return this.ends[slot]! - this.starts[slot]!;
  }

  /**
   * Puts `bytes` more in front of the frame; `truncated` if there is no such headroom. They hold whatever was there:
   * write every one of them.
   */
  push(slot: number, bytes: number): Status {
    const start = this.starts[slot]! - bytes;
    if (start < this.base + slot * this.slotSize) return Status.truncated;
    this.starts[slot] = start;
    return Status.ok;
  }

  /** Takes `bytes` off the front of the frame; `truncated` if it is shorter. */
  pull(slot: number, bytes: number): Status {
    const start = this.starts[slot]! + bytes;
    if (start > this.ends[slot]!) return Status.truncated;
    this.starts[slot] = start;
    return Status.ok;
  }

  /** Moves the end so that the frame has `length` bytes; `truncated` if the slot has no room for them. */
  resize(slot: number, length: number): Status {
    const end = this.starts[slot]! + length;
    if (end > this.base + (slot + 1) * this.slotSize) return Status.truncated;
    this.ends[slot] = end;
    return Status.ok;
  }

  /** A slot used after its last `release` belongs to somebody else: stop the programmer's mistake here. */
  private requireLive(slot: number): void {
    if (!(this.references[slot]! > 0)) throw new RangeError(`frame slot ${slot} is not allocated`);
  }
}

function requireInteger(name: string, value: number, min: number): void {
  if (!Number.isInteger(value) || value < min)
    throw new RangeError(`${name} is ${value}, expected an integer from ${min}`);
}
