/** Examples: folders below `examples` that have a `scenario.yml`, and what their pages say that one sees. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { ROOT } from "./workspace.ts";

/** Paths of all, from the workspace on: `examples/first-light`. */
export function examples(): readonly string[] {
  return readdirSync(`${ROOT}examples`, { recursive: true, encoding: "utf8" })
    .map((name) => `examples/${name.replaceAll("\\", "/")}`)
    .filter((name) => name.endsWith("/scenario.yml"))
    .map((name) => name.slice(0, -"/scenario.yml".length))
    .toSorted();
}

/** A file of an example, or undefined. */
export function textOf(path: string): string | undefined {
  return existsSync(ROOT + path) ? readFileSync(ROOT + path, "utf8") : undefined;
}

/** What is between "```LANGUAGE" and "```", in order. */
export function blocks(page: string, language: string): readonly string[] {
  return [...page.matchAll(BLOCK)].filter((match) => match[2] === language).map((match) => match[3]!);
}

const BLOCK = /^(```(\w+)\n)([\s\S]*?)^```$/gm;

/** A step as a page may show it: its line, and what it printed. */
interface Step {
  readonly line: string;
  readonly text: string;
}

function stepsOf(printed: string): readonly Step[] {
  return printed
    .split(/^(?=\$ )/m)
    .filter((text) => text.startsWith("$ "))
    .map((text) => ({ line: text.split("\n", 1)[0]!, text: text.trimEnd() }));
}

/**
 * The page with its `console` blocks as they should be: after each `$ STEP` in them what the step printed. One that stands
 * there several times is taken in order.
 */
export function withOutput(page: string, printed: string): string {
  const steps = stepsOf(printed);
  let next = 0;
  const shown = (line: string): string => {
    const after = steps.findIndex((step, index) => index >= next && step.line === line);
    const at = after < 0 ? steps.findIndex((step) => step.line === line) : after;
    if (at < 0) return `${line}\n  (there is no such step)`;
    next = at + 1;
    return steps[at]!.text;
  };
  return page.replaceAll(BLOCK, (whole, open: string, language: string, content: string) => {
    if (language !== "console") return whole;
    const lines = content.split("\n").filter((line) => line.startsWith("$ "));
    return `${open}${lines.map(shown).join("\n\n")}\n\`\`\``;
  });
}

/** A line of the hop table, or of a page, without time, packet number and alignment. */
function plain(line: string): string {
  return line
    .replace(/^ *-?\d+\.\d+ ms +#\d+/, "")
    .replaceAll(/\s+/g, " ")
    .trim();
}

/** The lines of a `hops` block that are not in the table, in this order. `…` stands for any lines, or any end of one. */
export function missingHops(block: string, table: readonly string[]): readonly string[] {
  const plains = table.map(plain);
  let from = 0;
  const missing: string[] = [];
  for (const line of block.split("\n").map(plain)) {
    if (line === "" || line === "…") continue;
    const fits = line.endsWith("…")
      ? (hop: string): boolean => hop.startsWith(line.slice(0, -1).trimEnd())
      : (hop: string): boolean => hop === line;
    const at = plains.findIndex((hop, index) => index >= from && fits(hop));
    if (at < 0) missing.push(line);
    else from = at + 1;
  }
  return missing;
}
