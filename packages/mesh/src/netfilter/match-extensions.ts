/**
 * What `-m …` asks of a packet (Linux net/netfilter/xt_*.c), each as a function made once for its rule.
 *
 * Not modelled: `-m policy` that asks for more than whether there was IPsec.
 */
import { IpProtocol } from "@hopscope/codec/code-points";
import * as icmp from "@hopscope/codec/icmp";
import * as tcp from "@hopscope/codec/tcp";
import type { NetDevice } from "../device.ts";
import { isMulticastIp, isZeroNetIp, LIMITED_BROADCAST } from "../host/ipv4-address.ts";
import type { Netns } from "../netns.ts";
import { CtInfo, CtStatus, directionOf } from "../tables/conntrack.ts";
import { maskOf, RouteType } from "../tables/route.ts";
import { DeviceName } from "./match-device.ts";
import type { Packet } from "./packet.ts";
import type { AddressType, CidrMatch, CtState, DeviceMatch, Match, PortMatch, PortsMatch, RangeMatch } from "./rule.ts";
import { bpf } from "./xt-bpf.ts";
import { u32 } from "./xt-u32.ts";

export type Extension = (packet: Packet) => boolean;

const STATE_BITS: Readonly<Record<CtState, number>> = {
  INVALID: 1,
  ESTABLISHED: 2,
  RELATED: 4,
  NEW: 8,
  UNTRACKED: 16,
  SNAT: 32,
  DNAT: 64,
};

const NANOSECONDS_OF = { sec: 1e9, min: 60e9, hour: 3600e9, day: 86_400e9 } as const;

/** The extensions of a match in its own order. */
export function extensionsOf(match: Match, netns: Netns): readonly Extension[] {
  const list: Extension[] = [];
  for (const field of Object.keys(match) as (keyof Match)[]) {
    const extension = extensionOf(field, match, netns);
    if (extension !== undefined) list.push(extension);
  }
  return list;
}

function extensionOf(field: keyof Match, match: Match, netns: Netns): Extension | undefined {
  switch (field) {
    case "srcPort":
      return port(match.srcPort!, (packet) => packet.srcPort);
    case "dstPort":
      return port(match.dstPort!, (packet) => packet.dstPort);
    case "srcPorts":
      return ports(match.srcPorts!, (packet, has) => has(packet.srcPort));
    case "dstPorts":
      return ports(match.dstPorts!, (packet, has) => has(packet.dstPort));
    case "anyPorts":
      return ports(match.anyPorts!, (packet, has) => has(packet.srcPort) || has(packet.dstPort));
    case "tcpFlags":
      return tcpFlags(match.tcpFlags!);
    case "icmpType":
      return icmpType(match.icmpType!);
    case "ctState":
      return states(match.ctState!, false);
    case "notCtState":
      return states(match.notCtState!, true);
    case "state":
      return states(match.state!, false);
    case "notState":
      return states(match.notState!, true);
    case "ctOrigSrc":
      return origin(match.ctOrigSrc!, (packet) => packet.frame.ct!.originalSrcIp);
    case "ctOrigDst":
      return origin(match.ctOrigDst!, (packet) => packet.frame.ct!.originalDstIp);
    case "ctOrigSrcPort":
      return originPort(match.ctOrigSrcPort!, (packet) => packet.frame.ct!.originalPorts >>> 16);
    case "ctOrigDstPort":
      return originPort(match.ctOrigDstPort!, (packet) => packet.frame.ct!.originalPorts & 0xffff);
    case "ctDir": {
      const wanted = match.ctDir === "ORIGINAL" ? 0 : 1;
      return ({ frame }) => frame.ct !== undefined && directionOf(frame.ctInfo) === wanted;
    }
    case "srcType":
      return addressType(match.srcType!, netns, (packet) => packet.srcIp);
    case "dstType":
      return addressType(match.dstType!, netns, (packet) => packet.dstIp);
    case "mark": {
      const { value, mask = 0xffffffff, not } = match.mark!;
      return ({ frame }) => (((frame.mark ^ value) & mask) === 0) !== (not === true);
    }
    case "srcRange":
      return range(match.srcRange!, (packet) => packet.srcIp);
    case "dstRange":
      return range(match.dstRange!, (packet) => packet.dstIp);
    case "physIn":
      return physicalDevice(match.physIn!, (packet) => packet.frame.physIn);
    case "physOut":
      return physicalDevice(match.physOut!, (packet) => packet.physOut);
    case "physIsBridged":
      return (packet) => (packet.physOut !== undefined) !== (match.physIsBridged!.not === true);
    case "ipvs":
      return ({ frame }) => frame.ipvsProperty !== (match.ipvs!.not === true);
    case "policy":
      return policy(match.policy!);
    case "u32": {
      const passes = u32(match.u32!.tests);
      return (packet) => passes(packet) !== (match.u32!.not === true);
    }
    case "bpf": {
      const passes = bpf(match.bpf!.bytecode);
      return (packet) => passes(packet) !== (match.bpf!.not === true);
    }
    case "limit":
      return limit(match.limit!, netns);
    default:
      return undefined;
  }
}

/** xt_tcpudp.c */
function port({ port: first, lastPort = first, not }: PortMatch, read: (packet: Packet) => number): Extension {
  const wanted = not !== true;
  return (packet) => {
    if (!packet.hasPorts) return false;
    const value = read(packet);
    return (value >= first && value <= lastPort) === wanted;
  };
}

/** xt_multiport.c */
function ports(
  { ports: list, not }: PortsMatch,
  test: (packet: Packet, has: (value: number) => boolean) => boolean,
): Extension {
  const wanted = not !== true;
  const has = (value: number): boolean =>
    list.some(({ port: first, lastPort = first }) => value >= first && value <= lastPort);
  return (packet) => packet.hasPorts && test(packet, has) === wanted;
}

/** xt_tcpudp.c, tcp_mt */
function tcpFlags({ mask, set, not }: NonNullable<Match["tcpFlags"]>): Extension {
  const wanted = not !== true;
  return ({ protocol, view, at, end, isLaterFragment }) =>
    protocol === IpProtocol.tcp &&
    !isLaterFragment &&
    at + tcp.HEADER_LENGTH <= end &&
    ((tcp.flags(view, at) & mask) === set) === wanted;
}

/** xt_tcpudp.c, icmp_match */
function icmpType({ type, code, not }: NonNullable<Match["icmpType"]>): Extension {
  const wanted = not !== true;
  return ({ protocol, view, at, end, isLaterFragment }) => {
    if (protocol !== IpProtocol.icmp || isLaterFragment || at + icmp.HEADER_LENGTH > end) return false;
    const isSame = icmp.type(view, at) === type && (code === undefined || icmp.code(view, at) === code);
    return isSame === wanted;
  };
}

/** xt_conntrack.c, XT_CONNTRACK_STATE */
function states(list: readonly CtState[], isInverted: boolean): Extension {
  const mask = list.reduce((bits, state) => bits | STATE_BITS[state], 0);
  return ({ frame: { ct, ctInfo } }) => {
    let bits: number = STATE_BITS.INVALID;
    if (ct !== undefined) {
      bits = STATE_BITS.ESTABLISHED << (ctInfo % CtInfo.establishedReply);
      if ((ct.status & CtStatus.srcNat) !== 0) bits |= STATE_BITS.SNAT;
      if ((ct.status & CtStatus.dstNat) !== 0) bits |= STATE_BITS.DNAT;
    } else if (ctInfo === CtInfo.untracked) bits = STATE_BITS.UNTRACKED;
    return ((bits & mask) !== 0) !== isInverted;
  };
}

/** xt_conntrack.c, conntrack_mt_origsrc and so on: only what has a connection matches. */
function origin({ ip, prefixLength, not }: CidrMatch, read: (packet: Packet) => number): Extension {
  const mask = maskOf(prefixLength);
  const wanted = not !== true;
  return (packet) => packet.frame.ct !== undefined && ((read(packet) & mask) === ip) === wanted;
}

function originPort({ port: first, lastPort = first, not }: PortMatch, read: (packet: Packet) => number): Extension {
  const wanted = not !== true;
  return (packet) => {
    if (packet.frame.ct === undefined) return false;
    const value = read(packet);
    return (value >= first && value <= lastPort) === wanted;
  };
}

/** xt_addrtype.c, by what inet_dev_addr_type says. */
function addressType(
  { type, not }: { readonly type: AddressType; readonly not?: true },
  netns: Netns,
  read: (packet: Packet) => number,
): Extension {
  const wanted = not !== true;
  return (packet) => (addressTypeOf(netns, read(packet)) === type) === wanted;
}

function addressTypeOf(netns: Netns, ip: number): AddressType {
  if (isZeroNetIp(ip) || ip === LIMITED_BROADCAST) return "BROADCAST";
  if (isMulticastIp(ip)) return "MULTICAST";
  switch (netns.routes.find(ip)?.type) {
    case RouteType.local:
      return "LOCAL";
    case RouteType.broadcast:
      return "BROADCAST";
    case RouteType.blackhole:
      return "BLACKHOLE";
    case RouteType.unreachable:
      return "UNREACHABLE";
    default:
      return "UNICAST";
  }
}

/** xt_iprange.c */
function range({ first, last, not }: RangeMatch, read: (packet: Packet) => number): Extension {
  const wanted = not !== true;
  return (packet) => {
    const ip = read(packet) >>> 0;
    return (ip >= first >>> 0 && ip <= last >>> 0) === wanted;
  };
}

/** xt_physdev.c */
function physicalDevice(match: DeviceMatch, read: (packet: Packet) => NetDevice | undefined): Extension {
  const name = new DeviceName(match);
  return (packet) => name.matches(read(packet));
}

/** xt_policy.c: `in` by what the packet was decrypted with, `out` by the way that it is about to take. */
function policy({ dir, pol }: NonNullable<Match["policy"]>): Extension {
  const wanted = pol === "ipsec";
  if (dir === "in") return ({ frame }) => (frame.secpath !== undefined) === wanted;
  return ({ frame }) => (frame.dst?.xfrm !== undefined) === wanted;
}

/** xt_limit.c: a bucket of `burst` packets that refills at the rate. */
function limit({ packets, per, burst = 5 }: NonNullable<Match["limit"]>, netns: Netns): Extension {
  const cost = NANOSECONDS_OF[per] / packets;
  const most = cost * burst;
  let credit = most;
  let since = netns.node.softnet.now;
  return () => {
    const { now } = netns.node.softnet;
    credit = Math.min(most, credit + now - since);
    since = now;
    if (credit < cost) return false;
    credit -= cost;
    return true;
  };
}
