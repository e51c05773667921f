/** Reads `run`. */
import { check, openMap, type Schema } from "./check.ts";
import { describe, type Place, type Report } from "./diagnostic.ts";
import type { Known } from "./known.ts";
import type { Run, Step } from "./scenario.ts";
import { DEFAULT_SEED, runEntries, seed as seedSchema, stepText } from "./schema.ts";
import { readStep } from "./steps.ts";

type CheckStep = (step: Step) => string | undefined;

export function readRun(
  value: unknown,
  place: Place,
  known: Known,
  report: Report,
  checkStep: CheckStep = () => undefined,
): Run {
  const keys = value === undefined ? {} : (openMap(value, runEntries, place, report) ?? {});
  const seed = keys["seed"] === undefined ? undefined : check(seedSchema, keys["seed"], place.at("seed"), report);
  const steps = (key: string): readonly Step[] =>
    readSteps(keys[key], place.at(key), stepText, known, report, checkStep);
  return { seed: seed ?? DEFAULT_SEED, setup: steps("setup"), steps: steps("steps") };
}

function readSteps(
  value: unknown,
  place: Place,
  line: Schema<string>,
  known: Known,
  report: Report,
  checkStep: CheckStep,
): readonly Step[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) {
    report.error(place, `expected a list of commands, found ${describe(value)}`);
    return [];
  }
  const steps: Step[] = [];
  for (const [index, item] of value.entries()) {
    const at = place.at(index);
    const text = check(line, item, at, report);
    const step = text === undefined ? undefined : readStep(text, at, known, report);
    if (step === undefined) continue;
    steps.push(step);
    const problem = checkStep(step);
    if (problem !== undefined) report.error(at, problem);
  }
  return steps;
}
