/** What the schemas of a stack file's keys are made of. */
import * as v from "valibot";
import { either, type Entries, isText, list, map, optional, record, type Schema } from "./check.ts";
import { text } from "./values.ts";

/**
 * What becomes of a key: `used`; `quiet`, as it cannot change a packet; `later`, not modelled yet; `unsupported` and
 * `deprecated`, which docker stack deploy itself ignores (cli/compose/types).
 */
export type Treatment = "used" | "quiet" | "later" | "unsupported" | "deprecated";

const anything: Schema = v.unknown();
export function isNumber(value: unknown): value is number {
  return typeof value === "number";
}

export function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

export const listOfText: Schema<string[]> = list(text());
export const textOrList: Schema<string | string[]> = either(isText, text(), list(text(), "text or a list"));
export const scalar: Schema<string | number> = either(isNumber, v.number("a number"), text("text or a number"));
export const listOrMap: Schema = either(
  isList,
  listOfText,
  record(
    either((value) => value === null, v.null(), scalar),
    "KEY",
    "a list or a map",
  ),
);
export const someMap: Schema = record(anything, "KEY");

/** Schema and treatment of a key. The treatment travels as metadata. */
export function key<T>(
  schema: Schema<T>,
  treatment: Treatment,
  meaning: string,
  notes: { readonly default?: string; readonly unit?: string } = {},
): Schema<T | undefined> {
  return v.pipe(optional(schema, meaning, notes), v.metadata({ treatment }));
}

/** What is to become of a key. */
export function treatmentOf(schema: Schema): Treatment {
  return (v.getMetadata(schema)["treatment"] as Treatment | undefined) ?? "used";
}

/** An empty value is as good as none for some keys: `networks: {front: }`. */
export function orNothing<T>(schema: Schema<T>): Schema<T | null> {
  return either((value) => value === null, v.null(), schema);
}

/** A map whose keys are not described one by one: it is ignored as a whole. */
export function plain(entries: Entries): Schema {
  return map(Object.fromEntries(Object.entries(entries).map(([name, schema]) => [name, v.optional(schema)])));
}
