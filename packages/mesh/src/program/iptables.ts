/** `iptables` and `iptables-save` of the namespace they run in (iptables 1.8, nft variant). */
import type { Chain } from "../netfilter/chain.ts";
import { ChainError, Iptables, targetChain } from "../netfilter/iptables.ts";
import { netfilterOf } from "../netfilter/netfilter.ts";
import type { TableName } from "../netfilter/rule.ts";
import { TABLES } from "../netfilter/rule.ts";
import { formatRule } from "../netfilter/rule-format.ts";
import { listHeader, listRule } from "../netfilter/rule-list.ts";
import type { Netns } from "../netns.ts";
import { EPOCH_SECONDS } from "../trace/pcapng.ts";
import { type IptablesCommand, parseIptables, policyOf } from "./iptables-command.ts";
import { type Program, UsageError } from "./program.ts";

export const IPTABLES: Program = {
  check(argv) {
    parseIptables(argv);
  },
  *main(argv, { environment, print }) {
    try {
      for (const line of run(parseIptables(argv), environment.netns)) print(line);
      return 0;
    } catch (error) {
      if (!(error instanceof ChainError)) throw error;
      for (const line of error.message.split("\n")) print(line);
      return error.status;
    }
  },
};

/** What the command prints, after it has done what it says. Throws a {@link ChainError}. */
function run(command: IptablesCommand, netns: Netns): readonly string[] {
  const { table, action } = command;
  if (action.kind === "list") return list(command, seen(netns), action.chain);
  if (action.kind === "rules") return rules(table, seen(netns), action.chain);
  const { iptables } = netfilterOf(netns);
  switch (action.kind) {
    case "append":
      iptables.append(table, action.chain, action.rule);
      break;
    case "insert":
      iptables.insert(table, action.chain, action.rule, action.at);
      break;
    case "replace":
      iptables.replace(table, action.chain, action.at, action.rule);
      break;
    case "delete":
      iptables.delete(table, action.chain, action.rule);
      break;
    case "check":
      if (iptables.contains(table, action.chain, action.rule)) break;
      throw new ChainError("iptables: Bad rule (does a matching rule exist in that chain?).");
    case "flush":
      iptables.flush(table, action.chain);
      break;
    case "zero":
      iptables.zero(table, action.chain);
      break;
    case "newChain":
      iptables.newChain(table, action.chain);
      break;
    case "deleteChain":
      if (action.chain !== undefined) iptables.deleteChain(table, action.chain);
      else
        for (const { name, hook } of iptables.chains(table)) if (hook === undefined) iptables.deleteChain(table, name);
      break;
    case "policy": {
      const policy = policyOf(action.policy);
      if (policy === undefined) throw new ChainError("iptables: Bad policy name. Run `dmesg' for more information.");
      iptables.setPolicy(table, action.chain, policy);
    }
  }
  return [];
}

/** The tables as they are; looking at them makes none. */
function seen(netns: Netns): Iptables {
  return netns.netfilter?.iptables ?? new Iptables();
}

function chainsOf(iptables: Iptables, table: TableName, name: string | undefined): readonly Chain[] {
  const chains = iptables.chains(table);
  if (name === undefined) return chains;
  const chain = chains.find((each) => each.name === name);
  if (chain !== undefined) return [chain];
  const words = `chain \`${name}' in table \`${table}' is incompatible, use 'nft' tool.`;
  throw new ChainError(`iptables v${iptables.release} (nf_tables): ${words}`);
}

/** `-L` (iptables/nft.c, nft_rule_list). */
function list(command: IptablesCommand, iptables: Iptables, name: string | undefined): readonly string[] {
  const { table, hasNumbers, isVerbose, isExact } = command;
  const lines: string[] = [];
  const counters = isExact ? "    pkts      bytes " : " pkts bytes ";
  for (const chain of chainsOf(iptables, table, name)) {
    if (lines.length > 0) lines.push("");
    lines.push(`Chain ${chain.name} (${titleOf(chain, iptables, command)})`);
    lines.push(`${hasNumbers ? "num  " : ""}${isVerbose ? counters : ""}${listHeader(command)}`);
    for (const [index, { rule, packets, bytes }] of chain.rules.entries()) {
      const number = hasNumbers ? `${index + 1}`.padEnd(4).concat(" ") : "";
      const counted = isVerbose ? `${count(packets, isExact)}${count(bytes, isExact)}` : "";
      lines.push(`${number}${counted}${listRule(rule, command)}`);
    }
  }
  return lines;
}

function titleOf(chain: Chain, iptables: Iptables, { table, isVerbose, isExact }: IptablesCommand): string {
  if (chain.hook === undefined) return `${referencesTo(chain, iptables, table)} references`;
  if (!isVerbose) return `policy ${chain.policy}`;
  const number = (value: number): string => count(value, isExact).trim();
  return `policy ${chain.policy} ${number(chain.packets)} packets, ${number(chain.bytes)} bytes`;
}

function referencesTo(chain: Chain, iptables: Iptables, table: TableName): number {
  let references = 0;
  for (const { rules: others } of iptables.chains(table)) {
    for (const { rule } of others) if (targetChain(rule) === chain.name) references++;
  }
  return references;
}

/** Linux xtables_print_num: thousands from 100,000 on. */
function count(value: number, isExact: boolean): string {
  if (isExact) return `${value}`.padStart(8).concat(" ");
  if (value <= 99_999) return `${value}`.padStart(5).concat(" ");
  let number = value;
  for (const unit of ["K", "M", "G"]) {
    number = Math.round(number / 1000);
    if (number <= 9999) return `${number}${unit}`.padStart(5).concat(" ");
  }
  return `${Math.round(number / 1000)}T`.padStart(5).concat(" ");
}

/** `-S`: policies, chains of one's own, rules. */
function rules(table: TableName, iptables: Iptables, name: string | undefined): readonly string[] {
  const chains = chainsOf(iptables, table, name);
  return [
    ...chains.map((chain) => (chain.hook === undefined ? `-N ${chain.name}` : `-P ${chain.name} ${chain.policy}`)),
    ...chains.flatMap((chain) => chain.rules.map(({ rule }) => `-A ${chain.name} ${formatRule(rule)}`.trimEnd())),
  ];
}

/** A machine's own; dockerd may have brought another one with it. */
const VERSION = "v1.8.9 (nf_tables)";

export const IPTABLES_SAVE: Program = {
  check(argv) {
    readSave(argv);
  },
  *main(argv, { environment: { netns }, print }) {
    const { counters, table } = readSave(argv);
    const iptables = seen(netns);
    const on = dateOf(netns.node.softnet.now);
    for (const each of TABLES) {
      if (!iptables.has(each) || (table !== undefined && table !== each)) continue;
      print(`# Generated by iptables-save ${VERSION} on ${on}`);
      for (const line of iptables.save({ counters, table: each })) print(line);
      print(`# Completed on ${on}`);
    }
    return 0;
  },
};

function readSave(argv: readonly string[]): { readonly counters: boolean; readonly table: TableName | undefined } {
  let counters = false;
  let table: TableName | undefined;
  for (let index = 1; index < argv.length; index++) {
    const word = argv[index]!;
    if (word === "-c" || word === "--counters") counters = true;
    else if (word === "-t" || word === "--table") {
      const name = argv[++index];
      table = TABLES.find((each) => each === name);
      if (table === undefined) throw new UsageError(`iptables-save: table '${name ?? ""}' does not exist`);
    } else throw new UsageError(`iptables-save: option ${word} is not modelled; there are -c -t`);
  }
  return { counters, table };
}

/** `Wed Nov 25 19:46:13 2026`, UTC (asctime). */
function dateOf(now: number): string {
  const date = new Date((EPOCH_SECONDS + Math.floor(now / 1e9)) * 1000);
  const [weekday = "", day = "", month = "", year = "", time = ""] = date.toUTCString().replace(",", "").split(" ");
  return `${weekday} ${month} ${day.replace(/^0/, " ")} ${time} ${year}`;
}
