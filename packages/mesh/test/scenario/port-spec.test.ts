/** Published ports: what Docker's client 28.2.2 takes and refuses, in its words. */
import { describe, expect, test } from "vitest";
import { parsePortSpec } from "../../src/scenario/port-spec.ts";
import { load } from "./loading.ts";

function say(text: string): readonly string[] {
  return parsePortSpec(text).map(({ protocol, containerPort, hostAddress, host }) => {
    const outside = host === undefined ? "any" : host.first === host.last ? host.first : `${host.first}-${host.last}`;
    return `${hostAddress ?? "*"} ${outside} ${containerPort}/${protocol}`;
  });
}

describe("taken", () => {
  test.each<[string, readonly string[]]>([
    ["80", ["* any 80/tcp"]],
    [":80", ["* any 80/tcp"]],
    ["8080:80", ["* 8080 80/tcp"]],
    ["0:80", ["* 0 80/tcp"]],
    ["080:80/", ["* 80 80/tcp"]],
    ["53:53/UDP", ["* 53 53/udp"]],
    ["9000:9000/sctp", ["* 9000 9000/sctp"]],
    ["8080:80/tcp/udp", ["* 8080 80/tcp"]],
    ["127.0.0.1::80", ["127.0.0.1 any 80/tcp"]],
    ["127.0.0.1:8080:80", ["127.0.0.1 8080 80/tcp"]],
    ["[::1]:80:80", ["::1 80 80/tcp"]],
    ["::1:80:80", ["::1 80 80/tcp"]],
    ["8080-8082:80", ["* 8080-8082 80/tcp"]],
    ["8080:80-80", ["* 8080 80/tcp"]],
    ["8000-8002:9000-9002", ["* 8000 9000/tcp", "* 8001 9001/tcp", "* 8002 9002/tcp"]],
    ["9000-9001", ["* any 9000/tcp", "* any 9001/tcp"]],
    ["1-2-3:80", ["* 1-2 80/tcp"]],
  ])("%s", (text, expected) => {
    expect(say(text)).toEqual(expected);
  });
});

describe("refused", () => {
  test.each([
    ["", "no port specified: <empty>"],
    ["80:", "no port specified: 80:<empty>"],
    ["80-:", "no port specified: 80-:<empty>"],
    ["70000:80", "invalid hostPort: 70000"],
    ["a:80", "invalid hostPort: a"],
    ["-80:80", "invalid hostPort: -80"],
    ["80 :80", "invalid hostPort: 80 "],
    ["8080-8070:80", "invalid hostPort: 8080-8070"],
    ["127.0.0.1:80", "invalid hostPort: 127.0.0.1"],
    ["80/foo", "invalid proto: foo"],
    ["target", "invalid containerPort: target"],
    ["80-79", "invalid containerPort: 80-79"],
    ["localhost:80:80", "invalid IP address: localhost"],
    ["127.0.0.1:80:80:80", "invalid IP address: 127.0.0.1:80"],
    ["8000-8003:9000-9002", "invalid ranges specified for container and host Ports: 9000-9002 and 8000-8003"],
    ["80:80-81", "invalid ranges specified for container and host Ports: 80-81 and 80"],
  ])("%s", (text, message) => {
    expect(() => parsePortSpec(text)).toThrow(new Error(message));
  });
});

describe("in a stack file", () => {
  const portsOf = (ports: readonly unknown[]): readonly string[] => {
    const compose = { services: { web: { image: "nginx", ports } } };
    const result = load(`cluster: {nodes: 1}\ncompose: ${JSON.stringify(compose)}\n`);
    if (!result.ok) return result.diagnostics.map(({ message }) => message);
    return result.scenario.stack.services[0]!.ports.map(
      ({ mode, published, target, protocol }) => `${mode} ${published}:${target}/${protocol}`,
    );
  };

  test("a range of the node's ports for one of the task's is a port for each", () => {
    expect(portsOf(["8080-8082:80/sctp"])).toEqual([
      "ingress 8080:80/sctp",
      "ingress 8081:80/sctp",
      "ingress 8082:80/sctp",
    ]);
  });

  test("they are sent by the node's port, whatever the order of the file", () => {
    const ports = ["9443:443", { target: 80, published: 9080, mode: "host" }, "53", "9000-9001:9000-9001"];
    expect(portsOf(ports)).toEqual([
      "ingress 0:53/tcp",
      "ingress 9000:9000/tcp",
      "ingress 9001:9001/tcp",
      "host 9080:80/tcp",
      "ingress 9443:443/tcp",
    ]);
  });

  test("what cannot be read is told in the client's words", () => {
    expect(portsOf(["a:80", "70000:80", "80/foo"])).toEqual([
      "invalid hostPort: a",
      "invalid hostPort: 70000",
      "invalid proto: foo",
    ]);
  });
});
