/**
 * How many ICMP errors a host sends (Linux net/ipv4/icmp.c, icmp_global_allow and icmpv4_xrlim_allow; inetpeer.c,
 * inet_peer_xrlim_allow; route.c, ip_error). Pure: the time is an argument.
 *
 * Not modelled: the random part of the global limit, forgotten peers.
 */
const SECOND = 1_000_000_000;
/** net.ipv4.icmp_msgs_per_sec and icmp_msgs_burst. */
const MESSAGES_PER_SECOND = 1000;
const MESSAGES_BURST = 50;
/** net.ipv4.icmp_ratelimit, and how many of it a peer may save up (XRLIM_BURST_FACTOR). */
const PEER_INTERVAL = 1 * SECOND;
const PEER_BURST = 6;
/** net.ipv4.route.error_cost and error_burst. */
const ROUTE_ERROR_COST = 1 * SECOND;
const ROUTE_ERROR_BURST = 5 * SECOND;
/** A peer that nobody has heard of for so long has all its tokens. */
const LONG_AGO = 60 * SECOND;

interface Peer {
  tokens: number;
  usedAt: number;
}

export class IcmpRateLimit {
  #credit = 0;
  #creditAt = Number.NEGATIVE_INFINITY;
  readonly #peers: Map<number, Peer> = new Map();

  /** All errors of the host together: asked last, for it takes from the account. */
  allowsGlobally(now: number): boolean {
    if (this.#credit < 1) {
      const passed = Math.min(now - this.#creditAt, SECOND);
      // Looked at every 20 ms at most.
      if (passed < SECOND / 50) return false;
      this.#credit = Math.min(MESSAGES_BURST, Math.floor((MESSAGES_PER_SECOND * passed) / SECOND));
      this.#creditAt = now;
      if (this.#credit < 1) return false;
    }
    this.#credit--;
    return true;
  }

  /** Errors to one address. */
  allowsPeer(ip: number, now: number): boolean {
    const peer = this.#peer(ip, now);
    peer.tokens = Math.min(peer.tokens + now - peer.usedAt, PEER_BURST * PEER_INTERVAL);
    peer.usedAt = now;
    if (peer.tokens < PEER_INTERVAL) return false;
    peer.tokens -= PEER_INTERVAL;
    return true;
  }

  /** A router's "unreachable" to one address, on the same account as all errors to it. */
  allowsRouteError(ip: number, now: number): boolean {
    const peer = this.#peer(ip, now);
    peer.tokens = Math.min(peer.tokens + now - peer.usedAt, ROUTE_ERROR_BURST);
    peer.usedAt = now;
    if (peer.tokens < ROUTE_ERROR_COST) return false;
    peer.tokens -= ROUTE_ERROR_COST;
    return true;
  }

  #peer(ip: number, now: number): Peer {
    let peer = this.#peers.get(ip);
    if (peer === undefined) {
      peer = { tokens: 0, usedAt: now - LONG_AGO };
      this.#peers.set(ip, peer);
    }
    return peer;
  }
}
