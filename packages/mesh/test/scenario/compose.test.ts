/** Stack files as people have them: what docker stack deploy takes, refuses and ignores. */
import { describe, expect, test } from "vitest";
import { load, lines, loadGood, mistakes, warnings } from "./loading.ts";

const CLUSTER = "cluster: {nodes: 3}\n";

/** A scenario with this stack by path, whose mistakes and warnings come without the file's name. */
function ofStack(
  stack: string,
  more = "",
): { readonly mistakes: readonly string[]; readonly warnings: readonly string[] } {
  const result = load(`${CLUSTER}compose: stack.yml\n${more}`, { "lab/stack.yml": stack });
  const short = (found: Parameters<typeof lines>[0]): readonly string[] =>
    lines(found).map((line) => line.replace("lab/stack.yml:", ""));
  return result.ok
    ? { mistakes: [], warnings: short(result.scenario.warnings) }
    : { mistakes: short(result.diagnostics), warnings: short(result.warnings) };
}

function goodStack(stack: string, more = ""): ReturnType<typeof loadGood>["stack"] {
  return loadGood(`${CLUSTER}compose: stack.yml\n${more}`, { "lab/stack.yml": stack }).stack;
}

/** A stack like those of the documentation: nothing here is refused. */
const EVERYDAY = `version: "3.8"

x-logging: &logging
  driver: json-file
  options: { max-size: 10m, max-file: 3 }

x-defaults: &defaults
  logging: *logging
  deploy: &deploy
    replicas: 2
    restart_policy: { condition: on-failure }

services:
  web:
    <<: *defaults
    image: nginx:\${TAG:-1.27}
    ports:
      - "80:80"
      - target: 443
        published: 8443
        protocol: tcp
        mode: host
    networks:
      - front
      - back
    healthcheck:
      test: ["CMD", "curl", "-f", "http://localhost"]
      interval: 30s
    configs:
      - source: site
        target: /etc/nginx/conf.d/site.conf
    deploy:
      <<: *deploy
      replicas: 3
      update_config: { parallelism: 1, delay: 10s, order: start-first }
      labels: { traefik.enable: "true" }
      resources:
        limits: { cpus: "0.50", memory: 50M }
      placement:
        constraints: [node.role == worker]
  db:
    <<: *defaults
    image: postgres:16
    environment:
      POSTGRES_PASSWORD_FILE: /run/secrets/db
      PGPORT: 5432
      EMPTY:
    volumes:
      - data:/var/lib/postgresql/data
      - { type: bind, source: ./init, target: /docker-entrypoint-initdb.d, read_only: true }
    secrets: [db]
    networks:
      back:
        aliases: [database]
    deploy:
      endpoint_mode: dnsrr
      placement:
        constraints:
          - node.hostname == node-2
  agent:
    image: agent
    deploy: { mode: global }

networks:
  front:
    driver: overlay
    attachable: true
  back:
    driver: overlay
    internal: true
    driver_opts:
      com.docker.network.driver.mtu: "9000"
    ipam:
      config:
        - subnet: 10.20.0.0/16

volumes:
  data:
configs:
  site: { file: ./site.conf }
secrets:
  db: { external: true }
`;

/** What a service has that says no more than it must. */
const PLAIN = { command: undefined, aliases: new Map(), ports: [], hostname: undefined, dns: [] };

describe("an everyday stack", () => {
  test("is taken", () => {
    const stack = goodStack(EVERYDAY);
    expect(stack.services).toEqual([
      {
        name: "web",
        image: "nginx:1.27",
        mode: "replicated",
        replicas: 3,
        endpointMode: "vip",
        constraints: ["node.role == worker"],
        networks: ["back", "front"],
        ...PLAIN,
        ports: [
          { mode: "ingress", protocol: "tcp", target: 80, published: 80 },
          { mode: "host", protocol: "tcp", target: 443, published: 8443 },
        ],
        restart: { condition: "on-failure", delayNs: 5e9, maxAttempts: 0, windowNs: 0 },
        update: {
          parallelism: 1,
          delayNs: 10e9,
          monitorNs: 5e9,
          failureAction: "pause",
          maxFailureRatio: 0,
          order: "start-first",
        },
        healthcheck: { intervalNs: 30e9, retries: 3, startPeriodNs: 0, startIntervalNs: 5e9 },
      },
      {
        name: "db",
        image: "postgres:16",
        mode: "replicated",
        replicas: 1,
        endpointMode: "dnsrr",
        constraints: ["node.hostname == node-2"],
        networks: ["back"],
        ...PLAIN,
        aliases: new Map([["back", ["database"]]]),
      },
      {
        name: "agent",
        image: "agent",
        mode: "global",
        replicas: 0,
        endpointMode: "vip",
        constraints: [],
        networks: ["default"],
        ...PLAIN,
      },
    ]);
    expect(stack.networks).toEqual([
      {
        name: "front",
        subnets: [{ subnet: undefined, gateway: undefined, vni: undefined }],
        mtu: 1450,
        encrypted: false,
        attachable: true,
        internal: false,
      },
      {
        name: "back",
        subnets: [{ subnet: { address: 0x0a140000, prefixLength: 16 }, gateway: undefined, vni: undefined }],
        mtu: 8950,
        encrypted: false,
        attachable: false,
        internal: true,
      },
      {
        name: "default",
        subnets: [{ subnet: undefined, gateway: undefined, vni: undefined }],
        mtu: 1450,
        encrypted: false,
        attachable: false,
        internal: false,
      },
    ]);
  });

  test("and what is not modelled is named", () => {
    expect(ofStack(EVERYDAY)).toEqual({
      mistakes: [],
      warnings: [
        "18:7 services.web.ports: one task stays pending: no suitable node (host-mode port already in use on 2 nodes; scheduling constraints not satisfied on 1 node)",
      ],
    });
  });

  test("a stack's name comes before the names, but not before those that are given", () => {
    const stack = goodStack(
      `services:
  web: {image: a, networks: [front, own, outside]}
  db: {image: a}
networks:
  front:
  own: {name: mine}
  outside: {external: true}
`,
      "stack: shop\nrun: {steps: [exec shop_web.1 true]}\n",
    );
    expect(stack.services.map((service) => [service.name, service.networks])).toEqual([
      ["shop_web", ["mine", "outside", "shop_front"]],
      ["shop_db", ["shop_default"]],
    ]);
    expect(stack.networks.map((network) => network.name)).toEqual(["shop_front", "mine", "outside", "shop_default"]);
  });
});

describe("networks of services", () => {
  test("in list and in map form, empty ones being the default", () => {
    const stack = goodStack(`services:
  a: {image: i, networks: [n]}
  b: {image: i, networks: {n: }}
  c: {image: i, networks: {n: {}}}
  d: {image: i, networks: []}
  e: {image: i}
networks: {n: }
`);
    expect(stack.services.map((service) => service.networks)).toEqual([["n"], ["n"], ["n"], ["default"], ["default"]]);
  });

  test("the default one can be described", () => {
    const stack = goodStack(`services: {a: {image: i}}
networks: {default: {attachable: true, ipam: {config: [{subnet: 10.7.0.0/24}]}}}
`);
    expect(stack.networks).toMatchObject([
      { name: "default", attachable: true, subnets: [{ subnet: { prefixLength: 24 } }] },
    ]);
  });

  test("one that no service uses is not made, with a warning", () => {
    const stack = "services: {a: {image: i}}\nnetworks:\n  spare:\n";
    expect(goodStack(stack).networks.map((network) => network.name)).toEqual(["default"]);
    expect(ofStack(stack).warnings).toEqual([
      "3:3 networks.spare: no service uses this network, so docker stack deploy does not make it",
    ]);
  });

  test("the nodes' own networks: host and bridge can be joined, none and ingress cannot", () => {
    const stack = (name: string): string =>
      `services: {a: {image: i, networks: [h]}}\nnetworks:\n  h: {external: true, name: ${name}}\n`;
    for (const name of ["host", "bridge"]) {
      expect(goodStack(stack(name))).toMatchObject({ services: [{ networks: [name] }], networks: [] });
      expect(ofStack(stack(name)).warnings).toEqual([]);
    }
    expect(ofStack(stack("none")).mistakes).toEqual([
      "1:37 services.a.networks[0]: could not find the corresponding predefined swarm network: network none not found",
    ]);
    expect(ofStack(stack("ingress")).mistakes).toEqual([
      '1:37 services.a.networks[0]: Service cannot be explicitly attached to the ingress network "ingress"',
    ]);
  });

  test("external ones are taken as made before", () => {
    expect(
      ofStack("services: {a: {image: i, networks: [n]}}\nnetworks:\n  n: {external: {name: other}}\n").warnings,
    ).toEqual([
      "3:17 networks.n.external: other is taken as an attachable overlay network that was made before the stack, with what is written here",
    ]);
  });

  test("several subnets, each with its VNI", () => {
    const stack = `services: {a: {image: i, networks: [n]}}
networks:
  n:
    driver_opts: {com.docker.network.driver.overlay.vxlanid_list: "77,78"}
    ipam: {config: [{subnet: 10.5.0.0/24}, {subnet: 10.6.0.0/24}, {subnet: 10.7.0.0/24}]}
`;
    const subnets = [77, 78, undefined].map((vni, index) => ({
      subnet: { address: (10 << 24) | ((5 + index) << 16), prefixLength: 24 },
      gateway: undefined,
      vni,
    }));
    expect(goodStack(stack).networks).toMatchObject([{ subnets }]);
    expect(ofStack(stack).warnings).toEqual([]);
  });

  test("VNI, MTU and gateway", () => {
    const stack = `services: {a: {image: i, networks: [n]}}
networks:
  n:
    driver_opts:
      com.docker.network.driver.overlay.vxlanid_list: "77"
      com.docker.network.driver.mtu: 1400
    ipam: {driver: default, config: [{subnet: 10.5.0.0/24, gateway: 10.5.0.254}]}
`;
    expect(goodStack(stack).networks).toMatchObject([{ subnets: [{ vni: 77, gateway: 0x0a0500fe }], mtu: 1350 }]);
    expect(ofStack(stack).warnings).toEqual([
      "7:60 networks.n.ipam.config[0].gateway: docker stack deploy refuses this (Additional property gateway is not allowed); taken as docker network create --gateway",
    ]);
  });
});

describe("ignored, with a warning", () => {
  const service = (text: string): readonly string[] => ofStack(`services: {a: {image: i, ${text}}}\n`).warnings;
  const network = (text: string): readonly string[] =>
    ofStack(`services: {a: {image: i, networks: [n]}}\nnetworks: {n: {${text}}}\n`).warnings;
  const later = "not modelled yet, ignored";
  const deploys = "ignored, as docker stack deploy ignores it";
  test.each([
    ["command: web, ports: [80]"],
    [
      "command: web, ports: ['127.0.0.1:80:80']",
      "1:48 services.a.ports[0]: ignoring IP-address (127.0.0.1:80:80) service will listen on '0.0.0.0'",
    ],
    [
      "ports: [{target: 80, published: 80, mode: host}]",
      "1:23 services.a.image: nothing is known of the image i: nothing listens in its containers; say what does with images",
    ],
    ["ports: [{published: 80}]", "1:34 services.a.ports[0]: there is no target port: nothing is published"],
    [
      "command: web, ports: [{target: 80, protocol: icmp, mode: host}]",
      '1:71 services.a.ports[0].protocol: "icmp" is no protocol: taken as tcp',
    ],
    ["dns: [nowhere]", '1:32 services.a.dns[0]: bad nameserver address "nowhere", ignored'],
    ["dns: '2001:db8::1'", "1:31 services.a.dns: IPv6 is not modelled yet, ignored"],
    ["sysctls: {net.ipv4.ip_forward: 1}", `1:26 services.a.sysctls: ${later}`],
    [
      "deploy: {restart_policy: {condition: sometimes}}",
      '1:63 services.a.deploy.restart_policy.condition: expected none, on-failure or any, found "sometimes": taken as any',
    ],
    [
      "deploy: {update_config: {failure_action: stop}}",
      '1:67 services.a.deploy.update_config.failure_action: expected pause, continue or rollback, found "stop": taken as pause',
    ],
    [
      "deploy: {replicas: 9, placement: {max_replicas_per_node: 2}}",
      "1:15 services.a: 3 tasks stay pending: no suitable node (max replicas per node limit exceed)",
    ],
    ["build: .", `1:26 services.a.build: ${deploys}`],
    ["restart: always", `1:26 services.a.restart: ${deploys}`],
    ["network_mode: host", `1:26 services.a.network_mode: ${deploys}`],
    ["container_name: x", `1:26 services.a.container_name: ${deploys} (deprecated)`],
    ["expose: [80]", `1:26 services.a.expose: ${deploys} (deprecated)`],
    ["networks: {default: {ipv4_address: 10.0.1.9}}", `1:47 services.a.networks.default.ipv4_address: ${deploys}`],
    ["deploy: {mode: global-job}", "1:41 services.a.deploy.mode: jobs are not modelled yet: taken as global"],
  ])("a service's %s", (text, ...expected) => expect(service(text)).toEqual(expected));

  test.each([
    [
      'driver_opts: {encrypted: "false"}',
      "2:41 networks.n.driver_opts.encrypted: the network is encrypted all the same: the driver does not look at the value",
    ],
    ["driver_opts: {x.y: 1}", `2:30 networks.n.driver_opts["x.y"]: ${later}`],
    [
      "ipam: {driver: infoblox}",
      "2:31 networks.n.ipam.driver: the address driver infoblox is not modelled: addresses come from the default one",
    ],
    [
      "ipam: {config: [{subnet: 'fd00::/64'}]}",
      "2:41 networks.n.ipam.config[0].subnet: IPv6 is not modelled yet, ignored",
    ],
    [
      "ipam: {config: [{subnet: 192.168.0.0/16}]}",
      "2:41 networks.n.ipam.config[0].subnet: the subnet 192.168.0.0/16 of n overlaps the underlay's 192.168.77.0/24: Docker accepts it, and tasks cannot reach the nodes that it hides",
    ],
  ])("a network's %s", (text, warning) => expect(network(text)).toEqual([warning]));

  test("tasks that no node is suitable for stay pending, and cannot be used", () => {
    const stack = "services:\n  a: {image: i, deploy: {placement: {constraints: [node.labels.gpu==yes]}}}\n";
    expect(ofStack(stack).warnings).toEqual([
      "2:6 services.a: no suitable node (scheduling constraints not satisfied on 3 nodes)",
    ]);
    expect(ofStack(stack, "run: {steps: [exec a.1 true]}\n").mistakes).toEqual([
      "lab/scenario.yml:3:20 run.steps[0]: the task a.1 does not run: no node is suitable for it".replace(
        "lab/scenario.yml:",
        "",
      ),
    ]);
  });

  test.each([
    ["'80:80'", "'80:80'", "as an ingress port"],
    ["'80:80'", "{target: 80, published: 80, mode: host}", "as an ingress port"],
    ["{target: 80, published: 80, mode: host}", "'80:80'", "as a host-published port"],
  ])("a port of two services: %s and %s", (one, other, how) => {
    const stack = `services:\n  a: {image: i, ports: [${one}]}\n  b: {image: i, ports: [${other}]}\n`;
    expect(ofStack(stack).mistakes).toEqual([
      `3:24 services.b.ports: port '80' is already in use by service 'a' ${how}`,
    ]);
  });

  test("a port of two services in host mode is for the scheduler", () => {
    const port = "{target: 80, published: 80, mode: host}";
    const stack = `services:\n  a: {image: i, ports: [${port}]}\n  b: {image: i, ports: [${port}, '80:80/udp']}\n`;
    expect(ofStack(stack).mistakes).toEqual([]);
  });

  test("no services at all", () => {
    expect(ofStack("version: '3'\n").warnings).toEqual(["1:1 (document): the stack has no services"]);
  });

  test("keys that cannot change a packet are not mentioned", () => {
    expect(service("command: [sleep, infinity], environment: {A: 1}, user: root, x-mine: {deep: 1}, tty: yes")).toEqual(
      [],
    );
  });
});

describe("refused as docker stack deploy refuses", () => {
  const service = (text: string): readonly string[] => ofStack(`services: {a: {image: i, ${text}}}\n`).mistakes;
  const network = (text: string): readonly string[] =>
    ofStack(`services: {a: {image: i, networks: [n]}}\nnetworks: {n: {${text}}}\n`).mistakes;

  test.each([
    ["version: 3.8\n", '1:10 version: expected the version as text such as "3.8", in quotes, found the number 3.8'],
    ["version: '2.4'\n", '1:10 version: unsupported Compose file version: 2.4, expected "3" or "3.0" to "3.13"'],
    ["name: shop\n", "1:1 name: Additional property name is not allowed"],
    ["service: {}\n", '1:1 service: Additional property service is not allowed; did you mean "services"?'],
    [
      "- a\n",
      "1:1 (document): expected a map with the keys version, services, networks, volumes, secrets, configs, found a list",
    ],
    ["services: [a]\n", "1:11 services: expected a map of names, found a list"],
    ["services: {a: }\n", "1:12 services.a: expected a map, found nothing"],
    ["volumes: [a]\n", "1:10 volumes: expected a map, found a list"],
    [
      "services: {a.b: {image: i}}\n",
      '1:12 services["a.b"]: name must be valid as a DNS name component of at most 63 characters, found "a.b"',
    ],
    ["services: {a: {image: 5}}\n", "1:23 services.a.image: expected text, found the number 5"],
  ])("%j", (stack, mistake) => expect(ofStack(stack).mistakes).toEqual([mistake]));

  test.each([
    ["replicas: 3", "1:26 services.a.replicas: Additional property replicas is not allowed"],
    [
      "evironment: []",
      '1:26 services.a.evironment: Additional property evironment is not allowed; did you mean "environment"?',
    ],
    [
      "extends: {service: b}",
      "1:26 services.a.extends: docker stack deploy forbids the property extends: Support for `extends` is not implemented yet.",
    ],
    [
      "mem_limit: 1g",
      "1:26 services.a.mem_limit: docker stack deploy forbids the property mem_limit: Set resource limits using deploy.resources",
    ],
    [
      "deploy: {replicas: -1}",
      "1:45 services.a.deploy.replicas: expected a whole number from 0 to 1000000, found the number -1",
    ],
    [
      "deploy: {replicas: two}",
      '1:45 services.a.deploy.replicas: expected a whole number from 0 to 1000000, found "two"',
    ],
    [
      "deploy: {mode: globl}",
      '1:41 services.a.deploy.mode: expected one of replicated, global, replicated-job, global-job, found "globl"',
    ],
    [
      "deploy: {mode: global, replicas: 2}",
      "1:59 services.a.deploy.replicas: replicas can only be used with replicated or replicated-job mode",
    ],
    ["deploy: {endpoint_mode: dns}", '1:50 services.a.deploy.endpoint_mode: expected one of vip, dnsrr, found "dns"'],
    [
      "deploy: {endpoint_mode: dnsrr}, ports: ['80:80']",
      "1:66 services.a.ports[0]: EndpointSpec: port published with ingress mode can't be used with dnsrr mode",
    ],
    [
      "deploy: {placement: {constraints: [node.role=manager]}}",
      '1:61 services.a.deploy.placement.constraints[0]: constraint expected one operator from ==, !=, found "node.role=manager"',
    ],
    [
      "deploy: {placement: {constraints: ['node role==x']}}",
      "1:61 services.a.deploy.placement.constraints[0]: key 'node role' is invalid, found \"node role==x\"",
    ],
    [
      "deploy: {placement: {constraint: []}}",
      '1:47 services.a.deploy.placement.constraint: Additional property constraint is not allowed; did you mean "constraints"?',
    ],
    ["networks: [bakc]", '1:37 services.a.networks[0]: undefined network "bakc"'],
    ["networks: [default, default]", "1:46 services.a.networks[1]: the network default is given twice"],
    [
      "networks: {default: {alias: [b]}}",
      '1:47 services.a.networks.default.alias: Additional property alias is not allowed; did you mean "aliases"?',
    ],
    ["environment: {A: true}", "1:43 services.a.environment.A: expected text or a number, found true"],
    ["command: {a: 1}", "1:35 services.a.command: expected text or a list, found a map"],
    ["tty: perhaps", '1:31 services.a.tty: expected true or false, found "perhaps"'],
  ])("a service's %s", (text, mistake) => expect(service(text)).toEqual([mistake]));

  test.each([
    [
      "driver: bridge",
      '2:24 networks.n.driver: The network n cannot be used with services. Only networks scoped to the swarm can be used, such as those created with the overlay driver. Found "bridge"',
    ],
    ["name: host", "2:22 networks.n.name: network with name host already exists"],
    ["name: a/b", '2:22 networks.n.name: expected a name of letters, digits, and - _ . inside, found "a/b"'],
    ["enable_ipv6: true", "2:16 networks.n.enable_ipv6: Additional property enable_ipv6 is not allowed"],
    [
      "ipam: {config: [{}]}",
      '2:32 networks.n.ipam.config[0]: ipam configuration: invalid subnet: missing key "subnet"',
    ],
    [
      "ipam: {config: [{subnet: 10.5.0/24}]}",
      "2:41 networks.n.ipam.config[0].subnet: ipam configuration: invalid subnet 10.5.0/24, expected an IPv4 network such as 10.0.9.0/24",
    ],
    [
      "ipam: {config: [{subnet: 10.5.0.5/24}]}",
      "2:41 networks.n.ipam.config[0].subnet: invalid subnet 10.5.0.5/24: it should be 10.5.0.0/24",
    ],
    [
      "ipam: {config: [{subnet: 10.5.0.0/31}]}",
      "2:41 networks.n.ipam.config[0].subnet: expected a prefix length from 1 to 30, found 31",
    ],
    [
      "ipam: {config: [{subnet: 10.5.0.0/24, gateway: x}]}",
      "2:63 networks.n.ipam.config[0].gateway: ipam configuration: invalid gateway x",
    ],
    [
      "ipam: {config: [{subnet: 10.5.0.0/24, gateway: 10.6.0.1}]}",
      "2:63 networks.n.ipam.config[0].gateway: ipam configuration: subnet 10.5.0.0/24 does not contain gateway 10.6.0.1",
    ],
    [
      "driver_opts: {com.docker.network.driver.mtu: big}",
      '2:61 networks.n.driver_opts["com.docker.network.driver.mtu"]: expected a size from 118 to 65535 bytes, found "big"',
    ],
    [
      "driver_opts: {com.docker.network.driver.overlay.vxlanid_list: x}",
      '2:78 networks.n.driver_opts["com.docker.network.driver.overlay.vxlanid_list"]: invalid vxlan id value "x" passed',
    ],
    [
      "external: {name: a}, name: b",
      "2:26 networks.n.external: network.external.name and network.name conflict; only use network.name",
    ],
  ])("a network's %s", (text, mistake) => expect(network(text)).toEqual([mistake]));

  test("two networks of one name", () => {
    expect(
      ofStack("services: {a: {image: i, networks: [n, m]}}\nnetworks:\n  n: {name: x}\n  m: {name: x}\n").mistakes,
    ).toEqual(["4:3 networks.m: network with name x already exists"]);
  });

  test("what is merged into two services is told once, where it is written", () => {
    const stack = `x-base: &base
  image: 5
services:
  a: {<<: *base}
  b: {<<: *base}
`;
    expect(ofStack(stack).mistakes).toEqual(["2:10 services.a.image: expected text, found the number 5"]);
  });
});

test("a stack is the same inline and by path", () => {
  const inline = `${CLUSTER}compose:\n${EVERYDAY.replaceAll(/^(?=.)/gm, "  ")}`;
  expect(loadGood(inline).stack).toEqual(goodStack(EVERYDAY));
  expect(warnings(inline)).toHaveLength(1);
  expect(mistakes(inline)).toEqual([]);
});
