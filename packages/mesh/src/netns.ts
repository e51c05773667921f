/**
 * A network namespace: devices, addresses, routes, neighbors, and a host's IPv4 stack. A packet received on a device
 * that is no bridge port comes here (Linux net/core/dev.c, the ptype handlers of __netif_receive_skb_core).
 *
 * Not modelled yet: netfilter hooks, forwarding, IPv6, sockets other than the vxlan devices' and ping's.
 */
import { EtherType } from "@hopscope/codec/code-points";
import * as ethernet from "@hopscope/codec/ethernet";
import type { NetDevice } from "./device.ts";
import type { Frame } from "./frame.ts";
import { Arp } from "./host/arp.ts";
import { Icmp } from "./host/icmp.ts";
import { Ipv4 } from "./host/ipv4.ts";
import { Udp } from "./host/udp.ts";
import type { Node } from "./node.ts";
import { maskOf, type Route, RouteTable, RouteType } from "./tables/route.ts";
import { DropReason } from "./trace/drop-reason.ts";
import { StepKind } from "./trace/step.ts";

export interface InterfaceAddress {
  readonly device: NetDevice;
  /** int32. */
  readonly ip: number;
  readonly prefixLength: number;
}

export class Netns {
  readonly node: Node;
  /** `host` for the node's own. */
  readonly name: string;
  readonly devices: NetDevice[] = [];
  readonly addresses: InterfaceAddress[] = [];
  readonly routes: RouteTable = new RouteTable();
  readonly arp: Arp;
  readonly ipv4: Ipv4;
  readonly icmp: Icmp;
  readonly udp: Udp;
  /** Process number of the next program, as `ping` puts it into its identifier. */
  nextPid = 20;

  constructor(node: Node, name: string) {
    this.node = node;
    this.name = name;
    this.arp = new Arp(this);
    this.ipv4 = new Ipv4(this);
    this.icmp = new Icmp(this);
    this.udp = new Udp(this);
    node.namespaces.set(name, this);
  }

  /** Takes in a device; answers its interface number. */
  attach(device: NetDevice): number {
    return this.devices.push(device);
  }

  /** The device that a namespace is born with: its first (net->loopback_dev). */
  get loopback(): NetDevice {
    return this.devices[0]!;
  }

  deviceAt(index: number): NetDevice {
    return this.devices[index - 1]!;
  }

  deviceNamed(name: string): NetDevice | undefined {
    return this.devices.find((device) => device.name === name);
  }

  /** `ip addr add`: the address, and the routes that come with it (fib_frontend.c, fib_add_ifaddr). */
  addAddress(device: NetDevice, ip: number, prefixLength: number): void {
    this.addresses.push({ device, ip, prefixLength });
    const mask = maskOf(prefixLength);
    const route = (type: RouteType, destination: number, length: number): Route => ({
      type,
      destination,
      prefixLength: length,
      via: undefined,
      device: device.index,
      source: ip,
    });
    this.routes.add(route(RouteType.local, ip, 32));
    if (prefixLength < 31) this.routes.add(route(RouteType.broadcast, (ip & mask) | ~mask, 32));
    if (prefixLength < 32) {
      const isLoopback = ip >>> 24 === 127;
      this.routes.add(route(isLoopback ? RouteType.local : RouteType.unicast, ip & mask, prefixLength));
    }
  }

  /** True if a packet for `ip` is for this host, whatever device the address is on (inet_addr_type, RTN_LOCAL). */
  isLocal(ip: number): boolean {
    return this.routes.find(ip)?.type === RouteType.local;
  }

  /** Source address for talking to `ip` on the device's own network (inet_select_addr). */
  sourceFor(device: NetDevice, ip: number): number {
    let first = 0;
    for (const address of this.addresses) {
      if (address.device !== device) continue;
      if (((address.ip ^ ip) & maskOf(address.prefixLength)) === 0) return address.ip;
      if (first === 0) first = address.ip;
    }
    return first;
  }

  /** A frame for this host's stack. */
  receive(device: NetDevice, frame: Frame): void {
    const { frames } = this.node;
    const start = frames.start(frame);
    switch (ethernet.etherType(frames.view, start)) {
      case EtherType.ipv4:
        this.ipv4.receive(device, frame);
        break;
      case EtherType.arp:
        this.arp.receive(device, frame);
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
