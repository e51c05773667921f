import { expect, test } from "vitest";
import { DropReason, dropReasonName } from "../../src/trace/drop-reason.ts";
import { formatStep, StepKind } from "../../src/trace/step.ts";

test("each reason has the name that it is written with", () => {
  for (const [name, reason] of Object.entries(DropReason)) expect(dropReasonName(reason)).toBe(name);
});

test("each kind of step has a number and a sentence of its own", () => {
  const kinds = Object.values(StepKind);
  expect(new Set(kinds).size).toBe(kinds.length);
  const sentences = kinds.map((kind) => formatStep(kind, 0, 0, () => "eth0"));
  expect(new Set(sentences).size).toBe(kinds.length);
  expect(sentences.filter((sentence) => /undefined|NaN/.test(sentence))).toEqual([]);
});
