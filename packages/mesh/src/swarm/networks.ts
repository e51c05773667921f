/**
 * Subnets and VNIs that a scenario's overlay networks will have, to be checked before anything runs; the running swarm has
 * network-allocator.ts. As Docker does it (libnetwork ipams/defaultipam, drivers/overlay/ovmanager NetworkAllocate;
 * swarmkit hands both out on a manager). The ingress network is made with the swarm and so has the first of each.
 *
 * Docker makes the networks of a stack in any order; here it is the file's. What is pinned is taken first, so that
 * nothing is handed out that a later network asks for by name.
 */
import { formatIpv4 } from "@hopscope/codec/address";
import type { AddressPool, Cidr, OverlayNetwork, SubnetRequest } from "../scenario/scenario.ts";
import { addressAt, formatCidr, isHost, overlap } from "./cidr.ts";
import type { Problem } from "./problem.ts";

/** Default address pool of a swarm (docker swarm init --default-addr-pool): 10.0.0.0/8 in networks of /24. */
export const DEFAULT_POOL: AddressPool = { subnet: { address: 10 << 24, prefixLength: 8 }, prefixLength: 24 };
/** RFC 7348 §5. */
export const MAX_VNI = 0xffffff;
/** VNIs below are VLAN numbers on Windows, so none is handed out there (ovmanager vxlanIDStart). */
export const FIRST_VNI = 4096;

/** Bytes of the tunnel's Ethernet, IPv4, UDP and VXLAN headers (RFC 7348 §5). */
export const VXLAN_OVERHEAD = 50;
/** Bytes; the overlay driver starts from 1500 and never asks for the underlay's MTU (drivers/overlay maxMTU). */
export const OVERLAY_MTU: number = 1500 - VXLAN_OVERHEAD;

/** The routing mesh's own network. */
export const INGRESS: { readonly name: string; readonly subnet: Cidr; readonly vni: number } = {
  name: "ingress",
  subnet: { address: 10 << 24, prefixLength: DEFAULT_POOL.prefixLength },
  vni: FIRST_VNI,
};

export interface AllocatedSubnet {
  readonly subnet: Cidr;
  readonly gateway: number;
  readonly vni: number;
}

export interface AllocatedNetwork {
  readonly name: string;
  /** Each a bridge and a vxlan device of its own. */
  readonly subnets: readonly AllocatedSubnet[];
  readonly mtu: number;
}

/** What a network asks for, with the network and its number there. */
interface Asked extends SubnetRequest {
  readonly name: string;
  readonly index: number;
}

/** The routing mesh's network as it is cut from a pool. */
export function ingressOf(pool: AddressPool = DEFAULT_POOL): AllocatedNetwork {
  const subnet = { address: pool.subnet.address, prefixLength: pool.prefixLength };
  return {
    name: INGRESS.name,
    subnets: [{ subnet, gateway: addressAt(subnet, 1), vni: INGRESS.vni }],
    mtu: OVERLAY_MTU,
  };
}

/** `underlay` undefined if it is not known. */
export function allocateNetworks(
  networks: readonly OverlayNetwork[],
  underlay: Cidr | undefined,
  problems: Problem[],
  pool: AddressPool = DEFAULT_POOL,
): readonly AllocatedNetwork[] {
  const asked = networks.flatMap(({ name, subnets }) => subnets.map((each, index) => ({ ...each, name, index })));
  const subnets = assignSubnets(asked, pool, problems);
  const vnis = assignVnis(asked, problems);
  const allocated = asked.map(({ name, index, gateway: wanted }, at): AllocatedSubnet => {
    const subnet = subnets[at]!;
    const gateway = wanted ?? addressAt(subnet, 1);
    const tell = (level: Problem["level"], part: "subnet" | "gateway", message: string): void => {
      problems.push({ level, about: { kind: "network", network: name, part, index }, message });
    };
    if (!isHost(subnet, gateway))
      tell(
        "error",
        "gateway",
        `ipam configuration: subnet ${formatCidr(subnet)} does not contain gateway ${formatIpv4(gateway)}`,
      );
    // A manager does not know the routes of the nodes, so Docker accepts this, and traffic to the nodes suffers.
    if (underlay !== undefined && overlap(subnet, underlay))
      tell(
        "warning",
        "subnet",
        `the subnet ${formatCidr(subnet)} of ${name} overlaps the underlay's ${formatCidr(underlay)}: Docker accepts it, and tasks cannot reach the nodes that it hides`,
      );
    return { subnet, gateway, vni: vnis[at]! };
  });
  return networks.map(({ name, mtu }) => ({
    name,
    subnets: allocated.filter((_, at) => asked[at]!.name === name),
    mtu,
  }));
}

function assignSubnets(
  asked: readonly Asked[],
  { subnet: pool, prefixLength }: AddressPool,
  problems: Problem[],
): readonly Cidr[] {
  const ingress = { address: pool.address, prefixLength };
  const taken: { readonly name: string; readonly subnet: Cidr }[] = [{ name: INGRESS.name, subnet: ingress }];
  for (const { name, subnet, index } of asked) {
    if (subnet === undefined) continue;
    const other = taken.find((one) => overlap(one.subnet, subnet));
    if (other !== undefined)
      problems.push({
        level: "error",
        about: { kind: "network", network: name, part: "subnet", index },
        message: `invalid pool request: Pool overlaps with other one on this address space (${formatCidr(subnet)} with ${formatCidr(other.subnet)} of ${other.name})`,
      });
    taken.push({ name, subnet });
  }
  const pinned = taken.map((one) => one.subnet);
  let next = 0;
  return asked.map(({ name, subnet: wanted, index }) => {
    if (wanted !== undefined) return wanted;
    for (;;) {
      const subnet = { address: addressAt(pool, next++ * 2 ** (32 - prefixLength)), prefixLength };
      if (!overlap(subnet, pool)) {
        problems.push({
          level: "error",
          about: { kind: "network", network: name, part: "subnet", index },
          message: `could not find an available, non-overlapping IPv4 address pool among the defaults (${formatCidr(pool)}) to assign to the network`,
        });
        return ingress;
      }
      if (!pinned.some((one) => overlap(one, subnet))) return subnet;
    }
  });
}

function assignVnis(asked: readonly Asked[], problems: Problem[]): readonly number[] {
  const taken = new Map<number, string>([[INGRESS.vni, INGRESS.name]]);
  for (const { name, vni, index } of asked) {
    if (vni === undefined) continue;
    const other = taken.get(vni);
    if (other !== undefined)
      problems.push({
        level: "error",
        about: { kind: "network", network: name, part: "vni", index },
        message: `could not assign vxlan id ${vni} to ${name}: requested bit is already allocated (${other} has it)`,
      });
    taken.set(vni, other ?? name);
  }
  let next = FIRST_VNI;
  return asked.map(({ vni }) => {
    if (vni !== undefined) return vni;
    while (taken.has(next)) next++;
    return next++;
  });
}
