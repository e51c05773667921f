/**
 * Plain values of the codec for people and for JSON: addresses become text, bytes become hexadecimal. Which numbers
 * are addresses follows from the names that all protocol modules share.
 */
import { formatIpv4, formatIpv6, formatMac } from "@hopscope/codec/address";
import { formatDnsString } from "@hopscope/codec/protocols";

/** Names of plain properties that hold an IP address: an int32 or sixteen bytes; lists of them have the same names. */
const IP_NAMES: ReadonlySet<string> = new Set([
  "srcIp",
  "dstIp",
  "senderIp",
  "targetIp",
  "gateway",
  "group",
  "sources",
  "address",
  "addresses",
  "target",
  "destination",
  "prefix",
]);
/** Names of plain properties that hold a MAC address, a 48-bit number. */
const MAC_NAMES: ReadonlySet<string> = new Set(["srcMac", "dstMac", "senderMac", "targetMac", "mac"]);

/** Properties that say which of several shapes an object has. */
const DISCRIMINATORS: readonly string[] = ["kind", "message", "option", "record"];

/** What a value that JSON can hold looks like. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

/** A plain value with addresses and bytes as text: what JSON can hold. */
export function jsonValue(name: string, value: unknown): JsonValue {
  switch (typeof value) {
    case "number":
      if (IP_NAMES.has(name)) return formatIpv4(value);
      return MAC_NAMES.has(name) ? formatMac(value) : value;
    case "string":
    case "boolean":
      return value;
    case "bigint":
      return value.toString();
    case "object":
      if (value === null) return null;
      if (value instanceof Uint8Array) return bytesText(name, value);
      if (Array.isArray(value)) return value.map((item: unknown) => jsonValue(name, item));
      return jsonObject(value);
    default:
      return null;
  }
}

/** {@link jsonValue} of each property. */
export function jsonObject(value: object): { [name: string]: JsonValue } {
  const out: { [name: string]: JsonValue } = {};
  for (const [name, property] of Object.entries(value)) out[name] = jsonValue(name, property);
  return out;
}

function bytesText(name: string, bytes: Uint8Array): string {
  if (bytes.length === 16 && IP_NAMES.has(name)) return formatIpv6(bytes);
  // TXT records hold text in practice: quoted, odd bytes escaped.
  return name === "strings" ? formatDnsString(bytes) : hexBytes(bytes);
}

/** `0242ac11` */
export function hexBytes(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}

/** The word by which an object says its shape: `"mss"` of an option; "" if it has none. */
export function shapeOf(value: object): string {
  for (const name of DISCRIMINATORS) {
    const word = (value as Readonly<Record<string, unknown>>)[name];
    if (typeof word === "string") return word;
  }
  return "";
}

/** True for the property that {@link shapeOf} answers with. */
export function isShapeName(name: string): boolean {
  return DISCRIMINATORS.includes(name);
}
