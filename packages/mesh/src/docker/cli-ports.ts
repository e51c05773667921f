/**
 * Published ports of containers: as `docker run -p` takes them (docker/cli cli/command/container/opts.go,
 * convertToStandardNotation), and as `docker ps`, `port` and `inspect` print them (cli/command/formatter/container.go,
 * DisplayablePorts).
 */
import { formatIpv4, parseIpv4 } from "@hopscope/codec/address";
import { UsageError } from "../program/program.ts";
import { parsePortSpec, PortSpecError } from "../scenario/port-spec.ts";
import type { PortMapping } from "../swarm/bridge-rules.ts";
import type { Container } from "../swarm/container.ts";
import type { PublishOption } from "../swarm/host-ports.ts";
import type { Version } from "../swarm/version.ts";
import type { Call } from "./cli-call.ts";

/** `-p`, short form or `published=8080,target=80,protocol=udp`; throws a {@link UsageError} in the client's words. */
export function readPublish(text: string, version: Version): readonly PublishOption[] {
  try {
    return parsePortSpec(standardNotation(text)).map(({ protocol, hostAddress, host, containerPort }) => {
      const hostIp = hostAddress === undefined ? 0 : parseIpv4(hostAddress);
      if (hostIp === undefined) throw new UsageError(`-p ${text}: there is no IPv6 here`);
      return {
        protocol,
        hostIp,
        hostPort: host?.first ?? 0,
        ...(host === undefined ? {} : { lastHostPort: host.last }),
        containerPort,
      };
    });
  } catch (error) {
    if (!(error instanceof PortSpecError)) throw error;
    throw new UsageError(version.filter === "forward" ? capital(error.message) : error.message);
  }
}

function standardNotation(text: string): string {
  if (!text.includes("=")) return text;
  const fields = new Map([["protocol", "tcp"]]);
  for (const part of text.split(",")) {
    const [key = "", value] = part.split("=");
    if (value === undefined)
      throw new UsageError(`invalid publish opts format (should be name=value but got '${part}')`);
    fields.set(key, value);
  }
  return `${fields.get("published") ?? ""}:${fields.get("target") ?? ""}/${fields.get("protocol")}`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

interface Shown {
  readonly address: string;
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: string;
}

/** A port of all addresses is one of IPv6's, too. */
function shownPorts({ ports }: Container): readonly Shown[] {
  return ports.flatMap(({ hostIp = 0, hostPort, containerPort, protocol }) =>
    (hostIp === 0 ? ["0.0.0.0", "[::]"] : [formatIpv4(hostIp)]).map((address) => ({
      address,
      hostPort,
      containerPort,
      protocol,
    })),
  );
}

function compare(a: Shown, b: Shown): number {
  return (
    a.containerPort - b.containerPort ||
    Number(a.address > b.address) - Number(a.address < b.address) ||
    a.hostPort - b.hostPort ||
    Number(a.protocol > b.protocol) - Number(a.protocol < b.protocol)
  );
}

/** Ports that are the same inside and out, and in a row, as a range before all others. */
export function portsText(container: Container): string {
  const groups = new Map<string, { first: number; last: number }>();
  const ranges: string[] = [];
  const others: string[] = [];
  const groupText = (key: string, { first, last }: { first: number; last: number }): string => {
    const [address, protocol] = key.split("/");
    const span = first === last ? String(first) : `${first}-${last}`;
    return `${address}:${span}->${span}/${protocol}`;
  };
  for (const { address, hostPort, containerPort, protocol } of shownPorts(container).toSorted(compare)) {
    if (hostPort !== containerPort) {
      others.push(`${address}:${hostPort}->${containerPort}/${protocol}`);
      continue;
    }
    const key = `${address}/${protocol}`;
    const group = groups.get(key);
    if (group !== undefined && containerPort === group.last + 1) {
      group.last = containerPort;
      continue;
    }
    if (group !== undefined) ranges.push(groupText(key, group));
    groups.set(key, { first: containerPort, last: containerPort });
  }
  return [...ranges, ...Array.from(groups, ([key, group]) => groupText(key, group)), ...others].join(", ");
}

/** `NetworkSettings.Ports` */
export function portsJson(container: Container): object {
  const byPort: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const { address, hostPort, containerPort, protocol } of shownPorts(container))
    (byPort[`${containerPort}/${protocol}`] ??= []).push({
      HostIp: address.replaceAll(/[[\]]/g, ""),
      HostPort: String(hostPort),
    });
  return byPort;
}

/** `docker port CONTAINER [PORT[/PROTOCOL]]` */
export function port(call: Call): number {
  const [name = "", wanted] = call.words.rest;
  const container = call.container(name);
  const shown = shownPorts(container).toSorted(compare);
  const keyOf = ({ containerPort, protocol }: Shown): string => `${containerPort}/${protocol}`;
  if (wanted === undefined) {
    for (const each of shown) call.print(`${keyOf(each)} -> ${each.address}:${each.hostPort}`);
    return 0;
  }
  const key = wanted.includes("/") ? wanted : `${wanted}/tcp`;
  const found = shown.filter((each) => keyOf(each) === key);
  if (found.length === 0) {
    call.print(`Error: No public port '${key}' published for ${name}`);
    return 1;
  }
  for (const each of found) call.print(`${each.address}:${each.hostPort}`);
  return 0;
}

/** `PublishedPort` of a container's filter: `8080`, `8080/udp`, `8080-8090`. */
export function hasPort(ports: readonly PortMapping[], side: "hostPort" | "containerPort", text: string): boolean {
  const [range = "", protocol = "tcp"] = text.split("/");
  const [first = Number.NaN, last = first] = range.split("-").map(Number);
  return ports.some((each) => each.protocol === protocol && each[side] >= first && each[side] <= last);
}
