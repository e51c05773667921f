/** The namespaces of the engine after a scenario, against what real tools printed on the nodes after its recording. */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { type NamespaceState, stateOf } from "../../src/inspect/namespace.ts";
import { run } from "../../src/run.ts";
import { load } from "../conformance/conformance.ts";
import { comparable, type Dump, withoutForgotten } from "./comparable.ts";

const FIXTURES = new URL("../../../../fixtures/inspect/", import.meta.url);

const SCENARIOS = readdirSync(new URL("states/", FIXTURES), { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".json.gz"))
  .map((file) => file.replace(/\.json\.gz$/, ""))
  .toSorted();

function recorded(name: string): Readonly<Record<string, Dump>> {
  const text = gunzipSync(readFileSync(new URL(`states/${name}.json.gz`, FIXTURES))).toString();
  return JSON.parse(text) as Readonly<Record<string, Dump>>;
}

const dumpOf = (state: NamespaceState): Dump => JSON.parse(JSON.stringify(state)) as Dump;

describe("namespaces after a scenario", () => {
  test.each(SCENARIOS)("%s", (name) => {
    const { mesh } = run(load(name));
    const states = Object.entries(recorded(name)).filter(([place]) => !place.startsWith("switch/"));
    expect(states.length).toBeGreaterThan(10);
    for (const [place, dump] of states) {
      const [node = "", namespace = ""] = place.split("/");
      const netns = mesh.nodes.get(node)?.namespaces.get(namespace);
      expect(netns, place).toBeDefined();
      const isMachine = namespace === "host";
      const made = comparable(dumpOf(stateOf(netns!)), isMachine);
      const real = comparable(dump, isMachine);
      expect([place, ...withoutForgotten(made, real)]).toEqual([place, ...withoutForgotten(real, made)]);
    }
  });
});

test("the manifest lists every file with its sum", () => {
  const manifest = readFileSync(new URL("MANIFEST.md", FIXTURES), "utf8");
  const rows = [...manifest.matchAll(/^\| `([^`]+)` .*\| `([0-9a-f]{64})` \|$/gm)].map(([, file, sum]) => [
    file!,
    sum!,
  ]);
  const files = readdirSync(FIXTURES, { recursive: true, encoding: "utf8" }).filter((file) =>
    /\.(gz|json)$/.test(file),
  );
  const byName = (a: string, b: string): number => (a < b ? -1 : 1);
  expect(rows.map(([file]) => file!).toSorted(byName)).toEqual(files.toSorted(byName));
  for (const [file, sum] of rows) {
    expect(existsSync(new URL(file!, FIXTURES))).toBe(true);
    expect([
      file,
      createHash("sha256")
        .update(readFileSync(new URL(file!, FIXTURES)))
        .digest("hex"),
    ]).toEqual([file, sum]);
  }
});
