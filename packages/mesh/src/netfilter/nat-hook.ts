/**
 * NAT at a hook (Linux net/netfilter/nf_nat_core.c, nf_nat_inet_fn; nf_nat_proto.c; nf_nat_masquerade.c;
 * nf_nat_redirect.c): the first packet of a connection asks the rules, all others are translated as it was.
 */
import { IpProtocol } from "@hopscope/codec/code-points";
import * as ethernet from "@hopscope/codec/ethernet";
import * as icmp from "@hopscope/codec/icmp";
import * as ipv4 from "@hopscope/codec/ipv4";
import type { NetDevice } from "../device.ts";
import { Checksum, type Frame } from "../frame.ts";
import { type Conntrack, CtDirection, CtInfo, CtStatus, directionOf, invertPorts } from "../tables/conntrack.ts";
import { DropReason } from "../trace/drop-reason.ts";
import { StepKind } from "../trace/step.ts";
import type { Chain } from "./chain.ts";
import { Hook } from "./hook.ts";
import type { HookEntry } from "./hook-entry.ts";
import { isChecksumRight } from "./ip-checksum.ts";
import { Manip, manipulate, manipulateAddress } from "./nat-manip.ts";
import type { Netfilter } from "./netfilter.ts";
import type { NatRange, Target } from "./rule.ts";

const LOOPBACK_IP = 0x7f000001;

export class NatHook implements HookEntry {
  readonly #netfilter: Netfilter;
  /** The chain of table nat at this hook. */
  readonly #chain: Chain;
  readonly #countsPolicy: boolean;

  constructor(netfilter: Netfilter, chain: Chain, countsPolicy: boolean) {
    this.#netfilter = netfilter;
    this.#chain = chain;
    this.#countsPolicy = countsPolicy;
  }

  run(hook: Hook, frame: Frame, inDevice: NetDevice | undefined, outDevice: NetDevice | undefined): Frame | undefined {
    const { ct, ctInfo } = frame;
    // What belongs to no connection is not translated.
    if (ct === undefined) return frame;
    // HOOK2MANIP
    const manip = hook === Hook.prerouting || hook === Hook.output ? Manip.dst : Manip.src;
    const isRelated = ctInfo === CtInfo.related || ctInfo === CtInfo.relatedReply;
    if (isRelated && this.#protocolOf(frame) === IpProtocol.icmp) return this.#translateError(frame, ct, manip);
    const done = manip === Manip.src ? CtStatus.srcNatDone : CtStatus.dstNatDone;
    if ((ctInfo === CtInfo.new || isRelated) && (ct.status & done) === 0) {
      if (!this.#bind(ct, manip, hook, frame, inDevice, outDevice)) {
        return this.#netfilter.drop(frame, DropReason.NETFILTER_DROP);
      }
    } else if (
      // nf_nat_oif_changed: masqueraded as another way out, it cannot go on.
      hook === Hook.postrouting &&
      ct.masqueradeDevice !== 0 &&
      ct.masqueradeDevice !== outDevice!.index &&
      directionOf(ctInfo) === CtDirection.original
    ) {
      this.#netfilter.conntrack.delete(ct);
      return this.#netfilter.drop(frame, DropReason.NETFILTER_DROP);
    }
    if (!isTranslated(ct, ctInfo, manip)) return frame;
    return this.#translate(frame, ct, manip, hook);
  }

  #protocolOf(frame: Frame): number {
    return ipv4.protocol(this.#netfilter.netns.node.frames.view, frame.start + ethernet.HEADER_LENGTH);
  }

  /** Asks the rules about a connection's first packet. False: drop it. */
  #bind(
    ct: Conntrack,
    manip: Manip,
    hook: Hook,
    frame: Frame,
    inDevice: NetDevice | undefined,
    outDevice: NetDevice | undefined,
  ): boolean {
    const { nat, netns, packet } = this.#netfilter;
    const { now } = netns.node.softnet;
    const chain = this.#chain;
    packet.wrap(frame, inDevice, outDevice);
    const rule = chain.traverse(packet, netns);
    if (rule === undefined) {
      if (this.#countsPolicy) {
        chain.packets++;
        chain.bytes += packet.length;
      }
      nat.bindToItself(ct, manip, now);
      return true;
    }
    const { target } = rule.rule;
    if (target.kind === "drop") return false;
    const range = this.#rangeOf(target, ct, hook, frame, inDevice, outDevice);
    if (range === undefined) return false;
    this.#netfilter.recordRule(frame, rule);
    nat.setup(ct, range, manip, now);
    return true;
  }

  /** What a target asks for: the connection itself if it asks for nothing; undefined if there is no address for it. */
  #rangeOf(
    target: Target,
    ct: Conntrack,
    hook: Hook,
    frame: Frame,
    inDevice: NetDevice | undefined,
    outDevice: NetDevice | undefined,
  ): NatRange | undefined {
    const { netns, packet } = this.#netfilter;
    switch (target.kind) {
      case "dnat":
      case "snat":
        return target;
      case "masquerade": {
        // nf_nat_masquerade_ipv4: the address that the way out has for that neighbor.
        const out = outDevice!;
        if (ct.originalSrcIp === 0) return { ip: 0 };
        const source = netns.sourceFor(out, frame.dst?.nextHop ?? packet.dstIp);
        if (source === 0) return undefined;
        ct.masqueradeDevice = out.index;
        return withPorts(source, target);
      }
      case "redirect": {
        // nf_nat_redirect_ipv4: to this host, as the sender's side knows it.
        const ip = hook === Hook.output ? LOOPBACK_IP : firstAddressOf(inDevice!);
        return ip === 0 ? undefined : withPorts(ip, target);
      }
      default: {
        const isSource = hook === Hook.postrouting || hook === Hook.input;
        return { ip: isSource ? ct.replyDstIp : ct.replySrcIp };
      }
    }
  }

  /** Linux nf_nat_packet and nf_nat_manip_pkt. */
  #translate(frame: Frame, ct: Conntrack, manip: Manip, hook: Hook): Frame | undefined {
    const { frames, recorder } = this.#netfilter.netns.node;
    if (!frames.own(frame)) return this.#netfilter.drop(frame, DropReason.NOMEM);
    const other = (1 - directionOf(frame.ctInfo)) as CtDirection;
    const ports = invertPorts(ct.protocol, ct.ports(other));
    const isSource = manip === Manip.src;
    const ip = isSource ? ct.dstIp(other) : ct.srcIp(other);
    // ICMP's identifier is one for both ends.
    const port = isSource || ct.protocol === IpProtocol.icmp ? ports >>> 16 : ports & 0xffff;
    const ipAt = frame.start + ethernet.HEADER_LENGTH;
    const { view } = frames;
    const oldIp = isSource ? ipv4.srcIp(view, ipAt) : ipv4.dstIp(view, ipAt);
    manipulate(view, ipAt, frame.end, manip, ip, port, frame.csum === Checksum.partial);
    // nf_nat_ipv4_pre_routing: it goes somewhere else than it would have.
    if (hook === Hook.prerouting && ip !== oldIp) frame.dst = undefined;
    recorder.step(frame, isSource ? StepKind.translateSrc : StepKind.translateDst, ip, port);
    return frame;
  }

  /**
   * Linux nf_nat_icmp_reply_translation: an ICMP error about a translated connection is for who knows it by other
   * addresses; so is the packet that it quotes.
   */
  #translateError(frame: Frame, ct: Conntrack, manip: Manip): Frame | undefined {
    const netfilter = this.#netfilter;
    const { frames, recorder } = netfilter.netns.node;
    const { view } = frames;
    let ipAt = frame.start + ethernet.HEADER_LENGTH;
    let at = ipv4.payloadStart(view, ipAt);
    if (!isChecksumRight(view, ipAt, at, ipv4.payloadEnd(view, ipAt, frame.end)))
      return netfilter.drop(frame, DropReason.NETFILTER_DROP);
    if (icmp.type(view, at) === icmp.IcmpType.redirect) {
      // Whom to send to instead means nothing to somebody behind a translation.
      const isDone = (ct.status & CtStatus.natDoneMask) === CtStatus.natDoneMask;
      if (!isDone || (ct.status & CtStatus.natMask) !== 0) return netfilter.drop(frame, DropReason.NETFILTER_DROP);
    }
    if (!isTranslated(ct, frame.ctInfo, manip)) return frame;
    if (!frames.own(frame)) return netfilter.drop(frame, DropReason.NOMEM);
    ipAt = frame.start + ethernet.HEADER_LENGTH;
    at = ipv4.payloadStart(view, ipAt);
    const end = ipv4.payloadEnd(view, ipAt, frame.end);
    const other = (1 - directionOf(frame.ctInfo)) as CtDirection;
    const isSource = manip === Manip.src;
    // The quoted packet went the other way: what is the source outside is the destination inside.
    const ports = ct.ports(other);
    const innerIp = isSource ? ct.dstIp(other) : ct.srcIp(other);
    const innerPort = isSource && ct.protocol !== IpProtocol.icmp ? ports & 0xffff : ports >>> 16;
    const innerManip = isSource ? Manip.dst : Manip.src;
    manipulate(view, icmp.quoteStart(view, at), end, innerManip, innerIp, innerPort, false);
    icmp.fillChecksum(view, at, end);
    manipulateAddress(view, ipAt, manip, innerIp);
    frame.dst = manip === Manip.dst ? undefined : frame.dst;
    recorder.step(frame, isSource ? StepKind.translateSrc : StepKind.translateDst, innerIp, innerPort);
    return frame;
  }
}

/** Whether a packet that goes this way has that end translated; a reply has its other one. */
function isTranslated(ct: Conntrack, ctInfo: number, manip: Manip): boolean {
  const isReply = directionOf(ctInfo) === CtDirection.reply;
  const bit = (manip === Manip.src) === isReply ? CtStatus.dstNat : CtStatus.srcNat;
  return (ct.status & bit) !== 0;
}

function withPorts(ip: number, { port, lastPort }: { readonly port?: number; readonly lastPort?: number }): NatRange {
  if (port === undefined) return { ip };
  return lastPort === undefined ? { ip, port } : { ip, port, lastPort };
}

/** The device's primary address, or 0. */
function firstAddressOf(device: NetDevice): number {
  return device.netns.addresses.find((address) => address.device === device)?.ip ?? 0;
}
