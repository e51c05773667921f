/** How long steps take, and what stops them. */
import { expect, test } from "vitest";
import { run } from "../src/run.ts";
import { loadGood } from "./scenario/loading.ts";

const HOUR = 3_600_000_000_000;

test("a step that does not end is stopped after an hour, but the time that somebody lets pass is as long as it is", () => {
  const { steps } = run(
    loadGood(`cluster: { nodes: [a] }
compose: { services: { c: { image: busybox } } }
run:
  steps:
    - exec c.1 sleep 2h &
    - sleep 3h
    - exec c.1 sleep 2h
`),
  );
  const [background, pause, stopped] = steps;
  expect(pause).toMatchObject({ status: 0, output: [], endedAt: pause!.startedAt + 3 * HOUR });
  expect(background).toMatchObject({ status: 0, output: [] });
  expect(background!.endedAt - background!.startedAt).toBeGreaterThan(2 * HOUR);
  expect(stopped).toMatchObject({ status: 137, output: [expect.stringContaining("not ended after an hour")] });
});
