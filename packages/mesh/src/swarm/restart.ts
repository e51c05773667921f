/**
 * What becomes of a slot whose task has ended or is to end (swarmkit manager/orchestrator/restart/restart.go).
 */
import { DEFAULT_RESTART } from "../scenario/compose-rollout.ts";
import { allocate, dispatch, newTask, place } from "./orchestrator.ts";
import { Gate, type Operation } from "./operation.ts";
import { suitableNodes } from "./placement.ts";
import type { Task } from "./service.ts";
import type { Swarm } from "./swarm.ts";

/** How long a new task waits at most for the end of the one before (defaultOldTaskTimeout). */
const OLD_TASK_TIMEOUT = 60_000_000_000;
/** Of a slot so many tasks are remembered (api/defaults, TaskHistoryRetentionLimit), unless attempts are counted. */
const HISTORY = 5;

/** A task has ended, or its node takes no more: another one takes its slot, if its service wants that. */
export function restartTask(swarm: Swarm, old: Task): Task | undefined {
  if (old.desired !== "running" && old.desired !== "ready") return undefined;
  if (old.desired === "ready" && old.hasEnded && !old.mayStart.isOpen) {
    swarm.host.start(swarm.manager.name, waitRestart(swarm, old), 0);
    return undefined;
  }
  old.desired = "shutdown";
  const { service, node } = old;
  if (swarm.services.get(service.spec.name) !== service || !shouldRestart(old)) return undefined;
  const engine = node === undefined ? undefined : swarm.engine(node.name);
  const isDrained = engine?.availability === "drain";
  const isDown = engine?.status === "down";
  const isUnfit = node !== undefined && suitableNodes(service.spec, [node]).length === 0;
  if (service.spec.mode === "global" && (isDrained || isDown || isUnfit)) return undefined;
  remember(old, swarm.host.now);
  const task = successor(swarm, old);
  const delay = isDrained ? 0 : (service.spec.restart?.delayNs ?? swarm.cost("restart"));
  const waitsFor = isDown || old.hasEnded ? undefined : old;
  swarm.host.start(swarm.manager.name, delayStart(swarm, waitsFor, task, delay), 0);
  return task;
}

/** It has ended before it was to start: its own delay passes first, so that a slot is not filled in vain all the time. */
function* waitRestart(swarm: Swarm, old: Task): Operation {
  yield old.mayStart;
  restartTask(swarm, old);
}

/** The slot's next task, made ready on its node and not started yet. */
export function successor(swarm: Swarm, old: Task): Task {
  const { service } = old;
  const task = newTask(swarm, service, old.name);
  task.desired = "ready";
  place(swarm, service, [task]);
  allocate(swarm, [task]);
  dispatch(swarm, [task]);
  reap(swarm, task);
  return task;
}

/** DelayStart: behind the delay and the end of the old task, for which it does not wait for ever. */
export function* delayStart(swarm: Swarm, old: Task | undefined, task: Task, delayNs: number): Operation {
  const begun = swarm.host.now;
  if (delayNs > 0) yield delayNs;
  if (old !== undefined && !old.ended.isOpen) {
    const either = new Gate();
    old.ended.wait(() => either.open());
    swarm.host.start(swarm.manager.name, openLater(either, begun + OLD_TASK_TIMEOUT - swarm.host.now), 0);
    yield either;
  }
  if (task.desired === "ready") task.desired = "running";
  task.mayStart.open();
}

/** A task that was made ready, by a manager that leads no more: what is left of its delay. */
export function delayStartAgain(swarm: Swarm, task: Task): void {
  const { service, name } = task;
  const old = [...service.tasks].findLast((other) => other.name === name && other !== task && !other.hasEnded);
  const isDown = old?.node !== undefined && swarm.engine(old.node.name).status === "down";
  const passed = swarm.host.now - task.createdAt;
  const delay = Math.max(0, (service.spec.restart?.delayNs ?? swarm.cost("restart")) - passed);
  swarm.host.start(swarm.manager.name, delayStart(swarm, isDown ? undefined : old, task, delay), 0);
}

function* openLater(gate: Gate, afterNs: number): Operation {
  yield Math.max(0, afterNs);
  gate.open();
}

export function shouldRestart({ service, name, state, stateSince }: Task): boolean {
  const { condition, maxAttempts, windowNs } = service.spec.restart ?? DEFAULT_RESTART;
  if (condition === "none" || (condition === "on-failure" && state === "complete")) return false;
  if (maxAttempts === 0) return true;
  const restarts = service.restarts.get(name) ?? [];
  return restarts.filter((time) => windowNs === 0 || time > stateSince - windowNs).length < maxAttempts;
}

function remember({ service, name }: Task, now: number): void {
  const { maxAttempts, windowNs } = service.spec.restart ?? DEFAULT_RESTART;
  if (maxAttempts === 0) return;
  const kept = (service.restarts.get(name) ?? []).filter((time) => windowNs === 0 || time > now - windowNs);
  service.restarts.set(name, [...kept, now]);
}

/** The oldest tasks of a slot are forgotten (orchestrator/taskreaper). */
function reap(swarm: Swarm, { service, name }: Task): void {
  const ofSlot = [...service.tasks].filter((task) => task.name === name);
  const { maxAttempts } = service.spec.restart ?? DEFAULT_RESTART;
  let tooMany = ofSlot.length - (maxAttempts > 0 ? maxAttempts + 1 : HISTORY);
  for (const task of ofSlot) {
    if (tooMany <= 0) return;
    if (!task.hasEnded) continue;
    forget(swarm, task);
    tooMany--;
  }
}

export function forget(swarm: Swarm, task: Task): void {
  swarm.tasks.delete(task);
  task.service.tasks.delete(task);
}
