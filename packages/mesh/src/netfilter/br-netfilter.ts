/**
 * Bridged IPv4 before IPv4's hooks (Linux net/bridge/br_netfilter_hooks.c, with bridge-nf-call-iptables 1): a frame at
 * a port passes PREROUTING, one that is forwarded to a port FORWARD and POSTROUTING, as if the bridge were both of its
 * devices. Nothing else does: ARP passes unseen.
 *
 * Not modelled: VLAN and PPPoE, IPv6.
 */
import { EtherType } from "@hopscope/codec/code-points";
import * as ethernet from "@hopscope/codec/ethernet";
import * as ipv4 from "@hopscope/codec/ipv4";
import { Status } from "@hopscope/codec/status";
import type { Bridge, BridgePort } from "../devices/bridge.ts";
import type { Frame } from "../frame.ts";
import { cut } from "../host/ip-output.ts";
import { DstInput } from "../host/route.ts";
import { NeighborState } from "../tables/neighbor.ts";
import { DropReason } from "../trace/drop-reason.ts";
import { Hook } from "./hook.ts";
import type { Netfilter } from "./netfilter.ts";

export class BrNetfilter {
  readonly #netfilter: Netfilter;

  constructor(netfilter: Netfilter) {
    this.#netfilter = netfilter;
  }

  /**
   * Linux br_nf_pre_routing: a frame that came in by a port. Answers the frame that the bridge is to handle, whole and
   * perhaps with another destination, or undefined.
   */
  preRouting(bridge: Bridge, port: BridgePort, received: Frame): Frame | undefined {
    const netfilter = this.#netfilter;
    const { frames } = netfilter.netns.node;
    const { view } = frames;
    if (ethernet.etherType(view, received.start) !== EtherType.ipv4) return received;
    if (!this.#isValid(received)) return undefined;
    const dstIp = ipv4.dstIp(view, received.start + ethernet.HEADER_LENGTH);
    received.physIn = port.device;
    netfilter.hasDropped = false;
    const frame = netfilter.iterate(Hook.prerouting, received, bridge, undefined);
    if (frame === undefined) return undefined;
    // A packet that was put together is of the port that its last fragment came by.
    frame.physIn = port.device;
    const newDstIp = ipv4.dstIp(view, frame.start + ethernet.HEADER_LENGTH);
    return newDstIp === dstIp ? frame : this.#redirect(bridge, frame, newDstIp);
  }

  /** Linux br_validate_ipv4: also cuts off what is behind the packet. */
  #isValid(frame: Frame): boolean {
    const { netns } = this.#netfilter;
    const { frames } = netns.node;
    const { view } = frames;
    const at = frame.start + ethernet.HEADER_LENGTH;
    const status = ipv4.check(view, at, frame.end);
    if (status !== Status.ok) netns.drop(frame, DropReason.IP_INHDR);
    else if (ipv4.isChecksumValid(view, at)) {
      frames.resize(frame, ethernet.HEADER_LENGTH + ipv4.totalLength(view, at));
      return true;
    } else netns.drop(frame, DropReason.IP_CSUM);
    return false;
  }

  /**
   * The rest of br_nf_pre_routing_finish: a rule has changed the destination. If that is on the same bridge, the frame
   * is still bridged, to the neighbor's address; otherwise it is this host's, to be routed.
   */
  #redirect(bridge: Bridge, frame: Frame, dstIp: number): Frame | undefined {
    const { netns } = this.#netfilter;
    const { frames } = netns.node;
    const { view } = frames;
    if (!frames.own(frame)) return this.#netfilter.drop(frame, DropReason.NOMEM);
    const srcIp = ipv4.srcIp(view, frame.start + ethernet.HEADER_LENGTH);
    const dst = netns.ipv4.routing.input(bridge, srcIp, dstIp);
    if (dst.input === DstInput.refuse) {
      netns.drop(frame, dst.reason);
      return undefined;
    }
    if (dst.input !== DstInput.forward || dst.device !== bridge) {
      ethernet.setDstMac(view, frame.start, bridge.mac);
      frame.dst = dst;
      return frame;
    }
    // br_nf_pre_routing_finish_bridge
    const neighbor = netns.arp.neighbors.find(bridge.index, dst.nextHop);
    const isConnected = neighbor?.state === NeighborState.reachable || neighbor?.state === NeighborState.permanent;
    if (isConnected && neighbor.hasHeader) {
      ethernet.setDstMac(view, frame.start, neighbor.mac);
      return frame;
    }
    frame.bridgedFrom = ethernet.srcMac(view, frame.start);
    netns.arp.output(bridge, dst.nextHop, frame);
    return undefined;
  }

  /**
   * Linux br_nf_pre_routing_finish_bridge_slow: the neighbor of a bridged packet whose destination was changed has been
   * found; the frame goes on where it was, from the station that sent it.
   */
  resume(bridge: Bridge, frame: Frame): void {
    const { netns } = this.#netfilter;
    const { frames } = netns.node;
    const port = frame.physIn?.port;
    if (port === undefined || !frames.own(frame)) return netns.drop(frame, DropReason.DEV_READY);
    ethernet.setSrcMac(frames.view, frame.start, frame.bridgedFrom);
    frame.bridgedFrom = 0;
    bridge.handleFrameFinish(port, frame);
  }

  /**
   * Linux br_nf_local_in: of what was for everybody or a group, copies have been forwarded, and the bridge's own is
   * passed up. False if it is dropped, because its connection cannot be taken into the table.
   */
  localIn(frame: Frame): boolean {
    return this.#netfilter.confirm(frame);
  }

  /** Linux br_nf_forward_ip, br_nf_post_routing and br_nf_dev_queue_xmit: a bridged frame on its way out by a port. */
  forward(bridge: Bridge, to: BridgePort, received: Frame): void {
    const netfilter = this.#netfilter;
    netfilter.physOut = to.device;
    netfilter.hasDropped = false;
    let frame = netfilter.iterate(Hook.forward, received, bridge, bridge);
    if (frame !== undefined) frame = netfilter.iterate(Hook.postrouting, frame, undefined, bridge);
    netfilter.physOut = undefined;
    if (frame !== undefined) this.#send(bridge, to, frame);
  }

  #send(bridge: Bridge, to: BridgePort, frame: Frame): void {
    const { netns } = this.#netfilter;
    const { view } = netns.node.frames;
    const at = frame.start + ethernet.HEADER_LENGTH;
    const { fragMaxSize } = frame;
    const deviceMtu = to.device.mtu;
    const mtu = fragMaxSize !== 0 && fragMaxSize < deviceMtu ? fragMaxSize : deviceMtu;
    frame.physIn = undefined;
    if (frame.gsoSize !== 0 || ipv4.totalLength(view, at) <= mtu) return bridge.pushXmit(to, frame);
    // br_nf_ip_fragment: silently, whatever the sender would like to know.
    if (ipv4.dontFragment(view, at) || fragMaxSize > deviceMtu) return netns.drop(frame, DropReason.PKT_TOO_BIG);
    cut(netns, frame, deviceMtu, (part) => bridge.pushXmit(to, part));
  }
}
