/**
 * IPv6 extension headers (RFC 8200 §4): hop-by-hop and destination options, routing, fragment; of the authentication
 * header (RFC 4302) the length only.
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |  Next Header  |  Hdr Ext Len  |  Options, as type, length, data ...      (0 and 60)
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |  Next Header  |  Hdr Ext Len  |  Routing Type | Segments Left | data ... (43)
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |  Next Header  |   Reserved    |      Fragment Offset    |Res|M|          (44)
 * |                         Identification                        |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * A header does not say what it is: the one before it does. The functions without a header's name in theirs hold for
 * 0, 43 and 60, and for mobility (RFC 6275 §6.1.1).
 * Not covered: what routing types mean (segment routing, home address), the order of headers (RFC 8200 §4.1).
 */
import { bytesAt, joined } from "./bytes.ts";
import { type EncodeOptions, requireBits } from "./encode.ts";
import { type Field, field } from "./field.ts";
import { fail, ok, type Result } from "./result.ts";
import { Status } from "./status.ts";

/** Every extension header has at least these bytes. */
export const MIN_HEADER_LENGTH = 8;
/** RFC 8200 §4.5: the one header without a length field. */
export const FRAGMENT_HEADER_LENGTH = 8;

/** Whole type bytes: what to do if unknown, whether it changes en route, number (RFC 8200 §4.2; IANA). */
export const Ipv6OptionType = {
  pad1: 0x00,
  padN: 0x01,
  /** RFC 2711. */
  routerAlert: 0x05,
  /** RFC 2675 §2. */
  jumboPayload: 0xc2,
} as const;

export const hopByHopLayout: readonly Field[] = [
  field("nextHeader", 0, 8, "ipv6.hopopts.nxt"),
  field("headerExtensionLength", 8, 8, "ipv6.hopopts.len"),
];

export const destinationOptionsLayout: readonly Field[] = [
  field("nextHeader", 0, 8, "ipv6.dstopts.nxt"),
  field("headerExtensionLength", 8, 8, "ipv6.dstopts.len"),
];

export const routingLayout: readonly Field[] = [
  field("nextHeader", 0, 8, "ipv6.routing.nxt"),
  field("headerExtensionLength", 8, 8, "ipv6.routing.len"),
  field("routingType", 16, 8, "ipv6.routing.type"),
  field("segmentsLeft", 24, 8, "ipv6.routing.segleft"),
];

export const fragmentLayout: readonly Field[] = [
  field("nextHeader", 0, 8, "ipv6.fraghdr.nxt"),
  field("fragmentOffsetUnits", 16, 13, "ipv6.fraghdr.offset"),
  field("moreFragments", 31, 1, "ipv6.fraghdr.more", "flag"),
  field("identification", 32, 32, "ipv6.fraghdr.ident", "hex"),
];

/** The header lies inside [at, end); {@link checkOptions} looks at what is in it. */
export function check(view: DataView, at: number, end: number): Status {
  if (end - at < MIN_HEADER_LENGTH) return Status.truncated;
  return headerLength(view, at) > end - at ? Status.truncated : Status.ok;
}

/** Every option lies inside its header, which has passed {@link check}, and known ones have their length. */
export function checkOptions(view: DataView, at: number): Status {
  const end = payloadStart(view, at);
  for (let from = at + 2; from < end; ) {
    const length = optionLength(view, from, end);
    if (length === 0) return Status.badOption;
    from += length;
  }
  return Status.ok;
}

/** The fragment header lies inside [at, end). */
export function checkFragment(_view: DataView, at: number, end: number): Status {
  return end - at < FRAGMENT_HEADER_LENGTH ? Status.truncated : Status.ok;
}

/** The authentication header lies inside [at, end) and holds at least its fixed fields (RFC 4302 §2). */
export function checkAuthentication(view: DataView, at: number, end: number): Status {
  if (end - at < 12) return Status.truncated;
  const header = authenticationHeaderLength(view, at);
  if (header < 12) return Status.badHeaderLength;
  return header > end - at ? Status.truncated : Status.ok;
}

/** What follows, of any extension header. */
export function nextHeader(view: DataView, at: number): number {
  return view.getUint8(at);
}

/** RFC 8200 §4.3, "Hdr Ext Len": units of eight bytes, the first eight not counted. */
export function headerExtensionLength(view: DataView, at: number): number {
  return view.getUint8(at + 1);
}

/** Header in bytes. */
export function headerLength(view: DataView, at: number): number {
  return (view.getUint8(at + 1) + 1) << 3;
}

/** RFC 4302 §2.2: an IPv6 extension header that counts in units of four bytes, the first eight not counted. */
export function authenticationHeaderLength(view: DataView, at: number): number {
  return (view.getUint8(at + 1) + 2) << 2;
}

/** RFC 8200 §4.4, "Routing Type": 4 is segment routing (RFC 8754). */
export function routingType(view: DataView, at: number): number {
  return view.getUint8(at + 2);
}

/**
 * RFC 8200 §4.4, "Segments Left". Until it is 0 the packet's destination address is not the last one, which is what
 * the checksum of the upper layer was made of (§8.1).
 */
export function segmentsLeft(view: DataView, at: number): number {
  return view.getUint8(at + 3);
}

/** Of a fragment header: the offset in units of eight bytes. */
export function fragmentOffsetUnits(view: DataView, at: number): number {
  return view.getUint16(at + 2) >> 3;
}

/** Of a fragment header: the offset in bytes (RFC 8200 §4.5). */
export function fragmentOffset(view: DataView, at: number): number {
  return view.getUint16(at + 2) & 0xfff8;
}

export function moreFragments(view: DataView, at: number): boolean {
  return (view.getUint8(at + 3) & 1) !== 0;
}

/** False for an atomic fragment, which is whole although it has the header (RFC 6946). */
export function isFragment(view: DataView, at: number): boolean {
  return (view.getUint16(at + 2) & 0xfff9) !== 0;
}

/** Of a fragment header: uint32. */
export function identification(view: DataView, at: number): number {
  return view.getUint32(at + 4);
}

export function setNextHeader(view: DataView, at: number, protocol: number): void {
  view.setUint8(at, protocol);
}

/** Units of eight bytes, the first eight not counted. May undo what `check` established. */
export function setHeaderExtensionLength(view: DataView, at: number, units: number): void {
  view.setUint8(at + 1, units);
}

export function setSegmentsLeft(view: DataView, at: number, count: number): void {
  view.setUint8(at + 3, count);
}

/** Writes a whole fragment header, reserved bits zero; the offset in bytes, a multiple of 8. */
export function setFragmentHeader(
  view: DataView,
  at: number,
  protocol: number,
  offset: number,
  more: boolean,
  id: number,
): void {
  view.setUint16(at, protocol << 8);
  view.setUint16(at + 2, offset | (more ? 1 : 0));
  view.setInt32(at + 4, id);
}

export function payloadStart(view: DataView, at: number): number {
  return at + headerLength(view, at);
}

/** The payload ends with the packet: extension headers say only their own length. */
export function payloadEnd(_view: DataView, _at: number, end: number): number {
  return end;
}

/** Bytes of the option at `at`; 0 if its length goes past `end` or contradicts its type. Needs `at < end`. */
export function optionLength(view: DataView, at: number, end: number): number {
  const type = view.getUint8(at);
  if (type === Ipv6OptionType.pad1) return 1;
  if (end - at < 2) return 0;
  const data = view.getUint8(at + 1);
  if (data + 2 > end - at) return 0;
  if (type === Ipv6OptionType.routerAlert && data !== 2) return 0;
  return type === Ipv6OptionType.jumboPayload && data !== 4 ? 0 : data + 2;
}

/** Offset of the first option of that type in the options header at `at`, or -1; safe on a header that passed `check`. */
export function findOption(view: DataView, at: number, type: number): number {
  const end = payloadStart(view, at);
  for (let from = at + 2; from < end; ) {
    const length = optionLength(view, from, end);
    if (length === 0) return -1;
    if (view.getUint8(from) === type) return from;
    from += length;
  }
  return -1;
}

/** RFC 2711 §2.1, of the option found at `at`: 0 is multicast listener discovery. */
export function routerAlert(view: DataView, at: number): number {
  return view.getUint16(at + 2);
}

/** RFC 2675 §2, of the option found at `at`: bytes behind the IPv6 header, uint32; at least 65 536 where it is right. */
export function jumboPayloadLength(view: DataView, at: number): number {
  return view.getUint32(at + 2);
}

export type Ipv6Option =
  | { readonly option: "pad1" }
  /** `data` are the bytes behind the length: zeros, if the sender does as RFC 8200 §4.2 says. */
  | { readonly option: "padN"; readonly data: Uint8Array }
  | { readonly option: "routerAlert"; readonly value: number }
  | { readonly option: "jumboPayload"; readonly length: number }
  /** Any other type; `encode` takes every type from 1 on, to make packets that are wrong. */
  | { readonly option: "raw"; readonly type: number; readonly data: Uint8Array };

/** Hop-by-hop options, destination options. */
export interface Ipv6OptionsHeader {
  readonly nextHeader: number;
  readonly headerExtensionLength: number;
  readonly options: readonly Ipv6Option[];
}

export interface Ipv6Routing {
  readonly nextHeader: number;
  readonly headerExtensionLength: number;
  readonly routingType: number;
  readonly segmentsLeft: number;
  /** What the type makes of it; four bytes at least. */
  readonly data: Uint8Array;
}

export interface Ipv6Fragment {
  readonly nextHeader: number;
  readonly reserved1: number;
  /** Bytes. */
  readonly fragmentOffset: number;
  readonly reserved2: number;
  readonly moreFragments: boolean;
  readonly identification: number;
}

/** Plain value of an options header that passed `check` and `checkOptions`. */
export function plainOptions(view: DataView, at: number): Ipv6OptionsHeader {
  const end = payloadStart(view, at);
  const options: Ipv6Option[] = [];
  for (let from = at + 2; from < end; from += optionLength(view, from, end)) options.push(plainOption(view, from));
  return { nextHeader: nextHeader(view, at), headerExtensionLength: headerExtensionLength(view, at), options };
}

function plainOption(view: DataView, at: number): Ipv6Option {
  const type = view.getUint8(at);
  if (type === Ipv6OptionType.pad1) return { option: "pad1" };
  const data = bytesAt(view, at + 2, at + 2 + view.getUint8(at + 1));
  switch (type) {
    case Ipv6OptionType.padN:
      return { option: "padN", data };
    case Ipv6OptionType.routerAlert:
      return { option: "routerAlert", value: routerAlert(view, at) };
    case Ipv6OptionType.jumboPayload:
      return { option: "jumboPayload", length: jumboPayloadLength(view, at) };
    default:
      return { option: "raw", type, data };
  }
}

/** Plain value of a routing header that passed `check`. */
export function plainRouting(view: DataView, at: number): Ipv6Routing {
  return {
    nextHeader: nextHeader(view, at),
    headerExtensionLength: headerExtensionLength(view, at),
    routingType: routingType(view, at),
    segmentsLeft: segmentsLeft(view, at),
    data: bytesAt(view, at + 4, at + headerLength(view, at)),
  };
}

/** Plain value of a fragment header that passed `checkFragment`. */
export function plainFragment(view: DataView, at: number): Ipv6Fragment {
  return {
    nextHeader: nextHeader(view, at),
    reserved1: view.getUint8(at + 1),
    fragmentOffset: fragmentOffset(view, at),
    reserved2: (view.getUint8(at + 3) >> 1) & 3,
    moreFragments: moreFragments(view, at),
    identification: identification(view, at),
  };
}

export function decodeOptions(bytes: Uint8Array): Result<Ipv6OptionsHeader> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const status = check(view, 0, bytes.length);
  if (status !== Status.ok) return fail(status, "ipv6 options", 0, required(view, bytes.length), bytes.length);
  const inside = checkOptions(view, 0);
  if (inside === Status.ok) return ok(plainOptions(view, 0));
  return fail(inside, "ipv6 options", 0, headerLength(view, 0), headerLength(view, 0), "option.length");
}

export function decodeRouting(bytes: Uint8Array): Result<Ipv6Routing> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const status = check(view, 0, bytes.length);
  if (status === Status.ok) return ok(plainRouting(view, 0));
  return fail(status, "ipv6 routing", 0, required(view, bytes.length), bytes.length);
}

export function decodeFragment(bytes: Uint8Array): Result<Ipv6Fragment> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const status = checkFragment(view, 0, bytes.length);
  if (status === Status.ok) return ok(plainFragment(view, 0));
  return fail(status, "ipv6 fragment", 0, FRAGMENT_HEADER_LENGTH, bytes.length);
}

function required(view: DataView, available: number): number {
  return available < MIN_HEADER_LENGTH ? MIN_HEADER_LENGTH : headerLength(view, 0);
}

/** What `encodeOptions` takes: the length is computed unless the options keep it. */
export interface Ipv6OptionsHeaderInit extends Partial<Ipv6OptionsHeader> {
  readonly nextHeader: number;
}

/**
 * Header and payload in a new array. Options are written as they come, so alignment (RFC 8200 §4.2) is the caller's;
 * the end is padded to a multiple of eight bytes with Pad1 or PadN.
 */
export function encodeOptions(
  header: Ipv6OptionsHeaderInit,
  payload: Uint8Array = new Uint8Array(),
  options: EncodeOptions = {},
): Uint8Array {
  const parts = (header.options ?? []).map(encodeOption);
  const content = 2 + parts.reduce((total, part) => total + part.length, 0);
  const padding = -content & 7;
  if (padding === 1) parts.push(encodeOption({ option: "pad1" }));
  if (padding > 1) parts.push(encodeOption({ option: "padN", data: new Uint8Array(padding - 2) }));
  const length = content + padding;
  const units = options.lengths === "keep" ? (header.headerExtensionLength ?? 0) : (length >> 3) - 1;
  requireBits("ipv6 headerExtensionLength", units, 8);
  requireBits("ipv6 nextHeader", header.nextHeader, 8);
  const bytes = joined([...parts, payload], 2);
  bytes.set([header.nextHeader, units]);
  return bytes;
}

function encodeOption(option: Ipv6Option): Uint8Array {
  switch (option.option) {
    case "pad1":
      return Uint8Array.of(Ipv6OptionType.pad1);
    case "padN":
      return encodeOption({ option: "raw", type: Ipv6OptionType.padN, data: option.data });
    case "routerAlert":
      requireBits("ipv6 routerAlert", option.value, 16);
      return Uint8Array.of(Ipv6OptionType.routerAlert, 2, option.value >> 8, option.value);
    case "jumboPayload": {
      requireBits("ipv6 jumboPayload", option.length, 32);
      const bytes = Uint8Array.of(Ipv6OptionType.jumboPayload, 4, 0, 0, 0, 0);
      new DataView(bytes.buffer).setUint32(2, option.length);
      return bytes;
    }
    case "raw":
      requireBits("ipv6 option type", option.type, 8);
      if (option.type === Ipv6OptionType.pad1) throw new RangeError("ipv6 option type 0 has no length");
      requireBits("ipv6 option length", option.data.length, 8);
      return Uint8Array.of(option.type, option.data.length, ...option.data);
  }
}

/** What `encodeRouting` takes: the length is computed unless the options keep it. */
export interface Ipv6RoutingInit extends Partial<Ipv6Routing> {
  readonly nextHeader: number;
  readonly routingType: number;
}

/** Header and payload in a new array. Data is padded with zeros to four bytes and multiples of eight from there. */
export function encodeRouting(
  routing: Ipv6RoutingInit,
  payload: Uint8Array = new Uint8Array(),
  options: EncodeOptions = {},
): Uint8Array {
  const data = routing.data ?? new Uint8Array(4);
  const length = (data.length + 4 + 7) & ~7;
  const units = options.lengths === "keep" ? (routing.headerExtensionLength ?? 0) : (length >> 3) - 1;
  requireBits("ipv6 headerExtensionLength", units, 8);
  requireBits("ipv6 nextHeader", routing.nextHeader, 8);
  requireBits("ipv6 routingType", routing.routingType, 8);
  requireBits("ipv6 segmentsLeft", routing.segmentsLeft ?? 0, 8);
  const bytes = new Uint8Array(length + payload.length);
  bytes.set([routing.nextHeader, units, routing.routingType, routing.segmentsLeft ?? 0]);
  bytes.set(data, 4);
  bytes.set(payload, length);
  return bytes;
}

export interface Ipv6FragmentInit extends Partial<Ipv6Fragment> {
  readonly nextHeader: number;
}

/** Header and payload in a new array. */
export function encodeFragment(fragment: Ipv6FragmentInit, payload: Uint8Array = new Uint8Array()): Uint8Array {
  const offset = fragment.fragmentOffset ?? 0;
  if (offset % 8 !== 0) throw new RangeError(`ipv6 fragmentOffset is ${offset}, expected a multiple of 8`);
  requireBits("ipv6 fragmentOffset", offset, 16);
  requireBits("ipv6 nextHeader", fragment.nextHeader, 8);
  requireBits("ipv6 reserved1", fragment.reserved1 ?? 0, 8);
  requireBits("ipv6 reserved2", fragment.reserved2 ?? 0, 2);
  const bytes = new Uint8Array(FRAGMENT_HEADER_LENGTH + payload.length);
  const view = new DataView(bytes.buffer);
  setFragmentHeader(
    view,
    0,
    fragment.nextHeader,
    offset,
    fragment.moreFragments ?? false,
    fragment.identification ?? 0,
  );
  view.setUint8(1, fragment.reserved1 ?? 0);
  view.setUint8(3, view.getUint8(3) | ((fragment.reserved2 ?? 0) << 1));
  bytes.set(payload, FRAGMENT_HEADER_LENGTH);
  return bytes;
}

/** `router alert 0`: padding left out. Says `malformed` where the list is; needs `check` only. */
export function formatOptions(view: DataView, at: number): string {
  const end = payloadStart(view, at);
  const words: string[] = [];
  for (let from = at + 2; from < end; ) {
    const length = optionLength(view, from, end);
    if (length === 0) {
      words.push("malformed");
      break;
    }
    const option = plainOption(view, from);
    if (option.option === "routerAlert") words.push(`router alert ${option.value}`);
    else if (option.option === "jumboPayload") words.push(`jumbo payload ${option.length}`);
    else if (option.option === "raw") words.push(`option ${option.type} (${option.data.length} bytes)`);
    from += length;
  }
  return words.length === 0 ? "no options" : words.join(", ");
}

/** `routing type 4 segments left 1` */
export function formatRouting(view: DataView, at: number): string {
  return `routing type ${routingType(view, at)} segments left ${segmentsLeft(view, at)}`;
}

/** `fragment id 0x2a offset 1232 more` */
export function formatFragment(view: DataView, at: number): string {
  const more = moreFragments(view, at) ? " more" : "";
  return `fragment id 0x${identification(view, at).toString(16)} offset ${fragmentOffset(view, at)}${more}`;
}
