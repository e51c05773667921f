/**
 * `ethtool -K` and `-k`: the offloads of a device. When segmentation is left to a device that cannot compute checksums,
 * Linux switches it off, too (net/core/dev.c, netdev_fix_features).
 *
 * Not modelled: every other offload and every other option.
 */
import type { Offloads } from "../device.ts";
import { type Program, UsageError } from "./program.ts";

/** Short and long names, as ethtool takes them, and the long one as it prints it. */
const FEATURES: ReadonlyMap<string, keyof Offloads> = new Map([
  ["tx", "tx"],
  ["tx-checksumming", "tx"],
  ["tso", "tso"],
  ["tcp-segmentation-offload", "tso"],
  ["gso", "gso"],
  ["generic-segmentation-offload", "gso"],
  ["gro", "gro"],
  ["generic-receive-offload", "gro"],
]);

/** Taken, and without effect here. */
const IDLE = new Set(["rx", "rx-checksumming", "sg", "scatter-gather"]);

const NO_DEVICE_STATUS = 70;

interface Command {
  readonly device: string;
  /** Empty for `-k`. */
  readonly changes: readonly (readonly [keyof Offloads, boolean])[];
}

export const ETHTOOL: Program = {
  check(argv) {
    read(argv);
  },
  *main(argv, { environment, print }) {
    const { device: name, changes } = read(argv);
    const device = environment.netns.deviceNamed(name);
    if (device === undefined) {
      print("netlink error: no device matches name (offset 24)");
      print("netlink error: No such device");
      return NO_DEVICE_STATUS;
    }
    for (const [feature, isOn] of changes) device.setOffloads({ [feature]: isOn });
    const { offloads } = device;
    if (changes.length > 0) {
      device.setOffloads({ tso: offloads.tso && offloads.tx });
      return 0;
    }
    print(`Features for ${name}:`);
    for (const [feature, key] of FEATURES)
      if (feature.includes("-")) print(`${feature}: ${offloads[key] ? "on" : "off"}`);
    return 0;
  },
};

function read(argv: readonly string[]): Command {
  const [, option, device, ...words] = argv;
  const isShow = option === "-k" || option === "--show-features" || option === "--show-offload";
  if (!isShow && option !== "-K" && option !== "--features" && option !== "--offload")
    throw new UsageError(`ethtool: ${option ?? "nothing"} is not modelled; there are -k DEVICE and -K DEVICE tso off`);
  if (device === undefined) throw new UsageError(`ethtool ${option}: say which device`);
  if (isShow) return { device, changes: [] };
  const changes: [keyof Offloads, boolean][] = [];
  for (let index = 0; index < words.length; index += 2) {
    const name = words[index]!;
    const value = words[index + 1];
    const feature = FEATURES.get(name);
    if (feature === undefined && !IDLE.has(name))
      throw new UsageError(`ethtool -K: ${name} is not modelled; there are ${[...FEATURES.keys()].join(", ")}`);
    if (value !== "on" && value !== "off") throw new UsageError(`ethtool -K: say on or off after ${name}`);
    if (feature !== undefined) changes.push([feature, value === "on"]);
  }
  if (changes.length === 0 && words.length === 0) throw new UsageError("ethtool -K: say what: tso off");
  return { device, changes };
}
