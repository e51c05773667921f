/** The namespace that a scenario names: of a machine, of an overlay, of a task or container. */
import type { Mesh } from "./build.ts";
import type { Netns } from "./netns.ts";
import { UsageError } from "./program/program.ts";
import { suggest } from "./scenario/diagnostic.ts";
import type { NamespacePlace } from "./scenario/step.ts";
import { listSome } from "./scenario/tasks.ts";

/** Throws a {@link UsageError} if it is not there at this moment. */
export function namespaceAt(mesh: Mesh, { node, namespace }: NamespacePlace): Netns {
  // A container in the machine's own namespace, or a task by its whole name.
  const named = mesh.docker?.find(namespace)?.netns;
  if (named?.node.name === node) return named;
  const namespaces = mesh.nodes.get(node)?.namespaces;
  if (namespaces === undefined) {
    const machines = [...mesh.machines.keys()];
    throw new UsageError(`there is no machine ${node}${suggest(node, machines) || listSome("machines", machines)}`);
  }
  const netns = namespaces.get(namespace);
  if (netns !== undefined) return netns;
  const names = [...namespaces.keys()];
  const hint = suggest(namespace, names) || listSome("namespaces there", names);
  throw new UsageError(`there is no namespace ${namespace} on ${node}${hint}`);
}
