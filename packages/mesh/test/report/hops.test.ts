import { describe, expect, test } from "vitest";
import { hopTable } from "../../src/report/hops.ts";
import { type RunResult, run } from "../../src/run.ts";
import type { Scenario, Step } from "../../src/scenario/scenario.ts";
import { exec, overlayPlan, sleep } from "../engine/overlay-plan.ts";
import { buildPlan } from "../engine/build-plan.ts";

function go(...steps: Step[]): RunResult {
  const setup = [exec("svc.1", "ping -q -c 1 10.0.9.4")];
  return run({ run: { seed: 1, setup, steps } } as unknown as Scenario, { mesh: buildPlan(overlayPlan([1, 1])) });
}

describe("the hop table", () => {
  test("has each step's command, its hops, what they decided, and what it printed", () => {
    const all = [...hopTable(go(exec("svc.1", "ping -c 1 10.0.9.4"), sleep(1)))];
    const begin = all.findIndex((line) => line.startsWith("[0.000 ms]"));
    // Nothing was recorded of the setup; what it printed is there.
    const before = all.slice(0, begin);
    expect(before[0]).toMatch(/^\[-\d+\.\d{3} ms\] \$ exec svc\.1 ping -q -c 1 10\.0\.9\.4$/);
    expect(before[1]).toBe("  | PING 10.0.9.4 (10.0.9.4): 56 data bytes");
    expect(before.at(-1)).toBe("");
    expect(before.some((line) => line.includes("#"))).toBe(false);
    const lines = all.slice(begin);
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
    expect(table.next().value).toMatch(/ping -q -c 1/);
    let line = "";
    while (!line.startsWith("[0.000 ms]")) line = table.next().value as string;
    expect(line).toMatch(/ping -q -c 8000/);
  });

  test("says what was printed in the background where it ended, and how it ended", () => {
    const ping = exec("svc.1", "ping -q -c 2 -W 1 10.0.9.77");
    const lines = [...hopTable(go({ ...ping, background: true }, exec("svc.1", "ping -c 1 10.0.9.4"), sleep(4)))];
    const at = (text: string): number => lines.findIndex((line) => line.includes(text));
    const [started, second, slept] = ["$ exec svc.1 ping -q -c 2", "$ exec svc.1 ping -c 1", "$ sleep 4s"].map(at);
    expect(started).toBeGreaterThan(0);
    // The second command began at once, and what both did is below it.
    expect(second).toBe(started! + 2);
    expect(lines[second!]).toMatch(/^\[0\.000 ms\]/);
    expect(lines.slice(second, slept).some((line) => line.includes("10.0.9.77"))).toBe(true);
    const ended = at("ms ended: exec svc.1 ping -q -c 2");
    expect(ended).toBeGreaterThan(slept!);
    expect(lines[ended + 1]).toBe("  | PING 10.0.9.77 (10.0.9.77): 56 data bytes");
    expect(lines).toContain("  | 2 packets transmitted, 0 packets received, 100% packet loss");
    expect(lines).toContain("  exit status 1");
  });

  test("says what had not ended when the run did", () => {
    const forever = { ...exec("svc.1", "ping -q -c 99 10.0.9.4"), background: true };
    const result = run({ run: { seed: 1, setup: [], steps: [forever, sleep(2)] } } as unknown as Scenario, {
      mesh: buildPlan(overlayPlan([1, 1])),
      until: 3e9,
    });
    expect([...hopTable(result)].slice(-2)).toEqual([
      " 3000.000 ms still running: exec svc.1 ping -q -c 99 10.0.9.4",
      "  | PING 10.0.9.4 (10.0.9.4): 56 data bytes",
    ]);
  });
});
