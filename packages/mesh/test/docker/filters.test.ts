/** `--filter` and `--format` of the client's lists: what they know, what they refuse, in Docker's words. */
import { describe, expect, test } from "vitest";
import { loadScenario } from "../../src/scenario/load.ts";
import { run } from "../../src/run.ts";

const SETUP = [
  "docker run -d --name first -l tier=x -p 8090-8091:80-81 nginx",
  "docker run -d --name second --network front nginx:1.2",
  "docker run -d --name third nginx",
  "docker network create lonely",
  "docker kill second",
];

/** Runs all commands in one world; answers what each printed. */
function outputs<Key extends string>(
  commands: Readonly<Record<Key, string>>,
): Readonly<Record<Key, readonly string[]>> {
  const names = Object.keys(commands) as Key[];
  const text = JSON.stringify({
    cluster: { nodes: 2 },
    compose: {
      services: { web: { image: "nginx", networks: ["front"], deploy: { replicas: 2 }, ports: ["8080:80"] } },
      networks: { front: { attachable: true } },
    },
    run: { setup: SETUP, steps: names.map((name) => commands[name]) },
  });
  const loaded = loadScenario(text, { file: "s.yml", readFile: () => "" });
  if (!loaded.ok) throw new Error(loaded.diagnostics.map(({ message }) => message).join("\n"));
  const { steps } = run(loaded.scenario);
  return Object.fromEntries(names.map((name, index) => [name, steps[index]!.output])) as Record<Key, readonly string[]>;
}

const ps = (filter: string): string => `docker ps --format {{.Names}} ${filter}`;

describe("docker ps --filter", () => {
  const found = outputs({
    name: ps("--filter name=^th"),
    "two names": ps("--filter name=third --filter name=first"),
    label: ps("--filter label=tier"),
    "label and value": ps("--filter label=tier=y"),
    "a task's label": ps("--filter label=com.docker.swarm.service.name=web"),
    "status shows all": ps("--filter status=exited"),
    exited: ps("-a --filter exited=137"),
    "is-task": ps("--filter is-task=false"),
    network: ps("-a --filter network=front --filter is-task=false"),
    ancestor: ps("--filter ancestor=nginx:latest --filter is-task=false"),
    publish: ps("--filter publish=8091"),
    "publish in a range": ps("--filter publish=8000-8090/tcp"),
    "publish, other protocol": ps("--filter publish=8090/udp"),
    expose: ps("--filter expose=81"),
    before: ps("-a --filter before=third --filter is-task=false"),
    since: ps("--filter since=second"),
    latest: ps("-l"),
    last: ps("-n 2"),
    health: ps("--filter health=healthy"),
  });

  test.each<[keyof typeof found, readonly (string | RegExp)[]]>([
    ["name", ["third"]],
    ["two names", ["third", "first"]],
    ["label", ["first"]],
    ["label and value", []],
    ["a task's label", [/^web\.[12]\./]],
    ["status shows all", ["second"]],
    ["exited", ["second"]],
    ["is-task", ["third", "first"]],
    ["network", ["second"]],
    ["ancestor", ["third", "first"]],
    ["publish", ["first"]],
    ["publish in a range", ["first"]],
    ["publish, other protocol", []],
    ["expose", ["first"]],
    ["before", ["second", "first"]],
    ["since", ["third"]],
    ["latest", ["third"]],
    ["last", ["third", "second"]],
    ["health", []],
  ])("%s", (name, expected) => {
    expect(found[name]).toEqual(
      expected.map((each) => (typeof each === "string" ? each : expect.stringMatching(each))),
    );
  });
});

test("docker network ls --filter", () => {
  const found = outputs({
    builtin: "docker network ls --filter type=builtin --format {{.Name}}",
    custom: "docker network ls --filter type=custom --format {{.Name}}",
    dangling: "docker network ls --filter dangling=true --format {{.Name}}",
    scope: "docker network ls --filter scope=swarm --filter name=^f --format '{{.Name}} {{.Driver}}'",
  });
  expect(found).toEqual({
    builtin: ["bridge", "host", "none"],
    custom: ["docker_gwbridge", "front", "ingress", "lonely"],
    dangling: ["lonely"],
    scope: ["front overlay"],
  });
});

test("what a filter does not know", () => {
  const found = outputs({
    key: "docker ps --filter colour=red",
    value: "docker ps --filter status=red",
    network: "docker network ls --filter colour=red",
    type: "docker network ls --filter type=red",
    mode: "docker service ls --filter mode=red",
    task: "docker service ps --filter colour=red web",
    node: "docker node ls --filter role=red",
    "tasks of a node": "docker node ps --filter desired-state=red",
    "no container": "docker ps --filter since=nobody",
    form: "docker ps --filter red",
  });
  const refused = (what: string): readonly string[] => [`Error response from daemon: invalid filter '${what}'`];
  expect(found).toEqual({
    key: refused("colour"),
    value: refused("status=red"),
    network: refused("colour"),
    type: refused("type=red"),
    mode: refused("mode=red"),
    task: refused("colour"),
    node: refused("role=red"),
    "tasks of a node": refused("desired-state=red"),
    "no container": ["Error response from daemon: No such container: nobody"],
    form: [
      'invalid argument "red" for "-f, --filter" flag: bad format of filter (expected name=value)',
      "See 'docker ps --help'.",
    ],
  });
});

test("--format as a table, as JSON, with a label, with a field that is not there", () => {
  const found = outputs({
    table: `docker ps --filter is-task=false --format 'table {{.Names}}\\t{{.Label "tier"}}\\t{{.Image}}'`,
    json: "docker network ls --filter name=lonely --format json",
    wrong: "docker ps --format 'abc {{.Foo}}'",
    nodes: "docker node ls --format 'table {{.Hostname}} {{.ManagerStatus}}'",
  });
  expect(found.table).toEqual(["NAMES     tier      IMAGE", "third               nginx", "first     x         nginx"]);
  expect(JSON.parse(found.json[0]!)).toMatchObject({ Name: "lonely", Driver: "bridge", Scope: "local" });
  // As the client 28.2.2 says it.
  expect(found.wrong).toEqual([
    `failed to execute template: template: :1:6: executing "" at <.Foo>: can't evaluate field Foo in type *formatter.ContainerContext`,
  ]);
  expect(found.nodes).toEqual(["HOSTNAME MANAGER STATUS", "node-1 Leader", "node-2 "]);
});
