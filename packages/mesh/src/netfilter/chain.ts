/** A chain of rules with its counters, as the kernel holds it (net/ipv4/netfilter/ip_tables.c). */
import type { Hook } from "./hook.ts";
import type { Policy, Rule } from "./rule.ts";

/** A rule in its chain. */
export class ChainRule {
  readonly rule: Rule;
  packets = 0;
  bytes = 0;

  constructor(rule: Rule) {
    this.rule = rule;
  }
}

export class Chain {
  readonly name: string;
  /** Where packets enter a built-in chain; undefined for one that is only jumped to. */
  readonly hook: Hook | undefined;
  readonly rules: ChainRule[] = [];
  policy: Policy = "ACCEPT";
  /** `iptables -P` has named a policy. */
  isPolicySet = false;
  /** A rule has been in it, or a policy was set: the kernel knows the chain. */
  isUsed = false;
  /** What the policy decided. */
  packets = 0;
  bytes = 0;

  constructor(name: string, hook: Hook | undefined) {
    this.name = name;
    this.hook = hook;
  }
}
