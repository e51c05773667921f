/**
 * The scenario language: what each key is, means and defaults to. Checking, the types below and the reference page
 * (reference.ts) all follow this file. The Compose part is in compose-schema.ts.
 */
import * as v from "valibot";
import { either, type Entries, isMap, isText, list, map, optional, record, required, type Schema } from "./check.ts";
import { composeEntries } from "./compose-schema.ts";
import { type DockerVersion, dockerVersion } from "./docker-version.ts";
import { files, imageEntries } from "./image-schema.ts";
import { linkEntries, type LinkFile } from "./link.ts";
import { pinEntries } from "./pin-schema.ts";
import type { Cidr } from "./scenario.ts";
import { bytes, duration, integer, ipv4, mac, name, oneOf, subnet, text, truth } from "./values.ts";

export const DEFAULT_SUBNET: Cidr = { address: (192 << 24) | (168 << 16) | (77 << 8), prefixLength: 24 };
export const DEFAULT_MTU = 1500;
export const DEFAULT_DATA_PATH_PORT = 4789;
export const DEFAULT_SEED = 1;
/** The first node gets .11, as nodes do in the examples of half the internet. */
export const FIRST_NODE = 11;
/** The first machine beside the swarm gets .100. */
export const FIRST_HOST = 100;
/** What `docker swarm init` takes without being told. */
const MAX_NODES = 10_000;

export interface NodeFile {
  readonly name: string;
  readonly role: "manager" | "worker" | undefined;
  readonly ip: number | undefined;
  readonly mac: number | undefined;
  readonly labels: Readonly<Record<string, string>> | undefined;
  readonly docker: DockerVersion | undefined;
  readonly kernel: readonly string[] | undefined;
  readonly link: LinkFile | undefined;
}

export interface HostFile {
  readonly name: string;
  readonly ip: number | undefined;
  readonly mac: number | undefined;
  /** Undefined where one is wrong. */
  readonly programs: readonly (string | undefined)[] | undefined;
  readonly files: Readonly<Record<string, string | { readonly size: number }>> | undefined;
  readonly link: LinkFile | undefined;
}

/** What a kernel can be without. */
export const NO_IPVS = "no ip_vs";
/** The namespace of the machine that nodes are namespaces of. */
export const NO_FORWARDING = "no ip_forward";
export const kernel: Schema<string[]> = list(oneOf(NO_IPVS, NO_FORWARDING));
const kernelMeaning = `What the kernel lacks: \`${NO_IPVS}\`, without which virtual IPs and the routing mesh do not work. \`${NO_FORWARDING}\`: namespaces are born with \`net.ipv4.ip_forward\` 0, as in a laboratory whose nodes are namespaces of a machine that does not forward itself.`;

const nodeEntries = {
  name: required(name, "The node's host name: captures, placements and constraints use it."),
  role: optional(oneOf("manager", "worker"), "Its role in the swarm. Every node runs tasks, managers too.", {
    default: "`manager` for the first node, `worker` for the others",
  }),
  ip: optional(ipv4, "Address of `eth0`. The node advertises it, and VXLAN frames go there.", {
    default: "the next free one from the subnet's .11 on",
  }),
  mac: optional(mac, "MAC address of `eth0`.", { default: "`52:54:00` and the last three bytes of `ip`" }),
  labels: optional(
    record(either(isText, text(), scalarText()), "LABEL"),
    "Node labels, for `node.labels.LABEL` constraints.",
    {
      default: "none",
    },
  ),
  docker: optional(dockerVersion, "Docker's version on this node.", { default: "`cluster.docker`" }),
  kernel: optional(kernel, kernelMeaning, { default: "`cluster.kernel`" }),
  link: optional(map(linkEntries), "The cable from this node to the switch.", { default: "`cluster.underlay`" }),
};

export const BLANK_NODE = {
  role: undefined,
  ip: undefined,
  mac: undefined,
  labels: undefined,
  docker: undefined,
  kernel: undefined,
  link: undefined,
} as const;

const nodeMap: Schema<NodeFile> = map(nodeEntries, "a node's name, or a map with its name");
const nodeName: Schema<NodeFile> = v.pipe(
  name,
  v.transform((found): NodeFile => ({ name: found, ...BLANK_NODE })),
);

/** A node in the list of nodes. */
export const node: Schema<NodeFile> = either(isText, nodeName, nodeMap);

export const nodeCount: Schema<number> = integer(
  1,
  MAX_NODES,
  `a list of nodes, or their number from 1 to ${MAX_NODES}`,
);

const hostEntries = {
  name: required(name, "The machine's name: captures and the commands of `run` use it."),
  ip: optional(ipv4, "Address of `eth0`.", { default: "the next free one from the subnet's .100 on" }),
  mac: optional(mac, "MAC address of `eth0`.", { default: "`52:54:00` and the last three bytes of `ip`" }),
  programs: optional(
    list(text("a command such as httpd -f -p 80", "command")),
    "What runs on the machine from the start.",
    { default: "nothing" },
  ),
  files: optional(files, "What the machine's file system holds, by path.", { default: "nothing" }),
  link: optional(map(linkEntries), "The cable from this machine to the switch.", { default: "`cluster.underlay`" }),
};

/** A machine beside the swarm. */
export const host: Schema<HostFile> = map(hostEntries, "a map with the machine's name");

export const underlaySubnet: Schema<Cidr> = subnet;
export const underlayMtu: Schema<number> = bytes(68, 65_535);
export const dataPathPort: Schema<number> = integer(1024, 49_151);

export const underlayEntries: Entries = {
  subnet: optional(underlaySubnet, "The physical network that the nodes share.", { default: "`192.168.77.0/24`" }),
  mtu: optional(underlayMtu, "Largest IP packet on each node's `eth0` and on the switch.", {
    default: "`1500`",
    unit: "bytes",
  }),
  one_kernel: optional(
    truth,
    "All machines are network namespaces of one computer, as in a lab: one CPU serves them, what one sends the others have received before it goes on, and cables take no time unless `latency` says so.",
    { default: "false" },
  ),
  ...linkEntries,
};

export const addressPool: Schema<Cidr> = subnet;
export const addressPoolPrefix: Schema<number> = integer(8, 29);
export const dnsServers: Schema<number[]> = list(ipv4);

export const keyRotation: Schema<number> = duration;

export const clusterEntries: Entries = {
  nodes: required(
    either((value) => typeof value === "number", nodeCount, list(node, "a list of nodes, or their number")),
    "The nodes. A number makes `node-1`, `node-2` and so on; a name alone is a node with defaults.",
  ),
  hosts: optional(list(host), "Machines outside the swarm, on the same switch.", { default: "none" }),
  underlay: optional(
    map(underlayEntries),
    "The physical network: one switch, and a link from it to each machine. What is said here of links holds for all that say nothing themselves.",
    { default: "see below" },
  ),
  docker: optional(
    dockerVersion,
    "Docker's version on the nodes. `20.10` and `28` are recorded, others follow the source.",
    {
      default: "`28`",
    },
  ),
  kernel: optional(kernel, kernelMeaning, { default: "nothing" }),
  dns: optional(dnsServers, "DNS servers of the nodes' daemons (`dockerd --dns`).", {
    default: "none: names that are not Docker's are unknown",
  }),
  default_addr_pool: optional(
    addressPool,
    "Where overlay networks without a subnet get theirs (`docker swarm init --default-addr-pool`).",
    { default: "`10.0.0.0/8`" },
  ),
  default_addr_pool_mask_length: optional(addressPoolPrefix, "Prefix length of those subnets.", { default: "`24`" }),
  key_rotation: optional(keyRotation, "How often the managers renew the keys of encrypted overlays.", {
    default: "`12h`",
  }),
  data_path_port: optional(dataPathPort, "UDP port of VXLAN (`docker swarm init --data-path-port`).", {
    default: "`4789`",
  }),
};

/** The command lines of a run are read in steps.ts. */
export const stepText: Schema<string> = text("a command such as exec web.1 ping -c 1 10.0.1.4", "command");
export const seed: Schema<number> = integer(0, 4_294_967_295);

export const runEntries: Entries = {
  seed: optional(
    seed,
    "Decides all that is random in reality: MAC addresses of virtual devices, identifiers, hashes. Same seed, same bytes.",
    {
      default: "`1`",
    },
  ),
  setup: optional(list(stepText), "Commands before the recording starts; they fill bridge and neighbor tables.", {
    default: "none",
  }),
  steps: optional(list(stepText), "Commands that are recorded, each when the one before has ended.", {
    default: "none",
  }),
};

export const environment: Schema<Record<string, string>> = record(either(isText, text(), scalarText()), "VARIABLE");

export const pinnedNode: Schema<string> = text("a node's name", "node name");
export const pinnedAddress: Schema<number> = ipv4;
export const title: Schema<string> = text();
export const stackName: Schema<string> = name;

export const scenarioEntries: Entries = {
  name: optional(title, "A title for people.", { default: "the file's name" }),
  cluster: required(
    either(isText, text("a path", "path"), map(clusterEntries, "a path to a file, or the machines themselves")),
    "The machines, or the path of a file with these keys.",
  ),
  compose: optional(
    either(isText, text("a path", "path"), map(composeEntries, "a path to a stack file, or the stack itself")),
    "The stack: a file that `docker stack deploy` would take, by its path from this file, or the same inline.",
    { default: "no services" },
  ),
  environment: optional(
    environment,
    "What variables in the stack file stand for. Nothing is taken from the shell, so that a run stays repeatable.",
    { default: "nothing is set" },
  ),
  images: optional(
    either(isText, text("a path", "path"), record(map(imageEntries), "IMAGE")),
    "What the containers of an image run and serve, or the path of a file that says so. Built in: nginx, httpd, traefik/whoami, busybox, alpine, postgres and others.",
    { default: "built-in ones" },
  ),
  stack: optional(
    stackName,
    "Name of the stack. Docker puts it before the names of services and networks (`NAME_web`). Without it, names stay as written.",
    {
      default: "none",
    },
  ),
  placement: optional(
    record(pinnedNode, "TASK"),
    "Pins tasks (`web.1`) to nodes. Others go where the fewest tasks of their service are, then the fewest of all, then to the first node.",
    {
      default: "none",
    },
  ),
  addresses: optional(
    record(either(isMap, record(pinnedAddress, "NETWORK"), pinnedAddress), "NAME"),
    "Pins addresses: `web.1: 10.0.9.3`, or `web.1: {front: 10.0.9.3}` for a task with several networks; a service's name pins its virtual IP in the same way; `lb-NET: {NODE: 10.0.9.7}` pins a load-balancer endpoint. All else is handed out serially, as Docker does.",
    { default: "none" },
  ),
  pins: optional(map(pinEntries), "Further choices that are arbitrary in reality, made here instead of by the seed.", {
    default: "none",
  }),
  run: optional(map(runEntries), "What happens.", { default: "nothing" }),
};

/** Label values that YAML reads as a number or as truth are text all the same. */
function scalarText(): Schema<string> {
  const expected = "text";
  return v.pipe(
    v.custom<number | boolean>((found) => typeof found === "number" || typeof found === "boolean", expected),
    v.transform(String),
    v.metadata({ type: "text" }),
  );
}
