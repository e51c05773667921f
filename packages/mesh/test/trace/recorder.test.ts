import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FramePool } from "../../src/frame.ts";
import { DropReason } from "../../src/trace/drop-reason.ts";
import { Direction, Recorder } from "../../src/trace/recorder.ts";
import { StepKind } from "../../src/trace/step.ts";

interface Hop {
  readonly time: number;
  readonly packet: number;
  readonly bytes: readonly number[];
  readonly steps: number[];
}

const stepsOf = (recorder: Recorder, hop: number): (readonly [StepKind, number])[] => {
  const steps: (readonly [StepKind, number])[] = [];
  recorder.steps(hop, (kind, a) => steps.push([kind, a]));
  return steps;
};

describe("Recorder", () => {
  test("keeps what lists of hops and steps would keep, whatever the order of frames", () => {
    const action = fc.record({
      frame: fc.nat({ max: 2 }),
      kind: fc.constantFrom("hop", "step", "step"),
      time: fc.nat({ max: 9 }),
    });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 3000, size: "medium" }), (actions) => {
        const frames = new FramePool({ slots: 4, jumboSlots: 1 });
        const recorder = new Recorder(frames);
        recorder.start();
        const real = [60, 100, 1500].map((length) => frames.allocate(length)!);
        const hops: Hop[] = [];
        const last: (Hop | undefined)[] = [undefined, undefined, undefined];
        const early: number[][] = [[], [], []];
        let packets = 0;
        const packetOf = [0, 0, 0];
        for (const [number, { frame, kind, time }] of actions.entries()) {
          const at = real[frame]!;
          if (kind === "step") {
            recorder.step(at, StepKind.route, number, 0);
            (last[frame]?.steps ?? early[frame]!).push(number);
            continue;
          }
          frames.view.setUint32(frames.start(at), number);
          recorder.hop(frame, Direction.out, at, { now: time });
          packetOf[frame] ||= ++packets;
          const bytes = [...frames.bytes.subarray(frames.start(at), frames.end(at))];
          last[frame] = { time, packet: packetOf[frame]!, bytes, steps: early[frame]!.splice(0) };
          hops.push(last[frame]);
        }
        expect(recorder.hopCount).toBe(hops.length);
        expect(recorder.packetCount).toBe(packets);
        for (const [index, hop] of hops.entries()) {
          expect(recorder.time(index)).toBe(hop.time);
          expect(recorder.packetId(index)).toBe(hop.packet);
          expect([...recorder.bytes(index)]).toEqual(hop.bytes);
          expect(stepsOf(recorder, index).map(([, a]) => a)).toEqual(hop.steps);
        }
        const order = [...hops.keys()].toSorted((a, b) => hops[a]!.time - hops[b]!.time);
        expect([...recorder.order()]).toEqual(order);
      }),
      { numRuns: 30 },
    );
  });

  test("keeps more than a chunk of bytes, and what was read before stays", () => {
    const frames = new FramePool({ slots: 1, jumboSlots: 1 });
    const recorder = new Recorder(frames);
    recorder.start();
    const frame = frames.allocate(1500)!;
    frames.view.setUint32(frames.start(frame), 7);
    recorder.hop(0, Direction.in, frame, { now: 0 });
    const first = recorder.bytes(0);
    for (let hop = 1; hop < 2000; hop++) {
      frames.view.setUint32(frames.start(frame), hop);
      recorder.hop(0, Direction.in, frame, { now: hop });
    }
    const numbers = Array.from({ length: 2000 }, (_, hop) =>
      new DataView(recorder.bytes(hop).slice().buffer).getUint32(0),
    );
    expect(numbers).toEqual([7, ...Array.from({ length: 1999 }, (_, index) => index + 1)]);
    expect(first[3]).toBe(7);
  });

  test("switched off it keeps nothing, and a copy made meanwhile belongs to no hop", () => {
    const frames = new FramePool({ slots: 1, jumboSlots: 1 });
    const recorder = new Recorder(frames);
    const frame = frames.allocate(60)!;
    recorder.start();
    recorder.hop(0, Direction.in, frame, { now: 1 });
    recorder.stop();
    recorder.hop(0, Direction.out, frame, { now: 2 });
    recorder.step(frame, StepKind.passUp, 0, 0);
    expect(recorder.hopCount).toBe(1);
    expect(frame.hop).toBe(-1);
    expect(stepsOf(recorder, 0)).toEqual([]);
  });

  test("a packet that no tap saw is told at the hop that reports it, or counted", () => {
    const frames = new FramePool({ slots: 3, jumboSlots: 1 });
    const recorder = new Recorder(frames);
    recorder.start();
    const [seen, reported, unreported] = [0, 1, 2].map(() => frames.allocate(60)!);
    recorder.hop(0, Direction.in, seen!, { now: 0 });
    reported!.reportAt = seen!.hop;
    recorder.step(reported!, StepKind.route, 1, 0);
    recorder.step(reported!, StepKind.drop, DropReason.NEIGH_FAILED, 0);
    recorder.step(seen!, StepKind.passUp, 0, 0);
    recorder.step(unreported!, StepKind.drop, DropReason.NEIGH_QUEUEFULL, 0);
    expect(stepsOf(recorder, 0)).toEqual([
      [StepKind.report, 0],
      [StepKind.route, 1],
      [StepKind.drop, DropReason.NEIGH_FAILED],
      [StepKind.passUp, 0],
    ]);
    expect([...recorder.unreported]).toEqual([[DropReason.NEIGH_QUEUEFULL, 1]]);
  });
});
