/** What was done to a real swarm, and what it said and did (fixtures/control). */
import { readFileSync } from "node:fs";

/** Seconds since the recording began. */
export type Seconds = number;

export interface RecordedStep {
  readonly at: Seconds;
  readonly run: string;
  readonly output?: readonly string[];
  readonly status?: number;
}

/** A task as the managers had it. */
export interface RecordedTask {
  readonly task: string;
  /** How many the slot had before. */
  readonly generation: number;
  readonly id: string;
  readonly node: string;
  readonly created: Seconds;
  /** Times are those that the agent or the manager gives. */
  readonly states: readonly (readonly [Seconds, string, string?])[];
  /** Times are those of whoever asked, up to 0.2 s late. */
  readonly desired: readonly (readonly [Seconds, string])[];
  readonly forgotten?: Seconds;
}

export interface Recording {
  readonly steps: readonly RecordedStep[];
  readonly tasks: readonly RecordedTask[];
  readonly nodes: readonly (readonly [Seconds, string, string, string])[];
  /** When, on which node, which name, how many addresses; a list: what went wrong. */
  readonly names?: readonly (readonly [Seconds, string, string, number | readonly string[]])[];
  readonly updates?: readonly {
    readonly at: Seconds;
    readonly service: string;
    readonly state: string;
    readonly message: string;
    readonly started?: Seconds;
    readonly completed?: Seconds;
  }[];
  readonly events: readonly (readonly [Seconds, string, string, string])[];
}

export function recording(name: string): Recording {
  const file = new URL(`../../../../fixtures/control/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, "utf8")) as Recording;
}
