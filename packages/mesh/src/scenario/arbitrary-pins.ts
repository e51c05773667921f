/** Reads `pins`: choices that are arbitrary in reality, beside placements and addresses. */
import { check, isMap, list, openMap, type Schema } from "./check.ts";
import { describe, type Place, type Report, suggest } from "./diagnostic.ts";
import {
  answers,
  encryptionPin,
  identifier,
  identifiers,
  namespaceName,
  networkList,
  pinEntries,
  portNumber,
  taskNodes,
  taskOrder,
} from "./pin-schema.ts";
import type { Pins } from "./scenario.ts";
import { listSome, type TaskNames } from "./tasks.ts";
import { mac, text } from "./values.ts";

interface Reading {
  readonly place: Place;
  readonly report: Report;
}

/** `names` undefined: the stack cannot be read, so any task may be. */
export function readPins(
  value: unknown,
  place: Place,
  names: TaskNames | undefined,
  nodes: ReadonlySet<string>,
  report: Report,
): Pins {
  const keys = value === undefined ? {} : (openMap(value, pinEntries, place, report) ?? {});
  const read = <T>(key: string, schema: Schema<T>): Map<string, T> =>
    readEach(keys[key], { place: place.at(key), report }, (held, at) => check(schema, held, at, report));
  const known = <T>(key: string, pins: Map<string, T>): Map<string, T> => {
    for (const name of pins.keys()) {
      const missing = names?.missing(name);
      if (missing !== undefined) report.error(place.at(key, name), missing, "key");
    }
    return pins;
  };
  const tasks = known("tasks", read("tasks", identifiers));
  const placed = known("nodes", read("nodes", taskNodes));
  for (const [task, found] of placed)
    for (const node of typeof found === "string" ? [found] : found)
      if (nodes.size > 0 && !nodes.has(node))
        report.error(
          place.at("nodes", task),
          `there is no node ${JSON.stringify(node)}${suggest(node, nodes) || listSome("nodes", nodes)}`,
        );
  const ports = readEach(keys["ports"], { place: place.at("ports"), report }, (held, at) =>
    readEach(held, { place: at, report }, (number, here) => check(portNumber, number, here, report)),
  );
  const balancing = readEach(keys["balancing"], { place: place.at("balancing"), report }, (held, at) =>
    readEach(held, { place: at, report }, (order, here) => {
      const found = check(taskOrder, order, here, report);
      const tasks = typeof found === "string" ? [found] : found;
      for (const task of tasks ?? []) {
        const missing = names?.missing(task);
        if (missing !== undefined) report.error(here, missing);
      }
      return tasks;
    }),
  );
  const macs = read("macs", mac);
  for (const [key, pins] of Object.entries({ ports, balancing, macs })) {
    for (const namespace of pins.keys()) {
      const node = namespace.split("/", 1)[0]!;
      if (nodes.size > 0 && !nodes.has(node))
        report.error(
          place.at(key, namespace),
          `there is no node ${JSON.stringify(node)}${suggest(node, nodes) || listSome("nodes", nodes)}`,
          "key",
        );
    }
  }
  const encryption =
    keys["encryption"] === undefined
      ? undefined
      : check(encryptionPin, keys["encryption"], place.at("encryption"), report);
  return {
    containers: known("containers", read("containers", identifier)),
    tasks: new Map(Array.from(tasks, ([name, ids]) => [name, typeof ids === "string" ? [ids] : ids])),
    nodes: new Map(Array.from(placed, ([name, found]) => [name, typeof found === "string" ? [found] : found])),
    networks: read("networks", identifier),
    dns: read("dns", answers),
    interfaces: known("interfaces", read("interfaces", networkList)),
    namespaces: read("namespaces", namespaceName),
    macs,
    ports,
    balancing,
    turns: read("turns", list(text("a task such as web.1"))),
    keys: { values: encryption?.keys ?? [], firstTag: encryption?.first_tag },
  };
}

function readEach<T>(
  value: unknown,
  { place, report }: Reading,
  read: (held: unknown, at: Place) => T | undefined,
): Map<string, T> {
  const map = new Map<string, T>();
  if (value === undefined) return map;
  if (!isMap(value)) {
    report.error(place, `expected a map, found ${describe(value)}`);
    return map;
  }
  for (const [key, held] of Object.entries(value)) {
    const found = read(held, place.at(key));
    if (found !== undefined) map.set(key, found);
  }
  return map;
}
