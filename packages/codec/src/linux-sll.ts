/**
 * Linux cooked capture v1 (tcpdump.org, LINKTYPE_LINUX_SLL, 113): what a capture on the device "any" has in place of
 * the link-layer header.
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |          Packet type          |      ARPHRD hardware type     |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |        Address length         |                               |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+   Sender's link-layer address +
 * |                                          (first 8 bytes)      |
 * +                               +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                               |            Protocol           |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * Not covered: netlink, CAN, radiotap and frame relay frames behind this header: they have no EtherType.
 */
import { formatMac, macAt, setMacAt } from "./address.ts";
import { MIN_ETHERTYPE } from "./code-points.ts";
import { type EncodeOptions, requireBits } from "./encode.ts";
import { type Field, field } from "./field.ts";
import { fail, ok, type Result } from "./result.ts";
import { Status } from "./status.ts";

export const HEADER_LENGTH = 16;

/** Who sent it to whom, as the capturing host sees it (Linux include/uapi/linux/if_packet.h, PACKET_HOST …). */
export const PacketType = { host: 0, broadcast: 1, multicast: 2, otherHost: 3, outgoing: 4 } as const;

/** Hardware types (Linux include/uapi/linux/if_arp.h); behind frame relay, radiotap and netlink `protocol` is no EtherType. */
export const ArpHardware = { ethernet: 1, frameRelay: 770, loopback: 772, radiotap: 803, netlink: 824 } as const;

/** Protocol numbers below 0x0600 (Linux include/uapi/linux/if_ether.h, ETH_P_802_3 …). */
export const SllProtocol = {
  /** Novell's raw 802.3: no LLC header follows. */
  novell: 0x0001,
  /** An LLC header follows. */
  llc: 0x0004,
  can: 0x000c,
  canFd: 0x000d,
} as const;

export const layout: readonly Field[] = [
  field("packetType", 0, 16, "sll.pkttype"),
  field("hardwareType", 16, 16, "sll.hatype"),
  field("addressLength", 32, 16, "sll.halen"),
  field("srcMac", 48, 48, "sll.src.eth", "mac"),
  field("addressRest", 96, 16, "", "hex"),
  field("protocol", 112, 16, "sll.etype", "hex"),
];

/** The header lies inside [at, end). After `ok`, every accessor below is safe. */
export function check(_view: DataView, at: number, end: number): Status {
  return end - at < HEADER_LENGTH ? Status.truncated : Status.ok;
}

/** See {@link PacketType}. */
export function packetType(view: DataView, at: number): number {
  return view.getUint16(at);
}

/** See {@link ArpHardware}. */
export function hardwareType(view: DataView, at: number): number {
  return view.getUint16(at + 2);
}

/** Bytes of the sender's address, of which at most 8 are here; 0 if the link has no addresses. */
export function addressLength(view: DataView, at: number): number {
  return view.getUint16(at + 4);
}

/** Sender's address as a 48-bit number, if `addressLength` is 6; otherwise the address' first six bytes. */
export function srcMac(view: DataView, at: number): number {
  return macAt(view, at + 6);
}

/** The last two bytes of the address field; padding behind a MAC address. */
export function addressRest(view: DataView, at: number): number {
  return view.getUint16(at + 12);
}

/** EtherType, or a number of {@link SllProtocol}, or one of the hardware type's own. */
export function protocol(view: DataView, at: number): number {
  return view.getUint16(at + 14);
}

/**
 * EtherType of what follows; below 0x0600 (and only then) if an LLC header follows, as behind Ethernet; -1 if the
 * payload is something else.
 */
export function etherType(view: DataView, at: number): number {
  return etherTypeOf(hardwareType(view, at), protocol(view, at));
}

/** {@link etherType} from the two fields that decide, shared with v2. */
export function etherTypeOf(hardware: number, number: number): number {
  if (hardware === ArpHardware.netlink || hardware === ArpHardware.frameRelay || hardware === ArpHardware.radiotap) {
    return -1;
  }
  return number >= MIN_ETHERTYPE || number === SllProtocol.llc ? number : -1;
}

export function setPacketType(view: DataView, at: number, type: number): void {
  view.setUint16(at, type);
}

export function setHardwareType(view: DataView, at: number, type: number): void {
  view.setUint16(at + 2, type);
}

export function setAddressLength(view: DataView, at: number, bytes: number): void {
  view.setUint16(at + 4, bytes);
}

/** Leaves the last two bytes of the address field as they are. */
export function setSrcMac(view: DataView, at: number, mac: number): void {
  setMacAt(view, at + 6, mac);
}

export function setAddressRest(view: DataView, at: number, value: number): void {
  view.setUint16(at + 12, value);
}

export function setProtocol(view: DataView, at: number, type: number): void {
  view.setUint16(at + 14, type);
}

export function payloadStart(_view: DataView, at: number): number {
  return at + HEADER_LENGTH;
}

/** The layer inside knows its length. */
export function payloadEnd(_view: DataView, _at: number, end: number): number {
  return end;
}

export interface LinuxSll {
  readonly packetType: number;
  readonly hardwareType: number;
  readonly addressLength: number;
  readonly srcMac: number;
  readonly addressRest: number;
  readonly protocol: number;
}

/** Plain value of a checked header. */
export function plain(view: DataView, at: number): LinuxSll {
  return {
    packetType: packetType(view, at),
    hardwareType: hardwareType(view, at),
    addressLength: addressLength(view, at),
    srcMac: srcMac(view, at),
    addressRest: addressRest(view, at),
    protocol: protocol(view, at),
  };
}

export function decode(bytes: Uint8Array): Result<LinuxSll> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const status = check(view, 0, bytes.length);
  return status === Status.ok ? ok(plain(view, 0)) : fail(status, "linuxSll", 0, HEADER_LENGTH, bytes.length);
}

/** What `encode` takes: an Ethernet frame to this host unless the rest says otherwise. */
export interface LinuxSllInit extends Partial<LinuxSll> {
  readonly srcMac: number;
  readonly protocol: number;
}

/** Header and payload in a new array. The address length counts bytes of another header, so it is written as given. */
export function encode(
  sll: LinuxSllInit,
  payload: Uint8Array = new Uint8Array(),
  _options: EncodeOptions = {},
): Uint8Array {
  requireBits("linuxSll packetType", sll.packetType ?? 0, 16);
  requireBits("linuxSll hardwareType", sll.hardwareType ?? 0, 16);
  requireBits("linuxSll addressLength", sll.addressLength ?? 0, 16);
  requireBits("linuxSll srcMac", sll.srcMac, 48);
  requireBits("linuxSll addressRest", sll.addressRest ?? 0, 16);
  requireBits("linuxSll protocol", sll.protocol, 16);
  const bytes = new Uint8Array(HEADER_LENGTH + payload.length);
  const view = new DataView(bytes.buffer);
  setPacketType(view, 0, sll.packetType ?? PacketType.host);
  setHardwareType(view, 0, sll.hardwareType ?? ArpHardware.ethernet);
  setAddressLength(view, 0, sll.addressLength ?? 6);
  setSrcMac(view, 0, sll.srcMac);
  setAddressRest(view, 0, sll.addressRest ?? 0);
  setProtocol(view, 0, sll.protocol);
  bytes.set(payload, HEADER_LENGTH);
  return bytes;
}

/** Words for {@link PacketType}, shared with v2. */
const PACKET_TYPE_NAMES: readonly string[] = ["in", "broadcast", "multicast", "to another host", "out"];

/** `in from 02:42:0a:00:09:03`, `out`: the second where the link has no addresses. */
export function format(view: DataView, at: number): string {
  return formatCooked(packetType(view, at), addressLength(view, at), srcMac(view, at));
}

/** {@link format} from the fields that matter, shared with v2. */
export function formatCooked(type: number, length: number, mac: number): string {
  const direction = PACKET_TYPE_NAMES[type] ?? `packet type ${type}`;
  return length === 6 ? `${direction} from ${formatMac(mac)}` : direction;
}
