/**
 * The embedded DNS at work: what nslookup prints, and the frames on lo and eth0, as in the recordings s09 and s10
 * (manager, overlay_service.1). Ports, identifications and DNS ids aside.
 */
import { formatIpv4, parseIpv4 } from "@hopscope/codec/address";
import * as dns from "@hopscope/codec/dns";
import { typeName } from "@hopscope/codec/dns-record";
import * as ipv4 from "@hopscope/codec/ipv4";
import * as udp from "@hopscope/codec/udp";
import { describe, expect, test } from "vitest";
import { Loopback } from "../../src/devices/loopback.ts";
import { Veth } from "../../src/devices/veth.ts";
import type { ContainerNames } from "../../src/docker/names.ts";
import { Resolver, type ResolverOptions } from "../../src/docker/resolver.ts";
import { FramePool } from "../../src/frame.ts";
import { Netfilter } from "../../src/netfilter/netfilter.ts";
import { parseRule } from "../../src/netfilter/rule-parse.ts";
import { Netns } from "../../src/netns.ts";
import { Node } from "../../src/node.ts";
import type { Environment } from "../../src/program/program.ts";
import { spawn } from "../../src/program/shell.ts";
import { Chance, type ChancePins } from "../../src/sim/chance.ts";
import { Pace } from "../../src/sim/pace.ts";
import { Random } from "../../src/sim/random.ts";
import { Simulator } from "../../src/sim/simulator.ts";
import { Direction, Recorder } from "../../src/trace/recorder.ts";
import type { Mesh } from "../../src/build.ts";

function ip(text: string): number {
  return parseIpv4(text)!;
}

const TASK = "overlay_service.3.ljadiuw31rn7wz89dznbwr8an";
const HOSTS: Record<string, string[]> = {
  overlay_service: ["10.0.9.2"],
  "tasks.overlay_service": ["10.0.9.3", "10.0.9.4", "10.0.9.5", "10.0.9.6"],
  rr: ["10.0.9.12", "10.0.9.13", "10.0.9.14"],
  [TASK]: ["10.0.9.5"],
};
const NAMES: ContainerNames = {
  networks: [
    {
      name: "myoverlay",
      addresses: (name) => (Object.hasOwn(HOSTS, name) ? HOSTS[name]!.map(ip) : undefined),
      containerAt: (address) => (formatIpv4(address) === "10.0.9.5" ? TASK : undefined),
    },
  ],
};
const PINS: ChancePins = {
  addressOrders: new Map([
    ["rr", [["10.0.9.13", "10.0.9.12", "10.0.9.14"].map(ip)]],
    ["tasks.overlay_service", [["10.0.9.5", "10.0.9.3", "10.0.9.6", "10.0.9.4"].map(ip)]],
  ]),
};

interface World {
  readonly container: Environment;
  readonly ext: Environment;
  readonly pace: Pace;
  readonly resolver: Resolver;
  /** DNS messages that have passed lo and eth0 of the container: `A lo query`, `A eth0 out`. */
  frames(): string[];
}

/** A container with its resolver and a machine outside, on one cable. */
function world(options: Partial<ResolverOptions> = {}): World {
  const frames = new FramePool({ slots: 64, jumboSlots: 1 });
  const recorder = new Recorder(frames);
  recorder.start();
  const node = new Node("node1", new Simulator(), frames, recorder, new Random(1, "node1"));
  const namespace = (name: string): Netns => {
    const netns = new Netns(node, name);
    netns.addAddress(new Loopback(netns, { name: "lo", mtu: 65_536, mac: 0 }), ip("127.0.0.1"), 8);
    return netns;
  };
  const [ctr, ext] = [namespace("ctr"), namespace("ext")];
  const inside = new Veth(ctr, { name: "eth0", mtu: 1500, mac: 0x0242ac120003 });
  const outside = new Veth(ext, { name: "eth0", mtu: 1500, mac: 0x525400770064 });
  inside.connect(outside);
  ctr.addAddress(inside, ip("192.168.77.11"), 24);
  ext.addAddress(outside, ip("192.168.77.100"), 24);
  const pace = new Pace();
  const mesh = { pace, chance: new Chance(1, PINS) } as unknown as Mesh;
  const environment = (netns: Netns, files: Record<string, string> = {}): Environment => ({
    netns,
    hostname: netns.name,
    files: new Map(Object.entries(files)),
    mesh,
  });
  const container = environment(ctr, { "/etc/resolv.conf": "nameserver 127.0.0.11\noptions ndots:0\n" });
  const resolver = new Resolver({
    environment: container,
    names: NAMES,
    servers: () => [ip("192.168.77.100")],
    ...options,
  });
  const netfilter = new Netfilter(ctr);
  ctr.netfilter = netfilter;
  const rule = (chain: string, text: string): void =>
    netfilter.iptables.append("nat", chain, parseRule(text.split(" ")));
  rule("OUTPUT", `-d 127.0.0.11/32 -p udp -m udp --dport 53 -j DNAT --to-destination 127.0.0.11:${resolver.udpPort}`);
  rule("POSTROUTING", `-s 127.0.0.11/32 -p udp -m udp --sport ${resolver.udpPort} -j SNAT --to-source :53`);
  const seen = (): string[] => {
    const found: string[] = [];
    for (const hop of recorder.order()) {
      const { namespace: where, device } = recorder.pointAt(recorder.point(hop));
      if (where !== "ctr" || (device === "lo" && recorder.direction(hop) === Direction.in)) continue;
      const bytes = recorder.bytes(hop);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      if (view.getUint16(12) !== 0x0800 || ipv4.protocol(view, 14) !== 17) continue;
      const decoded = dns.decode(bytes.subarray(14 + ipv4.HEADER_LENGTH + udp.HEADER_LENGTH));
      if (!decoded.ok) continue;
      const { response, questions } = decoded.value;
      found.push(`${typeName(questions[0]!.type)} ${device} ${response ? "answer" : "query"}`);
    }
    return found;
  };
  return { container, ext: environment(ext), pace, resolver, frames: seen };
}

function run({ container }: World, command: string): { readonly status: number; readonly output: readonly string[] } {
  const output: string[] = [];
  const { simulator } = container.netns.node;
  simulator.hold();
  const options = { print: (line: string) => void output.push(line), onExit: () => simulator.release() };
  const process = spawn(command.split(" "), container, options);
  simulator.run();
  return { status: process.status!, output };
}

const HEAD = ["Server:\t\t127.0.0.11", "Address:\t127.0.0.11:53", ""];

describe("what nslookup prints in a container", () => {
  const lookup = (name: string, ext = true): { readonly status: number; readonly output: readonly string[] } => {
    const here = world();
    if (ext) spawn(["dnsd", "-i", "192.168.77.100", "ext.lab=192.168.77.100"], here.ext);
    return run(here, `nslookup ${name}`);
  };

  test("a service: the answer to AAAA comes first, as it was asked last", () =>
    expect(lookup("overlay_service")).toEqual({
      status: 0,
      output: [
        ...HEAD,
        "Non-authoritative answer:",
        "",
        "Non-authoritative answer:",
        "Name:\toverlay_service",
        "Address: 10.0.9.2",
        "",
      ],
    }));

  test("all tasks, in the order of the pin", () =>
    expect(lookup("tasks.overlay_service").output.filter((line) => line.startsWith("Address: "))).toEqual([
      "Address: 10.0.9.5",
      "Address: 10.0.9.3",
      "Address: 10.0.9.6",
      "Address: 10.0.9.4",
    ]));

  test("an address", () =>
    expect(lookup("10.0.9.5")).toEqual({
      status: 0,
      output: [...HEAD, "Non-authoritative answer:", `5.9.0.10.in-addr.arpa\tname = ${TASK}.myoverlay`, ""],
    }));

  test("a name outside: authority is passed on", () =>
    expect(lookup("ext.lab")).toEqual({
      status: 0,
      output: [...HEAD, "", "Name:\text.lab", "Address: 192.168.77.100", ""],
    }));

  test("a name that nobody has", () =>
    expect(lookup("nosuch.lab")).toEqual({
      status: 1,
      output: [
        ...HEAD,
        "** server can't find nosuch.lab: NXDOMAIN",
        "",
        "** server can't find nosuch.lab: NXDOMAIN",
        "",
      ],
    }));
});

describe("the frames of a lookup", () => {
  test("both questions at once are answered in reverse (s10, frames 57 to 64)", () => {
    const here = world();
    run(here, `nslookup ${TASK}`);
    expect(here.frames()).toEqual(["A lo query", "AAAA lo query", "AAAA lo answer", "A lo answer"]);
  });

  test("a question that waits for the other's answer (s10, frames 1 to 8)", () => {
    const here = world();
    here.pace.set("nslookup.second", 300_000);
    run(here, "nslookup overlay_service");
    expect(here.frames()).toEqual(["A lo query", "A lo answer", "AAAA lo query", "AAAA lo answer"]);
  });

  const forwarded = ["A lo query", "AAAA lo query", "AAAA eth0 query", "A eth0 query", "AAAA eth0 answer"];

  test("forwarded by new sockets under the same id, and passed on as it comes", () => {
    const here = world();
    spawn(["dnsd", "ext.lab=192.168.77.100"], here.ext);
    run(here, "nslookup ext.lab");
    expect(here.frames()).toEqual([...forwarded, "AAAA lo answer", "A eth0 answer", "A lo answer"]);
  });

  test("what comes while another is passed on overtakes it (s10, frames 153 to 188)", () => {
    const here = world();
    here.pace.set("dockerd.hear", 60_000);
    spawn(["dnsd", "ext.lab=192.168.77.100"], here.ext);
    run(here, "nslookup ext.lab");
    expect(here.frames()).toEqual([...forwarded, "A eth0 answer", "A lo answer", "AAAA lo answer"]);
  });
});

describe("servers outside", () => {
  const SECOND = 1e9;
  const answers = (
    options: Partial<ResolverOptions>,
  ): { readonly output: readonly string[]; readonly took: number } => {
    const here = world(options);
    spawn(["dnsd", "ext.lab=192.168.77.100"], here.ext);
    const { softnet } = here.container.netns.node;
    const { output } = run(here, "nslookup -type=a -timeout=20 -retry=1 ext.lab");
    return { output: output.slice(3), took: softnet.now };
  };

  test("the next one is asked after four seconds", () => {
    const { output, took } = answers({ servers: () => [ip("192.168.77.99"), ip("192.168.77.100")] });
    expect(output).toContain("Address: 192.168.77.100");
    expect(took).toBeGreaterThan(4 * SECOND);
    expect(took).toBeLessThan(4.1 * SECOND);
  });

  test("none answers: SERVFAIL, or silence in old releases", () => {
    // nslookup asks SERVFAIL's sender again, twice a query.
    expect(answers({ servers: () => [ip("192.168.77.99")] }).output).toEqual([
      "** server can't find ext.lab: SERVFAIL",
      "",
    ]);
    const silent = world({ servers: () => [ip("192.168.77.99")], failsAloud: false });
    expect(run(silent, "nslookup -type=a -timeout=5 ext.lab")).toEqual({
      status: 1,
      output: [";; connection timed out; no servers could be reached", ""],
    });
  });

  test("without any, the same at once", () => {
    const { output, took } = answers({ servers: () => [] });
    expect(output).toEqual(["** server can't find ext.lab: SERVFAIL", ""]);
    expect(took).toBeLessThan(SECOND);
  });

  test("one that has nobody on port 53 says so by ICMP: the next one", () => {
    const here = world({ servers: () => [ip("192.168.77.100"), ip("192.168.77.11")] });
    spawn(["dnsd", "-i", "192.168.77.11", "ext.lab=10.1.2.3"], here.container);
    const { output } = run(here, "nslookup -type=a ext.lab");
    expect(output).toContain("Address: 10.1.2.3");
    expect(here.container.netns.node.softnet.now).toBeLessThan(SECOND);
  });

  test('old releases doubt a "no such name" without authority', () => {
    const here = world({ servers: () => [ip("192.168.77.100"), ip("192.168.77.11")], doubtsNameErrors: true });
    spawn(["dnsd", "other.lab=10.9.9.9"], here.ext);
    spawn(["dnsd", "-i", "192.168.77.11", "ext.lab=10.1.2.3"], here.container);
    expect(run(here, "nslookup -type=a ext.lab").output).toContain("Address: 10.1.2.3");
    expect(run(here, "nslookup -type=a nosuch.lab").output).toContain("** server can't find nosuch.lab: NXDOMAIN");
  });
});

describe("names in other programs", () => {
  test("ping asks A and AAAA, and takes the first address", () => {
    const here = world();
    expect(run(here, "ping -c 1 -W 1 overlay_service").output[0]).toBe(
      "PING overlay_service (10.0.9.2): 56 data bytes",
    );
    expect(here.frames().slice(0, 4)).toEqual(["A lo query", "AAAA lo query", "AAAA lo answer", "A lo answer"]);
  });

  test("a name that nobody has", () => {
    const here = world();
    spawn(["dnsd", "ext.lab=192.168.77.100"], here.ext);
    expect(run(here, "ping -c 1 c2")).toEqual({ status: 1, output: ["ping: bad address 'c2'"] });
    expect(run(here, "iping -c 1 c2")).toEqual({ status: 2, output: ["iping: c2: Name or service not known"] });
  });

  test("iputils asks for the name of who answers", () => {
    const here = world();
    spawn(["dnsd", "ext.lab=192.168.77.100"], here.ext);
    const { output } = run(here, "iping -c 1 ext.lab");
    expect(output[0]).toBe("PING ext.lab (192.168.77.100) 56(84) bytes of data.");
    expect(output[1]).toMatch(/^64 bytes from 192\.168\.77\.100: icmp_seq=1 ttl=64 time=/);
    expect(output[3]).toBe("--- ext.lab ping statistics ---");
    expect(here.frames().filter((line) => line.startsWith("PTR"))).toEqual([
      "PTR lo query",
      "PTR eth0 query",
      "PTR eth0 answer",
      "PTR lo answer",
    ]);
  });

  test("traceroute and its hops", () => {
    const here = world();
    spawn(["dnsd", "ext.lab=192.168.77.100"], here.ext);
    expect(run(here, "traceroute -n -q 1 ext.lab").output).toEqual([
      "traceroute to ext.lab (192.168.77.100), 30 hops max, 46 byte packets",
      expect.stringMatching(/^ 1 {2}192\.168\.77\.100 {2}0\.\d{3} ms$/),
    ]);
    expect(run(here, "traceroute -n nosuch.lab")).toEqual({
      status: 1,
      output: ["traceroute: bad address 'nosuch.lab'"],
    });
  });
});

describe("a resolver that is stopped", () => {
  test("gives its port back, whether or not it was ever asked", () => {
    for (const isAsked of [false, true]) {
      const here = world();
      if (isAsked) run(here, "nslookup overlay_service");
      here.resolver.stop();
      const { udpPort } = here.resolver;
      new Resolver({ environment: here.container, names: NAMES, servers: () => [], udpPort });
    }
  });
});
