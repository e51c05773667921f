/** Networks: `docker network create`, `rm`, `ls`, `inspect`, `connect`, `disconnect`. */
import { UsageError } from "../program/program.ts";
import { MTU_OPTION, VNI_OPTION } from "../scenario/compose-schema.ts";
import type { Cidr } from "../scenario/scenario.ts";
import { createBridge, removeBridge } from "../swarm/bridge-driver.ts";
import { networkOf, parseCidr } from "../swarm/cidr.ts";
import { connect, disconnect } from "../swarm/container.ts";
import { DockerError, fromDaemon, Refusal } from "../swarm/docker-error.ts";
import { isPlain, type Network, OverlayNetwork } from "../swarm/network.ts";
import { VXLAN_OVERHEAD } from "../swarm/networks.ts";
import type { Operation } from "../swarm/operation.ts";
import type { Call, Command } from "./cli-call.ts";
import { printInspected, readIp } from "./cli-containers.ts";
import { type FilterKeys, filtered, matches } from "./cli-filter.ts";
import { printListing } from "./cli-format.ts";
import { createdText, networkJson } from "./cli-inspect.ts";
import { flags } from "./cli-options.ts";

const SHORT_ID = 12;

function readSubnet(text: string): Cidr {
  const cidr = parseCidr(text);
  if (cidr === undefined) throw new UsageError(`invalid CIDR address: ${text}`);
  return networkOf(cidr);
}

function optionsIn(call: Call): ReadonlyMap<string, string> {
  return new Map(
    call.words.all("opt").map((text) => {
      const equals = text.indexOf("=");
      return equals < 0 ? [text, ""] : [text.slice(0, equals), text.slice(equals + 1)];
    }),
  );
}

function* createOperation(call: Call): Operation<Network> {
  const { words, engine, swarm } = call;
  const name = words.rest[0]!;
  const driver = words.value("driver") ?? "bridge";
  const options = optionsIn(call);
  const subnets = words.all("subnet").map(readSubnet);
  const gateways = words.all("gateway").map(readIp);
  const mtu = Number(options.get(MTU_OPTION) ?? 1500);
  if (driver === "overlay") {
    if (engine.node.role !== "manager")
      throw new DockerError(
        "Cannot create a multi-host network from a worker node. Please create the network from a manager node.",
      );
    const vnis = (options.get(VNI_OPTION) ?? "")
      .split(",")
      .filter((text) => text !== "")
      .map(Number);
    return swarm.networkAllocator.add({
      name,
      subnets,
      gateways,
      vnis,
      mtu: mtu - VXLAN_OVERHEAD,
      // Whatever its value is.
      encrypted: options.has("encrypted"),
      dsr: options.has("dsr"),
      attachable: words.has("attachable"),
      internal: words.has("internal"),
    });
  }
  if (driver !== "bridge")
    throw new DockerError(`could not find plugin ${driver} in v1 plugin registry: plugin not found`);
  yield 0;
  const [subnet] = subnets;
  const [gateway] = gateways;
  const device = options.get("com.docker.network.bridge.name");
  return createBridge(engine, {
    name,
    mtu,
    icc: options.get("com.docker.network.bridge.enable_icc") !== "false",
    isInternal: words.has("internal"),
    ...(device === undefined ? {} : { device }),
    ...(subnet === undefined ? {} : { subnet }),
    ...(gateway === undefined ? {} : { gateway }),
  });
}

function* create(call: Call): Generator<void, number, boolean> {
  const network = yield* call.wait(createOperation(call));
  call.print(network.id);
  return 0;
}

function find(call: Call, name: string): Network {
  const network = call.engine.network(name);
  if (network === undefined || !isSeen(call, network)) throw Refusal.networkNotFound(name);
  return network;
}

/** A worker knows an overlay only while it has something in it. */
function isSeen({ engine }: Call, network: Network): boolean {
  return !(network instanceof OverlayNetwork) || engine.node.role === "manager" || engine.overlays.has(network.name);
}

function* removeOperation(call: Call, name: string): Operation {
  const { engine, swarm } = call;
  yield 0;
  const network = find(call, name);
  if (network instanceof OverlayNetwork) return swarm.networkAllocator.remove(network);
  if (isPlain(network) || network.isDefault) throw Refusal.predefined(network.name);
  for (const container of engine.containers.values()) {
    const endpoint = container.sandbox.endpointIn(network.name);
    if (endpoint !== undefined) throw Refusal.hasActiveEndpoints(network.name, network.id, container.name);
  }
  removeBridge(engine, network);
}

function* remove(call: Call): Generator<void, number, boolean> {
  return yield* call.each(call.words.rest, function* (name) {
    yield* call.wait(removeOperation(call, name));
  });
}

function list(call: Call): number {
  const { engine, swarm, words } = call;
  const all: Network[] = [...engine.bridges.values(), ...engine.plain.values(), ...swarm.networks.values()];
  const shown = all.filter((network) => isSeen(call, network)).sort((a, b) => (a.name < b.name ? -1 : 1));
  const kept = filtered(words, shown, networkFilters(call));
  const id = (network: Network): string => (words.has("no-trunc") ? network.id : network.id.slice(0, SHORT_ID));
  if (words.has("quiet")) {
    call.printAll(kept.map(id));
    return 0;
  }
  const rows = kept.map((network) => ({
    ID: id(network),
    Name: network.name,
    Driver: network.driver,
    Scope: network.scope,
    IPv6: "false",
    Internal: String(network.isInternal),
    Labels: "",
    CreatedAt: createdText(network),
  }));
  const columns = ["ID", "Name", "Driver", "Scope"];
  printListing(call, { type: "network.networkContext", headings: HEADINGS, columns, rows });
  return 0;
}

const HEADINGS = {
  ID: "NETWORK ID",
  Name: "NAME",
  Driver: "DRIVER",
  Scope: "SCOPE",
  IPv6: "IPV6",
  Internal: "INTERNAL",
  Labels: "LABELS",
  CreatedAt: "CREATED AT",
};

/** moby daemon/network/filter.go. Networks have no labels here. */
function networkFilters({ engine }: Call): FilterKeys<Network> {
  const isUsed = (network: Network): boolean =>
    (network instanceof OverlayNetwork && network.isIngress) ||
    [...engine.containers.values()].some(({ sandbox }) => sandbox.endpointIn(network.name) !== undefined);
  const isBuiltIn = (network: Network): boolean => isPlain(network) || network.name === "bridge";
  return {
    driver: ({ driver }, value) => driver === value,
    id: (network, value) => matches(network.id, value),
    name: (network, value) => matches(network.name, value),
    label: () => false,
    scope: ({ scope }, value) => scope === value,
    type: {
      values: ["builtin", "custom"],
      fits: (network, value) => isBuiltIn(network) === (value === "builtin"),
    },
    dangling: {
      values: ["true", "false", "1", "0"],
      fits: (network, value) => (isBuiltIn(network) || isUsed(network)) !== (value === "true" || value === "1"),
    },
  };
}

function inspect(call: Call): number {
  const found: object[] = [];
  let status = 0;
  for (const name of call.words.rest) {
    const network = call.engine.network(name);
    if (network !== undefined && isSeen(call, network)) found.push(networkJson(call, network));
    else {
      call.print(fromDaemon(Refusal.networkNotFound(name)));
      status = 1;
    }
  }
  if (found.length > 0 || status === 0) printInspected(call, found);
  return status;
}

function* connectCommand(call: Call): Generator<void, number, boolean> {
  const [network = "", name = ""] = call.words.rest;
  const ip = call.words.value("ip");
  const aliases = call.words.all("alias");
  const attachment = { network, aliases, ...(ip === undefined ? {} : { ip: readIp(ip) }) };
  yield* call.wait(connect(call.engine, call.container(name), attachment));
  return 0;
}

function* disconnectCommand(call: Call): Generator<void, number, boolean> {
  const [network = "", name = ""] = call.words.rest;
  yield* call.wait(disconnect(call.engine, call.container(name), network));
  return 0;
}

const MANY = Number.POSITIVE_INFINITY;

export const NETWORK_COMMANDS: Readonly<Record<string, Command>> = {
  create: {
    flags: flags(
      "driver,d=",
      "subnet=",
      "gateway=",
      "ip-range=",
      "aux-address=",
      "attachable",
      "internal",
      "opt,o=",
      "label=",
      "scope=",
      "ipam-driver=",
      "ipam-opt=",
      "config-only",
      "config-from=",
    ),
    least: 1,
    most: 1,
    run: create,
  },
  rm: { flags: flags("force,f"), least: 1, most: MANY, run: remove },
  ls: { flags: flags("quiet,q", "no-trunc", "format=", "filter,f="), least: 0, most: 0, run: list },
  inspect: { flags: flags("format,f=", "verbose,v"), least: 1, most: MANY, run: inspect },
  connect: {
    flags: flags("ip=", "alias=", "driver-opt=", "link=", "gw-priority="),
    least: 2,
    most: 2,
    run: connectCommand,
  },
  disconnect: { flags: flags("force,f"), least: 2, most: 2, run: disconnectCommand },
};
