/**
 * The two makes of ping that people meet, as far as they differ: busybox' (alpine and busybox images) and iputils'
 * (Debian's and most others). What they print is compared with what they printed in a real swarm.
 */
import { formatIpv4 } from "@hopscope/codec/address";
import * as icmp from "@hopscope/codec/icmp";
import type { PingOptions } from "./ping-options.ts";

const SECOND = 1_000_000_000;
const MILLISECOND = 1_000_000;

/** An echo reply, as ping reports it. */
export interface PingReply {
  readonly srcIp: number;
  /** Of ICMP. */
  readonly length: number;
  readonly sequence: number;
  readonly ttl: number;
  /** Undefined if the data has no room for the time it was sent. */
  readonly roundTripNs: number | undefined;
}

/** What a ping knows when it ends; times in nanoseconds. */
export interface PingSummary {
  readonly transmitted: number;
  readonly received: number;
  readonly errors: number;
  /** From the first request to the last. */
  readonly sendingNs: number;
  /** Of the round trips whose time is known. */
  readonly times: {
    readonly count: number;
    readonly min: number;
    readonly max: number;
    readonly sum: number;
    readonly sumOfSquares: number;
  };
}

export interface PingMake {
  /** Letters of its options: without and with a value. */
  readonly switches: string;
  readonly options: string;
  readonly firstSequence: number;
  /** Bytes of data that the time of sending takes. */
  readonly stampLength: number;
  /** Writes the data of a request that is sent at `now`. */
  fill(view: DataView, at: number, end: number, now: number): void;
  greeting(options: PingOptions): string;
  reply(reply: PingReply): string;
  /** An ICMP error about request `sequence`; undefined if this ping says nothing. */
  error(view: DataView, icmpAt: number, srcIp: number, sequence: number): string | undefined;
  statistics(summary: PingSummary): string[];
}

export const BUSYBOX: PingMake = {
  switches: "qn4",
  options: "csitwW",
  firstSequence: 0,
  stampLength: 4,

  /** Microseconds in 32 bits, little-endian, then zeros. */
  fill(view, at, end, now) {
    for (let byte = at; byte < end; byte++) view.setUint8(byte, 0);
    if (end - at >= BUSYBOX.stampLength) view.setUint32(at, Math.floor(now / 1000), true);
  },

  greeting({ dstIp, dataLength }) {
    return `PING ${formatIpv4(dstIp)} (${formatIpv4(dstIp)}): ${dataLength} data bytes`;
  },

  reply({ srcIp, length, sequence, ttl, roundTripNs }) {
    const time = roundTripNs === undefined ? "" : ` time=${milliseconds(roundTripNs)} ms`;
    return `${length} bytes from ${formatIpv4(srcIp)}: seq=${sequence} ttl=${ttl}${time}`;
  },

  error() {
    return undefined;
  },

  statistics({ transmitted, received, times: { count, min, max, sum } }) {
    const loss = Math.floor(((transmitted - received) * 100) / transmitted);
    const lines = [`${transmitted} packets transmitted, ${received} packets received, ${loss}% packet loss`];
    if (count > 0) lines.push(`round-trip min/avg/max = ${[min, sum / count, max].map(milliseconds).join("/")} ms`);
    return lines;
  },
};

export const IPUTILS: PingMake = {
  switches: "qn4b",
  options: "csitwWQM",
  firstSequence: 1,
  stampLength: 16,

  /** A timeval of two 64-bit numbers, little-endian, then bytes that count up. */
  fill(view, at, end, now) {
    for (let byte = at; byte < end; byte++) view.setUint8(byte, byte - at);
    if (end - at < IPUTILS.stampLength) return;
    view.setUint32(at, Math.floor(now / SECOND), true);
    view.setUint32(at + 4, 0);
    view.setUint32(at + 8, Math.floor((now % SECOND) / 1000), true);
    view.setUint32(at + 12, 0);
  },

  greeting({ dstIp, dataLength }) {
    return `PING ${formatIpv4(dstIp)} (${formatIpv4(dstIp)}) ${dataLength}(${dataLength + 28}) bytes of data.`;
  },

  reply({ srcIp, length, sequence, ttl, roundTripNs }) {
    const time = roundTripNs === undefined ? "" : ` time=${threeDigits(roundTripNs)} ms`;
    return `${length} bytes from ${formatIpv4(srcIp)}: icmp_seq=${sequence} ttl=${ttl}${time}`;
  },

  error(view, icmpAt, srcIp, sequence) {
    return `From ${formatIpv4(srcIp)} icmp_seq=${sequence} ${errorText(view, icmpAt)}`;
  },

  statistics({ transmitted, received, errors, sendingNs, times: { count, min, max, sum, sumOfSquares } }) {
    const loss = Number((((transmitted - received) * 100) / transmitted).toPrecision(6));
    const failed = errors > 0 ? `, +${errors} errors` : "";
    const time = Math.floor(sendingNs / MILLISECOND);
    const lines = [
      `${transmitted} packets transmitted, ${received} received${failed}, ${loss}% packet loss, time ${time}ms`,
    ];
    if (count > 0) {
      const average = sum / count;
      const deviation = Math.sqrt(Math.max(0, sumOfSquares / count - average * average));
      lines.push(`rtt min/avg/max/mdev = ${[min, average, max, deviation].map(milliseconds).join("/")} ms`);
    }
    return lines;
  },
};

function milliseconds(ns: number): string {
  return (ns / MILLISECOND).toFixed(3);
}

function threeDigits(ns: number): string {
  const ms = ns / MILLISECOND;
  return ms.toFixed(ms >= 100 ? 0 : ms >= 10 ? 1 : ms >= 1 ? 2 : 3);
}

const UNREACHABLE: readonly string[] = [
  "Destination Net Unreachable",
  "Destination Host Unreachable",
  "Destination Protocol Unreachable",
  "Destination Port Unreachable",
];

/** iputils' pr_icmph, for what a host's ping can meet; the rest in this project's words. */
function errorText(view: DataView, icmpAt: number): string {
  const type = icmp.type(view, icmpAt);
  const code = icmp.code(view, icmpAt);
  if (type === icmp.IcmpType.timeExceeded && code === 0) return "Time to live exceeded";
  if (type !== icmp.IcmpType.destinationUnreachable) return icmp.format(view, icmpAt);
  if (code === icmp.UnreachableCode.fragmentationNeeded) {
    return `Frag needed and DF set (mtu = ${icmp.nextHopMtu(view, icmpAt)})`;
  }
  return UNREACHABLE[code] ?? icmp.format(view, icmpAt);
}
