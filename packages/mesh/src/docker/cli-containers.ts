/** Containers: `docker run`, `create`, `start`, `stop`, `kill`, `rm`, `exec`, `ps`. */
import { parseIpv4 } from "@hopscope/codec/address";
import { DockerCost } from "../costs.ts";
import { UsageError } from "../program/program.ts";
import {
  type Attachment,
  type Container,
  type ContainerOptions,
  createContainer,
  killContainer,
  removeContainer,
  startContainer,
  stopContainer,
} from "../swarm/container.ts";
import { DockerError, fromDaemon, Refusal } from "../swarm/docker-error.ts";
import { hexId } from "../swarm/identifier.ts";
import type { Operation } from "../swarm/operation.ts";
import type { Call, Command } from "./cli-call.ts";
import { listedContainers } from "./cli-container-filter.ts";
import { labelHeading, printListing } from "./cli-format.ts";
import { containerJson, createdText } from "./cli-inspect.ts";
import { flags } from "./cli-options.ts";
import { port, portsText, readPublish } from "./cli-ports.ts";
import { ellipsis } from "./cli-table.ts";
import { render } from "./cli-template.ts";

const SECOND = 1_000_000_000;
/** Status of `docker run` when the engine refuses. */
const REFUSED = 125;

/** What is told to the container or its host, and changes no packet. */
const IGNORED = [
  "env,e=",
  "env-file=",
  "volume,v=",
  "mount=",
  "workdir,w=",
  "user,u=",
  "memory,m=",
  "cpus=",
  "cap-add=",
  "cap-drop=",
  "entrypoint=",
  "restart=",
  "privileged",
  "interactive,i",
  "tty,t",
  "init",
  "read-only",
  "pull=",
  "platform=",
  "ulimit=",
  "sysctl=",
  "security-opt=",
  "stop-timeout=",
  "log-driver=",
  "log-opt=",
  "add-host=",
  "dns-search=",
  "quiet,q",
  "rm",
  "expose=",
  "pid=",
  "ipc=",
  "shm-size=",
  "tmpfs=",
  "device=",
  "gpus=",
];
const RUN_FLAGS = flags(
  ...IGNORED,
  "detach,d",
  "name=",
  "network=",
  "net=",
  "ip=",
  "network-alias=",
  "net-alias=",
  "publish,p=",
  "label,l=",
  "hostname,h=",
  "dns=",
);

export function readIp(text: string): number {
  const ip = parseIpv4(text);
  if (ip === undefined) throw new UsageError(`invalid argument "${text}": ParseAddr("${text}"): unable to parse IP`);
  return ip;
}

/** daemon/names, RestrictedNamePattern: two letters at least. */
const NAME = /^[a-zA-Z0-9][\w.-]+$/;

/** `KEY=VALUE`, or a key alone. */
function labelsIn(texts: readonly string[]): ReadonlyMap<string, string> {
  const entry = (text: string): [string, string] => {
    const at = text.indexOf("=");
    return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
  };
  return new Map(texts.map(entry));
}

function optionsOf(call: Call): ContainerOptions {
  const { words, engine } = call;
  const [image = "", ...argv] = words.rest;
  const names = [...words.all("network"), ...words.all("net")];
  const networks = (names.length === 0 ? ["bridge"] : names).map((name) => (name === "default" ? "bridge" : name));
  const ip = words.value("ip");
  const aliases = [...words.all("network-alias"), ...words.all("net-alias")];
  const attachments = networks.map(
    (network, index): Attachment => ({
      network: engine.network(network)?.name ?? network,
      aliases: index === 0 ? aliases : [],
      ...(index === 0 && ip !== undefined ? { ip: readIp(ip) } : {}),
    }),
  );
  const labels = labelsIn(words.all("label"));
  const name = words.value("name") ?? `c${hexId(engine.random(`name:${engine.made("unnamed")}`), 8)}`;
  if (!NAME.test(name)) throw Refusal.badContainerName(name);
  return {
    name,
    shortName: name,
    image,
    argv,
    attachments,
    ports: words.all("publish").flatMap((text) => readPublish(text, engine.version)),
    labels: () => labels,
    hostname: words.value("hostname"),
    dns: words.all("dns").map(readIp),
  };
}

function* runOperation(call: Call, print: ((line: string) => void) | undefined): Operation<Container> {
  const { engine, docker } = call;
  const container = yield* createContainer(engine, optionsOf(call));
  if (print === undefined) call.print(container.id);
  else docker.attach(container, print);
  yield* startContainer(engine, container);
  return container;
}

function* run(call: Call): Generator<void, number, boolean> {
  const isDetached = call.words.has("detach");
  let container: Container;
  try {
    container = yield* call.wait(runOperation(call, isDetached ? undefined : (line) => call.print(line)));
  } catch (error) {
    if (!(error instanceof DockerError)) throw error;
    call.print(`docker: ${fromDaemon(error).replace(/\.$/, "")}.`);
    call.print("See 'docker run --help'.");
    return REFUSED;
  }
  if (isDetached) return 0;
  while (container.state === "running") yield* call.context.process.sleep(DockerCost.request);
  if (call.words.has("rm")) yield* call.wait(removeContainer(call.engine, container, true));
  return container.exitCode;
}

function* create(call: Call): Generator<void, number, boolean> {
  const container = yield* call.wait(createContainer(call.engine, optionsOf(call)));
  call.print(container.id);
  return 0;
}

function* start(call: Call): Generator<void, number, boolean> {
  return yield* call.each(call.words.rest, function* (name) {
    const container = call.container(name);
    if (container.state !== "running") yield* call.wait(startContainer(call.engine, container));
  });
}

function* stop(call: Call): Generator<void, number, boolean> {
  const grace = Number(call.words.value("time") ?? call.words.value("timeout") ?? 10) * SECOND;
  return yield* call.each(call.words.rest, function* (name) {
    yield* call.wait(stopContainer(call.engine, call.container(name), grace));
  });
}

function* restart(call: Call): Generator<void, number, boolean> {
  const grace = Number(call.words.value("time") ?? call.words.value("timeout") ?? 10) * SECOND;
  return yield* call.each(call.words.rest, function* (name) {
    const container = call.container(name);
    yield* call.wait(stopContainer(call.engine, container, grace));
    yield* call.wait(startContainer(call.engine, container));
  });
}

function* kill(call: Call): Generator<void, number, boolean> {
  return yield* call.each(call.words.rest, function* (name) {
    const container = call.container(name);
    if (container.state !== "running")
      throw new DockerError(`Cannot kill container: ${name}: ${Refusal.isNotRunning(container.id).message}`);
    yield* call.wait(killContainer(call.engine, container));
  });
}

function* remove(call: Call): Generator<void, number, boolean> {
  const isForced = call.words.has("force");
  return yield* call.each(call.words.rest, function* (name) {
    yield* call.wait(removeContainer(call.engine, call.container(name), isForced));
  });
}

function* exec(call: Call): Generator<void, number, boolean> {
  const [name = "", ...argv] = call.words.rest;
  const container = call.container(name);
  const environment = call.docker.environmentOf(container);
  if (environment === undefined) throw Refusal.isNotRunning(container.id);
  yield* call.context.process.sleep(DockerCost.request);
  const child = call.docker.exec(argv, environment, (line) => call.print(line));
  if (call.words.has("detach")) return 0;
  return (yield* call.context.process.waitFor(child)) ?? 0;
}

/** `Up 2 minutes`, `Exited (137) 5 seconds ago`. */
function statusOf(call: Call, container: Container): string {
  if (container.state === "created") return "Created";
  if (container.state === "running") {
    const { health } = container;
    const suffix = health === undefined ? "" : ` (${health === "starting" ? "health: starting" : health})`;
    return `Up ${call.ago(container.startedAt).replace(/ ago$/, "")}${suffix}`;
  }
  return `Exited (${container.exitCode}) ${call.ago(container.finishedAt)}`;
}

const HEADINGS = {
  ID: "CONTAINER ID",
  Image: "IMAGE",
  Command: "COMMAND",
  CreatedAt: "CREATED AT",
  RunningFor: "CREATED",
  Status: "STATUS",
  State: "STATE",
  Ports: "PORTS",
  Names: "NAMES",
  Networks: "NETWORKS",
  Labels: "LABELS",
  Label: labelHeading,
  Size: "SIZE",
  Mounts: "MOUNTS",
  LocalVolumes: "LOCAL VOLUMES",
};

function ps(call: Call): number {
  const { words } = call;
  const shown = listedContainers(call, [...call.engine.containers.values()].toReversed());
  const id = (container: Container): string => (words.has("no-trunc") ? container.id : container.shortId);
  if (words.has("quiet")) {
    call.printAll(shown.map(id));
    return 0;
  }
  const rows = shown.map((container) => {
    const { labels } = container;
    return {
      ID: id(container),
      Image: container.options.image,
      Command: commandOf(call, container),
      CreatedAt: createdText(container),
      RunningFor: call.ago(container.createdAt),
      Status: statusOf(call, container),
      State: container.state,
      Ports: portsText(container),
      Names: container.name,
      Networks: [...container.attachments.keys()].join(","),
      Labels: Array.from(labels, ([key, value]) => `${key}=${value}`).join(","),
      Label: (key: string): string => labels.get(key) ?? "",
      Size: "0B",
      Mounts: "",
      LocalVolumes: "0",
    };
  });
  const columns = ["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names"];
  printListing(call, { type: "formatter.ContainerContext", headings: HEADINGS, columns, rows });
  return 0;
}

/** As the daemon writes it (daemon/list.go), cut and quoted by the client. */
function commandOf({ words }: Call, { options }: Container): string {
  const text = options.argv.map((word, index) => (index > 0 && word.includes(" ") ? `'${word}'` : word)).join(" ");
  return JSON.stringify(words.has("no-trunc") ? text : ellipsis(text, COMMAND_LENGTH));
}

const COMMAND_LENGTH = 20;

/** `docker inspect`, of containers or of whatever else has that name. */
function inspect(call: Call): number {
  const found: object[] = [];
  let status = 0;
  for (const name of call.words.rest) {
    const container = call.engine.container(name);
    if (container !== undefined) found.push(containerJson(call, container));
    else {
      call.print(`Error: No such object: ${name}`);
      status = 1;
    }
  }
  printInspected(call, found);
  return status;
}

export function printInspected(call: Call, found: readonly object[]): void {
  const format = call.words.value("format");
  // A template that asks for what the client's types do not have gets what the engine sent, sorted (inspect, tryRawInspect).
  const isRaw = format !== undefined && /\.Id\b/.test(format);
  if (format !== undefined) for (const each of found) call.print(render(format, isRaw ? sorted(each) : each));
  else call.printAll(JSON.stringify(found, undefined, 4).split("\n"));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, held]) => [key, sorted(held)]));
}

const MANY = Number.POSITIVE_INFINITY;
const TIME = flags("time,t=", "timeout=");

export const CONTAINER_COMMANDS: Readonly<Record<string, Command>> = {
  run: { flags: RUN_FLAGS, least: 1, most: MANY, interspersed: false, run },
  create: { flags: RUN_FLAGS, least: 1, most: MANY, interspersed: false, run: create },
  start: { flags: flags("attach,a", "interactive,i"), least: 1, most: MANY, run: start },
  stop: { flags: TIME, least: 1, most: MANY, run: stop },
  restart: { flags: TIME, least: 1, most: MANY, run: restart },
  kill: { flags: flags("signal,s="), least: 1, most: MANY, run: kill },
  rm: { flags: flags("force,f", "volumes,v"), least: 1, most: MANY, run: remove },
  exec: {
    flags: flags("detach,d", "interactive,i", "tty,t", "env,e=", "user,u=", "workdir,w=", "privileged"),
    least: 2,
    most: MANY,
    interspersed: false,
    run: exec,
  },
  ps: {
    flags: flags("all,a", "quiet,q", "no-trunc", "format=", "filter,f=", "latest,l", "last,n=", "size,s"),
    least: 0,
    most: 0,
    run: ps,
  },
  port: { flags: flags(), least: 1, most: 2, run: port },
  inspect: { flags: flags("format,f=", "type=", "size,s"), least: 1, most: MANY, run: inspect },
};
