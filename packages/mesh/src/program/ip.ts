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

/** What stands behind the verb. */
interface Words {
  readonly device: NetDevice | undefined;
  readonly ip: number | undefined;
  readonly mac: number | undefined;
  /** As it is written. */
  readonly nud: string | undefined;
}

export class IpNeigh implements Program {
  readonly #context: ProgramContext;
  /** Does it, and answers the exit status. */
  readonly #action: () => number;

  constructor(argv: readonly string[], context: ProgramContext) {
    this.#context = context;
    const [, object = "", verb = "show", ...rest] = argv;
    if (!["n", "neigh", "neighbor", "neighbour"].includes(object)) {
      throw new UsageError(
        `ip: object "${object}" is not modelled yet; there is: ip neigh show|flush|add|change|replace|del`,
      );
    }
    const words = this.#parse(rest);
    switch (verb) {
      case "show":
      case "list":
        this.#action = () => this.#show(words);
        break;
      case "flush":
        if (rest.length === 0) throw new UsageError("ip neigh flush: say which device: ip neigh flush dev eth0");
        this.#action = () => this.#flush(words);
        break;
      case "add":
      case "change":
      case "replace":
        this.#action = this.#set(verb, words);
        break;
      case "del":
        this.#action = this.#delete(words);
        break;
      default:
        throw new UsageError(`ip neigh: "${verb}" is not modelled; there are show, flush, add, change, replace, del`);
    }
  }

  start(): void {
    this.#context.exit(this.#action());
  }

  #parse(words: readonly string[]): Words {
    const found = new Map<string, string>();
    for (let index = 0; index < words.length; index++) {
      const word = words[index]!;
      const isKeyword = ["dev", "lladdr", "nud", "to"].includes(word);
      const value = isKeyword ? words[++index] : word;
      if (value === undefined) throw new UsageError(`ip neigh: "${word}" needs a value`);
      found.set(isKeyword ? word : "to", value);
    }
    const name = found.get("dev");
    const device = name === undefined ? undefined : this.#context.netns.deviceNamed(name);
    if (name !== undefined && device === undefined) throw new UsageError(`ip: Cannot find device "${name}"`);
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
    return { device, ip, mac, nud };
  }

  #show({ device, ip, nud }: Words): number {
    const { netns, print } = this.#context;
    for (const entry of netns.arp.neighbors.entries()) {
      const state = NUD_NAMES[entry.state]!;
      if (device !== undefined && entry.device !== device.index) continue;
      if (ip !== undefined && entry.ip !== ip) continue;
      if (nud !== undefined && nud !== "all" && nud.toUpperCase() !== state) continue;
      const mac = isValid(entry.state) ? ` lladdr ${formatMac(entry.mac)}` : "";
      print(`${formatIpv4(entry.ip)} dev ${netns.deviceAt(entry.device).name}${mac} ${state}`);
    }
    return 0;
  }

  /** Permanent entries stay unless they are asked for. */
  #flush({ device, ip, nud }: Words): number {
    const { arp } = this.#context.netns;
    for (const entry of [...arp.neighbors.entries()]) {
      if (device !== undefined && entry.device !== device.index) continue;
      if (ip !== undefined && entry.ip !== ip) continue;
      const state = NUD_NAMES[entry.state]!.toLowerCase();
      const isMeant = nud === undefined ? entry.state !== NeighborState.permanent : nud === "all" || nud === state;
      if (isMeant) arp.delete(entry);
    }
    return 0;
  }

  #set(verb: "add" | "change" | "replace", { device, ip, mac, nud = "permanent" }: Words): () => number {
    if (ip === undefined || device === undefined)
      throw new UsageError(`ip neigh ${verb}: an address and dev are needed`);
    const state = SETTABLE.get(nud);
    if (state === undefined) {
      throw new UsageError(`ip neigh ${verb}: nud ${nud}: expected ${[...SETTABLE.keys()].join(", ")}`);
    }
    return () => {
      const { arp } = this.#context.netns;
      const known = arp.neighbors.find(device.index, ip);
      if (known === undefined && verb === "change") return this.#fail("missing");
      if (known !== undefined && verb === "add") return this.#fail("exists");
      const lladdr = mac ?? (known !== undefined && isValid(known.state) ? known.mac : undefined);
      if (lladdr === undefined) return this.#fail("invalid");
      arp.set(device, ip, lladdr, state);
      return 0;
    };
  }

  #delete({ device, ip }: Words): () => number {
    if (ip === undefined || device === undefined) throw new UsageError("ip neigh del: an address and dev are needed");
    return () => {
      const { arp } = this.#context.netns;
      const known = arp.neighbors.find(device.index, ip);
      if (known === undefined) return this.#fail("missing");
      arp.delete(known);
      return 0;
    };
  }

  #fail(error: keyof typeof ERRORS): number {
    this.#context.print(`RTNETLINK answers: ${ERRORS[error]}`);
    return FAILED_STATUS;
  }
}
