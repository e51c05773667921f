/** run, inspect and replay, on files. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync, existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { openCaptureSync } from "@hopscope/tracer/reader";
import { afterAll, describe, expect, it } from "vitest";
import { ARP, bytesOf, outcomeOf, pcapOf } from "./fake.ts";

const FOLDER = mkdtempSync(join(tmpdir(), "hopscope-"));
afterAll(() => rmSync(FOLDER, { recursive: true }));

let files = 0;
function fileOf(content: string | Uint8Array, name = `file${files++}`): string {
  const path = join(FOLDER, name);
  writeFileSync(path, content);
  return path;
}

function scenarioOf(steps: readonly string[], setup: readonly string[] = []): string {
  const list = (name: string, of: readonly string[]): string =>
    of.length === 0 ? "" : `  ${name}:\n${of.map((step) => `    - ${step}\n`).join("")}`;
  return fileOf(`cluster: { nodes: [manager, worker1] }
compose:
  services:
    web: { image: busybox, deploy: { replicas: 2 }, networks: [front] }
  networks:
    front: { ipam: { config: [{ subnet: 10.0.9.0/24 }] } }
placement: { web.1: manager, web.2: worker1 }
run:
${list("setup", setup)}${list("steps", steps)}`);
}

const PING = "exec web.1 ping -q -c 1 10.0.9.4";
/** Who has 10.0.9.4, from web.1 at 10.0.9.3. */
const QUESTION = bytesOf("ffffffffffff02420a0009030806000108000604000102420a0009030a0009030000000000000a000904");

function namesIn(path: string): string[] {
  const reader = openCaptureSync(path);
  const names = new Set<string>();
  while (reader.next()) names.add(`${reader.interface.name} ${reader.direction}`);
  return [...names];
}

describe("run", () => {
  it("prints steps, hops and output, and writes the trace", async () => {
    const target = join(FOLDER, "made", "by it");
    const { code, out, err } = await outcomeOf(["run", scenarioOf([PING]), "-o", target]);
    expect([code, err]).toEqual([0, ""]);
    expect(out).toMatch(/^\[0\.000 ms\] \$ exec web\.1 ping -q -c 1 10\.0\.9\.4\n +80\.\d{3} ms #1 /);
    expect(out).toContain("  | 1 packets transmitted, 1 packets received, 0% packet loss\n");
    expect(out).toMatch(/\n\d+ hops of \d+ packets at \d+ points.* -> .*trace\.pcapng\n$/);
    expect(namesIn(join(target, "trace.pcapng"))).toContain("manager/web.1/eth0 out");
  });

  it("writes the keys of encrypted networks for Wireshark, and says how to use them", async () => {
    const target = join(FOLDER, "sealed");
    const scenario = scenarioOf([PING]);
    const plain = readFileSync(scenario, "utf8");
    expect((await outcomeOf(["run", scenario, "-o", target])).out).not.toContain("esp_sa");
    expect(existsSync(join(target, "esp_sa"))).toBe(false);
    const sealed = fileOf(plain.replace("front: { ipam", 'front: { driver_opts: { encrypted: "" }, ipam'));
    const { code, out } = await outcomeOf(["run", sealed, "-o", target]);
    expect(code).toBe(0);
    expect(out).toMatch(/ESP spi 0x[0-9a-f]{8} seq 1: encrypted[\s\S]*ESP spi 0x[0-9a-f]{8} seq 1: decrypted/);
    expect(out).toContain(
      `\n6 security associations -> ${join(target, "esp_sa")}; to read what is inside of ESP:\n  WIRESHARK_CONFIG_DIR=${target} tshark -o esp.enable_encryption_decode:TRUE -r ${join(target, "trace.pcapng")}\n`,
    );
    const lines = readFileSync(join(target, "esp_sa"), "utf8").split("\n").slice(0, -1);
    expect(lines).toHaveLength(6);
    for (const line of lines)
      expect(line).toMatch(
        /^"IPv4","192\.168\.77\.1[12]","192\.168\.77\.1[12]","0x(?<spi>[0-9a-f]{8})","AES-GCM with 8 octet ICV \[RFC4106\]","0x[0-9a-f]{32}\k<spi>","NULL",""$/,
      );
  });

  it("--quiet prints what the programs printed, in the order of their ends", async () => {
    const steps = [`${PING.replace("-c 1", "-c 2")} &`, PING, "wait", "inspect manager/web.1 hostname"];
    const { code, out } = await outcomeOf(["run", scenarioOf(steps), "-o", FOLDER, "--quiet"]);
    expect(code).toBe(0);
    expect(out.match(/\d packets transmitted/g)).toEqual(["1 packets transmitted", "2 packets transmitted"]);
    expect(out).not.toContain("#1");
  });

  it("warns of a setup that did not do what it was for, and goes on", async () => {
    const scenario = scenarioOf([PING], ["on manager ip route del 10.99.0.0/16"]);
    const { code, err } = await outcomeOf(["run", scenario, "-o", FOLDER, "-q"]);
    expect(code).toBe(0);
    expect(err).toContain(
      `warning: ${scenario}:10:7: run.setup[0]: ended with status 2: RTNETLINK answers: No such process`,
    );
    expect(err).toContain("on manager ip route del");
  });

  it("tells all mistakes with their places, and writes nothing", async () => {
    const target = join(FOLDER, "nothing");
    const scenario = scenarioOf(["slep 1s", "exec web.9 true"]);
    const { code, out, err } = await outcomeOf(["run", scenario, "-o", target]);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toContain(`${scenario}:10:7: run.steps[0]: unknown command "slep"`);
    expect(err).toContain(`${scenario}:11:12: run.steps[1]: there is no task or container "web.9"`);
    expect(existsSync(target)).toBe(false);
  });

  it("records as much as it may, and says where the trace ends", async () => {
    const steps = ["exec web.1 iping -c 40 -i 0.1 -s 60000 10.0.9.4"];
    const { code, out, err } = await outcomeOf(["run", scenarioOf(steps), "-o", FOLDER, "-q", "--limit", "3MB"]);
    expect(code).toBe(0);
    expect(err).toMatch(/^warning: the trace ends at [\d.]+m?s: it is as large as it may be \(--limit\)\n$/);
    expect(out).toContain("40 packets transmitted, 40 received");
    expect(statSync(join(FOLDER, "trace.pcapng")).size).toBeLessThan(3_500_000);
    expect(await outcomeOf(["run", scenarioOf(steps), "-o", FOLDER, "--limit", "much"])).toMatchObject({ code: 2 });
  });

  it("tells what programs do not understand together with all else", async () => {
    const scenario = scenarioOf(["on nowhere ip addr", "exec web.1 ping -Z", "sleep 99999h"]);
    const { code, err } = await outcomeOf(["run", scenario, "-o", FOLDER]);
    expect(code).toBe(2);
    expect(err).toContain('run.steps[0]: there is no machine "nowhere"');
    expect(err).toContain("run.steps[1]: ping: option -Z is not modelled");
    expect(err).toContain('run.steps[2]: expected a duration of at most 2501h after sleep, found "99999h"');
  });

  it("tells commands that no program understands", async () => {
    const { code, err } = await outcomeOf(["run", scenarioOf(["exec web.1 ping -Z"]), "-o", FOLDER]);
    expect(code).toBe(2);
    expect(err).toMatch(/:10:7: run\.steps\[0\]: ping: .*-Z|invalid option/);
  });

  it("cannot read what is not there, nor write where it must not", async () => {
    expect(await outcomeOf(["run", join(FOLDER, "no.yml"), "-o", FOLDER])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/^hopscope: cannot read .*no\.yml: there is no such file\n$/) as string,
    });
    const { code, err } = await outcomeOf(["run", scenarioOf([PING]), "-o", join(fileOf(""), "x")]);
    expect(code).toBe(2);
    expect(err).toMatch(/^hopscope: cannot write .*trace\.pcapng: .* is no directory\n$/);
  });

  it("tells a capture that is not there with the mistakes of the scenario", async () => {
    const replay = "replay no.pcap at manager/web.1/eth0";
    const { code, err } = await outcomeOf(["run", scenarioOf([replay, "exec web.7 ping -c 1 10.0.9.4"])]);
    expect(code).toBe(2);
    expect(err).toMatch(/run\.steps\[0\]: .*no\.pcap: there is no such file\n/);
    expect(err).toContain('run.steps[1]: there is no task or container "web.7"');
  });

  it("says that a file stands where its folder should be", async () => {
    const scenario = scenarioOf([PING]);
    const { code, err } = await outcomeOf(["run", scenario, "-o", scenario]);
    expect(code).toBe(2);
    expect(err).toBe(
      `hopscope: cannot write ${join(scenario, "trace.pcapng")}: ${scenario} is a file, not a directory\n`,
    );
  });

  it("says that a directory stands where the trace should be", async () => {
    const folder = join(FOLDER, "taken");
    mkdirSync(join(folder, "trace.pcapng"), { recursive: true });
    const { err } = await outcomeOf(["run", scenarioOf([PING]), "-o", folder]);
    expect(err).toBe(`hopscope: cannot write ${join(folder, "trace.pcapng")}: it is a directory\n`);
  });

  it("shows control characters of a scenario instead of obeying them", async () => {
    const { code, err } = await outcomeOf(["run", scenarioOf(["exec we\u001b[31mb ping"])]);
    expect(code).toBe(2);
    expect(err).not.toContain("\u001b");
    const missing = await outcomeOf(["run", join(FOLDER, "\u001b[31m.yml")]);
    expect(missing.err).toContain(String.raw`\x1b[31m.yml: there is no such file`);
  });

  it("ends where no folder can be made", async () => {
    const { code, err } = await outcomeOf(["run", scenarioOf([PING]), "-o", "/proc/hopscope/x"]);
    expect(code).toBe(2);
    expect(err).toMatch(/^hopscope: cannot write \/proc\/hopscope\/x\/trace\.pcapng: /);
  });

  it("writes nothing where nothing is asked for", async () => {
    const { code, out } = await outcomeOf(["run", scenarioOf([PING])]);
    expect(code).toBe(0);
    expect(out).toMatch(/\n\d+ hops of \d+ packets at \d+ points; -o DIR writes them for Wireshark\n$/);
  });
});

describe("run with a replay step", () => {
  const AT = "at manager/web.1/eth0";

  it.each([
    ["plain", pcapOf([QUESTION])],
    ["gzipped", gzipSync(pcapOf([QUESTION]))],
  ])("feeds in a %s capture", async (_, capture) => {
    const scenario = scenarioOf([`replay ${fileOf(capture)} ${AT}`, "sleep 1s"]);
    const { code, out, err } = await outcomeOf(["run", scenario, "-o", FOLDER]);
    expect([code, err]).toEqual([0, ""]);
    expect(out).toContain("ARP who has 10.0.9.4 tell 10.0.9.3");
    expect(out).toContain("ARP 10.0.9.4 is at 02:42:0a:00:09:04");
    expect(out).toMatch(/ {2}\| 1 frames of .* fed in at manager\/web\.1\/eth0\n/);
  });

  it.each([
    ["no.pcap", /run\.steps\[0\]: .*no\.pcap: there is no such file\n/],
    [fileOf("no capture at all"), /run\.steps\[0\]: .*: byte 0: it begins with 0x6e6f2063/],
  ])("refuses %s before anything runs", async (file, message) => {
    const target = join(FOLDER, "nothing");
    const { code, err } = await outcomeOf(["run", scenarioOf([`replay ${file} ${AT}`]), "-o", target]);
    expect(code).toBe(2);
    expect(err).toMatch(message);
    expect(err).toMatch(/:10:7: /);
    expect(existsSync(target)).toBe(false);
  });

  it.each([
    ["damaged", pcapOf([QUESTION, ARP]).slice(0, -3), /the record needs|needs \d+ bytes/],
    ["gzipped and damaged", gzipSync(pcapOf([QUESTION, ARP])).slice(0, -6), /byte \d+/],
  ])("feeds in what is good of a %s one, warns, and answers 1", async (_, capture, problem) => {
    const scenario = scenarioOf([`replay ${fileOf(capture)} ${AT}`, "sleep 1s"]);
    const { code, out, err } = await outcomeOf(["run", scenario, "-o", FOLDER]);
    expect(code).toBe(1);
    expect(out).toContain("ARP who has 10.0.9.4 tell 10.0.9.3");
    expect(err).toMatch(/^warning: .*:10:7: run\.steps\[0\]: /);
    expect(err).toMatch(problem);
  });

  it("says what the capture has cut short, and what are no Ethernet frames", async () => {
    const cut = pcapOf([QUESTION]);
    new DataView(cut.buffer).setUint32(24 + 12, QUESTION.length + 1, true);
    const steps = [`replay ${fileOf(cut)} ${AT}`, `replay ${fileOf(pcapOf([QUESTION, ARP], 101))} ${AT}`];
    const { code, err } = await outcomeOf(["run", scenarioOf(steps), "-o", FOLDER, "-q"]);
    expect(code).toBe(1);
    expect(err).toContain("run.steps[0]: 1 packet is cut short in the capture and not fed in");
    expect(err).toContain("run.steps[1]: 2 packets are no Ethernet frames and not fed in");
  });
});

describe("inspect", () => {
  const scenario = scenarioOf([PING, "sleep 100s"]);

  it.each([
    [["--at", "0s", "--namespace", "web.1", "ip", "-4", "neigh"], ""],
    [
      ["--at", "500ms", "--node", "manager", "--namespace", "web.1", "ip", "-4", "neigh"],
      "10.0.9.4 dev eth0 lladdr 02:42:0a:00:09:04 REACHABLE \n",
    ],
    [["--namespace", "web.1", "ip -4 neigh"], "10.0.9.4 dev eth0 lladdr 02:42:0a:00:09:04 STALE \n"],
    [
      ["--at", "500ms", "manager/web.1", "ip", "-4", "neigh"],
      "10.0.9.4 dev eth0 lladdr 02:42:0a:00:09:04 REACHABLE \n",
    ],
    [
      ["worker1/host", "ip", "-br", "-4", "addr", "show", "dev", "eth0"],
      "eth0             UP             192.168.77.12/24 \n",
    ],
    [
      ["--node", "worker1", "ip", "-br", "-4", "addr", "show", "dev", "eth0"],
      "eth0             UP             192.168.77.12/24 \n",
    ],
  ])("%j", async (args, out) => {
    expect(await outcomeOf(["inspect", scenario, ...args])).toEqual({ code: 0, out, err: "" });
  });

  it("answers what the tool answers", async () => {
    const { code, out } = await outcomeOf(["inspect", scenario, "ip", "addr", "show", "dev", "eth9"]);
    expect([code, out]).toEqual([1, 'Device "eth9" does not exist.\n']);
  });

  it.each([
    [["ip", "link", "set", "eth0", "down"], "ip link set eth0 down does more than look"],
    [["--node", "worker7", "ip", "addr"], 'there is no machine worker7; did you mean "worker1"?'],
    [["worker7/host", "ip", "addr"], 'there is no machine worker7; did you mean "worker1"?'],
    [["--at", "9999h", "ip", "addr"], "Expected a duration of at most 2501h."],
    [
      ["--namespace", "overlay-fron", "ip", "addr"],
      'there is no namespace overlay-fron on manager; did you mean "overlay-front"?',
    ],
    [["--nod", "worker1", "ip", "addr"], "unknown option '--nod'"],
    [["--at", "soon", "ip", "addr"], "Expected a duration such as 20us, 5ms or 1.5s."],
    [["frob"], "frob: not found"],
    [[], "missing required argument 'what'"],
  ])("%j", async (args, message) => {
    const { code, out, err } = await outcomeOf(["inspect", scenario, ...args]);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toMatch(/^hopscope: /);
    expect(err).toContain(message);
  });
});

describe("replay", () => {
  const scenario = scenarioOf(["sleep 1s"]);
  const capture = fileOf(pcapOf([QUESTION, QUESTION]));
  const args = (...more: readonly string[]): string[] => [
    "replay",
    capture,
    "--scenario",
    scenario,
    "-o",
    FOLDER,
    ...more,
  ];

  it("feeds in the frames with their timing, and runs on until they are done", async () => {
    const { code, out, err } = await outcomeOf(args("--at", "manager/web.1/eth0"));
    expect([code, err]).toEqual([0, ""]);
    const sent = [...out.matchAll(/ (\d+)\.\d{3} ms #\d+ +manager web\.1\/eth0 +> ARP who has/g)].map(
      (match) => match[1],
    );
    expect(sent).toEqual(["0", "1000"]);
    expect(out).toContain("ARP 10.0.9.4 is at 02:42:0a:00:09:04");
    expect(namesIn(join(FOLDER, "trace.pcapng"))).toContain("manager/web.1/eth0 out");
  });

  it.each([
    [
      ["--speed", "4"],
      ["0", "250"],
    ],
    [["--at-once"], ["0", "0"]],
  ])("%j", async (speed, times) => {
    const { out } = await outcomeOf(args("--at", "manager/web.1/eth0", ...speed));
    const sent = [...out.matchAll(/ (\d+)\.\d{3} ms #\d+ +manager web\.1\/eth0 +> ARP who has/g)].map(
      (match) => match[1],
    );
    expect(sent).toEqual(times);
  });

  it("as what arrives", async () => {
    const { out } = await outcomeOf(args("--at", "worker1/web.2/eth0", "--as", "in"));
    expect(out).toMatch(/worker1 web\.2\/eth0 +< ARP who has 10\.0\.9\.4 tell 10\.0\.9\.3/);
    expect(out).toMatch(/worker1 web\.2\/eth0 +> ARP 10\.0\.9\.4 is at/);
  });

  it("of an interface and a direction only", async () => {
    const trace = join(FOLDER, "asked.pcapng");
    await outcomeOf(args("--at", "manager/web.1/eth0"));
    writeFileSync(trace, readFileSync(join(FOLDER, "trace.pcapng")));
    const more = ["--at", "manager/web.1/eth0", "--from", "manager/web.1/eth0", "--only", "out"];
    const { code, out } = await outcomeOf(["replay", trace, "--scenario", scenario, "-o", FOLDER, ...more]);
    expect(code).toBe(0);
    expect(out).toContain(`2 frames of ${trace} fed in at manager/web.1/eth0`);
  });

  it.each([
    [["--at", "manager/web.2/eth0"], 'there is no namespace web.2 on manager; did you mean "web.1"?'],
    [
      ["--at", "manager/web.1/eth7"],
      "there is no device eth7 in web.1 on manager; the devices there are lo, eth0, eth1",
    ],
    [["--at", "worker9/web.1/eth0"], 'there is no machine worker9; did you mean "worker1"?'],
    [["--at", "manager/web.1"], "Expected NODE/NAMESPACE/DEVICE"],
    [["--at", "manager/web.1/eth0", "--speed", "0"], "Expected a factor such as 2 or 0.5."],
    [["--at", "manager/web.1/eth0", "--speed", "2", "--at-once"], "cannot be used with option"],
    [["--at", "manager/web.1/eth0", "--only", "up"], "Allowed choices are in, out"],
    [[], "required option '--at <node/namespace/device>' not specified"],
  ])("%j makes no sense", async (more, message) => {
    const { code, out, err } = await outcomeOf(args(...more));
    expect([code, out]).toEqual([2, ""]);
    expect(err).toMatch(/^hopscope: /);
    expect(err).toContain(message);
  });

  it("of what is no capture", async () => {
    const more = ["--scenario", scenario, "-o", FOLDER, "--at", "manager/web.1/eth0"];
    expect(await outcomeOf(["replay", "no.pcap", ...more])).toEqual({
      code: 2,
      out: "",
      err: "hopscope: no.pcap: there is no such file\n",
    });
  });
});
