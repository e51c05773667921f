/**
 * Ports of a node that lead to containers (libnetwork portallocator, portmapper; drivers/bridge/port_mapping.go): which
 * are taken at which of its addresses, and which one of a range is next.
 *
 * Not modelled: ports that programs on the node listen on, other than dockerd's own for the routing mesh.
 */
import { formatIpv4 } from "@hopscope/codec/address";
import type { PortMapping } from "./bridge-rules.ts";
import { Refusal } from "./docker-error.ts";
import type { Engine } from "./engine.ts";

/** `-p`: a port of the node that leads to one of the container. */
export interface PublishOption {
  readonly protocol: "tcp" | "udp" | "sctp";
  /** Address of the node, int32; absent or 0: all. */
  readonly hostIp?: number;
  /** 0: any free one. */
  readonly hostPort: number;
  /** Any from `hostPort` to here; absent: that one. */
  readonly lastHostPort?: number;
  readonly containerPort: number;
}

/** net.ipv4.ip_local_port_range */
const FIRST_EPHEMERAL = 32_768;
const LAST_EPHEMERAL = 60_999;

export class HostPorts {
  readonly #taken = new Set<string>();
  /** Of each range what was given last: the search goes on behind it, so that a port is not soon another's. */
  readonly #last = new Map<string, number>();

  /** `PROTOCOL/ADDRESS/PORT`, the address as a number. */
  get taken(): readonly string[] {
    return [...this.#taken];
  }

  /** The next free port of a range (RequestPortInRange, findPort); undefined: all are taken. */
  request(protocol: string, ip: number, first: number, last: number): number | undefined {
    const range = `${protocol}/${ip}/${first}-${last}`;
    const count = last - first + 1;
    const from = this.#last.get(range) ?? last;
    for (let step = 1; step <= count; step++) {
      const port = first + ((from - first + step) % count);
      const key = keyOf(protocol, ip, port);
      if (this.#taken.has(key)) continue;
      this.#taken.add(key);
      this.#last.set(range, port);
      return port;
    }
    return undefined;
  }

  release({ protocol, hostIp = 0, hostPort }: PortMapping): void {
    this.#taken.delete(keyOf(protocol, hostIp, hostPort));
  }

  /** Another address' mapping has a socket in the way: of all addresses, or any where all are wanted. */
  isBound(protocol: string, ip: number, port: number): boolean {
    if (ip !== 0) return this.#taken.has(keyOf(protocol, 0, port));
    const [head, tail] = [`${protocol}/`, `/${port}`];
    for (const key of this.#taken)
      if (key.startsWith(head) && key.endsWith(tail) && key !== keyOf(protocol, 0, port)) return true;
    return false;
  }
}

function keyOf(protocol: string, ip: number, port: number): string {
  return `${protocol}/${ip}/${port}`;
}

/** All of a container's ports, or none: throws a `DockerError`. `endpoint` is how the refusal names it. */
export function takePorts(engine: Engine, options: readonly PublishOption[], endpoint: string): PortMapping[] {
  const mappings: PortMapping[] = [];
  try {
    for (const option of inOrder(engine, options)) mappings.push(take(engine, option, endpoint));
  } catch (error) {
    for (const taken of mappings) engine.ports.release(taken);
    throw error;
  }
  return mappings;
}

function take(engine: Engine, option: PublishOption, endpoint: string): PortMapping {
  const { protocol, hostIp = 0, hostPort, lastHostPort = hostPort, containerPort } = option;
  const isAny = hostPort === 0;
  const [first, last] = isAny ? [FIRST_EPHEMERAL, LAST_EPHEMERAL] : [hostPort, lastHostPort];
  const address = formatIpv4(hostIp);
  for (;;) {
    const port = engine.ports.request(protocol, hostIp, first, last);
    if (port === undefined)
      throw first === last ? Refusal.portAllocated(endpoint, address, first) : Refusal.allPortsAllocated(endpoint);
    const mapping = { protocol, hostIp, hostPort: port, containerIp: 0, containerPort };
    if (!engine.ingress.holds(protocol, port) && !engine.ports.isBound(protocol, hostIp, port)) return mapping;
    engine.ports.release(mapping);
    // Only where nobody has named a port another one is tried.
    if (!isAny) throw Refusal.portHeld(endpoint, address, port, protocol, engine.version.filter !== "forward");
  }
}

/**
 * Up to 26 the highest first (nat.SortPortMap); then exact ports before ranges, the container's lowest first
 * (port_mapping_linux.go, cmpPortBindingReq).
 */
function inOrder({ version }: Engine, options: readonly PublishOption[]): readonly PublishOption[] {
  if (version.portOrder === "descending")
    return options.toSorted(
      (a, b) =>
        b.hostPort - a.hostPort ||
        b.containerPort - a.containerPort ||
        Number(b.protocol === "tcp") - Number(a.protocol === "tcp"),
    );
  const isRange = ({ hostPort, lastHostPort = hostPort }: PublishOption): boolean =>
    hostPort === 0 || hostPort !== lastHostPort;
  const rank = ({ protocol }: PublishOption): number => ["tcp", "udp", "sctp"].indexOf(protocol);
  return options.toSorted(
    (a, b) =>
      Number(isRange(a)) - Number(isRange(b)) ||
      a.containerPort - b.containerPort ||
      rank(a) - rank(b) ||
      a.hostPort - b.hostPort,
  );
}
