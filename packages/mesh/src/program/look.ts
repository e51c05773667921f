/** What a command that changes nothing and waits for nothing prints: `ip addr`, `bridge fdb`, `iptables-save -c`. */
import type { Process } from "./process.ts";
import { type Environment, type ProgramContext, UsageError } from "./program.ts";
import { programOf } from "./shell.ts";

export interface Look {
  readonly status: number;
  readonly output: readonly string[];
}

/**
 * Runs a command to its end at this moment, beside everything that happens in the mesh. Throws a {@link UsageError} if it
 * cannot be run as it is written, starts another program or takes time.
 */
export function look(environment: Environment, argv: readonly string[]): Look {
  const output: string[] = [];
  const spawn = (): never => {
    throw new UsageError(`${argv[0]} starts another program, so it cannot be used with inspect`);
  };
  const context: ProgramContext = {
    environment,
    // Nothing that can be looked with has a system call that waits.
    process: undefined as unknown as Process,
    print: (line) => void output.push(line),
    stdin: "",
    spawn,
  };
  const { done, value } = programOf(argv, environment.userland).main(argv, context).next();
  if (done !== true) throw new UsageError(`${argv[0]} takes time, so it cannot be used with inspect`);
  return { status: value, output };
}
