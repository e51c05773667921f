/**
 * A scenario as the engine takes it: checked, with units turned into numbers, and every name resolved.
 * `load.ts` makes it from YAML; tests may write it as plain data.
 */

/** A place in a file that a person can go to. Lines and columns count from 1. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** IPv4 network: `address` is the int32 network address, host bits zero. */
export interface Cidr {
  readonly address: number;
  readonly prefixLength: number;
}

export interface Scenario {
  readonly name: string;
  readonly cluster: Cluster;
  readonly stack: Stack;
  /** Task name (`overlay_service.1`) to node name. Tasks that are not here are spread by the scheduler's rule. */
  readonly placement: ReadonlyMap<string, string>;
  /**
   * Task name to network name to int32 address; a service's name stands for its virtual IP, and `lb-NET` has node names
   * in place of networks. What is not here is allocated serially, as swarmkit does.
   */
  readonly addresses: ReadonlyMap<string, ReadonlyMap<string, number>>;
  readonly run: Run;
  /** Accepted, but not modelled or surprising: each is told to the user, none is an error. */
  readonly warnings: readonly Diagnostic[];
}

export interface Cluster {
  readonly nodes: readonly ClusterNode[];
  /** UDP port of the VXLAN data path, 4789 unless the swarm was made with another. */
  readonly dataPathPort: number;
  readonly underlay: Underlay;
}

/** The physical network: one switch, a link to each node. */
export interface Underlay {
  readonly subnet: Cidr;
  /** Bytes of layer-3 payload on each node's eth0. */
  readonly mtu: number;
  /** One-way delay of each link between a node and the switch, in nanoseconds. */
  readonly latencyNs: number;
}

export interface ClusterNode {
  readonly name: string;
  readonly role: "manager" | "worker";
  /** Address of eth0, int32: what the node advertises, and its VTEP. */
  readonly ip: number;
  /** MAC of eth0. */
  readonly mac: number;
  readonly labels: ReadonlyMap<string, string>;
}

/** The part of a Compose file that decides about packets. */
export interface Stack {
  readonly services: readonly Service[];
  readonly networks: readonly OverlayNetwork[];
}

export interface Service {
  readonly name: string;
  readonly image: string;
  readonly mode: "replicated" | "global";
  /** Number of tasks of a replicated service. */
  readonly replicas: number;
  readonly endpointMode: "vip" | "dnsrr";
  readonly constraints: readonly string[];
  /** Names of the networks it joins, sorted as docker stack deploy does: the first is eth0. */
  readonly networks: readonly string[];
}

export interface OverlayNetwork {
  readonly name: string;
  /** Undefined: the next free /24 of the default pool 10.0.0.0/8, after ingress. */
  readonly subnet: Cidr | undefined;
  /** Undefined: the subnet's first address. */
  readonly gateway: number | undefined;
  /** Driver option com.docker.network.driver.overlay.vxlanid_list; undefined: the next free number from 4097 on. */
  readonly vni: number | undefined;
  /** Driver option com.docker.network.driver.mtu less the 50 bytes of VXLAN; 1450 unless set. */
  readonly mtu: number;
  readonly attachable: boolean;
  readonly internal: boolean;
}

export interface Run {
  /** Decides everything that is random in reality: MAC addresses, identifiers, hashes. */
  readonly seed: number;
  /** Steps before the recording starts: they warm tables. */
  readonly setup: readonly Step[];
  readonly steps: readonly Step[];
}

/** One step begins when the one before has ended. */
export type Step =
  | { readonly kind: "exec"; readonly task: string; readonly argv: readonly string[]; readonly position: Position }
  | { readonly kind: "sleep"; readonly durationNs: number; readonly position: Position };

export interface Diagnostic {
  readonly position: Position;
  /** Where in the document: `compose.networks.back.ipam.config[0].subnet`. */
  readonly path: string;
  readonly message: string;
}
