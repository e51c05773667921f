/**
 * `ip link`: shows devices and changes them.
 *
 * Not modelled: adding other kinds than bridges and veth pairs, renaming, moving to another namespace.
 */
import { parseMac } from "@hopscope/codec/address";
import { Bridge } from "../devices/bridge.ts";
import { Loopback } from "../devices/loopback.ts";
import { Veth } from "../devices/veth.ts";
import type { NetDevice } from "../device.ts";
import { linksOf } from "../inspect/links.ts";
import { briefLinkLines, busyboxLinkLines, linkLines } from "../inspect/print-link.ts";
import { statisticsOf } from "../inspect/statistics.ts";
import {
  deviceNamed,
  type IpAction,
  type IpStyle,
  isBusybox,
  NO_DEVICE_STATUS,
  printJson,
  refused,
  shownDevice,
} from "./ip-action.ts";
import { type ProgramContext, UsageError } from "./program.ts";
import { expanded, readWords, refuseMore } from "./words.ts";

const MIN_MTU = 68;
const MAX_MTU = 65_535;
const DEFAULT_MTU = 1500;

export function linkAction(verb: string, words: readonly string[], style: IpStyle): IpAction {
  switch (expanded(verb, ["add", "set", "delete", "show", "list", "lst"])) {
    case "show":
    case "list":
    case "lst":
      return show(words, style);
    case "set":
      return set(words);
    case "delete":
      return remove(words);
    case "add":
      return add(words);
    default:
      throw new UsageError(`ip link: "${verb}" is not modelled; there are show, set, add, del`);
  }
}

function show(words: readonly string[], style: IpStyle): IpAction {
  const command = "ip link show";
  const { values, rest } = readWords(words, command, { keywords: ["dev", "master", "type"], switches: ["up"] });
  refuseMore(rest, 1, command, "a device, up, master, type");
  const name = values.get("dev") ?? rest[0];
  return (context) => {
    const { netns } = context.environment;
    const master = values.get("master");
    if (!shownDevice(context, name) || !shownDevice(context, master)) return NO_DEVICE_STATUS;
    const links = linksOf(netns);
    const type = values.get("type");
    const shown = links.filter(
      (link) =>
        (name === undefined || link.ifname === name) &&
        (master === undefined || link.master === master) &&
        (type === undefined || link.linkinfo?.info_kind === type) &&
        (!values.has("up") || link.flags.includes("UP")),
    );
    const { details, oneLine } = style;
    const statistics = style.statistics ? statisticsOf(netns) : undefined;
    let lines: readonly string[];
    if (style.json) {
      printJson(context, details ? shown : shown.map(({ linkinfo: _linkinfo, ...link }) => link));
      return 0;
    }
    if (style.brief) lines = briefLinkLines(shown);
    else if (isBusybox(context)) lines = busyboxLinkLines(shown, { all: links, oneLine });
    else lines = linkLines(shown, { details, oneLine, ...(statistics === undefined ? {} : { statistics }) });
    for (const line of lines) context.print(line);
    return 0;
  };
}

/** What `ip link set` can say. */
interface Settings {
  readonly isUp: boolean | undefined;
  readonly mtu: number | undefined;
  readonly mac: number | undefined;
  readonly master: string | undefined;
  readonly isPromiscuous: boolean | undefined;
  readonly hasNoMaster: boolean;
}

function set(words: readonly string[]): IpAction {
  const command = "ip link set";
  const keywords = ["dev", "mtu", "address", "master", "txqueuelen", "multicast", "promisc", "arp"];
  const { values, rest } = readWords(words, command, { keywords, switches: ["up", "down", "nomaster"] });
  refuseMore(rest, 1, command, "up, down, mtu, address, master, nomaster");
  const name = values.get("dev") ?? rest[0];
  if (name === undefined) throw new UsageError(`${command}: say which device: ${command} eth0 mtu 1400`);
  const mtuText = values.get("mtu");
  const mtu = mtuText === undefined ? undefined : Number(mtuText);
  if (mtu !== undefined && !Number.isInteger(mtu)) throw new UsageError(`${command}: mtu "${mtuText}" is no number`);
  const macText = values.get("address");
  const mac = macText === undefined ? undefined : parseMac(macText);
  if (macText !== undefined && mac === undefined) throw new UsageError(`${command}: "${macText}" is no MAC address`);
  const isUp = values.has("up") ? true : values.has("down") ? false : undefined;
  const promisc = values.get("promisc");
  if (promisc !== undefined && promisc !== "on" && promisc !== "off")
    throw new UsageError(`${command}: promisc "${promisc}": expected on or off`);
  const settings = {
    isUp,
    mtu,
    mac,
    master: values.get("master"),
    isPromiscuous: promisc === undefined ? undefined : promisc === "on",
    hasNoMaster: values.has("nomaster"),
  };
  return (context) => {
    const device = deviceNamed(context, name);
    return device === undefined ? NO_DEVICE_STATUS : apply(context, device, settings);
  };
}

/** do_setlink: in the kernel's order. */
function apply(context: ProgramContext, device: NetDevice, settings: Settings): number {
  const { isUp, mtu, mac, master, isPromiscuous, hasNoMaster } = settings;
  if (mac !== undefined) {
    const old = device.mac;
    if (device instanceof Bridge) device.setMac(mac);
    else device.mac = mac;
    device.port?.bridge.portMacChanged(device.port, old);
  }
  if (mtu !== undefined) {
    const isLoopback = device instanceof Loopback;
    if (!isLoopback && mtu < MIN_MTU) return refused(context, "Invalid argument", "mtu less than device minimum.");
    if (!isLoopback && mtu > MAX_MTU) return refused(context, "Invalid argument", "mtu greater than device maximum.");
    device.setMtu(mtu);
  }
  if (master !== undefined) {
    const bridge = deviceNamed(context, master);
    if (bridge === undefined) return NO_DEVICE_STATUS;
    if (!(bridge instanceof Bridge)) return refused(context, "Operation not supported");
    if (device.port !== undefined) device.port.bridge.deletePort(device.port);
    bridge.addPort(device);
  }
  if (hasNoMaster && device.port !== undefined) device.port.bridge.deletePort(device.port);
  if (isPromiscuous !== undefined) device.isPromiscuous = isPromiscuous;
  if (isUp === true) device.up();
  if (isUp === false) device.down();
  return 0;
}

function remove(words: readonly string[]): IpAction {
  const { values, rest } = readWords(words, "ip link del", { keywords: ["dev", "type"] });
  refuseMore(rest, 1, "ip link del", "a device");
  const name = values.get("dev") ?? rest[0];
  if (name === undefined) throw new UsageError("ip link del: say which device");
  return (context) => {
    const device = deviceNamed(context, name);
    if (device === undefined) return NO_DEVICE_STATUS;
    if (device instanceof Loopback) return refused(context, "Operation not supported");
    device.delete();
    return 0;
  };
}

function add(words: readonly string[]): IpAction {
  const command = "ip link add";
  const typeAt = words.indexOf("type");
  const kind = words[typeAt + 1];
  if (typeAt < 0 || (kind !== "bridge" && kind !== "veth")) {
    throw new UsageError(`${command}: only type bridge and type veth peer name are modelled`);
  }
  const { values, rest } = readWords(words.slice(0, typeAt), command, { keywords: ["dev", "name", "mtu"] });
  const { values: more } = readWords(words.slice(typeAt + 2), command, { keywords: ["name"], switches: ["peer"] });
  refuseMore(rest, 1, command, "a name, mtu, type");
  const name = values.get("name") ?? values.get("dev") ?? rest[0];
  const peer = more.get("name");
  if (name === undefined || (kind === "veth" && peer === undefined)) {
    throw new UsageError(`${command}: names are needed: ${command} v0 type veth peer name v1`);
  }
  const mtu = Number(values.get("mtu") ?? DEFAULT_MTU);
  return (context) => {
    const { netns } = context.environment;
    const names = peer === undefined ? [name] : [name, peer];
    if (names.some((each) => netns.deviceNamed(each) !== undefined)) return refused(context, "File exists");
    const { random } = netns.node;
    if (kind === "bridge") {
      const bridge = new Bridge(netns, { name, mtu, mac: undefined, isUp: false });
      bridge.mac = random.mac();
      return 0;
    }
    // rtnl_newlink makes the peer first.
    const other = new Veth(netns, { name: peer!, mtu, mac: random.mac(), isUp: false });
    new Veth(netns, { name, mtu, mac: random.mac(), isUp: false }).connect(other);
    return 0;
  };
}
