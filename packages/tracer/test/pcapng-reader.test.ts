import { describe, expect, it } from "vitest";
import { CaptureError } from "../src/error.ts";
import { packetFlag } from "../src/packet.ts";
import { BlockType, type RawBlock } from "../src/pcapng-blocks.ts";
import { MAX_INTERFACES, PcapngReader } from "../src/pcapng-reader.ts";
import { openCapture, openCaptureSync } from "../src/reader.ts";
import {
  block,
  bytesOf,
  concat,
  counting,
  dripping,
  hexOf,
  interfaceBlock,
  option,
  packetBlock,
  readAsync,
  readSync,
  sectionBlock,
  text,
  u16,
  u32,
} from "./captures.ts";

function pcapngOf(bytes: Uint8Array, onBlock?: (block: RawBlock) => void): PcapngReader {
  const reader = openCaptureSync(bytes, onBlock === undefined ? {} : { onBlock });
  if (!(reader instanceof PcapngReader)) throw new Error(`a ${reader.format} file`);
  return reader;
}

const simple = (littleEndian: boolean, wireLength: number, data: Uint8Array): Uint8Array =>
  block(littleEndian, 3, u32(wireLength, littleEndian), data);

const obsolete = (littleEndian: boolean, id: number, drops: number, data: Uint8Array): Uint8Array =>
  block(
    littleEndian,
    2,
    u16(id, littleEndian),
    u16(drops, littleEndian),
    ...[0, 5_000_000, data.length, data.length + 1].map((value) => u32(value, littleEndian)),
    data,
    new Uint8Array(-data.length & 3),
  );

const flags = (littleEndian: boolean, word: number): Uint8Array => option(littleEndian, 2, u32(word, littleEndian));

describe("PcapngReader", () => {
  it("reads sections of different byte order, whose interfaces count from 0 again", () => {
    const files = [true, false, true].map((littleEndian, at) =>
      concat([
        sectionBlock(littleEndian, option(littleEndian, 4, text(`app ${at}`))),
        interfaceBlock(littleEndian, 1, 0, option(littleEndian, 2, text(`eth${at}`))),
        interfaceBlock(littleEndian, 113 + at),
        packetBlock(littleEndian, 1, [0, 1_000_000 * at + at], counting(5, at)),
        packetBlock(littleEndian, 0, [0, 7], counting(3)),
      ]),
    );
    const { packets, error } = readSync(concat(files));
    expect(error).toBeUndefined();
    expect(packets.map((packet) => [packet.interfaceId, packet.seconds, packet.nanoseconds, packet.data[0]])).toEqual([
      [1, 0, 0, 0],
      [0, 0, 7000, 0],
      [3, 1, 1000, 1],
      [2, 0, 7000, 0],
      [5, 2, 2000, 2],
      [4, 0, 7000, 0],
    ]);
    expect(packets[4]!.interface).toMatchObject({ index: 5, section: 2, idInSection: 1, linkType: 115 });
    const reader = pcapngOf(concat(files));
    while (reader.next());
    expect(reader.sections.map((section) => [section.littleEndian, section.options.application])).toEqual([
      [true, "app 0"],
      [false, "app 1"],
      [true, "app 2"],
    ]);
    expect(reader.sections[1]!.interfaces.map(({ name }) => name)).toEqual(["eth1", undefined]);
    expect(reader.sections[2]!.offset).toBe(files[0]!.length + files[1]!.length);
    expect(reader.interfaces.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it("knows the first section as soon as the file is open", async () => {
    const file = concat([sectionBlock(false, option(false, 2, text("a machine"))), interfaceBlock(false)]);
    expect(openCaptureSync(file).sections[0]!.options).toEqual({ hardware: "a machine" });
    expect((await openCapture(dripping(file, 1))).sections[0]!.options).toEqual({ hardware: "a machine" });
  });

  it("describes interfaces with all they say of themselves", () => {
    for (const littleEndian of [true, false]) {
      const seconds = littleEndian ? bytesOf("f0ffffffffffffff") : bytesOf("fffffffffffffff0");
      const file = concat([
        sectionBlock(littleEndian),
        interfaceBlock(
          littleEndian,
          276,
          96,
          option(littleEndian, 2, text("node-a/br0")),
          option(littleEndian, 3, text("a bridge")),
          option(littleEndian, 9, bytesOf("09")),
          option(littleEndian, 11, bytesOf("00 75647020706f72742034373839")),
          option(littleEndian, 12, text("Linux 6.1")),
          option(littleEndian, 13, bytesOf("20")),
          option(littleEndian, 14, seconds),
          option(littleEndian, 15, text("virtio")),
          option(littleEndian, 1, text("one")),
          option(littleEndian, 1, text("two")),
        ),
        packetBlock(littleEndian, 0, [5, 500_000_001], counting(1)),
      ]);
      const [packet] = readSync(file).packets;
      expect(packet!.interface).toMatchObject({
        linkType: 276,
        snapLength: 96,
        name: "node-a/br0",
        description: "a bridge",
        timestampResolution: 9,
        timestampOffset: -16,
        filter: "udp port 4789",
        os: "Linux 6.1",
        fcsLength: 4,
        hardware: "virtio",
        comments: ["one", "two"],
      });
      // 5 * 2^32 ns and half a second, less 16 seconds.
      expect([packet!.seconds, packet!.nanoseconds]).toEqual([21 - 16, 974_836_480 + 1]);
    }
  });

  it("takes if_fcslen for bits, and below 8 for bytes", () => {
    for (const [value, expected] of [
      [32, 4],
      [4, 4],
      [0, 0],
    ] as const) {
      const file = concat([sectionBlock(true), interfaceBlock(true, 1, 0, option(true, 13, Uint8Array.of(value)))]);
      const reader = pcapngOf(file);
      reader.next();
      expect(reader.interfaces[0]!.fcsLength).toBe(expected);
    }
  });

  it("reads all options of a packet", () => {
    for (const littleEndian of [true, false]) {
      const u64 = (low: number): Uint8Array =>
        littleEndian ? concat([u32(low, true), u32(0, true)]) : concat([u32(0, false), u32(low, false)]);
      const file = concat([
        sectionBlock(littleEndian),
        interfaceBlock(littleEndian),
        packetBlock(
          littleEndian,
          0,
          [0, 0],
          counting(5),
          option(littleEndian, 1, text("lost here")),
          flags(littleEndian, 0x01000202 | (4 << 5)),
          option(littleEndian, 3, bytesOf("02 ec1d8797")),
          option(littleEndian, 4, u64(3)),
          option(littleEndian, 5, u64(0xfffffffe)),
          option(littleEndian, 6, u32(8, littleEndian)),
          option(littleEndian, 7, concat([bytesOf("02"), u64(2)])),
          option(littleEndian, 7, bytesOf("00 abcd")),
          option(littleEndian, 2989, concat([u32(32473, littleEndian), bytesOf("0102")])),
        ),
        packetBlock(littleEndian, 0, [0, 0], counting(4)),
      ]);
      const [packet, plain] = readSync(file).packets;
      expect(packet).toMatchObject({
        direction: "out",
        comments: ["lost here"],
        hashes: [{ algorithm: 2, value: bytesOf("ec1d8797") }],
        dropCount: 3,
        packetId: 0xfffffffe,
        queue: 8,
        verdicts: [
          { kind: 2, value: 2 },
          { kind: 0, value: bytesOf("abcd") },
        ],
        custom: [{ code: 2989, enterprise: 32473, value: bytesOf("0102") }],
      });
      expect(packetFlag(packet!.flags, "fcsLength")).toBe(4);
      expect(packetFlag(packet!.flags, "checksumNotReady")).toBe(1);
      expect(packetFlag(packet!.flags, "linkErrors")).toBe(0x0100);
      expect(plain).toMatchObject({ direction: undefined, flags: 0, packetId: undefined, options: undefined });
      expect(plain!.comments).toBe(plain!.verdicts);
      const reader = pcapngOf(file);
      reader.next();
      expect([reader.flags, reader.direction]).toEqual([packet!.flags, "out"]);
      reader.next();
      expect([reader.flags, reader.direction]).toEqual([0, undefined]);
    }
  });

  it("reads simple packets, which have no time and end at the snap length", () => {
    for (const littleEndian of [true, false]) {
      const file = concat([
        sectionBlock(littleEndian),
        interfaceBlock(littleEndian, 1, 6),
        simple(littleEndian, 5, counting(5)),
        simple(littleEndian, 1500, counting(8)),
        packetBlock(littleEndian, 0, [0, 1_500_000], counting(1)),
        simple(littleEndian, 0, new Uint8Array()),
      ]);
      const { packets, error } = readSync(file);
      expect(error).toBeUndefined();
      expect(
        packets.map((packet) => [packet.hasTime, packet.seconds, packet.capturedLength, packet.wireLength]),
      ).toEqual([
        [false, 0, 5, 5],
        [false, 0, 6, 1500],
        [true, 1, 1, 1],
        [false, 0, 0, 0],
      ]);
      expect(packets[1]!.nanoseconds).toBe(0);
      expect(packets[1]!.options).toBeUndefined();
    }
  });

  it("reads obsolete packet blocks, with their count of drops", () => {
    for (const littleEndian of [true, false]) {
      const file = concat([
        sectionBlock(littleEndian),
        interfaceBlock(littleEndian),
        obsolete(littleEndian, 0, 7, counting(3)),
        obsolete(littleEndian, 0, 0xffff, counting(4)),
      ]);
      const { packets } = readSync(file);
      expect(packets.map(({ dropCount, seconds, wireLength }) => [dropCount, seconds, wireLength])).toEqual([
        [7, 5, 4],
        [undefined, 5, 5],
      ]);
    }
  });

  it("reads times of any resolution", () => {
    const cases = [
      [0, [0, 1_700_000_000], 1_700_000_000, 0],
      [3, [0, 1_234], 1, 234_000_000],
      [9, [0x18e9f2d7, 0xb14e59fd], 1_795_232_934, 690_445_821],
      [12, [232, 3_567_587_328], 1, 0],
      [0x80 | 10, [0, 1024 + 512], 1, 500_000_000],
      [0x80 | 40, [256, 1], 1, 0],
    ] as const;
    for (const [resolution, ticks, seconds, nanoseconds] of cases) {
      const file = concat([
        sectionBlock(true),
        interfaceBlock(true, 1, 0, option(true, 9, Uint8Array.of(resolution))),
        packetBlock(true, 0, ticks, counting(1)),
      ]);
      const [packet] = readSync(file).packets;
      expect([packet!.seconds, packet!.nanoseconds], `resolution ${resolution}`).toEqual([seconds, nanoseconds]);
    }
  });

  it("passes other blocks by and tells of them", () => {
    const names = block(true, 4, bytesOf("0100 0600 0a000001 6100 0000 00000000"));
    const statistics = block(true, 5, u32(0, true), u32(1, true), u32(2, true));
    const unknown = block(true, 0x80001234, counting(8));
    const file = concat([
      sectionBlock(true),
      names,
      interfaceBlock(true),
      packetBlock(true, 0, [0, 0], counting(2)),
      unknown,
      statistics,
    ]);
    const told: [number, number, string][] = [];
    const reader = pcapngOf(file, (one) => told.push([one.type, one.offset, hexOf(one.bytes)]));
    let count = 0;
    while (reader.next()) count++;
    expect(count).toBe(1);
    expect(told.map(([type]) => type)).toEqual([
      BlockType.section,
      BlockType.names,
      BlockType.interface,
      0x80001234,
      BlockType.statistics,
    ]);
    expect(told[3]).toEqual([0x80001234, 28 + names.length + 20 + 36, hexOf(unknown)]);
  });

  it("walks block by block, the first section included, and from packet to packet in between", async () => {
    const parts = [
      sectionBlock(true),
      interfaceBlock(true),
      packetBlock(true, 0, [0, 0], counting(2)),
      block(true, 99),
      sectionBlock(false),
      packetBlock(true, 0, [0, 0], counting(2)),
    ];
    const file = concat(parts.slice(0, 5));
    const reader = pcapngOf(file);
    const found: string[] = [];
    while (reader.nextBlock()) found.push(hexOf(reader.block(true).bytes));
    expect(found).toEqual(parts.slice(0, 5).map(hexOf));
    const waited: string[] = [];
    const other = await openCapture(dripping(file, 5));
    if (other.format !== "pcapng") throw new Error(other.format);
    for await (const raw of other.blocks()) waited.push(hexOf(raw.bytes));
    expect(waited).toEqual(found);
    const mixed = pcapngOf(file);
    expect(mixed.nextBlock()).toBe(true);
    expect(mixed.next()).toBe(true);
    expect([mixed.blockType, mixed.number]).toEqual([BlockType.enhancedPacket, 1]);
    expect(mixed.nextBlock()).toBe(true);
    expect(mixed.blockType).toBe(99);
    expect(mixed.next()).toBe(false);
  });

  it.each([
    [
      "a byte-order magic that is none",
      concat([bytesOf("0a0d0d0a 1c000000 4d3c2b1b"), new Uint8Array(16)]),
      "BYTE_ORDER",
      8,
    ],
    [
      "another major version",
      concat([sectionBlock(true).slice(0, 12), bytesOf("0200"), sectionBlock(true).slice(14)]),
      "VERSION",
      12,
    ],
    [
      "another minor version",
      concat([sectionBlock(true).slice(0, 14), bytesOf("0100"), sectionBlock(true).slice(16)]),
      "VERSION",
      12,
    ],
    ["a section header that is too short", block(true, 0x0a0d0d0a, bytesOf("4d3c2b1a 0100 0000")), "BLOCK_BODY", 0],
    [
      "a length that is no multiple of four",
      concat([sectionBlock(true), bytesOf("01000000 15000000 00000000")]),
      "BLOCK_LENGTH",
      32,
    ],
    [
      "a length of less than a block",
      concat([sectionBlock(true), bytesOf("01000000 08000000 08000000")]),
      "BLOCK_LENGTH",
      32,
    ],
    [
      "a length beyond belief",
      concat([sectionBlock(true), bytesOf("01000000 00000001 000000f0 00000000")]),
      "TRUNCATED_BLOCK",
      28,
    ],
    [
      "a length beyond the limit",
      concat([sectionBlock(true), bytesOf("01000000 04000001 000000f0")]),
      "BLOCK_LENGTH",
      32,
    ],
    ["lengths that differ", concat([sectionBlock(true), bytesOf("63000000 0c000000 10000000")]), "BLOCK_LENGTH", 36],
    [
      "an interface description that is too short",
      concat([sectionBlock(true), block(true, 1, bytesOf("01000000"))]),
      "BLOCK_BODY",
      28,
    ],
    [
      "a packet of no interface",
      concat([sectionBlock(true), packetBlock(true, 0, [0, 0], counting(1))]),
      "INTERFACE",
      28,
    ],
    ["a simple packet of no interface", concat([sectionBlock(true), simple(true, 1, counting(1))]), "INTERFACE", 28],
    [
      "a packet block that is too short",
      concat([sectionBlock(true), interfaceBlock(true), block(true, 6, counting(16))]),
      "BLOCK_BODY",
      48,
    ],
    [
      "a captured length beyond its block",
      concat([
        sectionBlock(true),
        interfaceBlock(true),
        block(true, 6, ...[0, 0, 0, 5, 5, 1].map((value) => u32(value, true))),
      ]),
      "BLOCK_BODY",
      48,
    ],
    [
      "a captured length beyond belief",
      concat([
        sectionBlock(true),
        interfaceBlock(true),
        block(true, 6, ...[0, 0, 0, 0xffffffff, 5, 1].map((value) => u32(value, true))),
      ]),
      "PACKET_TOO_LARGE",
      48,
    ],
    [
      "a simple packet longer than its block",
      concat([sectionBlock(true), interfaceBlock(true), simple(true, 9, counting(8))]),
      "BLOCK_BODY",
      48,
    ],
  ])("refuses %s", async (_name, file, code, offset) => {
    for (const { packets, error } of [readSync(file), await readAsync(dripping(file, 3))]) {
      expect(packets).toEqual([]);
      expect(error).toBeInstanceOf(CaptureError);
      expect(error).toMatchObject({ code: `ERR_PCAPNG_${code}`, offset });
    }
  });

  it("accepts minor version 2 as the draft asks", () => {
    const section = sectionBlock(true);
    section[14] = 2;
    expect(openCaptureSync(section).sections[0]!.versionMinor).toBe(2);
  });

  it("reads packets whose options or neighbors are damaged", () => {
    const file = concat([
      sectionBlock(true),
      interfaceBlock(true, 1, 0, bytesOf("0200 ffff")),
      packetBlock(true, 0, [0, 0], counting(3), bytesOf("0200 0000 0100 ffff")),
      block(true, 4, bytesOf("0100 ffff")),
      block(true, 5),
      packetBlock(true, 0, [0, 0], counting(3)),
    ]);
    const { packets, error } = readSync(file);
    expect(error).toBeUndefined();
    expect(packets[0]!.options).toEqual({
      unknown: [{ code: 2, value: new Uint8Array() }],
      malformed: bytesOf("0100 ffff"),
    });
    expect(packets[0]!.flags).toBe(0);
    expect(packets).toHaveLength(2);
  });

  it("has a limit for blocks that rises with the link type's packets", () => {
    const length = 17 * 1024 * 1024;
    const file = (linkType: number): Uint8Array =>
      concat([
        sectionBlock(true),
        interfaceBlock(true, linkType),
        ...[6, length + 32, 0, 0, 0, length, length].map((value) => u32(value, true)),
        new Uint8Array(length),
        u32(length + 32, true),
      ]);
    expect(readSync(file(1)).error).toMatchObject({ code: "ERR_PCAPNG_BLOCK_LENGTH", offset: 52 });
    expect(readSync(file(231)).packets[0]!.capturedLength).toBe(length);
  });

  it("ends with an error at more interfaces than any capture has", () => {
    const one = interfaceBlock(true);
    const bytes = concat([sectionBlock(true), ...Array.from({ length: MAX_INTERFACES + 1 }, () => one)]);
    const { error } = readSync(bytes);
    expect(error).toMatchObject({ code: "ERR_PCAPNG_TOO_MANY", offset: 28 + 20 * MAX_INTERFACES });
  });

  it("yields the whole packets before any cut, then exactly one error that says where", async () => {
    for (const littleEndian of [true, false]) {
      const parts = [
        sectionBlock(littleEndian, option(littleEndian, 1, text("a comment"))),
        interfaceBlock(littleEndian, 1, 0, option(littleEndian, 2, text("eth0"))),
        packetBlock(littleEndian, 0, [0, 1], counting(5), flags(littleEndian, 1)),
        block(littleEndian, 0x777, counting(6)),
        simple(littleEndian, 7, counting(7)),
        sectionBlock(!littleEndian),
        interfaceBlock(!littleEndian),
        packetBlock(!littleEndian, 0, [0, 1], new Uint8Array()),
      ];
      const file = concat(parts);
      const ends: number[] = [];
      for (const part of parts) ends.push((ends.at(-1) ?? 0) + part.length);
      for (let cut = 4; cut <= file.length; cut++) {
        const whole = ends.filter((end) => end <= cut).length;
        const expected = [2, 4, 7].filter((at) => at < whole).length;
        const cutFile = file.slice(0, cut);
        for (const { packets, error } of [
          readSync(cutFile),
          cut % 5 === 0 ? await readAsync(dripping(cutFile, 11)) : readSync(cutFile),
        ]) {
          expect(packets.length, `cut at ${cut}`).toBe(expected);
          if (ends.includes(cut)) expect(error).toBeUndefined();
          else expect(error).toMatchObject({ code: "ERR_PCAPNG_TRUNCATED_BLOCK", offset: ends[whole - 1] ?? 0 });
        }
      }
    }
  });

  it("says of what type the cut block is", () => {
    const file = concat([sectionBlock(true), interfaceBlock(true)]);
    expect(readSync(file.slice(0, 40)).error!.message).toBe(
      "memory: byte 28: block of type 0x00000001 is cut: it needs 20 bytes, there are 12",
    );
    expect(readSync(file.slice(0, 33)).error!.message).toBe(
      "memory: byte 28: block is cut: it needs at least 12 bytes, there are 5",
    );
  });
});
