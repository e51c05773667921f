/**
 * Addresses in overlay networks (libnetwork ipam with serial allocation, as swarmkit asks for it): the one after the
 * last handed out, wrapping at the end; a freed one is not taken again before that. For each service its virtual IP,
 * its tasks in slot order, then a load-balancer endpoint for each node that gets its first task of the network.
 * Virtual IPs are taken here so that the rest is numbered as in reality; nothing answers for them yet.
 */
import { formatIpv4 } from "@hopscope/codec/address";
import type { ClusterNode, Service } from "../scenario/scenario.ts";
import { addressAt, formatCidr, isHost, offsetOf, sizeOf } from "./cidr.ts";
import type { AllocatedNetwork } from "./networks.ts";
import type { PlacedTask } from "./placement.ts";
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
  readonly vips: ReadonlyMap<string, number>;
  /** Task name to its address, pending tasks among them. */
  readonly tasks: ReadonlyMap<string, number>;
  /** Node name to the address of its load-balancer endpoint. */
  readonly loadBalancers: ReadonlyMap<string, number>;
  /** Tasks and load-balancer endpoints that run, in the order of allocation. */
  readonly endpoints: readonly Endpoint[];
}

/** Owner (task, service, or `lb-NET`) to network (for `lb-NET`: node) to address. */
export type Pins = ReadonlyMap<string, ReadonlyMap<string, number>>;

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
  const pools = new Map(networks.map((network) => [network.name, new AddressPool(network)]));
  reservePins(pools, pins, problems);
  const results = new Map(
    networks.map(({ name }) => [
      name,
      {
        vips: new Map<string, number>(),
        tasks: new Map<string, number>(),
        loadBalancers: new Map<string, number>(),
        endpoints: [] as Endpoint[],
      },
    ]),
  );

  const groups = new Map<Service, PlacedTask[]>(services.map((service) => [service, []]));
  for (const task of tasks) groups.get(task.service)?.push(task);

  const full = new Set<string>();
  for (const [service, group] of groups) {
    for (const name of service.networks) {
      const pool = pools.get(name);
      const result = results.get(name);
      if (pool === undefined || result === undefined) continue;
      const take = (owner: string, key: string): number | undefined => pins.get(owner)?.get(key) ?? pool.next();
      const exhausted = (what: string): void => {
        // Told for the first that goes without; all the rest do.
        if (full.has(name)) return;
        full.add(name);
        problems.push({
          level: "error",
          about: { kind: "network", network: name, part: "subnet" },
          message: `no available addresses on this pool: ${pool.subnet} has none left for ${what}`,
        });
      };
      if (service.endpointMode === "vip") {
        const vip = take(service.name, name);
        if (vip === undefined) {
          exhausted(`the virtual IP of ${service.name}`);
          continue;
        }
        result.vips.set(service.name, vip);
      }
      for (const task of group) {
        const ip = take(task.name, name);
        if (ip === undefined) {
          exhausted(task.name);
          break;
        }
        result.tasks.set(task.name, ip);
        if (task.node !== undefined) result.endpoints.push({ name: task.name, ip, node: task.node });
      }
      for (const { node } of group) {
        if (node === undefined || result.loadBalancers.has(node.name)) continue;
        const owner = loadBalancerName(name);
        const ip = take(owner, node.name);
        if (ip === undefined) {
          exhausted(`${owner} of ${node.name}`);
          break;
        }
        result.loadBalancers.set(node.name, ip);
        result.endpoints.push({ name: owner, ip, node });
      }
    }
  }
  return results;
}

/** Pinned addresses are set aside first, so that nothing else gets them. */
function reservePins(pools: ReadonlyMap<string, AddressPool>, pins: Pins, problems: Problem[]): void {
  for (const [owner, addresses] of pins) {
    for (const [key, ip] of addresses) {
      const pool = pools.get(owner.startsWith("lb-") && !pools.has(key) ? owner.slice("lb-".length) : key);
      if (pool === undefined) continue;
      const about: Subject = { kind: "address", owner, key };
      const message = pool.reserve(ip, owner);
      if (message !== undefined) problems.push({ level: "error", about, message });
    }
  }
}

class AddressPool {
  readonly subnet: string;
  readonly #network: AllocatedNetwork;
  /** Number inside the subnet to who has it. */
  readonly #taken = new Map<number, string>();
  #last: number;

  constructor(network: AllocatedNetwork) {
    this.#network = network;
    this.subnet = formatCidr(network.subnet);
    this.#last = 0;
    this.#taken.set(offsetOf(network.subnet, network.gateway), "the gateway");
  }

  /** Undefined if all is well. */
  reserve(ip: number, owner: string): string | undefined {
    const text = formatIpv4(ip);
    if (!isHost(this.#network.subnet, ip))
      return `${text} is no address of ${this.#network.name}, whose subnet is ${this.subnet}`;
    const offset = offsetOf(this.#network.subnet, ip);
    const other = this.#taken.get(offset);
    if (other !== undefined) return `${text} is the address of ${other} already`;
    this.#taken.set(offset, owner);
    return undefined;
  }

  next(): number | undefined {
    const hosts = sizeOf(this.#network.subnet) - 2;
    if (this.#taken.size >= hosts) return undefined;
    let offset = this.#last;
    do offset = (offset % hosts) + 1;
    while (this.#taken.has(offset));
    this.#last = offset;
    this.#taken.set(offset, "another endpoint");
    return addressAt(this.#network.subnet, offset);
  }
}
