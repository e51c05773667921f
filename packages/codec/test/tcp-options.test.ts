import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Status } from "../src/status.ts";
import * as options from "../src/tcp-options.ts";
import { bytesOf, viewOf } from "./hex.ts";

/** Of a real SYN: maximum segment size, SACK permitted, timestamps, nop, window scale. */
const SYN = bytesOf("020405820402080a0ac1788f000000000103030a");
/** Three SACK blocks behind two nops, laid out as RFC 2018 §3 draws them. */
const SACK = bytesOf("0101051a000003e8000007d080000000fffffffffffffff000000010");

const KIND = options.TcpOptionKind;

describe("a real SYN's options", () => {
  const view = viewOf(SYN);

  it("are found where they are", () => {
    expect(options.check(view, 0, SYN.length)).toBe(Status.ok);
    expect(options.mss(view, options.find(view, 0, SYN.length, KIND.mss))).toBe(1410);
    expect(options.find(view, 0, SYN.length, KIND.sackPermitted)).toBe(4);
    const timestamps = options.find(view, 0, SYN.length, KIND.timestamps);
    expect(timestamps).toBe(6);
    expect(options.timestampValue(view, timestamps)).toBe(180451471);
    expect(options.timestampEcho(view, timestamps)).toBe(0);
    expect(options.windowScale(view, options.find(view, 0, SYN.length, KIND.windowScale))).toBe(10);
    expect(options.find(view, 0, SYN.length, KIND.nop)).toBe(16);
    expect(options.find(view, 0, SYN.length, KIND.sack)).toBe(-1);
  });

  it("decode and encode to themselves", () => {
    const decoded = options.decode(SYN);
    expect(decoded).toEqual({
      ok: true,
      value: [
        { option: "mss", mss: 1410 },
        { option: "sackPermitted" },
        { option: "timestamps", value: 180451471, echo: 0 },
        { option: "nop" },
        { option: "windowScale", shift: 10 },
      ],
    });
    if (decoded.ok) expect(options.encode(decoded.value)).toEqual(SYN);
  });

  it("change in place", () => {
    const bytes = SYN.slice();
    options.setMss(viewOf(bytes), 0, 1360);
    options.setTimestampValue(viewOf(bytes), 6, 0xfffffffe);
    options.setTimestampEcho(viewOf(bytes), 6, 7);
    expect(options.format(viewOf(bytes), 0, bytes.length)).toBe(
      "mss 1360, sack permitted, timestamp 4294967294 7, window scale 10",
    );
  });
});

describe("selective acknowledgment (RFC 2018 §3)", () => {
  it("reads blocks of unsigned edges", () => {
    const view = viewOf(SACK);
    const at = options.find(view, 0, SACK.length, KIND.sack);
    expect(at).toBe(2);
    expect(options.sackBlockCount(view, at)).toBe(3);
    expect([0, 1, 2].map((index) => [options.sackLeft(view, at, index), options.sackRight(view, at, index)])).toEqual([
      [1000, 2000],
      [0x80000000, 0xffffffff],
      [0xfffffff0, 16],
    ]);
    expect(options.format(view, 0, SACK.length)).toBe("sack 1000-2000 2147483648-4294967295 4294967280-16");
  });

  it("needs at least one whole block", () => {
    for (const hex of ["0502", "05060000000a", "050b000003e8000007d000"]) {
      expect(options.check(viewOf(bytesOf(hex)), 0, hex.length / 2)).toBe(Status.badOption);
    }
  });
});

describe("check", () => {
  it.each([
    ["a kind without its length", "02"],
    ["a length below two", "fd01"],
    ["a length past the header", "fd05aabb"],
    ["a maximum segment size of three bytes", "020305"],
    ["a window scale of four bytes", "03040a00"],
    ["SACK permitted with data", "040300"],
    ["timestamps of nine bytes", "0809000000000000ff"],
  ])("refuses %s", (_what, hex) => {
    const bytes = bytesOf(hex);
    expect(options.check(viewOf(bytes), 0, bytes.length)).toBe(Status.badOption);
    expect(options.decode(bytes)).toMatchObject({
      ok: false,
      error: { code: "badOption", limitedBy: "tcp.dataOffset" },
    });
    expect(options.find(viewOf(bytes), 0, bytes.length, bytes[0]!)).toBe(-1);
    expect(options.format(viewOf(bytes), 0, bytes.length)).toBe("malformed");
  });

  it("does not look behind the end of the list (RFC 9293 §3.1)", () => {
    const bytes = bytesOf("03030700ffff02");
    expect(options.check(viewOf(bytes), 0, bytes.length)).toBe(Status.ok);
    expect(options.find(viewOf(bytes), 0, bytes.length, KIND.mss)).toBe(-1);
    expect(options.find(viewOf(bytes), 0, bytes.length, KIND.end)).toBe(3);
    const decoded = options.decode(bytes);
    expect(decoded).toEqual({
      ok: true,
      value: [
        { option: "windowScale", shift: 7 },
        { option: "end", padding: bytesOf("ffff02") },
      ],
    });
    if (decoded.ok) expect(options.encode(decoded.value)).toEqual(bytes);
  });

  it("keeps kinds it does not know (RFC 9293 §3.1: skip by length)", () => {
    const bytes = bytesOf("220a00112233445566771d02");
    expect(options.decode(bytes)).toEqual({
      ok: true,
      value: [
        { option: "raw", kind: 34, data: bytesOf("0011223344556677") },
        { option: "raw", kind: 29, data: new Uint8Array() },
      ],
    });
    expect(options.format(viewOf(bytes), 0, bytes.length)).toBe("option 34 (8 bytes), option 29 (0 bytes)");
  });

  it("says what it makes of every prefix", () => {
    const whole = new Set([0, 4, 6, 16, 17, 20]);
    for (let end = 0; end <= SYN.length; end++) {
      expect(options.decode(SYN.subarray(0, end)).ok).toBe(whole.has(end));
      options.format(viewOf(SYN), 0, end);
    }
  });
});

describe("find", () => {
  it("answers offsets whose accessors are safe, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const view = viewOf(bytes);
        const at = (kind: number): number => options.find(view, 0, bytes.length, kind);
        if (at(KIND.mss) >= 0) options.mss(view, at(KIND.mss));
        if (at(KIND.windowScale) >= 0) options.windowScale(view, at(KIND.windowScale));
        if (at(KIND.timestamps) >= 0) options.timestampEcho(view, at(KIND.timestamps));
        const sack = at(KIND.sack);
        if (sack >= 0) {
          const last = options.sackBlockCount(view, sack) - 1;
          expect(last).toBeGreaterThanOrEqual(0);
          options.sackRight(view, sack, last);
        }
      }),
    );
  });
});

const uint32 = fc.integer({ min: 0, max: 0xffffffff });
const option: fc.Arbitrary<options.TcpOption> = fc.oneof(
  fc.constant<options.TcpOption>({ option: "nop" }),
  fc.record({ option: fc.constant("mss" as const), mss: fc.integer({ min: 0, max: 0xffff }) }),
  fc.record({ option: fc.constant("windowScale" as const), shift: fc.integer({ min: 0, max: 255 }) }),
  fc.constant<options.TcpOption>({ option: "sackPermitted" }),
  fc.record({
    option: fc.constant("sack" as const),
    blocks: fc.array(fc.record({ left: uint32, right: uint32 }), { minLength: 1, maxLength: 4 }),
  }),
  fc.record({ option: fc.constant("timestamps" as const), value: uint32, echo: uint32 }),
  fc.record({
    option: fc.constant("raw" as const),
    kind: fc.integer({ min: 9, max: 255 }),
    data: fc.uint8Array({ maxLength: 12 }),
  }),
);

describe("encode", () => {
  it("is undone by decode", () => {
    fc.assert(
      fc.property(fc.array(option, { maxLength: 6 }), fc.uint8Array({ maxLength: 3 }), (list, padding) => {
        const ended: readonly options.TcpOption[] = [...list, { option: "end", padding }];
        expect(options.decode(options.encode(list))).toEqual({ ok: true, value: list });
        expect(options.decode(options.encode(ended))).toEqual({ ok: true, value: ended });
      }),
    );
  });

  it("undoes decode on any bytes that decode", () => {
    const piece = fc.oneof(
      option.map((one) => options.encode([one])),
      fc.uint8Array({ maxLength: 6 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 4 }), (pieces) => {
        const bytes = Uint8Array.from(pieces.flatMap((part) => [...part])).subarray(0, 40);
        const decoded = options.decode(bytes);
        if (decoded.ok) expect(options.encode(decoded.value)).toEqual(bytes);
      }),
    );
  });

  it("refuses values that do not fit", () => {
    expect(() => options.encode([{ option: "mss", mss: 65536 }])).toThrow("tcp mss is 65536");
    expect(() => options.encode([{ option: "sack", blocks: [] }])).toThrow("tcp sack has 0 blocks, expected 1 to 4");
    expect(() => options.encode([{ option: "raw", kind: 1, data: new Uint8Array() }])).toThrow("kind 1 has no length");
    expect(() => options.encode([{ option: "raw", kind: 9, data: new Uint8Array(254) }])).toThrow(RangeError);
  });
});
