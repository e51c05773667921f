/** A stack file's networks and services, made one after the other (docker stack deploy). */
import type { Stack } from "../scenario/scenario.ts";
import { createService } from "./orchestrator.ts";
import type { Operation } from "./operation.ts";
import { overlaySpec } from "./network-allocator.ts";
import type { Swarm } from "./swarm.ts";

/** Networks with a subnet or a number of their own first, so that none is handed out that a later one asks for. */
export function* deployStack(swarm: Swarm, stack: Stack): Operation {
  const networks = stack.networks.map(overlaySpec);
  for (const network of networks)
    if (network.subnets.length + network.vnis.length > 0) swarm.networkAllocator.reserve(network);
  for (const network of networks) swarm.networkAllocator.add(network);
  for (const service of stack.services) yield* createService(swarm, service);
}
