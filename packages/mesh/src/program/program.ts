/** A program that a step starts in a namespace: it runs on the virtual clock, prints lines, and ends with a status. */
import type { Netns } from "../netns.ts";

export interface Program {
  /** First system call. The program calls `exit` when it is done, at once or later. */
  start(): void;
}

/** What a program has of the world: where it runs, where its output goes, how it ends. */
export interface ProgramContext {
  readonly netns: Netns;
  readonly print: (line: string) => void;
  readonly exit: (status: number) => void;
}

/** A command that cannot be run as it is written, in words for the person who wrote it. */
export class UsageError extends Error {}

/** Makes the program of a command, or throws a {@link UsageError}. */
export type ProgramFactory = (argv: readonly string[], context: ProgramContext) => Program;
