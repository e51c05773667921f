/** Bridged packets before IPv4's hooks, seen at every device, as recordings s05, s06, s08 and s17 have them. */
import { BROADCAST_MAC } from "@hopscope/codec/address";
import * as ethernet from "@hopscope/codec/ethernet";
import { describe, expect, test } from "vitest";
import { readSysctl, writeSysctl } from "../../src/inspect/sysctls.ts";
import { endpointMac, ip } from "../engine/overlay-plan.ts";
import { DockerMachine } from "./docker-machine.ts";
import { echo, tcpPacket, udpPacket } from "./firewall.ts";

const frameOf = (from: string, toMac: number, packet: Uint8Array): Uint8Array =>
  ethernet.encode({ srcMac: endpointMac(ip(from)), dstMac: toMac, etherType: 0x0800 }, packet);

describe("between containers of one bridge", () => {
  test("recording s08: the first packet by the bridge's rule, the rest as ESTABLISHED", () => {
    const machine = new DockerMachine();
    const c1 = machine.container(machine.docker0, 2);
    const c2 = machine.container(machine.docker0, 3);
    machine.knowEachOther(c1, c2);
    machine.ping(c1, "172.17.0.3");
    machine.run();
    expect(machine.ip()).toEqual([
      "c17-2 out 172.17.0.2 > 172.17.0.3 84",
      "veth17-2 in 172.17.0.2 > 172.17.0.3 84",
      "veth17-3 out 172.17.0.2 > 172.17.0.3 84",
      "c17-3 in 172.17.0.2 > 172.17.0.3 84",
      "c17-3 out 172.17.0.3 > 172.17.0.2 84",
      "veth17-3 in 172.17.0.3 > 172.17.0.2 84",
      "veth17-2 out 172.17.0.3 > 172.17.0.2 84",
      "c17-2 in 172.17.0.3 > 172.17.0.2 84",
    ]);
    expect(machine.counters).toEqual([
      "[2:168] -A FORWARD -j DOCKER-USER",
      "[1:84] -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
      "[1:84] -A FORWARD -i docker0 -o docker0 -j ACCEPT",
      "[2:168] -A DOCKER-USER -j RETURN",
    ]);
  });

  test("a promiscuous bridge sees a copy of what it forwards, and leaves it at that", () => {
    const machine = new DockerMachine();
    const c1 = machine.container(machine.docker0, 2);
    const c2 = machine.container(machine.docker0, 3);
    machine.knowEachOther(c1, c2);
    machine.docker0.isPromiscuous = true;
    machine.ping(c1, "172.17.0.3");
    machine.run();
    expect(machine.ip().slice(0, 5)).toEqual([
      "c17-2 out 172.17.0.2 > 172.17.0.3 84",
      "veth17-2 in 172.17.0.2 > 172.17.0.3 84",
      "veth17-3 out 172.17.0.2 > 172.17.0.3 84",
      "docker0 in 172.17.0.2 > 172.17.0.3 84",
      "c17-3 in 172.17.0.2 > 172.17.0.3 84",
    ]);
    expect(machine.stepsAt("docker0")).toEqual(["dropped: OTHERHOST"]);
  });

  test("recording s06: docker_gwbridge keeps them apart; the packet ends at its port, and ARP is not asked", () => {
    const machine = new DockerMachine();
    const c1 = machine.container(machine.gwbridge, 3);
    machine.container(machine.gwbridge, 4);
    machine.ping(c1, "172.18.0.4");
    machine.run();
    expect(machine.ip()).toEqual(["c18-3 out 172.18.0.3 > 172.18.0.4 84", "veth18-3 in 172.18.0.3 > 172.18.0.4 84"]);
    expect(machine.stepsAt("veth18-3").slice(-2)).toEqual([
      "rule: FORWARD -i docker_gwbridge -o docker_gwbridge -j DROP",
      "dropped: NETFILTER_DROP",
    ]);
    expect(machine.counters).toContain("[1:84] -A FORWARD -i docker_gwbridge -o docker_gwbridge -j DROP");
  });

  test("recording s17: each copy of a broadcast passes FORWARD; the bridge itself hears it", () => {
    const machine = new DockerMachine();
    const c1 = machine.container(machine.gwbridge, 3);
    for (const last of [4, 5]) machine.container(machine.gwbridge, last);
    const packet = udpPacket({ from: "172.18.0.3:38201", to: "255.255.255.255:6000", payload: new Uint8Array(20) });
    machine.send(c1.deviceNamed("eth0")!, frameOf("172.18.0.3", BROADCAST_MAC, packet));
    machine.run();
    expect(machine.ip()).toEqual([
      "c18-3 out 172.18.0.3 > 255.255.255.255 48",
      "veth18-3 in 172.18.0.3 > 255.255.255.255 48",
      "docker_gwbridge in 172.18.0.3 > 255.255.255.255 48",
    ]);
    expect(machine.counters).toContain("[2:96] -A FORWARD -i docker_gwbridge -o docker_gwbridge -j DROP");
    // It was delivered, and so the connection is kept, with nobody to answer.
    expect(machine.netfilter.conntrack.size).toBe(1);
  });

  test("bridge-nf-call-iptables 0: nothing that is only bridged is asked about", () => {
    const machine = new DockerMachine();
    const c1 = machine.container(machine.gwbridge, 3);
    const c2 = machine.container(machine.gwbridge, 4);
    machine.knowEachOther(c1, c2);
    expect(writeSysctl(machine.host, "net.bridge.bridge-nf-call-iptables", "0")).toBe(true);
    expect(readSysctl(machine.host, "net.bridge.bridge-nf-call-iptables")).toBe("0");
    machine.ping(c1, "172.18.0.4");
    machine.ping(c1, "192.168.77.100");
    machine.run();
    const seen = machine.ip();
    expect(seen).toContain("c18-3 in 172.18.0.4 > 172.18.0.3 84");
    expect(seen).toContain("c18-3 in 192.168.77.100 > 172.18.0.3 84");
    expect(machine.counters).toContain("[1:84] -A FORWARD -i docker_gwbridge ! -o docker_gwbridge -j ACCEPT");
    expect(machine.counters.some((line) => line.endsWith("-o docker_gwbridge -j DROP"))).toBe(false);
  });

  test("user rules say no by name of the port", () => {
    const machine = new DockerMachine();
    const c1 = machine.container(machine.docker0, 2);
    const c2 = machine.container(machine.docker0, 3);
    machine.knowEachOther(c1, c2);
    machine.netfilter.iptables.insert("filter", "DOCKER-USER", {
      match: { physIn: { name: "veth17-2" }, physOut: { name: "veth17-3" }, physIsBridged: {} },
      target: { kind: "drop" },
    });
    machine.ping(c1, "172.17.0.3");
    machine.run();
    expect(machine.ip()).toHaveLength(2);
    expect(machine.stepsAt("veth17-2").at(-2)).toContain("--physdev-in veth17-2 --physdev-out veth17-3");
  });

  test("REJECT answers from the bridge's address", () => {
    const machine = new DockerMachine();
    const c1 = machine.container(machine.docker0, 2);
    const c2 = machine.container(machine.docker0, 3);
    machine.knowEachOther(c1, c2);
    machine.netfilter.iptables.insert("filter", "DOCKER-USER", {
      match: { dstIp: { ip: ip("172.17.0.3"), prefixLength: 32 } },
      target: { kind: "reject", with: "icmp-host-prohibited" },
    });
    machine.ping(c1, "172.17.0.3");
    machine.run();
    expect(machine.ip().slice(2)).toEqual([
      "docker0 out 172.17.0.1 > 172.17.0.2 error 112",
      "veth17-2 out 172.17.0.1 > 172.17.0.2 error 112",
      "c17-2 in 172.17.0.1 > 172.17.0.2 error 112",
    ]);
  });

  test("REJECT with a reset goes back by the port, past all hooks, in the name of the station it was for", () => {
    const machine = new DockerMachine();
    const c1 = machine.container(machine.docker0, 2);
    machine.container(machine.docker0, 3);
    machine.add("filter", "OUTPUT -p tcp");
    machine.netfilter.iptables.insert("filter", "DOCKER-USER", {
      match: { protocol: "tcp" },
      target: { kind: "reject", with: "tcp-reset" },
    });
    const segment = tcpPacket({ from: "172.17.0.2:1000", to: "172.17.0.3:80", flags: 0x02 });
    machine.send(c1.deviceNamed("eth0")!, frameOf("172.17.0.2", endpointMac(ip("172.17.0.3")), segment));
    machine.run();
    expect(machine.ip().slice(2)).toEqual([
      "veth17-2 out 172.17.0.3 > 172.17.0.2 40",
      "c17-2 in 172.17.0.3 > 172.17.0.2 40",
    ]);
    expect(ethernet.srcMac(hopOf(machine, "veth17-2 out"), 0)).toBe(endpointMac(ip("172.17.0.3")));
    expect(machine.counters.some((line) => line.includes("OUTPUT"))).toBe(false);
  });

  test("what is no proper IPv4 ends at the port", () => {
    const machine = new DockerMachine();
    const c1 = machine.container(machine.docker0, 2);
    machine.container(machine.docker0, 3);
    const packet = echo({ from: "172.17.0.2", to: "172.17.0.3", id: 1 });
    packet[10] = 0;
    packet[11] = 0;
    const eth0 = c1.deviceNamed("eth0")!;
    machine.send(eth0, frameOf("172.17.0.2", endpointMac(ip("172.17.0.3")), packet));
    machine.run();
    expect(machine.stepsAt("veth17-2")).toEqual(["dropped: IP_CSUM"]);
    packet[0] = 0x55;
    machine.send(eth0, frameOf("172.17.0.2", endpointMac(ip("172.17.0.3")), packet));
    machine.run();
    expect(machine.stepsAt("veth17-2")).toEqual(["dropped: IP_INHDR"]);
  });
});

describe("out and back", () => {
  test("recording s06: masqueraded, a hop less; prerouting sees it once, at the port", () => {
    const machine = new DockerMachine();
    const c1 = machine.container(machine.gwbridge, 3);
    machine.add("raw", "PREROUTING -s 172.18.0.3");
    machine.add("raw", "PREROUTING -m physdev --physdev-in veth18-3");
    machine.ping(c1, "192.168.77.100");
    machine.run();
    expect(machine.ip()).toEqual([
      "c18-3 out 172.18.0.3 > 192.168.77.100 84",
      "veth18-3 in 172.18.0.3 > 192.168.77.100 84",
      "docker_gwbridge in 172.18.0.3 > 192.168.77.100 84",
      "eth0 out 192.168.77.12 > 192.168.77.100 84",
      "eth0 in 192.168.77.100 > 192.168.77.12 84",
      "docker_gwbridge out 192.168.77.100 > 172.18.0.3 84",
      "veth18-3 out 192.168.77.100 > 172.18.0.3 84",
      "c18-3 in 192.168.77.100 > 172.18.0.3 84",
    ]);
    expect(machine.counters).toEqual([
      "[1:84] -A PREROUTING -s 172.18.0.3/32",
      "[1:84] -A PREROUTING -m physdev --physdev-in veth18-3",
      "[2:168] -A FORWARD -j DOCKER-USER",
      "[1:84] -A FORWARD -o docker_gwbridge -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
      "[1:84] -A FORWARD -i docker_gwbridge ! -o docker_gwbridge -j ACCEPT",
      "[2:168] -A DOCKER-USER -j RETURN",
      "[1:84] -A POSTROUTING -s 172.18.0.0/16 ! -o docker_gwbridge -j MASQUERADE",
    ]);
    expect(machine.stepsAt("docker_gwbridge")).toContain("source translated to 192.168.77.12:7");
  });

  test("recording s05: fragments become one packet at the port, and the same fragments behind the router", () => {
    const machine = new DockerMachine();
    const c1 = machine.container(machine.gwbridge, 3);
    machine.knowEachOther(c1);
    machine.ping(c1, "192.168.77.100", 4000);
    machine.run();
    const seen = machine.ip();
    const there = seen.filter((line) => line.includes("172.18.0.3 > ") || line.includes("192.168.77.12 > "));
    expect(there.filter((line) => line.startsWith("veth"))).toEqual([
      "veth18-3 in 172.18.0.3 > 192.168.77.100 1500 at 0",
      "veth18-3 in 172.18.0.3 > 192.168.77.100 1500 at 1480",
      "veth18-3 in 172.18.0.3 > 192.168.77.100 1068 at 2960",
    ]);
    expect(there.filter((line) => /^(docker_gwbridge|eth0)/.test(line))).toEqual([
      "docker_gwbridge in 172.18.0.3 > 192.168.77.100 4028",
      "eth0 out 192.168.77.12 > 192.168.77.100 1500 at 0",
      "eth0 out 192.168.77.12 > 192.168.77.100 1500 at 1480",
      "eth0 out 192.168.77.12 > 192.168.77.100 1068 at 2960",
    ]);
    // The way back the same, and the program's packet arrives.
    expect(seen.filter((line) => line.startsWith("c18-3 in"))).toHaveLength(3);
    expect(seen.filter((line) => line.startsWith("docker_gwbridge out"))).toHaveLength(3);
  });

  test("bridged fragments: one packet for the rules, fragments again on the way out", () => {
    const machine = new DockerMachine();
    const c1 = machine.container(machine.docker0, 2);
    const c2 = machine.container(machine.docker0, 3);
    machine.knowEachOther(c1, c2);
    machine.ping(c1, "172.17.0.3", 4000);
    machine.run();
    expect(machine.ip().filter((line) => line.startsWith("veth17-3 out"))).toEqual([
      "veth17-3 out 172.17.0.2 > 172.17.0.3 1500 at 0",
      "veth17-3 out 172.17.0.2 > 172.17.0.3 1500 at 1480",
      "veth17-3 out 172.17.0.2 > 172.17.0.3 1068 at 2960",
    ]);
    expect(machine.counters).toContain("[1:4028] -A FORWARD -i docker0 -o docker0 -j ACCEPT");
  });
});

test("an ICMP error of this host's belongs to the connection of what it is about, though that was never let through", () => {
  const machine = new DockerMachine();
  const c1 = machine.container(machine.docker0, 2);
  machine.add("filter", "OUTPUT -p icmp -m conntrack --ctstate RELATED");
  machine.ping(c1, "203.0.113.5");
  machine.run();
  expect(machine.ip().at(-1)).toBe("c17-2 in 172.17.0.1 > 172.17.0.2 error 112");
  expect(machine.counters).toContain("[1:112] -A OUTPUT -p icmp -m conntrack --ctstate RELATED");
  expect(machine.netfilter.conntrack.size).toBe(0);
});

test("a packet to a group that nobody here has joined is remembered all the same", () => {
  const machine = new DockerMachine();
  const c1 = machine.container(machine.gwbridge, 3);
  const packet = udpPacket({ from: "172.18.0.3:5", to: "224.0.0.5:6" });
  machine.send(c1.deviceNamed("eth0")!, frameOf("172.18.0.3", 0x01005e000005, packet));
  machine.run();
  expect(machine.stepsAt("docker_gwbridge")).toEqual(["dropped: IP_INADDRERRORS"]);
  expect(machine.netfilter.conntrack.size).toBe(1);
});

describe("a bridged packet whose destination a rule changes", () => {
  const TO_C3 = "PREROUTING -d 172.17.0.3/32 -j DNAT --to-destination 172.17.0.4";

  function machineWithThree(rule: string): DockerMachine {
    const machine = new DockerMachine();
    for (const last of [2, 3, 4]) machine.container(machine.docker0, last);
    machine.add("nat", rule);
    return machine;
  }

  test("to a neighbor on the same bridge that is known: bridged there", () => {
    const machine = machineWithThree(TO_C3);
    const containers = [...machine.node.namespaces.values()].filter(({ name }) => name.startsWith("c17"));
    machine.knowEachOther(...containers);
    machine.ping(machine.host, "172.17.0.4");
    machine.run();
    const from = machine.recorder.hopCount;
    machine.ping(containers[0]!, "172.17.0.3");
    machine.run();
    expect(machine.ip(from)).toEqual([
      "c17-2 out 172.17.0.2 > 172.17.0.3 84",
      "veth17-2 in 172.17.0.2 > 172.17.0.3 84",
      "veth17-4 out 172.17.0.2 > 172.17.0.4 84",
      "c17-4 in 172.17.0.2 > 172.17.0.4 84",
      "c17-4 out 172.17.0.4 > 172.17.0.2 84",
      "veth17-4 in 172.17.0.4 > 172.17.0.2 84",
      "veth17-2 out 172.17.0.3 > 172.17.0.2 84",
      "c17-2 in 172.17.0.3 > 172.17.0.2 84",
    ]);
  });

  test("recording q2: of what was for a promiscuous bridge itself, a copy is routed to the same place", () => {
    const machine = machineWithThree("PREROUTING -d 172.17.0.1/32 -j DNAT --to-destination 172.17.0.4");
    const containers = [...machine.node.namespaces.values()].filter(({ name }) => name.startsWith("c17"));
    machine.knowEachOther(...containers);
    machine.ping(machine.host, "172.17.0.4");
    machine.run();
    machine.docker0.isPromiscuous = true;
    const from = machine.recorder.hopCount;
    machine.ping(containers[0]!, "172.17.0.1");
    machine.run();
    const there = machine.ip(from).filter((line) => line.endsWith("> 172.17.0.4 84"));
    expect(there).toEqual([
      "veth17-4 out 172.17.0.2 > 172.17.0.4 84",
      "docker0 in 172.17.0.2 > 172.17.0.4 84",
      "docker0 out 172.17.0.2 > 172.17.0.4 84",
      "veth17-4 out 172.17.0.2 > 172.17.0.4 84",
      "c17-4 in 172.17.0.2 > 172.17.0.4 84",
      "c17-4 in 172.17.0.2 > 172.17.0.4 84",
    ]);
  });

  test("to one that has to be asked for first: seen leaving the bridge, as from the bridge, then bridged", () => {
    const machine = machineWithThree(TO_C3);
    const c1 = machine.node.namespaces.get("c17-2")!;
    machine.ping(c1, "172.17.0.3");
    machine.run();
    expect(machine.ip().slice(0, 5)).toEqual([
      "c17-2 out 172.17.0.2 > 172.17.0.3 84",
      "veth17-2 in 172.17.0.2 > 172.17.0.3 84",
      "docker0 out 172.17.0.2 > 172.17.0.4 84",
      "veth17-4 out 172.17.0.2 > 172.17.0.4 84",
      "c17-4 in 172.17.0.2 > 172.17.0.4 84",
    ]);
    const last = hopOf(machine, "veth17-4 out");
    expect(ethernet.srcMac(last, 0)).toBe(endpointMac(ip("172.17.0.2")));
    expect(ethernet.dstMac(last, 0)).toBe(endpointMac(ip("172.17.0.4")));
  });

  test("to this host: passed up, as if it had been sent to the bridge", () => {
    const machine = machineWithThree("PREROUTING -d 172.17.0.3/32 -j REDIRECT");
    const c1 = machine.node.namespaces.get("c17-2")!;
    machine.ping(c1, "172.17.0.3");
    machine.run();
    expect(machine.ip()).toEqual([
      "c17-2 out 172.17.0.2 > 172.17.0.3 84",
      "veth17-2 in 172.17.0.2 > 172.17.0.3 84",
      "docker0 in 172.17.0.2 > 172.17.0.1 84",
      "docker0 out 172.17.0.3 > 172.17.0.2 84",
      "veth17-2 out 172.17.0.3 > 172.17.0.2 84",
      "c17-2 in 172.17.0.3 > 172.17.0.2 84",
    ]);
  });

  test("to somewhere else: routed", () => {
    const machine = machineWithThree("PREROUTING -d 172.17.0.3/32 -j DNAT --to-destination 192.168.77.100");
    const c1 = machine.node.namespaces.get("c17-2")!;
    machine.ping(c1, "172.17.0.3");
    machine.run();
    expect(machine.ip()).toEqual([
      "c17-2 out 172.17.0.2 > 172.17.0.3 84",
      "veth17-2 in 172.17.0.2 > 172.17.0.3 84",
      "docker0 in 172.17.0.2 > 192.168.77.100 84",
      "eth0 out 192.168.77.12 > 192.168.77.100 84",
      "eth0 in 192.168.77.100 > 192.168.77.12 84",
      "docker0 out 172.17.0.3 > 172.17.0.2 84",
      "veth17-2 out 172.17.0.3 > 172.17.0.2 84",
      "c17-2 in 172.17.0.3 > 172.17.0.2 84",
    ]);
  });

  test("to where no packet may go: refused", () => {
    const machine = machineWithThree("PREROUTING -d 172.17.0.3/32 -j DNAT --to-destination 127.0.0.1");
    machine.ping(machine.node.namespaces.get("c17-2")!, "172.17.0.3");
    machine.run();
    expect(machine.stepsAt("veth17-2").at(-1)).toBe("dropped: IP_LOCALNET");
  });
});

/** The bytes of the last hop of that name. */
function hopOf(machine: DockerMachine, name: string): DataView {
  const { recorder } = machine;
  for (let hop = recorder.hopCount - 1; hop >= 0; hop--) {
    const { device } = recorder.pointAt(recorder.point(hop));
    const way = recorder.direction(hop) === 1 ? "in" : "out";
    const bytes = recorder.bytes(hop);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (`${device} ${way}` === name && ethernet.etherType(view, 0) === 0x0800) return view;
  }
  throw new Error(`nothing was seen as ${name}`);
}
