/** The structure of a schema, for whoever walks schemas: the reference page, and the warnings of ignored keys. */
import * as v from "valibot";
import type { Entries, KeyNotes, Schema } from "./check.ts";

export interface Shape {
  /** Keys of a map. */
  readonly entries: Entries | undefined;
  /** What the values of a map with free keys are. */
  readonly value: Schema | undefined;
  /** What the items of a list are. */
  readonly item: Schema | undefined;
  /** The schemas of which one applies. */
  readonly alternatives: readonly Schema[];
  readonly notes: KeyNotes & { readonly key?: string; readonly alternatives?: readonly Schema[] };
  readonly meaning: string | undefined;
  readonly optional: boolean;
}

/** The parts of valibot's schemas that are looked at. */
interface Node extends Schema {
  readonly wrapped?: Schema;
  readonly entries?: Entries;
  readonly rest?: Schema;
  readonly value?: Schema;
  readonly item?: Schema;
  readonly pipe?: readonly Node[];
}

export function shapeOf(schema: Schema): Shape {
  const node = schema as Node;
  const inner = node.wrapped === undefined ? undefined : shapeOf(node.wrapped);
  const parts = schemasIn(node);
  const find = <K extends "entries" | "value" | "item">(key: K): Node[K] | undefined =>
    parts.find((part) => part[key] !== undefined)?.[key];
  const notes = { ...inner?.notes, ...(v.getMetadata(schema) as Shape["notes"]) };
  return {
    entries: find("entries") ?? inner?.entries,
    value: find("value") ?? inner?.value,
    item: find("item") ?? inner?.item,
    alternatives: notes.alternatives ?? [],
    notes,
    meaning: v.getDescription(schema) ?? inner?.meaning,
    optional: node.type === "optional",
  };
}

/** The schemas of a pipe, and of pipes inside it. */
function schemasIn(node: Node): readonly Node[] {
  if (node.pipe === undefined) return [node];
  return node.pipe.filter((part) => part.kind === "schema").flatMap(schemasIn);
}
