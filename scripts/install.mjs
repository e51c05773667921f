// Installs the workspace with the pnpm version that package.json pins: nothing global, the lock file decides.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`hopscope needs Node 20.19 or newer; this is ${process.versions.node}.`);
  process.exit(1);
}

/** Runs a command; its output is shown only if it fails. */
export function quietly(label, command, args, options = {}) {
  const started = Date.now();
  const result = spawnSync(command, args, { cwd: root, encoding: "utf8", maxBuffer: 1 << 28, ...options });
  if (result.status !== 0) {
    process.stdout.write(result.stdout ?? "");
    process.stderr.write(result.stderr ?? "");
    console.error(
      `${label} failed (${result.error?.message ?? `exit status ${result.status}`}): ${command} ${args.join(" ")}`,
    );
    process.exit(1);
  }
  return { stdout: result.stdout, seconds: (Date.now() - started) / 1000 };
}

/** Installs what the lock file says, unless node_modules already holds exactly that. */
export function install() {
  const digest = createHash("sha256");
  for (const file of ["pnpm-lock.yaml", "pnpm-workspace.yaml", "package.json"])
    digest.update(readFileSync(`${root}/${file}`));
  digest.update(`${process.platform} ${process.arch} ${process.versions.node}`);
  const stamp = `${root}/node_modules/.hopscope-install`;
  const wanted = digest.digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  const { pnpm } = JSON.parse(readFileSync(`${root}/package.json`, "utf8")).config;
  console.log("installing …");
  quietly("install", "npx", ["--yes", `pnpm@${pnpm}`, "install", "--frozen-lockfile"]);
  mkdirSync(`${root}/node_modules`, { recursive: true });
  writeFileSync(stamp, wanted);
}

/** A tool that the workspace installed. */
export function tool(name) {
  return `${root}/node_modules/.bin/${name}`;
}

export { root };

if (process.argv[1] === fileURLToPath(import.meta.url)) install();
