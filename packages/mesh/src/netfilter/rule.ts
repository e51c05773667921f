/**
 * One iptables rule as data: what `iptables -A CHAIN` says behind the chain, and nothing else. Counters live in the
 * chain that holds the rule. `parseRule` (rule-parse.ts) makes it of a command, `formatRule` (rule-format.ts) prints it.
 *
 * Fields of {@link Match} that belong to an extension (`-m …`) are printed in the order in which the object has them,
 * as iptables keeps the order of `-m`.
 */

/** Protocols that a rule may name, with their numbers. */
export const RULE_PROTOCOLS = { icmp: 1, igmp: 2, tcp: 6, udp: 17, gre: 47, esp: 50, ah: 51, sctp: 132 } as const;
export type RuleProtocol = keyof typeof RULE_PROTOCOLS;

/** `-s`, `-d`. Host bits of `ip` (int32) are zero. */
export interface CidrMatch {
  readonly ip: number;
  readonly prefixLength: number;
  readonly not?: true;
}

/** `-i`, `-o`. A name that ends in `+` stands for all that begin so. */
export interface DeviceMatch {
  readonly name: string;
  readonly not?: true;
}

/** `--sport`, `--dport`; `lastPort` for a range. */
export interface PortMatch {
  readonly port: number;
  readonly lastPort?: number;
  readonly not?: true;
}

/** `-m multiport`. */
export interface PortsMatch {
  readonly ports: readonly { readonly port: number; readonly lastPort?: number }[];
  readonly not?: true;
}

/** `-m iprange`: first and last address, int32. */
export interface RangeMatch {
  readonly first: number;
  readonly last: number;
  readonly not?: true;
}

export type AddressType = "UNSPEC" | "UNICAST" | "LOCAL" | "BROADCAST" | "MULTICAST" | "BLACKHOLE" | "UNREACHABLE";

/** `-m addrtype`: what the routing table says of the address. */
export interface AddressTypeMatch {
  readonly type: AddressType;
  readonly not?: true;
}

/** SNAT and DNAT: a connection whose source or destination is translated. */
export type CtState = "INVALID" | "NEW" | "RELATED" | "ESTABLISHED" | "UNTRACKED" | "SNAT" | "DNAT";

/** Bits of the TCP header: of those in `mask` exactly those in `set` are on. */
export interface TcpFlagsMatch {
  readonly mask: number;
  readonly set: number;
  readonly not?: true;
}

export interface Match {
  readonly srcIp?: CidrMatch;
  readonly dstIp?: CidrMatch;
  readonly inDevice?: DeviceMatch;
  readonly outDevice?: DeviceMatch;
  readonly protocol?: RuleProtocol;
  /** `! -p`. */
  readonly notProtocol?: RuleProtocol;

  /** `-m tcp`, `-m udp`, `-m sctp`, by the protocol. */
  readonly srcPort?: PortMatch;
  readonly dstPort?: PortMatch;
  readonly tcpFlags?: TcpFlagsMatch;
  /** `-m icmp`. */
  readonly icmpType?: { readonly type: number; readonly code?: number; readonly not?: true };
  /** `-m multiport`: `--sports`, `--dports`, `--ports` (either). */
  readonly srcPorts?: PortsMatch;
  readonly dstPorts?: PortsMatch;
  readonly anyPorts?: PortsMatch;
  /** `-m conntrack`. */
  readonly ctState?: readonly CtState[];
  readonly notCtState?: readonly CtState[];
  /** What the first packet of the connection was addressed to, before any translation. */
  readonly ctOrigSrc?: CidrMatch;
  readonly ctOrigDst?: CidrMatch;
  readonly ctOrigSrcPort?: PortMatch;
  readonly ctOrigDstPort?: PortMatch;
  readonly ctDir?: "ORIGINAL" | "REPLY";
  /** `-m state`, the older form of `ctState`. */
  readonly state?: readonly CtState[];
  readonly notState?: readonly CtState[];
  /** `-m addrtype`. */
  readonly srcType?: AddressTypeMatch;
  readonly dstType?: AddressTypeMatch;
  /** `-m mark`; without a mask all bits count. */
  readonly mark?: { readonly value: number; readonly mask?: number; readonly not?: true };
  /** `-m iprange`. */
  readonly srcRange?: RangeMatch;
  readonly dstRange?: RangeMatch;
  /** `-m physdev`: the ports of a bridged packet. */
  readonly physIn?: DeviceMatch;
  readonly physOut?: DeviceMatch;
  readonly physIsBridged?: { readonly not?: true };
  /** `-m ipvs --ipvs`: IPVS handles the packet. */
  readonly ipvs?: { readonly not?: true };
  /** `-m policy`: whether IPsec carries it. */
  readonly policy?: { readonly dir: "in" | "out"; readonly pol: "none" | "ipsec" };
  /** `-m u32`, as written. */
  readonly u32?: { readonly tests: string; readonly not?: true };
  /** `-m bpf --bytecode`, as written. */
  readonly bpf?: { readonly bytecode: string; readonly not?: true };
  /** `-m limit`. */
  readonly limit?: { readonly packets: number; readonly per: "sec" | "min" | "hour" | "day"; readonly burst?: number };
  /** `-m comment`. */
  readonly comment?: string;
}

export const REJECT_CODES = {
  "icmp-net-unreachable": 0,
  "icmp-host-unreachable": 1,
  "icmp-proto-unreachable": 2,
  "icmp-port-unreachable": 3,
  "icmp-net-prohibited": 9,
  "icmp-host-prohibited": 10,
  "icmp-admin-prohibited": 13,
} as const;
export type RejectWith = keyof typeof REJECT_CODES | "tcp-reset";

/** `ip` to `lastIp` and `port` to `lastPort`; what is absent stays as it is. Addresses int32. */
export interface NatRange {
  readonly ip?: number;
  readonly lastIp?: number;
  readonly port?: number;
  readonly lastPort?: number;
}

export type Target =
  /** No `-j`: the rule only counts. */
  | { readonly kind: "none" }
  | { readonly kind: "accept" | "drop" | "return" }
  | { readonly kind: "jump" | "goto"; readonly chain: string }
  | { readonly kind: "reject"; readonly with: RejectWith }
  | ({ readonly kind: "dnat" | "snat" } & NatRange)
  | { readonly kind: "masquerade" | "redirect"; readonly port?: number; readonly lastPort?: number }
  /** `--set-xmark`: the bits of `mask` (all if absent) are cleared, then those of `value` turned over. */
  | { readonly kind: "mark"; readonly value: number; readonly mask?: number }
  | { readonly kind: "log"; readonly prefix?: string }
  /** `--checksum-fill`: an unfinished checksum is finished; in table mangle. */
  | { readonly kind: "checksum" }
  /** Never tracked; in table raw. */
  | { readonly kind: "notrack" };

export interface Rule {
  readonly match: Match;
  readonly target: Target;
}

/** Tables in the order in which iptables-save prints them. */
export const TABLES = ["mangle", "raw", "filter", "nat"] as const;
export type TableName = (typeof TABLES)[number];

export type Policy = "ACCEPT" | "DROP";
