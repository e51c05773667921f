import { mkdtempSync, createWriteStream, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { createGzip } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import type { Sink } from "../src/chunk-sink.ts";
import { PcapWriter } from "../src/pcap-writer.ts";
import { PcapngWriter } from "../src/pcapng-writer.ts";
import { counting, readAsync, readSync, slowStream } from "./captures.ts";

const directory = mkdtempSync(join(tmpdir(), "hopscope-writer-"));
afterAll(() => rmSync(directory, { recursive: true }));

const DATA = counting(1000);
const VIEW = new DataView(DATA.buffer);

/** Writes as a well-behaved caller does, and answers how often it was asked to wait. */
async function writeAll(writer: PcapWriter, count: number): Promise<number> {
  let waits = 0;
  for (let at = 0; at < count; at++) {
    if (writer.write(VIEW, 0, 1000, at, at)) continue;
    waits++;
    await writer.drained();
  }
  await writer.close();
  return waits;
}

describe("writing to a stream", () => {
  it("goes at the stream's pace, in order", async () => {
    let under = 0;
    let most = 0;
    const { stream, kept } = slowStream(async () => {
      most = Math.max(most, ++under);
      await new Promise((resolve) => setTimeout(resolve, 1));
      under--;
    });
    const waits = await writeAll(new PcapWriter(stream), 3000);
    expect(waits).toBeGreaterThan(5);
    expect(most).toBe(1);
    const { packets, error } = readSync(new Uint8Array(Buffer.concat(kept)));
    expect(error).toBeUndefined();
    expect(packets.map(({ seconds }) => seconds)).toEqual(Array.from({ length: 3000 }, (_, at) => at));
    expect(stream.writableFinished).toBe(true);
  });

  it("never holds more than three chunks while the caller waits when asked to", async () => {
    let held = 0;
    let most = 0;
    const sink: Sink = {
      file: "sink",
      async write(bytes) {
        most = Math.max(most, (held += bytes.length));
        await new Promise((resolve) => setTimeout(resolve, 1));
        held -= bytes.length;
      },
      close: () => Promise.resolve(),
    };
    await writeAll(new PcapWriter(sink), 4000);
    expect(most).toBeLessThanOrEqual(2 * 256 * 1024);
  });

  it("gives the sink memory that stays as it is until the sink is done", async () => {
    const taken: Uint8Array[] = [];
    const sink: Sink = {
      file: "sink",
      async write(bytes) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        taken.push(bytes.slice());
      },
      close: () => Promise.resolve(),
    };
    await writeAll(new PcapWriter(sink), 2000);
    expect(readSync(new Uint8Array(Buffer.concat(taken))).packets).toHaveLength(2000);
  });

  it("keeps everything even if the caller does not wait", async () => {
    const { stream, kept } = slowStream(() => new Promise((resolve) => setTimeout(resolve, 1)));
    const writer = new PcapWriter(stream);
    let ready = true;
    for (let at = 0; at < 2000; at++) ready = writer.write(VIEW, 0, 1000, at, 0);
    expect(ready).toBe(false);
    await writer.close();
    expect(readSync(new Uint8Array(Buffer.concat(kept))).packets).toHaveLength(2000);
  });

  it("works with file streams, file handles and compressors", async () => {
    const path = join(directory, "stream.pcap");
    await writeAll(new PcapWriter(createWriteStream(path)), 700);
    expect(readSync(path).packets).toHaveLength(700);
    const handle = await open(path, "w");
    await writeAll(new PcapWriter(handle.createWriteStream()), 300);
    expect(readSync(path).packets).toHaveLength(300);
    const gzip = createGzip();
    gzip.pipe(createWriteStream(`${path}.gz`));
    const finished = new Promise((resolve) => gzip.once("end", resolve));
    await writeAll(new PcapWriter(gzip), 500);
    await finished;
    expect((await readAsync(`${path}.gz`)).packets).toHaveLength(500);
  });

  it("can be read while it is written, after each flush", async () => {
    const pipe = new PassThrough();
    const writer = new PcapngWriter(pipe, { application: "live" });
    writer.addInterface();
    const reading = readAsync(pipe);
    for (let at = 0; at < 5; at++) {
      writer.write(VIEW, 0, 10, at, 0);
      writer.flush();
      await writer.drained();
    }
    await writer.close();
    expect((await reading).packets).toHaveLength(5);
  });

  it("tells of the stream's error once it knows, and at the end", async () => {
    const stream = new Writable({
      write(_chunk, _encoding, done) {
        done(new Error("EPIPE: nobody reads"));
      },
    });
    const writer = new PcapWriter(stream);
    const expected = { code: "ERR_CAPTURE_WRITE", file: "stream", problem: "EPIPE: nobody reads" };
    await expect(writeAll(writer, 5000)).rejects.toMatchObject(expected);
    await expect(writer.close()).rejects.toMatchObject(expected);
    expect(() => {
      for (let at = 0; at < 5000; at++) writer.write(VIEW, 0, 1000, at, 0);
    }).toThrow("closed");
  });

  it("cannot be closed without waiting", () => {
    expect(() => new PcapWriter(new PassThrough()).closeSync()).toThrow("stream has to be waited for");
  });
});
