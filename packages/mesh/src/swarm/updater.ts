/** Rolls out a change of a service, or the way back, slot after slot (swarmkit manager/orchestrator/update/updater.go). */
import { DEFAULT_UPDATE } from "../scenario/compose-rollout.ts";
import type { Service, UpdateConfig } from "../scenario/scenario.ts";
import { endTask } from "./agent.ts";
import { Refusal } from "./docker-error.ts";
import { allocateVips, isRollingOut } from "./orchestrator.ts";
import { Gate, type Operation } from "./operation.ts";
import { suitableNodes } from "./placement.ts";
import { delayStart, successor } from "./restart.ts";
import type { Rollout, ServiceState, Task } from "./service.ts";
import type { Swarm } from "./swarm.ts";

/** `docker service update`; ends when all slots have had their turn. `force`: also those that need nothing. */
export function* updateService(swarm: Swarm, service: ServiceState, spec: Service, force = true): Operation {
  service.previous = service.spec;
  yield* rollOut(swarm, service, spec, "update", force);
}

/** `docker service rollback`: back to what it was before the last update. */
export function* rollbackService(swarm: Swarm, service: ServiceState, message: string = MANUALLY): Operation {
  const { previous } = service;
  if (previous === undefined) throw Refusal.noPreviousSpec(service.spec.name);
  service.previous = undefined;
  yield* rollOut(swarm, service, previous, "rollback", false, message);
}

/** Another manager goes on with an update: with all that is not yet as it should be. */
export function resumeUpdate(swarm: Swarm, service: ServiceState): void {
  const { rollout, spec } = service;
  if (rollout === undefined || !isRollingOut(service)) return;
  const direction = rollout.state === "updating" ? "update" : "rollback";
  swarm.host.start(swarm.manager.name, rollOut(swarm, service, spec, direction, false, rollout.message), 0);
}

const MANUALLY = "manually requested rollback";

type Direction = "update" | "rollback";

function* rollOut(
  swarm: Swarm,
  service: ServiceState,
  spec: Service,
  direction: Direction,
  force: boolean,
  message: string = "update in progress",
): Operation {
  service.spec = spec;
  service.ports = swarm.dynamicPorts.give(swarm.services.values(), spec, service);
  const update = new Update(swarm, service, direction, force, message);
  service.rollout?.stop();
  service.rollout = update;
  yield swarm.cost("orchestrate");
  allocateVips(swarm, service);
  const turns = swarm.choices.turns.get(spec.name) ?? [];
  const turn = (name: string): number => (turns.includes(name) ? turns.indexOf(name) : turns.length);
  const slots = [...slotsOf(wantedTasks(service))].sort(([a], [b]) => turn(a) - turn(b));
  for (const [name, tasks] of slots)
    if (force || tasks.length > 1 || tasks.some((task) => isDirty(task, spec))) update.slots.push(name);
  yield* update.run();
}

/** The task is as its service wants it now (controlapi, ListTasks with `_up-to-date`). */
export function isUpToDate({ rollout, spec }: ServiceState, task: Task): boolean {
  return rollout?.isForced === true ? task.spec === spec : !isDirty(task, spec);
}

/** Keys of a service that its tasks know nothing of. */
export const NO_TASK: ReadonlySet<string> = new Set(["replicas", "update", "rollback", "labels"]);
/** Keys that say where tasks run as well: a change of them leaves alone tasks whose nodes still fit. */
const PLACEMENT: ReadonlySet<string> = new Set([...NO_TASK, "constraints", "preferences", "maxReplicasPerNode"]);

/** The task is not as its service wants it (orchestrator/task.go, IsTaskDirty). */
function isDirty({ spec: own, node }: Task, spec: Service): boolean {
  if (own === spec || isSame(own, spec, NO_TASK)) return false;
  return !isSame(own, spec, PLACEMENT) || (node !== undefined && suitableNodes(spec, [node]).length === 0);
}

/** Equal but for some keys. */
export function isSame(a: Service, b: Service, except: ReadonlySet<string>): boolean {
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]) as Set<keyof Service>;
  return [...keys].every((key) => except.has(key) || textOf(a[key]) === textOf(b[key]));
}

/** Nothing and an empty list are the same. */
function textOf(value: unknown): string {
  if (value instanceof Map) return JSON.stringify([...value]);
  return JSON.stringify(value ?? []);
}

/** Those that are to run, also such as have ended already and wait for their successors (getRunnableAndDeadSlots). */
function wantedTasks(service: ServiceState): readonly Task[] {
  return [...service.tasks].filter(({ desired }) => desired === "running" || desired === "ready");
}

function slotsOf(tasks: readonly Task[]): ReadonlyMap<string, readonly Task[]> {
  const slots = new Map<string, Task[]>();
  for (const task of tasks) {
    const held = slots.get(task.name);
    if (held === undefined) slots.set(task.name, [task]);
    else held.push(task);
  }
  return slots;
}

class Update implements Rollout {
  state: Rollout["state"];
  message: string;
  readonly startedAt: number;
  completedAt: number | undefined = undefined;
  /** Names of the slots that have still to be updated. */
  readonly slots: string[] = [];
  readonly #swarm: Swarm;
  readonly #service: ServiceState;
  readonly #direction: Direction;
  readonly #config: UpdateConfig;
  readonly isForced: boolean;
  /** New tasks to when they came up; undefined: they have not. */
  readonly #updated = new Map<Task, number | undefined>();
  #failures = 0;
  #count = 0;

  constructor(swarm: Swarm, service: ServiceState, direction: Direction, isForced: boolean, message: string) {
    this.#swarm = swarm;
    this.#service = service;
    this.#direction = direction;
    this.isForced = isForced;
    this.#config = service.spec[direction] ?? DEFAULT_UPDATE;
    this.state = direction === "update" ? "updating" : "rollback_started";
    this.message = message;
    this.startedAt = swarm.host.now;
  }

  *run(): Operation {
    this.#count = this.slots.length;
    while (this.slots.length > 0 && this.#isGoingOn) {
      yield* this.#takeTurns();
      // A task that was replaced for another reason meanwhile has left its slot with two (isSlotDirty).
      for (const [name, tasks] of slotsOf(wantedTasks(this.#service))) if (tasks.length > 1) this.slots.push(name);
    }
    // What fails within the time in which the last ones are watched counts as well.
    if (this.#isGoingOn && this.#config.monitorNs > 0) yield this.#config.monitorNs;
    if (!this.#isGoingOn) return;
    this.stop();
    this.completedAt = this.#swarm.host.now;
  }

  *#takeTurns(): Operation {
    const { parallelism } = this.#config;
    const swarm = this.#swarm;
    const { length } = this.slots;
    const workers = Math.min(length, parallelism === 0 ? length : parallelism);
    const done: Gate[] = [];
    for (let worker = 0; worker < workers; worker++) {
      const gate = new Gate();
      done.push(gate);
      swarm.host.start(swarm.manager.name, this.#work(gate), 0);
    }
    for (const gate of done) if (!gate.isOpen) yield gate;
  }

  get #isGoingOn(): boolean {
    return this.state === "updating" || this.state === "rollback_started";
  }

  stop(): void {
    if (!this.#isGoingOn) return;
    this.state = this.#direction === "update" ? "completed" : "rollback_completed";
    this.message = `${this.#direction} completed`;
  }

  /** A worker: one slot, the delay, the next slot. */
  *#work(done: Gate): Operation {
    for (let slot = this.slots.shift(); slot !== undefined && this.#isGoingOn; slot = this.slots.shift()) {
      yield* this.#updateSlot(slot);
      if (this.#config.delayNs > 0 && this.#isGoingOn) yield this.#config.delayNs;
    }
    done.open();
  }

  *#updateSlot(name: string): Operation {
    const swarm = this.#swarm;
    const old = wantedTasks(this.#service).filter((task) => task.name === name);
    const [first] = old;
    if (first === undefined) return;
    const existing = this.#existing(old);
    if (existing !== undefined) {
      for (const each of old) if (each !== existing) retire(swarm, each);
      return;
    }
    const task = successor(swarm, first);
    this.#updated.set(task, undefined);
    const startsFirst = this.#config.order === "start-first";
    if (!startsFirst) for (const each of old) retire(swarm, each);
    swarm.host.start(swarm.manager.name, delayStart(swarm, startsFirst ? undefined : first, task, 0), 0);
    if (!task.started.isOpen) yield task.started;
    this.#updated.set(task, swarm.host.now);
    if (startsFirst && task.state === "running") for (const each of old) retire(swarm, each);
  }

  /** One that is as it should be already, best one that runs (useExistingTask). */
  #existing(tasks: readonly Task[]): Task | undefined {
    const { spec } = this.#service;
    const clean = tasks.filter((task) => (this.isForced ? task.spec === spec : !isDirty(task, spec)));
    return clean.find(({ desired }) => desired === "running") ?? clean[0];
  }

  /** failureTriggersAction. */
  failed(task: Task): void {
    const { monitorNs, failureAction, maxFailureRatio } = this.#config;
    if (!this.#updated.has(task) || this.#service.rollout !== this || failureAction === "continue") return;
    if (!this.#isGoingOn) return;
    const since = this.#updated.get(task);
    if (since !== undefined && this.#swarm.host.now - since > monitorNs) return;
    this.#failures++;
    if (this.#failures / this.#count <= maxFailureRatio) return;
    const why = `due to failure or early termination of task ${task.id}`;
    if (failureAction === "rollback" && this.#direction === "update" && this.#service.previous !== undefined) {
      const message = `update rolled back ${why}`;
      this.#swarm.host.start(this.#swarm.manager.name, rollbackService(this.#swarm, this.#service, message), 0);
      return;
    }
    this.state = this.#direction === "update" ? "paused" : "rollback_paused";
    this.message = `${this.#direction} paused ${why}`;
  }
}

function retire(swarm: Swarm, task: Task): void {
  task.desired = "shutdown";
  endTask(swarm, task);
}
