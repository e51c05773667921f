/** What a C library reads before it resolves a name: `/etc/hosts` and `/etc/resolv.conf` (hosts(5), resolv.conf(5)). */
import { parseIpv4 } from "@hopscope/codec/address";
import { parseIp } from "../host/ipv6-address.ts";

/** Addresses of a name in `/etc/hosts`, in the order of the lines; undefined: not there. */
export function hostsAddresses(text: string, name: string): number[] | undefined {
  const wanted = name.toLowerCase();
  const found: number[] = [];
  for (const line of text.split("\n")) {
    const [address = "", ...names] = line.replace(/#.*/, "").trim().split(/\s+/);
    const ip = parseIp(address);
    if (ip !== undefined && names.some((each) => each.toLowerCase() === wanted)) found.push(ip);
  }
  return found.length === 0 ? undefined : found;
}

/** Of a name in `/etc/hosts` the first name of its line: what the host is called. */
export function hostsCanonicalName(text: string, name: string): string | undefined {
  const wanted = name.toLowerCase();
  for (const line of text.split("\n")) {
    const [address = "", ...names] = line.replace(/#.*/, "").trim().split(/\s+/);
    if (parseIp(address) !== undefined && names.some((each) => each.toLowerCase() === wanted)) return names[0];
  }
  return undefined;
}

/** The first name of an address in `/etc/hosts`. */
export function hostsName(text: string, ip: number): string | undefined {
  for (const line of text.split("\n")) {
    const [address = "", name] = line.replace(/#.*/, "").trim().split(/\s+/);
    if (name !== undefined && parseIp(address) === ip) return name;
  }
  return undefined;
}

export interface ResolverConfig {
  /** int32; at most three are used. */
  readonly nameservers: readonly number[];
  readonly search: readonly string[];
  /** A name with fewer dots is tried with the search list first. */
  readonly ndots: number;
  /** How long to wait for one answer, nanoseconds. */
  readonly timeoutNs: number;
  /** How often all servers are asked. */
  readonly attempts: number;
}

const SECOND = 1_000_000_000;
/** resolv.h, MAXNS. */
const MAX_NAMESERVERS = 3;
/** Without a file: the host itself. */
const LOCALHOST = 0x7f000001;

export function readResolverConfig(text: string): ResolverConfig {
  const nameservers: number[] = [];
  let search: readonly string[] = [];
  let ndots = 1;
  let timeoutNs = 5 * SECOND;
  let attempts = 2;
  for (const line of text.split("\n")) {
    const [keyword = "", ...values] = line
      .replace(/[#;].*/, "")
      .trim()
      .split(/\s+/);
    if (keyword === "nameserver") {
      const ip = parseIpv4(values[0] ?? "");
      if (ip !== undefined && nameservers.length < MAX_NAMESERVERS) nameservers.push(ip);
    } else if (keyword === "search" || keyword === "domain") search = values;
    else if (keyword === "options") {
      for (const option of values) {
        const [name, value] = option.split(":");
        const number = Number(value);
        if (!Number.isInteger(number)) continue;
        if (name === "ndots") ndots = Math.min(number, 15);
        else if (name === "timeout") timeoutNs = Math.min(number, 30) * SECOND;
        else if (name === "attempts") attempts = Math.min(number, 5);
      }
    }
  }
  return { nameservers: nameservers.length === 0 ? [LOCALHOST] : nameservers, search, ndots, timeoutNs, attempts };
}

/** The names to ask for, in order (glibc res_query.c, __res_context_search). */
export function candidates(name: string, { search, ndots }: ResolverConfig): string[] {
  if (name.endsWith(".")) return [name.slice(0, -1)];
  const dots = name.split(".").length - 1;
  const searched = search.map((domain) => `${name}.${domain}`);
  return dots >= ndots ? [name, ...searched] : [...searched, name];
}
