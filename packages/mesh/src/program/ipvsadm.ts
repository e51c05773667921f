/**
 * `ipvsadm` of the namespace it runs in (ipvsadm 1.31).
 *
 * Not modelled: names of hosts and ports (`-n` or not is the same), rates, thresholds, persistence, tunnels, daemons.
 */
import { type IpVsErrno, ipvsOf } from "../ipvs/ip-vs.ts";
import type { Netns } from "../netns.ts";
import { type IpvsadmCommand, parseIpvsadm } from "./ipvsadm-options.ts";
import { connectionListing, listing, saved, sortedServices, timeoutLine } from "./ipvsadm-print.ts";
import type { Program } from "./program.ts";

const NO_IPVS = [
  "Can't initialize ipvs: Protocol not available",
  "Are you sure that IP Virtual Server is built in the kernel or as module?",
];

export const IPVSADM: Program = {
  check(argv) {
    parseIpvsadm(argv);
  },
  *main(argv, { environment: { netns }, print, stdin }) {
    if (!netns.node.hasIpvs) {
      for (const line of NO_IPVS) print(line);
      return 2;
    }
    const command = parseIpvsadm(argv);
    if (command.kind !== "restore") return run(command, netns, print);
    for (const line of stdin.split("\n")) {
      const words = line.split(/\s+/).filter((word) => word !== "");
      if (words.length === 0 || words[0]!.startsWith("#")) continue;
      const status = run(parseIpvsadm(["ipvsadm", ...words]), netns, print);
      if (status !== 0) return status;
    }
    return 0;
  },
};

function run(command: IpvsadmCommand, netns: Netns, print: (line: string) => void): number {
  const { now } = netns.node.softnet;
  // Who only looks changes nothing, and calls nothing into being.
  const { ipvs } = netns;
  switch (command.kind) {
    case "list": {
      const { at, format } = command;
      const one = at === undefined ? undefined : ipvs?.serviceAt(at);
      if (at !== undefined && one === undefined) return fail("No such service", print);
      for (const line of listing(one === undefined ? sortedServices(ipvs?.services() ?? []) : [one], format))
        print(line);
      return 0;
    }
    case "save":
      for (const line of saved(sortedServices(ipvs?.services() ?? []))) print(line);
      return 0;
    case "connections":
      for (const line of connectionListing(ipvs?.connections(now) ?? [], now)) print(line);
      return 0;
    case "timeouts":
      print(timeoutLine(ipvs));
      return 0;
    default:
      return change(command, netns, print);
  }
}

function change(command: IpvsadmCommand, netns: Netns, print: (line: string) => void): number {
  const ipvs = ipvsOf(netns);
  const done = (errno: IpVsErrno, words: Readonly<Partial<Record<NonNullable<IpVsErrno>, string>>>): number =>
    errno === undefined ? 0 : fail(words[errno] ?? INVALID, print);
  switch (command.kind) {
    case "addService":
      return done(ipvs.addService(command.at, command.scheduler), { EEXIST: "Service already exists" });
    case "editService":
      return ipvs.serviceAt(command.at) === undefined ? fail("No such service", print) : 0;
    case "deleteService":
      return done(ipvs.deleteService(command.at), { ESRCH: "No such service" });
    case "addServer":
      return done(ipvs.addDestination(command.at, command.server), {
        ESRCH: "Service not defined",
        EEXIST: "Destination already exists",
      });
    case "editServer":
      return done(ipvs.updateDestination(command.at, command.server), NO_DESTINATION);
    case "deleteServer":
      return done(ipvs.deleteDestination(command.at, command.ip, command.port), NO_DESTINATION);
    case "clear":
      ipvs.clear();
      return 0;
    case "zero":
      return done(ipvs.zero(command.at), { ESRCH: "No such service" });
    case "set":
      ipvs.setTimeouts(command.tcp, command.tcpFin, command.udp);
      return 0;
    default:
      return 0;
  }
}

const NO_DESTINATION = { ESRCH: "Service not defined", ENOENT: "No such destination" } as const;
const INVALID = "Invalid operation.  Possibly wrong module version, address not unicast, ...";

function fail(words: string, print: (line: string) => void): number {
  print(words);
  return 1;
}
