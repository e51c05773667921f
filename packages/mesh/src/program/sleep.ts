/**
 * `sleep`, `tail`, `echo`, `true` and `false` of coreutils and busybox: what images and scripts keep time with.
 *
 * Not modelled: `tail` of standard input, of bytes, of several files, of a file that grows: `-f` waits for ever.
 */
import { fileText } from "../inspect/files.ts";
import { durationOption, getopt, integerOption } from "./getopt.ts";
import { type Program, UsageError } from "./program.ts";

export const SLEEP: Program = {
  check(argv) {
    durationOf(argv);
  },
  *main(argv, { process }) {
    const ns = durationOf(argv);
    if (ns === Number.POSITIVE_INFINITY) for (;;) yield* process.poll();
    yield* process.sleep(ns);
    return 0;
  },
};

/** All of them together. */
function durationOf([, ...words]: readonly string[]): number {
  if (words.length === 0) throw new UsageError("sleep: missing operand");
  return words.reduce(
    (sum, word) =>
      sum + (/^inf(?:inity)?$/.test(word) ? Number.POSITIVE_INFINITY : durationOption("sleep", "the time", word)),
    0,
  );
}

interface TailOptions {
  readonly count: number;
  readonly follows: boolean;
  readonly path: string;
}

export const TAIL: Program = {
  check(argv) {
    readTail(argv);
  },
  *main(argv, { environment, process, print }) {
    const { count, follows, path } = readTail(argv);
    const text = path === "/dev/null" ? "" : fileText(environment, path);
    if (text === undefined) {
      print(`tail: can't open '${path}': No such file or directory`);
      return 1;
    }
    const lines = text === "" ? [] : text.replace(/\n$/, "").split("\n");
    for (const line of count === 0 ? [] : lines.slice(-count)) print(line);
    if (follows) for (;;) yield* process.poll();
    return 0;
  },
};

function readTail(argv: readonly string[]): TailOptions {
  const { given, rest } = getopt(argv, { switches: "fF", values: "n", long: { follow: "f", lines: "n" } });
  if (rest.length !== 1) throw new UsageError("tail: one file is expected: tail -f /dev/null");
  const count = integerOption("tail", "-n", given.get("n") ?? "10", 0, 1_000_000);
  return { count, follows: given.has("f") || given.has("F"), path: rest[0]! };
}

export const ECHO: Program = {
  check() {},
  *main([, ...words], { print }) {
    const rest = words[0] === "-n" || words[0] === "-e" ? words.slice(1) : words;
    for (const line of rest.join(" ").split("\n")) print(line);
    return 0;
  },
};

/** True of what never ends and never does anything: there need be no process for it. */
export function isIdle([name, ...words]: readonly string[]): boolean {
  if (name === "sleep") return words.some((word) => /^inf(?:inity)?$/.test(word));
  return name === "tail" && words.includes("/dev/null") && words.some((word) => /^-[fF]$/.test(word));
}
