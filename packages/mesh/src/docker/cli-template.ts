/**
 * Go templates as far as people use them with `docker … --format` (text/template): fields, `json`, `range`, `if`, `len`,
 * `index` with a key, `println`; what a template does not understand it says.
 *
 * Not modelled: pipelines, variables, comparison, nested calls.
 */
import { ownOf } from "./own.ts";

/** What the client itself says of a template that it cannot use. */
export class TemplateError extends Error {}

type Piece =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "value"; readonly words: readonly string[] }
  | {
      readonly kind: "range" | "if";
      readonly words: readonly string[];
      readonly body: readonly Piece[];
      readonly otherwise: readonly Piece[];
    };

/** The text that a template makes of a value. */
export function render(template: string, value: unknown): string {
  const tokens = template.split(/(\{\{-?\s*.*?\s*-?\}\})/s);
  const { pieces } = parse(tokens, 0, template);
  return pieces.map((piece) => print(piece, value, template)).join("");
}

function refuse(template: string, what: string): never {
  throw new TemplateError(`template parsing error: template: :1: ${what} in ${JSON.stringify(template)}`);
}

function parse(
  tokens: readonly string[],
  start: number,
  template: string,
): { readonly pieces: readonly Piece[]; readonly at: number; readonly end: string } {
  const pieces: Piece[] = [];
  let at = start;
  while (at < tokens.length) {
    const token = tokens[at++]!;
    if (!token.startsWith("{{")) {
      if (token !== "") pieces.push({ kind: "text", text: token.replaceAll("\\n", "\n").replaceAll("\\t", "\t") });
      continue;
    }
    const words = token.replace(/^\{\{-?\s*|\s*-?\}\}$/g, "").split(/\s+(?=(?:[^"]*"[^"]*")*[^"]*$)/);
    const [first = ""] = words;
    if (first === "end" || first === "else") return { pieces, at, end: first };
    if (first !== "range" && first !== "if") {
      pieces.push({ kind: "value", words });
      continue;
    }
    const body = parse(tokens, at, template);
    const otherwise =
      body.end === "else" ? parse(tokens, body.at, template) : { pieces: [], at: body.at, end: body.end };
    if (otherwise.end !== "end") refuse(template, "unexpected EOF");
    at = otherwise.at;
    pieces.push({ kind: first, words: words.slice(1), body: body.pieces, otherwise: otherwise.pieces });
  }
  return { pieces, at, end: "" };
}

function print(piece: Piece, value: unknown, template: string): string {
  const all = (pieces: readonly Piece[], of: unknown): string =>
    pieces.map((each) => print(each, of, template)).join("");
  switch (piece.kind) {
    case "text":
      return piece.text;
    case "value":
      return text(evaluate(piece.words, value, template));
    case "if":
      return isTrue(evaluate(piece.words, value, template)) ? all(piece.body, value) : all(piece.otherwise, value);
    case "range": {
      const over = evaluate(piece.words, value, template);
      const items = Array.isArray(over) ? over : Object.values((over ?? {}) as object);
      return items.length === 0 ? all(piece.otherwise, value) : items.map((item) => all(piece.body, item)).join("");
    }
  }
}

function evaluate(words: readonly string[], value: unknown, template: string): unknown {
  const [name = "", ...rest] = words;
  const argument = (index: number): unknown => evaluate([rest[index] ?? "."], value, template);
  switch (name) {
    case "json":
      return JSON.stringify(argument(0));
    case "println":
      return `${text(argument(0))}\n`;
    case "len":
      return Object.keys((argument(0) ?? {}) as object).length;
    case "index":
      return field(argument(0), JSON.parse(rest[1] ?? '""') as string);
    default:
  }
  if (!name.startsWith(".")) refuse(template, `function "${name}" not defined`);
  let found = value;
  for (const part of name.split(".").slice(1)) if (part !== "") found = field(found, part);
  if (typeof found === "function") return (found as (key: string) => unknown)(JSON.parse(rest[0] ?? '""') as string);
  if (rest.length > 0) refuse(template, `function "${name}" not defined`);
  return found;
}

function field(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  const held = value as Readonly<Record<string, unknown>>;
  // The client's types say ID where its JSON says Id.
  return ownOf(held, name) ?? (name === "ID" ? ownOf(held, "Id") : undefined);
}

function isTrue(value: unknown): boolean {
  if (typeof value === "object" && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
}

/** As Go prints a value. */
function text(value: unknown): string {
  if (value === undefined) return "<no value>";
  if (value === null) return "<nil>";
  if (Array.isArray(value)) return `[${value.map(text).join(" ")}]`;
  if (typeof value === "object")
    return `map[${Object.entries(value)
      .map(([key, held]) => `${key}:${text(held)}`)
      .join(" ")}]`;
  return String(value as string | number | boolean);
}
