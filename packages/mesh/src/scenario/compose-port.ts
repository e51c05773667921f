/**
 * Reads published ports, short and long form (go-connections nat.ParsePortSpec, docker/cli opts.ConvertPortToPortConfig).
 * A range publishes one port after the other.
 */
import type { PortFile } from "./compose-schema.ts";
import { describe, type Place, type Report } from "./diagnostic.ts";
import type { PublishedPort } from "./scenario.ts";

const MAX_PORT = 65_535;
const PROTOCOLS = ["tcp", "udp", "sctp"] as const;

export function readPorts(
  ports: readonly (string | number | PortFile)[],
  endpointMode: "vip" | "dnsrr",
  place: Place,
  report: Report,
): readonly PublishedPort[] {
  const all: PublishedPort[] = [];
  for (const [index, port] of ports.entries()) {
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
  return all;
}

/** swarmkit controlapi validateEndpointSpec: the same port twice, in whatever mode. */
function isSame(a: PublishedPort, b: PublishedPort): boolean {
  return a.published === b.published && a.protocol === b.protocol;
}

function readLong(port: PortFile, place: Place, report: Report): readonly PublishedPort[] {
  const named = PROTOCOLS.find((known) => known === (port.protocol ?? "tcp").toLowerCase());
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

/** `[[ADDRESS:]PUBLISHED:]TARGET[/PROTOCOL]`; the schema has seen to the form. */
function readShort(text: string, place: Place, report: Report): readonly PublishedPort[] {
  const [, address, outer = "", inner = "", suffix] =
    /^(?:(\d+\.[\d.]+|\[[\da-f:.]+\]):)?(?:((?:\d{1,5}(?:-\d{1,5})?)?):)?(\d{1,5}(?:-\d{1,5})?)(?:\/(\w+))?$/i.exec(
      text,
    ) ?? [];
  const protocol = PROTOCOLS.find((known) => known === (suffix ?? "tcp").toLowerCase());
  const targets = rangeOf(inner);
  const published = outer === "" ? undefined : rangeOf(outer);
  if (protocol === undefined || targets === undefined || (outer !== "" && published === undefined)) {
    report.error(place, `Invalid containerPort: ${inner}, expected ports from 1 to ${MAX_PORT}`);
    return [];
  }
  if (published !== undefined && targets.length === 1 && published.length > 1)
    return published.map((port) => ({ mode: "ingress", protocol, target: targets[0]!, published: port }));
  if (published !== undefined && published.length !== targets.length) {
    report.error(place, `Invalid ranges specified for container and host Ports: ${inner} and ${outer}`);
    return [];
  }
  if (address !== undefined) report.warn(place, `ignoring IP-address (${text}) service will listen on '0.0.0.0'`);
  return targets.map((target, index) => ({ mode: "ingress", protocol, target, published: published?.[index] ?? 0 }));
}

/** The ports of `80` or `8000-8003`. */
function rangeOf(text: string): readonly number[] | undefined {
  const [first = Number.NaN, last = first] = text.split("-").map(Number);
  if (!(first >= 1 && last >= first && last <= MAX_PORT)) return undefined;
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
