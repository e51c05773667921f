/**
 * Prints how far each scenario conforms: `npm run conformance [-- NAME…] [-- --verbose]`; `--update` writes what has been
 * reached to unfinished.json. A test only because vitest runs it, without a build.
 */
import { writeFileSync } from "node:fs";
import { test } from "vitest";
import { type Conformance, conform, SCENARIOS, UNFINISHED } from "./conformance.ts";

const words = (process.env["CONFORMANCE"] ?? "").split(" ").filter((word) => word !== "");
const names = words.filter((word) => !word.startsWith("--"));
const isVerbose = words.includes("--verbose");
const chosen = SCENARIOS.filter((name) => names.length === 0 || names.some((part) => name.includes(part)));
const WIDTH = Math.max(...chosen.map((name) => name.length));

test("table", { timeout: 600_000 }, async () => {
  const reached: Record<string, number> = { ...UNFINISHED };
  for (const name of chosen) {
    const started = performance.now();
    let conformance: Conformance;
    try {
      conformance = await conform(name);
    } catch (error) {
      print(`${name.padEnd(WIDTH)}  fails: ${error instanceof Error ? error.stack : String(error)}`);
      reached[name] = 0;
      continue;
    }
    const { comparison, mistakes } = conformance;
    const { f1, matched, real, simulated } = comparison;
    const time = `${Math.round(performance.now() - started)} ms`.padStart(8);
    print(`${name.padEnd(WIDTH)}  F1 ${f1.toFixed(4)}  ${matched} of ${real} recorded, ${simulated} simulated ${time}`);
    // What is not there yet, by its first words.
    const lacking = new Set(mistakes.map((mistake) => mistake.replace(/^\d+: /, "").split(/[:;]/, 1)[0]!));
    if (lacking.size > 0) print(`    lacks ${[...lacking].join(", ")}`);
    if (isVerbose)
      for (const { point, differences } of comparison.points)
        if (differences.length > 0) print(`  ${point}\n${differences.map((line) => `    ${line}`).join("\n")}`);
    if (f1 === 1 && mistakes.length === 0) delete reached[name];
    else reached[name] = Math.floor(Math.min(f1, 0.9999) * 10_000) / 10_000;
  }
  if (!words.includes("--update")) return;
  const sorted = Object.fromEntries(Object.entries(reached).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  const file = new URL("../../../../fixtures/conformance/unfinished.json", import.meta.url);
  writeFileSync(file, `${JSON.stringify(sorted, null, 2)}\n`);
});

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
