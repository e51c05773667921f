import { mkdtempSync, openSync, closeSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import * as fc from "fast-check";
import { afterAll, describe, expect, it, vi } from "vitest";
import { PcapReader } from "../src/pcap-reader.ts";
import { PcapWriter } from "../src/pcap-writer.ts";
import { concat, counting, hexOf, Kept, pcapHeader, pcapRecord, readSync, seenOf } from "./captures.ts";

const directory = mkdtempSync(join(tmpdir(), "hopscope-pcap-writer-"));
afterAll(() => rmSync(directory, { recursive: true }));

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

describe("PcapWriter", () => {
  for (const littleEndian of [true, false]) {
    for (const resolution of ["microseconds", "nanoseconds"] as const) {
      it(`writes ${littleEndian ? "little" : "big"}-endian files of ${resolution}`, () => {
        const kept = new Kept();
        const writer = new PcapWriter(kept, { littleEndian, resolution, linkType: 113, snapLength: 96, fcsLength: 4 });
        const data = counting(70);
        writer.write(viewOf(data), 3, 63, 1_700_000_000, 123_456_789);
        writer.write(viewOf(data), 0, 0, 0xffffffff, 999_999_999, 1514);
        writer.closeSync();
        const magic = resolution === "microseconds" ? 0xa1b2c3d4 : 0xa1b23c4d;
        const units = resolution === "microseconds" ? 1000 : 1;
        expect(hexOf(kept.bytes)).toBe(
          hexOf(
            concat([
              pcapHeader({ littleEndian, magic, snapLength: 96, linkType: 0x24000071 }),
              pcapRecord(littleEndian, 1_700_000_000, Math.floor(123_456_789 / units), data.slice(3, 63)),
              pcapRecord(littleEndian, 0xffffffff, Math.floor(999_999_999 / units), new Uint8Array(), 1514),
            ]),
          ),
        );
      });
    }
  }

  it("writes a file that reads as it was written, whatever the packets are", () => {
    const packet = fc.record({
      seconds: fc.nat({ max: 0xffffffff }),
      nanoseconds: fc.nat({ max: 999_999_999 }),
      wireLength: fc.nat({ max: 0xffffffff }),
      data: fc.oneof(
        fc.uint8Array({ maxLength: 100 }),
        fc.nat({ max: 3000 }).map((length) => counting(length)),
      ),
    });
    fc.assert(
      fc.property(fc.array(packet), fc.boolean(), (packets, littleEndian) => {
        const kept = new Kept();
        const writer = new PcapWriter(kept, { littleEndian });
        for (const one of packets) expect(writer.writePacket(one)).toBe(true);
        expect(writer.length).toBe(24 + packets.reduce((sum, { data }) => sum + 16 + data.length, 0));
        writer.closeSync();
        expect(readSync(kept.bytes).packets).toMatchObject(packets);
      }),
      { numRuns: 40 },
    );
  });

  // Bytes are copied as each version does it best: all ways are right on any.
  for (const version of ["20.0.0", "22.0.0", "24.0.0"]) {
    it(`copies payloads of every length and alignment exactly, as on Node ${version}`, async () => {
      vi.resetModules();
      vi.stubGlobal("process", { ...process, versions: { ...process.versions, node: version } });
      const { PcapWriter: Writer } = await import("../src/pcap-writer.ts");
      vi.unstubAllGlobals();
      // No byte is what another one would be if it were moved.
      const source = counting(4096).map((byte, at) => byte ^ (at >> 8) ^ (at % 7 === 0 ? 0xff : 0));
      for (const at of [0, 1, 2, 3, 5]) {
        const kept = new Kept();
        const writer = new Writer(kept);
        const lengths = [...Array.from({ length: 70 }, (_, length) => length), 510, 511, 512, 513, 1023, 1024, 1025];
        for (const length of lengths) writer.write(viewOf(source), at, at + length, 1, 2);
        writer.closeSync();
        expect(readSync(kept.bytes).packets.map(({ data }) => hexOf(data))).toEqual(
          lengths.map((length) => hexOf(source.subarray(at, at + length))),
        );
      }
    });
  }

  it("copies a file byte by byte with the reader's header", () => {
    const file = concat([
      pcapHeader({ littleEndian: false, magic: 0xa1b23c4d, linkType: 0x44000001 }),
      pcapRecord(false, 1, 2, counting(9), 100),
    ]);
    file[8] = 0xff;
    file[15] = 0x06;
    const kept = new Kept();
    const reader = new Kept();
    reader.writeSync(file);
    const source = reader.reader();
    if (!(source instanceof PcapReader)) throw new Error(source.format);
    const writer = new PcapWriter(kept, source.header);
    while (source.next()) {
      writer.write(source.view, source.start, source.end, source.seconds, source.nanoseconds, source.wireLength);
    }
    writer.closeSync();
    expect(hexOf(kept.bytes)).toBe(hexOf(file));
  });

  it("hands chunks of whole records to the sink, and a record of any length in one", () => {
    const kept = new Kept();
    const writer = new PcapWriter(kept);
    const small = counting(1000);
    for (let count = 0; count < 600; count++) writer.write(viewOf(small), 0, 1000, count, 0);
    const large = new Uint8Array(1_000_000).fill(7);
    writer.write(viewOf(large), 0, large.length, 600, 0);
    for (let count = 0; count < 300; count++) writer.write(viewOf(small), 0, 1000, count, 0);
    writer.closeSync();
    expect(kept.chunks.length).toBeGreaterThan(3);
    expect(kept.chunks[0]!.length).toBeGreaterThan(250_000);
    expect(kept.chunks.map((chunk) => chunk.length)).toContain(1_000_016);
    let length = 0;
    for (const chunk of kept.chunks.slice(0, -1)) {
      length += chunk.length;
      const { error } = readSync(kept.bytes.slice(0, length));
      expect(error?.code ?? "none").not.toBe("ERR_PCAP_TRUNCATED_RECORD");
    }
  });

  it("writes files by path, URL and descriptor", () => {
    const path = join(directory, "file.pcap");
    for (const output of [path, pathToFileURL(path)]) {
      const writer = new PcapWriter(output);
      expect(writer.file).toBe(path);
      writer.writePacket({ data: counting(3), seconds: 1, nanoseconds: 2 });
      writer.closeSync();
      expect(readSync(path).packets.map(seenOf)).toHaveLength(1);
    }
    const descriptor = openSync(path, "w");
    const writer = new PcapWriter(descriptor);
    writer.flush();
    expect(statSync(path).size).toBe(24);
    writer.closeSync();
    closeSync(descriptor);
  });

  it("writes the header even if there is no packet", () => {
    const path = join(directory, "empty.pcap");
    new PcapWriter(path).closeSync();
    expect(readFileSync(path)).toHaveLength(24);
    expect(readSync(path)).toEqual({ packets: [], error: undefined });
  });

  it("refuses what the format cannot hold, and writes nothing of it", () => {
    const kept = new Kept();
    const writer = new PcapWriter(kept);
    const view = viewOf(counting(10));
    for (const seconds of [-1, 2 ** 32, 0.5, Number.NaN]) {
      expect(() => writer.write(view, 0, 10, seconds, 0)).toThrow(
        expect.objectContaining({ code: "ERR_CAPTURE_TIME_RANGE", offset: 24 }) as Error,
      );
    }
    expect(() => writer.write(view, 4, 2, 1, 0)).toThrow("packet from 4 to 2");
    expect(() => writer.write(view, 0, 11, 1, 0)).toThrow(RangeError);
    for (const end of [Number.NaN, Number.POSITIVE_INFINITY, 1.5, 2 ** 28]) {
      expect(() => writer.write(view, 0, end, 1, 0)).toThrow("expected less than 268435456 bytes, whole ones");
    }
    // What lies before the view in its buffer is not the caller's.
    const part = new DataView(new ArrayBuffer(4000), 2000);
    for (const start of [-8, -32, -600]) expect(() => writer.write(part, start, 0, 1, 0)).toThrow(RangeError);
    expect(() => writer.write(view, 0, 5000, 1, 0)).toThrow("end is 5000, the view has 10 bytes");
    writer.write(view, 0, 10, 1, 0);
    writer.closeSync();
    expect(readSync(kept.bytes).packets).toHaveLength(1);
    expect(() => new PcapWriter(new Kept(), { linkType: 70_000 })).toThrow(RangeError);
  });

  it("cannot be written to after it was closed; closing again does nothing", async () => {
    const writer = new PcapWriter(new Kept());
    writer.closeSync();
    writer.closeSync();
    await writer.close();
    expect(() => writer.writePacket({ data: counting(1), seconds: 0, nanoseconds: 0 })).toThrow("kept has been closed");
  });

  it("says what the system says, once, and does not leave a gap", () => {
    expect(() => new PcapWriter(join(directory, "no", "where"))).toThrow(
      expect.objectContaining({
        code: "ERR_CAPTURE_OPEN",
        cause: expect.objectContaining({ code: "ENOENT" }) as Error,
      }) as Error,
    );
    let calls = 0;
    const full = {
      file: "disk",
      writeSync(): void {
        calls++;
        throw new Error("no space left");
      },
      closeSync(): void {},
    };
    const writer = new PcapWriter(full);
    const expected = expect.objectContaining({
      code: "ERR_CAPTURE_WRITE",
      message: "disk: byte 0: no space left",
    }) as Error;
    expect(() => writer.flush()).toThrow(expected);
    writer.writePacket({ data: counting(1), seconds: 0, nanoseconds: 0 });
    expect(() => writer.closeSync()).toThrow(expected);
    expect(calls).toBe(1);
  });
});
