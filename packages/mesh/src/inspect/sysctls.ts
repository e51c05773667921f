/**
 * Kernel parameters of a namespace. Those that the engine has a field for can be set; the others are what the engine
 * does, and what Docker's machines have.
 *
 * Not modelled: setting those that are fixed here.
 */
import type { Netns } from "../netns.ts";

/** What no namespace has otherwise. */
const FIXED: Readonly<Record<string, string>> = {
  "net.ipv4.ip_default_ttl": "64",
  "net.ipv4.ip_nonlocal_bind": "0",
  "net.ipv4.icmp_echo_ignore_broadcasts": "1",
  "net.ipv4.icmp_ratelimit": "1000",
  "net.ipv4.icmp_ratemask": "6168",
  "net.ipv4.ip_local_port_range": "32768\t60999",
  "net.ipv4.conf.all.rp_filter": "0",
  "net.ipv4.conf.default.rp_filter": "0",
  "net.ipv4.conf.all.arp_ignore": "0",
  "net.ipv4.conf.all.route_localnet": "0",
  "net.bridge.bridge-nf-call-arptables": "1",
};

/** `/proc/sys/net/ipv4/ip_forward` as `net.ipv4.ip_forward`. */
export function sysctlOfPath(path: string): string {
  return path.slice("/proc/sys/".length).replaceAll("/", ".");
}

/** The value, undefined: there is no such parameter. */
export function readSysctl(netns: Netns, name: string): string | undefined {
  const device = /^net\.ipv4\.conf\.([^.]+)\.(forwarding|rp_filter|route_localnet|proxy_arp)$/.exec(name);
  if (device !== null) {
    const [, which = "", parameter] = device;
    if (which !== "all" && which !== "default" && netns.deviceNamed(which) === undefined) return undefined;
    return parameter === "forwarding" && netns.forwarding ? "1" : "0";
  }
  if (name === "net.ipv4.ip_forward") return netns.forwarding ? "1" : "0";
  if (name === "net.bridge.bridge-nf-call-iptables") return netns.bridgeCallsIptables ? "1" : "0";
  if (name === "net.ipv4.ping_group_range") return netns.pingGroupRange.join("\t");
  return Object.hasOwn(FIXED, name) ? FIXED[name] : undefined;
}

/** Sets it: false if it is one that cannot be set here. */
export function writeSysctl(netns: Netns, name: string, value: string): boolean {
  if (name === "net.ipv4.ip_forward" || name === "net.ipv4.conf.all.forwarding") {
    netns.forwarding = value !== "0";
    netns.routes.invalidate();
    return true;
  }
  if (name === "net.bridge.bridge-nf-call-iptables") {
    netns.bridgeCallsIptables = value !== "0";
    return true;
  }
  return readSysctl(netns, name) === value;
}
