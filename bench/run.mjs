// The benchmark: npm run bench [-- --short] [-- --only PATTERN] [-- --rounds N]
//
// Each case is measured in C, on the Node that runs this and on the newest one that npm has, each in a process of its
// own, right after each other; then the next case; then the next round. Ratios are taken within a round, of best
// samples: the machine may be busy, and its best moments are the same for all. The full form writes bench/results.
//
//   --short    one round, fewer cases, small files: under two minutes, writes nothing
//   --only X   cases whose name matches the pattern; writes nothing
//   BENCH_NODE another Node to measure instead of npm's, or "none"
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, release, tmpdir, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { CASES, TABLES } from "./cases.mjs";
import { ensureData } from "./data.mjs";
import { findPeers } from "./peers/native.mjs";
import { consoleTable, page } from "./report.mjs";

/** The newest Node when this was measured last; npm's package `node` provides it. */
const NEWEST_NODE = "26.10.0";

const here = dirname(fileURLToPath(import.meta.url));
const cache = join(here, ".cache");
const { values } = parseArgs({
  options: { short: { type: "boolean" }, only: { type: "string" }, rounds: { type: "string" } },
});
const isShort = values.short === true;
const only = values.only === undefined ? undefined : new RegExp(values.only);
const rounds = Number(values.rounds ?? (isShort ? 1 : 5));
const isPartial = isShort || only !== undefined;

mkdirSync(cache, { recursive: true });
for (const file of ["packages/codec/dist/vxlan-packet.js", "packages/tracer/dist/index.js"]) {
  if (!existsSync(join(here, "..", file))) fail(`${file} is missing: build first, with "npx tsc -b"`);
}
const dataDirectory = ensureData(cache, isShort ? 100_000 : 1_000_000);
const outputDirectory = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
const native = compile();
const nodes = findNodes();
// Other languages' libraries take their time: not in the short form.
const { peers, missing } = isShort ? { peers: [], missing: [] } : findPeers(cache);
for (const name of missing) console.log(`${name} is not there: left out`);
const cases = CASES.filter((each) => (only === undefined ? each.short || !isShort : only.test(each.name)));
const started = Date.now();

const samples = new Map(cases.map(({ name }) => [name, []]));
for (let round = 1; round <= rounds; round++) {
  for (const each of cases) {
    progress(`round ${round} of ${rounds}: ${each.name}`);
    const times = { native: native === undefined ? undefined : runNative(each.native) };
    for (const [label, path] of nodes) times[label] = runNode(path, each, "time");
    for (const { name, command, once } of peersOf(each)) {
      if (once !== true || round === 1) times[name] = runPeer(command, each.native);
    }
    checkSame(each.name, times);
    samples.get(each.name).push(times);
  }
}
const results = cases.map((each) => summary(each, samples.get(each.name)));
const tables = only === undefined ? TABLES.map(compareTable) : [];
progress("");

const report = {
  machine: {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    os: `${process.platform} ${release()}`,
    arch: process.arch,
    load: loadavg().map((load) => Math.round(load * 10) / 10),
  },
  compiler: native?.version,
  nodes: nodes.map(([label]) => label),
  date: new Date().toISOString().slice(0, 10),
  rounds,
  frames: isShort ? 100_000 : 1_000_000,
  results,
  missing,
  tables,
};
console.log(consoleTable(report));
console.log(`\n${Math.round((Date.now() - started) / 1000)} s`);
if (!isPartial) {
  mkdirSync(join(here, "results"), { recursive: true });
  writeFileSync(join(here, "results/results.json"), `${JSON.stringify(report, undefined, 2)}\n`);
  writeFileSync(join(here, "results/README.md"), page(report));
  console.log("written: bench/results/results.json and README.md");
}

/** The C program, or undefined if there is no compiler. */
function compile() {
  for (const compiler of ["gcc", "cc", "clang"]) {
    for (const flags of [["-O3", "-march=native"], ["-O3"]]) {
      const binary = join(cache, "native");
      const built = spawnSync(compiler, [...flags, "-o", binary, join(here, "native/bench.c")], { stdio: "ignore" });
      if (built.status !== 0) continue;
      const version = execFileSync(compiler, ["--version"], { encoding: "utf8" }).split("\n")[0];
      return { binary, version: `${version} ${flags.join(" ")}` };
    }
  }
  console.log("no C compiler (gcc, cc, clang): the columns of C and the ratios are left out");
  return undefined;
}

/** Label and path of each Node to measure: the running one, then the newest. */
function findNodes() {
  const running = ["v" + process.versions.node, process.execPath];
  const wanted = process.env.BENCH_NODE ?? npmNode();
  if (wanted === undefined || wanted === "none") return [running];
  const version = spawnSync(wanted, ["--version"], { encoding: "utf8" }).stdout?.trim();
  if (!version) fail(`${wanted} does not run`);
  return version === running[0] ? [running] : [running, [version, wanted]];
}

function npmNode() {
  const prefix = join(cache, `node-${NEWEST_NODE}`);
  const binary = join(prefix, "node_modules/node/bin/node");
  if (!existsSync(binary)) {
    progress(`fetching Node ${NEWEST_NODE} from npm`);
    mkdirSync(prefix, { recursive: true });
    // The package's install script picks the binary of this machine.
    const args = ["install", "--prefix", prefix, "--no-audit", "--no-fund", "--no-package-lock"];
    spawnSync("npm", [...args, "--ignore-scripts=false", `node@${NEWEST_NODE}`], { stdio: "ignore" });
    progress("");
  }
  if (existsSync(binary)) return binary;
  console.log(`Node ${NEWEST_NODE} cannot be had from npm: only the running one is measured`);
  return undefined;
}

function runNative(name) {
  return output(native.binary, [name, dataDirectory, outputDirectory]);
}

/** Those who do the same work. A case beside another one, such as plain code beside SIMD, has them only once. */
function peersOf({ name, native: work }) {
  return name === work ? peers.filter((peer) => peer.cases.includes(name)) : [];
}

function runPeer([program, ...args], name) {
  return output(program, [...args, name, dataDirectory, outputDirectory]);
}

function runNode(path, { file, name }, mode) {
  // For counting bytes: a young generation that nothing is collected from.
  const flags = mode === "memory" ? ["--expose-gc", "--min-semi-space-size=256", "--max-semi-space-size=256"] : [];
  const args = [join(here, "harness.mjs"), join(here, file), name, dataDirectory, outputDirectory, mode];
  return output(path, [...flags, ...args]);
}

function output(path, args) {
  const { status, stdout, stderr } = spawnSync(path, args, { encoding: "utf8", maxBuffer: 1 << 24 });
  if (status !== 0) fail(`${path} ${args.join(" ")}\n${stderr}`);
  return JSON.parse(stdout);
}

/** Peers of a case that come to different sums do different work. */
function checkSame(name, times) {
  const checks = Object.entries(times).filter(([, time]) => time !== undefined);
  const [, first] = checks[0];
  for (const [peer, { check }] of checks) {
    if (check !== first.check) fail(`${name}: ${peer} computes ${check}, ${checks[0][0]} ${first.check}`);
  }
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

function round2(value) {
  return Math.round(value * 100) / 100;
}

function summary(each, roundsOfCase) {
  const { name, title, target } = each;
  const times = (peer) => ({
    medianNs: round2(median(roundsOfCase.map((round) => round[peer].median))),
    bestNs: round2(Math.min(...roundsOfCase.map((round) => round[peer].best))),
  });
  const bytes = roundsOfCase[0][nodes[0][0]].averageLength;
  const others = peersOf(each).map((peer) => {
    const measured = roundsOfCase.filter((round) => round[peer.name] !== undefined);
    const ratios = native === undefined ? [] : measured.map((round) => round[peer.name].best / round.native.best);
    return {
      name: peer.name,
      bestNs: round2(Math.min(...measured.map((round) => round[peer.name].best))),
      ratio: ratios.length === 0 ? undefined : round2(median(ratios)),
    };
  });
  const ours = nodes.map(([label, path], index) => {
    const { medianNs, bestNs } = times(label);
    // One Node is enough in the short form: the newest, last one.
    const isMeasured = !isShort || index === nodes.length - 1;
    const ratios = native === undefined ? [] : roundsOfCase.map((round) => round[label].best / round.native.best);
    return {
      node: label,
      medianNs,
      bestNs,
      ratio: ratios.length === 0 ? undefined : round2(median(ratios)),
      ratioRange: ratios.length === 0 ? undefined : [round2(Math.min(...ratios)), round2(Math.max(...ratios))],
      millionPacketsPerSecond: round2(1000 / bestNs),
      gigabytesPerSecond: round2(bytes / bestNs),
      allocatedBytes: isMeasured ? Math.max(0, round2(runNode(path, each, "memory").allocated)) : undefined,
    };
  });
  return {
    name,
    title,
    target,
    bytes: round2(bytes),
    native: native === undefined ? undefined : times("native"),
    peers: ours,
    others: others.length === 0 ? undefined : others,
  };
}

function compareTable({ name, title, note, rows }) {
  const measured = isShort ? nodes.slice(-1) : nodes;
  const results = rows.map((row) => {
    progress(`${name}: ${row}`);
    const peers = measured.map(([node, path]) => {
      const args = [join(here, "peers/row.mjs"), name, row, dataDirectory, isShort ? "0.3" : "2"];
      const { check, nanoseconds, rme } = output(path, args);
      return { node, check, nanoseconds: round2(nanoseconds), rme: round2(rme) };
    });
    return { row, peers };
  });
  const sums = results
    .filter(({ row }) => row !== "hopscope dissect")
    .flatMap(({ peers }) => peers.map((peer) => peer.check));
  if (new Set(sums).size !== 1) fail(`${name}: the rows come to different sums, ${sums.join(", ")}`);
  return { name, title, note, rows: results };
}

function progress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
