/** One field of a header in people's form, with the name of a code point where it has one: `0x0800 (IPv4)`. */
import { type Field, LayerKind } from "@hopscope/codec";
import { formatIpv4, formatIpv6, formatMac } from "@hopscope/codec/address";
import { ArpOperation } from "@hopscope/codec/arp";
import { readField } from "@hopscope/codec/field";
import * as icmp from "@hopscope/codec/icmp";
import { dnsTypeName, etherTypeName, ipProtocolName } from "@hopscope/codec/protocols";
import * as nullLoopback from "@hopscope/codec/null";
import * as tcp from "@hopscope/codec/tcp";
import * as vxlan from "@hopscope/codec/vxlan";
import { hexBytes } from "./value.ts";

/** The value of `row` in the header at `at`, of a layer of that kind. */
export function fieldText(view: DataView, at: number, kind: LayerKind, row: Field): string {
  const byteAt = at + (row.bit >> 3);
  switch (row.as) {
    case "mac":
      return formatMac(readField(view, at, row));
    case "ipv4":
      return formatIpv4(readField(view, at, row));
    case "ipv6":
      return formatIpv6(new Uint8Array(view.buffer, view.byteOffset + byteAt, 16));
    case "bytes":
      return hexBytes(new Uint8Array(view.buffer, view.byteOffset + byteAt, row.bits >> 3));
    case "flag":
      return readField(view, at, row) === 0 ? "no" : "yes";
    default: {
      // The one field in the byte order of whoever wrote the capture.
      const value = kind === LayerKind.null ? nullLoopback.family(view, at) : readField(view, at, row);
      const text = row.as === "hex" ? `0x${value.toString(16).padStart(row.bits >> 2, "0")}` : value.toString();
      const name = meaning(view, at, kind, row.name, value);
      return name === undefined ? text : `${text} (${name})`;
    }
  }
}

/** What a number stands for; undefined where it is a number and no more. */
function meaning(view: DataView, at: number, kind: LayerKind, name: string, value: number): string | undefined {
  switch (name) {
    case "etherType":
    case "protocolType":
      return etherTypeName(value);
    case "nextHeader":
      return ipProtocolName(value);
    case "protocol":
      return kind === LayerKind.ipv4 ? ipProtocolName(value) : etherTypeName(value);
    case "operation":
      return nameIn(ArpOperation, value);
    case "type":
      return kind === LayerKind.icmp ? icmp.typeName(value) : undefined;
    case "code":
      return kind === LayerKind.icmp ? icmp.codeName(icmp.type(view, at), value) : undefined;
    case "identification":
      // Bytes are compared in hexadecimal, other tools' lines in decimal.
      return value.toString();
    case "flags":
      return flagsMeaning(kind, value);
    default:
      return undefined;
  }
}

function flagsMeaning(kind: LayerKind, value: number): string | undefined {
  if (kind === LayerKind.tcp) return tcp.formatFlags(value);
  if (kind !== LayerKind.vxlan) return undefined;
  const names = Object.entries(vxlan.VxlanFlag).filter(([, bit]) => (value & bit) !== 0);
  return names.length === 0 ? undefined : names.map(([name]) => name).join(", ");
}

function nameIn(table: Readonly<Record<string, number>>, value: number): string | undefined {
  return Object.entries(table).find(([, code]) => code === value)?.[0];
}

/** A plain value without a row of its own, by its name: DNS types have names, everything else is as it is. */
export function scalarText(name: string, value: string | number | boolean, owner: object): string {
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (name === "type" && typeof value === "number" && "class" in owner) return `${value} (${dnsTypeName(value)})`;
  return String(value);
}
