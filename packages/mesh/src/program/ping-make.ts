/**
 * The two makes of ping that people meet, as far as they differ: busybox' (alpine and busybox images) and iputils'
 * (Debian's and most others). What they print is compared with what they printed in a real swarm.
 */
import { formatIpv4 } from "@hopscope/codec/address";
import { formatIp, isIpv6 } from "../host/ipv6-address.ts";
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
  /** The request had been answered before. */
  readonly isDuplicate: boolean;
}

/** What a ping knows when it ends; times in nanoseconds. */
export interface PingSummary {
  readonly transmitted: number;
  readonly received: number;
  readonly duplicates: number;
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

/** Whom a ping asks, and from where. */
export interface PingTarget {
  /** As it is printed. */
  readonly host: string;
  readonly dstIp: number;
  /** The address it sends from. */
  readonly srcIp: number;
  /** The interface that was asked for. */
  readonly device: string | undefined;
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
  greeting(options: PingOptions, target: PingTarget): string;
  /** `from`: the address, or name and address. */
  reply(reply: PingReply, from: string): string;
  /** An ICMP error about request `sequence`; undefined if this ping says nothing. */
  error(problem: PingProblem, from: string): string | undefined;
  statistics(summary: PingSummary): string[];
}

/** An ICMP error about a request. */
export interface PingProblem {
  readonly srcIp: number;
  readonly sequence: number;
  readonly type: number;
  readonly code: number;
  /** The next hop's MTU, or the pointer. */
  readonly info: number;
}

export const BUSYBOX: PingMake = {
  switches: "qn46",
  options: "csitwWI",
  firstSequence: 0,
  stampLength: 4,

  /** Microseconds in 32 bits, little-endian, then zeros. */
  fill(view, at, end, now) {
    for (let byte = at; byte < end; byte++) view.setUint8(byte, 0);
    if (end - at >= BUSYBOX.stampLength) view.setUint32(at, Math.floor(now / 1000), true);
  },

  greeting({ dataLength, source }, { host, dstIp, srcIp, device }) {
    const from = source === undefined || device !== undefined ? "" : ` from ${formatIpv4(srcIp)}`;
    return `PING ${host} (${formatIp(dstIp)})${from}: ${dataLength} data bytes`;
  },

  reply({ length, sequence, ttl, roundTripNs, isDuplicate }, from) {
    const time = roundTripNs === undefined ? "" : ` time=${milliseconds(roundTripNs)} ms`;
    return `${length} bytes from ${from}: seq=${sequence} ttl=${ttl}${time}${isDuplicate ? " (DUP!)" : ""}`;
  },

  error() {
    return undefined;
  },

  statistics({ transmitted, received, duplicates, times: { count, min, max, sum } }) {
    const loss = Math.floor(((transmitted - received) * 100) / transmitted);
    const twice = duplicates > 0 ? `${duplicates} duplicates, ` : "";
    const lines = [`${transmitted} packets transmitted, ${received} packets received, ${twice}${loss}% packet loss`];
    if (count > 0) lines.push(`round-trip min/avg/max = ${[min, sum / count, max].map(milliseconds).join("/")} ms`);
    return lines;
  },
};

export const IPUTILS: PingMake = {
  switches: "qn46b",
  options: "csitwWQMI",
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

  greeting({ dataLength, source }, { host, dstIp, srcIp, device }) {
    const from = source === undefined ? "" : `from ${formatIpv4(srcIp)} ${device ?? ""}: `;
    if (isIpv6(dstIp)) {
      // A name with its address in brackets is both (iputils ping6_common.c, ping6_run).
      const called = host === formatIp(dstIp) ? host : `${host} (${formatIp(dstIp)})`;
      return `PING ${host}(${called}) ${dataLength} data bytes`;
    }
    return `PING ${host} (${formatIpv4(dstIp)}) ${from}${dataLength}(${dataLength + 28}) bytes of data.`;
  },

  reply({ length, sequence, ttl, roundTripNs, isDuplicate }, from) {
    const time = roundTripNs === undefined ? "" : ` time=${threeDigits(roundTripNs)} ms`;
    return `${length} bytes from ${from}: icmp_seq=${sequence} ttl=${ttl}${time}${isDuplicate ? " (DUP!)" : ""}`;
  },

  error(problem, from) {
    return `From ${from} icmp_seq=${problem.sequence} ${errorText(problem)}`;
  },

  statistics({ transmitted, received, duplicates, errors, sendingNs, times }) {
    const { count, min, max, sum, sumOfSquares } = times;
    const loss = Number((((transmitted - received) * 100) / transmitted).toPrecision(6));
    const twice = duplicates > 0 ? `, +${duplicates} duplicates` : "";
    const failed = errors > 0 ? `, +${errors} errors` : "";
    const time = Math.floor(sendingNs / MILLISECOND);
    const lines = [
      `${transmitted} packets transmitted, ${received} received${twice}${failed}, ${loss}% packet loss, time ${time}ms`,
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

/** By code (iputils ping.c, pr_icmph). */
const UNREACHABLE: readonly (string | undefined)[] = [
  "Destination Net Unreachable",
  "Destination Host Unreachable",
  "Destination Protocol Unreachable",
  "Destination Port Unreachable",
  undefined,
  "Source Route Failed",
  "Destination Net Unknown",
  "Destination Host Unknown",
  "Source Host Isolated",
  "Destination Net Prohibited",
  "Destination Host Prohibited",
  "Destination Net Unreachable for Type of Service",
  "Destination Host Unreachable for Type of Service",
  "Packet filtered",
  "Precedence Violation",
  "Precedence Cutoff",
];

function errorText({ type, code, info }: PingProblem): string {
  switch (type) {
    case icmp.IcmpType.destinationUnreachable:
      if (code === icmp.UnreachableCode.fragmentationNeeded) return `Frag needed and DF set (mtu = ${info})`;
      return UNREACHABLE[code] ?? `Dest Unreachable, Bad Code: ${code}`;
    case icmp.IcmpType.timeExceeded:
      if (code === 0) return "Time to live exceeded";
      return code === 1 ? "Frag reassembly time exceeded" : `Time exceeded, Bad Code: ${code}`;
    case icmp.IcmpType.parameterProblem:
      return `Parameter problem: pointer = ${info >>> 24}`;
    default:
      return `Bad ICMP type: ${type}`;
  }
}
