/** Does in a simulated swarm what was done in a recording, at the same times, and looks as often as the recorder did. */
import { deploy, type Mesh } from "../../src/build.ts";
import { desiredOf } from "../../src/docker/cli-tasks.ts";
import { Runner } from "../../src/runner.ts";
import type { Step } from "../../src/scenario/step.ts";
import type { Task } from "../../src/swarm/service.ts";
import { loadGood } from "../scenario/loading.ts";
import type { RecordedStep, RecordedTask, Recording, Seconds } from "./recording.ts";

const SECOND = 1e9;
const TICK = 0.05;
/** Answers are asked for so much before and after the time at which the real one came. */
export const WINDOW = 1.5;
const QUERY_EVERY = 5;

export interface ReplayOptions {
  /** `pace` lines: how long the recorded machine took. */
  readonly pace?: readonly string[];
  /** Commands before the recording began. */
  readonly setup?: readonly string[];
  /** Lines of the scenario's `images`. */
  readonly images?: string;
  /** Labels that nodes had before. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly more?: string;
  /** Seconds; the rest is left out. */
  readonly until?: Seconds;
  /** How much earlier than in the recording answers are asked for. */
  readonly offset?: (at: Seconds) => Seconds;
}

/** What the simulated swarm said at a time. */
export interface Answer {
  readonly at: Seconds;
  readonly output: readonly string[];
}

export interface Replay {
  readonly mesh: Mesh;
  readonly tasks: readonly RecordedTask[];
  readonly nodes: Recording["nodes"];
  readonly names: NonNullable<Recording["names"]>;
  readonly updates: NonNullable<Recording["updates"]>;
  /** To each step of the recording, in its order. */
  readonly answers: ReadonlyMap<RecordedStep, readonly Answer[]>;
}

const QUERY = /^(?:on \S+ )?docker (?:ps|node (?:ls|ps|inspect)|service (?:ls|ps|inspect)|inspect)\b/;

function scenarioOf(recording: Recording, options: ReplayOptions): string {
  const ids = new Map<string, RecordedTask[]>();
  for (const task of recording.tasks) {
    const held = ids.get(task.task) ?? [];
    ids.set(task.task, held);
    held[task.generation] = task;
  }
  const pins = [...ids].map(([name, held]) => {
    const list = (key: "id" | "node"): string => JSON.stringify(held.map((task) => task[key] || "swarm-manager"));
    return { name, ids: list("id"), nodes: list("node") };
  });
  const steps = new Set([...setupOf(recording, options), ...recording.steps.map(({ run }) => run)]);
  const label = (name: string): string => options.labels?.[name] ?? "";
  return [
    'cluster:\n  docker: "20.10"\n  kernel: [no ip_vs, no ip_forward]\n  nodes:',
    ...["swarm-manager", "swarm-worker1", "swarm-worker2"].map(
      (name) => `    - { name: ${name}, labels: { ${label(name)} } }`,
    ),
    "compose: { services: {} }",
    ...(options.images === undefined ? [] : [`images:\n${options.images}`]),
    "pins:",
    "  tasks:",
    ...pins.map(({ name, ids }) => `    ${name}: ${ids}`),
    "  nodes:",
    ...pins.map(({ name, nodes }) => `    ${name}: ${nodes}`),
    `  turns: ${JSON.stringify(Object.fromEntries(turnsOf(recording)))}`,
    ...(options.more === undefined ? [] : [options.more]),
    "run:\n  steps:",
    ...[...steps].map((text) => `    - ${JSON.stringify(text)}`),
  ].join("\n");
}

/** The order in which the first update of each service took the slots. */
function turnsOf({ steps, tasks }: Recording): readonly (readonly [string, readonly string[]])[] {
  const turns = new Map<string, readonly string[]>();
  for (const { at, run } of steps) {
    const service = /^docker service update .*?(\S+)$/.exec(run)?.[1];
    if (service === undefined || turns.has(service)) continue;
    const made = tasks.filter(({ task, created }) => created > at && task.startsWith(`${service}.`));
    turns.set(service, [...new Set(made.map(({ task }) => task))]);
  }
  return [...turns];
}

const NETWORK = "docker network create -d overlay --attachable --subnet 10.0.9.0/24 myoverlay";

/** What was there when the recording began. */
function setupOf(recording: Recording, { pace = [], setup = [] }: ReplayOptions): readonly string[] {
  return [NETWORK, ...setup, ...paceOf(recording), ...pace];
}

/** How long the recorded machine took to start a container, and to tell that one has stopped: medians. */
function paceOf({ tasks, events }: Recording): readonly string[] {
  const starts: number[] = [];
  const reports: number[] = [];
  for (const { task, generation, states } of tasks) {
    const find = (wanted: string): number | undefined => states.find(([, state]) => state === wanted)?.[0];
    const [starting, running, stopped] = ["starting", "running", "shutdown"].map(find);
    const died = events.find(([, action, name]) => action === "die" && name === `${task}/${generation}`)?.[0];
    if (starting !== undefined && running !== undefined) starts.push(running - starting);
    if (died !== undefined && stopped !== undefined) reports.push(stopped - died);
  }
  const median = (all: readonly number[]): number | undefined => all.toSorted((a, b) => a - b)[all.length >> 1];
  const line = (name: string, seconds: number | undefined): string[] =>
    seconds === undefined ? [] : [`pace docker.${name} ${Math.max(1, Math.round(seconds * 1000))}ms`];
  return [...line("start", median(starts)), ...line("report", median(reports))];
}

export function replay(recording: Recording, options: ReplayOptions = {}): Replay {
  const scenario = loadGood(scenarioOf(recording, options));
  const steps = new Map(scenario.run.steps.map((step) => [step.text, step]));
  const mesh = deploy(scenario);
  const runner = new Runner(mesh);
  const observer = new Observer(mesh, recording);
  const plain = scenario.run.steps[0]!;
  runner.take(setupOf(recording, options).map((text) => steps.get(text)!));
  // What the recording begins with is a swarm that has been there for a while.
  const begun = runner.now;
  const answers = new Map<RecordedStep, Answer[]>(recording.steps.map((step) => [step, []]));
  const changes = recording.steps.filter(({ run }) => !QUERY.test(run));
  const queries = recording.steps.filter(({ run }) => QUERY.test(run));
  const last = options.until ?? recording.steps.at(-1)!.at + WINDOW;
  const sleepTo = (at: Seconds): void => {
    const durationNs = begun + Math.round(at * SECOND) - runner.now;
    if (durationNs > 0) runner.take([{ ...plain, kind: "sleep", durationNs, background: false } as Step]);
  };
  const background: { readonly step: RecordedStep; readonly results: ReturnType<Runner["take"]> }[] = [];
  for (let tick = 0; tick * TICK <= last; tick++) {
    const at = tick * TICK;
    sleepTo(at);
    observer.look((runner.now - begun) / SECOND);
    while (changes[0] !== undefined && changes[0].at <= at) {
      const step = changes.shift()!;
      const isLong = /docker service (?:create|update|scale|rollback) (?!.*(?:-d|--detach)\b)/.test(step.run);
      const results = runner.take([{ ...steps.get(step.run)!, background: isLong }]);
      background.push({ step, results });
    }
    if (tick % QUERY_EVERY !== 0) continue;
    for (const step of queries) {
      const wanted = step.at - (options.offset?.(step.at) ?? 0);
      if (Math.abs(wanted - at) > WINDOW && Math.abs(step.at - at) > WINDOW) continue;
      const [result] = runner.take([steps.get(step.run)!]);
      answers.get(step)!.push({ at, output: result!.output });
    }
  }
  for (const { step, results } of background)
    answers.get(step)!.push({ at: (results[0]!.endedAt - begun) / SECOND, output: results[0]!.output });
  return { mesh, ...observer.seen(), answers };
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

class Observer {
  readonly #mesh: Mesh;
  readonly #tasks = new Map<
    Task,
    Writable<RecordedTask> & { states: [Seconds, string, string?][]; desired: [Seconds, string][] }
  >();
  readonly #nodes: [Seconds, string, string, string][] = [];
  readonly #names: [Seconds, string, string, number][] = [];
  readonly #updates: { at: Seconds; service: string; state: string; message: string }[] = [];
  readonly #before = new Map<string, string | number>();
  readonly #asked: ReadonlySet<string>;

  constructor(mesh: Mesh, recording: Recording) {
    this.#mesh = mesh;
    this.#asked = new Set((recording.names ?? []).map(([, , name]) => name));
  }

  look(now: Seconds): void {
    const { swarm } = this.#mesh.docker!;
    for (const task of swarm.tasks) {
      let seen = this.#tasks.get(task);
      if (seen === undefined) {
        seen = {
          task: task.name,
          generation: task.generation,
          id: task.id,
          node: "",
          created: now,
          states: [],
          desired: [],
        };
        this.#tasks.set(task, seen);
      }
      seen.node = task.node?.name ?? "";
      const state = seen.states.at(-1);
      if (state?.[1] !== task.state || (state[2] ?? "") !== task.message)
        seen.states.push(task.message === "" ? [now, task.state] : [now, task.state, task.message]);
      const desired = desiredOf(task);
      if (seen.desired.at(-1)?.[1] !== desired) seen.desired.push([now, desired]);
    }
    for (const [task, seen] of this.#tasks) if (!swarm.tasks.has(task)) seen.forgotten ??= now;
    for (const { name } of swarm.nodes) {
      const { status, availability } = swarm.engine(name);
      if (this.#isNew(`node ${name}`, `${status} ${availability}`)) this.#nodes.push([now, name, status, availability]);
    }
    for (const { spec, rollout } of swarm.services.values())
      if (rollout !== undefined && this.#isNew(`update ${spec.name}`, `${rollout.state} ${rollout.startedAt}`))
        this.#updates.push({ at: now, service: spec.name, state: rollout.state, message: rollout.message });
    for (const name of this.#asked)
      for (const { name: where, index } of swarm.nodes) {
        const network = swarm.networks.get("myoverlay")!;
        const count = (swarm.names.find(network.id, name, index, swarm.host.now) ?? []).length;
        if (this.#isNew(`name ${where} ${name}`, count)) this.#names.push([now, where, name, count]);
      }
  }

  #isNew(key: string, value: string | number): boolean {
    if (this.#before.get(key) === value) return false;
    this.#before.set(key, value);
    return true;
  }

  seen(): Pick<Replay, "tasks" | "nodes" | "names" | "updates"> {
    return { tasks: [...this.#tasks.values()], nodes: this.#nodes, names: this.#names, updates: this.#updates };
  }
}
