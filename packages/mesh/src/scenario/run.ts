/** Reads `run`. */
import { check, openMap, type Schema } from "./check.ts";
import { describe, type Place, type Report } from "./diagnostic.ts";
import type { Run, Step } from "./scenario.ts";
import { DEFAULT_SEED, runEntries, seed as seedSchema, stepText } from "./schema.ts";
import { readStep } from "./steps.ts";
import type { TaskNames } from "./tasks.ts";

/** `tasks` undefined: the stack cannot be read, so any task may be. */
export function readRun(value: unknown, place: Place, tasks: TaskNames | undefined, report: Report): Run {
  const keys = value === undefined ? {} : (openMap(value, runEntries, place, report) ?? {});
  const seed = keys["seed"] === undefined ? undefined : check(seedSchema, keys["seed"], place.at("seed"), report);
  const steps = (key: string): readonly Step[] => readSteps(keys[key], place.at(key), stepText, tasks, report);
  return { seed: seed ?? DEFAULT_SEED, setup: steps("setup"), steps: steps("steps") };
}

function readSteps(
  value: unknown,
  place: Place,
  line: Schema<string>,
  tasks: TaskNames | undefined,
  report: Report,
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
    const step = text === undefined ? undefined : readStep(text, at, tasks, report);
    if (step !== undefined) steps.push(step);
  }
  return steps;
}
