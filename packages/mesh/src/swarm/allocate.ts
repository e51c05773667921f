/** Everything that swarmkit's managers decide before a node does anything: who runs where, with which addresses. */
import type { Scenario } from "../scenario/scenario.ts";
import { allocateAddresses, type NetworkAddresses } from "./ipam.ts";
import { type AllocatedNetwork, allocateNetworks } from "./networks.ts";
import { type PlacedTask, placeTasks } from "./placement.ts";
import type { Problem } from "./problem.ts";

export interface Allocation {
  readonly networks: readonly AllocatedNetwork[];
  readonly tasks: readonly PlacedTask[];
  /** By network name. */
  readonly addresses: ReadonlyMap<string, NetworkAddresses>;
  readonly problems: readonly Problem[];
}

export function allocate(scenario: Scenario): Allocation {
  const problems: Problem[] = [];
  const { cluster, stack } = scenario;
  const networks = allocateNetworks(stack.networks, cluster.underlay.subnet, problems);
  const tasks = placeTasks(stack.services, cluster.nodes, scenario.placement, problems);
  const addresses = allocateAddresses(networks, stack.services, tasks, scenario.addresses, problems);
  return { networks, tasks, addresses, problems };
}
