// Everything that must hold, in the order in which a failure is cheapest to find: install, build, types, lint, format,
// tests, package shape. Quiet when all is well; the last line counts the tests.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawnSync } from "node:child_process";
import { install, quietly, root, tool } from "./install.mjs";

install();
const say = (label, seconds) => console.log(`${label.padEnd(10)} ${seconds.toFixed(1)} s`);
const since = (started) => (Date.now() - started) / 1000;
const step = (label, command, args) => say(label, quietly(label, command, args).seconds);
step("build", tool("tsc"), ["-b"]);
step("types", tool("tsc"), ["-p", "tsconfig.test.json"]);
step("lint", tool("oxlint"), ["--type-aware", "--deny-warnings"]);
step("format", tool("biome"), ["format", "."]);

const scratch = mkdtempSync(join(tmpdir(), "hopscope-test-"));
const report = join(scratch, "report.json");
const started = Date.now();
const vitest = spawnSync(tool("vitest"), ["run", "--reporter=dot", "--reporter=json", `--outputFile.json=${report}`], {
  cwd: root,
  encoding: "utf8",
  maxBuffer: 1 << 28,
});
let summary;
try {
  summary = JSON.parse(readFileSync(report, "utf8"));
} catch {
  summary = undefined;
}
rmSync(scratch, { recursive: true, force: true });
if (vitest.status !== 0 || summary === undefined) {
  process.stdout.write(vitest.stdout ?? "");
  process.stderr.write(vitest.stderr ?? "");
}
say("tests", since(started));

const shapeStarted = Date.now();
for (const name of readdirSync(join(root, "packages"))) {
  const path = join(root, "packages", name);
  const { bin } = JSON.parse(readFileSync(join(path, "package.json"), "utf8"));
  quietly(`publint ${name}`, tool("publint"), ["run", path, "--strict", "--pack", "npm"]);
  // A command exports nothing that could be imported.
  if (bin === undefined) quietly(`attw ${name}`, tool("attw"), ["--pack", path, "--profile", "esm-only", "--quiet"]);
}
say("package", since(shapeStarted));

const passed = summary?.numPassedTests ?? 0;
// A file that cannot be loaded, or an error outside of any test, is a failure without a test's name.
const failed = Math.max(summary?.numFailedTests ?? 0, vitest.status === 0 ? 0 : 1);
const skipped = (summary?.numPendingTests ?? 0) + (summary?.numTodoTests ?? 0);
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
