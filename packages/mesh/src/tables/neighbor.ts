/**
 * The neighbor table: who has which MAC address on a link, and how sure that is (Linux net/core/neighbour.c with ARP's
 * parameters, net/ipv4/arp.c arp_tbl). Pure state: every function takes the time and says what is to be done; sending
 * probes and setting timers is host/arp.ts.
 *
 * Not modelled: garbage collection and its thresholds, proxy entries, APP_PROBES.
 */
import { highOf } from "./mac-table.ts";
import type { Random } from "../sim/random.ts";

const SECOND = 1_000_000_000;
/** net.ipv4.neigh.*.base_reachable_time_ms; each entry draws from half to one and a half of it. */
export const BASE_REACHABLE_TIME: number = 30 * SECOND;
/** How long a stale entry is used before it is questioned. */
export const DELAY_FIRST_PROBE_TIME: number = 5 * SECOND;
export const RETRANS_TIME: number = 1 * SECOND;
/** An answer within this time after the last one does not replace it. */
export const LOCKTIME: number = 1 * SECOND;
const UNICAST_PROBES = 3;
const MULTICAST_PROBES = 3;
/** Frames that may wait for one answer. The kernel counts bytes (unres_qlen_bytes): about this many. */
export const MAX_PENDING = 101;

/** The kernel's NUD_* states. */
export const NeighborState = {
  none: 0,
  incomplete: 1,
  reachable: 2,
  stale: 3,
  delay: 4,
  probe: 5,
  failed: 6,
  permanent: 7,
} as const;
export type NeighborState = (typeof NeighborState)[keyof typeof NeighborState];

/** What others may say of a neighbor: it answers, or it has been heard of. */
export type HeardState = typeof NeighborState.reachable | typeof NeighborState.stale;
/** States that an administrator may give an entry. */
export type SettableState =
  | HeardState
  | typeof NeighborState.permanent
  | typeof NeighborState.delay
  | typeof NeighborState.probe;

/** True if the entry has a MAC address that packets are sent to (NUD_VALID). */
export function isValid(state: NeighborState): boolean {
  return state !== NeighborState.none && state !== NeighborState.incomplete && state !== NeighborState.failed;
}

/** True if using the entry changes nothing but the time of its last use. */
export function isSettled(state: NeighborState): boolean {
  return state === NeighborState.reachable || state === NeighborState.permanent || state === NeighborState.delay;
}

/** What a caller has to do now. */
export const NeighborAction = {
  nothing: 0,
  /** Send the packet: the address is known. */
  send: 1,
  /** Keep the packet: an answer is under way. */
  wait: 2,
  /** Ask everybody on the link, and keep the packet if there is one. */
  probeBroadcast: 3,
  /** Ask the known address itself. */
  probeUnicast: 4,
  /** Give up: what waits gets an error. */
  fail: 5,
} as const;
export type NeighborAction = (typeof NeighborAction)[keyof typeof NeighborAction];

export class Neighbor {
  readonly id: number;
  readonly ip: number;
  /** Interface number. */
  readonly device: number;
  /** The MAC address' first 16 bits, and its last 32 as an int32. */
  macHigh = 0;
  macLow = 0;
  state: NeighborState = NeighborState.none;
  // With a value, or V8 takes the field for one of objects, and makes an object of each time.
  updatedAt = 0;
  confirmedAt: number = Number.NEGATIVE_INFINITY;
  usedAt = 0;
  probes = 0;
  /** When the timer is due; `Infinity`: none runs. */
  timerAt: number = Number.POSITIVE_INFINITY;
  /** A packet of this host's has gone to it, and its Ethernet header is kept (hh_cache). */
  hasHeader = false;
  /** Numbers of the frames that wait for an answer, the oldest first. */
  readonly pending: number[] = [];

  constructor(id: number, ip: number, device: number, now: number) {
    this.id = id;
    this.ip = ip;
    this.device = device;
    this.updatedAt = now;
    this.usedAt = now;
  }

  get mac(): number {
    return this.macHigh * 0x100000000 + (this.macLow >>> 0);
  }

  set mac(mac: number) {
    this.macHigh = highOf(mac);
    this.macLow = mac | 0;
  }
}

/** neigh_rand_reach_time */
export function drawReachableTime(random: Random): number {
  return BASE_REACHABLE_TIME / 2 + random.below(BASE_REACHABLE_TIME / 1000) * 1000;
}

export class NeighborTable {
  readonly #byDevice: Map<number, Map<number, Neighbor>> = new Map();
  readonly #byId: Map<number, Neighbor> = new Map();
  #nextId = 0;
  /** Drawn anew by the kernel every five minutes; here once. */
  readonly reachableTime: number;

  constructor(reachableTime: number) {
    this.reachableTime = reachableTime;
  }

  find(device: number, ip: number): Neighbor | undefined {
    return this.#byDevice.get(device)?.get(ip);
  }

  get(id: number): Neighbor | undefined {
    return this.#byId.get(id);
  }

  /** The entry of an address, made if there is none (neigh_create). */
  create(device: number, ip: number, now: number): Neighbor {
    let entries = this.#byDevice.get(device);
    if (entries === undefined) {
      entries = new Map();
      this.#byDevice.set(device, entries);
    }
    let entry = entries.get(ip);
    if (entry === undefined) {
      entry = new Neighbor(this.#nextId++, ip, device, now);
      entries.set(ip, entry);
      this.#byId.set(entry.id, entry);
    }
    return entry;
  }

  delete(entry: Neighbor): void {
    entry.state = NeighborState.none;
    entry.timerAt = Number.POSITIVE_INFINITY;
    this.#byDevice.get(entry.device)?.delete(entry.ip);
    this.#byId.delete(entry.id);
  }

  /** All entries of a device. */
  of(device: number): readonly Neighbor[] {
    return Array.from(this.#byDevice.get(device)?.values() ?? []);
  }

  *entries(): IterableIterator<Neighbor> {
    for (const entries of this.#byDevice.values()) yield* entries.values();
  }

  /** A packet is about to use the entry (neigh_event_send): `send`, `wait`, or `probeBroadcast` and wait. */
  use(entry: Neighbor, now: number): NeighborAction {
    entry.usedAt = now;
    switch (entry.state) {
      case NeighborState.none:
      case NeighborState.failed:
        entry.state = NeighborState.incomplete;
        // Unicast probes need an address: they count as done.
        entry.probes = UNICAST_PROBES + 1;
        entry.updatedAt = now;
        entry.timerAt = now + RETRANS_TIME;
        return NeighborAction.probeBroadcast;
      case NeighborState.incomplete:
        return NeighborAction.wait;
      case NeighborState.stale:
        entry.state = NeighborState.delay;
        entry.updatedAt = now;
        entry.timerAt = now + DELAY_FIRST_PROBE_TIME;
        return NeighborAction.send;
      default:
        return NeighborAction.send;
    }
  }

  /**
   * Somebody said that `entry` has `mac` (neigh_update). `state` is reachable for an answer to us, stale for hearsay;
   * `override` allows a known address to change. True if what waits can be sent.
   */
  update(entry: Neighbor, mac: number, state: HeardState, override: boolean, now: number): boolean {
    if (entry.state === NeighborState.permanent) return false;
    // Whatever address the answer names: somebody who answers is there.
    if (state === NeighborState.reachable) entry.confirmedAt = now;
    if (!isValid(entry.state)) return this.#change(entry, mac, state, now);
    if (mac !== entry.mac && !override) return false;
    const isOldHearsay = mac === entry.mac && state === NeighborState.stale;
    return this.#change(entry, mac, isOldHearsay ? entry.state : state, now);
  }

  /** Somebody knows by other means that the neighbor is there (neigh_confirm): it need not be asked. */
  confirm(entry: Neighbor, now: number): void {
    entry.confirmedAt = now;
  }

  /** What an administrator says counts (neigh_update with NEIGH_UPDATE_F_ADMIN). True if what waits can be sent. */
  set(entry: Neighbor, mac: number, state: SettableState, now: number): boolean {
    if (state === NeighborState.reachable || state === NeighborState.permanent) entry.confirmedAt = now;
    if (state === NeighborState.probe) entry.probes = 0;
    return this.#change(entry, mac, state, now);
  }

  /** The second half of neigh_update. True if the entry had no address before. */
  #change(entry: Neighbor, mac: number, state: NeighborState, now: number): boolean {
    const wasValid = isValid(entry.state);
    const isNews = !wasValid || mac !== entry.mac;
    // What was confirmed was another address.
    if (isNews && state === NeighborState.stale) entry.confirmedAt = now - 2 * BASE_REACHABLE_TIME;
    if (isNews || state !== entry.state) entry.updatedAt = now;
    if (state !== entry.state) {
      entry.state = state;
      // NUD_IN_TIMER: what is to be asked for is asked for at once.
      if (state === NeighborState.reachable) entry.timerAt = now + this.reachableTime;
      else if (state === NeighborState.delay || state === NeighborState.probe) entry.timerAt = now;
      else entry.timerAt = Number.POSITIVE_INFINITY;
    }
    entry.mac = mac;
    return !wasValid;
  }

  /** The entry's timer is due (neigh_timer_handler). Sets the next one and says what to send. */
  expire(entry: Neighbor, now: number): NeighborAction {
    entry.timerAt = Number.POSITIVE_INFINITY;
    switch (entry.state) {
      case NeighborState.reachable:
        if (now <= entry.confirmedAt + this.reachableTime) entry.timerAt = entry.confirmedAt + this.reachableTime + 1;
        else if (now <= entry.usedAt + DELAY_FIRST_PROBE_TIME) {
          entry.state = NeighborState.delay;
          entry.updatedAt = now;
          entry.timerAt = now + DELAY_FIRST_PROBE_TIME;
        } else {
          entry.state = NeighborState.stale;
          entry.updatedAt = now;
        }
        return NeighborAction.nothing;
      case NeighborState.delay:
        if (now <= entry.confirmedAt + DELAY_FIRST_PROBE_TIME) {
          entry.state = NeighborState.reachable;
          entry.updatedAt = now;
          entry.timerAt = entry.confirmedAt + this.reachableTime + 1;
          return NeighborAction.nothing;
        }
        entry.state = NeighborState.probe;
        entry.updatedAt = now;
        entry.probes = 0;
        return this.#probe(entry, now);
      case NeighborState.probe:
      case NeighborState.incomplete:
        return this.#probe(entry, now);
      default:
        return NeighborAction.nothing;
    }
  }

  #probe(entry: Neighbor, now: number): NeighborAction {
    // MCAST_REPROBES is 0: a neighbor that was known is asked by unicast only (neigh_max_probes).
    const max = entry.state === NeighborState.probe ? UNICAST_PROBES : UNICAST_PROBES + MULTICAST_PROBES;
    if (entry.probes >= max) {
      entry.state = NeighborState.failed;
      entry.updatedAt = now;
      return NeighborAction.fail;
    }
    entry.probes++;
    entry.timerAt = now + RETRANS_TIME;
    return entry.state === NeighborState.probe ? NeighborAction.probeUnicast : NeighborAction.probeBroadcast;
  }
}
