/** Services and their tasks as swarmkit's managers keep them. */
import type { PublishedPort, Service } from "../scenario/scenario.ts";
import { Gate } from "./operation.ts";
import type { Container } from "./container.ts";
import type { BalancedService } from "./service-binding.ts";
import type { SwarmNode } from "./swarm.ts";

/** How far a task has come (swarmkit api, TaskState), and how it ended. */
export type TaskState =
  | "pending"
  | "assigned"
  | "preparing"
  | "ready"
  | "starting"
  | "running"
  | "complete"
  | "shutdown"
  | "failed"
  | "rejected"
  | "orphaned";
export type DesiredState = "running" | "ready" | "shutdown" | "remove";

export interface ServiceState {
  /** 25 digits. */
  readonly id: string;
  spec: Service;
  /** Ports as they were handed out: none is 0. */
  ports: readonly PublishedPort[];
  /** Slot (`SERVICE.SLOT`) to how many tasks it has had. */
  readonly slots: Map<string, number>;
  /** Those that are remembered, in the order of their making. */
  readonly tasks: Set<Task>;
  /** Slot to when its tasks were replaced as they had ended; kept where their number is limited. */
  readonly restarts: Map<string, number[]>;
  /** Network name to virtual IP. */
  readonly vips: Map<string, number>;
  /** Network name to what it is there. */
  readonly balanced: Map<string, BalancedService>;
  readonly createdAt: number;
  /** The last change that was rolled out, or is. */
  rollout: Rollout | undefined;
  /** What the service was before the last update: where a rollback leads. */
  previous: Service | undefined;
}

/** How far an update has come (api, UpdateStatus). */
export interface Rollout {
  state: "updating" | "paused" | "completed" | "rollback_started" | "rollback_paused" | "rollback_completed";
  message: string;
  /** Tasks from before are not as they should be, whatever they are like. */
  readonly isForced: boolean;
  readonly startedAt: number;
  completedAt: number | undefined;
  /** A task of the service has failed. */
  failed(task: Task): void;
  /** Another one takes over. */
  stop(): void;
}

const ENDS: ReadonlySet<TaskState> = new Set(["complete", "shutdown", "failed", "rejected", "orphaned"]);

export class Task {
  /** 25 digits. */
  readonly id: string;
  readonly service: ServiceState;
  /** The service as it was when the task was made, and its ports as they had been handed out. */
  readonly spec: Service;
  readonly ports: readonly PublishedPort[];
  /** `SERVICE.SLOT`; of a global service `SERVICE.NODE`. */
  readonly name: string;
  /** From 1; 0 of a global service. */
  readonly slot: number;
  /** How many the slot had before. */
  readonly generation: number;
  node: SwarmNode | undefined;
  /** Network name to address. */
  readonly addresses: Map<string, number> = new Map();
  state: TaskState = "pending";
  desired: DesiredState = "running";
  /** Why it is pending, or how it failed. */
  message = "";
  readonly createdAt: number;
  stateSince: number;
  container: Container | undefined = undefined;
  /** Its container has been started, or was about to be. */
  hasBegun = false;
  /** Which life of its node's engine has taken it up (engine.ts); undefined: none has. */
  life: number | undefined = undefined;
  /** Opens when it may start, if it was made ready before. */
  readonly mayStart: Gate = new Gate();
  /** Opens when its container has been started, or could not be. */
  readonly up: Gate = new Gate();
  /** Opens when it runs, or never will. */
  readonly started: Gate = new Gate();
  /** Opens when it has ended, or its node is down: nobody need wait for it. */
  readonly ended: Gate = new Gate();

  constructor(id: string, service: ServiceState, name: string, slot: number, generation: number, now: number) {
    this.id = id;
    this.service = service;
    this.spec = service.spec;
    this.ports = service.ports;
    this.name = name;
    this.slot = slot;
    this.generation = generation;
    this.createdAt = now;
    this.stateSince = now;
  }

  /** As swarmkit calls it: of a global service `SERVICE.IDENTIFIER` of the node (api/naming, Task). */
  get title(): string {
    return this.slot === 0 && this.node !== undefined ? `${this.spec.name}.${this.node.id}` : this.name;
  }

  /** What was chosen for the slot by name is for this one. */
  get isFirst(): boolean {
    return this.generation === 0;
  }

  /** Name of its container. */
  get containerName(): string {
    return `${this.title}.${this.id}`;
  }

  /** It runs, or is to. */
  get isLive(): boolean {
    return (this.desired === "running" || this.desired === "ready") && !this.hasEnded;
  }

  get hasEnded(): boolean {
    return ENDS.has(this.state);
  }

  enter(state: TaskState, now: number, message: string = ""): void {
    this.state = state;
    this.stateSince = now;
    this.message = message;
    if (state === "starting") this.hasBegun = true;
    if (state === "running" || this.hasEnded) this.started.open();
  }
}
