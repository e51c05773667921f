/**
 * Containers of one engine (daemon/create.go, start.go, stop.go, delete.go, container_operations.go): what `docker run`
 * and the swarm's agent do with them.
 *
 * Not modelled: images and their pulling, volumes, resources, restart policies of plain containers, --rm.
 */
import type { PortMapping } from "./bridge-rules.ts";
import { hostsFile, resolvConf } from "./container-files.ts";
import { DockerError, Refusal } from "./docker-error.ts";
import type { Engine } from "./engine.ts";
import type { Endpoint } from "./endpoint.ts";
import { type PublishOption, takePorts } from "./host-ports.ts";
import { complete, hexId } from "./identifier.ts";
import { BridgeNetwork, isPlain, type Network, OverlayNetwork } from "./network.ts";
import { removeOverlay } from "./overlay-driver.ts";
import { Gate, type Operation } from "./operation.ts";
import { GATEWAY_NETWORK, Sandbox } from "./sandbox.ts";
import type { ServiceState } from "./service.ts";
import { activateServiceBinding, addName, deleteServiceBinding, leaveServiceBinding } from "./service-binding.ts";
import { type IngressPort, programIngressPorts } from "./task-rules.ts";

const SHORT_ID = 12;
/** The kernel's words for the exit status of a killed process. */
const KILLED = 137;

const NO_ALIASES: readonly string[] = [];
const NO_PORTS: readonly PortMapping[] = [];

/** A network that a container is to be in. */
export interface Attachment {
  readonly network: string;
  /** What the user, or the manager, has given it. */
  readonly ip?: number;
  readonly aliases?: readonly string[];
}

export interface ContainerOptions {
  readonly name: string;
  /** How scenarios call it: a task without the task's identifier. */
  readonly shortName: string;
  readonly image: string;
  /** Empty: the image's command. */
  readonly argv: readonly string[];
  readonly attachments: readonly Attachment[];
  readonly ports: readonly PublishOption[];
  /** Made when somebody asks. */
  readonly labels?: () => ReadonlyMap<string, string>;
  /** Undefined: the short identifier. */
  readonly hostname?: string | undefined;
  /** Empty: the engine's. */
  readonly dns: readonly number[];
  /** Set for a task of a service. */
  readonly task?: {
    readonly service: ServiceState;
    readonly slot: number;
    readonly ingressPorts: readonly IngressPort[];
  };
}

export type ContainerState = "created" | "running" | "exited" | "removed";

export class Container {
  /** Twelve digits of its identifier. */
  readonly shortId: string;
  readonly name: string;
  readonly shortName: string;
  readonly options: ContainerOptions;
  readonly sandbox: Sandbox;
  readonly createdAt: number;
  state: ContainerState = "created";
  /** It has begun to start, and has not left its networks yet. */
  hasNamespace = false;
  /** What its health check has found; undefined: it has none. */
  health: "starting" | "healthy" | "unhealthy" | undefined = undefined;
  startedAt = 0;
  finishedAt = 0;
  exitCode = 0;
  /** Networks it is in, or will be in when it starts, by name. */
  readonly attachments: Map<string, Attachment> = new Map();
  /** Opens when it has started, or could not; undefined: it is not about to. */
  starting: Gate | undefined = undefined;
  /** Told when its process has ended. */
  onExit: ((status: number) => void) | undefined = undefined;

  constructor(engine: Engine, shortId: string, options: ContainerOptions) {
    this.shortId = shortId;
    this.name = options.name;
    this.shortName = options.shortName;
    this.options = options;
    const plain = options.attachments[0]?.network === "host" ? "host" : options.shortName;
    this.sandbox = new Sandbox(engine, plain, shortId, shortId);
    this.createdAt = engine.now;
    for (const attachment of options.attachments) this.attachments.set(attachment.network, attachment);
  }

  /** 64 digits; most are drawn when somebody looks. */
  get id(): string {
    const { engine } = this.sandbox;
    const given = engine.swarm.choices.containers.get(this.shortName) ?? "";
    const rest = hexId(engine.random(`rest of ${this.shortId}`), 64 - SHORT_ID);
    return complete(given.startsWith(this.shortId) ? given : this.shortId, this.shortId + rest);
  }

  get hostname(): string {
    return this.options.hostname ?? (this.isInHost ? this.sandbox.engine.name : this.shortId);
  }

  get labels(): ReadonlyMap<string, string> {
    return this.options.labels?.() ?? new Map();
  }

  get isInHost(): boolean {
    return this.attachments.has("host");
  }

  /** The ports of the node that lead to it, as `docker ps` prints them. */
  get ports(): readonly PortMapping[] {
    return this.sandbox.ports;
  }
}

/** `docker create`; throws a {@link DockerError}. */
export function* createContainer(engine: Engine, options: ContainerOptions): Operation<Container> {
  yield engine.cost("create");
  if (engine.swarm.isMissing(options.image)) throw Refusal.noSuchImage(options.image);
  const holder = engine.names.get(options.name);
  if (holder !== undefined) throw Refusal.nameInUse(options.name, holder.id);
  // daemon/container_operations.go, updateNetworkConfig: so ends a service of the node's network with a port in the mesh.
  if (options.attachments.length > 1 && options.attachments.some(({ network }) => network === "host"))
    throw Refusal.hostNetwork();
  for (const { network, ip } of options.attachments) {
    const found = engine.network(network);
    if (found === undefined) throw Refusal.networkNotFound(network);
    if (ip !== undefined && options.task === undefined && (isPlain(found) || found.name === "bridge"))
      throw Refusal.notInSubnet();
  }
  const { choices, identified } = engine.swarm;
  // What replaces a task is another container, and may run while that is there still.
  const given = identified.has(options.shortName) ? undefined : choices.containers.get(options.shortName);
  if (given !== undefined) identified.add(options.shortName);
  // A task's name is its own; that of a container may have been another's.
  const before = options.task === undefined ? engine.made(options.name) : 0;
  const drawn = hexId(engine.random(`container:${options.name}:${before}`), SHORT_ID);
  const container = new Container(engine, complete(given?.slice(0, SHORT_ID), drawn), options);
  engine.containers.set(container.shortId, container);
  engine.names.set(container.name, container);
  return container;
}

/** `docker start`; throws a {@link DockerError}. */
export function* startContainer(engine: Engine, container: Container): Operation {
  const started = new Gate();
  container.starting = started;
  try {
    yield* start(engine, container);
  } finally {
    container.starting = undefined;
    started.open();
  }
}

/** Who wants to change a container waits until it has started: daemon/start.go holds its lock. */
function* untilStarted(container: Container): Operation {
  if (container.starting !== undefined) yield container.starting;
}

function* start(engine: Engine, container: Container): Operation {
  const { sandbox } = container;
  // Another task of its slot is here still: both cannot be called so.
  if (engine.namespaces.has(sandbox.netns)) sandbox.netns = container.name;
  const { netns } = sandbox;
  container.hasNamespace = true;
  if (!container.isInHost) {
    engine.namespaces.add(netns);
    engine.addNetns(netns);
  }
  const networks = networksOf(engine, container);
  try {
    sandbox.ports = portsOf(engine, container);
    sandbox.plan(interfacesOf(engine, container, networks));
    if (engine.version.interfaces === "one-by-one") {
      yield engine.cost("start");
      sandbox.isPopulated = true;
    }
    for (const network of networks) yield* joinNetwork(engine, container, network);
    if (engine.version.interfaces === "together") yield engine.cost("start");
    if (!sandbox.isPopulated) sandbox.populate();
  } catch (error) {
    if (error instanceof DockerError) releaseNetwork(engine, container);
    throw error;
  }
  if (networks.some(needsResolver)) sandbox.startResolver();
  programIngress(engine, container);
  engine.ask({
    kind: "container-add",
    node: engine.name,
    netns,
    id: container.shortId,
    name: container.name,
    shortName: container.shortName,
    hostname: container.hostname,
    image: container.options.image,
  });
  engine.ask({ kind: "container-start", node: engine.name, id: container.shortId, argv: container.options.argv });
  container.state = "running";
  container.startedAt = engine.now;
  // A task's agent says when it is ready for the world.
  if (container.options.task === undefined) activateServiceBinding(engine, container);
}

function needsResolver(network: Network): boolean {
  return network instanceof OverlayNetwork || (network instanceof BridgeNetwork && !network.isDefault);
}

/**
 * In the order in which they are joined: the default bridge first; ingress, which is the first of a task's networks, as
 * mostly in recordings (Go begins small maps at their first entry seven times of eight); the others sorted by name.
 */
function networksOf(engine: Engine, container: Container): readonly Network[] {
  const networks: Network[] = [];
  for (const name of container.attachments.keys()) {
    const network = engine.network(name);
    if (network !== undefined) networks.push(network);
  }
  return networks.sort((a, b) => rankOf(engine, container, a) - rankOf(engine, container, b) || byName(a, b));
}

function rankOf(engine: Engine, container: Container, network: Network): number {
  const pinned = engine.swarm.choices.interfaces.get(container.shortName) ?? [];
  const at = pinned.indexOf(network.name);
  if (at >= 0) return at;
  if (network.name === "bridge") return pinned.length;
  return pinned.length + (network instanceof OverlayNetwork && network.isIngress ? 1 : 2);
}

function byName(a: Network, b: Network): number {
  return a.name < b.name ? -1 : 1;
}

/**
 * Networks in the order of eth0, eth1 …: as they are joined, docker_gwbridge behind the first that needs it; or, where
 * they get their names together, by their names, docker_gwbridge last.
 */
function interfacesOf(engine: Engine, container: Container, networks: readonly Network[]): readonly string[] {
  const joined = networks.filter((network) => network.driver === "overlay" || network.driver === "bridge");
  const pins = engine.swarm.choices.interfaces.get(container.shortName) ?? [];
  const pinned = (network: Network): number => (pins.includes(network.name) ? pins.indexOf(network.name) : pins.length);
  const internalLast = joined.toSorted(
    (a, b) => pinned(a) - pinned(b) || Number(a.isInternal) - Number(b.isInternal) || byName(a, b),
  );
  const together = engine.version.interfaces === "together";
  const names = (together ? internalLast : joined).map(({ name }) => name);
  const leadsOut = joined.some((network) => network instanceof BridgeNetwork && !network.isInternal);
  const first = joined.find((network) => !network.isInternal);
  if (leadsOut || first === undefined) return names;
  const gateway = pins.indexOf(GATEWAY_NETWORK);
  const at = gateway >= 0 ? gateway : together ? names.length : names.indexOf(first.name) + 1;
  return names.toSpliced(at, 0, GATEWAY_NETWORK);
}

function* joinNetwork(engine: Engine, container: Container, network: Network): Operation {
  if (isPlain(network)) return;
  const attachment = container.attachments.get(network.name);
  const { name, shortName } = container;
  const aliases = attachment?.aliases ?? NO_ALIASES;
  let ip = attachment?.ip;
  if (network instanceof OverlayNetwork && container.options.task === undefined) {
    yield engine.cost("attach");
    ip = engine.swarm.networkAllocator.attach(engine, network, ip, shortName);
  }
  const vip = container.options.task?.service.vips.get(network.name);
  yield* container.sandbox.join(network, {
    name,
    shortName,
    aliases,
    ...(ip === undefined ? {} : { ip }),
    ...(vip === undefined ? {} : { vip }),
  });
}

function portsOf(engine: Engine, { isInHost, options }: Container): readonly PortMapping[] {
  if (isInHost || options.ports.length === 0) return NO_PORTS;
  return takePorts(engine, options.ports, `${options.name} (${hexId(engine.random(`refused:${options.name}`))})`);
}

function programIngress(engine: Engine, container: Container): void {
  const ports = container.options.task?.ingressPorts ?? [];
  const ingress = container.sandbox.endpoints.find(
    ({ network }) => network instanceof OverlayNetwork && network.isIngress,
  );
  if (ports.length > 0 && ingress !== undefined)
    programIngressPorts(ingress.ip, ports, engine.program(container.sandbox.netns));
}

/** The files that the engine writes for it, as they are now. */
export function containerFiles(container: Container): Readonly<Record<string, string>> {
  const { sandbox, hostname } = container;
  const { version, swarm } = sandbox.engine;
  const own = sandbox.endpoints.filter((endpoint) => !endpoint.isGateway).map(({ ip }) => ip);
  const servers = container.options.dns.length > 0 ? container.options.dns : swarm.dns;
  const resolution = sandbox.resolver !== undefined ? "internal" : container.isInHost ? "host" : "legacy";
  return {
    "/etc/hostname": `${hostname}\n`,
    "/etc/hosts": hostsFile(hostname, own),
    "/etc/resolv.conf": resolvConf(version, resolution, servers),
  };
}

/** The process has ended, whatever ended it: the network goes (daemon/monitor.go, handleContainerExit). */
export function* containerExited(engine: Engine, container: Container, status: number): Operation {
  if (container.state !== "running") return;
  container.state = "exited";
  container.finishedAt = engine.now;
  container.exitCode = status;
  yield engine.cost("release");
  deleteServiceBinding(engine, container);
  releaseNetwork(engine, container);
  container.onExit?.(status);
}

export function releaseNetwork(engine: Engine, container: Container): void {
  const { sandbox } = container;
  container.hasNamespace = false;
  engine.namespaces.delete(sandbox.netns);
  const endpoints = [...sandbox.endpoints];
  sandbox.release();
  for (const port of sandbox.ports) engine.ports.release(port);
  sandbox.ports = [];
  engine.ask({ kind: "container-delete", node: engine.name, id: container.shortId });
  if (!container.isInHost) engine.ask({ kind: "netns-delete", node: engine.name, netns: sandbox.netns });
  sandbox.isPopulated = false;
  if (container.options.task === undefined) for (const endpoint of endpoints) detach(engine, endpoint);
}

/** A plain container has left an overlay: its address is free, and without others the node leaves it, too. */
function detach(engine: Engine, { network, ip }: Endpoint): void {
  if (!(network instanceof OverlayNetwork)) return;
  network.release(ip);
  leaveOverlay(engine, network);
}

/** The node has no more to do with a network that nothing on it is in. */
export function leaveOverlay(engine: Engine, network: OverlayNetwork): void {
  const overlay = engine.overlays.get(network.name);
  if (overlay !== undefined && overlay.joined === 0 && !network.isIngress) removeOverlay(engine, overlay);
}

/** SIGKILL to its process. */
export function* killContainer(engine: Engine, container: Container): Operation {
  yield* untilStarted(container);
  if (container.state !== "running") throw Refusal.isNotRunning(container.id);
  engine.ask({ kind: "container-kill", node: engine.name, id: container.shortId });
  yield* containerExited(engine, container, KILLED);
}

/** SIGTERM, which a first process without a handler does not notice, and SIGKILL after the grace period. */
export function* stopContainer(engine: Engine, container: Container, graceNs: number): Operation {
  yield* untilStarted(container);
  if (container.state !== "running") return;
  const { image, argv } = container.options;
  const endsBySignal = engine.swarm.endsBySignal(image, argv);
  if (!endsBySignal) yield graceNs;
  if (container.state !== "running") return;
  engine.ask({ kind: "container-kill", node: engine.name, id: container.shortId });
  yield* containerExited(engine, container, endsBySignal ? 0 : KILLED);
}

/** `docker rm`; `force` kills first. */
export function* removeContainer(engine: Engine, container: Container, force: boolean): Operation {
  yield* untilStarted(container);
  if (container.state === "running") {
    if (!force)
      throw new DockerError(
        `You cannot remove a running container ${container.id}. Stop the container before attempting removal or force remove`,
      );
    yield* killContainer(engine, container);
  }
  yield engine.cost("remove");
  container.state = "removed";
  engine.containers.delete(container.shortId);
  engine.names.delete(container.name);
}

/** `docker network connect`; throws a {@link DockerError}. */
export function* connect(engine: Engine, container: Container, attachment: Attachment): Operation {
  yield* untilStarted(container);
  const network = engine.network(attachment.network);
  if (network === undefined) throw Refusal.networkNotFound(attachment.network);
  if (isPlain(network) || container.isInHost) throw Refusal.hostNetwork();
  if (container.attachments.has(network.name)) throw Refusal.alreadyConnected(container.name, network.name);
  container.attachments.set(network.name, { ...attachment, network: network.name });
  if (container.state !== "running") return;
  yield engine.cost("request");
  try {
    yield* joinNetwork(engine, container, network);
  } catch (error) {
    container.attachments.delete(network.name);
    throw error;
  }
  const changed = ["/etc/hosts"];
  if (needsResolver(network) && container.sandbox.resolver === undefined) {
    container.sandbox.startResolver();
    // libnetwork sandbox_dns_unix.go, startResolver: rebuildDNS. The first network with names brings its server.
    changed.push("/etc/resolv.conf");
  }
  writeFiles(engine, container, changed);
  const endpoint = container.sandbox.endpointIn(network.name);
  if (endpoint !== undefined) addName(engine, container, endpoint);
}

/** Files of a running container that have changed. */
function writeFiles(engine: Engine, container: Container, paths: readonly string[]): void {
  const files = containerFiles(container);
  for (const path of paths)
    engine.ask({ kind: "file-write", node: engine.name, id: container.shortId, path, text: files[path]! });
}

/** `docker network disconnect`; throws a {@link DockerError}. */
export function* disconnect(engine: Engine, container: Container, name: string): Operation {
  yield* untilStarted(container);
  const network = engine.network(name);
  if (network === undefined) throw Refusal.networkNotFound(name);
  if (!container.attachments.delete(network.name)) throw Refusal.notConnected(container.id, network.name);
  if (container.state !== "running") return;
  yield engine.cost("request");
  const endpoint = container.sandbox.endpointIn(network.name);
  if (endpoint === undefined) return;
  leaveServiceBinding(engine, endpoint);
  yield* container.sandbox.leave(endpoint);
  // libnetwork endpoint.go, sbLeave: deleteHostsEntries.
  writeFiles(engine, container, ["/etc/hosts"]);
  detach(engine, endpoint);
}
