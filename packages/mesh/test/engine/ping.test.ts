/** What a stranger types first, and what it prints: as a real swarm did, or in words that say what is missing. */
import { describe, expect, test } from "vitest";
import { type RunResult, run, type StepResult } from "../../src/run.ts";
import type { Scenario } from "../../src/scenario/scenario.ts";
import { spawn } from "../../src/program/shell.ts";
import { NeighborState } from "../../src/tables/neighbor.ts";
import { pass } from "./injection.ts";
import { exec, ip, overlayPlan } from "./overlay-plan.ts";
import { hopsOf, lineOf } from "./trace-text.ts";
import { buildPlan } from "./build-plan.ts";

function go(...commands: string[]): RunResult {
  const setup = ["ping -c 1 10.0.9.5", "ping -c 1 10.0.9.4"];
  const steps = (list: string[]) => list.map((command) => exec("svc.1", command));
  const scenario = { run: { seed: 1, setup: steps(setup), steps: steps(commands) } } as unknown as Scenario;
  return run(scenario, { mesh: buildPlan(overlayPlan([2, 1, 1])) });
}

function one(command: string): StepResult {
  return go(command).steps[0]!;
}

/** Output with each measured time as `T`. */
function printed(command: string): string[] {
  return one(command).output.map((line) => line.replaceAll(/\d+\.\d{3}/g, "T"));
}

const linesOf = (result: RunResult): string[] => hopsOf(result.mesh.recorder).map(lineOf);

describe("output, as recorded of a real swarm", () => {
  test("busybox", () => {
    expect(printed("ping -c 2 10.0.9.5")).toEqual([
      "PING 10.0.9.5 (10.0.9.5): 56 data bytes",
      "64 bytes from 10.0.9.5: seq=0 ttl=64 time=T ms",
      "64 bytes from 10.0.9.5: seq=1 ttl=64 time=T ms",
      "",
      "--- 10.0.9.5 ping statistics ---",
      "2 packets transmitted, 2 packets received, 0% packet loss",
      "round-trip min/avg/max = T/T/T ms",
    ]);
  });

  test("iputils", () => {
    expect(printed("iping -c 2 -Q 0x10 10.0.9.5")).toEqual([
      "PING 10.0.9.5 (10.0.9.5) 56(84) bytes of data.",
      "64 bytes from 10.0.9.5: icmp_seq=1 ttl=64 time=T ms",
      "64 bytes from 10.0.9.5: icmp_seq=2 ttl=64 time=T ms",
      "",
      "--- 10.0.9.5 ping statistics ---",
      "2 packets transmitted, 2 received, 0% packet loss, time 1000ms",
      "rtt min/avg/max/mdev = T/T/T/T ms",
    ]);
  });

  test("a packet that may not be cut and does not fit: no frame, and iputils goes on", () => {
    const result = go("iping -c 1 -W 1 -M do -s 1423 10.0.9.5");
    expect(linesOf(result)).toEqual([]);
    expect(result.steps[0]).toMatchObject({
      status: 1,
      output: [
        "PING 10.0.9.5 (10.0.9.5) 1423(1451) bytes of data.",
        "iping: local error: message too long, mtu=1450",
        "",
        "--- 10.0.9.5 ping statistics ---",
        "1 packets transmitted, 0 received, +1 errors, 100% packet loss, time 0ms",
      ],
    });
  });

  test("an address that nobody has: busybox hears of the error and says nothing, iputils tells", () => {
    expect(one("ping -c 1 -W 4 10.0.9.200")).toMatchObject({
      status: 1,
      output: [
        "PING 10.0.9.200 (10.0.9.200): 56 data bytes",
        "",
        "--- 10.0.9.200 ping statistics ---",
        "1 packets transmitted, 0 packets received, 100% packet loss",
        expect.stringMatching(/^hopscope: nobody has 10\.0\.9\.200 on net/),
      ],
    });
    expect(one("iping -c 3 10.0.9.200").output.slice(1, 6)).toEqual([
      "From 10.0.9.3 icmp_seq=1 Destination Host Unreachable",
      "From 10.0.9.3 icmp_seq=2 Destination Host Unreachable",
      "From 10.0.9.3 icmp_seq=3 Destination Host Unreachable",
      "",
      "--- 10.0.9.200 ping statistics ---",
    ]);
  });

  test("everybody: iputils wants to be asked twice, and no receiver answers", () => {
    expect(one("iping -c 1 10.0.9.255")).toMatchObject({
      status: 2,
      output: [expect.stringMatching(/^iping: Do you want to ping broadcast\? Then -b\./), expect.anything()],
    });
    const result = go("iping -b -c 1 -W 2 10.0.9.255");
    expect(result.steps[0]!.output.slice(0, 5)).toEqual([
      "WARNING: pinging broadcast address",
      "PING 10.0.9.255 (10.0.9.255) 56(84) bytes of data.",
      "",
      "--- 10.0.9.255 ping statistics ---",
      "1 packets transmitted, 0 received, 100% packet loss, time 0ms",
    ]);
    const hops = hopsOf(result.mesh.recorder);
    const received = hops.filter((hop) => hop.direction === "in" && /(?:svc\.2|lb-net)\/eth0|br0/.test(hop.point));
    expect(received.map((hop) => hop.steps.at(-1))).toEqual(Array(3).fill("dropped: INVALID_PROTO"));
    expect(hops.filter((hop) => hop.point.startsWith("node1/host/"))).toEqual([]);
  });
});

describe("addresses", () => {
  test.each([
    ["the gateway", "10.0.9.1", "node1/overlay-net/br0 out ICMP reply 10.0.9.1 > 10.0.9.3"],
    ["this node's load balancer", "10.0.9.7", "node1/lb-net/eth0 out ICMP reply 10.0.9.7 > 10.0.9.3"],
    ["another node's load balancer", "10.0.9.8", "node2/lb-net/eth0 out ICMP reply 10.0.9.8 > 10.0.9.3"],
    ["the own one", "10.0.9.3", "node1/svc.1/lo out ICMP reply 10.0.9.3 > 10.0.9.3"],
    ["localhost", "127.0.0.1", "node1/svc.1/lo out ICMP reply 127.0.0.1 > 127.0.0.1"],
    ["localhost's neighbor", "127.9.9.9", "node1/svc.1/lo out ICMP reply 127.9.9.9 > 127.0.0.1"],
  ])("%s answers", (_, address, reply) => {
    const result = go(`ping -c 1 ${address}`);
    expect(result.steps[0]).toMatchObject({ status: 0 });
    expect(linesOf(result)).toContain(reply);
  });

  test.each([
    ["a virtual IP", "10.0.9.2", "nobody has 10.0.9.2 on net"],
    ["everybody on the network", "10.0.9.255", "icmp_echo_ignore_broadcasts"],
  ])("%s does not, and a note says why", (_, address, why) => {
    const { status, output } = one(`ping -c 1 -W 4 ${address}`);
    expect(status).toBe(1);
    expect(output.at(-1)).toMatch(/^hopscope: /);
    expect(output.at(-1)).toContain(why);
  });

  test("what is on no network is refused before anything is sent", () => {
    expect(one("ping -c 1 192.168.77.12").output).toEqual([
      "PING 192.168.77.12 (192.168.77.12): 56 data bytes",
      "ping: sendto: Network is unreachable",
    ]);
    expect(one("iping -c 1 192.168.77.12")).toMatchObject({
      status: 2,
      output: ["iping: connect: Network is unreachable"],
    });
  });
});

describe("options", () => {
  test("a TTL of 1 crosses the overlay: it is one hop", () => {
    expect(one("ping -c 1 -t 1 10.0.9.5")).toMatchObject({ status: 0 });
  });

  test("the longest packet fits", () => {
    const result = go("ping -c 1 -s 1422 10.0.9.5");
    expect(result.steps[0]!.output[1]).toMatch(/^1430 bytes from 10\.0\.9\.5: seq=0 ttl=64 time=/);
    const { recorder } = result.mesh;
    const lengths = Array.from({ length: recorder.hopCount }, (_, hop) => recorder.bytes(hop).length);
    expect(new Set(lengths)).toEqual(new Set([1464, 1514]));
  });

  test.each([
    ["ping -c 1 -M do 10.0.9.5", /busybox' ping has no -M; iping has/],
    ["ping -c 1 -t 0 10.0.9.5", /-t is "0", expected 1 to 255/],
    ["ping -c 1 -i 0 10.0.9.5", /-i is "0", expected seconds/],
    ["ping -c", /option -c needs a value/],
    ["ping -qx -c 1 10.0.9.5", /option -x is not modelled/],
  ])("%s is refused", (command, message) => {
    const { status, output } = one(command);
    expect(status).toBe(2);
    expect(output[0]).toMatch(message);
  });

  test("letters together, and values in the same word", () => {
    expect(one("ping -qc2 -i0.2 10.0.9.5").output).toHaveLength(5);
  });

  test("without room for a time none is printed", () => {
    expect(one("ping -c 1 -s 0 10.0.9.5").output).toEqual([
      "PING 10.0.9.5 (10.0.9.5): 0 data bytes",
      "8 bytes from 10.0.9.5: seq=0 ttl=64",
      "",
      "--- 10.0.9.5 ping statistics ---",
      "1 packets transmitted, 1 packets received, 0% packet loss",
    ]);
    expect(one("iping -c 1 -s 15 10.0.9.5").output[1]).toBe("23 bytes from 10.0.9.5: icmp_seq=1 ttl=64");
    expect(one("iping -c 1 -s 16 10.0.9.5").output[1]).toMatch(/^24 bytes from 10\.0\.9\.5: icmp_seq=1 ttl=64 time=/);
  });

  test("an interval: three requests 0.2 s apart", () => {
    const sent = hopsOf(go("ping -c 3 -i 0.2 10.0.9.5").mesh.recorder).filter(
      (hop) => hop.point === "node1/svc.1/eth0",
    );
    const times = sent.filter((hop) => hop.direction === "out").map((hop) => hop.time - sent[0]!.time);
    expect(times).toEqual([0, 0.2e9, 0.4e9]);
  });

  const seconds = (command: string): number => {
    const { startedAt, endedAt } = one(command);
    return Math.round((endedAt - startedAt) / 1e9);
  };

  test("how long it waits", () => {
    expect(seconds("ping -c 1 -W 2 10.0.9.2")).toBe(2);
    expect(seconds("ping -c 1 10.0.9.2")).toBe(10);
    expect(seconds("ping -c 100 -w 3 10.0.9.5")).toBe(3);
    expect(seconds("ping -w 3 10.0.9.2")).toBe(3);
    expect(seconds("ping -c 3 10.0.9.5")).toBe(2);
    // Until all are answered, or the deadline.
    expect(seconds("iping -c 2 -w 5 10.0.9.255 -b")).toBe(5);
  });

  test("iputils waits longer for the first answer than for a missing one: twice the longest round trip, or an interval", () => {
    const endOf = (command: string): number => {
      const mesh = buildPlan(overlayPlan([2]));
      const netns = mesh.tasks.get("svc.1")!;
      const ends: number[] = [];
      const onExit = (): void => void ends.push(mesh.simulator.now);
      spawn(command.split(" "), { netns, hostname: "svc.1", files: new Map(), mesh }, { onExit });
      pass(mesh, 0.5e9);
      // From now on the answers go astray.
      const other = mesh.tasks.get("svc.2")!;
      other.arp.set(other.deviceNamed("eth0")!, ip("10.0.9.3"), 0x020000000099, NeighborState.permanent);
      pass(mesh, 20e9);
      return Math.round(ends[0]! / 1e9);
    };
    expect(endOf("iping -c 2 -W 7 10.0.9.4")).toBe(2);
    expect(endOf("ping -c 2 -W 7 10.0.9.4")).toBe(8);
  });

  test("a deadline that comes before all are answered is a failure", () => {
    expect(one("ping -c 100 -w 3 10.0.9.5")).toMatchObject({ status: 1 });
    expect(one("ping -w 3 10.0.9.5")).toMatchObject({ status: 0 });
  });

  test("what may not be cut has no identification, what may has one", () => {
    const identifications = (command: string): number[] => {
      const { recorder } = go(command).mesh;
      const bytes = recorder.bytes(0);
      return [(bytes[18]! << 8) | bytes[19]!, bytes[20]!];
    };
    expect(identifications("iping -c 1 -M do 10.0.9.5")).toEqual([0, 0x40]);
    expect(identifications("iping -c 1 -M dont 10.0.9.5")).toEqual([expect.any(Number), 0]);
    expect(identifications("iping -c 1 -M dont 10.0.9.5")[0]).not.toBe(0);
    expect(identifications("ping -c 1 10.0.9.5")[0]).not.toBe(0);
    expect(identifications("ping -c 1 10.0.9.5")[1]).toBe(0x40);
  });

  test("very many pings have statistics, too", () => {
    expect(one("ping -q -c 130000 -i 0.001 127.0.0.1").output.at(-2)).toBe(
      "130000 packets transmitted, 130000 packets received, 0% packet loss",
    );
  });
});
