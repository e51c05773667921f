/**
 * Packet transformation of a namespace (Linux struct netns_xfrm): its associations and policies, the way of what is to be
 * encrypted (net/xfrm/xfrm_policy.c, xfrm_lookup), and what went wrong (/proc/net/xfrm_stat). A namespace that never had
 * an association has no `xfrm`, and ESP is an unknown protocol there.
 */
import { IpProtocol } from "@hopscope/codec/code-points";
import * as ethernet from "@hopscope/codec/ethernet";
import * as ipv4 from "@hopscope/codec/ipv4";
import * as udp from "@hopscope/codec/udp";
import type { Frame } from "../frame.ts";
import type { Dst } from "../host/route.ts";
import type { Netns } from "../netns.ts";
import { Random } from "../sim/random.ts";
import { DropReason, dropReasonName } from "../trace/drop-reason.ts";
import { XfrmPolicies } from "./policy.ts";
import { type XfrmState, XfrmState as State, type XfrmStateInit, XfrmStates } from "./state.ts";

/** What the way of a transformed packet adds to a route (struct xfrm_dst). */
export interface XfrmBundle {
  readonly state: XfrmState;
  /** The route that it takes when it has been transformed. */
  readonly child: Dst;
}

/** The transformation of a namespace, which comes into being with its first association. */
export function xfrmOf(netns: Netns): Xfrm {
  netns.xfrm ??= new Xfrm(netns);
  return netns.xfrm;
}

export class Xfrm {
  readonly states: XfrmStates = new XfrmStates();
  readonly policies: XfrmPolicies = new XfrmPolicies();
  /** Every association that there ever was, for those who want to read a trace. */
  readonly history: XfrmState[] = [];
  /** Packets that were dropped, by reason. */
  readonly dropped: Map<DropReason, number> = new Map();
  readonly #netns: Netns;
  /** Ways that were decided, by their association; they hold as long as the route does. */
  readonly #bundles: Map<XfrmState, Dst> = new Map();

  constructor(netns: Netns) {
    this.#netns = netns;
  }

  /** `ip xfrm state add`. False if there is one with that SPI. Throws if the mesh was given no cipher. */
  addState(init: XfrmStateInit): boolean {
    const { node } = this.#netns;
    if (node.aead === undefined)
      throw new Error(
        `${node.name}: an encrypted network needs a cipher, and the run was given none (RunOptions.aead)`,
      );
    const chance = new Random(node.hashSeed, `seqiv:${init.srcIp}:${init.dstIp}:${init.spi}`);
    const iv = [chance.int32() >>> 0, chance.int32() >>> 0] as const;
    const state = new State(init, node.aead, iv, node.softnet.now);
    if (!this.states.add(state)) return false;
    this.history.push(state);
    return true;
  }

  /** `ip xfrm state delete`. False if there is none. */
  deleteState(dstIp: number, spi: number): boolean {
    const state = this.states.find(dstIp, spi);
    if (state !== undefined) this.#bundles.delete(state);
    return this.states.delete(dstIp, spi);
  }

  /**
   * The way of a packet whose route is `dst`: that, or one that transforms it first. Undefined: it was dropped, because
   * the association that its policy names is not there.
   */
  lookup(frame: Frame, dst: Dst): Dst | undefined {
    const { view } = this.#netns.node.frames;
    const ipAt = frame.start + ethernet.HEADER_LENGTH;
    // xfrm_decode_session finds no ports in a later fragment; there is none here before the packet is sent.
    if (ipv4.protocol(view, ipAt) !== IpProtocol.udp) return dst;
    const at = ipv4.payloadStart(view, ipAt);
    if (at + udp.HEADER_LENGTH > frame.end) return dst;
    const held = this.policies.find(ipv4.srcIp(view, ipAt), ipv4.dstIp(view, ipAt), udp.dstPort(view, at), frame.mark);
    if (held === undefined) return dst;
    held.usedAt = this.#netns.node.softnet.now;
    const { template } = held.policy;
    const state = this.states.find(template.dstIp, template.spi);
    if (state === undefined || state.srcIp !== template.srcIp || state.reqid !== template.reqid) {
      // Nobody is there who could be asked for one (net.core.xfrm_larval_drop).
      this.drop(frame, DropReason.XfrmOutNoStates);
      return undefined;
    }
    const known = this.#bundles.get(state);
    if (known?.xfrm?.child === dst) return known;
    const bundle: Dst = { ...dst, xfrm: { state, child: dst } };
    this.#bundles.set(state, bundle);
    return bundle;
  }

  /** The packet ends here, and is counted. */
  drop(frame: Frame, reason: DropReason): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1);
    this.#netns.drop(frame, reason);
  }

  /** /proc/net/xfrm_stat (net/xfrm/xfrm_proc.c). */
  statistics(): string {
    const counts = new Map(Array.from(this.dropped, ([reason, count]) => [dropReasonName(reason) as string, count]));
    return COUNTERS.map((name) => `${name.padEnd(24)}\t${counts.get(name) ?? 0}\n`).join("");
  }
}

/** In the order in which the kernel prints them. */
const COUNTERS: readonly string[] = [
  "XfrmInError",
  "XfrmInBufferError",
  "XfrmInHdrError",
  "XfrmInNoStates",
  "XfrmInStateProtoError",
  "XfrmInStateModeError",
  "XfrmInStateSeqError",
  "XfrmInStateExpired",
  "XfrmInStateMismatch",
  "XfrmInStateInvalid",
  "XfrmInTmplMismatch",
  "XfrmInNoPols",
  "XfrmInPolBlock",
  "XfrmInPolError",
  "XfrmOutError",
  "XfrmOutBundleGenError",
  "XfrmOutBundleCheckError",
  "XfrmOutNoStates",
  "XfrmOutStateProtoError",
  "XfrmOutStateModeError",
  "XfrmOutStateSeqError",
  "XfrmOutStateExpired",
  "XfrmOutPolBlock",
  "XfrmOutPolDead",
  "XfrmOutPolError",
  "XfrmFwdHdrError",
  "XfrmOutStateInvalid",
  "XfrmAcquireError",
];
