/**
 * Which of the nodes' own packets get through: gossip (UDP and TCP 7946) and what agents tell managers (TCP 2377). Nobody
 * sends them here; what is wrong with cables and firewalls says what would become of them. Between two changes nothing
 * changes: an epoch.
 *
 * Not modelled: delays of cables, which are short against the times of gossip.
 */
import { IpProtocol } from "@hopscope/codec/code-points";
import { isMeant } from "../scenario/packet-filter.ts";
import type { PacketFilter } from "../scenario/step.ts";

/** Of memberlist, on both protocols. */
const GOSSIP_PORT = 7946;
/** Of swarmkit's managers. */
export const MANAGER_PORT = 2377;
/** Any port that a client's connection has. */
const CLIENT_PORT = 50_000;

/** What is wrong with a node. */
export interface Trouble {
  readonly isOff: boolean;
  readonly isCut: boolean;
  /** Shares of the packets that its cable loses in each direction. */
  readonly lossOut: number;
  readonly lossIn: number;
  /** What its firewalls say of packets: of each the first that fits; what none fits gets through. */
  readonly firewalls: readonly (readonly Verdict[])[];
}

/** What happens to certain packets. */
export interface Verdict {
  readonly filter: PacketFilter;
  readonly drops: boolean;
}

export const NO_TROUBLE: Trouble = { isOff: false, isCut: false, lossOut: 0, lossIn: 0, firewalls: [] };

export function isTroubled({ isOff, isCut, lossOut, lossIn, firewalls }: Trouble): boolean {
  return isOff || isCut || lossOut > 0 || lossIn > 0 || firewalls.some((verdicts) => verdicts.length > 0);
}

/**
 * All nodes without trouble are one: what one of them can reach all can. Nodes are told by their numbers in the cluster,
 * and inside by their place: 0 is those without trouble.
 */
export class Epoch {
  readonly since: number;
  readonly #ips: readonly number[];
  readonly #troubles: ReadonlyMap<number, Trouble>;
  /** Number of the node at each place; -1: those without trouble. */
  readonly #places: readonly number[];
  readonly #placeOf: ReadonlyMap<number, number>;
  readonly #hears = new Map<number, Uint8Array>();
  #groups: Int32Array | undefined = undefined;
  #sizes: ReadonlyMap<number, number> | undefined = undefined;
  #syncGroups: Int32Array | undefined = undefined;

  constructor(since: number, ips: readonly number[], troubles: ReadonlyMap<number, Trouble>) {
    this.since = since;
    this.#ips = ips;
    this.#troubles = troubles;
    this.#places = [-1, ...troubles.keys()];
    this.#placeOf = new Map(this.#places.map((node, place) => [node, place]));
  }

  /** Nothing is wrong anywhere. */
  get isCalm(): boolean {
    return this.#troubles.size === 0;
  }

  /** Nodes with which something is wrong. */
  get troubled(): ReadonlySet<number> {
    return new Set(this.#troubles.keys());
  }

  /** The same is wrong. */
  isLike(troubles: ReadonlyMap<number, Trouble>): boolean {
    if (troubles.size !== this.#troubles.size) return false;
    for (const [node, trouble] of troubles) {
      const own = this.#troubles.get(node);
      if (own === undefined || JSON.stringify(own) !== JSON.stringify(trouble)) return false;
    }
    return true;
  }

  isOff(node: number): boolean {
    return this.#troubles.get(node)?.isOff === true;
  }

  /** The share of such packets that get from one node to another. */
  share(from: number, to: number, protocol: number, srcPort: number, dstPort: number): number {
    if (from === to) return 1;
    const a = this.#troubles.get(from) ?? NO_TROUBLE;
    const b = this.#troubles.get(to) ?? NO_TROUBLE;
    if (a.isOff || b.isOff || a.isCut || b.isCut) return 0;
    const srcIp = this.#ips[from]!;
    const dstIp = this.#ips[to]!;
    const isDropped = (direction: "in" | "out", verdicts: readonly Verdict[]): boolean =>
      verdicts.find(({ filter }) => isMeant(filter, direction, protocol, srcIp, dstIp, srcPort, dstPort))?.drops ===
      true;
    if (a.firewalls.some((verdicts) => isDropped("out", verdicts))) return 0;
    if (b.firewalls.some((verdicts) => isDropped("in", verdicts))) return 0;
    return (1 - a.lossOut) * (1 - b.lossIn);
  }

  /** The share of the messages of gossip that get from one node to another at once. */
  gossipShare(from: number, to: number): number {
    return this.share(from, to, IpProtocol.udp, GOSSIP_PORT, GOSSIP_PORT);
  }

  /** A connection can be made: its packets get there, and the answers back. Losses are made up for. */
  connects(from: number, to: number, port: number): boolean {
    return (
      this.share(from, to, IpProtocol.tcp, CLIENT_PORT, port) > 0 &&
      this.share(to, from, IpProtocol.tcp, port, CLIENT_PORT) > 0
    );
  }

  /** What one says the other hears, perhaps by way of others. */
  hears(from: number, to: number): boolean {
    if (from === to) return true;
    const first = this.#placeOf.get(from) ?? 0;
    const last = this.#placeOf.get(to) ?? 0;
    if (first === last) return true;
    let reached = this.#hears.get(first);
    if (reached === undefined) {
      reached = this.#reach(first);
      this.#hears.set(first, reached);
    }
    return reached[last] === 1;
  }

  #reach(first: number): Uint8Array {
    const reached = new Uint8Array(this.#places.length);
    reached[first] = 1;
    const open = [first];
    for (let from = open.pop(); from !== undefined; from = open.pop())
      for (let to = 0; to < reached.length; to++) {
        if (reached[to] === 1 || !this.#any(from, to, (a, b) => this.gossipShare(a, b) > 0)) continue;
        reached[to] = 1;
        open.push(to);
      }
    return reached;
  }

  /**
   * Whoever probes it gets an answer: directly, by way of others, or by TCP (memberlist, probeNode). One that others do not
   * reach is dead for all, though it reaches them; that it contradicts with each synchronization is not modelled.
   */
  isAlive(subject: number, observer: number): boolean {
    return this.#groupOf(subject) === this.#groupOf(observer) || this.connects(observer, subject, GOSSIP_PORT);
  }

  #groupOf(node: number): number {
    this.#groups ??= this.#group(
      (a, b) =>
        (this.gossipShare(a, b) > 0 && this.gossipShare(b, a) > 0) ||
        (this.connects(a, b, GOSSIP_PORT) && this.connects(b, a, GOSSIP_PORT)),
    );
    return this.#groups[this.#placeOf.get(node) ?? 0]!;
  }

  /** What one knows the other gets by bulk synchronization, perhaps by way of others. */
  isInSync(a: number, b: number): boolean {
    this.#syncGroups ??= this.#group((x, y) => this.#syncs(x, y));
    return this.#syncGroups[this.#placeOf.get(a) ?? 0] === this.#syncGroups[this.#placeOf.get(b) ?? 0];
  }

  #syncs(a: number, b: number): boolean {
    return this.connects(a, b, GOSSIP_PORT) || this.connects(b, a, GOSSIP_PORT);
  }

  /** How many nodes are alive in the eyes of one. */
  groupSize(node: number): number {
    const group = this.#groupOf(node);
    this.#sizes ??= this.#countGroups();
    return this.#sizes.get(group)!;
  }

  #countGroups(): ReadonlyMap<number, number> {
    const sizes = new Map<number, number>();
    for (const node of this.#troubles.keys()) {
      const group = this.#groupOf(node);
      sizes.set(group, (sizes.get(group) ?? 0) + 1);
    }
    // Those without trouble are the first of their group.
    const calm = this.#ips.length - this.#troubles.size;
    if (calm > 0) sizes.set(0, (sizes.get(0) ?? 0) + calm);
    return sizes;
  }

  *#calmNodes(): Generator<number> {
    for (let node = 0; node < this.#ips.length; node++) if (!this.#troubles.has(node)) yield node;
  }

  /** Places that are connected, each with the least place of its group. */
  #group(isEdge: (a: number, b: number) => boolean): Int32Array {
    const groups = Int32Array.from(this.#places.keys());
    const root = (place: number): number => {
      let at = place;
      while (groups[at] !== at) at = groups[at]!;
      return at;
    };
    for (let a = 0; a < groups.length; a++)
      for (let b = a + 1; b < groups.length; b++)
        if (root(a) !== root(b) && this.#any(a, b, isEdge))
          groups[Math.max(root(a), root(b))] = Math.min(root(a), root(b));
    for (let place = 0; place < groups.length; place++) groups[place] = root(place);
    return groups;
  }

  #any(a: number, b: number, is: (a: number, b: number) => boolean): boolean {
    if (this.#isAlone(a) || this.#isAlone(b)) return false;
    for (const x of this.#nodesAt(a)) for (const y of this.#nodesAt(b)) if (is(x, y)) return true;
    return false;
  }

  /** Nothing reaches it. */
  #isAlone(place: number): boolean {
    const trouble = this.#troubles.get(this.#places[place]!);
    return trouble !== undefined && (trouble.isOff || trouble.isCut);
  }

  #nodesAt(place: number): Iterable<number> {
    return place === 0 ? this.#calmNodes() : [this.#places[place]!];
  }
}
