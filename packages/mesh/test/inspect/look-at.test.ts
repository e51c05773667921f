/** What tools print at a moment of a run, and that this changes nothing. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { checkLook, lookAt } from "../../src/inspect/look-at.ts";
import { UsageError } from "../../src/program/program.ts";
import { checkSteps, run, type RunResult } from "../../src/run.ts";
import { load } from "../conformance/conformance.ts";
import { loadGood } from "../scenario/loading.ts";

const SCENARIO = `cluster: { nodes: [manager, worker1] }
compose:
  services:
    web: { image: busybox, deploy: { replicas: 2 }, networks: [front] }
  networks:
    front: { ipam: { config: [{ subnet: 10.0.9.0/24 }] } }
placement: { web.1: manager, web.2: worker1 }
run:
  steps:
`;

function scenarioOf(steps: readonly string[]): ReturnType<typeof loadGood> {
  return loadGood(SCENARIO + steps.map((step) => `    - ${step}\n`).join(""));
}

function until(seconds: number): RunResult {
  return run(scenarioOf(["exec web.1 ping -q -c 3 10.0.9.4"]), { until: seconds * 1e9 });
}

function lines({ mesh }: RunResult, node: string, namespace: string, command: string): readonly string[] {
  return lookAt(mesh, { node, namespace }, command.split(" ")).output;
}

describe("at any time", () => {
  const neighbor = (seconds: number): readonly string[] => lines(until(seconds), "manager", "web.1", "ip -4 neigh");
  const known = "10.0.9.4 dev eth0 lladdr 02:42:0a:00:09:04";

  test("a neighbor entry's life", () => {
    expect(neighbor(0)).toEqual([]);
    expect(neighbor(1)).toEqual([`${known} REACHABLE `]);
    // The steps are over long before.
    expect(neighbor(120)).toEqual([`${known} STALE `]);
  });

  test("an image of a program that still runs", () => {
    const { steps } = until(1.2);
    expect(steps[0]).toMatchObject({ status: undefined, endedAt: 1.2e9 });
    expect(steps[0]!.output).toHaveLength(1);
  });

  test("without a time, when all is over", () => {
    const result = run(scenarioOf(["exec web.1 ping -q -c 3 10.0.9.4"]));
    expect(lines(result, "manager", "web.1", "ip -4 neigh")).toEqual([`${known} REACHABLE `]);
  });
});

describe("what is asked", () => {
  const result = until(1);

  test("a container's files are its own, the tools the machine's", () => {
    expect(lines(result, "manager", "web.1", "cat /etc/resolv.conf")).toContain("nameserver 127.0.0.11");
    expect(lines(result, "manager", "host", "cat /etc/resolv.conf")).not.toContain("nameserver 127.0.0.11");
    expect(lines(result, "manager", "web.1", "hostname")).not.toEqual(lines(result, "manager", "host", "hostname"));
  });

  test("Docker's own words", () => {
    expect(lines(result, "manager", "host", "docker network ls --format {{.Name}}")).toContain("front");
  });

  test("a tool's status", () => {
    expect(lookAt(result.mesh, { node: "manager", namespace: "host" }, ["ip", "addr", "show", "dev", "eth9"])).toEqual({
      status: 1,
      output: ['Device "eth9" does not exist.'],
    });
  });

  test.each([
    ["manager", "web.2", 'there is no namespace web.2 on manager; did you mean "web.1"?'],
    ["worker9", "host", `there is no machine worker9; did you mean "worker1"?`],
  ])("%s %s is not there", (node, namespace, message) => {
    expect(() => lookAt(result.mesh, { node, namespace }, ["ip", "addr"])).toThrow(new UsageError(message));
  });
});

describe("what changes something is no question", () => {
  test.each([
    "ip link set eth0 down",
    "ip neigh flush dev eth0",
    "ip addr add 10.9.9.9/24 dev eth0",
    "bridge fdb del 02:42:0a:00:09:04 dev eth0",
    "iptables -A INPUT -j DROP",
    "conntrack -F",
    "sysctl -w net.ipv4.ip_forward=0",
    "ethtool -K eth0 tx off",
    "docker run -d bb:1 web",
    "docker network rm front",
    "ping -c 1 10.0.9.4",
  ])("%s", (command) => {
    expect(() => checkLook(command.split(" "))).toThrow(/does more than look; what can be asked/);
  });

  test.each([
    "ip -d link",
    "ip route get 10.0.9.4",
    "ip -4 neigh show dev eth0",
    "bridge fdb show",
    "iptables -t nat -S",
    "iptables -L",
    "iptables-save -c",
    "conntrack -L",
    "sysctl net.ipv4.ip_forward",
    "ethtool -k eth0",
    "docker network ls",
    "docker service ps web",
    "docker ps",
    "ifconfig",
  ])("%s is one", (command) => {
    expect(() => checkLook(command.split(" "))).not.toThrow();
  });

  test("which is told before anything runs", () => {
    const mistakes = checkSteps(scenarioOf(["inspect manager ip addr", "inspect manager ip link set eth0 down"]));
    expect(mistakes.map(({ path, position }) => [path, position.line, position.column])).toEqual([
      ["run.steps[1]", 11, 7],
    ]);
  });
});

/** Of each namespace of recorded nodes (test/swarm/world.ts). */
interface Recorded {
  readonly devices: readonly {
    readonly name: string;
    readonly kind: string;
    readonly mac: string;
    readonly mtu: number;
    readonly addresses?: readonly string[];
  }[];
  readonly routes: readonly string[];
  readonly rules?: readonly string[];
  /** `IP MAC VTEP` of what an overlay's vxlan device was told. */
  readonly peers?: readonly string[];
}

function isRule(line: string): boolean {
  return !line.startsWith("#") && line !== "COMMIT";
}

/** Without counters, and without the ports on which a resolver happens to listen. */
function withoutChance(line: string): string {
  return line.replaceAll(/^\[\d+:\d+\] | \[\d+:\d+\]$/g, "").replace(/(127\.0\.0\.11:|--sport )\d{5}/, "$1PORT");
}

describe.each([
  ["20.10", "s01-ping-overlay-cross"],
  ["28", "docker-28/s01-ping-overlay-cross"],
])("on the nodes of a recorded swarm of Docker %s the tools print what they printed", (version, name) => {
  const file = new URL(`../../../../fixtures/swarm-state/${version}-s01.json`, import.meta.url);
  const nodes = JSON.parse(readFileSync(file, "utf8")) as Readonly<Record<string, Readonly<Record<string, Recorded>>>>;
  const result = run(load(name));

  test.each(
    Object.entries(nodes).flatMap(([node, namespaces]) =>
      Object.entries(namespaces).map(([namespace, state]) => [node, namespace, state] as const),
    ),
  )("%s %s", (node, namespace, state) => {
    const routes = lines(result, node, namespace, "ip route").map((line) =>
      line.trim().replace(/ (?:proto kernel )?scope link.*/, ""),
    );
    expect(routes.toSorted()).toEqual(state.routes.toSorted());
    const addresses = lines(result, node, namespace, "ip -o -4 addr").map((line) => {
      const [, device = "", , address = ""] = line.split(/\s+/);
      return `${device} ${address}`;
    });
    const recorded = state.devices.flatMap((device) =>
      (device.addresses ?? []).map((each) => `${device.name} ${each}`),
    );
    expect(addresses.filter((line) => !line.startsWith("lo ")).toSorted()).toEqual(recorded.toSorted());
    if (state.peers !== undefined) {
      const vteps = new Map(
        lines(result, node, namespace, "bridge fdb show dev vxlan0").map((line) => {
          const [mac = "", ...words] = line.split(" ");
          return [mac, words[words.indexOf("dst") + 1]];
        }),
      );
      const peers = lines(result, node, namespace, "ip -4 neigh show dev vxlan0").map((line) => {
        const [ip, , mac = "", word] = line.split(" ");
        expect(word).toBe("PERMANENT");
        return `${ip} ${mac} ${vteps.get(mac)}`;
      });
      expect(peers.toSorted()).toEqual(state.peers.toSorted());
    }
    const rules = lines(result, node, namespace, "iptables-save -c").map(withoutChance).filter(isRule);
    expect(rules).toEqual((state.rules ?? []).map(withoutChance).filter(isRule));
  });
});
