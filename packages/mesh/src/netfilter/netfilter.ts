/**
 * The hooks of one namespace (Linux net/netfilter/core.c, nf_hook_slow) and what iptables, connection tracking and NAT
 * register there. A namespace whose `netfilter` is undefined has nothing registered and pays nothing; of one that has,
 * a hook costs what is registered at it.
 *
 * Not modelled: queues to user space, table security, hooks of other families.
 */
import type { NetDevice } from "../device.ts";
import type { Frame } from "../frame.ts";
import type { Netns } from "../netns.ts";
import { ConntrackTable } from "../tables/conntrack.ts";
import type { DropReason } from "../trace/drop-reason.ts";
import { StepKind } from "../trace/step.ts";
import { BrNetfilter } from "./br-netfilter.ts";
import type { Chain, ChainRule } from "./chain.ts";
import { ConntrackHook } from "./conntrack.ts";
import { ConfirmEntry, DefragEntry, TrackEntry } from "./conntrack-entries.ts";
import { Hook, HookPriority } from "./hook.ts";
import type { HookEntry } from "./hook-entry.ts";
import { Iptables } from "./iptables.ts";
import { Nat } from "./nat.ts";
import { NatHook } from "./nat-hook.ts";
import { Packet } from "./packet.ts";
import type { Match, Rule } from "./rule.ts";
import { TableHook } from "./table-hook.ts";

const HOOKS: readonly Hook[] = Object.values(Hook);
const PRIORITY_OF = { raw: HookPriority.raw, mangle: HookPriority.mangle, filter: HookPriority.filter } as const;
/** Matches that ask for a packet's connection, and so have connections tracked (nf_ct_netns_get). */
const ASKS_CONNTRACK: readonly (keyof Match)[] = [
  "ctState",
  "notCtState",
  "ctOrigSrc",
  "ctOrigDst",
  "ctOrigSrcPort",
  "ctOrigDstPort",
  "ctDir",
  "state",
  "notState",
];

/** The hooks of a namespace, which come into being with the first that is wanted. */
export function netfilterOf(netns: Netns): Netfilter {
  netns.netfilter ??= new Netfilter(netns);
  return netns.netfilter;
}

interface Registered {
  readonly priority: number;
  readonly entry: HookEntry;
}

export class Netfilter {
  readonly netns: Netns;
  readonly iptables: Iptables;
  readonly conntrack: ConntrackTable = new ConntrackTable();
  readonly nat: Nat;
  /** What a bridge of this namespace shows to the hooks. */
  readonly bridge: BrNetfilter;
  /** The packet that rules look at. */
  readonly packet: Packet;
  /** The port that a bridged packet is about to leave by. */
  physOut: NetDevice | undefined = undefined;
  /** After `run` answered undefined: true if the frame was dropped, not kept. Who sends it is told EPERM. */
  hasDropped = false;
  readonly #track: TrackEntry;
  readonly #confirm: ConfirmEntry;
  readonly #defrag: DefragEntry;
  /** By hook, in order of priority. */
  #entries: readonly (readonly HookEntry[])[] = HOOKS.map(() => []);
  /** Registered by others than iptables. */
  readonly #others: (Registered & { readonly hook: Hook })[] = [];
  /** Tables have changed since: a node has dozens of rules before its first packet. */
  #isStale = false;
  /** Once tracked, always tracked: the kernel lets go of it only with the last rule that asks. */
  #tracks = false;

  constructor(netns: Netns) {
    this.netns = netns;
    const { node } = netns;
    const tracker = new ConntrackHook(netns, this.conntrack);
    this.packet = new Packet(node.frames.view);
    this.nat = new Nat(this.conntrack, node.random);
    this.bridge = new BrNetfilter(this);
    this.#track = new TrackEntry(this, tracker);
    this.#confirm = new ConfirmEntry(this, tracker);
    this.#defrag = new DefragEntry(netns);
    this.iptables = new Iptables(node.iptables, () => {
      this.#isStale = true;
    });
  }

  /** True if connections are tracked here. */
  get tracksConnections(): boolean {
    if (this.#isStale) this.#register();
    return this.#tracks;
  }

  /**
   * The frame to go on with, which is another one after reassembly; or undefined: dropped, its reason recorded, or kept
   * for reassembly. The IPv4 header lies 14 bytes behind the frame's start.
   */
  run(hook: Hook, frame: Frame, inDevice: NetDevice | undefined, outDevice: NetDevice | undefined): Frame | undefined {
    this.hasDropped = false;
    // ip_sabotage_in: prerouting has seen it at the bridge port.
    if (hook === Hook.prerouting && frame.physIn !== undefined) return frame;
    return this.iterate(hook, frame, inDevice, outDevice);
  }

  /** {@link run}, also for a frame that is at a bridge port (Linux nf_hook_slow). */
  iterate(
    hook: Hook,
    frame: Frame,
    inDevice: NetDevice | undefined,
    outDevice: NetDevice | undefined,
  ): Frame | undefined {
    if (this.#isStale) this.#register();
    const entries = this.#entries[hook]!;
    let current = frame;
    for (let index = 0; index < entries.length; index++) {
      const next = entries[index]!.run(hook, current, inDevice, outDevice);
      if (next === undefined) return undefined;
      current = next;
    }
    return current;
  }

  /** Linux nf_register_net_hook, for what is no table: IPVS. */
  register(hook: Hook, priority: number, entry: HookEntry): void {
    this.#others.push({ hook, priority, entry });
    this.#register();
  }

  /** NETDEV_DOWN: connections that are masqueraded as the device's address cannot go on (masq_device_event). */
  deviceGoesDown(device: NetDevice): void {
    const { now } = this.netns.node.softnet;
    this.conntrack.deleteIf(now, (entry) => entry.masqueradeDevice === device.index);
  }

  /** An address is gone, and with it the connections that are masqueraded as it (masq_inet_event). */
  addressIsRemoved(device: NetDevice, ip: number): void {
    const { now } = this.netns.node.softnet;
    this.conntrack.deleteIf(now, (entry) => entry.masqueradeDevice === device.index && entry.replyDstIp === ip);
  }

  /** Takes the frame's connection into the table. False: the frame was dropped instead. */
  confirm(frame: Frame): boolean {
    return !this.#tracks || this.#confirm.run(Hook.input, frame) !== undefined;
  }

  /** The frame ends here. Always answers undefined, for an entry to answer in turn. */
  drop(frame: Frame, reason: DropReason): undefined {
    this.netns.drop(frame, reason);
    this.hasDropped = true;
    return undefined;
  }

  /** Says in the trace which rule decided. */
  recordRule(frame: Frame, rule: ChainRule): void {
    const { recorder } = this.netns.node;
    if (rule.label < 0) rule.label = recorder.addLabel(() => rule.text);
    recorder.step(frame, StepKind.rule, rule.label, 0);
  }

  /** Says that the chain's policy decided. */
  recordPolicy(frame: Frame, chain: Chain): void {
    const { recorder } = this.netns.node;
    if (chain.label < 0) chain.label = recorder.addLabel(() => `${chain.name}, policy ${chain.policy}`);
    recorder.step(frame, StepKind.rule, chain.label, 0);
  }

  /** Tables have changed: what is there is registered anew. */
  #register(): void {
    this.#isStale = false;
    const lists: Registered[][] = HOOKS.map(() => []);
    const add = (hook: Hook, priority: number, entry: HookEntry): void => {
      lists[hook]!.push({ priority, entry });
    };
    for (const table of ["raw", "mangle", "filter"] as const) {
      for (const chain of this.iptables.builtIn(table)) {
        const counts = this.iptables.countsPolicy(chain);
        if (chain.rules.length === 0 && chain.policy === "ACCEPT" && !counts) continue;
        add(chain.hook, PRIORITY_OF[table], new TableHook(this, chain, counts));
      }
    }
    for (const chain of this.iptables.builtIn("nat")) {
      const isSource = chain.hook === Hook.postrouting || chain.hook === Hook.input;
      const priority = isSource ? HookPriority.natSrc : HookPriority.natDst;
      add(chain.hook, priority, new NatHook(this, chain, this.iptables.countsPolicy(chain)));
    }
    this.#tracks ||= this.iptables.has("nat") || this.iptables.someRule(asksConntrack);
    if (this.#tracks) {
      for (const hook of [Hook.prerouting, Hook.output]) {
        add(hook, HookPriority.conntrackDefrag, this.#defrag);
        add(hook, HookPriority.conntrack, this.#track);
      }
      for (const hook of [Hook.input, Hook.postrouting]) add(hook, HookPriority.conntrackConfirm, this.#confirm);
    }
    for (const { hook, priority, entry } of this.#others) add(hook, priority, entry);
    this.#entries = lists.map((list) => list.sort((a, b) => a.priority - b.priority).map(({ entry }) => entry));
  }
}

function asksConntrack({ match, target }: Rule): boolean {
  return target.kind === "notrack" || ASKS_CONNTRACK.some((field) => match[field] !== undefined);
}
