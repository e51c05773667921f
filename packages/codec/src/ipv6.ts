/**
 * IPv6 (RFC 8200 §3).
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |Version| Traffic Class |           Flow Label                  |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |         Payload Length        |  Next Header  |   Hop Limit   |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                                                               |
 * +                        Source Address                         +
 * |                          (16 bytes)                           |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                                                               |
 * +                      Destination Address                      +
 * |                          (16 bytes)                           |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * There is no header checksum. Extension headers are layers of their own (ipv6-extensions.ts). Not covered: reassembly.
 */
import { formatIpv6 } from "./address.ts";
import { bytesAt } from "./bytes.ts";
import { type EncodeOptions, requireBits } from "./encode.ts";
import { type Field, field } from "./field.ts";
import { fail, ok, type Result } from "./result.ts";
import { Status } from "./status.ts";

export const HEADER_LENGTH = 40;
export const ADDRESS_LENGTH = 16;
/** Where the addresses start: `pseudoHeader6(view, at + ADDRESSES_OFFSET, ...)` sums both. */
export const ADDRESSES_OFFSET = 8;

export const layout: readonly Field[] = [
  field("version", 0, 4, "ipv6.version"),
  field("trafficClass", 4, 8, "ipv6.tclass", "hex"),
  field("flowLabel", 12, 20, "ipv6.flow", "hex"),
  field("payloadLength", 32, 16, "ipv6.plen"),
  field("nextHeader", 48, 8, "ipv6.nxt"),
  field("hopLimit", 56, 8, "ipv6.hlim"),
  field("srcIp", 64, 128, "ipv6.src", "ipv6"),
  field("dstIp", 192, 128, "ipv6.dst", "ipv6"),
];

/**
 * Header and payload lie inside [at, end). After `ok`, every accessor below is safe.
 * Payload length 0 stands for "to the end": a jumbogram says its length in an option (RFC 2675 §3), and Linux leaves 0
 * in a packet too large to say it that the network card will still cut (net/ipv6/ip6_output.c, ip6_xmit).
 */
export function check(view: DataView, at: number, end: number): Status {
  if (end - at < HEADER_LENGTH) return Status.truncated;
  if (view.getUint8(at) >> 4 !== 6) return Status.badVersion;
  return HEADER_LENGTH + view.getUint16(at + 4) > end - at ? Status.truncated : Status.ok;
}

/** 6. */
export function version(view: DataView, at: number): number {
  return view.getUint8(at) >> 4;
}

/** DSCP and ECN (RFC 2474, RFC 3168). */
export function trafficClass(view: DataView, at: number): number {
  return (view.getUint16(at) >> 4) & 0xff;
}

/** RFC 8200 §6, 20 bits. */
export function flowLabel(view: DataView, at: number): number {
  return view.getInt32(at) & 0xfffff;
}

/** RFC 8200 §3, "Payload Length": what follows this header in bytes, extension headers included; 0 in jumbograms. */
export function payloadLength(view: DataView, at: number): number {
  return view.getUint16(at + 4);
}

/** RFC 8200 §3, "Next Header": an extension header or the upper layer, as IPv4's protocol. */
export function nextHeader(view: DataView, at: number): number {
  return view.getUint8(at + 6);
}

/** RFC 8200 §3, "Hop Limit": hops that are left. */
export function hopLimit(view: DataView, at: number): number {
  return view.getUint8(at + 7);
}

/** Source address as a copy of its sixteen bytes: allocates. {@link srcIpWord} does not. */
export function srcIp(view: DataView, at: number): Uint8Array {
  return addressAt(view, at + 8);
}

/** Destination address as a copy of its sixteen bytes: allocates. {@link dstIpWord} does not. */
export function dstIp(view: DataView, at: number): Uint8Array {
  return addressAt(view, at + 24);
}

/** Word 0 to 3 of the source address as an int32. */
export function srcIpWord(view: DataView, at: number, index: number): number {
  return view.getInt32(at + 8 + index * 4);
}

/** Word 0 to 3 of the destination address as an int32. */
export function dstIpWord(view: DataView, at: number, index: number): number {
  return view.getInt32(at + 24 + index * 4);
}

/** The IPv6 address at `at`, wherever one stands, as a copy of its sixteen bytes. */
export function addressAt(view: DataView, at: number): Uint8Array {
  return bytesAt(view, at, at + ADDRESS_LENGTH);
}

/** Writes sixteen bytes at `at`. */
export function setAddressAt(view: DataView, at: number, address: Uint8Array): void {
  for (let index = 0; index < ADDRESS_LENGTH; index++) view.setUint8(at + index, address[index]!);
}

/** Writes version 6, traffic class and flow label. */
export function setTrafficClassAndFlowLabel(view: DataView, at: number, tos: number, label: number): void {
  view.setInt32(at, 0x60000000 | ((tos & 0xff) << 20) | (label & 0xfffff));
}

/** May undo what `check` established. */
export function setPayloadLength(view: DataView, at: number, bytes: number): void {
  view.setUint16(at + 4, bytes);
}

export function setNextHeader(view: DataView, at: number, protocol: number): void {
  view.setUint8(at + 6, protocol);
}

export function setHopLimit(view: DataView, at: number, value: number): void {
  view.setUint8(at + 7, value);
}

export function setSrcIp(view: DataView, at: number, address: Uint8Array): void {
  setAddressAt(view, at + 8, address);
}

export function setDstIp(view: DataView, at: number, address: Uint8Array): void {
  setAddressAt(view, at + 24, address);
}

/** First byte behind the fixed header: that of an extension header, if there is one. */
export function payloadStart(_view: DataView, at: number): number {
  return at + HEADER_LENGTH;
}

/** End of the packet by its payload length; all there is if that is 0: see `check`. */
export function payloadEnd(view: DataView, at: number, end: number): number {
  const length = view.getUint16(at + 4);
  return length === 0 ? end : at + HEADER_LENGTH + length;
}

export interface Ipv6 {
  readonly version: number;
  readonly trafficClass: number;
  readonly flowLabel: number;
  readonly payloadLength: number;
  readonly nextHeader: number;
  readonly hopLimit: number;
  readonly srcIp: Uint8Array;
  readonly dstIp: Uint8Array;
}

/** Plain value of a checked header. */
export function plain(view: DataView, at: number): Ipv6 {
  return {
    version: version(view, at),
    trafficClass: trafficClass(view, at),
    flowLabel: flowLabel(view, at),
    payloadLength: payloadLength(view, at),
    nextHeader: nextHeader(view, at),
    hopLimit: hopLimit(view, at),
    srcIp: srcIp(view, at),
    dstIp: dstIp(view, at),
  };
}

export function decode(bytes: Uint8Array): Result<Ipv6> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const status = check(view, 0, bytes.length);
  if (status === Status.ok) return ok(plain(view, 0));
  const required = bytes.length < HEADER_LENGTH ? HEADER_LENGTH : HEADER_LENGTH + payloadLength(view, 0);
  return fail(status, "ipv6", 0, required, bytes.length);
}

/** What `encode` takes. The payload length is computed unless the options keep it; the rest has usual values. */
export interface Ipv6Init extends Partial<Ipv6> {
  readonly nextHeader: number;
  readonly srcIp: Uint8Array;
  readonly dstIp: Uint8Array;
}

/** Header and payload in a new array. A payload of more than 65 535 bytes has length 0 and needs a jumbo option. */
export function encode(
  ipv6: Ipv6Init,
  payload: Uint8Array = new Uint8Array(),
  options: EncodeOptions = {},
): Uint8Array {
  const keep = options.lengths === "keep";
  const length = keep ? (ipv6.payloadLength ?? 0) : payload.length > 0xffff ? 0 : payload.length;
  const first = keep ? (ipv6.version ?? 6) : 6;
  requireBits("ipv6 version", first, 4);
  requireBits("ipv6 trafficClass", ipv6.trafficClass ?? 0, 8);
  requireBits("ipv6 flowLabel", ipv6.flowLabel ?? 0, 20);
  requireBits("ipv6 payloadLength", length, 16);
  requireBits("ipv6 nextHeader", ipv6.nextHeader, 8);
  requireBits("ipv6 hopLimit", ipv6.hopLimit ?? 64, 8);
  requireAddress("ipv6 srcIp", ipv6.srcIp);
  requireAddress("ipv6 dstIp", ipv6.dstIp);
  const bytes = new Uint8Array(HEADER_LENGTH + payload.length);
  const view = new DataView(bytes.buffer);
  setTrafficClassAndFlowLabel(view, 0, ipv6.trafficClass ?? 0, ipv6.flowLabel ?? 0);
  view.setUint8(0, (first << 4) | (view.getUint8(0) & 15));
  setPayloadLength(view, 0, length);
  setNextHeader(view, 0, ipv6.nextHeader);
  setHopLimit(view, 0, ipv6.hopLimit ?? 64);
  setSrcIp(view, 0, ipv6.srcIp);
  setDstIp(view, 0, ipv6.dstIp);
  bytes.set(payload, HEADER_LENGTH);
  return bytes;
}

/** Stops a programmer's mistake: an address of any other length than sixteen bytes. Cold functions only. */
export function requireAddress(name: string, address: Uint8Array): void {
  if (address.length !== ADDRESS_LENGTH) {
    throw new RangeError(`${name} has ${address.length} bytes, expected ${ADDRESS_LENGTH}`);
  }
}

/** `fe80::42:aff:fe00:903 > ff02::1 hop limit 255 length 32` */
export function format(view: DataView, at: number): string {
  const tos = trafficClass(view, at) === 0 ? "" : ` class 0x${trafficClass(view, at).toString(16)}`;
  const label = flowLabel(view, at) === 0 ? "" : ` flow 0x${flowLabel(view, at).toString(16)}`;
  return `${formatIpv6(srcIp(view, at))} > ${formatIpv6(dstIp(view, at))} hop limit ${hopLimit(view, at)}${tos}${label} length ${payloadLength(view, at)}`;
}
