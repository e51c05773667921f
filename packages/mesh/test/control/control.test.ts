/**
 * The swarm's control plane against recordings of a real one: which tasks are made, told to stop, fail and are replaced, in
 * which order, where, when, and what Docker says of it (fixtures/control/MANIFEST.md).
 */
import { describe, expect, test } from "vitest";
import { CASES } from "./cases.ts";
import { compareAnswers, compareEvents, compareNames, slackIn, translator } from "./compare.ts";
import { type RecordedStep, type Recording, recording } from "./recording.ts";
import { replay } from "./replay.ts";

/** What machines and clocks have of their own. */
const OWN = /docker (?:service|node) inspect (?!--pretty)|docker inspect/;

describe.each(CASES)("$name: $what", ({ name, until: limit, without: skipped, deaf = [], read, ...options }) => {
  const read_ = read ?? ((real: Recording) => real);
  const real = read_(recording(name));
  const until = limit ?? real.steps.at(-1)!.at + 1;
  const first = replay(real, options);
  const { differences, offset } = compareEvents(real, first, until);

  test("happens in that order, at those times", () => {
    expect(differences).toEqual([]);
  });

  test("is told in those words", () => {
    const again = replay(real, { ...options, offset });
    const translate = translator(real, again);
    const slack = slackIn(real, again, offset);
    const isCompared = ({ at, run }: RecordedStep): boolean =>
      at < until && !OWN.test(run) && skipped?.test(run) !== true;
    const compared = real.steps.filter(isCompared);
    expect(compared.length).toBeGreaterThan(2);
    expect(compared.flatMap((step) => compareAnswers(step, again, translate, slack))).toEqual([]);
  });

  test("is known by those names", () => {
    const names = (real.names ?? []).filter(([, where]) => !deaf.includes(where));
    expect(compareNames(names, first.names, until, offset)).toEqual([]);
  });
});
