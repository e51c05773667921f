/** Kinds of IPv4 addresses, int32, that Linux treats apart (include/linux/in.h). */

/** 255.255.255.255: everybody on the link (RFC 919 §7). */
export const LIMITED_BROADCAST = -1;

/** 127.0.0.0/8 (RFC 1122 §3.2.1.3): ipv4_is_loopback. */
export function isLoopbackIp(ip: number): boolean {
  return ip >>> 24 === 127;
}

/** 224.0.0.0/4 (RFC 1112 §4): ipv4_is_multicast. */
export function isMulticastIp(ip: number): boolean {
  return ip >>> 28 === 0xe;
}

/** 0.0.0.0/8, "this network" (RFC 1122 §3.2.1.3): ipv4_is_zeronet. */
export function isZeroNetIp(ip: number): boolean {
  return ip >>> 24 === 0;
}

/** 224.0.0.0/24 (RFC 5771 §4): never routed; ipv4_is_local_multicast. */
export function isLinkLocalMulticastIp(ip: number): boolean {
  return ip >>> 8 === 0xe00000;
}
