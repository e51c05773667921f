/** Namespaces of one machine, wired by veth pairs: for tests of the stack without Docker around it. */
import * as ethernet from "@hopscope/codec/ethernet";
import * as icmp from "@hopscope/codec/icmp";
import * as ipv4 from "@hopscope/codec/ipv4";
import { formatIpv4 } from "@hopscope/codec/address";
import { EtherType, IpProtocol } from "@hopscope/codec/code-points";
import { Loopback } from "../../src/devices/loopback.ts";
import { Veth } from "../../src/devices/veth.ts";
import { FramePool, type FramePoolOptions } from "../../src/frame.ts";
import type { EchoRequest } from "../../src/host/icmp.ts";
import { PmtuDiscovery, type SendError } from "../../src/host/ipv4.ts";
import { Netns } from "../../src/netns.ts";
import { Node } from "../../src/node.ts";
import { Random } from "../../src/sim/random.ts";
import { Simulator } from "../../src/sim/simulator.ts";
import { Direction, Recorder } from "../../src/trace/recorder.ts";
import { formatStep } from "../../src/trace/step.ts";
import { ip } from "./overlay-plan.ts";

/** `10.0.0.1/24` */
export function cidr(text: string): [ip: number, prefixLength: number] {
  const [address, length] = text.split("/");
  return [ip(address!), Number(length)];
}

/** An IPv4 packet at a point. */
export interface Seen {
  /** `a/eth0` */
  readonly point: string;
  readonly direction: "in" | "out";
  readonly srcIp: string;
  readonly dstIp: string;
  readonly ttl: number;
  readonly tos: number;
  readonly id: number;
  readonly df: boolean;
  readonly mf: boolean;
  readonly offset: number;
  readonly length: number;
  readonly protocol: number;
  /** Of a packet or first fragment of ICMP: `type/code`. */
  readonly icmp: string;
  readonly bytes: Uint8Array;
  readonly steps: readonly string[];
}

export class Lab {
  readonly simulator: Simulator = new Simulator();
  readonly frames: FramePool;
  readonly recorder: Recorder;
  readonly node: Node;
  #nextMac = 0x020000000001;

  constructor(options: FramePoolOptions = {}) {
    this.frames = new FramePool({ slots: 256, jumboSlots: 16, ...options });
    this.recorder = new Recorder(this.frames);
    this.recorder.start();
    this.node = new Node("lab", this.simulator, this.frames, this.recorder, new Random(1, "lab"));
  }

  netns(name: string, forwarding: boolean = false): Netns {
    const netns = new Netns(this.node, name);
    netns.forwarding = forwarding;
    netns.addAddress(new Loopback(netns, { name: "lo", mtu: 65_536, mac: 0 }), ip("127.0.0.1"), 8);
    return netns;
  }

  veth(netns: Netns, name: string, mtu: number = 1500): Veth {
    return new Veth(netns, { name, mtu, mac: this.#nextMac++ });
  }

  /** A pair of devices named after the namespace at the other end, with an address each. */
  wire(a: Netns, addressA: string, b: Netns, addressB: string, mtu: number = 1500): [Veth, Veth] {
    const ends: [Veth, Veth] = [this.veth(a, b.name, mtu), this.veth(b, a.name, mtu)];
    ends[0].connect(ends[1]);
    a.addAddress(ends[0], ...cidr(addressA));
    b.addAddress(ends[1], ...cidr(addressB));
    return ends;
  }

  /** Lets time pass. */
  run(ns: number = 1e8): void {
    const { softnet } = this.node;
    this.simulator.hold();
    this.simulator.schedule(softnet.now + ns, { softnet, wake: () => this.simulator.release() }, 0);
    this.simulator.run();
  }

  /** A program's echo request; `isTakenUp`: in process context, so that it has arrived before the program goes on. */
  ping(
    netns: Netns,
    dstIp: string,
    dataLength: number = 56,
    options: Partial<EchoRequest> = {},
    isTakenUp: boolean = true,
  ): SendError {
    const { softnet } = this.node;
    const request: EchoRequest = {
      dstIp: ip(dstIp),
      identifier: 7,
      dataLength,
      ttl: 64,
      tos: 0,
      pmtuDiscovery: PmtuDiscovery.want,
      fill: (view, at, end) => {
        for (let offset = at; offset < end; offset++) view.setUint8(offset, offset - at);
      },
      ...options,
    };
    softnet.isInProcess = isTakenUp;
    const error = netns.icmp.sendEcho(request, 1);
    softnet.isInProcess = false;
    return error;
  }

  /** All IPv4 packets that were seen so far, and what was decided about them. */
  seen(point?: string, direction?: "in" | "out"): Seen[] {
    const all = Array.from(this.recorder.order(), (hop) => this.#seen(hop)).filter((each) => each !== undefined);
    return all.filter(
      (each) =>
        (point === undefined || each.point === point) && (direction === undefined || each.direction === direction),
    );
  }

  /** Every step of every hop, in order. */
  steps(): string[] {
    return Array.from(this.recorder.order(), (hop) => this.#stepsOf(hop)).flat();
  }

  #seen(hop: number): Seen | undefined {
    const { recorder } = this;
    const bytes = recorder.bytes(hop);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (ethernet.etherType(view, 0) !== EtherType.ipv4) return undefined;
    const at = ethernet.HEADER_LENGTH;
    const payload = ipv4.payloadStart(view, at);
    const isIcmp = ipv4.protocol(view, at) === IpProtocol.icmp && ipv4.fragmentOffset(view, at) === 0;
    const { namespace, device } = recorder.pointAt(recorder.point(hop));
    return {
      point: `${namespace}/${device}`,
      direction: recorder.direction(hop) === Direction.in ? "in" : "out",
      srcIp: formatIpv4(ipv4.srcIp(view, at)),
      dstIp: formatIpv4(ipv4.dstIp(view, at)),
      ttl: ipv4.ttl(view, at),
      tos: ipv4.tos(view, at),
      id: ipv4.identification(view, at),
      df: ipv4.dontFragment(view, at),
      mf: ipv4.moreFragments(view, at),
      offset: ipv4.fragmentOffset(view, at),
      length: ipv4.totalLength(view, at),
      protocol: ipv4.protocol(view, at),
      icmp: isIcmp ? `${icmp.type(view, payload)}/${icmp.code(view, payload)}` : "",
      bytes: bytes.slice(),
      steps: this.#stepsOf(hop),
    };
  }

  #stepsOf(hop: number): string[] {
    const steps: string[] = [];
    this.recorder.steps(hop, (kind, a, b) =>
      steps.push(
        formatStep(
          kind,
          a,
          b,
          (at) => this.recorder.pointAt(at).device,
          (label) => this.recorder.label(label),
        ),
      ),
    );
    return steps;
  }
}
