/** A namespace's neighbor tables and forwarding databases as `ip -j -s neigh` and `bridge -j -s fdb` print them. */
import { formatIpv4, formatMac } from "@hopscope/codec/address";
import { Bridge } from "../devices/bridge.ts";
import { Loopback } from "../devices/loopback.ts";
import { VxlanDevice } from "../devices/vxlan.ts";
import type { NetDevice } from "../device.ts";
import type { Netns } from "../netns.ts";
import { isValid, type Neighbor, NeighborState } from "../tables/neighbor.ts";
import type { FdbJson, NeighborJson } from "./iproute2.ts";

const SECOND = 1_000_000_000;
/** Groups of every device that is up (all hosts), and of a bridge that snoops (all routers, too); IPv6's alike. */
const GROUPS: readonly string[] = ["33:33:00:00:00:01", "01:00:5e:00:00:01"];
const BRIDGE_GROUPS: readonly string[] = [
  "33:33:00:00:00:01",
  "01:00:5e:00:00:6a",
  "33:33:00:00:00:6a",
  "01:00:5e:00:00:01",
];

const STATE_NAMES: Readonly<Record<NeighborState, string>> = {
  [NeighborState.none]: "NONE",
  [NeighborState.incomplete]: "INCOMPLETE",
  [NeighborState.reachable]: "REACHABLE",
  [NeighborState.stale]: "STALE",
  [NeighborState.delay]: "DELAY",
  [NeighborState.probe]: "PROBE",
  [NeighborState.failed]: "FAILED",
  [NeighborState.permanent]: "PERMANENT",
};

/**
 * `ip -j -s neigh`. The kernel prints its hash table, in an order that chance decides; here the oldest entry is first.
 */
export function neighborsOf(netns: Netns, now: number): NeighborJson[] {
  const found: NeighborJson[] = [];
  for (const entry of netns.arp.neighbors.entries()) found.push(neighborJson(netns, entry, now));
  for (const device of netns.devices) {
    if (!(device instanceof VxlanDevice)) continue;
    // What libnetwork writes for each remote endpoint.
    for (const { ip } of device.peers.entries(device.vtep, netns.node.softnet.now)) {
      const mac = device.peerMac(ip, netns.node.softnet.now);
      if (mac === undefined) continue;
      found.push({ dst: formatIpv4(ip), dev: device.name, lladdr: formatMac(mac), state: ["PERMANENT"] });
    }
  }
  return found;
}

function neighborJson(netns: Netns, entry: Neighbor, now: number): NeighborJson {
  const ago = (time: number): number => Math.max(0, Math.floor((now - time) / SECOND));
  return {
    dst: formatIpv4(entry.ip),
    dev: netns.deviceAt(entry.device).name,
    ...(isValid(entry.state) ? { lladdr: formatMac(entry.mac) } : {}),
    // Its timer holds an entry.
    ...(entry.timerAt === Number.POSITIVE_INFINITY ? {} : { refcnt: 1 }),
    used: ago(entry.usedAt),
    confirmed: entry.confirmedAt === Number.NEGATIVE_INFINITY ? ago(entry.updatedAt) : ago(entry.confirmedAt),
    updated: ago(entry.updatedAt),
    probes: entry.probes,
    state: [STATE_NAMES[entry.state]],
  };
}

/**
 * `bridge -j -s fdb`: device by device what its bridge knows to be behind it, then what is its own, each the newest
 * first (rtnl_fdb_dump, br_fdb_dump, vxlan_fdb_dump).
 */
export function fdbOf(netns: Netns, now: number): FdbJson[] {
  return netns.devices
    .toSorted((a, b) => a.index - b.index)
    .flatMap((device) => {
      const bridge = device instanceof Bridge ? device : device.port?.bridge;
      const behind = bridge === undefined ? [] : bridgeEntries(bridge, device, now);
      const own = ownEntries(device, now);
      return device instanceof Bridge ? [...own, ...behind] : [...behind, ...own];
    });
}

function bridgeEntries(bridge: Bridge, device: NetDevice, now: number): FdbJson[] {
  const number = device.port?.number ?? 0;
  const found: FdbJson[] = [];
  for (const [mac, { port, isStatic, isLocal, updatedAt }] of bridge.fdb.entries()) {
    if (port !== number || bridge.fdb.find(mac, now) === undefined) continue;
    const ago = Math.floor((now - updatedAt) / SECOND);
    found.push({
      mac: formatMac(mac),
      ifname: device.name,
      used: ago,
      updated: ago,
      flags: [],
      master: bridge.name,
      state: isLocal ? "permanent" : isStatic ? "static" : "",
    });
  }
  return found.toReversed();
}

function ownEntries(device: NetDevice, now: number): FdbJson[] {
  if (device instanceof Loopback || !device.isUp) return [];
  if (device instanceof VxlanDevice) {
    const entries = Array.from(device.fdb.entries(now), ({ mac, vtep, isPermanent }) => ({
      mac: formatMac(mac),
      ifname: device.name,
      dst: formatIpv4(vtep),
      linkNetNsId: 0,
      flags: ["self"],
      state: isPermanent ? "permanent" : "",
    }));
    return entries.toReversed();
  }
  const groups = device instanceof Bridge ? BRIDGE_GROUPS : GROUPS;
  return groups.map((mac) => ({ mac, ifname: device.name, flags: ["self"], state: "permanent" }));
}
