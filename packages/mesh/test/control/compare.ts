/**
 * Holds what a simulated swarm did and said against a recording. A machine that is loaded takes longer for a container than
 * the simulated one, so times are compared from one event to the next, not from the beginning.
 */
import type { RecordedStep, Recording, Seconds } from "./recording.ts";
import type { Replay } from "./replay.ts";

/** So much longer or shorter may it take from one event to the next. */
const TOLERANCE = 1.6;
/** A container starts or ends so much later than usual, if others want the machine. */
const SLOW = 6;
/** What lasts no longer than this may not be seen by the other. */
const SHORT = 1.6;
/** Names come and go by gossip and probes, whose turns are chance. */
const NAME_TOLERANCE = 2.6;

/** States that a task passes through on its way. */
const PASSING = new Set(["new", "assigned", "accepted", "preparing", "ready", "starting"]);

type Seen = Pick<Recording, "tasks" | "nodes" | "updates">;

interface Event {
  readonly at: Seconds;
  readonly what: string;
  /** Of which task. */
  readonly slot?: string;
  /** A container has started or ended: that takes as long as the machine takes. */
  readonly isSlow?: boolean;
}

export function eventsOf(seen: Seen): readonly Event[] {
  const events: Event[] = seen.nodes
    .slice(3)
    .map(([at, node, status, availability]) => ({ at, what: `${node} ${status} ${availability}` }));
  for (const { at, service, state, message } of seen.updates ?? [])
    events.push({ at, what: `update of ${service}: ${state}: ${message}` });
  for (const { task, generation, node, states, desired, created } of seen.tasks) {
    const name = `${task}/${generation}`;
    events.push({ at: created, slot: task, what: `${name} made` });
    // What starts at once was made ready for a moment.
    for (const [at, wanted] of desired.slice(1))
      if (wanted !== "running" || at - created > SHORT)
        events.push({ at, slot: task, what: `${name} to be ${wanted}` });
    for (const [index, [at, state, error]] of states.entries()) {
      if (PASSING.has(state) || (state === "pending" && error === undefined)) continue;
      // Times of what goes on: also when a container is told to stop.
      if (index > 0 && states[index - 1]![1] === state && error === states[index - 1]![2]) continue;
      const where = state === "pending" ? "" : ` on ${node}`;
      const what = `${name} ${state}${where}${error === undefined ? "" : `: ${error}`}`;
      events.push({ at, slot: task, what, isSlow: state !== "pending" });
    }
  }
  return events.sort((a, b) => a.at - b.at);
}

/** A task may start soon after it was made: the other was told when it was made. */
function isAtOnce({ tasks }: Seen, what: string): boolean {
  const [name, isToRun] = what.split(" to be running");
  const task = isToRun === undefined ? undefined : tasks.find((each) => `${each.task}/${each.generation}` === name);
  const told = task?.desired.findLast(([, wanted]) => wanted === "running")?.[0];
  return task !== undefined && told !== undefined && told - task.created < 2 * SHORT;
}

/** How much earlier the simulated swarm did what the real one has done last. */
export type Offset = (at: Seconds) => Seconds;

interface Comparison {
  readonly differences: readonly string[];
  readonly offset: Offset;
}

export function compareEvents(real: Seen, simulated: Seen, until: Seconds): Comparison {
  const differences: string[] = [];
  const found = new Map<string, Seconds[]>();
  for (const { at, what } of eventsOf(simulated)) found.set(what, [...(found.get(what) ?? []), at]);
  const expected = eventsOf(real).filter(({ at }) => at <= until);
  const offsets: { readonly at: Seconds; readonly offset: Seconds; readonly slot?: string | undefined }[] = [
    { at: Number.NEGATIVE_INFINITY, offset: 0 },
  ];
  for (const { at, what, slot, isSlow = false } of expected) {
    const time = found.get(what)?.shift();
    if (time === undefined) {
      if (isAtOnce(real, what)) continue;
      differences.push(`${at.toFixed(1)} ${what}: never`);
      continue;
    }
    const offset = at - time;
    const isNear = (before: Seconds): boolean =>
      offset - before >= -TOLERANCE && offset - before <= (isSlow ? SLOW : TOLERANCE);
    const own = offsets.filter((each) => slot !== undefined && each.slot === slot);
    if (!isNear(0) && ![...offsets.slice(-5), ...own.slice(-5)].some((each) => isNear(each.offset)))
      differences.push(`${at.toFixed(1)} ${what}: at ${time.toFixed(1)}`);
    offsets.push({ at, offset, slot });
  }
  const last = offsets.at(-1)!.offset;
  for (const [what, time] of [...found].flatMap(([each, times]) => times.map((at) => [each, at] as const)))
    if (time + last < until - SLOW && !isAtOnce(simulated, what))
      differences.push(`${what} at ${time.toFixed(1)}: not recorded`);
  return { differences, offset: (at) => offsets.findLast((each) => each.at <= at)!.offset };
}

/** Ages in words, in seconds from and to. */
function ageOf(text: string): readonly [Seconds, Seconds] | undefined {
  const found = /(?:(less than a second|about a minute)|(\d+) (second|minute)s?) ago/i.exec(text);
  if (found === null) return undefined;
  const [, words, count, unit] = found;
  if (words !== undefined) return words.toLowerCase() === "about a minute" ? [60, 120] : [0, 1];
  const size = unit === "minute" ? 60 : 1;
  return [Number(count) * size, (Number(count) + 1) * size];
}

const withoutAge = (text: string): string =>
  text.replace(/(?:less than a second|about a minute|\d+ \w+) ago/i, "… ago");
const cellsOf = (line: string): string =>
  withoutAge(line.trim())
    .split(/\s{2,}/)
    .join(" | ");

/** What passes in a moment on one machine, and takes seconds on another. */
const PASSES = /(?:Ready|Running) +(?:Assigned|Accepted|Preparing|Ready|Starting|Running) … ago/;

/** The same line, but for two seconds of an age. */
function isLike(real: string, simulated: string, slack: Seconds): boolean {
  if (/\b(?:Assigned|Accepted|Preparing|Starting)\b|Running +Ready/.test(real)) {
    const rest = (line: string): string => cellsOf(withoutAge(line).replace(PASSES, ""));
    return PASSES.test(withoutAge(simulated)) && rest(real) === rest(simulated);
  }
  if (cellsOf(real) !== cellsOf(simulated)) return false;
  const [a, b] = [ageOf(real), ageOf(simulated)];
  const tolerance = (/^ (?:Started|Completed):/.test(real) ? SLOW : 2) + slack;
  return a === undefined || b === undefined || (a[0] <= b[1] + tolerance && b[0] <= a[1] + tolerance);
}

/** Lines of answers that the simulated swarm never gave around that time. */
export function compareAnswers(
  step: RecordedStep,
  replay: Replay,
  translate: (line: string) => string,
  slackOf: (line: string) => Seconds = () => 0,
): readonly string[] {
  const answers = replay.answers.get(step) ?? [];
  if (/^overall progress/m.test((step.output ?? []).join("\n"))) return compareProgress(step, answers[0]?.output ?? []);
  const expected = withoutEnd(ownless(step).map(translate));
  const said = answers.map(({ output }) => withoutEnd(ownless({ ...step, output })));
  const differences = expected.filter(
    (line) =>
      !said.some((lines) => lines.some((each) => isLike(line, each, slackOf(line)))) && !isBetween(line, said.flat()),
  );
  if (said.length > 0 && !said.some(({ length }) => length === expected.length))
    differences.push(`${expected.length} lines, found ${said.map(({ length }) => length).join(", ")}`);
  return differences.map((line) => `${step.at.toFixed(1)} ${step.run}: ${line}`);
}

/** A number of running tasks between others of the same service: they start one by one on a machine that is slow. */
function isBetween(line: string, others: readonly string[]): boolean {
  const RUNNING = /\b(\d+)(?=\/\d+\b)/;
  const count = RUNNING.exec(line)?.[1];
  if (count === undefined) return false;
  const alike = others.filter((other) => cellsOf(other.replace(RUNNING, "")) === cellsOf(line.replace(RUNNING, "")));
  const counts = alike.map((other) => Number(RUNNING.exec(other)?.[1]));
  return Math.min(...counts) <= Number(count) && Number(count) <= Math.max(...counts);
}

/** Without what a machine, a registry and a certificate have of their own. */
function ownless({ run, output = [] }: RecordedStep): readonly string[] {
  if (isWarned(output)) return output.slice(DIGEST_LINES);
  if (!/node inspect --pretty/.test(run)) return output;
  const certificate = output.indexOf("TLS Info:");
  return output
    .slice(0, certificate < 0 ? undefined : certificate)
    .filter((line) => !/^(?:Joined at|Resources): *|^ (?:CPUs|Memory):/.test(line));
}

function withoutEnd(lines: readonly string[]): readonly string[] {
  const last = lines.findLastIndex((line) => line !== "");
  return lines.slice(0, last + 1);
}

/** What the client says of its progress: each line once, not as often as it looks; how long it waits is no matter. */
function compareProgress({ at, run, output = [] }: RecordedStep, simulated: readonly string[]): readonly string[] {
  const expected = once(output.slice(isWarned(output) ? DIGEST_LINES : 0));
  // How many run at a time is chance, and so is what the client sees when it looks.
  const certain = (lines: readonly string[]): readonly string[] =>
    lines.filter(
      (line) => line !== "" && !/Waiting [1-4] seconds|^\d+\/\d+: task: non-zero exit/.test(line) && !isOnTheWay(line),
    );
  const [a, b] = [once(certain(expected)).slice(1), once(certain(simulated)).slice(1)];
  if (a.join("\n") === b.join("\n")) return [];
  return [`${at.toFixed(1)} ${run}:\n  ${a.join("\n  ")}\nfound:\n  ${b.join("\n  ")}`];
}

function once(lines: readonly string[]): readonly string[] {
  const said = new Map<string, string>();
  return lines.filter((line) => {
    const [, id, text] = /^([^:]+): (.*)$/.exec(line) ?? [];
    if (id === undefined || text === undefined) return true;
    const isNew = said.get(id) !== text;
    said.set(id, text);
    return isNew;
  });
}

function isOnTheWay(line: string): boolean {
  const [, running, wanted] = /(\d+) out of (\d+) tasks/.exec(line) ?? [];
  return running !== undefined && running !== "0" && running !== wanted;
}

/** The recorded machines knew no registry. */
const isWarned = (output: readonly string[]): boolean => /could not be accessed on a registry/.test(output[0] ?? "");
const DIGEST_LINES = 5;

/** How much later than the simulated one a task of a `docker service ps` line has come to where it is. */
export function slackIn(real: Recording, replay: Replay, offset: Offset): (line: string) => Seconds {
  return (line) => {
    const [, id, state] = /^(\w{12,25}) .* (\w+) (?:less than|about a|\d+)\b.*ago/i.exec(line) ?? [];
    if (id === undefined || state === undefined) return 0;
    const when = ({ tasks }: Pick<Recording, "tasks">): Seconds | undefined =>
      tasks.find((task) => task.id.startsWith(id))?.states.find((each) => each[1] === state.toLowerCase())?.[0];
    const [recorded, simulated] = [when(real), when(replay)];
    return recorded === undefined || simulated === undefined ? 0 : Math.abs(recorded - simulated - offset(recorded));
  };
}

type Names = NonNullable<Recording["names"]>;

/** Numbers of addresses that lasted. */
function lasting(
  names: Names,
  where: string,
  name: string,
  from: Seconds,
  until: Seconds,
): readonly (readonly [Seconds, number])[] {
  const all = names.filter(([, node, asked]) => node === where && asked === name);
  // What was so when somebody asked first.
  const first = all.findLastIndex(([at]) => at <= from);
  const own = first < 0 ? all : all.slice(first);
  const kept: [Seconds, number][] = [];
  for (const [index, [at, , , count]] of own.entries()) {
    const end = own[index + 1]?.[0] ?? until;
    // A container whose node does not answer any more, or that has gone, says nothing about others.
    if (typeof count !== "number") break;
    if (end - at < SHORT || kept.at(-1)?.[1] === count) continue;
    kept.push([Math.max(from, at), count]);
  }
  return kept;
}

export function compareNames(real: Names, simulated: Names, until: Seconds, offset: Offset): readonly string[] {
  const differences: string[] = [];
  for (const key of new Set(real.map(([, where, name]) => `${where} ${name}`))) {
    const [where = "", name = ""] = key.split(" ");
    const isOver = real.some(([, node, asked, count]) => node === where && asked === name && typeof count !== "number");
    const from = real.find(([, node, asked]) => node === where && asked === name)![0];
    const expected = lasting(real, where, name, from, until);
    const found = lasting(simulated, where, name, from, until);
    for (const [index, [at, count]] of expected.entries()) {
      const other = found[index];
      const isNear = index === 0 || Math.abs(at - (other?.[0] ?? 0) - offset(at)) <= NAME_TOLERANCE;
      if (other?.[1] !== count || !isNear)
        differences.push(`${key}: ${count} from ${at.toFixed(1)}, found ${other?.[1]} from ${other?.[0].toFixed(1)}`);
    }
    const isLate = (found[expected.length]?.[0] ?? until) > until - SLOW;
    if (!isOver && found.length > expected.length && !isLate)
      differences.push(`${key}: then ${found.slice(expected.length).join("; ")}`);
  }
  return differences;
}

/** Identifiers that nobody can pin: those of nodes and services become the simulated ones. */
export function translator(recording: Recording, replay: Replay): (line: string) => string {
  const { swarm } = replay.mesh.docker!;
  const ids = new Map<string, string>();
  for (const { run, output = [] } of recording.steps) {
    if (run === "docker node ls")
      for (const line of output.slice(1)) {
        const [id, ...rest] = line.split(/\s+/);
        const name = rest.find((word) => word.startsWith("swarm-"));
        const node = swarm.nodes.find((each) => each.name === name);
        if (node !== undefined) ids.set(id!, node.id);
      }
    const [, id] = /^ID:\t\t\t(\w+)$/.exec(output[0] ?? "") ?? [];
    const host = output.map((line) => /^Hostname: +\t(.*)$/.exec(line)?.[1]).find((each) => each !== undefined);
    const inspected = swarm.nodes.find((node) => node.name === host);
    if (id !== undefined && inspected !== undefined) ids.set(id, inspected.id);
    const name = /docker service create .*--name (\S+)/.exec(run)?.[1];
    const [first] = output;
    const service = name === undefined ? undefined : swarm.services.get(name);
    if (service !== undefined && first !== undefined) ids.set(first, service.id);
  }
  return (line) => {
    // The recorded engine was Debian's.
    let text = line.replace("+dfsg1", "");
    for (const [id, own] of ids) text = text.replaceAll(id, own).replaceAll(id.slice(0, 12), own.slice(0, 12));
    return text;
  };
}
