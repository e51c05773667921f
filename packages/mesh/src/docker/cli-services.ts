/** Services: `docker service create`, `scale`, `update`, `rm`, `ls`, `ps`, `inspect`. */
import { DockerCost } from "../costs.ts";
import { UsageError } from "../program/program.ts";
import type { Service } from "../scenario/scenario.ts";
import { parseConstraint } from "../swarm/constraint.ts";
import { DockerError, Refusal } from "../swarm/docker-error.ts";
import {
  checkService,
  createService,
  isConverged,
  liveTasks,
  removeService,
  scaleService,
} from "../swarm/orchestrator.ts";
import type { ServiceState, Task } from "../swarm/service.ts";
import { isSame, NO_TASK, rollbackService, updateService } from "../swarm/updater.ts";
import type { Call, Command } from "./cli-call.ts";
import { printInspected, readIp } from "./cli-containers.ts";
import { serviceJson } from "./cli-inspect.ts";
import { type FilterKeys, filtered } from "./cli-filter.ts";
import { flags } from "./cli-options.ts";
import { readServicePorts, updatedPorts } from "./cli-service-ports.ts";
import { portsText } from "./service-ports.ts";
import { POLICY_FLAGS, readPolicy } from "./cli-service-policy.ts";
import { printListing } from "./cli-format.ts";

const SHORT_ID = 12;

const IGNORED = [
  "env,e=",
  "label,l=",
  "container-label=",
  "mount=",
  "user,u=",
  "workdir,w=",
  "no-resolve-image",
  "limit-cpu=",
  "limit-memory=",
  "reserve-cpu=",
  "reserve-memory=",
  "with-registry-auth",
  "quiet,q",
  "tty,t",
  "init",
  "read-only",
  "entrypoint=",
  "secret=",
  "config=",
  "host=",
  "dns-search=",
  "dns-option=",
  "isolation=",
];
const CREATE_FLAGS = flags(
  ...IGNORED,
  ...POLICY_FLAGS,
  "placement-pref=",
  "detach,d",
  "name=",
  "replicas=",
  "network=",
  "publish,p=",
  "mode=",
  "endpoint-mode=",
  "constraint=",
  "hostname=",
  "dns=",
);
const UPDATE_FLAGS = flags(
  ...IGNORED,
  ...POLICY_FLAGS,
  "placement-pref-add=",
  "placement-pref-rm=",
  "detach,d",
  "force",
  "image=",
  "args=",
  "replicas=",
  "network-add=",
  "network-rm=",
  "publish-add=",
  "publish-rm=",
  "constraint-add=",
  "constraint-rm=",
  "endpoint-mode=",
  "hostname=",
  "env-add=",
  "env-rm=",
  "label-add=",
  "label-rm=",
  "rollback",
);

/** `NETWORK`, or `name=NETWORK,alias=NAME`. */
function readNetwork(call: Call, text: string): { readonly name: string; readonly aliases: readonly string[] } {
  const parts = text.split(",").map((part) => part.split("=", 2));
  const named = parts.find(([key]) => key === "name")?.[1];
  const name = named ?? text;
  const aliases = parts.flatMap(([key, value]) => (key === "alias" && value !== undefined ? [value] : []));
  return { name: call.engine.network(name)?.name ?? name, aliases };
}

/** The order in which the client sends them (cli/command/service, ToService and updateNetworks). */
function byIdentifier({ engine }: Call, networks: readonly string[]): readonly string[] {
  const idOf = (name: string): string => engine.network(name)?.id ?? name;
  return networks.toSorted((a, b) => (idOf(a) < idOf(b) ? -1 : 1));
}

function readConstraint(text: string): string {
  const reading = parseConstraint(text);
  if (!reading.ok) throw new DockerError(`rpc error: code = InvalidArgument desc = ${reading.message}`);
  return text;
}

function readReplicas(text: string): number {
  if (!/^\d+$/.test(text))
    throw new UsageError(
      `invalid argument "${text}" for "--replicas" flag: strconv.ParseUint: parsing "${text}": invalid syntax`,
    );
  return Number(text);
}

function specOf(call: Call): Service {
  const { words, engine } = call;
  const [image = "", ...command] = words.rest;
  const networks = words.all("network").map((text) => readNetwork(call, text));
  const mode = words.value("mode") ?? "replicated";
  if (mode !== "global" && mode !== "replicated")
    throw new UsageError(`Unknown mode: ${mode}, only replicated and global supported`);
  if (mode === "global" && words.has("replicas"))
    throw new UsageError("replicas can only be used with replicated or replicated-job mode");
  return {
    name: words.value("name") ?? `s${engine.made("unnamed service")}`,
    image,
    command: command.length > 0 ? command : undefined,
    mode,
    replicas: mode === "global" ? 0 : readReplicas(words.value("replicas") ?? "1"),
    endpointMode: words.value("endpoint-mode") === "dnsrr" ? "dnsrr" : "vip",
    constraints: words.all("constraint").map(readConstraint),
    networks: byIdentifier(
      call,
      networks.map(({ name }) => name),
    ),
    aliases: new Map(networks.map(({ name, aliases }) => [name, aliases])),
    ports: words.all("publish").flatMap((text) => readServicePorts(text)),
    hostname: words.value("hostname"),
    dns: words.all("dns").map(readIp),
    preferences: words.all("placement-pref").map(readPreference),
    ...readPolicy(words, {}),
  };
}

/** `spread=node.labels.zone` */
function readPreference(text: string): string {
  const [strategy, label] = text.split("=", 2);
  if (strategy === "spread" && label !== undefined) return label;
  throw new UsageError(
    `invalid argument "${text}" for "--placement-pref" flag: unsupported placement preference ${strategy} (only spread is supported)`,
  );
}

function* create(call: Call): Generator<void, number, boolean> {
  const service = yield* call.wait(createService(call.swarm, specOf(call)));
  call.print(service.id);
  return yield* converge(call, service);
}

/** From then on the client looks ever less often: what has not converged by now needs somebody to do something. */
const PATIENCE = 60_000_000_000;

/** What the client waits for without `-d`. */
function* converge(call: Call, service: ServiceState): Generator<void, number, boolean> {
  if (call.words.has("detach")) return 0;
  const { host } = call.swarm;
  const begun = host.now;
  while (!isConverged(service)) {
    const waited = host.now - begun;
    yield* call.context.process.sleep(waited < PATIENCE ? DockerCost.orchestrate : Math.floor(waited / 60));
  }
  call.print("verify: Service converged");
  return 0;
}

export function findService(call: Call, name: string): ServiceState {
  const { services } = call.swarm;
  const found = services.get(name) ?? [...services.values()].find((service) => service.id.startsWith(name));
  if (found === undefined) throw Refusal.serviceNotFound(name);
  return found;
}

function* scale(call: Call): Generator<void, number, boolean> {
  let status = 0;
  for (const text of call.words.rest) {
    const [name = "", count] = text.split("=");
    if (count === undefined) throw new UsageError(`invalid scale specifier '${text}': no reference/replicas pair`);
    const service = findService(call, name);
    if (service.spec.mode === "global") {
      call.print(`${name}: scale can only be used with replicated or replicated-job mode`);
      status = 1;
      continue;
    }
    yield* call.wait(scaleService(call.swarm, service, readReplicas(count)));
    call.print(`${name} scaled to ${count}`);
    yield* converge(call, service);
  }
  return status;
}

function* update(call: Call): Generator<void, number, boolean> {
  const { words, swarm } = call;
  const service = findService(call, words.rest[0]!);
  if (words.has("rollback")) return yield* rollback(call);
  const { spec } = service;
  const replicas = words.value("replicas");
  const without = (list: readonly string[], gone: readonly string[]): readonly string[] =>
    list.filter((each) => !gone.includes(each));
  const added = words.all("network-add").map((text) => readNetwork(call, text));
  const args = words.value("args");
  const changed: Service = {
    ...spec,
    image: words.value("image") ?? spec.image,
    command: args === undefined ? spec.command : args.split(" "),
    replicas: replicas === undefined ? spec.replicas : readReplicas(replicas),
    endpointMode: (words.value("endpoint-mode") as Service["endpointMode"] | undefined) ?? spec.endpointMode,
    hostname: words.value("hostname") ?? spec.hostname,
    constraints: [
      ...without(spec.constraints, words.all("constraint-rm")),
      ...words.all("constraint-add").map(readConstraint),
    ],
    networks: byIdentifier(call, [
      ...without(spec.networks, words.all("network-rm")),
      ...added.map(({ name }) => name),
    ]),
    aliases: new Map([...spec.aliases, ...added.map(({ name, aliases }) => [name, aliases] as const)]),
    ports: updatedPorts(spec.ports, words),
    preferences: without(spec.preferences ?? [], words.all("placement-pref-rm").map(readPreference)).concat(
      words.all("placement-pref-add").map(readPreference),
    ),
    ...readPolicy(words, spec),
  };
  checkService(swarm, changed, service);
  const isForced = words.has("force");
  if (replicas !== undefined) yield* call.wait(scaleService(swarm, service, changed.replicas));
  // The client does not wait for a roll-out that was told to go on by itself.
  if (isForced || !isSame(spec, changed, NO_TASK))
    call.docker.start(call.engine.name, updateService(swarm, service, changed, isForced), 0);
  else service.spec = changed;
  call.print(words.rest[0]!);
  yield* call.context.process.sleep(DockerCost.request);
  return yield* converge(call, service);
}

function* rollback(call: Call): Generator<void, number, boolean> {
  const [name = ""] = call.words.rest;
  const service = findService(call, name);
  if (service.previous === undefined) throw Refusal.noPreviousSpec(service.spec.name);
  call.docker.start(call.engine.name, rollbackService(call.swarm, service), 0);
  call.print(name);
  yield* call.context.process.sleep(DockerCost.request);
  return yield* converge(call, service);
}

function* remove(call: Call): Generator<void, number, boolean> {
  return yield* call.each(call.words.rest, function* (name) {
    yield* call.context.process.sleep(DockerCost.request);
    removeService(call.swarm, findService(call, name));
  });
}

const SERVICE_FILTERS: FilterKeys<ServiceState> = {
  id: ({ id }, value) => id.startsWith(value),
  name: ({ spec }, value) => spec.name.startsWith(value),
  mode: {
    values: ["replicated", "global", "replicated-job", "global-job"],
    fits: ({ spec }, value) => spec.mode === value,
  },
  // Services have no labels here.
  label: () => false,
};

function list(call: Call): number {
  const { swarm, words } = call;
  const all = [...swarm.services.values()].sort((a, b) => (a.spec.name < b.spec.name ? -1 : 1));
  const services = filtered(words, all, SERVICE_FILTERS);
  if (words.has("quiet")) {
    call.printAll(services.map(({ id }) => id.slice(0, SHORT_ID)));
    return 0;
  }
  const rows = services.map((service) => {
    const { spec, id } = service;
    const live = liveTasks(service);
    const running = live.filter((task) => task.state === "running").length;
    const wanted = spec.mode === "global" ? live.length : spec.replicas;
    return {
      ID: id.slice(0, SHORT_ID),
      Name: spec.name,
      Mode: spec.mode,
      Replicas: `${running}/${wanted}`,
      Image: spec.image,
      Ports: portsText(service.ports),
    };
  });
  printListing(call, { type: "service.serviceContext", headings: HEADINGS, columns: Object.keys(HEADINGS), rows });
  return 0;
}

const HEADINGS = { ID: "ID", Name: "NAME", Mode: "MODE", Replicas: "REPLICAS", Image: "IMAGE", Ports: "PORTS" };

/** By name, then the newest first, those before it as its history. */
export function taskRows(call: Call, tasks: readonly Task[]): readonly (readonly string[])[] {
  const { words } = call;
  const bySlot = new Map<string, Task[]>();
  for (const task of tasks) {
    const held = bySlot.get(task.name) ?? [];
    bySlot.set(task.name, held);
    held.unshift(task);
  }
  const capital = (text: string): string => text[0]!.toUpperCase() + text.slice(1);
  return [...bySlot.values()].flatMap((held) =>
    held.map((task, index) => {
      const { spec, node, message, state, stateSince } = task;
      const error = message === "" ? "" : `"${message}"`;
      return [
        words.has("no-trunc") ? task.id : task.id.slice(0, SHORT_ID),
        index === 0 ? task.name : ` \\_ ${task.name}`,
        spec.image,
        node?.name ?? "",
        capital(desiredOf(task)),
        `${capital(state)} ${call.ago(stateSince).toLowerCase()}`,
        error,
        hostPorts(task),
      ];
    }),
  );
}

function desiredOf(task: Task): string {
  const isOver = task.hasEnded && task.desired !== "remove" && task.desired !== "ready";
  return isOver ? "shutdown" : task.desired;
}

function hostPorts({ container, state }: Task): string {
  if (state !== "running") return "";
  return (container?.ports ?? []).map((port) => `*:${port.hostPort}->${port.containerPort}/${port.protocol}`).join(",");
}

const TASK_HEADINGS = {
  ID: "ID",
  Name: "NAME",
  Image: "IMAGE",
  Node: "NODE",
  DesiredState: "DESIRED STATE",
  CurrentState: "CURRENT STATE",
  Error: "ERROR",
  Ports: "PORTS",
};

const TASK_FILTERS: FilterKeys<Task> = {
  id: ({ id }, value) => id.startsWith(value),
  name: ({ containerName }, value) => containerName.startsWith(value),
  node: ({ node }, value) => node !== undefined && (node.name === value || node.id.startsWith(value)),
  service: ({ service }, value) => service.spec.name === value || service.id.startsWith(value),
  "desired-state": {
    values: ["running", "shutdown", "accepted", "ready"],
    fits: (task, value) => desiredOf(task) === value,
  },
};

export function printTasks(call: Call, tasks: readonly Task[]): void {
  const rows = taskRows(call, filtered(call.words, tasks, TASK_FILTERS));
  if (call.words.has("quiet")) return call.printAll(rows.map(([id]) => id!));
  const columns = Object.keys(TASK_HEADINGS);
  const listed = rows.map((row) => Object.fromEntries(columns.map((column, index) => [column, row[index]])));
  printListing(call, { type: "task.taskContext", headings: TASK_HEADINGS, columns, rows: listed });
}

function ps(call: Call): number {
  const services = call.words.rest.map((name) => findService(call, name));
  const tasks = [...call.swarm.tasks].filter((task) => services.includes(task.service));
  printTasks(
    call,
    tasks.sort((a, b) =>
      a.name === b.name
        ? 0
        : a.service.spec.name < b.service.spec.name
          ? -1
          : a.service === b.service
            ? a.slot - b.slot
            : 1,
    ),
  );
  return 0;
}

function inspect(call: Call): number {
  const found = call.words.rest.map((name) => serviceJson(call, findService(call, name)));
  printInspected(call, found);
  return 0;
}

const MANY = Number.POSITIVE_INFINITY;
const LIST = flags("quiet,q", "filter,f=", "format=", "no-trunc", "no-resolve");

export const SERVICE_COMMANDS: Readonly<Record<string, Command>> = {
  create: { flags: CREATE_FLAGS, least: 1, most: MANY, interspersed: false, needsManager: true, run: create },
  scale: { flags: flags("detach,d"), least: 1, most: MANY, needsManager: true, run: scale },
  update: { flags: UPDATE_FLAGS, least: 1, most: 1, needsManager: true, run: update },
  rollback: { flags: flags("detach,d", "quiet,q"), least: 1, most: 1, needsManager: true, run: rollback },
  rm: { flags: flags(), least: 1, most: MANY, needsManager: true, run: remove },
  ls: { flags: LIST, least: 0, most: 0, needsManager: true, run: list },
  ps: { flags: LIST, least: 1, most: MANY, needsManager: true, run: ps },
  inspect: { flags: flags("format,f=", "pretty"), least: 1, most: MANY, needsManager: true, run: inspect },
};
