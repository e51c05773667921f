/**
 * What a node's own iptables let through of the packets that nodes send each other, of which none is ever seen: its chains
 * INPUT and OUTPUT of table filter.
 *
 * Not modelled: other tables, and rules that ask for more than addresses, ports, protocols and eth0: they count as not
 * there, and so do chains of one's own that not all packets are sent to.
 */
import type { Iptables } from "../netfilter/iptables.ts";
import { type Match, type PortMatch, type PortsMatch, RULE_PROTOCOLS } from "../netfilter/rule.ts";
import type { PacketFilter, PortRange } from "../scenario/step.ts";
import type { Verdict } from "../swarm/connectivity.ts";

const CHAINS = [
  ["INPUT", "in"],
  ["OUTPUT", "out"],
] as const;
/** What can be asked of a packet here. */
const KNOWN: ReadonlySet<string> = new Set([
  "srcIp",
  "dstIp",
  "inDevice",
  "outDevice",
  "protocol",
  "srcPort",
  "dstPort",
  "srcPorts",
  "dstPorts",
  "comment",
]);
/** Chains may call each other. */
const DEPTH = 8;

export function hostFirewall(iptables: Iptables): readonly Verdict[] {
  const all: Verdict[] = [];
  for (const [chain, direction] of CHAINS) {
    const verdicts = [...walk(iptables, chain, direction, DEPTH)];
    if (iptables.chain("filter", chain)?.policy === "DROP") verdicts.push({ filter: { direction }, drops: true });
    if (verdicts.some(({ drops }) => drops)) all.push(...verdicts);
  }
  return all;
}

function* walk(iptables: Iptables, chain: string, direction: "in" | "out", depth: number): Generator<Verdict> {
  if (depth === 0) return;
  for (const { rule } of iptables.chain("filter", chain)?.rules ?? []) {
    const { match, target } = rule;
    if (target.kind === "jump" && Object.keys(match).length === 0)
      yield* walk(iptables, target.chain, direction, depth - 1);
    const drops = target.kind === "drop" || target.kind === "reject";
    if (drops || target.kind === "accept") for (const filter of filtersOf(match, direction)) yield { filter, drops };
  }
}

/** The packets that a rule means; none if that cannot be said. */
function filtersOf(match: Match, direction: "in" | "out"): readonly PacketFilter[] {
  if (Object.keys(match).some((key) => !KNOWN.has(key))) return [];
  const { srcIp, dstIp, inDevice, outDevice, protocol } = match;
  const device = inDevice ?? outDevice;
  if (device !== undefined && (device.name !== "eth0" || device.not === true)) return [];
  if (srcIp?.not === true || dstIp?.not === true) return [];
  const srcPorts = rangesOf(match.srcPort, match.srcPorts);
  const dstPorts = rangesOf(match.dstPort, match.dstPorts);
  if (srcPorts === undefined || dstPorts === undefined) return [];
  const base: PacketFilter = {
    direction,
    ...(protocol === undefined ? {} : { protocol: RULE_PROTOCOLS[protocol] }),
    ...(srcIp === undefined ? {} : { srcIp: { address: srcIp.ip, prefixLength: srcIp.prefixLength } }),
    ...(dstIp === undefined ? {} : { dstIp: { address: dstIp.ip, prefixLength: dstIp.prefixLength } }),
  };
  return srcPorts.flatMap((srcPort) =>
    dstPorts.map((dstPort) => ({
      ...base,
      ...(srcPort === "any" ? {} : { srcPort }),
      ...(dstPort === "any" ? {} : { dstPort }),
    })),
  );
}

function rangesOf(
  one: PortMatch | undefined,
  several: PortsMatch | undefined,
): readonly ("any" | PortRange)[] | undefined {
  if (one?.not === true || several?.not === true) return undefined;
  const ports = several?.ports ?? (one === undefined ? [] : [one]);
  if (ports.length === 0) return ["any"];
  return ports.map(({ port, lastPort }) => ({ first: port, last: lastPort ?? port }));
}
