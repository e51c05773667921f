/**
 * BSD loopback (tcpdump.org, LINKTYPE_NULL, 0, and LINKTYPE_LOOP, 108): four bytes that hold an address family.
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |   Address family, in the writer's byte order (NULL) or        |
 * |   big-endian (LOOP)                                           |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * No family is 65536 or more, so the order shows in the bytes (tcpdump's print-null.c tells it the same way).
 * Not covered: the EtherTypes and PPP headers that a few old writers put there.
 */
import { EtherType } from "./code-points.ts";
import { type EncodeOptions, requireBits } from "./encode.ts";
import { type Field, field } from "./field.ts";
import { fail, ok, type Result } from "./result.ts";
import { Status } from "./status.ts";

export const HEADER_LENGTH = 4;

/** Address families that carry IP. IPv4 is the same everywhere, IPv6 has four numbers. */
export const AddressFamily = {
  ipv4: 2,
  /** Linux. */
  ipv6Linux: 10,
  /** NetBSD, OpenBSD, BSD/OS. */
  ipv6NetBsd: 24,
  /** FreeBSD, DragonFly BSD. */
  ipv6FreeBsd: 28,
  /** macOS. */
  ipv6Darwin: 30,
} as const;

/** Big-endian; a little-endian family has its bytes reversed. */
export const layout: readonly Field[] = [field("family", 0, 32, "null.family")];

/**
 * The header lies inside [at, end) and holds a number that can be a family in one byte order. After `ok`, every
 * accessor below is safe.
 */
export function check(view: DataView, at: number, end: number): Status {
  if (end - at < HEADER_LENGTH) return Status.truncated;
  return view.getUint16(at) !== 0 && view.getUint16(at + 2) !== 0 ? Status.unsupported : Status.ok;
}

/** True if the family is written least significant byte first. */
export function isLittleEndian(view: DataView, at: number): boolean {
  return view.getUint16(at) !== 0;
}

/** The address family, 0 to 65535: see {@link AddressFamily}. */
export function family(view: DataView, at: number): number {
  return view.getUint32(at, isLittleEndian(view, at));
}

/** EtherType that stands for the family, or -1. */
export function etherType(view: DataView, at: number): number {
  switch (family(view, at)) {
    case AddressFamily.ipv4:
      return EtherType.ipv4;
    case AddressFamily.ipv6Linux:
    case AddressFamily.ipv6NetBsd:
    case AddressFamily.ipv6FreeBsd:
    case AddressFamily.ipv6Darwin:
      return EtherType.ipv6;
    default:
      return -1;
  }
}

export function setFamily(view: DataView, at: number, value: number, littleEndian: boolean): void {
  view.setUint32(at, value, littleEndian);
}

export function payloadStart(_view: DataView, at: number): number {
  return at + HEADER_LENGTH;
}

/** The layer inside knows its length. */
export function payloadEnd(_view: DataView, _at: number, end: number): number {
  return end;
}

export interface NullLoopback {
  readonly family: number;
  /** The order cannot be told from family 0, which answers false. */
  readonly isLittleEndian: boolean;
}

/** Plain value of a checked header. */
export function plain(view: DataView, at: number): NullLoopback {
  return { family: family(view, at), isLittleEndian: isLittleEndian(view, at) };
}

export function decode(bytes: Uint8Array): Result<NullLoopback> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const status = check(view, 0, bytes.length);
  return status === Status.ok ? ok(plain(view, 0)) : fail(status, "null", 0, HEADER_LENGTH, bytes.length);
}

/** What `encode` takes: big-endian, as LINKTYPE_LOOP is, unless told otherwise. */
export interface NullLoopbackInit extends Partial<NullLoopback> {
  readonly family: number;
}

/** Header and payload in a new array. */
export function encode(
  header: NullLoopbackInit,
  payload: Uint8Array = new Uint8Array(),
  _options: EncodeOptions = {},
): Uint8Array {
  requireBits("null family", header.family, 16);
  const bytes = new Uint8Array(HEADER_LENGTH + payload.length);
  setFamily(new DataView(bytes.buffer), 0, header.family, header.isLittleEndian ?? false);
  bytes.set(payload, HEADER_LENGTH);
  return bytes;
}

/** `IPv4`, `IPv6`, `family 7` */
export function format(view: DataView, at: number): string {
  switch (etherType(view, at)) {
    case EtherType.ipv4:
      return "IPv4";
    case EtherType.ipv6:
      return "IPv6";
    default:
      return `family ${family(view, at)}`;
  }
}
