/**
 * A scenario as the engine takes it: checked, with units turned into numbers, and every name resolved.
 * `load.ts` makes it from YAML; tests may write it as plain data.
 */
import type { ScriptLine } from "../program/script.ts";
import type { DockerVersion } from "./docker-version.ts";
import type { Step } from "./step.ts";

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
  /** What the file says of images; ./images.ts knows others. */
  readonly images: ReadonlyMap<string, Image>;
  /** Task name (`overlay_service.1`) to node name. Tasks that are not here are spread by the scheduler's rule. */
  readonly placement: ReadonlyMap<string, string>;
  /**
   * Task name to network name to int32 address; a service's name stands for its virtual IP, and `lb-NET` has node names
   * in place of networks. What is not here is allocated serially, as swarmkit does.
   */
  readonly addresses: ReadonlyMap<string, ReadonlyMap<string, number>>;
  readonly pins: Pins;
  readonly run: Run;
  /** Accepted, but not modelled or surprising: each is told to the user, none is an error. */
  readonly warnings: readonly Diagnostic[];
}

export interface Cluster {
  readonly nodes: readonly ClusterNode[];
  /** Machines outside the swarm, on the same switch. */
  readonly hosts: readonly ClusterHost[];
  /** UDP port of the VXLAN data path, 4789 unless the swarm was made with another. */
  readonly dataPathPort: number;
  /** Nanoseconds from one new key of encrypted overlays to the next. */
  readonly keyRotation: number;
  readonly underlay: Underlay;
  /** `dockerd --dns`: what the embedded DNS server asks, and what containers without it get. int32 addresses. */
  readonly dns: readonly number[];
  /** Where overlay networks without a subnet get theirs (`docker swarm init --default-addr-pool`). */
  readonly addressPool: AddressPool;
}

export interface AddressPool {
  readonly subnet: Cidr;
  /** Prefix length of the subnets that it is cut into. */
  readonly prefixLength: number;
}

/** The physical network: one switch, a link to each machine. */
export interface Underlay {
  readonly subnet: Cidr;
  /** Bytes of layer-3 payload on each node's eth0. */
  readonly mtu: number;
  /** One-way delay of each link between a node and the switch, in nanoseconds. */
  readonly latencyNs: number;
  /** All machines are namespaces of one kernel: one CPU serves them all. */
  readonly oneKernel: boolean;
}

/** What a cable between a machine and the switch does to frames, in each direction. */
export interface LinkProperties {
  readonly latencyNs: number;
  /** Bits a second; undefined: no limit. */
  readonly rate: number | undefined;
  /** Shares of the frames, 0 to 1. */
  readonly loss: number;
  readonly duplicate: number;
  readonly reorder: number;
}

export interface ClusterNode {
  readonly name: string;
  readonly role: "manager" | "worker";
  /** Address of eth0, int32: what the node advertises, and its VTEP. */
  readonly ip: number;
  /** MAC of eth0. */
  readonly mac: number;
  readonly labels: ReadonlyMap<string, string>;
  readonly docker: DockerVersion;
  readonly kernel: Kernel;
  readonly link: LinkProperties;
}

/** What a node's kernel was built with. */
export interface Kernel {
  /** IPVS: virtual IPs and the routing mesh need it. */
  readonly ipvs: boolean;
  /** New namespaces forward packets, as that of the machine does that they take it from. */
  readonly forwarding: boolean;
}

export interface ClusterHost {
  readonly name: string;
  readonly ip: number;
  readonly mac: number;
  readonly link: LinkProperties;
  /** What runs on it from the start. */
  readonly programs: readonly HostProgram[];
  /** Path to content. */
  readonly files: ReadonlyMap<string, string>;
}

export interface HostProgram {
  readonly argv: readonly string[];
  readonly position: Position;
}

/**
 * What containers of an image run and hold. No image is ever read: this is all there is of it.
 */
export interface Image {
  /** What a container runs unless it is told otherwise. Empty: nothing that listens on the network. */
  readonly command: readonly string[];
  /** Name of a script of the image to its commands. */
  readonly scripts: ReadonlyMap<string, readonly ScriptLine[]>;
  /**
   * Path to content. A file below `cgi-bin/` is what the script there prints: headers, an empty line, the body, in which
   * `$HOSTNAME`, `$REMOTE_ADDR`, `$REMOTE_PORT` and the other variables of CGI stand for their values.
   */
  readonly files: ReadonlyMap<string, string>;
  /** How long after its start a health check succeeds, in nanoseconds; Infinity: never, undefined: from the start. */
  readonly healthyAfterNs?: number | undefined;
  /** How long after its start it fails again, and always from then on; undefined: it does not. */
  readonly unhealthyAfterNs?: number | undefined;
  /** Nobody has it. */
  readonly isMissing?: boolean | undefined;
}

/** The part of a Compose file that decides about packets. */
export interface Stack {
  readonly services: readonly Service[];
  readonly networks: readonly OverlayNetwork[];
}

export interface Service {
  readonly name: string;
  readonly image: string;
  /** What the tasks run; undefined: the image's own command. */
  readonly command: readonly string[] | undefined;
  readonly mode: "replicated" | "global";
  /** Number of tasks of a replicated service. */
  readonly replicas: number;
  readonly endpointMode: "vip" | "dnsrr";
  readonly constraints: readonly string[];
  /**
   * Names of the networks it joins, sorted as docker stack deploy does: the first is eth0. `host` and `bridge` are each
   * node's own, all others stand in `Stack.networks`.
   */
  readonly networks: readonly string[];
  /** Network name to further names of the service in it. */
  readonly aliases: ReadonlyMap<string, readonly string[]>;
  readonly ports: readonly PublishedPort[];
  /** Host name in the tasks; undefined: the container's short id. */
  readonly hostname: string | undefined;
  /** Instead of `Cluster.dns`. Empty: that. */
  readonly dns: readonly number[];
  /** What is not here is as Docker has it for a service of which nobody has said anything. */
  readonly restart?: RestartPolicy | undefined;
  readonly update?: UpdateConfig | undefined;
  readonly rollback?: UpdateConfig | undefined;
  /** From SIGTERM to SIGKILL, in nanoseconds. */
  readonly stopGraceNs?: number | undefined;
  /** Undefined: a task counts as healthy as soon as it runs. */
  readonly healthcheck?: HealthCheck | undefined;
  /** Somebody has said that there is to be none, whatever the image says. */
  readonly noHealthcheck?: boolean | undefined;
  /** 0: any number. */
  readonly maxReplicasPerNode?: number | undefined;
  /** Labels such as `node.labels.zone` over whose values tasks are spread, the first one first. */
  readonly preferences?: readonly string[] | undefined;
  /** Of the service itself: its tasks know nothing of them. */
  readonly labels?: ReadonlyMap<string, string> | undefined;
  /** What no packet depends on is kept for who looks at it, and because a change of it is rolled out. */
  readonly env?: readonly string[] | undefined;
  readonly user?: string | undefined;
  readonly workdir?: string | undefined;
}

/** Which tasks that end get a successor, and when. */
export interface RestartPolicy {
  readonly condition: "none" | "on-failure" | "any";
  readonly delayNs: number;
  /** 0: no limit. */
  readonly maxAttempts: number;
  /** How far back attempts count; 0: forever. */
  readonly windowNs: number;
}

/** How an update goes from slot to slot. */
export interface UpdateConfig {
  /** 0: all slots at once. */
  readonly parallelism: number;
  readonly delayNs: number;
  /** How long a new task must run to count as updated. */
  readonly monitorNs: number;
  readonly failureAction: "pause" | "continue" | "rollback";
  /** 0 to 1. */
  readonly maxFailureRatio: number;
  readonly order: "stop-first" | "start-first";
}

/** When a container is looked at; what is found the image says. */
export interface HealthCheck {
  readonly intervalNs: number;
  readonly retries: number;
  readonly startPeriodNs: number;
  readonly startIntervalNs: number;
  /** Kept to be shown: nothing is run, and a check takes no time. */
  readonly timeoutNs?: number | undefined;
  readonly test?: readonly string[] | undefined;
}

export interface PublishedPort {
  readonly mode: "ingress" | "host";
  readonly protocol: "tcp" | "udp" | "sctp";
  /** In the task. */
  readonly target: number;
  /** On the node; 0: the next free one from 30000 on (ingress) or of the node's ephemeral ports (host). */
  readonly published: number;
}

/** A subnet as the file asks for it; what it does not say is handed out. */
export interface SubnetRequest {
  /** Undefined: the next free subnet of the default pool, after ingress. */
  readonly subnet: Cidr | undefined;
  /** Undefined: the subnet's first address. */
  readonly gateway: number | undefined;
  /** Driver option com.docker.network.driver.overlay.vxlanid_list; undefined: the next free number from 4097 on. */
  readonly vni: number | undefined;
}

export interface OverlayNetwork {
  readonly name: string;
  /** One at least. */
  readonly subnets: readonly SubnetRequest[];
  /** Driver option com.docker.network.driver.mtu less the 50 bytes of VXLAN; 1450 unless set. */
  readonly mtu: number;
  /** Driver option `encrypted`: takes at least 26 bytes more off the MTU. */
  readonly encrypted: boolean;
  /** Driver option `dsr`: tasks answer by themselves what is balanced among them. */
  readonly dsr?: true;
  readonly attachable: boolean;
  readonly internal: boolean;
}

/** Choices that are arbitrary in reality, made by the file. What is not here follows from the seed. */
export interface Pins {
  /** Task name (`web.1`) or container name to the identifier of the container, as many digits as are given. */
  readonly containers: ReadonlyMap<string, string>;
  /** Task name to the identifiers of the tasks that have that slot, one after the other. */
  readonly tasks: ReadonlyMap<string, readonly string[]>;
  /** Task name to the nodes of the tasks that have that slot, one after the other. */
  readonly nodes: ReadonlyMap<string, readonly string[]>;
  /** Network name to identifier; a bridge network's device is called after it. */
  readonly networks: ReadonlyMap<string, string>;
  /** Name that is asked for to the orders of the answers, one for each time; then by the seed. int32 addresses. */
  readonly dns: ReadonlyMap<string, readonly (readonly number[])[]>;
  /** Task or container name to the networks of eth0, eth1 and so on. */
  readonly interfaces: ReadonlyMap<string, readonly string[]>;
  /** Namespace (`web.1`, `overlay-front`) to what captures call it; usually the same. */
  readonly namespaces: ReadonlyMap<string, string>;
  /** `NODE/NETWORK` to the MAC address of that network's bridge. */
  readonly macs: ReadonlyMap<string, number>;
  /** `NODE/overlay-NET` to task, container or `lb-NET` to the number of its `vethN` there. */
  readonly ports: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** `NODE/lb-NET` or `NODE/ingress_sbox` to service to the tasks that get its connections there, in this order. */
  readonly balancing: ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>;
  /** Service to its slots in the order in which updates take them. */
  readonly turns: ReadonlyMap<string, readonly string[]>;
  /** Of encrypted overlays: the first ones, the oldest first, and the first one's number. */
  readonly keys: { readonly values: readonly Uint8Array[]; readonly firstTag: number | undefined };
}

export interface Run {
  /** Decides everything that is random in reality: MAC addresses, identifiers, hashes. */
  readonly seed: number;
  /** Steps before the recording starts: they warm tables. */
  readonly setup: readonly Step[];
  readonly steps: readonly Step[];
}

export type * from "./step.ts";

export interface Diagnostic {
  readonly position: Position;
  /** Where in the document: `compose.networks.back.ipam.config[0].subnet`. */
  readonly path: string;
  readonly message: string;
}
