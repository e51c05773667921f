/** Options of `dig` (bind9 bin/dig/dig.c, dash_option and plus_option). */
import { parseIpv4 } from "@hopscope/codec/address";
import { reverseName } from "@hopscope/codec/dns-name";
import { DnsType } from "@hopscope/codec/dns-record";
import { UsageError } from "./program.ts";

/** What is printed of an answer. */
export const SHOWN = ["cmd", "comments", "question", "answer", "authority", "additional", "stats"] as const;
export type Shown = (typeof SHOWN)[number];

export interface DigOptions {
  readonly name: string;
  readonly type: number;
  /** As it was written: an address or a name. */
  readonly server: string | undefined;
  readonly port: number;
  readonly isShort: boolean;
  readonly shown: ReadonlySet<Shown>;
  /** Is what was typed printed if nobody answers: only what is in front of the name says no. */
  readonly isCommandKept: boolean;
  readonly recursionDesired: boolean;
  readonly edns: boolean;
  readonly cookie: boolean;
  readonly search: boolean;
  readonly timeoutNs: number;
  readonly tries: number;
}

const SECOND = 1_000_000_000;
const MAX_TRIES = 100;

/** `a` and `A`. */
const TYPES: ReadonlyMap<string, number> = new Map(
  (["a", "aaaa", "ptr", "cname", "mx", "txt", "srv", "ns", "soa"] as const).map((name) => [name, DnsType[name]]),
);

type Flag = "short" | "recurse" | "edns" | "cookie" | "search" | Shown;
const FLAGS: ReadonlySet<string> = new Set<Flag>(["short", "recurse", "edns", "cookie", "search", ...SHOWN]);
/** Other words for the same. */
const ALIASES: ReadonlyMap<string, Flag> = new Map([
  ["rec", "recurse"],
  ["cmnts", "comments"],
]);

export function readOptions(argv: readonly string[]): DigOptions {
  const flags = new Set<string>(["recurse", "edns", "cookie", ...SHOWN]);
  const values = { time: 5, tries: 3, port: 53 };
  let [name, type, server]: [string | undefined, number | undefined, string | undefined] = [
    undefined,
    undefined,
    undefined,
  ];
  let isCommandKept = true;
  const words = argv.slice(1);
  const valueOf = (option: string): string => {
    const value = words.shift();
    if (value === undefined) throw new UsageError(`dig: ${option} needs a value`);
    return value;
  };
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word.startsWith("@")) server = word.slice(1);
    else if (word.startsWith("+")) {
      readPlus(word, flags, values);
      isCommandKept = name === undefined ? flags.has("cmd") : isCommandKept;
    } else if (word === "-4") continue;
    else if (word === "-x") [name, type] = [askedName(valueOf(word)), DnsType.ptr];
    else if (word === "-t") type = typeOf(valueOf(word)) ?? refuseType(word);
    else if (word === "-p") values.port = numberOf("-p", valueOf(word), 1, 65_535);
    else if (word === "-q") name = valueOf(word);
    else if (word.startsWith("-")) throw new UsageError(`dig: ${word} is not modelled; there are -4 -p -q -t -x`);
    else if (word.toLowerCase() === "in") continue;
    else if (typeOf(word) !== undefined && type === undefined) type = typeOf(word);
    else if (name === undefined) name = word;
    else throw new UsageError(`dig: one name is expected, not ${name} and ${word}`);
  }
  if (name === undefined) throw new UsageError("dig: a name is expected: dig web A @127.0.0.11");
  return {
    name: name === "." ? name : name.replace(/\.$/, ""),
    type: type ?? DnsType.a,
    server,
    port: values.port,
    isShort: flags.has("short"),
    isCommandKept,
    shown: new Set(SHOWN.filter((part) => flags.has(part))),
    recursionDesired: flags.has("recurse"),
    edns: flags.has("edns"),
    cookie: flags.has("cookie"),
    search: flags.has("search") && !name.endsWith("."),
    timeoutNs: values.time * SECOND,
    tries: values.tries,
  };
}

function readPlus(word: string, flags: Set<string>, values: { time: number; tries: number }): void {
  const [, option = "", value] = /^\+([a-z]+)(?:=(.*))?$/.exec(word) ?? [];
  if (value !== undefined) {
    if (option === "time" || option === "timeout") values.time = numberOf(word, value, 1, 3600);
    else if (option === "tries") values.tries = numberOf(word, value, 1, MAX_TRIES);
    else if (option === "retry") values.tries = numberOf(word, value, 0, MAX_TRIES) + 1;
    else throw new UsageError(`dig: ${word} is not modelled; there are +time= +tries= +retry=`);
    return;
  }
  const isOn = !option.startsWith("no");
  const bare = isOn ? option : option.slice(2);
  const flag = ALIASES.get(bare) ?? bare;
  if (flag === "all") {
    for (const part of SHOWN)
      if (isOn) flags.add(part);
      else flags.delete(part);
  } else if (!FLAGS.has(flag)) {
    throw new UsageError(`dig: ${word} is not modelled; there are, each also with no, +all +${[...FLAGS].join(" +")}`);
  } else if (isOn) flags.add(flag);
  else flags.delete(flag);
}

function typeOf(word: string): number | undefined {
  return TYPES.get(word.toLowerCase());
}

function refuseType(word: string): never {
  throw new UsageError(`dig: ${word} is none of ${[...TYPES.keys()].join(" ").toUpperCase()}`);
}

function askedName(text: string): string {
  const ip = parseIpv4(text);
  if (ip === undefined) throw new UsageError(`dig: -x is "${text}", expected an IPv4 address`);
  return reverseName(ip);
}

function numberOf(option: string, text: string, min: number, max: number): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < min || number > max) {
    throw new UsageError(`dig: ${option}: "${text}" is not a number from ${min} to ${max}`);
  }
  return number;
}
