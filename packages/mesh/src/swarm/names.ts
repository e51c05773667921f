/**
 * Names that the embedded DNS servers know (libnetwork service_common.go, addEndpointNameResolution; network.go,
 * addSvcRecords; sandbox.go, ResolveName): of each network a table that all its nodes share, and in which each node sees
 * what gossip has brought it.
 */
import type { Spread } from "./gossip.ts";

/** One endpoint's names. `vip` answers for `services`, or the endpoint itself if there is none. */
export interface NameRecord {
  readonly ip: number;
  /** `SERVICE.SLOT.TASK` or the container's name: what a reverse lookup answers. */
  readonly name: string;
  /** Further names of the endpoint: aliases, short identifier. */
  readonly aliases: readonly string[];
  /** Names of its service. */
  readonly services: readonly string[];
  readonly vip: number | undefined;
  /** Number of the node that it is on. */
  readonly node: number;
}

interface Entry {
  readonly record: NameRecord;
  readonly sequence: number;
  readonly since: number;
  /** Infinity while it is there. */
  until: number;
}

class NetworkNames {
  readonly #byName = new Map<string, Entry[]>();
  readonly #byIp = new Map<number, Entry[]>();
  /** Those that are not in there yet: nobody has asked since they came. */
  #fresh: Entry[] = [];

  add(entry: Entry): void {
    this.#fresh.push(entry);
  }

  get byName(): Map<string, Entry[]> {
    this.#index();
    return this.#byName;
  }

  get byIp(): Map<number, Entry[]> {
    this.#index();
    return this.#byIp;
  }

  #index(): void {
    for (const entry of this.#fresh) {
      for (const name of namesOf(entry.record)) append(this.#byName, name, entry);
      append(this.#byIp, entry.record.ip, entry);
    }
    this.#fresh = [];
  }
}

export class Names {
  readonly #gossip: Spread;
  readonly #networks = new Map<string, NetworkNames>();
  readonly #entries = new Map<NameRecord, Entry>();
  #sequence = 0;

  constructor(gossip: Spread) {
    this.#gossip = gossip;
  }

  /** Number of a record that gossip spreads. */
  draw(): number {
    return this.#sequence++;
  }

  /** `network` is the network's identifier; answers the record's number. */
  add(network: string, record: NameRecord, now: number): number {
    const table = this.#networks.get(network) ?? new NetworkNames();
    this.#networks.set(network, table);
    const entry: Entry = { record, sequence: this.draw(), since: now, until: Number.POSITIVE_INFINITY };
    this.#entries.set(record, entry);
    table.add(entry);
    return entry.sequence;
  }

  /** Nodes forget it as they hear of it. */
  remove(record: NameRecord, now: number): void {
    const found = this.#entries.get(record);
    if (found === undefined) return;
    this.#entries.delete(record);
    found.until = now;
  }

  /** The network is gone. */
  forget(network: string): void {
    this.#networks.delete(network);
  }

  /** Addresses of a name in a network, as node number `node` knows them; undefined if it knows no such name. */
  find(network: string, name: string, node: number, now: number): readonly number[] | undefined {
    const wanted = name.toLowerCase();
    const table = this.#networks.get(network);
    const entries = this.#current(table?.byName, wanted, now);
    const found: number[] = [];
    for (const entry of entries) {
      if (!this.#isKnown(entry, node, now)) continue;
      const ip = addressFor(entry.record, wanted);
      if (!found.includes(ip)) found.push(ip);
    }
    return found.length === 0 ? undefined : found;
  }

  /** The name of an address in a network; virtual IPs have none. */
  reverse(network: string, ip: number, node: number, now: number): string | undefined {
    const table = this.#networks.get(network);
    for (const entry of this.#current(table?.byIp, ip, now)) {
      if (!this.#isKnown(entry, node, now)) continue;
      return entry.record.name;
    }
    return undefined;
  }

  /** Drops what every node has forgotten. */
  #current<Key>(table: Map<Key, Entry[]> | undefined, key: Key, now: number): readonly Entry[] {
    const entries = table?.get(key);
    if (table === undefined || entries === undefined) return [];
    const isGone = ({ until }: Entry): boolean =>
      until !== Number.POSITIVE_INFINITY && this.#gossip.hasSettled(until, now);
    if (!entries.some(isGone)) return entries;
    const kept = entries.filter((entry) => !isGone(entry));
    table.set(key, kept);
    return kept;
  }

  #isKnown({ record, sequence, since, until }: Entry, node: number, now: number): boolean {
    if (now < this.#gossip.arrival(since, record.node, node, sequence)) return false;
    if (until !== Number.POSITIVE_INFINITY && now >= this.#gossip.arrival(until, record.node, node, sequence))
      return false;
    return !this.#gossip.isLost(record.node, node, now);
  }
}

function namesOf({ name, aliases, services }: NameRecord): readonly string[] {
  const names = [name.toLowerCase()];
  for (const alias of aliases) names.push(alias.toLowerCase());
  for (const service of services) names.push(service.toLowerCase(), `tasks.${service.toLowerCase()}`);
  return names;
}

function addressFor({ ip, vip, services }: NameRecord, wanted: string): number {
  if (vip === undefined) return ip;
  return services.some((service) => service.toLowerCase() === wanted) ? vip : ip;
}

function append<Key>(table: Map<Key, Entry[]>, key: Key, entry: Entry): void {
  const entries = table.get(key);
  if (entries === undefined) table.set(key, [entry]);
  // The same name twice, of one endpoint.
  else if (entries.at(-1) !== entry) entries.push(entry);
}
