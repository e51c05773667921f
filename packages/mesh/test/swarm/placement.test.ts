import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ClusterNode, Service } from "../../src/scenario/scenario.ts";
import { matches, parseConstraint } from "../../src/swarm/constraint.ts";
import { placeTasks, taskNames } from "../../src/swarm/placement.ts";
import type { Problem } from "../../src/swarm/problem.ts";
import { PLAIN_NODE, PLAIN_SERVICE } from "./plain.ts";

function node(name: string, role: ClusterNode["role"] = "worker", labels: Record<string, string> = {}): ClusterNode {
  return { name, role, ip: 0x0a000001, mac: 1, labels: new Map(Object.entries(labels)), ...PLAIN_NODE };
}

function service(name: string, replicas: number, more: Partial<Service> = {}): Service {
  return { ...PLAIN_SERVICE, name, replicas, networks: [], ...more };
}

const NODES = [node("m", "manager"), node("w1"), node("w2")];

function place(
  services: readonly Service[],
  pins: Readonly<Record<string, string>> = {},
  nodes: readonly ClusterNode[] = NODES,
): { readonly where: readonly string[]; readonly problems: readonly string[] } {
  const problems: Problem[] = [];
  const tasks = placeTasks(services, nodes, new Map(Object.entries(pins)), problems);
  return {
    where: tasks.map((task) => `${task.name} ${task.node?.name ?? "pending"}`),
    problems: problems.map((problem) => `${problem.level} ${problem.message}`),
  };
}

describe("spread", () => {
  test("fewest of the service first, then the first node", () => {
    expect(place([service("a", 5)]).where).toEqual(["a.1 m", "a.2 w1", "a.3 w2", "a.4 m", "a.5 w1"]);
  });

  test("among equals, fewest tasks in all", () => {
    expect(place([service("a", 1), service("b", 1), service("c", 3)]).where).toEqual([
      "a.1 m",
      "b.1 w1",
      "c.1 w2",
      "c.2 m",
      "c.3 w1",
    ]);
  });

  test("pinned tasks count where they are", () => {
    expect(place([service("a", 4)], { "a.2": "m", "a.4": "m" }).where).toEqual(["a.1 m", "a.2 m", "a.3 w1", "a.4 m"]);
  });

  test("it is the rule, whatever is pinned: the model looks at every node for every task", () => {
    const names = ["n0", "n1", "n2", "n3"];
    const nodes = names.map((name) => node(name));
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.option(fc.constantFrom(...names)), { maxLength: 8 }), { maxLength: 4 }),
        (wanted) => {
          const services = wanted.map((pins, index) => service(`s${index}`, pins.length));
          const pins: Record<string, string> = {};
          for (const [index, list] of wanted.entries())
            for (const [slot, name] of list.entries()) if (name !== null) pins[`s${index}.${slot + 1}`] = name;
          const expected: string[] = [];
          const all = new Map(names.map((name) => [name, 0]));
          for (const one of services) {
            const own = new Map(names.map((name) => [name, 0]));
            for (const task of taskNames(one, nodes)) {
              const best = names.toSorted((a, b) => own.get(a)! - own.get(b)! || all.get(a)! - all.get(b)!)[0]!;
              const chosen = pins[task] ?? best;
              own.set(chosen, own.get(chosen)! + 1);
              all.set(chosen, all.get(chosen)! + 1);
              expected.push(`${task} ${chosen}`);
            }
          }
          expect(place(services, pins, nodes).where).toEqual(expected);
        },
      ),
    );
  });
});

describe("global services", () => {
  test("one task a node, named after it", () => {
    expect(place([service("g", 0, { mode: "global" })]).where).toEqual(["g.m m", "g.w1 w1", "g.w2 w2"]);
  });

  test("only where the constraints allow", () => {
    expect(place([service("g", 0, { mode: "global", constraints: ["node.role != manager"] })]).where).toEqual([
      "g.w1 w1",
      "g.w2 w2",
    ]);
  });

  test("a pin elsewhere is a mistake", () => {
    expect(place([service("g", 0, { mode: "global" })], { "g.m": "w1" }).problems).toEqual([
      "error g.m is the task of m: g is global",
    ]);
  });
});

describe("constraints", () => {
  test("no suitable node: pending, with Docker's words", () => {
    expect(place([service("a", 2, { constraints: ["node.hostname == nope"] })])).toEqual({
      where: ["a.1 pending", "a.2 pending"],
      problems: ["warning no suitable node (scheduling constraints not satisfied on 3 nodes)"],
    });
  });

  test("a pin that they exclude is a mistake", () => {
    expect(place([service("a", 1, { constraints: ["node.role == worker"] })], { "a.1": "m" }).problems).toEqual([
      "error a.1 cannot run on m: the constraints of a exclude it",
    ]);
  });

  const one: ClusterNode = { ...node("Node-A", "manager", { zone: "North", Tier: "1" }), ip: 0x0a000105 };
  test.each([
    ["node.role==manager", true],
    ["node.role == Manager", true],
    ["NODE.ROLE==manager", true],
    ["node.role!=manager", false],
    ["node.hostname==node-a", true],
    ["node.id!=other", true],
    ["node.labels.zone==north", true],
    ["node.labels.Zone==north", false],
    ["node.labels.zone!=south", true],
    ["node.labels.none!=x", true],
    ["node.labels.Tier==1", true],
    ["node.ip==10.0.1.5", true],
    ["node.ip==10.0.1.0/24", true],
    ["node.ip!=10.0.1.0/24", false],
    ["node.ip==10.0.2.0/24", false],
    ["node.ip==a.b", false],
    ["node.platform.os==linux", true],
    ["node.platform.arch==aarch64", false],
    ["engine.labels.x!=y", true],
    ["engine.labels.x==y", false],
    ["node.colour==red", false],
    ["node.colour!=red", false],
  ])("%s: %s", (text, expected) => {
    const reading = parseConstraint(text);
    if (!reading.ok) throw new Error(reading.message);
    expect(matches(reading.constraint, one)).toBe(expected);
  });

  test.each([
    ["node.role=manager", "constraint expected one operator from ==, !="],
    ["==x", "key '' is invalid"],
    ["node role==x", "key 'node role' is invalid"],
    ["node.role==", "value '' is invalid"],
    ["node.role==a~b", "value 'a~b' is invalid"],
  ])("%s is refused", (text, message) => expect(parseConstraint(text)).toEqual({ ok: false, message }));
});

test("a thousand nodes with fifty tasks each are spread evenly", () => {
  const nodes = Array.from({ length: 1000 }, (_, index) => node(`n${index}`));
  const tasks = placeTasks([service("a", 50_000)], nodes, new Map(), []);
  const counts = new Map<string, number>();
  for (const task of tasks) counts.set(task.node!.name, (counts.get(task.node!.name) ?? 0) + 1);
  expect(new Set(counts.values())).toEqual(new Set([50]));
});

test("global tasks with a port of their nodes: five thousand are placed as fast as they are named", () => {
  const nodes = Array.from({ length: 5000 }, (_, index) => node(`n${index}`));
  const ports = [{ mode: "host", protocol: "tcp", target: 80, published: 8080 } as const];
  const begun = performance.now();
  const tasks = placeTasks([service("g", 0, { mode: "global", ports })], nodes, new Map(), []);
  expect(tasks.every((task) => task.node?.name === task.name.slice(2))).toBe(true);
  // A look at every node for every task takes seconds.
  expect(performance.now() - begun).toBeLessThan(1000);
});

describe("placement preferences and limits", () => {
  const zoned = [
    node("a1", "worker", { zone: "a" }),
    node("a2", "worker", { zone: "a" }),
    node("a3", "worker", { zone: "a" }),
    node("b1", "worker", { zone: "b" }),
    node("none"),
  ];

  test("a label's values have the same number of tasks each, whatever the number of nodes; no label is a value, too", () => {
    const preferences = ["node.labels.zone"];
    expect(place([service("s", 7, { preferences })], {}, zoned).where).toEqual([
      "s.1 a1",
      "s.2 b1",
      "s.3 none",
      "s.4 a2",
      "s.5 b1",
      "s.6 none",
      "s.7 a3",
    ]);
  });

  test("within a value by the next label", () => {
    const nodes = [
      node("a1x", "worker", { zone: "a", rack: "x" }),
      node("a2x", "worker", { zone: "a", rack: "x" }),
      node("a3y", "worker", { zone: "a", rack: "y" }),
      node("b1", "worker", { zone: "b" }),
    ];
    const preferences = ["node.labels.zone", "node.labels.rack"];
    const { where } = place([service("s", 6, { preferences })], {}, nodes);
    expect(where).toEqual(["s.1 a1x", "s.2 b1", "s.3 a3y", "s.4 b1", "s.5 a2x", "s.6 b1"]);
  });

  test("a value whose nodes take no more is passed over", () => {
    const preferences = ["node.labels.zone"];
    const { where, problems } = place([service("s", 6, { preferences, maxReplicasPerNode: 1 })], {}, zoned);
    expect(where).toEqual(["s.1 a1", "s.2 b1", "s.3 none", "s.4 a2", "s.5 a3", "s.6 pending"]);
    expect(problems).toEqual(["warning one task stays pending: no suitable node (max replicas per node limit exceed)"]);
  });

  test("what is in the way most often comes first", () => {
    const only = { constraints: ["node.role == worker"], maxReplicasPerNode: 1 };
    expect(place([service("s", 3, only)]).problems).toEqual([
      "warning one task stays pending: no suitable node (max replicas per node limit exceed; scheduling constraints not satisfied on 1 node)",
    ]);
  });
});

describe("ports of nodes", () => {
  const port = { mode: "host", protocol: "tcp", target: 80, published: 8080 } as const;

  test("one task a node, and the rest stays pending", () => {
    expect(place([service("a", 2, { ports: [port] }), service("b", 3, { ports: [port] })])).toEqual({
      where: ["a.1 m", "a.2 w1", "b.1 w2", "b.2 pending", "b.3 pending"],
      problems: ["warning 2 tasks stay pending: no suitable node (host-mode port already in use on 3 nodes)"],
    });
  });

  test("another protocol, another port, one that Docker chooses, and ingress are no others' business", () => {
    const ports = [
      [port],
      [{ ...port, protocol: "udp" as const }],
      [{ ...port, published: 8081 }],
      [{ ...port, published: 0 }],
      [{ ...port, mode: "ingress" as const }],
    ];
    const services = ports.map((each, index) => service(`s${index}`, 1, { ports: each }));
    expect(place(services, {}, [node("m")])).toEqual({ where: ports.map((_, index) => `s${index}.1 m`), problems: [] });
  });

  test("constraints count first", () => {
    const only = { constraints: ["node.role == manager"], ports: [port] };
    expect(place([service("a", 2, only)])).toEqual({
      where: ["a.1 m", "a.2 pending"],
      problems: [
        "warning one task stays pending: no suitable node (scheduling constraints not satisfied on 2 nodes; host-mode port already in use on 1 node)",
      ],
    });
    expect(place([service("a", 1, { ...only, constraints: ["node.role == none"] })]).problems).toEqual([
      "warning no suitable node (scheduling constraints not satisfied on 3 nodes)",
    ]);
  });

  test("a place that was chosen and is taken", () => {
    expect(
      place([service("a", 1, { ports: [port] }), service("b", 1, { ports: [port] })], { "a.1": "w1", "b.1": "w1" }),
    ).toEqual({
      where: ["a.1 w1", "b.1 pending"],
      problems: ["error b.1 cannot run on w1: a.1 has the port 8080/tcp there"],
    });
  });

  test("a global service has a task wherever the port is free", () => {
    expect(place([service("a", 1, { ports: [port] }), service("g", 0, { mode: "global", ports: [port] })])).toEqual({
      where: ["a.1 m", "g.m pending", "g.w1 w1", "g.w2 w2"],
      problems: ["warning one task stays pending: no suitable node (host-mode port already in use on 1 node)"],
    });
  });
});
