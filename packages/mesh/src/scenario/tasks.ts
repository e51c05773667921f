/** Which tasks and containers there will be, as far as can be told while other things may be wrong. */
import { suggest } from "./diagnostic.ts";

/** `web.1.ljadiuw31rn7wz89dznbwr8an`: a task's container is called so in full. */
const TASK_ID = /\.[a-z0-9]{25}$/;

export class TaskNames {
  readonly #tasks = new Set<string>();
  /** Services whose tasks cannot be named. */
  readonly #unnamed = new Set<string>();
  readonly #pending: ReadonlySet<string>;
  /** What the run's commands make. */
  readonly #made = new Set<string>();
  readonly #madeServices = new Set<string>();
  readonly #madeNetworks = new Set<string>();

  /** `services`: names to those of their tasks; undefined if something is wrong with what decides them. */
  constructor(services: Iterable<readonly [string, readonly string[] | undefined]>, pending: Iterable<string>) {
    for (const [service, tasks] of services) {
      if (tasks === undefined) this.#unnamed.add(service);
      for (const task of tasks ?? []) this.#tasks.add(task);
    }
    this.#pending = new Set(pending);
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
    if (this.#tasks.has(name) || this.#made.has(name)) return undefined;
    // Docker's service names have no dots.
    if (this.#unnamed.has(name.split(".", 1)[0]!)) return undefined;
    const known = [...this.#tasks, ...this.#unnamed, ...this.#made];
    return `there is no task or container ${JSON.stringify(given)}${suggest(name, known) || listSome("tasks", known)}`;
  }
}

/** `; the tasks are a, b, c …` */
export function listSome(what: string, names: Iterable<string>): string {
  const all = [...names];
  return all.length === 0 ? "" : `; the ${what} are ${all.slice(0, 8).join(", ")}${all.length > 8 ? " …" : ""}`;
}
