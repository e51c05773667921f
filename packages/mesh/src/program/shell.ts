/** Which program a command starts, by its first word; and starting it. */
import { DOCKER } from "../docker/cli.ts";
import { ARPING } from "./arping.ts";
import { BRIDGE } from "./bridge.ts";
import { CAT } from "./cat.ts";
import { CONNTRACK } from "./conntrack.ts";
import { CURL } from "./curl.ts";
import { DIG } from "./dig.ts";
import { DNSD } from "./dnsd.ts";
import { DOCKER_PROXY } from "./docker-proxy.ts";
import { EXTSRV } from "./extsrv.ts";
import { ETHTOOL } from "./ethtool.ts";
import { HOSTNAME } from "./hostname.ts";
import { ARP, IFCONFIG, ROUTE } from "./ifconfig.ts";
import { HTTPD } from "./httpd.ts";
import { LTOOL } from "./ltool.ts";
import { IPERF3 } from "./iperf3.ts";
import { NC } from "./nc.ts";
import { NETSTAT } from "./netstat.ts";
import { TIMEOUT } from "./timeout.ts";
import { UDPTOOL } from "./udptool.ts";
import { WGET } from "./wget.ts";
import { IP } from "./ip.ts";
import { IPVSADM } from "./ipvsadm.ts";
import { IPTABLES, IPTABLES_SAVE } from "./iptables.ts";
import { NSLOOKUP } from "./nslookup.ts";
import { BUSYBOX_PING, IPUTILS_PING } from "./ping.ts";
import { Process } from "./process.ts";
import { type Environment, type Program, type ProgramContext, UsageError, type Userland } from "./program.ts";
import { SH } from "./sh.ts";
import { ECHO, SLEEP, TAIL } from "./sleep.ts";
import { SS } from "./ss.ts";
import { SYSCTL } from "./sysctl.ts";
import { TRACEROUTE } from "./traceroute.ts";

const PROGRAMS: ReadonlyMap<string, Program> = new Map<string, Program>([
  ["docker", DOCKER],
  ["ping", BUSYBOX_PING],
  ["iping", IPUTILS_PING],
  ["nslookup", NSLOOKUP],
  ["dig", DIG],
  ["traceroute", TRACEROUTE],
  ["arping", ARPING],
  ["ip", IP],
  ["bridge", BRIDGE],
  ["ifconfig", IFCONFIG],
  ["route", ROUTE],
  ["arp", ARP],
  ["cat", CAT],
  ["ethtool", ETHTOOL],
  ["hostname", HOSTNAME],
  ["ss", SS],
  ["netstat", NETSTAT],
  ["sysctl", SYSCTL],
  ["iptables", IPTABLES],
  ["iptables-save", IPTABLES_SAVE],
  ["conntrack", CONNTRACK],
  ["ipvsadm", IPVSADM],
  ["dnsd", DNSD],
  ["extsrv", EXTSRV],
  ["wget", WGET],
  ["curl", CURL],
  ["httpd", HTTPD],
  ["nc", NC],
  ["iperf3", IPERF3],
  ["udptool", UDPTOOL],
  ["ltool", LTOOL],
  ["timeout", TIMEOUT],
  ["sleep", SLEEP],
  ["tail", TAIL],
  ["echo", ECHO],
  ["sh", SH],
  ["/bin/sh", SH],
  ["ash", SH],
  ["bash", SH],
  ["/bin/bash", SH],
  ["docker-proxy", DOCKER_PROXY],
]);

/** What is something else on a Debian machine than in a busybox container. */
const DEBIAN_PROGRAMS: ReadonlyMap<string, Program> = new Map<string, Program>([["ping", IPUTILS_PING]]);

const NO_INSTALL = "nothing can be installed";
const NO_CLIENT = "nc -z HOST PORT tries whether something listens";
/** What does the work of programs that people expect. */
const INSTEAD: ReadonlyMap<string, string> = new Map([
  ["tcpdump", "every frame is recorded at every device anyway: hopscope run -o DIR"],
  ["tshark", "every frame is recorded at every device anyway: hopscope run -o DIR"],
  ["telnet", NO_CLIENT],
  ...["mysql", "psql", "redis-cli", "mongo", "mongosh"].map((name) => [name, NO_CLIENT] as const),
  ...["apk", "apt", "apt-get", "yum", "dnf"].map((name) => [name, NO_INSTALL] as const),
  ["getent", "nslookup asks the same resolver"],
  ["host", "nslookup asks the same resolver"],
  ["tracepath", "traceroute finds the way, ping -M do -s the MTU"],
  ["mtr", "traceroute finds the way"],
  ["nft", "iptables-save lists the same rules"],
  ["brctl", "bridge link lists the same ports"],
  ["systemctl", "fault node NAME lost is a machine that goes off"],
]);

/** The program of a command that can be run as it is written; throws a {@link UsageError} in words for who wrote it. */
export function programOf(argv: readonly string[], userland: Userland = "busybox"): Program {
  const name = argv[0] ?? "";
  const special = userland === "debian" ? DEBIAN_PROGRAMS.get(name) : undefined;
  const program = special ?? PROGRAMS.get(name);
  if (program === undefined) {
    const advice = INSTEAD.get(name);
    throw new UsageError(
      `${name}: not found; ${advice === undefined ? "" : `${advice}; `}there are ${[...PROGRAMS.keys()].join(", ")}`,
    );
  }
  program.check(argv);
  return program;
}

export interface SpawnOptions {
  /** Takes the program's output. Default: nobody reads it. */
  readonly print?: (line: string) => void;
  readonly onExit?: (status: number) => void;
  readonly stdin?: string;
  /** When its first system call is. Default: now. */
  readonly time?: number;
}

/** Starts a command; throws a {@link UsageError}. */
export function spawn(argv: readonly string[], environment: Environment, options: SpawnOptions = {}): Process {
  const program = programOf(argv, environment.userland);
  const { print = () => {}, onExit, stdin = "", time } = options;
  const process = new Process(environment, print, onExit);
  process.name = argv[0] ?? "";
  const context: ProgramContext = {
    environment,
    process,
    print,
    stdin,
    spawn: (child) => spawn(child, environment, { print, stdin }),
  };
  process.start(program.main(argv, context), time);
  return process;
}
