/**
 * A routing table: longest prefix first (Linux net/ipv4/fib_trie.c, the local and main tables as one, which gives the
 * same answers while nobody puts a less specific route into the local table). Equal prefixes: the older route.
 *
 * Not modelled: metrics, multipath, rules, source routing.
 */

export const RouteType = { unicast: 0, local: 1, broadcast: 2 } as const;
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
  /** Preferred source address, int32. */
  readonly source: number;
}

/** Network mask of a prefix length as an int32. */
export function maskOf(prefixLength: number): number {
  return prefixLength === 0 ? 0 : -1 << (32 - prefixLength);
}

export class RouteTable {
  /** Longest prefix first. */
  readonly #routes: Route[] = [];

  add(route: Route): void {
    let at = 0;
    while (at < this.#routes.length && this.#routes[at]!.prefixLength >= route.prefixLength) at++;
    this.#routes.splice(at, 0, route);
  }

  /** The route for an address, or undefined: network unreachable. */
  find(address: number): Route | undefined {
    for (const route of this.#routes) {
      if ((address & maskOf(route.prefixLength)) === route.destination) return route;
    }
    return undefined;
  }
}
