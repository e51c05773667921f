/**
 * Multicast listener discovery, versions 1 (RFC 2710 §3) and 2 (RFC 3810 §5, now RFC 9777): ICMPv6 messages.
 *
 *      0         1         2         3         4         5         6         7
 * +---------+---------+---------+---------+---------+---------+---------+---------+
 * |  Type   |  Code   |     Checksum      |  Maximum response |     Reserved      |   130, 131, 132
 * |                          Multicast address, 16 bytes                          |
 * | Rsv S QRV | QQIC  | Number of sources | sources, 16 bytes each ...                only version 2's query
 * +---------+---------+---------+---------+---------+---------+---------+---------+
 * |  Type   |  Code   |     Checksum      |     Reserved      | Number of records |   143
 * | RecType | Aux/4   | Number of sources | address, sources, auxiliary data ...      each record
 * +---------+---------+---------+---------+---------+---------+---------+---------+
 *
 * Offsets are those of the ICMPv6 message. Checksum and code are icmpv6.ts's. Not covered: the floating point of
 * maximum response code and QQIC (RFC 3810 §5.1.3, §5.1.9); both are as sent.
 */
import { formatIpv6 } from "./address.ts";
import { bytesAt } from "./bytes.ts";
import { requireBits } from "./encode.ts";
import { type Field, field } from "./field.ts";
import { ADDRESS_LENGTH, addressAt, requireAddress, setAddressAt } from "./ipv6.ts";
import { Status } from "./status.ts";

export const MldType = { query: 130, report: 131, done: 132, reportV2: 143 } as const;

/** RFC 3810 §5.2.12. */
export const MldRecordType = {
  isInclude: 1,
  isExclude: 2,
  changeToInclude: 3,
  changeToExclude: 4,
  allowNewSources: 5,
  blockOldSources: 6,
} as const;

const V1_LENGTH = 24;
const V2_QUERY_LENGTH = 28;
const REPORT_LENGTH = 8;
const RECORD_LENGTH = 20;

const GROUP: Field = field("group", 64, 128, "icmpv6.mld.multicast_address", "ipv6");
const V1_LAYOUT: readonly Field[] = [field("maximumResponse", 32, 16, "icmpv6.mld.maximum_response_delay"), GROUP];

/** Fields behind type, code and checksum; version 2's query has more behind them. */
export const layouts: Readonly<Record<number, readonly Field[]>> = {
  [MldType.query]: V1_LAYOUT,
  [MldType.report]: V1_LAYOUT,
  [MldType.done]: V1_LAYOUT,
  [MldType.reportV2]: [field("recordCount", 48, 16, "icmpv6.mldr.nb_mcast_records")],
};

/** True for the types of this file. */
export function isMld(type: number): boolean {
  return (type >= MldType.query && type <= MldType.done) || type === MldType.reportV2;
}

/**
 * Message, sources and records lie inside [at, end). After `ok`, the accessors of the message's type are safe. Needs
 * the ICMPv6 header's own check.
 */
export function check(view: DataView, at: number, end: number): Status {
  const length = messageLength(view, at, end);
  if (length < 0) return Status.badTotalLength;
  return length > end - at ? Status.truncated : Status.ok;
}

/** Bytes the message needs, as far as [at, end) can tell; -1 for a query that is neither version's. */
export function messageLength(view: DataView, at: number, end: number): number {
  const available = end - at;
  switch (view.getUint8(at)) {
    case MldType.query:
      if (available <= V1_LENGTH) return V1_LENGTH;
      // RFC 3810 §8.1: 24 bytes are version 1's, 28 or more version 2's, any other query must be ignored.
      return available < V2_QUERY_LENGTH ? -1 : V2_QUERY_LENGTH + view.getUint16(at + 26) * ADDRESS_LENGTH;
    case MldType.reportV2: {
      if (available < REPORT_LENGTH) return REPORT_LENGTH;
      let length = REPORT_LENGTH;
      for (let left = view.getUint16(at + 6); left > 0; left--) {
        if (length + RECORD_LENGTH > available) return length + RECORD_LENGTH;
        length += recordLength(view, at + length);
      }
      return length;
    }
    default:
      return V1_LENGTH;
  }
}

/** Bytes of the record at `at`: fixed part, sources, auxiliary data in 32-bit words (RFC 3810 §5.2.6). */
export function recordLength(view: DataView, at: number): number {
  return RECORD_LENGTH + view.getUint16(at + 2) * ADDRESS_LENGTH + (view.getUint8(at + 1) << 2);
}

/** True for a query of version 2. */
export function isQueryV2(view: DataView, at: number, end: number): boolean {
  return view.getUint8(at) === MldType.query && end - at >= V2_QUERY_LENGTH;
}

/** Milliseconds in version 1, a code of them in version 2. */
export function maximumResponse(view: DataView, at: number): number {
  return view.getUint16(at + 4);
}

/** Multicast address of any message but version 2's report, as a copy of its sixteen bytes: allocates. */
export function group(view: DataView, at: number): Uint8Array {
  return addressAt(view, at + 8);
}

/** Records of version 2's report. */
export function recordCount(view: DataView, at: number): number {
  return view.getUint16(at + 6);
}

/** First byte behind the message; a receiver ignores what is there (RFC 3810 §5.1.12, §5.2.11). */
export function payloadStart(view: DataView, at: number, end: number): number {
  return at + messageLength(view, at, end);
}

export interface MldRecord {
  /** See {@link MldRecordType}. */
  readonly recordType: number;
  readonly group: Uint8Array;
  readonly sources: readonly Uint8Array[];
  /** Whole 32-bit words; none in practice (RFC 3810 §5.2.10). */
  readonly auxiliaryData: Uint8Array;
}

export type MldMessage =
  | {
      readonly message: "listenerQuery" | "listenerReport" | "listenerDone";
      readonly maximumResponse: number;
      readonly reserved: number;
      readonly group: Uint8Array;
    }
  | {
      readonly message: "listenerQueryV2";
      readonly maximumResponse: number;
      readonly reserved: number;
      readonly group: Uint8Array;
      /** Four reserved bits, suppress router-side processing 0x08, querier's robustness variable 0x07. */
      readonly flags: number;
      /** RFC 3810 §5.1.9, "QQIC". */
      readonly queryInterval: number;
      readonly sources: readonly Uint8Array[];
    }
  | { readonly message: "listenerReportV2"; readonly reserved: number; readonly records: readonly MldRecord[] };

/** Plain value of a checked message. */
export function plain(view: DataView, at: number, end: number): MldMessage {
  const type = view.getUint8(at);
  if (type === MldType.reportV2) {
    const records: MldRecord[] = [];
    let from = at + REPORT_LENGTH;
    for (let left = recordCount(view, at); left > 0; left--) {
      records.push(plainRecord(view, from));
      from += recordLength(view, from);
    }
    return { message: "listenerReportV2", reserved: view.getUint16(at + 4), records };
  }
  const head = { maximumResponse: maximumResponse(view, at), reserved: view.getUint16(at + 6), group: group(view, at) };
  if (isQueryV2(view, at, end)) {
    return {
      message: "listenerQueryV2",
      ...head,
      flags: view.getUint8(at + 24),
      queryInterval: view.getUint8(at + 25),
      sources: addresses(view, at + V2_QUERY_LENGTH, view.getUint16(at + 26)),
    };
  }
  const message =
    type === MldType.query ? "listenerQuery" : type === MldType.report ? "listenerReport" : "listenerDone";
  return { message, ...head };
}

function plainRecord(view: DataView, at: number): MldRecord {
  const count = view.getUint16(at + 2);
  const dataAt = at + RECORD_LENGTH + count * ADDRESS_LENGTH;
  return {
    recordType: view.getUint8(at),
    group: addressAt(view, at + 4),
    sources: addresses(view, at + RECORD_LENGTH, count),
    auxiliaryData: bytesAt(view, dataAt, dataAt + (view.getUint8(at + 1) << 2)),
  };
}

function addresses(view: DataView, at: number, count: number): readonly Uint8Array[] {
  return Array.from({ length: count }, (_, index) => addressAt(view, at + index * ADDRESS_LENGTH));
}

/** The message's bytes from its type on, code and checksum zero. */
export function encode(mld: MldMessage): Uint8Array {
  if (mld.message === "listenerReportV2") return encodeReport(mld.reserved, mld.records);
  const isV2 = mld.message === "listenerQueryV2";
  const sources = isV2 ? mld.sources : [];
  const bytes = new Uint8Array(isV2 ? V2_QUERY_LENGTH + sources.length * ADDRESS_LENGTH : V1_LENGTH);
  const view = new DataView(bytes.buffer);
  requireBits("mld maximumResponse", mld.maximumResponse, 16);
  requireBits("mld reserved", mld.reserved, 16);
  requireAddress("mld group", mld.group);
  bytes[0] =
    mld.message === "listenerReport" ? MldType.report : mld.message === "listenerDone" ? MldType.done : MldType.query;
  view.setUint16(4, mld.maximumResponse);
  view.setUint16(6, mld.reserved);
  setAddressAt(view, 8, mld.group);
  if (isV2) {
    requireBits("mld flags", mld.flags, 8);
    requireBits("mld queryInterval", mld.queryInterval, 8);
    bytes.set([mld.flags, mld.queryInterval], 24);
    setSources(view, 26, V2_QUERY_LENGTH, sources);
  }
  return bytes;
}

function encodeReport(reserved: number, records: readonly MldRecord[]): Uint8Array {
  requireBits("mld reserved", reserved, 16);
  requireBits("mld record count", records.length, 16);
  const lengths = records.map((record) => {
    if (record.auxiliaryData.length % 4 !== 0) {
      throw new RangeError(`mld auxiliaryData has ${record.auxiliaryData.length} bytes, expected a multiple of 4`);
    }
    return RECORD_LENGTH + record.sources.length * ADDRESS_LENGTH + record.auxiliaryData.length;
  });
  const bytes = new Uint8Array(lengths.reduce((total, length) => total + length, REPORT_LENGTH));
  const view = new DataView(bytes.buffer);
  bytes[0] = MldType.reportV2;
  view.setUint16(4, reserved);
  view.setUint16(6, records.length);
  let at = REPORT_LENGTH;
  for (const [index, record] of records.entries()) {
    requireBits("mld recordType", record.recordType, 8);
    requireBits("mld auxiliaryData length", record.auxiliaryData.length >> 2, 8);
    requireAddress("mld group", record.group);
    bytes.set([record.recordType, record.auxiliaryData.length >> 2], at);
    setAddressAt(view, at + 4, record.group);
    setSources(view, at + 2, at + RECORD_LENGTH, record.sources);
    bytes.set(record.auxiliaryData, at + RECORD_LENGTH + record.sources.length * ADDRESS_LENGTH);
    at += lengths[index]!;
  }
  return bytes;
}

function setSources(view: DataView, countAt: number, at: number, sources: readonly Uint8Array[]): void {
  requireBits("mld source count", sources.length, 16);
  view.setUint16(countAt, sources.length);
  for (const [index, source] of sources.entries()) {
    requireAddress("mld source", source);
    setAddressAt(view, at + index * ADDRESS_LENGTH, source);
  }
}

const RECORD_NAMES: Readonly<Record<number, string>> = {
  [MldRecordType.isInclude]: "is include",
  [MldRecordType.isExclude]: "is exclude",
  [MldRecordType.changeToInclude]: "to include",
  [MldRecordType.changeToExclude]: "to exclude",
  [MldRecordType.allowNewSources]: "allow",
  [MldRecordType.blockOldSources]: "block",
};

/** `listener report v2 ff02::1:ff00:903 to exclude` */
export function format(view: DataView, at: number, end: number): string {
  const mld = plain(view, at, end);
  switch (mld.message) {
    case "listenerQuery":
      return `listener query ${formatIpv6(mld.group)}`;
    case "listenerReport":
      return `listener report ${formatIpv6(mld.group)}`;
    case "listenerDone":
      return `listener done ${formatIpv6(mld.group)}`;
    case "listenerQueryV2":
      return `listener query v2 ${formatIpv6(mld.group)}${mld.sources.map((source) => ` ${formatIpv6(source)}`).join("")}`;
    case "listenerReportV2":
      return `listener report v2 ${mld.records.map(formatRecord).join(", ")}`;
  }
}

function formatRecord(record: MldRecord): string {
  const name = RECORD_NAMES[record.recordType] ?? `type ${record.recordType}`;
  return `${formatIpv6(record.group)} ${name}${record.sources.map((source) => ` ${formatIpv6(source)}`).join("")}`;
}
