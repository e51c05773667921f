/** Requests by virtual IPs and published ports, from everywhere, to where they end: what clients and tasks see of it. */
import { describe, expect, test } from "vitest";
import { deploymentCommands } from "../../src/deployment.ts";
import { run, type RunResult } from "../../src/run.ts";
import { loadScenario } from "../../src/scenario/load.ts";
import type { Scenario } from "../../src/scenario/scenario.ts";
import { loadGood } from "../scenario/loading.ts";

const WHO = "Content-Type: text/plain\n\n$HOSTNAME $REMOTE_ADDR\n";

interface Setting {
  readonly version?: string;
  readonly network?: Readonly<Record<string, unknown>>;
  readonly kernel?: readonly string[];
  readonly services?: Readonly<Record<string, unknown>>;
  /** Who is first is nobody's choice. */
  readonly isFree?: boolean;
}

/** Three nodes; web has a task on h1 and one on h2, and port 8080 leads to it; client is everywhere. */
function go(setting: Setting, ...steps: readonly string[]): RunResult {
  return run(scenarioOf(setting, steps));
}

function scenarioOf(
  { version = "20.10", network = {}, kernel = [], services = {}, isFree = false }: Setting,
  steps: readonly string[],
): Scenario {
  const text = JSON.stringify({
    cluster: { docker: version, kernel, nodes: ["h1", "h2", "h3"], hosts: [{ name: "ext" }] },
    compose: {
      services: {
        web: {
          image: "bb",
          command: "httpd -f -p 80 -h /www",
          networks: ["net"],
          ports: ["8080:80"],
          deploy: { replicas: 2 },
        },
        client: { image: "bb", command: "sleep 1d", networks: ["net"], deploy: { mode: "global" } },
        ...services,
      },
      networks: { net: { attachable: true, ...network } },
    },
    placement: { "web.1": "h1", "web.2": "h2" },
    pins: {
      containers: { "web.1": "111111111111", "web.2": "222222222222" },
      balancing: Object.fromEntries(
        (isFree ? [] : ["h1", "h2", "h3"]).flatMap((node) =>
          ["lb-net", "ingress_sbox"].map((sandbox) => [`${node}/${sandbox}`, { web: ["web.1", "web.2"] }]),
        ),
      ),
    },
    images: { bb: { files: { "/www/index.html": "hello\n", "/www/cgi-bin/who": WHO } } },
    run: { steps },
  });
  const loaded = loadScenario(text, { file: "s.yml", readFile: () => "" });
  if (!loaded.ok) throw new Error(loaded.diagnostics.map(({ message }) => message).join("\n"));
  return loaded.scenario;
}

const outputs = ({ steps }: RunResult): readonly string[] =>
  steps.map(({ output }) => output.join("\n").replace(/\[::ffff:(.*)\]/, "$1"));
const TASK_1 = "111111111111";
const TASK_2 = "222222222222";
const who = (host: string): string => `curl -sS --max-time 3 http://${host}/cgi-bin/who`;

describe.each(["20.10", "28"])("a published port, Docker %s", (version) => {
  test("asked on each node, also on one without a task: the tasks take turns, and see that node's ingress address", () => {
    const ask = ["11", "12", "13"].flatMap((end) => [
      `on ext ${who(`192.168.77.${end}:8080`)}`,
      `on ext ${who(`192.168.77.${end}:8080`)}`,
    ]);
    expect(outputs(go({ version }, ...ask))).toEqual([
      `${TASK_1} 10.0.0.2`,
      `${TASK_2} 10.0.0.2`,
      `${TASK_1} 10.0.0.3`,
      `${TASK_2} 10.0.0.3`,
      `${TASK_1} 10.0.0.4`,
      `${TASK_2} 10.0.0.4`,
    ]);
  });

  test("asked on the node itself, by 127.0.0.1 and by its address; by another node; by a container here and elsewhere", () => {
    const result = go(
      { version },
      `on h3 ${who("127.0.0.1:8080")}`,
      `on h3 ${who("192.168.77.13:8080")}`,
      `on h1 ${who("192.168.77.13:8080")}`,
      `exec client.h3 ${who("192.168.77.13:8080")}`,
      `exec client.h3 ${who("172.18.0.1:8080")}`,
      `exec client.h1 ${who("192.168.77.13:8080")}`,
      // A task asks its own service.
      `exec web.1 ${who("192.168.77.13:8080")}`,
      `exec web.2 ${who("192.168.77.12:8080")}`,
      `exec web.2 ${who("192.168.77.12:8080")}`,
    );
    const from3 = (task: string): string => `${task} 10.0.0.4`;
    expect(outputs(result)).toEqual([
      from3(TASK_1),
      from3(TASK_2),
      from3(TASK_1),
      from3(TASK_2),
      from3(TASK_1),
      from3(TASK_2),
      from3(TASK_1),
      `${TASK_1} 10.0.0.3`,
      `${TASK_2} 10.0.0.3`,
    ]);
  });

  test("without Docker's rules dockerd takes the connection and never answers; without the service nobody does", () => {
    const ask = `on ext ${who("192.168.77.13:8080")}`;
    const result = go(
      { version },
      "on h3 iptables -t nat -F DOCKER-INGRESS",
      ask,
      "docker service rm web",
      "sleep 30s",
      ask,
    );
    expect(outputs(result)[1]).toMatch(
      /^curl: \(28\) Operation timed out after 3\d\d\d milliseconds with 0 bytes received$/,
    );
    expect(outputs(result)[4]).toMatch(/^curl: \(7\) Failed to connect to 192\.168\.77\.13 port 8080/);
  });

  test("of a service without tasks that take connections: refused at once", () => {
    const ask = `on ext ${who("192.168.77.13:8080")}`;
    const result = go({ version }, "docker service scale -d web=0", "sleep 3s", ask);
    expect(outputs(result)[2]).toMatch(/^curl: \(7\) Failed to connect to 192\.168\.77\.13 port 8080 after \d ms/);
  });

  test("of a service that is scaled down: those that are left have all that is new", () => {
    const ask = `on ext ${who("192.168.77.13:8080")}`;
    const result = go({ version }, "docker service scale -d web=1", "sleep 3s", ask, ask, "sleep 20s", ask);
    expect(outputs(result).filter((line) => line.includes("10.0.0."))).toEqual(Array(3).fill(`${TASK_1} 10.0.0.4`));
  });
});

describe("a virtual IP", () => {
  test("by the service's name: the tasks take turns, and see the load balancer of the client's node", () => {
    const result = go({}, ...Array<string>(3).fill(`exec client.h3 ${who("web")}`), `exec client.h1 ${who("web")}`);
    expect(outputs(result)).toEqual([
      `${TASK_1} 10.0.1.11`,
      `${TASK_2} 10.0.1.11`,
      `${TASK_1} 10.0.1.11`,
      `${TASK_1} 10.0.1.5`,
    ]);
  });

  test("asked by one of its own tasks, which may get it back itself", () => {
    const result = go({}, `exec web.1 ${who("web")}`, `exec web.1 ${who("web")}`);
    expect(outputs(result)).toEqual([`${TASK_1} 10.0.1.5`, `${TASK_2} 10.0.1.5`]);
  });

  test("all its ports are the tasks': the published one is not among them, and who does not listen says so himself", () => {
    const result = go({}, `exec client.h3 ${who("web:8080")}`, "exec client.h3 ping -c 1 web");
    expect(outputs(result)[0]).toMatch(/^curl: \(7\)/);
    // An echo is answered by the load balancer, whoever runs or not.
    expect(outputs(result)[1]).toContain("1 packets received");
  });

  test("names: the service's is one address, tasks.web are as many as there are tasks, also without a virtual IP", () => {
    const rr = { image: "bb", networks: ["net"], deploy: { replicas: 3, endpoint_mode: "dnsrr" } };
    const result = go(
      { services: { rr } },
      "exec client.h3 nslookup web",
      "exec client.h3 nslookup tasks.web",
      "exec client.h3 nslookup rr",
    );
    const count = (text: string): number => [...text.matchAll(/^Address: 10\./gm)].length;
    expect(outputs(result).map(count)).toEqual([1, 2, 3]);
  });

  test("of a service one of whose tasks is disconnected from the network: the other has all that is new", () => {
    const ask = `exec client.h3 ${who("web")}`;
    const asked = outputs(go({}, "on h1 docker network disconnect net web.1", "sleep 1s", ask, ask, ask)).slice(2);
    expect(asked.map((output) => output.split(" ")[0])).toEqual([TASK_2, TASK_2, TASK_2]);
  });

  test("of a service that is gone: nobody has it any more", () => {
    const result = go({}, "docker service rm web", "sleep 30s", "exec client.h3 ping -c 1 -W 1 10.0.1.2");
    expect(outputs(result)[2]).toContain("0 packets received");
  });

  test("direct server return: tasks see the client, and answer for the virtual IP", () => {
    const result = go(
      { network: { driver_opts: { dsr: "" } } },
      `exec client.h3 ${who("web")}`,
      `exec client.h3 ${who("web")}`,
    );
    expect(outputs(result)).toEqual([`${TASK_1} 10.0.1.10`, `${TASK_2} 10.0.1.10`]);
  });
});

test("a deployment as commands has all of it", () => {
  const commands = deploymentCommands(scenarioOf({ isFree: true }, [])).filter((line) => line.startsWith("h3/lb-net#"));
  expect(commands.filter((line) => /ipvs|MARK|\/32 dev eth0/.test(line))).toEqual([
    "h3/lb-net# ip address add 10.0.1.2/32 dev eth0",
    "h3/lb-net# ip address add 10.0.1.7/32 dev eth0",
    "h3/lb-net# iptables -t nat -A POSTROUTING -d 10.0.1.0/24 -m ipvs --ipvs -j SNAT --to-source 10.0.1.11",
    "h3/lb-net# iptables -t mangle -A INPUT -d 10.0.1.2/32 -j MARK --set-xmark 0x101/0xffffffff",
    "h3/lb-net# ipvsadm -A -f 257 -s rr",
    "h3/lb-net# ipvsadm -a -f 257 -r 10.0.1.3 -m -w 1",
    "h3/lb-net# ipvsadm -a -f 257 -r 10.0.1.4 -m -w 1",
    "h3/lb-net# iptables -t mangle -A INPUT -d 10.0.1.7/32 -j MARK --set-xmark 0x102/0xffffffff",
    "h3/lb-net# ipvsadm -A -f 258 -s rr",
    "h3/lb-net# ipvsadm -a -f 258 -r 10.0.1.8 -m -w 1",
    "h3/lb-net# ipvsadm -a -f 258 -r 10.0.1.9 -m -w 1",
    "h3/lb-net# ipvsadm -a -f 258 -r 10.0.1.10 -m -w 1",
  ]);
});

test("a node without IPVS has neither", () => {
  const result = go({ kernel: ["no ip_vs"] }, `on ext ${who("192.168.77.13:8080")}`, `exec client.h3 ${who("web")}`);
  expect(outputs(result)[0]).toMatch(/^curl: \(7\) Failed to connect/);
  expect(outputs(result)[1]).toMatch(/^curl: \((7|28)\)/);
});

describe("what Docker says of published ports", () => {
  const said = (version: string, ...steps: readonly string[]): readonly string[] =>
    outputs(go({ version }, ...steps)).map((text) => text.replaceAll(/\b(?:[0-9a-z]{25}|[0-9a-f]{64})\b/g, "ID"));

  test.each([
    [
      "a port that another service has",
      "docker service create --publish 8080:81 bb",
      "rpc error: code = InvalidArgument desc = port '8080' is already in use by service 'web' (ID) as an ingress port",
    ],
    [
      "also on nodes only",
      "docker service create --publish mode=host,published=8080,target=81 bb",
      "rpc error: code = InvalidArgument desc = port '8080' is already in use by service 'web' (ID) as an ingress port",
    ],
    [
      "and by a change",
      "docker service update --publish-add 8080:81 client",
      "rpc error: code = InvalidArgument desc = port '8080' is already in use by service 'web' (ID) as an ingress port",
    ],
    [
      "a port without a virtual IP",
      "docker service create --endpoint-mode dnsrr --publish 8081:81 bb",
      "rpc error: code = InvalidArgument desc = EndpointSpec: port published with ingress mode can't be used with dnsrr mode",
    ],
    [
      "a port twice, in whatever mode",
      "docker service update --publish-add published=8080,target=81,mode=host web",
      "rpc error: code = InvalidArgument desc = EndpointSpec: duplicate published ports provided",
    ],
    ["a network that is not there", "docker service update --network-add nowhere web", "network nowhere not found"],
    [
      "a name that is none in DNS",
      "docker service create --name a.b bb",
      "rpc error: code = InvalidArgument desc = name must be valid as a DNS name component",
    ],
    [
      "and by a change",
      "docker service update --endpoint-mode dnsrr web",
      "rpc error: code = InvalidArgument desc = EndpointSpec: port published with ingress mode can't be used with dnsrr mode",
    ],
  ])("%s: %s", (_, command, message) => {
    expect(said("28", command)).toEqual([`Error response from daemon: ${message}`]);
  });

  test("a port that dockerd holds is not a container's", () => {
    const command = "on h3 docker run --name cc -d -p 8080:80 bb";
    const endpoint = "driver failed programming external connectivity on endpoint cc (ID)";
    expect(said("20.10", command)[0]).toContain(
      `${endpoint}: Error starting userland proxy: listen tcp4 0.0.0.0:8080: bind: address already in use.`,
    );
    expect(said("28", command)[0]).toContain(
      `${endpoint}: failed to bind host port 0.0.0.0:8080/tcp: address already in use.`,
    );
  });

  test("ports that are handed out begin at 30000, each protocol has its own; a change keeps them if there are as many", () => {
    const ports = "docker service ls --format {{.Name}}:{{.Ports}}";
    const result = said(
      "28",
      "docker service create -d --name a --publish 80 --publish 53/udp bb",
      "docker service create -d --name b --publish 80 --publish 30001:81 bb",
      "docker service update -d --publish-rm 53/udp --publish-add 54 a",
      ports,
      "docker service update -d --publish-add 82 a",
      ports,
      "docker service rm a",
      "docker service create -d --name c --publish 80 bb",
      ports,
    );
    const others = ["client:", "web:*:8080->80/tcp"];
    const b = "b:*:30001->81/tcp, *:30002->80/tcp";
    expect(result[3]!.split("\n")).toEqual(["a:*:30000->80/tcp, *:30003->54/tcp", b, ...others]);
    // One more: all are drawn anew. What has been given back has its turn again when all others have had theirs.
    expect(result[5]!.split("\n")).toEqual(["a:*:30004->54/tcp, *:30005->80/tcp, *:30006->82/tcp", b, ...others]);
    expect(result[8]!.split("\n")).toEqual([b, "c:*:30007->80/tcp", ...others]);
  });

  test("a port is taken away by its target, protocol and mode", () => {
    const result = said(
      "28",
      "docker service create -d --name a -p 90:80 -p 91:80/udp -p published=92,target=80,mode=host bb",
      "docker service update -d --publish-rm 80 a",
      "docker service inspect a --format '{{json .Spec.EndpointSpec.Ports}}'",
    );
    const left = JSON.parse(result[2]!) as readonly { readonly PublishedPort: number }[];
    expect(left.map(({ PublishedPort }) => PublishedPort)).toEqual([91, 92]);
  });

  test("ports in a row are one range, if they are so on both sides", () => {
    const result = said(
      "28",
      "docker service create -d --name a --publish 8001:80 --publish 8002:81 --publish 8003:81 --publish 8004:80 bb",
      "docker service ls --filter name=a --format {{.Ports}}",
    );
    expect(result[1]!.split("\n")).toContain("*:8001-8002->80-81/tcp, *:8003->81/tcp, *:8004->80/tcp");
  });

  test("a task in the host's network and in the mesh's is rejected, and so is the one that is made ready, and others every five seconds", () => {
    const result = said(
      "28",
      "docker service create -d --name a --network host --publish 90:90 bb",
      "sleep 12s",
      "docker service ps --no-trunc a",
    );
    const rejected = [...result[2]!.matchAll(/Rejected (.*?) {3}.*"(.*)"/g)];
    expect(rejected.map(([, ago]) => ago!.trim())).toEqual(
      ["1", "6", "11", "11"].map((count) => `${count} second${count === "1" ? "" : "s"} ago`),
    );
    expect(rejected[0]![2]).toBe("container cannot be disconnected from host network or connected to host network");
  });

  test("a host's port that all suitable nodes have given away leaves tasks pending", () => {
    const result = said(
      "28",
      "docker service create -d --name a --replicas 4 --publish mode=host,published=90,target=90 bb",
      "sleep 3s",
      "docker service ps a",
      "docker service ps --no-trunc a",
    );
    expect(result[2]).toContain('"no suitable node (host-mode p…"');
    expect(result[3]).toContain("no suitable node (host-mode port already in use on 3 nodes)");
  });

  test("who serves what, as the node knows it", () => {
    const [printed] = outputs(go({}, "docker network inspect --verbose ingress"));
    const [{ Services }] = JSON.parse(printed!) as [
      {
        Services: Record<
          string,
          { VIP: string; Ports: string[]; LocalLBIndex: number; Tasks: { EndpointIP: string }[] }
        >;
      },
    ];
    expect(Object.keys(Services!)).toEqual(["", "web"]);
    expect(Services![""]!.Tasks.map(({ EndpointIP }) => EndpointIP).toSorted()).toEqual([
      "10.0.0.2",
      "10.0.0.3",
      "10.0.0.4",
    ]);
    expect(Services!["web"]).toMatchObject({
      VIP: "10.0.0.5",
      Ports: ["Target: 80, Publish: 8080"],
      LocalLBIndex: 256,
    });
    expect(Services!["web"]!.Tasks.map(({ EndpointIP }) => EndpointIP).toSorted()).toEqual(["10.0.0.6", "10.0.0.7"]);
  });
});

test("a stack of many services is there whole when the clock begins", () => {
  const services = Array.from(
    { length: 420 },
    (_, index) => `    s${index}: { image: nginx, ports: ["${10_000 + index}:80"] }`,
  );
  const { steps } = run(
    loadGood(`cluster:
  nodes: 2
  default_addr_pool: 10.0.0.0/8
  default_addr_pool_mask_length: 16
compose:
  services:
${services.join("\n")}
run:
  steps:
    - docker service ls --format "{{.Replicas}}"
    - netns node-2 ingress_sbox ipvsadm -Ln
`),
  );
  const [listed, balanced] = steps.map(({ output }) => output);
  expect(new Set(listed)).toEqual(new Set(["1/1"]));
  expect(balanced!.filter((line) => line.includes("Masq"))).toHaveLength(420);
});
