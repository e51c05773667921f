/**
 * A rule as `iptables -L` prints it (iptables/nft-shared.c, print_rule_details; the print functions of extensions/).
 * Names of services are those of /etc/services that rule-values.ts knows.
 */
import { formatIpv4 } from "@hopscope/codec/address";
import {
  type CidrMatch,
  type DeviceMatch,
  type Match,
  type NatRange,
  type PortMatch,
  type PortsMatch,
  type Rule,
  RULE_PROTOCOLS,
  type Target,
} from "./rule.ts";
import { serviceOf } from "./rule-values.ts";
import { fieldsByExtension, formatFlags, formatMark, formatStates } from "./rule-format.ts";

export interface ListStyle {
  /** `-n`: numbers instead of names. */
  readonly isNumeric: boolean;
  /** `-v`: devices too. */
  readonly isVerbose: boolean;
}

const ALL_BITS = 0xffffffff;
const ICMP_NAMES: ReadonlyMap<string, string> = new Map([
  ["0", "echo-reply"],
  ["3", "destination-unreachable"],
  ["3/3", "port-unreachable"],
  ["3/4", "fragmentation-needed"],
  ["5", "redirect"],
  ["8", "echo-request"],
  ["11", "time-exceeded"],
]);

/** `DROP       6    --  eth0   *      !10.0.0.0/8           0.0.0.0/0            ctstate NEW`, without counters. */
export function listRule({ match, target }: Rule, style: ListStyle): string {
  const { isNumeric, isVerbose } = style;
  const any = isNumeric ? "*" : "any";
  let line = `${targetName(target).padEnd(9)} `;
  line += `${match.notProtocol === undefined ? " " : "!"}${protocolName(match, isNumeric).padEnd(4)} -- `;
  if (isVerbose) line += ` ${device(match.inDevice, any).padEnd(6)} ${device(match.outDevice, any).padEnd(6)} `;
  line += `${address(match.srcIp, isNumeric)} ${address(match.dstIp, isNumeric)} `;
  if (target.kind === "goto") line += "[goto] ";
  for (const [extension, fields] of fieldsByExtension(match)) line += extensionText(extension, fields, match, style);
  return line + targetText(target, style);
}

/** The line of column names over a chain's rules. */
export function listHeader({ isVerbose }: ListStyle): string {
  const devices = isVerbose ? "in     out    " : "";
  return `target     prot opt ${isVerbose ? `${devices} ` : ""}source               destination         `;
}

function targetName(target: Target): string {
  switch (target.kind) {
    case "none":
      return "";
    case "jump":
    case "goto":
      return target.chain;
    case "notrack":
      return "CT";
    default:
      return target.kind.toUpperCase();
  }
}

function protocolName({ protocol, notProtocol }: Match, isNumeric: boolean): string {
  const name = protocol ?? notProtocol;
  if (isNumeric) return name === undefined ? "0" : `${RULE_PROTOCOLS[name]}`;
  return name ?? "all";
}

function device(match: DeviceMatch | undefined, any: string): string {
  return match === undefined ? any : `${bang(match)}${match.name}`;
}

/** With the column for `!` in front. */
function address(match: CidrMatch | undefined, isNumeric: boolean): string {
  const text = match === undefined ? (isNumeric ? "0.0.0.0/0" : "anywhere") : cidr(match);
  return `${match?.not === true ? "!" : " "}${text.padEnd(19)}`;
}

function cidr({ ip, prefixLength }: CidrMatch): string {
  return prefixLength === 32 ? formatIpv4(ip) : `${formatIpv4(ip)}/${prefixLength}`;
}

function bang(match: { readonly not?: true }): string {
  return match.not === true ? "!" : "";
}

function extensionText(extension: string, fields: readonly (keyof Match)[], match: Match, style: ListStyle): string {
  switch (extension) {
    case "ports":
      return ` ${match.protocol}${fields.map((field) => portsText(field, match, style)).join("")}`;
    case "icmp":
      return icmpText(match.icmpType!, style);
    case "multiport":
      return ` multiport ${fields.map((field) => multiportText(field, match, style)).join(" ")}`;
    case "conntrack":
      return fields.map((field) => conntrackText(field, match)).join("");
    case "state":
      if (match.state !== undefined) return ` state ${formatStates(match.state)}`;
      return ` ! state ${formatStates(match.notState!)}`;
    case "addrtype": {
      const { srcType, dstType } = match;
      const src = srcType === undefined ? "" : ` src-type ${bang(srcType)}${srcType.type}`;
      return ` ADDRTYPE match${src}${dstType === undefined ? "" : ` dst-type ${bang(dstType)}${dstType.type}`}`;
    }
    case "mark": {
      const { value, mask } = match.mark!;
      return ` mark match ${spacedBang(match.mark!)}${formatMark(value, mask)}`;
    }
    case "iprange":
      return fields.map((field) => rangeText(field, match)).join("");
    case "physdev":
      return ` PHYSDEV match${fields.map((field) => physdevText(field, match)).join("")}`;
    case "ipvs":
      return ` ${spacedBang(match.ipvs!)}ipvs`;
    case "policy":
      return ` policy match dir ${match.policy!.dir} pol ${match.policy!.pol}`;
    case "u32":
      return ` u32 ${spacedBang(match.u32!)}"${match.u32!.tests}"`;
    case "bpf":
      // No space in front, one behind, and not the number of instructions (libxt_bpf.c, bpf_print).
      return `${spacedBang(match.bpf!)}match bpf ${match.bpf!.bytecode.replace(/^\d+,/, "")} `;
    case "limit": {
      const { packets, per, burst = 5 } = match.limit!;
      return ` limit: avg ${packets}/${per} burst ${burst}`;
    }
    default:
      return ` /* ${match.comment} */`;
  }
}

function spacedBang(match: { readonly not?: true }): string {
  return match.not === true ? "! " : "";
}

function portName(port: number, { isNumeric }: ListStyle): string {
  return isNumeric ? `${port}` : (serviceOf(port) ?? `${port}`);
}

/** libxt_tcp.c, print_port and print_flags. */
function portsText(field: keyof Match, match: Match, style: ListStyle): string {
  if (field === "tcpFlags") {
    const { mask, set } = match.tcpFlags!;
    const hex = (bits: number): string => `0x${bits.toString(16).toUpperCase().padStart(2, "0")}`;
    const text = style.isNumeric ? `${hex(mask)}/${hex(set)}` : `${formatFlags(mask)}/${formatFlags(set)}`;
    return ` flags:${bang(match.tcpFlags!)}${text}`;
  }
  const name = field === "srcPort" ? "spt" : "dpt";
  const { port, lastPort, not } = match[field] as PortMatch;
  const first = `${not === true ? "!" : ""}${portName(port, style)}`;
  return lastPort === undefined ? ` ${name}:${first}` : ` ${name}s:${first}:${portName(lastPort, style)}`;
}

function icmpText(match: NonNullable<Match["icmpType"]>, { isNumeric }: ListStyle): string {
  const { type, code, not } = match;
  const name = ICMP_NAMES.get(code === undefined ? `${type}` : `${type}/${code}`);
  if (!isNumeric && name !== undefined) return ` icmp ${bang(match)}${name}`;
  // iptables says it differently when it is inverted.
  return `${not === true ? " icmp !type" : " icmptype"} ${type}${code === undefined ? "" : ` code ${code}`}`;
}

function multiportText(field: keyof Match, match: Match, style: ListStyle): string {
  const name = field === "srcPorts" ? "sports" : field === "dstPorts" ? "dports" : "ports";
  const { ports, not } = match[field] as PortsMatch;
  const list = ports.map(({ port, lastPort }) =>
    lastPort === undefined ? portName(port, style) : `${portName(port, style)}:${portName(lastPort, style)}`,
  );
  return `${name} ${not === true ? " !" : ""}${list.join(",")}`;
}

function conntrackText(field: keyof Match, match: Match): string {
  switch (field) {
    case "ctState":
      return ` ctstate ${formatStates(match.ctState!)}`;
    case "notCtState":
      return ` ! ctstate ${formatStates(match.notCtState!)}`;
    case "ctOrigSrc":
    case "ctOrigDst":
      return ` ${spacedBang(match[field]!)}${field.toLowerCase()} ${cidr(match[field]!)}`;
    case "ctOrigSrcPort":
    case "ctOrigDstPort": {
      const { port, lastPort } = match[field]!;
      const range = lastPort === undefined ? `${port}` : `${port}:${lastPort}`;
      return ` ${spacedBang(match[field]!)}${field.toLowerCase()} ${range}`;
    }
    default:
      return ` ctdir ${match.ctDir}`;
  }
}

function rangeText(field: keyof Match, match: Match): string {
  const range = field === "srcRange" ? match.srcRange! : match.dstRange!;
  const end = field === "srcRange" ? "source" : "destination";
  return ` ${end} IP range ${spacedBang(range)}${formatIpv4(range.first)}-${formatIpv4(range.last)}`;
}

function physdevText(field: keyof Match, match: Match): string {
  if (field === "physIsBridged") return ` ${spacedBang(match.physIsBridged!)}--physdev-is-bridged`;
  const port = field === "physIn" ? match.physIn! : match.physOut!;
  return ` ${spacedBang(port)}--physdev-${field === "physIn" ? "in" : "out"} ${port.name}`;
}

function targetText(target: Target, { isNumeric }: ListStyle): string {
  switch (target.kind) {
    case "reject":
      return ` reject-with ${target.with}`;
    case "dnat":
    case "snat":
      return ` to:${natRange(target)}`;
    case "masquerade":
      return target.port === undefined ? "" : ` masq ports: ${portRange(target)}`;
    case "redirect":
      return target.port === undefined ? "" : ` redir ports ${portRange(target)}`;
    case "mark":
      return ` MARK ${markText(target.value >>> 0, (target.mask ?? ALL_BITS) >>> 0)}`;
    case "log": {
      const level = isNumeric ? "flags 0 level 4" : "level warn";
      return ` LOG ${level}${target.prefix === undefined ? "" : ` prefix "${target.prefix}"`}`;
    }
    case "checksum":
      return " CHECKSUM fill";
    case "notrack":
      return " CT notrack";
    default:
      return "";
  }
}

/** libxt_MARK.c, mark_tg_print. */
function markText(value: number, mask: number): string {
  const hex = (bits: number): string => `0x${(bits >>> 0).toString(16)}`;
  if (value === 0) return `and ${hex(~mask)}`;
  if (value === mask) return `or ${hex(value)}`;
  if (mask === 0) return `xor ${hex(value)}`;
  return mask === ALL_BITS ? `set ${hex(value)}` : `xset ${hex(value)}/${hex(mask)}`;
}

function natRange(range: NatRange): string {
  const { ip, lastIp, port } = range;
  const first = ip === undefined ? "" : formatIpv4(ip);
  const addresses = lastIp === undefined ? first : `${first}-${formatIpv4(lastIp)}`;
  return port === undefined ? addresses : `${addresses}:${portRange(range)}`;
}

function portRange({ port, lastPort }: { readonly port?: number; readonly lastPort?: number }): string {
  return lastPort === undefined ? `${port}` : `${port}-${lastPort}`;
}
