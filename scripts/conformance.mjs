// npm run conformance [-- [NAME…] [--verbose] [--update]]: how far each scenario in fixtures/conformance conforms to the
// recording of a real swarm. See packages/mesh/test/conformance/table.ts.
import { spawnSync } from "node:child_process";
import process from "node:process";

const vitest = new URL("../node_modules/vitest/vitest.mjs", import.meta.url).pathname;
const args = ["run", "--reporter=dot"];
const { status } = spawnSync(process.execPath, [vitest, ...args], {
  cwd: new URL("..", import.meta.url).pathname,
  env: { ...process.env, CONFORMANCE: process.argv.slice(2).join(" ") },
  stdio: "inherit",
});
process.exitCode = status ?? 1;
