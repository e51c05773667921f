/** Networks as Docker has them: overlays of the swarm, and those of one engine. */
import type { Cidr } from "../scenario/scenario.ts";
import { contains } from "./cidr.ts";
import { AddressPool } from "./pool.ts";

/** SPI, sequence number, IV, pad length, next header and ICV (drivers/overlay/encryption.go, pktExpansion). */
const ESP_OVERHEAD = 26;

/** Of an overlay whose MTU would be `plain`: what fits with ESP around it, in whole words (maxMTU). */
export function encryptedMtu(plain: number): number {
  const mtu = plain - ESP_OVERHEAD;
  return mtu - (mtu % 4);
}

/** The part of an overlay that one bridge and one vxlan device make up. */
export interface OverlaySubnet {
  readonly subnet: Cidr;
  readonly gateway: number;
  readonly vni: number;
  readonly pool: AddressPool;
}

/** A network of the swarm, driver overlay. */
export class OverlayNetwork {
  readonly driver = "overlay";
  readonly scope = "swarm";
  readonly name: string;
  /** 25 digits. */
  readonly id: string;
  readonly subnets: readonly OverlaySubnet[];
  /** Of its devices. */
  readonly mtu: number;
  /** What that would be without encryption. */
  readonly plainMtu: number;
  readonly isEncrypted: boolean;
  readonly isAttachable: boolean;
  readonly isInternal: boolean;
  readonly isIngress: boolean;
  /** Driver option `dsr`: what is balanced reaches the task as the client sent it, and the answer does not come back here. */
  readonly isDsr: boolean;
  readonly createdAt: number;

  constructor(options: {
    readonly name: string;
    readonly id: string;
    readonly subnets: readonly { readonly subnet: Cidr; readonly gateway: number; readonly vni: number }[];
    readonly mtu: number;
    readonly isEncrypted: boolean;
    readonly isAttachable: boolean;
    readonly isInternal: boolean;
    readonly isIngress: boolean;
    readonly isDsr: boolean;
    readonly createdAt: number;
  }) {
    this.name = options.name;
    this.id = options.id;
    this.subnets = options.subnets.map((each) => ({
      ...each,
      pool: new AddressPool(each.subnet, each.gateway, true),
    }));
    this.plainMtu = options.mtu;
    this.isEncrypted = options.isEncrypted;
    this.mtu = options.isEncrypted ? encryptedMtu(options.mtu) : options.mtu;
    this.isAttachable = options.isAttachable;
    this.isInternal = options.isInternal;
    this.isIngress = options.isIngress;
    this.isDsr = options.isDsr;
    this.createdAt = options.createdAt;
  }

  /** The subnet that an address lies in. */
  subnetOf(ip: number): OverlaySubnet | undefined {
    return this.subnets.find(({ subnet }) => contains(subnet, ip));
  }

  /** The next free address, of the first subnet that has one. */
  nextAddress(): number | undefined {
    for (const { pool } of this.subnets) {
      const ip = pool.next();
      if (ip !== undefined) return ip;
    }
    return undefined;
  }

  release(ip: number): void {
    this.subnetOf(ip)?.pool.release(ip);
  }
}

/** A network of one engine, driver bridge. */
export class BridgeNetwork {
  readonly driver = "bridge";
  readonly scope = "local";
  readonly name: string;
  /** 64 digits. */
  readonly id: string;
  readonly device: string;
  readonly mac: number;
  readonly subnet: Cidr;
  readonly gateway: number;
  readonly mtu: number;
  readonly icc: boolean;
  readonly isInternal: boolean;
  readonly isAttachable = false;
  /** `bridge`, which has no embedded DNS server and knows no aliases. */
  readonly isDefault: boolean;
  readonly createdAt: number;
  readonly pool: AddressPool;

  constructor(options: {
    readonly name: string;
    readonly id: string;
    readonly device: string;
    readonly mac: number;
    readonly subnet: Cidr;
    readonly gateway: number;
    readonly mtu: number;
    readonly icc: boolean;
    readonly isInternal: boolean;
    readonly isDefault: boolean;
    readonly createdAt: number;
  }) {
    this.name = options.name;
    this.id = options.id;
    this.device = options.device;
    this.mac = options.mac;
    this.subnet = options.subnet;
    this.gateway = options.gateway;
    this.mtu = options.mtu;
    this.icc = options.icc;
    this.isInternal = options.isInternal;
    this.isDefault = options.isDefault;
    this.createdAt = options.createdAt;
    this.pool = new AddressPool(options.subnet, options.gateway, false);
  }
}

/** `host` and `none`: nothing is made for them. */
export interface PlainNetwork {
  readonly driver: "host" | "null";
  readonly scope: "local";
  readonly name: "host" | "none";
  readonly id: string;
  readonly isInternal: false;
  readonly isAttachable: false;
  readonly createdAt: number;
}

export type Network = OverlayNetwork | BridgeNetwork | PlainNetwork;

/** Its endpoints have names there, for which containers get a DNS server. */
export function hasNames(network: Network): boolean {
  return network instanceof OverlayNetwork
    ? !network.isIngress
    : network instanceof BridgeNetwork && !network.isDefault;
}

/** Nothing is joined there: the node's own namespace, or none but the loopback device. */
export function isPlain(network: Network): network is PlainNetwork {
  return network.driver === "host" || network.driver === "null";
}
