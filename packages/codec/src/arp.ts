/**
 * ARP for IPv4 over Ethernet (RFC 826).
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |         Hardware type         |         Protocol type         |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |Hardware length|Protocol length|           Operation           |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                 Sender hardware address                       |
 * +                               +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                               |    Sender protocol address    |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * | Sender protocol address, cont.|    Target hardware address    |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+                               +
 * |                                                               |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                 Target protocol address                       |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * Not covered: other address lengths than 6 and 4, which are `unsupported`; RARP and InARP beyond their fields.
 */
import { formatIpv4, formatMac, macAt, setMacAt } from "./address.ts";
import { EtherType } from "./code-points.ts";
import { type EncodeOptions, requireBits, requireWord } from "./encode.ts";
import { type Field, field } from "./field.ts";
import { fail, ok, type Result } from "./result.ts";
import { Status } from "./status.ts";

/** The four fields that say what the addresses are, and the operation. */
export const FIXED_LENGTH = 8;
/** The whole message for Ethernet and IPv4. */
export const HEADER_LENGTH = 28;

export const ArpOperation = { request: 1, reply: 2 } as const;

/** Hardware types with 48-bit addresses (IANA "arp-parameters"). */
export const HardwareType = { ethernet: 1, ieee802: 6 } as const;

export const layout: readonly Field[] = [
  field("hardwareType", 0, 16, "arp.hw.type"),
  field("protocolType", 16, 16, "arp.proto.type", "hex"),
  field("hardwareLength", 32, 8, "arp.hw.size"),
  field("protocolLength", 40, 8, "arp.proto.size"),
  field("operation", 48, 16, "arp.opcode"),
  field("senderMac", 64, 48, "arp.src.hw_mac", "mac"),
  field("senderIp", 112, 32, "arp.src.proto_ipv4", "ipv4"),
  field("targetMac", 144, 48, "arp.dst.hw_mac", "mac"),
  field("targetIp", 192, 32, "arp.dst.proto_ipv4", "ipv4"),
];

/**
 * The message lies inside [at, end) and is about Ethernet and IPv4. After `ok`, every accessor below is safe; after
 * `unsupported`, those of the first eight bytes are. Hardware type 6 is taken for Ethernet, as Linux does
 * (net/ipv4/arp.c, arp_process).
 */
export function check(view: DataView, at: number, end: number): Status {
  if (end - at < FIXED_LENGTH) return Status.truncated;
  const hardware = view.getUint16(at);
  if (hardware !== HardwareType.ethernet && hardware !== HardwareType.ieee802) return Status.unsupported;
  if (view.getUint16(at + 2) !== EtherType.ipv4) return Status.unsupported;
  if (view.getUint16(at + 4) !== 0x0604) return Status.unsupported;
  return end - at < HEADER_LENGTH ? Status.truncated : Status.ok;
}

/** RFC 826, `ar$hrd`: see {@link HardwareType}. */
export function hardwareType(view: DataView, at: number): number {
  return view.getUint16(at);
}

/** RFC 826, `ar$pro`: an EtherType. */
export function protocolType(view: DataView, at: number): number {
  return view.getUint16(at + 2);
}

/** RFC 826, `ar$hln`: bytes of a hardware address. */
export function hardwareLength(view: DataView, at: number): number {
  return view.getUint8(at + 4);
}

/** RFC 826, `ar$pln`: bytes of a protocol address. */
export function protocolLength(view: DataView, at: number): number {
  return view.getUint8(at + 5);
}

/** RFC 826, `ar$op`: see {@link ArpOperation}. */
export function operation(view: DataView, at: number): number {
  return view.getUint16(at + 6);
}

/** RFC 826, `ar$sha`, as a 48-bit number. */
export function senderMac(view: DataView, at: number): number {
  return macAt(view, at + 8);
}

/** RFC 826, `ar$spa`, as an int32; 0.0.0.0 in a probe. */
export function senderIp(view: DataView, at: number): number {
  return view.getInt32(at + 14);
}

/** RFC 826, `ar$tha`, as a 48-bit number; a request has no meaning for it. */
export function targetMac(view: DataView, at: number): number {
  return macAt(view, at + 18);
}

/** RFC 826, `ar$tpa`, as an int32. */
export function targetIp(view: DataView, at: number): number {
  return view.getInt32(at + 24);
}

/** Asks whether an address is in use without claiming it: RFC 5227 §1.1, "ARP Probe". */
export function isProbe(view: DataView, at: number): boolean {
  return operation(view, at) === ArpOperation.request && senderIp(view, at) === 0;
}

/** Says who has an address without having been asked: RFC 5227 §1.1, "ARP Announcement", or the same as a reply. */
export function isGratuitous(view: DataView, at: number): boolean {
  return senderIp(view, at) === targetIp(view, at) && senderIp(view, at) !== 0;
}

/** Writes the fields that say Ethernet and IPv4. */
export function setFixed(view: DataView, at: number): void {
  view.setUint16(at, HardwareType.ethernet);
  view.setUint16(at + 2, EtherType.ipv4);
  view.setUint16(at + 4, 0x0604);
}

/** May undo what `check` established. */
export function setHardwareType(view: DataView, at: number, type: number): void {
  view.setUint16(at, type);
}

/** May undo what `check` established. */
export function setProtocolType(view: DataView, at: number, type: number): void {
  view.setUint16(at + 2, type);
}

/** May undo what `check` established. */
export function setHardwareLength(view: DataView, at: number, bytes: number): void {
  view.setUint8(at + 4, bytes);
}

/** May undo what `check` established. */
export function setProtocolLength(view: DataView, at: number, bytes: number): void {
  view.setUint8(at + 5, bytes);
}

export function setOperation(view: DataView, at: number, code: number): void {
  view.setUint16(at + 6, code);
}

export function setSenderMac(view: DataView, at: number, mac: number): void {
  setMacAt(view, at + 8, mac);
}

export function setSenderIp(view: DataView, at: number, address: number): void {
  view.setInt32(at + 14, address);
}

export function setTargetMac(view: DataView, at: number, mac: number): void {
  setMacAt(view, at + 18, mac);
}

export function setTargetIp(view: DataView, at: number, address: number): void {
  view.setInt32(at + 24, address);
}

export function payloadStart(_view: DataView, at: number): number {
  return at + HEADER_LENGTH;
}

/** ARP carries nothing: what follows in the frame is padding. */
export function payloadEnd(_view: DataView, at: number, _end: number): number {
  return at + HEADER_LENGTH;
}

export interface Arp {
  readonly hardwareType: number;
  readonly protocolType: number;
  readonly hardwareLength: number;
  readonly protocolLength: number;
  readonly operation: number;
  readonly senderMac: number;
  readonly senderIp: number;
  readonly targetMac: number;
  readonly targetIp: number;
}

/** Plain value of a checked message. */
export function plain(view: DataView, at: number): Arp {
  return {
    hardwareType: hardwareType(view, at),
    protocolType: protocolType(view, at),
    hardwareLength: hardwareLength(view, at),
    protocolLength: protocolLength(view, at),
    operation: operation(view, at),
    senderMac: senderMac(view, at),
    senderIp: senderIp(view, at),
    targetMac: targetMac(view, at),
    targetIp: targetIp(view, at),
  };
}

export function decode(bytes: Uint8Array): Result<Arp> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const status = check(view, 0, bytes.length);
  if (status === Status.ok) return ok(plain(view, 0));
  return fail(status, "arp", 0, bytes.length < FIXED_LENGTH ? FIXED_LENGTH : HEADER_LENGTH, bytes.length);
}

/** What `encode` takes. The target's MAC is 0 unless given, as in a request; the types are those of Ethernet and IPv4. */
export interface ArpInit extends Partial<Arp> {
  readonly operation: number;
  readonly senderMac: number;
  readonly senderIp: number;
  readonly targetIp: number;
}

/** The message in a new array, with what is to follow it: Ethernet padding. The lengths given count with "keep" only. */
export function encode(arp: ArpInit, payload: Uint8Array = new Uint8Array(), options: EncodeOptions = {}): Uint8Array {
  const keep = options.lengths === "keep";
  const hardwareBytes = keep ? (arp.hardwareLength ?? 6) : 6;
  const protocolBytes = keep ? (arp.protocolLength ?? 4) : 4;
  requireBits("arp hardwareType", arp.hardwareType ?? 0, 16);
  requireBits("arp protocolType", arp.protocolType ?? 0, 16);
  requireBits("arp hardwareLength", hardwareBytes, 8);
  requireBits("arp protocolLength", protocolBytes, 8);
  requireBits("arp operation", arp.operation, 16);
  requireBits("arp senderMac", arp.senderMac, 48);
  requireBits("arp targetMac", arp.targetMac ?? 0, 48);
  requireWord("arp senderIp", arp.senderIp);
  requireWord("arp targetIp", arp.targetIp);
  const bytes = new Uint8Array(HEADER_LENGTH + payload.length);
  const view = new DataView(bytes.buffer);
  setHardwareType(view, 0, arp.hardwareType ?? HardwareType.ethernet);
  setProtocolType(view, 0, arp.protocolType ?? EtherType.ipv4);
  setHardwareLength(view, 0, hardwareBytes);
  setProtocolLength(view, 0, protocolBytes);
  setOperation(view, 0, arp.operation);
  setSenderMac(view, 0, arp.senderMac);
  setSenderIp(view, 0, arp.senderIp);
  setTargetMac(view, 0, arp.targetMac ?? 0);
  setTargetIp(view, 0, arp.targetIp);
  bytes.set(payload, HEADER_LENGTH);
  return bytes;
}

/**
 * `who has 10.0.9.5 tell 10.0.9.3`, `10.0.9.5 is at 02:42:0a:00:09:05`, `probe: who has 10.0.9.5`,
 * `gratuitous: 10.0.9.5 is at 02:42:0a:00:09:05`
 */
export function format(view: DataView, at: number): string {
  const code = operation(view, at);
  const sender = formatIpv4(senderIp(view, at));
  const target = formatIpv4(targetIp(view, at));
  const claim = `${sender} is at ${formatMac(senderMac(view, at))}`;
  if (code !== ArpOperation.request && code !== ArpOperation.reply) {
    return `operation ${code} from ${formatMac(senderMac(view, at))} ${sender} to ${formatMac(targetMac(view, at))} ${target}`;
  }
  if (isGratuitous(view, at)) return `gratuitous${code === ArpOperation.reply ? " reply" : ""}: ${claim}`;
  if (code === ArpOperation.reply) return claim;
  return isProbe(view, at) ? `probe: who has ${target}` : `who has ${target} tell ${sender}`;
}
