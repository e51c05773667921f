/**
 * No frame is lost silently: whatever happens to the network meanwhile, every frame is delivered, dropped with a reason,
 * or waits for something that has an end.
 */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Bridge } from "../../src/devices/bridge.ts";
import type { NetDevice } from "../../src/device.ts";
import { PmtuDiscovery } from "../../src/host/ipv4.ts";
import type { Netns } from "../../src/netns.ts";
import { RouteType } from "../../src/tables/route.ts";
import { Ledger } from "./injection.ts";
import { Lab } from "./lab.ts";
import { ip } from "./overlay-plan.ts";

/** c1, c2 on a bridge of the router r, which leads to far by a link of 1000 bytes. */
class Network extends Lab {
  readonly r: Netns = this.netns("r", true);
  readonly hosts: readonly Netns[] = ["c1", "c2", "far"].map((name) => this.netns(name));
  readonly ledger: Ledger;

  constructor() {
    super({ slots: 512, jumboSlots: 32 });
    const bridge = new Bridge(this.r, { name: "br0", mtu: 1500, mac: 0x02aaaaaaaaaa });
    this.r.addAddress(bridge, ip("10.1.0.1"), 24);
    for (const [index, host] of this.hosts.slice(0, 2).entries()) {
      const port = this.veth(this.r, `v${index}`);
      const eth0 = this.veth(host, "eth0");
      port.connect(eth0);
      bridge.addPort(port);
      host.addAddress(eth0, ip(`10.1.0.${2 + index}`), 24);
      this.#defaultRoute(host, "10.1.0.1", eth0);
    }
    const [, eth0] = this.wire(this.r, "10.2.0.1/24", this.hosts[2]!, "10.2.0.2/24", 1000);
    this.#defaultRoute(this.hosts[2]!, "10.2.0.1", eth0);
    this.ledger = new Ledger({
      frames: this.frames,
      recorder: this.recorder,
      nodes: new Map([["lab", this.node]]),
    } as never);
  }

  #defaultRoute(netns: Netns, via: string, device: NetDevice): void {
    const route = {
      type: RouteType.unicast,
      destination: 0,
      prefixLength: 0,
      via: ip(via),
      device: device.index,
      source: 0,
    };
    netns.routes.add(route);
  }

  get devices(): readonly NetDevice[] {
    return [...this.node.namespaces.values()].flatMap((netns) => netns.devices.slice(1));
  }
}

const destination = fc.constantFrom(
  ...["10.1.0.1", "10.1.0.2", "10.1.0.3", "10.1.0.9", "10.1.0.255", "10.2.0.2", "10.2.0.9", "8.8.8.8", "127.0.0.1"],
  ...["255.255.255.255", "224.0.0.1", "239.1.1.1"],
);

type Action = (network: Network) => void;

const ping = fc
  .record({
    host: fc.nat({ max: 2 }),
    dstIp: destination,
    length: fc.constantFrom(0, 56, 900, 1400, 4000, 20_000, 65_000),
    pmtuDiscovery: fc.constantFrom(PmtuDiscovery.dont, PmtuDiscovery.want, PmtuDiscovery.do),
    ttl: fc.constantFrom(1, 2, 64),
    isTakenUp: fc.boolean(),
  })
  .map(
    ({ host, dstIp, length, pmtuDiscovery, ttl, isTakenUp }): Action =>
      (network) => {
        const netns = network.hosts[host]!;
        if (!netns.isDeleted) network.ping(netns, dstIp, length, { pmtuDiscovery, ttl }, isTakenUp);
      },
  );

const change = fc.record({ kind: fc.nat({ max: 6 }), which: fc.nat(), amount: fc.nat() }).map(
  ({ kind, which, amount }): Action =>
    (network) => {
      const { devices } = network;
      const device = devices[which % Math.max(1, devices.length)];
      if (device === undefined) return;
      const { netns } = device;
      switch (kind) {
        case 0:
          return device.down();
        case 1:
          return device.up();
        case 2:
          return device.setMtu(600 + (amount % 1000));
        case 3:
          return device.delete();
        case 4: {
          const address = netns.addresses[amount % netns.addresses.length];
          if (address !== undefined) netns.removeAddress(address.device, address.ip, address.prefixLength);
          return;
        }
        case 5:
          return netns.igmp.join(device, ip("239.1.1.1"));
        default:
          if (netns !== network.r) netns.delete();
      }
    },
);

const wait = fc.constantFrom(1000, 1e6, 1e9, 6e9).map(
  (ns): Action =>
    (network) =>
      network.run(ns),
);

const actions = fc.array(
  fc.oneof({ weight: 5, arbitrary: ping }, { weight: 2, arbitrary: change }, { weight: 2, arbitrary: wait }),
  {
    minLength: 1,
    maxLength: 20,
  },
);

function watch(list: readonly Action[], spare: number): void {
  const network = new Network();
  const hoarded = Math.max(0, network.frames.available - spare);
  for (let count = 0; count < hoarded; count++) network.frames.allocate(10);
  for (const action of list) action(network);
  network.run(1);
  expect(network.frames.live - hoarded).toBeGreaterThanOrEqual(network.ledger.waiting());
  // By then all is given up that nobody answers for, or that is not whole.
  network.run(70e9);
  expect(network.ledger.complaints).toEqual([]);
  expect(network.ledger.reportedDrops()).toBe(network.ledger.drops);
  expect(network.frames.live).toBe(hoarded);
  expect(network.frames.slots - network.frames.available).toBe(hoarded);
}

describe("frames of a network that changes", () => {
  test("are delivered, dropped with a reason, or wait for something that has an end", () => {
    fc.assert(
      fc.property(actions, (list) => watch(list, Number.POSITIVE_INFINITY)),
      { numRuns: 150 },
    );
  });

  test("also when memory is used up", () => {
    fc.assert(fc.property(actions, fc.nat({ max: 12 }), watch), { numRuns: 100 });
  });
});
