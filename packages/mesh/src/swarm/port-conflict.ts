/** Which ports two services cannot publish at the same time (swarmkit manager/controlapi, checkPortConflicts). */
import type { PublishedPort } from "../scenario/scenario.ts";

/** The port of `existing` that keeps a service from publishing `wanted`. In host mode on both sides the scheduler decides. */
export function portConflict(
  wanted: readonly PublishedPort[],
  existing: readonly PublishedPort[],
): PublishedPort | undefined {
  return existing.find(
    (held) =>
      held.published !== 0 &&
      wanted.some(
        (port) =>
          port.published === held.published &&
          port.protocol === held.protocol &&
          (port.mode === "ingress" || held.mode === "ingress"),
      ),
  );
}

/** The same port twice in one service, in whatever mode (validateEndpointSpec). */
export function hasDuplicates(ports: readonly PublishedPort[]): boolean {
  const numbered = ports.filter(({ published }) => published !== 0);
  return new Set(numbered.map(({ published, protocol }) => `${published}/${protocol}`)).size < numbered.length;
}

/** Docker's words for it; `service` is the one that has the port. */
export function conflictMessage({ published, mode }: PublishedPort, service: string): string {
  const how = mode === "ingress" ? "an ingress port" : "a host-published port";
  return `port '${published}' is already in use by service ${service} as ${how}`;
}
