/**
 * How the docker client prints a list (docker/cli cli/command/formatter/formatter.go): as its table, or by `--format`,
 * whose template may be behind the word `table`, or be `json`.
 */
import type { Call } from "./cli-call.ts";
import { table } from "./cli-table.ts";
import { render, TemplateError } from "./cli-template.ts";

export interface Listing {
  /** Type of its rows in the client's source, which it names when a template asks for what is not there. */
  readonly type: string;
  /** By field; of `.Label "KEY"` a function. */
  readonly headings: Readonly<Record<string, unknown>>;
  /** Fields of the table. */
  readonly columns: readonly string[];
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

export function printListing(call: Call, { type, headings, columns, rows }: Listing): void {
  const format = call.words.value("format") ?? "table";
  if (format === "table") {
    const cells = rows.map((row) => columns.map((column) => String(row[column])));
    call.printAll(
      table(
        columns.map((column) => String(headings[column])),
        cells,
      ),
    );
    return;
  }
  if (format === "json") {
    for (const row of rows) call.print(JSON.stringify(sorted(row)));
    return;
  }
  const [, template = format] = /^table\s+(.*)$/s.exec(format) ?? [];
  for (const [text, field = ""] of template.matchAll(/(?<=\{\{[^}]*?)\.([A-Z]\w*)/g))
    if (!Object.hasOwn(headings, field))
      throw new TemplateError(
        `failed to execute template: template: :1:${format.indexOf(text)}: executing "" at <${text}>: can't evaluate field ${field} in type *${type}`,
      );
  if (template === format) {
    for (const row of rows) call.print(render(format, row));
    return;
  }
  const cells = [headings, ...rows].map((row) => render(template, row).split("\t"));
  const width = Math.max(...cells.map(({ length }) => length));
  const [header = [], ...rest] = cells.map((row) => [...row, ...Array<string>(width - row.length).fill("")]);
  call.printAll(table(header, rest));
}

/** SubHeaderContext.Label */
export function labelHeading(key: string): string {
  return key.split(".").at(-1)!.replaceAll(/[-_]/g, " ");
}

/** encoding/json of a map: by key; functions are no fields of it. */
function sorted(row: Readonly<Record<string, unknown>>): object {
  const fields = Object.entries(row).filter(([, value]) => typeof value !== "function");
  return Object.fromEntries(fields.sort(([a], [b]) => (a < b ? -1 : 1)));
}
