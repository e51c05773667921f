/**
 * A network namespace: devices, addresses, routes, neighbors, and a host's stack, of IPv6 what it says to itself. A packet
 * received on a device that is no bridge port comes here (Linux net/core/dev.c, the ptype handlers of
 * __netif_receive_skb_core).
 *
 * Not modelled: sysctls other than those that are fields here.
 */
import { EtherType } from "@hopscope/codec/code-points";
import * as ethernet from "@hopscope/codec/ethernet";
import type { NetDevice } from "./device.ts";
import type { Frame } from "./frame.ts";
import { Arp } from "./host/arp.ts";
import { Icmp } from "./host/icmp.ts";
import { Icmpv6 } from "./host/icmpv6.ts";
import { Igmp } from "./host/igmp.ts";
import { Ipv4 } from "./host/ipv4.ts";
import { Ipv6 } from "./host/ipv6.ts";
import { Tcp } from "./host/tcp.ts";
import { Udp } from "./host/udp.ts";
import type { IpVs } from "./ipvs/ip-vs.ts";
import type { Netfilter } from "./netfilter/netfilter.ts";
import type { Node } from "./node.ts";
import { drawReachableTime } from "./tables/neighbor.ts";
import { maskOf, type Route, RouteTable, RouteType } from "./tables/route.ts";
import { DropReason } from "./trace/drop-reason.ts";
import { StepKind } from "./trace/step.ts";
import type { Xfrm } from "./xfrm/xfrm.ts";

export interface InterfaceAddress {
  readonly device: NetDevice;
  /** int32. */
  readonly ip: number;
  readonly prefixLength: number;
}

/** An empty range of groups. */
const NOBODY: readonly [number, number] = [1, 0];

export class Netns {
  readonly node: Node;
  /** `host` for the node's own. */
  readonly name: string;
  devices: readonly NetDevice[] = [];
  #addresses: readonly InterfaceAddress[] = [];
  readonly #routes: RouteTable = new RouteTable();
  /** Protocols come into being when they are first needed: most containers of a large swarm never see a packet. */
  #arp: Arp | undefined = undefined;
  #ipv4: Ipv4 | undefined = undefined;
  #icmp: Icmp | undefined = undefined;
  #igmp: Igmp | undefined = undefined;
  #udp: Udp | undefined = undefined;
  #tcp: Tcp | undefined = undefined;
  #ipv6: Ipv6 | undefined = undefined;
  #icmpv6: Icmpv6 | undefined = undefined;
  #disablesIpv6 = false;
  /** What they draw by chance is drawn when the namespace is made, so that nobody's use changes another's. */
  readonly #reachableTime: number;
  readonly #identificationKey: number;
  readonly #portSecret: number;
  /** net.bridge.bridge-nf-call-iptables: bridges show IPv4 to those hooks. */
  bridgeCallsIptables = true;
  #netfilter: Netfilter | undefined = undefined;
  /** Undefined: nobody has wanted IPVS here. */
  #ipvs: IpVs | undefined = undefined;
  #deferred: (() => void) | undefined = undefined;
  /** net.ipv4.ping_group_range: who may have ping sockets. Docker lets all in its containers. */
  pingGroupRange: readonly [number, number] = NOBODY;
  /** Associations and policies of IPsec; undefined: there never were any. */
  xfrm: Xfrm | undefined = undefined;
  isDeleted = false;
  /** Process number of the next program, as `ping` puts it into its identifier. */
  nextPid = 20;
  #forwarding = false;
  #nextIndex = 1;

  constructor(node: Node, name: string) {
    this.node = node;
    this.name = name;
    this.#reachableTime = drawReachableTime(node.random);
    this.#identificationKey = node.random.int32();
    this.#portSecret = node.socketRandom.int32();
    node.namespaces.set(name, this);
  }

  get arp(): Arp {
    this.#arp ??= new Arp(this, this.#reachableTime);
    return this.#arp;
  }

  get ipv4(): Ipv4 {
    this.#ipv4 ??= new Ipv4(this, this.#identificationKey);
    return this.#ipv4;
  }

  get icmp(): Icmp {
    this.#icmp ??= new Icmp(this);
    return this.#icmp;
  }

  get igmp(): Igmp {
    this.#igmp ??= new Igmp(this);
    return this.#igmp;
  }

  get udp(): Udp {
    this.#udp ??= new Udp(this);
    return this.#udp;
  }

  get tcp(): Tcp {
    this.#tcp ??= new Tcp(this, this.#portSecret);
    return this.#tcp;
  }

  get ipv6(): Ipv6 {
    this.#ipv6 ??= new Ipv6(this);
    return this.#ipv6;
  }

  get icmpv6(): Icmpv6 {
    this.#icmpv6 ??= new Icmpv6(this);
    return this.#icmpv6;
  }

  /** net.ipv6.conf.all.disable_ipv6: `::1` is no address here. */
  get disablesIpv6(): boolean {
    return this.#disablesIpv6;
  }

  set disablesIpv6(disables: boolean) {
    this.#disablesIpv6 = disables;
    this.routes.invalidate();
  }

  /** True if the loopback device has `::1` (addrconf_notify, init_loopback). */
  get hasIpv6(): boolean {
    return !this.#disablesIpv6 && this.loopback.isUp;
  }

  /**
   * Takes in a device; answers its interface number: the next one of the namespace that it was made in, by default the
   * node's own, if that is free here (dev_change_net_namespace). The loopback device is born here and number 1.
   */
  attach(device: NetDevice, madeIn: Netns | undefined): number {
    const counter = this.devices.length === 0 ? this : (madeIn ?? this.node.host ?? this);
    let index = counter.#nextIndex++;
    while (this.#find(index) !== undefined) index = this.#nextIndex++;
    this.devices = this.devices.concat(device);
    return index;
  }

  /** A device was made here and is gone already: its number is not given again. */
  skipIndex(): void {
    this.#nextIndex++;
  }

  /** The device is gone: addresses, routes and neighbors go with it (NETDEV_UNREGISTER). */
  detach(device: NetDevice): void {
    for (const address of this.addresses.filter((each) => each.device === device)) {
      this.removeAddress(device, address.ip, address.prefixLength);
    }
    this.routes.deleteWhere((route) => route.device === device.index);
    this.#igmp?.deleteDevice(device);
    this.devices = this.devices.filter((each) => each !== device);
  }

  /** NETDEV_UP: the routes of its addresses come back (fib_inetaddr_event), and groups are joined. */
  deviceIsUp(device: NetDevice): void {
    for (const address of this.addresses) {
      if (address.device === device) this.#addRoutes(address);
    }
    this.routes.invalidate();
    this.#igmp?.deviceIsUp(device);
  }

  /** NETDEV_DOWN: routes by it and its neighbors go; its addresses stay this host's (fib_disable_ip). */
  deviceGoesDown(device: NetDevice): void {
    this.#igmp?.deviceGoesDown(device);
    this.routes.deleteWhere((route) => route.device === device.index && route.type !== RouteType.local);
    this.#arp?.deleteDevice(device);
    this.netfilter?.deviceGoesDown(device);
  }

  /** `ip netns del`: everything in it ends (cleanup_net). */
  delete(): void {
    if (this.isDeleted) return;
    for (const device of this.devices.toReversed()) device.delete();
    this.#ipv4?.fragments.clear();
    this.isDeleted = true;
    this.node.namespaces.delete(this.name);
  }

  get addresses(): readonly InterfaceAddress[] {
    if (this.#deferred !== undefined) this.use();
    return this.#addresses;
  }

  get routes(): RouteTable {
    if (this.#deferred !== undefined) this.use();
    return this.#routes;
  }

  /** What is registered at IPv4's hooks; undefined: nothing. */
  get netfilter(): Netfilter | undefined {
    if (this.#deferred !== undefined) this.use();
    return this.#netfilter;
  }

  set netfilter(netfilter: Netfilter | undefined) {
    this.#netfilter = netfilter;
  }

  get ipvs(): IpVs | undefined {
    if (this.#deferred !== undefined) this.use();
    return this.#ipvs;
  }

  set ipvs(ipvs: IpVs | undefined) {
    this.#ipvs = ipvs;
  }

  /**
   * Puts something off until a program runs here, a packet passes, or somebody looks: most containers of a large swarm
   * never see that.
   */
  defer(action: () => void): void {
    const before = this.#deferred;
    this.#deferred =
      before === undefined
        ? action
        : () => {
            before();
            action();
          };
  }

  /** What was put off is done now. */
  use(): void {
    const deferred = this.#deferred;
    this.#deferred = undefined;
    deferred?.();
  }

  /** net.ipv4.ip_forward. */
  get forwarding(): boolean {
    return this.#forwarding;
  }

  set forwarding(forwards: boolean) {
    this.#forwarding = forwards;
    this.#routes.invalidate();
  }

  /** The device that a namespace is born with: its first (net->loopback_dev). */
  get loopback(): NetDevice {
    return this.devices[0]!;
  }

  deviceAt(index: number): NetDevice {
    return this.#find(index)!;
  }

  #find(index: number): NetDevice | undefined {
    for (const device of this.devices) if (device.index === index) return device;
    return undefined;
  }

  deviceNamed(name: string): NetDevice | undefined {
    for (const device of this.devices) if (device.name === name) return device;
    return undefined;
  }

  /** `ip addr add`: the address, and the routes that come with it (fib_frontend.c, fib_add_ifaddr). */
  addAddress(device: NetDevice, ip: number, prefixLength: number): void {
    const address = { device, ip, prefixLength };
    this.#addresses = this.addresses.concat(address);
    this.#addRoutes(address);
  }

  /** `ip addr del`: the address and the routes that nobody else's needs (fib_del_ifaddr). False if it is not there. */
  removeAddress(device: NetDevice, ip: number, prefixLength: number): boolean {
    const at = this.addresses.findIndex(
      (each) => each.device === device && each.ip === ip && each.prefixLength === prefixLength,
    );
    if (at < 0) return false;
    this.#addresses = this.addresses.toSpliced(at, 1);
    this.netfilter?.addressIsRemoved(device, ip);
    const other = this.addresses.find((each) => each.ip === ip);
    // With the address everything goes that would be sent from it (fib_sync_down_addr).
    this.routes.deleteWhere((route) => route.source === ip && route.device === device.index);
    if (other === undefined) this.routes.deleteWhere((route) => route.source === ip);
    for (const each of this.addresses) this.#addRoutes(each);
    this.routes.invalidate();
    return true;
  }

  #addRoutes(address: InterfaceAddress): void {
    const { device, ip, prefixLength } = address;
    const isLoopback = ip === LOOPBACK_IP && prefixLength === 8 && device.index === 1;
    for (const route of isLoopback ? LOOPBACK_ROUTES : routesOf(ip, prefixLength, device.index)) {
      // A device that is down has its own address and no network (fib_add_ifaddr).
      if (route.type !== RouteType.local && !device.isUp) continue;
      const isThere = this.routes.hasOn(route.type, route.destination, route.prefixLength, route.device);
      if (!isThere) this.routes.add(route);
    }
  }

  /** True if a packet for `ip` is for this host, whatever device the address is on (inet_addr_type, RTN_LOCAL). */
  isLocal(ip: number): boolean {
    return this.routes.find(ip)?.type === RouteType.local;
  }

  /** True if a device has exactly this address (inet_lookup_ifaddr_rcu). */
  hasAddress(ip: number): boolean {
    return this.deviceWith(ip) !== undefined;
  }

  hasAddressOn(device: NetDevice, ip: number): boolean {
    return this.addresses.some((each) => each.device === device && each.ip === ip);
  }

  /** The device with this address (ip_dev_find). */
  deviceWith(ip: number): NetDevice | undefined {
    for (const address of this.addresses) if (address.ip === ip) return address.device;
    return undefined;
  }

  /** Source address for talking to `ip` on the device's own network (inet_select_addr). */
  sourceFor(device: NetDevice, ip: number): number {
    let first = 0;
    for (const address of this.addresses) {
      if (address.device !== device) continue;
      if (((address.ip ^ ip) & maskOf(address.prefixLength)) === 0) return address.ip;
      if (first === 0) first = address.ip;
    }
    if (first !== 0) return first;
    // A device without one borrows, but no loopback address.
    return this.addresses.find((each) => each.device !== this.loopback)?.ip ?? 0;
  }

  /** A frame for this host's stack. */
  receive(device: NetDevice, frame: Frame): void {
    if (device.isDeaf) return this.drop(frame, DropReason.REPLAYED);
    const { frames } = this.node;
    switch (ethernet.etherType(frames.view, frame.start)) {
      case EtherType.ipv4:
        this.ipv4.receive(device, frame);
        break;
      case EtherType.arp:
        this.arp.receive(device, frame);
        break;
      case EtherType.ipv6:
        // Other devices have none.
        if (device !== this.loopback) return this.drop(frame, DropReason.UNHANDLED_PROTO);
        this.ipv6.receive(device, frame);
        break;
      default:
        this.drop(frame, DropReason.UNHANDLED_PROTO);
    }
  }

  /** The frame ends here, and why (kfree_skb_reason). */
  drop(frame: Frame, reason: DropReason): void {
    this.node.recorder.step(frame, StepKind.drop, reason, 0);
    this.node.frames.free(frame);
  }
}

/** The routes that an address brings. */
function routesOf(ip: number, prefixLength: number, device: number): readonly Route[] {
  const mask = maskOf(prefixLength);
  const route = (type: RouteType, destination: number, length: number): Route => ({
    type,
    destination,
    prefixLength: length,
    via: undefined,
    device,
    source: ip,
    protocol: "kernel",
  });
  const routes = [route(RouteType.local, ip, 32)];
  if (prefixLength < 31) routes.push(route(RouteType.broadcast, (ip & mask) | ~mask, 32));
  if (prefixLength < 32) {
    const isLoopback = ip >>> 24 === 127;
    routes.push(route(isLoopback ? RouteType.local : RouteType.unicast, ip & mask, prefixLength));
  }
  return routes;
}

const LOOPBACK_IP = 0x7f000001;
/** Every namespace has them. */
const LOOPBACK_ROUTES: readonly Route[] = routesOf(LOOPBACK_IP, 8, 1);
