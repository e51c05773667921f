/**
 * What lies behind the fixed fields, by Wireshark's names: options, records, names, checksum states, payload lengths.
 * The layout tables do not reach it, so it is taken from the plain values.
 */
import { formatIpv4, formatIpv6, formatMac } from "../../src/address.ts";
import { ChecksumStatus } from "../../src/checksum.ts";
import { MIN_ETHERTYPE, Port } from "../../src/code-points.ts";
import * as dns from "../../src/dns.ts";
import type { DnsRecord } from "../../src/dns-record.ts";
import { type Field, type FieldForm, readField } from "../../src/field.ts";
import * as icmpv6 from "../../src/icmpv6.ts";
import * as mld from "../../src/icmpv6-mld.ts";
import * as nd from "../../src/icmpv6-nd.ts";
import * as ethernet from "../../src/ethernet.ts";
import * as icmp from "../../src/icmp.ts";
import * as icmpExtension from "../../src/icmp-extension.ts";
import * as igmp from "../../src/igmp.ts";
import * as ipv4 from "../../src/ipv4.ts";
import * as ipv4Options from "../../src/ipv4-options.ts";
import * as extension from "../../src/ipv6-extensions.ts";
import { LayerKind, type Layers } from "../../src/layers.ts";
import * as linuxSll from "../../src/linux-sll.ts";
import * as linuxSll2 from "../../src/linux-sll2.ts";
import * as llc from "../../src/llc.ts";
import * as sctp from "../../src/sctp.ts";
import * as sctpChunk from "../../src/sctp-chunk.ts";
import { Status } from "../../src/status.ts";
import * as tcp from "../../src/tcp.ts";
import * as tcpOptions from "../../src/tcp-options.ts";
import * as udp from "../../src/udp.ts";
import { checksumOf } from "../../src/verify.ts";
import * as vxlan from "../../src/vxlan.ts";
import type { Value } from "./wireshark-value.ts";

/** How tshark writes these fields, where it is not a number. */
export const FORMS: Readonly<Record<string, FieldForm | "text">> = {
  "ip.rec_rt": "ipv4",
  "igmp.saddr": "ipv4",
  "icmpv6.opt.linkaddr": "mac",
  "icmpv6.mldr.mar.multicast_address": "ipv6",
  "dns.qry.name": "text",
  "dns.resp.name": "text",
  "dns.a": "ipv4",
  "dns.aaaa": "ipv6",
  "dns.cname": "text",
  "dns.ns": "text",
  "dns.ptr.domain_name": "text",
  "dns.mx.mail_exchange": "text",
  "dns.soa.mname": "text",
  "dns.soa.rname": "text",
  "dns.srv.service": "text",
  "dns.srv.proto": "text",
  "dns.srv.name": "text",
  "dns.srv.target": "text",
  "dns.txt": "text",
};

/** Values by Wireshark name, in the order in which they stand in the frame. */
export class Lists {
  readonly values: Map<string, Value[]> = new Map();

  add(field: string, value: Value): void {
    const list = this.values.get(field);
    if (list === undefined) this.values.set(field, [value]);
    else list.push(value);
  }
}

export function listsOf(view: DataView, layers: Layers, index: number): Lists {
  const lists = new Lists();
  const at = layers.start(index);
  const end = layers.end(index);
  const checksum = checksumOf(view, layers, index);
  switch (layers.kind(index)) {
    case LayerKind.ethernet:
      if (ethernet.etherType(view, at) < MIN_ETHERTYPE) lists.add("eth.len", ethernet.etherType(view, at));
      break;
    case LayerKind.llc:
      addLlc(lists, view, at);
      break;
    case LayerKind.linuxSll:
      addCookedProtocol(lists, linuxSll.protocol(view, at));
      break;
    case LayerKind.linuxSll2:
      addCookedProtocol(lists, linuxSll2.protocol(view, at));
      break;
    case LayerKind.vxlan:
      addVxlan(lists, view, layers, index);
      break;
    case LayerKind.ipv4:
      lists.add("ip.hdr_len", ipv4.headerLength(view, at));
      addChecksum(lists, "ip", checksum);
      addIpv4Options(lists, view, at);
      break;
    case LayerKind.udp:
      addChecksum(lists, "udp", checksum);
      break;
    case LayerKind.tcp:
      lists.add("tcp.seq", tcp.sequence(view, at));
      lists.add("tcp.ack", tcp.acknowledgment(view, at));
      lists.add("tcp.hdr_len", tcp.headerLength(view, at));
      lists.add("tcp.len", end - tcp.payloadStart(view, at));
      addChecksum(lists, "tcp", checksum);
      addTcpOptions(lists, view, at);
      break;
    case LayerKind.icmp:
      addChecksum(lists, "icmp", checksum);
      addIcmpExtension(lists, view, at, layers.end(index - 1));
      break;
    case LayerKind.icmpv6:
      addChecksum(lists, "icmpv6", checksum);
      addIcmpv6(lists, view, at, end);
      break;
    case LayerKind.igmp:
      addChecksum(lists, "igmp", checksum);
      addIgmp(lists, view, at, end);
      break;
    case LayerKind.sctp:
      addChecksum(lists, "sctp", checksum);
      addSctpChunks(lists, view, sctp.chunksStart(at), end);
      break;
    case LayerKind.hopByHop:
    case LayerKind.destinationOptions:
      addIpv6Options(lists, view, at);
      break;
    case LayerKind.dns:
      addDns(lists, view, at, end);
      break;
    default:
  }
  return lists;
}

/** tshark reads two control bytes as one little-endian number. */
function addLlc(lists: Lists, view: DataView, at: number): void {
  const low = llc.control(view, at);
  lists.add("llc.control", llc.isUnnumbered(view, at) ? low : low | (llc.controlHigh(view, at) << 8));
  if (llc.isSnap(view, at) && llc.oui(view, at) !== 0) lists.add("llc.pid", llc.protocolId(view, at));
}

function addCookedProtocol(lists: Lists, protocol: number): void {
  if (protocol < MIN_ETHERTYPE) lists.add("sll.ltype", protocol);
}

/** On GPE's port tshark reads one byte of flags, elsewhere two. */
function addVxlan(lists: Lists, view: DataView, layers: Layers, index: number): void {
  const at = layers.start(index);
  if (udp.dstPort(view, layers.start(index - 1)) === Port.vxlanGpe) {
    lists.add("vxlan.flags", vxlan.flags(view, at));
    lists.add("vxlan.next_proto", vxlan.nextProtocol(view, at));
  } else lists.add("vxlan.flags", (vxlan.flags(view, at) << 8) | vxlan.reserved1(view, at));
}

function addIcmpExtension(lists: Lists, view: DataView, at: number, end: number): void {
  const start = icmp.extensionStart(view, at, end);
  if (start < 0 || icmpExtension.check(view, start, end) !== Status.ok) return;
  lists.add("icmp.ext.version", icmpExtension.version(view, start));
  lists.add("icmp.ext.checksum", icmpExtension.checksum(view, start));
  for (let from = icmpExtension.payloadStart(view, start); from < end; from += icmpExtension.objectLength(view, from)) {
    lists.add("icmp.ext.length", icmpExtension.objectLength(view, from));
    lists.add("icmp.ext.class", icmpExtension.objectClass(view, from));
    lists.add("icmp.ext.ctype", icmpExtension.objectType(view, from));
  }
}

/** tshark's numbers: 0 bad, 1 good, 2 unverified, 3 not present. It has none for checksums left to the network card. */
const WIRESHARK_STATES: Readonly<Record<ChecksumStatus, Value>> = {
  [ChecksumStatus.invalid]: 0,
  [ChecksumStatus.valid]: 1,
  [ChecksumStatus.notVerified]: 2,
  [ChecksumStatus.absent]: 3,
  [ChecksumStatus.partial]: "partial",
};

function addChecksum(lists: Lists, protocol: string, status: ChecksumStatus | undefined): void {
  lists.add(`${protocol}.checksum.status`, status === undefined ? "none" : WIRESHARK_STATES[status]);
}

const IPV4_OPTION_TYPES = {
  end: 0,
  nop: 1,
  recordRoute: 7,
  timestamp: 68,
  looseSourceRoute: 131,
  strictSourceRoute: 137,
  routerAlert: 148,
} as const;

function addIpv4Options(lists: Lists, view: DataView, at: number): void {
  const start = at + ipv4.HEADER_LENGTH;
  const end = ipv4.payloadStart(view, at);
  if (ipv4Options.check(view, start, end) !== Status.ok) return;
  for (const option of ipv4Options.plain(view, start, end)) {
    lists.add("ip.opt.type", option.option === "raw" ? option.type : IPV4_OPTION_TYPES[option.option]);
    if (option.option === "routerAlert") lists.add("ip.opt.ra", option.value);
  }
}

const TCP_OPTION_KINDS = { end: 0, nop: 1, mss: 2, windowScale: 3, sackPermitted: 4, sack: 5, timestamps: 8 } as const;

function addTcpOptions(lists: Lists, view: DataView, at: number): void {
  const start = tcp.optionsStart(view, at);
  const end = tcp.payloadStart(view, at);
  if (tcpOptions.check(view, start, end) !== Status.ok) return;
  for (const option of tcpOptions.plain(view, start, end)) {
    lists.add("tcp.option_kind", option.option === "raw" ? option.kind : TCP_OPTION_KINDS[option.option]);
    if (option.option === "mss") lists.add("tcp.options.mss_val", option.mss);
    else if (option.option === "windowScale") lists.add("tcp.options.wscale.shift", option.shift);
    else if (option.option === "timestamps") {
      lists.add("tcp.options.timestamp.tsval", option.value);
      lists.add("tcp.options.timestamp.tsecr", option.echo);
    } else if (option.option === "sack") {
      for (const block of option.blocks) {
        lists.add("tcp.options.sack_le", block.left);
        lists.add("tcp.options.sack_re", block.right);
      }
    }
  }
}

const ND_OPTION_TYPES = {
  sourceLinkLayerAddress: 1,
  targetLinkLayerAddress: 2,
  prefixInformation: 3,
  redirectedHeader: 4,
  mtu: 5,
} as const;

function addIcmpv6(lists: Lists, view: DataView, at: number, end: number): void {
  const type = icmpv6.type(view, at);
  if (nd.isNd(type)) {
    for (const option of nd.plain(view, at, end).options) {
      lists.add("icmpv6.opt.type", option.option === "raw" ? option.type : ND_OPTION_TYPES[option.option]);
      if ("mac" in option) lists.add("icmpv6.opt.linkaddr", formatMac(option.mac));
    }
  } else if (mld.isMld(type)) {
    const message = mld.plain(view, at, end);
    // RFC 3810 §5.1.3: the same two bytes, read as a code.
    if (message.message === "listenerQueryV2") lists.add("icmpv6.mld.maximum_response_code", message.maximumResponse);
    if (message.message !== "listenerReportV2") return;
    for (const { recordType, group } of message.records) {
      lists.add("icmpv6.mldr.mar.record_type", recordType);
      lists.add("icmpv6.mldr.mar.multicast_address", formatIpv6(group));
    }
  }
}

function addIgmp(lists: Lists, view: DataView, at: number, end: number): void {
  const message = igmp.plain(view, at, end);
  if (message.kind === "queryV3") for (const source of message.sources) lists.add("igmp.saddr", formatIpv4(source));
  if (message.kind !== "reportV3") return;
  for (const record of message.records) {
    lists.add("igmp.record_type", record.recordType);
    lists.add("igmp.aux_data_len", record.auxiliaryWords);
    lists.add("igmp.num_src", record.numberOfSources);
    lists.add("igmp.maddr", formatIpv4(record.group));
    for (const source of record.sources) lists.add("igmp.saddr", formatIpv4(source));
  }
}

function addSctpChunks(lists: Lists, view: DataView, at: number, end: number): void {
  for (let from = at; from < end; ) {
    const bytes = sctpChunk.chunkLength(view, from, end);
    if (bytes === 0) return;
    for (const row of sctpChunk.layout) lists.add(row.wireshark, readField(view, from, row));
    addSctpChunk(lists, view, from);
    from += bytes;
  }
}

function addSctpChunk(lists: Lists, view: DataView, at: number): void {
  const { SctpChunkType } = sctpChunk;
  const add = (rows: readonly Field[], prefix = ""): void => {
    for (const row of rows) lists.add(row.wireshark.replace("sctp.init_", prefix || "$&"), readField(view, at, row));
  };
  switch (sctpChunk.type(view, at)) {
    case SctpChunkType.data:
      return add(sctpChunk.dataLayout);
    case SctpChunkType.init:
      return add(sctpChunk.initLayout);
    case SctpChunkType.initAck:
      return add(sctpChunk.initLayout, "sctp.initack_");
    case SctpChunkType.shutdown:
      return lists.add("sctp.shutdown_cumulative_tsn_ack", sctpChunk.cumulativeTsn(view, at));
    case SctpChunkType.sack:
      add(sctpChunk.sackLayout);
      for (let index = 0; index < sctpChunk.gapCount(view, at); index++) {
        lists.add("sctp.sack_gap_block_start", sctpChunk.gapStart(view, at, index));
        lists.add("sctp.sack_gap_block_end", sctpChunk.gapEnd(view, at, index));
      }
      for (let index = 0; index < sctpChunk.duplicateCount(view, at); index++)
        lists.add("sctp.sack_duplicate_tsn", sctpChunk.duplicate(view, at, index));
      return;
    default:
  }
}

const IPV6_OPTION_TYPES = { pad1: 0, padN: 1, routerAlert: 5, jumboPayload: 0xc2 } as const;

function addIpv6Options(lists: Lists, view: DataView, at: number): void {
  if (extension.checkOptions(view, at) !== Status.ok) return;
  for (const option of extension.plainOptions(view, at).options) {
    lists.add("ipv6.opt.type", option.option === "raw" ? option.type : IPV6_OPTION_TYPES[option.option]);
    if (option.option === "routerAlert") lists.add("ipv6.opt.router_alert", option.value);
  }
}

const DNS_TYPES = { a: 1, ns: 2, cname: 5, soa: 6, ptr: 12, mx: 15, txt: 16, aaaa: 28, srv: 33, opt: 41 } as const;

function addDns(lists: Lists, view: DataView, at: number, end: number): void {
  const message = dns.plain(view, at, end);
  for (const question of message.questions) {
    lists.add("dns.qry.name", nameOf(question.name));
    lists.add("dns.qry.type", question.type);
    lists.add("dns.qry.class", question.class);
  }
  for (const record of [...message.answers, ...message.authorities, ...message.additionals]) {
    if (record.record === "srv") addServiceName(lists, record.name);
    else lists.add("dns.resp.name", nameOf(record.name));
    lists.add("dns.resp.type", record.record === "raw" ? record.type : DNS_TYPES[record.record]);
    if (record.record === "opt") {
      lists.add("dns.rr.udp_payload_size", record.udpSize);
      continue;
    }
    lists.add("dns.resp.class", record.class);
    lists.add("dns.resp.ttl", record.ttl);
    addDnsData(lists, record);
  }
}

/** tshark writes `<Root>` for the root. */
function nameOf(name: string): string {
  return name === "." ? "<Root>" : name;
}

/** tshark takes the owner of an SRV record apart (RFC 2782, "Name"). */
function addServiceName(lists: Lists, name: string): void {
  const [service, protocol, ...rest] = name.split(".");
  lists.add("dns.srv.service", service!);
  lists.add("dns.srv.proto", protocol!);
  lists.add("dns.srv.name", rest.join("."));
}

function addDnsData(lists: Lists, record: DnsRecord): void {
  switch (record.record) {
    case "a":
      return lists.add("dns.a", formatIpv4(record.address));
    case "aaaa":
      return lists.add("dns.aaaa", formatIpv6(record.address));
    case "ns":
      return lists.add("dns.ns", nameOf(record.target));
    case "cname":
      return lists.add("dns.cname", nameOf(record.target));
    case "ptr":
      return lists.add("dns.ptr.domain_name", nameOf(record.target));
    case "mx":
      lists.add("dns.mx.preference", record.preference);
      return lists.add("dns.mx.mail_exchange", nameOf(record.exchange));
    case "soa":
      lists.add("dns.soa.mname", nameOf(record.primary));
      lists.add("dns.soa.rname", nameOf(record.mailbox));
      return lists.add("dns.soa.serial_number", record.serial);
    case "srv":
      lists.add("dns.srv.priority", record.priority);
      lists.add("dns.srv.weight", record.weight);
      lists.add("dns.srv.port", record.port);
      return lists.add("dns.srv.target", nameOf(record.target));
    case "txt":
      for (const bytes of record.strings) lists.add("dns.txt", String.fromCodePoint(...bytes));
      return;
    default:
  }
}
