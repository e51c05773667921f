/**
 * A mesh of a plan, namespaces and devices as data without Docker: for tests of a few parts.
 */
import { bareMesh, buildSwitch, delay, knowEachOther, type Mesh, SWITCH } from "../../src/build.ts";
import type { NetDevice } from "../../src/device.ts";
import { Bridge } from "../../src/devices/bridge.ts";
import { Loopback } from "../../src/devices/loopback.ts";
import { Nic } from "../../src/devices/nic.ts";
import { Veth } from "../../src/devices/veth.ts";
import { VxlanDevice } from "../../src/devices/vxlan.ts";
import { Netns } from "../../src/netns.ts";
import type { Node } from "../../src/node.ts";
import type { DevicePlan, NamespacePlan, NetworkPlan, NodePlan, SwarmPlan } from "../../src/swarm/plan.ts";
import { PeerTable } from "../../src/tables/peer.ts";
import { maskOf, RouteType } from "../../src/tables/route.ts";

export function buildPlan(plan: SwarmPlan, seed: number = 1): Mesh {
  const mesh = bareMesh(seed);
  const { nodes } = mesh;
  const peers = new Map(plan.networks.map((network) => [network.name, peerTable(network)]));
  for (const nodePlan of plan.nodes) buildNode(mesh.addNode(nodePlan.name), nodePlan, plan, peers);
  for (const task of plan.tasks) {
    const netns = nodes.get(task.node)?.namespaces.get(task.name);
    if (netns !== undefined) mesh.tasks.set(task.name, netns);
  }
  buildSwitch(mesh.addNode(SWITCH), plan.nodes, plan.switch, nodes);
  knowEachOther(plan.nodes, nodes);
  mesh.plan = plan;
  return mesh;
}

function peerTable(network: NetworkPlan): PeerTable {
  const table = new PeerTable();
  for (const peer of network.peers) table.add(peer.ip, peer.mac, peer.vtep);
  return table;
}

function buildNode(node: Node, plan: NodePlan, swarm: SwarmPlan, peers: ReadonlyMap<string, PeerTable>): void {
  // The node's own namespace comes first: vxlan devices are made in it.
  for (const namespace of plan.namespaces) {
    const netns = new Netns(node, namespace.name);
    netns.forwarding = namespace.forwarding;
    for (const device of namespace.devices) buildDevice(netns, device, namespace, plan, swarm, peers);
    for (const route of namespace.routes) {
      const device = netns.deviceNamed(route.device);
      if (device === undefined)
        throw new Error(`plan: ${plan.name}/${namespace.name} routes by ${route.device}, which it has not`);
      netns.routes.add({
        type: RouteType.unicast,
        destination: route.destination & maskOf(route.prefixLength),
        prefixLength: route.prefixLength,
        via: route.via,
        device: device.index,
        source: 0,
      });
    }
  }
  connectVeths(node, plan);
}

function buildDevice(
  netns: Netns,
  plan: DevicePlan,
  namespace: NamespacePlan,
  node: NodePlan,
  swarm: SwarmPlan,
  peers: ReadonlyMap<string, PeerTable>,
): void {
  const device = makeDevice(netns, plan, node, swarm, peers);
  for (const address of plan.addresses) netns.addAddress(device, address.ip, address.prefixLength);
  if ((plan.kind === "veth" || plan.kind === "vxlan") && plan.master !== undefined) {
    const bridge = netns.deviceNamed(plan.master);
    if (!(bridge instanceof Bridge))
      throw new Error(`plan: ${namespace.name}/${plan.name} has master ${plan.master}, which is no bridge`);
    bridge.addPort(device);
  }
}

function makeDevice(
  netns: Netns,
  plan: DevicePlan,
  node: NodePlan,
  swarm: SwarmPlan,
  peers: ReadonlyMap<string, PeerTable>,
): NetDevice {
  switch (plan.kind) {
    case "loopback":
      return new Loopback(netns, { name: plan.name, mtu: plan.mtu, mac: 0 });
    case "nic":
      return new Nic(netns, { name: plan.name, mtu: plan.mtu, mac: plan.mac }, delay(swarm.switch.latencyNs));
    case "bridge":
      return new Bridge(netns, { name: plan.name, mtu: plan.mtu, mac: plan.mac });
    case "veth":
      return new Veth(netns, { name: plan.name, mtu: plan.mtu, mac: plan.mac });
    case "vxlan":
      return new VxlanDevice(netns, {
        name: plan.name,
        mtu: plan.mtu,
        mac: plan.mac,
        vni: plan.vni,
        udpPort: plan.port,
        transport: netns.node.namespaces.get("host")!,
        vtep: node.vtep,
        peers: peers.get(plan.network)!,
      });
  }
}

function connectVeths(node: Node, plan: NodePlan): void {
  for (const namespace of plan.namespaces) {
    for (const device of namespace.devices) {
      if (device.kind !== "veth") continue;
      const end = node.namespaces.get(namespace.name)!.deviceNamed(device.name);
      const peer = node.namespaces.get(device.peer.namespace)?.deviceNamed(device.peer.device);
      if (!(end instanceof Veth) || !(peer instanceof Veth)) {
        throw new Error(
          `plan: ${plan.name}/${namespace.name}/${device.name} has no peer ${device.peer.namespace}/${device.peer.device}`,
        );
      }
      end.connect(peer);
      // A node-side end has a name that says nothing; its other end says what it is for.
      if (namespace.name === "host" || device.master !== undefined) node.recorder.connectPoint(end.point, peer.point);
    }
  }
}
