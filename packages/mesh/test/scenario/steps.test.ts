import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { splitWords } from "../../src/scenario/words.ts";
import { loadGood, mistakes, SMALL as WITHOUT_HOSTS } from "./loading.ts";

const SMALL = WITHOUT_HOSTS.replace("worker2]\n", "worker2]\n  hosts: [{name: ext}]\n");

function words(line: string): readonly string[] | string {
  const split = splitWords(line);
  return split.ok ? split.words.map((word) => word.text) : `${split.at}: ${split.message}`;
}

describe("words are split as a shell splits them", () => {
  test.each<[string, readonly string[]]>([
    ["ping -c 1 10.0.9.5", ["ping", "-c", "1", "10.0.9.5"]],
    ["  a \t b\n", ["a", "b"]],
    ["'a b' c", ["a b", "c"]],
    ['"a b" c', ["a b", "c"]],
    [`a'b'"c"d`, ["abcd"]],
    ["a\\ b", ["a b"]],
    ["'a\\b'", ["a\\b"]],
    ['"a\\"b\\\\c\\d"', ['a"b\\c\\d']],
    [`'' ""`, ["", ""]],
    ["'a | b' \"c; d\" \\> e", ["a | b", "c; d", ">", "e"]],
    ["", []],
  ])("%j", (line, expected) => expect(words(line)).toEqual(expected));

  test.each([
    ["a 'b", "2: the quote ' is not closed"],
    ['a "b\\"', '2: the quote " is not closed'],
    ["a b\\", "3: nothing follows the backslash"],
    [
      "a | b",
      '2: "|" is for a shell, and a step runs one command without a shell; quote it if the command is to have it',
    ],
    ["a & b", expect.stringMatching(/^2: "&" is for a shell/)],
    ["a && b", expect.stringMatching(/^2: "&" is for a shell/)],
    ["a &&", expect.stringMatching(/^2: "&" is for a shell/)],
    ["a $B", expect.stringMatching(/^2: "\$" is for a shell/)],
  ])("%j is refused", (line, expected) => expect(words(line)).toEqual(expected));

  test("words come back from single quotes, whatever they hold", () => {
    fc.assert(
      fc.property(fc.array(fc.string().filter((word) => !word.includes("'"))), (expected) => {
        expect(words(expected.map((word) => `'${word}'`).join(" "))).toEqual(expected);
      }),
    );
  });

  test("no line throws, and positions lie in it", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("a", " ", "'", '"', "\\", "|", "é") }), (line) => {
        const split = splitWords(line);
        for (const at of split.ok ? split.words.map((word) => word.at) : [split.at])
          expect(at).toBeLessThan(line.length);
      }),
    );
  });
});

describe("commands", () => {
  const run = (...steps: readonly string[]): string =>
    `${SMALL}run:\n  steps:\n${steps.map((step) => `    - ${step}\n`).join("")}`;

  /** The steps without their positions. */
  const read = (...steps: readonly string[]): readonly object[] =>
    loadGood(run(...steps)).run.steps.map((step) =>
      Object.fromEntries(Object.entries(step).filter(([key]) => key !== "position" && key !== "text")),
    );

  test("a step knows where it stands, and how it is written", () => {
    expect(loadGood(run("exec web.1 ping -c 1 10.0.9.5")).run.steps).toEqual([
      {
        kind: "exec",
        container: "web.1",
        argv: ["ping", "-c", "1", "10.0.9.5"],
        position: { file: "lab/scenario.yml", line: 15, column: 7 },
        text: "exec web.1 ping -c 1 10.0.9.5",
        background: false,
      },
    ]);
  });

  test("exec, with and without docker and its flags", () => {
    const step = { kind: "exec", argv: ["sh", "-c", "a b"], background: false };
    expect(
      read(
        "exec web.1 sh -c 'a b'",
        "docker exec -it web.2 sh -c 'a b'",
        "docker container exec web.3 sh -c 'a b'",
        "on worker1 docker exec -d web.4 sh -c 'a b'",
        "exec web.1.ljadiuw31rn7wz89dznbwr8an sh -c 'a b'",
      ),
    ).toEqual([
      { ...step, container: "web.1" },
      { ...step, container: "web.2" },
      { ...step, container: "web.3" },
      { ...step, container: "web.4", background: true },
      { ...step, container: "web.1.ljadiuw31rn7wz89dznbwr8an" },
    ]);
  });

  test("on a machine, in a namespace, docker, inspect, in the background, and waiting for it", () => {
    expect(
      read(
        "on worker1 ip route",
        "on ext curl -s http://192.168.77.12:8080/",
        "docker network ls",
        "on worker2 docker ps -a",
        "netns worker1 overlay-front bridge fdb",
        "inspect worker1/overlay-front ip neigh",
        "inspect ext ip route",
        "exec web.1 ping -c 5 10.0.9.5 &",
        "wait",
      ),
    ).toEqual([
      { kind: "on", machine: "worker1", argv: ["ip", "route"], background: false },
      { kind: "on", machine: "ext", argv: ["curl", "-s", "http://192.168.77.12:8080/"], background: false },
      { kind: "on", machine: "manager", argv: ["docker", "network", "ls"], background: false },
      { kind: "on", machine: "worker2", argv: ["docker", "ps", "-a"], background: false },
      { kind: "netns", node: "worker1", namespace: "overlay-front", argv: ["bridge", "fdb"], background: false },
      { kind: "inspect", node: "worker1", namespace: "overlay-front", argv: ["ip", "neigh"], background: false },
      { kind: "inspect", node: "ext", namespace: "host", argv: ["ip", "route"], background: false },
      { kind: "exec", container: "web.1", argv: ["ping", "-c", "5", "10.0.9.5"], background: true },
      { kind: "wait", background: false },
    ]);
  });

  test("pace", () => {
    expect(read("pace resolve.second 300us")).toEqual([
      { kind: "pace", name: "resolve.second", durationNs: 300_000, background: false },
    ]);
    expect(read("pace usual")).toEqual([{ kind: "pace-usual", background: false }]);
  });

  test("sleep", () => {
    expect(read("sleep 6.5s", "sleep 2")).toEqual([
      { kind: "sleep", durationNs: 6_500_000_000, background: false },
      { kind: "sleep", durationNs: 2_000_000_000, background: false },
    ]);
  });

  test("replay", () => {
    const at = { node: "worker1", namespace: "web.1", device: "eth0" };
    const replay = {
      kind: "replay",
      file: "lab/a.pcap",
      at,
      from: undefined,
      only: undefined,
      as: "out",
      background: false,
    };
    expect(
      read(
        "replay a.pcap at worker1/web.1/eth0",
        "replay a.pcap at worker1/web.1/eth0 as in only out from n.ctr-web.1.eth0 speed 2x &",
        "replay a.pcap at-once at worker1/web.1/eth0",
      ),
    ).toEqual([
      { ...replay, speed: 1 },
      { ...replay, as: "in", only: "out", from: "n.ctr-web.1.eth0", speed: 2, background: true },
      { ...replay, speed: Number.POSITIVE_INFINITY },
    ]);
  });

  test("names that earlier commands have made may be used by later ones", () => {
    expect(
      mistakes(
        run(
          "on worker1 docker run -d --name c1 bb:1 web",
          "exec c1 ip addr",
          "docker container create --name=c2 bb:1",
          "exec c2 true",
          "docker service create --name api --replicas 2 bb:1",
          "exec api.2 true",
          "docker service create --name one bb:1",
          "exec one.1 true",
          "docker service create --mode global --name agent bb:1",
          "exec agent.worker2 true",
          "docker service scale web=6 api=3",
          "exec web.6 true",
          "exec api.3 true",
          "docker service update --replicas 4 api",
          "exec api.4 true",
        ),
      ),
    ).toEqual([]);
    expect(mistakes(run("exec c1 true", "docker run --name c1 bb:1", "exec api.1 true"))).toEqual([
      '15:12 run.steps[0]: there is no task or container "c1"; the tasks are web.1, web.2, web.3, web.4',
      '17:12 run.steps[2]: there is no task or container "api.1"; the tasks are web.1, web.2, web.3, web.4, c1',
    ]);
  });

  const verbs = "exec, on, docker, netns, inspect, sleep, wait, pace, replay or fault";
  test.each([
    ["exec", "15:11 run.steps[0]: expected a task and a command after exec, found nothing"],
    ["exec web.1", "15:17 run.steps[0]: expected a command after the task web.1, found nothing"],
    ["exec -x web.1 a", "15:12 run.steps[0]: unknown flag -x of exec, expected none, -i, -t or -d"],
    ["exec wbe.1 a", '15:12 run.steps[0]: there is no task or container "wbe.1"; did you mean "web.1"?'],
    [
      "exec database a",
      '15:12 run.steps[0]: there is no task or container "database"; the tasks are web.1, web.2, web.3, web.4',
    ],
    ["exec web.5 a", '15:12 run.steps[0]: there is no task or container "web.5"; did you mean "web.1"?'],
    ["slep 1s", `15:7 run.steps[0]: unknown command "slep", expected ${verbs}; did you mean "sleep"?`],
    [
      "ping 10.0.1.4",
      `15:7 run.steps[0]: unknown command "ping", expected ${verbs}; a program runs somewhere: "on manager ping …" or "exec TASK ping …"`,
    ],
    ["worker1 ip a", `15:7 run.steps[0]: unknown command "worker1", expected ${verbs}; did you mean "on worker1 …"?`],
    ["web.1 ip a", `15:7 run.steps[0]: unknown command "web.1", expected ${verbs}; did you mean "exec web.1 …"?`],
    [
      "sudo docker ps",
      `15:7 run.steps[0]: unknown command "sudo", expected ${verbs}; leave sudo out, everybody may do everything`,
    ],
    ["docker", "15:13 run.steps[0]: expected a command of docker such as run, found nothing"],
    ["on", "15:9 run.steps[0]: expected a machine, found nothing"],
    ["on worker1", "15:17 run.steps[0]: expected a command after worker1, found nothing"],
    ["on worker9 a", '15:10 run.steps[0]: there is no machine "worker9"; did you mean "worker1"?'],
    [
      "on outside a",
      '15:10 run.steps[0]: there is no machine "outside"; the machines are manager, worker1, worker2, ext',
    ],
    ["on ext docker ps", "15:14 run.steps[0]: there is no Docker on ext"],
    ["netns", "15:12 run.steps[0]: expected a node, found nothing"],
    ["netns ext host a", '15:13 run.steps[0]: there is no node "ext"; the nodes are manager, worker1, worker2'],
    ["netns worker1", "15:20 run.steps[0]: expected a namespace, found nothing"],
    ["netns worker1 host", "15:25 run.steps[0]: expected a command after the namespace host, found nothing"],
    ["inspect", "15:14 run.steps[0]: expected NODE/NAMESPACE after inspect, found nothing"],
    [
      "inspect x/host a",
      '15:15 run.steps[0]: there is no machine "x"; the machines are manager, worker1, worker2, ext',
    ],
    ["inspect worker1/host", "15:27 run.steps[0]: expected a command after worker1/host, found nothing"],
    ["wait 5", '15:12 run.steps[0]: expected nothing after wait, found "5"'],
    [
      "pace resolve.second",
      "15:26 run.steps[0]: expected a pause of a program and a duration after pace such as resolve.second 300us, found 1 words",
    ],
    [
      "pace resolve.second soon",
      '15:27 run.steps[0]: expected a duration such as 20us, 5ms or 1.5s after pace resolve.second, found "soon"',
    ],
    ["sleep", "15:12 run.steps[0]: expected one duration after sleep such as 500ms or 2s, found nothing"],
    ["sleep 1s 2s", "15:16 run.steps[0]: expected one duration after sleep such as 500ms or 2s, found 2 words"],
    ["sleep soon", '15:13 run.steps[0]: expected a duration such as 20us, 5ms or 1.5s after sleep, found "soon"'],
    ["sleep 1s &", "15:16 run.steps[0]: sleep cannot run in the background"],
    ["exec web.1 echo 'a", "15:23 run.steps[0]: the quote ' is not closed"],
    ["'   '", `15:8 run.steps[0]: expected a command: ${verbs}, found "   "`],
    ["5", "15:7 run.steps[0]: expected a command such as exec web.1 ping -c 1 10.0.1.4, found the number 5"],
    ["[a]", "15:7 run.steps[0]: expected a command such as exec web.1 ping -c 1 10.0.1.4, found a list"],
    ["replay", "15:13 run.steps[0]: expected a capture file after replay, found nothing"],
    ["replay a.pcap", "15:20 run.steps[0]: expected at NODE/NAMESPACE/DEVICE after the capture file"],
    ["replay a.pcap at", "15:23 run.steps[0]: expected a value after at, found nothing"],
    ["replay a.pcap at worker1", '15:24 run.steps[0]: expected NODE/NAMESPACE/DEVICE after at, found "worker1"'],
    [
      "replay a.pcap at w/a/b",
      '15:24 run.steps[0]: there is no machine "w"; the machines are manager, worker1, worker2, ext',
    ],
    ["replay a.pcap only up", '15:26 run.steps[0]: expected in or out after only, found "up"'],
    ["replay a.pcap speed 0", '15:27 run.steps[0]: expected a factor after speed such as 2 or 0.5, found "0"'],
    [
      "replay a.pcap sped 2",
      '15:21 run.steps[0]: unknown word "sped" of replay, expected at, from, only, as, speed, at-once; did you mean "speed"?',
    ],
  ])("%s", (step, mistake) => expect(mistakes(run(step))).toEqual([mistake]));

  test("all of them at once", () => expect(mistakes(run("a", "b", "c"))).toHaveLength(3));
});

describe("faults", () => {
  const run = (step: string): string => `${SMALL}run:\n  steps:\n    - ${step}\n`;
  const fault = (line: string): unknown => {
    const [step] = loadGood(run(line)).run.steps;
    return step?.kind === "fault" ? step.fault : undefined;
  };
  test.each<[string, unknown]>([
    ["link worker1 loss 10%", { kind: "link", machine: "worker1", change: { loss: 0.1 }, up: undefined }],
    [
      "link ext latency 5ms rate 10Mbit duplicate 1% reorder 0.5% mtu 1400",
      {
        kind: "link",
        machine: "ext",
        change: { latencyNs: 5e6, rate: 1e7, duplicate: 0.01, reorder: 0.005, mtu: 1400 },
        up: undefined,
      },
    ],
    [
      "link worker1 in drop 2,4-6",
      { kind: "link", machine: "worker1", change: { drop: [2, 4, 5, 6] }, direction: "in", up: undefined },
    ],
    ["link worker1 down", { kind: "link", machine: "worker1", change: {}, up: false }],
    ["link worker1 up", { kind: "link", machine: "worker1", change: {}, up: true }],
    ["node worker1 lost", { kind: "node", node: "worker1", lost: true }],
    ["node worker1 back", { kind: "node", node: "worker1", lost: false }],
    [
      "block worker1 udp dst port 4789",
      { kind: "block", machine: "worker1", filter: { protocol: 17, dstPort: { first: 4789, last: 4789 } } },
    ],
    [
      "block worker1 in tcp src host 10.0.9.3 and dst net 10.0.0.0/8 and src port 1024-65535",
      {
        kind: "block",
        machine: "worker1",
        filter: {
          direction: "in",
          protocol: 6,
          srcIp: { address: 0x0a000903, prefixLength: 32 },
          dstIp: { address: 0x0a000000, prefixLength: 8 },
          srcPort: { first: 1024, last: 65_535 },
        },
      },
    ],
    [
      "fdb worker1/overlay-front 02:42:0a:00:09:05 gone",
      {
        kind: "fdb",
        place: { node: "worker1", namespace: "overlay-front" },
        mac: 0x02420a000905,
        vtep: undefined,
      },
    ],
    [
      "fdb worker1/overlay-front 02:42:0a:00:09:05 at 192.168.77.13",
      {
        kind: "fdb",
        place: { node: "worker1", namespace: "overlay-front" },
        mac: 0x02420a000905,
        vtep: 0xc0a84d0d | 0,
      },
    ],
    [
      "neighbor worker1/web.1 10.0.9.5 gone",
      { kind: "neighbor", place: { node: "worker1", namespace: "web.1" }, ip: 0x0a000905, mac: undefined },
    ],
    [
      "neighbor worker1/web.1 10.0.9.5 at 02:42:0a:00:09:06",
      { kind: "neighbor", place: { node: "worker1", namespace: "web.1" }, ip: 0x0a000905, mac: 0x02420a000906 },
    ],
    ["checksum worker1 inner", { kind: "checksum", machine: "worker1", which: "inner" }],
    ["clear", { kind: "clear", machine: undefined }],
    ["clear worker1", { kind: "clear", machine: "worker1" }],
  ])("%s", (line, expected) => expect(fault(`fault ${line}`)).toEqual(expected));

  const kinds = "link, node, block, fdb, neighbor, checksum, encryption, clear";
  const linkWords = "latency, rate, loss, duplicate, reorder, mtu, drop, down, up";
  const filterWords = "expected in, out, udp, tcp, icmp, esp, src, dst, host, net or port";
  test.each([
    ["fault", `15:12 run.steps[0]: expected ${kinds} after fault, found nothing`],
    ["fault lnk a", `15:13 run.steps[0]: unknown fault "lnk", expected ${kinds}; did you mean "link"?`],
    ["fault link", "15:17 run.steps[0]: expected a machine, found nothing"],
    ["fault link worker1", `15:25 run.steps[0]: expected ${linkWords}, found nothing`],
    [
      "fault link worker1 lose 1%",
      `15:26 run.steps[0]: unknown fault of a link "lose", expected ${linkWords}; did you mean "loss"?`,
    ],
    ["fault link worker1 loss 101%", '15:31 run.steps[0]: expected a percentage such as 10% after loss, found "101%"'],
    ["fault link worker1 rate 0bit", '15:31 run.steps[0]: expected a rate such as 10Mbit after rate, found "0bit"'],
    ["fault link worker1 loss", "15:30 run.steps[0]: expected a percentage such as 10% after loss, found nothing"],
    [
      "fault link worker1 in drop 4-2",
      '15:34 run.steps[0]: expected numbers of frames such as 1,4-6 after drop, found "4-2"',
    ],
    ["fault link worker1 out", `15:29 run.steps[0]: expected ${linkWords}, found nothing`],
    ["fault link worker1 in down", "15:29 run.steps[0]: a cable is down or up in both directions"],
    ["fault node ext lost", '15:18 run.steps[0]: there is no node "ext"; the nodes are manager, worker1, worker2'],
    ["fault node worker1", "15:25 run.steps[0]: expected lost or back, found nothing"],
    ["fault block worker1", `15:26 run.steps[0]: ${filterWords}, found nothing`],
    ["fault block worker1 upd", `15:27 run.steps[0]: ${filterWords}, found "upd"`],
    ["fault block worker1 port 5", "15:27 run.steps[0]: expected src or dst before port"],
    ["fault block worker1 src port x", '15:36 run.steps[0]: expected a port such as 4789 after port, found "x"'],
    ["fault block worker1 src host x", '15:36 run.steps[0]: expected an address after host, found "x"'],
    ["fault fdb worker1", '15:17 run.steps[0]: expected NODE/NAMESPACE, found "worker1"'],
    ["fault fdb worker1/o x", '15:27 run.steps[0]: expected a MAC address such as 02:42:0a:00:09:05, found "x"'],
    [
      "fault fdb worker1/o 02:42:0a:00:09:05",
      "15:44 run.steps[0]: expected gone, or at and the address of a tunnel endpoint, found nothing",
    ],
    ["fault neighbor worker1/o 5", '15:32 run.steps[0]: expected an IPv4 address such as 10.0.9.5, found "5"'],
    ["fault neighbor worker1/o 10.0.9.5 at x", '15:44 run.steps[0]: expected a MAC address after at, found "x"'],
    ["fault checksum worker1 all", '15:30 run.steps[0]: expected inner or outer, found "all"'],
    ["fault encryption worker1", "15:31 run.steps[0]: expected unmarked or spi, found nothing"],
    ["fault encryption worker1 off", '15:32 run.steps[0]: expected unmarked or spi, found "off"'],
    ["fault link worker1 up &", "15:29 run.steps[0]: fault cannot run in the background"],
  ])("%s", (step, mistake) => expect(mistakes(run(step))).toEqual([mistake]));
});
