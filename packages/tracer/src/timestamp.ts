/**
 * Times of packets: whole seconds since 1970-01-01 00:00:00 UTC and nanoseconds from 0 to 999,999,999, two numbers.
 * Both are exact; one number of nanoseconds would not be (it is beyond 2^53 since 1970-04-15), and a bigint a packet is
 * a heap object a packet. Before 1970 the seconds are negative and the nanoseconds still count upwards.
 */

/** A point in time. */
export interface Timestamp {
  readonly seconds: number;
  /** 0 to 999,999,999. */
  readonly nanoseconds: number;
}

const NS_PER_SECOND = 1_000_000_000;

/** Below 0 if a is earlier than b, above 0 if it is later, 0 if they are equal. */
export function compareTimestamps(a: Timestamp, b: Timestamp): number {
  return a.seconds - b.seconds || a.nanoseconds - b.nanoseconds;
}

/** Nanoseconds from b to a. Exact up to 104 days. */
export function deltaNs(a: Timestamp, b: Timestamp): number {
  return (a.seconds - b.seconds) * NS_PER_SECOND + (a.nanoseconds - b.nanoseconds);
}

/** The time `ns` nanoseconds (a whole number, may be negative) later. */
export function addNs(time: Timestamp, ns: number): Timestamp {
  const whole = Math.floor(ns / NS_PER_SECOND);
  const nanoseconds = time.nanoseconds + (ns - whole * NS_PER_SECOND);
  const carry = nanoseconds >= NS_PER_SECOND ? 1 : 0;
  return { seconds: time.seconds + whole + carry, nanoseconds: nanoseconds - carry * NS_PER_SECOND };
}

/** Nanoseconds since 1970 as one exact number, for the edge of a program. */
export function epochNanoseconds(time: Timestamp): bigint {
  return BigInt(time.seconds) * BigInt(NS_PER_SECOND) + BigInt(time.nanoseconds);
}

/** The reverse of {@link epochNanoseconds}. */
export function fromEpochNanoseconds(ns: bigint): Timestamp {
  const nanoseconds = ((ns % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  return { seconds: Number((ns - nanoseconds) / 1_000_000_000n), nanoseconds: Number(nanoseconds) };
}

/** Seconds as an exact decimal: `1795232934.690445821`; `-0.500000000` is half a second before 1970. */
export function formatSeconds(seconds: number, nanoseconds: number): string {
  if (seconds >= 0 || nanoseconds === 0) return `${seconds}.${pad(nanoseconds, 9)}`;
  return `-${-seconds - 1}.${pad(NS_PER_SECOND - nanoseconds, 9)}`;
}

/** Reads what {@link formatSeconds} writes, with one to nine or no decimals. Answers undefined for anything else. */
export function parseSeconds(text: string): Timestamp | undefined {
  const match = /^(-?)(\d{1,15})(?:\.(\d{1,9}))?$/.exec(text);
  if (match === null) return undefined;
  const whole = Number(match[2]);
  const nanoseconds = Number((match[3] ?? "").padEnd(9, "0"));
  if (match[1] === "") return { seconds: whole, nanoseconds };
  if (nanoseconds === 0) return { seconds: whole === 0 ? 0 : -whole, nanoseconds };
  return { seconds: -whole - 1, nanoseconds: NS_PER_SECOND - nanoseconds };
}

/** `2026-11-21T03:48:54.690445821Z`, or {@link formatSeconds} where the calendar of Date ends. */
export function formatUtc(seconds: number, nanoseconds: number): string {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return formatSeconds(seconds, nanoseconds);
  return `${date.toISOString().slice(0, -5)}.${pad(nanoseconds, 9)}Z`;
}

function pad(value: number, width: number): string {
  return value.toString().padStart(width, "0");
}
