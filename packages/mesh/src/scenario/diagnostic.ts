/**
 * What a person is told about a scenario: every mistake with file, line, column and path, all of them at once.
 */
import { visibleText } from "@hopscope/tracer/print/visible-text";
import type { YamlSource } from "./position.ts";
import type { Diagnostic, Position } from "./scenario.ts";

/** Steps into a document: a map's key or a list's index each. */
export type Path = readonly (string | number)[];

/** Whether a message is about the key or about what it holds. */
export type Part = "key" | "value";

/** A place in a document, whether it is there or (the message says so) missing. */
export class Place {
  readonly source: YamlSource;
  readonly path: Path;

  constructor(source: YamlSource, path: Path = []) {
    this.source = source;
    this.path = path;
  }

  at(...path: Path): Place {
    return new Place(this.source, [...this.path, ...path]);
  }

  position(part: Part = "value"): Position {
    return this.source.position(this.path, part);
  }
}

/** Collects. An error stops the run, a warning does not. What a merge repeats is told once. */
export class Report {
  readonly errors: Diagnostic[] = [];
  readonly warnings: Diagnostic[] = [];
  /** How many mistakes there were, those that a merge repeats among them. */
  found = 0;
  readonly #told = new Set<string>();

  error(place: Place, message: string, part: Part = "value"): void {
    this.found++;
    this.#tell(this.errors, place, place.position(part), message);
  }

  /** About the character `index` of the text at `place`. */
  errorInside(place: Place, index: number, message: string): void {
    this.found++;
    this.#tell(this.errors, place, place.source.characterPosition(place.path, index), message);
  }

  warn(place: Place, message: string, part: Part = "value"): void {
    this.#tell(this.warnings, place, place.position(part), message);
  }

  #tell(list: Diagnostic[], place: Place, position: Position, message: string): void {
    const key = `${position.file}:${position.line}:${position.column}:${message}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    list.push({ position, path: formatPath(place.path), message });
  }
}

/** `compose.services.web.networks[0]`, `placement["web.1"]`; the document itself is `(document)`. */
export function formatPath(path: Path): string {
  if (path.length === 0) return "(document)";
  let text = "";
  for (const segment of path) {
    if (typeof segment === "number") text += `[${segment}]`;
    else if (/^[\w-]+$/.test(segment)) text += text === "" ? segment : `.${segment}`;
    else text += `[${JSON.stringify(segment)}]`;
  }
  return text;
}

/** In the order of the files as they were first named, then of lines and columns. */
export function sortDiagnostics(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  const files = new Map<string, number>();
  for (const { position } of diagnostics) if (!files.has(position.file)) files.set(position.file, files.size);
  return diagnostics.toSorted(
    (a, b) =>
      files.get(a.position.file)! - files.get(b.position.file)! ||
      a.position.line - b.position.line ||
      a.position.column - b.position.column,
  );
}

/** Characters of a line that are shown on either side of a mistake at most. */
const ASIDE = 120;

/**
 * `file:line:column: path: message`, and under it the line of the file with a caret, if `text` is that file. What could
 * play tricks on a terminal is shown as escapes.
 */
export function formatDiagnostic(diagnostic: Diagnostic, text?: string): string {
  const { file, line, column } = diagnostic.position;
  const head = visibleText(`${file}:${line}:${column}: ${diagnostic.path}: ${diagnostic.message}`);
  const source = text?.split(/\r\n|\n/)[line - 1];
  if (source === undefined || source.trim() === "") return head;
  const number = String(line);
  const at = column - 1;
  const before = visibleLine((at > ASIDE ? "…" : "") + source.slice(Math.max(0, at - ASIDE), at));
  const after = visibleLine(source.slice(at, at + ASIDE) + (source.length > at + ASIDE ? "…" : ""));
  // A caret under a tab must stand under a tab.
  const indent = before.replaceAll(/[^\t]/g, " ");
  return `${head}\n  ${number} | ${before}${after}\n  ${" ".repeat(number.length)} | ${indent}^`;
}

/** Tabs stay. */
function visibleLine(line: string): string {
  return line.split("\t").map(visibleText).join("\t");
}

/** All of them, with the lines of the files in `sources`; `label` ("warning") goes before each. */
export function formatDiagnostics(
  diagnostics: readonly Diagnostic[],
  sources: ReadonlyMap<string, string>,
  label = "",
): string {
  return diagnostics
    .map(
      (diagnostic) =>
        (label === "" ? "" : `${label}: `) + formatDiagnostic(diagnostic, sources.get(diagnostic.position.file)),
    )
    .join("\n");
}

/** `; did you mean "subnet"?`, or nothing if no candidate is near. */
export function suggest(found: string, candidates: Iterable<string>): string {
  let nearest: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    // A third of the letters may differ: more is another word.
    const most = Math.max(1, Math.floor(Math.max(found.length, candidate.length) / 3));
    const limit = Math.min(least, most + 1, found.length);
    const distance = editDistance(found.toLowerCase(), candidate.toLowerCase(), limit);
    if (distance >= limit) continue;
    least = distance;
    nearest = candidate;
  }
  return nearest === undefined ? "" : `; did you mean ${JSON.stringify(nearest)}?`;
}

/** Letters to add, drop, change or swap with their neighbor (optimal string alignment); `limit` or more is not told apart. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const now = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let least = Math.min(last[column]! + 1, now[column - 1]! + 1, last[column - 1]! + (same ? 0 : 1));
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1])
        least = Math.min(least, before[column - 2]! + 1);
      now.push(least);
    }
    before = last;
    last = now;
  }
  return last[b.length]!;
}

/** What was found, as a message says it: `the text "abc"`, `the number 5`, `a list`, `nothing`. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (typeof value === "string")
    return value.length > 60 ? `${JSON.stringify(value.slice(0, 57))}…` : JSON.stringify(value);
  // YAML's own words for what is no number.
  if (typeof value === "number" && !Number.isFinite(value))
    return Number.isNaN(value) ? ".nan" : `${value < 0 ? "-" : ""}.inf`;
  if (typeof value === "number") return `the number ${value}`;
  if (typeof value === "boolean") return `${value}`;
  return Array.isArray(value) ? "a list" : "a map";
}
