/** Runs the conformance scenarios, and compares each with its recording. */
import { readdirSync, readFileSync } from "node:fs";
import { encodeBlock } from "@hopscope/tracer/pcapng-blocks";
import { aesGcm } from "../../../cli/src/aes-gcm.ts";
import { checkSteps, run } from "../../src/run.ts";
import { formatDiagnostics } from "../../src/scenario/diagnostic.ts";
import { loadScenario } from "../../src/scenario/load.ts";
import type { Scenario } from "../../src/scenario/scenario.ts";
import { traceBlocks } from "../../src/trace/pcapng.ts";
import { type Comparison, compare, type VethPeers } from "./compare.ts";
import { keysOf } from "./esp.ts";

const FIXTURES = new URL("../../../../fixtures/", import.meta.url);

function read(path: string): string {
  return readFileSync(new URL(path, FIXTURES), "utf8");
}

/** Names of all scenarios: `s01-ping-overlay-cross`, `docker-28/s01-ping-overlay-cross`. */
export const SCENARIOS: readonly string[] = ["", "docker-28/"].flatMap((folder) =>
  readdirSync(new URL(`conformance/${folder}`, FIXTURES))
    .filter((file) => file.endsWith(".yml"))
    .map((file) => folder + file.replace(/\.yml$/, "")),
);

/** Those that do not conform yet, with the F1 that they have reached: the ratchet. Empty when all is done. */
export const UNFINISHED: Readonly<Record<string, number>> = JSON.parse(read("conformance/unfinished.json")) as Record<
  string,
  number
>;

export function recordingOf(name: string): string {
  return new URL(`pcaps/${name}.pcapng.gz`, FIXTURES).pathname;
}

export function load(name: string): Scenario {
  const file = new URL(`conformance/${name}.yml`, FIXTURES).pathname;
  const readFile = (path: string): string => readFileSync(path, "utf8");
  const loaded = loadScenario(readFile(file), { file, readFile });
  if (!loaded.ok) throw new Error(formatDiagnostics(loaded.diagnostics, loaded.sources));
  return loaded.scenario;
}

/** The trace that `hopscope run` writes for a scenario. */
export function simulate(scenario: Scenario): Uint8Array {
  const result = run(scenario, { aead: aesGcm });
  const file = {
    mesh: result.mesh,
    name: scenario.name,
    dataPathPort: scenario.cluster.dataPathPort,
    startedAt: result.recordingStartedAt,
  };
  return Buffer.concat(Array.from(traceBlocks(file), (block) => encodeBlock(block, true)));
}

/** Those of the kernel with IPVS list every interface that was watched. */
const IPVS_RECORDING = /^[qr]\d/;

export interface Conformance {
  /** Commands that cannot be run. */
  readonly mistakes: readonly string[];
  readonly comparison: Comparison;
}

export async function conform(name: string): Promise<Conformance> {
  const scenario = load(name);
  const mistakes = checkSteps(scenario)
    .filter(({ path }) => path.startsWith("run."))
    .map(({ position, message }) => `${position.line}: ${message}`);
  const folder = name.startsWith("docker-28/") ? "docker-28/" : "";
  const peers = JSON.parse(read(`conformance/${folder}veth-peers.json`)) as Record<string, VethPeers>;
  const comparison = await compare(recordingOf(name), simulate(scenario), {
    peers: peers[name.slice(folder.length)] ?? {},
    isPartial: IPVS_RECORDING.test(name),
    keys: keysOf(recordingOf(name)),
  });
  return { mistakes, comparison };
}
