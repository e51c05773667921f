/** Column PORTS of `docker service ls` (docker/cli service/formatter.go, serviceContext.Ports). */
import type { PublishedPort } from "../scenario/scenario.ts";

/** Ports in a row, at the node and at the task. */
interface PortRange {
  readonly protocol: string;
  readonly published: number;
  readonly target: number;
  lastPublished: number;
  lastTarget: number;
}

/** Those of the routing mesh, sorted; what is consecutive on both sides as a range. */
export function portsText(ports: readonly PublishedPort[]): string {
  const sorted = ports.toSorted(
    (a, b) => (a.protocol < b.protocol ? -1 : a.protocol > b.protocol ? 1 : 0) || a.published - b.published,
  );
  const ranges: PortRange[] = [];
  for (const { mode, protocol, published, target } of sorted) {
    if (mode !== "ingress") continue;
    const range = ranges.at(-1);
    const isRange = range !== undefined && range.lastTarget !== range.target;
    if (
      range === undefined ||
      range.protocol !== protocol ||
      published - range.lastPublished > 1 ||
      target < range.lastTarget ||
      target - range.lastTarget > 1 ||
      (isRange && target === range.lastTarget)
    )
      ranges.push({ protocol, published, target, lastPublished: published, lastTarget: target });
    else {
      range.lastPublished = published;
      range.lastTarget = target;
    }
  }
  return ranges.map(rangeText).join(", ");
}

function rangeText({ protocol, published, target, lastPublished, lastTarget }: PortRange): string {
  const span = (first: number, last: number): string => (first === last ? String(first) : `${first}-${last}`);
  return `*:${span(published, lastPublished)}->${span(target, lastTarget)}/${protocol}`;
}
