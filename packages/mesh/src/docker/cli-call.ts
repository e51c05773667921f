/** What a docker command has: its words, the engine it talks to, and operations that it waits for. */
import type { ProgramContext } from "../program/program.ts";
import type { Engine } from "../swarm/engine.ts";
import { DockerError, fromDaemon, Refusal } from "../swarm/docker-error.ts";
import type { Container } from "../swarm/container.ts";
import type { Operation } from "../swarm/operation.ts";
import type { Swarm } from "../swarm/swarm.ts";
import type { Docker } from "./docker.ts";
import type { Flags, Words } from "./cli-options.ts";
import { humanDuration } from "./cli-table.ts";

/** A docker command; `run` answers the exit status. */
export interface Command {
  readonly flags: Flags;
  /** Fewest and most words besides flags. */
  readonly least: number;
  readonly most: number;
  /** Default true: flags may stand behind other words. */
  readonly interspersed?: boolean;
  /** Only a manager can answer. */
  readonly needsManager?: boolean;
  readonly run: (call: Call) => number | Generator<void, number, boolean>;
}

export class Call {
  readonly docker: Docker;
  readonly engine: Engine;
  readonly words: Words;
  readonly context: ProgramContext;

  constructor(docker: Docker, engine: Engine, words: Words, context: ProgramContext) {
    this.docker = docker;
    this.engine = engine;
    this.words = words;
    this.context = context;
  }

  get swarm(): Swarm {
    return this.docker.swarm;
  }

  get now(): number {
    return this.docker.now;
  }

  print(line: string): void {
    this.context.print(line);
  }

  printAll(lines: readonly string[]): void {
    for (const line of lines) this.context.print(line);
  }

  /** How long ago, as `docker ps` says it. */
  ago(time: number): string {
    return `${humanDuration(this.now - time)} ago`;
  }

  /** Waits until the operation has ended; throws what it throws. */
  *wait<Result>(operation: Operation<Result>): Generator<void, Result, boolean> {
    const { process } = this.context;
    const pending = this.docker.perform(this.engine.name, operation, process);
    while (pending.outcome === undefined) yield* process.poll();
    const { outcome } = pending;
    if ("error" in outcome) throw outcome.error;
    return outcome.result;
  }

  /** A container of this engine; throws a {@link DockerError}. */
  container(name: string): Container {
    const found = this.engine.container(name);
    if (found === undefined) throw Refusal.noSuchContainer(name);
    return found;
  }

  /** Does the same for several names; says which could not be done. */
  *each(
    names: readonly string[],
    act: (name: string) => Generator<void, void, boolean>,
  ): Generator<void, number, boolean> {
    let status = 0;
    for (const name of names) {
      try {
        yield* act(name);
        this.print(name);
      } catch (error) {
        if (!(error instanceof DockerError)) throw error;
        this.print(fromDaemon(error));
        status = 1;
      }
    }
    return status;
  }
}
