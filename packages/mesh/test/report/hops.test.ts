import { describe, expect, test } from "vitest";
import { hopTable } from "../../src/report/hops.ts";
import { type RunResult, run } from "../../src/run.ts";
import type { Scenario, Step } from "../../src/scenario/scenario.ts";
import { exec, overlayPlan, sleep } from "../engine/overlay-plan.ts";

function go(...steps: Step[]): RunResult {
  const setup = [exec("svc.1", "ping -c 1 10.0.9.4")];
  return run({ run: { seed: 1, setup, steps } } as unknown as Scenario, { plan: overlayPlan([1, 1]) });
}

describe("the hop table", () => {
  test("has each step's command, its hops, what they decided, and what it printed", () => {
    const lines = [...hopTable(go(exec("svc.1", "ping -c 1 10.0.9.4"), sleep(1)))];
    expect(lines[0]).toBe("[0.000 ms] $ exec svc.1 ping -c 1 10.0.9.4");
    expect(lines[1]).toMatch(/^ +80\.000 ms #1 +node1 svc\.1\/eth0 +> .*10\.0\.9\.3 > 10\.0\.9\.4.*echo request/);
    expect(lines[2]).toMatch(/^ +route to 10\.0\.9\.4 by eth0; neighbor 10\.0\.9\.4 is at 02:42:0a:00:09:04$/);
    expect(lines.filter((line) => /^ +\d+\.\d{3} ms #/.test(line))).toHaveLength(20);
    expect(lines).toContain("  | PING 10.0.9.4 (10.0.9.4): 56 data bytes");
    expect(lines.at(-1)).toMatch(/^\[\d+\.\d{3} ms\] \$ sleep 1s$/);
  });

  test("puts a hop below the step during which it happened", () => {
    const stale = exec("svc.1", "ip neigh change 10.0.9.4 lladdr 02:42:0a:00:09:04 dev eth0 nud stale");
    const lines = [...hopTable(go(stale, exec("svc.1", "ping -c 1 10.0.9.4"), sleep(6)))];
    const sleepAt = lines.findIndex((line) => line.endsWith("$ sleep 6s"));
    expect(lines.findIndex((line) => line.includes("ARP"))).toBeGreaterThan(sleepAt);
  });

  test("counts what ended before anybody could see it", () => {
    const lines = [...hopTable(go(exec("svc.1", "ping -c 120 -i 0.001 -W 5 10.0.9.99")))];
    expect(lines.at(-1)).toBe("19 packets ended before any point saw them: NEIGH_QUEUEFULL");
  });

  test("begins however many hops there are", () => {
    const table = hopTable(go(exec("svc.1", "ping -q -c 8000 -i 0.001 10.0.9.4")));
    expect(table.next().value).toMatch(/ping -q -c 8000/);
  });
});
