import { describe, expect, it } from "vitest";
import { LinePrinter, type LineOptions, PLAIN, type PrintedPacket } from "../../src/print/line.ts";
import { ARP_REQUEST, bytesOf, layersOf, packetOf } from "./packet.ts";

const ARP = bytesOf(ARP_REQUEST);
const WORDS = "ARP who has 10.0.9.5 tell 10.0.9.3";

function linesOf(packets: readonly PrintedPacket[], options: Partial<LineOptions> = {}): readonly string[] {
  const printer = new LinePrinter(options);
  return packets.map((packet) => printer.line(packet, layersOf(packet)));
}

function at(number: number, seconds: number, nanoseconds: number, resolution: number = 9): PrintedPacket {
  return packetOf(ARP, { number, seconds, nanoseconds, resolution });
}

describe("number and time", () => {
  const packets = [at(1, 1000, 999_999_900), at(2, 1001, 100), at(3, 1000, 999_999_899), at(12_345, 1111, 5)];

  it("relative to the first packet, also backwards, exact to the nanosecond", () => {
    expect(linesOf(packets)).toEqual([
      `#1    0.000000000  ${WORDS}`,
      `#2    0.000000200  ${WORDS}`,
      `#3    -0.000000001  ${WORDS}`,
      `#12345 110.000000105  ${WORDS}`,
    ]);
  });

  it("as the difference to the packet before", () => {
    expect(linesOf(packets, { time: "delta" }).map((line) => line.split(/ +/)[1])).toEqual([
      "0.000000000",
      "0.000000200",
      "-0.000000201",
      "110.000000106",
    ]);
  });

  it("as a date in UTC and as seconds since 1970", () => {
    const packet = packetOf(ARP);
    expect(linesOf([packet], { time: "utc" })).toEqual([`#1    2026-11-21T03:45:15.795782355Z  ${WORDS}`]);
    expect(linesOf([packet], { time: "epoch" })).toEqual([`#1    1795232715.795782355  ${WORDS}`]);
  });

  it("with six decimals where the file has no more", () => {
    const coarse = [at(1, 1000, 1_000, 6), at(2, 1000, 5_000, 6)];
    expect(linesOf(coarse)).toEqual([`#1    0.000000  ${WORDS}`, `#2    0.000004  ${WORDS}`]);
    expect(linesOf([coarse[1]!], { time: "utc" })).toEqual([`#2    1970-01-01T00:16:40.000005Z  ${WORDS}`]);
    expect(linesOf([coarse[1]!], { time: "epoch" })).toEqual([`#2    1000.000005  ${WORDS}`]);
    // 2^-20 seconds are finer than microseconds.
    expect(linesOf([at(1, 1000, 5, 128 + 20)], { time: "epoch" })).toEqual([`#1    1000.000000005  ${WORDS}`]);
  });

  it("says nothing of a time that the file does not have", () => {
    const timeless = { ...at(2, 0, 0), hasTime: false };
    expect(linesOf([at(1, 5, 0), timeless, at(3, 6, 0)])).toEqual([
      `#1    0.000000000  ${WORDS}`,
      `#2              -  ${WORDS}`,
      `#3    1.000000000  ${WORDS}`,
    ]);
  });
});

describe("where it was seen", () => {
  const seen = (name: string | undefined, direction: "in" | "out" | undefined): PrintedPacket =>
    packetOf(ARP, { ...(name === undefined ? {} : { name }), direction });

  it("name and direction, in a column as wide as the names so far", () => {
    expect(linesOf([seen("h1.eth0", "out"), seen("h1.overlay.br0", "in"), seen("h1.eth0", undefined)])).toEqual([
      `#1    0.000000000  h1.eth0 >  ${WORDS}`,
      `#1    0.000000000  h1.overlay.br0 <  ${WORDS}`,
      `#1    0.000000000  h1.eth0           ${WORDS}`,
    ]);
  });

  it("is aligned from the first line on if the names are known", () => {
    const printer = new LinePrinter();
    printer.expectInterfaces([seen("h1.overlay.br0", "in").interface, seen(undefined, "in").interface]);
    expect(printer.line(seen("h1.eth0", "out"), layersOf(seen("h1.eth0", "out")))).toBe(
      `#1    0.000000000  h1.eth0        >  ${WORDS}`,
    );
  });

  it("only the direction if the interface has no name, nothing if there is neither", () => {
    expect(linesOf([seen(undefined, "in")])).toEqual([`#1    0.000000000   <  ${WORDS}`]);
    expect(linesOf([seen(undefined, undefined)])).toEqual([`#1    0.000000000  ${WORDS}`]);
  });

  it("very long names keep both ends", () => {
    const [line] = linesOf([seen(`${"a".repeat(40)}.${"b".repeat(40)}`, "in")]);
    expect(line).toContain(`  ${"a".repeat(23)}…${"b".repeat(23)} <`);
  });

  it("names are shown without what a terminal would obey", () => {
    const [line] = linesOf([seen("eth0\u001b[2J\u009b\n", "in")]);
    expect(line).toContain("  eth0\\x1b[2J\\x9b\\x0a <");
  });
});

describe("comments", () => {
  it("stand below their packet, each line indented", () => {
    const packet = packetOf(ARP, { comments: ["bridge: flood to veth1\r\nand veth2", "hop 7"] });
    expect(linesOf([packet])).toEqual([
      `#1    0.000000000  ${WORDS}\n        bridge: flood to veth1\n        and veth2\n        hop 7`,
    ]);
  });

  it("are cut if they are very long, and shown without what a terminal would obey", () => {
    const packet = packetOf(ARP, { comments: ["x".repeat(500), "\u001b]0;title\u0007", "\u202egnp.exe"] });
    const [, long, title, turned] = linesOf([packet])[0]!.split("\n");
    expect(long).toBe(`        ${"x".repeat(240)}…`);
    expect(title).toBe("        \\x1b]0;title\\x07");
    expect(turned).toBe("        \\u202egnp.exe");
  });
});

describe("styles", () => {
  it("leave the columns where they are", () => {
    const packet = packetOf(ARP, { name: "eth0", direction: "in", comments: ["c"] });
    const style = { ...PLAIN, dim: (text: string) => `<${text}>`, place: (text: string) => `{${text}}` };
    expect(linesOf([packet], { style })).toEqual([`<#1   > <0.000000000>  {eth0} <  ${WORDS}\n        <c>`]);
  });
});
