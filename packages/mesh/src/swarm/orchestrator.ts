/**
 * Services (swarmkit manager/orchestrator, scheduler, allocator; agent): making, scaling, updating and removing them, what
 * happens to tasks that end, and to those of a node that is drained.
 *
 * Not modelled: health checks, update monitoring and rollback, resources, preferences, jobs, secrets and configs.
 */
import type { ClusterNode, PublishedPort, Service } from "../scenario/scenario.ts";
import { Refusal } from "./docker-error.ts";
import { complete, swarmId } from "./identifier.ts";
import type { Operation } from "./operation.ts";
import { portConflict } from "./port-conflict.ts";
import { noSuitableNode, placeNew, suitableNodes, taskNames } from "./placement.ts";
import { type ServiceState, Task } from "./service.ts";
import type { Swarm, SwarmNode } from "./swarm.ts";
import { assign, endTask } from "./agent.ts";

export const INGRESS = "ingress";
/** Of a task that waits for one. */
const NO_ADDRESS = "could not find an available IP";
/** Ports that are handed out to services without one (swarmkit portallocator). */
const FIRST_DYNAMIC_PORT = 30_000;

/** `docker service create`; throws a {@link DockerError}. */
export function* createService(swarm: Swarm, spec: Service): Operation<ServiceState> {
  checkService(swarm, spec);
  const service: ServiceState = {
    id: swarmId(swarm.random(`service:${spec.name}:${swarm.made(`service ${spec.name}`)}`)),
    spec,
    ports: givePorts(swarm, spec),
    graceNs: swarm.cost("grace"),
    vips: new Map(),
    balanced: new Map(),
    slots: new Map(),
    createdAt: swarm.host.now,
    isUpdating: false,
  };
  swarm.services.set(spec.name, service);
  yield swarm.cost("orchestrate");
  allocateVips(swarm, service);
  addTasks(swarm, service, taskNames(spec, activeNodes(swarm)));
  return service;
}

function checkService(swarm: Swarm, spec: Service): void {
  if (swarm.services.has(spec.name)) throw Refusal.serviceExists(spec.name);
  for (const network of spec.networks)
    if (!swarm.networks.has(network) && network !== "host" && network !== "bridge")
      throw Refusal.networkNotFound(network);
  if (spec.endpointMode === "dnsrr" && spec.ports.some((port) => port.mode === "ingress")) throw Refusal.dnsrrIngress();
  for (const { spec: other, ports, id } of swarm.services.values()) {
    const held = portConflict(spec.ports, ports);
    if (held !== undefined) throw Refusal.portConflict(held, other.name, id);
  }
}

function ingressHolder(swarm: Swarm, published: number, protocol: string): ServiceState | undefined {
  for (const service of swarm.services.values())
    if (
      service.ports.some(
        (port) => port.mode === "ingress" && port.published === published && port.protocol === protocol,
      )
    )
      return service;
  return undefined;
}

/** Ports without a number get the next free one from 30000 on; those of hosts are drawn by the nodes. */
function givePorts(swarm: Swarm, { ports }: Service): readonly PublishedPort[] {
  let next = FIRST_DYNAMIC_PORT;
  return ports.map((port) => {
    if (port.mode === "host" || port.published !== 0) return port;
    while (ingressHolder(swarm, next, port.protocol) !== undefined) next++;
    return { ...port, published: next++ };
  });
}

/** Networks of its tasks: the routing mesh's first, if they have a port there. */
export function networksOf(service: ServiceState): readonly string[] {
  const { networks } = service.spec;
  const needsIngress = service.ports.some((port) => port.mode === "ingress");
  return needsIngress ? [INGRESS, ...networks.filter((name) => name !== INGRESS)] : networks;
}

function allocateVips(swarm: Swarm, service: ServiceState): void {
  if (service.spec.endpointMode !== "vip") return;
  for (const network of networksOf(service)) {
    if (service.vips.has(network)) continue;
    const vip = swarm.addresses.take(service.spec.name, network);
    if (vip !== undefined) service.vips.set(network, vip);
  }
}

function activeNodes(swarm: Swarm): readonly SwarmNode[] {
  return swarm.nodes.filter(({ name }) => swarm.engine(name).availability === "active");
}

/** New tasks of these names, placed, with addresses, on their way to their nodes. */
export function addTasks(swarm: Swarm, service: ServiceState, names: readonly string[]): readonly Task[] {
  const tasks = names.map((name) => newTask(swarm, service, name));
  place(swarm, service, tasks);
  allocate(swarm, service, tasks);
  dispatch(swarm, tasks);
  return tasks;
}

export function newTask(swarm: Swarm, service: ServiceState, name: string): Task {
  const before = service.slots.get(name) ?? 0;
  service.slots.set(name, before + 1);
  const id = complete(
    swarm.choices.tasks.get(name)?.[before],
    swarmId(swarm.random(`task:${service.id}:${name}:${before}`)),
  );
  const slot = service.spec.mode === "global" ? 0 : Number(name.slice(name.lastIndexOf(".") + 1));
  const task = new Task(id, service, name, slot, before === 0, swarm.host.now);
  swarm.tasks.add(task);
  return task;
}

/** Which nodes they go to; those for which there is none stay pending. */
export function place(swarm: Swarm, service: ServiceState, tasks: readonly Task[]): void {
  const counts = new Map<ClusterNode, number>();
  const busy = new Set<SwarmNode>();
  const hostPorts = service.ports.filter((port) => port.mode === "host" && port.published !== 0);
  for (const task of swarm.tasks) {
    if (task.node === undefined || !task.isLive) continue;
    if (task.service === service) counts.set(task.node, (counts.get(task.node) ?? 0) + 1);
    if (hostPorts.some((port) => usesPort(task, port))) busy.add(task.node);
  }
  // Each task with a port of its node leaves one node less for the next.
  const batches = hostPorts.length > 0 ? tasks.map((task) => [task]) : [tasks];
  for (const batch of batches) {
    placeBatch(swarm, service, batch, counts, busy);
    if (hostPorts.length > 0) for (const { node } of batch) if (node !== undefined) busy.add(node);
  }
}

function placeBatch(
  swarm: Swarm,
  service: ServiceState,
  tasks: readonly Task[],
  counts: Map<ClusterNode, number>,
  busy: ReadonlySet<SwarmNode>,
): void {
  const nodes = activeNodes(swarm).filter((node) => !busy.has(node));
  // A place that somebody has chosen is that of the slot's first task.
  const pins = tasks.every((task) => task.isFirst) ? swarm.choices.placement : new Map<string, string>();
  const names = tasks.map((task) => task.name);
  const placed = placeNew(service.spec, names, { nodes, pins, load: swarm.load }, [], counts);
  const places = new Map(placed.map(({ name, node }) => [name, node]));
  const byName = new Map(nodes.map((node) => [node.name, node]));
  for (const task of tasks) {
    const node = byName.get(places.get(task.name)?.name ?? "");
    if (node === undefined) task.enter("pending", swarm.host.now, pendingReason(swarm, service, busy));
    else {
      task.node = node;
      task.enter("assigned", swarm.host.now);
      counts.set(node, (counts.get(node) ?? 0) + 1);
    }
  }
}

function usesPort(task: Task, { protocol, published }: PublishedPort): boolean {
  return task.service.ports.some(
    (port) => port.mode === "host" && port.protocol === protocol && port.published === published,
  );
}

function pendingReason(swarm: Swarm, service: ServiceState, busy: ReadonlySet<SwarmNode>): string {
  const active = activeNodes(swarm);
  const suitable = suitableNodes(service.spec, active);
  const blocked = suitable.filter((node) => busy.has(node as SwarmNode)).length;
  return noSuitableNode(active.length - suitable.length, blocked, swarm.nodes.length - active.length);
}

/** Addresses of tasks, then those of load balancers that they bring, in each network. */
export function allocate(swarm: Swarm, service: ServiceState, tasks: readonly Task[]): void {
  for (const name of networksOf(service)) {
    const network = swarm.networks.get(name);
    if (network === undefined) continue;
    for (const task of tasks) {
      if (task.addresses.has(name)) continue;
      const ip = task.isFirst ? swarm.addresses.take(task.name, name) : network.nextAddress();
      if (ip !== undefined) task.addresses.set(name, ip);
      else task.enter("pending", swarm.host.now, NO_ADDRESS);
    }
    for (const task of tasks) {
      if (task.node === undefined || swarm.balancerAddress(network, task.node) !== undefined) continue;
      task.enter("pending", swarm.host.now, NO_ADDRESS);
    }
  }
}

/** Each node's engine gets its tasks, one shortly after the other; by the numbers of their ports where those are pinned. */
export function dispatch(swarm: Swarm, tasks: readonly Task[]): void {
  const byNode = new Map<SwarmNode, Task[]>();
  for (const task of tasks) {
    if (task.node === undefined || task.state === "pending") continue;
    const held = byNode.get(task.node) ?? [];
    byNode.set(task.node, held);
    held.push(task);
  }
  for (const [node, held] of byNode) {
    const number = (task: Task): number => {
      for (const network of networksOf(task.service)) {
        const pinned = swarm.choices.ports.get(`${node.name}/overlay-${network}`)?.get(task.name);
        if (pinned !== undefined) return pinned;
      }
      return Number.POSITIVE_INFINITY;
    };
    const sorted = swarm.choices.ports.size === 0 ? held : held.toSorted((a, b) => compare(number(a), number(b)));
    for (const [index, task] of sorted.entries())
      assign(swarm, task, swarm.cost("dispatch") + index * swarm.cost("stagger"));
  }
}

function compare(a: number, b: number): number {
  return a === b ? 0 : a - b;
}

/** Tasks that found no node may find one now. */
export function schedulePending(swarm: Swarm): void {
  for (const task of swarm.tasks) {
    if (task.state !== "pending" || !task.isLive) continue;
    place(swarm, task.service, [task]);
    if (task.node === undefined) continue;
    allocate(swarm, task.service, [task]);
    dispatch(swarm, [task]);
  }
}

/** A task has ended, or its node takes no more: another one takes its slot (orchestrator/restart). */
export function replace(swarm: Swarm, old: Task, delayNs: number): Task | undefined {
  const { service } = old;
  if (swarm.services.get(service.spec.name) !== service) return undefined;
  if (service.spec.mode === "global" && old.node !== undefined && swarm.engine(old.node.name).availability === "drain")
    return undefined;
  const task = newTask(swarm, service, old.name);
  task.desired = "ready";
  place(swarm, service, [task]);
  allocate(swarm, service, [task]);
  dispatch(swarm, [task]);
  swarm.host.start(swarm.manager.name, startWhenEnded(old, task, delayNs), 0);
  return task;
}

function* startWhenEnded(old: Task, task: Task, delayNs: number): Operation {
  if (!old.ended.isOpen) yield old.ended;
  if (delayNs > 0) yield delayNs;
  if (task.desired === "ready") task.desired = "running";
  task.mayStart.open();
}

/** `docker service scale`, or `update --replicas`. */
export function* scaleService(swarm: Swarm, service: ServiceState, replicas: number): Operation {
  service.spec = { ...service.spec, replicas };
  yield swarm.cost("orchestrate");
  const live = liveTasks(swarm, service);
  if (live.length > replicas) {
    for (const task of leastNeeded(live, live.length - replicas)) removeTask(swarm, task);
    return;
  }
  const taken = new Set(live.map((task) => task.slot));
  const names: string[] = [];
  for (let slot = 1; names.length < replicas - live.length; slot++)
    if (!taken.has(slot)) names.push(`${service.spec.name}.${slot}`);
  addTasks(swarm, service, names);
}

export function liveTasks(swarm: Swarm, service: ServiceState): readonly Task[] {
  return [...swarm.tasks].filter((task) => task.service === service && task.isLive);
}

/** The last ones of the nodes that have most, so that the rest is spread (orchestrator/replicated, slotsByIndex). */
function leastNeeded(tasks: readonly Task[], count: number): readonly Task[] {
  const seen = new Map<SwarmNode | undefined, number>();
  const indexed = tasks
    .toSorted((a, b) => a.slot - b.slot)
    .map((task) => {
      const index = seen.get(task.node) ?? 0;
      seen.set(task.node, index + 1);
      return { task, index };
    });
  return indexed
    .sort((a, b) => a.index - b.index || a.task.slot - b.task.slot)
    .slice(-count)
    .map(({ task }) => task);
}

function removeTask(swarm: Swarm, task: Task): void {
  task.desired = "remove";
  endTask(swarm, task);
}

/** `docker service rm`. */
export function removeService(swarm: Swarm, service: ServiceState): void {
  swarm.services.delete(service.spec.name);
  for (const task of swarm.tasks) if (task.service === service) removeTask(swarm, task);
  for (const [network, vip] of service.vips) swarm.networks.get(network)?.release(vip);
}

/** `docker service update`: one slot after the other, the old task first (orchestrator/update, stop-first). */
export function* updateService(swarm: Swarm, service: ServiceState, spec: Service): Operation {
  service.spec = spec;
  service.ports = givePorts(swarm, spec);
  service.isUpdating = true;
  yield swarm.cost("orchestrate");
  allocateVips(swarm, service);
  for (const old of liveTasks(swarm, service)) {
    const task = replace(swarm, old, 0);
    old.desired = "shutdown";
    endTask(swarm, old);
    if (task !== undefined && !task.started.isOpen) yield task.started;
  }
  service.isUpdating = false;
}

/** `docker node update --availability`. */
export function* setAvailability(swarm: Swarm, node: SwarmNode, availability: "active" | "pause" | "drain"): Operation {
  const engine = swarm.engine(node.name);
  engine.availability = availability;
  yield swarm.cost("orchestrate");
  if (availability === "active") {
    for (const service of swarm.services.values()) {
      const name = `${service.spec.name}.${node.name}`;
      const isThere = liveTasks(swarm, service).some((task) => task.name === name);
      if (service.spec.mode === "global" && !isThere) addTasks(swarm, service, [name]);
    }
    schedulePending(swarm);
  }
  if (availability !== "drain") return;
  const tasks = [...swarm.tasks].filter((task) => task.node === node && task.isLive);
  for (const task of tasks.sort((a, b) => (a.id < b.id ? -1 : 1))) {
    task.desired = "shutdown";
    replace(swarm, task, 0);
    endTask(swarm, task);
  }
}

/** Nothing is left to do for the service. */
export function isConverged(swarm: Swarm, service: ServiceState): boolean {
  return !service.isUpdating && liveTasks(swarm, service).every((task) => task.state === "running");
}
