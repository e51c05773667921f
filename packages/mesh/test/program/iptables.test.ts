/**
 * The iptables and conntrack commands. iptables-session.txt and iptables-errors.txt hold what the real iptables 1.8.9
 * printed in an empty namespace, command by command; spaces at the ends of lines are cut off.
 */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Environment } from "../../src/program/program.ts";
import { UsageError } from "../../src/program/program.ts";
import { spawn } from "../../src/program/shell.ts";
import { machine } from "../engine/machine.ts";
import { Firewall, tcpPacket, udpPacket } from "../netfilter/firewall.ts";
import { wordsOf } from "../netfilter/words.ts";
import { environmentOf } from "./run-command.ts";

interface Exchange {
  readonly command: string;
  readonly lines: readonly string[];
}

/** Runs a command; its lines, and its status if `withStatus`. */
function exchange(environment: Environment, command: string, withStatus = false): string[] {
  const lines: string[] = [];
  const print = (line: string): void => void lines.push(line.trimEnd());
  let status: number | undefined = 2;
  try {
    const process = spawn(wordsOf(command), environment, { print });
    environment.netns.node.simulator.run();
    ({ status } = process);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    for (const line of error.message.split("\n")) print(line);
  }
  return withStatus ? [...lines, `=> ${status}`] : lines;
}

function recorded(name: string): Exchange[] {
  const text = readFileSync(new URL(`../netfilter/${name}`, import.meta.url), "utf8");
  return text
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const [command = "", ...lines] = part.replace(/\n+$/, "").split("\n");
      return { command, lines };
    });
}

describe("iptables as the real one", () => {
  test("adds and lists", () => {
    const environment = environmentOf(machine(), "debian");
    for (const { command, lines } of recorded("iptables-session.txt")) {
      expect({ command, lines: exchange(environment, command) }).toEqual({ command, lines });
    }
  });

  test("refuses, deletes, replaces, flushes", () => {
    const environment = environmentOf(machine(), "debian");
    for (const { command, lines } of recorded("iptables-errors.txt")) {
      const real = exchange(environment, command, true).filter((line) => !line.startsWith("# "));
      expect({ command, lines: real }).toEqual({ command, lines });
    }
  });

  test.each([
    ["iptables", "no command specified"],
    ["iptables -A INPUT --dport 80", 'unknown option "--dport"'],
    ["iptables -A INPUT -L", "Cannot use -L with -A"],
    ["iptables -A", 'option "-A" requires an argument'],
    ["iptables -L INPUT -j DROP", 'unknown option "-j"'],
  ])("%s", (command, message) => {
    const [first, second] = exchange(environmentOf(machine(), "debian"), command);
    expect(first).toBe(`iptables v1.8.9 (nf_tables): ${message}`);
    expect(second).toBe("Try `iptables -h' or 'iptables --help' for more information.");
  });

  test("a table that is none; iptables-save's options", () => {
    const environment = environmentOf(machine(), "debian");
    expect(exchange(environment, "iptables -t foo -L")[0]).toBe(
      "iptables v1.8.9 (nf_tables): table 'foo' does not exist",
    );
    expect(exchange(environment, "iptables-save -t foo")).toEqual(["iptables-save: table 'foo' does not exist"]);
    expect(exchange(environment, "iptables-save -x")[0]).toContain("option -x is not modelled");
  });

  test("looking makes nothing", () => {
    const netns = machine();
    const environment = environmentOf(netns, "debian");
    exchange(environment, "iptables -t nat -L -n");
    exchange(environment, "iptables-save");
    exchange(environment, "conntrack -L");
    expect(netns.netfilter).toBeUndefined();
  });

  test("big numbers in thousands", () => {
    const firewall = new Firewall();
    firewall.add("filter", "FORWARD -j ACCEPT");
    const [rule] = firewall.netfilter.iptables.chain("filter", "FORWARD")!.rules;
    const environment = environmentOf(firewall.netns, "debian");
    const counted = (packets: number, bytes: number, options = "-nvL"): string => {
      rule!.packets = packets;
      rule!.bytes = bytes;
      return exchange(environment, `iptables ${options} FORWARD`)[2]!.slice(0, 20);
    };
    expect(counted(99_999, 100_000)).toBe("99999  100K ACCEPT  ");
    expect(counted(9_999_600, 12_345_678_901)).toBe("  10M   12G ACCEPT  ");
    expect(counted(7, 12_345_678, "-nvx -L")).toBe("       7 12345678 AC");
  });
});

describe("iptables-save and connections", () => {
  function busy(): Environment {
    const firewall = new Firewall();
    firewall.add("nat", "POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE");
    const { docker0, eth0 } = firewall;
    firewall.forward(udpPacket({ from: "172.17.0.2:40000", to: "192.168.77.100:53" }), docker0, eth0);
    firewall.forward(tcpPacket({ from: "172.17.0.3:40001", to: "192.168.77.100:80", flags: 0x02 }), docker0, eth0);
    firewall.forward(udpPacket({ from: "192.168.77.100:1", to: "172.17.0.3:2" }), eth0, docker0);
    return environmentOf(firewall.netns, "debian");
  }

  test("iptables-save -c", () => {
    expect(exchange(busy(), "iptables-save -c")).toEqual([
      "# Generated by iptables-save v1.8.9 (nf_tables) on Thu Jan  1 00:00:00 2026",
      "*nat",
      ":PREROUTING ACCEPT [0:0]",
      ":INPUT ACCEPT [0:0]",
      ":OUTPUT ACCEPT [0:0]",
      ":POSTROUTING ACCEPT [0:0]",
      "[2:68] -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE",
      "COMMIT",
      "# Completed on Thu Jan  1 00:00:00 2026",
    ]);
  });

  const UDP =
    "udp      17 30 src=172.17.0.2 dst=192.168.77.100 sport=40000 dport=53 [UNREPLIED] src=192.168.77.100 dst=192.168.77.12 sport=53 dport=40000";
  const TCP =
    "tcp      6 120 SYN_SENT src=172.17.0.3 dst=192.168.77.100 sport=40001 dport=80 [UNREPLIED] src=192.168.77.100 dst=192.168.77.12 sport=80 dport=40001";
  const PLAIN =
    "udp      17 30 src=192.168.77.100 dst=172.17.0.3 sport=1 dport=2 [UNREPLIED] src=172.17.0.3 dst=192.168.77.100 sport=2 dport=1";
  const shown = (...entries: string[]): string[] => [
    ...entries.map((entry) => `${entry} mark=0 use=1`),
    `conntrack v1.4.7 (conntrack-tools): ${entries.length} flow entries have been shown.`,
  ];

  test("conntrack -L, with what it can be asked for", () => {
    const environment = busy();
    expect(exchange(environment, "conntrack -L")).toEqual(shown(UDP, TCP, PLAIN));
    expect(exchange(environment, "conntrack -L conntrack -p tcp")).toEqual(shown(TCP));
    expect(exchange(environment, "conntrack -L -p 17 --dport 53 -s 172.17.0.2")).toEqual(shown(UDP));
    expect(exchange(environment, "conntrack -L -d 172.17.0.3 --sport 1 -r 172.17.0.3")).toEqual(shown(PLAIN));
    expect(exchange(environment, "conntrack -L -n -q 192.168.77.12")).toEqual(shown(UDP, TCP));
    expect(exchange(environment, "conntrack -L -g")).toEqual(shown());
    expect(exchange(environment, "conntrack -C")).toEqual(["3"]);
  });

  test("conntrack -D and -F", () => {
    const environment = busy();
    expect(exchange(environment, "conntrack -D -p udp -s 172.17.0.2", true)).toEqual([
      `${UDP} mark=0 use=1`,
      "conntrack v1.4.7 (conntrack-tools): 1 flow entries have been deleted.",
      "=> 0",
    ]);
    expect(exchange(environment, "conntrack -D -p icmp", true).at(-1)).toBe("=> 1");
    expect(exchange(environment, "conntrack -C")).toEqual(["2"]);
    exchange(environment, "conntrack -F");
    expect(exchange(environment, "conntrack -C")).toEqual(["0"]);
  });

  test("/proc/net/nf_conntrack", () => {
    const lines = exchange(busy(), "cat /proc/net/nf_conntrack");
    expect(lines).toEqual([UDP, TCP, PLAIN].map((entry) => `ipv4     2 ${entry} mark=0 zone=0 use=2`));
    expect(exchange(environmentOf(machine(), "debian"), "cat /proc/net/nf_conntrack")).toEqual([]);
  });

  test.each([
    ["conntrack", "conntrack: say what to do"],
    ["conntrack -L -x", "conntrack: option -x is not modelled"],
    ["conntrack -L -p foo", "`foo' unsupported protocol"],
    ["conntrack -L -s foo", "Invalid IP address `foo'"],
    ["conntrack -L --dport 99999", "bad port `99999'"],
  ])("refused: %s", (command, message) => {
    expect(exchange(busy(), command).join()).toContain(message);
  });
});
