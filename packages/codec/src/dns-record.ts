/**
 * Resource records of DNS (RFC 1035 §3.2, §4.1.3): A, NS, CNAME, SOA, PTR, MX, TXT (RFC 1035), AAAA (RFC 3596), SRV
 * (RFC 2782), OPT (RFC 6891). All others are raw bytes (RFC 3597).
 *
 * +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
 * |            NAME, compressed or not            |
 * +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
 * |                     TYPE                      |   OPT: CLASS is the UDP payload size, TTL is
 * |                     CLASS                     |   extended rcode, version, DO and flags
 * |                      TTL                      |
 * |                   (32 bits)                   |
 * |                   RDLENGTH                    |
 * |                     RDATA                     |
 * +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
 *
 * Data of length 0 is raw for every type but OPT: updates (RFC 2136 §2.4) have it. A type's data that names a wrong
 * length is an error.
 */
import { formatIpv4, formatIpv6 } from "./address.ts";
import { bytesAt } from "./bytes.ts";
import { checkName, type DnsWriter, formatString, nameAt, nameEnd } from "./dns-name.ts";
import { requireBits, requireWord } from "./encode.ts";
import { addressAt, requireAddress } from "./ipv6.ts";
import { Status } from "./status.ts";

/** IANA, "Resource Record (RR) TYPEs": those read here, and those people ask for. */
export const DnsType = {
  a: 1,
  ns: 2,
  cname: 5,
  soa: 6,
  ptr: 12,
  hinfo: 13,
  mx: 15,
  txt: 16,
  aaaa: 28,
  srv: 33,
  naptr: 35,
  opt: 41,
  ds: 43,
  rrsig: 46,
  nsec: 47,
  dnskey: 48,
  svcb: 64,
  https: 65,
  tsig: 250,
  ixfr: 251,
  axfr: 252,
  any: 255,
} as const;

export const DnsClass = { in: 1, chaos: 3, hesiod: 4, none: 254, any: 255 } as const;

const TYPE_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(DnsType).map(([name, type]) => [type, name.toUpperCase()]),
);

/** `AAAA`, or `TYPE99` as RFC 3597 §5 has it. */
export function typeName(type: number): string {
  return TYPE_NAMES.get(type) ?? `TYPE${type}`;
}

/** Type, class, TTL and length of a record, behind its name. */
const FIXED_LENGTH = 10;

/** The offset behind the record at `at`, or `-status`. `messageAt` is where the message starts. */
export function checkRecord(view: DataView, messageAt: number, at: number, end: number): number {
  const fixed = checkName(view, messageAt, at, end);
  if (fixed < 0) return fixed;
  if (end - fixed < FIXED_LENGTH) return -Status.truncated;
  const data = fixed + FIXED_LENGTH;
  const dataEnd = data + dataLength(view, fixed);
  if (dataEnd > end) return -Status.truncated;
  if (data === dataEnd) return dataEnd;
  const behind = checkData(view, messageAt, recordType(view, fixed), data, dataEnd);
  if (behind === dataEnd) return dataEnd;
  // Data that is cut by its own length has the wrong length; data that leaves some over, too.
  return behind < 0 && behind !== -Status.truncated ? behind : -Status.badOption;
}

/** The offset behind the data as its type has it, or `-status`. */
function checkData(view: DataView, messageAt: number, type: number, at: number, end: number): number {
  switch (type) {
    case DnsType.a:
      return at + 4;
    case DnsType.aaaa:
      return at + 16;
    case DnsType.ns:
    case DnsType.cname:
    case DnsType.ptr:
      return checkName(view, messageAt, at, end);
    case DnsType.mx:
      return checkName(view, messageAt, at + 2, end);
    case DnsType.srv:
      return checkName(view, messageAt, at + 6, end);
    case DnsType.soa: {
      const second = checkName(view, messageAt, at, end);
      if (second < 0) return second;
      const numbers = checkName(view, messageAt, second, end);
      return numbers < 0 ? numbers : numbers + 20;
    }
    case DnsType.txt: {
      let from = at;
      while (from < end) from += view.getUint8(from) + 1;
      return from;
    }
    case DnsType.opt: {
      let from = at;
      while (from < end) from = end - from < 4 ? end + 1 : from + 4 + view.getUint16(from + 2);
      return from;
    }
    default:
      return end;
  }
}

/** Type of a checked record; `fixed` is the offset behind its name, `nameEnd(view, at)`. */
export function recordType(view: DataView, fixed: number): number {
  return view.getUint16(fixed);
}

/** Class of a checked record. */
export function recordClass(view: DataView, fixed: number): number {
  return view.getUint16(fixed + 2);
}

/** Seconds, uint32. */
export function ttl(view: DataView, fixed: number): number {
  return view.getUint32(fixed + 4);
}

/** Bytes of data. */
export function dataLength(view: DataView, fixed: number): number {
  return view.getUint16(fixed + 8);
}

/** Where a checked record's data starts. */
export function dataStart(_view: DataView, fixed: number): number {
  return fixed + FIXED_LENGTH;
}

interface Common {
  readonly name: string;
  readonly class: number;
  /** Seconds. */
  readonly ttl: number;
}

export interface DnsOpt {
  readonly record: "opt";
  /** The root, "." (RFC 6891 §6.1.2). */
  readonly name: string;
  /** The largest datagram the sender takes, in bytes. */
  readonly udpSize: number;
  /** Upper eight bits of the rcode: see dns.ts, `rcodeOf`. */
  readonly extendedRcode: number;
  readonly version: number;
  /** RFC 3225. */
  readonly dnssecOk: boolean;
  /** 15 bits. */
  readonly reserved: number;
  readonly options: readonly { readonly code: number; readonly data: Uint8Array }[];
}

export type DnsRecord =
  | (Common & { readonly record: "a"; readonly address: number })
  | (Common & { readonly record: "aaaa"; readonly address: Uint8Array })
  | (Common & { readonly record: "ns" | "cname" | "ptr"; readonly target: string })
  | (Common & {
      readonly record: "soa";
      readonly primary: string;
      readonly mailbox: string;
      readonly serial: number;
      /** Seconds, as the next three. */
      readonly refresh: number;
      readonly retry: number;
      readonly expire: number;
      readonly minimum: number;
    })
  | (Common & { readonly record: "mx"; readonly preference: number; readonly exchange: string })
  | (Common & { readonly record: "txt"; readonly strings: readonly Uint8Array[] })
  | (Common & {
      readonly record: "srv";
      readonly priority: number;
      readonly weight: number;
      readonly port: number;
      readonly target: string;
    })
  | DnsOpt
  /** Any other type; `encode` takes every type, to make messages that are wrong. */
  | (Common & { readonly record: "raw"; readonly type: number; readonly data: Uint8Array });

/** Plain value of a checked record. */
export function plainRecord(view: DataView, messageAt: number, at: number, known: Map<number, string>): DnsRecord {
  const text = (from: number): string => nameAt(view, messageAt, from, known);
  const fixed = nameEnd(view, at);
  const type = recordType(view, fixed);
  const data = dataStart(view, fixed);
  const end = data + dataLength(view, fixed);
  if (type === DnsType.opt) return plainOpt(view, text(at), fixed);
  const common = { name: text(at), class: recordClass(view, fixed), ttl: ttl(view, fixed) };
  const raw: DnsRecord = { record: "raw", ...common, type, data: bytesAt(view, data, end) };
  if (data === end) return raw;
  switch (type) {
    case DnsType.a:
      return { record: "a", ...common, address: view.getInt32(data) };
    case DnsType.aaaa:
      return { record: "aaaa", ...common, address: addressAt(view, data) };
    case DnsType.ns:
      return { record: "ns", ...common, target: text(data) };
    case DnsType.cname:
      return { record: "cname", ...common, target: text(data) };
    case DnsType.ptr:
      return { record: "ptr", ...common, target: text(data) };
    case DnsType.soa: {
      const second = nameEnd(view, data);
      const numbers = nameEnd(view, second);
      return {
        record: "soa",
        ...common,
        primary: text(data),
        mailbox: text(second),
        serial: view.getUint32(numbers),
        refresh: view.getUint32(numbers + 4),
        retry: view.getUint32(numbers + 8),
        expire: view.getUint32(numbers + 12),
        minimum: view.getUint32(numbers + 16),
      };
    }
    case DnsType.mx:
      return { record: "mx", ...common, preference: view.getUint16(data), exchange: text(data + 2) };
    case DnsType.txt: {
      const strings: Uint8Array[] = [];
      for (let from = data; from < end; from += view.getUint8(from) + 1) {
        strings.push(bytesAt(view, from + 1, from + 1 + view.getUint8(from)));
      }
      return { record: "txt", ...common, strings };
    }
    case DnsType.srv:
      return {
        record: "srv",
        ...common,
        priority: view.getUint16(data),
        weight: view.getUint16(data + 2),
        port: view.getUint16(data + 4),
        target: text(data + 6),
      };
    default:
      return raw;
  }
}

function plainOpt(view: DataView, name: string, fixed: number): DnsOpt {
  const options: { readonly code: number; readonly data: Uint8Array }[] = [];
  const end = dataStart(view, fixed) + dataLength(view, fixed);
  for (let from = dataStart(view, fixed); from < end; ) {
    const next = from + 4 + view.getUint16(from + 2);
    options.push({ code: view.getUint16(from), data: bytesAt(view, from + 4, next) });
    from = next;
  }
  return {
    record: "opt",
    name,
    udpSize: recordClass(view, fixed),
    extendedRcode: view.getUint8(fixed + 4),
    version: view.getUint8(fixed + 5),
    dnssecOk: (view.getUint8(fixed + 6) & 0x80) !== 0,
    reserved: view.getUint16(fixed + 6) & 0x7fff,
    options,
  };
}

/** Writes a record. Names in data become pointers only where RFC 3597 §4 lets them: NS, CNAME, PTR, SOA, MX. */
export function writeRecord(writer: DnsWriter, record: DnsRecord): void {
  writer.name(record.name, true);
  if (record.record === "opt") {
    requireBits("dns udpSize", record.udpSize, 16);
    requireBits("dns extendedRcode", record.extendedRcode, 8);
    requireBits("dns version", record.version, 8);
    requireBits("dns reserved", record.reserved, 15);
    writer.uint16(DnsType.opt);
    writer.uint16(record.udpSize);
    writer.uint8(record.extendedRcode);
    writer.uint8(record.version);
    writer.uint16((record.dnssecOk ? 0x8000 : 0) | record.reserved);
  } else {
    const type = record.record === "raw" ? record.type : DnsType[record.record];
    requireBits("dns type", type, 16);
    requireBits("dns class", record.class, 16);
    requireBits("dns ttl", record.ttl, 32);
    writer.uint16(type);
    writer.uint16(record.class);
    writer.uint32(record.ttl);
  }
  const lengthAt = writer.length;
  writer.uint16(0);
  writeData(writer, record);
  writer.setLengthAt(lengthAt);
}

function writeData(writer: DnsWriter, record: DnsRecord): void {
  switch (record.record) {
    case "a":
      requireWord("dns address", record.address);
      writer.uint32(record.address);
      break;
    case "aaaa":
      requireAddress("dns address", record.address);
      writer.bytes(record.address);
      break;
    case "ns":
    case "cname":
    case "ptr":
      writer.name(record.target, true);
      break;
    case "soa":
      writer.name(record.primary, true);
      writer.name(record.mailbox, true);
      for (const name of ["serial", "refresh", "retry", "expire", "minimum"] as const) {
        requireBits(`dns ${name}`, record[name], 32);
        writer.uint32(record[name]);
      }
      break;
    case "mx":
      requireBits("dns preference", record.preference, 16);
      writer.uint16(record.preference);
      writer.name(record.exchange, true);
      break;
    case "txt":
      for (const string of record.strings) writer.string(string);
      break;
    case "srv":
      for (const name of ["priority", "weight", "port"] as const) {
        requireBits(`dns ${name}`, record[name], 16);
        writer.uint16(record[name]);
      }
      // RFC 2782: "name compression is not to be used for this field".
      writer.name(record.target, false);
      break;
    case "opt":
      for (const option of record.options) {
        requireBits("dns option code", option.code, 16);
        requireBits("dns option length", option.data.length, 16);
        writer.uint16(option.code);
        writer.uint16(option.data.length);
        writer.bytes(option.data);
      }
      break;
    case "raw":
      writer.bytes(record.data);
  }
}

/** `A 10.0.9.2`: type and data, without name and TTL. */
export function formatRecord(record: DnsRecord): string {
  switch (record.record) {
    case "a":
      return `A ${formatIpv4(record.address)}`;
    case "aaaa":
      return `AAAA ${formatIpv6(record.address)}`;
    case "ns":
    case "cname":
    case "ptr":
      return `${record.record.toUpperCase()} ${record.target}`;
    case "soa":
      return `SOA ${record.primary} ${record.mailbox} ${record.serial}`;
    case "mx":
      return `MX ${record.preference} ${record.exchange}`;
    case "txt":
      return `TXT ${record.strings.map(formatString).join(" ")}`;
    case "srv":
      return `SRV ${record.priority} ${record.weight} ${record.port} ${record.target}`;
    case "opt":
      return `OPT udp ${record.udpSize}${record.dnssecOk ? " do" : ""}`;
    case "raw":
      return `${typeName(record.type)} (${record.data.length} bytes)`;
  }
}
