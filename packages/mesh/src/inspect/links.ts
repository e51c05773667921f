/**
 * The devices of a namespace as `ip -d -j link` and `ip -j addr` print them.
 *
 * Not modelled: IPv6 addresses other than ::1, queueing disciplines other than a virtual device's, timers of bridges (all 0). A
 * physical interface is one with a single queue and no offload limits of its own.
 */
import { formatIpv4, formatMac } from "@hopscope/codec/address";
import { Bridge } from "../devices/bridge.ts";
import { Loopback } from "../devices/loopback.ts";
import { Nic } from "../devices/nic.ts";
import { Veth } from "../devices/veth.ts";
import { VxlanDevice } from "../devices/vxlan.ts";
import type { NetDevice } from "../device.ts";
import type { Netns } from "../netns.ts";
import { maskOf } from "../tables/route.ts";
import {
  type AddressJson,
  type AddressLinkJson,
  FOREVER,
  type InfoValue,
  type LinkBase,
  type LinkInfoJson,
  type LinkJson,
} from "./iproute2.ts";

const BROADCAST_MAC = "ff:ff:ff:ff:ff:ff";
const NO_MAC = "00:00:00:00:00:00";
/** What a veth and a loopback device can take in one piece (GSO_MAX_SIZE of their drivers), and everybody else. */
const TSO_MAX_SIZE = 524_280;
const TSO_LEGACY_MAX_SIZE = 65_536;
/** Made by iproute2, or born with the namespace; Docker's library asks for no queue. */
const QUEUE_LENGTH = 1000;

/** `ip -d -j link` */
export function linksOf(netns: Netns): LinkJson[] {
  return inOrder(netns).map((device) => {
    const isLoopback = device instanceof Loopback;
    const isPort = device.port === undefined ? 0 : 1;
    const queues = device instanceof Veth ? 2 : 1;
    const info = linkInfo(device);
    return {
      ...baseOf(device),
      linkmode: "DEFAULT",
      group: "default",
      ...queueLength(device),
      link_type: isLoopback ? "loopback" : "ether",
      address: formatMac(device.mac),
      broadcast: isLoopback ? NO_MAC : BROADCAST_MAC,
      ...netnsidOf(device),
      promiscuity: isPort + Number(device.isPromiscuous),
      allmulti: isPort,
      min_mtu: isLoopback ? 0 : 68,
      max_mtu: isLoopback ? 0 : 65_535,
      ...(info === undefined ? {} : { linkinfo: info }),
      inet6_addr_gen_mode: "eui64",
      num_tx_queues: queues,
      num_rx_queues: queues,
      gso_max_size: 65_536,
      gso_max_segs: 65_535,
      tso_max_size: tsoMaxSize(device),
      tso_max_segs: 65_535,
      gro_max_size: 65_536,
    };
  });
}

/** `ip -j addr` */
export function addressLinksOf(netns: Netns): AddressLinkJson[] {
  return inOrder(netns).map((device) => {
    const isLoopback = device instanceof Loopback;
    return {
      ...baseOf(device),
      group: "default",
      ...queueLength(device),
      link_type: isLoopback ? "loopback" : "ether",
      address: formatMac(device.mac),
      broadcast: isLoopback ? NO_MAC : BROADCAST_MAC,
      ...netnsidOf(device),
      addr_info: addressesOf(netns, device),
    };
  });
}

/** By number, as the kernel's dump goes (rtnl_dump_ifinfo). */
function inOrder(netns: Netns): NetDevice[] {
  return netns.devices.toSorted((a, b) => a.index - b.index);
}

function addressesOf(netns: Netns, device: NetDevice): AddressJson[] {
  const seen: { readonly ip: number; readonly prefixLength: number }[] = [];
  const found: AddressJson[] = [];
  for (const address of netns.addresses) {
    if (address.device !== device) continue;
    const { ip, prefixLength } = address;
    const isLoopback = ip >>> 24 === 127;
    const isSecondary = seen.some(
      (other) => other.prefixLength === prefixLength && ((other.ip ^ ip) & maskOf(prefixLength)) === 0,
    );
    seen.push({ ip, prefixLength });
    const hasBroadcast = !isLoopback && prefixLength < 31;
    found.push({
      family: "inet",
      local: formatIpv4(ip),
      prefixlen: prefixLength,
      ...(hasBroadcast ? { broadcast: formatIpv4((ip & maskOf(prefixLength)) | ~maskOf(prefixLength)) } : {}),
      scope: isLoopback ? "host" : "global",
      ...(isSecondary ? { secondary: true as const } : {}),
      label: device.name,
      valid_life_time: FOREVER,
      preferred_life_time: FOREVER,
    });
  }
  if (device === netns.loopback && netns.hasIpv6) found.push(IPV6_LOOPBACK);
  return found;
}

const IPV6_LOOPBACK: AddressJson = {
  family: "inet6",
  local: "::1",
  prefixlen: 128,
  scope: "host",
  valid_life_time: FOREVER,
  preferred_life_time: FOREVER,
};

function baseOf(device: NetDevice): LinkBase {
  const master = device.port?.bridge.name;
  return {
    ifindex: device.index,
    ...lowerOf(device),
    ifname: device.name,
    flags: flagsOf(device),
    mtu: device.mtu,
    qdisc: qdiscOf(device),
    ...(master === undefined ? {} : { master }),
    operstate: operstateOf(device),
  };
}

/** IFLA_LINK: the other end of a veth pair; a vxlan device that was moved names itself. */
function lowerOf(device: NetDevice): { readonly link_index: number } | { readonly link: string } | {} {
  if (device instanceof VxlanDevice) return { link_index: device.index };
  if (!(device instanceof Veth) || device.peer === undefined) return {};
  return device.peer.netns === device.netns ? { link: device.peer.name } : { link_index: device.peer.index };
}

/** The namespace that a device leads to, as numbered in its own (peernet2id): in the order of the devices. */
function netnsidOf(device: NetDevice): { readonly link_netnsid: number } | {} {
  const ids = new Map<Netns, number>();
  for (const each of inOrder(device.netns)) {
    const other = otherNetns(each);
    if (other !== undefined && !ids.has(other)) ids.set(other, ids.size);
  }
  const other = otherNetns(device);
  return other === undefined ? {} : { link_netnsid: ids.get(other)! };
}

function otherNetns(device: NetDevice): Netns | undefined {
  if (device instanceof VxlanDevice) return device.netns.node.host;
  if (!(device instanceof Veth) || device.peer === undefined) return undefined;
  return device.peer.netns === device.netns ? undefined : device.peer.netns;
}

/** dev_get_flags: RUNNING is LOWER_UP to iproute2. */
function flagsOf(device: NetDevice): string[] {
  const flags: string[] = [];
  if (device.isUp && !hasCarrier(device)) flags.push("NO-CARRIER");
  if (device instanceof Loopback) flags.push("LOOPBACK");
  else flags.push("BROADCAST", "MULTICAST");
  if (device.isPromiscuous) flags.push("PROMISC");
  if (device.isUp) flags.push("UP");
  if (device.isUp && hasCarrier(device)) flags.push("LOWER_UP");
  if (device instanceof Veth && device.peer?.netns === device.netns && !device.peer.isUp) flags.push("M-DOWN");
  return flags;
}

/** netif_carrier_ok: a bridge has it with a port that is up (br_stp_if.c, br_port_carrier_check). */
export function hasCarrier(device: NetDevice): boolean {
  if (device instanceof Bridge) return device.ports.some((port) => port.device.isUp && hasCarrier(port.device));
  if (device instanceof Veth) return device.isUp && device.peer?.isUp === true;
  return true;
}

function operstateOf(device: NetDevice): string {
  if (device instanceof Veth) {
    if (!device.isUp) return "DOWN";
    return hasCarrier(device) ? "UP" : "LOWERLAYERDOWN";
  }
  if (device instanceof Bridge || device instanceof Nic) return device.isUp && hasCarrier(device) ? "UP" : "DOWN";
  return device.isUp ? "UNKNOWN" : "DOWN";
}

function qdiscOf(device: NetDevice): string {
  if (!device.isUp) return "noop";
  return device instanceof Nic ? "fq_codel" : "noqueue";
}

function queueLength(device: NetDevice): { readonly txqlen: number } | {} {
  return device instanceof Loopback || device instanceof Nic ? { txqlen: QUEUE_LENGTH } : {};
}

/** A bridge takes what all its ports take (br_if.c, br_set_gso_limits). */
function tsoMaxSize(device: NetDevice): number {
  if (device instanceof Bridge) {
    const sizes = device.ports.map((port) => tsoMaxSize(port.device));
    return sizes.length === 0 ? TSO_LEGACY_MAX_SIZE : Math.min(...sizes);
  }
  return device instanceof Veth || device instanceof Loopback ? TSO_MAX_SIZE : TSO_LEGACY_MAX_SIZE;
}

function linkInfo(device: NetDevice): LinkInfoJson | undefined {
  const info: LinkInfoJson = { ...kindOf(device), ...slaveOf(device) };
  return Object.keys(info).length === 0 ? undefined : info;
}

function kindOf(device: NetDevice): LinkInfoJson {
  if (device instanceof Veth) return { info_kind: "veth" };
  if (device instanceof VxlanDevice) return { info_kind: "vxlan", info_data: vxlanData(device) };
  if (device instanceof Bridge) return { info_kind: "bridge", info_data: bridgeData(device) };
  return {};
}

function vxlanData(device: VxlanDevice): Record<string, InfoValue> {
  return {
    id: device.vni,
    port_range: { low: 0, high: 0 },
    port: device.udpPort,
    learning: true,
    proxy: true,
    l2miss: true,
    l3miss: true,
    ttl: 0,
    df: "unset",
    ageing: 300,
    udp_csum: true,
    udp_zero_csum6_tx: false,
    udp_zero_csum6_rx: false,
  };
}

/** `8000.a:5d:fa:48:e0:33`: the priority and the address, without leading zeros (sysfs' br_show_bridge_id). */
function bridgeId(bridge: Bridge): string {
  const bytes = formatMac(bridge.mac).split(":");
  return `8000.${bytes.map((byte) => Number.parseInt(byte, 16).toString(16)).join(":")}`;
}

function bridgeData(bridge: Bridge): Record<string, InfoValue> {
  const id = bridgeId(bridge);
  return {
    forward_delay: 1500,
    hello_time: 200,
    max_age: 2000,
    ageing_time: bridge.fdb.ageingTime / 10_000_000,
    stp_state: 0,
    priority: 32_768,
    vlan_filtering: 0,
    bridge_id: id,
    root_id: id,
    root_port: 0,
    root_path_cost: 0,
    topology_change: 0,
    topology_change_detected: 0,
    hello_timer: 0,
    tcn_timer: 0,
    topology_change_timer: 0,
    gc_timer: 0,
    group_fwd_mask: "0",
    group_addr: "01:80:c2:00:00:00",
    mcast_snooping: 1,
    no_linklocal_learn: 0,
    mcast_vlan_snooping: 0,
    mcast_router: 1,
    mcast_query_use_ifaddr: 0,
    mcast_querier: 0,
    mcast_hash_elasticity: 16,
    mcast_hash_max: 4096,
    mcast_last_member_cnt: 2,
    mcast_startup_query_cnt: 2,
    mcast_last_member_intvl: 100,
    mcast_membership_intvl: 26_000,
    mcast_querier_intvl: 25_500,
    mcast_query_intvl: 12_500,
    mcast_query_response_intvl: 1000,
    mcast_startup_query_intvl: 3124,
    mcast_stats_enabled: 0,
    mcast_igmp_version: 2,
    mcast_mld_version: 1,
    nf_call_iptables: 0,
    nf_call_ip6tables: 0,
    nf_call_arptables: 0,
  };
}

function slaveOf(device: NetDevice): LinkInfoJson {
  const { port } = device;
  if (port === undefined) return {};
  const id = bridgeId(port.bridge);
  const portId = 0x8000 | port.number;
  return {
    info_slave_kind: "bridge",
    info_slave_data: {
      state: device.isUp && hasCarrier(device) ? "forwarding" : "disabled",
      priority: 32,
      // What ethtool says of a virtual wire is 10 Gbit/s, of a tunnel nothing (br_if.c, port_cost).
      cost: device instanceof VxlanDevice ? 100 : 2,
      hairpin: false,
      guard: false,
      root_block: false,
      fastleave: false,
      learning: true,
      flood: true,
      id: `0x${portId.toString(16)}`,
      no: `0x${port.number.toString(16)}`,
      designated_port: portId,
      designated_cost: 0,
      bridge_id: id,
      root_id: id,
      hold_timer: 0,
      message_age_timer: 0,
      forward_delay_timer: 0,
      topology_change_ack: 0,
      config_pending: 0,
      proxy_arp: false,
      proxy_arp_wifi: false,
      multicast_router: 1,
      mcast_flood: true,
      bcast_flood: true,
      mcast_to_unicast: false,
      neigh_suppress: false,
      group_fwd_mask: "0",
      group_fwd_mask_str: "0x0",
      vlan_tunnel: false,
      isolated: false,
      locked: false,
    },
  };
}
