/**
 * A vxlan device as libnetwork makes it: proxy for ARP, permanent entries for remote endpoints, no default destination
 * (Linux drivers/net/vxlan/vxlan_core.c; libnetwork drivers/overlay/ov_utils.go, createVxlan). It was made in the node's
 * own namespace, whose stack carries its packets, and then moved.
 *
 * Not modelled: learning switched off, group policy, GPE, several remotes.
 */
import * as arp from "@hopscope/codec/arp";
import { EtherType, IpProtocol } from "@hopscope/codec/code-points";
import { decapsulateEcn, encapsulate, OVERHEAD, VxlanTunnel } from "@hopscope/codec/encapsulation";
import * as ethernet from "@hopscope/codec/ethernet";
import * as ipv4 from "@hopscope/codec/ipv4";
import { Status } from "@hopscope/codec/status";
import * as udp from "@hopscope/codec/udp";
import { Cost } from "../costs.ts";
import { GroCells } from "./gro-cells.ts";
import { type DeviceOptions, NetDevice } from "../device.ts";
import { Checksum, type Frame } from "../frame.ts";
import { createArp } from "../host/arp-create.ts";
import { checksumHelp } from "../host/checksum-help.ts";
import { longestSegment, segmentCount } from "../host/gso.ts";
import { isLoopbackIp, isMulticastIp } from "../host/ipv4-address.ts";
import { tunnelPmtuReply } from "../host/tunnel-pmtu.ts";
import type { Netns } from "../netns.ts";
import { NeighborState } from "../tables/neighbor.ts";
import type { PeerTable } from "../tables/peer.ts";
import { RouteType } from "../tables/route.ts";
import { VxlanFdb } from "../tables/vxlan-fdb.ts";
import { DropReason } from "../trace/drop-reason.ts";
import { StepKind } from "../trace/step.ts";

/** 127.0.0.1: what is learned of a frame that never left the node. */
const LOOPBACK = 0x7f000001;

export interface VxlanOptions extends DeviceOptions {
  readonly vni: number;
  /** UDP port of the data path. */
  readonly udpPort: number;
  /** The namespace that the device was made in. */
  readonly transport: Netns;
  /** This node's tunnel endpoint, int32. */
  readonly vtep: number;
  readonly peers: PeerTable;
}

export class VxlanDevice extends NetDevice {
  readonly vni: number;
  readonly udpPort: number;
  readonly vtep: number;
  readonly peers: PeerTable;
  readonly fdb: VxlanFdb;
  readonly #transport: Netns;
  readonly #groCells: GroCells;
  /** Remote tunnel endpoint to the headers that lead there. */
  readonly #tunnels: Map<number, VxlanTunnel> = new Map();
  /** What is wrong on purpose about neighbors. */
  #wrongNeighbors: Map<number, number | undefined> | undefined = undefined;
  /** Each kernel hashes flows with a secret of its own. */
  readonly #hashSeed: number;

  constructor(netns: Netns, options: VxlanOptions) {
    super(netns, options);
    this.vni = options.vni;
    this.udpPort = options.udpPort;
    this.vtep = options.vtep;
    this.peers = options.peers;
    this.fdb = new VxlanFdb(options.peers, options.vtep);
    this.#transport = options.transport;
    this.#groCells = new GroCells(this);
    this.#hashSeed = netns.node.hashSeed;
    options.transport.udp.bindTunnel(options.udpPort, options.vni, this);
  }

  /**
   * A remote endpoint's record has gone: with it goes what was learned of it here, and what the bridge has learned
   * (libnetwork osl, DeleteNeighbor).
   */
  forgetPeer(mac: number): void {
    this.fdb.delete(mac);
    const bridgeFdb = this.port?.bridge.fdb;
    if (bridgeFdb?.find(mac, this.netns.node.softnet.now)?.isLocal === false) bridgeFdb.delete(mac);
  }

  /** MAC address of a remote endpoint: its permanent neighbor entry here. */
  peerMac(ip: number, now: number): number | undefined {
    if (this.#wrongNeighbors?.has(ip) === true) return this.#wrongNeighbors.get(ip);
    return this.peers.macOf(ip, this.vtep, now);
  }

  /** From now on the endpoint is at `mac`, or unknown, whatever gossip says. */
  mistakeNeighbor(ip: number, mac: number | undefined): void {
    this.#wrongNeighbors ??= new Map();
    this.#wrongNeighbors.set(ip, mac);
  }

  /** All that gossip says is believed again. */
  correct(): void {
    this.#wrongNeighbors = undefined;
    this.fdb.correct();
  }

  /** Linux vxlan_xmit. */
  protected startXmit(frame: Frame): void {
    const { frames, recorder, softnet } = this.netns.node;
    const start = frames.start(frame);
    if (ethernet.etherType(frames.view, start) === EtherType.arp) return this.#arpReduce(frame);
    const { view } = frames;
    const remote = this.fdb.findHalves(ethernet.dstMacHigh(view, start), ethernet.dstMacLow(view, start), softnet);
    if (remote === undefined) return this.netns.drop(frame, DropReason.VXLAN_NO_REMOTE);
    if (recorder.isOn) recorder.step(frame, StepKind.vxlanFdb, ethernet.dstMac(view, start), remote);
    this.#xmitOne(frame, remote);
  }

  /**
   * Linux arp_reduce: a request for a remote endpoint is answered here, with the endpoint's own MAC as sender; no ARP
   * frame ever enters the tunnel.
   */
  #arpReduce(frame: Frame): void {
    const { frames, recorder, softnet } = this.netns.node;
    const { view } = frames;
    const at = frames.start(frame) + ethernet.HEADER_LENGTH;
    if (arp.check(view, at, frames.end(frame)) !== 0 || arp.operation(view, at) !== arp.ArpOperation.request) {
      return this.netns.drop(frame, DropReason.ARP_CONSUMED);
    }
    const targetIp = arp.targetIp(view, at);
    if (isLoopbackIp(targetIp) || isMulticastIp(targetIp)) return this.netns.drop(frame, DropReason.ARP_CONSUMED);
    const targetMac = this.peerMac(targetIp, softnet.now) ?? this.#neighborOf(targetIp);
    if (targetMac === undefined) return this.netns.drop(frame, DropReason.ARP_NO_NEIGHBOR);
    const senderMac = arp.senderMac(view, at);
    const senderIp = arp.senderIp(view, at);
    const reply = createArp(frames, {
      operation: arp.ArpOperation.reply,
      srcMac: targetMac,
      dstMac: senderMac,
      senderMac: targetMac,
      senderIp: targetIp,
      targetMac: senderMac,
      targetIp: senderIp,
    });
    if (reply === undefined) return this.netns.drop(frame, DropReason.NOMEM);
    recorder.step(frame, StepKind.arpProxy, targetIp, targetMac);
    frames.free(frame);
    softnet.enqueue(this, reply);
  }

  /** A neighbor that somebody put there by hand, and that is sure (NUD_CONNECTED). */
  #neighborOf(ip: number): number | undefined {
    const entry = this.netns.arp.neighbors.find(this.index, ip);
    const isSure = entry?.state === NeighborState.permanent || entry?.state === NeighborState.reachable;
    return isSure ? entry.mac : undefined;
  }

  /** Linux vxlan_xmit_one: fifty bytes in front, then it is the node's packet. */
  #xmitOne(frame: Frame, remote: number): void {
    const { frames, recorder, softnet } = this.netns.node;
    const { view } = frames;
    const transport = this.#transport;
    const dst = transport.ipv4.lookup(remote);
    if (dst === undefined) return this.netns.drop(frame, DropReason.IP_OUTNOROUTES);
    if (dst.type === RouteType.local) return this.#bypass(frame);
    const { routing } = transport.ipv4;
    const mtu = (routing.hasExceptions ? routing.mtuOf(dst, softnet.now) : dst.mtu) - OVERHEAD;
    if (frame.end - frame.start - ethernet.HEADER_LENGTH > mtu && this.#answersTooLong(frame, mtu)) return;
    if (!frames.own(frame)) return this.netns.drop(frame, DropReason.NOMEM);
    if (frame.csum === Checksum.partial && frame.gsoSize === 0) checksumHelp(frames, frame);
    const segments = frame.gsoSize === 0 ? 1 : segmentCount(frames, frame);
    // Headroom for fifty bytes is what every frame is made with.
    if (!frames.push(frame, OVERHEAD)) return this.netns.drop(frame, DropReason.NOMEM);
    const identification = transport.ipv4.nextIdentification(dst.source, remote, IpProtocol.udp, segments);
    const { start } = frame;
    encapsulate(this.#tunnelTo(remote, dst.source), view, start + OVERHEAD, frame.end, identification);
    if (frame.gsoSize > 0) frame.innerOffset = OVERHEAD;
    const udpAt = start + ethernet.HEADER_LENGTH + ipv4.HEADER_LENGTH;
    recorder.step(frame, StepKind.encapsulate, this.vni, udp.srcPort(view, udpAt));
    frames.scrub(frame);
    softnet.spend(Cost.encapsulate);
    transport.ipv4.output(frame, dst);
  }

  /** Linux encap_bypass_if_local: the endpoint is this node itself. The frame arrives without having left. */
  #bypass(frame: Frame): void {
    const { frames, softnet } = this.netns.node;
    const device = this.#transport.udp.tunnelDevice(this.udpPort, this.vni);
    if (device === undefined) return this.netns.drop(frame, DropReason.VXLAN_VNI_NOT_FOUND);
    device.fdb.snoop(ethernet.srcMac(frames.view, frame.start), LOOPBACK, softnet.now);
    frames.scrub(frame, device.netns !== this.netns);
    softnet.enqueue(device, frame);
  }

  /** Linux skb_tunnel_check_pmtu: a sender behind the bridge is told, and the frame is gone. False: it goes on its way. */
  #answersTooLong(frame: Frame, mtu: number): boolean {
    const { frames, recorder, softnet } = this.netns.node;
    if (this.port === undefined || (frame.gsoSize > 0 && longestSegment(frames, frame) <= mtu)) return false;
    const reply = tunnelPmtuReply(frames, frame, mtu);
    if (reply === undefined) return false;
    recorder.step(frame, StepKind.tunnelPmtu, mtu, 0);
    frames.free(frame);
    softnet.enqueue(this, reply);
    return true;
  }

  protected override unregister(): void {
    this.#transport.udp.unbindTunnel(this.udpPort, this.vni);
    this.#groCells.clear((frame) => this.netns.drop(frame, DropReason.DEV_READY));
  }

  /** `source` is what the node's route says, which need not be the address that the swarm knows the node by. */
  #tunnelTo(remote: number, source: number): VxlanTunnel {
    let tunnel = this.#tunnels.get(remote);
    if (tunnel === undefined || tunnel.srcIp !== source) {
      // The neighbor table of the node writes the MAC addresses when the packet leaves.
      const options = { srcMac: 0, dstMac: 0, srcIp: source, dstIp: remote, vni: this.vni };
      tunnel = new VxlanTunnel({ ...options, port: this.udpPort, seed: this.#hashSeed });
      this.#tunnels.set(remote, tunnel);
    }
    return tunnel;
  }

  /**
   * The end of Linux vxlan_rcv: an inner frame from tunnel endpoint `vtep`, outer headers off, whose type of service was
   * `outerTos`.
   */
  decapsulated(frame: Frame, vtep: number, outerTos: number): void {
    const { frames, softnet } = this.netns.node;
    const start = frames.start(frame);
    const high = ethernet.srcMacHigh(frames.view, start);
    const low = ethernet.srcMacLow(frames.view, start);
    if (low === this.macLow && high === this.macHigh) return this.netns.drop(frame, DropReason.LOCAL_MAC);
    if (!ethernet.isFromStation(frames.view, start)) return this.netns.drop(frame, DropReason.MAC_INVALID_SOURCE);
    if (!this.fdb.snoopHalves(high, low, vtep, softnet)) return this.netns.drop(frame, DropReason.VXLAN_ENTRY_EXISTS);
    if (decapsulateEcn(frames.view, outerTos, start, frames.end(frame)) !== Status.ok) {
      return this.netns.drop(frame, DropReason.IP_TUNNEL_ECN);
    }
    softnet.spend(Cost.decapsulate);
    this.#groCells.receive(frame);
  }
}
