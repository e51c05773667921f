/** Every mistake that the reference or Docker knows, with the very place that is told. */
import { describe, expect, test } from "vitest";
import { load, lines, mistakes, SMALL, SMALL_LINES } from "./loading.ts";

/** The one mistake of `text`, or all of them joined. */
function only(text: string, files: Readonly<Record<string, string>> = {}): string {
  return mistakes(text, files).join("\n");
}

const STACK = "compose: {services: {}}\n";
const CLUSTER = "cluster: {nodes: 2}\n";

describe("the file", () => {
  test.each([
    [
      "",
      "1:1 (document): expected a map with the keys name, cluster, compose, environment, images, stack, placement, addresses, pins, run, found nothing",
    ],
    [
      "- a",
      "1:1 (document): expected a map with the keys name, cluster, compose, environment, images, stack, placement, addresses, pins, run, found a list",
    ],
    [
      "a: [",
      "1:5 (document): not YAML: Flow sequence in block collection must be sufficiently indented and end with a ]",
    ],
    [`${CLUSTER}${STACK}clutser: 1\n`, '3:1 clutser: unknown key "clutser"; did you mean "cluster"?'],
    [
      `${CLUSTER}${STACK}zzz: 1\n`,
      '3:1 zzz: unknown key "zzz", expected one of name, cluster, compose, environment, images, stack, placement, addresses, pins, run',
    ],
    [STACK, '1:1 (document): missing key "cluster"'],
    [
      "version: '3'\nservices: {web: {image: nginx}}\n",
      /^1:1 \(document\): this is a stack file, where a scenario is expected: .*"cluster: \{ nodes: 3 \}" and "compose: \S+"$/,
    ],
    [`${CLUSTER}${STACK}name: [a]\n`, "3:7 name: expected text, found a list"],
    [`${CLUSTER}${STACK}stack: a b\n`, '3:8 stack: expected a name of letters, digits, and - _ . inside, found "a b"'],
    [`${CLUSTER}${STACK}${CLUSTER}`, '3:1 (document): the key "cluster" is given twice'],
  ] as const)("%j", (text, mistake) => expect(only(text)).toMatch(mistake));

  test("without a stack there are no services; x- at the top is for anchors", () => {
    const result = load(`x-node: &node {role: manager}\ncluster: {nodes: [{name: a, <<: *node}]}\n`);
    expect(result).toMatchObject({ ok: true, scenario: { stack: { services: [] }, warnings: [] } });
  });
});

describe("cluster", () => {
  const cluster = (text: string): string => only(`${STACK}cluster: ${text}\n`);
  test.each([
    [
      "[]",
      "2:10 cluster: expected a map with the keys nodes, hosts, underlay, docker, kernel, dns, default_addr_pool, default_addr_pool_mask_length, key_rotation, data_path_port, found a list",
    ],
    ["{}", '2:10 cluster: missing key "nodes"'],
    ["{nodes: []}", "2:18 cluster.nodes: expected at least one node, found an empty list"],
    ["{nodes: 0}", "2:18 cluster.nodes: expected a list of nodes, or their number from 1 to 10000, found the number 0"],
    ["{nodes: many}", '2:18 cluster.nodes: expected a list of nodes, or their number from 1 to 10000, found "many"'],
    ["{nodes: 2, undrelay: {}}", '2:21 cluster.undrelay: unknown key "undrelay"; did you mean "underlay"?'],
    ["{nodes: [a, a]}", "2:22 cluster.nodes[1]: two nodes have the name a"],
    ["{nodes: [{name: a}, {name: a}]}", "2:37 cluster.nodes[1].name: two nodes have the name a"],
    ["{nodes: [switch]}", "2:19 cluster.nodes[0]: the name switch is the physical switch's own"],
    ["{nodes: [{ip: 192.168.77.5}]}", '2:19 cluster.nodes[0]: missing key "name"'],
    ["{nodes: [[a]]}", "2:19 cluster.nodes[0]: expected a node's name, or a map with its name, found a list"],
    ["{nodes: [a/b]}", '2:19 cluster.nodes[0]: expected a name of letters, digits, and - _ . inside, found "a/b"'],
    ["{nodes: [{name: a, rol: worker}]}", '2:29 cluster.nodes[0].rol: unknown key "rol"; did you mean "role"?'],
    ["{nodes: [{name: a, role: boss}]}", '2:35 cluster.nodes[0].role: expected one of manager, worker, found "boss"'],
    ["{nodes: [{name: a, role: worker}]}", "2:18 cluster.nodes: expected at least one manager, found workers only"],
    [
      "{nodes: [{name: a, ip: 192.168.77.256}]}",
      '2:33 cluster.nodes[0].ip: expected an IPv4 address such as 192.168.77.11, found "192.168.77.256"',
    ],
    [
      "{nodes: [{name: a, ip: 192.168.78.11}]}",
      "2:33 cluster.nodes[0].ip: 192.168.78.11 is not in the underlay's subnet 192.168.77.0/24",
    ],
    [
      "{nodes: [{name: a, ip: 192.168.77.255}]}",
      "2:33 cluster.nodes[0].ip: 192.168.77.255 is no node's address: the first and the last of 192.168.77.0/24 are the network's own",
    ],
    [
      "{nodes: [{name: a, ip: 192.168.77.5}, {name: b, ip: 192.168.77.5}]}",
      "2:62 cluster.nodes[1].ip: 192.168.77.5 is the address of a already",
    ],
    [
      '{nodes: [{name: a, mac: "01:00:5e:00:00:01"}]}',
      '2:34 cluster.nodes[0].mac: expected the MAC address of one device such as 52:54:00:a8:4d:0b, found "01:00:5e:00:00:01"',
    ],
    [
      '{nodes: [{name: a, mac: "02:00:00:00:00:01"}, {name: b, mac: "02:00:00:00:00:01"}]}',
      "2:71 cluster.nodes[1].mac: 02:00:00:00:00:01 is the MAC address of a already",
    ],
    ["{nodes: [{name: a, labels: {zone: [a]}}]}", "2:44 cluster.nodes[0].labels.zone: expected text, found a list"],
    [
      "{nodes: 2, underlay: {subnet: 192.168.77.1/24}}",
      '2:40 cluster.underlay.subnet: expected an IPv4 network such as 192.168.77.0/24, host bits zero, found "192.168.77.1/24"',
    ],
    [
      "{nodes: 20, underlay: {subnet: 192.168.77.0/28}}",
      "2:18 cluster.nodes: the underlay's subnet 192.168.77.0/28 is too small: no address from 192.168.77.11 on is left for node-5, node 5 of 20",
    ],
    [
      "{nodes: 2, underlay: {mtu: 60}}",
      "2:37 cluster.underlay.mtu: expected a size from 68 to 65535 bytes such as 1450 or 1450B, found the number 60",
    ],
    [
      "{nodes: 2, underlay: {mtu: 1 kilo}}",
      '2:37 cluster.underlay.mtu: expected a size from 68 to 65535 bytes such as 1450 or 1450B, found "1 kilo"',
    ],
    [
      "{nodes: 2, underlay: {latency: 20}}",
      "2:41 cluster.underlay.latency: expected a duration such as 20us, 5ms or 1.5s, found the number 20",
    ],
    [
      "{nodes: 2, data_path_port: 80}",
      "2:37 cluster.data_path_port: expected a whole number from 1024 to 49151, found the number 80",
    ],
  ])("%s", (text, mistake) => expect(cluster(text)).toBe(mistake));
});

describe("compose by path", () => {
  test("a file that cannot be read", () => {
    expect(only(`${CLUSTER}compose: ../stack.yml\n`)).toBe(
      "2:10 compose: cannot read stack.yml: ENOENT: no such file or directory",
    );
  });

  test("mistakes of both files, each with its own", () => {
    const files = { "lab/stack.yml": "services:\n  web: {imag: a}\n" };
    expect(mistakes("cluster: {node: 2}\ncompose: stack.yml\n", files)).toEqual([
      '1:10 cluster: missing key "nodes"',
      '1:11 cluster.node: unknown key "node"; did you mean "nodes"?',
      'lab/stack.yml:2:9 services.web.imag: Additional property imag is not allowed; did you mean "image"?',
    ]);
  });

  test("a service without an image", () => {
    expect(only(`${CLUSTER}compose: stack.yml\n`, { "lab/stack.yml": "services:\n  web: {build: .}\n" })).toBe(
      'lab/stack.yml:2:8 services.web: missing key "image": ContainerSpec: image reference must be provided',
    );
  });

  test("a stack file that is not YAML", () => {
    expect(only(`${CLUSTER}compose: stack.yml\n`, { "lab/stack.yml": "a:\n\tb: 1\n" })).toBe(
      "lab/stack.yml:2:1 (document): not YAML: Tabs are not allowed as indentation",
    );
  });

  test("neither a path nor a stack", () => {
    expect(only(`${CLUSTER}compose: 5\n`)).toBe(
      "2:10 compose: expected a path to a stack file, or the stack itself, found the number 5",
    );
  });
});

describe("placement and addresses", () => {
  const after = (text: string): string => only(SMALL + text);
  const line = SMALL_LINES + 1;
  test.each([
    ["placement: [a]", `${line}:12 placement: expected a map of tasks to nodes, found a list`],
    [
      "placement: {web.9: manager}",
      `${line}:13 placement["web.9"]: there is no task or container "web.9"; did you mean "web.1"?`,
    ],
    ["placement: {web.1: worker}", `${line}:20 placement["web.1"]: there is no node "worker"; did you mean "worker1"?`],
    [
      "placement: {web.1: elsewhere}",
      `${line}:20 placement["web.1"]: there is no node "elsewhere"; the nodes are manager, worker1, worker2`,
    ],
    ["placement: {web.1: 5}", `${line}:20 placement["web.1"]: expected a node's name, found the number 5`],
    ["addresses: 5", `${line}:12 addresses: expected a map of tasks to addresses, found the number 5`],
    [
      "addresses: {web.1: 10.0.9.300}",
      `${line}:20 addresses["web.1"]: expected an IPv4 address such as 192.168.77.11, found "10.0.9.300"`,
    ],
    [
      "addresses: {web.1: [a]}",
      `${line}:20 addresses["web.1"]: expected an IPv4 address, or a map of networks to addresses, found a list`,
    ],
    [
      "addresses: {web.9: 10.0.9.9}",
      `${line}:13 addresses["web.9"]: there is no task or container "web.9"; did you mean "web.1"?`,
    ],
    [
      "addresses: {wob: 10.0.9.9}",
      `${line}:13 addresses.wob: there is no task, service or load balancer "wob"; did you mean "web"?`,
    ],
    [
      "addresses: {web.1: 10.0.8.9}",
      `${line}:20 addresses["web.1"]: 10.0.8.9 is no address of front, whose subnet is 10.0.9.0/24`,
    ],
    [
      "addresses: {web.1: 10.0.9.255}",
      `${line}:20 addresses["web.1"]: 10.0.9.255 is no address of front, whose subnet is 10.0.9.0/24`,
    ],
    ["addresses: {web.1: 10.0.9.1}", `${line}:20 addresses["web.1"]: 10.0.9.1 is the address of the gateway already`],
    [
      "addresses: {web.1: 10.0.9.9, web.2: 10.0.9.9}",
      `${line}:37 addresses["web.2"]: 10.0.9.9 is the address of web.1 already`,
    ],
    [
      "addresses: {web.1: {back: 10.0.9.9}}",
      `${line}:21 addresses["web.1"].back: web does not join a network "back"; the networks it joins are front`,
    ],
    [
      "addresses: {lb-front: 10.0.9.9}",
      `${line}:23 addresses.lb-front: expected a map of nodes to addresses: lb-front has one on each node`,
    ],
    [
      "addresses: {lb-front: {worker: 10.0.9.9}}",
      `${line}:24 addresses.lb-front.worker: there is no node "worker"; did you mean "worker1"?`,
    ],
    ["run: {seed: -1}", `${line}:13 run.seed: expected a whole number from 0 to 4294967295, found the number -1`],
    ["run: {step: []}", `${line}:7 run.step: unknown key "step"; did you mean "steps"?`],
    ["run: {steps: exec}", `${line}:14 run.steps: expected a list of commands, found "exec"`],
    ["run: []", `${line}:6 run: expected a map with the keys seed, setup, steps, found a list`],
  ])("%s", (text, mistake) => expect(after(text)).toBe(mistake));

  test("an address for a task of two networks that are both not its", () => {
    const text = `${CLUSTER}compose:
  services:
    web: {image: a, networks: [x, y]}
  networks: {x: , y: }
addresses: {web.1: 10.5.0.5}
`;
    expect(only(text)).toBe(
      '6:20 addresses["web.1"]: 10.5.0.5 is in no subnet of the networks of web; the networks it joins are x, y',
    );
  });

  test("a virtual IP of a service that has none", () => {
    const text = `${CLUSTER}compose:
  services:
    web: {image: a, deploy: {endpoint_mode: dnsrr}}
addresses: {web: 10.0.1.5}
`;
    expect(only(text)).toBe("5:13 addresses.web: web has no virtual IP: its endpoint_mode is dnsrr");
  });

  test("a global task elsewhere, and a pin that the constraints exclude", () => {
    const text = `${CLUSTER}compose:
  services:
    agent: {image: a, deploy: {mode: global}}
    web: {image: a, deploy: {placement: {constraints: [node.role==manager]}}}
placement:
  agent.node-1: node-2
  web.1: node-2
`;
    expect(mistakes(text)).toEqual([
      '7:17 placement["agent.node-1"]: agent.node-1 is the task of node-1: agent is global',
      '8:10 placement["web.1"]: web.1 cannot run on node-2: the constraints of web exclude it',
    ]);
  });
});

describe("impossible networks are refused as Docker refuses them", () => {
  const networks = (text: string, services = "web: {image: a, networks: [x, y]}"): string =>
    only(`${CLUSTER}compose:\n  services:\n    ${services}\n  networks:\n${text}`);

  test("overlapping subnets", () => {
    expect(
      networks("    x: {ipam: {config: [{subnet: 10.5.0.0/16}]}}\n    y: {ipam: {config: [{subnet: 10.5.9.0/24}]}}\n"),
    ).toBe(
      "7:34 compose.networks.y.ipam.config[0].subnet: invalid pool request: Pool overlaps with other one on this address space (10.5.9.0/24 with 10.5.0.0/16 of x)",
    );
  });

  test("a subnet that ingress has", () => {
    expect(networks("    x: {ipam: {config: [{subnet: 10.0.0.0/8}]}}\n    y:\n")).toContain(
      "6:34 compose.networks.x.ipam.config[0].subnet: invalid pool request: Pool overlaps with other one on this address space (10.0.0.0/8 with 10.0.0.0/24 of ingress)",
    );
  });

  test("no subnet left in the pool", () => {
    const text = `    x: {ipam: {config: [{subnet: 10.128.0.0/9}]}}
    y: {ipam: {config: [{subnet: 10.64.0.0/10}]}}
    a: {ipam: {config: [{subnet: 10.32.0.0/11}]}}
    b: {ipam: {config: [{subnet: 10.16.0.0/12}]}}
    c: {ipam: {config: [{subnet: 10.8.0.0/13}]}}
    d: {ipam: {config: [{subnet: 10.4.0.0/14}]}}
    e: {ipam: {config: [{subnet: 10.2.0.0/15}]}}
    f: {ipam: {config: [{subnet: 10.1.0.0/16}]}}
    g: {ipam: {config: [{subnet: 10.0.128.0/17}]}}
    h: {ipam: {config: [{subnet: 10.0.64.0/18}]}}
    i: {ipam: {config: [{subnet: 10.0.32.0/19}]}}
    j: {ipam: {config: [{subnet: 10.0.16.0/20}]}}
    k: {ipam: {config: [{subnet: 10.0.8.0/21}]}}
    l: {ipam: {config: [{subnet: 10.0.4.0/22}]}}
    m: {ipam: {config: [{subnet: 10.0.2.0/23}]}}
    n:
    o:
`;
    expect(networks(text, "web: {image: a, networks: [x, y, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o]}")).toBe(
      "22:5 compose.networks.o: could not find an available, non-overlapping IPv4 address pool among the defaults (10.0.0.0/8) to assign to the network",
    );
  });

  test("a VNI twice, and ingress's", () => {
    const vni = (number: number): string =>
      `{driver_opts: {com.docker.network.driver.overlay.vxlanid_list: "${number}"}}`;
    expect(networks(`    x: ${vni(5000)}\n    y: ${vni(5000)}\n`)).toBe(
      '7:71 compose.networks.y.driver_opts["com.docker.network.driver.overlay.vxlanid_list"]: could not assign vxlan id 5000 to y: requested bit is already allocated (x has it)',
    );
    expect(networks(`    x: ${vni(4096)}\n    y:\n`)).toContain("already allocated (ingress has it)");
    expect(networks(`    x: ${vni(16_777_216)}\n    y:\n`)).toBe(
      '6:71 compose.networks.x.driver_opts["com.docker.network.driver.overlay.vxlanid_list"]: could not assign vxlan id 16777216: bit does not belong to the sequence, expected at most 16777215',
    );
  });

  test("a gateway that is the network itself", () => {
    expect(networks("    x: {ipam: {config: [{subnet: 10.5.0.0/24, gateway: 10.5.0.0}]}}\n    y:\n")).toBe(
      "6:56 compose.networks.x.ipam.config[0].gateway: ipam configuration: subnet 10.5.0.0/24 does not contain gateway 10.5.0.0",
    );
  });

  test("more tasks than addresses", () => {
    expect(
      networks(
        "    x: {ipam: {config: [{subnet: 10.5.0.0/28}]}}\n    y:\n",
        "web: {image: a, networks: [x, y], deploy: {replicas: 13}}",
      ),
    ).toBe(
      "6:34 compose.networks.x.ipam.config[0].subnet: no available addresses on this pool: 10.5.0.0/28 has none left for web.13",
    );
  });

  test("tasks that fit, but not the load balancers of their nodes", () => {
    expect(
      networks(
        "    x: {ipam: {config: [{subnet: 10.5.0.0/28}]}}\n    y:\n",
        "web: {image: a, networks: [x, y], deploy: {replicas: 11}}",
      ),
    ).toBe(
      "6:34 compose.networks.x.ipam.config[0].subnet: no available addresses on this pool: 10.5.0.0/28 has none left for lb-x of node-2",
    );
  });

  test("more tasks than can be held", () => {
    const text = `${CLUSTER}compose:
  services:
    a: {image: a, deploy: {replicas: 999999}}
    b: {image: a, deploy: {mode: global}}
`;
    expect(only(text)).toBe("5:8 compose.services.b: expected at most 1000000 tasks in all, found 1000001 up to here");
  });

  test("a namespace that would have two meanings", () => {
    const text = `${CLUSTER}compose:
  services:
    lb-a: {image: a, networks: [n]}
  networks:
    n: {name: a.1}
`;
    expect(only(text)).toBe("6:5 compose.networks.n: the namespace lb-a.1 of this network has the name of a task");
  });
});

test("all mistakes come in the order of the file", () => {
  const result = load(`run: {steps: [a]}\n${CLUSTER}compose: {services: {web: {imag: a}}}\nnam: a\n`);
  const rows = result.ok ? [] : result.diagnostics.map(({ position }) => position.line);
  expect(rows).toEqual([1, 3, 4]);
  expect(lines(result.ok ? [] : result.warnings)).toEqual([]);
});
