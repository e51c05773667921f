/**
 * Overlay networks on one node (libnetwork drivers/overlay): a namespace with a bridge and a vxlan device for each
 * subnet, made when the first of the network's endpoints comes to the node, and the load balancer's endpoint, which is
 * the first (network.go, createLoadBalancerSandbox); then endpoints.
 *
 * Not modelled: IPv6 underlays.
 */
import { Refusal } from "./docker-error.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Engine } from "./engine.ts";
import type { LoadBalancer } from "./load-balancer.ts";
import { macOf } from "./bridge-driver.ts";
import type { OverlayNetwork, OverlaySubnet } from "./network.ts";
import { Gate, type Operation } from "./operation.ts";
import { Sandbox } from "./sandbox.ts";
import { type BalancedService, joinServiceBindings } from "./service-binding.ts";

const NONE: readonly never[] = [];

const INGRESS_SANDBOX = "ingress_sbox";

/** Name of a node's load-balancer endpoint in a network, as scenarios and recordings have it. */
export function balancerName(network: OverlayNetwork): string {
  return network.isIngress ? INGRESS_SANDBOX : `lb-${network.name}`;
}

/** What a node has of an overlay. */
export class LocalOverlay {
  readonly network: OverlayNetwork;
  readonly netns: string;
  /** Opens when it can be joined. */
  readonly ready: Gate = new Gate();
  /** Endpoints of containers and tasks; when the last one leaves all goes. */
  joined = 0;
  balancer: Endpoint | undefined = undefined;
  /** Services that the node balances here. */
  readonly services: Map<BalancedService, LoadBalancer> = new Map();
  /** What is still to be done for them, when somebody looks. */
  #deferred: (() => void) | undefined = undefined;
  /** Virtual IPs that the balancer has. */
  readonly vips: Set<number> = new Set();
  /** What the balancer sends on has its own address. */
  masksSource = false;
  /** IPVS works there as Docker wants it. */
  isTweaked = false;
  #nextPort = 0;
  readonly #usedPorts = new Set<number>();
  readonly #subnets: OverlaySubnet[] = [];

  readonly #generation: number;

  /** `generation`: how often the node has had it before. */
  constructor(network: OverlayNetwork, generation: number) {
    this.network = network;
    this.#generation = generation;
    this.netns = `overlay-${network.name}`;
  }

  /** Backends are put into the kernel when somebody looks there, or others come. */
  deferBackends(action: () => void): void {
    this.#deferred = action;
  }

  catchUp(): void {
    const action = this.#deferred;
    this.#deferred = undefined;
    action?.();
  }

  /** Of the bridge or a vxlan device. */
  mac(engine: Engine, device: string): number {
    return engine.random(`mac:${this.netns}/${device}:${this.#generation}`).mac();
  }

  /** `vethN`: numbers are not used again, also in releases whose containers do so. */
  nextPort(pinned: number | undefined): string {
    // A number that was pinned for somebody is that of the first who has the name.
    const number = pinned === undefined || this.#usedPorts.has(pinned) ? this.#nextPort : pinned;
    this.#usedPorts.add(number);
    this.#nextPort = Math.max(this.#nextPort, number + 1);
    return `veth${number}`;
  }

  /** Number of the subnet's bridge and vxlan device; negative: it has none yet. */
  subnetNumber(subnet: OverlaySubnet): number {
    return this.#subnets.indexOf(subnet);
  }

  addSubnet(subnet: OverlaySubnet): number {
    return this.#subnets.push(subnet) - 1;
  }
}

/**
 * The network's part on this node, made if it is not there (ov_network.go, joinSandbox). Whoever `joins` it keeps it from
 * going with the last of the others meanwhile.
 */
export function* localOverlay(engine: Engine, network: OverlayNetwork, joins: 0 | 1 = 0): Operation<LocalOverlay> {
  const existing = engine.overlays.get(network.name);
  if (existing !== undefined) {
    existing.joined += joins;
    if (!existing.ready.isOpen) {
      yield existing.ready;
      yield engine.cost("stagger");
    }
    return existing;
  }
  const ip = engine.swarm.networkAllocator.balancerAddress(network, engine.node);
  if (ip === undefined) throw Refusal.noAddress();
  const overlay = new LocalOverlay(network, engine.made(network.name));
  overlay.joined = joins;
  engine.overlays.set(network.name, overlay);
  engine.encryption.secure(network);
  engine.addNetns(overlay.netns);
  yield* addBalancer(engine, overlay, ip);
  overlay.ready.open();
  joinServiceBindings(engine, overlay);
  return overlay;
}

/** initSubnetSandbox: the bridge first, which announces its multicast group before it has a port. */
function* addSubnet(engine: Engine, overlay: LocalOverlay, subnet: OverlaySubnet): Operation<string> {
  const number = overlay.addSubnet(subnet);
  const bridge = `br${number}`;
  const vxlan = `vxlan${number}`;
  const { netns, network } = overlay;
  const place = { node: engine.name, netns };
  const { mtu } = network;
  engine.ask({
    kind: "bridge-add",
    ...place,
    device: bridge,
    mac: overlay.mac(engine, bridge),
    hasFixedMac: false,
    mtu,
  });
  engine.ask({
    kind: "address-add",
    ...place,
    device: bridge,
    ip: subnet.gateway,
    prefixLength: subnet.subnet.prefixLength,
  });
  engine.ask({ kind: "link-up", ...place, device: bridge });
  if (engine.version.triesVxlan && !engine.hasTriedVxlan) {
    engine.hasTriedVxlan = true;
    engine.ask({ kind: "link-try", node: engine.name, netns: "host", device: "testvxlan" });
  }
  yield engine.cost("vxlan");
  engine.ask({
    kind: "vxlan-add",
    ...place,
    device: vxlan,
    mac: overlay.mac(engine, vxlan),
    mtu,
    vni: subnet.vni,
    port: engine.swarm.dataPathPort,
    network: network.name,
  });
  engine.ask({ kind: "link-master", ...place, device: vxlan, master: bridge });
  engine.ask({ kind: "link-up", ...place, device: vxlan });
  return bridge;
}

function* addBalancer(engine: Engine, overlay: LocalOverlay, ip: number): Operation {
  const { network } = overlay;
  const sandbox = new Sandbox(
    engine,
    balancerName(network),
    `${balancerName(network)}:${engine.made(`balancer ${network.name}`)}`,
  );
  engine.balancers.set(network.name, sandbox);
  engine.addNetns(sandbox.netns);
  sandbox.isPopulated = true;
  const endpoint = yield* createOverlayEndpoint(engine, overlay, sandbox, {
    name: `${network.name}-endpoint`,
    shortName: sandbox.netns,
    ip,
    afterBridge: engine.cost("loadBalancer"),
  });
  overlay.balancer = endpoint;
  yield engine.cost("loadBalancerUp");
  sandbox.attach(endpoint);
  sandbox.startResolver();
}

export interface OverlayEndpointOptions {
  readonly name: string;
  /** As `pins.ports` calls it. */
  readonly shortName: string;
  readonly ip: number;
  readonly aliases?: readonly string[];
  /** Of its service. */
  readonly vip?: number;
  /** Pause behind the making of the bridge and the vxlan device. */
  readonly afterBridge?: number;
}

/** An endpoint of the sandbox with its port on the bridge (joinleave.go, Join); the other end of the pair is down still. */
export function* createOverlayEndpoint(
  engine: Engine,
  overlay: LocalOverlay,
  sandbox: Sandbox,
  options: OverlayEndpointOptions,
): Operation<Endpoint> {
  const { network, netns } = overlay;
  const { ip, name } = options;
  const subnet = network.subnetOf(ip);
  if (subnet === undefined) throw Refusal.outsideSubnets(ip);
  const number = overlay.subnetNumber(subnet);
  const bridge = number < 0 ? yield* addSubnet(engine, overlay, subnet) : `br${number}`;
  if (options.afterBridge !== undefined) yield options.afterBridge;
  const device = sandbox.reserveInterface(network.name);
  const pins = engine.swarm.choices.ports.get(`${engine.name}/${netns}`);
  const port = overlay.nextPort(pins?.get(options.shortName));
  const place = { node: engine.name, netns };
  const mac = macOf(ip);
  const { chance, join, random } = sandbox.nextChance();
  engine.ask({
    kind: "veth-add",
    ...place,
    device: port,
    mac: random.mac(),
    mtu: network.mtu,
    peer: { netns: sandbox.netns, device, mac },
    bornInside: false,
  });
  engine.ask({ kind: "link-master", ...place, device: port, master: bridge });
  engine.ask({ kind: "link-up", ...place, device: port });
  engine.swarm.publishPeer(engine, network, ip, mac, options.shortName);
  const others = network.subnets.length === 1 ? NONE : network.subnets.filter((other) => other !== subnet);
  const routes = others.map((other) => ({
    destination: other.subnet.address,
    prefixLength: other.subnet.prefixLength,
    via: subnet.gateway,
  }));
  return {
    chance,
    join,
    name,
    network,
    ip,
    prefixLength: subnet.subnet.prefixLength,
    mac,
    mtu: network.mtu,
    portNetns: netns,
    port,
    gateway: undefined,
    routes,
    aliases: options.aliases ?? NONE,
    answersFor: network.isDsr ? options.vip : undefined,
    holder: options.shortName,
    isGateway: false,
    device,
    isUp: false,
    names: undefined,
    binding: undefined,
  };
}

export function deleteOverlayEndpoint(engine: Engine, overlay: LocalOverlay, endpoint: Endpoint): void {
  engine.swarm.withdrawPeer(engine, overlay.network, endpoint.ip, endpoint.mac, endpoint.holder);
  engine.ask({ kind: "link-delete", node: engine.name, netns: endpoint.portNetns, device: endpoint.port });
}

/** The last container has left: the load balancer's endpoint goes, and the namespaces with it. */
export function removeOverlay(engine: Engine, overlay: LocalOverlay): void {
  const { network } = overlay;
  engine.overlays.delete(network.name);
  const sandbox = engine.balancers.get(network.name);
  if (sandbox !== undefined) {
    engine.balancers.delete(network.name);
    sandbox.leaveGateway();
    if (overlay.balancer !== undefined) deleteOverlayEndpoint(engine, overlay, overlay.balancer);
    // What it has not announced yet it need not.
    sandbox.endpoints.length = 0;
    sandbox.stopResolver();
    engine.ask({ kind: "netns-delete", node: engine.name, netns: sandbox.netns });
  }
  engine.ask({ kind: "netns-delete", node: engine.name, netns: overlay.netns });
  engine.encryption.release(network);
  // A node that is off keeps its place.
  if (engine.isOn) engine.swarm.networkAllocator.releaseBalancer(network, engine.node);
}
