/** Whether a packet is one of those that a filter means. */
import { IpProtocol } from "@hopscope/codec/code-points";
import { maskOf } from "../tables/route.ts";
import type { AddressRange, PacketFilter, PortRange } from "./step.ts";

/** Ports are -1 where a packet has none: of other protocols, and behind the first fragment. */
export function isMeant(
  filter: PacketFilter,
  direction: "in" | "out",
  protocol: number,
  srcIp: number,
  dstIp: number,
  srcPort: number,
  dstPort: number,
): boolean {
  if (filter.direction !== undefined && filter.direction !== direction) return false;
  if (filter.protocol !== undefined && filter.protocol !== protocol) return false;
  if (!isIn(filter.srcIp, srcIp) || !isIn(filter.dstIp, dstIp)) return false;
  if (filter.srcPort === undefined && filter.dstPort === undefined) return true;
  const hasPorts = protocol === IpProtocol.tcp || protocol === IpProtocol.udp;
  if (!hasPorts || srcPort < 0) return false;
  return isPort(filter.srcPort, srcPort) && isPort(filter.dstPort, dstPort);
}

function isIn(range: AddressRange | undefined, ip: number): boolean {
  return range === undefined || ((ip ^ range.address) & maskOf(range.prefixLength)) === 0;
}

function isPort(range: PortRange | undefined, port: number): boolean {
  return range === undefined || (port >= range.first && port <= range.last);
}
