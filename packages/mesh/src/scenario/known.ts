/**
 * What the commands of a run may name: machines, tasks, containers, networks. Commands make more of them, and the later
 * ones may name those, so that a name that nothing has made is told before anything runs.
 */
import type { TaskNames } from "./tasks.ts";

export interface Machines {
  readonly nodes: ReadonlySet<string>;
  readonly hosts: ReadonlySet<string>;
}

export class Known {
  readonly machines: Machines;
  /** Undefined: nobody can tell which services there are, so any task may be. */
  readonly tasks: TaskNames | undefined;
  /** The node on which `docker` runs where none is named: the first manager. */
  readonly manager: string | undefined;

  constructor(machines: Machines, tasks: TaskNames | undefined, manager: string | undefined) {
    this.machines = machines;
    this.tasks = tasks;
    this.manager = manager;
  }

  /** Takes note of what `docker ARGV` makes. */
  learn(argv: readonly string[]): void {
    const { tasks } = this;
    if (tasks === undefined) return;
    const [first, second] = argv;
    const name = optionOf(argv, "--name");
    if ((first === "run" || first === "create") && name !== undefined) tasks.add(name);
    if (first === "container" && (second === "run" || second === "create") && name !== undefined) tasks.add(name);
    if (first === "network" && second === "create") tasks.addNetwork(argv.at(-1)!);
    if (first !== "service") return;
    if (second === "create" && name !== undefined) tasks.addService(name);
    const replicas = optionOf(argv, "--replicas");
    if (second === "create" && name !== undefined) {
      if (optionOf(argv, "--mode") === "global") for (const node of this.machines.nodes) tasks.add(`${name}.${node}`);
      else this.#addTasks(name, replicas ?? "1");
    } else if (second === "update" && replicas !== undefined) this.#addTasks(argv.at(-1)!, replicas);
    else if (second === "scale") {
      for (const word of argv.slice(2)) {
        const [service, count] = word.split("=");
        if (service !== undefined && count !== undefined) this.#addTasks(service, count);
      }
    }
  }

  #addTasks(service: string, count: string): void {
    const MOST = 100_000;
    for (let slot = 1; slot <= Math.min(Number(count), MOST); slot++) this.tasks?.add(`${service}.${slot}`);
  }
}

/** `--name web` and `--name=web`. */
function optionOf(argv: readonly string[], option: string): string | undefined {
  for (const [index, word] of argv.entries()) {
    if (word === option) return argv[index + 1];
    if (word.startsWith(`${option}=`)) return word.slice(option.length + 1);
  }
  return undefined;
}
