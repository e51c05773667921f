/**
 * What there is to know about each kind of layer beside its bytes: name, title, fields, plain value, words. For the
 * edge (printers, viewers, comparisons), where a table is handier than a `switch`; nothing here is for a hot path.
 */
import * as arp from "./arp.ts";
import { bytesAt } from "./bytes.ts";
import { EtherType, IpProtocol, MIN_ETHERTYPE } from "./code-points.ts";
import * as dns from "./dns.ts";
import { formatString } from "./dns-name.ts";
import { typeName as dnsTypeName } from "./dns-record.ts";
import * as esp from "./esp.ts";
import * as ethernet from "./ethernet.ts";
import type { Field } from "./field.ts";
import * as icmp from "./icmp.ts";
import * as icmpv6 from "./icmpv6.ts";
import * as igmp from "./igmp.ts";
import * as ipv4 from "./ipv4.ts";
import * as ipv4Options from "./ipv4-options.ts";
import * as ipv6 from "./ipv6.ts";
import * as extension from "./ipv6-extensions.ts";
import { LayerKind, type LayerName, layerName, type Layers } from "./layers.ts";
import * as linuxSll from "./linux-sll.ts";
import * as linuxSll2 from "./linux-sll2.ts";
import * as llc from "./llc.ts";
import * as nullLoopback from "./null.ts";
import { type DecodeError, decodeError, type Result } from "./result.ts";
import * as sctp from "./sctp.ts";
import * as sctpChunk from "./sctp-chunk.ts";
import { Status } from "./status.ts";
import * as tcp from "./tcp.ts";
import * as tcpOptions from "./tcp-options.ts";
import * as udp from "./udp.ts";
import * as vlan from "./vlan.ts";
import * as vxlan from "./vxlan.ts";

export { dnsTypeName, formatString as formatDnsString };

/** How the options at the end of a header are walked. */
export interface OptionList {
  /** What one is called. Default: option. */
  readonly item?: string;
  readonly start: (view: DataView, at: number) => number;
  /** Bytes of the option at `at`; 0 if it is malformed. */
  readonly length: (view: DataView, at: number, end: number) => number;
  readonly format: (view: DataView, at: number, end: number) => string;
}

export interface Protocol {
  /** Stable: `"ipv4"`. */
  readonly name: LayerName;
  /** As people write it: `"IPv4"`. */
  readonly title: string;
  /** Fields that every header of this kind has; {@link Protocol.layoutAt} adds those of its type. */
  readonly layout: readonly Field[];
  /** Fields of the header at `at`, which passed its check. */
  readonly layoutAt: (view: DataView, at: number, end: number) => readonly Field[];
  /** Where the header at `at` ends, options included. */
  readonly headerEnd: (view: DataView, at: number, end: number) => number;
  /** Plain value of the header at `at`, options read where they are well-formed, raw bytes where they are not. */
  readonly plain: (view: DataView, at: number, end: number) => object;
  /** The protocol's own part of a line, as a person would say it. */
  readonly format: (view: DataView, at: number, end: number) => string;
  /** Set if the header ends with a list of options. */
  readonly options?: OptionList;
  readonly decode: (bytes: Uint8Array) => Result<unknown>;
}

const PROTOCOLS: Readonly<Record<Exclude<LayerName, "data">, Protocol>> = {
  ethernet: protocol("ethernet", "Ethernet", ethernet),
  llc: {
    ...protocol("llc", "LLC", llc),
    layoutAt: (view, at) => (llc.isSnap(view, at) ? [...llc.layout, ...llc.snapLayout] : llc.layout),
  },
  vlan: protocol("vlan", "VLAN", vlan),
  arp: protocol("arp", "ARP", arp),
  ipv4: {
    ...protocol("ipv4", "IPv4", ipv4),
    plain: (view, at) => ({ ...ipv4.plain(view, at), ...ipv4OptionsOf(view, at) }),
    options: {
      start: (_view, at) => at + ipv4.HEADER_LENGTH,
      length: ipv4Options.optionLength,
      format: ipv4Options.format,
    },
  },
  ipv6: protocol("ipv6", "IPv6", ipv6),
  icmp: { ...protocol("icmp", "ICMP", icmp), layoutAt: (view, at) => icmp.layoutOf(icmp.type(view, at)) },
  icmpv6: { ...protocol("icmpv6", "ICMPv6", icmpv6), layoutAt: (view, at) => icmpv6.layoutOf(icmpv6.type(view, at)) },
  igmp: { ...protocol("igmp", "IGMP", igmp), layoutAt: igmpLayout, headerEnd: toEnd },
  udp: protocol("udp", "UDP", udp),
  tcp: {
    ...protocol("tcp", "TCP", tcp),
    plain: (view, at) => ({ ...tcp.plain(view, at), ...tcpOptionsOf(view, at) }),
    options: { start: tcp.optionsStart, length: tcpOptions.optionLength, format: tcpOptions.format },
  },
  sctp: {
    ...protocol("sctp", "SCTP", sctp),
    headerEnd: toEnd,
    options: {
      item: "chunk",
      start: (_view, at) => sctp.chunksStart(at),
      length: sctpChunk.chunkLength,
      format: sctpChunk.format,
    },
  },
  vxlan: protocol("vxlan", "VXLAN", vxlan),
  dns: { ...protocol("dns", "DNS", dns), headerEnd: toEnd },
  esp: protocol("esp", "ESP", esp),
  hopByHop: optionsHeader("hopByHop", "IPv6 hop-by-hop options", extension.hopByHopLayout),
  routing: {
    name: "routing",
    title: "IPv6 routing",
    layout: extension.routingLayout,
    layoutAt: () => extension.routingLayout,
    headerEnd: extension.payloadStart,
    plain: extension.plainRouting,
    format: extension.formatRouting,
    decode: extension.decodeRouting,
  },
  fragment: {
    name: "fragment",
    title: "IPv6 fragment",
    layout: extension.fragmentLayout,
    layoutAt: () => extension.fragmentLayout,
    headerEnd: (_view, at) => at + extension.FRAGMENT_HEADER_LENGTH,
    plain: extension.plainFragment,
    format: extension.formatFragment,
    decode: extension.decodeFragment,
  },
  destinationOptions: optionsHeader(
    "destinationOptions",
    "IPv6 destination options",
    extension.destinationOptionsLayout,
  ),
  linuxSll: protocol("linuxSll", "Linux cooked", linuxSll),
  linuxSll2: protocol("linuxSll2", "Linux cooked v2", linuxSll2),
  null: protocol("null", "BSD loopback", nullLoopback),
};

/** What all protocol modules have under the same names. */
interface Module {
  readonly layout: readonly Field[];
  readonly payloadStart: (view: DataView, at: number, end: number) => number;
  readonly plain: (view: DataView, at: number, end: number) => object;
  readonly format: (view: DataView, at: number, end: number) => string;
  readonly decode: (bytes: Uint8Array) => Result<unknown>;
}

function protocol(name: LayerName, title: string, module: Module): Protocol {
  return {
    name,
    title,
    layout: module.layout,
    layoutAt: () => module.layout,
    headerEnd: module.payloadStart,
    plain: module.plain,
    format: module.format,
    decode: module.decode,
  };
}

function igmpLayout(view: DataView, at: number, end: number): readonly Field[] {
  if (igmp.type(view, at) === igmp.IgmpType.reportV3) return igmp.reportV3Layout;
  const isQueryV3 = igmp.type(view, at) === igmp.IgmpType.query && igmp.version(view, at, end) === 3;
  return isQueryV3 ? [...igmp.layout, ...igmp.queryV3Layout] : igmp.layout;
}

/** A message that is one whole: nothing follows its header. */
function toEnd(_view: DataView, _at: number, end: number): number {
  return end;
}

function optionsHeader(name: LayerName, title: string, layout: readonly Field[]): Protocol {
  return {
    name,
    title,
    layout,
    layoutAt: () => layout,
    headerEnd: extension.payloadStart,
    plain: (view, at) =>
      extension.checkOptions(view, at) === Status.ok
        ? extension.plainOptions(view, at)
        : {
            nextHeader: extension.nextHeader(view, at),
            headerExtensionLength: extension.headerExtensionLength(view, at),
            options: bytesAt(view, at + 2, extension.payloadStart(view, at)),
          },
    format: extension.formatOptions,
    decode: extension.decodeOptions,
  };
}

function ipv4OptionsOf(view: DataView, at: number): object {
  const start = at + ipv4.HEADER_LENGTH;
  const end = ipv4.payloadStart(view, at);
  return ipv4Options.check(view, start, end) === Status.ok ? { options: ipv4Options.plain(view, start, end) } : {};
}

function tcpOptionsOf(view: DataView, at: number): object {
  const start = tcp.optionsStart(view, at);
  const end = tcp.payloadStart(view, at);
  return tcpOptions.check(view, start, end) === Status.ok ? { options: tcpOptions.plain(view, start, end) } : {};
}

/** The row of a kind of layer; `data` has none. */
export function protocolOf(kind: LayerKind): Protocol | undefined {
  const name = layerName(kind);
  return name === "data" ? undefined : PROTOCOLS[name];
}

/** `"IPv4"`; `"data"` for bytes that nobody reads. */
export function titleOf(kind: LayerKind): string {
  return protocolOf(kind)?.title ?? "data";
}

/**
 * Why the walk over a frame that starts at `start` ended early, with offsets from there; undefined if it did not.
 */
export function errorOf(view: DataView, start: number, layers: Layers): DecodeError | undefined {
  if (layers.status === Status.ok) return undefined;
  const isCut = layers.cutIndex >= 0;
  const at = isCut ? layers.start(layers.cutIndex) : layers.payloadStart;
  const end = isCut ? layers.end(layers.cutIndex) : layers.payloadEnd;
  const decoded = protocolOf(layers.stopKind)?.decode(bytesAt(view, at, end));
  const available = end - at;
  const required = decoded === undefined || decoded.ok ? available : decoded.error.required;
  return decodeError(layers.status, layerName(layers.stopKind), at - start, required, available, layers.stopLimit);
}

/**
 * The number by which layer `index` says what follows it: an EtherType (or a length below 1536) in link layers, an IP
 * protocol in network layers; -1 where the layer has none.
 */
export function nextProtocolOf(view: DataView, layers: Layers, index: number): number {
  const at = layers.start(index);
  switch (layers.kind(index)) {
    case LayerKind.ethernet:
      return ethernet.etherType(view, at);
    case LayerKind.vlan:
      return vlan.etherType(view, at);
    case LayerKind.llc:
      return llc.etherType(view, at);
    case LayerKind.linuxSll:
      return linuxSll.etherType(view, at);
    case LayerKind.linuxSll2:
      return linuxSll2.etherType(view, at);
    case LayerKind.ipv4:
      return ipv4.protocol(view, at);
    case LayerKind.ipv6:
      return ipv6.nextHeader(view, at);
    case LayerKind.hopByHop:
    case LayerKind.routing:
    case LayerKind.fragment:
    case LayerKind.destinationOptions:
      return extension.nextHeader(view, at);
    default:
      return -1;
  }
}

/** Sources: IANA and IEEE registries. */
const ETHERTYPE_NAMES: ReadonlyMap<number, string> = new Map([
  [EtherType.ipv4, "IPv4"],
  [EtherType.arp, "ARP"],
  [0x8035, "RARP"],
  [EtherType.vlan, "802.1Q"],
  [EtherType.ipv6, "IPv6"],
  [0x8809, "slow protocols"],
  [0x8847, "MPLS"],
  [0x8848, "MPLS multicast"],
  [0x8863, "PPPoE discovery"],
  [0x8864, "PPPoE"],
  [0x888e, "802.1X"],
  [EtherType.serviceVlan, "802.1ad"],
  [0x88cc, "LLDP"],
  [0x88e5, "MACsec"],
  [0x88f7, "PTP"],
  [0x894f, "NSH"],
]);

/** `IPv4`; `LLC` below 1536, where the number is a length; `EtherType 0x1234` for a number without a name here. */
export function etherTypeName(type: number): string {
  if (type < MIN_ETHERTYPE) return "LLC";
  return ETHERTYPE_NAMES.get(type) ?? `EtherType 0x${type.toString(16).padStart(4, "0")}`;
}

const IP_PROTOCOL_NAMES: ReadonlyMap<number, string> = new Map([
  [IpProtocol.hopByHop, "hop-by-hop options"],
  [IpProtocol.icmp, "ICMP"],
  [IpProtocol.igmp, "IGMP"],
  [IpProtocol.ipv4, "IPv4"],
  [IpProtocol.tcp, "TCP"],
  [IpProtocol.udp, "UDP"],
  [33, "DCCP"],
  [IpProtocol.ipv6, "IPv6"],
  [IpProtocol.routing, "routing"],
  [IpProtocol.fragment, "fragment"],
  [46, "RSVP"],
  [47, "GRE"],
  [IpProtocol.esp, "ESP"],
  [IpProtocol.ah, "AH"],
  [IpProtocol.icmpv6, "ICMPv6"],
  [IpProtocol.noNextHeader, "no next header"],
  [IpProtocol.destinationOptions, "destination options"],
  [88, "EIGRP"],
  [89, "OSPF"],
  [103, "PIM"],
  [108, "IPComp"],
  [112, "VRRP"],
  [115, "L2TP"],
  [IpProtocol.sctp, "SCTP"],
  [IpProtocol.mobility, "mobility"],
  [136, "UDP-Lite"],
]);

/** `UDP`; `protocol 200` for a number without a name here. */
export function ipProtocolName(number: number): string {
  return IP_PROTOCOL_NAMES.get(number) ?? `protocol ${number}`;
}
