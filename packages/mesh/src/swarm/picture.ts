/**
 * What there is on the nodes after so many requests: namespaces, devices with their numbers, addresses, routes and peer
 * records, as data that can be printed and compared. The kernel's rules for what follows from a request (numbers of
 * interfaces, ends of a pair that go together) are here as short as they can be; rules of iptables are left out.
 */
import type {
  AddressPlan,
  DevicePlan,
  NamespacePlan,
  NetworkPlan,
  NodePlan,
  PeerRecord,
  RoutePlan,
  SwarmPlan,
  SwitchPlan,
  TaskPlan,
} from "./plan.ts";
import type { KernelRequest, Place, Request, RouteAdd, VethAdd } from "./request.ts";
import type { ClusterNode } from "../scenario/scenario.ts";
import type { Swarm } from "./swarm.ts";
import { tasksOf } from "./plan-of.ts";

const LOOPBACK_MTU = 65_536;
const LOOPBACK: readonly AddressPlan[] = [{ ip: 0x7f000001, prefixLength: 8 }];

interface Drawn {
  plan: DevicePlan;
  index: number;
}

class Namespace {
  readonly name: string;
  readonly devices: Drawn[] = [];
  readonly routes: RoutePlan[] = [];
  forwarding: boolean;
  next = 1;

  constructor(name: string, forwarding: boolean) {
    this.name = name;
    this.forwarding = forwarding;
    this.add(this, { kind: "loopback", name: "lo", mtu: LOOPBACK_MTU, addresses: LOOPBACK });
  }

  /** A device that was made in `madeIn`, whose number it keeps if that is free here (dev_change_net_namespace). */
  add(madeIn: Namespace, plan: DevicePlan): void {
    let index = madeIn.next++;
    while (this.devices.some((device) => device.index === index)) index = this.next++;
    this.devices.push({ plan: { ...plan, index }, index });
  }

  find(name: string): Drawn {
    const found = this.devices.find(({ plan }) => plan.name === name);
    if (found === undefined) throw new Error(`${this.name} has no device ${name}`);
    return found;
  }

  remove(name: string): void {
    const at = this.devices.findIndex(({ plan }) => plan.name === name);
    if (at < 0) return;
    this.devices.splice(at, 1);
    for (let index = this.routes.length - 1; index >= 0; index--)
      if (this.routes[index]!.device === name) this.routes.splice(index, 1);
  }

  get planned(): NamespacePlan {
    const { name, routes, forwarding } = this;
    return { name, devices: this.devices.map(({ plan }) => plan), routes: [...routes], forwarding };
  }
}

export class Picture {
  readonly #nodes = new Map<string, Map<string, Namespace>>();
  /** Network to its records by address. */
  readonly #peers = new Map<string, Map<number, PeerRecord>>();

  /** Draws a machine with its interface. */
  addNode({ name, ip, mac }: ClusterNode, mtu: number, prefixLength: number): void {
    const host = new Namespace("host", false);
    host.add(host, { kind: "nic", name: "eth0", mtu, mac, addresses: [{ ip, prefixLength }] });
    this.#nodes.set(name, new Map([["host", host]]));
  }

  add(request: Request): void {
    if (isKernelRequest(request)) this.#draw(request);
  }

  #draw(request: KernelRequest): void {
    switch (request.kind) {
      case "netns-add":
        this.#nodes.get(request.node)!.set(request.netns, new Namespace(request.netns, request.forwarding));
        break;
      case "netns-delete":
        for (const { plan } of [...this.#at(request).devices]) this.#delete(request, plan.name);
        this.#nodes.get(request.node)!.delete(request.netns);
        break;
      case "sysctl":
        if (request.key === "net.ipv4.ip_forward") this.#at(request).forwarding = request.value === 1;
        break;
      case "bridge-add": {
        const { device: name, mtu, mac, hasFixedMac } = request;
        const plan = { kind: "bridge", name, mtu, addresses: [], mac: hasFixedMac ? mac : undefined } as const;
        const here = this.#at(request);
        here.add(here, plan);
        break;
      }
      case "vxlan-add": {
        const { device: name, mtu, mac, vni, port, network } = request;
        const plan = { kind: "vxlan", name, mtu, addresses: [], mac, vni, port, network, master: "" } as const;
        this.#at(request).add(this.#host(request.node), plan);
        break;
      }
      case "veth-add":
        this.#addVeth(request);
        break;
      case "link-try":
        this.#at(request).next++;
        break;
      case "link-master": {
        const drawn = this.#at(request).find(request.device);
        drawn.plan = { ...drawn.plan, master: request.master } as DevicePlan;
        break;
      }
      case "link-delete":
        this.#delete(request, request.device);
        break;
      case "address-add":
      case "address-delete": {
        const { ip, prefixLength, kind } = request;
        const drawn = this.#at(request).find(request.device);
        const others = drawn.plan.addresses.filter((address) => address.ip !== ip);
        drawn.plan = { ...drawn.plan, addresses: kind === "address-add" ? [...others, { ip, prefixLength }] : others };
        break;
      }
      case "route-add":
      case "route-delete":
        this.#changeRoute(request);
        break;
      case "peer-add":
      case "peer-delete": {
        const { ip, mac, vtep, holder } = request;
        const records = this.#peers.get(request.network) ?? new Map<number, PeerRecord>();
        this.#peers.set(request.network, records);
        if (request.kind === "peer-add") records.set(ip, { ip, mac, vtep, endpoint: holder });
        else records.delete(ip);
        break;
      }
      case "xfrm-state-add":
      case "xfrm-state-delete":
      case "xfrm-policy-add":
      case "xfrm-policy-update":
      case "xfrm-policy-delete":
      case "link-up":
      case "link-down":
      case "iptables":
      case "ipvs-service-add":
      case "ipvs-service-delete":
      case "ipvs-dest-add":
      case "ipvs-dest-update":
      case "ipvs-dest-delete":
      case "announce":
        break;
    }
  }

  #at({ node, netns }: Place): Namespace {
    const found = this.#nodes.get(node)?.get(netns);
    if (found === undefined) throw new Error(`${node} has no namespace ${netns}`);
    return found;
  }

  #host(node: string): Namespace {
    return this.#at({ node, netns: "host" });
  }

  #addVeth({ node, netns, device: name, mac, mtu, peer, bornInside }: VethAdd): void {
    const near = this.#at({ node, netns });
    const far = this.#at({ node, netns: peer.netns });
    const host = this.#host(node);
    const veth = { kind: "veth", mtu, addresses: [], master: undefined } as const;
    far.add(bornInside ? far : host, {
      ...veth,
      name: peer.device,
      mac: peer.mac,
      peer: { namespace: netns, device: name },
    });
    near.add(host, { ...veth, name, mac, peer: { namespace: peer.netns, device: peer.device } });
  }

  #changeRoute({ kind, node, netns, destination, prefixLength, via, device }: RouteAdd): void {
    const { routes } = this.#at({ node, netns });
    if (kind === "route-add") routes.push({ destination, prefixLength, via, device });
    else {
      const at = routes.findIndex((route) => route.destination === destination && route.device === device);
      if (at >= 0) routes.splice(at, 1);
    }
  }

  #delete({ node, netns }: Place, name: string): void {
    const here = this.#at({ node, netns });
    const plan = here.devices.find((device) => device.plan.name === name)?.plan;
    here.remove(name);
    if (plan?.kind === "veth") this.#nodes.get(node)?.get(plan.peer.namespace)?.remove(plan.peer.device);
  }

  /** All that was drawn, with what the swarm knows of networks and tasks. */
  plan(swarm: Swarm, underlay: SwitchPlan): SwarmPlan {
    const nodes: NodePlan[] = swarm.nodes.map(({ name, ip }) => ({
      name,
      vtep: ip,
      namespaces: Array.from(this.#nodes.get(name)?.values() ?? [], (namespace) => namespace.planned),
    }));
    const networks: NetworkPlan[] = Array.from(swarm.networks.values(), ({ name, subnets, mtu }) => {
      const { subnet, gateway, vni } = subnets[0]!;
      return { name, vni, subnet, gateway, mtu, peers: [...(this.#peers.get(name)?.values() ?? [])] };
    });
    const tasks: TaskPlan[] = tasksOf(swarm);
    return { nodes, networks, tasks, switch: { mtu: underlay.mtu, latencyNs: underlay.latencyNs } };
  }
}

function isKernelRequest(request: Request): request is KernelRequest {
  return !/^(?:container|file|listener|process|resolver)-/.test(request.kind);
}
