/**
 * The same packets, put on the same devices of a machine with the same rules, as a Linux kernel got them: every frame at
 * every device, byte for byte, every counter of every rule, and every connection at the end. kernel/record.py made the
 * recordings; its opening comment says of what.
 */
import { readdirSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, test, vi } from "vitest";
import { Bridge } from "../../src/devices/bridge.ts";
import { Loopback } from "../../src/devices/loopback.ts";
import { Veth } from "../../src/devices/veth.ts";
import { FramePool } from "../../src/frame.ts";
import { IcmpRateLimit } from "../../src/host/icmp-rate-limit.ts";
import { formatConntrack } from "../../src/netfilter/conntrack-format.ts";
import { netfilterOf } from "../../src/netfilter/netfilter.ts";
import { Netns } from "../../src/netns.ts";
import { Node } from "../../src/node.ts";
import { spawn } from "../../src/program/shell.ts";
import { Random } from "../../src/sim/random.ts";
import { Simulator } from "../../src/sim/simulator.ts";
import { NeighborState } from "../../src/tables/neighbor.ts";
import { Direction, Recorder } from "../../src/trace/recorder.ts";
import { ip } from "../engine/overlay-plan.ts";
import { environmentOf } from "../program/run-command.ts";
import { wordsOf } from "./words.ts";

type Seen = readonly [device: string, way: "in" | "out", frame: string];

interface Recording {
  readonly rules: readonly string[];
  readonly steps: readonly { readonly end: string; readonly frame: string; readonly seen: readonly Seen[] }[];
  readonly save: readonly string[];
  readonly connections: readonly string[];
}

const FOLDER = new URL("kernel/", import.meta.url);
const RECORDINGS = readdirSync(FOLDER).filter((file) => file.endsWith(".json.gz"));

const ENDS = {
  c2: ["docker0", "172.17.0.2", 0x02],
  c3: ["docker0", "172.17.0.3", 0x03],
  c4: ["docker0", "172.17.0.4", 0x04],
  g3: ["gw", "172.18.0.3", 0x13],
  g4: ["gw", "172.18.0.4", 0x14],
  ext: [undefined, "192.168.77.100", 0x64],
} as const;
const macOf = (last: number): number => 0x020000000000 + last;
/** About as long as the recording waited behind each packet. */
const STEP = 22_000_000;

class Machine {
  readonly simulator: Simulator = new Simulator();
  readonly frames: FramePool = new FramePool({ slots: 512, jumboSlots: 64 });
  readonly recorder: Recorder = new Recorder(this.frames);
  readonly node: Node = new Node("node", this.simulator, this.frames, this.recorder, new Random(1, "node"));
  readonly netns: Netns = this.#namespace("host");
  readonly #ends: Map<string, Veth> = new Map();
  #hop = 0;

  constructor(rules: readonly string[]) {
    const { netns } = this;
    netns.forwarding = true;
    const bridges = {
      docker0: this.#bridge("docker0", "172.17.0.1", 0xd0),
      gw: this.#bridge("gw", "172.18.0.1", 0xd1),
    };
    for (const [end, [bridge, address, last]] of Object.entries(ENDS)) {
      const inside = new Veth(this.#namespace(end), { name: "eth0", mtu: 1500, mac: macOf(last) });
      const name = bridge === undefined ? "eth0" : `p${end}`;
      const port = new Veth(netns, { name, mtu: 1500, mac: macOf(bridge === undefined ? 0x0c : 0x80 + last) });
      inside.connect(port);
      this.#ends.set(end, inside);
      if (bridge === undefined) netns.addAddress(port, ip("192.168.77.12"), 24);
      else bridges[bridge].addPort(port);
      netns.arp.set(bridge === undefined ? port : bridges[bridge], ip(address), macOf(last), NeighborState.permanent);
    }
    netns.arp.set(netns.deviceNamed("eth0")!, ip("192.168.77.101"), macOf(0x64), NeighborState.permanent);
    const environment = environmentOf(netns, "debian");
    for (const rule of rules) {
      const process = spawn(wordsOf(rule), environment);
      this.simulator.run();
      expect(process.status).toBe(0);
    }
    this.recorder.start();
  }

  /** What is seen of a packet at the machine's devices. */
  send(end: string, frame: string): Seen[] {
    const bytes = Buffer.from(frame, "hex");
    const packet = this.frames.allocate(bytes.length)!;
    this.frames.bytes.set(bytes, packet.start);
    const { softnet } = this.node;
    const device = this.#ends.get(end)!;
    this.simulator.hold();
    this.simulator.schedule(this.simulator.now, { softnet, wake: () => device.transmit(packet) }, 0);
    this.simulator.schedule(this.simulator.now + STEP, { softnet, wake: () => this.simulator.release() }, 0);
    this.simulator.run();
    const seen: Seen[] = [];
    for (; this.#hop < this.recorder.hopCount; this.#hop++) {
      const { namespace, device: name } = this.recorder.pointAt(this.recorder.point(this.#hop));
      const text = Buffer.from(this.recorder.bytes(this.#hop)).toString("hex");
      const isWanted = namespace === "host" && name !== "lo" && text.slice(24, 28) === "0800";
      if (isWanted) seen.push([name, this.recorder.direction(this.#hop) === Direction.in ? "in" : "out", text]);
    }
    return seen;
  }

  #namespace(name: string): Netns {
    const netns = new Netns(this.node, name);
    netns.addAddress(new Loopback(netns, { name: "lo", mtu: 65_536, mac: 0 }), ip("127.0.0.1"), 8);
    return netns;
  }

  #bridge(name: string, address: string, last: number): Bridge {
    const bridge = new Bridge(this.netns, { name, mtu: 1500, mac: macOf(last) });
    this.netns.addAddress(bridge, ip(address), 16);
    return bridge;
  }
}

/** The identification, and the header's checksum with it, are chance in what the machine itself says. */
function comparable(seen: readonly Seen[]): string[] {
  return seen.map(
    ([device, way, text]) => `${device} ${way} ${text.slice(0, 36)}…${text.slice(40, 48)}…${text.slice(52)}`,
  );
}

/** A connection without its time, which depends on how fast the recording went. */
function timeless(line: string): string {
  return line.replace(/^(ipv4 +2 \S+ +\d+) \d+/, "$1").replace(/ use=\d+$/, "");
}

describe("a Linux kernel", () => {
  test.each(RECORDINGS)("%s", (name) => {
    // They were off while it was recorded.
    vi.spyOn(IcmpRateLimit.prototype, "allowsGlobally").mockReturnValue(true);
    vi.spyOn(IcmpRateLimit.prototype, "allowsPeer").mockReturnValue(true);
    const { rules, steps, save, connections } = JSON.parse(
      gunzipSync(readFileSync(new URL(name, FOLDER))).toString(),
    ) as Recording;
    const machine = new Machine(rules);
    for (const [number, { end, frame, seen }] of steps.entries()) {
      const step = `packet ${number} from ${end}`;
      expect({ step, seen: comparable(machine.send(end, frame)) }).toEqual({ step, seen: comparable(seen) });
    }
    const { iptables, conntrack } = netfilterOf(machine.netns);
    expect(iptables.save({ counters: true })).toEqual(save);
    const { now } = machine.node.softnet;
    const kept = conntrack.list(now).map((entry) => timeless(formatConntrack(entry, now)));
    expect(kept.toSorted()).toEqual(connections.map(timeless).toSorted());
    vi.restoreAllMocks();
  });
});
