/**
 * `ip link` and `ip addr` as text, from their JSON: iproute2's and busybox'.
 *
 * Not modelled: link groups, qdiscs with parameters, alternative names.
 */
import { type AddressJson, type AddressLinkJson, FOREVER, type LinkBase, type LinkJson } from "./iproute2.ts";
import { linkInfoLines } from "./print-link-info.ts";

/** What device counters `ip -s link` and ifconfig print. */
export interface LinkStatistics {
  readonly rxBytes: number;
  readonly rxPackets: number;
  readonly rxDropped: number;
  /** Received group frames, as the driver counts them. */
  readonly multicast: number;
  readonly txBytes: number;
  readonly txPackets: number;
  readonly txDropped: number;
}

export interface LinkStyle {
  /** `-d` */
  readonly details?: boolean;
  /** `-s`: by interface number. */
  readonly statistics?: ReadonlyMap<number, LinkStatistics>;
  /** `-o`: a line an object. */
  readonly oneLine?: boolean;
}

/** `eth0@if14`, `up0@up1`, `br0`. */
function fullName(link: LinkBase): string {
  if (link.link !== undefined) return `${link.ifname}@${link.link}`;
  return link.link_index === undefined ? link.ifname : `${link.ifname}@if${link.link_index}`;
}

/** `2: eth0@if4: <UP> mtu 1450 qdisc noqueue master br0 state UP`. */
function headLine(link: LinkBase & { readonly txqlen?: number }, mode: string): string {
  const master = link.master === undefined ? "" : ` master ${link.master}`;
  const queue = link.txqlen === undefined ? "" : `qlen ${link.txqlen}`;
  const flags = link.flags.join(",");
  return `${link.ifindex}: ${fullName(link)}: <${flags}> mtu ${link.mtu} qdisc ${link.qdisc}${master} state ${link.operstate}${mode} group default ${queue}`;
}

function hardwareLine(link: LinkJson | AddressLinkJson): string {
  return `    link/${link.link_type} ${link.address} brd ${link.broadcast}${netnsid(link)}`;
}

function netnsid(link: { readonly link_netnsid?: number }): string {
  return link.link_netnsid === undefined ? "" : ` link-netnsid ${link.link_netnsid}`;
}

function joined(lines: readonly string[], oneLine: boolean): string[] {
  return oneLine ? [lines.join("\\")] : [...lines];
}

/** `ip link` */
export function linkLines(links: readonly LinkJson[], style: LinkStyle = {}): string[] {
  const { details = false, oneLine = false, statistics } = style;
  return links.flatMap((link) => {
    const lines = [headLine(link, " mode DEFAULT")];
    if (details) {
      const [hardware = "", ...rest] = linkInfoLines(link);
      lines.push(`${hardwareLine(link)}${hardware}`, ...rest);
    } else lines.push(hardwareLine(link));
    const counters = statistics?.get(link.ifindex);
    if (counters !== undefined) lines.push(...counterLines(counters));
    return joined(lines, oneLine);
  });
}

function counterLines(counters: LinkStatistics): string[] {
  const { rxBytes, rxPackets, rxDropped, multicast, txBytes, txPackets, txDropped } = counters;
  const received = [rxBytes, rxPackets, 0, rxDropped, 0, multicast];
  const sent = [txBytes, txPackets, 0, txDropped, 0, 0];
  // iproute2 ipaddress.c, size_columns: as wide as the widest value, at least as wide as the titles.
  const titles = [
    ["bytes", "packets", "errors", "dropped", "missed", "mcast"],
    ["bytes", "packets", "errors", "dropped", "carrier", "collsns"],
  ];
  const widths = [6, 7, 6, 7, 7, 7].map((least, column) =>
    Math.max(least, ...[received, sent].map((row) => String(row[column]).length)),
  );
  const row = (words: readonly (string | number)[]): string =>
    words.map((word, column) => `${String(word).padStart(widths[column]!)} `).join("");
  return [
    `    RX: ${row(titles[0]!)}          `,
    `        ${row(received)}`,
    `    TX: ${row(titles[1]!)}          `,
    `        ${row(sent)}`,
  ];
}

/** `ip -br link` */
export function briefLinkLines(links: readonly LinkJson[]): string[] {
  return links.map((link) => `${briefHead(link)}${link.address} <${link.flags.join(",")}> `);
}

function briefHead(link: LinkBase): string {
  return `${fullName(link).padEnd(16)} ${link.operstate.padEnd(14)} `;
}

/** `ip addr`; with `family`, `ip -4 addr`: interfaces that have such an address. */
export function addressLines(
  links: readonly AddressLinkJson[],
  style: { readonly family?: "inet" | "inet6"; readonly oneLine?: boolean } = {},
): string[] {
  const { family, oneLine = false } = style;
  return links.flatMap((link) => {
    const addresses = link.addr_info.filter((address) => family === undefined || address.family === family);
    if (oneLine) {
      const head = `${link.ifindex}: ${link.ifname}`;
      return addresses.map((address) => `${head}${addressText(address).join("\\")}`);
    }
    if (family === undefined) {
      return [headLine(link, ""), hardwareLine(link), ...addresses.flatMap(addressText)];
    }
    if (addresses.length === 0) return [];
    // The kernel's dump of IPv6 addresses says less about the device.
    const head = headLine(link, "");
    const shown = family === "inet6" ? head.replace(/ (?:qdisc|group) \S+/g, "") : head;
    return [`${shown}${netnsid(link)}`, ...addresses.flatMap(addressText)];
  });
}

function addressText(address: AddressJson): string[] {
  const { family, local, prefixlen, broadcast, scope, secondary, label } = address;
  const words = [`    ${family} ${local}/${prefixlen}`];
  if (broadcast !== undefined) words.push(`brd ${broadcast}`);
  words.push(`scope ${scope}`);
  if (secondary === true) words.push("secondary");
  words.push(label ?? "");
  const lifetimes = `valid_lft ${lifetime(address.valid_life_time)} preferred_lft ${lifetime(address.preferred_life_time)}`;
  return [words.join(" "), `       ${lifetimes}`];
}

function lifetime(seconds: number): string {
  return seconds === FOREVER ? "forever" : `${seconds}sec`;
}

/** `ip -br addr` */
export function briefAddressLines(links: readonly AddressLinkJson[], family?: "inet" | "inet6"): string[] {
  return links.flatMap((link) => {
    const addresses = link.addr_info.filter((address) => family === undefined || address.family === family);
    if (family !== undefined && addresses.length === 0) return [];
    return [`${briefHead(link)}${addresses.map(({ local, prefixlen }) => `${local}/${prefixlen} `).join("")}`];
  });
}

interface BusyboxStyle {
  readonly addresses?: boolean;
  readonly family?: "inet" | "inet6";
  readonly oneLine?: boolean;
  /** All interfaces of the namespace; default those shown. */
  readonly all?: readonly LinkBase[];
}

/**
 * busybox' `ip link` and, with addresses, `ip addr`. It looks for the other end of a veth pair by number among its own
 * interfaces: in a container it finds none, says `@ifN` and believes that it is down (libiproute/ipaddress.c,
 * print_linkinfo; ll_map.c, ll_index_to_flags).
 */
export function busyboxLinkLines(links: readonly (LinkJson | AddressLinkJson)[], style: BusyboxStyle = {}): string[] {
  const { addresses: withAddresses = false, family, oneLine = false, all: known = links } = style;
  return links.flatMap((link) => {
    const all = withAddresses && "addr_info" in link ? link.addr_info : [];
    const addresses = all.filter((address) => family === undefined || address.family === family);
    if (withAddresses && oneLine) {
      return addresses.map((address) => `${link.ifindex}: ${link.ifname}${addressText(address).join("\\")}`);
    }
    if (withAddresses && family !== undefined && addresses.length === 0) return [];
    const head = busyboxHeadLine(link, known);
    const lines = [family === "inet6" ? head.replace(/ qdisc \S+/, "") : head];
    if (family === undefined) lines.push(`    link/${link.link_type} ${link.address} brd ${link.broadcast}`);
    lines.push(...addresses.flatMap(addressText));
    return joined(lines, oneLine);
  });
}

function busyboxHeadLine(link: LinkJson | AddressLinkJson, links: readonly LinkBase[]): string {
  // The number is what netlink gives; iproute2's JSON has a name instead where the other end is in this namespace.
  const lower = links.find(({ ifname, ifindex }) =>
    link.link === undefined ? ifindex === link.link_index : ifname === link.link,
  );
  const hasLower = link.link !== undefined || link.link_index !== undefined;
  const name = hasLower ? `${link.ifname}@${lower?.ifname ?? `if${link.link_index}`}` : link.ifname;
  const flags = link.flags.filter((flag) => flag !== "M-DOWN");
  if (hasLower && lower?.flags.includes("UP") !== true) flags.push("M-DOWN");
  const master = link.master === undefined ? "" : ` master ${link.master}`;
  const queue = link.txqlen === undefined ? "" : ` qlen ${link.txqlen}`;
  return `${link.ifindex}: ${name}: <${flags.join(",")}> mtu ${link.mtu} qdisc ${link.qdisc}${master}${queue === "" ? " " : queue}`;
}
