/**
 * What a person types behind `iptables -A CHAIN`, as a {@link Rule} (iptables/xshared.c, do_parse; extensions/libxt_*.c).
 *
 * Not taken: several addresses in one `-s`, host names, `-f`, extensions that rule.ts does not list; each is refused.
 */
import {
  type AddressType,
  type Match,
  REJECT_CODES,
  type RejectWith,
  type Rule,
  RULE_PROTOCOLS,
  type RuleProtocol,
  type Target,
} from "./rule.ts";
import {
  parseAddress,
  parseCidr,
  parseMark,
  parseNatRange,
  parseNumber,
  parsePortRange,
  parseStates,
  parseTcpFlags,
  RuleError,
} from "./rule-values.ts";

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };
type Not = { readonly not?: true };

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

/** Extensions by the name behind `-m`, with their options. */
const MODULES: ReadonlyMap<string, readonly string[]> = new Map([
  ["tcp", ["--sport", "--dport", "--tcp-flags", "--syn"]],
  ["udp", ["--sport", "--dport"]],
  ["sctp", ["--sport", "--dport"]],
  ["icmp", ["--icmp-type"]],
  ["multiport", ["--sports", "--dports", "--ports"]],
  ["conntrack", ["--ctstate", "--ctorigsrc", "--ctorigdst", "--ctorigsrcport", "--ctorigdstport", "--ctdir"]],
  ["state", ["--state"]],
  ["addrtype", ["--src-type", "--dst-type"]],
  ["mark", ["--mark"]],
  ["iprange", ["--src-range", "--dst-range"]],
  ["physdev", ["--physdev-in", "--physdev-out", "--physdev-is-bridged"]],
  ["ipvs", ["--ipvs"]],
  ["policy", ["--dir", "--pol"]],
  ["u32", ["--u32"]],
  ["bpf", ["--bytecode"]],
  ["limit", ["--limit", "--limit-burst"]],
  ["comment", ["--comment"]],
]);

const ADDRESS_TYPES = ["UNSPEC", "UNICAST", "LOCAL", "BROADCAST", "MULTICAST", "BLACKHOLE", "UNREACHABLE"] as const;

/** ICMP types by the names that iptables knows and people use. */
const ICMP_TYPES: ReadonlyMap<string, { readonly type: number; readonly code?: number }> = new Map([
  ["echo-reply", { type: 0 }],
  ["destination-unreachable", { type: 3 }],
  ["port-unreachable", { type: 3, code: 3 }],
  ["fragmentation-needed", { type: 3, code: 4 }],
  ["redirect", { type: 5 }],
  ["echo-request", { type: 8 }],
  ["time-exceeded", { type: 11 }],
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
        match.inDevice = { name: this.#deviceName(option), ...not };
        return true;
      case "-o":
        match.outDevice = { name: this.#deviceName(option), ...not };
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
        if (!MODULES.has(module)) {
          throw new RuleError(`Couldn't load match \`${module}':No such file or directory`);
        }
        this.#modules.add(module);
        return true;
      }
      default:
        return false;
    }
  }

  #deviceName(option: string): string {
    const name = this.#next(option);
    if (name.length > 15) throw new RuleError(`interface name \`${name}' must be shorter than IFNAMSIZ (15)`);
    return name;
  }

  #extension(option: string, isInverted: boolean): void {
    const match = this.#match;
    const { protocol } = match;
    // `-p tcp --dport 80` loads the protocol's extension by itself (find_proto).
    const modules = protocol === undefined ? this.#modules : [...this.#modules, protocol];
    let isKnown = false;
    for (const module of modules) isKnown ||= MODULES.get(module)?.includes(option) === true;
    if (!isKnown) throw new RuleError(`unknown option "${option}"`);
    const not = notIf(isInverted);
    switch (option) {
      case "--sport":
        match.srcPort = { ...parsePortRange(this.#next(option), ":"), ...not };
        return;
      case "--dport":
        match.dstPort = { ...parsePortRange(this.#next(option), ":"), ...not };
        return;
      case "--tcp-flags":
        match.tcpFlags = { mask: parseTcpFlags(this.#next(option)), set: parseTcpFlags(this.#next(option)), ...not };
        return;
      case "--syn":
        match.tcpFlags = { mask: parseTcpFlags("FIN,SYN,RST,ACK"), set: parseTcpFlags("SYN"), ...not };
        return;
      case "--icmp-type":
        match.icmpType = { ...icmpTypeOf(this.#next(option)), ...not };
        return;
      case "--sports":
        match.srcPorts = { ports: portsOf(this.#next(option)), ...not };
        return;
      case "--dports":
        match.dstPorts = { ports: portsOf(this.#next(option)), ...not };
        return;
      case "--ports":
        match.anyPorts = { ports: portsOf(this.#next(option)), ...not };
        return;
      case "--ctstate":
        match[isInverted ? "notCtState" : "ctState"] = parseStates(this.#next(option));
        return;
      case "--state":
        match[isInverted ? "notState" : "state"] = parseStates(this.#next(option));
        return;
      case "--ctorigsrc":
        match.ctOrigSrc = { ...parseCidr(this.#next(option)), ...not };
        return;
      case "--ctorigdst":
        match.ctOrigDst = { ...parseCidr(this.#next(option)), ...not };
        return;
      case "--ctorigsrcport":
        match.ctOrigSrcPort = { ...parsePortRange(this.#next(option), ":"), ...not };
        return;
      case "--ctorigdstport":
        match.ctOrigDstPort = { ...parsePortRange(this.#next(option), ":"), ...not };
        return;
      case "--ctdir":
        match.ctDir = directionOf(this.#next(option));
        return;
      case "--src-type":
        match.srcType = { type: addressTypeOf(this.#next(option)), ...not };
        return;
      case "--dst-type":
        match.dstType = { type: addressTypeOf(this.#next(option)), ...not };
        return;
      case "--mark":
        match.mark = { ...parseMark(this.#next(option)), ...not };
        return;
      case "--src-range":
        match.srcRange = { ...rangeOf(this.#next(option)), ...not };
        return;
      case "--dst-range":
        match.dstRange = { ...rangeOf(this.#next(option)), ...not };
        return;
      case "--physdev-in":
        match.physIn = { name: this.#deviceName(option), ...not };
        return;
      case "--physdev-out":
        match.physOut = { name: this.#deviceName(option), ...not };
        return;
      case "--physdev-is-bridged":
        match.physIsBridged = { ...not };
        return;
      case "--ipvs":
        match.ipvs = { ...not };
        return;
      case "--dir":
        match.policy = { pol: match.policy?.pol ?? "none", dir: oneOf(this.#next(option), ["in", "out"]) };
        return;
      case "--pol":
        match.policy = { dir: match.policy?.dir ?? "in", pol: oneOf(this.#next(option), ["none", "ipsec"]) };
        return;
      case "--u32":
        match.u32 = { tests: this.#next(option), ...not };
        return;
      case "--bytecode":
        match.bpf = { bytecode: this.#next(option), ...not };
        return;
      case "--limit":
        match.limit = { ...rateOf(this.#next(option)), ...burstOf(match.limit?.burst) };
        return;
      case "--limit-burst": {
        const burst = parseNumber(this.#next(option), 10_000) ?? 5;
        match.limit = { ...(match.limit ?? { packets: 3, per: "hour" }), ...burstOf(burst) };
        return;
      }
      case "--comment":
        match.comment = this.#next(option);
    }
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

function notIf(isInverted: boolean): Not {
  return isInverted ? { not: true } : {};
}

function protocolOf(text: string): RuleProtocol | undefined {
  const name = text.toLowerCase();
  if (name === "all" || name === "0") return undefined;
  for (const [protocol, number] of Object.entries(RULE_PROTOCOLS) as [RuleProtocol, number][]) {
    if (name === protocol || name === String(number)) return protocol;
  }
  throw new RuleError(`unknown protocol "${text}" specified`);
}

function icmpTypeOf(text: string): { readonly type: number; readonly code?: number } {
  const named = ICMP_TYPES.get(text);
  if (named !== undefined) return named;
  const [first = "", second] = text.split("/");
  const type = parseNumber(first, 255);
  const code = second === undefined ? undefined : parseNumber(second, 255);
  if (type === undefined || (second !== undefined && code === undefined)) {
    throw new RuleError(`Invalid ICMP type \`${text}'`);
  }
  return code === undefined ? { type } : { type, code };
}

function portsOf(text: string): ReturnType<typeof parsePortRange>[] {
  return text.split(",").map((range) => parsePortRange(range, ":"));
}

function rangeOf(text: string): { readonly first: number; readonly last: number } {
  const [first = "", last = first] = text.split("-");
  return { first: parseAddress(first), last: parseAddress(last) };
}

function addressTypeOf(text: string): AddressType {
  return oneOf(text.toUpperCase(), ADDRESS_TYPES);
}

function directionOf(text: string): "ORIGINAL" | "REPLY" {
  return oneOf(text.toUpperCase(), ["ORIGINAL", "REPLY"]);
}

function rejectOf(text: string): RejectWith {
  const full = text.startsWith("icmp-") || text === "tcp-reset" ? text : `icmp-${text}`;
  if (full === "tcp-reset") return full;
  return oneOf(full, Object.keys(REJECT_CODES) as (keyof typeof REJECT_CODES)[]);
}

function rateOf(text: string): { readonly packets: number; readonly per: "sec" | "min" | "hour" | "day" } {
  const [first = "", second = "sec"] = text.split("/");
  const packets = parseNumber(first, 10_000);
  const per = (["sec", "min", "hour", "day"] as const).find(
    (unit) => unit.startsWith(second) || second.startsWith(unit),
  );
  if (packets === undefined || packets === 0 || per === undefined) throw new RuleError(`bad rate "${text}"`);
  return { packets, per };
}

function burstOf(burst: number | undefined): { readonly burst?: number } {
  return burst === undefined || burst === 5 ? {} : { burst };
}

function oneOf<T extends string>(text: string, words: readonly T[]): T {
  const found = words.find((word) => word === text);
  if (found === undefined) throw new RuleError(`Bad value "${text}", expected ${words.join(", ")}`);
  return found;
}
