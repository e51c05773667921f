/**
 * getaddrinfo(3) and getnameinfo(3) as glibc has them, which is also in Debian's static busybox: `/etc/hosts`, then DNS,
 * A and AAAA asked one behind the other by one socket (glibc resolv/res_send.c, send_dg; sysdeps/posix/getaddrinfo.c).
 * Recordings s08, s09, s10 and s13 show the questions.
 *
 * Not modelled: names of IPv6 addresses asked from DNS, TCP for truncated answers, nsswitch.conf, the habits of musl, which asks all servers at
 * once.
 */
import { formatIpv6 } from "@hopscope/codec/address";
import * as dns from "@hopscope/codec/dns";
import { nameProblem, reverseName } from "@hopscope/codec/dns-name";
import { DnsClass, DnsType } from "@hopscope/codec/dns-record";
import { Errno } from "../errno.ts";
import { familyFor } from "../host/ip.ts";
import { isIpv6, parseIp } from "../host/ipv6-address.ts";
import type { UdpSocket } from "../host/udp-socket.ts";
import { maskOf } from "../tables/route.ts";
import type { ProgramContext } from "./program.ts";
import {
  candidates,
  hostsAddresses,
  hostsCanonicalName,
  hostsName,
  readResolverConfig,
  type ResolverConfig,
} from "./resolver-config.ts";

const DNS_PORT = 53;

/** Why a name has no address (netdb.h, EAI_*). */
export type ResolveError = "noname" | "nodata" | "again" | "family";

/** gai_strerror(3) */
export const RESOLVE_ERRORS: Readonly<Record<ResolveError, string>> = {
  noname: "Name or service not known",
  nodata: "No address associated with hostname",
  again: "Temporary failure in name resolution",
  family: "Address family for hostname not supported",
};

export type ResolveResult =
  /** The best first; and what the host is called (AI_CANONNAME). */
  { readonly addresses: readonly number[]; readonly canonicalName: string } | { readonly error: ResolveError };

export interface ResolveOptions {
  /** AF_INET or AF_INET6: the other is not asked for. */
  readonly family?: 4 | 6;
}

/** getaddrinfo(3): the addresses of a name, or of an address as it is written. */
export function* resolve(
  context: ProgramContext,
  name: string,
  { family }: ResolveOptions = {},
): Generator<void, ResolveResult, boolean> {
  const { files } = context.environment;
  const isWanted = (ip: number): boolean => family === undefined || isIpv6(ip) === (family === 6);
  const literal = parseIp(name);
  if (literal !== undefined) {
    return isWanted(literal) ? { addresses: [literal], canonicalName: name } : { error: "family" };
  }
  const hosts = files.get("/etc/hosts") ?? "";
  const known = hostsAddresses(hosts, name)?.filter(isWanted) ?? [];
  if (known.length > 0) {
    const addresses = known.some(isIpv6) ? sorted(context, known) : known;
    return { addresses, canonicalName: hostsCanonicalName(hosts, name) ?? name };
  }
  const config = readResolverConfig(files.get("/etc/resolv.conf") ?? "");
  const types = [...(family === 6 ? [] : [DnsType.a]), ...(family === 4 ? [] : [DnsType.aaaa])];
  let error: ResolveError = "noname";
  for (const candidate of candidates(name, config)) {
    // res_mkquery does not take it, and nobody is asked.
    if (nameProblem(candidate) !== undefined) continue;
    const replies = yield* ask(context, config, candidate, types);
    if (replies === undefined) error = "again";
    else {
      const answers = replies.flatMap((reply) => reply.answers);
      const addresses = answers.flatMap(addressOf);
      if (addresses.length > 0) {
        const owner = answers.find(({ record }) => record === "a" || record === "aaaa");
        return { addresses: sorted(context, addresses), canonicalName: owner?.name ?? candidate };
      }
      if (replies.some((reply) => reply.rcode === dns.DnsRcode.noError)) error = "nodata";
    }
  }
  return { error };
}

/** getnameinfo(3): the name of an address, or undefined: it has none. */
export function* resolveAddress(context: ProgramContext, ip: number): Generator<void, string | undefined, boolean> {
  const { files } = context.environment;
  const known = hostsName(files.get("/etc/hosts") ?? "", ip);
  if (known !== undefined) return known;
  const config = readResolverConfig(files.get("/etc/resolv.conf") ?? "");
  if (isIpv6(ip)) return undefined;
  const [reply] = (yield* ask(context, config, reverseName(ip), [DnsType.ptr])) ?? [];
  for (const record of reply?.answers ?? []) if (record.record === "ptr") return record.target;
  return undefined;
}

function addressOf(answer: dns.Dns["answers"][number]): readonly number[] {
  if (answer.record === "a") return [answer.address];
  const ip = answer.record === "aaaa" ? parseIp(formatIpv6(answer.address)) : undefined;
  return ip === undefined ? [] : [ip];
}

interface Question {
  readonly id: number;
  readonly type: number;
}

/**
 * One server after the other, all of them several times; undefined: none has answered. What is asked again has its first
 * identifier, and to a server that has said nothing it goes by the same socket (__res_context_send, send_dg).
 */
function* ask(
  context: ProgramContext,
  config: ResolverConfig,
  name: string,
  types: readonly number[],
): Generator<void, readonly dns.Dns[] | undefined, boolean> {
  const { process, environment } = context;
  const { udp, node } = environment.netns;
  const questions = types.map((type): Question => ({ id: node.random.int32() & 0xffff, type }));
  const sockets: (UdpSocket | undefined)[] = [];
  try {
    for (let attempt = 0; attempt < config.attempts; attempt++) {
      for (const [index, server] of config.nameservers.entries()) {
        // send_dg: the servers behind the first share what is twice, four times … as long.
        const shared = index === 0 ? 1 : config.nameservers.length;
        const timeoutNs = Math.max((config.timeoutNs * 2 ** index) / shared, 1_000_000_000);
        let socket = sockets[index];
        if (socket === undefined) {
          socket = process.own(udp.socket());
          if (socket.connect(server, DNS_PORT) !== Errno.none) {
            process.close(socket);
            continue;
          }
          sockets[index] = socket;
        }
        const replies = yield* askServer(context, socket, name, questions, timeoutNs);
        if (Array.isArray(replies)) return replies;
        if (replies === "refused") {
          process.close(socket);
          sockets[index] = undefined;
        }
      }
    }
    return undefined;
  } finally {
    for (const socket of sockets) if (socket !== undefined) process.close(socket);
  }
}

/** What one server says to all questions, or that it says too little in time, or that it cannot. */
function* askServer(
  { process }: ProgramContext,
  socket: UdpSocket,
  name: string,
  questions: readonly Question[],
  timeoutNs: number,
): Generator<void, dns.Dns[] | "silent" | "refused", boolean> {
  const deadline = process.softnet.now + timeoutNs;
  for (const [index, { id, type }] of questions.entries()) {
    // sendmmsg(2) takes both; what the first one wakes may come before the second.
    if (index > 0) yield* process.think("resolve.second", 0);
    const message = dns.encode({ id, recursionDesired: true, questions: [{ name, type, class: DnsClass.in }] });
    if (socket.send(message) !== Errno.none) return "refused";
  }
  const replies = new Map<number, dns.Dns>();
  for (;;) {
    for (let datagram = socket.receive(); datagram !== undefined; datagram = socket.receive()) {
      const decoded = dns.decode(datagram.bytes);
      if (!decoded.ok || !decoded.value.response) continue;
      const reply = decoded.value;
      if (!questions.some(({ id }) => id === reply.id)) continue;
      // SERVFAIL, NOTIMP, REFUSED: the next server.
      if (reply.rcode !== dns.DnsRcode.noError && reply.rcode !== dns.DnsRcode.nameError) return "refused";
      replies.set(reply.id, reply);
    }
    if (replies.size === questions.length) return questions.map(({ id }) => replies.get(id)!);
    if (socket.takeError() !== Errno.none) return "refused";
    if (!(yield* process.poll(deadline))) return "silent";
  }
}

/**
 * The order in which a program tries them (RFC 3484 §6 as glibc has it, rfc3484_sort): what cannot be reached last; of
 * two on this host's own network the one that shares more bits with this host's address. glibc learns how long its
 * prefixes are only where an interface has an IPv6 address (check_pf.c), which those of containers have not: without one
 * its own address comes first, and the others as DNS gave them (recording r2).
 */
function sorted({ environment: { netns } }: ProgramContext, addresses: readonly number[]): readonly number[] {
  const knowsPrefixes = netns.name === "host";
  const shared = new Map<number, number>();
  for (const address of addresses) {
    const dst = familyFor(netns, address).lookup(address);
    const own = netns.addresses.find(({ ip }) => ip === dst?.source);
    if (dst === undefined) shared.set(address, -1);
    // Its precedence is higher than that of all of IPv4.
    else if (isIpv6(address)) shared.set(address, 128);
    else if (own === undefined) shared.set(address, 0);
    else {
      const mask = knowsPrefixes ? maskOf(own.prefixLength) : maskOf(32);
      shared.set(address, ((own.ip ^ address) & mask) === 0 ? Math.clz32(own.ip ^ address) : 0);
    }
  }
  return addresses.toSorted((a, b) => shared.get(b)! - shared.get(a)!);
}
