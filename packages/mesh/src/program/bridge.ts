/**
 * `bridge` (iproute2): forwarding databases.
 *
 * Not modelled: `bridge link`, `bridge vlan`, `bridge mdb`; entries for a vxlan device, which gossip makes.
 */
import { parseMac } from "@hopscope/codec/address";
import { VxlanDevice } from "../devices/vxlan.ts";
import { fdbOf } from "../inspect/neighbors.ts";
import { fdbLines } from "../inspect/print-neighbor.ts";
import { deviceNamed, isBusybox } from "./ip-action.ts";
import { type Program, type ProgramContext, UsageError } from "./program.ts";
import { readWords, refuseMore, type Words } from "./words.ts";

/** bridge.c: exit(-1) of what it finds wrong itself. */
const MISTAKEN_STATUS = 255;
const REFUSED_STATUS = 2;

export const BRIDGE: Program = {
  check(argv) {
    actionOf(argv);
  },
  *main(argv, context) {
    return actionOf(argv)(context);
  },
};

function actionOf(argv: readonly string[]): (context: ProgramContext) => number {
  let at = 1;
  let isJson = false;
  let hasStatistics = false;
  for (; argv[at]?.startsWith("-") === true; at++) {
    const option = argv[at]!;
    if (option.startsWith("-j")) isJson = true;
    else if (option.startsWith("-s")) hasStatistics = true;
    else throw new UsageError(`bridge: option ${option} is not modelled; there are -j -s`);
  }
  const [object = "", verb = "show", ...words] = argv.slice(at);
  if (!"fdb".startsWith(object) || object === "") {
    throw new UsageError(`bridge: object "${object}" is not modelled; there is bridge fdb show|add|del`);
  }
  const read = readWords(words, `bridge fdb ${verb}`, {
    keywords: ["dev", "br", "brport", "dst", "vlan"],
    switches: ["self", "master", "static", "permanent", "local", "dynamic", "state"],
  });
  if (["show", "list", "lst"].includes(verb)) return show(read, isJson, hasStatistics);
  if (verb === "add" || verb === "append" || verb === "replace") return change("add", read);
  if (verb === "del" || verb === "delete") return change("del", read);
  throw new UsageError(`bridge fdb: "${verb}" is not modelled; there are show, add, del`);
}

function show({ values, rest }: Words, isJson: boolean, hasStatistics: boolean): (context: ProgramContext) => number {
  refuseMore(rest, 0, "bridge fdb show", "dev, br, brport");
  return (context) => {
    const { netns } = context.environment;
    const device = values.get("dev") ?? values.get("brport");
    const bridge = values.get("br");
    for (const name of [device, bridge]) {
      if (name !== undefined && deviceNamed(context, name) === undefined) return MISTAKEN_STATUS;
    }
    const entries = fdbOf(netns, netns.node.softnet.now).filter(
      (entry) =>
        (device === undefined || entry.ifname === device) &&
        (bridge === undefined ||
          entry.ifname === bridge ||
          netns.deviceNamed(entry.ifname)?.port?.bridge.name === bridge),
    );
    if (isJson) {
      const plain = entries.map(({ used: _used, updated: _updated, ...entry }) => entry);
      // A device that was asked for goes without saying.
      const said = (hasStatistics ? entries : plain).map(({ mac, ifname, ...entry }) => ({
        mac,
        ...(device === undefined ? { ifname } : {}),
        ...entry,
      }));
      context.print(JSON.stringify(said));
    } else for (const line of fdbLines(entries, device !== undefined)) context.print(line);
    return 0;
  };
}

function change(verb: "add" | "del", { values, rest }: Words): (context: ProgramContext) => number {
  const command = `bridge fdb ${verb}`;
  refuseMore(rest, 1, command, "an address, dev, master, static");
  const mac = parseMac(rest[0] ?? "");
  const name = values.get("dev");
  if (mac === undefined || name === undefined) throw new UsageError(`${command}: a MAC address and dev are needed`);
  return (context) => {
    const device = deviceNamed(context, name);
    if (device === undefined) return MISTAKEN_STATUS;
    if (device instanceof VxlanDevice) throw new UsageError(`${command}: not modelled for ${name}: gossip fills it`);
    const { port } = device;
    if (port === undefined || !values.has("master")) {
      return refuse(context, "Operation not supported");
    }
    const { fdb, netns } = port.bridge;
    if (verb === "del") return fdb.delete(mac) ? 0 : refuse(context, "No such file or directory");
    fdb.addStatic(mac, port.number, netns.node.softnet.now);
    return 0;
  };
}

function refuse(context: ProgramContext, error: string): number {
  context.print(`${isBusybox(context) ? "bridge: " : ""}RTNETLINK answers: ${error}`);
  return REFUSED_STATUS;
}
