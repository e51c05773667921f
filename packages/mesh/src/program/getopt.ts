/** Command lines as getopt(3) takes them: letters together or apart, a value in the same word or the next, long names. */
import { UsageError } from "./program.ts";

export interface OptionWords {
  /** Letter or long name to value, "" for one without; of several the last. */
  readonly given: ReadonlyMap<string, string>;
  /** All values of an option that may stand several times. */
  readonly all: (name: string) => readonly string[];
  /** What is no option, in order. */
  readonly rest: readonly string[];
}

export interface OptionSpec {
  /** Letters without and with a value. */
  readonly switches?: string;
  readonly values?: string;
  /** Long names, and the letters that they stand for; a name of its own stands for itself. */
  readonly long?: Readonly<Record<string, string>>;
  /** Long names that take a value and have no letter. */
  readonly longValues?: readonly string[];
  /** What else is to be said of a letter that is none of them. */
  readonly advise?: (letter: string) => string | undefined;
  /** Options end at the first word that is none: what follows is another program's. */
  readonly stopsAtWord?: boolean;
}

export function getopt(argv: readonly string[], spec: OptionSpec): OptionWords {
  const [command = "", ...words] = argv;
  const { switches = "", values = "", long = {}, longValues = [], stopsAtWord = false, advise } = spec;
  const given = new Map<string, string[]>();
  const rest: string[] = [];
  const add = (name: string, value: string): void => void given.set(name, [...(given.get(name) ?? []), value]);
  const valueOf = (name: string, own: string | undefined): string => {
    const value = own ?? words.shift();
    if (value === undefined) throw new UsageError(`${command}: option ${name} needs a value`);
    return value;
  };
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === "--") {
      rest.push(...words.splice(0));
    } else if (word.startsWith("--")) {
      const [name, own] = splitOnce(word.slice(2), "=");
      const letter = long[name] ?? (longValues.includes(name) ? name : undefined);
      if (letter === undefined) throw new UsageError(`${command}: option --${name} is not modelled`);
      const takesValue = values.includes(letter) || longValues.includes(letter);
      add(letter, takesValue ? valueOf(`--${name}`, own) : "");
    } else if (/^-./.test(word)) {
      readLetters(word);
    } else {
      rest.push(word);
      if (stopsAtWord) rest.push(...words.splice(0));
    }
  }

  function readLetters(word: string): void {
    for (let at = 1; at < word.length; at++) {
      const letter = word.charAt(at);
      if (values.includes(letter)) return add(letter, valueOf(`-${letter}`, word.slice(at + 1) || undefined));
      if (!switches.includes(letter)) {
        const known = Array.from(`${switches}${values}`, (each) => `-${each}`).join(" ");
        throw new UsageError(
          `${command}: ${advise?.(letter) ?? `option -${letter} is not modelled; there are ${known}`}`,
        );
      }
      add(letter, "");
    }
  }

  return {
    given: new Map(Array.from(given, ([name, list]) => [name, list.at(-1)!])),
    all: (name) => given.get(name) ?? [],
    rest,
  };
}

function splitOnce(text: string, separator: string): readonly [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

/** A whole number of an option, or a {@link UsageError}. */
export function integerOption(command: string, name: string, text: string, min: number, max: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new UsageError(`${command}: ${name} is "${text}", expected ${min} to ${max}`);
}

/** Seconds, with a fraction and a unit if wanted (`3`, `0.5`, `2m`), in nanoseconds. */
export function durationOption(command: string, name: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)([smhd]?)$/.exec(text);
  if (match === null) throw new UsageError(`${command}: ${name} is "${text}", expected seconds`);
  const unit = { "": 1, s: 1, m: 60, h: 3600, d: 86_400 }[match[2]!]!;
  return Math.round(Number(match[1]) * unit * 1_000_000_000);
}

/** A port as programs take it. */
export function portOption(command: string, text: string): number {
  return integerOption(command, "the port", text, 1, 65_535);
}
