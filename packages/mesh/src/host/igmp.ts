/** A host's membership in groups (RFC 3376; Linux net/ipv4/igmp.c). */
import type { NetDevice } from "../device.ts";
import type { Frame } from "../frame.ts";
import type { Netns } from "../netns.ts";
import { DropReason } from "../trace/drop-reason.ts";

/** 224.0.0.1, everybody's group: joined by each device that is up, never reported. */
const ALL_HOSTS = 0xe0000001 | 0;

export class Igmp {
  readonly #netns: Netns;
  /** Interface number to group to how many want it. */
  readonly #groups: Map<number, Map<number, number>> = new Map();

  constructor(netns: Netns) {
    this.#netns = netns;
  }

  /** Linux ip_check_mc_rcu: true if the device is to take packets for the group. */
  isMember(device: NetDevice, group: number): boolean {
    return group === ALL_HOSTS || this.#groups.get(device.index)?.has(group) === true;
  }

  /** Linux ip_mc_join_group. */
  join(device: NetDevice, group: number): void {
    let groups = this.#groups.get(device.index);
    if (groups === undefined) {
      groups = new Map();
      this.#groups.set(device.index, groups);
    }
    groups.set(group, (groups.get(group) ?? 0) + 1);
    this.#netns.routes.invalidate();
  }

  /** Linux ip_mc_leave_group. */
  leave(device: NetDevice, group: number): void {
    const groups = this.#groups.get(device.index);
    const count = groups?.get(group);
    if (groups === undefined || count === undefined) return;
    if (count > 1) groups.set(group, count - 1);
    else groups.delete(group);
    this.#netns.routes.invalidate();
  }

  /** Linux igmp_rcv. Takes the frame. */
  receive(_device: NetDevice, frame: Frame, _ipAt: number): void {
    this.#netns.drop(frame, DropReason.IP_NOPROTO);
  }

  deviceIsUp(_device: NetDevice): void {}

  deviceGoesDown(_device: NetDevice): void {}
}
