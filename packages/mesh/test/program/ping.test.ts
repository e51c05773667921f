/**
 * `ping`, `traceroute` and `arping` behind a router: one session, as it went on Linux 6.18 with busybox 1.35 and iputils
 * 20221126 (fixtures/inspect/record-ping.py).
 *
 *     a (eth0 10.0.1.2, eth1 10.0.3.2) -- r (10.0.1.1, 10.0.3.1, 10.0.2.1 with an MTU of 1400) -- b (10.0.2.2)
 */
import { readFileSync } from "node:fs";
import { parseIpv4, parseMac } from "@hopscope/codec/address";
import { describe, expect, test } from "vitest";
import { Loopback } from "../../src/devices/loopback.ts";
import { Veth } from "../../src/devices/veth.ts";
import { FramePool } from "../../src/frame.ts";
import { Netns } from "../../src/netns.ts";
import { Node } from "../../src/node.ts";
import { Random } from "../../src/sim/random.ts";
import { Simulator } from "../../src/sim/simulator.ts";
import { Recorder } from "../../src/trace/recorder.ts";
import { environmentOf, runCommand } from "./run-command.ts";

interface Recorded {
  readonly command: string;
  readonly status: number;
  readonly output: readonly string[];
}

const FILE = new URL("../../../../fixtures/inspect/ping.json", import.meta.url);
const RECORDED = JSON.parse(readFileSync(FILE, "utf8")) as readonly Recorded[];

function netnsOf(node: Node, name: string): Netns {
  const netns = new Netns(node, name);
  netns.addAddress(new Loopback(netns, { name: "lo", mtu: 65_536, mac: 0 }), parseIpv4("127.0.0.1")!, 8);
  return netns;
}

function connect(...[a, b]: readonly (readonly [Netns, string, string, string])[]): void {
  const mtu = a![2].startsWith("10.0.2.") ? 1400 : 1500;
  const [one, other] = [a!, b!].map(([netns, name, , mac]) => new Veth(netns, { name, mtu, mac: parseMac(mac)! })) as [
    Veth,
    Veth,
  ];
  one.connect(other);
  for (const [device, [netns, , address]] of [
    [one, a!],
    [other, b!],
  ] as const)
    netns.addAddress(device, parseIpv4(address)!, 24);
}

function laboratory(): Netns {
  const frames = new FramePool({ slots: 512, jumboSlots: 8 });
  const recorder = new Recorder(frames);
  const node = new Node("alone", new Simulator(), frames, recorder, new Random(1, "alone"));
  const [a, r, b] = [netnsOf(node, "host"), netnsOf(node, "r"), netnsOf(node, "b")];
  connect([a, "eth0", "10.0.1.2", "02:00:00:00:01:02"], [r, "e1", "10.0.1.1", "02:00:00:00:01:01"]);
  connect([a, "eth1", "10.0.3.2", "02:00:00:00:03:02"], [r, "e3", "10.0.3.1", "02:00:00:00:03:01"]);
  connect([b, "eth0", "10.0.2.2", "02:00:00:00:02:02"], [r, "e2", "10.0.2.1", "02:00:00:00:02:01"]);
  const type = (netns: Netns, ...commands: readonly string[]): void => {
    for (const command of commands)
      expect(runCommand(environmentOf(netns, "debian"), command)).toMatchObject({ status: 0, output: [] });
  };
  type(a, "ip route add default via 10.0.1.1");
  type(b, "ip route add default via 10.0.2.1");
  runCommand(environmentOf(r, "debian"), "sysctl -w net.ipv4.ip_forward=1");
  runCommand(environmentOf(r, "debian"), "sysctl -w net.ipv4.icmp_echo_ignore_broadcasts=0");
  type(
    r,
    "ip route add unreachable 10.9.1.0/24",
    "ip route add prohibit 10.9.2.0/24",
    "ip route add blackhole 10.9.3.0/24",
  );
  return a;
}

const FILES = {
  "/etc/hosts": "127.0.0.1 localhost\n10.0.2.2 b.example b\n",
  "/etc/resolv.conf": "nameserver 127.0.0.1\n",
};

/** Without times; what went to standard error is behind the rest in the recording, so order is not compared. */
function plain(lines: readonly string[]): string[] {
  return lines
    .map((line) =>
      line
        .replace(/\d+\.\d{3}( ?ms)/g, "T$1")
        .replace(/(min\/avg\/max\S* =) \S+ ms/, "$1 T ms")
        .replace(/, time \d+ms/, ", time T")
        .replace(/^\/usr\/bin\/ping: /, "iping: "),
    )
    .filter((line) => line !== "")
    .toSorted();
}

describe("behind a router", () => {
  const a = laboratory();
  test.each(RECORDED.map((each) => [each.command, each] as const))("%s", (command, { status, output }) => {
    runCommand(environmentOf(a, "debian"), "ip neigh flush all");
    const done = runCommand(environmentOf(a, "busybox", FILES), command);
    expect({ status: done.status, output: plain(done.output) }).toEqual({ status, output: plain(output) });
    // One command is to know what the one before has learned.
    if (!command.includes("-c 3 -i 0.2")) runCommand(environmentOf(a, "debian"), "ip route flush cache");
  });
});
