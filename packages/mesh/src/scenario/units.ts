/**
 * Values with their unit as text: `20us`, `6.5s`, `1m30s`, `1450B`, `1Gbit`. Exact: what cannot be held exactly is
 * refused, and so is what would not fit an integer of 53 bits.
 */

const NANOSECONDS: ReadonlyMap<string, bigint> = new Map([
  ["ns", 1n],
  ["us", 1_000n],
  ["µs", 1_000n],
  // The Greek letter, beside the micro sign above: keyboards have the one or the other.
  ["μs", 1_000n],
  ["ms", 1_000_000n],
  ["s", 1_000_000_000n],
  ["m", 60_000_000_000n],
  ["h", 3_600_000_000_000n],
]);

const BYTES: ReadonlyMap<string, bigint> = new Map([
  ["B", 1n],
  ["kB", 1_000n],
  ["MB", 1_000_000n],
  ["GB", 1_000_000_000n],
  ["KiB", 1_024n],
  ["MiB", 1_048_576n],
  ["GiB", 1_073_741_824n],
]);

const BITS: ReadonlyMap<string, bigint> = new Map([
  ["bit", 1n],
  ["kbit", 1_000n],
  ["Mbit", 1_000_000n],
  ["Gbit", 1_000_000_000n],
]);

/** A number that is longer cannot be meant. Bounds the work, too. */
const MAX_TEXT = 40;

/** Nanoseconds. Several parts add up, as Go and Docker write them (`1m30s`). Undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  if (text.length > MAX_TEXT) return undefined;
  let sum = 0n;
  const parts = text.trim().matchAll(/(\d+(?:\.\d+)?) ?([a-zµμ]+)|(.)/gu);
  let any = false;
  for (const [, digits, unit, rest] of parts) {
    const factor = unit === undefined ? undefined : NANOSECONDS.get(unit);
    if (rest !== undefined || digits === undefined || factor === undefined) return undefined;
    const amount = multiply(digits, factor);
    if (amount === undefined) return undefined;
    sum += amount;
    any = true;
  }
  return any ? integer(sum) : undefined;
}

/** What is expected of a text that {@link parseDuration} does not take. */
export function expectedDuration(text: string): string {
  const isDuration = text.length <= MAX_TEXT && /^(?:\d+(?:\.\d+)? ?(?:ns|us|µs|μs|ms|s|m|h))+$/.test(text.trim());
  if (!isDuration) return "a duration such as 20us, 5ms or 1.5s";
  const parts = text.match(/\d+(?:\.\d+)? ?(?:ns|us|µs|μs|ms|s|m|h)/g)!;
  const isLong = parts.reduce((sum, part) => sum + roughly(part), 0) > Number.MAX_SAFE_INTEGER;
  return isLong ? "a duration of at most 2501h" : "a duration of whole nanoseconds";
}

/** Nanoseconds of one number with its unit, as near as a number comes. */
function roughly(part: string): number {
  const [, digits = "", unit = ""] = /^([\d.]+) ?(\D+)$/.exec(part) ?? [];
  return Number(digits) * Number(NANOSECONDS.get(unit) ?? 0n);
}

/** Bytes: `1450B`, `1.5kB`, `64KiB`. */
export function parseBytes(text: string): number | undefined {
  return parseWith(text, BYTES);
}

/** Bits a second: `1Gbit`, `100Mbit/s`. */
export function parseRate(text: string): number | undefined {
  return parseWith(text.replace(/\/s$/, ""), BITS);
}

/** `10%`, `0.5%`: a part of a whole, 0 to 1. */
export function parseShare(text: string): number | undefined {
  const [, digits] = /^(\d{1,3}(?:\.\d{1,6})?) ?%$/.exec(text.trim()) ?? [];
  const share = digits === undefined ? undefined : Number(digits) / 100;
  return share === undefined || share > 1 ? undefined : share;
}

/** Nanoseconds as a person writes them: `20us`, `1.5s`. `parseDuration` reads it back. */
export function formatDuration(nanoseconds: number): string {
  for (const [unit, factor] of [
    ["s", 1_000_000_000],
    ["ms", 1_000_000],
    ["us", 1_000],
  ] as const)
    if (nanoseconds >= factor) return `${fixed(nanoseconds, factor)}${unit}`;
  return `${nanoseconds}ns`;
}

function parseWith(text: string, units: ReadonlyMap<string, bigint>): number | undefined {
  if (text.length > MAX_TEXT) return undefined;
  const [, digits, unit] = /^(\d+(?:\.\d+)?) ?([A-Za-z]+)$/.exec(text.trim()) ?? [];
  const factor = unit === undefined ? undefined : units.get(unit);
  if (digits === undefined || factor === undefined) return undefined;
  const amount = multiply(digits, factor);
  return amount === undefined ? undefined : integer(amount);
}

/** `6.5` times 1000000000, or undefined if that is not whole. */
function multiply(digits: string, factor: bigint): bigint | undefined {
  const [whole, fraction = ""] = digits.split(".");
  const scale = 10n ** BigInt(fraction.length);
  const scaled = BigInt(whole! + fraction) * factor;
  return scaled % scale === 0n ? scaled / scale : undefined;
}

function integer(value: bigint): number | undefined {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : undefined;
}

function fixed(value: number, factor: number): string {
  const rest = value % factor;
  if (rest === 0) return String(value / factor);
  const digits = String(rest).padStart(String(factor).length - 1, "0");
  return `${Math.floor(value / factor)}.${digits.replace(/0+$/, "")}`;
}
