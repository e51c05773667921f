/**
 * VXLAN (RFC 7348 §5), with the group policy bits (draft-smith-vxlan-group-policy, GBP) and the generic protocol
 * extension (draft-ietf-nvo3-vxlan-gpe, GPE) told apart.
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |G|R|Ver|I|P|B|O|R|D|R|R|A|R|R|R|   Group policy id (G=1), or   |
 * |               |               | Reserved | Next protocol (P=1)|
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                VXLAN Network Identifier (VNI) |   Reserved    |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * GPE has a UDP port of its own (4790); on the VXLAN port its P bit is a reserved bit that a receiver must ignore
 * (RFC 7348 §5), although Linux drops such frames (drivers/net/vxlan/vxlan_core.c, vxlan_rcv).
 * Not covered: the GBP-specific options beyond D and A.
 */
import { type EncodeOptions, requireBits } from "./encode.ts";
import { type Field, field } from "./field.ts";
import { fail, ok, type Result } from "./result.ts";
import { Status } from "./status.ts";

export const HEADER_LENGTH = 8;
/** IANA's port. Linux' own default without configuration is 8472; Docker uses this one. */
export const PORT = 4789;
/** What VXLAN over IPv4 puts before an inner frame: Ethernet 14, IPv4 20, UDP 8, VXLAN 8. */
export const OVERHEAD = 50;

/** Bits of the first byte. */
export const VxlanFlag = {
  /** GBP: the group policy id is valid. */
  group: 0x80,
  /** RFC 7348: the VNI is valid. Must be set. */
  vni: 0x08,
  /** GPE: the next protocol field is valid. */
  nextProtocol: 0x04,
  /** GPE: broadcast, unknown unicast or multicast. */
  bum: 0x02,
  /** GPE: operations and maintenance. */
  oam: 0x01,
} as const;

/** GPE's next protocol numbers. */
export const GpeProtocol = { ipv4: 1, ipv6: 2, ethernet: 3, nsh: 4 } as const;

export const layout: readonly Field[] = [
  field("flags", 0, 8, "", "hex"),
  field("reserved1", 8, 8, "", "hex"),
  field("groupPolicyId", 16, 16, "vxlan.gbp"),
  field("vni", 32, 24, "vxlan.vni"),
  field("reserved2", 56, 8, "vxlan.reserved8", "hex"),
];

/** The header lies inside [at, end) and its VNI is valid. After `ok`, every accessor below is safe. */
export function check(view: DataView, at: number, end: number): Status {
  if (end - at < HEADER_LENGTH) return Status.truncated;
  return (view.getUint8(at) & VxlanFlag.vni) === 0 ? Status.badFlags : Status.ok;
}

/** The first byte; 0x08 is plain VXLAN. See {@link VxlanFlag}. */
export function flags(view: DataView, at: number): number {
  return view.getUint8(at);
}

/** True if the group policy bit is set. */
export function hasGroupPolicy(view: DataView, at: number): boolean {
  return (view.getUint8(at) & VxlanFlag.group) !== 0;
}

/** The second byte: reserved in RFC 7348, D and A bits in GBP. */
export function reserved1(view: DataView, at: number): number {
  return view.getUint8(at + 1);
}

/** GBP, "D": the receiver shall not learn the inner source address from this frame. */
export function dontLearn(view: DataView, at: number): boolean {
  return (view.getUint8(at + 1) & 0x40) !== 0;
}

/** GBP, "A": the group policy was applied already. */
export function policyApplied(view: DataView, at: number): boolean {
  return (view.getUint8(at + 1) & 0x08) !== 0;
}

/** Bytes 2 and 3: GBP's group policy id where G is set, otherwise reserved. */
export function groupPolicyId(view: DataView, at: number): number {
  return view.getUint16(at + 2);
}

/** True if GPE's next protocol bit is set; it means something on GPE's port only. */
export function hasNextProtocol(view: DataView, at: number): boolean {
  return (view.getUint8(at) & VxlanFlag.nextProtocol) !== 0;
}

/** GPE's next protocol where {@link hasNextProtocol} on GPE's port: see {@link GpeProtocol}. */
export function nextProtocol(view: DataView, at: number): number {
  return view.getUint8(at + 3);
}

/** The 24-bit network identifier. */
export function vni(view: DataView, at: number): number {
  return view.getInt32(at + 4) >>> 8;
}

/** The last byte. */
export function reserved2(view: DataView, at: number): number {
  return view.getUint8(at + 7);
}

/** Writes flags and VNI and zeroes every reserved bit. */
export function setHeader(view: DataView, at: number, networkIdentifier: number): void {
  view.setInt32(at, 0x08000000);
  view.setInt32(at + 4, networkIdentifier << 8);
}

export function setFlags(view: DataView, at: number, value: number): void {
  view.setUint8(at, value);
}

export function setReserved1(view: DataView, at: number, value: number): void {
  view.setUint8(at + 1, value);
}

export function setGroupPolicyId(view: DataView, at: number, id: number): void {
  view.setUint16(at + 2, id);
}

/** Leaves the reserved byte behind the VNI as it is. */
export function setVni(view: DataView, at: number, networkIdentifier: number): void {
  view.setInt32(at + 4, (networkIdentifier << 8) | view.getUint8(at + 7));
}

export function setReserved2(view: DataView, at: number, value: number): void {
  view.setUint8(at + 7, value);
}

export function payloadStart(_view: DataView, at: number): number {
  return at + HEADER_LENGTH;
}

/** VXLAN has no length of its own. */
export function payloadEnd(_view: DataView, _at: number, end: number): number {
  return end;
}

export interface Vxlan {
  readonly flags: number;
  readonly reserved1: number;
  readonly groupPolicyId: number;
  readonly vni: number;
  readonly reserved2: number;
}

/** Plain value of a checked header, reserved bits included. */
export function plain(view: DataView, at: number): Vxlan {
  return {
    flags: flags(view, at),
    reserved1: reserved1(view, at),
    groupPolicyId: groupPolicyId(view, at),
    vni: vni(view, at),
    reserved2: reserved2(view, at),
  };
}

export function decode(bytes: Uint8Array): Result<Vxlan> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const status = check(view, 0, bytes.length);
  return status === Status.ok ? ok(plain(view, 0)) : fail(status, "vxlan", 0, HEADER_LENGTH, bytes.length);
}

export interface VxlanInit extends Partial<Vxlan> {
  readonly vni: number;
}

/** Header and inner frame in a new array. For speed see encapsulation.ts, which copies nothing. */
export function encode(
  vxlan: VxlanInit,
  inner: Uint8Array = new Uint8Array(),
  _options: EncodeOptions = {},
): Uint8Array {
  requireBits("vxlan flags", vxlan.flags ?? 0, 8);
  requireBits("vxlan reserved1", vxlan.reserved1 ?? 0, 8);
  requireBits("vxlan groupPolicyId", vxlan.groupPolicyId ?? 0, 16);
  requireBits("vxlan vni", vxlan.vni, 24);
  requireBits("vxlan reserved2", vxlan.reserved2 ?? 0, 8);
  const bytes = new Uint8Array(HEADER_LENGTH + inner.length);
  const view = new DataView(bytes.buffer);
  setHeader(view, 0, vxlan.vni);
  setFlags(view, 0, vxlan.flags ?? VxlanFlag.vni);
  setReserved1(view, 0, vxlan.reserved1 ?? 0);
  setGroupPolicyId(view, 0, vxlan.groupPolicyId ?? 0);
  setReserved2(view, 0, vxlan.reserved2 ?? 0);
  bytes.set(inner, HEADER_LENGTH);
  return bytes;
}

/** `vni 4097`, `vni 4097 group 5` */
export function format(view: DataView, at: number): string {
  return `vni ${vni(view, at)}${hasGroupPolicy(view, at) ? ` group ${groupPolicyId(view, at)}` : ""}`;
}
