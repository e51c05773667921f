/** The hop table: each frame at each point with what was decided there, as lines for people. */
import { dissect, Layers } from "@hopscope/codec";
import { LinkType } from "@hopscope/codec/code-points";
import { describe, PLAIN, type Style } from "@hopscope/tracer/print/line";
import type { RunResult } from "../run.ts";
import type { StepResult } from "../runner.ts";
import { dropReasonName } from "../trace/drop-reason.ts";
import { decisionOf } from "../trace/pcapng.ts";
import { Direction } from "../trace/recorder.ts";

const MILLISECOND = 1e6;
/** Ethernet frames of a simulation, whole, with nanoseconds. */
const INTERFACE = { index: 0, linkType: LinkType.ethernet, name: undefined, timestampResolution: 9 } as const;

export interface HopTableOptions {
  readonly style?: Style;
  /** False leaves out the hops, and the times of the steps. Default true. */
  readonly hops?: boolean;
}

/**
 * All lines: each step's command, the hops during it with decisions below them, and what the program printed. What was
 * printed in the background stands where it ended.
 */
export function* hopTable(result: RunResult, options: HopTableOptions = {}): Generator<string> {
  const { style = PLAIN, hops: hasHops = true } = options;
  const { recorder } = result.mesh;
  const order = hasHops ? recorder.order() : [];
  let width = 0;
  for (const hop of order) width = Math.max(width, placeOf(result, hop).length);
  const layers = new Layers();
  const background = inOrderOfEnds(result.steps.filter(({ step }) => step.background));
  let hops = 0;
  let ends = 0;
  /** What happens up to that time. */
  function* happensUntil(time: number): Generator<string> {
    for (;;) {
      const hop = order[hops];
      const hopAt = hop === undefined ? Number.POSITIVE_INFINITY : timeOf(result, hop);
      const ending = background[ends];
      const endAt = ending?.endedAt ?? Number.POSITIVE_INFINITY;
      if (hop !== undefined && hopAt <= time && hopAt <= endAt) {
        hops++;
        yield* hopLines(result, hop, width, layers, style);
      } else if (ending !== undefined && endAt <= time) {
        ends++;
        yield* endLines(ending, hasHops, style);
      } else return;
    }
  }
  let isFirst = true;
  for (const step of result.setup) {
    yield* heading(step, isFirst, hasHops, style);
    isFirst = false;
    yield* outputOf(step, style);
  }
  for (const [index, step] of result.steps.entries()) {
    yield* heading(step, isFirst, hasHops, style);
    isFirst = false;
    // What happens while a step is taken belongs to it, the hop included that ends it.
    yield* happensUntil(result.steps[index + 1]?.startedAt ?? Number.POSITIVE_INFINITY);
    if (!step.step.background) yield* outputOf(step, style);
  }
  for (const [reason, count] of recorder.unreported) {
    yield style.dim(
      `${count} packet${count === 1 ? "" : "s"} ended before any point saw them: ${dropReasonName(reason)}`,
    );
  }
}

/** What the steps printed, without the setup's. */
export function* outputLines({ steps }: RunResult): Generator<string> {
  for (const { output } of inOrderOfEnds(steps)) yield* output;
}

function inOrderOfEnds(steps: readonly StepResult[]): readonly StepResult[] {
  return steps.toSorted((a, b) => a.endedAt - b.endedAt);
}

function* heading(result: StepResult, isFirst: boolean, hasTime: boolean, style: Style): Generator<string> {
  if (!isFirst) yield "";
  const time = hasTime ? `${style.dim(`[${milliseconds(result.startedAt)}]`)} ` : "";
  yield `${time}${style.protocol(`$ ${result.step.text.trim()}`)}`;
}

/** Of a step in the background. */
function* endLines(result: StepResult, hasTime: boolean, style: Style): Generator<string> {
  const word = result.status === undefined ? "still running" : "ended";
  const time = hasTime ? milliseconds(result.endedAt).padStart(12) : " ";
  yield style.dim(`${time} ${word}: ${result.step.text.trim()}`);
  yield* outputOf(result, style);
}

function* outputOf({ output, status }: StepResult, style: Style): Generator<string> {
  for (const line of output) yield line === "" ? "" : `  | ${line}`;
  if (status !== undefined && status !== 0) yield style.dim(`  exit status ${status}`);
}

function* hopLines(result: RunResult, hop: number, width: number, layers: Layers, style: Style): Generator<string> {
  const { recorder } = result.mesh;
  const bytes = recorder.bytes(hop);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  dissect(view, 0, bytes.length, LinkType.ethernet, layers);
  const frame = { view, start: 0, end: bytes.length, wireLength: bytes.length, interface: INTERFACE };
  const text = describe(frame, layers, { macs: false, style });
  const arrow = recorder.direction(hop) === Direction.in ? "<" : ">";
  const place = placeOf(result, hop).padEnd(width);
  const number = `#${recorder.packetId(hop)}`.padEnd(4);
  yield `${style.dim(milliseconds(timeOf(result, hop)).padStart(12))} ${style.dim(number)} ${style.place(place)} ${arrow} ${text}`;
  const decision = decisionOf(recorder, hop);
  if (decision !== "") yield style.dim(`${" ".repeat(12 + 1 + 4 + 1)}${decision}`);
}

function timeOf({ mesh, recordingStartedAt }: RunResult, hop: number): number {
  return mesh.recorder.time(hop) - recordingStartedAt;
}

/** `swarm-manager overlay-myoverlay/veth1` */
function placeOf({ mesh: { recorder } }: RunResult, hop: number): string {
  const { node, namespace, device } = recorder.pointAt(recorder.point(hop));
  return `${node} ${namespace}/${device}`;
}

function milliseconds(ns: number): string {
  return `${(ns / MILLISECOND).toFixed(3)} ms`;
}
