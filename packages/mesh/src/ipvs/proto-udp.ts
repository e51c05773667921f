/**
 * UDP as IPVS follows it (Linux net/netfilter/ipvs/ip_vs_proto_udp.c): one state, and never an active connection. Whoever
 * sends from the same port within five minutes is the same client.
 */

/** Seconds since the last datagram, either way (udp_timeouts). */
export const UDP_TIMEOUT = 300;

/** In `ipvsadm -Lc`. */
export const UDP_STATE_NAME = "UDP";
