/** A namespace's routes as `ip -j -4 route show` prints them, and the one of IPv6 that is there. */
import { formatIpv4 } from "@hopscope/codec/address";
import type { Netns } from "../netns.ts";
import { type Route, RouteType } from "../tables/route.ts";
import type { RouteJson } from "./iproute2.ts";
import { hasCarrier } from "./links.ts";
import type { RouteGet } from "./print-route.ts";

const TYPE_NAMES: Readonly<Record<RouteType, string | undefined>> = {
  [RouteType.unicast]: undefined,
  [RouteType.local]: "local",
  [RouteType.broadcast]: "broadcast",
  [RouteType.multicast]: "multicast",
  [RouteType.unreachable]: "unreachable",
  [RouteType.prohibit]: "prohibit",
  [RouteType.blackhole]: "blackhole",
};

/** `main`, `local`, or `all`: main first, as rules and dump have them. */
export function routesOf(netns: Netns, table: "main" | "local" | "all" = "main"): RouteJson[] {
  const local = (): RouteJson[] => netns.routes.local.map((route) => routeJson(netns, route));
  const main = (): RouteJson[] => netns.routes.main.map((route) => routeJson(netns, route));
  if (table === "main") return main();
  if (table === "local") return local();
  return [...main(), ...local().map(withTable)];
}

/** `ip -6 route show` */
export function ipv6RoutesOf(netns: Netns, table: "main" | "local" | "all" = "main"): RouteJson[] {
  if (table === "main" || !netns.hasIpv6) return [];
  const dev = netns.loopback.name;
  const route: RouteJson = { type: "local", dst: "::1", dev, protocol: "kernel", metric: 0, flags: [], pref: "medium" };
  return [table === "all" ? withTable(route) : route];
}

function withTable(route: RouteJson): RouteJson {
  const { type, dst, dev, ...rest } = route;
  return {
    ...(type === undefined ? {} : { type }),
    dst,
    ...(dev === undefined ? {} : { dev }),
    table: "local",
    ...rest,
  };
}

function routeJson(netns: Netns, route: Route): RouteJson {
  const type = TYPE_NAMES[route.type];
  const isNowhere = route.type >= RouteType.unreachable;
  const scope = scopeOf(route);
  return {
    ...(type === undefined ? {} : { type }),
    dst: prefixText(route.destination, route.prefixLength),
    ...(route.via === undefined ? {} : { gateway: formatIpv4(route.via) }),
    ...(isNowhere ? {} : { dev: netns.deviceAt(route.device).name }),
    ...(route.protocol === undefined || route.protocol === "boot" ? {} : { protocol: route.protocol }),
    ...(scope === undefined ? {} : { scope }),
    ...(route.source === 0 ? {} : { prefsrc: formatIpv4(route.source) }),
    ...(route.metric === undefined || route.metric === 0 ? {} : { metric: route.metric }),
    flags: linkFlags(netns, route),
    ...(route.mtu === undefined ? {} : { metrics: [{ mtu: route.mtu }] }),
  };
}

function scopeOf(route: Route): string | undefined {
  if (route.type === RouteType.local) return "host";
  if (route.type === RouteType.broadcast) return "link";
  return route.type === RouteType.unicast && route.via === undefined ? "link" : undefined;
}

/** RTNH_F_LINKDOWN: the device is up, its carrier is not. Never on local addresses (fib_sync_down_dev). */
function linkFlags(netns: Netns, route: Route): string[] {
  const device = netns.deviceAt(route.device);
  return route.type !== RouteType.local && device.isUp && !hasCarrier(device) ? ["linkdown"] : [];
}

/** `default`, `10.0.9.0/24`, `10.0.9.3`. */
export function prefixText(destination: number, prefixLength: number): string {
  if (prefixLength === 0) return "default";
  return prefixLength === 32 ? formatIpv4(destination) : `${formatIpv4(destination)}/${prefixLength}`;
}

/** `ip route get`; undefined: network unreachable. */
export function routeGetOf(netns: Netns, dstIp: number, now: number): RouteGet | undefined {
  const dst = netns.ipv4.lookup(dstIp);
  if (dst === undefined) return undefined;
  const type = TYPE_NAMES[dst.type];
  const mtu = netns.ipv4.mtuOf(dst, now);
  const expiresAt = netns.ipv4.routing.pmtuExpiresAt(dstIp, now);
  const isLearned = expiresAt !== undefined;
  return {
    ...(type === undefined ? {} : { type: type as "local" | "broadcast" | "multicast" }),
    dst: formatIpv4(dstIp),
    ...(dst.nextHop === dstIp ? {} : { gateway: formatIpv4(dst.nextHop) }),
    dev: dst.device.name,
    prefsrc: formatIpv4(dst.source),
    ...(isLearned ? { expiresSeconds: Math.floor((expiresAt - now) / 1_000_000_000), mtu } : {}),
  };
}
