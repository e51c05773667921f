/**
 * A packet as one line: `#12  0.086127191  h1.eth0 >  10.0.9.3 > 10.0.9.5 ICMP echo request id 25 seq 0 ttl 64 DF,
 * 84 bytes`. Number, time, where it was seen and in which direction (`>` leaves the interface, `<` arrives), the frame
 * in words; comments on lines of their own below, indented, so that lines that start with `#` are one a packet.
 */
import type { Layers } from "@hopscope/codec";
import { formatSeconds, formatUtc } from "../timestamp.ts";
import { describe } from "./describe.ts";
import type { PrintedInterface, PrintedPacket } from "./printed.ts";
import { PLAIN, type Style } from "./style.ts";
import { visibleText } from "./visible-text.ts";

export { describe, type DescribeOptions } from "./describe.ts";
export type { PrintedFrame, PrintedInterface, PrintedOptions, PrintedPacket } from "./printed.ts";
export { PLAIN, type Style };

/** `relative` to the first packet, `delta` to the one before, `utc`, or `epoch`: seconds since 1970. */
export type TimeForm = "relative" | "delta" | "utc" | "epoch";

export interface LineOptions {
  readonly time: TimeForm;
  /** Also the MAC addresses of frames that carry IP. */
  readonly macs: boolean;
  readonly style: Style;
}

export const LINE_OPTIONS: LineOptions = { time: "relative", macs: false, style: PLAIN };

/** Longer names are cut in the middle: their ends tell interfaces apart. */
const MAX_PLACE = 48;
const MAX_COMMENT = 240;

/** Writes the packets of one capture in order: it remembers the first time and how wide the columns are. */
export class LinePrinter {
  readonly #options: LineOptions;
  #firstSeconds = 0;
  #firstNanoseconds = 0;
  #lastSeconds = 0;
  #lastNanoseconds = 0;
  #isFirst = true;
  #timeWidth = 0;
  #placeWidth = 0;
  /** Prepared names of interfaces: there are few. */
  readonly #places: Map<string, string> = new Map();

  constructor(options: Partial<LineOptions> = {}) {
    this.#options = { ...LINE_OPTIONS, ...options };
  }

  /** Makes the interface column wide enough for names that are known before their first packet. */
  expectInterfaces(interfaces: readonly PrintedInterface[]): void {
    for (const { name } of interfaces) if (name !== undefined) this.#shown(name);
  }

  /** The packet's line, without a line feed at the end; comments follow on lines of their own. */
  line(packet: PrintedPacket, layers: Layers): string {
    const { style } = this.#options;
    let text = `${style.dim(`#${packet.number}`.padEnd(5))} ${style.dim(this.#time(packet))}  `;
    if (packet.interface.name !== undefined || packet.direction !== undefined) text += this.#place(packet);
    text += describe(packet, layers, this.#options);
    for (const comment of packet.comments) text += commentLines(comment, style);
    return text;
  }

  #time(packet: PrintedPacket): string {
    let text = "-";
    if (packet.hasTime) {
      if (this.#isFirst) this.#begin(packet);
      text = this.#timeText(packet);
      this.#lastSeconds = packet.seconds;
      this.#lastNanoseconds = packet.nanoseconds;
    }
    if (text.length > this.#timeWidth) this.#timeWidth = text.length;
    return text.padStart(this.#timeWidth);
  }

  #begin(packet: PrintedPacket): void {
    this.#firstSeconds = this.#lastSeconds = packet.seconds;
    this.#firstNanoseconds = this.#lastNanoseconds = packet.nanoseconds;
    this.#isFirst = false;
  }

  #timeText(packet: PrintedPacket): string {
    const { seconds, nanoseconds } = packet;
    // Nine decimals where the file has them, otherwise six.
    const idle = packet.interface.timestampResolution > 6 ? 0 : 3;
    switch (this.#options.time) {
      case "utc": {
        const text = formatUtc(seconds, nanoseconds);
        return idle === 0 ? text : `${text.slice(0, -1 - idle)}Z`;
      }
      case "epoch":
        return cut(formatSeconds(seconds, nanoseconds), idle);
      case "delta":
        return cut(difference(seconds - this.#lastSeconds, nanoseconds - this.#lastNanoseconds), idle);
      default:
        return cut(difference(seconds - this.#firstSeconds, nanoseconds - this.#firstNanoseconds), idle);
    }
  }

  #place(packet: PrintedPacket): string {
    const shown = this.#shown(packet.interface.name ?? "");
    const arrow = packet.direction === undefined ? " " : packet.direction === "out" ? ">" : "<";
    return `${this.#options.style.place(shown.padEnd(this.#placeWidth))} ${arrow}  `;
  }

  #shown(name: string): string {
    let shown = this.#places.get(name);
    if (shown === undefined) {
      shown = shorten(visibleText(name));
      this.#places.set(name, shown);
      if (shown.length > this.#placeWidth) this.#placeWidth = shown.length;
    }
    return shown;
  }
}

function cut(text: string, digits: number): string {
  return digits === 0 ? text : text.slice(0, -digits);
}

function difference(seconds: number, nanoseconds: number): string {
  if (nanoseconds < 0) return formatSeconds(seconds - 1, nanoseconds + 1_000_000_000);
  return formatSeconds(seconds, nanoseconds);
}

function shorten(name: string): string {
  if (name.length <= MAX_PLACE) return name;
  const half = (MAX_PLACE - 1) >> 1;
  return `${name.slice(0, half)}…${name.slice(name.length - half)}`;
}

function commentLines(comment: string, style: Style): string {
  let text = "";
  for (const line of comment.split(/\r?\n/)) {
    const shown = visibleText(line.length > MAX_COMMENT ? `${line.slice(0, MAX_COMMENT)}…` : line);
    if (shown !== "") text += `\n        ${style.dim(shown)}`;
  }
  return text;
}
