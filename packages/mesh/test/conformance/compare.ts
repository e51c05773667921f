/**
 * Compares a simulated trace with a recording of a real swarm, capture point by capture point. Each frame becomes a
 * line without what no simulation can foresee (times, identifications, ephemeral ports, random MAC addresses, sequence
 * numbers); the two sequences of each point are aligned by their longest common subsequence.
 */
import { dissect, LayerKind, Layers } from "@hopscope/codec";
import { formatIpv4, formatMac, isGroupMac } from "@hopscope/codec/address";
import * as arp from "@hopscope/codec/arp";
import * as ethernet from "@hopscope/codec/ethernet";
import * as icmp from "@hopscope/codec/icmp";
import * as ipv4 from "@hopscope/codec/ipv4";
import * as tcp from "@hopscope/codec/tcp";
import * as udp from "@hopscope/codec/udp";
import * as vxlan from "@hopscope/codec/vxlan";
import { openCapture } from "@hopscope/tracer/reader";

export interface PointComparison {
  readonly point: string;
  readonly matched: number;
  readonly real: number;
  readonly simulated: number;
  /** Lines of one side only: `-` real, `+` simulated. */
  readonly differences: readonly string[];
}

export interface Comparison {
  readonly points: readonly PointComparison[];
  readonly real: number;
  readonly simulated: number;
  readonly matched: number;
  /** 2 × matched ÷ (real + simulated); 1 means that nothing differs. */
  readonly f1: number;
}

export async function compare(realFile: string, simulated: string | Uint8Array): Promise<Comparison> {
  const real = await readPoints(realFile);
  const other = await readPoints(simulated);
  const points = [...new Set([...real.keys(), ...other.keys()])]
    .toSorted()
    .map((point) => align(point, real.get(point) ?? [], other.get(point) ?? []));
  const total = (of: (point: PointComparison) => number): number => points.reduce((sum, point) => sum + of(point), 0);
  const sums = {
    real: total((point) => point.real),
    simulated: total((point) => point.simulated),
    matched: total((point) => point.matched),
  };
  const frames = sums.real + sums.simulated;
  return { points, ...sums, f1: frames === 0 ? 1 : (2 * sums.matched) / frames };
}

/** Point name to its frames in the order of their times. */
async function readPoints(file: string | Uint8Array): Promise<Map<string, string[]>> {
  interface Seen {
    readonly point: string;
    readonly time: bigint;
    readonly direction: string;
    readonly bytes: Uint8Array;
  }
  const seen: Seen[] = [];
  for await (const packet of await openCapture(file)) {
    seen.push({
      point: pointName(packet.interface.name ?? ""),
      time: BigInt(packet.seconds) * 1_000_000_000n + BigInt(packet.nanoseconds),
      direction: packet.direction ?? "?",
      bytes: packet.data.slice(),
    });
  }
  const addresses = ipv4AddressesIn(seen.map((frame) => frame.bytes));
  const points = new Map<string, string[]>();
  for (const frame of seen.toSorted((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))) {
    const lines = points.get(frame.point) ?? [];
    lines.push(`${frame.direction} ${lineOf(frame.bytes, addresses)}`);
    points.set(frame.point, lines);
  }
  return points;
}

/** `node.ctr-task.eth0` and `node/task/eth0` are the same point. */
function pointName(name: string): string {
  const parts = name.includes("/") ? name.split("/") : name.split(".");
  const namespace = parts.slice(1, -1).join(".").replace(/^ctr-/, "");
  return `${parts[0]}/${namespace}/${parts.at(-1)}`;
}

/** Addresses whose endpoint MAC, 02:42 and the address, is not random. */
function ipv4AddressesIn(frames: readonly Uint8Array[]): Set<number> {
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

function lineOf(bytes: Uint8Array, addresses: ReadonlySet<number>): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const layers = new Layers();
  dissect(view, 0, bytes.length, 1, layers);
  const random = new Map<number, string>();
  const mac = (address: number): string => {
    const isNode = Math.floor(address / 0x1000000) === 0x525400;
    const isEndpoint = Math.floor(address / 0x100000000) === 0x0242 && addresses.has(address | 0);
    if (address === 0 || isGroupMac(address) || isNode || isEndpoint) return formatMac(address);
    if (!random.has(address)) random.set(address, `random ${random.size + 1}`);
    return random.get(address)!;
  };
  const parts: string[] = [];
  for (let index = 0; index < layers.count; index++) {
    parts.push(partOf(view, layers.kind(index), layers.start(index), layers.end(index), mac));
  }
  return `${parts.join(" | ")} | payload ${layers.payloadEnd - layers.payloadStart}`;
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
      return `IPv4 ${addresses} ttl ${ipv4.ttl(view, at)} tos ${ipv4.tos(view, at)} flags ${flags} length ${ipv4.totalLength(view, at)} protocol ${ipv4.protocol(view, at)}`;
    }
    case LayerKind.icmp:
      return `ICMP ${icmp.type(view, at)}/${icmp.code(view, at)} ${icmp.isError(view, at) ? `mtu ${icmp.nextHopMtu(view, at)}` : `sequence ${icmp.sequence(view, at)}`}`;
    case LayerKind.udp:
      return `UDP ${portOf(udp.srcPort(view, at))} > ${portOf(udp.dstPort(view, at))} length ${udp.length(view, at)}`;
    case LayerKind.tcp:
      return `TCP ${portOf(tcp.srcPort(view, at))} > ${portOf(tcp.dstPort(view, at))} flags ${tcp.flags(view, at).toString(16)} options ${tcp.payloadStart(view, at) - at}`;
    case LayerKind.vxlan:
      return `VXLAN ${vxlan.flags(view, at)} vni ${vxlan.vni(view, at)}`;
    default:
      return `layer ${kind} ${end - at}`;
  }
}

/** Ports of the ephemeral range are chance. */
function portOf(port: number): string {
  return port >= 32_768 && port !== 65_535 ? "ephemeral" : String(port);
}

function align(point: string, real: readonly string[], simulated: readonly string[]): PointComparison {
  const width = simulated.length + 1;
  const common = new Uint32Array((real.length + 1) * width);
  for (let i = real.length - 1; i >= 0; i--) {
    for (let j = simulated.length - 1; j >= 0; j--) {
      const below = common[(i + 1) * width + j]!;
      const right = common[i * width + j + 1]!;
      common[i * width + j] = real[i] === simulated[j] ? common[(i + 1) * width + j + 1]! + 1 : Math.max(below, right);
    }
  }
  const differences: string[] = [];
  let i = 0;
  let j = 0;
  while (i < real.length || j < simulated.length) {
    if (i < real.length && j < simulated.length && real[i] === simulated[j]) {
      i++;
      j++;
    } else if (
      j < simulated.length &&
      (i === real.length || common[i * width + j + 1]! >= common[(i + 1) * width + j]!)
    ) {
      differences.push(`+ ${simulated[j++]}`);
    } else differences.push(`- ${real[i++]}`);
  }
  return { point, matched: common[0]!, real: real.length, simulated: simulated.length, differences };
}
