/**
 * How long a record takes from the node that makes it to another (libnetwork networkdb; hashicorp memberlist). Every 200 ms
 * a node tells three others of the network what is new, and those go on telling: so many nodes know after so many rounds:
 * 1, 4, 16 … A node repeats a message for a few rounds; what is lost all the same comes with the bulk synchronization, of
 * which each node begins one every 30 s. A node that does not answer probes any more is dead after a while, and with it all
 * that it has made; when it answers again it is joined again within a second, and everybody tells everything.
 *
 * When a node knows what is computed when somebody asks, from the epochs of ./connectivity.ts: nothing is kept for each
 * node and record.
 *
 * Not modelled: nodes that are not members of the network, which hear nothing and need nothing; a node's own health score,
 * by which an overloaded one takes more time for its probes; that a node that starts again has another name. The synchronization always
 * asks a node that knows.
 */
import { Epoch, isTroubled, type Trouble } from "./connectivity.ts";

const SECOND = 1_000_000_000;
/** Between two rounds of one node (networkdb, gossip). */
const ROUND = 200_000_000;
/** To how many nodes each tells a message in a round. */
const FAN_OUT = 3;
/** From the arrival of a message until its entries are set. */
const HANDLING = 2_000_000;
/** A message is told in so many rounds, for each power of ten of nodes (RetransmitMult). */
const RETRANSMIT = 4;
/** Between two bulk synchronizations that a node begins (PushPullInterval). */
const SYNC = 30 * SECOND;
/** Between two probes of one node, each of which takes as long before it has failed (ProbeInterval). */
const PROBE = SECOND;
/** Of the time from the suspicion to the death of a node (SuspicionMult, SuspicionMaxTimeoutMult). */
const SUSPICION = 4;
const LONGEST_SUSPICION = 6;
/** How often a node tries to join one that was dead (reconnectInterval). */
const RECONNECT = SECOND;

/** When what a node does is known at another, and whether that still believes in it. */
export interface Spread {
  /** Equal arguments give equal times, unless connections change; Infinity: not as it is now. */
  arrival(time: number, from: number, to: number, record: number): number;
  /** `to` holds `from` for dead, and has forgotten all that it has made. */
  isLost(from: number, to: number, now: number): boolean;
  /** Everybody knows what was done at `time`, and has forgotten what was withdrawn then. */
  hasSettled(time: number, now: number): boolean;
}

export class Gossip implements Spread {
  readonly #seed: number;
  readonly #ips: readonly number[];
  readonly #nodes: number;
  /** In the order of time. The first has no beginning. */
  readonly #epochs: Epoch[];
  #changed: (() => void)[] = [];
  /** After which everybody knows, if nothing is wrong. */
  readonly #longest: number;

  /** `ips` in the order of the nodes' numbers. */
  constructor(seed: number, ips: readonly number[], troubles: ReadonlyMap<number, Trouble> = new Map()) {
    this.#seed = seed;
    this.#ips = ips;
    this.#nodes = ips.length;
    const rounds = Math.ceil(Math.log(Math.max(2, this.#nodes)) / Math.log(FAN_OUT + 1));
    this.#longest = (rounds + 1) * ROUND + HANDLING;
    this.#epochs = [new Epoch(Number.NEGATIVE_INFINITY, ips, onlyTroubled(troubles))];
  }

  /** As it is now. */
  get epoch(): Epoch {
    return this.#epochs.at(-1)!;
  }

  /** How many times are told apart. */
  get remembered(): number {
    return this.#epochs.length;
  }

  /** Something is wrong with other nodes from now on, or with others no more; false: all is as it was. */
  change(now: number, troubles: ReadonlyMap<number, Trouble>): boolean {
    const troubled = onlyTroubled(troubles);
    if (this.epoch.isLike(troubled)) return false;
    if (this.epoch.since === now) this.#epochs.pop();
    // Everybody has found everybody again and knows all: how that came to be is of no account any more.
    const { isCalm, since } = this.epoch;
    if (isCalm && now > since + SYNC + SECOND + this.#longest)
      this.#epochs.splice(0, this.#epochs.length, new Epoch(Number.NEGATIVE_INFINITY, this.#ips, new Map()));
    this.#epochs.push(new Epoch(now, this.#ips, troubled));
    const changed = this.#changed;
    this.#changed = [];
    for (const tell of changed) tell();
    return true;
  }

  /** Does something when node number `to` hears of what `from` did at `time`, however often connections change till then. */
  deliver(
    event: { readonly time: number; readonly from: number; readonly to: number; readonly record: number },
    at: (time: number, then: () => void) => void,
    act: () => void,
  ): void {
    const { time, from, to, record } = event;
    const arrival = this.arrival(time, from, to, record);
    if (arrival === Number.POSITIVE_INFINITY) this.#changed.push(() => this.deliver(event, at, act));
    else
      at(arrival, () => {
        if (this.arrival(time, from, to, record) > arrival) this.deliver(event, at, act);
        else act();
      });
  }

  /** When node number `to` knows what node number `from` has made at `time`; `record` is the record's own number. */
  arrival(time: number, from: number, to: number, record: number): number {
    if (from === to) return time;
    const epochs = this.#epochs;
    const last = epochs.length - 1;
    if (last === 0 && this.epoch.isCalm) return this.#told(time, from, to, record);
    let index = last;
    while (epochs[index]!.since > time) index--;
    const view = new View(this, from, to);
    for (let before = 0; before < index; before++) view.pass(epochs[before]!, epochs[before + 1]!.since);
    for (; index <= last; index++) {
      const epoch = epochs[index]!;
      // Who has lost its power says nothing any more: it is found dead, and with it goes all that it was, told or not.
      if (epoch.isOff(from)) return this.#deathOf(from, to, this.#runStart(index, from, to));
      const end = index === last ? Number.POSITIVE_INFINITY : epochs[index + 1]!.since;
      const begin = Math.max(time, epoch.since);
      view.pass(epoch, begin);
      if (!view.isDead) {
        const told = this.#toldIn(epoch, time, begin, from, to, record);
        if (told < end) return told;
        const isSynced = epoch.isAlive(from, to) && epoch.isInSync(from, to);
        const synced = isSynced ? this.#nextSync(to, begin) + HANDLING : Number.POSITIVE_INFINITY;
        if (synced < end) return synced;
      }
      const rejoined = view.pass(epoch, end);
      if (rejoined !== undefined) return Math.max(rejoined, begin) + HANDLING;
    }
    return Number.POSITIVE_INFINITY;
  }

  isLost(from: number, to: number, now: number): boolean {
    const epochs = this.#epochs;
    if (from === to || epochs.length === 1) return false;
    // Whatever was, all have found each other again.
    const { isCalm, since } = this.epoch;
    if (isCalm && now > since + 2 * RECONNECT + this.#longest) return false;
    return this.#viewAt(from, to, now).isDead;
  }

  /** When `to` changes its mind about `from` after `now`, as connections are; Infinity: it does not. */
  nextTurn(from: number, to: number, now: number): number {
    return this.#viewAt(from, to, now).nextTurn(this.epoch);
  }

  #viewAt(from: number, to: number, now: number): View {
    const view = new View(this, from, to);
    const epochs = this.#epochs;
    for (let index = 0; index < epochs.length && epochs[index]!.since <= now; index++) {
      const end = index + 1 < epochs.length ? Math.min(now, epochs[index + 1]!.since) : now;
      view.pass(epochs[index]!, end);
    }
    return view;
  }

  hasSettled(time: number, now: number): boolean {
    const { epoch } = this;
    if (!epoch.isCalm) return false;
    return now > time + this.#longest && (this.#epochs.length === 1 || now > epoch.since + SYNC + SECOND);
  }

  /** When gossip tells, if all goes well. */
  #told(time: number, from: number, to: number, record: number): number {
    const phase = this.#hash(from, 0) % ROUND;
    const untilRound = (((phase - time) % ROUND) + ROUND) % ROUND;
    return time + untilRound + (this.#round(from, to, record) - 1) * ROUND + HANDLING;
  }

  /** The same where messages are lost: Infinity, if in all rounds. */
  #toldIn(epoch: Epoch, time: number, begin: number, from: number, to: number, record: number): number {
    if (epoch.isCalm && begin === time) return this.#told(time, from, to, record);
    const rounds = RETRANSMIT * Math.ceil(Math.log10(this.#nodes + 1));
    if (!epoch.hears(from, to)) return Number.POSITIVE_INFINITY;
    const share = epoch.gossipShare(from, to);
    const first = Math.ceil((begin - time) / ROUND);
    for (let round = first; round < rounds; round++) {
      // By way of others there is another way each time.
      const isLost = share > 0 && this.#chance(this.#hash(from, record), this.#hash(to, round)) >= share;
      if (!isLost) return this.#told(time, from, to, record) + round * ROUND;
    }
    return Number.POSITIVE_INFINITY;
  }

  #nextSync(node: number, from: number): number {
    const phase = Math.floor(this.#chance(node, 1) * SYNC);
    return from + ((((phase - from) % SYNC) + SYNC) % SYNC);
  }

  /** Where the time begins in which the two have not been together, which goes on at the end of an epoch. */
  #runStart(index: number, subject: number, observer: number): Epoch {
    let first = index;
    while (first > 0 && !this.#epochs[first - 1]!.isAlive(subject, observer)) first--;
    return this.#epochs[first]!;
  }

  /**
   * When `observer` takes for dead whom it has not reached since the beginning of an epoch: one of those with it probes in
   * vain, suspects, and is not contradicted (memberlist, state.go and suspicion.go).
   */
  #deathOf(subject: number, observer: number, epoch: Epoch): number {
    const { since } = epoch;
    const nodes = this.#nodes;
    const others = Math.max(1, epoch.groupSize(observer));
    // Each probes every other in turn.
    const between = (PROBE * (nodes - 1)) / others;
    const probed = Math.floor(this.#chance(subject, 2) * between);
    const wanted = nodes - 2 < SUSPICION - 2 ? 0 : SUSPICION - 2;
    const confirmed = Math.min(wanted, others - 1);
    const least = SUSPICION * Math.max(1, Math.log10(Math.max(1, nodes))) * PROBE;
    const longest = LONGEST_SUSPICION * least;
    const share = wanted === 0 ? 1 : Math.log(confirmed + 1) / Math.log(wanted + 1);
    const suspected = Math.max(longest - share * (longest - least), confirmed * between);
    const told = Math.min(others - 1, this.#round(subject, observer, 3)) * ROUND;
    return Math.floor(since + probed + PROBE + suspected + told);
  }

  /** When `observer` has joined again whom it can reach from `since` on. */
  #rejoined(subject: number, observer: number, since: number): number {
    const tried = Math.floor(this.#chance(Math.min(subject, observer), 4) * RECONNECT);
    return since + tried + this.#round(subject, observer, 5) * ROUND;
  }

  /** The round in which the node hears of it, from 1. */
  #round(from: number, to: number, record: number): number {
    // The nodes in an order of the record's own, the origin first.
    const others = this.#nodes - 1;
    const position = to > from ? to - 1 : to;
    const rank = (position + (this.#hash(from, record) % others)) % others;
    let round = 1;
    for (let told = FAN_OUT; rank >= told; told = (told + 1) * (FAN_OUT + 1) - 1) round++;
    return round;
  }

  /** 0 to 1. */
  #chance(a: number, b: number): number {
    return this.#hash(a, b) / 0x100000000;
  }

  #hash(a: number, b: number): number {
    let hash = Math.imul(this.#seed ^ a, 0x9e3779b1) ^ Math.imul(b + 1, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39);
    return (hash ^ (hash >>> 15)) >>> 0;
  }

  /** {@link View} */
  deathOf(subject: number, observer: number, epoch: Epoch): number {
    return this.#deathOf(subject, observer, epoch);
  }

  /** {@link View} */
  rejoined(subject: number, observer: number, since: number): number {
    return this.#rejoined(subject, observer, since);
  }
}

/** What one node holds of another, epoch after epoch. */
class View {
  readonly #gossip: Gossip;
  readonly #subject: number;
  readonly #observer: number;
  isDead = false;
  /** Since when the two have not reached each other. */
  #apart: Epoch | undefined = undefined;
  /** Since when they can again, and can join. */
  #together = Number.NEGATIVE_INFINITY;
  #wasInSync = true;

  constructor(gossip: Gossip, subject: number, observer: number) {
    this.#gossip = gossip;
    this.#subject = subject;
    this.#observer = observer;
  }

  /** When this will change, if connections stay as they are in the last epoch that has passed. */
  nextTurn(epoch: Epoch): number {
    if (this.#apart !== undefined)
      return this.isDead ? Number.POSITIVE_INFINITY : this.#gossip.deathOf(this.#subject, this.#observer, this.#apart);
    if (!this.isDead || !epoch.isInSync(this.#subject, this.#observer)) return Number.POSITIVE_INFINITY;
    return this.#rejoined();
  }

  #rejoined(): number {
    return this.#gossip.rejoined(this.#subject, this.#observer, this.#together);
  }

  /** An epoch passes, up to `end`. Answers when they were joined again, if they were. */
  pass(epoch: Epoch, end: number): number | undefined {
    // Who starts anew knows nobody.
    if (epoch.isOff(this.#observer)) this.isDead = true;
    if (!epoch.isAlive(this.#subject, this.#observer)) {
      this.#together = Number.NEGATIVE_INFINITY;
      this.#apart ??= epoch;
      if (!this.isDead) this.isDead = this.#gossip.deathOf(this.#subject, this.#observer, this.#apart) <= end;
      return undefined;
    }
    if (this.#apart !== undefined || !this.#wasInSync) this.#together = epoch.since;
    this.#apart = undefined;
    this.#wasInSync = epoch.isInSync(this.#subject, this.#observer);
    if (!this.isDead || !this.#wasInSync) return undefined;
    const rejoined = this.#rejoined();
    if (rejoined > end) return undefined;
    this.isDead = false;
    return Math.max(rejoined, epoch.since);
  }
}

function onlyTroubled(troubles: ReadonlyMap<number, Trouble>): ReadonlyMap<number, Trouble> {
  return new Map([...troubles].filter(([, trouble]) => isTroubled(trouble)));
}
