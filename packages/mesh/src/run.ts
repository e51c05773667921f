/**
 * Runs a scenario: builds its swarm, takes the steps one after the other on the virtual clock, and keeps what they
 * printed. The setup's steps come before the recording.
 */
import { deploy, type Mesh } from "./build.ts";
import { checkLook } from "./inspect/look-at.ts";
import { UsageError } from "./program/program.ts";
import { programOf } from "./program/shell.ts";
import { type OpenReplay, Runner, type StepResult } from "./runner.ts";
import type { Diagnostic, Position, Scenario, Step } from "./scenario/scenario.ts";
import type { AeadMaker } from "./xfrm/aead.ts";

export type { OpenReplay, StepResult } from "./runner.ts";

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
  /** Instead of what Docker makes of the scenario. */
  readonly mesh?: Mesh;
  /** Bytes of frames that the trace has at most; after that nothing is recorded any more. Default: 1 GiB. */
  readonly traceLimit?: number;
  /** Reads the capture files of replay steps. */
  readonly openReplay?: OpenReplay;
  /** AES-GCM for encrypted networks, which cannot be made without; a browser has another than Node. */
  readonly aead?: AeadMaker;
  /** Virtual time at which the run stops, nanoseconds since the recording began. Default: when all steps have ended. */
  readonly until?: number;
}

/** Runs all steps. */
export function run(scenario: Scenario, options: RunOptions = {}): RunResult {
  const mesh = options.mesh ?? deploy(scenario, options.aead);
  const runner = new Runner(mesh, options.openReplay);
  const setup = runner.take(scenario.run.setup);
  const recordingStartedAt = runner.now;
  if (options.traceLimit !== undefined) mesh.recorder.limit = options.traceLimit;
  if (options.record ?? true) mesh.recorder.start();
  const until = options.until === undefined ? undefined : recordingStartedAt + options.until;
  const steps = runner.take(scenario.run.steps, until);
  mesh.recorder.stop();
  const relative = (result: StepResult): StepResult => ({
    ...result,
    startedAt: result.startedAt - recordingStartedAt,
    endedAt: result.endedAt - recordingStartedAt,
  });
  return { mesh, recordingStartedAt, setup: setup.map(relative), steps: steps.map(relative) };
}

function checkCommand({ kind, argv }: Extract<Step, { readonly argv: unknown }>): void {
  if (kind === "inspect") checkLook(argv);
  else programOf(argv, kind === "exec" ? "busybox" : "debian");
}

/** What no program understands in a step's command, in words for who wrote it; undefined: nothing. */
export function problemOfStep(step: Step): string | undefined {
  return "argv" in step ? problemOf(() => checkCommand(step)) : undefined;
}

/** The same of a program of a machine beside the swarm. */
export function problemOfProgram(argv: readonly string[]): string | undefined {
  return problemOf(() => programOf(argv, "debian"));
}

function problemOf(attempt: () => void): string | undefined {
  try {
    attempt();
    return undefined;
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
}

/** Commands that no program understands, told with the position of the step before anything runs. */
export function checkSteps({ run, cluster }: Scenario): Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  const check = (attempt: () => void, position: Position, path: string): void => {
    try {
      attempt();
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      diagnostics.push({ position, path, message: error.message });
    }
  };
  for (const [index, host] of cluster.hosts.entries())
    for (const [number, { argv, position }] of host.programs.entries())
      check(() => programOf(argv, "debian"), position, `cluster.hosts[${index}].programs[${number}]`);
  for (const part of ["setup", "steps"] as const)
    for (const [index, step] of run[part].entries())
      if ("argv" in step) check(() => checkCommand(step), step.position, `run.${part}[${index}]`);
  return diagnostics;
}
