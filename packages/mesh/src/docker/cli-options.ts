/** Reads the words of a docker command: flags as its commands declare them, and what is left (spf13/pflag). */
import { UsageError } from "../program/program.ts";
import { ownOf } from "./own.ts";

/** A flag: whether a value follows it. */
export interface Flag {
  readonly short?: string;
  readonly takesValue: boolean;
}

export type Flags = Readonly<Record<string, Flag>>;

const VALUE: Flag = { takesValue: true };
const SWITCH: Flag = { takesValue: false };

/** `name` or `name,n`; behind a `=` a value follows: `publish,p=`. */
export function flags(...names: readonly string[]): Flags {
  return Object.fromEntries(
    names.map((text) => {
      const base = text.endsWith("=") ? VALUE : SWITCH;
      const [name = "", short] = text.replace(/=$/, "").split(",");
      return [name, short === undefined ? base : { ...base, short }];
    }),
  );
}

export class Words {
  readonly #values: ReadonlyMap<string, readonly string[]>;
  /** What is no flag. */
  readonly rest: readonly string[];

  constructor(values: ReadonlyMap<string, readonly string[]>, rest: readonly string[]) {
    this.#values = values;
    this.rest = rest;
  }

  /** Of the flags that were given. */
  get names(): readonly string[] {
    return [...this.#values.keys()];
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** The last value of a flag. */
  value(name: string): string | undefined {
    return this.#values.get(name)?.at(-1);
  }

  all(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }
}

/** `isInterspersed` false: behind the first word that is no flag all others belong to it (`docker run`, `exec`). */
export function readWords(argv: readonly string[], known: Flags, isInterspersed: boolean, command: string): Words {
  const values = new Map<string, string[]>();
  const rest: string[] = [];
  const refuse = (message: string): never => {
    throw new UsageError(`${message}\nSee '${command} --help'.`);
  };
  const add = (name: string, value: string): void => {
    const held = values.get(name) ?? [];
    values.set(name, held);
    held.push(value);
  };
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at]!;
    if (word === "--") {
      rest.push(...argv.slice(at + 1));
      break;
    }
    if (word === "-" || !word.startsWith("-")) {
      if (!isInterspersed) {
        rest.push(...argv.slice(at));
        break;
      }
      rest.push(word);
    } else if (word.startsWith("--")) {
      const equals = word.indexOf("=");
      const name = word.slice(2, equals < 0 ? undefined : equals);
      const flag = ownOf(known, name) ?? refuse(`unknown flag: --${name}`);
      if (equals >= 0) add(name, word.slice(equals + 1));
      else if (!flag.takesValue) add(name, "true");
      else add(name, argv[++at] ?? refuse(`flag needs an argument: --${name}`));
    } else at = readShort(argv, at, known, add, refuse);
  }
  return new Words(values, rest);
}

/** `-it`, `-p 80:80`, `-p80:80`. Answers where the next word is looked for. */
function readShort(
  argv: readonly string[],
  start: number,
  known: Flags,
  add: (name: string, value: string) => void,
  refuse: (message: string) => never,
): number {
  const word = argv[start]!;
  for (let index = 1; index < word.length; index++) {
    const letter = word[index]!;
    const found = Object.entries(known).find(([, flag]) => flag.short === letter);
    const [name, flag] = found ?? refuse(`unknown shorthand flag: '${letter}' in ${word}`);
    if (!flag.takesValue) {
      add(name, "true");
      continue;
    }
    const attached = word.slice(index + 1).replace(/^=/, "");
    if (attached !== "") add(name, attached);
    else {
      add(name, argv[start + 1] ?? refuse(`flag needs an argument: '${letter}' in ${word}`));
      return start + 1;
    }
    return start;
  }
  return start;
}
