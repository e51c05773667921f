import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CaptureError } from "../src/error.ts";
import { PcapReader } from "../src/pcap-reader.ts";
import { openCaptureSync } from "../src/reader.ts";
import { bytesOf, concat, counting, hexOf, pcapHeader, pcapRecord, readAsync, readSync, seenOf } from "./captures.ts";

/** Magic numbers and what a unit of theirs is worth in nanoseconds. */
const MAGICS = [
  { name: "microseconds", magic: 0xa1b2c3d4, nsPerUnit: 1000 },
  { name: "nanoseconds", magic: 0xa1b23c4d, nsPerUnit: 1 },
] as const;

const ORDERS = [true, false];

function three(littleEndian: boolean, magic: number): Uint8Array {
  return concat([
    pcapHeader({ littleEndian, magic, snapLength: 96 }),
    pcapRecord(littleEndian, 1_700_000_000, 999_999, counting(60), 60),
    pcapRecord(littleEndian, 0xffffffff, 0, counting(96), 1514),
    pcapRecord(littleEndian, 1_700_000_001, 7, new Uint8Array(), 0),
  ]);
}

function pcapOf(bytes: Uint8Array): PcapReader {
  const reader = openCaptureSync(bytes);
  if (!(reader instanceof PcapReader)) throw new Error(`a ${reader.format} file`);
  return reader;
}

describe("PcapReader", () => {
  for (const littleEndian of ORDERS) {
    for (const { name, magic, nsPerUnit } of MAGICS) {
      it(`reads ${littleEndian ? "little" : "big"}-endian files of ${name}`, () => {
        const { packets, error } = readSync(three(littleEndian, magic));
        expect(error).toBeUndefined();
        expect(packets.map(seenOf)).toEqual([
          {
            number: 1,
            offset: 24,
            interfaceId: 0,
            seconds: 1_700_000_000,
            nanoseconds: 999_999 * nsPerUnit,
            wireLength: 60,
            data: hexOf(counting(60)),
          },
          {
            number: 2,
            offset: 100,
            interfaceId: 0,
            seconds: 0xffffffff,
            nanoseconds: 0,
            wireLength: 1514,
            data: hexOf(counting(96)),
          },
          {
            number: 3,
            offset: 212,
            interfaceId: 0,
            seconds: 1_700_000_001,
            nanoseconds: 7 * nsPerUnit,
            wireLength: 0,
            data: "",
          },
        ]);
      });
    }
  }

  it("reads a file that tcpdump could have written, field by field", () => {
    const reader = pcapOf(
      bytesOf(`
      d4c3b2a1 0200 0400 00000000 00000000 00000400 01000000
      00f15365 40e20100 04000000 4e000000 deadbeef`),
    );
    expect(reader.header).toEqual({
      littleEndian: true,
      resolution: "microseconds",
      versionMajor: 2,
      versionMinor: 4,
      reserved1: 0,
      reserved2: 0,
      snapLength: 262_144,
      linkType: 1,
      fcsLength: undefined,
    });
    expect(reader.next()).toBe(true);
    expect([reader.seconds, reader.nanoseconds]).toEqual([1_700_000_000, 123_456_000]);
    expect([reader.start, reader.end, reader.capturedLength, reader.wireLength]).toEqual([40, 44, 4, 78]);
    expect(reader.view.getUint32(reader.start)).toBe(0xdeadbeef);
    expect(reader.direction).toBeUndefined();
    expect(reader.options()).toBeUndefined();
    expect(reader.next()).toBe(false);
  });

  it("describes its one interface, FCS length included", () => {
    const reader = pcapOf(pcapHeader({ littleEndian: false, linkType: 0x24000001, snapLength: 128 }));
    expect(reader.interfaces).toMatchObject([
      { index: 0, linkType: 1, fcsLength: 4, snapLength: 128, timestampResolution: 6, name: undefined, comments: [] },
    ]);
    expect(reader.sections).toMatchObject([{ index: 0, littleEndian: false, versionMajor: 2, versionMinor: 4 }]);
    expect(reader.sections[0]!.interfaces).toBe(reader.interfaces);
  });

  it("carries subseconds of a second and more into the seconds", () => {
    for (const { magic, nsPerUnit } of MAGICS) {
      const unitsPerSecond = 1_000_000_000 / nsPerUnit;
      const records = [unitsPerSecond, unitsPerSecond * 3 + 5, 0xffffffff].map((units) =>
        pcapRecord(true, 10, units, counting(1)),
      );
      const { packets } = readSync(concat([pcapHeader({ littleEndian: true, magic }), ...records]));
      expect(packets.map(({ seconds, nanoseconds }) => [seconds, nanoseconds])).toEqual([
        [11, 0],
        [13, 5 * nsPerUnit],
        [10 + Math.floor(0xffffffff / unitsPerSecond), (0xffffffff % unitsPerSecond) * nsPerUnit],
      ]);
    }
  });

  it("takes a packet longer than the snap length, as Wireshark does", () => {
    const file = concat([
      pcapHeader({ littleEndian: true, snapLength: 4 }),
      pcapRecord(true, 1, 2, counting(200)),
      pcapRecord(true, 1, 3, counting(3), 2),
    ]);
    expect(readSync(file).packets.map((packet) => [packet.capturedLength, packet.wireLength])).toEqual([
      [200, 200],
      [3, 2],
    ]);
  });

  it("takes 262,144 bytes and refuses one more, unless the link type has longer packets", () => {
    const long = (length: number, linkType: number): Uint8Array =>
      concat([
        pcapHeader({ littleEndian: true, linkType }),
        pcapRecord(true, 1, 1, counting(4)),
        concat([1, 2, length, length].map((value) => Uint8Array.from([value, value >> 8, value >> 16, value >> 24]))),
        new Uint8Array(length),
      ]);
    expect(readSync(long(262_144, 1)).packets).toHaveLength(2);
    const { packets, error } = readSync(long(262_145, 1));
    expect(packets).toHaveLength(1);
    expect(error).toMatchObject({ code: "ERR_PCAP_PACKET_TOO_LARGE", offset: 44 });
    expect(error!.message).toBe(
      "memory: byte 44: record 2 has a captured length of 262145 bytes, ETHERNET packets have at most 262144",
    );
    expect(readSync(long(262_145, 231)).packets).toHaveLength(2);
  });

  it("reads a capture in memory of more than 1 GiB", () => {
    const length = 262_140;
    const count = Math.ceil(2 ** 30 / (16 + length)) + 2;
    const bytes = new Uint8Array(24 + count * (16 + length));
    bytes.set(pcapHeader({ littleEndian: true }));
    const view = new DataView(bytes.buffer);
    for (let index = 0; index < count; index++) {
      const at = 24 + index * (16 + length);
      view.setUint32(at, index, true);
      view.setUint32(at + 8, length, true);
      view.setUint32(at + 12, length, true);
    }
    const reader = pcapOf(bytes);
    for (let index = 0; index < count; index++) {
      const start = 24 + index * (16 + length) + 16;
      expect(reader.next()).toBe(true);
      expect([reader.seconds, reader.start, reader.end]).toEqual([index, start, start + length]);
    }
    expect(reader.next()).toBe(false);
    expect(reader.number).toBe(count);
  });

  it("says a hostile length at once and does not wait for its bytes", async () => {
    const file = concat([pcapHeader({ littleEndian: true }), bytesOf("00000000 00000000 ffffffff ffffffff")]);
    expect(readSync(file).error).toMatchObject({ code: "ERR_PCAP_PACKET_TOO_LARGE", offset: 24 });
    expect((await readAsync(file)).error).toMatchObject({ code: "ERR_PCAP_PACKET_TOO_LARGE", offset: 24 });
  });

  it.each([
    ["a version before 2.4", pcapHeader({ littleEndian: true, version: [2, 2] }), "ERR_PCAP_VERSION", 4],
    ["a version after 2.4", pcapHeader({ littleEndian: false, version: [3, 4] }), "ERR_PCAP_VERSION", 4],
    ["reserved bits", pcapHeader({ littleEndian: true, linkType: 0x00010001 }), "ERR_PCAP_LINK_TYPE", 20],
    ["half a header", pcapHeader({ littleEndian: true }).slice(0, 23), "ERR_PCAP_TRUNCATED_HEADER", 0],
  ])("refuses %s", (_name, file, code, offset) => {
    expect(() => openCaptureSync(file)).toThrow(expect.objectContaining({ code, offset }) as CaptureError);
  });

  it("yields the whole records before any cut, then exactly one error that says where", () => {
    for (const littleEndian of ORDERS) {
      const file = three(littleEndian, 0xa1b2c3d4);
      const starts = [24, 100, 212, 228];
      for (let cut = 24; cut <= file.length; cut++) {
        const { packets, error } = readSync(file.slice(0, cut));
        const whole = starts.filter((start) => start <= cut).length - 1;
        expect(packets.length, `cut at ${cut}`).toBe(whole);
        if (starts.includes(cut)) expect(error).toBeUndefined();
        else expect(error).toMatchObject({ code: "ERR_PCAP_TRUNCATED_RECORD", offset: starts[whole] });
      }
    }
  });

  it("says what is missing of a cut record", () => {
    const file = three(true, 0xa1b2c3d4);
    expect(readSync(file.slice(0, 99)).error!.message).toBe(
      "memory: byte 24: record 1 is cut: its record needs 76 bytes, there are 75",
    );
    expect(readSync(file.slice(0, 105)).error!.message).toBe(
      "memory: byte 100: record 2 is cut: its header needs 16 bytes, there are 5",
    );
  });

  it("reads any records through any buffer that holds the longest", () => {
    const record = fc.record({
      seconds: fc.nat({ max: 0xffffffff }),
      nanoseconds: fc.nat({ max: 999_999_999 }),
      data: fc.uint8Array({ maxLength: 80 }),
      wireLength: fc.nat({ max: 0xffffffff }),
    });
    fc.assert(
      fc.property(fc.array(record), fc.boolean(), (records, littleEndian) => {
        const file = concat([
          pcapHeader({ littleEndian, magic: 0xa1b23c4d }),
          ...records.map((one) => pcapRecord(littleEndian, one.seconds, one.nanoseconds, one.data, one.wireLength)),
        ]);
        const { packets, error } = readSync(file);
        expect(error).toBeUndefined();
        expect(packets).toMatchObject(records);
      }),
    );
  });
});
