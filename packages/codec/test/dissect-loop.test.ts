import * as fc from "fast-check";
import { expect, it } from "vitest";
import { LinkType } from "../src/code-points.ts";
import { DEFAULT_OPTIONS, dissect } from "../src/dissect.ts";
import { type LayerKind, Layers } from "../src/layers.ts";
import { bytesOf, viewOf } from "./hex.ts";

// Packets of a Docker overlay, as they left the first node's network card: a ping, a TCP SYN, a UDP datagram.
const PACKETS = [
  `52540077000c52540077000b0800 45000086786200004011e69cc0a84d0bc0a84d0c bd6412b50072d7eb 0800000000100100
  02420a00090502420a0009030800 45000054a2014000400172a00a0009030a000905
  0800b1bd001900008874bdb4 ${"00".repeat(52)}`,
  `52540077000c52540077000b0800 4500006e864000004011d8d6c0a84d0bc0a84d0c bf7d12b5005afc38 0800000000100100
  02420a00090502420a0009030800 4500003c7d824000400697320a0009030a000905
  c7b8005022b89e2d00000000a002fd5c188c0000020405820402080a0ac1788f000000000103030a`,
  `52540077000b52540077000c0800 450000736d6500004011f1acc0a84d0cc0a84d0b dcc712b5005fdef4 0800000000100100
  02420a00090302420a0009050800 450000416f3b40004011a5690a0009050a000903
  1388e94f002d44906563686f3a70696e672d30303033322d787878787878787878787878787878787878787878`,
].map(bytesOf);

interface Seen {
  readonly kinds: readonly LayerKind[];
  readonly places: readonly number[];
  readonly rest: readonly unknown[];
}

/** What `dissect` says, without a VLAN tag of `tag` bytes behind the first MAC addresses. */
function seen(bytes: Uint8Array, tag: number, depth: number, vxlanPort: number): Seen {
  const layers = new Layers();
  dissect(viewOf(bytes), 0, bytes.length, LinkType.ethernet, layers, { depth, vxlanPort });
  const kinds: LayerKind[] = [];
  const places: number[] = [];
  for (let index = 0; index < layers.count; index++) {
    if (index === 1 && tag > 0) continue;
    kinds.push(layers.kind(index));
    places.push(layers.start(index) - (index === 0 ? 0 : tag), layers.end(index) - tag);
  }
  places.push(layers.payloadStart - tag, layers.payloadEnd - tag);
  const shift = (index: number): number => (index < 0 ? index : index - (tag > 0 ? 1 : 0));
  const { status, stopKind, stopLimit, isFragment } = layers;
  return {
    kinds,
    places,
    rest: [status, stopKind, stopLimit, isFragment, shift(layers.quoteIndex), shift(layers.cutIndex)],
  };
}

it("says of a packet what the walk behind a VLAN tag says, for damaged packets too", () => {
  const change = fc.tuple(
    fc.nat(110),
    fc.oneof(fc.nat(255), fc.constantFrom(0x00, 0x01, 0x06, 0x08, 0x11, 0x20, 0x40, 0x45, 0x46, 0x50, 0xb0)),
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...PACKETS),
      fc.array(change, { maxLength: 3 }),
      fc.option(fc.nat(148), { nil: 148 }),
      fc.constantFrom(DEFAULT_OPTIONS.depth, 1, 3, 6, 7),
      fc.constantFrom(4789, 4790, 8472),
      (packet, changes, length, depth, port) => {
        const bytes = packet.slice();
        // The tag takes the first EtherType: other ones are for the walk alone.
        for (const [at, byte] of changes) if (at !== 12 && at !== 13 && at < bytes.length) bytes[at] = byte;
        const cut = bytes.subarray(0, Math.max(14, length));
        const tagged = Uint8Array.from([...cut.subarray(0, 12), 0x81, 0x00, 0x00, 0x07, ...cut.subarray(12)]);
        expect(seen(cut, 0, depth, port)).toEqual(seen(tagged, 4, depth + 1, port));
      },
    ),
    { numRuns: 3000 },
  );
});

it("says the same with any one byte of the headers damaged", () => {
  const values = [0x00, 0x01, 0x06, 0x07, 0x08, 0x0f, 0x11, 0x20, 0x40, 0x44, 0x45, 0x46, 0x50, 0x80, 0xb0, 0xff];
  for (const packet of PACKETS) {
    for (let at = 14; at < 100; at++) {
      for (const value of values) {
        const bytes = packet.slice();
        bytes[at] = value;
        const tagged = Uint8Array.from([...bytes.subarray(0, 12), 0x81, 0x00, 0x00, 0x07, ...bytes.subarray(12)]);
        expect(seen(bytes, 0, 16, 4789), `byte ${at} is ${value}`).toEqual(seen(tagged, 4, 17, 4789));
      }
    }
  }
});
