/** A swarm without an engine: its operations run on a clock that jumps, its requests are drawn, printed and counted. */
import { readFileSync } from "node:fs";
import { formatIpv4, formatMac, parseIpv4, parseMac } from "@hopscope/codec/address";
import { ChainError, Iptables } from "../../src/netfilter/iptables.ts";
import type { Kernel, Service } from "../../src/scenario/scenario.ts";
import { formatCidr, parseCidr } from "../../src/swarm/cidr.ts";
import { formatRequest } from "../../src/swarm/format-request.ts";
import { ROTATION_INTERVAL } from "../../src/swarm/key-manager.ts";
import { type Operation, Timeline } from "../../src/swarm/operation.ts";
import { createService } from "../../src/swarm/orchestrator.ts";
import { Picture } from "../../src/swarm/picture.ts";
import type { DevicePlan, NamespacePlan } from "../../src/swarm/plan.ts";
import type { IptablesRequest, Request } from "../../src/swarm/request.ts";
import { type Choices, NO_CHOICES } from "../../src/swarm/choices.ts";
import { Swarm } from "../../src/swarm/swarm.ts";
import { versionOf } from "../../src/swarm/version.ts";
import { type Container, type ContainerOptions, createContainer, startContainer } from "../../src/swarm/container.ts";

export const ip = (text: string): number => parseIpv4(text)!;

/** The three nodes of the recordings. */
const NODES = ["swarm-manager", "swarm-worker1", "swarm-worker2"];

export class World {
  readonly timeline: Timeline;
  readonly swarm: Swarm;
  readonly picture: Picture = new Picture();
  readonly requests: { readonly at: number; readonly request: Request }[] = [];
  /** What iptables would not do. */
  readonly refused: string[] = [];
  /** `NODE NETNS` to its tables. */
  readonly #tables = new Map<string, Iptables>();

  constructor(
    version: string,
    choices: Partial<Choices> = {},
    nodes: readonly string[] = NODES,
    healthyAfter: (image: string) => number = () => 0,
    kernel: Kernel = { ipvs: false, forwarding: false },
  ) {
    this.timeline = new Timeline((request) => this.#take(request));
    const machines = nodes.map((name, index) => ({
      name,
      role: index === 0 ? ("manager" as const) : ("worker" as const),
      ip: ip("192.168.77.11") + index,
      mac: parseMac("52:54:00:77:00:0b")! + index,
      labels: new Map<string, string>(),
      docker: "28" as const,
      kernel,
      link: { latencyNs: 0, rate: undefined, loss: 0, duplicate: 0, reorder: 0 },
      version: versionOf(version)!,
    }));
    for (const machine of machines) this.picture.addNode(machine, 1500, 24);
    this.swarm = new Swarm(
      {
        nodes: machines,
        underlay: parseCidr("192.168.77.0/24")!,
        dataPathPort: 4789,
        dns: [ip("192.168.77.100")],
        keyRotation: ROTATION_INTERVAL,
        pool: { subnet: parseCidr("10.0.0.0/8")!, prefixLength: 24 },
        seed: 1,
        choices: { ...NO_CHOICES, ...choices },
        healthyAfter,
      },
      this.timeline,
    );
    this.swarm.start();
    this.settle();
  }

  #take(request: Request): void {
    this.requests.push({ at: this.timeline.now, request });
    this.picture.add(request);
    if (request.kind === "netns-delete") this.#tables.delete(`${request.node} ${request.netns}`);
    if (request.kind === "resolver-start") {
      const { node, netns, udpPort, tcpPort } = request;
      this.swarm.resolverRules.program(udpPort, tcpPort, (table, chain, change) =>
        this.#change({ kind: "iptables", node, netns, table, chain, ...change }),
      );
    }
    if (request.kind === "iptables") this.#change(request);
  }

  #change(request: IptablesRequest): void {
    try {
      this.#changeTables(request);
    } catch (error) {
      if (!(error instanceof ChainError)) throw error;
      this.refused.push(...formatRequest(request));
    }
  }

  #changeTables(request: IptablesRequest): void {
    const { table, chain } = request;
    const tables = this.tables(request.node, request.netns);
    if (request.change === "new-chain") tables.newChain(table, chain);
    else if (request.change === "ensure-chain") {
      if (tables.chain(table, chain) === undefined) tables.newChain(table, chain);
    } else if (request.change === "ensure") {
      if (!tables.contains(table, chain, request.rule))
        tables[request.at === "top" ? "insert" : "append"](table, chain, request.rule);
    } else if (request.change === "policy") tables.setPolicy(table, chain, request.policy);
    else tables[request.change](table, chain, request.rule);
  }

  tables(node: string, netns: string): Iptables {
    const key = `${node} ${netns}`;
    const found = this.#tables.get(key) ?? new Iptables();
    this.#tables.set(key, found);
    return found;
  }

  /** Lets everything happen that happens by itself within so many seconds. */
  settle(seconds: number = 30): void {
    this.timeline.run(this.timeline.now + seconds * 1e9);
    this.timeline.now = Math.ceil(this.timeline.now / 1e9) * 1e9;
  }

  /** Runs an operation to its end, and what it sets off. */
  do<Result>(operation: Operation<Result>, node: string = "swarm-manager"): Result {
    let outcome: { readonly result: Result } | { readonly error: unknown } | undefined;
    function* watched(): Operation {
      try {
        outcome = { result: yield* operation };
      } catch (error) {
        outcome = { error };
      }
    }
    this.timeline.start(node, watched(), 0);
    this.settle();
    if (outcome === undefined) throw new Error("the operation does not end");
    if ("error" in outcome) throw outcome.error;
    return outcome.result;
  }

  overlay(
    name: string,
    subnet?: string,
    options: { readonly internal?: boolean; readonly attachable?: boolean; readonly encrypted?: boolean } = {},
  ): void {
    this.swarm.networkAllocator.add({
      name,
      subnets: subnet === undefined ? [] : subnet.split(",").map((each) => parseCidr(each)!),
      gateways: [],
      vnis: [],
      mtu: 1450,
      encrypted: options.encrypted ?? false,
      attachable: options.attachable ?? true,
      internal: options.internal ?? false,
    });
  }

  service(name: string, replicas: number, networks: readonly string[], more: Partial<Service> = {}): void {
    this.do(createService(this.swarm, serviceSpec(name, replicas, networks, more)));
  }

  /** `docker run -d`. */
  run(node: string, name: string, network: string = "bridge", more: Partial<ContainerOptions> = {}): Container {
    const engine = this.swarm.engine(node);
    const options: ContainerOptions = {
      name,
      shortName: name,
      image: "bb:1",
      argv: ["web"],
      attachments: [{ network }],
      ports: [],
      dns: [],
      ...more,
    };
    function* run(): Operation<Container> {
      const container = yield* createContainer(engine, options);
      yield* startContainer(engine, container);
      return container;
    }
    return this.do(run(), node);
  }

  namespaces(node: string): ReadonlyMap<string, NamespacePlan> {
    const plan = this.picture.plan(this.swarm, { mtu: 1500, latencyNs: 0 });
    const found = plan.nodes.find((each) => each.name === node)!;
    return new Map(found.namespaces.map((namespace) => [namespace.name, namespace]));
  }

  /** As iptables-save prints it, without counters and comments. */
  rules(node: string, netns: string): readonly string[] {
    const lines = this.tables(node, netns).save();
    return lines
      .filter((line) => line !== "COMMIT")
      .map((line) => (line.startsWith(":") ? line.split(" [")[0]! : line));
  }
}

export function serviceSpec(
  name: string,
  replicas: number,
  networks: readonly string[],
  more: Partial<Service> = {},
): Service {
  return {
    name,
    image: "bb:1",
    command: ["web"],
    mode: "replicated",
    replicas,
    endpointMode: "vip",
    constraints: [],
    networks,
    aliases: new Map(),
    ports: [],
    hostname: undefined,
    dns: [],
    ...more,
  };
}

/** What a node of a real swarm had (fixtures/swarm-state). */
export interface RealNamespace {
  readonly forwarding: number;
  readonly devices: readonly RealDevice[];
  readonly routes: readonly string[];
  /** Permanent neighbors of its vxlan device: address, MAC, VTEP of the FDB entry. */
  readonly peers?: readonly string[];
  readonly rules?: readonly string[];
}

export interface RealDevice {
  readonly name: string;
  readonly index: number;
  readonly kind: string;
  readonly mac: string;
  readonly mtu: number;
  readonly peer?: number;
  readonly master?: string;
  readonly vni?: number;
  readonly port?: number;
  readonly addresses?: readonly string[];
}

export function realState(name: string): Readonly<Record<string, Readonly<Record<string, RealNamespace>>>> {
  const file = new URL(`../../../../fixtures/swarm-state/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, "utf8")) as Readonly<Record<string, Readonly<Record<string, RealNamespace>>>>;
}

/** `br-IDENTIFIER` and `vethXXXXXXX` are chance: numbered by first mention. */
export function normalize(lines: readonly string[]): readonly string[] {
  const names = new Map<string, string>();
  const number =
    (prefix: string) =>
    (name: string): string => {
      if (!names.has(name)) names.set(name, `${prefix}${names.size}`);
      return names.get(name)!;
    };
  return lines.map((line) =>
    line.replaceAll(/br-[0-9a-f]{12}/g, number("br-")).replaceAll(/(127\.0\.0\.11:|--sport )\d{5}/g, "$1PORT"),
  );
}

export function routesOf(namespace: NamespacePlan): readonly string[] {
  const connected = namespace.devices.flatMap((device) =>
    device.kind === "loopback"
      ? []
      : device.addresses.map(({ ip: address, prefixLength }) => {
          const network = address & (prefixLength === 0 ? 0 : -1 << (32 - prefixLength));
          return `${formatCidr({ address: network, prefixLength })} dev ${device.name}`;
        }),
  );
  const others = namespace.routes.map(({ destination, prefixLength, via, device }) => {
    const to = prefixLength === 0 ? "default" : formatCidr({ address: destination, prefixLength });
    return `${to} via ${formatIpv4(via!)} dev ${device}`;
  });
  return [...others, ...connected].toSorted();
}

/** A device without what chance decides. */
export function deviceLine(device: DevicePlan): string {
  const mac = "mac" in device && device.mac !== undefined ? formatMac(device.mac) : "";
  const name = device.name.replace(/^veth[0-9a-f]{7}$/, "vethXXXXXXX").replace(/^br-.*/, "br-");
  const master = "master" in device && device.master !== undefined ? device.master.replace(/^br-.*/, "br-") : "";
  const addresses = device.addresses.map((address) =>
    formatCidr({ address: address.ip, prefixLength: address.prefixLength }),
  );
  const vni = device.kind === "vxlan" ? `vni ${device.vni} port ${device.port}` : "";
  return [name, device.mtu, master, mac.startsWith("02:42:0a:") ? mac : "", vni, addresses.join(",")].join(" ");
}

export function realDeviceLine(device: RealDevice): string {
  const name = device.name.replace(/^veth[0-9a-f]{7}$/, "vethXXXXXXX").replace(/^br-.*/, "br-");
  const master = device.master?.replace(/^br-.*/, "br-") ?? "";
  const vni = device.kind === "vxlan" ? `vni ${device.vni} port ${device.port}` : "";
  const mac = device.mac.startsWith("02:42:0a:") ? device.mac : "";
  return [name, device.mtu, master, mac, vni, device.addresses?.join(",") ?? ""].join(" ");
}

/** ipvsadm's option for how packets get to a real server. */
export const FORWARDING_LETTER = { masq: "m", droute: "g" } as const;
