/**
 * Addresses of either family as numbers, as sockets and programs have them: IPv4's are int32; IPv6's begin behind all of
 * those and stand for sixteen bytes in a table here, which only grows with addresses that somebody names.
 */
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from "@hopscope/codec/address";

const FIRST = 2 ** 32;
/** `::`, any of the host's, and of IPv4 as well for a socket that is not for IPv6 only. */
export const IPV6_ANY: number = FIRST;
/** `::1` */
export const IPV6_LOOPBACK: number = FIRST + 1;
/** Bytes in front of the last four of `::ffff:10.0.9.3`. */
const MAPPED = 12;

const addresses: Uint8Array[] = [new Uint8Array(16), Uint8Array.from({ length: 16 }, (_, at) => (at === 15 ? 1 : 0))];
const numbers: Map<string, number> = new Map(addresses.map((bytes, at) => [formatIpv6(bytes), FIRST + at]));

export function isIpv6(ip: number): boolean {
  return ip >= FIRST;
}

/** Sixteen bytes, not to be changed. */
export function ipv6Bytes(ip: number): Uint8Array {
  return addresses[ip - FIRST]!;
}

/** Linux ipv6_addr_any and its like for IPv4. */
export function isAnyAddress(ip: number): boolean {
  return ip === 0 || ip === IPV6_ANY;
}

export function formatIp(ip: number): string {
  return isIpv6(ip) ? formatIpv6(ipv6Bytes(ip)) : formatIpv4(ip);
}

/** `10.0.9.3`, `::1`; `::ffff:10.0.9.3` is the IPv4 address, which is what a socket makes of it. Undefined: no address. */
export function parseIp(text: string): number | undefined {
  const ipv4 = parseIpv4(text);
  if (ipv4 !== undefined) return ipv4;
  const bytes = parseIpv6(text);
  if (bytes === undefined) return undefined;
  const isMapped = bytes.every((byte, at) => at >= MAPPED || byte === (at < MAPPED - 2 ? 0 : 0xff));
  if (isMapped) return new DataView(bytes.buffer).getInt32(MAPPED);
  const written = formatIpv6(bytes);
  let number = numbers.get(written);
  if (number === undefined) {
    number = FIRST + addresses.push(bytes) - 1;
    numbers.set(written, number);
  }
  return number;
}

/** Whose address and port they are, as programs print them: `10.0.9.3:80`, `[::1]:80`. */
export function formatEndpoint(ip: number, port: number): string {
  return isIpv6(ip) ? `[${formatIp(ip)}]:${port}` : `${formatIpv4(ip)}:${port}`;
}
