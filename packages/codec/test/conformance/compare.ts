/**
 * Compares what the codec reads in one frame with what tshark said of it: which layers there are and where, every row
 * of their layout tables by its Wireshark name, and what `lists.ts` takes from behind the fixed fields.
 */
import * as arp from "../../src/arp.ts";
import { dissect } from "../../src/dissect.ts";
import * as dns from "../../src/dns.ts";
import * as esp from "../../src/esp.ts";
import * as ethernet from "../../src/ethernet.ts";
import type { Field } from "../../src/field.ts";
import * as icmp from "../../src/icmp.ts";
import * as icmpv6 from "../../src/icmpv6.ts";
import * as igmp from "../../src/igmp.ts";
import * as ipv4 from "../../src/ipv4.ts";
import * as ipv4Options from "../../src/ipv4-options.ts";
import * as ipv6 from "../../src/ipv6.ts";
import * as extension from "../../src/ipv6-extensions.ts";
import { LayerKind, layerName, Layers } from "../../src/layers.ts";
import * as linuxSll from "../../src/linux-sll.ts";
import * as linuxSll2 from "../../src/linux-sll2.ts";
import * as llc from "../../src/llc.ts";
import * as nullLoopback from "../../src/null.ts";
import { protocolOf } from "../../src/protocols.ts";
import * as sctp from "../../src/sctp.ts";
import { Status, statusName } from "../../src/status.ts";
import * as tcp from "../../src/tcp.ts";
import * as udp from "../../src/udp.ts";
import * as vlan from "../../src/vlan.ts";
import * as vxlan from "../../src/vxlan.ts";
import type { FixtureFrame } from "./captures.ts";
import type { ExpectedFrame, ExpectedLayer } from "./expectation.ts";
import { FORMS, listsOf } from "./lists.ts";
import { accessorValue, rowValue, type Value, wiresharkValue } from "./wireshark-value.ts";

/** What may explain a difference. */
export type Circumstance =
  /** The innermost network layer is a fragment. */
  | "fragment"
  /** The capture holds less than was on the wire. */
  | "cut"
  /** Inside an ICMP error's quotation. */
  | "quoted"
  /** Our walk stopped at the very header that tshark shows. */
  | "refused"
  /** The frame has an IPv4 header with a source route that is not used up. */
  | "sourceRoute";

/** One fact on which the two do not agree. */
export interface Difference {
  readonly capture: string;
  readonly frame: number;
  /** tshark's name of the protocol, or `frame`. */
  readonly protocol: string;
  /** A Wireshark name; `layers`, `size`, `payload`, `stop` for what has none. */
  readonly field: string;
  readonly tshark: string;
  readonly ours: string;
  readonly circumstances: ReadonlySet<Circumstance>;
}

type Module = Readonly<Record<string, unknown>>;

/** tshark's name of each kind of layer, and the module that reads it. */
const KINDS: Readonly<Record<Exclude<LayerKind, typeof LayerKind.data>, readonly [string, Module]>> = {
  [LayerKind.ethernet]: ["eth", ethernet],
  [LayerKind.llc]: ["llc", llc],
  [LayerKind.vlan]: ["vlan", vlan],
  [LayerKind.arp]: ["arp", arp],
  [LayerKind.ipv4]: ["ip", ipv4],
  [LayerKind.ipv6]: ["ipv6", ipv6],
  [LayerKind.icmp]: ["icmp", icmp],
  [LayerKind.icmpv6]: ["icmpv6", icmpv6],
  [LayerKind.igmp]: ["igmp", igmp],
  [LayerKind.udp]: ["udp", udp],
  [LayerKind.tcp]: ["tcp", tcp],
  [LayerKind.sctp]: ["sctp", sctp],
  [LayerKind.vxlan]: ["vxlan", vxlan],
  [LayerKind.dns]: ["dns", dns],
  [LayerKind.esp]: ["esp", esp],
  [LayerKind.hopByHop]: ["ipv6.hopopts", extension],
  [LayerKind.routing]: ["ipv6.routing", extension],
  [LayerKind.fragment]: ["ipv6.fraghdr", extension],
  [LayerKind.destinationOptions]: ["ipv6.dstopts", extension],
  [LayerKind.linuxSll]: ["sll", linuxSll],
  [LayerKind.linuxSll2]: ["sll", linuxSll2],
  [LayerKind.null]: ["null", nullLoopback],
};

/** Protocols whose block tshark makes as long as the header. It gives others their whole message, or parts of it. */
const HEADER_SIZED: ReadonlySet<string> = new Set(
  "eth vlan arp ip udp tcp vxlan sll null ipv6.hopopts ipv6.routing ipv6.fraghdr ipv6.dstopts".split(" "),
);

/** tshark has a protocol of its own for service tags. */
const ALIASES: Readonly<Record<string, string>> = { ieee8021ad: "vlan" };

export class Comparison {
  /** Facts looked at, differences included. */
  compared = 0;
  readonly differences: Difference[] = [];
  /** Values of tshark's that were compared; those of layers that we do not have are in `skipped`. */
  consumed = 0;
  skipped = 0;
  /** How often each Wireshark name was compared. */
  readonly fields: Map<string, number> = new Map();
  readonly #layers = new Layers();
  #capture = "";
  #frame = 0;
  #protocol = "";
  #circumstances: Set<Circumstance> = new Set();

  compare(capture: string, frame: FixtureFrame, expected: ExpectedFrame): void {
    this.#capture = capture;
    this.#frame = frame.number;
    const { view, start, end } = frame;
    const layers = this.#layers;
    dissect(view, start, end, frame.linkType, layers);
    this.#circumstances = new Set();
    if (layers.isFragment) this.#circumstances.add("fragment");
    if (end - start < frame.wireLength) this.#circumstances.add("cut");
    const theirs: ExpectedLayer[] = [];
    const starts: number[] = [];
    for (const [index, layer] of expected.layers.entries()) {
      if (layer.protocol === "data" || layer.protocol.startsWith("_ws.")) continue;
      theirs.push(layer);
      starts.push(start + expected.starts[index]!);
    }
    let agreed = 0;
    while (
      agreed < layers.count &&
      agreed < theirs.length &&
      nameOf(layers.kind(agreed)) === tsharkName(theirs[agreed]!) &&
      layers.start(agreed) === starts[agreed]!
    ) {
      this.#layer(view, layers, agreed, theirs[agreed]!);
      agreed++;
    }
    this.#protocol = "frame";
    for (const layer of theirs.slice(agreed)) this.skipped += layer.values.size;
    const next = theirs[agreed];
    if (next !== undefined && tsharkName(next) === nameOf(layers.stopKind) && starts[agreed] === layers.payloadStart) {
      this.#circumstances.add("refused");
    }
    const place = (name: string, at: number) => `${name}@${at - start}`;
    this.#say(
      "layers",
      theirs
        .slice(agreed)
        .map((layer, index) => place(layer.protocol, starts[agreed + index]!))
        .join(" "),
      range(agreed, layers.count)
        .map((index) => place(nameOf(layers.kind(index)), layers.start(index)))
        .join(" "),
    );
    this.#stop(layers, expected);
    this.#payload(layers, start, expected);
  }

  /** tshark says that something is wrong exactly if the walk stopped. */
  #stop(layers: Layers, expected: ExpectedFrame): void {
    const complaint = expected.layers.find((layer) => layer.protocol.startsWith("_ws."));
    const ours = layers.status === Status.ok ? "" : `${layerName(layers.stopKind)} ${statusName(layers.status)}`;
    if ((complaint === undefined) !== (ours === "")) this.#say("stop", complaint?.protocol ?? "", ours);
    else this.#say("stop", "", "");
  }

  /** Bytes that tshark reads no further are a block too: they are our payload. */
  #payload(layers: Layers, start: number, expected: ExpectedFrame): void {
    const index = expected.layers.findLastIndex((layer) => layer.protocol === "data");
    if (index < 0 || index !== expected.layers.length - 1) return;
    const at = expected.starts[index]!;
    const ours = `[${layers.payloadStart - start}, ${layers.payloadEnd - start})`;
    this.#say("payload", `[${at}, ${at + expected.layers[index]!.size})`, ours);
  }

  #layer(view: DataView, layers: Layers, index: number, theirs: ExpectedLayer): void {
    const kind = layers.kind(index);
    const at = layers.start(index);
    const end = layers.end(index);
    this.#protocol = tsharkName(theirs);
    if (index === layers.quoteIndex) this.#circumstances.add("quoted");
    if (kind === LayerKind.ipv4 && hasSourceRoute(view, at)) this.#circumstances.add("sourceRoute");
    const protocol = protocolOf(kind)!;
    if (HEADER_SIZED.has(this.#protocol)) {
      this.#say("size", String(theirs.size), String(protocol.headerEnd(view, at, end) - at));
    }
    const seen = new Set<string>();
    const module = KINDS[kind as keyof typeof KINDS][1];
    for (const row of protocol.layoutAt(view, at, end)) {
      if (row.wireshark === "") continue;
      const field = row.wireshark.replace(/^[^.]+/, (prefix) => (prefix === this.#protocol ? theirs.protocol : prefix));
      seen.add(row.wireshark).add(field);
      this.#row(view, at, row, theirs.values.get(field)?.[0], module);
    }
    const { values } = listsOf(view, layers, index);
    for (const [field, ours] of values) {
      // A layout row's field again: the first value is the row's, the rest stand in lists.
      if (seen.has(field)) continue;
      seen.add(field);
      const texts = theirs.values.get(field) ?? [];
      this.#say(field, texts.map((text) => wiresharkValue(text, FORMS[field] ?? "decimal")).join(" "), ours.join(" "));
    }
    for (const [field, texts] of theirs.values) if (!seen.has(field)) this.#say(field, texts.join(" "), "");
    this.consumed += theirs.values.size;
  }

  /** The row's bits, the accessor and tshark's value, all three. */
  #row(view: DataView, at: number, row: Field, text: string | undefined, module: Module): void {
    const ours = rowValue(view, at, row);
    const theirs: Value = text === undefined ? "" : wiresharkValue(text, row.as);
    this.#say(row.wireshark, String(theirs), String(ours));
    const accessor = module[row.name];
    if (typeof accessor !== "function") return;
    const read: unknown = accessor(view, at);
    this.#say(row.wireshark, String(theirs), String(accessorValue(read, row)));
  }

  #say(field: string, tshark: string, ours: string): void {
    this.compared++;
    this.fields.set(field, (this.fields.get(field) ?? 0) + 1);
    if (tshark === ours) return;
    this.differences.push({
      capture: this.#capture,
      frame: this.#frame,
      protocol: this.#protocol,
      field,
      tshark,
      ours,
      circumstances: new Set(this.#circumstances),
    });
  }
}

function hasSourceRoute(view: DataView, at: number): boolean {
  const start = at + ipv4.HEADER_LENGTH;
  const end = ipv4.payloadStart(view, at);
  const { looseSourceRoute, strictSourceRoute } = ipv4Options.Ipv4OptionType;
  return [looseSourceRoute, strictSourceRoute].some((type) => ipv4Options.find(view, start, end, type) >= 0);
}

function nameOf(kind: LayerKind): string {
  return kind === LayerKind.data ? "data" : KINDS[kind][0];
}

function tsharkName(layer: ExpectedLayer): string {
  return ALIASES[layer.protocol] ?? layer.protocol;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}
