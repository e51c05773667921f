/** `ip route` and `route -n` as text, from iproute2's JSON: iproute2's, busybox' and net-tools'. */
import { formatIpv4, parseIpv4 } from "@hopscope/codec/address";
import type { RouteJson } from "./iproute2.ts";
import { maskOf } from "../tables/route.ts";

/** `ip route show`; `details` as with `-d`. Lines end with a space, as iproute2's do. */
export function routeLines(routes: readonly RouteJson[], details = false): string[] {
  return routes.map((route) => {
    const words: string[] = [];
    const type = route.type ?? (details ? "unicast" : undefined);
    if (type !== undefined) words.push(type);
    words.push(route.dst);
    if (route.gateway !== undefined) words.push(`via ${route.gateway}`);
    if (route.dev !== undefined) words.push(`dev ${route.dev}`);
    if (route.table !== undefined) words.push(`table ${route.table}`);
    const protocol = route.protocol ?? (details ? "boot" : undefined);
    if (protocol !== undefined) words.push(`proto ${protocol}`);
    const scope = route.scope ?? (details ? "global" : undefined);
    if (scope !== undefined) words.push(`scope ${scope}`);
    if (route.prefsrc !== undefined) words.push(`src ${route.prefsrc}`);
    if (route.metric !== undefined) words.push(`metric ${route.metric}`);
    words.push(...route.flags);
    for (const { mtu } of route.metrics ?? []) if (mtu !== undefined) words.push(`mtu ${mtu}`);
    if (route.pref !== undefined) return [...words, `pref ${route.pref}`].join(" ");
    return `${words.join(" ")} `;
  });
}

/** busybox' `ip route`: libiproute/iproute.c, print_route. */
export function busyboxRouteLines(routes: readonly RouteJson[]): string[] {
  return routes.map((route) => {
    let text = route.type === undefined ? `${route.dst} ` : `${route.type} ${route.dst} `;
    if (route.gateway !== undefined) text += `via ${route.gateway} `;
    if (route.dev !== undefined) text += `dev ${route.dev} `;
    if (route.scope !== undefined) text += `scope ${route.scope} `;
    if (route.prefsrc !== undefined) text += ` src ${route.prefsrc} `;
    if (route.metric !== undefined) text += ` metric ${route.metric} `;
    return text;
  });
}

/** An answer of `ip route get`. */
export interface RouteGet {
  readonly type?: "local" | "broadcast" | "multicast";
  readonly dst: string;
  readonly gateway?: string;
  readonly dev: string;
  readonly prefsrc: string;
  /** Of a path MTU that is remembered: how long, and how big. */
  readonly expiresSeconds?: number;
  readonly mtu?: number;
}

export function routeGetLines(found: RouteGet): string[] {
  const type = found.type === undefined ? "" : `${found.type} `;
  const via = found.gateway === undefined ? "" : `via ${found.gateway} `;
  const cache = ["    cache"];
  if (found.type !== undefined) cache.push(`<${found.type}>`);
  if (found.expiresSeconds !== undefined) cache.push(`expires ${found.expiresSeconds}sec`);
  if (found.mtu !== undefined) cache.push(`mtu ${found.mtu}`);
  return [`${type}${found.dst} ${via}dev ${found.dev} src ${found.prefsrc} uid 0 `, `${cache.join(" ")} `];
}

export function busyboxRouteGetLines(found: RouteGet): string[] {
  const type = found.type === undefined ? "" : `${found.type} `;
  const via = found.gateway === undefined ? "" : `via ${found.gateway} `;
  return [`${type}${found.dst} ${via}dev ${found.dev}  src ${found.prefsrc} `];
}

/** `route -n`: the main table. `make` is whose: they differ where a route leads nowhere. */
export function kernelTableLines(routes: readonly RouteJson[], make: "busybox" | "net-tools"): string[] {
  const lines = [
    "Kernel IP routing table",
    "Destination     Gateway         Genmask         Flags Metric Ref    Use Iface",
  ];
  for (const route of routes) {
    const [address = "", length = "32"] = (route.dst === "default" ? "0.0.0.0/0" : route.dst).split("/");
    const isReject = route.type !== undefined && route.type !== "blackhole";
    const isBare = isReject && make === "net-tools";
    const flags = isReject ? "!" : `U${route.gateway === undefined ? "" : "G"}${length === "32" ? "H" : ""}`;
    const gateway = isBare ? "-" : (route.gateway ?? "0.0.0.0");
    const columns = [
      formatIpv4(parseIpv4(address) ?? 0).padEnd(15),
      gateway.padEnd(15),
      formatIpv4(maskOf(Number(length))).padEnd(15),
      flags.padEnd(5),
      String(route.metric ?? 0).padEnd(6),
      (isBare ? "-" : "0").padEnd(2),
      "0".padStart(7),
      isBare ? "-" : (route.dev ?? "*"),
    ];
    lines.push(columns.join(" "));
  }
  return lines;
}
