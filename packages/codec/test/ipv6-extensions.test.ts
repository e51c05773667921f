import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as extension from "../src/ipv6-extensions.ts";
import { Status } from "../src/status.ts";
import { bytesOf, dirtyView, hexOf, hexOfView, viewOf } from "./hex.ts";
import { expectBytesSurvive, expectLayoutAgrees, expectSettersAgree, expectValuesSurvive } from "./laws.ts";

/** In front of a listener report that a container's interface sent: router alert, PadN. */
const ROUTER_ALERT = bytesOf("3a00 05020000 0100");
/** RFC 2675 §2: a jumbo payload of 100 000 bytes in front of TCP. */
const JUMBO = bytesOf("0600 c204000186a0");
/** RFC 8200 §4.5: UDP, offset 1448, more, identification 0xdeadbeef. */
const FRAGMENT = bytesOf("1100 05a9 deadbeef");
/** RFC 8754 §2: segment routing, one segment left of two. */
const ROUTING = bytesOf(`2b04 0401 01000000 fc00${"00".repeat(13)}02 fc00${"00".repeat(13)}01`);

const TYPE = extension.Ipv6OptionType;

describe("options headers", () => {
  const view = viewOf(ROUTER_ALERT);

  it("read", () => {
    expect(extension.check(view, 0, 8)).toBe(Status.ok);
    expect(extension.checkOptions(view, 0)).toBe(Status.ok);
    expect(extension.nextHeader(view, 0)).toBe(58);
    expect(extension.headerExtensionLength(view, 0)).toBe(0);
    expect(extension.headerLength(view, 0)).toBe(8);
    expect(extension.payloadStart(view, 0)).toBe(8);
    expect(extension.payloadEnd(view, 0, 36)).toBe(36);
    const alert = extension.findOption(view, 0, TYPE.routerAlert);
    expect(alert).toBe(2);
    expect(extension.routerAlert(view, alert)).toBe(0);
    expect(extension.findOption(view, 0, TYPE.jumboPayload)).toBe(-1);
    expect(extension.formatOptions(view, 0)).toBe("router alert 0");
  });

  it("decode and encode to themselves", () => {
    const decoded = extension.decodeOptions(ROUTER_ALERT);
    expect(decoded).toEqual({
      ok: true,
      value: {
        nextHeader: 58,
        headerExtensionLength: 0,
        options: [
          { option: "routerAlert", value: 0 },
          { option: "padN", data: new Uint8Array() },
        ],
      },
    });
    if (decoded.ok) expect(extension.encodeOptions(decoded.value)).toEqual(ROUTER_ALERT);
  });

  it("say how long a jumbogram is", () => {
    const jumbo = viewOf(JUMBO);
    expect(extension.jumboPayloadLength(jumbo, extension.findOption(jumbo, 0, TYPE.jumboPayload))).toBe(100_000);
    expect(extension.formatOptions(jumbo, 0)).toBe("jumbo payload 100000");
    expect(extension.encodeOptions({ nextHeader: 6, options: [{ option: "jumboPayload", length: 100_000 }] })).toEqual(
      JUMBO,
    );
  });

  it("are padded to a multiple of eight bytes (RFC 8200 §4.2)", () => {
    const encoded = (length: number): string =>
      hexOf(
        extension.encodeOptions({
          nextHeader: 59,
          options: [{ option: "raw", type: 0x1e, data: new Uint8Array(length) }],
        }),
      );
    expect(hexOf(extension.encodeOptions({ nextHeader: 59 }))).toBe("3b00010400000000");
    expect(encoded(4)).toBe("3b001e0400000000");
    expect(encoded(3)).toBe("3b001e0300000000");
    expect(encoded(2)).toBe("3b001e0200000100");
    expect(encoded(5)).toBe("3b011e05000000000001050000000000");
  });

  it("keep options they do not know", () => {
    const bytes = bytesOf("3b00 de03 aabbcc 00");
    expect(extension.decodeOptions(bytes)).toEqual({
      ok: true,
      value: {
        nextHeader: 59,
        headerExtensionLength: 0,
        options: [{ option: "raw", type: 0xde, data: bytesOf("aabbcc") }, { option: "pad1" }],
      },
    });
    expect(extension.formatOptions(viewOf(bytes), 0)).toBe("option 222 (3 bytes)");
    expect(extension.formatOptions(viewOf(bytesOf("3b00 010400000000")), 0)).toBe("no options");
  });

  it.each([
    ["without its length", "3b00 010300000005"],
    ["that goes past the header", "3b00 010500000000"],
    ["of router alert with three bytes", "3b00 050300000000"],
    ["of jumbo payload with two bytes", "3b00 c20200000100"],
  ])("are malformed with an option %s", (_what, hex) => {
    const bytes = bytesOf(hex);
    expect(extension.check(viewOf(bytes), 0, bytes.length)).toBe(Status.ok);
    expect(extension.checkOptions(viewOf(bytes), 0)).toBe(Status.badOption);
    expect(extension.decodeOptions(bytes)).toMatchObject({
      ok: false,
      error: { code: "badOption", layer: "ipv6 options", limitedBy: "option.length" },
    });
    expect(extension.findOption(viewOf(bytes), 0, 0xff)).toBe(-1);
    expect(extension.formatOptions(viewOf(bytes), 0)).toContain("malformed");
  });

  it("are truncated below the length they say", () => {
    const long = extension.encodeOptions({ nextHeader: 6, options: [{ option: "padN", data: new Uint8Array(12) }] });
    expect(long.length).toBe(16);
    for (let length = 0; length < 16; length++) {
      expect(extension.check(viewOf(long), 0, length)).toBe(Status.truncated);
      expect(extension.decodeOptions(long.subarray(0, length))).toMatchObject({
        error: { code: "truncated", required: length < 8 ? 8 : 16, available: length },
      });
    }
  });
});

describe("a routing header", () => {
  const view = viewOf(ROUTING);

  it("reads", () => {
    expect(extension.check(view, 0, ROUTING.length)).toBe(Status.ok);
    expect(extension.routingType(view, 0)).toBe(4);
    expect(extension.segmentsLeft(view, 0)).toBe(1);
    expect(extension.payloadStart(view, 0)).toBe(40);
    expect(extension.formatRouting(view, 0)).toBe("routing type 4 segments left 1");
  });

  it("decodes and encodes to itself", () => {
    const decoded = extension.decodeRouting(ROUTING);
    expect(decoded).toEqual({
      ok: true,
      value: { nextHeader: 43, headerExtensionLength: 4, routingType: 4, segmentsLeft: 1, data: ROUTING.slice(4) },
    });
    if (decoded.ok) expect(extension.encodeRouting(decoded.value)).toEqual(ROUTING);
  });

  it("is at least eight bytes, padded in steps of eight (RFC 8200 §4.4)", () => {
    const encoded = (length: number): number =>
      extension.encodeRouting({ nextHeader: 6, routingType: 0, data: new Uint8Array(length) }).length;
    expect([0, 4, 5, 12, 13].map(encoded)).toEqual([8, 8, 16, 16, 24]);
    expect(hexOf(extension.encodeRouting({ nextHeader: 6, routingType: 2 }))).toBe("0600020000000000");
  });

  it("is truncated below the length it says", () => {
    for (let length = 0; length < ROUTING.length; length++) {
      expect(extension.decodeRouting(ROUTING.subarray(0, length))).toMatchObject({
        error: { code: "truncated", required: length < 8 ? 8 : 40, available: length },
      });
    }
  });
});

describe("a fragment header", () => {
  const view = viewOf(FRAGMENT);

  it("reads", () => {
    expect(extension.checkFragment(view, 0, 8)).toBe(Status.ok);
    expect(extension.nextHeader(view, 0)).toBe(17);
    expect(extension.fragmentOffset(view, 0)).toBe(1448);
    expect(extension.fragmentOffsetUnits(view, 0)).toBe(181);
    expect(extension.moreFragments(view, 0)).toBe(true);
    expect(extension.isFragment(view, 0)).toBe(true);
    expect(extension.identification(view, 0)).toBe(0xdeadbeef);
    expect(extension.formatFragment(view, 0)).toBe("fragment id 0xdeadbeef offset 1448 more");
  });

  it("is built from its parts in a dirty buffer", () => {
    const built = dirtyView(10);
    extension.setFragmentHeader(built, 1, 17, 1448, true, 0xdeadbeef);
    expect(hexOfView(built)).toBe(`a5${hexOf(FRAGMENT)}a5`);
    extension.setFragmentHeader(built, 1, 17, 2896, false, 7);
    expect(hexOfView(built)).toBe("a511000b5000000007a5");
  });

  it("is 8 bytes, whatever its second one says (RFC 8200 §4.5)", () => {
    const bytes = bytesOf("11ff 0000 00000001");
    expect(extension.checkFragment(viewOf(bytes), 0, 8)).toBe(Status.ok);
    for (let length = 0; length < 8; length++) {
      expect(extension.decodeFragment(FRAGMENT.subarray(0, length))).toMatchObject({
        error: { code: "truncated", required: 8, available: length },
      });
    }
  });

  it("of an atomic fragment is no fragment (RFC 6946)", () => {
    const isFragment = (hex: string): boolean => extension.isFragment(viewOf(bytesOf(hex)), 0);
    expect(isFragment("1100 0000 00000001")).toBe(false);
    expect(isFragment("1100 0006 00000001")).toBe(false);
    expect(isFragment("1100 0001 00000001")).toBe(true);
    expect(isFragment("1100 0008 00000001")).toBe(true);
  });
});

describe("an authentication header", () => {
  it("counts its length in words of four bytes (RFC 4302 §2.2)", () => {
    const bytes = bytesOf(`0604 0000 00000100 00000001 ${"ab".repeat(12)}`);
    expect(extension.authenticationHeaderLength(viewOf(bytes), 0)).toBe(24);
    expect(extension.nextHeader(viewOf(bytes), 0)).toBe(6);
    expect(extension.checkAuthentication(viewOf(bytes), 0, 24)).toBe(Status.ok);
    for (let length = 0; length < 24; length++) {
      expect(extension.checkAuthentication(viewOf(bytes), 0, length)).toBe(Status.truncated);
    }
  });

  it("holds its fixed fields at least", () => {
    const bytes = bytesOf("0600 0000 00000100 00000001");
    expect(extension.checkAuthentication(viewOf(bytes), 0, 12)).toBe(Status.badHeaderLength);
  });
});

describe("layouts", () => {
  const { nextHeader, headerExtensionLength, routingType, segmentsLeft } = extension;
  const { fragmentOffsetUnits, moreFragments, identification } = extension;

  it("agree with the accessors", () => {
    expectLayoutAgrees(extension.hopByHopLayout, { nextHeader, headerExtensionLength });
    expectLayoutAgrees(extension.destinationOptionsLayout, { nextHeader, headerExtensionLength });
    expectLayoutAgrees(extension.routingLayout, { nextHeader, headerExtensionLength, routingType, segmentsLeft });
    expectLayoutAgrees(extension.fragmentLayout, { nextHeader, fragmentOffsetUnits, moreFragments, identification });
  });

  it("agree with the setters", () => {
    expectSettersAgree(extension.routingLayout, {
      nextHeader: extension.setNextHeader,
      headerExtensionLength: extension.setHeaderExtensionLength,
      segmentsLeft: extension.setSegmentsLeft,
    });
  });
});

const byte = fc.integer({ min: 0, max: 255 });
const uint32 = fc.integer({ min: 0, max: 0xffffffff });

/** The three headers in the shape that the laws ask for. */
const optionsHeader = {
  check: (view: DataView, at: number, end: number): Status => {
    const status = extension.check(view, at, end);
    return status === Status.ok ? extension.checkOptions(view, at) : status;
  },
  payloadStart: extension.payloadStart,
  decode: extension.decodeOptions,
  encode: extension.encodeOptions,
  format: extension.formatOptions,
};
const routing = {
  check: extension.check,
  payloadStart: extension.payloadStart,
  decode: extension.decodeRouting,
  encode: extension.encodeRouting,
  format: extension.formatRouting,
};
const fragment = {
  check: extension.checkFragment,
  payloadStart: (_view: DataView, at: number): number => at + extension.FRAGMENT_HEADER_LENGTH,
  decode: extension.decodeFragment,
  encode: extension.encodeFragment,
  format: extension.formatFragment,
};

describe("laws", () => {
  const option: fc.Arbitrary<extension.Ipv6Option> = fc.oneof(
    fc.constant<extension.Ipv6Option>({ option: "pad1" }),
    fc.record({ option: fc.constant("padN" as const), data: fc.uint8Array({ maxLength: 6 }) }),
    fc.record({ option: fc.constant("routerAlert" as const), value: fc.integer({ min: 0, max: 0xffff }) }),
    fc.record({ option: fc.constant("jumboPayload" as const), length: uint32 }),
    fc.record({
      option: fc.constant("raw" as const),
      type: fc.integer({ min: 6, max: 0xc1 }),
      data: fc.uint8Array({ maxLength: 20 }),
    }),
  );
  /** Lists whose bytes fill their header, so that nothing is padded. */
  const options = fc.array(option, { maxLength: 5 }).map((list) => {
    const decoded = extension.decodeOptions(extension.encodeOptions({ nextHeader: 0, options: list }));
    if (!decoded.ok) throw new Error(decoded.error.message);
    expect(decoded.value.options.slice(0, list.length)).toEqual(list);
    return decoded.value;
  });

  it("hold for options headers", () => {
    expectValuesSurvive(optionsHeader, options);
    const likely = fc
      .tuple(
        byte,
        fc.integer({ min: 0, max: 1 }),
        fc.array(fc.oneof(fc.constantFrom(0, 1, 2, 4, 5, 0xc2), byte), { minLength: 6, maxLength: 20 }),
      )
      .map(([next, length, rest]) => Uint8Array.from([next, length, ...rest]));
    expectBytesSurvive(optionsHeader, likely);
  });

  it("hold for routing headers", () => {
    const values = fc.integer({ min: 0, max: 4 }).chain((length) =>
      fc.record({
        nextHeader: byte,
        headerExtensionLength: fc.constant(length),
        routingType: byte,
        segmentsLeft: byte,
        data: fc.uint8Array({ minLength: 4 + length * 8, maxLength: 4 + length * 8 }),
      }),
    );
    expectValuesSurvive(routing, values);
    expectBytesSurvive(
      routing,
      fc.uint8Array({ minLength: 8, maxLength: 40 }).map((bytes) => bytes.with(1, bytes[1]! & 3)),
    );
  });

  it("hold for fragment headers", () => {
    const values = fc.record({
      nextHeader: byte,
      reserved1: byte,
      fragmentOffset: fc.integer({ min: 0, max: 0x1fff }).map((units) => units * 8),
      reserved2: fc.integer({ min: 0, max: 3 }),
      moreFragments: fc.boolean(),
      identification: uint32,
    });
    expectValuesSurvive(fragment, values);
    expectBytesSurvive(fragment, fc.uint8Array({ minLength: 8, maxLength: 20 }));
  });
});

describe("encode", () => {
  it("refuses values that do not fit", () => {
    const raw = { option: "raw", type: 0, data: new Uint8Array() } as const;
    expect(() => extension.encodeOptions({ nextHeader: 6, options: [raw] })).toThrow(
      "ipv6 option type 0 has no length",
    );
    expect(() => extension.encodeOptions({ nextHeader: 256 })).toThrow("ipv6 nextHeader is 256");
    expect(() => extension.encodeFragment({ nextHeader: 6, fragmentOffset: 12 })).toThrow("expected a multiple of 8");
    expect(() => extension.encodeRouting({ nextHeader: 6, routingType: 0, data: new Uint8Array(2053) })).toThrow(
      RangeError,
    );
  });

  it("writes a wrong length if asked to", () => {
    const bytes = extension.encodeRouting({ nextHeader: 6, routingType: 0, headerExtensionLength: 9 }, undefined, {
      lengths: "keep",
    });
    expect(extension.check(viewOf(bytes), 0, bytes.length)).toBe(Status.truncated);
  });
});
