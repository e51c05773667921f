/** `ifconfig`, `route -n` and `arp -n`: the older tools' views. Not modelled: changing anything with them. */
import { addressLinksOf } from "../inspect/links.ts";
import { neighborsOf } from "../inspect/neighbors.ts";
import { busyboxIfconfigLines, ifconfigLines } from "../inspect/print-ifconfig.ts";
import { arpLines, busyboxArpLines } from "../inspect/print-neighbor.ts";
import { kernelTableLines } from "../inspect/print-route.ts";
import { routesOf } from "../inspect/routes.ts";
import { statisticsOf } from "../inspect/statistics.ts";
import { isBusybox } from "./ip-action.ts";
import { type Program, UsageError } from "./program.ts";

export const IFCONFIG: Program = {
  check(argv) {
    const words = argv.slice(1).filter((word) => word !== "-a");
    if (words.length > 1)
      throw new UsageError("ifconfig: only showing is modelled: ifconfig, ifconfig -a, ifconfig eth0");
  },
  *main(argv, context) {
    const { netns } = context.environment;
    const name = argv.slice(1).find((word) => word !== "-a");
    const links = addressLinksOf(netns).filter((link) => name === undefined || link.ifname === name);
    if (links.length === 0) {
      const who = isBusybox(context) ? "ifconfig: " : "";
      context.print(`${who}${name}: error fetching interface information: Device not found`);
      return 1;
    }
    const style = { statistics: statisticsOf(netns), all: name !== undefined || argv.includes("-a") };
    const lines = isBusybox(context) ? busyboxIfconfigLines(links, style) : ifconfigLines(links, style);
    for (const line of lines) context.print(line);
    return 0;
  },
};

export const ROUTE: Program = {
  check(argv) {
    const [, option, more] = argv;
    if (option !== "-n" || more !== undefined) throw new UsageError("route: only route -n is modelled; see ip route");
  },
  *main(_argv, context) {
    const lines = kernelTableLines(routesOf(context.environment.netns), isBusybox(context) ? "busybox" : "net-tools");
    for (const line of lines) context.print(line);
    return 0;
  },
};

export const ARP: Program = {
  check(argv) {
    const words = argv.slice(1);
    if (words.some((word) => !["-n", "-a", "-an"].includes(word))) {
      throw new UsageError("arp: only arp -n is modelled; see ip neigh");
    }
  },
  *main(_argv, context) {
    const { netns } = context.environment;
    const neighbors = neighborsOf(netns, netns.node.softnet.now);
    for (const line of isBusybox(context) ? busyboxArpLines(neighbors) : arpLines(neighbors)) context.print(line);
    return 0;
  },
};
