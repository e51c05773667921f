/**
 * Reads a stack file as `docker stack deploy` does (docker/cli cli/compose/loader and convert): what it refuses is
 * refused in its words, what it ignores is named in a warning, and so is what is not modelled here.
 */
import { parseConstraint } from "../swarm/constraint.ts";
import { isServiceName } from "../swarm/identifier.ts";
import { conflictMessage, portConflict } from "../swarm/port-conflict.ts";
import { parseIpv4 } from "@hopscope/codec/address";
import {
  type Accepted,
  check,
  checkParts,
  hasUnknown,
  isMap,
  isText,
  openMap,
  type Schema,
  type UnknownKey,
} from "./check.ts";
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
import { describe, type Path, type Place, type Report, suggest } from "./diagnostic.ts";
import { readPorts } from "./compose-port.ts";
import type { OverlayNetwork, Service, Stack } from "./scenario.ts";
import { shapeOf } from "./shape.ts";
import { splitWords } from "./words.ts";

export interface ComposeReading {
  /** What is sound of it: mistakes elsewhere are still looked for. */
  readonly stack: Stack;
  /** False if something is wrong with it. */
  readonly sound: boolean;
  /** By full name, also those that are wrong. Undefined: nobody can tell which services there are to be. */
  readonly services: ReadonlyMap<string, ServiceReading> | undefined;
  /** Full names of networks to where they stand, also of those that are wrong. */
  readonly networks: ReadonlyMap<string, NetworkPlaces>;
  /** All networks that there will be are in `stack`. */
  readonly hasAllNetworks: boolean;
  /** All networks that there may be are in `networks`. */
  readonly namesAllNetworks: boolean;
}

/** A service, and what of it can be relied on while something else in it is wrong. */
export interface ServiceReading {
  readonly place: Place;
  /** Without what is wrong with it; undefined: nothing is left. */
  readonly service: Service | undefined;
  /** Nothing is wrong with it. */
  readonly sound: boolean;
  /** Its mode and number of tasks are as the file means them. */
  readonly hasTasks: boolean;
  /** Its networks are as the file means them. */
  readonly hasNetworks: boolean;
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
  const before = report.found;
  const opened = openMap(withoutExtensions(value), composeEntries, place, report, unknownProperty);
  const root = opened ?? {};
  // What is missing may stand under a key that is misspelled.
  const isComplete = opened !== undefined && !hasUnknown(opened, composeEntries, isMap);
  const hasServices = isMap(root["services"]) || (root["services"] === undefined && isComplete);
  const namesAllNetworks = isMap(root["networks"]) || (root["networks"] === undefined && isComplete);
  tellTooNew(value, place, readVersion(root["version"], place.at("version"), report), report);
  for (const key of ["volumes", "secrets", "configs"])
    if (root[key] !== undefined) check(composeEntries[key]!, root[key], place.at(key), report, unknownProperty);
  const scope = (name: string): string => (stackName === undefined ? name : `${stackName}_${name}`);

  const declared = new Map<string, DeclaredNetwork>();
  const networkPlaces = new Map<string, NetworkPlaces>();
  const declare = (key: string, entry: unknown, at: Place): void => {
    const network = readNetwork(key, withoutExtensions(entry), at, scope, unknownProperty, report);
    const { fullName, places } = network;
    if (networkPlaces.has(fullName)) {
      report.error(places.name, `network with name ${fullName} already exists`, "key");
      declared.set(key, { ...network, overlay: undefined, sound: false, isNamed: false });
    } else {
      networkPlaces.set(fullName, places);
      declared.set(key, network);
    }
  };
  for (const [key, entry] of entriesOf(root["networks"], place.at("networks"), report))
    declare(key, entry, place.at("networks", key));

  const services: Service[] = [];
  const readings = new Map<string, ServiceReading>();
  const used = new Set<string>();
  for (const [key, entry] of entriesOf(root["services"], place.at("services"), report)) {
    const at = place.at("services", key);
    const name = scope(key);
    const beforeService = report.found;
    if (!isServiceName(name))
      report.error(
        at,
        `name must be valid as a DNS name component of at most 63 characters, found ${JSON.stringify(name)}`,
        "key",
      );
    const own = withoutExtensions(entry);
    const accepted = checkParts(serviceSchema, own, at, report, unknownProperty);
    warnOfIgnored(own, serviceSchema, at, report);
    if (accepted.value === undefined) {
      readings.set(name, { place: at, service: undefined, sound: false, hasTasks: false, hasNetworks: false });
      continue;
    }
    const isAttached = hasNetworks(own, accepted);
    const keys = networkKeys(own, isAttached);
    for (const [network] of keys) {
      used.add(network);
      if (network === DEFAULT_NETWORK && !declared.has(network)) declare(network, null, at);
    }
    const { joined, areAllKnown } = attachments(own, keys, at, declared, namesAllNetworks, report);
    const service = readService(name, own, accepted, joined, at, report);
    services.push(service);
    readings.set(name, {
      place: at,
      service,
      sound: report.found === beforeService,
      hasTasks: hasTasks(own, accepted),
      hasNetworks: isAttached && areAllKnown,
    });
  }
  // Who writes `services: {}` means it.
  if (root["services"] === undefined && hasServices) report.warn(place, "the stack has no services");
  refuseSharedPorts(services, readings, report);
  const areAllAttached = hasServices && [...readings.values()].every((each) => each.hasNetworks);

  const networks: OverlayNetwork[] = [];
  for (const [key, network] of declared) {
    const at = network.places.name;
    if (used.has(key)) {
      if (network.overlay !== undefined) networks.push(network.overlay);
    } else if (areAllAttached)
      report.warn(at, "no service uses this network, so docker stack deploy does not make it", "key");
  }
  return {
    stack: { services, networks },
    sound: report.found === before,
    services: hasServices ? readings : undefined,
    networks: networkPlaces,
    hasAllNetworks: areAllAttached && namesAllNetworks && [...declared.values()].every((network) => network.sound),
    namesAllNetworks: namesAllNetworks && [...declared.values()].every((network) => network.isNamed),
  };
}

/** A key of the service (of the map at `path` in it) that nobody knows holds such a value. */
function misspells(
  own: unknown,
  { unknown }: Accepted<ServiceFile>,
  path: Path,
  fits: (held: unknown) => boolean,
): boolean {
  let map = own;
  for (const step of path) map = isMap(map) ? map[step] : undefined;
  return unknown.some(
    (one) =>
      one.length === path.length + 1 &&
      path.every((step, index) => step === one[index]) &&
      isMap(map) &&
      fits(map[one.at(-1)!]),
  );
}

function isMissing(own: unknown, key: string): boolean {
  return !isMap(own) || own[key] === undefined;
}

/** Whether mode and number of the tasks are what somebody wanted, as far as is known. */
function hasTasks(own: unknown, accepted: Accepted<ServiceFile>): boolean {
  const deploy = accepted.value?.deploy;
  if (accepted.refused.some(([first, second, ...rest]) => first === "deploy" && isOfTasks(second, rest))) return false;
  if (isMissing(own, "deploy")) return !misspells(own, accepted, [], isMap);
  if (deploy?.mode === "global" || deploy?.mode === "global-job" || deploy?.replicas !== undefined) return true;
  return !misspells(own, accepted, ["deploy"], () => true);
}

function isOfTasks(key: Path[number] | undefined, rest: Path): boolean {
  return key === undefined || ((key === "mode" || key === "replicas") && rest.length === 0);
}

/** Whether the networks are those that somebody wanted, as far as is known. */
function hasNetworks(own: unknown, accepted: Accepted<ServiceFile>): boolean {
  if (isMissing(own, "networks")) return !misspells(own, accepted, [], (held) => typeof held === "object");
  return !accepted.refused.some(([key, at]) => key === "networks" && typeof at !== "string");
}

/** The service that comes first has the port, as if the services were made in this order. */
function refuseSharedPorts(
  services: readonly Service[],
  places: ReadonlyMap<string, ServiceReading>,
  report: Report,
): void {
  for (const [index, { name, ports }] of services.entries())
    for (const other of services.slice(0, ports.length === 0 ? 0 : index)) {
      const held = portConflict(ports, other.ports);
      if (held !== undefined)
        report.error(places.get(name)!.place.at("ports"), conflictMessage(held, `'${other.name}'`));
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

/** A network's key, and where it stands in `networks` of a service. */
type NetworkKey = readonly [key: string, at: string | number];

/** The networks that a service names, whatever else is wrong; the default one if it is known to name none. */
function networkKeys(service: unknown, isReadable: boolean): readonly NetworkKey[] {
  const networks = isMap(service) ? service["networks"] : undefined;
  const keys: [string, string | number][] = [];
  if (isMap(networks)) for (const key of Object.keys(networks)) keys.push([key, key]);
  else if (Array.isArray(networks))
    for (const [index, key] of networks.entries()) if (typeof key === "string") keys.push([key, index]);
  return keys.length === 0 && isReadable ? [[DEFAULT_NETWORK, 0]] : keys;
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

function readService(
  name: string,
  own: unknown,
  accepted: Accepted<ServiceFile>,
  joined: Attachments,
  place: Place,
  report: Report,
): Service {
  const file = accepted.value!;
  if (file.image === undefined && isMissing(own, "image") && !misspells(own, accepted, [], isText))
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
    if (text === undefined) continue;
    const reading = parseConstraint(text);
    if (!reading.ok)
      report.error(at.at("placement", "constraints", index), `${reading.message}, found ${describe(text)}`);
  }
  return {
    name,
    image: file.image ?? "",
    command: commandOf(own, file, place, report),
    mode: global ? "global" : "replicated",
    replicas: global ? 0 : (deploy?.replicas ?? 1),
    endpointMode,
    constraints: constraints.filter(isText),
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
    preferences: deploy?.placement?.preferences?.flatMap((each) => each?.spread ?? []),
  };
}

/** What the tasks run: the entry point, if it is not the image's, and the command. */
function commandOf(own: unknown, file: ServiceFile, place: Place, report: Report): readonly string[] | undefined {
  const words = (key: "entrypoint" | "command"): readonly string[] | undefined => {
    const value = file[key];
    if (value === undefined) return isMissing(own, key) ? undefined : [];
    if (typeof value !== "string") return value.filter(isText);
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
    if (text === undefined) continue;
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
  keys: readonly NetworkKey[],
  place: Place,
  declared: ReadonlyMap<string, DeclaredNetwork>,
  isAllDeclared: boolean,
  report: Report,
): { readonly joined: Attachments; readonly areAllKnown: boolean } {
  let areAllKnown = true;
  const names = new Set<string>();
  const aliases = new Map<string, readonly string[]>();
  const entries = isMap(service) && isMap(service["networks"]) ? service["networks"] : {};
  const seen = new Set<string>();
  for (const [key, segment] of keys) {
    const at = place.at("networks", segment);
    const network = declared.get(key);
    if (seen.has(key)) report.error(at, `the network ${key} is given twice`);
    seen.add(key);
    if (network === undefined || network.refused !== undefined) {
      areAllKnown = false;
      const message = network?.refused ?? `undefined network ${JSON.stringify(key)}${suggest(key, declared.keys())}`;
      if (network !== undefined || isAllDeclared) report.error(at, message, "key");
    } else {
      if (!network.isNamed) areAllKnown = false;
      names.add(network.fullName);
      const entry = Object.hasOwn(entries, key) ? entries[key] : undefined;
      const given = isMap(entry) && Array.isArray(entry["aliases"]) ? entry["aliases"].filter(isText) : [];
      if (given.length > 0) aliases.set(network.fullName, given);
    }
  }
  return { joined: { networks: [...names].sort(), aliases }, areAllKnown };
}
