/** `docker service ps` and `docker node ls` while things happen, against what recording q4 printed. */
import { describe, expect, test } from "vitest";
import { run } from "../../src/run.ts";
import { loadGood } from "../scenario/loading.ts";

function go(command: string, steps: readonly string[]): readonly (readonly string[])[] {
  const lines = steps.map((step) => `    - ${step}\n`).join("");
  const { steps: done } = run(
    loadGood(`cluster:
  nodes: [h1, h2, h3]
compose:
  services:
    web2: { image: "lab:1", command: lab, deploy: { replicas: 3 }, networks: [appnet] }
  networks:
    appnet: { attachable: true }
placement: { web2.1: h2, web2.2: h1, web2.3: h2 }
pins:
  tasks:
    web2.1: [muvfg6iobpuzvpsm255o9u9k6, hmlbla6un6pm]
    web2.2: [1gwe751v8fmvutajkjk5tagbc]
    web2.3: [apwm9bls2qkm]
run:
  steps:
${lines}`),
  );
  return done.filter(({ step }) => step.text === command).map(({ output }) => output);
}

const HEADER = "ID             NAME      IMAGE     NODE      DESIRED STATE   CURRENT STATE            ERROR     PORTS";

describe("recording q4: a service is scaled down, a task killed, the service scaled to nothing", () => {
  const PS = "docker service ps web2";
  const [before, scaled, killed, removed, after] = go(PS, [
    "sleep 13m",
    PS,
    "docker service scale -d web2=2",
    "sleep 24s",
    PS,
    "on h2 docker kill web2.1",
    "sleep 28s",
    PS,
    // The recorded machine was slow: its agents had not taken it up yet.
    "pace docker.dispatch 2.5s",
    "docker service scale -d web2=0",
    "sleep 2s",
    PS,
    "sleep 20s",
    PS,
  ]);

  test("all run", () => {
    expect(before).toEqual([
      HEADER,
      "muvfg6iobpuz   web2.1    lab:1     h2        Running         Running 13 minutes ago             ",
      "1gwe751v8fmv   web2.2    lab:1     h1        Running         Running 13 minutes ago             ",
      "apwm9bls2qkm   web2.3    lab:1     h2        Running         Running 13 minutes ago             ",
    ]);
  });

  test("what was scaled down is no more to be seen", () => {
    expect(scaled).toEqual([
      HEADER,
      "muvfg6iobpuz   web2.1    lab:1     h2        Running         Running 13 minutes ago             ",
      "1gwe751v8fmv   web2.2    lab:1     h1        Running         Running 13 minutes ago             ",
    ]);
  });

  // The recorded machine was slow: its new task was still being prepared.
  test("a killed task is history, with its status", () => {
    expect(killed).toEqual([
      "ID             NAME         IMAGE     NODE      DESIRED STATE   CURRENT STATE            ERROR                         PORTS",
      "hmlbla6un6pm   web2.1       lab:1     h2        Running         Running 22 seconds ago                                 ",
      'muvfg6iobpuz    \\_ web2.1   lab:1     h2        Shutdown        Failed 28 seconds ago    "task: non-zero exit (137)"   ',
      "1gwe751v8fmv   web2.2       lab:1     h1        Running         Running 13 minutes ago                                 ",
    ]);
  });

  test("tasks that are to go say so, and history goes last", () => {
    expect(removed).toEqual([
      "ID             NAME         IMAGE     NODE      DESIRED STATE   CURRENT STATE            ERROR                         PORTS",
      "hmlbla6un6pm   web2.1       lab:1     h2        Remove          Running 24 seconds ago                                 ",
      'muvfg6iobpuz    \\_ web2.1   lab:1     h2        Shutdown        Failed 30 seconds ago    "task: non-zero exit (137)"   ',
      "1gwe751v8fmv   web2.2       lab:1     h1        Remove          Running 13 minutes ago                                 ",
    ]);
    expect(after!.map((line) => line.slice(0, 12))).toEqual(["ID          ", "muvfg6iobpuz"]);
  });
});

test("a node that is lost is down, its tasks are to be shut down and run as far as anybody knows", () => {
  const steps = ["fault node h2 lost", "sleep 16s", "docker node ls", "sleep 10s", "docker service ps web2"];
  expect(go("docker node ls", steps)[0]!.map((line) => line.slice(30))).toEqual([
    "HOSTNAME   STATUS    AVAILABILITY   MANAGER STATUS   ENGINE VERSION",
    "h1         Ready     Active         Leader           28.5.2",
    "h2         Down      Active                          28.5.2",
    "h3         Ready     Active                          28.5.2",
  ]);
  const states = go("docker service ps web2", steps)[0]!.map((line) => line.slice(0, 88).trimEnd());
  expect(states.map((line) => line.replace(/ \d+ seconds ago/, ""))).toEqual([
    "ID             NAME         IMAGE     NODE      DESIRED STATE   CURRENT STATE",
    "hmlbla6un6pm   web2.1       lab:1     h3        Running         Running",
    "muvfg6iobpuz    \\_ web2.1   lab:1     h2        Shutdown        Running",
    "1gwe751v8fmv   web2.2       lab:1     h1        Running         Running",
    expect.stringMatching(/^\w{12} {3}web2\.3 {7}lab:1 {5}h1 {8}Running {9}Running$/),
    "apwm9bls2qkm    \\_ web2.3   lab:1     h2        Shutdown        Running",
  ]);
});

test("a manager that is alone says that there is no leader", () => {
  const text = `cluster:
  nodes: [{name: m1, role: manager}, {name: m2, role: manager}, {name: m3, role: manager}, {name: w1, role: worker}]
compose: { services: { web: { image: nginx, deploy: { replicas: 4 } } } }
placement: { web.1: m1 }
run:
  steps:
    - fault node m1 lost
    - sleep 30s
    - on m2 docker node ls
    - on m2 docker service ls
    - fault node m2 lost
    - on m3 docker node ls
    - fault node m1 back
    - sleep 15s
    - on m3 docker node ls
`;
  const outputs = run(loadGood(text)).steps.map(({ output }) => output);
  const status = (lines: readonly string[]): readonly string[] =>
    lines.slice(1).map((line) => line.slice(30).split(/ +/, 4).join(" "));
  expect(status(outputs[2]!)).toEqual([
    "m1 Down Active Unreachable",
    "m2 Ready Active Leader",
    "m3 Ready Active Reachable",
    "w1 Ready Active 28.5.2",
  ]);
  expect(outputs[3]![1]).toMatch(/web +replicated +5\/4/);
  expect(outputs[5]).toEqual([
    "Error response from daemon: rpc error: code = Unknown desc = The swarm does not have a leader. It's possible that too few managers are online. Make sure more than half of the managers are online.",
  ]);
  expect(status(outputs[8]!)).toEqual([
    "m1 Ready Active Leader",
    "m2 Ready Active Unreachable",
    "m3 Ready Active Reachable",
    "w1 Ready Active 28.5.2",
  ]);
});

test("a task with a health check is starting until it is healthy; its name is not there before", () => {
  const text = `cluster: { nodes: [m1] }
images: { slow: { command: httpd -f -p 80, healthy: 12s } }
compose:
  services:
    web: { image: slow, networks: [net], healthcheck: { test: [CMD, ok], interval: 5s }, deploy: { replicas: 1 } }
  networks: { net: { attachable: true } }
run:
  setup:
    - docker run -d --name cc --network net busybox
    - docker service scale -d web=2
    - sleep 9s
  steps:
    - docker ps --format '{{.Names}} {{.Status}}'
    - docker service ls
    - exec cc dig +short tasks.web
    - sleep 7s
    - docker ps --format '{{.Names}} {{.Status}}'
    - docker service ls
    - exec cc dig +short tasks.web
`;
  const outputs = run(loadGood(text)).steps.map(({ output }) => output.map((line) => line.replace(/\.\w{25}/, "")));
  expect(outputs[0]).toEqual([
    "web.2 Up 8 seconds (health: starting)",
    "cc Up 9 seconds",
    "web.1 Up 25 seconds (healthy)",
  ]);
  expect(outputs[1]![1]).toMatch(/replicated +1\/2/);
  expect(outputs[2]).toHaveLength(1);
  expect(outputs[4]![0]).toBe("web.2 Up 15 seconds (healthy)");
  expect(outputs[5]![1]).toMatch(/replicated +2\/2/);
  expect(outputs[6]).toHaveLength(2);
});
