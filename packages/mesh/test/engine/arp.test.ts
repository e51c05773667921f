/** ARP of a host as Linux' arp_process answers, learns and ignores; what waits for an answer; `ip neigh`. */
import * as arp from "@hopscope/codec/arp";
import { BROADCAST_MAC } from "@hopscope/codec/address";
import * as ethernet from "@hopscope/codec/ethernet";
import * as icmp from "@hopscope/codec/icmp";
import { describe, expect, test } from "vitest";
import type { Mesh } from "../../src/build.ts";
import { PmtuDiscovery } from "../../src/host/ipv4.ts";
import { run } from "../../src/run.ts";
import type { Scenario } from "../../src/scenario/scenario.ts";
import { MAX_PENDING, NeighborState } from "../../src/tables/neighbor.ts";
import { inject, pass } from "./injection.ts";
import { endpointMac, exec, ip, mac, overlayPlan } from "./overlay-plan.ts";
import { type HopText, hopsOf, lineOf } from "./trace-text.ts";
import { buildPlan } from "./build-plan.ts";

const OWN = ip("10.0.9.3");
const OTHER = ip("10.0.9.4");
const STRANGER = mac("0a:00:00:00:00:99");

interface Message {
  readonly operation?: number;
  readonly senderMac?: number;
  readonly senderIp?: number;
  readonly targetMac?: number;
  readonly targetIp?: number;
  /** Of the frame. */
  readonly dstMac?: number;
}

/** svc.1 on node 1, 10.0.9.3, and what it does with ARP that comes in on its eth0. */
class Host {
  readonly mesh: Mesh = buildPlan(overlayPlan([2, 1]));
  readonly #netns = this.mesh.tasks.get("svc.1")!;
  readonly #eth0 = this.#netns.deviceNamed("eth0")!;

  constructor() {
    this.mesh.recorder.start();
  }

  receive(message: Message, seconds: number = 0.5): void {
    const { operation = arp.ArpOperation.request, senderMac = endpointMac(OTHER), senderIp = OTHER } = message;
    const { targetMac = 0, targetIp = OWN, dstMac = BROADCAST_MAC } = message;
    const bytes = arp.encode({ operation, senderMac, senderIp, targetMac, targetIp });
    inject(this.mesh, this.#eth0, "in", ethernet.encode({ srcMac: senderMac, dstMac, etherType: 0x0806 }, bytes));
    pass(this.mesh, seconds * 1e9);
  }

  /** An answer to this host's question. */
  reply(senderMac: number, seconds?: number): void {
    this.receive(
      { operation: arp.ArpOperation.reply, senderMac, targetMac: this.#eth0.mac, dstMac: this.#eth0.mac },
      seconds,
    );
  }

  send(dstIp: number, sequence: number): void {
    const request = {
      dstIp,
      identifier: 7,
      dataLength: 0,
      ttl: 64,
      tos: 0,
      pmtuDiscovery: PmtuDiscovery.want,
      fill() {},
    };
    this.#netns.icmp.sendEcho(request, sequence);
  }

  learn(macAddress: number): void {
    this.#netns.arp.set(this.#eth0, OTHER, macAddress, NeighborState.reachable);
  }

  neighbor(address: number = OTHER): { readonly state: NeighborState; readonly mac: number } | undefined {
    return this.#netns.arp.neighbors.find(this.#eth0.index, address);
  }

  /** What has left by eth0. */
  sent(): HopText[] {
    return hopsOf(this.mesh.recorder).filter((hop) => hop.point === "node1/svc.1/eth0" && hop.direction === "out");
  }
}

describe("a request", () => {
  test("for the own address is answered, and the asker remembered at once", () => {
    const host = new Host();
    host.learn(STRANGER);
    host.receive({}, 0.001);
    expect(host.sent().map((hop) => hop.what)).toEqual(["ARP 10.0.9.3 is at 02:42:0a:00:09:03"]);
    expect(host.neighbor()).toMatchObject({ state: NeighborState.stale, mac: endpointMac(OTHER) });
  });

  test("from nobody, the probe for duplicates, is answered and not remembered (RFC 5227 §2.1.1)", () => {
    const host = new Host();
    host.receive({ senderIp: 0 });
    expect(host.sent()).toHaveLength(1);
    expect(host.neighbor(0)).toBeUndefined();
  });

  test("from somebody who claims the own address is neither answered nor believed", () => {
    const host = new Host();
    host.receive({ senderIp: OWN, senderMac: STRANGER });
    expect(host.sent()).toEqual([]);
    expect(host.neighbor(OWN)).toBeUndefined();
  });

  test.each(["127.0.0.1", "224.0.0.1", "10.0.9.99"])("for %s is not answered", (target) => {
    const host = new Host();
    host.receive({ targetIp: ip(target) });
    expect(host.sent()).toEqual([]);
    expect(host.neighbor()).toBeUndefined();
  });

  test("to a group counts as one to everybody; one to another host does not", () => {
    const host = new Host();
    host.receive({ dstMac: mac("01:00:5e:00:00:01") });
    expect(host.sent()).toHaveLength(1);
    host.receive({ dstMac: STRANGER });
    expect(host.sent()).toHaveLength(1);
  });
});

describe("what others say", () => {
  test("of a stranger is forgotten", () => {
    const host = new Host();
    host.reply(endpointMac(OTHER));
    expect(host.neighbor()).toBeUndefined();
  });

  test("first is believed for a second: a second answer with another address comes too early", () => {
    const host = new Host();
    host.send(OTHER, 1);
    host.reply(STRANGER);
    expect(host.neighbor()).toMatchObject({ state: NeighborState.reachable, mac: STRANGER });
    host.reply(endpointMac(OTHER));
    expect(host.neighbor()).toMatchObject({ mac: STRANGER });
    pass(host.mesh, 1e9);
    host.reply(endpointMac(OTHER));
    expect(host.neighbor()).toMatchObject({ state: NeighborState.reachable, mac: endpointMac(OTHER) });
  });

  test("of themselves without being asked counts at once, as hearsay", () => {
    for (const operation of [arp.ArpOperation.request, arp.ArpOperation.reply]) {
      const host = new Host();
      host.learn(endpointMac(OTHER));
      host.receive({ operation, senderMac: STRANGER, targetMac: STRANGER, targetIp: OTHER }, 0.001);
      expect(host.neighbor()).toMatchObject({ state: NeighborState.stale, mac: STRANGER });
    }
  });

  test("in a reply about themselves to another address is no announcement (arp_is_garp)", () => {
    const host = new Host();
    host.learn(endpointMac(OTHER));
    host.receive({ operation: arp.ArpOperation.reply, senderMac: STRANGER, targetMac: 1, targetIp: OTHER }, 0.001);
    expect(host.neighbor()).toMatchObject({ state: NeighborState.reachable, mac: endpointMac(OTHER) });
  });
});

describe("packets that wait", () => {
  const sequencesOf = (host: Host): number[] => {
    const { recorder } = host.mesh;
    const found: number[] = [];
    for (const hop of recorder.order()) {
      const bytes = recorder.bytes(hop);
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      const isEcho = ethernet.etherType(view, 0) === 0x0800 && icmp.type(view, 34) === icmp.IcmpType.echoRequest;
      const point = recorder.pointAt(recorder.point(hop));
      if (isEcho && point.namespace === "svc.1") found.push(icmp.sequence(view, 34));
    }
    return found;
  };

  test("leave in order when the answer comes", () => {
    const host = new Host();
    for (let sequence = 0; sequence < 5; sequence++) host.send(OTHER, sequence);
    host.reply(endpointMac(OTHER));
    expect(sequencesOf(host)).toEqual([0, 1, 2, 3, 4]);
    expect(host.mesh.frames.live).toBe(0);
  });

  test("are not too many: the oldest makes room (__neigh_event_send)", () => {
    const host = new Host();
    for (let sequence = 0; sequence < MAX_PENDING + 4; sequence++) host.send(OTHER, sequence);
    host.reply(endpointMac(OTHER));
    expect(sequencesOf(host)).toEqual(Array.from({ length: MAX_PENDING }, (_, index) => index + 4));
    expect(host.mesh.frames.live).toBe(0);
    expect([...host.mesh.recorder.unreported.values()]).toEqual([4]);
  });

  test("in vain are reported where their sender is told", () => {
    const host = new Host();
    host.send(ip("10.0.9.99"), 1);
    pass(host.mesh, 5e9);
    const error = hopsOf(host.mesh.recorder).find((hop) => lineOf(hop).startsWith("node1/svc.1/lo out"))!;
    expect(error.steps).toEqual([
      "route to 10.0.9.3 by lo",
      "about a packet that did not get out:",
      "route to 10.0.9.99 by eth0",
      "asks who has 10.0.9.99",
      "dropped: NEIGH_FAILED",
    ]);
    expect(host.mesh.recorder.unreported.size).toBe(0);
  });
});

describe("ip neigh", () => {
  const outputOf = (...commands: string[]): (readonly [number | undefined, readonly string[]])[] => {
    const steps = commands.map((command) => exec("svc.1", command));
    const setup = [exec("svc.1", "ping -c 1 10.0.9.5"), exec("svc.1", "ping -c 1 10.0.9.4")];
    const scenario = { run: { seed: 1, setup, steps } } as unknown as Scenario;
    return run(scenario, { mesh: buildPlan(overlayPlan([2, 1])) }).steps.map(
      ({ status, output }) => [status, output] as const,
    );
  };

  test("shows all, those of a device, one, or those in a state", () => {
    const five = "10.0.9.5 dev eth0 lladdr 02:42:0a:00:09:05 ref 1 used 0/0/0 probes 4 REACHABLE";
    const four = "10.0.9.4 dev eth0 lladdr 02:42:0a:00:09:04 used 0/0/0 probes 4 STALE";
    const change = "ip neigh change 10.0.9.4 lladdr 02:42:0a:00:09:04 dev eth0 nud stale";
    const shows = ["ip neigh", "ip neigh show dev lo", "ip neigh show to 10.0.9.4", "ip neigh show nud stale"];
    expect(outputOf(change, ...shows).slice(1)).toEqual([
      [0, [five, four]],
      [0, []],
      [0, [four]],
      [0, [four]],
    ]);
  });

  test("shows no address of a neighbor that does not answer", () => {
    expect(
      outputOf(
        "ping -c 1 -W 1 10.0.9.99",
        "ip neigh show 10.0.9.99",
        "ping -c 1 -W 4 10.0.9.99",
        "ip neigh show 10.0.9.99",
      ),
    ).toMatchObject([
      {},
      [0, ["10.0.9.99 dev eth0  ref 1 used 0/0/0 probes 5 INCOMPLETE"]],
      {},
      [0, ["10.0.9.99 dev eth0  used 0/0/0 probes 6 FAILED"]],
    ]);
  });

  test("adds what is not there, changes what is, and says what is wrong as the kernel does", () => {
    const known = "10.0.9.5 dev eth0";
    const isNew = "10.0.9.50 dev eth0";
    const lladdr = "lladdr 02:00:00:00:00:01";
    expect(
      outputOf(
        `ip neigh add ${known} ${lladdr}`,
        `ip neigh change ${isNew} ${lladdr}`,
        `ip neigh replace ${isNew}`,
        `ip neigh del ${isNew}`,
        `ip neigh add ${isNew} ${lladdr}`,
        `ip neigh del ${isNew}`,
        `ip neigh replace ${known} nud permanent`,
        `ip neigh show 10.0.9.5`,
      ),
    ).toEqual([
      [2, ["ip: RTNETLINK answers: File exists"]],
      [2, ["ip: RTNETLINK answers: No such file or directory"]],
      [2, ["ip: RTNETLINK answers: Invalid argument"]],
      [2, ["ip: RTNETLINK answers: No such file or directory"]],
      [0, []],
      [0, []],
      [0, []],
      [0, ["10.0.9.5 dev eth0 lladdr 02:42:0a:00:09:05 used 0/0/0 probes 4 PERMANENT"]],
    ]);
  });

  test("flushes a device, one, or all; permanent ones only if they are named", () => {
    const permanent = "ip neigh replace 10.0.9.5 dev eth0 nud permanent";
    expect(outputOf("ip neigh flush to 10.0.9.4", "ip neigh").at(-1)![1]).toHaveLength(1);
    expect(outputOf("ip neigh flush all", "ip neigh").at(-1)![1]).toEqual([]);
    expect(outputOf(permanent, "ip neigh flush dev eth0", "ip neigh").at(-1)![1]).toHaveLength(1);
    expect(outputOf(permanent, "ip neigh flush dev eth0 nud permanent", "ip neigh").at(-1)![1]).toHaveLength(1);
    expect(outputOf(permanent, "ip neigh flush nud all", "ip neigh").at(-1)![1]).toEqual([]);
  });
});
