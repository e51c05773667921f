/**
 * Headers written field by field with smart-buffer, and the checksum by RFC 1071's own example loop. Nothing of the
 * codec is used here: these bytes are what its reading is compared with.
 */
import { SmartBuffer } from "smart-buffer";

/** Numbers as [value, bytes]; bytes and text as they are. */
export type Part = readonly [value: number, bytes: 1 | 2 | 3 | 4] | Uint8Array | string;

/** One part after the other, numbers big-endian. */
export function bytesOf(...parts: readonly Part[]): Uint8Array {
  const out = new SmartBuffer();
  for (const part of parts) {
    if (typeof part === "string") out.writeString(part, "latin1");
    else if (part instanceof Uint8Array) out.writeBuffer(Buffer.from(part));
    else if (part[1] === 1) out.writeUInt8(part[0]);
    else if (part[1] === 2) out.writeUInt16BE(part[0]);
    else if (part[1] === 3) out.writeUInt8(part[0] >> 16).writeUInt16BE(part[0] & 0xffff);
    else out.writeUInt32BE(part[0]);
  }
  return Uint8Array.from(out.toBuffer());
}

/** `"0242 0a00"` as bytes. */
export function hex(digits: string): Uint8Array {
  return Uint8Array.from(Buffer.from(digits.replaceAll(" ", ""), "hex"));
}

/** RFC 1071 §4.1, word by word. */
export function checksumOf(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes[at]! * 256 + (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum % 0x10000) + Math.floor(sum / 0x10000);
  return 0xffff - sum;
}

/** Puts `value` into two bytes at `at`. */
function patched(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = value >> 8;
  copy[at + 1] = value & 0xff;
  return copy;
}

export const A_MAC: Uint8Array = hex("02420a000903");
export const B_MAC: Uint8Array = hex("02420a000905");
export const A_IP: Uint8Array = hex("0a000903");
export const B_IP: Uint8Array = hex("0a000905");
export const A_IP6: Uint8Array = hex("fd09 0001 0000 0000 0000 0000 0000 0001");
export const B_IP6: Uint8Array = hex("fd09 0002 0000 0000 0000 0000 0000 0002");

export function ethernet(type: number, payload: Uint8Array): Uint8Array {
  return bytesOf(B_MAC, A_MAC, [type, 2], payload);
}

export function tag(control: number, type: number, payload: Uint8Array): Uint8Array {
  return bytesOf([control, 2], [type, 2], payload);
}

export interface Ip4 {
  readonly tos?: number;
  readonly totalLength?: number;
  readonly identification?: number;
  /** The 16 bits of flags and offset. */
  readonly fragment?: number;
  readonly ttl?: number;
  readonly options?: Uint8Array;
}

/** Options must be a multiple of four bytes. */
export function ip4(protocol: number, payload: Uint8Array, ip: Ip4 = {}): Uint8Array {
  const options = ip.options ?? new Uint8Array();
  const header = bytesOf(
    [0x40 + 5 + options.length / 4, 1],
    [ip.tos ?? 0, 1],
    [ip.totalLength ?? 20 + options.length + payload.length, 2],
    [ip.identification ?? 0xa201, 2],
    [ip.fragment ?? 0x4000, 2],
    [ip.ttl ?? 64, 1],
    [protocol, 1],
    [0, 2],
    A_IP,
    B_IP,
    options,
  );
  return bytesOf(patched(header, 10, checksumOf(header)), payload);
}

export function ip6(nextHeader: number, payload: Uint8Array, payloadLength: number = payload.length): Uint8Array {
  return bytesOf([0x6b812345, 4], [payloadLength, 2], [nextHeader, 1], [255, 1], A_IP6, B_IP6, payload);
}

function pseudo4(protocol: number, segment: Uint8Array): Uint8Array {
  return bytesOf(A_IP, B_IP, [protocol, 2], [segment.length, 2], segment);
}

export function pseudo6(protocol: number, segment: Uint8Array): Uint8Array {
  return bytesOf(A_IP6, B_IP6, [segment.length, 4], [protocol, 4], segment);
}

/** With the checksum that IPv4 asks for. */
export function udp(srcPort: number, dstPort: number, payload: Uint8Array): Uint8Array {
  const datagram = bytesOf([srcPort, 2], [dstPort, 2], [8 + payload.length, 2], [0, 2], payload);
  return patched(datagram, 6, checksumOf(pseudo4(17, datagram)));
}

export function udp6(srcPort: number, dstPort: number, payload: Uint8Array): Uint8Array {
  const datagram = bytesOf([srcPort, 2], [dstPort, 2], [8 + payload.length, 2], [0, 2], payload);
  return patched(datagram, 6, checksumOf(pseudo6(17, datagram)));
}

/** `flags` are the 16 bits of data offset, reserved bits and flags. Options must be a multiple of four bytes. */
export function tcp(flags: number, options: Uint8Array, payload: Uint8Array = new Uint8Array()): Uint8Array {
  const words = 5 + options.length / 4;
  const segment = bytesOf(
    [50000, 2],
    [80, 2],
    [0xfffffffe, 4],
    [0x80000001, 4],
    [(words << 12) | flags, 2],
    [0xfaf0, 2],
    [0, 2],
    [7, 2],
    options,
    payload,
  );
  return patched(segment, 16, checksumOf(pseudo4(6, segment)));
}

/** CRC32c, bit by bit, with the checksum's four bytes as zeros; its own bytes go the other way round. */
export function sctp(tag: number, chunks: Uint8Array): Uint8Array {
  const packet = bytesOf([40001, 2], [9000, 2], [tag, 4], [0, 4], chunks);
  let crc = 0xffffffff;
  for (const byte of packet) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  new DataView(packet.buffer, packet.byteOffset).setUint32(8, ~crc >>> 0, true);
  return packet;
}

/** ICMP or IGMP: any message whose checksum stands at byte 2 and covers it alone. */
export function message(type: number, code: number, rest: Uint8Array): Uint8Array {
  const whole = bytesOf([type, 1], [code, 1], [0, 2], rest);
  return patched(whole, 2, checksumOf(whole));
}

export function message6(type: number, code: number, rest: Uint8Array): Uint8Array {
  const whole = bytesOf([type, 1], [code, 1], [0, 2], rest);
  return patched(whole, 2, checksumOf(pseudo6(58, whole)));
}

export function vxlan(first: number, second: number, inner: Uint8Array): Uint8Array {
  return bytesOf([first, 4], [second, 4], inner);
}

/** ARP for IPv4 over Ethernet. */
export function arp(operation: number): Uint8Array {
  return bytesOf([1, 2], [0x0800, 2], [6, 1], [4, 1], [operation, 2], A_MAC, A_IP, new Uint8Array(6), B_IP);
}

/** Zeros up to the shortest Ethernet frame without its check sequence. */
export function padded(frame: Uint8Array, filler: number = 0): Uint8Array {
  return bytesOf(frame, new Uint8Array(Math.max(0, 60 - frame.length)).fill(filler));
}

/** `www.example` as DNS labels, the root included. */
export function name(text: string): Uint8Array {
  return bytesOf(...text.split(".").flatMap((label) => [[label.length, 1] as const, label]), [0, 1]);
}
