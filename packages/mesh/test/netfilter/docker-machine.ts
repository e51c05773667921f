/**
 * A machine as Docker 20.10 leaves it, made by hand: docker0 and docker_gwbridge with containers on them, eth0 with a
 * cable to a machine outside, and the rules of the recordings (FORWARD policy DROP, isolation, masquerade).
 */
import * as ethernet from "@hopscope/codec/ethernet";
import * as icmp from "@hopscope/codec/icmp";
import * as ipv4 from "@hopscope/codec/ipv4";
import { formatIpv4 } from "@hopscope/codec/address";
import { Bridge } from "../../src/devices/bridge.ts";
import { Loopback } from "../../src/devices/loopback.ts";
import { Nic } from "../../src/devices/nic.ts";
import { Veth } from "../../src/devices/veth.ts";
import type { NetDevice } from "../../src/device.ts";
import { FramePool } from "../../src/frame.ts";
import { PmtuDiscovery } from "../../src/host/ipv4.ts";
import { Netfilter } from "../../src/netfilter/netfilter.ts";
import type { TableName } from "../../src/netfilter/rule.ts";
import { parseRule } from "../../src/netfilter/rule-parse.ts";
import { Netns } from "../../src/netns.ts";
import { Node } from "../../src/node.ts";
import { Random } from "../../src/sim/random.ts";
import { Simulator } from "../../src/sim/simulator.ts";
import { RouteType } from "../../src/tables/route.ts";
import { Direction, Recorder } from "../../src/trace/recorder.ts";
import { hopsOf, type HopText } from "../engine/trace-text.ts";
import { endpointMac, ip } from "../engine/overlay-plan.ts";
import { wordsOf } from "./words.ts";

const RULES: readonly (readonly [TableName, string])[] = [
  ["filter", "FORWARD -j DOCKER-USER"],
  ["filter", "FORWARD -o docker_gwbridge -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"],
  ["filter", "FORWARD -i docker_gwbridge ! -o docker_gwbridge -j ACCEPT"],
  ["filter", "FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"],
  ["filter", "FORWARD -i docker0 ! -o docker0 -j ACCEPT"],
  ["filter", "FORWARD -i docker0 -o docker0 -j ACCEPT"],
  ["filter", "FORWARD -i docker_gwbridge -o docker_gwbridge -j DROP"],
  ["filter", "DOCKER-USER -j RETURN"],
  ["nat", "PREROUTING -m addrtype --dst-type LOCAL -j DOCKER"],
  ["nat", "OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER"],
  ["nat", "POSTROUTING -s 172.18.0.0/16 ! -o docker_gwbridge -j MASQUERADE"],
  ["nat", "POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE"],
];

export class DockerMachine {
  readonly simulator: Simulator = new Simulator();
  readonly frames: FramePool = new FramePool({ slots: 256, jumboSlots: 16 });
  readonly recorder: Recorder = new Recorder(this.frames);
  readonly node: Node = new Node("node", this.simulator, this.frames, this.recorder, new Random(1, "node"));
  readonly host: Netns;
  readonly netfilter: Netfilter;
  readonly outside: Netns;
  readonly docker0: Bridge;
  readonly gwbridge: Bridge;
  #nextMac = 0x0e0000000001;

  constructor() {
    this.host = this.#namespace(this.node, "host");
    this.host.forwarding = true;
    const eth0 = this.#nic(this.host, "192.168.77.12");
    const ext = new Node("ext", this.simulator, this.frames, this.recorder, new Random(1, "ext"));
    this.outside = this.#namespace(ext, "host");
    eth0.connect(this.#nic(this.outside, "192.168.77.100"));
    this.docker0 = this.#bridge("docker0", "172.17.0.1");
    this.gwbridge = this.#bridge("docker_gwbridge", "172.18.0.1");
    this.netfilter = new Netfilter(this.host);
    this.host.netfilter = this.netfilter;
    const { iptables } = this.netfilter;
    iptables.newChain("filter", "DOCKER-USER");
    iptables.newChain("nat", "DOCKER");
    iptables.setPolicy("filter", "FORWARD", "DROP");
    for (const [table, rule] of RULES) this.add(table, rule);
  }

  add(table: TableName, text: string): void {
    const [chain = "", ...argv] = wordsOf(text);
    this.netfilter.iptables.append(table, chain, parseRule(argv));
  }

  /** A container with its veth pair on a bridge: `c("docker0", 2)` has 172.17.0.2. */
  container(bridge: Bridge, last: number): Netns {
    const net = bridge === this.docker0 ? 17 : 18;
    const address = ip(`172.${net}.0.${last}`);
    const netns = this.#namespace(this.node, `c${net}-${last}`);
    const inside = new Veth(netns, { name: "eth0", mtu: 1500, mac: endpointMac(address) });
    const outside = new Veth(this.host, { name: `veth${net}-${last}`, mtu: 1500, mac: this.#nextMac++ });
    inside.connect(outside);
    bridge.addPort(outside);
    netns.addAddress(inside, address, 16);
    const gateway = { type: RouteType.unicast, destination: 0, prefixLength: 0, via: ip(`172.${net}.0.1`), source: 0 };
    netns.routes.add({ ...gateway, device: inside.index });
    return netns;
  }

  /** Sends one echo request of a namespace's; `dataLength` bytes of data, 56 if not said. */
  ping(from: Netns, to: string, dataLength: number = 56): void {
    const request = {
      dstIp: ip(to),
      identifier: 7,
      dataLength,
      ttl: 64,
      tos: 0,
      pmtuDiscovery: PmtuDiscovery.want,
      fill: () => {},
    };
    const wake = (): void => void from.icmp.sendEcho(request, 1);
    this.simulator.schedule(this.simulator.now, { softnet: from.node.softnet, wake }, 0);
  }

  /** A frame leaves by a device of a container's. */
  send(device: NetDevice, bytes: Uint8Array): void {
    const frame = this.frames.allocate(bytes.length)!;
    this.frames.bytes.set(bytes, frame.start);
    const wake = (): void => device.transmit(frame);
    this.simulator.schedule(this.simulator.now, { softnet: this.node.softnet, wake }, 0);
  }

  /** Lets everything take its course for ten milliseconds, and records it. */
  run(): void {
    this.recorder.start();
    const { softnet } = this.node;
    this.simulator.hold();
    this.simulator.schedule(this.simulator.now + 10_000_000, { softnet, wake: () => this.simulator.release() }, 0);
    this.simulator.run();
    this.recorder.stop();
  }

  /** What was seen since `from`: `veth17-2 in 172.17.0.2 > 172.17.0.3 84`; ARP and the machine outside left out. */
  ip(from: number = 0): string[] {
    const lines: string[] = [];
    for (let hop = from; hop < this.recorder.hopCount; hop++) {
      const { node, device, namespace } = this.recorder.pointAt(this.recorder.point(hop));
      const bytes = this.recorder.bytes(hop);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      if (node === "ext" || ethernet.etherType(view, 0) !== 0x0800) continue;
      const way = this.recorder.direction(hop) === Direction.in ? "in" : "out";
      const name = namespace === "host" ? device : namespace;
      lines.push(`${name} ${way} ${describe(view)}`);
    }
    return lines;
  }

  /** The steps of the last hop at a device of the machine's; received, if nothing else is said. */
  stepsAt(device: string, way: "in" | "out" = "in"): readonly string[] {
    const isThere = (hop: HopText): boolean => hop.point === `node/host/${device}` && hop.direction === way;
    return hopsOf(this.recorder).findLast(isThere)?.steps ?? [];
  }

  /** `[packets:bytes] -A …` of what has counted. */
  get counters(): string[] {
    return this.netfilter.iptables.save({ counters: true }).filter((line) => !/\[0:0\]|^\*|^COMMIT/.test(line));
  }

  /** Who has which address is known from the start, where a test is not about ARP. */
  knowEachOther(...containers: readonly Netns[]): void {
    const macs = new Map([
      [ip("172.17.0.1"), this.docker0.mac],
      [ip("172.18.0.1"), this.gwbridge.mac],
      [ip("192.168.77.12"), this.host.deviceNamed("eth0")!.mac],
      [ip("192.168.77.100"), this.outside.deviceNamed("eth0")!.mac],
    ]);
    for (const { addresses } of containers) {
      for (const { ip: address, device } of addresses) macs.set(address, device.mac);
    }
    for (const netns of [this.host, this.outside, ...containers]) netns.arp.acquaintances = macs;
  }

  #namespace(node: Node, name: string): Netns {
    const netns = new Netns(node, name);
    netns.addAddress(new Loopback(netns, { name: "lo", mtu: 65_536, mac: 0 }), ip("127.0.0.1"), 8);
    return netns;
  }

  #nic(netns: Netns, address: string): Nic {
    const nic = new Nic(netns, { name: "eth0", mtu: 1500, mac: endpointMac(ip(address)) });
    netns.addAddress(nic, ip(address), 24);
    return nic;
  }

  #bridge(name: string, address: string): Bridge {
    const bridge = new Bridge(this.host, { name, mtu: 1500, mac: endpointMac(ip(address)) });
    this.host.addAddress(bridge, ip(address), 16);
    return bridge;
  }
}

function describe(view: DataView): string {
  const at = ethernet.HEADER_LENGTH;
  const between = `${formatIpv4(ipv4.srcIp(view, at))} > ${formatIpv4(ipv4.dstIp(view, at))}`;
  const offset = ipv4.fragmentOffset(view, at);
  const payloadAt = ipv4.payloadStart(view, at);
  const isError = ipv4.protocol(view, at) === 1 && offset === 0 && icmp.isError(view, payloadAt);
  const fragment = ipv4.isFragment(view, at) ? ` at ${offset}` : "";
  return `${between} ${isError ? "error " : ""}${ipv4.totalLength(view, at)}${fragment}`;
}
