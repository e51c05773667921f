/**
 * Linux cooked capture v2 (tcpdump.org, LINKTYPE_LINUX_SLL2, 276): v1 with the number of the interface.
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |           Protocol            |      Reserved (must be 0)     |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                        Interface index                        |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |      ARPHRD hardware type     |  Packet type  |Address length |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |             Sender's link-layer address (first 8 bytes)       |
 * +                                                               +
 * |                                                               |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * Packet types, hardware types and protocol numbers are those of linux-sll.ts. Not covered: what is not covered there.
 */
import { macAt, setMacAt } from "./address.ts";
import { type EncodeOptions, requireBits } from "./encode.ts";
import { type Field, field } from "./field.ts";
import { ArpHardware, etherTypeOf, formatCooked, PacketType } from "./linux-sll.ts";
import { fail, ok, type Result } from "./result.ts";
import { Status } from "./status.ts";

export const HEADER_LENGTH = 20;

export const layout: readonly Field[] = [
  field("protocol", 0, 16, "sll.etype", "hex"),
  field("reserved", 16, 16, "", "hex"),
  field("interfaceIndex", 32, 32, "sll.ifindex"),
  field("hardwareType", 64, 16, "sll.hatype"),
  field("packetType", 80, 8, "sll.pkttype"),
  field("addressLength", 88, 8, "sll.halen"),
  field("srcMac", 96, 48, "sll.src.eth", "mac"),
  field("addressRest", 144, 16, "", "hex"),
];

/** The header lies inside [at, end). After `ok`, every accessor below is safe. */
export function check(_view: DataView, at: number, end: number): Status {
  return end - at < HEADER_LENGTH ? Status.truncated : Status.ok;
}

/** EtherType, or a number of `SllProtocol`, or one of the hardware type's own. */
export function protocol(view: DataView, at: number): number {
  return view.getUint16(at);
}

/**
 * EtherType of what follows; below 0x0600 (and only then) if an LLC header follows, as behind Ethernet; -1 if the
 * payload is something else.
 */
export function etherType(view: DataView, at: number): number {
  return etherTypeOf(hardwareType(view, at), protocol(view, at));
}

export function reserved(view: DataView, at: number): number {
  return view.getUint16(at + 2);
}

/** The interface's number on the capturing host, in the namespace of the capture. */
export function interfaceIndex(view: DataView, at: number): number {
  return view.getUint32(at + 4);
}

/** See `ArpHardware`. */
export function hardwareType(view: DataView, at: number): number {
  return view.getUint16(at + 8);
}

/** See `PacketType`. */
export function packetType(view: DataView, at: number): number {
  return view.getUint8(at + 10);
}

/** Bytes of the sender's address, of which at most 8 are here; 0 if the link has no addresses. */
export function addressLength(view: DataView, at: number): number {
  return view.getUint8(at + 11);
}

/** Sender's address as a 48-bit number, if `addressLength` is 6; otherwise the address' first six bytes. */
export function srcMac(view: DataView, at: number): number {
  return macAt(view, at + 12);
}

/** The last two bytes of the address field; padding behind a MAC address. */
export function addressRest(view: DataView, at: number): number {
  return view.getUint16(at + 18);
}

export function setProtocol(view: DataView, at: number, type: number): void {
  view.setUint16(at, type);
}

export function setReserved(view: DataView, at: number, value: number): void {
  view.setUint16(at + 2, value);
}

export function setInterfaceIndex(view: DataView, at: number, index: number): void {
  view.setUint32(at + 4, index);
}

export function setHardwareType(view: DataView, at: number, type: number): void {
  view.setUint16(at + 8, type);
}

export function setPacketType(view: DataView, at: number, type: number): void {
  view.setUint8(at + 10, type);
}

export function setAddressLength(view: DataView, at: number, bytes: number): void {
  view.setUint8(at + 11, bytes);
}

/** Leaves the last two bytes of the address field as they are. */
export function setSrcMac(view: DataView, at: number, mac: number): void {
  setMacAt(view, at + 12, mac);
}

export function setAddressRest(view: DataView, at: number, value: number): void {
  view.setUint16(at + 18, value);
}

export function payloadStart(_view: DataView, at: number): number {
  return at + HEADER_LENGTH;
}

/** The layer inside knows its length. */
export function payloadEnd(_view: DataView, _at: number, end: number): number {
  return end;
}

export interface LinuxSll2 {
  readonly protocol: number;
  readonly reserved: number;
  readonly interfaceIndex: number;
  readonly hardwareType: number;
  readonly packetType: number;
  readonly addressLength: number;
  readonly srcMac: number;
  readonly addressRest: number;
}

/** Plain value of a checked header. */
export function plain(view: DataView, at: number): LinuxSll2 {
  return {
    protocol: protocol(view, at),
    reserved: reserved(view, at),
    interfaceIndex: interfaceIndex(view, at),
    hardwareType: hardwareType(view, at),
    packetType: packetType(view, at),
    addressLength: addressLength(view, at),
    srcMac: srcMac(view, at),
    addressRest: addressRest(view, at),
  };
}

export function decode(bytes: Uint8Array): Result<LinuxSll2> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const status = check(view, 0, bytes.length);
  return status === Status.ok ? ok(plain(view, 0)) : fail(status, "linuxSll2", 0, HEADER_LENGTH, bytes.length);
}

/** What `encode` takes: an Ethernet frame to this host unless the rest says otherwise. */
export interface LinuxSll2Init extends Partial<LinuxSll2> {
  readonly protocol: number;
  readonly interfaceIndex: number;
  readonly srcMac: number;
}

/** Header and payload in a new array. The address length counts bytes of another header, so it is written as given. */
export function encode(
  sll: LinuxSll2Init,
  payload: Uint8Array = new Uint8Array(),
  _options: EncodeOptions = {},
): Uint8Array {
  requireBits("linuxSll2 protocol", sll.protocol, 16);
  requireBits("linuxSll2 reserved", sll.reserved ?? 0, 16);
  requireBits("linuxSll2 interfaceIndex", sll.interfaceIndex, 32);
  requireBits("linuxSll2 hardwareType", sll.hardwareType ?? 0, 16);
  requireBits("linuxSll2 packetType", sll.packetType ?? 0, 8);
  requireBits("linuxSll2 addressLength", sll.addressLength ?? 0, 8);
  requireBits("linuxSll2 srcMac", sll.srcMac, 48);
  requireBits("linuxSll2 addressRest", sll.addressRest ?? 0, 16);
  const bytes = new Uint8Array(HEADER_LENGTH + payload.length);
  const view = new DataView(bytes.buffer);
  setProtocol(view, 0, sll.protocol);
  setReserved(view, 0, sll.reserved ?? 0);
  setInterfaceIndex(view, 0, sll.interfaceIndex);
  setHardwareType(view, 0, sll.hardwareType ?? ArpHardware.ethernet);
  setPacketType(view, 0, sll.packetType ?? PacketType.host);
  setAddressLength(view, 0, sll.addressLength ?? 6);
  setSrcMac(view, 0, sll.srcMac);
  setAddressRest(view, 0, sll.addressRest ?? 0);
  bytes.set(payload, HEADER_LENGTH);
  return bytes;
}

/** `interface 2 in from 02:42:0a:00:09:03` */
export function format(view: DataView, at: number): string {
  const cooked = formatCooked(packetType(view, at), addressLength(view, at), srcMac(view, at));
  return `interface ${interfaceIndex(view, at)} ${cooked}`;
}
