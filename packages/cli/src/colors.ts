/** Colors for terminals: only where the output is one, `NO_COLOR` (no-color.org) is not set and nobody said no. */
import { styleText } from "node:util";
import { PLAIN, type Style } from "@hopscope/tracer/print/line";
import type { Io } from "./io.ts";

type Format = Parameters<typeof styleText>[0];

const paint =
  (format: Format) =>
  (text: string): string =>
    text === "" ? "" : styleText(format, text, { validateStream: false });

const COLORS: Style = {
  dim: paint("dim"),
  place: paint("cyan"),
  protocol: paint("bold"),
  notice: paint("yellow"),
  warning: paint(["bold", "red"]),
};

/** `allowed` is false after `--no-color`. */
export function styleFor(io: Io, allowed: boolean): Style {
  const { NO_COLOR: noColor, TERM: term } = io.env;
  const isWanted = allowed && (noColor === undefined || noColor === "") && term !== "dumb";
  return isWanted && io.stdout.isTTY === true ? COLORS : PLAIN;
}
