/**
 * Reads `replay FILE at NODE/NAMESPACE/DEVICE …`: which frames of a capture file are fed in where, in which direction,
 * and how fast.
 */
import { describe, suggest } from "./diagnostic.ts";
import { resolvePath } from "./file-part.ts";
import { type Line, missingMachine, splitPlace, type StepBody } from "./steps.ts";

const WORDS = ["at", "from", "only", "as", "speed", "at-once"] as const;

export function readReplay(line: Line): StepBody | undefined {
  const { words, end, fail } = line;
  const [file, ...rest] = words;
  if (file === undefined) return fail(end, "expected a capture file after replay, found nothing");
  let at: { readonly node: string; readonly namespace: string; readonly device: string } | undefined;
  let from: string | undefined;
  let only: "in" | "out" | undefined;
  let as: "in" | "out" = "out";
  let speed = 1;
  for (let index = 0; index < rest.length; index++) {
    const word = rest[index]!;
    if (word.text === "at-once") {
      speed = Number.POSITIVE_INFINITY;
      continue;
    }
    const value = rest[++index];
    if (!WORDS.includes(word.text as (typeof WORDS)[number]))
      return fail(
        word.at,
        `unknown word ${JSON.stringify(word.text)} of replay, expected ${WORDS.join(", ")}${suggest(word.text, WORDS)}`,
      );
    if (value === undefined) return fail(end, `expected a value after ${word.text}, found nothing`);
    switch (word.text) {
      case "at": {
        const [node, namespace, device, ...more] = splitPlace(value.text);
        if (node === undefined || namespace === undefined || device === undefined || more.length > 0)
          return fail(value.at, `expected NODE/NAMESPACE/DEVICE after at, found ${describe(value.text)}`);
        const missing = missingMachine({ ...value, text: node }, line);
        if (missing !== undefined) return fail(missing.at, missing.message);
        at = { node, namespace, device };
        break;
      }
      case "from":
        from = value.text;
        break;
      case "only":
      case "as":
        if (value.text !== "in" && value.text !== "out")
          return fail(value.at, `expected in or out after ${word.text}, found ${describe(value.text)}`);
        if (word.text === "only") only = value.text;
        else as = value.text;
        break;
      default: {
        const factor = /^(\d+(?:\.\d+)?)x?$/.exec(value.text)?.[1];
        speed = Number(factor ?? 0);
        if (!(speed > 0))
          return fail(value.at, `expected a factor after speed such as 2 or 0.5, found ${describe(value.text)}`);
      }
    }
  }
  if (at === undefined) return fail(end, "expected at NODE/NAMESPACE/DEVICE after the capture file");
  return { kind: "replay", file: resolvePath(line.file, file.text), at, from, only, as, speed };
}
