/**
 * Two TCP endpoints and a cable that loses, delays, overtakes and doubles: what one writes the other reads, once and in
 * order, and both come to an end. On the wire nobody sends what was not offered room, nor takes an offer back.
 */
import { EtherType } from "@hopscope/codec/code-points";
import * as ethernet from "@hopscope/codec/ethernet";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { NetDevice } from "../../src/device.ts";
import { Errno } from "../../src/errno.ts";
import { TcpState } from "../../src/host/socket.ts";
import { TcpListener } from "../../src/host/tcp-listener.ts";
import type { TcpSocket } from "../../src/host/tcp-socket.ts";
import type { Process } from "../../src/program/process.ts";
import { Random } from "../../src/sim/random.ts";
import { B, type Faults, type Hosts, pass, run, SECOND, type SeenSegment, segmentsAt, twoHosts } from "./two-hosts.ts";

/** What a program does with its end: in turn, for as long as there is something to do. */
interface Plan {
  /** Bytes it writes in all. */
  readonly total: number;
  /** Bytes a write, and the pause after it. */
  readonly writes: readonly (readonly [number, number])[];
  /** Most bytes a read, and the pause after it. */
  readonly reads: readonly (readonly [number, number])[];
  readonly noDelay: boolean;
}

interface Cable {
  readonly seed: number;
  readonly mtu: number;
  /** Of 100. */
  readonly loss: number;
  readonly doubled: number;
  readonly delayed: number;
  readonly delayNs: number;
  readonly offload: boolean;
}

const PORT = 7000;
const LONGEST_PAUSE = 300_000_000;
/** More than this many frames in a row are not lost one way: a connection is given up at some point. */
const MOST_LOST = 2;

const pause = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2_000_000 }), fc.constant(LONGEST_PAUSE));
/** Both long and small would take days: there are this many pauses at most. */
const MOST_PAUSES = 500;
const turns = (most: number): fc.Arbitrary<[number, number][]> =>
  fc.array(fc.tuple(fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: most })), pause), {
    minLength: 1,
    maxLength: 4,
  });
const plan: fc.Arbitrary<Plan> = fc.record({
  total: fc.oneof(fc.integer({ min: 0, max: 2000 }), fc.integer({ min: 0, max: 300_000 })),
  writes: turns(100_000),
  reads: turns(200_000),
  noDelay: fc.boolean(),
});
const percent = (most: number): fc.Arbitrary<number> => fc.oneof(fc.constant(0), fc.integer({ min: 1, max: most }));
const cable: fc.Arbitrary<Cable> = fc.record({
  seed: fc.integer(),
  mtu: fc.constantFrom(576, 1450, 1500, 9000),
  loss: percent(15),
  doubled: percent(20),
  delayed: percent(40),
  delayNs: fc.constantFrom(1000, 100_000, 5_000_000, 400_000_000),
  offload: fc.boolean(),
});

const UNFINISHED: ReadonlySet<TcpState> = new Set([TcpState.finWait1, TcpState.closing, TcpState.lastAck]);

/** The byte at a place of one side's stream. */
function byteAt(side: number, at: number): number {
  return ((Math.imul(at + side, 0x9e3779b1) >>> 24) ^ (at >>> 8)) & 0xff;
}

function faultsOf({ seed, loss, doubled, delayed, delayNs }: Cable): Faults {
  const random = new Random(seed, "cable");
  const lost = new Map<NetDevice, number>();
  const usual = 20_000;
  const delay = (): number => usual + (random.below(100) < delayed ? random.below(delayNs) : 0);
  return {
    deliver: (frame, device) => {
      const { view } = device.netns.node.frames;
      // Of neighbors that do not answer other tests speak.
      if (ethernet.etherType(view, frame.start) === EtherType.arp) return [usual];
      const before = lost.get(device) ?? 0;
      if (before < MOST_LOST && random.below(100) < loss) {
        lost.set(device, before + 1);
        return [];
      }
      lost.set(device, 0);
      return random.below(100) < doubled ? [delay(), delay()] : [delay()];
    },
  };
}

/** Writes what its plan says and reads all that comes, both at their own pace; closes when both are over. */
function* talk(
  self: Process,
  socket: TcpSocket,
  side: number,
  own: Plan,
  other: Plan,
): Generator<void, number, boolean> {
  const { total, writes, reads, noDelay } = own;
  if (noDelay) socket.setNoDelay();
  let written = 0;
  let read = 0;
  let [writeAt, readAt] = [0, 0];
  let [writeTurn, readTurn] = [0, 0];
  let isShut = false;
  while (!isShut || !socket.isAtEnd) {
    const { now } = self.softnet;
    if (written < total && now >= writeAt && socket.writableLength > 0) {
      const [size, pauseNs] = writes[writeTurn++ % writes.length]!;
      const length = Math.min(Math.max(size, Math.ceil(total / MOST_PAUSES)), total - written);
      written += socket.write(Uint8Array.from({ length }, (_, at) => byteAt(side, written + at)));
      writeAt = self.softnet.now + pauseNs;
    } else if (socket.readableLength > 0 && now >= readAt) {
      const [size, pauseNs] = reads[readTurn++ % reads.length]!;
      for (const byte of socket.read(Math.max(size, Math.ceil(other.total / MOST_PAUSES)))) {
        if (byte !== byteAt(1 - side, read)) throw new Error(`side ${side}: byte ${read} is not what was written`);
        read++;
      }
      readAt = self.softnet.now + pauseNs;
    } else if (written === total && !isShut) {
      socket.shutdown();
      isShut = true;
    } else {
      // What is waited for with a time; the rest wakes by itself.
      const times = [];
      if (written < total && socket.writableLength > 0) times.push(writeAt);
      if (socket.readableLength > 0) times.push(readAt);
      yield* self.poll(Math.min(...times));
      const error = socket.takeError();
      if (error !== Errno.none) throw new Error(`side ${side}: error ${error} after ${read} bytes`);
    }
  }
  // What nobody waits for is given up soon (tcp_orphan_retries).
  while (UNFINISHED.has(socket.state)) yield* self.poll();
  self.close(socket);
  return read;
}

/** How much each side read in the end; undefined for one that is not done. */
function converse(hosts: Hosts, client: Plan, server: Plan): (number | undefined)[] {
  const read: (number | undefined)[] = [undefined, undefined];
  run(hosts.b, function* (self) {
    const listener = hosts.b.tcp.listen(0, PORT);
    if (!(listener instanceof TcpListener)) throw new Error(`listen: ${listener}`);
    self.own(listener);
    let socket = listener.accept();
    while (socket === undefined) {
      yield* self.poll();
      socket = listener.accept();
    }
    self.own(socket);
    read[1] = yield* talk(self, socket, 1, server, client);
    return 0;
  });
  run(hosts.a, function* (self) {
    const socket = self.own(hosts.a.tcp.connect(B, PORT));
    while (socket.state === TcpState.synSent) yield* self.poll();
    if (socket.state === TcpState.close) throw new Error(`connect: ${socket.takeError()}`);
    read[0] = yield* talk(self, socket, 0, client, server);
    return 0;
  });
  return read;
}

/** What must be true of all that a host sends, as seen at its device. */
function checkSender(segments: readonly SeenSegment[]): void {
  // Both have a window scale of 10 (net.ipv4.tcp_rmem); a SYN's window is not scaled.
  const right = ({ flags, ack, window }: SeenSegment): number => ack + (flags.includes("S") ? window : window << 10);
  let offered = 0;
  let offer = 0;
  let received = 0;
  let sent = 0;
  for (const segment of segments) {
    const { flags, seq, ack, data } = segment;
    const end = seq + data + (flags.includes("S") ? 1 : 0) + (flags.includes("F") ? 1 : 0);
    if (segment.direction === "in") {
      received = Math.max(received, end);
      offered = Math.max(offered, right(segment));
      expect(ack, "acknowledged").toBeLessThanOrEqual(sent);
      continue;
    }
    sent = Math.max(sent, end);
    if (data > 0) expect(seq + data, "end of data").toBeLessThanOrEqual(offered);
    if (!flags.includes("A") || flags.includes("R")) continue;
    expect(ack, "acknowledges").toBeLessThanOrEqual(received);
    // A window does not shrink (RFC 9293 §3.8.6).
    expect(right(segment), "right edge of the window").toBeGreaterThanOrEqual(offer);
    offer = right(segment);
  }
}

describe("a bad cable", () => {
  test("both streams arrive, once and in order, and nothing is left", { timeout: 600_000 }, () => {
    fc.assert(
      fc.property(cable, plan, plan, (given, client, server) => {
        const hosts = twoHosts(given.mtu, faultsOf(given), given.seed);
        for (const link of hosts.links) {
          if (!given.offload) link.setOffloads({ tx: false, tso: false, gso: false, gro: false });
        }
        hosts.recorder.start();
        const read = converse(hosts, client, server);
        // Round trips that are measured by acknowledgments that were lost and sent again make timeouts long.
        for (let hour = 0; hour < 100 && read.includes(undefined); hour++) pass(hosts, 3600 * SECOND);
        expect(read).toEqual([server.total, client.total]);
        for (const device of hosts.links) checkSender(segmentsAt(hosts.recorder, device));
        // TIME_WAIT is over.
        pass(hosts, 200 * SECOND);
        expect([...hosts.a.tcp.entries, ...hosts.b.tcp.entries]).toEqual([]);
        expect(hosts.frames.live).toBe(0);
      }),
      { numRuns: 100 },
    );
  });
});
