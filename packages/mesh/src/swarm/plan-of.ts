/** A swarm in the words of a plan, without the namespaces of its nodes: who is where, with which addresses. */
import { macOf } from "./bridge-driver.ts";
import type { NetworkPlan, PeerRecord, SwarmPlan, SwitchPlan, TaskPlan } from "./plan.ts";
import { balancerName } from "./overlay-driver.ts";
import type { Swarm } from "./swarm.ts";

/** Tasks that run, or are about to. */
export function tasksOf(swarm: Swarm): TaskPlan[] {
  const tasks: TaskPlan[] = [];
  for (const { node, name, service, addresses, isLive } of swarm.tasks) {
    if (node === undefined || !isLive) continue;
    const own = Array.from(addresses, ([network, ip]) => ({ network, ip, mac: macOf(ip) }));
    tasks.push({ name, service: service.spec.name, node: node.name, addresses: own });
  }
  return tasks;
}

export function planOf(swarm: Swarm, underlay: SwitchPlan): SwarmPlan {
  const peers = new Map<string, PeerRecord[]>(Array.from(swarm.networks.keys(), (name) => [name, []]));
  const vteps = new Map(swarm.nodes.map(({ name, ip }) => [name, ip]));
  const tasks = tasksOf(swarm);
  for (const { name, node, addresses } of tasks)
    for (const { network, ip, mac } of addresses)
      peers.get(network)?.push({ ip, mac, vtep: vteps.get(node)!, endpoint: name });
  const networks = Array.from(swarm.networks.values(), (network): NetworkPlan => {
    const { name, mtu, subnets } = network;
    const records = peers.get(name)!;
    for (const [node, ip] of swarm.addresses.networks.get(name)?.loadBalancers ?? [])
      records.push({ ip, mac: macOf(ip), vtep: vteps.get(node)!, endpoint: balancerName(network) });
    const { subnet, gateway, vni } = subnets[0]!;
    return { name, vni, subnet, gateway, mtu, peers: records };
  });
  const nodes = swarm.nodes.map(({ name, ip }) => ({ name, vtep: ip, namespaces: [] }));
  return { nodes, networks, tasks, switch: { mtu: underlay.mtu, latencyNs: underlay.latencyNs } };
}
