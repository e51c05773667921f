/** What `docker inspect` prints of containers, networks, services and nodes: of each the part that is about networks. */
import { formatIpv4, formatMac } from "@hopscope/codec/address";
import { formatCidr } from "../swarm/cidr.ts";
import type { Container } from "../swarm/container.ts";
import { type Endpoint, endpointId } from "../swarm/endpoint.ts";
import { BridgeNetwork, isPlain, type Network, OverlayNetwork } from "../swarm/network.ts";
import { hexId } from "../swarm/identifier.ts";
import { serviceSpec } from "./service-spec.ts";
import type { ServiceState } from "../swarm/service.ts";
import { MTU_OPTION } from "../scenario/compose-schema.ts";
import { OVERLAY_MTU, VXLAN_OVERHEAD } from "../swarm/networks.ts";
import type { SwarmNode } from "../swarm/swarm.ts";
import { servicesIn } from "./network-services.ts";
import type { Call } from "./cli-call.ts";
import { portsJson } from "./cli-ports.ts";
import { EPOCH, timestamp } from "./cli-table.ts";

function time(ns: number): string {
  return timestamp(EPOCH, ns);
}

/** As lists print when something was made. */
export function createdText({ createdAt }: { readonly createdAt: number }): string {
  return `${time(createdAt).slice(0, 19).replace("T", " ")} +0000 UTC`;
}

export function containerJson(call: Call, container: Container): object {
  const { sandbox, options } = container;
  const networks = Object.fromEntries(
    [...container.attachments.keys()].toSorted().map((name) => {
      const network = call.engine.network(name);
      return [name, endpointJson(call, container, network, sandbox.endpointIn(name))];
    }),
  );
  const own = sandbox.endpointIn("bridge");
  // A task's networks are no mode: swarmkit gives none.
  const mode = options.task === undefined ? (options.attachments[0]?.network ?? "bridge") : "bridge";
  return {
    Id: container.id,
    Created: time(container.createdAt),
    Path: options.argv[0] ?? "",
    Args: options.argv.slice(1),
    State: {
      Status: container.state,
      Running: container.state === "running",
      ExitCode: container.exitCode,
      StartedAt: time(container.startedAt),
      FinishedAt: time(container.finishedAt),
      ...(container.health === undefined ? {} : { Health: { Status: container.health } }),
    },
    Name: `/${container.name}`,
    HostConfig: { NetworkMode: mode === "bridge" && call.engine.version.filter === "forward" ? "default" : mode },
    Config: {
      Hostname: container.hostname,
      Image: options.image,
      Cmd: options.argv,
      Labels: Object.fromEntries(container.labels),
    },
    NetworkSettings: {
      Bridge: "",
      Ports: portsJson(container),
      Gateway: own === undefined ? "" : formatIpv4(own.gateway ?? 0),
      IPAddress: own === undefined ? "" : formatIpv4(own.ip),
      IPPrefixLen: own?.prefixLength ?? 0,
      MacAddress: own === undefined ? "" : formatMac(own.mac),
      Networks: networks,
    },
  };
}

function endpointJson(
  call: Call,
  container: Container,
  network: Network | undefined,
  endpoint: Endpoint | undefined,
): object {
  const attachment = container.attachments.get(network?.name ?? "");
  const isNamed = network !== undefined && !isPlain(network) && network.name !== "bridge";
  const withShortId = call.engine.version.filter === "forward";
  const aliases = [...(attachment?.aliases ?? []), ...(withShortId ? [container.shortId] : [])];
  const asked = attachment?.ip;
  return {
    IPAMConfig: asked === undefined ? (isNamed ? {} : null) : { IPv4Address: formatIpv4(asked) },
    Links: null,
    Aliases: isNamed && aliases.length > 0 ? aliases : null,
    MacAddress: endpoint === undefined ? "" : formatMac(endpoint.mac),
    DriverOpts: null,
    GwPriority: 0,
    NetworkID: network?.id ?? "",
    EndpointID: endpointIdOf(call, container, network, endpoint),
    Gateway: endpoint?.gateway === undefined ? "" : formatIpv4(endpoint.gateway),
    IPAddress: endpoint === undefined ? "" : formatIpv4(endpoint.ip),
    IPPrefixLen: endpoint?.prefixLength ?? 0,
    IPv6Gateway: "",
    GlobalIPv6Address: "",
    GlobalIPv6PrefixLen: 0,
    DNSNames: null,
  };
}

/** The networks `host` and `none` have endpoints, too, in name. */
function endpointIdOf(
  { engine }: Call,
  container: Container,
  network: Network | undefined,
  endpoint: Endpoint | undefined,
): string {
  if (endpoint !== undefined) return endpointId(engine, endpoint);
  const isInName = network !== undefined && isPlain(network) && container.state === "running";
  return isInName ? hexId(engine.random(`endpoint:${network.name}:${container.shortId}`)) : "";
}

export function networkJson(call: Call, network: Network): object {
  const newer = call.engine.version.filter !== "forward";
  return {
    Name: network.name,
    Id: network.id,
    Created: time(network.createdAt),
    Scope: network.scope,
    Driver: network.driver,
    ...(newer ? { EnableIPv4: true } : {}),
    EnableIPv6: false,
    IPAM: { Driver: "default", Options: isOwn(network) ? {} : null, Config: ipamConfig(call, network) },
    Internal: network.isInternal,
    Attachable: network.isAttachable,
    Ingress: network instanceof OverlayNetwork && network.isIngress,
    ConfigFrom: { Network: "" },
    ConfigOnly: false,
    Containers: containersIn(call, network),
    Options: optionsOf(network),
    Labels: {},
    ...(network instanceof OverlayNetwork && call.engine.overlays.has(network.name)
      ? {
          Peers: peersOf(call, network),
          ...(call.words.has("verbose") ? { Services: servicesIn(call.engine, network) } : {}),
        }
      : {}),
  };
}

/** A bridge that somebody made. */
function isOwn(network: Network): boolean {
  return network instanceof BridgeNetwork && !network.isDefault && network.icc;
}

/** Keys in the order in which each driver's networks print them. */
function ipamConfig(call: Call, network: Network): object {
  if (network instanceof OverlayNetwork)
    return network.subnets.map(({ subnet, gateway }) => ({ Subnet: formatCidr(subnet), Gateway: formatIpv4(gateway) }));
  if (!(network instanceof BridgeNetwork)) return [];
  const subnet = { Subnet: formatCidr(network.subnet) };
  if (network.isDefault && call.engine.version.filter === "forward") return [subnet];
  return [{ ...subnet, Gateway: formatIpv4(network.gateway) }];
}

function optionsOf(network: Network): Readonly<Record<string, string>> {
  const bridge = "com.docker.network.bridge";
  if (network instanceof OverlayNetwork) {
    const vnis = network.subnets.map(({ vni }) => vni).join(",");
    return {
      ...(network.plainMtu === OVERLAY_MTU ? {} : { [MTU_OPTION]: String(network.plainMtu + VXLAN_OVERHEAD) }),
      "com.docker.network.driver.overlay.vxlanid_list": vnis,
      ...(network.isDsr ? { dsr: "" } : {}),
      ...(network.isEncrypted ? { encrypted: "" } : {}),
    };
  }
  if (!(network instanceof BridgeNetwork)) return {};
  if (network.isDefault)
    return {
      [`${bridge}.default_bridge`]: "true",
      [`${bridge}.enable_icc`]: "true",
      [`${bridge}.enable_ip_masquerade`]: "true",
      [`${bridge}.host_binding_ipv4`]: "0.0.0.0",
      [`${bridge}.name`]: network.device,
      "com.docker.network.driver.mtu": String(network.mtu),
    };
  if (network.icc) return {};
  return {
    [`${bridge}.enable_icc`]: "false",
    [`${bridge}.enable_ip_masquerade`]: "true",
    [`${bridge}.name`]: network.device,
  };
}

function containersIn(call: Call, network: Network): Readonly<Record<string, object>> {
  const { engine } = call;
  const found: [string, object][] = [];
  const add = (id: string, name: string, endpoint: Endpoint): void => {
    found.push([
      id,
      {
        Name: name,
        EndpointID: endpointId(engine, endpoint),
        MacAddress: formatMac(endpoint.mac),
        IPv4Address: formatCidr({ address: endpoint.ip, prefixLength: endpoint.prefixLength }),
        IPv6Address: "",
      },
    ]);
  };
  const isHere = (endpoint: Endpoint): boolean => endpoint.network === network;
  for (const container of engine.containers.values())
    for (const endpoint of container.sandbox.endpoints.filter(isHere)) add(container.id, endpoint.name, endpoint);
  for (const sandbox of engine.balancers.values())
    for (const endpoint of sandbox.endpoints.filter(isHere))
      add(sandbox.netns.replace("_sbox", "-sbox"), endpoint.name, endpoint);
  return Object.fromEntries(found.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function peersOf(call: Call, network: OverlayNetwork): readonly object[] {
  const { lost } = call.engine;
  const nodes = call.swarm.nodes.filter(
    ({ name, index }) => !lost.has(index) && call.swarm.engine(name).overlays.has(network.name),
  );
  return nodes.map((node) => ({ Name: call.swarm.engine(node.name).peerName, IP: formatIpv4(node.ip) }));
}

export function serviceJson(call: Call, service: ServiceState): object {
  const { spec } = service;
  const ports = service.ports.map((port) => ({
    Protocol: port.protocol,
    TargetPort: port.target,
    PublishedPort: port.published,
    PublishMode: port.mode,
  }));
  const networks = spec.networks.map((name) => call.engine.network(name)?.id ?? name);
  const vips = Array.from(service.vips, ([name, ip]) => {
    const network = call.swarm.networks.get(name);
    const prefixLength = network?.subnetOf(ip)?.subnet.prefixLength ?? 0;
    return { NetworkID: network?.id ?? "", Addr: formatCidr({ address: ip, prefixLength }) };
  });
  // What nobody has said is not in the specification.
  const asked = spec.ports.map((port) => ({
    Protocol: port.protocol,
    TargetPort: port.target,
    ...(port.published === 0 ? {} : { PublishedPort: port.published }),
    PublishMode: port.mode,
  }));
  const endpoint = { Mode: spec.endpointMode, ...(asked.length > 0 ? { Ports: asked } : {}) };
  return {
    ID: service.id,
    CreatedAt: time(service.createdAt),
    UpdatedAt: time(service.rollout?.completedAt ?? service.rollout?.startedAt ?? service.createdAt),
    Spec: serviceSpec(spec, networks, endpoint),
    Endpoint: {
      Spec: endpoint,
      ...(ports.length > 0 ? { Ports: ports } : {}),
      ...(vips.length > 0 ? { VirtualIPs: vips } : {}),
    },
    ...updateStatus(service),
  };
}

function updateStatus({ rollout }: ServiceState): object {
  if (rollout === undefined) return {};
  const { state, startedAt, completedAt, message } = rollout;
  const end = completedAt === undefined ? {} : { CompletedAt: time(completedAt) };
  return { UpdateStatus: { State: state, StartedAt: time(startedAt), ...end, Message: message } };
}

export function nodeJson(call: Call, node: SwarmNode): object {
  const { availability, status, version } = call.swarm.engine(node.name);
  const leader = call.swarm.dispatcher.leaderOf(call.swarm.engine(node.name));
  return {
    ID: node.id,
    Spec: { Labels: Object.fromEntries(node.labels), Role: node.role, Availability: availability },
    Description: {
      Hostname: node.name,
      Platform: { Architecture: "x86_64", OS: "linux" },
      Engine: { EngineVersion: version.engine },
    },
    Status: {
      State: status,
      ...(status === "down" ? { Message: "heartbeat failure" } : {}),
      Addr: formatIpv4(node.ip),
    },
    ...(node.role === "manager"
      ? {
          ManagerStatus: {
            Leader: leader?.node === node,
            Reachability: leader === undefined ? "unreachable" : "reachable",
            Addr: `${formatIpv4(node.ip)}:2377`,
          },
        }
      : {}),
  };
}
