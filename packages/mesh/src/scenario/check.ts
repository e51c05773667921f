/**
 * The bridge from valibot to messages with positions. A schema's message is the noun phrase of what it expects ("an
 * IPv4 address such as 10.0.9.3"); `check` makes "expected …, found …" of it, at the place in the file.
 */
import * as v from "valibot";
import { describe, type Path, type Place, type Report, suggest } from "./diagnostic.ts";

/** What the reference page says of a key beside its meaning. */
export interface KeyNotes {
  /** How the value is written: "IPv4 address", "duration". */
  readonly type?: string;
  readonly default?: string;
  readonly unit?: string;
}

export type Schema<T = unknown> = v.GenericSchema<unknown, T>;
export type Entries = Readonly<Record<string, Schema>>;

/** A map with these keys and no others. */
export function map<E extends v.ObjectEntries>(
  entries: E,
  expected = "a map",
): Schema<v.InferOutput<v.ObjectSchema<E, undefined>>> {
  // The message of the unknown key's schema carries the known ones, for the suggestion.
  const rest = v.never(Object.keys(entries).join(" "));
  return v.pipe(v.custom<object>(isMap, expected), v.objectWithRest(entries, rest), v.metadata({ type: "map" }));
}

/** A map whose keys are names. */
export function record<T>(value: Schema<T>, key: string, expected = "a map"): Schema<Record<string, T>> {
  const entries = v.record(v.string(), value);
  return v.pipe(v.custom<object>(isMap, expected), entries, v.metadata({ type: "map", key }));
}

export function list<T>(item: Schema<T>, expected = "a list"): Schema<T[]> {
  return v.pipe(v.array(item, expected), v.metadata({ type: "list" }));
}

/** One schema or another by the kind of the value, so that the message speaks of the right one. */
export function either<A, B>(isFirst: (value: unknown) => boolean, first: Schema<A>, second: Schema<B>): Schema<A | B> {
  const chosen = v.lazy((value): Schema<A | B> => (isFirst(value) ? first : second));
  return v.pipe(chosen, v.metadata({ alternatives: [first, second] }));
}

export function required<T>(schema: Schema<T>, meaning: string, notes: KeyNotes = {}): Schema<T> {
  return v.pipe(schema, v.description(meaning), v.metadata({ ...notes }));
}

export function optional<T>(schema: Schema<T>, meaning: string, notes: KeyNotes = {}): Schema<T | undefined> {
  return v.pipe(v.optional(schema), v.description(meaning), v.metadata({ ...notes }));
}

export function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isText(value: unknown): value is string {
  return typeof value === "string";
}

/** Says an unknown key. Docker's words differ from ours. */
export type UnknownKey = (key: string, known: readonly string[]) => string;

const unknownKey: UnknownKey = (key, known) => {
  const near = suggest(key, known);
  return `unknown key ${JSON.stringify(key)}${near === "" ? `, expected one of ${known.join(", ")}` : near}`;
};

/** The value as the schema makes it, or undefined after telling every mistake in it. */
export function check<T>(
  schema: Schema<T>,
  value: unknown,
  place: Place,
  report: Report,
  sayUnknownKey: UnknownKey = unknownKey,
): T | undefined {
  const result = v.safeParse(schema, value);
  for (const issue of result.issues ?? []) tellIssue(issue, place, report, sayUnknownKey);
  return result.success ? result.output : undefined;
}

/** A key that `entries` does not know holds such a value, and so may be one of theirs, misspelled. */
export function hasUnknown(
  value: Readonly<Record<string, unknown>>,
  entries: object,
  fits: (held: unknown) => boolean,
): boolean {
  return Object.entries(value).some(([key, held]) => !Object.hasOwn(entries, key) && fits(held));
}

/** What is left of a value without its mistakes. */
export interface Accepted<T> {
  /** Keys that are wrong are missing, items of lists undefined; undefined if all of it is wrong. */
  readonly value: T | undefined;
  /** What is missing of it so: steps from the value. */
  readonly refused: readonly Path[];
  /** Keys that nobody knows. */
  readonly unknown: readonly Path[];
}

/**
 * As {@link check}, but what is right beside a mistake is answered. What `T` says must allow for keys that are missing
 * and items that are undefined.
 */
export function checkParts<T>(
  schema: Schema<T>,
  value: unknown,
  place: Place,
  report: Report,
  sayUnknownKey: UnknownKey = unknownKey,
): Accepted<T> {
  const result = v.safeParse(schema, value);
  const refused: Path[] = [];
  const unknown: Path[] = [];
  // Valibot answers what it could not make anything of as it found it.
  const parts: { value: unknown } = { value: result.output };
  for (const issue of result.issues ?? []) {
    tellIssue(issue, place, report, sayUnknownKey);
    const path = pathOf(issue);
    (issue.type === "never" ? unknown : refused).push(path);
    cut(parts, ["value", ...path]);
  }
  return { value: parts.value as T | undefined, refused, unknown };
}

/** Takes out what `path` names, or the item of a list in which it is. */
function cut(parts: object, path: Path): void {
  let held: unknown = parts;
  for (const [index, step] of path.entries()) {
    if (Array.isArray(held)) {
      held[step as number] = undefined;
      return;
    }
    if (!isMap(held)) return;
    if (index === path.length - 1) delete (held as Record<string, unknown>)[step];
    else held = held[step];
  }
}

type Issue = v.BaseIssue<unknown>;

function pathOf({ path }: Issue): Path {
  return (path ?? []).map((item) => (typeof item.key === "number" ? item.key : String(item.key)));
}

function tellIssue(issue: Issue, place: Place, report: Report, sayUnknownKey: UnknownKey): void {
  const path = pathOf(issue);
  const last = issue.path?.at(-1);
  const at = place.at(...path);
  if (issue.type === "never") report.error(at, sayUnknownKey(String(last?.key), issue.message.split(" ")), "key");
  else if (last?.origin === "key" && issue.input === undefined)
    report.error(place.at(...path.slice(0, -1)), `missing key ${JSON.stringify(last.key)}`);
  else report.error(at, `expected ${issue.message}, found ${describe(issue.input)}`);
}

/**
 * The entries of a map whose values are checked one by one, so that one bad value does not hide the next: tells
 * unknown and missing keys, and answers what is there.
 */
export function openMap(
  value: unknown,
  entries: Entries,
  place: Place,
  report: Report,
  sayUnknownKey: UnknownKey = unknownKey,
): Readonly<Record<string, unknown>> | undefined {
  if (!isMap(value)) {
    report.error(place, `expected a map with the keys ${Object.keys(entries).join(", ")}, found ${describe(value)}`);
    return undefined;
  }
  const known = Object.keys(entries);
  for (const key of Object.keys(value))
    if (!Object.hasOwn(entries, key)) report.error(place.at(key), sayUnknownKey(key, known), "key");
  for (const key of known)
    if (!Object.hasOwn(value, key) && entries[key]!.type !== "optional") report.error(place, `missing key "${key}"`);
  return value;
}
