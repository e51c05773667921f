/**
 * Which values of which keys a stack file may have: what `docker stack config` of Docker 28.2.2 said, recorded in
 * docker-stack-config.json as one letter a value (y, n), and what the loader says.
 */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { load } from "./loading.ts";
import { stackWith } from "./stack-with.ts";

interface Recording {
  readonly environment: Readonly<Record<string, string>>;
  readonly values: readonly unknown[];
  readonly verdicts: Readonly<Record<string, string>>;
}

const recording = JSON.parse(readFileSync(new URL("docker-stack-config.json", import.meta.url), "utf8")) as Recording;

/**
 * Keys where we say no to more, because docker stack deploy then does, or its daemon: `docker stack config` asks
 * neither.
 */
const REFUSED_LATER = new Set([
  "services",
  "services.web.networks",
  "services.web.deploy.mode",
  "services.web.deploy.endpoint_mode",
  "services.web.deploy.placement.constraints",
  "services.web.ports[].mode",
  // A slash would make the names of capture points ambiguous.
  "networks.n.name",
  "networks.n.external.name",
  "networks.n.driver",
  "networks.n.ipam.config",
  "networks.n.ipam.config[].subnet",
]);
/** Keys where we say yes to more: the file's text is not read, sizes are not looked at, or newer Dockers have it. */
const ACCEPTED_HERE = new Set([
  "services.web.env_file",
  "services.web.deploy.resources.limits.memory",
  "services.web.deploy.resources.reservations.memory",
  "services.web.group_add",
]);

describe("values are taken and refused as docker stack config does", () => {
  test.each(Object.entries(recording.verdicts))("%s", (path, verdicts) => {
    const ours = recording.values.map((value) => {
      const text = JSON.stringify(stackWith(path, value));
      const result = load("cluster: {nodes: 2}\ncompose: s.yml\n", { "lab/s.yml": text }, recording.environment);
      return result.ok ? "y" : "n";
    });
    for (const [index, docker] of verdicts.split("").entries()) {
      if (docker === ours[index]) continue;
      const allowed = docker === "y" ? REFUSED_LATER : ACCEPTED_HERE;
      expect(allowed.has(path) ? docker : ours[index], JSON.stringify(recording.values[index])).toBe(docker);
    }
  });
});
