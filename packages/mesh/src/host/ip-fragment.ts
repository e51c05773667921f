/**
 * Putting fragments together again (RFC 791 §3.2, RFC 5722's rule for overlaps; Linux net/ipv4/ip_fragment.c,
 * inet_fragment.c): for this host's own packets, and for connection tracking.
 */
import * as ethernet from "@hopscope/codec/ethernet";
import * as icmp from "@hopscope/codec/icmp";
import * as ipv4 from "@hopscope/codec/ipv4";
import type { NetDevice } from "../device.ts";
import type { Frame } from "../frame.ts";
import type { Netns } from "../netns.ts";
import type { Wakeable } from "../sim/simulator.ts";
import type { Softnet } from "../sim/softnet.ts";
import { expiryOf } from "../sim/timer-wheel.ts";
import { RouteType } from "../tables/route.ts";
import { DropReason } from "../trace/drop-reason.ts";
import { StepKind } from "../trace/step.ts";

/** Who asks: each has packets of its own (enum ip_defrag_users). */
export const FragmentUser = {
  localDeliver: 0,
  conntrackIn: 1,
  conntrackOut: 2,
  conntrackBridgeIn: 3,
  ipvsIn: 4,
  ipvsForward: 5,
  ipvsOut: 6,
} as const;
export type FragmentUser = (typeof FragmentUser)[keyof typeof FragmentUser];

/** net.ipv4.ipfrag_time. */
const TIMEOUT = 30_000_000_000;
/** net.ipv4.ipfrag_high_thresh: bytes that may wait. */
const MAX_MEMORY = 4 * 1024 * 1024;
/** What the kernel counts for a fragment besides its bytes (truesize), about. */
const FRAGMENT_COST = 768;
/** net.ipv4.ipfrag_max_dist: so many others from the same source, and a packet's fragments are too old. */
const MAX_DISTANCE = 64;
/** The longest IPv4 packet. */
const MAX_LENGTH = 0xffff;
/** ICMP's code of "time exceeded" for fragments (RFC 792). */
const FRAGMENT_TIME_EXCEEDED = 1;

/** What the fragments' ECN bits together mean for the packet (RFC 3168 §5.3; ip_frag_ecn_table). */
const Ecn = { notEct: 1, ect1: 2, ect0: 4, ce: 8 } as const;

interface Piece {
  readonly frame: Frame;
  /** Payload bytes that it stands for. */
  readonly offset: number;
  readonly end: number;
  /** First byte of its payload, from the frame's start. */
  readonly payload: number;
  /** Where the run of pieces begins that came one behind the other, without a gap. */
  readonly runStart: number;
}

/** Fragments of one packet (struct ipq). */
class FragmentQueue {
  readonly id: number;
  readonly user: FragmentUser;
  readonly srcIp: number;
  readonly dstIp: number;
  /** Identification and protocol. */
  readonly word: number;
  /** Interface number, of the last one. */
  device: number;
  /** By offset. */
  readonly pieces: Piece[] = [];
  /** Length of the payload as far as it is known. */
  length = 0;
  hasLast = false;
  meat = 0;
  maxSize = 0;
  maxDfSize = 0;
  ecn = 0;
  /** How many fragments its source had sent when the last one came. */
  sourceCount: number;
  /** Another packet whose fragments have the same hash. */
  other: FragmentQueue | undefined = undefined;

  constructor(
    id: number,
    user: FragmentUser,
    srcIp: number,
    dstIp: number,
    word: number,
    device: number,
    count: number,
  ) {
    this.id = id;
    this.user = user;
    this.srcIp = srcIp;
    this.dstIp = dstIp;
    this.word = word;
    this.device = device;
    this.sourceCount = count;
  }
}

export class IpFragments implements Wakeable {
  readonly softnet: Softnet;
  readonly #netns: Netns;
  readonly #queues: Map<number, FragmentQueue> = new Map();
  readonly #byHash: Map<number, FragmentQueue> = new Map();
  readonly #sourceCounts: Map<number, number> = new Map();
  #nextId = 1;
  #memory = 0;

  constructor(netns: Netns) {
    this.#netns = netns;
    this.softnet = netns.node.softnet;
  }

  /** How many packets wait for more of them. */
  get size(): number {
    return this.#queues.size;
  }

  /** How many fragments wait. */
  get waiting(): number {
    let count = 0;
    for (const queue of this.#queues.values()) count += queue.pieces.length;
    return count;
  }

  /** Linux ip_defrag. Takes a fragment. Answers the whole packet if it was the last one missing. */
  add(frame: Frame, device: NetDevice, user: FragmentUser = FragmentUser.localDeliver): Frame | undefined {
    const netns = this.#netns;
    const { view } = netns.node.frames;
    const at = frame.start + ethernet.HEADER_LENGTH;
    const srcIp = ipv4.srcIp(view, at);
    const dstIp = ipv4.dstIp(view, at);
    const word = (ipv4.identification(view, at) << 8) | ipv4.protocol(view, at);
    const count = (this.#sourceCounts.get(srcIp) ?? 0) + 1;
    this.#sourceCounts.set(srcIp, count);
    let queue = this.#find(user, srcIp, dstIp, word);
    if (queue === undefined) {
      if (this.#memory > MAX_MEMORY) {
        netns.drop(frame, DropReason.NOMEM);
        return undefined;
      }
      queue = new FragmentQueue(this.#nextId++, user, srcIp, dstIp, word, device.index, count);
      queue.other = this.#byHash.get(hash(srcIp, dstIp, word));
      this.#byHash.set(hash(srcIp, dstIp, word), queue);
      this.#queues.set(queue.id, queue);
      const { now } = this.softnet;
      netns.node.simulator.schedule(expiryOf(now + TIMEOUT, now), this, queue.id);
    }
    // ip_frag_too_far: its identification has come round since.
    if (queue.pieces.length > 0 && count - queue.sourceCount > MAX_DISTANCE) this.#empty(queue);
    queue.sourceCount = count;
    queue.device = device.index;
    return this.#queue(queue, frame, at);
  }

  /** A packet has not become whole in time (ip_expire). */
  wake(id: number): void {
    const queue = this.#queues.get(id);
    if (queue === undefined) return;
    const first = queue.pieces[0];
    if (first !== undefined && first.offset === 0) this.#reportTimeout(queue, first.frame);
    this.#kill(queue, DropReason.FRAG_REASM_TIMEOUT);
  }

  /** The namespace goes, and what waits in it. */
  clear(): void {
    for (const queue of [...this.#queues.values()]) this.#kill(queue, DropReason.DEV_READY);
  }

  /** Linux ip_frag_queue. */
  #queue(queue: FragmentQueue, frame: Frame, at: number): Frame | undefined {
    const netns = this.#netns;
    const { view } = netns.node.frames;
    const headerLength = ipv4.headerLength(view, at);
    const offset = ipv4.fragmentOffset(view, at);
    let end = offset + ipv4.totalLength(view, at) - headerLength;
    const isLast = !ipv4.moreFragments(view, at);
    if (isLast) {
      if (end < queue.length || (queue.hasLast && end !== queue.length)) return this.#discard(queue, frame);
      queue.hasLast = true;
      queue.length = end;
    } else {
      end &= ~7;
      if (end > queue.length) {
        if (queue.hasLast) return this.#discard(queue, frame);
        queue.length = end;
      }
    }
    if (end === offset) return this.#discard(queue, frame);
    const place = placeFor(queue.pieces, offset, end);
    if (place === "overlap") return this.#discard(queue, frame);
    if (place === "duplicate") {
      netns.drop(frame, DropReason.DUP_FRAG);
      return undefined;
    }
    const tail = place === queue.pieces.length ? queue.pieces[place - 1] : undefined;
    const runStart = tail !== undefined && tail.end === offset ? tail.runStart : offset;
    queue.pieces.splice(place, 0, { frame, offset, end, payload: at + headerLength - frame.start, runStart });
    queue.meat += end - offset;
    queue.ecn |= ecnOf(ipv4.tos(view, at));
    this.#memory += end - offset + FRAGMENT_COST;
    const size = end - offset + headerLength;
    queue.maxSize = Math.max(queue.maxSize, size);
    if (ipv4.dontFragment(view, at)) queue.maxDfSize = Math.max(queue.maxDfSize, size);
    if (queue.hasLast && queue.meat === queue.length && queue.pieces[0]!.offset === 0) {
      return this.#reassemble(queue, frame);
    }
    netns.node.recorder.step(frame, StepKind.fragmentWaits, offset, end - offset);
    frame.dst = undefined;
    return undefined;
  }

  /** Linux ip_frag_reasm. `last` is the fragment that completes it. */
  #reassemble(queue: FragmentQueue, last: Frame): Frame | undefined {
    const { frames, recorder } = this.#netns.node;
    const { view, bytes } = frames;
    const { pieces } = queue;
    const first = pieces[0]!;
    const headerLength = first.payload - ethernet.HEADER_LENGTH;
    const total = headerLength + queue.length;
    const tosBits = combinedEcn(queue.ecn);
    if (total > MAX_LENGTH || tosBits === undefined) return this.#discard(queue);
    const whole = frames.allocate(ethernet.HEADER_LENGTH + total);
    if (whole === undefined) return this.#discard(queue, undefined, DropReason.NOMEM);
    frames.copyMetadata(whole, first.frame);
    whole.hop = last.hop;
    // Fragments that wait have no way; the last one has (skb->_skb_refdst).
    whole.dst = last.dst;
    bytes.copyWithin(whole.start, first.frame.start, first.frame.start + first.payload);
    let at = whole.start + first.payload;
    for (const { frame, offset, end, payload } of pieces) {
      const from = frame.start + payload;
      bytes.copyWithin(at, from, from + end - offset);
      at += end - offset;
    }
    const ipAt = whole.start + ethernet.HEADER_LENGTH;
    // A sender that let nobody cut its largest piece wants that of the whole (IPSKB_FRAG_PMTU).
    const keepsDf = queue.maxDfSize === queue.maxSize;
    ipv4.setTos(view, ipAt, ipv4.tos(view, ipAt) | tosBits);
    ipv4.setTotalLength(view, ipAt, total);
    ipv4.setFlagsAndFragmentOffset(view, ipAt, keepsDf ? ipv4.DONT_FRAGMENT : 0);
    ipv4.fillChecksum(view, ipAt);
    whole.fragMaxSize = Math.max(queue.maxSize, queue.maxDfSize);
    whole.pieces = pieces.map(({ offset, end }) => end - offset);
    recorder.step(last, StepKind.reassemble, pieces.length, total);
    this.#remove(queue);
    for (const { frame } of pieces) frames.free(frame);
    return whole;
  }

  #find(user: FragmentUser, srcIp: number, dstIp: number, word: number): FragmentQueue | undefined {
    let queue = this.#byHash.get(hash(srcIp, dstIp, word));
    for (; queue !== undefined; queue = queue.other) {
      if (queue.word === word && queue.srcIp === srcIp && queue.dstIp === dstIp && queue.user === user) return queue;
    }
    return undefined;
  }

  /** Only an end host says that time was up, and only who has the first fragment (RFC 792). */
  #reportTimeout(queue: FragmentQueue, first: Frame): void {
    const netns = this.#netns;
    const device = netns.deviceAt(queue.device);
    if (device === undefined) return;
    first.dst = netns.ipv4.routing.input(device, queue.srcIp, queue.dstIp);
    if (queue.user !== FragmentUser.localDeliver && first.dst.type !== RouteType.local) return;
    netns.icmp.error(first, icmp.IcmpType.timeExceeded, FRAGMENT_TIME_EXCEEDED, 0);
  }

  /** The packet is spoiled, and all its fragments. */
  #discard(queue: FragmentQueue, frame?: Frame, reason: DropReason = DropReason.FRAG_REASM_FAILED): undefined {
    if (frame !== undefined) this.#netns.drop(frame, reason);
    this.#kill(queue, reason);
  }

  #kill(queue: FragmentQueue, reason: DropReason): void {
    this.#remove(queue);
    for (const { frame } of queue.pieces) this.#netns.drop(frame, reason);
    queue.pieces.length = 0;
  }

  /** Begins anew (ip_frag_reinit). */
  #empty(queue: FragmentQueue): void {
    this.#memory -= costOf(queue);
    for (const { frame } of queue.pieces) this.#netns.drop(frame, DropReason.FRAG_TOO_FAR);
    queue.pieces.length = 0;
    queue.length = 0;
    queue.hasLast = false;
    queue.meat = 0;
    queue.maxSize = 0;
    queue.maxDfSize = 0;
    queue.ecn = 0;
  }

  #remove(queue: FragmentQueue): void {
    this.#queues.delete(queue.id);
    this.#memory -= costOf(queue);
    const key = hash(queue.srcIp, queue.dstIp, queue.word);
    let before = this.#byHash.get(key)!;
    if (before === queue) {
      if (queue.other === undefined) this.#byHash.delete(key);
      else this.#byHash.set(key, queue.other);
      return;
    }
    while (before.other !== queue) before = before.other!;
    before.other = queue.other;
  }
}

function hash(srcIp: number, dstIp: number, word: number): number {
  return (Math.imul(srcIp, 0x9e3779b1) ^ Math.imul(dstIp, 0x85ebca77) ^ Math.imul(word, 0xc2b2ae3d)) & 0x3fffffff;
}

function costOf(queue: FragmentQueue): number {
  return queue.meat + queue.pieces.length * FRAGMENT_COST;
}

/** Linux inet_frag_queue_insert: where a piece belongs, or that its bytes are there already, all or some of them. */
function placeFor(pieces: readonly Piece[], offset: number, end: number): number | "duplicate" | "overlap" {
  for (let index = pieces.length; index > 0; ) {
    const { runStart, end: runEnd } = pieces[index - 1]!;
    if (offset >= runEnd) return index;
    if (end > runStart) return offset >= runStart && end <= runEnd ? "duplicate" : "overlap";
    while (index > 0 && pieces[index - 1]!.runStart === runStart) index--;
  }
  return 0;
}

function ecnOf(tos: number): number {
  return 1 << (tos & 3);
}

/** Bits for the packet's type of service, or undefined: such a mixture must not be. */
function combinedEcn(seen: number): number | undefined {
  if ((seen & Ecn.ce) === 0) return (seen & Ecn.notEct) !== 0 && seen !== Ecn.notEct ? undefined : 0;
  return (seen & Ecn.notEct) !== 0 ? undefined : 3;
}
