/** Schemas of single values: what is written as text becomes a number here and nowhere else. */
import { isGroupMac, parseIpv4, parseMac } from "@hopscope/codec/address";
import * as v from "valibot";
import { isNetwork, parseCidr } from "../swarm/cidr.ts";
import type { Schema } from "./check.ts";
import type { Cidr } from "./scenario.ts";
import { expectedDuration, parseBytes, parseDuration, parseRate, parseShare } from "./units.ts";

/** Any text, or what `expected` says it is. */
export function text(expected = "text", type = "text"): Schema<string> {
  return v.pipe(v.string(expected), v.metadata({ type }));
}

/** Text of which `parse` makes the value, or undefined. */
function written<T>(
  type: string,
  expected: string,
  parse: (found: string) => T | undefined,
  expectedOf: (found: string) => string = () => expected,
): Schema<T> {
  const read = v.rawTransform<string, T>(({ dataset, addIssue, NEVER }) => {
    const value = parse(dataset.value);
    if (value !== undefined) return value;
    addIssue({ message: expectedOf(dataset.value) });
    return NEVER;
  });
  return v.pipe(v.string(expected), read, v.metadata({ type }));
}

export function integer(
  least: number,
  most: number,
  expected = `a whole number from ${least} to ${most}`,
): Schema<number> {
  const inRange = v.check<number, string>(
    (found) => Number.isInteger(found) && found >= least && found <= most,
    expected,
  );
  return v.pipe(v.number(expected), inRange, v.metadata({ type: `number from ${least} to ${most}` }));
}

export function oneOf<const T extends string>(...words: readonly T[]): Schema<T> {
  return v.pipe(
    v.picklist(words, `one of ${words.join(", ")}`),
    v.metadata({ type: words.map((word) => `\`${word}\``).join(", ") }),
  );
}

/** Host names and Docker's names: capture points are named with them, so no slash. */
export const name: Schema<string> = written("name", "a name of letters, digits, and - _ . inside", (found) =>
  /^[a-zA-Z0-9][\w.-]{0,62}$/.test(found) ? found : undefined,
);

export const ipv4: Schema<number> = written("IPv4 address", "an IPv4 address such as 192.168.77.11", parseIpv4);

/** A key of AES-128. */
export const aesKey: Schema<Uint8Array> = written("32 hexadecimal digits", "a key of 32 hexadecimal digits", (found) =>
  /^(?:0x)?[0-9a-f]{32}$/i.test(found)
    ? Uint8Array.from(found.slice(-32).match(/../g)!, (digits) => Number.parseInt(digits, 16))
    : undefined,
);

export const mac: Schema<number> = written(
  "MAC address",
  "the MAC address of one device such as 52:54:00:a8:4d:0b",
  (found) => {
    const value = parseMac(found);
    return value === undefined || value === 0 || isGroupMac(value) ? undefined : value;
  },
);

export const subnet: Schema<Cidr> = written(
  "IPv4 network",
  "an IPv4 network such as 192.168.77.0/24, host bits zero",
  (found) => {
    const cidr = parseCidr(found);
    return cidr !== undefined && isNetwork(cidr) && cidr.prefixLength >= 1 && cidr.prefixLength <= 30
      ? cidr
      : undefined;
  },
);

export const duration: Schema<number> = written(
  "duration",
  "a duration such as 20us, 5ms or 1.5s",
  parseDuration,
  expectedDuration,
);

/** Bits a second. */
export const rate: Schema<number> = written("rate", "a rate such as 1Gbit or 100Mbit", (found) => {
  const value = parseRate(found);
  return value === 0 ? undefined : value;
});

/** A part of a whole, 0 to 1. */
export const share: Schema<number> = written("percentage", "a percentage such as 10% or 0.5%", parseShare);

/** Bytes: a plain number, or text with the unit. */
export function bytes(least: number, most: number): Schema<number> {
  const expected = `a size from ${least} to ${most} bytes such as 1450 or 1450B`;
  const plain = integer(least, most, expected);
  const unit = written("size", expected, (found) => {
    const value = parseBytes(found);
    return value !== undefined && value >= least && value <= most ? value : undefined;
  });
  const chosen = v.lazy((found): Schema<number> => (typeof found === "string" ? unit : plain));
  return v.pipe(chosen, v.metadata({ type: "size" }));
}

export const truth: Schema<boolean> = v.pipe(v.boolean("true or false"), v.metadata({ type: "true or false" }));

/** A whole number from 0. */
export function count(most: number): Schema<number> {
  return v.pipe(integer(0, most), v.metadata({ type: "number" }));
}
