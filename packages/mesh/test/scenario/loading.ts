/** Loads scenarios for tests: from text, with stack files from a map, and mistakes as one line each. */
import { loadScenario, type LoadResult } from "../../src/scenario/load.ts";
import type { Diagnostic, Scenario } from "../../src/scenario/scenario.ts";

export interface Files {
  readonly [path: string]: string;
}

export const FILE = "lab/scenario.yml";

export function load(text: string, files: Files = {}, environment: Readonly<Record<string, string>> = {}): LoadResult {
  const readFile = (path: string): string => {
    const found = files[path];
    if (found === undefined) throw new Error("ENOENT: no such file or directory");
    return found;
  };
  return loadScenario(text, { file: FILE, readFile, environment });
}

/** The scenario; fails with its mistakes if there are any. */
export function loadGood(
  text: string,
  files: Files = {},
  environment: Readonly<Record<string, string>> = {},
): Scenario {
  const result = load(text, files, environment);
  if (!result.ok) throw new Error(lines(result.diagnostics).join("\n"));
  return result.scenario;
}

/** `line:column path: message`, with the file before it if it is not the scenario. */
export function lines(diagnostics: readonly Diagnostic[]): readonly string[] {
  return diagnostics.map(({ position: { file, line, column }, path, message }) => {
    const where = file === FILE ? "" : `${file}:`;
    return `${where}${line}:${column} ${path}: ${message}`;
  });
}

export function mistakes(text: string, files: Files = {}): readonly string[] {
  const result = load(text, files);
  return result.ok ? [] : lines(result.diagnostics);
}

export function warnings(text: string, files: Files = {}): readonly string[] {
  const result = load(text, files);
  return lines(result.ok ? result.scenario.warnings : result.warnings);
}

/** Three nodes, one service of four tasks, one network; `more` is added at the top level. */
export const SMALL = `cluster:
  nodes: [manager, worker1, worker2]
compose:
  services:
    web:
      image: nginx
      deploy: { replicas: 4 }
      networks: [front]
  networks:
    front:
      ipam: { config: [{ subnet: 10.0.9.0/24 }] }
`;

/** The number of lines in {@link SMALL}: what is added begins on the next. */
export const SMALL_LINES = 11;
