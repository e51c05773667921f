/**
 * One VLAN tag (IEEE 802.1Q §9.6): customer tags (EtherType 0x8100) and service tags (0x88a8, 802.1ad) alike. A stack
 * of tags is a stack of layers.
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * | PCP |D|          VID          |   EtherType of what follows   |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * The tag's own EtherType is the last field of the header in front of it, so the layer starts behind that.
 * Not covered: 802.1ah's I-TAG, and tags in front of LLC in the SNAP-encoded form (IEEE 802.1Q §9.4).
 */
import { MIN_ETHERTYPE } from "./code-points.ts";
import { type EncodeOptions, requireBits } from "./encode.ts";
import { type Field, field } from "./field.ts";
import { fail, ok, type Result } from "./result.ts";
import { Status } from "./status.ts";

export const HEADER_LENGTH = 4;

/** The null VLAN id: the tag says a priority only (IEEE 802.1Q table 9-2). */
export const NO_VLAN = 0;

/** Wireshark calls the same fields of a service tag `ieee8021ad.priority`, `.dei` and `.id`. */
export const layout: readonly Field[] = [
  field("pcp", 0, 3, "vlan.priority"),
  field("dei", 3, 1, "vlan.dei", "flag"),
  field("vid", 4, 12, "vlan.id"),
  field("etherType", 16, 16, "vlan.etype", "hex"),
];

/** The tag lies inside [at, end). After `ok`, every accessor below is safe. */
export function check(_view: DataView, at: number, end: number): Status {
  return end - at < HEADER_LENGTH ? Status.truncated : Status.ok;
}

/** Tag control information: PCP, DEI and VID in one read. */
export function tci(view: DataView, at: number): number {
  return view.getUint16(at);
}

/** Priority code point, 0 to 7. */
export function pcp(view: DataView, at: number): number {
  return view.getUint8(at) >> 5;
}

/** Drop eligible indicator; in old 802.1Q the canonical format indicator. */
export function dei(view: DataView, at: number): boolean {
  return (view.getUint8(at) & 0x10) !== 0;
}

/** VLAN id, 0 to 4095; see {@link NO_VLAN}. */
export function vid(view: DataView, at: number): number {
  return view.getUint16(at) & 0xfff;
}

/** EtherType of what follows the tag, or below 0x0600 the payload's length (IEEE 802.3 §3.2.6). */
export function etherType(view: DataView, at: number): number {
  return view.getUint16(at + 2);
}

export function setTci(view: DataView, at: number, value: number): void {
  view.setUint16(at, value);
}

export function setPcp(view: DataView, at: number, priority: number): void {
  view.setUint8(at, (priority << 5) | (view.getUint8(at) & 0x1f));
}

export function setDei(view: DataView, at: number, isEligible: boolean): void {
  view.setUint8(at, (isEligible ? 0x10 : 0) | (view.getUint8(at) & 0xef));
}

export function setVid(view: DataView, at: number, id: number): void {
  view.setUint16(at, (view.getUint16(at) & 0xf000) | id);
}

export function setEtherType(view: DataView, at: number, type: number): void {
  view.setUint16(at + 2, type);
}

export function payloadStart(_view: DataView, at: number): number {
  return at + HEADER_LENGTH;
}

/** The length form says where its payload ends, as in Ethernet; otherwise the layer inside knows. */
export function payloadEnd(view: DataView, at: number, end: number): number {
  const type = etherType(view, at);
  return type < MIN_ETHERTYPE ? Math.min(end, at + HEADER_LENGTH + type) : end;
}

export interface Vlan {
  readonly pcp: number;
  readonly dei: boolean;
  readonly vid: number;
  readonly etherType: number;
}

/** Plain value of a checked tag. */
export function plain(view: DataView, at: number): Vlan {
  return { pcp: pcp(view, at), dei: dei(view, at), vid: vid(view, at), etherType: etherType(view, at) };
}

export function decode(bytes: Uint8Array): Result<Vlan> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const status = check(view, 0, bytes.length);
  return status === Status.ok ? ok(plain(view, 0)) : fail(status, "vlan", 0, HEADER_LENGTH, bytes.length);
}

/** What `encode` takes: priority 0 and not drop eligible unless given. */
export interface VlanInit extends Partial<Vlan> {
  readonly vid: number;
  readonly etherType: number;
}

/** Tag and payload in a new array; it goes behind an EtherType of `vlan` or `serviceVlan`. */
export function encode(
  vlan: VlanInit,
  payload: Uint8Array = new Uint8Array(),
  _options: EncodeOptions = {},
): Uint8Array {
  const priority = vlan.pcp ?? 0;
  requireBits("vlan pcp", priority, 3);
  requireBits("vlan vid", vlan.vid, 12);
  requireBits("vlan etherType", vlan.etherType, 16);
  const bytes = new Uint8Array(HEADER_LENGTH + payload.length);
  const view = new DataView(bytes.buffer);
  setTci(view, 0, (priority << 13) | ((vlan.dei ?? false) ? 0x1000 : 0) | vlan.vid);
  setEtherType(view, 0, vlan.etherType);
  bytes.set(payload, HEADER_LENGTH);
  return bytes;
}

/** `vlan 100`, `vlan 100 priority 5 drop eligible`, `priority tag, priority 5` */
export function format(view: DataView, at: number): string {
  const id = vid(view, at);
  const priority = pcp(view, at);
  const eligible = dei(view, at) ? " drop eligible" : "";
  if (id === NO_VLAN) return `priority tag, priority ${priority}${eligible}`;
  return `vlan ${id}${priority === 0 ? "" : ` priority ${priority}`}${eligible}`;
}
