import { expect, test } from "vitest";
import {
  describe as say,
  formatDiagnostic,
  formatDiagnostics,
  formatPath,
  suggest,
} from "../../src/scenario/diagnostic.ts";
import { load } from "./loading.ts";

test("paths", () => {
  expect(formatPath([])).toBe("(document)");
  expect(formatPath(["compose", "networks", "back", "ipam", "config", 0, "subnet"])).toBe(
    "compose.networks.back.ipam.config[0].subnet",
  );
  expect(formatPath(["placement", "web.1"])).toBe('placement["web.1"]');
  expect(formatPath(["a b"])).toBe('["a b"]');
});

test("a mistake is shown with its line and a caret", () => {
  const text = "cluster:\n\tnodes: 1\n";
  const result = load(text);
  if (result.ok) throw new Error("expected a mistake");
  expect(formatDiagnostics(result.diagnostics, result.sources)).toBe(
    `lab/scenario.yml:2:1: (document): not YAML: Tabs are not allowed as indentation
  2 | \tnodes: 1
    | ^`,
  );
  const position = { file: "f.yml", line: 2, column: 2 };
  expect(formatDiagnostic({ position, path: "a", message: "m" }, text)).toBe(
    "f.yml:2:2: a: m\n  2 | \tnodes: 1\n    | \t^",
  );
  expect(formatDiagnostic({ position, path: "a", message: "m" })).toBe("f.yml:2:2: a: m");
  expect(formatDiagnostic({ position: { ...position, line: 9 }, path: "a", message: "m" }, text)).toBe(
    "f.yml:9:2: a: m",
  );
  expect(formatDiagnostics([{ position, path: "a", message: "m" }], new Map(), "warning")).toBe(
    "warning: f.yml:2:2: a: m",
  );
});

test("what would reach the terminal as a command is shown instead, and the caret stays below its character", () => {
  const text = "a: \u001b[31m\u009b2J\t\u202e!\u0000\r\n";
  const position = { file: "\u001b]0;f\u0007.yml", line: 1, column: 14 };
  expect(formatDiagnostic({ position, path: '["\u009b"]', message: "found \u001b[2J" }, text)).toBe(
    String.raw`\x1b]0;f\x07.yml:1:14: ["\x9b"]: found \x1b[2J
  1 | a: \x1b[31m\x9b2J${"\t"}\u202e!\x00
    |                  ${"\t"}      ^`,
  );
});

test("of a long line, what is around the mistake", () => {
  const text = `${"a".repeat(300)}!${"b".repeat(300)}`;
  const position = { file: "f", line: 1, column: 301 };
  expect(formatDiagnostic({ position, path: "p", message: "m" }, text)).toBe(
    `f:1:301: p: m\n  1 | …${"a".repeat(120)}!${"b".repeat(119)}…\n    | ${" ".repeat(121)}^`,
  );
});

test("a binary file is refused without its bytes", () => {
  const result = load("\u001bPNG\u0001\u0002: [\u0007");
  if (result.ok) throw new Error("expected a mistake");
  const lines = formatDiagnostics(result.diagnostics, result.sources).split("\n");
  expect(lines[1]).toBe(String.raw`  1 | \x1bPNG\x01\x02: [\x07`);
  expect(lines.join("")).not.toMatch(/\p{Cc}/u);
});

test.each([
  ["undrelay", ["nodes", "underlay"], "underlay"],
  ["Nodes", ["nodes"], "nodes"],
  ["nod", ["nodes", "node"], "node"],
  ["x", ["a", "b"], undefined],
  ["", ["a"], undefined],
  ["image", ["command", "environment"], undefined],
])("for %j of %j: %j", (found, known, near) => {
  expect(suggest(found, known)).toBe(near === undefined ? "" : `; did you mean "${near}"?`);
});

test.each([
  [undefined, "nothing"],
  [null, "nothing"],
  ["a", '"a"'],
  ["a".repeat(80), `"${"a".repeat(57)}"…`],
  [5, "the number 5"],
  [Number.NaN, ".nan"],
  [Number.NEGATIVE_INFINITY, "-.inf"],
  [true, "true"],
  [[], "a list"],
  [{}, "a map"],
])("%j is %s", (value, text) => expect(say(value)).toBe(text));
