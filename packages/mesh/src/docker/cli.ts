/**
 * The docker client, as a program that runs on a node: `docker run`, `docker network create`, `docker service scale` …
 * It talks to the engine of the machine that it runs on.
 *
 * Not modelled: images, volumes, logs, builds, stacks (a scenario has one from the start), contexts.
 */
import { type Program, type ProgramContext, UsageError } from "../program/program.ts";
import { DockerError, fromDaemon, Refusal } from "../swarm/docker-error.ts";
import { Call, type Command } from "./cli-call.ts";
import { CONTAINER_COMMANDS } from "./cli-containers.ts";
import { helpOf } from "./cli-help.ts";
import { NETWORK_COMMANDS } from "./cli-networks.ts";
import { NODE_COMMANDS } from "./cli-nodes.ts";
import { readWords } from "./cli-options.ts";
import { TemplateError } from "./cli-template.ts";
import { SERVICE_COMMANDS } from "./cli-services.ts";
import { ownOf } from "./own.ts";

const GROUPS: Readonly<Record<string, Readonly<Record<string, Command>>>> = {
  network: NETWORK_COMMANDS,
  service: SERVICE_COMMANDS,
  node: NODE_COMMANDS,
  container: { ...CONTAINER_COMMANDS, ls: CONTAINER_COMMANDS["ps"]!, remove: CONTAINER_COMMANDS["rm"]! },
};

/** Status of a command whose flags cannot be. */
const BAD_FLAG = 125;

function notModelled(): string {
  return `not modelled; there are ${[...Object.keys(CONTAINER_COMMANDS), "network", "service", "node"].join(", ")}`;
}

const STACK = "not modelled: the scenario's stack (`compose`) is deployed before the first step";
/** Commands of the real client, with what to say of them if it is more than that they are not here. */
const NOT_HERE: ReadonlyMap<string, string | undefined> = new Map<string, string | undefined>([
  ["stack", STACK],
  ["compose", STACK],
  ["swarm", "not modelled: the nodes of `cluster` are a swarm from the start"],
  ["pull", "not modelled: nothing is pulled, `images` says what an image runs"],
  ["build", "not modelled: `images` says what an image runs"],
  ...(
    "attach builder buildx commit config context cp diff events export history image images import info load login logout logs " +
    "manifest pause plugin push rename rmi save search secret stats system tag top trust unpause update version volume wait"
  )
    .split(" ")
    .map((name) => [name, undefined] as const),
]);

const REAL_IN_GROUPS: ReadonlySet<string> = new Set(
  (
    "service logs|node promote|node demote|node rm|network prune|container attach|container commit|container cp|container diff|" +
    "container export|container logs|container pause|container prune|container rename|container stats|container top|" +
    "container unpause|container update|container wait"
  ).split("|"),
);

interface Found {
  readonly name: string;
  readonly command: Command;
  readonly argv: readonly string[];
}

function find(argv: readonly string[]): Found {
  const [, first = "", second = ""] = argv;
  const group = ownOf(GROUPS, first);
  const command = group === undefined ? ownOf(CONTAINER_COMMANDS, first) : ownOf(group, second);
  if (command === undefined) {
    const name = group === undefined ? first : `${first} ${second}`;
    const isReal = group !== undefined && REAL_IN_GROUPS.has(`${first} ${second}`);
    if (isReal) throw new UsageError(`docker ${name}: not modelled; there are ${Object.keys(group).join(", ")}`);
    if (NOT_HERE.has(first)) throw new UsageError(`docker ${first}: ${NOT_HERE.get(first) ?? notModelled()}`);
    throw new UsageError(
      group === undefined
        ? `docker: '${name}' is not a docker command.\nSee 'docker --help'`
        : `docker: unknown command: docker ${name}\n\nRun 'docker ${first} --help' for more information`,
    );
  }
  const length = group === undefined ? 2 : 3;
  return { name: argv.slice(0, length).join(" "), command, argv: argv.slice(length) };
}

function read({ name, command, argv }: Found): ReturnType<typeof readWords> {
  const words = readWords(argv, command.flags, command.interspersed ?? true, name);
  const count = words.rest.length;
  if (count >= command.least && count <= command.most) return words;
  const arguments_ = (number: number): string => `${number} argument${number === 1 ? "" : "s"}`;
  const wanted =
    command.least === command.most
      ? `requires exactly ${arguments_(command.least)}`
      : command.most === Number.POSITIVE_INFINITY
        ? `requires at least ${arguments_(command.least)}`
        : `requires at least ${command.least} and at most ${arguments_(command.most)}`;
  throw new UsageError(`"${name}" ${command.most === 0 ? "accepts no arguments" : wanted}.\nSee '${name} --help'.`);
}

function* main(argv: readonly string[], context: ProgramContext): Generator<void, number, boolean> {
  const help = helpOf(argv, CONTAINER_COMMANDS, GROUPS);
  if (help !== undefined) {
    for (const line of help) context.print(line);
    return 0;
  }
  const found = find(argv);
  const { docker } = context.environment.mesh;
  const { netns } = context.environment;
  const engine = netns === netns.node.host ? docker?.swarm.engines.get(netns.node.name) : undefined;
  if (docker === undefined || engine?.isRunning !== true) {
    context.print("Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?");
    return 1;
  }
  const call = new Call(docker, engine, read(found), context);
  try {
    if (found.command.needsManager === true) {
      if (engine.node.role !== "manager") throw Refusal.notManager();
      if (docker.swarm.dispatcher.leaderOf(engine) === undefined) throw Refusal.noLeader();
    }
    const status = found.command.run(call);
    return typeof status === "number" ? status : yield* status;
  } catch (error) {
    if (error instanceof UsageError) {
      for (const line of refused(found.name, error.message)) context.print(line);
      return BAD_FLAG;
    }
    const isOurs = error instanceof TemplateError;
    if (!isOurs && !(error instanceof DockerError)) throw error;
    context.print(isOurs ? error.message : fromDaemon(error));
    return 1;
  }
}

/** What the client says of a flag's value; of containers that are to be made it says it with a full stop. */
function refused(name: string, message: string): readonly string[] {
  const [, command = ""] = /^docker (?:container )?(run|create)$/.exec(name) ?? [];
  const isOwn = command === "" || message.startsWith("invalid argument");
  return [isOwn ? message : `docker: ${message.replace(/\.$/, "")}.`, `See '${name} --help'.`];
}

export const DOCKER: Program = {
  check(argv) {
    if (helpOf(argv, CONTAINER_COMMANDS, GROUPS) === undefined) read(find(argv));
  },
  main,
};
