import { mkdtempSync, openSync, closeSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { CaptureError } from "../src/error.ts";
import { openCapture, openCaptureSync } from "../src/reader.ts";
import {
  bytesOf,
  concat,
  counting,
  dripping,
  interfaceBlock,
  packetBlock,
  pcapHeader,
  pcapRecord,
  readAsync,
  readSync,
  sectionBlock,
  seenOf,
} from "./captures.ts";

const directory = mkdtempSync(join(tmpdir(), "hopscope-reader-"));
afterAll(() => rmSync(directory, { recursive: true }));

function fileOf(name: string, bytes: Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, bytes);
  return path;
}

const PCAP = concat([
  pcapHeader({ littleEndian: true }),
  ...Array.from({ length: 50 }, (_, at) => pcapRecord(true, 1000 + at, at, counting(at * 3, at))),
]);
const PCAPNG = concat([
  sectionBlock(false),
  interfaceBlock(false),
  ...Array.from({ length: 50 }, (_, at) => packetBlock(false, 0, [0, at], counting(at * 3, at))),
]);

describe.each([
  ["pcap", PCAP],
  ["pcapng", PCAPNG],
] as const)("opening %s", (format, bytes) => {
  const seen = readSync(bytes).packets.map(seenOf);

  it("finds 50 packets in memory", () => {
    expect(seen).toHaveLength(50);
    expect(openCaptureSync(bytes).format).toBe(format);
  });

  it("sees the same in a file, by path, URL and descriptor, with and without waiting", async () => {
    const path = fileOf(`same.${format}`, bytes);
    expect(readSync(path).packets.map(seenOf)).toEqual(seen);
    expect((await readAsync(path)).packets.map(seenOf)).toEqual(seen);
    expect((await readAsync(pathToFileURL(path))).packets.map(seenOf)).toEqual(seen);
    const descriptor = openSync(path, "r");
    expect((await readAsync(descriptor)).packets.map(seenOf)).toEqual(seen);
    closeSync(descriptor);
  });

  it("sees the same in a stream of any chunks", async () => {
    for (const step of [1, 2, 3, 7, 100, 4096, 1e6]) {
      expect((await readAsync(dripping(bytes, step))).packets.map(seenOf)).toEqual(seen);
    }
  });

  it("sees the same in memory that has to be waited for, and in a Buffer", async () => {
    expect((await readAsync(bytes)).packets.map(seenOf)).toEqual(seen);
    expect(readSync(Buffer.from(bytes)).packets.map(seenOf)).toEqual(seen);
  });

  it("sees the same through memory of the caller's, wherever it lies", () => {
    const path = fileOf(`buffer.${format}`, bytes);
    const memory = new ArrayBuffer(65_536);
    for (const [at, length] of [
      [0, 65_536],
      [13, 200],
      [1000, 301],
    ] as const) {
      const buffer = new Uint8Array(memory, at, length);
      expect(readSync(path, buffer).packets.map(seenOf)).toEqual(seen);
    }
    const reader = openCaptureSync(path, { buffer: new Uint8Array(memory) });
    while (reader.next()) expect(reader.view.buffer).toBe(memory);
  });

  it("says so when a record does not fit into the caller's memory", () => {
    const { packets, error } = readSync(fileOf(`small.${format}`, bytes), new Uint8Array(100));
    expect(error).toMatchObject({ code: "ERR_CAPTURE_BUFFER_TOO_SMALL", offset: seen[packets.length]!.offset });
    expect(packets.map(seenOf)).toEqual(seen.slice(0, packets.length));
  });

  it("sees the same by batches, without an object for a packet", async () => {
    const numbers: number[] = [];
    for await (const batch of (await openCapture(dripping(bytes, 777))).batches()) {
      while (batch.next()) numbers.push(batch.number, batch.capturedLength, batch.seconds, batch.nanoseconds);
    }
    expect(numbers).toEqual(seen.flatMap((one) => [one.number, one.data.length / 2, one.seconds, one.nanoseconds]));
  });

  it("takes up a batch where it was left", async () => {
    const reader = await openCapture(dripping(bytes, 5000));
    let count = 0;
    for await (const batch of reader.batches()) if (batch.next()) count++;
    expect(count).toBe(50);
  });

  it("stops when it is closed, and closes when the loop is left", async () => {
    const stream = dripping(bytes, 64);
    const reader = await openCapture(stream);
    for await (const packet of reader) if (packet.number === 3) break;
    expect(stream.destroyed).toBe(true);
    expect(reader.next()).toBe(false);
    const sync = openCaptureSync(fileOf(`closed.${format}`, bytes));
    expect(sync.next()).toBe(true);
    sync.closeSync();
    sync.closeSync();
    expect(sync.next()).toBe(false);
  });

  it("can be closed while it waits, and by nobody after an error", async () => {
    const path = fileOf(`waits.${format}`, concat([bytes, new Uint8Array(9000).fill(0xff)]));
    const reader = await openCapture(path);
    while (reader.number < 50) reader.next();
    const waiting = reader.more();
    await reader.close();
    await reader.close();
    await waiting;
    expect(reader.next()).toBe(false);
    expect(await reader.more()).toBe(false);
    const damaged = await openCapture(path);
    expect(() => {
      while (damaged.next());
    }).toThrow(CaptureError);
    expect(damaged.next()).toBe(false);
    expect(await damaged.more()).toBe(false);
  });

  it("hands out the bytes themselves, or copies that last", async () => {
    const reader = openCaptureSync(bytes);
    while (reader.next() && reader.capturedLength < 30);
    expect(reader.packet().data.buffer).toBe(bytes.buffer);
    const copy = reader.packet(true);
    expect(copy.data.buffer).not.toBe(bytes.buffer);
    expect([copy.start, copy.end, copy.view.byteLength]).toEqual([0, 30, 30]);
    const kept = [];
    for await (const packet of (await openCapture(dripping(bytes, 33))).packets({ copy: true })) kept.push(packet);
    expect(kept.map(seenOf)).toEqual(seen);
  });

  it("always has the same properties in the same order", () => {
    const { packets } = readSync(bytes);
    for (const packet of packets) expect(Object.keys(packet)).toEqual(Object.keys(packets[0]!));
  });
});

describe("what is no capture", () => {
  it.each([
    ["nothing", new Uint8Array(), "ERR_NOT_A_CAPTURE", "there is nothing in it"],
    ["three bytes", bytesOf("a1b2c3"), "ERR_NOT_A_CAPTURE", "there are only 3 bytes"],
    ["text", new TextEncoder().encode("hello, world"), "ERR_NOT_A_CAPTURE", "it begins with 0x68656c6c"],
    ["xz", bytesOf("fd377a585a00 0000"), "ERR_COMPRESSION_UNSUPPORTED", "xz"],
    ["bzip2", bytesOf("425a6839 3141"), "ERR_COMPRESSION_UNSUPPORTED", "bzip2"],
    ["lz4", bytesOf("04224d18 0000"), "ERR_COMPRESSION_UNSUPPORTED", "lz4"],
  ])("refuses %s with a code of its own", async (_name, bytes, code, words) => {
    for (const { packets, error } of [readSync(bytes), await readAsync(bytes), await readAsync(dripping(bytes, 1))]) {
      expect(packets).toEqual([]);
      expect(error).toMatchObject({ code, offset: 0 });
      expect(error!.message).toContain(words);
    }
  });

  it("names the file, or what the caller calls it", async () => {
    const path = fileOf("empty", new Uint8Array());
    expect(readSync(path).error).toMatchObject({ file: path, message: `${path}: byte 0: there is nothing in it` });
    await expect(openCapture(path, { name: "node-a" })).rejects.toMatchObject({ file: "node-a" });
    expect(() => openCaptureSync(0.5)).toThrow();
  });

  it("says what the system says of files that cannot be read", async () => {
    const missing = join(directory, "missing");
    expect(readSync(missing).error).toMatchObject({ code: "ERR_CAPTURE_OPEN", cause: { code: "ENOENT" } });
    expect((await readAsync(missing)).error).toMatchObject({ code: "ERR_CAPTURE_OPEN", cause: { code: "ENOENT" } });
    expect(readSync(directory).error).toMatchObject({ code: "ERR_CAPTURE_READ", cause: { code: "EISDIR" } });
    expect((await readAsync(directory)).error).toMatchObject({ code: "ERR_CAPTURE_READ" });
  });

  it("passes on the error of a stream after what came before", async () => {
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield PCAP.slice(0, 500);
      throw new Error("the cable is out");
    }
    const { packets, error } = await readAsync(failing());
    expect(packets.length).toBeGreaterThan(5);
    expect(error).toMatchObject({ code: "ERR_CAPTURE_READ", offset: 500, problem: "the cable is out" });
  });

  it("refuses a stream of anything but bytes", async () => {
    async function* words(): AsyncGenerator<string> {
      yield "a1b2c3d4";
    }
    await expect(openCapture(words() as never)).rejects.toBeInstanceOf(CaptureError);
  });

  it("tells that compressed captures have to be waited for", () => {
    expect(readSync(gzipSync(PCAP)).error).toMatchObject({
      code: "ERR_COMPRESSION_UNSUPPORTED",
      problem: "compressed with gzip: openCapture can read that, openCaptureSync cannot",
    });
  });
});
