/**
 * `ip route`: shows routes, asks for one, changes them.
 *
 * Not modelled: several next hops, tables other than main and local, metrics other than mtu.
 */
import { parseIpv4 } from "@hopscope/codec/address";
import type { RouteJson } from "../inspect/iproute2.ts";
import { busyboxRouteGetLines, busyboxRouteLines, routeGetLines, routeLines } from "../inspect/print-route.ts";
import { ipv6RoutesOf, prefixText, routeGetOf, routesOf } from "../inspect/routes.ts";
import { maskOf, type Route, RouteType } from "../tables/route.ts";
import {
  deviceNamed,
  type IpAction,
  type IpStyle,
  isBusybox,
  NO_DEVICE_STATUS,
  printJson,
  refused,
} from "./ip-action.ts";
import { type ProgramContext, UsageError } from "./program.ts";
import { expanded, readWords, refuseMore, type Words } from "./words.ts";

const TYPES: ReadonlyMap<string, RouteType> = new Map<string, RouteType>([
  ["unicast", RouteType.unicast],
  ["local", RouteType.local],
  ["broadcast", RouteType.broadcast],
  ["unreachable", RouteType.unreachable],
  ["prohibit", RouteType.prohibit],
  ["blackhole", RouteType.blackhole],
]);
const KEYWORDS: readonly string[] = ["via", "dev", "src", "metric", "mtu", "proto", "scope", "table", "to"];
/** In the order in which iproute2 tries them (iproute.c, do_iproute). */
const VERBS = ["list", "show", "lst", "get", "add", "change", "replace", "append", "delete", "flush"] as const;

export function routeAction(verb: string, words: readonly string[], style: IpStyle): IpAction {
  switch (expanded(verb, VERBS)) {
    case "list":
    case "show":
    case "lst":
      return show(words, style);
    case "get":
      return get(words, style);
    case "add":
      return change("add", words);
    case "append":
      return change("append", words);
    case "change":
      return change("change", words);
    case "replace":
      return change("replace", words);
    case "delete":
      return remove(words);
    case "flush":
      return flush(words);
    default:
      throw new UsageError(`ip route: "${verb}" is not modelled; there are ${VERBS.join(", ")}`);
  }
}

interface Prefix {
  readonly destination: number;
  readonly prefixLength: number;
}

/** `default`, `10.0.9.0/24`, `10.0.9.3`. */
function parsePrefix(text: string, command: string): Prefix {
  if (text === "default" || text === "any") return { destination: 0, prefixLength: 0 };
  const [address = "", length = "32"] = text.split("/");
  const ip = parseIpv4(address);
  const prefixLength = /^\d{1,2}$/.test(length) ? Number(length) : Number.NaN;
  if (ip === undefined || !(prefixLength <= 32)) throw new UsageError(`${command}: "${text}" is no IPv4 prefix`);
  return { destination: ip, prefixLength };
}

function parseAddress(words: Words, keyword: string, command: string): number | undefined {
  const text = words.values.get(keyword);
  if (text === undefined) return undefined;
  const ip = parseIpv4(text);
  if (ip === undefined) throw new UsageError(`${command}: ${keyword} "${text}" is no IPv4 address`);
  return ip;
}

function parseNumber(words: Words, keyword: string, command: string): number | undefined {
  const text = words.values.get(keyword);
  if (text === undefined) return undefined;
  if (!/^\d+$/.test(text)) throw new UsageError(`${command}: ${keyword} "${text}" is no number`);
  return Number(text);
}

/** True if the route's prefix is the selector's, holds it (`match`) or lies in it (`root`). */
type PrefixTest = (route: RouteJson) => boolean;

function prefixTest(rest: readonly string[], command: string): PrefixTest {
  const [first, second] = rest;
  if (first === undefined) return () => true;
  const mode = second === undefined ? "exact" : expanded(first, ["exact", "match", "root"]);
  if (mode === undefined) throw new UsageError(`${command}: "${first}" is not understood; expected a prefix`);
  const wanted = parsePrefix(second ?? first, command);
  return (route) => {
    const own = parsePrefix(route.dst, command);
    if (mode === "exact") return own.prefixLength === wanted.prefixLength && own.destination === wanted.destination;
    return mode === "match" ? holds(own, wanted) : holds(wanted, own);
  };
}

function holds(outer: Prefix, inner: Prefix): boolean {
  return (
    outer.prefixLength <= inner.prefixLength &&
    ((outer.destination ^ inner.destination) & maskOf(outer.prefixLength)) === 0
  );
}

function show(words: readonly string[], style: IpStyle): IpAction {
  const command = "ip route show";
  const { values, rest } = readWords(words, command, { keywords: ["dev", "table", "via", "proto", "scope", "type"] });
  const prefixWords = rest.filter((word) => word !== "to");
  refuseMore(prefixWords, 2, command, "a prefix, dev, table, via");
  const isWanted = prefixTest(prefixWords, command);
  const table = values.get("table") ?? "main";
  if (table !== "main" && table !== "local" && table !== "all") {
    throw new UsageError(`${command}: table ${table} is not modelled; there are main, local and all`);
  }
  const name = values.get("dev");
  return (context) => {
    const { netns } = context.environment;
    if (name !== undefined && deviceNamed(context, name) === undefined) return NO_DEVICE_STATUS;
    const routes = (style.family === "inet6" ? ipv6RoutesOf : routesOf)(netns, table)
      .filter(
        (route) =>
          isWanted(route) &&
          (name === undefined || route.dev === name) &&
          (!values.has("via") || route.gateway === values.get("via")) &&
          (!values.has("proto") || (route.protocol ?? "boot") === values.get("proto")) &&
          (!values.has("scope") || (route.scope ?? "global") === values.get("scope")) &&
          (!values.has("type") || (route.type ?? "unicast") === values.get("type")),
      )
      // What all have is not said: the filter knows it.
      .map(
        ({ dev, ...route }): RouteJson =>
          name === undefined && dev !== undefined ? { ...withDevice(route, dev) } : route,
      );
    if (style.json) printJson(context, routes);
    else {
      const lines = isBusybox(context) ? busyboxRouteLines(routes) : routeLines(routes, style.details);
      for (const line of lines) context.print(line);
    }
    return 0;
  };
}

/** Keys in iproute2's order. */
function withDevice({ type, dst, gateway, ...rest }: RouteJson, dev: string): RouteJson {
  return {
    ...(type === undefined ? {} : { type }),
    dst,
    ...(gateway === undefined ? {} : { gateway }),
    dev,
    ...rest,
  };
}

function get(words: readonly string[], style: IpStyle): IpAction {
  const command = "ip route get";
  const { rest } = readWords(words, command, { keywords: [] });
  refuseMore(rest, 1, command, "one address");
  const ip = parseIpv4(rest[0] ?? "");
  if (ip === undefined) throw new UsageError(`${command}: expected an IPv4 address, found "${rest[0] ?? ""}"`);
  return (context) => {
    const { netns } = context.environment;
    const found = routeGetOf(netns, ip, netns.node.softnet.now);
    if (found === undefined) return refused(context, "Network is unreachable");
    if (style.json) {
      const { type, dst, gateway, dev, prefsrc } = found;
      const cache = type === undefined ? [] : [type];
      printJson(context, [
        {
          ...withDevice({ ...(type === undefined ? {} : { type }), dst, flags: [] }, dev),
          gateway,
          prefsrc,
          uid: 0,
          cache,
        },
      ]);
      return 0;
    }
    for (const line of isBusybox(context) ? busyboxRouteGetLines(found) : routeGetLines(found)) context.print(line);
    return 0;
  };
}

interface Request extends Prefix {
  readonly type: RouteType;
  readonly via: number | undefined;
  readonly device: string | undefined;
  readonly source: number | undefined;
  readonly metric: number | undefined;
  readonly mtu: number | undefined;
  readonly protocol: "kernel" | "boot" | "static" | undefined;
}

function readRequest(words: readonly string[], command: string): Request {
  const read = readWords(words, command, { keywords: KEYWORDS, switches: ["onlink"] });
  const [first, ...others] = read.rest;
  const type = TYPES.get(first ?? "");
  const rest = type === undefined ? read.rest : others;
  refuseMore(rest, 1, command, "a prefix, via, dev, src, metric, mtu");
  const text = read.values.get("to") ?? rest[0];
  if (text === undefined) throw new UsageError(`${command}: a prefix is needed: ${command} 10.9.0.0/16 via 10.0.9.1`);
  const protocol = read.values.get("proto");
  if (protocol !== undefined && protocol !== "kernel" && protocol !== "boot" && protocol !== "static") {
    throw new UsageError(`${command}: proto ${protocol} is not modelled; there are kernel, boot and static`);
  }
  return {
    ...parsePrefix(text, command),
    type: type ?? RouteType.unicast,
    via: parseAddress(read, "via", command),
    device: read.values.get("dev"),
    source: parseAddress(read, "src", command),
    metric: parseNumber(read, "metric", command),
    mtu: parseNumber(read, "mtu", command),
    protocol,
  };
}

function change(verb: "add" | "append" | "change" | "replace", words: readonly string[]): IpAction {
  const request = readRequest(words, `ip route ${verb}`);
  return (context) => {
    const { routes } = context.environment.netns;
    const route = routeOf(context, request);
    if (typeof route === "number") return route;
    const metric = route.metric ?? 0;
    const { destination, prefixLength, type } = route;
    if (verb === "add") return routes.addNew(route) ? 0 : refused(context, "File exists");
    if (verb === "append") routes.add(route);
    else if (verb === "change" && !routes.has({ destination, prefixLength, type, metric })) {
      return refused(context, "No such file or directory");
    } else routes.replace(route);
    return 0;
  };
}

/** The route, or the status of why there can be none (fib_check_nh, fib_create_info). */
function routeOf(context: ProgramContext, request: Request): Route | number {
  const { netns } = context.environment;
  const { destination, prefixLength, type, via, source, metric, mtu, protocol } = request;
  if ((destination & ~maskOf(prefixLength)) !== 0 && prefixLength < 32) {
    return refused(context, "Invalid argument", "Invalid prefix for given prefix length.");
  }
  if (source !== undefined && !netns.hasAddress(source)) {
    return refused(context, "Invalid argument", "Invalid prefsrc address.");
  }
  const common = {
    type,
    destination: prefixLength === 32 ? destination : destination & maskOf(prefixLength),
    prefixLength,
    via,
    source: source ?? 0,
    ...(metric === undefined ? {} : { metric }),
    ...(mtu === undefined ? {} : { mtu }),
    protocol: protocol ?? ("boot" as const),
  };
  if (type >= RouteType.unreachable) return { ...common, via: undefined, device: netns.loopback.index };
  const named = request.device === undefined ? undefined : deviceNamed(context, request.device);
  if (request.device !== undefined && named === undefined) return NO_DEVICE_STATUS;
  if (named !== undefined && !named.isUp) {
    return refused(
      context,
      "Network is down",
      via === undefined ? "Device for nexthop is not up." : "Nexthop device is not up.",
    );
  }
  if (via === undefined) {
    if (named === undefined) return refused(context, "No such device");
    return { ...common, device: named.index };
  }
  const toGateway = netns.routes.find(via, named?.index ?? 0);
  const isOnLink =
    toGateway !== undefined &&
    toGateway.via === undefined &&
    (toGateway.type === RouteType.unicast || toGateway.type === RouteType.local);
  if (!isOnLink) {
    return refused(context, "Network is unreachable", "Nexthop has invalid gateway.");
  }
  return { ...common, device: named?.index ?? toGateway.device };
}

function remove(words: readonly string[]): IpAction {
  const { destination, prefixLength, type, via, device, source, metric } = readRequest(words, "ip route del");
  return (context) => {
    const { netns } = context.environment;
    const named = device === undefined ? undefined : deviceNamed(context, device);
    if (device !== undefined && named === undefined) return NO_DEVICE_STATUS;
    const selector = {
      destination: prefixLength === 32 ? destination : destination & maskOf(prefixLength),
      prefixLength,
      type,
      ...(via === undefined ? {} : { via }),
      ...(named === undefined ? {} : { device: named.index }),
      ...(source === undefined ? {} : { source }),
      ...(metric === undefined ? {} : { metric }),
    };
    return netns.routes.delete(selector) ? 0 : refused(context, "No such process");
  };
}

function flush(words: readonly string[]): IpAction {
  const command = "ip route flush";
  const { values, rest } = readWords(words, command, { keywords: ["dev", "table"] });
  refuseMore(rest, 2, command, "a prefix, dev, cache");
  if (rest.length === 0 && !values.has("dev") && !values.has("table")) {
    throw new UsageError(`${command}: say which: a prefix, dev, or cache`);
  }
  if (rest[0] === "cache") {
    return ({ environment }) => {
      environment.netns.ipv4.routing.flush();
      return 0;
    };
  }
  const isWanted = prefixTest(rest, command);
  const name = values.get("dev");
  return (context) => {
    if (name !== undefined && deviceNamed(context, name) === undefined) return NO_DEVICE_STATUS;
    const { netns } = context.environment;
    netns.routes.deleteWhere(
      (route) =>
        route.type !== RouteType.local &&
        route.type !== RouteType.broadcast &&
        (name === undefined || netns.deviceAt(route.device).name === name) &&
        isWanted({ dst: prefixText(route.destination, route.prefixLength), flags: [] }),
    );
    return 0;
  };
}
