import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseIpv4 } from "../src/address.ts";
import { ChecksumStatus } from "../src/checksum.ts";
import * as icmp from "../src/icmp.ts";
import * as extension from "../src/icmp-extension.ts";
import * as ipv4 from "../src/ipv4.ts";
import { Status } from "../src/status.ts";
import * as udp from "../src/udp.ts";
import { bytesOf, dirtyView, hexOf, hexOfView, viewOf } from "./hex.ts";
import {
  expectBytesSurvive,
  expectLayoutAgrees,
  expectPrefixesRefused,
  expectSettersAgree,
  expectValuesSurvive,
} from "./laws.ts";

/** Messages as Linux sent them. */
const ECHO = bytesOf(`0800b1bd 0019 0000 8874bdb4${"00".repeat(52)}`);
const TIMESTAMP_REPLY = bytesOf("0e00c317 0007 0001 03010b00 015d8f12 015d8f12");
/** About "ping-0032-xxx…" from 10.0.9.3:59374 to port 5999 of 10.0.9.5. */
const PORT_UNREACHABLE = bytesOf(
  "0303233e 00000000 4500003c27dc40004011eccd0a0009030a000905 e7ee176f002888a8" +
    `70696e672d30303033322d${"78".repeat(21)}`,
);
const HOST_UNREACHABLE = bytesOf(
  `0301fcfe 00000000 4500005447ff40004001cca50a0009030a000902 0800e0240142000025d9f0bf${"00".repeat(52)}`,
);
/** A ping of 1,450 bytes met a link of 1,430; as much is quoted as 576 bytes take. */
const FRAGMENTATION_NEEDED = bytesOf(
  "0304a9d9 0000 0596 450005aa0000400040010f4c0a0009030a000905 08003bf66c810001 1514016b00000000 27450b0000000000" +
    hexOf(Uint8Array.from({ length: 504 }, (_, index) => index + 16)),
);
const TTL_EXCEEDED = bytesOf(
  "0b00f4ff 00000000 450000541e1e40000101a169ac120003c0a84d64 08006fef6c820001 af14016b00000000 a33a090000000000" +
    hexOf(Uint8Array.from({ length: 40 }, (_, index) => index + 16)),
);
const REDIRECT = bytesOf(
  "0501b971 0a000903 45000027f7e040003f1120e20a0009030a000601 d92f000900132328 7265646972656374206d65",
);
/** Byte 22 is the length of a "record route" option that has no room for an address. */
const PARAMETER_PROBLEM = bytesOf(
  "0c00d23f 16000000 46000020000100004011 4cc20a0009030a00090507030000 03e807d000080000",
);

const REAL = {
  ECHO,
  TIMESTAMP_REPLY,
  PORT_UNREACHABLE,
  HOST_UNREACHABLE,
  FRAGMENTATION_NEEDED,
  TTL_EXCEEDED,
  REDIRECT,
  PARAMETER_PROBLEM,
};

describe("real messages", () => {
  it.each(Object.entries(REAL))("%s has a right checksum, and comes back from its plain value", (_name, bytes) => {
    const view = viewOf(bytes);
    expect(icmp.check(view, 0, bytes.length)).toBe(Status.ok);
    expect(icmp.verifyChecksum(view, 0, bytes.length)).toBe(ChecksumStatus.valid);
    expect(hexOf(icmp.encode(icmp.plain(view, 0), bytes.slice(icmp.payloadStart(view, 0))))).toBe(hexOf(bytes));
  });

  it("of echo read", () => {
    const view = viewOf(ECHO);
    expect(icmp.plain(view, 0)).toEqual({
      kind: "echo",
      type: icmp.IcmpType.echoRequest,
      code: 0,
      checksum: 0xb1bd,
      identifier: 25,
      sequence: 0,
    });
    expect(icmp.isError(view, 0)).toBe(false);
    expect(icmp.payloadStart(view, 0)).toBe(8);
    expect(icmp.payloadEnd(view, 0, ECHO.length)).toBe(64);
    expect(icmp.rest(view, 0)).toBe(0x00190000);
  });

  it("of timestamp have a header of 20 bytes (RFC 792)", () => {
    const view = viewOf(TIMESTAMP_REPLY);
    expect(icmp.isTimestamp(view, 0)).toBe(true);
    expect(icmp.headerLength(view, 0)).toBe(20);
    expect(icmp.payloadStart(view, 0)).toBe(20);
    // 14:00:00.000 sent; received at 6:21:49.330, each clock for itself.
    expect(icmp.plain(view, 0)).toEqual({
      kind: "timestamp",
      type: icmp.IcmpType.timestampReply,
      code: 0,
      checksum: 0xc317,
      identifier: 7,
      sequence: 1,
      originateTimestamp: 14 * 3600_000,
      receiveTimestamp: 22_908_690,
      transmitTimestamp: 22_908_690,
    });
  });

  it("are built from their parts in a dirty buffer", () => {
    const echo = dirtyView(10 + 56);
    icmp.setType(echo, 1, icmp.IcmpType.echoRequest);
    icmp.setCode(echo, 1, 0);
    icmp.setIdentifier(echo, 1, 25);
    icmp.setSequence(echo, 1, 0);
    for (let at = 8; at < 64; at++) echo.setUint8(1 + at, ECHO[at]!);
    icmp.fillChecksum(echo, 1, 65);
    expect(hexOfView(echo)).toBe(`a5${hexOf(ECHO)}a5`);
  });

  it("are what encode makes of the least it takes", () => {
    const echo = { kind: "echo", type: 8, identifier: 25, sequence: 0 } as const;
    expect(hexOf(icmp.encode(echo, ECHO.slice(8)))).toBe(hexOf(ECHO));
    const quote = FRAGMENTATION_NEEDED.slice(8);
    const needed = { kind: "unreachable", code: 4, nextHopMtu: 1430 } as const;
    expect(hexOf(icmp.encode(needed, quote))).toBe(hexOf(FRAGMENTATION_NEEDED));
    const redirect = { kind: "redirect", code: 1, gateway: parseIpv4("10.0.9.3")! } as const;
    expect(hexOf(icmp.encode(redirect, REDIRECT.slice(8)))).toBe(hexOf(REDIRECT));
    const problem = { kind: "parameterProblem", pointer: 22 } as const;
    expect(hexOf(icmp.encode(problem, PARAMETER_PROBLEM.slice(8)))).toBe(hexOf(PARAMETER_PROBLEM));
    expect(hexOf(icmp.encode({ kind: "timeExceeded", code: 0 }, TTL_EXCEEDED.slice(8)))).toBe(hexOf(TTL_EXCEEDED));
  });
});

describe("errors", () => {
  it.each([
    ["PORT_UNREACHABLE", PORT_UNREACHABLE, 60, 17],
    ["HOST_UNREACHABLE", HOST_UNREACHABLE, 84, 1],
    ["TTL_EXCEEDED", TTL_EXCEEDED, 84, 1],
    ["REDIRECT", REDIRECT, 39, 17],
    ["PARAMETER_PROBLEM", PARAMETER_PROBLEM, 32, 17],
  ])("%s quotes an IPv4 packet, which decodes", (_name, bytes, totalLength, protocol) => {
    const view = viewOf(bytes);
    const start = icmp.quoteStart(view, 0);
    const end = icmp.quoteEnd(view, 0, bytes.length);
    expect(icmp.isError(view, 0)).toBe(true);
    expect([start, end]).toEqual([8, bytes.length]);
    expect([icmp.payloadStart(view, 0), icmp.payloadEnd(view, 0, bytes.length)]).toEqual([start, end]);
    expect(ipv4.check(view, start, end)).toBe(Status.ok);
    expect(ipv4.totalLength(view, start)).toBe(totalLength);
    expect(ipv4.protocol(view, start)).toBe(protocol);
  });

  it("say which datagram they are about", () => {
    const view = viewOf(PORT_UNREACHABLE);
    const datagram = ipv4.payloadStart(view, icmp.quoteStart(view, 0));
    expect(ipv4.format(view, 8)).toBe("10.0.9.3 > 10.0.9.5 ttl 64 id 10204 DF length 60");
    expect(udp.format(view, datagram)).toBe("59374 > 5999 length 40");
  });

  it("quote less than the packet where it is long: 548 bytes here (RFC 1812 §4.3.2.3)", () => {
    const view = viewOf(FRAGMENTATION_NEEDED);
    expect(icmp.quoteEnd(view, 0, FRAGMENTATION_NEEDED.length) - icmp.quoteStart(view, 0)).toBe(548);
    expect(ipv4.check(view, 8, FRAGMENTATION_NEEDED.length)).toBe(Status.truncated);
    expect(ipv4.verifyChecksum(view, 8)).toBe(ChecksumStatus.valid);
  });

  it("tell the next hop's MTU (RFC 1191 §4)", () => {
    expect(icmp.nextHopMtu(viewOf(FRAGMENTATION_NEEDED), 0)).toBe(1430);
  });

  it("tell the byte that is wrong, and the better router", () => {
    expect(icmp.pointer(viewOf(PARAMETER_PROBLEM), 0)).toBe(22);
    expect(icmp.gateway(viewOf(REDIRECT), 0)).toBe(parseIpv4("10.0.9.3"));
  });

  it("are five types and no other (RFC 1122 §3.2.2)", () => {
    const errors = Array.from({ length: 256 }, (_, type) => type).filter((type) =>
      icmp.isError(viewOf(Uint8Array.from([type, 0, 0, 0, 0, 0, 0, 0])), 0),
    );
    expect(errors).toEqual([3, 4, 5, 11, 12]);
  });
});

describe("the length attribute (RFC 4884)", () => {
  const objects = [{ objectClass: 1, objectType: 1, payload: bytesOf("00051940") }];
  /** An error about a packet of `length` bytes, whose attribute says `words`. */
  function extended(type: number, words: number, length = 128): Uint8Array {
    const payload = Uint8Array.from([...new Uint8Array(length).fill(0x45), ...extension.encode(objects)]);
    const kind = icmp.kindOf(type) as "unreachable" | "timeExceeded" | "parameterProblem";
    return icmp.encode({ kind, code: 0, pointer: 0, quoteWords: words }, payload);
  }

  it.each([3, 11, 12])("bounds the quote of type %i: an extension structure follows", (type) => {
    const bytes = extended(type, 32);
    const view = viewOf(bytes);
    expect(icmp.quoteWords(view, 0)).toBe(32);
    expect(icmp.quoteEnd(view, 0, bytes.length)).toBe(136);
    expect(icmp.payloadEnd(view, 0, bytes.length)).toBe(136);
    const at = icmp.extensionStart(view, 0, bytes.length);
    expect(at).toBe(136);
    expect(extension.check(view, at, bytes.length)).toBe(Status.ok);
    expect(extension.verifyChecksum(view, at, bytes.length)).toBe(ChecksumStatus.valid);
    expect(extension.objects(view, at, bytes.length)).toEqual(objects);
    expect(icmp.verifyChecksum(view, 0, bytes.length)).toBe(ChecksumStatus.valid);
  });

  it("is absent in most messages: the quote goes to the end", () => {
    const bytes = extended(11, 0);
    expect(icmp.extensionStart(viewOf(bytes), 0, bytes.length)).toBe(-1);
    expect(icmp.quoteEnd(viewOf(bytes), 0, bytes.length)).toBe(bytes.length);
  });

  it("is no attribute below the 128 bytes that an extended quote has (§4)", () => {
    const bytes = extended(11, 31);
    expect(icmp.extensionStart(viewOf(bytes), 0, bytes.length)).toBe(-1);
  });

  it("is none if no extension structure fits behind it", () => {
    const bytes = extended(11, 34, 136);
    expect(icmp.extensionStart(viewOf(bytes), 0, 148)).toBe(144);
    for (let end = 144; end < 148; end++) {
      expect(icmp.extensionStart(viewOf(bytes), 0, end), `${end}`).toBe(-1);
      expect(icmp.quoteEnd(viewOf(bytes), 0, end), `${end}`).toBe(end);
    }
  });

  it("is none in redirects, whose byte is part of an address", () => {
    const bytes = icmp.encode({ kind: "redirect", code: 0, gateway: 0x0a200903 }, new Uint8Array(200));
    expect(icmp.quoteWords(viewOf(bytes), 0)).toBe(32);
    expect(icmp.quoteEnd(viewOf(bytes), 0, bytes.length)).toBe(208);
  });
});

describe("check", () => {
  it("refuses every prefix of the header", () => {
    expectPrefixesRefused(icmp, ECHO, 8);
    expectPrefixesRefused(icmp, TIMESTAMP_REPLY, 20);
    expectPrefixesRefused(icmp, REDIRECT, 8);
    expect(icmp.check(viewOf(ECHO), 0, 7)).toBe(Status.truncated);
    expect(icmp.decode(TIMESTAMP_REPLY.slice(0, 19))).toMatchObject({
      ok: false,
      error: { code: "truncated", layer: "icmp", required: 20, available: 19 },
    });
  });

  it("takes types that it knows nothing of", () => {
    expect(icmp.decode(bytesOf("2a00 d4fe 0000 0101"))).toEqual({
      ok: true,
      value: { kind: "other", type: 42, code: 0, checksum: 0xd4fe, rest: 0x0101 },
    });
  });
});

describe("the checksum", () => {
  it("notices any single bit", () => {
    for (let bit = 0; bit < REDIRECT.length * 8; bit++) {
      const bytes = REDIRECT.slice();
      bytes[bit >> 3]! ^= 0x80 >> (bit & 7);
      expect(icmp.verifyChecksum(viewOf(bytes), 0, bytes.length), `bit ${bit}`).toBe(ChecksumStatus.invalid);
    }
  });

  it("is kept if asked for, wrong as it may be", () => {
    const init = { kind: "echo", type: 0, identifier: 1, sequence: 1, checksum: 0x1234 } as const;
    expect(icmp.checksum(viewOf(icmp.encode(init, undefined, { checksums: "keep" })), 0)).toBe(0x1234);
    expect(icmp.verifyChecksum(viewOf(icmp.encode(init)), 0, 8)).toBe(ChecksumStatus.valid);
  });
});

describe("format", () => {
  it.each([
    [ECHO, "echo request id 25 seq 0"],
    [TIMESTAMP_REPLY, "timestamp reply id 7 seq 1"],
    [PORT_UNREACHABLE, "port unreachable"],
    [HOST_UNREACHABLE, "host unreachable"],
    [FRAGMENTATION_NEEDED, "fragmentation needed mtu 1430"],
    [TTL_EXCEEDED, "ttl exceeded in transit"],
    [REDIRECT, "redirect for host to 10.0.9.3"],
    [PARAMETER_PROBLEM, "parameter problem at byte 22"],
    [bytesOf("0000fffe00010000"), "echo reply id 1 seq 0"],
    [bytesOf("0b01f4fe00000000"), "fragment reassembly time exceeded"],
    [bytesOf("0b07f4f800000000"), "time exceeded code 7"],
    [bytesOf("030dfcf200000000"), "communication prohibited"],
    [bytesOf("0310fcef00000000"), "destination unreachable code 16"],
    [bytesOf("0c01f3fe00000000"), "required option missing"],
    [bytesOf("0507faf80a000901"), "redirect code 7 to 10.0.9.1"],
    [bytesOf("0400fbff00000000"), "source quench"],
    [bytesOf("1100eef600070002"), "address mask request"],
    [bytesOf("2801d7fe00000000"), "type 40 code 1"],
  ])("case %#", (bytes, line) => {
    expect(icmp.format(viewOf(bytes), 0)).toBe(line);
  });

  it("names types and codes as data", () => {
    expect(icmp.typeName(icmp.IcmpType.timeExceeded)).toBe("time exceeded");
    expect(icmp.typeName(255)).toBeUndefined();
    const names = Object.values(icmp.UnreachableCode).map((code) => icmp.codeName(3, code));
    expect(names.filter((name) => name === undefined)).toEqual([]);
    expect(icmp.codeName(3, icmp.UnreachableCode.fragmentationNeeded)).toBe("fragmentation needed");
    expect(icmp.codeName(3, 16)).toBeUndefined();
    expect(icmp.codeName(8, 0)).toBeUndefined();
  });
});

describe("laws", () => {
  const bits = (count: number) => fc.nat({ max: 2 ** count - 1 });
  const common = { code: bits(8), checksum: bits(16) };
  const echo = fc.record({
    kind: fc.constant("echo" as const),
    type: fc.constantFrom(0, 8),
    ...common,
    identifier: bits(16),
    sequence: bits(16),
  });
  const timestamp = fc.record({
    kind: fc.constant("timestamp" as const),
    type: fc.constantFrom(13, 14),
    ...common,
    identifier: bits(16),
    sequence: bits(16),
    originateTimestamp: bits(32),
    receiveTimestamp: bits(32),
    transmitTimestamp: bits(32),
  });
  const unreachable = fc.record({
    kind: fc.constant("unreachable" as const),
    type: fc.constant(3),
    ...common,
    unused: bits(8),
    quoteWords: bits(8),
    nextHopMtu: bits(16),
  });
  const timeExceeded = fc.record({
    kind: fc.constant("timeExceeded" as const),
    type: fc.constant(11),
    ...common,
    unused: bits(8),
    quoteWords: bits(8),
    unusedLow: bits(16),
  });
  const parameterProblem = fc.record({
    kind: fc.constant("parameterProblem" as const),
    type: fc.constant(12),
    ...common,
    pointer: bits(8),
    quoteWords: bits(8),
    unusedLow: bits(16),
  });
  const redirect = fc.record({
    kind: fc.constant("redirect" as const),
    type: fc.constant(5),
    ...common,
    gateway: fc.integer(),
  });
  const other = fc.record({
    kind: fc.constant("other" as const),
    type: fc.constantFrom(1, 4, 9, 10, 17, 18, 42, 255),
    ...common,
    rest: bits(32),
  });
  const every = fc.oneof(echo, timestamp, unreachable, timeExceeded, parameterProblem, redirect, other);

  it.each([0, 3, 5, 8, 11, 12, 13, 14, 200])("layout and accessors of type %i agree, and cover the header", (type) => {
    const rows = icmp.layoutOf(type);
    expectLayoutAgrees(rows, icmp);
    const covered = rows.reduce((total, row) => total + row.bits, 0);
    const bytes = new Uint8Array(20);
    bytes[0] = type;
    expect(covered).toBe(icmp.headerLength(viewOf(bytes), 0) * 8);
  });

  it("layout and setters agree", () => {
    expectSettersAgree(icmp.layoutOf(icmp.IcmpType.timestampReply), {
      type: icmp.setType,
      code: icmp.setCode,
      checksum: icmp.setChecksum,
      identifier: icmp.setIdentifier,
      sequence: icmp.setSequence,
      originateTimestamp: icmp.setOriginateTimestamp,
      receiveTimestamp: icmp.setReceiveTimestamp,
      transmitTimestamp: icmp.setTransmitTimestamp,
    });
    expectSettersAgree(icmp.layoutOf(3), { quoteWords: icmp.setQuoteWords, nextHopMtu: icmp.setNextHopMtu });
    expectSettersAgree(icmp.layoutOf(12), { pointer: icmp.setPointer });
    expectSettersAgree(icmp.layoutOf(5), { gateway: icmp.setGateway });
    expectSettersAgree(icmp.layoutOf(255), { rest: icmp.setRest });
  });

  it("bytes survive, unused ones included", () => {
    const likely = fc
      .tuple(fc.constantFrom(0, 3, 4, 5, 8, 11, 12, 13, 14, 42), fc.uint8Array({ minLength: 7, maxLength: 40 }))
      .map(([type, rest]) => Uint8Array.from([type, ...rest]));
    expectBytesSurvive(icmp, likely);
  });

  it("values survive", () => {
    expectValuesSurvive(icmp, every);
  });

  it("encode fills the checksum", () => {
    fc.assert(
      fc.property(every, fc.uint8Array({ maxLength: 33 }), (value, payload) => {
        const bytes = icmp.encode(value, payload);
        expect(icmp.verifyChecksum(viewOf(bytes), 0, bytes.length)).toBe(ChecksumStatus.valid);
      }),
    );
  });

  it("encode refuses what no field holds, and a type that is another kind", () => {
    expect(() => icmp.encode({ kind: "echo", type: 3, identifier: 0, sequence: 0 })).toThrow(RangeError);
    expect(() => icmp.encode({ kind: "other", type: 8 })).toThrow(RangeError);
    expect(() => icmp.encode({ kind: "other", type: 256 })).toThrow(RangeError);
    expect(() => icmp.encode({ kind: "unreachable", type: 11, code: 0 })).toThrow(RangeError);
    expect(() => icmp.encode({ kind: "unreachable", code: 256 })).toThrow(RangeError);
    expect(() => icmp.encode({ kind: "unreachable", code: 4, nextHopMtu: 65536 })).toThrow(RangeError);
    expect(() => icmp.encode({ kind: "parameterProblem", pointer: 256 })).toThrow(RangeError);
    expect(() => icmp.encode({ kind: "echo", type: 8, identifier: 65536, sequence: 0 })).toThrow(RangeError);
  });
});
