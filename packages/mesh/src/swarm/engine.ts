/**
 * One node's Docker engine: the networks, sandboxes and containers that it has, and where it asks the kernel for them.
 * What it does with them is in ./bridge-driver.ts, ./overlay-driver.ts, ./sandbox.ts and ./container.ts.
 */
import type { DockerCost } from "../costs.ts";
import { Random } from "../sim/random.ts";
import type { Firewall } from "./bridge-rules.ts";
import type { Container } from "./container.ts";
import { Encryption } from "./encryption.ts";
import { HostPorts } from "./host-ports.ts";
import { hexId } from "./identifier.ts";
import { Ingress } from "./ingress.ts";
import { FIRST_MARK } from "./load-balancer.ts";
import type { LocalOverlay } from "./overlay-driver.ts";
import type { BridgeNetwork, Network, PlainNetwork } from "./network.ts";
import type { Host } from "./operation.ts";
import { LOCAL_POOLS, SubnetAllocator } from "./pool.ts";
import type { Request, RuleChange, Table } from "./request.ts";
import type { Sandbox } from "./sandbox.ts";
import type { Swarm, SwarmNode } from "./swarm.ts";
import type { Version } from "./version.ts";

export class Engine {
  readonly swarm: Swarm;
  readonly node: SwarmNode;
  readonly version: Version;
  readonly firewall: Firewall;
  /** docker0's, docker_gwbridge's and those that were made, by name, in the order of their making. */
  readonly bridges: Map<string, BridgeNetwork> = new Map();
  readonly plain: ReadonlyMap<string, PlainNetwork>;
  /** Overlays that have something on this node, by name. */
  readonly overlays: Map<string, LocalOverlay> = new Map();
  /** By identifier, in the order of their making. */
  readonly containers: Map<string, Container> = new Map();
  readonly names: Map<string, Container> = new Map();
  /** Names of namespaces that containers have. */
  readonly namespaces: Set<string> = new Set();
  readonly subnets: SubnetAllocator = new SubnetAllocator(LOCAL_POOLS, false);
  /** Ports of the node that lead to containers. */
  readonly ports: HostPorts = new HostPorts();
  /** Sandboxes of load balancers, `ingress_sbox` among them. */
  readonly balancers: Map<string, Sandbox> = new Map();
  /** What leads from ports of the node to ingress_sbox. */
  readonly ingress: Ingress = new Ingress(this);
  /** The firewall mark of the next load balancer (libnetwork service.go, fwMarkCtr). */
  nextMark: number = FIRST_MARK;
  /** Whether tasks may run here, and new ones come. */
  availability: "active" | "pause" | "drain" = "active";
  /** Its machine has power. */
  isOn = true;
  /** dockerd runs. */
  isRunning = true;
  /** How often it has gone off. */
  life = 0;
  /** Numbers of the nodes that it holds for dead. */
  readonly lost: Set<number> = new Set();
  /** As the managers see it. */
  status: "ready" | "down" = "ready";
  hasTriedVxlan = false;
  readonly encryption: Encryption;
  readonly #made = new Map<string, number>();

  constructor(swarm: Swarm, node: SwarmNode) {
    this.swarm = swarm;
    this.node = node;
    this.version = node.version;
    this.firewall = swarm.firewallOf(node.version);
    this.encryption = new Encryption(this);
    const plain = (driver: "host" | "null", name: "host" | "none"): PlainNetwork => ({
      driver,
      scope: "local",
      name,
      id: hexId(this.random(`network:${name}`)),
      isInternal: false,
      isAttachable: false,
      createdAt: this.now,
    });
    this.plain = new Map([
      ["host", plain("host", "host")],
      ["none", plain("null", "none")],
    ]);
  }

  get name(): string {
    return this.node.name;
  }

  /** As which its gossip knows it (networkdb.go, DefaultConfig: a random identifier). */
  get peerName(): string {
    return hexId(this.random("networkdb"), 12);
  }

  get host(): Host {
    return this.swarm.host;
  }

  get now(): number {
    return this.swarm.host.now;
  }

  /** How long a step takes, in nanoseconds. */
  cost(step: keyof typeof DockerCost): number {
    return this.swarm.cost(step);
  }

  ask(request: Request): void {
    this.swarm.host.request(request);
  }

  /** Makes a namespace as this engine has them. */
  addNetns(netns: string): void {
    const { forwarding } = this.node.kernel;
    this.ask({ kind: "netns-add", node: this.name, netns, forwarding, disablesIpv6: this.version.disablesIpv6 });
  }

  /** Changes rules in a namespace. */
  program(netns: string): (table: Table, chain: string, change: RuleChange) => void {
    return (table, chain, change) => this.ask({ kind: "iptables", node: this.name, netns, table, chain, ...change });
  }

  /** Chance for one purpose on this node. */
  random(purpose: string): Random {
    return new Random(this.swarm.seed, `${purpose}:${this.node.name}`);
  }

  /** How often something of that name was made here before. */
  made(name: string): number {
    const made = this.#made.get(name) ?? 0;
    this.#made.set(name, made + 1);
    return made;
  }

  /** A network that something on this node can be in, by name or identifier. */
  network(name: string): Network | undefined {
    const local = this.bridges.get(name) ?? this.plain.get(name) ?? this.swarm.networks.get(name);
    if (local !== undefined) return local;
    const isIt = (network: Network): boolean => name.length >= 4 && network.id.startsWith(name);
    for (const networks of [this.bridges, this.plain, this.swarm.networks])
      for (const network of networks.values()) if (isIt(network)) return network;
    return undefined;
  }

  /** A container by name, by scenario name (a task without its identifier), or by the start of its identifier. */
  container(name: string): Container | undefined {
    let found = this.names.get(name);
    if (found !== undefined) return found;
    for (const container of this.containers.values()) {
      // Of several that had the slot the last.
      if (container.shortName === name) found = container;
      else if (name.length >= 4 && /^[0-9a-f]+$/.test(name) && container.id.startsWith(name)) found = container;
    }
    return found;
  }
}
