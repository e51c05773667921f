/**
 * Connections as /proc/net/nf_conntrack has them (Linux net/netfilter/nf_conntrack_standalone.c, ct_seq_show) and as
 * `conntrack -L` prints them (libnetfilter_conntrack, snprintf_default.c).
 */
import { formatIpv4 } from "@hopscope/codec/address";
import { IpProtocol } from "@hopscope/codec/code-points";
import { type Conntrack, CtDirection, CtStatus } from "../tables/conntrack.ts";

const SECOND = 1_000_000_000;
const GRE = 47;

/** `ipv4     2 udp      17 23 src=… mark=0 zone=0 use=2`, one of /proc/net/nf_conntrack's lines. */
export function formatConntrack(entry: Conntrack, now: number): string {
  return `ipv4     2 ${describe(entry, now)} mark=${entry.mark >>> 0} zone=0 use=2`;
}

/** The same connection as `conntrack -L` says it. */
export function formatConntrackTool(entry: Conntrack, now: number): string {
  return `${describe(entry, now)} mark=${entry.mark >>> 0} use=1`;
}

function describe(entry: Conntrack, now: number): string {
  const { protocol, status, state } = entry;
  const seconds = Math.max(0, Math.floor((entry.expiresAt - now) / SECOND));
  const words = [`${nameOf(protocol).padEnd(8)} ${protocol} ${seconds}`];
  if (state !== undefined) words.push(state.stateName);
  if (protocol === GRE) words.push("timeout=30, stream_timeout=180");
  words.push(tuple(entry, CtDirection.original));
  if ((status & CtStatus.seenReply) === 0) words.push("[UNREPLIED]");
  words.push(tuple(entry, CtDirection.reply));
  if ((status & CtStatus.assured) !== 0) words.push("[ASSURED]");
  return words.join(" ");
}

function nameOf(protocol: number): string {
  switch (protocol) {
    case IpProtocol.icmp:
      return "icmp";
    case IpProtocol.tcp:
      return "tcp";
    case IpProtocol.udp:
      return "udp";
    case GRE:
      return "gre";
    case IpProtocol.sctp:
      return "sctp";
    default:
      return "unknown";
  }
}

function tuple(entry: Conntrack, direction: CtDirection): string {
  const { protocol } = entry;
  const ports = entry.ports(direction);
  const addresses = `src=${formatIpv4(entry.srcIp(direction))} dst=${formatIpv4(entry.dstIp(direction))}`;
  switch (protocol) {
    case IpProtocol.tcp:
    case IpProtocol.udp:
    case IpProtocol.sctp:
      return `${addresses} sport=${ports >>> 16} dport=${ports & 0xffff}`;
    case IpProtocol.icmp:
      return `${addresses} type=${(ports >>> 8) & 0xff} code=${ports & 0xff} id=${ports >>> 16}`;
    case GRE:
      return `${addresses} srckey=0x0 dstkey=0x0`;
    default:
      return addresses;
  }
}
