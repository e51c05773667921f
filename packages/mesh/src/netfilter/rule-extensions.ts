/**
 * The extensions that `-m` loads (iptables, extensions/libxt_*.c, libipt_icmp.c): the options of each, and what an option
 * says.
 */
import type { AddressType, Match } from "./rule.ts";
import {
  oneOf,
  parseAddress,
  parseCidr,
  parseDeviceName,
  parseMark,
  parseNumber,
  parsePortRange,
  parseStates,
  parseTcpFlags,
  RuleError,
} from "./rule-values.ts";

export type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };
type Not = { readonly not?: true };

/** Takes an option into the match; `next` answers the word behind it. Throws a {@link RuleError}. */
type ParseOption = (match: Mutable<Match>, next: () => string, not: Not) => void;

export function notIf(isInverted: boolean): Not {
  return isInverted ? { not: true } : {};
}

const srcPort: ParseOption = (match, next, not) => {
  match.srcPort = { ...parsePortRange(next(), ":"), ...not };
};
const dstPort: ParseOption = (match, next, not) => {
  match.dstPort = { ...parsePortRange(next(), ":"), ...not };
};

/** By the name behind `-m`. */
export const EXTENSIONS: ReadonlyMap<string, ReadonlyMap<string, ParseOption>> = new Map([
  extension("tcp", {
    "--sport": srcPort,
    "--dport": dstPort,
    "--tcp-flags": (match, next, not) => {
      match.tcpFlags = { mask: parseTcpFlags(next()), set: parseTcpFlags(next()), ...not };
    },
    "--syn": (match, _next, not) => {
      match.tcpFlags = { mask: parseTcpFlags("FIN,SYN,RST,ACK"), set: parseTcpFlags("SYN"), ...not };
    },
  }),
  extension("udp", { "--sport": srcPort, "--dport": dstPort }),
  extension("sctp", { "--sport": srcPort, "--dport": dstPort }),
  extension("icmp", {
    "--icmp-type": (match, next, not) => {
      match.icmpType = { ...icmpTypeOf(next()), ...not };
    },
  }),
  extension("multiport", {
    "--sports": (match, next, not) => {
      match.srcPorts = { ports: portsOf(next()), ...not };
    },
    "--dports": (match, next, not) => {
      match.dstPorts = { ports: portsOf(next()), ...not };
    },
    "--ports": (match, next, not) => {
      match.anyPorts = { ports: portsOf(next()), ...not };
    },
  }),
  extension("conntrack", {
    "--ctstate": (match, next, { not }) => {
      match[not === true ? "notCtState" : "ctState"] = parseStates(next());
    },
    "--ctorigsrc": (match, next, not) => {
      match.ctOrigSrc = { ...parseCidr(next()), ...not };
    },
    "--ctorigdst": (match, next, not) => {
      match.ctOrigDst = { ...parseCidr(next()), ...not };
    },
    "--ctorigsrcport": (match, next, not) => {
      match.ctOrigSrcPort = { ...parsePortRange(next(), ":"), ...not };
    },
    "--ctorigdstport": (match, next, not) => {
      match.ctOrigDstPort = { ...parsePortRange(next(), ":"), ...not };
    },
    "--ctdir": (match, next) => {
      match.ctDir = oneOf(next().toUpperCase(), ["ORIGINAL", "REPLY"]);
    },
  }),
  extension("state", {
    "--state": (match, next, { not }) => {
      match[not === true ? "notState" : "state"] = parseStates(next());
    },
  }),
  extension("addrtype", {
    "--src-type": (match, next, not) => {
      match.srcType = { type: addressTypeOf(next()), ...not };
    },
    "--dst-type": (match, next, not) => {
      match.dstType = { type: addressTypeOf(next()), ...not };
    },
  }),
  extension("mark", {
    "--mark": (match, next, not) => {
      match.mark = { ...parseMark(next()), ...not };
    },
  }),
  extension("iprange", {
    "--src-range": (match, next, not) => {
      match.srcRange = { ...rangeOf(next()), ...not };
    },
    "--dst-range": (match, next, not) => {
      match.dstRange = { ...rangeOf(next()), ...not };
    },
  }),
  extension("physdev", {
    "--physdev-in": (match, next, not) => {
      match.physIn = { name: parseDeviceName(next()), ...not };
    },
    "--physdev-out": (match, next, not) => {
      match.physOut = { name: parseDeviceName(next()), ...not };
    },
    "--physdev-is-bridged": (match, _next, not) => {
      match.physIsBridged = { ...not };
    },
  }),
  extension("ipvs", {
    "--ipvs": (match, _next, not) => {
      match.ipvs = { ...not };
    },
  }),
  extension("policy", {
    "--dir": (match, next) => {
      match.policy = { pol: match.policy?.pol ?? "none", dir: oneOf(next(), ["in", "out"]) };
    },
    "--pol": (match, next) => {
      match.policy = { dir: match.policy?.dir ?? "in", pol: oneOf(next(), ["none", "ipsec"]) };
    },
  }),
  extension("u32", {
    "--u32": (match, next, not) => {
      match.u32 = { tests: next(), ...not };
    },
  }),
  extension("bpf", {
    "--bytecode": (match, next, not) => {
      match.bpf = { bytecode: next(), ...not };
    },
  }),
  extension("limit", {
    "--limit": (match, next) => {
      match.limit = { ...rateOf(next()), ...burstOf(match.limit?.burst) };
    },
    "--limit-burst": (match, next) => {
      const burst = parseNumber(next(), 10_000) ?? 5;
      match.limit = { ...(match.limit ?? { packets: 3, per: "hour" }), ...burstOf(burst) };
    },
  }),
  extension("comment", {
    "--comment": (match, next) => {
      match.comment = next();
    },
  }),
]);

function extension(
  name: string,
  options: Readonly<Record<string, ParseOption>>,
): readonly [string, ReadonlyMap<string, ParseOption>] {
  return [name, new Map(Object.entries(options))];
}

/** ICMP types by the names that iptables knows and people use. */
const ICMP_TYPES: ReadonlyMap<string, { readonly type: number; readonly code?: number }> = new Map([
  ["echo-reply", { type: 0 }],
  ["destination-unreachable", { type: 3 }],
  ["port-unreachable", { type: 3, code: 3 }],
  ["fragmentation-needed", { type: 3, code: 4 }],
  ["redirect", { type: 5 }],
  ["echo-request", { type: 8 }],
  ["time-exceeded", { type: 11 }],
]);

function icmpTypeOf(text: string): { readonly type: number; readonly code?: number } {
  const named = ICMP_TYPES.get(text);
  if (named !== undefined) return named;
  const [first = "", second] = text.split("/");
  const type = parseNumber(first, 255);
  const code = second === undefined ? undefined : parseNumber(second, 255);
  if (type === undefined || (second !== undefined && code === undefined)) {
    throw new RuleError(`Invalid ICMP type \`${text}'`);
  }
  return code === undefined ? { type } : { type, code };
}

function portsOf(text: string): ReturnType<typeof parsePortRange>[] {
  return text.split(",").map((range) => parsePortRange(range, ":"));
}

function rangeOf(text: string): { readonly first: number; readonly last: number } {
  const [first = "", last = first] = text.split("-");
  return { first: parseAddress(first), last: parseAddress(last) };
}

const ADDRESS_TYPES = ["UNSPEC", "UNICAST", "LOCAL", "BROADCAST", "MULTICAST", "BLACKHOLE", "UNREACHABLE"] as const;

function addressTypeOf(text: string): AddressType {
  return oneOf(text.toUpperCase(), ADDRESS_TYPES);
}

function rateOf(text: string): { readonly packets: number; readonly per: "sec" | "min" | "hour" | "day" } {
  const [first = "", second = "sec"] = text.split("/");
  const packets = parseNumber(first, 10_000);
  const per = (["sec", "min", "hour", "day"] as const).find(
    (unit) => unit.startsWith(second) || second.startsWith(unit),
  );
  if (packets === undefined || packets === 0 || per === undefined) throw new RuleError(`bad rate "${text}"`);
  return { packets, per };
}

function burstOf(burst: number | undefined): { readonly burst?: number } {
  return burst === undefined || burst === 5 ? {} : { burst };
}
