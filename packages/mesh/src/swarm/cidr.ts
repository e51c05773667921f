/** IPv4 networks. Addresses are int32, as everywhere. */
import { formatIpv4, parseIpv4 } from "@hopscope/codec/address";
import type { Cidr } from "../scenario/scenario.ts";
import { maskOf } from "../tables/route.ts";

/** `10.0.9.0/24` as it is written: `address` may have host bits, which some callers refuse. */
export function parseCidr(text: string): Cidr | undefined {
  const [address, length, rest] = text.split("/");
  const ip = parseIpv4(address ?? "");
  if (ip === undefined || rest !== undefined || !/^(?:[12]?\d|3[0-2])$/.test(length ?? "")) return undefined;
  return { address: ip, prefixLength: Number(length) };
}

export function formatCidr(cidr: Cidr): string {
  return `${formatIpv4(cidr.address)}/${cidr.prefixLength}`;
}

/** The network that an address with its prefix lies in: host bits zero. */
export function networkOf({ address, prefixLength }: Cidr): Cidr {
  return { address: address & maskOf(prefixLength), prefixLength };
}

export function isNetwork({ address, prefixLength }: Cidr): boolean {
  return (address & ~maskOf(prefixLength)) === 0;
}

export function contains(network: Cidr, ip: number): boolean {
  return ((ip ^ network.address) & maskOf(network.prefixLength)) === 0;
}

/** Networks overlap if one lies in the other. */
export function overlap(a: Cidr, b: Cidr): boolean {
  return a.prefixLength <= b.prefixLength ? contains(a, b.address) : contains(b, a.address);
}

/** How many addresses there are, the network's own and the broadcast address among them. */
export function sizeOf(network: Cidr): number {
  return 2 ** (32 - network.prefixLength);
}

/** The address with this number inside the network, 0 being the network's own. */
export function addressAt(network: Cidr, offset: number): number {
  return (network.address + offset) | 0;
}

/** The number of an address inside the network. */
export function offsetOf(network: Cidr, ip: number): number {
  return (ip - network.address) >>> 0;
}

/** Neither the network's own address nor its broadcast address, and inside. */
export function isHost(network: Cidr, ip: number): boolean {
  const offset = offsetOf(network, ip);
  return contains(network, ip) && offset !== 0 && offset !== sizeOf(network) - 1;
}
