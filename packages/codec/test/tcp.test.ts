import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseIpv4 } from "../src/address.ts";
import { ChecksumStatus, pseudoHeader4, sum } from "../src/checksum.ts";
import { Status } from "../src/status.ts";
import * as tcp from "../src/tcp.ts";
import { bytesOf, viewOf } from "./hex.ts";
import { expectLayoutAgrees, expectSettersAgree } from "./laws.ts";

/** A SYN from 10.0.9.3 to 10.0.9.5 as the wire had it, and as the sending container's own interface showed it. */
const SYN = bytesOf("c7b8005022b89e2d00000000a002fd5c188c0000020405820402080a0ac1788f000000000103030a");
const SYN_OFFLOADED = bytesOf("c7b8005022b89e2d00000000a002fd5c26360000020405820402080a0ac1788f000000000103030a");
/** 78 bytes of HTTP, its sum left to the network card. */
const DATA_OFFLOADED = bytesOf(
  "c7b8005022b89e2e8357d74980180040267c00000101080a0ac1788f9e19e84f" +
    "474554202f32306b2e74787420485454502f312e310d0a486f73743a2031302e302e392e350d0a" +
    "557365722d4167656e743a20576765740d0a436f6e6e656374696f6e3a20636c6f73650d0a0d0a",
);
const CLIENT = parseIpv4("10.0.9.3")!;
const SERVER = parseIpv4("10.0.9.5")!;

function pseudo(length: number): number {
  return pseudoHeader4(CLIENT, SERVER, 6, length);
}

describe("a real SYN", () => {
  const view = viewOf(SYN);

  it("reads", () => {
    expect(tcp.check(view, 0, SYN.length)).toBe(Status.ok);
    expect(tcp.srcPort(view, 0)).toBe(51128);
    expect(tcp.dstPort(view, 0)).toBe(80);
    expect(tcp.sequence(view, 0)).toBe(582524461);
    expect(tcp.sequenceInt32(view, 0)).toBe(582524461);
    expect(tcp.acknowledgment(view, 0)).toBe(0);
    expect(tcp.acknowledgmentInt32(view, 0)).toBe(0);
    expect(tcp.dataOffset(view, 0)).toBe(10);
    expect(tcp.headerLength(view, 0)).toBe(40);
    expect(tcp.reserved(view, 0)).toBe(0);
    expect(tcp.flags(view, 0)).toBe(tcp.TcpFlag.syn);
    expect(tcp.window(view, 0)).toBe(64860);
    expect(tcp.checksum(view, 0)).toBe(0x188c);
    expect(tcp.urgentPointer(view, 0)).toBe(0);
    expect(tcp.optionsStart(view, 0)).toBe(20);
    expect(tcp.payloadStart(view, 0)).toBe(40);
    expect(tcp.payloadEnd(view, 0, SYN.length)).toBe(40);
  });

  it("is built from its parts in a dirty buffer", () => {
    const bytes = new Uint8Array(SYN.length + 4).fill(0xa5);
    const built = viewOf(bytes);
    tcp.setSrcPort(built, 2, 51128);
    tcp.setDstPort(built, 2, 80);
    tcp.setSequence(built, 2, 582524461);
    tcp.setAcknowledgment(built, 2, 0);
    tcp.setHeaderLengthAndFlags(built, 2, 40, tcp.TcpFlag.syn);
    tcp.setWindow(built, 2, 64860);
    tcp.setUrgentPointer(built, 2, 0);
    bytes.set(SYN.subarray(20), 22);
    tcp.fillChecksum(built, 2, 2 + SYN.length, pseudo(SYN.length));
    expect(bytes.subarray(2, -2)).toEqual(SYN);
    expect([bytes[0], bytes[1], bytes.at(-2), bytes.at(-1)]).toEqual([0xa5, 0xa5, 0xa5, 0xa5]);
  });

  it("decodes and encodes to itself", () => {
    const decoded = tcp.decode(SYN);
    expect(decoded).toEqual({
      ok: true,
      value: {
        srcPort: 51128,
        dstPort: 80,
        sequence: 582524461,
        acknowledgment: 0,
        dataOffset: 10,
        reserved: 0,
        flags: 2,
        window: 64860,
        checksum: 0x188c,
        urgentPointer: 0,
        options: SYN.slice(20),
      },
    });
    if (!decoded.ok) return;
    expect(tcp.encode(decoded.value, undefined, { pseudo: { srcIp: CLIENT, dstIp: SERVER } })).toEqual(SYN);
  });

  it("reads as a person would say it", () => {
    expect(tcp.format(view, 0, SYN.length)).toBe(
      "51128 > 80 SYN seq 582524461 win 64860 length 0 mss 1410, sack permitted, timestamp 180451471 0, window scale 10",
    );
    const data = viewOf(DATA_OFFLOADED);
    expect(tcp.format(data, 0, DATA_OFFLOADED.length)).toBe(
      "51128 > 80 PSH ACK seq 582524462 ack 2203572041 win 64 length 78 timestamp 180451471 2652497999",
    );
  });
});

describe("check", () => {
  it("refuses what is shorter than its fixed header", () => {
    expect(tcp.check(viewOf(SYN), 0, 19)).toBe(Status.truncated);
    expect(tcp.decode(SYN.subarray(0, 19))).toMatchObject({
      ok: false,
      error: { code: "truncated", layer: "tcp", required: 20, available: 19 },
    });
  });

  it("refuses a data offset below five words", () => {
    const bytes = SYN.slice();
    bytes[12] = 0x40;
    expect(tcp.check(viewOf(bytes), 0, bytes.length)).toBe(Status.badHeaderLength);
  });

  it("refuses options that go past the end", () => {
    expect(tcp.check(viewOf(SYN), 0, 39)).toBe(Status.truncated);
    expect(tcp.decode(SYN.subarray(0, 39))).toMatchObject({ error: { required: 40, available: 39 } });
  });

  it("says what it makes of every prefix of a segment, and throws at none", () => {
    const view = viewOf(DATA_OFFLOADED);
    for (let end = 0; end <= DATA_OFFLOADED.length; end++) {
      expect(tcp.check(view, 0, end)).toBe(end < 32 ? Status.truncated : Status.ok);
      expect(tcp.decode(DATA_OFFLOADED.subarray(0, end)).ok).toBe(end >= 32);
    }
  });

  it("makes every accessor safe, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
        const view = viewOf(bytes);
        if (tcp.check(view, 0, bytes.length) !== Status.ok) return;
        expect(tcp.plain(view, 0).options.length).toBe(tcp.headerLength(view, 0) - 20);
        tcp.format(view, 0, bytes.length);
        expect(tcp.payloadStart(view, 0)).toBeLessThanOrEqual(bytes.length);
      }),
    );
  });
});

describe("checksum", () => {
  it("is valid on the wire", () => {
    expect(tcp.verifyChecksum(viewOf(SYN), 0, SYN.length, pseudo(SYN.length))).toBe(ChecksumStatus.valid);
  });

  it("is partial where Linux left the pseudo-header's sum for the network card", () => {
    for (const segment of [SYN_OFFLOADED, DATA_OFFLOADED]) {
      const status = tcp.verifyChecksum(viewOf(segment), 0, segment.length, pseudo(segment.length));
      expect(status).toBe(ChecksumStatus.partial);
    }
  });

  it("is invalid after any one bit changed", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: SYN.length * 8 - 1 }), (bit) => {
        const bytes = SYN.slice();
        bytes[bit >> 3] = bytes[bit >> 3]! ^ (0x80 >> (bit & 7));
        expect(tcp.verifyChecksum(viewOf(bytes), 0, bytes.length, pseudo(bytes.length))).toBe(ChecksumStatus.invalid);
      }),
    );
  });

  it("is filled so that the whole sums to 0xffff", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 20, maxLength: 99 }),
        fc.integer({ min: 0, max: 0xffff }),
        (bytes, extra) => {
          const view = viewOf(bytes);
          tcp.fillChecksum(view, 0, bytes.length, extra);
          expect(sum(view, 0, bytes.length, extra)).toBe(0xffff);
        },
      ),
    );
  });

  it("has no value that says there is none (RFC 9293 §3.1)", () => {
    const bytes = SYN.slice();
    tcp.setChecksum(viewOf(bytes), 0, 0);
    expect(tcp.verifyChecksum(viewOf(bytes), 0, bytes.length, pseudo(bytes.length))).toBe(ChecksumStatus.invalid);
  });
});

describe("flags", () => {
  it("are nine bits, each with its name", () => {
    const bytes = new Uint8Array(20);
    const view = viewOf(bytes);
    for (const [name, bit] of Object.entries(tcp.TcpFlag)) {
      tcp.setHeaderLengthAndFlags(view, 0, 20, bit);
      expect(tcp.flags(view, 0)).toBe(bit);
      expect(tcp.formatFlags(bit)).toBe(name.toUpperCase());
    }
    expect(tcp.formatFlags(0)).toBe("none");
  });

  it("puts AE into the lowest bit of the offset's byte (RFC 9768)", () => {
    expect(tcp.encode({ srcPort: 1, dstPort: 2, flags: tcp.TcpFlag.ae }).subarray(12, 14)).toEqual(bytesOf("5100"));
  });

  it("change without touching offset and reserved bits", () => {
    const bytes = new Uint8Array(20).fill(0xff);
    tcp.setFlags(viewOf(bytes), 0, tcp.TcpFlag.rst);
    expect(bytes.subarray(12, 14)).toEqual(bytesOf("fe04"));
  });
});

describe("sequence numbers", () => {
  it("are unsigned, as tables want them signed", () => {
    const view = viewOf(tcp.encode({ srcPort: 1, dstPort: 2, sequence: 0xfffffff0, acknowledgment: 0x80000000 }));
    expect(tcp.sequence(view, 0)).toBe(0xfffffff0);
    expect(tcp.sequenceInt32(view, 0)).toBe(-16);
    expect(tcp.acknowledgment(view, 0)).toBe(0x80000000);
    expect(tcp.acknowledgmentInt32(view, 0)).toBe(-0x80000000);
  });

  it("compare modulo 2^32 (RFC 9293 §3.4)", () => {
    expect(tcp.sequenceDifference(5, 0xfffffffb)).toBe(10);
    expect(tcp.sequenceDifference(0xfffffffb, 5)).toBe(-10);
    expect(tcp.sequenceDifference(-5, 0xfffffffb)).toBe(0);
  });

  it("count SYN and FIN as one each (RFC 9293 §3.4)", () => {
    const length = (flags: number, payload: number): number => {
      const bytes = tcp.encode({ srcPort: 1, dstPort: 2, flags }, new Uint8Array(payload));
      return tcp.sequenceLength(viewOf(bytes), 0, bytes.length);
    };
    expect(length(tcp.TcpFlag.syn, 0)).toBe(1);
    expect(length(tcp.TcpFlag.fin | tcp.TcpFlag.ack, 7)).toBe(8);
    expect(length(tcp.TcpFlag.ack | tcp.TcpFlag.psh, 78)).toBe(78);
  });
});

describe("layout", () => {
  it("agrees with the accessors", () => {
    const { srcPort, dstPort, sequence, acknowledgment, dataOffset, reserved } = tcp;
    const { flags, window, checksum, urgentPointer } = tcp;
    expectLayoutAgrees(tcp.layout, {
      srcPort,
      dstPort,
      sequence,
      acknowledgment,
      dataOffset,
      reserved,
      flags,
      window,
      checksum,
      urgentPointer,
    });
  });

  it("agrees with the setters of whole fields", () => {
    expectSettersAgree(tcp.layout, {
      srcPort: tcp.setSrcPort,
      dstPort: tcp.setDstPort,
      sequence: tcp.setSequence,
      acknowledgment: tcp.setAcknowledgment,
      flags: tcp.setFlags,
      window: tcp.setWindow,
      checksum: tcp.setChecksum,
      urgentPointer: tcp.setUrgentPointer,
    });
  });

  it("names every property of the plain value but the options", () => {
    const names = Object.keys(tcp.plain(viewOf(SYN), 0));
    expect([...tcp.layout.map((row) => row.name), "options"]).toEqual(names);
  });
});

const header = fc.record({
  srcPort: fc.integer({ min: 0, max: 0xffff }),
  dstPort: fc.integer({ min: 0, max: 0xffff }),
  sequence: fc.integer({ min: 0, max: 0xffffffff }),
  acknowledgment: fc.integer({ min: 0, max: 0xffffffff }),
  reserved: fc.integer({ min: 0, max: 7 }),
  flags: fc.integer({ min: 0, max: 0x1ff }),
  window: fc.integer({ min: 0, max: 0xffff }),
  checksum: fc.integer({ min: 0, max: 0xffff }),
  urgentPointer: fc.integer({ min: 0, max: 0xffff }),
  optionWords: fc
    .integer({ min: 0, max: 10 })
    .chain((words) => fc.uint8Array({ minLength: words * 4, maxLength: words * 4 })),
});

describe("encode", () => {
  it("is undone by decode", () => {
    fc.assert(
      fc.property(header, fc.uint8Array({ maxLength: 20 }), ({ optionWords, ...fields }, payload) => {
        const value = { ...fields, options: optionWords };
        const bytes = tcp.encode(value, payload, { checksums: "keep" });
        expect(tcp.decode(bytes)).toEqual({ ok: true, value: { ...value, dataOffset: 5 + optionWords.length / 4 } });
        expect(bytes.subarray(tcp.payloadStart(viewOf(bytes), 0))).toEqual(payload);
      }),
    );
  });

  it("undoes decode, reserved bits included", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 20, maxLength: 80 }), fc.integer({ min: 5, max: 15 }), (bytes, words) => {
        bytes[12] = (bytes[12]! & 15) | (words << 4);
        const decoded = tcp.decode(bytes);
        expect(decoded.ok).toBe(bytes.length >= words * 4);
        if (!decoded.ok) return;
        const payload = bytes.subarray(words * 4);
        expect(tcp.encode(decoded.value, payload, { lengths: "keep", checksums: "keep" })).toEqual(bytes);
      }),
    );
  });

  it("pads options to whole words with the end of the list (RFC 9293 §3.1)", () => {
    const bytes = tcp.encode({ srcPort: 1, dstPort: 2, options: bytesOf("03030a") });
    expect(bytes.length).toBe(24);
    expect(bytes.subarray(20)).toEqual(bytesOf("03030a00"));
  });

  it("writes a wrong length if asked to", () => {
    const bytes = tcp.encode({ srcPort: 1, dstPort: 2, dataOffset: 3 }, undefined, { lengths: "keep" });
    expect(tcp.check(viewOf(bytes), 0, bytes.length)).toBe(Status.badHeaderLength);
  });

  it("leaves the checksum 0 without a pseudo-header, and computes it with one of IPv6", () => {
    expect(tcp.checksum(viewOf(tcp.encode({ srcPort: 1, dstPort: 2 })), 0)).toBe(0);
    const addresses = { srcIp: new Uint8Array(16).fill(1), dstIp: new Uint8Array(16).fill(2) };
    const bytes = tcp.encode({ srcPort: 1, dstPort: 2 }, undefined, { pseudo: addresses });
    const words = 8 * 0x0101 + 8 * 0x0202 + 6 + 20;
    expect(sum(viewOf(bytes), 0, bytes.length, words)).toBe(0xffff);
  });

  it("refuses values that do not fit", () => {
    const ports = { srcPort: 1, dstPort: 2 };
    expect(() => tcp.encode({ ...ports, flags: 0x200 })).toThrow("tcp flags is 512, expected an integer from 0 to 511");
    expect(() => tcp.encode({ ...ports, options: new Uint8Array(41) })).toThrow("tcp options take 41 bytes");
    expect(() => tcp.encode({ srcPort: 65536, dstPort: 2 })).toThrow(RangeError);
  });
});
