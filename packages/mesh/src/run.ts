/**
 * Runs a scenario: builds its swarm, takes the steps one after the other on the virtual clock, and keeps what they
 * printed. The setup's steps come before the recording.
 */
import { build, type Mesh } from "./build.ts";
import { Cost } from "./costs.ts";
import { type Environment, USAGE_STATUS, UsageError } from "./program/program.ts";
import { programOf, spawn } from "./program/shell.ts";
import { notesOn } from "./report/notes.ts";
import type { Diagnostic, Scenario, Step } from "./scenario/scenario.ts";
import type { Wakeable } from "./sim/simulator.ts";
import { Softnet } from "./sim/softnet.ts";
import type { SwarmPlan } from "./swarm/plan.ts";

/** What one step did. */
export interface StepResult {
  readonly step: Step;
  /** Virtual time at which the step began, nanoseconds since the recording began; negative in the setup. */
  readonly startedAt: number;
  readonly endedAt: number;
  readonly output: readonly string[];
  /** The program's exit status; 0 for a sleep. */
  readonly status: number;
}

export interface RunResult {
  readonly mesh: Mesh;
  /** Virtual time at which the recording began. */
  readonly recordingStartedAt: number;
  readonly setup: readonly StepResult[];
  readonly steps: readonly StepResult[];
}

export interface RunOptions {
  /** False keeps no trace: the same things happen. Default true. */
  readonly record?: boolean;
}

/** Runs all steps. `plan` is what `planSwarm` made of the scenario. */
export function run(scenario: Scenario, plan: SwarmPlan, options: RunOptions = {}): RunResult {
  const mesh = build(plan, scenario.run.seed);
  const runner = new Runner(mesh);
  const setup = scenario.run.setup.map((step) => runner.take(step));
  const recordingStartedAt = runner.now;
  if (options.record ?? true) mesh.recorder.start();
  const steps = scenario.run.steps.map((step) => runner.take(step));
  mesh.recorder.stop();
  const relative = (result: StepResult): StepResult => ({
    ...result,
    startedAt: result.startedAt - recordingStartedAt,
    endedAt: result.endedAt - recordingStartedAt,
  });
  return { mesh, recordingStartedAt, setup: setup.map(relative), steps: steps.map(relative) };
}

/** Commands that no program understands, told with the position of the step before anything runs. */
export function checkSteps(scenario: Scenario): Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  const check = (step: Step, path: string): void => {
    if (step.kind !== "exec") return;
    try {
      programOf(step.argv);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      diagnostics.push({ position: step.position, path, message: error.message });
    }
  };
  for (const [index, step] of scenario.run.setup.entries()) check(step, `run.setup[${index}]`);
  for (const [index, step] of scenario.run.steps.entries()) check(step, `run.steps[${index}]`);
  return diagnostics;
}

/** Takes steps: the person at the keyboard, whose time is spent on no node's CPU. */
class Runner implements Wakeable {
  readonly softnet: Softnet = new Softnet();
  readonly #mesh: Mesh;

  constructor(mesh: Mesh) {
    this.#mesh = mesh;
  }

  get now(): number {
    return this.softnet.now;
  }

  take(step: Step): StepResult {
    const { simulator } = this.#mesh;
    const startedAt = this.softnet.now;
    const output: string[] = [];
    let status = 0;
    simulator.hold();
    if (step.kind === "sleep") simulator.schedule(startedAt + step.durationNs, this, 0);
    else {
      this.#launch(step, output, (code) => {
        status = code;
        simulator.schedule(this.#environment(step.task).netns.node.softnet.now, this, 0);
      });
    }
    simulator.run();
    if (status !== 0) output.push(...notesOn(step, this.#mesh.plan));
    return { step, startedAt, endedAt: this.softnet.now, output, status };
  }

  /** A step has ended. */
  wake(): void {
    this.#mesh.simulator.release();
  }

  #launch(step: Step & { readonly kind: "exec" }, output: string[], onExit: (status: number) => void): void {
    const print = (line: string): void => {
      output.push(line);
    };
    const time = this.softnet.now + Cost.exec;
    try {
      spawn(step.argv, this.#environment(step.task), { print, onExit, time });
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      print(error.message);
      onExit(USAGE_STATUS);
    }
  }

  #environment(task: string): Environment {
    const mesh = this.#mesh;
    const netns = mesh.tasks.get(task);
    if (netns === undefined) throw new Error(`run: no task ${task}`);
    return { netns, hostname: task, files: new Map(), mesh };
  }
}
