/** `ltool` prints what the C program of the recordings q1 to q8 printed there, addresses and times aside. */
import { expect, test } from "vitest";
import { type RunResult, run } from "../../src/run.ts";
import { loadScenario } from "../../src/scenario/load.ts";

const IMAGES = {
  "lab:1": {
    command: "/srv.sh",
    scripts: {
      "/srv.sh": [
        "hostname > /www/index.html",
        "ltool udps 9000 &",
        "ltool tcps 7000 &",
        "exec httpd -f -p 80 -h /www",
      ],
    },
    files: {
      "/www/cgi-bin/who": "Content-Type: text/plain\r\n\r\n$HOSTNAME remote=$REMOTE_ADDR:$REMOTE_PORT\n",
    },
  },
};

/** Two tasks of a service on two nodes, 10.0.1.3 and 10.0.1.4. */
function go(...steps: readonly string[]): RunResult["steps"] {
  const text = JSON.stringify({
    cluster: { kernel: ["no ip_vs"], nodes: [{ name: "h1" }, { name: "h2" }] },
    compose: {
      services: { web2: { image: "lab:1", networks: ["appnet"], deploy: { replicas: 2, endpoint_mode: "dnsrr" } } },
      networks: { appnet: { ipam: { config: [{ subnet: "10.0.1.0/24" }] } } },
    },
    images: IMAGES,
    placement: { "web2.1": "h1", "web2.2": "h2" },
    addresses: { "web2.1": "10.0.1.3", "web2.2": "10.0.1.4" },
    pins: { containers: { "web2.1": "ee7c8ce6ccaf", "web2.2": "9caa4d35c770" } },
    run: { steps },
  });
  const loaded = loadScenario(text, { file: "s.yml", readFile: () => "" });
  if (!loaded.ok) throw new Error(loaded.diagnostics.map(({ message }) => message).join("\n"));
  return run(loaded.scenario).steps;
}

const masked = (lines: readonly string[]): readonly string[] =>
  lines.map((line) =>
    line.replace(/^\d{10}\.\d{3} /, "TIME ").replaceAll(/(\.\d+:|sport=|\]:)[345]\d{4}\b/g, "$1PORT"),
  );

test("names, with and without addresses", () => {
  const [one, none] = go("exec web2.1 ltool res web2.2", "exec web2.1 ltool res 10.0.1.300");
  expect(one!.output).toEqual(["web2.2: Temporary failure in name resolution"]);
  expect(one!.status).toBe(1);
  expect(none!.status).toBe(1);
  const [both] = go("exec web2.1 ltool res tasks.web2");
  expect(both!.output[0]!.split(" ").toSorted()).toEqual(["10.0.1.3", "10.0.1.4", "tasks.web2:"]);
  expect(both!.status).toBe(0);
});

test("TCP: the banner, lines there and back, nobody there", () => {
  const steps = go("exec web2.1 ltool tcpc 10.0.1.4 7000 2 100", "exec web2.1 ltool tcpc 10.0.1.4 7001 1 0");
  expect(masked(steps[0]!.output)).toEqual([
    "TIME connected sport=PORT -> 10.0.1.4:7000",
    "TIME banner 9caa4d35c770 peer=10.0.1.3:PORT local=10.0.1.4:7000",
    "TIME 9caa4d35c770: l1",
    "TIME 9caa4d35c770: l2",
  ]);
  expect(steps.map(({ status }) => status)).toEqual([0, 1]);
  expect(masked(steps[1]!.output)).toEqual(["TIME connect 10.0.1.4:7001: Connection refused"]);
});

test("UDP: from a port of its own, with an answer and without", () => {
  const steps = go("exec web2.1 ltool udpc 10.0.1.4 9000 5555 2 100", "exec web2.1 ltool udpc 10.0.1.9 9000 5555 1 0");
  expect(masked(steps[0]!.output)).toEqual([
    "TIME sport=5555 m1 -> 10.0.1.4:9000 : from 10.0.1.4:9000: 9caa4d35c770 peer=10.0.1.3:5555 local=10.0.1.4 got=m1",
    "TIME sport=5555 m2 -> 10.0.1.4:9000 : from 10.0.1.4:9000: 9caa4d35c770 peer=10.0.1.3:5555 local=10.0.1.4 got=m2",
  ]);
  expect(masked(steps[1]!.output)).toEqual(["TIME sport=5555 m1 -> 10.0.1.9:9000 : Resource temporarily unavailable"]);
});

test("HTTP: a page, a script, nobody there", () => {
  const steps = go(
    "exec web2.1 ltool get 10.0.1.4 80 /cgi-bin/who",
    "exec web2.1 ltool get 10.0.1.4 81 /",
    "exec web2.1 wget -q -O - http://10.0.1.4/",
  );
  expect(masked(steps[0]!.output)).toEqual([
    "10.0.1.3:PORT -> 10.0.1.4:80 200 bytes 89: 9caa4d35c770 remote=[::ffff:10.0.1.3]:PORT",
    "",
  ]);
  expect(steps[1]!.output).toEqual(["connect 10.0.1.4:81: Connection refused"]);
  expect(steps[2]!.output).toEqual(["9caa4d35c770"]);
});

test("a small TTL ends on the way, and is told as Python tells it", () => {
  const steps = go("exec web2.1 ltool ttl 10.0.1.4 80 1", "exec web2.1 ltool ttl 10.0.1.4 81 9");
  expect(steps[0]!.output).toEqual(["connected"]);
  expect(steps[1]!.output.at(-1)).toBe("ConnectionRefusedError: [Errno 111] Connection refused");
});

test("all of a container ends with its first process", () => {
  const steps = go("exec web2.1 ltool tcpc 10.0.1.4 7000 9 1000 &", "sleep 2s", "on h2 docker kill web2.2", "wait");
  expect(masked(steps[0]!.output).at(-1)).toMatch(/^TIME l\d read: EOF$/);
});
