/**
 * What Docker would create for a scenario, as data that can be printed and compared: namespaces, devices, addresses,
 * routes and peer records. The engine builds it (../build.ts); nothing here forwards a frame.
 */

export interface SwarmPlan {
  readonly nodes: readonly NodePlan[];
  readonly networks: readonly NetworkPlan[];
  readonly tasks: readonly TaskPlan[];
  readonly switch: SwitchPlan;
}

/** The physical switch: a bridge in a namespace of its own with one port a node, `p-NODE`. */
export interface SwitchPlan {
  readonly mtu: number;
  readonly latencyNs: number;
}

export interface NodePlan {
  readonly name: string;
  /** eth0's address, int32: the tunnel endpoint (VTEP) of this node. */
  readonly vtep: number;
  readonly namespaces: readonly NamespacePlan[];
}

export interface NamespacePlan {
  /** `host`, `overlay-NET`, `lb-NET`, or the task's name. */
  readonly name: string;
  /** In order of creation, which decides interface numbers and the order in which a bridge floods. */
  readonly devices: readonly DevicePlan[];
  /** Routes besides the connected ones that addresses bring. */
  readonly routes: readonly RoutePlan[];
  /** net.ipv4.ip_forward. */
  readonly forwarding: boolean;
}

interface DeviceBase {
  readonly name: string;
  /** Interface number; undefined in a plan that somebody wrote, who leaves it to the kernel. */
  readonly index?: number;
  readonly mtu: number;
  readonly addresses: readonly AddressPlan[];
}

export type DevicePlan =
  | (DeviceBase & { readonly kind: "loopback" })
  /** A physical interface, linked to the switch's port of its node. */
  | (DeviceBase & { readonly kind: "nic"; readonly mac: number })
  /** Without `mac` the bridge takes the lowest of its ports' (Linux br_stp_recalculate_bridge_id). */
  | (DeviceBase & { readonly kind: "bridge"; readonly mac: number | undefined })
  | (DeviceBase & {
      readonly kind: "veth";
      readonly mac: number;
      readonly peer: { readonly namespace: string; readonly device: string };
      /** The bridge of the same namespace that this end is a port of. */
      readonly master: string | undefined;
    })
  | (DeviceBase & {
      readonly kind: "vxlan";
      readonly mac: number;
      readonly master: string;
      readonly vni: number;
      readonly port: number;
      /** Name of the network whose peer records are its permanent neighbors and FDB entries. */
      readonly network: string;
    });

export interface AddressPlan {
  readonly ip: number;
  readonly prefixLength: number;
}

export interface RoutePlan {
  readonly destination: number;
  readonly prefixLength: number;
  /** Next hop, int32; undefined: on the link. */
  readonly via: number | undefined;
  readonly device: string;
}

export interface NetworkPlan {
  readonly name: string;
  readonly vni: number;
  readonly subnet: { readonly address: number; readonly prefixLength: number };
  readonly gateway: number;
  readonly mtu: number;
  /**
   * Every endpoint of the network with the node that holds it: what each node learns by gossip
   * (libnetwork overlay_peer_table). One list for all nodes; a node leaves out its own.
   */
  readonly peers: readonly PeerRecord[];
}

export interface PeerRecord {
  readonly ip: number;
  readonly mac: number;
  readonly vtep: number;
  /** Task name, or `lb-NET` for a load-balancer endpoint. */
  readonly endpoint: string;
}

export interface TaskPlan {
  /** `SERVICE.SLOT`; a global service's tasks are `SERVICE.NODE`. */
  readonly name: string;
  readonly service: string;
  readonly node: string;
  readonly addresses: readonly { readonly network: string; readonly ip: number; readonly mac: number }[];
}
