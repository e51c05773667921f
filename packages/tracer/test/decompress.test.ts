import * as zlib from "node:zlib";
import { describe, expect, it } from "vitest";
import { canDecompress, compressionOf } from "../src/decompress.ts";
import type { Packet } from "../src/packet.ts";
import { openCapture } from "../src/reader.ts";
import {
  bytesOf,
  concat,
  counting,
  dripping,
  type Outcome,
  pcapHeader,
  pcapRecord,
  randomOf,
  readAsync,
  readSync,
  seenOf,
  text,
} from "./captures.ts";

/** Data that compresses neither too well nor not at all. */
function capture(count: number, length: number): Uint8Array {
  const random = randomOf(count);
  const records = Array.from({ length: count }, (_, at) => {
    const data = Uint8Array.from({ length }, () => (random() < 0.5 ? 0 : random() * 256));
    return pcapRecord(true, at, at, data);
  });
  return concat([pcapHeader({ littleEndian: true }), ...records]);
}

const SMALL = capture(40, 60);
const LARGE = capture(6000, 400);
const SMALL_PACKETS = readSync(SMALL).packets.map(seenOf);

/** The packets must be the first ones of the capture. */
function expectPrefix({ packets }: Outcome, all: readonly ReturnType<typeof seenOf>[]): void {
  expect(packets.map(seenOf)).toEqual(all.slice(0, packets.length));
}

/** Node has zstd from 22.15 on; its types come later. */
const { zstdCompressSync } = zlib as unknown as { zstdCompressSync?: (bytes: Uint8Array) => Buffer };

const COMPRESSORS = [
  { name: "gzip" as const, compress: (bytes: Uint8Array): Uint8Array => new Uint8Array(zlib.gzipSync(bytes)) },
  ...(zstdCompressSync === undefined
    ? []
    : [
        { name: "zstd" as const, compress: (bytes: Uint8Array): Uint8Array => new Uint8Array(zstdCompressSync(bytes)) },
      ]),
];

describe.each(COMPRESSORS)("$name", ({ name, compress }) => {
  it("is recognised by its first bytes and read like the file inside", async () => {
    expect(compressionOf(compress(SMALL))).toBe(name);
    expect(canDecompress(name)).toBe(true);
    for (const step of [1, 100, 1e6]) {
      const { packets, error } = await readAsync(dripping(compress(SMALL), step));
      expect(error).toBeUndefined();
      expect(packets.map(seenOf)).toEqual(SMALL_PACKETS);
    }
    expect((await readAsync(compress(SMALL))).packets.map(seenOf)).toEqual(SMALL_PACKETS);
    expect((await readAsync(compress(LARGE))).packets.map(seenOf)).toEqual(readSync(LARGE).packets.map(seenOf));
  });

  it("yields what a cut stream still has, then one error", async () => {
    const whole = compress(SMALL);
    let most = 0;
    for (let cut = 6; cut < whole.length; cut += 7) {
      const outcome = await readAsync(whole.slice(0, cut));
      expect(outcome.error?.code, `cut at ${cut} of ${whole.length}`).toMatch(/^ERR_COMPRESSED_TRUNCATED$/);
      expect(outcome.error!.problem).toContain(`${name} stream is cut`);
      expectPrefix(outcome, SMALL_PACKETS);
      most = Math.max(most, outcome.packets.length);
    }
    // gzip gives all it has; zstd decodes whole blocks only, and this is one.
    if (name === "gzip") expect(most).toBe(SMALL_PACKETS.length);
  });

  it("yields what is in front of damage, then one error or what the damage made of it", async () => {
    const whole = compress(LARGE);
    const all = readSync(LARGE).packets.map(seenOf);
    const random = randomOf(7);
    for (let round = 0; round < 12; round++) {
      const damaged = whole.slice();
      const at = Math.floor(20 + random() * (damaged.length - 20));
      damaged[at] = damaged[at]! ^ (1 + Math.floor(random() * 255));
      const { packets, error } = await readAsync(damaged);
      const good = Math.floor((at / whole.length) * 0.85 * all.length) - 400;
      expect(packets.length).toBeGreaterThan(good);
      expect(packets.slice(0, Math.max(0, good)).map(seenOf)).toEqual(all.slice(0, Math.max(0, good)));
      if (name === "gzip") expect(error).toBeDefined();
    }
  });

  it("keeps memory bounded, however well a stream compresses", async () => {
    const record = pcapRecord(true, 0, 0, new Uint8Array(250_000));
    const bomb = compress(concat([pcapHeader({ littleEndian: true }), ...Array.from({ length: 300 }, () => record)]));
    expect(bomb.length).toBeLessThan(300_000);
    const before = process.memoryUsage().rss;
    let most = 0;
    let count = 0;
    const reader = await openCapture(bomb);
    for await (const batch of reader.batches()) {
      while (batch.next()) count++;
      most = Math.max(most, process.memoryUsage().rss - before);
    }
    expect(count).toBe(300);
    expect(most).toBeLessThan(60_000_000);
  });

  it("can be left in the middle", async () => {
    const reader = await openCapture(dripping(compress(LARGE), 1000));
    const packets: Packet[] = [];
    for await (const packet of reader) if (packets.push(packet) === 3) break;
    expect(reader.next()).toBe(false);
  });

  it("says what is inside if it is no capture", async () => {
    expect((await readAsync(compress(text("hello, world")))).error).toMatchObject({ code: "ERR_NOT_A_CAPTURE" });
    expect((await readAsync(compress(new Uint8Array()))).error).toMatchObject({ code: "ERR_NOT_A_CAPTURE" });
    expect((await readAsync(compress(compress(SMALL)))).error).toMatchObject({
      code: "ERR_COMPRESSION_UNSUPPORTED",
      problem: `compressed with ${name}: within a compressed file`,
    });
    const cut = SMALL.slice(0, 200);
    expect((await readAsync(compress(cut))).error).toMatchObject({ code: "ERR_PCAP_TRUNCATED_RECORD", offset: 176 });
  });
});

describe("gzip framing", () => {
  it("joins members, skips their names and comments, and leaves alone what follows", async () => {
    const half = SMALL.length >> 1;
    const first = zlib.gzipSync(SMALL.subarray(0, half));
    const second = zlib.gzipSync(SMALL.subarray(half));
    const named = Buffer.concat([
      Buffer.from([0x1f, 0x8b, 8, 2 | 4 | 8 | 16, 0, 0, 0, 0, 0, 3, 3, 0, 1, 2, 3]),
      text("lab.pcap\0a comment\0"),
      Buffer.from([0, 0]),
      second.subarray(10),
    ]);
    for (const rest of [Buffer.alloc(0), Buffer.alloc(40), Buffer.from("trailing garbage")]) {
      for (const step of [1, 13, 1e6]) {
        const { packets, error } = await readAsync(dripping(Buffer.concat([first, named, rest]), step));
        expect(error).toBeUndefined();
        expect(packets.map(seenOf)).toEqual(SMALL_PACKETS);
      }
    }
  });

  it("yields every packet of a member whose check values are wrong, then the error", async () => {
    const whole = zlib.gzipSync(SMALL);
    for (const [at, words] of [
      [8, "CRC-32"],
      [3, "length"],
    ] as const) {
      const damaged = new Uint8Array(whole);
      damaged[damaged.length - at]! ^= 1;
      const { packets, error } = await readAsync(damaged);
      expect(packets.map(seenOf)).toEqual(SMALL_PACKETS);
      expect(error).toMatchObject({ code: "ERR_COMPRESSED_CORRUPT", offset: SMALL.length });
      expect(error!.problem).toContain(words);
    }
  });

  it("yields most packets in front of damage in a small file", async () => {
    const whole = zlib.gzipSync(SMALL);
    const damaged = new Uint8Array(whole);
    const at = Math.floor(whole.length * 0.8);
    damaged.fill(0xff, at, at + 40);
    const outcome = await readAsync(damaged);
    expect(outcome.error!.code).toMatch(/^ERR_(COMPRESSED_CORRUPT|PCAP_)/);
    expect(outcome.packets.length).toBeGreaterThan(SMALL_PACKETS.length * 0.5);
  });

  it("refuses other methods than deflate", async () => {
    const { error } = await readAsync(concat([bytesOf("1f8b 07 00 00000000 0003"), counting(20)]));
    expect(error).toMatchObject({ code: "ERR_COMPRESSED_CORRUPT", problem: "gzip method 7, expected 8 (deflate)" });
  });
});

it("says what to do about zstd where Node has none", async () => {
  if (canDecompress("zstd")) return;
  const { error } = await readAsync(bytesOf("28b52ffd 2000 0100 00"));
  expect(error).toMatchObject({ code: "ERR_COMPRESSION_UNSUPPORTED" });
  expect(error!.problem).toContain("decompress it first");
});
