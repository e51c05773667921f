/** The reference page of the scenario language, made from the schemas. */
import type { Entries, Schema } from "./check.ts";
import { type Treatment, treatmentOf } from "./compose-key.ts";
import { commandReference } from "./command-reference.ts";
import { composeEntries } from "./compose-schema.ts";
import { scenarioEntries } from "./schema.ts";
import { shapeOf } from "./shape.ts";

interface Row {
  readonly path: string;
  readonly type: string;
  readonly default: string;
  readonly unit: string;
  readonly meaning: string;
  readonly treatment: Treatment;
}

/** The page as Markdown. */
export function scenarioReference(): string {
  const own = rows(scenarioEntries, "").filter((row) => !row.path.startsWith("compose."));
  const stack = rows(composeEntries, "");
  const used = stack.filter((row) => row.treatment === "used");
  const named = (treatment: Treatment): readonly Row[] => stack.filter((row) => row.treatment === treatment);
  return `${[
    "# Scenario reference",
    "",
    "<!-- Made by scripts/scenario-reference.mjs from packages/mesh/src/scenario/schema.ts; do not edit. -->",
    "",
    "A scenario is a YAML file: the machines, the stack that runs on them, and what happens. Every mistake in it is told",
    "with file, line and column, all at once. Keys that are not listed here are mistakes, but for those at the top that",
    "begin with `x-`: they are ignored, and there for anchors.",
    "",
    "```yaml",
    "cluster:",
    "  nodes: [manager, worker]",
    "compose:",
    "  services:",
    "    web:",
    "      image: nginx",
    "      deploy: { replicas: 2 }",
    "run:",
    "  steps:",
    "    - exec web.1 ping -c 1 10.0.1.4",
    "```",
    "",
    "## Keys",
    "",
    "`NAME`s in capitals are yours to choose; `[]` is an item of a list.",
    "",
    ...table(own),
    "",
    ...commandReference(),
    "",
    "## Units",
    "",
    "Durations are a number and `ns`, `us`, `ms`, `s`, `m` or `h`, several add up (`1m30s`). Sizes are a plain number of",
    "bytes, or a number and `B`, `kB`, `MB`, `GB`, `KiB`, `MiB` or `GiB`. What is finer than a nanosecond or a byte is a",
    "mistake. Rates are a number and `bit`, `kbit`, `Mbit` or `Gbit`, shares a number and `%`.",
    "",
    "## The stack file",
    "",
    "What `docker stack deploy` takes, unchanged, with anchors, merge keys, `x-` keys and variables (`${TAG:-latest}`).",
    "What it refuses is refused in its words. Keys that have an effect here:",
    "",
    ...table(used),
    "",
    "Not modelled yet, so a warning names them:",
    "",
    ...bullets(named("later")),
    "",
    "Without effect on packets, so nothing is said:",
    "",
    ...bullets(named("quiet")),
    "",
    "Ignored by `docker stack deploy` itself, so a warning says so:",
    "",
    ...bullets([...named("unsupported"), ...named("deprecated")]),
  ].join("\n")}\n`;
}

/** Keys and what is inside them, each before its insides. What is ignored has no inside. */
function rows(entries: Entries, prefix: string): readonly Row[] {
  return Object.entries(entries).flatMap(([key, schema]) => {
    const path = prefix === "" ? key : `${prefix}.${key}`;
    const shape = shapeOf(schema);
    const treatment = treatmentOf(schema);
    const row: Row = {
      path,
      type: typeOf(schema),
      default: shape.notes.default ?? (shape.optional ? "none" : "(required)"),
      unit: shape.notes.unit ?? "",
      meaning: shape.meaning ?? "",
      treatment,
    };
    return [row, ...(treatment === "used" ? inside(schema, path) : [])];
  });
}

function inside(schema: Schema, path: string): readonly Row[] {
  const { entries, value, item, alternatives, notes } = shapeOf(schema);
  if (alternatives.length > 0) return alternatives.flatMap((alternative) => inside(alternative, path));
  if (entries !== undefined) return rows(entries, path);
  if (value !== undefined) return inside(value, `${path}.${notes.key ?? "NAME"}`);
  return item === undefined ? [] : inside(item, `${path}[]`);
}

function typeOf(schema: Schema): string {
  const { alternatives, item, notes } = shapeOf(schema);
  if (alternatives.length > 0) return [...new Set(alternatives.map(typeOf))].filter((type) => type !== "").join(" or ");
  if (item !== undefined) return `list of ${typeOf(item)}`;
  if (notes.key !== undefined) return `map by ${notes.key}`;
  return notes.type ?? "";
}

function table(all: readonly Row[]): readonly string[] {
  const cell = (text: string): string => text.replaceAll("|", "\\|");
  return [
    "| Key | Value | Default | Unit | Meaning |",
    "| --- | --- | --- | --- | --- |",
    ...all.map(
      (row) => `| \`${row.path}\` | ${cell(row.type)} | ${cell(row.default)} | ${row.unit} | ${cell(row.meaning)} |`,
    ),
  ];
}

function bullets(all: readonly Row[]): readonly string[] {
  return all.map((row) => `- \`${row.path}\`: ${row.meaning}`);
}
