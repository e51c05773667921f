/** What goes wrong on purpose, each with the reason that the trace gives. */
import { describe, expect, test } from "vitest";
import { run, type RunResult } from "../../src/run.ts";
import { loadGood } from "../scenario/loading.ts";
import { dropReasonName } from "../../src/trace/drop-reason.ts";
import type { DropReason } from "../../src/trace/drop-reason.ts";
import { StepKind } from "../../src/trace/step.ts";

function go(steps: readonly string[], more = ""): RunResult {
  const lines = steps.map((step) => `    - ${step}\n`).join("");
  return run(
    loadGood(`cluster:
  nodes: [manager, worker1, worker2]
${more}compose:
  services:
    web: { image: busybox, deploy: { replicas: 3 }, networks: [front] }
  networks:
    front: { ipam: { config: [{ subnet: 10.0.9.0/24 }] } }
placement: { web.1: manager, web.2: worker1, web.3: worker2 }
run:
  setup:
    - exec web.1 ping -c 1 10.0.9.4
    - exec web.1 ping -c 1 10.0.9.5
  steps:
${lines}`),
  );
}

const PING = "exec web.1 ping -c 1 -W 1 10.0.9.4";
const OTHER = "exec web.1 ping -c 1 -W 1 10.0.9.5";

/** `POINT REASON` of everything that was dropped at a machine's own interface or in an overlay, without floods' ends. */
function drops({ mesh: { recorder } }: RunResult): string[] {
  const found: string[] = [];
  for (let hop = 0; hop < recorder.hopCount; hop++) {
    const { node, namespace, device } = recorder.pointAt(recorder.point(hop));
    recorder.steps(hop, (kind, a) => {
      if (kind === StepKind.drop) found.push(`${node}/${namespace}/${device} ${dropReasonName(a as DropReason)}`);
    });
  }
  return found;
}

const roundTrip = ({ steps }: RunResult): number => Number(/time=([\d.]+)/.exec(steps.at(-1)!.output.join())![1]);

const statuses = ({ steps }: RunResult): readonly (number | undefined)[] => steps.map(({ status }) => status);

describe("links", () => {
  test("lose what they are to lose, and the hop says so", () => {
    const result = go(["fault link worker1 loss 100%", PING, OTHER, "fault clear", PING]);
    expect(statuses(result)).toEqual([0, 1, 0, 0, 0]);
    expect(drops(result)).toEqual(["switch/host/p-worker1 LINK_LOSS"]);
  });

  test("may be bad in one direction only", () => {
    const [out, into] = ["out", "in"].map((way) => go([`fault link worker1 ${way} drop 1 latency 200ms`, PING, PING]));
    expect([statuses(out!), drops(out!)]).toEqual([[0, 1, 0], ["worker1/host/eth0 LINK_LOSS"]]);
    expect([statuses(into!), drops(into!)]).toEqual([[0, 1, 0], ["switch/host/p-worker1 LINK_LOSS"]]);
    for (const result of [out!, into!]) {
      expect(roundTrip(result)).toBeGreaterThan(200);
      expect(roundTrip(result)).toBeLessThan(400);
    }
  });

  test("that are pulled out take nothing in, and what is under way is lost", () => {
    const result = go(["fault link manager down", PING, "fault link manager up", PING]);
    expect(statuses(result)).toEqual([0, 1, 0, 0]);
    expect(drops(result)).toEqual(["manager/overlay-front/vxlan0 QDISC_DROP"]);
    const far = go(["fault link worker1 down", PING]);
    expect(statuses(far)).toEqual([0, 1]);
    const onTheWay = go([
      "fault link manager latency 1s",
      `${PING} &`,
      "sleep 500ms",
      "fault link manager down",
      "wait",
    ]);
    expect(drops(onTheWay)).toEqual(["manager/host/eth0 LINK_LOSS"]);
  });

  test("carry no packets above their MTU, and nobody is told", () => {
    const result = go([
      "fault link worker1 mtu 1400",
      PING,
      "exec web.1 ping -c 1 -W 1 -s 1300 10.0.9.4",
      "exec web.1 ping -c 1 -W 1 -s 1400 10.0.9.4",
    ]);
    expect(statuses(result)).toEqual([0, 0, 0, 1]);
    expect(drops(result)).toEqual(["switch/host/p-worker1 PKT_TOO_BIG"]);
  });

  test("take their time, from the start if the scenario says so", () => {
    expect(roundTrip(go(["fault link worker1 latency 10ms", PING]))).toBeGreaterThan(20);
    const slow = go([PING], "  underlay: { latency: 3ms }\n");
    expect(roundTrip(slow)).toBeGreaterThan(12);
    expect(roundTrip(slow)).toBeLessThan(13);
  });

  test("hand over twice what they double", () => {
    const result = go(["fault link worker1 duplicate 100%", "exec web.1 iping -c 1 -W 1 10.0.9.4"]);
    const { recorder } = result.mesh;
    const passed = (device: string): number =>
      Array.from({ length: recorder.hopCount }, (_, hop) => recorder.pointAt(recorder.point(hop))).filter(
        (point) => point.node === "worker1" && point.namespace === "host" && point.device === device,
      ).length;
    // Two requests in, two replies out.
    expect(passed("eth0")).toBe(4);
  });
});

test("a node that sends from another address than it advertises: the others know the sender elsewhere", () => {
  const result = go([
    "on manager ip addr add 192.168.77.111/24 dev eth0",
    PING,
    "on manager ip route replace 192.168.77.0/24 dev eth0 src 192.168.77.111",
    PING,
  ]);
  expect(statuses(result)).toEqual([0, 0, 0, 1]);
  expect(drops(result)).toEqual(["worker1/host/eth0 VXLAN_ENTRY_EXISTS"]);
});

test("a lost node is there for nobody, and back without what ran on it", () => {
  const host = "on manager ping -c 1 -W 1 192.168.77.12";
  const lost = "fault node worker1 lost";
  const result = go([PING, lost, PING, OTHER, host, "fault node worker1 back", host, PING]);
  expect(statuses(result)).toEqual([0, 0, 1, 0, 1, 0, 0, 1]);
});

describe("a firewall before a node", () => {
  test("drops the tunnels' packets, in the direction it is told", () => {
    const out = go(["fault block manager udp dst port 4789", PING, OTHER, "on manager ping -c 1 -W 1 192.168.77.12"]);
    expect(statuses(out)).toEqual([0, 1, 1, 0]);
    expect(drops(out)).toEqual(["manager/host/eth0 FIREWALL", "manager/host/eth0 FIREWALL"]);
    const inward = go(["fault block manager in udp src host 192.168.77.12 and dst port 4789", PING, OTHER]);
    expect(statuses(inward)).toEqual([0, 1, 0]);
    expect(drops(inward)).toEqual(["switch/host/p-manager FIREWALL"]);
  });

  test("lets pass what does not fit", () => {
    const blocks = [
      "tcp dst port 4789",
      "udp dst port 4788",
      "udp src port 1-1000",
      "icmp",
      "udp dst net 10.0.0.0/8",
      "esp",
    ];
    const result = go([...blocks.map((filter) => `fault block manager ${filter}`), PING]);
    expect(statuses(result).at(-1)).toBe(0);
  });
});

describe("forwarding and neighbor entries", () => {
  test("a forwarding entry that is gone: the frame ends at the vxlan device", () => {
    const result = go(["fault fdb manager/overlay-front 02:42:0a:00:09:04 gone", PING, OTHER]);
    expect(statuses(result)).toEqual([0, 1, 0]);
    expect(drops(result)).toContain("manager/overlay-front/vxlan0 VXLAN_NO_REMOTE");
  });

  test("a stale one: the frame goes to the wrong node, where nobody has the address", () => {
    const result = go([
      "fault fdb manager/overlay-front 02:42:0a:00:09:04 at 192.168.77.13",
      PING,
      "fault clear",
      PING,
    ]);
    expect(statuses(result)).toEqual([0, 1, 0, 0]);
    const { recorder } = result.mesh;
    const points = new Set(
      Array.from({ length: recorder.hopCount }, (_, hop) => recorder.pointAt(recorder.point(hop))),
    );
    expect([...points].some(({ node, namespace }) => node === "worker2" && namespace === "overlay-front")).toBe(true);
  });

  test("a neighbor that the vxlan device does not know: nobody answers the request", () => {
    const result = go([
      "exec web.1 ip neigh flush dev eth0",
      "fault neighbor manager/overlay-front 10.0.9.4 gone",
      "exec web.1 ping -c 1 -W 4 10.0.9.4",
    ]);
    expect(statuses(result)).toEqual([0, 0, 1]);
    expect(drops(result)).toContain("manager/overlay-front/vxlan0 ARP_NO_NEIGHBOR");
  });

  test("a container that believes somebody to be elsewhere, where containers do not forward", () => {
    const steps = [
      "fault neighbor manager/web.1 10.0.9.4 at 02:42:0a:00:09:05",
      PING,
      "fault neighbor manager/web.1 10.0.9.4 gone",
      PING,
    ];
    const result = go(steps, "  kernel: [no ip_forward]\n");
    expect(statuses(result)).toEqual([0, 1, 0, 0]);
    expect(drops(result)).toContain("worker2/web.3/eth0 IP_INADDRERRORS");
  });

  test("what is not there", () => {
    const result = go(["fault fdb manager/overlay-back 02:42:0a:00:09:04 gone"]);
    expect(result.steps[0]!.status).toBe(2);
    expect(result.steps[0]!.output[0]).toMatch(
      /^there is no namespace overlay-back on manager; the namespaces there are host, .*overlay-front/,
    );
  });
});

describe("wrong checksums", () => {
  test("in the tunnel's header: the packet ends at the other node", () => {
    const result = go(["fault checksum manager outer", PING]);
    expect(statuses(result)).toEqual([0, 1]);
    expect(drops(result)).toEqual(["worker1/host/eth0 UDP_CSUM"]);
  });

  test("in the inner packet: ICMP is not what the card computes, so pings pass", () => {
    expect(statuses(go(["fault checksum manager inner", PING]))).toEqual([0, 0]);
  });
});
