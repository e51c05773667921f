/** An endpoint: a sandbox's place in a network. */
import { hexId } from "./identifier.ts";
import type { Engine } from "./engine.ts";
import type { BridgeNetwork, OverlayNetwork } from "./network.ts";

export interface Endpoint {
  /** What its identifier is drawn for, see {@link endpointId}. */
  readonly purpose: string;
  /** The container's name, `gateway_ID` on docker_gwbridge, `NET-endpoint` of a load balancer. */
  readonly name: string;
  readonly network: OverlayNetwork | BridgeNetwork;
  readonly ip: number;
  readonly prefixLength: number;
  readonly mac: number;
  readonly mtu: number;
  /** Namespace and name of the bridge's port. */
  readonly portNetns: string;
  readonly port: string;
  /** The next hop that it offers for everything. */
  readonly gateway: number | undefined;
  /** Further subnets of the network, by its own gateway. */
  readonly routes: readonly { readonly destination: number; readonly prefixLength: number; readonly via: number }[];
  readonly aliases: readonly string[];
  /** The virtual IP of its service, where the task answers for it itself (driver option `dsr`). */
  readonly answersFor: number | undefined;
  /** How scenarios call the sandbox: container, task, or `lb-NET`. */
  readonly holder: string;
  /** True on docker_gwbridge, where it is only the way out. */
  readonly isGateway: boolean;
  /** Name of the interface in the sandbox. */
  device: string;
  /** The interface is up. */
  isUp: boolean;
}

/**
 * Which of two endpoints comes first where interfaces are sorted and a gateway is chosen (libnetwork endpoint.go, Less):
 * docker_gwbridge last, internal networks before it, then by name.
 */
export function compareEndpoints(a: Endpoint, b: Endpoint): number {
  const rank = (endpoint: Endpoint): number => (endpoint.isGateway ? 2 : endpoint.network.isInternal ? 1 : 0);
  if (rank(a) !== rank(b)) return rank(a) - rank(b);
  return a.network.name < b.network.name ? -1 : a.network.name > b.network.name ? 1 : 0;
}

/** 64 digits; drawn when somebody looks, as few ever do. */
export function endpointId(engine: Engine, endpoint: Endpoint): string {
  return hexId(engine.random(`id of ${endpoint.purpose}`));
}
