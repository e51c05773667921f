/**
 * Which task runs where. The scheduler's rule as far as nodes of one size need it (swarmkit manager/scheduler,
 * nodeLess): the node with the fewest tasks of the service, then the one with the fewest tasks in all. Among equals
 * Docker's choice is arbitrary; here it is the first of the file.
 */
import type { ClusterNode, Service } from "../scenario/scenario.ts";
import { type Constraint, matches, parseConstraint } from "./constraint.ts";
import type { Problem } from "./problem.ts";

export interface PlacedTask {
  /** `SERVICE.SLOT`; a global service's tasks are `SERVICE.NODE`. */
  readonly name: string;
  readonly service: Service;
  /** Undefined: no node is suitable, and the task stays pending. */
  readonly node: ClusterNode | undefined;
}

/** Names of the tasks that a service asks for. */
export function taskNames(service: Service, nodes: readonly { readonly name: string }[]): readonly string[] {
  if (service.mode === "global") return nodes.map((node) => `${service.name}.${node.name}`);
  return Array.from({ length: service.replicas }, (_, index) => `${service.name}.${index + 1}`);
}

/** What a scheduler knows of the nodes. */
export interface Occupation {
  readonly nodes: readonly ClusterNode[];
  /** Task to node, of tasks whose place somebody has chosen. */
  readonly pins: ReadonlyMap<string, string>;
  /** Tasks that each node has; kept up to date. */
  readonly load: Map<ClusterNode, number>;
}

/** In the order of services, then of slots. */
export function placeTasks(
  services: readonly Service[],
  nodes: readonly ClusterNode[],
  pins: ReadonlyMap<string, string>,
  problems: Problem[],
): readonly PlacedTask[] {
  const occupation: Occupation = { nodes, pins, load: new Map() };
  const taken: TakenPorts = new Map(nodes.map((node) => [node, new Map()]));
  return services.flatMap((service) =>
    hostPorts(service).length > 0
      ? placeWithPorts(service, occupation, taken, problems)
      : placeNew(service, taskNames(service, nodes), occupation, problems),
  );
}

/** Of each node, whose task has a port of it: `8080/tcp` to the task's name. */
type TakenPorts = ReadonlyMap<ClusterNode, Map<string, string>>;

function hostPorts({ ports }: Service): readonly string[] {
  return ports
    .filter(({ mode, published }) => mode === "host" && published !== 0)
    .map(({ published, protocol }) => `${published}/${protocol}`);
}

/** Tasks that have ports of their nodes: each leaves one node less for the next. */
function placeWithPorts(
  service: Service,
  { nodes, pins, load }: Occupation,
  taken: TakenPorts,
  problems: Problem[],
): readonly PlacedTask[] {
  const ports = hostPorts(service);
  const counts = new Map<ClusterNode, number>();
  const tasks: PlacedTask[] = [];
  const about = { kind: "ports", service: service.name } as const;
  const suitable = suitableNodes(service, nodes);
  if (suitable.length === 0) return placeNew(service, taskNames(service, nodes), { nodes, pins, load }, problems);
  let pending = 0;
  for (const name of taskNames(service, nodes)) {
    const free = nodes.filter((node) => !ports.some((port) => taken.get(node)!.has(port)));
    const pin = nodes.find((node) => node.name === pins.get(name));
    if (pin !== undefined && !free.includes(pin)) {
      const port = ports.find((each) => taken.get(pin)!.has(each))!;
      const message = `${name} cannot run on ${pin.name}: ${taken.get(pin)!.get(port)} has the port ${port} there`;
      problems.push({ level: "error", about: { kind: "placement", task: name }, message });
    }
    const isPossible = (pin === undefined || free.includes(pin)) && free.some((node) => suitable.includes(node));
    const [task] = isPossible ? placeNew(service, [name], { nodes: free, pins, load }, problems, counts) : [];
    if (task?.node === undefined) {
      // A global service wants no task where none can be.
      if (service.mode === "global" && !suitable.some((node) => name === `${service.name}.${node.name}`)) continue;
      if (pin === undefined) pending++;
      tasks.push({ name, service, node: undefined });
      continue;
    }
    counts.set(task.node, (counts.get(task.node) ?? 0) + 1);
    for (const port of ports) taken.get(task.node)!.set(port, name);
    tasks.push(task);
  }
  if (pending > 0) {
    const who = pending === 1 ? "one task stays" : `${pending} tasks stay`;
    const message = `${who} pending: ${noSuitableNode(0, suitable.length)}`;
    problems.push({ level: "warning", about, message });
  }
  return tasks;
}

/** Places new tasks of one service; `counts` are the tasks of it that nodes have already. */
export function placeNew(
  service: Service,
  names: readonly string[],
  { nodes, pins, load }: Occupation,
  problems: Problem[],
  counts: ReadonlyMap<ClusterNode, number> = new Map(),
): readonly PlacedTask[] {
  for (const node of nodes) if (!load.has(node)) load.set(node, 0);
  const suitable = suitableNodes(service, nodes);
  if (service.mode === "global") return placeGlobal(service, names, suitable, { nodes, pins, load }, problems);
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const tasks: PlacedTask[] = [];
  const allowed = new Set(suitable);
  const queue = new SpreadQueue(suitable, load, new Map(nodes.map((node, index) => [node, index])), counts);
  for (const name of names) {
    const pin = pins.get(name);
    let node: ClusterNode | undefined;
    if (pin === undefined) node = queue.next();
    else {
      node = byName.get(pin);
      if (node !== undefined && !allowed.has(node))
        problems.push({
          level: "error",
          about: { kind: "placement", task: name },
          message: `${name} cannot run on ${pin}: the constraints of ${service.name} exclude it`,
        });
      if (node !== undefined) queue.take(node);
    }
    tasks.push({ name, service, node });
  }
  if (suitable.length === 0 && names.length > 0)
    problems.push({
      level: "warning",
      about: { kind: "service", service: service.name },
      message: noSuitableNode(nodes.length),
    });
  return tasks;
}

function placeGlobal(
  service: Service,
  names: readonly string[],
  suitable: readonly ClusterNode[],
  { pins, load }: Occupation,
  problems: Problem[],
): readonly PlacedTask[] {
  const wanted = new Set(names);
  const tasks: PlacedTask[] = [];
  for (const node of suitable) {
    const name = `${service.name}.${node.name}`;
    if (!wanted.has(name)) continue;
    const pin = pins.get(name);
    if (pin !== undefined && pin !== node.name)
      problems.push({
        level: "error",
        about: { kind: "placement", task: name },
        message: `${name} is the task of ${node.name}: ${service.name} is global`,
      });
    tasks.push({ name, service, node });
    load.set(node, load.get(node)! + 1);
  }
  return tasks;
}

/** Docker's words of a pending task (swarmkit manager/scheduler/pipeline.go, Explain): why nodes are left out, and how many. */
export function noSuitableNode(unsuitable: number, busy: number = 0, unavailable: number = 0): string {
  const some = (count: number): string => `${count} node${count === 1 ? "" : "s"}`;
  const reasons: string[] = [];
  if (unavailable > 0) reasons.push(`${some(unavailable)} not available for new tasks`);
  if (unsuitable > 0) reasons.push(`scheduling constraints not satisfied on ${some(unsuitable)}`);
  if (busy > 0) reasons.push(`host-mode port already in use on ${some(busy)}`);
  return reasons.length === 0 ? "no suitable node" : `no suitable node (${reasons.join("; ")})`;
}

export function suitableNodes(service: Service, nodes: readonly ClusterNode[]): readonly ClusterNode[] {
  const constraints: Constraint[] = [];
  for (const text of service.constraints) {
    const reading = parseConstraint(text);
    if (reading.ok) constraints.push(reading.constraint);
  }
  return nodes.filter((node) => constraints.every((constraint) => matches(constraint, node)));
}

/**
 * Nodes of one service by how little they run: a binary heap, so that a thousand nodes cost little more than two. An
 * entry whose node has got a task since it was put in is out of date, and is passed over.
 */
class SpreadQueue {
  readonly #heap: { readonly node: ClusterNode; readonly tasks: number; readonly load: number }[] = [];
  readonly #tasks = new Map<ClusterNode, number>();
  readonly #load: Map<ClusterNode, number>;
  readonly #order: ReadonlyMap<ClusterNode, number>;

  /** `load` counts the tasks of all services, and is kept up to date. */
  constructor(
    nodes: readonly ClusterNode[],
    load: Map<ClusterNode, number>,
    order: ReadonlyMap<ClusterNode, number>,
    counts: ReadonlyMap<ClusterNode, number>,
  ) {
    this.#load = load;
    this.#order = order;
    for (const node of nodes) {
      this.#tasks.set(node, counts.get(node) ?? 0);
      this.#push(node);
    }
  }

  /** The node for the next task, which it gets. */
  next(): ClusterNode | undefined {
    for (;;) {
      const top = this.#heap[0];
      if (top === undefined) return undefined;
      this.#pop();
      if (top.tasks !== this.#tasks.get(top.node)) continue;
      this.take(top.node);
      return top.node;
    }
  }

  /** A task goes to this node. */
  take(node: ClusterNode): void {
    this.#load.set(node, this.#load.get(node)! + 1);
    const tasks = this.#tasks.get(node);
    if (tasks === undefined) return;
    this.#tasks.set(node, tasks + 1);
    this.#push(node);
  }

  #less(a: number, b: number): boolean {
    const left = this.#heap[a]!;
    const right = this.#heap[b]!;
    const difference =
      left.tasks - right.tasks || left.load - right.load || this.#order.get(left.node)! - this.#order.get(right.node)!;
    return difference < 0;
  }

  #swap(a: number, b: number): void {
    const kept = this.#heap[a]!;
    this.#heap[a] = this.#heap[b]!;
    this.#heap[b] = kept;
  }

  #push(node: ClusterNode): void {
    this.#heap.push({ node, tasks: this.#tasks.get(node)!, load: this.#load.get(node)! });
    for (let at = this.#heap.length - 1; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (!this.#less(at, parent)) break;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #pop(): void {
    const last = this.#heap.pop()!;
    if (this.#heap.length === 0) return;
    this.#heap[0] = last;
    for (let at = 0; ; ) {
      const left = 2 * at + 1;
      const right = left + 1;
      let least = at;
      if (left < this.#heap.length && this.#less(left, least)) least = left;
      if (right < this.#heap.length && this.#less(right, least)) least = right;
      if (least === at) return;
      this.#swap(at, least);
      at = least;
    }
  }
}
