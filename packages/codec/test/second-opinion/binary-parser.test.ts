/** The accessors against binary-parser's reading of the same bytes, in every layer of every frame of every recording. */
import type { Parser } from "binary-parser";
import { describe, expect, it } from "vitest";
import * as arp from "../../src/arp.ts";
import { dissect } from "../../src/dissect.ts";
import * as dns from "../../src/dns.ts";
import * as esp from "../../src/esp.ts";
import * as ethernet from "../../src/ethernet.ts";
import * as icmp from "../../src/icmp.ts";
import * as icmpv6 from "../../src/icmpv6.ts";
import * as igmp from "../../src/igmp.ts";
import * as ipv4 from "../../src/ipv4.ts";
import * as ipv6 from "../../src/ipv6.ts";
import * as extension from "../../src/ipv6-extensions.ts";
import { LayerKind, layerName, Layers } from "../../src/layers.ts";
import * as linuxSll from "../../src/linux-sll.ts";
import * as linuxSll2 from "../../src/linux-sll2.ts";
import * as llc from "../../src/llc.ts";
import * as sctp from "../../src/sctp.ts";
import * as tcp from "../../src/tcp.ts";
import * as udp from "../../src/udp.ts";
import * as vlan from "../../src/vlan.ts";
import * as vxlan from "../../src/vxlan.ts";
import { CAPTURES, framesOf } from "../conformance/captures.ts";
import * as described from "./descriptions.ts";

type Module = Readonly<Record<string, unknown>>;

interface Reading {
  readonly parser: Parser;
  readonly module: Module;
  /** Only for messages of these types. */
  readonly types?: ReadonlySet<number>;
}

const READINGS: ReadonlyMap<LayerKind, readonly Reading[]> = new Map<LayerKind, readonly Reading[]>([
  [LayerKind.ethernet, [{ parser: described.ethernet, module: ethernet }]],
  [LayerKind.vlan, [{ parser: described.vlan, module: vlan }]],
  [LayerKind.llc, [{ parser: described.llc, module: llc }]],
  [LayerKind.arp, [{ parser: described.arp, module: arp }]],
  [LayerKind.ipv4, [{ parser: described.ipv4, module: ipv4 }]],
  [LayerKind.ipv6, [{ parser: described.ipv6, module: ipv6 }]],
  [LayerKind.hopByHop, [{ parser: described.extension, module: extension }]],
  [LayerKind.destinationOptions, [{ parser: described.extension, module: extension }]],
  [LayerKind.routing, [{ parser: described.routing, module: extension }]],
  [LayerKind.fragment, [{ parser: described.fragment, module: extension }]],
  [LayerKind.udp, [{ parser: described.udp, module: udp }]],
  [LayerKind.tcp, [{ parser: described.tcp, module: tcp }]],
  [
    LayerKind.icmp,
    [
      { parser: described.icmp, module: icmp },
      { parser: described.icmpEcho, module: icmp, types: new Set([0, 8]) },
      { parser: described.icmpUnreachable, module: icmp, types: new Set([3]) },
    ],
  ],
  [LayerKind.icmpv6, [{ parser: described.icmpv6, module: icmpv6 }]],
  [LayerKind.igmp, [{ parser: described.igmp, module: igmp }]],
  [LayerKind.sctp, [{ parser: described.sctp, module: sctp }]],
  [LayerKind.vxlan, [{ parser: described.vxlan, module: vxlan }]],
  [LayerKind.dns, [{ parser: described.dns, module: dns }]],
  [LayerKind.esp, [{ parser: described.esp, module: esp }]],
  [LayerKind.linuxSll, [{ parser: described.linuxSll, module: linuxSll }]],
  [LayerKind.linuxSll2, [{ parser: described.linuxSll2, module: linuxSll2 }]],
]);

/** Flags as 0 and 1, addresses as lists of bytes. */
function comparable(value: unknown): unknown {
  if (typeof value === "boolean") return value ? 1 : 0;
  return value instanceof Uint8Array ? value.join() : value;
}

/** Names of the fields on which the two do not agree. */
function disagreements(reading: Reading, bytes: Buffer, view: DataView, at: number): string[] {
  const parsed = reading.parser.parse(bytes) as Record<string, unknown>;
  const wrong: string[] = [];
  for (const name in parsed) {
    if (name === "") continue;
    const theirs = Array.isArray(parsed[name]) ? parsed[name].join() : parsed[name];
    const accessor = reading.module[name] as (view: DataView, at: number) => unknown;
    const ours = comparable(accessor(view, at));
    if (ours !== theirs) wrong.push(`${name}: ${String(ours)}, binary-parser ${String(theirs)}`);
  }
  return wrong;
}

describe("binary-parser reads the same values", () => {
  const read = new Set<LayerKind>();

  it.each(CAPTURES)("%s", (capture) => {
    const layers = new Layers();
    const wrong: string[] = [];
    for (const { view, start, end, linkType, number } of framesOf(capture)) {
      dissect(view, start, end, linkType, layers);
      const whole = Buffer.from(view.buffer, view.byteOffset, view.byteLength);
      for (let index = 0; index < layers.count; index++) {
        const kind = layers.kind(index);
        const at = layers.start(index);
        read.add(kind);
        for (const reading of READINGS.get(kind) ?? []) {
          if (reading.types?.has(view.getUint8(at)) === false) continue;
          for (const field of disagreements(reading, whole.subarray(at, end), view, at)) {
            wrong.push(`frame ${number}, ${layerName(kind)}.${field}`);
          }
        }
      }
    }
    expect(wrong.slice(0, 10)).toEqual([]);
  });

  it("in every kind of layer", () => {
    // The family of BSD loopback has no byte order to describe.
    const without = new Set<LayerKind>([LayerKind.data, LayerKind.null]);
    const all = Object.values(LayerKind).filter((kind) => !without.has(kind));
    expect(all.filter((kind) => !read.has(kind) || !READINGS.has(kind)).map(layerName)).toEqual([]);
  });
});
