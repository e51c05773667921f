/**
 * Every recording cut at every length. A cut frame has the layers of the whole one up to where it ends, says that it is
 * cut, and nothing is read behind the cut: each is dissected in a view that ends there.
 */
import { describe, expect, it } from "vitest";
import { LinkType } from "../src/code-points.ts";
import { dissect } from "../src/dissect.ts";
import { Layers } from "../src/layers.ts";
import { Status, statusName } from "../src/status.ts";
import { CAPTURES, type FixtureFrame, framesOf } from "./conformance/captures.ts";
import { readEverything, unsound } from "./sound.ts";

const RUNS = Number(process.env["HOPSCOPE_RUNS"] ?? 1);
/** Frames of a kind, of each capture, whose every cut is also read and formatted; the others are dissected only. */
const READ_FRAMES = 2 * RUNS;

/** What a frame is made of: frames with the same layers at the same places behave alike when cut. */
function shapeOf(layers: Layers): string {
  const { count } = layers;
  return `${layers.kinds.subarray(0, count).join()} ${layers.starts.subarray(0, count).join()} ${layers.status}`;
}

/** The first rule that a frame, cut after `length` bytes, breaks; "" if none. */
function wrongWithCut(view: DataView, length: number, cut: Layers, whole: Layers, linkType: number): string {
  const status = dissect(view, 0, length, linkType, cut);
  const broken = unsound(cut, 0, length);
  if (broken !== "") return broken;
  for (let index = 0; index < cut.count; index++) {
    // A mistake may lie behind the cut: then the layer that the whole frame stops at is one.
    const isStop =
      index === whole.count && cut.kinds[index] === whole.stopKind && cut.starts[index] === whole.payloadStart;
    if (!isStop && (cut.kinds[index] !== whole.kinds[index] || cut.starts[index] !== whole.starts[index])) {
      return `layer ${index} is another than in the whole frame`;
    }
  }
  // A quotation may end anywhere, and raw IP of no bytes has no version that could be missing.
  const mayBeSilent =
    (whole.quoteIndex >= 0 && cut.count >= whole.quoteIndex) || (length === 0 && linkType === LinkType.raw);
  if (cut.count < whole.count && status === Status.ok && !mayBeSilent) {
    return `${cut.count} of ${whole.count} layers, but the status is ${statusName(status)}`;
  }
  return "";
}

/** Cuts one frame at every length, shortest first. */
function wrongCuts(frame: FixtureFrame, whole: Layers, cut: Layers, reads: boolean): string[] {
  const { view, start, end, linkType } = frame;
  const wrong: string[] = [];
  for (let length = 0; length <= end - start; length++) {
    const cutView = new DataView(view.buffer, view.byteOffset + start, length);
    const problem = wrongWithCut(cutView, length, cut, whole, linkType);
    if (problem !== "") wrong.push(`frame ${frame.number} cut at ${length}: ${problem}`);
    // Behind the last header a longer payload changes nothing that is read.
    if (reads && length <= whole.payloadStart + 20) readEverything(cutView, 0, cut);
  }
  return wrong;
}

describe("captures cut at every length", () => {
  it.each(CAPTURES)("%s", (capture) => {
    const whole = new Layers();
    const cut = new Layers();
    const seen = new Map<string, number>();
    const wrong: string[] = [];
    for (const frame of framesOf(capture)) {
      const { view, start, end, linkType } = frame;
      dissect(new DataView(view.buffer, view.byteOffset + start, end - start), 0, end - start, linkType, whole);
      const shape = shapeOf(whole);
      const count = (seen.get(shape) ?? 0) + 1;
      seen.set(shape, count);
      wrong.push(...wrongCuts(frame, whole, cut, count <= READ_FRAMES));
      if (wrong.length > 20) break;
    }
    expect(wrong).toEqual([]);
  });
});
