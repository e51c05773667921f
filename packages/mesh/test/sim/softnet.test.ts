import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Cost } from "../../src/costs.ts";
import type { NetDevice } from "../../src/device.ts";
import type { Frame } from "../../src/frame.ts";
import { Softnet } from "../../src/sim/softnet.ts";

test("receives in the order of arrival what came and what that brings, however much waits", () => {
  // Each frame brings so many others when it is received.
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 400 }), { minLength: 1, maxLength: 5 }), (brings) => {
      const softnet = new Softnet();
      const enqueued: number[] = [];
      const received: number[] = [];
      const device = {
        receive(frame: Frame): void {
          received.push(frame as unknown as number);
          for (let more = brings[received.length] ?? 0; more > 0; more--) enqueue();
        },
      } as unknown as NetDevice;
      const enqueue = (): void => {
        softnet.enqueue(device, enqueued.length as unknown as Frame);
        enqueued.push(enqueued.length);
      };
      for (let first = brings[0]!; first > 0; first--) enqueue();
      softnet.drain();
      expect(received).toEqual(enqueued);
      expect(softnet.now).toBe(received.length * Cost.backlog);
    }),
  );
});

test("its clock never goes back", () => {
  const softnet = new Softnet();
  softnet.enter(50);
  softnet.enter(20);
  expect(softnet.now).toBe(50);
});
