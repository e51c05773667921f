/**
 * A client, a load balancer as `ingress_sbox` is one, and real servers on a bridge behind it: what Docker puts there for
 * a published port, with nothing else around.
 *
 * c 192.168.77.20 - 192.168.77.2 lb 10.0.0.2 - bridge - s1 10.0.0.6, s2 10.0.0.7, s3 10.0.0.8
 */
import { formatIpv4 } from "@hopscope/codec/address";
import * as ethernet from "@hopscope/codec/ethernet";
import * as ipv4 from "@hopscope/codec/ipv4";
import * as tcp from "@hopscope/codec/tcp";
import { Bridge } from "../../src/devices/bridge.ts";
import { Errno } from "../../src/errno.ts";
import { TcpListener } from "../../src/host/tcp-listener.ts";
import type { TcpSocket } from "../../src/host/tcp-socket.ts";
import type { UdpSocket } from "../../src/host/udp-socket.ts";
import { type IpVs, ipvsOf } from "../../src/ipvs/ip-vs.ts";
import { tcpStateName } from "../../src/ipvs/proto-tcp.ts";
import type { Forwarding } from "../../src/ipvs/dest.ts";
import { netfilterOf } from "../../src/netfilter/netfilter.ts";
import type { TableName } from "../../src/netfilter/rule.ts";
import { parseRule } from "../../src/netfilter/rule-parse.ts";
import type { Netns } from "../../src/netns.ts";
import { RouteType } from "../../src/tables/route.ts";
import { Lab, type Seen } from "../engine/lab.ts";
import { ip } from "../engine/overlay-plan.ts";
import { tcpPacket } from "../netfilter/firewall.ts";
import { wordsOf } from "../netfilter/words.ts";

export const SECOND = 1e9;
export const VIP = "192.168.77.2";
export const PORT = 8001;
export const MARK = { fwmark: 258 } as const;

export interface BalancedOptions {
  /** net.ipv4.vs.conntrack and the rules that go with it, as Docker has them. Default: true. */
  readonly conntrack?: boolean;
  /** Bytes, of the links behind the balancer. */
  readonly mtu?: number;
  readonly forwarding?: Forwarding;
  /** How many of the servers are destinations. */
  readonly destinations?: number;
}

export class Balanced extends Lab {
  readonly client: Netns = this.netns("c");
  readonly lb: Netns = this.netns("lb", true);
  readonly bridge: Netns = this.netns("net");
  readonly servers: readonly Netns[];
  readonly ipvs: IpVs;
  readonly #br0: Bridge;
  readonly #accepted: TcpSocket[] = [];
  readonly #listeners: TcpListener[] = [];

  constructor({ conntrack = true, mtu = 1450, forwarding = "masq", destinations = 3 }: BalancedOptions = {}) {
    super();
    this.wire(this.client, "192.168.77.20/24", this.lb, `${VIP}/24`);
    this.#br0 = new Bridge(this.bridge, { name: "br0", mtu, mac: undefined });
    const attach = (netns: Netns, address: string): void => {
      const inside = this.veth(netns, "eth0", mtu);
      const port = this.veth(this.bridge, netns.name, mtu);
      inside.connect(port);
      this.#br0.addPort(port);
      netns.addAddress(inside, ip(address), 24);
    };
    attach(this.lb, "10.0.0.2");
    this.servers = [6, 7, 8].map((last, index) => {
      const netns = this.netns(`s${index + 1}`);
      attach(netns, `10.0.0.${last}`);
      this.defaultRoute(netns, "10.0.0.2");
      return netns;
    });
    this.ipvs = ipvsOf(this.lb);
    this.ipvs.addService(MARK, "rr");
    for (const netns of this.servers.slice(0, destinations)) {
      const address = netns.deviceNamed("eth0")!;
      const at = netns.addresses.find((each) => each.device === address)!.ip;
      this.ipvs.addDestination(MARK, { ip: at, port: 0, weight: 1, forwarding });
    }
    for (const protocol of ["tcp", "udp"]) {
      this.rule(
        "mangle",
        `PREROUTING -p ${protocol} -m ${protocol} --dport ${PORT} -j MARK --set-xmark 0x102/0xffffffff`,
      );
    }
    if (!conntrack) return;
    this.ipvs.sysctls.set("conntrack", 1);
    this.rule("nat", "POSTROUTING -d 10.0.0.0/24 -m ipvs --ipvs -j SNAT --to-source 10.0.0.2");
  }

  rule(table: TableName, text: string): void {
    const [chain = "", ...words] = wordsOf(text);
    netfilterOf(this.lb).iptables.append(table, chain, parseRule(words));
  }

  defaultRoute(netns: Netns, via: string): void {
    const device = netns.deviceNamed("eth0")!;
    const route = { type: RouteType.unicast, destination: 0, prefixLength: 0, via: ip(via), device: device.index };
    netns.routes.add({ ...route, source: 0 });
  }

  /** The client has a second device, on the servers' bridge: what they send to it does not pass the balancer. */
  shortcut(): void {
    const inside = this.veth(this.client, "eth0");
    const port = this.veth(this.bridge, "c");
    inside.connect(port);
    this.#br0.addPort(port);
    this.client.addAddress(inside, ip("10.0.0.20"), 24);
    for (const netns of this.servers) {
      const device = netns.deviceNamed("eth0")!.index;
      const route = { type: RouteType.unicast, destination: ip("192.168.77.20"), prefixLength: 32, device };
      netns.routes.add({ ...route, via: ip("10.0.0.20"), source: 0 });
    }
  }

  /** All servers listen. */
  listen(): void {
    for (const netns of this.servers) {
      const listener = netns.tcp.listen(0, PORT);
      if (!(listener instanceof TcpListener)) throw new Error(`listen: ${listener}`);
      this.#listeners.push(listener);
    }
  }

  /** Nobody listens there any more. */
  refuse(netns: Netns): void {
    this.#listeners[this.servers.indexOf(netns)]!.close();
  }

  /** A connection of the client's, established if somebody answers. */
  connect(): TcpSocket {
    const socket = this.client.tcp.connect(ip(VIP), PORT);
    this.run();
    for (const listener of this.#listeners) {
      for (let other = listener.accept(); other !== undefined; other = listener.accept()) this.#accepted.push(other);
    }
    return socket;
  }

  /** The last that a server has accepted. */
  get accepted(): TcpSocket {
    return this.#accepted.at(-1)!;
  }

  /** A socket of the client's that sends from `port`. */
  udp(port: number): UdpSocket {
    const socket = this.client.udp.socket();
    if (socket.bind(0, port) !== Errno.none) throw new Error(`bind ${port}`);
    return socket;
  }

  sendUdp(socket: UdpSocket, length: number = 4): void {
    socket.sendTo(new Uint8Array(length), ip(VIP), PORT);
    this.run();
  }

  /** Sends a packet as it is, from the client. */
  send(packet: Uint8Array): void {
    const frame = this.frames.allocate(ethernet.HEADER_LENGTH + packet.length)!;
    ethernet.setDstMac(this.frames.view, frame.start, 0);
    ethernet.setSrcMac(this.frames.view, frame.start, 0);
    ethernet.setEtherType(this.frames.view, frame.start, 0x0800);
    this.frames.bytes.set(packet, frame.start + ethernet.HEADER_LENGTH);
    this.client.ipv4.output(frame);
    this.run();
  }

  /** Port of the last {@link sendSyn}. */
  lastPort = 0;

  /** A SYN that no socket of the client's knows of. */
  sendSyn(port: number): void {
    this.lastPort = port;
    const sequence = 1_000_000_000;
    this.send(tcpPacket({ from: `192.168.77.20:${port}`, to: `${VIP}:${PORT}`, flags: tcp.TcpFlag.syn, sequence }));
  }

  /** Who got what at a server's device: `s3`, once for each packet that came in. */
  receivers(): string[] {
    return this.seen()
      .filter(({ point, direction }) => /^s\d\/eth0$/.test(point) && direction === "in")
      .map(({ point }) => point.slice(0, 2));
  }

  /** IPVS' connections, as `ipvsadm -Lcn` has them. */
  connections(): string[] {
    return this.ipvs.connections(this.node.softnet.now).map((conn) => {
      const state = conn.protocol === 6 ? tcpStateName(conn.state) : "UDP";
      return `${state} ${formatIpv4(conn.clientIp)} -> ${formatIpv4(conn.destIp)}:${conn.destPort}`;
    });
  }

  /** Active and inactive connections of each destination, the last added first. */
  counters(): string[] {
    const service = this.ipvs.serviceAt(MARK)!;
    return service.destinations.map((dest) => `${dest.activeConnections}/${dest.inactiveConnections}`);
  }
}

const FLAGS = ["F", "S", "R", "P", "A"] as const;

/** `192.168.77.20:40000 > 192.168.77.2:8001 S ttl 64` */
export function lineOf({ bytes, ttl, protocol, icmp }: Seen): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const at = ipv4.payloadStart(view, 14);
  const [from, to] = [formatIpv4(ipv4.srcIp(view, 14)), formatIpv4(ipv4.dstIp(view, 14))];
  if (icmp !== "") return `${from} > ${to} icmp ${icmp} ttl ${ttl}`;
  const words = `${from}:${view.getUint16(at)} > ${to}:${view.getUint16(at + 2)}`;
  if (protocol !== 6) return `${words} udp ttl ${ttl}`;
  const bits = tcp.flags(view, at);
  return `${words} ${FLAGS.filter((_, bit) => (bits & (1 << bit)) !== 0).join("")} ttl ${ttl}`;
}
