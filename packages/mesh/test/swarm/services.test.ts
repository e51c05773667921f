/** Virtual IPs and the routing mesh: what nodes make of services, and when, against what real ones had (recording q2). */
import { readFileSync } from "node:fs";
import { formatIpv4 } from "@hopscope/codec/address";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FORWARDING_LETTER, ip, normalize, serviceSpec, World } from "./world.ts";
import { NO_TROUBLE } from "../../src/swarm/connectivity.ts";
import { killContainer } from "../../src/swarm/container.ts";
import { formatRequest } from "../../src/swarm/format-request.ts";
import { createService, liveTasks, removeService, scaleService } from "../../src/swarm/orchestrator.ts";
import { powerOff, powerOn } from "../../src/swarm/power.ts";
import type { Request } from "../../src/swarm/request.ts";
import type { ServiceState } from "../../src/swarm/service.ts";
import type { Choices } from "../../src/swarm/choices.ts";
import { updateService } from "../../src/swarm/updater.ts";

const [H1, H2, H3] = ["h1", "h2", "h3"] as const;
const NODES = [H1, H2, H3];
const WEB = [
  { mode: "ingress", protocol: "tcp", target: 80, published: 8001 },
  { mode: "ingress", protocol: "udp", target: 9000, published: 9000 },
  { mode: "ingress", protocol: "tcp", target: 7000, published: 7000 },
] as const;

function worldOf(choices: Partial<Choices> = {}, version: string = "20.10", nodes: readonly string[] = NODES): World {
  return new World(version, choices, nodes, undefined, { ipvs: true, forwarding: true });
}

/** The real servers of each virtual service of a namespace, as `ipvsadm -Sn` has them, with the last that came first. */
class Balancers {
  readonly #services = new Map<string, Map<number, Map<number, string>>>();
  readonly sysctls: Map<string, string> = new Map();
  readonly listeners: Set<string> = new Set();

  constructor(requests: readonly Request[]) {
    for (const request of requests) this.#take(request);
  }

  #take(request: Request): void {
    switch (request.kind) {
      case "sysctl":
        this.sysctls.set(`${request.node} ${request.netns} ${request.key}`, String(request.value));
        break;
      case "netns-delete":
        this.#services.delete(`${request.node} ${request.netns}`);
        break;
      case "listener-add":
        this.listeners.add(`${request.node} ${request.protocol}/${request.port}`);
        break;
      case "listener-delete":
        this.listeners.delete(`${request.node} ${request.protocol}/${request.port}`);
        break;
      case "ipvs-service-add":
      case "ipvs-service-delete": {
        const key = `${request.node} ${request.netns}`;
        const services = this.#services.get(key) ?? new Map<number, Map<number, string>>();
        this.#services.set(key, services);
        if (request.kind === "ipvs-service-add") services.set(request.fwmark, new Map());
        else services.delete(request.fwmark);
        break;
      }
      case "ipvs-dest-add":
      case "ipvs-dest-update":
        this.#of(request).set(request.ip, `-${FORWARDING_LETTER[request.forwarding]} -w ${request.weight}`);
        break;
      case "ipvs-dest-delete":
        this.#of(request).delete(request.ip);
        break;
    }
  }

  #of({ node, netns, fwmark }: { readonly node: string; readonly netns: string; readonly fwmark: number }) {
    const found = this.#services.get(`${node} ${netns}`)?.get(fwmark);
    if (found === undefined) throw new Error(`${node} ${netns} has no virtual service ${fwmark}`);
    return found;
  }

  /** Addresses in the order in which they get connections. */
  order(node: string, netns: string, mark: number): readonly string[] {
    return [...(this.#services.get(`${node} ${netns}`)?.get(mark)?.keys() ?? [])].toReversed().map(formatIpv4);
  }

  lines(node: string, netns: string): readonly string[] {
    const services = [...(this.#services.get(`${node} ${netns}`) ?? [])].toSorted(([a], [b]) => a - b);
    return services.flatMap(([mark, servers]) => [
      `-A -f ${mark} -s rr`,
      ...[...servers]
        .toSorted(([a], [b]) => a - b)
        .map(([address, rest]) => `-a -f ${mark} -r ${formatIpv4(address)}:0 ${rest}`),
    ]);
  }
}

function balancersOf(world: World): Balancers {
  return new Balancers(world.requests.map(({ request }) => request));
}

interface RealPart {
  readonly rules: readonly string[];
  readonly ipvs?: readonly string[];
  readonly addresses?: Readonly<Record<string, readonly string[]>>;
  readonly sysctls: Readonly<Record<string, string>>;
}

function realQ2(): Readonly<Record<string, Readonly<Record<string, RealPart>>>> {
  const file = new URL("../../../../fixtures/swarm-state/20.10-q2.json", import.meta.url);
  return JSON.parse(readFileSync(file, "utf8")) as Readonly<Record<string, Readonly<Record<string, RealPart>>>>;
}

/** Of each table its rules; an empty one is as good as none, and the order of tables is iptables' own. */
function tablesOf(lines: readonly string[]): Readonly<Record<string, readonly string[]>> {
  const tables: Record<string, string[]> = {};
  let table = "";
  for (const line of lines) {
    if (line.startsWith("*")) table = line;
    else if (line.startsWith("-A")) (tables[table] ??= []).push(line);
  }
  return tables;
}

/** Which service came first on a node was chance. Those machines had client, web2, and web2 in the ingress network. */
const REAL_MARKS = [
  [256, "appnet", "client"],
  [257, "appnet", "web2"],
  [258, "ingress", "web2"],
] as const;

function withMarks(world: World, node: string, lines: readonly string[]): readonly string[] {
  const { overlays } = world.swarm.engine(node);
  const marks = new Map<number, number>(
    REAL_MARKS.map(([real, network, service]) => {
      const found = [...overlays.get(network)!.services.values()].find((each) => each.service.name === service);
      return [real, found!.mark];
    }),
  );
  return lines.map((line) =>
    line
      .replace(/-f (\d+)/, (_, mark: string) => `-f ${marks.get(Number(mark))}`)
      .replace(/0x(10\d)\//, (_, mark: string) => `0x${marks.get(Number.parseInt(mark, 16))!.toString(16)}/`),
  );
}

function q2(): World {
  const on = (network: string, address: string): readonly [string, ReadonlyMap<string, number>] => [
    network.split(" ")[0]!,
    new Map([[network.split(" ")[1]!, ip(address)]]),
  ];
  const world = worldOf({
    placement: new Map([
      ["web2.1", H2],
      ["web2.2", H1],
      ["web2.3", H2],
    ]),
    addresses: new Map([on("client.h1 appnet", "10.0.1.10"), on("client.h3 appnet", "10.0.1.9")]),
  });
  world.overlay("appnet");
  world.service("web2", 3, ["appnet"], { ports: WEB, constraints: ["node.hostname!=h3"] });
  world.service("client", 1, ["appnet"], { mode: "global", constraints: ["node.hostname!=h2"] });
  return world;
}

describe("as real nodes had it (q2)", () => {
  const world = q2();
  const balancers = balancersOf(world);
  const parts = Object.entries(realQ2()).flatMap(([node, spaces]) =>
    Object.entries(spaces).map(([netns, real]) => [node, netns, real] as const),
  );

  test("there is something to compare", () => {
    expect(parts.length).toBe(7);
  });

  test.each(parts)("rules of %s %s", (node, netns, real) => {
    const made = tablesOf(normalize(world.rules(node, netns)));
    const wanted = tablesOf(normalize(withMarks(world, node, real.rules)));
    // In that order of services the rules are the other way round.
    const sort = (rules: readonly string[] | undefined) => (netns === "lb-appnet" ? rules?.toSorted() : rules);
    for (const table of ["*mangle", "*nat", "*filter"]) expect(sort(made[table])).toEqual(sort(wanted[table]));
  });

  test.each(parts.filter(([, , real]) => real.ipvs !== undefined))("IPVS of %s %s", (node, netns, real) => {
    const sort = (lines: readonly string[]) => lines.toSorted();
    expect(sort(balancers.lines(node, netns))).toEqual(sort(withMarks(world, node, real.ipvs!)));
  });

  test.each(parts.filter(([, , real]) => real.addresses !== undefined))("addresses of %s %s", (node, netns, real) => {
    for (const [device, wanted] of Object.entries(real.addresses!)) {
      const plan = world
        .namespaces(node)
        .get(netns)!
        .devices.find(({ name }) => name === device)!;
      const made = plan.addresses.map(({ ip: address, prefixLength }) => `${formatIpv4(address)}/${prefixLength}`);
      expect(made.toSorted()).toEqual(wanted.toSorted());
    }
  });

  test.each(parts)("parameters of %s %s", (node, netns, { sysctls }) => {
    for (const [key, wanted] of Object.entries(sysctls)) {
      const usual = key === "net.ipv4.vs.conn_reuse_mode" || key === "net.ipv4.ip_forward" ? "1" : "0";
      expect([key, balancers.sysctls.get(`${node} ${netns} ${key}`) ?? usual]).toEqual([key, wanted]);
    }
  });

  test("every node holds the published ports, and lets 127.0.0.1 in by the bridge", () => {
    expect([...balancers.listeners].toSorted()).toEqual(
      NODES.flatMap((node) => [`${node} tcp/7000`, `${node} tcp/8001`, `${node} udp/9000`]),
    );
    for (const node of NODES)
      expect(balancers.sysctls.get(`${node} host net.ipv4.conf.docker_gwbridge.route_localnet`)).toBe("1");
  });
});

test("Docker 28: the routing mesh is behind DOCKER-USER, and in front of everything else", () => {
  const world = worldOf({}, "28");
  world.service("web", 1, [], { ports: WEB.slice(0, 1) });
  const { "*filter": filter, "*nat": nat } = tablesOf(world.rules(H1, "host"));
  expect(filter!.filter((line) => /^-A (FORWARD|DOCKER-FORWARD|DOCKER-INGRESS) /.test(line)).slice(0, 7)).toEqual([
    "-A FORWARD -j DOCKER-USER",
    "-A FORWARD -j DOCKER-FORWARD",
    "-A DOCKER-FORWARD -j DOCKER-INGRESS",
    "-A DOCKER-FORWARD -j DOCKER-CT",
    "-A DOCKER-FORWARD -j DOCKER-ISOLATION-STAGE-1",
    "-A DOCKER-FORWARD -j DOCKER-BRIDGE",
    "-A DOCKER-FORWARD -i docker0 -j ACCEPT",
  ]);
  expect(filter!.filter((line) => line.startsWith("-A DOCKER-INGRESS"))).toEqual([
    "-A DOCKER-INGRESS -p tcp -m tcp --dport 8001 -j ACCEPT",
    "-A DOCKER-INGRESS -p tcp -m tcp --sport 8001 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    "-A DOCKER-INGRESS -j RETURN",
  ]);
  expect(nat!.filter((line) => /PREROUTING|OUTPUT/.test(line))).toEqual([
    "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER-INGRESS",
    "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER",
    "-A OUTPUT -m addrtype --dst-type LOCAL -j DOCKER-INGRESS",
    "-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER",
  ]);
});

function serviceOf(world: World, name: string): ServiceState {
  return world.swarm.services.get(name)!;
}

/** Requests since number `from` about virtual services, as commands, with the second in which they were made. */
function balancing(world: World, from: number, node: string, netns: string): readonly string[] {
  return world.requests.slice(from).flatMap(({ at, request }) => {
    if (!request.kind.startsWith("ipvs-") || !("netns" in request)) return [];
    if (request.node !== node || request.netns !== netns) return [];
    return formatRequest(request).map((line) => `${Math.floor(at / 1e9)} ${line.replace(/^\S+ /, "")}`);
  });
}

describe("the life of a real server", () => {
  const placement = new Map([
    ["web.1", H1],
    ["web.2", H2],
  ]);
  const addresses = new Map([
    ["web.1", new Map([["net", ip("10.0.1.3")]])],
    ["web.2", new Map([["net", ip("10.0.1.4")]])],
  ]);
  const started = (): World => {
    const world = worldOf({ placement, addresses });
    world.overlay("net", "10.0.1.0/24");
    world.service("web", 2, ["net"]);
    return world;
  };

  test("a task that is shut down gets nothing new first, and is gone when it has left the network", () => {
    const world = started();
    const from = world.requests.length;
    const begin = Math.floor(world.timeline.now / 1e9);
    world.do(scaleService(world.swarm, serviceOf(world, "web"), 1));
    const changes = balancing(world, from, H1, "lb-net").map((line) =>
      line.replace(/^\d+/, (at) => `+${Number(at) - begin}`),
    );
    // Two seconds after the change of weight SIGTERM comes, and SIGKILL ten after that.
    expect(changes).toEqual(["+0 ipvsadm -e -f 256 -r 10.0.1.4 -m -w 0", "+12 ipvsadm -d -f 256 -r 10.0.1.4"]);
  });

  test("a task that is killed is gone at once, and the one that takes its place comes in front", () => {
    const world = started();
    const from = world.requests.length;
    const [task] = [...world.swarm.tasks].filter(({ name }) => name === "web.2");
    world.do(killContainer(world.swarm.engine(H2), task!.container!), H2);
    const changes = balancing(world, from, H1, "lb-net").map((line) => line.replace(/^\d+ /, ""));
    expect(changes).toEqual([
      "ipvsadm -d -f 256 -r 10.0.1.4",
      expect.stringMatching(/^ipvsadm -a -f 256 -r 10\.0\.1\.\d+ -m -w 1$/),
    ]);
    expect(balancersOf(world).order(H1, "lb-net", 256)[1]).toBe("10.0.1.3");
  });

  test("the node itself acts at once, another within seconds, and none that does not have the network", () => {
    const world = started();
    const adds = world.requests.filter(
      ({ request }) => request.kind === "ipvs-dest-add" && request.ip === ip("10.0.1.4"),
    );
    const at = (node: string): number | undefined =>
      adds.find(({ request }) => "netns" in request && request.node === node)?.at;
    expect(at(H2)).toBeDefined();
    expect(at(H1)! - at(H2)!).toBeGreaterThan(0);
    expect(at(H1)! - at(H2)!).toBeLessThan(2e9);
    expect(at(H3)).toBeUndefined();
  });

  test("a node that joins the network hears of all that there is", () => {
    const world = started();
    world.run(H3, "plain", "net");
    expect(balancersOf(world).lines(H3, "lb-net")).toEqual([
      "-A -f 256 -s rr",
      "-a -f 256 -r 10.0.1.3:0 -m -w 1",
      "-a -f 256 -r 10.0.1.4:0 -m -w 1",
    ]);
  });

  test("with the last task everything goes, and a new one makes it anew, under another mark", () => {
    const world = worldOf({ placement, addresses });
    world.overlay("net", "10.0.1.0/24");
    world.run(H1, "plain", "net");
    const before = [world.rules(H1, "host"), world.rules(H1, "ingress_sbox"), world.rules(H1, "lb-net")];
    world.service("web", 2, ["net"], { ports: WEB });
    world.do(scaleService(world.swarm, serviceOf(world, "web"), 0));
    const after = balancersOf(world);
    expect(after.lines(H1, "ingress_sbox")).toEqual([]);
    expect(after.listeners.size).toBe(0);
    const rules = [world.rules(H1, "host"), world.rules(H1, "ingress_sbox"), world.rules(H1, "lb-net")];
    // What leads into the chains and what changes the source stays.
    const stays = /DOCKER-INGRESS|ipvs|^\*mangle|^:|src-type LOCAL/;
    const rest = (lines: readonly string[]): readonly string[] => lines.filter((line) => !stays.test(line));
    expect(rules.map(rest)).toEqual(before.map(rest));
    expect(rules.flat().filter((line) => /dport \d|MARK/.test(line) && !/dport 53/.test(line))).toEqual([]);
    const { addresses: left } = world
      .namespaces(H1)
      .get("lb-net")!
      .devices.find(({ name }) => name === "eth0")!;
    expect(left).toHaveLength(1);
    world.do(scaleService(world.swarm, serviceOf(world, "web"), 1));
    expect(balancersOf(world).lines(H1, "ingress_sbox")[0]).toBe("-A -f 258 -s rr");
  });

  test("without IPVS nothing of it is made", () => {
    const world = new World("20.10", { placement, addresses }, NODES);
    world.overlay("net", "10.0.1.0/24");
    world.service("web", 2, ["net"], { ports: WEB });
    const kinds = new Set(world.requests.map(({ request }) => request.kind));
    expect([...kinds].filter((kind) => /^(ipvs|listener)/.test(kind))).toEqual([]);
    expect(world.rules(H1, "host").join()).not.toContain("DOCKER-INGRESS");
    expect(world.rules(H1, "lb-net").join()).not.toContain("MARK");
  });
});

test("a service without a virtual IP uses up a mark, and nothing else", () => {
  const world = worldOf();
  world.overlay("net");
  world.service("rr", 2, ["net"], { endpointMode: "dnsrr" });
  world.service("web", 2, ["net"]);
  expect(balancersOf(world).lines(H1, "lb-net")[0]).toBe("-A -f 257 -s rr");
});

test("direct server return: tasks have the virtual IP, and nobody hears it from them", () => {
  const world = worldOf({ placement: new Map([["web.1", H1]]) });
  world.swarm.networkAllocator.add({
    name: "net",
    subnets: [],
    gateways: [],
    vnis: [],
    mtu: 1450,
    attachable: true,
    internal: false,
    encrypted: false,
    dsr: true,
  });
  world.service("web", 1, ["net"]);
  const balancers = balancersOf(world);
  expect(balancers.lines(H1, "lb-net")).toEqual(["-A -f 256 -s rr", "-a -f 256 -r 10.0.1.3:0 -g -w 1"]);
  expect(world.rules(H1, "lb-net").join()).not.toContain("SNAT --to-source 10");
  const lo = world
    .namespaces(H1)
    .get("web.1")!
    .devices.find(({ name }) => name === "lo")!;
  expect(lo.addresses).toContainEqual({ ip: ip("10.0.1.2"), prefixLength: 32 });
  expect(balancers.sysctls.get(`${H1} web.1 net.ipv4.conf.eth0.arp_ignore`)).toBe("1");
  expect(balancers.sysctls.get(`${H1} web.1 net.ipv4.conf.eth0.arp_announce`)).toBe("2");
});

describe("who gets the first connection", () => {
  const order = (balancing: Choices["balancing"], more = false): readonly string[] => {
    const placement = new Map(["web.1", "web.2", "web.3", "web.4"].map((task) => [task, H1]));
    const addresses = new Map(
      [1, 2, 3, 4].map((slot) => [`web.${slot}`, new Map([["net", ip(`10.0.1.${10 + slot}`)]])]),
    );
    const world = worldOf({ placement, addresses, balancing });
    world.overlay("net", "10.0.1.0/24");
    world.service("web", 3, ["net"]);
    if (more) world.do(scaleService(world.swarm, serviceOf(world, "web"), 4));
    return balancersOf(world).order(H1, "lb-net", 256);
  };
  const pin = (...tasks: readonly string[]): Choices["balancing"] =>
    new Map([["h1/lb-net", new Map([["web", tasks]])]]);

  test("the one that has come last", () => {
    expect(order(new Map())).toEqual(["10.0.1.13", "10.0.1.12", "10.0.1.11"]);
  });

  test("or the one that somebody has chosen", () => {
    expect(order(pin("web.2"))).toEqual(["10.0.1.12", "10.0.1.11", "10.0.1.13"]);
    expect(order(pin("web.1", "web.3", "web.2"))).toEqual(["10.0.1.11", "10.0.1.13", "10.0.1.12"]);
    expect(order(pin("web.1", "web.3"))).toEqual(["10.0.1.11", "10.0.1.13", "10.0.1.12"]);
  });

  test("also when another one comes", () => {
    expect(order(new Map(), true)[0]).toBe("10.0.1.14");
    expect(order(pin("web.2"), true)[0]).toBe("10.0.1.12");
    expect(order(pin("web.1", "web.3"), true)).toEqual(["10.0.1.11", "10.0.1.13", "10.0.1.14", "10.0.1.12"]);
  });
});

test("ports that are changed task by task: new ones are not there before the last old task has gone (moby#41364)", () => {
  const placement = new Map([
    ["web.1", H1],
    ["web.2", H1],
  ]);
  const world = worldOf({ placement });
  world.service("web", 2, [], { ports: [{ mode: "ingress", protocol: "tcp", target: 80, published: 8181 }] });
  const service = serviceOf(world, "web");
  const ports = [{ mode: "ingress", protocol: "tcp", target: 80, published: 8182 }] as const;
  world.timeline.start(H1, updateService(world.swarm, service, { ...service.spec, ports }), 0);
  world.settle(60);
  const balancers = balancersOf(world);
  expect([...balancers.listeners].filter((each) => each.startsWith(H1))).toEqual(["h1 tcp/8182"]);
  // The task that was replaced first is not among them.
  expect(balancers.lines(H1, "ingress_sbox")).toHaveLength(2);
  expect(liveTasks(service).filter(({ state }) => state === "running")).toHaveLength(2);
});

test("a network that a service leaves gives its virtual IP back", () => {
  const world = worldOf();
  world.overlay("a");
  world.overlay("b");
  world.service("web", 1, ["a", "b"], { ports: WEB });
  const service = serviceOf(world, "web");
  expect([...service.vips.keys()]).toEqual(["ingress", "a", "b"]);
  world.do(updateService(world.swarm, service, { ...service.spec, networks: ["b"], ports: [] }));
  expect([...service.vips.keys()]).toEqual(["b"]);
});

test("whatever is done, every node that has a network balances exactly the tasks that run, and nothing is left at the end", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("scale" as const), service: fc.nat(1), replicas: fc.nat(4) }),
    fc.record({ kind: fc.constant("kill" as const), which: fc.nat(7) }),
    fc.record({ kind: fc.constant("join" as const), node: fc.nat(2) }),
    fc.record({ kind: fc.constant("cut" as const), nodes: fc.uniqueArray(fc.nat(2)), seconds: fc.nat(30) }),
    fc.record({ kind: fc.constant("off" as const), node: fc.nat(2), seconds: fc.nat(30) }),
    fc.record({ kind: fc.constant("on" as const), node: fc.nat(2), seconds: fc.nat(30) }),
  );
  const cut = (world: World, nodes: readonly number[]): void =>
    world.swarm.changeConnections(new Map(nodes.map((node) => [node, { ...NO_TROUBLE, isCut: true }])));
  const wait = (world: World, seconds: number): void => {
    const until = world.timeline.now + seconds * 1e9;
    world.timeline.run(until);
    world.timeline.now = until;
  };
  fc.assert(
    fc.property(fc.array(step, { maxLength: 6 }), (steps) => {
      const world = worldOf();
      world.overlay("net");
      world.service("a", 2, ["net"], { ports: WEB.slice(0, 1) });
      world.service("b", 1, ["net"]);
      for (const [index, each] of steps.entries()) {
        if (each.kind === "scale") {
          if (world.swarm.dispatcher.leader === undefined) continue;
          world.do(scaleService(world.swarm, serviceOf(world, each.service === 0 ? "a" : "b"), each.replicas));
        } else if (each.kind === "join") {
          if (world.swarm.engine(NODES[each.node]!).isRunning) world.run(NODES[each.node]!, `plain${index}`, "net");
        } else if (each.kind === "cut") {
          cut(world, each.nodes);
          wait(world, each.seconds);
        } else if (each.kind === "off" || each.kind === "on") {
          const engine = world.swarm.engine(NODES[each.node]!);
          if (each.kind === "off") powerOff(engine);
          else powerOn(engine);
          wait(world, each.seconds);
        } else {
          const running = [...world.swarm.tasks].filter(({ container }) => container?.state === "running");
          const task = running[each.which % Math.max(1, running.length)];
          if (task !== undefined)
            world.do(killContainer(world.swarm.engine(task.node!.name), task.container!), task.node!.name);
        }
      }
      // In the end all is well again, and everybody has had time.
      cut(world, []);
      for (const engine of world.swarm.engines.values()) powerOn(engine);
      wait(world, 180);
      for (const service of world.swarm.services.values())
        expect(liveTasks(service)).toHaveLength(service.spec.replicas);
      const balancers = balancersOf(world);
      const running = [...world.swarm.tasks].filter(({ state }) => state === "running");
      for (const [node, engine] of world.swarm.engines) {
        for (const network of engine.overlays.keys()) {
          const servers = running.flatMap(({ addresses }) => {
            const address = addresses.get(network);
            return address === undefined ? [] : [formatIpv4(address)];
          });
          const netns = network === "ingress" ? "ingress_sbox" : `lb-${network}`;
          const made = balancers.lines(node, netns).flatMap((line) => /-r (\S+):0/.exec(line)?.[1] ?? []);
          expect([node, netns, ...made.toSorted()]).toEqual([node, netns, ...servers.toSorted()]);
        }
      }
      for (const service of world.swarm.services.values()) removeService(world.swarm, service);
      wait(world, 60);
      expect([...world.swarm.tasks].filter((task) => !task.hasEnded)).toEqual([]);
      const end = balancersOf(world);
      for (const node of NODES) expect(end.lines(node, "ingress_sbox")).toEqual([]);
      expect([...end.listeners]).toEqual([]);
      expect(world.refused).toEqual([]);
    }),
    { numRuns: 60 },
  );
});

test("a hundred tasks on a hundred nodes: each node has each, once in either network", () => {
  const nodes = Array.from({ length: 100 }, (_, index) => `n${index}`);
  const world = worldOf({}, "20.10", nodes);
  world.overlay("net", "10.8.0.0/16");
  world.do(createService(world.swarm, serviceSpec("many", 100, ["net"], { ports: WEB.slice(0, 1) })));
  expect(world.requests.filter(({ request }) => request.kind === "ipvs-dest-add")).toHaveLength(20_000);
  expect(world.refused).toEqual([]);
});
