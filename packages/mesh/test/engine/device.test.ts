/** Devices that come up, go down, take less than others, or leave work to the CPU. */
import * as ethernet from "@hopscope/codec/ethernet";
import * as ipv4 from "@hopscope/codec/ipv4";
import * as udp from "@hopscope/codec/udp";
import { describe, expect, test } from "vitest";
import { Bridge } from "../../src/devices/bridge.ts";
import type { Veth } from "../../src/devices/veth.ts";
import { Checksum, type Frame } from "../../src/frame.ts";
import { fillPartialChecksum } from "../../src/host/checksum-help.ts";
import { PmtuDiscovery } from "../../src/host/ipv4.ts";
import type { Netns } from "../../src/netns.ts";
import { Lab } from "./lab.ts";
import { ip } from "./overlay-plan.ts";

/** a and b, each plugged into a bridge of the namespace "net". */
class Bridged extends Lab {
  readonly net: Netns = this.netns("net");
  readonly a: Netns = this.netns("a");
  readonly b: Netns = this.netns("b");
  readonly bridge: Bridge = new Bridge(this.net, { name: "br0", mtu: 1500, mac: undefined });
  readonly ports: readonly Veth[];

  constructor() {
    super();
    this.ports = [this.a, this.b].map((netns, index) => {
      const port = this.veth(this.net, `veth${index}`);
      const eth0 = this.veth(netns, "eth0");
      port.connect(eth0);
      this.bridge.addPort(port);
      netns.addAddress(eth0, ip(`10.1.0.${1 + index}`), 24);
      return port;
    });
  }

  points(): string[] {
    const { recorder } = this;
    return Array.from(recorder.order(), (hop) => {
      const { namespace, device } = recorder.pointAt(recorder.point(hop));
      return `${namespace}/${device}`;
    });
  }
}

describe("a bridge port", () => {
  test("forwards when both ends of its pair are up", () => {
    const lab = new Bridged();
    lab.b.deviceNamed("eth0")!.down();
    lab.ping(lab.a, "10.1.0.2");
    expect(lab.points()).toEqual(["a/eth0", "net/veth0", "net/br0"]);
    lab.b.deviceNamed("eth0")!.up();
    lab.run(1.1e9);
    expect(lab.points()).toContain("b/eth0");
  });

  test("of which the bridge notices late takes nothing until then (docker-28, s00)", () => {
    const lab = new Bridged();
    const eth0 = lab.b.deviceNamed("eth0")!;
    eth0.down();
    lab.node.pace.set("linkwatch.lab/net/veth1", 10e6);
    eth0.up();
    lab.ping(lab.b, "10.1.0.1");
    lab.run(5e6);
    expect(lab.steps()).toContain("dropped: BRIDGE_INGRESS_STP_STATE");
    expect(lab.points()).toEqual(["b/eth0", "net/veth1"]);
    lab.run(2e9);
    expect(lab.seen("a/eth0", "in")).toHaveLength(1);
  });

  test("that is known and not up gets nothing", () => {
    const lab = new Bridged();
    lab.ping(lab.a, "10.1.0.2");
    lab.run();
    lab.ports[1]!.down();
    lab.ping(lab.a, "10.1.0.2");
    lab.run();
    expect(lab.steps()).toContain("dropped: BRIDGE_EGRESS_STP_STATE");
  });

  test("of a bridge that is down takes nothing", () => {
    const lab = new Bridged();
    lab.bridge.down();
    lab.ping(lab.a, "10.1.0.2");
    lab.run();
    expect(lab.points()).toEqual(["a/eth0", "net/veth0"]);
    lab.bridge.up();
    lab.run(2e9);
    expect(lab.points()).toContain("b/eth0");
  });

  test("that is taken out is forgotten, with what was learned on it and its share of the bridge's address", () => {
    const lab = new Bridged();
    lab.ping(lab.a, "10.1.0.2");
    lab.run();
    const { bridge, ports } = lab;
    const { now } = lab.node.softnet;
    expect(bridge.mac).toBe(ports[0]!.mac);
    const station = lab.a.deviceNamed("eth0")!.mac;
    expect(bridge.fdb.find(station, now)).toBeDefined();
    ports[0]!.delete();
    expect(bridge.fdb.find(station, now)).toBeUndefined();
    expect(bridge.mac).toBe(ports[1]!.mac);
    expect(bridge.ports.map((port) => port.device.name)).toEqual(["veth1"]);
    bridge.delete();
    expect(ports[1]!.port).toBeUndefined();
  });
});

describe("a bridge's address", () => {
  test("is the lowest of its ports', even above the one it was made with, unless it was given one", () => {
    const lab = new Lab();
    const netns = lab.netns("net");
    const port = lab.veth(netns, "veth0");
    const low = new Bridge(netns, { name: "br0", mtu: 1500, mac: 2, hasFixedMac: false });
    low.addPort(port);
    expect(low.mac).toBe(port.mac);
    const fixed = new Bridge(netns, { name: "br1", mtu: 1500, mac: 2 });
    fixed.addPort(lab.veth(netns, "veth1"));
    expect(fixed.mac).toBe(2);
  });
});

describe("a pair whose ends take different lengths", () => {
  test("drops what the receiving end does not take, and says nothing (veth_xmit)", () => {
    const lab = new Lab();
    const a = lab.netns("a");
    const b = lab.netns("b");
    const [, end] = lab.wire(a, "10.1.0.1/24", b, "10.1.0.2/24");
    lab.ping(a, "10.1.0.2");
    lab.run();
    end.setMtu(1000);
    const before = lab.seen("b/a", "in").length;
    lab.ping(a, "10.1.0.2", 976);
    lab.ping(a, "10.1.0.2", 977);
    lab.run();
    expect(
      lab
        .seen("b/a", "in")
        .slice(before)
        .map(({ length }) => length),
    ).toEqual([1004]);
    expect(lab.steps()).toContain("dropped: PKT_TOO_BIG");
  });
});

describe("a packet of a process", () => {
  const lengths = (lab: Lab): string[] =>
    lab.seen().map(({ point, direction, offset }) => `${point} ${direction} ${offset}`);

  test("in fragments: each has arrived before the next one leaves; an answer's leave together (s05)", () => {
    const lab = new Lab();
    const a = lab.netns("a");
    const b = lab.netns("b");
    lab.wire(a, "10.1.0.1/24", b, "10.1.0.2/24");
    lab.ping(a, "10.1.0.2");
    lab.run();
    const before = lab.seen().length;
    lab.ping(a, "10.1.0.2", 2000, { pmtuDiscovery: PmtuDiscovery.dont });
    lab.run();
    expect(lengths(lab).slice(before)).toEqual([
      "a/b out 0",
      "b/a in 0",
      "a/b out 1480",
      "b/a in 1480",
      "b/a out 0",
      "b/a out 1480",
      "a/b in 0",
      "a/b in 1480",
    ]);
  });
});

describe("a checksum that is left to a device", () => {
  const send = (lab: Lab, netns: Netns, length: number): Frame => {
    const datagram = udp.encode(
      { srcPort: 9, dstPort: 9 },
      Uint8Array.from({ length }, (_, index) => index & 0xff),
    );
    const packet = ipv4.encode({ protocol: 17, srcIp: ip("10.1.0.1"), dstIp: ip("10.1.0.2") }, datagram);
    const frame = lab.frames.allocate(14 + packet.length)!;
    lab.frames.bytes.set(packet, frame.start + 14);
    fillPartialChecksum(lab.frames.view, frame.start + 14, frame.end);
    frame.csum = Checksum.partial;
    netns.ipv4.output(frame);
    lab.node.softnet.drain();
    lab.run();
    return frame;
  };
  const statusAt = (lab: Lab, point: string): number => {
    const { bytes } = lab.seen(point, "out").find(({ protocol }) => protocol === 17)!;
    const view = new DataView(bytes.buffer);
    const at = ethernet.HEADER_LENGTH + 20;
    const pseudo = ((ip("10.1.0.1") >>> 16) + (ip("10.1.0.1") & 0xffff)) * 2 + 1 + 17 + bytes.length - at;
    return udp.verifyChecksum(view, at, bytes.length, (pseudo & 0xffff) + (pseudo >>> 16));
  };
  const pair = (): { lab: Lab; a: Netns } => {
    const lab = new Lab();
    const a = lab.netns("a");
    lab.wire(a, "10.1.0.1/24", lab.netns("b"), "10.1.0.2/24");
    return { lab, a };
  };
  const { valid, partial } = { valid: 1, partial: 4 };

  test("stays as it is between virtual devices", () => {
    const { lab, a } = pair();
    send(lab, a, 20);
    expect(statusAt(lab, "a/b")).toBe(partial);
  });

  test("is completed before a device that does not do it, and before a packet is cut", () => {
    const { lab, a } = pair();
    a.deviceNamed("b")!.setOffloads({ tx: false });
    send(lab, a, 20);
    expect(statusAt(lab, "a/b")).toBe(valid);
    const other = pair();
    const frame = send(other.lab, other.a, 3000);
    expect(frame.slot).toBe(-1);
    const parts = other.lab.seen("b/a", "in").filter(({ protocol }) => protocol === 17);
    expect(parts.map(({ length }) => length)).toEqual([1500, 1500, 68]);
    // The whole was right: otherwise nobody would say that its port is closed.
    expect(other.lab.seen("a/b", "in").map(({ icmp }) => icmp)).toEqual(["3/3"]);
  });
});

describe("memory for frames", () => {
  test("big ones fit, and what is left of a big one moves to a small slot when it is written", () => {
    const { frames } = new Lab({ slots: 2, jumboSlots: 2 });
    const big = frames.allocate(65_549)!;
    expect(frames.allocate(70_000)).toBeUndefined();
    const copy = frames.clone(big);
    frames.resize(copy, 100);
    expect([big.end - big.start, copy.end - copy.start]).toEqual([65_549, 100]);
    frames.view.setUint32(big.start, 0xabcdef01);
    expect(frames.own(copy)).toBe(true);
    expect(copy.slot).not.toBe(big.slot);
    expect(frames.view.getUint32(copy.start)).toBe(0xabcdef01);
    expect(frames.available).toBe(2);
    frames.free(big);
    frames.free(copy);
    expect([frames.live, frames.available]).toEqual([0, 4]);
  });

  test("bounds are each copy's own, bytes are not", () => {
    const { frames } = new Lab();
    const frame = frames.allocate(100)!;
    const copy = frames.clone(frame);
    expect(frames.pull(copy, 40)).toBe(true);
    expect(frames.pull(copy, 61)).toBe(false);
    expect(frames.push(frame, 50)).toBe(true);
    expect(frames.push(frame, 100)).toBe(false);
    expect([frame.end - frame.start, copy.end - copy.start]).toEqual([150, 60]);
    frames.view.setUint8(copy.start, 7);
    expect(frames.view.getUint8(frame.start + 90)).toBe(7);
    expect(frames.resize(frame, 5000)).toBe(false);
  });

  test("a frame grows into a bigger slot, with what it holds", () => {
    const { frames } = new Lab({ slots: 2, jumboSlots: 1 });
    const frame = frames.allocate(100)!;
    frames.view.setUint32(frame.start + 96, 0x01020304);
    expect(frames.expand(frame, 1900)).toBe(true);
    expect(frames.expand(frame, 30_000)).toBe(true);
    expect(frames.view.getUint32(frame.start + 96)).toBe(0x01020304);
    expect([frame.end - frame.start, frames.available]).toEqual([100, 2]);
    expect(frames.expand(frames.allocate(10)!, 30_000)).toBe(false);
  });
});
