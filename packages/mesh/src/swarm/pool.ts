/**
 * Address allocators (libnetwork bitmap, ipam): addresses of one subnet, serially as swarmkit has it for overlays (the
 * one behind the last handed out, wrapping at the end; a freed one is not taken again before that), or the lowest free
 * one as an engine has it for its own bridges; and subnets of pools.
 */
import { formatIpv4 } from "@hopscope/codec/address";
import type { Cidr } from "../scenario/scenario.ts";
import { addressAt, formatCidr, isHost, offsetOf, overlap, sizeOf } from "./cidr.ts";

export class AddressPool {
  readonly subnet: Cidr;
  readonly #isSerial: boolean;
  /** Number inside the subnet to who has it. */
  readonly #taken = new Map<number, string>();
  /** The last handed out. */
  #last = 0;

  constructor(subnet: Cidr, gateway: number, isSerial: boolean) {
    this.subnet = subnet;
    this.#isSerial = isSerial;
    this.#taken.set(offsetOf(subnet, gateway), "the gateway");
  }

  /** Sets an address aside. Undefined if all is well, otherwise why not. */
  reserve(ip: number, owner: string, network: string): string | undefined {
    const text = formatIpv4(ip);
    if (!isHost(this.subnet, ip))
      return `${text} is no address of ${network}, whose subnet is ${formatCidr(this.subnet)}`;
    const other = this.#taken.get(offsetOf(this.subnet, ip));
    if (other !== undefined) return `${text} is the address of ${other} already`;
    this.#taken.set(offsetOf(this.subnet, ip), owner);
    return undefined;
  }

  /** Undefined: the pool is exhausted. */
  next(): number | undefined {
    const hosts = sizeOf(this.subnet) - 2;
    if (this.#taken.size >= hosts) return undefined;
    let offset = this.#isSerial ? this.#last : 0;
    do offset = (offset % hosts) + 1;
    while (this.#taken.has(offset));
    this.#last = offset;
    this.#taken.set(offset, "another endpoint");
    return addressAt(this.subnet, offset);
  }

  /** A reserved address is given to whom it was meant for: the next one is behind it. */
  handOut(ip: number): void {
    this.#last = Math.max(this.#last, offsetOf(this.subnet, ip));
  }

  release(ip: number): void {
    this.#taken.delete(offsetOf(this.subnet, ip));
  }
}

/** Pools that networks without a subnet of their own are cut from. */
export interface SubnetPool {
  readonly subnet: Cidr;
  readonly prefixLength: number;
}

/** Of an engine: 172.17.0.0/16 to 172.31.0.0/16, then 192.168.0.0/20 and so on (libnetwork ipamutils). */
export const LOCAL_POOLS: readonly SubnetPool[] = [
  { subnet: { address: (172 << 24) | (17 << 16), prefixLength: 16 }, prefixLength: 16 },
  { subnet: { address: (172 << 24) | (18 << 16), prefixLength: 16 }, prefixLength: 16 },
  { subnet: { address: (172 << 24) | (19 << 16), prefixLength: 16 }, prefixLength: 16 },
  { subnet: { address: (172 << 24) | (20 << 16), prefixLength: 14 }, prefixLength: 16 },
  { subnet: { address: (172 << 24) | (24 << 16), prefixLength: 14 }, prefixLength: 16 },
  { subnet: { address: (172 << 24) | (28 << 16), prefixLength: 14 }, prefixLength: 16 },
  { subnet: { address: (192 << 24) | (168 << 16), prefixLength: 16 }, prefixLength: 20 },
];

/** Hands out subnets that overlap none that is taken. */
export class SubnetAllocator {
  readonly #pools: readonly SubnetPool[];
  readonly #isSerial: boolean;
  readonly #taken: Cidr[] = [];
  /** Number of the last one, counted over all pools. */
  #last = -1;

  /** `isSerial`: the one behind the last; otherwise the lowest free one. */
  constructor(pools: readonly SubnetPool[], isSerial: boolean) {
    this.#pools = pools;
    this.#isSerial = isSerial;
  }

  overlaps(subnet: Cidr): boolean {
    return this.#taken.some((taken) => overlap(taken, subnet));
  }

  take(subnet: Cidr): void {
    this.#taken.push(subnet);
  }

  release(subnet: Cidr): void {
    const at = this.#taken.findIndex(
      (taken) => taken.address === subnet.address && taken.prefixLength === subnet.prefixLength,
    );
    if (at >= 0) this.#taken.splice(at, 1);
  }

  /** Undefined: none is left. `avoid` are the networks that the machine is in. */
  next(avoid: readonly Cidr[] = []): Cidr | undefined {
    const counts = this.#pools.map((pool) => 2 ** (pool.prefixLength - pool.subnet.prefixLength));
    const total = counts.reduce((sum, count) => sum + count, 0);
    for (let step = 1; step <= total; step++) {
      const number = (this.#isSerial ? this.#last + step : step - 1) % total;
      const subnet = this.#at(number, counts);
      if (this.overlaps(subnet) || avoid.some((one) => overlap(one, subnet))) continue;
      this.#last = number;
      this.take(subnet);
      return subnet;
    }
    return undefined;
  }

  #at(number: number, counts: readonly number[]): Cidr {
    let rest = number;
    let index = 0;
    for (; rest >= counts[index]!; index++) rest -= counts[index]!;
    const { subnet, prefixLength } = this.#pools[index]!;
    return { address: addressAt(subnet, rest * 2 ** (32 - prefixLength)), prefixLength };
  }
}
