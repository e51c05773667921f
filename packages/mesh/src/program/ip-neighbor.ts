/**
 * `ip neigh`: shows and changes a namespace's neighbor table.
 *
 * Not modelled: proxy entries, the states incomplete, failed and noarp to set.
 */
import { parseIpv4, parseMac } from "@hopscope/codec/address";
import { neighborsOf } from "../inspect/neighbors.ts";
import { busyboxNeighborLines, neighborLines } from "../inspect/print-neighbor.ts";
import { isValid, type Neighbor, NeighborState, type SettableState } from "../tables/neighbor.ts";
import {
  deviceNamed,
  type IpAction,
  type IpStyle,
  isBusybox,
  NO_DEVICE_STATUS,
  printJson,
  refused,
} from "./ip-action.ts";
import { UsageError } from "./program.ts";
import { expanded, readWords, refuseMore } from "./words.ts";

const NUD_NAMES: readonly string[] = [
  "none",
  "incomplete",
  "reachable",
  "stale",
  "delay",
  "probe",
  "failed",
  "permanent",
];

/** States that `nud` can set by name. */
const SETTABLE: ReadonlyMap<string, SettableState> = new Map<string, SettableState>([
  ["reachable", NeighborState.reachable],
  ["stale", NeighborState.stale],
  ["permanent", NeighborState.permanent],
  ["delay", NeighborState.delay],
  ["probe", NeighborState.probe],
]);

/** What stands behind the verb. */
interface Selection {
  readonly device: string | undefined;
  readonly text: string | undefined;
  readonly ip: number | undefined;
  readonly mac: number | undefined;
  /** As it is written. */
  readonly nud: string | undefined;
  readonly isUse: boolean;
}

export function neighborAction(verb: string, words: readonly string[], style: IpStyle): IpAction {
  const selection = read(words);
  switch (expanded(verb, ["show", "list", "lst", "flush", "add", "change", "replace", "delete"])) {
    case "show":
    case "list":
    case "lst":
      return show(selection, style);
    case "flush":
      if (words.length === 0) throw new UsageError("ip neigh flush: say which device: ip neigh flush dev eth0");
      return flush(selection);
    case "add":
      return set("add", selection);
    case "change":
      return set("change", selection);
    case "replace":
      return set("replace", selection);
    case "delete":
      return remove(selection);
    default:
      throw new UsageError(`ip neigh: "${verb}" is not modelled; there are show, flush, add, change, replace, del`);
  }
}

function read(words: readonly string[]): Selection {
  const { values, rest } = readWords(words, "ip neigh", {
    keywords: ["dev", "lladdr", "nud", "to"],
    switches: ["use"],
  });
  refuseMore(rest, 1, "ip neigh", "an address, dev, lladdr, nud or use");
  const to = values.get("to") ?? rest[0];
  const ip = to === undefined || to === "all" ? undefined : parseIpv4(to);
  if (to !== undefined && to !== "all" && ip === undefined) {
    throw new UsageError(`ip neigh: "${to}" is not understood; expected an address, dev, lladdr, nud or use`);
  }
  const lladdr = values.get("lladdr");
  const mac = lladdr === undefined ? undefined : parseMac(lladdr);
  if (lladdr !== undefined && mac === undefined) throw new UsageError(`ip neigh: "${lladdr}" is no MAC address`);
  const nud = values.get("nud");
  if (nud !== undefined && nud !== "all" && !NUD_NAMES.includes(nud)) {
    throw new UsageError(`ip neigh: nud ${nud}: expected ${NUD_NAMES.join(", ")} or all`);
  }
  return { device: values.get("dev"), text: ip === undefined ? undefined : to, ip, mac, nud, isUse: values.has("use") };
}

function show({ device, text, nud }: Selection, style: IpStyle): IpAction {
  return (context) => {
    if (device !== undefined && deviceNamed(context, device) === undefined) return NO_DEVICE_STATUS;
    const { netns } = context.environment;
    const shown = neighborsOf(netns, netns.node.softnet.now).filter(
      (entry) =>
        (device === undefined || entry.dev === device) &&
        (text === undefined || entry.dst === text) &&
        (nud === undefined || nud === "all" || entry.state.includes(nud.toUpperCase())),
    );
    if (style.json) {
      printJson(
        context,
        shown.map(({ dst, dev, ...entry }) => {
          const { lladdr, state } = entry;
          const said = style.statistics ? entry : { ...(lladdr === undefined ? {} : { lladdr }), state };
          return { dst, ...(device === undefined ? { dev } : {}), ...said };
        }),
      );
    } else {
      const lines = isBusybox(context) ? busyboxNeighborLines : neighborLines;
      for (const line of lines(shown, device !== undefined)) context.print(line);
    }
    return 0;
  };
}

/** Permanent entries stay unless they are asked for. */
function flush({ device, ip, nud }: Selection): IpAction {
  return (context) => {
    const { netns } = context.environment;
    if (device !== undefined && deviceNamed(context, device) === undefined) return NO_DEVICE_STATUS;
    for (const entry of [...netns.arp.neighbors.entries()]) {
      if (device !== undefined && netns.deviceAt(entry.device).name !== device) continue;
      if (ip !== undefined && entry.ip !== ip) continue;
      const isMeant =
        nud === undefined
          ? entry.state !== NeighborState.permanent || netns.arp.isAcquaintance(entry)
          : nud === "all" || nud === nameOf(entry);
      if (isMeant) netns.arp.delete(entry);
    }
    return 0;
  };
}

function nameOf(entry: Neighbor): string {
  return NUD_NAMES[entry.state]!;
}

function set(
  verb: "add" | "change" | "replace",
  { device: name, ip, mac, nud = "permanent", isUse }: Selection,
): IpAction {
  if (ip === undefined || name === undefined) throw new UsageError(`ip neigh ${verb}: an address and dev are needed`);
  const state = SETTABLE.get(nud);
  if (state === undefined) {
    throw new UsageError(`ip neigh ${verb}: nud ${nud}: expected ${[...SETTABLE.keys()].join(", ")}`);
  }
  return (context) => {
    const device = deviceNamed(context, name);
    if (device === undefined) return NO_DEVICE_STATUS;
    const { arp } = context.environment.netns;
    const known = arp.neighbors.find(device.index, ip);
    if (known === undefined && verb === "change") return refused(context, "No such file or directory");
    if (known !== undefined && verb === "add") return refused(context, "File exists");
    if (isUse) {
      arp.use(device, ip);
      return 0;
    }
    const lladdr = mac ?? (known !== undefined && isValid(known.state) ? known.mac : undefined);
    if (lladdr === undefined) return refused(context, "Invalid argument");
    arp.set(device, ip, lladdr, state);
    return 0;
  };
}

function remove({ device: name, ip }: Selection): IpAction {
  if (ip === undefined || name === undefined) throw new UsageError("ip neigh del: an address and dev are needed");
  return (context) => {
    const device = deviceNamed(context, name);
    if (device === undefined) return NO_DEVICE_STATUS;
    const { arp } = context.environment.netns;
    const known = arp.neighbors.find(device.index, ip);
    if (known === undefined) return refused(context, "No such file or directory");
    arp.delete(known);
    return 0;
  };
}
