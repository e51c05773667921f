/** Running tasks whose node no longer suits their service, where recordings do not show it. */
import { expect, test } from "vitest";
import { NO_TROUBLE } from "../../src/swarm/connectivity.ts";
import { rejectUnfit } from "../../src/swarm/constraint-enforcer.ts";
import { liveTasks, setAvailability } from "../../src/swarm/orchestrator.ts";
import type { ServiceState } from "../../src/swarm/service.ts";
import { updateService } from "../../src/swarm/updater.ts";
import { World } from "./world.ts";

const MANAGER = "swarm-manager";
const WORKER = "swarm-worker1";
const UNFIT = "assigned node no longer meets constraints";

function deploy(labeled: readonly string[] = [WORKER]): readonly [World, ServiceState] {
  const world = new World("20.10");
  world.overlay("net");
  for (const node of labeled) world.swarm.engine(node).node.labels.set("zone", "a");
  world.service("web", 2, ["net"], { image: "nginx", constraints: ["node.labels.zone==a"] });
  return [world, world.swarm.services.get("web")!];
}

function unlabel(world: World): void {
  const { node } = world.swarm.engine(WORKER);
  node.labels.delete("zone");
  rejectUnfit(world.swarm, node);
}

const states = (service: ServiceState): readonly string[] =>
  [...service.tasks].map((task) => `${task.name} ${task.node?.name ?? ""} ${task.desired} ${task.state}`);
const running = (world: World): number =>
  [...world.swarm.engine(WORKER).containers.values()].filter(({ state }) => state === "running").length;

test("a task is rejected at once, its container ends, and the slot waits for a node", () => {
  const [world, service] = deploy();
  unlabel(world);
  expect(states(service)).toEqual([
    `web.1 ${WORKER} shutdown rejected`,
    `web.2 ${WORKER} shutdown rejected`,
    "web.1  ready pending",
    "web.2  ready pending",
  ]);
  expect([...service.tasks][0]!.message).toBe(UNFIT);
  expect(running(world)).toBe(2);
  world.settle();
  expect(running(world)).toBe(0);
  // It stays rejected, whatever the node reports.
  expect(states(service)[0]).toBe(`web.1 ${WORKER} shutdown rejected`);
  expect(states(service)[2]).toBe("web.1  running pending");
});

test("a node that hears nothing ends the container when it does", () => {
  const [world, service] = deploy([WORKER, MANAGER]);
  const { swarm } = world;
  swarm.changeConnections(new Map([[1, { ...NO_TROUBLE, isCut: true }]]));
  unlabel(world);
  world.settle(8);
  expect(running(world)).toBe(1);
  expect(liveTasks(service).map(({ node }) => node?.name)).toEqual([MANAGER, MANAGER]);
  swarm.changeConnections(new Map());
  world.settle();
  expect(running(world)).toBe(0);
});

test("a node that is paused keeps its tasks, until it is active", () => {
  const [world, service] = deploy();
  world.do(setAvailability(world.swarm, world.swarm.engine(WORKER).node, "pause"));
  unlabel(world);
  expect(liveTasks(service).every(({ state }) => state === "running")).toBe(true);
  world.do(setAvailability(world.swarm, world.swarm.engine(WORKER).node, "active"));
  expect(liveTasks(service).every(({ state }) => state === "pending")).toBe(true);
});

test("a task that is being started ends when it has started", () => {
  const [world, service] = deploy();
  const { swarm, timeline } = world;
  timeline.start(MANAGER, updateService(swarm, service, { ...service.spec, image: "nginx:2" }), 0);
  const starting = (): boolean =>
    [...service.tasks].some(({ state, generation }) => state === "starting" && generation > 0);
  for (let turn = 0; turn < 1000 && !starting(); turn++) {
    timeline.run(timeline.now + 10_000_000);
    timeline.now += 10_000_000;
  }
  expect(starting()).toBe(true);
  unlabel(world);
  world.settle(60);
  expect(running(world)).toBe(0);
  expect(liveTasks(service).every(({ state }) => state === "pending")).toBe(true);
});
