/**
 * `-m u32`: arithmetic on a packet's 32-bit words (Linux net/netfilter/xt_u32.c), as Docker finds a VNI with it:
 * `0x0>>0x16&0x3c@0xc&0xffffff00=0x100200`.
 */
import type { Packet } from "./packet.ts";
import { RuleError } from "./rule-values.ts";

type Operator = "&" | "<<" | ">>" | "@";

interface Test {
  /** The first word's place, counted from the IPv4 header. */
  readonly at: number;
  readonly steps: readonly (readonly [Operator, number])[];
  readonly ranges: readonly (readonly [first: number, last: number])[];
}

/** A function that says whether a packet passes all tests; throws a {@link RuleError} for what is no test. */
export function u32(text: string): (packet: Packet) => boolean {
  const tests = text.split("&&").map((test) => parse(test.trim()));
  return (packet) => tests.every((test) => passes(test, packet));
}

function parse(text: string): Test {
  const [place = "", values = ""] = text.split("=");
  const words = place.match(/&|<<|>>|@|\w+/g) ?? [];
  const steps: (readonly [Operator, number])[] = [];
  for (let index = 1; index < words.length; index += 2) {
    steps.push([words[index] as Operator, numberOf(words[index + 1] ?? "", text)]);
  }
  const ranges = values.split(",").map((range): readonly [number, number] => {
    const [first = "", last = first] = range.split(":");
    return [numberOf(first, text), numberOf(last, text)];
  });
  return { at: numberOf(words[0] ?? "", text), steps, ranges };
}

function numberOf(word: string, text: string): number {
  const value = word.trim() === "" ? Number.NaN : Number(word);
  if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) throw new RuleError(`u32: bad test \`${text}'`);
  return value;
}

/** Linux u32_match_it: `@` moves on by the value and reads there. What lies outside of the packet fails the test. */
function passes(test: Test, { view, ipAt, end }: Packet): boolean {
  let base = ipAt;
  if (base + test.at + 4 > end) return false;
  let value = view.getUint32(base + test.at);
  for (const [operator, operand] of test.steps) {
    switch (operator) {
      case "&":
        value = (value & operand) >>> 0;
        break;
      case "<<":
        value = (value << operand) >>> 0;
        break;
      case ">>":
        value >>>= operand;
        break;
      case "@":
        base += value;
        if (base + operand + 4 > end) return false;
        value = view.getUint32(base + operand);
    }
  }
  return test.ranges.some(([first, last]) => value >= first && value <= last);
}
