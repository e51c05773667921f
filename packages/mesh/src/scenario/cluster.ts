/** Reads `cluster`: the machines with their defaults filled in, and the network under them. */
import { PERFECT_LINK } from "../devices/link.ts";
import { formatCidr } from "../swarm/cidr.ts";
import { ROTATION_INTERVAL } from "../swarm/key-manager.ts";
import { DEFAULT_POOL } from "../swarm/networks.ts";
import { check, hasUnknown, openMap, type Schema } from "./check.ts";
import { isList } from "./compose-key.ts";
import type { Place, Report } from "./diagnostic.ts";
import { DEFAULT_DOCKER, type DockerVersion, dockerVersion } from "./docker-version.ts";
import { filesOf, readCommand } from "./images.ts";
import { linkEntries, type LinkFile, linkOf } from "./link.ts";
import { addressMachines, readMachines, type Given, type MachineFile, type MachinesReading } from "./machines.ts";
import type {
  AddressPool,
  Cidr,
  Cluster,
  ClusterHost,
  ClusterNode,
  Kernel,
  LinkProperties,
  Underlay,
} from "./scenario.ts";
import {
  addressPool,
  addressPoolPrefix,
  BLANK_NODE,
  clusterEntries,
  dataPathPort,
  DEFAULT_DATA_PATH_PORT,
  DEFAULT_MTU,
  DEFAULT_SUBNET,
  dnsServers,
  FIRST_HOST,
  FIRST_NODE,
  host as hostSchema,
  type HostFile,
  kernel as kernelSchema,
  NO_FORWARDING,
  keyRotation,
  NO_IPVS,
  node as nodeSchema,
  nodeCount,
  type NodeFile,
  underlayEntries,
  underlayMtu,
  underlaySubnet,
} from "./schema.ts";
import { truth } from "./values.ts";

type CheckProgram = (argv: readonly string[]) => string | undefined;

export interface ClusterReading {
  /** Undefined if something is wrong with it. */
  readonly cluster: Cluster | undefined;
  /** The subnet under the nodes, if at least that is sound. */
  readonly subnet: Cidr | undefined;
  /** The pool of overlays' subnets, if that is sound. */
  readonly pool: AddressPool | undefined;
  /** Every name that a node is given, also of nodes that are otherwise wrong; none if a machine's cannot be read. */
  readonly names: ReadonlySet<string>;
  /** The same of machines beside the swarm. */
  readonly hosts: ReadonlySet<string>;
  /** The first manager, if the nodes can be read. */
  readonly manager: string | undefined;
}

export const NO_CLUSTER: ClusterReading = {
  cluster: undefined,
  subnet: undefined,
  pool: undefined,
  names: new Set(),
  hosts: new Set(),
  manager: undefined,
};

const NO_MACHINES: MachinesReading<never> = { machines: [], sound: true, areNamed: true };

interface UnderlayReading {
  readonly underlay: Underlay;
  readonly link: LinkProperties;
}

/** `checkProgram` says what is wrong with a command of a machine beside the swarm. */
export function readCluster(
  value: unknown,
  place: Place,
  report: Report,
  checkProgram: CheckProgram = () => undefined,
): ClusterReading {
  const before = report.found;
  const keys = openMap(value, clusterEntries, place, report) ?? {};
  const given = <T>(key: string, schema: Schema<T>): T | undefined =>
    keys[key] === undefined ? undefined : check(schema, keys[key], place.at(key), report);
  const under = readUnderlay(keys["underlay"], place.at("underlay"), report);
  const dataPath = given("data_path_port", dataPathPort) ?? DEFAULT_DATA_PATH_PORT;
  const rotation = given("key_rotation", keyRotation) ?? ROTATION_INTERVAL;
  if (rotation === 0) report.error(place.at("key_rotation"), "expected a duration above 0");
  const docker = given("docker", dockerVersion) ?? DEFAULT_DOCKER;
  const kernel = given("kernel", kernelSchema);
  const dns = given("dns", dnsServers) ?? [];
  const beforePool = report.found;
  const poolSubnet = given("default_addr_pool", addressPool);
  const poolPrefix = given("default_addr_pool_mask_length", addressPoolPrefix);
  const pool = report.found === beforePool ? readPool(poolSubnet, poolPrefix, place, report) : undefined;

  const names = new Set<string>();
  const hostNames = new Set<string>();
  const nodeFiles = readNodes(keys["nodes"], place.at("nodes"), report, names);
  const hostFiles =
    keys["hosts"] === undefined
      ? NO_MACHINES
      : readMachines<HostFile>(keys["hosts"], hostSchema, "hosts", place.at("hosts"), report, [names, hostNames]);
  const programs = new Map(hostFiles?.machines.map((one) => [one, readPrograms(one, checkProgram, report)]));
  const areSound = nodeFiles?.sound === true && hostFiles?.sound === true;
  const subnet = under?.underlay.subnet;
  let nodes: readonly ClusterNode[] = [];
  let hosts: readonly ClusterHost[] = [];
  if (under !== undefined && subnet !== undefined) {
    // Which addresses the others get depends on the machines that are wrong.
    const certain = <F extends MachineFile>(some: MachinesReading<F> | undefined): readonly Given<F>[] =>
      (some?.machines ?? []).filter(({ file }) => areSound || file.ip !== undefined);
    const addresses = addressMachines(
      [
        { machines: certain(nodeFiles), first: FIRST_NODE, what: "node", place: place.at("nodes") },
        { machines: certain(hostFiles), first: FIRST_HOST, what: "machine", place: place.at("hosts") },
      ],
      subnet,
      report,
    );
    if (areSound) {
      nodes = nodeFiles.machines.flatMap(({ file }, index) =>
        completeNode(file, index, addresses, under.link, docker, kernel),
      );
      hosts = hostFiles.machines.flatMap((one) => completeHost(one, addresses, under.link, programs.get(one) ?? []));
    }
  }
  if (nodeFiles?.sound === true && nodeFiles.machines.every(({ file }) => file.role === "worker"))
    report.error(place.at("nodes"), "expected at least one manager, found workers only");
  const manager = nodes.find((node) => node.role === "manager")?.name;
  if (nodeFiles?.areNamed !== true || hostFiles?.areNamed !== true || hasUnknown(keys, clusterEntries, isList)) {
    names.clear();
    hostNames.clear();
  }
  const sound = report.found === before && under !== undefined && pool !== undefined;
  const cluster = sound
    ? { nodes, hosts, dataPathPort: dataPath, keyRotation: rotation, underlay: under.underlay, dns, addressPool: pool }
    : undefined;
  return { cluster, subnet, pool, names, hosts: hostNames, manager };
}

function readPool(
  subnet: Cidr | undefined,
  prefixLength: number | undefined,
  place: Place,
  report: Report,
): AddressPool | undefined {
  const pool = { subnet: subnet ?? DEFAULT_POOL.subnet, prefixLength: prefixLength ?? DEFAULT_POOL.prefixLength };
  if (pool.prefixLength >= pool.subnet.prefixLength) return pool;
  report.error(
    place.at(prefixLength === undefined ? "default_addr_pool" : "default_addr_pool_mask_length"),
    `subnets with a prefix length of ${pool.prefixLength} do not fit into the pool ${formatCidr(pool.subnet)}`,
  );
  return undefined;
}

function readUnderlay(value: unknown, place: Place, report: Report): UnderlayReading | undefined {
  const keys = value === undefined ? {} : openMap(value, underlayEntries, place, report);
  if (keys === undefined) return undefined;
  const given = <T>(key: string, schema: Schema<T>): T | undefined =>
    keys[key] === undefined ? undefined : check(schema, keys[key], place.at(key), report);
  const subnet = keys["subnet"] === undefined ? DEFAULT_SUBNET : given("subnet", underlaySubnet);
  const mtu = given("mtu", underlayMtu) ?? DEFAULT_MTU;
  const entries = Object.entries(linkEntries).map(([key, schema]) => [key, given(key, schema)]);
  const oneKernel = given("one_kernel", truth) ?? false;
  const link = linkOf(
    Object.fromEntries(entries) as LinkFile,
    oneKernel ? { ...PERFECT_LINK, latencyNs: 0 } : PERFECT_LINK,
  );
  // The subnet alone is enough to go on looking for mistakes; the errors told above keep the scenario from running.
  return subnet === undefined ? undefined : { underlay: { subnet, mtu, latencyNs: link.latencyNs, oneKernel }, link };
}

function readNodes(
  value: unknown,
  place: Place,
  report: Report,
  names: Set<string>,
): MachinesReading<NodeFile> | undefined {
  if (value === undefined) return undefined;
  if (Array.isArray(value)) return readMachines<NodeFile>(value, nodeSchema, "nodes", place, report, [names]);
  const count = check(nodeCount, value, place, report);
  if (count === undefined) return undefined;
  const given = Array.from({ length: count }, (_, index) => ({
    file: { name: `node-${index + 1}`, ...BLANK_NODE },
    place,
  }));
  for (const { file } of given) names.add(file.name);
  return { machines: given, sound: true, areNamed: true };
}

type Addresses = ReadonlyMap<string, { readonly ip: number; readonly mac: number }>;

function completeNode(
  file: NodeFile,
  index: number,
  addresses: Addresses,
  link: LinkProperties,
  docker: DockerVersion,
  kernel: readonly string[] | undefined,
): readonly ClusterNode[] {
  const address = addresses.get(file.name);
  if (address === undefined) return [];
  return [
    {
      name: file.name,
      role: file.role ?? (index === 0 ? "manager" : "worker"),
      ...address,
      labels: new Map(Object.entries(file.labels ?? {})),
      docker: file.docker ?? docker,
      kernel: kernelOf(file.kernel ?? kernel ?? []),
      link: linkOf(file.link, link),
    },
  ];
}

function kernelOf(words: readonly string[]): Kernel {
  return { ipvs: !words.includes(NO_IPVS), forwarding: !words.includes(NO_FORWARDING) };
}

function readPrograms(
  { file, place }: Given<HostFile>,
  checkProgram: CheckProgram,
  report: Report,
): ClusterHost["programs"] {
  return (file.programs ?? []).flatMap((line, index) => {
    if (line === undefined) return [];
    const at = place.at("programs", index);
    const argv = readCommand(line, at, report);
    const problem = argv.length === 0 ? undefined : checkProgram(argv);
    if (problem !== undefined) report.error(at, problem);
    return [{ argv, position: at.position() }];
  });
}

function completeHost(
  { file }: Given<HostFile>,
  addresses: Addresses,
  link: LinkProperties,
  programs: ClusterHost["programs"],
): readonly ClusterHost[] {
  const address = addresses.get(file.name);
  if (address === undefined) return [];
  return [{ name: file.name, ...address, link: linkOf(file.link, link), programs, files: filesOf(file.files) }];
}
