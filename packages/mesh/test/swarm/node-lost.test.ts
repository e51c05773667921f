/** A node that is lost, or cut off, and what managers and the other nodes make of it: times on the virtual clock. */
import { describe, expect, test } from "vitest";
import type { Service } from "../../src/scenario/scenario.ts";
import { NO_TROUBLE } from "../../src/swarm/connectivity.ts";
import { killContainer } from "../../src/swarm/container.ts";
import type { Engine } from "../../src/swarm/engine.ts";
import { liveTasks, removeService, scaleService } from "../../src/swarm/orchestrator.ts";
import { powerOff, powerOn } from "../../src/swarm/power.ts";
import type { ServiceState, Task } from "../../src/swarm/service.ts";
import { updateService } from "../../src/swarm/updater.ts";
import { World } from "./world.ts";

const [MANAGER, WORKER1, WORKER2] = ["swarm-manager", "swarm-worker1", "swarm-worker2"] as const;
const SECOND = 1e9;

class Cluster {
  readonly world: World;
  readonly service: ServiceState;
  readonly worker: Engine;
  readonly begun: number;

  constructor(more: Partial<Service> = {}, replicas = 3) {
    this.world = new World("28");
    this.world.overlay("net");
    this.world.service("web", replicas, ["net"], { image: "nginx", ...more });
    this.service = this.world.swarm.services.get("web")!;
    this.worker = this.world.swarm.engine(WORKER1);
    this.world.settle(100);
    this.begun = this.world.timeline.now;
  }

  /** Seconds since the beginning. */
  get now(): number {
    return (this.world.timeline.now - this.begun) / SECOND;
  }

  /** Lets time pass until `seconds` after the beginning, or until something is so; answers when that was. */
  until(seconds: number, isSo: () => boolean = () => false): number | undefined {
    const { timeline } = this.world;
    while (this.now < seconds) {
      if (isSo()) return this.now;
      timeline.run(timeline.now + SECOND / 100);
      timeline.now += Math.max(0, SECOND / 100 - ((timeline.now - this.begun) % (SECOND / 100)));
    }
    return undefined;
  }

  at(seconds: number, act: () => void): void {
    this.until(seconds);
    act();
  }

  cut(isCut: boolean, node = 1): void {
    this.world.swarm.changeConnections(new Map(isCut ? [[node, { ...NO_TROUBLE, isCut: true }]] : []));
  }

  task(name: string): Task {
    return [...this.service.tasks].findLast((task) => task.name === name)!;
  }

  names(node: number): number {
    const { swarm, timeline } = this.world;
    const network = swarm.networks.get("net")!.id;
    return (swarm.names.find(network, "tasks.web", node, timeline.now) ?? []).length;
  }

  history(name: string): readonly string[] {
    return [...this.service.tasks]
      .filter((task) => task.name === name)
      .map((task) => `${task.node?.name ?? "nowhere"} ${task.desired} ${task.state} ${task.message}`.trim());
  }
}

describe("a node that goes off", () => {
  test("is dead for the others after 5 to 7 s, down for the managers after 10 to 15, its task is made anew 5 s later", () => {
    const cluster = new Cluster();
    powerOff(cluster.worker);
    expect(cluster.names(0)).toBe(3);
    const forgotten = cluster.until(30, () => cluster.names(0) === 2)!;
    expect(forgotten).toBeGreaterThan(5);
    expect(forgotten).toBeLessThan(7);
    expect(cluster.worker.status).toBe("ready");
    const down = cluster.until(30, () => cluster.worker.status === "down")!;
    expect(down).toBeGreaterThan(10);
    expect(down).toBeLessThanOrEqual(15.01);
    expect(cluster.history("web.2")).toEqual([`${WORKER1} shutdown running`, expect.stringContaining("ready")]);
    const running = cluster.until(40, () => cluster.task("web.2").state === "running")!;
    expect(running - down).toBeGreaterThan(5);
    expect(running - down).toBeLessThan(6);
    expect(cluster.task("web.2").node!.name).not.toBe(WORKER1);
    expect(cluster.task("web.2").addresses.get("net")).not.toBe([...cluster.service.tasks][1]!.addresses.get("net"));
    expect([...cluster.world.namespaces(WORKER1).keys()]).toEqual(["host"]);
  });

  test("and comes back later: its task has ended, and nothing moves back", () => {
    const cluster = new Cluster();
    powerOff(cluster.worker);
    cluster.at(60, () => powerOn(cluster.worker));
    const ready = cluster.until(100, () => cluster.worker.status === "ready")!;
    // It starts for ten seconds.
    expect(ready).toBeGreaterThan(70);
    expect(ready).toBeLessThan(71);
    cluster.until(90);
    expect(cluster.history("web.2")).toEqual([
      `${WORKER1} shutdown failed task: non-zero exit (255)`,
      expect.stringContaining("running running"),
    ]);
    expect([...cluster.world.namespaces(WORKER1).keys()].toSorted()).toEqual([
      "host",
      "ingress_sbox",
      "overlay-ingress",
    ]);
    expect([0, 2].map((node) => cluster.names(node))).toEqual([3, 3]);
    // New tasks come there again.
    cluster.world.do(scaleService(cluster.world.swarm, cluster.service, 4));
    expect(cluster.task("web.4").node!.name).toBe(WORKER1);
  });

  test("and is back before anybody has noticed: the container is found dead", () => {
    const cluster = new Cluster();
    powerOff(cluster.worker);
    cluster.at(1, () => powerOn(cluster.worker));
    cluster.until(60);
    expect(cluster.history("web.2")).toEqual([
      `${WORKER1} shutdown failed task: non-zero exit (255)`,
      `${WORKER1} running running`,
    ]);
    expect(cluster.names(0)).toBe(3);
  });

  test("in the middle of a start: what was begun is never ended, and is made anew", () => {
    const cluster = new Cluster({ constraints: [`node.hostname==${WORKER1}`] }, 0);
    const { swarm, timeline } = cluster.world;
    timeline.start(MANAGER, scaleService(swarm, cluster.service, 2), 0);
    cluster.at(0.5, () => powerOff(cluster.worker));
    expect([...cluster.world.namespaces(WORKER1).keys()]).toEqual(["host"]);
    cluster.at(2, () => powerOn(cluster.worker));
    cluster.until(60);
    expect(liveTasks(cluster.service).map(({ state }) => state)).toEqual(["running", "running"]);
    cluster.world.do(scaleService(swarm, cluster.service, 0));
    expect([...cluster.world.namespaces(WORKER1).keys()].toSorted()).toEqual([
      "host",
      "ingress_sbox",
      "overlay-ingress",
    ]);
  });

  test("with a global service's task: no other is made, until it is back", () => {
    const cluster = new Cluster({ mode: "global" });
    powerOff(cluster.worker);
    cluster.until(60);
    expect(cluster.history(`web.${WORKER1}`)).toEqual([`${WORKER1} shutdown running`]);
    expect(liveTasks(cluster.service)).toHaveLength(2);
    powerOn(cluster.worker);
    cluster.until(100);
    expect(cluster.history(`web.${WORKER1}`)).toEqual([
      `${WORKER1} shutdown failed task: non-zero exit (255)`,
      `${WORKER1} running running`,
    ]);
  });

  test("and nowhere else to go: the new task is pending, and says why", () => {
    const cluster = new Cluster({ constraints: [`node.hostname==${WORKER1}`] }, 1);
    powerOff(cluster.worker);
    cluster.until(60);
    expect(cluster.history("web.1")[1]).toBe(
      "nowhere running pending no suitable node (scheduling constraints not satisfied on 2 nodes; 1 node not available for new tasks)",
    );
    powerOn(cluster.worker);
    cluster.until(100);
    expect(cluster.task("web.1")).toMatchObject({ state: "running", node: { name: WORKER1 } });
  });

  test("with its service removed meanwhile: the task goes when the node is back", () => {
    const cluster = new Cluster();
    powerOff(cluster.worker);
    cluster.until(20);
    removeService(cluster.world.swarm, cluster.service);
    cluster.until(50);
    expect([...cluster.service.tasks].map(({ name }) => name)).toEqual(["web.2"]);
    powerOn(cluster.worker);
    cluster.until(90);
    expect(cluster.service.tasks.size).toBe(0);
  });

  test("that is the only manager: nobody makes anything anew", () => {
    const cluster = new Cluster();
    const manager = cluster.world.swarm.engine(MANAGER);
    powerOff(manager);
    expect(cluster.world.swarm.dispatcher.leader).toBeUndefined();
    const [task] = liveTasks(cluster.service).filter(({ node }) => node!.name === WORKER2);
    const worker = cluster.world.swarm.engine(WORKER2);
    cluster.world.timeline.start(WORKER2, killContainer(worker, task!.container!), 0);
    cluster.until(60);
    expect([...cluster.service.tasks]).toHaveLength(3);
    powerOn(manager);
    cluster.until(120);
    // Both the one that was killed and the one that the manager had itself.
    expect(liveTasks(cluster.service).map(({ state }) => state)).toEqual(["running", "running", "running"]);
    expect([...cluster.service.tasks]).toHaveLength(5);
  });
});

test("a manager that starts again goes on with what it was about to do", () => {
  const cluster = new Cluster();
  const { swarm, timeline } = cluster.world;
  const manager = swarm.engine(MANAGER);
  const spec = { ...cluster.service.spec, image: "nginx:2" };
  timeline.start(MANAGER, updateService(swarm, cluster.service, spec), 0);
  cluster.at(5, () => powerOff(manager));
  cluster.at(6, () => powerOn(manager));
  cluster.until(80);
  expect(cluster.service.rollout).toMatchObject({ state: "completed" });
  const images = liveTasks(cluster.service).map(({ state, container }) => `${state} ${container!.options.image}`);
  expect(images).toEqual(["running nginx:2", "running nginx:2", "running nginx:2"]);
});

describe("a node that is cut off", () => {
  test("goes on with its tasks, which are made anew elsewhere; when it is back they are stopped", () => {
    const cluster = new Cluster();
    cluster.cut(true);
    cluster.until(30);
    const [old] = [...cluster.service.tasks].filter(({ name }) => name === "web.2");
    expect(cluster.worker.status).toBe("down");
    expect(old).toMatchObject({ desired: "shutdown", state: "running", container: { state: "running" } });
    // It still finds itself, and nobody else.
    expect([0, 1, 2].map((node) => cluster.names(node))).toEqual([3, 1, 3]);
    cluster.cut(false);
    const ready = cluster.until(60, () => cluster.worker.status === "ready")! - 30;
    expect(ready).toBeLessThanOrEqual(8.01);
    const stopped = cluster.until(60, () => old!.container!.state === "exited")!;
    expect(stopped - 30 - ready).toBeGreaterThan(2);
    expect(stopped - 30 - ready).toBeLessThan(2.2);
    cluster.until(70);
    expect([0, 1, 2].map((node) => cluster.names(node))).toEqual(
      [3, 0, 3].map((count, node) => (node === 1 ? 3 : count)),
    );
  });

  test("for less than three heartbeats is not missed", () => {
    const cluster = new Cluster();
    cluster.cut(true);
    cluster.at(9, () => cluster.cut(false));
    cluster.until(60);
    expect(cluster.worker.status).toBe("ready");
    expect([...cluster.service.tasks]).toHaveLength(3);
  });

  test("tells what it could not tell, and gets what it could not get", () => {
    const cluster = new Cluster({ constraints: [`node.hostname==${WORKER1}`] }, 1);
    const { swarm, timeline } = cluster.world;
    cluster.cut(true);
    const [task] = [...cluster.service.tasks];
    timeline.start(WORKER1, killContainer(cluster.worker, task!.container!), 0);
    timeline.start(MANAGER, scaleService(swarm, cluster.service, 2), 0);
    cluster.until(8);
    // Nobody knows, and nothing has come.
    expect([...cluster.service.tasks].map(({ state }) => state)).toEqual(["running", "assigned"]);
    cluster.cut(false);
    cluster.until(30);
    expect([...cluster.service.tasks].map(({ state }) => state)).toEqual(["failed", "running", "running"]);
  });
});

test("what one node does while another comes back is nothing to that", () => {
  const cluster = new Cluster();
  const { lost } = cluster.world.swarm.engine(WORKER2);
  cluster.cut(true);
  cluster.until(10);
  expect([...lost]).toEqual([1]);
  cluster.cut(false);
  cluster.at(10.01, () => cluster.cut(true, 0));
  cluster.until(13);
  expect([...lost]).toEqual([]);
});

test("a thousand nodes, of which a hundred go off at once, are told of it within a quarter of a minute", () => {
  const names = Array.from({ length: 1000 }, (_, index) => `n${index}`);
  const world = new World("28", {}, names);
  const { swarm, timeline } = world;
  const off = names.slice(100, 200).map((name) => swarm.engine(name));
  const begun = performance.now();
  for (const engine of off) powerOff(engine);
  timeline.run(timeline.now + 30 * SECOND);
  expect(off.every(({ status }) => status === "down")).toBe(true);
  expect([...swarm.engines.values()].filter(({ isOn }) => isOn).every(({ lost }) => lost.size === 100)).toBe(true);
  // A look at every pair of nodes for each that goes off takes minutes.
  expect(performance.now() - begun).toBeLessThan(20_000);
});
