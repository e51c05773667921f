/** Lets go wrong in a mesh what a scenario's `fault` says, and makes it right again. */
import type { Mesh } from "./build.ts";
import { NicFaults } from "./devices/fault.ts";
import { Nic } from "./devices/nic.ts";
import { VxlanDevice } from "./devices/vxlan.ts";
import { namespaceAt } from "./namespace-at.ts";
import type { Netns } from "./netns.ts";
import { UsageError } from "./program/program.ts";
import type { Fault } from "./scenario/step.ts";
import { NeighborState } from "./tables/neighbor.ts";

/** Throws a {@link UsageError} if there is not what is to go wrong. */
export function applyFault(mesh: Mesh, fault: Fault): void {
  switch (fault.kind) {
    case "link": {
      const nic = nicOf(mesh, fault.machine);
      if (fault.direction !== "in") nic.link.change(fault.change);
      if (fault.direction !== "out") nic.peer?.link.change(fault.change);
      if (fault.up !== undefined) nic.setPlugged(fault.up);
      return;
    }
    case "node":
      nicOf(mesh, fault.node).setPlugged(!fault.lost);
      return fault.lost ? mesh.docker?.powerOff(fault.node) : mesh.docker?.powerOn(fault.node);
    case "block":
      faultsOf(nicOf(mesh, fault.machine)).blocks.push(fault.filter);
      return;
    case "checksum":
      faultsOf(nicOf(mesh, fault.machine)).wrongChecksum = fault.which;
      return;
    case "fdb":
      return mistakeFdb(namespaceAt(mesh, fault.place), fault.mac, fault.vtep);
    case "neighbor":
      return mistakeNeighbor(namespaceAt(mesh, fault.place), fault.ip, fault.mac);
    case "encryption": {
      const encryption = mesh.docker?.swarm.engine(fault.node).encryption;
      if (fault.what === "unmarked") encryption?.leak();
      else encryption?.changeAddresses(encryption.addresses === "16-byte" ? "4-byte" : "16-byte");
      return;
    }
    case "clear":
      for (const machine of fault.machine === undefined ? mesh.machines.keys() : [fault.machine]) clear(mesh, machine);
  }
}

function nicOf(mesh: Mesh, machine: string): Nic {
  const devices = mesh.nodes.get(machine)?.namespaces.get("host")?.devices ?? [];
  const nic = devices.find((device) => device instanceof Nic);
  if (nic === undefined) throw new UsageError(`there is no machine ${machine}`);
  return nic;
}

function faultsOf(nic: Nic): NicFaults {
  nic.faults ??= new NicFaults();
  return nic.faults;
}

/** What bridges and vxlan devices of the namespace know of an address. A bridge only forgets: it learns by itself. */
function mistakeFdb(netns: Netns, mac: number, vtep: number | undefined): void {
  for (const device of netns.devices) {
    if (device instanceof VxlanDevice) device.fdb.mistake(mac, vtep);
    const fdb = device.port?.bridge.fdb;
    if (vtep === undefined && fdb?.find(mac, netns.node.softnet.now)?.isLocal === false) fdb.delete(mac);
  }
}

/** A namespace with a vxlan device is asked for remote endpoints, any other asks for its own sake. */
function mistakeNeighbor(netns: Netns, ip: number, mac: number | undefined): void {
  const vxlan = netns.devices.find((device) => device instanceof VxlanDevice);
  if (vxlan !== undefined) return vxlan.mistakeNeighbor(ip, mac);
  const { arp } = netns;
  if (mac === undefined) {
    for (const entry of [...arp.neighbors.entries()]) if (entry.ip === ip) arp.delete(entry);
    return;
  }
  const dst = netns.ipv4.lookup(ip);
  if (dst === undefined) throw new UsageError(`${netns.name} has no route to that address`);
  arp.set(dst.device, ip, mac, NeighborState.reachable);
}

function clear(mesh: Mesh, machine: string): void {
  const nic = nicOf(mesh, machine);
  for (const end of [nic, nic.peer]) end?.link.restore();
  if (!nic.hasCarrier) nic.setPlugged(true);
  mesh.docker?.powerOn(machine);
  nic.faults = undefined;
  mesh.docker?.swarm.engines.get(machine)?.encryption.correct();
  for (const { devices } of mesh.nodes.get(machine)!.namespaces.values())
    for (const device of devices) if (device instanceof VxlanDevice) device.correct();
}
