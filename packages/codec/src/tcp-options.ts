/**
 * TCP options: the list of RFC 9293 §3.1 and §3.2, window scale and timestamps (RFC 7323), selective acknowledgment (RFC 2018).
 *
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-
 * |     Kind      |    Length     |  Data ...        kinds 0 and 1 are one byte without a length
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-
 *
 * Functions take the options' bounds: `tcp.optionsStart` and `tcp.payloadStart`, or those of an option on its own.
 * Not covered beyond their raw bytes: all other kinds (MD5, AO, Fast Open, MPTCP, AccECN ...).
 */
import { bytesAt, joined } from "./bytes.ts";
import { requireBits, requireWord } from "./encode.ts";
import { fail, ok, type Result } from "./result.ts";
import { Status } from "./status.ts";

/** IANA, "TCP Option Kind Numbers". */
export const TcpOptionKind = {
  end: 0,
  nop: 1,
  mss: 2,
  windowScale: 3,
  sackPermitted: 4,
  sack: 5,
  timestamps: 8,
} as const;

/** RFC 7323 §2.3: a larger shift counts as this one. */
export const MAX_WINDOW_SHIFT = 14;

/**
 * Every option lies inside [at, end) and has the length its kind asks for. After `ok`, the functions below read the
 * whole list. What follows "end" is padding (RFC 9293 §3.1) and not looked at.
 */
export function check(view: DataView, at: number, end: number): Status {
  for (let from = at; from < end; ) {
    if (view.getUint8(from) === TcpOptionKind.end) return Status.ok;
    const length = optionLength(view, from, end);
    if (length === 0) return Status.badOption;
    from += length;
  }
  return Status.ok;
}

/** Bytes of the option at `at`; 0 if its length field contradicts its kind or goes past `end`. Needs `at < end`. */
export function optionLength(view: DataView, at: number, end: number): number {
  const kind = view.getUint8(at);
  if (kind <= TcpOptionKind.nop) return 1;
  if (end - at < 2) return 0;
  const length = view.getUint8(at + 1);
  return length >= 2 && length <= end - at && fits(kind, length) ? length : 0;
}

function fits(kind: number, length: number): boolean {
  switch (kind) {
    case TcpOptionKind.mss:
      return length === 4;
    case TcpOptionKind.windowScale:
      return length === 3;
    case TcpOptionKind.sackPermitted:
      return length === 2;
    case TcpOptionKind.sack:
      // RFC 2018 §3: two 32-bit edges a block, one block at least.
      return length >= 10 && (length & 7) === 2;
    case TcpOptionKind.timestamps:
      return length === 10;
    default:
      return true;
  }
}

/**
 * Offset of the first option of that kind, or -1: also where the list ends early or is malformed before it. What is
 * found has its right length, so the accessors below are safe without a check.
 */
export function find(view: DataView, at: number, end: number, kind: number): number {
  for (let from = at; from < end; ) {
    const here = view.getUint8(from);
    const length = optionLength(view, from, end);
    if (length === 0) return -1;
    if (here === kind) return from;
    if (here === TcpOptionKind.end) return -1;
    from += length;
  }
  return -1;
}

/** Maximum segment size in bytes, of the option found at `at` (RFC 9293 §3.7.1). */
export function mss(view: DataView, at: number): number {
  return view.getUint16(at + 2);
}

/** Shift of the window as sent; see {@link MAX_WINDOW_SHIFT} (RFC 7323 §2.2). */
export function windowScale(view: DataView, at: number): number {
  return view.getUint8(at + 2);
}

/** Number of blocks (RFC 2018 §3). */
export function sackBlockCount(view: DataView, at: number): number {
  return view.getUint8(at + 1) >> 3;
}

/** First sequence number of block `index`, uint32. */
export function sackLeft(view: DataView, at: number, index: number): number {
  return view.getUint32(at + 2 + index * 8);
}

/** Sequence number that follows block `index`, uint32. */
export function sackRight(view: DataView, at: number, index: number): number {
  return view.getUint32(at + 6 + index * 8);
}

/** RFC 7323 §3.2, "TSval", uint32. */
export function timestampValue(view: DataView, at: number): number {
  return view.getUint32(at + 2);
}

/** RFC 7323 §3.2, "TSecr", uint32; valid where ACK is set. */
export function timestampEcho(view: DataView, at: number): number {
  return view.getUint32(at + 6);
}

export function setMss(view: DataView, at: number, bytes: number): void {
  view.setUint16(at + 2, bytes);
}

export function setTimestampValue(view: DataView, at: number, value: number): void {
  view.setInt32(at + 2, value);
}

export function setTimestampEcho(view: DataView, at: number, value: number): void {
  view.setInt32(at + 6, value);
}

/** Sequence numbers [left, right), uint32. */
export interface SackBlock {
  readonly left: number;
  readonly right: number;
}

export type TcpOption =
  /** `padding` is what follows, as it was sent: zeros, normally. */
  | { readonly option: "end"; readonly padding: Uint8Array }
  | { readonly option: "nop" }
  | { readonly option: "mss"; readonly mss: number }
  | { readonly option: "windowScale"; readonly shift: number }
  | { readonly option: "sackPermitted" }
  | { readonly option: "sack"; readonly blocks: readonly SackBlock[] }
  | { readonly option: "timestamps"; readonly value: number; readonly echo: number }
  /** Any other kind; `encode` takes every kind from 2 on, to make packets that are wrong. */
  | { readonly option: "raw"; readonly kind: number; readonly data: Uint8Array };

/** Plain values of a checked list. */
export function plain(view: DataView, at: number, end: number): readonly TcpOption[] {
  const options: TcpOption[] = [];
  for (let from = at; from < end; from += optionLength(view, from, end)) {
    const option = plainOption(view, from, end);
    options.push(option);
    if (option.option === "end") break;
  }
  return options;
}

function plainOption(view: DataView, at: number, end: number): TcpOption {
  const kind = view.getUint8(at);
  switch (kind) {
    case TcpOptionKind.end:
      return { option: "end", padding: bytesAt(view, at + 1, end) };
    case TcpOptionKind.nop:
      return { option: "nop" };
    case TcpOptionKind.mss:
      return { option: "mss", mss: mss(view, at) };
    case TcpOptionKind.windowScale:
      return { option: "windowScale", shift: windowScale(view, at) };
    case TcpOptionKind.sackPermitted:
      return { option: "sackPermitted" };
    case TcpOptionKind.sack:
      return {
        option: "sack",
        blocks: Array.from({ length: sackBlockCount(view, at) }, (_, index) => ({
          left: sackLeft(view, at, index),
          right: sackRight(view, at, index),
        })),
      };
    case TcpOptionKind.timestamps:
      return { option: "timestamps", value: timestampValue(view, at), echo: timestampEcho(view, at) };
    default:
      return { option: "raw", kind, data: bytesAt(view, at + 2, at + view.getUint8(at + 1)) };
  }
}

/** Reads the option bytes of a header, `Tcp.options`. */
export function decode(bytes: Uint8Array): Result<readonly TcpOption[]> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const status = check(view, 0, bytes.length);
  if (status === Status.ok) return ok(plain(view, 0, bytes.length));
  return fail(status, "tcp options", 0, bytes.length, bytes.length, "tcp.dataOffset");
}

/** The options' bytes in a new array, without padding: `tcp.encode` pads to whole words. */
export function encode(options: readonly TcpOption[]): Uint8Array {
  return joined(options.map(encodeOption));
}

function encodeOption(option: TcpOption): Uint8Array {
  switch (option.option) {
    case "end":
      return Uint8Array.of(TcpOptionKind.end, ...option.padding);
    case "nop":
      return Uint8Array.of(TcpOptionKind.nop);
    case "mss":
      requireBits("tcp mss", option.mss, 16);
      return Uint8Array.of(TcpOptionKind.mss, 4, option.mss >> 8, option.mss);
    case "windowScale":
      requireBits("tcp window shift", option.shift, 8);
      return Uint8Array.of(TcpOptionKind.windowScale, 3, option.shift);
    case "sackPermitted":
      return Uint8Array.of(TcpOptionKind.sackPermitted, 2);
    case "sack":
      if (option.blocks.length < 1 || option.blocks.length > 4) {
        throw new RangeError(`tcp sack has ${option.blocks.length} blocks, expected 1 to 4`);
      }
      return words(
        TcpOptionKind.sack,
        option.blocks.flatMap((block) => [block.left, block.right]),
      );
    case "timestamps":
      return words(TcpOptionKind.timestamps, [option.value, option.echo]);
    case "raw":
      requireBits("tcp option kind", option.kind, 8);
      if (option.kind <= TcpOptionKind.nop) throw new RangeError(`tcp option kind ${option.kind} has no length`);
      requireBits("tcp option length", option.data.length + 2, 8);
      return Uint8Array.of(option.kind, option.data.length + 2, ...option.data);
  }
}

/** An option of 32-bit words. */
function words(kind: number, values: readonly number[]): Uint8Array {
  const bytes = Uint8Array.of(kind, 2 + values.length * 4, ...new Uint8Array(values.length * 4));
  const view = new DataView(bytes.buffer);
  for (const [index, value] of values.entries()) {
    requireWord("tcp option word", value);
    view.setUint32(2 + index * 4, value);
  }
  return bytes;
}

/**
 * `mss 1410, sack permitted, timestamp 180451471 0, window scale 10`: padding left out. Needs no check: says
 * `malformed` where the list is.
 */
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

function formatOption(option: TcpOption): string {
  switch (option.option) {
    case "mss":
      return `mss ${option.mss}`;
    case "windowScale":
      return `window scale ${option.shift}`;
    case "sackPermitted":
      return "sack permitted";
    case "sack":
      return `sack ${option.blocks.map((block) => `${block.left}-${block.right}`).join(" ")}`;
    case "timestamps":
      return `timestamp ${option.value} ${option.echo}`;
    case "raw":
      return `option ${option.kind} (${option.data.length} bytes)`;
    default:
      return option.option;
  }
}
