/** An endpoint: a sandbox's place in a network. */
import { hexId } from "./identifier.ts";
import type { Engine } from "./engine.ts";
import type { NameRecord } from "./names.ts";
import type { BridgeNetwork, OverlayNetwork } from "./network.ts";
import type { EndpointRecord } from "./service-binding.ts";

export interface Endpoint {
  /** What is drawn for it is drawn for this name of its sandbox, see {@link purposeOf}. */
  readonly chance: string;
  /** How many networks its sandbox had joined before. */
  readonly join: number;
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
  /** Its names, once they are known in the network. */
  names: NameRecord | undefined;
  /** Of a task that serves its service here. */
  binding: EndpointRecord | undefined;
}

/**
 * Which of two endpoints comes first where interfaces are sorted and a gateway is chosen (libnetwork endpoint.go, Less):
 * docker_gwbridge last, internal networks before it, then by name.
 */
export function compareEndpoints(a: Endpoint, b: Endpoint): number {
  const difference = rankOf(a) - rankOf(b);
  if (difference !== 0) return difference;
  return a.network.name < b.network.name ? -1 : a.network.name > b.network.name ? 1 : 0;
}

function rankOf({ isGateway, network }: Endpoint): number {
  return isGateway ? 2 : network.isInternal ? 1 : 0;
}

/** In that order; what is in it already, as nearly all are, is answered as it is. */
export function sortEndpoints(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  for (let at = 1; at < endpoints.length; at++)
    if (compareEndpoints(endpoints[at - 1]!, endpoints[at]!) > 0) return endpoints.toSorted(compareEndpoints);
  return endpoints;
}

/** What chance for it is drawn for. */
export function purposeOf(chance: string, join: number): string {
  return `endpoint:${chance}:${join}`;
}

/** 64 digits; drawn when somebody looks, as few ever do. */
export function endpointId(engine: Engine, endpoint: Endpoint): string {
  return hexId(engine.random(`id of ${purposeOf(endpoint.chance, endpoint.join)}`));
}
