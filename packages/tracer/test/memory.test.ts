import { describe, expect, it } from "vitest";
import { PcapngWriter } from "../src/pcapng-writer.ts";
import { openCapture } from "../src/reader.ts";
import { concat, counting, Kept, pcapHeader, pcapRecord } from "./captures.ts";

const TOTAL = 300_000_000;

/** A file of `TOTAL` bytes that nobody ever holds: its head, then the same records again and again. */
async function* endless(head: Uint8Array, records: Uint8Array): AsyncGenerator<Uint8Array> {
  yield head;
  for (let sent = 0; sent < TOTAL; sent += records.length) yield records;
}

/** About a megabyte of packets of 100 to 1,500 bytes. */
const LENGTHS = Array.from({ length: 1300 }, (_, at) => 100 + ((at * 389) % 1400));
const DATA = counting(1500);

function pcapParts(): readonly [Uint8Array, Uint8Array] {
  const records = LENGTHS.map((length, at) => pcapRecord(true, at, at, DATA.subarray(0, length)));
  return [pcapHeader({ littleEndian: true }), concat(records)];
}

function pcapngParts(): readonly [Uint8Array, Uint8Array] {
  const kept = new Kept();
  const writer = new PcapngWriter(kept);
  writer.addInterface({ name: "eth0" });
  writer.flush();
  const head = kept.bytes;
  for (const [at, length] of LENGTHS.entries()) {
    const options = { flags: 1, comments: [`packet ${at}`] };
    writer.writePacket({ data: DATA.subarray(0, length), seconds: at, nanoseconds: at, options });
  }
  writer.closeSync();
  return [head, kept.bytes.slice(head.length)];
}

describe("reading a large stream", () => {
  it.each([
    ["pcap", pcapParts],
    ["pcapng with options", pcapngParts],
  ])("of %s takes little memory", async (_name, parts) => {
    const [head, records] = parts();
    const reader = await openCapture(endless(head, records));
    globalThis.gc?.();
    const before = process.memoryUsage();
    let most = 0;
    let bytes = 0;
    for await (const packet of reader) {
      bytes += packet.capturedLength;
      if (packet.number % 5000 === 0) most = Math.max(most, process.memoryUsage().rss - before.rss);
    }
    expect(bytes).toBeGreaterThan(TOTAL * 0.9);
    expect(most).toBeLessThan(100_000_000);
    expect(process.memoryUsage().arrayBuffers - before.arrayBuffers).toBeLessThan(50_000_000);
  });
});
