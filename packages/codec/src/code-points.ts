/** Numbers that select the next layer, with the words people use for them. Sources: IANA and IEEE registries. */

export const EtherType = {
  ipv4: 0x0800,
  arp: 0x0806,
  vlan: 0x8100,
  ipv6: 0x86dd,
  serviceVlan: 0x88a8,
} as const;
export type EtherType = (typeof EtherType)[keyof typeof EtherType];

/** Frames with a smaller type field carry a length there instead (IEEE 802.3 §3.2.6). */
export const MIN_ETHERTYPE = 0x0600;

export const IpProtocol = {
  hopByHop: 0,
  icmp: 1,
  igmp: 2,
  ipv4: 4,
  tcp: 6,
  udp: 17,
  ipv6: 41,
  routing: 43,
  fragment: 44,
  esp: 50,
  ah: 51,
  icmpv6: 58,
  noNextHeader: 59,
  destinationOptions: 60,
  sctp: 132,
  mobility: 135,
} as const;
export type IpProtocol = (typeof IpProtocol)[keyof typeof IpProtocol];

export const Port = {
  dns: 53,
  /** RFC 7348 §5. */
  vxlan: 4789,
  /** draft-ietf-nvo3-vxlan-gpe. */
  vxlanGpe: 4790,
} as const;

/** Link types of capture files (the tcpdump.org registry) that can be dissected. */
export const LinkType = {
  null: 0,
  ethernet: 1,
  rawBsd: 12,
  rawOpenBsd: 14,
  raw: 101,
  loop: 108,
  linuxSll: 113,
  ipv4: 228,
  ipv6: 229,
  linuxSll2: 276,
} as const;
export type LinkType = (typeof LinkType)[keyof typeof LinkType];
