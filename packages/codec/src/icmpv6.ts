/**
 * ICMPv6 (RFC 4443): errors and echo; its other messages are read by icmpv6-nd.ts and icmpv6-mld.ts.
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |     Type      |     Code      |           Checksum            |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |  errors: unused (1, 3), MTU (2), pointer (4)                  |
 * |  echo: identifier             |  sequence number              |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |  errors: as much of the packet as fits; echo: data            |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * Not covered: the extension objects behind a quoted packet (RFC 4884), node information, mobile IPv6.
 */
import { ChecksumStatus, complement, sum } from "./checksum.ts";
import { IpProtocol } from "./code-points.ts";
import { type EncodeOptions, type PseudoHeader, pseudoHeaderSum, requireBits } from "./encode.ts";
import { type Field, field } from "./field.ts";
import * as mld from "./icmpv6-mld.ts";
import * as nd from "./icmpv6-nd.ts";
import { fail, ok, type Result } from "./result.ts";
import { Status } from "./status.ts";

/** What all messages have. */
export const HEADER_LENGTH = 4;
/** Header of errors and echo. */
export const LONG_HEADER_LENGTH = 8;

/** IANA, "ICMPv6 'type' Numbers". */
export const Icmpv6Type = {
  destinationUnreachable: 1,
  packetTooBig: 2,
  timeExceeded: 3,
  parameterProblem: 4,
  echoRequest: 128,
  echoReply: 129,
  listenerQuery: 130,
  listenerReport: 131,
  listenerDone: 132,
  routerSolicitation: 133,
  routerAdvertisement: 134,
  neighborSolicitation: 135,
  neighborAdvertisement: 136,
  redirect: 137,
  listenerReportV2: 143,
} as const;

/** RFC 4443 §3.1, of destination unreachable. */
export const UnreachableCode = {
  noRoute: 0,
  prohibited: 1,
  beyondScope: 2,
  address: 3,
  port: 4,
  sourcePolicy: 5,
  rejectRoute: 6,
} as const;

export const layout: readonly Field[] = [
  field("type", 0, 8, "icmpv6.type"),
  field("code", 8, 8, "icmpv6.code"),
  field("checksum", 16, 16, "icmpv6.checksum", "hex"),
];

export const echoLayout: readonly Field[] = [
  ...layout,
  field("identifier", 32, 16, "icmpv6.echo.identifier"),
  field("sequence", 48, 16, "icmpv6.echo.sequence_number"),
];

const LAYOUTS: Readonly<Record<number, readonly Field[]>> = {
  [Icmpv6Type.packetTooBig]: [field("mtu", 32, 32, "icmpv6.mtu")],
  [Icmpv6Type.parameterProblem]: [field("pointer", 32, 32, "icmpv6.pointer")],
  ...nd.layouts,
  ...mld.layouts,
};

/** All fields that messages of that type have, without options and records. */
export function layoutOf(messageType: number): readonly Field[] {
  return isEcho(messageType) ? echoLayout : [...layout, ...(LAYOUTS[messageType] ?? [])];
}

/** The message's own fields lie inside [at, end). After `ok`, the accessors of its type are safe. */
export function check(view: DataView, at: number, end: number): Status {
  if (end - at < HEADER_LENGTH) return Status.truncated;
  const messageType = view.getUint8(at);
  if (isError(view, at) || isEcho(messageType)) return end - at < LONG_HEADER_LENGTH ? Status.truncated : Status.ok;
  if (nd.isNd(messageType)) return nd.check(view, at, end);
  return mld.isMld(messageType) ? mld.check(view, at, end) : Status.ok;
}

function isEcho(messageType: number): boolean {
  return messageType === Icmpv6Type.echoRequest || messageType === Icmpv6Type.echoReply;
}

export function type(view: DataView, at: number): number {
  return view.getUint8(at);
}

export function code(view: DataView, at: number): number {
  return view.getUint8(at + 1);
}

export function checksum(view: DataView, at: number): number {
  return view.getUint16(at + 2);
}

/** True for the errors of RFC 4443 §3, which quote the packet they are about. */
export function isError(view: DataView, at: number): boolean {
  const messageType = view.getUint8(at);
  return messageType >= Icmpv6Type.destinationUnreachable && messageType <= Icmpv6Type.parameterProblem;
}

/** Of echo request and reply. */
export function identifier(view: DataView, at: number): number {
  return view.getUint16(at + 4);
}

/** Of echo request and reply. */
export function sequence(view: DataView, at: number): number {
  return view.getUint16(at + 6);
}

/** Of packet too big: the MTU of the next link in bytes, uint32 (RFC 4443 §3.2). */
export function mtu(view: DataView, at: number): number {
  return view.getUint32(at + 4);
}

/** Of parameter problem: offset of the mistake in the quoted packet, uint32 (RFC 4443 §3.4). */
export function pointer(view: DataView, at: number): number {
  return view.getUint32(at + 4);
}

export function setType(view: DataView, at: number, value: number): void {
  view.setUint8(at, value);
}

export function setCode(view: DataView, at: number, value: number): void {
  view.setUint8(at + 1, value);
}

export function setChecksum(view: DataView, at: number, value: number): void {
  view.setUint16(at + 2, value);
}

export function setIdentifier(view: DataView, at: number, value: number): void {
  view.setUint16(at + 4, value);
}

export function setSequence(view: DataView, at: number, value: number): void {
  view.setUint16(at + 6, value);
}

export function setMtu(view: DataView, at: number, bytes: number): void {
  view.setUint32(at + 4, bytes);
}

export function setPointer(view: DataView, at: number, offset: number): void {
  view.setUint32(at + 4, offset);
}

/** First byte behind the message's own fields: an error's quotation, echo's data; nothing in neighbor discovery. */
export function payloadStart(view: DataView, at: number, end: number): number {
  const messageType = view.getUint8(at);
  if (isError(view, at) || isEcho(messageType)) return at + LONG_HEADER_LENGTH;
  if (nd.isNd(messageType)) return end;
  return mld.isMld(messageType) ? mld.payloadStart(view, at, end) : at + HEADER_LENGTH;
}

/** ICMPv6 has no length of its own. */
export function payloadEnd(_view: DataView, _at: number, end: number): number {
  return end;
}

/** Where the packet that an error is about starts. */
export function quoteStart(_view: DataView, at: number): number {
  return at + LONG_HEADER_LENGTH;
}

/**
 * Where the quoted packet ends: at the end, unless the message says that extension objects follow, in units of eight
 * bytes (RFC 4884 §4.4, §4.5). Linux and others leave that byte zero.
 */
export function quoteEnd(view: DataView, at: number, end: number): number {
  const messageType = view.getUint8(at);
  if (messageType !== Icmpv6Type.destinationUnreachable && messageType !== Icmpv6Type.timeExceeded) return end;
  const length = view.getUint8(at + 4) << 3;
  return length === 0 ? end : Math.min(end, at + LONG_HEADER_LENGTH + length);
}

/** Compares the checksum with the bytes. `pseudo` is the sum that `pseudoHeader6` makes, for next header 58 (RFC 4443 §2.3). */
export function verifyChecksum(view: DataView, at: number, end: number, pseudo: number): ChecksumStatus {
  if (sum(view, at, end, pseudo) === 0xffff) return ChecksumStatus.valid;
  return checksum(view, at) === pseudo ? ChecksumStatus.partial : ChecksumStatus.invalid;
}

/** Computes and writes the checksum. */
export function fillChecksum(view: DataView, at: number, end: number, pseudo: number): void {
  setChecksum(view, at, 0);
  setChecksum(view, at, complement(sum(view, at, end, pseudo)));
}

export type Icmpv6Body =
  | { readonly message: "destinationUnreachable" | "timeExceeded"; readonly unused: number }
  | { readonly message: "packetTooBig"; readonly mtu: number }
  | { readonly message: "parameterProblem"; readonly pointer: number }
  | { readonly message: "echoRequest" | "echoReply"; readonly identifier: number; readonly sequence: number }
  | nd.NdMessage
  | mld.MldMessage
  /** Any other type: its bytes are payload. */
  | { readonly message: "unknown" };

export interface Icmpv6 {
  readonly type: number;
  readonly code: number;
  readonly checksum: number;
  readonly body: Icmpv6Body;
}

/** Plain value of a checked message, without its payload. */
export function plain(view: DataView, at: number, end: number): Icmpv6 {
  return { type: type(view, at), code: code(view, at), checksum: checksum(view, at), body: plainBody(view, at, end) };
}

function plainBody(view: DataView, at: number, end: number): Icmpv6Body {
  const messageType = view.getUint8(at);
  switch (messageType) {
    case Icmpv6Type.destinationUnreachable:
      return { message: "destinationUnreachable", unused: view.getUint32(at + 4) };
    case Icmpv6Type.packetTooBig:
      return { message: "packetTooBig", mtu: mtu(view, at) };
    case Icmpv6Type.timeExceeded:
      return { message: "timeExceeded", unused: view.getUint32(at + 4) };
    case Icmpv6Type.parameterProblem:
      return { message: "parameterProblem", pointer: pointer(view, at) };
    case Icmpv6Type.echoRequest:
      return { message: "echoRequest", identifier: identifier(view, at), sequence: sequence(view, at) };
    case Icmpv6Type.echoReply:
      return { message: "echoReply", identifier: identifier(view, at), sequence: sequence(view, at) };
  }
  if (nd.isNd(messageType)) return nd.plain(view, at, end);
  return mld.isMld(messageType) ? mld.plain(view, at, end) : { message: "unknown" };
}

export function decode(bytes: Uint8Array): Result<Icmpv6> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const status = check(view, 0, bytes.length);
  if (status === Status.ok) return ok(plain(view, 0, bytes.length));
  return fail(status, "icmpv6", 0, requiredLength(view, bytes.length), bytes.length);
}

function requiredLength(view: DataView, available: number): number {
  if (available < HEADER_LENGTH) return HEADER_LENGTH;
  if (nd.isNd(view.getUint8(0))) return nd.messageLength(view, 0, available);
  return mld.isMld(view.getUint8(0)) ? mld.messageLength(view, 0, available) : LONG_HEADER_LENGTH;
}

/** What `encode` takes. The type is the body's unless given; the checksum is computed unless the options keep it. */
export interface Icmpv6Init {
  readonly type?: number;
  readonly code?: number;
  readonly checksum?: number;
  readonly body: Icmpv6Body;
}

/** Message and payload in a new array. Without a pseudo-header no checksum can be computed and the field is 0. */
export function encode(
  icmpv6: Icmpv6Init,
  payload: Uint8Array = new Uint8Array(),
  options: EncodeOptions & { readonly pseudo?: PseudoHeader } = {},
): Uint8Array {
  if (icmpv6.body.message === "unknown" && icmpv6.type === undefined) {
    throw new RangeError("icmpv6 type is undefined, expected one for an unknown message");
  }
  const head = encodeBody(icmpv6.body);
  const bytes = new Uint8Array(head.length + payload.length);
  const view = new DataView(bytes.buffer);
  bytes.set(head);
  bytes.set(payload, head.length);
  requireBits("icmpv6 type", icmpv6.type ?? view.getUint8(0), 8);
  requireBits("icmpv6 code", icmpv6.code ?? 0, 8);
  requireBits("icmpv6 checksum", icmpv6.checksum ?? 0, 16);
  setType(view, 0, icmpv6.type ?? view.getUint8(0));
  setCode(view, 0, icmpv6.code ?? 0);
  if (options.checksums === "keep") setChecksum(view, 0, icmpv6.checksum ?? 0);
  else if (options.pseudo !== undefined) {
    fillChecksum(view, 0, bytes.length, pseudoHeaderSum(options.pseudo, IpProtocol.icmpv6, bytes.length));
  }
  return bytes;
}

function encodeBody(body: Icmpv6Body): Uint8Array {
  switch (body.message) {
    case "destinationUnreachable":
    case "timeExceeded":
      return longHeader(Icmpv6Type[body.message], "unused", body.unused);
    case "packetTooBig":
      return longHeader(Icmpv6Type.packetTooBig, "mtu", body.mtu);
    case "parameterProblem":
      return longHeader(Icmpv6Type.parameterProblem, "pointer", body.pointer);
    case "echoRequest":
    case "echoReply":
      requireBits("icmpv6 identifier", body.identifier, 16);
      requireBits("icmpv6 sequence", body.sequence, 16);
      return longHeader(Icmpv6Type[body.message], "rest", body.identifier * 0x10000 + body.sequence);
    case "unknown":
      return new Uint8Array(HEADER_LENGTH);
    case "routerSolicitation":
    case "routerAdvertisement":
    case "neighborSolicitation":
    case "neighborAdvertisement":
    case "redirect":
      return nd.encode(body);
    default:
      return mld.encode(body);
  }
}

function longHeader(messageType: number, name: string, rest: number): Uint8Array {
  requireBits(`icmpv6 ${name}`, rest, 32);
  const bytes = new Uint8Array(LONG_HEADER_LENGTH);
  bytes[0] = messageType;
  new DataView(bytes.buffer).setUint32(4, rest);
  return bytes;
}

const UNREACHABLE: readonly string[] = [
  "no route",
  "administratively prohibited",
  "beyond scope of source address",
  "address",
  "port",
  "source address failed policy",
  "reject route",
  "error in source routing header",
];
const TIME_EXCEEDED: readonly string[] = ["hop limit", "reassembly"];
const PARAMETER_PROBLEM: readonly string[] = ["erroneous header field", "unknown next header", "unknown option"];

function codeText(names: readonly string[], value: number): string {
  return names[value] ?? `code ${value}`;
}

/** `echo request id 25 seq 0`, `packet too big mtu 1400`, `destination unreachable: port` */
export function format(view: DataView, at: number, end: number): string {
  const messageType = type(view, at);
  const value = code(view, at);
  switch (messageType) {
    case Icmpv6Type.destinationUnreachable:
      return `destination unreachable: ${codeText(UNREACHABLE, value)}`;
    case Icmpv6Type.packetTooBig:
      return `packet too big mtu ${mtu(view, at)}`;
    case Icmpv6Type.timeExceeded:
      return `time exceeded: ${codeText(TIME_EXCEEDED, value)}`;
    case Icmpv6Type.parameterProblem:
      return `parameter problem: ${codeText(PARAMETER_PROBLEM, value)} at byte ${pointer(view, at)}`;
    case Icmpv6Type.echoRequest:
      return `echo request id ${identifier(view, at)} seq ${sequence(view, at)}`;
    case Icmpv6Type.echoReply:
      return `echo reply id ${identifier(view, at)} seq ${sequence(view, at)}`;
  }
  if (nd.isNd(messageType)) return nd.format(view, at, end);
  return mld.isMld(messageType) ? mld.format(view, at, end) : `type ${messageType} code ${value}`;
}
