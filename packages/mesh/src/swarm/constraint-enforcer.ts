/**
 * Running tasks whose node is not what their service wants any more (swarmkit
 * manager/orchestrator/constraintenforcer/constraint_enforcer.go): they are rejected, and ended by their node; the slot's
 * next task is made as after any other end. What the service wants now counts, not what it wanted when the task was made.
 *
 * Not modelled: resources, and services whose change of constraints is not rolled out yet when a node changes.
 */
import { reject } from "./agent.ts";
import { suitableNodes } from "./placement.ts";
import type { Swarm, SwarmNode } from "./swarm.ts";

/** A node has changed, in its labels or its availability (rejectNoncompliantTasks). */
export function rejectUnfit(swarm: Swarm, node: SwarmNode): void {
  // Of a node that is drained the orchestrators end all tasks; one that is paused keeps those that it has.
  if (swarm.engine(node.name).availability !== "active") return;
  for (const task of [...swarm.tasks])
    if (task.node === node && task.isLive && suitableNodes(task.service.spec, [node]).length === 0) reject(swarm, task);
}
