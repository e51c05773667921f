/** The words of a command line as iproute2 takes them: `KEYWORD VALUE`, in any order, keywords in short too. */
import { UsageError } from "./program.ts";

/** True if `word` is `full` or a beginning of it that iproute2 takes for it (lib/utils.c, matches). */
function isShortFor(word: string, full: string): boolean {
  return word !== "" && full.startsWith(word);
}

/** The first of `names` that `word` stands for. */
export function expanded(word: string, names: readonly string[]): string | undefined {
  return names.find((name) => name === word) ?? names.find((name) => isShortFor(word, name));
}

export interface Words {
  /** Keyword to value; "" for one that stands alone. */
  readonly values: ReadonlyMap<string, string>;
  /** What is no keyword, in order. */
  readonly rest: readonly string[];
}

/** `command` is what an error begins with: `ip route`. */
export function readWords(
  words: readonly string[],
  command: string,
  { keywords, switches = [] }: { readonly keywords: readonly string[]; readonly switches?: readonly string[] },
): Words {
  const values = new Map<string, string>();
  const rest: string[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index]!;
    if (switches.includes(word)) values.set(word, "");
    else if (keywords.includes(word)) {
      const value = words[++index];
      if (value === undefined) throw new UsageError(`${command}: "${word}" needs a value`);
      values.set(word, value);
    } else rest.push(word);
  }
  return { values, rest };
}

/** At most `max` words without a keyword. */
export function refuseMore(rest: readonly string[], max: number, command: string, expected: string): void {
  if (rest.length > max) throw new UsageError(`${command}: "${rest[max]}" is not understood; expected ${expected}`);
}
