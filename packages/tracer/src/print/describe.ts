/**
 * A frame in words, as a person would say it: `192.168.77.11 > 192.168.77.12 VXLAN 4097 | 10.0.9.3 > 10.0.9.5 ICMP
 * echo request id 25 seq 0 ttl 64 DF, 84 bytes`. Tunnels come outermost first, then the innermost packet, then what an
 * ICMP error is about, then whatever is unusual or wrong.
 *
 * Not covered: anything that needs more than one frame (relative sequence numbers, streams, reassembly).
 */
import { LayerKind, type Layers } from "@hopscope/codec";
import { BROADCAST_MAC, formatIpv4, formatIpv6, formatMac } from "@hopscope/codec/address";
import * as arp from "@hopscope/codec/arp";
import { IpProtocol } from "@hopscope/codec/code-points";
import * as dns from "@hopscope/codec/dns";
import * as esp from "@hopscope/codec/esp";
import * as ethernet from "@hopscope/codec/ethernet";
import * as icmp from "@hopscope/codec/icmp";
import * as icmpv6 from "@hopscope/codec/icmpv6";
import * as igmp from "@hopscope/codec/igmp";
import * as ipv4 from "@hopscope/codec/ipv4";
import * as ipv4Options from "@hopscope/codec/ipv4-options";
import * as ipv6 from "@hopscope/codec/ipv6";
import * as extension from "@hopscope/codec/ipv6-extensions";
import * as linuxSll from "@hopscope/codec/linux-sll";
import * as linuxSll2 from "@hopscope/codec/linux-sll2";
import * as llc from "@hopscope/codec/llc";
import { etherTypeName, ipProtocolName, nextProtocolOf, titleOf } from "@hopscope/codec/protocols";
import * as sctp from "@hopscope/codec/sctp";
import * as tcp from "@hopscope/codec/tcp";
import * as tcpOptions from "@hopscope/codec/tcp-options";
import * as udp from "@hopscope/codec/udp";
import * as vlan from "@hopscope/codec/vlan";
import * as vxlan from "@hopscope/codec/vxlan";
import { linkTypeName } from "../link-type.ts";
import { notes } from "./notes.ts";
import type { PrintedFrame } from "./printed.ts";
import { PLAIN, type Style } from "./style.ts";

export interface DescribeOptions {
  /** Also the MAC addresses of frames that carry IP. */
  readonly macs: boolean;
  readonly style: Style;
}

export const DESCRIBE_OPTIONS: DescribeOptions = { macs: false, style: PLAIN };

/** One line; `layers` was filled from `packet`. */
export function describe(packet: PrintedFrame, layers: Layers, options: DescribeOptions = DESCRIBE_OPTIONS): string {
  const quote = layers.quoteIndex;
  let text = say(packet, layers, 0, quote < 0 ? layers.count : quote, options);
  if (quote >= 0) text += `, about ${say(packet, layers, quote, layers.count, DESCRIBE_OPTIONS)}`;
  return text + notes(packet, layers, options.style);
}

/** Layers `from` up to `to`: tunnels first, then the innermost packet. */
function say(packet: PrintedFrame, layers: Layers, from: number, to: number, options: DescribeOptions): string {
  const { style } = options;
  const view = packet.view;
  let text = "";
  let link = -1;
  let network = -1;
  let top = -1;
  for (let index = from; index < to; index++) {
    const at = layers.start(index);
    top = index;
    switch (layers.kind(index)) {
      case LayerKind.ethernet:
        link = index;
        if (options.macs) text += `${macs(view, at)} `;
        break;
      case LayerKind.linuxSll:
      case LayerKind.linuxSll2:
        text += `${style.dim(`[${cooked(view, at, layers.kind(index), options.macs)}]`)} `;
        break;
      case LayerKind.vlan:
        text += `${style.protocol("VLAN")} ${vlan.vid(view, at)} `;
        break;
      case LayerKind.ipv4:
      case LayerKind.ipv6:
        if (network >= 0) text += `${addresses(view, layers, network)} ${style.protocol("IP in IP")} | `;
        network = index;
        break;
      case LayerKind.vxlan:
        text += `${addresses(view, layers, network)} ${style.protocol("VXLAN")} ${vxlan.vni(view, at)}`;
        if (vxlan.hasGroupPolicy(view, at)) text += ` group ${vxlan.groupPolicyId(view, at)}`;
        text += " | ";
        link = -1;
        network = -1;
        top = -1;
        break;
      default:
        break;
    }
  }
  if (network >= 0) return text + sayPacket(packet, layers, network, top, style);
  // Inside VXLAN a frame that is not even Ethernet is bytes; outside, the link type has a name.
  if (top < 0 && text !== "") return `${text}${layers.payloadEnd - layers.payloadStart} bytes`;
  return text + sayFrame(packet, layers, link, top, options);
}

/** A frame that carries no IP that could be read. */
function sayFrame(packet: PrintedFrame, layers: Layers, link: number, top: number, options: DescribeOptions): string {
  const { style } = options;
  const view = packet.view;
  const kind = top < 0 ? LayerKind.data : layers.kind(top);
  if (kind === LayerKind.arp) return `${style.protocol("ARP")} ${arp.format(view, layers.start(top))}`;
  const from = link < 0 || options.macs ? "" : `${macs(view, layers.start(link))} `;
  const bytes = `${layers.payloadEnd - layers.payloadStart} bytes`;
  if (kind === LayerKind.llc) return `${from}${style.protocol("LLC")} ${llc.format(view, layers.start(top))}, ${bytes}`;
  if (top < 0) return `${from}${style.protocol(linkTypeName(packet.interface.linkType))}, ${bytes}`;
  const type = nextProtocolOf(view, layers, top);
  return `${from}${style.protocol(type < 0 ? titleOf(kind) : etherTypeName(type))}, ${bytes}`;
}

/** The innermost IP packet and what it carries, in layers up to `top`. */
function sayPacket(packet: PrintedFrame, layers: Layers, network: number, top: number, style: Style): string {
  const view = packet.view;
  const at = layers.start(network);
  const tail = layers.kind(network) === LayerKind.ipv4 ? ipv4Tail(view, at) : ipv6Tail(view, at, layers.end(network));
  const upper = layers.start(top);
  const end = promisedEnd(view, layers, network);
  switch (layers.kind(top)) {
    case LayerKind.tcp:
      return `${endpoints(view, layers, network, upper)} ${style.protocol("TCP")} ${sayTcp(view, upper, end, layers.quoteIndex >= 0 && top >= layers.quoteIndex)}${tail}`;
    case LayerKind.udp:
      return `${endpoints(view, layers, network, upper)} ${style.protocol("UDP")} data ${udp.payloadEnd(view, upper, end) - udp.payloadStart(view, upper)}${tail}`;
    case LayerKind.dns:
      return `${endpoints(view, layers, network, layers.start(top - 1))} ${style.protocol("DNS")} ${sayDns(view, upper, layers.end(top))},${tail}`;
    case LayerKind.icmp:
      return `${addresses(view, layers, network)} ${style.protocol("ICMP")} ${icmp.format(view, upper)}${tail}`;
    case LayerKind.icmpv6:
      return `${addresses(view, layers, network)} ${style.protocol("ICMPv6")} ${icmpv6.format(view, upper, layers.end(top))},${tail}`;
    case LayerKind.igmp:
      return `${addresses(view, layers, network)} ${style.protocol("IGMP")} ${igmp.format(view, upper, layers.end(top))}${tail}`;
    case LayerKind.sctp:
      return `${endpoints(view, layers, network, upper)} ${style.protocol("SCTP")} ${sctp.formatUpper(view, upper, layers.end(top))}${tail}`;
    case LayerKind.esp:
      return `${addresses(view, layers, network)} ${style.protocol("ESP")} ${esp.format(view, upper)}${tail}`;
    default:
      return `${sayUnread(view, layers, network, top, style)}${layers.isFragment ? "," : ""}${tail}`;
  }
}

/** A fragment, a protocol that nobody here reads, or one whose header was refused. */
function sayUnread(view: DataView, layers: Layers, network: number, top: number, style: Style): string {
  const protocol = nextProtocolOf(view, layers, top);
  const name = style.protocol(protocol < 0 ? "IP" : ipProtocolName(protocol));
  const data = promisedEnd(view, layers, network) - layers.payloadStart;
  const captured = layers.payloadEnd - layers.payloadStart;
  if (layers.isFragment) {
    return `${fragmentAddresses(view, layers, network, protocol)} ${name} ${style.notice(fragment(view, layers, network))}`;
  }
  // An ICMP error quotes eight bytes of a segment: no TCP header, but its ports and sequence number.
  if ((protocol === IpProtocol.tcp || protocol === IpProtocol.udp) && captured >= 4) {
    const at = layers.payloadStart;
    const sequence = protocol === IpProtocol.tcp && captured >= 8 ? ` seq ${tcp.sequence(view, at)}` : "";
    return `${endpoints(view, layers, network, at)} ${name}${sequence}`;
  }
  return `${addresses(view, layers, network)} ${name} data ${data}`;
}

/** Offset of the fragment's bytes in the whole payload. */
function fragmentOffset(view: DataView, layers: Layers, network: number): number {
  if (layers.kind(network) === LayerKind.ipv4) return ipv4.fragmentOffset(view, layers.start(network));
  return extension.fragmentOffset(view, layers.start(layers.find(LayerKind.fragment, network)));
}

/** The first fragment has the ports, which say what the whole is: VXLAN in fragments is a sign of a wrong MTU. */
function fragmentAddresses(view: DataView, layers: Layers, network: number, protocol: number): string {
  const hasPorts = protocol === IpProtocol.tcp || protocol === IpProtocol.udp;
  const isFirst = fragmentOffset(view, layers, network) === 0 && layers.payloadEnd - layers.payloadStart >= 4;
  return hasPorts && isFirst ? endpoints(view, layers, network, layers.payloadStart) : addresses(view, layers, network);
}

function fragment(view: DataView, layers: Layers, network: number): string {
  const isV4 = layers.kind(network) === LayerKind.ipv4;
  const at = layers.start(isV4 ? network : layers.find(LayerKind.fragment, network));
  const offset = fragmentOffset(view, layers, network);
  const last = offset + promisedEnd(view, layers, network) - layers.payloadStart - 1;
  const more = isV4 ? ipv4.moreFragments(view, at) : extension.moreFragments(view, at);
  const id = isV4 ? ipv4.identification(view, at) : extension.identification(view, at);
  return `fragment of id ${id}: bytes ${offset}-${last}, ${more ? "more follow" : "the last"}`;
}

const FLAGS: string[] = [];

/** `SYN ACK`, composed once for each of the 512 combinations. */
function flagsText(bits: number): string {
  return (FLAGS[bits] ??= tcp.formatFlags(bits));
}

/** Options are said where they decide something: on SYN what was offered, later only what is missing (SACK). */
function sayTcp(view: DataView, at: number, end: number, isQuoted: boolean): string {
  const bits = tcp.flags(view, at);
  const payload = tcp.payloadStart(view, at);
  let text = `${flagsText(bits)} seq ${tcp.sequence(view, at)}`;
  if ((bits & tcp.TcpFlag.ack) !== 0) text += ` ack ${tcp.acknowledgment(view, at)}`;
  if (isQuoted) return text;
  text += ` win ${tcp.window(view, at)}`;
  if ((bits & tcp.TcpFlag.urg) !== 0) text += ` urg ${tcp.urgentPointer(view, at)}`;
  if (end > payload) text += ` data ${end - payload}`;
  if (payload === at + tcp.HEADER_LENGTH) return text;
  return text + sayTcpOptions(view, tcp.optionsStart(view, at), payload, (bits & tcp.TcpFlag.syn) !== 0);
}

function sayTcpOptions(view: DataView, at: number, end: number, isSyn: boolean): string {
  const words: string[] = [];
  for (let from = at; from < end; ) {
    const kind = view.getUint8(from);
    const length = tcpOptions.optionLength(view, from, end);
    if (length === 0) words.push("malformed option");
    if (length === 0 || kind === tcpOptions.TcpOptionKind.end) break;
    // The values of timestamps say nothing without those before them; that they are used does.
    if (kind === tcpOptions.TcpOptionKind.timestamps) words.push(...(isSyn ? ["timestamps"] : []));
    else if (kind !== tcpOptions.TcpOptionKind.nop && (isSyn || kind === tcpOptions.TcpOptionKind.sack)) {
      words.push(tcpOptions.format(view, from, from + length));
    }
    from += length;
  }
  return words.length === 0 ? "" : ` (${words.join(", ")})`;
}

/** Longer ones are cut: a message may hold thousands of records. */
const MAX_DNS = 240;

/** An answer says its data; which name it is about stands in the question. */
function sayDns(view: DataView, at: number, end: number): string {
  let text = dns.format(view, at, end);
  if (dns.response(view, at) && dns.answerCount(view, at) > 0) {
    const name = dns.plain(view, at, end).questions[0]?.name;
    if (name !== undefined) text += ` for ${name}`;
  }
  return text.length > MAX_DNS ? `${text.slice(0, MAX_DNS)}…` : text;
}

/** Where the packet ends by its own length, which may be beyond what was captured or quoted. */
function promisedEnd(view: DataView, layers: Layers, network: number): number {
  const at = layers.start(network);
  const end = layers.end(network);
  if (layers.kind(network) === LayerKind.ipv4) return ipv4.payloadEnd(view, at, end);
  return ipv6.payloadEnd(view, at, end);
}

function ipv4Tail(view: DataView, at: number): string {
  const header = ipv4.headerLength(view, at);
  let text = ` ttl ${ipv4.ttl(view, at)}`;
  if (ipv4.tos(view, at) !== 0) text += ` tos 0x${ipv4.tos(view, at).toString(16)}`;
  if (ipv4.dontFragment(view, at)) text += " DF";
  if (header > ipv4.HEADER_LENGTH) {
    const options = ipv4Options.format(view, at + ipv4.HEADER_LENGTH, at + header);
    if (options !== "") text += ` (${options})`;
  }
  const total = ipv4.totalLength(view, at);
  return total === 0 ? text : `${text}, ${total} bytes`;
}

function ipv6Tail(view: DataView, at: number, end: number): string {
  const tos = ipv6.trafficClass(view, at);
  const length = ipv6.payloadLength(view, at);
  const total = length === 0 ? end - at : ipv6.HEADER_LENGTH + length;
  return ` hop limit ${ipv6.hopLimit(view, at)}${tos === 0 ? "" : ` tos 0x${tos.toString(16)}`}, ${total} bytes`;
}

/** `10.0.9.3 > 10.0.9.5` */
function addresses(view: DataView, layers: Layers, network: number): string {
  const at = layers.start(network);
  if (layers.kind(network) === LayerKind.ipv4) {
    return `${formatIpv4(ipv4.srcIp(view, at))} > ${formatIpv4(ipv4.dstIp(view, at))}`;
  }
  return `${formatIpv6(ipv6.srcIp(view, at))} > ${formatIpv6(ipv6.dstIp(view, at))}`;
}

/** `10.0.9.3:51128 > 10.0.9.5:80`. UDP and TCP have their ports in the same four bytes, at `portsAt`. */
function endpoints(view: DataView, layers: Layers, network: number, portsAt: number): string {
  const at = layers.start(network);
  const src = view.getUint16(portsAt);
  const dst = view.getUint16(portsAt + 2);
  if (layers.kind(network) === LayerKind.ipv4) {
    return `${formatIpv4(ipv4.srcIp(view, at))}:${src} > ${formatIpv4(ipv4.dstIp(view, at))}:${dst}`;
  }
  return `[${formatIpv6(ipv6.srcIp(view, at))}]:${src} > [${formatIpv6(ipv6.dstIp(view, at))}]:${dst}`;
}

/** What a capture on all interfaces says in place of a link layer: `interface 2 in`. */
function cooked(view: DataView, at: number, kind: LayerKind, isMacShown: boolean): string {
  if (kind === LayerKind.linuxSll) {
    const length = isMacShown ? linuxSll.addressLength(view, at) : 0;
    return linuxSll.formatCooked(linuxSll.packetType(view, at), length, linuxSll.srcMac(view, at));
  }
  const length = isMacShown ? linuxSll2.addressLength(view, at) : 0;
  const words = linuxSll.formatCooked(linuxSll2.packetType(view, at), length, linuxSll2.srcMac(view, at));
  return `interface ${linuxSll2.interfaceIndex(view, at)} ${words}`;
}

/** `02:42:0a:00:09:03 > broadcast` */
function macs(view: DataView, at: number): string {
  const destination = ethernet.dstMac(view, at);
  return `${formatMac(ethernet.srcMac(view, at))} > ${destination === BROADCAST_MAC ? "broadcast" : formatMac(destination)}`;
}
