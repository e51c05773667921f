import { describe, expect, test } from "vitest";
import { dropReasonName } from "../../src/trace/drop-reason.ts";
import { StepKind, formatStep } from "../../src/trace/step.ts";
import { Hook } from "../../src/netfilter/hook.ts";
import { echo, Firewall, otherPacket, tcpPacket, udpPacket } from "./firewall.ts";

const OUTSIDE = "192.168.77.100";
const question = (from = "172.17.0.2:40000", to = `${OUTSIDE}:53`): Uint8Array => udpPacket({ from, to });

/** True if a packet from docker0 to outside comes through. */
function passes(firewall: Firewall, bytes: Uint8Array = question()): boolean {
  return firewall.forward(bytes, firewall.docker0, firewall.eth0) !== undefined;
}

describe("chains", () => {
  test("jump and return, goto and no return, the policy at the end", () => {
    const firewall = new Firewall();
    const { iptables } = firewall.netfilter;
    for (const chain of ["A", "B", "C"]) iptables.newChain("filter", chain);
    firewall.add("filter", "FORWARD -j A");
    firewall.add("filter", "FORWARD -g B");
    firewall.add("filter", "FORWARD -j ACCEPT");
    firewall.add("filter", "A -p udp -j RETURN");
    firewall.add("filter", "A -j DROP");
    firewall.add("filter", "B -j C");
    firewall.add("filter", "B");
    firewall.add("filter", "C -p tcp -j ACCEPT");
    iptables.setPolicy("filter", "FORWARD", "DROP");
    expect(passes(firewall)).toBe(false);
    expect(firewall.counters).toEqual([
      ":FORWARD DROP [1:28]",
      "[1:28] -A FORWARD -j A",
      "[1:28] -A FORWARD -g B",
      "[1:28] -A A -p udp -j RETURN",
      "[1:28] -A B -j C",
      "[1:28] -A B",
    ]);
  });

  test("which policies are counted depends on iptables' release", () => {
    const old = new Firewall();
    old.add("raw", "PREROUTING -i nowhere -j DROP");
    passes(old);
    expect(old.counters).toEqual([]);
    old.netfilter.iptables.setPolicy("filter", "FORWARD", "ACCEPT");
    passes(old);
    expect(old.counters).toEqual([":FORWARD ACCEPT [1:28]"]);
    old.netfilter.iptables.zero("filter");
    expect(old.counters).toEqual([]);
    const young = new Firewall("1.8.13");
    young.add("raw", "PREROUTING -i nowhere -j DROP");
    young.add("nat", "POSTROUTING -s 10.0.0.0/8 -j MASQUERADE");
    for (let times = 0; times < 2; times++) passes(young);
    // Table nat is asked about first packets only.
    expect(young.counters).toEqual([":PREROUTING ACCEPT [2:56]", ":POSTROUTING ACCEPT [1:28]"]);
  });

  test("Docker's isolation: from one bridge not to the other, and the trace says by which rule", () => {
    const firewall = new Firewall();
    const { iptables } = firewall.netfilter;
    iptables.newChain("filter", "DOCKER-ISOLATION-STAGE-1");
    iptables.newChain("filter", "DOCKER-ISOLATION-STAGE-2");
    firewall.add("filter", "FORWARD -j DOCKER-ISOLATION-STAGE-1");
    firewall.add("filter", "DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2");
    firewall.add("filter", "DOCKER-ISOLATION-STAGE-2 -o br-1 -j DROP");
    expect(passes(firewall)).toBe(true);
    const { recorder } = firewall.netns.node;
    const frame = firewall.frame(question());
    recorder.hop(firewall.docker0.point, 1, frame, { now: 0 });
    expect(firewall.netfilter.run(Hook.forward, frame, firewall.docker0, firewall.user)).toBeUndefined();
    expect(firewall.netfilter.hasDropped).toBe(true);
    const words: string[] = [];
    recorder.steps(0, (kind, a, b) => words.push(formatStep(kind, a, b, String, (label) => recorder.label(label))));
    expect(words).toEqual(["rule: DOCKER-ISOLATION-STAGE-2 -o br-1 -j DROP", "dropped: NETFILTER_DROP"]);
  });

  test("a policy that drops says so", () => {
    const firewall = new Firewall();
    firewall.netfilter.iptables.setPolicy("filter", "INPUT", "DROP");
    const { recorder } = firewall.netns.node;
    const frame = firewall.frame(question());
    recorder.hop(firewall.docker0.point, 1, frame, { now: 0 });
    firewall.netfilter.run(Hook.input, frame, firewall.docker0, undefined);
    const steps: string[] = [];
    recorder.steps(0, (kind, a) => steps.push(kind === StepKind.rule ? recorder.label(a) : dropReasonName(a as 0)));
    expect(steps).toEqual(["INPUT, policy DROP", "NETFILTER_DROP"]);
  });
});

describe("matches", () => {
  /** Whether a rule with this match drops the packet. */
  function drops(match: string, bytes: Uint8Array = question()): boolean {
    const firewall = new Firewall();
    firewall.add("filter", `FORWARD ${match} -j DROP`);
    return !passes(firewall, bytes);
  }
  const segment = tcpPacket({ from: "172.17.0.2:40000", to: `${OUTSIDE}:80`, flags: 0x02 });
  const ping = echo({ from: "172.17.0.2", to: OUTSIDE, id: 1 });

  test.each([
    ["-s 172.17.0.0/16", true],
    ["! -s 172.17.0.0/16", false],
    ["-d 192.168.77.100/32", true],
    ["-d 192.168.77.101/32", false],
    ["-i docker0 -o eth0", true],
    ["-i docker+ ! -o eth+", false],
    ["! -i docker0", false],
    ["-p udp", true],
    ["! -p udp", false],
    ["-p udp -m udp --sport 40000 --dport 50:60", true],
    ["-p udp -m udp ! --dport 53", false],
    ["-p tcp", false],
    ["-p udp -m multiport --dports 22,53", true],
    ["-p udp -m multiport ! --ports 40000", false],
    ["-m addrtype --dst-type LOCAL", false],
    ["-m addrtype --dst-type UNICAST", true],
    ["-m addrtype ! --src-type LOCAL", true],
    ["-m iprange --src-range 172.17.0.1-172.17.0.3", true],
    ["-m iprange ! --dst-range 192.168.77.100-192.168.77.100", false],
    ["-m mark --mark 0", true],
    ["-m mark --mark 0x1/0x1", false],
    ["-m policy --dir in --pol none", true],
    ["-m policy --dir in --pol ipsec", false],
    ["-m ipvs --ipvs", false],
    ["-m comment --comment x", true],
    // The word at 28 is behind the UDP header: not there. The destination port is.
    ['-m u32 --u32 "0x1c=0"', false],
    ['-m u32 --u32 "0>>22&0x3C@0&0xFFFF=53"', true],
    ['-m u32 --u32 "0>>22&0x3C@0&0xFFFF=1:52,54"', false],
    // The port by the header's length; the word at 28 ends the program; 60 bytes behind IPv4 are none of this packet.
    ['-m bpf --bytecode "5,177 0 0 0,72 0 0 2,21 0 1 53,6 0 0 1,6 0 0 0"', true],
    ['-m bpf --bytecode "5,177 0 0 0,72 0 0 2,21 0 1 54,6 0 0 1,6 0 0 0"', false],
    ['-m bpf ! --bytecode "2,32 0 0 28,6 0 0 1"', true],
    ['-m bpf --bytecode "4,48 0 0 9,21 1 0 17,6 0 0 0,6 0 0 4294967295"', true],
    ['-m bpf --bytecode "5,128 0 0 0,37 0 1 28,6 0 0 1,6 0 0 0,6 0 0 0"', false],
    ["-m conntrack --ctstate NEW", true],
    ["-m conntrack ! --ctstate NEW,RELATED", false],
    ["-m state --state ESTABLISHED", false],
    ["-m conntrack --ctorigdst 192.168.77.0/24 --ctorigdstport 53", true],
    ["-m conntrack --ctorigsrc 172.17.0.3 ", false],
    ["-m conntrack --ctdir REPLY", false],
    ["-m physdev --physdev-in veth1", false],
    ["-m physdev ! --physdev-is-bridged", true],
  ])("%s: %s", (match, expected) => {
    expect(drops(match)).toBe(expected);
  });

  test("TCP flags and ICMP types", () => {
    expect(drops("-p tcp --syn", segment)).toBe(true);
    expect(drops("-p tcp ! --syn", segment)).toBe(false);
    expect(drops("-p tcp --tcp-flags ALL ACK", segment)).toBe(false);
    expect(drops("-p icmp --icmp-type echo-request", ping)).toBe(true);
    expect(drops("-p icmp --icmp-type 8/1", ping)).toBe(false);
    expect(drops("-p icmp ! --icmp-type 0", ping)).toBe(true);
  });

  test("a limit lets its burst through, then its rate", () => {
    const firewall = new Firewall();
    firewall.add("filter", "FORWARD -m limit --limit 2/sec --limit-burst 3 -j ACCEPT");
    firewall.netfilter.iptables.setPolicy("filter", "FORWARD", "DROP");
    const passed = (): number => Array.from({ length: 10 }, () => passes(firewall)).filter(Boolean).length;
    expect(passed()).toBe(3);
    firewall.wait(1);
    expect(passed()).toBe(2);
    firewall.wait(60);
    expect(passed()).toBe(3);
  });

  test("marks are set in mangle and seen in filter", () => {
    const firewall = new Firewall();
    firewall.add("mangle", "PREROUTING -p udp -j MARK --set-xmark 0x100/0xffffffff");
    firewall.add("mangle", "PREROUTING -p udp -j MARK --set-mark 0x1/0xf");
    firewall.add("filter", "FORWARD -m mark --mark 0x101 -j DROP");
    expect(passes(firewall)).toBe(false);
    expect(passes(firewall, segment)).toBe(true);
  });
});

test("REJECT with a reset answers the sender and drops the segment", () => {
  const firewall = new Firewall();
  firewall.add("filter", "INPUT -p tcp -j REJECT --reject-with tcp-reset");
  // The answer itself passes output, where it can be counted.
  firewall.add("filter", "OUTPUT -p tcp --tcp-flags ALL RST,ACK -d 172.17.0.2 -s 172.17.0.1");
  const segment = (flags: number): Uint8Array => tcpPacket({ from: "172.17.0.2:40000", to: "172.17.0.1:80", flags });
  expect(firewall.input(segment(0x02), firewall.docker0)).toBeUndefined();
  expect(firewall.counters).toEqual([
    "[1:40] -A INPUT -p tcp -j REJECT --reject-with tcp-reset",
    "[1:40] -A OUTPUT -s 172.17.0.1/32 -d 172.17.0.2/32 -p tcp -m tcp --tcp-flags FIN,SYN,RST,PSH,ACK,URG RST,ACK",
  ]);
  // No reset about a reset.
  expect(firewall.input(segment(0x14), firewall.docker0)).toBeUndefined();
  expect(firewall.counters[1]).toMatch(/^\[1:40\] -A OUTPUT/);
});

test("REJECT answers with ICMP, as what the packet was for, or as the router", () => {
  const firewall = new Firewall();
  const { docker0, eth0, netns } = firewall;
  firewall.add("filter", "INPUT -p udp -j REJECT");
  firewall.add("filter", "FORWARD -p udp -j REJECT --reject-with icmp-admin-prohibited");
  firewall.add("filter", "OUTPUT -s 192.168.77.12 -d 172.17.0.2 -p icmp --icmp-type 3/3");
  firewall.add("filter", "OUTPUT -s 172.17.0.1 -d 172.17.0.2 -p icmp --icmp-type 3/13");
  firewall.input(udpPacket({ from: "172.17.0.2:40000", to: "192.168.77.12:53" }), docker0);
  // ip_forward has routed it before the chain rejects it.
  const frame = firewall.frame(question());
  frame.dst = netns.ipv4.routing.input(docker0, 0xac110002 | 0, 0xc0a84d64 | 0);
  expect(firewall.netfilter.run(Hook.forward, frame, docker0, eth0)).toBeUndefined();
  expect(firewall.counters.filter((line) => line.includes("OUTPUT")).map((line) => line.split(" ")[0])).toEqual([
    "[1:56]",
    "[1:56]",
  ]);
});

test("REJECT says nothing about what came damaged, but for protocols that have no checksum", () => {
  const firewall = new Firewall();
  firewall.add("filter", "INPUT -j REJECT");
  firewall.add("filter", "OUTPUT -p icmp");
  const answers = (bytes: Uint8Array): boolean => {
    const before = firewall.counters;
    firewall.input(bytes, firewall.docker0);
    return firewall.counters.some((line) => line.includes("OUTPUT") && !before.includes(line));
  };
  const damaged = (bytes: Uint8Array): Uint8Array => {
    bytes[bytes.length - 1] = bytes.at(-1)! ^ 1;
    return bytes;
  };
  const payload = Uint8Array.of(1, 2);
  const datagram = (): Uint8Array => udpPacket({ from: "172.17.0.2:1", to: "172.17.0.1:2", payload });
  expect(answers(datagram())).toBe(true);
  expect(answers(damaged(datagram()))).toBe(false);
  const without = damaged(datagram());
  without[26] = 0;
  without[27] = 0;
  expect(answers(without)).toBe(true);
  expect(answers(otherPacket(50, { from: "172.17.0.2", to: "172.17.0.1" }))).toBe(true);
  // Eight zeros are no checksum.
  expect(answers(otherPacket(99, { from: "172.17.0.2", to: "172.17.0.1" }))).toBe(false);
});
