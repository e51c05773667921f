/** What Docker answers when it refuses, in its own words: behind `Error response from daemon: `. */
import { formatIpv4 } from "@hopscope/codec/address";
import type { PublishedPort } from "../scenario/scenario.ts";
import { conflictMessage } from "./port-conflict.ts";

export class DockerError extends Error {}

/** As the client prints it. */
export function fromDaemon({ message }: DockerError): string {
  return `Error response from daemon: ${message}`;
}

export const Refusal = {
  networkNotFound: (name: string): DockerError => new DockerError(`network ${name} not found`),
  networkExists: (name: string): DockerError => new DockerError(`network with name ${name} already exists`),
  poolOverlaps: (): DockerError =>
    new DockerError("invalid pool request: Pool overlaps with other one on this address space"),
  noSuchImage: (image: string): DockerError =>
    new DockerError(`No such image: ${/[:@][^/]*$/.test(image) ? image : `${image}:latest`}`),
  noSuchContainer: (name: string): DockerError => new DockerError(`No such container: ${name}`),
  badContainerName: (name: string): DockerError =>
    new DockerError(`Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`),
  nameInUse: (name: string, id: string): DockerError =>
    new DockerError(
      `Conflict. The container name "/${name}" is already in use by container "${id}". You have to remove (or rename) that container to be able to reuse that name.`,
    ),
  addressInUse: (): DockerError => new DockerError("Address already in use"),
  noAddress: (): DockerError => new DockerError("no available IPv4 addresses on this network's address pools"),
  notInSubnet: (): DockerError =>
    new DockerError(
      "user specified IP address is supported only when connecting to networks with user configured subnets",
    ),
  outsideSubnets: (ip: number): DockerError =>
    new DockerError(`Invalid address ${formatIpv4(ip)}: It does not belong to any of this network's subnets`),
  portAllocated: (endpoint: string, address: string, port: number): DockerError =>
    new DockerError(
      `driver failed programming external connectivity on endpoint ${endpoint}: Bind for ${address}:${port} failed: port is already allocated`,
    ),
  allPortsAllocated: (endpoint: string): DockerError =>
    new DockerError(`driver failed programming external connectivity on endpoint ${endpoint}: all ports are allocated`),
  /** By a socket of dockerd's own, or of a proxy. The words of 28 on were not observed. */
  portHeld: (endpoint: string, address: string, port: number, protocol: string, isNew: boolean): DockerError =>
    new DockerError(
      isNew
        ? `failed to set up container networking: driver failed programming external connectivity on endpoint ${endpoint}: failed to bind host port ${address}:${port}/${protocol}: address already in use`
        : `driver failed programming external connectivity on endpoint ${endpoint}: Error starting userland proxy: listen ${protocol}4 ${address}:${port}: bind: address already in use`,
    ),
  /** Not observed: such a service waits in reality. */
  noDynamicPort: (): DockerError =>
    new DockerError("rpc error: code = Unknown desc = no port is left between 30000 and 32767"),
  notAttachable: (network: string): DockerError =>
    new DockerError(
      `Could not attach to network ${network}: rpc error: code = PermissionDenied desc = network ${network} not manually attachable`,
    ),
  hasActiveEndpoints: (network: string, id: string, endpoint: string): DockerError =>
    new DockerError(
      `error while removing network: network ${network} id ${id} has active endpoints (name:"${endpoint}")`,
    ),
  networkInUse: (id: string, user: string): DockerError =>
    new DockerError(`rpc error: code = FailedPrecondition desc = network ${id} is in use by ${user}`),
  predefined: (name: string): DockerError => new DockerError(`${name} is a pre-defined network and cannot be removed`),
  alreadyConnected: (container: string, network: string): DockerError =>
    new DockerError(`endpoint with name ${container} already exists in network ${network}`),
  notConnected: (container: string, network: string): DockerError =>
    new DockerError(`container ${container} is not connected to network ${network}`),
  hostNetwork: (): DockerError =>
    new DockerError("container cannot be disconnected from host network or connected to host network"),
  isNotRunning: (id: string): DockerError => new DockerError(`Container ${id} is not running`),
  serviceNotFound: (name: string): DockerError => new DockerError(`service ${name} not found`),
  serviceExists: (name: string): DockerError =>
    new DockerError(
      `rpc error: code = AlreadyExists desc = name conflicts with an existing object: service ${name} already exists`,
    ),
  badName: (name: string): DockerError =>
    new DockerError(
      `rpc error: code = InvalidArgument desc = name must be ${name.length > 63 ? "63 characters or fewer" : "valid as a DNS name component"}`,
    ),
  noPreviousSpec: (name: string): DockerError =>
    new DockerError(`rpc error: code = FailedPrecondition desc = service ${name} does not have a previous spec`),
  portConflict: (port: PublishedPort, service: string, id: string): DockerError =>
    new DockerError(`rpc error: code = InvalidArgument desc = ${conflictMessage(port, `'${service}' (${id})`)}`),
  duplicatePorts: (): DockerError =>
    new DockerError("rpc error: code = InvalidArgument desc = EndpointSpec: duplicate published ports provided"),
  dnsrrIngress: (): DockerError =>
    new DockerError(
      "rpc error: code = InvalidArgument desc = EndpointSpec: port published with ingress mode can't be used with dnsrr mode",
    ),
  nodeNotFound: (name: string): DockerError => new DockerError(`node ${name} not found`),
  noLeader: (): DockerError =>
    new DockerError(
      "rpc error: code = Unknown desc = The swarm does not have a leader. It's possible that too few managers are online. Make sure more than half of the managers are online.",
    ),
  notManager: (): DockerError =>
    new DockerError(
      "This node is not a swarm manager. Worker nodes can't be used to view or modify cluster state. Please run this command on a manager node or promote the current node to a manager.",
    ),
} as const;
