/** Capture files that a run feeds in: opened before anything runs, read while it runs. */
import { accessSync, constants } from "node:fs";
import { type CapturedFrame, type Diagnostic, ReplaySelection, type ReplayStep, type Step } from "@hopscope/mesh";
import { CaptureError } from "@hopscope/tracer/error";
import { type CaptureReader, openCapture, openCaptureSync } from "@hopscope/tracer/reader";
import { captureProblem, systemProblem } from "./system-problem.ts";

type Replay = Step & ReplayStep;

/** What is wrong with the capture of a step that feeds one in, as far as can be told without reading it. */
export function problemOfCapture(step: Step): string | undefined {
  if (step.kind !== "replay") return undefined;
  try {
    accessSync(step.file, constants.R_OK);
    return undefined;
  } catch (error) {
    return `${step.file}: ${systemProblem(error)}`;
  }
}

export class ReplayFiles {
  /** What could not be used, of what was read so far. */
  readonly problems: Diagnostic[] = [];
  readonly #frames: Map<ReplayStep, Iterable<CapturedFrame>> = new Map();

  /** The frames of a step that {@link open} has opened. */
  readonly of = (step: ReplayStep): Iterable<CapturedFrame> => this.#frames.get(step) ?? [];

  /** Opens what the step reads; a compressed file is read as a whole, any other bit by bit. False: it cannot be used. */
  async open(step: Replay, path: string): Promise<boolean> {
    const problem = (message: string): void => {
      this.problems.push({ position: step.position, path, message });
    };
    const { file } = step;
    try {
      const reader = plainCapture(file);
      const selection = new ReplaySelection(step);
      this.#frames.set(
        step,
        reader === undefined ? await allOf(file, selection, problem) : framesOf(reader, selection, problem),
      );
      return true;
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error;
      const system = captureProblem(error);
      problem(system === undefined ? error.message : `${file}: ${system}`);
      return false;
    }
  }
}

/** Undefined: it is compressed. */
function plainCapture(file: string): CaptureReader | undefined {
  try {
    return openCaptureSync(file);
  } catch (error) {
    if (error instanceof CaptureError && error.code === "ERR_COMPRESSION_UNSUPPORTED") return undefined;
    throw error;
  }
}

async function allOf(
  file: string,
  selection: ReplaySelection,
  problem: (message: string) => void,
): Promise<readonly CapturedFrame[]> {
  const frames: CapturedFrame[] = [];
  const reader = await openCapture(file);
  try {
    for await (const packet of reader) {
      const frame = selection.take(packet);
      if (frame !== undefined) frames.push({ ...frame, bytes: frame.bytes.slice() });
    }
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    problem(error.message);
  }
  tellUnused(selection, problem);
  return frames;
}

function* framesOf(
  reader: CaptureReader,
  selection: ReplaySelection,
  problem: (message: string) => void,
): Generator<CapturedFrame> {
  try {
    while (reader.next()) {
      const frame = selection.take(reader.packet());
      if (frame !== undefined) yield frame;
    }
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    problem(error.message);
  } finally {
    reader.closeSync();
  }
  tellUnused(selection, problem);
}

function tellUnused({ cut, notEthernet }: ReplaySelection, problem: (message: string) => void): void {
  const packets = (count: number): string => (count === 1 ? "1 packet is" : `${count} packets are`);
  if (cut > 0) problem(`${packets(cut)} cut short in the capture and not fed in`);
  if (notEthernet > 0) problem(`${packets(notEthernet)} no Ethernet frames and not fed in`);
}
