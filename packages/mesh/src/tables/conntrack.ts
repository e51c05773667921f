/**
 * The connection tracking table of a namespace (Linux net/netfilter/nf_conntrack_core.c): every connection under two
 * tuples, as its first packet has it and as the answer will. A tuple is two addresses, a protocol, and 32 bits of what
 * the protocol adds: both ports, or ICMP's identifier, type and code.
 *
 * Time is an argument, in nanoseconds. An entry that is past its time is removed when somebody comes upon it, and a few
 * are looked at with each new one, as the kernel's gc_worker would.
 *
 * Not modelled: zones, helpers and expectations, events, accounting (nf_conntrack_acct is 0 unless switched on).
 */
import { IpProtocol } from "@hopscope/codec/code-points";
import type { Clock } from "../sim/clock.ts";

export const CtDirection = { original: 0, reply: 1 } as const;
export type CtDirection = (typeof CtDirection)[keyof typeof CtDirection];

/** How a packet stands to its connection (include/uapi/linux/netfilter/nf_conntrack_common.h, ip_conntrack_info). */
export const CtInfo = {
  established: 0,
  related: 1,
  new: 2,
  establishedReply: 3,
  relatedReply: 4,
  /** No connection, because a rule says so (`-j CT --notrack`). */
  untracked: 7,
} as const;
export type CtInfo = (typeof CtInfo)[keyof typeof CtInfo];

/** CTINFO2DIR. */
export function directionOf(info: number): CtDirection {
  return info >= CtInfo.establishedReply ? CtDirection.reply : CtDirection.original;
}

/** Bits of {@link Conntrack.status} (enum ip_conntrack_status). */
export const CtStatus = {
  seenReply: 0x2,
  /** Seen enough of to be kept when the table is full. */
  assured: 0x4,
  confirmed: 0x8,
  srcNat: 0x10,
  dstNat: 0x20,
  natMask: 0x30,
  /** Source NAT has been decided, be it to change nothing. */
  srcNatDone: 0x80,
  dstNatDone: 0x100,
  natDoneMask: 0x180,
  dying: 0x200,
} as const;

/** What a protocol's tracker keeps beside the tuples. */
export interface ProtocolState {
  /** The word in /proc/net/nf_conntrack, such as `ESTABLISHED`. */
  readonly stateName: string;
  /** Nearly over: may go when the table is full. */
  readonly canEarlyDrop: boolean;
}

export class Conntrack {
  readonly protocol: number;
  readonly originalSrcIp: number;
  readonly originalDstIp: number;
  readonly originalPorts: number;
  replySrcIp: number;
  replyDstIp: number;
  replyPorts: number;
  /** Bits of {@link CtStatus}. */
  status = 0;
  mark = 0;
  /** Before it is in the table: how long it will be kept. In the table: until when. Nanoseconds. */
  expiresAt = 0;
  /** Interface number of a masqueraded connection's way out, or 0 (nf_conn_nat, masq_index). */
  masqueradeDevice = 0;
  /** When UDP that is answered counts as a stream, and not as a question (nf_ct_udp, stream_ts). */
  streamAt = 0;
  state: ProtocolState | undefined = undefined;
  /** Place in the table, or -1. */
  place = -1;
  /** Age among all entries of the table. */
  serial = 0;

  constructor(protocol: number, srcIp: number, dstIp: number, ports: number) {
    this.protocol = protocol;
    this.originalSrcIp = srcIp;
    this.originalDstIp = dstIp;
    this.originalPorts = ports;
    this.replySrcIp = dstIp;
    this.replyDstIp = srcIp;
    this.replyPorts = invertPorts(protocol, ports);
  }

  get isConfirmed(): boolean {
    return (this.status & CtStatus.confirmed) !== 0;
  }

  /** Linux nf_ct_refresh: from now on kept for `duration`. */
  refresh(clock: Clock, duration: number): void {
    if ((this.status & CtStatus.confirmed) === 0) this.expiresAt = duration;
    else this.expiresAt = clock.now + duration;
  }

  srcIp(direction: CtDirection): number {
    return direction === CtDirection.original ? this.originalSrcIp : this.replySrcIp;
  }

  dstIp(direction: CtDirection): number {
    return direction === CtDirection.original ? this.originalDstIp : this.replyDstIp;
  }

  ports(direction: CtDirection): number {
    return direction === CtDirection.original ? this.originalPorts : this.replyPorts;
  }
}

/** ICMP types that ask, and what answers them (nf_conntrack_proto_icmp.c, invmap); -1: nothing does. */
function invertIcmpType(type: number): number {
  switch (type) {
    case 8:
      return 0;
    case 0:
      return 8;
    case 13:
    case 15:
    case 17:
      return type + 1;
    case 14:
    case 16:
    case 18:
      return type - 1;
    default:
      return -1;
  }
}

/** True if a packet of this type of ICMP can begin a connection or belong to one (icmp_invert_tuple). */
export function isIcmpQuery(type: number): boolean {
  return invertIcmpType(type) >= 0;
}

/** The protocol's part of the answer's tuple (nf_ct_invert_tuple). */
export function invertPorts(protocol: number, ports: number): number {
  if (protocol !== IpProtocol.icmp) return (ports << 16) | (ports >>> 16);
  return (ports & 0xffff00ff) | ((invertIcmpType((ports >>> 8) & 0xff) & 0xff) << 8);
}

/** nf_conntrack_max of a machine with some memory. */
const MAX_ENTRIES = 262_144;
/** Entries looked at for age with each new one. */
const GC_BATCH = 2;
/** Entries looked at for one that can go, in a full table (NF_CT_EVICTION_RANGE). */
const EVICTION_RANGE = 8;
/** Chains an entry is in: by its two tuples, and by its source (nf_nat_bysource). */
const LINKS = 3;
const BY_SOURCE = 2;

export class ConntrackTable {
  max: number = MAX_ENTRIES;
  readonly #places: (Conntrack | undefined)[] = [];
  readonly #free: number[] = [];
  /** First link of each chain, or -1. A link is `place * LINKS + which`. */
  #heads: Int32Array = new Int32Array(64).fill(-1);
  #sourceHeads: Int32Array = new Int32Array(64).fill(-1);
  #next: Int32Array = new Int32Array(16 * LINKS);
  #hashes: Int32Array = new Int32Array(16 * LINKS);
  #hand = 0;
  #serial = 0;

  /** Entries in the table, those past their time included until somebody comes upon them. */
  get size(): number {
    return this.#places.length - this.#free.length;
  }

  /** Linux __nf_conntrack_find: `place * 2 + direction` of the connection that has this tuple, or -1. */
  find(srcIp: number, dstIp: number, ports: number, protocol: number, clock: Clock): number {
    const hash = tupleHash(srcIp, dstIp, ports, protocol);
    let link = this.#heads[hash & (this.#heads.length - 1)]!;
    for (; link >= 0; link = this.#next[link]!) {
      if (this.#hashes[link] === hash) {
        const place = (link / LINKS) | 0;
        const direction = (link - place * LINKS) as CtDirection;
        const entry = this.#places[place]!;
        if (
          entry.srcIp(direction) === srcIp &&
          entry.dstIp(direction) === dstIp &&
          entry.ports(direction) === ports &&
          entry.protocol === protocol
        ) {
          if (entry.expiresAt > clock.now) return place * 2 + direction;
          // No other entry has this tuple.
          this.delete(entry);
          return -1;
        }
      }
    }
    return -1;
  }

  /** The entry of what {@link find} answers. */
  at(found: number): Conntrack {
    return this.#places[found >> 1]!;
  }

  /** Linux nf_conntrack_tuple_taken: whether another connection than `except` has the tuple. */
  isTaken(srcIp: number, dstIp: number, ports: number, protocol: number, except: Conntrack, clock: Clock): boolean {
    const found = this.find(srcIp, dstIp, ports, protocol, clock);
    return found >= 0 && this.at(found) !== except;
  }

  /** Linux find_appropriate_src: the newest translated source of the same sender that `suits`, or undefined. */
  findBySource(of: Conntrack, now: number, suits: (entry: Conntrack) => boolean): Conntrack | undefined {
    const { originalSrcIp, protocol } = of;
    const port = of.originalPorts >>> 16;
    const hash = sourceHash(originalSrcIp, port, protocol);
    let link = this.#sourceHeads[hash & (this.#sourceHeads.length - 1)]!;
    for (; link >= 0; link = this.#next[link]!) {
      const entry = this.#places[(link / LINKS) | 0]!;
      if (
        entry.originalSrcIp === originalSrcIp &&
        entry.originalPorts >>> 16 === port &&
        entry.protocol === protocol &&
        entry.expiresAt > now &&
        suits(entry)
      ) {
        return entry;
      }
    }
    return undefined;
  }

  /** Linux __nf_conntrack_confirm: takes the entry in. False if another one has one of its tuples. */
  insert(entry: Conntrack, clock: Clock): boolean {
    const { now } = clock;
    const { protocol, originalSrcIp, originalDstIp, originalPorts, replySrcIp, replyDstIp, replyPorts } = entry;
    if (this.find(originalSrcIp, originalDstIp, originalPorts, protocol, clock) >= 0) return false;
    if (this.find(replySrcIp, replyDstIp, replyPorts, protocol, clock) >= 0) return false;
    this.#collect(now);
    const place = this.#free.pop() ?? this.#places.length;
    this.#places[place] = entry;
    if ((place + 1) * LINKS > this.#next.length) this.#growPlaces();
    entry.place = place;
    entry.serial = ++this.#serial;
    entry.status |= CtStatus.confirmed;
    entry.expiresAt += now;
    if (this.size * 2 > this.#heads.length) this.#rehash();
    else this.#link(entry);
    return true;
  }

  delete(entry: Conntrack): void {
    const { place } = entry;
    if (place < 0) return;
    for (let which = 0; which < LINKS; which++) this.#unlink(place * LINKS + which);
    this.#places[place] = undefined;
    this.#free.push(place);
    entry.place = -1;
    entry.status |= CtStatus.dying;
  }

  /** Makes room for a new entry: false if the table is full and nothing in it may go (early_drop). */
  hasRoom(now: number): boolean {
    if (this.size < this.max) return true;
    let candidate: Conntrack | undefined;
    for (let looked = 0; looked < EVICTION_RANGE; looked++) {
      const entry = this.#advance();
      if (entry === undefined) continue;
      if (entry.expiresAt <= now) {
        this.delete(entry);
        return true;
      }
      const isAssured = (entry.status & CtStatus.assured) !== 0;
      if (!isAssured || entry.state?.canEarlyDrop === true) candidate ??= entry;
    }
    if (candidate === undefined) return false;
    this.delete(candidate);
    return true;
  }

  /** The live entries, oldest first. */
  list(now: number): readonly Conntrack[] {
    const live: Conntrack[] = [];
    for (const entry of this.#places) if (entry !== undefined && entry.expiresAt > now) live.push(entry);
    return live.sort((a, b) => a.serial - b.serial);
  }

  /** `conntrack -D`: removes what `matches`; answers how many (nf_ct_iterate_cleanup). */
  deleteIf(now: number, matches: (entry: Conntrack) => boolean): number {
    let count = 0;
    for (const entry of this.list(now)) {
      if (!matches(entry)) continue;
      this.delete(entry);
      count++;
    }
    return count;
  }

  #advance(): Conntrack | undefined {
    if (++this.#hand >= this.#places.length) this.#hand = 0;
    return this.#places[this.#hand];
  }

  #collect(now: number): void {
    for (let count = 0; count < GC_BATCH; count++) {
      const entry = this.#advance();
      if (entry !== undefined && entry.expiresAt <= now) this.delete(entry);
    }
  }

  #link(entry: Conntrack): void {
    const { place, protocol, originalSrcIp, originalDstIp, originalPorts, replySrcIp, replyDstIp, replyPorts } = entry;
    const first = place * LINKS;
    this.#hashes[first] = tupleHash(originalSrcIp, originalDstIp, originalPorts, protocol);
    this.#hashes[first + 1] = tupleHash(replySrcIp, replyDstIp, replyPorts, protocol);
    this.#hashes[first + BY_SOURCE] = sourceHash(originalSrcIp, originalPorts >>> 16, protocol);
    for (let which = 0; which < LINKS; which++) {
      const heads = which === BY_SOURCE ? this.#sourceHeads : this.#heads;
      const bucket = this.#hashes[first + which]! & (heads.length - 1);
      this.#next[first + which] = heads[bucket]!;
      heads[bucket] = first + which;
    }
  }

  #unlink(link: number): void {
    const heads = link % LINKS === BY_SOURCE ? this.#sourceHeads : this.#heads;
    const bucket = this.#hashes[link]! & (heads.length - 1);
    let at = heads[bucket]!;
    if (at === link) {
      heads[bucket] = this.#next[link]!;
      return;
    }
    while (this.#next[at] !== link) at = this.#next[at]!;
    this.#next[at] = this.#next[link]!;
  }

  #growPlaces(): void {
    const next = new Int32Array(this.#next.length * 2);
    const hashes = new Int32Array(this.#next.length * 2);
    next.set(this.#next);
    hashes.set(this.#hashes);
    this.#next = next;
    this.#hashes = hashes;
  }

  #rehash(): void {
    this.#heads = new Int32Array(this.#heads.length * 2).fill(-1);
    this.#sourceHeads = new Int32Array(this.#heads.length).fill(-1);
    for (const entry of this.#places) if (entry !== undefined) this.#link(entry);
  }
}

function tupleHash(srcIp: number, dstIp: number, ports: number, protocol: number): number {
  return sourceHash(Math.imul(srcIp, 0x9e3779b1) ^ dstIp, ports, protocol);
}

function sourceHash(srcIp: number, port: number, protocol: number): number {
  let hash = Math.imul(srcIp ^ protocol, 0x85ebca77) ^ Math.imul(port, 0xc2b2ae3d);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  return hash ^ (hash >>> 13);
}
