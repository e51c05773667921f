/**
 * Options of pcapng blocks (draft-ietf-opsawg-pcapng §3.5 and the tables of §4), both ways. Each kind of block has its
 * own numbers; a table of rows says what they mean.
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |      Option Type              |         Option Length         |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * /                       Option Value, padded to 32 bits         /
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * Reading never fails, and nothing is lost: what has no row, a wrong length or stands there twice against the rules is
 * kept as raw bytes in `unknown`, what does not fit into the block in `malformed`. Properties are in the order in which
 * the file has the first option of each kind. Text ends at a zero byte; bytes that are not UTF-8 become U+FFFD.
 */
import { macAt, setMacAt } from "@hopscope/codec/address";
import { ByteWriter } from "./byte-writer.ts";

/** A value of 64 bits: a number while that is exact, otherwise a bigint. */
export type Integer64 = number | bigint;

/** A count of an interface's time units in two halves of 32 bits. */
export interface Ticks {
  readonly high: number;
  readonly low: number;
}

/** An option that this table does not describe, as it stands in the file; numbers in it have the section's byte order. */
export interface RawOption {
  readonly code: number;
  readonly value: Uint8Array;
}

/** An option of a vendor (§3.5.1). Codes 2988 and 19372 hold text, 2989 and 19373 bytes; the larger two are not to be copied. */
export interface CustomOption {
  readonly code: number;
  /** IANA Private Enterprise Number. */
  readonly enterprise: number;
  readonly value: string | Uint8Array;
}

/** What every block may have. */
export interface CommonOptions {
  readonly comments?: readonly string[];
  readonly custom?: readonly CustomOption[];
  readonly unknown?: readonly RawOption[];
  /** The end of the list from an option that runs past the block on. */
  readonly malformed?: Uint8Array;
}

/** §4.1, Section Header Block. */
export interface SectionOptions extends CommonOptions {
  readonly hardware?: string;
  readonly os?: string;
  readonly application?: string;
}

/** IPv4 address and netmask, int32 both. */
export interface Ipv4Network {
  readonly address: number;
  readonly mask: number;
}

/** Sixteen bytes and the length of the prefix in bits. */
export interface Ipv6Network {
  readonly address: Uint8Array;
  readonly prefixLength: number;
}

/** A capture filter: code 0 is text in libpcap's language, 1 is BPF byte code. */
export interface CaptureFilter {
  readonly code: number;
  readonly value: string | Uint8Array;
}

/** §4.2, Interface Description Block. */
export interface InterfaceOptions extends CommonOptions {
  readonly name?: string;
  readonly description?: string;
  readonly ipv4?: readonly Ipv4Network[];
  readonly ipv6?: readonly Ipv6Network[];
  /** 48-bit number. */
  readonly mac?: number;
  /** Eight bytes. */
  readonly eui64?: Uint8Array;
  /** Bits a second, both directions. */
  readonly speed?: Integer64;
  /** if_tsresol: 6 is microseconds, 9 nanoseconds, 128 + n is 2^-n seconds. */
  readonly timestampResolution?: number;
  /** if_tzone: never specified. */
  readonly timeZone?: number;
  readonly filter?: CaptureFilter;
  readonly os?: string;
  /** if_fcslen as it stands in the file. The draft says bits, and gives 4 as an example. */
  readonly fcsLength?: number;
  /** if_tsoffset: seconds to add to every time. */
  readonly timestampOffset?: Integer64;
  readonly hardware?: string;
  /** Bits a second. */
  readonly txSpeed?: Integer64;
  /** Bits a second. */
  readonly rxSpeed?: Integer64;
  /** Name in the IANA time zone database. */
  readonly timeZoneName?: string;
}

/** Algorithm: 0 two's complement, 1 XOR, 2 CRC-32, 3 MD5, 4 SHA-1, 5 Toeplitz. */
export interface PacketHash {
  readonly algorithm: number;
  readonly value: Uint8Array;
}

/** What was done with a packet. Kind 0: hardware (bytes); 1: Linux TC_ACT_*, 2: Linux xdp_action (64 bits). */
export interface Verdict {
  readonly kind: number;
  readonly value: Integer64 | Uint8Array;
}

export interface ProcessThread {
  readonly processId: number;
  readonly threadId: number;
}

/** §4.3, Enhanced Packet Block. */
export interface PacketOptions extends CommonOptions {
  /** Direction, reception type, FCS length, checksum offload, link errors: §4.3.1; packet.ts takes it apart. */
  readonly flags?: number;
  readonly hashes?: readonly PacketHash[];
  /** Packets lost between this one and the interface's last. */
  readonly dropCount?: Integer64;
  /** The same in all blocks that show the same packet. */
  readonly packetId?: Integer64;
  readonly queue?: number;
  readonly verdicts?: readonly Verdict[];
  readonly process?: ProcessThread;
}

/** §4.5, Name Resolution Block. */
export interface NameOptions extends CommonOptions {
  readonly dnsName?: string;
  /** Address of the DNS server, int32. */
  readonly dnsIpv4?: number;
  /** Address of the DNS server, sixteen bytes. */
  readonly dnsIpv6?: Uint8Array;
}

/** §4.6, Interface Statistics Block. Counters are packets since the capture began. */
export interface StatisticsOptions extends CommonOptions {
  readonly startTime?: Ticks;
  readonly endTime?: Ticks;
  readonly received?: Integer64;
  readonly dropped?: Integer64;
  readonly filterAccepted?: Integer64;
  readonly osDropped?: Integer64;
  readonly delivered?: Integer64;
}

/** Whose numbers apply. `common` has only those that every block has. */
export interface OptionsOf {
  readonly section: SectionOptions;
  readonly interface: InterfaceOptions;
  readonly packet: PacketOptions;
  readonly names: NameOptions;
  readonly statistics: StatisticsOptions;
  readonly common: CommonOptions;
}
export type OptionScope = keyof OptionsOf;

/** How a value stands in the file: decodes [at, end), or answers undefined if its length is wrong. */
interface Form {
  readonly decode: (view: DataView, at: number, end: number, littleEndian: boolean) => unknown;
  readonly encode: (out: ByteWriter, value: never) => void;
}

interface Row {
  readonly code: number;
  /** Property in the options of its scope. */
  readonly name: string;
  readonly form: Form;
  /** The property is a list. */
  readonly repeated: boolean;
}

const row = (code: number, name: string, form: Form, repeated = false): Row => ({ code, name, form, repeated });

const DECODER = new TextDecoder("utf-8", { ignoreBOM: true });
const ENCODER = new TextEncoder();

/** Text as options hold it: UTF-8. */
export function encodeText(text: string): Uint8Array {
  return ENCODER.encode(text);
}

function bytesOf(view: DataView, at: number, end: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, end - at).slice();
}

/** Text up to a zero byte (§3.5: "MUST treat a zero-value octet as a string terminator"). */
export function textOf(view: DataView, at: number, end: number): string {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, end - at);
  const zero = bytes.indexOf(0);
  return DECODER.decode(zero < 0 ? bytes : bytes.subarray(0, zero));
}

/** An unsigned 64-bit value in the section's byte order. */
function u64At(view: DataView, at: number, littleEndian: boolean): Integer64 {
  const high = view.getUint32(littleEndian ? at + 4 : at, littleEndian);
  const low = view.getUint32(littleEndian ? at : at + 4, littleEndian);
  return high < 0x200000 ? high * 0x100000000 + low : view.getBigUint64(at, littleEndian);
}

/** A form of exactly `length` bytes. */
function fixed<T>(
  length: number,
  decode: (view: DataView, at: number, littleEndian: boolean) => T,
  encode: (out: ByteWriter, value: T) => void,
): Form {
  return {
    decode: (view, at, end, littleEndian) => (end - at === length ? decode(view, at, littleEndian) : undefined),
    encode,
  };
}

const TEXT: Form = {
  decode: textOf,
  encode: (out, value: string) => void out.bytes(encodeText(value)),
};
const U8 = fixed(
  1,
  (view, at) => view.getUint8(at),
  (out, value: number) => void out.u8(value),
);
const U32 = fixed(
  4,
  (view, at, le) => view.getUint32(at, le),
  (out, value: number) => void out.u32(value),
);
const U64 = fixed(8, u64At, (out, value: Integer64) => void out.u64(value));
const I64 = fixed(
  8,
  (view, at, le) => {
    const value = view.getBigInt64(at, le);
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  },
  (out, value: Integer64) => void out.u64(value),
);
const TICKS = fixed(
  8,
  (view, at, le): Ticks => ({ high: view.getUint32(at, le), low: view.getUint32(at + 4, le) }),
  (out, value) => void out.u32(value.high).u32(value.low),
);
/** Addresses are bytes in network order, whatever the section's byte order is. */
const IPV4 = fixed(4, (view, at) => view.getInt32(at), putInt32);
const IPV6 = fixed(
  16,
  (view, at) => bytesOf(view, at, at + 16),
  (out, value) => void out.bytes(sized(value, 16)),
);
const EUI64 = fixed(
  8,
  (view, at) => bytesOf(view, at, at + 8),
  (out, value) => void out.bytes(sized(value, 8)),
);
const MAC = fixed(6, macAt, (out, value) => {
  const bytes = new Uint8Array(6);
  setMacAt(new DataView(bytes.buffer), 0, value);
  out.bytes(bytes);
});
const IPV4_NETWORK = fixed(
  8,
  (view, at): Ipv4Network => ({ address: view.getInt32(at), mask: view.getInt32(at + 4) }),
  (out, value) => {
    putInt32(out, value.address);
    putInt32(out, value.mask);
  },
);
const IPV6_NETWORK = fixed(
  17,
  (view, at): Ipv6Network => ({ address: bytesOf(view, at, at + 16), prefixLength: view.getUint8(at + 16) }),
  (out, value) => void out.bytes(sized(value.address, 16)).u8(value.prefixLength),
);
const PROCESS = fixed(
  8,
  (view, at, le): ProcessThread => ({ processId: view.getUint32(at, le), threadId: view.getUint32(at + 4, le) }),
  (out, value) => void out.u32(value.processId).u32(value.threadId),
);
const FILTER: Form = {
  decode: (view, at, end): CaptureFilter | undefined => {
    if (at === end) return undefined;
    const code = view.getUint8(at);
    return { code, value: code === 0 ? textOf(view, at + 1, end) : bytesOf(view, at + 1, end) };
  },
  encode: (out, { code, value }: CaptureFilter) =>
    void out.u8(code).bytes(typeof value === "string" ? encodeText(value) : value),
};
const HASH: Form = {
  decode: (view, at, end): PacketHash | undefined =>
    at === end ? undefined : { algorithm: view.getUint8(at), value: bytesOf(view, at + 1, end) },
  encode: (out, value: PacketHash) => void out.u8(value.algorithm).bytes(value.value),
};
const VERDICT: Form = {
  decode: (view, at, end, littleEndian): Verdict | undefined => {
    if (at === end) return undefined;
    const kind = view.getUint8(at);
    if (!isLinuxVerdict(kind)) return { kind, value: bytesOf(view, at + 1, end) };
    return end - at === 9 ? { kind, value: u64At(view, at + 1, littleEndian) } : undefined;
  },
  encode: (out, { kind, value }: Verdict) => {
    if (value instanceof Uint8Array && isLinuxVerdict(kind) && value.length !== 8) {
      throw new RangeError(`a verdict of kind ${kind} has ${value.length} bytes, expected 8`);
    }
    out.u8(kind);
    if (value instanceof Uint8Array) out.bytes(value);
    else out.u64(value);
  },
};

/** The draft gives these 64 bits. */
function isLinuxVerdict(kind: number): boolean {
  return kind === 1 || kind === 2;
}

function putInt32(out: ByteWriter, value: number): void {
  out.bytes(Uint8Array.of(value >> 24, value >> 16, value >> 8, value));
}

function sized(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length !== length) throw new RangeError(`an address has ${bytes.length} bytes, expected ${length}`);
  return bytes;
}

const END = 0;
/** Number of opt_comment. */
export const COMMENT_OPTION = 1;
const COMMENT = row(COMMENT_OPTION, "comments", TEXT, true);
const CUSTOM_TEXT: readonly number[] = [2988, 19372];
const CUSTOM_BYTES: readonly number[] = [2989, 19373];
const isCustom = (code: number): boolean => CUSTOM_TEXT.includes(code) || CUSTOM_BYTES.includes(code);

/** Number of epb_flags, which is asked for often enough to be found without decoding the rest. */
export const FLAGS_OPTION = 2;
/** Number of epb_packetid. */
export const PACKET_ID_OPTION = 5;

const ROWS: Readonly<Record<OptionScope, readonly Row[]>> = {
  section: [COMMENT, row(2, "hardware", TEXT), row(3, "os", TEXT), row(4, "application", TEXT)],
  interface: [
    COMMENT,
    row(2, "name", TEXT),
    row(3, "description", TEXT),
    row(4, "ipv4", IPV4_NETWORK, true),
    row(5, "ipv6", IPV6_NETWORK, true),
    row(6, "mac", MAC),
    row(7, "eui64", EUI64),
    row(8, "speed", U64),
    row(9, "timestampResolution", U8),
    row(10, "timeZone", U32),
    row(11, "filter", FILTER),
    row(12, "os", TEXT),
    row(13, "fcsLength", U8),
    row(14, "timestampOffset", I64),
    row(15, "hardware", TEXT),
    row(16, "txSpeed", U64),
    row(17, "rxSpeed", U64),
    row(18, "timeZoneName", TEXT),
  ],
  packet: [
    COMMENT,
    row(FLAGS_OPTION, "flags", U32),
    row(3, "hashes", HASH, true),
    row(4, "dropCount", U64),
    row(PACKET_ID_OPTION, "packetId", U64),
    row(6, "queue", U32),
    row(7, "verdicts", VERDICT, true),
    row(8, "process", PROCESS),
  ],
  names: [COMMENT, row(2, "dnsName", TEXT), row(3, "dnsIpv4", IPV4), row(4, "dnsIpv6", IPV6)],
  statistics: [
    COMMENT,
    row(2, "startTime", TICKS),
    row(3, "endTime", TICKS),
    row(4, "received", U64),
    row(5, "dropped", U64),
    row(6, "filterAccepted", U64),
    row(7, "osDropped", U64),
    row(8, "delivered", U64),
  ],
  common: [COMMENT],
};

/** Reads the options in [at, end) of a block. Never throws; see the top of this file for what is damaged. */
export function decodeOptions<S extends OptionScope>(
  scope: S,
  view: DataView,
  at: number,
  end: number,
  littleEndian: boolean,
): OptionsOf[S] {
  const options: Record<string, unknown> = {};
  const append = (name: string, value: unknown): void => {
    const list = options[name] as unknown[] | undefined;
    if (list === undefined) options[name] = [value];
    else list.push(value);
  };
  for (let next = at; next < end; ) {
    const valueAt = next + 4;
    const code = valueAt <= end ? view.getUint16(next, littleEndian) : -1;
    const length = valueAt <= end ? view.getUint16(next + 2, littleEndian) : 0;
    if (code === END && length === 0) break;
    const valueEnd = valueAt + length;
    if (code < 0 || valueEnd > end) {
      options["malformed"] = bytesOf(view, next, end);
      break;
    }
    next = valueAt + ((length + 3) & ~3);
    if (isCustom(code) && length >= 4) {
      append("custom", customAt(code, view, valueAt, valueEnd, littleEndian));
      continue;
    }
    const known = ROWS[scope].find((candidate) => candidate.code === code);
    const value = known?.form.decode(view, valueAt, valueEnd, littleEndian);
    if (known === undefined || value === undefined || (!known.repeated && known.name in options)) {
      append("unknown", { code, value: bytesOf(view, valueAt, valueEnd) } satisfies RawOption);
    } else if (known.repeated) append(known.name, value);
    else options[known.name] = value;
  }
  return options as OptionsOf[S];
}

function customAt(code: number, view: DataView, at: number, end: number, littleEndian: boolean): CustomOption {
  const enterprise = view.getUint32(at, littleEndian);
  return {
    code,
    enterprise,
    value: CUSTOM_TEXT.includes(code) ? textOf(view, at + 4, end) : bytesOf(view, at + 4, end),
  };
}

/** Where the value of the first option of that number and length starts, or -1. Allocates nothing. */
export function findOption(
  view: DataView,
  at: number,
  end: number,
  code: number,
  length: number,
  littleEndian: boolean,
): number {
  for (let next = at; next + 4 <= end; ) {
    const foundCode = view.getUint16(next, littleEndian);
    const foundLength = view.getUint16(next + 2, littleEndian);
    if (foundCode === END && foundLength === 0) return -1;
    if (foundCode === code && foundLength === length) return next + 4 + length <= end ? next + 4 : -1;
    next += 4 + ((foundLength + 3) & ~3);
  }
  return -1;
}

/**
 * The options with their end mark, a multiple of four bytes; empty if there are none. They stand in the order of the
 * properties, which is the file's order in options that were decoded; `unknown` ones come last.
 */
export function encodeOptions<S extends OptionScope>(
  scope: S,
  options: OptionsOf[S],
  littleEndian: boolean,
): Uint8Array {
  const out = new ByteWriter(littleEndian);
  for (const [name, value] of Object.entries(options) as [string, unknown][]) {
    if (value === undefined || name === "unknown" || name === "malformed") continue;
    const known = ROWS[scope].find((candidate) => candidate.name === name);
    if (known !== undefined) {
      const { code, form, repeated } = known;
      for (const one of repeated ? (value as readonly unknown[]) : [value]) {
        putOption(out, code, name, (inner) => form.encode(inner, one as never));
      }
    } else if (name === "custom") for (const one of value as readonly CustomOption[]) putCustom(out, one);
    else throw new TypeError(`${scope} blocks have no option ${name}`);
  }
  for (const { code, value } of options.unknown ?? []) putOption(out, code, "unknown", (inner) => inner.bytes(value));
  if (options.malformed !== undefined) out.bytes(options.malformed).pad();
  else if (out.length > 0) out.u16(END).u16(0);
  return out.finish();
}

function putCustom(out: ByteWriter, { code, enterprise, value }: CustomOption): void {
  const isText = typeof value === "string";
  const codes = isText ? CUSTOM_TEXT : CUSTOM_BYTES;
  if (!codes.includes(code)) throw new RangeError(`custom option code is ${code}, expected ${codes.join(" or ")}`);
  putOption(out, code, "custom", (inner) => inner.u32(enterprise).bytes(isText ? encodeText(value) : value));
}

function putOption(out: ByteWriter, code: number, name: string, put: (inner: ByteWriter) => void): void {
  const inner = new ByteWriter(out.littleEndian);
  put(inner);
  if (inner.length > 0xffff) throw new RangeError(`option ${name} takes ${inner.length} bytes, at most 65535 fit`);
  out.u16(code).u16(inner.length).bytes(inner.finish()).pad();
}
