/** What there is on each node when a scenario's stack has been deployed, as data: no engine, no clock. */
import { DockerCost } from "../costs.ts";
import type { Scenario, Stack } from "../scenario/scenario.ts";
import { type Host, Instant } from "./operation.ts";
import { swarmOptions } from "./options.ts";
import { Picture } from "./picture.ts";
import type { SwarmPlan } from "./plan.ts";
import type { Request } from "./request.ts";
import { deployStack } from "./stack.ts";
import { Swarm } from "./swarm.ts";

const MINUTE = 60_000_000_000;

/**
 * Nanoseconds: a minute from the last service on, long enough for all that begins by itself. What fails again and again
 * goes on no longer.
 */
export function deploymentLimit({ services }: Stack): number {
  return services.length * DockerCost.orchestrate + MINUTE;
}

/** Runs the deployment; `request` is told of each request, in order. Throws what Docker refuses. */
function deployPure(
  scenario: Scenario,
  request: (request: Request, now: number) => void,
  defer?: Host["defer"],
): Swarm {
  const instant = new Instant((each) => request(each, instant.now), deploymentLimit(scenario.stack), defer);
  const swarm = new Swarm(swarmOptions(scenario), instant);
  swarm.start();
  instant.run();
  instant.start(swarm.manager.name, deployStack(swarm, scenario.stack), 0);
  instant.run();
  swarm.bindings.settle();
  return swarm;
}

/** Throws if the scenario asks for what Docker refuses; the loader says so with positions before. */
export function planSwarm(scenario: Scenario): SwarmPlan {
  const { underlay } = scenario.cluster;
  const picture = new Picture();
  for (const node of scenario.cluster.nodes) picture.addNode(node, underlay.mtu, underlay.subnet.prefixLength);
  // Real servers, of which there are as many on each node as there are tasks, are not in the picture.
  const swarm = deployPure(
    scenario,
    (request) => picture.add(request),
    (_place, what, action) => {
      if (what === "addresses") action();
    },
  );
  return picture.plan(swarm, underlay);
}
