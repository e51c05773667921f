/** Parts of a scenario that may stand in a file of their own, by its path from the scenario's. */
import { Place, type Report } from "./diagnostic.ts";
import { YamlSource } from "./position.ts";

/** A value, and where it stands. */
export interface Part {
  readonly value: unknown;
  readonly place: Place;
}

export class FileParts {
  readonly #file: string;
  readonly #readFile: (path: string) => string;
  readonly #sources: Map<string, string>;
  readonly #report: Report;

  /** Texts of the files that are read are put into `sources`, by path. */
  constructor(file: string, readFile: (path: string) => string, sources: Map<string, string>, report: Report) {
    this.#file = file;
    this.#readFile = readFile;
    this.#sources = sources;
    this.#report = report;
  }

  /** What a path leads to, and anything else as it is. Undefined if the file cannot be read, which is told. */
  open(value: unknown, place: Place): Part | undefined {
    if (typeof value !== "string") return { value, place };
    const file = resolvePath(this.#file, value);
    let text: string;
    try {
      text = this.#readFile(file || ".");
    } catch (error) {
      this.#report.error(
        place,
        `cannot read ${file || "."}: ${error instanceof Error ? error.message : String(error)}`,
      );
      return undefined;
    }
    this.#sources.set(file, text);
    const source = new YamlSource(file, text);
    adopt(source, this.#report);
    return source.readable ? { value: source.value, place: new Place(source) } : undefined;
  }
}

export function adopt(source: YamlSource, report: Report): void {
  report.errors.push(...source.errors);
  report.warnings.push(...source.warnings);
}

/** `examples/a/scenario.yml` and `../stack.yml` are `examples/stack.yml`. */
export function resolvePath(file: string, path: string): string {
  if (/^(?:[/\\]|[A-Za-z]:)/.test(path)) return path;
  const parts = file.split(/[/\\]/).slice(0, -1);
  for (const part of path.split("/")) {
    if (part === "." || part === "") continue;
    const last = parts.at(-1);
    if (part === ".." && last !== undefined && last !== ".." && last !== "") parts.pop();
    else parts.push(part);
  }
  return parts.join("/");
}
