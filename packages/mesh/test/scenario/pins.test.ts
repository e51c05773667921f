/** Choices that are arbitrary in reality. */
import { parseIpv4 } from "@hopscope/codec/address";
import { describe, expect, test } from "vitest";
import { run } from "../../src/run.ts";
import { loadGood, mistakes, SMALL, SMALL_LINES } from "./loading.ts";

test("all kinds of them", () => {
  const { pins } = loadGood(`${SMALL}pins:
  containers: { web.1: 0123456789ab }
  tasks: { web.1: abc, web.2: [abc, def] }
  networks: { front: fedcba }
  dns: { web: [[10.0.9.4, 10.0.9.3], [10.0.9.3]] }
  interfaces: { web.1: [docker_gwbridge, front] }
  namespaces: { web.1: web.0123456789ab }
  ports: { manager/overlay-front: { web.1: 3, lb-front: 0 } }
  macs: { manager/docker_gwbridge: "02:42:c0:c4:8e:f6" }
  balancing: { manager/lb-front: { web: [web.2, web.1] }, manager/ingress_sbox: { web: web.2 } }
  nodes: { web.1: [worker1, manager], web.2: worker2 }
  turns: { web: [web.3, web.1] }
  encryption: { keys: [000102030405060708090a0b0c0d0e0f], first_tag: 0x64e8 }
`);
  expect(pins).toEqual({
    containers: new Map([["web.1", "0123456789ab"]]),
    tasks: new Map([
      ["web.1", ["abc"]],
      ["web.2", ["abc", "def"]],
    ]),
    networks: new Map([["front", "fedcba"]]),
    dns: new Map([["web", [["10.0.9.4", "10.0.9.3"].map(parseIpv4), [parseIpv4("10.0.9.3")]]]]),
    interfaces: new Map([["web.1", ["docker_gwbridge", "front"]]]),
    namespaces: new Map([["web.1", "web.0123456789ab"]]),
    macs: new Map([["manager/docker_gwbridge", 0x0242c0c48ef6]]),
    ports: new Map([
      [
        "manager/overlay-front",
        new Map([
          ["web.1", 3],
          ["lb-front", 0],
        ]),
      ],
    ]),
    nodes: new Map([
      ["web.1", ["worker1", "manager"]],
      ["web.2", ["worker2"]],
    ]),
    turns: new Map([["web", ["web.3", "web.1"]]]),
    balancing: new Map([
      ["manager/lb-front", new Map([["web", ["web.2", "web.1"]]])],
      ["manager/ingress_sbox", new Map([["web", ["web.2"]]])],
    ]),
    keys: { values: [Uint8Array.from({ length: 16 }, (_, index) => index)], firstTag: 0x64e8 },
  });
});

test("they come true", () => {
  const { steps } = run(
    loadGood(`${SMALL}placement: { web.1: manager }
pins:
  containers: { web.1: 0123456789ab }
  interfaces: { web.1: [docker_gwbridge, front] }
  macs: { manager/docker_gwbridge: 02:42:c0:c4:8e:f6 }
  ports: { manager/overlay-front: { web.1: 7 } }
run:
  steps:
    - exec web.1 hostname
    - inspect manager/web.1 ip -o -4 addr show dev eth1
    - inspect manager/overlay-front ip -br link show dev veth7
    - on manager ip -br link show dev docker_gwbridge
`),
  );
  expect(steps[0]!.output).toEqual(["0123456789ab"]);
  expect(steps[1]!.output.join("\n")).toContain("10.0.9.");
  expect(steps[2]!.output.join("\n")).toMatch(/^veth7@/);
  expect(steps[3]!.output.join("\n")).toContain("02:42:c0:c4:8e:f6");
});

describe("mistakes", () => {
  const LINE = SMALL_LINES + 2;
  test.each([
    [
      "containers: { wbe.1: a }",
      `${LINE}:17 pins.containers["wbe.1"]: there is no task or container "wbe.1"; did you mean "web.1"?`,
    ],
    ["containers: [web.1]", `${LINE}:15 pins.containers: expected a map, found a list`],
    ["tasks: { web.1: 5 }", `${LINE}:19 pins.tasks["web.1"]: expected`],
    ["dns: { web: [10.0.9.4] }", `${LINE}:16 pins.dns.web[0]: expected the addresses in their order, found "10.0.9.4"`],
    [
      "macs: { mangaer/docker_gwbridge: 02:42:c0:c4:8e:f6 }",
      `${LINE}:11 pins.macs["mangaer/docker_gwbridge"]: there is no node "mangaer"; did you mean "manager"?`,
    ],
    [
      "macs: { manager/docker_gwbridge: 03:42:c0:c4:8e:f6 }",
      `${LINE}:36 pins.macs["manager/docker_gwbridge"]: expected the MAC address of one device`,
    ],
    [
      "ports: { mangaer/overlay-front: { web.1: 3 } }",
      `${LINE}:12 pins.ports["mangaer/overlay-front"]: there is no node "mangaer"; did you mean "manager"?`,
    ],
    [
      "ports: { manager/overlay-front: { web.1: -3 } }",
      `${LINE}:44 pins.ports["manager/overlay-front"]["web.1"]: expected a whole number from 0 to 100000, found the number -3`,
    ],
    [
      "encryption: { keys: [abc] }",
      `${LINE}:24 pins.encryption.keys[0]: expected a key of 32 hexadecimal digits, found "abc"`,
    ],
    [
      "encryption: { first_tag: -1 }",
      `${LINE}:28 pins.encryption.first_tag: expected a whole number from 0 to 4294967295, found the number -1`,
    ],
    [
      "nodes: { web.1: mangaer }",
      `${LINE}:19 pins.nodes["web.1"]: there is no node "mangaer"; did you mean "manager"?`,
    ],
    ["turns: { web: web.1 }", `${LINE}:17 pins.turns.web: expected a list`],
    [
      "veths: {}",
      `${LINE}:3 pins.veths: unknown key "veths", expected one of containers, tasks, nodes, networks, dns, interfaces, namespaces, encryption, macs, ports`,
    ],
  ])("%s", (yaml, message) => {
    const found = mistakes(`${SMALL}pins:\n  ${yaml}\n`);
    expect(found).toHaveLength(1);
    expect(found[0]!.startsWith(message), found[0]).toBe(true);
  });
});

test("addresses in the routing mesh's network: of a service with a published port, its tasks, and of ingress_sbox", () => {
  const text = (ports: string): string => `cluster: { nodes: [a, b] }
compose: { services: { web: { image: nginx, networks: [n]${ports} } }, networks: { n: {} } }
placement: { web.1: a }
addresses:
  web: { ingress: 10.0.0.20 }
  web.1: { ingress: 10.0.0.21, n: 10.0.1.30 }
  lb-ingress: { a: 10.0.0.30 }
run:
  steps:
    - inspect a/ingress_sbox ip -br -4 addr show dev eth0
    - inspect a/web.1 ip -o -4 addr show dev eth0
`;
  const { steps } = run(loadGood(text(", ports: [80]")));
  expect(steps[0]!.output[0]).toContain("10.0.0.30/24 10.0.0.20/32");
  expect(steps[1]!.output[0]).toContain("inet 10.0.0.21/24");
  expect(mistakes(text(""))).toEqual([
    '5:10 addresses.web.ingress: web does not join a network "ingress"; the networks it joins are n',
    '6:12 addresses["web.1"].ingress: web does not join a network "ingress"; the networks it joins are n',
  ]);
  expect(mistakes(text(", ports: [80]").replace("10.0.0.21", "10.9.0.1"))).toEqual([
    expect.stringContaining("10.9.0.1 is no address of ingress, whose subnet is 10.0.0.0/24"),
  ]);
});
