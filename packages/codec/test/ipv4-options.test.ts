import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseIpv4 } from "../src/address.ts";
import * as ipv4 from "../src/ipv4.ts";
import * as options from "../src/ipv4-options.ts";
import { Status } from "../src/status.ts";
import { bytesOf, viewOf } from "./hex.ts";

const TYPE = options.Ipv4OptionType;
const A = parseIpv4("10.0.9.3")!;
const B = parseIpv4("192.168.77.11")!;

/** What `ping -R` makes: room for nine addresses, two of them recorded, and the end of the list. */
const RECORD_ROUTE = bytesOf(`07270c0a000903c0a84d0b${"00".repeat(28)}00`);

describe("a record route option (RFC 791 §3.1)", () => {
  const view = viewOf(RECORD_ROUTE);

  it("reads", () => {
    expect(RECORD_ROUTE.length).toBe(40);
    expect(options.check(view, 0, 40)).toBe(Status.ok);
    const at = options.find(view, 0, 40, TYPE.recordRoute);
    expect(at).toBe(0);
    expect(options.isCopied(view, at)).toBe(false);
    expect(options.pointer(view, at)).toBe(12);
    expect(options.addressCount(view, at)).toBe(9);
    expect(options.addressAt(view, at, 0)).toBe(A);
    expect(options.addressAt(view, at, 1)).toBe(B);
    expect(options.addressAt(view, at, 8)).toBe(0);
    expect(options.format(view, 0, 40)).toBe("record route 10.0.9.3 192.168.77.11 (2 of 9)");
  });

  it("decodes and encodes to itself", () => {
    const decoded = options.decode(RECORD_ROUTE);
    expect(decoded).toEqual({
      ok: true,
      value: [
        { option: "recordRoute", pointer: 12, addresses: [A, B, 0, 0, 0, 0, 0, 0, 0] },
        { option: "end", padding: new Uint8Array() },
      ],
    });
    if (decoded.ok) expect(options.encode(decoded.value)).toEqual(RECORD_ROUTE);
  });

  it("lies between a header's fixed part and its payload", () => {
    const packet = viewOf(ipv4.encode({ protocol: 1, srcIp: A, dstIp: B, options: RECORD_ROUTE }, new Uint8Array(8)));
    const start = ipv4.HEADER_LENGTH;
    expect(options.find(packet, start, ipv4.payloadStart(packet, 0), TYPE.recordRoute)).toBe(start);
  });

  it("is malformed with a pointer below 4, or with part of an address", () => {
    for (const hex of ["07070300000000", "070804000000000000", "0706040a0009", "0702"]) {
      expect(options.check(viewOf(bytesOf(hex)), 0, hex.length / 2)).toBe(Status.badOption);
    }
  });
});

describe("source routes", () => {
  it("read as routes, and are copied into fragments", () => {
    const bytes = bytesOf("830b080a000903c0a84d0b890704c0a84d0b");
    const view = viewOf(bytes);
    expect(options.format(view, 0, bytes.length)).toBe(
      "loose source route 10.0.9.3 192.168.77.11 (1 of 2), strict source route 192.168.77.11 (0 of 1)",
    );
    const strict = options.find(view, 0, bytes.length, TYPE.strictSourceRoute);
    expect(strict).toBe(11);
    expect(options.isCopied(view, strict)).toBe(true);
  });
});

describe("timestamps (RFC 791 §3.1)", () => {
  it("read with and without addresses", () => {
    const bytes = bytesOf("440c0d500000000a8000000b440c0d010a0009030000000c44040503");
    const decoded = options.decode(bytes);
    expect(decoded).toEqual({
      ok: true,
      value: [
        {
          option: "timestamp",
          pointer: 13,
          overflow: 5,
          flag: 0,
          entries: [{ timestamp: 10 }, { timestamp: 0x8000000b }],
        },
        { option: "timestamp", pointer: 13, overflow: 0, flag: 1, entries: [{ address: A, timestamp: 12 }] },
        { option: "timestamp", pointer: 5, overflow: 0, flag: 3, entries: [] },
      ],
    });
    if (decoded.ok) expect(options.encode(decoded.value)).toEqual(bytes);
    const view = viewOf(bytes);
    expect(options.overflow(view, 0)).toBe(5);
    expect(options.timestampFlag(view, 12)).toBe(options.TimestampFlag.addressesAndTimestamps);
    expect(options.format(view, 0, bytes.length)).toBe(
      "timestamp flag 0 overflow 5 10 2147483659, timestamp flag 1 overflow 0 10.0.9.3@12, timestamp flag 3 overflow 0",
    );
  });

  it("stay raw with a flag that RFC 791 does not have", () => {
    const bytes = bytesOf("4407050a112233");
    expect(options.decode(bytes)).toEqual({
      ok: true,
      value: [{ option: "raw", type: 68, data: bytesOf("050a112233") }],
    });
  });

  it("are malformed with a pointer below 5, or with part of an entry", () => {
    for (const hex of ["4408040000000000", "4406050000000000", "44080501000000", "440305"]) {
      expect(options.check(viewOf(bytesOf(hex)), 0, hex.length / 2)).toBe(Status.badOption);
    }
  });
});

describe("other options", () => {
  it("router alert has a value of two bytes (RFC 2113 §2.1)", () => {
    const bytes = bytesOf("9404000094050000ff");
    const view = viewOf(bytes);
    expect(options.routerAlert(view, options.find(view, 0, 4, TYPE.routerAlert))).toBe(0);
    expect(options.format(view, 0, 4)).toBe("router alert 0");
    expect(options.check(view, 0, 4)).toBe(Status.ok);
    expect(options.check(view, 4, 9)).toBe(Status.badOption);
    expect(options.format(view, 0, 9)).toBe("router alert 0, malformed");
  });

  it("security and stream identifier keep their bytes", () => {
    const bytes = bytesOf("8203ab8804123401");
    expect(options.decode(bytes)).toEqual({
      ok: true,
      value: [
        { option: "raw", type: TYPE.security, data: bytesOf("ab") },
        { option: "raw", type: TYPE.streamId, data: bytesOf("1234") },
        { option: "nop" },
      ],
    });
  });

  it("nothing behind the end of the list is an option", () => {
    const bytes = bytesOf("0100ff07");
    expect(options.check(viewOf(bytes), 0, 4)).toBe(Status.ok);
    expect(options.find(viewOf(bytes), 0, 4, 255)).toBe(-1);
    expect(options.decode(bytes)).toEqual({
      ok: true,
      value: [{ option: "nop" }, { option: "end", padding: bytesOf("ff07") }],
    });
  });

  it("lengths that go past the header, or are below two, are refused", () => {
    for (const hex of ["82", "820b0000", "8201", "8200"]) {
      expect(options.decode(bytesOf(hex))).toMatchObject({
        ok: false,
        error: { code: "badOption", limitedBy: "ipv4.headerLength" },
      });
    }
  });

  it("every prefix of a list has a status", () => {
    for (let end = 0; end <= RECORD_ROUTE.length; end++) {
      expect(options.decode(RECORD_ROUTE.subarray(0, end)).ok).toBe(end === 0 || end >= 39);
    }
  });
});

const int32 = fc.integer({ min: -0x80000000, max: 0x7fffffff });
const uint32 = fc.integer({ min: 0, max: 0xffffffff });
const option: fc.Arbitrary<options.Ipv4Option> = fc.oneof(
  fc.constant<options.Ipv4Option>({ option: "nop" }),
  fc.record({
    option: fc.constantFrom("recordRoute" as const, "looseSourceRoute" as const, "strictSourceRoute" as const),
    pointer: fc.integer({ min: 4, max: 255 }),
    addresses: fc.array(int32, { maxLength: 3 }),
  }),
  fc.record({
    option: fc.constant("timestamp" as const),
    pointer: fc.integer({ min: 5, max: 255 }),
    overflow: fc.integer({ min: 0, max: 15 }),
    flag: fc.constant(0),
    entries: fc.array(fc.record({ timestamp: uint32 }), { maxLength: 3 }),
  }),
  fc.record({
    option: fc.constant("timestamp" as const),
    pointer: fc.integer({ min: 5, max: 255 }),
    overflow: fc.integer({ min: 0, max: 15 }),
    flag: fc.constantFrom(1, 3),
    entries: fc.array(fc.record({ address: int32, timestamp: uint32 }), { maxLength: 3 }),
  }),
  fc.record({ option: fc.constant("routerAlert" as const), value: fc.integer({ min: 0, max: 0xffff }) }),
  fc.record({
    option: fc.constant("raw" as const),
    type: fc.integer({ min: 149, max: 255 }),
    data: fc.uint8Array({ maxLength: 12 }),
  }),
);

describe("encode", () => {
  it("is undone by decode", () => {
    fc.assert(
      fc.property(fc.array(option, { maxLength: 5 }), fc.uint8Array({ maxLength: 3 }), (list, padding) => {
        const ended: readonly options.Ipv4Option[] = [...list, { option: "end", padding }];
        expect(options.decode(options.encode(list))).toEqual({ ok: true, value: list });
        expect(options.decode(options.encode(ended))).toEqual({ ok: true, value: ended });
      }),
    );
  });

  it("undoes decode on any bytes that decode, and format takes them all", () => {
    const piece = fc.oneof(
      option.map((one) => options.encode([one])),
      fc.uint8Array({ maxLength: 6 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 4 }), (pieces) => {
        const bytes = Uint8Array.from(pieces.flatMap((part) => [...part]));
        const decoded = options.decode(bytes);
        if (decoded.ok) expect(options.encode(decoded.value)).toEqual(bytes);
        expect(options.format(viewOf(bytes), 0, bytes.length).endsWith("malformed")).toBe(!decoded.ok);
      }),
    );
  });

  it("refuses values that do not fit", () => {
    const route = { option: "recordRoute", pointer: 4, addresses: new Array<number>(64).fill(0) } as const;
    expect(() => options.encode([route])).toThrow("ipv4 option length is 259");
    const stamp = { option: "timestamp", pointer: 5, overflow: 0, flag: 2, entries: [] } as const;
    expect(() => options.encode([stamp])).toThrow("ipv4 timestamp flag is 2, expected 0, 1 or 3");
    expect(() => options.encode([{ option: "raw", type: 0, data: new Uint8Array() }])).toThrow("type 0 has no length");
  });
});
