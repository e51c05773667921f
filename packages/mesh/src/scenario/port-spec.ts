/**
 * Published ports as people write them, `[[ADDRESS:]HOST:]CONTAINER[/PROTOCOL]`, each side perhaps a range
 * (go-connections nat/nat.go, ParsePortSpec). The words are those of Docker 28; older clients begin them in upper case.
 */
import { parseIpv4, parseIpv6 } from "@hopscope/codec/address";

export const PORT_PROTOCOLS = ["tcp", "udp", "sctp"] as const;
export type PortProtocol = (typeof PORT_PROTOCOLS)[number];

const MAX_PORT = 65_535;

/** First and last, both included. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** One port of a container. */
export interface PortSpec {
  readonly protocol: PortProtocol;
  readonly containerPort: number;
  /** As written, without brackets; undefined: any. */
  readonly hostAddress: string | undefined;
  /** Undefined: any; a range: any of it. */
  readonly host: PortRange | undefined;
}

export class PortSpecError extends Error {}

/** A port or a range for each port; throws a {@link PortSpecError}. */
export function parsePortSpec(text: string): readonly PortSpec[] {
  const parts = text.split(":");
  const [ports = "", protocolText] = parts.at(-1)!.split("/");
  const hostText = parts.at(-2) ?? "";
  if (ports === "") throw new PortSpecError(`no port specified: ${text}<empty>`);
  const protocol = PORT_PROTOCOLS.find((known) => known === (protocolText || "tcp").toLowerCase());
  if (protocol === undefined) throw new PortSpecError(`invalid proto: ${protocolText}`);
  const hostAddress = readAddress(parts.slice(0, -2).join(":"));
  const container = parsePortRange(ports);
  if (container === undefined || container.first === 0) throw new PortSpecError(`invalid containerPort: ${ports}`);
  const host = hostText === "" ? undefined : parsePortRange(hostText);
  if (hostText !== "" && host === undefined) throw new PortSpecError(`invalid hostPort: ${hostText}`);
  const count = container.last - container.first + 1;
  if (host !== undefined && count > 1 && host.last - host.first + 1 !== count)
    throw new PortSpecError(`invalid ranges specified for container and host Ports: ${ports} and ${hostText}`);
  return Array.from({ length: count }, (_, index) => ({
    protocol,
    containerPort: container.first + index,
    hostAddress,
    host: host === undefined || count === 1 ? host : { first: host.first + index, last: host.first + index },
  }));
}

function readAddress(text: string): string | undefined {
  if (text === "") return undefined;
  const address = /^\[(.*)\]$/.exec(text)?.[1] ?? text;
  if (parseIpv4(address) === undefined && parseIpv6(address) === undefined)
    throw new PortSpecError(`invalid IP address: ${address}`);
  return address;
}

/** `80` or `8000-8003`; undefined if it is neither (nat/parse.go, ParsePortRange). */
export function parsePortRange(text: string): PortRange | undefined {
  const [first = Number.NaN, last = first] = text.split("-").map((part) => (/^\d+$/.test(part) ? Number(part) : NaN));
  return first <= last && last <= MAX_PORT ? { first, last } : undefined;
}
