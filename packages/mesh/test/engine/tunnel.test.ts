/** A tunnel on an underlay that is too small, and super-frames through it: recordings s03 and s05b. */
import * as ethernet from "@hopscope/codec/ethernet";
import * as icmp from "@hopscope/codec/icmp";
import * as ipv4 from "@hopscope/codec/ipv4";
import * as tcp from "@hopscope/codec/tcp";
import { describe, expect, test } from "vitest";
import type { Mesh } from "../../src/build.ts";
import { VxlanDevice } from "../../src/devices/vxlan.ts";
import { Checksum } from "../../src/frame.ts";
import { fillPartialChecksum } from "../../src/host/checksum-help.ts";
import { PmtuDiscovery } from "../../src/host/ipv4.ts";
import type { Netns } from "../../src/netns.ts";
import { Direction } from "../../src/trace/recorder.ts";
import { pass } from "./injection.ts";
import { endpointMac, ip, overlayPlan } from "./overlay-plan.ts";
import { hopsOf } from "./trace-text.ts";
import { buildPlan } from "./build-plan.ts";

/** svc.1 (10.0.9.3) on node 1 and svc.2 (10.0.9.4) on node 2, whose interfaces take `mtu` bytes; neighbors are known. */
class Tunnel {
  readonly mesh: Mesh = buildPlan(overlayPlan([1, 1]));
  readonly one: Netns = this.mesh.tasks.get("svc.1")!;
  readonly two: Netns = this.mesh.tasks.get("svc.2")!;

  constructor(mtu: number = 1480) {
    for (const name of ["node1", "node2"])
      this.mesh.nodes.get(name)!.namespaces.get("host")!.deviceNamed("eth0")!.setMtu(mtu);
    this.ping(56);
    this.mesh.recorder.start();
  }

  ping(dataLength: number, pmtuDiscovery: PmtuDiscovery = PmtuDiscovery.dont): number {
    const request = { dstIp: ip("10.0.9.4"), identifier: 7, dataLength, ttl: 64, tos: 0, pmtuDiscovery, fill() {} };
    const { softnet } = this.one.node;
    softnet.isInProcess = true;
    const error = this.one.icmp.sendEcho(request, 1);
    softnet.isInProcess = false;
    pass(this.mesh, 1e7);
    return error;
  }

  /** `total/offset` of the IPv4 packets at a point, as long as they are of that direction. */
  lengths(point: string, direction: "in" | "out"): string[] {
    return this.bytes(point, direction).map((bytes) => {
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      return `${ipv4.totalLength(view, 14)}${ipv4.isFragment(view, 14) ? `@${ipv4.fragmentOffset(view, 14)}` : ""}`;
    });
  }

  bytes(point: string, direction: "in" | "out"): Uint8Array[] {
    const { recorder } = this.mesh;
    return Array.from(recorder.order())
      .filter((hop) => {
        const at = recorder.pointAt(recorder.point(hop));
        return (
          `${at.node}/${at.namespace}/${at.device}` === point &&
          (recorder.direction(hop) === Direction.in ? "in" : "out") === direction
        );
      })
      .map((hop) => recorder.bytes(hop).slice());
  }
}

describe("an underlay of 1480 bytes under an overlay of 1450 (s05b)", () => {
  test("1430 bytes inside fit", () => {
    const tunnel = new Tunnel();
    tunnel.ping(1402);
    expect(tunnel.lengths("node1/host/eth0", "out")).toEqual(["1480"]);
    expect(tunnel.lengths("node1/svc.1/eth0", "in")).toEqual(["1430"]);
  });

  test("one more, and the node cuts the outer packet; the other node puts it together before it takes it apart", () => {
    const tunnel = new Tunnel();
    tunnel.ping(1403);
    expect(tunnel.lengths("node1/overlay-net/vxlan0", "out")).toEqual(["1431"]);
    expect(tunnel.lengths("node1/host/eth0", "out")).toEqual(["1476@0", "25@1456"]);
    const [first, second] = tunnel.bytes("node1/host/eth0", "out").map((bytes) => new DataView(bytes.buffer));
    expect(ipv4.identification(first!, 14)).toBe(ipv4.identification(second!, 14));
    expect(tunnel.lengths("node2/overlay-net/vxlan0", "in")).toEqual(["1431"]);
    expect(tunnel.lengths("node1/svc.1/eth0", "in")).toEqual(["1431"]);
    expect(tunnel.mesh.frames.live).toBe(0);
  });

  test("what nobody may cut is answered by the tunnel in the destination's name, and the sender remembers", () => {
    const tunnel = new Tunnel();
    const heard: number[] = [];
    tunnel.one.icmp.listen(7, {
      echoReply: () => {},
      error: (_ip, at) => heard.push(icmp.nextHopMtu(tunnel.mesh.frames.view, at)),
    });
    expect(tunnel.ping(1422, PmtuDiscovery.do)).toBe(0);
    expect(heard).toEqual([1430]);
    expect(tunnel.bytes("node1/host/eth0", "out")).toEqual([]);
    const [answer] = tunnel.bytes("node1/overlay-net/vxlan0", "in");
    const view = new DataView(answer!.buffer);
    expect([ethernet.srcMac(view, 0), ethernet.dstMac(view, 0)]).toEqual([
      endpointMac(ip("10.0.9.4")),
      endpointMac(ip("10.0.9.3")),
    ]);
    const header = ipv4.plain(view, 14);
    expect(header).toMatchObject({ srcIp: ip("10.0.9.4"), dstIp: ip("10.0.9.3"), ttl: 64, identification: 0, tos: 0 });
    expect(header).toMatchObject({ dontFragment: true, totalLength: 576 });
    expect(ipv4.isChecksumValid(view, 14)).toBe(true);
    expect(icmp.verifyChecksum(view, 34, answer!.length)).toBe(1);
    const dst = tunnel.one.ipv4.lookup(ip("10.0.9.4"))!;
    expect(tunnel.one.ipv4.mtuOf(dst, tunnel.one.node.softnet.now)).toBe(1430);
    expect(tunnel.ping(1422, PmtuDiscovery.do)).toBe(2);
    const steps = hopsOf(tunnel.mesh.recorder).flatMap((hop) => hop.steps);
    expect(steps).toContain("tunnel answers in the destination's name: fragmentation needed, MTU 1430");
    expect(tunnel.mesh.frames.live).toBe(0);
  });

  test("an underlay below 576 bytes is not told of, and cut for", () => {
    const tunnel = new Tunnel(600);
    tunnel.ping(600, PmtuDiscovery.do);
    expect(tunnel.lengths("node1/host/eth0", "out")).toEqual(["596@0", "102@576"]);
    expect(tunnel.lengths("node2/svc.2/eth0", "in")).toEqual(["628"]);
  });
});

/** A TCP super-frame as s03 has it: 6990 bytes, to be cut into 1398 each. */
function sendSuperFrame(tunnel: Tunnel, gsoSize: number = 1398): void {
  const { frames } = tunnel.mesh;
  const stamps = Uint8Array.of(1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 9);
  const ports = { srcPort: 80, dstPort: 51_128, sequence: 1000, acknowledgment: 7, window: 63, options: stamps };
  const payload = Uint8Array.from({ length: 6990 }, (_, index) => index & 0xff);
  const segmentBytes = tcp.encode({ ...ports, flags: tcp.TcpFlag.ack | tcp.TcpFlag.psh }, payload);
  const addresses = { srcIp: ip("10.0.9.3"), dstIp: ip("10.0.9.4") };
  const packet = ipv4.encode({ protocol: 6, identification: 51_641, dontFragment: true, ...addresses }, segmentBytes);
  const frame = frames.allocate(14 + packet.length)!;
  frames.bytes.set(packet, frame.start + 14);
  fillPartialChecksum(frames.view, frame.start + 14, frame.end);
  frame.csum = Checksum.partial;
  frame.gsoSize = gsoSize;
  expect(tunnel.one.ipv4.output(frame)).toBe(0);
  tunnel.one.node.softnet.drain();
  pass(tunnel.mesh, 1e7);
}

describe("a TCP super-frame through the tunnel (s03)", () => {
  test("is cut at the node's interface, and merged again behind the tunnel", () => {
    const tunnel = new Tunnel(1500);
    sendSuperFrame(tunnel);
    for (const point of ["node1/svc.1/eth0", "node1/overlay-net/vxlan0"]) {
      expect(tunnel.lengths(point, "out")).toEqual(["7042"]);
    }
    expect(tunnel.lengths("node1/host/eth0", "out")).toEqual(["1500", "1500", "1500", "1500", "1500"]);
    const outer = tunnel.bytes("node1/host/eth0", "out").map((bytes) => new DataView(bytes.buffer));
    const ids = (at: number): number[] =>
      outer.map((view) => (ipv4.identification(view, at) - ipv4.identification(outer[0]!, at)) & 0xffff);
    expect([ids(14), ids(64)]).toEqual([
      [0, 1, 2, 3, 4],
      [0, 1, 2, 3, 4],
    ]);
    expect(tunnel.lengths("node2/host/eth0", "in")).toHaveLength(5);
    expect(tunnel.lengths("node2/overlay-net/vxlan0", "in")).toEqual(["7042"]);
    const [sent] = tunnel.bytes("node1/svc.1/eth0", "out");
    const [received] = tunnel.bytes("node2/svc.2/eth0", "in");
    expect(received).toEqual(sent);
    expect(tunnel.mesh.frames.live).toBe(0);
  });

  test("stays cut where the tunnel does not merge", () => {
    const tunnel = new Tunnel(1500);
    const vxlan = tunnel.mesh.nodes.get("node2")!.namespaces.get("overlay-net")!.deviceNamed("vxlan0")!;
    vxlan.setOffloads({ gro: false });
    sendSuperFrame(tunnel);
    expect(tunnel.lengths("node2/overlay-net/vxlan0", "in")).toEqual(["1450", "1450", "1450", "1450", "1450"]);
  });

  test("is seen whole at an interface that cuts it itself, and cut behind it", () => {
    const tunnel = new Tunnel(1500);
    tunnel.mesh.nodes.get("node1")!.namespaces.get("host")!.deviceNamed("eth0")!.setOffloads({ tso: true, tx: true });
    sendSuperFrame(tunnel);
    expect(tunnel.lengths("node1/host/eth0", "out")).toEqual(["7092"]);
    expect(tunnel.lengths("switch/host/p-node1", "in")).toEqual(["1500", "1500", "1500", "1500", "1500"]);
    expect(tunnel.lengths("node2/svc.2/eth0", "in")).toEqual(["7042"]);
  });

  test("whose segments fit an underlay that is too small for others passes it; one whose do not is answered", () => {
    const tunnel = new Tunnel(1480);
    sendSuperFrame(tunnel, 1378);
    expect(tunnel.lengths("node1/host/eth0", "out").slice(0, 2)).toEqual(["1480", "1480"]);
    sendSuperFrame(tunnel, 1398);
    const answer = tunnel.bytes("node1/overlay-net/vxlan0", "in").at(-1);
    expect(icmp.nextHopMtu(new DataView(answer!.buffer), 34)).toBe(1430);
  });
});

describe("a tunnel endpoint that is the node itself", () => {
  test("gets the frame without the wire, and is learned as 127.0.0.1", () => {
    const tunnel = new Tunnel(1500);
    const vxlan = tunnel.mesh.nodes.get("node1")!.namespaces.get("overlay-net")!.deviceNamed("vxlan0");
    if (!(vxlan instanceof VxlanDevice)) throw new Error("no vxlan0");
    const { frames } = tunnel.mesh;
    const station = 0x0a0000000001;
    vxlan.fdb.snoop(station, vxlan.vtep, 0);
    const bytes = ethernet.encode({ srcMac: 0x0a0000000002, dstMac: station, etherType: 0x88b5 }, new Uint8Array(46));
    const frame = frames.allocate(bytes.length)!;
    frames.bytes.set(bytes, frame.start);
    vxlan.transmit(frame);
    vxlan.netns.node.softnet.drain();
    pass(tunnel.mesh, 1e6);
    expect(tunnel.bytes("node1/overlay-net/vxlan0", "in")).toEqual([bytes]);
    expect(tunnel.bytes("node1/host/eth0", "out")).toEqual([]);
    expect(vxlan.fdb.find(0x0a0000000002, 1)).toBe(ip("127.0.0.1"));
  });
});

describe("a vxlan device that is deleted", () => {
  test("leaves its VNI to nobody, and what waits in it ends", () => {
    const tunnel = new Tunnel(1500);
    const vxlan = tunnel.mesh.nodes.get("node2")!.namespaces.get("overlay-net")!.deviceNamed("vxlan0")!;
    vxlan.delete();
    tunnel.ping(56);
    const steps = hopsOf(tunnel.mesh.recorder).flatMap((hop) => hop.steps);
    // Nobody else has a tunnel on that port: the socket is gone, too.
    expect(steps).toContain("dropped: NO_SOCKET");
    expect(tunnel.mesh.frames.live).toBe(0);
  });

  test("an endpoint that is forgotten is asked for again, everywhere", () => {
    const tunnel = new Tunnel(1500);
    const overlay = tunnel.mesh.nodes.get("node1")!.namespaces.get("overlay-net")!;
    const vxlan = overlay.deviceNamed("vxlan0");
    if (!(vxlan instanceof VxlanDevice)) throw new Error("no vxlan0");
    const mac = endpointMac(ip("10.0.9.4"));
    const { now } = overlay.node.softnet;
    expect(vxlan.port!.bridge.fdb.find(mac, now)).toBeDefined();
    vxlan.peers.remove(ip("10.0.9.4"), ip("192.168.77.12"), now);
    vxlan.forgetPeer(mac);
    expect(vxlan.port!.bridge.fdb.find(mac, now)).toBeUndefined();
    expect(vxlan.fdb.find(mac, now)).toBeUndefined();
    tunnel.ping(56);
    // s15: flooded to the other ports and the tunnel, where it ends.
    expect(hopsOf(tunnel.mesh.recorder).map((hop) => hop.point.split("/").slice(1).join("/"))).toEqual([
      "svc.1/eth0",
      "overlay-net/veth1",
      "overlay-net/veth0",
      "overlay-net/vxlan0",
      "lb-net/eth0",
    ]);
  });
});
