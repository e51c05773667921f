/** The scenario of the recording q5, and what the real nodes' tools said of it (fixtures/inspect). */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { aesGcm } from "../../../cli/src/aes-gcm.ts";
import { lookAt } from "../../src/inspect/look-at.ts";
import { run } from "../../src/run.ts";
import { load } from "../conformance/conformance.ts";

type Printed = Readonly<Record<string, readonly string[]>>;
const { before, after, rules } = JSON.parse(
  readFileSync(new URL("../../../../fixtures/inspect/xfrm.json", import.meta.url), "utf8"),
) as { readonly before: Printed; readonly after: Printed; readonly rules: Printed };

const scenario = load("q5-encrypted");
const { mesh: fresh } = run({ ...scenario, run: { ...scenario.run, steps: [] } }, { aead: aesGcm });
const { mesh } = run(scenario, { aead: aesGcm });

/** `NODE/NAMESPACE COMMAND`, without dates. */
function look(of: typeof mesh, key: string): readonly string[] {
  const [place = "", ...argv] = key.split(" ");
  const [node = "", namespace = ""] = place.split("/");
  return lookAt(of, { node, namespace }, argv).output.map(withoutDates);
}

const withoutDates = (line: string): string => line.replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, "DATE");

describe("the nodes of an encrypted overlay say what real ones said", () => {
  test.each(Object.entries(before))("before: %s", (key, lines) => {
    expect(look(fresh, key)).toEqual(lines.map(withoutDates));
  });

  test.each(Object.entries(after))("after: %s", (key, lines) => {
    expect(look(mesh, key)).toEqual(lines.map(withoutDates));
  });

  test.each(Object.entries(rules))("%s: rules and how often they were met", (key, lines) => {
    expect(look(mesh, key).filter((line) => line.includes("u32"))).toEqual(lines);
  });

  test("ESP is a connection of its own, beside those of the tunnel", () => {
    const lines = lookAt(mesh, { node: "h1", namespace: "host" }, ["cat", "/proc/net/nf_conntrack"]).output;
    expect(lines.filter((line) => / unknown +50 /.test(line))).toEqual([
      expect.stringMatching(
        /^ipv4 +2 unknown +50 \d+ src=192\.168\.77\.11 dst=192\.168\.77\.12 src=192\.168\.77\.12 dst=192\.168\.77\.11 /,
      ),
    ]);
    const tunnel = lines.filter((line) => /udp .*dport=4789 \[UNREPLIED\]/.test(line));
    expect(tunnel.some((line) => line.includes("src=192.168.77.11 dst=192.168.77.12 sport"))).toBe(true);
    expect(tunnel.some((line) => line.includes("src=192.168.77.12 dst=192.168.77.11 sport"))).toBe(true);
  });
});
