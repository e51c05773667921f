/** `docker` as a program: what it prints, against what the client of the recordings printed; what it refuses. */
import { describe, expect, test } from "vitest";
import { checkSteps, type RunResult, run } from "../../src/run.ts";
import { loadScenario } from "../../src/scenario/load.ts";

const HEX64 = /^[0-9a-f]{64}$/;
const SWARM_ID = /^[0-9a-z]{25}$/;

/** Runs steps on three nodes with one service; answers what each printed, and its status. */
function go(version: string, steps: readonly string[]): RunResult["steps"] {
  const text = JSON.stringify({
    cluster: {
      docker: version,
      nodes: [
        { name: "swarm-manager", role: "manager", ip: "192.168.77.11" },
        { name: "swarm-worker1", ip: "192.168.77.12" },
        { name: "swarm-worker2", ip: "192.168.77.13" },
      ],
    },
    compose: {
      services: {
        overlay_service: { image: "bb:1", command: "web", networks: ["myoverlay"], deploy: { replicas: 4 } },
      },
      networks: { myoverlay: { attachable: true, ipam: { config: [{ subnet: "10.0.9.0/24" }] } } },
    },
    run: { steps },
  });
  const loaded = loadScenario(text, { file: "s.yml", readFile: () => "" });
  if (!loaded.ok) throw new Error(loaded.diagnostics.map(({ message }) => message).join("\n"));
  return run(loaded.scenario).steps;
}

function output(version: string, ...steps: readonly string[]): readonly string[] {
  return go(version, steps).at(-1)!.output;
}

const masked = (lines: readonly string[]): readonly string[] =>
  lines.map((line) =>
    line
      .replaceAll(/\b[0-9a-f]{64}\b/g, "ID64")
      .replaceAll(/\b[0-9a-z]{25}\b/g, "ID25")
      .replaceAll(/^(?=[0-9a-z]*\d)[0-9a-z]{12}\b/g, "ID12________"),
  );

test("a container of the default bridge finds names as soon as a network has them", () => {
  const steps = go("20.10", [
    "on swarm-manager docker run -d --name c1 bb:1 web",
    "docker network connect myoverlay c1",
    "exec c1 cat /etc/resolv.conf",
    "exec c1 ping -c 1 overlay_service",
  ]);
  expect(steps[2]!.output).toEqual(["nameserver 127.0.0.11", "options ndots:0"]);
  expect(steps[3]!.output[0]).toMatch(/^PING overlay_service \(10\.0\.9\.\d+\): 56 data bytes$/);
});

test("/etc/hosts has the addresses that a container has at the moment", () => {
  const steps = go("28", [
    "docker network create back",
    "docker network create front",
    "docker run -d --name c1 --network back bb:1 web",
    "docker network connect front c1",
    "exec c1 cat /etc/hosts",
    "docker network disconnect back c1",
    "exec c1 cat /etc/hosts",
  ]);
  const own = (index: number): readonly string[] =>
    steps[index]!.output.filter((line) => line.startsWith("172.")).map((line) => line.split("\t")[0]!);
  expect(own(4)).toEqual(["172.19.0.2", "172.20.0.2"]);
  expect(own(6)).toEqual(["172.20.0.2"]);
});

describe("networks (recordings s00, s09)", () => {
  test("create answers the identifier, inspect what a template asks for", () => {
    const steps = go("20.10", [
      "docker network create -d overlay --attachable neta",
      "docker network inspect -f '{{.Name}} {{.Id}} {{json .IPAM.Config}} {{json .Options}}' neta",
      "on swarm-worker1 docker network inspect -f '{{json .Containers}}' neta",
      "on swarm-worker1 docker network create u1",
      "on swarm-worker1 docker network inspect -f '{{json .IPAM.Config}} {{json .Options}}' u1 bridge docker_gwbridge",
    ]);
    const [id] = steps[0]!.output;
    expect(id).toMatch(SWARM_ID);
    expect(steps[1]!.output).toEqual([
      `neta ${id} [{"Gateway":"10.0.1.1","Subnet":"10.0.1.0/24"}] {"com.docker.network.driver.overlay.vxlanid_list":"4098"}`,
    ]);
    expect(steps[2]).toMatchObject({ status: 1, output: ["Error response from daemon: network neta not found"] });
    expect(steps[3]!.output[0]).toMatch(HEX64);
    expect(steps[4]!.output).toEqual([
      '[{"Subnet":"172.19.0.0/16","Gateway":"172.19.0.1"}] {}',
      '[{"Subnet":"172.17.0.0/16"}] {"com.docker.network.bridge.default_bridge":"true","com.docker.network.bridge.enable_icc":"true","com.docker.network.bridge.enable_ip_masquerade":"true","com.docker.network.bridge.host_binding_ipv4":"0.0.0.0","com.docker.network.bridge.name":"docker0","com.docker.network.driver.mtu":"1500"}',
      '[{"Subnet":"172.18.0.0/16","Gateway":"172.18.0.1"}] {"com.docker.network.bridge.enable_icc":"false","com.docker.network.bridge.enable_ip_masquerade":"true","com.docker.network.bridge.name":"docker_gwbridge"}',
    ]);
  });

  test("an overlay's MTU is among its options, its peers have names of their own", () => {
    const steps = go("20.10", [
      "docker network create -d overlay --attachable --opt com.docker.network.driver.mtu=1400 back",
      "docker run -d --name c1 --network back bb:1 web",
      "docker network inspect -f '{{json .Options}} {{json .Peers}}' back",
    ]);
    const [options, peers] = steps[2]!.output[0]!.split(" ");
    expect(JSON.parse(options!)).toEqual({
      "com.docker.network.driver.mtu": "1400",
      "com.docker.network.driver.overlay.vxlanid_list": "4098",
    });
    expect(JSON.parse(peers!)).toEqual([{ Name: expect.stringMatching(/^[0-9a-f]{12}$/), IP: "192.168.77.11" }]);
  });

  test("a service has its networks in the order of their identifiers", () => {
    const template = "'{{range .Spec.TaskTemplate.Networks}}{{.Target}} {{end}}'";
    for (const networks of [
      ["neta", "netb", "netc"],
      ["netc", "netb", "neta"],
    ]) {
      const steps = go("20.10", [
        ...["neta", "netb", "netc"].map((name) => `docker network create -d overlay ${name}`),
        `docker service create -d --name app ${networks.map((name) => `--network ${name}`).join(" ")} bb:1 web`,
        `docker service inspect -f ${template} app`,
      ]);
      const ids = steps.slice(0, 3).map(({ output }) => output[0]!);
      expect(steps.at(-1)!.output).toEqual([`${ids.toSorted().join(" ")} `]);
    }
  });

  test("a task has no network for a mode, whatever it is on; a container has its first", () => {
    const mode = "docker inspect -f '{{.HostConfig.NetworkMode}}'";
    expect(output("20.10", `on swarm-manager ${mode} overlay_service.1`)).toEqual(["default"]);
    expect(output("28", `on swarm-manager ${mode} overlay_service.1`)).toEqual(["bridge"]);
    expect(output("20.10", "docker run -d --name c1 --network myoverlay bb:1 web", `${mode} c1`)).toEqual([
      "myoverlay",
    ]);
    expect(output("20.10", "docker run -d --name c1 bb:1 web", `${mode} c1`)).toEqual(["default"]);
  });

  test("ls sorts by name", () => {
    const lines = output(
      "20.10",
      "docker network create brA",
      "docker network create brB",
      "docker network ls --no-trunc",
    );
    expect(masked(lines)).toEqual([
      "NETWORK ID                                                         NAME              DRIVER    SCOPE",
      "ID64   brA               bridge    local",
      "ID64   brB               bridge    local",
      "ID64   bridge            bridge    local",
      "ID64   docker_gwbridge   bridge    local",
      "ID64   host              host      local",
      "ID25                                          ingress           overlay   swarm",
      "ID25                                          myoverlay         overlay   swarm",
      "ID64   none              null      local",
    ]);
  });

  test("a worker knows an overlay while it has something in it", () => {
    const names = (steps: readonly string[]): readonly string[] =>
      output("28", ...steps, "on swarm-worker1 docker network ls --filter driver=overlay --format '{{.Name}}'");
    expect(names(["docker network create -d overlay --attachable neta"])).toEqual(["ingress", "myoverlay"]);
    expect(
      names([
        "docker network create -d overlay --attachable neta",
        "on swarm-worker1 docker run -d --name c1 --network neta bb:1 web",
      ]),
    ).toEqual(["ingress", "myoverlay", "neta"]);
  });

  test("inspect of a bridge with a container, Docker 28", () => {
    const lines = output(
      "28",
      "docker network create brA",
      "docker run -d --name a1 --network brA bb:1 web",
      "docker network inspect brA",
    );
    const [network] = JSON.parse(lines.join("\n")) as [Record<string, unknown>];
    expect(network).toMatchObject({
      Name: "brA",
      Scope: "local",
      Driver: "bridge",
      EnableIPv4: true,
      IPAM: { Driver: "default", Options: {}, Config: [{ Subnet: "172.19.0.0/16", Gateway: "172.19.0.1" }] },
      Internal: false,
      Attachable: false,
      Ingress: false,
      Options: {},
    });
    expect(Object.values(network["Containers"] as object)).toMatchObject([
      { Name: "a1", IPv4Address: "172.19.0.2/16" },
    ]);
  });
});

describe("containers (recordings s08, s12)", () => {
  test("run answers the identifier; ps lists the newest first", () => {
    const steps = go("20.10", [
      "on swarm-worker1 docker run -d --label lab=1 --name c1 bb:1 web",
      "on swarm-worker1 docker run -d --name c3 -p 8081:80 bb:1 web",
      "sleep 14s",
      "on swarm-worker1 docker ps -a --no-trunc --format '{{.ID}} {{.Names}} {{.Status}} {{.Ports}}'",
      "on swarm-worker1 docker ps --filter name=c3",
    ]);
    const [id] = steps[0]!.output;
    expect(id).toMatch(HEX64);
    expect(steps[3]!.output).toEqual([
      expect.stringMatching(/^[0-9a-f]{64} c3 Up 14 seconds 0\.0\.0\.0:8081->80\/tcp, \[::\]:8081->80\/tcp$/),
      `${id} c1 Up 14 seconds `,
      expect.stringMatching(/^[0-9a-f]{64} overlay_service\.2\.[0-9a-z]{25} Up .*seconds $/),
    ]);
    expect(masked(steps[4]!.output)).toEqual([
      "CONTAINER ID   IMAGE     COMMAND   CREATED          STATUS          PORTS                                     NAMES",
      'ID12________   bb:1      "web"     14 seconds ago   Up 14 seconds   0.0.0.0:8081->80/tcp, [::]:8081->80/tcp   c3',
    ]);
  });

  test("inspect of a container in the host's network", () => {
    const [line] = output(
      "28",
      "docker run -d --name hostctr --network host bb:1 sleep 300",
      "docker inspect -f '{{json .NetworkSettings.Networks}}' hostctr",
    );
    expect(line!.replaceAll(/[0-9a-f]{64}/g, "ID64")).toBe(
      '{"host":{"IPAMConfig":null,"Links":null,"Aliases":null,"MacAddress":"","DriverOpts":null,"GwPriority":0,"NetworkID":"ID64","EndpointID":"ID64","Gateway":"","IPAddress":"","IPPrefixLen":0,"IPv6Gateway":"","GlobalIPv6Address":"","GlobalIPv6PrefixLen":0,"DNSNames":null}}',
    );
  });

  test("templates as people write them", () => {
    const inspect = (template: string): readonly string[] =>
      output("28", "docker run -d --name c1 bb:1 web", `docker inspect -f '${template}' c1`);
    expect(inspect("{{.NetworkSettings.IPAddress}}")).toEqual(["172.17.0.2"]);
    expect(inspect("{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}")).toEqual(["172.17.0.2 "]);
    expect(inspect("{{if .State.Running}}up{{else}}down{{end}} {{len .Config.Cmd}}")).toEqual(["up 1"]);
    expect(inspect('{{index .NetworkSettings.Networks "bridge"}}')[0]).toMatch(/^map\[IPAMConfig:<nil> /);
    expect(inspect("{{.constructor}} {{.State.toString}}")).toEqual(["<no value> <no value>"]);
    expect(inspect("{{foo .Name}}")[0]).toMatch(/^template parsing error: .*function "foo"/);
  });

  test("a process in the foreground prints, and its status is the command's", () => {
    const steps = go("28", [
      "docker run --rm --name pp --network myoverlay bb:1 ping -c 1 10.0.9.3",
      "docker ps -a --format '{{.Names}}'",
    ]);
    expect(steps[0]).toMatchObject({ status: 0 });
    expect(steps[0]!.output).toContain("1 packets transmitted, 1 packets received, 0% packet loss");
    expect(steps[1]!.output).not.toContain("pp");
  });

  test("exec, stop, start, kill and rm", () => {
    const steps = go("28", [
      "docker run -d --name c1 bb:1 web",
      "docker exec c1 hostname",
      "docker stop -t 1 c1",
      "docker exec c1 hostname",
      "docker ps -a --filter name=c1 --format '{{.Status}}'",
      "docker start c1",
      "docker kill c1",
      "docker kill c1",
      "docker rm c1",
      "docker rm c1",
    ]);
    const [id] = steps[0]!.output;
    const daemon = "Error response from daemon:";
    expect(steps.map(({ status, output }) => [status, ...output]).slice(1)).toEqual([
      [0, id!.slice(0, 12)],
      [0, "c1"],
      [1, `${daemon} Container ${id} is not running`],
      [0, "Exited (137) Less than a second ago"],
      [0, "c1"],
      [0, "c1"],
      [1, `${daemon} Cannot kill container: c1: Container ${id} is not running`],
      [0, "c1"],
      [1, `${daemon} No such container: c1`],
    ]);
  });
});

describe("services and nodes (recording s16)", () => {
  const steps = go("20.10", [
    "docker service create -d --name mv --replicas 1 --network myoverlay --constraint node.hostname!=swarm-manager bb:1 web",
    "sleep 5s",
    "docker service ls",
    "docker service ps mv",
    "on swarm-worker1 docker kill mv.1",
    "sleep 7s",
    "docker service ps mv",
    "docker node update --availability drain swarm-worker2",
    "docker node ls",
    "on swarm-worker1 docker node ls",
  ]);

  test("service ls", () => {
    expect(masked(steps[2]!.output)).toEqual([
      "ID             NAME              MODE         REPLICAS   IMAGE     PORTS",
      "ID12________   mv                replicated   1/1        bb:1      ",
      "ID12________   overlay_service   replicated   4/4        bb:1      ",
    ]);
  });

  test("service ps, with what was before", () => {
    expect(masked(steps[3]!.output)).toEqual([
      "ID             NAME      IMAGE     NODE            DESIRED STATE   CURRENT STATE           ERROR     PORTS",
      "ID12________   mv.1      bb:1      swarm-worker1   Running         Running 4 seconds ago             ",
    ]);
    expect(masked(steps[6]!.output)).toEqual([
      "ID             NAME       IMAGE     NODE            DESIRED STATE   CURRENT STATE          ERROR                         PORTS",
      "ID12________   mv.1       bb:1      swarm-worker1   Running         Running 1 second ago                                 ",
      'ID12________    \\_ mv.1   bb:1      swarm-worker1   Shutdown        Failed 7 seconds ago   "task: non-zero exit (137)"   ',
    ]);
  });

  test("node ls, on a manager only", () => {
    const lines = steps[8]!.output.map((line) => line.replace(/^[0-9a-z]{25}/, "ID25_____________________"));
    expect(lines).toEqual([
      "ID                            HOSTNAME        STATUS    AVAILABILITY   MANAGER STATUS   ENGINE VERSION",
      "ID25_____________________ *   swarm-manager   Ready     Active         Leader           20.10.24",
      "ID25_____________________     swarm-worker1   Ready     Active                          20.10.24",
      "ID25_____________________     swarm-worker2   Ready     Drain                           20.10.24",
    ]);
    expect(steps[9]).toMatchObject({
      status: 1,
      output: [expect.stringMatching(/^Error response from daemon: This node is not a swarm manager\. /)],
    });
  });

  test("filters and formats of services, tasks and nodes; a task is what it was made as", () => {
    const [, tasks, places, ofNode, nodes, wrong] = go("28", [
      "docker service update --image bb:2 --args sleep overlay_service",
      "docker service ps --filter name=overlay_service.1 --format '{{.Image}} {{.DesiredState}}' overlay_service",
      "docker service ps -f desired-state=running --format {{.Node}} overlay_service",
      "docker service ps -q -f node=swarm-worker1 -f desired-state=running overlay_service",
      "docker node ls --filter role=worker --format {{.Hostname}}",
      "docker service ls --filter colour=red",
    ]);
    expect(tasks!.output).toEqual(["bb:2 Running", "bb:1 Shutdown"]);
    expect(places!.output).toHaveLength(4);
    expect(ofNode!.output).toHaveLength(places!.output.filter((node) => node === "swarm-worker1").length);
    expect(nodes!.output).toEqual(["swarm-worker1", "swarm-worker2"]);
    expect(wrong).toMatchObject({ status: 1, output: ["Error response from daemon: invalid filter 'colour'"] });
  });

  test("a node with another label gets the tasks that wait for one", () => {
    const [, before, , , after, label] = go("28", [
      "docker service create -d --name a --constraint node.labels.zone==x --replicas 2 bb:1",
      "docker service ps -q --filter desired-state=running a",
      "docker node update --label-add zone=x swarm-worker2",
      "sleep 3s",
      "docker service ls --filter name=a --format '{{.Name}} {{.Replicas}}'",
      "docker node inspect swarm-worker2 --format '{{json .Spec.Labels}}'",
    ]);
    expect(before!.output).toHaveLength(2);
    expect(after!.output).toEqual(["a 2/2"]);
    expect(label!.output).toEqual(['{"zone":"x"}']);
  });

  test("scale waits until all run, unless it is told not to", () => {
    const [slow, quick] = go("28", [
      "docker service scale overlay_service=6",
      "docker service scale -d overlay_service=7",
    ]);
    const stable = [5, 4, 3, 2, 1].map(
      (seconds) => `verify: Waiting ${seconds} seconds to verify that tasks are stable...`,
    );
    expect(slow!.output.map((line) => line.replace(/[0-9a-z]{25}/, "ID"))).toEqual([
      "overlay_service scaled to 6",
      "overall progress: 0 out of 6 tasks",
      ...[1, 2, 3, 4, 5, 6].map((line) => `${line}/6:  `),
      "overall progress: 4 out of 6 tasks",
      "overall progress: 6 out of 6 tasks",
      ...stable,
      "verify: Service ID converged",
    ]);
    expect(quick!.output).toEqual(["overlay_service scaled to 7"]);
    expect(slow!.endedAt - slow!.startedAt).toBeGreaterThan(quick!.endedAt - quick!.startedAt);
  });
});

test("--help lists what is modelled; behind an image it is the command's own", () => {
  const [all, group, command, nested, own] = go("28", [
    "docker --help",
    "docker network --help",
    "docker ps --help",
    "docker service scale --help",
    "docker run --rm bb:1 ping --help",
  ]);
  expect(all).toMatchObject({ status: 0 });
  expect(all!.output).toEqual(expect.arrayContaining(["Usage:  docker COMMAND", "  run", "  service"]));
  expect(group!.output).toEqual(expect.arrayContaining(["Usage:  docker network COMMAND", "  create", "  ls"]));
  expect(command!.output).toEqual(expect.arrayContaining(["  -f, --filter value", "      --no-trunc"]));
  expect(nested!.output).toContain("Usage:  docker service scale [OPTIONS] …");
  expect(own!.output.join()).not.toContain("Usage:  docker");
});

test("names of containers have two letters at least, and no blanks", () => {
  for (const name of ["c", "'a b'"]) {
    const [step] = go("28", [`docker run -d --name ${name} bb:1`]);
    expect(step).toMatchObject({ status: 125 });
    expect(step!.output[0]).toMatch(
      /^docker: Error response from daemon: Invalid container name \((?:c|a b)\), only \[a-zA-Z0-9\]\[a-zA-Z0-9_\.-\] are allowed\.$/,
    );
  }
});

describe("what is not there, or not allowed", () => {
  test.each<[string, number, string | RegExp]>([
    ["docker run -d --name web -p 8080:80 bb:1 web && :", 2, /./],
    ["docker frobnicate", 2, "docker: 'frobnicate' is not a docker command.\nSee 'docker --help'"],
    ["docker constructor ls", 2, "docker: 'constructor' is not a docker command.\nSee 'docker --help'"],
    [
      "docker node constructor",
      2,
      "docker: unknown command: docker node constructor\n\nRun 'docker node --help' for more information",
    ],
    [
      "docker stack deploy -c s.yml s",
      2,
      /^docker stack: not modelled: the scenario's stack \(`compose`\) is deployed/,
    ],
    ["docker service logs web", 2, /^docker service logs: not modelled; there are create, scale, /],
    ["docker logs c1", 2, /^docker logs: not modelled; there are run, create, /],
    ["docker network frobnicate", 2, /^docker: unknown command: docker network frobnicate/],
    ["docker run --constructor bb:1", 2, "unknown flag: --constructor\nSee 'docker run --help'."],
    ["docker run --frobnicate bb:1", 2, "unknown flag: --frobnicate\nSee 'docker run --help'."],
    ["docker run", 2, `"docker run" requires at least 1 argument.\nSee 'docker run --help'.`],
    [
      "docker network connect a",
      2,
      `"docker network connect" requires exactly 2 arguments.\nSee 'docker network connect --help'.`,
    ],
  ])("%s is found before anything runs", (command, _status, message) => {
    const text = JSON.stringify({
      cluster: { nodes: 1 },
      compose: { services: { a: { image: "a" } } },
      run: { steps: [command] },
    });
    const loaded = loadScenario(text, { file: "s.yml", readFile: () => "" });
    const found = loaded.ok ? checked(loaded.scenario) : loaded.diagnostics.map(({ message: each }) => each);
    expect(found.join("\n")).toMatch(message);
  });

  test.each<[string, string, number]>([
    [
      "docker run -d --name c1 --network nowhere bb:1",
      "docker: Error response from daemon: network nowhere not found.",
      125,
    ],
    [
      "docker network rm bridge",
      "Error response from daemon: bridge is a pre-defined network and cannot be removed",
      1,
    ],
    [
      "docker network create -d overlay --subnet 10.0.9.128/25 x",
      "Error response from daemon: invalid pool request: Pool overlaps with other one on this address space",
      1,
    ],
    [
      "docker network create -d macvlan x",
      "Error response from daemon: could not find plugin macvlan in v1 plugin registry: plugin not found",
      1,
    ],
    ["docker service scale nowhere=2", "Error response from daemon: service nowhere not found", 1],
    ["docker node update --availability drain nowhere", "Error response from daemon: node nowhere not found", 1],
    ["docker inspect nowhere", "Error: No such object: nowhere", 1],
  ])("%s", (command, message, status) => {
    const [step] = go("28", [command]);
    expect([step!.output[0] === "[]" ? step!.output[1] : step!.output[0], step!.status]).toEqual([message, status]);
  });
});

function checked(scenario: Parameters<typeof run>[0]): readonly string[] {
  return checkSteps(scenario).map(({ message }) => message);
}
