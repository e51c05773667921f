/** The engine against recordings of a real swarm: every frame at every point, in order. */
import { readdirSync, readFileSync } from "node:fs";
import { encodeBlock } from "@hopscope/tracer/pcapng-blocks";
import { describe, expect, test } from "vitest";
import { loadScenario } from "../../src/scenario/load.ts";
import { run } from "../../src/run.ts";
import { traceBlocks } from "../../src/trace/pcapng.ts";
import { compare } from "./compare.ts";

const FIXTURES = new URL("../../../../fixtures/", import.meta.url);
const pathOf = (path: string): string => new URL(path, FIXTURES).pathname;

/** The trace that `hopscope run` writes for a scenario file. */
export function simulate(path: string): Uint8Array {
  const readFile = (name: string): string => readFileSync(name, "utf8");
  const loaded = loadScenario(readFile(path), { file: path, readFile });
  if (!loaded.ok)
    throw new Error(loaded.diagnostics.map((each) => `${each.position.line}: ${each.message}`).join("\n"));
  const { scenario } = loaded;
  const result = run(scenario);
  for (const step of result.steps) expect(step).toMatchObject({ status: 0 });
  const file = {
    mesh: result.mesh,
    name: scenario.name,
    dataPathPort: scenario.cluster.dataPathPort,
    startedAt: result.recordingStartedAt,
  };
  return Buffer.concat(Array.from(traceBlocks(file), (block) => encodeBlock(block, true)));
}

const scenarios = readdirSync(pathOf("conformance")).filter((name) => name.endsWith(".yml"));

describe("conformance", () => {
  test("there is something to compare", () => {
    expect(scenarios.length).toBeGreaterThanOrEqual(2);
  });

  test.each(scenarios)("%s", async (name) => {
    const recording = pathOf(`pcaps/${name.replace(/\.yml$/, ".pcapng.gz")}`);
    const trace = simulate(pathOf(`conformance/${name}`));
    const comparison = await compare(recording, trace);
    expect(comparison.points.filter((point) => point.differences.length > 0)).toEqual([]);
    expect(comparison.f1).toBe(1);
    expect(comparison.real).toBeGreaterThan(0);
  });

  test("a frame too many, one missing and one changed are noticed", async () => {
    const recording = pathOf("pcaps/s02-ping-overlay-same-node.pcapng.gz");
    const other = await compare(recording, pathOf("pcaps/s01-ping-overlay-cross.pcapng.gz"));
    expect(other.f1).toBeLessThan(0.5);
    const self = await compare(recording, recording);
    expect(self).toMatchObject({ f1: 1, real: 28, simulated: 28 });
  });

  test("the same seed gives the same bytes", () => {
    const path = pathOf("conformance/s01-ping-overlay-cross.yml");
    expect(Buffer.compare(simulate(path), simulate(path))).toBe(0);
  });
});
