/**
 * Which task runs where (swarmkit manager/scheduler): filters say which nodes can have it (filter.go, pipeline.go), then
 * tasks are spread over those (./spread.ts).
 *
 * Not modelled: resources, plugins, volumes, platforms other than Linux on x86_64.
 */
import type { ClusterNode, Service } from "../scenario/scenario.ts";
import { type Constraint, matches, parseConstraint } from "./constraint.ts";
import type { Problem } from "./problem.ts";
import { type Spread, spreadOver } from "./spread.ts";

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

/** Ports that a task takes of its node: `8080/tcp`. Of each there is one a node. */
export function hostPorts(ports: Service["ports"]): readonly string[] {
  return ports
    .filter(({ mode, published }) => mode === "host" && published !== 0)
    .map(({ published, protocol }) => `${published}/${protocol}`);
}

/** What a scheduler knows of the nodes. */
export interface Occupation {
  readonly nodes: readonly ClusterNode[];
  /** False: it takes no new tasks. */
  isAvailable(node: ClusterNode): boolean;
  /** Tasks that each node has; kept up to date. */
  readonly load: Map<ClusterNode, number>;
  /** Of each node, who has which of its ports; kept up to date. */
  readonly ports: Map<ClusterNode, Map<string, string>>;
}

/** Why a node cannot have a task, in the order in which it is asked; the words are swarmkit's. */
const FILTERS = {
  unavailable: (nodes: string): string => `${nodes} not available for new tasks`,
  constraints: (nodes: string): string => `scheduling constraints not satisfied on ${nodes}`,
  ports: (nodes: string): string => `host-mode port already in use on ${nodes}`,
  replicas: (): string => "max replicas per node limit exceed",
} as const;
type Filter = keyof typeof FILTERS;

/** Places tasks of one service, one after the other. */
export class Placer {
  readonly #service: Service;
  readonly #occupation: Occupation;
  readonly #own: Map<ClusterNode, number>;
  readonly #constraints: readonly Constraint[];
  readonly #hostPorts: readonly string[];
  readonly #byName: ReadonlyMap<string, ClusterNode>;
  /** Nodes that cannot have a task, by what is in the way. */
  readonly #failures: Record<Filter, number> = { unavailable: 0, constraints: 0, ports: 0, replicas: 0 };
  readonly #fitting: Set<ClusterNode> = new Set();
  readonly #spread: Spread;

  /** `own`: tasks of the service that nodes have already, kept up to date. */
  constructor(service: Service, occupation: Occupation, own: Map<ClusterNode, number> = new Map()) {
    this.#service = service;
    this.#occupation = occupation;
    this.#own = own;
    this.#constraints = constraintsOf(service);
    this.#hostPorts = hostPorts(service.ports);
    const { nodes, load } = occupation;
    this.#byName = new Map(nodes.map((node) => [node.name, node]));
    for (const node of nodes) {
      const failure = this.failureOf(node);
      if (failure === undefined) this.#fitting.add(node);
      else this.#failures[failure]++;
    }
    this.#spread = spreadOver([...this.#fitting], { load, own }, service.preferences ?? []);
  }

  /** What keeps a node from having one more task. */
  failureOf(node: ClusterNode): Filter | undefined {
    if (!this.#occupation.isAvailable(node)) return "unavailable";
    if (!this.#constraints.every((constraint) => matches(constraint, node))) return "constraints";
    const taken = this.#occupation.ports.get(node);
    if (taken !== undefined && this.#hostPorts.some((port) => taken.has(port))) return "ports";
    const limit = this.#service.mode === "global" ? 0 : (this.#service.maxReplicasPerNode ?? 0);
    return limit > 0 && (this.#own.get(node) ?? 0) >= limit ? "replicas" : undefined;
  }

  /** Who has a port there that a task would need, and which. */
  holderAt(node: ClusterNode): { readonly task: string; readonly port: string } | undefined {
    const taken = this.#occupation.ports.get(node);
    const port = this.#hostPorts.find((each) => taken?.has(each) === true);
    return port === undefined ? undefined : { port, task: taken!.get(port)! };
  }

  /** Any node can have a task, but for ports and tasks that are in the way. */
  get isPossible(): boolean {
    return this.#fitting.size + this.#failures.ports + this.#failures.replicas > 0;
  }

  node(name: string): ClusterNode | undefined {
    return this.#byName.get(name);
  }

  /** The node that a task gets: of a global service its own. Undefined: none. */
  next(task: string): ClusterNode | undefined {
    if (this.#service.mode !== "global") {
      const node = this.#spread.next();
      if (node !== undefined) this.#taken(node, task);
      return node;
    }
    const node = this.#byName.get(task.slice(this.#service.name.length + 1));
    if (node === undefined || !this.#fitting.has(node)) return undefined;
    this.take(node, task);
    return node;
  }

  /** A task goes to this node. */
  take(node: ClusterNode, task: string): void {
    this.#spread.take(node);
    this.#taken(node, task);
  }

  #taken(node: ClusterNode, task: string): void {
    this.#own.set(node, (this.#own.get(node) ?? 0) + 1);
    const { ports } = this.#occupation;
    for (const port of this.#hostPorts) {
      const taken = ports.get(node) ?? new Map<string, string>();
      ports.set(node, taken);
      taken.set(port, task);
    }
    if (!this.#fitting.has(node)) return;
    const failure = this.failureOf(node);
    if (failure === undefined) return;
    this.#fitting.delete(node);
    this.#spread.drop(node);
    this.#failures[failure]++;
  }

  /** Why a task stays pending (pipeline.go, Explain): what is in the way most often first. A global one has one node. */
  explain(task: string): string {
    const own =
      this.#service.mode === "global" ? this.#byName.get(task.slice(this.#service.name.length + 1)) : undefined;
    const failure = own === undefined ? undefined : this.failureOf(own);
    const counts = failure === undefined ? Object.entries(this.#failures) : [[failure, 1] as const];
    const reasons = counts
      .filter(([, count]) => count > 0)
      .toSorted(([, a], [, b]) => b - a)
      .map(([filter, count]) => FILTERS[filter as Filter](`${count} node${count === 1 ? "" : "s"}`));
    return reasons.length === 0 ? "no suitable node" : `no suitable node (${reasons.join("; ")})`;
  }
}

function constraintsOf(service: Service): readonly Constraint[] {
  const constraints: Constraint[] = [];
  for (const text of service.constraints) {
    const reading = parseConstraint(text);
    if (reading.ok) constraints.push(reading.constraint);
  }
  return constraints;
}

/** Nodes that a service's constraints allow. */
export function suitableNodes<N extends ClusterNode>(service: Service, nodes: readonly N[]): readonly N[] {
  const constraints = constraintsOf(service);
  return nodes.filter((node) => constraints.every((constraint) => matches(constraint, node)));
}

function unoccupied(nodes: readonly ClusterNode[]): Occupation {
  return { nodes, isAvailable: () => true, load: new Map(), ports: new Map() };
}

/** In the order of services, then of slots. */
export function placeTasks(
  services: readonly Service[],
  nodes: readonly ClusterNode[],
  pins: ReadonlyMap<string, string>,
  problems: Problem[],
): readonly PlacedTask[] {
  const occupation = unoccupied(nodes);
  return services.flatMap((service) => placeService(service, new Placer(service, occupation), nodes, pins, problems));
}

/** As far as pins decide: where other tasks go depends on what is not known while something is wrong with the stack. */
export function placePinned(
  services: readonly Service[],
  nodes: readonly ClusterNode[],
  pins: ReadonlyMap<string, string>,
  problems: Problem[],
): readonly PlacedTask[] {
  const occupation = unoccupied(nodes);
  return services.flatMap((service) => {
    const placer = new Placer(service, occupation);
    const wanted = service.mode === "global" ? suitableNodes(service, nodes) : nodes;
    return taskNames(service, wanted).map((name): PlacedTask => {
      const pin = placer.node(pins.get(name) ?? "");
      return { name, service, node: pin && placeAt(pin, name, service, placer, problems) };
    });
  });
}

function placeService(
  service: Service,
  placer: Placer,
  nodes: readonly ClusterNode[],
  pins: ReadonlyMap<string, string>,
  problems: Problem[],
): readonly PlacedTask[] {
  // A global service wants no task where none can be.
  const wanted = service.mode === "global" ? suitableNodes(service, nodes) : nodes;
  const tasks = taskNames(service, wanted).map((name): PlacedTask => {
    const pin = placer.node(pins.get(name) ?? "");
    if (pin === undefined) return { name, service, node: placer.next(name) };
    return { name, service, node: placeAt(pin, name, service, placer, problems) };
  });
  const pending = tasks.filter(({ name, node }) => node === undefined && !pins.has(name));
  const [first] = pending;
  if (first === undefined) {
    if (service.mode === "global" && wanted.length === 0 && nodes.length > 0) tellUnsuitable(service, placer, problems);
  } else if (!placer.isPossible) tellUnsuitable(service, placer, problems);
  else {
    const who = pending.length === 1 ? "one task stays" : `${pending.length} tasks stay`;
    const about = { kind: hostPorts(service.ports).length > 0 ? "ports" : "service", service: service.name } as const;
    problems.push({ level: "warning", about, message: `${who} pending: ${placer.explain(first.name)}` });
  }
  return tasks;
}

/** The node that a task gets where somebody has chosen one. */
function placeAt(
  pin: ClusterNode,
  task: string,
  service: Service,
  placer: Placer,
  problems: Problem[],
): ClusterNode | undefined {
  const message = mistakeOf(service, placer, task, pin);
  if (message !== undefined) problems.push({ level: "error", about: { kind: "placement", task }, message });
  if (placer.holderAt(pin) !== undefined) return undefined;
  if (service.mode === "global") return placer.next(task);
  placer.take(pin, task);
  return pin;
}

function tellUnsuitable(service: Service, placer: Placer, problems: Problem[]): void {
  problems.push({
    level: "warning",
    about: { kind: "service", service: service.name },
    message: placer.explain(""),
  });
}

/** What is wrong with a place that somebody has chosen. */
function mistakeOf(service: Service, placer: Placer, task: string, pin: ClusterNode): string | undefined {
  if (service.mode === "global" && task !== `${service.name}.${pin.name}`)
    return `${task} is the task of ${task.slice(service.name.length + 1)}: ${service.name} is global`;
  const holder = placer.holderAt(pin);
  if (holder !== undefined)
    return `${task} cannot run on ${pin.name}: ${holder.task} has the port ${holder.port} there`;
  const failure = placer.failureOf(pin);
  if (failure === "constraints")
    return `${task} cannot run on ${pin.name}: the constraints of ${service.name} exclude it`;
  if (failure === "replicas")
    return `${task} cannot run on ${pin.name}: max_replicas_per_node of ${service.name} allows no more`;
  return undefined;
}
