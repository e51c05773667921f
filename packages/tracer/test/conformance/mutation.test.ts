/**
 * Damaged capture files: what stands before the damage comes out as it was, then at most one CaptureError, and never
 * more memory than the file is worth. HOPSCOPE_RUNS multiplies how many mutations there are.
 */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { CAPTURES, captureBytes, FIXTURES } from "../../../codec/test/conformance/captures.ts";
import { editNumber, flipBits, Random, seedOf, shift, splice, truncate } from "../../../codec/test/mutator.ts";
import { CaptureError } from "../../src/error.ts";
import { type CaptureReader, openCapture, openCaptureSync } from "../../src/reader.ts";
import { CHUNK_LENGTH } from "../../src/record-reader.ts";

const RUNS = Number(process.env["HOPSCOPE_RUNS"] ?? 1);
const MUTATIONS = 60 * RUNS;
const COMPRESSED_MUTATIONS = 4 * RUNS;
/** Of long captures only the beginning is damaged: it has every kind of block. */
const LONGEST = 48 * 1024;

const HEADS: ReadonlyMap<string, Uint8Array> = new Map(
  CAPTURES.map((name) => [name, new Uint8Array(captureBytes(name).subarray(0, LONGEST))]),
);

/** What a reader said, packet by packet and at the end. */
interface Outcome {
  readonly packets: readonly string[];
  /** Where each packet's record ends at the latest: the next one's offset. */
  readonly offsets: readonly number[];
  readonly error: string;
}

function packetOf(reader: CaptureReader): string {
  const { number, seconds, nanoseconds, wireLength, interfaceId, direction, options, data } = reader.packet();
  const comments = options?.comments?.join() ?? "";
  return [
    number,
    seconds,
    nanoseconds,
    wireLength,
    interfaceId,
    direction,
    comments,
    Buffer.from(data).toString("base64"),
  ].join();
}

/** Anything but a CaptureError is a failure of the test. */
function errorOf(error: unknown): string {
  if (error instanceof CaptureError) return `${error.code} ${error.offset}`;
  throw error;
}

function readSync(bytes: Uint8Array): Outcome {
  const packets: string[] = [];
  const offsets: number[] = [];
  let error = "";
  try {
    const reader = openCaptureSync(bytes);
    try {
      while (reader.next()) {
        packets.push(packetOf(reader));
        offsets.push(reader.offset);
      }
    } catch (caught) {
      error = errorOf(caught);
      // It has ended, and stays so.
      expect(reader.next()).toBe(false);
    }
  } catch (caught) {
    error = errorOf(caught);
  }
  return { packets, offsets, error };
}

/** Through a stream of chunks. */
async function readStream(bytes: Uint8Array, random: Random): Promise<Outcome & { readonly memory: number }> {
  const packets: string[] = [];
  const offsets: number[] = [];
  let error = "";
  let memory = 0;
  try {
    const reader = await openCapture(chunksOf(bytes, random));
    for await (const batch of reader.batches()) {
      while (batch.next()) {
        packets.push(packetOf(batch));
        offsets.push(batch.offset);
      }
      memory = Math.max(memory, batch.view.byteLength);
    }
  } catch (caught) {
    error = errorOf(caught);
  }
  return { packets, offsets, error, memory };
}

async function* chunksOf(bytes: Uint8Array, random: Random): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; ) {
    const length = 1 + random.below(16_384);
    yield bytes.subarray(at, at + length);
    at += length;
  }
}

function damaged(bytes: Uint8Array, random: Random): Uint8Array {
  switch (random.below(6)) {
    case 0:
      return truncate(bytes, random);
    case 1:
      return splice(bytes, HEADS.get(random.of(CAPTURES))!, random);
    case 2:
      return shift(bytes, random);
    case 3:
      return flipBits(bytes, random);
    default:
      return editNumber(random.below(2) === 0 ? editNumber(bytes, random) : bytes, random);
  }
}

/** Bytes that the two have in common from the start. */
function commonLength(a: Uint8Array, b: Uint8Array): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}

describe("damaged captures", () => {
  it.each(CAPTURES)("%s", async (name) => {
    const original = HEADS.get(name)!;
    const whole = readSync(original);
    for (let run = 0; run < MUTATIONS; run++) {
      const random = new Random(seedOf(name, run));
      const bytes = damaged(original, random);
      const sync = readSync(bytes);
      const streamed = await readStream(bytes, random);
      // One file, one answer, however it is read.
      expect(streamed.error, `run ${run}`).toBe(sync.error);
      expect(streamed.packets.length, `run ${run}`).toBe(sync.packets.length);
      expect(
        streamed.packets.every((packet, index) => packet === sync.packets[index]),
        `run ${run}`,
      ).toBe(true);
      expect(streamed.memory, `run ${run}`).toBeLessThanOrEqual(Math.max(CHUNK_LENGTH, 2 * bytes.length));
      // Records that end before the damage are not touched by it.
      const common = commonLength(original, bytes);
      const intact = whole.offsets.findLastIndex((offset) => offset <= common);
      for (let index = 0; index < intact; index++) {
        if (sync.packets[index] !== whole.packets[index])
          expect(sync.packets[index], `run ${run}`).toBe(whole.packets[index]);
      }
    }
  });
});

describe("damaged compressed captures", () => {
  it.each(CAPTURES)("%s.gz", async (name) => {
    const original = new Uint8Array(readFileSync(`${FIXTURES}${name}.gz`).subarray(0, LONGEST));
    const whole = readSync(captureBytes(name));
    for (let run = 0; run < COMPRESSED_MUTATIONS; run++) {
      const random = new Random(seedOf(name, -1 - run));
      const bytes = damaged(original, random);
      const { packets, error } = await readStream(bytes, random);
      // gzip ends in a checksum over everything, so what passes for whole is whole: some header bits mean nothing.
      if (packets.length > 0 && error === "") expect(packets, `run ${run}`).toEqual(whole.packets);
    }
  });
});
