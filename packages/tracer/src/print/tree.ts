/**
 * A frame as a tree: layers, their fields, their options, what is left over and what went wrong. As data for a viewer
 * (every node knows its bytes), and as lines for a terminal.
 */
import { type ChecksumStatusName, checksumStatusName, type Field, type LayerKind, type Layers } from "@hopscope/codec";
import { errorOf, protocolOf } from "@hopscope/codec/protocols";
import { checksumOf } from "@hopscope/codec/verify";
import { fieldText, scalarText } from "./field-text.ts";
import { frameCheck, frameCheckText } from "./fcs.ts";
import type { PrintedFrame, PrintedOptions, PrintedVerdict } from "./printed.ts";
import { PLAIN, type Style } from "./style.ts";
import { hexBytes, isShapeName, type JsonValue, jsonValue, shapeOf } from "./value.ts";

export interface TreeNode {
  readonly kind: "frame" | "layer" | "field" | "payload" | "padding" | "fcs" | "error";
  /** `Frame`, title of a layer (`IPv4`), name of a field (`srcIp`). */
  readonly name: string;
  /** In people's form; "" for a node that is only its children. */
  readonly value: string;
  /** Bytes [start, end) from the start of the frame; of a layer its header. Equal where a node has no bytes of its own. */
  readonly start: number;
  readonly end: number;
  readonly children: readonly TreeNode[];
}

/**
 * The nodes of a frame, outermost layer first; `layers` was filled from it. What the file says of the packet besides
 * stands in front.
 */
export function frameTree(packet: PrintedFrame, layers: Layers): readonly TreeNode[] {
  const nodes: TreeNode[] = [];
  const facts = factNodes(packet.options);
  if (facts.length > 0) {
    const length = packet.end - packet.start;
    nodes.push({ ...leaf("frame", "Frame", bytes(length), 0, length), children: facts });
  }
  for (let index = 0; index < layers.count; index++) nodes.push(layerNode(packet, layers, index));
  const { start } = packet;
  const check = frameCheck(packet);
  const end = check?.start ?? packet.end - start;
  const payloadEnd = Math.min(layers.payloadEnd - start, end);
  const payload = payloadEnd - (layers.payloadStart - start);
  if (payload > 0) nodes.push(leaf("payload", "Payload", bytes(payload), layers.payloadStart - start, payloadEnd));
  const rest = end - payloadEnd;
  if (rest > 0) nodes.push(leaf("padding", "Padding or trailer", bytes(rest), payloadEnd, end));
  if (check !== undefined) {
    nodes.push(leaf("fcs", "Frame check sequence", frameCheckText(packet, check), check.start, check.end));
  }
  const error = errorOf(packet.view, start, layers);
  if (error !== undefined) nodes.push(leaf("error", "Error", error.message, error.at, error.at + error.available));
  return nodes;
}

/** Options of the packet in Wireshark's words. */
function factNodes(options: PrintedOptions | undefined): readonly TreeNode[] {
  if (options === undefined) return [];
  const { packetId, dropCount, queue, verdicts = [] } = options;
  const nodes: TreeNode[] = [];
  const add = (name: string, value: string): void => void nodes.push(leaf("field", name, value, 0, 0));
  if (packetId !== undefined) add("Packet id", `${packetId}`);
  if (dropCount !== undefined) add("Drop Count", `${dropCount}`);
  if (queue !== undefined) add("Interface queue", `${queue}`);
  for (const verdict of verdicts) add("Verdict", verdictText(verdict));
  return nodes;
}

const VERDICT_KINDS = ["Hardware", "eBPF TC", "eBPF XDP"];

function verdictText({ kind, value }: PrintedVerdict): string {
  // What the kernel's programs answer is signed: TC_ACT_UNSPEC is -1.
  const words = value instanceof Uint8Array ? hexBytes(value) : `${BigInt.asIntN(64, BigInt(value))}`;
  return `${VERDICT_KINDS[kind] ?? `kind ${kind}`} ${words}`;
}

function bytes(count: number): string {
  return count === 1 ? "1 byte" : `${count} bytes`;
}

function leaf(kind: TreeNode["kind"], name: string, value: string, start: number, end: number): TreeNode {
  return { kind, name, value, start, end, children: [] };
}

const CHECKSUM_WORDS: Readonly<Record<ChecksumStatusName, string>> = {
  notVerified: "not verified",
  valid: "valid",
  invalid: "INVALID",
  absent: "not used",
  partial: "offloaded",
};

function layerNode(packet: PrintedFrame, layers: Layers, index: number): TreeNode {
  const { view, start } = packet;
  const kind = layers.kind(index);
  const protocol = protocolOf(kind)!;
  const at = layers.start(index);
  const end = layers.end(index);
  const headerEnd = Math.min(protocol.headerEnd(view, at, end), end);
  const checksum = checksumOf(view, layers, index);
  const quoted = index === layers.quoteIndex ? "quoted: " : "";
  const words = `${quoted}${protocol.format(view, at, end)}`;
  return {
    kind: "layer",
    name: protocol.title,
    value: checksum === undefined ? words : `${words}, checksum ${CHECKSUM_WORDS[checksumStatusName(checksum)]}`,
    start: at - start,
    end: headerEnd - start,
    children: fieldNodes(view, at, start, kind, protocol.layoutAt(view, at, end), protocol.plain(view, at, end)),
  };
}

/** Properties of the plain value in wire order. */
function fieldNodes(
  view: DataView,
  at: number,
  frameStart: number,
  kind: LayerKind,
  rows: readonly Field[],
  plain: object,
): readonly TreeNode[] {
  const nodes: TreeNode[] = [];
  const relative = at - frameStart;
  for (const [name, value] of Object.entries(plain) as [string, unknown][]) {
    const row = rows.find((candidate) => candidate.name === name);
    if (row !== undefined) {
      const text = fieldText(view, at, kind, row);
      nodes.push(leaf("field", name, text, relative + (row.bit >> 3), relative + ((row.bit + row.bits + 7) >> 3)));
    } else if (isWorthSaying(name, value)) nodes.push(valueNode(name, value, plain, relative));
  }
  return nodes;
}

/** Reserved bits only if they are set; nothing of what is not there: -1, "", empty lists. */
function isWorthSaying(name: string, value: unknown): boolean {
  if (isShapeName(name) || value === -1 || value === "") return false;
  if (name.startsWith("reserved") || name.startsWith("unused")) return value !== 0 && value !== false;
  return !(Array.isArray(value) || value instanceof Uint8Array) || value.length > 0;
}

/** Anything a plain value may hold. It has no bytes that are known, so it stands at its layer's start. */
function valueNode(name: string, value: unknown, owner: object, at: number): TreeNode {
  if (Array.isArray(value)) {
    const items: readonly unknown[] = value;
    const isScalar = items.every((item) => typeof item !== "object" || item instanceof Uint8Array);
    if (isScalar) return leaf("field", name, items.map((item) => text(name, item, owner)).join(" "), at, at);
    return { ...leaf("field", name, "", at, at), children: items.map((item, index) => itemNode(item, index, at)) };
  }
  if (typeof value === "object" && value !== null && !(value instanceof Uint8Array)) {
    return { ...leaf("field", name, shapeOf(value), at, at), children: propertyNodes(value, at) };
  }
  return leaf("field", name, text(name, value, owner), at, at);
}

/** An element of a list: its shape is its name, and all that is flat about it goes on one line. */
function itemNode(item: unknown, index: number, at: number): TreeNode {
  if (typeof item !== "object" || item === null) return leaf("field", `${index}`, text("", item, {}), at, at);
  const name = shapeOf(item);
  const children = propertyNodes(item, at);
  const flat = children.every((child) => child.children.length === 0);
  const label = name === "" ? `${index}` : name;
  if (!flat) return { ...leaf("field", label, "", at, at), children };
  const only = children.length === 1 ? children[0]!.value : undefined;
  return leaf("field", label, only ?? children.map((child) => `${child.name} ${child.value}`).join(", "), at, at);
}

function propertyNodes(value: object, at: number): readonly TreeNode[] {
  return Object.entries(value)
    .filter(([name, property]) => isWorthSaying(name, property))
    .map(([name, property]) => valueNode(name, property, value, at));
}

function text(name: string, value: unknown, owner: object): string {
  const plain: JsonValue = jsonValue(name, value);
  return typeof plain === "object" ? JSON.stringify(plain) : scalarText(name, plain, owner);
}

/** The nodes as lines, children indented. */
export function treeLines(nodes: readonly TreeNode[], style: Style = PLAIN): readonly string[] {
  const lines: string[] = [];
  for (const node of nodes) {
    const range = style.dim(`[${node.start}, ${node.end})`);
    const name = node.kind === "error" ? style.warning(node.name) : style.protocol(node.name);
    lines.push(`  ${name} ${range} ${node.value}`);
    addChildren(lines, node.children, "      ", style);
  }
  return lines;
}

function addChildren(lines: string[], nodes: readonly TreeNode[], indent: string, style: Style): void {
  const width = Math.min(
    24,
    nodes.reduce((longest, node) => Math.max(longest, node.name.length), 0),
  );
  for (const node of nodes) {
    lines.push(`${indent}${style.dim(node.name.padEnd(width))}${node.value === "" ? "" : `  ${node.value}`}`.trimEnd());
    addChildren(lines, node.children, `${indent}  `, style);
  }
}
