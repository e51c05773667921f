/** The engine runs where there is no Node, and what it needs of tracer does so too. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { encodeBlock } from "@hopscope/tracer/pcapng-blocks";
import { runBare } from "../../codec/test/browser/bare.ts";
import { hopTable } from "../src/report/hops.ts";
import { run } from "../src/run.ts";
import { loadScenario } from "../src/scenario/load.ts";
import { traceBlocks } from "../src/trace/pcapng.ts";

/** What every browser has and the language has not. */
const globals = ["TextDecoder", "TextEncoder"];

const textOf = (path: string) =>
  readFileSync(new URL(`../../../examples/first-light/${path}`, import.meta.url), "utf8");
const input = { scenario: textOf("scenario.yml"), stack: textOf("stack.yml") };

/** The same run here. */
function expected(): { readonly hops: readonly string[]; readonly trace: readonly string[] } {
  const loaded = loadScenario(input.scenario, { file: "scenario.yml", readFile: () => input.stack });
  if (!loaded.ok) throw new Error("the example has mistakes");
  const { scenario } = loaded;
  const result = run(scenario);
  const { mesh, recordingStartedAt: startedAt } = result;
  const trace = { mesh, name: scenario.name, dataPathPort: scenario.cluster.dataPathPort, startedAt };
  return {
    hops: [...hopTable(result)],
    trace: Array.from(traceBlocks(trace), (block) => Buffer.from(encodeBlock(block, true)).toString("hex")),
  };
}

describe("in a context without Node", () => {
  it("a scenario runs to the same trace, byte for byte", () => {
    const { value } = runBare({ page: new URL("browser/page.mjs", import.meta.url), globals, input });
    const { hops, trace } = expected();
    expect(hops.length).toBeGreaterThan(20);
    expect(trace.length).toBeGreaterThan(20);
    expect(value).toEqual({ hops, trace });
  });
});

describe("of tracer's modules", () => {
  const dist = new URL("../../tracer/dist/", import.meta.url);
  /** What opens files, and what writes through it or reads through decompression. */
  const needing = "chunk-sink chunk-source decompress index pcap-writer pcapng-writer reader record-writer".split(" ");
  const others = readdirSync(new URL("../../tracer/src/", import.meta.url), { recursive: true, encoding: "utf8" })
    .map((name) => name.replaceAll("\\", "/").replace(/\.ts$/, ""))
    .filter((name) => /^(?:print\/)?[\w-]+$/.test(name) && name !== "print" && !needing.includes(name));

  const urlOf = (module: string): URL => new URL(`${module}.js`, dist);

  it.each(needing)("%s needs Node", (module) => {
    expect(() => runBare({ page: urlOf(module), globals })).toThrow(/imports node:\w+, which a browser does not have/);
  });

  it("all others do not", () => {
    const { files } = runBare({ page: urlOf("print/line"), also: others.map(urlOf), globals });
    expect(others.map((module) => fileURLToPath(urlOf(module))).filter((file) => !files.includes(file))).toEqual([]);
    expect(others).toContain("pcapng-blocks");
  });
});
