/** Reads the command lines of a run: `exec web.1 ping -c 1 10.0.1.4`, `on ext curl …`, `sleep 2s`, `fault …`. */
import { describe, type Place, type Report, suggest } from "./diagnostic.ts";
import { readFault } from "./fault-line.ts";
import type { Known } from "./known.ts";
import { readReplay } from "./replay-line.ts";
import type { Step } from "./step.ts";
import { listSome } from "./tasks.ts";
import { expectedDuration, parseDuration } from "./units.ts";
import { splitWords, type Word } from "./words.ts";

const VERBS = ["exec", "on", "docker", "netns", "inspect", "sleep", "wait", "pace", "replay", "fault"] as const;
const ONE_OF_VERBS = `${VERBS.slice(0, -1).join(", ")} or ${VERBS.at(-1)}`;

/** Flags of `docker exec` that change nothing here. */
const IDLE_FLAGS = new Set(["-i", "-t", "-it", "-ti", "--interactive", "--tty"]);

/** What reading the rest of a line needs: the words, where the line ends, and how to tell a mistake. */
export interface Line {
  readonly words: readonly Word[];
  readonly end: number;
  /** The file that it stands in. */
  readonly file: string;
  readonly known: Known;
  /** Tells a mistake at a character of the line. */
  readonly fail: (at: number, message: string) => undefined;
}

/** What somebody wanted who wrote something else in front. */
function adviceFor(word: string, { tasks, machines }: Known): string {
  const near = suggest(word, VERBS);
  if (near !== "") return near;
  if (word === "sudo") return "; leave sudo out, everybody may do everything";
  if (word === "docker-compose") return "; the stack of `compose` is deployed before the first step";
  if (machines.nodes.has(word)) return `; did you mean "on ${word} …"?`;
  if (tasks !== undefined && tasks.missing(word) === undefined) return `; did you mean "exec ${word} …"?`;
  return `; a program runs somewhere: "on ${[...machines.nodes][0] ?? "NODE"} ${word} …" or "exec TASK ${word} …"`;
}

type Plain<S> = S extends Step ? Omit<S, "position" | "text" | "background"> : never;
/** A step without what all have. */
export type StepBody = Plain<Step> & { readonly background?: boolean };

/**
 * The step of a line, or undefined after telling what is wrong with it. Who names a machine or task that is not there gets
 * the step all the same: something may be wrong with its command, too.
 */
export function readStep(text: string, place: Place, known: Known, report: Report): Step | undefined {
  const fail = (at: number, message: string): undefined => {
    report.errorInside(place, at, message);
    return undefined;
  };
  const split = splitWords(text);
  if (!split.ok) return fail(split.at, split.message);
  const [verb, ...words] = split.words;
  if (verb === undefined) return fail(0, `expected a command: ${ONE_OF_VERBS}, found ${describe(text)}`);
  const body = readBody(verb, { words, end: text.trimEnd().length, file: place.source.file, known, fail });
  if (body === undefined) return undefined;
  if (split.background && !("argv" in body && body.kind !== "inspect") && body.kind !== "replay")
    return fail(text.lastIndexOf("&"), `${verb.text} cannot run in the background`);
  const step = { ...body, position: place.position(), text, background: split.background || body.background === true };
  return step as Step;
}

function readBody(verb: Word, line: Line): StepBody | undefined {
  switch (verb.text) {
    case "exec":
      return readExec(line);
    case "on":
      return readOn(line);
    case "docker":
      return readDocker(line.known.manager ?? "", line);
    case "netns":
      return readNetns(line);
    case "inspect":
      return readInspect(line);
    case "sleep":
      return readSleep(line);
    case "wait": {
      const more = line.words[0];
      return more === undefined
        ? { kind: "wait" }
        : line.fail(more.at, `expected nothing after wait, found ${describe(more.text)}`);
    }
    case "pace":
      return readPace(line);
    case "replay":
      return readReplay(line);
    case "fault": {
      const fault = readFault(line);
      return fault && { kind: "fault", fault };
    }
    default:
      return line.fail(
        verb.at,
        `unknown command ${JSON.stringify(verb.text)}, expected ${ONE_OF_VERBS}${adviceFor(verb.text, line.known)}`,
      );
  }
}

/** `exec TASK COMMAND …`, with the flags of `docker exec`. */
function readExec(line: Line): StepBody | undefined {
  const { words, known, end, fail } = line;
  let first = 0;
  let background = false;
  while (words[first]?.text.startsWith("-") === true) {
    const flag = words[first]!;
    if (flag.text === "-d" || flag.text === "--detach") background = true;
    else if (!IDLE_FLAGS.has(flag.text))
      return fail(flag.at, `unknown flag ${flag.text} of exec, expected none, -i, -t or -d`);
    first++;
  }
  const container = words[first];
  if (container === undefined) return fail(end, "expected a task and a command after exec, found nothing");
  const missing = known.tasks?.missing(container.text);
  if (missing !== undefined) fail(container.at, missing);
  else if (known.tasks?.isPending(container.text) === true)
    fail(container.at, `the task ${container.text} does not run: no node is suitable for it`);
  const argv = commandIn(words.slice(first + 1), `the task ${container.text}`, line);
  return argv && { kind: "exec", container: container.text, argv, background };
}

/** `netns NODE NAMESPACE COMMAND …` */
function readNetns(line: Line): StepBody | undefined {
  const [node, namespace, ...rest] = line.words;
  const missing = missingNode(node, line) ?? missingWord(namespace, "a namespace", line);
  if (missing !== undefined) line.fail(missing.at, missing.message);
  if (node === undefined || namespace === undefined) return undefined;
  const argv = commandIn(rest, `the namespace ${namespace.text}`, line);
  return argv && { kind: "netns", node: node.text, namespace: namespace.text, argv };
}

/** `on MACHINE COMMAND …` */
function readOn(line: Line): StepBody | undefined {
  const [machine, ...rest] = line.words;
  const missing = missingMachine(machine, line);
  if (missing !== undefined) line.fail(missing.at, missing.message);
  if (machine === undefined) return undefined;
  const name = machine.text;
  if (rest[0]?.text === "docker") {
    if (line.known.machines.hosts.has(name)) return line.fail(rest[0].at, `there is no Docker on ${name}`);
    return readDocker(name, { ...line, words: rest.slice(1) });
  }
  const argv = commandIn(rest, name, line);
  return argv && { kind: "on", machine: name, argv };
}

/** `docker …`: on the first manager, or where `on` says. */
function readDocker(node: string, line: Line): StepBody | undefined {
  const [command, ...rest] = line.words;
  if (command === undefined) return line.fail(line.end, "expected a command of docker such as run, found nothing");
  if (command.text === "exec") return readExec({ ...line, words: rest });
  if (command.text === "container" && rest[0]?.text === "exec") return readExec({ ...line, words: rest.slice(1) });
  const argv = line.words.map((word) => word.text);
  line.known.learn(argv);
  return { kind: "on", machine: node, argv: ["docker", ...argv] };
}

/** `inspect NODE[/NAMESPACE] COMMAND …` */
function readInspect(line: Line): StepBody | undefined {
  const [place, ...rest] = line.words;
  if (place === undefined) return line.fail(line.end, "expected NODE/NAMESPACE after inspect, found nothing");
  const [node = "", namespace = "host"] = splitPlace(place.text);
  const missing = missingMachine({ ...place, text: node }, line);
  if (missing !== undefined) line.fail(missing.at, missing.message);
  const argv = commandIn(rest, place.text, line);
  return argv && { kind: "inspect", node, namespace, argv };
}

function readSleep({ words, end, fail }: Line): StepBody | undefined {
  const [given, more] = words;
  const expected = "expected one duration after sleep such as 500ms or 2s";
  if (given === undefined) return fail(end, `${expected}, found nothing`);
  if (more !== undefined) return fail(more.at, `${expected}, found ${words.length} words`);
  // The command sleep(1) takes seconds.
  const text = /^\d+(?:\.\d+)?$/.test(given.text) ? `${given.text}s` : given.text;
  const durationNs = parseDuration(text);
  if (durationNs === undefined)
    return fail(given.at, `expected ${expectedDuration(text)} after sleep, found ${describe(given.text)}`);
  return { kind: "sleep", durationNs };
}

/** `pace NAME DURATION` or `pace usual` */
function readPace({ words, end, fail }: Line): StepBody | undefined {
  const [name, given, more] = words;
  if (name?.text === "usual" && given === undefined) return { kind: "pace-usual" };
  const expected = "expected a pause of a program and a duration after pace such as resolve.second 300us";
  if (name === undefined || given === undefined) return fail(end, `${expected}, found ${words.length} words`);
  if (more !== undefined) return fail(more.at, `${expected}, found ${words.length} words`);
  const durationNs = parseDuration(given.text);
  if (durationNs === undefined)
    return fail(
      given.at,
      `expected ${expectedDuration(given.text)} after pace ${name.text}, found ${describe(given.text)}`,
    );
  return { kind: "pace", name: name.text, durationNs };
}

function commandIn(words: readonly Word[], where: string, line: Line): readonly string[] | undefined {
  if (words.length > 0) return words.map((word) => word.text);
  return line.fail(line.end, `expected a command after ${where}, found nothing`);
}

/** `NODE/NAMESPACE/DEVICE`, as capture points are named. */
export function splitPlace(text: string): readonly string[] {
  return text.split("/");
}

interface Mistake {
  readonly at: number;
  readonly message: string;
}

function missingWord(word: Word | undefined, what: string, { end }: Line): Mistake | undefined {
  return word === undefined ? { at: end, message: `expected ${what}, found nothing` } : undefined;
}

/** Nodes of the swarm. Without a single readable one every name would be wrong; that is told elsewhere. */
export function missingNode(word: Word | undefined, line: Line): Mistake | undefined {
  const { nodes } = line.known.machines;
  if (word === undefined) return { at: line.end, message: "expected a node, found nothing" };
  if (nodes.size === 0 || nodes.has(word.text)) return undefined;
  const hint = suggest(word.text, nodes) || listSome("nodes", nodes);
  return { at: word.at, message: `there is no node ${JSON.stringify(word.text)}${hint}` };
}

/** Nodes, and machines beside the swarm. */
export function missingMachine(word: Word | undefined, line: Line): Mistake | undefined {
  const { nodes, hosts } = line.known.machines;
  if (word === undefined) return { at: line.end, message: "expected a machine, found nothing" };
  if (nodes.size === 0 || nodes.has(word.text) || hosts.has(word.text)) return undefined;
  const all = [...nodes, ...hosts];
  const hint = suggest(word.text, all) || listSome("machines", all);
  return { at: word.at, message: `there is no machine ${JSON.stringify(word.text)}${hint}` };
}
