/** A program that runs in a namespace: on the virtual clock, printing lines, ending with a status. */
import type { Mesh } from "../build.ts";
import type { Netns } from "../netns.ts";
import type { Process } from "./process.ts";

/**
 * Whose tools a place has: busybox', as alpine and busybox images do, or a Debian machine's (iproute2, iputils,
 * net-tools). They take the same commands and print different things.
 */
export type Userland = "busybox" | "debian";

/** Where a program runs: a container, or a machine itself. */
export interface Environment {
  readonly netns: Netns;
  readonly hostname: string;
  /** Path to text: `/etc/resolv.conf`, `/etc/hosts`, what a web server serves. */
  readonly files: Map<string, string>;
  readonly mesh: Mesh;
  /** Of a container: all that runs in it, and ends with its first process (a PID namespace). */
  readonly processes?: Set<Process>;
  /** Default: busybox'. */
  readonly userland?: Userland;
}

/** What a program has of the world. */
export interface ProgramContext {
  readonly environment: Environment;
  readonly process: Process;
  /** A line of its output, standard output and standard error alike. */
  readonly print: (line: string) => void;
  /** What comes in by standard input; empty if nothing was given. */
  readonly stdin: string;
  /** Starts another program in the same place: a child process. Throws a {@link UsageError}. */
  readonly spawn: (argv: readonly string[]) => Process;
}

/** A program's own code; `argv[0]` is its name. It answers the exit status. */
export type Main = (argv: readonly string[], context: ProgramContext) => Generator<void, number, boolean>;

export interface Program {
  /** Throws a {@link UsageError} if the command cannot be run as it is written, whatever it meets. */
  check(argv: readonly string[]): void;
  readonly main: Main;
}

/** A command that cannot be run as it is written, in words for the person who wrote it. */
export class UsageError extends Error {}

/** Status of a command that could not be run as it is written, as a shell's usage errors. */
export const USAGE_STATUS = 2;
