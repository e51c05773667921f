/**
 * A frame as a line, without what no simulation can foresee: times, identifications, ephemeral ports, random MAC
 * addresses, sequence numbers, the order of addresses in a DNS answer, IVs. ESP is opened if there are keys, and its SPI
 * and sequence number count.
 */
import { dissect, LayerKind, Layers } from "@hopscope/codec";
import { formatIpv4, formatMac, isGroupMac } from "@hopscope/codec/address";
import * as arp from "@hopscope/codec/arp";
import * as dns from "@hopscope/codec/dns";
import * as esp from "@hopscope/codec/esp";
import * as ethernet from "@hopscope/codec/ethernet";
import * as icmp from "@hopscope/codec/icmp";
import * as ipv4 from "@hopscope/codec/ipv4";
import * as tcp from "@hopscope/codec/tcp";
import * as tcpOptions from "@hopscope/codec/tcp-options";
import * as udp from "@hopscope/codec/udp";
import * as vxlan from "@hopscope/codec/vxlan";
import { type EspKeys, opened } from "./esp.ts";

const TCP_MSS = 2;
/** The embedded DNS server, which listens on any port: 127.0.0.11. */
const RESOLVER = 0x7f00000b;
/** First half of the nodes' own MAC addresses. */
const NODES: ReadonlySet<number> = new Set([0x525400, 0x020000]);
const FIRST_EPHEMERAL = 32_768;

/** Addresses whose endpoint MAC, 02:42 and the address, is not random. */
export function ipv4AddressesIn(frames: readonly Uint8Array[]): Set<number> {
  const found = new Set<number>();
  const layers = new Layers();
  for (const bytes of frames) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    dissect(view, 0, bytes.length, 1, layers);
    for (let index = 0; index < layers.count; index++) {
      const at = layers.start(index);
      if (layers.kind(index) === LayerKind.ipv4) found.add(ipv4.srcIp(view, at)).add(ipv4.dstIp(view, at));
      if (layers.kind(index) === LayerKind.arp) found.add(arp.senderIp(view, at)).add(arp.targetIp(view, at));
    }
  }
  return found;
}

export function lineOf(bytes: Uint8Array, addresses: ReadonlySet<number>, keys: EspKeys = new Map()): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const layers = new Layers();
  dissect(view, 0, bytes.length, 1, layers);
  const random = new Map<number, string>();
  const mac = (address: number): string => {
    const isNode = NODES.has(Math.floor(address / 0x1000000));
    const isEndpoint = Math.floor(address / 0x100000000) === 0x0242 && addresses.has(address | 0);
    if (address === 0 || isGroupMac(address) || isNode || isEndpoint) return formatMac(address);
    if (!random.has(address)) random.set(address, `random ${random.size + 1}`);
    return random.get(address)!;
  };
  const parts: string[] = [];
  for (let index = 0; index < layers.count; index++) {
    const kind = layers.kind(index);
    if (kind === LayerKind.dns) continue;
    if (kind === LayerKind.esp) {
      const at = layers.start(index);
      const inside = opened(bytes, layers.start(index - 1), at, layers.end(index), keys);
      const text = inside === undefined ? "sealed" : lineOf(inside, addresses).split(" | ").slice(2).join(" | ");
      return [...parts, `ESP ${esp.format(view, at)}`, text].join(" | ");
    }
    parts.push(partOf(view, kind, layers.start(index), layers.end(index), mac));
  }
  const names = namesIn(view, layers);
  return names === undefined
    ? `${parts.join(" | ")} | payload ${layers.payloadEnd - layers.payloadStart}`
    : `${parts.join(" | ")} | ${names}`;
}

/** A layer without what differs from run to run. */
function partOf(view: DataView, kind: LayerKind, at: number, end: number, mac: (address: number) => string): string {
  switch (kind) {
    case LayerKind.ethernet:
      return `${mac(ethernet.srcMac(view, at))} > ${mac(ethernet.dstMac(view, at))} ${ethernet.etherType(view, at).toString(16)}`;
    case LayerKind.arp: {
      const sender = `${formatIpv4(arp.senderIp(view, at))} ${mac(arp.senderMac(view, at))}`;
      const target = `${formatIpv4(arp.targetIp(view, at))} ${mac(arp.targetMac(view, at))}`;
      return `ARP ${arp.operation(view, at)} ${sender} to ${target}`;
    }
    case LayerKind.ipv4: {
      const flags = ipv4.flagsAndFragmentOffset(view, at).toString(16);
      const addresses = `${formatIpv4(ipv4.srcIp(view, at))} > ${formatIpv4(ipv4.dstIp(view, at))}`;
      const options = hex(view, at + ipv4.HEADER_LENGTH, at + ipv4.headerLength(view, at));
      return `IPv4 ${addresses} ttl ${ipv4.ttl(view, at)} tos ${ipv4.tos(view, at)} flags ${flags} length ${ipv4.totalLength(view, at)} protocol ${ipv4.protocol(view, at)}${options}`;
    }
    case LayerKind.icmp:
      return `ICMP ${icmp.type(view, at)}/${icmp.code(view, at)} ${icmp.isError(view, at) ? `mtu ${icmp.nextHopMtu(view, at)}` : `sequence ${icmp.sequence(view, at)}`}`;
    case LayerKind.udp:
      return `UDP ${portOf(udp.srcPort(view, at))} > ${portOf(udp.dstPort(view, at))} length ${udp.length(view, at)}`;
    case LayerKind.tcp: {
      const ports = `${portOf(tcp.srcPort(view, at))} > ${portOf(tcp.dstPort(view, at))}`;
      const from = tcp.optionsStart(view, at);
      const mss = tcpOptions.find(view, from, tcp.payloadStart(view, at), TCP_MSS);
      return `TCP ${ports} flags ${tcp.flags(view, at).toString(16)} options ${tcp.payloadStart(view, at) - from}${mss < 0 ? "" : ` mss ${tcpOptions.mss(view, mss)}`}`;
    }
    case LayerKind.vxlan:
      return `VXLAN ${vxlan.flags(view, at)} vni ${vxlan.vni(view, at)}`;
    default:
      return `layer ${kind} ${end - at}`;
  }
}

/** What a DNS message asks and answers, if the innermost packet is one. */
function namesIn(view: DataView, layers: Layers): string | undefined {
  const ip = layers.findLast(LayerKind.ipv4);
  const transport = layers.findLast(LayerKind.udp);
  if (ip < 0 || transport < 0 || layers.quoteIndex >= 0 || layers.isFragment) return undefined;
  const ends = [ipv4.srcIp(view, layers.start(ip)), ipv4.dstIp(view, layers.start(ip))];
  const ports = [udp.srcPort(view, layers.start(transport)), udp.dstPort(view, layers.start(transport))];
  if (!ends.includes(RESOLVER) && !ports.includes(53)) return undefined;
  const at = udp.payloadStart(view, layers.start(transport));
  const end = layers.end(transport);
  if (end - at < dns.HEADER_LENGTH) return undefined;
  const message = dns.plain(view, at, end);
  const questions = message.questions.map(({ name, type }) => `${name.toLowerCase()} type ${type}`);
  const answers = message.answers.map((record) =>
    record.record === "a" ? `${formatIpv4(record.address)} ttl ${record.ttl}` : record.record,
  );
  return `DNS ${message.response ? "answer" : "question"} rcode ${message.rcode} ${questions.join(", ")} = ${answers.toSorted().join(", ")}`;
}

function hex(view: DataView, from: number, to: number): string {
  let text = "";
  for (let at = from; at < to; at++) text += ` ${view.getUint8(at).toString(16)}`;
  return text;
}

/** Ports of the ephemeral range are chance. */
function portOf(port: number): string {
  return port >= FIRST_EPHEMERAL && port !== 65_535 ? "ephemeral" : String(port);
}
