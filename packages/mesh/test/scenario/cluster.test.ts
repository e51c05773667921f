/** Machines beside the swarm, versions, kernels, links, name servers and the pool of addresses. */
import { formatIpv4, formatMac } from "@hopscope/codec/address";
import { describe, expect, test } from "vitest";
import { PERFECT_LINK } from "../../src/devices/link.ts";
import { run } from "../../src/run.ts";
import type { Cluster } from "../../src/scenario/scenario.ts";
import { loadGood, mistakes } from "./loading.ts";

function clusterOf(yaml: string): Cluster {
  return loadGood(`cluster:\n${yaml.replaceAll(/^/gm, "  ")}\ncompose: { services: {} }\n`).cluster;
}

function mistakesOf(yaml: string): readonly string[] {
  return mistakes(`cluster:\n${yaml.replaceAll(/^/gm, "  ")}\ncompose: { services: {} }\n`);
}

describe("hosts", () => {
  test("get addresses from .100 on, and keep what they are given", () => {
    const { hosts } = clusterOf(`nodes: 2
hosts:
  - { name: ext }
  - { name: dns, ip: 192.168.77.53, mac: "02:00:00:00:00:35" }
  - { name: client, ip: 192.168.77.101 }
  - { name: last }`);
    expect(hosts.map(({ name, ip, mac }) => [name, formatIpv4(ip), formatMac(mac)])).toEqual([
      ["ext", "192.168.77.100", "52:54:00:a8:4d:64"],
      ["dns", "192.168.77.53", "02:00:00:00:00:35"],
      ["client", "192.168.77.101", "52:54:00:a8:4d:65"],
      ["last", "192.168.77.102", "52:54:00:a8:4d:66"],
    ]);
  });

  test("have programs and files", () => {
    const { hosts } = clusterOf(`nodes: 1
hosts:
  - name: web
    programs: ["httpd -f -p 80 -h '/my www'", udptool echo 5000 0]
    files: { /www/a.txt: "hello\\n", /www/b.bin: { size: 20B } }`);
    expect(hosts[0]!.programs.map(({ argv }) => argv)).toEqual([
      ["httpd", "-f", "-p", "80", "-h", "/my www"],
      ["udptool", "echo", "5000", "0"],
    ]);
    expect(hosts[0]!.programs[1]!.position).toMatchObject({ line: 5, column: 49 });
    expect(Object.fromEntries(hosts[0]!.files)).toEqual({
      "/www/a.txt": "hello\n",
      "/www/b.bin": "0000000\n0000001\n0000",
    });
  });

  test.each([
    ["nodes: [a]\nhosts: [{name: a}]", "3:18 cluster.hosts[0].name: two machines have the name a"],
    ["nodes: [a]\nhosts: [{name: switch}]", "3:18 cluster.hosts[0].name: the name switch is the physical switch's own"],
    ["nodes: [a]\nhosts: [{}]", '3:11 cluster.hosts[0]: missing key "name"'],
    ["nodes: [a]\nhosts: ext", 'cluster.hosts: expected a list of hosts, found "ext"'],
    [
      "nodes: [a]\nhosts: [{name: b, ip: 192.168.77.11}, {name: c, ip: 192.168.77.11}]",
      "3:55 cluster.hosts[1].ip: 192.168.77.11 is the address of b already",
    ],
    [
      "nodes: [a]\nhosts: [{name: b, ip: 10.0.0.1}]",
      "3:25 cluster.hosts[0].ip: 10.0.0.1 is not in the underlay's subnet 192.168.77.0/24",
    ],
    [
      "nodes: [a]\nhosts: [{name: b, ip: 192.168.77.255}]",
      "3:25 cluster.hosts[0].ip: 192.168.77.255 is no machine's address: the first and the last of 192.168.77.0/24 are the network's own",
    ],
    ['nodes: [a]\nhosts: [{name: b, programs: ["nc \'x"]}]', "the quote ' is not closed"],
    ["nodes: [a]\nhosts: [{name: b, port: 5}]", 'unknown key "port"'],
  ])("%s", (yaml, message) => {
    const found = mistakesOf(yaml);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(message);
  });
});

describe("versions and kernels", () => {
  test("of all, and of one node", () => {
    const { nodes } = clusterOf(`docker: "20.10"
kernel: [no ip_vs]
nodes:
  - a
  - { name: b, docker: "28", kernel: [] }`);
    expect(nodes.map(({ docker, kernel }) => [docker, kernel.ipvs])).toEqual([
      ["20.10", false],
      ["28", true],
    ]);
  });

  test("a version without quotes is a number, and meant all the same", () => {
    expect(clusterOf("nodes: 1\ndocker: 20.10").nodes[0]!.docker).toBe("20.10");
    expect(clusterOf("nodes: 1\ndocker: 28").nodes[0]!.docker).toBe("28");
  });

  test.each([
    ["nodes: 1\ndocker: '17.06'", /^3:11 cluster\.docker: .*20\.10.*found "17\.06"/],
    [
      "nodes: 1\nkernel: [no iptables]",
      /^3:12 cluster\.kernel\[0\]: expected one of no ip_vs, no ip_forward, found "no iptables"/,
    ],
  ])("%s", (yaml, message) => {
    const found = mistakesOf(yaml);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(message);
  });
});

describe("links", () => {
  test("the underlay's, and what a machine has different", () => {
    const { nodes, hosts, underlay } = clusterOf(`underlay: { latency: 200us, rate: 1Gbit, loss: 1% }
nodes:
  - a
  - { name: b, link: { latency: 5ms, loss: 0%, duplicate: 2%, reorder: 3% } }
hosts:
  - { name: c, link: { rate: 10Mbit } }`);
    const common = { ...PERFECT_LINK, latencyNs: 200_000, rate: 1e9, loss: 0.01 };
    expect(underlay.latencyNs).toBe(200_000);
    expect(nodes.map(({ link }) => link)).toEqual([
      common,
      { ...common, latencyNs: 5e6, loss: 0, duplicate: 0.02, reorder: 0.03 },
    ]);
    expect(hosts.map(({ link }) => link)).toEqual([{ ...common, rate: 1e7 }]);
  });

  test("machines of one kernel have cables without a length, unless it is said", () => {
    expect(clusterOf("nodes: 1\nunderlay: {one_kernel: true}").nodes[0]!.link.latencyNs).toBe(0);
    expect(clusterOf("nodes: 1\nunderlay: {one_kernel: true, latency: 1ms}").nodes[0]!.link.latencyNs).toBe(1e6);
    expect(PERFECT_LINK.latencyNs).toBeGreaterThan(0);
  });

  test.each([
    ["latency: fast", 'cluster.nodes[0].link.latency: expected a duration such as 20us, 5ms or 1.5s, found "fast"'],
    ["loss: 101%", 'cluster.nodes[0].link.loss: expected a percentage such as 10% or 0.5%, found "101%"'],
    ["rate: 100", "cluster.nodes[0].link.rate: expected a rate such as 1Gbit or 100Mbit, found the number 100"],
    ["mtu: 1500", 'unknown key "mtu"'],
  ])("%s", (key, message) => {
    const found = mistakesOf(`nodes: [{name: a, link: {${key}}}]`);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(message);
  });
});

describe("dockerd's settings", () => {
  test("name servers", () => {
    expect(clusterOf("nodes: 1\ndns: [192.168.77.53, 1.1.1.1]").dns.map(formatIpv4)).toEqual([
      "192.168.77.53",
      "1.1.1.1",
    ]);
    expect(mistakesOf("nodes: 1\ndns: [ns]")).toEqual([
      '3:9 cluster.dns[0]: expected an IPv4 address such as 192.168.77.11, found "ns"',
    ]);
  });

  test("the pool that overlays get their subnets from, the ingress network first", () => {
    const { steps } = run(
      loadGood(`cluster:
  nodes: [a]
  default_addr_pool: 10.20.0.0/16
  default_addr_pool_mask_length: 26
compose:
  services: { web: { image: busybox, networks: [x, y] } }
  networks: { x: {}, y: {} }
run:
  steps:
    - inspect a/web.1 ip -o -4 addr
`),
    );
    const found = [...steps[0]!.output.join("\n").matchAll(/10\.20\.\S+/g)].map(([address]) => address);
    expect(found.filter((address) => address.includes("/"))).toEqual(["10.20.0.67/26", "10.20.0.131/26"]);
  });

  test("a pool that is used up", () => {
    const text = (names: string): string => `cluster:
  nodes: 1
  default_addr_pool: 10.20.0.0/23
compose:
  services: { web: { image: busybox, networks: [${names}] } }
  networks: { ${names.replaceAll(/\w+/g, "$&: {}")} }
addresses: { web.1: 10.20.1.9 }
`;
    expect(mistakes(text("x"))).toEqual([]);
    expect(mistakes(text("x, y"))).toEqual([
      "6:25 compose.networks.y: could not find an available, non-overlapping IPv4 address pool among the defaults (10.20.0.0/23) to assign to the network",
    ]);
    expect(
      mistakes(text("x").replace("{ x: {} }", "{ x: { ipam: { config: [{ subnet: 10.20.0.128/25 }] } } }")),
    ).toEqual([
      expect.stringContaining("(10.20.0.128/25 with 10.20.0.0/24 of ingress)") as string,
      expect.stringContaining("10.20.1.9") as string,
    ]);
  });

  test.each([
    [
      "nodes: 1\ndefault_addr_pool: 10.20.0.0/26",
      "3:22 cluster.default_addr_pool: subnets with a prefix length of 24 do not fit into the pool 10.20.0.0/26",
    ],
    [
      "nodes: 1\ndefault_addr_pool_mask_length: 30",
      "3:34 cluster.default_addr_pool_mask_length: expected a whole number from 8 to 29, found the number 30",
    ],
  ])("%s", (yaml, message) => expect(mistakesOf(yaml)).toEqual([message]));
});

test("the cluster may be a file of its own, whose mistakes are told there", () => {
  const text = "cluster: parts/cluster.yml\ncompose: { services: {} }\n";
  expect(mistakes(text, { "lab/parts/cluster.yml": "nodes: [a]\nhosts: [{name: a}]\n" })).toEqual([
    "lab/parts/cluster.yml:2:16 hosts[0].name: two machines have the name a",
  ]);
  expect(mistakes(text)).toEqual([
    "1:10 cluster: cannot read lab/parts/cluster.yml: ENOENT: no such file or directory",
  ]);
});
