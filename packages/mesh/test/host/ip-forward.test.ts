/** A router between two hosts: Linux net/ipv4/ip_forward.c, and the errors it sends. */
import * as ethernet from "@hopscope/codec/ethernet";
import * as icmp from "@hopscope/codec/icmp";
import * as ipv4 from "@hopscope/codec/ipv4";
import { describe, expect, test } from "vitest";
import { PmtuDiscovery } from "../../src/host/ipv4.ts";
import type { Netns } from "../../src/netns.ts";
import { RouteType } from "../../src/tables/route.ts";
import { Lab, type Seen } from "../engine/lab.ts";
import { ip } from "../engine/overlay-plan.ts";

/** a (10.1.0.2) - r (10.1.0.1, 10.2.0.1) - b (10.2.0.2); `mtu` is that of the second link. */
class Routed extends Lab {
  readonly a: Netns = this.netns("a");
  readonly r: Netns = this.netns("r", true);
  readonly b: Netns = this.netns("b");

  constructor(mtu: number = 1500) {
    super();
    this.wire(this.a, "10.1.0.2/24", this.r, "10.1.0.1/24");
    this.wire(this.r, "10.2.0.1/24", this.b, "10.2.0.2/24", mtu);
    this.defaultRoute(this.a, "10.1.0.1");
    this.defaultRoute(this.b, "10.2.0.1");
  }

  defaultRoute(netns: Netns, via: string): void {
    const device = netns.deviceNamed("r")!;
    const route = { type: RouteType.unicast, destination: 0, prefixLength: 0, via: ip(via), device: device.index };
    netns.routes.add({ ...route, source: 0 });
  }
}

const quoted = ({ bytes }: Seen): DataView =>
  new DataView(bytes.buffer, ethernet.HEADER_LENGTH + ipv4.HEADER_LENGTH + icmp.HEADER_LENGTH);

describe("a router", () => {
  test("passes packets on with one less to live, and changes nothing else", () => {
    const lab = new Routed();
    expect(lab.ping(lab.a, "10.2.0.2")).toBe(0);
    lab.run();
    const way = lab.seen().map(({ point, direction, ttl, icmp }) => `${point} ${direction} ${ttl} ${icmp}`);
    expect(way).toEqual([
      "a/r out 64 8/0",
      "r/a in 64 8/0",
      "r/b out 63 8/0",
      "b/r in 63 8/0",
      "b/r out 64 0/0",
      "r/b in 64 0/0",
      "r/a out 63 0/0",
      "a/r in 63 0/0",
    ]);
    const [sent, , forwarded] = lab.seen();
    expect(ipv4.isChecksumValid(new DataView(forwarded!.bytes.buffer), ethernet.HEADER_LENGTH)).toBe(true);
    expect({ ...forwarded, point: "", ttl: 0, steps: [], bytes: 0 }).toEqual({
      ...sent,
      point: "",
      ttl: 0,
      steps: [],
      bytes: 0,
    });
    expect([...forwarded!.bytes.subarray(34)]).toEqual([...sent!.bytes.subarray(34)]);
    expect(lab.frames.live).toBe(0);
  });

  test("says so when a packet has lived too long, as the host that it is on that link", () => {
    const lab = new Routed();
    lab.ping(lab.a, "10.2.0.2", 56, { ttl: 1, tos: 0xb9 });
    lab.run();
    const error = lab.seen("a/r", "in")[0]!;
    expect(error).toMatchObject({ srcIp: "10.1.0.1", dstIp: "10.1.0.2", icmp: "11/0", ttl: 64, tos: 0xd8, df: false });
    expect(error.length).toBe(20 + 8 + 84);
    // As it came, not as it would have gone on.
    expect(ipv4.ttl(quoted(error), 0)).toBe(1);
    expect(lab.seen("r/b")).toEqual([]);
    expect(lab.steps()).toContain("dropped: IP_INHDR");
  });

  test("says so when it knows no way", () => {
    const lab = new Routed();
    lab.ping(lab.a, "203.0.113.5");
    lab.run();
    expect(lab.seen("a/r", "in")[0]).toMatchObject({ srcIp: "10.1.0.1", icmp: "3/0", tos: 0xc0, length: 112 });
    expect(lab.steps()).toContain("dropped: IP_INNOROUTES");
  });

  test("but not about every packet: five at once, then one in two seconds", () => {
    const lab = new Routed();
    for (let count = 0; count < 10; count++) lab.ping(lab.a, "203.0.113.5");
    lab.run();
    // Each costs two of what a peer has: once as an error, once as a route error.
    expect(lab.seen("a/r", "in")).toHaveLength(2);
    lab.run(2e9);
    lab.ping(lab.a, "203.0.113.5");
    lab.run();
    expect(lab.seen("a/r", "in")).toHaveLength(3);
    expect(lab.steps().filter((step) => step === "dropped: IP_INNOROUTES")).toHaveLength(11);
  });

  test("says so when the neighbor does not answer, and the sender hears of it", () => {
    const lab = new Routed();
    const heard: number[] = [];
    lab.a.icmp.listen(7, { echoReply: () => {}, error: (_ip, at) => heard.push(icmp.code(lab.frames.view, at)) });
    lab.ping(lab.a, "10.2.0.9");
    lab.run(4e9);
    expect(lab.seen("a/r", "in")[0]).toMatchObject({ srcIp: "10.1.0.1", icmp: "3/1" });
    expect(heard).toEqual([icmp.UnreachableCode.host]);
    expect(lab.frames.live).toBe(0);
  });

  test("refuses to forward what was for everybody on the link, and what comes from nowhere", () => {
    const lab = new Routed();
    const { b } = lab;
    lab.ping(lab.a, "10.2.0.255");
    lab.run();
    expect(lab.seen("r/b", "out")).toEqual([]);
    expect(b.routes.find(ip("10.2.0.255"))?.type).toBe(RouteType.broadcast);
  });

  test("without forwarding drops it in silence", () => {
    const lab = new Routed();
    lab.r.forwarding = false;
    lab.ping(lab.a, "10.2.0.2");
    lab.run();
    expect(lab.seen().map(({ point }) => point)).toEqual(["a/r", "r/a"]);
    expect(lab.steps()).toContain("dropped: IP_INADDRERRORS");
  });

  test("obeys routes that lead nowhere", () => {
    for (const [type, code, reason] of [
      [RouteType.unreachable, "3/1", "IP_INADDRERRORS"],
      [RouteType.prohibit, "3/13", "IP_INADDRERRORS"],
      [RouteType.blackhole, undefined, "IP_INNOROUTES"],
    ] as const) {
      const lab = new Routed();
      lab.r.routes.add({ type, destination: ip("10.3.0.0"), prefixLength: 16, via: undefined, device: 1, source: 0 });
      lab.ping(lab.a, "10.3.0.1");
      lab.run();
      expect(lab.seen("a/r", "in")[0]?.icmp).toBe(code);
      expect(lab.steps()).toContain(`dropped: ${reason}`);
    }
  });
});

describe("a link that takes less", () => {
  test("a packet that may be cut is cut, by the router", () => {
    const lab = new Routed(1000);
    lab.ping(lab.a, "10.2.0.2", 1400, { pmtuDiscovery: PmtuDiscovery.dont });
    lab.run();
    const parts = lab.seen("b/r", "in").map(({ id, mf, offset, length, df }) => ({ id, mf, offset, length, df }));
    const { id } = parts[0]!;
    expect(parts).toEqual([
      { id, mf: true, offset: 0, length: 996, df: false },
      { id, mf: false, offset: 976, length: 452, df: false },
    ]);
    // Put together, answered, and the answer cut by its sender.
    expect(lab.seen("a/r", "in").map(({ length, icmp }) => [length, icmp])).toEqual([
      [996, "0/0"],
      [452, ""],
    ]);
    expect(lab.frames.live).toBe(0);
  });

  test("a packet that may not is refused with the link's MTU, which its sender remembers for ten minutes", () => {
    const lab = new Routed(1000);
    expect(lab.ping(lab.a, "10.2.0.2", 1400)).toBe(0);
    lab.run();
    const error = lab.seen("a/r", "in")[0]!;
    expect(error).toMatchObject({ srcIp: "10.1.0.1", icmp: "3/4", length: 576 });
    expect(new DataView(error.bytes.buffer).getUint16(34 + 6)).toBe(1000);
    expect(lab.steps()).toContain("dropped: PKT_TOO_BIG");
    const { a } = lab;
    const dst = a.ipv4.lookup(ip("10.2.0.2"))!;
    const { now } = lab.node.softnet;
    expect(a.ipv4.mtuOf(dst, now)).toBe(1000);
    expect(dst.mtu).toBe(1500);
    // Others are as far away as before.
    expect(a.ipv4.mtuOf(a.ipv4.lookup(ip("10.2.0.3"))!, now)).toBe(1500);
    // Who lets nobody cut is told at once; who wants to know the MTU cuts by it.
    expect(lab.ping(a, "10.2.0.2", 1400, { pmtuDiscovery: PmtuDiscovery.do })).toBe(2);
    const before = lab.seen("a/r", "out").length;
    lab.ping(a, "10.2.0.2", 1400);
    lab.run();
    expect(
      lab
        .seen("a/r", "out")
        .slice(before)
        .map(({ length, df }) => [length, df]),
    ).toEqual([
      [996, false],
      [452, false],
    ]);
    expect(a.ipv4.mtuOf(dst, now + 601e9)).toBe(1500);
  });

  test("less than 552 bytes nobody believes: packets may be cut on their way instead", () => {
    const lab = new Routed(300);
    lab.ping(lab.a, "10.2.0.2", 1000);
    lab.run();
    const { a } = lab;
    const { now } = lab.node.softnet;
    expect(a.ipv4.mtuOf(a.ipv4.lookup(ip("10.2.0.2"))!, now)).toBe(552);
    const before = lab.seen("a/r", "out").length;
    lab.ping(a, "10.2.0.2", 300);
    lab.run();
    expect(lab.seen("a/r", "out")[before]).toMatchObject({ length: 328, df: false, mf: false });
    expect(lab.seen("b/r", "in").at(-1)).toMatchObject({ offset: 280, mf: false });
  });
});

describe("an error is not sent", () => {
  const silent = (send: (lab: Routed) => void): void => {
    const lab = new Routed();
    send(lab);
    lab.run(5e9);
    expect(lab.seen("a/r", "in")).toEqual([]);
    expect(lab.frames.live).toBe(0);
  };
  const inject = (lab: Routed, packet: Uint8Array, group: boolean = false): void => {
    const device = lab.r.deviceNamed("a")!;
    const dstMac = group ? 0xffffffffffff : device.mac;
    const bytes = ethernet.encode({ srcMac: lab.a.deviceNamed("r")!.mac, dstMac, etherType: 0x0800 }, packet);
    const frame = lab.frames.allocate(bytes.length)!;
    lab.frames.bytes.set(bytes, frame.start);
    device.receive(frame);
  };
  const nowhere = { srcIp: ip("10.1.0.2"), dstIp: ip("203.0.113.5") };

  test("about an error", () => {
    const about = icmp.encode({ kind: "unreachable", type: 3, code: 1, nextHopMtu: 0 }, new Uint8Array(28));
    silent((lab) => inject(lab, ipv4.encode({ ...nowhere, protocol: 1 }, about)));
  });

  test("about ICMP of a type that may be one", () => {
    silent((lab) =>
      inject(lab, ipv4.encode({ ...nowhere, protocol: 1 }, Uint8Array.of(42, 0, 0xd5, 0xff, 0, 0, 0, 0))),
    );
  });

  test("about a later fragment", () => {
    const packet = ipv4.encode({ ...nowhere, protocol: 17 }, new Uint8Array(16));
    const view = new DataView(packet.buffer, packet.byteOffset);
    ipv4.setFlagsAndFragmentOffset(view, 0, 4);
    ipv4.fillChecksum(view, 0);
    silent((lab) => inject(lab, packet));
  });

  test("about what was for several", () => {
    silent((lab) => inject(lab, ipv4.encode({ ...nowhere, protocol: 17 }, new Uint8Array(16)), true));
  });

  test("though it is about the first fragment", () => {
    const packet = ipv4.encode({ ...nowhere, protocol: 17 }, new Uint8Array(16));
    const view = new DataView(packet.buffer, packet.byteOffset);
    ipv4.setFlagsAndFragmentOffset(view, 0, ipv4.MORE_FRAGMENTS);
    ipv4.fillChecksum(view, 0);
    const lab = new Routed();
    inject(lab, packet);
    lab.run();
    expect(lab.seen("a/r", "in")[0]).toMatchObject({ icmp: "3/0" });
  });
});
