/**
 * Takes the steps of a run: the person at the keyboard, whose time is spent on no machine's CPU. A step begins when the
 * one before has ended, one in the background (`&`) lets the next begin at once.
 */
import type { Mesh } from "./build.ts";
import { Cost } from "./costs.ts";
import { applyFault } from "./faults.ts";
import { lookAt } from "./inspect/look-at.ts";
import { namespaceAt } from "./namespace-at.ts";
import { type Process, Signal } from "./program/process.ts";
import { type Environment, USAGE_STATUS, UsageError } from "./program/program.ts";
import { spawn } from "./program/shell.ts";
import { notesOn } from "./report/notes.ts";
import { type CapturedFrame, Replayer } from "./replay.ts";
import type { CommandStep, NamespacePlace, ReplayStep, Step } from "./scenario/step.ts";
import { listSome } from "./scenario/tasks.ts";
import type { Wakeable } from "./sim/simulator.ts";
import { Softnet } from "./sim/softnet.ts";
import { DockerError, fromDaemon, Refusal } from "./swarm/docker-error.ts";

/** What one step did. */
export interface StepResult {
  readonly step: Step;
  /** Virtual time at which the step began, nanoseconds since the recording began; negative in the setup. */
  readonly startedAt: number;
  /** When it ended, or when the run did. */
  readonly endedAt: number;
  readonly output: readonly string[];
  /** The program's exit status, 0 for what is no program; undefined: it still ran in the background at the end. */
  readonly status: number | undefined;
}

/** The same while it is going on. */
type Running = { -readonly [K in keyof StepResult]: StepResult[K] } & { readonly output: string[] };

/** A step that takes longer never ends: it waits for what does not come. A `sleep` takes as long as it says. */
const LONGEST_STEP = 3_600_000_000_000;
const TOO_LONG = "hopscope: this has not ended after an hour of virtual time: stopped";

/** The frames that a step feeds in. It may read them bit by bit. */
export type OpenReplay = (step: ReplayStep) => Iterable<CapturedFrame>;

function refuseReplay({ file }: ReplayStep): never {
  throw new UsageError(`${file}: nobody reads files here`);
}

/** Kinds of wake-ups, in the lowest bit of the event's argument; above it is the number of the step. */
const Wake = { next: 0, deadline: 1 } as const;

export class Runner implements Wakeable {
  readonly softnet: Softnet = new Softnet();
  readonly #mesh: Mesh;
  readonly #openReplay: OpenReplay;
  #steps: readonly Step[] = [];
  #results: Running[] = [];
  /** Counts all steps, so that an old deadline is told from a new one. */
  #number = 0;
  /** Steps in the background that have not ended, also those of an earlier {@link take}. */
  readonly #background: Set<Running> = new Set();
  /** Programs of the steps that have not ended. */
  readonly #processes: Map<Running, Process> = new Map();
  /** A `wait` that has not ended. */
  #wait: Running | undefined = undefined;

  constructor(mesh: Mesh, openReplay: OpenReplay = refuseReplay) {
    this.#mesh = mesh;
    this.#openReplay = openReplay;
  }

  get now(): number {
    return Math.max(this.softnet.now, this.#mesh.simulator.now);
  }

  /**
   * Takes all of them, and answers when the last has ended and no frame is on its way; or at the time `until`, whatever
   * goes on or is over then.
   */
  take(steps: readonly Step[], until?: number): readonly StepResult[] {
    const { simulator } = this.#mesh;
    this.#steps = steps;
    this.#results = [];
    simulator.hold();
    simulator.schedule(this.now, this, this.#argument(Wake.next));
    if (until === undefined) simulator.run();
    else simulator.runUntil(until);
    for (const running of [...this.#background, ...this.#results])
      if (running.status === undefined) running.endedAt = this.now;
    return this.#results;
  }

  wake(argument: number): void {
    if (argument >> 1 !== this.#number) return;
    if ((argument & 1) === Wake.deadline) return this.#stop();
    this.#number++;
    const step = this.#steps[this.#results.length];
    if (step === undefined) return this.#mesh.simulator.release();
    const { now } = this.softnet;
    const running: Running = { step, startedAt: now, endedAt: now, output: [], status: undefined };
    this.#results.push(running);
    if (step.background) {
      this.#background.add(running);
      this.#continueAt(now);
    } else if (step.kind !== "sleep")
      this.#mesh.simulator.schedule(now + LONGEST_STEP, this, this.#argument(Wake.deadline));
    this.#begin(running);
  }

  #argument(kind: number): number {
    return (this.#number << 1) | kind;
  }

  #continueAt(time: number): void {
    this.#mesh.simulator.schedule(time, this, this.#argument(Wake.next));
  }

  #begin(running: Running): void {
    const { step, startedAt } = running;
    switch (step.kind) {
      case "exec":
      case "on":
      case "netns":
        return this.#launch(step, running);
      case "inspect": {
        const look = (): number => {
          const { status, output } = lookAt(this.#mesh, step, step.argv);
          running.output.push(...output);
          return status;
        };
        return this.#end(running, this.#attempt(running, look), startedAt);
      }
      case "sleep":
        return this.#end(running, 0, startedAt + step.durationNs);
      case "pace":
        this.#mesh.pace.set(step.name, step.durationNs);
        return this.#end(running, 0, startedAt);
      case "pace-usual":
        this.#mesh.pace.clear();
        return this.#end(running, 0, startedAt);
      case "wait":
        if (this.#background.size === 0) this.#end(running, 0, startedAt);
        else this.#wait = running;
        return;
      case "fault":
        return this.#end(
          running,
          this.#attempt(running, () => {
            applyFault(this.#mesh, step.fault);
            return 0;
          }),
          startedAt,
        );
      case "replay":
        return this.#replay(step, running);
    }
  }

  #launch(step: CommandStep, running: Running): void {
    const print = (line: string): void => {
      running.output.push(line);
    };
    const isExec = step.kind === "exec";
    try {
      const environment = this.#environmentOf(step);
      const { softnet } = environment.netns.node;
      const time = running.startedAt + (isExec ? Cost.exec : Cost.shell);
      const onExit = (status: number): void => this.#end(running, status, softnet.now + (isExec ? Cost.execEnd : 0));
      this.#processes.set(running, spawn(step.argv, environment, { print, onExit, time }));
    } catch (error) {
      const isRefused = error instanceof DockerError;
      if (!isRefused && !(error instanceof UsageError)) throw error;
      print(isRefused ? fromDaemon(error) : error.message);
      this.#end(running, isRefused ? 1 : USAGE_STATUS, running.startedAt);
    }
  }

  #replay(step: Step & ReplayStep, running: Running): void {
    const { node, namespace, device } = step.at;
    const status = this.#attempt(running, () => {
      const netns = namespaceAt(this.#mesh, step.at);
      const end = netns.deviceNamed(device);
      if (end === undefined) {
        const hint = listSome(
          "devices there",
          netns.devices.map(({ name }) => name),
        );
        throw new UsageError(`there is no device ${device} in ${namespace} on ${node}${hint}`);
      }
      const replayer = new Replayer(end, step, this.#openReplay(step), (time) => {
        running.output.push(`${replayer.fed} frames of ${step.file} fed in at ${node}/${namespace}/${device}`);
        if (replayer.tooLong > 0) running.output.push(`${replayer.tooLong} frames are too long`);
        this.#end(running, 0, time);
      });
      replayer.start(running.startedAt);
      return 0;
    });
    if (status !== 0) this.#end(running, status, running.startedAt);
  }

  /** The status of what either works or cannot be done as it is written. */
  #attempt({ output }: Running, action: () => number): number {
    try {
      return action();
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      output.push(error.message);
      return USAGE_STATUS;
    }
  }

  #end(running: Running, status: number, time: number): void {
    running.status = status;
    running.endedAt = time;
    // Whatever a person has done to a machine, the nodes' own packets may get elsewhere than before.
    if (running.step.kind === "on" || running.step.kind === "netns" || running.step.kind === "fault")
      this.#mesh.docker?.connectionsChanged();
    this.#processes.delete(running);
    if (status !== 0) running.output.push(...notesOn(running.step, this.#mesh.plan));
    if (!running.step.background) return this.#continueAt(time);
    this.#background.delete(running);
    if (this.#wait === undefined || this.#background.size > 0) return;
    const wait = this.#wait;
    this.#wait = undefined;
    this.#end(wait, 0, time);
  }

  /** The step that is waited for takes too long. */
  #stop(): void {
    const running = this.#results.at(-1)!;
    running.output.push(TOO_LONG);
    const process = this.#processes.get(running);
    if (process !== undefined) return process.kill(Signal.kill);
    for (const other of this.#background) this.#processes.get(other)?.kill(Signal.kill);
  }

  #environmentOf(step: CommandStep): Environment {
    const mesh = this.#mesh;
    switch (step.kind) {
      case "exec": {
        return mesh.docker?.running(step.container) ?? this.#ofPlan(step.container);
      }
      case "on":
        return mesh.machines.get(step.machine) ?? this.#inside({ node: step.machine, namespace: "host" });
      case "netns":
        return this.#inside(step);
    }
  }

  /** A task of a mesh without Docker. */
  #ofPlan(task: string): Environment {
    const netns = this.#mesh.tasks.get(task);
    if (netns === undefined) throw Refusal.noSuchContainer(task);
    return { netns, hostname: task, files: new Map(), mesh: this.#mesh };
  }

  /** The machine's own programs and files, in another namespace (nsenter --net). */
  #inside(place: NamespacePlace): Environment {
    const netns = namespaceAt(this.#mesh, place);
    const own = this.#mesh.machines.get(place.node);
    return { netns, hostname: place.node, files: own?.files ?? new Map(), mesh: this.#mesh, userland: "debian" };
  }
}
