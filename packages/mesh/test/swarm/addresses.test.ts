/** Subnets, VNIs and addresses as a swarm hands them out; the sequences are those of recorded swarms. */
import { formatIpv4, parseIpv4 } from "@hopscope/codec/address";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ClusterNode, OverlayNetwork, Service } from "../../src/scenario/scenario.ts";
import { formatCidr, isHost, parseCidr } from "../../src/swarm/cidr.ts";
import { allocateAddresses, type Pins } from "../../src/swarm/ipam.ts";
import { allocateNetworks } from "../../src/swarm/networks.ts";
import { placeTasks } from "../../src/swarm/placement.ts";
import type { Problem } from "../../src/swarm/problem.ts";
import { PLAIN_NODE, PLAIN_SERVICE } from "./plain.ts";

function network(name: string, more: { subnet?: string; gateway?: string; vni?: number } = {}): OverlayNetwork {
  return {
    name,
    subnets: [
      {
        subnet: more.subnet === undefined ? undefined : parseCidr(more.subnet),
        gateway: more.gateway === undefined ? undefined : parseIpv4(more.gateway),
        vni: more.vni,
      },
    ],
    mtu: 1450,
    encrypted: false,
    attachable: false,
    internal: false,
  };
}

function service(name: string, replicas: number, networks: readonly string[], more: Partial<Service> = {}): Service {
  return { ...PLAIN_SERVICE, name, replicas, networks, ...more };
}

function nodes(...names: readonly string[]): readonly ClusterNode[] {
  return names.map((name, index) => ({
    name,
    role: "worker",
    ip: index,
    mac: index,
    labels: new Map(),
    ...PLAIN_NODE,
  }));
}

interface Sketch {
  readonly networks: readonly OverlayNetwork[];
  readonly services: readonly Service[];
  readonly nodes: readonly ClusterNode[];
  readonly placement?: Readonly<Record<string, string>>;
  readonly pins?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** `NETWORK: HOLDER LAST-BYTE …` in the order of addresses. */
function sequence(sketch: Sketch): { readonly lines: readonly string[]; readonly problems: readonly string[] } {
  const problems: Problem[] = [];
  const networks = allocateNetworks(sketch.networks, undefined, problems);
  const tasks = placeTasks(sketch.services, sketch.nodes, new Map(Object.entries(sketch.placement ?? {})), problems);
  const pins: Pins = new Map(
    Object.entries(sketch.pins ?? {}).map(([owner, ips]) => [
      owner,
      new Map(Object.entries(ips).map(([key, ip]) => [key, parseIpv4(ip)!])),
    ]),
  );
  const results = allocateAddresses(networks, sketch.services, tasks, pins, problems);
  const lines = networks.map(({ name, subnets }) => {
    const result = results.get(name)!;
    const held = [
      ...[...result.vips].map(([owner, ip]) => [`vip-${owner}`, ip] as const),
      ...result.tasks,
      ...[...result.loadBalancers].map(([owner, ip]) => [`lb-${owner}`, ip] as const),
    ].toSorted((a, b) => a[1] - b[1]);
    return `${name} ${subnets.map(({ subnet }) => formatCidr(subnet)).join()}: ${held.map(([owner, ip]) => `${owner} .${formatIpv4(ip).split(".")[3]}`).join(", ")}`;
  });
  return { lines, problems: problems.map((problem) => `${problem.level} ${problem.message}`) };
}

describe("networks", () => {
  const allocated = (...networks: readonly OverlayNetwork[]): readonly string[] =>
    allocateNetworks(networks, undefined, []).map(({ name, subnets }) =>
      [name, ...subnets.map(({ subnet, gateway, vni }) => `${formatCidr(subnet)} ${formatIpv4(gateway)} ${vni}`)].join(
        " ",
      ),
    );

  test("subnets and VNIs follow those of ingress, in order", () => {
    expect(allocated(network("neta"), network("netb"), network("other"))).toEqual([
      "neta 10.0.1.0/24 10.0.1.1 4097",
      "netb 10.0.2.0/24 10.0.2.1 4098",
      "other 10.0.3.0/24 10.0.3.1 4099",
    ]);
  });

  test("what is pinned is not handed out, wherever it stands", () => {
    expect(
      allocated(
        network("a"),
        network("b", { subnet: "10.0.2.0/23", gateway: "10.0.3.254" }),
        network("c"),
        network("d", { vni: 4097 }),
      ),
    ).toEqual([
      "a 10.0.1.0/24 10.0.1.1 4098",
      "b 10.0.2.0/23 10.0.3.254 4099",
      "c 10.0.4.0/24 10.0.4.1 4100",
      "d 10.0.5.0/24 10.0.5.1 4097",
    ]);
  });

  test("a network may have several subnets, each with a number of its own; addresses come from the first with room", () => {
    const two = {
      ...network("two"),
      subnets: ["10.5.0.0/29", "10.6.0.0/24"].map((subnet, index) => ({
        subnet: parseCidr(subnet),
        gateway: undefined,
        vni: index === 0 ? 5000 : undefined,
      })),
    };
    expect(allocated(network("a"), two)).toEqual([
      "a 10.0.1.0/24 10.0.1.1 4097",
      "two 10.5.0.0/29 10.5.0.1 5000 10.6.0.0/24 10.6.0.1 4098",
    ]);
    expect(sequence({ networks: [two], services: [service("s", 6, ["two"])], nodes: nodes("m") })).toEqual({
      lines: ["two 10.5.0.0/29,10.6.0.0/24: vip-s .2, s.1 .3, s.2 .4, s.3 .5, s.4 .6, s.5 .2, s.6 .3, lb-m .4"],
      problems: [],
    });
  });

  test("no two overlap, and no two have one VNI", () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.nat(40)), { maxLength: 30 }), (pins) => {
        const problems: Problem[] = [];
        const made = allocateNetworks(
          pins.map((pin, index) =>
            network(`n${index}`, pin === null ? {} : { subnet: `10.0.${pin}.0/24`, vni: 4096 + pin }),
          ),
          undefined,
          problems,
        );
        const pinned = pins.filter((pin) => pin !== null);
        const refused = pinned.length - new Set(pinned.filter((pin) => pin !== 0)).size;
        expect(problems).toHaveLength(2 * refused);
        if (refused > 0) return;
        const subnets = made.flatMap((each) => each.subnets);
        expect(new Set(subnets.map(({ vni }) => vni)).size).toBe(made.length);
        expect(new Set(subnets.map(({ subnet }) => subnet.address)).size).toBe(made.length);
      }),
    );
  });

  test("a subnet over the underlay is accepted with a warning", () => {
    const problems: Problem[] = [];
    allocateNetworks([network("a", { subnet: "192.168.0.0/16" })], parseCidr("192.168.77.0/24"), problems);
    expect(problems).toMatchObject([{ level: "warning", about: { kind: "network", network: "a", part: "subnet" } }]);
  });
});

describe("addresses", () => {
  test("of the recorded swarm: virtual IP, tasks, load balancers", () => {
    expect(
      sequence({
        networks: [network("myoverlay", { subnet: "10.0.9.0/24" })],
        services: [service("s", 4, ["myoverlay"])],
        nodes: nodes("m", "w1", "w2"),
        placement: { "s.1": "m", "s.2": "m", "s.3": "w1", "s.4": "w2" },
      }).lines,
    ).toEqual(["myoverlay 10.0.9.0/24: vip-s .2, s.1 .3, s.2 .4, s.3 .5, s.4 .6, lb-m .7, lb-w1 .8, lb-w2 .9"]);
  });

  test("a second service takes no new load balancers on nodes that have one", () => {
    // Recorded: neta with sa on three nodes, then sb on two of them.
    expect(
      sequence({
        networks: [network("neta")],
        services: [service("sa", 3, ["neta"]), service("sb", 2, ["neta"])],
        nodes: nodes("m", "w1", "w2"),
        placement: { "sa.1": "w1", "sa.2": "w2", "sa.3": "m", "sb.1": "w2", "sb.2": "w1" },
        // The recorded order of the load balancers is one that Docker chose.
        pins: { "lb-neta": { w1: "10.0.1.6", m: "10.0.1.7", w2: "10.0.1.8" } },
      }).lines,
    ).toEqual([
      "neta 10.0.1.0/24: vip-sa .2, sa.1 .3, sa.2 .4, sa.3 .5, lb-w1 .6, lb-m .7, lb-w2 .8, vip-sb .9, sb.1 .10, sb.2 .11",
    ]);
  });

  test("load balancers come in the order in which nodes get their first task", () => {
    expect(
      sequence({
        networks: [network("n")],
        services: [service("a", 1, ["n"]), service("b", 2, ["n"])],
        nodes: nodes("m", "w1", "w2"),
        placement: { "a.1": "w2", "b.1": "w1", "b.2": "w2" },
      }).lines,
    ).toEqual(["n 10.0.1.0/24: vip-a .2, a.1 .3, lb-w2 .4, vip-b .5, b.1 .6, b.2 .7, lb-w1 .8"]);
  });

  test("dnsrr takes no virtual IP; a service without tasks takes one", () => {
    expect(
      sequence({
        networks: [network("n")],
        services: [service("a", 1, ["n"], { endpointMode: "dnsrr" }), service("b", 0, ["n"])],
        nodes: nodes("m"),
      }).lines,
    ).toEqual(["n 10.0.1.0/24: a.1 .2, lb-m .3, vip-b .4"]);
  });

  test("pinned ones are honored; the next one is behind the last, whoever has that", () => {
    expect(
      sequence({
        networks: [network("n")],
        services: [service("a", 3, ["n"])],
        nodes: nodes("m"),
        pins: { a: { n: "10.0.1.9" }, "a.2": { n: "10.0.1.2" }, "lb-n": { m: "10.0.1.200" } },
      }).lines,
    ).toEqual(["n 10.0.1.0/24: a.2 .2, vip-a .9, a.1 .10, a.3 .11, lb-m .200"]);
  });

  test("pending tasks have addresses already, their nodes do not", () => {
    expect(
      sequence({
        networks: [network("n")],
        services: [service("a", 1, ["n"], { constraints: ["node.role==manager"] }), service("b", 1, ["n"])],
        nodes: nodes("w"),
      }).lines,
    ).toEqual(["n 10.0.1.0/24: vip-a .2, a.1 .3, vip-b .4, b.1 .5, lb-w .6"]);
  });

  test("two networks are two sequences", () => {
    expect(
      sequence({
        networks: [network("x"), network("y", { gateway: "10.0.2.3" })],
        services: [service("a", 1, ["x", "y"]), service("b", 1, ["y"])],
        nodes: nodes("m"),
      }).lines,
    ).toEqual([
      "x 10.0.1.0/24: vip-a .2, a.1 .3, lb-m .4",
      "y 10.0.2.0/24: vip-a .1, a.1 .2, lb-m .4, vip-b .5, b.1 .6",
    ]);
  });

  test("an exhausted pool is told once", () => {
    expect(
      sequence({
        networks: [network("n", { subnet: "10.5.0.0/29" })],
        services: [service("a", 5, ["n"]), service("b", 5, ["n"])],
        nodes: nodes("m"),
      }).problems,
    ).toEqual(["error no available addresses on this pool: 10.5.0.0/29 has none left for a.5"]);
  });

  test("the last address of a pool can be had", () => {
    const { lines, problems } = sequence({
      networks: [network("n", { subnet: "10.5.0.0/29" })],
      services: [service("a", 3, ["n"])],
      nodes: nodes("m"),
    });
    expect(problems).toEqual([]);
    expect(lines).toEqual(["n 10.5.0.0/29: vip-a .2, a.1 .3, a.2 .4, a.3 .5, lb-m .6"]);
  });

  test("no address twice, all inside, whatever is pinned", () => {
    const pins = fc.dictionary(fc.constantFrom("a.1", "a.3", "b.2", "a"), fc.integer({ min: 2, max: 62 }));
    fc.assert(
      fc.property(pins, fc.nat(12), fc.nat(12), (wanted, replicasA, replicasB) => {
        const problems: Problem[] = [];
        const networks = allocateNetworks([network("n", { subnet: "10.5.0.0/26" })], undefined, problems);
        const services = [service("a", replicasA, ["n"]), service("b", replicasB, ["n"])];
        const tasks = placeTasks(services, nodes("m", "w"), new Map(), problems);
        const owners = new Map(
          Object.entries(wanted).map(([owner, last]) => [owner, new Map([["n", parseIpv4(`10.5.0.${last}`)!]])]),
        );
        const result = allocateAddresses(networks, services, tasks, owners, problems).get("n")!;
        if (new Set(Object.values(wanted)).size < Object.keys(wanted).length) {
          expect(problems.length).toBeGreaterThan(0);
          return;
        }
        expect(problems).toEqual([]);
        const all = [...result.vips.values(), ...result.tasks.values(), ...result.loadBalancers.values()];
        expect(new Set(all).size).toBe(all.length);
        const { subnet, gateway } = networks[0]!.subnets[0]!;
        for (const ip of all) expect(isHost(subnet, ip) && ip !== gateway).toBe(true);
        for (const [owner, ips] of owners)
          if (result.tasks.has(owner)) expect(result.tasks.get(owner)).toBe(ips.get("n"));
      }),
    );
  });
});
