/**
 * ARP of one namespace (RFC 826; Linux net/ipv4/arp.c) and the way a packet takes through the neighbor table
 * (net/core/neighbour.c, neigh_resolve_output).
 *
 * Not modelled: arp_filter and arp_accept other than 0, arp_ignore above 1, arp_announce 1; proxy ARP of a host.
 */
import * as arp from "@hopscope/codec/arp";
import { BROADCAST_MAC, isGroupMac } from "@hopscope/codec/address";
import { EtherType } from "@hopscope/codec/code-points";
import * as ethernet from "@hopscope/codec/ethernet";
import { IcmpType, UnreachableCode } from "@hopscope/codec/icmp";
import * as ipv4 from "@hopscope/codec/ipv4";
import { Cost } from "../costs.ts";
import type { NetDevice } from "../device.ts";
import type { Frame } from "../frame.ts";
import type { Netns } from "../netns.ts";
import type { Wakeable } from "../sim/simulator.ts";
import type { Softnet } from "../sim/softnet.ts";
import { expiryOf } from "../sim/timer-wheel.ts";
import {
  type HeardState,
  isSettled,
  LOCKTIME,
  MAX_PENDING,
  type Neighbor,
  NeighborAction,
  NeighborState,
  NeighborTable,
  type SettableState,
} from "../tables/neighbor.ts";
import { DropReason } from "../trace/drop-reason.ts";
import { StepKind } from "../trace/step.ts";
import { createArp } from "./arp-create.ts";
import { isLoopbackIp, isMulticastIp } from "./ipv4-address.ts";

/** 01:00:5e:00:00:00 */
const MULTICAST_MAC = 0x01005e000000;

const NOBODY: ReadonlyMap<number, number> = new Map();

export class Arp implements Wakeable {
  readonly neighbors: NeighborTable;
  readonly softnet: Softnet;
  /**
   * IPv4 to MAC address of stations that this host hears from all the time, so that their entries never grow old: one
   * table for all hosts that know the same ones. An entry is made of it, permanent, when it is first used.
   */
  acquaintances: ReadonlyMap<number, number> = NOBODY;
  readonly #netns: Netns;

  constructor(netns: Netns, reachableTime: number) {
    this.#netns = netns;
    this.softnet = netns.node.softnet;
    this.neighbors = new NeighborTable(reachableTime);
  }

  /** Linux neigh_resolve_output: the packet behind a blank Ethernet header goes to `nextHop`, now or when it is known. */
  output(device: NetDevice, nextHop: number, frame: Frame): void {
    const { recorder } = this.#netns.node;
    const known = this.neighbors.find(device.index, nextHop);
    if (known !== undefined && isSettled(known.state)) {
      known.usedAt = this.softnet.now;
      return this.#transmitTo(device, known, frame);
    }
    const now = this.softnet.now;
    const entry = known ?? this.#create(device, nextHop, now);
    const wasDueAt = entry.timerAt;
    const action = this.neighbors.use(entry, now);
    this.#arm(entry, wasDueAt);
    if (action === NeighborAction.send) return this.#transmitTo(device, entry, frame);
    recorder.step(frame, StepKind.resolve, nextHop, 0);
    entry.pending.push(frame.id);
    // __neigh_event_send: who has waited longest makes room.
    if (entry.pending.length > MAX_PENDING) {
      this.#netns.drop(this.#netns.node.frames.get(entry.pending.shift()!), DropReason.NEIGH_QUEUEFULL);
    }
    if (action === NeighborAction.probeBroadcast) this.#solicit(device, entry, BROADCAST_MAC);
  }

  /** A packet for a group: its lowest 23 bits are in the address (RFC 1112 §6.4; arp_mc_map). */
  multicast(device: NetDevice, group: number, frame: Frame): void {
    ethernet.setDstMac(this.#netns.node.frames.view, frame.start, MULTICAST_MAC + (group & 0x7fffff));
    this.#transmitFrom(device, frame);
  }

  /** A packet for everybody on the link: no neighbor is asked (arp_constructor, RTN_BROADCAST). */
  broadcast(device: NetDevice, frame: Frame): void {
    ethernet.setDstMac(this.#netns.node.frames.view, frame.start, BROADCAST_MAC);
    this.#transmitFrom(device, frame);
  }

  /** Linux arp_rcv and arp_process: takes the frame. */
  receive(device: NetDevice, frame: Frame): void {
    const netns = this.#netns;
    const { frames, recorder } = netns.node;
    const { view } = frames;
    const start = frames.start(frame);
    const at = start + ethernet.HEADER_LENGTH;
    const dstMac = ethernet.dstMac(view, start);
    const isForHost = dstMac === device.mac;
    if (!isForHost && !isGroupMac(dstMac)) return netns.drop(frame, DropReason.OTHERHOST);
    if (arp.check(view, at, frames.end(frame)) !== 0) return netns.drop(frame, DropReason.ARP_CONSUMED);
    const operation = arp.operation(view, at);
    const isRequest = operation === arp.ArpOperation.request;
    const isReply = operation === arp.ArpOperation.reply;
    const senderMac = arp.senderMac(view, at);
    const senderIp = arp.senderIp(view, at);
    const targetIp = arp.targetIp(view, at);
    if (!(isRequest || isReply) || isMulticastIp(targetIp) || isLoopbackIp(targetIp)) {
      return netns.drop(frame, DropReason.ARP_CONSUMED);
    }
    const isForOwnAddress = netns.isLocal(targetIp);
    // ip_route_input refuses an own address as the source: somebody else claims it, and gets no answer.
    if (isRequest && isForOwnAddress && !netns.hasAddress(senderIp)) {
      if (device.arpIgnore === 1 && !netns.hasAddressOn(device, targetIp)) {
        return netns.drop(frame, DropReason.ARP_CONSUMED);
      }
      // A probe for duplicates has no sender to remember (RFC 5227 §2.1.1).
      if (senderIp !== 0) {
        const asker = this.#create(device, senderIp, this.softnet.now);
        this.#learn(frame, asker, senderMac, NeighborState.stale, true);
      }
      recorder.step(frame, StepKind.arpReply, targetIp, device.mac);
      frames.free(frame);
      this.softnet.spend(Cost.stack);
      this.#send(device, arp.ArpOperation.reply, senderMac, targetIp, senderMac, senderIp);
      return;
    }
    const entry = this.neighbors.find(device.index, senderIp);
    if (entry === undefined) {
      if (isForOwnAddress) return netns.drop(frame, DropReason.ARP_CONSUMED);
      recorder.step(frame, StepKind.arpIgnore, targetIp, 0);
    } else {
      const isAnswer = isReply && isForHost;
      const override = this.#isAnnouncement(at) || this.softnet.now > entry.updatedAt + LOCKTIME;
      this.#learn(frame, entry, senderMac, isAnswer ? NeighborState.reachable : NeighborState.stale, override);
    }
    frames.free(frame);
  }

  /** Linux arp_is_garp: somebody says where it is now, which counts at once. */
  #isAnnouncement(at: number): boolean {
    const { view } = this.#netns.node.frames;
    if (!arp.isGratuitous(view, at) || this.#netns.isLocal(arp.senderIp(view, at))) return false;
    return arp.operation(view, at) !== arp.ArpOperation.reply || arp.targetMac(view, at) === arp.senderMac(view, at);
  }

  /** The timer of neighbor `id`. One that has been set anew since has an event of its own. */
  wake(id: number): void {
    const entry = this.neighbors.get(id);
    if (entry === undefined || entry.timerAt > this.softnet.now) return;
    const device = this.#netns.deviceAt(entry.device);
    const wasDueAt = entry.timerAt;
    switch (this.neighbors.expire(entry, this.softnet.now)) {
      case NeighborAction.probeBroadcast:
        this.#solicit(device, entry, BROADCAST_MAC);
        break;
      case NeighborAction.probeUnicast:
        this.#solicit(device, entry, entry.mac);
        break;
      case NeighborAction.fail:
        this.#fail(entry);
        break;
    }
    this.#arm(entry, wasDueAt);
  }

  /**
   * `ip neigh replace … use`: as if a packet were to go there (NTF_USE, neigh_event_send). Who is unknown is asked for,
   * an acquaintance too.
   */
  use(device: NetDevice, ip: number): void {
    const { now } = this.softnet;
    const entry = this.neighbors.create(device.index, ip, now);
    const wasDueAt = entry.timerAt;
    const action = this.neighbors.use(entry, now);
    this.#arm(entry, wasDueAt);
    if (action === NeighborAction.probeBroadcast) this.#solicit(device, entry, BROADCAST_MAC);
  }

  /** True for an entry that is permanent only because the neighbor is an acquaintance. */
  isAcquaintance({ ip, mac, state }: Neighbor): boolean {
    return state === NeighborState.permanent && this.acquaintances.get(ip) === mac;
  }

  /** `ip neigh del`: what waits for the neighbor fails. */
  delete(entry: Neighbor): void {
    this.#fail(entry);
    this.neighbors.delete(entry);
  }

  /** The device goes down: all its neighbors are forgotten (neigh_ifdown). */
  deleteDevice(device: NetDevice): void {
    for (const entry of this.neighbors.of(device.index)) {
      for (const id of entry.pending.splice(0)) {
        this.#netns.drop(this.#netns.node.frames.get(id), DropReason.DEV_READY);
      }
      this.neighbors.delete(entry);
    }
  }

  /** `ip neigh replace … lladdr MAC nud STATE`. */
  set(device: NetDevice, ip: number, mac: number, state: SettableState): void {
    const entry = this.neighbors.create(device.index, ip, this.softnet.now);
    const wasDueAt = entry.timerAt;
    const canSend = this.neighbors.set(entry, mac, state, this.softnet.now);
    this.#arm(entry, wasDueAt);
    if (canSend) this.#sendPending(entry);
  }

  #create(device: NetDevice, ip: number, now: number): Neighbor {
    const entry = this.neighbors.create(device.index, ip, now);
    const mac = this.acquaintances.get(ip);
    if (mac !== undefined) this.neighbors.set(entry, mac, NeighborState.permanent, now);
    return entry;
  }

  #learn(frame: Frame, entry: Neighbor, mac: number, state: HeardState, override: boolean): void {
    const wasDueAt = entry.timerAt;
    const canSend = this.neighbors.update(entry, mac, state, override, this.softnet.now);
    this.#arm(entry, wasDueAt);
    this.#netns.node.recorder.step(frame, StepKind.neighborUpdate, entry.ip, entry.mac);
    if (canSend) this.#sendPending(entry);
  }

  #sendPending(entry: Neighbor): void {
    const device = this.#netns.deviceAt(entry.device);
    for (const id of entry.pending.splice(0)) {
      const waiting = this.#netns.node.frames.get(id);
      this.softnet.spend(Cost.release);
      this.#transmitTo(device, entry, waiting);
    }
  }

  /** Linux neigh_invalidate: what waits for the answer is dropped, and its sender told (arp_error_report). */
  #fail(entry: Neighbor): void {
    for (const id of entry.pending.splice(0)) {
      const waiting = this.#netns.node.frames.get(id);
      this.#netns.icmp.error(waiting, IcmpType.destinationUnreachable, UnreachableCode.host, 0);
      this.#netns.drop(waiting, DropReason.NEIGH_FAILED);
    }
  }

  /** Schedules the entry's timer if the table has moved it. */
  #arm(entry: Neighbor, wasDueAt: number): void {
    const { timerAt } = entry;
    if (timerAt !== wasDueAt && timerAt !== Number.POSITIVE_INFINITY) {
      this.#netns.node.simulator.schedule(expiryOf(timerAt, this.softnet.now), this, entry.id);
    }
  }

  #transmitTo(device: NetDevice, entry: Neighbor, frame: Frame): void {
    const { frames, recorder } = this.#netns.node;
    if (recorder.isOn) recorder.step(frame, StepKind.neighbor, entry.ip, entry.mac);
    // sock_confirm_neigh
    if (frame.confirmsNeighbor) this.neighbors.confirm(entry, this.softnet.now);
    entry.hasHeader = true;
    ethernet.setDstMacHalves(frames.view, frame.start, entry.macHigh, entry.macLow);
    this.#transmitFrom(device, frame);
  }

  #transmitFrom(device: NetDevice, frame: Frame): void {
    const { view } = this.#netns.node.frames;
    ethernet.setSrcMacHalves(view, frame.start, device.macHigh, device.macLow);
    ethernet.setEtherType(view, frame.start, EtherType.ipv4);
    device.transmit(frame);
  }

  /** Linux arp_solicit: as the sender of the packet that waits, if that is this host, else as the device. */
  #solicit(device: NetDevice, entry: Neighbor, dstMac: number): void {
    const { frames } = this.#netns.node;
    const newest = entry.pending.at(-1);
    let senderIp = 0;
    if (newest !== undefined && device.arpAnnounce === 0) {
      const srcIp = ipv4.srcIp(frames.view, frames.start(frames.get(newest)) + ethernet.HEADER_LENGTH);
      if (this.#netns.isLocal(srcIp)) senderIp = srcIp;
    }
    if (senderIp === 0) senderIp = this.#netns.sourceFor(device, entry.ip);
    this.#send(device, arp.ArpOperation.request, dstMac, senderIp, 0, entry.ip);
  }

  /** Linux arp_send_dst. */
  #send(
    device: NetDevice,
    operation: number,
    dstMac: number,
    senderIp: number,
    targetMac: number,
    targetIp: number,
  ): void {
    const { mac } = device;
    const fields = { operation, srcMac: mac, dstMac, senderMac: mac, senderIp, targetMac, targetIp };
    const frame = createArp(this.#netns.node.frames, fields);
    // Without memory nothing is said, as in the kernel; who asked asks again.
    if (frame !== undefined) device.transmit(frame);
  }
}
