/**
 * From the text of a scenario file to a checked {@link Scenario}, or to every mistake in it and in its stack file.
 * Pure: the caller reads files.
 */
import type { AllocatedNetwork } from "../swarm/networks.ts";
import { allocateAddresses, loadBalancerName } from "../swarm/ipam.ts";
import type { PlacedTask } from "../swarm/placement.ts";
import type { Problem } from "../swarm/problem.ts";
import { allocate } from "./allocation.ts";
import { check, isMap, openMap, type Schema } from "./check.ts";
import { readPins } from "./arbitrary-pins.ts";
import { NO_CLUSTER, readCluster, type ClusterReading } from "./cluster.ts";
import { type ComposeReading, readCompose } from "./compose.ts";
import type { NetworkPlaces } from "./compose-network.ts";
import { describe, Place, Report, sortDiagnostics } from "./diagnostic.ts";
import { adopt, FileParts } from "./file-part.ts";
import { imageOf, readImages } from "./images.ts";
import { type Environment, interpolate } from "./interpolate.ts";
import { Known } from "./known.ts";
import { AddressPins, readPlacement } from "./pins.ts";
import { YamlSource } from "./position.ts";
import { readRun } from "./run.ts";
import type { Diagnostic, Scenario, Step } from "./scenario.ts";
import {
  environment as environmentSchema,
  scenarioEntries,
  stackName as stackNameSchema,
  title as titleSchema,
} from "./schema.ts";

export interface LoadOptions {
  /** Path of the scenario file, as messages are to name it. */
  readonly file: string;
  /** Reads a stack file. The path is relative to what `file` is relative to. May throw: the message is told. */
  readonly readFile: (path: string) => string;
  /** What variables in the stack file stand for. Nothing is set unless it is here, so that a run stays repeatable. */
  readonly environment?: Environment;
  /** What is wrong with a step's command, which another part of the engine knows; undefined: nothing. */
  readonly checkStep?: (step: Step) => string | undefined;
  /** The same of the command of a program that a machine beside the swarm runs. */
  readonly checkProgram?: (argv: readonly string[]) => string | undefined;
}

export type LoadResult =
  | { readonly ok: true; readonly scenario: Scenario; readonly sources: ReadonlyMap<string, string> }
  | {
      readonly ok: false;
      /** In the order of the files. */
      readonly diagnostics: readonly Diagnostic[];
      readonly warnings: readonly Diagnostic[];
      /** Name of each file to its text, for `formatDiagnostics`. */
      readonly sources: ReadonlyMap<string, string>;
    };

export function loadScenario(text: string, options: LoadOptions): LoadResult {
  const report = new Report();
  const sources = new Map([[options.file, text]]);
  const source = new YamlSource(options.file, text);
  adopt(source, report);
  const scenario = source.readable ? readScenario(source, options, sources, report) : undefined;
  const warnings = sortDiagnostics(report.warnings);
  if (scenario !== undefined && report.errors.length === 0)
    return { ok: true, scenario: { ...scenario, warnings }, sources };
  return { ok: false, diagnostics: sortDiagnostics(report.errors), warnings, sources };
}

function readScenario(
  source: YamlSource,
  options: LoadOptions,
  sources: Map<string, string>,
  report: Report,
): Scenario | undefined {
  const root = new Place(source);
  if (isStackFile(source.value)) {
    report.error(root, stackFileMessage(options.file));
    return undefined;
  }
  const keys = openMap(withoutExtensions(source.value), scenarioEntries, root, report);
  if (keys === undefined) return undefined;
  const given = <T>(key: string, schema: Schema<T>): T | undefined =>
    keys[key] === undefined ? undefined : check(schema, keys[key], root.at(key), report);

  const title = given("name", titleSchema) ?? baseName(options.file);
  const stackName = given("stack", stackNameSchema);
  const parts = new FileParts(options.file, options.readFile, sources, report);
  const clusterPart = keys["cluster"] === undefined ? undefined : parts.open(keys["cluster"], root.at("cluster"));
  const cluster: ClusterReading =
    clusterPart === undefined
      ? NO_CLUSTER
      : readCluster(clusterPart.value, clusterPart.place, report, options.checkProgram);
  const environment = { ...options.environment, ...given("environment", environmentSchema) };
  // Who leaves the stack out makes everything by commands, unless it stands under a key that is misspelled.
  const isMisspelled = Object.keys(keys).some((key) => !Object.hasOwn(scenarioEntries, key));
  const stack = Object.hasOwn(keys, "compose") || isMisspelled ? keys["compose"] : { services: {} };
  const compose = openCompose(stack, root.at("compose"), stackName, environment, parts, report);
  const placement = readPlacement(keys["placement"], root.at("placement"), cluster.names, report);

  const problems: Problem[] = [];
  // Without the stack's name nobody knows those of its services.
  const readings = keys["stack"] === undefined || stackName !== undefined ? compose?.services : undefined;
  const swarm = compose && readings && allocate(compose, readings, cluster, placement, problems, report);
  const machines = { nodes: cluster.names, hosts: cluster.hosts };
  const known = new Known(machines, swarm?.names, cluster.manager);
  // First of all, because the run's commands make tasks, too, which may be pinned.
  const run = readRun(keys["run"], root.at("run"), known, report, options.checkStep);
  for (const task of placement.keys()) {
    const missing = swarm?.names.missing(task);
    if (missing !== undefined) report.error(root.at("placement", task), missing, "key");
  }

  const pins = new AddressPins(root.at("addresses"), report);
  if (compose === undefined || readings === undefined || swarm === undefined) pins.read(keys["addresses"], undefined);
  else {
    const { networks, joinable, hasAllNetworks, services, tasks, names } = swarm;
    const declared = compose.namesAllNetworks ? new Set(compose.networks.keys()) : undefined;
    pins.read(keys["addresses"], {
      services: readings,
      networks: joinable,
      hasAllNetworks,
      declared,
      names,
      nodes: cluster.names,
    });
    allocateAddresses(joinable, services, tasks, pins.pins, problems);
    reportCollisions(networks, tasks, compose, report);
  }
  for (const problem of problems) reportProblem(problem, compose, pins, root, report);

  const imagePart = parts.open(keys["images"], root.at("images"));
  const images = imagePart === undefined ? new Map() : readImages(imagePart.value, imagePart.place, report);
  const choices = readPins(keys["pins"], root.at("pins"), known.tasks, cluster.names, report);
  if (compose !== undefined) tellUnknownImages(compose, images, report);
  if (compose === undefined || cluster.cluster === undefined) return undefined;
  return {
    name: title,
    cluster: cluster.cluster,
    stack: compose.stack,
    images,
    placement,
    addresses: pins.pins,
    pins: choices,
    run,
    warnings: [],
  };
}

/** A stack file in a scenario's place. */
function isStackFile(value: unknown): boolean {
  return isMap(value) && Object.hasOwn(value, "services") && !["cluster", "compose", "run"].some((key) => key in value);
}

function stackFileMessage(file: string): string {
  const name = file.split(/[/\\]/).at(-1) ?? file;
  return `this is a stack file, where a scenario is expected: a file beside it with the lines "cluster: { nodes: 3 }" and "compose: ${name}"`;
}

/** `x-…` at the top is for anchors, as in stack files. */
function withoutExtensions(value: unknown): unknown {
  if (!isMap(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([key]) => !key.startsWith("x-")));
}

/** Nothing is pulled: an image of which nothing is known makes containers in which nothing listens at its ports. */
function tellUnknownImages(compose: ComposeReading, images: Scenario["images"], report: Report): void {
  for (const { name, image, command, ports } of compose.stack.services)
    if (ports.length > 0 && command === undefined && image !== "" && imageOf(image, images) === undefined)
      report.warn(
        compose.services!.get(name)!.place.at("image"),
        `nothing is known of the image ${image}: nothing listens in its containers; say what does with images`,
      );
}

function baseName(file: string): string {
  return (file.split(/[/\\]/).at(-1) ?? file).replace(/\.ya?ml$/i, "");
}

function openCompose(
  value: unknown,
  place: Place,
  stackName: string | undefined,
  environment: Environment,
  parts: FileParts,
  report: Report,
): ComposeReading | undefined {
  if (value === undefined) return undefined;
  const part = parts.open(value, place);
  if (part === undefined) return undefined;
  if (typeof value === "string" || isMap(value))
    return readCompose(interpolate(part.value, part.place, environment, report), part.place, stackName, report);
  report.error(place, `expected a path to a stack file, or the stack itself, found ${describe(value)}`);
  return undefined;
}

/** Namespaces are told apart by their names, and Docker lets a network and a service have such names. */
function reportCollisions(
  networks: readonly AllocatedNetwork[],
  tasks: readonly PlacedTask[],
  compose: ComposeReading,
  report: Report,
): void {
  const names = new Set(tasks.map((task) => task.name));
  for (const { name } of networks)
    for (const taken of [`overlay-${name}`, loadBalancerName(name)])
      if (names.has(taken))
        report.error(
          compose.networks.get(name)!.name,
          `the namespace ${taken} of this network has the name of a task`,
          "key",
        );
}

function placeOf(
  places: NetworkPlaces | undefined,
  about: Extract<Problem["about"], { kind: "network" }>,
): Place | undefined {
  return about.part === "name" ? places?.name : places?.subnets[about.index]?.[about.part];
}

function reportProblem(
  { level, about, message }: Problem,
  compose: ComposeReading | undefined,
  pins: AddressPins,
  root: Place,
  report: Report,
): void {
  let place: Place | undefined;
  switch (about.kind) {
    case "network":
      place = placeOf(compose?.networks.get(about.network), about);
      break;
    case "service":
      place = compose?.services?.get(about.service)?.place;
      break;
    case "ports":
      place = compose?.services?.get(about.service)?.place.at("ports");
      break;
    case "placement":
      place = root.at("placement", about.task);
      break;
    case "address":
      place = pins.place(about.owner, about.key);
      break;
  }
  if (level === "error") report.error(place ?? root, message);
  else report.warn(place ?? root, message);
}
