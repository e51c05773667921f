/**
 * @hopscope/mesh: forwards real bytes through the bridges, tunnels and containers of a Docker Swarm, and records every
 * hop. A scenario is loaded, planned, run, and reported; each is data for the next.
 */
export { deploymentCommands } from "./deployment.ts";
export type { Mesh } from "./build.ts";
export { type NamespaceState, stateOf } from "./inspect/namespace.ts";
export type * from "./inspect/iproute2.ts";
export { checkLook, lookAt } from "./inspect/look-at.ts";
export { look, type Look } from "./program/look.ts";
export { UsageError } from "./program/program.ts";
export { type CapturedFrame, type CapturedPacket, ReplaySelection } from "./replay.ts";
export { hopTable, type HopTableOptions, outputLines } from "./report/hops.ts";
export {
  checkSteps,
  problemOfProgram,
  problemOfStep,
  type OpenReplay,
  run,
  type RunOptions,
  type RunResult,
  type StepResult,
} from "./run.ts";
export { formatDiagnostic, formatDiagnostics } from "./scenario/diagnostic.ts";
export { loadScenario, type LoadOptions, type LoadResult } from "./scenario/load.ts";
export type * from "./scenario/scenario.ts";
export { expectedDuration, formatDuration, parseBytes, parseDuration } from "./scenario/units.ts";
export { formatPlan } from "./swarm/format-plan.ts";
export type * from "./swarm/plan.ts";
export { planSwarm } from "./swarm/plan-swarm.ts";
export { DropReason, type DropReasonName, dropReasonName } from "./trace/drop-reason.ts";
export { espSaTable } from "./trace/esp-sa.ts";
export {
  decisionOf,
  EPOCH_SECONDS,
  traceBlocks,
  type TraceFile,
  type TraceWriter,
  writeTrace,
} from "./trace/pcapng.ts";
export { type CapturePoint, Direction, Recorder } from "./trace/recorder.ts";
export { formatStep, StepKind } from "./trace/step.ts";
export type { Aead, AeadMaker } from "./xfrm/aead.ts";
