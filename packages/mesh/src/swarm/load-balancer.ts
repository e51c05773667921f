/**
 * A service in one network as one node balances it, in the sandbox of the network's load balancer (libnetwork
 * service_linux.go: addLBBackend, rmLBBackend, the firewall marks of configureFWMark; service.go, loadBalancer).
 *
 * A kernel without IPVS: libnetwork gives up before it changes anything ("ipvs.New"), in the recordings of both releases.
 *
 * Not modelled: load balancers of Windows; a daemon that starts again and takes over what is there.
 */
import type { Rule } from "../netfilter/rule.ts";
import type { Engine } from "./engine.ts";
import { networkOf } from "./cidr.ts";
import type { Endpoint } from "./endpoint.ts";
import type { LocalOverlay } from "./overlay-driver.ts";
import type { Place } from "./request.ts";
import type { Sandbox } from "./sandbox.ts";
import type { BalancedService, EndpointRecord } from "./service-binding.ts";

/** The first mark of an engine (service.go, fwMarkCtr). */
export const FIRST_MARK = 256;

export class LoadBalancer {
  readonly service: BalancedService;
  readonly mark: number;
  /** Those of its tasks that the node knows, disabled ones among them. */
  readonly backends: Set<EndpointRecord> = new Set();
  /** The kernel has a virtual service for it. */
  isPlaced = false;

  constructor(service: BalancedService, mark: number) {
    this.service = service;
    this.mark = mark;
  }
}

/** Where its sandbox is, if there is anything to do there. */
interface Site {
  readonly engine: Engine;
  readonly overlay: LocalOverlay;
  readonly sandbox: Sandbox;
  readonly endpoint: Endpoint;
  readonly place: Place;
}

function siteOf(engine: Engine, overlay: LocalOverlay): Site | undefined {
  const sandbox = engine.balancers.get(overlay.network.name);
  const endpoint = overlay.balancer;
  if (!engine.node.kernel.ipvs || sandbox === undefined || endpoint === undefined) return undefined;
  return { engine, overlay, sandbox, endpoint, place: { node: engine.name, netns: sandbox.netns } };
}

/** The node's load balancer of the service; a mark is used up also if there is no virtual IP. */
function balancerOf(engine: Engine, overlay: LocalOverlay, service: BalancedService): LoadBalancer {
  let balancer = overlay.services.get(service);
  if (balancer === undefined) {
    balancer = new LoadBalancer(service, engine.nextMark++);
    overlay.services.set(service, balancer);
  }
  return balancer;
}

/** What of a service of which the node knows a task can be noticed outside the sandbox. */
export function settleService(engine: Engine, overlay: LocalOverlay, service: BalancedService): void {
  balancerOf(engine, overlay, service);
  const site = siteOf(engine, overlay);
  if (site !== undefined && service.vip !== undefined) prepareService(site, service, service.vip);
}

/** The rest, in the order of the records, when somebody looks into the sandbox, or when the first of them changes. */
export function settleBackends(engine: Engine, overlay: LocalOverlay, records: readonly EndpointRecord[]): void {
  const site = siteOf(engine, overlay);
  overlay.deferBackends(() => {
    for (const record of records) {
      const balancer = balancerOf(engine, overlay, record.service);
      const { vip } = record.service;
      if (site !== undefined && !balancer.isPlaced && vip !== undefined) placeService(site, balancer, vip);
      addBackend(engine, overlay, record);
    }
  });
  if (site !== undefined) engine.host.defer(site.place, "servers", () => overlay.catchUp());
}

/** addLBBackend */
export function addBackend(engine: Engine, overlay: LocalOverlay, record: EndpointRecord): void {
  overlay.catchUp();
  const balancer = balancerOf(engine, overlay, record.service);
  const isKnown = balancer.backends.has(record);
  balancer.backends.add(record);
  const { vip, network } = record.service;
  const site = siteOf(engine, overlay);
  if (vip === undefined || site === undefined || isKnown) return;
  if (!balancer.isPlaced) {
    // Tasks with other ports have it still, and the kernel says so: libnetwork goes no further (moby#41364).
    if (overlay.vips.has(vip)) return;
    prepareService(site, record.service, vip);
    placeService(site, balancer, vip);
  }
  const forwarding = network.isDsr ? "droute" : "masq";
  const { mark: fwmark } = balancer;
  engine.ask({ kind: "ipvs-dest-add", ...site.place, fwmark, ip: record.ip, weight: 1, forwarding });
  tweak(site);
  arrange(site, balancer);
}

/** rmLBBackend: the task takes no new connections, or, `isGone`, none at all. */
export function removeBackend(engine: Engine, overlay: LocalOverlay, record: EndpointRecord, isGone: boolean): void {
  overlay.catchUp();
  const balancer = overlay.services.get(record.service);
  if (balancer === undefined || !balancer.backends.has(record)) return;
  if (isGone) balancer.backends.delete(record);
  const isLast = balancer.backends.size === 0;
  if (isLast) overlay.services.delete(record.service);
  const { vip, network } = record.service;
  const site = siteOf(engine, overlay);
  if (vip === undefined || site === undefined) return;
  const { place } = site;
  const { mark: fwmark } = balancer;
  const { ip } = record;
  const forwarding = network.isDsr ? "droute" : "masq";
  if (isGone) engine.ask({ kind: "ipvs-dest-delete", ...place, fwmark, ip });
  else engine.ask({ kind: "ipvs-dest-update", ...place, fwmark, ip, weight: 0, forwarding });
  if (!isLast) return;
  engine.ask({ kind: "ipvs-service-delete", ...place, fwmark });
  if (network.isIngress) engine.ingress.remove(site.sandbox, record.service.ports);
  mark(site, balancer, vip, "delete");
  overlay.vips.delete(vip);
  engine.ask({ kind: "address-delete", ...place, device: site.endpoint.device, ip: vip, prefixLength: 32 });
}

/** The virtual IP, and the ports of the node that lead here. */
function prepareService(
  { engine, overlay, sandbox, place, endpoint }: Site,
  service: BalancedService,
  vip: number,
): void {
  overlay.vips.add(vip);
  engine.ask({ kind: "address-add", ...place, device: endpoint.device, ip: vip, prefixLength: 32 });
  if (service.network.isIngress) engine.ingress.add(sandbox, service.ports);
}

/** The marks, and the virtual service that looks for them. */
function placeService(site: Site, balancer: LoadBalancer, vip: number): void {
  const { engine, place } = site;
  balancer.isPlaced = true;
  mark(site, balancer, vip, "append");
  engine.ask({ kind: "ipvs-service-add", ...place, fwmark: balancer.mark });
}

/** What is sent to a published port of ingress_sbox, or to the virtual IP, carries the mark; what IPVS sends on comes from here. */
function mark(
  { engine, overlay, place, endpoint }: Site,
  { service, mark: value }: LoadBalancer,
  vip: number,
  change: "append" | "delete",
): void {
  const program = engine.program(place.netns);
  const target = { kind: "mark", value } as const;
  for (const { protocol, published } of service.ports)
    program("mangle", "PREROUTING", { change, rule: { match: { protocol, dstPort: { port: published } }, target } });
  if (change === "append" && !overlay.masksSource && !overlay.network.isDsr) {
    overlay.masksSource = true;
    engine.ask({ kind: "sysctl", ...place, key: "net.ipv4.vs.conntrack", value: 1 });
    program("nat", "POSTROUTING", { change, rule: sourceRule(endpoint) });
  }
  program("mangle", "INPUT", { change, rule: { match: { dstIp: { ip: vip, prefixLength: 32 } }, target } });
}

function sourceRule({ ip, prefixLength }: Endpoint): Rule {
  const dstIp = { ip: networkOf({ address: ip, prefixLength }).address, prefixLength };
  return { match: { dstIp, ipvs: {} }, target: { kind: "snat", ip } };
}

const TWEAKS = { conn_reuse_mode: 0, expire_nodest_conn: 1, expire_quiescent_template: 1 } as const;

/** osl ApplyOSTweaks: set when the kernel has shown that it has IPVS. The node's own namespace had them, too (20.10). */
function tweak({ engine, overlay, place }: Site): void {
  if (overlay.isTweaked) return;
  overlay.isTweaked = true;
  for (const netns of overlay.network.isIngress ? [place.netns, "host"] : [place.netns])
    for (const key of ["conn_reuse_mode", "expire_nodest_conn", "expire_quiescent_template"] as const)
      engine.ask({ kind: "sysctl", node: place.node, netns, key: `net.ipv4.vs.${key}`, value: TWEAKS[key] });
}

/**
 * Somebody has chosen in which order the tasks get connections, or which is the first. In reality that is gossip's doing:
 * the last that has come is the first. They are put in again in the order that is wanted, whenever one has come and all
 * that were chosen are there.
 */
function arrange({ engine, place }: Site, balancer: LoadBalancer): void {
  const { service, backends, mark: fwmark } = balancer;
  const order = engine.swarm.choices.balancing.get(`${place.node}/${place.netns}`)?.get(service.name);
  if (order === undefined) return;
  const usual = [...backends].filter(({ isDisabled }) => !isDisabled).toReversed();
  const forwarding = service.network.isDsr ? "droute" : "masq";
  for (const { ip } of wantedOrder(usual, order).toReversed()) {
    engine.ask({ kind: "ipvs-dest-delete", ...place, fwmark, ip });
    engine.ask({ kind: "ipvs-dest-add", ...place, fwmark, ip, weight: 1, forwarding });
  }
}

/** Empty: as they are. */
function wantedOrder(usual: readonly EndpointRecord[], order: readonly string[]): readonly EndpointRecord[] {
  const chosen = order.flatMap((task) => usual.find((record) => record.task === task) ?? []);
  if (chosen.length < order.length) return [];
  if (order.length > 1) return [...chosen, ...usual.filter((record) => !chosen.includes(record))];
  const at = usual.indexOf(chosen[0]!);
  return [...usual.slice(at), ...usual.slice(0, at)];
}
