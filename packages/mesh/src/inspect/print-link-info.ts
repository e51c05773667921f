/** What `ip -d link` adds: the words behind the hardware address, and a line each for the kind and the bridge port. */
import type { InfoValue, LinkJson } from "./iproute2.ts";

/** Names that text and JSON do not share (iproute2 iplink_bridge.c, iplink_bridge_slave.c). */
const TEXT_NAMES: Readonly<Record<string, string>> = {
  root_id: "designated_root",
  group_addr: "group_address",
  mcast_last_member_cnt: "mcast_last_member_count",
  mcast_startup_query_cnt: "mcast_startup_query_count",
  mcast_last_member_intvl: "mcast_last_member_interval",
  mcast_membership_intvl: "mcast_membership_interval",
  mcast_querier_intvl: "mcast_querier_interval",
  mcast_query_intvl: "mcast_query_interval",
  mcast_query_response_intvl: "mcast_query_response_interval",
  mcast_startup_query_intvl: "mcast_startup_query_interval",
};

const SLAVE_NAMES: Readonly<Record<string, string>> = {
  id: "port_id",
  no: "port_no",
  bridge_id: "designated_bridge",
  root_id: "designated_root",
  multicast_router: "mcast_router",
};

/** First what is appended to the hardware line, then lines of their own. */
export function linkInfoLines(link: LinkJson): string[] {
  const info = link.linkinfo;
  const lines = [
    ` promiscuity ${link.promiscuity}  allmulti ${link.allmulti} minmtu ${link.min_mtu} maxmtu ${link.max_mtu} `,
  ];
  if (info?.info_kind !== undefined) {
    const data = info.info_data ?? {};
    const words = info.info_kind === "vxlan" ? vxlanWords(data) : dataWords(data, TEXT_NAMES);
    lines.push(`    ${info.info_kind} ${words}`);
  }
  if (info?.info_slave_kind !== undefined) {
    const { fastleave, ...data } = info.info_slave_data ?? {};
    lines.push(`    ${info.info_slave_kind}_slave ${slaveWords(data, fastleave)}`);
  }
  lines[lines.length - 1] +=
    `addrgenmode ${link.inet6_addr_gen_mode} numtxqueues ${link.num_tx_queues} numrxqueues ${link.num_rx_queues} ` +
    `gso_max_size ${link.gso_max_size} gso_max_segs ${link.gso_max_segs} tso_max_size ${link.tso_max_size} ` +
    `tso_max_segs ${link.tso_max_segs} gro_max_size ${link.gro_max_size} `;
  return lines;
}

function dataWords(data: Readonly<Record<string, InfoValue>>, names: Readonly<Record<string, string>>): string {
  return Object.entries(data)
    .map(([key, value]) => `${names[key] ?? key} ${valueText(key, value)} `)
    .join("");
}

function valueText(key: string, value: InfoValue): string {
  if (typeof value === "boolean") return value ? "on" : "off";
  // Times of timers are seconds, "%8.2f".
  if (key.endsWith("_timer")) return Number(value).toFixed(2).padStart(7);
  return typeof value === "object" ? `${value.low} ${value.high}` : String(value);
}

/** Text says "fastleave" twice: in its place and, under another name, in front of the flood flags. */
function slaveWords(data: Readonly<Record<string, InfoValue>>, fastleave: InfoValue = false): string {
  const ordered: Record<string, InfoValue> = {};
  for (const [key, value] of Object.entries(data)) {
    if (key === "learning") ordered["fastleave"] = fastleave;
    if (key === "mcast_flood") ordered["mcast_fast_leave"] = fastleave;
    ordered[key] = value;
  }
  return dataWords(ordered, SLAVE_NAMES);
}

/** iproute2 iplink_vxlan.c, vxlan_print_opt. */
function vxlanWords(data: Readonly<Record<string, InfoValue>>): string {
  const { port_range: range, ttl } = data;
  const words = [`id ${Number(data["id"])}`];
  if (typeof range === "object") words.push(`srcport ${range.low} ${range.high}`);
  words.push(`dstport ${Number(data["port"])}`);
  if (data["learning"] === false) words.push("nolearning");
  for (const flag of ["proxy", "l2miss", "l3miss"]) if (data[flag] === true) words.push(flag);
  words.push(`ttl ${ttl === 0 ? "auto" : Number(ttl)}`, `ageing ${Number(data["ageing"])}`);
  const checksums = { udp_csum: "udpcsum", udp_zero_csum6_tx: "udp6zerocsumtx", udp_zero_csum6_rx: "udp6zerocsumrx" };
  for (const [key, word] of Object.entries(checksums)) words.push(data[key] === true ? word : `no${word}`);
  return `${words.join(" ")} `;
}
