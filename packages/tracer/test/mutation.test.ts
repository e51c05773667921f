/**
 * Small captures, changed at random with a fixed seed: bytes and words overwritten, parts cut out, doubled or moved.
 * Whatever comes out, reading ends, with at most one CaptureError, and no packet lies outside the file.
 */
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { CaptureError } from "../src/error.ts";
import { decodeBlock } from "../src/pcapng-blocks.ts";
import { openCapture, openCaptureSync } from "../src/reader.ts";
import {
  block,
  bytesOf,
  concat,
  counting,
  dripping,
  interfaceBlock,
  option,
  packetBlock,
  pcapHeader,
  pcapRecord,
  randomOf,
  sectionBlock,
  text,
  u16,
  u32,
} from "./captures.ts";

function pcap(littleEndian: boolean): Uint8Array {
  return concat([
    pcapHeader({ littleEndian }),
    ...Array.from({ length: 5 }, (_, at) => pcapRecord(littleEndian, at, at, counting(at * 11))),
  ]);
}

function pcapng(littleEndian: boolean): Uint8Array {
  const flags = option(littleEndian, 2, u32(1, littleEndian));
  return concat([
    sectionBlock(littleEndian, option(littleEndian, 4, text("hopscope")), bytesOf("00000000")),
    interfaceBlock(
      littleEndian,
      1,
      50,
      option(littleEndian, 2, text("eth0")),
      option(littleEndian, 9, Uint8Array.of(9)),
    ),
    interfaceBlock(littleEndian, 231, 0, option(littleEndian, 9, Uint8Array.of(0x80 | 20)), bytesOf("00000000")),
    packetBlock(littleEndian, 0, [1, 2], counting(30), flags, option(littleEndian, 1, text("here"))),
    packetBlock(littleEndian, 1, [3, 4], counting(3)),
    block(littleEndian, 3, u32(9, littleEndian), counting(9)),
    block(
      littleEndian,
      2,
      ...[0, 1].map((value) => u16(value, littleEndian)),
      ...[1, 2, 4, 4].map((value) => u32(value, littleEndian)),
      counting(4),
    ),
    block(littleEndian, 4, u16(1, littleEndian), u16(6, littleEndian), bytesOf("0a000001 6100 0000 00000000")),
    block(littleEndian, 5, ...[0, 1, 2].map((value) => u32(value, littleEndian))),
    block(littleEndian, 10, u32(0x544c534b, littleEndian), u32(4, littleEndian), text("keys")),
    sectionBlock(!littleEndian),
    interfaceBlock(!littleEndian),
    packetBlock(!littleEndian, 0, [5, 6], counting(8)),
  ]);
}

const SEEDS: readonly (readonly [string, Uint8Array])[] = [
  ["pcap, little-endian", pcap(true)],
  ["pcap, big-endian", pcap(false)],
  ["pcapng, little-endian first", pcapng(true)],
  ["pcapng, big-endian first", pcapng(false)],
];

/** Values that length fields go wrong with. */
const WORDS = [
  0, 1, 3, 4, 11, 12, 16, 28, 32, 255, 65_535, 65_536, 262_144, 262_145, 0x1000000, 0x7fffffff, 0xfffffffc, 0xffffffff,
];

function mutated(original: Uint8Array, random: () => number): Uint8Array {
  let bytes: Uint8Array = original.slice();
  const below = (limit: number): number => Math.floor(random() * limit);
  for (let changes = 1 + below(4); changes > 0 && bytes.length > 8; changes--) {
    const at = below(bytes.length);
    const other = below(bytes.length);
    const [from, to] = [Math.min(at, other), Math.max(at, other)];
    switch (below(7)) {
      case 0:
        bytes[at] = below(256);
        break;
      case 1:
        bytes[at]! ^= 1 << below(8);
        break;
      case 2:
        new DataView(bytes.buffer).setUint32(
          Math.min(at, bytes.length - 4) & ~3,
          WORDS[below(WORDS.length)]!,
          random() < 0.5,
        );
        break;
      case 3:
        bytes = bytes.slice(0, at);
        break;
      case 4:
        bytes = concat([bytes.subarray(0, from), bytes.subarray(to)]);
        break;
      case 5:
        bytes = concat([bytes.subarray(0, to), bytes.subarray(from)]);
        break;
      default:
        bytes.copyWithin(from, to, to + below(64));
    }
  }
  return bytes;
}

/** Reads all that can be read, every way, and checks the bounds. Answers the packets' number and the error's code. */
function readAll(bytes: Uint8Array): readonly [number, string | undefined] {
  let count = 0;
  try {
    const reader = openCaptureSync(bytes);
    while (reader.next()) {
      count++;
      const packet = reader.packet();
      expect(packet.capturedLength).toBeLessThanOrEqual(bytes.length);
      expect(packet.offset + packet.capturedLength).toBeLessThanOrEqual(bytes.length);
      expect(packet.interface).toBeDefined();
      expect(packet.nanoseconds >= 0 && packet.nanoseconds < 1e9).toBe(true);
      expect(reader.flags === packet.flags || packet.options !== undefined).toBe(true);
    }
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    expect(error.offset).toBeLessThanOrEqual(bytes.length);
    return [count, error.code];
  }
  return [count, undefined];
}

function walkBlocks(bytes: Uint8Array): void {
  try {
    const reader = openCaptureSync(bytes);
    if (reader.format === "pcap") return;
    while (reader.nextBlock()) decodeBlock(reader.block(), 50);
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
  }
}

describe("mutations", () => {
  it.each(SEEDS)("of %s never do harm", (_name, original) => {
    const random = randomOf(20_260_807);
    const before = process.memoryUsage().rss;
    const codes = new Set<string>();
    for (let round = 0; round < 4000; round++) {
      const bytes = mutated(original, random);
      const [count, code] = readAll(bytes);
      walkBlocks(bytes);
      expect(count).toBeLessThanOrEqual(bytes.length / 12);
      codes.add(code ?? "none");
    }
    // The mutator must reach more than the first check.
    expect(codes.size).toBeGreaterThan(4);
    expect(process.memoryUsage().rss - before).toBeLessThan(300_000_000);
  });

  it.each(SEEDS)("of %s read the same in pieces as at once", async (_name, original) => {
    const random = randomOf(77);
    for (let round = 0; round < 60; round++) {
      const bytes = mutated(original, random);
      let count = 0;
      let code: string | undefined;
      try {
        for await (const packet of await openCapture(dripping(bytes, 1 + Math.floor(random() * 40))))
          count = packet.number;
      } catch (error) {
        if (!(error instanceof CaptureError)) throw error;
        code = error.code;
      }
      expect([count, code]).toEqual(readAll(bytes));
    }
  });

  it("of a gzip file never do harm", async () => {
    const random = randomOf(4711);
    const original = new Uint8Array(gzipSync(pcapng(true)));
    for (let round = 0; round < 150; round++) {
      try {
        for await (const packet of await openCapture(mutated(original, random)))
          expect(packet.number).toBeLessThan(10_000);
      } catch (error) {
        if (!(error instanceof CaptureError)) throw error;
      }
    }
  });
});
