/** Two hosts that a cable connects, 10.7.0.1 and 10.7.0.2: for tests of sockets, with nothing else around them. */
import { fileURLToPath } from "node:url";
import { formatIpv4 } from "@hopscope/codec/address";
import * as ipv4 from "@hopscope/codec/ipv4";
import * as tcp from "@hopscope/codec/tcp";
import * as tcpOptions from "@hopscope/codec/tcp-options";
import { openCapture } from "@hopscope/tracer/reader";
import type { Mesh } from "../../src/build.ts";
import { NetDevice } from "../../src/device.ts";
import { Loopback } from "../../src/devices/loopback.ts";
import { Veth } from "../../src/devices/veth.ts";
import { type Frame, FramePool } from "../../src/frame.ts";
import { Netns } from "../../src/netns.ts";
import { Node } from "../../src/node.ts";
import { Process } from "../../src/program/process.ts";
import type { Environment } from "../../src/program/program.ts";
import { Pace } from "../../src/sim/pace.ts";
import { Random } from "../../src/sim/random.ts";
import { Simulator, type Wakeable } from "../../src/sim/simulator.ts";
import type { Softnet } from "../../src/sim/softnet.ts";
import { DropReason } from "../../src/trace/drop-reason.ts";
import { Direction, Recorder } from "../../src/trace/recorder.ts";
import { ip } from "../engine/overlay-plan.ts";

export const SECOND = 1e9;
export const A: number = ip("10.7.0.1");
export const B: number = ip("10.7.0.2");

export interface Hosts {
  readonly simulator: Simulator;
  readonly recorder: Recorder;
  readonly frames: FramePool;
  readonly a: Netns;
  readonly b: Netns;
  readonly links: readonly [NetDevice, NetDevice];
}

/** What a bad cable does to each frame. */
export interface Faults {
  /** Decides about the frame: undefined is lost, else nanoseconds of delay, once for each copy that arrives. */
  readonly deliver: (frame: Frame, from: NetDevice) => readonly number[];
}

/** A cable between two machines that may lose, delay, overtake and double what goes through. */
class FaultyCable extends NetDevice implements Wakeable {
  readonly softnet: Softnet;
  peer: FaultyCable | undefined = undefined;
  readonly #faults: Faults;

  constructor(netns: Netns, name: string, mtu: number, mac: number, faults: Faults) {
    super(netns, { name, mtu, mac });
    this.softnet = netns.node.softnet;
    this.#faults = faults;
  }

  protected startXmit(frame: Frame): void {
    const { frames, simulator, softnet } = this.netns.node;
    frames.scrub(frame);
    const delays = this.#faults.deliver(frame, this);
    for (const [index, delay] of delays.entries()) {
      const copy = index === delays.length - 1 ? frame : frames.clone(frame);
      simulator.hold();
      simulator.schedule(softnet.now + delay, this.peer!, copy.id);
    }
    if (delays.length === 0) this.netns.drop(frame, DropReason.DEV_READY);
  }

  wake(id: number): void {
    this.netns.node.simulator.release();
    const { frames } = this.netns.node;
    const frame = frames.get(id);
    if (frames.own(frame)) this.receive(frame);
  }
}

/** On one machine, with a veth pair between them; or, with `faults`, on two, with a cable. */
export function twoHosts(
  mtu: number = 1450,
  faults?: Faults,
  seed: number = 1,
  macOfB: number = 0x02_00_00_00_00_0b,
): Hosts {
  const simulator = new Simulator();
  const frames = new FramePool();
  const recorder = new Recorder(frames);
  const node = (name: string): Node => new Node(name, simulator, frames, recorder, new Random(seed, name));
  const nodes = faults === undefined ? [node("one"), undefined] : [node("one"), node("two")];
  const host = (name: string, on: Node): Netns => {
    const netns = new Netns(on, name);
    netns.addAddress(new Loopback(netns, { name: "lo", mtu: 65_536, mac: 0 }), ip("127.0.0.1"), 8);
    return netns;
  };
  const a = host("a", nodes[0]!);
  const b = host("b", nodes[1] ?? nodes[0]!);
  const end = (netns: Netns, mac: number): NetDevice =>
    faults === undefined
      ? new Veth(netns, { name: "eth0", mtu, mac })
      : new FaultyCable(netns, "eth0", mtu, mac, faults);
  const links = [end(a, 0x02_00_00_00_00_0a), end(b, macOfB)] as const;
  const [left, right] = links;
  if (left instanceof Veth && right instanceof Veth) left.connect(right);
  if (left instanceof FaultyCable && right instanceof FaultyCable) {
    left.peer = right;
    right.peer = left;
  }
  a.addAddress(left, A, 24);
  b.addAddress(right, B, 24);
  return { simulator, recorder, frames, a, b, links };
}

export function pass({ simulator, a }: Hosts, ns: number): void {
  simulator.hold();
  simulator.schedule(simulator.now + ns, { softnet: a.node.softnet, wake: () => simulator.release() }, 0);
  simulator.run();
}

export function environmentOf(netns: Netns, files: Record<string, string> = {}): Environment {
  // No part of a swarm is looked at by a program that only uses sockets.
  const mesh = { pace: new Pace() } as unknown as Mesh;
  return { netns, hostname: netns.name, files: new Map(Object.entries(files)), mesh };
}

/** Runs a program's code on a host. */
export function run(
  netns: Netns,
  code: (process: Process) => Generator<void, number, boolean>,
  environment: Environment = environmentOf(netns),
): Process {
  const process = new Process(environment);
  process.start(code(process), netns.node.simulator.now);
  return process;
}

/** All TCP segments at an interface of a recording. */
export async function recordedSegments(file: string, point: string): Promise<SeenSegment[]> {
  const first = new Map<string, number>();
  const seen: SeenSegment[] = [];
  for await (const packet of await openCapture(
    fileURLToPath(new URL(`../../../../fixtures/pcaps/${file}`, import.meta.url)),
  )) {
    if (packet.interface.name !== point) continue;
    const bytes = packet.data.slice();
    const view = new DataView(bytes.buffer);
    if (view.getUint16(12) !== 0x0800 || ipv4.protocol(view, 14) !== 6) continue;
    const time = packet.seconds * SECOND + packet.nanoseconds;
    seen.push(segmentOf(view, time, packet.direction === "out" ? "out" : "in", first));
  }
  return seen;
}

const FLAG_NAMES = ["F", "S", "R", "P", "A"] as const;

/** A TCP segment as the recordings' listing says it, sequence numbers counted from the connection's first. */
export interface SeenSegment {
  readonly time: number;
  readonly direction: "in" | "out";
  readonly from: string;
  readonly flags: string;
  readonly seq: number;
  readonly ack: number;
  readonly window: number;
  readonly data: number;
  readonly id: number;
  readonly mss: number | undefined;
  readonly sack: readonly (readonly [number, number])[];
  readonly payload: Uint8Array;
}

/** All TCP segments at a device. */
export function segmentsAt(recorder: Recorder, device: NetDevice): SeenSegment[] {
  const first = new Map<string, number>();
  const seen: SeenSegment[] = [];
  for (const hop of recorder.order()) {
    if (recorder.point(hop) !== device.point) continue;
    const bytes = recorder.bytes(hop);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    if (view.getUint16(12) !== 0x0800 || ipv4.protocol(view, 14) !== 6) continue;
    seen.push(segmentOf(view, recorder.time(hop), recorder.direction(hop) === Direction.out ? "out" : "in", first));
  }
  return seen;
}

function segmentOf(view: DataView, time: number, direction: "in" | "out", first: Map<string, number>): SeenSegment {
  const at = ipv4.payloadStart(view, 14);
  const end = ipv4.payloadEnd(view, 14, view.byteLength);
  const from = `${formatIpv4(ipv4.srcIp(view, 14))}:${tcp.srcPort(view, at)}`;
  const to = `${formatIpv4(ipv4.dstIp(view, 14))}:${tcp.dstPort(view, at)}`;
  const sequence = tcp.sequence(view, at);
  if (!first.has(from)) first.set(from, sequence);
  const bits = tcp.flags(view, at);
  const options = at + tcp.HEADER_LENGTH;
  const data = tcp.payloadStart(view, at);
  const mssAt = tcpOptions.find(view, options, data, tcpOptions.TcpOptionKind.mss);
  const sackAt = tcpOptions.find(view, options, data, tcpOptions.TcpOptionKind.sack);
  const base = first.get(to) ?? 0;
  const blocks = sackAt < 0 ? 0 : tcpOptions.sackBlockCount(view, sackAt);
  const edge = (value: number): number => (value - base) >>> 0;
  return {
    time,
    direction,
    from,
    flags: FLAG_NAMES.filter((_, bit) => (bits & (1 << bit)) !== 0).join(""),
    seq: (sequence - first.get(from)!) >>> 0,
    ack: (bits & tcp.TcpFlag.ack) === 0 ? 0 : edge(tcp.acknowledgment(view, at)),
    window: tcp.window(view, at),
    data: end - data,
    id: ipv4.identification(view, 14),
    mss: mssAt < 0 ? undefined : tcpOptions.mss(view, mssAt),
    sack: Array.from({ length: blocks }, (_, index) => [
      edge(tcpOptions.sackLeft(view, sackAt, index)),
      edge(tcpOptions.sackRight(view, sackAt, index)),
    ]),
    payload: new Uint8Array(view.buffer, view.byteOffset + data, end - data),
  };
}

/** One line a segment: direction, flags, lengths; what a connection looks like. */
export function lineOf({ direction, flags, seq, ack, data, mss }: SeenSegment): string {
  return `${direction} ${flags} seq ${seq} ack ${ack} data ${data}${mss === undefined ? "" : ` mss ${mss}`}`;
}
