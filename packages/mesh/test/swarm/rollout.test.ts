/** When tasks are started, found healthy, replaced and stopped: every time on the virtual clock. */
import { describe, expect, test } from "vitest";
import type { HealthCheck, RestartPolicy, Service, UpdateConfig } from "../../src/scenario/scenario.ts";
import { DEFAULT_RESTART, DEFAULT_UPDATE } from "../../src/scenario/compose-rollout.ts";
import { killContainer } from "../../src/swarm/container.ts";
import { liveTasks, scaleService, setAvailability } from "../../src/swarm/orchestrator.ts";
import type { ServiceState, Task } from "../../src/swarm/service.ts";
import { rollbackService, updateService } from "../../src/swarm/updater.ts";
import { World } from "./world.ts";

const MANAGER = "swarm-manager";
const SECOND = 1e9;

function deploy(replicas: number, more: Partial<Service> = {}, version = "28"): readonly [World, ServiceState] {
  const world = new World(version);
  world.overlay("net");
  world.service("web", replicas, ["net"], more);
  return [world, world.swarm.services.get("web")!];
}

/** What happened to tasks since the call, in order: `SECONDS TASK STATE`. Looks a hundred times a second. */
function watch(world: World, service: ServiceState, seconds: number, isNamed = false): readonly string[] {
  const from = world.timeline.now;
  const seen = new Map<Task, string>();
  const numbers = new Map<Task, number>();
  const lines: string[] = [];
  const look = (isFirst: boolean): void => {
    for (const task of service.tasks) {
      if (!numbers.has(task))
        numbers.set(task, [...service.tasks].filter(({ name }) => name === task.name).indexOf(task));
      const isKnown = task.container?.sandbox.endpoints.some(({ names }) => names !== undefined) === true;
      const names = isNamed && isKnown ? " named" : "";
      const now = `${task.state}${names}`;
      if (seen.get(task) === now) continue;
      seen.set(task, now);
      const at = (world.timeline.now - from) / SECOND;
      if (!isFirst) lines.push(`${at.toFixed(1)} ${task.name}/${numbers.get(task)} ${now}`);
    }
  };
  look(true);
  for (let tick = 0; tick < seconds * 100; tick++) {
    world.timeline.run(world.timeline.now + SECOND / 100);
    world.timeline.now = from + ((tick + 1) * SECOND) / 100;
    look(false);
  }
  return lines;
}

const only = (lines: readonly string[], ...states: readonly string[]): readonly string[] =>
  lines.filter((line) => states.some((state) => line.endsWith(` ${state}`)));

describe("a stop", () => {
  test("takes the name, waits two seconds, sends SIGTERM, and kills after the grace period", () => {
    const [world, service] = deploy(1, { stopGraceNs: 4 * SECOND });
    const from = world.requests.length;
    const begun = world.timeline.now;
    const lines = watch(world, service, 0.01, true);
    expect(lines).toEqual([]);
    world.timeline.start(MANAGER, scaleService(world.swarm, service, 0), 0);
    const seen = watch(world, service, 10, true);
    // 150 ms until the manager has decided, 100 ms until the node knows.
    expect(seen).toEqual(["0.3 web.1/0 running", "7.2 web.1/0 shutdown"]);
    const kill = world.requests.slice(from).find(({ request }) => request.kind === "container-kill")!;
    expect((kill.at - begun) / SECOND).toBeCloseTo(0.26 + 2 + 4, 1);
    const gone = world.requests.slice(from).find(({ request }) => request.kind === "peer-delete")!;
    expect(gone.at).toBeGreaterThan(kill.at);
    expect(service.tasks.size).toBe(0);
  });

  test("of a task that is just being started waits for that", () => {
    const [world, service] = deploy(0);
    world.timeline.start(MANAGER, scaleService(world.swarm, service, 1), 0);
    world.timeline.start(MANAGER, scaleService(world.swarm, service, 0), 0.3 * SECOND);
    world.settle();
    expect(service.tasks.size).toBe(0);
    expect([...world.namespaces(MANAGER).keys()]).toEqual(["host", "overlay-ingress", "ingress_sbox"]);
  });

  test("of an image that ends by SIGTERM takes no grace period", () => {
    const [world, service] = deploy(1, { image: "nginx:1.27" });
    const begun = world.timeline.now;
    world.do(scaleService(world.swarm, service, 0));
    const kill = world.requests.findLast(({ request }) => request.kind === "container-kill")!;
    expect((kill.at - begun) / SECOND).toBeCloseTo(0.25 + 2, 1);
  });
});

describe("a health check", () => {
  const check = (more: Partial<HealthCheck> = {}): HealthCheck => ({
    intervalNs: 10 * SECOND,
    retries: 3,
    startPeriodNs: 0,
    startIntervalNs: SECOND,
    ...more,
  });
  /** Of a task that is made now. */
  function start(healthcheck: HealthCheck, healthyAfter: number, seconds: number, version = "28"): readonly string[] {
    const world = new World(version, {}, undefined, () => healthyAfter * SECOND);
    world.overlay("net");
    world.service("web", 0, ["net"], { healthcheck });
    const service = world.swarm.services.get("web")!;
    world.timeline.start(MANAGER, scaleService(world.swarm, service, 1), 0);
    return watch(world, service, seconds, true).filter((line) => !/preparing|assigned|ready/.test(line));
  }

  test("that succeeds at its second try: no name until then", () => {
    expect(start(check(), 15, 40)).toEqual(["0.4 web.1/0 starting", "21.2 web.1/0 running named"]);
  });

  test("within the start period is made more often, from Docker 25 on, and failures do not count", () => {
    expect(start(check({ startPeriodNs: 20 * SECOND, retries: 1 }), 4.5, 40)).toEqual([
      "0.4 web.1/0 starting",
      "6.5 web.1/0 running named",
    ]);
    expect(start(check({ startPeriodNs: 20 * SECOND, retries: 1 }), 4.5, 40, "20.10")).toEqual([
      "0.4 web.1/0 starting",
      "11.1 web.1/0 running named",
    ]);
  });

  test("that fails three times in a row ends the task, and another is tried", () => {
    // Three intervals and checks, two seconds, the grace period; then five seconds.
    expect(start(check({ intervalNs: 2 * SECOND }), Number.POSITIVE_INFINITY, 26)).toEqual([
      "0.4 web.1/0 starting",
      "19.4 web.1/0 failed",
      "24.4 web.1/1 starting",
    ]);
  });
});

describe("a restart policy", () => {
  const policy = (more: Partial<RestartPolicy>): Partial<Service> => ({ restart: { ...DEFAULT_RESTART, ...more } });
  const kill = (world: World, service: ServiceState): void => {
    const [task] = liveTasks(service);
    world.timeline.start(task!.node!.name, killContainer(world.swarm.engine(task!.node!.name), task!.container!), 0);
  };

  test("says how long the slot waits", () => {
    const [world, service] = deploy(1, policy({ delayNs: 12 * SECOND }));
    kill(world, service);
    expect(only(watch(world, service, 20), "failed", "starting", "running")).toEqual([
      "0.1 web.1/0 failed",
      "12.1 web.1/1 starting",
      "12.7 web.1/1 running",
    ]);
  });

  test("none: the slot stays empty", () => {
    const [world, service] = deploy(1, policy({ condition: "none" }));
    kill(world, service);
    expect(watch(world, service, 20)).toEqual(["0.1 web.1/0 failed"]);
    expect(liveTasks(service)).toEqual([]);
  });

  test("on-failure: not behind one that ended well", () => {
    const [world, service] = deploy(1, policy({ condition: "on-failure" }));
    const [task] = liveTasks(service);
    task!.container!.onExit!(0);
    expect(watch(world, service, 20)).toEqual([]);
    expect([...service.tasks].map(({ state }) => state)).toEqual(["complete"]);
  });

  test("limits the attempts, all of them or those within a window", () => {
    const attempts = (more: Partial<RestartPolicy>, times: number): number => {
      const [world, service] = deploy(1, policy({ delayNs: SECOND, maxAttempts: 2, ...more }));
      for (let time = 0; time < times; time++) {
        if (liveTasks(service).length > 0) kill(world, service);
        world.settle(10);
      }
      return liveTasks(service).length;
    };
    expect(attempts({}, 2)).toBe(1);
    expect(attempts({}, 3)).toBe(0);
    expect(attempts({ windowNs: 20 * SECOND }, 4)).toBe(0);
    expect(attempts({ windowNs: 2.5 * SECOND }, 4)).toBe(1);
  });

  test("a task that is rejected before it may start waits all the same: a real one of host network and mesh did so", () => {
    const world = new World("28");
    world.overlay("net");
    const ports = [{ mode: "ingress", protocol: "tcp", target: 80, published: 8081 }] as const;
    world.service("web", 1, ["host"], { ports });
    const service = world.swarm.services.get("web")!;
    const lines = only(watch(world, service, 12), "rejected");
    expect(lines.map((line) => Math.round(Number.parseFloat(line)))).toEqual([5, 10]);
    expect([...service.tasks].at(-1)).toMatchObject({
      state: "rejected",
      desired: "ready",
      message: "container cannot be disconnected from host network or connected to host network",
    });
  });

  test("five tasks of a slot are remembered", () => {
    const [world, service] = deploy(1, policy({ delayNs: SECOND }));
    for (let time = 0; time < 8; time++) {
      kill(world, service);
      world.settle(10);
    }
    expect([...service.tasks].map(({ state }) => state)).toEqual(["failed", "failed", "failed", "failed", "running"]);
  });
});

describe("an update", () => {
  const config = (more: Partial<UpdateConfig>): Partial<Service> => ({
    image: "nginx",
    update: { ...DEFAULT_UPDATE, ...more },
  });
  const update = (world: World, service: ServiceState, more: Partial<Service> = { image: "nginx:2" }): void =>
    world.timeline.start(MANAGER, updateService(world.swarm, service, { ...service.spec, ...more }), 0);

  test("stops first, one slot at a time", () => {
    const [world, service] = deploy(2, config({}));
    update(world, service);
    expect(only(watch(world, service, 20), "shutdown", "starting", "running")).toEqual([
      "3.2 web.1/0 shutdown",
      "3.2 web.1/1 starting",
      "3.9 web.1/1 running",
      "7.0 web.2/0 shutdown",
      "7.0 web.2/1 starting",
      "7.6 web.2/1 running",
    ]);
    expect(service.rollout).toMatchObject({ state: "completed", message: "update completed" });
  });

  test("starts first: the old task ends when the new one runs, and on its node both have a namespace", () => {
    const [world, service] = deploy(1, {
      ...config({ order: "start-first" }),
      constraints: [`node.hostname==${MANAGER}`],
    });
    update(world, service);
    const lines = only(watch(world, service, 2), "shutdown", "running");
    expect(lines).toEqual(["0.8 web.1/1 running"]);
    const [old, fresh] = [...service.tasks];
    expect([...world.namespaces(MANAGER).keys()]).toEqual(expect.arrayContaining(["web.1", `web.1.${fresh!.id}`]));
    expect(only(watch(world, service, 4), "shutdown")).toEqual(["1.9 web.1/0 shutdown"]);
    expect(old!.container!.state).toBe("exited");
    expect([...world.namespaces(MANAGER).keys()]).not.toContain("web.1");
  });

  test("pauses between slots, and takes several at once", () => {
    const [world, service] = deploy(4, config({ parallelism: 2, delayNs: 10 * SECOND }));
    update(world, service);
    expect(only(watch(world, service, 40), "running")).toEqual([
      "3.7 web.2/1 running",
      "3.9 web.1/1 running",
      "17.4 web.3/1 running",
      "17.4 web.4/1 running",
    ]);
  });

  test("pauses when a new task fails, and says which", () => {
    const [world, service] = deploy(3, { ...config({}), healthcheck: undefined });
    update(world, service);
    watch(world, service, 5);
    const [fresh] = liveTasks(service).filter(({ name, state }) => name === "web.1" && state === "running");
    const engine = world.swarm.engine(fresh!.node!.name);
    world.timeline.start(engine.name, killContainer(engine, fresh!.container!), 0);
    world.settle(60);
    expect(service.rollout).toMatchObject({
      state: "paused",
      message: `update paused due to failure or early termination of task ${fresh!.id}`,
    });
    const images = liveTasks(service).map((task) => task.container!.options.image);
    expect(images).toContain("nginx");
  });

  test("is rolled back when a new task fails, if that is wanted: only what has changed changes back", () => {
    const [world, service] = deploy(3, {
      ...config({ failureAction: "rollback" }),
      rollback: { ...DEFAULT_UPDATE, parallelism: 0 },
    });
    const before = liveTasks(service);
    update(world, service);
    watch(world, service, 5);
    const fresh = liveTasks(service).find(({ name, state }) => name === "web.1" && state === "running")!;
    const engine = world.swarm.engine(fresh.node!.name);
    world.timeline.start(engine.name, killContainer(engine, fresh.container!), 0);
    world.settle(60);
    expect(service.rollout).toMatchObject({ state: "rollback_completed", message: "rollback completed" });
    expect(liveTasks(service).map((task) => [task.state, task.container!.options.image])).toEqual([
      ["running", "nginx"],
      ["running", "nginx"],
      ["running", "nginx"],
    ]);
    // The third never had its turn.
    expect(liveTasks(service)).toContain(before[2]);
  });

  test("is taken back by hand, once", () => {
    const [world, service] = deploy(2, config({ parallelism: 0 }));
    expect(() => world.do(rollbackService(world.swarm, service))).toThrow("service web does not have a previous spec");
    world.do(updateService(world.swarm, service, { ...service.spec, image: "nginx:2" }));
    world.do(rollbackService(world.swarm, service));
    expect(service.spec.image).toBe("nginx");
    expect(liveTasks(service).map((task) => task.container!.options.image)).toEqual(["nginx", "nginx"]);
    expect(service.rollout).toMatchObject({ state: "rollback_completed" });
    expect(() => world.do(rollbackService(world.swarm, service))).toThrow("does not have a previous spec");
  });

  test("of tasks with a port of their node: the new one is placed when the old one has given it back", () => {
    const port = (published: number) => ({ mode: "host", protocol: "tcp", target: 80, published }) as const;
    const [world, service] = deploy(3, { ...config({}), ports: [port(8080)] });
    update(world, service, { image: "nginx:2" });
    const lines = only(watch(world, service, 30), "pending", "shutdown", "running");
    expect(lines.slice(0, 3)).toEqual(["0.1 web.1/1 pending", "3.2 web.1/0 shutdown", "4.3 web.1/1 running"]);
    expect(liveTasks(service).map(({ state }) => state)).toEqual(["running", "running", "running"]);
    update(world, service, { ports: [port(8081)] });
    watch(world, service, 30);
    // The other port is free, this one is not.
    world.service("other", 3, ["net"], { ports: [port(8080)] });
    world.service("late", 1, ["net"], { ports: [port(8081)] });
    const [late] = liveTasks(world.swarm.services.get("late")!);
    expect(liveTasks(world.swarm.services.get("other")!).map(({ state }) => state)).toEqual(Array(3).fill("running"));
    expect(late).toMatchObject({ state: "pending" });
    world.do(scaleService(world.swarm, service, 2));
    expect(late).toMatchObject({ state: "running", message: "" });
  });

  test("while a node is drained leaves one task in each slot", () => {
    const [world, service] = deploy(3, config({ order: "start-first", parallelism: 0 }));
    const { swarm } = world;
    const { node } = swarm.engine("swarm-worker1");
    update(world, service);
    world.timeline.start(MANAGER, setAvailability(swarm, node, "drain"), SECOND / 100);
    watch(world, service, 60);
    expect(service.rollout).toMatchObject({ state: "completed" });
    expect(liveTasks(service).map(({ name, state }) => `${name} ${state}`)).toEqual(
      expect.arrayContaining(["web.1 running", "web.2 running", "web.3 running"]),
    );
    expect(liveTasks(service)).toHaveLength(3);
  });

  test("of constraints leaves alone what still fits", () => {
    const [world, service] = deploy(3, config({}));
    const before = liveTasks(service);
    const spec = { ...service.spec, constraints: [`node.hostname!=${MANAGER}`] };
    world.timeline.start(MANAGER, updateService(world.swarm, service, spec, false), 0);
    world.settle();
    const moved = before.filter((task) => !task.isLive);
    expect(moved.map(({ node }) => node!.name)).toEqual([MANAGER]);
    expect(liveTasks(service).some(({ node }) => node!.name === MANAGER)).toBe(false);
  });
});

test("a drained node's tasks are replaced without the delay of the policy", () => {
  const [world, service] = deploy(1, { image: "nginx", restart: { ...DEFAULT_RESTART, delayNs: 60 * SECOND } });
  const { node } = liveTasks(service)[0]!;
  world.timeline.start(MANAGER, setAvailability(world.swarm, node!, "drain"), 0);
  expect(only(watch(world, service, 10), "shutdown", "running")).toEqual([
    "3.2 web.1/0 shutdown",
    "3.9 web.1/1 running",
  ]);
});
