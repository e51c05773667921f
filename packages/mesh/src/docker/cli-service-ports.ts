/** Published ports as `docker service create` and `update` are told them (docker/cli opts/port.go, service/update.go). */
import { UsageError } from "../program/program.ts";
import type { PublishedPort } from "../scenario/scenario.ts";
import { readPublish } from "./cli-containers.ts";
import type { Words } from "./cli-options.ts";

/** `8080:80[/udp]`, or `published=8080,target=80,protocol=tcp,mode=host`. */
export function readServicePort(text: string): PublishedPort {
  if (!text.includes("=")) {
    const { protocol, hostPort, containerPort } = readPublish(text);
    return { mode: "ingress", protocol, target: containerPort, published: hostPort };
  }
  const fields = new Map(text.split(",").map((part) => part.split("=", 2) as [string, string]));
  const target = Number(fields.get("target"));
  const published = Number(fields.get("published") ?? 0);
  const protocol = fields.get("protocol") ?? "tcp";
  const mode = fields.get("mode") ?? "ingress";
  if (!Number.isInteger(target) || target <= 0 || !Number.isInteger(published) || !/^(?:tcp|udp|sctp)$/.test(protocol))
    throw new UsageError(`invalid argument "${text}" for "-p, --publish" flag: missing mandatory field "target"`);
  if (mode !== "ingress" && mode !== "host")
    throw new UsageError(
      `invalid argument "${text}" for "-p, --publish" flag: invalid publish mode value (${mode}): must be either ingress or host`,
    );
  return { mode, protocol: protocol as PublishedPort["protocol"], target, published };
}

/** updatePorts: what is taken away is known by its target, protocol and mode. */
export function updatedPorts(ports: readonly PublishedPort[], words: Words): readonly PublishedPort[] {
  const removed = words.all("publish-rm").map(readServicePort);
  const added = words.all("publish-add").map(readServicePort);
  if (removed.length + added.length === 0) return ports;
  const isRemoved = ({ mode, protocol, target }: PublishedPort): boolean =>
    removed.some((each) => each.mode === mode && each.protocol === protocol && each.target === target);
  const before = new Set(ports.map(textOf));
  const changed = [...ports.filter((port) => !isRemoved(port)), ...added.filter((port) => !before.has(textOf(port)))];
  return changed.toSorted((a, b) => (textOf(a) < textOf(b) ? -1 : 1));
}

/** portConfigToString */
function textOf({ mode, protocol, target, published }: PublishedPort): string {
  return `${published}:${target}/${protocol}/${mode}`;
}
