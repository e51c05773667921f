/**
 * The network side of a container or a load balancer (libnetwork sandbox.go, endpoint.go, default_gateway.go, osl): its
 * interfaces and their names, its routes, the way out by docker_gwbridge, its DNS server, its announcements.
 *
 * Not modelled: gateway priorities, IPv6, sysctls of single interfaces, links.
 */
import { formatIpv4 } from "@hopscope/codec/address";
import { formatIp, IPV6_ANY } from "../host/ipv6-address.ts";
import { createBridge, createBridgeEndpoint, deleteBridgeEndpoint } from "./bridge-driver.ts";
import type { PortMapping } from "./bridge-rules.ts";
import type { Random } from "../sim/random.ts";
import { compareEndpoints, type Endpoint, purposeOf, sortEndpoints } from "./endpoint.ts";
import type { Engine } from "./engine.ts";
import { BridgeNetwork, type OverlayNetwork } from "./network.ts";
import type { Operation } from "./operation.ts";
import { createOverlayEndpoint, deleteOverlayEndpoint, localOverlay } from "./overlay-driver.ts";

export const GATEWAY_NETWORK = "docker_gwbridge";
/** Between an interface's announcements (28: osl/interface_linux.go, advertiseAddrs). */
const ANNOUNCEMENT_INTERVAL = 1_000_000_000;
/** Ports that the kernel hands out. */
const FIRST_PORT = 32_768;
const PORTS = 28_232;

export interface JoinOptions {
  readonly name: string;
  readonly shortName: string;
  readonly ip?: number;
  readonly aliases?: readonly string[];
  /** Of its service. */
  readonly vip?: number;
}

export class Sandbox {
  readonly engine: Engine;
  /** Stays as it is once the namespace is there. */
  netns: string;
  readonly endpoints: Endpoint[] = [];
  /** True once its namespace is there and interfaces can be put into it. */
  isPopulated = false;
  /** Ports of the node that lead here. */
  ports: readonly PortMapping[] = [];
  /** Ports that the DNS server listens on. */
  resolver: { readonly udpPort: number; readonly tcpPort: number } | undefined = undefined;
  /** Name on docker_gwbridge: `gateway_` and this. */
  readonly key: string;
  /** What is drawn for it is drawn for this name. */
  readonly #chance: string;
  #joins = 0;
  #gateway: Endpoint | undefined = undefined;
  #external: Endpoint | undefined = undefined;
  #nextInterface = 0;
  /** Names of interfaces that are still to come, by network. */
  #planned: Map<string, string> | undefined = undefined;

  constructor(engine: Engine, netns: string, chance: string, key: string = netns) {
    this.engine = engine;
    this.netns = netns;
    this.#chance = chance;
    this.key = key;
  }

  /** Chance for its next endpoint. */
  nextChance(): { readonly chance: string; readonly join: number; readonly random: Random } {
    const chance = this.#chance;
    const join = this.#joins++;
    return { chance, join, random: this.engine.random(purposeOf(chance, join)) };
  }

  /** Names the interfaces of a container that starts, by network. */
  plan(networks: readonly string[]): void {
    for (const network of networks) {
      this.#planned ??= new Map();
      this.#planned.set(network, `eth${this.#nextInterface++}`);
    }
  }

  /** Name of the next interface: a planned one, the next number, or the lowest free one. */
  reserveInterface(network: string): string {
    const planned = this.#planned?.get(network);
    if (planned !== undefined) {
      this.#planned!.delete(network);
      if (this.#planned!.size === 0) this.#planned = undefined;
      return planned;
    }
    if (this.engine.version.interfaceNumber === "next") return `eth${this.#nextInterface++}`;
    for (let number = 0; ; number++) {
      const name = `eth${number}`;
      if (
        !this.endpoints.some((endpoint) => endpoint.device === name) &&
        ![...(this.#planned?.values() ?? [])].includes(name)
      )
        return name;
    }
  }

  endpointIn(network: string): Endpoint | undefined {
    return this.endpoints.find((endpoint) => endpoint.network.name === network);
  }

  /** True if a way out by docker_gwbridge is needed (needDefaultGW). */
  get needsGateway(): boolean {
    const others = this.endpoints.filter((endpoint) => !endpoint.isGateway && !endpoint.network.isInternal);
    return others.length > 0 && others.every((endpoint) => endpoint.gateway === undefined);
  }

  /** Joins a network, and docker_gwbridge if that makes it necessary, or leaves it (endpoint.go, sbJoin). */
  *join(network: OverlayNetwork | BridgeNetwork, options: JoinOptions): Operation<Endpoint> {
    const { engine } = this;
    let endpoint: Endpoint;
    if (network instanceof BridgeNetwork) endpoint = createBridgeEndpoint(engine, network, this, options);
    else {
      const overlay = yield* localOverlay(engine, network, 1);
      endpoint = yield* createOverlayEndpoint(engine, overlay, this, { ...options, ip: options.ip ?? 0 });
    }
    if (this.isPopulated) this.attach(endpoint);
    else this.endpoints.push(endpoint);
    yield* this.#arrangeGateway();
    return endpoint;
  }

  /** ingress_sbox, too, has a way out. */
  *joinGateway(): Operation {
    yield* this.#arrangeGateway();
  }

  /** That of ingress_sbox goes with its machine only. */
  leaveGateway(): void {
    const current = this.endpoints.find((endpoint) => endpoint.isGateway);
    if (current !== undefined) this.#drop(current);
  }

  *#arrangeGateway(): Operation {
    const current = this.endpoints.find((endpoint) => endpoint.isGateway);
    if (this.needsGateway === (current !== undefined)) return;
    if (current !== undefined) return this.#drop(current);
    const network = gatewayNetwork(this.engine);
    if (this.isPopulated) yield this.engine.cost("gateway");
    const endpoint = createBridgeEndpoint(this.engine, network, this, { name: `gateway_${this.key}`, isGateway: true });
    if (this.isPopulated) this.attach(endpoint);
    else this.endpoints.push(endpoint);
  }

  /** The interface comes up in the sandbox (populateNetworkResources). */
  attach(endpoint: Endpoint): void {
    if (!this.endpoints.includes(endpoint)) this.endpoints.push(endpoint);
    const { engine, netns } = this;
    const { device, answersFor } = endpoint;
    this.#inside(() => {
      const { ip, prefixLength } = endpoint;
      engine.ask({ kind: "address-add", node: engine.name, netns, device, ip, prefixLength });
    });
    engine.ask({ kind: "link-up", node: engine.name, netns, device });
    endpoint.isUp = true;
    if (answersFor !== undefined) this.#answerFor(answersFor, device);
    for (const route of endpoint.routes)
      this.#inside(() => engine.ask({ kind: "route-add", node: engine.name, netns, ...route, device }));
    if (engine.version.announcements > 0) engine.host.start(engine.name, this.#announce(endpoint), 0);
    this.#arrangeDefaultRoute();
  }

  /** What is done to addresses and routes of its namespace, which in the first deployment can wait until somebody is there. */
  #inside(action: () => void): void {
    const { engine, netns } = this;
    if (engine.host.isImmediate) engine.host.defer({ node: engine.name, netns }, "addresses", action);
    else action();
  }

  /** The virtual IP is there, and nobody hears it (sandbox.go, populateNetworkResources; osl, DisableARPForVIP, AddLoopbackAliasIP). */
  #answerFor(vip: number, device: string): void {
    const { engine, netns } = this;
    const place = { node: engine.name, netns };
    engine.ask({ kind: "sysctl", ...place, key: `net.ipv4.conf.${device}.arp_ignore`, value: 1 });
    engine.ask({ kind: "sysctl", ...place, key: `net.ipv4.conf.${device}.arp_announce`, value: 2 });
    engine.ask({ kind: "address-add", ...place, device: "lo", ip: vip, prefixLength: 32 });
  }

  /** All interfaces come up: the namespace is there now (SetKey). */
  populate(): void {
    this.isPopulated = true;
    for (const endpoint of sortEndpoints(this.endpoints)) this.attach(endpoint);
  }

  *#announce(endpoint: Endpoint): Operation {
    const { engine, netns } = this;
    for (let count = 0; count < engine.version.announcements; count++) {
      if (count > 0) yield ANNOUNCEMENT_INTERVAL;
      if (!this.endpoints.includes(endpoint)) return;
      engine.ask({ kind: "announce", node: engine.name, netns, device: endpoint.device, ip: endpoint.ip });
    }
  }

  /** getGatewayEndpoint, updateGateway; and the ports of the node go where the way out is. */
  #arrangeDefaultRoute(): void {
    const gateway = this.isPopulated
      ? sortEndpoints(this.endpoints).find((endpoint) => endpoint.gateway !== undefined && endpoint.isUp)
      : undefined;
    if (gateway !== this.#gateway) {
      const { engine, netns } = this;
      const previous = this.#gateway;
      this.#gateway = gateway;
      const route = (kind: "route-add" | "route-delete", { gateway: via, device }: Endpoint): void =>
        engine.ask({ kind, node: engine.name, netns, destination: 0, prefixLength: 0, via, device });
      // A device that is gone has taken its routes along.
      if (previous !== undefined && this.endpoints.includes(previous)) route("route-delete", previous);
      if (gateway !== undefined) this.#inside(() => route("route-add", gateway));
    }
    this.#arrangePorts(gateway);
  }

  /** Programs the ports on the endpoint that leads out (ProgramExternalConnectivity), and revokes them on another. */
  #arrangePorts(gateway: Endpoint | undefined): void {
    if (gateway === this.#external) return;
    const program = this.engine.program("host");
    const { firewall } = this.engine;
    const previous = this.#external;
    this.#external = gateway;
    if (previous?.network instanceof BridgeNetwork) {
      for (const port of this.ports) {
        firewall.mapPort(previous.network.device, { ...port, containerIp: previous.ip }, false, program);
        for (const hostIp of proxyIps(port)) {
          this.engine.ask({ kind: "process-kill", node: this.engine.name, key: proxyKey(port, hostIp) });
        }
      }
    }
    if (gateway?.network instanceof BridgeNetwork) {
      for (const port of this.ports) {
        const mapping = { ...port, containerIp: gateway.ip };
        firewall.mapPort(gateway.network.device, mapping, true, program);
        if (port.protocol === "sctp") continue;
        for (const hostIp of proxyIps(port)) {
          this.engine.ask({
            kind: "process-start",
            node: this.engine.name,
            key: proxyKey(port, hostIp),
            argv: proxyCommand(this.engine, mapping, hostIp),
          });
        }
      }
    }
  }

  /** Leaves a network; docker_gwbridge with the last that needs it. */
  *leave(endpoint: Endpoint): Operation {
    this.#drop(endpoint);
    yield* this.#arrangeGateway();
  }

  #drop(endpoint: Endpoint): void {
    const { engine } = this;
    const { network } = endpoint;
    this.endpoints.splice(this.endpoints.indexOf(endpoint), 1);
    this.#arrangeDefaultRoute();
    if (network instanceof BridgeNetwork) return deleteBridgeEndpoint(engine, network, endpoint);
    const overlay = engine.overlays.get(network.name);
    if (overlay === undefined) return;
    deleteOverlayEndpoint(engine, overlay, endpoint);
    overlay.joined--;
  }

  /** The container has ended: all endpoints go, docker_gwbridge's last. */
  release(): void {
    for (const endpoint of this.endpoints.toSorted(compareEndpoints)) this.#drop(endpoint);
    this.stopResolver();
  }

  stopResolver(): void {
    const { engine, netns, resolver } = this;
    this.resolver = undefined;
    if (resolver !== undefined) engine.ask({ kind: "resolver-stop", node: engine.name, netns, ...resolver });
  }

  startResolver(): void {
    if (this.resolver !== undefined) return;
    const { engine, netns } = this;
    const random = engine.random(`resolver:${this.#chance}`);
    const resolver = { udpPort: FIRST_PORT + random.below(PORTS), tcpPort: FIRST_PORT + random.below(PORTS) };
    this.resolver = resolver;
    engine.ask({ kind: "resolver-start", node: engine.name, netns, ...resolver });
  }
}

/** docker_gwbridge, made when first needed (default_gateway_linux.go, createGWNetwork). */
function gatewayNetwork(engine: Engine): BridgeNetwork {
  return (
    engine.bridges.get(GATEWAY_NETWORK) ??
    createBridge(engine, { name: GATEWAY_NETWORK, device: GATEWAY_NETWORK, icc: false })
  );
}

/** Where proxies listen: a port that is published at no address in particular is at all of both families (q6). */
function proxyIps({ hostIp = 0 }: PortMapping): readonly number[] {
  return hostIp === 0 ? [0, IPV6_ANY] : [hostIp];
}

function proxyKey({ protocol, hostPort }: PortMapping, hostIp: number): string {
  return `docker-proxy ${protocol}/${hostIp}/${hostPort}`;
}

/** The command line of portmapper/proxy_linux.go. */
function proxyCommand(engine: Engine, port: PortMapping, hostIp: number): readonly string[] {
  const argv = [
    "docker-proxy",
    "-proto",
    port.protocol,
    "-host-ip",
    formatIp(hostIp),
    "-host-port",
    String(port.hostPort),
    "-container-ip",
    formatIpv4(port.containerIp),
    "-container-port",
    String(port.containerPort),
  ];
  return engine.version.filter === "forward" ? argv : [...argv, "-use-listen-fd"];
}
