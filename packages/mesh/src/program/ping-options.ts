/** Reads a ping's command line: options, and one host. */
import { PmtuDiscovery } from "../host/ipv4.ts";
import { getopt } from "./getopt.ts";
import { IPUTILS, type PingMake } from "./ping-make.ts";
import { UsageError } from "./program.ts";

const SECOND = 1_000_000_000;

export interface PingOptions {
  /** The command's first word: error messages begin with it. */
  readonly name: string;
  /** As it is written: a name or an address. */
  readonly host: string;
  /** Echo requests to send; `Infinity` until the deadline. */
  readonly count: number;
  readonly dataLength: number;
  readonly intervalNs: number;
  /** How long to wait for the last answer. */
  readonly timeoutNs: number;
  /** How long it may take in all; `Infinity`: as long as it takes. */
  readonly deadlineNs: number;
  /** Undefined: 64, and 1 for a group. */
  readonly ttl: number | undefined;
  readonly tos: number;
  /** Undefined: as the make has it for the destination. */
  readonly pmtuDiscovery: PmtuDiscovery | undefined;
  /** Interface or address to send from, as it is written. */
  readonly source: string | undefined;
  readonly mayBroadcast: boolean;
  readonly family: 4 | 6 | undefined;
  readonly isQuiet: boolean;
  /** Names of addresses are not asked for. */
  readonly isNumeric: boolean;
}

/** What a socket takes with the ICMP header; a packet takes 20 bytes less. */
const MOST_DATA = 65_527;
const PMTU_DISCOVERY: ReadonlyMap<string, PmtuDiscovery> = new Map(Object.entries(PmtuDiscovery));

export function readPingOptions(argv: readonly string[], make: PingMake): PingOptions {
  const name = argv[0] ?? "ping";
  const fail = (message: string): never => {
    throw new UsageError(`${name}: ${message}`);
  };
  const { switches, options: values } = make;
  const { given, rest } = getopt(argv, { switches, values, advise: adviseOfMake });

  const integer = (flag: string, unset: number, min: number, max: number): number => {
    const text = given.get(flag);
    if (text === undefined) return unset;
    const value = /^(?:0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : Number.NaN;
    return value >= min && value <= max ? value : fail(`-${flag} is "${text}", expected ${min} to ${max}`);
  };
  const seconds = (flag: string, unset: number): number => {
    const text = given.get(flag);
    if (text === undefined) return unset;
    const value = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    return value > 0 && value <= 86_400 ? Math.round(value * SECOND) : fail(`-${flag} is "${text}", expected seconds`);
  };

  const [target, more] = rest;
  if (target === undefined) return fail("a destination address is missing");
  if (more !== undefined) fail(`one destination expected, found "${target}" and "${more}"`);
  const discovery = given.get("M");
  const pmtuDiscovery = discovery === undefined ? undefined : PMTU_DISCOVERY.get(discovery);
  if (discovery !== undefined && pmtuDiscovery === undefined) {
    return fail(`-M is "${discovery}", expected do, dont or want`);
  }
  if (!given.has("c") && !given.has("w")) {
    fail(`without -c or -w it would never end; say how many: ${name} -c 3 ${target}`);
  }
  return {
    name,
    host: target,
    count: integer("c", Number.POSITIVE_INFINITY, 1, 1_000_000),
    dataLength: integer("s", 56, 0, make === IPUTILS ? MOST_DATA : MOST_DATA - 20),
    intervalNs: seconds("i", SECOND),
    timeoutNs: seconds("W", 10 * SECOND),
    deadlineNs: seconds("w", Number.POSITIVE_INFINITY),
    ttl: given.has("t") ? integer("t", 64, 1, 255) : undefined,
    tos: integer("Q", 0, 0, 255),
    pmtuDiscovery,
    source: given.get("I"),
    mayBroadcast: given.has("b"),
    family: given.has("6") ? 6 : given.has("4") ? 4 : undefined,
    isQuiet: given.has("q"),
    isNumeric: given.has("n"),
  };
}

/** What busybox' ping has not, and the other has. */
function adviseOfMake(letter: string): string | undefined {
  const isOther = `${IPUTILS.switches}${IPUTILS.options}`.includes(letter);
  return isOther ? `busybox' ping has no -${letter}; iping has` : undefined;
}
