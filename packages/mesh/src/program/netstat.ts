/**
 * `netstat`: UDP and TCP sockets, as net-tools' prints them and busybox'. Not modelled: names of ports (it takes `-n` only),
 * routes and counters (`-r`, `-i`, `-s`), UNIX sockets, timers.
 */
import { formatIp, IPV6_ANY } from "../host/ipv6-address.ts";
import { type SocketRow, socketsOf } from "../inspect/sockets.ts";
import { getopt } from "./getopt.ts";
import { type Program, UsageError } from "./program.ts";

/** What ss calls otherwise; the rest has other dashes. */
const STATES: ReadonlyMap<string, string> = new Map([
  ["ESTAB", "ESTABLISHED"],
  ["UNCONN", ""],
  ["FIN-WAIT-1", "FIN_WAIT1"],
  ["FIN-WAIT-2", "FIN_WAIT2"],
]);
const ADDRESS_WIDTH = 23;
const PROGRAM_WIDTH = 20;

export const NETSTAT: Program = {
  check(argv) {
    lettersOf(argv);
  },
  *main(argv, { environment, print }) {
    const letters = lettersOf(argv);
    const isBusybox = environment.userland !== "debian";
    if (isBusybox && letters.has("p")) throw new UsageError("netstat: busybox' has no -p");
    const which = letters.has("l") ? "only servers" : letters.has("a") ? "servers and established" : "w/o servers";
    print(`Active Internet connections (${which})`);
    const write = (head: string, local: string, foreign: string, state: string, program: string): void => {
      const line = `${head} ${local.padEnd(ADDRESS_WIDTH)} ${foreign.padEnd(ADDRESS_WIDTH)} ${state.padEnd(isBusybox ? 12 : 11)}`;
      print(letters.has("p") ? `${line} ${program.padEnd(PROGRAM_WIDTH)}` : line);
    };
    write("Proto Recv-Q Send-Q", "Local Address", "Foreign Address", "State", "PID/Program name");
    const isBoth = letters.has("t") === letters.has("u");
    const rows = socketsOf(environment.netns).filter((row) => isOfState(letters, row));
    for (const protocol of ["tcp", "udp"] as const) {
      if (!isBoth && !letters.has(protocol.charAt(0))) continue;
      for (const row of rows.filter((each) => each.protocol === protocol)) {
        const name = row.isInet6 && !isBusybox ? `${protocol}6` : protocol;
        // How many may wait is ss' to say.
        const sent = row.state === "LISTEN" ? 0 : row.sent;
        const head = `${name.padEnd(4)}  ${String(row.received).padStart(6)} ${String(sent).padStart(6)}`;
        const state = STATES.get(row.state) ?? row.state.replaceAll("-", "_");
        const program = row.owner === undefined ? "-" : `${row.owner.tgid}/${row.owner.name}`;
        write(
          head,
          addressText(row, row.localIp, row.localPort),
          addressText(row, row.remoteIp, row.remotePort),
          state,
          program,
        );
      }
    }
    return 0;
  },
};

function lettersOf(argv: readonly string[]): ReadonlySet<string> {
  const { given, rest } = getopt(argv, {
    switches: "ltuanp",
    values: "",
    long: { listening: "l", tcp: "t", udp: "u", all: "a", numeric: "n", programs: "p" },
  });
  if (rest.length > 0) throw new UsageError(`netstat: "${rest[0]}" is not understood`);
  if (!given.has("n")) throw new UsageError("netstat: names of ports are not modelled: add -n");
  return new Set(given.keys());
}

function isOfState(letters: ReadonlySet<string>, { state }: SocketRow): boolean {
  const isServer = state === "LISTEN" || state === "UNCONN";
  return letters.has("a") || letters.has("l") === isServer;
}

/** An IPv4 address of an IPv6 socket is printed as what it is. */
function addressText({ isInet6 }: SocketRow, ip: number, port: number): string {
  return `${formatIp(isInet6 && ip === 0 ? IPV6_ANY : ip)}:${port === 0 ? "*" : port}`;
}
