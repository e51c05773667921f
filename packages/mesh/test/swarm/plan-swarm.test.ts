import { readFileSync } from "node:fs";
import { formatIpv4, formatMac, parseMac } from "@hopscope/codec/address";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { loadScenario } from "../../src/scenario/load.ts";
import type { Scenario } from "../../src/scenario/scenario.ts";
import { formatPlan } from "../../src/swarm/format-plan.ts";
import type { DevicePlan, NamespacePlan, NodePlan, SwarmPlan } from "../../src/swarm/plan.ts";
import { planSwarm } from "../../src/swarm/plan-swarm.ts";

function scenario(text: string): Scenario {
  const result = loadScenario(text, { file: "s.yml", readFile: read });
  if (!result.ok) throw new Error(result.diagnostics.map((found) => found.message).join("\n"));
  return result.scenario;
}

const FIXTURES = new URL("../../../../fixtures/conformance/", import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, FIXTURES), "utf8");

interface RealDevice {
  readonly name: string;
  readonly ifindex: number;
  readonly peerIndex?: number;
  readonly kind?: string;
  readonly mtu: number;
  readonly mac: string;
  readonly master?: string;
  readonly vni?: number;
  readonly port?: number;
  readonly addresses: readonly string[];
}
interface RealNamespace {
  readonly devices: readonly RealDevice[];
  readonly ipForward: number;
  readonly neighbors?: readonly { readonly ip: string; readonly mac: string }[];
  readonly fdb?: readonly { readonly mac: string; readonly vtep: string }[];
}
type RealState = Readonly<Record<string, Readonly<Record<string, RealNamespace>>>>;

describe("the plan of s01 is what the real nodes had", () => {
  const real = JSON.parse(read("s01-state.json")) as RealState;
  const plan = planSwarm(scenario(read("s01-ping-overlay-cross.yml")));
  const cases = Object.entries(real).flatMap(([node, namespaces]) =>
    Object.entries(namespaces).map(([name, state]) => [node, name, state] as const),
  );
  const planned = (node: string, name: string): NamespacePlan =>
    plan.nodes.find((one) => one.name === node)!.namespaces.find((one) => one.name === name)!;

  test("the same nodes and namespaces", () => {
    expect(plan.nodes.map((node) => [node.name, node.namespaces.map(({ name }) => name)])).toEqual(
      Object.entries(real).map(([node, namespaces]) => [node, Object.keys(namespaces)]),
    );
  });

  test.each(cases)("%s %s: devices in order, MTU, addresses, bridge, VNI, forwarding", (node, name, state) => {
    const namespace = planned(node, name);
    expect(namespace.forwarding).toBe(state.ipForward === 1);
    expect(
      namespace.devices.map((device) => ({
        name: device.name,
        mtu: device.mtu,
        addresses: device.addresses.map(({ ip, prefixLength }) => `${formatIpv4(ip)}/${prefixLength}`),
        master: "master" in device ? device.master : undefined,
        vni: device.kind === "vxlan" ? device.vni : undefined,
        port: device.kind === "vxlan" ? device.port : undefined,
      })),
    ).toEqual(
      state.devices.map(({ name: realName, mtu, addresses, master, vni, port }) => ({
        name: realName,
        mtu,
        addresses,
        master,
        vni,
        port,
      })),
    );
  });

  test.each(cases)("%s %s: MAC addresses, but those that are random", (node, name, state) => {
    const namespace = planned(node, name);
    for (const device of state.devices) {
      const mine = namespace.devices.find((one) => one.name === device.name)!;
      const random = name.startsWith("overlay-");
      if (mine.kind === "loopback" || random) continue;
      expect("mac" in mine && mine.mac !== undefined ? formatMac(mine.mac) : "").toBe(device.mac);
    }
    // A real one's bits, too, say that it is random: locally administered, one device's.
    if (name.startsWith("overlay-"))
      for (const mac of [
        ...state.devices.filter((one) => one.kind !== undefined).map((one) => parseMac(one.mac)!),
        ...namespace.devices.flatMap((one) => ("mac" in one && one.mac !== undefined ? [one.mac] : [])),
      ])
        expect(Math.floor(mac / 2 ** 40) & 3).toBe(2);
  });

  test.each(cases)("%s %s: veth peers", (node, name, state) => {
    const namespace = planned(node, name);
    for (const device of state.devices) {
      if (device.kind !== "veth" || name === "host") continue;
      const mine = namespace.devices.find((one) => one.name === device.name)!;
      if (mine.kind !== "veth") throw new Error(`${device.name} is a ${mine.kind}`);
      const peer = real[node]![mine.peer.namespace]!.devices.find((one) => one.name === mine.peer.device)!;
      expect([peer.ifindex, peer.peerIndex]).toEqual([device.peerIndex, device.ifindex]);
    }
  });

  test.each(cases.filter(([, name]) => name.startsWith("overlay-")))(
    "%s %s: permanent neighbors and FDB entries are the other nodes' peers",
    (node, name, state) => {
      const network = plan.networks.find((one) => `overlay-${one.name}` === name)!;
      const { vtep } = plan.nodes.find((one) => one.name === node)!;
      const others = network.peers.filter((peer) => peer.vtep !== vtep);
      expect(others.map(({ ip, mac }) => ({ ip: formatIpv4(ip), mac: formatMac(mac) })).toSorted(byIp)).toEqual(
        state.neighbors,
      );
      expect(others.map((peer) => ({ mac: formatMac(peer.mac), vtep: formatIpv4(peer.vtep) })).toSorted(byMac)).toEqual(
        state.fdb,
      );
    },
  );

  const byIp = (a: { ip: string }, b: { ip: string }): number => (a.ip < b.ip ? -1 : 1);
  const byMac = (a: { mac: string }, b: { mac: string }): number => (a.mac < b.mac ? -1 : 1);
});

const TWO_NETWORKS = `cluster: {nodes: 2, underlay: {mtu: 9000, latency: 1ms}, data_path_port: 7789}
compose:
  services:
    web: {image: a, networks: [front, back], deploy: {replicas: 2}}
    db: {image: a, networks: [back]}
  networks: {front: , back: {driver_opts: {com.docker.network.driver.mtu: 1400}}}
placement: {web.1: node-1, web.2: node-2, db.1: node-1}
`;

test("two networks, as text", () => {
  // MAC addresses of the nodes' own virtual devices are random.
  const text = formatPlan(planSwarm(scenario(TWO_NETWORKS))).replaceAll(/mac (?!02:42|52:54|of)\S+/g, "mac random");
  expect(text).toBe(`switch  mtu 9000, 1ms to each node

network front  10.0.1.0/24 gateway 10.0.1.1 vni 4097 mtu 1450
  10.0.1.3 02:42:0a:00:01:03 at 192.168.77.11  web.1
  10.0.1.4 02:42:0a:00:01:04 at 192.168.77.12  web.2
  10.0.1.5 02:42:0a:00:01:05 at 192.168.77.11  lb-front
  10.0.1.6 02:42:0a:00:01:06 at 192.168.77.12  lb-front

network back  10.0.2.0/24 gateway 10.0.2.1 vni 4098 mtu 1350
  10.0.2.3 02:42:0a:00:02:03 at 192.168.77.11  web.1
  10.0.2.4 02:42:0a:00:02:04 at 192.168.77.12  web.2
  10.0.2.5 02:42:0a:00:02:05 at 192.168.77.11  lb-back
  10.0.2.6 02:42:0a:00:02:06 at 192.168.77.12  lb-back
  10.0.2.8 02:42:0a:00:02:08 at 192.168.77.11  db.1

node node-1
  host  forwards
    lo     127.0.0.1/8 mtu 65536
    eth0   192.168.77.11/24 mtu 9000 mac 52:54:00:a8:4d:0b
  overlay-front
    lo     127.0.0.1/8 mtu 65536
    br0    10.0.1.1/24 mtu 1450 mac of its lowest port
    vxlan0 mtu 1450 mac random vni 4097 port 7789 in br0
    veth0  mtu 1450 mac random peer lb-front/eth0 in br0
    veth1  mtu 1450 mac random peer web.1/eth1 in br0
  lb-front
    lo     127.0.0.1/8 mtu 65536
    eth0   10.0.1.5/24 mtu 1450 mac 02:42:0a:00:01:05 peer overlay-front/veth0
  overlay-back
    lo     127.0.0.1/8 mtu 65536
    br0    10.0.2.1/24 mtu 1350 mac of its lowest port
    vxlan0 mtu 1350 mac random vni 4098 port 7789 in br0
    veth0  mtu 1350 mac random peer lb-back/eth0 in br0
    veth1  mtu 1350 mac random peer web.1/eth0 in br0
    veth2  mtu 1350 mac random peer db.1/eth0 in br0
  lb-back
    lo     127.0.0.1/8 mtu 65536
    eth0   10.0.2.5/24 mtu 1350 mac 02:42:0a:00:02:05 peer overlay-back/veth0
  web.1
    lo     127.0.0.1/8 mtu 65536
    eth0   10.0.2.3/24 mtu 1350 mac 02:42:0a:00:02:03 peer overlay-back/veth1
    eth1   10.0.1.3/24 mtu 1450 mac 02:42:0a:00:01:03 peer overlay-front/veth1
  db.1
    lo     127.0.0.1/8 mtu 65536
    eth0   10.0.2.8/24 mtu 1350 mac 02:42:0a:00:02:08 peer overlay-back/veth2

node node-2
  host  forwards
    lo     127.0.0.1/8 mtu 65536
    eth0   192.168.77.12/24 mtu 9000 mac 52:54:00:a8:4d:0c
  overlay-front
    lo     127.0.0.1/8 mtu 65536
    br0    10.0.1.1/24 mtu 1450 mac of its lowest port
    vxlan0 mtu 1450 mac random vni 4097 port 7789 in br0
    veth0  mtu 1450 mac random peer lb-front/eth0 in br0
    veth1  mtu 1450 mac random peer web.2/eth1 in br0
  lb-front
    lo     127.0.0.1/8 mtu 65536
    eth0   10.0.1.6/24 mtu 1450 mac 02:42:0a:00:01:06 peer overlay-front/veth0
  overlay-back
    lo     127.0.0.1/8 mtu 65536
    br0    10.0.2.1/24 mtu 1350 mac of its lowest port
    vxlan0 mtu 1350 mac random vni 4098 port 7789 in br0
    veth0  mtu 1350 mac random peer lb-back/eth0 in br0
    veth1  mtu 1350 mac random peer web.2/eth0 in br0
  lb-back
    lo     127.0.0.1/8 mtu 65536
    eth0   10.0.2.6/24 mtu 1350 mac 02:42:0a:00:02:06 peer overlay-back/veth0
  web.2
    lo     127.0.0.1/8 mtu 65536
    eth0   10.0.2.4/24 mtu 1350 mac 02:42:0a:00:02:04 peer overlay-back/veth1
    eth1   10.0.1.4/24 mtu 1450 mac 02:42:0a:00:01:04 peer overlay-front/veth1
`);
});

/** Node, namespace and device to MAC address, of the random ones. */
function randomMacs(plan: SwarmPlan): ReadonlyMap<string, number> {
  const macs = new Map<string, number>();
  const keep = (node: NodePlan, namespace: NamespacePlan, device: DevicePlan): void => {
    if (namespace.name.startsWith("overlay-") && "mac" in device && device.mac !== undefined)
      macs.set(`${node.name}/${namespace.name}/${device.name}`, device.mac);
  };
  for (const node of plan.nodes)
    for (const namespace of node.namespaces) for (const device of namespace.devices) keep(node, namespace, device);
  return macs;
}

describe("random MAC addresses", () => {
  const plan = (nodes: number, replicas: number, seed: number): SwarmPlan =>
    planSwarm(
      scenario(
        `cluster: {nodes: ${nodes}}\ncompose: {services: {web: {image: a, deploy: {replicas: ${replicas}}}}}\nrun: {seed: ${seed}}\n`,
      ),
    );

  test("the same seed gives the same, another seed others", () => {
    expect(plan(3, 6, 1)).toEqual(plan(3, 6, 1));
    const one = randomMacs(plan(3, 6, 1));
    const two = randomMacs(plan(3, 6, 2));
    for (const [place, mac] of one) expect(two.get(place)).not.toBe(mac);
  });

  test("another node or task changes no other", () => {
    const small = randomMacs(plan(2, 2, 1));
    const large = randomMacs(plan(5, 30, 1));
    for (const [place, mac] of small) expect(large.get(place)).toBe(mac);
    expect(new Set(large.values()).size).toBe(large.size);
  });
});

describe("whatever the swarm", () => {
  const shape = fc.record({
    nodes: fc.integer({ min: 1, max: 5 }),
    services: fc.array(
      fc.record({
        replicas: fc.nat(6),
        global: fc.boolean(),
        vip: fc.boolean(),
        networks: fc.subarray(["x", "y", "z"], { minLength: 1 }),
      }),
      { minLength: 1, maxLength: 4 },
    ),
  });
  const plans = shape.map(({ nodes, services }) =>
    planSwarm(
      scenario(
        JSON.stringify({
          cluster: { nodes },
          compose: {
            services: Object.fromEntries(
              services.map(({ replicas, global, vip, networks }, index) => [
                `s${index}`,
                {
                  image: "a",
                  networks,
                  deploy: { ...(global ? { mode: "global" } : { replicas }), endpoint_mode: vip ? "vip" : "dnsrr" },
                },
              ]),
            ),
            networks: { x: {}, y: {}, z: {} },
          },
        }),
      ),
    ),
  );

  test("both ends of a veth pair name each other, and ports have a bridge", () => {
    fc.assert(
      fc.property(plans, (plan) => {
        for (const node of plan.nodes) {
          const names = node.namespaces.map((namespace) => namespace.name);
          expect(new Set(names).size).toBe(names.length);
          for (const namespace of node.namespaces) {
            expect(new Set(namespace.devices.map((device) => device.name)).size).toBe(namespace.devices.length);
            for (const device of namespace.devices) {
              if (device.kind === "veth") {
                const other = node.namespaces
                  .find((one) => one.name === device.peer.namespace)!
                  .devices.find((one) => one.name === device.peer.device)!;
                expect(other).toMatchObject({
                  peer: { namespace: namespace.name, device: device.name },
                  mtu: device.mtu,
                });
              }
              if ("master" in device && device.master !== undefined)
                expect(namespace.devices.some((one) => one.name === device.master && one.kind === "bridge")).toBe(true);
            }
          }
        }
      }),
    );
  });

  test("peers are exactly the endpoints that nodes have, each address once", () => {
    fc.assert(
      fc.property(plans, (plan) => {
        for (const network of plan.networks) {
          const held = plan.nodes.flatMap((node) =>
            node.namespaces.flatMap((namespace) =>
              namespace.devices.flatMap((device) =>
                device.kind === "veth" && device.peer.namespace === `overlay-${network.name}`
                  ? [`${device.addresses[0]!.ip} ${device.mac} ${node.vtep} ${namespace.name}`]
                  : [],
              ),
            ),
          );
          const peers = network.peers.map((peer) => `${peer.ip} ${peer.mac} ${peer.vtep} ${peer.endpoint}`);
          expect(peers.toSorted()).toEqual(held.toSorted());
          expect(new Set(network.peers.map((peer) => peer.ip)).size).toBe(peers.length);
        }
      }),
    );
  });

  test("a node has a network's namespace if and only if it has a task there", () => {
    fc.assert(
      fc.property(plans, (plan) => {
        for (const node of plan.nodes) {
          const joined = new Set(
            plan.tasks
              .filter((task) => task.node === node.name)
              .flatMap((task) => task.addresses.map(({ network }) => network)),
          );
          const made = node.namespaces
            .filter(({ name }) => name.startsWith("overlay-"))
            .map(({ name }) => name.slice(8));
          expect(new Set(made)).toEqual(joined);
        }
      }),
    );
  });
});

test("what Docker refuses is not planned", () => {
  const good = scenario(TWO_NETWORKS);
  const bad = { ...good, addresses: new Map([["web.1", new Map([["front", 0x0a000101]])]]) };
  expect(() => planSwarm(bad)).toThrow(new RangeError("10.0.1.1 is the address of the gateway already"));
});

test("pending tasks are not in the plan", () => {
  const plan = planSwarm(
    scenario(`cluster: {nodes: 1}
compose:
  services:
    a: {image: a, deploy: {placement: {constraints: [node.role==worker]}}}
    b: {image: a}
`),
  );
  expect(plan.tasks.map((task) => [task.name, formatIpv4(task.addresses[0]!.ip)])).toEqual([["b.1", "10.0.1.5"]]);
});

test("a thousand nodes with fifty tasks each share one list of peers", () => {
  const plan = planSwarm(
    scenario(`cluster: {nodes: 1000, underlay: {subnet: 172.30.0.0/16}}
compose:
  services: {web: {image: a, networks: [n], deploy: {replicas: 50000}}}
  networks: {n: {ipam: {config: [{subnet: 10.64.0.0/14}]}}}
`),
  );
  expect(plan.networks[0]!.peers).toHaveLength(51_000);
  expect(plan.nodes).toHaveLength(1000);
  expect(plan.nodes.every((node) => node.namespaces.length === 53)).toBe(true);
});
