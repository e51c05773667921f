import { describe, expect, it } from "vitest";
import { frameCheck, fcsLength } from "../../src/print/fcs.ts";
import { hexLines, hexRows } from "../../src/print/hex.ts";
import { packetJson } from "../../src/print/json.ts";
import { LinePrinter, type PrintedPacket } from "../../src/print/line.ts";
import { frameTree, treeLines } from "../../src/print/tree.ts";
import { ARP_REQUEST, bytesOf, layersOf, packetOf } from "./packet.ts";

/** An ARP request with 2 bytes of padding and what tshark 4.0 says is the right sequence. */
const RIGHT = bytesOf(`${ARP_REQUEST}00005ae17ea2`);
const WRONG = bytesOf(`${ARP_REQUEST}000001020304`);

function withFcs(bytes: Uint8Array, fcs: number | undefined, more: Parameters<typeof packetOf>[1] = {}): PrintedPacket {
  const packet = packetOf(bytes, more);
  return { ...packet, interface: { ...packet.interface, fcsLength: fcs } };
}

describe("a frame check sequence that the file declares", () => {
  it("is named and verified in the tree, the bytes, the line and JSON", () => {
    const packet = withFcs(RIGHT, 4);
    const layers = layersOf(packet);
    expect(treeLines(frameTree(packet, layers)).slice(-2)).toEqual([
      "  Padding or trailer [42, 44) 2 bytes",
      "  Frame check sequence [44, 48) 0x5ae17ea2, correct",
    ]);
    expect(hexLines(packet, hexRows(packet, layers)).slice(-2)).toEqual([
      expect.stringMatching(/^ {4}002a {2}00 00 .* padding or trailer$/) as string,
      expect.stringMatching(/^ {4}002c {2}.* frame check sequence 0x5ae17ea2, correct$/) as string,
    ]);
    expect(packetJson(packet, layers).fcs).toEqual({ start: 44, end: 48, checksum: "valid" });
    expect(new LinePrinter().line(packet, layers)).not.toContain("frame check");
  });

  it("is told from the right one, and noted", () => {
    const packet = withFcs(WRONG, 4);
    const layers = layersOf(packet);
    expect(treeLines(frameTree(packet, layers)).at(-1)).toBe(
      "  Frame check sequence [44, 48) 0x01020304, incorrect, should be 0x5ae17ea2",
    );
    expect(packetJson(packet, layers).fcs?.checksum).toBe("invalid");
    expect(new LinePrinter().line(packet, layers)).toMatch(/; bad frame check sequence$/);
  });

  it("may be declared for one packet, whatever its interface says", () => {
    expect(fcsLength(withFcs(RIGHT, undefined, { options: { flags: 4 << 5 } }))).toBe(4);
    expect(fcsLength(withFcs(RIGHT, 4, { options: { flags: 1 } }))).toBe(4);
  });

  it("is not there if the capture cut the frame, or if its length is not Ethernet's", () => {
    expect(frameCheck(withFcs(RIGHT, 4, { wireLength: 60 }))).toBeUndefined();
    expect(frameCheck(withFcs(RIGHT, 8))).toBeUndefined();
    expect(frameCheck(withFcs(RIGHT, undefined))).toBeUndefined();
    expect(frameCheck(withFcs(RIGHT.subarray(0, 3), 4))).toBeUndefined();
  });

  it("of another link type is named only", () => {
    const packet = withFcs(RIGHT, 2, { linkType: 9 });
    const last = frameTree(packet, layersOf(packet)).at(-1)!;
    expect([last.name, last.value, last.start, last.end]).toEqual([
      "Frame check sequence",
      "2 bytes, not verified",
      46,
      48,
    ]);
  });
});
