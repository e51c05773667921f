/**
 * The connections of a namespace (Linux net/netfilter/ipvs/ip_vs_conn.c), hashed by what both directions have in common:
 * protocol, client and client's port.
 *
 * Connections that are kept for the same time after a packet are in one list, the one with the last packet at its end:
 * the next to go is at the front of one of a dozen lists, and a packet moves its connection to the end. Time is an
 * argument, in nanoseconds.
 *
 * Not modelled: that the kernel's timers come late, up to 16 s for one of 15 minutes (kernel/time/timer.c); persistence
 * templates, connections without a client port, synchronisation.
 */
import type { Clock } from "../sim/clock.ts";
import type { IpVsConn } from "./conn.ts";

export class ConnTable {
  readonly #places: (IpVsConn | undefined)[] = [];
  readonly #free: number[] = [];
  /** First place of each chain, or -1. */
  #heads: Int32Array = new Int32Array(64).fill(-1);
  #next: Int32Array = new Int32Array(16);
  #hashes: Int32Array = new Int32Array(16);
  /** Of each list: how long its connections are kept, and its first and last place. */
  readonly #timeouts: number[] = [];
  readonly #firsts: number[] = [];
  readonly #lasts: number[] = [];
  #before: Int32Array = new Int32Array(16);
  #behind: Int32Array = new Int32Array(16);
  #serial = 0;

  get size(): number {
    return this.#places.length - this.#free.length;
  }

  /** Linux ip_vs_conn_in_get: whose request it is. */
  findIn(
    protocol: number,
    clientIp: number,
    clientPort: number,
    virtualIp: number,
    virtualPort: number,
  ): IpVsConn | undefined {
    const hash = hashOf(protocol, clientIp, clientPort);
    let place = this.#heads[hash & (this.#heads.length - 1)]!;
    for (; place >= 0; place = this.#next[place]!) {
      if (this.#hashes[place] !== hash) continue;
      const conn = this.#places[place]!;
      if (
        conn.clientIp === clientIp &&
        conn.clientPort === clientPort &&
        conn.virtualIp === virtualIp &&
        conn.virtualPort === virtualPort &&
        conn.protocol === protocol
      ) {
        return conn;
      }
    }
    return undefined;
  }

  /** Linux ip_vs_conn_out_get: whose answer it is. Without NAT the real server answers as the virtual one. */
  findOut(
    protocol: number,
    clientIp: number,
    clientPort: number,
    serverIp: number,
    serverPort: number,
  ): IpVsConn | undefined {
    const hash = hashOf(protocol, clientIp, clientPort);
    let place = this.#heads[hash & (this.#heads.length - 1)]!;
    for (; place >= 0; place = this.#next[place]!) {
      if (this.#hashes[place] !== hash) continue;
      const conn = this.#places[place]!;
      const isMasqueraded = conn.forwarding === "masq";
      if (
        conn.clientIp === clientIp &&
        conn.clientPort === clientPort &&
        (isMasqueraded ? conn.destIp : conn.virtualIp) === serverIp &&
        (isMasqueraded ? conn.destPort : conn.virtualPort) === serverPort &&
        conn.protocol === protocol
      ) {
        return conn;
      }
    }
    return undefined;
  }

  /** Linux ip_vs_conn_hash: takes it in. {@link refresh} says until when. */
  insert(conn: IpVsConn): void {
    const place = this.#free.pop() ?? this.#places.length;
    this.#places[place] = conn;
    if (place >= this.#next.length) this.#growPlaces();
    conn.place = place;
    conn.serial = ++this.#serial;
    this.#hashes[place] = hashOf(conn.protocol, conn.clientIp, conn.clientPort);
    if (this.size * 2 > this.#heads.length) this.#rehash();
    else this.#chain(place);
  }

  /** Linux ip_vs_conn_put, __ip_vs_conn_put_timer: it is kept for its timeout from now on. */
  refresh(conn: IpVsConn, clock: Clock): void {
    conn.expiresAt = clock.now + conn.timeout;
    if (conn.list >= 0) this.#leaveList(conn);
    let list = conn.list;
    if (list < 0 || this.#timeouts[list] !== conn.timeout) list = this.#listOf(conn.timeout);
    conn.list = list;
    const { place } = conn;
    const last = this.#lasts[list]!;
    this.#before[place] = last;
    this.#behind[place] = -1;
    if (last >= 0) this.#behind[last] = place;
    else this.#firsts[list] = place;
    this.#lasts[list] = place;
  }

  delete(conn: IpVsConn): void {
    const { place } = conn;
    if (place < 0) return;
    if (conn.list >= 0) this.#leaveList(conn);
    this.#unchain(place);
    this.#places[place] = undefined;
    this.#free.push(place);
    conn.place = -1;
    conn.list = -1;
  }

  /** One that is past its time, or undefined. */
  expired(clock: Clock): IpVsConn | undefined {
    for (let list = 0; list < this.#firsts.length; list++) {
      const conn = this.#places[this.#firsts[list]!];
      if (conn !== undefined && conn.expiresAt <= clock.now) return conn;
    }
    return undefined;
  }

  /** When the next one is past its time; Infinity: there is none. */
  nextExpiry(): number {
    let next = Number.POSITIVE_INFINITY;
    for (let list = 0; list < this.#firsts.length; list++) {
      const conn = this.#places[this.#firsts[list]!];
      if (conn !== undefined && conn.expiresAt < next) next = conn.expiresAt;
    }
    return next;
  }

  /** All, the oldest first. The kernel's own order is that of a hash with a secret. */
  list(): readonly IpVsConn[] {
    return [...this.all()].sort((a, b) => a.serial - b.serial);
  }

  /** All, in no order; what has been given may be deleted. */
  *all(): Generator<IpVsConn> {
    for (const conn of this.#places) if (conn !== undefined) yield conn;
  }

  #listOf(timeout: number): number {
    const known = this.#timeouts.indexOf(timeout);
    if (known >= 0) return known;
    this.#firsts.push(-1);
    this.#lasts.push(-1);
    return this.#timeouts.push(timeout) - 1;
  }

  #leaveList({ place, list }: IpVsConn): void {
    const before = this.#before[place]!;
    const behind = this.#behind[place]!;
    if (before >= 0) this.#behind[before] = behind;
    else this.#firsts[list] = behind;
    if (behind >= 0) this.#before[behind] = before;
    else this.#lasts[list] = before;
  }

  #chain(place: number): void {
    const bucket = this.#hashes[place]! & (this.#heads.length - 1);
    this.#next[place] = this.#heads[bucket]!;
    this.#heads[bucket] = place;
  }

  #unchain(place: number): void {
    const bucket = this.#hashes[place]! & (this.#heads.length - 1);
    let at = this.#heads[bucket]!;
    if (at === place) {
      this.#heads[bucket] = this.#next[place]!;
      return;
    }
    while (this.#next[at] !== place) at = this.#next[at]!;
    this.#next[at] = this.#next[place]!;
  }

  #growPlaces(): void {
    const grown = (from: Int32Array): Int32Array => {
      const to = new Int32Array(from.length * 2);
      to.set(from);
      return to;
    };
    this.#next = grown(this.#next);
    this.#hashes = grown(this.#hashes);
    this.#before = grown(this.#before);
    this.#behind = grown(this.#behind);
  }

  #rehash(): void {
    this.#heads = new Int32Array(this.#heads.length * 2).fill(-1);
    for (const conn of this.#places) if (conn !== undefined) this.#chain(conn.place);
  }
}

function hashOf(protocol: number, ip: number, port: number): number {
  let hash = Math.imul(ip ^ protocol, 0x85ebca77) ^ Math.imul(port, 0xc2b2ae3d);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  return hash ^ (hash >>> 13);
}
