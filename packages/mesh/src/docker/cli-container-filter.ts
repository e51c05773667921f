/**
 * What `docker ps --filter` knows (moby daemon/list.go, includeContainerInList).
 *
 * Not modelled: volume, isolation; an image's layers: `ancestor` is the image's own name.
 */
import type { Container } from "../swarm/container.ts";
import { DockerError } from "../swarm/docker-error.ts";
import type { Call } from "./cli-call.ts";
import { type FilterKeys, filtered, filtersOf, hasLabel, matches } from "./cli-filter.ts";
import { hasPort } from "./cli-ports.ts";

const STATES = ["created", "restarting", "running", "removing", "paused", "exited", "dead"];
const TRUTH = ["true", "false", "1", "0"];

/** Of `items`, the newest first, those that `docker ps` shows. */
export function listedContainers(call: Call, items: readonly Container[]): readonly Container[] {
  const { words } = call;
  const wanted = filtersOf(words);
  const last = words.has("latest") ? 1 : Number(words.value("last") ?? -1);
  const isAll = words.has("all") || last > 0 || wanted.has("status");
  const before = bound(call, wanted.get("before"));
  const since = bound(call, wanted.get("since"));
  const age = new Map(items.map((container, index) => [container, items.length - index]));
  const keys: FilterKeys<Container> = {
    id: ({ id }, value) => matches(id, value),
    name: ({ name }, value) => matches(name, value.replace(/^\//, "")),
    label: ({ labels }, value) => hasLabel(labels, value),
    status: { values: STATES, fits: ({ state }, value) => state === value },
    exited: ({ state, exitCode }, value) => state === "exited" && exitCode === Number(value),
    health: {
      values: ["none", "starting", "healthy", "unhealthy"],
      fits: ({ health }, value) => (health ?? "none") === value,
    },
    "is-task": {
      values: TRUTH,
      fits: ({ options }, value) => (options.task !== undefined) === (value === "true" || value === "1"),
    },
    ancestor: ({ options }, value) => tagged(options.image) === tagged(value),
    network: (container, value) =>
      [...container.attachments.keys()].some(
        (name) => name === value || (value !== "" && call.engine.network(name)?.id.startsWith(value) === true),
      ),
    publish: ({ ports }, value) => hasPort(ports, "hostPort", value),
    expose: ({ ports }, value) => hasPort(ports, "containerPort", value),
    before: (container) => age.get(container)! < age.get(before!)!,
    since: (container) => age.get(container)! > age.get(since!)!,
  };
  const listed = filtered(words, items, keys).filter(({ state }) => isAll || state === "running");
  return last > 0 ? listed.slice(0, last) : listed;
}

/** The last that is named; throws a {@link DockerError} if there is none of that name. */
function bound(call: Call, names: readonly string[] | undefined): Container | undefined {
  const name = names?.at(-1);
  if (name === undefined) return undefined;
  const found = call.engine.container(name);
  if (found === undefined) throw new DockerError(`No such container: ${name}`);
  return found;
}

function tagged(image: string): string {
  return /[:@][^/]*$/.test(image) ? image : `${image}:latest`;
}
