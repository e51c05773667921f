/**
 * Numbers of ports that services publish in the routing mesh without naming one (swarmkit manager/allocator,
 * portallocator.go): for each protocol the next free one behind the last that was given. Those of hosts are drawn by the
 * nodes.
 */
import type { PublishedPort, Service } from "../scenario/scenario.ts";
import { Refusal } from "./docker-error.ts";
import type { ServiceState } from "./service.ts";

/** dynamicPortStart, dynamicPortEnd */
const FIRST = 30_000;
const LAST = 32_767;

export class PortAllocator {
  /** Protocol to where the search begins. */
  readonly #next = new Map<string, number>();

  /**
   * Ports of a service, none of which is 0 in the mesh; throws a `DockerError`. `itself`: the service that is changed.
   * It keeps the number of a port that goes on to the same target, if it has as many ports as before
   * (reconcilePortConfigs).
   */
  give(services: Iterable<ServiceState>, { ports }: Service, itself?: ServiceState): readonly PublishedPort[] {
    if (ports.every((port) => port.mode === "host" || port.published !== 0)) return ports;
    const held = new Set<string>();
    for (const service of services) if (service !== itself) hold(held, service.ports);
    hold(held, ports);
    const own = itself?.ports.length === ports.length ? itself.ports.filter(({ mode }) => mode === "ingress") : [];
    const kept = ports.map((port) => {
      if (!isUnnumbered(port)) return port;
      const before = own.find(
        (each) => each.protocol === port.protocol && each.target === port.target && !held.has(keyOf(each)),
      );
      if (before === undefined) return port;
      hold(held, [before]);
      return { ...port, published: before.published };
    });
    return kept.map((port) => {
      if (!isUnnumbered(port)) return port;
      const given = { ...port, published: this.#take(port.protocol, held) };
      hold(held, [given]);
      return given;
    });
  }

  #take(protocol: string, held: ReadonlySet<string>): number {
    const count = LAST - FIRST + 1;
    const from = this.#next.get(protocol) ?? FIRST;
    for (let step = 0; step < count; step++) {
      const published = FIRST + ((from - FIRST + step) % count);
      if (held.has(`${protocol}/${published}`)) continue;
      this.#next.set(protocol, published + 1);
      return published;
    }
    throw Refusal.noDynamicPort();
  }
}

function isUnnumbered({ mode, published }: PublishedPort): boolean {
  return mode === "ingress" && published === 0;
}

function hold(held: Set<string>, ports: readonly PublishedPort[]): void {
  for (const port of ports) if (port.mode === "ingress" && port.published !== 0) held.add(keyOf(port));
}

function keyOf({ protocol, published }: PublishedPort): string {
  return `${protocol}/${published}`;
}
