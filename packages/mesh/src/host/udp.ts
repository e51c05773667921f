/**
 * A host's UDP as far as tunnels need it: the encapsulation sockets of vxlan devices (Linux net/ipv4/udp.c,
 * udp_queue_rcv_one_skb; drivers/net/vxlan/vxlan_core.c, vxlan_rcv).
 *
 * Not modelled yet: other sockets; a datagram for a port that nobody has is dropped without an ICMP error.
 */
import { decapsulate, decapsulatedEnd, Verify } from "@hopscope/codec/encapsulation";
import { IcmpType, UnreachableCode } from "@hopscope/codec/icmp";
import * as ipv4 from "@hopscope/codec/ipv4";
import { Status } from "@hopscope/codec/status";
import * as udp from "@hopscope/codec/udp";
import * as vxlan from "@hopscope/codec/vxlan";
import type { VxlanDevice } from "../devices/vxlan.ts";
import type { Frame } from "../frame.ts";
import type { Netns } from "../netns.ts";
import { DropReason } from "../trace/drop-reason.ts";
import { StepKind } from "../trace/step.ts";

export class Udp {
  readonly #netns: Netns;
  /** UDP port to VNI to the device that lives behind that socket, wherever it was moved. */
  readonly #tunnels: Map<number, Map<number, VxlanDevice>> = new Map();

  constructor(netns: Netns) {
    this.#netns = netns;
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

  /** Linux udp_err: an error quotes a datagram of this host's. */
  error(ipAt: number, type: number, code: number, info: number): void {
    const { view } = this.#netns.node.frames;
    if (type === IcmpType.destinationUnreachable && code === UnreachableCode.fragmentationNeeded) {
      this.#netns.ipv4.updatePmtu(ipv4.dstIp(view, ipAt), info);
    }
  }

  /** Linux udp_rcv: takes the frame. */
  receive(frame: Frame, ipAt: number): void {
    const netns = this.#netns;
    const { frames, recorder } = netns.node;
    const { view } = frames;
    const start = frames.start(frame);
    const at = ipv4.payloadStart(view, ipAt);
    const status = udp.check(view, at, ipv4.payloadEnd(view, ipAt, frames.end(frame)));
    if (status !== Status.ok) return netns.drop(frame, DropReason.PKT_TOO_SMALL);
    const port = udp.dstPort(view, at);
    const tunnels = this.#tunnels.get(port);
    if (tunnels === undefined) {
      netns.icmp.error(frame, IcmpType.destinationUnreachable, UnreachableCode.port, 0);
      return netns.drop(frame, DropReason.NO_SOCKET);
    }
    // The IPv4 header's checksum has been looked at.
    const inner = decapsulate(view, start, frames.end(frame), port, Verify.udp);
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
