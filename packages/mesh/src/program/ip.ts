/**
 * `ip neigh`: what iproute2 prints and changes of a namespace's neighbor table.
 *
 * Not modelled yet: every other object of `ip`.
 */
import { formatIpv4, formatMac, parseIpv4, parseMac } from "@hopscope/codec/address";
import type { NetDevice } from "../device.ts";
import { isValid, NeighborState, type SettableState } from "../tables/neighbor.ts";
import { type Program, type ProgramContext, UsageError } from "./program.ts";

const NUD_NAMES: readonly string[] = [
  "NONE",
  "INCOMPLETE",
  "REACHABLE",
  "STALE",
  "DELAY",
  "PROBE",
  "FAILED",
  "PERMANENT",
];

/** States that `nud` can set by name. */
const SETTABLE: ReadonlyMap<string, SettableState> = new Map<string, SettableState>([
  ["reachable", NeighborState.reachable],
  ["stale", NeighborState.stale],
  ["permanent", NeighborState.permanent],
]);

/** `RTNETLINK answers`, and exit status 2. */
const ERRORS = { exists: "File exists", missing: "No such file or directory", invalid: "Invalid argument" } as const;
const FAILED_STATUS = 2;
const NO_DEVICE_STATUS = 1;

/** What stands behind the verb. */
interface Words {
  readonly device: string | undefined;
  readonly ip: number | undefined;
  readonly mac: number | undefined;
  /** As it is written. */
  readonly nud: string | undefined;
}

/** Does it, and answers the exit status. */
type Action = (context: ProgramContext, device: NetDevice | undefined) => number;

export const IP: Program = {
  check(argv) {
    actionOf(argv);
  },
  // oxlint-disable-next-line require-yield -- it waits for nothing
  *main(argv, context) {
    const { device: name, action } = actionOf(argv);
    const device = name === undefined ? undefined : context.environment.netns.deviceNamed(name);
    if (name !== undefined && device === undefined) {
      context.print(`Cannot find device "${name}"`);
      return NO_DEVICE_STATUS;
    }
    return action(context, device);
  },
};

function actionOf(argv: readonly string[]): { readonly device: string | undefined; readonly action: Action } {
  const [, object = "", verb = "show", ...rest] = argv;
  if (!["n", "neigh", "neighbor", "neighbour"].includes(object)) {
    throw new UsageError(
      `ip: object "${object}" is not modelled yet; there is: ip neigh show|flush|add|change|replace|del`,
    );
  }
  const words = parse(rest);
  const { device } = words;
  switch (verb) {
    case "show":
    case "list":
      return { device, action: show(words) };
    case "flush":
      if (rest.length === 0) throw new UsageError("ip neigh flush: say which device: ip neigh flush dev eth0");
      return { device, action: flush(words) };
    case "add":
    case "change":
    case "replace":
      return { device, action: set(verb, words) };
    case "del":
      return { device, action: remove(words) };
    default:
      throw new UsageError(`ip neigh: "${verb}" is not modelled; there are show, flush, add, change, replace, del`);
  }
}

function parse(words: readonly string[]): Words {
  const found = new Map<string, string>();
  for (let index = 0; index < words.length; index++) {
    const word = words[index]!;
    const isKeyword = ["dev", "lladdr", "nud", "to"].includes(word);
    const value = isKeyword ? words[++index] : word;
    if (value === undefined) throw new UsageError(`ip neigh: "${word}" needs a value`);
    found.set(isKeyword ? word : "to", value);
  }
  const to = found.get("to");
  const ip = to === undefined || to === "all" ? undefined : parseIpv4(to);
  if (to !== undefined && to !== "all" && ip === undefined) {
    throw new UsageError(`ip neigh: "${to}" is not understood; expected an address, dev, lladdr or nud`);
  }
  const lladdr = found.get("lladdr");
  const mac = lladdr === undefined ? undefined : parseMac(lladdr);
  if (lladdr !== undefined && mac === undefined) throw new UsageError(`ip neigh: "${lladdr}" is no MAC address`);
  const nud = found.get("nud");
  if (nud !== undefined && nud !== "all" && !NUD_NAMES.includes(nud.toUpperCase())) {
    throw new UsageError(`ip neigh: nud ${nud}: expected ${NUD_NAMES.join(", ").toLowerCase()} or all`);
  }
  return { device: found.get("dev"), ip, mac, nud };
}

function show({ ip, nud }: Words): Action {
  return ({ environment: { netns }, print }, device) => {
    for (const entry of netns.arp.neighbors.entries()) {
      const state = NUD_NAMES[entry.state]!;
      if (device !== undefined && entry.device !== device.index) continue;
      if (ip !== undefined && entry.ip !== ip) continue;
      if (nud !== undefined && nud !== "all" && nud.toUpperCase() !== state) continue;
      const mac = isValid(entry.state) ? ` lladdr ${formatMac(entry.mac)}` : "";
      print(`${formatIpv4(entry.ip)} dev ${netns.deviceAt(entry.device).name}${mac} ${state}`);
    }
    return 0;
  };
}

/** Permanent entries stay unless they are asked for. */
function flush({ ip, nud }: Words): Action {
  return ({ environment }, device) => {
    const { arp } = environment.netns;
    for (const entry of [...arp.neighbors.entries()]) {
      if (device !== undefined && entry.device !== device.index) continue;
      if (ip !== undefined && entry.ip !== ip) continue;
      const state = NUD_NAMES[entry.state]!.toLowerCase();
      const isMeant = nud === undefined ? entry.state !== NeighborState.permanent : nud === "all" || nud === state;
      if (isMeant) arp.delete(entry);
    }
    return 0;
  };
}

function set(verb: "add" | "change" | "replace", { device: name, ip, mac, nud = "permanent" }: Words): Action {
  if (ip === undefined || name === undefined) throw new UsageError(`ip neigh ${verb}: an address and dev are needed`);
  const state = SETTABLE.get(nud);
  if (state === undefined) {
    throw new UsageError(`ip neigh ${verb}: nud ${nud}: expected ${[...SETTABLE.keys()].join(", ")}`);
  }
  return (context, device) => {
    const { arp } = context.environment.netns;
    const known = arp.neighbors.find(device!.index, ip);
    if (known === undefined && verb === "change") return fail(context, "missing");
    if (known !== undefined && verb === "add") return fail(context, "exists");
    const lladdr = mac ?? (known !== undefined && isValid(known.state) ? known.mac : undefined);
    if (lladdr === undefined) return fail(context, "invalid");
    arp.set(device!, ip, lladdr, state);
    return 0;
  };
}

function remove({ device: name, ip }: Words): Action {
  if (ip === undefined || name === undefined) throw new UsageError("ip neigh del: an address and dev are needed");
  return (context, device) => {
    const { arp } = context.environment.netns;
    const known = arp.neighbors.find(device!.index, ip);
    if (known === undefined) return fail(context, "missing");
    arp.delete(known);
    return 0;
  };
}

function fail(context: ProgramContext, error: keyof typeof ERRORS): number {
  context.print(`RTNETLINK answers: ${ERRORS[error]}`);
  return FAILED_STATUS;
}
