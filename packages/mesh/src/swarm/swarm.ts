/**
 * A Docker swarm as a state machine: what its managers have decided and its engines have made. Nothing here forwards a
 * frame or knows a device of the engine: operations ask the {@link Host} for requests as they go (./request.ts), and wait
 * for time to pass. Operations of one engine are in ./container.ts, those of services in ./orchestrator.ts.
 *
 * Not modelled: raft, several managers that disagree, certificates.
 */
import type { ClusterNode } from "../scenario/scenario.ts";
import type { Cidr, LinkProperties, OverlayNetwork as NetworkSpec } from "../scenario/scenario.ts";
import { DockerCost } from "../costs.ts";
import { Random } from "../sim/random.ts";
import { createBridge } from "./bridge-driver.ts";
import { Firewall } from "./bridge-rules.ts";
import { addressAt, formatCidr, isHost } from "./cidr.ts";
import { NO_TROUBLE, type Trouble } from "./connectivity.ts";
import { Dispatcher } from "./dispatcher.ts";
import { DockerError, Refusal } from "./docker-error.ts";
import { EncryptedPeers } from "./encrypted-peers.ts";
import { Engine } from "./engine.ts";
import { Gossip } from "./gossip.ts";
import { complete, swarmId } from "./identifier.ts";
import { AddressAllocator, type Pins } from "./ipam.ts";
import { KeyManager, type PinnedKeys } from "./key-manager.ts";
import { Membership } from "./membership.ts";
import { Names } from "./names.ts";
import { FIRST_VNI, MAX_VNI } from "./networks.ts";
import { OverlayNetwork } from "./network.ts";
import type { Host, Operation } from "./operation.ts";
import { localOverlay } from "./overlay-driver.ts";
import { PoweredHost } from "./power.ts";
import { SubnetAllocator, type SubnetPool } from "./pool.ts";
import { PortAllocator } from "./port-allocator.ts";
import type { Problem } from "./problem.ts";
import type { ServiceState, Task } from "./service.ts";
import { ServiceBindings } from "./service-binding.ts";
import { ResolverRules } from "./task-rules.ts";
import type { Version } from "./version.ts";

const OFF: Trouble = { ...NO_TROUBLE, isOff: true };

/** What a cable loses from the start. */
function ofCable({ loss }: LinkProperties): Trouble {
  return { ...NO_TROUBLE, lossOut: loss, lossIn: loss };
}

/** A machine of the swarm. */
export interface SwarmNode extends ClusterNode {
  /** 25 digits. */
  readonly id: string;
  /** Its number in the cluster, from 0. */
  readonly index: number;
  readonly version: Version;
  readonly labels: Map<string, string>;
}

/** Choices that are arbitrary in reality, made by whoever wants to know the outcome. */
export interface Choices {
  /** Task to node. */
  readonly placement: ReadonlyMap<string, string>;
  readonly addresses: Pins;
  /** Container or task to the identifier of its container, or the first digits. */
  readonly containers: ReadonlyMap<string, string>;
  /** Task to the identifiers of those that have its slot, one after the other. */
  readonly tasks: ReadonlyMap<string, readonly string[]>;
  /** Task to the nodes of those that have its slot, one after the other. */
  readonly nodes: ReadonlyMap<string, readonly string[]>;
  readonly networks: ReadonlyMap<string, string>;
  /** Container or task to the networks of eth0, eth1 …; docker_gwbridge may be one. */
  readonly interfaces: ReadonlyMap<string, readonly string[]>;
  /** `NODE/NETWORK` to the MAC address of that network's bridge. */
  readonly macs: ReadonlyMap<string, number>;
  /** `NODE/overlay-NET` to container, task or `lb-NET` to the number of its port there; who has the lower starts first. */
  readonly ports: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** `NODE/lb-NET` or `NODE/ingress_sbox` to service to the tasks that get its connections there, in this order. */
  readonly balancing: ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>;
  /** Service to its slots in the order in which updates take them. */
  readonly turns: ReadonlyMap<string, readonly string[]>;
  /** Of encrypted overlays. */
  readonly keys: PinnedKeys;
}

export const NO_CHOICES: Choices = {
  placement: new Map(),
  addresses: new Map(),
  containers: new Map(),
  tasks: new Map(),
  nodes: new Map(),
  networks: new Map(),
  interfaces: new Map(),
  macs: new Map(),
  ports: new Map(),
  balancing: new Map(),
  turns: new Map(),
  keys: { values: [], firstTag: undefined },
};

export interface SwarmOptions {
  readonly nodes: readonly (ClusterNode & { readonly version: Version })[];
  readonly underlay: Cidr;
  readonly dataPathPort: number;
  /** `dockerd --dns`. */
  readonly dns: readonly number[];
  readonly keyRotation: number;
  readonly pool: SubnetPool;
  readonly seed: number;
  readonly choices: Choices;
  /** How long after its start a container of an image is healthy, in nanoseconds; Infinity: never. Default: at once. */
  readonly healthyAfter?: (image: string) => number;
  /** And how long after it the container fails all checks. Default: it never does. */
  readonly unhealthyAfter?: (image: string) => number;
  /** Nobody has the image. */
  readonly isMissing?: (image: string) => boolean;
}

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

const INGRESS = "ingress";
export const OVERLAY_MTU = 1450;
/** Images whose first process ends by SIGTERM; of the others it is assumed that it does not notice. */
const ENDS_BY_SIGNAL = new Set([
  "nginx",
  "httpd",
  "postgres",
  "redis",
  "mysql",
  "mariadb",
  "traefik",
  "traefik/whoami",
]);

export class Swarm {
  readonly host: Host;
  readonly seed: number;
  readonly choices: Choices;
  /** Who has the identifier that a scenario gives to a container of its name: the first one. */
  readonly identified: Set<string> = new Set();
  readonly underlay: Cidr;
  readonly dataPathPort: number;
  readonly dns: readonly number[];
  /** Nanoseconds from one new key of encrypted overlays to the next. */
  readonly keyRotation: number;
  readonly nodes: readonly SwarmNode[];
  readonly engines: ReadonlyMap<string, Engine>;
  readonly networks: Map<string, OverlayNetwork> = new Map();
  readonly services: Map<string, ServiceState> = new Map();
  /** All tasks that are remembered, in the order of their making. */
  readonly tasks: Set<Task> = new Set();
  /** How many tasks each node has. */
  readonly load: Map<ClusterNode, number> = new Map();
  /** Of each node, which task has which of its ports: `8080/tcp`. */
  readonly hostPorts: Map<ClusterNode, Map<string, string>> = new Map();
  /** When tasks that wait for a node are looked at next, if some end before. */
  schedulesAt: number = Number.NEGATIVE_INFINITY;
  /** Of the routing mesh. */
  readonly dynamicPorts: PortAllocator = new PortAllocator();
  readonly gossip: Gossip;
  readonly keys: KeyManager;
  readonly encryptedPeers: EncryptedPeers = new EncryptedPeers(this);
  readonly names: Names;
  readonly membership: Membership = new Membership(this);
  readonly dispatcher: Dispatcher = new Dispatcher(this);
  readonly bindings: ServiceBindings = new ServiceBindings(this);
  readonly addresses: AddressAllocator;
  readonly resolverRules: ResolverRules = new ResolverRules();
  readonly subnets: SubnetAllocator;
  readonly healthyAfter: (image: string) => number;
  readonly unhealthyAfter: (image: string) => number;
  readonly isMissing: (image: string) => boolean;
  #troubles: ReadonlyMap<number, Trouble>;
  readonly #pool: SubnetPool;
  readonly #firewalls = new Map<Version, Firewall>();
  readonly #vnis = new Set<number>();
  /** Networks whose subnet and number are set aside already. */
  readonly #reserved = new Set<string>();
  #nextVni = FIRST_VNI;
  readonly #made = new Map<string, number>();

  constructor(options: SwarmOptions, host: Host) {
    this.host = new PoweredHost(host, (node) => this.engines.get(node));
    this.seed = options.seed;
    this.choices = options.choices;
    this.underlay = options.underlay;
    this.dataPathPort = options.dataPathPort;
    this.dns = options.dns;
    this.healthyAfter = options.healthyAfter ?? ((): number => 0);
    this.unhealthyAfter = options.unhealthyAfter ?? ((): number => Number.POSITIVE_INFINITY);
    this.isMissing = options.isMissing ?? ((): boolean => false);
    this.keyRotation = options.keyRotation;
    this.#pool = options.pool;
    this.nodes = options.nodes.map((node, index) => ({
      ...node,
      labels: new Map(node.labels),
      index,
      id: swarmId(this.random(`node:${node.name}`)),
    }));
    const [first] = this.nodes;
    this.subnets = new SubnetAllocator([options.pool], first?.version.subnet === "next");
    this.#troubles = new Map(options.nodes.map(({ link }, node) => [node, ofCable(link)]));
    this.gossip = new Gossip(
      options.seed,
      options.nodes.map(({ ip }) => ip),
      this.#troubles,
    );
    this.keys = new KeyManager(options.seed, options.choices.keys);
    this.names = new Names(this.gossip);
    this.addresses = new AddressAllocator(options.choices.addresses);
    this.engines = new Map(this.nodes.map((node) => [node.name, new Engine(this, node)]));
  }

  /** Chance for one purpose in the cluster. */
  random(purpose: string): Random {
    return new Random(this.seed, purpose);
  }

  /** How often something of that name was made before. */
  made(name: string): number {
    const made = this.#made.get(name) ?? 0;
    this.#made.set(name, made + 1);
    return made;
  }

  firewallOf(version: Version): Firewall {
    let firewall = this.#firewalls.get(version);
    if (firewall === undefined) {
      firewall = new Firewall(version);
      this.#firewalls.set(version, firewall);
    }
    return firewall;
  }

  /** How long a step of the engines takes, in nanoseconds. */
  cost(step: keyof typeof DockerCost): number {
    return this.host.pace(`docker.${step}`, DockerCost[step]);
  }

  engine(node: string): Engine {
    const engine = this.engines.get(node);
    if (engine === undefined) throw Refusal.nodeNotFound(node);
    return engine;
  }

  /** What is wrong with the nodes' connections is this from now on, if it is given; `troubles` by their numbers. */
  changeConnections(troubles: ReadonlyMap<number, Trouble> = this.#troubles): void {
    this.#troubles = troubles;
    const off = [...this.engines.values()].filter(({ isRunning }) => !isRunning);
    const all = new Map([...troubles, ...off.map(({ node }) => [node.index, OFF] as const)]);
    if (!this.gossip.change(this.host.now, all)) return;
    this.membership.changed(this.gossip.epoch.troubled);
    this.dispatcher.changed();
  }

  /** The leader of the managers. */
  get manager(): Engine {
    const { leader } = this.dispatcher;
    if (leader !== undefined) return leader;
    const node = this.nodes.find(({ role }) => role === "manager") ?? this.nodes[0];
    return this.engine(node?.name ?? "");
  }

  get ingress(): OverlayNetwork | undefined {
    return this.networks.get(INGRESS);
  }

  /** A server, or a shell that says so itself: `sh -c 'trap "exit 0" TERM; …'`. */
  endsBySignal(image: string, argv: readonly string[]): boolean {
    if (argv.some((word) => /\btrap\s[^;&|]*\b(?:SIG)?TERM\b/.test(word))) return true;
    const name = image.replace(/@.*$/, "").replace(/:[\w.-]+$/, "");
    return ENDS_BY_SIGNAL.has(name.replace(/^(?:docker\.io\/)?(?:library\/)?/, ""));
  }

  /** The engines start and form a swarm: docker0, the ingress network, ingress_sbox on every node. */
  start(): void {
    this.createIngress();
    const ingress = this.networks.get(INGRESS)!;
    for (const engine of this.engines.values()) {
      // swarmkit gives a node its address in the ingress network as it joins; in a subnet that is used up, none.
      this.balancerAddress(ingress, engine.node);
      this.host.start(engine.name, this.#startEngine(engine), 0);
    }
  }

  *#startEngine(engine: Engine): Operation {
    engine.ask({ kind: "sysctl", node: engine.name, netns: "host", key: "net.ipv4.ip_forward", value: 1 });
    engine.firewall.start(engine.program("host"));
    createBridge(engine, { name: "bridge", device: "docker0" });
    const ingress = this.networks.get(INGRESS);
    if (ingress === undefined || this.addresses.networks.get(INGRESS)?.loadBalancers.has(engine.name) !== true) return;
    yield* localOverlay(engine, ingress);
    yield* engine.balancers.get(INGRESS)!.joinGateway();
  }

  createIngress(): void {
    this.addNetwork({
      name: INGRESS,
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
  addNetwork(spec: OverlaySpec): OverlayNetwork {
    const { name } = spec;
    if (this.networks.has(name)) throw Refusal.networkExists(name);
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
        this.choices.networks.get(name),
        swarmId(this.random(`network:${name}:${this.made(`network ${name}`)}`)),
      ),
      subnets,
      mtu: spec.mtu,
      isEncrypted: spec.encrypted,
      isAttachable: spec.attachable,
      isInternal: spec.internal,
      isIngress: name === INGRESS,
      isDsr: spec.dsr === true,
      createdAt: this.host.now,
    });
    this.networks.set(name, network);
    this.addresses.add(name, {
      subnet: subnets.map(({ subnet }) => formatCidr(subnet)).join(", "),
      next: () => network.nextAddress(),
      handOut: (ip) => network.subnetOf(ip)?.pool.handOut(ip),
      reserve: (ip, owner) => (network.subnetOf(ip) ?? network.subnets[0]!).pool.reserve(ip, owner, name),
    });
    const problems: Problem[] = [];
    this.addresses.reservePins(problems, name);
    if (problems.length > 0) throw new DockerError(problems.map(({ message }) => message).join("; "));
    return network;
  }

  /** What a network that is made later asks for is given to no other. */
  reserve({ name, subnets, vnis }: OverlaySpec): void {
    for (const subnet of subnets) {
      if (this.subnets.overlaps(subnet)) throw Refusal.poolOverlaps();
      this.subnets.take(subnet);
    }
    for (const vni of vnis) if (vni !== undefined) this.#vnis.add(vni);
    this.#reserved.add(name);
  }

  #takeSubnet(wanted: Cidr | undefined, isReserved: boolean): Cidr {
    if (wanted === undefined) {
      const subnet = this.subnets.next();
      if (subnet !== undefined) return subnet;
      throw new DockerError(
        `could not find an available, non-overlapping IPv4 address pool among the defaults (${formatCidr(this.#pool.subnet)}) to assign to the network`,
      );
    }
    if (isReserved) return wanted;
    if (this.subnets.overlaps(wanted)) throw Refusal.poolOverlaps();
    this.subnets.take(wanted);
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
  removeNetwork(network: OverlayNetwork): void {
    if (network.isIngress) throw Refusal.predefined(network.name);
    for (const task of this.tasks)
      if (task.isLive && task.service.spec.networks.includes(network.name))
        throw Refusal.networkInUse(network.id, `service ${task.service.id}`);
    for (const engine of this.engines.values())
      for (const container of engine.containers.values())
        if (
          container.options.task === undefined &&
          container.attachments.has(network.name) &&
          container.state === "running"
        )
          throw Refusal.networkInUse(network.id, `task ${container.id.slice(0, 25)}`);
    this.networks.delete(network.name);
    for (const { subnet, vni } of network.subnets) {
      this.subnets.release(subnet);
      this.#vnis.delete(vni);
    }
    this.names.forget(network.id);
    this.bindings.forget(network);
  }

  /** A plain container's address in an overlay: the one that was asked for, or the next; throws a {@link DockerError}. */
  attach(engine: Engine, network: OverlayNetwork, wanted: number | undefined, owner: string): number {
    if (!network.isAttachable) throw Refusal.notAttachable(network.name);
    const ip = wanted ?? this.addresses.take(owner, network.name);
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
    const { loadBalancers } = this.addresses.networks.get(network.name)!;
    const existing = loadBalancers.get(node.name);
    if (existing !== undefined) return existing;
    const ip = this.addresses.takeBalancer(network.name, node.name);
    if (ip !== undefined) loadBalancers.set(node.name, ip);
    return ip;
  }

  /** The node has left the network: its load balancer's address is free, unless a task is on its way there. */
  releaseBalancer(network: OverlayNetwork, node: SwarmNode): void {
    for (const task of this.tasks) if (task.node === node && task.isLive && task.addresses.has(network.name)) return;
    const { loadBalancers } = this.addresses.networks.get(network.name) ?? { loadBalancers: new Map<string, number>() };
    const ip = loadBalancers.get(node.name);
    if (ip === undefined) return;
    loadBalancers.delete(node.name);
    network.release(ip);
  }

  /** The managers renew the keys of encrypted overlays from now on, and each engine hears of it (keymanager.go, Run). */
  renewKeys(): void {
    for (const { name, role } of this.nodes) if (role === "manager") this.renewKeysBy(this.engine(name));
  }

  /** A manager has started; it renews them if it leads when it is time. */
  renewKeysBy(manager: Engine): void {
    this.host.start(manager.name, this.#renewKeys(manager), this.keyRotation);
  }

  *#renewKeys(manager: Engine): Operation {
    for (;;) {
      if (this.dispatcher.leader === manager) {
        this.keys.rotate();
        for (const engine of this.engines.values()) this.host.start(engine.name, this.#sendKeys(engine), 0);
      }
      yield this.keyRotation;
    }
  }

  /** An agent gets the new keys, if it has a session; else when it has one again. */
  *#sendKeys(engine: Engine): Operation {
    yield engine.cost("dispatch");
    if (this.dispatcher.hasSession(engine)) engine.encryption.updateKeys();
  }

  publishPeer(engine: Engine, network: OverlayNetwork, ip: number, mac: number, holder: string): void {
    this.encryptedPeers.join(engine, network);
    this.encryptedPeers.add(engine, network, ip);
    this.host.request({
      kind: "peer-add",
      node: engine.name,
      network: network.name,
      ip,
      mac,
      vtep: engine.node.ip,
      holder,
    });
  }

  withdrawPeer(engine: Engine, network: OverlayNetwork, ip: number, mac: number, holder: string): void {
    this.encryptedPeers.delete(engine, network, ip);
    this.host.request({
      kind: "peer-delete",
      node: engine.name,
      network: network.name,
      ip,
      mac,
      vtep: engine.node.ip,
      holder,
    });
  }
}
