/** What `inspect` prints: a command asked in a namespace at one moment of a run. */
import type { Mesh } from "../build.ts";
import { namespaceAt } from "../namespace-at.ts";
import { look, type Look } from "../program/look.ts";
import { type Environment, UsageError } from "../program/program.ts";
import { programOf } from "../program/shell.ts";
import type { NamespacePlace } from "../scenario/step.ts";
import { LOOKS, onlyLooks } from "./only-looks.ts";

/** The machine's own tools, whatever the namespace has. */
const USERLAND = "debian";

/** Throws a {@link UsageError} if the command cannot be used to look. */
export function checkLook(argv: readonly string[]): void {
  programOf(argv, USERLAND);
  if (!onlyLooks(argv))
    throw new UsageError(`${argv.join(" ")} does more than look; what can be asked at any moment is ${LOOKS}`);
}

/**
 * Asks in a namespace of a machine; in a container's, the files are the container's. Throws a {@link UsageError} if that
 * cannot be asked, or not there.
 */
export function lookAt(mesh: Mesh, place: NamespacePlace, argv: readonly string[]): Look {
  checkLook(argv);
  const environment = environmentAt(mesh, place);
  // Ages are counted up to now.
  environment.netns.node.softnet.enter(mesh.simulator.now);
  return look(environment, argv);
}

function environmentAt(mesh: Mesh, place: NamespacePlace): Environment {
  const netns = namespaceAt(mesh, place);
  const { node } = netns;
  const found = mesh.docker?.find(place.namespace);
  const files = (found?.netns === netns ? found : mesh.machines.get(place.node))?.files ?? new Map<string, string>();
  return { netns, hostname: found?.hostname ?? node.name, files, mesh, userland: USERLAND };
}
