/** Encrypted overlays as a whole: what crosses the underlay, and what goes wrong with them. */
import { describe, expect, test } from "vitest";
import { dissect, LayerKind, Layers } from "@hopscope/codec";
import * as esp from "@hopscope/codec/esp";
import * as ipv4 from "@hopscope/codec/ipv4";
import { aesGcm } from "../../../cli/src/aes-gcm.ts";
import { run, type RunResult } from "../../src/run.ts";
import { dropReasonName, type DropReason } from "../../src/trace/drop-reason.ts";
import { espSaTable } from "../../src/trace/esp-sa.ts";
import { Direction } from "../../src/trace/recorder.ts";
import { StepKind } from "../../src/trace/step.ts";
import { loadGood } from "../scenario/loading.ts";

interface Options {
  /** Lines of the cluster, beside its nodes. */
  readonly cluster?: string;
  readonly nodes?: string;
  readonly more?: string;
  readonly driver?: string;
  readonly addresses?: string;
  readonly placement?: string;
}

function go(
  steps: readonly string[],
  { cluster = "", nodes = "[a, b, c]", more = "", driver = "", addresses = "", placement = "" }: Options = {},
): RunResult {
  const lines = steps.map((step) => `    - ${step}\n`).join("");
  const scenario = loadGood(`cluster:
  nodes: ${nodes}
  docker: 20.10
${cluster}compose:
  services:
    web: { image: busybox, deploy: { replicas: 2 }, networks: [sec] }
  networks:
    sec: { driver_opts: { encrypted: ""${driver} }, ipam: { config: [{ subnet: 10.0.9.0/24 }] } }
placement: { web.1: a, web.2: b${placement} }
addresses: { web.1: 10.0.9.3, web.2: 10.0.9.4${addresses} }
${more}run:
  steps:
${lines}`);
  return run(scenario, { aead: aesGcm });
}

const PING = "exec web.1 ping -c 1 -W 1 10.0.9.4";

const statuses = ({ steps }: RunResult): readonly (number | undefined)[] => steps.map(({ status }) => status);
const outputs = ({ steps }: RunResult): string => steps.flatMap(({ output }) => output).join("\n");

/** What left a node by its interface: `esp SPI SEQUENCE LENGTH`, `vxlan LENGTH`, `part of protocol 50 LENGTH`. */
function sent({ mesh: { recorder } }: RunResult, node: string): string[] {
  const layers = new Layers();
  const found: string[] = [];
  for (let hop = 0; hop < recorder.hopCount; hop++) {
    const point = recorder.pointAt(recorder.point(hop));
    if (point.node !== node || point.device !== "eth0" || point.namespace !== "host") continue;
    if (recorder.direction(hop) !== Direction.out) continue;
    const bytes = recorder.bytes(hop);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    dissect(view, 0, bytes.length, 1, layers);
    const ip = layers.find(LayerKind.ipv4);
    const at = layers.find(LayerKind.esp);
    if (ip < 0) continue;
    const length = ipv4.totalLength(view, layers.start(ip));
    if (layers.isFragment) found.push(`part of protocol ${ipv4.protocol(view, layers.start(ip))} ${length}`);
    else if (at >= 0) {
      const spi = esp.spi(view, layers.start(at)).toString(16);
      found.push(`esp ${spi} ${esp.sequence(view, layers.start(at))} ${length}`);
    } else if (layers.find(LayerKind.vxlan) >= 0) found.push(`vxlan ${length}`);
  }
  return found;
}

/** Reasons for which something ended on a node itself. */
function drops({ mesh: { recorder } }: RunResult): string[] {
  const found: string[] = [];
  for (let hop = 0; hop < recorder.hopCount; hop++) {
    const { node, namespace, device } = recorder.pointAt(recorder.point(hop));
    if (namespace !== "host" && !namespace.startsWith("overlay-")) continue;
    recorder.steps(hop, (kind, a) => {
      const reason = dropReasonName(a as DropReason);
      if (kind === StepKind.drop && reason !== "OTHERHOST") found.push(`${node}/${namespace}/${device} ${reason}`);
    });
  }
  return found;
}

const PINNED: Options = {
  more: `pins:
  encryption:
    keys: [43cf68ccb22eef555199596b3daa83ad, 17f25ce36db530e31649141c4ea2d4b6, 32cddb8f11340b20ebab6fd6148c45d8]
    first_tag: 0x64e8
`,
};

describe("an encrypted overlay", () => {
  test("crosses the underlay as ESP, with the SPIs that the real swarm had for the same keys", () => {
    const result = go([PING, "exec web.1 ping -c 1 -W 1 10.0.9.4"], PINNED);
    expect(statuses(result)).toEqual([0, 0]);
    expect(sent(result, "a")).toEqual(["esp 453f6df3 1 160", "esp 453f6df3 2 160"]);
    expect(sent(result, "b")).toEqual(["esp addb45b7 1 160", "esp addb45b7 2 160"]);
    expect(drops(result)).toEqual([]);
  });

  test("has an MTU of 1424, which is exactly 1500 outside; longer packets are cut inside", () => {
    const result = go(
      [
        "exec web.1 ip -o link show eth0",
        "exec web.1 iping -M do -c 1 -W 1 -s 1396 10.0.9.4",
        "exec web.1 iping -M do -c 1 -W 1 -s 1397 10.0.9.4",
        "exec web.1 iping -M dont -c 1 -W 1 -s 1500 10.0.9.4",
      ],
      PINNED,
    );
    expect(statuses(result)).toEqual([0, 0, 1, 0]);
    expect(outputs(result)).toContain("mtu 1424 ");
    expect(outputs(result)).toContain("local error: message too long, mtu=1424");
    const lengths = sent(result, "a").map((line) => Number(line.split(" ")[3]));
    expect(lengths).toEqual([1500, 1496, 204]);
  });

  test("takes the MTU that the driver is told down to whole words", () => {
    const mtu = (base: number): string =>
      outputs(go(["exec web.1 ip -o link show eth0"], { driver: `, com.docker.network.driver.mtu: ${base}` }));
    expect(mtu(1450)).toContain("mtu 1372 ");
    expect(mtu(1420)).toContain("mtu 1344 ");
    expect(mtu(9000)).toContain("mtu 8924 ");
  });

  test("is encrypted in the order of the hooks: marked, seen by postrouting as it is, then as ESP", () => {
    const result = go(
      [
        "on a iptables -t mangle -A POSTROUTING -p udp --dport 4789 -m policy --dir out --pol ipsec -j RETURN",
        "on a iptables -t mangle -A POSTROUTING -p esp -m policy --dir out --pol none -j RETURN",
        "on b iptables -t mangle -A PREROUTING -p esp -m policy --dir in --pol none -j RETURN",
        "on b iptables -t mangle -A PREROUTING -p udp -m policy --dir in --pol ipsec -j RETURN",
        "on b iptables -t filter -A INPUT -p esp -j ACCEPT",
        PING,
        "on a iptables-save -c -t mangle",
        "on b iptables-save -c",
      ],
      PINNED,
    );
    const saved = outputs(result);
    expect(saved).toContain(
      '[1:134] -A OUTPUT -p udp -m udp --dport 4789 -m u32 --u32 "0x0>>0x16&0x3c@0xc&0xffffff00=0x100100" -j MARK --set-xmark 0xd0c4e3/0xffffffff',
    );
    expect(saved).toContain(
      "[1:134] -A POSTROUTING -p udp -m udp --dport 4789 -m policy --dir out --pol ipsec -j RETURN",
    );
    expect(saved).toContain("[1:160] -A POSTROUTING -p esp -m policy --dir out --pol none -j RETURN");
    expect(saved).toContain("[1:160] -A PREROUTING -p esp -m policy --dir in --pol none -j RETURN");
    expect(saved).toContain("[1:134] -A PREROUTING -p udp -m policy --dir in --pol ipsec -j RETURN");
    expect(saved).toContain("[1:160] -A INPUT -p esp -j ACCEPT");
    expect(saved).toMatch(/\[1:134\] -A INPUT -p udp -m policy --dir in --pol ipsec .* -j ACCEPT/);
    expect(saved).toMatch(/\[0:0\] -A INPUT -p udp -m policy --dir in --pol none .* -j DROP/);
  });
});

describe("keys", () => {
  test("are renewed while packets are under way, and none is lost", () => {
    const result = go(["exec web.1 iping -i 0.5 -c 20 -W 1 10.0.9.4", "on a ip xfrm state count"], {
      ...PINNED,
      cluster: "  key_rotation: 3s\n",
    });
    expect(outputs(result)).toContain("20 packets transmitted, 20 received, 0% packet loss");
    expect(outputs(result)).toContain("\t SAD count 4");
    const spis = new Set(sent(result, "a").map((line) => line.split(" ")[1]));
    expect(spis.size).toBeGreaterThanOrEqual(4);
    // Each association counts from one.
    for (const spi of spis) expect(sent(result, "a").filter((line) => line.includes(` ${spi} 1 `))).toHaveLength(1);
    expect(drops(result)).toEqual([]);
    const lines = espSaTable(result.mesh).split("\n").slice(0, -1);
    for (const spi of spis) expect(lines.filter((line) => line.includes(`"0x${spi}"`))).toHaveLength(1);
  });

  test("last for twelve hours, unless the scenario says otherwise", () => {
    const lookAt = (time: string): string => outputs(go([`sleep ${time}`, "on a ip xfrm policy"], PINNED));
    expect(lookAt("11h59m")).toContain("spi 0x453f6df3 ");
    expect(lookAt("12h1m")).toContain("spi 0x61516a32 ");
  });
});

describe("a node that has no session with the managers", () => {
  test("gets no new keys: it is understood for one renewal, and after the second no more", () => {
    const result = go(
      [
        "fault block b out tcp dst port 2377",
        "sleep 1.7s",
        PING,
        "sleep 1.4s",
        PING,
        "fault clear",
        "sleep 300ms",
        PING,
      ],
      { ...PINNED, cluster: "  key_rotation: 1500ms\n" },
    );
    const pings = result.steps.filter(({ step }) => step.text === PING);
    expect(pings.map(({ status }) => status)).toEqual([0, 1, 0]);
    expect(drops(result)).toEqual(["b/host/eth0 XfrmInNoStates"]);
  });

  test("because it was off, begins with those of today", () => {
    const result = go(
      [
        "fault node c lost",
        "sleep 10s",
        "fault node c back",
        "sleep 60s",
        "on a docker service scale web=3",
        "sleep 30s",
        "exec web.1 ping -c 1 -W 1 10.0.9.5",
        "on c ip xfrm state count",
      ],
      { ...PINNED, cluster: "  key_rotation: 3s\n", addresses: ", web.3: 10.0.9.5", placement: ", web.3: c" },
    );
    expect(result.steps.find(({ step }) => step.text.includes("ping"))!.status).toBe(0);
    expect(outputs(result)).toContain("SAD count 8");
  });
});

describe("networks that come and go", () => {
  test("docker network create --opt encrypted, and containers on it", () => {
    const result = go([
      "docker network create -d overlay --attachable --opt encrypted later",
      "on a docker network inspect -f '{{json .Options}}' later",
      "on a docker run -d --name xx --network later --ip 10.0.1.5 busybox sleep 1d",
      "on c docker run -d --name yy --network later --ip 10.0.1.6 busybox sleep 1d",
      "sleep 2s",
      "exec xx ping -c 1 -W 1 10.0.1.6",
      "on c ip xfrm state count",
      "on c docker rm -f yy",
      "sleep 20s",
      "on c ip xfrm state count",
      "on c ip xfrm policy count",
      "on c iptables-save -t mangle",
    ]);
    expect(statuses(result)).toEqual(result.steps.map(() => 0));
    const text = outputs(result);
    expect(text).toContain('"encrypted":""');
    expect(text).toContain("1 packets transmitted, 1 packets received");
    expect(sent(result, "c").filter((line) => line.startsWith("vxlan"))).toEqual([]);
    expect(sent(result, "c").filter((line) => line.startsWith("esp"))).toHaveLength(1);
    expect(text.match(/SAD count \d/g)).toEqual(["SAD count 4", "SAD count 0"]);
    expect(text).toContain("\t SPD IN  0 OUT 0 FWD 0");
    expect(result.steps.at(-1)!.output.join("\n")).not.toContain("0xd0c4e3");
  });

  test("an underlay that is too small: ESP is cut outside, and put together before it is decrypted", () => {
    const result = go(["exec web.1 iping -M dont -c 1 -W 1 -s 1310 10.0.9.4"], {
      ...PINNED,
      cluster: "  underlay: { mtu: 1400 }\n",
    });
    expect(statuses(result)).toEqual([0]);
    expect(sent(result, "a")).toEqual(["part of protocol 50 1396", "part of protocol 50 40"]);
    expect(drops(result)).toEqual([]);
  });
});

describe("what goes wrong", () => {
  test("protocol 50 is blocked on the way: it leaves, and never arrives", () => {
    const result = go(["fault block b in esp", PING, "fault clear", PING], PINNED);
    expect(statuses(result)).toEqual([0, 1, 0, 0]);
    expect(sent(result, "a")).toEqual(["esp 453f6df3 1 160", "esp 453f6df3 2 160"]);
    expect(drops(result)).toEqual(["switch/host/p-b FIREWALL"]);
  });

  test("a node's SPIs are another release's: nobody knows what it sends", () => {
    const result = go(["fault encryption a spi", PING, "on b cat /proc/net/xfrm_stat", "fault clear", PING], PINNED);
    expect(statuses(result)).toEqual([0, 1, 0, 0, 0]);
    expect(drops(result)).toEqual(["b/host/eth0 XfrmInNoStates"]);
    expect(outputs(result)).toContain("XfrmInNoStates          \t1");
  });

  test("so it is between nodes of 28 and of 29.0", () => {
    const result = go([PING], { nodes: "[{name: a, docker: '29'}, {name: b, docker: '28'}, c]" });
    expect(statuses(result)).toEqual([1]);
    expect(drops(result)).toEqual(["b/host/eth0 XfrmInNoStates"]);
    expect(statuses(go([PING], { nodes: "[{name: a, docker: '29'}, {name: b, docker: '29'}, c]" }))).toEqual([0]);
    expect(statuses(go([PING], { nodes: "[{name: a, docker: '24.0'}, {name: b, docker: '20.10'}, c]" }))).toEqual([0]);
  });

  test("packets are not marked: they cross in the clear, and are dropped by the rule", () => {
    const result = go(["fault encryption a unmarked", PING, "fault clear a", PING], PINNED);
    expect(statuses(result)).toEqual([0, 1, 0, 0]);
    expect(sent(result, "a")).toEqual(["vxlan 134", "esp 453f6df3 1 160"]);
    expect(drops(result)).toEqual(["b/host/eth0 NETFILTER_DROP"]);
  });

  test("another data path port: up to 20.10 policies name 4789, and nothing is encrypted", () => {
    const port = "  data_path_port: 5789\n";
    const old = go([PING], { cluster: port });
    expect(statuses(old)).toEqual([1]);
    expect(drops(old)).toEqual(["b/host/eth0 NETFILTER_DROP"]);
    const fixed = go([PING], { cluster: port, nodes: "[{name: a, docker: '23.0'}, {name: b, docker: '23.0'}, c]" });
    expect(statuses(fixed)).toEqual([0]);
  });

  test("a run without a cipher says so", () => {
    const scenario = loadGood(`cluster: { nodes: 2 }
compose:
  services: { web: { image: busybox, deploy: { replicas: 2 }, networks: [sec] } }
  networks: { sec: { driver_opts: { encrypted: "" } } }
run: { steps: [sleep 1s] }
`);
    expect(() => run(scenario)).toThrow(/an encrypted network needs a cipher/);
  });
});
