/** The state of a namespace at one moment, as data. As text, any command prints it (program/look.ts). */
import type { Netns } from "../netns.ts";
import type { AddressLinkJson, FdbJson, LinkJson, NeighborJson, RouteJson } from "./iproute2.ts";
import { addressLinksOf, linksOf } from "./links.ts";
import { fdbOf, neighborsOf } from "./neighbors.ts";
import { routesOf } from "./routes.ts";

/** What iproute2 prints with `-j`, parsed; each key is the command. */
export interface NamespaceState {
  readonly "ip -d -j link": readonly LinkJson[];
  readonly "ip -j addr": readonly AddressLinkJson[];
  readonly "ip -j route show table all": readonly RouteJson[];
  readonly "ip -j neigh": readonly NeighborJson[];
  readonly "bridge -j fdb": readonly FdbJson[];
}

/** At the moment that the node's clock shows. */
export function stateOf(netns: Netns): NamespaceState {
  const { now } = netns.node.simulator;
  return {
    "ip -d -j link": linksOf(netns),
    "ip -j addr": addressLinksOf(netns),
    "ip -j route show table all": routesOf(netns, "all"),
    "ip -j neigh": neighborsOf(netns, now),
    "bridge -j fdb": fdbOf(netns, now),
  };
}
