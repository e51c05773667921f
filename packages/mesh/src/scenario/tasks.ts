/** Which tasks and containers there will be, as far as can be told while other things may be wrong. */
import type { PlacedTask } from "../swarm/placement.ts";
import { suggest } from "./diagnostic.ts";

/** `web.1.ljadiuw31rn7wz89dznbwr8an`: a task's container is called so in full. */
const TASK_ID = /\.[a-z0-9]{25}$/;

export class TaskNames {
  /** Names of services, also of those that are wrong. */
  readonly #services: ReadonlySet<string>;
  /** Undefined if services or nodes are wrong, so that their tasks cannot be named. */
  readonly #tasks: ReadonlySet<string> | undefined;
  readonly #pending = new Set<string>();
  /** What the run's commands make. */
  readonly #made = new Set<string>();
  readonly #madeServices = new Set<string>();
  readonly #madeNetworks = new Set<string>();

  constructor(services: Iterable<string>, tasks: readonly PlacedTask[] | undefined) {
    this.#services = new Set(services);
    this.#tasks = tasks && new Set(tasks.map((task) => task.name));
    for (const { name, node } of tasks ?? []) if (node === undefined) this.#pending.add(name);
  }

  /** A command has made a task or container of that name. */
  add(name: string): void {
    this.#made.add(name);
  }

  addService(name: string): void {
    this.#madeServices.add(name);
  }

  addNetwork(name: string): void {
    this.#madeNetworks.add(name);
  }

  /** It is a task, container or service that a command made. */
  isMade(name: string): boolean {
    return this.#made.has(name) || this.#madeServices.has(name);
  }

  isMadeNetwork(name: string): boolean {
    return this.#madeNetworks.has(name);
  }

  isPending(name: string): boolean {
    return this.#pending.has(name) && !this.#made.has(name);
  }

  /** Why there is no such task or container, or undefined if there is one, or may be. */
  missing(given: string): string | undefined {
    const name = given.replace(TASK_ID, "");
    if (this.#tasks?.has(name) === true || this.#made.has(name)) return undefined;
    // Docker's service names have no dots.
    const service = name.split(".", 1)[0]!;
    if (this.#tasks === undefined && this.#services.has(service)) return undefined;
    const known = [...(this.#tasks ?? this.#services), ...this.#made];
    return `there is no task or container ${JSON.stringify(given)}${suggest(name, known) || listSome("tasks", known)}`;
  }
}

/** `; the tasks are a, b, c …` */
export function listSome(what: string, names: Iterable<string>): string {
  const all = [...names];
  return all.length === 0 ? "" : `; the ${what} are ${all.slice(0, 8).join(", ")}${all.length > 8 ? " …" : ""}`;
}
