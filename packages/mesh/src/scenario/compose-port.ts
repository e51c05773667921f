/**
 * Reads published ports of a stack file, short and long form (docker/cli cli/compose/loader, toServicePortConfigs;
 * convert/service.go), into the order in which `docker stack deploy` sends them.
 */
import type { PortFile } from "./compose-schema.ts";
import { describe, type Place, type Report } from "./diagnostic.ts";
import { parsePortSpec, PORT_PROTOCOLS, type PortSpec, PortSpecError } from "./port-spec.ts";
import type { PublishedPort } from "./scenario.ts";

export function readPorts(
  ports: readonly (string | number | PortFile | undefined)[],
  endpointMode: "vip" | "dnsrr",
  place: Place,
  report: Report,
): readonly PublishedPort[] {
  const all: PublishedPort[] = [];
  for (const [index, port] of ports.entries()) {
    if (port === undefined) continue;
    const at = place.at(index);
    const read = typeof port === "object" ? readLong(port, at, report) : readShort(String(port), at, report);
    for (const one of read) {
      if (one.mode === "ingress" && endpointMode === "dnsrr")
        report.error(at, "EndpointSpec: port published with ingress mode can't be used with dnsrr mode");
      const other = all.find((each) => isSame(each, one));
      if (other !== undefined && one.published !== 0)
        report.error(at, `duplicate published port ${one.published}/${one.protocol} provided`);
      all.push(one);
    }
  }
  // convert/service.go, convertEndpointSpec
  return all.sort((a, b) => a.published - b.published);
}

/** swarmkit controlapi validateEndpointSpec: the same port twice, in whatever mode. */
function isSame(a: PublishedPort, b: PublishedPort): boolean {
  return a.published === b.published && a.protocol === b.protocol;
}

function readLong(port: PortFile, place: Place, report: Report): readonly PublishedPort[] {
  const named = PORT_PROTOCOLS.find((known) => known === (port.protocol ?? "tcp").toLowerCase());
  // daemon/cluster/convert: a word that is no protocol is the first of the list.
  if (named === undefined) report.warn(place.at("protocol"), `${describe(port.protocol)} is no protocol: taken as tcp`);
  if (port.target === undefined || port.target === 0) {
    report.warn(place, "there is no target port: nothing is published");
    return [];
  }
  return [
    { mode: port.mode ?? "ingress", protocol: named ?? "tcp", target: port.target, published: port.published ?? 0 },
  ];
}

/** A range of ports of the node for one of the task is a port for each. */
function readShort(text: string, place: Place, report: Report): readonly PublishedPort[] {
  let specs: readonly PortSpec[];
  try {
    specs = parsePortSpec(text);
  } catch (error) {
    if (!(error instanceof PortSpecError)) throw error;
    report.error(place, error.message);
    return [];
  }
  const address = specs[0]?.hostAddress;
  if (address !== undefined && !/^[0.:]+$/.test(address))
    report.warn(place, `ignoring IP-address (${text}) service will listen on '0.0.0.0'`);
  // loader.go, toServicePortConfigs: sorted as text.
  const sorted = specs.toSorted((a, b) => (String(a.containerPort) < String(b.containerPort) ? -1 : 1));
  return sorted.flatMap(toPortConfigs);
}

/** opts.ConvertPortToPortConfig */
export function toPortConfigs({ protocol, containerPort, host }: PortSpec): readonly PublishedPort[] {
  const { first, last } = host ?? { first: 0, last: 0 };
  return Array.from({ length: last - first + 1 }, (_, index) => ({
    mode: "ingress",
    protocol,
    target: containerPort,
    published: first + index,
  }));
}
