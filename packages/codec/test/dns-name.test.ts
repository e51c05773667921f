import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  checkName,
  DnsWriter,
  encodeName,
  formatString,
  MAX_POINTERS,
  nameAt,
  nameEnd,
  nameProblem,
  reverseName,
} from "../src/dns-name.ts";
import { Status } from "../src/status.ts";
import { bytesOf, hexOf, viewOf } from "./hex.ts";

/** A message's header, so that names start where they do in messages. */
const HEADER = "00".repeat(12);

function view(hex: string): DataView {
  return viewOf(bytesOf(HEADER + hex));
}

/** Checks and reads the name at `at`. */
function read(hex: string, at: number = 12): string | Status {
  const message = view(hex);
  const end = checkName(message, 0, at, message.byteLength);
  if (end < 0) return -end as Status;
  expect(nameEnd(message, at)).toBe(end);
  return nameAt(message, 0, at);
}

/** An offset in a message as a pointer. */
function pointer(offset: number): string {
  return (0xc000 | offset).toString(16);
}

function label(text: string): string {
  return hexOf(Uint8Array.from([text.length, ...Array.from(text, (letter) => letter.charCodeAt(0))]));
}

describe("names (RFC 1035 §3.1)", () => {
  it("are labels and the root", () => {
    expect(read("0f6f7665726c61795f7365727669636500")).toBe("overlay_service");
    expect(read("0133 0130 023139 03313732 07696e2d61646472 0461727061 00")).toBe("3.0.19.172.in-addr.arpa");
    expect(read("00")).toBe(".");
  });

  it("end behind their root, or behind their first pointer", () => {
    const message = view(`${label("a")}00 ${label("b")}${pointer(12)} ff`);
    expect(checkName(message, 0, 12, message.byteLength)).toBe(15);
    expect(checkName(message, 0, 15, message.byteLength)).toBe(19);
    expect(nameAt(message, 0, 15)).toBe("b.a");
  });

  it("may start anywhere: offsets count from the message", () => {
    const bytes = bytesOf(`ffffff${HEADER}${label("a")}00${pointer(12)}`);
    expect(checkName(viewOf(bytes), 3, 18, bytes.length)).toBe(20);
    expect(nameAt(viewOf(bytes), 3, 18)).toBe("a");
  });

  it("have at most 255 octets (RFC 1035 §2.3.4)", () => {
    const sixty = label("a".repeat(63)).repeat(3);
    expect(read(`${sixty}${label("a".repeat(61))}00`)).toBe(`${`${"a".repeat(63)}.`.repeat(3)}${"a".repeat(61)}`);
    expect(read(`${sixty}${label("a".repeat(62))}00`)).toBe(Status.badOption);
    const inTwo = `${sixty}00${label("a".repeat(62))}${pointer(12)}`;
    expect(read(inTwo, 12 + 193)).toBe(Status.badOption);
    expect(read(`${sixty}00${label("a".repeat(61))}${pointer(12)}`, 12 + 193)).toHaveLength(253);
  });

  it("have no labels of types 01 and 10 (RFC 6891 §5)", () => {
    expect(read("4100")).toBe(Status.unsupported);
    expect(read("8000")).toBe(Status.unsupported);
  });

  it("are truncated where they go past the end", () => {
    for (const hex of ["", "0361", "03616263", label("a"), "c0", `${label("a")}c0`]) {
      expect(read(hex), hex).toBe(Status.truncated);
    }
  });

  it("must end before their limit, not before the message's end", () => {
    const message = view(`${label("abc")}00`);
    expect(checkName(message, 0, 12, 16)).toBe(-Status.truncated);
    expect(checkName(message, 0, 12, 17)).toBe(17);
  });
});

describe("pointers (RFC 1035 §4.1.4)", () => {
  it("lead to a prior name, or to the end of one", () => {
    const names = `${label("www")}${label("example")}00 ${label("mail")}${pointer(16)} ${pointer(25)}`;
    expect(read(names, 25)).toBe("mail.example");
    expect(read(names, 32)).toBe("mail.example");
  });

  it("do not lead to themselves", () => {
    expect(read(pointer(12))).toBe(Status.badPointer);
  });

  it("do not lead to the labels in front of them", () => {
    expect(read(`${label("a")}${pointer(12)}`)).toBe(Status.badPointer);
    expect(read(`${label("a")}${label("b")}${pointer(14)}`)).toBe(Status.badPointer);
  });

  it("do not lead forward", () => {
    expect(read(`${pointer(14)}${label("a")}00`)).toBe(Status.badPointer);
    expect(read(pointer(0x3fff))).toBe(Status.badPointer);
  });

  it("do not lead in a circle of two", () => {
    expect(read(`${pointer(14)}${pointer(12)}`, 14)).toBe(Status.badPointer);
    expect(read(`${label("a")}${pointer(16)}${label("b")}${pointer(12)}`, 16)).toBe(Status.badPointer);
  });

  it("do not lead to labels that run into what points at them", () => {
    // At 12 a label of three bytes: the pointer at 14 lies inside it.
    expect(read(`0361${pointer(12)}00`, 14)).toBe(Status.badPointer);
    // The label ends where the pointer is: what follows it is the pointer itself.
    expect(read(`0161${pointer(12)}`, 14)).toBe(Status.badPointer);
  });

  it("do not lead into the message's header", () => {
    expect(read(pointer(0))).toBe(Status.badPointer);
    expect(read(pointer(11))).toBe(Status.badPointer);
  });

  it("do not lead to a pointer that is cut", () => {
    const message = viewOf(bytesOf(`${HEADER}c0 ${pointer(12)}`));
    expect(checkName(message, 0, 13, 15)).toBe(-Status.badPointer);
  });

  it("make chains of bounded length", () => {
    const chain = (count: number): string =>
      `00${Array.from({ length: count }, (_, index) => pointer(index === 0 ? 12 : 11 + index * 2)).join("")}`;
    expect(read(chain(MAX_POINTERS), 11 + MAX_POINTERS * 2)).toBe(".");
    expect(read(chain(MAX_POINTERS + 1), 13 + MAX_POINTERS * 2)).toBe(Status.badPointer);
  });

  it("never throw and never leave the message, whatever the bytes", () => {
    const lively = fc.array(
      fc.oneof(fc.constantFrom(0, 1, 2, 0xc0, 12, 13, 14, 15, 16), fc.integer({ min: 0, max: 255 })),
      {
        maxLength: 40,
      },
    );
    fc.assert(
      fc.property(lively, fc.integer({ min: 12, max: 52 }), (body, at) => {
        const bytes = Uint8Array.from([...bytesOf(HEADER), ...body]);
        const end = checkName(viewOf(bytes), 0, at, bytes.length);
        if (end < 0) return;
        expect(end).toBeLessThanOrEqual(bytes.length);
        expect(nameEnd(viewOf(bytes), at)).toBe(end);
        const text = nameAt(viewOf(bytes), 0, at);
        expect(encodeName(text).length).toBeLessThanOrEqual(255);
      }),
      { numRuns: 500 },
    );
  });
});

describe("text (RFC 1035 §5.1)", () => {
  it("escapes what would be read as something else", () => {
    expect(read(`${label("a.b\\c")}${label('"(x);@$')}00`)).toBe('a\\.b\\\\c.\\"\\(x\\)\\;\\@\\$');
    expect(read("03002041 00")).toBe("\\000\\032A");
    expect(read("027fff 00")).toBe("\\127\\255");
  });

  it("leads back to the same bytes", () => {
    const labels = fc.array(fc.uint8Array({ minLength: 1, maxLength: 63 }), { maxLength: 6 });
    fc.assert(
      fc.property(labels, (list) => {
        const wire = Uint8Array.from([...list.flatMap((bytes) => [bytes.length, ...bytes]), 0]);
        if (wire.length > 255) return;
        expect(encodeName(nameAt(viewOf(wire), 0, 0))).toEqual(wire);
      }),
    );
  });

  it("may have a dot at its end", () => {
    expect(encodeName("a.b.")).toEqual(encodeName("a.b"));
    expect(hexOf(encodeName("."))).toBe("00");
  });

  it("may escape any character that is no digit", () => {
    expect(hexOf(encodeName("\\a\\065\\."))).toBe("0361412e00");
  });

  it.each([
    ["", "has an empty label"],
    ["a..b", "has an empty label"],
    [".a", "has an empty label"],
    ["..", "has an empty label"],
    ["a\\", "has a bad escape at 1"],
    ["a\\25", "has a bad escape at 1"],
    ["a\\256", "has a bad escape at 1"],
    ["a\\é", "has a bad escape at 1"],
    ["é", "needs \\DDD at 0"],
    ["a".repeat(64), "dns label has 64 bytes, at most 63 fit"],
    [`${"a".repeat(63)}.`.repeat(4), "dns name has 257 bytes, at most 255 fit"],
  ])("refuses %j", (text, message) => {
    expect(() => encodeName(text)).toThrow(message);
    expect(() => encodeName(text)).toThrow(RangeError);
    expect(nameProblem(text)).toContain(message);
  });

  it.each([".", "a", "a.", "tasks.web", "a".repeat(63), "\\255", "_x"])("has nothing against %j", (text) => {
    expect(nameProblem(text)).toBeUndefined();
    expect(encodeName(text).at(-1)).toBe(0);
  });

  it("of addresses are their bytes, the last one first", () => {
    expect(reverseName(0x0a000905)).toBe("5.9.0.10.in-addr.arpa");
    expect(reverseName(-1)).toBe("255.255.255.255.in-addr.arpa");
  });

  it("of strings is in quotes", () => {
    expect(formatString(bytesOf("763d22205c00ff"))).toBe('"v=\\" \\\\\\000\\255"');
  });
});

describe("DnsWriter", () => {
  it("points at names and ends of names that are there", () => {
    const writer = new DnsWriter(true);
    writer.bytes(new Uint8Array(12));
    writer.name("www.example.com", true);
    writer.name("mail.example.com", true);
    writer.name("www.example.com", true);
    writer.name(".", true);
    expect(hexOf(writer.take().slice(12))).toBe(
      `${label("www")}${label("example")}${label("com")}00${label("mail")}${pointer(16)}${pointer(12)}00`,
    );
  });

  it("does not where it may not, or letter case differs", () => {
    const writer = new DnsWriter(true);
    writer.name("a.b", true);
    writer.name("a.b", false);
    writer.name("A.b", true);
    expect(hexOf(writer.take())).toBe(
      `${label("a")}${label("b")}00${label("a")}${label("b")}00${label("A")}${pointer(2)}`,
    );
  });

  it("does not beyond what fourteen bits reach", () => {
    const writer = new DnsWriter(true);
    writer.bytes(new Uint8Array(0x3fff));
    writer.name("a.b", true);
    writer.name("a.b", true);
    writer.name("b", true);
    expect(hexOf(writer.take().slice(0x3fff))).toBe(`${label("a")}${label("b")}00${pointer(0x3fff)}${label("b")}00`);
  });

  it("does not at the first offset that takes fifteen bits", () => {
    const writer = new DnsWriter(true);
    writer.bytes(new Uint8Array(0x4000));
    writer.name("a", true);
    writer.name("a", true);
    expect(hexOf(writer.take().slice(0x4000))).toBe(`${label("a")}00${label("a")}00`);
  });

  it("writes names that read back, with compression and without", () => {
    const name = fc
      .array(fc.constantFrom("a", "b", "C", "\\.", "\\000"), { maxLength: 5 })
      .map((labels) => labels.join(".") || ".");
    fc.assert(
      fc.property(fc.array(fc.tuple(name, fc.boolean()), { maxLength: 12 }), fc.boolean(), (names, compress) => {
        const writer = new DnsWriter(compress);
        writer.bytes(new Uint8Array(12));
        for (const [text, mayPoint] of names) writer.name(text, mayPoint);
        const bytes = writer.take();
        const known = new Map<number, string>();
        let at = 12;
        for (const [text] of names) {
          const end = checkName(viewOf(bytes), 0, at, bytes.length);
          expect(end).toBeGreaterThan(at);
          expect(nameAt(viewOf(bytes), 0, at, known)).toBe(text);
          expect(nameAt(viewOf(bytes), 0, at)).toBe(text);
          at = end;
        }
        expect(at).toBe(bytes.length);
      }),
    );
  });
});
