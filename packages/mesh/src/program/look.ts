/** What a command that changes nothing and waits for nothing prints: `ip addr`, `bridge fdb`, `iptables-save -c`. */
import type { Process } from "./process.ts";
import { type Environment, type ProgramContext, UsageError } from "./program.ts";
import { programOf } from "./shell.ts";

export interface Look {
  /** The exit status. */
  readonly status: number;
  readonly output: readonly string[];
}

/**
 * Runs a command to its end at this moment, beside everything that happens in the mesh. Throws a {@link UsageError} if it
 * cannot be run as it is written, starts another program or takes time.
 */
export function look(environment: Environment, argv: readonly string[]): Look {
  const output: string[] = [];
  const refuse = (does: string): never => {
    throw new UsageError(`${argv[0]} ${does}, so it cannot be used with inspect`);
  };
  const context: ProgramContext = {
    environment,
    get process(): Process {
      return refuse("is a process of its own");
    },
    print: (line) => void output.push(line),
    stdin: "",
    spawn: () => refuse("starts another program"),
  };
  const { done, value } = programOf(argv, environment.userland).main(argv, context).next();
  return done === true ? { status: value, output } : refuse("takes time");
}
