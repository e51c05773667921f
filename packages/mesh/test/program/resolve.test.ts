/** The order in which a program tries the addresses of a name: RFC 3484 as glibc has it, in containers and on machines. */
import { expect, test } from "vitest";
import { run } from "../../src/run.ts";
import { loadScenario } from "../../src/scenario/load.ts";

function outputs(...steps: readonly string[]): readonly (readonly string[])[] {
  const text = JSON.stringify({
    cluster: {
      nodes: [{ name: "h1" }],
      dns: ["192.168.77.100"],
      hosts: [
        { name: "ext", ip: "192.168.77.100", programs: ["dnsd many=192.168.77.3,10.9.9.9,192.168.77.5,192.168.77.11"] },
      ],
    },
    compose: {
      services: { api: { image: "busybox", networks: ["blue"], deploy: { replicas: 3 } } },
      networks: { blue: { ipam: { config: [{ subnet: "10.30.4.0/22" }] } } },
    },
    addresses: { api: "10.30.4.2", "api.1": "10.30.4.4", "api.2": "10.30.4.5", "api.3": "10.30.4.3" },
    pins: { dns: { "tasks.api": [["10.30.4.3", "10.30.4.4", "10.30.4.5"]] } },
    run: { steps },
  });
  const loaded = loadScenario(text, { file: "s.yml", readFile: () => "" });
  if (!loaded.ok) throw new Error(loaded.diagnostics.map(({ message }) => message).join("\n"));
  return run(loaded.scenario).steps.map(({ output }) => output);
}

test("a container, which has no IPv6, prefers itself and nothing else (recording r2)", () => {
  expect(outputs("exec api.1 ltool res tasks.api")).toEqual([["tasks.api: 10.30.4.4 10.30.4.3 10.30.4.5"]]);
});

test("a machine prefers what shares more bits with its address to other networks", () => {
  expect(outputs("on h1 ip route replace default via 192.168.77.100", "on h1 ltool res many")[1]).toEqual([
    "many: 192.168.77.11 192.168.77.3 192.168.77.5 10.9.9.9",
  ]);
});
