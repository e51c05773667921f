/**
 * The trace while it is made: every frame that passes a tap is a hop, every decision about it a step. Columns in typed
 * arrays; objects are made when somebody reads. Switched off, it is the same class and does nothing.
 */
import type { Frame, FramePool } from "../frame.ts";
import type { Clock } from "../sim/clock.ts";
import type { DropReason } from "./drop-reason.ts";
import { orderOf } from "./order.ts";
import { StepKind } from "./step.ts";

export const Direction = { in: 1, out: 2 } as const;
export type Direction = (typeof Direction)[keyof typeof Direction];

/** Bytes of a chunk; more than any frame has. */
const CHUNK_SIZE = 1 << 20;

/** Bytes of frames that are kept unless somebody says otherwise: what a machine of today has to spare. */
const DEFAULT_LIMIT: number = 1 << 30;

/** Node, namespace, device. */
const NAMES_A_POINT = 3;

/** Where frames are seen: a device in a namespace on a node. */
export interface CapturePoint {
  readonly node: string;
  /** `host` for the node's own namespace. */
  readonly namespace: string;
  readonly device: string;
}

export class Recorder {
  /** Of each point the names of node, namespace, and device. */
  readonly #points: string[] = [];
  /** Of each point the one at the other end of its veth pair; -1: nothing is to be said of it. */
  readonly #peers: number[] = [];
  readonly #gone: Set<number> = new Set();
  /** What steps say in words that are made when somebody reads them. */
  readonly #labels: (() => string)[] = [];
  readonly #frames: FramePool;
  /** True while frames and decisions are recorded. */
  isOn = false;
  /** Bytes of frames that are kept at most; after that nothing is recorded any more. */
  limit: number = DEFAULT_LIMIT;
  /** When that was; undefined: it was not reached. */
  fullAt: number | undefined = undefined;

  #packetCount = 0;
  #hopCount = 0;
  #times = new Float64Array(1024);
  #hopPoints = new Int32Array(1024);
  #directions = new Uint8Array(1024);
  #packetIds = new Int32Array(1024);
  /** Chunk, place in it, and length of the bytes. */
  #chunkIndexes = new Int32Array(1024);
  #starts = new Int32Array(1024);
  #lengths = new Int32Array(1024);
  #firstSteps = new Int32Array(1024);
  #lastSteps = new Int32Array(1024);

  /** Bytes of frames, one behind the other. A full chunk stays as it is: what was recorded is never copied again. */
  readonly #chunks: Uint8Array[] = [];
  readonly #views: DataView[] = [];
  #chunkUsed = CHUNK_SIZE;

  #stepCount = 0;
  #stepKinds = new Uint8Array(1024);
  #stepA = new Float64Array(1024);
  #stepB = new Float64Array(1024);
  /** Steps of one hop are a list: a hop's decisions may come after those of copies of the same frame. */
  #stepNext = new Int32Array(1024);

  readonly #unreported: Map<DropReason, number> = new Map();

  constructor(frames: FramePool) {
    this.#frames = frames;
  }

  /** How many packets ended, and why, that no tap has seen and no hop tells of: what a program could not send. */
  get unreported(): ReadonlyMap<DropReason, number> {
    return this.#unreported;
  }

  get hopCount(): number {
    return this.#hopCount;
  }

  /** Packets seen; their numbers are 1 to this. */
  get packetCount(): number {
    return this.#packetCount;
  }

  start(): void {
    this.isOn = true;
  }

  stop(): void {
    this.isOn = false;
  }

  addPoint(node: string, namespace: string, device: string): number {
    this.#points.push(node, namespace, device);
    return this.#peers.push(-1) - 1;
  }

  get pointCount(): number {
    return this.#peers.length;
  }

  pointAt(point: number): CapturePoint {
    const at = point * NAMES_A_POINT;
    const points = this.#points;
    return { node: points[at]!, namespace: points[at + 1]!, device: points[at + 2]! };
  }

  /** The name of a point says nothing: `peer`, at the other end of the pair, says what it is for. */
  connectPoint(point: number, peer: number): void {
    this.#peers[point] = peer;
  }

  /** Of a point that was connected, the other end, and whether the device is there still. */
  peerOf(point: number): { readonly peer: CapturePoint; readonly isGone: boolean } | undefined {
    const peer = this.#peers[point]!;
    return peer < 0 ? undefined : { peer: this.pointAt(peer), isGone: this.#gone.has(point) };
  }

  /** Words for a step; answers their number. */
  addLabel(words: () => string): number {
    return this.#labels.push(words) - 1;
  }

  label(label: number): string {
    return this.#labels[label]!();
  }

  /** The device is no more: nobody can say any more what it is connected to. */
  pointIsGone(point: number): void {
    this.#gone.add(point);
  }

  /** The frame passes a tap. Its bytes are copied: later hops may rewrite them. */
  hop(point: number, direction: Direction, frame: Frame, clock: Clock): void {
    if (this.isOn) this.#record(point, direction, frame, clock);
    else frame.hop = -1;
  }

  #record(point: number, direction: Direction, frame: Frame, clock: Clock): void {
    if (this.#chunks.length * CHUNK_SIZE >= this.limit && !this.#fits(frame)) {
      this.isOn = false;
      this.fullAt = clock.now;
      frame.hop = -1;
      return;
    }
    const hop = this.#hopCount++;
    if (hop === this.#times.length) this.#growHops();
    this.#keepBytes(hop, this.#frames.start(frame), this.#frames.end(frame));
    this.#times[hop] = clock.now;
    this.#hopPoints[hop] = point;
    this.#directions[hop] = direction;
    if (frame.packetId === 0) frame.packetId = ++this.#packetCount;
    this.#packetIds[hop] = frame.packetId;
    this.#firstSteps[hop] = frame.firstStep;
    this.#lastSteps[hop] = frame.lastStep;
    frame.firstStep = -1;
    frame.lastStep = -1;
    frame.hop = hop;
  }

  /** There is room in the last chunk. */
  #fits(frame: Frame): boolean {
    return this.#chunkUsed + this.#frames.end(frame) - this.#frames.start(frame) <= CHUNK_SIZE;
  }

  #keepBytes(hop: number, start: number, end: number): void {
    const length = end - start;
    if (this.#chunkUsed + length > CHUNK_SIZE) {
      const bytes = new Uint8Array(CHUNK_SIZE);
      this.#chunks.push(bytes);
      this.#views.push(new DataView(bytes.buffer));
      this.#chunkUsed = 0;
    }
    const chunk = this.#chunks.length - 1;
    const at = this.#chunkUsed;
    this.#chunkUsed = at + length;
    this.#chunks[chunk]!.set(this.#frames.bytes.subarray(start, end), at);
    this.#chunkIndexes[hop] = chunk;
    this.#starts[hop] = at;
    this.#lengths[hop] = length;
  }

  /** Something was decided about the frame at its last hop; before its first one, it belongs to that. */
  step(frame: Frame, kind: StepKind, a: number, b: number): void {
    if (this.isOn) this.#addStep(frame, kind, a, b);
  }

  #addStep(frame: Frame, kind: StepKind, a: number, b: number): void {
    const step = this.#newStep(kind, a, b);
    const { hop } = frame;
    if (hop >= 0) return this.#append(hop, step, step);
    if (frame.lastStep >= 0) this.#stepNext[frame.lastStep] = step;
    else frame.firstStep = step;
    frame.lastStep = step;
    if (kind === StepKind.drop) this.#report(frame, a as DropReason);
  }

  /** A packet has ended before any tap saw it: its steps go to the hop that reports it. */
  #report(frame: Frame, reason: DropReason): void {
    const hop = frame.reportAt;
    if (hop < 0) {
      this.#unreported.set(reason, (this.#unreported.get(reason) ?? 0) + 1);
      return;
    }
    const report = this.#newStep(StepKind.report, 0, 0);
    this.#stepNext[report] = frame.firstStep;
    this.#append(hop, report, frame.lastStep);
  }

  #newStep(kind: StepKind, a: number, b: number): number {
    const step = this.#stepCount++;
    if (step === this.#stepKinds.length) this.#growSteps();
    this.#stepKinds[step] = kind;
    this.#stepA[step] = a;
    this.#stepB[step] = b;
    this.#stepNext[step] = -1;
    return step;
  }

  /** Puts the list of steps from `first` to `last` behind those that the hop has. */
  #append(hop: number, first: number, last: number): void {
    const before = this.#lastSteps[hop]!;
    if (before >= 0) this.#stepNext[before] = first;
    else this.#firstSteps[hop] = first;
    this.#lastSteps[hop] = last;
  }

  time(hop: number): number {
    return this.#times[hop]!;
  }

  point(hop: number): number {
    return this.#hopPoints[hop]!;
  }

  direction(hop: number): Direction {
    return this.#directions[hop]! as Direction;
  }

  packetId(hop: number): number {
    return this.#packetIds[hop]!;
  }

  /** The frame's bytes at that hop. */
  bytes(hop: number): Uint8Array {
    const start = this.#starts[hop]!;
    return this.#chunks[this.#chunkIndexes[hop]!]!.subarray(start, start + this.#lengths[hop]!);
  }

  /** Calls `visit` for each step of a hop, in the order they were decided. */
  steps(hop: number, visit: (kind: StepKind, a: number, b: number) => void): void {
    for (let step = this.#firstSteps[hop]!; step >= 0; step = this.#stepNext[step]!) {
      visit(this.#stepKinds[step]! as StepKind, this.#stepA[step]!, this.#stepB[step]!);
    }
  }

  /** Hops by time; equal times in the order they happened. */
  order(): Int32Array {
    return orderOf(this.#times, this.#hopCount);
  }

  /** View of the memory in which the hop's bytes lie, from {@link bytesStart} to {@link bytesEnd}. */
  bytesView(hop: number): DataView {
    return this.#views[this.#chunkIndexes[hop]!]!;
  }

  bytesStart(hop: number): number {
    return this.#starts[hop]!;
  }

  bytesEnd(hop: number): number {
    return this.#starts[hop]! + this.#lengths[hop]!;
  }

  /** The first of the hop's steps, or -1; {@link nextStep} goes on. For who reads millions of them. */
  firstStep(hop: number): number {
    return this.#firstSteps[hop]!;
  }

  nextStep(step: number): number {
    return this.#stepNext[step]!;
  }

  stepKind(step: number): StepKind {
    return this.#stepKinds[step]! as StepKind;
  }

  stepA(step: number): number {
    return this.#stepA[step]!;
  }

  stepB(step: number): number {
    return this.#stepB[step]!;
  }

  #growHops(): void {
    const capacity = this.#times.length * 2;
    this.#times = grown(this.#times, new Float64Array(capacity));
    this.#hopPoints = grown(this.#hopPoints, new Int32Array(capacity));
    this.#directions = grown(this.#directions, new Uint8Array(capacity));
    this.#packetIds = grown(this.#packetIds, new Int32Array(capacity));
    this.#chunkIndexes = grown(this.#chunkIndexes, new Int32Array(capacity));
    this.#starts = grown(this.#starts, new Int32Array(capacity));
    this.#lengths = grown(this.#lengths, new Int32Array(capacity));
    this.#firstSteps = grown(this.#firstSteps, new Int32Array(capacity));
    this.#lastSteps = grown(this.#lastSteps, new Int32Array(capacity));
  }

  #growSteps(): void {
    const capacity = this.#stepKinds.length * 2;
    this.#stepKinds = grown(this.#stepKinds, new Uint8Array(capacity));
    this.#stepA = grown(this.#stepA, new Float64Array(capacity));
    this.#stepB = grown(this.#stepB, new Float64Array(capacity));
    this.#stepNext = grown(this.#stepNext, new Int32Array(capacity));
  }
}

function grown<T extends { set(from: ArrayLike<number>): void }>(from: T & ArrayLike<number>, to: T): T {
  to.set(from);
  return to;
}
