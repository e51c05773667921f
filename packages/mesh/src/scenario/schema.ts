/**
 * The scenario language: what each key is, means and defaults to. Checking, the types below and the reference page
 * (reference.ts) all follow this file. The Compose part is in compose-schema.ts.
 */
import * as v from "valibot";
import { either, type Entries, isMap, isText, list, map, optional, record, required, type Schema } from "./check.ts";
import { composeEntries } from "./compose-schema.ts";
import type { Cidr } from "./scenario.ts";
import { bytes, duration, integer, ipv4, mac, name, oneOf, subnet, text } from "./values.ts";

export const DEFAULT_SUBNET: Cidr = { address: (192 << 24) | (168 << 16) | (77 << 8), prefixLength: 24 };
export const DEFAULT_MTU = 1500;
/** Nanoseconds from a node to the switch, cable and both ends' hardware. */
export const DEFAULT_LATENCY_NS = 20_000;
export const DEFAULT_DATA_PATH_PORT = 4789;
export const DEFAULT_SEED = 1;
/** The first node gets .11, as nodes do in the examples of half the internet. */
export const FIRST_HOST = 11;
const MAX_NODES = 10_000;

export interface NodeFile {
  readonly name: string;
  readonly role: "manager" | "worker" | undefined;
  readonly ip: number | undefined;
  readonly mac: number | undefined;
  readonly labels: Readonly<Record<string, string>> | undefined;
}

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
};

const nodeMap: Schema<NodeFile> = map(nodeEntries, "a node's name, or a map with its name");
const nodeName: Schema<NodeFile> = v.pipe(
  name,
  v.transform(
    (found): NodeFile => ({ name: found, role: undefined, ip: undefined, mac: undefined, labels: undefined }),
  ),
);

/** A node in the list of nodes. */
export const node: Schema<NodeFile> = either(isText, nodeName, nodeMap);

export const nodeCount: Schema<number> = integer(
  1,
  MAX_NODES,
  `a list of nodes, or their number from 1 to ${MAX_NODES}`,
);

export const underlaySubnet: Schema<Cidr> = subnet;
export const underlayMtu: Schema<number> = bytes(68, 65_535);
export const dataPathPort: Schema<number> = integer(1024, 49_151);

export const underlayEntries: Entries = {
  subnet: optional(underlaySubnet, "The physical network that the nodes share.", { default: "`192.168.77.0/24`" }),
  mtu: optional(underlayMtu, "Largest IP packet on each node's `eth0` and on the switch.", {
    default: "`1500`",
    unit: "bytes",
  }),
  latency: optional(duration, "One-way delay of the link between a node and the switch.", {
    default: "`20us`",
    unit: "with its unit",
  }),
};

export const clusterEntries: Entries = {
  nodes: required(
    either((value) => typeof value === "number", nodeCount, list(node, "a list of nodes, or their number")),
    "The nodes. A number makes `node-1`, `node-2` and so on; a name alone is a node with defaults.",
  ),
  underlay: optional(map(underlayEntries), "The physical network: one switch, and a link from it to each node.", {
    default: "see below",
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

export const pinnedNode: Schema<string> = text("a node's name", "node name");
export const pinnedAddress: Schema<number> = ipv4;
export const title: Schema<string> = text();
export const stackName: Schema<string> = name;

export const scenarioEntries: Entries = {
  name: optional(title, "A title for people.", { default: "the file's name" }),
  cluster: required(map(clusterEntries), "The machines."),
  compose: required(
    either(isText, text("a path", "path"), map(composeEntries, "a path to a stack file, or the stack itself")),
    "The stack: a file that `docker stack deploy` would take, by its path from this file, or the same inline.",
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
