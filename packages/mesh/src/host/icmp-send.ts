/**
 * ICMP errors (RFC 1122 §3.2.2, RFC 1812 §4.3; Linux net/ipv4/icmp.c, __icmp_send): what is wrong with a packet, to who
 * sent it, unless that could do harm.
 *
 * Not modelled: options in what is quoted are quoted, not answered; icmp_errors_use_inbound_ifaddr.
 */
import { isGroupMac } from "@hopscope/codec/address";
import { IpProtocol } from "@hopscope/codec/code-points";
import * as ethernet from "@hopscope/codec/ethernet";
import * as icmp from "@hopscope/codec/icmp";
import * as ipv4 from "@hopscope/codec/ipv4";
import { Cost } from "../costs.ts";
import type { Frame } from "../frame.ts";
import type { Netns } from "../netns.ts";
import { attachConntrack } from "../netfilter/conntrack-attach.ts";
import { RouteType } from "../tables/route.ts";
import type { IcmpRateLimit } from "./icmp-rate-limit.ts";
import { PmtuDiscovery, SendError } from "./ipv4.ts";
import { DstInput } from "./route.ts";

/** An error quotes at most this much: 576 bytes of packet in all (RFC 1812 §4.3.2.3). */
const MAX_ERROR_LENGTH = 576;
/** Errors travel as internetwork control (RFC 1812 §4.3.2.5) and keep the rest of the type of service (RT_TOS). */
const INTERNETWORK_CONTROL = 0xc0;
const TOS_MASK = 0x1e;
/** net.ipv4.ip_default_ttl. */
const TTL = 64;
/** net.ipv4.icmp_ratemask: the types that are limited. */
const RATE_MASK =
  (1 << icmp.IcmpType.destinationUnreachable) |
  (1 << icmp.IcmpType.sourceQuench) |
  (1 << icmp.IcmpType.timeExceeded) |
  (1 << icmp.IcmpType.parameterProblem);
/** 192.0.0.8: for a host without an address (RFC 7600 §6; INADDR_DUMMY). */
const DUMMY_IP = 0xc0000008 | 0;
/** ICMP types that are no errors to Linux; any other may be one (icmp_pointers). */
const NO_ERRORS: ReadonlySet<number> = new Set([0, 8, 13, 14, 15, 16, 17, 18]);

/**
 * Tells the sender of `about` what is wrong with it. `info`: the second word of the header, such as the next hop's MTU.
 * Leaves the packet alone. True if an error has left.
 */
export function icmpSend(
  netns: Netns,
  limit: IcmpRateLimit,
  about: Frame,
  type: number,
  code: number,
  info: number,
): boolean {
  const { frames, softnet } = netns.node;
  const { view } = frames;
  const { dst } = about;
  const ipAt = about.start + ethernet.HEADER_LENGTH;
  if (dst === undefined || !mayBeAnswered(view, about, ipAt)) return false;
  if (dst.type === RouteType.broadcast || dst.type === RouteType.multicast) return false;
  const srcIp = ipv4.srcIp(view, ipAt);
  const isLimited = ((RATE_MASK >> type) & 1) === 1 && !isPmtu(type, code);
  // As the host that the packet was for; a router, as what it is called where the answer leaves.
  const isForHost = dst.input === DstInput.deliver && dst.type === RouteType.local;
  const way = netns.ipv4.lookup(srcIp, isForHost ? ipv4.dstIp(view, ipAt) : 0);
  if (way === undefined) return false;
  const { now } = softnet;
  if (isLimited && way.device !== netns.loopback) {
    if (!limit.allowsGlobally(now) || !limit.allowsPeer(srcIp, now)) return false;
  }
  const room = Math.min(MAX_ERROR_LENGTH, way.mtu) - ipv4.HEADER_LENGTH - icmp.HEADER_LENGTH;
  if (room <= ipv4.HEADER_LENGTH) return false;
  const quote = Math.min(about.end - ipAt, room);
  const tos = (ipv4.tos(view, ipAt) & TOS_MASK) | INTERNETWORK_CONTROL;
  const source = way.source === 0 ? DUMMY_IP : way.source;
  const length = icmp.HEADER_LENGTH + quote;
  const error = netns.ipv4.make(IpProtocol.icmp, source, srcIp, length, tos, TTL, PmtuDiscovery.dont);
  if (error === undefined) return false;
  const at = error.start + ethernet.HEADER_LENGTH + ipv4.HEADER_LENGTH;
  icmp.setType(view, at, type);
  icmp.setCode(view, at, code);
  icmp.setRest(view, at, info);
  frames.bytes.copyWithin(at + icmp.HEADER_LENGTH, ipAt, ipAt + quote);
  icmp.fillChecksum(view, at, at + length);
  // icmp_glue_bits
  attachConntrack(error, about);
  softnet.spend(Cost.stack);
  const { id } = error;
  if (netns.ipv4.output(error, way) !== SendError.none) return false;
  // The hop that the error left by tells of a packet that no tap has seen.
  about.reportAt = frames.get(id).hop;
  return true;
}

/** Not what was for several, not a later fragment, not an error (RFC 1122 §3.2.2). */
function mayBeAnswered(view: DataView, about: Frame, ipAt: number): boolean {
  if (about.isLoopedBack || isGroupMac(ethernet.dstMac(view, about.start))) return false;
  if (ipv4.fragmentOffset(view, ipAt) !== 0) return false;
  if (ipv4.protocol(view, ipAt) !== IpProtocol.icmp) return true;
  const at = ipv4.payloadStart(view, ipAt);
  return at < about.end && NO_ERRORS.has(icmp.type(view, at));
}

function isPmtu(type: number, code: number): boolean {
  return type === icmp.IcmpType.destinationUnreachable && code === icmp.UnreachableCode.fragmentationNeeded;
}
