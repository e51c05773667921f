/**
 * What agents and managers know of each other (swarmkit manager/dispatcher, agent/session.go): an agent that can reach the
 * leader has a session, in which it gets its tasks and tells how they are; one whose heartbeats do not come is down after
 * a while, and its tasks are made anew elsewhere.
 *
 * Not modelled: the election of a leader, which is there at once if more than half of the managers can talk to each other;
 * tasks of a node that stays down for a day, which are given up then (orphaned); the tenth of a period by which managers
 * vary what they ask of each agent.
 */
import { assign, endRejected, endTask, fail } from "./agent.ts";
import { MANAGER_PORT } from "./connectivity.ts";
import type { Engine } from "./engine.ts";
import type { Operation } from "./operation.ts";
import { reconcileNode, takeOver } from "./orchestrator.ts";
import { restartTask } from "./restart.ts";
import type { Swarm } from "./swarm.ts";

const SECOND = 1_000_000_000;
/** defaultHeartBeatPeriod */
const HEARTBEAT = 5 * SECOND;
/** defaultGracePeriodMultiplier */
const MISSED = 3;
/** An agent tries again after some part of it (maxSessionFailureBackoff). */
const BACKOFF = 8 * SECOND;

/** The end of a container that nobody has seen ending. */
const LOST_CONTAINER = "task: non-zero exit (255)";

/** An agent without a session. */
interface Absence {
  readonly since: number;
  /** Which life of its engine it was. */
  readonly life: number;
  /** Who waits for it. */
  leader: Engine | undefined;
  /** It can reach the leader again since then. */
  reachedAt: number | undefined;
  /** What it will report when it can. */
  readonly reports: (() => void)[];
}

export class Dispatcher {
  readonly #swarm: Swarm;
  readonly #absent = new Map<Engine, Absence>();
  /** Who leads, and in which life of its engine. */
  #leading: { readonly engine: Engine; readonly life: number } | undefined = undefined;

  constructor(swarm: Swarm) {
    this.#swarm = swarm;
  }

  /** The first manager of the file that more than half of them can follow; undefined: there is none. */
  get leader(): Engine | undefined {
    const { nodes } = this.#swarm;
    const managers = nodes.filter(({ role }) => role === "manager").map(({ name }) => this.#swarm.engine(name));
    const all = managers.length === 0 ? [...this.#swarm.engines.values()].slice(0, 1) : managers;
    return all.find(
      (engine) => engine.isRunning && 2 * all.filter((other) => this.#reaches(other, engine)).length > all.length,
    );
  }

  /** The leader that a manager follows. */
  leaderOf(manager: Engine): Engine | undefined {
    const { leader } = this;
    return leader !== undefined && this.#reaches(manager, leader) ? leader : undefined;
  }

  #reaches(from: Engine, to: Engine): boolean {
    if (!from.isRunning || !to.isRunning) return false;
    return from === to || this.#swarm.gossip.epoch.connects(from.node.index, to.node.index, MANAGER_PORT);
  }

  hasSession(engine: Engine): boolean {
    return !this.#absent.has(engine);
  }

  /** The agent tells the managers something, now or when it has a session again; never, if its machine goes off. */
  report(engine: Engine, tell: () => void): void {
    const absence = this.#absent.get(engine);
    if (absence === undefined) return tell();
    const { life } = engine;
    absence.reports.push(() => {
      if (engine.life === life) tell();
    });
  }

  /** Connections have changed, or machines have gone off or on. */
  changed(): void {
    const { leader } = this;
    this.#lead(leader);
    for (const engine of this.#swarm.engines.values()) {
      const isReached = leader !== undefined && this.#reaches(engine, leader);
      const absence = this.#absent.get(engine);
      if (isReached) {
        if (absence !== undefined && absence.reachedAt === undefined) this.#return(engine, absence);
        continue;
      }
      if (absence === undefined) this.#leave(engine, leader);
      else {
        absence.reachedAt = undefined;
        if (leader !== undefined && absence.leader !== leader) this.#await(engine, absence, leader, engine.now);
      }
    }
  }

  /** Of a leader that was there from the start nobody need take over anything. */
  #lead(leader: Engine | undefined): void {
    const before = this.#leading ?? { engine: this.#swarm.manager, life: 0 };
    if (leader === undefined) return;
    this.#leading = { engine: leader, life: leader.life };
    if (before.engine === leader && before.life === leader.life) return;
    this.#swarm.host.start(leader.name, this.#takeOver(leader), 0);
  }

  *#takeOver(leader: Engine): Operation {
    yield this.#swarm.cost("orchestrate");
    if (this.leader === leader) takeOver(this.#swarm);
  }

  #leave(engine: Engine, leader: Engine | undefined): void {
    const { now } = engine;
    const absence: Absence = { since: now, life: engine.life, leader: undefined, reachedAt: undefined, reports: [] };
    this.#absent.set(engine, absence);
    if (leader === undefined) return;
    const phase = Math.floor(engine.random("heartbeat").below(1000) * (HEARTBEAT / 1000));
    this.#await(engine, absence, leader, now - ((((now - phase) % HEARTBEAT) + HEARTBEAT) % HEARTBEAT));
  }

  /** `last`: when the last heartbeat came. */
  #await(engine: Engine, absence: Absence, leader: Engine, last: number): void {
    absence.leader = leader;
    const wait = this.#swarm.host.pace("swarm.down", last + MISSED * HEARTBEAT - engine.now);
    this.#swarm.host.start(leader.name, this.#expire(engine, absence, leader, wait), 0);
  }

  *#expire(engine: Engine, absence: Absence, leader: Engine, wait: number): Operation {
    yield wait;
    if (this.#absent.get(engine) !== absence || absence.leader !== leader || engine.status === "down") return;
    this.#markDown(engine);
  }

  /** markNodeNotReady, and what orchestrators make of it. */
  #markDown(engine: Engine): void {
    const swarm = this.#swarm;
    engine.status = "down";
    const tasks = [...swarm.tasks].filter((task) => task.node === engine.node && !task.hasEnded);
    for (const task of tasks) {
      if (task.isLive) restartTask(swarm, task);
      // Nobody waits for its end any more.
      task.ended.open();
    }
  }

  /** It can reach the leader again, and notices when it tries next. */
  #return(engine: Engine, absence: Absence): void {
    const { now } = engine;
    absence.reachedAt = now;
    // One that starts tries at once; a connection that was not missed goes on.
    const isTried = now - absence.since >= HEARTBEAT && engine.life === absence.life;
    const wait = isTried ? Math.floor((engine.random(`session:${absence.since}`).below(1000) * BACKOFF) / 1000) : 0;
    const paced = this.#swarm.host.pace("swarm.session", wait);
    this.#swarm.host.start(engine.name, this.#register(engine, absence, paced), 0);
  }

  *#register(engine: Engine, absence: Absence, wait: number): Operation {
    const { reachedAt } = absence;
    yield wait;
    if (this.#absent.get(engine) !== absence || absence.reachedAt !== reachedAt || reachedAt === undefined) return;
    this.#absent.delete(engine);
    const wasDown = engine.status === "down";
    engine.status = "ready";
    for (const tell of absence.reports) tell();
    // A session begins with the keys of encrypted overlays.
    engine.encryption.updateKeys();
    this.#assignments(engine);
    yield this.#swarm.cost("orchestrate");
    if (wasDown && engine.availability === "active") reconcileNode(this.#swarm, engine.node);
  }

  /** What the agent is told of its tasks: to end some, to begin others; and what it has to say of those that were lost. */
  #assignments(engine: Engine): void {
    const swarm = this.#swarm;
    for (const task of [...swarm.tasks]) {
      if (task.node !== engine.node) continue;
      if (task.hasEnded) {
        if (task.state === "rejected" && task.container?.state === "running") endRejected(swarm, engine, task);
        continue;
      }
      const isBegun = task.container !== undefined && task.container.state !== "created";
      // It sees that a container has ended before it is told anything.
      if (task.life !== engine.life && isBegun && task.desired !== "remove") fail(swarm, engine, task, LOST_CONTAINER);
      else if (!task.isLive) endTask(swarm, task);
      else if (task.life !== engine.life) assign(swarm, task, swarm.cost("dispatch"));
    }
  }
}
