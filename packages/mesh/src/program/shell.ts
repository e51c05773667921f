/** Which program a command starts, by its first word. */
import { IpNeigh } from "./ip.ts";
import { Ping } from "./ping.ts";
import { BUSYBOX, IPUTILS } from "./ping-make.ts";
import { type Program, type ProgramContext, type ProgramFactory, UsageError } from "./program.ts";

const PROGRAMS: ReadonlyMap<string, ProgramFactory> = new Map<string, ProgramFactory>([
  ["ping", (argv, context) => new Ping(BUSYBOX, argv, context)],
  ["iping", (argv, context) => new Ping(IPUTILS, argv, context)],
  ["ip", (argv, context) => new IpNeigh(argv, context)],
]);

/** The program, ready to start; throws a {@link UsageError} in words for who wrote the command. */
export function commandOf(argv: readonly string[], context: ProgramContext): Program {
  const factory = PROGRAMS.get(argv[0] ?? "");
  if (factory === undefined) {
    throw new UsageError(`${argv[0] ?? ""}: not found; there are ${[...PROGRAMS.keys()].join(", ")}`);
  }
  return factory(argv, context);
}
