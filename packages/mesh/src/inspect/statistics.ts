/** Devices' counters as `ip -s link` and ifconfig print them. */
import type { Netns } from "../netns.ts";
import type { LinkStatistics } from "./print-link.ts";

/** By interface number. */
export function statisticsOf(netns: Netns): Map<number, LinkStatistics> {
  return new Map(netns.devices.map((device) => [device.index, device.statistics]));
}
