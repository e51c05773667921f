/**
 * Records of pcapng's Name Resolution Block (draft-ietf-opsawg-pcapng §4.5): an address and the names it resolved to.
 * A list that breaks off ends where it does; the block has no options then.
 */
import { macAt, setMacAt } from "@hopscope/codec/address";
import { type ByteWriter, padded } from "./byte-writer.ts";
import type { RawOption } from "./pcapng-options.ts";

/** Addresses are as everywhere here: int32, sixteen bytes, a 48-bit number, eight bytes. */
export type NameRecord =
  | { readonly kind: "ipv4"; readonly address: number; readonly names: readonly string[] }
  | { readonly kind: "ipv6"; readonly address: Uint8Array; readonly names: readonly string[] }
  | { readonly kind: "eui48"; readonly address: number; readonly names: readonly string[] }
  | { readonly kind: "eui64"; readonly address: Uint8Array; readonly names: readonly string[] }
  | ({ readonly kind: "unknown" } & RawOption);

const RecordType = { end: 0, ipv4: 1, ipv6: 2, eui48: 3, eui64: 4 } as const;
/** Bytes of the address in front of the names. */
const ADDRESS_LENGTH = { ipv4: 4, ipv6: 16, eui48: 6, eui64: 8 } as const;

const DECODER = new TextDecoder("utf-8", { ignoreBOM: true });
const ENCODER = new TextEncoder();

/** The records in [at, end) and where the block's options start. */
export function decodeRecords(
  view: DataView,
  at: number,
  end: number,
  littleEndian: boolean,
): { readonly records: readonly NameRecord[]; readonly end: number } {
  const records: NameRecord[] = [];
  let next = at;
  while (next + 4 <= end) {
    const type = view.getUint16(next, littleEndian);
    const length = view.getUint16(next + 2, littleEndian);
    if (type === RecordType.end && length === 0) return { records, end: next + 4 };
    if (next + 4 + length > end) break;
    records.push(recordAt(view, type, next + 4, next + 4 + length));
    next += 4 + padded(length);
  }
  return { records, end };
}

function recordAt(view: DataView, type: number, at: number, end: number): NameRecord {
  const value = new Uint8Array(view.buffer, view.byteOffset + at, end - at).slice();
  const unknown = { kind: "unknown", code: type, value } as const;
  const kind = (Object.keys(ADDRESS_LENGTH) as (keyof typeof ADDRESS_LENGTH)[]).find((one) => RecordType[one] === type);
  if (kind === undefined || value.length < ADDRESS_LENGTH[kind]) return unknown;
  const names = namesIn(value.subarray(ADDRESS_LENGTH[kind]));
  if (names === undefined) return unknown;
  if (kind === "ipv4") return { kind, address: view.getInt32(at), names };
  if (kind === "eui48") return { kind, address: macAt(view, at), names };
  return { kind, address: value.slice(0, ADDRESS_LENGTH[kind]), names };
}

/** Text that ends with a zero byte, again and again; undefined if the last has none. */
function namesIn(bytes: Uint8Array): string[] | undefined {
  const names: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const zero = bytes.indexOf(0, at);
    if (zero < 0) return undefined;
    names.push(DECODER.decode(bytes.subarray(at, zero)));
    at = zero + 1;
  }
  return names;
}

/** Writes the records and the one that ends them. */
export function encodeRecords(out: ByteWriter, records: readonly NameRecord[]): void {
  for (const record of records) {
    const value = valueOf(record);
    if (value.length > 0xffff) throw new RangeError(`a name record takes ${value.length} bytes, at most 65535 fit`);
    out.u16(record.kind === "unknown" ? record.code : RecordType[record.kind]).u16(value.length);
    out.bytes(value).pad();
  }
  out.u16(RecordType.end).u16(0);
}

function valueOf(record: NameRecord): Uint8Array {
  if (record.kind === "unknown") return record.value;
  const names = ENCODER.encode(record.names.map((name) => `${name}\0`).join(""));
  const length = ADDRESS_LENGTH[record.kind];
  const bytes = new Uint8Array(length + names.length);
  const view = new DataView(bytes.buffer);
  if (record.kind === "ipv4") view.setInt32(0, record.address);
  else if (record.kind === "eui48") setMacAt(view, 0, record.address);
  else if (record.address.length !== length) {
    throw new RangeError(`an ${record.kind} address has ${record.address.length} bytes, expected ${length}`);
  } else bytes.set(record.address);
  bytes.set(names, length);
  return bytes;
}
