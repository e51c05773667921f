/**
 * IPv4 options (RFC 791 §3.1), router alert (RFC 2113).
 *
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |C|Cls| Number  |    Length     |    Pointer    |  Data ...
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   types 0 and 1 are one byte; only routes and timestamps have a pointer; C: copied into every fragment
 *
 * Functions take the options' bounds, `at + ipv4.HEADER_LENGTH` and `ipv4.payloadStart`, or those of an option on its own.
 * Not covered beyond their raw bytes: security (RFC 1108, CIPSO), stream identifier and the rest of IANA's list.
 */
import { formatIpv4 } from "./address.ts";
import { bytesAt, joined } from "./bytes.ts";
import { requireBits, requireWord } from "./encode.ts";
import { fail, ok, type Result } from "./result.ts";
import { Status } from "./status.ts";

/** Whole type bytes: copied flag, class and number (IANA, "IP Option Numbers"). */
export const Ipv4OptionType = {
  end: 0,
  nop: 1,
  recordRoute: 7,
  timestamp: 68,
  security: 130,
  looseSourceRoute: 131,
  streamId: 136,
  strictSourceRoute: 137,
  routerAlert: 148,
} as const;

/** What a timestamp option records (RFC 791 §3.1, "Internet Timestamp", "flg"). */
export const TimestampFlag = {
  timestamps: 0,
  addressesAndTimestamps: 1,
  /** The sender wrote the addresses; only those hosts fill in theirs. */
  prespecified: 3,
} as const;

/** The pointer of a route counts from the option's first byte, which is 1: "the smallest legal value is 4". */
const MIN_ROUTE_POINTER = 4;
const MIN_TIMESTAMP_POINTER = 5;

/**
 * Every option lies inside [at, end) and its length and pointer fit its type. After `ok`, the functions below read the
 * whole list. What follows "end" is padding and not looked at.
 */
export function check(view: DataView, at: number, end: number): Status {
  for (let from = at; from < end; ) {
    if (view.getUint8(from) === Ipv4OptionType.end) return Status.ok;
    const length = optionLength(view, from, end);
    if (length === 0) return Status.badOption;
    from += length;
  }
  return Status.ok;
}

/** Bytes of the option at `at`; 0 if it is malformed or goes past `end`. Needs `at < end`. */
export function optionLength(view: DataView, at: number, end: number): number {
  const type = view.getUint8(at);
  if (type <= Ipv4OptionType.nop) return 1;
  if (end - at < 2) return 0;
  const length = view.getUint8(at + 1);
  return length >= 2 && length <= end - at && fits(view, at, type, length) ? length : 0;
}

function fits(view: DataView, at: number, type: number, length: number): boolean {
  switch (type) {
    case Ipv4OptionType.recordRoute:
    case Ipv4OptionType.looseSourceRoute:
    case Ipv4OptionType.strictSourceRoute:
      return length >= 3 && (length & 3) === 3 && view.getUint8(at + 2) >= MIN_ROUTE_POINTER;
    case Ipv4OptionType.timestamp:
      return (
        length >= 4 &&
        (length - 4) % entryLength(view.getUint8(at + 3) & 15) === 0 &&
        view.getUint8(at + 2) >= MIN_TIMESTAMP_POINTER
      );
    case Ipv4OptionType.routerAlert:
      return length === 4;
    default:
      return true;
  }
}

/** Bytes of one timestamp entry; 1 for flags that RFC 791 does not define: their data stays raw. */
function entryLength(flag: number): number {
  switch (flag) {
    case TimestampFlag.timestamps:
      return 4;
    case TimestampFlag.addressesAndTimestamps:
    case TimestampFlag.prespecified:
      return 8;
    default:
      return 1;
  }
}

/**
 * Offset of the first option of that type, or -1: also where the list ends early or is malformed before it. What is
 * found fits its type, so the accessors below are safe without a check.
 */
export function find(view: DataView, at: number, end: number, type: number): number {
  for (let from = at; from < end; ) {
    const here = view.getUint8(from);
    const length = optionLength(view, from, end);
    if (length === 0) return -1;
    if (here === type) return from;
    if (here === Ipv4OptionType.end) return -1;
    from += length;
  }
  return -1;
}

/** True if a router copies the option into every fragment (RFC 791 §3.1, "copied flag"). */
export function isCopied(view: DataView, at: number): boolean {
  return (view.getUint8(at) & 0x80) !== 0;
}

/** Of a route or timestamp: where the next entry goes, counted from 1; past the length where the option is full. */
export function pointer(view: DataView, at: number): number {
  return view.getUint8(at + 2);
}

/** Of a route: addresses it has room for. */
export function addressCount(view: DataView, at: number): number {
  return (view.getUint8(at + 1) - 3) >> 2;
}

/** Address `index` of a route, int32. */
export function addressAt(view: DataView, at: number, index: number): number {
  return view.getInt32(at + 3 + index * 4);
}

/** Of a timestamp: hosts that found no room (RFC 791 §3.1, "oflw"). */
export function overflow(view: DataView, at: number): number {
  return view.getUint8(at + 3) >> 4;
}

/** Of a timestamp: see {@link TimestampFlag}. */
export function timestampFlag(view: DataView, at: number): number {
  return view.getUint8(at + 3) & 15;
}

/** RFC 2113 §2.1: 0 asks every router to look at the packet. */
export function routerAlert(view: DataView, at: number): number {
  return view.getUint16(at + 2);
}

export interface TimestampEntry {
  /** Int32; absent where the option records timestamps only. */
  readonly address?: number;
  /** Milliseconds since midnight UT; with the highest bit set, any other scale (RFC 791 §3.1). */
  readonly timestamp: number;
}

export type Ipv4Option =
  /** `padding` is what follows, as it was sent: zeros, normally. */
  | { readonly option: "end"; readonly padding: Uint8Array }
  | { readonly option: "nop" }
  | {
      readonly option: "recordRoute" | "looseSourceRoute" | "strictSourceRoute";
      readonly pointer: number;
      /** All there is room for, unused ones included; int32. */
      readonly addresses: readonly number[];
    }
  | {
      readonly option: "timestamp";
      readonly pointer: number;
      readonly overflow: number;
      readonly flag: number;
      readonly entries: readonly TimestampEntry[];
    }
  | { readonly option: "routerAlert"; readonly value: number }
  /** Any other type; `encode` takes every type from 2 on, to make packets that are wrong. */
  | { readonly option: "raw"; readonly type: number; readonly data: Uint8Array };

/** Plain values of a checked list. */
export function plain(view: DataView, at: number, end: number): readonly Ipv4Option[] {
  const options: Ipv4Option[] = [];
  for (let from = at; from < end; from += optionLength(view, from, end)) {
    const option = plainOption(view, from, end);
    options.push(option);
    if (option.option === "end") break;
  }
  return options;
}

function plainOption(view: DataView, at: number, end: number): Ipv4Option {
  const type = view.getUint8(at);
  switch (type) {
    case Ipv4OptionType.end:
      return { option: "end", padding: bytesAt(view, at + 1, end) };
    case Ipv4OptionType.nop:
      return { option: "nop" };
    case Ipv4OptionType.recordRoute:
      return plainRoute(view, at, "recordRoute");
    case Ipv4OptionType.looseSourceRoute:
      return plainRoute(view, at, "looseSourceRoute");
    case Ipv4OptionType.strictSourceRoute:
      return plainRoute(view, at, "strictSourceRoute");
    case Ipv4OptionType.timestamp:
      if (entryLength(timestampFlag(view, at)) === 1) break;
      return plainTimestamp(view, at);
    case Ipv4OptionType.routerAlert:
      return { option: "routerAlert", value: routerAlert(view, at) };
  }
  return { option: "raw", type, data: bytesAt(view, at + 2, at + view.getUint8(at + 1)) };
}

function plainRoute(
  view: DataView,
  at: number,
  option: "recordRoute" | "looseSourceRoute" | "strictSourceRoute",
): Ipv4Option {
  const addresses = Array.from({ length: addressCount(view, at) }, (_, index) => addressAt(view, at, index));
  return { option, pointer: pointer(view, at), addresses };
}

function plainTimestamp(view: DataView, at: number): Ipv4Option {
  const flag = timestampFlag(view, at);
  const entries: TimestampEntry[] = [];
  const stop = at + view.getUint8(at + 1);
  for (let from = at + 4; from < stop; from += entryLength(flag)) {
    if (flag === TimestampFlag.timestamps) entries.push({ timestamp: view.getUint32(from) });
    else entries.push({ address: view.getInt32(from), timestamp: view.getUint32(from + 4) });
  }
  return { option: "timestamp", pointer: pointer(view, at), overflow: overflow(view, at), flag, entries };
}

/** Reads the option bytes of a header, `Ipv4.options`. */
export function decode(bytes: Uint8Array): Result<readonly Ipv4Option[]> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const status = check(view, 0, bytes.length);
  if (status === Status.ok) return ok(plain(view, 0, bytes.length));
  return fail(status, "ipv4 options", 0, bytes.length, bytes.length, "ipv4.headerLength");
}

/** The options' bytes in a new array, without padding: `ipv4.encode` pads to whole words. */
export function encode(options: readonly Ipv4Option[]): Uint8Array {
  return joined(options.map(encodeOption));
}

function encodeOption(option: Ipv4Option): Uint8Array {
  switch (option.option) {
    case "end":
      return Uint8Array.of(Ipv4OptionType.end, ...option.padding);
    case "nop":
      return Uint8Array.of(Ipv4OptionType.nop);
    case "recordRoute":
    case "looseSourceRoute":
    case "strictSourceRoute":
      requireBits("ipv4 route pointer", option.pointer, 8);
      return withWords(Ipv4OptionType[option.option], [option.pointer], option.addresses);
    case "timestamp": {
      requireBits("ipv4 timestamp pointer", option.pointer, 8);
      requireBits("ipv4 timestamp overflow", option.overflow, 4);
      if (entryLength(option.flag) === 1)
        throw new RangeError(`ipv4 timestamp flag is ${option.flag}, expected 0, 1 or 3`);
      const values = option.entries.flatMap((entry) =>
        option.flag === TimestampFlag.timestamps ? [entry.timestamp] : [entry.address ?? 0, entry.timestamp],
      );
      return withWords(Ipv4OptionType.timestamp, [option.pointer, (option.overflow << 4) | option.flag], values);
    }
    case "routerAlert":
      requireBits("ipv4 routerAlert", option.value, 16);
      return Uint8Array.of(Ipv4OptionType.routerAlert, 4, option.value >> 8, option.value);
    case "raw":
      requireBits("ipv4 option type", option.type, 8);
      if (option.type <= Ipv4OptionType.nop) throw new RangeError(`ipv4 option type ${option.type} has no length`);
      requireBits("ipv4 option length", option.data.length + 2, 8);
      return Uint8Array.of(option.type, option.data.length + 2, ...option.data);
  }
}

/** Type, length, some bytes, then 32-bit words. */
function withWords(type: number, head: readonly number[], values: readonly number[]): Uint8Array {
  const wordsAt = 2 + head.length;
  const bytes = new Uint8Array(wordsAt + values.length * 4);
  requireBits("ipv4 option length", bytes.length, 8);
  bytes.set([type, bytes.length, ...head]);
  const view = new DataView(bytes.buffer);
  for (const [index, value] of values.entries()) {
    requireWord("ipv4 option word", value);
    view.setInt32(wordsAt + index * 4, value);
  }
  return bytes;
}

/** `record route 10.0.9.3 10.0.9.5 (2 of 9)`, `router alert 0`: padding left out. Says `malformed` where the list is. */
export function format(view: DataView, at: number, end: number): string {
  const words: string[] = [];
  for (let from = at; from < end; ) {
    const length = optionLength(view, from, end);
    if (length === 0) {
      words.push("malformed");
      break;
    }
    const option = plainOption(view, from, end);
    if (option.option === "end") break;
    if (option.option !== "nop") words.push(formatOption(option));
    from += length;
  }
  return words.join(", ");
}

function formatOption(option: Ipv4Option): string {
  switch (option.option) {
    case "recordRoute":
      return `record route${formatRoute(option.pointer, option.addresses, true)}`;
    case "looseSourceRoute":
      return `loose source route${formatRoute(option.pointer, option.addresses, false)}`;
    case "strictSourceRoute":
      return `strict source route${formatRoute(option.pointer, option.addresses, false)}`;
    case "timestamp":
      return `timestamp flag ${option.flag} overflow ${option.overflow}${option.entries.map(formatEntry).join("")}`;
    case "routerAlert":
      return `router alert ${option.value}`;
    case "raw":
      return `option ${option.type} (${option.data.length} bytes)`;
    default:
      return option.option;
  }
}

/** A recorded route shows what was recorded; a source route all of it: what lies before the pointer is done. */
function formatRoute(pointer: number, addresses: readonly number[], recorded: boolean): string {
  const done = Math.min(addresses.length, (pointer - MIN_ROUTE_POINTER) >> 2);
  const shown = recorded ? addresses.slice(0, done) : addresses;
  return `${shown.map((address) => ` ${formatIpv4(address)}`).join("")} (${done} of ${addresses.length})`;
}

function formatEntry(entry: TimestampEntry): string {
  return ` ${entry.address === undefined ? "" : `${formatIpv4(entry.address)}@`}${entry.timestamp}`;
}
