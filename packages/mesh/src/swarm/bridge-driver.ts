/**
 * Bridge networks of one engine (libnetwork drivers/bridge): docker0, docker_gwbridge, and what `docker network create`
 * makes; and endpoints in them.
 *
 * Not modelled: IPv6, user-given bridge names, gateway modes, routed networks.
 */
import type { Cidr } from "../scenario/scenario.ts";
import { addressAt, isHost } from "./cidr.ts";
import { DockerError, Refusal } from "./docker-error.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Engine } from "./engine.ts";
import { complete, hexId, vethName } from "./identifier.ts";
import { BridgeNetwork } from "./network.ts";
import type { Sandbox } from "./sandbox.ts";

const HOST = "host";
const DEFAULT_MTU = 1500;
/** Digits of the identifier in the name of the bridge. */
const SHORT_ID = 12;

const NONE: readonly never[] = [];

export interface BridgeOptions {
  readonly name: string;
  /** Default: `br-` and twelve digits of the identifier. */
  readonly device?: string;
  readonly subnet?: Cidr;
  readonly gateway?: number;
  readonly mtu?: number;
  readonly icc?: boolean;
  readonly isInternal?: boolean;
}

/** 02:42 and four bytes: of a new bridge at random, of an endpoint its address (netutils GenerateMACFromIP). */
export function macOf(ip: number): number {
  return 0x024200000000 + (ip >>> 0);
}

/** Makes the network; throws a {@link DockerError}. */
export function createBridge(engine: Engine, options: BridgeOptions): BridgeNetwork {
  const { name } = options;
  if (engine.bridges.has(name) || engine.plain.has(name)) throw Refusal.networkExists(name);
  const subnet = takeSubnet(engine, options.subnet);
  const gateway = options.gateway ?? addressAt(subnet, 1);
  if (!isHost(subnet, gateway)) throw new DockerError("failed to allocate gateway: Address not in the pool");
  const random = engine.random(`network:${name}:${engine.made(`network ${name}`)}`);
  const id = complete(engine.swarm.choices.networks.get(name), hexId(random));
  const mac = engine.version.bridgeMac === "02:42" ? macOf(random.int32()) : random.mac();
  const device = options.device ?? `br-${id.slice(0, SHORT_ID)}`;
  const network = new BridgeNetwork({
    name,
    id,
    device,
    mac: engine.swarm.choices.macs.get(`${engine.name}/${name}`) ?? mac,
    subnet,
    gateway,
    mtu: options.mtu ?? DEFAULT_MTU,
    icc: options.icc ?? true,
    isInternal: options.isInternal ?? false,
    isDefault: name === "bridge",
    createdAt: engine.now,
  });
  engine.bridges.set(name, network);
  const place = { node: engine.name, netns: HOST };
  engine.ask({ kind: "bridge-add", ...place, device, mac: network.mac, hasFixedMac: true, mtu: network.mtu });
  engine.ask({ kind: "address-add", ...place, device, ip: gateway, prefixLength: subnet.prefixLength });
  engine.firewall.addBridge(network, engine.program(HOST));
  engine.ask({ kind: "link-up", ...place, device });
  return network;
}

function takeSubnet(engine: Engine, wanted: Cidr | undefined): Cidr {
  if (wanted !== undefined) {
    if (engine.subnets.overlaps(wanted)) throw Refusal.poolOverlaps();
    engine.subnets.take(wanted);
    return wanted;
  }
  const subnet = engine.subnets.next([engine.swarm.underlay]);
  if (subnet === undefined)
    throw new DockerError(
      "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network",
    );
  return subnet;
}

/** The network has no endpoint any more. */
export function removeBridge(engine: Engine, network: BridgeNetwork): void {
  engine.bridges.delete(network.name);
  engine.subnets.release(network.subnet);
  engine.firewall.removeBridge(network, engine.program(HOST));
  engine.ask({ kind: "link-delete", node: engine.name, netns: HOST, device: network.device });
}

export interface EndpointOptions {
  readonly name: string;
  readonly ip?: number;
  readonly aliases?: readonly string[];
  readonly isGateway?: boolean;
}

/** An endpoint of the sandbox, with its port on the bridge; the other end of the pair is down still. */
export function createBridgeEndpoint(
  engine: Engine,
  network: BridgeNetwork,
  sandbox: Sandbox,
  options: EndpointOptions,
): Endpoint {
  const ip = takeAddress(network, options.ip, options.name);
  const { version } = engine;
  const { netns } = sandbox;
  const device = sandbox.reserveInterface(network.name);
  const { chance, join, random } = sandbox.nextChance();
  const port = vethName(random);
  const portMac = random.mac();
  const mac = version.endpointMac === "from-address" ? macOf(ip) : random.mac();
  const place = { node: engine.name, netns: HOST };
  const isInside = version.bridgeVeth === "container" && options.isGateway !== true;
  engine.ask({
    kind: "veth-add",
    ...place,
    device: port,
    mac: portMac,
    mtu: network.mtu,
    peer: { netns, device, mac },
    bornInside: isInside,
  });
  engine.ask({ kind: "link-master", ...place, device: port, master: network.device });
  engine.ask({ kind: "link-up", ...place, device: port });
  engine.firewall.guard(network.device, ip, "append", engine.program(HOST));
  return {
    chance,
    join,
    name: options.name,
    network,
    ip,
    prefixLength: network.subnet.prefixLength,
    mac,
    mtu: network.mtu,
    portNetns: HOST,
    port,
    gateway: network.isInternal ? undefined : network.gateway,
    routes: NONE,
    aliases: options.aliases ?? NONE,
    answersFor: undefined,
    holder: options.name,
    isGateway: options.isGateway ?? false,
    device,
    isUp: false,
    names: undefined,
    binding: undefined,
  };
}

function takeAddress(network: BridgeNetwork, wanted: number | undefined, owner: string): number {
  if (wanted === undefined) {
    const ip = network.pool.next();
    if (ip === undefined) throw Refusal.noAddress();
    return ip;
  }
  if (!isHost(network.subnet, wanted)) throw Refusal.outsideSubnets(wanted);
  if (network.pool.reserve(wanted, owner, network.name) !== undefined) throw Refusal.addressInUse();
  return wanted;
}

export function deleteBridgeEndpoint(engine: Engine, network: BridgeNetwork, endpoint: Endpoint): void {
  engine.firewall.guard(network.device, endpoint.ip, "delete", engine.program(HOST));
  engine.ask({ kind: "link-delete", node: engine.name, netns: endpoint.portNetns, device: endpoint.port });
  network.pool.release(endpoint.ip);
}
