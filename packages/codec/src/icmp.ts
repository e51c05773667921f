/**
 * ICMP (RFC 792), with the next-hop MTU of RFC 1191 and the length attribute of RFC 4884.
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |     Type      |     Code      |           Checksum            |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |          Identifier           |            Sequence           |  echo, timestamp
 * |    unused     |    Length     |        Next-hop MTU           |  unreachable
 * |    unused     |    Length     |            unused             |  time exceeded
 * |    Pointer    |    Length     |            unused             |  parameter problem
 * |                        Gateway address                        |  redirect
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |  Echo: data. Errors: the IPv4 header and first bytes of the packet they are about, then extensions (RFC 4884).
 * |  Timestamp: three 32-bit times, milliseconds since midnight UT.
 *
 * Not covered: the fields of router discovery (RFC 1256), address mask (RFC 950) and extended echo (RFC 8335), which
 * decode as `other`.
 */
import { formatIpv4 } from "./address.ts";
import { ChecksumStatus, complement, sum } from "./checksum.ts";
import { type EncodeOptions, requireBits, requireWord } from "./encode.ts";
import { type Field, field, writeField } from "./field.ts";
import { codeName, IcmpType, typeName, UnreachableCode } from "./icmp-code-points.ts";
import * as extension from "./icmp-extension.ts";
import { fail, ok, type Result } from "./result.ts";
import { Status } from "./status.ts";

/** Bytes of every message but timestamps. */
export const HEADER_LENGTH = 8;
/** Bytes of a timestamp message. */
export const TIMESTAMP_LENGTH = 20;

export { codeName, IcmpType, typeName, UnreachableCode };

export const layout: readonly Field[] = [
  field("type", 0, 8, "icmp.type"),
  field("code", 8, 8, "icmp.code"),
  field("checksum", 16, 16, "icmp.checksum", "hex"),
];

const ECHO_LAYOUT: readonly Field[] = [
  ...layout,
  field("identifier", 32, 16, "icmp.ident"),
  field("sequence", 48, 16, "icmp.seq"),
];
const UNUSED: Field = field("unused", 32, 8, "", "hex");
const UNUSED_LOW: Field = field("unusedLow", 48, 16, "", "hex");
const QUOTE_WORDS: Field = field("quoteWords", 40, 8, "icmp.length");

const LAYOUTS: Readonly<Record<IcmpKind, readonly Field[]>> = {
  echo: ECHO_LAYOUT,
  unreachable: [...layout, UNUSED, QUOTE_WORDS, field("nextHopMtu", 48, 16, "icmp.mtu")],
  timeExceeded: [...layout, UNUSED, QUOTE_WORDS, UNUSED_LOW],
  parameterProblem: [...layout, field("pointer", 32, 8, "icmp.pointer"), QUOTE_WORDS, UNUSED_LOW],
  redirect: [...layout, field("gateway", 32, 32, "icmp.redir_gw", "ipv4")],
  timestamp: [
    ...ECHO_LAYOUT,
    field("originateTimestamp", 64, 32, "icmp.originate_timestamp"),
    field("receiveTimestamp", 96, 32, "icmp.receive_timestamp"),
    field("transmitTimestamp", 128, 32, "icmp.transmit_timestamp"),
  ],
  other: [...layout, field("rest", 32, 32, "", "hex")],
};

/** What the header of a type looks like; each kind has a plain value of its own. */
export type IcmpKind =
  | "echo"
  | "unreachable"
  | "timeExceeded"
  | "parameterProblem"
  | "redirect"
  | "timestamp"
  | "other";

const KIND_OF_TYPE: ReadonlyMap<number, IcmpKind> = new Map([
  [IcmpType.echoRequest, "echo"],
  [IcmpType.echoReply, "echo"],
  [IcmpType.destinationUnreachable, "unreachable"],
  [IcmpType.timeExceeded, "timeExceeded"],
  [IcmpType.parameterProblem, "parameterProblem"],
  [IcmpType.redirect, "redirect"],
  [IcmpType.timestampRequest, "timestamp"],
  [IcmpType.timestampReply, "timestamp"],
]);

export function kindOf(messageType: number): IcmpKind {
  return KIND_OF_TYPE.get(messageType) ?? "other";
}

/** The table of a type's whole header: {@link layout} and the fields that this type has. */
export function layoutOf(messageType: number): readonly Field[] {
  return LAYOUTS[kindOf(messageType)];
}

/**
 * The header, and a timestamp message's times, lie inside [at, end). After `ok`, every accessor below is safe for the
 * types that it names.
 */
export function check(view: DataView, at: number, end: number): Status {
  if (end - at < HEADER_LENGTH) return Status.truncated;
  return isTimestamp(view, at) && end - at < TIMESTAMP_LENGTH ? Status.truncated : Status.ok;
}

/** See {@link IcmpType}. */
export function type(view: DataView, at: number): number {
  return view.getUint8(at);
}

/** Its meaning depends on the type; see {@link UnreachableCode}. */
export function code(view: DataView, at: number): number {
  return view.getUint8(at + 1);
}

export function checksum(view: DataView, at: number): number {
  return view.getUint16(at + 2);
}

/** Bytes 4 to 7 of any message, unsigned. */
export function rest(view: DataView, at: number): number {
  return view.getUint32(at + 4);
}

/** Echo and timestamp. */
export function identifier(view: DataView, at: number): number {
  return view.getUint16(at + 4);
}

/** Echo and timestamp. */
export function sequence(view: DataView, at: number): number {
  return view.getUint16(at + 6);
}

/** Byte 4 where it has no meaning. */
export function unused(view: DataView, at: number): number {
  return view.getUint8(at + 4);
}

/** Parameter problem: offset in the quoted packet of the byte that is wrong. */
export function pointer(view: DataView, at: number): number {
  return view.getUint8(at + 4);
}

/** Redirect: the better router's address as an int32. */
export function gateway(view: DataView, at: number): number {
  return view.getInt32(at + 4);
}

/** RFC 4884 §4, "Length": the quote in 32-bit words, 0 without extensions. Unreachable, time exceeded, parameter problem. */
export function quoteWords(view: DataView, at: number): number {
  return view.getUint8(at + 5);
}

/** Unreachable, code 4: RFC 1191 §4. 0 from a router that knows nothing of it. */
export function nextHopMtu(view: DataView, at: number): number {
  return view.getUint16(at + 6);
}

/** Bytes 6 and 7 where they have no meaning. */
export function unusedLow(view: DataView, at: number): number {
  return view.getUint16(at + 6);
}

/** Timestamp: when the sender last touched the message, in milliseconds since midnight UT (RFC 792). */
export function originateTimestamp(view: DataView, at: number): number {
  return view.getUint32(at + 8);
}

export function receiveTimestamp(view: DataView, at: number): number {
  return view.getUint32(at + 12);
}

export function transmitTimestamp(view: DataView, at: number): number {
  return view.getUint32(at + 16);
}

/** True for the types that quote the packet they are about (RFC 1122 §3.2.2). */
export function isError(view: DataView, at: number): boolean {
  switch (view.getUint8(at)) {
    case IcmpType.destinationUnreachable:
    case IcmpType.sourceQuench:
    case IcmpType.redirect:
    case IcmpType.timeExceeded:
    case IcmpType.parameterProblem:
      return true;
    default:
      return false;
  }
}

export function isTimestamp(view: DataView, at: number): boolean {
  const messageType = view.getUint8(at);
  return messageType === IcmpType.timestampRequest || messageType === IcmpType.timestampReply;
}

/** May undo what `check` established. */
export function setType(view: DataView, at: number, value: number): void {
  view.setUint8(at, value);
}

export function setCode(view: DataView, at: number, value: number): void {
  view.setUint8(at + 1, value);
}

export function setChecksum(view: DataView, at: number, value: number): void {
  view.setUint16(at + 2, value);
}

export function setRest(view: DataView, at: number, value: number): void {
  view.setUint32(at + 4, value);
}

export function setIdentifier(view: DataView, at: number, value: number): void {
  view.setUint16(at + 4, value);
}

export function setSequence(view: DataView, at: number, value: number): void {
  view.setUint16(at + 6, value);
}

export function setPointer(view: DataView, at: number, offset: number): void {
  view.setUint8(at + 4, offset);
}

export function setGateway(view: DataView, at: number, address: number): void {
  view.setInt32(at + 4, address);
}

export function setQuoteWords(view: DataView, at: number, words: number): void {
  view.setUint8(at + 5, words);
}

export function setNextHopMtu(view: DataView, at: number, bytes: number): void {
  view.setUint16(at + 6, bytes);
}

export function setOriginateTimestamp(view: DataView, at: number, milliseconds: number): void {
  view.setUint32(at + 8, milliseconds);
}

export function setReceiveTimestamp(view: DataView, at: number, milliseconds: number): void {
  view.setUint32(at + 12, milliseconds);
}

export function setTransmitTimestamp(view: DataView, at: number, milliseconds: number): void {
  view.setUint32(at + 16, milliseconds);
}

export function headerLength(view: DataView, at: number): number {
  return isTimestamp(view, at) ? TIMESTAMP_LENGTH : HEADER_LENGTH;
}

/** Echo: the data. Errors: the quote. */
export function payloadStart(view: DataView, at: number): number {
  return at + headerLength(view, at);
}

/** `end` is where the IP payload ends. An error's payload is its quote, without what extends it. */
export function payloadEnd(view: DataView, at: number, end: number): number {
  return isError(view, at) ? quoteEnd(view, at, end) : end;
}

/** Where an error's quoted IPv4 header starts. */
export function quoteStart(_view: DataView, at: number): number {
  return at + HEADER_LENGTH;
}

/** Where an error's quote ends: at its extension structure, its zero padding included (RFC 4884 §4), or at `end`. */
export function quoteEnd(view: DataView, at: number, end: number): number {
  const start = extensionStart(view, at, end);
  return start < 0 ? end : start;
}

/**
 * Where an error's extension structure starts, or -1 without one; icmp-extension.ts checks and reads it. A length
 * attribute that leaves no room for it, or is too small to be one, is taken for a reserved byte that somebody left
 * dirty (Linux net/ipv4/icmp.c, ip_icmp_error_rfc4884).
 */
export function extensionStart(view: DataView, at: number, end: number): number {
  switch (view.getUint8(at)) {
    case IcmpType.destinationUnreachable:
    case IcmpType.timeExceeded:
    case IcmpType.parameterProblem:
      break;
    default:
      return -1;
  }
  const quote = view.getUint8(at + 5) << 2;
  const start = at + HEADER_LENGTH + quote;
  return quote < extension.MIN_QUOTE_LENGTH || end - start < extension.HEADER_LENGTH ? -1 : start;
}

/** `end` is where the IP payload ends. ICMP has no pseudo-header and no way to leave the checksum out. */
export function verifyChecksum(view: DataView, at: number, end: number): ChecksumStatus {
  return sum(view, at, end) === 0xffff ? ChecksumStatus.valid : ChecksumStatus.invalid;
}

/** Computes and writes the checksum. */
export function fillChecksum(view: DataView, at: number, end: number): void {
  setChecksum(view, at, 0);
  setChecksum(view, at, complement(sum(view, at, end)));
}

/** What every message has. */
interface Common {
  readonly type: number;
  readonly code: number;
  readonly checksum: number;
}

export interface IcmpEcho extends Common {
  readonly kind: "echo";
  readonly identifier: number;
  readonly sequence: number;
}

export interface IcmpUnreachable extends Common {
  readonly kind: "unreachable";
  /** Byte 4, unused. */
  readonly unused: number;
  readonly quoteWords: number;
  readonly nextHopMtu: number;
}

export interface IcmpTimeExceeded extends Common {
  readonly kind: "timeExceeded";
  /** Byte 4, unused. */
  readonly unused: number;
  readonly quoteWords: number;
  /** Bytes 6 and 7, unused. */
  readonly unusedLow: number;
}

export interface IcmpParameterProblem extends Common {
  readonly kind: "parameterProblem";
  readonly pointer: number;
  readonly quoteWords: number;
  /** Bytes 6 and 7, unused. */
  readonly unusedLow: number;
}

export interface IcmpRedirect extends Common {
  readonly kind: "redirect";
  readonly gateway: number;
}

export interface IcmpTimestamp extends Common {
  readonly kind: "timestamp";
  readonly identifier: number;
  readonly sequence: number;
  readonly originateTimestamp: number;
  readonly receiveTimestamp: number;
  readonly transmitTimestamp: number;
}

export interface IcmpOther extends Common {
  readonly kind: "other";
  /** Bytes 4 to 7. */
  readonly rest: number;
}

/** A message's header, all of its bytes; data, quote and extensions are payload. */
export type Icmp =
  | IcmpEcho
  | IcmpUnreachable
  | IcmpTimeExceeded
  | IcmpParameterProblem
  | IcmpRedirect
  | IcmpTimestamp
  | IcmpOther;

/** Plain value of a checked header. */
export function plain(view: DataView, at: number): Icmp {
  const common = { type: type(view, at), code: code(view, at), checksum: checksum(view, at) };
  const kind = kindOf(common.type);
  switch (kind) {
    case "echo":
      return { kind, ...common, identifier: identifier(view, at), sequence: sequence(view, at) };
    case "unreachable": {
      const mtu = nextHopMtu(view, at);
      return { kind, ...common, unused: unused(view, at), quoteWords: quoteWords(view, at), nextHopMtu: mtu };
    }
    case "timeExceeded": {
      const low = unusedLow(view, at);
      return { kind, ...common, unused: unused(view, at), quoteWords: quoteWords(view, at), unusedLow: low };
    }
    case "parameterProblem": {
      const low = unusedLow(view, at);
      return { kind, ...common, pointer: pointer(view, at), quoteWords: quoteWords(view, at), unusedLow: low };
    }
    case "redirect":
      return { kind, ...common, gateway: gateway(view, at) };
    case "timestamp":
      return {
        kind,
        ...common,
        identifier: identifier(view, at),
        sequence: sequence(view, at),
        originateTimestamp: originateTimestamp(view, at),
        receiveTimestamp: receiveTimestamp(view, at),
        transmitTimestamp: transmitTimestamp(view, at),
      };
    case "other":
      return { kind, ...common, rest: rest(view, at) };
  }
}

export function decode(bytes: Uint8Array): Result<Icmp> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const status = check(view, 0, bytes.length);
  if (status === Status.ok) return ok(plain(view, 0));
  return fail(status, "icmp", 0, bytes.length < HEADER_LENGTH ? HEADER_LENGTH : headerLength(view, 0), bytes.length);
}

type Init<T, Given extends keyof T> = Partial<T> & Pick<T, Given>;

/** What `encode` takes. What is left out is 0, but `type` where the kind decides it; the checksum is computed. */
export type IcmpInit =
  | Init<IcmpEcho, "kind" | "type" | "identifier" | "sequence">
  | Init<IcmpUnreachable, "kind" | "code">
  | Init<IcmpTimeExceeded, "kind" | "code">
  | Init<IcmpParameterProblem, "kind" | "pointer">
  | Init<IcmpRedirect, "kind" | "code" | "gateway">
  | Init<IcmpTimestamp, "kind" | "type" | "identifier" | "sequence">
  | Init<IcmpOther, "kind" | "type">;

/**
 * Header and payload in a new array: echo data, or an error's quote with what extends it. `quoteWords` is written as
 * given: only who made the payload knows where in it the quote ends.
 */
export function encode(
  icmp: IcmpInit,
  payload: Uint8Array = new Uint8Array(),
  options: EncodeOptions = {},
): Uint8Array {
  const header = icmp.kind === "timestamp" ? TIMESTAMP_LENGTH : HEADER_LENGTH;
  const bytes = new Uint8Array(header + payload.length);
  const view = new DataView(bytes.buffer);
  const messageType = typeOf(icmp);
  requireBits("icmp type", messageType, 8);
  requireBits("icmp code", icmp.code ?? 0, 8);
  setType(view, 0, messageType);
  setCode(view, 0, icmp.code ?? 0);
  encodeRest(view, icmp, messageType);
  bytes.set(payload, header);
  if (options.checksums === "keep") {
    requireBits("icmp checksum", icmp.checksum ?? 0, 16);
    setChecksum(view, 0, icmp.checksum ?? 0);
  } else fillChecksum(view, 0, bytes.length);
  return bytes;
}

/** The type that goes with the kind; one that contradicts it would decode as something else. */
function typeOf(icmp: IcmpInit): number {
  const given = icmp.type ?? [...KIND_OF_TYPE.keys()].find((known) => kindOf(known) === icmp.kind)!;
  if (kindOf(given) !== icmp.kind) throw new RangeError(`icmp type is ${given}, which is no "${icmp.kind}"`);
  return given;
}

/** The rows behind `type`, `code` and `checksum` name the properties. */
function encodeRest(view: DataView, icmp: IcmpInit, messageType: number): void {
  const values = icmp as unknown as Readonly<Record<string, number | undefined>>;
  for (const row of layoutOf(messageType).slice(layout.length)) {
    const value = values[row.name] ?? 0;
    if (row.as === "ipv4") requireWord(`icmp ${row.name}`, value);
    else requireBits(`icmp ${row.name}`, value, row.bits);
    writeField(view, 0, row, row.as === "ipv4" ? value >>> 0 : value);
  }
}

/**
 * `echo request id 25 seq 0`, `fragmentation needed mtu 1430`, `redirect for host to 10.0.9.3`,
 * `parameter problem at byte 20`
 */
export function format(view: DataView, at: number): string {
  const messageType = type(view, at);
  const messageCode = code(view, at);
  const name = typeName(messageType) ?? `type ${messageType}`;
  const unnamed = messageCode === 0 ? name : `${name} code ${messageCode}`;
  const meaning = codeName(messageType, messageCode) ?? unnamed;
  switch (messageType) {
    case IcmpType.echoRequest:
    case IcmpType.echoReply:
    case IcmpType.timestampRequest:
    case IcmpType.timestampReply:
      return `${unnamed} id ${identifier(view, at)} seq ${sequence(view, at)}`;
    case IcmpType.destinationUnreachable:
      return messageCode === UnreachableCode.fragmentationNeeded ? `${meaning} mtu ${nextHopMtu(view, at)}` : meaning;
    case IcmpType.parameterProblem:
      return messageCode === 0 ? `${meaning} at byte ${pointer(view, at)}` : meaning;
    case IcmpType.redirect:
      return `${meaning} to ${formatIpv4(gateway(view, at))}`;
    default:
      return meaning;
  }
}
