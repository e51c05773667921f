/** Services: `docker service create`, `scale`, `update`, `rm`, `ls`, `ps`, `inspect`. */
import { DockerCost } from "../costs.ts";
import { UsageError } from "../program/program.ts";
import type { Service } from "../scenario/scenario.ts";
import { parseConstraint } from "../swarm/constraint.ts";
import { DockerError, Refusal } from "../swarm/docker-error.ts";
import { checkService, createService, removeService, scaleService } from "../swarm/orchestrator.ts";
import type { ServiceState } from "../swarm/service.ts";
import { isSame, NO_TASK, rollbackService, updateService } from "../swarm/updater.ts";
import type { Call, Command } from "./cli-call.ts";
import { printInspected, readIp } from "./cli-containers.ts";
import { serviceJson } from "./cli-inspect.ts";
import { type FilterKeys, filtered } from "./cli-filter.ts";
import { flags } from "./cli-options.ts";
import { readServicePorts, updatedPorts } from "./cli-service-ports.ts";
import { portsText } from "./service-ports.ts";
import { prettyService, printPretty, refusesPretty } from "./cli-pretty.ts";
import { progress } from "./cli-progress.ts";
import { desiredOf, printTasks } from "./cli-tasks.ts";
import { CONTAINER_CHANGES, CONTAINER_FLAGS, readArgs, readContainer } from "./cli-service-container.ts";
import { POLICY_FLAGS, readPolicy } from "./cli-service-policy.ts";
import { printListing } from "./cli-format.ts";

const SHORT_ID = 12;

const IGNORED = [
  "container-label=",
  "mount=",
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
  "stop-signal=",
];
const CREATE_FLAGS = flags(
  ...IGNORED,
  ...POLICY_FLAGS,
  ...CONTAINER_FLAGS,
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
  ...CONTAINER_CHANGES,
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
    ...readContainer(words, {}),
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

/** What the client waits for without `-d`. */
function* converge(call: Call, service: ServiceState): Generator<void, number, boolean> {
  return call.words.has("detach") ? 0 : yield* progress(call, service);
}

export function findService(call: Call, name: string): ServiceState {
  const { services } = call.swarm;
  const found = services.get(name) ?? [...services.values()].find((service) => service.id.startsWith(name));
  if (found === undefined) throw Refusal.serviceNotFound(name);
  return found;
}

function* scale(call: Call): Generator<void, number, boolean> {
  let status = 0;
  const scaled: ServiceState[] = [];
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
    scaled.push(service);
  }
  for (const service of scaled) status = Math.max(status, yield* converge(call, service));
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
    command: args === undefined ? spec.command : readArgs(args),
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
    ...readContainer(words, spec),
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
    const tasks = [...service.tasks];
    // Also those that are to end, on nodes that hear nothing (controlapi, ListServiceStatuses).
    const running = tasks.filter(({ state }) => state === "running").length;
    const wanted =
      spec.mode === "global" ? tasks.filter((task) => desiredOf(task) === "running").length : spec.replicas;
    const most = spec.mode === "global" ? 0 : (spec.maxReplicasPerNode ?? 0);
    const limit = most > 0 ? ` (max ${most} per node)` : "";
    return {
      ID: id.slice(0, SHORT_ID),
      Name: spec.name,
      Mode: spec.mode,
      Replicas: `${running}/${wanted}${limit}`,
      Image: spec.image,
      Ports: portsText(service.ports),
    };
  });
  printListing(call, { type: "service.serviceContext", headings: HEADINGS, columns: Object.keys(HEADINGS), rows });
  return 0;
}

const HEADINGS = { ID: "ID", Name: "NAME", Mode: "MODE", Replicas: "REPLICAS", Image: "IMAGE", Ports: "PORTS" };

function ps(call: Call): number {
  const services = call.words.rest.map((name) => findService(call, name));
  printTasks(
    call,
    [...call.swarm.tasks].filter((task) => services.includes(task.service)),
  );
  return 0;
}

function inspect(call: Call): number {
  if (refusesPretty(call)) return 1;
  if (call.words.has("pretty"))
    return printPretty(call, "no such service", (name) => findService(call, name), prettyService);
  printInspected(
    call,
    call.words.rest.map((name) => serviceJson(call, findService(call, name))),
  );
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
