/**
 * Walks the layers of a frame: the only place that knows which protocol follows which.
 *
 * Lax by nature: what decoded stays, and where it stopped is recorded. A layer whose header is whole but whose payload
 * the capture has cut is kept, and the walk goes on inside what is there. Payloads end where the headers say, so
 * Ethernet padding never reaches an upper layer. The payload of a fragment is data, never parsed as if whole.
 *
 * Not covered: reassembly; DNS over TCP; ESP's inside (it is encrypted); protocols guessed from content.
 */
import { EtherType, IpProtocol, LinkType, MIN_ETHERTYPE, Port } from "./code-points.ts";
import * as arp from "./arp.ts";
import * as dns from "./dns.ts";
import * as esp from "./esp.ts";
import * as ethernet from "./ethernet.ts";
import * as icmp from "./icmp.ts";
import * as icmpv6 from "./icmpv6.ts";
import * as igmp from "./igmp.ts";
import * as ipv4 from "./ipv4.ts";
import * as ipv6 from "./ipv6.ts";
import * as extension from "./ipv6-extensions.ts";
import { DEFAULT_DEPTH, LayerKind, type Layers, MAX_LAYERS } from "./layers.ts";
import * as linuxSll from "./linux-sll.ts";
import * as linuxSll2 from "./linux-sll2.ts";
import * as llc from "./llc.ts";
import * as nullLoopback from "./null.ts";
import type { LimitedBy } from "./result.ts";
import * as sctp from "./sctp.ts";
import { Status } from "./status.ts";
import * as tcp from "./tcp.ts";
import * as udp from "./udp.ts";
import * as vlan from "./vlan.ts";
import * as vxlan from "./vxlan.ts";

export interface DissectOptions {
  /** Most layers to walk, up to {@link MAX_LAYERS}; default {@link DEFAULT_DEPTH}. */
  readonly depth: number;
  /** UDP destination port that carries VXLAN; default 4789 (RFC 7348 §5). */
  readonly vxlanPort: number;
}

export const DEFAULT_OPTIONS: DissectOptions = { depth: DEFAULT_DEPTH, vxlanPort: Port.vxlan };

// What the loop of `dissect` compares with: V8 folds a constant of the module, and reads an imported one from its cell.
const { data: DATA, ethernet: ETHERNET, ipv4: IPV4, udp: UDP, tcp: TCP, icmp: ICMP, vxlan: VXLAN } = LayerKind;
const OK = Status.ok;
const ETHERNET_LINK = LinkType.ethernet;
const GPE_PORT = Port.vxlanGpe;

/**
 * Fills `out` with the layers of the frame in [start, end) and answers `out.status`.
 *
 * Sound packets of an overlay (Ethernet, IPv4 without options, TCP, UDP with VXLAN, ICMP echo) are read in this loop, in
 * which nothing is called; from the first layer that is anything else on `walk` knows all there is.
 * `linkType` is the capture's (`LinkType.ethernet` …); a link type that is not known is one layer of data.
 */
export function dissect(
  view: DataView,
  start: number,
  end: number,
  linkType: number,
  out: Layers,
  options: DissectOptions = DEFAULT_OPTIONS,
): Status {
  out.count = 0;
  out.status = Status.ok;
  out.stopKind = LayerKind.data;
  out.stopLimit = "capture";
  out.quoteIndex = -1;
  out.cutIndex = -1;
  out.isFragment = false;
  const depth = options.depth < MAX_LAYERS ? options.depth : MAX_LAYERS;
  // Integers to V8, which then need no check at each step. Larger offsets, and other links, are walked layer by layer.
  let at = start | 0;
  let stop = end | 0;
  if (linkType !== ETHERNET_LINK || stop !== end) {
    return walk(view, firstKind(view, start, end, linkType), start, end, "capture", depth, options, out);
  }
  const { kinds, starts, ends } = out;
  let kind: LayerKind = ETHERNET;
  let limit: LimitedBy = "capture";
  let count = 0;
  while (count < depth) {
    const room = (stop - at) | 0;
    let next: LayerKind = DATA;
    let nextAt = at;
    let nextStop = stop;
    if (kind === ETHERNET) {
      if (room < 14 || view.getUint16(at + 12) !== 0x0800) break;
      next = IPV4;
      nextAt = (at + 14) | 0;
    } else if (kind === IPV4) {
      if (room < 20) break;
      const first = view.getInt32(at);
      const total = first & 0xffff;
      // Flags, fragment offset, TTL, protocol; what is masked out says that it is whole.
      const protocol = view.getInt32(at + 6) & 0x3fff00ff;
      if (first >>> 24 !== 0x45 || total < 20 || total > room) break;
      if (protocol === 17) next = UDP;
      else if (protocol === 6) next = TCP;
      else if (protocol === 1) next = ICMP;
      else break;
      nextAt = (at + 20) | 0;
      nextStop = (at + total) | 0;
      limit = "ipv4.totalLength";
    } else if (kind === UDP) {
      if (room < 16) break;
      const dstPort = view.getUint16(at + 2);
      const length = view.getUint16(at + 4);
      if (dstPort !== options.vxlanPort || dstPort === GPE_PORT || length < 16 || length > room) break;
      next = VXLAN;
      nextAt = (at + 8) | 0;
      nextStop = (at + length) | 0;
      limit = "udp.length";
    } else if (kind === VXLAN) {
      if ((view.getUint8(at) & 8) === 0) break;
      next = ETHERNET;
      nextAt = (at + 8) | 0;
    } else if (kind === TCP) {
      if (room < 20) break;
      const header = (view.getUint8(at + 12) >> 4) << 2;
      if (header < 20 || header > room) break;
      nextAt = (at + header) | 0;
    } else {
      if (room < 8 || (view.getUint8(at) & ~8) !== 0) break;
      nextAt = (at + 8) | 0;
    }
    kinds[count] = kind;
    starts[count] = at;
    ends[count] = nextStop;
    count++;
    kind = next;
    at = nextAt;
    stop = nextStop;
    if (next === DATA) {
      out.count = count;
      out.payloadStart = at;
      out.payloadEnd = stop;
      return OK;
    }
  }
  out.count = count;
  return walk(view, kind, at, stop, limit, depth, options, out);
}

/**
 * Goes on with `firstLayer` in [start, end), whose bound is `firstLimit`; the layers before it are in `out`. One switch, as
 * long as there are protocols: parts of it as functions would hand their answers, five numbers each, back through memory.
 */
function walk(
  view: DataView,
  firstLayer: LayerKind,
  start: number,
  end: number,
  firstLimit: LimitedBy,
  depth: number,
  options: DissectOptions,
  out: Layers,
): Status {
  let kind = firstLayer;
  let at = start;
  let stop = end;
  let limit = firstLimit;
  while (kind !== LayerKind.data) {
    let status: Status = Status.ok;
    let next: LayerKind = LayerKind.data;
    let nextAt = at;
    let nextStop = stop;
    let nextLimit: LimitedBy = limit;
    switch (kind) {
      case LayerKind.ethernet:
        status = ethernet.check(view, at, stop);
        if (status !== Status.ok) break;
        nextAt = at + ethernet.HEADER_LENGTH;
        next = kindOfEtherType(ethernet.etherType(view, at));
        if (next === LayerKind.llc) {
          nextStop = ethernet.payloadEnd(view, at, stop);
          if (nextStop < stop) nextLimit = "ethernet.length";
        }
        break;
      case LayerKind.vlan:
        status = vlan.check(view, at, stop);
        if (status !== Status.ok) break;
        nextAt = vlan.payloadStart(view, at);
        next = kindOfEtherType(vlan.etherType(view, at));
        if (next === LayerKind.llc) nextStop = vlan.payloadEnd(view, at, stop);
        if (nextStop < stop) nextLimit = "ethernet.length";
        break;
      case LayerKind.ipv4:
        status = ipv4.check(view, at, stop);
        if (status === Status.truncated && stop - at >= ipv4.HEADER_LENGTH && ipv4.payloadStart(view, at) <= stop) {
          cut(out, kind, limit);
          status = Status.ok;
        } else if (status === Status.ok) {
          nextStop = ipv4.payloadEnd(view, at, stop);
          nextLimit = "ipv4.totalLength";
        } else break;
        nextAt = ipv4.payloadStart(view, at);
        if (ipv4.isFragment(view, at)) out.isFragment = true;
        else next = kindOfIpProtocol(ipv4.protocol(view, at));
        break;
      case LayerKind.udp: {
        status = udp.check(view, at, stop);
        if (status === Status.truncated && stop - at >= udp.HEADER_LENGTH) {
          cut(out, kind, limit);
          status = Status.ok;
        } else if (status === Status.ok) {
          nextStop = udp.payloadEnd(view, at, stop);
          nextLimit = "udp.length";
        } else break;
        nextAt = at + udp.HEADER_LENGTH;
        const dstPort = udp.dstPort(view, at);
        if (dstPort === options.vxlanPort || dstPort === Port.vxlanGpe) next = LayerKind.vxlan;
        else if (dstPort === Port.dns || udp.srcPort(view, at) === Port.dns) next = LayerKind.dns;
        else if (isDockerResolver(view, out)) next = LayerKind.dns;
        if (nextAt === nextStop) next = LayerKind.data;
        break;
      }
      case LayerKind.vxlan:
        status = vxlan.check(view, at, stop);
        if (status !== Status.ok) break;
        nextAt = at + vxlan.HEADER_LENGTH;
        next = kindInVxlan(view, at, out);
        break;
      case LayerKind.tcp:
        status = tcp.check(view, at, stop);
        if (status === Status.ok) nextAt = tcp.payloadStart(view, at);
        break;
      case LayerKind.icmp:
        status = icmp.check(view, at, stop);
        if (status !== Status.ok) break;
        nextAt = icmp.payloadStart(view, at);
        if (icmp.isError(view, at)) {
          next = LayerKind.ipv4;
          nextAt = icmp.quoteStart(view, at);
          nextStop = icmp.quoteEnd(view, at, stop);
          nextLimit = "icmp.quote";
        }
        break;
      case LayerKind.arp:
        status = arp.check(view, at, stop);
        if (status !== Status.ok) break;
        nextAt = arp.payloadStart(view, at);
        nextStop = nextAt;
        break;
      case LayerKind.dns:
        status = dns.check(view, at, stop);
        // Where the capture cut the message, what is left of it is still worth reading.
        if (status === Status.truncated && out.cutIndex >= 0 && stop - at >= dns.HEADER_LENGTH) status = Status.ok;
        // A message is read as a whole: what follows its header is no layer.
        if (status === Status.ok) nextAt = stop;
        break;
      case LayerKind.esp:
        status = esp.check(view, at, stop);
        if (status === Status.ok) nextAt = esp.payloadStart(view, at);
        break;
      case LayerKind.sctp: {
        status = sctp.check(view, at, stop);
        // Where the capture or a quotation cut the packet, its header is still worth reading.
        const isCut = out.cutIndex >= 0 || limit === "icmp.quote";
        if (status === Status.truncated && isCut && stop - at >= sctp.HEADER_LENGTH) status = Status.ok;
        if (status === Status.ok) nextAt = stop;
        break;
      }
      case LayerKind.igmp:
        status = igmp.check(view, at, stop);
        if (status === Status.ok) nextAt = stop;
        break;
      case LayerKind.ipv6:
        status = ipv6.check(view, at, stop);
        if (status === Status.truncated && stop - at >= ipv6.HEADER_LENGTH) {
          cut(out, kind, limit);
          status = Status.ok;
        } else if (status === Status.ok) {
          nextStop = ipv6.payloadEnd(view, at, stop);
          nextLimit = "ipv6.payloadLength";
        } else break;
        nextAt = at + ipv6.HEADER_LENGTH;
        next = kindOfIpProtocol(ipv6.nextHeader(view, at));
        break;
      case LayerKind.hopByHop:
      case LayerKind.routing:
      case LayerKind.destinationOptions:
        status = extension.check(view, at, stop);
        if (status !== Status.ok) break;
        nextAt = extension.payloadStart(view, at);
        next = kindOfIpProtocol(extension.nextHeader(view, at));
        break;
      case LayerKind.fragment:
        status = extension.checkFragment(view, at, stop);
        if (status !== Status.ok) break;
        nextAt = at + extension.FRAGMENT_HEADER_LENGTH;
        if (extension.isFragment(view, at)) out.isFragment = true;
        else next = kindOfIpProtocol(extension.nextHeader(view, at));
        break;
      case LayerKind.icmpv6:
        status = icmpv6.check(view, at, stop);
        if (status !== Status.ok) break;
        nextAt = icmpv6.payloadStart(view, at, stop);
        if (icmpv6.isError(view, at)) {
          next = LayerKind.ipv6;
          nextStop = icmpv6.quoteEnd(view, at, stop);
          nextLimit = "icmp.quote";
        }
        break;
      case LayerKind.llc:
        status = llc.check(view, at, stop);
        if (status !== Status.ok) break;
        nextAt = llc.payloadStart(view, at);
        next = kindOfEtherType(llc.etherType(view, at));
        break;
      case LayerKind.linuxSll:
        status = linuxSll.check(view, at, stop);
        if (status !== Status.ok) break;
        nextAt = linuxSll.payloadStart(view, at);
        next = kindOfEtherType(linuxSll.etherType(view, at));
        break;
      case LayerKind.linuxSll2:
        status = linuxSll2.check(view, at, stop);
        if (status !== Status.ok) break;
        nextAt = linuxSll2.payloadStart(view, at);
        next = kindOfEtherType(linuxSll2.etherType(view, at));
        break;
      case LayerKind.null:
        status = nullLoopback.check(view, at, stop);
        if (status !== Status.ok) break;
        nextAt = nullLoopback.payloadStart(view, at);
        next = kindOfEtherType(nullLoopback.etherType(view, at));
        break;
    }
    if (status === Status.ok && out.count === depth) status = Status.tooDeep;
    if (status !== Status.ok) {
      out.isFragment = false;
      // A quotation holds what fitted: that it ends early is no fault of the frame.
      if (out.status === Status.ok && limit !== "icmp.quote") {
        out.status = status;
        out.stopKind = kind;
        out.stopLimit = limit;
      }
      break;
    }
    const index = out.count++;
    out.kinds[index] = kind;
    out.starts[index] = at;
    out.ends[index] = nextStop;
    if (nextLimit === "icmp.quote" && out.quoteIndex < 0) out.quoteIndex = index + 1;
    // Everything inside a quotation may be cut, whatever its own lengths promise.
    limit = limit === "icmp.quote" ? limit : nextLimit;
    kind = next;
    at = nextAt;
    stop = nextStop;
  }
  out.payloadStart = at;
  out.payloadEnd = stop;
  if (out.quoteIndex >= out.count) out.quoteIndex = -1;
  if (out.cutIndex >= out.count) out.cutIndex = -1;
  return out.status;
}

/** The header is whole, its payload is not: remembered, and the walk goes on. */
function cut(out: Layers, kind: LayerKind, limit: LimitedBy): void {
  if (out.status !== Status.ok || limit === "icmp.quote") return;
  out.cutIndex = out.count;
  out.status = Status.truncated;
  out.stopKind = kind;
  out.stopLimit = limit;
}

function firstKind(view: DataView, start: number, end: number, linkType: number): LayerKind {
  switch (linkType) {
    case LinkType.ethernet:
      return LayerKind.ethernet;
    case LinkType.raw:
    case LinkType.rawBsd:
    case LinkType.rawOpenBsd:
      return ipVersionKind(view, start, end);
    case LinkType.ipv4:
      return LayerKind.ipv4;
    case LinkType.ipv6:
      return LayerKind.ipv6;
    case LinkType.linuxSll:
      return LayerKind.linuxSll;
    case LinkType.linuxSll2:
      return LayerKind.linuxSll2;
    case LinkType.null:
    case LinkType.loop:
      return LayerKind.null;
    default:
      return LayerKind.data;
  }
}

/** Raw IP says its version in the first four bits. */
function ipVersionKind(view: DataView, at: number, end: number): LayerKind {
  if (at >= end) return LayerKind.data;
  const version = view.getUint8(at) >> 4;
  return version === 4 ? LayerKind.ipv4 : version === 6 ? LayerKind.ipv6 : LayerKind.data;
}

function kindOfEtherType(type: number): LayerKind {
  switch (type) {
    case EtherType.ipv4:
      return LayerKind.ipv4;
    case EtherType.arp:
      return LayerKind.arp;
    case EtherType.ipv6:
      return LayerKind.ipv6;
    case EtherType.vlan:
    case EtherType.serviceVlan:
      return LayerKind.vlan;
    default:
      // Below 1536 it is a length (IEEE 802.3 §3.2.6); negative: an LLC header without an EtherType.
      return type >= 0 && type < MIN_ETHERTYPE ? LayerKind.llc : LayerKind.data;
  }
}

function kindOfIpProtocol(protocol: number): LayerKind {
  switch (protocol) {
    case IpProtocol.udp:
      return LayerKind.udp;
    case IpProtocol.tcp:
      return LayerKind.tcp;
    case IpProtocol.icmp:
      return LayerKind.icmp;
    case IpProtocol.igmp:
      return LayerKind.igmp;
    case IpProtocol.sctp:
      return LayerKind.sctp;
    case IpProtocol.esp:
      return LayerKind.esp;
    case IpProtocol.ipv4:
      return LayerKind.ipv4;
    case IpProtocol.ipv6:
      return LayerKind.ipv6;
    case IpProtocol.icmpv6:
      return LayerKind.icmpv6;
    case IpProtocol.hopByHop:
      return LayerKind.hopByHop;
    case IpProtocol.routing:
      return LayerKind.routing;
    case IpProtocol.fragment:
      return LayerKind.fragment;
    case IpProtocol.destinationOptions:
      return LayerKind.destinationOptions;
    default:
      return LayerKind.data;
  }
}

/** Where Docker's resolver listens in every container: 127.0.0.11. */
const DOCKER_RESOLVER = 0x7f00000b;

/**
 * True if the packet is to or from Docker's resolver. The container's own rules move its port 53 to a random one
 * (moby libnetwork/resolver_unix.go), so on `lo` only the address says that it is DNS.
 */
function isDockerResolver(view: DataView, out: Layers): boolean {
  const index = out.count - 1;
  if (index < 0 || out.kinds[index] !== LayerKind.ipv4) return false;
  const at = out.starts[index]!;
  return ipv4.dstIp(view, at) === DOCKER_RESOLVER || ipv4.srcIp(view, at) === DOCKER_RESOLVER;
}

/** Plain VXLAN carries Ethernet; on GPE's port the next protocol field decides if its flag is set. */
function kindInVxlan(view: DataView, at: number, out: Layers): LayerKind {
  const udpAt = out.starts[out.count - 1]!;
  if (udp.dstPort(view, udpAt) !== Port.vxlanGpe || (vxlan.flags(view, at) & vxlan.VxlanFlag.nextProtocol) === 0) {
    return LayerKind.ethernet;
  }
  switch (vxlan.nextProtocol(view, at)) {
    case vxlan.GpeProtocol.ipv4:
      return LayerKind.ipv4;
    case vxlan.GpeProtocol.ipv6:
      return LayerKind.ipv6;
    case vxlan.GpeProtocol.ethernet:
      return LayerKind.ethernet;
    default:
      return LayerKind.data;
  }
}
