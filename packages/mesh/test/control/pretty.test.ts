/** `--pretty` of services and nodes against what a real client printed, tabs, order and empty lines included. */
import { describe, expect, test } from "vitest";
import { compareAnswers, translator } from "./compare.ts";
import { type RecordedStep, recording } from "./recording.ts";
import { replay } from "./replay.ts";

/** Mounts and resources are not modelled. */
function withoutMachine(step: RecordedStep): RecordedStep {
  const isMachine = (line: string): boolean =>
    /^(?:Mounts:| Target:| {2}(?:Source|ReadOnly|Type|CPU|Memory):| Reservations:| Limits:)/.test(line);
  return { ...step, output: (step.output ?? []).filter((line) => !isMachine(line)) };
}

describe("recording j01-pretty", () => {
  const recorded = recording("j01-pretty");
  // A user and a command that are not there make no difference here.
  const real = { ...recorded, steps: recorded.steps.map(withoutMachine) };
  const simulated = replay(real, {
    labels: { "swarm-manager": "zone: b", "swarm-worker1": "zone: a", "swarm-worker2": "zone: c" },
  });
  const translate = translator(real, simulated);
  // The labels of the last one were there for less than a tenth of a second.
  const steps = real.steps.filter(({ run, at }) => run.includes("--pretty") && at < 51.6);

  test.each(steps.map((step) => [step.run, step] as const))("%s", (_, step) => {
    expect(simulated.answers.get(step)!.length).toBeGreaterThan(0);
    expect(compareAnswers(step, simulated, translate)).toEqual([]);
    if (!/service inspect --pretty q\d$/.test(step.run)) return;
    // Line for line: ages aside, and who has which port of those that nobody has asked for.
    const plain = (lines: readonly string[]): string =>
      lines
        .join("\n")
        .trimEnd()
        .replaceAll(/\S+(?: \S+)*? ago$/gm, "… ago");
    const said = simulated.answers.get(step)!.map(({ output }) => plain(output));
    expect(said).toContain(plain(step.output!.map(translate)));
  });
});
