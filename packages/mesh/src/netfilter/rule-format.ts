/** A rule as iptables-save prints it behind the chain's name (iptables 1.8.9, nft variant). */
import { formatIpv4 } from "@hopscope/codec/address";
import type { CidrMatch, CtState, DeviceMatch, Match, NatRange, PortMatch, PortsMatch, Rule, Target } from "./rule.ts";

/** All bits of a mark. */
const ALL_BITS = 0xffffffff;
/** Order of libxt_conntrack's print_state. */
const STATES: readonly CtState[] = ["INVALID", "NEW", "RELATED", "ESTABLISHED", "UNTRACKED", "SNAT", "DNAT"];
const TCP_FLAGS = ["FIN", "SYN", "RST", "PSH", "ACK", "URG"] as const;
/** Burst of `-m limit` that is not printed (libxt_limit, XT_LIMIT_BURST). */
const DEFAULT_BURST = 5;

/** The fields of each extension, in the order in which it prints them. */
const EXTENSIONS: readonly (readonly [module: string, ...fields: (keyof Match)[]])[] = [
  ["ports", "srcPort", "dstPort", "tcpFlags"],
  ["icmp", "icmpType"],
  ["multiport", "srcPorts", "dstPorts", "anyPorts"],
  ["conntrack", "ctState", "notCtState", "ctOrigSrc", "ctOrigDst", "ctOrigSrcPort", "ctOrigDstPort", "ctDir"],
  ["state", "state", "notState"],
  ["addrtype", "srcType", "dstType"],
  ["mark", "mark"],
  ["iprange", "srcRange", "dstRange"],
  ["physdev", "physIn", "physOut", "physIsBridged"],
  ["ipvs", "ipvs"],
  ["policy", "policy"],
  ["u32", "u32"],
  ["bpf", "bpf"],
  ["limit", "limit"],
  ["comment", "comment"],
];

/** `-d 172.17.0.4/32 ! -i docker0 -p tcp -m tcp --dport 80 -j ACCEPT`; "" for a rule that says nothing. */
export function formatRule(rule: Rule): string {
  const { match } = rule;
  const words: string[] = [];
  if (match.srcIp !== undefined) words.push(...cidr("-s", match.srcIp));
  if (match.dstIp !== undefined) words.push(...cidr("-d", match.dstIp));
  if (match.inDevice !== undefined) words.push(...device("-i", match.inDevice));
  if (match.outDevice !== undefined) words.push(...device("-o", match.outDevice));
  if (match.protocol !== undefined) words.push("-p", match.protocol);
  if (match.notProtocol !== undefined) words.push("!", "-p", match.notProtocol);
  for (const [extension, fields] of fieldsByExtension(match)) {
    words.push("-m", extension === "ports" ? (match.protocol ?? "tcp") : extension);
    for (const field of fields) words.push(...option(match, field));
  }
  words.push(...target(rule.target));
  return words.join(" ");
}

/** The extensions of a match in its own order, each with the fields that it has, in the order in which it prints them. */
export function* fieldsByExtension(match: Match): Generator<readonly [extension: string, fields: (keyof Match)[]]> {
  const done = new Set<string>();
  for (const field of Object.keys(match) as (keyof Match)[]) {
    const found = EXTENSIONS.find(([, ...fields]) => fields.includes(field));
    if (found === undefined || done.has(found[0])) continue;
    const [extension, ...fields] = found;
    done.add(extension);
    yield [extension, fields.filter((own) => match[own] !== undefined)];
  }
}

function option(match: Match, field: keyof Match): readonly string[] {
  switch (field) {
    case "srcPort":
      return port("--sport", match.srcPort!);
    case "dstPort":
      return port("--dport", match.dstPort!);
    case "tcpFlags":
      return not(match.tcpFlags!, "--tcp-flags", formatFlags(match.tcpFlags!.mask), formatFlags(match.tcpFlags!.set));
    case "icmpType": {
      const { type, code } = match.icmpType!;
      return not(match.icmpType!, "--icmp-type", code === undefined ? `${type}` : `${type}/${code}`);
    }
    case "srcPorts":
      return ports("--sports", match.srcPorts!);
    case "dstPorts":
      return ports("--dports", match.dstPorts!);
    case "anyPorts":
      return ports("--ports", match.anyPorts!);
    case "ctState":
      return ["--ctstate", formatStates(match.ctState!)];
    case "notCtState":
      return ["!", "--ctstate", formatStates(match.notCtState!)];
    case "ctOrigSrc":
      return conntrackAddress("--ctorigsrc", match.ctOrigSrc!);
    case "ctOrigDst":
      return conntrackAddress("--ctorigdst", match.ctOrigDst!);
    case "ctOrigSrcPort":
      return port("--ctorigsrcport", match.ctOrigSrcPort!);
    case "ctOrigDstPort":
      return port("--ctorigdstport", match.ctOrigDstPort!);
    case "ctDir":
      return ["--ctdir", match.ctDir!];
    case "state":
      return ["--state", formatStates(match.state!)];
    case "notState":
      return ["!", "--state", formatStates(match.notState!)];
    case "srcType":
      return not(match.srcType!, "--src-type", match.srcType!.type);
    case "dstType":
      return not(match.dstType!, "--dst-type", match.dstType!.type);
    case "mark":
      return not(match.mark!, "--mark", formatMark(match.mark!.value, match.mark!.mask));
    case "srcRange":
      return not(match.srcRange!, "--src-range", addresses(match.srcRange!.first, match.srcRange!.last));
    case "dstRange":
      return not(match.dstRange!, "--dst-range", addresses(match.dstRange!.first, match.dstRange!.last));
    case "physIn":
      return device("--physdev-in", match.physIn!);
    case "physOut":
      return device("--physdev-out", match.physOut!);
    case "physIsBridged":
      return not(match.physIsBridged!, "--physdev-is-bridged");
    case "ipvs":
      return not(match.ipvs!, "--ipvs");
    case "policy":
      return ["--dir", match.policy!.dir, "--pol", match.policy!.pol];
    case "u32":
      return not(match.u32!, "--u32", quoted(match.u32!.tests));
    case "bpf":
      return not(match.bpf!, "--bytecode", quoted(match.bpf!.bytecode));
    case "limit": {
      const { packets, per, burst = DEFAULT_BURST } = match.limit!;
      return ["--limit", `${packets}/${per}`, ...(burst === DEFAULT_BURST ? [] : ["--limit-burst", `${burst}`])];
    }
    case "comment":
      return ["--comment", quoted(match.comment!)];
    default:
      return [];
  }
}

function target(of: Target): readonly string[] {
  switch (of.kind) {
    case "none":
      return [];
    case "accept":
    case "drop":
    case "return":
      return ["-j", of.kind.toUpperCase()];
    case "jump":
      return ["-j", of.chain];
    case "goto":
      return ["-g", of.chain];
    case "reject":
      return ["-j", "REJECT", "--reject-with", of.with];
    case "dnat":
      return ["-j", "DNAT", "--to-destination", natRange(of)];
    case "snat":
      return ["-j", "SNAT", "--to-source", natRange(of)];
    case "masquerade":
    case "redirect":
      return ["-j", of.kind.toUpperCase(), ...(of.port === undefined ? [] : ["--to-ports", portRange(of, "-")])];
    case "mark":
      return ["-j", "MARK", "--set-xmark", `${hexadecimal(of.value)}/${hexadecimal(of.mask ?? ALL_BITS)}`];
    case "log":
      return ["-j", "LOG", ...(of.prefix === undefined ? [] : ["--log-prefix", quoted(of.prefix)])];
    case "checksum":
      return ["-j", "CHECKSUM", "--checksum-fill"];
    case "notrack":
      return ["-j", "CT", "--notrack"];
  }
}

function not(match: { readonly not?: true }, ...words: readonly string[]): readonly string[] {
  return match.not === true ? ["!", ...words] : words;
}

function cidr(name: string, match: CidrMatch): readonly string[] {
  return not(match, name, `${formatIpv4(match.ip)}/${match.prefixLength}`);
}

/** libxt_conntrack leaves out the prefix length of a single address. */
function conntrackAddress(name: string, match: CidrMatch): readonly string[] {
  return match.prefixLength === 32 ? not(match, name, formatIpv4(match.ip)) : cidr(name, match);
}

function device(name: string, match: DeviceMatch): readonly string[] {
  return not(match, name, match.name);
}

function port(name: string, match: PortMatch): readonly string[] {
  return not(match, name, portRange(match, ":"));
}

function ports(name: string, match: PortsMatch): readonly string[] {
  return not(match, name, match.ports.map((range) => portRange(range, ":")).join(","));
}

function portRange(range: { readonly port?: number; readonly lastPort?: number }, separator: string): string {
  return range.lastPort === undefined ? `${range.port}` : `${range.port}${separator}${range.lastPort}`;
}

function addresses(first: number, last: number): string {
  return `${formatIpv4(first)}-${formatIpv4(last)}`;
}

function natRange(range: NatRange): string {
  const { ip, lastIp } = range;
  let text = "";
  if (ip !== undefined) text = lastIp === undefined ? formatIpv4(ip) : addresses(ip, lastIp);
  return range.port === undefined ? text : `${text}:${portRange(range, "-")}`;
}

/** `RELATED,ESTABLISHED` */
export function formatStates(list: readonly CtState[]): string {
  return STATES.filter((state) => list.includes(state)).join(",");
}

/** `FIN,SYN`, or `NONE`. */
export function formatFlags(bits: number): string {
  const names = TCP_FLAGS.filter((_, bit) => (bits & (1 << bit)) !== 0);
  return names.length === 0 ? "NONE" : names.join(",");
}

/** `0x1/0xff`; no mask if all bits count. */
export function formatMark(value: number, mask: number = ALL_BITS): string {
  return mask >>> 0 === ALL_BITS ? hexadecimal(value) : `${hexadecimal(value)}/${hexadecimal(mask)}`;
}

function hexadecimal(value: number): string {
  return `0x${(value >>> 0).toString(16)}`;
}

/** xtables_save_string: in quotes if it holds anything but letters, digits, "_" and "-". */
function quoted(text: string): string {
  return /^[\w-]+$/.test(text) ? text : `"${text.replaceAll(/["\\']/g, (character) => `\\${character}`)}"`;
}
