/**
 * Services (swarmkit manager/orchestrator, scheduler, allocator): making, scaling and removing them, and what happens to
 * the tasks of a node that is drained. Tasks that end: ./restart.ts; updates: ./updater.ts.
 *
 * Not modelled: resources, jobs, secrets and configs.
 */
import type { ClusterNode, Service } from "../scenario/scenario.ts";
import { Refusal } from "./docker-error.ts";
import { complete, isServiceName, swarmId } from "./identifier.ts";
import { INGRESS } from "./networks.ts";
import { calling, type Operation } from "./operation.ts";
import { hasDuplicates, portConflict } from "./port-conflict.ts";
import { type Occupation, Placer, suitableNodes, taskNames } from "./placement.ts";
import { delayStartAgain, restartTask, shouldRestart } from "./restart.ts";
import { type ServiceState, Task } from "./service.ts";
import type { Swarm, SwarmNode } from "./swarm.ts";
import { resumeUpdate } from "./updater.ts";
import { assign, endTask } from "./agent.ts";
import { rejectUnfit } from "./constraint-enforcer.ts";

/** Of a task that waits for one. */
const NO_ADDRESS = "could not find an available IP";

/** `docker service create`; throws a {@link DockerError}. */
export function* createService(swarm: Swarm, spec: Service): Operation<ServiceState> {
  if (swarm.services.has(spec.name)) throw Refusal.serviceExists(spec.name);
  checkService(swarm, spec);
  const service: ServiceState = {
    id: swarmId(swarm.random(`service:${spec.name}:${swarm.made(`service ${spec.name}`)}`)),
    spec,
    ports: swarm.dynamicPorts.give(swarm.services.values(), spec),
    vips: new Map(),
    balanced: new Map(),
    slots: new Map(),
    tasks: new Set(),
    restarts: new Map(),
    createdAt: swarm.host.now,
    rollout: undefined,
    previous: undefined,
  };
  swarm.services.set(spec.name, service);
  yield swarm.cost("orchestrate");
  allocateVips(swarm, service);
  addTasks(swarm, service, taskNames(spec, spec.mode === "global" ? suitableNodes(spec, activeNodes(swarm)) : []));
  return service;
}

/** What a service, new or changed, cannot be; throws a {@link DockerError}. `itself`: the one that is changed. */
export function checkService(swarm: Swarm, spec: Service, itself?: ServiceState): void {
  if (!isServiceName(spec.name)) throw Refusal.badName(spec.name);
  for (const network of spec.networks)
    if (!swarm.networks.has(network) && network !== "host" && network !== "bridge")
      throw Refusal.networkNotFound(network);
  checkPorts(swarm, spec, itself);
}

function checkPorts(swarm: Swarm, spec: Service, itself?: ServiceState): void {
  if (spec.endpointMode === "dnsrr" && spec.ports.some((port) => port.mode === "ingress")) throw Refusal.dnsrrIngress();
  if (hasDuplicates(spec.ports)) throw Refusal.duplicatePorts();
  for (const service of swarm.services.values()) {
    if (service === itself) continue;
    const held = portConflict(spec.ports, service.ports);
    if (held !== undefined) throw Refusal.portConflict(held, service.spec.name, service.id);
  }
}

/** Networks of a service or a task: the routing mesh's first, if it has a port there. */
export function networksOf({ spec, ports }: Pick<ServiceState, "spec" | "ports">): readonly string[] {
  const { networks } = spec;
  const needsIngress = ports.some((port) => port.mode === "ingress");
  return needsIngress ? [INGRESS.name, ...networks.filter((name) => name !== INGRESS.name)] : networks;
}

/** One in each of its networks, also in that of the routing mesh; those that it needs no longer are free. */
export function allocateVips(swarm: Swarm, service: ServiceState): void {
  const networks = service.spec.endpointMode === "vip" ? networksOf(service) : [];
  for (const [network, vip] of service.vips) {
    if (networks.includes(network)) continue;
    swarm.networks.get(network)?.release(vip);
    service.vips.delete(network);
  }
  for (const network of networks) {
    if (service.vips.has(network)) continue;
    const vip = swarm.addresses.take(service.spec.name, network);
    if (vip !== undefined) service.vips.set(network, vip);
  }
}

function isAvailable(swarm: Swarm, { name }: { readonly name: string }): boolean {
  const { availability, status } = swarm.engine(name);
  return availability === "active" && status === "ready";
}

/** Nodes that take new tasks. */
function activeNodes(swarm: Swarm): readonly SwarmNode[] {
  return swarm.nodes.filter((node) => isAvailable(swarm, node));
}

/** New tasks of these names, placed, with addresses, on their way to their nodes. */
export function addTasks(swarm: Swarm, service: ServiceState, names: readonly string[]): readonly Task[] {
  const tasks = names.map((name) => newTask(swarm, service, name));
  place(swarm, service, tasks);
  allocate(swarm, tasks);
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
  const task = new Task(id, service, name, slot, before, swarm.host.now);
  swarm.tasks.add(task);
  service.tasks.add(task);
  return task;
}

/** Which nodes they go to; those for which there is none stay pending. */
export function place(swarm: Swarm, service: ServiceState, tasks: readonly Task[]): void {
  const own = new Map<ClusterNode, number>();
  for (const task of service.tasks)
    if (task.node !== undefined && task.isLive) own.set(task.node, (own.get(task.node) ?? 0) + 1);
  const occupation: Occupation = {
    nodes: swarm.nodes,
    isAvailable: (node) => isAvailable(swarm, node),
    load: swarm.load,
    ports: swarm.hostPorts,
  };
  const placer = new Placer(service.spec, occupation, own);
  for (const task of tasks) {
    const node = nodeFor(swarm, placer, task);
    if (node === undefined) task.enter("pending", swarm.host.now, placer.explain(task.name));
    else {
      task.node = node as SwarmNode;
      task.enter("assigned", swarm.host.now);
    }
  }
}

/** A place that somebody has chosen is that of the slot's first task, or of each if they are told apart. */
function nodeFor(swarm: Swarm, placer: Placer, task: Task): ClusterNode | undefined {
  const chosen = placer.node(swarm.choices.nodes.get(task.name)?.[task.generation] ?? "");
  if (chosen !== undefined && task.slot !== 0 && placer.failureOf(chosen) === undefined) {
    placer.take(chosen, task.name);
    return chosen;
  }
  const pin = task.isFirst ? placer.node(swarm.choices.placement.get(task.name) ?? "") : undefined;
  if (pin === undefined || task.slot === 0) return placer.next(task.name);
  if (!isAvailable(swarm, pin) || placer.holderAt(pin) !== undefined) return undefined;
  placer.take(pin, task.name);
  return pin;
}

/** Addresses of tasks in the networks that their service had when they were made. */
export function allocate(swarm: Swarm, tasks: readonly Task[]): void {
  const bySpec = new Map<Service, Task[]>();
  for (const task of tasks) {
    const alike = bySpec.get(task.spec);
    if (alike === undefined) bySpec.set(task.spec, [task]);
    else alike.push(task);
  }
  for (const alike of bySpec.values()) allocateAlike(swarm, alike);
}

/** Addresses of tasks, then those of load balancers that they bring, in each network. */
function allocateAlike(swarm: Swarm, tasks: readonly Task[]): void {
  for (const name of networksOf(tasks[0]!)) {
    const network = swarm.networks.get(name);
    if (network === undefined) continue;
    for (const task of tasks) {
      if (task.addresses.has(name)) continue;
      const ip = task.isFirst ? swarm.addresses.take(task.name, name) : network.nextAddress();
      if (ip !== undefined) task.addresses.set(name, ip);
      else task.enter("pending", swarm.host.now, NO_ADDRESS);
    }
    for (const task of tasks) {
      if (task.node === undefined || swarm.networkAllocator.balancerAddress(network, task.node) !== undefined) continue;
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
      for (const network of networksOf(task)) {
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
function schedulePending(swarm: Swarm): void {
  for (const service of swarm.services.values()) {
    const pending = [...service.tasks].filter((task) => task.state === "pending" && task.isLive);
    if (pending.length === 0) continue;
    // Those that wait for an address have a node.
    for (const task of pending) if (task.node !== undefined) task.enter("assigned", swarm.host.now);
    const unplaced = pending.filter((task) => task.node === undefined);
    if (unplaced.length > 0) place(swarm, service, unplaced);
    const placed = pending.filter((task) => task.node !== undefined);
    allocate(swarm, placed);
    dispatch(swarm, placed);
  }
}

/** A task has ended: there is room where there was none. What ends together is seen together (scheduler.go, Run). */
export function scheduleSoon(swarm: Swarm): void {
  const { host, manager } = swarm;
  if (swarm.schedulesAt > host.now) return;
  const wait = swarm.cost("orchestrate");
  swarm.schedulesAt = host.now + wait;
  const schedule = calling(() => schedulePending(swarm));
  host.start(manager.name, schedule, wait);
}

/** `docker service scale`, or `update --replicas`. */
export function* scaleService(swarm: Swarm, service: ServiceState, replicas: number): Operation {
  service.spec = { ...service.spec, replicas };
  yield swarm.cost("orchestrate");
  resize(swarm, service);
}

/** As many slots as there are to be (orchestrator/replicated, reconcile). */
function resize(swarm: Swarm, service: ServiceState): void {
  const { name, replicas } = service.spec;
  const live = liveTasks(service);
  const taken = new Set(live.map((task) => task.slot));
  if (taken.size > replicas) {
    const surplus = leastNeeded(live, taken.size - replicas);
    for (const task of live) if (surplus.has(task.slot)) removeTask(swarm, task);
    return;
  }
  const names: string[] = [];
  for (let slot = 1; names.length < replicas - taken.size; slot++) if (!taken.has(slot)) names.push(`${name}.${slot}`);
  addTasks(swarm, service, names);
}

/** A manager has become the leader: what another one was about to do it does (orchestrator/taskinit, CheckTasks). */
export function takeOver(swarm: Swarm): void {
  for (const node of swarm.nodes) if (isAvailable(swarm, node)) addGlobalTasks(swarm, node);
  for (const service of swarm.services.values()) {
    const live = liveTasks(service);
    for (const task of live) if (task.desired === "ready") delayStartAgain(swarm, task);
    // A slot whose last task has ended for good is left as it is.
    const isFinal = [...service.tasks].some((task) => task.hasEnded && !shouldRestart(task));
    if (service.spec.mode === "replicated" && !isFinal) resize(swarm, service);
    resumeUpdate(swarm, service);
  }
  schedulePending(swarm);
}

export function liveTasks(service: ServiceState): readonly Task[] {
  return [...service.tasks].filter((task) => task.isLive);
}

/** The last slots of the nodes that have most, so that the rest is spread (orchestrator/replicated, slotsByIndex). */
function leastNeeded(tasks: readonly Task[], count: number): ReadonlySet<number> {
  const seen = new Map<SwarmNode | undefined, number>();
  const slots = new Set<number>();
  const indexed: { readonly slot: number; readonly index: number }[] = [];
  for (const { slot, node } of tasks.toSorted((a, b) => a.slot - b.slot)) {
    if (slots.has(slot)) continue;
    slots.add(slot);
    const index = seen.get(node) ?? 0;
    seen.set(node, index + 1);
    indexed.push({ slot, index });
  }
  indexed.sort((a, b) => a.index - b.index || a.slot - b.slot);
  return new Set(indexed.slice(-count).map(({ slot }) => slot));
}

function removeTask(swarm: Swarm, task: Task): void {
  task.desired = "remove";
  endTask(swarm, task);
}

/** `docker service rm`. */
export function removeService(swarm: Swarm, service: ServiceState): void {
  swarm.services.delete(service.spec.name);
  for (const task of service.tasks) removeTask(swarm, task);
  for (const [network, vip] of service.vips) swarm.networks.get(network)?.release(vip);
}

/** A node takes tasks again: those of global services, and such as wait. */
export function reconcileNode(swarm: Swarm, node: SwarmNode): void {
  addGlobalTasks(swarm, node);
  schedulePending(swarm);
}

function addGlobalTasks(swarm: Swarm, node: SwarmNode): void {
  for (const service of swarm.services.values()) {
    if (service.spec.mode !== "global" || suitableNodes(service.spec, [node]).length === 0) continue;
    const name = `${service.spec.name}.${node.name}`;
    if (!liveTasks(service).some((task) => task.name === name)) addTasks(swarm, service, [name]);
  }
}

/** `docker node update --availability`. */
export function* setAvailability(swarm: Swarm, node: SwarmNode, availability: "active" | "pause" | "drain"): Operation {
  const engine = swarm.engine(node.name);
  engine.availability = availability;
  yield swarm.cost("orchestrate");
  if (availability === "active") {
    rejectUnfit(swarm, node);
    reconcileNode(swarm, node);
  }
  if (availability !== "drain") return;
  const tasks = [...swarm.tasks].filter((task) => task.node === node && task.isLive);
  for (const task of tasks.sort((a, b) => (a.id < b.id ? -1 : 1))) {
    restartTask(swarm, task);
    endTask(swarm, task);
  }
}

export function isRollingOut({ rollout }: ServiceState): boolean {
  return rollout?.state === "updating" || rollout?.state === "rollback_started";
}
