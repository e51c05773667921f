/** Whatever the text: no throw, and every diagnostic lies in its file. */
import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatDiagnostics } from "../../src/scenario/diagnostic.ts";
import { planSwarm } from "../../src/swarm/plan-swarm.ts";
import { FILE, load } from "./loading.ts";

const EXAMPLES = new URL("../../../../examples/first-light/", import.meta.url);
const SCENARIO = readFileSync(new URL("scenario.yml", EXAMPLES), "utf8");
const STACK = readFileSync(new URL("stack.yml", EXAMPLES), "utf8");
const INLINE = readFileSync(
  new URL("../../../../fixtures/conformance/s01-ping-overlay-cross.yml", import.meta.url),
  "utf8",
);

function check(text: string, stack = ""): void {
  const result = load(text, { "lab/stack.yml": stack });
  const texts = new Map([
    [FILE, text],
    ["lab/stack.yml", stack],
  ]);
  const told = result.ok ? result.scenario.warnings : [...result.diagnostics, ...result.warnings];
  for (const { position, path, message } of told) {
    const lines = texts.get(position.file)!.split("\n");
    expect(position.line).toBeGreaterThanOrEqual(1);
    expect(position.line).toBeLessThanOrEqual(lines.length);
    expect(position.column).toBeGreaterThanOrEqual(1);
    expect(position.column).toBeLessThanOrEqual(lines[position.line - 1]!.length + 1);
    expect(path).not.toBe("");
    expect(message).not.toMatch(/undefined(?! network)|\[object|NaN/);
  }
  expect(() => formatDiagnostics(told, result.ok ? result.sources : result.sources)).not.toThrow();
  // What is accepted can be built.
  if (result.ok) planSwarm(result.scenario);
  else expect(result.diagnostics.length).toBeGreaterThan(0);
}

const YAML_CHARACTERS = Array.from("ab:- \n\t[]{},&*!|>'\"%@`#?.1~<\r\u0000\ufeffé😀");

/** A text with pieces cut out, doubled, moved or replaced. */
function mutations(text: string): fc.Arbitrary<string> {
  const lines = text.split("\n").filter((line) => !/^\s*#/.test(line));
  const index = fc.nat(lines.length - 1);
  const word = fc.constantFrom(
    "",
    "5",
    "-1",
    "null",
    "true",
    "[]",
    "{}",
    "*a",
    "&a",
    "a: b",
    "- x",
    "10.0.9.5",
    "'",
    '"',
    "<<: *a",
    "!x",
    "#",
    "\t",
    "${X}",
    "x".repeat(70),
    "constructor",
    "web.1",
    "1e99",
    ".inf",
    ".nan",
  );
  const edit = fc.oneof(
    fc.record({ kind: fc.constant("drop" as const), at: index }),
    fc.record({ kind: fc.constant("double" as const), at: index, to: index }),
    fc.record({ kind: fc.constant("swap" as const), at: index, to: index }),
    fc.record({ kind: fc.constant("value" as const), at: index, word }),
    fc.record({ kind: fc.constant("key" as const), at: index, word }),
    fc.record({ kind: fc.constant("indent" as const), at: index, by: fc.integer({ min: -4, max: 4 }) }),
    fc.record({ kind: fc.constant("insert" as const), at: index, word }),
    fc.record({ kind: fc.constant("cut" as const), at: index, to: fc.nat(80) }),
  );
  return fc.array(edit, { minLength: 1, maxLength: 6 }).map((edits) => {
    const out = [...lines];
    for (const edit of edits) {
      const line = out[edit.at] ?? "";
      if (edit.kind === "drop") out.splice(edit.at, 1);
      else if (edit.kind === "double") out.splice(edit.to, 0, line);
      else if (edit.kind === "swap") [out[edit.at], out[edit.to]] = [out[edit.to] ?? "", line];
      else if (edit.kind === "value")
        out[edit.at] = line.replace(/(:\s|-\s).*/, `$1${edit.word.replaceAll("$", "$$$$")}`);
      else if (edit.kind === "key") out[edit.at] = line.replace(/[\w.]+(?=:)/, () => edit.word);
      else if (edit.kind === "indent")
        out[edit.at] = edit.by > 0 ? " ".repeat(edit.by) + line : line.replace(new RegExp(`^ {0,${-edit.by}}`), "");
      else if (edit.kind === "insert") out.splice(edit.at, 0, edit.word);
      else out[edit.at] = line.slice(0, edit.to);
    }
    return out.join("\n");
  });
}

/** Values in the shape of a scenario more often than chance would have it. */
const KEYS = [
  "name",
  "cluster",
  "nodes",
  "underlay",
  "subnet",
  "mtu",
  "latency",
  "compose",
  "services",
  "networks",
  "web",
  "image",
  "deploy",
  "replicas",
  "mode",
  "placement",
  "constraints",
  "ipam",
  "config",
  "driver_opts",
  "external",
  "addresses",
  "web.1",
  "lb-web",
  "run",
  "seed",
  "setup",
  "steps",
  "ports",
  "x-y",
];
const leaf = fc.oneof(
  fc.constantFrom<unknown>(
    "",
    "web",
    "web.1",
    "global",
    "exec web.1 ping 'a",
    "sleep 1s",
    "10.0.9.0/24",
    "10.0.9.5",
    "52:54:00:00:00:01",
    "5ms",
    true,
    null,
    0,
    1,
    3,
    -1,
    1.5,
    1e300,
  ),
  fc.string(),
);
const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 6, withCrossShrink: true },
    leaf,
    fc.array(tie("tree"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...KEYS), tie("tree"), { maxKeys: 5 }),
  ),
}));

describe("never throws", () => {
  test("on any text", () => {
    fc.assert(fc.property(fc.string({ unit: "grapheme" }), fc.string(), check));
  });

  test("on any bytes of YAML's own characters", () => {
    const text = fc.string({ unit: fc.constantFrom(...YAML_CHARACTERS) });
    fc.assert(fc.property(text, (found) => check(found, found)));
  });

  test("on any values in any shape", () => {
    fc.assert(fc.property(tree, tree, (value, stack) => check(JSON.stringify(value), JSON.stringify(stack))));
    const scenario = fc.record(
      { cluster: tree, compose: tree, placement: tree, addresses: tree, run: tree },
      { requiredKeys: [] },
    );
    fc.assert(fc.property(scenario, (value) => check(JSON.stringify(value))));
    const stack = fc.record({
      services: fc.dictionary(fc.constantFrom("web", "db"), tree),
      networks: fc.dictionary(fc.constantFrom("web", "db"), tree),
    });
    fc.assert(
      fc.property(stack, tree, (compose, placement) =>
        check(JSON.stringify({ cluster: { nodes: 2 }, compose, placement })),
      ),
    );
  });

  test("on any mutation of the example", () => {
    fc.assert(fc.property(mutations(SCENARIO), mutations(STACK), check), { numRuns: 300 });
    fc.assert(
      fc.property(mutations(INLINE), (text) => check(text)),
      { numRuns: 300 },
    );
  });
});
