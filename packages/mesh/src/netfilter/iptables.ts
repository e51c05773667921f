/**
 * The tables of one namespace as the iptables command changes and prints them (iptables 1.8, nft variant;
 * iptables/nft.c). Tables come into being when first used; a namespace without any costs nothing.
 *
 * Not modelled: table security, IPv6, native nftables rules, zeroing one rule's counters.
 */
import { Chain, ChainRule } from "./chain.ts";
import { Hook } from "./hook.ts";
import type { Policy, Rule, TableName } from "./rule.ts";
import { TABLES } from "./rule.ts";
import { formatRule } from "./rule-format.ts";

/** The built-in chains of each table, in the order of their hooks. */
const BUILT_IN: Readonly<Record<TableName, readonly (readonly [string, Hook])[]>> = {
  mangle: [
    ["PREROUTING", Hook.prerouting],
    ["INPUT", Hook.input],
    ["FORWARD", Hook.forward],
    ["OUTPUT", Hook.output],
    ["POSTROUTING", Hook.postrouting],
  ],
  raw: [
    ["PREROUTING", Hook.prerouting],
    ["OUTPUT", Hook.output],
  ],
  filter: [
    ["INPUT", Hook.input],
    ["FORWARD", Hook.forward],
    ["OUTPUT", Hook.output],
  ],
  nat: [
    ["PREROUTING", Hook.prerouting],
    ["INPUT", Hook.input],
    ["OUTPUT", Hook.output],
    ["POSTROUTING", Hook.postrouting],
  ],
};

/** What iptables refuses to do with chains, in its words, and its exit status. */
export class ChainError extends Error {
  readonly status: number;

  constructor(message: string, status: number = 1) {
    super(message);
    this.status = status;
  }
}

const NO_CHAIN = "iptables: No chain/target/match by that name.";
const BUSY = 4;
const HINT = "Try `iptables -h' or 'iptables --help' for more information.";

/** Where targets of NAT make sense; in chains of one's own, where they are jumped to from. */
const NAT_HOOKS: Readonly<Record<string, readonly Hook[]>> = {
  dnat: [Hook.prerouting, Hook.output],
  redirect: [Hook.prerouting, Hook.output],
  snat: [Hook.input, Hook.postrouting],
  masquerade: [Hook.postrouting],
};

/**
 * Which policies are counted. 1.8.9: those that `-P` has set. 1.8.13: also those of chains that have had a rule. Seen in
 * recordings of Docker 20.10 and 28.
 */
export type IptablesRelease = "1.8.9" | "1.8.13";

export interface SaveOptions {
  /** `-c`: counters in front of rules. Those of policies are always printed. */
  readonly counters?: boolean;
  /** `-t`. Default: all tables that are in use. */
  readonly table?: TableName;
}

interface Table {
  readonly name: TableName;
  /** Built-in ones first, in the order of their hooks. */
  readonly chains: Map<string, Chain>;
}

export class Iptables {
  readonly release: IptablesRelease;
  readonly #tables: Map<TableName, Table> = new Map();
  readonly #changed: () => void;

  /** `changed` is called after each change of tables, chains or rules. */
  constructor(release: IptablesRelease = "1.8.9", changed: () => void = () => {}) {
    this.release = release;
    this.#changed = changed;
  }

  has(table: TableName): boolean {
    return this.#tables.has(table);
  }

  chain(table: TableName, name: string): Chain | undefined {
    return this.#tables.get(table)?.chains.get(name);
  }

  /** The built-in chains of a table in use; none if it is not. */
  *builtIn(table: TableName): Generator<Chain & { readonly hook: Hook }> {
    for (const chain of this.#tables.get(table)?.chains.values() ?? []) {
      if (chain.hook !== undefined) yield chain as Chain & { readonly hook: Hook };
    }
  }

  /** Whether any rule of any table is one of those. */
  someRule(suits: (rule: Rule) => boolean): boolean {
    for (const { chains } of this.#tables.values()) {
      for (const { rules } of chains.values()) if (rules.some(({ rule }) => suits(rule))) return true;
    }
    return false;
  }

  /** Whether the kernel counts what falls through to the chain's policy. */
  countsPolicy(chain: Chain): boolean {
    return this.release === "1.8.9" ? chain.isPolicySet : chain.isUsed;
  }

  /** All chains of a table as iptables lists them: built-in ones, also of a table not in use, then the others by name. */
  chains(table: TableName): readonly Chain[] {
    const all = [...(this.#tables.get(table)?.chains ?? builtInChains(table)).values()];
    const others = all.filter((chain) => chain.hook === undefined);
    return [...all.filter((chain) => chain.hook !== undefined), ...others.sort((a, b) => (a.name < b.name ? -1 : 1))];
  }

  /** `-N`. */
  newChain(table: TableName, name: string): void {
    const { chains } = this.#table(table);
    if (chains.has(name)) throw new ChainError("iptables: Chain already exists.");
    chains.set(name, new Chain(name, undefined));
    this.#changed();
  }

  /** `-X`: a chain of one's own that is empty and that nobody jumps to. */
  deleteChain(table: TableName, name: string): void {
    const chain = this.#find(table, name);
    const { chains } = this.#table(table);
    const isNamed = [...chains.values()].some(({ rules }) => rules.some(({ rule }) => targetChain(rule) === name));
    if (chain.hook !== undefined || chain.rules.length > 0 || isNamed) {
      throw new ChainError(`${this.#nft}  CHAIN_DEL failed (Device or resource busy): chain ${name}`, BUSY);
    }
    chains.delete(name);
    this.#changed();
  }

  /** `-A`. */
  append(table: TableName, chain: string, rule: Rule): void {
    this.#add(table, chain, rule, this.#find(table, chain).rules.length);
  }

  /** `-I`: at position `at`, from 1. */
  insert(table: TableName, chain: string, rule: Rule, at: number = 1): void {
    if (at < 1 || at > this.#find(table, chain).rules.length + 1) {
      throw new ChainError("iptables: Index of insertion too big.");
    }
    this.#add(table, chain, rule, at - 1);
  }

  /** `-D`: the first rule that says the same, or the one at a position from 1. */
  delete(table: TableName, chain: string, rule: Rule | number): void {
    const found = this.#find(table, chain);
    const { rules } = found;
    const index = typeof rule === "number" ? rule - 1 : indexOf(rules, rule);
    if (typeof rule === "number" && (index < 0 || index >= rules.length)) {
      throw new ChainError(NO_CHAIN);
    }
    if (index < 0) throw new ChainError("iptables: Bad rule (does a matching rule exist in that chain?).");
    found.delete(index);
    this.#changed();
  }

  /** `-R`: another rule at position `at`, from 1. */
  replace(table: TableName, chain: string, at: number, rule: Rule): void {
    const found = this.#find(table, chain);
    if (at < 1 || at > found.rules.length) throw new ChainError("iptables: Index of replacement too big.");
    found.insert(at - 1, this.#make(table, found, rule), 1);
    this.#changed();
  }

  /** `-C`. */
  contains(table: TableName, chain: string, rule: Rule): boolean {
    return indexOf(this.#find(table, chain).rules, rule) >= 0;
  }

  /** `-F`: all rules of a chain, or of the table. */
  flush(table: TableName, chain?: string): void {
    if (chain === undefined && !this.has(table)) return;
    const chains = chain === undefined ? this.#table(table).chains.values() : [this.#find(table, chain)];
    for (const each of chains) each.clear();
    this.#changed();
  }

  /** `-Z`: counters of a chain, or of the table. */
  zero(table: TableName, chain?: string): void {
    if (chain === undefined && !this.has(table)) return;
    for (const each of chain === undefined ? this.#table(table).chains.values() : [this.#find(table, chain)]) {
      each.packets = 0;
      each.bytes = 0;
      for (const rule of each.rules) {
        rule.packets = 0;
        rule.bytes = 0;
      }
    }
  }

  /** `-P`. */
  setPolicy(table: TableName, chain: string, policy: Policy): void {
    const found = this.#find(table, chain);
    if (found.hook === undefined) throw new ChainError("iptables: Bad built-in chain name.");
    found.policy = policy;
    found.isPolicySet = true;
    found.isUsed = true;
    this.#changed();
  }

  /** The lines of iptables-save without its comments. */
  save(options: SaveOptions = {}): string[] {
    const lines: string[] = [];
    for (const table of TABLES) {
      if (!this.#tables.has(table) || (options.table !== undefined && options.table !== table)) continue;
      const chains = this.chains(table);
      lines.push(`*${table}`);
      for (const { name, hook, policy, packets, bytes } of chains) {
        lines.push(hook === undefined ? `:${name} - [0:0]` : `:${name} ${policy} [${packets}:${bytes}]`);
      }
      for (const { name, rules } of chains) {
        for (const { rule, packets, bytes } of rules) {
          const counters = options.counters === true ? `[${packets}:${bytes}] ` : "";
          lines.push(`${counters}-A ${name} ${formatRule(rule)}`.trimEnd());
        }
      }
      lines.push("COMMIT");
    }
    return lines;
  }

  #add(table: TableName, name: string, rule: Rule, index: number): void {
    const chain = this.#find(table, name);
    chain.insert(index, this.#make(table, chain, rule));
    chain.isUsed = true;
    this.#changed();
  }

  #make(table: TableName, chain: Chain, rule: Rule): ChainRule {
    const named = targetChain(rule);
    const to = named === undefined ? undefined : this.#table(table).chains.get(named);
    if (named !== undefined && to === undefined) {
      throw new ChainError(`${this.#nft} Chain '${named}' does not exist\n${HINT}`, 2);
    }
    const why =
      to?.hook === undefined ? (fits(table, chain, rule) ? "" : "Invalid argument") : "Operation not supported";
    if (why !== "")
      throw new ChainError(`${this.#nft}  RULE_APPEND failed (${why}): rule in chain ${chain.name}`, BUSY);
    return new ChainRule(rule, chain, to);
  }

  /** How the command calls itself when nftables says no. */
  get #nft(): string {
    return `iptables v${this.release} (nf_tables):`;
  }

  #find(table: TableName, name: string): Chain {
    const chain = this.#table(table).chains.get(name);
    if (chain === undefined) throw new ChainError(NO_CHAIN);
    return chain;
  }

  /** Linux nft_xt_builtin_init: a table that is not there yet is made with all its chains. */
  #table(name: TableName): Table {
    let table = this.#tables.get(name);
    if (table === undefined) {
      table = { name, chains: builtInChains(name) };
      this.#tables.set(name, table);
    }
    return table;
  }
}

function builtInChains(table: TableName): Map<string, Chain> {
  return new Map(BUILT_IN[table].map(([name, hook]) => [name, new Chain(name, hook)]));
}

/** The chain that a rule jumps to. */
export function targetChain({ target }: Rule): string | undefined {
  return "chain" in target ? target.chain : undefined;
}

/** Whether the kernel takes the rule's target in that chain (checkentry of the xt_* modules). */
function fits(table: TableName, { hook }: Chain, { match, target }: Rule): boolean {
  switch (target.kind) {
    case "dnat":
    case "redirect":
    case "snat":
    case "masquerade":
      return table === "nat" && (hook === undefined || NAT_HOOKS[target.kind]!.includes(hook));
    case "reject":
      return table === "filter" && (target.with !== "tcp-reset" || match.protocol === "tcp");
    case "checksum":
      return table === "mangle";
    case "notrack":
      return table === "raw";
    default:
      return true;
  }
}

function indexOf(rules: readonly ChainRule[], rule: Rule): number {
  const text = formatRule(rule);
  return rules.findIndex((held) => mayBeSame(held.rule, rule) && formatRule(held.rule) === text);
}

/** False if they cannot say the same: chains of published ports are long. */
function mayBeSame(a: Rule, b: Rule): boolean {
  return (
    a.target.kind === b.target.kind &&
    a.match.protocol === b.match.protocol &&
    a.match.dstPort?.port === b.match.dstPort?.port &&
    a.match.dstIp?.ip === b.match.dstIp?.ip
  );
}
