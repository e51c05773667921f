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
