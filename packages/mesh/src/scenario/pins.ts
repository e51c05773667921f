/** Reads `placement` and `addresses`: the choices that Docker would make, made by the file. */
import { formatIpv4 } from "@hopscope/codec/address";
import { contains } from "../swarm/cidr.ts";
import { loadBalancerName } from "../swarm/ipam.ts";
import { type AllocatedNetwork, INGRESS } from "../swarm/networks.ts";
import { check, isMap } from "./check.ts";
import { describe, type Place, type Report, suggest } from "./diagnostic.ts";
import type { ServiceReading } from "./compose.ts";
import { pinnedAddress, pinnedNode } from "./schema.ts";
import { listSome, type TaskNames } from "./tasks.ts";

/** Task name to node name, of the entries whose nodes are known. */
export function readPlacement(
  value: unknown,
  place: Place,
  nodes: ReadonlySet<string>,
  report: Report,
): ReadonlyMap<string, string> {
  const placement = new Map<string, string>();
  for (const [task, held] of entriesOf(value, "a map of tasks to nodes", place, report)) {
    const at = place.at(task);
    const node = check(pinnedNode, held, at, report);
    if (node === undefined) continue;
    // Without a single readable node every pin would be wrong; that is one mistake, told elsewhere.
    if (nodes.size > 0 && !nodes.has(node))
      report.error(at, `there is no node ${JSON.stringify(node)}${suggest(node, nodes) || listSome("nodes", nodes)}`);
    placement.set(task, node);
  }
  return placement;
}

/** What is known when addresses are read, as far as nothing is wrong with it. */
interface SwarmParts {
  readonly services: ReadonlyMap<string, ServiceReading>;
  /** Those whose subnets are known, */
  readonly networks: readonly AllocatedNetwork[];
  /** and whether there are no others. */
  readonly hasAllNetworks: boolean;
  /** Names of those that the stack declares; undefined if they cannot be read. */
  readonly declared: ReadonlySet<string> | undefined;
  readonly names: TaskNames;
  readonly nodes: ReadonlySet<string>;
}

/** The bridge by which containers of overlays get out. */
const GATEWAY_NETWORK = "docker_gwbridge";

export class AddressPins {
  /** Owner to network (of `lb-NET`: to node) to address. */
  readonly pins: Map<string, Map<string, number>> = new Map();
  /** The same, to where it stands. */
  readonly #places = new Map<string, Map<string, Place>>();
  /** Network and address to who has it, where addresses are not handed out. */
  readonly #unchecked = new Map<string, string>();
  readonly #root: Place;
  readonly #report: Report;

  constructor(root: Place, report: Report) {
    this.#root = root;
    this.#report = report;
  }

  place(owner: string, key: string): Place | undefined {
    return this.#places.get(owner)?.get(key);
  }

  /** `swarm` undefined: nothing is known. */
  read(value: unknown, swarm: SwarmParts | undefined): void {
    for (const [owner, held] of entriesOf(value, "a map of tasks to addresses", this.#root, this.#report)) {
      const at = this.#root.at(owner);
      if (!isMap(held) && typeof held !== "string") {
        this.#report.error(at, `expected an IPv4 address, or a map of networks to addresses, found ${describe(held)}`);
        continue;
      }
      const addresses = this.#addresses(held, at);
      if (swarm === undefined) continue;
      const network = owner.startsWith("lb-") ? owner.slice("lb-".length) : undefined;
      const service = owner.split(".", 1)[0]!;
      const reading = swarm.services.get(service);
      if (reading !== undefined) this.#ofService(owner, addresses, service, reading, swarm, at);
      else if (swarm.names.isMade(owner)) this.#ofMade(owner, addresses, swarm, at);
      else if (network !== undefined && mayBeNetwork(network, swarm))
        this.#ofLoadBalancer(owner, addresses, swarm.nodes, at);
      else this.#unknownOwner(owner, swarm, at);
    }
  }

  /** Undefined for the key of an address that stands alone. */
  #addresses(held: string | Readonly<Record<string, unknown>>, at: Place): ReadonlyMap<string | undefined, number> {
    const addresses = new Map<string | undefined, number>();
    if (typeof held === "string") {
      const ip = check(pinnedAddress, held, at, this.#report);
      if (ip !== undefined) addresses.set(undefined, ip);
      return addresses;
    }
    for (const [key, text] of Object.entries(held)) {
      const ip = check(pinnedAddress, text, at.at(key), this.#report);
      if (ip !== undefined) addresses.set(key, ip);
    }
    return addresses;
  }

  #ofService(
    owner: string,
    addresses: ReadonlyMap<string | undefined, number>,
    name: string,
    { service, sound, hasNetworks }: ServiceReading,
    { networks, hasAllNetworks, names }: SwarmParts,
    at: Place,
  ): void {
    if (owner !== name) {
      const missing = names.missing(owner);
      if (missing !== undefined) return this.#report.error(at, missing, "key");
    } else if (service?.endpointMode === "dnsrr")
      return this.#report.error(at, `${owner} has no virtual IP: its endpoint_mode is dnsrr`, "key");
    if (service === undefined) return;
    const isPublished = service.ports.some(({ mode }) => mode === "ingress");
    const joins = isPublished ? [...service.networks, INGRESS.name] : service.networks;
    const joined = networks.filter((network) => joins.includes(network.name));
    for (const [key, ip] of addresses) {
      if (key !== undefined) {
        if (key === GATEWAY_NETWORK) this.#pin(owner, key, ip, at.at(key));
        else if (joined.some((network) => network.name === key)) this.#pin(owner, key, ip, at.at(key));
        else if (!hasAllNetworks && joins.includes(key)) this.#pinUnchecked(owner, key, ip, at.at(key));
        // A port that is wrong may be one that brings the service into ingress.
        else if (hasNetworks && (sound || key !== INGRESS.name))
          this.#report.error(
            at.at(key),
            `${service.name} does not join a network ${JSON.stringify(key)}${suggest(key, joins) || listSome("networks it joins", joins)}`,
            "key",
          );
        continue;
      }
      const [only, ...others] = joined;
      const isCertain = sound && hasAllNetworks;
      const network = isCertain && others.length === 0 ? only : joined.find((one) => hasAddress(one, ip));
      if (network !== undefined) this.#pin(owner, network.name, ip, at);
      else if (isCertain)
        this.#report.error(
          at,
          `${formatIpv4(ip)} is in no subnet of the networks of ${service.name}${listSome("networks it joins", joins)}`,
        );
    }
  }

  /** Of what a command makes, whose networks are its own business. */
  #ofMade(
    owner: string,
    addresses: ReadonlyMap<string | undefined, number>,
    { networks, hasAllNetworks }: SwarmParts,
    at: Place,
  ): void {
    for (const [key, ip] of addresses) {
      const network = key ?? networks.find((one) => hasAddress(one, ip))?.name;
      if (network !== undefined) this.#pin(owner, network, ip, key === undefined ? at : at.at(key));
      else if (hasAllNetworks)
        this.#report.error(
          at,
          `${formatIpv4(ip)} is in no subnet of the stack's networks; say which one: {NETWORK: ADDRESS}`,
        );
    }
  }

  #ofLoadBalancer(
    owner: string,
    addresses: ReadonlyMap<string | undefined, number>,
    nodes: ReadonlySet<string>,
    at: Place,
  ): void {
    for (const [key, ip] of addresses) {
      if (key === undefined)
        this.#report.error(at, `expected a map of nodes to addresses: ${owner} has one on each node`);
      else if (nodes.size > 0 && !nodes.has(key))
        this.#report.error(
          at.at(key),
          `there is no node ${JSON.stringify(key)}${suggest(key, nodes) || listSome("nodes", nodes)}`,
          "key",
        );
      else this.#pin(owner, key, ip, at.at(key));
    }
  }

  #unknownOwner(owner: string, { services, networks, hasAllNetworks, declared, names }: SwarmParts, at: Place): void {
    const joinable = new Set([...networks.map(({ name }) => name), ...((hasAllNetworks ? undefined : declared) ?? [])]);
    const known = [...services.keys(), ...Array.from(joinable, loadBalancerName)];
    const message = owner.includes(".")
      ? (names.missing(owner) ?? `there is no task ${JSON.stringify(owner)}`)
      : `there is no task, service or load balancer ${JSON.stringify(owner)}${suggest(owner, known) || listSome("others", known)}`;
    this.#report.error(at, message, "key");
  }

  /** In a network whose subnet is not known: two cannot have one address all the same. */
  #pinUnchecked(owner: string, network: string, ip: number, place: Place): void {
    const key = `${network} ${ip}`;
    const other = this.#unchecked.get(key);
    if (other !== undefined) this.#report.error(place, `${formatIpv4(ip)} is the address of ${other} already`);
    this.#unchecked.set(key, other ?? owner);
  }

  #pin(owner: string, key: string, ip: number, place: Place): void {
    let ofOwner = this.pins.get(owner);
    let places = this.#places.get(owner);
    if (ofOwner === undefined || places === undefined) {
      ofOwner = new Map();
      places = new Map();
      this.pins.set(owner, ofOwner);
      this.#places.set(owner, places);
    }
    ofOwner.set(key, ip);
    places.set(key, place);
  }
}

/** It is one of the swarm's, or may be. */
function mayBeNetwork(name: string, { networks, hasAllNetworks, declared, names }: SwarmParts): boolean {
  if (networks.some((one) => one.name === name) || names.isMadeNetwork(name)) return true;
  if (hasAllNetworks) return false;
  return declared === undefined || declared.has(name) || name === INGRESS.name;
}

function hasAddress({ subnets }: AllocatedNetwork, ip: number): boolean {
  return subnets.some(({ subnet }) => contains(subnet, ip));
}

function entriesOf(
  value: unknown,
  expected: string,
  place: Place,
  report: Report,
): readonly (readonly [string, unknown])[] {
  if (value === undefined) return [];
  if (isMap(value)) return Object.entries(value);
  report.error(place, `expected ${expected}, found ${describe(value)}`);
  return [];
}
