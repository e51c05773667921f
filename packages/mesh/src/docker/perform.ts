/**
 * Carries out what a Docker engine asks of a node's kernel (../swarm/request.ts).
 *
 * In a settled mesh, that of the first deployment, all has long been done when somebody looks: devices are up from the
 * start and announce nothing, what announcements would have taught bridges they know, and gossip has arrived.
 */
import { Bridge } from "../devices/bridge.ts";
import { Loopback } from "../devices/loopback.ts";
import { Veth } from "../devices/veth.ts";
import { VxlanDevice } from "../devices/vxlan.ts";
import type { NetDevice } from "../device.ts";
import { announce } from "../host/arp-announce.ts";
import { writeSysctl } from "../inspect/sysctls.ts";
import { ChainError, type Iptables } from "../netfilter/iptables.ts";
import { Netfilter } from "../netfilter/netfilter.ts";
import { Netns } from "../netns.ts";
import type { Node } from "../node.ts";
import type {
  AddressAdd,
  Announce,
  IptablesRequest,
  KernelRequest,
  NetnsAdd,
  PeerChange,
  PeersForget,
  Place,
  RouteAdd,
  VethAdd,
  VxlanAdd,
} from "../swarm/request.ts";
import { changeIpvs } from "./perform-ipvs.ts";
import type { Gossip } from "../swarm/gossip.ts";
import { type PeerSpread, PeerTable } from "../tables/peer.ts";
import { maskOf, RouteType } from "../tables/route.ts";
import { xfrmOf } from "../xfrm/xfrm.ts";

const LOOPBACK_MTU = 65_536;
const LOOPBACK_IP = 0x7f000001;

export class Kernels {
  readonly #nodes: ReadonlyMap<string, Node>;
  readonly #peers = new Map<string, PeerTable>();
  readonly #gossip: Gossip;
  /** VTEP to the number of its node. */
  readonly #numbers: ReadonlyMap<number, number>;
  readonly #spread: PeerSpread;
  readonly #names: readonly string[];
  readonly #vteps: readonly number[];
  isSettled = true;
  /** By how much the swarm's clock is ahead. */
  epoch = 0;

  /** `vteps` in the order of the swarm's nodes. */
  constructor(nodes: ReadonlyMap<string, Node>, names: readonly string[], vteps: readonly number[], gossip: Gossip) {
    this.#nodes = nodes;
    this.#names = names;
    this.#vteps = vteps;
    this.#numbers = new Map(vteps.map((vtep, index) => [vtep, index]));
    this.#gossip = gossip;
    const number = (vtep: number): number => this.#numbers.get(vtep) ?? 0;
    this.#spread = {
      arrival: (time, from, to, record) =>
        gossip.arrival(time + this.epoch, number(from), number(to), record) - this.epoch,
      isLost: (from, to, now) => gossip.isLost(number(from), number(to), now + this.epoch),
      hasSettled: (time, now) => gossip.hasSettled(time + this.epoch, now + this.epoch),
    };
  }

  /** Peer records of a network. */
  peersOf(network: string): PeerTable {
    let table = this.#peers.get(network);
    if (table === undefined) {
      table = new PeerTable(this.#spread);
      this.#peers.set(network, table);
    }
    return table;
  }

  perform(request: KernelRequest): void {
    switch (request.kind) {
      case "netns-add":
        return this.#addNetns(request);
      case "sysctl":
        writeSysctl(this.#netns(request), request.key, String(request.value));
        return;
      case "netns-delete":
        return this.#netns(request).delete();
      case "bridge-add": {
        const { device: name, mac, mtu, hasFixedMac } = request;
        new Bridge(this.#netns(request), {
          name,
          mtu,
          mac,
          hasFixedMac,
          awaitsPorts: hasFixedMac,
          isUp: this.isSettled,
        });
        return;
      }
      case "vxlan-add":
        return this.#addVxlan(request);
      case "veth-add":
        return this.#addVeth(request);
      case "link-try":
        this.#netns(request).skipIndex();
        return;
      case "link-master": {
        const bridge = this.#device(request, request.master);
        if (bridge instanceof Bridge) bridge.addPort(this.#device(request, request.device));
        return;
      }
      case "link-up":
        return this.#device(request, request.device).up();
      case "link-down":
        return this.#device(request, request.device).down();
      case "link-delete":
        return this.#netns(request).deviceNamed(request.device)?.delete();
      case "address-add":
      case "address-delete":
        return this.#changeAddress(request);
      case "route-add":
      case "route-delete":
        return this.#changeRoute(request);
      case "iptables":
        return this.#changeRules(request);
      case "ipvs-service-add":
      case "ipvs-service-delete":
      case "ipvs-dest-add":
      case "ipvs-dest-update":
      case "ipvs-dest-delete":
        return changeIpvs(this.#netns(request), request);
      case "announce":
        return this.#announce(request);
      case "peer-add":
      case "peer-delete":
        return this.#changePeer(request);
      case "peers-forget":
        return this.#forgetNode(request);
      case "xfrm-state-add":
        xfrmOf(this.#netns(request)).addState(request);
        return;
      case "xfrm-state-delete":
        xfrmOf(this.#netns(request)).deleteState(request.dstIp, request.spi);
        return;
      case "xfrm-policy-add":
        xfrmOf(this.#netns(request)).policies.add(request.policy, this.#netns(request).node.softnet.now);
        return;
      case "xfrm-policy-update":
        return xfrmOf(this.#netns(request)).policies.update(request.policy, this.#netns(request).node.softnet.now);
      case "xfrm-policy-delete":
        xfrmOf(this.#netns(request)).policies.delete(request.policy);
        return;
    }
  }

  #netns({ node, netns }: Place): Netns {
    const found = this.#nodes.get(node)?.namespaces.get(netns);
    if (found === undefined) throw new Error(`docker: ${node} has no namespace ${netns}`);
    return found;
  }

  #device(place: Place, name: string): NetDevice {
    const found = this.#netns(place).deviceNamed(name);
    if (found === undefined) throw new Error(`docker: ${place.node}/${place.netns} has no device ${name}`);
    return found;
  }

  #addNetns({ node, netns: name, forwarding, disablesIpv6 }: NetnsAdd): void {
    const machine = this.#nodes.get(node);
    if (machine === undefined) throw new Error(`docker: there is no node ${node}`);
    const netns = new Netns(machine, name);
    netns.forwarding = forwarding;
    netns.disablesIpv6 = disablesIpv6;
    netns.addAddress(new Loopback(netns, { name: "lo", mtu: LOOPBACK_MTU, mac: 0 }), LOOPBACK_IP, 8);
  }

  #addVxlan(request: VxlanAdd): void {
    const netns = this.#netns(request);
    new VxlanDevice(netns, {
      name: request.device,
      mtu: request.mtu,
      mac: request.mac,
      vni: request.vni,
      udpPort: request.port,
      transport: netns.node.host!,
      vtep: this.#vteps[this.#names.indexOf(request.node)]!,
      peers: this.peersOf(request.network),
      isUp: this.isSettled,
    });
  }

  #addVeth({ node, netns, device, mac, mtu, peer, bornInside }: VethAdd): void {
    const near = this.#netns({ node, netns });
    const far = this.#netns({ node, netns: peer.netns });
    const isUp = this.isSettled;
    // rtnl_newlink: the peer is registered first.
    const end = new Veth(far, { name: peer.device, mtu, mac: peer.mac, isUp, madeIn: bornInside ? far : undefined });
    const port = new Veth(near, { name: device, mtu, mac, isUp });
    port.connect(end);
    near.node.recorder.connectPoint(port.point, end.point);
  }

  #changeAddress(request: AddressAdd): void {
    const netns = this.#netns(request);
    const device = this.#device(request, request.device);
    if (request.kind === "address-add") netns.addAddress(device, request.ip, request.prefixLength);
    else netns.removeAddress(device, request.ip, request.prefixLength);
  }

  #changeRoute(request: RouteAdd): void {
    const netns = this.#netns(request);
    const device = this.#device(request, request.device);
    const { via, prefixLength } = request;
    const destination = request.destination & maskOf(prefixLength);
    const route = { type: RouteType.unicast, destination, prefixLength, device: device.index };
    if (request.kind === "route-add") netns.routes.add({ ...route, via, source: 0, protocol: "boot" });
    else netns.routes.delete(via === undefined ? route : { ...route, via });
  }

  #changeRules(request: IptablesRequest): void {
    const netns = this.#netns(request);
    netns.netfilter ??= new Netfilter(netns);
    const { iptables } = netns.netfilter;
    try {
      change(iptables, request);
    } catch (error) {
      // Somebody else has changed the rules: dockerd writes a line into its log.
      if (!(error instanceof ChainError)) throw error;
    }
  }

  #announce(request: Announce): void {
    const device = this.#netns(request).deviceNamed(request.device);
    if (device === undefined) return;
    if (!this.isSettled) return announce(device, request.ip);
    const port = device instanceof Veth ? device.peer?.port : undefined;
    port?.bridge.fdb.learn(device.mac, port.number, device.netns.node.softnet.now);
  }

  #changePeer({ kind, node, network, ip, mac, vtep }: PeerChange): void {
    const table = this.peersOf(network);
    const origin = this.#nodes.get(node)!;
    const { now } = origin.softnet;
    if (kind === "peer-add") {
      if (this.isSettled) table.add(ip, mac, vtep);
      else table.add(ip, mac, vtep, now);
      return;
    }
    const record = table.remove(ip, vtep, now);
    if (record === undefined) return;
    const from = this.#numbers.get(vtep)!;
    // peerDelete: what the overlay's bridge has learned of the address goes with the record.
    for (const [to, name] of this.#names.entries()) {
      const other = this.#nodes.get(name);
      const netns = other?.namespaces.get(`overlay-${network}`);
      if (other === undefined || other === origin || netns === undefined) continue;
      const at = (time: number, wake: () => void): void =>
        other.simulator.schedule(time - this.epoch, { softnet: other.softnet, wake }, 0);
      this.#gossip.deliver({ time: now + this.epoch, from, to, record }, at, () => forgetPeer(netns, mac));
    }
  }

  #forgetNode({ node, lost }: PeersForget): void {
    const vtep = this.#vteps[this.#names.indexOf(lost)]!;
    for (const [network, peers] of this.#peers) {
      const netns = this.#nodes.get(node)?.namespaces.get(`overlay-${network}`);
      if (netns !== undefined) for (const mac of peers.macsAt(vtep)) forgetPeer(netns, mac);
    }
  }
}

function forgetPeer({ devices }: Netns, mac: number): void {
  for (const device of devices) if (device instanceof VxlanDevice) device.forgetPeer(mac);
}
function change(iptables: Iptables, request: IptablesRequest): void {
  const { table, chain } = request;
  switch (request.change) {
    case "new-chain":
      return iptables.newChain(table, chain);
    case "ensure-chain":
      if (iptables.chain(table, chain) === undefined) iptables.newChain(table, chain);
      return;
    case "policy":
      return iptables.setPolicy(table, chain, request.policy);
    case "append":
      return iptables.append(table, chain, request.rule);
    case "insert":
      return iptables.insert(table, chain, request.rule);
    case "ensure":
      if (iptables.contains(table, chain, request.rule)) return;
      return request.at === "top"
        ? iptables.insert(table, chain, request.rule)
        : iptables.append(table, chain, request.rule);
    case "delete":
      return iptables.delete(table, chain, request.rule);
  }
}
