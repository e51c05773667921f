/**
 * Subnets and VNIs of overlay networks (libnetwork ipams/defaultipam, drivers/overlay/ovmanager NetworkAllocate;
 * swarmkit hands both out on a manager). The ingress network is made with the swarm and so has the first of each.
 *
 * Docker makes the networks of a stack in any order; here it is the file's. What is pinned is taken first, so that
 * nothing is handed out that a later network asks for by name.
 */
import { formatIpv4 } from "@hopscope/codec/address";
import type { AddressPool, Cidr, OverlayNetwork } from "../scenario/scenario.ts";
import { addressAt, formatCidr, isHost, overlap } from "./cidr.ts";
import type { Problem } from "./problem.ts";

/** Default address pool of a swarm (docker swarm init --default-addr-pool): 10.0.0.0/8 in networks of /24. */
export const DEFAULT_POOL: AddressPool = { subnet: { address: 10 << 24, prefixLength: 8 }, prefixLength: 24 };
/** RFC 7348 §5. */
export const MAX_VNI = 0xffffff;
/** VNIs below are VLAN numbers on Windows, so none is handed out there (ovmanager vxlanIDStart). */
export const FIRST_VNI = 4096;

/** The routing mesh's own network. */
export const INGRESS: { readonly name: string; readonly subnet: Cidr; readonly vni: number } = {
  name: "ingress",
  subnet: { address: 10 << 24, prefixLength: DEFAULT_POOL.prefixLength },
  vni: FIRST_VNI,
};

export interface AllocatedNetwork {
  readonly name: string;
  readonly subnet: Cidr;
  readonly gateway: number;
  readonly vni: number;
  readonly mtu: number;
}

/** `underlay` undefined if it is not known. */
export function allocateNetworks(
  networks: readonly OverlayNetwork[],
  underlay: Cidr | undefined,
  problems: Problem[],
  pool: AddressPool = DEFAULT_POOL,
): readonly AllocatedNetwork[] {
  const subnets = assignSubnets(networks, pool, problems);
  const vnis = assignVnis(networks, problems);
  return networks.map((network, index) => {
    const subnet = subnets[index]!;
    const gateway = network.gateway ?? addressAt(subnet, 1);
    const tell = (level: Problem["level"], part: "subnet" | "gateway", message: string): void => {
      problems.push({ level, about: { kind: "network", network: network.name, part }, message });
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
        `the subnet ${formatCidr(subnet)} of ${network.name} overlaps the underlay's ${formatCidr(underlay)}: Docker accepts it, and tasks cannot reach the nodes that it hides`,
      );
    return { name: network.name, subnet, gateway, vni: vnis[index]!, mtu: network.mtu };
  });
}

function assignSubnets(
  networks: readonly OverlayNetwork[],
  { subnet: pool, prefixLength }: AddressPool,
  problems: Problem[],
): readonly Cidr[] {
  const ingress = { address: pool.address, prefixLength };
  const taken: { readonly name: string; readonly subnet: Cidr }[] = [{ name: INGRESS.name, subnet: ingress }];
  for (const { name, subnet } of networks) {
    if (subnet === undefined) continue;
    const other = taken.find((one) => overlap(one.subnet, subnet));
    if (other !== undefined)
      problems.push({
        level: "error",
        about: { kind: "network", network: name, part: "subnet" },
        message: `invalid pool request: Pool overlaps with other one on this address space (${formatCidr(subnet)} with ${formatCidr(other.subnet)} of ${other.name})`,
      });
    taken.push({ name, subnet });
  }
  const pinned = taken.map((one) => one.subnet);
  let next = 0;
  return networks.map((network) => {
    if (network.subnet !== undefined) return network.subnet;
    for (;;) {
      const subnet = { address: addressAt(pool, next++ * 2 ** (32 - prefixLength)), prefixLength };
      if (!overlap(subnet, pool)) {
        problems.push({
          level: "error",
          about: { kind: "network", network: network.name, part: "subnet" },
          message: `could not find an available, non-overlapping IPv4 address pool among the defaults (${formatCidr(pool)}) to assign to the network`,
        });
        return ingress;
      }
      if (!pinned.some((one) => overlap(one, subnet))) return subnet;
    }
  });
}

function assignVnis(networks: readonly OverlayNetwork[], problems: Problem[]): readonly number[] {
  const taken = new Map<number, string>([[INGRESS.vni, INGRESS.name]]);
  for (const { name, vni } of networks) {
    if (vni === undefined) continue;
    const other = taken.get(vni);
    if (other !== undefined)
      problems.push({
        level: "error",
        about: { kind: "network", network: name, part: "vni" },
        message: `could not assign vxlan id ${vni} to ${name}: requested bit is already allocated (${other} has it)`,
      });
    taken.set(vni, other ?? name);
  }
  let next = FIRST_VNI;
  return networks.map((network) => {
    if (network.vni !== undefined) return network.vni;
    while (taken.has(next)) next++;
    return next++;
  });
}
