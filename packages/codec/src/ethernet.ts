/**
 * Ethernet II and the 802.3 length form (IEEE 802.3 §3).
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                    Destination address                        |
 * +                               +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                               |        Source address         |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+                               +
 * |                                                               |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |   EtherType, or length < 1536 |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * Tags are layers of their own (vlan.ts), so is the LLC header of the length form (llc.ts).
 * Not covered: the frame check sequence. Only a capture says whether there is one; whoever reads it leaves it out of the
 * frame's bytes, as `hopscope decode` does, which names and verifies it.
 */
import { formatMac, macAt, setMacAt } from "./address.ts";
import { MIN_ETHERTYPE } from "./code-points.ts";
import { type EncodeOptions, requireBits } from "./encode.ts";
import { type Field, field } from "./field.ts";
import { fail, ok, type Result } from "./result.ts";
import { Status } from "./status.ts";

export const HEADER_LENGTH = 14;

export const layout: readonly Field[] = [
  field("dstMac", 0, 48, "eth.dst", "mac"),
  field("srcMac", 48, 48, "eth.src", "mac"),
  field("etherType", 96, 16, "eth.type", "hex"),
];

/** The header lies inside [at, end). After `ok`, every accessor below is safe. */
export function check(_view: DataView, at: number, end: number): Status {
  return end - at < HEADER_LENGTH ? Status.truncated : Status.ok;
}

/** Destination address as a 48-bit number. */
export function dstMac(view: DataView, at: number): number {
  return macAt(view, at);
}

/** The destination's first 16 bits. With {@link dstMacLow} the address needs no floating point. */
export function dstMacHigh(view: DataView, at: number): number {
  return view.getUint16(at);
}

/** The destination's last 32 bits as an int32. */
export function dstMacLow(view: DataView, at: number): number {
  return view.getInt32(at + 2);
}

/** Source address as a 48-bit number. */
export function srcMac(view: DataView, at: number): number {
  return macAt(view, at + 6);
}

export function srcMacHigh(view: DataView, at: number): number {
  return view.getUint16(at + 6);
}

/** The source's last 32 bits as an int32. */
export function srcMacLow(view: DataView, at: number): number {
  return view.getInt32(at + 8);
}

/** True if the destination is a group, or everybody (the I/G bit, IEEE 802 §8.2). */
export function isToGroup(view: DataView, at: number): boolean {
  return (view.getUint8(at) & 1) !== 0;
}

/** True if the source can be one: neither a group nor all zeros. */
export function isFromStation(view: DataView, at: number): boolean {
  const high = view.getUint16(at + 6);
  return (high & 0x0100) === 0 && (high !== 0 || view.getInt32(at + 8) !== 0);
}

/** EtherType, or below 0x0600 the payload's length (IEEE 802.3 §3.2.6). */
export function etherType(view: DataView, at: number): number {
  return view.getUint16(at + 12);
}

export function setDstMac(view: DataView, at: number, mac: number): void {
  setMacAt(view, at, mac);
}

export function setSrcMac(view: DataView, at: number, mac: number): void {
  setMacAt(view, at + 6, mac);
}

/** {@link setDstMac} of an address' first 16 bits and its last 32. */
export function setDstMacHalves(view: DataView, at: number, high: number, low: number): void {
  view.setUint16(at, high);
  view.setInt32(at + 2, low);
}

/** {@link setSrcMac} of an address' first 16 bits and its last 32. */
export function setSrcMacHalves(view: DataView, at: number, high: number, low: number): void {
  view.setUint16(at + 6, high);
  view.setInt32(at + 8, low);
}

export function setEtherType(view: DataView, at: number, type: number): void {
  view.setUint16(at + 12, type);
}

export function payloadStart(_view: DataView, at: number): number {
  return at + HEADER_LENGTH;
}

/** The length form says where its payload ends; an Ethernet II frame leaves that to the layer inside. */
export function payloadEnd(view: DataView, at: number, end: number): number {
  const type = etherType(view, at);
  return type < MIN_ETHERTYPE ? Math.min(end, at + HEADER_LENGTH + type) : end;
}

export interface Ethernet {
  readonly dstMac: number;
  readonly srcMac: number;
  readonly etherType: number;
}

/** Plain value of a checked header. */
export function plain(view: DataView, at: number): Ethernet {
  return { dstMac: dstMac(view, at), srcMac: srcMac(view, at), etherType: etherType(view, at) };
}

export function decode(bytes: Uint8Array): Result<Ethernet> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const status = check(view, 0, bytes.length);
  return status === Status.ok ? ok(plain(view, 0)) : fail(status, "ethernet", 0, HEADER_LENGTH, bytes.length);
}

/** Header and payload in a new array. No padding to 60 bytes: a virtual link has none. */
export function encode(
  ethernet: Ethernet,
  payload: Uint8Array = new Uint8Array(),
  _options: EncodeOptions = {},
): Uint8Array {
  requireBits("ethernet dstMac", ethernet.dstMac, 48);
  requireBits("ethernet srcMac", ethernet.srcMac, 48);
  requireBits("ethernet etherType", ethernet.etherType, 16);
  const bytes = new Uint8Array(HEADER_LENGTH + payload.length);
  const view = new DataView(bytes.buffer);
  setDstMac(view, 0, ethernet.dstMac);
  setSrcMac(view, 0, ethernet.srcMac);
  setEtherType(view, 0, ethernet.etherType);
  bytes.set(payload, HEADER_LENGTH);
  return bytes;
}

/** `02:42:0a:00:09:03 > 02:42:0a:00:09:05` */
export function format(view: DataView, at: number): string {
  return `${formatMac(srcMac(view, at))} > ${formatMac(dstMac(view, at))}`;
}
