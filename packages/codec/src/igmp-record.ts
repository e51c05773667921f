/**
 * The group records of an IGMP version 3 report (RFC 3376 §4.2.4).
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |  Record Type  |  Aux Data Len |     Number of Sources (N)     |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                       Multicast Address                       |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                    N source addresses                         |
 * |                    Auxiliary data                             |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * Not covered: the meaning of auxiliary data; no standard gives it one.
 */
import { formatIpv4 } from "./address.ts";
import { bytesAt } from "./bytes.ts";
import { requireBits, requireWord } from "./encode.ts";
import { type Field, field } from "./field.ts";
import { Status } from "./status.ts";

/** Bytes without sources and auxiliary data. */
export const HEADER_LENGTH = 8;

/** RFC 3376 §4.2.12. */
export const RecordType = {
  isInclude: 1,
  isExclude: 2,
  toInclude: 3,
  toExclude: 4,
  allow: 5,
  block: 6,
} as const;

export const layout: readonly Field[] = [
  field("recordType", 0, 8, "igmp.record_type"),
  field("auxiliaryWords", 8, 8, "igmp.aux_data_len"),
  field("numberOfSources", 16, 16, "igmp.num_src"),
  field("group", 32, 32, "igmp.maddr", "ipv4"),
];

/** The record with its sources and auxiliary data lies inside [at, end). After `ok`, every accessor below is safe. */
export function check(view: DataView, at: number, end: number): Status {
  if (end - at < HEADER_LENGTH) return Status.truncated;
  return totalLength(view, at) > end - at ? Status.truncated : Status.ok;
}

/** See {@link RecordType}. */
export function recordType(view: DataView, at: number): number {
  return view.getUint8(at);
}

/** "Aux Data Len": auxiliary data in 32-bit words. */
export function auxiliaryWords(view: DataView, at: number): number {
  return view.getUint8(at + 1);
}

export function numberOfSources(view: DataView, at: number): number {
  return view.getUint16(at + 2);
}

/** The multicast address as an int32. */
export function group(view: DataView, at: number): number {
  return view.getInt32(at + 4);
}

/** Source `index` as an int32. */
export function source(view: DataView, at: number, index: number): number {
  return view.getInt32(at + HEADER_LENGTH + index * 4);
}

/** Where the auxiliary data starts; it ends with the record. */
export function auxiliaryStart(view: DataView, at: number): number {
  return at + HEADER_LENGTH + numberOfSources(view, at) * 4;
}

/** Bytes of the record; the next one starts behind them. */
export function totalLength(view: DataView, at: number): number {
  return HEADER_LENGTH + (numberOfSources(view, at) + auxiliaryWords(view, at)) * 4;
}

export interface IgmpRecord {
  readonly recordType: number;
  readonly auxiliaryWords: number;
  readonly numberOfSources: number;
  readonly group: number;
  readonly sources: readonly number[];
  readonly auxiliary: Uint8Array;
}

/** Plain value of a checked record. */
export function plain(view: DataView, at: number): IgmpRecord {
  return {
    recordType: recordType(view, at),
    auxiliaryWords: auxiliaryWords(view, at),
    numberOfSources: numberOfSources(view, at),
    group: group(view, at),
    sources: Array.from({ length: numberOfSources(view, at) }, (_, index) => source(view, at, index)),
    auxiliary: bytesAt(view, auxiliaryStart(view, at), at + totalLength(view, at)),
  };
}

/** What `encode` takes: no sources and no auxiliary data unless given. */
export interface IgmpRecordInit extends Partial<IgmpRecord> {
  readonly recordType: number;
  readonly group: number;
}

/** The record in a new array. Both counts are computed unless `keepCounts`. */
export function encode(record: IgmpRecordInit, keepCounts: boolean = false): Uint8Array {
  const sources = record.sources ?? [];
  const auxiliary = record.auxiliary ?? new Uint8Array();
  if (auxiliary.length % 4 !== 0) {
    throw new RangeError(`igmp auxiliary data has ${auxiliary.length} bytes, expected a multiple of 4`);
  }
  const words = keepCounts ? (record.auxiliaryWords ?? 0) : auxiliary.length / 4;
  const count = keepCounts ? (record.numberOfSources ?? 0) : sources.length;
  requireBits("igmp recordType", record.recordType, 8);
  requireBits("igmp auxiliaryWords", words, 8);
  requireBits("igmp numberOfSources", count, 16);
  requireWord("igmp group", record.group);
  for (const source of sources) requireWord("igmp source", source);
  const bytes = new Uint8Array(HEADER_LENGTH + sources.length * 4 + auxiliary.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, record.recordType);
  view.setUint8(1, words);
  view.setUint16(2, count);
  view.setInt32(4, record.group);
  for (const [index, address] of sources.entries()) view.setInt32(HEADER_LENGTH + index * 4, address);
  bytes.set(auxiliary, HEADER_LENGTH + sources.length * 4);
  return bytes;
}

const NAMES: readonly string[] = ["type 0", "is include", "is exclude", "to include", "to exclude", "allow", "block"];

/** `239.1.1.3 to exclude`, which joins a group; `232.1.1.1 allow 10.0.9.5 10.0.9.7` */
export function format(view: DataView, at: number): string {
  const name = NAMES[recordType(view, at)] ?? `type ${recordType(view, at)}`;
  let sources = "";
  for (let index = 0; index < numberOfSources(view, at); index++) sources += ` ${formatIpv4(source(view, at, index))}`;
  return `${formatIpv4(group(view, at))} ${name}${sources}`;
}
