import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { splitWords } from "../../src/scenario/steps.ts";
import { loadGood, mistakes, SMALL } from "./loading.ts";

function words(line: string): readonly string[] | string {
  const split = splitWords(line);
  return split.ok ? split.words.map((word) => word.text) : `${split.at}: ${split.message}`;
}

describe("words are split as a shell splits them", () => {
  test.each<[string, readonly string[]]>([
    ["ping -c 1 10.0.9.5", ["ping", "-c", "1", "10.0.9.5"]],
    ["  a \t b\n", ["a", "b"]],
    ["'a b' c", ["a b", "c"]],
    ['"a b" c', ["a b", "c"]],
    [`a'b'"c"d`, ["abcd"]],
    ["a\\ b", ["a b"]],
    ["'a\\b'", ["a\\b"]],
    ['"a\\"b\\\\c\\d"', ['a"b\\c\\d']],
    [`'' ""`, ["", ""]],
    ["'a | b' \"c; d\" \\> e", ["a | b", "c; d", ">", "e"]],
    ["", []],
  ])("%j", (line, expected) => expect(words(line)).toEqual(expected));

  test.each([
    ["a 'b", "2: the quote ' is not closed"],
    ['a "b\\"', '2: the quote " is not closed'],
    ["a b\\", "3: nothing follows the backslash"],
    [
      "a | b",
      '2: "|" is for a shell, and a step runs one command without a shell; quote it if the command is to have it',
    ],
    ["a b&", expect.stringMatching(/^3: "&" is for a shell/)],
    ["a $B", expect.stringMatching(/^2: "\$" is for a shell/)],
  ])("%j is refused", (line, expected) => expect(words(line)).toEqual(expected));

  test("words come back from single quotes, whatever they hold", () => {
    fc.assert(
      fc.property(fc.array(fc.string().filter((word) => !word.includes("'"))), (expected) => {
        expect(words(expected.map((word) => `'${word}'`).join(" "))).toEqual(expected);
      }),
    );
  });

  test("no line throws, and positions lie in it", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("a", " ", "'", '"', "\\", "|", "é") }), (line) => {
        const split = splitWords(line);
        for (const at of split.ok ? split.words.map((word) => word.at) : [split.at])
          expect(at).toBeLessThan(line.length);
      }),
    );
  });
});

describe("commands", () => {
  const run = (...steps: readonly string[]): string =>
    `${SMALL}run:\n  steps:\n${steps.map((step) => `    - ${step}\n`).join("")}`;

  test("exec, with and without docker and its flags, and sleep", () => {
    const { steps } = loadGood(
      run("exec web.1 ping -c 1 10.0.9.5", "docker exec -it web.2 sh -c 'a b'", "sleep 6.5s", "sleep 2"),
    ).run;
    expect(steps).toEqual([
      {
        kind: "exec",
        task: "web.1",
        argv: ["ping", "-c", "1", "10.0.9.5"],
        position: { file: "lab/scenario.yml", line: 14, column: 7 },
      },
      {
        kind: "exec",
        task: "web.2",
        argv: ["sh", "-c", "a b"],
        position: { file: "lab/scenario.yml", line: 15, column: 7 },
      },
      { kind: "sleep", durationNs: 6_500_000_000, position: { file: "lab/scenario.yml", line: 16, column: 7 } },
      { kind: "sleep", durationNs: 2_000_000_000, position: { file: "lab/scenario.yml", line: 17, column: 7 } },
    ]);
  });

  test.each([
    ["exec", "14:11 run.steps[0]: expected a task and a command after exec, found nothing"],
    ["exec web.1", "14:17 run.steps[0]: expected a command after the task web.1, found nothing"],
    ["exec -d web.1 a", "14:12 run.steps[0]: unknown flag -d of exec, expected none, -i or -t"],
    ["exec wbe.1 a", '14:12 run.steps[0]: there is no task "wbe.1"; did you mean "web.1"?'],
    ["exec database a", '14:12 run.steps[0]: there is no task "database"; the tasks are web.1, web.2, web.3, web.4'],
    ["exec web.5 a", '14:12 run.steps[0]: there is no task "web.5"; did you mean "web.1"?'],
    ["slep 1s", '14:7 run.steps[0]: unknown command "slep", expected exec or sleep; did you mean "sleep"?'],
    ["docker run nginx", '14:14 run.steps[0]: unknown command "run", expected exec or sleep'],
    ["sleep", "14:12 run.steps[0]: expected one duration after sleep such as 500ms or 2s, found nothing"],
    ["sleep 1s 2s", "14:16 run.steps[0]: expected one duration after sleep such as 500ms or 2s, found 2 words"],
    ["sleep soon", '14:13 run.steps[0]: expected one duration after sleep such as 500ms or 2s, found "soon"'],
    ["exec web.1 echo 'a", "14:23 run.steps[0]: the quote ' is not closed"],
    ["'   '", '14:8 run.steps[0]: expected a command: exec or sleep, found "   "'],
    ["5", "14:7 run.steps[0]: expected a command such as exec web.1 ping -c 1 10.0.1.4, found the number 5"],
    ["[a]", "14:7 run.steps[0]: expected a command such as exec web.1 ping -c 1 10.0.1.4, found a list"],
  ])("%s", (step, mistake) => expect(mistakes(run(step))).toEqual([mistake]));

  test("all of them at once", () => expect(mistakes(run("a", "b", "c"))).toHaveLength(3));
});
