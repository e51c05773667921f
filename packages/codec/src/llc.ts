/**
 * LLC (IEEE 802.2 §3, §5.2) behind a length field, with SNAP (IEEE 802 §9.2, RFC 1042) if its service access points say so.
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |     DSAP      |     SSAP      |    Control    | I and S: N(R) |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |      0xaa     |      0xaa     |   UI (0x03)   |      OUI
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *               OUI, cont.        |          Protocol id          |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * The control field is one byte in unnumbered frames, two in information and supervisory frames.
 * Not covered: Novell's "raw 802.3", which has no LLC header and starts with 0xffff: `unsupported`.
 */
import { type EncodeOptions, requireBits } from "./encode.ts";
import { type Field, field } from "./field.ts";
import { fail, ok, type Result } from "./result.ts";
import { Status } from "./status.ts";

/** With a control field of one byte. */
export const HEADER_LENGTH = 3;
/** With SNAP. */
export const SNAP_HEADER_LENGTH = 8;

/** Service access points that are seen in practice (IEEE's list of standard group and individual addresses). */
export const ServiceAccessPoint = {
  null: 0x00,
  ipv4: 0x06,
  stp: 0x42,
  snap: 0xaa,
  ipx: 0xe0,
  netbios: 0xf0,
  iso: 0xfe,
  global: 0xff,
} as const;

/** Control field of an unnumbered information frame, the poll bit clear. */
export const UNNUMBERED_INFORMATION = 0x03;
const POLL_OR_FINAL_UNNUMBERED = 0x10;

export const layout: readonly Field[] = [
  field("dsap", 0, 8, "llc.dsap", "hex"),
  field("ssap", 8, 8, "llc.ssap", "hex"),
  field("control", 16, 8, "", "hex"),
];

/** What follows the fixed header if {@link isSnap}. */
export const snapLayout: readonly Field[] = [
  field("oui", 24, 24, "llc.oui", "hex"),
  field("protocolId", 48, 16, "llc.type", "hex"),
];

/** The header, SNAP included, lies inside [at, end). After `ok`, every accessor below is safe where it applies. */
export function check(view: DataView, at: number, end: number): Status {
  if (end - at < HEADER_LENGTH) return Status.truncated;
  if (view.getUint16(at) === 0xffff) return Status.unsupported;
  return end - at < headerLength(view, at) ? Status.truncated : Status.ok;
}

/** Destination service access point; the lowest bit says group. */
export function dsap(view: DataView, at: number): number {
  return view.getUint8(at);
}

/** Source service access point; the lowest bit says response. */
export function ssap(view: DataView, at: number): number {
  return view.getUint8(at + 1);
}

/** First byte of the control field. */
export function control(view: DataView, at: number): number {
  return view.getUint8(at + 2);
}

/** True for frames without a sequence number, whose control field is one byte. */
export function isUnnumbered(view: DataView, at: number): boolean {
  return (view.getUint8(at + 2) & 3) === 3;
}

/** Second byte of the control field: N(R) and the poll/final bit. Only if not {@link isUnnumbered}. */
export function controlHigh(view: DataView, at: number): number {
  return view.getUint8(at + 3);
}

/** True if a SNAP header follows: both access points are SNAP's and the frame is unnumbered information (RFC 1042). */
export function isSnap(view: DataView, at: number): boolean {
  return (
    (view.getUint16(at) & 0xfffe) === 0xaaaa &&
    (view.getUint8(at + 2) & ~POLL_OR_FINAL_UNNUMBERED) === UNNUMBERED_INFORMATION
  );
}

/** SNAP's organizationally unique identifier, 24 bits. Only if {@link isSnap}. */
export function oui(view: DataView, at: number): number {
  return (view.getUint8(at + 3) << 16) | view.getUint16(at + 4);
}

/** SNAP's protocol id; an EtherType if the OUI is 0. Only if {@link isSnap}. */
export function protocolId(view: DataView, at: number): number {
  return view.getUint16(at + 6);
}

/** EtherType of what follows, or -1 where the header names none: no SNAP, or another organization's numbers. */
export function etherType(view: DataView, at: number): number {
  return isSnap(view, at) && oui(view, at) === 0 ? protocolId(view, at) : -1;
}

/** 3, 4, or with SNAP 8 bytes. */
export function headerLength(view: DataView, at: number): number {
  if (!isUnnumbered(view, at)) return HEADER_LENGTH + 1;
  return isSnap(view, at) ? SNAP_HEADER_LENGTH : HEADER_LENGTH;
}

/** May undo what `check` established, as may the next two: they decide on the header's length. */
export function setDsap(view: DataView, at: number, address: number): void {
  view.setUint8(at, address);
}

export function setSsap(view: DataView, at: number, address: number): void {
  view.setUint8(at + 1, address);
}

export function setControl(view: DataView, at: number, value: number): void {
  view.setUint8(at + 2, value);
}

export function setControlHigh(view: DataView, at: number, value: number): void {
  view.setUint8(at + 3, value);
}

export function setOui(view: DataView, at: number, organization: number): void {
  view.setUint8(at + 3, organization >> 16);
  view.setUint16(at + 4, organization);
}

export function setProtocolId(view: DataView, at: number, id: number): void {
  view.setUint16(at + 6, id);
}

export function payloadStart(view: DataView, at: number): number {
  return at + headerLength(view, at);
}

/** LLC has no length of its own: the length field in front of it has bounded `end`. */
export function payloadEnd(_view: DataView, _at: number, end: number): number {
  return end;
}

export interface Llc {
  readonly dsap: number;
  readonly ssap: number;
  readonly control: number;
  /** Second byte of the control field, or -1 in unnumbered frames, which have none. */
  readonly controlHigh: number;
  /** SNAP's organization, or -1 without SNAP. */
  readonly oui: number;
  /** SNAP's protocol id, or -1 without SNAP. */
  readonly protocolId: number;
}

/** Plain value of a checked header. */
export function plain(view: DataView, at: number): Llc {
  const snap = isSnap(view, at);
  return {
    dsap: dsap(view, at),
    ssap: ssap(view, at),
    control: control(view, at),
    controlHigh: isUnnumbered(view, at) ? -1 : controlHigh(view, at),
    oui: snap ? oui(view, at) : -1,
    protocolId: snap ? protocolId(view, at) : -1,
  };
}

export function decode(bytes: Uint8Array): Result<Llc> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const status = check(view, 0, bytes.length);
  if (status === Status.ok) return ok(plain(view, 0));
  const required = bytes.length < HEADER_LENGTH ? HEADER_LENGTH : headerLength(view, 0);
  return fail(status, "llc", 0, required, bytes.length);
}

/** What `encode` takes: unnumbered information unless `control` says otherwise. */
export interface LlcInit extends Partial<Llc> {
  readonly dsap: number;
  readonly ssap: number;
}

/**
 * Header and payload in a new array. Access points and control decide which parts there are; SNAP's two fields must
 * be given where they are written.
 */
export function encode(llc: LlcInit, payload: Uint8Array = new Uint8Array(), _options: EncodeOptions = {}): Uint8Array {
  const value = llc.control ?? UNNUMBERED_INFORMATION;
  requireBits("llc dsap", llc.dsap, 8);
  requireBits("llc ssap", llc.ssap, 8);
  requireBits("llc control", value, 8);
  const first = new DataView(new ArrayBuffer(HEADER_LENGTH));
  setDsap(first, 0, llc.dsap);
  setSsap(first, 0, llc.ssap);
  setControl(first, 0, value);
  const header = headerLength(first, 0);
  const bytes = new Uint8Array(header + payload.length);
  const view = new DataView(bytes.buffer);
  bytes.set(new Uint8Array(first.buffer), 0);
  if (!isUnnumbered(view, 0)) {
    requireBits("llc controlHigh", llc.controlHigh ?? 0, 8);
    setControlHigh(view, 0, llc.controlHigh ?? 0);
  } else if (header === SNAP_HEADER_LENGTH) {
    requireBits("llc oui", llc.oui ?? 0, 24);
    requireBits("llc protocolId", llc.protocolId ?? -1, 16);
    setOui(view, 0, llc.oui ?? 0);
    setProtocolId(view, 0, llc.protocolId ?? -1);
  }
  bytes.set(payload, header);
  return bytes;
}

const ACCESS_POINT_NAMES: ReadonlyMap<number, string> = new Map([
  [ServiceAccessPoint.null, "null"],
  [ServiceAccessPoint.ipv4, "IPv4"],
  [ServiceAccessPoint.stp, "STP"],
  [ServiceAccessPoint.snap, "SNAP"],
  [ServiceAccessPoint.ipx, "IPX"],
  [ServiceAccessPoint.netbios, "NetBIOS"],
  [ServiceAccessPoint.iso, "ISO"],
]);

/** IEEE 802.2 §5.4: unnumbered frames by their control field, poll/final bit clear. */
const UNNUMBERED_NAMES: ReadonlyMap<number, string> = new Map([
  [0x03, "UI"],
  [0x0f, "DM"],
  [0x43, "DISC"],
  [0x63, "UA"],
  [0x6f, "SABME"],
  [0x87, "FRMR"],
  [0xaf, "XID"],
  [0xe3, "TEST"],
]);

const SUPERVISORY_NAMES: readonly string[] = ["RR", "RNR", "REJ", "S"];

/** `STP UI`, `NetBIOS RR`, `SNAP type 0x0800`, `SNAP oui 0x00000c protocol 0x2000`, `0x18 > 0x42 UI` */
export function format(view: DataView, at: number): string {
  if (isSnap(view, at)) {
    const id = protocolId(view, at).toString(16).padStart(4, "0");
    const organization = oui(view, at);
    return organization === 0
      ? `SNAP type 0x${id}`
      : `SNAP oui 0x${organization.toString(16).padStart(6, "0")} protocol 0x${id}`;
  }
  const source = accessPoint(ssap(view, at) & 0xfe);
  const destination = accessPoint(dsap(view, at));
  return `${source === destination ? source : `${source} > ${destination}`} ${controlName(control(view, at))}`;
}

function accessPoint(address: number): string {
  return ACCESS_POINT_NAMES.get(address) ?? `0x${address.toString(16).padStart(2, "0")}`;
}

function controlName(value: number): string {
  if ((value & 1) === 0) return "I";
  if ((value & 3) === 1) return SUPERVISORY_NAMES[(value >> 2) & 3]!;
  return UNNUMBERED_NAMES.get(value & ~POLL_OR_FINAL_UNNUMBERED) ?? `U 0x${value.toString(16)}`;
}
