/** Reads `cluster`: the nodes with their defaults filled in, and the network under them. */
import { formatIpv4, formatMac } from "@hopscope/codec/address";
import { addressAt, contains, formatCidr, isHost, sizeOf } from "../swarm/cidr.ts";
import { check, openMap } from "./check.ts";
import { type Place, type Report } from "./diagnostic.ts";
import type { Cidr, Cluster, ClusterNode, Underlay } from "./scenario.ts";
import {
  clusterEntries,
  dataPathPort,
  DEFAULT_DATA_PATH_PORT,
  DEFAULT_LATENCY_NS,
  DEFAULT_MTU,
  DEFAULT_SUBNET,
  FIRST_HOST,
  node as nodeSchema,
  nodeCount,
  type NodeFile,
  underlayEntries,
  underlayMtu,
  underlaySubnet,
} from "./schema.ts";
import { duration } from "./values.ts";

export interface ClusterReading {
  /** Undefined if something is wrong with it. */
  readonly cluster: Cluster | undefined;
  /** The subnet under the nodes, if at least that is sound. */
  readonly subnet: Cidr | undefined;
  /** Every name that a node is given, also of nodes that are otherwise wrong. */
  readonly names: ReadonlySet<string>;
}

/** The switch's ports are named in captures as those of a node called so. */
const RESERVED_NAME = "switch";

interface Given {
  readonly file: NodeFile;
  readonly place: Place;
}

export function readCluster(value: unknown, place: Place, report: Report): ClusterReading {
  const before = report.errors.length;
  const keys = openMap(value, clusterEntries, place, report) ?? {};
  const underlay = readUnderlay(keys["underlay"], place.at("underlay"), report);
  const port =
    keys["data_path_port"] === undefined
      ? DEFAULT_DATA_PATH_PORT
      : check(dataPathPort, keys["data_path_port"], place.at("data_path_port"), report);

  const names = new Set<string>();
  const given = readNodes(keys["nodes"], place.at("nodes"), report, names);
  const subnet = underlay?.subnet;
  const nodes =
    given === undefined || subnet === undefined ? [] : completeNodes(given, subnet, place.at("nodes"), report);
  if (given !== undefined && given.length > 0 && given.every(({ file }) => file.role === "worker"))
    report.error(place.at("nodes"), "expected at least one manager, found workers only");
  const sound = report.errors.length === before && underlay !== undefined && port !== undefined;
  return { cluster: sound ? { nodes, dataPathPort: port, underlay } : undefined, subnet, names };
}

function readUnderlay(value: unknown, place: Place, report: Report): Underlay | undefined {
  if (value === undefined) return { subnet: DEFAULT_SUBNET, mtu: DEFAULT_MTU, latencyNs: DEFAULT_LATENCY_NS };
  const keys = openMap(value, underlayEntries, place, report);
  if (keys === undefined) return undefined;
  const subnet =
    keys["subnet"] === undefined ? DEFAULT_SUBNET : check(underlaySubnet, keys["subnet"], place.at("subnet"), report);
  const mtu = keys["mtu"] === undefined ? DEFAULT_MTU : check(underlayMtu, keys["mtu"], place.at("mtu"), report);
  const latencyNs =
    keys["latency"] === undefined ? DEFAULT_LATENCY_NS : check(duration, keys["latency"], place.at("latency"), report);
  // The subnet alone is enough to go on looking for mistakes; the errors told above keep the scenario from running.
  return subnet === undefined
    ? undefined
    : { subnet, mtu: mtu ?? DEFAULT_MTU, latencyNs: latencyNs ?? DEFAULT_LATENCY_NS };
}

function readNodes(value: unknown, place: Place, report: Report, names: Set<string>): readonly Given[] | undefined {
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) {
    const count = check(nodeCount, value, place, report);
    if (count === undefined) return undefined;
    const blank = { role: undefined, ip: undefined, mac: undefined, labels: undefined };
    const given = Array.from({ length: count }, (_, index) => ({
      file: { name: `node-${index + 1}`, ...blank },
      place,
    }));
    for (const { file } of given) names.add(file.name);
    return given;
  }
  if (value.length === 0) {
    report.error(place, "expected at least one node, found an empty list");
    return undefined;
  }
  const given: Given[] = [];
  let sound = true;
  for (const [index, item] of value.entries()) {
    const at = place.at(index);
    // A node that is wrong otherwise still has a name, which must not then be unknown elsewhere.
    const claimed: unknown = typeof item === "object" && item !== null ? (item as { name?: unknown }).name : item;
    const file = check(nodeSchema, item, at, report);
    if (typeof claimed === "string") {
      const namePlace = typeof item === "string" ? at : at.at("name");
      if (names.has(claimed)) report.error(namePlace, `two nodes have the name ${claimed}`);
      if (claimed === RESERVED_NAME) report.error(namePlace, `the name ${RESERVED_NAME} is the physical switch's own`);
      names.add(claimed);
    }
    if (file === undefined) sound = false;
    else given.push({ file, place: at });
  }
  return sound ? given : undefined;
}

function completeNodes(given: readonly Given[], subnet: Cidr, place: Place, report: Report): readonly ClusterNode[] {
  const ips = new Map<number, string>();
  for (const { file, place: at } of given) {
    if (file.ip === undefined) continue;
    const ip = formatIpv4(file.ip);
    const owner = ips.get(file.ip);
    if (!contains(subnet, file.ip))
      report.error(at.at("ip"), `${ip} is not in the underlay's subnet ${formatCidr(subnet)}`);
    else if (!isHost(subnet, file.ip))
      report.error(
        at.at("ip"),
        `${ip} is no node's address: the first and the last of ${formatCidr(subnet)} are the network's own`,
      );
    else if (owner !== undefined) report.error(at.at("ip"), `${ip} is the address of ${owner} already`);
    ips.set(file.ip, owner ?? file.name);
  }
  const nodes: ClusterNode[] = [];
  const macs = new Map<number, { readonly name: string; readonly ip: number }>();
  let offset = FIRST_HOST;
  for (const [index, { file, place: at }] of given.entries()) {
    let ip = file.ip;
    if (ip === undefined) {
      while (ips.has(addressAt(subnet, offset))) offset++;
      if (offset >= sizeOf(subnet) - 1) {
        report.error(
          place,
          `the underlay's subnet ${formatCidr(subnet)} is too small: no address from ${formatIpv4(addressAt(subnet, FIRST_HOST))} on is left for ${file.name}, node ${index + 1} of ${given.length}`,
        );
        break;
      }
      ip = addressAt(subnet, offset++);
    }
    const mac = file.mac ?? 0x525400000000 + (ip & 0xffffff);
    const owner = macs.get(mac);
    // Two nodes with one address have one made of it, too: that has been told.
    if (owner !== undefined && owner.ip !== ip)
      report.error(
        file.mac === undefined ? at : at.at("mac"),
        `${formatMac(mac)} is the MAC address of ${owner.name} already`,
      );
    macs.set(mac, { name: file.name, ip });
    const role = file.role ?? (index === 0 ? "manager" : "worker");
    nodes.push({ name: file.name, role, ip, mac, labels: new Map(Object.entries(file.labels ?? {})) });
  }
  return nodes;
}
