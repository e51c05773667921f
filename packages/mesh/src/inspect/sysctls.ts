/**
 * Kernel parameters of a namespace. Those that the engine has a field for can be set; the others are what the engine
 * does, and what Docker's machines have.
 *
 * Not modelled: setting those that are fixed here.
 */
import type { NetDevice } from "../device.ts";
import { ipvsOf } from "../ipvs/ip-vs.ts";
import { defaultOf, ipVsParameter } from "../ipvs/sysctl.ts";
import type { Netns } from "../netns.ts";

/** What no namespace has otherwise. */
const FIXED: Readonly<Record<string, string>> = {
  "net.ipv4.ip_default_ttl": "64",
  "net.ipv4.ip_nonlocal_bind": "0",
  "net.ipv4.icmp_ratelimit": "1000",
  "net.ipv4.icmp_ratemask": "6168",
  "net.ipv4.ip_local_port_range": "32768\t60999",
  "net.ipv4.conf.all.rp_filter": "0",
  "net.ipv4.conf.default.rp_filter": "0",
  "net.ipv4.conf.all.arp_ignore": "0",
  "net.ipv4.conf.all.route_localnet": "0",
  "net.bridge.bridge-nf-call-arptables": "1",
};

/** What a namespace's TCP has a field for, of numbers and of switches, and the most a number may be. */
const TCP_NUMBERS = {
  "net.ipv4.tcp_syn_retries": ["synRetries", 127],
  "net.ipv4.tcp_synack_retries": ["synAckRetries", 255],
  "net.ipv4.tcp_syn_linear_timeouts": ["synLinearTimeouts", 127],
  "net.ipv4.tcp_retries2": ["retries2", 255],
} as const;
const TCP_SWITCHES = {
  "net.ipv4.tcp_timestamps": "timestamps",
  "net.ipv4.tcp_sack": "sack",
  "net.ipv4.tcp_window_scaling": "windowScaling",
} as const;

const IGNORE_BROADCASTS = "net.ipv4.icmp_echo_ignore_broadcasts";

/** `/proc/sys/net/ipv4/ip_forward` as `net.ipv4.ip_forward`. */
export function sysctlOfPath(path: string): string {
  return path.slice("/proc/sys/".length).replaceAll("/", ".");
}

/** Of the loopback device, the only one with IPv6 here; `all` is written to it as well. */
const DISABLE_IPV6 = /^net\.ipv6\.conf\.(?:all|default|lo)\.disable_ipv6$/;

/** The value, undefined: there is no such parameter. */
export function readSysctl(netns: Netns, name: string): string | undefined {
  const device = /^net\.ipv4\.conf\.([^.]+)\.(forwarding|rp_filter|route_localnet|proxy_arp)$/.exec(name);
  if (device !== null) {
    const [, which = "", parameter] = device;
    if (which !== "all" && which !== "default" && netns.deviceNamed(which) === undefined) return undefined;
    if (parameter === "route_localnet") return netns.deviceNamed(which)?.routesLocalnet === true ? "1" : "0";
    return parameter === "forwarding" && netns.forwarding ? "1" : "0";
  }
  if (DISABLE_IPV6.test(name)) return netns.disablesIpv6 && !name.includes(".default.") ? "1" : "0";
  const arp = arpParameter(netns, name);
  if (arp !== undefined) return String(arp.parameter === "arp_ignore" ? arp.device.arpIgnore : arp.device.arpAnnounce);
  if (name === "net.ipv4.ip_forward") return netns.forwarding ? "1" : "0";
  if (name === "net.bridge.bridge-nf-call-iptables") return netns.bridgeCallsIptables ? "1" : "0";
  if (name === IGNORE_BROADCASTS) return netns.icmp.ignoresBroadcasts ? "1" : "0";
  const ipvs = ipVsParameter(name);
  if (ipvs !== undefined) return netns.node.hasIpvs ? (netns.ipvs?.sysctls.get(ipvs) ?? defaultOf(ipvs)) : undefined;
  const { sysctl } = netns.tcp;
  if (isKeyOf(TCP_NUMBERS, name)) return String(sysctl[TCP_NUMBERS[name][0]]);
  if (isKeyOf(TCP_SWITCHES, name)) return sysctl[TCP_SWITCHES[name]] ? "1" : "0";
  if (name === "net.ipv4.ping_group_range") return netns.pingGroupRange.join("\t");
  return Object.hasOwn(FIXED, name) ? FIXED[name] : undefined;
}

/** Sets it: false if it is one that cannot be set here. */
export function writeSysctl(netns: Netns, name: string, value: string): boolean {
  if (name === "net.ipv4.ip_forward" || name === "net.ipv4.conf.all.forwarding") {
    netns.forwarding = value !== "0";
    return true;
  }
  if (DISABLE_IPV6.test(name) && (value === "0" || value === "1")) {
    // What is made later asks for `default`: the loopback device is there.
    if (!name.includes(".default.")) netns.disablesIpv6 = value === "1";
    return true;
  }
  const localnet = /^net\.ipv4\.conf\.([^.]+)\.route_localnet$/.exec(name);
  const gateway = netns.deviceNamed(localnet?.[1] ?? "");
  if (gateway !== undefined) {
    gateway.routesLocalnet = value !== "0";
    netns.routes.invalidate();
    return true;
  }
  const arp = arpParameter(netns, name);
  if (arp !== undefined && arp.parameter === "arp_ignore" && (value === "0" || value === "1")) {
    arp.device.arpIgnore = value === "1" ? 1 : 0;
    return true;
  }
  if (arp !== undefined && arp.parameter === "arp_announce" && (value === "0" || value === "2")) {
    arp.device.arpAnnounce = value === "2" ? 2 : 0;
    return true;
  }
  if (name === IGNORE_BROADCASTS) {
    netns.icmp.ignoresBroadcasts = value !== "0";
    return true;
  }
  if (name === "net.bridge.bridge-nf-call-iptables") {
    netns.bridgeCallsIptables = value !== "0";
    return true;
  }
  const ipvs = ipVsParameter(name);
  if (ipvs !== undefined && netns.node.hasIpvs && /^\d+$/.test(value))
    return ipvsOf(netns).sysctls.set(ipvs, Number(value));
  return writeTcp(netns, name, value) || readSysctl(netns, name) === value;
}

function writeTcp({ tcp }: Netns, name: string, value: string): boolean {
  if (isKeyOf(TCP_SWITCHES, name) && (value === "0" || value === "1")) {
    tcp.sysctl[TCP_SWITCHES[name]] = value === "1";
    return true;
  }
  if (!isKeyOf(TCP_NUMBERS, name) || !/^\d{1,3}$/.test(value)) return false;
  const [field, most] = TCP_NUMBERS[name];
  if (Number(value) > most) return false;
  tcp.sysctl[field] = Number(value);
  return true;
}

function isKeyOf<T extends object>(table: T, name: string): name is string & keyof T {
  return Object.hasOwn(table, name);
}

/** `net.ipv4.conf.eth0.arp_ignore` of a device that is there. */
function arpParameter(netns: Netns, name: string): { device: NetDevice; parameter: string } | undefined {
  const [, which = "", parameter = ""] = /^net\.ipv4\.conf\.([^.]+)\.(arp_ignore|arp_announce)$/.exec(name) ?? [];
  const device = netns.deviceNamed(which);
  return device === undefined ? undefined : { device, parameter };
}
