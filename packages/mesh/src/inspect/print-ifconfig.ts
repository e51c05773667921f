/** `ifconfig` as text, from the JSON of `ip addr` and the devices' counters: net-tools' and busybox'. */
import { formatIpv4 } from "@hopscope/codec/address";
import { maskOf } from "../tables/route.ts";
import type { AddressJson, AddressLinkJson } from "./iproute2.ts";
import type { LinkStatistics } from "./print-link.ts";

/** IFF_ bits that both print, in their order, with the name busybox and net-tools give them. */
const FLAGS: readonly (readonly [word: string, bit: number])[] = [
  ["UP", 0x1],
  ["BROADCAST", 0x2],
  ["LOOPBACK", 0x8],
  ["RUNNING", 0x40],
  ["NOARP", 0x80],
  ["PROMISC", 0x100],
  ["ALLMULTI", 0x200],
  ["MULTICAST", 0x1000],
];
const NO_COUNTERS: LinkStatistics = {
  rxBytes: 0,
  rxPackets: 0,
  rxDropped: 0,
  multicast: 0,
  txBytes: 0,
  txPackets: 0,
  txDropped: 0,
};

/** What SIOCGIFFLAGS says: iproute2's LOWER_UP is RUNNING there. */
function isSet(link: AddressLinkJson, word: string): boolean {
  return link.flags.includes(word === "RUNNING" ? "LOWER_UP" : word);
}

function ipv4Of(link: AddressLinkJson): AddressJson | undefined {
  return link.addr_info.find((address) => address.family === "inet");
}

function ipv6Of(link: AddressLinkJson): readonly AddressJson[] {
  return link.addr_info.filter((address) => address.family === "inet6");
}

/** Without `-a`: interfaces that are up, by name. */
function shown(links: readonly AddressLinkJson[], all: boolean): AddressLinkJson[] {
  return links.filter((link) => all || link.flags.includes("UP")).toSorted((a, b) => (a.ifname < b.ifname ? -1 : 1));
}

export interface IfconfigStyle {
  readonly statistics: ReadonlyMap<number, LinkStatistics>;
  /** `-a`: those that are down too. */
  readonly all?: boolean;
}

export function ifconfigLines(links: readonly AddressLinkJson[], { statistics, all = false }: IfconfigStyle): string[] {
  return shown(links, all).flatMap((link) => {
    const counters = statistics.get(link.ifindex) ?? NO_COUNTERS;
    const words = FLAGS.filter(([word]) => isSet(link, word));
    const bits = words.reduce((sum, [, bit]) => sum | bit, 0);
    const lines = [`${link.ifname}: flags=${bits}<${words.map(([word]) => word).join(",")}>  mtu ${link.mtu}`];
    const address = ipv4Of(link);
    if (address !== undefined) {
      const mask = formatIpv4(maskOf(address.prefixlen));
      const isBroadcast = isSet(link, "BROADCAST");
      const broadcast = isBroadcast ? `  broadcast ${address.broadcast ?? "0.0.0.0"}` : "";
      lines.push(`        inet ${address.local}  netmask ${mask}${broadcast}`);
    }
    for (const { local, prefixlen } of ipv6Of(link)) {
      lines.push(`        inet6 ${local}  prefixlen ${prefixlen}  scopeid 0x10<host>`);
    }
    const queue = link.txqlen ?? 0;
    lines.push(
      link.link_type === "loopback"
        ? `        loop  txqueuelen ${queue}  (Local Loopback)`
        : `        ether ${link.address}  txqueuelen ${queue}  (Ethernet)`,
      `        RX packets ${counters.rxPackets}  bytes ${bytesText(counters.rxBytes)}`,
      `        RX errors 0  dropped ${counters.rxDropped}  overruns 0  frame 0`,
      `        TX packets ${counters.txPackets}  bytes ${bytesText(counters.txBytes)}`,
      `        TX errors 0  dropped ${counters.txDropped} overruns 0  carrier 0  collisions 0`,
      "",
    );
    return lines;
  });
}

export function busyboxIfconfigLines(
  links: readonly AddressLinkJson[],
  { statistics, all = false }: IfconfigStyle,
): string[] {
  return shown(links, all).flatMap((link) => {
    const counters = statistics.get(link.ifindex) ?? NO_COUNTERS;
    const kind =
      link.link_type === "loopback" ? "Local Loopback  " : `Ethernet  HWaddr ${link.address.toUpperCase()}  `;
    const lines = [`${link.ifname.padEnd(9)} Link encap:${kind}`];
    const address = ipv4Of(link);
    if (address !== undefined) {
      const broadcast = isSet(link, "BROADCAST") ? `  Bcast:${address.broadcast ?? "0.0.0.0"}` : "";
      lines.push(`          inet addr:${address.local}${broadcast}  Mask:${formatIpv4(maskOf(address.prefixlen))}`);
    }
    for (const { local, prefixlen } of ipv6Of(link))
      lines.push(`          inet6 addr: ${local}/${prefixlen} Scope:Host`);
    const words = FLAGS.filter(([word]) => isSet(link, word)).map(([word]) => `${word} `);
    lines.push(
      `          ${words.join("") || "[NO FLAGS] "} MTU:${link.mtu}  Metric:1`,
      `          RX packets:${counters.rxPackets} errors:0 dropped:${counters.rxDropped} overruns:0 frame:0`,
      `          TX packets:${counters.txPackets} errors:0 dropped:${counters.txDropped} overruns:0 carrier:0`,
      `          collisions:0 txqueuelen:${link.txqlen ?? 0} `,
      `          RX bytes:${bytesText(counters.rxBytes)}  TX bytes:${bytesText(counters.txBytes)}`,
      "",
    );
    return lines;
  });
}

/** `754 (754.0 B)`, `20480 (20.0 KiB)`. */
function bytesText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  // Both cut the tenths, they do not round.
  return `${bytes} (${Math.floor(value * 10) / 10 === Math.floor(value) ? `${Math.floor(value)}.0` : (Math.floor(value * 10) / 10).toFixed(1)} ${units[unit]})`;
}
