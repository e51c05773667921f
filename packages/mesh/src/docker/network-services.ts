/** `docker network inspect --verbose`: who serves what in an overlay, as the node knows (libnetwork agent.go, Services). */
import { formatIpv4 } from "@hopscope/codec/address";
import { type Endpoint, endpointId } from "../swarm/endpoint.ts";
import type { Engine } from "../swarm/engine.ts";
import type { OverlayNetwork } from "../swarm/network.ts";

interface TaskJson {
  readonly Name: string;
  readonly EndpointID: string;
  readonly EndpointIP: string;
  readonly Info: { readonly "Host IP": string };
}

/** Services by name, tasks by the identifiers of their endpoints. */
export function servicesIn(engine: Engine, network: OverlayNetwork): object {
  const overlay = engine.overlays.get(network.name);
  if (overlay === undefined) return {};
  overlay.catchUp();
  const services = new Map<string, object>();
  if (network.isIngress)
    services.set("", { VIP: "<nil>", Ports: [], LocalLBIndex: 0, Tasks: balancersOf(engine, network) });
  for (const { service, mark, backends } of overlay.services.values()) {
    const { name, vip, ports } = service;
    services.set(name, {
      VIP: vip === undefined ? "<nil>" : formatIpv4(vip),
      Ports: ports.map(({ target, published }) => `Target: ${target}, Publish: ${published}`),
      LocalLBIndex: mark,
      Tasks: sorted(Array.from(backends, (record) => taskJson(engineAt(engine, record.node), record.endpoint))),
    });
  }
  const names = [...services.keys()].toSorted((a, b) => (a < b ? -1 : 1));
  return Object.fromEntries(names.map((name) => [name, services.get(name)!]));
}

/** ingress_sbox of every node that this one knows. */
function balancersOf({ lost, swarm }: Engine, network: OverlayNetwork): readonly TaskJson[] {
  const tasks: TaskJson[] = [];
  for (const engine of swarm.engines.values()) {
    const endpoint = engine.overlays.get(network.name)?.balancer;
    if (endpoint !== undefined && !lost.has(engine.node.index)) tasks.push(taskJson(engine, endpoint));
  }
  return sorted(tasks);
}

function engineAt({ swarm }: Engine, node: number): Engine {
  return swarm.engine(swarm.nodes[node]!.name);
}

function taskJson(engine: Engine, endpoint: Endpoint): TaskJson {
  return {
    Name: endpoint.name,
    EndpointID: endpointId(engine, endpoint),
    EndpointIP: formatIpv4(endpoint.ip),
    Info: { "Host IP": formatIpv4(engine.node.ip) },
  };
}

function sorted(tasks: readonly TaskJson[]): readonly TaskJson[] {
  return tasks.toSorted((a, b) => (a.EndpointID < b.EndpointID ? -1 : 1));
}
