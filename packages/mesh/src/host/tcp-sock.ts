/**
 * The state of a TCP connection (Linux include/linux/tcp.h, struct tcp_sock; include/net/inet_connection_sock.h). Fields
 * only, named after the kernel's: the functions that work on them are in the tcp-….ts files, each after the kernel file
 * that it mirrors. Times are nanoseconds where the name ends in `At`, microseconds where it ends in `Us`, as the kernel's.
 */
import { Errno } from "../errno.ts";
import type { Netns } from "../netns.ts";
import type { Softnet } from "../sim/softnet.ts";
import type { Waiter } from "../program/process.ts";
import type { NetDevice } from "../device.ts";
import type { AfOps } from "./af-ops.ts";
import { ByteRing } from "./byte-ring.ts";
import type { Dst } from "./route.ts";
import { TcpState } from "./socket.ts";
import type { Tcp } from "./tcp.ts";
import { TcpBacklog } from "./tcp-backlog.ts";
import { TcpCubic } from "./tcp-cubic.ts";
import { TcpEntry } from "./tcp-entry.ts";
import { TcpReceiveQueue } from "./tcp-receive-queue.ts";
import { TcpSegment } from "./tcp-segment.ts";
import { TcpSendQueue } from "./tcp-skb.ts";
import type { Timer } from "./tcp-timer.ts";

/** Congestion avoidance states (enum tcp_ca_state). */
export const TcpCa = { open: 0, disorder: 1, cwr: 2, recovery: 3, loss: 4 } as const;
export type TcpCa = (typeof TcpCa)[keyof typeof TcpCa];

/** Which timer the retransmission timer stands for (icsk_pending). */
export const TcpTimerKind = { none: 0, retransmit: 1, lossProbe: 2, reorder: 3, probe0: 4 } as const;
export type TcpTimerKind = (typeof TcpTimerKind)[keyof typeof TcpTimerKind];

/** What is known about an acknowledgment that is owed (icsk_ack.pending). */
export const AckPending = { scheduled: 1, timer: 2, pushed: 4, pushed2: 8, now: 16 } as const;

/** TCP_NODELAY, TCP_CORK, and "send it now" (tp->nonagle). */
export const Nagle = { none: 0, off: 1, cork: 2, push: 4 } as const;

export const NEVER: number = Number.POSITIVE_INFINITY;
export const TCP_INIT_CWND = 10;
export const INFINITE_SSTHRESH = 0x7fffffff;
/** The least and greatest timeouts of retransmissions, and the first (TCP_RTO_MIN, TCP_RTO_MAX, TCP_TIMEOUT_INIT). */
export const RTO_MIN_US = 200_000;
export const RTO_MAX_US = 120_000_000;
export const TIMEOUT_INIT_US = 1_000_000;
/** TCP_ATO_MIN, TCP_DELACK_MAX. */
export const ATO_MIN_US = 40_000;
export const DELACK_MAX_US = 200_000;
/** A default that nobody should need (TCP_MSS_DEFAULT), and the least (TCP_MIN_MSS). */
export const MSS_DEFAULT = 536;
export const MIN_MSS = 88;

export abstract class TcpSock extends TcpEntry {
  readonly tcp: Tcp;
  readonly netns: Netns;
  /** icsk_af_ops */
  readonly af: AfOps;
  readonly softnet: Softnet;
  /** sk_wq: who is told. */
  waiter: Waiter | undefined = undefined;
  state: TcpState = TcpState.close;
  /** Its neighbor is there, for it has answered; to be told with the next packet (sk_dst_pending_confirm). */
  isConfirmed = false;
  /** The route to the other side. */
  dst: Dst | undefined = undefined;
  error: Errno = Errno.none;
  /** Something that may pass, to be told if it does not. */
  softError: Errno = Errno.none;
  /** RCV_SHUTDOWN, SEND_SHUTDOWN. */
  isReadShut = false;
  isWriteShut = false;
  /** The other side's FIN is counted in `rcvNxt`. */
  hasFin = false;
  /** No program has it any more (SOCK_DEAD). */
  isOrphan = false;
  /** A process is in a system call on it: what arrives waits (sk_lock.owned, sk_backlog). */
  isOwned = false;
  readonly backlog: TcpBacklog;
  /** An acknowledgment is to be sent when the process is done (TCP_ACK_DEFERRED). */
  isAckDeferred = false;
  boundDevice: NetDevice | undefined = undefined;
  tos = 0;
  ttl = 64;
  /** IPv6's flow label is made of it (sk_txhash). */
  txHash = 0;
  /** Identification of the next packet (inet_id). */
  identification = 0;
  keepOpen = false;
  keepIdleUs = 7_200_000_000;
  keepIntervalUs = 75_000_000;
  keepProbes = 9;
  /** SO_LINGER with a time of zero: closing resets. */
  lingersNot = false;

  // Sending.
  readonly sendQueue: TcpSendQueue = new TcpSendQueue();
  readonly sendRing: ByteRing = new ByteRing();
  sndUna = 0;
  /** Bytes of the other side's acknowledgments in all (bytes_acked). */
  bytesAcked = 0;
  sndNxt = 0;
  writeSeq = 0;
  pushedSeq = 0;
  /** End of the last segment that was not full (snd_sml). */
  sndSml = 0;
  sndWnd = 0;
  /** Sequence number of the segment that brought that window (snd_wl1). */
  sndWl1 = 0;
  maxWindow = 0;
  mssCache: number = MSS_DEFAULT;
  /** The other side's, less than which this side's path may be. */
  mssClamp: number = MSS_DEFAULT;
  /** What this side offers. */
  advmss: number = MSS_DEFAULT;
  /** The path MTU that `mssCache` was computed from. */
  pmtuCookie = 0;
  headerLength = 20;
  gsoSegs = 0;
  nonagle: number = Nagle.none;
  /** Memory that may be used for what is to be sent, and that is (sk_sndbuf, sk_wmem_queued). */
  sndbuf = 16_384;
  wmemQueued = 0;
  isSndbufLocked = false;
  /** A program waits for room (SOCK_NOSPACE). */
  wantsSpace = false;
  lastSentAt = 0;
  /** When the other side last acknowledged something (rcv_tstamp). */
  lastAckAt = 0;
  /** When a segment outside of the window was last answered (last_oow_ack_time). */
  lastOutOfWindowAt: number = -NEVER;

  // Receiving.
  readonly receiveQueue: TcpReceiveQueue = new TcpReceiveQueue();
  /** The segment that is being looked at. */
  readonly segment: TcpSegment = new TcpSegment();
  rcvNxt = 0;
  copiedSeq = 0;
  /** `rcvNxt` when a window was last offered, and that window. */
  rcvWup = 0;
  rcvWnd = 0;
  rcvSsthresh = 0;
  windowClamp = 0;
  rcvbuf = 131_072;
  /** How much of the buffer's memory is data, of 256 (scaling_ratio). */
  scalingRatio = 128;
  /** Bytes read in a round trip, where and when it began (rcvq_space). */
  rcvqSpace = 0;
  rcvqSeq = 0;
  rcvqAt = 0;
  /** Eight times the round trip as the receiver sees it; where and when its measure began (rcv_rtt_est). */
  rcvRttUs = 0;
  rcvRttSeq = 0;
  rcvRttAt = 0;
  rcvRttLastEcho = 0;
  ackPending = 0;
  ackQuick = 0;
  ackPingpong = 0;
  atoUs = 0;
  ackTimeoutAt: number = NEVER;
  lastReceivedAt = 0;
  lastSegmentSize = 0;
  rcvMss: number = MSS_DEFAULT;

  // Options (rx_opt).
  hasTimestamps = false;
  hasSack = false;
  hasWindowScale = false;
  sndWscale = 0;
  rcvWscale = 0;
  tsRecent = 0;
  tsRecentAt = -1;
  /** Added to the clock's milliseconds: nobody is to know how long this machine runs. */
  tsOffset = 0;

  // Congestion.
  caState: TcpCa = TcpCa.open;
  sndCwnd: number = TCP_INIT_CWND;
  sndCwndCount = 0;
  sndCwndUsed = 0;
  sndCwndAt = 0;
  sndSsthresh: number = INFINITE_SSTHRESH;
  priorCwnd = 0;
  priorSsthresh = 0;
  prrDelivered = 0;
  prrOut = 0;
  isCwndLimited = false;
  maxPacketsOut = 0;
  cwndUsageSeq = 0;
  /** In segments: sent, of these sacked, lost, sent again. */
  packetsOut = 0;
  sackedOut = 0;
  lostOut = 0;
  retransOut = 0;
  highSeq = 0;
  undoMarker = 0;
  undoRetransmissions = 0;
  reordering = 3;
  reorderSeen = false;
  /** End of what was delivered beyond the cumulative acknowledgment (tcp_highest_sack_seq). */
  fackedSeq = 0;
  /** Segments that have arrived, and that were thought lost, in all. */
  delivered = 0;
  lost = 0;
  readonly cubic: TcpCubic = new TcpCubic();
  rackSentAt = -1;
  rackEndSeq = 0;
  rackRttUs = 0;
  rackAdvanced = false;
  tlpHighSeq = 0;
  isTlpRetransmission = false;

  // Round trips and timers.
  srttUs = 0;
  mdevUs = 0;
  mdevMaxUs = 0;
  rttvarUs = 0;
  rttSeq = 0;
  minRttUs: number = NEVER;
  rtoUs: number = TIMEOUT_INIT_US;
  backoff = 0;
  retransmits = 0;
  /** Timeouts since the last acknowledgment of something new, for SYNs (total_rto). */
  totalRto = 0;
  /** When the SYN+ACK of an accepted connection was sent, once; -1: none, or several times. */
  synAckSentAt = -1;
  firstRetransmitAt = 0;
  /** Segments sent again in all (total_retrans). */
  totalRetransmits = 0;
  probesOut = 0;
  timerKind: TcpTimerKind = TcpTimerKind.none;
  timerAt: number = NEVER;
  keepaliveAt: number = NEVER;

  constructor(tcp: Tcp, netns: Netns, af: AfOps) {
    super();
    this.tcp = tcp;
    this.netns = netns;
    this.af = af;
    this.backlog = new TcpBacklog(netns.node.frames, netns.node.recorder);
    this.softnet = netns.node.softnet;
  }

  /** Bytes that can be read. */
  get readableLength(): number {
    return ((this.rcvNxt - this.copiedSeq) | 0) - (this.hasFin ? 1 : 0);
  }

  /** Wakes the timer at a time, if nothing does so before. */
  abstract schedule(timer: Timer, at: number): void;

  /** Linux tcp_done: nothing more happens. */
  abstract done(): void;

  /** Linux tcp_done_with_error. */
  abstract fail(error: Errno): void;

  /** Linux tcp_time_wait: what is left of the connection needs no socket. `us` 0: as long as TIME_WAIT is. */
  abstract timeWait(state: TcpState, us: number): void;
}
