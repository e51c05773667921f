/** The accessors against binary-parser's reading of the same bytes, in every layer of every frame of every recording. */
import { isDeepStrictEqual } from "node:util";
import type { Parser } from "binary-parser";
import { describe, expect, it } from "vitest";
import * as arp from "../../src/arp.ts";
import { dissect } from "../../src/dissect.ts";
import * as dns from "../../src/dns.ts";
import * as esp from "../../src/esp.ts";
import * as ethernet from "../../src/ethernet.ts";
import * as icmp from "../../src/icmp.ts";
import * as icmpv6 from "../../src/icmpv6.ts";
import * as icmpv6Mld from "../../src/icmpv6-mld.ts";
import * as icmpv6Nd from "../../src/icmpv6-nd.ts";
import * as igmp from "../../src/igmp.ts";
import * as ipv4 from "../../src/ipv4.ts";
import * as ipv6 from "../../src/ipv6.ts";
import * as extension from "../../src/ipv6-extensions.ts";
import { LayerKind, layerName, Layers } from "../../src/layers.ts";
import * as linuxSll from "../../src/linux-sll.ts";
import * as linuxSll2 from "../../src/linux-sll2.ts";
import * as llc from "../../src/llc.ts";
import * as nullLoopback from "../../src/null.ts";
import * as sctp from "../../src/sctp.ts";
import * as tcp from "../../src/tcp.ts";
import * as udp from "../../src/udp.ts";
import * as vlan from "../../src/vlan.ts";
import * as vxlan from "../../src/vxlan.ts";
import { CAPTURES, framesOf } from "../conformance/captures.ts";
import { rowsOf } from "../coverage.ts";
import * as described from "./descriptions.ts";

type Module = Readonly<Record<string, unknown>>;

interface Reading {
  readonly parser: Parser;
  readonly module: Module;
  /** If it is not for every layer of that kind: whether it is for the one whose bytes these are. */
  readonly isFor?: (layer: Uint8Array, linkType: number) => boolean;
}

/** Messages whose first byte is one of these. */
function types(...wanted: readonly number[]): NonNullable<Reading["isFor"]> {
  return (layer) => wanted.includes(layer[0]!);
}

/** RFC 3376 §7.1: queries of version 3 have at least 12 bytes. */
const isIgmpQueryV3: Reading["isFor"] = (layer) => layer[0] === 0x11 && layer.length >= 12;

/** What follows a message's counts is read by `plain` alone. */
const igmpWithLists: Module = {
  ...igmp,
  sources: (view: DataView, at: number, end: number) => (igmp.plain(view, at, end) as igmp.IgmpQueryV3).sources,
  records: (view: DataView, at: number, end: number) => (igmp.plain(view, at, end) as igmp.IgmpReportV3).records,
};

/** LINKTYPE_LOOP, whose family is big-endian. In LINKTYPE_NULL it is the writer's; all known ones fit into one byte. */
const LOOP = 108;
const isLittleEndian: Reading["isFor"] = (layer, linkType) => linkType !== LOOP && layer[0] !== 0;
const isBigEndian: Reading["isFor"] = (layer, linkType) => linkType === LOOP || layer[3] !== 0;

const READINGS: ReadonlyMap<LayerKind, readonly Reading[]> = new Map<LayerKind, readonly Reading[]>([
  [LayerKind.ethernet, [{ parser: described.ethernet, module: ethernet }]],
  [LayerKind.vlan, [{ parser: described.vlan, module: vlan }]],
  [
    LayerKind.llc,
    [
      { parser: described.llc, module: llc },
      { parser: described.llcSnap, module: llc, isFor: (layer) => layer[0] === 0xaa && layer[1] === 0xaa },
    ],
  ],
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
      { parser: described.icmpEcho, module: icmp, isFor: types(0, 8) },
      { parser: described.icmpUnreachable, module: icmp, isFor: types(3) },
      { parser: described.icmpRedirect, module: icmp, isFor: types(5) },
      { parser: described.icmpTimeExceeded, module: icmp, isFor: types(11) },
      { parser: described.icmpParameterProblem, module: icmp, isFor: types(12) },
      { parser: described.icmpTimestamp, module: icmp, isFor: types(13, 14) },
    ],
  ],
  [
    LayerKind.icmpv6,
    [
      { parser: described.icmpv6, module: icmpv6 },
      { parser: described.icmpv6TooBig, module: icmpv6, isFor: types(2) },
      { parser: described.icmpv6ParameterProblem, module: icmpv6, isFor: types(4) },
      { parser: described.icmpv6Echo, module: icmpv6, isFor: types(128, 129) },
      { parser: described.mld, module: icmpv6Mld, isFor: types(130, 131, 132) },
      { parser: described.mldReportV2, module: icmpv6Mld, isFor: types(143) },
      { parser: described.routerSolicitation, module: icmpv6Nd, isFor: types(133) },
      { parser: described.routerAdvertisement, module: icmpv6Nd, isFor: types(134) },
      { parser: described.neighborSolicitation, module: icmpv6Nd, isFor: types(135) },
      { parser: described.neighborAdvertisement, module: icmpv6Nd, isFor: types(136) },
      { parser: described.neighborRedirect, module: icmpv6Nd, isFor: types(137) },
    ],
  ],
  [
    LayerKind.igmp,
    [
      { parser: described.igmp, module: igmp },
      { parser: described.igmpGroup, module: igmp, isFor: types(0x11, 0x12, 0x16, 0x17) },
      { parser: described.igmpQueryV3, module: igmpWithLists, isFor: isIgmpQueryV3 },
      { parser: described.igmpReportV3, module: igmpWithLists, isFor: types(0x22) },
    ],
  ],
  [LayerKind.sctp, [{ parser: described.sctp, module: sctp }]],
  [
    LayerKind.vxlan,
    [
      { parser: described.vxlan, module: vxlan },
      { parser: described.vxlanGroupPolicy, module: vxlan },
    ],
  ],
  [LayerKind.dns, [{ parser: described.dns, module: dns }]],
  [LayerKind.esp, [{ parser: described.esp, module: esp }]],
  [LayerKind.linuxSll, [{ parser: described.linuxSll, module: linuxSll }]],
  [LayerKind.linuxSll2, [{ parser: described.linuxSll2, module: linuxSll2 }]],
  [
    LayerKind.null,
    [
      { parser: described.nullBig, module: nullLoopback, isFor: isBigEndian },
      { parser: described.nullLittle, module: nullLoopback, isFor: isLittleEndian },
    ],
  ],
]);

/** Flags as 0 and 1, bytes as a list, inside lists too. */
function comparable(value: unknown): unknown {
  if (typeof value === "boolean") return value ? 1 : 0;
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, comparable(inner)]));
}

interface Comparison {
  /** Names of the fields that both read. */
  readonly fields: readonly string[];
  /** What they do not agree on. */
  readonly wrong: readonly string[];
}

/** Both readings of the layer [at, end), whose bytes are `layer`. */
function compare(reading: Reading, layer: Uint8Array, view: DataView, at: number, end: number): Comparison {
  const parsed = reading.parser.parse(layer);
  const fields = Object.keys(parsed).filter((name) => name !== "_");
  const wrong = fields.flatMap((name) => {
    const accessor = reading.module[name] as (view: DataView, at: number, end: number) => unknown;
    const ours = comparable(accessor(view, at, end));
    const theirs = comparable(parsed[name]);
    if (isDeepStrictEqual(ours, theirs)) return [];
    return [`${name}: ${JSON.stringify(ours)}, binary-parser ${JSON.stringify(theirs)}`];
  });
  return { fields, wrong };
}

describe("binary-parser reads the same values", () => {
  const used = new Set<Reading>();
  const read = new Map<LayerKind, Set<string>>();

  it.each(CAPTURES)("%s", (capture) => {
    const layers = new Layers();
    const wrong: string[] = [];
    for (const { view, start, end, linkType, number } of framesOf(capture)) {
      dissect(view, start, end, linkType, layers);
      for (let index = 0; index < layers.count; index++) {
        const kind = layers.kind(index);
        const at = layers.start(index);
        const layerEnd = layers.end(index);
        const layer = Buffer.from(view.buffer, view.byteOffset + at, layerEnd - at);
        const names = read.get(kind) ?? new Set();
        read.set(kind, names);
        for (const reading of READINGS.get(kind) ?? []) {
          if (reading.isFor?.(layer, linkType) === false) continue;
          used.add(reading);
          const comparison = compare(reading, layer, view, at, layerEnd);
          for (const name of comparison.fields) names.add(name);
          for (const field of comparison.wrong) wrong.push(`frame ${number}, ${layerName(kind)}.${field}`);
        }
      }
    }
    expect(wrong.slice(0, 10)).toEqual([]);
  });

  it("by every description", () => {
    const readings = [...READINGS].flatMap(([kind, all]) => all.map((reading, index) => ({ kind, reading, index })));
    const unused = readings.filter(({ reading }) => !used.has(reading));
    expect(unused.map(({ kind, index }) => `${layerName(kind)} ${index}`)).toEqual([]);
  });

  it("of every field in the layout tables", () => {
    const missing = Object.values(LayerKind).flatMap((kind) => {
      const name = layerName(kind);
      if (name === "data") return [];
      return rowsOf(name).flatMap((row) => (read.get(kind)?.has(row.name) === true ? [] : [`${name}.${row.name}`]));
    });
    expect(missing).toEqual([]);
  });
});
