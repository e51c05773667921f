/** A bridge with containers and a vxlan device on it, frame by frame: Linux net/bridge. */
import * as arp from "@hopscope/codec/arp";
import { BROADCAST_MAC } from "@hopscope/codec/address";
import { IpProtocol } from "@hopscope/codec/code-points";
import * as ethernet from "@hopscope/codec/ethernet";
import * as icmp from "@hopscope/codec/icmp";
import * as ipv4 from "@hopscope/codec/ipv4";
import { describe, expect, test } from "vitest";
import type { Mesh } from "../../src/build.ts";
import { Bridge, type BridgePort } from "../../src/devices/bridge.ts";
import { Nic } from "../../src/devices/nic.ts";
import { Veth } from "../../src/devices/veth.ts";
import type { Netns } from "../../src/netns.ts";
import { inject, pass } from "./injection.ts";
import { machine } from "./machine.ts";
import { endpointMac, ip, mac, overlayPlan } from "./overlay-plan.ts";
import { hopsOf } from "./trace-text.ts";
import { buildPlan } from "./build-plan.ts";

const STATION = mac("0a:00:00:00:00:01");
const UNKNOWN = mac("0a:00:00:00:00:02");

/** Node 1's overlay namespace: veth0 of the load balancer, veth1 and veth2 of svc.1 and svc.2, vxlan0, br0. */
class Overlay {
  readonly mesh: Mesh = buildPlan(overlayPlan([2, 1]));
  readonly #netns = this.mesh.nodes.get("node1")!.namespaces.get("overlay-net")!;

  constructor() {
    this.mesh.recorder.start();
  }

  arrive(
    port: string,
    dstMac: number,
    srcMac: number = STATION,
    length: number = 60,
    etherType: number = 0x88b5,
  ): void {
    const payload = new Uint8Array(length - ethernet.HEADER_LENGTH);
    const frame = ethernet.encode({ dstMac, srcMac, etherType }, payload);
    inject(this.mesh, this.#netns.deviceNamed(port)!, "in", frame);
    pass(this.mesh, 1e6);
  }

  /** `device direction` of each hop in the overlay's namespace, and what ended there. */
  hops(): string[] {
    const hops = hopsOf(this.mesh.recorder).filter((hop) => hop.point.startsWith("node1/overlay-net/"));
    return hops.map(({ point, direction, steps }) => {
      const end = steps.find((step) => step.startsWith("dropped: ")) ?? "";
      return `${point.split("/")[2]} ${direction} ${end.replace("dropped: ", "")}`.trim();
    });
  }
}

describe("a bridge", () => {
  test("floods an unknown address to all other ports, newest first, and not to itself", () => {
    const overlay = new Overlay();
    overlay.arrive("veth1", UNKNOWN);
    expect(overlay.hops()).toEqual(["veth1 in", "veth2 out", "veth0 out", "vxlan0 out VXLAN_NO_REMOTE"]);
  });

  test("floods what is for everybody, and takes it itself", () => {
    for (const address of [BROADCAST_MAC, mac("01:00:5e:00:00:01"), mac("01:80:c2:00:00:00")]) {
      const overlay = new Overlay();
      overlay.arrive("veth1", address);
      expect(overlay.hops().slice(1)).toEqual([
        "veth2 out",
        "veth0 out",
        "vxlan0 out VXLAN_NO_REMOTE",
        "br0 in UNHANDLED_PROTO",
      ]);
    }
  });

  test("keeps what is for the other end of the wire (IEEE 802.1Q §8.6.3)", () => {
    const overlay = new Overlay();
    overlay.arrive("veth1", mac("01:80:c2:00:00:0e"));
    expect(overlay.hops()).toEqual(["veth1 in UNHANDLED_PROTO"]);
  });

  test("sends a known address to its port only, and never back", () => {
    const overlay = new Overlay();
    overlay.arrive("veth2", BROADCAST_MAC);
    const before = overlay.hops().length;
    overlay.arrive("veth1", STATION, UNKNOWN);
    overlay.arrive("veth2", STATION, UNKNOWN);
    expect(overlay.hops().slice(before)).toEqual(["veth1 in", "veth2 out", "veth2 in BRIDGE_SAME_PORT"]);
  });

  test("says nothing about what is too long for a port: its MTU, an Ethernet header and a tag", () => {
    const overlay = new Overlay();
    overlay.arrive("veth2", BROADCAST_MAC);
    const before = overlay.hops().length;
    overlay.arrive("veth1", STATION, UNKNOWN, 1450 + 18);
    overlay.arrive("veth1", STATION, UNKNOWN, 1450 + 19);
    expect(overlay.hops().slice(before)).toEqual(["veth1 in", "veth2 out", "veth1 in PKT_TOO_BIG"]);
  });

  test("tells of copies that are too long for their ports where the frame came in", () => {
    const overlay = new Overlay();
    overlay.arrive("veth1", UNKNOWN, STATION, 1450 + 19);
    const [hop, ...others] = hopsOf(overlay.mesh.recorder);
    expect(others).toEqual([]);
    expect(hop!.steps.filter((step) => step === "dropped: PKT_TOO_BIG")).toHaveLength(3);
  });

  test("its copies are one packet, and what vxlan0 writes before one of them is not before the others", () => {
    const overlay = new Overlay();
    overlay.arrive("veth1", endpointMac(ip("10.0.9.5")), STATION, 100);
    const { recorder } = overlay.mesh;
    const all = Array.from({ length: recorder.hopCount }, (_, hop) => hop);
    expect(new Set(all.map((hop) => recorder.packetId(hop)))).toEqual(new Set([1]));
    const lengthAt = (point: string): number[] => {
      const hops = hopsOf(recorder).flatMap((each, at) => (each.point === point ? [recorder.order()[at]!] : []));
      return hops.map((hop) => recorder.bytes(hop).length);
    };
    expect(lengthAt("node1/svc.2/eth0")).toEqual([100]);
    expect(lengthAt("node1/lb-net/eth0")).toEqual([100]);
    expect(lengthAt("node1/host/eth0")).toEqual([150]);
  });

  test("refuses a source that is no station", () => {
    for (const source of [0, BROADCAST_MAC, mac("01:00:5e:00:00:01")]) {
      const overlay = new Overlay();
      overlay.arrive("veth1", BROADCAST_MAC, source);
      expect(overlay.hops()).toEqual(["veth1 in MAC_INVALID_SOURCE"]);
    }
  });

  test("does not believe that a port's own address is elsewhere", () => {
    const overlay = new Overlay();
    const own = overlay.mesh.nodes.get("node1")!.namespaces.get("overlay-net")!.deviceNamed("veth2")!.mac;
    overlay.arrive("veth1", BROADCAST_MAC, own);
    const before = overlay.hops().length;
    overlay.arrive("veth0", own);
    expect(overlay.hops().slice(before)).toEqual(["veth0 in", "br0 in UNHANDLED_PROTO"]);
  });
});

describe("ARP at vxlan0", () => {
  const ask = (target: string, operation: number = arp.ArpOperation.request): string[] => {
    const overlay = new Overlay();
    const fields = { operation, senderMac: STATION, senderIp: ip("10.0.9.3"), targetMac: 0, targetIp: ip(target) };
    const frame = ethernet.encode({ dstMac: BROADCAST_MAC, srcMac: STATION, etherType: 0x0806 }, arp.encode(fields));
    inject(
      overlay.mesh,
      overlay.mesh.nodes.get("node1")!.namespaces.get("overlay-net")!.deviceNamed("vxlan0")!,
      "out",
      frame,
    );
    pass(overlay.mesh, 1e6);
    return overlay.hops();
  };

  test("for a remote endpoint is answered there", () => {
    expect(ask("10.0.9.5").slice(0, 2)).toEqual(["vxlan0 out", "vxlan0 in"]);
  });

  test("ends otherwise: for local endpoints, addresses that nobody has or may have, and what is no question", () => {
    expect(ask("10.0.9.4")).toEqual(["vxlan0 out ARP_NO_NEIGHBOR"]);
    expect(ask("10.0.9.99")).toEqual(["vxlan0 out ARP_NO_NEIGHBOR"]);
    expect(ask("127.0.0.1")).toEqual(["vxlan0 out ARP_CONSUMED"]);
    expect(ask("10.0.9.5", arp.ArpOperation.reply)).toEqual(["vxlan0 out ARP_CONSUMED"]);
  });
});

describe("a host behind it", () => {
  const ping = (change: (view: DataView) => void, hoard: boolean = false): string[] => {
    const { mesh } = new Overlay();
    const eth0 = mesh.tasks.get("svc.1")!.deviceNamed("eth0")!;
    const echo = icmp.encode({ kind: "echo", type: icmp.IcmpType.echoRequest, identifier: 1, sequence: 1 });
    const packet = ipv4.encode({ protocol: IpProtocol.icmp, srcIp: ip("10.0.9.4"), dstIp: ip("10.0.9.3") }, echo);
    const srcMac = endpointMac(ip("10.0.9.4"));
    const frame = ethernet.encode({ dstMac: eth0.mac, srcMac, etherType: 0x0800 }, packet);
    const view = new DataView(frame.buffer, frame.byteOffset);
    change(view);
    ipv4.fillChecksum(view, 14);
    inject(mesh, eth0, "in", frame);
    if (hoard) while (mesh.frames.available > 0) mesh.frames.allocate(60);
    pass(mesh, 1e6);
    return hopsOf(mesh.recorder)[0]!.steps as string[];
  };

  test("tells at the request why an answer could not be sent", () => {
    expect(ping((view) => ipv4.setSrcIp(view, 14, ip("8.8.8.8")))).toEqual([
      "delivered to the host's ICMP: echo request, to be answered",
      "about a packet that did not get out:",
      "dropped: IP_OUTNOROUTES",
    ]);
    expect(ping(() => {}, true)).toEqual([
      "delivered to the host's ICMP: echo request, to be answered",
      "dropped: NOMEM",
    ]);
  });

  test("looks at ICMP's checksum", () => {
    expect(ping((view) => icmp.setSequence(view, 34, 2))).toEqual(["dropped: ICMP_CSUM"]);
  });
});

describe("devices alone", () => {
  const sendTo = (netns: Netns, name: string, dstMac: number): string[] => {
    const { frames, recorder } = netns.node;
    const frame = frames.allocate(60)!;
    ethernet.setDstMac(frames.view, frames.start(frame), dstMac);
    netns.deviceNamed(name)!.transmit(frame);
    expect(frames.live).toBe(0);
    return hopsOf(recorder).flatMap((hop) => hop.steps);
  };

  test("without an other end they lead nowhere", () => {
    const netns = machine();
    new Veth(netns, { name: "veth0", mtu: 1500, mac: 1 });
    new Nic(netns, { name: "eth0", mtu: 1500, mac: 2 });
    expect(sendTo(netns, "veth0", UNKNOWN)).toEqual(["dropped: DEV_READY"]);
    expect(sendTo(netns, "eth0", UNKNOWN)).toEqual(["dropped: DEV_READY", "dropped: DEV_READY"]);
  });

  test("a bridge is known by the lowest address of its ports", () => {
    const netns = machine();
    const bridge = new Bridge(netns, { name: "br0", mtu: 1500, mac: undefined });
    for (const [index, address] of [5, 3, 9].entries()) {
      bridge.addPort(new Veth(netns, { name: `veth${index}`, mtu: 1500, mac: address }));
    }
    expect(bridge.mac).toBe(3);
  });

  test("a bridge's new port has the lowest number that is free, and floods as the newest", () => {
    const netns = machine();
    const bridge = new Bridge(netns, { name: "br0", mtu: 1500, mac: undefined });
    const add = (index: number): BridgePort =>
      bridge.addPort(new Veth(netns, { name: `veth${index}`, mtu: 1500, mac: index }));
    const [, second] = [add(1), add(2), add(3)];
    bridge.deletePort(second!);
    expect([add(4).number, add(5).number]).toEqual([2, 4]);
    expect(bridge.ports.map(({ device }) => device.name)).toEqual(["veth5", "veth4", "veth3", "veth1"]);
  });

  test("a bridge that sends to its own address reaches nobody", () => {
    const netns = machine();
    const bridge = new Bridge(netns, { name: "docker0", mtu: 1500, mac: STATION });
    bridge.addPort(new Veth(netns, { name: "veth0", mtu: 1500, mac: 1 }));
    expect(bridge.mac).toBe(STATION);
    expect(sendTo(netns, "docker0", STATION)).toEqual(["dropped: BRIDGE_SAME_PORT"]);
  });
});
