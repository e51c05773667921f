/**
 * What the client prints until a service is as it was told to be, without `-d` (docker/cli cli/command/service/progress).
 * It prints as into a pipe, where bars are left out; what it would say again and again it says once.
 *
 * Not modelled: jobs, more than twenty slots' own lines (the client leaves them out, too), Ctrl-C.
 */
import type { ServiceState, Task } from "../swarm/service.ts";
import { isUpToDate } from "../swarm/updater.ts";
import { DEFAULT_UPDATE } from "../scenario/compose-rollout.ts";
import type { Call } from "./cli-call.ts";
import { ellipsis } from "./cli-table.ts";
import { desiredOf } from "./cli-tasks.ts";

const SECOND = 1_000_000_000;
/** Between two looks. */
const PERIOD = 200_000_000;
/** From then on it looks ever less often here: what has not converged by now needs somebody to do something. */
const PATIENCE = 60 * SECOND;
/** maxProgressBars */
const MOST_LINES = 20;
const LONGEST_ERROR = 75;
const SHORT_ID = 12;

/** numberedStates: those in which a task has not ended, in their order. */
const STATES = ["new", "allocated", "pending", "assigned", "accepted", "preparing", "ready", "starting", "running"];

/** Waits until the service has converged, and has stayed so; the exit status. */
export function* progress(call: Call, service: ServiceState): Generator<void, number, boolean> {
  const { host } = call.swarm;
  const begun = host.now;
  const view = service.spec.mode === "global" ? new GlobalView(call, service) : new ReplicatedView(call, service);
  let convergedAt: number | undefined;
  for (;;) {
    const { rollout } = service;
    const monitor = service.spec.update?.monitorNs || DEFAULT_UPDATE.monitorNs;
    switch (rollout?.state) {
      case "updating":
        view.isBack = false;
        break;
      case "completed":
        if (convergedAt === undefined) return 0;
        break;
      case "paused":
        call.print(`service update paused: ${rollout.message}`);
        return 1;
      case "rollback_started":
        if (!view.isBack) view.say("rollback", rollout.message);
        view.isBack = true;
        break;
      case "rollback_paused":
        call.print(`service rollback paused: ${rollout.message}`);
        return 1;
      case "rollback_completed":
        if (convergedAt !== undefined) break;
        call.print(`service rolled back: ${rollout.message}`);
        return 1;
      case undefined:
    }
    if (convergedAt !== undefined && host.now - convergedAt >= monitor) {
      const isOld = call.engine.version.filter === "forward";
      view.say("verify", isOld ? "Service converged" : `Service ${service.id} converged`);
      return 0;
    }
    if (view.look()) {
      convergedAt ??= host.now;
      const wait = monitor - (host.now - convergedAt);
      // Some nanoseconds have passed by then.
      const seconds = Math.floor((wait - 1) / SECOND) + 1;
      if (wait >= 0) view.say("verify", `Waiting ${seconds} seconds to verify that tasks are stable...`);
    } else {
      if (convergedAt !== undefined) view.say("verify", "Detected task failure");
      convergedAt = undefined;
    }
    const waited = host.now - begun;
    yield* call.context.process.sleep(waited < PATIENCE ? PERIOD : Math.floor(waited / 60));
  }
}

abstract class View {
  /** It is being rolled back. */
  isBack = false;
  protected readonly call: Call;
  protected readonly service: ServiceState;
  protected isDone = false;
  readonly #said = new Map<string, string>();

  constructor(call: Call, service: ServiceState) {
    this.call = call;
    this.service = service;
  }

  /** One look; true: all is as it should be. */
  abstract look(): boolean;

  say(id: string, text: string): void {
    if (this.#said.get(id) === text) return;
    this.#said.set(id, text);
    this.call.print(`${id}: ${text}`);
  }

  protected sayOverall(running: number, wanted: number): void {
    this.say("overall progress", `${this.isBack ? "rolling back update: " : ""}${running} out of ${wanted} tasks`);
  }

  /** Nodes that are down have no tasks for the client. */
  protected isActive({ node }: Task): boolean {
    return node === undefined || this.call.swarm.engine(node.name).status !== "down";
  }

  protected get tasks(): readonly Task[] {
    return [...this.service.tasks].filter((task) => isUpToDate(this.service, task));
  }
}

function isRunning(task: Task): boolean {
  return task.state === "running" && (task.desired === "running" || task.desired === "ready");
}

const rank = (state: string): number => STATES.indexOf(state);

class ReplicatedView extends View {
  /** Slots in the order in which they were first seen: the number of each one's line. */
  readonly #lines = new Map<number, number>();
  #hasBegun = false;

  look(): boolean {
    const { replicas } = this.service.spec;
    if (!this.#hasBegun) {
      this.#hasBegun = true;
      this.sayOverall(0, replicas);
      if (replicas <= MOST_LINES) for (let line = 1; line <= replicas; line++) this.say(`${line}/${replicas}`, " ");
    }
    const bySlot = this.#bySlot();
    if (this.isDone) this.isDone = [...bySlot.values()].every(({ state }) => state === "running");
    let running = 0;
    for (const [slot, task] of bySlot) {
      const line = this.#lines.get(slot) ?? this.#lines.size + 1;
      this.#lines.set(slot, line);
      if (isRunning(task)) running++;
      if (!this.isDone && replicas <= MOST_LINES && line <= replicas && task.message !== "")
        this.say(`${line}/${replicas}`, ellipsis(task.message.replaceAll("\n", " "), LONGEST_ERROR));
    }
    if (!this.isDone) {
      this.sayOverall(running, replicas);
      this.isDone = running === replicas;
    }
    return running === replicas;
  }

  /** Of each slot the task that has got furthest of those that are to get less far than others. */
  #bySlot(): ReadonlyMap<number, Task> {
    const found = new Map<number, Task>();
    for (const task of this.tasks) {
      const desired = rank(desiredOf(task));
      if (desired < 0 || rank(task.state) < 0) continue;
      const other = found.get(task.slot);
      if (other !== undefined) {
        const before = rank(desiredOf(other));
        if (before < desired || (before === desired && rank(other.state) <= rank(task.state))) continue;
      }
      if (this.isActive(task)) found.set(task.slot, task);
    }
    return found;
  }
}

class GlobalView extends View {
  #hasBegun = false;

  look(): boolean {
    const byNode = new Map<string, Task>();
    for (const task of this.tasks) {
      const id = task.node?.id;
      if (id === undefined || rank(desiredOf(task)) < 0 || rank(task.state) < 0) continue;
      byNode.set(id, task);
    }
    const wanted = byNode.size;
    if (!this.#hasBegun) {
      if (wanted === 0) {
        this.say("overall progress", "waiting for new tasks");
        return false;
      }
      this.#hasBegun = true;
      this.sayOverall(0, wanted);
    }
    if (this.isDone) this.isDone = [...byNode.values()].every(({ state }) => state === "running");
    let running = 0;
    for (const [id, task] of byNode) {
      if (!this.isActive(task)) continue;
      if (isRunning(task)) running++;
      if (!this.isDone && wanted <= MOST_LINES && task.message !== "")
        this.say(id.slice(0, SHORT_ID), ellipsis(task.message.replaceAll("\n", " "), LONGEST_ERROR));
    }
    if (!this.isDone) {
      this.sayOverall(running, wanted);
      this.isDone = running === wanted;
    }
    return running === wanted;
  }
}
