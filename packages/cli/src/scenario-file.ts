/** Opens the scenario of a command, and says what is wrong with it. */
import { readFileSync } from "node:fs";
import {
  checkSteps,
  type Diagnostic,
  formatDiagnostics,
  loadScenario,
  problemOfProgram,
  problemOfStep,
  type Scenario,
  type Step,
} from "@hopscope/mesh";
import { visibleText } from "@hopscope/tracer/print/visible-text";
import type { Io } from "./io.ts";
import { systemProblem } from "./system-problem.ts";

export interface OpenScenario {
  readonly scenario: Scenario;
  /** Says something about places in the scenario's files; `word` ("warning") goes before each. */
  readonly tell: (diagnostics: readonly Diagnostic[], word: string) => void;
}

/**
 * The scenario, or undefined: all mistakes in it and in its commands have been told. `checkStep` says what else is wrong
 * with a step.
 */
export function openScenario(
  file: string,
  io: Io,
  checkStep: (step: Step) => string | undefined = () => undefined,
): OpenScenario | undefined {
  let text: string;
  try {
    text = readFile(file);
  } catch (error) {
    io.stderr.write(`hopscope: cannot read ${visibleText(file)}: ${visibleText((error as Error).message)}\n`);
    return undefined;
  }
  const loaded = loadScenario(text, {
    file,
    readFile,
    checkStep: (step) => problemOfStep(step) ?? checkStep(step),
    checkProgram: problemOfProgram,
  });
  const tell = (diagnostics: readonly Diagnostic[], word: string): void => {
    if (diagnostics.length > 0) io.stderr.write(`${formatDiagnostics(diagnostics, loaded.sources, word)}\n`);
  };
  tell(loaded.ok ? loaded.scenario.warnings : loaded.warnings, "warning");
  const mistakes = loaded.ok ? checkSteps(loaded.scenario) : loaded.diagnostics;
  tell(mistakes, "");
  return loaded.ok && mistakes.length === 0 ? { scenario: loaded.scenario, tell } : undefined;
}

/** What it throws says in words what is wrong. */
function readFile(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new Error(systemProblem(error), { cause: error });
  }
}
