/** Which program a command starts, by its first word; and starting it. */
import { IP } from "./ip.ts";
import { BUSYBOX_PING, IPUTILS_PING } from "./ping.ts";
import { Process } from "./process.ts";
import { type Environment, type Program, type ProgramContext, UsageError } from "./program.ts";

const PROGRAMS: ReadonlyMap<string, Program> = new Map<string, Program>([
  ["ping", BUSYBOX_PING],
  ["iping", IPUTILS_PING],
  ["ip", IP],
]);

/** The program of a command that can be run as it is written; throws a {@link UsageError} in words for who wrote it. */
export function programOf(argv: readonly string[]): Program {
  const program = PROGRAMS.get(argv[0] ?? "");
  if (program === undefined) {
    throw new UsageError(`${argv[0] ?? ""}: not found; there are ${[...PROGRAMS.keys()].join(", ")}`);
  }
  program.check(argv);
  return program;
}

export interface SpawnOptions {
  /** Takes the program's output. Default: nobody reads it. */
  readonly print?: (line: string) => void;
  readonly onExit?: (status: number) => void;
  readonly stdin?: string;
  /** When its first system call is. Default: now. */
  readonly time?: number;
}

/** Starts a command; throws a {@link UsageError}. */
export function spawn(argv: readonly string[], environment: Environment, options: SpawnOptions = {}): Process {
  const program = programOf(argv);
  const { print = () => {}, onExit, stdin = "", time } = options;
  const process = new Process(environment, print, onExit);
  const context: ProgramContext = {
    environment,
    process,
    print,
    stdin,
    spawn: (child) => spawn(child, environment, { print, stdin }),
  };
  process.start(program.main(argv, context), time);
  return process;
}
