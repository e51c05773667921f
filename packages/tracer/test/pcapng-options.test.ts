import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeOptions, encodeOptions, findOption, type OptionScope, type OptionsOf } from "../src/pcapng-options.ts";
import * as arbitrary from "./arbitraries.ts";
import { bytesOf, concat, hexOf, option, text } from "./captures.ts";

function decode<S extends OptionScope>(scope: S, bytes: Uint8Array, littleEndian = true): OptionsOf[S] {
  return decodeOptions(
    scope,
    new DataView(bytes.buffer, bytes.byteOffset, bytes.length),
    0,
    bytes.length,
    littleEndian,
  );
}

const ARBITRARY: { readonly [S in OptionScope]: fc.Arbitrary<OptionsOf[S]> } = {
  section: arbitrary.sectionOptions(),
  interface: arbitrary.interfaceOptions(),
  packet: arbitrary.packetOptions(),
  names: arbitrary.nameOptions(),
  statistics: arbitrary.statisticsOptions(),
  common: arbitrary.commonOptions(),
};

describe("pcapng options", () => {
  for (const scope of Object.keys(ARBITRARY) as OptionScope[]) {
    it(`of a ${scope} block go out and come in unchanged, in both byte orders`, () => {
      fc.assert(
        fc.property(ARBITRARY[scope] as fc.Arbitrary<OptionsOf[OptionScope]>, fc.boolean(), (options, littleEndian) => {
          const bytes = encodeOptions(scope, options, littleEndian);
          expect(bytes.length % 4).toBe(0);
          expect(decode(scope, bytes, littleEndian)).toEqual(options);
        }),
      );
    });
  }

  it("stand in the file as the draft's examples have them", () => {
    const cases: readonly (readonly [Parameters<typeof encodeOptions>[1], OptionScope, string])[] = [
      [
        { ipv4: [{ address: (192 << 24) | 0x00a80101, mask: 0xffffff00 | 0 }] },
        "interface",
        "0004 0008 c0a80101 ffffff00",
      ],
      [
        { ipv6: [{ address: bytesOf("20010db885a308d313198a2e03707344"), prefixLength: 64 }] },
        "interface",
        "0005 0011 20010db885a308d313198a2e03707344 40 000000",
      ],
      [{ mac: 0x000102030405 }, "interface", "0006 0006 000102030405 0000"],
      [{ eui64: bytesOf("023456fffe789abc") }, "interface", "0007 0008 023456fffe789abc"],
      [{ speed: 100_000_000 }, "interface", "0008 0008 0000000005f5e100"],
      [{ timestampResolution: 6 }, "interface", "0009 0001 06 000000"],
      [{ filter: { code: 0, value: "ip" } }, "interface", "000b 0003 00 6970 00"],
      [{ timestampOffset: -1 }, "interface", "000e 0008 ffffffffffffffff"],
      [{ hashes: [{ algorithm: 2, value: bytesOf("ec1d8797") }] }, "packet", "0003 0005 02ec1d8797 000000"],
      [{ verdicts: [{ kind: 2, value: 2 }] }, "packet", "0007 0009 02 0000000000000002 000000"],
      [{ process: { processId: 1234, threadId: 0 } }, "packet", "0008 0008 000004d2 00000000"],
      [{ flags: 2 }, "packet", "0002 0004 00000002"],
      [{ comments: ["a", ""] }, "common", "0001 0001 61 000000 0001 0000"],
      [{ custom: [{ code: 2988, enterprise: 7, value: "x" }] }, "common", "0bac 0005 00000007 78 000000"],
    ];
    for (const [options, scope, hex] of cases) {
      const bytes = encodeOptions(scope, options, false);
      expect(hexOf(bytes)).toBe(hexOf(bytesOf(`${hex} 0000 0000`)));
      expect(decode(scope, bytes, false)).toEqual(options);
    }
  });

  it("are nothing at all if there are none", () => {
    expect(encodeOptions("packet", {}, true)).toHaveLength(0);
    expect(decode("packet", new Uint8Array())).toEqual({});
  });

  it("keep the order of their kinds", () => {
    const list = concat([option(true, 4, text("app")), option(true, 1, text("one")), option(true, 2, text("a box"))]);
    const options = decode("section", list);
    expect(Object.keys(options)).toEqual(["application", "comments", "hardware"]);
    expect(hexOf(encodeOptions("section", options, true))).toBe(`${hexOf(list)}00000000`);
  });

  it("need no end mark, and end at it", () => {
    const comment = option(true, 1, text("hi"));
    const end = option(true, 0, new Uint8Array());
    expect(decode("common", comment)).toEqual({ comments: ["hi"] });
    expect(decode("common", concat([comment, end, comment]))).toEqual({ comments: ["hi"] });
  });

  it("keep what they do not know and what has a wrong length, byte by byte", () => {
    const list = concat([
      option(true, 9, bytesOf("0909")),
      option(true, 77, bytesOf("01020304050607")),
      option(true, 11, new Uint8Array()),
      option(true, 2988, bytesOf("010203")),
      option(true, 0, bytesOf("ff")),
    ]);
    const options = decode("interface", list);
    expect(options).toEqual({
      unknown: [
        { code: 9, value: bytesOf("0909") },
        { code: 77, value: bytesOf("01020304050607") },
        { code: 11, value: new Uint8Array() },
        { code: 2988, value: bytesOf("010203") },
        { code: 0, value: bytesOf("ff") },
      ],
    });
    expect(hexOf(encodeOptions("interface", options, true))).toBe(`${hexOf(list)}00000000`);
    // Linux' verdicts have 64 bits; others any number of bytes.
    const verdicts = concat([option(true, 7, bytesOf("0001020304050607")), option(true, 7, bytesOf("0105"))]);
    const read = decode("packet", verdicts);
    expect(read).toEqual({
      verdicts: [{ kind: 0, value: bytesOf("01020304050607") }],
      unknown: [{ code: 7, value: bytesOf("0105") }],
    });
    expect(hexOf(encodeOptions("packet", read, true))).toBe(`${hexOf(verdicts)}00000000`);
    const short = { verdicts: [{ kind: 1, value: new Uint8Array(1) }] };
    expect(() => encodeOptions("packet", short, true)).toThrow("a verdict of kind 1 has 1 bytes, expected 8");
  });

  it("keep the first of two where there may be one, and the other aside", () => {
    const list = concat([option(true, 2, text("eth0")), option(true, 2, text("eth1"))]);
    expect(decode("interface", list)).toEqual({ name: "eth0", unknown: [{ code: 2, value: text("eth1") }] });
  });

  it("keep a list that runs past its block", () => {
    const list = concat([option(true, 1, text("good")), bytesOf("0100 ff00 61626364")]);
    const options = decode("common", list);
    expect(options).toEqual({ comments: ["good"], malformed: bytesOf("0100 ff00 61626364") });
    expect(encodeOptions("common", options, true)).toEqual(list);
  });

  it("end text at a zero byte and repair what is no UTF-8", () => {
    expect(decode("interface", option(true, 2, bytesOf("65746830 00 ff")))).toEqual({ name: "eth0" });
    expect(decode("interface", option(true, 2, bytesOf("61 ff 62")))).toEqual({ name: "a\u{fffd}b" });
    expect(decode("interface", option(true, 2, bytesOf("efbbbf 61")))).toEqual({ name: "\u{feff}a" });
  });

  it("never throw, whatever the bytes are", () => {
    const scopes = fc.constantFrom(...(Object.keys(ARBITRARY) as OptionScope[]));
    fc.assert(
      fc.property(scopes, fc.uint8Array({ maxLength: 60 }), fc.boolean(), (scope, bytes, littleEndian) => {
        const list = bytes.slice(0, bytes.length & ~3);
        const options = decode(scope, list, littleEndian);
        expect(decode(scope, encodeOptions(scope, options, littleEndian), littleEndian)).toEqual(options);
      }),
    );
  });

  it("refuse what no option can hold, and names that the block does not have", () => {
    expect(() => encodeOptions("section", { name: "eth0" } as never, true)).toThrow(
      "section blocks have no option name",
    );
    expect(() => encodeOptions("common", { comments: ["x".repeat(65_536)] }, true)).toThrow(
      "option comments takes 65536 bytes, at most 65535 fit",
    );
    expect(() => encodeOptions("interface", { eui64: new Uint8Array(7) }, true)).toThrow("has 7 bytes, expected 8");
    expect(() =>
      encodeOptions("common", { custom: [{ code: 2988, enterprise: 1, value: new Uint8Array() }] }, true),
    ).toThrow("custom option code is 2988, expected 2989 or 19373");
  });

  it("are found by number and length without decoding the rest", () => {
    const list = concat([option(false, 1, text("hello")), option(false, 2, bytesOf("00000005")), bytesOf("00000000")]);
    const view = new DataView(list.buffer);
    expect(view.getUint32(findOption(view, 0, list.length, 2, 4, false))).toBe(5);
    expect(findOption(view, 0, list.length, 2, 2, false)).toBe(-1);
    expect(findOption(view, 0, list.length, 3, 4, false)).toBe(-1);
    expect(findOption(view, 0, 18, 2, 4, false)).toBe(-1);
    expect(findOption(view, 0, 0, 2, 4, false)).toBe(-1);
  });
});
