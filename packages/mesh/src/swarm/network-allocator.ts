/**
 * The managers' allocator of overlay networks (swarmkit manager/allocator, cnmallocator): subnets, gateways, VXLAN network
 * identifiers, and the addresses of the nodes' load balancers and of containers that no service has.
 */
import type { Cidr, OverlayNetwork as NetworkSpec } from "../scenario/scenario.ts";
import { addressAt, formatCidr, isHost } from "./cidr.ts";
import { DockerError, Refusal } from "./docker-error.ts";
import type { Engine } from "./engine.ts";
import { complete, swarmId } from "./identifier.ts";
import { OverlayNetwork } from "./network.ts";
import { FIRST_VNI, INGRESS, MAX_VNI, OVERLAY_MTU } from "./networks.ts";
import { SubnetAllocator, type SubnetPool } from "./pool.ts";
import type { Problem } from "./problem.ts";
import type { Swarm, SwarmNode } from "./swarm.ts";

/** An overlay that is to be made. What it does not say is handed out. */
export interface OverlaySpec {
  readonly name: string;
  /** Each with a bridge and a vxlan device of its own. Empty: the next free one of the pool. */
  readonly subnets: readonly Cidr[];
  /** Of the subnets, in their order. */
  readonly gateways: readonly (number | undefined)[];
  readonly vnis: readonly (number | undefined)[];
  /** Before anything is taken off for encryption. */
  readonly mtu: number;
  readonly encrypted: boolean;
  readonly attachable: boolean;
  readonly internal: boolean;
  /** Driver option `dsr`. */
  readonly dsr?: boolean;
}

/** A stack file's network. */
export function overlaySpec({ subnets, ...network }: NetworkSpec): OverlaySpec {
  return {
    ...network,
    subnets: subnets.flatMap(({ subnet }) => (subnet === undefined ? [] : [subnet])),
    gateways: subnets.map(({ gateway }) => gateway),
    vnis: subnets.map(({ vni }) => vni),
  };
}

export class NetworkAllocator {
  readonly #swarm: Swarm;
  readonly #pool: SubnetPool;
  readonly #subnets: SubnetAllocator;
  readonly #vnis = new Set<number>();
  /** Networks whose subnet and number are set aside already. */
  readonly #reserved = new Set<string>();
  #nextVni = FIRST_VNI;

  constructor(swarm: Swarm, pool: SubnetPool) {
    this.#swarm = swarm;
    this.#pool = pool;
    const [first] = swarm.nodes;
    this.#subnets = new SubnetAllocator([pool], first?.version.subnet === "next");
  }

  addIngress(): OverlayNetwork {
    return this.add({
      name: INGRESS.name,
      subnets: [],
      gateways: [],
      vnis: [],
      mtu: OVERLAY_MTU,
      encrypted: false,
      attachable: false,
      internal: false,
    });
  }

  /** `docker network create -d overlay`; throws a {@link DockerError}. Nothing happens on a node yet. */
  add(spec: OverlaySpec): OverlayNetwork {
    const { name } = spec;
    const swarm = this.#swarm;
    if (swarm.networks.has(name)) throw Refusal.networkExists(name);
    const isReserved = this.#reserved.delete(name);
    const wanted = spec.subnets.length === 0 ? [undefined] : spec.subnets;
    const subnets = wanted.map((each, index) => {
      const subnet = this.#takeSubnet(each, isReserved);
      const gateway = spec.gateways[index] ?? addressAt(subnet, 1);
      if (!isHost(subnet, gateway)) throw new DockerError("failed to allocate gateway: Address not in the pool");
      return { subnet, gateway, vni: this.#takeVni(spec.vnis[index], isReserved) };
    });
    const network = new OverlayNetwork({
      name,
      id: complete(
        swarm.choices.networks.get(name),
        swarmId(swarm.random(`network:${name}:${swarm.made(`network ${name}`)}`)),
      ),
      subnets,
      mtu: spec.mtu,
      isEncrypted: spec.encrypted,
      isAttachable: spec.attachable,
      isInternal: spec.internal,
      isIngress: name === INGRESS.name,
      isDsr: spec.dsr === true,
      createdAt: swarm.host.now,
    });
    swarm.networks.set(name, network);
    swarm.addresses.add(name, {
      subnet: subnets.map(({ subnet }) => formatCidr(subnet)).join(", "),
      next: () => network.nextAddress(),
      handOut: (ip) => network.subnetOf(ip)?.pool.handOut(ip),
      reserve: (ip, owner) => (network.subnetOf(ip) ?? network.subnets[0]!).pool.reserve(ip, owner, name),
    });
    const problems: Problem[] = [];
    swarm.addresses.reservePins(problems, name);
    if (problems.length > 0) throw new DockerError(problems.map(({ message }) => message).join("; "));
    return network;
  }

  /** What a network that is made later asks for is given to no other. */
  reserve({ name, subnets, vnis }: OverlaySpec): void {
    for (const subnet of subnets) {
      if (this.#subnets.overlaps(subnet)) throw Refusal.poolOverlaps();
      this.#subnets.take(subnet);
    }
    for (const vni of vnis) if (vni !== undefined) this.#vnis.add(vni);
    this.#reserved.add(name);
  }

  #takeSubnet(wanted: Cidr | undefined, isReserved: boolean): Cidr {
    if (wanted === undefined) {
      const subnet = this.#subnets.next();
      if (subnet !== undefined) return subnet;
      throw new DockerError(
        `could not find an available, non-overlapping IPv4 address pool among the defaults (${formatCidr(this.#pool.subnet)}) to assign to the network`,
      );
    }
    if (isReserved) return wanted;
    if (this.#subnets.overlaps(wanted)) throw Refusal.poolOverlaps();
    this.#subnets.take(wanted);
    return wanted;
  }

  /** The next free number; they are not handed out again before the end of the range. */
  #takeVni(wanted: number | undefined, isReserved: boolean): number {
    if (wanted !== undefined) {
      if (this.#vnis.has(wanted) && !isReserved)
        throw new DockerError(`could not assign vxlan id ${wanted} to pool: requested bit is already allocated`);
      this.#vnis.add(wanted);
      return wanted;
    }
    while (this.#vnis.has(this.#nextVni)) this.#nextVni = this.#nextVni === MAX_VNI ? FIRST_VNI : this.#nextVni + 1;
    this.#vnis.add(this.#nextVni);
    return this.#nextVni++;
  }

  /** `docker network rm` of an overlay; throws a {@link DockerError}. */
  remove(network: OverlayNetwork): void {
    const swarm = this.#swarm;
    if (network.isIngress) throw Refusal.predefined(network.name);
    for (const task of swarm.tasks)
      if (task.isLive && task.service.spec.networks.includes(network.name))
        throw Refusal.networkInUse(network.id, `service ${task.service.id}`);
    for (const engine of swarm.engines.values())
      for (const container of engine.containers.values())
        if (
          container.options.task === undefined &&
          container.attachments.has(network.name) &&
          container.state === "running"
        )
          throw Refusal.networkInUse(network.id, `task ${container.id.slice(0, 25)}`);
    swarm.networks.delete(network.name);
    for (const { subnet, vni } of network.subnets) {
      this.#subnets.release(subnet);
      this.#vnis.delete(vni);
    }
    swarm.names.forget(network.id);
    swarm.bindings.forget(network);
  }

  /** A plain container's address in an overlay: the one that was asked for, or the next; throws a {@link DockerError}. */
  attach(engine: Engine, network: OverlayNetwork, wanted: number | undefined, owner: string): number {
    if (!network.isAttachable) throw Refusal.notAttachable(network.name);
    const ip = wanted ?? this.#swarm.addresses.take(owner, network.name);
    if (ip === undefined) throw Refusal.noAddress();
    if (wanted !== undefined) {
      const pool = network.subnetOf(ip)?.pool;
      if (pool === undefined) throw Refusal.outsideSubnets(ip);
      if (pool.reserve(ip, owner, network.name) !== undefined) throw Refusal.addressInUse();
    }
    if (this.balancerAddress(network, engine.node) === undefined) throw Refusal.noAddress();
    return ip;
  }

  /** The address of a node's load balancer in a network; taken with the first need for it. */
  balancerAddress(network: OverlayNetwork, node: SwarmNode): number | undefined {
    const { loadBalancers } = this.#swarm.addresses.networks.get(network.name)!;
    const existing = loadBalancers.get(node.name);
    if (existing !== undefined) return existing;
    const ip = this.#swarm.addresses.takeBalancer(network.name, node.name);
    if (ip !== undefined) loadBalancers.set(node.name, ip);
    return ip;
  }

  /** The node has left the network: its load balancer's address is free, unless a task is on its way there. */
  releaseBalancer(network: OverlayNetwork, node: SwarmNode): void {
    for (const task of this.#swarm.tasks)
      if (task.node === node && task.isLive && task.addresses.has(network.name)) return;
    const { loadBalancers } = this.#swarm.addresses.networks.get(network.name) ?? {
      loadBalancers: new Map<string, number>(),
    };
    const ip = loadBalancers.get(node.name);
    if (ip === undefined) return;
    loadBalancers.delete(node.name);
    network.release(ip);
  }
}
