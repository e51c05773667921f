/** What a swarm makes against what real nodes had: namespaces, devices, addresses, routes, records and rules. */
import { formatIpv4, formatMac } from "@hopscope/codec/address";
import { describe, expect, test } from "vitest";
import { deviceLine, ip, normalize, realDeviceLine, type RealNamespace, realState, routesOf, World } from "./world.ts";
import { connect, disconnect } from "../../src/swarm/container.ts";
import { createBridge } from "../../src/swarm/bridge-driver.ts";

const MANAGER = "swarm-manager";
const WORKER1 = "swarm-worker1";
const WORKER2 = "swarm-worker2";

/** The base of all recordings: four tasks of overlay_service. */
function base(version: "20.10" | "28"): World {
  const places = version === "20.10" ? [MANAGER, MANAGER, WORKER1, WORKER2] : [WORKER2, MANAGER, WORKER1, WORKER1];
  const addresses =
    version === "20.10"
      ? ["10.0.9.3", "10.0.9.4", "10.0.9.5", "10.0.9.6"]
      : ["10.0.9.6", "10.0.9.3", "10.0.9.4", "10.0.9.5"];
  const balancers = version === "20.10" ? [".7", ".8", ".9"] : [".9", ".7", ".8"];
  const world = new World(version, {
    placement: new Map(places.map((node, index) => [`overlay_service.${index + 1}`, node])),
    addresses: new Map<string, ReadonlyMap<string, number>>([
      ...addresses.map(
        (address, index) => [`overlay_service.${index + 1}`, new Map([["myoverlay", ip(address)]])] as const,
      ),
      [
        "lb-myoverlay",
        new Map([MANAGER, WORKER1, WORKER2].map((node, index) => [node, ip(`10.0.9${balancers[index]}`)])),
      ],
    ]),
    ports: new Map([[`${WORKER1}/overlay-myoverlay`, new Map([["overlay_service.4", 1]])]]),
  });
  world.overlay("myoverlay", "10.0.9.0/24");
  world.service("overlay_service", 4, ["myoverlay"]);
  return world;
}

function compare(
  world: World,
  node: string,
  real: Readonly<Record<string, RealNamespace>>,
  sameIndexes: boolean,
  sorted: boolean = false,
): void {
  const order = (lines: readonly string[]): readonly string[] => (sorted ? lines.toSorted() : lines);
  const made = world.namespaces(node);
  expect([...made.keys()].toSorted()).toEqual(Object.keys(real).toSorted());
  for (const [name, state] of Object.entries(real)) {
    const namespace = made.get(name)!;
    const where = `${node} ${name}`;
    expect([where, namespace.forwarding]).toEqual([where, state.forwarding === 1]);
    // eth0 of a recorded node was made elsewhere, with another number; here it is the first.
    const devices = namespace.devices.filter((device) => device.kind !== "loopback" && device.kind !== "nic");
    const realDevices = state.devices.filter((device) => !(name === "host" && device.name === "eth0"));
    expect([where, devices.map(deviceLine)]).toEqual([where, realDevices.map(realDeviceLine)]);
    const isOfNode = (device: string): boolean => name === "host" || !/^br\d/.test(device);
    if (sameIndexes)
      expect([
        where,
        devices.map((device) => device.index! - (isOfNode(device.name) && device.index! > 2 ? 1 : 0)),
      ]).toEqual([where, realDevices.map((device) => device.index)]);
    expect([where, normalize(routesOf(namespace))]).toEqual([where, normalize(state.routes).toSorted()]);
    expect([where, order(normalize(world.rules(node, name)))]).toEqual([where, order(normalize(state.rules ?? []))]);
    if (state.peers !== undefined) expect([where, peersOf(world, node, name)]).toEqual([where, state.peers]);
  }
}

function peersOf(world: World, node: string, netns: string): readonly string[] {
  const plan = world.picture.plan(world.swarm, { mtu: 1500, latencyNs: 0 });
  const network = plan.networks.find(({ name }) => `overlay-${name}` === netns)!;
  const { vtep } = plan.nodes.find(({ name }) => name === node)!;
  return network.peers
    .filter((peer) => peer.vtep !== vtep)
    .map((peer) => `${formatIpv4(peer.ip)} ${formatMac(peer.mac)} ${formatIpv4(peer.vtep)}`)
    .toSorted();
}

describe.each(["20.10", "28"] as const)("Docker %s", (version) => {
  const only = (name: string, node: string): Readonly<Record<string, RealNamespace>> =>
    realState(`${version}-${name}`)[node]!;

  test.each([MANAGER, WORKER1, WORKER2])("s01: the base, %s", (node) => {
    compare(base(version), node, only("s01", node), true);
  });

  test("s07: ports of the node, of a service on an overlay and of one without a network", () => {
    const world = base(version);
    const port = (published: number) => [{ mode: "host", protocol: "tcp", target: 80, published } as const];
    const constraints = [`node.hostname==${WORKER1}`];
    const make = (name: string, networks: readonly string[], published: number): void =>
      world.service(name, 1, networks, { ports: port(published), constraints });
    make("web_host2", [], 8090);
    make("web_host", ["myoverlay"], 8080);
    // On the recorded node of 20.10 the two were made at the same time, and took turns at iptables.
    compare(world, WORKER1, only("s07", WORKER1), false, version === "20.10");
  });

  test("s08: containers on docker0, one with a published port", () => {
    const world = base(version);
    world.run(WORKER1, "c1");
    world.run(WORKER1, "c2");
    world.run(WORKER1, "c3", "bridge", { ports: [{ protocol: "tcp", hostPort: 8081, containerPort: 80 }] });
    compare(world, WORKER1, only("s08", WORKER1), false);
  });

  test("s09: user-defined bridges", () => {
    const world = base(version);
    const engine = world.swarm.engine(WORKER2);
    createBridge(engine, { name: "brA" });
    createBridge(engine, { name: "brB" });
    world.run(WORKER2, "a1", "brA");
    world.run(WORKER2, "a2", "brA");
    world.run(WORKER2, "b1", "brB");
    world.run(WORKER2, "d1");
    compare(world, WORKER2, only("s09", WORKER2), version === "28");
  });

  test("s15: an attachable overlay, left and joined again; an overlay beside docker0", () => {
    const world = base(version);
    const engine = world.swarm.engine(WORKER2);
    const plain = world.run(WORKER2, "plain", "myoverlay");
    const { ip: address } = plain.sandbox.endpointIn("myoverlay")!;
    world.do(disconnect(engine, plain, "myoverlay"));
    world.do(connect(engine, plain, { network: "myoverlay", ip: address }));
    const second = world.run(WORKER2, "second");
    world.do(connect(engine, second, { network: "myoverlay" }));
    const devices = (name: string): readonly string[] =>
      world
        .namespaces(WORKER2)
        .get(name)!
        .devices.map((device) => device.name);
    expect(devices("plain")).toEqual(version === "28" ? ["lo", "eth0", "eth1"] : ["lo", "eth2", "eth3"]);
    expect(devices("second")).toEqual(["lo", "eth0", "eth1"]);
    expect(world.namespaces(WORKER2).get("second")!.routes).toEqual([
      { destination: 0, prefixLength: 0, via: ip("172.17.0.1"), device: "eth0" },
    ]);
  });
});

test("s13: a task whose service publishes a port in the ingress network (28)", () => {
  const world = new World("28", {
    addresses: new Map([
      [
        "web.1",
        new Map([
          ["ingress", ip("10.0.0.9")],
          ["myoverlay", ip("10.0.9.31")],
        ]),
      ],
    ]),
    interfaces: new Map([["web.1", ["ingress", "docker_gwbridge", "myoverlay"]]]),
  });
  world.overlay("myoverlay", "10.0.9.0/24");
  const constraints = [`node.hostname==${WORKER1}`];
  world.service("overlay_service", 1, ["myoverlay"], { constraints });
  const ports = [{ mode: "ingress", protocol: "tcp", target: 80, published: 8080 }] as const;
  world.service("web", 1, ["myoverlay"], { constraints, ports });
  const real = realState("28-s13")[WORKER1]!;
  for (const name of ["web.1", "ingress_sbox"]) {
    const made = world.namespaces(WORKER1).get(name)!;
    const devices = made.devices.filter(({ kind }) => kind !== "loopback");
    expect(devices.map(deviceLine)).toEqual(real[name]!.devices.map(realDeviceLine));
    expect(routesOf(made)).toEqual(real[name]!.routes.toSorted());
    expect(normalize(world.rules(WORKER1, name))).toEqual(normalize(real[name]!.rules!));
  }
});
