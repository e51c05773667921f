/**
 * `timeout`: runs a command, and ends it if it takes too long. busybox answers with the signal, as a shell says it;
 * coreutils with 124.
 *
 * Not modelled: -k, a second signal later.
 */
import { durationOption, getopt } from "./getopt.ts";
import { Signal } from "./process.ts";
import { type Program, UsageError } from "./program.ts";
import { programOf } from "./shell.ts";

const SIGNALS: ReadonlyMap<string, Signal> = new Map<string, Signal>([
  ["TERM", Signal.terminate],
  ["KILL", Signal.kill],
  ["INT", Signal.interrupt],
  ["HUP", Signal.hangup],
]);
/** coreutils' status of a command that took too long. */
const TIMED_OUT = 124;

interface Options {
  readonly signal: Signal;
  readonly durationNs: number;
  readonly command: readonly string[];
}

export const TIMEOUT: Program = {
  check(argv) {
    programOf(readOptions(argv).command);
  },
  *main(argv, { environment, process, spawn }) {
    const { signal, durationNs, command } = readOptions(argv);
    const deadline = process.softnet.now + durationNs;
    const child = spawn(command);
    // Whoever ends this one ends the other.
    process.own({ waiter: undefined, close: () => child.kill(Signal.terminate) });
    const status = yield* process.waitFor(child, deadline);
    if (status !== undefined) return status;
    child.kill(signal);
    return environment.userland === "debian" ? TIMED_OUT : child.status!;
  },
};

function readOptions(argv: readonly string[]): Options {
  const { given, rest } = getopt(argv, { values: "s", long: { signal: "s" }, stopsAtWord: true });
  const name = given.get("s") ?? "TERM";
  const signal = SIGNALS.get(name.toUpperCase().replace(/^SIG/, ""));
  if (signal === undefined) throw new UsageError(`timeout: signal ${name} is not modelled`);
  const [duration, ...command] = rest;
  if (duration === undefined || command.length === 0) throw new UsageError("timeout: SECS PROG ARGS are needed");
  return { signal, durationNs: durationOption("timeout", "the time", duration), command };
}
