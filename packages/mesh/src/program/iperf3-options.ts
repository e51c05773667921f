/** The command line of iperf3 (src/iperf_api.c, iperf_parse_arguments; src/units.c). */
import { getopt, integerOption, portOption } from "./getopt.ts";
import { UsageError } from "./program.ts";
import { type RateFormat, RATE_FORMATS } from "./iperf3-report.ts";

const DEFAULT_PORT = 5201;
const SECOND = 1_000_000_000;
const DEFAULT_SECONDS = 10;
const MAX_SECONDS = 86_400;
const DEFAULT_TCP_BLOCK = 128 * 1024;
const MAX_BLOCK = 1024 * 1024;
const MIN_UDP_BLOCK = 16;
const MAX_UDP_BLOCK = 65_507;
const DEFAULT_UDP_RATE = 1_048_576;

export interface CommonOptions {
  readonly port: number;
  /** Nanoseconds between two reports; 0: only the last one. */
  readonly intervalNs: number;
  readonly format: RateFormat;
}

export interface ServerOptions extends CommonOptions {
  /** One test, and no more. */
  readonly isOneOff: boolean;
}

/** What client and server agree on. */
export interface TestParameters {
  readonly isUdp: boolean;
  /** The server sends. */
  readonly isReverse: boolean;
  /** The test ends after that time, so many bytes, or so many blocks; 0: not because of that. */
  readonly timeNs: number;
  readonly bytes: number;
  readonly blocks: number;
  /** Bytes of a write, of a datagram; 0: what the path takes. */
  readonly blockLength: number;
  /** Bits a second; 0: as fast as it goes. */
  readonly rate: number;
  readonly noDelay: boolean;
  readonly tos: number;
}

export interface ClientOptions extends CommonOptions {
  readonly host: string;
  /** `--cport`; 0: any. */
  readonly localPort: number;
  readonly test: TestParameters;
}

export type Options =
  | { readonly role: "server"; readonly server: ServerOptions }
  | { readonly role: "client"; readonly client: ClientOptions };

const LONG = {
  server: "s",
  client: "c",
  udp: "u",
  port: "p",
  time: "t",
  bytes: "n",
  blockcount: "k",
  bitrate: "b",
  bandwidth: "b",
  length: "l",
  reverse: "R",
  interval: "i",
  format: "f",
  "one-off": "1",
  "no-delay": "N",
  tos: "S",
  version4: "4",
};
/** What only one of the two takes. */
const CLIENT_ONLY = "utnkblRNS";
const SERVER_ONLY = "1";

export function readOptions(argv: readonly string[]): Options {
  const { given, rest } = getopt(argv, {
    switches: "suR1N4",
    values: "cptnkblifS",
    long: LONG,
    longValues: ["cport"],
  });
  if (rest.length > 0) throw new UsageError(`iperf3: "${rest[0]}" is not understood`);
  const host = given.get("c");
  const isServer = given.has("s");
  if (isServer && host !== undefined) throw parameterError("cannot be both server and client");
  if (!isServer && host === undefined) throw parameterError("must either be a client (-c) or server (-s)");
  for (const letter of isServer ? CLIENT_ONLY : SERVER_ONLY)
    if (given.has(letter)) {
      throw parameterError(`some option you are trying to set is ${isServer ? "client" : "server"} only`);
    }
  const common = {
    port: given.has("p") ? portOption("iperf3", given.get("p")!) : DEFAULT_PORT,
    intervalNs: Math.round(numberOption(given, "i", 1, 0, 60) * SECOND),
    format: formatOption(given.get("f")),
  };
  if (host === undefined) return { role: "server", server: { ...common, isOneOff: given.has("1") } };
  const localPort = given.has("cport") ? portOption("iperf3", given.get("cport")!) : 0;
  return { role: "client", client: { ...common, host, localPort, test: readTest(given) } };
}

function readTest(given: ReadonlyMap<string, string>): TestParameters {
  const isUdp = given.has("u");
  const bytes = amountOption(given, "n", 1024);
  const blocks = amountOption(given, "k", 1024);
  if (["t", "n", "k"].filter((letter) => given.has(letter)).length > 1) {
    throw parameterError("only one test end condition (-t, -n, -k) may be specified");
  }
  const seconds = numberOption(given, "t", bytes > 0 || blocks > 0 ? 0 : DEFAULT_SECONDS, 0, MAX_SECONDS);
  const blockLength = given.has("l") ? amountOption(given, "l", 1024) : isUdp ? 0 : DEFAULT_TCP_BLOCK;
  if (isUdp && given.has("l") && (blockLength < MIN_UDP_BLOCK || blockLength > MAX_UDP_BLOCK)) {
    throw parameterError(`block size invalid (minimum = ${MIN_UDP_BLOCK} bytes, maximum = ${MAX_UDP_BLOCK} bytes)`);
  }
  if (!isUdp && (blockLength < 1 || blockLength > MAX_BLOCK)) {
    throw parameterError(`block size too large (maximum = ${MAX_BLOCK} bytes)`);
  }
  return {
    isUdp,
    isReverse: given.has("R"),
    timeNs: Math.round(seconds * SECOND),
    bytes,
    blocks,
    blockLength,
    rate: given.has("b") ? amountOption(given, "b", 1000) : isUdp ? DEFAULT_UDP_RATE : 0,
    noDelay: given.has("N"),
    tos: given.has("S") ? integerOption("iperf3", "-S", given.get("S")!, 0, 255) : 0,
  };
}

function parameterError(message: string): UsageError {
  return new UsageError(`iperf3: parameter error - ${message}`);
}

function numberOption(
  given: ReadonlyMap<string, string>,
  letter: string,
  usual: number,
  min: number,
  max: number,
): number {
  const text = given.get(letter);
  if (text === undefined) return usual;
  const value = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new UsageError(`iperf3: -${letter} is "${text}", expected seconds from ${min} to ${max}`);
}

/** A number with K, M or G, which stand for powers of `unit`; 0 if it is not given. */
function amountOption(given: ReadonlyMap<string, string>, letter: string, unit: number): number {
  const text = given.get(letter);
  if (text === undefined) return 0;
  const match = /^(\d+(?:\.\d+)?)([kmgtKMGT]?)$/.exec(text);
  const value =
    match === null
      ? Number.NaN
      : Math.floor(Number(match[1]) * unit ** " kmgt".indexOf(match[2]!.toLowerCase() || " "));
  if (Number.isSafeInteger(value)) return value;
  throw new UsageError(`iperf3: -${letter} is "${text}", expected a number such as 100, 64K or 1M`);
}

function formatOption(text: string | undefined): RateFormat {
  if (text === undefined) return "a";
  const format = RATE_FORMATS.find((each) => each === text);
  if (format !== undefined) return format;
  throw parameterError("bad format specifier (valid formats are in the set [kmgtKMGT])");
}
