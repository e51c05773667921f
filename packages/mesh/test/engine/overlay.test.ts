/** One overlay without the rest of Docker: the order of hops that a real swarm shows, and what the engine promises. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type RunResult, run } from "../../src/run.ts";
import type { Scenario, Step } from "../../src/scenario/scenario.ts";
import { NeighborState } from "../../src/tables/neighbor.ts";
import { exec, ip, mac, overlayPlan, sleep } from "./overlay-plan.ts";
import { type HopText, hopsOf, lineOf } from "./trace-text.ts";
import { buildPlan } from "./build-plan.ts";

const START = exec("svc.1", "ping -c 1 10.0.9.5");
const WARM = [START, exec("svc.1", "ping -c 1 10.0.9.4")];

function go(
  steps: readonly Step[],
  setup: readonly Step[] = [],
  layout: readonly number[] = [2, 1, 1],
  seed = 1,
  record = true,
): RunResult {
  const scenario = { run: { seed, setup, steps } } as unknown as Scenario;
  return run(scenario, { mesh: buildPlan(overlayPlan(layout)), record });
}

const hops = (result: RunResult): HopText[] => hopsOf(result.mesh.recorder);
const lines = (result: RunResult): string[] => hops(result).map(lineOf);

describe("a cold ping between two nodes", () => {
  const result = go(
    [START],
    [START, exec("svc.1", "ip neigh flush dev eth0"), exec("svc.3", "ip neigh flush dev eth0")],
  );
  const ask = "ARP who has 10.0.9.5 tell 10.0.9.3";
  const answer = "ARP 10.0.9.5 is at 02:42:0a:00:09:05";
  const request = "ICMP request 10.0.9.3 > 10.0.9.5";

  test("passes the points in the order that a real swarm shows", () => {
    expect(lines(result).slice(0, 21)).toEqual([
      `node1/svc.1/eth0 out ${ask}`,
      `node1/overlay-net/veth1 in ${ask}`,
      `node1/overlay-net/veth2 out ${ask}`,
      `node1/overlay-net/veth0 out ${ask}`,
      `node1/overlay-net/vxlan0 out ${ask}`,
      `node1/overlay-net/br0 in ${ask}`,
      `node1/svc.2/eth0 in ${ask}`,
      `node1/lb-net/eth0 in ${ask}`,
      `node1/overlay-net/vxlan0 in ${answer}`,
      `node1/overlay-net/veth1 out ${answer}`,
      `node1/svc.1/eth0 in ${answer}`,
      `node1/svc.1/eth0 out ${request}`,
      `node1/overlay-net/veth1 in ${request}`,
      `node1/overlay-net/vxlan0 out ${request}`,
      `node1/host/eth0 out VXLAN 4097 [${request}]`,
      `switch/host/p-node1 in VXLAN 4097 [${request}]`,
      `switch/host/p-node2 out VXLAN 4097 [${request}]`,
      `node2/host/eth0 in VXLAN 4097 [${request}]`,
      `node2/overlay-net/vxlan0 in ${request}`,
      `node2/overlay-net/veth1 out ${request}`,
      `node2/svc.3/eth0 in ${request}`,
    ]);
    expect(lines(result)).toHaveLength(40);
  });

  test("has one packet number for the request's whole way, through the tunnel, and another for the reply", () => {
    const ofRequest = hops(result).filter((hop) => hop.what.includes("request"));
    const ofReply = hops(result).filter((hop) => hop.what.includes("reply"));
    expect(ofRequest).toHaveLength(10);
    expect(new Set(ofRequest.map((hop) => hop.packetId)).size).toBe(1);
    expect(new Set(ofReply.map((hop) => hop.packetId)).size).toBe(1);
    expect(ofRequest[0]!.packetId).not.toBe(ofReply[0]!.packetId);
  });

  test("says at each hop what was decided", () => {
    const at = (point: string, what: string) =>
      hops(result).find((hop) => hop.point === point && hop.what.includes(what))!.steps;
    expect(at("node1/overlay-net/vxlan0", "who has").join()).toMatch(/answers for the remote 10\.0\.9\.5/);
    expect(at("node1/overlay-net/vxlan0", "request").join()).toMatch(/behind VTEP 192\.168\.77\.12.*VNI 4097/);
    expect(at("node2/host/eth0", "VXLAN").join()).toMatch(/VNI 4097: decapsulated for vxlan0/);
    expect(at("node1/svc.2/eth0", "who has").join()).toMatch(/10\.0\.9\.5 is not an address of this host/);
  });

  test("times never go back on a node, and no two hops of a packet share one", () => {
    for (const node of ["node1", "node2", "switch"]) {
      const times = hops(result)
        .filter((hop) => hop.point.startsWith(`${node}/`))
        .map((hop) => hop.time);
      expect(times).toEqual(times.toSorted((a, b) => a - b));
    }
    for (const id of new Set(hops(result).map((hop) => hop.packetId))) {
      const times = hops(result)
        .filter((hop) => hop.packetId === id)
        .map((hop) => hop.time);
      expect(new Set(times).size).toBe(times.length);
    }
  });

  test("prints what ping prints", () => {
    expect(result.steps[0]!.output[1]).toMatch(/^64 bytes from 10\.0\.9\.5: seq=0 ttl=64 time=0\.\d{3} ms$/);
    expect(result.steps[0]).toMatchObject({ status: 0 });
  });
});

describe("bridges", () => {
  test("two containers of one node never touch vxlan0 or the node once ARP is done", () => {
    const result = go([exec("svc.1", "ping -c 1 10.0.9.4")], [exec("svc.1", "ping -c 1 10.0.9.4")]);
    expect(new Set(hops(result).map((hop) => hop.point))).toEqual(
      new Set(["node1/svc.1/eth0", "node1/overlay-net/veth1", "node1/overlay-net/veth2", "node1/svc.2/eth0"]),
    );
  });

  test("a bridge that has never seen the address floods it to its ports, newest first, until the answer teaches it", () => {
    const result = go([START, exec("svc.1", "ping -c 1 10.0.9.5")], [], [1, 1, 1]);
    const atNode2 = lines(result).filter(
      (line) => line.startsWith("node2/overlay-net/veth") && line.includes("request"),
    );
    // svc.2 is node 2's task with 10.0.9.4 here; 10.0.9.5 is on node 3.
    expect(atNode2).toEqual([]);
    const atNode3 = lines(result).filter(
      (line) => line.startsWith("node3/overlay-net/veth") && line.includes("request"),
    );
    expect(atNode3).toEqual([
      "node3/overlay-net/veth1 out ICMP request 10.0.9.3 > 10.0.9.5",
      "node3/overlay-net/veth0 out ICMP request 10.0.9.3 > 10.0.9.5",
      "node3/overlay-net/veth1 out ICMP request 10.0.9.3 > 10.0.9.5",
    ]);
  });

  test("what was learned is forgotten after 300 s of silence", () => {
    const flooded = (seconds: number): boolean => {
      const result = go(
        [exec("svc.1", "ping -c 1 10.0.9.5")],
        [
          START,
          sleep(seconds),
          exec("svc.3", "ip neigh replace 10.0.9.3 lladdr 02:42:0a:00:09:03 dev eth0 nud permanent"),
        ],
      );
      return lines(result).some((line) => line === "node2/lb-net/eth0 in ICMP request 10.0.9.3 > 10.0.9.5");
    };
    expect(flooded(200)).toBe(false);
    expect(flooded(301)).toBe(true);
  });

  test("the bridge's own address answers from each node, with the lowest of its ports' addresses", () => {
    const result = go([exec("svc.1", "ping -c 1 10.0.9.1")]);
    expect(result.steps[0]!.status).toBe(0);
    expect(lines(result)).toContain("node1/overlay-net/br0 out ICMP reply 10.0.9.1 > 10.0.9.3");
    expect(hops(result).some((hop) => hop.point.startsWith("switch/"))).toBe(false);
  });
});

describe("neighbors", () => {
  test("a stale one is used, and five seconds later asked by unicast, which vxlan0 answers", () => {
    const result = go(
      [exec("svc.1", "ip neigh change 10.0.9.5 lladdr 02:42:0a:00:09:05 dev eth0 nud stale"), START, sleep(6.5)],
      [START],
    );
    const probe = hops(result).filter((hop) => hop.what.startsWith("ARP"));
    expect(probe.map(lineOf)).toEqual([
      "node1/svc.1/eth0 out ARP who has 10.0.9.5 tell 10.0.9.3",
      "node1/overlay-net/veth1 in ARP who has 10.0.9.5 tell 10.0.9.3",
      "node1/overlay-net/vxlan0 out ARP who has 10.0.9.5 tell 10.0.9.3",
      "node1/overlay-net/vxlan0 in ARP 10.0.9.5 is at 02:42:0a:00:09:05",
      "node1/overlay-net/veth1 out ARP 10.0.9.5 is at 02:42:0a:00:09:05",
      "node1/svc.1/eth0 in ARP 10.0.9.5 is at 02:42:0a:00:09:05",
    ]);
    // Late by what the kernel's clock for such times is coarse.
    const waited = probe[0]!.time - hops(result)[0]!.time;
    expect([waited > 5e9, waited <= 5.26e9]).toEqual([true, true]);
  });

  test("an address that nobody has is asked for three times, never in the tunnel; then the host tells itself", () => {
    const result = go([exec("svc.1", "iping -c 1 10.0.9.99")], WARM);
    const asked = lines(result).filter((line) => line === "node1/svc.1/eth0 out ARP who has 10.0.9.99 tell 10.0.9.3");
    expect(asked).toHaveLength(3);
    expect(lines(result).some((line) => line.includes("/host/"))).toBe(false);
    expect(lines(result).slice(-2)).toEqual([
      "node1/svc.1/lo out ICMP type 3 code 1 10.0.9.3 > 10.0.9.3",
      "node1/svc.1/lo in ICMP type 3 code 1 10.0.9.3 > 10.0.9.3",
    ]);
    expect(result.steps[0]!.output).toContain("From 10.0.9.3 icmp_seq=1 Destination Host Unreachable");
    expect(result.steps[0]!.status).toBe(1);
  });

  test("flushing forgets them", () => {
    const result = go(
      [exec("svc.1", "ip neigh"), exec("svc.1", "ip neigh flush dev eth0"), exec("svc.1", "ip neigh")],
      WARM,
    );
    expect(result.steps.map((step) => step.output.length)).toEqual([2, 0, 0]);
    expect(result.steps[0]!.output[0]).toMatch(
      /^10\.0\.9\.5 dev eth0 lladdr 02:42:0a:00:09:05 ref 1 used .* REACHABLE$/,
    );
  });
});

describe("the end of the world", () => {
  test("no route: the program is told at once and nothing is sent", () => {
    const result = go([exec("svc.1", "ping -c 1 203.0.113.5")]);
    expect(result.steps[0]!.output).toContain("ping: sendto: Network is unreachable");
    expect(result.steps[0]!.status).toBe(1);
    expect(lines(result)).toEqual([]);
  });

  test("the own address: only the loopback device", () => {
    const result = go([exec("svc.1", "ping -c 1 10.0.9.3")]);
    expect(result.steps[0]!.status).toBe(0);
    expect(new Set(hops(result).map((hop) => hop.point))).toEqual(new Set(["node1/svc.1/lo"]));
  });

  test("an unknown command says what there is", () => {
    const result = go([exec("svc.1", "frobnicate")]);
    expect(result.steps[0]).toMatchObject({
      status: 2,
      output: [expect.stringMatching(/^frobnicate: not found; there are .*ping, iping, /)],
    });
  });

  test.each([
    ["ping 10.0.9.5", /never end/],
    ["ping -c 0 10.0.9.5", /-c is "0", expected 1/],
    ["ping -c 1", /destination address is missing/],
    ["ping -c 1 10.0.9.4 10.0.9.5", /one destination expected/],
    ["ping -Z 1 10.0.9.5", /option -Z is not modelled/],
    ["ping -c 1 -Q 0x10 10.0.9.5", /busybox' ping has no -Q/],
    ["iping -c 1 -M maybe 10.0.9.5", /-M is "maybe"/],
    ["ip tunnel", /object "tunnel" is not modelled/],
    ["ip neigh flush", /say which device/],
    ["ip neigh change 10.0.9.5 dev eth0 nud wobbly", /nud wobbly/],
  ])("%s", (command, message) => {
    const [result] = go([exec("svc.1", command)]).steps;
    expect(result!.status).toBe(2);
    expect(result!.output[0]).toMatch(message);
  });

  test("a device that is not there, in busybox' words and status", () => {
    expect(go([exec("svc.1", "ip neigh show dev eth9")]).steps[0]).toMatchObject({
      status: 1,
      output: ["ip: can't find device 'eth9'"],
    });
  });
});

describe("the engine", () => {
  const layout = fc
    .array(fc.integer({ min: 0, max: 3 }), { minLength: 2, maxLength: 4 })
    .filter((tasks) => tasks.some((count) => count > 0));
  const pings = fc.array(fc.tuple(fc.nat({ max: 11 }), fc.integer({ min: 1, max: 20 })), { maxLength: 5 });

  test("same seed, same trace; recording off changes nothing else; every frame is accounted for", () => {
    fc.assert(
      fc.property(layout, pings, fc.integer(), (tasks, list, seed) => {
        const total = tasks.reduce((sum, each) => sum + each, 0);
        const steps = list.map(([from, to]) => exec(`svc.${1 + (from % total)}`, `ping -c 2 -W 5 10.0.9.${to}`));
        const one = go(steps, [], tasks, seed);
        const two = go(steps, [], tasks, seed);
        const silent = go(steps, [], tasks, seed, false);
        expect(hops(two)).toEqual(hops(one));
        expect(silent.steps).toEqual(one.steps);
        expect(silent.mesh.recorder.hopCount).toBe(0);
        // What is still alive waits for a neighbor: nothing is lost silently.
        let waiting = 0;
        for (const node of one.mesh.nodes.values()) {
          for (const netns of node.namespaces.values())
            for (const entry of netns.arp.neighbors.entries()) waiting += entry.pending.length;
        }
        expect(one.mesh.frames.live).toBe(waiting);
        expect(one.mesh.frames.slots - one.mesh.frames.available).toBe(waiting);
      }),
      { numRuns: 40 },
    );
  });

  test("a ping reaches every endpoint of the overlay from everywhere", () => {
    const steps: Step[] = [];
    for (let from = 1; from <= 5; from++)
      for (let to = 3; to <= 10; to++) steps.push(exec(`svc.${from}`, `ping -c 1 10.0.9.${to}`));
    const result = go(steps, [], [2, 1, 2]);
    expect(result.steps.filter((step) => step.status !== 0)).toEqual([]);
  });

  test("a ping takes the same way among forty nodes as between two", () => {
    const passed = (nodes: number): number[] => {
      const result = go(
        [exec("svc.1", "ping -c 1 10.0.9.4"), exec("svc.1", "ping -c 1 10.0.9.4")],
        [],
        Array(nodes).fill(1),
      );
      const cold = hops(result).filter((hop) => hop.time < result.recordingStartedAt + result.steps[0]!.endedAt + 1);
      return [cold.length, hops(result).length - cold.length];
    };
    expect(passed(40)).toEqual(passed(2));
    expect(passed(2)[1]).toBe(20);
  });

  test("the switch knows the nodes, as gossip would have it: a packet between two reaches no third, first or late", () => {
    const result = go([START, sleep(400), START]);
    expect(lines(result).filter((line) => line.startsWith("node3/host/") || line.includes("p-node3"))).toEqual([]);
  });

  test("the nodes know each other from the start, as gossip would have it: no ARP on the cable", () => {
    const result = go([exec("svc.1", "ping -c 1 10.0.9.4")], [], [1, 1]);
    const between = lines(result).filter((line) => line.startsWith("switch/"));
    expect(between).toHaveLength(4);
    expect(between.filter((line) => line.includes("ARP"))).toEqual([]);
    const host = result.mesh.nodes.get("node1")!.namespaces.get("host")!;
    expect(host.arp.neighbors.find(2, ip("192.168.77.12"))).toMatchObject({
      state: NeighborState.permanent,
      mac: mac("52:54:00:77:00:0c"),
    });
  });
});
