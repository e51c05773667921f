/**
 * One form for values that tshark writes as text and the codec has as numbers: numbers, `true` as 1, addresses as the
 * codec's formatters write them, bytes as hex.
 */
import { formatIpv4, formatIpv6, formatMac, parseIpv6 } from "../../src/address.ts";
import { type Field, type FieldForm, readField } from "../../src/field.ts";

export type Value = number | string;

/** tshark's text for a field that is written in the given form. */
export function wiresharkValue(text: string, form: FieldForm | "text"): Value {
  switch (form) {
    case "decimal":
    case "hex":
      return numberOf(text);
    case "flag":
      return text === "True" ? 1 : text === "False" ? 0 : numberOf(text);
    case "ipv6":
      // tshark follows RFC 5952 less strictly in places; both go through one formatter.
      return formatIpv6(parseIpv6(text) ?? new Uint8Array(16).fill(0xff));
    case "bytes":
      return text.replaceAll(":", "");
    default:
      return text;
  }
}

function numberOf(text: string): Value {
  return /^(?:0x[0-9a-f]+|-?\d+)$/i.test(text) ? Number(text) : text;
}

/** The value of a layout row in a header at `at`, from the row alone. */
export function rowValue(view: DataView, at: number, row: Field): Value {
  const byteAt = at + (row.bit >> 3);
  switch (row.as) {
    case "mac":
      return formatMac(readField(view, at, row));
    case "ipv4":
      return formatIpv4(readField(view, at, row));
    case "ipv6":
      return formatIpv6(bytesAt(view, byteAt, 16));
    case "bytes":
      return Array.from(bytesAt(view, byteAt, row.bits >> 3), (byte) => byte.toString(16).padStart(2, "0")).join("");
    default:
      return readField(view, at, row);
  }
}

/** What an accessor or a plain value's property answered, in the same form. */
export function accessorValue(value: unknown, row: Field): Value {
  if (typeof value === "boolean") return value ? 1 : 0;
  if (value instanceof Uint8Array) {
    return row.as === "ipv6"
      ? formatIpv6(value)
      : Array.from(value, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }
  if (typeof value !== "number") return String(value);
  if (row.as === "mac") return formatMac(value);
  if (row.as === "ipv4") return formatIpv4(value);
  return row.bits === 32 ? value >>> 0 : value;
}

function bytesAt(view: DataView, at: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, length);
}
