/**
 * IGMP versions 1 (RFC 1112), 2 (RFC 2236) and 3 (RFC 3376).
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |     Type      | Max Resp Code |           Checksum            |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                         Group Address                         |  all but version 3 reports
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * | Resv  |S| QRV |     QQIC      |     Number of Sources (N)     |  version 3 queries go on,
 * |                    N source addresses                         |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |           Reserved            |  Number of Group Records (M)  |  version 3 reports differ from byte 4
 * |                    M group records: igmp-record.ts            |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * Not covered: version 0 (RFC 988), DVMRP, PIM version 1, mtrace and router discovery, which use this protocol number
 * with other types: `unsupported`.
 */
import { formatIpv4 } from "./address.ts";
import { joined } from "./bytes.ts";
import { ChecksumStatus, complement, sum } from "./checksum.ts";
import { type EncodeOptions, requireBits, requireWord } from "./encode.ts";
import { type Field, field } from "./field.ts";
import * as record from "./igmp-record.ts";
import { fail, ok, type Result } from "./result.ts";
import { Status } from "./status.ts";

/** Bytes of all messages of versions 1 and 2, and of a version 3 report without records. */
export const HEADER_LENGTH = 8;
/** Bytes of a version 3 query without sources. */
export const QUERY_V3_LENGTH = 12;

export const IgmpType = { query: 0x11, reportV1: 0x12, reportV2: 0x16, leave: 0x17, reportV3: 0x22 } as const;

export const layout: readonly Field[] = [
  field("type", 0, 8, "igmp.type", "hex"),
  field("maxResponseCode", 8, 8, "igmp.max_resp"),
  field("checksum", 16, 16, "igmp.checksum", "hex"),
  field("group", 32, 32, "igmp.maddr", "ipv4"),
];

/** A version 3 query, behind {@link layout}. */
export const queryV3Layout: readonly Field[] = [
  field("reserved", 64, 4, "", "hex"),
  field("suppress", 68, 1, "igmp.s", "flag"),
  field("robustness", 69, 3, "igmp.qrv"),
  field("intervalCode", 72, 8, "igmp.qqic"),
  field("numberOfSources", 80, 16, "igmp.num_src"),
];

/** A version 3 report, in place of {@link layout}. */
export const reportV3Layout: readonly Field[] = [
  field("type", 0, 8, "igmp.type", "hex"),
  field("maxResponseCode", 8, 8, ""),
  field("checksum", 16, 16, "igmp.checksum", "hex"),
  field("reportReserved", 32, 16, "", "hex"),
  field("numberOfRecords", 48, 16, "igmp.num_grp_recs"),
];

/**
 * The message with all its sources and records lies inside [at, end). After `ok`, the accessors are safe for the
 * messages that they name. A query's length decides on its version; 9 to 11 bytes are none (RFC 3376 §7.1).
 */
export function check(view: DataView, at: number, end: number): Status {
  if (end - at < HEADER_LENGTH) return Status.truncated;
  switch (view.getUint8(at)) {
    case IgmpType.query: {
      if (end - at === HEADER_LENGTH) return Status.ok;
      if (end - at < QUERY_V3_LENGTH) return Status.badTotalLength;
      return numberOfSources(view, at) * 4 > end - at - QUERY_V3_LENGTH ? Status.truncated : Status.ok;
    }
    case IgmpType.reportV1:
    case IgmpType.reportV2:
    case IgmpType.leave:
      return Status.ok;
    case IgmpType.reportV3: {
      let from = at + HEADER_LENGTH;
      for (let left = numberOfRecords(view, at); left > 0; left--) {
        const status = record.check(view, from, end);
        if (status !== Status.ok) return status;
        from += record.totalLength(view, from);
      }
      return Status.ok;
    }
    default:
      return Status.unsupported;
  }
}

/** See {@link IgmpType}. */
export function type(view: DataView, at: number): number {
  return view.getUint8(at);
}

/** Queries: until when to answer, see {@link maxResponseTime}; 0 in version 1. Elsewhere reserved. */
export function maxResponseCode(view: DataView, at: number): number {
  return view.getUint8(at + 1);
}

export function checksum(view: DataView, at: number): number {
  return view.getUint16(at + 2);
}

/** All but version 3 reports: the group as an int32; 0 in a general query. */
export function group(view: DataView, at: number): number {
  return view.getInt32(at + 4);
}

/** Version 3 report: bytes 4 and 5. */
export function reportReserved(view: DataView, at: number): number {
  return view.getUint16(at + 4);
}

/** Version 3 report: how many group records follow. */
export function numberOfRecords(view: DataView, at: number): number {
  return view.getUint16(at + 6);
}

/** Version 3 query: the four bits in front of S. */
export function reserved(view: DataView, at: number): number {
  return view.getUint8(at + 8) >> 4;
}

/** Version 3 query, "S": routers shall not update their timers (RFC 3376 §4.1.5). */
export function suppress(view: DataView, at: number): boolean {
  return (view.getUint8(at + 8) & 0x08) !== 0;
}

/** Version 3 query, "QRV": the querier's robustness variable (RFC 3376 §4.1.6). */
export function robustness(view: DataView, at: number): number {
  return view.getUint8(at + 8) & 0x07;
}

/** Version 3 query, "QQIC": the querier's interval, coded as {@link decodeFloat} reads it, in seconds. */
export function intervalCode(view: DataView, at: number): number {
  return view.getUint8(at + 9);
}

/** Version 3 query: how many source addresses follow. */
export function numberOfSources(view: DataView, at: number): number {
  return view.getUint16(at + 10);
}

/** Version 3 query: source `index` as an int32. */
export function source(view: DataView, at: number, index: number): number {
  return view.getInt32(at + QUERY_V3_LENGTH + index * 4);
}

/** 1, 2 or 3; a query's length and first fields say which (RFC 3376 §7.1). */
export function version(view: DataView, at: number, end: number): number {
  switch (view.getUint8(at)) {
    case IgmpType.query:
      if (end - at >= QUERY_V3_LENGTH) return 3;
      return maxResponseCode(view, at) === 0 ? 1 : 2;
    case IgmpType.reportV1:
      return 1;
    case IgmpType.reportV3:
      return 3;
    default:
      return 2;
  }
}

/** Query: tenths of a second to answer in (RFC 2236 §2.2, RFC 3376 §4.1.1). */
export function maxResponseTime(view: DataView, at: number, end: number): number {
  const coded = maxResponseCode(view, at);
  return version(view, at, end) === 3 ? decodeFloat(coded) : coded;
}

/** RFC 3376 §4.1.1, §4.1.7: from 128 on three bits of exponent and four of mantissa. */
export function decodeFloat(coded: number): number {
  return coded < 128 ? coded : ((coded & 15) | 16) << (((coded >> 4) & 7) + 3);
}

/** May undo what `check` established. */
export function setType(view: DataView, at: number, value: number): void {
  view.setUint8(at, value);
}

export function setMaxResponseCode(view: DataView, at: number, value: number): void {
  view.setUint8(at + 1, value);
}

export function setChecksum(view: DataView, at: number, value: number): void {
  view.setUint16(at + 2, value);
}

export function setGroup(view: DataView, at: number, address: number): void {
  view.setInt32(at + 4, address);
}

export function setReportReserved(view: DataView, at: number, value: number): void {
  view.setUint16(at + 4, value);
}

/** May undo what `check` established. */
export function setNumberOfRecords(view: DataView, at: number, count: number): void {
  view.setUint16(at + 6, count);
}

/** Version 3 query: the byte of `reserved`, `suppress` and `robustness`. */
export function setQueryFlags(view: DataView, at: number, value: number): void {
  view.setUint8(at + 8, value);
}

export function setIntervalCode(view: DataView, at: number, value: number): void {
  view.setUint8(at + 9, value);
}

/** May undo what `check` established. */
export function setNumberOfSources(view: DataView, at: number, count: number): void {
  view.setUint16(at + 10, count);
}

/** Behind the message: what newer versions may add there, which is ignored but covered by the checksum (RFC 3376 §4.1.10). */
export function payloadStart(view: DataView, at: number, end: number): number {
  switch (view.getUint8(at)) {
    case IgmpType.query:
      return end - at < QUERY_V3_LENGTH ? at + HEADER_LENGTH : at + QUERY_V3_LENGTH + numberOfSources(view, at) * 4;
    case IgmpType.reportV3: {
      let from = at + HEADER_LENGTH;
      for (let left = numberOfRecords(view, at); left > 0; left--) from += record.totalLength(view, from);
      return from;
    }
    default:
      return at + HEADER_LENGTH;
  }
}

/** IGMP has no length of its own: `end` is where the IP payload ends. */
export function payloadEnd(_view: DataView, _at: number, end: number): number {
  return end;
}

/** Over the whole IP payload (RFC 3376 §4.1.2). */
export function verifyChecksum(view: DataView, at: number, end: number): ChecksumStatus {
  return sum(view, at, end) === 0xffff ? ChecksumStatus.valid : ChecksumStatus.invalid;
}

/** Computes and writes the checksum. */
export function fillChecksum(view: DataView, at: number, end: number): void {
  setChecksum(view, at, 0);
  setChecksum(view, at, complement(sum(view, at, end)));
}

/** Versions 1 and 2: query, report, leave. */
export interface IgmpMembership {
  readonly kind: "membership";
  readonly type: number;
  readonly maxResponseCode: number;
  readonly checksum: number;
  readonly group: number;
}

export interface IgmpQueryV3 {
  readonly kind: "queryV3";
  readonly type: number;
  readonly maxResponseCode: number;
  readonly checksum: number;
  readonly group: number;
  readonly reserved: number;
  readonly suppress: boolean;
  readonly robustness: number;
  readonly intervalCode: number;
  readonly numberOfSources: number;
  readonly sources: readonly number[];
}

export interface IgmpReportV3 {
  readonly kind: "reportV3";
  readonly type: number;
  readonly maxResponseCode: number;
  readonly checksum: number;
  readonly reportReserved: number;
  readonly numberOfRecords: number;
  readonly records: readonly record.IgmpRecord[];
}

export type Igmp = IgmpMembership | IgmpQueryV3 | IgmpReportV3;

/** Plain value of a checked message. */
export function plain(view: DataView, at: number, end: number): Igmp {
  const common = {
    type: type(view, at),
    maxResponseCode: maxResponseCode(view, at),
    checksum: checksum(view, at),
  };
  if (common.type === IgmpType.reportV3) {
    const records: record.IgmpRecord[] = [];
    let from = at + HEADER_LENGTH;
    for (let left = numberOfRecords(view, at); left > 0; left--) {
      records.push(record.plain(view, from));
      from += record.totalLength(view, from);
    }
    const count = numberOfRecords(view, at);
    return { kind: "reportV3", ...common, reportReserved: reportReserved(view, at), numberOfRecords: count, records };
  }
  const address = group(view, at);
  if (common.type !== IgmpType.query || end - at < QUERY_V3_LENGTH) {
    return { kind: "membership", ...common, group: address };
  }
  return {
    kind: "queryV3",
    ...common,
    group: address,
    reserved: reserved(view, at),
    suppress: suppress(view, at),
    robustness: robustness(view, at),
    intervalCode: intervalCode(view, at),
    numberOfSources: numberOfSources(view, at),
    sources: Array.from({ length: numberOfSources(view, at) }, (_, index) => source(view, at, index)),
  };
}

export function decode(bytes: Uint8Array): Result<Igmp> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const status = check(view, 0, bytes.length);
  if (status === Status.ok) return ok(plain(view, 0, bytes.length));
  return fail(status, "igmp", 0, requiredLength(view, bytes.length), bytes.length);
}

/** As far as the bytes that are there can tell. */
function requiredLength(view: DataView, length: number): number {
  if (length < HEADER_LENGTH) return HEADER_LENGTH;
  if (type(view, 0) === IgmpType.query) {
    return length < QUERY_V3_LENGTH ? QUERY_V3_LENGTH : QUERY_V3_LENGTH + numberOfSources(view, 0) * 4;
  }
  if (type(view, 0) !== IgmpType.reportV3) return HEADER_LENGTH;
  let from = HEADER_LENGTH;
  while (record.check(view, from, length) === Status.ok) from += record.totalLength(view, from);
  return from + (length - from < record.HEADER_LENGTH ? record.HEADER_LENGTH : record.totalLength(view, from));
}

/** What `encode` takes. Counts and checksum are computed unless the options keep them; what is left out is 0. */
export type IgmpInit =
  | (Partial<IgmpMembership> & Pick<IgmpMembership, "kind" | "type" | "group">)
  | (Partial<IgmpQueryV3> & Pick<IgmpQueryV3, "kind" | "group">)
  | (Omit<Partial<IgmpReportV3>, "records"> & {
      readonly kind: "reportV3";
      readonly records: readonly record.IgmpRecordInit[];
    });

const TYPES_OF_KIND: Readonly<Record<Igmp["kind"], readonly number[]>> = {
  membership: [IgmpType.query, IgmpType.reportV1, IgmpType.reportV2, IgmpType.leave],
  queryV3: [IgmpType.query],
  reportV3: [IgmpType.reportV3],
};

/** The message in a new array, and behind it what `payload` adds. */
export function encode(
  igmp: IgmpInit,
  payload: Uint8Array = new Uint8Array(),
  options: EncodeOptions = {},
): Uint8Array {
  const types = TYPES_OF_KIND[igmp.kind];
  const messageType = igmp.type ?? types[0]!;
  if (!types.includes(messageType)) throw new RangeError(`igmp type is ${messageType}, which is no "${igmp.kind}"`);
  const body = encodeBody(igmp, options.lengths === "keep");
  const bytes = new Uint8Array(body.length + payload.length);
  const view = new DataView(bytes.buffer);
  bytes.set(body, 0);
  bytes.set(payload, body.length);
  requireBits("igmp maxResponseCode", igmp.maxResponseCode ?? 0, 8);
  setType(view, 0, messageType);
  setMaxResponseCode(view, 0, igmp.maxResponseCode ?? 0);
  if (options.checksums === "keep") {
    requireBits("igmp checksum", igmp.checksum ?? 0, 16);
    setChecksum(view, 0, igmp.checksum ?? 0);
  } else fillChecksum(view, 0, bytes.length);
  return bytes;
}

/** A message whose first four bytes are still to be written. */
function encodeBody(igmp: IgmpInit, keepCounts: boolean): Uint8Array {
  if (igmp.kind === "reportV3") {
    const count = keepCounts ? (igmp.numberOfRecords ?? 0) : igmp.records.length;
    requireBits("igmp reportReserved", igmp.reportReserved ?? 0, 16);
    requireBits("igmp numberOfRecords", count, 16);
    const records = igmp.records.map((one) => record.encode(one, keepCounts));
    const bytes = joined(records, HEADER_LENGTH);
    const view = new DataView(bytes.buffer);
    setReportReserved(view, 0, igmp.reportReserved ?? 0);
    setNumberOfRecords(view, 0, count);
    return bytes;
  }
  const sources = igmp.kind === "queryV3" ? (igmp.sources ?? []) : [];
  const length = igmp.kind === "queryV3" ? QUERY_V3_LENGTH + sources.length * 4 : HEADER_LENGTH;
  const view = new DataView(new ArrayBuffer(length));
  requireWord("igmp group", igmp.group);
  for (const source of sources) requireWord("igmp source", source);
  setGroup(view, 0, igmp.group);
  if (igmp.kind === "queryV3") {
    const count = keepCounts ? (igmp.numberOfSources ?? 0) : sources.length;
    requireBits("igmp reserved", igmp.reserved ?? 0, 4);
    requireBits("igmp robustness", igmp.robustness ?? 0, 3);
    requireBits("igmp intervalCode", igmp.intervalCode ?? 0, 8);
    requireBits("igmp numberOfSources", count, 16);
    setQueryFlags(view, 0, ((igmp.reserved ?? 0) << 4) | ((igmp.suppress ?? false) ? 8 : 0) | (igmp.robustness ?? 0));
    setIntervalCode(view, 0, igmp.intervalCode ?? 0);
    setNumberOfSources(view, 0, count);
    for (const [index, address] of sources.entries()) view.setInt32(QUERY_V3_LENGTH + index * 4, address);
  }
  return new Uint8Array(view.buffer);
}

/**
 * `general query v2`, `query v3 239.1.1.1 from 10.0.9.5`, `report v2 239.1.1.2`, `leave 239.1.1.2`,
 * `report v3 239.1.1.3 to exclude, 232.1.1.1 allow 10.0.9.5 10.0.9.7`
 */
export function format(view: DataView, at: number, end: number): string {
  const kind = `v${version(view, at, end)}`;
  switch (type(view, at)) {
    case IgmpType.query: {
      const address = group(view, at);
      if (address === 0) return `general query ${kind}`;
      const count = end - at < QUERY_V3_LENGTH ? 0 : numberOfSources(view, at);
      const sources = Array.from({ length: count }, (_, index) => formatIpv4(source(view, at, index)));
      return `query ${kind} ${formatIpv4(address)}${count === 0 ? "" : ` from ${sources.join(" ")}`}`;
    }
    case IgmpType.reportV3: {
      const records: string[] = [];
      let from = at + HEADER_LENGTH;
      for (let left = numberOfRecords(view, at); left > 0; left--) {
        records.push(record.format(view, from));
        from += record.totalLength(view, from);
      }
      return `report ${kind} ${records.length === 0 ? "without groups" : records.join(", ")}`;
    }
    default: {
      const what = type(view, at) === IgmpType.leave ? "leave" : `report ${kind}`;
      return `${what} ${formatIpv4(group(view, at))}`;
    }
  }
}
