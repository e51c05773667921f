/** Reads an expectation file: what tshark said of each frame of a capture. MANIFEST.md describes the format. */
import { expectationText } from "./captures.ts";

/** One protocol's block in one frame. Equal blocks are one object, whichever frames they are in. */
export interface ExpectedLayer {
  /** tshark's name: `eth`, `ip`, `ipv6.hopopts`; `data` for what it reads no further. */
  readonly protocol: string;
  /** Bytes that tshark gives the block: a header, or a whole message. */
  readonly size: number;
  /** Values by Wireshark name, each time the field occurs in the block. */
  readonly values: ReadonlyMap<string, readonly string[]>;
}

export interface ExpectedFrame {
  readonly layers: readonly ExpectedLayer[];
  /** Where each of the layers starts in the frame. */
  readonly starts: readonly number[];
}

export interface Expectation {
  /** Of `tshark`: `4.0.17`. */
  readonly version: string;
  /** sha256 of the rows `number, time, captured, length, interface, direction, comments…` of all frames. */
  readonly digest: string;
  /** `frames[n - 1]` is frame n. */
  readonly frames: readonly ExpectedFrame[];
  /** Every Wireshark name with a value in this file. */
  readonly fields: ReadonlySet<string>;
}

export function readExpectation(capture: string): Expectation {
  return parseExpectation(expectationText(capture));
}

export function parseExpectation(text: string): Expectation {
  const lines = text.trimEnd().split("\n");
  const version = / tshark (\S+) /.exec(lines[0]!)![1]!;
  const [, count, digest] = /^frames (\d+) sha256 (\S+)$/.exec(lines[1]!)!;
  const columns = new Map<string, readonly string[]>();
  const shapes: Shape[] = [];
  const layers = new Map<string, ExpectedLayer[]>();
  const frames: ExpectedFrame[] = [];
  for (const line of lines.slice(2)) {
    const run = /^(\d+)(?:-(\d+))? (\d+): ?(.*)$/.exec(line);
    if (run !== null) {
      const shape = shapes[Number(run[3]) - 1]!;
      const numbers = run[4] === "" ? [] : run[4]!.split(" ");
      const frame = {
        starts: shape.starts,
        layers: shape.protocols.map((protocol, index) => layers.get(protocol)![Number(numbers[index]) - 1]!),
      };
      for (let number = Number(run[1]); number <= Number(run[2] ?? run[1]); number++) frames[number - 1] = frame;
      continue;
    }
    const [head, ...cells] = line.split("\t");
    const [kind, ...words] = head!.split(" ");
    if (kind === "columns") columns.set(words[0]!, words.slice(1));
    else if (kind === "shape") shapes.push(shapeOf(cells[0]!));
    else layers.set(kind!, [...(layers.get(kind!) ?? []), layerOf(kind!, cells, columns.get(kind!)!)]);
  }
  if (frames.length !== Number(count)) throw new Error(`${lines[0]}: ${frames.length} frames, ${count} announced`);
  return { version, digest: digest!, frames, fields: new Set([...columns.values()].flat()) };
}

interface Shape {
  readonly protocols: readonly string[];
  readonly starts: readonly number[];
}

function shapeOf(text: string): Shape {
  const blocks = text === "" ? [] : text.split(" ").map((block) => block.split("@"));
  return { protocols: blocks.map((block) => block[0]!), starts: blocks.map((block) => Number(block[1])) };
}

function layerOf(protocol: string, cells: readonly string[], columns: readonly string[]): ExpectedLayer {
  const values = new Map<string, readonly string[]>();
  for (const [index, field] of columns.entries()) {
    const cell = cells[index + 1]!;
    if (cell !== "") values.set(field, cell.split("|").map(unescaped));
  }
  return { protocol, size: Number(cells[0]), values };
}

function unescaped(text: string): string {
  return text.replaceAll(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCodePoint(Number.parseInt(hex, 16)));
}
