import { formatIpv4 } from "@hopscope/codec/address";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { loadScenario } from "../../src/scenario/load.ts";
import type { Scenario } from "../../src/scenario/scenario.ts";
import { formatPlan } from "../../src/swarm/format-plan.ts";
import type { DevicePlan, NamespacePlan, NodePlan, SwarmPlan } from "../../src/swarm/plan.ts";
import { planSwarm } from "../../src/swarm/plan-swarm.ts";

function scenario(text: string): Scenario {
  const result = loadScenario(text, { file: "s.yml", readFile: () => "" });
  if (!result.ok) throw new Error(result.diagnostics.map((found) => found.message).join("\n"));
  return result.scenario;
}

const TWO_NETWORKS = `cluster: {nodes: 2, underlay: {mtu: 9000, latency: 1ms}, data_path_port: 7789}
compose:
  services:
    web: {image: a, networks: [front, back], deploy: {replicas: 2}}
    db: {image: a, networks: [back]}
  networks: {front: , back: {driver_opts: {com.docker.network.driver.mtu: 1400}}}
placement: {web.1: node-1, web.2: node-2, db.1: node-1}
`;

test("a plan as text", () => {
  const text = formatPlan(
    planSwarm(
      scenario(`cluster: {nodes: 1, underlay: {mtu: 9000, latency: 1ms}, data_path_port: 7789}
compose:
  services: {web: {image: a, networks: [front, back]}}
  networks: {front: , back: {driver_opts: {com.docker.network.driver.mtu: 1400}}}
`),
    ),
  );
  const masked = text
    .replaceAll(/mac (?!02:42|52:54|of)\S+/g, "mac random")
    .replaceAll(/veth[0-9a-f]{7}/g, "vethXXXXXXX");
  expect(masked).toBe(`switch  mtu 9000, 1ms to each node

network ingress  10.0.0.0/24 gateway 10.0.0.1 vni 4096 mtu 1450
  10.0.0.2 02:42:0a:00:00:02 at 192.168.77.11  ingress_sbox

network front  10.0.1.0/24 gateway 10.0.1.1 vni 4097 mtu 1450
  10.0.1.4 02:42:0a:00:01:04 at 192.168.77.11  lb-front
  10.0.1.3 02:42:0a:00:01:03 at 192.168.77.11  web.1

network back  10.0.2.0/24 gateway 10.0.2.1 vni 4098 mtu 1350
  10.0.2.4 02:42:0a:00:02:04 at 192.168.77.11  lb-back
  10.0.2.3 02:42:0a:00:02:03 at 192.168.77.11  web.1

node node-1
  host  forwards
    1: lo     127.0.0.1/8 mtu 65536
    2: eth0   192.168.77.11/24 mtu 9000 mac 52:54:00:a8:4d:0b
    3: docker0 172.17.0.1/16 mtu 1500 mac random
    7: docker_gwbridge 172.18.0.1/16 mtu 1500 mac random
    9: vethXXXXXXX mtu 1500 mac random peer ingress_sbox/eth1 in docker_gwbridge
    16: vethXXXXXXX mtu 1500 mac random peer web.1/eth1 in docker_gwbridge
  overlay-ingress  forwards
    1: lo     127.0.0.1/8 mtu 65536
    2: br0    10.0.0.1/24 mtu 1450 mac of its lowest port
    4: vxlan0 mtu 1450 mac random vni 4096 port 7789 in br0
    6: veth0  mtu 1450 mac random peer ingress_sbox/eth0 in br0
  ingress_sbox  forwards
    1: lo     127.0.0.1/8 mtu 65536
    5: eth0   10.0.0.2/24 mtu 1450 mac 02:42:0a:00:00:02 peer overlay-ingress/veth0
    8: eth1   172.18.0.2/16 mtu 1500 mac random peer host/vethXXXXXXX
    route 0.0.0.0/0 via 172.18.0.1 dev eth1
  web.1  forwards
    1: lo     127.0.0.1/8 mtu 65536
    13: eth0   10.0.2.3/24 mtu 1350 mac 02:42:0a:00:02:03 peer overlay-back/veth1
    15: eth1   172.18.0.3/16 mtu 1500 mac random peer host/vethXXXXXXX
    20: eth2   10.0.1.3/24 mtu 1450 mac 02:42:0a:00:01:03 peer overlay-front/veth1
    route 0.0.0.0/0 via 172.18.0.1 dev eth1
  overlay-back  forwards
    1: lo     127.0.0.1/8 mtu 65536
    2: br0    10.0.2.1/24 mtu 1350 mac of its lowest port
    10: vxlan0 mtu 1350 mac random vni 4098 port 7789 in br0
    12: veth0  mtu 1350 mac random peer lb-back/eth0 in br0
    14: veth1  mtu 1350 mac random peer web.1/eth0 in br0
  lb-back  forwards
    1: lo     127.0.0.1/8 mtu 65536
    11: eth0   10.0.2.4/24 10.0.2.2/32 mtu 1350 mac 02:42:0a:00:02:04 peer overlay-back/veth0
  overlay-front  forwards
    1: lo     127.0.0.1/8 mtu 65536
    2: br0    10.0.1.1/24 mtu 1450 mac of its lowest port
    17: vxlan0 mtu 1450 mac random vni 4097 port 7789 in br0
    19: veth0  mtu 1450 mac random peer lb-front/eth0 in br0
    21: veth1  mtu 1450 mac random peer web.1/eth2 in br0
  lb-front  forwards
    1: lo     127.0.0.1/8 mtu 65536
    18: eth0   10.0.1.4/24 10.0.1.2/32 mtu 1450 mac 02:42:0a:00:01:04 peer overlay-front/veth0
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
          const joined = new Set([
            "ingress",
            ...plan.tasks
              .filter((task) => task.node === node.name)
              .flatMap((task) => task.addresses.map(({ network }) => network)),
          ]);
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
  expect(() => planSwarm(bad)).toThrow("10.0.1.1 is the address of the gateway already");
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
  expect(plan.networks.find(({ name }) => name === "n")!.peers).toHaveLength(51_000);
  expect(plan.nodes).toHaveLength(1000);
  // Its own, the overlay's, the load balancer's, fifty; and for ingress two, while its subnet has addresses.
  expect(new Set(plan.nodes.map((node) => node.namespaces.length))).toEqual(new Set([53, 55]));
});
