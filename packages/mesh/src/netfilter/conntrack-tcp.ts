/**
 * How conntrack follows a TCP connection (Linux net/netfilter/nf_conntrack_proto_tcp.c, nf_conntrack_tcp_packet): states
 * as a table of what each side sends; what fits no state or window is INVALID, and passes untranslated.
 *
 * The sysctls have their defaults: nf_conntrack_tcp_loose 1, tcp_be_liberal 0, tcp_max_retrans 3,
 * tcp_ignore_invalid_rst 0. Not modelled: SYN proxy, sequence adjustment by helpers.
 */
import type { Clock } from "../sim/clock.ts";
import { type Conntrack, CtDirection, CtStatus, type ProtocolState } from "../tables/conntrack.ts";
import {
  before,
  inWindow,
  type Segment,
  SegmentKind,
  SideFlag,
  TcpSide,
  WindowVerdict,
} from "./conntrack-tcp-window.ts";

export const TcpState = {
  none: 0,
  synSent: 1,
  synRecv: 2,
  established: 3,
  finWait: 4,
  closeWait: 5,
  lastAck: 6,
  timeWait: 7,
  close: 8,
  /** A SYN from the other side too: simultaneous open. */
  synSent2: 9,
} as const;

const NAMES: readonly string[] = [
  "NONE",
  "SYN_SENT",
  "SYN_RECV",
  "ESTABLISHED",
  "FIN_WAIT",
  "CLOSE_WAIT",
  "LAST_ACK",
  "TIME_WAIT",
  "CLOSE",
  "SYN_SENT2",
];

const SECOND = 1_000_000_000;
/** By state, nanoseconds (tcp_timeouts). */
const TIMEOUTS: readonly number[] = [0, 120, 60, 432_000, 120, 60, 30, 120, 10, 120].map((each) => each * SECOND);
/** Once the same has been sent four times, once a window is closed, and while data waits for its acknowledgment. */
const PATIENCE = 300 * SECOND;
const MAX_RETRANS = 3;
/** A connection that is refused out of turn is not kept longer than this. */
const INVALID_CLOSE = 120 * SECOND;

const STATES = 10;
const KINDS = 6;
/** INVALID. */
const X = 10;
/** Ignored: may be right, and the receiver will tell by its answer. */
const I = 11;
/** tcp_conntracks: by direction and {@link SegmentKind}; columns are the states. */
const TRANSITIONS: Uint8Array = Uint8Array.of(
  // Original direction. NONE, SYN_SENT, SYN_RECV, ESTABLISHED, FIN_WAIT, CLOSE_WAIT, LAST_ACK, TIME_WAIT, CLOSE, SYN_SENT2
  ...[1, 1, I, I, I, I, I, 1, 1, 9], // syn
  ...[X, X, 2, X, X, X, X, X, X, 2], // syn+ack
  ...[X, X, 4, 4, 6, 6, 6, 7, 8, X], // fin
  ...[3, X, 3, 3, 5, 5, 7, 7, 8, X], // ack
  ...[X, 8, 8, 8, 8, 8, 8, 8, 8, 8], // rst
  ...[X, X, X, X, X, X, X, X, X, X], // none
  // Reply direction.
  ...[X, 9, X, X, X, X, X, 1, X, 9],
  ...[X, 2, I, I, I, I, I, I, I, 2],
  ...[X, X, 4, 4, 6, 6, 6, 7, 8, X],
  ...[X, I, 2, 3, 5, 5, 7, 7, 8, I],
  ...[X, 8, 8, 8, 8, 8, 8, 8, 8, 8],
  ...[X, X, X, X, X, X, X, X, X, X],
);

/** Bits of {@link TcpTrack.lastFlags} beside those of a side. */
const EXPECT_CHALLENGE_ACK = 0x40;
const SIMULTANEOUS_OPEN = 0x80;

/** What a tracker says of a packet: part of the connection, INVALID, or to be looked up anew. */
export const TrackVerdict = { accept: 0, invalid: 1, repeat: 2 } as const;
export type TrackVerdict = (typeof TrackVerdict)[keyof typeof TrackVerdict];

/** What conntrack remembers of a TCP connection (struct ip_ct_tcp). */
export class TcpTrack implements ProtocolState {
  state: number = TcpState.none;
  readonly original: TcpSide = new TcpSide();
  readonly reply: TcpSide = new TcpSide();
  lastKind: number = SegmentKind.none;
  lastDirection: number = CtDirection.original;
  lastSequence = 0;
  lastAck = 0;
  lastEnd = 0;
  lastWindow = 0;
  lastScale = 0;
  lastFlags = 0;
  retransmissions = 0;

  get stateName(): string {
    return NAMES[this.state]!;
  }

  get canEarlyDrop(): boolean {
    return this.state >= TcpState.finWait && this.state <= TcpState.close;
  }

  side(direction: number): TcpSide {
    return direction === CtDirection.original ? this.original : this.reply;
  }

  /** Linux tcp_new: false if no connection begins so. */
  begin(segment: Segment): boolean {
    const state = TRANSITIONS[segment.kind * STATES]!;
    if (state >= X) return false;
    const { original } = this;
    original.end = segment.end;
    original.maxWindow = segment.window === 0 ? 1 : segment.window;
    if (state === TcpState.synSent) {
      original.maxEnd = segment.end;
      original.takeOptions(segment);
    } else {
      // Picked up in its middle: scaling is unknown, so windows are not held against it.
      original.maxEnd = (segment.end + original.maxWindow) | 0;
      original.flags = SideFlag.sackPermitted | SideFlag.beLiberal;
      this.reply.flags = original.flags;
    }
    return true;
  }

  /** The rest of nf_conntrack_tcp_packet. Whoever removes `ct` from the table on "repeat" is the caller. */
  follow(ct: Conntrack, segment: Segment, direction: CtDirection, clock: Clock): TrackVerdict {
    const { kind } = segment;
    const oldState = this.state;
    let newState = TRANSITIONS[(direction * KINDS + kind) * STATES + oldState]!;
    let checksWindow = true;
    switch (newState) {
      case TcpState.synSent:
        if (oldState < TcpState.timeWait) break;
        if (this.#isAborted(direction)) return TrackVerdict.repeat;
        if (!this.#ignore(segment, direction)) return TrackVerdict.accept;
        newState = TcpState.synRecv;
        break;
      case I:
        if (!this.#ignore(segment, direction)) return TrackVerdict.accept;
        newState = TcpState.synRecv;
        break;
      case X:
        return TrackVerdict.invalid;
      case TcpState.timeWait:
        if (oldState === TcpState.lastAck && this.#isChallengeAck(kind, direction)) return TrackVerdict.accept;
        break;
      case TcpState.synSent2:
        this.lastFlags |= SIMULTANEOUS_OPEN;
        break;
      case TcpState.synRecv:
        if (direction === CtDirection.reply && kind === SegmentKind.ack && (this.lastFlags & SIMULTANEOUS_OPEN) !== 0) {
          newState = TcpState.established;
        }
        break;
      case TcpState.close:
        if (kind !== SegmentKind.rst) break;
        newState = this.#reset(ct, segment, direction);
        if (newState === X) return TrackVerdict.invalid;
        checksWindow = newState !== SKIP_WINDOW;
        if (!checksWindow) newState = TcpState.close;
        break;
    }
    if (checksWindow) {
      const verdict = this.#inWindow(segment, direction);
      if (verdict === WindowVerdict.ignore) return TrackVerdict.accept;
      if (verdict === WindowVerdict.invalid) {
        this.#refused(ct, kind, direction, clock);
        return TrackVerdict.invalid;
      }
    }
    this.lastKind = kind;
    this.lastDirection = direction;
    this.state = newState;
    if (newState === TcpState.finWait && oldState !== newState) this.side(direction).flags |= SideFlag.closeInit;
    return this.#settle(ct, kind, oldState, clock);
  }

  /** Linux nf_conntrack_tcp_set_closing: this host has reset it. */
  setClosing(ct: Conntrack, clock: Clock): void {
    if (!ct.isConfirmed) return;
    if (this.state !== TcpState.close) ct.refresh(clock, TIMEOUTS[TcpState.close]!);
    this.state = TcpState.close;
  }

  /** What the connection's state makes of its time and of its being assured. */
  #settle(ct: Conntrack, kind: number, oldState: number, clock: Clock): TrackVerdict {
    let timeout = this.#timeout(kind);
    if ((ct.status & CtStatus.seenReply) === 0) {
      if (kind === SegmentKind.rst) {
        // Refused: there never was a connection (nf_ct_kill_acct).
        ct.status |= CtStatus.dying;
        return TrackVerdict.accept;
      }
      // A SYN sent again gains no time.
      if (kind === SegmentKind.syn && oldState === TcpState.synSent) return TrackVerdict.accept;
      if (this.state === TcpState.established) timeout = Math.min(timeout, PATIENCE);
    } else if (
      this.state === TcpState.established &&
      (oldState === TcpState.synRecv || oldState === TcpState.established)
    ) {
      ct.status |= CtStatus.assured;
    }
    ct.refresh(clock, timeout);
    return TrackVerdict.accept;
  }

  #timeout(kind: number): number {
    const timeout = TIMEOUTS[this.state]!;
    if (this.retransmissions >= MAX_RETRANS && timeout > PATIENCE) return PATIENCE;
    if (kind === SegmentKind.rst) return TIMEOUTS[TcpState.close]!;
    const isUnacknowledged = ((this.original.flags | this.reply.flags) & SideFlag.dataUnacknowledged) !== 0;
    return (isUnacknowledged || this.lastWindow === 0) && timeout > PATIENCE ? PATIENCE : timeout;
  }

  /** A SYN for a connection that one side has closed or reset: a new connection on the same ports. */
  #isAborted(direction: CtDirection): boolean {
    const isClosed = ((this.original.flags | this.reply.flags) & SideFlag.closeInit) !== 0;
    return isClosed || (this.lastDirection === direction && this.lastKind === SegmentKind.rst);
  }

  /**
   * A segment that may be right though the entry says otherwise: remembered, and let through. True if it is the answer
   * to a SYN that was let through before, and so puts the entry right.
   */
  #ignore(segment: Segment, direction: CtDirection): boolean {
    const { kind } = segment;
    const other = this.side(this.lastDirection);
    if (
      kind === SegmentKind.synAck &&
      this.lastKind === SegmentKind.syn &&
      this.lastDirection !== direction &&
      segment.acknowledgment === this.lastEnd
    ) {
      other.end = this.lastEnd;
      other.maxEnd = this.lastEnd;
      other.maxWindow = this.lastWindow === 0 ? 1 : this.lastWindow;
      other.scale = this.lastScale;
      this.lastFlags &= ~EXPECT_CHALLENGE_ACK;
      other.flags = this.lastFlags;
      this.side(direction).reset();
      return true;
    }
    const oldState = this.state;
    this.lastKind = kind;
    this.lastDirection = direction;
    this.lastSequence = segment.sequence;
    this.lastEnd = segment.end;
    this.lastWindow = segment.window;
    if (kind === SegmentKind.syn && direction === CtDirection.original) {
      const seen = new TcpSide();
      seen.takeOptions(segment);
      this.lastScale = seen.scale;
      this.lastFlags = seen.flags & (SideFlag.windowScale | SideFlag.sackPermitted);
      if (oldState === TcpState.lastAck) this.lastFlags |= EXPECT_CHALLENGE_ACK;
    }
    // Perhaps a challenge to the SYN (RFC 5961).
    if (oldState === TcpState.synSent && kind === SegmentKind.ack && direction === CtDirection.reply) {
      this.lastAck = segment.acknowledgment;
    }
    return false;
  }

  /** The answer to a spurious SYN, which does not acknowledge the last FIN (RFC 5961 §4). */
  #isChallengeAck(kind: number, direction: CtDirection): boolean {
    const isExpected = (this.lastFlags & EXPECT_CHALLENGE_ACK) !== 0;
    if (
      !isExpected ||
      kind !== SegmentKind.ack ||
      this.lastDirection === direction ||
      this.lastKind !== SegmentKind.syn
    ) {
      return false;
    }
    this.lastFlags &= ~EXPECT_CHALLENGE_ACK;
    return true;
  }

  /** What a reset makes of the connection: a state, {@link X}, or {@link SKIP_WINDOW}. */
  #reset(ct: Conntrack, segment: Segment, direction: CtDirection): number {
    if (this.canEarlyDrop) return SKIP_WINDOW;
    const { sequence } = segment;
    const { maxAck, flags } = this.side(1 - direction);
    const isEstablished = this.state === TcpState.established;
    let newState: number = TcpState.close;
    if ((flags & SideFlag.maxAckSet) !== 0 && this.lastKind !== SegmentKind.syn) {
      if (sequence === 0 && !isEstablished) return newState;
      if (before(sequence, maxAck)) return X;
      if (!isEstablished || sequence === maxAck) return newState;
      const isInTrain = this.lastKind === SegmentKind.ack && this.lastDirection === direction;
      if (isInTrain && sequence === this.lastEnd) return newState;
      // Not exactly where it should be: the receiver may challenge it (RFC 5961 §3.2).
      newState = this.state;
    }
    const answersSyn = (ct.status & CtStatus.seenReply) !== 0 && this.lastKind === SegmentKind.syn;
    const answersAck = (ct.status & CtStatus.assured) === 0 && this.lastKind === SegmentKind.ack;
    if ((answersSyn || answersAck) && segment.acknowledgment === this.lastEnd) return SKIP_WINDOW;
    const answersChallenge =
      this.state === TcpState.synSent &&
      this.lastKind === SegmentKind.ack &&
      this.lastDirection === CtDirection.reply &&
      sequence === this.lastAck;
    return answersChallenge ? SKIP_WINDOW : newState;
  }

  #inWindow(segment: Segment, direction: CtDirection): WindowVerdict {
    const { state } = this;
    const isSynSent = state === TcpState.synSent;
    const isOpening = isSynSent || state === TcpState.synRecv;
    const sender = this.side(direction);
    const receiver = this.side(1 - direction);
    const isReply = direction === CtDirection.reply;
    const verdict = inWindow(segment, sender, receiver, isReply, isOpening, isSynSent);
    if (verdict === WindowVerdict.accept && segment.kind === SegmentKind.ack)
      this.#countRetransmission(segment, direction);
    return verdict;
  }

  #countRetransmission(segment: Segment, direction: CtDirection): void {
    const { sequence, acknowledgment, end, window } = segment;
    if (
      this.lastDirection === direction &&
      this.lastSequence === sequence &&
      this.lastAck === acknowledgment &&
      this.lastEnd === end &&
      this.lastWindow === window
    ) {
      this.retransmissions++;
      return;
    }
    this.lastDirection = direction;
    this.lastSequence = sequence;
    this.lastAck = acknowledgment;
    this.lastEnd = end;
    this.lastWindow = window;
    this.retransmissions = 0;
  }

  /** Linux nf_tcp_handle_invalid: closed from both sides, though not as expected, it shall not stay for days. */
  #refused(ct: Conntrack, kind: number, direction: CtDirection, clock: Clock): void {
    if ((ct.status & CtStatus.assured) === 0 || (kind !== SegmentKind.rst && kind !== SegmentKind.fin)) return;
    const wasClosing = this.lastKind === SegmentKind.fin || this.lastKind === SegmentKind.rst;
    if (this.lastDirection !== direction && wasClosing) {
      if (ct.expiresAt - clock.now >= INVALID_CLOSE && ct.expiresAt - clock.now > PATIENCE) ct.refresh(clock, PATIENCE);
      return;
    }
    this.lastKind = kind;
    this.lastDirection = direction;
  }
}

/** A reset that ends the connection wherever its sequence number is. */
const SKIP_WINDOW = 12;
