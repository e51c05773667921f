/** What a cable does to frames: the keys of `link`, and of `underlay` for all cables. */
import { optional, type Schema } from "./check.ts";
import type { LinkProperties } from "./scenario.ts";
import { duration, rate, share } from "./values.ts";

export interface LinkFile {
  readonly latency: number | undefined;
  readonly rate: number | undefined;
  readonly loss: number | undefined;
  readonly duplicate: number | undefined;
  readonly reorder: number | undefined;
}

export const linkEntries: Readonly<Record<keyof LinkFile, Schema<number | undefined>>> = {
  latency: optional(duration, "One-way delay of the link between a machine and the switch.", {
    default: "`20us`",
    unit: "with its unit",
  }),
  rate: optional(rate, "Bits a second that the link carries in each direction; what does not fit waits.", {
    default: "no limit",
    unit: "bits a second, with its unit",
  }),
  loss: optional(share, "Share of the frames that get lost, in each direction, drawn by the seed.", {
    default: "`0%`",
    unit: "percent",
  }),
  duplicate: optional(share, "Share of the frames that arrive twice.", { default: "`0%`", unit: "percent" }),
  reorder: optional(share, "Share of the frames that are sent at once while the others wait for `latency`.", {
    default: "`0%`",
    unit: "percent",
  }),
};

/** `over` where it says something, else `under`. */
export function linkOf(over: Partial<LinkFile> | undefined, under: LinkProperties): LinkProperties {
  return {
    latencyNs: over?.latency ?? under.latencyNs,
    rate: over?.rate ?? under.rate,
    loss: over?.loss ?? under.loss,
    duplicate: over?.duplicate ?? under.duplicate,
    reorder: over?.reorder ?? under.reorder,
  };
}
