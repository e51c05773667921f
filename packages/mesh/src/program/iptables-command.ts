/**
 * An iptables command line (iptables/xshared.c, do_parse): one command, options that may stand anywhere, and a rule.
 *
 * Not modelled: IPv6, `-E`, `--modprobe`, `-4`.
 */
import { type Policy, type Rule, type TableName, TABLES } from "../netfilter/rule.ts";
import { parseRule } from "../netfilter/rule-parse.ts";
import { RuleError } from "../netfilter/rule-values.ts";
import { UsageError } from "./program.ts";

const RELEASE = "1.8.9";
const HINT = "Try `iptables -h' or 'iptables --help' for more information.";

type Action =
  | { readonly kind: "append" | "check"; readonly chain: string; readonly rule: Rule }
  | { readonly kind: "insert" | "replace"; readonly chain: string; readonly at: number; readonly rule: Rule }
  | { readonly kind: "delete"; readonly chain: string; readonly rule: Rule | number }
  | { readonly kind: "list" | "rules" | "flush" | "zero" | "deleteChain"; readonly chain: string | undefined }
  | { readonly kind: "newChain"; readonly chain: string }
  | { readonly kind: "policy"; readonly chain: string; readonly policy: string };

export interface IptablesCommand {
  readonly table: TableName;
  readonly action: Action;
  /** `-n`, `-v`, `-x`, `--line-numbers`. */
  readonly isNumeric: boolean;
  readonly isVerbose: boolean;
  readonly isExact: boolean;
  readonly hasNumbers: boolean;
}

const COMMANDS: ReadonlyMap<string, string> = new Map([
  ["--append", "-A"],
  ["--insert", "-I"],
  ["--delete", "-D"],
  ["--replace", "-R"],
  ["--check", "-C"],
  ["--list", "-L"],
  ["--list-rules", "-S"],
  ["--flush", "-F"],
  ["--zero", "-Z"],
  ["--new-chain", "-N"],
  ["--new", "-N"],
  ["--delete-chain", "-X"],
  ["--policy", "-P"],
  ["--table", "-t"],
  ["--numeric", "-n"],
  ["--verbose", "-v"],
  ["--exact", "-x"],
  ["--wait", "-w"],
]);

/** Throws a {@link UsageError} in iptables' words. */
export function parseIptables(argv: readonly string[]): IptablesCommand {
  try {
    return new Parser(argv).parse();
  } catch (error) {
    if (error instanceof RuleError) throw new UsageError(`iptables v${RELEASE} (nf_tables): ${error.message}\n${HINT}`);
    throw error;
  }
}

/** Which policy a word is; undefined: none. */
export function policyOf(text: string): Policy | undefined {
  return text === "ACCEPT" || text === "DROP" ? text : undefined;
}

class Parser {
  readonly #words: string[];
  #table: TableName = "filter";
  #isNumeric = false;
  #isVerbose = false;
  #isExact = false;
  #hasNumbers = false;
  #command: string | undefined = undefined;
  readonly #arguments: string[] = [];
  readonly #rule: string[] = [];

  constructor(argv: readonly string[]) {
    // `-nvL` is `-n -v -L`.
    this.#words = argv.slice(1).flatMap((word) =>
      /^-[nvxLSFZ]{2,}$/.test(word)
        ? word
            .slice(1)
            .split("")
            .map((letter) => `-${letter}`)
        : [word],
    );
  }

  parse(): IptablesCommand {
    while (this.#words.length > 0) this.#word(this.#words.shift()!);
    return {
      table: this.#table,
      action: this.#action(),
      isNumeric: this.#isNumeric,
      isVerbose: this.#isVerbose,
      isExact: this.#isExact,
      hasNumbers: this.#hasNumbers,
    };
  }

  #word(word: string): void {
    const option = COMMANDS.get(word) ?? word;
    switch (option) {
      case "-t":
        this.#table = tableOf(this.#next(option));
        return;
      case "-n":
        this.#isNumeric = true;
        return;
      case "-v":
        this.#isVerbose = true;
        return;
      case "-x":
        this.#isExact = true;
        return;
      case "--line-numbers":
        this.#hasNumbers = true;
        return;
      case "-w":
        if (/^\d+$/.test(this.#words[0] ?? "")) this.#words.shift();
        return;
      case "-A":
      case "-C":
      case "-N":
        return this.#begin(option, 1, 1);
      case "-I":
      case "-D":
        return this.#begin(option, 1, 2);
      case "-R":
      case "-P":
        return this.#begin(option, 2, 2);
      case "-L":
      case "-S":
      case "-F":
      case "-Z":
      case "-X":
        return this.#begin(option, 0, 1);
      default:
        this.#rule.push(word);
        // What an option takes is never a command.
        if (/^-[sdiopjmg]$|^--/.test(word) && this.#words.length > 0) this.#takeValue();
    }
  }

  #takeValue(): void {
    const value = this.#words[0]!;
    if (value !== "!" && !value.startsWith("-")) this.#rule.push(this.#words.shift()!);
  }

  #next(option: string): string {
    const value = this.#words.shift();
    if (value === undefined) throw new RuleError(`option "${option}" requires an argument`);
    return value;
  }

  #begin(command: string, least: number, most: number): void {
    if (this.#command !== undefined && this.#command !== command) {
      throw new RuleError(`Cannot use ${command} with ${this.#command}`);
    }
    this.#command = command;
    while (this.#arguments.length < most) {
      const word = this.#words[0];
      const isThere = word !== undefined && word !== "!" && !word.startsWith("-");
      if (!isThere) break;
      if (this.#arguments.length >= least && this.#arguments.length > 0 && !/^\d+$/.test(word)) break;
      this.#arguments.push(this.#words.shift()!);
    }
    if (this.#arguments.length < least) throw new RuleError(`option "${command}" requires an argument`);
  }

  #action(): Action {
    const [chain, second] = this.#arguments;
    const at = Number(second ?? 1);
    switch (this.#command) {
      case "-A":
        return { kind: "append", chain: chain!, rule: parseRule(this.#rule) };
      case "-C":
        return { kind: "check", chain: chain!, rule: parseRule(this.#rule) };
      case "-I":
        return { kind: "insert", chain: chain!, at, rule: parseRule(this.#rule) };
      case "-R":
        return { kind: "replace", chain: chain!, at, rule: parseRule(this.#rule) };
      case "-D":
        return { kind: "delete", chain: chain!, rule: second === undefined ? parseRule(this.#rule) : at };
      case undefined:
        throw new RuleError("no command specified");
    }
    if (this.#rule.length > 0) throw new RuleError(`unknown option "${this.#rule[0]}"`);
    switch (this.#command) {
      case "-L":
        return { kind: "list", chain };
      case "-S":
        return { kind: "rules", chain };
      case "-F":
        return { kind: "flush", chain };
      case "-Z":
        return { kind: "zero", chain };
      case "-X":
        return { kind: "deleteChain", chain };
      case "-P":
        return { kind: "policy", chain: chain!, policy: second! };
      default:
        return { kind: "newChain", chain: chain! };
    }
  }
}

function tableOf(name: string): TableName {
  const table = TABLES.find((each) => each === name);
  if (table === undefined) {
    const text = `table '${name}' does not exist\nPerhaps iptables or your kernel needs to be upgraded.`;
    throw new UsageError(`iptables v${RELEASE} (nf_tables): ${text}`);
  }
  return table;
}
