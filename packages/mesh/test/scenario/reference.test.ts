import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { scenarioReference } from "../../src/scenario/reference.ts";
import { load } from "./loading.ts";

const page = scenarioReference();

test("the page in docs is what the schemas say (node scripts/scenario-reference.mjs after a build makes it)", () => {
  expect(readFileSync(new URL("../../../../docs/scenario-reference.md", import.meta.url), "utf8")).toBe(page);
});

test("every key has a value, a meaning and a default", () => {
  const commands = page.indexOf("## Commands");
  const keys = page.slice(0, commands) + page.slice(page.indexOf("## Units"));
  const rows = keys.split("\n").filter((line) => line.startsWith("| `"));
  expect(rows.length).toBeGreaterThan(40);
  for (const row of rows) expect(row).toMatch(/^\| `[^`]+` \| [^|]+ \| [^|]+ \| [^|]*\| [^|]+ \|$/);
});

test("keys that a person would look for are there", () => {
  for (const key of [
    "cluster.nodes[].ip",
    "cluster.underlay.latency",
    "placement",
    "run.steps",
    "services.SERVICE.deploy.placement.constraints",
    "networks.NETWORK.ipam.config[].subnet",
  ])
    expect(page).toContain(`| \`${key}\` |`);
});

test("every pause that a program makes is there", () => {
  const programs = ["program", "docker"].flatMap((folder) => {
    const directory = new URL(`../../src/${folder}/`, import.meta.url);
    return readdirSync(directory).map((name) => readFileSync(new URL(name, directory), "utf8"));
  });
  const names = programs.flatMap((text) => Array.from(text.matchAll(/think\("([^"]+)"/g), ([, name]) => name!));
  expect(names).toContain("nslookup.second");
  for (const name of names) expect(page).toContain(`\`${name}\``);
});

test("its example is a scenario", () => {
  const example = /```yaml\n([^`]+)```/.exec(page)![1]!;
  expect(load(example)).toMatchObject({ ok: true });
});
