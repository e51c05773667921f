/**
 * What connection tracking registers (Linux net/netfilter/nf_conntrack_proto.c, ipv4_conntrack_ops; net/ipv4/netfilter/
 * nf_defrag_ipv4.c): whole packets first, then their connection, and when they have come through, its confirmation.
 */
import * as ethernet from "@hopscope/codec/ethernet";
import * as ipv4 from "@hopscope/codec/ipv4";
import type { NetDevice } from "../device.ts";
import type { Frame } from "../frame.ts";
import { FragmentUser } from "../host/ip-fragment.ts";
import type { Netns } from "../netns.ts";
import { DropReason } from "../trace/drop-reason.ts";
import type { ConntrackHook } from "./conntrack.ts";
import { Hook } from "./hook.ts";
import type { HookEntry } from "./hook-entry.ts";
import type { Netfilter } from "./netfilter.ts";

/** ipv4_conntrack_defrag. Each place has packets of its own (nf_ct_defrag_user). */
export class DefragEntry implements HookEntry {
  readonly #netns: Netns;

  constructor(netns: Netns) {
    this.#netns = netns;
  }

  run(hook: Hook, frame: Frame, inDevice: NetDevice | undefined, outDevice: NetDevice | undefined): Frame | undefined {
    if (frame.ct !== undefined) return frame;
    const netns = this.#netns;
    if (!ipv4.isFragment(netns.node.frames.view, frame.start + ethernet.HEADER_LENGTH)) return frame;
    let user: FragmentUser = frame.physIn === undefined ? FragmentUser.conntrackIn : FragmentUser.conntrackBridgeIn;
    if (hook === Hook.output) user = FragmentUser.conntrackOut;
    return netns.ipv4.fragments.add(frame, inDevice ?? outDevice!, user);
  }
}

/** ipv4_conntrack_in, ipv4_conntrack_local. */
export class TrackEntry implements HookEntry {
  readonly #netfilter: Netfilter;
  readonly #tracker: ConntrackHook;

  constructor(netfilter: Netfilter, tracker: ConntrackHook) {
    this.#netfilter = netfilter;
    this.#tracker = tracker;
  }

  run(hook: Hook, frame: Frame): Frame | undefined {
    return this.#tracker.track(frame, hook) ? frame : this.#netfilter.drop(frame, DropReason.NETFILTER_DROP);
  }
}

/** nf_confirm. */
export class ConfirmEntry implements HookEntry {
  readonly #netfilter: Netfilter;
  readonly #tracker: ConntrackHook;

  constructor(netfilter: Netfilter, tracker: ConntrackHook) {
    this.#netfilter = netfilter;
    this.#tracker = tracker;
  }

  run(_hook: Hook, frame: Frame): Frame | undefined {
    return this.#tracker.confirm(frame) ? frame : this.#netfilter.drop(frame, DropReason.NETFILTER_DROP);
  }
}
