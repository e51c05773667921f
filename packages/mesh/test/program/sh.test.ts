/** `sh -c`, `sleep`, `tail` and `echo`, as far as stack files need them. */
import { describe, expect, test } from "vitest";
import { Signal } from "../../src/program/process.ts";
import { programOf, spawn } from "../../src/program/shell.ts";
import { isIdle } from "../../src/program/sleep.ts";
import { environmentOf, pass, SECOND, twoHosts } from "../host/two-hosts.ts";

interface Ran {
  readonly status: number | undefined;
  readonly output: readonly string[];
  readonly seconds: number;
}

/** The command for a minute. */
function run(argv: readonly string[], files: Record<string, string> = {}): Ran {
  const hosts = twoHosts();
  const output: string[] = [];
  let endedAt = Number.NaN;
  const onExit = (): void => {
    endedAt = hosts.a.node.softnet.now;
  };
  const process = spawn(argv, environmentOf(hosts.a, files), { print: (line) => void output.push(line), onExit });
  pass(hosts, 60 * SECOND);
  const { status } = process;
  process.kill(Signal.kill);
  return { status, output, seconds: Math.round(endedAt / SECOND) };
}

const sh = (script: string, files: Record<string, string> = {}): Ran => run(["sh", "-c", script], files);

describe("sh -c", () => {
  test.each([
    ["echo a; echo b", ["a", "b"], 0],
    ["echo 'a  b' c\\ d \"e\"", ["a  b c d e"], 0],
    ["true && echo yes || echo no", ["yes"], 0],
    ["false && echo yes || echo no", ["no"], 0],
    ["false", [], 1],
    ["cat /nothing 2>/dev/null; echo on", ["cat: can't open '/nothing': No such file or directory", "on"], 0],
    ["exit 3; echo never", [], 3],
    ["exec cat /etc/motd; echo never", ["hello"], 0],
    ["echo x > /f; cat /f", ["x"], 0],
    ["echo x > /dev/null && echo y # z", ["y"], 0],
    ["set -e\ncd /\n\necho a &&\necho b", ["a", "b"], 0],
    ["sleep 5 & echo first; wait; echo last", ["first", "last"], 0],
    ["sh -c 'echo inner'", ["inner"], 0],
  ])("%s", (script, output, status) => {
    expect(sh(script, { "/etc/motd": "hello\n" })).toMatchObject({ output, status });
  });

  test("a loop goes on, and takes time even if nothing in it does", () => {
    expect(sh("while true; do echo x; sleep 10; done")).toMatchObject({
      status: undefined,
      output: Array(6).fill("x"),
    });
    expect(sh("while :; do\n true\ndone").status).toBeUndefined();
    expect(sh("while true; do sleep 1 & exit 4; done").status).toBe(4);
  });

  test.each([
    ["cat /a | cat", "| is not modelled"],
    ["echo $HOME", "$ is not modelled"],
    ['echo "$HOME"', "variables and escapes in quotes are not modelled"],
    ["A=1 cat /a", "variables are not modelled"],
    ["if true; then echo; fi", "if is not modelled"],
    ["for i in 1 2; do echo; done", "for is not modelled"],
    ["while false; do echo; done", "of loops only while true; do …; done is modelled"],
    ["while true; do echo", "done is missing"],
    ["while true; do done", "a loop without a command"],
    ["echo 'a", "the quote ' is not closed"],
    ["echo a &&& echo b", '"&" stands where a command is expected'],
    ["frobnicate", "frobnicate: not found"],
    ["echo a; done", "done"],
    ["echo >", "a file is expected behind >"],
  ])("%s: is refused before anything runs", (script, message) => {
    expect(() => programOf(["sh", "-c", script])).toThrow(message);
  });

  test("without -c", () => {
    expect(() => programOf(["bash"])).toThrow("only bash -c 'COMMAND …' is modelled");
    expect(() => programOf(["sh", "/start.sh"])).toThrow("only sh -c 'COMMAND …' is modelled");
  });
});

describe("sleep and tail", () => {
  test.each([
    [["sleep", "2"], 2],
    [["sleep", "1.5", "0.5m"], 32],
  ])("%j takes %i seconds", (argv, seconds) => {
    expect(run(argv)).toMatchObject({ status: 0, seconds });
  });

  test.each([[["sleep", "infinity"]], [["tail", "-f", "/dev/null"]], [["tail", "-F", "-n", "0", "/f"]]])(
    "%j never ends",
    (argv) => {
      expect(run(argv, { "/f": "a\n" }).status).toBeUndefined();
    },
  );

  test("nobody needs a process for what never does anything", () => {
    expect(
      [
        ["sleep", "infinity"],
        ["tail", "-f", "/dev/null"],
        ["sleep", "inf"],
      ].map(isIdle),
    ).toEqual([true, true, true]);
    expect([["sleep", "5"], ["tail", "-f", "/f"], ["tail", "/dev/null"], ["cat"]].map(isIdle)).not.toContain(true);
  });

  test("tail prints the end", () => {
    expect(run(["tail", "-n", "2", "/f"], { "/f": "a\nb\nc\n" })).toMatchObject({ status: 0, output: ["b", "c"] });
    expect(run(["tail", "/nothing"]).status).toBe(1);
  });

  test.each([
    [["sleep"], "missing operand"],
    [["sleep", "soon"], 'the time is "soon", expected seconds'],
    [["tail"], "one file is expected"],
  ])("%j", (argv, message) => {
    expect(() => programOf(argv)).toThrow(message);
  });
});
