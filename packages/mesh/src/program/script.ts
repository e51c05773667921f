/**
 * A shell script of an image, as far as those that start servers go: commands one after the other, with `&` at the end
 * in the background, with `> FILE` into a file; a last `exec COMMAND` takes the shell's place.
 *
 * Not modelled: variables, conditions, pipes.
 */
import { Process } from "./process.ts";
import type { Environment } from "./program.ts";
import { spawn } from "./shell.ts";

export interface ScriptLine {
  readonly argv: readonly string[];
  readonly isBackground: boolean;
  /** Where its output goes; undefined: to the script's. */
  readonly file: string | undefined;
}

export interface ScriptOptions {
  readonly print: (line: string) => void;
  readonly onExit: (status: number) => void;
}

/** Starts a script; throws a `UsageError` where a command in it cannot be started. */
export function startScript(
  lines: readonly ScriptLine[],
  environment: Environment,
  { print, onExit }: ScriptOptions,
): Process {
  const shell = new Process(environment, print, onExit);
  shell.name = "sh";
  shell.start(runScript(shell, lines, environment, print));
  return shell;
}

function* runScript(
  shell: Process,
  lines: readonly ScriptLine[],
  environment: Environment,
  print: (line: string) => void,
): Generator<void, number, boolean> {
  let status = 0;
  for (const { argv, isBackground, file } of lines) {
    let text = "";
    const write = (line: string): void => {
      text += `${line}\n`;
    };
    const child = spawn(argv, environment, { print: file === undefined ? print : write });
    if (isBackground) continue;
    status = (yield* shell.waitFor(child)) ?? 0;
    if (file !== undefined) environment.files.set(file, text);
  }
  return status;
}
