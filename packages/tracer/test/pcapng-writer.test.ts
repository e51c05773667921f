import { describe, expect, it } from "vitest";
import * as fc from "fast-check";
import { flagsOf } from "../src/packet.ts";
import { type Block, decodeBlock, type RawBlock } from "../src/pcapng-blocks.ts";
import { PcapngReader } from "../src/pcapng-reader.ts";
import { PcapngWriter } from "../src/pcapng-writer.ts";
import { openCaptureSync } from "../src/reader.ts";
import { blocks, packetOptions, sections } from "./arbitraries.ts";
import {
  block,
  bytesOf,
  concat,
  counting,
  hexOf,
  interfaceBlock,
  Kept,
  option,
  packetBlock,
  readSync,
  sectionBlock,
  text,
} from "./captures.ts";

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

function pcapngOf(bytes: Uint8Array): PcapngReader {
  const reader = openCaptureSync(bytes);
  if (!(reader instanceof PcapngReader)) throw new Error(`a ${reader.format} file`);
  return reader;
}

/** Every block of a file, as it stands there. */
function rawBlocks(bytes: Uint8Array): RawBlock[] {
  const reader = pcapngOf(bytes);
  const all: RawBlock[] = [];
  while (reader.nextBlock()) all.push(reader.block(true));
  return all;
}

describe("PcapngWriter", () => {
  for (const littleEndian of [true, false]) {
    it(`writes ${littleEndian ? "little" : "big"}-endian sections, byte for byte`, () => {
      const kept = new Kept();
      const writer = new PcapngWriter(kept, { littleEndian, application: "hopscope" });
      expect(writer.addInterface({ name: "node-a/br0", linkType: 1 })).toBe(0);
      expect(writer.addInterface({ timestampResolution: 6, snapLength: 96, linkType: 276 })).toBe(1);
      const data = counting(40);
      writer.write(viewOf(data), 1, 6, 1_795_232_934, 690_445_821);
      writer.write(viewOf(data), 0, 8, 5, 123_456_789, 1500, 1, flagsOf("out"));
      writer.closeSync();
      const two = littleEndian ? bytesOf("02000000") : bytesOf("00000002");
      const wire = (part: Uint8Array): Uint8Array => {
        viewOf(part).setUint32(24, 1500, littleEndian);
        return part;
      };
      expect(hexOf(kept.bytes)).toBe(
        hexOf(
          concat([
            sectionBlock(littleEndian, option(littleEndian, 4, text("hopscope")), bytesOf("00000000")),
            interfaceBlock(
              littleEndian,
              1,
              0,
              option(littleEndian, 2, text("node-a/br0")),
              option(littleEndian, 9, bytesOf("09")),
              bytesOf("00000000"),
            ),
            interfaceBlock(littleEndian, 276, 96, option(littleEndian, 9, bytesOf("06")), bytesOf("00000000")),
            packetBlock(littleEndian, 0, [0x18e9f2d7, 0xb14e59fd], data.slice(1, 6)),
            wire(
              packetBlock(
                littleEndian,
                1,
                [0, 5_123_456],
                data.slice(0, 8),
                option(littleEndian, 2, two),
                bytesOf("00000000"),
              ),
            ),
          ]),
        ),
      );
    });
  }

  it("writes packets with any options, which read as they were written", () => {
    const packet = fc.record({
      seconds: fc.nat({ max: 2 ** 34 }),
      nanoseconds: fc.nat({ max: 999_999_999 }),
      wireLength: fc.nat({ max: 0xffffffff }),
      interfaceId: fc.nat({ max: 2 }),
      data: fc.uint8Array({ maxLength: 90 }),
      options: packetOptions(),
    });
    fc.assert(
      fc.property(fc.array(packet), fc.boolean(), (packets, littleEndian) => {
        const kept = new Kept();
        const writer = new PcapngWriter(kept, { littleEndian });
        for (let id = 0; id < 3; id++) writer.addInterface({ name: `eth${id}` });
        for (const one of packets) writer.writePacket(one);
        writer.closeSync();
        const { packets: read, error } = readSync(kept.bytes);
        expect(error).toBeUndefined();
        const expected = packets.map(({ options, ...rest }) => ({
          ...rest,
          options: Object.keys(options).length === 0 ? undefined : options,
        }));
        expect(read).toMatchObject(expected);
      }),
    );
  });

  it("writes the fast way and the way with options to the same bytes", () => {
    const data = counting(1000);
    const resolutions = [6, 9, 0x8a, 12];
    const lengths = [...Array.from({ length: 70 }, (_, length) => length), 508, 511, 512, 513, 600];
    for (const littleEndian of [true, false]) {
      const files = [true, false].map((fast) => {
        const kept = new Kept();
        const writer = new PcapngWriter(kept, { littleEndian });
        for (const timestampResolution of resolutions) writer.addInterface({ timestampResolution });
        // Twice the chunk, so that its second half is written where other bytes have been.
        for (let turn = 0; turn < 80; turn++) {
          for (const length of lengths) {
            const flags = length % 3;
            const start = 2 + (turn & 7);
            const interfaceId = length & 3;
            const [seconds, nanoseconds] = [7 + turn * 97, length * 1_500_000];
            const wireLength = turn === 79 ? 0xffffffff : 2000 + length;
            if (fast)
              writer.write(viewOf(data), start, start + length, seconds, nanoseconds, wireLength, interfaceId, flags);
            else {
              const options = flags === 0 ? undefined : { flags };
              const part = data.subarray(start, start + length);
              writer.writePacket({ data: part, seconds, nanoseconds, wireLength, interfaceId, options });
            }
          }
        }
        writer.closeSync();
        return kept.bytes;
      });
      expect(files[0]!.length).toBeGreaterThan(400_000);
      expect(Buffer.compare(files[0]!, files[1]!)).toBe(0);
    }
  });

  it("writes any block of any section, and reads it as it was written", () => {
    const section = fc.tuple(sections(), fc.array(blocks(), { maxLength: 6 }));
    fc.assert(
      fc.property(fc.array(section, { minLength: 1, maxLength: 3 }), (list) => {
        const kept = new Kept();
        const writer = new PcapngWriter(kept);
        // A packet without an interface cannot be read, so each section has one of an ordinary link type first.
        const plain: Block = { kind: "interface", linkType: 1, snapLength: 0, options: {} };
        const all = list.flatMap(([head, rest]) => [head, plain, ...rest.map(withInterface)]);
        for (const one of all) writer.writeBlock(one);
        writer.closeSync();
        const raws = rawBlocks(kept.bytes);
        expect(raws.map((raw) => decodeBlock(raw))).toEqual(all);
        // And raw, which is the same bytes.
        const copy = new Kept();
        const copier = new PcapngWriter(copy);
        for (const raw of raws) copier.writeBlock(raw);
        copier.closeSync();
        expect(hexOf(copy.bytes)).toBe(hexOf(kept.bytes));
      }),
    );
  });

  it("copies blocks that nobody knows, with garbage in their padding", () => {
    const file = concat([
      sectionBlock(false),
      block(false, 0x80000abc, bytesOf("01020304 aabbcc"), bytesOf("ff")),
      block(false, 0x0bad, bytesOf("00007ed9 010203")),
      interfaceBlock(false, 1, 0, bytesOf("0001 ffff")),
      packetBlock(false, 0, [1, 2], counting(5), bytesOf("0002 0001 ff112233 0000 0000 deadbeef")),
    ]);
    const kept = new Kept();
    const writer = new PcapngWriter(kept);
    for (const raw of rawBlocks(file)) writer.writeBlock(raw);
    writer.closeSync();
    expect(hexOf(kept.bytes)).toBe(hexOf(file));
  });

  it("counts interfaces anew in each section, however it was begun", () => {
    const kept = new Kept();
    const writer = new PcapngWriter(kept);
    expect([writer.addInterface({ name: "a" }), writer.addInterface({ name: "b" })]).toEqual([0, 1]);
    writer.beginSection({ littleEndian: false, os: "Linux" });
    expect(writer.addInterface({ name: "c", timestampOffset: 100 })).toBe(0);
    writer.write(viewOf(counting(4)), 0, 4, 100, 5);
    for (const raw of rawBlocks(concat([sectionBlock(true), interfaceBlock(true)]))) writer.writeBlock(raw);
    writer.write(viewOf(counting(4)), 0, 4, 1, 5000);
    expect(writer.addInterface({ name: "e" })).toBe(1);
    writer.closeSync();
    const { packets } = readSync(kept.bytes);
    expect(
      packets.map(({ interface: one, seconds, nanoseconds }) => [one.section, one.name, seconds, nanoseconds]),
    ).toEqual([
      [1, "c", 100, 5],
      [2, undefined, 1, 5000],
    ]);
  });

  it("writes names, statistics, secrets and custom blocks", () => {
    const kept = new Kept();
    const writer = new PcapngWriter(kept);
    const id = writer.addInterface();
    const written: Block[] = [
      { kind: "names", records: [{ kind: "ipv4", address: 0x0a000903, names: ["web.1"] }], options: {} },
      { kind: "statistics", interfaceId: id, time: writer.ticks(id, 5, 6), options: { received: 10, dropped: 0 } },
      { kind: "secrets", secretsType: 0x45535053, data: text('"IPv4","*"\n'), options: {} },
      { kind: "custom", enterprise: 32473, copyable: true, data: counting(4) },
    ];
    for (const one of written) writer.writeBlock(one);
    writer.closeSync();
    expect(
      rawBlocks(kept.bytes)
        .slice(2)
        .map((raw) => decodeBlock(raw)),
    ).toEqual(written);
    expect(written[1]).toMatchObject({ time: { high: 1, low: 705_032_710 } });
  });

  it("begins a section by itself, and only if nobody else does", () => {
    const kept = new Kept();
    new PcapngWriter(kept, { comments: ["empty"] }).closeSync();
    expect(pcapngOf(kept.bytes).sections).toMatchObject([{ options: { comments: ["empty"] } }]);
    const other = new Kept();
    const writer = new PcapngWriter(other, { comments: ["never"] });
    writer.beginSection({ comments: ["first"] });
    writer.closeSync();
    expect(pcapngOf(other.bytes).sections).toMatchObject([{ options: { comments: ["first"] } }]);
    expect(rawBlocks(other.bytes)).toHaveLength(1);
  });

  it("begins as ever after a first section that was refused", () => {
    const kept = new Kept();
    const writer = new PcapngWriter(kept);
    const [section] = rawBlocks(sectionBlock(false));
    expect(() => writer.writeBlock({ ...section!, bytes: new Uint8Array(30) })).toThrow(RangeError);
    writer.addInterface();
    writer.write(viewOf(counting(8)), 0, 8, 1000, 0);
    writer.closeSync();
    expect(readSync(kept.bytes)).toMatchObject({ error: undefined, packets: [{ capturedLength: 8 }] });
  });

  it("refuses a sighting that cannot be written, and writes nothing of it", () => {
    const kept = new Kept();
    const writer = new PcapngWriter(kept);
    writer.addInterface();
    const view = viewOf(counting(100));
    const { length } = writer;
    const sighting = (start: number, end: number, interfaceId: number): boolean =>
      writer.writeSighting(view, start, end, 0, 5, interfaceId, 1, 7, view, 3);
    for (const id of [1, -1, 0.5, 2 ** 32]) expect(() => sighting(0, 8, id)).toThrow(`interface ${id}`);
    for (const [start, end] of [
      [9, 8],
      [0, 101],
      [-4, 8],
      [0, Number.NaN],
    ] as const) {
      expect(() => sighting(start, end, 0)).toThrow(RangeError);
    }
    expect(writer.length).toBe(length);
    sighting(0, 8, 0);
    writer.closeSync();
    expect(readSync(kept.bytes)).toMatchObject({ error: undefined, packets: [{ capturedLength: 8, packetId: 7 }] });
  });

  it("refuses what cannot be written, and writes nothing of it", () => {
    const kept = new Kept();
    const writer = new PcapngWriter(kept);
    const view = viewOf(counting(8));
    expect(() => writer.write(view, 0, 8, 1, 2)).toThrow("interface 0 has not been added, the section has 0");
    writer.addInterface({ timestampOffset: 1000 });
    expect(() => writer.write(view, 0, 8, 999, 0)).toThrow(
      expect.objectContaining({ code: "ERR_CAPTURE_TIME_RANGE" }) as Error,
    );
    expect(() => writer.write(view, 0, 8, 2 ** 40, 0)).toThrow("if_tsresol 9 and if_tsoffset 1000");
    expect(() => writer.write(view, 0, 8, 1000, 0, 8, 1)).toThrow("interface 1");
    expect(() => writer.write(view, 0, 8, 1000, 0, 8, -1)).toThrow("interface -1");
    expect(() => writer.write(view, 0, 8, 1000, 0, 8, 0.5)).toThrow("interface 0.5");
    expect(() => writer.write(view, 8, 0, 1000, 0)).toThrow("packet from 8 to 0, expected an end behind the start");
    expect(() => writer.write(view, 0, 2 ** 32, 1000, 0)).toThrow("expected less than 268435456 bytes");
    for (const end of [Number.NaN, Number.POSITIVE_INFINITY, 7.5]) {
      expect(() => writer.write(view, 0, end, 1000, 0)).toThrow(`packet from 0 to ${end}`);
    }
    expect(() => writer.write(view, 0, 9, 1000, 0)).toThrow(RangeError);
    const [section] = rawBlocks(sectionBlock(false));
    expect(() => writer.writeBlock({ ...section!, type: 77, bytes: block(false, 77) })).toThrow(
      "the raw block is big-endian, its section little-endian",
    );
    expect(() => writer.writeBlock({ type: 77, littleEndian: true, offset: 0, bytes: new Uint8Array(14) })).toThrow(
      "the raw block has 14 bytes, expected a multiple of 4 from 12",
    );
    expect(() => writer.writeBlock({ type: 77, littleEndian: true, offset: 0, bytes: new Uint8Array() })).toThrow(
      "the raw block has 0 bytes",
    );
    // A section that is refused is none.
    expect(() => writer.writeBlock({ ...section!, bytes: new Uint8Array(26) })).toThrow(RangeError);
    writer.write(view, 0, 8, 1000, 0);
    writer.closeSync();
    expect(readSync(kept.bytes)).toMatchObject({ error: undefined, packets: [{ capturedLength: 8 }] });
  });
});

/** Packets and statistics must be of the section's first interface, and no packet longer than a link type allows. */
function withInterface(one: Block): Block {
  if (one.kind === "interface") return { ...one, linkType: 1 };
  return "interfaceId" in one ? { ...one, interfaceId: 0 } : one;
}
