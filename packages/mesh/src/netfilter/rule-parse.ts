/**
 * What a person types behind `iptables -A CHAIN`, as a {@link Rule} (iptables/xshared.c, do_parse; extensions/libxt_*.c).
 *
 * Not taken: several addresses in one `-s`, host names, `-f`, extensions that rule.ts does not list; each is refused.
 */
import {
  type Match,
  REJECT_CODES,
  type RejectWith,
  type Rule,
  RULE_PROTOCOLS,
  type RuleProtocol,
  type Target,
} from "./rule.ts";
import { EXTENSIONS, type Mutable, notIf } from "./rule-extensions.ts";
import {
  oneOf,
  parseCidr,
  parseDeviceName,
  parseMark,
  parseNatRange,
  parsePortRange,
  RuleError,
} from "./rule-values.ts";

const SHORT: ReadonlyMap<string, string> = new Map([
  ["--source", "-s"],
  ["--src", "-s"],
  ["--destination", "-d"],
  ["--dst", "-d"],
  ["--in-interface", "-i"],
  ["--out-interface", "-o"],
  ["--protocol", "-p"],
  ["--proto", "-p"],
  ["--match", "-m"],
  ["--jump", "-j"],
  ["--goto", "-g"],
  ["--source-port", "--sport"],
  ["--destination-port", "--dport"],
  ["--source-ports", "--sports"],
  ["--destination-ports", "--dports"],
]);

/** Parses the arguments; throws a {@link RuleError} with iptables' words for what it does not take. */
export function parseRule(argv: readonly string[]): Rule {
  return new RuleParser(argv).parse();
}

class RuleParser {
  readonly #argv: readonly string[];
  #at = 0;
  readonly #match: Mutable<Match> = {};
  readonly #modules: Set<string> = new Set();

  constructor(argv: readonly string[]) {
    this.#argv = argv;
  }

  parse(): Rule {
    let target: Target = { kind: "none" };
    while (this.#at < this.#argv.length) {
      const isInverted = this.#argv[this.#at] === "!";
      if (isInverted) this.#at++;
      const word = this.#argv[this.#at++];
      if (word === undefined) throw new RuleError("empty argument after `!'");
      const option = SHORT.get(word) ?? word;
      if (option === "-j" || option === "-g") target = this.#target(option);
      else if (!this.#basic(option, isInverted)) this.#extension(option, isInverted);
    }
    return { match: this.#match, target };
  }

  #next(option: string): string {
    const value = this.#argv[this.#at++];
    if (value === undefined) throw new RuleError(`option "${option}" requires an argument`);
    return value;
  }

  /** The word behind the option just read, if it is there and no option itself. */
  #following(name: string): string | undefined {
    if (this.#argv[this.#at] !== name) return undefined;
    this.#at++;
    return this.#next(name);
  }

  #basic(option: string, isInverted: boolean): boolean {
    const match = this.#match;
    const not = notIf(isInverted);
    switch (option) {
      case "-s":
        match.srcIp = { ...parseCidr(this.#next(option)), ...not };
        return true;
      case "-d":
        match.dstIp = { ...parseCidr(this.#next(option)), ...not };
        return true;
      case "-i":
        match.inDevice = { name: parseDeviceName(this.#next(option)), ...not };
        return true;
      case "-o":
        match.outDevice = { name: parseDeviceName(this.#next(option)), ...not };
        return true;
      case "-p": {
        const protocol = protocolOf(this.#next(option));
        if (protocol === undefined) return true;
        if (isInverted) match.notProtocol = protocol;
        else match.protocol = protocol;
        return true;
      }
      case "-m": {
        const module = this.#next(option);
        if (!EXTENSIONS.has(module)) {
          throw new RuleError(`Couldn't load match \`${module}':No such file or directory`);
        }
        this.#modules.add(module);
        return true;
      }
      default:
        return false;
    }
  }

  #extension(option: string, isInverted: boolean): void {
    const { protocol } = this.#match;
    // `-p tcp --dport 80` loads the protocol's extension by itself (find_proto).
    const modules = protocol === undefined ? this.#modules : [...this.#modules, protocol];
    for (const module of modules) {
      const parse = EXTENSIONS.get(module)?.get(option);
      if (parse === undefined) continue;
      parse(this.#match, () => this.#next(option), notIf(isInverted));
      return;
    }
    throw new RuleError(`unknown option "${option}"`);
  }

  #target(option: "-j" | "-g"): Target {
    const name = this.#next(option);
    if (option === "-g") return { kind: "goto", chain: name };
    switch (name) {
      case "ACCEPT":
        return { kind: "accept" };
      case "DROP":
        return { kind: "drop" };
      case "RETURN":
        return { kind: "return" };
      case "REJECT":
        return { kind: "reject", with: rejectOf(this.#following("--reject-with") ?? "icmp-port-unreachable") };
      case "DNAT":
        return { kind: "dnat", ...parseNatRange(this.#required(name, "--to-destination")) };
      case "SNAT":
        return { kind: "snat", ...parseNatRange(this.#required(name, "--to-source")) };
      case "MASQUERADE":
      case "REDIRECT": {
        const ports = this.#following("--to-ports") ?? this.#following("--to-port");
        const kind = name === "REDIRECT" ? "redirect" : "masquerade";
        return { kind, ...(ports === undefined ? {} : parsePortRange(ports, "-")) };
      }
      case "MARK":
        return this.#mark();
      case "LOG": {
        const prefix = this.#following("--log-prefix");
        return prefix === undefined ? { kind: "log" } : { kind: "log", prefix };
      }
      case "CHECKSUM":
        if (this.#argv[this.#at++] !== "--checksum-fill")
          throw new RuleError(`CHECKSUM: option "--checksum-fill" must be specified`);
        return { kind: "checksum" };
      case "CT":
        if (this.#argv[this.#at++] !== "--notrack") throw new RuleError("CT: only --notrack is supported here");
        return { kind: "notrack" };
      case "NOTRACK":
        return { kind: "notrack" };
      default:
        return { kind: "jump", chain: name };
    }
  }

  #required(target: string, option: string): string {
    const value = this.#following(option);
    if (value === undefined) throw new RuleError(`${target}: option "${option}" must be specified`);
    return value;
  }

  /** `--set-mark` is `--set-xmark` whose mask takes in the value's bits (libxt_MARK, mark_tg_parse). */
  #mark(): Target {
    const xmark = this.#following("--set-xmark");
    if (xmark !== undefined) return { kind: "mark", ...parseMark(xmark) };
    const { value, mask } = parseMark(this.#required("MARK", "--set-mark"));
    return mask === undefined ? { kind: "mark", value } : { kind: "mark", value, mask: (mask | value) >>> 0 };
  }
}

function protocolOf(text: string): RuleProtocol | undefined {
  const name = text.toLowerCase();
  if (name === "all" || name === "0") return undefined;
  for (const [protocol, number] of Object.entries(RULE_PROTOCOLS) as [RuleProtocol, number][]) {
    if (name === protocol || name === String(number)) return protocol;
  }
  throw new RuleError(`unknown protocol "${text}" specified`);
}

function rejectOf(text: string): RejectWith {
  const full = text.startsWith("icmp-") || text === "tcp-reset" ? text : `icmp-${text}`;
  if (full === "tcp-reset") return full;
  return oneOf(full, Object.keys(REJECT_CODES) as (keyof typeof REJECT_CODES)[]);
}
