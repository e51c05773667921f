import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Block, BlockType, decodeBlock, encodeBlock, type RawBlock } from "../src/pcapng-blocks.ts";
import { blocks, sections } from "./arbitraries.ts";
import { bytesOf, hexOf } from "./captures.ts";

function rawOf(bytes: Uint8Array, littleEndian: boolean): RawBlock {
  const type = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, littleEndian);
  return { type, littleEndian, offset: 0, bytes };
}

/** The bytes must be a block, and decode to what was encoded. */
function expectSurvives(block: Block, littleEndian: boolean): void {
  const bytes = encodeBlock(block, littleEndian);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  expect(bytes.length % 4).toBe(0);
  expect(view.getUint32(4, littleEndian)).toBe(bytes.length);
  expect(view.getUint32(bytes.length - 4, littleEndian)).toBe(bytes.length);
  expect(decodeBlock(rawOf(bytes, littleEndian))).toEqual(block);
}

describe("pcapng blocks", () => {
  it("of any kind survive in both byte orders", () => {
    fc.assert(fc.property(blocks(), fc.boolean(), expectSurvives), { numRuns: 400 });
  });

  it("of a section have their own byte order", () => {
    fc.assert(
      fc.property(sections(), (section) => {
        if (section.kind === "section") expectSurvives(section, section.littleEndian);
      }),
    );
  });

  it("stand in the file as the draft draws them", () => {
    const cases: readonly (readonly [Block, string])[] = [
      [
        {
          kind: "section",
          littleEndian: false,
          versionMajor: 1,
          versionMinor: 0,
          sectionLength: undefined,
          options: {},
        },
        "0a0d0d0a 0000001c 1a2b3c4d 0001 0000 ffffffffffffffff 0000001c",
      ],
      [
        { kind: "interface", linkType: 1, snapLength: 65535, options: { name: "eth0" } },
        "00000001 00000020 0001 0000 0000ffff 0002 0004 65746830 0000 0000 00000020",
      ],
      [
        {
          kind: "enhancedPacket",
          interfaceId: 3,
          time: { high: 1, low: 2 },
          wireLength: 9,
          data: bytesOf("0102030405"),
          options: { flags: 1 },
        },
        "00000006 00000034 00000003 00000001 00000002 00000005 00000009 0102030405 000000 0002 0004 00000001 00000000 00000034",
      ],
      [
        {
          kind: "packet",
          interfaceId: 3,
          dropCount: undefined,
          time: { high: 1, low: 2 },
          wireLength: 1,
          data: bytesOf("01"),
          options: {},
        },
        "00000002 00000024 0003 ffff 00000001 00000002 00000001 00000001 01 000000 00000024",
      ],
      [{ kind: "simplePacket", wireLength: 2, data: bytesOf("0102") }, "00000003 00000014 00000002 0102 0000 00000014"],
      [
        {
          kind: "names",
          records: [{ kind: "ipv4", address: 0x7f000001, names: ["localhost"] }],
          options: { dnsName: "ns" },
        },
        "00000004 00000030 0001 000e 7f000001 6c6f63616c686f737400 0000 0000 0000 0002 0002 6e73 0000 0000 0000 00000030",
      ],
      [
        { kind: "statistics", interfaceId: 0, time: { high: 1, low: 2 }, options: { dropped: 4 } },
        "00000005 00000028 00000000 00000001 00000002 0005 0008 0000000000000004 00000000 00000028",
      ],
      [
        { kind: "secrets", secretsType: 0x544c534b, data: bytesOf("0a0b0c"), options: {} },
        "0000000a 00000018 544c534b 00000003 0a0b0c 00 00000018",
      ],
      [
        { kind: "custom", enterprise: 32473, copyable: false, data: bytesOf("00112233") },
        "40000bad 00000014 00007ed9 00112233 00000014",
      ],
      [{ kind: "unknown", type: 0x80000001, body: bytesOf("00112233") }, "80000001 00000010 00112233 00000010"],
    ];
    for (const [block, hex] of cases) {
      expect(hexOf(encodeBlock(block, false)), block.kind).toBe(hexOf(bytesOf(hex)));
      expectSurvives(block, false);
    }
    expect(
      cases
        .map(([{ kind }]) => kind)
        .filter((kind) => kind !== "unknown")
        .toSorted(),
    ).toEqual(
      Object.keys(BlockType)
        .filter((kind) => kind !== "customLocal")
        .toSorted(),
    );
  });

  it("cut a simple packet at the snap length of the first interface", () => {
    const bytes = bytesOf("00000003 00000014 00000009 0102 0304 00000014");
    expect(decodeBlock(rawOf(bytes, false), 3)).toEqual({
      kind: "simplePacket",
      wireLength: 9,
      data: bytesOf("010203"),
    });
    expect(decodeBlock(rawOf(bytes, false))).toBeUndefined();
  });

  it("are undefined, and nothing is thrown, if their fields contradict their length", () => {
    fc.assert(
      fc.property(blocks(), fc.boolean(), fc.nat(), fc.nat({ max: 255 }), (block, littleEndian, at, byte) => {
        const bytes = encodeBlock(block, littleEndian).slice();
        bytes[8 + (at % Math.max(1, bytes.length - 12))] = byte;
        decodeBlock(rawOf(bytes, littleEndian));
        for (let length = 12; length < bytes.length; length += 4) {
          decodeBlock({ ...rawOf(bytes, littleEndian), bytes: bytes.slice(0, length) });
        }
      }),
    );
    for (const [type, length] of [
      [BlockType.section, 24],
      [BlockType.interface, 16],
      [BlockType.packet, 28],
      [BlockType.simplePacket, 12],
      [BlockType.statistics, 20],
      [BlockType.enhancedPacket, 28],
      [BlockType.secrets, 16],
      [BlockType.custom, 12],
    ] as const) {
      expect(decodeBlock({ type, littleEndian: true, offset: 0, bytes: new Uint8Array(length) })).toBeUndefined();
    }
  });

  it("keep name records that make no sense as bytes", () => {
    const block: Block = {
      kind: "names",
      records: [
        { kind: "unknown", code: 1, value: bytesOf("0a0000 ") },
        { kind: "unknown", code: 1, value: bytesOf("0a000001 6162") },
        { kind: "ipv4", address: 0x0a000001, names: [] },
        { kind: "unknown", code: 9, value: new Uint8Array() },
      ],
      options: {},
    };
    expectSurvives(block, true);
    const breaksOff = bytesOf("00000004 00000018 0001 0006 0a000001 6100 0000 0000 00000018");
    expect(decodeBlock(rawOf(breaksOff.slice(), false))).toMatchObject({ records: [{ names: ["a"] }], options: {} });
    expect(() =>
      encodeBlock(
        { kind: "names", records: [{ kind: "ipv6", address: new Uint8Array(4), names: [] }], options: {} },
        true,
      ),
    ).toThrow("an ipv6 address has 4 bytes, expected 16");
  });
});
