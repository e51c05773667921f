import { describe, expect, test } from "vitest";
import { Simulator, type Wakeable } from "../../src/sim/simulator.ts";
import { Softnet } from "../../src/sim/softnet.ts";

/** Something that notes when it was woken, by its CPU's clock. */
class Sleeper implements Wakeable {
  readonly softnet: Softnet;
  readonly woken: [time: number, argument: number][] = [];
  onWake: (argument: number) => void = () => {};
  constructor(softnet: Softnet = new Softnet()) {
    this.softnet = softnet;
  }
  wake(argument: number): void {
    this.woken.push([this.softnet.now, argument]);
    this.onWake(argument);
  }
}

describe("Simulator", () => {
  test("wakes in order of time while somebody holds the run", () => {
    const simulator = new Simulator();
    const sleeper = new Sleeper();
    for (const time of [30, 10, 20]) simulator.schedule(time, sleeper, time);
    simulator.run();
    expect(sleeper.woken).toEqual([]);
    simulator.hold();
    simulator.run();
    expect(sleeper.woken).toEqual([
      [10, 10],
      [20, 20],
      [30, 30],
    ]);
    expect(simulator.now).toBe(30);
  });

  test("stops when the last holder lets go, and goes on later where it was", () => {
    const simulator = new Simulator();
    const sleeper = new Sleeper();
    sleeper.onWake = (argument) => {
      if (argument === 1) simulator.release();
    };
    simulator.hold();
    simulator.schedule(5, sleeper, 1);
    simulator.schedule(9, sleeper, 2);
    simulator.run();
    expect(sleeper.woken).toEqual([[5, 1]]);
    simulator.hold();
    simulator.run();
    expect(sleeper.woken.at(-1)).toEqual([9, 2]);
  });

  test("what is due on a busy CPU begins when it is free; what is past happens now", () => {
    const simulator = new Simulator();
    const softnet = new Softnet();
    const [busy, late] = [new Sleeper(softnet), new Sleeper(softnet)];
    busy.onWake = () => {
      softnet.spend(100);
      simulator.schedule(3, late, 2);
    };
    simulator.hold();
    simulator.schedule(10, busy, 0);
    simulator.schedule(20, late, 1);
    simulator.run();
    expect(late.woken).toEqual([
      [110, 2],
      [110, 1],
    ]);
  });
});
