/**
 * Where packets go (Linux net/ipv4/route.c): route lookups for what this host sends and for what arrives, kept until a
 * route, an address or an MTU changes, and the path MTUs that were learned.
 *
 * Not modelled: reverse path filters (Docker's machines have rp_filter 0), redirects, multicast routing.
 */
import type { NetDevice } from "../device.ts";
import type { Netns } from "../netns.ts";
import { type Route, RouteType } from "../tables/route.ts";
import type { XfrmBundle } from "../xfrm/xfrm.ts";
import { DropReason } from "../trace/drop-reason.ts";
import { isLinkLocalMulticastIp, isLoopbackIp, isMulticastIp, isZeroNetIp, LIMITED_BROADCAST } from "./ipv4-address.ts";

/** What becomes of a packet that has arrived (rtable's dst.input). */
export const DstInput = {
  /** ip_local_deliver */
  deliver: 0,
  /** ip_forward */
  forward: 1,
  /** ip_error: nobody knows a way. A router says so. */
  unreachable: 2,
  /** A martian: no word about it. */
  refuse: 3,
} as const;
export type DstInput = (typeof DstInput)[keyof typeof DstInput];

/** A routing decision (struct rtable). It holds while {@link Routing.isValid} says so. */
export interface Dst {
  readonly device: NetDevice;
  readonly dstIp: number;
  /** The neighbor that gets the packet: a gateway, or the destination itself. */
  readonly nextHop: number;
  /** The address that this host sends from on this way. */
  readonly source: number;
  readonly type: RouteType;
  /** Bytes, the device's or the route's; a learned path MTU is {@link Routing.mtuOf}'s. */
  readonly mtu: number;
  /** For everybody or a group, and this host is of it (RTCF_LOCAL). */
  readonly isForHostToo: boolean;
  readonly input: DstInput;
  /** For `refuse` and `unreachable`: the word for it. */
  readonly reason: DropReason;
  /** For `unreachable`: ICMP's code. */
  readonly code: number;
  readonly generation: number;
  /** What the packet becomes before it takes this way; undefined: it goes as it is. */
  readonly xfrm: XfrmBundle | undefined;
}

/** A decision and the question it answers. */
interface CacheEntry extends Dst {
  /** Source address of the question. */
  readonly srcIp: number;
  /** Interface number of the question: out of it, or, negative, in by it; 0: any. */
  readonly asked: number;
  /** Another question with the same hash. */
  readonly other: CacheEntry | undefined;
}

interface PmtuException {
  mtu: number;
  /** Below the least that is believed: packets may be cut on their way (fnhe_mtu_locked). */
  isLocked: boolean;
  expiresAt: number;
}

/** net.ipv4.route.mtu_expires and min_pmtu. */
const MTU_EXPIRES = 600_000_000_000;
const MIN_PMTU = 552;
/** The longest IPv4 packet (IP_MAX_MTU). */
const MAX_MTU = 0xffff;
/** Decisions kept; then all are forgotten. */
const CACHE_SIZE = 8192;

/** ICMP's codes of "destination unreachable". */
const NET_UNREACHABLE = 0;
const HOST_UNREACHABLE = 1;
const FILTERED = 13;

export class Routing {
  readonly #netns: Netns;
  readonly #cache: Map<number, CacheEntry> = new Map();
  #generation = 0;
  readonly #exceptions: Map<number, PmtuException> = new Map();

  constructor(netns: Netns) {
    this.#netns = netns;
  }

  /** Linux dst_check: false if something has changed since that decision. */
  isValid(dst: Dst): boolean {
    return dst.generation === this.#netns.routes.generation;
  }

  /**
   * Linux ip_route_output_key: the way of a packet that this host sends, or undefined: network unreachable. `device`
   * binds it to one (SO_BINDTODEVICE, a group's interface), which counts for more than routes.
   */
  lookup(dstIp: number, srcIp: number = 0, device?: NetDevice): Dst | undefined {
    // To nowhere: to oneself.
    if (dstIp === 0) return srcIp === 0 ? this.lookup(LOOPBACK, LOOPBACK) : this.lookup(srcIp, srcIp);
    const asked = device === undefined ? 0 : device.index;
    const key = hash(dstIp, srcIp, asked);
    const first = this.#first(key);
    for (let entry = first; entry !== undefined; entry = entry.other) {
      if (entry.dstIp === dstIp && entry.srcIp === srcIp && entry.asked === asked) return entry;
    }
    const dst = this.#output(dstIp, srcIp, device);
    return dst === undefined ? undefined : this.#keep(key, dst, srcIp, asked);
  }

  /** Linux ip_route_input: what is to become of a packet that came in by a device. */
  input(device: NetDevice, srcIp: number, dstIp: number): Dst {
    const asked = -device.index;
    const key = hash(dstIp, srcIp, asked);
    const first = this.#first(key);
    for (let entry = first; entry !== undefined; entry = entry.other) {
      if (entry.dstIp === dstIp && entry.srcIp === srcIp && entry.asked === asked) return entry;
    }
    return this.#keep(key, this.#input(device, srcIp, dstIp), srcIp, asked);
  }

  /** Bytes of the longest packet that this way takes (ipv4_mtu). */
  mtuOf(dst: Dst, now: number): number {
    if (this.#exceptions.size === 0) return dst.mtu;
    const exception = this.#exceptionOf(dst.dstIp, now);
    return exception === undefined ? dst.mtu : Math.min(exception.mtu, dst.mtu);
  }

  /** True if packets on this way may be cut whatever their sender thinks (ip_mtu_locked). */
  isMtuLocked(dst: Dst, now: number): boolean {
    return this.#exceptions.size > 0 && this.#exceptionOf(dst.dstIp, now)?.isLocked === true;
  }

  /** True if path MTUs have been learned. */
  get hasExceptions(): boolean {
    return this.#exceptions.size > 0;
  }

  /** When the path MTU that was learned for an address is forgotten; undefined: none is. */
  pmtuExpiresAt(dstIp: number, now: number): number | undefined {
    return this.#exceptionOf(dstIp, now)?.expiresAt;
  }

  /** Linux __ip_rt_update_pmtu: somebody on the way to `dstIp` takes packets of `mtu` bytes only. */
  updatePmtu(dstIp: number, mtu: number, now: number): void {
    const dst = this.lookup(dstIp);
    if (dst === undefined) return;
    const old = this.mtuOf(dst, now);
    if (old < mtu) return;
    const isLocked = mtu < MIN_PMTU;
    const believed = isLocked ? Math.min(old, MIN_PMTU) : mtu;
    this.#exceptions.set(dstIp, { mtu: believed, isLocked, expiresAt: now + MTU_EXPIRES });
  }

  /** What has been learned and decided is forgotten (net.ipv4.route.flush). */
  flush(): void {
    this.#exceptions.clear();
    this.#netns.routes.invalidate();
  }

  #exceptionOf(dstIp: number, now: number): PmtuException | undefined {
    const exception = this.#exceptions.get(dstIp);
    if (exception === undefined || now < exception.expiresAt) return exception;
    this.#exceptions.delete(dstIp);
    return undefined;
  }

  #first(key: number): CacheEntry | undefined {
    const { generation } = this.#netns.routes;
    if (this.#generation !== generation || this.#cache.size >= CACHE_SIZE) {
      this.#generation = generation;
      this.#cache.clear();
      return undefined;
    }
    return this.#cache.get(key);
  }

  #keep(key: number, dst: Dst, srcIp: number, asked: number): Dst {
    const entry: CacheEntry = { ...dst, srcIp, asked, other: this.#cache.get(key) };
    this.#cache.set(key, entry);
    return entry;
  }

  /** Linux ip_route_output_key_hash_rcu. */
  #output(dstIp: number, srcIp: number, device: NetDevice | undefined): Dst | undefined {
    const netns = this.#netns;
    if (isMulticastIp(srcIp) || srcIp === LIMITED_BROADCAST) return undefined;
    if (device !== undefined && !device.isUp) return undefined;
    const isGroup = isMulticastIp(dstIp);
    const isToAll = dstIp === LIMITED_BROADCAST;
    if (device !== undefined && (isLinkLocalMulticastIp(dstIp) || isToAll)) {
      return this.#make(device, dstIp, srcIp === 0 ? netns.sourceFor(device, 0) : srcIp, undefined);
    }
    let bound = device;
    // A source address chooses the interface of what has no route of its own.
    if (bound === undefined && srcIp !== 0 && (isGroup || isToAll)) bound = netns.deviceWith(srcIp);
    let source = srcIp;
    if (source === 0 && device !== undefined && isGroup) source = netns.sourceFor(device, 0);
    const route = netns.routes.find(dstIp, bound?.index ?? 0);
    if (route === undefined) {
      // "Apparently, routing tables are wrong. Assume, that the destination is on link."
      if (bound === undefined) return undefined;
      return this.#make(bound, dstIp, source === 0 ? netns.sourceFor(bound, 0) : source, undefined);
    }
    if (route.type === RouteType.local) {
      if (source === 0) source = route.source === 0 ? dstIp : route.source;
      return this.#make(netns.loopback, dstIp, source, route);
    }
    if (route.type >= RouteType.unreachable) return undefined;
    const out = netns.deviceAt(route.device);
    if (source === 0) source = route.source === 0 ? netns.sourceFor(out, route.via ?? dstIp) : route.source;
    return this.#make(out, dstIp, source, route);
  }

  /** Linux __mkroute_output. */
  #make(device: NetDevice, dstIp: number, source: number, route: Route | undefined): Dst | undefined {
    const netns = this.#netns;
    if (isLoopbackIp(source) && device !== netns.loopback && !device.routesLocalnet) return undefined;
    if (isZeroNetIp(dstIp)) return undefined;
    let type: RouteType = route?.type ?? RouteType.unicast;
    if (dstIp === LIMITED_BROADCAST) type = RouteType.broadcast;
    else if (isMulticastIp(dstIp)) type = RouteType.multicast;
    else if (route === undefined && device === netns.loopback) type = RouteType.local;
    const isForHostToo =
      type === RouteType.broadcast || (type === RouteType.multicast && netns.igmp.isMember(device, dstIp));
    // A group behind the default route is on the link.
    const via = type === RouteType.unicast ? route?.via : undefined;
    return this.#dst(device, dstIp, via, source, type, isForHostToo, route?.mtu, DstInput.deliver);
  }

  /** Linux ip_route_input_rcu and ip_route_input_slow. */
  #input(device: NetDevice, srcIp: number, dstIp: number): Dst {
    const netns = this.#netns;
    const isFromNowhere = isZeroNetIp(srcIp);
    if (isMulticastIp(dstIp)) {
      if (!netns.igmp.isMember(device, dstIp)) return this.#refuse(dstIp, DropReason.IP_INADDRERRORS);
      // ip_mc_validate_source
      if (isMulticastIp(srcIp) || srcIp === LIMITED_BROADCAST || isLoopbackIp(srcIp)) {
        return this.#refuse(dstIp, DropReason.IP_INVALID_SOURCE);
      }
      if (isFromNowhere && !isLinkLocalMulticastIp(dstIp)) return this.#refuse(dstIp, DropReason.IP_INVALID_SOURCE);
      if (netns.hasAddress(srcIp)) return this.#refuse(dstIp, DropReason.IP_LOCAL_SOURCE);
      return this.#deliver(dstIp, RouteType.multicast);
    }
    if (isMulticastIp(srcIp) || srcIp === LIMITED_BROADCAST) return this.#refuse(dstIp, DropReason.IP_INVALID_SOURCE);
    // Without an address one may only call everybody (DHCP).
    const isToAll = dstIp === LIMITED_BROADCAST || (srcIp === 0 && dstIp === 0);
    if (!isToAll) {
      if (isFromNowhere) return this.#refuse(dstIp, DropReason.IP_INVALID_SOURCE);
      if (isZeroNetIp(dstIp)) return this.#refuse(dstIp, DropReason.IP_INVALID_DEST);
      if ((isLoopbackIp(srcIp) || isLoopbackIp(dstIp)) && !device.routesLocalnet)
        return this.#refuse(dstIp, DropReason.IP_LOCALNET);
    }
    const route = isToAll ? undefined : netns.routes.find(dstIp);
    const isLocalSource = netns.hasAddress(srcIp);
    if (isToAll || route?.type === RouteType.broadcast) {
      if (!isFromNowhere && isLocalSource) return this.#refuse(dstIp, DropReason.IP_LOCAL_SOURCE);
      return this.#deliver(dstIp, RouteType.broadcast);
    }
    if (route?.type === RouteType.local) {
      return isLocalSource ? this.#refuse(dstIp, DropReason.IP_LOCAL_SOURCE) : this.#deliver(dstIp, RouteType.local);
    }
    if (!netns.forwarding) return this.#unreachable(dstIp, DropReason.IP_INADDRERRORS, HOST_UNREACHABLE);
    if (route === undefined) return this.#unreachable(dstIp, DropReason.IP_INNOROUTES, NET_UNREACHABLE);
    if (route.type === RouteType.unreachable) {
      return this.#unreachable(dstIp, DropReason.IP_INADDRERRORS, HOST_UNREACHABLE);
    }
    if (route.type === RouteType.prohibit) return this.#unreachable(dstIp, DropReason.IP_INADDRERRORS, FILTERED);
    if (route.type === RouteType.blackhole) return this.#refuse(dstIp, DropReason.IP_INNOROUTES);
    if (isLocalSource) return this.#refuse(dstIp, DropReason.IP_LOCAL_SOURCE);
    const out = netns.deviceAt(route.device);
    const source = route.source === 0 ? netns.sourceFor(out, route.via ?? dstIp) : route.source;
    return this.#dst(out, dstIp, route.via, source, RouteType.unicast, false, route.mtu, DstInput.forward);
  }

  #deliver(dstIp: number, type: RouteType): Dst {
    return this.#dst(this.#netns.loopback, dstIp, undefined, dstIp, type, true, undefined, DstInput.deliver);
  }

  #refuse(dstIp: number, reason: DropReason): Dst {
    const { loopback } = this.#netns;
    return this.#dst(loopback, dstIp, undefined, 0, RouteType.unreachable, false, undefined, DstInput.refuse, reason);
  }

  #unreachable(dstIp: number, reason: DropReason, code: number): Dst {
    const { loopback } = this.#netns;
    const input = DstInput.unreachable;
    return this.#dst(loopback, dstIp, undefined, 0, RouteType.unreachable, false, undefined, input, reason, code);
  }

  #dst(
    device: NetDevice,
    dstIp: number,
    via: number | undefined,
    source: number,
    type: RouteType,
    isForHostToo: boolean,
    mtu: number | undefined,
    input: DstInput,
    reason: DropReason = DropReason.IP_OUTNOROUTES,
    code: number = 0,
  ): Dst {
    return {
      device,
      dstIp,
      nextHop: via ?? dstIp,
      source,
      type,
      mtu: Math.min(mtu ?? device.mtu, MAX_MTU),
      isForHostToo,
      input,
      reason,
      code,
      generation: this.#netns.routes.generation,
      xfrm: undefined,
    };
  }
}

/** 127.0.0.1 */
const LOOPBACK = 0x7f000001;

function hash(dstIp: number, srcIp: number, asked: number): number {
  const mixed = Math.imul(dstIp, 0x9e3779b1) ^ Math.imul(srcIp + asked, 0x85ebca77);
  // A key that V8 keeps as a small integer.
  return (mixed ^ (mixed >>> 15)) & 0x3fffffff;
}
