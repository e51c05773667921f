/** Nodes that cannot talk to each other while containers can, and the other way round. */
import { describe, expect, test } from "vitest";
import { run, type RunResult } from "../../src/run.ts";
import { loadGood } from "../scenario/loading.ts";

function go(steps: readonly string[]): RunResult {
  const lines = steps.map((step) => `    - ${step}\n`).join("");
  return run(
    loadGood(`cluster:
  nodes: [manager, worker1, worker2]
compose:
  services:
    web: { image: busybox, deploy: { replicas: 3, endpoint_mode: dnsrr }, networks: [front] }
  networks:
    front: { attachable: true, ipam: { config: [{ subnet: 10.0.9.0/24 }] } }
placement: { web.1: manager, web.2: worker1, web.3: worker2 }
run:
  steps:
${lines}`),
  );
}

const outputs = ({ steps }: RunResult, ...wanted: readonly string[]): readonly string[] =>
  steps.filter(({ step }) => wanted.some((text) => step.text.startsWith(text))).map(({ output }) => output.join(" "));

const NAMES = "exec web.1 dig +short tasks.web";
const PEERS = "inspect manager/overlay-front bridge fdb show dev vxlan0";
const PING = "exec web.1 ping -c 1 -W 1 10.0.9.3";
const statuses = (result: RunResult, text: string): readonly (number | undefined)[] =>
  result.steps.filter(({ step }) => step.text === text).map(({ status }) => status);

describe("7946 is blocked, 4789 is not", () => {
  test("a node is forgotten after a while, with its names and forwarding entries, and its packets no longer find it", () => {
    const result = go([
      PING,
      "fault block worker1 udp dst port 7946",
      "fault block worker1 tcp dst port 7946",
      PING,
      "sleep 8s",
      NAMES,
      PEERS,
      PING,
      "fault clear",
      "sleep 2s",
      NAMES,
      PING,
    ]);
    const [lost, back] = outputs(result, NAMES).map((names) => names.split(" ").length);
    expect([lost, back]).toEqual([2, 3]);
    expect(outputs(result, PEERS)[0]).not.toContain("192.168.77.12");
    expect(statuses(result, PING)).toEqual([0, 0, 1, 0]);
  });

  test("UDP alone: a new container's name comes with the bulk synchronization", () => {
    const result = go([
      "fault block worker2 udp dst port 7946",
      "on worker1 docker run -d --name late --network front busybox",
      "sleep 1s",
      "exec web.1 dig +short late",
      "exec web.3 dig +short late",
      "sleep 30s",
      "exec web.3 dig +short late",
      "docker node ls",
    ]);
    expect(outputs(result, "exec web.1 dig")).toEqual(["10.0.9.8"]);
    expect(outputs(result, "exec web.3 dig")).toEqual(["", "10.0.9.8"]);
  });
});

test("what a node hears of late does not bring back what it has heard is gone", () => {
  const servers = (node: string): string => `netns ${node} lb-vip ipvsadm -Ln`;
  const result = run(
    loadGood(`cluster: { nodes: [manager, worker1, worker2] }
compose:
  services:
    web: { image: busybox, deploy: { replicas: 1, restart_policy: { condition: none } }, networks: [vip] }
    other: { image: busybox, deploy: { mode: global }, networks: [vip] }
  networks: { vip: {} }
placement: { web.1: manager, web.2: manager }
run:
  steps:
    - fault block manager udp dst port 7946
    - docker service scale -d web=2
    - sleep 2s
    - fault clear
    - sleep 1s
    - docker kill web.2
    - sleep 1m
${["manager", "worker1", "worker2"].map((node) => `    - ${servers(node)}\n`).join("")}`),
  );
  const counts = outputs(result, "netns").map((output) => output.split("->").length - 2);
  // Three tasks of other, one of web.
  expect(counts).toEqual([4, 4, 4]);
});

test("what a node had not told before it went off goes with it, though it is soon back", () => {
  const servers = "netns manager ingress_sbox ipvsadm -Ln";
  const result = run(
    loadGood(`cluster: { nodes: [manager, a, g] }
compose:
  services:
    web: { image: nginx, ports: ["80:80"], deploy: { replicas: 2, restart_policy: { condition: none } } }
placement: { web.1: manager, web.2: g }
run:
  steps:
    - pace docker.boot 1s
    - fault block g udp dst port 7946
    - on g docker kill web.2
    - sleep 200ms
    - ${servers}
    - fault node g lost
    - fault clear
    - sleep 1m
    - ${servers}
`),
  );
  expect(outputs(result, servers).map((output) => output.split("->").length - 2)).toEqual([2, 1]);
});

test("a node that is back, but can be joined only later, is found again", () => {
  const steps = [
    "fault node worker2 lost",
    "fault block worker2 tcp dst port 7946",
    "sleep 5s",
    "fault node worker2 back",
    "sleep 30s",
  ];
  const lost = (more: readonly string[]): readonly number[] =>
    Array.from(go([...steps, ...more]).mesh.docker!.swarm.engines.values(), (engine) => engine.lost.size);
  expect(lost([])).toEqual([1, 1, 2]);
  expect(lost(["fault clear", "sleep 3s"])).toEqual([0, 0, 0]);
});

test("a node's own iptables count, too, in their order", () => {
  const block = (more: string): readonly (number | undefined)[] => {
    const result = go([
      more,
      "on worker1 iptables -A INPUT -p udp -m multiport --dports 4000,7946 -j DROP",
      "on worker1 iptables -A INPUT -p tcp --dport 7946 -j REJECT",
      "sleep 10s",
      NAMES,
      "on worker1 iptables -F INPUT",
      "sleep 3s",
      NAMES,
    ]);
    return outputs(result, NAMES).map((names) => names.split(" ").length);
  };
  expect(block("on worker1 iptables -L")).toEqual([2, 3]);
  expect(block("on worker1 iptables -A INPUT -s 192.168.77.11 -j ACCEPT")).toEqual([3, 3]);
});

test("managers that nobody can reach at 2377: nodes are down, and answer each other all the same", () => {
  const result = go([
    "fault block manager in tcp dst port 2377",
    "sleep 16s",
    "docker node ls",
    NAMES,
    "sleep 10s",
    "docker service ps web",
  ]);
  expect(outputs(result, "docker node ls")[0]!.match(/\bDown\b/g)).toHaveLength(2);
  expect(outputs(result, NAMES)[0]!.split(" ")).toHaveLength(3);
  const [ps] = outputs(result, "docker service ps");
  expect(ps!.match(/manager +Running +Running/g)).toHaveLength(3);
  expect(ps!.match(/worker\d +Shutdown +Running/g)).toHaveLength(2);
});

test("4789 is blocked, 7946 is not: names and entries stay, packets do not arrive", () => {
  const result = go(["fault block worker1 udp dst port 4789", "sleep 20s", NAMES, PEERS, PING]);
  expect(outputs(result, NAMES)[0]!.split(" ")).toHaveLength(3);
  expect(outputs(result, PEERS)[0]).toContain("192.168.77.12");
  expect(statuses(result, PING)).toEqual([1]);
});

test("a cable that is out: both sides forget each other", () => {
  const result = go([
    "fault link worker1 down",
    "sleep 10s",
    NAMES,
    "exec web.2 dig +short tasks.web",
    "inspect worker1/overlay-front bridge fdb show dev vxlan0",
    "fault link worker1 up",
    "sleep 2s",
    NAMES,
    "exec web.2 dig +short tasks.web",
    PING,
  ]);
  expect(outputs(result, NAMES).map((names) => names.split(" ").length)).toEqual([2, 3]);
  expect(outputs(result, "exec web.2 dig").map((names) => names.split(" ").length)).toEqual([1, 3]);
  expect(outputs(result, "inspect worker1")[0]).not.toMatch(/192\.168\.77\.1[13]/);
  expect(statuses(result, PING)).toEqual([0]);
});

test("what a node knows is printed for each: services, tasks and peers of a network", () => {
  const look = (node: string): string =>
    `inspect ${node} docker network inspect -v -f '{{json .Peers}} {{json .Services}}' front`;
  const result = go(["fault link worker1 down", "sleep 10s", look("manager"), look("worker1"), look("worker2")]);
  const known = ["manager", "worker1", "worker2"].map((node) => {
    const [line = ""] = outputs(result, `inspect ${node}`);
    const [peers, services] = JSON.parse(`[${line.replace("] {", "], {")}]`) as [
      readonly { readonly IP: string }[],
      Readonly<Record<string, { readonly Tasks: readonly { readonly Name: string }[] }>>,
    ];
    const tasks = services["web"]!.Tasks.map(({ Name }) => Name.slice(0, 5));
    return [peers.map(({ IP }) => IP.slice(-2)).join(), tasks.toSorted().join()];
  });
  expect(known).toEqual([
    ["11,13", "web.1,web.3"],
    ["12", "web.2"],
    ["11,13", "web.1,web.3"],
  ]);
});
