/**
 * A namespace's routing tables, local and main: local first, in each the longest prefix first, then the lowest metric,
 * then the oldest (Linux net/ipv4/fib_trie.c, fib_table_lookup; the default rules of fib_rules.c).
 *
 * Not modelled: multipath, other tables and rules, type of service.
 */

export const RouteType = {
  unicast: 0,
  local: 1,
  broadcast: 2,
  /** Never in the table: what a lookup makes of a group address. */
  multicast: 3,
  unreachable: 4,
  prohibit: 5,
  blackhole: 6,
} as const;
export type RouteType = (typeof RouteType)[keyof typeof RouteType];

export interface Route {
  readonly type: RouteType;
  /** int32, host bits zero. */
  readonly destination: number;
  readonly prefixLength: number;
  /** int32; undefined: the destination is on the link. */
  readonly via: number | undefined;
  /** Interface number. */
  readonly device: number;
  /** Preferred source address, int32; 0: the device's own (inet_select_addr). */
  readonly source: number;
  /** Default 0. The lower one counts. */
  readonly metric?: number;
  /** Who put it there, as `ip route` prints it: the kernel with an address, or somebody. */
  readonly protocol?: "kernel" | "boot" | "static";
  /** Bytes; default the device's. */
  readonly mtu?: number;
}

/** What `ip route del` says of a route: the first one that has it all goes. */
export interface RouteSelector {
  readonly destination: number;
  readonly prefixLength: number;
  readonly type?: RouteType;
  readonly via?: number;
  readonly device?: number;
  readonly source?: number;
  readonly metric?: number;
}

/** Network mask of a prefix length as an int32. */
export function maskOf(prefixLength: number): number {
  return prefixLength === 0 ? 0 : -1 << (32 - prefixLength);
}

export class RouteTable {
  /** Moved on by every change: what was derived before holds no longer (rt_genid). */
  generation = 1;
  readonly #local: PrefixTable = new PrefixTable();
  readonly #main: PrefixTable = new PrefixTable();

  /** Behind those that are as good (NLM_F_APPEND). */
  add(route: Route): void {
    this.#tableOf(route.type).add(route);
    this.generation++;
  }

  /** `ip route add`: false, and nothing done, if there is one of that prefix and metric (EEXIST). */
  addNew(route: Route): boolean {
    const isThere = this.#tableOf(route.type)
      .at(route.destination, route.prefixLength)
      .some((each) => metricOf(each) === metricOf(route));
    if (!isThere) this.add(route);
    return !isThere;
  }

  /** `ip route replace`: takes the place of the first of that prefix and metric. */
  replace(route: Route): void {
    const table = this.#tableOf(route.type);
    const old = table.at(route.destination, route.prefixLength).find((each) => metricOf(each) === metricOf(route));
    if (old === undefined) table.add(route);
    else table.exchange(old, route);
    this.generation++;
  }

  has(selector: RouteSelector): boolean {
    return this.#select(selector) !== undefined;
  }

  /** {@link has} for who makes many namespaces. */
  hasOn(type: RouteType, destination: number, prefixLength: number, device: number): boolean {
    return this.#tableOf(type).has(type, destination, prefixLength, device);
  }

  /** `ip route del`. False if there is none (ESRCH). */
  delete(selector: RouteSelector): boolean {
    const route = this.#select(selector);
    if (route === undefined) return false;
    this.#tableOf(route.type).delete(route);
    this.generation++;
    return true;
  }

  /** All routes for which `isGone` holds go (fib_flush). */
  deleteWhere(isGone: (route: Route) => boolean): void {
    this.#local.deleteWhere(isGone);
    this.#main.deleteWhere(isGone);
    this.generation++;
  }

  /** What was looked up before holds no longer, though no route has changed (rt_cache_flush). */
  invalidate(): void {
    this.generation++;
  }

  /**
   * The route for an address, or undefined: network unreachable. With an interface number, by that one only
   * (flowi4_oif).
   */
  find(address: number, device: number = 0): Route | undefined {
    return this.#local.find(address, device) ?? this.#main.find(address, device);
  }

  /** The local table's routes: what `ip route show table local` prints. */
  get local(): readonly Route[] {
    return this.#local.routes;
  }

  /** The main table's routes, longest prefix last, as `ip route` prints them. */
  get main(): readonly Route[] {
    return this.#main.routes;
  }

  #select(selector: RouteSelector): Route | undefined {
    const table = this.#tableOf(selector.type ?? RouteType.unicast);
    return table.at(selector.destination, selector.prefixLength).find((each) => isSelected(each, selector));
  }

  #tableOf(type: RouteType): PrefixTable {
    return type === RouteType.local || type === RouteType.broadcast ? this.#local : this.#main;
  }
}

function metricOf(route: Route): number {
  return route.metric ?? 0;
}

function isSelected(route: Route, selector: RouteSelector): boolean {
  return (
    (selector.type === undefined || selector.type === route.type) &&
    (selector.via === undefined || selector.via === route.via) &&
    (selector.device === undefined || selector.device === route.device) &&
    (selector.source === undefined || selector.source === route.source) &&
    (selector.metric === undefined || selector.metric === metricOf(route))
  );
}

/** So many are kept in an array of just their number: one that grows by itself has room for sixteen more at once. */
const FEW = 8;

/** Routes of one table. */
class PrefixTable {
  /** Those of one prefix by metric, then age. */
  #list: Route[] = [];
  /** For lookups: made when there is one, gone with the next change. */
  #index: PrefixIndex | undefined = undefined;

  /** By destination, then prefix length: the order of a trie's walk (fib_table_dump). */
  get routes(): Route[] {
    return this.#list.toSorted(
      (a, b) => (a.destination >>> 0) - (b.destination >>> 0) || a.prefixLength - b.prefixLength,
    );
  }

  at(destination: number, prefixLength: number): readonly Route[] {
    return this.#list.filter((route) => route.destination === destination && route.prefixLength === prefixLength);
  }

  has(type: RouteType, destination: number, prefixLength: number, device: number): boolean {
    for (const route of this.#list) {
      if (
        route.destination === destination &&
        route.prefixLength === prefixLength &&
        route.type === type &&
        route.device === device
      )
        return true;
    }
    return false;
  }

  find(address: number, device: number): Route | undefined {
    this.#index ??= new PrefixIndex(this.#list);
    return this.#index.find(address, device);
  }

  add(route: Route): void {
    const list = this.#list;
    let at = list.length;
    // In front of those of the same prefix that have a higher metric.
    for (let index = 0; index < list.length && at === list.length; index++) {
      const other = list[index]!;
      const isSame = other.destination === route.destination && other.prefixLength === route.prefixLength;
      if (isSame && metricOf(other) > metricOf(route)) at = index;
    }
    if (list.length < FEW) this.#list = list.toSpliced(at, 0, route);
    else list.splice(at, 0, route);
    this.#index = undefined;
  }

  exchange(old: Route, route: Route): void {
    this.#list[this.#list.indexOf(old)] = route;
    this.#index = undefined;
  }

  delete(route: Route): void {
    this.#list.splice(this.#list.indexOf(route), 1);
    this.#index = undefined;
  }

  deleteWhere(isGone: (route: Route) => boolean): void {
    this.#list = this.#list.filter((route) => !isGone(route));
    this.#index = undefined;
  }
}

/** Routes by prefix length, then destination. */
class PrefixIndex {
  /** Lengths that occur, the longest first. */
  readonly #lengths: readonly number[];
  /** By prefix length. */
  readonly #byLength: readonly (ReadonlyMap<number, readonly Route[]> | undefined)[];

  constructor(routes: readonly Route[]) {
    const byLength: Map<number, Route[]>[] = [];
    for (const route of routes) {
      const byDestination = byLength[route.prefixLength] ?? new Map<number, Route[]>();
      byLength[route.prefixLength] = byDestination;
      const others = byDestination.get(route.destination);
      if (others === undefined) byDestination.set(route.destination, [route]);
      else others.push(route);
    }
    this.#byLength = byLength;
    this.#lengths = Object.keys(byLength).map(Number).toReversed();
  }

  find(address: number, device: number): Route | undefined {
    for (const length of this.#lengths) {
      const routes = this.#byLength[length]!.get(address & maskOf(length));
      if (routes === undefined) continue;
      for (const route of routes) {
        if (device === 0 || route.device === device) return route;
      }
    }
    return undefined;
  }
}
