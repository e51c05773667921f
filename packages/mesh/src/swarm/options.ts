/** What of a scenario the swarm is made of. */
import { imageOf } from "../scenario/images.ts";
import type { Scenario } from "../scenario/scenario.ts";
import { NO_CHOICES } from "./choices.ts";
import type { SwarmOptions } from "./swarm.ts";
import { DEFAULT_VERSION, versionOf } from "./version.ts";

export function swarmOptions({ cluster, images, placement, addresses, pins, run }: Scenario): SwarmOptions {
  return {
    nodes: cluster.nodes.map((node) => ({ ...node, version: versionOf(node.docker) ?? DEFAULT_VERSION })),
    underlay: cluster.underlay.subnet,
    dataPathPort: cluster.dataPathPort,
    dns: cluster.dns,
    keyRotation: cluster.keyRotation,
    pool: cluster.addressPool,
    seed: run.seed,
    healthyAfter: (image) => imageOf(image, images)?.healthyAfterNs ?? 0,
    unhealthyAfter: (image) => imageOf(image, images)?.unhealthyAfterNs ?? Number.POSITIVE_INFINITY,
    isMissing: (image) => imageOf(image, images)?.isMissing ?? false,
    choices: { ...NO_CHOICES, ...pins, placement, addresses },
  };
}
