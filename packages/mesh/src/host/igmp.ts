/**
 * A host's membership in groups (RFC 3376; Linux net/ipv4/igmp.c): which it takes packets for, and the reports that it
 * sends when it joins or leaves.
 *
 * Not modelled: queries (no recorded network has a querier), IGMPv1 and v2, source filters.
 */
import { complement, sum } from "@hopscope/codec/checksum";
import { EtherType, IpProtocol } from "@hopscope/codec/code-points";
import * as ethernet from "@hopscope/codec/ethernet";
import * as igmp from "@hopscope/codec/igmp";
import * as igmpRecord from "@hopscope/codec/igmp-record";
import * as ipv4 from "@hopscope/codec/ipv4";
import type { NetDevice } from "../device.ts";
import type { Frame } from "../frame.ts";
import type { Netns } from "../netns.ts";
import { Random } from "../sim/random.ts";
import type { Wakeable } from "../sim/simulator.ts";
import type { Softnet } from "../sim/softnet.ts";
import { expiryOf, JIFFY } from "../sim/timer-wheel.ts";
import { DropReason } from "../trace/drop-reason.ts";

/** 224.0.0.1, everybody's group: joined by each device that is up, never reported. */
const ALL_HOSTS = 0xe0000001 | 0;
/** 224.0.0.22, where reports go (RFC 3376 §4.2.14). */
const ALL_IGMPV3_ROUTERS = 0xe0000016 | 0;
/** net.ipv4.igmp_qrv: how often a change is reported. */
const ROBUSTNESS = 2;
/** Jiffies between the reports of a change, at most (RFC 3376 §8.11: one second). */
const REPORT_INTERVAL = 250;
/** IPv4 option 148, router alert (RFC 2113). */
const ROUTER_ALERT = 0x94040000 | 0;
const IP_HEADER_LENGTH = ipv4.HEADER_LENGTH + 4;
const INTERNETWORK_CONTROL = 0xc0;

/** Membership of one device in a group (struct ip_mc_list). */
interface Membership {
  users: number;
  /** How many reports are still to tell of it (crcount). */
  reportsLeft: number;
}

/** One device's groups (the multicast part of struct in_device). */
class Memberships {
  readonly groups: Map<number, Membership> = new Map();
  /** Groups that were left, and how many reports are still to tell of that (mc_tomb). */
  readonly left: Map<number, number> = new Map();
  /** How many reports are still to come (mr_ifc_count). */
  reportsLeft = 0;
  /** When the next is due; `Infinity`: none. */
  timerAt: number = Number.POSITIVE_INFINITY;
}

export class Igmp implements Wakeable {
  readonly softnet: Softnet;
  readonly #netns: Netns;
  readonly #random: Random;
  /** By interface number. */
  readonly #memberships: Map<number, Memberships> = new Map();

  constructor(netns: Netns) {
    this.#netns = netns;
    this.softnet = netns.node.softnet;
    this.#random = new Random(netns.node.hashSeed, `igmp:${netns.name}`);
  }

  /** Linux ip_check_mc_rcu: true if the device is to take packets for the group. */
  isMember(device: NetDevice, group: number): boolean {
    return group === ALL_HOSTS || this.#memberships.get(device.index)?.groups.has(group) === true;
  }

  /** Linux ip_mc_join_group. `isNews`: false for what was so before anybody looked, and is not reported. */
  join(device: NetDevice, group: number, isNews: boolean = true): void {
    const memberships = this.#membershipsOf(device);
    const membership = memberships.groups.get(group);
    if (membership !== undefined) {
      membership.users++;
      return;
    }
    const joined = { users: 1, reportsLeft: 0 };
    memberships.groups.set(group, joined);
    memberships.left.delete(group);
    this.#netns.routes.invalidate();
    if (isNews) this.#report(device, memberships, group, joined);
  }

  /** Linux ip_mc_leave_group. */
  leave(device: NetDevice, group: number): void {
    const memberships = this.#membershipsOf(device);
    const membership = memberships.groups.get(group);
    if (membership === undefined || --membership.users > 0) return;
    memberships.groups.delete(group);
    this.#netns.routes.invalidate();
    // igmp_group_dropped, igmpv3_add_delrec
    if (group === ALL_HOSTS || !device.isUp) return;
    memberships.left.set(group, ROBUSTNESS);
    this.#startReports(device, memberships);
  }

  /** Linux ip_mc_up: all groups are reported anew. */
  deviceIsUp(device: NetDevice): void {
    const memberships = this.#memberships.get(device.index);
    if (memberships === undefined) return;
    memberships.left.clear();
    for (const [group, membership] of memberships.groups) this.#report(device, memberships, group, membership);
  }

  /** Linux ip_mc_down. */
  deviceGoesDown(device: NetDevice): void {
    const memberships = this.#memberships.get(device.index);
    if (memberships === undefined) return;
    memberships.reportsLeft = 0;
    memberships.timerAt = Number.POSITIVE_INFINITY;
  }

  /** The device is gone. */
  deleteDevice(device: NetDevice): void {
    this.#memberships.delete(device.index);
  }

  /** Linux igmp_rcv. Takes the frame. */
  receive(_device: NetDevice, frame: Frame, _ipAt: number): void {
    this.#netns.drop(frame, DropReason.IGMP_CONSUMED);
  }

  /** The timer of a device's reports (igmp_ifc_timer_expire). One that has been set anew since has an event of its own. */
  wake(index: number): void {
    const memberships = this.#memberships.get(index);
    if (memberships === undefined || memberships.timerAt > this.softnet.now) return;
    memberships.timerAt = Number.POSITIVE_INFINITY;
    this.#send(this.#netns.deviceAt(index), memberships);
    if (memberships.reportsLeft === 0) return;
    memberships.reportsLeft--;
    this.#startTimer(index, memberships, REPORT_INTERVAL);
  }

  #membershipsOf(device: NetDevice): Memberships {
    let memberships = this.#memberships.get(device.index);
    if (memberships === undefined) {
      memberships = new Memberships();
      this.#memberships.set(device.index, memberships);
    }
    return memberships;
  }

  /** Linux igmp_group_added. */
  #report(device: NetDevice, memberships: Memberships, group: number, membership: Membership): void {
    if (group === ALL_HOSTS) return;
    membership.reportsLeft = ROBUSTNESS;
    this.#startReports(device, memberships);
  }

  /** Linux igmp_ifc_event. */
  #startReports(device: NetDevice, memberships: Memberships): void {
    memberships.reportsLeft = ROBUSTNESS;
    this.#startTimer(device.index, memberships, 1);
  }

  /** Linux igmp_ifc_start_timer. */
  #startTimer(index: number, memberships: Memberships, maxJiffies: number): void {
    const { name, pace, simulator } = this.#netns.node;
    const { now } = this.softnet;
    const usual = (this.#random.below(maxJiffies) + 2) * JIFFY;
    const delay = maxJiffies === REPORT_INTERVAL ? pace.of(`igmp.${name}/${this.#netns.name}`, usual) : usual;
    memberships.timerAt = now + delay;
    simulator.schedule(expiryOf(memberships.timerAt, now), this, index);
  }

  /** Linux igmpv3_send_cr: what has changed, in one report. */
  #send(device: NetDevice, memberships: Memberships): void {
    const records: [type: number, group: number][] = [];
    for (const [group, count] of memberships.left) {
      records.push([igmpRecord.RecordType.toInclude, group]);
      if (count > 1) memberships.left.set(group, count - 1);
      else memberships.left.delete(group);
    }
    for (const [group, membership] of memberships.groups) {
      if (membership.reportsLeft === 0) continue;
      records.push([igmpRecord.RecordType.toExclude, group]);
      membership.reportsLeft--;
    }
    if (records.length > 0) this.#sendReport(device, records);
  }

  /** Linux igmpv3_newpack, add_grec and igmpv3_sendpack. */
  #sendReport(device: NetDevice, records: readonly (readonly [type: number, group: number])[]): void {
    const netns = this.#netns;
    const { frames } = netns.node;
    const { view } = frames;
    const dst = netns.ipv4.lookup(ALL_IGMPV3_ROUTERS, 0, device);
    if (dst === undefined) return;
    const length = IP_HEADER_LENGTH + igmp.HEADER_LENGTH + records.length * igmpRecord.HEADER_LENGTH;
    const frame = frames.allocate(ethernet.HEADER_LENGTH + length);
    if (frame === undefined) return;
    ethernet.setDstMac(view, frame.start, 0);
    ethernet.setSrcMac(view, frame.start, 0);
    ethernet.setEtherType(view, frame.start, EtherType.ipv4);
    const at = frame.start + ethernet.HEADER_LENGTH;
    ipv4.setHeaderLength(view, at, IP_HEADER_LENGTH);
    ipv4.setTos(view, at, INTERNETWORK_CONTROL);
    ipv4.setTotalLength(view, at, length);
    ipv4.setIdentification(view, at, 0);
    ipv4.setFlagsAndFragmentOffset(view, at, ipv4.DONT_FRAGMENT);
    ipv4.setTtl(view, at, 1);
    ipv4.setProtocol(view, at, IpProtocol.igmp);
    // igmpv3_get_srcaddr: not with an address that another device has lent.
    ipv4.setSrcIp(view, at, netns.hasAddressOn(device, dst.source) ? dst.source : 0);
    ipv4.setDstIp(view, at, ALL_IGMPV3_ROUTERS);
    view.setInt32(at + ipv4.HEADER_LENGTH, ROUTER_ALERT);
    ipv4.fillChecksum(view, at);
    const igmpAt = at + IP_HEADER_LENGTH;
    view.setInt32(igmpAt, igmp.IgmpType.reportV3 << 24);
    view.setInt32(igmpAt + 4, records.length);
    let recordAt = igmpAt + igmp.HEADER_LENGTH;
    for (const [type, group] of records) {
      view.setInt32(recordAt, type << 24);
      view.setInt32(recordAt + 4, group);
      recordAt += igmpRecord.HEADER_LENGTH;
    }
    igmp.setChecksum(view, igmpAt, complement(sum(view, igmpAt, frame.end)));
    netns.ipv4.output(frame, dst);
  }
}
