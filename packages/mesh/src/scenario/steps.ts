/**
 * Reads the command lines of a run: `exec web.1 ping -c 1 10.0.1.4`, `docker exec …` just the same, `sleep 2s`. Words
 * are split and unquoted as a POSIX shell does (IEEE 1003.1 §2.2), and that is all of a shell there is: no pipes,
 * no variables, no globbing. What would need one is refused unless it is quoted.
 */
import { describe, type Place, type Report, suggest } from "./diagnostic.ts";
import type { Step } from "./scenario.ts";
import type { TaskNames } from "./tasks.ts";
import { parseDuration } from "./units.ts";

export interface Word {
  readonly text: string;
  /** Index of its first character in the line. */
  readonly at: number;
}

export type Words =
  | { readonly ok: true; readonly words: readonly Word[] }
  | { readonly ok: false; readonly at: number; readonly message: string };

/** A line in words. */
export function splitWords(line: string): Words {
  const words: Word[] = [];
  let text = "";
  let start = -1;
  let at = 0;
  while (at < line.length) {
    const char = line[at]!;
    if (/\s/.test(char)) {
      if (start >= 0) words.push({ text, at: start });
      text = "";
      start = -1;
      at++;
      continue;
    }
    if (start < 0) start = at;
    if (char === "'" || char === '"') {
      const quoted = readQuoted(line, at);
      if (quoted === undefined) return { ok: false, at, message: `the quote ${char} is not closed` };
      text += quoted.text;
      at = quoted.end;
    } else if (char === "\\") {
      if (at + 1 === line.length) return { ok: false, at, message: "nothing follows the backslash" };
      text += line[at + 1];
      at += 2;
    } else if ("|&;<>()$`".includes(char)) {
      return {
        ok: false,
        at,
        message: `${JSON.stringify(char)} is for a shell, and a step runs one command without a shell; quote it if the command is to have it`,
      };
    } else {
      text += char;
      at++;
    }
  }
  if (start >= 0) words.push({ text, at: start });
  return { ok: true, words };
}

function readQuoted(line: string, start: number): { readonly text: string; readonly end: number } | undefined {
  const quote = line[start]!;
  let text = "";
  for (let at = start + 1; at < line.length; at++) {
    const char = line[at]!;
    if (char === quote) return { text, end: at + 1 };
    // Inside double quotes a backslash keeps only these from having a meaning; elsewhere it is itself.
    if (quote === '"' && char === "\\" && '$`"\\'.includes(line[at + 1] ?? " ")) text += line[++at];
    else text += char;
  }
  return undefined;
}

const VERBS = ["exec", "sleep"] as const;

/** Flags of `docker exec` that change nothing here. */
const IDLE_FLAGS = new Set(["-i", "-t", "-it", "-ti", "--interactive", "--tty"]);

/** The step of a line, or undefined after telling what is wrong with it. Without `tasks`, any task may be. */
export function readStep(line: string, place: Place, tasks: TaskNames | undefined, report: Report): Step | undefined {
  const fail = (at: number, message: string): undefined => {
    report.errorInside(place, at, message);
    return undefined;
  };
  const split = splitWords(line);
  if (!split.ok) return fail(split.at, split.message);
  const words = [...split.words];
  if (words[0]?.text === "docker") words.shift();
  const [verb, ...rest] = words;
  if (verb === undefined) return fail(0, `expected a command: ${VERBS.join(" or ")}, found ${describe(line)}`);
  const end = line.trimEnd().length;
  switch (verb.text) {
    case "exec":
      return readExec(rest, end, place, tasks, fail);
    case "sleep":
      return readSleep(rest, end, place, fail);
    default:
      return fail(
        verb.at,
        `unknown command ${JSON.stringify(verb.text)}, expected ${VERBS.join(" or ")}${suggest(verb.text, VERBS)}`,
      );
  }
}

type Fail = (at: number, message: string) => undefined;

function readExec(
  rest: readonly Word[],
  end: number,
  place: Place,
  tasks: TaskNames | undefined,
  fail: Fail,
): Step | undefined {
  let first = 0;
  while (rest[first]?.text.startsWith("-") === true) {
    const flag = rest[first]!;
    if (!IDLE_FLAGS.has(flag.text)) return fail(flag.at, `unknown flag ${flag.text} of exec, expected none, -i or -t`);
    first++;
  }
  const task = rest[first];
  if (task === undefined) return fail(end, "expected a task and a command after exec, found nothing");
  const missing = tasks?.missing(task.text);
  if (missing !== undefined) return fail(task.at, missing);
  if (tasks?.isPending(task.text) === true)
    return fail(task.at, `the task ${task.text} does not run: no node is suitable for it`);
  const argv = rest.slice(first + 1).map((word) => word.text);
  if (argv.length === 0) return fail(end, `expected a command after the task ${task.text}, found nothing`);
  return { kind: "exec", task: task.text, argv, position: place.position() };
}

function readSleep(rest: readonly Word[], end: number, place: Place, fail: Fail): Step | undefined {
  const [given, more] = rest;
  const expected = "expected one duration after sleep such as 500ms or 2s";
  if (given === undefined) return fail(end, `${expected}, found nothing`);
  if (more !== undefined) return fail(more.at, `${expected}, found ${rest.length} words`);
  // The command sleep(1) takes seconds.
  const text = /^\d+(?:\.\d+)?$/.test(given.text) ? `${given.text}s` : given.text;
  const durationNs = parseDuration(text);
  if (durationNs === undefined) return fail(given.at, `${expected}, found ${describe(given.text)}`);
  return { kind: "sleep", durationNs, position: place.position() };
}
