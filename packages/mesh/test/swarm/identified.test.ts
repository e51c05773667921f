/** Identifiers of containers that a scenario gives, when a task is replaced while its container is there still. */
import { expect, test } from "vitest";
import { run } from "../../src/run.ts";
import { loadScenario } from "../../src/scenario/load.ts";

test("what replaces the task of a lost node is another container, and outlives the old one", () => {
  const text = JSON.stringify({
    cluster: { nodes: ["h1", "h2", "h3"] },
    compose: {
      services: { web: { image: "nginx", deploy: { replicas: 1, placement: { constraints: ["node.hostname!=h1"] } } } },
    },
    placement: { "web.1": "h3" },
    pins: { containers: { "web.1": "b399c04491fd" } },
    run: {
      steps: [
        "on h3 docker ps -q",
        "fault link h3 down",
        "sleep 30s",
        "on h2 docker ps -q",
        "fault clear h3",
        "sleep 30s",
        "on h2 docker ps -q",
        "on h3 docker ps -q",
      ],
    },
  });
  const loaded = loadScenario(text, { file: "s.yml", readFile: () => "" });
  if (!loaded.ok) throw new Error(loaded.diagnostics.map(({ message }) => message).join("\n"));
  const { steps } = run(loaded.scenario);
  const [old, ...later] = [0, 3, 6, 7].map((at) => steps[at]!.output);
  expect(old).toEqual(["b399c04491fd"]);
  expect(later[0]).toHaveLength(1);
  expect(later[0]).not.toEqual(old);
  expect(later.slice(1)).toEqual([later[0], []]);
});
