/**
 * A Docker swarm as a state machine: what its managers have decided and its engines have made. Nothing here forwards a
 * frame or knows a device of the engine: operations ask the {@link Host} for requests as they go (./request.ts), and wait
 * for time to pass. Operations of one engine are in ./container.ts, those of services in ./orchestrator.ts.
 *
 * Not modelled: raft, several managers that disagree, certificates.
 */
import type { ClusterNode } from "../scenario/scenario.ts";
import type { Cidr, LinkProperties } from "../scenario/scenario.ts";
import { DockerCost } from "../costs.ts";
import { Random } from "../sim/random.ts";
import { createBridge } from "./bridge-driver.ts";
import { Firewall } from "./bridge-rules.ts";
import type { Choices } from "./choices.ts";
import { NO_TROUBLE, type Trouble } from "./connectivity.ts";
import { Dispatcher } from "./dispatcher.ts";
import { Refusal } from "./docker-error.ts";
import { EncryptedPeers } from "./encrypted-peers.ts";
import { Engine } from "./engine.ts";
import { Gossip } from "./gossip.ts";
import { swarmId } from "./identifier.ts";
import { AddressAllocator } from "./ipam.ts";
import { KeyManager } from "./key-manager.ts";
import { Membership } from "./membership.ts";
import { Names } from "./names.ts";
import { INGRESS } from "./networks.ts";
import { NetworkAllocator } from "./network-allocator.ts";
import type { OverlayNetwork } from "./network.ts";
import type { Host, Operation } from "./operation.ts";
import { localOverlay } from "./overlay-driver.ts";
import { PoweredHost } from "./power.ts";
import type { SubnetPool } from "./pool.ts";
import { PortAllocator } from "./port-allocator.ts";
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
  readonly networkAllocator: NetworkAllocator;
  readonly healthyAfter: (image: string) => number;
  readonly unhealthyAfter: (image: string) => number;
  readonly isMissing: (image: string) => boolean;
  #troubles: ReadonlyMap<number, Trouble>;
  readonly #firewalls = new Map<Version, Firewall>();
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
    this.nodes = options.nodes.map((node, index) => ({
      ...node,
      labels: new Map(node.labels),
      index,
      id: swarmId(this.random(`node:${node.name}`)),
    }));
    this.networkAllocator = new NetworkAllocator(this, options.pool);
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
    return this.networks.get(INGRESS.name);
  }

  /** A server, or a shell that says so itself: `sh -c 'trap "exit 0" TERM; …'`. */
  endsBySignal(image: string, argv: readonly string[]): boolean {
    if (argv.some((word) => /\btrap\s[^;&|]*\b(?:SIG)?TERM\b/.test(word))) return true;
    const name = image.replace(/@.*$/, "").replace(/:[\w.-]+$/, "");
    return ENDS_BY_SIGNAL.has(name.replace(/^(?:docker\.io\/)?(?:library\/)?/, ""));
  }

  /** The engines start and form a swarm: docker0, the ingress network, ingress_sbox on every node. */
  start(): void {
    const ingress = this.networkAllocator.addIngress();
    for (const engine of this.engines.values()) {
      // swarmkit gives a node its address in the ingress network as it joins; in a subnet that is used up, none.
      this.networkAllocator.balancerAddress(ingress, engine.node);
      this.host.start(engine.name, this.#startEngine(engine), 0);
    }
  }

  *#startEngine(engine: Engine): Operation {
    engine.ask({ kind: "sysctl", node: engine.name, netns: "host", key: "net.ipv4.ip_forward", value: 1 });
    engine.firewall.start(engine.program("host"));
    createBridge(engine, { name: "bridge", device: "docker0" });
    const ingress = this.networks.get(INGRESS.name);
    if (ingress === undefined || this.addresses.networks.get(INGRESS.name)?.loadBalancers.has(engine.name) !== true)
      return;
    yield* localOverlay(engine, ingress);
    yield* engine.balancers.get(INGRESS.name)!.joinGateway();
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
