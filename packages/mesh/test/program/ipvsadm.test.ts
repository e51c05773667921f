/**
 * The ipvsadm command. ipvsadm-ingress.txt and ipvsadm-lb.txt hold what the real ipvsadm 1.31 printed in `ingress_sbox`
 * and in a load balancer's namespace (recording q2).
 */
import { readFileSync } from "node:fs";
import { parseIpv4 } from "@hopscope/codec/address";
import { describe, expect, test } from "vitest";
import { onlyLooks } from "../../src/inspect/only-looks.ts";
import { IpVsConn } from "../../src/ipvs/conn.ts";
import { type IpVs, ipvsOf } from "../../src/ipvs/ip-vs.ts";
import type { IpVsStats } from "../../src/ipvs/stats.ts";
import type { Netns } from "../../src/netns.ts";
import { UsageError } from "../../src/program/program.ts";
import { spawn } from "../../src/program/shell.ts";
import { machine } from "../engine/machine.ts";
import { environmentOf, runCommand } from "./run-command.ts";

type Dump = ReadonlyMap<string, readonly string[]>;

/** Command to lines. */
function recorded(name: string): Dump {
  const text = readFileSync(new URL(name, import.meta.url), "utf8");
  return new Map(
    text
      .split(/^== /m)
      .slice(1)
      .map((part) => {
        const [command = "", ...lines] = part.replace(/\n$/, "").split("\n");
        return [command, lines];
      }),
  );
}

function endpoint(text: string): readonly [number, number] {
  const [host = "", port = ""] = text.split(":");
  return [parseIpv4(host)!, Number(port)];
}

/** The connections of a dump, in TIME_WAIT or of UDP, as long before their end as it says. */
function addConnections(ipvs: IpVs, lines: readonly string[]): void {
  for (const line of lines.slice(2)) {
    const [protocol, expire = "", , source = "", virtual = "", destination = ""] = line.split(/ +/);
    const [minutes = 0, seconds = 0] = expire.split(":").map(Number);
    const [ip] = endpoint(destination);
    const dest = [...ipvs.services()].flatMap((service) => service.destinations).find((each) => each.ip === ip)!;
    const number = protocol === "TCP" ? 6 : 17;
    const conn = new IpVsConn(number, ...endpoint(source), ...endpoint(virtual), dest, false);
    if (protocol === "TCP") conn.state = 5;
    conn.timeout = (minutes * 60 + seconds) * 1e9;
    ipvs.connectionTable.insert(conn);
    ipvs.refresh(conn);
  }
}

/** What a listing with `--stats` says was counted. */
function setStats(ipvs: IpVs, lines: readonly string[]): void {
  const set = (stats: IpVsStats, words: readonly string[]): void => {
    const [connections = 0, inPackets = 0, outPackets = 0, inBytes = 0, outBytes = 0] = words.map(Number);
    Object.assign(stats, { connections, inPackets, outPackets, inBytes, outBytes });
  };
  let fwmark = 0;
  for (const line of lines.slice(3)) {
    const words = line.trim().split(/ +/);
    if (words[0] === "FWM") {
      fwmark = Number(words[1]);
      set(ipvs.serviceAt({ fwmark })!.stats, words.slice(2));
    } else set(ipvs.serviceAt({ fwmark })!.find(...endpoint(words[1]!))!.stats, words.slice(2));
  }
}

describe("ipvsadm prints as the real one", () => {
  test.each(["ipvsadm-ingress.txt", "ipvsadm-lb.txt"])("%s", (name) => {
    const netns = machine();
    const environment = environmentOf(netns, "debian");
    const dump = recorded(name);
    for (const line of dump.get("ipvsadm -Sn")!) {
      expect(runCommand(environment, `ipvsadm ${line}`)).toEqual({ status: 0, output: [] });
    }
    const ipvs = ipvsOf(netns);
    addConnections(ipvs, dump.get("ipvsadm -Lcn")!);
    setStats(ipvs, dump.get("ipvsadm -Ln --stats")!);
    for (const [command, lines] of dump) {
      const { output } = runCommand(environment, command);
      expect([command, ...output]).toEqual([command, ...lines]);
    }
    expect(runCommand(environment, "ipvsadm -L --timeout").output).toEqual(["Timeout (tcp tcpfin udp): 900 120 300"]);
  });
});

/** A command's lines and its status. */
function exchange(netns: Netns, command: string): string[] {
  const { status, output } = runCommand(environmentOf(netns, "debian"), command);
  return [...output, `=> ${status}`];
}

test("services by address and by mark, sorted; changes and refusals", () => {
  const netns = machine();
  expect(exchange(netns, "ipvsadm -Ln")).toEqual([
    "IP Virtual Server version 1.2.1 (size=4096)",
    "Prot LocalAddress:Port Scheduler Flags",
    "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn",
    "=> 0",
  ]);
  const ask = (words: string): string => exchange(netns, `ipvsadm ${words}`).join("\n");
  expect(ask("-a -f 7 -r 10.0.0.1")).toBe("Service not defined\n=> 1");
  expect(ask("-A -f 7 -s rr")).toBe("=> 0");
  expect(ask("-A -f 7 -s rr")).toBe("Service already exists\n=> 1");
  expect(ask("-A -u 10.0.0.2:53 -s rr")).toBe("=> 0");
  expect(ask("--add-service --tcp-service 10.0.0.2:80 --scheduler rr")).toBe("=> 0");
  expect(ask("-a -t 10.0.0.2:80 -r 10.0.0.9 -m")).toBe("=> 0");
  expect(ask("-a -t 10.0.0.2:80 -r 10.0.0.10:8080 -m -w 3")).toBe("=> 0");
  expect(ask("-a -t 10.0.0.2:80 -r 10.0.0.9:80 -m")).toBe("Destination already exists\n=> 1");
  expect(ask("-e -t 10.0.0.2:80 -r 10.0.0.9 -g -w 0")).toBe("=> 0");
  expect(ask("-e -t 10.0.0.2:80 -r 10.0.0.11 -g -w 0")).toBe("No such destination\n=> 1");
  expect(ask("-d -f 7 -r 10.0.0.11")).toBe("No such destination\n=> 1");
  expect(ask("-D -f 8")).toBe("No such service\n=> 1");
  expect(ask("-L -f 8")).toBe("No such service\n=> 1");
  expect(ask("-Sn")).toBe(
    [
      "-A -t 10.0.0.2:80 -s rr",
      "-a -t 10.0.0.2:80 -r 10.0.0.9:80 -g -w 0",
      "-a -t 10.0.0.2:80 -r 10.0.0.10:8080 -m -w 3",
      "-A -u 10.0.0.2:53 -s rr",
      "-A -f 7 -s rr",
      "=> 0",
    ].join("\n"),
  );
  expect(exchange(netns, "ipvsadm -Ln -t 10.0.0.2:80").slice(2, -1)).toEqual([
    "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn",
    "TCP  10.0.0.2:80 rr",
    "  -> 10.0.0.9:80                  Route   0      0          0         ",
    "  -> 10.0.0.10:8080               Masq    3      0          0         ",
  ]);
  expect(ask("--set 1000 0 60")).toBe("=> 0");
  expect(ask("-L --timeout")).toBe("Timeout (tcp tcpfin udp): 1000 120 60\n=> 0");
  expect(ask("-d -t 10.0.0.2:80 -r 10.0.0.9")).toBe("=> 0");
  expect(ask("-Z")).toBe("=> 0");
  expect(ask("-C")).toBe("=> 0");
  expect(ask("-Sn")).toBe("=> 0");
});

test("-R makes again what -S has printed", () => {
  const [from, to] = [machine(), machine()];
  for (const words of ["-A -f 7 -s rr", "-a -f 7 -r 10.0.0.1 -m", "-a -f 7 -r 10.0.0.2:81 -g -w 5"]) {
    exchange(from, `ipvsadm ${words}`);
  }
  const saved = exchange(from, "ipvsadm -Sn").slice(0, -1);
  const restore = spawn(["ipvsadm", "-R"], environmentOf(to, "debian"), { stdin: saved.join("\n") });
  to.node.simulator.run();
  expect(restore.status).toBe(0);
  expect(exchange(to, "ipvsadm -Sn").slice(0, -1)).toEqual(saved);
});

test("a kernel without IPVS has none of it", () => {
  const netns = machine();
  netns.node.hasIpvs = false;
  expect(exchange(netns, "ipvsadm -Ln")).toEqual([
    "Can't initialize ipvs: Protocol not available",
    "Are you sure that IP Virtual Server is built in the kernel or as module?",
    "=> 2",
  ]);
  expect(exchange(netns, "sysctl net.ipv4.vs.conntrack")[0]).toContain("cannot stat /proc/sys/net/ipv4/vs/conntrack");
});

test("parameters", () => {
  const netns = machine();
  expect(exchange(netns, "sysctl net.ipv4.vs.conn_reuse_mode")).toEqual(["net.ipv4.vs.conn_reuse_mode = 1", "=> 0"]);
  expect(exchange(netns, "sysctl -w net.ipv4.vs.conn_reuse_mode=0 net.ipv4.vs.conntrack=1")).toEqual([
    "net.ipv4.vs.conn_reuse_mode = 0",
    "net.ipv4.vs.conntrack = 1",
    "=> 0",
  ]);
  expect(ipvsOf(netns).sysctls).toMatchObject({ conn_reuse_mode: 0, conntrack: true });
  expect(exchange(netns, "sysctl net.ipv4.vs.sync_threshold")).toEqual(["net.ipv4.vs.sync_threshold = 3\t50", "=> 0"]);
  expect(exchange(netns, "sysctl -w net.ipv4.vs.drop_entry=1").at(-1)).toBe("=> 1");
});

test("refuses what it does not understand, in the words of the real one where it has some", () => {
  const environment = environmentOf(machine(), "debian");
  const errors: readonly (readonly [string, string])[] = [
    ["-A -f 0 -s rr", "invalid fwmark value `0' specified"],
    ["-A -t 10.0.0.1 -s rr", "Zero port specified for non-persistent service"],
    ["-a -f 7 -r 10.0.0.999", "illegal real server address[:port] specified"],
    ["-a -f 7 -r 10.0.0.9 -w -1", "illegal weight specified"],
    ["-A -t here:80 -s rr", "illegal virtual server address[:port] specified"],
    ["-A -D -f 7", "multiple commands specified"],
    ["--set 1 2", "--set option requires 3 timeout values"],
    ["-L more", "unexpected argument more"],
    ["-A -f 7", "scheduler wlc is not modelled"],
  ];
  for (const [words, error] of errors) {
    expect(() => spawn(["ipvsadm", ...words.split(" ")], environment), words).toThrow(UsageError);
    expect(() => spawn(["ipvsadm", ...words.split(" ")], environment), words).toThrow(error);
  }
});

test("listing only looks", () => {
  const looks = [
    "ipvsadm",
    "ipvsadm -Ln",
    "ipvsadm -Lcn",
    "ipvsadm -Ln --stats --exact",
    "ipvsadm -S -n",
    "ipvsadm -L -f 7",
  ];
  for (const command of looks) expect(onlyLooks(command.split(" ")), command).toBe(true);
  const changes = ["-A -f 7 -s rr", "-a -f 7 -r 10.0.0.1", "-e -f 7 -r 10.0.0.1", "-d -f 7 -r 10.0.0.1", "-D -f 7"];
  for (const words of [...changes, "-C", "-R", "-Z", "--set 1 2 3", "--clear"]) {
    expect(onlyLooks(["ipvsadm", ...words.split(" ")]), words).toBe(false);
  }
});
