/**
 * IPVS of one namespace (Linux struct netns_ipvs; net/netfilter/ipvs/ip_vs_ctl.c): its services and their destinations,
 * connections, parameters. What happens to packets is in core.ts, from the first service on.
 *
 * Not modelled: IPv6, SCTP, persistence, synchronisation daemons, estimated rates, defense against floods.
 */
import { IpProtocol } from "@hopscope/codec/code-points";
import { netfilterOf } from "../netfilter/netfilter.ts";
import type { Netns } from "../netns.ts";
import type { Wakeable } from "../sim/simulator.ts";
import { JIFFY } from "../sim/timer-wheel.ts";
import type { Softnet } from "../sim/softnet.ts";
import { ConnTable } from "./conn-table.ts";
import type { IpVsConn } from "./conn.ts";
import { registerHooks } from "./core.ts";
import type { IpVsDest, RealServer } from "./dest.ts";
import { dropConntrack } from "./nfct.ts";
import { IpVsTcpState, TCP_TIMEOUTS } from "./proto-tcp.ts";
import { UDP_TIMEOUT } from "./proto-udp.ts";
import { IpVsService, isSameAddress, type Scheduler, type VirtualAddress } from "./service.ts";
import { IpVsStats } from "./stats.ts";
import { IpVsSysctls } from "./sysctl.ts";

const SECOND = 1_000_000_000;

/** Why a change is refused, as the kernel says it; undefined: it has been made. */
export type IpVsErrno = "EEXIST" | "ENOENT" | "ESRCH" | "EINVAL" | undefined;

/** IPVS of a namespace, which comes into being when it is first wanted. */
export function ipvsOf(netns: Netns): IpVs {
  netns.ipvs ??= new IpVs(netns);
  return netns.ipvs;
}

/** What the timer's event is about. */
const EXPIRE = 0;
const FLUSH = 1;

export class IpVs implements Wakeable {
  readonly netns: Netns;
  readonly softnet: Softnet;
  readonly sysctls: IpVsSysctls = new IpVsSysctls();
  readonly connectionTable: ConnTable = new ConnTable();
  readonly stats: IpVsStats = new IpVsStats();
  /** By state of TCP, nanoseconds. */
  readonly tcpTimeouts: Float64Array = Float64Array.from(TCP_TIMEOUTS, (seconds) => seconds * SECOND);
  udpTimeout: number = UDP_TIMEOUT * SECOND;
  readonly #byMark: Map<number, IpVsService> = new Map();
  /** Services that are not known by a mark, by their address. */
  readonly #byIp: Map<number, readonly IpVsService[]> = new Map();
  /** Deleted, but connections still go there. */
  readonly #trash: Set<IpVsDest> = new Set();
  #isRegistered = false;
  /** When the timer is due. */
  #armedFor = Number.POSITIVE_INFINITY;

  constructor(netns: Netns) {
    this.netns = netns;
    this.softnet = netns.node.softnet;
  }

  /** `ipvsadm -A` (ip_vs_add_service). */
  addService(at: VirtualAddress, scheduler: Scheduler): IpVsErrno {
    if (this.serviceAt(at) !== undefined) return "EEXIST";
    if (!this.#isRegistered) {
      this.#isRegistered = true;
      registerHooks(this, netfilterOf(this.netns));
    }
    const service = new IpVsService(at, scheduler);
    if ("fwmark" in at) this.#byMark.set(at.fwmark, service);
    else this.#byIp.set(at.ip, [...(this.#byIp.get(at.ip) ?? []), service]);
    return undefined;
  }

  /** `ipvsadm -D` (ip_vs_del_service): its destinations go with it. */
  deleteService(at: VirtualAddress): IpVsErrno {
    const service = this.serviceAt(at);
    if (service === undefined) return "ESRCH";
    for (const dest of [...service.destinations]) this.#deleteDest(service, dest);
    if ("fwmark" in at) this.#byMark.delete(at.fwmark);
    else
      this.#byIp.set(
        at.ip,
        this.#byIp.get(at.ip)!.filter((each) => each !== service),
      );
    return undefined;
  }

  /** `ipvsadm -C` (ip_vs_flush). */
  clear(): void {
    for (const { at } of [...this.services()]) this.deleteService(at);
  }

  /** `ipvsadm -a` (ip_vs_add_dest). */
  addDestination(at: VirtualAddress, server: RealServer): IpVsErrno {
    const service = this.serviceAt(at);
    if (service === undefined) return "ESRCH";
    if (service.find(server.ip, server.port) !== undefined) return "EEXIST";
    const known = this.#takeFromTrash(service, server);
    service.add(server, known);
    return undefined;
  }

  /** `ipvsadm -e` (ip_vs_edit_dest). */
  updateDestination(at: VirtualAddress, server: RealServer): IpVsErrno {
    const service = this.serviceAt(at);
    if (service === undefined) return "ESRCH";
    const dest = service.find(server.ip, server.port);
    if (dest === undefined) return "ENOENT";
    dest.weight = server.weight;
    dest.forwarding = server.forwarding;
    return undefined;
  }

  /** `ipvsadm -d` (ip_vs_del_dest). */
  deleteDestination(at: VirtualAddress, ip: number, port: number): IpVsErrno {
    const service = this.serviceAt(at);
    if (service === undefined) return "ESRCH";
    const dest = service.find(ip, port);
    if (dest === undefined) return "ENOENT";
    this.#deleteDest(service, dest);
    // ip_vs_enqueue_expire_nodest_conns
    if (this.sysctls.expire_nodest_conn && this.connectionTable.size > 0) {
      this.netns.node.simulator.schedule(this.softnet.now + JIFFY, this, FLUSH);
    }
    return undefined;
  }

  /** The round robin of a service goes on behind the destination with this address, if it has one. */
  startAt(at: VirtualAddress, ip: number): void {
    const service = this.serviceAt(at);
    const dest = service?.destinations.find((each) => each.ip === ip);
    if (dest !== undefined) service?.startBehind(dest);
  }

  serviceAt(at: VirtualAddress): IpVsService | undefined {
    if ("fwmark" in at) return this.#byMark.get(at.fwmark);
    return this.#byIp.get(at.ip)?.find((service) => isSameAddress(service.at, at));
  }

  /** Linux ip_vs_service_find: the service of a packet; a mark counts for more than addresses. */
  serviceOf(mark: number, protocol: number, ip: number, port: number): IpVsService | undefined {
    if (mark !== 0) {
      const marked = this.#byMark.get(mark);
      if (marked !== undefined) return marked;
    }
    const services = this.#byIp.get(ip);
    if (services === undefined) return undefined;
    for (const service of services) {
      const { at } = service;
      if (!("fwmark" in at) && at.port === port && protocolOf(at.protocol) === protocol) return service;
    }
    return undefined;
  }

  /** In the order of `ipvsadm`: those known by addresses, then by mark. */
  *services(): Iterable<IpVsService> {
    for (const services of this.#byIp.values()) yield* services;
    yield* this.#byMark.values();
  }

  /** Those that are kept at `now`, the oldest first. */
  connections(now: number): readonly IpVsConn[] {
    return this.connectionTable.list().filter((conn) => conn.expiresAt > now);
  }

  /** `ipvsadm -Z` (ip_vs_zero_service, ip_vs_zero_all). */
  zero(at: VirtualAddress | undefined): IpVsErrno {
    const one = at === undefined ? undefined : this.serviceAt(at);
    if (at !== undefined && one === undefined) return "ESRCH";
    for (const { stats, destinations } of one === undefined ? this.services() : [one]) {
      stats.reset();
      for (const dest of destinations) dest.stats.reset();
    }
    if (one === undefined) this.stats.reset();
    return undefined;
  }

  /** Seconds that an established connection is kept, one that ends, and one of UDP. */
  get timeouts(): readonly [tcp: number, tcpFin: number, udp: number] {
    const { established, finWait } = IpVsTcpState;
    return [this.tcpTimeouts[established]! / SECOND, this.tcpTimeouts[finWait]! / SECOND, this.udpTimeout / SECOND];
  }

  /** `ipvsadm --set` (ip_vs_set_timeout), seconds; 0 leaves one as it is. */
  setTimeouts(tcp: number, tcpFin: number, udp: number): void {
    if (tcp > 0) this.tcpTimeouts[IpVsTcpState.established] = tcp * SECOND;
    if (tcpFin > 0) this.tcpTimeouts[IpVsTcpState.finWait] = tcpFin * SECOND;
    if (udp > 0) this.udpTimeout = udp * SECOND;
  }

  /** Linux ip_vs_in_stats. */
  countIn({ isAvailable, stats, service }: IpVsDest, bytes: number): void {
    if (!isAvailable) return;
    stats.countIn(bytes);
    service.stats.countIn(bytes);
    this.stats.countIn(bytes);
  }

  /** Linux ip_vs_out_stats. */
  countOut({ isAvailable, stats, service }: IpVsDest, bytes: number): void {
    if (!isAvailable) return;
    stats.countOut(bytes);
    service.stats.countOut(bytes);
    this.stats.countOut(bytes);
  }

  /** A packet of the connection has passed: it is kept for its timeout. */
  refresh(conn: IpVsConn): void {
    this.connectionTable.refresh(conn, this.softnet);
    if (conn.expiresAt < this.#armedFor) this.#arm(conn.expiresAt);
  }

  /** Linux ip_vs_conn_expire. */
  expire(conn: IpVsConn): void {
    this.connectionTable.delete(conn);
    if (conn.usesConntrack) dropConntrack(netfilterOf(this.netns).conntrack, conn, this.softnet);
    conn.unbind();
    const { dest } = conn;
    if (dest.activeConnections + dest.inactiveConnections === 0) this.#trash.delete(dest);
  }

  wake(what: number): void {
    if (this.netns.isDeleted) return;
    if (what === FLUSH) return this.#flush();
    // Another event has taken this one's place.
    if (this.softnet.now < this.#armedFor) return;
    for (;;) {
      const conn = this.connectionTable.expired(this.softnet);
      if (conn === undefined) break;
      this.expire(conn);
    }
    this.#armedFor = Number.POSITIVE_INFINITY;
    const next = this.connectionTable.nextExpiry();
    if (next < Number.POSITIVE_INFINITY) this.#arm(next);
  }

  #arm(time: number): void {
    this.#armedFor = time;
    this.netns.node.simulator.schedule(time, this, EXPIRE);
  }

  /** Linux ip_vs_expire_nodest_conn_flush. */
  #flush(): void {
    // Destinations that are gone and have connections are there.
    if (this.#trash.size === 0) return;
    for (const conn of this.connectionTable.all()) if (!conn.dest.isAvailable) this.expire(conn);
  }

  #deleteDest(service: IpVsService, dest: IpVsDest): void {
    service.delete(dest);
    if (dest.activeConnections + dest.inactiveConnections > 0) this.#trash.add(dest);
  }

  /** Linux ip_vs_trash_get_dest. */
  #takeFromTrash(service: IpVsService, { ip, port }: RealServer): IpVsDest | undefined {
    for (const dest of this.#trash) {
      if (dest.ip !== ip || dest.port !== port || !isSameAddress(dest.service.at, service.at)) continue;
      this.#trash.delete(dest);
      if (dest.service !== service) dest.stats.reset();
      dest.service = service;
      return dest;
    }
    return undefined;
  }
}

function protocolOf(protocol: "tcp" | "udp"): number {
  return protocol === "tcp" ? IpProtocol.tcp : IpProtocol.udp;
}
