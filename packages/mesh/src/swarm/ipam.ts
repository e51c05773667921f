/**
 * Addresses in overlay networks as swarmkit's managers hand them out: for each service its virtual IP, its tasks in slot
 * order, then a load-balancer endpoint for each node that gets its first task of the network. Virtual IPs are taken so
 * that the rest is numbered as in reality; nothing answers for them yet.
 */
import type { ClusterNode, Service } from "../scenario/scenario.ts";
import { contains, formatCidr } from "./cidr.ts";
import type { AllocatedNetwork } from "./networks.ts";
import type { PlacedTask } from "./placement.ts";
import { AddressPool } from "./pool.ts";
import type { Problem, Subject } from "./problem.ts";

/** A holder of an address in a network. */
export interface Endpoint {
  /** Task name, or `lb-NET`. */
  readonly name: string;
  readonly ip: number;
  readonly node: ClusterNode;
}

export interface NetworkAddresses {
  /** Service name to its virtual IP. */
  readonly vips: Map<string, number>;
  /** Task name to its address, pending tasks among them. */
  readonly tasks: Map<string, number>;
  /** Node name to the address of its load-balancer endpoint. */
  readonly loadBalancers: Map<string, number>;
  /** Tasks and load-balancer endpoints that run, in the order of allocation. */
  readonly endpoints: Endpoint[];
}

/** Owner (task, service, or `lb-NET`) to network (for `lb-NET`: node) to address. */
export type Pins = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** What addresses of a network are taken from. */
export interface AddressSource {
  /** As problems name it. */
  readonly subnet: string;
  next(): number | undefined;
  /** Undefined if all is well, otherwise why the address cannot be set aside. */
  reserve(ip: number, owner: string): string | undefined;
  /** A reserved address is given to whom it was meant for. */
  handOut(ip: number): void;
}

export function loadBalancerName(network: string): string {
  return `lb-${network}`;
}

export function allocateAddresses(
  networks: readonly AllocatedNetwork[],
  services: readonly Service[],
  tasks: readonly PlacedTask[],
  pins: Pins,
  problems: Problem[],
): ReadonlyMap<string, NetworkAddresses> {
  const allocator = new AddressAllocator(pins);
  for (const network of networks) allocator.add(network.name, sourceOf(network));
  allocator.reservePins(problems);
  const groups = new Map<Service, PlacedTask[]>(services.map((service) => [service, []]));
  for (const task of tasks) groups.get(task.service)?.push(task);
  for (const [service, group] of groups) allocator.allocate(service, group, problems);
  return allocator.networks;
}

function sourceOf({ name, subnets }: AllocatedNetwork): AddressSource {
  const pools = subnets.map(({ subnet, gateway }) => ({ subnet, pool: new AddressPool(subnet, gateway, true) }));
  const poolOf = (ip: number): AddressPool => (pools.find(({ subnet }) => contains(subnet, ip)) ?? pools[0]!).pool;
  return {
    subnet: subnets.map(({ subnet }) => formatCidr(subnet)).join(", "),
    next: () => {
      for (const { pool } of pools) {
        const ip = pool.next();
        if (ip !== undefined) return ip;
      }
      return undefined;
    },
    reserve: (ip, owner) => poolOf(ip).reserve(ip, owner, name),
    handOut: (ip) => poolOf(ip).handOut(ip),
  };
}

export class AddressAllocator {
  readonly networks: Map<string, NetworkAddresses> = new Map();
  readonly #sources = new Map<string, AddressSource>();
  readonly #pins: Pins;
  /** Networks whose exhaustion has been told. */
  readonly #full = new Set<string>();

  constructor(pins: Pins) {
    this.#pins = pins;
  }

  add(network: string, source: AddressSource): void {
    this.#sources.set(network, source);
    this.networks.set(network, { vips: new Map(), tasks: new Map(), loadBalancers: new Map(), endpoints: [] });
  }

  /** Pinned addresses are set aside first, so that nothing else gets them. Only of networks that are there. */
  reservePins(problems: Problem[], only?: string): void {
    for (const [owner, addresses] of this.#pins) {
      for (const [key, ip] of addresses) {
        const network = owner.startsWith("lb-") && !this.#sources.has(key) ? owner.slice("lb-".length) : key;
        const source = this.#sources.get(network);
        if (source === undefined || (only !== undefined && only !== network)) continue;
        const about: Subject = { kind: "address", owner, key };
        const message = source.reserve(ip, owner);
        if (message !== undefined) problems.push({ level: "error", about, message });
      }
    }
  }

  /** The service's virtual IPs, the addresses of its tasks, and those of load balancers that they bring. */
  allocate(service: Service, tasks: readonly PlacedTask[], problems: Problem[]): void {
    for (const name of service.networks) {
      const result = this.networks.get(name);
      if (result === undefined) continue;
      if (service.endpointMode === "vip") {
        const vip = this.take(service.name, name);
        if (vip === undefined) {
          this.#exhausted(name, `the virtual IP of ${service.name}`, problems);
          continue;
        }
        result.vips.set(service.name, vip);
      }
      this.#allocateTasks(name, tasks, result, problems);
    }
  }

  #allocateTasks(name: string, tasks: readonly PlacedTask[], result: NetworkAddresses, problems: Problem[]): void {
    for (const task of tasks) {
      const ip = this.take(task.name, name);
      if (ip === undefined) {
        this.#exhausted(name, task.name, problems);
        break;
      }
      result.tasks.set(task.name, ip);
      if (task.node !== undefined) result.endpoints.push({ name: task.name, ip, node: task.node });
    }
    for (const { node } of tasks) {
      if (node === undefined || result.loadBalancers.has(node.name)) continue;
      const owner = loadBalancerName(name);
      const ip = this.takeBalancer(name, node.name);
      if (ip === undefined) {
        this.#exhausted(name, `${owner} of ${node.name}`, problems);
        break;
      }
      result.loadBalancers.set(node.name, ip);
      result.endpoints.push({ name: owner, ip, node });
    }
  }

  /** The pinned address of a service or task in a network, or the next one. */
  take(owner: string, network: string): number | undefined {
    return this.#take(network, this.#pins.get(owner)?.get(network));
  }

  /** The pinned address of a node's load balancer in a network, or the next one. */
  takeBalancer(network: string, node: string): number | undefined {
    return this.#take(network, this.#pins.get(loadBalancerName(network))?.get(node));
  }

  #take(network: string, pinned: number | undefined): number | undefined {
    const source = this.#sources.get(network);
    if (pinned === undefined) return source?.next();
    source?.handOut(pinned);
    return pinned;
  }

  #exhausted(network: string, what: string, problems: Problem[]): void {
    // Told for the first that goes without; all the rest do.
    if (this.#full.has(network)) return;
    this.#full.add(network);
    problems.push({
      level: "error",
      about: { kind: "network", network, part: "subnet", index: 0 },
      message: `no available addresses on this pool: ${this.#sources.get(network)?.subnet} has none left for ${what}`,
    });
  }
}
