/** However many mistakes a file has, and whatever part reads them: all are told at once, and none that is no mistake. */
import { describe, expect, test } from "vitest";
import { problemOfProgram, problemOfStep } from "../../src/run.ts";
import { loadScenario } from "../../src/scenario/load.ts";
import { FILE, lines } from "./loading.ts";

const GOOD = `cluster:
  nodes:
    - name: n1
    - name: n2
      ip: 192.168.77.12
    - { name: n3, role: worker }
  hosts:
    - name: ext
      programs:
        - httpd -f -p 80
  underlay:
    mtu: 1500
compose:
  services:
    web:
      image: nginx
      ports:
        - 8080:80
        - { target: 81, published: 8081 }
      deploy:
        replicas: 2
        endpoint_mode: vip
        placement:
          constraints:
            - node.role == manager
      networks: [front]
    db:
      image: postgres
      command: sleep 9
      networks: [back]
    agent:
      image: busybox
      deploy: { mode: global }
      networks: [front]
  networks:
    front:
      ipam:
        config:
          - subnet: 10.0.9.0/24
    back:
      driver_opts: {}
images:
  busybox: {}
placement:
  web.1: n1
  db.1: n2
addresses:
  web.1: { front: 10.0.9.9 }
  web.2: { front: 10.0.9.10 }
  db.1: { back: 10.0.1.9 }
  lb-front: { n1: 10.0.9.20 }
pins:
  macs: {}
run:
  seed: 1
  steps:
    - exec web.1 ping -c 1 10.0.9.3
    - exec agent.n3 ping -c 1 10.0.9.3
    - on ext ping -c 1 10.0.9.3
    - fault link n1 loss 10%
    - sleep 1s
`;

function mistakesIn(text: string): readonly string[] {
  const result = loadScenario(text, {
    file: FILE,
    readFile: () => "",
    checkStep: problemOfStep,
    checkProgram: problemOfProgram,
  });
  return result.ok ? [] : lines(result.diagnostics);
}

/** What is written instead of what, for each part of the reading. */
const MISTAKES: readonly (readonly [good: string, bad: string])[] = [
  ["{ name: n3, role: worker }", "{ name: n3, role: boss }"],
  ["ip: 192.168.77.12", "ip: 192.168.78.12"],
  ["httpd -f -p 80", "httpd -Z"],
  ["mtu: 1500", "mtu: 1"],
  ["image: postgres", "image: [a]"],
  ["- 8080:80", "- 99999:80"],
  ["target: 81,", "target: many,"],
  ["replicas: 2", "replicas: -2"],
  ["endpoint_mode: vip", "endpoint_mode: vap"],
  ["node.role == manager", "node.role = manager"],
  ["command: sleep 9", 'command: sleep "9'],
  ["deploy: { mode: global }", "deploy: { mode: global, replicas: 1 }"],
  ["subnet: 10.0.9.0/24", "subnet: 10.0.9.0/33"],
  ["driver_opts: {}", "driver_opts: { com.docker.network.driver.mtu: 1 }"],
  ["busybox: {}", "busybox: { comand: a }"],
  ["web.1: n1", "web.1: n7"],
  ["db.1: n2", "db.4: n2"],
  ["web.2: { front: 10.0.9.10 }", "web.2: { front: 10.0.9.9 }"],
  ["db.1: { back: 10.0.1.9 }", "db.1: { front: 10.0.1.9 }"],
  ["lb-front: { n1: 10.0.9.20 }", "lb-frnot: { n1: 10.0.9.20 }"],
  ["macs: {}", "macks: {}"],
  ["seed: 1", "seed: -1"],
  ["exec web.1 ping -c 1", "exec db.7 ping -c x"],
  ["agent.n3", "agent.n33"],
  ["on ext ping", "on exd ping"],
  ["link n1 loss 10%", "link n9 loss 10%"],
  ["sleep 1s", "sleep banana"],
];

/** Mistakes that leave open what was meant, so that nothing is said of what depends on it: one is told. */
const OPEN: readonly (readonly [good: string, bad: string])[] = [
  ["compose:", "compsoe:"],
  ["cluster:", "stack: a b\ncluster:"],
  ["cluster:", "cluster:\n  default_addr_pool: 10.0.0.0/33"],
  ["cluster:\n", "cluster: 5\nx-cluster:\n"],
  ["  hosts:\n", "  hots:\n"],
  ["- name: n1", "- 5"],
  ["  services:\n", "  servcies:\n"],
  ["    web:\n      image", "    web: 5\n    other:\n      image"],
  ["  networks:\n    front:", "  netwroks:\n    front:"],
  ["    back:\n      driver_opts", "    back: 5\n    other:\n      driver_opts"],
  ["    back:\n      driver_opts", "    back:\n      name: front\n      driver_opts"],
  ["front:\n      ipam", "front:\n      name: [a]\n      ipam"],
  ["      deploy:\n        replicas", "      deplyo:\n        replicas"],
  ["replicas: 2", "replcias: 2"],
  ["deploy: { mode: global }", "deploy: { mod: global }"],
  ["deploy: { mode: global }", "deploy: [a]"],
  ["networks: [back]", "networksk: [back]"],
  ["networks: [back]", "networks: back"],
  ["networks: [back]", "networks: [back, 5]"],
  ["networks: [back]", "networks: [bakc]"],
  ["image: nginx", "imag: nginx"],
  ["      ports:\n", "      prots:\n"],
];

function spoil(text: string, ...mistakes: readonly (readonly [good: string, bad: string])[]): string {
  return mistakes.reduce((spoiled, [good, bad]) => spoiled.replace(good, () => bad), text);
}

test("the file is good", () => expect(mistakesIn(GOOD)).toEqual([]));

test("a mistake from each part, each with its place", () => {
  expect(mistakesIn(spoil(GOOD, ...MISTAKES))).toMatchInlineSnapshot(`
    [
      "5:11 cluster.nodes[1].ip: 192.168.78.12 is not in the underlay's subnet 192.168.77.0/24",
      "6:25 cluster.nodes[2].role: expected one of manager, worker, found "boss"",
      "10:11 cluster.hosts[0].programs[0]: httpd: option -Z is not modelled; there are -f -v -p -h -c -u -r",
      "12:10 cluster.underlay.mtu: expected a size from 68 to 65535 bytes such as 1450 or 1450B, found the number 1",
      "18:11 compose.services.web.ports[0]: invalid hostPort: 99999",
      "19:21 compose.services.web.ports[1].target: expected a whole number from 0 to 65535, found "many"",
      "21:19 compose.services.web.deploy.replicas: expected a whole number from 0 to 1000000, found the number -2",
      "22:24 compose.services.web.deploy.endpoint_mode: expected one of vip, dnsrr, found "vap"",
      "25:15 compose.services.web.deploy.placement.constraints[0]: constraint expected one operator from ==, !=, found "node.role = manager"",
      "28:14 compose.services.db.image: expected text, found a list",
      "29:22 compose.services.db.command: the quote " is not closed",
      "33:41 compose.services.agent.deploy.replicas: replicas can only be used with replicated or replicated-job mode",
      "39:21 compose.networks.front.ipam.config[0].subnet: ipam configuration: invalid subnet 10.0.9.0/33, expected an IPv4 network such as 10.0.9.0/24",
      "41:53 compose.networks.back.driver_opts["com.docker.network.driver.mtu"]: expected a size from 118 to 65535 bytes, found the number 1",
      "43:14 images.busybox.comand: unknown key "comand"; did you mean "command"?",
      "45:10 placement["web.1"]: there is no node "n7"; did you mean "n1"?",
      "46:3 placement["db.4"]: there is no task or container "db.4"; did you mean "db.1"?",
      "49:19 addresses["web.2"].front: 10.0.9.9 is the address of web.1 already",
      "50:11 addresses["db.1"].front: db does not join a network "front"; the networks it joins are back",
      "51:3 addresses.lb-frnot: there is no task, service or load balancer "lb-frnot"; did you mean "lb-front"?",
      "53:3 pins.macks: unknown key "macks"; did you mean "macs"?",
      "55:9 run.seed: expected a whole number from 0 to 4294967295, found the number -1",
      "57:7 run.steps[0]: ping: -c is "x", expected 1 to 1000000",
      "57:12 run.steps[0]: there is no task or container "db.7"; did you mean "db.1"?",
      "58:12 run.steps[1]: there is no task or container "agent.n33"; did you mean "agent.n3"?",
      "59:10 run.steps[2]: there is no machine "exd"; did you mean "ext"?",
      "60:18 run.steps[3]: there is no machine "n9"; did you mean "n1"?",
      "61:13 run.steps[4]: expected a duration such as 20us, 5ms or 1.5s after sleep, found "banana"",
    ]
  `);
});

describe("any two mistakes are told as each is alone", () => {
  const alone = MISTAKES.map((mistake) => mistakesIn(spoil(GOOD, mistake)));
  test.each(MISTAKES.map((mistake, index) => ({ bad: mistake[1], mistake, index })))("$bad", ({ mistake, index }) => {
    expect(alone[index]).not.toEqual([]);
    for (const [other, second] of MISTAKES.entries())
      if (other > index)
        expect(new Set(mistakesIn(spoil(GOOD, mistake, second)))).toEqual(
          new Set([...alone[index]!, ...alone[other]!]),
        );
  });
});

describe("what was meant is left open, and nothing that follows from it is told", () => {
  test.each(OPEN)("%j is %j", (...mistake) => {
    const text = spoil(GOOD, mistake);
    expect(text).not.toBe(GOOD);
    expect(mistakesIn(text)).toHaveLength(1);
  });
});
