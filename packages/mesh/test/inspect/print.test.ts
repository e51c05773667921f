/** Text from JSON, compared with what the tools printed of the same moment (fixtures/inspect/record-linux.py). */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { AddressLinkJson, FdbJson, LinkJson, NeighborJson, RouteJson } from "../../src/inspect/iproute2.ts";
import { busyboxIfconfigLines, ifconfigLines } from "../../src/inspect/print-ifconfig.ts";
import {
  addressLines,
  briefAddressLines,
  briefLinkLines,
  busyboxLinkLines,
  linkLines,
  type LinkStatistics,
} from "../../src/inspect/print-link.ts";
import {
  arpLines,
  busyboxArpLines,
  busyboxNeighborLines,
  fdbLines,
  neighborLines,
} from "../../src/inspect/print-neighbor.ts";
import { busyboxRouteLines, kernelTableLines, routeLines } from "../../src/inspect/print-route.ts";

interface State {
  readonly "ip -d -j link": readonly LinkJson[];
  readonly "ip -j addr": readonly AddressLinkJson[];
  readonly "ip -j -4 route show table all": readonly RouteJson[];
  readonly "ip -j neigh": readonly NeighborJson[];
  readonly "bridge -j fdb": readonly FdbJson[];
}
type Fixture = Readonly<Record<string, State & Readonly<Record<string, readonly string[]>>>>;
const FIXTURE = JSON.parse(
  readFileSync(new URL("../../../../fixtures/inspect/linux-tools.json", import.meta.url), "utf8"),
) as Fixture;

/** The counters that `ip -s link` printed: JSON without `-s` has none. */
function statisticsIn(lines: readonly string[]): Map<number, LinkStatistics> {
  const found = new Map<number, LinkStatistics>();
  for (let at = 0; at + 5 < lines.length; at += 6) {
    const numbers = (line: string): number[] => line.trim().split(/\s+/).map(Number);
    const [rxBytes = 0, rxPackets = 0, , rxDropped = 0, , multicast = 0] = numbers(lines[at + 3]!);
    const [txBytes = 0, txPackets = 0, , txDropped = 0] = numbers(lines[at + 5]!);
    found.set(Number.parseInt(lines[at]!, 10), {
      rxBytes,
      rxPackets,
      rxDropped,
      multicast,
      txBytes,
      txPackets,
      txDropped,
    });
  }
  return found;
}

describe.each(Object.entries(FIXTURE))("what Linux' tools print in %s", (_, state) => {
  const links = state["ip -d -j link"];
  const addresses = state["ip -j addr"];
  const all = state["ip -j -4 route show table all"];
  const main = all.filter((route) => route.table === undefined);
  const neighbors = state["ip -j neigh"];
  const statistics = statisticsIn(state["ip -s link"]!);
  const is = (command: string, lines: readonly string[]): void => expect(lines, command).toEqual(state[command]);

  it("ip link", () => {
    is("ip link", linkLines(links));
    is("ip -o link", linkLines(links, { oneLine: true }));
    is("ip -br link", briefLinkLines(links));
    // Timers run between the two commands.
    const still = (line: string): string => line.replaceAll(/_timer +\S+/g, "_timer");
    expect(linkLines(links, { details: true }).map(still)).toEqual(state["ip -d link"]!.map(still));
    is("ip -s link", linkLines(links, { statistics }));
  });

  it("ip addr", () => {
    is("ip addr", addressLines(addresses));
    is("ip -4 addr", addressLines(addresses, { family: "inet" }));
    is("ip -o addr", addressLines(addresses, { oneLine: true }));
    is("ip -o -4 addr", addressLines(addresses, { oneLine: true, family: "inet" }));
    is("ip -br addr", briefAddressLines(addresses));
    is("ip -br -4 addr", briefAddressLines(addresses, "inet"));
  });

  it("ip route", () => {
    is("ip route", routeLines(main));
    is("ip -d route", routeLines(main, true));
    is("ip -4 route show table all", routeLines(all));
    const local = all.filter((route) => route.table === "local").map(({ table: _table, ...route }) => route);
    is("ip route show table local", routeLines(local));
    is("route -n", kernelTableLines(main, "net-tools"));
  });

  it("ip neigh and bridge fdb", () => {
    is("ip neigh", neighborLines(neighbors));
    is("arp -n", arpLines(neighbors));
    is("bridge fdb", fdbLines(state["bridge -j fdb"]));
  });

  it("ifconfig", () => is("ifconfig", ifconfigLines(addresses, { statistics })));

  it("busybox", () => {
    is("busybox ip addr", busyboxLinkLines(addresses, { addresses: true }));
    is("busybox ip -4 addr", busyboxLinkLines(addresses, { addresses: true, family: "inet" }));
    is("busybox ip -o addr", busyboxLinkLines(addresses, { addresses: true, oneLine: true }));
    is("busybox ip link", busyboxLinkLines(links));
    is("busybox ip -o link", busyboxLinkLines(links, { oneLine: true }));
    is("busybox ip route", busyboxRouteLines(main));
    is("busybox ifconfig", busyboxIfconfigLines(addresses, { statistics }));
    is("busybox route -n", kernelTableLines(main, "busybox"));
    is("busybox arp -n", busyboxArpLines(neighbors));
  });

  it("busybox ip neigh, statistics aside", () => {
    const plain = (line: string): string => line.replace(/ (?:ref \d+ )?used \S+ probes \d+/, "");
    expect(busyboxNeighborLines(neighbors).map(plain)).toEqual(state["busybox ip neigh"]!.map(plain));
  });
});

it("a device without a queue length leaves the space before it (recording s08, ip addr)", () => {
  const [lo] = Object.values(FIXTURE)[0]!["ip -j addr"];
  const { txqlen: _, ...bare } = lo!;
  expect(addressLines([bare])[0]).toBe(
    "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default ",
  );
});
