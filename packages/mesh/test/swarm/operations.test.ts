/** Operations of a swarm without an engine: what they ask for, in which order, when; and what they refuse. */
import { formatIpv4 } from "@hopscope/codec/address";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseCidr } from "../../src/swarm/cidr.ts";
import { createBridge, removeBridge } from "../../src/swarm/bridge-driver.ts";
import { connect, disconnect, killContainer, removeContainer } from "../../src/swarm/container.ts";
import { formatRequest } from "../../src/swarm/format-request.ts";
import {
  createService,
  isRollingOut,
  liveTasks,
  removeService,
  scaleService,
  setAvailability,
} from "../../src/swarm/orchestrator.ts";
import type { Task } from "../../src/swarm/service.ts";
import { updateService } from "../../src/swarm/updater.ts";
import { ip, serviceSpec, World } from "./world.ts";

const [MANAGER, WORKER1, WORKER2] = ["swarm-manager", "swarm-worker1", "swarm-worker2"] as const;

/** Commands since request number `from`, chance taken out. */
function commands(world: World, from: number): readonly string[] {
  return world.requests
    .slice(from)
    .flatMap(({ request }) => formatRequest(request))
    .map((line) =>
      line
        .replaceAll(/veth[0-9a-f]{7}/g, "vethXXXXXXX")
        .replaceAll(/address (?!02:42:)[0-9a-f:]{17}/g, "address RANDOM")
        .replaceAll(/(runc \w+ )[0-9a-f]{12}/g, "$1ID")
        .replaceAll(/hostname [0-9a-f]{12}/g, "hostname ID")
        .replaceAll(/(port |127\.0\.0\.11:|--sport )\d{5}/g, "$1PORT"),
    );
}

test("a container on docker0, Docker 28, as commands", () => {
  const world = new World("28");
  const from = world.requests.length;
  world.run(WORKER1, "c1", "bridge", { ports: [{ protocol: "tcp", hostPort: 8081, containerPort: 80 }] });
  expect(commands(world, from)).toEqual([
    "swarm-worker1# ip netns add c1",
    "swarm-worker1# ip netns exec c1 sysctl -w net.ipv4.ip_forward=0",
    "swarm-worker1# ip link add vethXXXXXXX address RANDOM mtu 1500 type veth peer name eth0 address RANDOM mtu 1500 netns c1",
    "swarm-worker1# ip link set vethXXXXXXX master docker0",
    "swarm-worker1# ip link set vethXXXXXXX up",
    "swarm-worker1# iptables -t raw -A PREROUTING -d 172.17.0.2/32 ! -i docker0 -j DROP",
    "swarm-worker1/c1# ip address add 172.17.0.2/16 dev eth0",
    "swarm-worker1/c1# ip link set eth0 up",
    "swarm-worker1/c1# ip route add default via 172.17.0.1 dev eth0",
    "swarm-worker1# iptables -t nat -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8081 -j DNAT --to-destination 172.17.0.2:80",
    "swarm-worker1# iptables -t filter -I DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT",
    "swarm-worker1# docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 8081 -container-ip 172.17.0.2 -container-port 80 -use-listen-fd &",
    "swarm-worker1# docker-proxy -proto tcp -host-ip :: -host-port 8081 -container-ip 172.17.0.2 -container-port 80 -use-listen-fd &",
    "swarm-worker1# runc create ID (c1, bb:1, hostname ID)",
    "swarm-worker1# runc start ID (web)",
    "swarm-worker1/c1# arping -U -c 1 -I eth0 172.17.0.2",
    "swarm-worker1/c1# arping -U -c 1 -I eth0 172.17.0.2",
    "swarm-worker1/c1# arping -U -c 1 -I eth0 172.17.0.2",
  ]);
});

test("the first task of an overlay on a node, Docker 20.10, as commands", () => {
  const world = new World("20.10", {}, [MANAGER]);
  world.overlay("net");
  const from = world.requests.length;
  world.service("web", 1, ["net"]);
  const others = "(on the other nodes of net)";
  expect(commands(world, from)).toEqual([
    "swarm-manager# ip netns add web.1",
    "swarm-manager# ip netns exec web.1 sysctl -w net.ipv4.ip_forward=0",
    "swarm-manager# ip netns exec web.1 sysctl -w net.ipv6.conf.all.disable_ipv6=1",
    "swarm-manager# ip netns add overlay-net",
    "swarm-manager# ip netns exec overlay-net sysctl -w net.ipv4.ip_forward=0",
    "swarm-manager# ip netns exec overlay-net sysctl -w net.ipv6.conf.all.disable_ipv6=1",
    "swarm-manager# ip netns add lb-net",
    "swarm-manager# ip netns exec lb-net sysctl -w net.ipv4.ip_forward=0",
    "swarm-manager# ip netns exec lb-net sysctl -w net.ipv6.conf.all.disable_ipv6=1",
    "swarm-manager/overlay-net# ip link add br0 mtu 1450 type bridge",
    "swarm-manager/overlay-net# ip address add 10.0.1.1/24 dev br0",
    "swarm-manager/overlay-net# ip link set br0 up",
    "swarm-manager/overlay-net# ip link add vxlan0 address RANDOM mtu 1450 netns overlay-net type vxlan id 4097 dstport 4789 learning proxy l2miss l3miss",
    "swarm-manager/overlay-net# ip link set vxlan0 master br0",
    "swarm-manager/overlay-net# ip link set vxlan0 up",
    "swarm-manager/overlay-net# ip link add veth0 address RANDOM mtu 1450 type veth peer name eth0 address 02:42:0a:00:01:04 mtu 1450 netns lb-net",
    "swarm-manager/overlay-net# ip link set veth0 master br0",
    "swarm-manager/overlay-net# ip link set veth0 up",
    `swarm-manager# ip neighbor replace 10.0.1.4 lladdr 02:42:0a:00:01:04 dev vxlan0 nud permanent ${others}`,
    `swarm-manager# bridge fdb replace 02:42:0a:00:01:04 dev vxlan0 dst 192.168.77.11 self permanent ${others}`,
    "swarm-manager/lb-net# ip address add 10.0.1.4/24 dev eth0",
    "swarm-manager/lb-net# ip link set eth0 up",
    "swarm-manager/lb-net# dockerd listens on 127.0.0.11, UDP port PORT and TCP port PORT",
    ...resolverCommands("lb-net"),
    "swarm-manager/overlay-net# ip link add veth1 address RANDOM mtu 1450 type veth peer name eth0 address 02:42:0a:00:01:03 mtu 1450 netns web.1",
    "swarm-manager/overlay-net# ip link set veth1 master br0",
    "swarm-manager/overlay-net# ip link set veth1 up",
    `swarm-manager# ip neighbor replace 10.0.1.3 lladdr 02:42:0a:00:01:03 dev vxlan0 nud permanent ${others}`,
    `swarm-manager# bridge fdb replace 02:42:0a:00:01:03 dev vxlan0 dst 192.168.77.11 self permanent ${others}`,
    "swarm-manager# ip link add vethXXXXXXX address RANDOM mtu 1500 type veth peer name eth1 address 02:42:ac:12:00:03 mtu 1500 netns web.1",
    "swarm-manager# ip link set vethXXXXXXX master docker_gwbridge",
    "swarm-manager# ip link set vethXXXXXXX up",
    "swarm-manager/web.1# ip address add 10.0.1.3/24 dev eth0",
    "swarm-manager/web.1# ip link set eth0 up",
    "swarm-manager/web.1# ip address add 172.18.0.3/16 dev eth1",
    "swarm-manager/web.1# ip link set eth1 up",
    "swarm-manager/web.1# ip route add default via 172.18.0.1 dev eth1",
    "swarm-manager/web.1# dockerd listens on 127.0.0.11, UDP port PORT and TCP port PORT",
    ...resolverCommands("web.1"),
    expect.stringMatching(/^swarm-manager# runc create ID \(web\.1\.[0-9a-z]{25}, bb:1, hostname ID\)$/),
    "swarm-manager# runc start ID (web)",
  ]);
});

function resolverCommands(netns: string): readonly string[] {
  return [
    "iptables -t nat -N DOCKER_OUTPUT",
    "iptables -t nat -N DOCKER_POSTROUTING",
    "iptables -t nat -A OUTPUT -d 127.0.0.11/32 -j DOCKER_OUTPUT",
    "iptables -t nat -A POSTROUTING -d 127.0.0.11/32 -j DOCKER_POSTROUTING",
    "iptables -t nat -A DOCKER_OUTPUT -d 127.0.0.11/32 -p tcp -m tcp --dport 53 -j DNAT --to-destination 127.0.0.11:PORT",
    "iptables -t nat -A DOCKER_OUTPUT -d 127.0.0.11/32 -p udp -m udp --dport 53 -j DNAT --to-destination 127.0.0.11:PORT",
    "iptables -t nat -A DOCKER_POSTROUTING -s 127.0.0.11/32 -p tcp -m tcp --sport PORT -j SNAT --to-source :53",
    "iptables -t nat -A DOCKER_POSTROUTING -s 127.0.0.11/32 -p udp -m udp --sport PORT -j SNAT --to-source :53",
  ].map((command) => `swarm-manager/${netns}# ${command}`);
}

describe("addresses (recording s00)", () => {
  test.each([
    ["20.10", "10.0.3.0"],
    ["28", "10.0.1.0"],
  ] as const)("are not used again soon in an overlay; subnets are, with Docker %s it is %s", (version, subnet) => {
    const world = new World(version);
    world.overlay("neta");
    world.overlay("netb");
    const addresses = (name: string): readonly string[] => {
      const service = world.swarm.services.get(name)!;
      const tasks = liveTasks(service).map((task) => formatIpv4(task.addresses.get("neta")!));
      return [formatIpv4(service.vips.get("neta")!), ...tasks];
    };
    world.service("sa", 3, ["neta"]);
    expect(addresses("sa")).toEqual(["10.0.1.2", "10.0.1.3", "10.0.1.4", "10.0.1.5"]);
    world.service("sb", 2, ["neta"]);
    expect(addresses("sb")).toEqual(["10.0.1.9", "10.0.1.10", "10.0.1.11"]);
    removeService(world.swarm, world.swarm.services.get("sb")!);
    world.settle();
    world.service("sc", 2, ["neta"]);
    expect(addresses("sc")).toEqual(["10.0.1.12", "10.0.1.13", "10.0.1.14"]);
    const addressOf = (name: string, more = {}): string =>
      formatIpv4(world.run(WORKER1, name, "neta", more).sandbox.endpointIn("neta")!.ip);
    expect(addressOf("pa")).toBe("10.0.1.15");
    world.do(removeContainer(world.swarm.engine(WORKER1), world.swarm.engine(WORKER1).container("pa")!, true), WORKER1);
    expect(addressOf("pb")).toBe("10.0.1.16");
    expect(addressOf("pc", { attachments: [{ network: "neta", ip: ip("10.0.1.99") }] })).toBe("10.0.1.99");
    world.swarm.networkAllocator.remove(world.swarm.networks.get("netb")!);
    for (const service of ["sa", "sc"]) removeService(world.swarm, world.swarm.services.get(service)!);
    const worker = world.swarm.engine(WORKER1);
    for (const name of ["pb", "pc"]) world.do(removeContainer(worker, worker.container(name)!, true), WORKER1);
    world.swarm.networkAllocator.remove(world.swarm.networks.get("neta")!);
    world.overlay("other");
    const { subnet: next, vni } = world.swarm.networks.get("other")!.subnets[0]!;
    expect([formatIpv4(next.address), vni]).toEqual([subnet, 4099]);
  });

  test("of a local bridge: the lowest free one", () => {
    const world = new World("28");
    const engine = world.swarm.engine(WORKER1);
    const run = (name: string): string => formatIpv4(world.run(WORKER1, name).sandbox.endpoints[0]!.ip);
    expect([run("qa"), run("qb")]).toEqual(["172.17.0.2", "172.17.0.3"]);
    world.do(removeContainer(engine, engine.container("qa")!, true), WORKER1);
    expect(run("qc")).toBe("172.17.0.2");
    expect(formatIpv4(createBridge(engine, { name: "u1" }).subnet.address)).toBe("172.19.0.0");
    removeBridge(engine, engine.bridges.get("u1")!);
    expect(formatIpv4(createBridge(engine, { name: "u2" }).subnet.address)).toBe("172.19.0.0");
  });
});

describe("a task that ends (recording s16)", () => {
  const world = new World("20.10", {
    placement: new Map([
      ["mv.1", WORKER2],
      ["overlay_service.4", WORKER1],
    ]),
  });
  world.overlay("myoverlay", "10.0.9.0/24");
  world.service("overlay_service", 4, ["myoverlay"]);
  world.service("mv", 1, ["myoverlay"], { constraints: [`node.hostname!=${MANAGER}`] });
  const service = world.swarm.services.get("mv")!;
  const engine = world.swarm.engine(WORKER2);

  test("is replaced after five seconds, with another address, on the node that has least", () => {
    const [first] = liveTasks(service) as [Task];
    const killedAt = world.timeline.now;
    const from = world.requests.length;
    world.do(killContainer(engine, first.container!), WORKER2);
    const [second] = liveTasks(service) as [Task];
    expect(first).toMatchObject({ state: "failed", message: "task: non-zero exit (137)" });
    expect(second).toMatchObject({ state: "running", node: { name: WORKER2 } });
    expect(second.addresses.get("myoverlay")).toBe(first.addresses.get("myoverlay")! + 1);
    const gone = world.requests.slice(from).find(({ request }) => request.kind === "peer-delete")!;
    expect(gone.at - killedAt).toBeLessThan(1e9);
    const after = (second.stateSince - killedAt) / 1e9;
    expect(after).toBeGreaterThan(5);
    expect(after).toBeLessThan(6);
  });

  test("leaves a node that is drained, which then has nothing of the network; nothing comes back", () => {
    const drainedAt = world.timeline.now;
    world.do(setAvailability(world.swarm, engine.node, "drain"));
    const on = (): readonly string[] =>
      [...world.swarm.tasks].filter((task) => task.isLive && task.node === engine.node).map((task) => task.name);
    expect(on()).toEqual([]);
    const [moved] = liveTasks(service) as [Task];
    expect(moved).toMatchObject({ state: "running", node: { name: WORKER1 } });
    // Two seconds without the name, ten until the signal that cannot be ignored, and what it takes to tell.
    expect((moved.stateSince - drainedAt) / 1e9).toBeGreaterThan(12.5);
    expect((moved.stateSince - drainedAt) / 1e9).toBeLessThan(15);
    expect([...world.namespaces(WORKER2).keys()]).toEqual(["host", "overlay-ingress", "ingress_sbox"]);
    world.do(setAvailability(world.swarm, engine.node, "active"));
    expect(on()).toEqual([]);
  });
});

describe("services", () => {
  test("grow and shrink, the last ones first of the nodes that have most", () => {
    const world = new World("28");
    world.overlay("net");
    world.service("web", 3, ["net"]);
    const service = world.swarm.services.get("web")!;
    const names = (): readonly string[] => liveTasks(service).map((task) => `${task.name}@${task.node!.name}`);
    world.do(scaleService(world.swarm, service, 5));
    expect(names()).toEqual([
      `web.1@${MANAGER}`,
      `web.2@${WORKER1}`,
      `web.3@${WORKER2}`,
      `web.4@${MANAGER}`,
      `web.5@${WORKER1}`,
    ]);
    world.do(scaleService(world.swarm, service, 3));
    expect(names()).toEqual([`web.1@${MANAGER}`, `web.2@${WORKER1}`, `web.3@${WORKER2}`]);
    world.do(scaleService(world.swarm, service, 1));
    expect(names()).toEqual([`web.1@${MANAGER}`]);
    expect([...world.namespaces(WORKER1).keys()]).not.toContain("overlay-net");
  });

  test("are updated one slot after the other: never are two tasks down", () => {
    const world = new World("28");
    world.overlay("net");
    world.service("web", 3, ["net"]);
    const service = world.swarm.services.get("web")!;
    const before = liveTasks(service).map((task) => task.id);
    world.timeline.start(MANAGER, updateService(world.swarm, service, { ...service.spec, image: "bb:2" }), 0);
    let fewest = 3;
    for (let step = 0; step < 120; step++) {
      world.timeline.run(world.timeline.now + 500_000_000);
      world.timeline.now += 500_000_000;
      fewest = Math.min(fewest, liveTasks(service).filter((task) => task.state === "running").length);
    }
    const after = liveTasks(service);
    expect(fewest).toBe(2);
    expect(isRollingOut(service)).toBe(false);
    expect(after.every((task) => task.state === "running")).toBe(true);
    expect(after.map((task) => task.container!.options.image)).toEqual(["bb:2", "bb:2", "bb:2"]);
    expect(after.some((task) => before.includes(task.id))).toBe(false);
  });

  test("a global one follows the nodes that take tasks", () => {
    const world = new World("28");
    world.overlay("net");
    world.service("agent", 0, ["net"], { mode: "global" });
    const service = world.swarm.services.get("agent")!;
    const nodes = (): readonly string[] => liveTasks(service).map((task) => task.node!.name);
    expect(nodes()).toEqual([MANAGER, WORKER1, WORKER2]);
    world.do(setAvailability(world.swarm, world.swarm.engine(WORKER1).node, "drain"));
    expect(nodes()).toEqual([MANAGER, WORKER2]);
    world.do(setAvailability(world.swarm, world.swarm.engine(WORKER1).node, "active"));
    expect(nodes()).toEqual([MANAGER, WORKER2, WORKER1]);
  });

  test("a second task with the same port of a node waits, and says why", () => {
    const world = new World("28");
    const ports = [{ mode: "host", protocol: "tcp", target: 80, published: 8080 }] as const;
    world.service("web", 2, [], { ports, constraints: [`node.hostname==${WORKER1}`] });
    const states = liveTasks(world.swarm.services.get("web")!).map(({ state, message }) => [state, message]);
    expect(states).toEqual([
      ["running", ""],
      [
        "pending",
        "no suitable node (scheduling constraints not satisfied on 2 nodes; host-mode port already in use on 1 node)",
      ],
    ]);
    world.do(setAvailability(world.swarm, world.swarm.engine(WORKER1).node, "drain"));
    expect(liveTasks(world.swarm.services.get("web")!).map(({ state }) => state)).toEqual(["pending", "pending"]);
  });
});

describe("a container", () => {
  test("of an internal overlay has no way out; a bridge beside it gives one", () => {
    const world = new World("28");
    world.overlay("inner", undefined, { internal: true });
    const engine = world.swarm.engine(WORKER1);
    createBridge(engine, { name: "brA" });
    const container = world.run(WORKER1, "c1", "inner");
    const routes = (): readonly (readonly [string, string])[] =>
      world
        .namespaces(WORKER1)
        .get("c1")!
        .routes.map(({ via, device }) => [formatIpv4(via!), device] as const);
    const devices = (): readonly string[] =>
      world
        .namespaces(WORKER1)
        .get("c1")!
        .devices.map(({ name }) => name);
    expect([devices(), routes()]).toEqual([["lo", "eth0"], []]);
    world.do(connect(engine, container, { network: "brA" }), WORKER1);
    expect([devices(), routes()]).toEqual([["lo", "eth0", "eth1"], [["172.19.0.1", "eth1"]]]);
  });

  test("loses docker_gwbridge to a bridge that leads out, and gets it back", () => {
    const world = new World("28");
    world.overlay("net");
    const engine = world.swarm.engine(WORKER1);
    createBridge(engine, { name: "brA" });
    const container = world.run(WORKER1, "c1", "net");
    const networks = (): readonly string[] => container.sandbox.endpoints.map(({ network }) => network.name);
    expect(networks()).toEqual(["net", "docker_gwbridge"]);
    world.do(connect(engine, container, { network: "brA" }), WORKER1);
    expect(networks()).toEqual(["net", "brA"]);
    world.do(disconnect(engine, container, "brA"), WORKER1);
    expect(networks()).toEqual(["net", "docker_gwbridge"]);
    expect(world.namespaces(WORKER1).get("c1")!.routes).toMatchObject([{ via: ip("172.18.0.1"), device: "eth1" }]);
  });

  test("of an overlay with two subnets reaches the other by its gateway", () => {
    const world = new World("28");
    world.overlay("wide", "10.7.0.0/24,10.8.0.0/24");
    const first = world.run(WORKER1, "c1", "wide");
    const second = world.run(WORKER1, "c2", "wide", { attachments: [{ network: "wide", ip: ip("10.8.0.9") }] });
    expect(first.sandbox.endpointIn("wide")).toMatchObject({ ip: ip("10.7.0.2"), port: "veth1" });
    expect(second.sandbox.endpointIn("wide")).toMatchObject({ ip: ip("10.8.0.9"), port: "veth2" });
    const space = world.namespaces(WORKER1);
    expect(space.get("overlay-wide")!.devices.map(({ name }) => name)).toEqual([
      "lo",
      "br0",
      "vxlan0",
      "veth0",
      "veth1",
      "br1",
      "vxlan1",
      "veth2",
    ]);
    expect(space.get("c1")!.routes).toContainEqual({
      destination: ip("10.8.0.0"),
      prefixLength: 24,
      via: ip("10.7.0.1"),
      device: "eth0",
    });
  });
});

describe("Docker refuses", () => {
  const world = new World("28");
  world.overlay("net", "10.0.9.0/24");
  world.overlay("closed", undefined, { attachable: false });
  const engine = world.swarm.engine(WORKER1);
  world.run(WORKER1, "c1", "bridge", { ports: [{ protocol: "tcp", hostPort: 8080, containerPort: 80 }] });
  world.service("web", 1, ["net"], { ports: [{ mode: "ingress", protocol: "tcp", target: 80, published: 80 }] });
  const service =
    (more: object): (() => unknown) =>
    () =>
      world.do(createService(world.swarm, serviceSpec("other", 1, ["net"], more)));
  const ingress = [{ mode: "ingress", protocol: "tcp", target: 80, published: 80 }] as const;

  test.each<[string, () => unknown, string | RegExp]>([
    [
      "a name twice",
      () => world.run(WORKER1, "c1"),
      /^Conflict\. The container name "\/c1" is already in use by container "[0-9a-f]{64}"/,
    ],
    [
      "a port twice",
      () => world.run(WORKER1, "c2", "bridge", { ports: [{ protocol: "tcp", hostPort: 8080, containerPort: 80 }] }),
      /: Bind for 0\.0\.0\.0:8080 failed: port is already allocated$/,
    ],
    ["an unknown network", () => world.run(WORKER1, "c3", "nowhere"), "network nowhere not found"],
    [
      "a network that is not attachable",
      () => world.run(WORKER1, "c4", "closed"),
      "network closed not manually attachable",
    ],
    [
      "an address that is taken",
      () => world.run(WORKER1, "c5", "net", { attachments: [{ network: "net", ip: ip("10.0.9.1") }] }),
      "Address already in use",
    ],
    [
      "an address of elsewhere",
      () => world.run(WORKER1, "c6", "net", { attachments: [{ network: "net", ip: ip("10.9.9.9") }] }),
      "It does not belong to any of this network's subnets",
    ],
    [
      "an address on the default bridge",
      () => world.run(WORKER1, "c7", "bridge", { attachments: [{ network: "bridge", ip: ip("172.17.0.9") }] }),
      "user specified IP address is supported only when connecting to networks with user configured subnets",
    ],
    [
      "overlapping subnets of overlays",
      () => world.overlay("x", "10.0.0.0/16"),
      "Pool overlaps with other one on this address space",
    ],
    [
      "overlapping subnets of bridges",
      () => createBridge(engine, { name: "x", subnet: parseCidr("172.17.128.0/24")! }),
      "Pool overlaps with other one on this address space",
    ],
    ["a network's name twice", () => world.overlay("net"), "network with name net already exists"],
    [
      "to remove a network in use",
      () => world.swarm.networkAllocator.remove(world.swarm.networks.get("net")!),
      /^rpc error: code = FailedPrecondition desc = network \w+ is in use by service/,
    ],
    [
      "to remove ingress",
      () => world.swarm.networkAllocator.remove(world.swarm.networks.get("ingress")!),
      "ingress is a pre-defined network",
    ],
    [
      "a published port twice",
      service({ ports: ingress }),
      /port '80' is already in use by service 'web' \(\w+\) as an ingress port$/,
    ],
    [
      "dnsrr in the routing mesh",
      service({ endpointMode: "dnsrr", ports: [{ ...ingress[0], published: 81 }] }),
      "port published with ingress mode can't be used with dnsrr mode",
    ],
    ["a service of an unknown network", service({ networks: ["nowhere"] }), "network nowhere not found"],
    [
      "to connect twice",
      () => world.do(connect(engine, engine.container("c1")!, { network: "bridge" }), WORKER1),
      "endpoint with name c1 already exists in network bridge",
    ],
    [
      "to disconnect what is not connected",
      () => world.do(disconnect(engine, engine.container("c1")!, "net"), WORKER1),
      /is not connected to network net$/,
    ],
  ])("%s", (_, act, message) => {
    expect(act).toThrow(message);
  });

  test("and leaves nothing behind of what it refused", () => {
    expect([...world.namespaces(WORKER1).keys()].filter((name) => /^c\d/.test(name))).toEqual(["c1"]);
    expect(engine.ports.taken).toEqual(["tcp/0/8080"]);
  });
});

test("a subnet that is used up leaves a task waiting", () => {
  const world = new World("28", {}, [MANAGER]);
  world.overlay("tiny", "10.9.0.0/29");
  world.service("web", 6, ["tiny"]);
  const states = liveTasks(world.swarm.services.get("web")!).map(({ state }) => state);
  expect(states.filter((state) => state === "running").length).toBeLessThan(6);
  expect(states).toContain("pending");
});

test("whatever is run and removed, nothing is left of it", () => {
  const kinds = fc.constantFrom("bridge", "net", "brA");
  const step = fc.record({ network: kinds, second: fc.option(kinds), leaves: fc.boolean(), port: fc.boolean() });
  fc.assert(
    fc.property(fc.constantFrom("20.10", "28", "29"), fc.array(step, { maxLength: 5 }), (version, steps) => {
      const world = new World(version);
      world.overlay("net");
      const engine = world.swarm.engine(WORKER1);
      createBridge(engine, { name: "brA" });
      const look = (): unknown => [
        [...world.namespaces(WORKER1)].map(([name, { devices, routes }]) => [
          name,
          devices.map((device) => device.name),
          routes,
        ]),
        world.rules(WORKER1, "host"),
      ];
      const before = look();
      for (const [index, { network, second, leaves, port }] of steps.entries()) {
        const ports = port ? [{ protocol: "tcp", hostPort: 8000 + index, containerPort: 80 } as const] : [];
        const container = world.run(WORKER1, `c${index}`, network, { ports });
        if (second !== null && second !== network) {
          world.do(connect(engine, container, { network: second }), WORKER1);
          if (leaves) world.do(disconnect(engine, container, network), WORKER1);
        }
      }
      for (const container of [...engine.containers.values()])
        world.do(removeContainer(engine, container, true), WORKER1);
      world.settle();
      expect(look()).toEqual(before);
    }),
    { numRuns: 30 },
  );
});
