/**
 * Damaged packets: nothing throws, nothing hangs, every offset stays inside, and whatever is kept as a layer can be
 * read and formatted. HOPSCOPE_RUNS multiplies how many mutations there are.
 */
import { describe, expect, it } from "vitest";
import { dissect } from "../src/dissect.ts";
import { Layers } from "../src/layers.ts";
import { CAPTURES, framesOf } from "./conformance/captures.ts";
import { viewOf } from "./hex.ts";
import { editField, editNumber, flipBits, Random, seedOf, shift, splice, truncate } from "./mutator.ts";
import { readEverything, unsound } from "./sound.ts";

const RUNS = Number(process.env["HOPSCOPE_RUNS"] ?? 1);
const MUTATIONS = 1000 * RUNS;

function bytesOf(capture: string): { linkType: number; bytes: Uint8Array }[] {
  return [...framesOf(capture)].map(({ view, start, end, linkType }) => ({
    linkType,
    bytes: new Uint8Array(view.buffer, view.byteOffset + start, end - start),
  }));
}

/** One to three mutations of `bytes`; `layers` are its own. */
function mutated(bytes: Uint8Array, other: Uint8Array, layers: Layers, random: Random): Uint8Array {
  // The field first, while the offsets are right.
  let out = random.below(2) === 0 ? editField(bytes, layers, random) : bytes;
  for (let left = random.below(3); left > 0; left--) {
    switch (random.below(5)) {
      case 0:
        out = flipBits(out, random);
        break;
      case 1:
        out = truncate(out, random);
        break;
      case 2:
        out = splice(out, other, random);
        break;
      case 3:
        out = shift(out, random);
        break;
      default:
        out = editNumber(out, random);
    }
  }
  return out;
}

describe("mutated packets are read without harm", () => {
  it.each(CAPTURES)("%s", (capture) => {
    const frames = bytesOf(capture);
    const layers = new Layers();
    const wrong: string[] = [];
    for (let run = 0; run < MUTATIONS; run++) {
      const random = new Random(seedOf(capture, run));
      const { bytes, linkType } = random.of(frames);
      dissect(viewOf(bytes), 0, bytes.length, linkType, layers);
      const packet = mutated(bytes, random.of(frames).bytes, layers, random);
      // A buffer of its own: reading behind the end throws.
      const view = viewOf(packet.slice());
      try {
        dissect(view, 0, packet.length, linkType, layers);
        const broken = unsound(layers, 0, packet.length);
        if (broken !== "") wrong.push(`run ${run}: ${broken}`);
        readEverything(view, 0, layers);
      } catch (error) {
        wrong.push(`run ${run}: ${String(error)} in ${Buffer.from(packet).toString("hex")}`);
      }
    }
    expect(wrong.slice(0, 5)).toEqual([]);
  });
});
