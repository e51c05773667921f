/**
 * Why a frame ended. The words are the kernel's (include/net/dropreason-core.h) where it has one; the others name the
 * rule that they come from.
 */
export const DropReason = {
  /** Addressed to another host on the same wire: the ordinary end of a flooded copy. */
  OTHERHOST: 0,
  /** The bridge's answer to a frame for the port that it came from (br_forward.c, should_deliver). */
  BRIDGE_SAME_PORT: 1,
  /** Longer than the MTU: a bridge says nothing (br_forward.c, is_skb_forwardable). */
  PKT_TOO_BIG: 2,
  /** A vxlan device has no FDB entry for the address, and no default destination. */
  VXLAN_NO_REMOTE: 3,
  VXLAN_INVALID_HDR: 4,
  VXLAN_VNI_NOT_FOUND: 5,
  /** The inner source address is a permanent FDB entry for another tunnel endpoint (vxlan_snoop). */
  VXLAN_ENTRY_EXISTS: 6,
  /** The source address is no unicast address. */
  MAC_INVALID_SOURCE: 7,
  /** The inner source address is the vxlan device's own (vxlan_set_mac). */
  LOCAL_MAC: 8,
  /** "Congestion experienced" outside, and inside a packet that cannot say so (RFC 6040 §4.2). */
  IP_TUNNEL_ECN: 9,
  /** Nobody answered ARP; what waited for the answer goes. */
  NEIGH_FAILED: 10,
  /** Too much waits for one ARP answer: the oldest goes. */
  NEIGH_QUEUEFULL: 11,
  IP_CSUM: 12,
  IP_INHDR: 13,
  /** Shorter than its headers say. */
  PKT_TOO_SMALL: 14,
  /** Not a local address, and this namespace does not forward. */
  IP_INADDRERRORS: 15,
  /** From a group, from everybody, or from 0.0.0.0/8. */
  IP_INVALID_SOURCE: 16,
  /** To 0.0.0.0/8. */
  IP_INVALID_DEST: 17,
  /** From another host, with an address of this one. */
  IP_LOCAL_SOURCE: 18,
  /** To or from 127.0.0.0/8, and not by the loopback device. */
  IP_LOCALNET: 19,
  /** A fragment whose others did not come. */
  FRAG_REASM_TIMEOUT: 20,
  IP_OUTNOROUTES: 21,
  IP_NOPROTO: 22,
  UDP_CSUM: 23,
  NO_SOCKET: 24,
  ICMP_CSUM: 25,
  /** ICMP to everybody that is not answered, such as a broadcast ping (icmp_echo_ignore_broadcasts). */
  INVALID_PROTO: 26,
  /** An ARP frame that has told what it had to tell, or is malformed. */
  ARP_CONSUMED: 27,
  /** ARP for an address that this vxlan device knows no neighbor for (vxlan_core.c, arp_reduce). */
  ARP_NO_NEIGHBOR: 28,
  /** No protocol of this host's takes it. */
  UNHANDLED_PROTO: 29,
  NOMEM: 30,
  /** The device is down or gone, or nothing is at the other end of the cable or pair. */
  DEV_READY: 31,
  /** A router knows no way to the destination. */
  IP_INNOROUTES: 32,
  /** All of the fragment's bytes have come before. */
  DUP_FRAG: 33,
  /** Fragments that contradict each other: the packet is spoiled (ip_frag_queue). */
  FRAG_REASM_FAILED: 34,
  /** Too many others from the same source have come since (ip_frag_too_far). */
  FRAG_TOO_FAR: 35,
  /** A rule of iptables, or connection tracking, wants it so. */
  NETFILTER_DROP: 36,
  /** The bridge has not noticed yet that something is plugged into the port, or is down. */
  BRIDGE_INGRESS_STP_STATE: 37,
  BRIDGE_EGRESS_STP_STATE: 38,
  /** An IGMP message that has told what it had to tell, or tells this host nothing. */
  IGMP_CONSUMED: 39,
  /** The socket's receive buffer is full. */
  SOCKET_RCVBUFF: 40,
  TCP_CSUM: 41,
  /** A segment that no state of the connection takes, such as one without ACK. */
  TCP_FLAGS: 42,
  /** All of it had been received before. */
  TCP_OLD_DATA: 43,
  /** Behind the window that was offered. */
  TCP_OVERWINDOW: 44,
  /** Its timestamp is older than the last one's (RFC 7323 §5). */
  TCP_RFC7323_PAWS: 45,
  /** Outside of the window. */
  TCP_INVALID_SEQUENCE: 46,
  TCP_INVALID_SYN: 47,
  /** It acknowledges what was acknowledged long ago, or what was never sent. */
  TCP_TOO_OLD_ACK: 48,
  TCP_ACK_UNSENT_DATA: 49,
  /** The connection is closed, or what it is closing with does not want this. */
  TCP_CLOSE: 50,
  TCP_RESET: 51,
  TCP_ABORT_ON_DATA: 52,
  /** There is no room for it: the window that was offered is used up. */
  TCP_ZEROWINDOW: 53,
  /** More connections wait to be accepted than the program asked for. */
  TCP_LISTEN_OVERFLOW: 54,
  /** The device's queue is full, or the device has no carrier. */
  QDISC_DROP: 55,
  /** Lost on the cable: by chance, or because it was pulled out. */
  LINK_LOSS: 56,
  /** A firewall between the network card and the cable, which the scenario has put there. */
  FIREWALL: 57,
  /** For a namespace whose part a recording plays: that has the answer. */
  REPLAYED: 58,
  /** Counters of IPsec, as /proc/net/xfrm_stat calls them: ESP with an SPI that nobody here knows. */
  XfrmInNoStates: 59,
  /** ESP that does not decrypt: another key, or damaged on the way. */
  XfrmInStateProtoError: 60,
  /** Too short to have an SPI. */
  XfrmInHdrError: 61,
  /** A policy wants it encrypted, and its association is not there. */
  XfrmOutNoStates: 62,
  /** The association was deleted while the packet was on its way to it. */
  XfrmOutStateInvalid: 63,
  /** Its sequence numbers are used up. */
  XfrmOutStateSeqError: 64,
  /** Too long once it is encrypted, or no memory. */
  XfrmOutError: 65,
  /** No real server of an IPVS service takes anything; the client is told. */
  IPVS_NO_DESTINATION: 66,
  /** Its connection's real server has been deleted (net.ipv4.vs.expire_nodest_conn = 0). */
  IPVS_DEST_UNAVAILABLE: 67,
  /** Its connection has ended, and the packet belongs to the old one's entry in the connection tracking table. */
  IPVS_OLD_CONNTRACK: 68,
  /** IPVS may not send it there from here: to this host, or from a loopback address (crosses_local_route_boundary). */
  IPVS_LOCAL_BOUNDARY: 69,
  /** All of it lies before what was acknowledged. */
  TCP_OLD_SEQUENCE: 70,
  /** It answers a SYN, and acknowledges something else. */
  TCP_INVALID_ACK_SEQUENCE: 71,
} as const;
export type DropReason = (typeof DropReason)[keyof typeof DropReason];
export type DropReasonName = keyof typeof DropReason;

const NAMES = Object.keys(DropReason) as DropReasonName[];

export function dropReasonName(reason: DropReason): DropReasonName {
  return NAMES[reason]!;
}
