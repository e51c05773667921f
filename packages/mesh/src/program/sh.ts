/**
 * `sh -c SCRIPT`, as far as the commands of usual stack files go: commands one after the other, `&&`, `||`, `&`, `> FILE`,
 * `exec`, `wait`, `exit`, and `while true; do …; done`. A turn of a loop takes a millisecond at least.
 *
 * Not modelled, and said so: variables, pipes, other loops and conditions, functions, globbing, reading from files.
 * `cd`, `set`, `trap` and `umask` do nothing.
 */
import type { Process } from "./process.ts";
import { type Program, type ProgramContext, UsageError } from "./program.ts";
import { type Item, parseScript } from "./sh-parse.ts";
import { programOf, spawn } from "./shell.ts";

const TURN = 1_000_000;
const IGNORED = new Set(["cd", "set", "trap", "umask", ":"]);
const BUILTINS = new Set([...IGNORED, "exit", "wait", "true", "false"]);

type Wait<T> = Generator<void, T, boolean>;

export const SH: Program = {
  check(argv) {
    checkItems(scriptOf(argv));
  },
  *main(argv, context) {
    const shell: Shell = { context, children: new Set(), exit: undefined };
    return yield* runList(shell, scriptOf(argv));
  },
};

function scriptOf([name = "sh", flags, script]: readonly string[]): readonly Item[] {
  if (flags === undefined || !/^-[a-z]*c$/.test(flags) || script === undefined) {
    throw new UsageError(`${name}: only ${name} -c 'COMMAND …' is modelled`);
  }
  return parseScript(script);
}

function checkItems(items: readonly Item[]): void {
  for (const { what } of items) {
    if (what.kind === "loop") checkItems(what.body);
    else {
      const argv = what.argv[0] === "exec" ? what.argv.slice(1) : what.argv;
      if (!BUILTINS.has(argv[0] ?? "")) programOf(argv);
    }
  }
}

interface Shell {
  readonly context: ProgramContext;
  /** In the background. */
  readonly children: Set<Process>;
  /** Status of an `exit`, or of what took the shell's place. */
  exit: number | undefined;
}

function* runList(shell: Shell, items: readonly Item[]): Wait<number> {
  let status = 0;
  let runs = true;
  for (const { what, after } of items) {
    if (runs) {
      if (what.kind === "loop") {
        while (shell.exit === undefined) {
          status = yield* runList(shell, what.body);
          yield* shell.context.process.sleep(TURN);
        }
      } else status = yield* runCommand(shell, what.argv, what.file, after === "&");
      if (shell.exit !== undefined) return shell.exit;
    }
    // What is left out leaves the status as it is: `a && b || c` runs c if a fails.
    runs = after === "&&" ? status === 0 : after === "||" ? status !== 0 : true;
  }
  return status;
}

function* runCommand(
  shell: Shell,
  argv: readonly string[],
  file: string | undefined,
  isBackground: boolean,
): Wait<number> {
  const [name = "", first] = argv;
  if (IGNORED.has(name) || name === "true") return 0;
  if (name === "false") return 1;
  if (name === "exit") {
    shell.exit = Number(first ?? 0);
    return shell.exit;
  }
  const { environment, process, print, stdin } = shell.context;
  if (name === "wait") {
    for (const child of shell.children) yield* process.waitFor(child);
    shell.children.clear();
    return 0;
  }
  const isExec = name === "exec";
  const lines: string[] = [];
  const output = file === undefined ? print : (line: string): void => void lines.push(line);
  const child = spawn(isExec ? argv.slice(1) : argv, environment, { print: output, stdin });
  if (isBackground) {
    shell.children.add(child);
    return 0;
  }
  const status = (yield* process.waitFor(child)) ?? 0;
  if (file !== undefined && file !== "/dev/null")
    environment.files.set(file, lines.map((line) => `${line}\n`).join(""));
  if (isExec) shell.exit = status;
  return status;
}
