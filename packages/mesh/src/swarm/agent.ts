/** What a node's agent does with its tasks (swarmkit agent; daemon/cluster/executor/container/controller.go). */
import {
  type Container,
  type ContainerOptions,
  createContainer,
  leaveOverlay,
  removeContainer,
  startContainer,
  stopContainer,
} from "./container.ts";
import { DockerError } from "./docker-error.ts";
import type { Engine } from "./engine.ts";
import { untilHealthy, untilUnhealthy } from "./health.ts";
import { INGRESS } from "./networks.ts";
import type { Operation } from "./operation.ts";
import { networksOf, scheduleSoon } from "./orchestrator.ts";
import { hostPorts } from "./placement.ts";
import { forget, restartTask } from "./restart.ts";
import type { Task } from "./service.ts";
import { activateServiceBinding, deactivateServiceBinding } from "./service-binding.ts";
import type { Swarm } from "./swarm.ts";

/** The node's engine gets the task, unless it hears nothing now: then when it does. */
export function assign(swarm: Swarm, task: Task, afterNs: number): void {
  const engine = swarm.engine(task.node!.name);
  if (!swarm.dispatcher.hasSession(engine)) return;
  task.life = engine.life;
  swarm.host.start(engine.name, runTask(swarm, engine, task), afterNs);
}

function* runTask(swarm: Swarm, engine: Engine, task: Task): Operation {
  if (!task.isLive) return finish(swarm, engine, task, "shutdown");
  task.enter("preparing", swarm.host.now);
  try {
    // One that was made before the machine went off is still there.
    const container = task.container ?? (yield* createContainer(engine, containerOf(task)));
    task.container = container;
    container.onExit = (status) => exited(swarm, engine, task, status);
    task.enter("ready", swarm.host.now);
    if (task.desired === "ready") yield task.mayStart;
    if (!task.isLive) return finish(swarm, engine, task, "shutdown");
    task.enter("starting", swarm.host.now);
    yield* startContainer(engine, container);
    task.up.open();
    yield* takeUp(swarm, engine, task, container);
  } catch (error) {
    if (!(error instanceof DockerError)) throw error;
    task.up.open();
    // agent/exec/controller.go, Do: what goes wrong while it is prepared is rejected, later it has failed.
    fail(swarm, engine, task, error.message, task.container === undefined ? "rejected" : "failed");
  }
}

/** It is there for others at once, or as soon as it is healthy (controller.go, Start). */
function* takeUp(swarm: Swarm, engine: Engine, task: Task, container: Container): Operation {
  const { healthcheck } = task.spec;
  const isHealthy = healthcheck === undefined || (yield* untilHealthy(engine, container, healthcheck));
  // It has ended. One that is to end has started all the same, and says so: the agent does one thing after the other.
  if (container.state !== "running" || task.hasEnded) return;
  if (isHealthy) {
    activateServiceBinding(engine, container);
    task.enter("running", swarm.host.now);
    if (healthcheck === undefined || !(yield* untilUnhealthy(engine, container, healthcheck)) || !task.isLive) return;
  }
  // It is stopped as if somebody had asked for it; a container that then ends well is a task that has done its work.
  container.onExit = (status) => exited(swarm, engine, task, status, UNHEALTHY);
  deactivateServiceBinding(engine, container);
  yield engine.cost("deactivate");
  yield* stopContainer(engine, container, graceOf(swarm, task));
}

/** container/errors.go, ErrContainerUnhealthy. */
const UNHEALTHY = "dockerexec: unhealthy container";

/** From SIGTERM to SIGKILL. */
function graceOf(swarm: Swarm, { spec }: Task): number {
  return spec.stopGraceNs ?? swarm.cost("grace");
}

function containerOf(task: Task): ContainerOptions {
  const { service, spec, ports, addresses } = task;
  const networks = networksOf(task);
  return {
    name: task.containerName,
    shortName: task.name,
    image: spec.image,
    argv: spec.command ?? [],
    attachments:
      networks.length === 0
        ? [{ network: "bridge" }]
        : networks.map((network) => {
            const ip = addresses.get(network);
            return ip === undefined ? { network } : { network, ip };
          }),
    ports: ports.flatMap(({ protocol, mode, published, target }) =>
      mode === "host" ? [{ protocol, hostPort: published, containerPort: target }] : [],
    ),
    labels: () => labelsOf(task),
    hostname: spec.hostname,
    dns: spec.dns,
    task: {
      service,
      slot: task.slot,
      ingressPorts: ports.filter((port) => port.mode === "ingress"),
    },
  };
}

/** container.go, labels; made when somebody looks, as few ever do. */
function labelsOf({ id, node, service, spec, containerName }: Task): ReadonlyMap<string, string> {
  return new Map([
    ["com.docker.swarm.node.id", node?.id ?? ""],
    ["com.docker.swarm.service.id", service.id],
    ["com.docker.swarm.service.name", spec.name],
    ["com.docker.swarm.task", ""],
    ["com.docker.swarm.task.id", id],
    ["com.docker.swarm.task.name", containerName],
  ]);
}

/** Its process has ended by itself, or was killed by somebody else. */
function exited(swarm: Swarm, engine: Engine, task: Task, status: number, cause?: string): void {
  swarm.dispatcher.report(engine, () => {
    if (!task.isLive) return;
    const why = cause === undefined ? "" : `: ${cause}`;
    if (status !== 0) return fail(swarm, engine, task, `task: non-zero exit (${status})${why}`);
    finish(swarm, engine, task, "complete");
    restartTask(swarm, task);
  });
}

export function fail(
  swarm: Swarm,
  engine: Engine,
  task: Task,
  message: string,
  state: "failed" | "rejected" = "failed",
): void {
  if (task.hasEnded) return;
  const wasWanted = task.isLive;
  finish(swarm, engine, task, state, message);
  if (wasWanted) task.service.rollout?.failed(task);
  restartTask(swarm, task);
}

/** A manager will not have the task on its node any more; the node ends it. */
export function reject(swarm: Swarm, task: Task): void {
  const engine = swarm.engine(task.node!.name);
  fail(swarm, engine, task, UNFIT, "rejected");
  task.mayStart.open();
  if (swarm.dispatcher.hasSession(engine)) endRejected(swarm, engine, task);
}

/** constraintenforcer, rejectNoncompliantTasks */
const UNFIT = "assigned node no longer meets constraints";

/** Its container runs though it has ended. */
export function endRejected(swarm: Swarm, engine: Engine, task: Task): void {
  swarm.host.start(engine.name, shutDown(swarm, engine, task), swarm.cost("dispatch"));
}

function finish(
  swarm: Swarm,
  engine: Engine,
  task: Task,
  state: "complete" | "failed" | "rejected" | "shutdown",
  message: string = "",
): void {
  if (task.hasEnded) return;
  task.enter(state, swarm.host.now, message);
  leaveNode(swarm, task);
  releaseAddresses(swarm, task);
  for (const name of task.addresses.keys())
    if (name !== INGRESS.name && swarm.networks.has(name)) swarm.host.start(engine.name, leaveLater(engine, name), 0);
  task.ended.open();
  scheduleSoon(swarm);
}

function releaseAddresses(swarm: Swarm, { addresses }: Task): void {
  for (const [name, ip] of addresses) swarm.networks.get(name)?.release(ip);
}

/** The scheduler counts it no longer, and its ports are free. */
function leaveNode(swarm: Swarm, { node, name, spec }: Task): void {
  if (node === undefined) return;
  swarm.load.set(node, (swarm.load.get(node) ?? 1) - 1);
  const taken = swarm.hostPorts.get(node);
  for (const port of hostPorts(spec.ports)) if (taken?.get(port) === name) taken.delete(port);
}

function* leaveLater(engine: Engine, name: string): Operation {
  yield engine.cost("release");
  const network = engine.swarm.networks.get(name);
  if (network !== undefined) leaveOverlay(engine, network);
}

/** The task is to end: its service's name goes first, then the signal comes (controller.go, Shutdown). */
export function endTask(swarm: Swarm, task: Task): void {
  const { node } = task;
  if (node === undefined || task.hasEnded) {
    if (!task.hasEnded) {
      task.enter("shutdown", swarm.host.now);
      releaseAddresses(swarm, task);
    }
    if (task.desired === "remove") forget(swarm, task);
    task.ended.open();
    return;
  }
  // A node that hears nothing is told later.
  if (!swarm.dispatcher.hasSession(swarm.engine(node.name))) return;
  // One that was made ready only sees that it may not start.
  task.mayStart.open();
  swarm.host.start(node.name, shutDown(swarm, swarm.engine(node.name), task), swarm.cost("dispatch"));
}

function* shutDown(swarm: Swarm, engine: Engine, task: Task): Operation {
  const { container } = task;
  // The agent does one thing after the other: what has begun to start will have started.
  if (task.hasBegun && task.life === engine.life && !task.up.isOpen) yield task.up;
  if (container?.state === "running") {
    // The agent reports once more that it runs (agent/exec/controller.go, Do).
    if (task.state === "running") task.stateSince = swarm.host.now;
    deactivateServiceBinding(engine, container);
    yield engine.cost("deactivate");
    yield* stopContainer(engine, container, graceOf(swarm, task));
  }
  yield engine.cost("report");
  finish(swarm, engine, task, "shutdown");
  if (task.desired !== "remove") return;
  if (container !== undefined && container.state !== "removed") yield* removeContainer(engine, container, false);
  forget(swarm, task);
}
