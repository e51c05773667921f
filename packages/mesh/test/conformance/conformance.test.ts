/** The engine against recordings of a real swarm: every frame at every point, in order. */
import { describe, expect, test } from "vitest";
import { compare } from "./compare.ts";
import { conform, load, recordingOf, SCENARIOS, simulate, UNFINISHED } from "./conformance.ts";

const finished = SCENARIOS.filter((name) => UNFINISHED[name] === undefined);

describe("conformance", () => {
  test("there is something to compare", () => {
    expect(finished.length).toBeGreaterThanOrEqual(2);
    expect(Object.keys(UNFINISHED).filter((name) => !SCENARIOS.includes(name))).toEqual([]);
  });

  test.each(finished)("%s", async (name) => {
    const { mistakes, comparison } = await conform(name);
    expect(mistakes).toEqual([]);
    expect(comparison.points.filter((point) => point.differences.length > 0)).toEqual([]);
    expect(comparison.f1).toBe(1);
    expect(comparison.real).toBeGreaterThan(0);
  });

  test.each(Object.entries(UNFINISHED))("%s is not done yet, and has reached an F1 of %d", async (name, reached) => {
    const { comparison } = await conform(name);
    expect(comparison.f1, "it has become worse").toBeGreaterThanOrEqual(reached);
    expect(comparison.f1, "it is done: take it out of unfinished.json").toBeLessThan(1);
  });

  test("a frame too many, one missing and one changed are noticed", async () => {
    const recording = recordingOf("s02-ping-overlay-same-node");
    const other = await compare(recording, recordingOf("s01-ping-overlay-cross"));
    expect(other.f1).toBeLessThan(0.5);
    const self = await compare(recording, recording);
    expect(self).toMatchObject({ f1: 1, real: 28, simulated: 28 });
  });

  test("the same seed gives the same bytes", () => {
    const scenario = load("s01-ping-overlay-cross");
    expect(Buffer.compare(simulate(scenario), simulate(scenario))).toBe(0);
  });
});
