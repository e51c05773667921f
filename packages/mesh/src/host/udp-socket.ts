/**
 * A UDP socket (Linux net/ipv4/udp.c: udp_sendmsg, udp_recvmsg, udp_err; datagram.c, ip4_datagram_connect).
 *
 * Not modelled: corking, datagrams in batches (UDP_SEGMENT, UDP_GRO), source-specific multicast. What a datagram takes of
 * the receive buffer is a rule of thumb.
 */
import { IpProtocol } from "@hopscope/codec/code-points";
import * as ethernet from "@hopscope/codec/ethernet";
import * as udp from "@hopscope/codec/udp";
import type { NetDevice } from "../device.ts";
import { Errno } from "../errno.ts";
import { Checksum } from "../frame.ts";
import type { Netns } from "../netns.ts";
import type { WaitedFor, Waiter } from "../program/process.ts";
import { RouteType } from "../tables/route.ts";
import { isMulticastIp, LIMITED_BROADCAST } from "./ipv4-address.ts";
import * as ip from "./ip.ts";
import { PmtuDiscovery } from "./ipv4.ts";
import { isAnyAddress, isIpv6 } from "./ipv6-address.ts";
import { sendErrno } from "./send-errno.ts";
import type { Datagram } from "./socket.ts";
import { connectionHash } from "./tcp-entry.ts";
import type { Udp } from "./udp.ts";

/** net.core.rmem_default, and what the kernel's own structures take of it for each datagram. */
const RECEIVE_BUFFER = 212_992;
const DATAGRAM_OVERHEAD = 768;

export class UdpSocket implements WaitedFor {
  waiter: Waiter | undefined = undefined;
  /** 0: any of the host's IPv4 addresses; `IPV6_ANY`: any at all, but for `isIpv6Only`. */
  localIp = 0;
  localPort = 0;
  /** 0: not connected. */
  remoteIp = 0;
  remotePort = 0;
  /** IPV6_V6ONLY */
  isIpv6Only = false;
  /** IP_TOS. */
  tos = 0;
  /** IP_TTL. */
  ttl = 64;
  /** IP_MULTICAST_TTL. */
  multicastTtl = 1;
  /** IP_MULTICAST_IF: the device that what is for a group leaves by. */
  multicastDevice: NetDevice | undefined = undefined;
  /** IP_MTU_DISCOVER. */
  pmtuDiscovery: PmtuDiscovery = PmtuDiscovery.want;
  /** SO_BROADCAST. */
  broadcast = false;
  /** SO_REUSEADDR. */
  reuseAddress = false;
  /** SO_BINDTODEVICE. */
  device: NetDevice | undefined = undefined;
  readonly #udp: Udp;
  readonly #netns: Netns;
  #error: Errno = Errno.none;
  /** Of a connected socket: the identification of its next datagram. */
  #identification = 0;
  readonly #received: Datagram[] = [];
  /** What {@link receive} would give, and what the kernel needs to keep it. */
  receivedBytes = 0;
  readonly #groups: { readonly group: number; readonly device: NetDevice }[] = [];
  #isClosed = false;

  /** {@link Udp.socket} makes it. */
  constructor(udp: Udp, netns: Netns) {
    this.#udp = udp;
    this.#netns = netns;
  }

  /** bind(2). Port 0: one that the kernel chooses. */
  bind(address: number, port: number): Errno {
    if (this.localPort !== 0) return Errno.EINVAL;
    const isThere =
      isAnyAddress(address) ||
      ip.familyFor(this.#netns, address).isLocal(address) ||
      (!isIpv6(address) && (isMulticastIp(address) || this.#isBroadcast(address)));
    if (!isThere) return Errno.EADDRNOTAVAIL;
    this.localIp = address;
    const error = this.#udp.getPort(this, port);
    if (error !== Errno.none) this.localIp = 0;
    return error;
  }

  /** connect(2): from now on only datagrams from there, and errors are told. */
  connect(address: number, port: number): Errno {
    const af = ip.familyFor(this.#netns, address);
    const dst = af.lookup(address, this.localIp, this.#deviceFor(address));
    if (dst === undefined) return af.whyUnreachable(address);
    if (dst.type === RouteType.broadcast && !this.broadcast) return Errno.EACCES;
    if (isAnyAddress(this.localIp)) this.localIp = dst.source;
    this.remoteIp = address;
    this.remotePort = port;
    this.#identification = this.#netns.node.socketRandom.int32() & 0xffff;
    return this.#autobind();
  }

  /** send(2) on a connected socket. */
  send(bytes: Uint8Array): Errno {
    if (this.remotePort === 0) return Errno.EDESTADDRREQ;
    return this.#send(bytes, this.remoteIp, this.remotePort, true);
  }

  /** sendto(2). */
  sendTo(bytes: Uint8Array, ip: number, port: number): Errno {
    return this.#send(bytes, ip, port, false);
  }

  /** recvfrom(2): the oldest datagram, or undefined. */
  receive(): Datagram | undefined {
    const datagram = this.#received.shift();
    if (datagram !== undefined) this.receivedBytes -= datagram.bytes.length + DATAGRAM_OVERHEAD;
    return datagram;
  }

  /** SO_ERROR: what went wrong since it was last asked for; asking clears it. */
  takeError(): Errno {
    const error = this.#error;
    this.#error = Errno.none;
    return error;
  }

  /** IP_ADD_MEMBERSHIP. Without a device the route to the group says by which. */
  join(group: number, device?: NetDevice): Errno {
    if (!isMulticastIp(group)) return Errno.EINVAL;
    const chosen = device ?? this.#netns.ipv4.lookup(group)?.device;
    if (chosen === undefined) return Errno.ENODEV;
    if (this.isMember(group, chosen)) return Errno.EADDRINUSE;
    this.#groups.push({ group, device: chosen });
    this.#netns.igmp.join(chosen, group);
    return Errno.none;
  }

  /** IP_DROP_MEMBERSHIP. */
  leave(group: number): Errno {
    const at = this.#groups.findIndex((each) => each.group === group);
    if (at < 0) return Errno.EADDRNOTAVAIL;
    const [left] = this.#groups.splice(at, 1);
    this.#netns.igmp.leave(left!.device, group);
    return Errno.none;
  }

  isMember(group: number, device: NetDevice): boolean {
    return this.#groups.some((each) => each.group === group && each.device === device);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const { group, device } of this.#groups) this.#netns.igmp.leave(device, group);
    this.#udp.unhash(this);
  }

  /** Linux __udp_enqueue_schedule_skb. False if its buffer is full. */
  enqueue(datagram: Datagram): boolean {
    const size = datagram.bytes.length + DATAGRAM_OVERHEAD;
    // The buffer may be exceeded by one datagram.
    if (this.receivedBytes > RECEIVE_BUFFER) return false;
    this.receivedBytes += size;
    this.#received.push(datagram);
    this.waiter?.wakeUp();
    return true;
  }

  /** sk_error_report. */
  report(error: Errno): void {
    this.#error = error;
    this.waiter?.wakeUp();
  }

  #autobind(): Errno {
    return this.localPort === 0 ? this.#udp.getPort(this, 0) : Errno.none;
  }

  #isBroadcast(ip: number): boolean {
    return ip === LIMITED_BROADCAST || this.#netns.routes.find(ip)?.type === RouteType.broadcast;
  }

  #deviceFor(ip: number): NetDevice | undefined {
    return this.device ?? (isMulticastIp(ip) ? this.multicastDevice : undefined);
  }

  /** Linux udp_sendmsg. */
  #send(bytes: Uint8Array, address: number, port: number, isConnected: boolean): Errno {
    const netns = this.#netns;
    const length = udp.HEADER_LENGTH + bytes.length;
    if (port === 0) return Errno.EINVAL;
    // sock_error: what is still to be told comes before anything else is sent.
    const pending = this.takeError();
    if (pending !== Errno.none) return pending;
    const unbound = this.#autobind();
    if (unbound !== Errno.none) return unbound;
    const af = ip.familyFor(netns, address);
    // Of a socket that is bound to any address the route says from which.
    const from = isAnyAddress(this.localIp) ? 0 : this.localIp;
    const dst = af.lookup(address, from, this.#deviceFor(address));
    if (dst === undefined) return af.whyUnreachable(address);
    if (dst.type === RouteType.broadcast && !this.broadcast) return Errno.EACCES;
    const { tos, pmtuDiscovery } = this;
    if (af.refuses(dst, length, pmtuDiscovery)) return Errno.EMSGSIZE;
    const { frames, softnet } = netns.node;
    const ttl = dst.type === RouteType.multicast ? this.multicastTtl : this.ttl;
    const id = isConnected ? this.#nextIdentification() : undefined;
    const { source } = dst;
    const label = connectionHash(address, port, source, this.localPort);
    const frame = af.make(IpProtocol.udp, source, address, length, tos, ttl, pmtuDiscovery, id, dst, label);
    if (frame === undefined) return Errno.ENOBUFS;
    const { view } = frames;
    const at = frame.start + ethernet.HEADER_LENGTH + af.headerLength;
    udp.setSrcPort(view, at, this.localPort);
    udp.setDstPort(view, at, port);
    udp.setLength(view, at, length);
    frames.bytes.set(bytes, at + udp.HEADER_LENGTH);
    const pseudo = af.pseudoHeader(source, address, IpProtocol.udp, length);
    // What is cut on its way has to be right before (csum_unnecessary of __ip_append_data).
    if (length + af.headerLength > af.mtuOf(dst, softnet.now)) udp.fillChecksum(view, at, at + length, pseudo);
    else {
      // Left to the device (udp4_hwcsum).
      udp.setChecksum(view, at, pseudo);
      frame.csum = Checksum.partial;
    }
    return sendErrno(af.output(frame, dst));
  }

  #nextIdentification(): number {
    this.#identification = (this.#identification + 1) & 0xffff;
    return this.#identification;
  }
}
