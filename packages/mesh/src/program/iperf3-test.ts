/**
 * One side of a test of iperf3 while it runs (src/iperf_api.c: iperf_send, iperf_recv, iperf_check_throttle;
 * src/iperf_tcp.c; src/iperf_udp.c; src/iperf_client_api.c, iperf_run_client): sends or receives, counts, and reports.
 */
import { Errno } from "../errno.ts";
import { TcpSocket } from "../host/tcp-socket.ts";
import type { UdpSocket } from "../host/udp-socket.ts";
import type { Results } from "./iperf3-control.ts";
import type { CommonOptions, TestParameters } from "./iperf3-options.ts";
import { headerOf, type Interval, intervalLine, outOfOrderLine, SEPARATOR, summaryHeaderOf } from "./iperf3-report.ts";
import type { ProgramContext } from "./program.ts";

/** Writes before a sender looks after anything else (test->multisend). */
const BATCH = 10;
/** `--pacing-timer`: how often a sender with a rate looks whether it may go on. */
const TICK = 1_000_000;
/** What a write takes of a process' time. */
const WRITE = 3_000;
/** A datagram's time and number. */
const DATAGRAM_HEADER = 12;

/** Why a side stopped: it has done what it was to do, the other says something, or is gone, or a call failed. */
export type Outcome = "done" | "closed" | { readonly state: number } | { readonly error: Errno };

export interface Side {
  readonly isSender: boolean;
  /** Decides about the end. */
  readonly isClient: boolean;
}

export class Iperf3Test {
  readonly isSender: boolean;
  readonly #isClient: boolean;
  readonly #context: ProgramContext;
  readonly #stream: TcpSocket | UdpSocket;
  readonly #test: TestParameters;
  readonly #options: CommonOptions;
  readonly #startedAt: number;
  readonly #block: Uint8Array;
  #bytes = 0;
  #blocks = 0;
  /** Number of the last datagram sent, or the highest received. */
  #datagrams = 0;
  #lost = 0;
  #outOfOrder = 0;
  #jitter = 0;
  #transit = 0;
  #endedAt = 0;
  /** The counters when the last report was made. */
  #reported = { at: 0, bytes: 0, datagrams: 0, lost: 0, retransmits: 0 };

  constructor(
    context: ProgramContext,
    stream: TcpSocket | UdpSocket,
    test: TestParameters,
    options: CommonOptions,
    { isSender, isClient }: Side,
  ) {
    this.isSender = isSender;
    this.#isClient = isClient;
    this.#context = context;
    this.#stream = stream;
    this.#test = test;
    this.#options = options;
    this.#startedAt = context.process.softnet.now;
    // As with --repeating-payload.
    this.#block = Uint8Array.from({ length: test.blockLength }, (_, at) => 0x30 + (at % 10));
    context.print(headerOf(test.isUdp, isSender, isClient));
  }

  get #elapsed(): number {
    return this.#context.process.softnet.now - this.#startedAt;
  }

  /** Until it has done its part, or `control` says something. `look` is called each time that something may have come. */
  *run(control: TcpSocket, look: () => void = () => {}): Generator<void, Outcome, boolean> {
    const { process } = this.#context;
    for (;;) {
      look();
      if (control.readableLength > 0) return { state: control.read(1)[0]! };
      if (control.isAtEnd || control.takeError() !== Errno.none) return "closed";
      if (this.#isClient && this.#isOver()) return "done";
      const before = this.#blocks;
      const error = this.isSender ? this.#send() : this.#receive();
      if (error !== Errno.none) return { error };
      this.#reportIntervals();
      const sent = this.isSender ? this.#blocks - before : 0;
      if (sent > 0) yield* process.think("iperf3.write", WRITE * sent);
      else if (!this.#isClient || !this.#isOver()) yield* process.poll(this.#startedAt + this.#nextAt());
    }
  }

  /** Nothing more is counted. */
  end(): void {
    this.#endedAt = this.#elapsed;
    this.#reportIntervals();
    const { at, bytes } = this.#reported;
    const { intervalNs } = this.#options;
    // A rest without anything in it is not worth a line.
    if (this.#bytes > bytes || this.#endedAt - at >= intervalNs / 10) this.#report(this.#endedAt);
  }

  get results(): Results {
    const { isUdp } = this.#test;
    return {
      bytes: this.#bytes,
      retransmits: this.isSender ? this.#retransmits : undefined,
      jitter: this.isSender ? 0 : this.#jitter,
      lost: this.#lost,
      datagrams: isUdp ? this.#datagrams : 0,
      endedAt: this.#endedAt,
    };
  }

  /** Prints what was sent and received in all; `peer`: what the other side says. */
  summarize(peer: Results | undefined): void {
    const { print } = this.#context;
    const { format } = this.#options;
    const { isUdp } = this.#test;
    const own = this.results;
    print(SEPARATOR);
    print(summaryHeaderOf(isUdp, this.isSender || peer?.retransmits !== undefined));
    const [sender, receiver] = this.isSender ? [own, peer] : [peer, own];
    if (sender !== undefined) print(intervalLine(totalOf({ ...sender, jitter: 0, lost: 0 }, isUdp), format, "sender"));
    if (receiver === undefined) return;
    const total = totalOf({ ...receiver, retransmits: undefined }, isUdp);
    print(intervalLine(total, format, "receiver"));
    if (!this.isSender && this.#outOfOrder > 0) print(outOfOrderLine(total, this.#outOfOrder));
  }

  /** Linux tcpi_total_retrans; iperf3 has none of UDP. */
  get #retransmits(): number | undefined {
    return this.#stream instanceof TcpSocket ? this.#stream.totalRetransmits : undefined;
  }

  #isFull(): boolean {
    const { bytes, blocks } = this.#test;
    return (bytes > 0 && this.#bytes >= bytes) || (blocks > 0 && this.#blocks >= blocks);
  }

  #isOver(): boolean {
    const { timeNs } = this.#test;
    return (timeNs > 0 && this.#elapsed >= timeNs) || this.#isFull();
  }

  /** Nanoseconds since its beginning when it has something to do, whatever comes. */
  #nextAt(): number {
    const { timeNs, rate } = this.#test;
    const { intervalNs } = this.#options;
    const end = this.#isClient && timeNs > 0 ? timeNs : Number.POSITIVE_INFINITY;
    const report = intervalNs > 0 ? this.#reported.at + intervalNs : Number.POSITIVE_INFINITY;
    const isPaced = this.isSender && rate > 0 && !this.#isFull() && !this.#mayGoOn();
    return Math.min(end, report, isPaced ? Math.ceil((this.#bytes * 8e9) / rate / TICK) * TICK : end);
  }

  #mayGoOn(): boolean {
    const { rate } = this.#test;
    return rate === 0 || this.#bytes * 8e9 <= rate * this.#elapsed;
  }

  #send(): Errno {
    const stream = this.#stream;
    for (let count = 0; count < BATCH && !this.#isFull() && this.#mayGoOn(); count++) {
      if (stream instanceof TcpSocket) {
        if (stream.writableLength <= 0) return stream.takeError();
        this.#bytes += stream.write(this.#block);
      } else {
        this.#stamp();
        const error = stream.send(this.#block);
        if (error !== Errno.none) return error;
        this.#bytes += this.#block.length;
      }
      this.#blocks++;
    }
    return Errno.none;
  }

  /** iperf_udp_send: seconds, microseconds, number. */
  #stamp(): void {
    const view = new DataView(this.#block.buffer);
    const { now } = this.#context.process.softnet;
    view.setUint32(0, Math.floor(now / 1e9));
    view.setUint32(4, Math.floor((now % 1e9) / 1000));
    view.setUint32(8, ++this.#datagrams);
  }

  #receive(): Errno {
    const stream = this.#stream;
    if (stream instanceof TcpSocket) {
      while (stream.readableLength > 0) {
        this.#bytes += stream.read(this.#test.blockLength).length;
        this.#blocks++;
      }
      return stream.takeError();
    }
    for (let datagram = stream.receive(); datagram !== undefined; datagram = stream.receive()) {
      if (datagram.bytes.length >= DATAGRAM_HEADER) this.#count(datagram.bytes);
    }
    return stream.takeError();
  }

  /** iperf_udp_recv; jitter as RFC 1889 §6.3.1 has it. */
  #count(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const number = view.getUint32(8);
    if (number > this.#datagrams) {
      this.#lost += number - 1 - this.#datagrams;
      this.#datagrams = number;
    } else {
      this.#outOfOrder++;
      if (this.#lost > 0) this.#lost--;
    }
    const sentAt = view.getUint32(0) + view.getUint32(4) / 1e6;
    const transit = Math.floor(this.#context.process.softnet.now / 1000) / 1e6 - sentAt;
    if (this.#bytes === 0) this.#transit = transit;
    this.#jitter += (Math.abs(transit - this.#transit) - this.#jitter) / 16;
    this.#transit = transit;
    this.#bytes += bytes.length;
    this.#blocks++;
  }

  #reportIntervals(): void {
    const { intervalNs } = this.#options;
    if (intervalNs === 0) return;
    while (this.#elapsed >= this.#reported.at + intervalNs) this.#report(this.#reported.at + intervalNs);
  }

  #report(to: number): void {
    const { print } = this.#context;
    const { at, bytes, datagrams, lost, retransmits } = this.#reported;
    const stream = this.#stream;
    const now = {
      at: to,
      bytes: this.#bytes,
      datagrams: this.#datagrams,
      lost: this.#lost,
      retransmits: this.#retransmits ?? 0,
    };
    this.#reported = now;
    let interval: Interval = { from: at, to, bytes: now.bytes - bytes };
    if (this.#test.isUdp) interval = { ...interval, datagrams: now.datagrams - datagrams };
    if (this.#test.isUdp && !this.isSender) interval = { ...interval, jitter: this.#jitter, lost: now.lost - lost };
    if (this.isSender && stream instanceof TcpSocket) {
      const cwnd = stream.sndCwnd * stream.mssCache;
      interval = { ...interval, retransmits: now.retransmits - retransmits, cwnd };
    }
    print(intervalLine(interval, this.#options.format));
  }
}

function totalOf({ bytes, retransmits, jitter, lost, datagrams, endedAt }: Results, isUdp: boolean): Interval {
  const total = { from: 0, to: endedAt, bytes };
  if (isUdp) return { ...total, datagrams, jitter, lost };
  return retransmits === undefined ? total : { ...total, retransmits };
}
