/**
 * The control connection of iperf3 (src/iperf_api.h; src/iperf_api.c: JSON_read, JSON_write, send_parameters,
 * send_results; src/iperf_util.c, make_cookie): a cookie, single bytes that say what comes next, and JSON texts with their
 * length before them.
 *
 * CPU load is not modelled: results say 0.
 */
import type { TcpSocket } from "../host/tcp-socket.ts";
import type { Random } from "../sim/random.ts";
import type { TestParameters } from "./iperf3-options.ts";
import type { Process } from "./process.ts";
import { readSome, writeAll } from "./stream.ts";
import { bytesOf, textOf } from "./text.ts";

export const State = {
  testStart: 1,
  testRunning: 2,
  testEnd: 4,
  paramExchange: 9,
  createStreams: 10,
  serverTerminate: 11,
  clientTerminate: 12,
  exchangeResults: 13,
  displayResults: 14,
  done: 16,
  accessDenied: 0xff,
} as const;
export type State = (typeof State)[keyof typeof State];

export const COOKIE_LENGTH = 37;
const COOKIE_LETTERS = "abcdefghijklmnopqrstuvwxyz234567";
/** What no text of this protocol is longer than. */
const MAX_TEXT = 65_536;
const VERSION = "3.12";
/** A counter that there is none of: -1 as an unsigned number. */
const NO_COUNTER = "18446744073709551615";

type Wait<T> = Generator<void, T, boolean>;

export function makeCookie(random: Random): Uint8Array {
  let text = "";
  for (let count = 1; count < COOKIE_LENGTH; count++) text += COOKIE_LETTERS[random.below(COOKIE_LETTERS.length)]!;
  return bytesOf(`${text}\0`);
}

/** So many bytes; undefined: the connection ended, or the deadline came. */
export function* readExactly(
  process: Process,
  socket: TcpSocket,
  length: number,
  deadline: number = Number.POSITIVE_INFINITY,
): Wait<Uint8Array | undefined> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const read = yield* readSome(process, socket, length - at, deadline);
    if (!(read instanceof Uint8Array)) return undefined;
    bytes.set(read, at);
    at += read.length;
  }
  return bytes;
}

/** The byte that says what comes next; undefined: the connection ended. */
export function* readState(process: Process, socket: TcpSocket): Wait<number | undefined> {
  return (yield* readExactly(process, socket, 1))?.[0];
}

export function writeState(process: Process, socket: TcpSocket, state: State): Wait<boolean> {
  return writeAll(process, socket, Uint8Array.of(state));
}

export function* writeText(process: Process, socket: TcpSocket, text: string): Wait<boolean> {
  const bytes = bytesOf(text);
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, bytes.length);
  return (yield* writeAll(process, socket, length)) && (yield* writeAll(process, socket, bytes));
}

/** The members of a JSON text; undefined: it did not come, or is none. */
export function* readText(process: Process, socket: TcpSocket): Wait<Readonly<Record<string, unknown>> | undefined> {
  const head = yield* readExactly(process, socket, 4);
  const length = head === undefined ? MAX_TEXT : new DataView(head.buffer).getUint32(0);
  if (length >= MAX_TEXT) return undefined;
  const bytes = yield* readExactly(process, socket, length);
  if (bytes === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(textOf(bytes));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** What the client wants, as it says it to the server. */
export function parametersText(test: TestParameters): string {
  const seconds = test.timeNs / 1e9;
  return JSON.stringify({
    [test.isUdp ? "udp" : "tcp"]: true,
    omit: 0,
    time: seconds,
    num: test.bytes,
    blockcount: test.blocks,
    ...(test.noDelay ? { nodelay: true } : {}),
    parallel: 1,
    ...(test.isReverse ? { reverse: true } : {}),
    len: test.blockLength,
    ...(test.rate > 0 ? { bandwidth: test.rate } : {}),
    pacing_timer: 1000,
    ...(test.tos > 0 ? { TOS: test.tos } : {}),
    client_version: VERSION,
  });
}

export function parametersOf(text: Readonly<Record<string, unknown>>): TestParameters {
  const number = (name: string): number => (typeof text[name] === "number" ? text[name] : 0);
  return {
    isUdp: text["udp"] === true,
    isReverse: text["reverse"] === true,
    timeNs: Math.round(number("time") * 1e9),
    bytes: number("num"),
    blocks: number("blockcount"),
    blockLength: number("len"),
    rate: number("bandwidth"),
    noDelay: text["nodelay"] === true,
    tos: number("TOS"),
  };
}

/** What one side has counted. */
export interface Results {
  readonly bytes: number;
  /** Of a TCP sender. */
  readonly retransmits: number | undefined;
  /** Seconds. */
  readonly jitter: number;
  readonly lost: number;
  readonly datagrams: number;
  /** Nanoseconds since its test began. */
  readonly endedAt: number;
}

export function resultsText(results: Results, isUdp: boolean, isSender: boolean): string {
  const { bytes, retransmits, jitter, lost, datagrams, endedAt } = results;
  const counter = retransmits === undefined ? NO_COUNTER : String(retransmits);
  const has = isSender ? (isUdp ? "0" : "1") : NO_COUNTER;
  const congestion = isUdp ? "" : '"congestion_used":"cubic",';
  const stream = `{"id":1,"bytes":${bytes},"retransmits":${counter},"jitter":${jitter},"errors":${lost},"packets":${datagrams},"start_time":0,"end_time":${endedAt / 1e9}}`;
  return `{"cpu_util_total":0,"cpu_util_user":0,"cpu_util_system":0,"sender_has_retransmits":${has},${congestion}"streams":[${stream}]}`;
}

/** Undefined: they are not what an iperf3 says. */
export function resultsOf(text: Readonly<Record<string, unknown>>): Results | undefined {
  const streams = text["streams"];
  const stream: unknown = Array.isArray(streams) ? streams[0] : undefined;
  if (typeof stream !== "object" || stream === null) return undefined;
  const held = stream as Readonly<Record<string, unknown>>;
  const number = (name: string): number => (typeof held[name] === "number" ? held[name] : 0);
  const retransmits = number("retransmits");
  return {
    bytes: number("bytes"),
    retransmits: Number.isSafeInteger(retransmits) ? retransmits : undefined,
    jitter: number("jitter"),
    lost: number("errors"),
    datagrams: number("packets"),
    endedAt: Math.round(number("end_time") * 1e9),
  };
}
