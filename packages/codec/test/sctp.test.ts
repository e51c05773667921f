import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ChecksumStatus } from "../src/checksum.ts";
import * as crc32c from "../src/crc32c.ts";
import * as chunk from "../src/sctp-chunk.ts";
import * as sctp from "../src/sctp.ts";
import { Status } from "../src/status.ts";
import { bytesOf, dirtyView, hexOf, hexOfView, viewOf } from "./hex.ts";
import {
  expectBytesSurvive,
  expectLayoutAgrees,
  expectPrefixesRefused,
  expectSettersAgree,
  expectValuesSurvive,
} from "./laws.ts";

/** What usrsctp sent: an association from its first packet to its last, and one that it aborted. */
const INIT = bytesOf(
  "9c412328 00000000 b148f1de 0100005a ec8cd06c 00020000 000a0800 48a2dc7f 80000004 c0000004 80080007 c00f8200 80020024 3e43a2367fe925dd451d3cd952f62f4797cfb5ac2f9e78bc3253f709d042f3c0 80040006 00010000 80030004 000c0006 00050000",
);
const COOKIE_ACK = bytesOf("23289c41 ec8cd06c 637ef381 0b000004");
const DATA = bytesOf("9c412328 a5add867 4b4dae07 00030015 48a2dc7f 00000000 00000000 68656c6c6f 000000");
const SACK = bytesOf("23289c41 ec8cd06c 74772388 03000010 48a2dc7f 0001fefb 00000000");
const SACK_AND_DATA = bytesOf(
  "23289c41 ec8cd06c 82d8cd5d 03000010 48a2dc80 00020000 00000000 00030016 177bbf37 00000001 00000000 616e73776572 0000",
);
const SHUTDOWN = bytesOf("9c412328 a5add867 3fb62f4c 07000008 177bbf38");
const ABORT = bytesOf("9c422328 376e23d4 46a6c051 06000008 000c0004");
/** RFC 9260 §3.3.4: chunks 102 to 103 and 105 have come, 99 twice; made by hand. */
const GAPS = bytesOf("0300001c 00000064 0001fc00 0002 0001 0002 0003 0005 0005 00000063");

const ALL = { INIT, COOKIE_ACK, DATA, SACK, SACK_AND_DATA, SHUTDOWN, ABORT };

describe("real packets", () => {
  it.each(Object.entries(ALL))("%s has a right checksum, and comes back from its plain value", (_name, bytes) => {
    const view = viewOf(bytes);
    expect(sctp.check(view, 0, bytes.length)).toBe(Status.ok);
    expect(sctp.verifyChecksum(view, 0, bytes.length)).toBe(ChecksumStatus.valid);
    expect(sctp.payloadStart(view, 0, bytes.length)).toBe(bytes.length);
    expect(sctp.payloadEnd(view, 0, bytes.length)).toBe(bytes.length);
    expect(hexOf(sctp.encode(sctp.plain(view, 0, bytes.length)))).toBe(hexOf(bytes));
  });

  it.each([
    [INIT, "40001 > 9000 tag 0x00000000 INIT tag 0xec8cd06c tsn 1218632831 window 131072"],
    [COOKIE_ACK, "9000 > 40001 tag 0xec8cd06c COOKIE ACK"],
    [DATA, "40001 > 9000 tag 0xa5add867 DATA 1218632831 stream 0:0 bytes 5"],
    [SACK_AND_DATA, "9000 > 40001 tag 0xec8cd06c SACK 1218632832 window 131072, DATA 393985847 stream 0:1 bytes 6"],
    [SHUTDOWN, "40001 > 9000 tag 0xa5add867 SHUTDOWN 393985848"],
    [sctp.encode({ srcPort: 1, dstPort: 2, chunks: GAPS }), "1 > 2 tag 0x00000000 SACK 100 +2-3 +5-5 window 130048"],
    [sctp.encode({ srcPort: 1, dstPort: 2, chunks: bytesOf("fe000004") }), "1 > 2 tag 0x00000000 chunk 254"],
    [
      sctp.encode({ srcPort: 1, dstPort: 2, chunks: bytesOf("00040011 00000001 00020003 00000000 61000000") }),
      "1 > 2 tag 0x00000000 DATA 1 stream 2:3 unordered fragment bytes 1",
    ],
    [sctp.encode({ srcPort: 1, dstPort: 2 }), "1 > 2 tag 0x00000000"],
  ])("case %# formats", (bytes, line) => {
    expect(sctp.format(viewOf(bytes), 0, bytes.length)).toBe(line);
  });

  it("read", () => {
    const view = viewOf(SACK_AND_DATA);
    expect([sctp.srcPort(view, 0), sctp.dstPort(view, 0)]).toEqual([9000, 40001]);
    expect([sctp.verificationTag(view, 0), sctp.checksum(view, 0)]).toEqual([0xec8cd06c, 0x82d8cd5d]);
    const data = sctp.chunksStart(0) + chunk.chunkLength(view, sctp.chunksStart(0), SACK_AND_DATA.length);
    expect(data).toBe(28);
    expect([chunk.type(view, data), chunk.flags(view, data), chunk.length(view, data)]).toEqual([0, 3, 22]);
    expect([chunk.tsn(view, data), chunk.streamId(view, data), chunk.streamSequence(view, data)]).toEqual([
      393985847, 0, 1,
    ]);
    const init = viewOf(INIT);
    expect([chunk.initiateTag(init, 12), chunk.initialTsn(init, 12)]).toEqual([0xec8cd06c, 0x48a2dc7f]);
    expect([chunk.outboundStreams(init, 12), chunk.inboundStreams(init, 12)]).toEqual([10, 2048]);
    expect(sctp.decode(sctp.encode({ srcPort: 1, dstPort: 2, chunks: GAPS }))).toMatchObject({
      ok: true,
      value: {
        chunks: [
          {
            chunk: "sack",
            cumulativeTsn: 100,
            gaps: [
              { start: 2, end: 3 },
              { start: 5, end: 5 },
            ],
            duplicates: [99],
          },
        ],
      },
    });
  });

  it("are built from their parts in a dirty buffer", () => {
    const view = dirtyView(18);
    sctp.setSrcPort(view, 1, 9000);
    sctp.setDstPort(view, 1, 40001);
    sctp.setVerificationTag(view, 1, 0xec8cd06c);
    view.setUint32(13, 0x0b000004);
    sctp.fillChecksum(view, 1, 17);
    expect(hexOfView(view)).toBe(`a5${hexOf(COOKIE_ACK)}a5`);
  });

  it("are what encode makes of the least it takes", () => {
    const chunks: chunk.SctpChunkInit[] = [
      {
        chunk: "data",
        flags: 3,
        tsn: 0x48a2dc7f,
        streamId: 0,
        streamSequence: 0,
        payloadProtocol: 0,
        bytes: bytesOf("68656c6c6f"),
      },
    ];
    expect(hexOf(sctp.encode({ srcPort: 40001, dstPort: 9000, verificationTag: 0xa5add867, chunks }))).toBe(
      hexOf(DATA),
    );
  });
});

describe("the checksum", () => {
  it("is the CRC32c of RFC 3720 §B.4", () => {
    const of = (bytes: Uint8Array): number =>
      crc32c.finish(crc32c.update(crc32c.INITIAL, viewOf(bytes), 0, bytes.length));
    expect(of(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(of(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
    expect(of(Uint8Array.from({ length: 32 }, (_, index) => index))).toBe(0x46dd794e);
    expect(of(new TextEncoder().encode("123456789"))).toBe(0xe3069283);
  });

  it("of zero is the network card's, any other wrong one is wrong", () => {
    const bytes = DATA.slice();
    bytes.fill(0, 8, 12);
    expect(sctp.verifyChecksum(viewOf(bytes), 0, bytes.length)).toBe(ChecksumStatus.partial);
    bytes[8] = 1;
    expect(sctp.verifyChecksum(viewOf(bytes), 0, bytes.length)).toBe(ChecksumStatus.invalid);
  });
});

describe("what is refused", () => {
  it.each(Object.entries(ALL))("every prefix of %s that ends inside a chunk", (_name, bytes) => {
    // A header without chunks is one; what is cut off the last chunk may be its padding alone.
    expectPrefixesRefused(sctp, bytes, sctp.HEADER_LENGTH);
    for (let length = sctp.HEADER_LENGTH + 1; length < sctp.HEADER_LENGTH + chunk.HEADER_LENGTH; length++)
      expect(sctp.check(viewOf(bytes), 0, length), `${length} bytes`).toBe(Status.truncated);
  });

  it("a packet whose last chunk is not all there, and says how much is needed", () => {
    expect(sctp.decode(DATA.slice(0, 30))).toMatchObject({
      ok: false,
      error: { code: "truncated", layer: "sctp", required: 33, available: 30 },
    });
    expect(sctp.check(viewOf(DATA), 0, 33)).toBe(Status.ok);
    expect(sctp.decode(SACK_AND_DATA.slice(0, 30))).toMatchObject({ ok: false, error: { required: 32 } });
  });

  it.each([
    ["a chunk shorter than its header", "04000003"],
    ["DATA without all of its fields", "0003000f 00000001 00000000 00000000"],
    ["INIT without all of its fields", "01000010 00000001 00000000 00010001"],
    ["a SACK that has fewer blocks than it counts", "03000010 00000064 0001fc00 00010000"],
    ["SHUTDOWN without a TSN", "07000004"],
  ])("%s", (_name, chunks) => {
    const bytes = sctp.encode({ srcPort: 1, dstPort: 2, chunks: bytesOf(chunks) });
    expect(sctp.decode(bytes)).toMatchObject({ ok: false, error: { code: "badOption" } });
    expect(sctp.format(viewOf(bytes), 0, bytes.length)).toBe("1 > 2 tag 0x00000000");
    expect(sctp.plain(viewOf(bytes), 0, bytes.length).chunks).toEqual(bytesOf(chunks));
  });
});

describe("laws", () => {
  const bits = (count: number) => fc.nat({ max: 2 ** count - 1 });
  const some = fc.uint8Array({ maxLength: 9 });
  const word = fc.integer({ min: 0, max: 0xffffffff });
  const base = { flags: bits(8) };
  const variants = fc.oneof(
    fc.record({
      chunk: fc.constant("data" as const),
      ...base,
      tsn: word,
      streamId: bits(16),
      streamSequence: bits(16),
      payloadProtocol: word,
      bytes: some,
    }),
    fc.record({
      chunk: fc.constantFrom("init" as const, "initAck" as const),
      ...base,
      initiateTag: word,
      receiverWindow: word,
      outboundStreams: bits(16),
      inboundStreams: bits(16),
      initialTsn: word,
      parameters: some,
    }),
    fc.record({
      chunk: fc.constant("sack" as const),
      ...base,
      cumulativeTsn: word,
      receiverWindow: word,
      gaps: fc.array(fc.record({ start: bits(16), end: bits(16) }), { maxLength: 3 }),
      duplicates: fc.array(word, { maxLength: 3 }),
      rest: some,
    }),
    fc.record({ chunk: fc.constant("shutdown" as const), ...base, cumulativeTsn: word, rest: some }),
    fc.record({
      chunk: fc.constant("raw" as const),
      ...base,
      type: fc.constantFrom(4, 5, 6, 8, 9, 10, 11, 14, 192, 254),
      bytes: some,
    }),
  );
  /** With the padding that its length asks for, and any bytes in it. */
  const chunks = variants.chain((one) => {
    const room = chunk.encode([one as chunk.SctpChunkInit]);
    const length = room.length - viewOf(room).getUint16(2);
    return fc
      .uint8Array({ minLength: length, maxLength: length })
      .map((padding) => ({ ...one, padding }) as chunk.SctpChunk);
  });
  const packets = fc.record({
    srcPort: bits(16),
    dstPort: bits(16),
    verificationTag: word,
    checksum: word,
    chunks: fc.array(chunks, { maxLength: 4 }),
  });

  it("layouts, accessors and setters agree", () => {
    expectLayoutAgrees(sctp.layout, sctp);
    expectSettersAgree(sctp.layout, {
      srcPort: sctp.setSrcPort,
      dstPort: sctp.setDstPort,
      verificationTag: sctp.setVerificationTag,
      checksum: sctp.setChecksum,
    });
    for (const rows of [chunk.dataLayout, chunk.initLayout, chunk.sackLayout])
      expectLayoutAgrees([...chunk.layout, ...rows], chunk);
  });

  it("bytes survive", () => {
    const header = fc.uint8Array({ minLength: 12, maxLength: 12 });
    const likely = fc.tuple(header, fc.array(chunks, { maxLength: 3 }), fc.nat({ max: 3 })).map(([head, list, cut]) => {
      const bytes = bytesOf(hexOf(head) + hexOf(chunk.encode(list)));
      return bytes.slice(0, bytes.length - cut);
    });
    expectBytesSurvive(sctp, likely);
  });

  it("values survive", () => {
    expectValuesSurvive(sctp, packets, { checksums: "keep" }, fc.constant(new Uint8Array()));
  });

  it("encode fills the checksum unless told to keep it", () => {
    fc.assert(
      fc.property(packets, (value) => {
        const bytes = sctp.encode(value);
        expect(sctp.verifyChecksum(viewOf(bytes), 0, bytes.length)).toBe(ChecksumStatus.valid);
        expect(sctp.checksum(viewOf(sctp.encode(value, undefined, { checksums: "keep" })), 0)).toBe(value.checksum);
      }),
    );
  });

  it("encode refuses what no field holds", () => {
    const ports = { srcPort: 1, dstPort: 2 };
    const raw = { chunk: "raw", type: 4, bytes: new Uint8Array() } as const;
    expect(() => sctp.encode({ ...ports, srcPort: 65536 })).toThrow(RangeError);
    expect(() => sctp.encode({ ...ports, verificationTag: 2 ** 32 })).toThrow(RangeError);
    expect(() => sctp.encode({ ...ports, checksum: 0.5 })).toThrow(RangeError);
    expect(() => chunk.encode([{ ...raw, type: 256 }])).toThrow(RangeError);
    expect(() => chunk.encode([{ ...raw, flags: 256 }])).toThrow(RangeError);
    expect(() => chunk.encode([{ ...raw, bytes: new Uint8Array(65532) }])).toThrow(RangeError);
    expect(() => chunk.encode([{ ...raw, padding: new Uint8Array(1) }])).toThrow(RangeError);
    const sack = {
      chunk: "sack",
      cumulativeTsn: 0,
      receiverWindow: 0,
      duplicates: [],
      rest: new Uint8Array(),
    } as const;
    expect(() => chunk.encode([{ ...sack, gaps: [{ start: 1, end: 65536 }] }])).toThrow(RangeError);
  });
});
