/** Which tasks there will be, as far as can be told while other things may be wrong. */
import type { PlacedTask } from "../swarm/placement.ts";
import { suggest } from "./diagnostic.ts";

export class TaskNames {
  /** Names of services, also of those that are wrong. */
  readonly #services: ReadonlySet<string>;
  /** Undefined if services or nodes are wrong, so that their tasks cannot be named. */
  readonly #tasks: ReadonlySet<string> | undefined;
  readonly #pending = new Set<string>();

  constructor(services: Iterable<string>, tasks: readonly PlacedTask[] | undefined) {
    this.#services = new Set(services);
    this.#tasks = tasks && new Set(tasks.map((task) => task.name));
    for (const { name, node } of tasks ?? []) if (node === undefined) this.#pending.add(name);
  }

  isPending(name: string): boolean {
    return this.#pending.has(name);
  }

  /** Why there is no such task, or undefined if there is one, or may be. */
  missing(name: string): string | undefined {
    if (this.#tasks?.has(name) === true) return undefined;
    // Docker's service names have no dots.
    const service = name.split(".", 1)[0]!;
    if (this.#tasks === undefined && this.#services.has(service)) return undefined;
    const near = suggest(name, this.#tasks ?? this.#services);
    return `there is no task ${JSON.stringify(name)}${near || listSome("tasks", this.#tasks ?? [])}`;
  }
}

/** `; the tasks are a, b, c …` */
export function listSome(what: string, names: Iterable<string>): string {
  const all = [...names];
  return all.length === 0 ? "" : `; the ${what} are ${all.slice(0, 8).join(", ")}${all.length > 8 ? " …" : ""}`;
}
