/**
 * What each node creates for its tasks (libnetwork drivers/overlay, osl and service_linux): one namespace for each
 * overlay network that has a task on the node, one for the network's load balancer, one for each task.
 *
 * Not in the plan yet: docker_gwbridge and docker0, the ingress network, virtual IPs and IPVS, DNS.
 */
import type { ClusterNode, Scenario } from "../scenario/scenario.ts";
import { Random } from "../sim/random.ts";
import { allocate } from "./allocate.ts";
import { type Endpoint, loadBalancerName } from "./ipam.ts";
import type { AllocatedNetwork } from "./networks.ts";
import type {
  DevicePlan,
  NamespacePlan,
  NetworkPlan,
  NodePlan,
  PeerRecord,
  RoutePlan,
  SwarmPlan,
  TaskPlan,
} from "./plan.ts";

export const LOOPBACK_MTU = 65_536;
const NO_ROUTES: readonly RoutePlan[] = [];

/** Throws if the scenario asks for what Docker refuses; the loader says so with positions before. */
export function planSwarm(scenario: Scenario): SwarmPlan {
  const allocation = allocate(scenario);
  const errors = allocation.problems.filter((problem) => problem.level === "error");
  if (errors.length > 0) throw new RangeError(errors.map((problem) => problem.message).join("\n"));

  const networks: NetworkPlan[] = [];
  /** Node name to what it holds of each network, in the order of networks and of endpoints. */
  const held = new Map<string, Map<AllocatedNetwork, Endpoint[]>>();
  for (const network of allocation.networks) {
    const { endpoints } = allocation.addresses.get(network.name)!;
    const peers: PeerRecord[] = [];
    for (const endpoint of endpoints) {
      const { name, ip, node } = endpoint;
      peers.push({ ip, mac: endpointMac(ip), vtep: node.ip, endpoint: name });
      const ofNode = getOrMake(held, node.name, () => new Map<AllocatedNetwork, Endpoint[]>());
      getOrMake(ofNode, network, () => []).push(endpoint);
    }
    const { name, vni, subnet, gateway, mtu } = network;
    networks.push({ name, vni, subnet, gateway, mtu, peers });
  }

  const tasks: TaskPlan[] = [];
  const tasksOf = new Map<string, TaskPlan[]>();
  for (const { name, service, node } of allocation.tasks) {
    if (node === undefined) continue;
    const addresses = service.networks.flatMap((network) => {
      const ip = allocation.addresses.get(network)?.tasks.get(name);
      // `host` and `bridge` are the nodes' own.
      return ip === undefined ? [] : [{ network, ip, mac: endpointMac(ip) }];
    });
    const task = { name, service: service.name, node: node.name, addresses };
    tasks.push(task);
    getOrMake(tasksOf, node.name, () => []).push(task);
  }

  const builder = new NodeBuilder(scenario, allocation.networks);
  const nodes = scenario.cluster.nodes.map((node): NodePlan => {
    const namespaces = builder.namespaces(node, held.get(node.name) ?? new Map(), tasksOf.get(node.name) ?? []);
    return { name: node.name, vtep: node.ip, namespaces };
  });
  const { mtu, latencyNs } = scenario.cluster.underlay;
  return { nodes, networks, tasks, switch: { mtu, latencyNs } };
}

/** libnetwork netutils GenerateMACFromIP: 02:42 and the four bytes of the address. */
export function endpointMac(ip: number): number {
  return 0x024200000000 + (ip >>> 0);
}

class NodeBuilder {
  readonly #scenario: Scenario;
  readonly #networks: ReadonlyMap<string, AllocatedNetwork>;

  constructor(scenario: Scenario, networks: readonly AllocatedNetwork[]) {
    this.#scenario = scenario;
    this.#networks = new Map(networks.map((network) => [network.name, network]));
  }

  namespaces(
    node: ClusterNode,
    held: ReadonlyMap<AllocatedNetwork, readonly Endpoint[]>,
    tasks: readonly TaskPlan[],
  ): readonly NamespacePlan[] {
    const { underlay } = this.#scenario.cluster;
    const eth0: DevicePlan = {
      kind: "nic",
      name: "eth0",
      mtu: underlay.mtu,
      addresses: [{ ip: node.ip, prefixLength: underlay.subnet.prefixLength }],
      mac: node.mac,
    };
    const namespaces: NamespacePlan[] = [namespace("host", [loopback(), eth0], true)];
    const byName = new Map(tasks.map((task) => [task.name, task]));
    /** Task and network to the name of the port in the network's namespace. */
    const ports = new Map<string, string>();
    for (const [network, endpoints] of held) {
      const overlay = `overlay-${network.name}`;
      const balancer = loadBalancerName(network.name);
      const devices: DevicePlan[] = [loopback(), bridge(network), this.#vxlan(node, network)];
      // The load balancer's endpoint is made with the namespace, so it is the first port after vxlan0.
      const balancerFirst = endpoints.toSorted((a, b) => Number(b.name === balancer) - Number(a.name === balancer));
      for (const [index, { name }] of balancerFirst.entries()) {
        const port = `veth${index}`;
        const peer =
          name === balancer
            ? { namespace: balancer, device: "eth0" }
            : { namespace: name, device: interfaceName(byName.get(name)!, network) };
        ports.set(`${name} ${network.name}`, port);
        devices.push({
          kind: "veth",
          name: port,
          mtu: network.mtu,
          addresses: [],
          mac: this.#randomMac(`${node.name}/${overlay}/${port}`),
          peer,
          master: "br0",
        });
      }
      namespaces.push(namespace(overlay, devices, false));
      for (const { name, ip } of endpoints) {
        if (name !== balancer) continue;
        namespaces.push(
          namespace(balancer, [loopback(), endpointDevice("eth0", network, ip, overlay, "veth0")], false),
        );
      }
    }
    for (const task of tasks) {
      const devices: DevicePlan[] = [loopback()];
      for (const { network: name, ip } of task.addresses) {
        const network = this.#networks.get(name)!;
        const port = ports.get(`${task.name} ${name}`)!;
        devices.push(endpointDevice(interfaceName(task, network), network, ip, `overlay-${name}`, port));
      }
      namespaces.push(namespace(task.name, devices, false));
    }
    return namespaces;
  }

  #vxlan(node: ClusterNode, network: AllocatedNetwork): DevicePlan {
    return {
      kind: "vxlan",
      name: "vxlan0",
      mtu: network.mtu,
      addresses: [],
      mac: this.#randomMac(`${node.name}/overlay-${network.name}/vxlan0`),
      master: "br0",
      vni: network.vni,
      port: this.#scenario.cluster.dataPathPort,
      network: network.name,
    };
  }

  /** A generator for each device: another node, network or task changes no other MAC address. */
  #randomMac(place: string): number {
    return new Random(this.#scenario.run.seed, `mac:${place}`).mac();
  }
}

function namespace(name: string, devices: readonly DevicePlan[], forwarding: boolean): NamespacePlan {
  return { name, devices, routes: NO_ROUTES, forwarding };
}

function loopback(): DevicePlan {
  return { kind: "loopback", name: "lo", mtu: LOOPBACK_MTU, addresses: [{ ip: 0x7f000001, prefixLength: 8 }] };
}

/** Every node's bridge has the gateway's address. Its MAC address is the lowest of its ports'. */
function bridge({ gateway, subnet, mtu }: AllocatedNetwork): DevicePlan {
  return {
    kind: "bridge",
    name: "br0",
    mtu,
    addresses: [{ ip: gateway, prefixLength: subnet.prefixLength }],
    mac: undefined,
  };
}

function endpointDevice(
  name: string,
  network: AllocatedNetwork,
  ip: number,
  overlay: string,
  port: string,
): DevicePlan {
  return {
    kind: "veth",
    name,
    mtu: network.mtu,
    addresses: [{ ip, prefixLength: network.subnet.prefixLength }],
    mac: endpointMac(ip),
    peer: { namespace: overlay, device: port },
    master: undefined,
  };
}

/** eth0 is a task's first network, and so on. */
function interfaceName(task: TaskPlan, network: AllocatedNetwork): string {
  return `eth${task.addresses.findIndex((address) => address.network === network.name)}`;
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}
