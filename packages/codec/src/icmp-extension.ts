/**
 * What may follow the quote of an ICMP or ICMPv6 error (RFC 4884 §7, §8): a list of objects, such as the MPLS labels
 * (RFC 4950) or the interface (RFC 5837) of the packet that the error is about.
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |Version|      (Reserved)       |           Checksum            |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |            Length             |   Class-Num   |   C-Type      |  objects
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                   Object payload ...
 *
 * Not covered: the insides of objects; structures behind a length attribute of 0, from before RFC 4884 (§5).
 */
import { bytesAt } from "./bytes.ts";
import { ChecksumStatus, complement, sum } from "./checksum.ts";
import { requireBits } from "./encode.ts";
import { type Field, field } from "./field.ts";
import { Status } from "./status.ts";

export const HEADER_LENGTH = 4;
/** Bytes before the payload of an object. */
export const OBJECT_HEADER_LENGTH = 4;
/** A quote with an extension behind it is padded to at least this many bytes (RFC 4884 §4). */
export const MIN_QUOTE_LENGTH = 128;

/** RFC 4884 §7: this structure's version. */
const VERSION = 2;

export const layout: readonly Field[] = [
  field("version", 0, 4, "icmp.ext.version"),
  field("checksum", 16, 16, "icmp.ext.checksum", "hex"),
];

export const objectLayout: readonly Field[] = [
  field("objectLength", 0, 16, "icmp.ext.length"),
  field("objectClass", 16, 8, "icmp.ext.class"),
  field("objectType", 24, 8, "icmp.ext.ctype"),
];

/** The header and every object lie inside [at, end). After `ok`, every accessor below is safe. */
export function check(view: DataView, at: number, end: number): Status {
  if (end - at < HEADER_LENGTH) return Status.truncated;
  if (view.getUint8(at) >> 4 !== VERSION) return Status.badVersion;
  let from = at + HEADER_LENGTH;
  while (from < end) {
    if (end - from < OBJECT_HEADER_LENGTH) return Status.truncated;
    const length = view.getUint16(from);
    if (length < OBJECT_HEADER_LENGTH) return Status.badOption;
    if (length > end - from) return Status.truncated;
    from += length;
  }
  return Status.ok;
}

/** 2. */
export function version(view: DataView, at: number): number {
  return view.getUint8(at) >> 4;
}

export function checksum(view: DataView, at: number): number {
  return view.getUint16(at + 2);
}

/** Object at `at`: its bytes, header included. The next one starts behind them. */
export function objectLength(view: DataView, at: number): number {
  return view.getUint16(at);
}

/** Object at `at`: RFC 4884 §8, "Class-Num": 1 MPLS label stack, 2 interface information. */
export function objectClass(view: DataView, at: number): number {
  return view.getUint8(at + 2);
}

/** Object at `at`: RFC 4884 §8, "C-Type", whose meaning depends on the class. */
export function objectType(view: DataView, at: number): number {
  return view.getUint8(at + 3);
}

export function setChecksum(view: DataView, at: number, value: number): void {
  view.setUint16(at + 2, value);
}

/** Where the first object starts; it equals `end` if there is none. */
export function payloadStart(_view: DataView, at: number): number {
  return at + HEADER_LENGTH;
}

/** `absent` if the sender computed none (RFC 4884 §7). */
export function verifyChecksum(view: DataView, at: number, end: number): ChecksumStatus {
  if (checksum(view, at) === 0) return ChecksumStatus.absent;
  return sum(view, at, end) === 0xffff ? ChecksumStatus.valid : ChecksumStatus.invalid;
}

/** Computes and writes the checksum. */
export function fillChecksum(view: DataView, at: number, end: number): void {
  setChecksum(view, at, 0);
  setChecksum(view, at, complement(sum(view, at, end)));
}

export interface IcmpExtensionObject {
  readonly objectClass: number;
  readonly objectType: number;
  readonly payload: Uint8Array;
}

/** Plain values of a checked structure's objects. */
export function objects(view: DataView, at: number, end: number): readonly IcmpExtensionObject[] {
  const found: IcmpExtensionObject[] = [];
  for (let from = payloadStart(view, at); from < end; from += objectLength(view, from)) {
    const payload = bytesAt(view, from + OBJECT_HEADER_LENGTH, from + objectLength(view, from));
    found.push({ objectClass: objectClass(view, from), objectType: objectType(view, from), payload });
  }
  return found;
}

/** The whole structure in a new array, its checksum computed; it goes behind a padded quote. */
export function encode(list: readonly IcmpExtensionObject[]): Uint8Array {
  const total = list.reduce((bytes, object) => bytes + OBJECT_HEADER_LENGTH + object.payload.length, HEADER_LENGTH);
  const bytes = new Uint8Array(total);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, VERSION << 4);
  let from = HEADER_LENGTH;
  for (const object of list) {
    const length = OBJECT_HEADER_LENGTH + object.payload.length;
    requireBits("icmp extension object length", length, 16);
    requireBits("icmp extension objectClass", object.objectClass, 8);
    requireBits("icmp extension objectType", object.objectType, 8);
    view.setUint16(from, length);
    view.setUint8(from + 2, object.objectClass);
    view.setUint8(from + 3, object.objectType);
    bytes.set(object.payload, from + OBJECT_HEADER_LENGTH);
    from += length;
  }
  fillChecksum(view, 0, total);
  return bytes;
}
