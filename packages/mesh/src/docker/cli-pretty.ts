/**
 * What `--pretty` makes of services and nodes (docker/cli cli/command/service/formatter.go, serviceInspectPrettyTemplate;
 * cli/command/node/formatter.go, nodeInspectPrettyTemplate).
 *
 * Not modelled: mounts, resources and sysctls of services; a machine's processors and memory, and the swarm's
 * certificate, of which nothing is printed; whether somebody has said what is the default of a health check.
 */
import { formatIpv4 } from "@hopscope/codec/address";
import { DEFAULT_HEALTH, DEFAULT_UPDATE } from "../scenario/compose-rollout.ts";
import type { HealthCheck, Service, UpdateConfig } from "../scenario/scenario.ts";
import type { Rollout, ServiceState } from "../swarm/service.ts";
import type { SwarmNode } from "../swarm/swarm.ts";
import { DockerError } from "../swarm/docker-error.ts";
import type { Call } from "./cli-call.ts";
import { EPOCH, goDuration, humanDuration, timestamp } from "./cli-table.ts";

/** The client has no template for both. */
export function refusesPretty(call: Call): boolean {
  if (!call.words.has("pretty") || call.words.value("format") === undefined) return false;
  call.print("--format is incompatible with human friendly format");
  return true;
}

/** All that are there, then what is wrong with the others; the exit status. */
export function printPretty<Item>(
  call: Call,
  kind: "no such service" | "No such node",
  find: (name: string) => Item,
  print: (call: Call, item: Item) => readonly string[],
): number {
  let status = 0;
  const found = call.words.rest.flatMap((name) => {
    try {
      return [find(name)];
    } catch (error) {
      if (!(error instanceof DockerError)) throw error;
      call.print(`Error: ${kind}: ${name}`);
      status = 1;
      return [];
    }
  });
  for (const item of found) call.printAll(print(call, item));
  return status;
}

/** Lines; the last one is empty, as the client prints it. */
export function prettyService(call: Call, service: ServiceState): readonly string[] {
  const { spec, ports } = service;
  const { labels = new Map<string, string>() } = spec;
  return [
    "",
    `ID:\t\t${service.id}`,
    `Name:\t\t${spec.name}`,
    ...(labels.size > 0 ? ["Labels:", ...labelLines(labels, " ")] : []),
    ...(spec.mode === "global"
      ? ["Service Mode:\tGlobal"]
      : ["Service Mode:\tReplicated", ` Replicas:\t${spec.replicas}`]),
    ...updateStatus(call, service.rollout),
    ...placement(spec),
    ...updateConfig("Update", spec.update ?? DEFAULT_UPDATE),
    ...updateConfig("Rollback", spec.rollback ?? DEFAULT_UPDATE),
    ...containerSpec(spec),
    "Resources:",
    ...(spec.networks.length > 0 ? [`Networks: ${spec.networks.join(" ")} `] : []),
    `Endpoint Mode:\t${spec.endpointMode}`,
    ...portLines(ports),
    ...(spec.noHealthcheck === true ? health({ ...DEFAULT_HEALTH, test: ["NONE"] }) : health(spec.healthcheck)),
    "",
  ];
}

function labelLines(labels: ReadonlyMap<string, string>, before: string): readonly string[] {
  const sorted = [...labels].sort(([a], [b]) => (a < b ? -1 : 1));
  return sorted.map(([key, value]) => `${before}${key}${value === "" ? "" : `=${value}`}`);
}

function updateStatus(call: Call, rollout: Rollout | undefined): readonly string[] {
  if (rollout === undefined) return [];
  const { state, startedAt, completedAt, message } = rollout;
  const ago = (time: number): string => `${humanDuration(call.now - time)} ago`;
  return [
    "UpdateStatus:",
    ` State:\t\t${state}`,
    ` Started:\t${ago(startedAt)}`,
    ...(state === "completed" && completedAt !== undefined ? [` Completed:\t${ago(completedAt)}`] : []),
    ` Message:\t${message}`,
  ];
}

function placement({ constraints, preferences = [], maxReplicasPerNode = 0 }: Service): readonly string[] {
  return [
    "Placement:",
    ...(constraints.length > 0 ? [` Constraints:\t[${constraints.join(" ")}]`] : []),
    ...(preferences.length > 0 ? [` Preferences:   [${preferences.map((label) => `spread=${label}`).join(" ")}]`] : []),
    ...(maxReplicasPerNode > 0 ? [` Max Replicas Per Node:   ${maxReplicasPerNode}`] : []),
  ];
}

function updateConfig(which: "Update" | "Rollback", config: UpdateConfig): readonly string[] {
  const { parallelism, delayNs, failureAction, monitorNs, maxFailureRatio, order } = config;
  return [
    `${which}Config:`,
    ` Parallelism:\t${parallelism}`,
    ...(delayNs > 0 ? [` Delay:\t\t${goDuration(delayNs)}`] : []),
    ` On failure:\t${failureAction}`,
    ...(monitorNs > 0 ? [` Monitoring Period: ${goDuration(monitorNs)}`] : []),
    ` Max failure ratio: ${maxFailureRatio}`,
    ` ${`${which} order:`.padEnd(19)}${order}`,
  ];
}

function containerSpec({ image, command = [], env = [], workdir, user }: Service): readonly string[] {
  const words = (all: readonly string[]): string => all.map((word) => `${word} `).join("");
  return [
    "ContainerSpec:",
    ` Image:\t\t${image}`,
    ...(command.length > 0 ? [` Args:\t\t${words(command)}`] : []),
    ...(env.length > 0 ? [` Env:\t\t${words(env)}`] : []),
    ...(workdir === undefined ? [] : [` Dir:\t\t${workdir}`]),
    " Init:\t\tfalse",
    ...(user === undefined ? [] : [` User: ${user}`]),
  ];
}

function portLines(ports: ServiceState["ports"]): readonly string[] {
  if (ports.length === 0) return [];
  const lines = ports.flatMap(({ published, protocol, target, mode }) => [
    ` PublishedPort = ${published}`,
    `  Protocol = ${protocol}`,
    `  TargetPort = ${target}`,
    `  PublishMode = ${mode}`,
  ]);
  return ["Ports:", ...lines.slice(0, -1), `${lines.at(-1)!} `];
}

function health(check: HealthCheck | undefined): readonly string[] {
  if (check === undefined) return [];
  const { intervalNs, retries, startPeriodNs, timeoutNs = 0, test = [] } = check;
  const tests = test.map((word) => `\t Test = ${word}`);
  return [
    " Healthcheck:",
    `  Interval = ${goDuration(intervalNs === DEFAULT_HEALTH.intervalNs ? 0 : intervalNs)}`,
    `  Retries = ${retries === DEFAULT_HEALTH.retries ? 0 : retries}`,
    `  StartPeriod =\t${goDuration(startPeriodNs)}`,
    `  Timeout =\t${goDuration(timeoutNs)}`,
    ...(tests.length > 0 ? ["  Tests:", ...tests.slice(0, -1), `${tests.at(-1)!} `] : []),
  ];
}

const LOGS = "awslogs, fluentd, gcplogs, gelf, journald, json-file, local, logentries, splunk, syslog";

export function prettyNode(call: Call, node: SwarmNode): readonly string[] {
  const { availability, status, version } = call.swarm.engine(node.name);
  const capital = (text: string): string => text[0]!.toUpperCase() + text.slice(1);
  const joined = timestamp(EPOCH, 0)
    .replace("T", " ")
    .replace(/\.?0*Z$/, " +0000 utc");
  return [
    `ID:\t\t\t${node.id}`,
    ...(node.labels.size > 0 ? ["Labels:", ...labelLines(node.labels, " - ")] : []),
    `Hostname:              \t${node.name}`,
    `Joined at:             \t${joined}`,
    "Status:",
    ` State:\t\t\t${capital(status)}`,
    ...(status === "down" ? [" Message:\t\theartbeat failure"] : []),
    ` Availability:         \t${capital(availability)}`,
    ` Address:\t\t${formatIpv4(node.ip)}`,
    ...managerStatus(call, node),
    "Platform:",
    " Operating System:\tlinux",
    " Architecture:\t\tx86_64",
    "Plugins:",
    ` Log:\t\t${LOGS}`,
    " Network:\t\tbridge, host, ipvlan, macvlan, null, overlay",
    " Volume:\t\tlocal",
    `Engine Version:\t\t${version.engine}`,
    "",
  ];
}

function managerStatus({ swarm }: Call, node: SwarmNode): readonly string[] {
  if (node.role !== "manager") return [];
  const leader = swarm.dispatcher.leaderOf(swarm.engine(node.name));
  return [
    "Manager Status:",
    ` Address:\t\t${formatIpv4(node.ip)}:2377`,
    ` Raft Status:\t\t${leader === undefined ? "Unreachable" : "Reachable"}`,
    ` Leader:\t\t${leader?.node === node ? "Yes" : "No"}`,
  ];
}
