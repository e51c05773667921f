/**
 * What a Docker engine asks of a node: of its kernel, and of the processes that it starts there. Plain data; a request
 * is what a person would type (./format-request.ts prints it so), or a few such commands that belong together.
 * docker/perform.ts carries them out, ./picture.ts keeps what there is then.
 *
 * Namespaces are called as in a recording: `host` (the node's own), `overlay-NET`, `lb-NET`, `ingress_sbox`, or the
 * container's or task's name.
 */
import type { Rule } from "../netfilter/rule.ts";
import type { XfrmPolicy } from "../xfrm/policy.ts";
import type { XfrmStateInit } from "../xfrm/state.ts";

/** Where: a network namespace of a node. */
export interface Place {
  readonly node: string;
  readonly netns: string;
}

export type Table = "raw" | "mangle" | "nat" | "filter";

/** `ip netns add`, and `sysctl -w net.ipv4.ip_forward=` and `net.ipv6.conf.all.disable_ipv6=` in it. */
export interface NetnsAdd extends Place {
  readonly kind: "netns-add";
  readonly forwarding: boolean;
  readonly disablesIpv6: boolean;
}

/** `sysctl -w`. */
export interface SysctlSet extends Place {
  readonly kind: "sysctl";
  readonly key: "net.ipv4.ip_forward" | `net.ipv4.vs.${IpvsSysctl}` | `net.ipv4.conf.${string}`;
  readonly value: number;
}

/** Of IPVS, those that engines set. */
export type IpvsSysctl = "conntrack" | "conn_reuse_mode" | "expire_nodest_conn" | "expire_quiescent_template";

/** `ip netns delete`: devices that are still there go with it. */
export interface NetnsDelete extends Place {
  readonly kind: "netns-delete";
}

/** `ip link add DEVICE type bridge`. Without `hasFixedMac` it takes the lowest of its ports' once it has one. */
export interface BridgeAdd extends Place {
  readonly kind: "bridge-add";
  readonly device: string;
  readonly mac: number;
  readonly hasFixedMac: boolean;
  readonly mtu: number;
}

/** A vxlan device that is made in the node's own namespace and moved here; it counts among the node's interfaces. */
export interface VxlanAdd extends Place {
  readonly kind: "vxlan-add";
  readonly device: string;
  readonly mac: number;
  readonly mtu: number;
  readonly vni: number;
  /** UDP port of the data path. */
  readonly port: number;
  /** The network whose peer records are its permanent neighbors and FDB entries. */
  readonly network: string;
}

export interface VethEnd {
  readonly netns: string;
  readonly device: string;
  readonly mac: number;
}

/**
 * A veth pair. The kernel registers the peer first, so it has the lower number. Both are made in the node's own
 * namespace and moved, unless `bornInside`: then the peer is made where it belongs.
 */
export interface VethAdd extends Place {
  readonly kind: "veth-add";
  /** The end at the bridge. */
  readonly device: string;
  readonly mac: number;
  readonly mtu: number;
  /** The container's end. */
  readonly peer: VethEnd;
  readonly bornInside: boolean;
}

/** A device of the node's own that is made and deleted at once, as a test whether the kernel can: it uses up a number. */
export interface LinkTry extends Place {
  readonly kind: "link-try";
  readonly device: string;
}

/** `ip link set DEVICE master BRIDGE`. */
export interface LinkMaster extends Place {
  readonly kind: "link-master";
  readonly device: string;
  readonly master: string;
}

/** `ip link set DEVICE up`. */
export interface LinkUp extends Place {
  readonly kind: "link-up";
  readonly device: string;
}

export interface LinkDown extends Place {
  readonly kind: "link-down";
  readonly device: string;
}

/** `ip link delete`: of a veth pair both ends. */
export interface LinkDelete extends Place {
  readonly kind: "link-delete";
  readonly device: string;
}

export interface AddressAdd extends Place {
  readonly kind: "address-add" | "address-delete";
  readonly device: string;
  /** int32. */
  readonly ip: number;
  readonly prefixLength: number;
}

export interface RouteAdd extends Place {
  readonly kind: "route-add" | "route-delete";
  readonly destination: number;
  readonly prefixLength: number;
  /** Next hop, int32; undefined: on the link. */
  readonly via: number | undefined;
  readonly device: string;
}

/** `iptables -N`, `-P`, `-A`, `-I`, `-D`, `-C`. */
export type RuleChange =
  | { readonly change: "new-chain" }
  | { readonly change: "policy"; readonly policy: "ACCEPT" | "DROP" }
  | { readonly change: "append" | "insert" | "delete"; readonly rule: Rule }
  /** Made, put there, unless it is there. */
  | { readonly change: "ensure-chain" }
  | { readonly change: "ensure"; readonly at: "top" | "end"; readonly rule: Rule };
export type IptablesRequest = Place & {
  readonly kind: "iptables";
  readonly table: Table;
  readonly chain: string;
} & RuleChange;

/** `ipvsadm -A -f FWMARK -s rr` and `ipvsadm -D -f FWMARK`: a virtual service of all packets that carry the mark. */
export interface IpvsService extends Place {
  readonly kind: "ipvs-service-add" | "ipvs-service-delete";
  readonly fwmark: number;
}

/** How packets get to a real server: translated, or as they are (`-m`, `-g`). */
export type IpvsForwarding = "masq" | "droute";

/** `ipvsadm -a` and `ipvsadm -e`: a real server that gets packets at the port they were sent to. */
export interface IpvsDestination extends Place {
  readonly kind: "ipvs-dest-add" | "ipvs-dest-update";
  readonly fwmark: number;
  /** int32. */
  readonly ip: number;
  readonly weight: number;
  readonly forwarding: IpvsForwarding;
}

/** `ipvsadm -d`. */
export interface IpvsDestinationDelete extends Place {
  readonly kind: "ipvs-dest-delete";
  readonly fwmark: number;
  readonly ip: number;
}

export type IpvsRequest = IpvsService | IpvsDestination | IpvsDestinationDelete;

/** A gratuitous ARP: a broadcast request for the own address. */
export interface Announce extends Place {
  readonly kind: "announce";
  readonly device: string;
  readonly ip: number;
}

/** A node holds another for dead, and forgets the endpoints that it has there. */
export interface PeersForget {
  readonly kind: "peers-forget";
  readonly node: string;
  readonly lost: string;
}

/**
 * A record of libnetwork's overlay_peer_table, made or withdrawn on `node`. Gossip takes it to the other nodes of the
 * network, each of which sets (or deletes) a permanent neighbor and a permanent FDB entry on its vxlan device.
 */
export interface PeerChange {
  readonly kind: "peer-add" | "peer-delete";
  readonly node: string;
  readonly network: string;
  readonly ip: number;
  readonly mac: number;
  readonly vtep: number;
  /** Container, task, or `lb-NET`. */
  readonly holder: string;
}

/** `ip xfrm state add`: ESP in transport mode. */
export interface XfrmStateAdd extends Place, XfrmStateInit {
  readonly kind: "xfrm-state-add";
}

/** `ip xfrm state delete`. */
export interface XfrmStateDelete extends Place {
  readonly kind: "xfrm-state-delete";
  readonly srcIp: number;
  readonly dstIp: number;
  readonly spi: number;
}

/** `ip xfrm policy add`, `update` and `delete`. */
export interface XfrmPolicyChange extends Place {
  readonly kind: "xfrm-policy-add" | "xfrm-policy-update" | "xfrm-policy-delete";
  readonly policy: XfrmPolicy;
}

/** A container and what it sees of the world, before its first process. */
export interface ContainerAdd {
  readonly kind: "container-add";
  readonly node: string;
  /** Its own namespace, or `host`. */
  readonly netns: string;
  /** Twelve hexadecimal digits. */
  readonly id: string;
  /** `NAME`, or `SERVICE.SLOT.TASK`. */
  readonly name: string;
  /** How scenarios call it: a task without the task's identifier. */
  readonly shortName: string;
  readonly hostname: string;
  readonly image: string;
}

export interface ContainerDelete {
  readonly kind: "container-delete";
  readonly node: string;
  readonly id: string;
}

/** A file of a container is written anew. */
export interface FileWrite {
  readonly kind: "file-write";
  readonly node: string;
  readonly id: string;
  readonly path: string;
  readonly text: string;
}

/** The container's own process starts; with an empty `argv` the image's command. */
export interface ContainerStart {
  readonly kind: "container-start";
  readonly node: string;
  readonly id: string;
  readonly argv: readonly string[];
}

/** All its processes get the signal. */
export interface ContainerKill {
  readonly kind: "container-kill";
  readonly node: string;
  readonly id: string;
}

/**
 * dockerd listens for DNS queries inside a namespace: on 127.0.0.11, on ports of its own, to which rules lead
 * (./task-rules.ts, ResolverRules).
 */
export interface ResolverStart extends Place {
  readonly kind: "resolver-start" | "resolver-stop";
  readonly udpPort: number;
  readonly tcpPort: number;
}

/** A socket of dockerd's on the node that keeps a published port from others: it listens, and nobody reads from it. */
export interface ListenerChange {
  readonly kind: "listener-add" | "listener-delete";
  readonly node: string;
  readonly protocol: "tcp" | "udp";
  readonly port: number;
}

/** A process on the node itself: docker-proxy. `key` names it for the end. */
export interface ProcessStart {
  readonly kind: "process-start";
  readonly node: string;
  readonly key: string;
  readonly argv: readonly string[];
}

export interface ProcessKill {
  readonly kind: "process-kill";
  readonly node: string;
  readonly key: string;
}

export type KernelRequest =
  | NetnsAdd
  | SysctlSet
  | NetnsDelete
  | BridgeAdd
  | VxlanAdd
  | VethAdd
  | LinkTry
  | LinkMaster
  | LinkUp
  | LinkDown
  | LinkDelete
  | AddressAdd
  | RouteAdd
  | IptablesRequest
  | IpvsRequest
  | Announce
  | PeerChange
  | XfrmStateAdd
  | XfrmStateDelete
  | XfrmPolicyChange
  | PeersForget;

export type Request =
  | KernelRequest
  | ContainerAdd
  | ContainerDelete
  | FileWrite
  | ContainerStart
  | ContainerKill
  | ResolverStart
  | ListenerChange
  | ProcessStart
  | ProcessKill;
