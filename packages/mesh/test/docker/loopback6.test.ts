/** Published ports asked at ::1: dockerd's socket of the routing mesh, docker-proxy of a port in host mode. */
import { describe, expect, test } from "vitest";
import { loadScenario } from "../../src/scenario/load.ts";
import { type RunResult, run } from "../../src/run.ts";

const STACK = `
services:
  web:
    image: nginx
    ports: ["8080:80", "9000:9000/udp"]
    deploy: { placement: { constraints: [node.hostname == b] } }
`;

function go(docker: string, stack: string, ...steps: readonly string[]): RunResult["steps"] {
  const text = JSON.stringify({
    cluster: {
      docker,
      nodes: [
        { name: "a", ip: "192.168.77.11" },
        { name: "b", ip: "192.168.77.12" },
      ],
    },
    compose: "stack.yml",
    run: { steps },
  });
  const loaded = loadScenario(text, { file: "s.yml", readFile: () => stack });
  if (!loaded.ok) throw new Error(loaded.diagnostics.map(({ message }) => message).join("\n"));
  return run(loaded.scenario).steps;
}

describe("a port of the routing mesh", () => {
  const steps = go(
    "20.10",
    STACK,
    "on a curl -sS -m 2 http://[::1]:8080/",
    "on a timeout 2 wget -q -O - http://localhost:8080/",
    "on a curl -s -o /dev/null -w %{http_code} http://127.0.0.1:8080/",
    "on a curl -sS http://[::1]:8081/",
    "on a ss -lntup",
    "on a sysctl -w net.ipv6.conf.all.disable_ipv6=1",
    "on a timeout 2 wget -q -O /dev/null http://localhost:8080/",
    "on a curl -sS http://[::1]:8080/",
  );
  const of = (index: number): readonly (string | number | undefined)[] => [
    steps[index]!.status,
    ...steps[index]!.output,
  ];

  test("hangs at ::1, and so at localhost for who asks the C library", () => {
    expect(of(0)).toEqual([
      28,
      expect.stringMatching(/^curl: \(28\) Operation timed out after 200\d milliseconds with 0 bytes received$/),
    ]);
    expect(of(1)).toEqual([124]);
  });

  test("works at 127.0.0.1", () => {
    expect(of(2)).toEqual([0, "200"]);
  });

  test("is not there at another port", () => {
    expect(of(3)).toEqual([7, expect.stringMatching(/^curl: \(7\) Failed to connect to ::1 port 8081 after/)]);
  });

  test("is a socket of dockerd's for both families, with what waits in it", () => {
    const dockerd = String.raw`users:\(\("dockerd",pid=\d+,fd=\d+\)\)`;
    expect(steps[4]!.output).toEqual([
      expect.stringMatching(/^Netid State /),
      expect.stringMatching(/^udp {3}UNCONN 0 .* 0\.0\.0\.0:4789 /),
      expect.stringMatching(new RegExp(String.raw`^udp   UNCONN 0 +0 +\*:9000 +\*:\* +${dockerd}`)),
      expect.stringMatching(new RegExp(String.raw`^tcp   LISTEN 2 +4096 +\*:8080 +\*:\* +${dockerd}`)),
    ]);
  });

  test("is found at 127.0.0.1 when IPv6 is switched off", () => {
    expect(of(6)).toEqual([0]);
    expect(of(7)).toEqual([7, expect.stringMatching(/^curl: \(7\) Failed to connect to ::1 port 8080 after/)]);
  });
});

describe("a port in host mode", () => {
  const steps = go(
    "20.10",
    "services: { web: { image: nginx, deploy: { replicas: 0 } } }",
    "on a docker run -d --name web -p 8080:80 nginx",
    "on a docker run -d --name own -p 127.0.0.1:8081:80 nginx",
    "on a curl -s -o /dev/null -w %{http_code} http://[::1]:8080/",
    "on a curl -sS http://[::1]:8081/",
    "on a ss -Hlnt",
    "exec web wget -q -O /dev/null http://[::1]/",
    "on a docker rm -f web own",
    "on a ss -Hlnt",
  );

  test("works at ::1: docker-proxy listens there, and asks the container by IPv4", () => {
    expect(steps[2]!.output).toEqual(["200"]);
  });

  test("of one address is of that alone", () => {
    expect(steps[3]!.output[0]).toMatch(/^curl: \(7\) Failed to connect to ::1 port 8081/);
    expect(steps[4]!.output.map((line) => line.trim().split(/\s+/)[3])).toEqual([
      "0.0.0.0:8080",
      "127.0.0.1:8081",
      "[::]:8080",
    ]);
    expect(steps[7]!.output).toEqual([]);
  });

  test("has no ::1 inside of a container of Docker 20.10", () => {
    expect(steps[5]).toMatchObject({
      status: 1,
      output: ["wget: can't connect to remote host: Cannot assign requested address"],
    });
  });
});

test("a container of Docker 28 has ::1", () => {
  const steps = go(
    "28",
    "services: { web: { image: nginx, deploy: { replicas: 0 } } }",
    "on a docker run -d --name web nginx",
    "exec web ip -br addr show dev lo",
    "exec web wget -q -O /dev/null http://localhost/",
  );
  expect(steps[1]!.output).toEqual([expect.stringContaining("127.0.0.1/8 ::1/128")]);
  expect(steps[2]).toMatchObject({ status: 0 });
});
