/** Super-frames: cut where a device is to, merged where segments arrive together (recordings s03, s05b). */
import { ChecksumStatus, pseudoHeader4 } from "@hopscope/codec/checksum";
import * as ethernet from "@hopscope/codec/ethernet";
import * as ipv4 from "@hopscope/codec/ipv4";
import * as tcp from "@hopscope/codec/tcp";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Checksum, type Frame } from "../../src/frame.ts";
import { checksumHelp, fillPartialChecksum } from "../../src/host/checksum-help.ts";
import { Gro } from "../../src/host/gro.ts";
import { longestSegment, segment, segmentCount } from "../../src/host/gso.ts";
import type { Netns } from "../../src/netns.ts";
import { Lab } from "../engine/lab.ts";
import { ip } from "../engine/overlay-plan.ts";

const { ack, psh, fin, cwr, syn } = tcp.TcpFlag;

interface TcpOptions {
  readonly length: number;
  readonly gsoSize?: number;
  readonly flags?: number;
  readonly sequence?: number;
  readonly identification?: number;
  readonly srcPort?: number;
  readonly timestamp?: number;
  readonly ttl?: number;
  readonly tos?: number;
  readonly window?: number;
}

class TcpLab extends Lab {
  readonly a: Netns = this.netns("a");

  /** A frame as TCP hands it over: checksum partial. */
  frame(options: TcpOptions): Frame {
    const { length, gsoSize = 0, flags = ack, sequence = 1000, identification = 500, srcPort = 80 } = options;
    const { timestamp = 1, ttl = 64, tos = 0, window = 63 } = options;
    const payload = Uint8Array.from({ length }, (_, index) => (sequence + index) & 0xff);
    const stamps = Uint8Array.of(1, 1, 8, 10, 0, 0, 0, timestamp, 0, 0, 0, 9);
    const segmentBytes = tcp.encode(
      { srcPort, dstPort: 51_128, sequence, acknowledgment: 7, flags, window, options: stamps },
      payload,
    );
    const addresses = { srcIp: ip("10.0.9.5"), dstIp: ip("10.0.9.3") };
    const packet = ipv4.encode(
      { protocol: 6, identification, dontFragment: true, ttl, tos, ...addresses },
      segmentBytes,
    );
    const bytes = ethernet.encode({ srcMac: 5, dstMac: 3, etherType: 0x0800 }, packet);
    const frame = this.frames.allocate(bytes.length)!;
    this.frames.bytes.set(bytes, frame.start);
    fillPartialChecksum(this.frames.view, frame.start + 14, frame.end);
    frame.csum = Checksum.partial;
    frame.gsoSize = gsoSize;
    return frame;
  }

  describe(frame: Frame): Record<string, unknown> {
    const { view, bytes } = this.frames;
    const at = frame.start + 14;
    const tcpAt = at + 20;
    const pseudo = pseudoHeader4(ipv4.srcIp(view, at), ipv4.dstIp(view, at), 6, frame.end - tcpAt);
    return {
      length: ipv4.totalLength(view, at),
      id: ipv4.identification(view, at),
      sequence: tcp.sequence(view, tcpAt),
      flags: tcp.flags(view, tcpAt),
      isHeaderRight: ipv4.isChecksumValid(view, at) && ipv4.totalLength(view, at) === frame.end - at,
      checksum: tcp.verifyChecksum(view, tcpAt, frame.end, pseudo),
      payload: bytes.slice(tcp.payloadStart(view, tcpAt), frame.end).length,
      csum: frame.csum,
      gsoSize: frame.gsoSize,
    };
  }

  payload(frame: Frame): Uint8Array {
    const { view, bytes } = this.frames;
    return bytes.slice(tcp.payloadStart(view, frame.start + 34), frame.end);
  }

  segments(frame: Frame, keepsPartial: boolean = false): Frame[] {
    const parts: Frame[] = [];
    segment(this.a, frame, (part) => parts.push(part), keepsPartial);
    return parts;
  }
}

describe("a super-frame", () => {
  test("becomes the segments that s03 shows: 6990 bytes in five, identifications in a row, PSH in the last", () => {
    const lab = new TcpLab();
    const frame = lab.frame({ length: 6990, gsoSize: 1398, flags: ack | psh, identification: 51_641 });
    expect(segmentCount(lab.frames, frame)).toBe(5);
    expect(longestSegment(lab.frames, frame)).toBe(1450);
    const parts = lab.segments(frame).map((part) => lab.describe(part));
    expect(parts).toEqual(
      [0, 1, 2, 3, 4].map((index) => ({
        length: 1450,
        id: 51_641 + index,
        sequence: 1000 + 1398 * index,
        flags: index === 4 ? ack | psh : ack,
        isHeaderRight: true,
        checksum: ChecksumStatus.valid,
        payload: 1398,
        csum: Checksum.complete,
        gsoSize: 0,
      })),
    );
  });

  test("FIN is in the last only, CWR in the first only; sequence numbers and identifications wrap", () => {
    const lab = new TcpLab();
    const frame = lab.frame({
      length: 25,
      gsoSize: 10,
      flags: ack | fin | cwr,
      sequence: 0xfffffff0,
      identification: 0xffff,
    });
    const parts = lab.segments(frame).map((part) => lab.describe(part));
    expect(parts.map(({ flags }) => flags)).toEqual([ack | cwr, ack, ack | fin]);
    expect(parts.map(({ sequence }) => sequence)).toEqual([0xfffffff0, 0xfffffffa, 4]);
    expect(parts.map(({ id }) => id)).toEqual([0xffff, 0, 1]);
  });

  test("keeps partial checksums for a device that completes them", () => {
    const lab = new TcpLab();
    const parts = lab.segments(lab.frame({ length: 30, gsoSize: 10 }), true).map((part) => lab.describe(part));
    expect(parts.map(({ csum }) => csum)).toEqual([1, 1, 1]);
    expect(parts.every(({ checksum }) => checksum === ChecksumStatus.partial)).toBe(true);
  });

  test("that memory does not suffice for is dropped with a reason", () => {
    const lab = new TcpLab();
    const frame = lab.frame({ length: 6990, gsoSize: 1398 });
    while (lab.frames.available > 2) lab.frames.allocate(10);
    const live = lab.frames.live - 1;
    const parts = lab.segments(frame);
    expect(lab.frames.live).toBe(live + parts.length);
    expect(parts).toHaveLength(2);
    expect([...lab.recorder.unreported]).toHaveLength(1);
  });
});

describe("segments that arrive together", () => {
  const merge = (lab: TcpLab, list: readonly TcpOptions[]): Frame[] => {
    const gro = new Gro(lab.frames, lab.recorder);
    for (const options of list) {
      const frame = lab.frame(options);
      // As from the wire.
      checksumHelp(lab.frames, frame);
      gro.receive(frame);
    }
    const ready: Frame[] = [];
    gro.flush({ receive: (frame) => ready.push(frame) });
    return ready;
  };
  const row = (
    count: number,
    length: number,
    change: (index: number) => Partial<TcpOptions> = () => ({}),
  ): TcpOptions[] =>
    Array.from({ length: count }, (_, index) => ({
      length,
      sequence: 1000 + index * length,
      identification: 500 + index,
      ...change(index),
    }));

  test("are the super-frame again that was cut", () => {
    const lengths = fc.integer({ min: 1, max: 20_000 });
    fc.assert(
      fc.property(
        lengths,
        fc.integer({ min: 500, max: 1448 }),
        fc.constantFrom(ack, ack | psh, ack | fin),
        (length, gsoSize, flags) => {
          const lab = new TcpLab();
          const frame = lab.frame({ length, gsoSize, flags });
          const bytes = lab.frames.bytes.slice(frame.start, frame.end);
          const count = segmentCount(lab.frames, frame);
          const gro = new Gro(lab.frames, lab.recorder);
          for (const part of lab.segments(frame)) gro.receive(part);
          const ready: Frame[] = [];
          gro.flush({ receive: (each) => ready.push(each) });
          expect(ready).toHaveLength(1);
          const [merged] = ready as [Frame];
          if (count > 1) {
            expect(lab.frames.bytes.slice(merged.start, merged.end)).toEqual(bytes);
            expect([merged.csum, merged.gsoSize]).toEqual([Checksum.partial, gsoSize]);
          } else expect([merged.csum, merged.gsoSize]).toEqual([Checksum.complete, 0]);
          expect(lab.frames.live).toBe(1);
        },
      ),
      { numRuns: 40 },
    );
  });

  test("a push ends a frame, and so does a shorter segment", () => {
    const lab = new TcpLab();
    const list = row(5, 100, (index) => (index === 1 ? { flags: ack | psh } : {}));
    expect(merge(lab, list).map((frame) => lab.payload(frame).length)).toEqual([200, 300]);
    const shorter = row(4, 100, (index) =>
      index === 1 ? { length: 50 } : index > 1 ? { sequence: 1050 + index * 100 - 100 } : {},
    );
    expect(merge(lab, shorter).map((frame) => lab.payload(frame).length)).toEqual([150, 200]);
  });

  test("are not merged if anything but length, checksum and flags of the end differs", () => {
    const changes: ((index: number) => Partial<TcpOptions>)[] = [
      (index) => ({ identification: 500 + 2 * index }),
      (index) => ({ sequence: 1000 + 200 * index }),
      (index) => ({ timestamp: index }),
      (index) => ({ ttl: 60 + index }),
      (index) => ({ tos: index * 4 }),
      (index) => ({ window: 60 + index }),
      (index) => ({ srcPort: 80 + index }),
      (index) => ({ flags: index === 0 ? ack : ack | cwr }),
      () => ({ flags: ack | syn }),
      () => ({ length: 0, sequence: 1000 }),
    ];
    for (const change of changes) {
      const lab = new TcpLab();
      const ready = merge(lab, row(2, 100, change));
      expect(ready.map((frame) => frame.gsoSize)).toEqual([0, 0]);
      expect(lab.frames.live).toBe(2);
    }
  });

  test("with one identification for all, as some senders have with DF, are merged", () => {
    const lab = new TcpLab();
    expect(
      merge(
        lab,
        row(3, 100, () => ({ identification: 0 })),
      ).map((frame) => frame.gsoSize),
    ).toEqual([100]);
    // But not one way first and then the other.
    const mixed = row(3, 100, (index) => ({ identification: [0, 0, 2][index]! }));
    expect(merge(lab, mixed).map((frame) => lab.payload(frame).length)).toEqual([200, 100]);
  });

  test("two flows at once are kept apart, and what is no data goes first", () => {
    const lab = new TcpLab();
    const list = row(4, 100, (index) => ({
      srcPort: 80 + (index % 2),
      sequence: 1000 + (index >> 1) * 100,
      identification: 500 + (index >> 1),
    }));
    const ready = merge(lab, [...list, { length: 0, srcPort: 99 }]);
    expect(ready.map((frame) => lab.payload(frame).length)).toEqual([0, 200, 200]);
  });

  test("with a wrong checksum are left alone", () => {
    const lab = new TcpLab();
    const gro = new Gro(lab.frames, lab.recorder);
    const [first, second] = lab.segments(lab.frame({ length: 200, gsoSize: 100 })) as [Frame, Frame];
    lab.frames.view.setUint8(second.end - 1, 0xee);
    gro.receive(first);
    gro.receive(second);
    const ready: Frame[] = [];
    gro.flush({ receive: (frame) => ready.push(frame) });
    expect(ready).toEqual([second, first]);
  });

  test("never become more than 64 KiB", () => {
    const lab = new TcpLab();
    const ready = merge(lab, row(50, 1400));
    const lengths = ready.map((frame) => frame.end - frame.start - 14);
    expect(lengths.every((length) => length < 65_536)).toBe(true);
    expect(ready.reduce((sum, frame) => sum + lab.payload(frame).length, 0)).toBe(70_000);
  });
});
