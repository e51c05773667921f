/**
 * Domain names: wire form (RFC 1035 §3.1), compression (§4.1.4), presentation form (§5.1).
 *
 *   | 3 | w w w | 2 | d b | 0 |         labels, each behind its length, then the root
 *   | 3 | w w w | 1 1 | offset |        labels, then a pointer to the rest, 14 bits from the message's start
 *
 * Text has no dot at its end, the root is ".". A dot, a backslash and other special characters inside a label get a
 * backslash, bytes outside printable ASCII become \DDD: text and wire form of a name always lead back to each other,
 * letter case included.
 *
 * Pointers must lead to a prior occurrence (§4.1.4). That is taken at its word: the labels a pointer leads to lie behind
 * the message's header and before the run of labels that the pointer ends. So there are no loops, and with 255 octets
 * and {@link MAX_POINTERS} a name costs a bounded number of steps; many names cost as many times that, each of them at
 * least a byte of its message.
 * Not covered: the label types 01 and 10 (RFC 6891 §5 ended the former); internationalized names' own encoding.
 */
import { formatIpv4 } from "./address.ts";
import { requireBits } from "./encode.ts";
import { Status } from "./status.ts";

/** RFC 1035 §2.3.4, length bytes and root included. */
export const MAX_NAME_LENGTH = 255;
export const MAX_LABEL_LENGTH = 63;
/** 255 octets hold 127 labels; a pointer for each but the first is more than any encoder writes. */
export const MAX_POINTERS = 126;
/** Nothing points into the message's header. */
const FIRST_NAME = 12;
/** Pointers have 14 bits. */
const POINTER_LIMIT = 0x4000;

/**
 * The offset behind the name at `at`, or `-status`. `messageAt` is where the message starts, `limit` where the labels
 * here must end: the message's end, or that of the data they are in.
 */
export function checkName(view: DataView, messageAt: number, at: number, limit: number): number {
  let after = -1;
  let octets = 1;
  let pointers = 0;
  let runAt = at;
  let stop = limit;
  for (let from = at; ; ) {
    if (from >= stop) return after < 0 ? -Status.truncated : -Status.badPointer;
    const length = view.getUint8(from);
    if (length === 0) return after < 0 ? from + 1 : after;
    if (length <= MAX_LABEL_LENGTH) {
      octets += length + 1;
      if (octets > MAX_NAME_LENGTH) return -Status.badOption;
      from += length + 1;
      continue;
    }
    if (length < 0xc0) return -Status.unsupported;
    if (from + 1 >= stop) return after < 0 ? -Status.truncated : -Status.badPointer;
    if (after < 0) after = from + 2;
    const target = messageAt + (view.getUint16(from) & 0x3fff);
    if (target < messageAt + FIRST_NAME || target >= runAt || ++pointers > MAX_POINTERS) return -Status.badPointer;
    stop = runAt;
    runAt = target;
    from = target;
  }
}

/** The offset behind a name that {@link checkName} has passed. */
export function nameEnd(view: DataView, at: number): number {
  let from = at;
  for (;;) {
    const length = view.getUint8(from);
    if (length === 0) return from + 1;
    if (length > MAX_LABEL_LENGTH) return from + 2;
    from += length + 1;
  }
}

/**
 * Text of a name that {@link checkName} has passed. `known` keeps texts by offset, so that a message which points at
 * one name a thousand times builds its text once; one Map for each message.
 */
export function nameAt(view: DataView, messageAt: number, at: number, known?: Map<number, string>): string {
  const first = view.getUint8(at) >= 0xc0 ? messageAt + (view.getUint16(at) & 0x3fff) : at;
  const before = known?.get(first);
  if (before !== undefined) return before;
  const labels: string[] = [];
  for (let from = first; ; ) {
    const length = view.getUint8(from);
    if (length === 0) break;
    if (length > MAX_LABEL_LENGTH) {
      from = messageAt + (view.getUint16(from) & 0x3fff);
      continue;
    }
    labels.push(presentation(view, from + 1, from + 1 + length, SPECIAL_IN_LABELS));
    from += length + 1;
  }
  const text = labels.length === 0 ? "." : labels.join(".");
  known?.set(first, text);
  return text;
}

/** Characters that mean something in a zone file (RFC 1035 §5.1) or between labels. */
const SPECIAL_IN_LABELS = '."\\;()@$';
const SPECIAL_IN_STRINGS = '"\\';

function presentation(view: DataView, at: number, end: number, special: string): string {
  let text = "";
  for (let from = at; from < end; from++) {
    const byte = view.getUint8(from);
    const character = String.fromCharCode(byte);
    if (special.includes(character)) text += `\\${character}`;
    else if (byte > 0x7e || byte < 0x20 || (byte === 0x20 && special === SPECIAL_IN_LABELS)) {
      text += `\\${String(byte).padStart(3, "0")}`;
    } else text += character;
  }
  return text;
}

/** A character-string (RFC 1035 §3.3) in quotes, with the escapes of §5.1. */
export function formatString(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return `"${presentation(view, 0, bytes.length, SPECIAL_IN_STRINGS)}"`;
}

/**
 * Labels of a name in text, each a string of its length and its bytes (0 to 255 a character). A dot at the end may be
 * there. Throws a RangeError for what is no name.
 */
function labelsOf(text: string): readonly string[] {
  if (text === ".") return [];
  const labels: string[] = [];
  let label = "";
  let octets = 1;
  const close = (): void => {
    if (label === "") throw new RangeError(`dns name ${JSON.stringify(text)} has an empty label`);
    if (label.length > MAX_LABEL_LENGTH) {
      throw new RangeError(`dns label has ${label.length} bytes, at most ${MAX_LABEL_LENGTH} fit`);
    }
    labels.push(String.fromCharCode(label.length) + label);
    octets += label.length + 1;
    label = "";
  };
  for (let index = 0; index < text.length; index++) {
    const character = text[index]!;
    if (character === ".") close();
    else if (character === "\\") {
      const digits = /^\d{3}/.exec(text.slice(index + 1, index + 4))?.[0];
      const next = text.slice(index + 1, index + 2);
      if (digits === undefined ? !/^[\x20-\x2f\x3a-\x7e]$/.test(next) : Number(digits) > 255) {
        throw new RangeError(`dns name ${JSON.stringify(text)} has a bad escape at ${index}`);
      }
      label += digits === undefined ? next : String.fromCharCode(Number(digits));
      index += digits === undefined ? 1 : 3;
    } else if (character > "~") throw new RangeError(`dns name ${JSON.stringify(text)} needs \\DDD at ${index}`);
    else label += character;
  }
  if (label !== "" || text === "") close();
  if (octets > MAX_NAME_LENGTH) throw new RangeError(`dns name has ${octets} bytes, at most ${MAX_NAME_LENGTH} fit`);
  return labels;
}

/** What is wrong with a name in text; undefined: it can be written. For names that come from people. */
export function nameProblem(text: string): string | undefined {
  try {
    labelsOf(text);
    return undefined;
  } catch (error) {
    return (error as RangeError).message;
  }
}

/** The name under which an IPv4 address (int32) has its name: `5.9.0.10.in-addr.arpa` (RFC 1035 §3.5). */
export function reverseName(ip: number): string {
  return `${formatIpv4(ip).split(".").toReversed().join(".")}.in-addr.arpa`;
}

/** A name's wire form, not compressed. Throws a RangeError for what is no name. */
export function encodeName(text: string): Uint8Array {
  const writer = new DnsWriter(false);
  writer.name(text, false);
  return writer.take();
}

/** Builds a message from its start on and remembers where names are. */
export class DnsWriter {
  readonly #compress: boolean;
  #bytes: Uint8Array = new Uint8Array(512);
  #view: DataView = new DataView(this.#bytes.buffer);
  /** Bytes so far. */
  length = 0;
  /** Offsets of name tails by their labels: exact bytes, because a pointer must not change letter case. */
  readonly #offsets: Map<string, number> = new Map();

  constructor(compress: boolean) {
    this.#compress = compress;
  }

  uint8(value: number): void {
    this.#grow(1);
    this.#view.setUint8(this.length++, value);
  }

  uint16(value: number): void {
    this.#grow(2);
    this.#view.setUint16(this.length, value);
    this.length += 2;
  }

  uint32(value: number): void {
    this.#grow(4);
    this.#view.setUint32(this.length, value);
    this.length += 4;
  }

  bytes(bytes: Uint8Array): void {
    this.#grow(bytes.length);
    this.#bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** A string with its length in front (RFC 1035 §3.3). */
  string(bytes: Uint8Array): void {
    requireBits("dns string length", bytes.length, 8);
    this.uint8(bytes.length);
    this.bytes(bytes);
  }

  /** A name; `mayPoint` if its end may be a pointer (RFC 3597 §4). Either way later names may point at it. */
  name(text: string, mayPoint: boolean): void {
    const labels = labelsOf(text);
    for (const [index, label] of labels.entries()) {
      if (this.#compress) {
        const tail = labels.slice(index).join("");
        const offset = this.#offsets.get(tail);
        if (offset !== undefined && mayPoint) {
          this.uint16(0xc000 | offset);
          return;
        }
        if (offset === undefined && this.length < POINTER_LIMIT) this.#offsets.set(tail, this.length);
      }
      for (let byte = 0; byte < label.length; byte++) this.uint8(label.charCodeAt(byte));
    }
    this.uint8(0);
  }

  /** Writes the number of bytes behind `at` there: a record's data length. */
  setLengthAt(at: number): void {
    requireBits("dns data length", this.length - at - 2, 16);
    this.#view.setUint16(at, this.length - at - 2);
  }

  take(): Uint8Array {
    return this.#bytes.slice(0, this.length);
  }

  #grow(more: number): void {
    if (this.length + more <= this.#bytes.length) return;
    const bytes = new Uint8Array(Math.max(this.length + more, this.#bytes.length * 2));
    bytes.set(this.#bytes.subarray(0, this.length));
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}
