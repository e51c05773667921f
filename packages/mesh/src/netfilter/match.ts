/** A rule's match made ready for packets (Linux net/ipv4/netfilter/ip_tables.c, ip_packet_match). */
import type { Netns } from "../netns.ts";
import { maskOf } from "../tables/route.ts";
import { type Extension, extensionsOf } from "./match-extensions.ts";
import { DeviceName } from "./match-device.ts";
import type { Packet } from "./packet.ts";
import { type Match, RULE_PROTOCOLS } from "./rule.ts";

export class CompiledMatch {
  readonly #srcIp: number;
  readonly #srcMask: number;
  readonly #isSrcInverted: boolean;
  readonly #dstIp: number;
  readonly #dstMask: number;
  readonly #isDstInverted: boolean;
  readonly #inDevice: DeviceName | undefined;
  readonly #outDevice: DeviceName | undefined;
  /** 0: any. */
  readonly #protocol: number;
  readonly #isProtocolInverted: boolean;
  readonly #extensions: readonly Extension[];

  constructor(match: Match, netns: Netns) {
    const { srcIp, dstIp, protocol, notProtocol } = match;
    this.#srcIp = srcIp?.ip ?? 0;
    this.#srcMask = maskOf(srcIp?.prefixLength ?? 0);
    this.#isSrcInverted = srcIp?.not === true;
    this.#dstIp = dstIp?.ip ?? 0;
    this.#dstMask = maskOf(dstIp?.prefixLength ?? 0);
    this.#isDstInverted = dstIp?.not === true;
    this.#inDevice = match.inDevice === undefined ? undefined : new DeviceName(match.inDevice);
    this.#outDevice = match.outDevice === undefined ? undefined : new DeviceName(match.outDevice);
    const named = protocol ?? notProtocol;
    this.#protocol = named === undefined ? 0 : RULE_PROTOCOLS[named];
    this.#isProtocolInverted = notProtocol !== undefined;
    this.#extensions = extensionsOf(match, netns);
  }

  matches(packet: Packet): boolean {
    if (((packet.srcIp & this.#srcMask) === this.#srcIp) === this.#isSrcInverted) return false;
    if (((packet.dstIp & this.#dstMask) === this.#dstIp) === this.#isDstInverted) return false;
    if (this.#inDevice !== undefined && !this.#inDevice.matches(packet.inDevice)) return false;
    if (this.#outDevice !== undefined && !this.#outDevice.matches(packet.outDevice)) return false;
    if (this.#protocol !== 0 && (packet.protocol === this.#protocol) === this.#isProtocolInverted) return false;
    for (const matches of this.#extensions) if (!matches(packet)) return false;
    return true;
  }
}
