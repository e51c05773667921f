/**
 * The bytes of a frame with the names of what they are: one row a field of each header, options one by one, the
 * payload as an ordinary dump. As rows for a viewer, and as lines for a terminal.
 */
import { type Field, type LayerKind, type Layers } from "@hopscope/codec";
import { protocolOf, type Protocol } from "@hopscope/codec/protocols";
import { fieldText } from "./field-text.ts";
import { frameCheck, frameCheckText } from "./fcs.ts";
import type { PrintedFrame } from "./printed.ts";
import { PLAIN, type Style } from "./style.ts";

export interface HexRow {
  readonly kind: "layer" | "field" | "data";
  /** Bytes [start, end) from the start of the frame. */
  readonly start: number;
  readonly end: number;
  /** A layer's title; fields as `ipv4.version = 4, ihl = 5`, those that share bytes on one row; what a dump row belongs to. */
  readonly text: string;
}

/** A row of the ordinary dump. */
const DUMP_BYTES = 16;

/** Rows that cover every byte of the frame once, in order; titles cover none. */
export function hexRows(packet: PrintedFrame, layers: Layers): readonly HexRow[] {
  const { view, start } = packet;
  const rows: HexRow[] = [];
  // Where the layer so far has been told; layers inside each other end in reverse order, behind the payload.
  let told = start;
  for (let index = 0; index < layers.count; index++) {
    const kind = layers.kind(index);
    const protocol = protocolOf(kind)!;
    const at = layers.start(index);
    const end = Math.min(Math.max(protocol.headerEnd(view, at, layers.end(index)), at), layers.end(index));
    rows.push({ kind: "layer", start: at - start, end: at - start, text: protocol.title });
    addHeader(rows, view, start, at, end, kind, protocol);
    told = end;
  }
  const check = frameCheck(packet);
  const rest = Math.max(told - start, check?.start ?? packet.end - start);
  const payloadEnd = Math.min(layers.payloadEnd - start, rest);
  addDump(rows, told - start, payloadEnd, "payload");
  addDump(rows, Math.max(told - start, payloadEnd), rest, "padding or trailer");
  if (check !== undefined && rest < check.end) {
    addDump(rows, rest, check.end, `frame check sequence ${frameCheckText(packet, check)}`);
  }
  return rows;
}

function addHeader(
  rows: HexRow[],
  view: DataView,
  frameStart: number,
  at: number,
  end: number,
  kind: LayerKind,
  protocol: Protocol,
): void {
  const byByte = protocol.layoutAt(view, at, end).toSorted((a, b) => a.bit - b.bit);
  let from = at;
  for (let first = 0; first < byByte.length; ) {
    const group: Field[] = [];
    const groupAt = at + (byByte[first]!.bit >> 3);
    let groupEnd = groupAt;
    // Fields that share a byte share a row.
    while (first < byByte.length && (group.length === 0 || at + (byByte[first]!.bit >> 3) < groupEnd)) {
      const row = byByte[first++]!;
      group.push(row);
      groupEnd = Math.max(groupEnd, at + ((row.bit + row.bits + 7) >> 3));
    }
    if (groupEnd > end) break;
    if (groupAt > from) addDump(rows, from - frameStart, groupAt - frameStart, `${protocol.name} reserved`);
    const words = group.map((row) => `${row.name} = ${fieldText(view, at, kind, row)}`).join(", ");
    const text = `${protocol.name}.${words}`;
    rows.push({ kind: "field", start: groupAt - frameStart, end: groupEnd - frameStart, text });
    from = groupEnd;
  }
  if (protocol.options !== undefined) from = addOptions(rows, view, frameStart, from, end, protocol);
  if (from < end) addDump(rows, from - frameStart, end - frameStart, `${protocol.name} (rest)`);
}

/** One row an option; answers where the list stops being readable. */
function addOptions(
  rows: HexRow[],
  view: DataView,
  frameStart: number,
  at: number,
  end: number,
  protocol: Protocol,
): number {
  const options = protocol.options!;
  let from = at;
  while (from < end) {
    const length = options.length(view, from, end);
    if (length === 0) break;
    const words = options.format(view, from, from + length);
    const text = `${protocol.name} ${options.item ?? "option"} ${words === "" ? "padding" : words}`;
    rows.push({ kind: "field", start: from - frameStart, end: from + length - frameStart, text });
    from += length;
  }
  return from;
}

function addDump(rows: HexRow[], start: number, end: number, text: string): void {
  for (let from = start; from < end; from += DUMP_BYTES) {
    rows.push({ kind: "data", start: from, end: Math.min(end, from + DUMP_BYTES), text: from === start ? text : "" });
  }
}

/** Bytes of a field on one line; a longer field (an IPv6 address) takes two. */
const FIELD_BYTES = 8;

/** The rows as lines. */
export function hexLines(packet: PrintedFrame, rows: readonly HexRow[], style: Style = PLAIN): readonly string[] {
  const lines: string[] = [];
  for (const row of rows) {
    if (row.kind === "layer") lines.push(`  ${style.protocol(row.text)}`);
    else if (row.kind === "field") addFieldLines(lines, packet, row, style);
    else lines.push(dumpLine(packet, row, style));
  }
  return lines;
}

function addFieldLines(lines: string[], packet: PrintedFrame, row: HexRow, style: Style): void {
  for (let from = row.start; from < row.end; from += FIELD_BYTES) {
    const hex = hexOf(packet, from, Math.min(row.end, from + FIELD_BYTES)).padEnd(FIELD_BYTES * 3);
    const text = from === row.start ? row.text : "";
    lines.push(`    ${style.dim(offsetOf(from))}  ${hex}  ${text}`.trimEnd());
  }
}

function dumpLine(packet: PrintedFrame, row: HexRow, style: Style): string {
  const hex = hexOf(packet, row.start, row.end).padEnd(DUMP_BYTES * 3);
  let ascii = "";
  for (let at = row.start; at < row.end; at++) {
    const byte = packet.view.getUint8(packet.start + at);
    ascii += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".";
  }
  const text = row.text === "" ? "" : `  ${style.dim(row.text)}`;
  return `    ${style.dim(offsetOf(row.start))}  ${hex} |${ascii}|${text}`;
}

function hexOf(packet: PrintedFrame, from: number, to: number): string {
  let text = "";
  for (let at = from; at < to; at++) {
    text += `${packet.view
      .getUint8(packet.start + at)
      .toString(16)
      .padStart(2, "0")} `;
  }
  return text;
}

function offsetOf(at: number): string {
  return at.toString(16).padStart(4, "0");
}
