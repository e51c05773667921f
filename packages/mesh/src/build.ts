/**
 * Makes a mesh: the machines and the switch between them, and the swarm on them, which its Docker engines deploy
 * (./docker/docker.ts). The parts that have no Docker in them are there for tests that build a mesh of their own.
 */
import { formatIpv4 } from "@hopscope/codec/address";
import { Docker } from "./docker/docker.ts";
import { Bridge } from "./devices/bridge.ts";
import { PERFECT_LINK } from "./devices/link.ts";
import { Loopback } from "./devices/loopback.ts";
import { Nic } from "./devices/nic.ts";
import { FramePool } from "./frame.ts";
import { Netns } from "./netns.ts";
import { Node } from "./node.ts";
import { Chance, type ChancePins } from "./sim/chance.ts";
import { Pace } from "./sim/pace.ts";
import { Random } from "./sim/random.ts";
import { type Environment, UsageError } from "./program/program.ts";
import { spawn } from "./program/shell.ts";
import { imageOf } from "./scenario/images.ts";
import type { ClusterHost, ClusterNode, LinkProperties, Scenario, Underlay } from "./scenario/scenario.ts";
import { Simulator } from "./sim/simulator.ts";
import { Softnet } from "./sim/softnet.ts";
import { planOf } from "./swarm/plan-of.ts";
import type { Request } from "./swarm/request.ts";
import { DEFAULT_VERSION, versionOf } from "./swarm/version.ts";
import { swarmOptions } from "./swarm/options.ts";
import type { SwarmPlan } from "./swarm/plan.ts";
import { Recorder } from "./trace/recorder.ts";
import type { AeadMaker } from "./xfrm/aead.ts";

/** A swarm that can run. */
export interface Mesh {
  readonly plan: SwarmPlan;
  readonly simulator: Simulator;
  readonly frames: FramePool;
  readonly recorder: Recorder;
  /** How long programs think. */
  readonly pace: Pace;
  /** What is decided by chance while a run goes on. */
  readonly chance: Chance;
  readonly nodes: ReadonlyMap<string, Node>;
  /** Namespace of each task. */
  readonly tasks: ReadonlyMap<string, Netns>;
  /** The machines themselves, for programs on them. */
  readonly machines: ReadonlyMap<string, Environment>;
  /** What captures call namespaces that have another name there. */
  readonly captureNames: ReadonlyMap<string, string>;
  /** The Docker engines; undefined in a mesh that has none. */
  readonly docker: Docker | undefined;
}

export const SWITCH = "switch";

/**
 * The machines of a scenario with its swarm deployed. `aead`: the cipher of encrypted networks; `onRequest` is told what
 * the engines ask of their kernels.
 */
export function deploy(scenario: Scenario, aead?: AeadMaker, onRequest?: (request: Request) => void): Mesh {
  const { cluster, run, stack } = scenario;
  const { nodes, hosts, underlay } = cluster;
  const mesh = bareMesh(run.seed, { addressOrders: scenario.pins.dns }, underlay.oneKernel, aead);
  mesh.captureNames = scenario.pins.namespaces;
  for (const node of nodes) {
    addMachine(mesh, node, underlay, new Map([["/etc/resolv.conf", resolvConf(cluster.dns)]]));
    const machine = mesh.nodes.get(node.name)!;
    machine.iptables = (versionOf(node.docker) ?? DEFAULT_VERSION).iptables;
    machine.hasIpvs = node.kernel.ipvs;
  }
  for (const host of hosts) addMachine(mesh, host, underlay, host.files);
  buildSwitch(mesh.addNode(SWITCH), [...nodes, ...hosts], underlay, mesh.nodes);
  knowEachOther(
    nodes.map(({ name, ip }) => ({ name, vtep: ip })),
    mesh.nodes,
  );
  const docker = new Docker(mesh, swarmOptions(scenario), (image) => imageOf(image, scenario.images), onRequest);
  mesh.docker = docker;
  docker.deploy(stack);
  mesh.plan = planOf(docker.swarm, underlay);
  for (const { name, programs } of hosts) for (const { argv } of programs) startProgram(argv, mesh.machines.get(name)!);
  return mesh;
}

/** A command that is no program runs all the same, and does nothing; `checkSteps` has told. */
function startProgram(argv: readonly string[], environment: Environment): void {
  try {
    spawn(argv, environment);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
  }
}

/** As Debian installs it. */
const HOSTS = [
  "/etc/hosts",
  "127.0.0.1\tlocalhost\n::1\t\tlocalhost ip6-localhost ip6-loopback\nff02::1\t\tip6-allnodes\nff02::2\t\tip6-allrouters\n",
] as const;

/** A machine with its interface, not plugged in yet. */
function addMachine(
  mesh: BareMesh,
  { name, ip, mac, link }: ClusterNode | ClusterHost,
  underlay: Underlay,
  files: ReadonlyMap<string, string>,
): void {
  const netns = new Netns(mesh.addNode(name), "host");
  netns.addAddress(new Loopback(netns, { name: "lo", mtu: LOOPBACK_MTU, mac: 0 }), LOOPBACK_IP, 8);
  const eth0 = new Nic(netns, { name: "eth0", mtu: underlay.mtu, mac }, link);
  netns.addAddress(eth0, ip, underlay.subnet.prefixLength);
  mesh.machines.set(name, { netns, hostname: name, files: new Map([HOSTS, ...files]), mesh, userland: "debian" });
}

/** A cable that only delays. */
export function delay(latencyNs: number): LinkProperties {
  return { ...PERFECT_LINK, latencyNs };
}

function resolvConf(servers: readonly number[]): string {
  return servers.map((server) => `nameserver ${formatIpv4(server)}\n`).join("");
}

const LOOPBACK_MTU = 65_536;
const LOOPBACK_IP = 0x7f000001;
const NO_PLAN: SwarmPlan = { nodes: [], networks: [], tasks: [], switch: { mtu: 0, latencyNs: 0 } };

export interface BareMesh extends Mesh {
  plan: SwarmPlan;
  docker: Docker | undefined;
  captureNames: ReadonlyMap<string, string>;
  readonly nodes: Map<string, Node>;
  readonly tasks: Map<string, Netns>;
  readonly machines: Map<string, Environment>;
  addNode(name: string): Node;
}

/** Without machines. `oneKernel`: a CPU for all nodes. */
export function bareMesh(seed: number, pins: ChancePins = {}, oneKernel: boolean = false, aead?: AeadMaker): BareMesh {
  const simulator = new Simulator();
  const shared = oneKernel ? new Softnet(true) : undefined;
  const frames = new FramePool();
  const recorder = new Recorder(frames);
  const nodes = new Map<string, Node>();
  const pace = new Pace();
  return {
    plan: NO_PLAN,
    simulator,
    frames,
    recorder,
    pace,
    chance: new Chance(seed, pins),
    nodes,
    tasks: new Map(),
    machines: new Map(),
    captureNames: new Map(),
    docker: undefined,
    addNode(name) {
      const node = new Node(name, simulator, frames, recorder, new Random(seed, `node:${name}`), shared);
      node.pace = pace;
      node.aead = aead;
      nodes.set(name, node);
      return node;
    },
  };
}

/** The physical switch: a bridge on a machine of its own, with a port and a cable for each node. */
export function buildSwitch(
  node: Node,
  plugs: readonly { readonly name: string; readonly link?: LinkProperties }[],
  { mtu, latencyNs }: { readonly mtu: number; readonly latencyNs: number },
  nodes: ReadonlyMap<string, Node>,
): void {
  const host = new Netns(node, "host");
  new Loopback(host, { name: "lo", mtu: 65_536, mac: 0 });
  const fabric = new Bridge(host, { name: "br0", mtu, mac: undefined });
  for (const { name, link } of plugs) {
    const options = { name: `p-${name}`, mtu, mac: node.random.mac() };
    const end = new Nic(host, options, link ?? delay(latencyNs));
    const nic = nicOf(nodes.get(name)!);
    nic.connect(end);
    // Gossip, see below: the switch does not forget where a node is.
    fabric.fdb.addStatic(nic.mac, fabric.addPort(end).number, 0);
  }
}

/** The interface that a node is connected by. */
function nicOf(node: Node): Nic {
  const nic = node.namespaces.get("host")?.devices.find((device) => device instanceof Nic);
  if (nic === undefined) throw new Error(`plan: ${node.name} has no network interface`);
  return nic;
}

/**
 * The nodes of a swarm talk to each other every second (gossip, UDP 7946): their neighbor entries never grow old. The
 * control plane itself is not modelled; its effect on the neighbor tables is put in place here.
 */
export function knowEachOther(
  plugs: readonly { readonly name: string; readonly vtep: number }[],
  nodes: ReadonlyMap<string, Node>,
): void {
  const macs = new Map<number, number>();
  for (const { name, vtep } of plugs) {
    const node = nodes.get(name)!;
    macs.set(vtep, nicOf(node).mac);
    node.namespaces.get("host")!.arp.acquaintances = macs;
  }
}
