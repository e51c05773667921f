/** What a good scenario becomes. */
import { readdirSync, readFileSync } from "node:fs";
import { formatIpv4, formatMac } from "@hopscope/codec/address";
import { describe, expect, test } from "vitest";
import { formatDiagnostics } from "../../src/scenario/diagnostic.ts";
import { resolvePath } from "../../src/scenario/file-part.ts";
import { loadScenario } from "../../src/scenario/load.ts";
import type { Scenario } from "../../src/scenario/scenario.ts";
import { loadGood, SMALL, warnings } from "./loading.ts";

const ROOT = new URL("../../../../", import.meta.url);

/** A file of the repository. */
function loadFile(path: string): Scenario {
  const readFile = (name: string): string => readFileSync(new URL(name, ROOT), "utf8");
  const result = loadScenario(readFile(path), { file: path, readFile });
  if (!result.ok) throw new Error(formatDiagnostics(result.diagnostics, result.sources));
  return result.scenario;
}

test("defaults", () => {
  const scenario = loadGood("cluster: {nodes: 2}\ncompose: {services: {web: {image: nginx}}}\n");
  const link = { latencyNs: 20_000, rate: undefined, loss: 0, duplicate: 0, reorder: 0 };
  const node = { labels: new Map(), docker: "28", kernel: { ipvs: true, forwarding: true }, link };
  expect(scenario).toEqual({
    name: "scenario",
    cluster: {
      nodes: [
        { name: "node-1", role: "manager", ip: 0xc0a84d0b | 0, mac: 0x525400a84d0b, ...node },
        { name: "node-2", role: "worker", ip: 0xc0a84d0c | 0, mac: 0x525400a84d0c, ...node },
      ],
      hosts: [],
      dns: [],
      addressPool: { subnet: { address: 10 << 24, prefixLength: 8 }, prefixLength: 24 },
      dataPathPort: 4789,
      keyRotation: 43_200_000_000_000,
      underlay: {
        subnet: { address: 0xc0a84d00 | 0, prefixLength: 24 },
        mtu: 1500,
        latencyNs: 20_000,
        oneKernel: false,
      },
    },
    stack: {
      services: [
        {
          name: "web",
          image: "nginx",
          command: undefined,
          mode: "replicated",
          replicas: 1,
          endpointMode: "vip",
          constraints: [],
          networks: ["default"],
          aliases: new Map(),
          ports: [],
          hostname: undefined,
          dns: [],
        },
      ],
      networks: [
        {
          name: "default",
          subnets: [{ subnet: undefined, gateway: undefined, vni: undefined }],
          mtu: 1450,
          encrypted: false,
          attachable: false,
          internal: false,
        },
      ],
    },
    images: new Map(),
    placement: new Map(),
    addresses: new Map(),
    pins: {
      containers: new Map(),
      tasks: new Map(),
      networks: new Map(),
      dns: new Map(),
      interfaces: new Map(),
      namespaces: new Map(),
      macs: new Map(),
      ports: new Map(),
      balancing: new Map(),
      nodes: new Map(),
      turns: new Map(),
      keys: { values: [], firstTag: undefined },
    },
    run: { seed: 1, setup: [], steps: [] },
    warnings: [],
  });
});

test("everything given", () => {
  const scenario = loadGood(`name: All of it
cluster:
  nodes:
    - name: a
      role: worker
      ip: 172.30.0.11
      labels: { zone: north, rack: 7, ssd: true }
    - { name: b, role: manager, mac: "02:00:00:00:00:0b" }
    - c
  underlay: { subnet: 172.30.0.0/16, mtu: 9000B, latency: 1.5ms }
  data_path_port: 7789
compose: { services: { web: { image: nginx, deploy: { replicas: 2 }, networks: [x, y] } }, networks: { x: , y: } }
placement: { web.1: c }
addresses:
  web: 10.0.1.9
  web.1: { x: 10.0.1.20, y: 10.0.2.20 }
  web.2: 10.0.2.21
  lb-x: { c: 10.0.1.99 }
run: { seed: 7, setup: [sleep 1s], steps: [exec web.1 true] }
`);
  expect(scenario.name).toBe("All of it");
  expect(scenario.cluster.nodes.map(({ name, role, ip, mac }) => [name, role, formatIpv4(ip), formatMac(mac)])).toEqual(
    [
      ["a", "worker", "172.30.0.11", "52:54:00:1e:00:0b"],
      // .11 is taken, so the first free one.
      ["b", "manager", "172.30.0.12", "02:00:00:00:00:0b"],
      ["c", "worker", "172.30.0.13", "52:54:00:1e:00:0d"],
    ],
  );
  expect([...scenario.cluster.nodes[0]!.labels]).toEqual([
    ["zone", "north"],
    ["rack", "7"],
    ["ssd", "true"],
  ]);
  expect(scenario.cluster.underlay).toEqual({
    subnet: { address: (172 << 24) | (30 << 16), prefixLength: 16 },
    mtu: 9000,
    latencyNs: 1_500_000,
    oneKernel: false,
  });
  expect(scenario.cluster.dataPathPort).toBe(7789);
  expect(scenario.placement).toEqual(new Map([["web.1", "c"]]));
  const text = [...scenario.addresses].map(([owner, ips]) => [
    owner,
    [...ips].map(([key, ip]) => `${key} ${formatIpv4(ip)}`),
  ]);
  expect(text).toEqual([
    ["web", ["x 10.0.1.9"]],
    ["web.1", ["x 10.0.1.20", "y 10.0.2.20"]],
    ["web.2", ["y 10.0.2.21"]],
    ["lb-x", ["c 10.0.1.99"]],
  ]);
  expect(scenario.run).toMatchObject({ seed: 7, setup: [{ kind: "sleep" }], steps: [{ kind: "exec" }] });
});

describe("paths", () => {
  test.each([
    ["examples/a/scenario.yml", "stack.yml", "examples/a/stack.yml"],
    ["examples/a/scenario.yml", "./stack.yml", "examples/a/stack.yml"],
    ["examples/a/scenario.yml", "../stack.yml", "examples/stack.yml"],
    ["examples/scenario.yml", "../../stack.yml", "../stack.yml"],
    ["scenario.yml", "stack.yml", "stack.yml"],
    ["../scenario.yml", "../stack.yml", "../../stack.yml"],
    ["/a/scenario.yml", "b/stack.yml", "/a/b/stack.yml"],
    ["/scenario.yml", "../stack.yml", "/../stack.yml"],
    ["a/scenario.yml", "/etc/stack.yml", "/etc/stack.yml"],
    ["a\\scenario.yml", "C:\\stack.yml", "C:\\stack.yml"],
  ])("from %s, %s is %s", (file, path, expected) => expect(resolvePath(file, path)).toBe(expected));
});

test("anchors and merge keys work in the scenario, too", () => {
  const scenario = loadGood(`${SMALL}placement: &where { web.1: manager }
run:
  setup: [&ping exec web.1 ping 10.0.9.4]
  steps: [*ping, *ping]
`);
  expect(scenario.run.steps).toHaveLength(2);
  expect(warnings(SMALL)).toEqual([]);
});

describe("the repository's own", () => {
  test("first light: a stack that docker stack deploy takes, without a warning", () => {
    const scenario = loadFile("examples/first-light/scenario.yml");
    expect(scenario.warnings).toEqual([]);
    expect(scenario.stack.services).toMatchObject([{ name: "overlay_service", replicas: 4, networks: ["myoverlay"] }]);
    expect(scenario.run.steps).toHaveLength(2);
  });

  test.each(["", "docker-28/"])("the conformance scenarios in conformance/%s, without a warning", (folder) => {
    const path = `fixtures/conformance/${folder}`;
    const files = readdirSync(new URL(path, ROOT)).filter((file) => file.endsWith(".yml"));
    expect(files.length).toBeGreaterThan(10);
    for (const file of files) {
      const { warnings: told, cluster, run } = loadFile(path + file);
      expect([file, told]).toEqual([file, []]);
      expect(run.steps.length).toBeGreaterThan(0);
      expect(cluster.nodes.map(({ docker }) => docker)).toEqual(Array(3).fill(folder === "" ? "20.10" : "28"));
      expect(cluster.hosts.map(({ name }) => name)).toEqual(["ext"]);
    }
  });
});
