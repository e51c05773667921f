/** Published ports of containers: ranges, addresses of the node, what the client prints of them and refuses. */
import { describe, expect, test } from "vitest";
import { loadScenario } from "../../src/scenario/load.ts";
import { type RunResult, run } from "../../src/run.ts";

function go(docker: string, ...steps: readonly string[]): RunResult["steps"] {
  const text = JSON.stringify({
    cluster: { docker, nodes: [{ name: "node-1", ip: "192.168.77.11" }], hosts: [{ name: "laptop" }] },
    compose: {},
    run: { steps },
  });
  const loaded = loadScenario(text, { file: "s.yml", readFile: () => "" });
  if (!loaded.ok) throw new Error(loaded.diagnostics.map(({ message }) => message).join("\n"));
  return run(loaded.scenario).steps;
}

const port = (name: string): string => `docker port ${name}`;

describe("a range of the node's ports for one of the container's", () => {
  const steps = go(
    "20.10",
    "docker run -d --name aa -p 8080-8082:80 nginx",
    "docker run -d --name bb -p 8080-8082:80 nginx",
    "docker rm -f aa",
    "docker run -d --name aa -p 8080-8082:80 nginx",
    port("aa"),
    port("bb"),
    "docker run -d --name cc -p 8080-8082:80 nginx",
    port("cc"),
    "docker run -d --name dd -p 8080-8082:80 nginx",
  );

  test("is searched from behind the last that was given", () => {
    const inner = "80/tcp -> 0.0.0.0:";
    expect([4, 5, 7].map((index) => steps[index]!.output[0])).toEqual([`${inner}8082`, `${inner}8081`, `${inner}8080`]);
  });

  test("can be used up", () => {
    expect(steps[8]).toMatchObject({ status: 125 });
    expect(steps[8]!.output[1]).toMatch(/ on endpoint dd \([0-9a-f]{64}\): all ports are allocated\.$/);
  });
});

test("ranges of the same length go by pairs, and are ranges in docker ps where both sides are the same", () => {
  const steps = go(
    "28",
    "docker run -d --name aa -p 8000-8002:9000-9002 -p 7000-7002:7000-7002/udp -p 127.0.0.1:7000:7000 nginx",
    "docker ps --format '{{.Ports}}'",
    "docker port aa 9001",
    "docker port aa 7001/udp",
    "docker port aa 7001",
    "docker inspect -f '{{json .NetworkSettings.Ports}}' aa",
  );
  expect(steps[1]!.output).toEqual([
    "0.0.0.0:7000-7002->7000-7002/udp, 127.0.0.1:7000->7000/tcp, [::]:7000-7002->7000-7002/udp, 0.0.0.0:8000->9000/tcp, [::]:8000->9000/tcp, 0.0.0.0:8001->9001/tcp, [::]:8001->9001/tcp, 0.0.0.0:8002->9002/tcp, [::]:8002->9002/tcp",
  ]);
  expect(steps[2]!.output).toEqual(["0.0.0.0:8001", "[::]:8001"]);
  expect(steps[3]!.output).toEqual(["0.0.0.0:7001", "[::]:7001"]);
  expect(steps[4]).toMatchObject({ status: 1, output: ["Error: No public port '7001/tcp' published for aa"] });
  expect(JSON.parse(steps[5]!.output[0]!)).toMatchObject({
    "7000/tcp": [{ HostIp: "127.0.0.1", HostPort: "7000" }],
    "9000/tcp": [
      { HostIp: "0.0.0.0", HostPort: "8000" },
      { HostIp: "::", HostPort: "8000" },
    ],
  });
});

describe("a port of one address of the node", () => {
  const steps = (docker: string): RunResult["steps"] =>
    go(
      docker,
      "docker run -d --name aa -p 127.0.0.1:8080:80 nginx",
      "on node-1 curl -s -o /dev/null -w '%{http_code}' 127.0.0.1:8080",
      "on laptop curl -s -m 2 192.168.77.11:8080",
      "docker run -d --name bb -p 8080:80 nginx",
      "docker run -d --name cc -p 127.0.0.1:8080:80 nginx",
      "on node-1 iptables-save",
      "docker rm -f aa",
      "on node-1 iptables-save",
    );

  test.each(["20.10", "28"])("Docker %s: the world does not get there", (docker) => {
    const [, local, remote] = steps(docker);
    expect(local).toMatchObject({ status: 0, output: ["200"] });
    expect(remote).toMatchObject({ status: 7 });
  });

  test.each([
    ["20.10", "Error starting userland proxy: listen tcp4 0.0.0.0:8080: bind: address already in use."],
    ["28", "failed to bind host port 0.0.0.0:8080/tcp: address already in use."],
  ])("Docker %s: it is in the way of all addresses", (docker, reason) => {
    const [, , , all, same] = steps(docker);
    expect(all!.output[1]).toContain(reason);
    expect(same!.output[1]).toContain("Bind for 127.0.0.1:8080 failed: port is already allocated.");
  });

  test("its rules, which go with it", () => {
    const dnat =
      "-A DOCKER -d 127.0.0.1/32 ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80";
    // moby integration/network/bridge/iptablesdoc, usernet-portmap-lo
    const raw = "-A PREROUTING -d 127.0.0.1/32 ! -i lo -p tcp -m tcp --dport 8080 -j DROP";
    const [old, recent] = [steps("20.10"), steps("28")];
    expect(old[5]!.output).toContain(dnat);
    expect(old[5]!.output).not.toContain(raw);
    expect(recent[5]!.output).toContain(dnat);
    expect(recent[5]!.output).toContain(raw);
    for (const gone of [old, recent]) expect(gone[7]!.output.join("\n")).not.toContain("8080");
  });
});

test.each([
  ["20.10", ["8081", "8080", "443"]],
  ["28", ["8080", "8081", "443"]],
])("Docker %s publishes the ports of a container in its own order", (docker, expected) => {
  const steps = go(
    docker,
    "docker run -d -p 443:443 -p 8081:81 -p 8080:80 nginx",
    "on node-1 iptables -t nat -S DOCKER",
  );
  const found = steps[1]!.output.flatMap((line) => /--dport (\d+)/.exec(line)?.[1] ?? []);
  expect(found).toEqual(expected);
});

test.each([
  ["20.10", "docker run -p a:80 nginx", ["docker: Invalid hostPort: a.", "See 'docker run --help'."]],
  ["28", "docker run -p a:80 nginx", ["docker: invalid hostPort: a.", "See 'docker run --help'."]],
  [
    "28",
    "docker run -p published=80,target nginx",
    ["docker: invalid publish opts format (should be name=value but got 'target').", "See 'docker run --help'."],
  ],
  [
    "28",
    "docker service create -p 127.0.0.1::80 nginx",
    [
      'invalid argument "127.0.0.1::80" for "-p, --publish" flag: hostip is not supported',
      "See 'docker service create --help'.",
    ],
  ],
  [
    "28",
    "docker service create -p target=80,published=8080-8081 nginx",
    [
      'invalid argument "target=80,published=8080-8081" for "-p, --publish" flag: invalid published port (8080-8081): value must be an integer: invalid syntax',
      "See 'docker service create --help'.",
    ],
  ],
  [
    "28",
    "docker service create -p target=80,mode=x nginx",
    [
      `invalid argument "target=80,mode=x" for "-p, --publish" flag: invalid publish mode value (x): must be either 'ingress' or 'host'`,
      "See 'docker service create --help'.",
    ],
  ],
])("%s: %s", (docker, command, output) => {
  expect(go(docker, command)[0]).toMatchObject({ status: 125, output });
});

test("a service publishes ranges", () => {
  const steps = go(
    "28",
    "docker service create -d --name w -p 8000-8002:9000-9002 -p 7000-7001:70 nginx",
    "docker service ls",
  );
  expect(steps[1]!.output[1]).toContain("*:7000-7001->70/tcp, *:8000-8002->9000-9002/tcp");
});

describe("SCTP", () => {
  const steps = (docker: string): RunResult["steps"] =>
    go(
      docker,
      "docker run -d --name aa -p 8080:80/sctp nginx",
      "docker service create -d --name s --publish published=9000,target=90,protocol=sctp nginx",
      "sleep 5s",
      "on node-1 iptables-save",
      "netns node-1 ingress_sbox iptables -t mangle -S PREROUTING",
      "docker service inspect -f '{{json .Endpoint.Ports}}' s",
      "docker service ls --format {{.Ports}}",
      "exec s.1 iptables-save",
      "docker rm -f aa",
      "on node-1 iptables -t mangle -S POSTROUTING",
    );

  // drivers/bridge/setup_ip_tables.go; moby#48149 took the last one away.
  test.each([
    ["20.10", true],
    ["27.5", true],
    ["28", false],
  ])("Docker %s: rules as of other protocols; the checksum is filled in: %s", (docker, isFilled) => {
    const [, , , rules, marks, ports, list, task, , after] = steps(docker);
    const fill = "-A POSTROUTING -p sctp -m sctp --sport 80 -j CHECKSUM --checksum-fill";
    expect(rules!.output).toContain(
      "-A DOCKER ! -i docker0 -p sctp -m sctp --dport 8080 -j DNAT --to-destination 172.17.0.2:80",
    );
    expect(rules!.output).toContain(
      "-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p sctp -m sctp --dport 80 -j ACCEPT",
    );
    expect(rules!.output.includes(fill)).toBe(isFilled);
    expect(after!.output.join()).not.toContain("CHECKSUM");
    expect(rules!.output.join("\n")).toMatch(
      /^-A DOCKER-INGRESS -p sctp -m sctp --dport 9000 -j DNAT --to-destination /m,
    );
    expect(marks!.output.join()).toContain("-A PREROUTING -p sctp -m sctp --dport 9000 -j MARK --set-xmark 0x100");
    expect(JSON.parse(ports!.output[0]!)).toEqual([
      { Protocol: "sctp", TargetPort: 90, PublishedPort: 9000, PublishMode: "ingress" },
    ]);
    expect(list!.output).toEqual(["*:9000->90/sctp"]);
    expect(task!.output.join("\n")).toMatch(/-p sctp -m sctp --dport 9000 -j REDIRECT --to-ports 90/);
  });
});
