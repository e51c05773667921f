/**
 * Chains of rules with their counters, and a packet's way through them (Linux net/ipv4/netfilter/ip_tables.c,
 * ipt_do_table).
 */
import type { Netns } from "../netns.ts";
import { CtInfo } from "../tables/conntrack.ts";
import { ChainIndex } from "./chain-index.ts";
import type { Hook } from "./hook.ts";
import { CompiledMatch } from "./match.ts";
import type { Packet } from "./packet.ts";
import type { Policy, Rule } from "./rule.ts";
import { formatRule } from "./rule-format.ts";

/** What a rule's target is to the walk through its chain. */
const Step = {
  /** Go on with the next rule. */
  next: 0,
  /** The rule decides. */
  decide: 1,
  leave: 2,
  jump: 3,
  /** Jump, and do not come back. */
  goto: 4,
  mark: 5,
  notrack: 6,
} as const;
type Step = (typeof Step)[keyof typeof Step];

function stepOf({ target }: Rule): Step {
  switch (target.kind) {
    case "none":
    case "log":
    // No packet that a rule can see was left to a network card, but those of sockets, of which none is SCTP's.
    case "checksum":
      return Step.next;
    case "return":
      return Step.leave;
    case "jump":
    case "goto":
    case "mark":
    case "notrack":
      return Step[target.kind];
    default:
      return Step.decide;
  }
}

/** A rule in its chain. */
export class ChainRule {
  readonly rule: Rule;
  packets = 0;
  bytes = 0;
  /** Number of its words among the recorder's labels, or -1. */
  label = -1;
  readonly #chain: Chain;
  readonly #step: Step;
  /** Where it jumps to. */
  readonly #to: Chain | undefined;
  readonly #markValue: number;
  readonly #markMask: number;
  #match: CompiledMatch | undefined = undefined;

  constructor(rule: Rule, chain: Chain, to: Chain | undefined) {
    const { target } = rule;
    this.rule = rule;
    this.#chain = chain;
    this.#step = stepOf(rule);
    this.#to = to;
    this.#markValue = target.kind === "mark" ? target.value | 0 : 0;
    this.#markMask = target.kind === "mark" ? (target.mask ?? -1) | 0 : 0;
  }

  /** `FORWARD -i docker0 -o docker0 -j ACCEPT` */
  get text(): string {
    return `${this.#chain.name} ${formatRule(this.rule)}`;
  }

  /**
   * What comes of the packet at this rule: the rule that decides, {@link LEAVE} for the end of the chain, or undefined
   * for the next rule.
   */
  apply(packet: Packet, netns: Netns): ChainRule | typeof LEAVE | undefined {
    this.#match ??= new CompiledMatch(this.rule.match, netns);
    if (!this.#match.matches(packet)) return undefined;
    this.packets++;
    this.bytes += packet.length;
    switch (this.#step) {
      case Step.decide:
        return this;
      case Step.leave:
        return LEAVE;
      case Step.jump:
        return this.#to!.traverse(packet, netns);
      case Step.goto:
        return this.#to!.traverse(packet, netns) ?? LEAVE;
      case Step.mark:
        packet.frame.mark = (packet.frame.mark & ~this.#markMask) ^ this.#markValue;
        return undefined;
      case Step.notrack:
        if (packet.frame.ct === undefined) packet.frame.ctInfo = CtInfo.untracked;
        return undefined;
      default:
        return undefined;
    }
  }
}

/** Rules of a chain that is worth an index. */
const LONG = 16;

/** The packet leaves the chain undecided. */
const LEAVE: unique symbol = Symbol("leave");

export class Chain {
  readonly name: string;
  /** Where packets enter a built-in chain; undefined for one that is only jumped to. */
  readonly hook: Hook | undefined;
  readonly #rules: ChainRule[] = [];
  /** Of a long chain, made for its next packet. */
  #index: ChainIndex | undefined = undefined;
  policy: Policy = "ACCEPT";
  /** `iptables -P` has named a policy. */
  isPolicySet = false;
  /** A rule has been in it, or a policy was set: the kernel knows the chain. */
  isUsed = false;
  /** What the policy decided. */
  packets = 0;
  bytes = 0;
  /** Number of its policy's words among the recorder's labels, or -1. */
  label = -1;

  constructor(name: string, hook: Hook | undefined) {
    this.name = name;
    this.hook = hook;
  }

  get rules(): readonly ChainRule[] {
    return this.#rules;
  }

  /** In front of the rule that is at `index` now; with `replaced` 1, instead of it. */
  insert(index: number, rule: ChainRule, replaced: 0 | 1 = 0): void {
    this.#rules.splice(index, replaced, rule);
    this.#index = undefined;
  }

  delete(index: number): void {
    this.#rules.splice(index, 1);
    this.#index = undefined;
  }

  clear(): void {
    this.#rules.length = 0;
    this.#index = undefined;
  }

  /** The rule that decides about the packet, or undefined: the chain says nothing, or its policy does. */
  traverse(packet: Packet, netns: Netns): ChainRule | undefined {
    const rules = this.#rules;
    if (rules.length >= LONG) return this.#traverseLong(packet, netns);
    for (let index = 0; index < rules.length; index++) {
      const decided = rules[index]!.apply(packet, netns);
      if (decided !== undefined) return decided === LEAVE ? undefined : decided;
    }
    return undefined;
  }

  /** {@link traverse}, of a chain of which a packet can match few rules. */
  #traverseLong(packet: Packet, netns: Netns): ChainRule | undefined {
    const rules = this.#rules;
    this.#index ??= new ChainIndex(rules.map(({ rule }) => rule.match));
    const index = this.#index;
    const { always } = index;
    const forDstIp = index.forDstIp(packet);
    const forDstPort = index.forDstPort(packet);
    const forSrcPort = index.forSrcPort(packet);
    let a = 0;
    let b = 0;
    let c = 0;
    let d = 0;
    for (;;) {
      let at = rules.length;
      if (a < always.length) at = always[a]!;
      if (b < forDstIp.length && forDstIp[b]! < at) at = forDstIp[b]!;
      if (c < forDstPort.length && forDstPort[c]! < at) at = forDstPort[c]!;
      if (d < forSrcPort.length && forSrcPort[d]! < at) at = forSrcPort[d]!;
      if (at === rules.length) return undefined;
      if (a < always.length && always[a] === at) a++;
      else if (b < forDstIp.length && forDstIp[b] === at) b++;
      else if (c < forDstPort.length && forDstPort[c] === at) c++;
      else d++;
      const decided = rules[at]!.apply(packet, netns);
      if (decided !== undefined) return decided === LEAVE ? undefined : decided;
    }
  }
}
