/** The recordings, and how each is done again. */
import type { Recording, Seconds } from "./recording.ts";
import type { ReplayOptions } from "./replay.ts";

export interface Case extends ReplayOptions {
  readonly name: string;
  readonly what: string;
  /** Only what happened before is compared. */
  readonly until?: Seconds;
  /** Answers that are not compared. */
  readonly without?: RegExp;
  /** Nodes whose names are not compared. */
  readonly deaf?: readonly string[];
  /** What the recording says otherwise, for a reason. */
  readonly read?: (recording: Recording) => Recording;
}

const ZONES = { "swarm-worker1": "zone: a", "swarm-worker2": "zone: a", "swarm-manager": "zone: b" };
const HEALTHY = "  bb:1: { healthy: 5s }\n  bb:2: { healthy: 5s }";

export const CASES: readonly Case[] = [
  {
    name: "a1-node-stopped",
    what: "a node's engine stops (SIGSTOP), and goes on a minute later",
    pace: ["pace swarm.down 14.1s", "pace swarm.session 0.9s"],
    deaf: ["swarm-worker1"],
  },
  {
    name: "a2-node-killed",
    what: "a node's engine is killed, and started again 45 s later",
    pace: ["pace swarm.down 11.5s", "pace swarm.session 0.1s", "pace docker.boot 4.2s"],
    deaf: ["swarm-worker1"],
    // What a container ended with the node itself knows.
    without: /^on swarm-worker1 docker ps/,
    read: asPowerFailure,
  },
  {
    name: "a3-cable-pulled",
    what: "a node's cable is pulled for a minute",
    pace: ["pace swarm.down 12.3s", "pace swarm.session 3.5s"],
    // Whom the node that is cut off still knows depends on whom it probes first.
    deaf: ["swarm-worker1"],
    // One container took four seconds longer to stop than the others.
    read: (real) => ({ ...real, steps: real.steps.filter(({ at }) => at < 79 || at > 81) }),
  },
  { name: "a4-cable-pulled-short", what: "a node's cable is pulled for eight seconds", deaf: ["swarm-worker1"] },
  { name: "b01-stop-first", what: "a rolling update, one slot after the other, five seconds between" },
  { name: "b02-start-first", what: "a rolling update of two slots at a time, the new task first" },
  { name: "b03-grace", what: "a rolling update of containers that ignore SIGTERM" },
  { name: "b04-pause", what: "an update whose tasks fail, and that is paused", until: 35.5 },
  // When all happen to run for a moment the client begins to wait.
  { name: "b05-continue", what: "an update whose tasks fail, and that goes on", without: /service update/ },
  { name: "b06-rollback", what: "an update whose tasks fail, and that is rolled back" },
  { name: "b07-ratio", what: "an update of which four in ten may fail", until: 51 },
  {
    name: "b08-no-image",
    what: "an update to an image that is not there, and the way back",
    images: "  nosuch:1: { missing: true }",
    // The engines looked for the image in vain.
    pace: ["pace docker.create 1.8s"],
  },
  { name: "b09-monitor", what: "tasks that fail when nobody watches any more" },
  { name: "b10-parallel-0", what: "an update of all slots at once" },
  {
    name: "c01-healthy-then-not",
    what: "a task that is healthy, and then is not",
    pace: ["pace docker.start 1s"],
    images: "  bb:1: { healthy: 5s, unhealthy: 19s }",
  },
  {
    name: "c02-never-healthy",
    what: "a task that is never healthy",
    pace: ["pace docker.start 1s", "pace docker.check 200ms"],
    images: "  bb:1: { healthy: never }",
  },
  {
    name: "c03-update-healthy",
    what: "an update that waits until tasks are healthy",
    pace: ["pace docker.start 1s"],
    images: HEALTHY,
    without: /update .*-q/,
  },
  {
    name: "c04-update-start-first",
    what: "the same with the new task first",
    pace: ["pace docker.start 1s"],
    images: HEALTHY,
    // There a name went one to three seconds after its task was told to stop, here at once.
    deaf: ["swarm-worker2"],
  },
  {
    name: "c05-unhealthy-killed",
    what: "a task that is no longer healthy and ignores SIGTERM",
    pace: ["pace docker.start 1s"],
    images: "  bb:1: { healthy: 5s, unhealthy: 15s }",
  },
  {
    name: "c06-never-healthy-killed",
    what: "a task that is never healthy and ignores SIGTERM",
    pace: ["pace docker.start 1s"],
    images: "  bb:1: { healthy: never }",
  },
  { name: "d01-restart", what: "conditions of restart policies" },
  { name: "d02-restart-limits", what: "limits of restart policies", until: 50 },
  { name: "e01-constraint", what: "nodes that lose the label that a service wants", labels: ZONES },
  { name: "e02-no-node", what: "a service that no node suits", read: withoutChance },
  { name: "f01-drain", what: "a node is paused, drained, and active again", labels: ZONES },
  { name: "h01-scale-down", what: "a service becomes smaller, and larger" },
  {
    name: "i01-networks",
    what: "a service joins another network, and leaves its own",
    setup: ["docker network create -d overlay --attachable --subnet 10.0.77.0/24 second"],
    // The next update takes the slots in another order.
    until: 37,
  },
];

/** There a machine's containers are killed; here they had a last word when the engine was started again. */
function asPowerFailure(real: Recording): Recording {
  const LOST = "task: non-zero exit (255)";
  return {
    ...real,
    tasks: real.tasks.map((task) => ({
      ...task,
      states: task.states.map((each) => (each[1] === "complete" ? [each[0], "failed", LOST] : each)),
    })),
    steps: real.steps.map((step) => ({
      ...step,
      output: (step.output ?? []).map((line) =>
        line.replace(/Complete (.* ago) {2,}$/, (_, ago: string) => `Failed ${ago}   "${LOST}"`),
      ),
    })),
  };
}

/** Slots are told in an order that is chance, and at the end somebody has pressed Ctrl-C. */
function withoutChance(real: Recording): Recording {
  const plain = without(real, "pm");
  const [create, ...steps] = plain.steps;
  const output = (create!.output ?? []).filter((line) => !/background|to check progress/.test(line));
  const told = output.filter((line) => line.includes("no suitable")).toSorted();
  const rest = output.filter((line) => !line.includes("no suitable"));
  return { ...plain, steps: [{ ...create!, output: [...rest, ...told] }, ...steps] };
}

/** A service's tasks are placed in an order that is chance. */
function without({ steps, tasks, ...rest }: Recording, service: string): Recording {
  return {
    ...rest,
    steps: steps
      .filter(({ run }) => !run.split(" ").includes(service))
      .map((step) => ({ ...step, output: (step.output ?? []).filter((line) => !line.includes(` ${service} `)) })),
    tasks: tasks.filter(({ task }) => !task.startsWith(`${service}.`)),
  };
}
