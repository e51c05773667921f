/** Processes: coroutines that wait for events and deadlines, hold the run while they can go on, and clean up. */
import { describe, expect, test } from "vitest";
import type { Mesh } from "../../src/build.ts";
import { Cost } from "../../src/costs.ts";
import { Process, Signal } from "../../src/program/process.ts";
import type { EchoRequest } from "../../src/host/icmp.ts";
import { Direction } from "../../src/trace/recorder.ts";
import { type Environment, UsageError } from "../../src/program/program.ts";
import { overlayPlan } from "../engine/overlay-plan.ts";
import { pass } from "../engine/injection.ts";
import { buildPlan } from "../engine/build-plan.ts";

function world(): { readonly mesh: Mesh; readonly environment: Environment } {
  const mesh = buildPlan(overlayPlan([1]));
  const netns = mesh.tasks.get("svc.1")!;
  return { mesh, environment: { netns, hostname: "svc.1", files: new Map(), mesh } };
}

type Code = (process: Process) => Generator<void, number, boolean>;

function start(environment: Environment, code: Code, lines: string[] = []): Process {
  const process = new Process(environment, (line) => lines.push(line));
  process.start(code(process), 0);
  return process;
}

const SECOND = 1e9;

describe("waiting", () => {
  test("for a deadline, for a wake-up, and for a time", () => {
    const { mesh, environment } = world();
    const seen: unknown[] = [];
    const process = start(environment, function* (self) {
      seen.push(self.softnet.now, yield* self.poll(SECOND), self.softnet.now);
      seen.push(yield* self.poll(), self.softnet.now);
      yield* self.sleep(SECOND);
      seen.push(self.softnet.now);
      return 7;
    });
    pass(mesh, 2 * SECOND);
    process.wakeUp();
    pass(mesh, 5 * SECOND);
    const woken = 2 * SECOND + Cost.wakeUp;
    expect(seen).toEqual([0, false, SECOND, true, woken, woken + SECOND]);
    expect(process.status).toBe(7);
  });

  test("what happens while it runs or sleeps is not forgotten, and told once", () => {
    const { mesh, environment } = world();
    const seen: boolean[] = [];
    const process = start(environment, function* (self) {
      self.wakeUp();
      self.wakeUp();
      seen.push(yield* self.poll(SECOND), yield* self.poll(SECOND));
      yield* self.sleep(2 * SECOND);
      seen.push(yield* self.poll(SECOND), yield* self.poll(0));
      return 0;
    });
    pass(mesh, 2 * SECOND);
    process.wakeUp();
    pass(mesh, 2 * SECOND);
    expect(seen).toEqual([true, false, true, false]);
    expect(process.status).toBe(0);
  });

  test("a deadline of an earlier wait means nothing later", () => {
    const { mesh, environment } = world();
    const times: number[] = [];
    const process = start(environment, function* (self) {
      yield* self.poll(2 * SECOND);
      yield* self.poll(10 * SECOND);
      times.push(self.softnet.now);
      return 0;
    });
    pass(mesh, SECOND);
    process.wakeUp();
    pass(mesh, 20 * SECOND);
    expect(times).toEqual([10 * SECOND]);
  });

  test("who can go on holds the run, who waits does not", () => {
    const { mesh, environment } = world();
    const { simulator } = mesh;
    const process = start(environment, function* (self) {
      yield* self.poll();
      return 0;
    });
    simulator.run();
    expect(process.status).toBe(undefined);
    process.wakeUp();
    simulator.run();
    expect(process.status).toBe(0);
    expect(simulator.now).toBe(Cost.wakeUp);
  });
});

describe("sending", () => {
  const request = (dstIp: number): EchoRequest => ({
    dstIp,
    identifier: 1,
    dataLength: 0,
    ttl: 64,
    tos: 0,
    pmtuDiscovery: 0,
    fill: () => {},
  });

  /** The hops of two echo requests to the host itself, by what sends them. */
  function hopsOf(start: (mesh: Mesh, environment: Environment, send: () => void) => void): string[] {
    const { mesh, environment } = world();
    const { icmp } = environment.netns;
    mesh.recorder.start();
    start(mesh, environment, () => icmp.sendEcho(request(0x7f000001), 0));
    pass(mesh, SECOND);
    return Array.from({ length: mesh.recorder.hopCount }, (_, hop) => {
      const direction = mesh.recorder.direction(hop) === Direction.out ? "out" : "in";
      return `${direction} ${mesh.recorder.bytes(hop)[34] === 8 ? "request" : "reply"}`;
    });
  }

  test("by a process: what it sends has arrived before it goes on; the kernel finishes its own work first", () => {
    const way = (name: string): string[] => [`out ${name}`, `in ${name}`];
    const one = [...way("request"), ...way("reply")];
    const byProcess = hopsOf((_, environment, send) => {
      start(environment, function* (self) {
        send();
        send();
        yield* self.poll();
        return 0;
      });
    });
    expect(byProcess).toEqual([...one, ...one]);
    const byKernel = hopsOf((mesh, { netns }, send) => {
      const wake = (): void => {
        send();
        send();
      };
      mesh.simulator.schedule(0, { softnet: netns.node.softnet, wake }, 0);
    });
    expect(byKernel.slice(0, 4)).toEqual(["out request", "out request", "in request", "out reply"]);
  });

  test("a pause is as long as usual, or as the run says", () => {
    const { mesh, environment } = world();
    mesh.pace.set("test.nap", 5);
    mesh.pace.set("test.none", 0);
    const times: number[] = [];
    start(environment, function* (self) {
      yield* self.think("test.usual", 100);
      times.push(self.softnet.now);
      yield* self.think("test.nap", 100);
      times.push(self.softnet.now);
      yield* self.think("test.none", 100);
      times.push(self.softnet.now);
      return 0;
    });
    pass(mesh, SECOND);
    expect(times).toEqual([100, 105, 105]);
    mesh.pace.clear();
    expect(mesh.pace.of("test.nap", 100)).toBe(100);
  });
});

describe("the end", () => {
  const forever: Code = function* (self) {
    for (;;) yield* self.poll();
  };

  test("closes what is open, in the order of opening, and wakes the parent", () => {
    const { mesh, environment } = world();
    const closed: string[] = [];
    const file = (name: string) => ({ waiter: undefined, close: () => void closed.push(name) });
    const child = start(environment, function* (self) {
      const second = self.own(file("first")) && self.own(file("second"));
      self.own(file("third"));
      self.close(second);
      yield* self.sleep(SECOND);
      return 3;
    });
    let status: number | undefined;
    start(environment, function* (self) {
      expect(yield* self.waitFor(child, SECOND / 2)).toBe(undefined);
      status = yield* self.waitFor(child);
      return 0;
    });
    pass(mesh, 3 * SECOND);
    expect(closed).toEqual(["second", "first", "third"]);
    expect(status).toBe(3);
  });

  test.each([
    ["unstarted", () => {}, 143],
    ["waiting", (mesh: Mesh) => pass(mesh, SECOND), 143],
    [
      "about to go on",
      (mesh: Mesh, process: Process) => {
        pass(mesh, SECOND);
        process.wakeUp();
      },
      143,
    ],
  ])("a signal ends a process that is %s, and nothing holds the run", (_, before, status) => {
    const { mesh, environment } = world();
    const process = start(environment, forever);
    before(mesh, process);
    process.kill(Signal.terminate);
    process.kill(Signal.kill);
    process.wakeUp();
    const { now } = mesh.simulator;
    mesh.simulator.run();
    expect(mesh.simulator.now).toBe(now);
    expect(process.status).toBe(status);
  });

  test("one that kills itself goes on until it waits", () => {
    const { mesh, environment } = world();
    const seen: string[] = [];
    const process = start(environment, function* (self) {
      try {
        self.kill(Signal.alarm);
        seen.push("still there");
        yield* self.poll();
        seen.push("not reached");
      } finally {
        seen.push("cleaned up");
      }
      return 0;
    });
    pass(mesh, SECOND);
    expect(seen).toEqual(["still there", "cleaned up"]);
    expect(process.status).toBe(142);
  });

  test("a usage error is told and is status 2; any other is a mistake of ours", () => {
    const { mesh, environment } = world();
    const lines: string[] = [];
    const failing = (error: Error): Code =>
      function* (self) {
        yield* self.sleep(1);
        throw error;
      };
    const process = start(environment, failing(new UsageError("no such thing")), lines);
    pass(mesh, SECOND);
    expect([process.status, lines]).toEqual([2, ["no such thing"]]);
    start(environment, failing(new Error("a bug")));
    expect(() => pass(mesh, SECOND)).toThrow("a bug");
  });
});
