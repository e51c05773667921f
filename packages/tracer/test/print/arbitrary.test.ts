import { LinkType } from "@hopscope/codec/code-points";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { describe as say } from "../../src/print/describe.ts";
import { hexLines, hexRows } from "../../src/print/hex.ts";
import { jsonLine } from "../../src/print/json.ts";
import { LinePrinter } from "../../src/print/line.ts";
import { frameTree, type TreeNode, treeLines } from "../../src/print/tree.ts";
import {
  ARP_REQUEST,
  bytesOf,
  DNS_ANSWER,
  ECHO_IN_VXLAN,
  layersOf,
  packetOf,
  PORT_UNREACHABLE,
  SYN_OFFLOADED,
} from "./packet.ts";

const seeds = ["", ARP_REQUEST, DNS_ANSWER, ECHO_IN_VXLAN, PORT_UNREACHABLE, SYN_OFFLOADED].map(bytesOf);
const linkTypes = fc.constantFrom(...Object.values(LinkType), 147);

/** The beginning of a real frame, then anything, then some bytes changed. */
const frames = fc
  .record({
    seed: fc.constantFrom(...seeds),
    keep: fc.nat(110),
    tail: fc.uint8Array({ maxLength: 120 }),
    changes: fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 6 }),
  })
  .map(({ seed, keep, tail, changes }) => {
    const bytes = Uint8Array.from([...seed.subarray(0, keep), ...tail]);
    for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
    return bytes;
  });

function expectInside(nodes: readonly TreeNode[], length: number): void {
  for (const node of nodes) {
    expect(node.start).toBeGreaterThanOrEqual(0);
    expect(node.end).toBeGreaterThanOrEqual(node.start);
    expect(node.end).toBeLessThanOrEqual(length);
    expectInside(node.children, length);
  }
}

it("every printer tells any bytes of any link type, on lines that a terminal can show", () => {
  fc.assert(
    fc.property(frames, linkTypes, fc.nat(2000), (bytes, linkType, missing) => {
      const packet = packetOf(bytes, { linkType, wireLength: bytes.length + missing });
      const layers = layersOf(packet);
      const tree = frameTree(packet, layers);
      expectInside(tree, bytes.length);
      const lines = [
        say(packet, layers),
        new LinePrinter({ macs: true }).line(packet, layers),
        ...treeLines(tree),
        ...hexLines(packet, hexRows(packet, layers)),
        jsonLine(packet, layers),
      ];
      for (const line of lines) expect(line).not.toMatch(/\p{Cc}|undefined|NaN|\[object/u);
    }),
    { numRuns: 300 },
  );
});
