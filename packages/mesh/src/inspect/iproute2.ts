/**
 * Shapes of what iproute2 prints with `-j`: `ip -d -j link`, `ip -j addr`, `ip -j route`, `ip -j neigh`, `bridge -j fdb`.
 * Keys are in the order in which iproute2 6.1 prints them; one that does not apply is absent.
 */

/** The part that `ip link` and `ip addr` have in common. */
export interface LinkBase {
  readonly ifindex: number;
  /** Other end or lower device, by number where it is in another namespace. */
  readonly link_index?: number;
  /** … by name where it is in this one. */
  readonly link?: string;
  readonly ifname: string;
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly qdisc: string;
  readonly master?: string;
  readonly operstate: string;
}

export interface LinkJson extends LinkBase {
  readonly linkmode: "DEFAULT";
  readonly group: "default";
  readonly txqlen?: number;
  readonly link_type: "loopback" | "ether";
  readonly address: string;
  readonly broadcast: string;
  readonly link_netnsid?: number;
  readonly promiscuity: number;
  readonly allmulti: number;
  readonly min_mtu: number;
  readonly max_mtu: number;
  readonly linkinfo?: LinkInfoJson;
  readonly inet6_addr_gen_mode: "eui64";
  readonly num_tx_queues: number;
  readonly num_rx_queues: number;
  readonly gso_max_size: number;
  readonly gso_max_segs: number;
  readonly tso_max_size: number;
  readonly tso_max_segs: number;
  readonly gro_max_size: number;
}

/** A value of `info_data` and its like. */
export type InfoValue = string | number | boolean | { readonly low: number; readonly high: number };

export interface LinkInfoJson {
  readonly info_kind?: string;
  readonly info_data?: Readonly<Record<string, InfoValue>>;
  readonly info_slave_kind?: string;
  readonly info_slave_data?: Readonly<Record<string, InfoValue>>;
}

export interface AddressLinkJson extends LinkBase {
  readonly group: "default";
  readonly txqlen?: number;
  readonly link_type: "loopback" | "ether";
  readonly address: string;
  readonly broadcast: string;
  readonly link_netnsid?: number;
  readonly addr_info: readonly AddressJson[];
}

export interface AddressJson {
  readonly family: "inet" | "inet6";
  readonly local: string;
  readonly prefixlen: number;
  readonly broadcast?: string;
  readonly scope: string;
  readonly secondary?: true;
  /** IPv4 only. */
  readonly label?: string;
  readonly valid_life_time: number;
  readonly preferred_life_time: number;
}

export interface RouteJson {
  /** Absent: unicast. */
  readonly type?: string;
  readonly dst: string;
  readonly gateway?: string;
  readonly dev?: string;
  /** Absent: main. */
  readonly table?: string;
  /** Absent: boot, what a person adds. */
  readonly protocol?: string;
  /** Absent: global. */
  readonly scope?: string;
  readonly prefsrc?: string;
  readonly metric?: number;
  readonly flags: readonly string[];
  readonly metrics?: readonly { readonly mtu?: number }[];
  /** IPv6 only. */
  readonly pref?: "medium";
}

export interface NeighborJson {
  readonly dst: string;
  readonly dev: string;
  readonly lladdr?: string;
  /** This and the next four with `-s`; the three times are seconds ago. */
  readonly refcnt?: number;
  readonly used?: number;
  readonly confirmed?: number;
  readonly updated?: number;
  readonly probes?: number;
  readonly state: readonly string[];
}

export interface FdbJson {
  readonly mac: string;
  readonly ifname: string;
  readonly dst?: string;
  readonly linkNetNsId?: number;
  /** This and the next with `-s`: seconds ago. */
  readonly used?: number;
  readonly updated?: number;
  readonly flags: readonly string[];
  readonly master?: string;
  readonly state: string;
}

/** Seconds that stand for "forever". */
export const FOREVER = 0xffff_ffff;
