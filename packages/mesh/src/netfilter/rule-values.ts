/** Values in iptables rules: addresses, ports, states, marks. Each throws a {@link RuleError} in iptables' words. */
import { parseIpv4 } from "@hopscope/codec/address";
import { maskOf } from "../tables/route.ts";
import type { CidrMatch, CtState, NatRange } from "./rule.ts";

/** A rule that iptables would refuse, with what it would print behind `iptables v1.8.9 (nf_tables): `. */
export class RuleError extends Error {}

const CT_STATES: readonly CtState[] = ["INVALID", "NEW", "RELATED", "ESTABLISHED", "UNTRACKED", "SNAT", "DNAT"];
const TCP_FLAGS = ["FIN", "SYN", "RST", "PSH", "ACK", "URG"] as const;
const ALL_TCP_FLAGS = 0x3f;
/** Names from /etc/services that people write into rules. */
const SERVICES: ReadonlyMap<string, number> = new Map([
  ["ssh", 22],
  ["domain", 53],
  ["http", 80],
  ["https", 443],
]);

/** The name of a port in /etc/services, if it is one of those. */
export function serviceOf(port: number): string | undefined {
  for (const [name, number] of SERVICES) if (number === port) return name;
  return undefined;
}

/** `10.0.0.0/24`, `10.0.0.0/255.255.255.0`, `10.0.0.1`. */
export function parseCidr(text: string): CidrMatch {
  const [address = "", suffix] = text.split("/");
  const ip = parseIpv4(address);
  if (ip === undefined) throw new RuleError(`host/network \`${address}' not found`);
  const prefixLength = suffix === undefined ? 32 : prefixLengthOf(suffix);
  return { ip: ip & maskOf(prefixLength), prefixLength };
}

function prefixLengthOf(text: string): number {
  if (/^\d{1,2}$/.test(text) && Number(text) <= 32) return Number(text);
  const mask = parseIpv4(text);
  const length = mask === undefined ? 0 : Math.clz32(~mask);
  if (mask === undefined || maskOf(length) !== mask) throw new RuleError(`invalid mask \`${text}' specified`);
  return length;
}

function parsePort(text: string): number {
  const service = SERVICES.get(text);
  if (service !== undefined) return service;
  const port = parseNumber(text, 0xffff);
  if (port === undefined) throw new RuleError(`invalid port/service \`${text}' specified`);
  return port;
}

export interface PortRange {
  readonly port: number;
  readonly lastPort?: number;
}

/** `80` or, with the separator `:`, `1000:2000`; a side left out is the lowest or highest port. */
export function parsePortRange(text: string, separator: ":" | "-"): PortRange {
  const [first = "", last] = text.split(separator);
  const port = first === "" ? 0 : parsePort(first);
  if (last === undefined) return { port };
  const lastPort = last === "" ? 0xffff : parsePort(last);
  if (lastPort < port) throw new RuleError(`invalid portrange (min > max)`);
  return lastPort === port ? { port } : { port, lastPort };
}

/** `172.17.0.4:80`, `172.17.0.4`, `:53`, `10.0.0.1-10.0.0.9:1000-2000`. */
export function parseNatRange(text: string): NatRange {
  const colon = text.indexOf(":");
  const addresses = colon < 0 ? text : text.slice(0, colon);
  const ports = colon < 0 ? {} : parsePortRange(text.slice(colon + 1), "-");
  if (addresses === "") return ports;
  const [first = "", last] = addresses.split("-");
  const ip = parseAddress(first);
  return last === undefined ? { ip, ...ports } : { ip, lastIp: parseAddress(last), ...ports };
}

export function parseAddress(text: string): number {
  const ip = parseIpv4(text);
  if (ip === undefined) throw new RuleError(`Bad IP address "${text}"`);
  return ip;
}

/** `RELATED,ESTABLISHED`, in the order in which iptables prints them. */
export function parseStates(text: string): readonly CtState[] {
  const words = text.toUpperCase().split(",");
  const unknown = words.find((word) => !CT_STATES.some((state) => state === word));
  if (unknown !== undefined) throw new RuleError(`Bad ctstate "${unknown}"`);
  return CT_STATES.filter((state) => words.includes(state));
}

/** `SYN,ACK`, `ALL`, `NONE` as bits of the TCP header. */
export function parseTcpFlags(text: string): number {
  let bits = 0;
  for (const word of text.toUpperCase().split(",")) {
    const bit = TCP_FLAGS.findIndex((flag) => flag === word);
    if (bit >= 0) bits |= 1 << bit;
    else if (word === "ALL") bits |= ALL_TCP_FLAGS;
    else if (word !== "NONE") throw new RuleError(`Unknown TCP flag \`${word}'`);
  }
  return bits;
}

/** `0x100/0xff`: value and mask, uint32. */
export function parseMark(text: string): { readonly value: number; readonly mask?: number } {
  const [first = "", second] = text.split("/");
  const value = parseNumber(first, 0xffffffff);
  const mask = second === undefined ? undefined : parseNumber(second, 0xffffffff);
  if (value === undefined || (second !== undefined && mask === undefined)) {
    throw new RuleError(`Bad mark value "${text}"`);
  }
  return mask === undefined || mask === 0xffffffff ? { value } : { value, mask };
}

/** A decimal or `0x` number up to `max`, or undefined. */
export function parseNumber(text: string, max: number): number | undefined {
  if (!/^(?:\d+|0x[\da-f]+)$/i.test(text)) return undefined;
  const value = Number(text);
  return value <= max ? value : undefined;
}

export function parseDeviceName(name: string): string {
  if (name.length > 15) throw new RuleError(`interface name \`${name}' must be shorter than IFNAMSIZ (15)`);
  return name;
}

/** Throws a {@link RuleError} if the text is none of the words. */
export function oneOf<T extends string>(text: string, words: readonly T[]): T {
  const found = words.find((word) => word === text);
  if (found === undefined) throw new RuleError(`Bad value "${text}", expected ${words.join(", ")}`);
  return found;
}
