/**
 * ESP (RFC 4303): the header, and where IV, data, trailer and integrity check value lie.
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |               Security Parameters Index (SPI)                 |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                      Sequence Number                          |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                      IV (0 or more bytes)                     |
 * |                      Data                                     |
 * |      Padding (0 to 255 bytes) |  Pad Length   |  Next Header  |  trailer
 * |                Integrity Check Value (0 or more bytes)        |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * Only the two ends know the lengths of IV and ICV; they are arguments here. RFC 4106's AES-GCM has an IV of 8 bytes
 * and an ICV of 8, 12 or 16; {@link setNonce} and {@link AAD_LENGTH} say what its cipher is given beside the data. Data
 * and trailer are readable after decryption, or with NULL encryption (RFC 2410).
 * Not covered: encryption; the high half of extended sequence numbers, which is not sent.
 */
import { type EncodeOptions, requireBits } from "./encode.ts";
import { type Field, field } from "./field.ts";
import { fail, ok, type Result } from "./result.ts";
import { Status } from "./status.ts";

export const HEADER_LENGTH = 8;
/** Pad length and next header. */
export const TRAILER_LENGTH = 2;
/** RFC 4106 §4: the salt is the end of the key, and never sent. */
export const SALT_LENGTH = 4;
/** RFC 4106 §3.1. */
export const IV_LENGTH = 8;
/** Salt and IV. */
export const NONCE_LENGTH = 12;
/** RFC 4106 §5: the additional authenticated data are SPI and sequence number, the header as it is sent. */
export const AAD_LENGTH = 8;

export const layout: readonly Field[] = [
  field("spi", 0, 32, "esp.spi", "hex"),
  field("sequence", 32, 32, "esp.sequence"),
];

/** The header lies inside [at, end). After `ok`, the header's accessors are safe. */
export function check(_view: DataView, at: number, end: number): Status {
  return end - at < HEADER_LENGTH ? Status.truncated : Status.ok;
}

/**
 * Of a decrypted packet: IV, trailer and ICV lie inside [at, end) and the padding leaves no negative data. After `ok`,
 * the trailer's accessors are safe.
 */
export function checkTrailer(view: DataView, at: number, end: number, ivLength: number, icvLength: number): Status {
  const room = trailerStart(end, icvLength) - dataStart(at, ivLength);
  if (room < 0) return Status.truncated;
  return padLength(view, end, icvLength) > room ? Status.badTotalLength : Status.ok;
}

/** RFC 4303 §2.1: the security association at the receiver. 0 is never sent, 1 to 255 are reserved. */
export function spi(view: DataView, at: number): number {
  return view.getUint32(at);
}

/** RFC 4303 §2.2: the packet's number in its association; the first one is 1. */
export function sequence(view: DataView, at: number): number {
  return view.getUint32(at + 4);
}

/** RFC 4303 §2.5: bytes of padding in front of the trailer. Of a decrypted packet that ends at `end`. */
export function padLength(view: DataView, end: number, icvLength: number): number {
  return view.getUint8(end - icvLength - 2);
}

/** RFC 4303 §2.6: IP protocol of the data; 59 in a dummy packet. Of a decrypted packet that ends at `end`. */
export function nextHeader(view: DataView, end: number, icvLength: number): number {
  return view.getUint8(end - icvLength - 1);
}

export function setSpi(view: DataView, at: number, value: number): void {
  view.setUint32(at, value);
}

export function setSequence(view: DataView, at: number, value: number): void {
  view.setUint32(at + 4, value);
}

/** Writes RFC 4106's IV behind the header at `at`, given as its two halves. */
export function setIv(view: DataView, at: number, high: number, low: number): void {
  view.setUint32(at + HEADER_LENGTH, high);
  view.setUint32(at + HEADER_LENGTH + 4, low);
}

/** RFC 4106 §4: puts the nonce, salt and IV of the packet at `at`, into `nonce`. */
export function setNonce(nonce: DataView, salt: number, view: DataView, at: number): void {
  nonce.setUint32(0, salt);
  nonce.setUint32(4, view.getUint32(at + HEADER_LENGTH));
  nonce.setUint32(8, view.getUint32(at + HEADER_LENGTH + 4));
}

/** Writes padding 1, 2, 3 … (RFC 4303 §2.4), its length and the next header behind the data; answers where they end. */
export function setTrailer(view: DataView, dataEndsAt: number, padding: number, protocol: number): number {
  for (let count = 0; count < padding; count++) view.setUint8(dataEndsAt + count, count + 1);
  view.setUint8(dataEndsAt + padding, padding);
  view.setUint8(dataEndsAt + padding + 1, protocol);
  return dataEndsAt + padding + TRAILER_LENGTH;
}

/** What follows the header: IV, data, trailer and ICV, most of it encrypted. */
export function payloadStart(_view: DataView, at: number): number {
  return at + HEADER_LENGTH;
}

/** ESP has no length of its own. */
export function payloadEnd(_view: DataView, _at: number, end: number): number {
  return end;
}

/** Where the encrypted data starts. */
export function dataStart(at: number, ivLength: number): number {
  return at + HEADER_LENGTH + ivLength;
}

/** Where the data ends and the padding starts. Of a decrypted packet that `checkTrailer` liked. */
export function dataEnd(view: DataView, end: number, icvLength: number): number {
  return trailerStart(end, icvLength) - padLength(view, end, icvLength);
}

/** Where pad length and next header are. */
export function trailerStart(end: number, icvLength: number): number {
  return end - icvLength - TRAILER_LENGTH;
}

/** Where the integrity check value starts. */
export function icvStart(end: number, icvLength: number): number {
  return end - icvLength;
}

/** Padding that makes data and trailer a multiple of `alignment`: 4 (RFC 4303 §2.4), or a block cipher's block size. */
export function paddingFor(dataLength: number, alignment: number = 4): number {
  return (alignment - ((dataLength + TRAILER_LENGTH) % alignment)) % alignment;
}

/** Bytes of the whole ESP packet around `dataLength` bytes. */
export function encapsulatedLength(
  dataLength: number,
  ivLength: number,
  icvLength: number,
  alignment: number = 4,
): number {
  return HEADER_LENGTH + ivLength + dataLength + paddingFor(dataLength, alignment) + TRAILER_LENGTH + icvLength;
}

/** The most data that an ESP packet of at most `room` bytes holds: {@link encapsulatedLength} the other way round. */
export function largestData(room: number, ivLength: number, icvLength: number, alignment: number = 4): number {
  const padded = room - HEADER_LENGTH - ivLength - icvLength;
  return padded - (padded % alignment) - TRAILER_LENGTH;
}

export interface Esp {
  readonly spi: number;
  readonly sequence: number;
}

/** Plain value of a checked header. */
export function plain(view: DataView, at: number): Esp {
  return { spi: spi(view, at), sequence: sequence(view, at) };
}

export function decode(bytes: Uint8Array): Result<Esp> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const status = check(view, 0, bytes.length);
  return status === Status.ok ? ok(plain(view, 0)) : fail(status, "esp", 0, HEADER_LENGTH, bytes.length);
}

/** Header and payload in a new array; the payload is everything from IV to ICV, as it goes on the wire. */
export function encode(esp: Esp, payload: Uint8Array = new Uint8Array(), _options: EncodeOptions = {}): Uint8Array {
  requireBits("esp spi", esp.spi, 32);
  requireBits("esp sequence", esp.sequence, 32);
  const bytes = new Uint8Array(HEADER_LENGTH + payload.length);
  const view = new DataView(bytes.buffer);
  setSpi(view, 0, esp.spi);
  setSequence(view, 0, esp.sequence);
  bytes.set(payload, HEADER_LENGTH);
  return bytes;
}

/** `spi 0x453f6df3 seq 81` */
export function format(view: DataView, at: number): string {
  return `spi 0x${spi(view, at).toString(16).padStart(8, "0")} seq ${sequence(view, at)}`;
}
