/** `ip addr`: shows addresses, adds and deletes them. */
import { parseIpv4 } from "@hopscope/codec/address";
import type { AddressLinkJson } from "../inspect/iproute2.ts";
import { addressLinksOf } from "../inspect/links.ts";
import { addressLines, briefAddressLines, busyboxLinkLines } from "../inspect/print-link.ts";
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
import { UsageError } from "./program.ts";
import { expanded, readWords, refuseMore } from "./words.ts";

export function addressAction(verb: string, words: readonly string[], style: IpStyle): IpAction {
  switch (expanded(verb, ["add", "delete", "flush", "list", "lst", "show"])) {
    case "show":
    case "list":
    case "lst":
      return show(words, style);
    case "add":
      return change("add", words);
    case "delete":
      return change("del", words);
    case "flush":
      return flush(words);
    default:
      throw new UsageError(`ip addr: "${verb}" is not modelled; there are show, add, del, flush`);
  }
}

function show(words: readonly string[], style: IpStyle): IpAction {
  const { values, rest } = readWords(words, "ip addr show", { keywords: ["dev"], switches: ["up"] });
  refuseMore(rest, 1, "ip addr show", "a device");
  const name = values.get("dev") ?? rest[0];
  const { family, oneLine } = style;
  return (context) => {
    if (!shownDevice(context, name)) return NO_DEVICE_STATUS;
    const { netns } = context.environment;
    const links = addressLinksOf(netns);
    const isShown = (link: AddressLinkJson): boolean =>
      (name === undefined || link.ifname === name) && (!values.has("up") || link.flags.includes("UP"));
    const shown = links.filter(isShown);
    const options = { oneLine, ...(family === undefined ? {} : { family }) };
    if (style.json) printJson(context, shown);
    else if (style.brief) for (const line of briefAddressLines(shown, family)) context.print(line);
    else if (isBusybox(context)) {
      for (const line of busyboxLinkLines(shown, { addresses: true, all: links, ...options })) context.print(line);
    } else for (const line of addressLines(shown, options)) context.print(line);
    return 0;
  };
}

function change(verb: "add" | "del", words: readonly string[]): IpAction {
  const command = `ip addr ${verb}`;
  const keywords = ["dev", "broadcast", "brd", "scope", "label", "local"];
  const { values, rest } = readWords(words, command, { keywords });
  refuseMore(rest, 1, command, "an address, brd, scope, dev");
  const text = values.get("local") ?? rest[0];
  const name = values.get("dev");
  if (text === undefined || name === undefined) {
    throw new UsageError(`${command}: an address and dev are needed: ${command} 10.0.9.3/24 dev eth0`);
  }
  const [address = "", length = "32"] = text.split("/");
  const ip = parseIpv4(address);
  const prefixLength = /^\d{1,2}$/.test(length) ? Number(length) : Number.NaN;
  if (ip === undefined || !(prefixLength <= 32)) throw new UsageError(`${command}: "${text}" is no IPv4 prefix`);
  return (context) => {
    const device = deviceNamed(context, name);
    if (device === undefined) return NO_DEVICE_STATUS;
    const { netns } = context.environment;
    if (verb === "del") {
      if (netns.removeAddress(device, ip, prefixLength)) return 0;
      return refused(context, "Cannot assign requested address", "ipv4: Address not found.");
    }
    const isThere = netns.addresses.some((each) => each.device === device && each.ip === ip);
    if (isThere) return refused(context, "File exists", "ipv4: Address already assigned.");
    netns.addAddress(device, ip, prefixLength);
    return 0;
  };
}

function flush(words: readonly string[]): IpAction {
  const { values, rest } = readWords(words, "ip addr flush", { keywords: ["dev"] });
  refuseMore(rest, 1, "ip addr flush", "a device");
  const name = values.get("dev") ?? rest[0];
  if (name === undefined) throw new UsageError("ip addr flush: say which device: ip addr flush dev eth0");
  return (context) => {
    if (!shownDevice(context, name)) return NO_DEVICE_STATUS;
    const { netns } = context.environment;
    for (const { device, ip, prefixLength } of netns.addresses.filter((each) => each.device.name === name)) {
      netns.removeAddress(device, ip, prefixLength);
    }
    return 0;
  };
}
