/**
 * Which nodes have endpoints in encrypted overlays, as each node has heard of it (libnetwork drivers/overlay/peerdb.go,
 * peerAddOp and peerDeleteOp, where they call checkEncryption): what follows from it is in ./encryption.ts. The records
 * are those of the peer tables, and arrive when they do.
 */
import type { Engine } from "./engine.ts";
import type { OverlayNetwork } from "./network.ts";
import { calling } from "./operation.ts";
import type { Swarm, SwarmNode } from "./swarm.ts";

interface PeerRecord {
  readonly ip: number;
  readonly node: SwarmNode;
  /** Its number among the network's records (tables/peer.ts). */
  readonly number: number;
  readonly since: number;
  until: number | undefined;
}

/** So many records of a network are made until those are looked for that everybody has forgotten. */
const FORGET_EVERY = 64;

export class EncryptedPeers {
  readonly #swarm: Swarm;
  /** By the network's name. */
  readonly #records: Map<string, PeerRecord[]> = new Map();
  /** By the network's name, how many there have been. */
  readonly #made: Map<string, number> = new Map();

  constructor(swarm: Swarm) {
    this.#swarm = swarm;
  }

  /** The node has another endpoint in the network. */
  add({ node, now }: Engine, network: OverlayNetwork, ip: number): void {
    if (!network.isEncrypted) return;
    const records = this.#of(network);
    const number = this.#made.get(network.id) ?? 0;
    this.#made.set(network.id, number + 1);
    if (number % FORGET_EVERY === FORGET_EVERY - 1) this.#forget(records, now);
    const record: PeerRecord = { ip, node, number, since: now, until: undefined };
    records.push(record);
    this.#tell(network, record, now);
  }

  /** An endpoint is gone. */
  delete({ node, now }: Engine, network: OverlayNetwork, ip: number): void {
    const record = this.#of(network).findLast((each) => each.ip === ip && each.node === node);
    if (record === undefined || record.until !== undefined) return;
    record.until = now;
    this.#tell(network, record, now);
  }

  /** The node has an endpoint of its own: what it knows, and does not know yet, of the others counts from now on. */
  join(engine: Engine, network: OverlayNetwork): void {
    if (!network.isEncrypted) return;
    const later = new Set<PeerRecord>();
    for (const record of this.#of(network)) {
      if (record.node === engine.node || record.until !== undefined) continue;
      if (this.#arrival(record, engine, record.since) <= engine.now) engine.encryption.addPeer(network, record.node.ip);
      else later.add(record);
    }
    for (const record of later) this.#tellOne(network, record, engine, record.since);
  }

  /** What everybody has forgotten. */
  #forget(records: PeerRecord[], now: number): void {
    const { gossip } = this.#swarm;
    const kept = records.filter(({ until }) => until === undefined || !gossip.hasSettled(until, now));
    records.splice(0, records.length, ...kept);
  }

  /** How many endpoints of the network somebody knows, or may know. */
  remembered(network: OverlayNetwork): number {
    return this.#of(network).length;
  }

  #of(network: OverlayNetwork): PeerRecord[] {
    let records = this.#records.get(network.id);
    if (records === undefined) {
      records = [];
      this.#records.set(network.id, records);
    }
    return records;
  }

  #tell(network: OverlayNetwork, record: PeerRecord, time: number): void {
    for (const engine of this.#swarm.engines.values())
      if (engine.node !== record.node) this.#tellOne(network, record, engine, time);
  }

  #tellOne(network: OverlayNetwork, { node, number: record }: PeerRecord, engine: Engine, time: number): void {
    const { gossip, host } = this.#swarm;
    const at = (arrival: number, then: () => void): void =>
      host.start(engine.name, calling(then), Math.max(0, arrival - engine.now));
    gossip.deliver({ time, from: node.index, to: engine.node.index, record }, at, () =>
      this.#arrange(network, node, engine),
    );
  }

  /** A node holds another for dead, or does so no more. */
  reconsider(engine: Engine, node: SwarmNode): void {
    for (const network of this.#swarm.networks.values())
      if (this.#records.has(network.id)) this.#arrange(network, node, engine);
  }

  #arrange(network: OverlayNetwork, node: SwarmNode, engine: Engine): void {
    const isLeft = this.#of(network).some((other) => other.node === node && this.#isKnown(other, engine));
    if (isLeft) engine.encryption.addPeer(network, node.ip);
    else engine.encryption.removePeer(network, node.ip);
  }

  #isKnown(record: PeerRecord, engine: Engine): boolean {
    const { since, until } = record;
    const { now } = engine;
    if (engine.lost.has(record.node.index)) return false;
    if (this.#arrival(record, engine, since) > now) return false;
    return until === undefined || this.#arrival(record, engine, until) > now;
  }

  #arrival({ node, number }: PeerRecord, engine: Engine, time: number): number {
    return this.#swarm.gossip.arrival(time, node.index, engine.node.index, number);
  }
}
