/**
 * What the swarm makes of the stack: networks, tasks, addresses. While something is wrong with the file it is what is
 * certain all the same, so that mistakes in it are told with the others and none is told that may vanish with them.
 */
import { type AllocatedNetwork, allocateNetworks, ingressOf } from "../swarm/networks.ts";
import { type PlacedTask, placePinned, placeTasks, suitableNodes, taskNames } from "../swarm/placement.ts";
import type { Problem } from "../swarm/problem.ts";
import type { ClusterReading } from "./cluster.ts";
import type { ComposeReading, ServiceReading } from "./compose.ts";
import type { Report } from "./diagnostic.ts";
import type { Service } from "./scenario.ts";
import { TaskNames } from "./tasks.ts";

const MAX_TASKS = 1_000_000;

export interface Allocation {
  /** Those of the stack whose subnets are known. */
  readonly networks: readonly AllocatedNetwork[];
  /** The same, and ingress. */
  readonly joinable: readonly AllocatedNetwork[];
  /** There are no others. */
  readonly hasAllNetworks: boolean;
  /** Services about which nothing is uncertain, and their tasks. */
  readonly services: readonly Service[];
  readonly tasks: readonly PlacedTask[];
  readonly names: TaskNames;
}

/** `readings`: the services of `compose`. */
export function allocate(
  compose: ComposeReading,
  readings: ReadonlyMap<string, ServiceReading>,
  cluster: ClusterReading,
  placement: ReadonlyMap<string, string>,
  problems: Problem[],
  report: Report,
): Allocation {
  const { pool } = cluster;
  const hasAllNetworks = compose.hasAllNetworks && pool !== undefined;
  // What the others get depends on those that are wrong.
  const certain = compose.stack.networks.filter(
    ({ subnets }) => hasAllNetworks || subnets.every(({ subnet }) => subnet !== undefined),
  );
  const networks = pool === undefined ? [] : allocateNetworks(certain, cluster.subnet, problems, pool);
  const joinable = pool === undefined ? [] : [ingressOf(pool), ...networks];

  const nodes = cluster.cluster?.nodes ?? [];
  const sound = [...readings.values()].flatMap((each) => (each.sound ? (each.service ?? []) : []));
  if (!fitsMemory(readings, cluster.names.size, report)) {
    const names = new TaskNames(
      Array.from(readings.keys(), (name) => [name, undefined]),
      [],
    );
    return { networks, joinable, hasAllNetworks, services: [], tasks: [], names };
  }
  const isWhole = compose.sound && cluster.cluster !== undefined;
  const tasks = (isWhole ? placeTasks : placePinned)(sound, nodes, placement, problems);
  const isPending = ({ service, node }: PlacedTask): boolean =>
    node === undefined && (isWhole || (nodes.length > 0 && suitableNodes(service, nodes).length === 0));
  const named = Array.from(readings, ([name, reading]) => [name, namesOf(reading, cluster)] as const);
  const pending = tasks.filter(isPending).map(({ name }) => name);
  return { networks, joinable, hasAllNetworks, services: sound, tasks, names: new TaskNames(named, pending) };
}

/** Names of a service's tasks, or of more; undefined if they cannot be told. */
function namesOf(
  { service, hasTasks, sound }: ServiceReading,
  { cluster, names }: ClusterReading,
): readonly string[] | undefined {
  if (service === undefined || !hasTasks) return undefined;
  if (service.mode === "replicated") return taskNames(service, []);
  if (cluster !== undefined && sound) return taskNames(service, suitableNodes(service, cluster.nodes));
  return names.size === 0
    ? undefined
    : taskNames(
        service,
        Array.from(names, (name) => ({ name })),
      );
}

/** A number in a file is short, and a million tasks are not. */
function fitsMemory(services: ReadonlyMap<string, ServiceReading>, nodes: number, report: Report): boolean {
  let sum = 0;
  for (const { place, service, hasTasks } of services.values()) {
    if (service === undefined || !hasTasks) continue;
    sum += service.mode === "global" ? nodes : service.replicas;
    if (sum <= MAX_TASKS) continue;
    report.error(place, `expected at most ${MAX_TASKS} tasks in all, found ${sum} up to here`);
    return false;
  }
  return true;
}
