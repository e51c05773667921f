/** Each task has the networks of the service as it was when the task was made (recording i01-networks). */
import { expect, test } from "vitest";
import { recording, type RecordedTask } from "./recording.ts";
import { replay } from "./replay.ts";

test("a task keeps its networks while its service joins others", () => {
  const real = recording("i01-networks");
  const last = real.steps.at(-1)!.at;
  const { mesh } = replay(real, {
    setup: ["docker network create -d overlay --attachable --subnet 10.0.77.0/24 second"],
    until: last,
  });
  const simulated = new Map([...mesh.docker!.swarm.tasks].map((task) => [task.id, [...task.addresses.keys()]]));
  // `running 1 myoverlay [10.0.9.17/24] second [10.0.77.7/24]`
  const NETWORKS = /(\w+) \[[\d./]+\]/g;
  const told = real.steps.filter(({ run, at }) => /^docker inspect .*NetworksAttachments/.test(run) && at > last - 4);
  const recorded = told.map(({ run, output }) => {
    const id = run.slice(run.lastIndexOf(" ") + 1);
    return [id, [...output!.join("").matchAll(NETWORKS)].map(([, name]) => name)] as const;
  });
  const name = (id: string): string => {
    const { task, generation }: RecordedTask = real.tasks.find((each) => each.id === id)!;
    return `${task}/${generation}`;
  };
  const expected = recorded.map(([id, networks]) => `${name(id)} ${networks.join(" ")}`);
  expect(expected).toContain("nw.1/1 myoverlay second");
  expect(recorded.map(([id]) => `${name(id)} ${simulated.get(id)?.join(" ")}`)).toEqual(expected);
});
