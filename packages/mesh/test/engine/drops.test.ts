/** Frames that arrive from outside and end: each with the kernel's reason. */
import { encapsulate, VxlanTunnel } from "@hopscope/codec/encapsulation";
import * as ethernet from "@hopscope/codec/ethernet";
import * as icmp from "@hopscope/codec/icmp";
import * as ipv4 from "@hopscope/codec/ipv4";
import * as udp from "@hopscope/codec/udp";
import { IpProtocol } from "@hopscope/codec/code-points";
import { describe, expect, test } from "vitest";
import { Direction } from "../../src/trace/recorder.ts";
import { inject, pass } from "./injection.ts";
import { endpointMac, ip, mac, overlayPlan } from "./overlay-plan.ts";
import { hopsOf } from "./trace-text.ts";
import { buildPlan } from "./build-plan.ts";

const NODE1 = mac("52:54:00:77:00:0b");
const NODE2 = mac("52:54:00:77:00:0c");

/** An echo request from 10.0.9.4 on node 2 to 10.0.9.3 on node 1. */
function innerFrame(srcMac: number = endpointMac(ip("10.0.9.4"))): Uint8Array {
  const echo = icmp.encode(
    { kind: "echo", type: icmp.IcmpType.echoRequest, identifier: 1, sequence: 1 },
    new Uint8Array(56),
  );
  const packet = ipv4.encode({ protocol: IpProtocol.icmp, srcIp: ip("10.0.9.4"), dstIp: ip("10.0.9.3") }, echo);
  return ethernet.encode({ srcMac, dstMac: endpointMac(ip("10.0.9.3")), etherType: 0x0800 }, packet);
}

/** That frame in VXLAN from a tunnel endpoint to node 1. */
function tunnelled(options: { vni?: number; srcIp?: string; dstIp?: string; inner?: Uint8Array } = {}): Uint8Array {
  const inner = options.inner ?? innerFrame();
  const bytes = new Uint8Array(50 + inner.length);
  bytes.set(inner, 50);
  const tunnel = new VxlanTunnel({
    srcMac: NODE2,
    dstMac: NODE1,
    srcIp: ip(options.srcIp ?? "192.168.77.12"),
    dstIp: ip(options.dstIp ?? "192.168.77.11"),
    vni: options.vni ?? 4097,
  });
  encapsulate(tunnel, new DataView(bytes.buffer), 50, bytes.length, 1);
  return bytes;
}

/** What node 1 decided about a frame that came in on its eth0: the steps of each hop, flat. */
function receive(bytes: Uint8Array): string[] {
  const mesh = buildPlan(overlayPlan([1, 1]));
  mesh.recorder.start();
  inject(mesh, mesh.nodes.get("node1")!.namespaces.get("host")!.deviceNamed("eth0")!, "in", bytes);
  pass(mesh, 1e9);
  return hopsOf(mesh.recorder)
    .filter((hop) => hop.point.startsWith("node1/"))
    .flatMap((hop) => hop.steps);
}

/** A ping to node 1 between any addresses. */
function ping(srcIp: string, dstIp: string, dstMac: number = NODE1): Uint8Array {
  const echo = icmp.encode({ kind: "echo", type: icmp.IcmpType.echoRequest, identifier: 1, sequence: 1 });
  const packet = ipv4.encode({ protocol: IpProtocol.icmp, srcIp: ip(srcIp), dstIp: ip(dstIp) }, echo);
  return ethernet.encode({ srcMac: NODE2, dstMac, etherType: 0x0800 }, packet);
}

describe("a VXLAN packet from outside", () => {
  test("is delivered if all is well", () => {
    expect(receive(tunnelled()).join()).toMatch(/decapsulated for vxlan0.*delivered to the host's ICMP: echo request/);
  });

  test("ends where UDP says, whatever pads it", () => {
    const mesh = buildPlan(overlayPlan([1, 1]));
    mesh.recorder.start();
    const bytes = tunnelled();
    const padded = new Uint8Array(bytes.length + 10);
    padded.set(bytes);
    inject(mesh, mesh.nodes.get("node1")!.namespaces.get("host")!.deviceNamed("eth0")!, "in", padded);
    pass(mesh, 1e6);
    expect([0, 1].map((hop) => mesh.recorder.bytes(hop).length)).toEqual([padded.length, innerFrame().length]);
  });

  test("for everybody on the cable is taken apart by its node, and stays whole for the others", () => {
    const mesh = buildPlan(overlayPlan([1, 1, 1]));
    mesh.recorder.start();
    // Node 3's copy arrives first.
    const bytes = tunnelled({ dstIp: "192.168.77.13" });
    bytes.fill(0xff, 0, 6);
    inject(mesh, mesh.nodes.get("switch")!.namespaces.get("host")!.deviceNamed("p-node2")!, "in", bytes);
    pass(mesh, 1e6);
    const { recorder } = mesh;
    const hops = hopsOf(recorder).flatMap((hop, at) =>
      /node[13]\/host\/eth0/.test(hop.point) ? [recorder.order()[at]!] : [],
    );
    const received = hops.filter((hop) => recorder.direction(hop) === Direction.in);
    expect(received.map((hop) => [...recorder.bytes(hop)])).toEqual([[...bytes], [...bytes]]);
  });

  test("for a VNI that this node has not", () => {
    expect(receive(tunnelled({ vni: 4098 }))).toContain("dropped: VXLAN_VNI_NOT_FOUND");
  });

  test("with the VNI flag clear, or a reserved bit set", () => {
    for (const flags of [0x00, 0x88]) {
      const bytes = tunnelled();
      bytes[42] = flags;
      // The outer checksum is none of this test's business.
      bytes.fill(0, 40, 42);
      expect(receive(bytes)).toContain("dropped: VXLAN_INVALID_HDR");
    }
  });

  test("with a wrong UDP checksum", () => {
    const bytes = tunnelled();
    bytes[100]! ^= 1;
    expect(receive(bytes)).toContain("dropped: UDP_CSUM");
  });

  test("from another tunnel endpoint than the peer record says", () => {
    expect(receive(tunnelled({ srcIp: "192.168.77.99" }))).toContain("dropped: VXLAN_ENTRY_EXISTS");
  });

  test("with a group address as inner source", () => {
    expect(receive(tunnelled({ inner: innerFrame(0x01005e000001) }))).toContain("dropped: MAC_INVALID_SOURCE");
  });

  test("with the vxlan device's own address as inner source: a loop", () => {
    const own = buildPlan(overlayPlan([1, 1]))
      .nodes.get("node1")!
      .namespaces.get("overlay-net")!
      .deviceNamed("vxlan0")!;
    expect(receive(tunnelled({ inner: innerFrame(own.mac) }))).toContain("dropped: LOCAL_MAC");
  });

  test("that met congestion: the inner packet says so, if it can (RFC 6040 §4.2)", () => {
    const congested = (innerTos: number): string[] => {
      const inner = innerFrame();
      const view = new DataView(inner.buffer, inner.byteOffset);
      ipv4.setTos(view, 14, innerTos);
      ipv4.fillChecksum(view, 14);
      const bytes = tunnelled({ inner });
      const outer = new DataView(bytes.buffer);
      ipv4.setTos(outer, 14, 3);
      ipv4.fillChecksum(outer, 14);
      return receive(bytes);
    };
    expect(congested(0)).toContain("dropped: IP_TUNNEL_ECN");
    expect(congested(2).join()).toMatch(/delivered to the host's ICMP: echo request/);
  });
});

describe("a packet from outside", () => {
  test("with a wrong IPv4 header checksum", () => {
    const bytes = tunnelled();
    bytes[24]! ^= 1;
    expect(receive(bytes)).toContain("dropped: IP_CSUM");
  });

  test("for another machine's MAC", () => {
    const bytes = tunnelled();
    bytes[5]! ^= 1;
    expect(receive(bytes)).toContain("dropped: OTHERHOST");
  });

  test("for a UDP port that nobody has", () => {
    const datagram = udp.encode({ srcPort: 1, dstPort: 9 }, new Uint8Array(4));
    const packet = ipv4.encode(
      { protocol: IpProtocol.udp, srcIp: ip("192.168.77.12"), dstIp: ip("192.168.77.11") },
      datagram,
    );
    expect(receive(ethernet.encode({ srcMac: NODE2, dstMac: NODE1, etherType: 0x0800 }, packet))).toContain(
      "dropped: NO_SOCKET",
    );
  });

  test("of a protocol, or an EtherType, that nobody takes", () => {
    const packet = ipv4.encode({ protocol: 132, srcIp: ip("192.168.77.12"), dstIp: ip("192.168.77.11") });
    expect(receive(ethernet.encode({ srcMac: NODE2, dstMac: NODE1, etherType: 0x0800 }, packet))).toContain(
      "dropped: IP_NOPROTO",
    );
    expect(receive(ethernet.encode({ srcMac: NODE2, dstMac: NODE1, etherType: 0x88cc }))).toContain(
      "dropped: UNHANDLED_PROTO",
    );
  });

  test("for an address that is not here", () => {
    const packet = ipv4.encode({ protocol: 1, srcIp: ip("192.168.77.12"), dstIp: ip("192.168.77.50") });
    // It is sent on to who has it, whom nobody finds.
    expect(receive(ethernet.encode({ srcMac: NODE2, dstMac: NODE1, etherType: 0x0800 }, packet))).toContain(
      "asks who has 192.168.77.50",
    );
  });

  test("with a header that is cut", () => {
    const packet = ipv4.encode({ protocol: 1, srcIp: ip("192.168.77.12"), dstIp: ip("192.168.77.11") }).subarray(0, 12);
    expect(receive(ethernet.encode({ srcMac: NODE2, dstMac: NODE1, etherType: 0x0800 }, packet))).toContain(
      "dropped: IP_INHDR",
    );
  });

  test("that is shorter than it says", () => {
    expect(receive(ping("192.168.77.12", "192.168.77.11").subarray(0, 40))).toContain("dropped: PKT_TOO_SMALL");
    // As IPv4 says, but not as UDP does; ICMP of four bytes.
    for (const [protocol, payload] of [
      [IpProtocol.udp, [0, 1, 0, 9, 0, 9, 0, 0]],
      [IpProtocol.icmp, [0xff, 0xff, 0, 0]],
    ] as const) {
      const addresses = { srcIp: ip("192.168.77.12"), dstIp: ip("192.168.77.11") };
      const packet = ipv4.encode({ protocol, ...addresses }, Uint8Array.from(payload));
      const frame = ethernet.encode({ srcMac: NODE2, dstMac: NODE1, etherType: 0x0800 }, packet);
      expect(receive(frame)).toContain("dropped: PKT_TOO_SMALL");
    }
  });

  test("that is a part of a packet", () => {
    const bytes = ping("192.168.77.12", "192.168.77.11");
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    ipv4.setFlagsAndFragmentOffset(view, 14, ipv4.MORE_FRAGMENTS);
    ipv4.fillChecksum(view, 14);
    expect(receive(bytes)).toContain("waits for the packet's other fragments: bytes 0 to 7 are here");
  });

  test.each([
    ["224.0.0.5", "192.168.77.11", "IP_INVALID_SOURCE"],
    ["255.255.255.255", "192.168.77.11", "IP_INVALID_SOURCE"],
    ["0.0.0.0", "192.168.77.11", "IP_INVALID_SOURCE"],
    ["192.168.77.12", "0.0.0.0", "IP_INVALID_DEST"],
    ["127.0.0.1", "192.168.77.11", "IP_LOCALNET"],
    ["192.168.77.12", "127.0.0.1", "IP_LOCALNET"],
    ["192.168.77.11", "192.168.77.11", "IP_LOCAL_SOURCE"],
    ["192.168.77.12", "192.168.77.255", "INVALID_PROTO"],
    ["0.0.0.0", "255.255.255.255", "INVALID_PROTO"],
    ["192.168.77.12", "224.0.0.1", "INVALID_PROTO"],
    ["192.168.77.12", "239.1.1.1", "IP_INADDRERRORS"],
  ])("from %s to %s", (from, to, reason) => {
    expect(receive(ping(from, to)).at(-1)).toBe(`dropped: ${reason}`);
  });
});
