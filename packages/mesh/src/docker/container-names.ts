/** What the DNS server of one container looks names up in: the records of its networks, as its node knows them. */
import type { Container } from "../swarm/container.ts";
import type { Endpoint } from "../swarm/endpoint.ts";
import { BridgeNetwork } from "../swarm/network.ts";
import type { Swarm } from "../swarm/swarm.ts";
import type { ContainerNames, NetworkNames } from "./names.ts";

export type { ContainerNames } from "./names.ts";

/** Overlays first, then ingress, then bridges (sandbox.go, ResolveName). */
export function namesOf(swarm: Swarm, { sandbox }: Container, now: () => number): ContainerNames {
  const node = sandbox.engine.node.index;
  const namesIn = ({ network }: Endpoint): NetworkNames => ({
    name: network.name,
    addresses: (name) => swarm.names.find(network.id, name, node, now()),
    containerAt: (ip) => swarm.names.reverse(network.id, ip, node, now()),
  });
  const rank = ({ network }: Endpoint): number => (network instanceof BridgeNetwork ? 2 : network.isIngress ? 1 : 0);
  return {
    get networks(): readonly NetworkNames[] {
      const endpoints = sandbox.endpoints.filter((endpoint) => !endpoint.isGateway);
      return endpoints.sort((a, b) => rank(a) - rank(b)).map(namesIn);
    },
  };
}
