/**
 * Reads a stack file as `docker stack deploy` does (docker/cli cli/compose/loader and convert): what it refuses is
 * refused in its words, what it ignores is named in a warning, and so is what is not modelled here.
 */
import { parseConstraint } from "../swarm/constraint.ts";
import { isServiceName } from "../swarm/identifier.ts";
import { conflictMessage, portConflict } from "../swarm/port-conflict.ts";
import { parseIpv4 } from "@hopscope/codec/address";
import { check, isMap, isText, openMap, type Schema, type UnknownKey } from "./check.ts";
import { type Treatment, treatmentOf } from "./compose-key.ts";
import { type DeclaredNetwork, type NetworkPlaces, readNetwork } from "./compose-network.ts";
import {
  composeEntries,
  FORBIDDEN,
  service as serviceSchema,
  type ServiceFile,
  version as versionSchema,
} from "./compose-schema.ts";
import { NEWEST, tellTooNew } from "./compose-since.ts";
import { readHealthCheck, readRestartPolicy, readUpdateConfig } from "./compose-rollout.ts";
import { describe, type Place, type Report, suggest } from "./diagnostic.ts";
import { readPorts } from "./compose-port.ts";
import type { OverlayNetwork, Service, Stack } from "./scenario.ts";
import { shapeOf } from "./shape.ts";
import { splitWords } from "./words.ts";

export interface ComposeReading {
  /** What is sound of it: mistakes elsewhere are still looked for. */
  readonly stack: Stack;
  /** False if something is wrong with it. */
  readonly sound: boolean;
  /** Full names of services to where they stand, also of those that are wrong. */
  readonly services: ReadonlyMap<string, Place>;
  /** Full names of networks to where they stand, also of those that are wrong. */
  readonly networks: ReadonlyMap<string, NetworkPlaces>;
}

/** Network of the services that name none (convert.defaultNetwork). */
const DEFAULT_NETWORK = "default";

const unknownProperty: UnknownKey = (key, known) => {
  const reason = FORBIDDEN.get(key);
  if (reason !== undefined) return `docker stack deploy forbids the property ${key}: ${reason}`;
  return `Additional property ${key} is not allowed${suggest(key, known)}`;
};

export function readCompose(
  value: unknown,
  place: Place,
  stackName: string | undefined,
  report: Report,
): ComposeReading {
  const before = report.errors.length;
  const root = openMap(withoutExtensions(value), composeEntries, place, report, unknownProperty) ?? {};
  tellTooNew(value, place, readVersion(root["version"], place.at("version"), report), report);
  for (const key of ["volumes", "secrets", "configs"])
    if (root[key] !== undefined) check(composeEntries[key]!, root[key], place.at(key), report, unknownProperty);
  const scope = (name: string): string => (stackName === undefined ? name : `${stackName}_${name}`);

  const declared = new Map<string, DeclaredNetwork>();
  for (const [key, entry] of entriesOf(root["networks"], place.at("networks"), report))
    declared.set(
      key,
      readNetwork(key, withoutExtensions(entry), place.at("networks", key), scope, unknownProperty, report),
    );

  const services: Service[] = [];
  const servicePlaces = new Map<string, Place>();
  const used = new Set<string>();
  for (const [key, entry] of entriesOf(root["services"], place.at("services"), report)) {
    const at = place.at("services", key);
    const name = scope(key);
    servicePlaces.set(name, at);
    if (!isServiceName(name))
      report.error(
        at,
        `name must be valid as a DNS name component of at most 63 characters, found ${JSON.stringify(name)}`,
        "key",
      );
    const own = withoutExtensions(entry);
    const file = check(serviceSchema, own, at, report, unknownProperty);
    warnOfIgnored(own, serviceSchema, at, report);
    for (const [network] of networkKeys(own)) {
      used.add(network);
      if (network === DEFAULT_NETWORK && !declared.has(network))
        declared.set(network, readNetwork(network, null, at, scope, unknownProperty, report));
    }
    // Networks that are not there are told whatever else is wrong with the service.
    const joined = attachments(own, at, declared, report);
    if (file !== undefined) services.push(readService(name, file, joined, at, report));
  }
  // Who writes `services: {}` means it.
  if (root["services"] === undefined) report.warn(place, "the stack has no services");
  refuseSharedPorts(services, servicePlaces, report);

  const networks: OverlayNetwork[] = [];
  const networkPlaces = new Map<string, NetworkPlaces>();
  for (const [key, network] of declared) {
    const at = network.places.name;
    if (networkPlaces.has(network.fullName))
      report.error(at, `network with name ${network.fullName} already exists`, "key");
    networkPlaces.set(network.fullName, network.places);
    if (!used.has(key)) report.warn(at, "no service uses this network, so docker stack deploy does not make it", "key");
    else if (network.overlay !== undefined) networks.push(network.overlay);
  }
  const sound = report.errors.length === before;
  return { stack: { services, networks }, sound, services: servicePlaces, networks: networkPlaces };
}

/** The service that comes first has the port, as if the services were made in this order. */
function refuseSharedPorts(services: readonly Service[], places: ReadonlyMap<string, Place>, report: Report): void {
  for (const [index, { name, ports }] of services.entries())
    for (const other of services.slice(0, ports.length === 0 ? 0 : index)) {
      const held = portConflict(ports, other.ports);
      if (held !== undefined) report.error(places.get(name)!.at("ports"), conflictMessage(held, `'${other.name}'`));
    }
}

/** Keys that begin with `x-` are anybody's, and stand where the format allows them. */
function withoutExtensions(value: unknown): unknown {
  if (!isMap(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([key]) => !key.startsWith("x-")));
}

function entriesOf(value: unknown, place: Place, report: Report): readonly (readonly [string, unknown])[] {
  if (value === undefined) return [];
  if (isMap(value)) return Object.entries(value);
  report.error(place, `expected a map of names, found ${describe(value)}`);
  return [];
}

/** Answers N of version 3.N. */
function readVersion(value: unknown, place: Place, report: Report): number {
  const found = value === undefined ? "" : (check(versionSchema, value, place, report) ?? "");
  const minor = /^(?:3(?:\.(\d|1[0-3]))?)?$/.exec(found);
  if (minor === null)
    report.error(place, `unsupported Compose file version: ${found}, expected "3" or "3.0" to "3.13"`);
  return Number(minor?.[1] ?? NEWEST);
}

/** Keys of the networks that a service names, each with where it stands in `networks`, whatever else is wrong. */
function networkKeys(service: unknown): readonly (readonly [key: string, at: string | number])[] {
  const networks = isMap(service) ? service["networks"] : undefined;
  const keys: [string, string | number][] = [];
  if (isMap(networks)) for (const key of Object.keys(networks)) keys.push([key, key]);
  else if (Array.isArray(networks))
    for (const [index, key] of networks.entries()) if (typeof key === "string") keys.push([key, index]);
  return keys.length === 0 ? [[DEFAULT_NETWORK, 0]] : keys;
}

/** A warning for each key, at any depth, that is ignored. */
function warnOfIgnored(value: unknown, schema: Schema, place: Place, report: Report): void {
  const shape = shapeOf(schema);
  for (const alternative of shape.alternatives) warnOfIgnored(value, alternative, place, report);
  if (Array.isArray(value) && shape.item !== undefined)
    for (const [index, item] of value.entries()) warnOfIgnored(item, shape.item, place.at(index), report);
  if (!isMap(value)) return;
  for (const [key, held] of Object.entries(value)) {
    const inner =
      shape.entries === undefined ? shape.value : Object.hasOwn(shape.entries, key) ? shape.entries[key] : undefined;
    if (inner === undefined) continue;
    const words = IGNORED[treatmentOf(inner)];
    if (words !== undefined) report.warn(place.at(key), words, "key");
    else if (treatmentOf(inner) === "used") warnOfIgnored(held, inner, place.at(key), report);
  }
}

const IGNORED: Readonly<Record<Treatment, string | undefined>> = {
  used: undefined,
  quiet: undefined,
  later: "not modelled yet, ignored",
  unsupported: "ignored, as docker stack deploy ignores it",
  deprecated: "ignored, as docker stack deploy ignores it (deprecated)",
};

function readService(name: string, file: ServiceFile, joined: Attachments, place: Place, report: Report): Service {
  if (file.image === undefined)
    report.error(place, 'missing key "image": ContainerSpec: image reference must be provided');
  const deploy = file.deploy ?? undefined;
  const at = place.at("deploy");
  const mode = deploy?.mode ?? "replicated";
  const global = mode === "global" || mode === "global-job";
  if (mode.endsWith("-job"))
    report.warn(at.at("mode"), `jobs are not modelled yet: taken as ${global ? "global" : "replicated"}`);
  if (global && deploy?.replicas !== undefined)
    report.error(at.at("replicas"), "replicas can only be used with replicated or replicated-job mode");
  const endpointMode = deploy?.endpoint_mode ?? "vip";
  const ports = readPorts(file.ports ?? [], endpointMode, place.at("ports"), report);
  const constraints = deploy?.placement?.constraints ?? [];
  for (const [index, text] of constraints.entries()) {
    const reading = parseConstraint(text);
    if (!reading.ok)
      report.error(at.at("placement", "constraints", index), `${reading.message}, found ${describe(text)}`);
  }
  return {
    name,
    image: file.image ?? "",
    command: commandOf(file, place, report),
    mode: global ? "global" : "replicated",
    replicas: global ? 0 : (deploy?.replicas ?? 1),
    endpointMode,
    constraints,
    ...joined,
    ports,
    hostname: file.hostname || undefined,
    dns: readDns(file.dns, place.at("dns"), report),
    restart: readRestartPolicy(deploy?.restart_policy, at.at("restart_policy"), report),
    update: readUpdateConfig(deploy?.update_config, at.at("update_config"), report),
    rollback: readUpdateConfig(deploy?.rollback_config, at.at("rollback_config"), report),
    stopGraceNs: file.stop_grace_period,
    healthcheck: readHealthCheck(file.healthcheck),
    maxReplicasPerNode: deploy?.placement?.max_replicas_per_node,
    preferences: deploy?.placement?.preferences?.flatMap(({ spread }) => spread ?? []),
  };
}

/** What the tasks run: the entry point, if it is not the image's, and the command. */
function commandOf(file: ServiceFile, place: Place, report: Report): readonly string[] | undefined {
  const words = (key: "entrypoint" | "command"): readonly string[] | undefined => {
    const value = file[key];
    if (typeof value !== "string") return value;
    const split = splitWords(value, "any character");
    if (!split.ok) report.errorInside(place.at(key), split.at, split.message);
    return split.ok ? split.words.map((word) => word.text) : [];
  };
  const entrypoint = words("entrypoint");
  const command = words("command");
  return entrypoint === undefined && command === undefined ? undefined : [...(entrypoint ?? []), ...(command ?? [])];
}

function readDns(value: ServiceFile["dns"], place: Place, report: Report): readonly number[] {
  const servers: number[] = [];
  for (const [index, text] of (typeof value === "string" ? [value] : (value ?? [])).entries()) {
    const at = typeof value === "string" ? place : place.at(index);
    const ip = parseIpv4(text);
    if (ip !== undefined) servers.push(ip);
    else if (text.includes(":")) report.warn(at, "IPv6 is not modelled yet, ignored");
    else report.warn(at, `bad nameserver address ${JSON.stringify(text)}, ignored`);
  }
  return servers;
}

/** What a service joins. */
type Attachments = Pick<Service, "networks" | "aliases">;

/** convert.convertServiceNetworks: by full name. Networks that nobody models leave a service without an interface. */
function attachments(
  service: unknown,
  place: Place,
  declared: ReadonlyMap<string, DeclaredNetwork>,
  report: Report,
): Attachments {
  const names = new Set<string>();
  const aliases = new Map<string, readonly string[]>();
  const entries = isMap(service) && isMap(service["networks"]) ? service["networks"] : {};
  const seen = new Set<string>();
  for (const [key, segment] of networkKeys(service)) {
    const at = place.at("networks", segment);
    const network = declared.get(key);
    if (seen.has(key)) report.error(at, `the network ${key} is given twice`);
    seen.add(key);
    if (network === undefined)
      report.error(at, `undefined network ${JSON.stringify(key)}${suggest(key, declared.keys())}`, "key");
    else if (network.refused !== undefined) report.error(at, network.refused, "key");
    else {
      names.add(network.fullName);
      const entry = Object.hasOwn(entries, key) ? entries[key] : undefined;
      const given = isMap(entry) && Array.isArray(entry["aliases"]) ? entry["aliases"].filter(isText) : [];
      if (given.length > 0) aliases.set(network.fullName, given);
    }
  }
  return { networks: [...names].sort(), aliases };
}
