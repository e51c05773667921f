/**
 * Which version of the format has which keys: what `docker stack config` of Docker 28.2.2 said of a file with one of them,
 * for 3.0 to 3.13 one letter each.
 */
import { describe, expect, test } from "vitest";
import { load } from "./loading.ts";

const RECORDED: readonly (readonly [path: string, value: unknown, verdicts: string])[] = [
  ["x-a", {}, "nnnnyyyyyyyyyy"],
  ["configs", { c: { file: "./f" } }, "nnnyyyyyyyyyyy"],
  ["secrets", { s: { file: "./f" } }, "nyyyyyyyyyyyyy"],
  ["services.web.configs", ["c"], "nnnyyyyyyyyyyy"],
  ["services.web.secrets", ["s"], "nyyyyyyyyyyyyy"],
  ["services.web.init", true, "nnnnnnnyyyyyyy"],
  ["services.web.isolation", "default", "nnnnnyyyyyyyyy"],
  ["services.web.credential_spec", { file: "f" }, "nnnyyyyyyyyyyy"],
  ["services.web.x-a", 1, "nnnnnnnyyyyyyy"],
  ["services.web.shm_size", "64m", "yyyyyyyyyyyyyy"],
  ["services.web.cgroupns_mode", "host", "nnnnnnnnnyyyyy"],
  ["services.web.oom_score_adj", 1, "nnnnnnnnnnnnny"],
  ["services.web.build", { target: "x" }, "nnnnyyyyyyyyyy"],
  ["services.web.deploy", { endpoint_mode: "vip" }, "nnyyyyyyyyyyyy"],
  ["services.web.deploy", { rollback_config: { parallelism: 1 } }, "nnnnnnnyyyyyyy"],
  ["services.web.deploy", { update_config: { order: "start-first" } }, "nnnnyyyyyyyyyy"],
  ["services.web.deploy", { update_config: { monitor: "1s" } }, "yyyyyyyyyyyyyy"],
  ["services.web.deploy", { placement: { preferences: [{ spread: "node.labels.z" }] } }, "nnnyyyyyyyyyyy"],
  ["services.web.deploy", { placement: { max_replicas_per_node: 1 } }, "nnnnnnnnyyyyyy"],
  ["services.web.deploy", { resources: { limits: { pids: 1 } } }, "nnnnnnnnnyyyyy"],
  ["services.web.ports", [{ target: 80 }], "nnyyyyyyyyyyyy"],
  ["services.web.healthcheck", { test: "true", start_period: "1s" }, "nnnnyyyyyyyyyy"],
  ["services.web.healthcheck", { test: "true", start_interval: "1s" }, "nnnnnnnnnnnnyy"],
  ["networks.n", { name: "nn" }, "nnnnnyyyyyyyyy"],
  ["networks.n", { attachable: true }, "nnyyyyyyyyyyyy"],
  ["networks.n", { internal: true }, "yyyyyyyyyyyyyy"],
  ["volumes.v", { name: "vv" }, "nnnnyyyyyyyyyy"],
  ["configs.c", { file: "./f", name: "cc" }, "nnnnnyyyyyyyyy"],
  ["secrets.s", { file: "./f", driver: "g" }, "nnnnnnnnyyyyyy"],
];

function verdictsOf(path: string, value: unknown): string {
  return Array.from({ length: 14 }, (_, minor) => {
    const file = { version: `3.${minor}`, services: { web: { image: "nginx" } } };
    const keys = path.split(".");
    let held: Record<string, unknown> = file;
    for (const key of keys.slice(0, -1)) held = (held[key] ??= {}) as Record<string, unknown>;
    held[keys.at(-1)!] = value;
    return load("cluster: {nodes: 1}\ncompose: s.yml\n", { "lab/s.yml": JSON.stringify(file) }).ok ? "y" : "n";
  }).join("");
}

describe("a key is refused in a file whose version has none", () => {
  test.each(RECORDED)("%s: %j", (path, value, verdicts) => {
    expect(verdictsOf(path, value)).toBe(verdicts);
  });
});

test("and the message says since when it is there", () => {
  const stack = 'version: "3.3"\nx-a: 1\nservices: {web: {image: nginx}}\n';
  const result = load("cluster: {nodes: 1}\ncompose: s.yml\n", { "lab/s.yml": stack });
  expect(result).toMatchObject({
    ok: false,
    diagnostics: [
      {
        position: { line: 2, column: 1 },
        message: 'Additional property x-a is not allowed: version "3.3" has none, "3.4" has',
      },
    ],
  });
});
