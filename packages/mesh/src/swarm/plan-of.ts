/** A swarm in the words of a plan, without the namespaces of its nodes: who is where, with which addresses. */
import { macOf } from "./bridge-driver.ts";
import { loadBalancerName } from "./ipam.ts";
import type { NetworkPlan, PeerRecord, SwarmPlan, TaskPlan } from "./plan.ts";
import type { Swarm } from "./swarm.ts";

export function planOf(swarm: Swarm, underlay: { readonly mtu: number; readonly latencyNs: number }): SwarmPlan {
  const tasks: TaskPlan[] = [];
  const peers = new Map<string, PeerRecord[]>();
  const add = (network: string, ip: number, vtep: number, endpoint: string): void => {
    const records = peers.get(network) ?? [];
    peers.set(network, records);
    records.push({ ip, mac: macOf(ip), vtep, endpoint });
  };
  for (const task of swarm.tasks) {
    const { node } = task;
    if (node === undefined || !task.isLive) continue;
    const addresses = Array.from(task.addresses, ([network, ip]) => ({ network, ip, mac: macOf(ip) }));
    tasks.push({ name: task.name, service: task.service.spec.name, node: node.name, addresses });
    for (const { network, ip } of addresses) add(network, ip, node.ip, task.name);
  }
  const networks: NetworkPlan[] = [];
  for (const network of swarm.networks.values()) {
    const balancers = swarm.addresses.networks.get(network.name)?.loadBalancers ?? new Map<string, number>();
    for (const node of swarm.nodes) {
      const ip = balancers.get(node.name);
      if (ip !== undefined) add(network.name, ip, node.ip, loadBalancerName(network.name));
    }
    const { subnet, gateway, vni } = network.subnets[0]!;
    networks.push({ name: network.name, vni, subnet, gateway, mtu: network.mtu, peers: peers.get(network.name) ?? [] });
  }
  return {
    nodes: swarm.nodes.map(({ name, ip }) => ({ name, vtep: ip, namespaces: [] })),
    networks,
    tasks,
    switch: { mtu: underlay.mtu, latencyNs: underlay.latencyNs },
  };
}
