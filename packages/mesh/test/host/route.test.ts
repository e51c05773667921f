/** Which way packets go, and when that is asked anew: Linux net/ipv4/route.c, fib_frontend.c. */
import { describe, expect, test } from "vitest";
import { Veth } from "../../src/devices/veth.ts";
import { DstInput } from "../../src/host/route.ts";
import type { Netns } from "../../src/netns.ts";
import { RouteType } from "../../src/tables/route.ts";
import { Lab } from "../engine/lab.ts";
import { ip } from "../engine/overlay-plan.ts";

function host(): { lab: Lab; a: Netns; b: Netns } {
  const lab = new Lab();
  const a = lab.netns("a");
  const b = lab.netns("b");
  lab.wire(a, "10.1.0.1/24", b, "10.1.0.2/24");
  return { lab, a, b };
}

/** `device source nextHop type` */
function way(a: Netns, dstIp: string, srcIp: number = 0, device?: string): string | undefined {
  const found = a.ipv4.lookup(ip(dstIp), srcIp, device === undefined ? undefined : a.deviceNamed(device));
  if (found === undefined) return undefined;
  const types = Object.keys(RouteType);
  const text = (address: number): string => [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");
  return `${found.device.name} ${text(found.source)} ${text(found.nextHop)} ${types[found.type]}`;
}

describe("what a host sends", () => {
  test("to a neighbor, to itself, to everybody, and to nowhere", () => {
    const { a } = host();
    expect(way(a, "10.1.0.2")).toBe("b 10.1.0.1 10.1.0.2 unicast");
    expect(way(a, "10.1.0.1")).toBe("lo 10.1.0.1 10.1.0.1 local");
    expect(way(a, "127.0.0.5")).toBe("lo 127.0.0.1 127.0.0.5 local");
    expect(way(a, "10.1.0.255")).toBe("b 10.1.0.1 10.1.0.255 broadcast");
    expect(way(a, "8.8.8.8")).toBeUndefined();
    expect(way(a, "255.255.255.255")).toBeUndefined();
    expect(way(a, "0.0.0.0")).toBe("lo 127.0.0.1 127.0.0.1 local");
    expect(way(a, "0.0.0.0", ip("10.1.0.1"))).toBe("lo 10.1.0.1 10.1.0.1 local");
  });

  test("by a gateway, with the address of that way or the one it asks for", () => {
    const { a } = host();
    const index = a.deviceNamed("b")!.index;
    const all = {
      type: RouteType.unicast,
      destination: 0,
      prefixLength: 0,
      via: ip("10.1.0.2"),
      device: index,
      source: 0,
    };
    a.routes.add(all);
    expect(way(a, "8.8.8.8")).toBe("b 10.1.0.1 10.1.0.2 unicast");
    expect(way(a, "8.8.8.8", ip("10.1.0.77"))).toBe("b 10.1.0.77 10.1.0.2 unicast");
    expect(way(a, "255.255.255.255")).toBe("b 10.1.0.1 255.255.255.255 broadcast");
    // A group behind the default route is on the link.
    expect(way(a, "239.1.1.1")).toBe("b 10.1.0.1 239.1.1.1 multicast");
    a.routes.replace({ ...all, source: ip("10.1.0.9"), mtu: 900 });
    expect(way(a, "8.8.8.8")).toBe("b 10.1.0.9 10.1.0.2 unicast");
    expect(a.ipv4.lookup(ip("8.8.8.8"))!.mtu).toBe(900);
    a.routes.delete({ destination: 0, prefixLength: 0 });
    a.routes.add({ ...all, type: RouteType.unreachable });
    expect(way(a, "8.8.8.8")).toBeUndefined();
  });

  test("by a device that it is bound to, whatever the routes say", () => {
    const { a } = host();
    expect(way(a, "8.8.8.8", 0, "b")).toBe("b 10.1.0.1 8.8.8.8 unicast");
    expect(way(a, "224.0.0.5", 0, "b")).toBe("b 10.1.0.1 224.0.0.5 multicast");
    expect(way(a, "239.1.1.1", 0, "b")).toBe("b 10.1.0.1 239.1.1.1 multicast");
    expect(way(a, "255.255.255.255", 0, "b")).toBe("b 10.1.0.1 255.255.255.255 broadcast");
    a.deviceNamed("b")!.down();
    expect(way(a, "8.8.8.8", 0, "b")).toBeUndefined();
  });

  test("not from a loopback address out of the machine, nor from a group", () => {
    const { a } = host();
    expect(way(a, "10.1.0.2", ip("127.0.0.1"))).toBeUndefined();
    expect(way(a, "10.1.0.2", ip("224.0.0.1"))).toBeUndefined();
  });
});

describe("a decision", () => {
  test("is made once", () => {
    const { a } = host();
    const first = a.ipv4.lookup(ip("10.1.0.2"));
    expect(a.ipv4.lookup(ip("10.1.0.2"))).toBe(first);
    expect(a.ipv4.lookup(ip("10.1.0.3"))).not.toBe(first);
    const device = a.deviceNamed("b")!;
    expect(a.ipv4.routing.input(device, ip("10.1.0.2"), ip("10.1.0.1"))).toBe(
      a.ipv4.routing.input(device, ip("10.1.0.2"), ip("10.1.0.1")),
    );
  });

  test("holds until a route, an address, an MTU or a device changes", () => {
    const { a } = host();
    const device = a.deviceNamed("b")!;
    const changes: (() => void)[] = [
      () => device.setMtu(1400),
      () => a.addAddress(device, ip("10.9.0.1"), 24),
      () => a.removeAddress(device, ip("10.9.0.1"), 24),
      () => device.down(),
      () => device.up(),
      () => a.igmp.join(device, ip("239.1.1.1")),
    ];
    for (const change of changes) {
      const dst = a.ipv4.lookup(ip("10.1.0.1"))!;
      expect(a.ipv4.routing.isValid(dst)).toBe(true);
      change();
      expect(a.ipv4.routing.isValid(dst)).toBe(false);
    }
    expect(a.ipv4.lookup(ip("10.1.0.2"))!.mtu).toBe(1400);
  });

  test("of which there are too many are forgotten, and made again", () => {
    const { a } = host();
    const dst = a.ipv4.lookup(ip("10.1.0.2"));
    for (let address = 0; address < 10_000; address++) a.ipv4.lookup(ip("10.1.0.2"), ip("10.1.0.1") + address);
    expect(a.ipv4.lookup(ip("10.1.0.2"))).not.toBe(dst);
    expect(way(a, "10.1.0.2")).toBe("b 10.1.0.1 10.1.0.2 unicast");
  });
});

describe("a device that goes down", () => {
  test("takes its routes and neighbors along, not its addresses; coming up brings the routes back", () => {
    const { lab, a } = host();
    const device = a.deviceNamed("b")!;
    lab.ping(a, "10.1.0.2");
    lab.run();
    expect(a.arp.neighbors.find(device.index, ip("10.1.0.2"))).toBeDefined();
    a.routes.add({ type: 0, destination: 0, prefixLength: 0, via: ip("10.1.0.2"), device: device.index, source: 0 });
    device.down();
    expect(way(a, "10.1.0.2")).toBeUndefined();
    expect(a.arp.neighbors.find(device.index, ip("10.1.0.2"))).toBeUndefined();
    expect(way(a, "10.1.0.1")).toBe("lo 10.1.0.1 10.1.0.1 local");
    device.up();
    expect(way(a, "10.1.0.2")).toBe("b 10.1.0.1 10.1.0.2 unicast");
    // What somebody had added is gone for good.
    expect(way(a, "8.8.8.8")).toBeUndefined();
    lab.ping(a, "10.1.0.2");
    lab.run();
    expect(lab.seen("a/b", "in").at(-1)).toMatchObject({ icmp: "0/0" });
  });

  test("ends what waits for a neighbor, and what comes later", () => {
    const { lab, a, b } = host();
    lab.ping(a, "10.1.0.77");
    expect(lab.frames.live).toBe(1);
    a.deviceNamed("b")!.down();
    expect(lab.frames.live).toBe(0);
    lab.ping(b, "10.1.0.1");
    lab.run(5e9);
    expect(lab.steps()).toContain("dropped: DEV_READY");
    expect(lab.frames.live).toBe(0);
  });
});

describe("an address that is removed", () => {
  test("takes along what it brought, and what was to be sent from it", () => {
    const { a } = host();
    const device = a.deviceNamed("b")!;
    a.routes.add({
      type: 0,
      destination: 0,
      prefixLength: 0,
      via: ip("10.1.0.2"),
      device: device.index,
      source: ip("10.1.0.1"),
    });
    expect(a.removeAddress(device, ip("10.1.0.1"), 25)).toBe(false);
    expect(a.removeAddress(device, ip("10.1.0.1"), 24)).toBe(true);
    expect(a.routes.main).toEqual([]);
    expect(a.isLocal(ip("10.1.0.1"))).toBe(false);
    expect(a.hasAddress(ip("10.1.0.1"))).toBe(false);
    expect(a.routes.local.every((route) => route.device === a.loopback.index)).toBe(true);
  });

  test("leaves a network that another address is on", () => {
    const { a } = host();
    const device = a.deviceNamed("b")!;
    a.addAddress(device, ip("10.1.0.7"), 24);
    a.removeAddress(device, ip("10.1.0.1"), 24);
    expect(way(a, "10.1.0.2")).toBe("b 10.1.0.7 10.1.0.2 unicast");
    expect(way(a, "10.1.0.255")).toBe("b 10.1.0.7 10.1.0.255 broadcast");
  });
});

describe("a device that is deleted", () => {
  test("is gone, with its addresses, its routes, and the other end of its pair", () => {
    const { a, b } = host();
    const device = a.deviceNamed("b")!;
    const { index } = device;
    device.delete();
    expect([a.deviceNamed("b"), b.deviceNamed("a"), a.deviceAt(index)]).toEqual([undefined, undefined, undefined]);
    expect(a.addresses).toHaveLength(1);
    expect(a.routes.main).toEqual([]);
    expect(way(a, "10.1.0.2")).toBeUndefined();
  });

  test("ends what was on its way to it", () => {
    const { lab, a, b } = host();
    lab.node.softnet.isInProcess = false;
    a.icmp.sendEcho(
      { dstIp: ip("10.1.0.2"), identifier: 1, dataLength: 8, ttl: 64, tos: 0, pmtuDiscovery: 0, fill() {} },
      1,
    );
    b.deviceNamed("a")!.delete();
    lab.run(5e9);
    expect(lab.frames.live).toBe(0);
    expect(lab.steps()).toContain("dropped: DEV_READY");
  });

  test("goes with its namespace", () => {
    const { lab, a, b } = host();
    a.delete();
    a.delete();
    expect(lab.node.namespaces.get("a")).toBeUndefined();
    expect(b.deviceNamed("a")).toBeUndefined();
  });
});

describe("interface numbers", () => {
  test("come from the machine's own namespace, from the one a device was made in, and are not used twice", () => {
    const lab = new Lab();
    const hostNetns = lab.netns("host");
    const c = lab.netns("c");
    const first = lab.veth(hostNetns, "eth0");
    const second = lab.veth(c, "eth0");
    const third = lab.veth(hostNetns, "docker0");
    expect([hostNetns.loopback, first, second, third, c.loopback].map(({ index }) => index)).toEqual([1, 2, 3, 4, 1]);
    const inside = lab.netns("d");
    const born = new Veth(inside, { name: "eth0", mtu: 1500, mac: 9, madeIn: inside });
    expect(born.index).toBe(2);
    first.delete();
    expect(lab.veth(hostNetns, "eth1").index).toBe(5);
  });
});

describe("what arrives", () => {
  const { deliver, forward, refuse, unreachable } = DstInput;
  test.each([
    ["10.1.0.2", "10.1.0.1", deliver, deliver],
    ["10.1.0.2", "10.1.0.255", deliver, deliver],
    ["10.1.0.2", "255.255.255.255", deliver, deliver],
    ["0.0.0.0", "255.255.255.255", deliver, deliver],
    ["0.0.0.0", "0.0.0.0", deliver, deliver],
    ["10.1.0.2", "224.0.0.1", deliver, deliver],
    ["0.0.0.0", "224.0.0.1", deliver, deliver],
    ["10.1.0.2", "239.1.1.1", refuse, refuse],
    ["10.1.0.2", "10.1.0.9", unreachable, forward],
    ["10.1.0.2", "8.8.8.8", unreachable, unreachable],
    ["10.1.0.1", "10.1.0.1", refuse, refuse],
    ["10.1.0.1", "10.1.0.255", refuse, refuse],
    ["10.1.0.1", "224.0.0.1", refuse, refuse],
    ["10.1.0.1", "10.1.0.9", unreachable, refuse],
    ["127.0.0.1", "10.1.0.1", refuse, refuse],
    ["224.0.0.1", "10.1.0.1", refuse, refuse],
  ])("from %s to %s", (srcIp, dstIp, asHost, asRouter) => {
    const { a } = host();
    const device = a.deviceNamed("b")!;
    expect(a.ipv4.routing.input(device, ip(srcIp), ip(dstIp)).input).toBe(asHost);
    a.forwarding = true;
    expect(a.ipv4.routing.input(device, ip(srcIp), ip(dstIp)).input).toBe(asRouter);
  });
});
