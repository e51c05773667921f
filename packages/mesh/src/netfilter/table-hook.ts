/** A built-in chain of raw, mangle or filter at its hook (Linux net/ipv4/netfilter/iptable_filter.c and others). */
import type { NetDevice } from "../device.ts";
import type { Frame } from "../frame.ts";
import { DropReason } from "../trace/drop-reason.ts";
import type { Chain } from "./chain.ts";
import type { Hook } from "./hook.ts";
import type { HookEntry } from "./hook-entry.ts";
import type { Netfilter } from "./netfilter.ts";
import { reject } from "./reject.ts";

export class TableHook implements HookEntry {
  readonly #netfilter: Netfilter;
  readonly #chain: Chain;
  readonly #countsPolicy: boolean;

  constructor(netfilter: Netfilter, chain: Chain, countsPolicy: boolean) {
    this.#netfilter = netfilter;
    this.#chain = chain;
    this.#countsPolicy = countsPolicy;
  }

  run(_hook: Hook, frame: Frame, inDevice: NetDevice | undefined, outDevice: NetDevice | undefined): Frame | undefined {
    const netfilter = this.#netfilter;
    const { packet } = netfilter;
    const chain = this.#chain;
    packet.wrap(frame, inDevice, outDevice);
    packet.physOut = netfilter.physOut;
    const rule = chain.traverse(packet, netfilter.netns);
    if (rule === undefined) {
      if (this.#countsPolicy) {
        chain.packets++;
        chain.bytes += packet.length;
      }
      if (chain.policy === "ACCEPT") return frame;
      netfilter.recordPolicy(frame, chain);
      return netfilter.drop(frame, DropReason.NETFILTER_DROP);
    }
    const { target } = rule.rule;
    netfilter.recordRule(frame, rule);
    if (target.kind === "reject") reject(netfilter, frame, target.with);
    else if (target.kind !== "drop") return frame;
    return netfilter.drop(frame, DropReason.NETFILTER_DROP);
  }
}
