import { describe, expect, test } from "vitest";
import { Veth } from "../../src/devices/veth.ts";
import { RouteType } from "../../src/tables/route.ts";
import { machine } from "../engine/machine.ts";
import { ip } from "../engine/overlay-plan.ts";

describe("an address brings its routes (fib_add_ifaddr)", () => {
  const typesWith = (address: string, prefixLength: number, asked: readonly string[]): (RouteType | undefined)[] => {
    const netns = machine();
    netns.addAddress(new Veth(netns, { name: "eth0", mtu: 1500, mac: 2 }), ip(address), prefixLength);
    return asked.map((each) => netns.routes.find(ip(each))?.type);
  };
  const { local, unicast, broadcast } = RouteType;

  test("itself, its network, and everybody on it", () => {
    const asked = ["10.0.9.3", "10.0.9.4", "10.0.9.0", "10.0.9.255", "10.0.8.1"];
    expect(typesWith("10.0.9.3", 24, asked)).toEqual([local, unicast, unicast, broadcast, undefined]);
  });

  test("but a link of two has no address for everybody (RFC 3021), and one alone no network", () => {
    expect(typesWith("10.0.9.2", 31, ["10.0.9.2", "10.0.9.3"])).toEqual([local, unicast]);
    expect(typesWith("10.0.9.2", 32, ["10.0.9.2", "10.0.9.3"])).toEqual([local, undefined]);
  });

  test("the loopback network is local as a whole", () => {
    const { routes } = machine();
    expect(["127.0.0.1", "127.1.2.3"].map((each) => routes.find(ip(each))?.type)).toEqual([local, local]);
  });
});

test("a device talks to a network as the address that it has on it, to others as its first (inet_select_addr)", () => {
  const netns = machine();
  const eth0 = new Veth(netns, { name: "eth0", mtu: 1500, mac: 2 });
  netns.addAddress(eth0, ip("10.0.9.3"), 24);
  netns.addAddress(eth0, ip("172.18.0.3"), 16);
  expect(netns.sourceFor(eth0, ip("172.18.7.7"))).toBe(ip("172.18.0.3"));
  expect(netns.sourceFor(eth0, ip("10.0.9.4"))).toBe(ip("10.0.9.3"));
  expect(netns.sourceFor(eth0, ip("8.8.8.8"))).toBe(ip("10.0.9.3"));
});
