/**
 * What nodes tell each other about who serves what (libnetwork agent.go: addServiceInfoToCluster,
 * deleteServiceInfoFromCluster, handleEpTableEvent; service_common.go: addServiceBinding, rmServiceBinding): for each
 * endpoint of a task or container its names, and for each of a task a record of the endpoint_table. The node itself acts on
 * it at once, others when gossip has brought it, if they have the network.
 *
 * Records are shared by all nodes; a node keeps only which of them it has acted on (./load-balancer.ts). In the first
 * deployment, of which only the outcome counts, nodes act on all of them at its end, in the order of tasks.
 *
 * Not modelled: two endpoints with the same address.
 */
import type { Container } from "./container.ts";
import { type Endpoint, sortEndpoints } from "./endpoint.ts";
import type { Engine } from "./engine.ts";
import { addBackend, removeBackend, settleBackends, settleService } from "./load-balancer.ts";
import type { NameRecord } from "./names.ts";
import { hasNames, OverlayNetwork } from "./network.ts";
import { calling } from "./operation.ts";
import type { LocalOverlay } from "./overlay-driver.ts";
import type { ServiceState } from "./service.ts";
import type { Swarm } from "./swarm.ts";
import type { IngressPort } from "./task-rules.ts";

/** A service in one of its networks (service_common.go, serviceKey): with other ports it is another. */
export interface BalancedService {
  /** 25 digits. */
  readonly id: string;
  readonly name: string;
  readonly network: OverlayNetwork;
  /** Undefined: clients choose by DNS (dnsrr). */
  readonly vip: number | undefined;
  /** Published ports, in the ingress network only. */
  readonly ports: readonly IngressPort[];
}

/** A record of endpoint_table. */
export interface EndpointRecord {
  readonly service: BalancedService;
  /** `SERVICE.SLOT`. */
  readonly task: string;
  readonly slot: number;
  readonly ip: number;
  readonly endpoint: Endpoint;
  /** Number of the node that it is on. */
  readonly node: number;
  /** Its own number, by which gossip spreads it. */
  readonly sequence: number;
  /** No new connections for it: the task is about to end. */
  isDisabled: boolean;
  /** When its task left the network. */
  withdrawnAt: number | undefined;
}

/** All records of the swarm, as its nodes would agree on them. */
export class ServiceBindings {
  readonly #swarm: Swarm;
  readonly #records = new Map<OverlayNetwork, Set<EndpointRecord>>();

  constructor(swarm: Swarm) {
    this.#swarm = swarm;
  }

  *recordsOf(network: OverlayNetwork): Generator<EndpointRecord> {
    yield* this.#records.get(network) ?? [];
  }

  add(record: EndpointRecord, engine: Engine): void {
    const { service } = record;
    const records = this.#records.get(service.network);
    if (records === undefined) this.#records.set(service.network, new Set([record]));
    else records.add(record);
    if (!engine.host.isImmediate) this.#spread(engine, record, apply);
  }

  disable(record: EndpointRecord, engine: Engine): void {
    record.isDisabled = true;
    if (!engine.host.isImmediate) this.#spread(engine, record, disable);
  }

  delete(record: EndpointRecord, engine: Engine): void {
    this.#records.get(record.service.network)?.delete(record);
    record.withdrawnAt = engine.now;
    if (!engine.host.isImmediate) this.#spread(engine, record, withdraw);
  }

  /** The network is gone. */
  forget(network: OverlayNetwork): void {
    this.#records.delete(network);
  }

  /** A node holds another for dead: what it knew of it is gone. */
  lose(engine: Engine, node: number): void {
    for (const overlay of engine.overlays.values()) {
      overlay.catchUp();
      for (const { backends } of [...overlay.services.values()])
        for (const record of [...backends]) if (record.node === node) withdraw(engine, overlay, record);
    }
  }

  /** It is back, and tells all that it has. */
  regain(engine: Engine, node: number): void {
    for (const overlay of engine.overlays.values()) {
      // One that is being made is told everything at its end.
      if (!overlay.ready.isOpen) continue;
      for (const record of this.recordsOf(overlay.network)) if (record.node === node) apply(engine, overlay, record);
    }
  }

  #spread(
    origin: Engine,
    record: EndpointRecord,
    act: (engine: Engine, overlay: LocalOverlay, record: EndpointRecord) => void,
  ): void {
    const { name } = record.service.network;
    const { gossip, engines } = this.#swarm;
    const { now } = origin;
    for (const engine of engines.values()) {
      const overlay = engine.overlays.get(name);
      if (overlay === undefined || !engine.node.kernel.ipvs) continue;
      if (engine === origin) {
        if (overlay.ready.isOpen) act(engine, overlay, record);
        continue;
      }
      // It may have left the network by then; if it has come back it was told everything.
      const heard = (): void => {
        if (engine.overlays.get(name) === overlay && overlay.ready.isOpen) act(engine, overlay, record);
      };
      const at = (time: number, then: () => void): void =>
        engine.host.start(engine.name, calling(then), time - engine.now);
      gossip.deliver({ time: now, from: record.node, to: engine.node.index, record: record.sequence }, at, heard);
    }
  }

  /** The end of the first deployment: every node knows every record. */
  settle(): void {
    const order = new Map(Array.from(this.#swarm.services.values(), ({ id }, index) => [id, index]));
    const sorted = new Map<OverlayNetwork, EndpointRecord[]>();
    const services = new Set<BalancedService>();
    const all = [...this.#records.values()].flatMap((records) => [...records]);
    all.sort(
      (a, b) =>
        order.get(a.service.id)! - order.get(b.service.id)! ||
        (a.service.network.name < b.service.network.name
          ? -1
          : a.service.network.name > b.service.network.name
            ? 1
            : 0) ||
        a.slot - b.slot ||
        a.node - b.node,
    );
    for (const record of all) {
      services.add(record.service);
      if (record.isDisabled) continue;
      const records = sorted.get(record.service.network);
      if (records === undefined) sorted.set(record.service.network, [record]);
      else records.push(record);
    }
    for (const engine of this.#swarm.engines.values()) {
      // Marks are given in this order, whenever somebody looks at what they are put on.
      for (const service of services) {
        const overlay = engine.overlays.get(service.network.name);
        if (overlay !== undefined) settleService(engine, overlay, service);
      }
      for (const [network, records] of sorted) {
        const overlay = engine.overlays.get(network.name);
        if (overlay !== undefined) settleBackends(engine, overlay, records);
      }
    }
  }
}

function apply(engine: Engine, overlay: LocalOverlay, record: EndpointRecord): void {
  if (record.isDisabled || engine.lost.has(record.node) || knowsEnd(engine, record)) return;
  addBackend(engine, overlay, record);
}

/** It has heard of the end before it hears of the beginning, which is older (networkdb, ltime). */
function knowsEnd({ swarm, node, now }: Engine, { withdrawnAt, node: from, sequence }: EndpointRecord): boolean {
  return withdrawnAt !== undefined && swarm.gossip.arrival(withdrawnAt, from, node.index, sequence) <= now;
}

function disable(engine: Engine, overlay: LocalOverlay, record: EndpointRecord): void {
  removeBackend(engine, overlay, record, false);
}

function withdraw(engine: Engine, overlay: LocalOverlay, record: EndpointRecord): void {
  removeBackend(engine, overlay, record, true);
}

/** A node has joined the network: others tell it all that they know (networkdb, bulk synchronization). */
export function joinServiceBindings(engine: Engine, overlay: LocalOverlay): void {
  if (engine.host.isImmediate) return;
  for (const record of engine.swarm.bindings.recordsOf(overlay.network)) apply(engine, overlay, record);
}

/** The service in a network; the same object for all its tasks, so long as its ports are the same. */
function balancedService(service: ServiceState, network: OverlayNetwork): BalancedService {
  const { id, spec, balanced } = service;
  const vip = service.vips.get(network.name);
  const ports = network.isIngress ? service.ports.filter(({ mode }) => mode === "ingress") : [];
  const before = balanced.get(network.name);
  const isSame =
    before?.vip === vip &&
    before?.network === network &&
    before.ports.length === ports.length &&
    before.ports.every((port, index) => isSamePort(port, ports[index]!));
  if (before !== undefined && isSame) return before;
  const made: BalancedService = { id, name: spec.name, network, vip, ports };
  balanced.set(network.name, made);
  return made;
}

function isSamePort(a: IngressPort, b: IngressPort): boolean {
  return a.protocol === b.protocol && a.published === b.published && a.target === b.target;
}

/** Its names become known, and a task takes connections: after its start, or when it is first found healthy. */
export function activateServiceBinding(engine: Engine, container: Container): void {
  for (const endpoint of sortEndpoints(container.sandbox.endpoints)) {
    if (endpoint.isGateway) continue;
    const sequence = addName(engine, container, endpoint);
    const { task } = container.options;
    const { network } = endpoint;
    if (task === undefined || !(network instanceof OverlayNetwork) || endpoint.binding !== undefined) continue;
    const record: EndpointRecord = {
      service: balancedService(task.service, network),
      task: container.shortName,
      slot: task.slot,
      ip: endpoint.ip,
      endpoint,
      node: engine.node.index,
      // Names and balancing are one record in reality.
      sequence: sequence ?? engine.swarm.names.draw(),
      isDisabled: false,
      withdrawnAt: undefined,
    };
    endpoint.binding = record;
    engine.swarm.bindings.add(record, engine);
  }
}

/** Its names are forgotten, and a task takes no new connections; those that it has go on. */
export function deactivateServiceBinding(engine: Engine, container: Container): void {
  for (const endpoint of container.sandbox.endpoints) removeNames(engine, endpoint);
  for (const { binding } of sortEndpoints(container.sandbox.endpoints))
    if (binding?.isDisabled === false) engine.swarm.bindings.disable(binding, engine);
}

/** It leaves its networks: nothing of it is left. */
export function deleteServiceBinding(engine: Engine, container: Container): void {
  const endpoints = sortEndpoints(container.sandbox.endpoints);
  for (const endpoint of endpoints) removeNames(engine, endpoint);
  for (const endpoint of endpoints) leaveServiceBinding(engine, endpoint);
}

/** It leaves one network (endpoint.go, sbLeave). */
export function leaveServiceBinding(engine: Engine, endpoint: Endpoint): void {
  removeNames(engine, endpoint);
  if (endpoint.binding !== undefined) engine.swarm.bindings.delete(endpoint.binding, engine);
  endpoint.binding = undefined;
}

/** Its names in a network become known, under the number that is answered; ingress has none, and the default bridge neither. */
export function addName(engine: Engine, container: Container, endpoint: Endpoint): number | undefined {
  const { network, ip, aliases } = endpoint;
  if (!hasNames(network) || endpoint.names !== undefined) return undefined;
  const { task } = container.options;
  const services =
    task === undefined ? NO_SERVICES : [task.service.spec.name, ...(task.service.spec.aliases.get(network.name) ?? [])];
  const record: NameRecord = {
    ip,
    name: container.name,
    aliases: [container.shortId, ...aliases],
    services,
    vip: task?.service.vips.get(network.name),
    node: engine.node.index,
  };
  endpoint.names = record;
  return engine.swarm.names.add(network.id, record, engine.now);
}

const NO_SERVICES: readonly string[] = [];

function removeNames(engine: Engine, endpoint: Endpoint): void {
  if (endpoint.names !== undefined) engine.swarm.names.remove(endpoint.names, engine.now);
  endpoint.names = undefined;
}
