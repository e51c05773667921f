/**
 * A namespace's UDP (Linux net/ipv4/udp.c): its sockets, and the encapsulation sockets of vxlan devices
 * (drivers/net/vxlan/vxlan_core.c, vxlan_rcv).
 *
 * Not modelled: SO_REUSEPORT groups, checksums that the receiver does without (UDP_ENCAP_NO_CHECK6 …).
 */
import { ChecksumStatus } from "@hopscope/codec/checksum";
import { decapsulate, decapsulatedEnd, Verify } from "@hopscope/codec/encapsulation";
import * as ipv4 from "@hopscope/codec/ipv4";
import { Status } from "@hopscope/codec/status";
import * as udp from "@hopscope/codec/udp";
import * as vxlan from "@hopscope/codec/vxlan";
import type { NetDevice } from "../device.ts";
import type { VxlanDevice } from "../devices/vxlan.ts";
import { Errno } from "../errno.ts";
import { Checksum, type Frame } from "../frame.ts";
import type { Netns } from "../netns.ts";
import { RouteType } from "../tables/route.ts";
import { DropReason } from "../trace/drop-reason.ts";
import { StepKind } from "../trace/step.ts";
import { icmpErrno, isFragmentationNeeded, isIcmpErrorFatal } from "./icmp-errno.ts";
import * as ip from "./ip.ts";
import { PmtuDiscovery } from "./ipv4.ts";
import { IPV6_ANY, isAnyAddress, isIpv6 } from "./ipv6-address.ts";
import { LOCAL_PORTS, localPort } from "./local-port.ts";
import type { Datagram } from "./socket.ts";
import { UdpSocket } from "./udp-socket.ts";

const NONE: readonly UdpSocket[] = [];

export class Udp {
  readonly #netns: Netns;
  /** UDP port to VNI to the device that lives behind that socket, wherever it was moved. */
  readonly #tunnels: Map<number, Map<number, VxlanDevice>> = new Map();
  /** By local port. */
  readonly #sockets: Map<number, UdpSocket[]> = new Map();

  constructor(netns: Netns) {
    this.#netns = netns;
  }

  /** socket(2). */
  socket(): UdpSocket {
    return new UdpSocket(this, this.#netns);
  }

  /** All sockets that have a port, as `ss -u` lists them. */
  get sockets(): readonly UdpSocket[] {
    return [...this.#sockets.values()].flat();
  }

  /** Ports of the kernel's own sockets. */
  get tunnelPorts(): readonly number[] {
    return [...this.#tunnels.keys()];
  }

  /** Linux vxlan_sock_add: devices with one port share a socket. */
  bindTunnel(port: number, vni: number, device: VxlanDevice): void {
    const devices = this.#tunnels.get(port) ?? new Map<number, VxlanDevice>();
    devices.set(vni, device);
    this.#tunnels.set(port, devices);
  }

  /** Linux vxlan_find_vni. */
  tunnelDevice(port: number, vni: number): VxlanDevice | undefined {
    return this.#tunnels.get(port)?.get(vni);
  }

  /** Linux vxlan_sock_release. */
  unbindTunnel(port: number, vni: number): void {
    const devices = this.#tunnels.get(port);
    devices?.delete(vni);
    if (devices?.size === 0) this.#tunnels.delete(port);
  }

  /** Linux udp_lib_get_port: gives the socket that port, or one that is free. */
  getPort(socket: UdpSocket, port: number): Errno {
    const chosen = port === 0 ? this.#freePort(socket) : port;
    if (chosen === 0 || this.#isInUse(socket, chosen)) return Errno.EADDRINUSE;
    socket.localPort = chosen;
    const sockets = this.#sockets.get(chosen) ?? [];
    sockets.push(socket);
    this.#sockets.set(chosen, sockets);
    return Errno.none;
  }

  /** Linux udp_lib_unhash. */
  unhash(socket: UdpSocket): void {
    const sockets = this.#sockets.get(socket.localPort);
    const at = sockets?.indexOf(socket) ?? -1;
    if (sockets === undefined || at < 0) return;
    sockets.splice(at, 1);
    if (sockets.length === 0) this.#sockets.delete(socket.localPort);
  }

  #freePort(socket: UdpSocket): number {
    const start = this.#netns.node.socketRandom.below(LOCAL_PORTS);
    for (let tried = 0; tried < LOCAL_PORTS; tried++) {
      const port = localPort(start, 1, tried);
      if (!this.#isInUse(socket, port)) return port;
    }
    return 0;
  }

  /** Linux udp_lib_lport_inuse. */
  #isInUse(socket: UdpSocket, port: number): boolean {
    if (this.#tunnels.has(port)) return true;
    const sockets = this.#sockets.get(port) ?? NONE;
    return sockets.some(
      (other) =>
        !(other.reuseAddress && socket.reuseAddress) &&
        (other.device === undefined || socket.device === undefined || other.device === socket.device) &&
        addressesConflict(other, socket),
    );
  }

  /** Linux udp_rcv: takes the frame, which came in by `device`. */
  receive(frame: Frame, ipAt: number, device: NetDevice): void {
    const netns = this.#netns;
    const { view } = netns.node.frames;
    const at = ip.payloadStart(view, ipAt);
    const end = ip.payloadEnd(view, ipAt, frame.end);
    if (udp.check(view, at, end) !== Status.ok) return netns.drop(frame, DropReason.PKT_TOO_SMALL);
    const port = udp.dstPort(view, at);
    const tunnels = this.#tunnels.get(port);
    // A tunnel's socket is IPv4's.
    if (tunnels !== undefined && !ip.isVersion6(view, ipAt)) return this.#decapsulate(frame, ipAt, port, tunnels);
    const type = frame.dst?.type;
    if (type === RouteType.broadcast || type === RouteType.multicast)
      return this.#deliverToAll(frame, ipAt, at, device);
    const socket = this.#lookup(ip.srcIp(view, ipAt), udp.srcPort(view, at), ip.dstIp(view, ipAt), port, device);
    if (!this.#isChecksumRight(frame, ipAt, at)) return netns.drop(frame, DropReason.UDP_CSUM);
    if (socket === undefined) {
      ip.familyOf(netns, ipAt).portUnreachable(frame);
      return netns.drop(frame, DropReason.NO_SOCKET);
    }
    if (!socket.enqueue(this.#datagram(ipAt, at))) return netns.drop(frame, DropReason.SOCKET_RCVBUFF);
    netns.node.recorder.step(frame, StepKind.deliverUdp, port, 0);
    netns.node.frames.free(frame);
  }

  /** Linux __udp4_lib_mcast_deliver: a copy to each socket that wants it. */
  #deliverToAll(frame: Frame, ipAt: number, at: number, device: NetDevice): void {
    const netns = this.#netns;
    const { frames, recorder } = netns.node;
    const { view } = frames;
    if (!this.#isChecksumRight(frame, ipAt, at)) return netns.drop(frame, DropReason.UDP_CSUM);
    const srcIp = ipv4.srcIp(view, ipAt);
    const dstIp = ipv4.dstIp(view, ipAt);
    const srcPort = udp.srcPort(view, at);
    let count = 0;
    for (const socket of this.#sockets.get(udp.dstPort(view, at)) ?? NONE) {
      if (socket.remoteIp !== 0 && socket.remoteIp !== srcIp) continue;
      if (socket.remotePort !== 0 && socket.remotePort !== srcPort) continue;
      if (!isAnyAddress(socket.localIp) && socket.localIp !== dstIp) continue;
      if (socket.isIpv6Only) continue;
      if (socket.device !== undefined && socket.device !== device) continue;
      if (socket.enqueue(this.#datagram(ipAt, at))) count++;
    }
    // Nobody wants what is for everybody: no word about it.
    if (count === 0) return netns.drop(frame, DropReason.NO_SOCKET);
    recorder.step(frame, StepKind.deliverUdp, udp.dstPort(view, at), 0);
    frames.free(frame);
  }

  /** Linux __udp4_lib_lookup and compute_score: the socket that says most exactly that it wants this. */
  #lookup(srcIp: number, srcPort: number, dstIp: number, dstPort: number, device: NetDevice): UdpSocket | undefined {
    let best: UdpSocket | undefined;
    let bestScore = 0;
    for (const socket of this.#sockets.get(dstPort) ?? NONE) {
      let score = 1;
      if (socket.localIp === 0) {
        if (isIpv6(dstIp)) continue;
        score += 1;
      } else if (socket.localIp === IPV6_ANY) {
        if (isIpv6(dstIp)) score += 1;
        else if (socket.isIpv6Only) continue;
      } else {
        if (socket.localIp !== dstIp) continue;
        // A socket that is bound to the address comes before any that is not.
        score += 16;
      }
      if (socket.remoteIp !== 0) {
        if (socket.remoteIp !== srcIp || socket.remotePort !== srcPort) continue;
        score += 8;
      }
      if (socket.device !== undefined) {
        if (socket.device !== device) continue;
        score += 4;
      }
      if (score > bestScore) {
        best = socket;
        bestScore = score;
      }
    }
    return best;
  }

  #isChecksumRight(frame: Frame, ipAt: number, at: number): boolean {
    // What comes from a host on the same machine has not been on a wire.
    if (frame.csum === Checksum.partial) return true;
    const { view } = this.#netns.node.frames;
    const length = udp.length(view, at);
    const pseudo = ip.pseudoHeader(view, ipAt, length);
    const status = udp.verifyChecksum(view, at, at + length, pseudo);
    return status === ChecksumStatus.valid || status === ChecksumStatus.absent;
  }

  #datagram(ipAt: number, at: number): Datagram {
    const { view, bytes } = this.#netns.node.frames;
    return {
      bytes: bytes.slice(at + udp.HEADER_LENGTH, at + udp.length(view, at)),
      ip: ip.srcIp(view, ipAt),
      port: udp.srcPort(view, at),
      dstIp: ip.dstIp(view, ipAt),
    };
  }

  /** Linux udp_err: an ICMP error quotes a datagram of this host's, whose IPv4 header is at `ipAt`. */
  error(ipAt: number, type: number, code: number, info: number): void {
    const { view } = this.#netns.node.frames;
    const at = ipv4.payloadStart(view, ipAt);
    const srcIp = ipv4.srcIp(view, ipAt);
    const dstIp = ipv4.dstIp(view, ipAt);
    // From the socket's place: the quoted packet's destination is what it is connected to.
    const socket = this.#lookup(dstIp, udp.dstPort(view, at), srcIp, udp.srcPort(view, at), this.#netns.loopback);
    if (socket === undefined) return;
    let isFatal = isIcmpErrorFatal(type, code);
    if (isFragmentationNeeded(type, code)) {
      this.#netns.ipv4.updatePmtu(dstIp, info);
      if (socket.pmtuDiscovery === PmtuDiscovery.dont) return;
      isFatal = true;
    }
    const errno = icmpErrno(type, code);
    // RFC 1122 §4.1.3.3, but only a socket that talks to one other hears of it, and only of what trying again does not help.
    if (errno !== Errno.none && isFatal && socket.remotePort !== 0) socket.report(errno);
  }

  /** Linux udpv6_err: nobody has the port that a datagram of this host's was for, whose IPv6 header is at `ipAt`. */
  refused(ipAt: number, errno: Errno): void {
    const { view } = this.#netns.node.frames;
    const at = ip.payloadStart(view, ipAt);
    const [remotePort, port] = [udp.dstPort(view, at), udp.srcPort(view, at)];
    const socket = this.#lookup(ip.dstIp(view, ipAt), remotePort, ip.srcIp(view, ipAt), port, this.#netns.loopback);
    if (socket !== undefined && socket.remotePort !== 0) socket.report(errno);
  }

  /** Linux vxlan_rcv. */
  #decapsulate(frame: Frame, ipAt: number, port: number, tunnels: ReadonlyMap<number, VxlanDevice>): void {
    const netns = this.#netns;
    const { frames, recorder } = netns.node;
    const { view } = frames;
    const { start } = frame;
    // The IPv4 header's checksum has been looked at.
    const inner = decapsulate(view, start, frame.end, port, Verify.udp);
    if (inner < 0) {
      return netns.drop(frame, inner === -Status.badChecksum ? DropReason.UDP_CSUM : DropReason.VXLAN_INVALID_HDR);
    }
    const vni = vxlan.vni(view, inner - vxlan.HEADER_LENGTH);
    const device = tunnels.get(vni);
    if (device === undefined) return netns.drop(frame, DropReason.VXLAN_VNI_NOT_FOUND);
    recorder.step(frame, StepKind.decapsulate, vni, device.point);
    const end = decapsulatedEnd(view, inner);
    const vtep = ipv4.srcIp(view, ipAt);
    const tos = ipv4.tos(view, ipAt);
    if (!frames.own(frame)) return netns.drop(frame, DropReason.NOMEM);
    frames.pull(frame, inner - start);
    frames.resize(frame, end - inner);
    frames.scrub(frame);
    device.decapsulated(frame, vtep, tos);
  }
}

/** Linux ipv6_rcv_saddr_equal and inet_rcv_saddr_equal. */
function addressesConflict(a: UdpSocket, b: UdpSocket): boolean {
  if (isIpv6(a.localIp) !== isIpv6(b.localIp)) {
    const six = isIpv6(a.localIp) ? a : b;
    return six.localIp === IPV6_ANY && !six.isIpv6Only;
  }
  return isAnyAddress(a.localIp) || isAnyAddress(b.localIp) || a.localIp === b.localIp;
}
